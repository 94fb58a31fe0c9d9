//! Engine beside a crowd of orders, and the measurement of one command.

use crate::contest::Sequencer;
use ringside_engine::Engine;
use ringside_model::command::{
    Action, Cancel, Command, DefineSymbol, Enter, EnterSpecial, MassCancel, Sequenced, SetState,
    SpecialTerms,
};
use ringside_model::domain::{
    FirmId, Name, OrderId, Price, Quantity, SessionId, Side, SymbolId, SymbolState, Tick,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Report, ReportSink};
use std::hint::black_box;
use std::time::Instant;

/// Number of orders of a timed group of plain orders.
const PLAIN: u64 = 64;
/// Number of searches after which the engine has sorted all orders of the searched session. Each
/// search sorts a part of them.
const SEARCHES: u64 = 128;

/// Session that owns the crowd.
pub const CROWD: SessionId = SessionId(1);
/// Session that sends the measured commands, and may own a part of the crowd.
pub const ACTOR: SessionId = SessionId(2);
/// Session that owns nothing.
pub const STRANGER: SessionId = SessionId(3);
/// Operator.
pub const OPERATOR: SessionId = SessionId(0);
/// Firm of the orders of the actor that have a self-trade mode.
pub const FIRM: FirmId = FirmId(2);
/// Symbol of the crowd.
pub const SYMBOL: SymbolId = SymbolId(1);
/// Symbol of the plain orders that are the unit of comparison.
pub const APART: SymbolId = SymbolId(100);
/// Symbol without orders.
pub const NOWHERE: SymbolId = SymbolId(101);
/// Price in the middle of the crowd.
pub const MIDDLE: i64 = 50_000;

/// Size of a measurement.
#[derive(Clone, Copy)]
pub struct Size {
    /// Part of the crowd that the venue has: a tenth of it with 10.
    pub scale: u64,
    /// True if the first command is measured alone, beside no plain order.
    pub once: bool,
}

impl Size {
    /// Returns the part of a crowd that the venue has.
    pub fn of(self, crowd: u64) -> u64 {
        crowd / self.scale
    }
}

/// Measured command.
pub struct Outcome {
    /// Median time of the command, in ns.
    pub ns: f64,
    /// Time of a plain order in the same venue, in ns.
    pub plain_ns: f64,
    /// Number of reports of each command.
    pub reports: u64,
    /// Number of levels, and of orders one by one, that the rules let the command look at.
    pub looks_at: u64,
}

/// Sink that counts the reports and writes each into the next slot of a ring, as the matcher does.
struct Counted {
    ring: Vec<Report>,
    count: usize,
}

impl ReportSink for Counted {
    #[inline(always)]
    fn report(&mut self, report: Report) {
        let slots = self.ring.len();
        self.ring[self.count % slots] = report;
        self.count += 1;
    }

    #[inline(always)]
    fn end_command(&mut self) {
        let slots = self.ring.len();
        self.ring[self.count.wrapping_sub(1) % slots].set_last();
    }
}

/// Engine with its sequencer.
pub struct Venue {
    engine: Engine,
    sequencer: Sequencer,
    sink: Counted,
    next_id: u64,
}

impl Venue {
    /// Creates a venue with the symbols and room for so many orders.
    pub fn new(orders: u64) -> Self {
        let sink = Counted { ring: vec![Report::BLANK; 4096], count: 0 };
        // Memory that no order has used yet would be fetched from the system by the command.
        let engine = Engine::new(orders as usize + 1000);
        let mut venue = Venue { engine, sequencer: Sequencer::default(), sink, next_id: 1 << 40 };
        venue.define(SYMBOL, "S");
        venue.define(APART, "APART");
        venue.define(NOWHERE, "NOWHERE");
        venue
    }

    /// Defines a symbol.
    pub fn define(&mut self, symbol: SymbolId, name: &str) {
        let name = Name::new(name).expect("a name");
        let cent = Tick::parse("0.01").expect("a tick size");
        let definition = DefineSymbol { reference: Price(MIDDLE), ..DefineSymbol::new(name, cent) };
        self.apply(OPERATOR, symbol, Action::from(definition));
    }

    /// Applies a command that is not measured.
    pub fn apply(&mut self, session: SessionId, symbol: SymbolId, action: Action) {
        let command = [self.number(session, symbol, action)];
        self.engine.apply_batch(&command, &mut self.sink);
    }

    /// Applies the measured command; returns its time in ns and the number of its reports.
    pub fn time(&mut self, session: SessionId, symbol: SymbolId, action: Action) -> (f64, u64) {
        let command = [self.number(session, symbol, action)];
        let before = self.sink.count;
        let start = Instant::now();
        counted(&mut self.engine, &command, &mut self.sink);
        let ns = start.elapsed().as_nanos() as f64;
        black_box(&self.sink.ring);
        (ns, (self.sink.count - before) as u64)
    }

    fn number(&mut self, session: SessionId, symbol: SymbolId, action: Action) -> Sequenced {
        self.sequencer.number(Command { session, symbol, verdict: Reason::None, action })
    }

    /// Enters an order of the crowd or of another session.
    pub fn enter(&mut self, session: SessionId, order: Enter) {
        self.apply(session, SYMBOL, Action::Enter(order));
    }

    /// Cancels an order.
    pub fn cancel(&mut self, session: SessionId, id: OrderId) {
        self.apply(session, SYMBOL, Action::Cancel(Cancel { id }));
    }

    /// Changes the state of the symbol of the crowd.
    pub fn set_state(&mut self, state: SymbolState) {
        self.apply(OPERATOR, SYMBOL, Action::from(SetState::to(state)));
    }

    /// Lets the engine sort the orders of the actor by their places, as a session that is searched
    /// again and again has them sorted.
    pub fn sort_orders_of_actor(&mut self) {
        let nowhere =
            MassCancel { session: Some(ACTOR), buy: Some(false), ..MassCancel::default() };
        for _ in 0..SEARCHES {
            self.apply(ACTOR, NOWHERE, Action::MassCancel(nowhere));
        }
    }

    /// Returns an id above all ids of the crowd.
    pub fn new_id(&mut self) -> OrderId {
        self.next_ids(1)
    }

    /// Returns the first of so many ids above all ids of the crowd.
    pub fn next_ids(&mut self, count: u64) -> OrderId {
        let first = self.next_id + 1;
        self.next_id += count;
        OrderId(first)
    }

    /// Returns the time of a plain order that rests, in ns: orders of a symbol of its own, so that
    /// no term of the crowd concerns them.
    fn plain_ns(&mut self) -> f64 {
        let group = |venue: &mut Venue| {
            let first = venue.next_ids(PLAIN).0;
            let enters: Vec<_> = (0..PLAIN)
                .map(|i| {
                    let order = limit(first + i, Side::Buy, 1, 100 + i as i64 % 8);
                    venue.number(ACTOR, APART, Action::Enter(order))
                })
                .collect();
            let start = Instant::now();
            venue.engine.apply_batch(&enters, &mut venue.sink);
            let ns = start.elapsed().as_nanos() as f64 / PLAIN as f64;
            for id in first..first + PLAIN {
                venue.apply(ACTOR, APART, Action::Cancel(Cancel { id: OrderId(id) }));
            }
            ns
        };
        median((0..31).map(|_| group(self)).collect())
    }

    /// Runs a command several times, or once, and checks that each run has `reports` reports.
    pub fn measure(
        &mut self,
        size: Size,
        (runs, reports, looks_at): (usize, u64, u64),
        mut command: impl FnMut(&mut Venue) -> (f64, u64),
    ) -> Outcome {
        let runs = if size.once { 1 } else { runs };
        let plain_ns = if size.once { f64::NAN } else { self.plain_ns() };
        let ns = (0..runs).map(|_| {
            let (ns, made) = command(self);
            assert_eq!(made, reports, "reports of the command");
            ns
        });
        Outcome { ns: median(ns.collect()), plain_ns, reports, looks_at }
    }
}

/// Applies the measured command. Callgrind finds the function by its name.
#[inline(never)]
fn counted(engine: &mut Engine, command: &[Sequenced], sink: &mut Counted) {
    engine.apply_batch(command, sink);
}

fn median(mut ns: Vec<f64>) -> f64 {
    ns.sort_by(f64::total_cmp);
    ns[ns.len() / 2]
}

/// Returns a limit order for the day.
pub fn limit(id: u64, side: Side, quantity: u64, price: i64) -> Enter {
    Enter::limit(OrderId(id), side, Quantity(quantity), Price(price))
}

/// Returns the command that enters an order with special terms.
pub fn special(order: Enter, terms: SpecialTerms) -> Action {
    Action::EnterSpecial(EnterSpecial { order, terms })
}

/// Fills both sides with plain orders of the crowd on 2 × 5,000 levels. One of `every` orders
/// belongs to the actor, and to its firm.
pub fn crowd(orders: u64, every: u64) -> Venue {
    let mut venue = Venue::new(orders);
    for id in 1..=orders {
        let (side, away) = (id % 2, (id / 2 % 5_000) as i64);
        let mut order = match side {
            0 => limit(id, Side::Sell, 10, MIDDLE + 1_000 + away),
            _ => limit(id, Side::Buy, 10, MIDDLE - 1_000 - away),
        };
        let session = if id % every == 0 { ACTOR } else { CROWD };
        order.firm = FirmId(session.0 as u16);
        venue.enter(session, order);
    }
    venue
}

/// Fills the offers with plain orders of the crowd on 5,000 levels.
pub fn offers(orders: u64) -> Venue {
    let mut venue = Venue::new(orders);
    for id in 1..=orders {
        venue.enter(CROWD, limit(id, Side::Sell, 10, MIDDLE + 1 + (id % 5_000) as i64));
    }
    venue
}
