//! Stops: their election by trades, and their order of entry.

use super::SymbolState::{Closed, ClosingCall, Open, PreOpen};
use super::*;
use ringside_model::command::EnterStop;
use ringside_model::report::ReportKind;

/// Returns the order as a stop.
fn stop(order: Do, stop: i64) -> Do {
    let Action::Enter(order) = order.0.action else { panic!("not an enter") };
    act(Action::EnterStop(EnterStop { order, stop: Price(stop) }))
}

#[test]
fn a_buy_stop_is_elected_by_a_trade_at_its_price_after_the_incoming_order_has_finished() {
    check(
        &[
            (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
            (sell(2, 4, 110), &["accepted 2#12 sell 4@110 open 4"]),
            (stop(buy(3, 3, 120), 100), &["accepted 3#13 buy 3@100 open 3 other 120 hidden stop"]),
            (
                buy(4, 5, 110),
                &[
                    "accepted 4#14 buy 5@110 open 5",
                    "executed 1#11 sell 4@100 with #14 trade 1",
                    "executed 4#14 buy 4@100 open 1 with #11 trade 1 removed",
                    "executed 2#12 sell 1@110 open 3 with #14 trade 2",
                    "executed 4#14 buy 1@110 with #12 trade 2 removed",
                    "triggered 3#14.1 buy 3@120 open 3 was #13",
                    "executed 2#12 sell 3@110 with #14.1 trade 3",
                    "executed 3#14.1 buy 3@110 with #12 trade 3 removed",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn a_stop_that_the_last_trade_has_reached_is_elected_on_entry() {
    check(
        &[
            (sell(1, 1, 100), &["accepted 1#11 sell 1@100 open 1"]),
            (
                buy(2, 1, 100),
                &[
                    "accepted 2#12 buy 1@100 open 1",
                    "executed 1#11 sell 1@100 with #12 trade 1",
                    "executed 2#12 buy 1@100 with #11 trade 1 removed",
                ],
            ),
            (
                stop(sell(3, 2, 99), 100),
                &[
                    "accepted 3#13 sell 2@100 open 2 other 99 hidden stop",
                    "triggered 3#13.1 sell 2@99 open 2 was #13",
                ],
            ),
        ],
        "| 3:2@99",
    );
}

#[test]
fn a_stop_that_an_auction_reaches_waits_and_enters_when_its_symbol_trades_again() {
    for opening in [false, true] {
        let mut row: Vec<(Do, &[&str])> = vec![
            (
                stop(buy(1, 3, 0).gtc().market(), 1020),
                &["accepted 1#11 buy 3@1020 open 3 hidden stop"],
            ),
            (state(ClosingCall), &["state_changed 0/0 buy other 6"]),
            (buy(2, 5, 1025), &["accepted 2#13 buy 5@1025 open 5"]),
            (
                sell(3, 5, 1025),
                &["accepted 3#14 sell 5@1025 open 5", "indicative 0/0 buy 5@1025 other 2"],
            ),
            (
                state(Closed),
                &[
                    "state_changed 0/0 buy other 1",
                    "crossed 0/0 buy 5@1025 other 2",
                    "executed 2#13 buy 5@1025 with #14 trade 1 closing",
                    "executed 3#14 sell 5@1025 with #13 trade 1 closing younger",
                    "triggered 1#11 buy 3@1020 open 3 was #11 hidden",
                ],
            ),
            (replace(1, 9, 3, 5), &["rejected 9 buy too_late"]),
            (reduce(1, 2), &["canceled 1#11 buy 1@1020 open 2 hidden user"]),
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (sell(4, 5, 1006), &["accepted 4#19 sell 5@1006 open 5"]),
        ];
        let mut last = vec!["state_changed 0/0 buy other 3", "crossed 0/0 buy other 1"];
        let (mut entered, mut left) = ("20.1", "3");
        if opening {
            row.push((
                buy(5, 1, 1006),
                &["accepted 5#20 buy 1@1006 open 1", "indicative 0/0 sell 1@1006 open 4 other 1"],
            ));
            last = vec![
                "state_changed 0/0 buy other 3",
                "crossed 0/0 buy 1@1006 other 1",
                "executed 4#19 sell 1@1006 open 4 with #20 trade 1 opening",
                "executed 5#20 buy 1@1006 with #19 trade 1 opening younger",
            ];
            (entered, left) = ("21.1", "2");
        }
        let trade = 1 + u32::from(opening);
        let of_stop = [
            format!("entered 1#{entered} buy 2@0 open 2 was #11"),
            format!("executed 4#19 sell 2@1006 open {left} with #{entered} trade {trade}"),
            format!("executed 1#{entered} buy 2@1006 with #19 trade {trade} removed"),
        ];
        last.extend(of_stop.iter().map(String::as_str));
        row.push((state(Open), &last));
        check(&row, &format!("| 4:{left}@1006"));
    }
}

#[test]
fn stops_that_waited_enter_in_the_order_in_which_they_were_reached() {
    check(
        &[
            (sell(1, 1, 100), &["accepted 1#11 sell 1@100 open 1"]),
            (
                buy(2, 1, 100),
                &[
                    "accepted 2#12 buy 1@100 open 1",
                    "executed 1#11 sell 1@100 with #12 trade 1",
                    "executed 2#12 buy 1@100 with #11 trade 1 removed",
                ],
            ),
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (
                stop(sell(3, 1, 0).market(), 101),
                &[
                    "accepted 3#14 sell 1@101 open 1 hidden stop",
                    "triggered 3#14 sell 1@101 open 1 was #14 hidden",
                ],
            ),
            (
                stop(buy(4, 1, 90), 100),
                &[
                    "accepted 4#15 buy 1@100 open 1 other 90 hidden stop",
                    "triggered 4#15 buy 1@100 open 1 was #15 hidden",
                ],
            ),
            (
                stop(buy(5, 1, 90), 99),
                &[
                    "accepted 5#16 buy 1@99 open 1 other 90 hidden stop",
                    "triggered 5#16 buy 1@99 open 1 was #16 hidden",
                ],
            ),
            (cancel(4), &["canceled 4#15 buy 1@100 hidden user"]),
            (
                state(Open),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy other 1",
                    "entered 3#18.1 sell 1@0 open 1 was #14",
                    "canceled 3#18.1 sell 1@0 no_liquidity",
                    "entered 5#18.2 buy 1@90 open 1 was #16",
                ],
            ),
        ],
        "5:1@90 |",
    );
}

/// Runs the commands on both venues, which must say the same, and returns the last reports.
fn both(commands: impl IntoIterator<Item = Do>) -> Vec<Report> {
    let (mut engine, mut naive) = (whole_engine(), Naive::default());
    let mut said = vec![];
    for (number, Do(command, ..)) in (1..).zip(commands) {
        let command = Sequenced { seqno: SeqNo(number), time: Nanos(number), command };
        said = engine.apply(&[command]);
        assert_eq!(said, naive.apply(&[command]));
    }
    said
}

#[test]
fn thousands_of_stops_in_one_wave_halt_nothing() {
    let stops = 2_000;
    let mut commands = vec![define(1, plain())];
    commands.extend((1..=stops).map(|id| stop(buy(id, 1, 100), 100)));
    commands.extend([sell(stops + 1, 1, 100), buy(stops + 2, 1, 100)]);
    let said = both(commands);
    assert_eq!(said.len() as u64, 3 + stops);
    assert!(said[3..].iter().all(|report| report.kind == ReportKind::Triggered));
}

/// Returns commands after which each of `waves` buy stops reaches the next one.
fn chain(waves: u64) -> Vec<Do> {
    let mut commands = vec![define(1, plain())];
    for wave in 1..=waves {
        let price = 100 + wave as i64;
        commands.push(sell(2 * wave, 1, price));
        commands.push(stop(buy(2 * wave + 1, 1, price), price - 1));
    }
    commands.extend([sell(1_000, 1, 100), buy(1_001, 1, 100)]);
    commands
}

#[test]
fn as_many_waves_as_the_cap_go_on_and_the_stops_of_the_next_one_wait_while_the_symbol_is_halted() {
    let count = |said: &[Report], kind| said.iter().filter(|r| r.kind == kind).count();
    let said = both(chain(100));
    assert_eq!(count(&said, ReportKind::Triggered), 100);
    assert_eq!(count(&said, ReportKind::StateChanged), 0);

    let said = both(chain(101));
    assert_eq!(count(&said, ReportKind::Triggered), 101);
    let [.., waits, halted] = &said[..] else { panic!("too few reports") };
    assert_eq!(text::report(waits), "triggered 203#203 buy 1@200 open 1 was #203 hidden");
    assert_eq!(text::report(halted), "state_changed 0/0 buy other 4 stop_cascade");

    let said = both(chain(101).into_iter().chain([state(Open)]));
    let lines: Vec<String> = said.iter().map(text::report).collect();
    assert_eq!(
        lines,
        [
            "state_changed 0/0 buy other 3",
            "entered 203#206.1 buy 1@201 open 1 was #203",
            "executed 202#202 sell 1@201 with #206.1 trade 1",
            "executed 203#206.1 buy 1@201 with #202 trade 1 removed",
        ]
    );
}

#[test]
fn a_stop_names_a_limit_only_if_its_type_has_one() {
    let refused: &[&str] = &["rejected 1 buy invalid_price"];
    check(
        &[
            (stop(buy(1, 5, 0), 101), refused),
            (stop(buy(1, 5, -1), 101), refused),
            (stop(buy(1, 5, 100).market(), 101), refused),
            (stop(buy(1, 5, -1).market(), 101), refused),
        ],
        "|",
    );
}
