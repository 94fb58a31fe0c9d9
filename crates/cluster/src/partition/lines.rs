//! Lines of JSON: the `import` lines that are kept beside the table, which a node of another
//! version may read, and the reports of the operator stream.

use super::desk::{DeskAnswer, DeskError, DeskEvent, MovedOrder};
use ringside_model::command::Enter;
use ringside_model::domain::{
    Capacity, MoveStep, Name, OrderId, PartitionId, PostOnly, Price, Quantity, SelfTrade, SeqNo,
    Side, TimeInForce,
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
/// same ones, but for the name of the id.
#[derive(Serialize, Deserialize)]
struct OrderFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    attributed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    firm: Option<String>,
    #[serde(alias = "id")]
    id_there: u64,
    #[serde(default = "import")]
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

fn import() -> String {
    "import".into()
}

impl MovedOrder {
    /// Returns the `import` line of the order.
    pub(super) fn line(&self) -> String {
        let MovedOrder { session, symbol, firm, price, terms } = self;
        let fields = OrderFields {
            attributed: terms.attributed.then_some(true),
            capacity: (terms.capacity != Capacity::Other).then(|| terms.capacity.name().into()),
            firm: firm.map(|firm| firm.to_string()),
            id_there: terms.id.0,
            op: import(),
            post_only: match terms.post_only {
                PostOnly::Off => None,
                PostOnly::Reject => Some(true.into()),
                PostOnly::Slide => Some(terms.post_only.name().into()),
            },
            price: price.clone(),
            qty: terms.quantity.0,
            session: session.to_string(),
            side: terms.side.name().into(),
            stp: (terms.self_trade != SelfTrade::None).then(|| terms.self_trade.name().into()),
            stp_group: Some(terms.group).filter(|&group| group != 0),
            symbol: symbol.to_string(),
            tif: terms.tif.name().into(),
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
    fn order(self) -> Option<MovedOrder> {
        let (side, tif) = (word(Side::ALL, Side::name, &self.side)?, self.tif.as_str());
        let mut terms = Enter::limit(OrderId(self.id_there), side, Quantity(self.qty), Price(0));
        terms.tif = word(TimeInForce::ALL, TimeInForce::name, tif)?;
        terms.post_only = match &self.post_only {
            None => PostOnly::Off,
            Some(Value::Bool(true)) => PostOnly::Reject,
            Some(said) => word(PostOnly::ALL, PostOnly::name, said.as_str()?)?,
        };
        if let Some(said) = &self.stp {
            terms.self_trade = word(SelfTrade::ALL, SelfTrade::name, said)?;
        }
        if let Some(said) = &self.capacity {
            terms.capacity = word(Capacity::ALL, Capacity::name, said)?;
        }
        terms.group = self.stp_group.unwrap_or(0);
        terms.attributed = self.attributed.unwrap_or(false);
        let firm = match &self.firm {
            Some(firm) => Some(Name::new(firm)?),
            None => None,
        };
        let (session, symbol) = (Name::new(&self.session)?, Name::new(&self.symbol)?);
        Some(MovedOrder { session, symbol, firm, price: self.price, terms })
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
            Some(ReportKind::Exported) => OrderFields::deserialize(&said)
                .ok()
                .and_then(OrderFields::order)
                .map(DeskEvent::Exported),
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
