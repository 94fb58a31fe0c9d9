//! Orders that look ahead or trade.

use super::venue::{
    ACTOR, APART, CROWD, FIRM, MIDDLE, SYMBOL, Size, Venue, limit, offers, special,
};
use super::{Outcome, Row};
use ringside_model::command::{Action, Display, Enter, EnterIceberg, EnterStop, SpecialTerms};
use ringside_model::domain::{OrderType, Price, SelfTrade, Side, TimeInForce};

pub const ROWS: &[Row] = &[
    Row { what: "FOK larger than a book of 10^5", run: |size| fok(size, 100_000, SelfTrade::None) },
    Row {
        what: "FOK larger than a book of 10^6",
        run: |size| fok(size, 1_000_000, SelfTrade::None),
    },
    Row {
        what: "FOK with a self-trade mode, book of 10^6",
        run: |size| fok(size, 1_000_000, SelfTrade::CancelNewest),
    },
    Row { what: "FOK larger than 10^5 icebergs", run: fok_beside_icebergs },
    Row { what: "IOC with a minimum larger than a book of 10^6", run: ioc_with_minimum },
    Row {
        what: "IOC with a minimum and a self-trade mode, 10^5 own orders elsewhere",
        run: ioc_beside_own,
    },
    Row { what: "sweep of 10^5 orders", run: sweep },
    Row { what: "trade that reaches 10^4 stops", run: stops },
];

fn fok(size: Size, orders: u64, self_trade: SelfTrade) -> Outcome {
    let orders = size.of(orders);
    let mut venue = offers(orders);
    venue.measure(size, (7, 2, orders.min(5_000)), |venue| {
        let order = limit(venue.new_id().0, Side::Buy, 10 * orders + 10, 2 * MIDDLE);
        let order = Enter { tif: TimeInForce::Fok, self_trade, ..order };
        venue.time(ACTOR, SYMBOL, Action::Enter(order))
    })
}

/// Returns the command that enters an iceberg.
pub fn iceberg(order: Enter, slice: u64) -> Action {
    let display = Display { next: slice, least: slice, most: slice, seed: 0 };
    Action::EnterIceberg(EnterIceberg { order, display })
}

fn fok_beside_icebergs(size: Size) -> Outcome {
    let orders = size.of(100_000);
    let mut venue = Venue::new(orders);
    for id in 1..=orders {
        let order = limit(id, Side::Sell, 100, MIDDLE + 1 + (id % 1_000) as i64);
        venue.apply(CROWD, SYMBOL, iceberg(order, 10));
    }
    venue.measure(size, (7, 2, orders.min(1_000)), |venue| {
        let order = limit(venue.new_id().0, Side::Buy, 100 * orders + 1, 2 * MIDDLE);
        let order = Enter { tif: TimeInForce::Fok, ..order };
        venue.time(ACTOR, SYMBOL, Action::Enter(order))
    })
}

/// Enters an order that trades its whole quantity at once or nothing.
fn enter_at_once(venue: &mut Venue, order: Enter) -> (f64, u64) {
    let terms = SpecialTerms { min_quantity: order.quantity, ..SpecialTerms::NONE };
    venue.time(ACTOR, SYMBOL, special(Enter { tif: TimeInForce::Ioc, ..order }, terms))
}

fn ioc_with_minimum(size: Size) -> Outcome {
    let orders = size.of(1_000_000);
    let mut venue = offers(orders);
    venue.measure(size, (7, 2, orders.min(5_000)), |venue| {
        let order = limit(venue.new_id().0, Side::Buy, 10 * orders + 10, 2 * MIDDLE);
        enter_at_once(venue, order)
    })
}

/// The order crosses one level of many orders, none of which is its owner's.
fn ioc_beside_own(size: Size) -> Outcome {
    let orders = size.of(100_000);
    let mut venue = Venue::new(2 * orders);
    for id in 1..=orders {
        venue.enter(CROWD, limit(id, Side::Sell, 10, MIDDLE));
        let own = Enter { firm: FIRM, ..limit(id, Side::Buy, 10, MIDDLE - (id % 5_000) as i64) };
        venue.apply(ACTOR, APART, Action::Enter(own));
    }
    venue.sort_orders_of_actor();
    venue.measure(size, (15, 2, 1), |venue| {
        let order = limit(venue.new_id().0, Side::Buy, 10 * orders + 10, MIDDLE);
        enter_at_once(venue, Enter { firm: FIRM, self_trade: SelfTrade::CancelNewest, ..order })
    })
}

fn sweep(size: Size) -> Outcome {
    let orders = size.of(100_000);
    let mut venue = Venue::new(orders);
    let mut next_id = 0;
    venue.measure(size, (5, 1 + 2 * orders, 0), |venue| {
        for _ in 0..orders {
            next_id += 1;
            let price = MIDDLE + 1 + (next_id % 5_000) as i64;
            venue.enter(CROWD, limit(next_id, Side::Sell, 10, price));
        }
        let order = limit(venue.new_id().0, Side::Buy, 10 * orders, 2 * MIDDLE);
        venue.time(ACTOR, SYMBOL, Action::Enter(order))
    })
}

/// The first stops wait at the price of the trade, the others at prices that it passes.
fn stops(size: Size) -> Outcome {
    let stops = size.of(10_000);
    let mut venue = Venue::new(stops + 10);
    venue.enter(CROWD, limit(1, Side::Sell, 1 << 40, MIDDLE));
    venue.measure(size, (5, 3 * (1 + stops), 0), |venue| {
        // Stops wait above the last price alone.
        let (bid, offer) = (venue.new_id().0, venue.new_id().0);
        venue.enter(CROWD, limit(bid, Side::Buy, 1, MIDDLE - 1_000));
        venue.enter(ACTOR, limit(offer, Side::Sell, 1, MIDDLE - 1_000));
        for _ in 0..stops {
            let id = venue.new_id().0;
            let order = Enter { order_type: OrderType::Market, ..limit(id, Side::Buy, 1, 0) };
            let stop = Price(MIDDLE - (id % 100) as i64);
            venue.apply(CROWD, SYMBOL, Action::EnterStop(EnterStop { order, stop }));
        }
        let order = limit(venue.new_id().0, Side::Buy, 1, MIDDLE);
        venue.time(ACTOR, SYMBOL, Action::Enter(order))
    })
}
