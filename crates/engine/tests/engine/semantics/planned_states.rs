//! Scheduled states, and the ticks that carry them out.

use super::SymbolState::{Halted, Open, PreOpen};
use super::*;
use ringside_model::command::{PlanState, RunTimers};

fn plan(state: SymbolState, due: u64) -> Do {
    plan_between(state, due, 0, 0)
}

fn plan_between(state: SymbolState, due: u64, random_ns: u64, seed: u64) -> Do {
    let due = Nanos(due);
    act(Action::from(PlanState { due, random_ns, seed, state })).session(0)
}

fn tick(time: u64) -> Do {
    act(Action::from(RunTimers)).session(0).at(time)
}

#[test]
fn a_planned_state_comes_with_the_first_tick_at_its_time() {
    check(
        &[
            (plan(Halted, 100), &["state_planned 0/0 buy 100@0 other 4"]),
            (tick(99), &["ticked 0/0 buy"]),
            (buy(1, 1, 10).at(100), &["accepted 1#13 buy 1@10 open 1"]),
            (tick(100), &["ticked 0/0 buy", "state_changed 0/0 buy other 4"]),
            (tick(101), &["ticked 0/0 buy"]),
        ],
        "1:1@10 |",
    );
}

#[test]
fn a_planned_state_ends_a_call_with_its_auction() {
    check(
        &[
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (plan(Open, 50), &["state_planned 0/0 buy 50@0 other 3"]),
            (buy(1, 2, 10), &["accepted 1#13 buy 2@10 open 2"]),
            (
                sell(2, 1, 10),
                &["accepted 2#14 sell 1@10 open 1", "indicative 0/0 buy 1@10 open 1 other 1"],
            ),
            (
                tick(50),
                &[
                    "ticked 0/0 buy",
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy 1@10 other 1",
                    "executed 1#13 buy 1@10 open 1 with #14 trade 1 opening",
                    "executed 2#14 sell 1@10 with #13 trade 1 opening younger",
                ],
            ),
        ],
        "1:1@10 |",
    );
}

/// SplitMix64 draws 7191089600892374487 first from the seed 7. That number modulo 101 is 27.
#[test]
fn a_random_end_is_drawn_from_the_seed_in_the_command() {
    check(
        &[
            (plan_between(Halted, 100, 100, 7), &["state_planned 0/0 buy 127@0 other 4"]),
            (tick(126), &["ticked 0/0 buy"]),
            (tick(127), &["ticked 0/0 buy", "state_changed 0/0 buy other 4"]),
        ],
        "|",
    );
}

#[test]
fn a_state_that_an_operator_sets_takes_the_plan_back() {
    check(
        &[
            (plan(Halted, 20), &["state_planned 0/0 buy 20@0 other 4"]),
            (state(Open), &["state_changed 0/0 buy other 3"]),
            (tick(20), &["ticked 0/0 buy"]),
        ],
        "|",
    );
}

#[test]
fn a_plan_takes_the_place_of_the_one_before_and_an_empty_one_takes_it_back() {
    check(
        &[
            (plan(Halted, 20), &["state_planned 0/0 buy 20@0 other 4"]),
            (plan(PreOpen, 30), &["state_planned 0/0 buy 30@0 other 2"]),
            (tick(29), &["ticked 0/0 buy"]),
            (plan(Open, 0), &["state_planned 0/0 buy"]),
            (tick(30), &["ticked 0/0 buy"]),
        ],
        "|",
    );
}

#[test]
fn time_passes_for_one_symbol_and_not_for_another() {
    check(
        &[
            (define(2, plain()), &["defined of 2 buy"]),
            (plan(Halted, 20), &["state_planned 0/0 buy 20@0 other 4"]),
            (tick(25).symbol(2), &["ticked 0/0 of 2 buy"]),
            (buy(1, 1, 10).at(25), &["accepted 1#14 buy 1@10 open 1"]),
            (tick(25).symbol(3), &["rejected 0/0 of 3 buy unknown_symbol"]),
        ],
        "1:1@10 |",
    );
}
