//! Price bands: their effect on entering orders, on resting orders, on auctions, and on a quote
//! that stands at a band.

use super::SymbolState::{Halted, Open, PreOpen};
use super::*;
use ringside_model::command::{EnterSpecial, SpecialTerms};

/// Reports of static bands of 90 and 110.
const SET: &[&str] = &["bands_set 0/0 buy 0@90 other 110"];
/// Reports of dynamic bands of 10 % around 100.
const AROUND_100: &[&str] = &["bands_set 0/0 buy 100@90 other 110"];

#[test]
fn an_order_beyond_a_band_gets_the_band_as_its_limit() {
    check(
        &[
            (bands(90, 110, 0, 0), SET),
            (buy(1, 5, 111), &["accepted 1#12 buy 5@110 open 5"]),
            (
                sell(2, 2, 80),
                &[
                    "accepted 2#13 sell 2@90 open 2",
                    "executed 1#12 buy 2@110 open 3 with #13 trade 1",
                    "executed 2#13 sell 2@110 with #12 trade 1 removed",
                ],
            ),
            (sell(3, 1, 200), &["accepted 3#14 sell 1@200 open 1"]),
            (buy(4, 1, 1), &["accepted 4#15 buy 1@1 open 1"]),
            (replace(4, 5, 1, 120), &["replaced 5#15 buy 1@110 open 1 other 4"]),
        ],
        "1:3@110 5:1@110 | 3:1@200",
    );
}

#[test]
fn bands_that_cannot_be_are_refused_and_the_ones_before_stay() {
    check(
        &[
            (bands(90, 110, 0, 0), SET),
            (bands(111, 110, 0, 0), &["rejected 0/0 buy invalid_definition"]),
            (bands(-1, 110, 0, 0), &["rejected 0/0 buy invalid_definition"]),
            (bands(0, 0, 500, -1), &["rejected 0/0 buy invalid_definition"]),
            (bands(0, 0, 10_001, 100), &["rejected 0/0 buy invalid_definition"]),
            // There is neither a trade nor a prior close as a reference.
            (bands(0, 0, 500, 0), &["rejected 0/0 buy invalid_definition"]),
            (bands(90, 110, 0, 0).symbol(2), &["rejected 0/0 of 2 buy unknown_symbol"]),
            (buy(1, 1, 111), &["accepted 1#18 buy 1@110 open 1"]),
        ],
        "1:1@110 |",
    );
}

#[test]
fn dynamic_bands_are_whole_ticks_from_the_reference_and_one_at_least() {
    check(
        &[
            (bands(0, 0, 50, 1_999), &["bands_set 0/0 buy 1999@1990 other 2008"]),
            (bands(0, 0, 50, 10), &["bands_set 0/0 buy 10@9 other 11"]),
            (bands(0, 0, 10_000, 10), &["bands_set 0/0 buy 10@1 other 20"]),
            (bands(5, 15, 10_000, 10), &["bands_set 0/0 buy 10@5 other 15"]),
            (bands(5, 15, 1_000, 100), &["bands_set 0/0 buy 100@15 other 15"]),
            (bands(5, 0, 0, 7), &["bands_set 0/0 buy 0@5"]),
            (bands(0, 0, 0, 0), &["bands_set 0/0 buy"]),
            (buy(1, 1, 1_000), &["accepted 1#18 buy 1@1000 open 1"]),
        ],
        "1:1@1000 |",
    );
}

#[test]
fn the_reference_is_the_last_price_or_the_prior_close_if_none_is_given() {
    let definition = DefineSymbol { reference: Price(200), ..plain() };
    let of_2 = |order: Do| order.symbol(2);
    check(
        &[
            (define(2, definition), &["defined of 2 buy"]),
            (of_2(bands(0, 0, 1_000, 0)), &["bands_set 0/0 of 2 buy 200@180 other 220"]),
            (of_2(sell(1, 1, 190)), &["accepted 1#13 of 2 sell 1@190 open 1"]),
            (
                of_2(buy(2, 1, 190)),
                &[
                    "accepted 2#14 of 2 buy 1@190 open 1",
                    "executed 1#13 of 2 sell 1@190 with #14 trade 1",
                    "executed 2#14 of 2 buy 1@190 with #13 trade 1 removed",
                ],
            ),
            (of_2(bands(0, 0, 1_000, 0)), &["bands_set 0/0 of 2 buy 190@171 other 209"]),
        ],
        "|",
    );
}

#[test]
fn a_market_order_ends_at_the_band() {
    check(
        &[
            (bands(90, 110, 0, 0), SET),
            (sell(1, 1, 105), &["accepted 1#12 sell 1@105 open 1"]),
            (sell(2, 1, 120), &["accepted 2#13 sell 1@120 open 1"]),
            (
                enter(3, Side::Buy, 3, 0).market(),
                &[
                    "accepted 3#14 buy 3@0 open 3",
                    "executed 1#12 sell 1@105 with #14 trade 1",
                    "executed 3#14 buy 1@105 open 2 with #12 trade 1 removed",
                    "canceled 3#14 buy 2@0 collar",
                ],
            ),
            (
                buy(4, 2, 130).ioc(),
                &["accepted 4#15 buy 2@110 open 2", "canceled 4#15 buy 2@110 ioc_remainder"],
            ),
            (
                buy(5, 1, 130).fok(),
                &["accepted 5#16 buy 1@110 open 1", "canceled 5#16 buy 1@110 fok_not_fillable"],
            ),
        ],
        "| 2:1@120",
    );
}

#[test]
fn a_post_only_order_is_banded_before_it_slides() {
    check(
        &[
            (bands(90, 110, 0, 0), SET),
            (sell(1, 1, 110), &["accepted 1#12 sell 1@110 open 1"]),
            (buy(2, 1, 120).post_only(), &["rejected 2 buy post_only_would_cross"]),
            (buy(3, 1, 120).slide(), &["accepted 3#14 buy 1@109 open 1"]),
        ],
        "3:1@109 | 1:1@110",
    );
}

#[test]
fn a_stop_gets_the_band_as_its_limit_when_it_is_elected() {
    check(
        &[
            (bands(90, 110, 0, 0), SET),
            (
                stop_order(buy(1, 1, 130), 120),
                &["accepted 1#12 buy 1@120 open 1 other 130 hidden stop"],
            ),
            (
                stop_order(buy(2, 1, 130), 105),
                &["accepted 2#13 buy 1@105 open 1 other 130 hidden stop"],
            ),
            (sell(3, 1, 105), &["accepted 3#14 sell 1@105 open 1"]),
            (
                buy(4, 1, 105),
                &[
                    "accepted 4#15 buy 1@105 open 1",
                    "executed 3#14 sell 1@105 with #15 trade 1",
                    "executed 4#15 buy 1@105 with #14 trade 1 removed",
                    "triggered 2#15.1 buy 1@110 open 1 was #13",
                ],
            ),
        ],
        "2:1@110 |",
    );
}

#[test]
fn what_rests_beyond_new_bands_is_repriced_in_priority_order() {
    check(
        &[
            (buy(1, 1, 105), &["accepted 1#11 buy 1@105 open 1"]),
            (buy(2, 2, 107), &["accepted 2#12 buy 2@107 open 2"]),
            (buy(3, 3, 100), &["accepted 3#13 buy 3@100 open 3"]),
            (
                iceberg_of(buy(4, 9, 105), 4),
                &["accepted 4#14 buy 9@105 open 9", "displayed 4#14 buy 4@105 open 9 was #14"],
            ),
            (sell(5, 1, 120), &["accepted 5#15 sell 1@120 open 1"]),
            (
                bands(80, 100, 0, 0),
                &[
                    "bands_set 0/0 buy 0@80 other 100",
                    "repriced 2#16.1 buy 2@100 open 2 was #12",
                    "repriced 1#16.2 buy 1@100 open 1 was #11",
                    "repriced 4#16.3 buy 4@100 open 9 was #14",
                ],
            ),
            (
                bands(130, 0, 0, 0),
                &["bands_set 0/0 buy 0@130", "repriced 5#17.1 sell 1@130 open 1 was #15"],
            ),
        ],
        "3:3@100 2:2@100 1:1@100 4:9@100 | 5:1@130",
    );
}

#[test]
fn static_bands_hold_in_a_call_and_an_auction_trades_within_them() {
    let unlimited = |id, side, quantity| enter(id, side, quantity, 0).market();
    let auction = |order: Do| order.tif(TimeInForce::Auction);
    check(
        &[
            (bands(90, 110, 0, 0), SET),
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (buy(1, 1, 120), &["accepted 1#13 buy 1@110 open 1"]),
            // The limit lies beyond the opposite band: the order has no part in the auction.
            (sell(2, 1, 120), &["accepted 2#14 sell 1@120 open 1"]),
            (auction(unlimited(3, Side::Buy, 1)), &["accepted 3#15 buy 1@0 open 1 hidden"]),
            (
                auction(unlimited(4, Side::Sell, 2)),
                &["accepted 4#16 sell 2@0 open 2 hidden", "indicative 0/0 buy 2@110 other 1"],
            ),
            (
                state(Open),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy 2@110 other 1",
                    "executed 3#15 buy 1@110 with #16 trade 1 hidden opening",
                    "executed 4#16 sell 1@110 open 1 with #15 trade 1 hidden opening younger",
                    "executed 1#13 buy 1@110 with #16 trade 2 opening",
                    "executed 4#16 sell 1@110 with #13 trade 2 hidden opening younger",
                ],
            ),
        ],
        "| 2:1@120",
    );
}

#[test]
fn dynamic_bands_hold_while_open_only_and_an_auction_moves_their_reference() {
    check(
        &[
            (bands(0, 0, 1_000, 100), AROUND_100),
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (buy(1, 3, 150), &["accepted 1#13 buy 3@150 open 3"]),
            (
                sell(2, 1, 140),
                &["accepted 2#14 sell 1@140 open 1", "indicative 0/0 buy 1@150 open 2 other 1"],
            ),
            (
                sell(3, 1, 130).tif(TimeInForce::AtClose),
                &["accepted 3#15 sell 1@130 open 1 hidden"],
            ),
            (
                state(Open),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy 1@150 other 1",
                    "executed 1#13 buy 1@150 open 2 with #14 trade 1 opening",
                    "executed 2#14 sell 1@150 with #13 trade 1 opening younger",
                    "bands_set 0/0 buy 150@135 other 165",
                ],
            ),
            (
                buy(4, 1, 170),
                &["accepted 4#17 buy 1@165 open 1", "limit_state 0/0 buy 15000000017@165 other 1"],
            ),
            (
                sell(5, 1, 100),
                &[
                    "accepted 5#18 sell 1@135 open 1",
                    "executed 4#17 buy 1@165 with #18 trade 1",
                    "executed 5#18 sell 1@165 with #17 trade 1 removed",
                    "limit_state 0/0 buy 0@165",
                ],
            ),
        ],
        "1:2@150 |",
    );
}

#[test]
fn what_entered_in_a_call_is_repriced_when_the_dynamic_bands_hold_again() {
    check(
        &[
            (bands(0, 0, 1_000, 100), AROUND_100),
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (buy(1, 1, 150), &["accepted 1#13 buy 1@150 open 1"]),
            (
                stop_order(sell(2, 1, 50), 60),
                &["accepted 2#14 sell 1@60 open 1 other 50 hidden stop"],
            ),
            (
                state(Open),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy other 1",
                    "repriced 1#15.1 buy 1@110 open 1 was #13",
                    "limit_state 0/0 buy 15000000015@110 other 1",
                ],
            ),
        ],
        "1:1@110 |",
    );
}

#[test]
fn a_quote_that_stands_at_a_band_for_fifteen_seconds_pauses_the_symbol_for_five_minutes() {
    check(
        &[
            (bands(0, 0, 1_000, 100), AROUND_100),
            (
                sell(1, 2, 90),
                &["accepted 1#12 sell 2@90 open 2", "limit_state 0/0 sell 15000000012@90 other 1"],
            ),
            (tick_after(14), &["ticked 0/0 buy"]),
            (
                tick_after(1),
                &[
                    "ticked 0/0 buy",
                    "state_changed 0/0 buy 315000000012@0 other 5 limit_state",
                    "bands_set 0/0 buy 100@90 other 110",
                    "limit_state 0/0 sell 0@90",
                ],
            ),
            (
                buy(2, 1, 95),
                &["accepted 2#15 buy 1@95 open 1", "indicative 0/0 sell 1@90 open 1 other 3"],
            ),
            (tick_after(299), &["ticked 0/0 buy"]),
            (
                tick_after(1),
                &[
                    "ticked 0/0 buy",
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy 1@90 other 3",
                    "executed 1#12 sell 1@90 open 1 with #15 trade 1 reopening",
                    "executed 2#15 buy 1@90 with #12 trade 1 reopening younger",
                    "bands_set 0/0 buy 90@81 other 99",
                ],
            ),
            (tick_after(1_000), &["ticked 0/0 buy"]),
        ],
        "| 1:1@90",
    );
}

#[test]
fn a_pause_that_is_due_comes_before_the_next_command_of_the_symbol() {
    let after = |seconds, Do(command, time, _): Do| Do(command, time, seconds);
    check(
        &[
            (bands(0, 0, 1_000, 100), AROUND_100),
            (
                buy(1, 2, 110),
                &["accepted 1#12 buy 2@110 open 2", "limit_state 0/0 buy 15000000012@110 other 1"],
            ),
            (
                after(17, sell(2, 2, 110)),
                &[
                    "state_changed 0/0 buy 315000000012@0 other 5 limit_state",
                    "bands_set 0/0 buy 100@90 other 110",
                    "limit_state 0/0 buy 0@110",
                    "accepted 2#13 sell 2@110 open 2",
                    "indicative 0/0 buy 2@110 other 3",
                ],
            ),
        ],
        "1:2@110 | 2:2@110",
    );
}

#[test]
fn an_end_in_time_keeps_a_limit_state_from_a_pause_whether_a_tick_came_or_not() {
    let good_till = |id, price, end| {
        let Action::Enter(order) = buy(id, 5, price).gtc().0.action else { panic!("an enter") };
        let terms = SpecialTerms { expire: Nanos(end), ..SpecialTerms::NONE };
        act(Action::EnterSpecial(EnterSpecial { order, terms }))
    };
    const SECOND: u64 = 1_000_000_000;
    let begin = |row: &mut Vec<(Do, &'static [&'static str])>| {
        row.push((bands(0, 0, 1_000, 100), AROUND_100));
        row.push((
            good_till(1, 110, 5 * SECOND),
            &["accepted 1#12 buy 5@110 open 5", "limit_state 0/0 buy 15000000012@110 other 1"],
        ));
    };
    let mut late = vec![];
    begin(&mut late);
    late.push((
        tick_after(20),
        &["ticked 0/0 buy 1@0", "canceled 1#12 buy 5@110 expired", "limit_state 0/0 buy 0@110"],
    ));
    check(&late, "|");

    // Another order stands at the band all the time: the quote has no gap.
    let mut behind = vec![];
    begin(&mut behind);
    behind.push((good_till(2, 110, 30 * SECOND), &["accepted 2#13 buy 5@110 open 5"]));
    behind.push((
        tick_after(20),
        &[
            "ticked 0/0 buy 1@0",
            "canceled 1#12 buy 5@110 expired",
            "state_changed 0/0 buy 315000000012@0 other 5 limit_state",
            "bands_set 0/0 buy 100@90 other 110",
            "limit_state 0/0 buy 0@110",
        ],
    ));
    check(&behind, "2:5@110 |");
}

#[test]
fn a_quote_that_leaves_the_band_begins_anew() {
    check(
        &[
            (bands(0, 0, 1_000, 100), AROUND_100),
            (
                buy(1, 2, 110),
                &["accepted 1#12 buy 2@110 open 2", "limit_state 0/0 buy 15000000012@110 other 1"],
            ),
            (buy(2, 2, 110), &["accepted 2#13 buy 2@110 open 2"]),
            (cancel(1), &["canceled 1#12 buy 2@110 user"]),
            (tick_after(14), &["ticked 0/0 buy"]),
            (
                mass_cancel(MassCancel::default()),
                &[
                    "mass_canceled buy 1@0",
                    "canceled 2#13 buy 2@110 mass_cancel",
                    "limit_state 0/0 buy 0@110",
                ],
            ),
            (
                buy(3, 2, 110),
                &["accepted 3#17 buy 2@110 open 2", "limit_state 0/0 buy 29000000017@110 other 1"],
            ),
            (tick_after(2), &["ticked 0/0 buy"]),
            (bands(0, 0, 0, 0), &["bands_set 0/0 buy", "limit_state 0/0 buy 0@110"]),
        ],
        "3:2@110 |",
    );
}

#[test]
fn a_quote_at_a_static_band_pauses_nothing() {
    check(
        &[
            (bands(95, 105, 1_000, 100), &["bands_set 0/0 buy 100@95 other 105"]),
            (buy(1, 1, 105), &["accepted 1#12 buy 1@105 open 1"]),
            (tick_after(100), &["ticked 0/0 buy"]),
        ],
        "1:1@105 |",
    );
}

#[test]
fn an_operator_who_changes_the_state_of_a_paused_symbol_takes_over() {
    check(
        &[
            (bands(0, 0, 1_000, 100), AROUND_100),
            (
                buy(1, 2, 110),
                &["accepted 1#12 buy 2@110 open 2", "limit_state 0/0 buy 15000000012@110 other 1"],
            ),
            (
                tick_after(20),
                &[
                    "ticked 0/0 buy",
                    "state_changed 0/0 buy 315000000012@0 other 5 limit_state",
                    "bands_set 0/0 buy 100@90 other 110",
                    "limit_state 0/0 buy 0@110",
                ],
            ),
            (state(Halted), &["state_changed 0/0 buy other 4"]),
            (tick_after(1_000), &["ticked 0/0 buy"]),
            (cancel(1), &["canceled 1#12 buy 2@110 user"]),
        ],
        "|",
    );
}

#[test]
fn a_symbol_with_bands_does_not_move() {
    use ringside_model::command::MoveSymbol;
    use ringside_model::domain::{MoveStep, PartitionId};
    let halt = MoveSymbol {
        step: MoveStep::Halt,
        partition: PartitionId(1),
        version: 0,
        orders: 0,
        quantity: Quantity(0),
    };
    check(
        &[
            (bands(90, 110, 0, 0), SET),
            (act(Action::from(halt)).session(0), &["rejected 0/0 buy cannot_move"]),
        ],
        "|",
    );
}

#[test]
fn bands_at_the_edge_of_the_domain() {
    check(
        &[
            (
                bands(0, 0, 10_000, TOP),
                &["bands_set 0/0 buy 9223372036854775807@1 other 9223372036854775807"],
            ),
            (
                buy(1, 1, TOP),
                &[
                    "accepted 1#12 buy 1@9223372036854775807 open 1",
                    "limit_state 0/0 buy 15000000012@9223372036854775807 other 1",
                ],
            ),
            (
                bands(1, 1, 1, 1),
                &[
                    "bands_set 0/0 buy 1@1 other 1",
                    "repriced 1#13.1 buy 1@1 open 1 was #12",
                    "limit_state 0/0 buy 0@9223372036854775807",
                ],
            ),
        ],
        "1:1@1 |",
    );
}
