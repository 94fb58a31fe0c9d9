//! The dearest command of each kind: the engine beside books that make the command as dear as
//! possible.
//!
//! `cargo bench --bench worst -- [--only TEXT] [--quick]`. A command may take 300 ns for each of
//! its reports, and a little for each level or order that the rules let it look at. Each row fills
//! a venue, applies its command several times, and prints the median. A row beyond its bound, or
//! with an unexpected number of reports, ends the run with exit code 1.

#[expect(dead_code, reason = "no flow is run here")]
#[path = "contest.rs"]
mod contest;

use contest::Sequencer;
use ringside_engine::Engine;
use ringside_model::command::{
    Action, Cancel, Command, DefineSymbol, Display, Enter, EnterIceberg, EnterSpecial, EnterStop,
    MassCancel, Sequenced, SetQuote, SetState, SpecialTerms,
};
use ringside_model::domain::{
    FirmId, Name, OrderId, OrderType, Peg, Price, Quantity, SelfTrade, SessionId, Side, SymbolId,
    SymbolState, Tick, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Report, ReportSink};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

/// Bound for each report, in ns.
const REPORT_NS_MAX: f64 = 300.0;
/// Bound for each level that the rules let a command look at, in ns.
const LEVEL_NS_MAX: f64 = 30.0;
/// Number of orders of a timed group of plain orders.
const PLAIN: u64 = 64;

/// Session that owns the crowd, session that acts, and session that owns nothing.
const CROWD: SessionId = SessionId(1);
const ACTOR: SessionId = SessionId(2);
const STRANGER: SessionId = SessionId(3);
/// Symbol of the crowd, and symbol of the plain orders that are the unit of comparison.
const SYMBOL: SymbolId = SymbolId(1);
const APART: SymbolId = SymbolId(100);
const MIDDLE: i64 = 50_000;

fn main() -> ExitCode {
    let (mut quick, mut only) = (false, String::new());
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        match (flag.as_str(), args.len()) {
            ("--quick", _) => quick = true,
            ("--only", 1..) => only = args.next().unwrap_or_default(),
            // Cargo passes this flag to every benchmark.
            ("--bench", _) => {}
            _ => {
                eprintln!("unknown option {flag:?}");
                return ExitCode::from(2);
            }
        }
    }
    contest::pin();
    println!(
        "| command | ns | reports | ns a report | × plain order | looks at | bound ns | verdict |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---|");
    let scale = if quick { 10 } else { 1 };
    let rows = ROWS.iter().filter(|row| row.what.contains(&only));
    let missed = rows.filter(|row| !row.measure(scale)).count();
    if missed == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("{missed} rows are beyond their bound");
    ExitCode::FAILURE
}

/// One kind of command.
struct Row {
    what: &'static str,
    /// Fills a venue, a tenth of it with a scale of 10, and returns the measurement.
    run: fn(u64) -> Outcome,
}

/// Measured command.
struct Outcome {
    ns: f64,
    /// Time of a plain order in the same venue, in ns.
    plain_ns: f64,
    reports: u64,
    /// Number of levels, and of orders one by one, that the rules let the command look at.
    looks_at: u64,
}

impl Row {
    /// Measures and prints the row; returns true if the command keeps its bound.
    fn measure(&self, scale: u64) -> bool {
        let Outcome { ns, plain_ns, reports, looks_at } = (self.run)(scale);
        let bound = REPORT_NS_MAX * reports as f64 + LEVEL_NS_MAX * looks_at as f64;
        let is_met = ns <= bound;
        println!(
            "| {} | {ns:.0} | {reports} | {:.0} | {:.1} | {looks_at} | {bound:.0} | {} |",
            self.what,
            ns / reports as f64,
            ns / plain_ns,
            if is_met { "met" } else { "MISSED" },
        );
        is_met
    }
}

const ROWS: &[Row] = &[
    Row { what: "mass cancel: session without orders, 10^6 others", run: cancel_none },
    Row { what: "mass cancel: 10^4 orders among 10^6", run: |scale| cancel_some(scale, true) },
    Row { what: "mass cancel: firm with 10^4 orders among 10^6", run: |s| cancel_some(s, false) },
    Row { what: "mass cancel: 10^5 orders have come and gone", run: cancel_gone },
    Row { what: "mass cancel: one order of 500 is left of 10^5", run: cancel_remnant },
    Row { what: "FOK larger than a book of 10^5", run: |s| fok(100_000 / s, SelfTrade::None) },
    Row { what: "FOK larger than a book of 10^6", run: |s| fok(1_000_000 / s, SelfTrade::None) },
    Row {
        what: "FOK with a self-trade mode, book of 10^6",
        run: |scale| fok(1_000_000 / scale, SelfTrade::CancelNewest),
    },
    Row { what: "FOK larger than 10^5 icebergs", run: fok_beside_icebergs },
    Row { what: "IOC with a minimum larger than a book of 10^6", run: ioc_with_minimum },
    Row { what: "one lot beside 10^5 minimums, one level", run: |scale| minimums(scale, 1) },
    Row { what: "one lot beside 10^5 minimums, 5,000 levels", run: |scale| minimums(scale, 5_000) },
    Row { what: "FOK beside 10^5 minimums", run: fok_beside_minimums },
    Row { what: "order in a call with 2 × 16,000 crossed levels", run: crossed_call },
    Row { what: "order in a call beside 10^5 icebergs", run: call_beside_icebergs },
    Row { what: "cancel of one of 10^4 ids chosen to collide", run: colliding_ids },
    Row { what: "quote over 10^5 pegs", run: quote_over_pegs },
    Row { what: "sweep of 10^5 orders", run: sweep },
    Row { what: "trade that reaches 10^4 stops", run: stops },
];

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
struct Venue {
    engine: Engine,
    sequencer: Sequencer,
    sink: Counted,
    next_id: u64,
}

impl Venue {
    /// Creates a venue with the two symbols and room for so many orders.
    fn new(orders: u64) -> Self {
        let sink = Counted { ring: vec![Report::BLANK; 4096], count: 0 };
        // Memory that no order has used yet would be fetched from the system by the command.
        let engine = Engine::new(orders as usize + 1000);
        let mut venue = Venue { engine, sequencer: Sequencer::default(), sink, next_id: 1 << 40 };
        venue.define(SYMBOL, "S");
        venue.define(APART, "APART");
        venue
    }

    fn define(&mut self, symbol: SymbolId, name: &str) {
        let name = Name::new(name).expect("a name");
        let cent = Tick::parse("0.01").expect("a tick size");
        let definition = DefineSymbol { reference: Price(MIDDLE), ..DefineSymbol::new(name, cent) };
        self.apply(SessionId(0), symbol, Action::from(definition));
    }

    /// Applies a command; returns its time in ns and the number of its reports.
    fn apply(&mut self, session: SessionId, symbol: SymbolId, action: Action) -> (f64, u64) {
        let command = [self.number(session, symbol, action)];
        let before = self.sink.count;
        let start = Instant::now();
        self.engine.apply_batch(&command, &mut self.sink);
        let ns = start.elapsed().as_nanos() as f64;
        black_box(&self.sink.ring);
        (ns, (self.sink.count - before) as u64)
    }

    fn number(&mut self, session: SessionId, symbol: SymbolId, action: Action) -> Sequenced {
        self.sequencer.number(Command { session, symbol, verdict: Reason::None, action })
    }

    /// Enters an order of the crowd or of another session.
    fn enter(&mut self, session: SessionId, order: Enter) {
        self.apply(session, SYMBOL, Action::Enter(order));
    }

    fn cancel(&mut self, session: SessionId, id: OrderId) -> (f64, u64) {
        self.apply(session, SYMBOL, Action::Cancel(Cancel { id }))
    }

    /// Returns an id above all ids of the crowd.
    fn new_id(&mut self) -> OrderId {
        self.next_id += 1;
        OrderId(self.next_id)
    }

    /// Returns the time of a plain order that rests, in ns: orders of a symbol of its own, so that
    /// no term of the crowd concerns them.
    fn plain_ns(&mut self) -> f64 {
        let group = |venue: &mut Venue| {
            let enters: Vec<_> = (0..PLAIN)
                .map(|i| {
                    let order = limit(venue.new_id().0, Side::Buy, 1, 100 + i as i64 % 8);
                    venue.number(ACTOR, APART, Action::Enter(order))
                })
                .collect();
            let start = Instant::now();
            venue.engine.apply_batch(&enters, &mut venue.sink);
            let ns = start.elapsed().as_nanos() as f64 / PLAIN as f64;
            for i in 0..PLAIN {
                let id = OrderId(venue.next_id - i);
                venue.apply(ACTOR, APART, Action::Cancel(Cancel { id }));
            }
            ns
        };
        median((0..31).map(|_| group(self)).collect())
    }

    /// Runs a command several times and checks that each run has `reports` reports.
    fn measure(
        &mut self,
        (runs, reports, looks_at): (usize, u64, u64),
        mut command: impl FnMut(&mut Venue) -> (f64, u64),
    ) -> Outcome {
        let plain_ns = self.plain_ns();
        let ns = (0..runs).map(|_| {
            let (ns, made) = command(self);
            assert_eq!(made, reports, "reports of the command");
            ns
        });
        Outcome { ns: median(ns.collect()), plain_ns, reports, looks_at }
    }
}

fn median(mut ns: Vec<f64>) -> f64 {
    ns.sort_by(f64::total_cmp);
    ns[ns.len() / 2]
}

fn limit(id: u64, side: Side, quantity: u64, price: i64) -> Enter {
    Enter::limit(OrderId(id), side, Quantity(quantity), Price(price))
}

/// Fills both sides with plain orders of the crowd on 2 × 5,000 levels. One of `every` orders
/// belongs to the actor, and to the firm 2.
fn crowd(orders: u64, every: u64) -> Venue {
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
fn offers(orders: u64) -> Venue {
    let mut venue = Venue::new(orders);
    for id in 1..=orders {
        venue.enter(CROWD, limit(id, Side::Sell, 10, MIDDLE + 1 + (id % 5_000) as i64));
    }
    venue
}

fn mass_cancel(session: Option<SessionId>, firm: Option<FirmId>) -> Action {
    Action::MassCancel(MassCancel { id: OrderId(0), session, firm, group: None, buy: None })
}

fn cancel_none(scale: u64) -> Outcome {
    let mut venue = crowd(1_000_000 / scale, u64::MAX);
    venue.measure((15, 1, 0), |venue| {
        venue.apply(STRANGER, SymbolId::NONE, mass_cancel(Some(STRANGER), None))
    })
}

fn cancel_some(scale: u64, by_session: bool) -> Outcome {
    let (orders, every) = (1_000_000 / scale, 100);
    let count = orders / every;
    let action = match by_session {
        true => mass_cancel(Some(ACTOR), None),
        false => mass_cancel(None, Some(FirmId(2))),
    };
    let mut venue = crowd(orders, every);
    venue.measure((9, 1 + count, 0), |venue| {
        let measured = venue.apply(ACTOR, SymbolId::NONE, action);
        for i in 1..=count {
            let id = venue.new_id();
            let mut order = limit(id.0, Side::Sell, 10, MIDDLE + 1_000 + (i * 37 % 5_000) as i64);
            order.firm = FirmId(2);
            venue.enter(ACTOR, order);
        }
        measured
    })
}

/// The orders of the session ended one by one before its mass cancel.
fn cancel_gone(scale: u64) -> Outcome {
    let mut venue = crowd(100_000 / scale, u64::MAX);
    venue.measure((5, 1, 0), |venue| {
        let orders = 100_000 / scale;
        let first = venue.next_id + 64;
        (0..orders).for_each(|i| {
            venue.enter(ACTOR, limit(first + 64 * i, Side::Sell, 1, MIDDLE + 7_000));
        });
        (0..orders).for_each(|i| _ = venue.cancel(ACTOR, OrderId(first + 64 * i)));
        venue.next_id = first + 64 * orders;
        // A mass cancel has left the cache meanwhile. The command changes nothing.
        for _ in 0..3 {
            venue.apply(ACTOR, SymbolId::NONE, mass_cancel(Some(ACTOR), None));
        }
        venue.apply(ACTOR, SymbolId::NONE, mass_cancel(Some(ACTOR), None))
    })
}

/// Few orders of the session are left, each among many ids that it has used.
fn cancel_remnant(scale: u64) -> Outcome {
    let orders = 100_000 / scale;
    let mut venue = crowd(orders, u64::MAX);
    venue.measure((9, 1 + orders / 500, 0), |venue| {
        let first = venue.next_id + 1;
        for id in (first..).take(orders as usize) {
            venue.enter(ACTOR, limit(id, Side::Sell, 1, MIDDLE + 7_000 + (id % 64) as i64));
        }
        for id in (first..).take(orders as usize).filter(|id| (id - first) % 500 != 250) {
            venue.cancel(ACTOR, OrderId(id));
        }
        venue.next_id += orders;
        venue.apply(ACTOR, SymbolId::NONE, mass_cancel(Some(ACTOR), None))
    })
}

fn fok(orders: u64, self_trade: SelfTrade) -> Outcome {
    let mut venue = offers(orders);
    venue.measure((7, 2, 5_000), |venue| {
        let order = limit(venue.new_id().0, Side::Buy, 10 * orders + 10, 2 * MIDDLE);
        let order = Enter { tif: TimeInForce::Fok, self_trade, ..order };
        venue.apply(ACTOR, SYMBOL, Action::Enter(order))
    })
}

fn iceberg(order: Enter, slice: u64) -> Action {
    let display = Display { next: slice, least: slice, most: slice, seed: 0 };
    Action::EnterIceberg(EnterIceberg { order, display })
}

fn fok_beside_icebergs(scale: u64) -> Outcome {
    let orders = 100_000 / scale;
    let mut venue = Venue::new(orders);
    for id in 1..=orders {
        let order = limit(id, Side::Sell, 100, MIDDLE + 1 + (id % 1_000) as i64);
        venue.apply(CROWD, SYMBOL, iceberg(order, 10));
    }
    venue.measure((7, 2, 1_000), |venue| {
        let order = limit(venue.new_id().0, Side::Buy, 100 * orders + 1, 2 * MIDDLE);
        let order = Enter { tif: TimeInForce::Fok, ..order };
        venue.apply(ACTOR, SYMBOL, Action::Enter(order))
    })
}

fn special(order: Enter, terms: SpecialTerms) -> Action {
    Action::EnterSpecial(EnterSpecial { order, terms })
}

fn ioc_with_minimum(scale: u64) -> Outcome {
    let orders = 1_000_000 / scale;
    let mut venue = offers(orders);
    venue.measure((7, 2, 5_000), |venue| {
        let quantity = 10 * orders + 10;
        let order = limit(venue.new_id().0, Side::Buy, quantity, 2 * MIDDLE);
        let order = Enter { tif: TimeInForce::Ioc, ..order };
        let terms = SpecialTerms { min_quantity: Quantity(quantity), ..SpecialTerms::NONE };
        venue.apply(ACTOR, SYMBOL, special(order, terms))
    })
}

/// Fills the offers with hidden orders that trade 1,000 at once or nothing.
fn with_minimums(orders: u64, levels: u64) -> Venue {
    let mut venue = Venue::new(orders);
    let min_quantity = Quantity(1_000);
    for id in 1..=orders {
        let order = limit(id, Side::Sell, 1_000, MIDDLE + (id % levels) as i64);
        let terms = SpecialTerms { hidden: true, min_quantity, ..SpecialTerms::NONE };
        venue.apply(CROWD, SYMBOL, special(order, terms));
    }
    venue
}

/// An order that trades one lot with a displayed order behind the minimums.
fn minimums(scale: u64, levels: u64) -> Outcome {
    let mut venue = with_minimums(100_000 / scale, levels);
    venue.enter(CROWD, limit(1 << 39, Side::Sell, 1 << 30, MIDDLE + 6_000));
    venue.measure((15, 3, 20), |venue| {
        let order = limit(venue.new_id().0, Side::Buy, 1, 2 * MIDDLE);
        venue.apply(ACTOR, SYMBOL, Action::Enter(Enter { tif: TimeInForce::Ioc, ..order }))
    })
}

/// A fill-or-kill order for one lot more than a displayed order has, before minimums that the
/// order cannot meet with what is left of it.
fn fok_beside_minimums(scale: u64) -> Outcome {
    let mut venue = with_minimums(100_000 / scale, 5_000);
    venue.enter(CROWD, limit(1 << 39, Side::Sell, 10, MIDDLE - 1));
    venue.measure((15, 2, 20), |venue| {
        let order = limit(venue.new_id().0, Side::Buy, 11, 2 * MIDDLE);
        venue.apply(ACTOR, SYMBOL, Action::Enter(Enter { tif: TimeInForce::Fok, ..order }))
    })
}

fn set_state(venue: &mut Venue, state: SymbolState) {
    venue.apply(SessionId(0), SYMBOL, Action::from(SetState::to(state)));
}

/// Bids on 16,000 levels above offers on 16,000 levels: all of them cross.
fn crossed_call(scale: u64) -> Outcome {
    let levels = 16_000 / scale;
    let mut venue = Venue::new(2 * levels);
    set_state(&mut venue, SymbolState::PreOpen);
    for i in 0..levels as i64 {
        venue.enter(CROWD, limit(2 * i as u64 + 1, Side::Buy, 10, 2 * MIDDLE + i));
        venue.enter(CROWD, limit(2 * i as u64 + 2, Side::Sell, 10, 2 * MIDDLE - 1 - i));
    }
    venue.measure((15, 2, 40), |venue| {
        let id = venue.new_id();
        let order = limit(id.0, Side::Buy, 3, 2 * MIDDLE + levels as i64 / 2);
        let measured = venue.apply(ACTOR, SYMBOL, Action::Enter(order));
        venue.cancel(ACTOR, id);
        measured
    })
}

fn call_beside_icebergs(scale: u64) -> Outcome {
    let orders = 100_000 / scale;
    let mut venue = Venue::new(orders);
    for id in 1..=orders {
        let order = limit(id, Side::Buy, 100, 100 + (id % 1_000) as i64);
        venue.apply(CROWD, SYMBOL, iceberg(order, 10));
    }
    set_state(&mut venue, SymbolState::PreOpen);
    venue.measure((15, 1, 40), |venue| {
        let id = venue.new_id();
        let measured = venue.apply(ACTOR, SYMBOL, Action::Enter(limit(id.0, Side::Buy, 1, 99)));
        venue.cancel(ACTOR, id);
        measured
    })
}

/// Ids whose blocks of 64 a multiplication by the golden ratio puts side by side.
fn colliding_ids(_: u64) -> Outcome {
    /// Inverse of 0x9E37_79B9_7F4A_7C15 modulo 2^64.
    const INVERSE: u64 = 0xF1DE_83E1_9937_733D;
    let ids = (1..).map(|i: u64| i.wrapping_mul(INVERSE)).filter(|block| block >> 58 == 0);
    let ids: Vec<u64> = ids.take(10_000).map(|block| (block ^ 1 << 40) << 6).collect();
    let mut venue = Venue::new(100_000);
    for &id in &ids {
        venue.enter(CROWD, limit(id, Side::Sell, 10, MIDDLE));
    }
    let mut oldest = ids.iter();
    venue.measure((15, 1, 0), |venue| {
        venue.cancel(CROWD, OrderId(*oldest.next().expect("many ids")))
    })
}

fn quote_over_pegs(scale: u64) -> Outcome {
    let pegs = 100_000 / scale;
    let mut venue = Venue::new(pegs);
    let quote = |bid| Action::from(SetQuote { bid: Price(bid), offer: Price(MIDDLE + 100) });
    venue.apply(SessionId(0), SYMBOL, quote(MIDDLE - 100));
    for id in 1..=pegs {
        let order = Enter { price: Price(0), ..limit(id, Side::Buy, 10, 0) };
        let terms = SpecialTerms { peg: Peg::Primary, ..SpecialTerms::NONE };
        venue.apply(CROWD, SYMBOL, special(order, terms));
    }
    let mut bid = MIDDLE - 100;
    venue.measure((5, 1 + pegs, 0), |venue| {
        bid += 1;
        venue.apply(SessionId(0), SYMBOL, quote(bid))
    })
}

fn sweep(scale: u64) -> Outcome {
    let orders = 100_000 / scale;
    let mut venue = Venue::new(orders);
    let mut next_id = 0;
    venue.measure((5, 1 + 2 * orders, 0), |venue| {
        for _ in 0..orders {
            next_id += 1;
            let price = MIDDLE + 1 + (next_id % 5_000) as i64;
            venue.enter(CROWD, limit(next_id, Side::Sell, 10, price));
        }
        let order = limit(venue.new_id().0, Side::Buy, 10 * orders, 2 * MIDDLE);
        venue.apply(ACTOR, SYMBOL, Action::Enter(order))
    })
}

/// The first stops wait at the price of the trade, the others at prices that it passes.
fn stops(scale: u64) -> Outcome {
    let stops = 10_000 / scale;
    let mut outcomes: Vec<Outcome> = (0..5)
        .map(|_| {
            let mut venue = Venue::new(stops + 10);
            venue.enter(CROWD, limit(1, Side::Sell, 1 << 40, MIDDLE));
            for id in 1..=stops {
                let order = Enter { order_type: OrderType::Market, ..limit(id, Side::Buy, 1, 0) };
                let stop = Price(MIDDLE - (id % 100) as i64);
                venue.apply(CROWD, SYMBOL, Action::EnterStop(EnterStop { order, stop }));
            }
            let plain_ns = venue.plain_ns();
            let order = limit(venue.new_id().0, Side::Buy, 1, MIDDLE);
            let (ns, reports) = venue.apply(ACTOR, SYMBOL, Action::Enter(order));
            Outcome { ns, plain_ns, reports, looks_at: 0 }
        })
        .collect();
    outcomes.sort_by(|a, b| a.ns.total_cmp(&b.ns));
    outcomes.swap_remove(2)
}
