//! Replaces of stops, icebergs, orders with special terms and pegs, with and without other terms.

use super::SymbolState::{ClosingCall, Halted, Open, PreOpen};
use super::pegs::{midpoint, peg, primary};
use super::special::{at_least, hidden, until};
use super::*;
use ringside_model::command::NamedSpecialTerms;

const NONE_NAMED: NamedSpecialTerms =
    NamedSpecialTerms { min_quantity: None, peg_offset: None, peg_limit: None, expire: Nanos(0) };

fn stop_at(price: i64) -> NamedTerms {
    NamedTerms::Stop(Price(price))
}

fn slices(next: u64, least: u64, most: u64) -> NamedTerms {
    NamedTerms::Display(Display { next, least, most, seed: 1 })
}

fn minimum(quantity: u64) -> NamedTerms {
    let min_quantity = Some(Quantity(quantity));
    NamedTerms::Special(NamedSpecialTerms { min_quantity, ..NONE_NAMED })
}

fn offset(ticks: u32) -> NamedTerms {
    NamedTerms::Special(NamedSpecialTerms { peg_offset: Some(ticks), ..NONE_NAMED })
}

fn bound(price: i64) -> NamedTerms {
    NamedTerms::Special(NamedSpecialTerms { peg_limit: Some(Price(price)), ..NONE_NAMED })
}

fn end(time: u64) -> NamedTerms {
    NamedTerms::Special(NamedSpecialTerms { expire: Nanos(time), ..NONE_NAMED })
}

/// Order of session 2 that trades with an order of session 1.
fn trade(price: i64) -> [Do; 2] {
    [sell(8, 1, price).session(2), buy(9, 1, price).session(2)]
}

/// Two orders that trade at 100, numbers 11 and 12.
fn last_price() -> [(Do, &'static [&'static str]); 2] {
    let [offer, bid] = trade(100);
    let lines: &[&str] = &[
        "accepted 2/9#12 buy 1@100 open 1",
        "executed 2/8#11 sell 1@100 with #12 trade 1",
        "executed 2/9#12 buy 1@100 with #11 trade 1 removed",
    ];
    [(offer, &["accepted 2/8#11 sell 1@100 open 1"]), (bid, lines)]
}

#[test]
fn a_stop_gets_another_stop_price_limit_and_quantity_and_waits_behind_the_others() {
    let [a, b] = last_price();
    check(
        &[
            (
                stop_order(buy(1, 3, 120), 110),
                &["accepted 1#11 buy 3@110 open 3 other 120 hidden stop"],
            ),
            (
                stop_order(buy(2, 3, 121), 112),
                &["accepted 2#12 buy 3@112 open 3 other 121 hidden stop"],
            ),
            (
                replace_terms(1, 3, (5, 0), stop_at(112)),
                &["replaced 3#11 buy 5@112 open 5 other 1 hidden stop 0"],
            ),
            (replace(2, 4, 4, 113), &["replaced 4#12 buy 4@112 open 4 other 2 hidden stop 113"]),
            (sell(5, 20, 112), &["accepted 5#15 sell 20@112 open 20"]),
            (
                buy(6, 1, 112),
                &[
                    "accepted 6#16 buy 1@112 open 1",
                    "executed 5#15 sell 1@112 open 19 with #16 trade 1",
                    "executed 6#16 buy 1@112 with #15 trade 1 removed",
                    "triggered 3#16.1 buy 5@0 open 5 was #13",
                    "executed 5#15 sell 5@112 open 14 with #16.1 trade 2",
                    "executed 3#16.1 buy 5@112 with #15 trade 2 removed",
                    "triggered 4#16.2 buy 4@113 open 4 was #14",
                    "executed 5#15 sell 4@112 open 10 with #16.2 trade 3",
                    "executed 4#16.2 buy 4@112 with #15 trade 3 removed",
                ],
            ),
        ],
        "| 5:10@112",
    );
    // A reduced stop counts what was ordered.
    check(
        &[
            a,
            b,
            (
                stop_order(sell(1, 5, 90), 95),
                &["accepted 1#13 sell 5@95 open 5 other 90 hidden stop"],
            ),
            (reduce(1, 2), &["canceled 1#13 sell 3@95 open 2 hidden user"]),
            (replace(1, 2, 4, 91), &["replaced 2#13 sell 4@95 open 4 other 1 hidden stop 91"]),
            (cancel(2), &["canceled 2#15 sell 4@95 hidden user"]),
        ],
        "|",
    );
}

#[test]
fn a_stop_whose_new_price_is_reached_triggers_at_once() {
    let [a, b] = last_price();
    let stop =
        (stop_order(buy(1, 3, 99), 110), &["accepted 1#13 buy 3@110 open 3 other 99 hidden stop"]);
    check(
        &[
            a,
            b,
            (stop.0, stop.1),
            (
                replace_terms(1, 2, (4, 99), stop_at(100)),
                &[
                    "replaced 2#13 buy 4@100 open 4 other 1 hidden stop 99",
                    "triggered 2#14.1 buy 4@99 open 4 was #14",
                ],
            ),
        ],
        "2:4@99 |",
    );
    check(
        &[
            a,
            b,
            (stop.0, stop.1),
            (state(ClosingCall), &["state_changed 0/0 buy other 6"]),
            (
                replace_terms(1, 2, (4, 99), stop_at(100)),
                &[
                    "replaced 2#13 buy 4@100 open 4 other 1 hidden stop 99",
                    "triggered 2#15 buy 4@100 open 4 was #15 hidden",
                ],
            ),
            (replace(2, 3, 4, 99), &["rejected 3 buy too_late"]),
            (replace_terms(2, 3, (4, 99), stop_at(110)), &["rejected 3 buy too_late"]),
            (
                state(Open),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy other 2",
                    "entered 2#18.1 buy 4@99 open 4 was #15",
                ],
            ),
        ],
        "2:4@99 |",
    );
}

#[test]
fn an_iceberg_gets_another_display() {
    let iceberg: [&str; 2] =
        ["accepted 1#11 sell 10@100 open 10", "displayed 1#11 sell 4@100 open 10 was #11"];
    check(
        &[
            (iceberg_of(sell(1, 10, 100), 4), &iceberg),
            (
                replace_terms(1, 2, (12, 101), slices(5, 6, 6)),
                &[
                    "replaced 2#11 sell 12@101 open 12 other 1",
                    "displayed 2#12 sell 5@101 open 12 was #12",
                ],
            ),
            (
                buy(3, 5, 101),
                &[
                    "accepted 3#13 buy 5@101 open 5",
                    "executed 2#12 sell 5@101 open 7 with #13 trade 1",
                    "executed 3#13 buy 5@101 with #12 trade 1 removed",
                    "displayed 2#13.1 sell 6@101 open 7 was #12",
                ],
            ),
            // Of 12 in all, 7 are open: the display must fit these.
            (
                replace_terms(2, 4, (12, 101), slices(7, 7, 7)),
                &[
                    "replaced 4#13.1 sell 12@101 open 7 other 2",
                    "displayed 4#14 sell 7@101 open 7 was #14",
                ],
            ),
            (
                replace_terms(4, 5, (12, 101), slices(8, 7, 7)),
                &["canceled 4#14 sell 7@101 replaced_invalid"],
            ),
        ],
        "|",
    );
    for sizes in [slices(0, 1, 1), slices(1, 0, 1), slices(1, 2, 1), slices(11, 1, 1)] {
        check(
            &[
                (iceberg_of(sell(1, 10, 100), 4), &iceberg),
                (
                    replace_terms(1, 2, (10, 100), sizes),
                    &["canceled 1#11 sell 10@100 replaced_invalid"],
                ),
            ],
            "|",
        );
    }
}

#[test]
fn a_hidden_order_gets_or_loses_a_minimum() {
    check(
        &[
            (hidden(sell(1, 10, 100)), &["accepted 1#11 sell 10@100 open 10 hidden"]),
            (
                replace_terms(1, 2, (10, 100), minimum(5)),
                &["replaced 2#11 sell 10@100 open 10 other 1 hidden"],
            ),
            (buy(3, 4, 100), &["accepted 3#13 buy 4@100 open 4"]),
            (
                replace_terms(2, 4, (10, 100), minimum(0)),
                &[
                    "replaced 4#12 sell 10@100 open 10 other 2 hidden",
                    "executed 3#13 buy 4@100 with #14 trade 1",
                    "executed 4#14 sell 4@100 open 6 with #13 trade 1 hidden removed",
                ],
            ),
            // Of 10 in all, 6 are open: a larger minimum cannot be met.
            (
                replace_terms(4, 5, (10, 100), minimum(7)),
                &["canceled 4#14 sell 6@100 hidden replaced_invalid"],
            ),
        ],
        "|",
    );
    check(
        &[
            (at_least(5, sell(1, 10, 100)), &["accepted 1#11 sell 10@100 open 10 hidden"]),
            // A minimum that is not named stays, also above what is open.
            (replace(1, 2, 4, 101), &["replaced 2#11 sell 4@101 open 4 other 1 hidden"]),
            (buy(3, 3, 101), &["accepted 3#13 buy 3@101 open 3"]),
        ],
        "3:3@101 |",
    );
}

#[test]
fn an_order_until_cancelled_gets_an_end_and_an_end_moves() {
    check(
        &[
            (buy(1, 4, 100).gtc(), &["accepted 1#11 buy 4@100 open 4"]),
            (replace_terms(1, 2, (4, 100), end(15)), &["replaced 2#11 buy 4@100 open 4 other 1"]),
            (until(14, buy(3, 4, 100)), &["accepted 3#13 buy 4@100 open 4"]),
            // The old end of the order does not end it any more.
            (
                replace_terms(3, 4, (4, 99), end(17)).at(13),
                &["replaced 4#13 buy 4@99 open 4 other 3"],
            ),
            (tick_after(0).at(14), &["ticked 0/0 buy"]),
            (tick_after(0).at(15), &["ticked 0/0 buy 1@0", "canceled 2#12 buy 4@100 expired"]),
            (
                replace_terms(4, 5, (4, 99), end(16)).at(16),
                &["canceled 4#14 buy 4@99 replaced_invalid"],
            ),
        ],
        "|",
    );
}

#[test]
fn a_peg_gets_another_quantity_offset_and_bound_at_the_price_that_it_follows() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (primary(1, Side::Buy, 5), &["accepted 1#12 buy 5@10 open 5"]),
            (replace(1, 2, 7, 0), &["replaced 2#12 buy 7@10 open 7 other 1"]),
            (replace_terms(2, 3, (7, 0), offset(2)), &["replaced 3#13 buy 7@8 open 7 other 2"]),
            (
                quote(11, 14),
                &["quoted 0/0 buy 0@11 other 14", "repriced 3#15.1 buy 7@9 open 7 was #14"],
            ),
            (replace_terms(3, 4, (7, 0), bound(6)), &["replaced 4#15.1 buy 7@6 open 7 other 3"]),
            (replace_terms(4, 5, (7, 0), bound(0)), &["replaced 5#16 buy 7@9 open 7 other 4"]),
            (replace_terms(5, 6, (7, 0), offset(12)), &["canceled 5#17 buy 7@9 replaced_invalid"]),
        ],
        "|",
    );
}

#[test]
fn a_replaced_peg_comes_back_after_older_ones() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (primary(1, Side::Buy, 5), &["accepted 1#12 buy 5@10 open 5"]),
            (primary(2, Side::Buy, 6), &["accepted 2#13 buy 6@10 open 6"]),
            (replace(1, 3, 5, 0), &["replaced 3#12 buy 5@10 open 5 other 1"]),
            (
                quote(0, 14),
                &[
                    "quoted 0/0 buy other 14",
                    "parked 2#13 buy 6@10 open 6",
                    "parked 3#14 buy 5@10 open 5",
                ],
            ),
            (
                quote(10, 14),
                &[
                    "quoted 0/0 buy 0@10 other 14",
                    "repriced 2#16.1 buy 6@10 open 6 was #13 parked",
                    "repriced 3#16.2 buy 5@10 open 5 was #14 parked",
                ],
            ),
        ],
        "2:6@10 3:5@10 |",
    );
}

#[test]
fn a_peg_that_could_not_enter_is_not_replaced_and_stays() {
    let no_market: [(Do, &[&str], &str); 4] = [
        (quote(0, 14), &["quoted 0/0 buy other 14", "parked 1#12 buy 5@10 open 5"], "no_quote"),
        (
            quote(15, 14),
            &["quoted 0/0 buy 0@15 other 14", "parked 1#12 buy 5@10 open 5"],
            "no_quote",
        ),
        (
            state(PreOpen),
            &["state_changed 0/0 buy other 2", "parked 1#12 buy 5@10 open 5"],
            "not_in_call",
        ),
        (
            state(Halted),
            &["state_changed 0/0 buy other 4", "parked 1#12 buy 5@10 open 5"],
            "halted",
        ),
    ];
    for (command, lines, reason) in no_market {
        let rejected = format!("rejected 2 buy {reason}");
        check(
            &[
                (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
                (primary(1, Side::Buy, 5), &["accepted 1#12 buy 5@10 open 5"]),
                (command, lines),
                (replace(1, 2, 7, 0), &[&rejected]),
                (replace_terms(1, 2, (0, -1), offset(1)), &[&rejected]),
                (cancel(1), &["canceled 1#12 buy 5@10 hidden user"]),
            ],
            "|",
        );
    }
}

#[test]
fn a_replaced_peg_may_trade_at_once() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (peg(1, Side::Buy, 5, |terms| terms.peg_offset = 3), &["accepted 1#12 buy 5@7 open 5"]),
            (sell(2, 2, 9), &["accepted 2#13 sell 2@9 open 2"]),
            (
                replace_terms(1, 3, (5, 0), offset(1)),
                &[
                    "replaced 3#12 buy 5@9 open 5 other 1",
                    "executed 2#13 sell 2@9 with #14 trade 1",
                    "executed 3#14 buy 2@9 open 3 with #13 trade 1 removed",
                ],
            ),
        ],
        "3:3@9 |",
    );
}

#[test]
fn a_peg_that_was_parked_for_its_price_enters_at_another_one() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (peg(1, Side::Buy, 5, |terms| terms.peg_offset = 3), &["accepted 1#12 buy 5@7 open 5"]),
            (quote(1, 14), &["quoted 0/0 buy 0@1 other 14", "parked 1#12 buy 5@7 open 5"]),
            (replace_terms(1, 2, (5, 0), offset(0)), &["replaced 2#12 buy 5@1 open 5 other 1"]),
        ],
        "2:5@1 |",
    );
}

#[test]
fn terms_that_do_not_fit_end_the_original() {
    let orders: [(Do, &str, i64); 7] = [
        (buy(1, 5, 100), "buy 5@100", 100),
        (buy(1, 5, 100).gtc(), "buy 5@100", 100),
        (stop_order(buy(1, 5, 120), 100), "buy 5@100", 120),
        (iceberg_of(buy(1, 5, 100), 5), "buy 5@100", 100),
        (hidden(buy(1, 5, 100)), "buy 5@100", 100),
        (primary(1, Side::Buy, 5), "buy 5@10", 0),
        (midpoint(1, Side::Buy, 5), "buy 5@12", 0),
    ];
    let terms = [
        stop_at(110),
        slices(5, 5, 5),
        minimum(0),
        minimum(6),
        offset(0),
        offset(1),
        bound(0),
        end(99),
        end(13),
        stop_at(0),
    ];
    // By order: stop, slices, no minimum, too large a minimum, offsets 0 and 1, bound, end, past
    // end, stop price 0.
    let fitting = [
        [false; 10],
        [false, false, false, false, false, false, false, true, false, false],
        [true, false, false, false, false, false, false, false, false, false],
        [false, true, false, false, false, false, false, false, false, false],
        [false, false, true, false, false, false, false, false, false, false],
        [false, false, false, false, true, true, true, false, false, false],
        [false, false, true, false, true, false, true, false, false, false],
    ];
    for ((order, text, price), fitting) in orders.into_iter().zip(fitting) {
        for (terms, fits) in terms.into_iter().zip(fitting) {
            let mut engine = whole_engine();
            let mut number = 0;
            let mut apply = |command: Do| {
                number += 1;
                let (seqno, time) = (SeqNo(number), Nanos(9 + number));
                engine.apply(&[Sequenced { seqno, time, command: command.0 }])
            };
            apply(define(1, plain()));
            apply(quote(10, 14));
            apply(order);
            let reports = apply(replace_terms(1, 2, (5, price), terms));
            let line = text::report(&reports[0]);
            let case = format!("{text} with {terms:?}: {line}");
            assert_eq!(line.starts_with("replaced 2#3"), fits, "{case}");
            let ended = format!("canceled 1#3 {text}");
            let is_ended = line.starts_with(&ended) && line.ends_with("replaced_invalid");
            assert_eq!(is_ended, !fits, "{case}");
        }
    }
}

#[test]
fn a_total_that_is_filled_ends_the_order_whatever_its_terms() {
    check(
        &[
            (
                iceberg_of(sell(1, 10, 100), 4),
                &["accepted 1#11 sell 10@100 open 10", "displayed 1#11 sell 4@100 open 10 was #11"],
            ),
            (
                buy(2, 2, 100),
                &[
                    "accepted 2#12 buy 2@100 open 2",
                    "executed 1#11 sell 2@100 open 8 with #12 trade 1",
                    "executed 2#12 buy 2@100 with #11 trade 1 removed",
                ],
            ),
            (replace_terms(1, 3, (2, 100), slices(9, 9, 9)), &["canceled 1#11 sell 8@100 user"]),
        ],
        "|",
    );
}

#[test]
fn a_limit_that_the_kind_of_order_cannot_have_ends_the_original() {
    for (order, text, price) in [
        (stop_order(buy(1, 5, 120), 100), "canceled 1#12 buy 5@100 hidden replaced_invalid", -1),
        (primary(1, Side::Buy, 5), "canceled 1#12 buy 5@10 replaced_invalid", 9),
        (hidden(buy(1, 5, 9)), "canceled 1#12 buy 5@9 hidden replaced_invalid", 0),
    ] {
        let mut engine = whole_engine();
        let mut number = 10;
        let mut apply = |command: Do| {
            number += 1;
            engine.apply(&[Sequenced {
                seqno: SeqNo(number - 1),
                time: Nanos(number),
                command: command.0,
            }])
        };
        apply(define(1, plain()));
        apply(quote(10, 14));
        apply(order);
        assert_eq!(text::report(&apply(replace(1, 2, 5, price))[0]), text);
    }
}

#[test]
fn bands_and_the_short_sale_test_bound_a_replaced_peg_and_let_a_stop_be() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (peg(1, Side::Buy, 5, |terms| terms.peg_offset = 3), &["accepted 1#12 buy 5@7 open 5"]),
            (bands(5, 8, 0, 0), &["bands_set 0/0 buy 0@5 other 8"]),
            (replace_terms(1, 2, (5, 0), offset(0)), &["replaced 2#12 buy 5@8 open 5 other 1"]),
            (
                stop_order(buy(3, 5, 120), 100),
                &["accepted 3#15 buy 5@100 open 5 other 120 hidden stop"],
            ),
            (
                replace_terms(3, 4, (5, 130), stop_at(110)),
                &["replaced 4#15 buy 5@110 open 5 other 3 hidden stop 130"],
            ),
        ],
        "2:5@8 |",
    );
}
