//! Session states: the requests that each state accepts.

use super::SymbolState::{CancelOnly, Closed, Halted, Open, PreOpen};
use super::*;

#[test]
fn nothing_enters_while_closed_halted_or_cancel_only_and_everything_can_leave() {
    for (closed, code, name) in
        [(Closed, 1, "closed"), (Halted, 4, "halted"), (CancelOnly, 7, "cancel_only")]
    {
        check(
            &[
                (buy(1, 5, 10), &["accepted 1#11 buy 5@10 open 5"]),
                (state(closed), &[&format!("state_changed 0/0 buy other {code}")]),
                (buy(2, 1, 9), &[&format!("rejected 2 buy {name}")]),
                (sell(3, 1, 10), &[&format!("rejected 3 sell {name}")]),
                (replace(1, 4, 5, 9), &[&format!("rejected 4 buy {name}")]),
                (reduce(1, 4), &["canceled 1#11 buy 1@10 open 4 user"]),
                (modify(1, None, Some(3)), &["modified 1#11 buy 1@10 open 3"]),
                (cancel(1), &["canceled 1#11 buy 3@10 user"]),
                (state(Open), &["state_changed 0/0 buy other 3"]),
                (buy(5, 1, 9), &["accepted 5#20 buy 1@9 open 1"]),
            ],
            "5:1@9 |",
        );
    }
}

#[test]
fn orders_are_collected_during_a_call() {
    check(
        &[
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (buy(1, 1, 12), &["accepted 1#12 buy 1@12 open 1"]),
            (
                sell(2, 1, 10).post_only(),
                &["accepted 2#13 sell 1@10 open 1", "indicative 0/0 buy 1@11 other 1"],
            ),
            (sell(3, 1, 10).ioc(), &["rejected 3 sell not_in_call"]),
            (sell(4, 1, 10).fok(), &["rejected 4 sell not_in_call"]),
            (enter(5, Side::Sell, 1, 0).market(), &["rejected 5 sell not_in_call"]),
            (enter(6, Side::Sell, 1, 0).market_to_limit(), &["rejected 6 sell not_in_call"]),
            (buy(7, 1, 9), &["accepted 7#18 buy 1@9 open 1"]),
        ],
        "1:1@12 7:1@9 | 2:1@10",
    );
}

#[test]
fn the_state_of_one_symbol_does_not_touch_another() {
    check(
        &[
            (define(2, plain()), &["defined of 2 buy"]),
            (state(Halted).symbol(2), &["state_changed 0/0 of 2 buy other 4"]),
            (buy(1, 1, 10), &["accepted 1#13 buy 1@10 open 1"]),
            (buy(2, 1, 10).symbol(2), &["rejected 2 of 2 buy halted"]),
        ],
        "1:1@10 |",
    );
}

#[test]
fn a_state_needs_a_symbol() {
    check(
        &[
            (state(Halted).symbol(3), &["rejected 0/0 of 3 buy unknown_symbol"]),
            (state(Halted).verdict(Reason::NotPermitted), &["rejected 0/0 buy not_permitted"]),
        ],
        "|",
    );
}
