//! Cancels and mass cancels.

use super::venue::{
    ACTOR, CROWD, FIRM, MIDDLE, NOWHERE, STRANGER, SYMBOL, Size, Venue, crowd, limit, special,
};
use super::{Outcome, Row};
use ringside_model::command::{Action, Cancel, Enter, MassCancel, SpecialTerms};
use ringside_model::domain::{Nanos, OrderId, SessionId, Side, SymbolId, TimeInForce};

pub const ROWS: &[Row] = &[
    Row { what: "mass cancel: session without orders, 10^6 others", run: of_none },
    Row { what: "mass cancel: 10^4 orders among 10^6", run: |size| of_some(size, OF_ACTOR) },
    Row {
        what: "mass cancel: firm with 10^4 orders among 10^6",
        run: |size| of_some(size, MassCancel { firm: Some(FIRM), ..OF_ALL }),
    },
    Row { what: "mass cancel: 10^5 orders have come and gone", run: of_gone },
    Row { what: "mass cancel: one order of 500 is left of 10^5", run: of_remnant },
    Row {
        what: "mass cancel of a symbol: 10^5 orders on another",
        run: |size| beside_own(size, NOWHERE, OF_ACTOR),
    },
    Row {
        what: "mass cancel of a side: 10^5 orders on the other",
        run: |size| beside_own(size, SymbolId::NONE, OFFERS_OF_ACTOR),
    },
    Row {
        what: "mass cancel of a side of a symbol: 10^5 orders on the other",
        run: |size| beside_own(size, SYMBOL, OFFERS_OF_ACTOR),
    },
    Row { what: "mass cancel: 10^5 symbols have an order that ends later", run: beside_ends },
    Row { what: "cancel of one of 10^4 ids chosen to collide", run: of_colliding_id },
];

const OF_ALL: MassCancel =
    MassCancel { id: OrderId(0), session: None, firm: None, group: None, buy: None };
const OF_ACTOR: MassCancel = MassCancel { session: Some(ACTOR), ..OF_ALL };
const OFFERS_OF_ACTOR: MassCancel = MassCancel { buy: Some(false), ..OF_ACTOR };

/// Measures a mass cancel in all symbols.
fn mass_cancel(venue: &mut Venue, session: SessionId, filter: MassCancel) -> (f64, u64) {
    venue.time(session, SymbolId::NONE, Action::MassCancel(filter))
}

fn of_none(size: Size) -> Outcome {
    let mut venue = crowd(size.of(1_000_000), u64::MAX);
    let filter = MassCancel { session: Some(STRANGER), ..OF_ALL };
    venue.measure(size, (15, 1, 0), |venue| mass_cancel(venue, STRANGER, filter))
}

fn of_some(size: Size, filter: MassCancel) -> Outcome {
    let (orders, every) = (size.of(1_000_000), 100);
    let count = orders / every;
    let mut venue = crowd(orders, every);
    venue.measure(size, (9, 1 + count, 0), |venue| {
        let measured = mass_cancel(venue, ACTOR, filter);
        for i in 1..=count {
            let id = venue.new_id();
            let mut order = limit(id.0, Side::Sell, 10, MIDDLE + 1_000 + (i * 37 % 5_000) as i64);
            order.firm = FIRM;
            venue.enter(ACTOR, order);
        }
        measured
    })
}

/// The orders of the session ended one by one before its mass cancel.
fn of_gone(size: Size) -> Outcome {
    let orders = size.of(100_000);
    let mut venue = crowd(orders, u64::MAX);
    venue.measure(size, (5, 1, 0), |venue| {
        let first = venue.next_ids(64 * orders).0;
        let ids = (0..orders).map(|i| first + 64 * i);
        ids.clone().for_each(|id| venue.enter(ACTOR, limit(id, Side::Sell, 1, MIDDLE + 7_000)));
        ids.for_each(|id| venue.cancel(ACTOR, OrderId(id)));
        // A mass cancel has left the cache meanwhile. The command changes nothing.
        for _ in 0..3 {
            venue.apply(ACTOR, SymbolId::NONE, Action::MassCancel(OF_ACTOR));
        }
        mass_cancel(venue, ACTOR, OF_ACTOR)
    })
}

/// Few orders of the session are left, each among many ids that it has used.
fn of_remnant(size: Size) -> Outcome {
    let orders = size.of(100_000);
    let mut venue = crowd(orders, u64::MAX);
    venue.measure(size, (9, 1 + orders / 500, 0), |venue| {
        let first = venue.next_ids(orders).0;
        for id in first..first + orders {
            venue.enter(ACTOR, limit(id, Side::Sell, 1, MIDDLE + 7_000 + (id % 64) as i64));
        }
        for id in (first..first + orders).filter(|id| (id - first) % 500 != 250) {
            venue.cancel(ACTOR, OrderId(id));
        }
        mass_cancel(venue, ACTOR, OF_ACTOR)
    })
}

/// A mass cancel that covers none of the bids of the session.
fn beside_own(size: Size, symbol: SymbolId, filter: MassCancel) -> Outcome {
    let orders = size.of(100_000);
    let mut venue = Venue::new(orders);
    for id in 1..=orders {
        venue.enter(ACTOR, limit(id, Side::Buy, 10, MIDDLE - (id % 5_000) as i64));
    }
    venue.sort_orders_of_actor();
    venue.measure(size, (15, 1, 0), |venue| venue.time(ACTOR, symbol, Action::MassCancel(filter)))
}

/// A session without orders, in a venue in which nothing is due.
fn beside_ends(size: Size) -> Outcome {
    let symbols = size.of(100_000);
    let mut venue = Venue::new(symbols);
    for id in 1..=symbols {
        let symbol = SymbolId(1_000 + id as u32);
        venue.define(symbol, &format!("S{id}"));
        let order = limit(id, Side::Buy, 10, MIDDLE);
        let order = Enter { tif: TimeInForce::Gtc, ..order };
        let terms = SpecialTerms { expire: Nanos(1 << 60), ..SpecialTerms::NONE };
        venue.apply(CROWD, symbol, special(order, terms));
    }
    let filter = MassCancel { session: Some(STRANGER), ..OF_ALL };
    venue.measure(size, (15, 1, 0), |venue| mass_cancel(venue, STRANGER, filter))
}

/// Ids whose blocks of 64 a multiplication by the golden ratio puts side by side.
fn of_colliding_id(size: Size) -> Outcome {
    /// Inverse of 0x9E37_79B9_7F4A_7C15 modulo 2^64.
    const INVERSE: u64 = 0xF1DE_83E1_9937_733D;
    let ids = (1..).map(|i: u64| i.wrapping_mul(INVERSE)).filter(|block| block >> 58 == 0);
    let ids = ids.take(size.of(10_000) as usize).map(|block| (block ^ 1 << 40) << 6);
    let ids: Vec<u64> = ids.collect();
    let mut venue = Venue::new(100_000);
    for &id in &ids {
        venue.enter(CROWD, limit(id, Side::Sell, 10, MIDDLE));
    }
    let mut oldest = ids.iter();
    venue.measure(size, (15, 1, 0), |venue| {
        let id = OrderId(*oldest.next().expect("many ids"));
        venue.time(CROWD, SYMBOL, Action::Cancel(Cancel { id }))
    })
}
