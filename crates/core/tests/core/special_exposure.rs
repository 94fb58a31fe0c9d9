//! Live stops, icebergs, minimums and named ends in the exposures, when replaces change their
//! terms.

use ringside_core::registry::exposure::{Basis, ExposureCounter, Tally, Traits};
use ringside_model::command::{
    Action, Command, Display, Enter, EnterIceberg, EnterSpecial, EnterStop, NamedSpecialTerms,
    NamedTerms, Replace, ReplaceTerms, RunTimers, SpecialTerms,
};
use ringside_model::domain::{
    Capacity, FirmId, Nanos, OrderId, OrderNumber, Price, Quantity, RiskScope, SessionId, Side,
    SymbolId, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Accepted, Body, Canceled, Replaced, Subject, Triggered};
use std::collections::BTreeMap;

const SYMBOL: SymbolId = SymbolId(1);
const SESSION: SessionId = SessionId(1);

/// Counts a report about an order of firm 2, with 10 open.
fn tell(exposure: &mut ExposureCounter, body: impl Into<Body>, id: u64, action: Action) {
    let command = Command { session: SESSION, symbol: SYMBOL, verdict: Reason::None, action };
    let subject = Subject {
        id: OrderId(id),
        order: OrderNumber(100 + id),
        open: Quantity(10),
        session: SESSION,
        symbol: SYMBOL,
        ..Subject::NONE
    };
    exposure.report(&body.into().about(subject), &command);
}

fn order(id: u64) -> Enter {
    let firm = FirmId(2);
    Enter { firm, ..Enter::limit(OrderId(id), Side::Buy, Quantity(10), Price(5)) }
}

/// Counts the last report about an order.
fn end(exposure: &mut ExposureCounter, body: impl Into<Body>, id: u64) {
    let subject = Subject { id: OrderId(id), session: SESSION, symbol: SYMBOL, ..Subject::NONE };
    let action = Action::from(RunTimers);
    let command = Command { session: SESSION, symbol: SYMBOL, verdict: Reason::None, action };
    exposure.report(&body.into().about(subject), &command);
}

fn enter(exposure: &mut ExposureCounter, id: u64, action: Action) {
    tell(exposure, Accepted { stop: None }, id, action);
}

/// Replaces order `id` by the next one.
fn replace(exposure: &mut ExposureCounter, id: u64, terms: Option<NamedTerms>) -> Action {
    let (old_id, new_id) = (OrderId(id), OrderId(id + 1));
    let replace = Replace { id: old_id, new_id, quantity: Quantity(10), price: Price(5) };
    let action = match terms {
        Some(terms) => Action::ReplaceTerms(ReplaceTerms { replace, terms }),
        None => Action::Replace(replace),
    };
    let capacity = Capacity::Other;
    let replaced = Replaced { old_id, place: 0, stop: None, attributed: false, capacity };
    tell(exposure, replaced, id + 1, action);
    action
}

/// Returns the tally of the firm, which is that of the symbol, too.
fn tally(exposure: &ExposureCounter) -> Tally {
    let exposures = exposure.exposures();
    let of_firm = exposures.tally(RiskScope::Firm, 2);
    assert_eq!(exposures.tally(RiskScope::Symbol, 1), of_firm);
    of_firm
}

fn traits(exposure: &ExposureCounter, id: u64) -> Traits {
    exposure.exposures().traits(SESSION, OrderId(id)).0
}

fn special(named: NamedSpecialTerms) -> Option<NamedTerms> {
    Some(NamedTerms::Special(named))
}

const ONE: Tally = Tally { orders: 1, stops: 0, pegs: 0, minimums: 0, slices: 0 };

#[test]
fn a_replaced_iceberg_has_the_slices_of_its_new_display() {
    let exposure = &mut ExposureCounter::default();
    let display = |least| Display { next: least, least, most: least, seed: 0 };
    let iceberg = EnterIceberg { order: order(1), display: display(5) };
    enter(exposure, 1, Action::EnterIceberg(iceberg));
    assert_eq!(tally(exposure), Tally { slices: 2, ..ONE });
    replace(exposure, 1, Some(NamedTerms::Display(display(1))));
    assert_eq!(tally(exposure), Tally { slices: 10, ..ONE });
    replace(exposure, 2, None);
    assert_eq!(tally(exposure), Tally { slices: 10, ..ONE });
    assert_eq!([1, 2].map(|id| traits(exposure, id)), [Traits::default(); 2]);
}

#[test]
fn a_replaced_hidden_order_has_the_minimum_that_it_names_last() {
    let exposure = &mut ExposureCounter::default();
    let terms = SpecialTerms { hidden: true, ..SpecialTerms::NONE };
    enter(exposure, 1, Action::EnterSpecial(EnterSpecial { order: order(1), terms }));
    let minimum = |least| {
        let min_quantity = Some(Quantity(least));
        special(NamedSpecialTerms { min_quantity, ..NamedSpecialTerms::default() })
    };
    for (id, named, minimums) in
        [(1, None, 0), (2, minimum(4), 1), (3, None, 1), (4, minimum(0), 0), (5, minimum(2), 1)]
    {
        replace(exposure, id, named);
        assert_eq!(tally(exposure), Tally { minimums, ..ONE }, "{id}");
    }
}

#[test]
fn a_plain_order_counts_until_the_end_that_a_replace_gives_it() {
    let exposure = &mut ExposureCounter::default();
    let gtc = Enter { tif: TimeInForce::Gtc, ..order(1) };
    enter(exposure, 1, Action::Enter(gtc));
    let end = |expire| {
        let expire = Nanos(expire);
        special(NamedSpecialTerms { expire, ..NamedSpecialTerms::default() })
    };
    replace(exposure, 1, end(50));
    let orders_at = |exposure: &ExposureCounter, now| {
        exposure.exposures().expire(Nanos(now));
        tally(exposure).orders
    };
    assert_eq!([49, 50].map(|now| orders_at(exposure, now)), [1, 0]);
    // The command that replaces has the time 49: the order was not over then.
    replace(exposure, 2, end(60));
    assert_eq!([50, 59, 60].map(|now| orders_at(exposure, now)), [1, 1, 0]);
}

/// Returns a hidden order with a minimum and an end.
fn timed(id: u64, end: u64) -> Action {
    let order = Enter { tif: TimeInForce::Gtc, ..order(id) };
    let (expire, min_quantity) = (Nanos(end), Quantity(id % 2));
    let terms = SpecialTerms { expire, min_quantity, hidden: true, ..SpecialTerms::NONE };
    Action::EnterSpecial(EnterSpecial { order, terms })
}

#[test]
fn counts_are_without_the_orders_that_are_over() {
    let mut random = 1u64;
    let mut below = |end: u64| {
        random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        ((u128::from(random) * u128::from(end)) >> 64) as u64
    };
    let exposure = &mut ExposureCounter::default();
    let (mut ends, mut now) = (BTreeMap::new(), 0);
    for id in 1..20_000 {
        let span = [4, 3_000, 1 << 30, 1 << 50][below(4) as usize];
        match below(8) {
            0 => {
                now += below(span);
                exposure.exposures().expire(Nanos(now));
            }
            1 => exposure.exposures().expire(Nanos(now / 2)),
            2 | 3 => {
                let nearest = ends.range(below(id)..).next().map(|(&id, _)| id);
                if let Some(id) = nearest.filter(|id| ends.remove(id).is_some()) {
                    let canceled = Canceled { displayed: None, prevented: Price(0) };
                    end(exposure, canceled, id);
                }
            }
            _ => {
                let end = now + 1 + below(span);
                enter(exposure, id, timed(id, end));
                ends.insert(id, end);
            }
        }
        let live = ends.iter().filter(|(_, end)| **end > now);
        let expected = live.fold(Tally::default(), |tally, (id, _)| {
            tally.plus(Tally { orders: 1, minimums: id % 2, ..Tally::default() })
        });
        assert_eq!(tally(exposure), expected, "order {id} at {now}");
    }
    assert!(ends.len() > 1_000);
}

#[test]
fn a_replaced_stop_that_is_reached_at_once_waits_no_more() {
    let exposure = &mut ExposureCounter::default();
    enter(exposure, 1, Action::EnterStop(EnterStop { order: order(1), stop: Price(9) }));
    let action = replace(exposure, 1, Some(NamedTerms::Stop(Price(7))));
    assert_eq!(tally(exposure), Tally { stops: 1, ..ONE });
    assert_eq!(traits(exposure, 2).basis, Some(Basis::Stop(Price(7))));
    tell(exposure, Triggered { old_order: OrderNumber(102) }, 2, action);
    assert_eq!(tally(exposure), Tally { stops: 1, ..ONE }, "it has no new number: it waits");
    tell(exposure, Triggered { old_order: OrderNumber(101) }, 2, action);
    assert_eq!(tally(exposure), ONE);
    assert_eq!(traits(exposure, 2), Traits::default());
}
