//! Calls, and commands of the operator about a symbol.

use super::takers::iceberg;
use super::venue::{
    ACTOR, APART, CROWD, FIRM, MIDDLE, OPERATOR, SYMBOL, Size, Venue, crowd, limit, special,
};
use super::{Outcome, Row, pegs};
use ringside_engine::TURNS_MAX;
use ringside_model::command::{Action, ChangeSymbol, Enter, SetState, SpecialTerms};
use ringside_model::domain::{Quantity, SelfTrade, Side, SymbolState, Tick};

pub const ROWS: &[Row] = &[
    Row { what: "order in a call with 2 × 16,000 crossed levels", run: crossed_call },
    Row { what: "order in a call beside 10^5 icebergs", run: call_beside_icebergs },
    Row {
        what: "opening with 10^4 crossed levels and 10^4 minimums that cannot be met",
        run: opening,
    },
    Row { what: "state from halted to cancel_only, 10^5 parked pegs", run: cancel_only },
    Row { what: "change of a symbol with 10^5 orders", run: change_symbol },
];

/// Bids on 16,000 levels above offers on 16,000 levels: all of them cross.
fn crossed_call(size: Size) -> Outcome {
    let levels = size.of(16_000);
    let mut venue = Venue::new(2 * levels);
    venue.set_state(SymbolState::PreOpen);
    for i in 0..levels as i64 {
        venue.enter(CROWD, limit(2 * i as u64 + 1, Side::Buy, 10, 2 * MIDDLE + i));
        venue.enter(CROWD, limit(2 * i as u64 + 2, Side::Sell, 10, 2 * MIDDLE - 1 - i));
    }
    venue.measure(size, (15, 2, 40), |venue| {
        let id = venue.new_id();
        let order = limit(id.0, Side::Buy, 3, 2 * MIDDLE + levels as i64 / 2);
        let measured = venue.time(ACTOR, SYMBOL, Action::Enter(order));
        venue.cancel(ACTOR, id);
        measured
    })
}

fn call_beside_icebergs(size: Size) -> Outcome {
    let orders = size.of(100_000);
    let mut venue = Venue::new(orders);
    for id in 1..=orders {
        let order = limit(id, Side::Buy, 100, 100 + (id % 1_000) as i64);
        venue.apply(CROWD, SYMBOL, iceberg(order, 10));
    }
    venue.set_state(SymbolState::PreOpen);
    venue.measure(size, (15, 1, 40), |venue| {
        let id = venue.new_id();
        let measured = venue.time(ACTOR, SYMBOL, Action::Enter(limit(id.0, Side::Buy, 1, 99)));
        venue.cancel(ACTOR, id);
        measured
    })
}

/// Each turn of a minimum looks at all levels that it crosses, and at none of the orders that its
/// owner has elsewhere. One command gives so many turns.
fn opening(size: Size) -> Outcome {
    let (levels, own) = (size.of(10_000), size.of(80_000));
    let mut venue = Venue::new(2 * levels + own);
    let own_terms = |order| Enter { firm: FIRM, self_trade: SelfTrade::CancelNewest, ..order };
    venue.set_state(SymbolState::PreOpen);
    for id in 1..=levels {
        venue.enter(CROWD, limit(id, Side::Sell, 1, MIDDLE + id as i64));
        let order = limit(venue.new_id().0, Side::Buy, 1 << 20, MIDDLE + levels as i64);
        let min_quantity = Quantity(1 << 20);
        let terms = SpecialTerms { hidden: true, min_quantity, ..SpecialTerms::NONE };
        venue.apply(ACTOR, SYMBOL, special(own_terms(order), terms));
    }
    for _ in 0..own {
        let order = own_terms(limit(venue.new_id().0, Side::Buy, 1, MIDDLE));
        venue.apply(ACTOR, APART, Action::Enter(order));
    }
    venue.sort_orders_of_actor();
    venue.measure(size, (1, 3, u64::from(TURNS_MAX) * levels), |venue| {
        venue.time(OPERATOR, SYMBOL, Action::from(SetState::to(SymbolState::Open)))
    })
}

fn cancel_only(size: Size) -> Outcome {
    let mut venue = pegs::parked(size.of(100_000));
    venue.measure(size, (15, 1, 0), |venue| {
        venue.set_state(SymbolState::Halted);
        let state = Action::from(SetState::to(SymbolState::CancelOnly));
        venue.time(OPERATOR, SYMBOL, state)
    })
}

/// A symbol with live orders keeps its settings.
fn change_symbol(size: Size) -> Outcome {
    let mut venue = crowd(size.of(100_000), u64::MAX);
    let tick = Some(Tick::parse("0.05").expect("a tick size"));
    venue.measure(size, (15, 1, 0), |venue| {
        let change = ChangeSymbol { tick, ..ChangeSymbol::default() };
        venue.time(OPERATOR, SYMBOL, Action::from(change))
    })
}
