//! Stops: their election by trades, and their order of entry.

use super::*;
use ringside_model::command::EnterStop;

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
fn more_stops_than_the_cap_halt_the_symbol_and_the_rest_waits() {
    let cap = u64::from(ringside_engine::ELECTED_MAX);
    let mut engine = whole_engine();
    let mut naive = Naive::default();
    let mut number = 0;
    let mut both = |command: Do| {
        number += 1;
        let command = Sequenced { seqno: SeqNo(number), time: Nanos(number), command: command.0 };
        let said = engine.apply(&[command]);
        assert_eq!(said, naive.apply(&[command]));
        said
    };
    both(define(1, plain()));
    for id in 1..=cap + 1 {
        both(stop(buy(id, 1, 100), 100));
    }
    both(sell(cap + 2, 1, 100));
    let said = both(buy(cap + 3, 1, 100));
    let last = said.last().unwrap();
    assert_eq!(text::report(last), "state_changed 0/0 buy other 4 stop_cascade");
    let elected = said.iter().filter(|r| r.kind == ringside_model::report::ReportKind::Triggered);
    assert_eq!(elected.count() as u64, cap);
    let said = both(state(SymbolState::Open));
    assert_eq!(said.len(), 2, "the last one is elected when trading goes on: {said:?}");
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
