use super::*;

/// Checks an incoming buy of 10 @ 10.00 for firm 7 against resting sells: 4 of firm 7 first, then 5
/// of firm 8.
fn check_mode(mode: SelfTrade, expected: &[&str], book: &str) {
    let expected = [&["accepted 3#13 buy 10@1000 open 10"], expected].concat();
    check(
        &[
            (sell(1, 4, 1_000).firm(7), &["accepted 1#11 sell 4@1000 open 4"]),
            (sell(2, 5, 1_000).firm(8), &["accepted 2#12 sell 5@1000 open 5"]),
            (buy(3, 10, 1_000).firm(7).mode(mode), &expected),
        ],
        book,
    );
}

#[test]
fn none() {
    check_mode(
        SelfTrade::None,
        &[
            "executed 1#11 sell 4@1000 with #13 trade 1",
            "executed 3#13 buy 4@1000 open 6 with #11 trade 1 removed",
            "executed 2#12 sell 5@1000 with #13 trade 2",
            "executed 3#13 buy 5@1000 open 1 with #12 trade 2 removed",
        ],
        "3:1@1000 |",
    );
}

#[test]
fn cancel_newest() {
    check_mode(
        SelfTrade::CancelNewest,
        &["canceled 3#13 buy 10@1000 other 1000 self_trade"],
        "| 1:4@1000 2:5@1000",
    );
}

#[test]
fn cancel_oldest() {
    check_mode(
        SelfTrade::CancelOldest,
        &[
            "canceled 1#11 sell 4@1000 self_trade",
            "executed 2#12 sell 5@1000 with #13 trade 1",
            "executed 3#13 buy 5@1000 open 5 with #12 trade 1 removed",
        ],
        "3:5@1000 |",
    );
}

#[test]
fn cancel_both() {
    check_mode(
        SelfTrade::CancelBoth,
        &[
            "canceled 1#11 sell 4@1000 self_trade",
            "canceled 3#13 buy 10@1000 other 1000 self_trade",
        ],
        "| 2:5@1000",
    );
}

#[test]
fn decrement() {
    check_mode(
        SelfTrade::Decrement,
        &[
            "canceled 1#11 sell 4@1000 self_trade",
            "canceled 3#13 buy 4@1000 open 6 other 1000 self_trade",
            "executed 2#12 sell 5@1000 with #13 trade 1",
            "executed 3#13 buy 5@1000 open 1 with #12 trade 1 removed",
        ],
        "3:1@1000 |",
    );
}

#[test]
fn cancel_smallest() {
    check_mode(
        SelfTrade::CancelSmallest,
        &[
            "canceled 1#11 sell 4@1000 self_trade",
            "executed 2#12 sell 5@1000 with #13 trade 1",
            "executed 3#13 buy 5@1000 open 5 with #12 trade 1 removed",
        ],
        "3:5@1000 |",
    );
}

/// Checks a resting sell of 6 against an incoming buy of `quantity`, both of firm 7.
fn check_sizes(mode: SelfTrade, quantity: u64, expected: &[&str], book: &str) {
    let accepted = format!("accepted 2#12 buy {quantity}@100 open {quantity}");
    let expected = [&[accepted.as_str()], expected].concat();
    check(
        &[
            (sell(1, 6, 100).firm(7), &["accepted 1#11 sell 6@100 open 6"]),
            (buy(2, quantity, 100).firm(7).mode(mode), &expected),
        ],
        book,
    );
}

#[test]
fn decrement_of_equal_sizes_cancels_both_and_a_larger_resting_order_stays() {
    let mode = SelfTrade::Decrement;
    let both =
        ["canceled 1#11 sell 6@100 self_trade", "canceled 2#12 buy 6@100 other 100 self_trade"];
    check_sizes(mode, 6, &both, "|");
    let part = [
        "canceled 1#11 sell 4@100 open 2 self_trade",
        "canceled 2#12 buy 4@100 other 100 self_trade",
    ];
    check_sizes(mode, 4, &part, "| 1:2@100");
}

#[test]
fn decrement_lowers_the_total_and_keeps_priority() {
    let mode = SelfTrade::Decrement;
    check(
        &[
            (sell(1, 6, 100).firm(7), &["accepted 1#11 sell 6@100 open 6"]),
            (sell(2, 1, 100), &["accepted 2#12 sell 1@100 open 1"]),
            (
                buy(3, 2, 100).firm(7).mode(mode),
                &[
                    "accepted 3#13 buy 2@100 open 2",
                    "canceled 1#11 sell 2@100 open 4 self_trade",
                    "canceled 3#13 buy 2@100 other 100 self_trade",
                ],
            ),
            (reduce(1, 4), &["rejected 1 buy not_a_reduction"]),
            (reduce(1, 3), &["canceled 1#11 sell 1@100 open 3 user"]),
        ],
        "| 1:3@100 2:1@100",
    );
}

#[test]
fn cancel_smallest_cancels_the_incoming_order_if_it_is_smaller_and_both_if_equal() {
    let mode = SelfTrade::CancelSmallest;
    check_sizes(mode, 5, &["canceled 2#12 buy 5@100 other 100 self_trade"], "| 1:6@100");
    let both =
        ["canceled 1#11 sell 6@100 self_trade", "canceled 2#12 buy 6@100 other 100 self_trade"];
    check_sizes(mode, 6, &both, "|");
    check_sizes(mode, 7, &both[..1], "2:7@100 |");
}

#[test]
fn earlier_fills_stand() {
    let modes = [(SelfTrade::CancelNewest, true), (SelfTrade::CancelBoth, false)];
    for (mode, stays) in modes {
        let all = [
            "accepted 3#13 buy 10@101 open 10",
            "executed 1#11 sell 5@100 with #13 trade 1",
            "executed 3#13 buy 5@100 open 5 with #11 trade 1 removed",
            "canceled 2#12 sell 4@101 self_trade",
            "canceled 3#13 buy 5@101 other 101 self_trade",
        ];
        let newest = [all[0], all[1], all[2], all[4]];
        let (expected, book) = if stays { (&newest[..], "| 2:4@101") } else { (&all[..], "|") };
        check(
            &[
                (sell(1, 5, 100).firm(8), &["accepted 1#11 sell 5@100 open 5"]),
                (sell(2, 4, 101).firm(7), &["accepted 2#12 sell 4@101 open 4"]),
                (buy(3, 10, 101).firm(7).mode(mode), expected),
            ],
            book,
        );
    }
}

#[test]
fn two_groups_decide_then_the_firm_then_the_session() {
    let mode = SelfTrade::CancelNewest;
    let free = [
        "accepted 2#12 buy 1@100 open 1",
        "executed 1#11 sell 1@100 with #12 trade 1",
        "executed 2#12 buy 1@100 with #11 trade 1 removed",
    ];
    let kept = ["accepted 2#12 buy 1@100 open 1", "canceled 2#12 buy 1@100 other 100 self_trade"];
    // Firm and group of the resting order, of the incoming order of the same session, and true if
    // the venue keeps them apart.
    let cases = [
        ((7, 0), (7, 0), true),
        ((7, 0), (8, 0), false),
        ((0, 0), (0, 0), true),
        ((7, 0), (0, 0), false),
        ((0, 0), (7, 0), false),
        ((7, 3), (8, 3), true),
        ((7, 3), (7, 4), false),
        ((0, 3), (0, 4), false),
        // A group of one of them alone switches nothing off.
        ((7, 3), (7, 0), true),
        ((7, 0), (7, 3), true),
        ((7, 3), (8, 0), false),
        ((0, 3), (0, 0), true),
        ((0, 0), (0, 3), true),
    ];
    for (resting, incoming, apart) in cases {
        let (expected, book) = if apart { (&kept[..], "| 1:1@100") } else { (&free[..], "|") };
        check(
            &[
                (
                    sell(1, 1, 100).firm(resting.0).group(resting.1),
                    &["accepted 1#11 sell 1@100 open 1"],
                ),
                (buy(2, 1, 100).firm(incoming.0).group(incoming.1).mode(mode), expected),
            ],
            book,
        );
    }
}

#[test]
fn orders_without_a_firm_belong_to_their_session() {
    check(
        &[
            (sell(1, 1, 100).session(2), &["accepted 2/1#11 sell 1@100 open 1"]),
            (
                buy(2, 1, 100).mode(SelfTrade::CancelNewest),
                &[
                    "accepted 2#12 buy 1@100 open 1",
                    "executed 2/1#11 sell 1@100 with #12 trade 1",
                    "executed 2#12 buy 1@100 with #11 trade 1 removed",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn the_mode_of_the_incoming_order_decides() {
    check(
        &[
            (
                sell(1, 1, 100).firm(7).mode(SelfTrade::CancelBoth),
                &["accepted 1#11 sell 1@100 open 1"],
            ),
            (
                buy(2, 1, 100).firm(7),
                &[
                    "accepted 2#12 buy 1@100 open 1",
                    "executed 1#11 sell 1@100 with #12 trade 1",
                    "executed 2#12 buy 1@100 with #11 trade 1 removed",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn it_leaves_the_last_price_alone() {
    let definition = DefineSymbol { collar_bps: 1_000, reference: Price(100), ..plain() };
    let mode = SelfTrade::CancelOldest;
    check(
        &[
            (define(2, definition), &["defined of 2 buy"]),
            (sell(1, 1, 50).symbol(2).firm(7), &["accepted 1#12 of 2 sell 1@50 open 1"]),
            (
                buy(2, 1, 50).symbol(2).firm(7).mode(mode).ioc(),
                &[
                    "accepted 2#13 of 2 buy 1@50 open 1",
                    "canceled 1#12 of 2 sell 1@50 self_trade",
                    "canceled 2#13 of 2 buy 1@50 ioc_remainder",
                ],
            ),
            // The collar is still around 100.
            (sell(3, 1, 110).symbol(2), &["accepted 3#14 of 2 sell 1@110 open 1"]),
            (
                buy(4, 1, 0).symbol(2).market(),
                &[
                    "accepted 4#15 of 2 buy 1@0 open 1",
                    "executed 3#14 of 2 sell 1@110 with #15 trade 1",
                    "executed 4#15 of 2 buy 1@110 with #14 trade 1 removed",
                ],
            ),
        ],
        "|",
    );
}
