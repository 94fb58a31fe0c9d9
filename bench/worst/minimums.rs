//! Orders beside hidden orders whose minimum they cannot meet.

use super::venue::{ACTOR, CROWD, MIDDLE, SYMBOL, Size, Venue, limit, special};
use super::{Outcome, Row};
use ringside_model::command::{Action, Enter, SpecialTerms};
use ringside_model::domain::{Quantity, Side, TimeInForce};

pub const ROWS: &[Row] = &[
    Row { what: "one lot beside 10^5 minimums, one level", run: |size| one_lot(size, 1) },
    Row { what: "one lot beside 10^5 minimums, 5,000 levels", run: |size| one_lot(size, 5_000) },
    Row { what: "FOK beside 10^5 minimums", run: fok },
];

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
fn one_lot(size: Size, levels: u64) -> Outcome {
    let mut venue = with_minimums(size.of(100_000), levels);
    venue.enter(CROWD, limit(1 << 39, Side::Sell, 1 << 30, MIDDLE + 6_000));
    venue.measure(size, (15, 3, 20), |venue| {
        let order = limit(venue.new_id().0, Side::Buy, 1, 2 * MIDDLE);
        venue.time(ACTOR, SYMBOL, Action::Enter(Enter { tif: TimeInForce::Ioc, ..order }))
    })
}

/// A fill-or-kill order for one lot more than a displayed order has, before minimums that the
/// order cannot meet with what is left of it.
fn fok(size: Size) -> Outcome {
    let mut venue = with_minimums(size.of(100_000), 5_000);
    venue.enter(CROWD, limit(1 << 39, Side::Sell, 10, MIDDLE - 1));
    venue.measure(size, (15, 2, 20), |venue| {
        let order = limit(venue.new_id().0, Side::Buy, 11, 2 * MIDDLE);
        venue.time(ACTOR, SYMBOL, Action::Enter(Enter { tif: TimeInForce::Fok, ..order }))
    })
}
