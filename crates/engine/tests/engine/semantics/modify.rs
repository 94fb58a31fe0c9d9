use super::*;

#[test]
fn a_change_of_sell_marking_keeps_priority() {
    check(
        &[
            (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
            (sell(2, 5, 100), &["accepted 2#12 sell 5@100 open 5"]),
            (modify(1, Some(Side::Short), None), &["modified 1#11 short 0@100 open 5"]),
            (
                modify(1, Some(Side::ShortExempt), None),
                &["modified 1#11 short_exempt 0@100 open 5"],
            ),
            (modify(1, Some(Side::Sell), None), &["modified 1#11 sell 0@100 open 5"]),
        ],
        "| 1:5@100 2:5@100",
    );
}

#[test]
fn a_lower_total_keeps_priority() {
    check(
        &[
            (buy(1, 5, 100), &["accepted 1#11 buy 5@100 open 5"]),
            (buy(2, 5, 100), &["accepted 2#12 buy 5@100 open 5"]),
            (modify(1, None, Some(3)), &["modified 1#11 buy 2@100 open 3"]),
            (modify(1, Some(Side::Buy), Some(2)), &["modified 1#11 buy 1@100 open 2"]),
        ],
        "1:2@100 2:5@100 |",
    );
}

#[test]
fn marking_and_total_change_together() {
    check(
        &[
            (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
            (modify(1, Some(Side::Short), Some(3)), &["modified 1#11 short 2@100 open 3"]),
            (
                buy(2, 1, 100),
                &[
                    "accepted 2#13 buy 1@100 open 1",
                    "executed 1#11 short 1@100 open 2 with #13 trade 1",
                    "executed 2#13 buy 1@100 with #11 trade 1 removed",
                ],
            ),
        ],
        "| 1:2@100",
    );
}

#[test]
fn a_total_that_is_no_reduction_changes_the_marking_alone() {
    for total in [5, 6, MAX] {
        check(
            &[
                (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
                (modify(1, Some(Side::Short), Some(total)), &["modified 1#11 short 0@100 open 5"]),
            ],
            "| 1:5@100",
        );
    }
}

#[test]
fn buys_stay_buys_and_sells_stay_sells() {
    let sells = [Side::Sell, Side::Short, Side::ShortExempt];
    for side in sells {
        let word = side.name();
        check(
            &[
                (buy(1, 5, 100), &["accepted 1#11 buy 5@100 open 5"]),
                (modify(1, Some(side), None), &["rejected 1 buy invalid_side"]),
                (modify(1, Some(side), Some(2)), &["rejected 1 buy invalid_side"]),
                (modify(1, Some(side), Some(0)), &["rejected 1 buy invalid_side"]),
                (enter(2, side, 5, 101), &[&format!("accepted 2#15 {word} 5@101 open 5")]),
                (modify(2, Some(Side::Buy), Some(2)), &["rejected 2 buy invalid_side"]),
            ],
            "1:5@100 | 2:5@101",
        );
    }
}

#[test]
fn what_changes_nothing_is_rejected() {
    check(
        &[
            (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
            (modify(1, None, None), &["rejected 1 buy not_a_reduction"]),
            (modify(1, Some(Side::Sell), None), &["rejected 1 buy not_a_reduction"]),
            (modify(1, None, Some(5)), &["rejected 1 buy not_a_reduction"]),
            (modify(1, Some(Side::Sell), Some(MAX)), &["rejected 1 buy not_a_reduction"]),
        ],
        "| 1:5@100",
    );
}

#[test]
fn the_total_includes_what_is_filled() {
    check(
        &[
            (sell(1, 10, 100), &["accepted 1#11 sell 10@100 open 10"]),
            (
                buy(2, 6, 100),
                &[
                    "accepted 2#12 buy 6@100 open 6",
                    "executed 1#11 sell 6@100 open 4 with #12 trade 1",
                    "executed 2#12 buy 6@100 with #11 trade 1 removed",
                ],
            ),
            (modify(1, None, Some(8)), &["modified 1#11 sell 2@100 open 2"]),
            (modify(1, None, Some(8)), &["rejected 1 buy not_a_reduction"]),
            (modify(1, Some(Side::Short), Some(6)), &["canceled 1#11 sell 2@100 user"]),
        ],
        "|",
    );
}

#[test]
fn totals_that_no_order_can_have_are_rejected() {
    let definition = DefineSymbol { lot: Quantity(100), ..plain() };
    let short = Some(Side::Short);
    check(
        &[
            (define(2, definition), &["defined of 2 buy"]),
            (sell(1, 300, 50).symbol(2), &["accepted 1#12 of 2 sell 300@50 open 300"]),
            (modify(1, short, Some(150)).symbol(2), &["rejected 1 of 2 buy off_lot"]),
            (modify(1, short, Some(450)).symbol(2), &["rejected 1 of 2 buy off_lot"]),
            (modify(1, short, Some(0)).symbol(2), &["rejected 1 of 2 buy invalid_quantity"]),
            (modify(1, short, Some(100)).symbol(2), &["modified 1#12 of 2 short 200@50 open 100"]),
        ],
        "|",
    );
}

#[test]
fn an_order_that_is_not_live_is_told_as_by_a_cancel() {
    let short = Some(Side::Short);
    check(
        &[
            (modify(1, short, None), &["rejected 1 buy unknown_order"]),
            (sell(1, 5, 100), &["accepted 1#12 sell 5@100 open 5"]),
            (modify(1, short, None).session(2), &["rejected 2/1 buy unknown_order"]),
            (modify(1, short, None).symbol(2), &["rejected 1 of 2 buy unknown_order"]),
            (
                modify(1, short, None).verdict(Reason::TooLate),
                &["modified 1#12 short 0@100 open 5"],
            ),
            (cancel(1), &["canceled 1#12 short 5@100 user"]),
            (modify(1, None, Some(1)).verdict(Reason::TooLate), &["rejected 1 buy too_late"]),
        ],
        "|",
    );
}

#[test]
fn a_replace_keeps_the_marking_that_was_modified() {
    check(
        &[
            (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
            (modify(1, Some(Side::Short), None), &["modified 1#11 short 0@100 open 5"]),
            (replace(1, 2, 5, 101), &["replaced 2#11 short 5@101 open 5 other 1"]),
        ],
        "| 2:5@101",
    );
}
