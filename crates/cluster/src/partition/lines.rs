//! Lines of JSON: the `import` lines that are kept beside the table, which a node of another
//! version may read, and the reports of the operator stream.

use super::desk::{DeskAnswer, DeskError, DeskEvent, MovedOrder};
use ringside_model::command::Enter;
use ringside_model::domain::{
    Capacity, FirmId, MoveStep, Name, OrderId, OrderType, PartitionId, PostOnly, Price, Quantity,
    SelfTrade, SeqNo, Side, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Moved, ReportKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Piece of an export: one `import` line for each order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExportPiece(pub Vec<String>);

/// Characters of a line that a message quotes, at most.
const QUOTED_MAX: usize = 200;

/// Returns the part of a line that a message quotes. A line of a coordinator may have a megabyte.
pub(super) fn beginning(line: &str) -> String {
    line.chars().take(QUOTED_MAX).collect()
}

/// Fields of an order in an `import` line, in the order of the line. A report `exported` has the
/// same ones, but for the name of the id, and those of its envelope. A field that this version does
/// not know is refused: the order would lose it on its way.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    attributed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    firm: Option<String>,
    id_there: u64,
    op: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_only: Option<Value>,
    price: String,
    qty: u64,
    session: String,
    side: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stp_group: Option<u16>,
    symbol: String,
    tif: String,
}

/// Fields of the report `exported` that are not those of its order. `order` is the number of the
/// order in the partition that it leaves.
const ENVELOPE: [&str; 6] = ["seq", "ix", "ts", "report", "order", "durability"];

fn import() -> String {
    "import".into()
}

impl MovedOrder {
    /// Returns the `import` line of the order.
    pub(super) fn line(&self) -> String {
        // Every attribute is named here and in `order`, so that none is forgotten. Price and firm
        // stand beside the terms, and only limit orders move.
        let MovedOrder { session, symbol, firm, price, terms } = self;
        let Enter {
            id,
            price: Price(_),
            quantity,
            firm: FirmId(_),
            group,
            side,
            order_type: _,
            tif,
            post_only,
            self_trade,
            capacity,
            attributed,
        } = *terms;
        let fields = OrderFields {
            attributed: attributed.then_some(true),
            capacity: (capacity != Capacity::Other).then(|| capacity.name().into()),
            firm: firm.map(|firm| firm.to_string()),
            id_there: id.0,
            op: import(),
            post_only: match post_only {
                PostOnly::Off => None,
                PostOnly::Reject => Some(true.into()),
                PostOnly::Slide => Some(post_only.name().into()),
            },
            price: price.clone(),
            qty: quantity.0,
            session: session.to_string(),
            side: side.name().into(),
            stp: (self_trade != SelfTrade::None).then(|| self_trade.name().into()),
            stp_group: Some(group).filter(|&group| group != 0),
            symbol: symbol.to_string(),
            tif: tif.name().into(),
        };
        let line = serde_json::to_string(&fields).expect("text and numbers become JSON");
        format!("{line}\n")
    }

    /// Reads an `import` line; `None` if it is none, or says more than this version understands.
    pub(super) fn read(line: &str) -> Option<MovedOrder> {
        let said: Value = serde_json::from_str(line).ok()?;
        let fields = OrderFields::deserialize(&said).ok()?;
        let is_all = serde_json::to_value(&fields).ok()? == said;
        if is_all && fields.op == import() { fields.order() } else { None }
    }
}

impl OrderFields {
    /// Reads the order of a report `exported`; `None` if the report has a field that this version
    /// does not know.
    fn exported(mut said: Value) -> Option<OrderFields> {
        let fields = said.as_object_mut()?;
        ENVELOPE.iter().for_each(|field| _ = fields.remove(*field));
        let id = fields.remove("id")?;
        // An `import` line has these fields, and no report has them.
        let is_twice = fields.insert("id_there".into(), id).is_some()
            || fields.insert("op".into(), import().into()).is_some();
        if is_twice { None } else { OrderFields::deserialize(said).ok() }
    }

    fn order(self) -> Option<MovedOrder> {
        let OrderFields {
            attributed,
            capacity,
            firm,
            id_there,
            op: _,
            post_only,
            price,
            qty,
            session,
            side,
            stp,
            stp_group,
            symbol,
            tif,
        } = self;
        let terms = Enter {
            id: OrderId(id_there),
            price: Price(0),
            quantity: Quantity(qty),
            firm: FirmId(0),
            group: stp_group.unwrap_or(0),
            side: word(Side::ALL, Side::name, &side)?,
            order_type: OrderType::Limit,
            tif: word(TimeInForce::ALL, TimeInForce::name, &tif)?,
            post_only: match &post_only {
                None => PostOnly::Off,
                Some(Value::Bool(true)) => PostOnly::Reject,
                Some(said) => word(PostOnly::ALL, PostOnly::name, said.as_str()?)?,
            },
            self_trade: match &stp {
                None => SelfTrade::None,
                Some(said) => word(SelfTrade::ALL, SelfTrade::name, said)?,
            },
            capacity: match &capacity {
                None => Capacity::Other,
                Some(said) => word(Capacity::ALL, Capacity::name, said)?,
            },
            attributed: attributed.unwrap_or(false),
        };
        let firm = match &firm {
            Some(firm) => Some(Name::new(firm)?),
            None => None,
        };
        let (session, symbol) = (Name::new(&session)?, Name::new(&symbol)?);
        Some(MovedOrder { session, symbol, firm, price, terms })
    }
}

impl DeskAnswer {
    /// Reads a line of the operator stream; `None` if it does not matter to a mover.
    pub fn read(line: &[u8]) -> Result<Option<DeskAnswer>, DeskError> {
        let malformed = || DeskError::Malformed(beginning(&String::from_utf8_lossy(line)));
        let said: Value = serde_json::from_slice(line).map_err(|_| malformed())?;
        let kind = ReportKind::ALL.iter().find(|kind| said["report"] == kind.name());
        let Some(symbol) = said["symbol"].as_str().and_then(Name::new) else { return Ok(None) };
        let event = match kind {
            Some(ReportKind::SymbolMoved) => taken(&said),
            Some(ReportKind::Exported) => {
                OrderFields::exported(said).and_then(OrderFields::order).map(DeskEvent::Exported)
            }
            Some(ReportKind::Held) => Some(DeskEvent::Held),
            Some(ReportKind::Rejected) => rejected(&said),
            _ => return Ok(None),
        };
        Ok(Some(DeskAnswer { symbol, event: event.ok_or_else(malformed)? }))
    }
}

fn taken(said: &Value) -> Option<DeskEvent> {
    let (seqno, orders) = (SeqNo(said["seq"].as_u64()?), said["count"].as_u64()?);
    Some(DeskEvent::Moved { moved: moved(said)?, seqno, orders })
}

fn rejected(said: &Value) -> Option<DeskEvent> {
    let reason = word(Reason::ALL, Reason::name, said["reason"].as_str()?)?;
    let state = moved(said);
    // The rejected import of an order has an id, and says nothing about a symbol that is traded.
    let tells = reason == Reason::InvalidMove && (state.is_some() || said["id"] == 0);
    Some(if tells { DeskEvent::OutOfStep(state) } else { DeskEvent::Rejected(reason) })
}

fn moved(said: &Value) -> Option<Moved> {
    let step = word(MoveStep::ALL, MoveStep::name, said["step"].as_str()?)?;
    let partition = PartitionId(u16::try_from(said["partition"].as_u64()?).ok()?);
    let version = u32::try_from(said["version"].as_u64()?).ok()?;
    Some(Moved { step, partition, version })
}

fn word<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, said: &str) -> Option<T> {
    all.iter().copied().find(|value| name(*value) == said)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RARE: &str = concat!(
        r#"{"seq":9,"ix":1,"ts":5,"report":"exported","session":"S","id":7,"order":3,"symbol":"A","#,
        r#""side":"short","tif":"gtc","qty":20,"price":"1.50","post_only":"slide","#,
        r#""stp":"cancel_both","stp_group":4,"firm":"F","capacity":"agency","attributed":true,"#,
        r#""durability":"fsync"}"#
    );
    const PLAIN: &str = concat!(
        r#"{"seq":9,"ix":1,"ts":5,"report":"exported","session":"S","id":7,"order":3,"symbol":"A","#,
        r#""side":"buy","tif":"day","qty":20,"price":"2","post_only":true,"durability":"fsync"}"#
    );

    #[test]
    fn an_exported_order_becomes_a_line_of_this_text() {
        let expected = [
            concat!(
                r#"{"attributed":true,"capacity":"agency","firm":"F","id_there":7,"op":"import","#,
                r#""post_only":"slide","price":"1.50","qty":20,"session":"S","side":"short","#,
                r#""stp":"cancel_both","stp_group":4,"symbol":"A","tif":"gtc"}"#,
                "\n"
            ),
            concat!(
                r#"{"id_there":7,"op":"import","post_only":true,"price":"2","qty":20,"#,
                r#""session":"S","side":"buy","symbol":"A","tif":"day"}"#,
                "\n"
            ),
        ];
        for (report, expected) in [RARE, PLAIN].into_iter().zip(expected) {
            let DeskAnswer { event, .. } = DeskAnswer::read(report.as_bytes()).unwrap().unwrap();
            let DeskEvent::Exported(order) = event else { panic!("{event:?}") };
            assert_eq!(order.line(), expected);
            assert_eq!(MovedOrder::read(expected), Some(order));
        }
    }

    #[test]
    fn a_line_that_says_more_is_not_read() {
        let line = r#"{"id_there":7,"op":"import","price":"2","qty":20,"session":"S","side":"buy","symbol":"A","tif":"day"}"#;
        assert!(MovedOrder::read(line).is_some());
        for (from, to) in [
            (r#""qty":20"#, r#""qty":20,"hidden":true"#),
            (r#""qty":20"#, r#""qty":"20""#),
            (r#""op":"import""#, r#""op":"enter""#),
            (r#""side":"buy""#, r#""side":"both""#),
        ] {
            assert_eq!(MovedOrder::read(&line.replace(from, to)), None, "{to}");
        }
    }

    #[test]
    fn an_exported_order_with_an_attribute_of_another_version_is_not_read() {
        for more in [r#""hidden":true"#, r#""id_there":7"#, r#""op":"import""#] {
            let line = PLAIN.replace(r#""qty":20"#, &format!(r#""qty":20,{more}"#));
            let read = DeskAnswer::read(line.as_bytes());
            assert!(matches!(read, Err(DeskError::Malformed(_))), "{more}: {read:?}");
        }
    }

    #[test]
    fn a_malformed_line_is_quoted_by_its_beginning() {
        let line = "ä".repeat(30_000);
        let error = DeskAnswer::read(line.as_bytes()).unwrap_err().to_string();
        let expected = format!("the operator stream has a malformed line: {:?}", "ä".repeat(200));
        assert_eq!(error, expected);
    }

    #[test]
    fn a_rejected_step_tells_the_state_of_its_symbol() {
        let event =
            |line: &str| DeskAnswer::read(line.as_bytes()).unwrap().map(|answer| answer.event);
        let halted = Moved { step: MoveStep::Halt, partition: PartitionId(2), version: 5 };
        for (line, expected) in [
            (
                r#"{"report":"rejected","id":0,"symbol":"A","reason":"invalid_move","step":"halt","partition":2,"version":5}"#,
                Some(DeskEvent::OutOfStep(Some(halted))),
            ),
            (
                r#"{"report":"rejected","id":0,"symbol":"A","reason":"invalid_move"}"#,
                Some(DeskEvent::OutOfStep(None)),
            ),
            (
                r#"{"report":"rejected","id":8,"symbol":"A","reason":"invalid_move"}"#,
                Some(DeskEvent::Rejected(Reason::InvalidMove)),
            ),
            (
                r#"{"report":"rejected","id":0,"symbol":"A","reason":"closed"}"#,
                Some(DeskEvent::Rejected(Reason::Closed)),
            ),
            (r#"{"report":"state_changed","symbol":"A","state":"open"}"#, None),
        ] {
            assert_eq!(event(line), expected, "{line}");
        }
        assert!(matches!(DeskAnswer::read(b"{"), Err(DeskError::Malformed(_))));
    }
}
