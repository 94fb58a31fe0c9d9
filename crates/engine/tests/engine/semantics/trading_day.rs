use super::*;
use ringside_model::command::TradingDay;

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
