use super::*;

#[test]
fn limit_trades_at_the_resting_price_and_books_its_rest() {
    check(
        &[
            (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
            (sell(2, 4, 106), &["accepted 2#12 sell 4@106 open 4"]),
            (
                buy(3, 10, 105),
                &[
                    "accepted 3#13 buy 10@105 open 10",
                    "executed 1#11 sell 4@100 with #13 trade 1",
                    "executed 3#13 buy 4@100 open 6 with #11 trade 1 removed",
                ],
            ),
        ],
        "3:6@105 | 2:4@106",
    );
}

#[test]
fn limit_sweeps_levels_in_order_on_both_sides() {
    check(
        &[
            (buy(1, 1, 99), &["accepted 1#11 buy 1@99 open 1"]),
            (buy(2, 2, 100), &["accepted 2#12 buy 2@100 open 2"]),
            (buy(3, 3, 99), &["accepted 3#13 buy 3@99 open 3"]),
            (
                enter(4, Side::Short, 5, 99),
                &[
                    "accepted 4#14 short 5@99 open 5",
                    "executed 2#12 buy 2@100 with #14 trade 1",
                    "executed 4#14 short 2@100 open 3 with #12 trade 1 removed",
                    "executed 1#11 buy 1@99 with #14 trade 2",
                    "executed 4#14 short 1@99 open 2 with #11 trade 2 removed",
                    "executed 3#13 buy 2@99 open 1 with #14 trade 3",
                    "executed 4#14 short 2@99 with #13 trade 3 removed",
                ],
            ),
        ],
        "3:1@99 |",
    );
}

#[test]
fn limit_needs_a_price_and_a_quantity() {
    check(
        &[
            (sell(1, 4, 0), &["rejected 1 sell invalid_price"]),
            (buy(1, 4, -5), &["rejected 1 buy invalid_price"]),
            (buy(1, 0, 100), &["rejected 1 buy invalid_quantity"]),
            (buy(1, 0, 0), &["rejected 1 buy invalid_quantity"]),
        ],
        "|",
    );
}

#[test]
fn market_never_books() {
    check(
        &[
            (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
            (
                buy(2, 10, 0).market(),
                &[
                    "accepted 2#12 buy 10@0 open 10",
                    "executed 1#11 sell 4@100 with #12 trade 1",
                    "executed 2#12 buy 4@100 open 6 with #11 trade 1 removed",
                    "canceled 2#12 buy 6@0 no_liquidity",
                ],
            ),
            (
                sell(3, 1, 0).market().ioc(),
                &["accepted 3#13 sell 1@0 open 1", "canceled 3#13 sell 1@0 no_liquidity"],
            ),
            (buy(4, 1, 7).market(), &["rejected 4 buy invalid_price"]),
        ],
        "|",
    );
}

/// Defines symbol 2 with a collar of 5 %, around 1000 until something trades.
fn collared<'a>() -> (Do, &'a [&'a str]) {
    let definition = DefineSymbol { collar_bps: 500, reference: Price(1_000), ..plain() };
    (define(2, definition), &["defined of 2 buy"])
}

#[test]
fn market_stops_at_the_collar_around_the_prior_close() {
    check(
        &[
            collared(),
            (sell(1, 4, 1_050).symbol(2), &["accepted 1#12 of 2 sell 4@1050 open 4"]),
            (sell(2, 4, 1_051).symbol(2), &["accepted 2#13 of 2 sell 4@1051 open 4"]),
            (
                buy(3, 6, 0).market().symbol(2),
                &[
                    "accepted 3#14 of 2 buy 6@0 open 6",
                    "executed 1#12 of 2 sell 4@1050 with #14 trade 1",
                    "executed 3#14 of 2 buy 4@1050 open 2 with #12 trade 1 removed",
                    "canceled 3#14 of 2 buy 2@0 collar",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn market_stops_at_the_collar_around_the_last_trade() {
    check(
        &[
            collared(),
            (sell(1, 1, 1_010).symbol(2), &["accepted 1#12 of 2 sell 1@1010 open 1"]),
            (
                buy(2, 1, 1_010).symbol(2),
                &[
                    "accepted 2#13 of 2 buy 1@1010 open 1",
                    "executed 1#12 of 2 sell 1@1010 with #13 trade 1",
                    "executed 2#13 of 2 buy 1@1010 with #12 trade 1 removed",
                ],
            ),
            // 5 % of 1010 is 50.5, so the bound is 960.
            (buy(3, 1, 960).symbol(2), &["accepted 3#14 of 2 buy 1@960 open 1"]),
            (buy(4, 1, 959).symbol(2), &["accepted 4#15 of 2 buy 1@959 open 1"]),
            (
                sell(5, 2, 0).market().symbol(2),
                &[
                    "accepted 5#16 of 2 sell 2@0 open 2",
                    "executed 3#14 of 2 buy 1@960 with #16 trade 1",
                    "executed 5#16 of 2 sell 1@960 open 1 with #14 trade 1 removed",
                    "canceled 5#16 of 2 sell 1@0 collar",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn the_collar_does_not_move_within_a_command() {
    check(
        &[
            collared(),
            (buy(1, 1, 960).symbol(2), &["accepted 1#12 of 2 buy 1@960 open 1"]),
            (buy(2, 1, 940).symbol(2), &["accepted 2#13 of 2 buy 1@940 open 1"]),
            (
                sell(3, 2, 0).market().symbol(2),
                &[
                    "accepted 3#14 of 2 sell 2@0 open 2",
                    "executed 1#12 of 2 buy 1@960 with #14 trade 1",
                    "executed 3#14 of 2 sell 1@960 open 1 with #12 trade 1 removed",
                    "canceled 3#14 of 2 sell 1@0 collar",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn market_to_limit_books_its_rest_at_the_last_fill() {
    check(
        &[
            (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
            (sell(2, 4, 101), &["accepted 2#12 sell 4@101 open 4"]),
            (buy(3, 1, 99), &["accepted 3#13 buy 1@99 open 1"]),
            (
                buy(4, 10, 0).market_to_limit(),
                &[
                    "accepted 4#14 buy 10@0 open 10",
                    "executed 1#11 sell 4@100 with #14 trade 1",
                    "executed 4#14 buy 4@100 open 6 with #11 trade 1 removed",
                    "executed 2#12 sell 4@101 with #14 trade 2",
                    "executed 4#14 buy 4@101 open 2 with #12 trade 2 removed",
                    "restated 4#14 buy 2@101 open 2",
                ],
            ),
            // The booked rest is a limit order: its executed quantity counts in the new total.
            (reduce(4, 9), &["canceled 4#14 buy 1@101 open 1 user"]),
        ],
        "4:1@101 3:1@99 |",
    );
}

#[test]
fn market_to_limit_that_did_not_trade_is_cancelled() {
    check(
        &[
            (
                buy(1, 10, 0).market_to_limit(),
                &["accepted 1#11 buy 10@0 open 10", "canceled 1#11 buy 10@0 no_liquidity"],
            ),
            collared(),
            (buy(2, 1, 1).symbol(2), &["accepted 2#13 of 2 buy 1@1 open 1"]),
            (
                sell(3, 1, 0).market_to_limit().symbol(2),
                &["accepted 3#14 of 2 sell 1@0 open 1", "canceled 3#14 of 2 sell 1@0 collar"],
            ),
            (buy(4, 1, 1).market_to_limit(), &["rejected 4 buy invalid_price"]),
            (buy(4, 1, 0).market_to_limit().fok(), &["rejected 4 buy unsupported"]),
        ],
        "|",
    );
}

#[test]
fn market_to_limit_ioc_cancels_its_rest() {
    check(
        &[
            (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
            (
                buy(2, 5, 0).market_to_limit().ioc(),
                &[
                    "accepted 2#12 buy 5@0 open 5",
                    "executed 1#11 sell 4@100 with #12 trade 1",
                    "executed 2#12 buy 4@100 open 1 with #11 trade 1 removed",
                    "canceled 2#12 buy 1@0 ioc_remainder",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn ioc_cancels_its_rest_in_the_same_command() {
    check(
        &[
            (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
            (
                buy(2, 1, 99).ioc(),
                &["accepted 2#12 buy 1@99 open 1", "canceled 2#12 buy 1@99 ioc_remainder"],
            ),
            (
                buy(3, 6, 100).ioc(),
                &[
                    "accepted 3#13 buy 6@100 open 6",
                    "executed 1#11 sell 4@100 with #13 trade 1",
                    "executed 3#13 buy 4@100 open 2 with #11 trade 1 removed",
                    "canceled 3#13 buy 2@100 ioc_remainder",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn fok_is_decided_over_all_levels() {
    check(
        &[
            (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
            (sell(2, 4, 101), &["accepted 2#12 sell 4@101 open 4"]),
            (sell(3, 4, 102), &["accepted 3#13 sell 4@102 open 4"]),
            (
                buy(4, 9, 101).fok(),
                &["accepted 4#14 buy 9@101 open 9", "canceled 4#14 buy 9@101 fok_not_fillable"],
            ),
            (
                buy(5, 8, 101).fok(),
                &[
                    "accepted 5#15 buy 8@101 open 8",
                    "executed 1#11 sell 4@100 with #15 trade 1",
                    "executed 5#15 buy 4@100 open 4 with #11 trade 1 removed",
                    "executed 2#12 sell 4@101 with #15 trade 2",
                    "executed 5#15 buy 4@101 with #12 trade 2 removed",
                ],
            ),
        ],
        "| 3:4@102",
    );
}

#[test]
fn fok_market_is_decided_within_the_collar() {
    check(
        &[
            collared(),
            (sell(1, 4, 1_050).symbol(2), &["accepted 1#12 of 2 sell 4@1050 open 4"]),
            (sell(2, 4, 1_051).symbol(2), &["accepted 2#13 of 2 sell 4@1051 open 4"]),
            (
                buy(3, 5, 0).market().fok().symbol(2),
                &[
                    "accepted 3#14 of 2 buy 5@0 open 5",
                    "canceled 3#14 of 2 buy 5@0 fok_not_fillable",
                ],
            ),
            (
                buy(4, 4, 0).market().fok().symbol(2),
                &[
                    "accepted 4#15 of 2 buy 4@0 open 4",
                    "executed 1#12 of 2 sell 4@1050 with #15 trade 1",
                    "executed 4#15 of 2 buy 4@1050 with #12 trade 1 removed",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn fok_counts_without_the_orders_that_self_trade_prevention_removes() {
    let modes = [
        (SelfTrade::CancelOldest, true),
        (SelfTrade::CancelSmallest, true),
        (SelfTrade::CancelNewest, false),
        (SelfTrade::CancelBoth, false),
        (SelfTrade::Decrement, false),
    ];
    for (mode, fills) in modes {
        let removed = [
            "accepted 3#13 buy 5@101 open 5",
            "canceled 1#11 sell 4@100 self_trade",
            "executed 2#12 sell 5@101 open 1 with #13 trade 1",
            "executed 3#13 buy 5@101 with #12 trade 1 removed",
        ];
        let refused =
            ["accepted 3#13 buy 5@101 open 5", "canceled 3#13 buy 5@101 fok_not_fillable"];
        let (expected, book) = match fills {
            true => (&removed[..], "| 2:1@101"),
            false => (&refused[..], "| 1:4@100 2:6@101"),
        };
        check(
            &[
                (sell(1, 4, 100).firm(7), &["accepted 1#11 sell 4@100 open 4"]),
                (sell(2, 6, 101).firm(8), &["accepted 2#12 sell 6@101 open 6"]),
                (buy(3, 5, 101).firm(7).mode(mode).fok(), expected),
            ],
            book,
        );
    }
}

#[test]
fn fok_cannot_be_filled_past_an_own_order_that_is_not_smaller() {
    for own in [5, 6] {
        let accepted = format!("accepted 1#11 sell {own}@100 open {own}");
        let mode = SelfTrade::CancelSmallest;
        check(
            &[
                (sell(1, own, 100).firm(7), &[&accepted]),
                (sell(2, 9, 101).firm(8), &["accepted 2#12 sell 9@101 open 9"]),
                (
                    buy(3, 5, 101).firm(7).mode(mode).fok(),
                    &["accepted 3#13 buy 5@101 open 5", "canceled 3#13 buy 5@101 fok_not_fillable"],
                ),
            ],
            &format!("| 1:{own}@100 2:9@101"),
        );
    }
}

#[test]
fn day_and_gtc_rest() {
    let gtc = buy(2, 1, 100).with(|e| e.tif = TimeInForce::Gtc);
    check(
        &[
            (buy(1, 1, 100), &["accepted 1#11 buy 1@100 open 1"]),
            (gtc, &["accepted 2#12 buy 1@100 open 1"]),
        ],
        "1:1@100 2:1@100 |",
    );
}

#[test]
fn post_only_that_would_trade_is_rejected() {
    check(
        &[
            (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
            (buy(2, 4, 100).post_only(), &["rejected 2 buy post_only_would_cross"]),
            (buy(2, 4, 99).post_only(), &["accepted 2#13 buy 4@99 open 4"]),
            (
                enter(3, Side::ShortExempt, 4, 99).post_only(),
                &["rejected 3 short_exempt post_only_would_cross"],
            ),
            (sell(3, 4, 100).post_only(), &["accepted 3#15 sell 4@100 open 4"]),
        ],
        "2:4@99 | 1:4@100 3:4@100",
    );
}

#[test]
fn post_only_slides_one_tick_passive() {
    check(
        &[
            (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
            (buy(2, 4, 105).slide(), &["accepted 2#12 buy 4@99 open 4"]),
            (sell(3, 4, 95).slide(), &["accepted 3#13 sell 4@100 open 4"]),
            (sell(4, 4, 101).slide(), &["accepted 4#14 sell 4@101 open 4"]),
        ],
        "2:4@99 | 1:4@100 3:4@100 4:4@101",
    );
}

#[test]
fn post_only_looks_at_the_touch_whoever_owns_it() {
    let mode = SelfTrade::CancelOldest;
    check(
        &[
            (sell(1, 4, 100).firm(7), &["accepted 1#11 sell 4@100 open 4"]),
            (
                buy(2, 4, 100).firm(7).mode(mode).post_only(),
                &["rejected 2 buy post_only_would_cross"],
            ),
        ],
        "| 1:4@100",
    );
}

#[test]
fn post_only_is_for_limit_orders_that_may_rest() {
    check(
        &[
            (buy(1, 4, 100).post_only().ioc(), &["rejected 1 buy unsupported"]),
            (buy(1, 4, 100).slide().fok(), &["rejected 1 buy unsupported"]),
            (buy(1, 4, 0).slide().market(), &["rejected 1 buy unsupported"]),
            (buy(1, 4, 0).post_only().market_to_limit(), &["rejected 1 buy unsupported"]),
        ],
        "|",
    );
}
