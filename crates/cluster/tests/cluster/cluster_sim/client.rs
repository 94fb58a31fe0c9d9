//! Client: sends orders to the venue that trades, comes back with its unanswered orders, and
//! forgets nothing that it received.

use crate::cluster_sim::machine::Trading;
use crate::cluster_sim::told::{SharedTold, Told};
use ringside_core::streams::StreamId;
use ringside_load::rng::Rng;
use ringside_model::command::{
    Action, Cancel, ClientFields, Command, DefineFirm, DefineSession, DefineSymbol, Enter,
    TradingDay,
};
use ringside_model::domain::{
    DayEvent, FirmId, Name, OrderId, Price, Quantity, Role, SessionId, Side, SymbolId, Tick,
};
use ringside_model::reason::Reason;
use ringside_wire::ouch::Response;
use std::collections::BTreeMap;

/// Number of sessions that trade.
pub const SESSIONS: u32 = 3;
const SYMBOLS: u32 = 3;

pub struct Client {
    session: SessionId,
    next_id: u64,
    /// New orders without an answer, by id.
    open: BTreeMap<u64, Command>,
    /// All messages that the client received.
    pub heard: Vec<Vec<u8>>,
    /// Epoch of the leader to which the client is connected.
    with: Option<u64>,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn command(session: u32, symbol: u32, action: Action) -> Command {
    Command { session: SessionId(session), symbol: SymbolId(symbol), verdict: Reason::None, action }
}

/// Defines what a venue lacks. A new venue lacks everything, and one whose first leader was gone
/// soon lacks a part.
pub fn define(trading: &mut Trading) {
    let symbol = |number| {
        let definition = DefineSymbol {
            name: name(&format!("SYM{number}")),
            tick: Tick::parse("0.01").unwrap(),
            lot: Quantity(1),
            collar_bps: 0,
            reference: Price(0),
        };
        command(0, number, Action::from(definition))
    };
    let session = |number| {
        let name = name(&format!("S{number}"));
        command(
            number,
            0,
            Action::from(DefineSession { name, firm: FirmId(1), role: Role::OrderEntry }),
        )
    };
    let known = &trading.directory;
    let mut lacks = vec![];
    if known.names().firm(FirmId(1)).is_none() {
        let firm = Action::from(DefineFirm { firm: FirmId(1), name: name("FIRM") });
        lacks = vec![
            command(0, 0, Action::from(TradingDay { event: DayEvent::Start })),
            command(0, 0, firm),
        ];
    }
    let unknown = |number: &u32| known.names().session(SessionId(*number)).is_none();
    lacks.extend((1..=SESSIONS).filter(unknown).map(session));
    let unknown = |number: &u32| known.names().symbol(SymbolId(*number)).is_none();
    lacks.extend((1..=SYMBOLS).filter(unknown).map(symbol));
    lacks.into_iter().for_each(|command| take(trading, command, None));
}

/// Sends a command as the gateway does: the directory also knows the commands that are on their
/// way.
fn take(trading: &mut Trading, command: Command, fields: Option<ClientFields>) {
    trading.directory.observe(&command);
    trading.queue.lock().unwrap().push_back((command, fields));
}

fn fields() -> ClientFields {
    let (tif, display, capacity, sweep, cross) = (b'0', b'Y', b'O', b'N', b'N');
    ClientFields {
        text: [b' '; 14],
        tif,
        display,
        capacity,
        sweep,
        cross,
        tag_bytes: 0,
        tags: [0; 44],
    }
}

impl Client {
    pub fn new(session: u32) -> Self {
        let (open, heard) = (BTreeMap::new(), vec![]);
        Client { session: SessionId(session), next_id: 1, open, heard, with: None }
    }

    pub fn with(&self) -> Option<u64> {
        self.with
    }

    /// Returns the ids of the orders without an answer.
    pub fn unanswered(&self) -> impl Iterator<Item = u64> {
        self.open.keys().copied()
    }

    /// Logs in, and sends the unanswered orders again that the venue does not know. Fails if a
    /// message that the client received is different now.
    pub fn connect(&mut self, trading: &mut Trading, told: &SharedTold) -> Result<(), String> {
        self.with = Some(trading.epoch);
        let told = told.lock().unwrap();
        let theirs = told.streams.get(&self.stream()).map_or(&[][..], Vec::as_slice);
        if let Some(place) = self.heard.iter().zip(theirs).position(|(ours, theirs)| ours != theirs)
        {
            return Err(format!("message {} of {:?} has changed", place + 1, self.session));
        }
        drop(told);
        define(trading);
        let unknown =
            |id: &u64| trading.directory.order_symbol(self.session, OrderId(*id)).is_none();
        let again: Vec<Command> =
            self.open.iter().filter(|(id, _)| unknown(id)).map(|(_, command)| *command).collect();
        again.into_iter().for_each(|command| take(trading, command, Some(fields())));
        Ok(())
    }

    /// Receives the new messages, and sometimes sends a command.
    pub fn turn(&mut self, trading: &mut Trading, told: &SharedTold, sends: bool, rng: &mut Rng) {
        let told = told.lock().unwrap();
        if let Some(theirs) = told.streams.get(&self.stream()) {
            for message in theirs.iter().skip(self.heard.len()) {
                if let Some(packet) = message.strip_prefix(b"S")
                    && let Ok(Response::Accepted(accepted, _)) = Response::parse(packet)
                {
                    self.open.remove(&u64::from(accepted.user_ref_num.get()));
                }
                self.heard.push(message.clone());
            }
        }
        drop(told);
        // Orders go out in the order of their ids, so a used id shows that all ids before it are
        // used.
        if sends && self.open.len() < 20 && rng.chance(1, 3) {
            let command = match rng.chance(1, 4) && self.next_id > 2 {
                true => self.cancel(rng),
                false => self.enter(rng),
            };
            let fields = matches!(command.action, Action::Enter(_)).then(fields);
            take(trading, command, fields);
        }
    }

    /// Checks that the stream of a node begins with the messages that the client received. The node
    /// may have more by now.
    pub fn compare(&self, told: &Told) -> Result<(), String> {
        let theirs = told.streams.get(&self.stream()).map_or(&[][..], Vec::as_slice);
        match theirs.starts_with(&self.heard) {
            true => Ok(()),
            false => Err(format!("the stream of {:?} is another one", self.session)),
        }
    }

    fn enter(&mut self, rng: &mut Rng) -> Command {
        let id = self.next_id;
        self.next_id += 1;
        let price = Price(100 + rng.below(10) as i64);
        let quantity = Quantity(1 + rng.below(20));
        let side = if rng.chance(1, 2) { Side::Buy } else { Side::Sell };
        let enter = Enter { firm: FirmId(1), ..Enter::limit(OrderId(id), side, quantity, price) };
        let command = command(self.session.0, symbol_of(id), Action::Enter(enter));
        self.open.insert(id, command);
        command
    }

    fn cancel(&self, rng: &mut Rng) -> Command {
        let id = 1 + rng.below(self.next_id - 1);
        command(self.session.0, symbol_of(id), Action::Cancel(Cancel { id: OrderId(id) }))
    }

    fn stream(&self) -> StreamId {
        StreamId(self.session.0)
    }
}

fn symbol_of(id: u64) -> u32 {
    1 + id as u32 % SYMBOLS
}
