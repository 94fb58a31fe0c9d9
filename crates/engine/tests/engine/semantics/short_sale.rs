//! Short sale price test.

use super::SymbolState::PreOpen;
use super::*;

const RESTRICTED: &[&str] = &["short_sale_set 0/0 buy other 1"];

fn short(id: u64, quantity: u64, price: i64) -> Do {
    enter(id, Side::Short, quantity, price)
}

#[test]
fn a_short_sale_at_or_below_the_best_bid_is_rejected() {
    check(
        &[
            (buy(1, 5, 100), &["accepted 1#11 buy 5@100 open 5"]),
            (short_sale(true, false), RESTRICTED),
            (short(2, 1, 100), &["rejected 2 short short_restricted"]),
            (short(3, 1, 99), &["rejected 3 short short_restricted"]),
            (short(4, 1, 0).market(), &["rejected 4 short short_restricted"]),
            (short(5, 1, 101), &["accepted 5#16 short 1@101 open 1"]),
            (
                enter(6, Side::ShortExempt, 1, 100),
                &[
                    "accepted 6#17 short_exempt 1@100 open 1",
                    "executed 1#11 buy 1@100 open 4 with #17 trade 1",
                    "executed 6#17 short_exempt 1@100 with #11 trade 1 removed",
                ],
            ),
            (
                sell(7, 1, 100),
                &[
                    "accepted 7#18 sell 1@100 open 1",
                    "executed 1#11 buy 1@100 open 3 with #18 trade 1",
                    "executed 7#18 sell 1@100 with #11 trade 1 removed",
                ],
            ),
            (short_sale(false, false), &["short_sale_set 0/0 buy"]),
            (
                short(8, 1, 100),
                &[
                    "accepted 8#20 short 1@100 open 1",
                    "executed 1#11 buy 1@100 open 2 with #20 trade 1",
                    "executed 8#20 short 1@100 with #11 trade 1 removed",
                ],
            ),
        ],
        "1:2@100 | 5:1@101",
    );
}

#[test]
fn the_bid_of_the_quote_comes_before_that_of_the_book() {
    check(
        &[
            (short_sale(true, false), RESTRICTED),
            (short(1, 1, 5), &["accepted 1#12 short 1@5 open 1"]),
            (quote(100, 99), &["quoted 0/0 buy 0@100 other 99"]),
            (short(2, 1, 100), &["rejected 2 short short_restricted"]),
            (quote(10, 0), &["quoted 0/0 buy 0@10"]),
            (short(3, 1, 11), &["accepted 3#16 short 1@11 open 1"]),
            (quote(-1, 0), &["rejected 0/0 buy invalid_price"]),
            (quote(0, 99), &["quoted 0/0 buy other 99"]),
            (short(4, 1, 6), &["accepted 4#19 short 1@6 open 1"]),
        ],
        "| 1:1@5 4:1@6 3:1@11",
    );
}

#[test]
fn what_rested_before_stays_and_trades() {
    check(
        &[
            (short(1, 2, 100), &["accepted 1#11 short 2@100 open 2"]),
            (short_sale(true, false), RESTRICTED),
            (quote(110, 0), &["quoted 0/0 buy 0@110"]),
            (
                buy(2, 1, 100),
                &[
                    "accepted 2#14 buy 1@100 open 1",
                    "executed 1#11 short 1@100 open 1 with #14 trade 1",
                    "executed 2#14 buy 1@100 with #11 trade 1 removed",
                ],
            ),
            // A replace is tested as a new order is.
            (replace(1, 3, 5, 105), &["canceled 1#11 short 1@100 replaced_invalid"]),
        ],
        "|",
    );
}

#[test]
fn a_sale_that_becomes_short_is_tested() {
    check(
        &[
            (sell(1, 2, 100), &["accepted 1#11 sell 2@100 open 2"]),
            (quote(100, 0), &["quoted 0/0 buy 0@100"]),
            (short_sale(true, false), RESTRICTED),
            (modify(1, Some(Side::Short), None), &["rejected 1 buy short_restricted"]),
            (
                modify(1, Some(Side::ShortExempt), None),
                &["modified 1#11 short_exempt 0@100 open 2"],
            ),
            (quote(99, 0), &["quoted 0/0 buy 0@99"]),
            (modify(1, Some(Side::Short), None), &["modified 1#11 short 0@100 open 2"]),
            // An order that has the marking already is not tested again.
            (quote(100, 0), &["quoted 0/0 buy 0@100"]),
            (modify(1, Some(Side::Short), Some(1)), &["modified 1#11 short 1@100 open 1"]),
        ],
        "| 1:1@100",
    );
}

#[test]
fn a_short_stop_is_tested_when_it_is_elected() {
    check(
        &[
            (short_sale(true, false), RESTRICTED),
            (buy(1, 2, 100), &["accepted 1#12 buy 2@100 open 2"]),
            (
                stop_order(short(2, 1, 100), 100),
                &["accepted 2#13 short 1@100 open 1 other 100 hidden stop"],
            ),
            (
                stop_order(short(3, 1, 0).market(), 100),
                &["accepted 3#14 short 1@100 open 1 hidden stop"],
            ),
            (
                stop_order(short(4, 1, 101), 100),
                &["accepted 4#15 short 1@100 open 1 other 101 hidden stop"],
            ),
            (
                sell(5, 1, 100),
                &[
                    "accepted 5#16 sell 1@100 open 1",
                    "executed 1#12 buy 1@100 open 1 with #16 trade 1",
                    "executed 5#16 sell 1@100 with #12 trade 1 removed",
                    "triggered 2#16.1 short 1@100 open 1 was #13",
                    "canceled 2#16.1 short 1@100 short_ended",
                    "triggered 3#16.2 short 1@0 open 1 was #14",
                    "canceled 3#16.2 short 1@0 short_ended",
                    "triggered 4#16.3 short 1@101 open 1 was #15",
                ],
            ),
        ],
        "1:1@100 | 4:1@101",
    );
}

#[test]
fn an_iceberg_is_tested_and_so_is_what_enters_in_a_call() {
    check(
        &[
            (short_sale(true, false), RESTRICTED),
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (quote(100, 0), &["quoted 0/0 buy 0@100"]),
            (iceberg_of(short(2, 4, 100), 2), &["rejected 2 short short_restricted"]),
            (short(3, 1, 90), &["rejected 3 short short_restricted"]),
            (
                short(4, 1, 0).market().tif(TimeInForce::AtOpen),
                &["rejected 4 short short_restricted"],
            ),
            (
                iceberg_of(short(5, 4, 101), 2),
                &["accepted 5#17 short 4@101 open 4", "displayed 5#17 short 2@101 open 4 was #17"],
            ),
        ],
        "| 5:4@101",
    );
}

#[test]
fn in_a_call_without_a_quote_there_is_no_test() {
    check(
        &[
            (short_sale(true, false), RESTRICTED),
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (buy(1, 1, 120), &["accepted 1#13 buy 1@120 open 1"]),
            (
                short(2, 5, 110),
                &["accepted 2#14 short 5@110 open 5", "indicative 0/0 sell 1@110 open 4 other 1"],
            ),
        ],
        "1:1@120 | 2:5@110",
    );
}

#[test]
fn a_fall_restricts_the_stops_that_its_own_trade_elects() {
    let definition = DefineSymbol { reference: Price(1_000), ..plain() };
    let of_2 = |order: Do| order.symbol(2);
    check(
        &[
            (define(2, definition), &["defined of 2 buy"]),
            (of_2(short_sale(false, true)), &["short_sale_set 0/0 of 2 buy other 2"]),
            (of_2(buy(1, 1, 900)), &["accepted 1#13 of 2 buy 1@900 open 1"]),
            (of_2(buy(2, 5, 890)), &["accepted 2#14 of 2 buy 5@890 open 5"]),
            (
                of_2(stop_order(short(3, 2, 0).market(), 900)),
                &["accepted 3#15 of 2 short 2@900 open 2 hidden stop"],
            ),
            (
                of_2(sell(4, 1, 900)),
                &[
                    "accepted 4#16 of 2 sell 1@900 open 1",
                    "executed 1#13 of 2 buy 1@900 with #16 trade 1",
                    "executed 4#16 of 2 sell 1@900 with #13 trade 1 removed",
                    "triggered 3#16.1 of 2 short 2@0 open 2 was #15",
                    "canceled 3#16.1 of 2 short 2@0 short_ended",
                    "short_sale_set 0/0 of 2 buy other 3",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn a_short_sale_that_slides_off_the_other_side_passes() {
    check(
        &[
            (short_sale(true, false), RESTRICTED),
            (buy(1, 5, 100), &["accepted 1#12 buy 5@100 open 5"]),
            (short(2, 1, 90).slide(), &["accepted 2#13 short 1@101 open 1"]),
            (quote(101, 0), &["quoted 0/0 buy 0@101"]),
            (short(3, 1, 90).slide(), &["rejected 3 short short_restricted"]),
        ],
        "1:5@100 | 2:1@101",
    );
}

#[test]
fn a_trade_ten_percent_below_the_prior_close_restricts_where_that_was_asked_for() {
    let definition = DefineSymbol { reference: Price(1_000), ..plain() };
    let of_2 = |order: Do| order.symbol(2);
    check(
        &[
            (define(2, definition), &["defined of 2 buy"]),
            (of_2(short_sale(false, true)), &["short_sale_set 0/0 of 2 buy other 2"]),
            (of_2(buy(1, 2, 901)), &["accepted 1#13 of 2 buy 2@901 open 2"]),
            (of_2(buy(2, 2, 900)), &["accepted 2#14 of 2 buy 2@900 open 2"]),
            (
                of_2(short(3, 1, 901)),
                &[
                    "accepted 3#15 of 2 short 1@901 open 1",
                    "executed 1#13 of 2 buy 1@901 open 1 with #15 trade 1",
                    "executed 3#15 of 2 short 1@901 with #13 trade 1 removed",
                ],
            ),
            // The order that trades goes on; the restriction holds for those after it.
            (
                of_2(short(4, 2, 900)),
                &[
                    "accepted 4#16 of 2 short 2@900 open 2",
                    "executed 1#13 of 2 buy 1@901 with #16 trade 1",
                    "executed 4#16 of 2 short 1@901 open 1 with #13 trade 1 removed",
                    "executed 2#14 of 2 buy 1@900 open 1 with #16 trade 2",
                    "executed 4#16 of 2 short 1@900 with #14 trade 2 removed",
                    "short_sale_set 0/0 of 2 buy other 3",
                ],
            ),
            (of_2(short(5, 1, 900)), &["rejected 5 of 2 short short_restricted"]),
            (
                of_2(sell(6, 1, 900)),
                &[
                    "accepted 6#18 of 2 sell 1@900 open 1",
                    "executed 2#14 of 2 buy 1@900 with #18 trade 1",
                    "executed 6#18 of 2 sell 1@900 with #14 trade 1 removed",
                ],
            ),
        ],
        "|",
    );
}
