//! Bounds of the venue: many orders, many symbols, deep levels, long sweeps. Each test completes in
//! bounded time.

use ringside_engine::{Engine, SYMBOL_MAX};
use ringside_model::command::{
    Action, Cancel, Command, DefineSymbol, Enter, MassCancel, Sequenced,
};
use ringside_model::domain::*;
use ringside_model::reason::Reason;
use ringside_model::report::{Report, ReportKind};

struct TestedVenue {
    engine: Engine,
    seqno: u64,
}

impl TestedVenue {
    fn new(symbols: u32) -> Self {
        let mut venue = TestedVenue { engine: Engine::new(1), seqno: 0 };
        for symbol in 1..=symbols {
            assert_eq!(venue.define(symbol)[0].kind, ReportKind::Defined);
        }
        venue
    }

    fn apply(&mut self, symbol: u32, action: Action) -> Vec<Report> {
        self.seqno += 1;
        let (session, symbol) = (SessionId(1), SymbolId(symbol));
        let command = Command { session, symbol, verdict: Reason::None, action };
        let mut reports = vec![];
        let sequenced = Sequenced { seqno: SeqNo(self.seqno), time: Nanos(0), command };
        self.engine.apply_batch(&[sequenced], &mut reports);
        reports
    }

    fn define(&mut self, symbol: u32) -> Vec<Report> {
        let definition = DefineSymbol {
            name: Name::new("S").unwrap(),
            tick: Tick::parse("1").unwrap(),
            lot: Quantity(1),
            collar_bps: 0,
            reference: Price(0),
        };
        self.apply(symbol, Action::from(definition))
    }

    fn enter(
        &mut self,
        symbol: u32,
        id: u64,
        side: Side,
        price: i64,
        quantity: u64,
    ) -> Vec<Report> {
        self.apply(
            symbol,
            Action::Enter(Enter::limit(OrderId(id), side, Quantity(quantity), Price(price))),
        )
    }
}

#[test]
fn a_million_orders_on_one_level_cancel_from_the_middle_and_sweep_whole() {
    let mut venue = TestedVenue::new(1);
    let orders = 1_000_000;
    for id in 1..=orders {
        assert_eq!(venue.enter(1, id, Side::Sell, 500, 3).len(), 1);
    }
    for id in (1..=orders).step_by(3) {
        assert_eq!(venue.apply(1, Action::Cancel(Cancel { id: OrderId(id) })).len(), 1);
    }
    let left = venue.engine.live_orders() as u64;
    assert_eq!(venue.engine.top_of_book(SymbolId(1)).1.unwrap().quantity, u128::from(left) * 3);
    let reports = venue.enter(1, orders + 1, Side::Buy, 500, left * 3);
    assert_eq!(reports.len() as u64, 1 + 2 * left);
    let resting: Vec<u64> = reports[1..].iter().step_by(2).map(|report| report.id.0).collect();
    assert!(resting.is_sorted(), "time priority");
    assert_eq!(venue.engine.live_orders(), 0);
}

#[test]
fn a_sweep_of_a_hundred_thousand_prices() {
    let mut venue = TestedVenue::new(1);
    let prices = 100_000;
    for i in 1..=prices {
        // Prices on all scales: dense at first, then ever farther apart.
        venue.enter(1, i, Side::Sell, (i * i * i / 1000 + i) as i64, 1);
    }
    let reports = venue.enter(1, prices + 1, Side::Buy, i64::MAX, u64::MAX);
    let traded: Vec<i64> = reports[1..].iter().step_by(2).map(|report| report.price.0).collect();
    assert_eq!(traded.len() as u64, prices);
    assert!(traded.is_sorted(), "price priority");
    let (bid, offer) = venue.engine.top_of_book(SymbolId(1));
    assert_eq!((bid.unwrap().price, offer), (Price(i64::MAX), None));
}

#[test]
fn a_hundred_thousand_symbols_each_with_a_book() {
    let symbols = 100_000;
    let mut venue = TestedVenue::new(symbols);
    for symbol in 1..=symbols {
        venue.enter(symbol, u64::from(symbol), Side::Buy, 10, 1);
        venue.enter(symbol, u64::from(symbol) << 32, Side::Sell, 11, 1);
    }
    assert_eq!(venue.engine.live_orders() as u32, 2 * symbols);
    let reports = venue.apply(0, Action::MassCancel(MassCancel::default()));
    assert_eq!(reports[0].quantity.0, u64::from(2 * symbols));
    assert!(reports[1..].is_sorted_by_key(|report| report.symbol));
    assert_eq!(venue.engine.live_orders(), 0);
}

#[test]
fn ten_million_live_orders() {
    // A debug build takes a tenth of the orders, for the same running time.
    let orders: u64 = if cfg!(debug_assertions) { 1_000_000 } else { 10_000_000 };
    let mut venue = TestedVenue::new(1);
    let empty = venue.engine.state_hash();
    for id in 1..=orders {
        let buy = id.is_multiple_of(2);
        let distance = (id.wrapping_mul(0x9E37_79B9) % 5000) as i64;
        let (side, price) =
            if buy { (Side::Buy, 10_000 - distance) } else { (Side::Sell, 10_001 + distance) };
        venue.enter(1, id, side, price, id);
    }
    assert_eq!(venue.engine.live_orders() as u64, orders);
    for id in 1..=orders {
        let id = OrderId(id.wrapping_mul(7) % (orders + 1));
        let _ = venue.apply(1, Action::Cancel(Cancel { id }));
    }
    for id in 1..=orders {
        let _ = venue.apply(1, Action::Cancel(Cancel { id: OrderId(id) }));
    }
    assert_eq!((venue.engine.live_orders(), venue.engine.state_hash()), (0, empty));
}

#[test]
fn a_symbol_number_beyond_the_bound_is_refused() {
    let mut venue = TestedVenue::new(0);
    for symbol in [0, SYMBOL_MAX + 1, u32::MAX] {
        let reports = venue.define(symbol);
        assert_eq!(
            (reports[0].kind, reports[0].reason),
            (ReportKind::Rejected, Reason::InvalidDefinition)
        );
    }
    assert_eq!(venue.define(SYMBOL_MAX)[0].kind, ReportKind::Defined);
    assert_eq!(venue.enter(u32::MAX, 1, Side::Buy, 1, 1)[0].reason, Reason::UnknownSymbol);
}
