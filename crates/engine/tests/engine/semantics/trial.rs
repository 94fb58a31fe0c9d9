//! Fill-or-kill orders and minimum quantities: what the same order would trade as an immediate-or-
//! cancel order decides, with the slices of icebergs and self-trade prevention on the way.

use super::*;
use ringside_model::command::{EnterIceberg, EnterSpecial, SpecialTerms};

/// Returns an iceberg of session 2 with slices of one size.
fn iceberg(order: Do, slice: u64) -> Do {
    let Action::Enter(order) = order.0.action else { panic!("not an enter") };
    let display = Display { next: slice, least: slice, most: slice, seed: 1 };
    act(Action::EnterIceberg(EnterIceberg { order, display })).session(2)
}

fn ioc_at_least(least: u64, order: Do) -> Do {
    let Action::Enter(enter) = order.ioc().0.action else { panic!("not an enter") };
    let terms = SpecialTerms { min_quantity: Quantity(least), ..SpecialTerms::NONE };
    act(Action::EnterSpecial(EnterSpecial { order: enter, terms }))
}

#[test]
fn a_fill_or_kill_order_behind_an_own_order_and_a_slice_is_not_filled_in_part() {
    check(
        &[
            (
                iceberg(sell(1, 2, 100), 1),
                &[
                    "accepted 2/1#11 sell 2@100 open 2",
                    "displayed 2/1#11 sell 1@100 open 2 was #11",
                ],
            ),
            (sell(2, 1, 100).group(1), &["accepted 2#12 sell 1@100 open 1"]),
            (
                buy(3, 2, 100).group(1).mode(SelfTrade::CancelNewest).fok(),
                &["accepted 3#13 buy 2@100 open 2", "canceled 3#13 buy 2@100 fok_not_fillable"],
            ),
        ],
        "| 1:2@100 2:1@100",
    );
}

#[test]
fn a_fill_or_kill_order_is_filled_if_its_own_order_is_the_smaller_one_when_they_meet() {
    check(
        &[
            (
                iceberg(sell(1, 3, 100), 1),
                &[
                    "accepted 2/1#11 sell 3@100 open 3",
                    "displayed 2/1#11 sell 1@100 open 3 was #11",
                ],
            ),
            (sell(2, 2, 100).group(1), &["accepted 2#12 sell 2@100 open 2"]),
            (sell(3, 1, 101).session(2), &["accepted 2/3#13 sell 1@101 open 1"]),
            (
                buy(4, 4, 101).group(1).mode(SelfTrade::CancelSmallest).fok(),
                &[
                    "accepted 4#14 buy 4@101 open 4",
                    "executed 2/1#11 sell 1@100 open 2 with #14 trade 1",
                    "executed 4#14 buy 1@100 open 3 with #11 trade 1 removed",
                    "displayed 2/1#14.1 sell 1@100 open 2 was #11",
                    "canceled 2#12 sell 2@100 self_trade",
                    "executed 2/1#14.1 sell 1@100 open 1 with #14 trade 2",
                    "executed 4#14 buy 1@100 open 2 with #14.1 trade 2 removed",
                    "displayed 2/1#14.2 sell 1@100 open 1 was #14.1",
                    "executed 2/1#14.2 sell 1@100 with #14 trade 3",
                    "executed 4#14 buy 1@100 open 1 with #14.2 trade 3 removed",
                    "executed 2/3#13 sell 1@101 with #14 trade 4",
                    "executed 4#14 buy 1@101 with #13 trade 4 removed",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn a_minimum_that_an_own_order_prevents_lets_nothing_trade() {
    check(
        &[
            (
                iceberg(sell(1, 3, 100), 1),
                &[
                    "accepted 2/1#11 sell 3@100 open 3",
                    "displayed 2/1#11 sell 1@100 open 3 was #11",
                ],
            ),
            (sell(2, 1, 100).group(1), &["accepted 2#12 sell 1@100 open 1"]),
            (
                ioc_at_least(2, buy(3, 3, 100).group(1).mode(SelfTrade::CancelNewest)),
                &["accepted 3#13 buy 3@100 open 3", "canceled 3#13 buy 3@100 ioc_remainder"],
            ),
        ],
        "| 1:3@100 2:1@100",
    );
}

#[test]
fn a_minimum_is_met_behind_an_own_order_that_takes_its_part_of_both() {
    check(
        &[
            (sell(1, 1, 100).group(1), &["accepted 1#11 sell 1@100 open 1"]),
            (sell(2, 2, 100).session(2), &["accepted 2/2#12 sell 2@100 open 2"]),
            (
                ioc_at_least(2, buy(3, 3, 100).group(1).mode(SelfTrade::Decrement)),
                &[
                    "accepted 3#13 buy 3@100 open 3",
                    "canceled 1#11 sell 1@100 self_trade",
                    "canceled 3#13 buy 1@100 open 2 other 100 self_trade",
                    "executed 2/2#12 sell 2@100 with #13 trade 1",
                    "executed 3#13 buy 2@100 with #12 trade 1 removed",
                ],
            ),
        ],
        "|",
    );
}

/// Returns the time of 300 fill-or-kill orders of one lot, each filled by the first of the orders
/// that rest at one price.
fn time_beside(resting: u64) -> std::time::Duration {
    let mut engine = whole_engine();
    let sequenced = |number, Do(command, ..): Do| Sequenced {
        seqno: SeqNo(number),
        time: Nanos(number),
        command,
    };
    engine.apply(&[sequenced(1, define(1, plain()))]);
    for id in 1..=resting {
        engine.apply(&[sequenced(1 + id, sell(id, 1, 100).session(2))]);
    }
    let start = std::time::Instant::now();
    for id in 1..=300 {
        let told = engine.apply(&[sequenced(1 + resting + id, buy(id, 1, 100).fok())]);
        assert_eq!(told.len(), 3, "accepted, and two executions");
    }
    start.elapsed()
}

#[test]
fn a_fill_or_kill_order_looks_at_no_more_orders_than_it_needs() {
    let [few, many] = [400, 100_000]
        .map(|resting| (0..3).map(|_| time_beside(resting)).min().expect("three runs"));
    assert!(many < 40 * few, "{few:?} beside 400 orders, {many:?} beside 100,000");
}
