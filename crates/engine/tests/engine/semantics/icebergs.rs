//! Icebergs: their trades, their displayed slices, and the place of the next slice.

use super::*;
use ringside_model::command::{Display, EnterIceberg};

/// Returns the order as an iceberg with slices of these sizes: the first, then the least and the
/// greatest later size.
fn iceberg(order: Do, [next, least, most]: [u64; 3]) -> Do {
    let Action::Enter(order) = order.0.action else { panic!("not an enter") };
    let display = Display { next, least, most, seed: 1 };
    act(Action::EnterIceberg(EnterIceberg { order, display }))
}

#[test]
fn a_slice_that_has_traded_is_followed_by_the_next_at_the_back_of_its_price() {
    check(
        &[
            (
                iceberg(sell(1, 10, 100), [3, 3, 3]),
                &["accepted 1#11 sell 10@100 open 10", "displayed 1#11 sell 3@100 open 10 was #11"],
            ),
            (sell(2, 4, 100), &["accepted 2#12 sell 4@100 open 4"]),
            (
                buy(3, 5, 100),
                &[
                    "accepted 3#13 buy 5@100 open 5",
                    "executed 1#11 sell 3@100 open 7 with #13 trade 1",
                    "executed 3#13 buy 3@100 open 2 with #11 trade 1 removed",
                    "displayed 1#13.1 sell 3@100 open 7 was #11",
                    "executed 2#12 sell 2@100 open 2 with #13 trade 2",
                    "executed 3#13 buy 2@100 with #12 trade 2 removed",
                ],
            ),
        ],
        "| 2:2@100 1:7@100",
    );
}

#[test]
fn an_arriving_one_trades_with_its_full_size() {
    check(
        &[
            (sell(1, 8, 100), &["accepted 1#11 sell 8@100 open 8"]),
            (
                iceberg(buy(2, 10, 100), [1, 1, 1]),
                &[
                    "accepted 2#12 buy 10@100 open 10",
                    "executed 1#11 sell 8@100 with #12 trade 1",
                    "executed 2#12 buy 8@100 open 2 with #11 trade 1 removed",
                    "displayed 2#12 buy 1@100 open 2 was #12",
                ],
            ),
        ],
        "2:2@100 |",
    );
}

#[test]
fn several_are_refreshed_in_the_order_of_exhaustion() {
    check(
        &[
            (
                iceberg(sell(1, 4, 100), [2, 2, 2]),
                &["accepted 1#11 sell 4@100 open 4", "displayed 1#11 sell 2@100 open 4 was #11"],
            ),
            (
                iceberg(sell(2, 4, 100), [1, 1, 1]),
                &["accepted 2#12 sell 4@100 open 4", "displayed 2#12 sell 1@100 open 4 was #12"],
            ),
            (
                buy(3, 3, 100),
                &[
                    "accepted 3#13 buy 3@100 open 3",
                    "executed 1#11 sell 2@100 open 2 with #13 trade 1",
                    "executed 3#13 buy 2@100 open 1 with #11 trade 1 removed",
                    "displayed 1#13.1 sell 2@100 open 2 was #11",
                    "executed 2#12 sell 1@100 open 3 with #13 trade 2",
                    "executed 3#13 buy 1@100 with #12 trade 2 removed",
                    "displayed 2#13.2 sell 1@100 open 3 was #12",
                ],
            ),
        ],
        "| 1:2@100 2:3@100",
    );
}

#[test]
fn a_fill_or_kill_order_counts_what_is_not_shown() {
    check(
        &[
            (
                iceberg(sell(1, 4, 100), [3, 3, 3]),
                &["accepted 1#11 sell 4@100 open 4", "displayed 1#11 sell 3@100 open 4 was #11"],
            ),
            (
                buy(2, 4, 100).tif(TimeInForce::Fok),
                &[
                    "accepted 2#12 buy 4@100 open 4",
                    "executed 1#11 sell 3@100 open 1 with #12 trade 1",
                    "executed 2#12 buy 3@100 open 1 with #11 trade 1 removed",
                    "displayed 1#12.1 sell 1@100 open 1 was #11",
                    "executed 1#12.1 sell 1@100 with #12 trade 2",
                    "executed 2#12 buy 1@100 with #12.1 trade 2 removed",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn a_reduction_takes_what_is_not_shown_first_and_keeps_the_place() {
    check(
        &[
            (
                iceberg(sell(1, 10, 100), [4, 4, 4]),
                &["accepted 1#11 sell 10@100 open 10", "displayed 1#11 sell 4@100 open 10 was #11"],
            ),
            (sell(2, 1, 100), &["accepted 2#12 sell 1@100 open 1"]),
            (reduce(1, 5), &["canceled 1#11 sell 5@100 open 5 reserve user"]),
            (reduce(1, 3), &["canceled 1#11 sell 2@100 open 3 other 1 reserve user"]),
        ],
        "| 1:3@100 2:1@100",
    );
}

#[test]
fn a_replace_keeps_how_it_is_shown() {
    check(
        &[
            (
                iceberg(sell(1, 10, 100), [4, 4, 4]),
                &["accepted 1#11 sell 10@100 open 10", "displayed 1#11 sell 4@100 open 10 was #11"],
            ),
            (
                replace(1, 2, 20, 101),
                &[
                    "replaced 2#11 sell 20@101 open 20 other 1",
                    "displayed 2#12 sell 4@101 open 20 was #12",
                ],
            ),
        ],
        "| 2:20@101",
    );
}

#[test]
fn one_cancel_ends_all_of_it() {
    check(
        &[
            (
                iceberg(sell(1, 10, 100), [4, 4, 4]),
                &["accepted 1#11 sell 10@100 open 10", "displayed 1#11 sell 4@100 open 10 was #11"],
            ),
            (cancel(1), &["canceled 1#11 sell 10@100 user"]),
            (cancel(1), &["rejected 1 buy unknown_order"]),
        ],
        "|",
    );
}

#[test]
fn slices_that_no_order_can_have_are_refused() {
    for sizes in [[0, 1, 1], [1, 0, 1], [1, 2, 1], [2_002, 1, 1], [1, 1, 1]] {
        check(&[(iceberg(buy(1, 2_001, 5), sizes), &["rejected 1 buy invalid_max_floor"])], "|");
    }
    let ioc = buy(1, 10, 5).tif(TimeInForce::Ioc);
    check(&[(iceberg(ioc, [5, 5, 5]), &["rejected 1 buy unsupported"])], "|");
}

#[test]
fn random_slices_lie_between_their_bounds_and_differ() {
    let (mut engine, mut sizes) = (whole_engine(), std::collections::HashSet::new());
    let mut number = 0;
    let mut apply = |command: Do| {
        number += 1;
        engine.apply(&[Sequenced { seqno: SeqNo(number), time: Nanos(0), command: command.0 }])
    };
    apply(define(1, plain()));
    apply(iceberg(sell(1, 10_000, 100), [50, 20, 80]));
    for report in apply(buy(2, 10_000, 100)) {
        if report.kind == ringside_model::report::ReportKind::Displayed && report.open.0 >= 80 {
            assert!((20..=80).contains(&report.quantity.0), "{report:?}");
            sizes.insert(report.quantity.0);
        }
    }
    assert!(sizes.len() > 40, "{sizes:?}");
}
