use super::SymbolState::{Closed, ClosingCall, Halted, Open, PreOpen};
use super::*;
use ringside_model::command::{EnterSpecial, PlanState, SpecialTerms, TradingDay};
use ringside_model::domain::Peg;

fn day(event: DayEvent) -> Do {
    act(Action::from(TradingDay { event })).symbol(0).session(0)
}

#[test]
fn day_orders_expire_at_its_end_by_symbol_and_priority() {
    check(
        &[
            (define(9, plain()), &["defined of 9 buy"]),
            (define(2, plain()), &["defined of 2 buy"]),
            (sell(1, 1, 5).symbol(9), &["accepted 1#13 of 9 sell 1@5 open 1"]),
            (sell(2, 1, 5).symbol(2), &["accepted 2#14 of 2 sell 1@5 open 1"]),
            (buy(3, 1, 5), &["accepted 3#15 buy 1@5 open 1"]),
            (buy(4, 1, 6).session(2), &["accepted 2/4#16 buy 1@6 open 1"]),
            (sell(5, 1, 7), &["accepted 5#17 sell 1@7 open 1"]),
            (
                day(DayEvent::End),
                &[
                    "trading_day 0/0 of 0 buy 5@0 other 2",
                    "canceled 2/4#16 buy 1@6 expired",
                    "canceled 3#15 buy 1@5 expired",
                    "canceled 5#17 sell 1@7 expired",
                    "canceled 2#14 of 2 sell 1@5 expired",
                    "canceled 1#13 of 9 sell 1@5 expired",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn orders_until_cancelled_stay_over_its_end() {
    check(
        &[
            (buy(1, 1, 100).gtc(), &["accepted 1#11 buy 1@100 open 1"]),
            (buy(2, 1, 100), &["accepted 2#12 buy 1@100 open 1"]),
            (replace(1, 3, 1, 99), &["replaced 3#11 buy 1@99 open 1 other 1"]),
            (
                day(DayEvent::End),
                &["trading_day 0/0 of 0 buy 1@0 other 2", "canceled 2#12 buy 1@100 expired"],
            ),
            (day(DayEvent::End), &["trading_day 0/0 of 0 buy other 2"]),
            (cancel(2).verdict(Reason::TooLate), &["rejected 2 buy too_late"]),
        ],
        "3:1@99 |",
    );
}

#[test]
fn nothing_expires_at_its_start() {
    check(
        &[
            (buy(1, 1, 100), &["accepted 1#11 buy 1@100 open 1"]),
            (day(DayEvent::Start), &["trading_day 0/0 of 0 buy other 1"]),
        ],
        "1:1@100 |",
    );
}

#[test]
fn it_is_for_all_symbols_whichever_it_names() {
    check(
        &[
            (define(2, plain()), &["defined of 2 buy"]),
            (buy(1, 1, 100), &["accepted 1#12 buy 1@100 open 1"]),
            (
                day(DayEvent::End).symbol(2),
                &["trading_day 0/0 of 2 buy 1@0 other 2", "canceled 1#12 buy 1@100 expired"],
            ),
        ],
        "|",
    );
}

#[test]
fn between_two_days_nothing_trades_and_nothing_enters() {
    check(
        &[
            (quote(1000, 1004), &["quoted 0/0 buy 0@1000 other 1004"]),
            (gtc_peg(1), &["accepted 1#12 buy 5@1000 open 5"]),
            (sell(2, 5, 1005).gtc(), &["accepted 2#13 sell 5@1005 open 5"]),
            (
                day(DayEvent::End),
                &["trading_day 0/0 of 0 buy other 2", "parked 1#12 buy 5@1000 open 5"],
            ),
            (quote(1005, 1006), &["quoted 0/0 buy 0@1005 other 1006"]),
            (buy(3, 1, 1).gtc(), &["rejected 3 buy closed"]),
            (replace(2, 4, 5, 1004), &["rejected 4 buy closed"]),
            (state(PreOpen), &["rejected 0/0 buy closed"]),
            (reduce(2, 4), &["canceled 2#13 sell 1@1005 open 4 user"]),
            (day(DayEvent::Start), &["trading_day 0/0 of 0 buy other 1", "unfinished 0/0 buy"]),
            // The peg comes back under the numbers of the next command of its symbol.
            (
                sell(5, 1, 1005),
                &[
                    "repriced 1#21.1 buy 5@1005 open 5 was #12 parked",
                    "executed 2#13 sell 4@1005 with #21.1 trade 1",
                    "executed 1#21.1 buy 4@1005 open 1 with #13 trade 1 removed",
                    "accepted 5#21.2 sell 1@1005 open 1",
                    "executed 1#21.1 buy 1@1005 with #21.2 trade 2",
                    "executed 5#21.2 sell 1@1005 with #21.1 trade 2 removed",
                ],
            ),
        ],
        "|",
    );
}

fn gtc_peg(id: u64) -> Do {
    let Action::Enter(order) = buy(id, 5, 0).gtc().0.action else { panic!("an enter") };
    let terms = SpecialTerms { peg: Peg::Primary, ..SpecialTerms::NONE };
    act(Action::EnterSpecial(EnterSpecial { order, terms }))
}

#[test]
fn the_end_of_the_day_ends_calls_without_an_auction_and_plans() {
    let plan = PlanState { due: Nanos(100), random_ns: 0, seed: 1, state: Open };
    check(
        &[
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (buy(1, 5, 100).gtc(), &["accepted 1#12 buy 5@100 open 5"]),
            (
                sell(2, 5, 100).gtc(),
                &["accepted 2#13 sell 5@100 open 5", "indicative 0/0 buy 5@100 other 1"],
            ),
            (act(Action::from(plan)).session(0), &["state_planned 0/0 buy 100@0 other 3"]),
            (
                day(DayEvent::End),
                &["trading_day 0/0 of 0 buy other 2", "state_changed 0/0 buy other 1"],
            ),
            (tick_after(1), &["ticked 0/0 buy"]),
            (day(DayEvent::Start), &["trading_day 0/0 of 0 buy other 1"]),
            (tick_after(1), &["ticked 0/0 buy"]),
        ],
        "1:5@100 | 2:5@100",
    );
}

#[test]
fn a_stop_that_is_reached_when_the_day_ends_enters_when_the_next_one_starts() {
    check(
        &[
            (
                stop_order(buy(1, 3, 90).gtc(), 100),
                &["accepted 1#11 buy 3@100 open 3 other 90 hidden stop"],
            ),
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (buy(2, 5, 100), &["accepted 2#13 buy 5@100 open 5"]),
            (
                sell(3, 5, 100),
                &["accepted 3#14 sell 5@100 open 5", "indicative 0/0 buy 5@100 other 1"],
            ),
            (
                state(ClosingCall),
                &["state_changed 0/0 buy other 6", "indicative 0/0 buy 5@100 other 2"],
            ),
            (
                state(Closed),
                &[
                    "state_changed 0/0 buy other 1",
                    "crossed 0/0 buy 5@100 other 2",
                    "executed 2#13 buy 5@100 with #14 trade 1 closing",
                    "executed 3#14 sell 5@100 with #13 trade 1 closing younger",
                    "triggered 1#11 buy 3@100 open 3 was #11 hidden",
                ],
            ),
            (day(DayEvent::End), &["trading_day 0/0 of 0 buy other 2"]),
            (state(Halted), &["state_changed 0/0 buy other 4"]),
            (day(DayEvent::Start), &["trading_day 0/0 of 0 buy other 1"]),
            (
                state(Open),
                &["state_changed 0/0 buy other 3", "entered 1#20.1 buy 3@90 open 3 was #11"],
            ),
        ],
        "1:3@90 |",
    );
}

#[test]
fn one_that_must_be_refused_changes_nothing() {
    check(
        &[
            (buy(1, 1, 100), &["accepted 1#11 buy 1@100 open 1"]),
            (
                day(DayEvent::End).verdict(Reason::NotPermitted),
                &["rejected 0/0 of 0 buy not_permitted"],
            ),
        ],
        "1:1@100 |",
    );
}
