//! The streams of a venue without a network: commands in, messages out, and messages as text.

use ringside_core::recovery::replay::{Replay, Shape};
use ringside_core::registry::names::Names;
use ringside_core::streams::{Projections, SessionStates, StreamId, StreamSink};
use ringside_engine::Engine;
use ringside_model::command::{
    Action, ClientFields, Command, DefineFirm, DefineSession, DefineSymbol, Enter, Replace,
};
use ringside_model::domain::{
    FirmId, Name, Nanos, OrderId, Price, Quantity, Role, SeqNo, SessionId, Side, SymbolId, Tick,
};
use ringside_model::frame::Frame;
use ringside_model::reason::Reason;
use ringside_wire::itch::Itch;
use ringside_wire::ouch::Response;
use std::collections::{HashMap, HashSet};

/// Nanoseconds in a day.
const DAY_NS: u64 = 86_400_000_000_000;

/// Messages by stream. Each message must carry the time of the present command.
#[derive(Default)]
pub struct Kept {
    messages: HashMap<StreamId, Vec<Vec<u8>>>,
    /// Streams of drop copies, whose messages begin with the name of a session.
    drop_copies: HashSet<StreamId>,
    /// Official time of the present command.
    time: u64,
}

impl StreamSink for Kept {
    fn append(&mut self, stream: StreamId, message: &[u8]) {
        let length = usize::from(u16::from_be_bytes([message[0], message[1]]));
        assert_eq!(length, message.len() - 2, "a message has its length in front");
        let message = &message[2..];
        self.check_time(stream, message);
        self.messages.entry(stream).or_default().push(message.to_vec());
    }
}

impl Kept {
    fn check_time(&self, stream: StreamId, message: &[u8]) {
        let ns_since_midnight = (self.time % DAY_NS).to_be_bytes();
        let (found, expected) = match stream {
            StreamId::MARKET_DATA => (&message[5..11], &ns_since_midnight[2..]),
            StreamId::OPERATOR => {
                let (line, ts) = (text(message), format!("\"ts\":{},", self.time));
                return assert!(line.contains(&ts), "{ts} is not in {line}");
            }
            copy if self.drop_copies.contains(&copy) => (&message[8..16], &ns_since_midnight[..]),
            _ => (&message[2..10], &ns_since_midnight[..]),
        };
        assert_eq!(found, expected, "time stamp of {message:?} in {stream:?}");
    }
}

/// Official time between two commands in ns: odd, so that a lost digit of a timestamp is noticed.
pub const COMMAND_NS: u64 = 1_001;

/// A venue and the messages that it has published since the last call of `take`.
pub struct Streams {
    replay: Replay<Projections<Kept>>,
    seqno: u64,
    /// Time that has passed beside the commands, in ns.
    waited: u64,
}

impl Streams {
    pub fn new() -> Self {
        let projections =
            Projections::new(Kept::default(), SessionStates::new(64), Names::default());
        let shape = Shape { shards: 2, orders: 100 };
        Streams { replay: Replay::new(shape, projections), seqno: 0, waited: 0 }
    }

    pub fn command(&mut self, command: Command, fields: Option<ClientFields>) {
        self.seqno += 1;
        let mut frame = Frame::default();
        command.encode(&mut frame);
        if let Some(fields) = fields {
            fields.append_to(&mut frame);
        }
        let time = self.time();
        frame.seal(SeqNo(self.seqno), Nanos(time), 0);
        self.kept().time = time;
        self.replay.frame(&frame).unwrap();
        self.replay.flush();
    }

    /// Lets seconds pass before the next command.
    pub fn wait(&mut self, seconds: u64) {
        self.waited += seconds * 1_000_000_000;
    }

    pub fn apply_with(
        &mut self,
        session: u32,
        symbol: u32,
        verdict: Reason,
        action: Action,
        fields: Option<ClientFields>,
    ) {
        let (session, symbol) = (SessionId(session), SymbolId(symbol));
        self.command(Command { session, symbol, verdict, action }, fields);
    }

    /// Returns the official time of the last command.
    pub fn time(&self) -> u64 {
        COMMAND_NS * self.seqno + self.waited
    }

    /// Applies a command with the usual client fields.
    pub fn apply(&mut self, session: u32, symbol: u32, action: Action) {
        let fields = match action {
            Action::Enter(enter) => Some(fields(enter.id.0)),
            Action::Replace(Replace { new_id, .. }) => Some(fields(new_id.0)),
            _ => None,
        };
        self.apply_with(session, symbol, Reason::None, action, fields);
    }

    pub fn order(&mut self, session: u32, id: u64, side: Side, quantity: u64, price: i64) {
        let enter = Enter { firm: FirmId(session as u16), ..enter(id, side, quantity, price) };
        self.apply(session, 1, Action::Enter(enter));
    }

    pub fn replace(&mut self, session: u32, id: u64, new_id: u64, quantity: u64, price: i64) {
        let (id, new_id) = (OrderId(id), OrderId(new_id));
        let (quantity, price) = (Quantity(quantity), Price(price));
        self.apply(session, 1, Action::Replace(Replace { id, new_id, quantity, price }));
    }

    pub fn firm(&mut self, firm: u16, text: &str) {
        self.apply(0, 0, Action::from(DefineFirm { firm: FirmId(firm), name: name(text) }));
    }

    pub fn session(&mut self, session: u32, text: &str, firm: u16) {
        self.define_session(session, text, firm, Role::OrderEntry);
    }

    pub fn firm_drop_copy(&mut self, session: u32, text: &str, firm: u16) {
        self.define_session(session, text, firm, Role::FirmDropCopy);
    }

    pub fn venue_drop_copy(&mut self, session: u32, text: &str) {
        self.define_session(session, text, 0, Role::VenueDropCopy);
    }

    fn define_session(&mut self, session: u32, text: &str, firm: u16, role: Role) {
        let firm = FirmId(firm);
        if role != Role::OrderEntry {
            self.kept().drop_copies.insert(StreamId(session));
        }
        self.apply(session, 0, Action::from(DefineSession { name: name(text), firm, role }));
    }

    pub fn symbol(&mut self, symbol: u32, text: &str, tick: &str) {
        let definition = DefineSymbol {
            name: name(text),
            tick: Tick::parse(tick).unwrap(),
            lot: Quantity(1),
            collar_bps: 0,
            reference: Price(0),
        };
        self.apply(0, symbol, Action::from(definition));
    }

    /// Returns the engine of a symbol's shard.
    pub fn engine(&self, symbol: SymbolId) -> &Engine {
        let shards = &self.replay.shards;
        shards[symbol.shard(shards.len() as u32) as usize].engine()
    }

    pub fn states(&self) -> &SessionStates {
        self.replay.subscriber.states()
    }

    /// Takes the messages of a stream since the last call, without their length prefixes.
    pub fn take(&mut self, stream: StreamId) -> Vec<Vec<u8>> {
        self.kept().messages.remove(&stream).unwrap_or_default()
    }

    pub fn take_all(&mut self) {
        self.kept().messages.clear();
    }

    fn kept(&mut self) -> &mut Kept {
        self.replay.subscriber.encoder.sink_mut()
    }

    pub fn market(&mut self) -> Vec<String> {
        self.take(StreamId::MARKET_DATA).iter().map(|message| itch(message)).collect()
    }

    pub fn ouch(&mut self, session: u32) -> Vec<String> {
        let told = self.take(StreamId(session));
        told.iter().map(|packet| ouch(packet.strip_prefix(b"S").unwrap())).collect()
    }

    pub fn drop_copy(&mut self, session: u32) -> Vec<String> {
        let told = self.take(StreamId(session));
        let show = |packet: &Vec<u8>| {
            let (user, message) = packet.strip_prefix(b"S").unwrap().split_at(6);
            format!("{}{}", text(user), ouch(message))
        };
        told.iter().map(show).collect()
    }

    pub fn operator(&mut self) -> Vec<String> {
        let told = self.take(StreamId::OPERATOR);
        told.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
    }
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn enter(id: u64, side: Side, quantity: u64, price: i64) -> Enter {
    Enter { firm: FirmId(1), ..Enter::limit(OrderId(id), side, Quantity(quantity), Price(price)) }
}

pub fn fields(id: u64) -> ClientFields {
    let mut text = [b' '; 14];
    let order = format!("order {id}");
    text[..order.len()].copy_from_slice(order.as_bytes());
    let (tif, display, capacity, sweep, cross) = (b'0', b'Y', b'O', b'N', b'N');
    ClientFields { text, tif, display, capacity, sweep, cross, tag_bytes: 0, tags: [0; 44] }
}

fn text(field: &[u8]) -> &str {
    std::str::from_utf8(field).unwrap()
}

/// Formats an OUCH message as text.
pub fn ouch(message: &[u8]) -> String {
    let trimmed = |field: &[u8]| text(field).trim_end().to_string();
    let c = |byte: u8| byte as char;
    match Response::parse(message).unwrap() {
        Response::System(m, _) => format!("S {}", c(m.event_code)),
        Response::Accepted(m, _) => format!(
            "A {} {} {} {} {} #{} {} '{}'",
            m.user_ref_num,
            c(m.side),
            m.quantity,
            trimmed(&m.symbol),
            m.price,
            m.order_reference_number,
            c(m.order_state),
            trimmed(&m.cl_ord_id)
        ),
        Response::Replaced(m, _) => format!(
            "U {}>{} {} {} {} {} #{} {} '{}'",
            m.orig_user_ref_num,
            m.user_ref_num,
            c(m.side),
            m.quantity,
            trimmed(&m.symbol),
            m.price,
            m.order_reference_number,
            c(m.order_state),
            trimmed(&m.cl_ord_id)
        ),
        Response::Canceled(m, _) => {
            format!("C {} {} {}", m.user_ref_num, m.quantity, c(m.reason))
        }
        Response::AiqCanceled(m, _) => format!(
            "D {} {} {} prevented {} at {} {} {}",
            m.user_ref_num,
            m.decrement_shares,
            c(m.reason),
            m.quantity_prevented_from_trading,
            m.execution_price,
            c(m.liquidity_flag),
            c(m.aiq_strategy)
        ),
        Response::Executed(m, _) => format!(
            "E {} {} {} {} m{}",
            m.user_ref_num,
            m.quantity,
            m.price,
            c(m.liquidity_flag),
            m.match_number
        ),
        Response::BrokenTrade(m, _) => format!(
            "B {} m{} {} '{}'",
            m.user_ref_num,
            m.match_number,
            c(m.reason),
            trimmed(&m.cl_ord_id)
        ),
        Response::Rejected(m, _) => {
            format!("J {} {} '{}'", m.user_ref_num, m.reason, trimmed(&m.cl_ord_id))
        }
        Response::Modified(m, _) => format!("M {} {} {}", m.user_ref_num, c(m.side), m.quantity),
        Response::MassCancel(m, _) => {
            format!("X {} {} {}", m.user_ref_num, trimmed(&m.firm), trimmed(&m.symbol))
        }
        Response::Disable(m, _) => format!("G {}", m.user_ref_num),
        Response::Enable(m, _) => format!("K {}", m.user_ref_num),
        Response::PriorityUpdate(m, _) => format!(
            "T {} {} {} #{}",
            m.user_ref_num,
            m.price,
            c(m.display),
            m.order_reference_number
        ),
        Response::Query(m, _) => format!("Q {}", m.next_user_ref_num),
        Response::CancelReject(m, _) => format!("I {}", m.user_ref_num),
        other => format!("{other:?}"),
    }
}

/// Formats an ITCH message as text.
pub fn itch(message: &[u8]) -> String {
    let trimmed = |field: &[u8]| text(field).trim_end().to_string();
    let c = |byte: u8| byte as char;
    let parsed = Itch::parse(message).unwrap();
    let locate = parsed.header().stock_locate;
    match parsed {
        Itch::SystemEvent(m) => format!("S {}", c(m.event_code)),
        Itch::StockDirectory(m) => format!("R {locate} {}", trimmed(&m.stock)),
        Itch::StockTradingAction(m) => {
            format!("H {locate} {} {}", trimmed(&m.stock), c(m.trading_state))
        }
        Itch::RegShoRestriction(m) => {
            format!("Y {locate} {} {}", trimmed(&m.stock), c(m.reg_sho_action))
        }
        Itch::AddOrder(m) => format!(
            "A #{} {} {} {} {}",
            m.order_reference,
            c(m.side),
            m.shares,
            trimmed(&m.stock),
            m.price
        ),
        Itch::AddOrderAttributed(m) => format!(
            "F #{} {} {} {} {} {}",
            m.order_reference,
            c(m.side),
            m.shares,
            trimmed(&m.stock),
            m.price,
            trimmed(&m.attribution)
        ),
        Itch::OrderExecuted(m) => {
            format!("E #{} {} m{}", m.order_reference, m.executed_shares, m.match_number)
        }
        Itch::OrderCancel(m) => format!("X #{} {}", m.order_reference, m.cancelled_shares),
        Itch::OrderDelete(m) => format!("D #{}", m.order_reference),
        Itch::OrderReplace(m) => format!(
            "U #{}>#{} {} {}",
            m.original_order_reference, m.new_order_reference, m.shares, m.price
        ),
        Itch::OrderExecutedWithPrice(m) => format!(
            "C #{} {} {} m{} {}",
            m.order_reference,
            m.executed_shares,
            m.execution_price,
            m.match_number,
            c(m.printable)
        ),
        Itch::Trade(m) => format!(
            "P #{} {} {} {} {} m{}",
            m.order_reference,
            c(m.side),
            m.shares,
            trimmed(&m.stock),
            m.price,
            m.match_number
        ),
        Itch::CrossTrade(m) => format!(
            "Q {} {} {} {} m{}",
            c(m.cross_type),
            trimmed(&m.stock),
            m.shares,
            m.cross_price,
            m.match_number
        ),
        Itch::NetOrderImbalance(m) => {
            let prices = [m.far_price, m.near_price, m.current_reference_price];
            assert!(prices.iter().all(|price| *price == m.near_price), "{m:?}");
            format!(
                "I {} {} {} {} {} {}{}",
                c(m.cross_type),
                trimmed(&m.stock),
                m.paired_shares,
                m.near_price,
                c(m.imbalance_direction),
                m.imbalance_shares,
                c(m.price_variation)
            )
        }
        Itch::LuldAuctionCollar(m) => format!(
            "J {} {} {} {} {}",
            trimmed(&m.stock),
            m.reference_price,
            m.lower_price,
            m.upper_price,
            m.extension
        ),
        Itch::BrokenTrade(m) => format!("B m{}", m.match_number),
        other => format!("{other:?}"),
    }
}
