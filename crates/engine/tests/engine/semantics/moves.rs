use super::*;
use ringside_model::command::{EnterSpecial, EnterStop, ImportOrder, MoveSymbol, SpecialTerms};
use ringside_model::domain::{MoveStep, PartitionId};

/// Returns a step of symbol 1 from or to partition 1, by version 0 of the table.
fn step(step: MoveStep, orders: u64, quantity: u64) -> Do {
    let (partition, quantity) = (PartitionId(1), Quantity(quantity));
    act(Action::from(MoveSymbol { step, partition, version: 0, orders, quantity })).session(0)
}

fn release() -> Do {
    step(MoveStep::Release, 0, 0)
}

fn import() -> Do {
    step(MoveStep::Import, 0, 0)
}

fn resume(orders: u64, quantity: u64) -> Do {
    step(MoveStep::Resume, orders, quantity)
}

/// Returns the order as one that arrives with its symbol; `there` is its id on the old partition.
fn imported(order: Do, there: u64) -> Do {
    let Action::Enter(order) = order.0.action else { panic!("not an enter") };
    act(Action::from(ImportOrder { order, id_there: OrderId(there) }))
}

const RELEASED: &[&str] = &["symbol_moved 0/0 buy other 261"];
const IMPORTS: &[&str] = &["symbol_moved 0/0 buy other 259"];
const REFUSED: &[&str] = &["rejected 0/0 buy other 259 invalid_move"];

#[test]
fn a_symbol_does_not_resume_with_a_crossed_book() {
    for offer in [100, 101] {
        let held = format!("held 4#16 sell 1@{offer} open 1 other 44 trade 1");
        check(
            &[
                (release(), RELEASED),
                (import(), IMPORTS),
                (imported(buy(1, 9, 99), 41), &["held 1#13 buy 9@99 open 9 other 41 trade 1"]),
                (imported(buy(2, 5, 101), 42), &["held 2#14 buy 5@101 open 5 other 42 trade 1"]),
                (imported(sell(3, 7, 103), 43), &["held 3#15 sell 7@103 open 7 other 43 trade 1"]),
                (imported(sell(4, 1, offer), 44), &[&held]),
                (resume(4, 22), REFUSED),
                (buy(5, 1, 100), &["rejected 5 buy other 259 moving"]),
            ],
            "|",
        );
    }
}

#[test]
fn a_symbol_whose_orders_touch_resumes_with_them_after_a_crossed_book_was_refused() {
    check(
        &[
            (release(), RELEASED),
            (import(), IMPORTS),
            (imported(buy(1, 5, 101), 41), &["held 1#13 buy 5@101 open 5 other 41 trade 1"]),
            (imported(sell(2, 7, 101), 42), &["held 2#14 sell 7@101 open 7 other 42 trade 1"]),
            (resume(2, 12), REFUSED),
            (import(), IMPORTS),
            (imported(buy(1, 5, 100), 41), &["held 1#17 buy 5@100 open 5 other 41 trade 1"]),
            (imported(sell(2, 7, 101), 42), &["held 2#18 sell 7@101 open 7 other 42 trade 1"]),
            (
                resume(2, 12),
                &[
                    "symbol_moved 0/0 buy 2@0 other 260",
                    "imported 1#17 buy 5@100 open 5 other 41 trade 1",
                    "imported 2#18 sell 7@101 open 7 other 42 trade 1",
                ],
            ),
        ],
        "1:5@100 | 2:7@101",
    );
}

#[test]
fn a_symbol_resumes_with_exactly_the_orders_that_were_exported() {
    check(
        &[
            (release(), RELEASED),
            (import(), IMPORTS),
            (imported(buy(1, 5, 100), 41), &["held 1#13 buy 5@100 open 5 other 41 trade 1"]),
            (imported(buy(2, 7, 100), 42), &["held 2#14 buy 7@100 open 7 other 42 trade 1"]),
            (resume(1, 12), REFUSED),
            (resume(3, 12), REFUSED),
            (resume(2, 11), REFUSED),
            (resume(2, 13), REFUSED),
            (
                resume(2, 12),
                &[
                    "symbol_moved 0/0 buy 2@0 other 260",
                    "imported 1#13 buy 5@100 open 5 other 41 trade 1",
                    "imported 2#14 buy 7@100 open 7 other 42 trade 1",
                ],
            ),
        ],
        "1:5@100 2:7@100 |",
    );
}

#[test]
fn a_resume_of_a_traded_symbol_changes_nothing_and_is_announced() {
    check(
        &[
            (buy(1, 5, 100), &["accepted 1#11 buy 5@100 open 5"]),
            (resume(0, 0), &["symbol_moved 0/0 buy other 260"]),
            (
                sell(2, 2, 100),
                &[
                    "accepted 2#13 sell 2@100 open 2",
                    "executed 1#11 buy 2@100 open 3 with #13 trade 1",
                    "executed 2#13 sell 2@100 with #11 trade 1 removed",
                ],
            ),
        ],
        "1:3@100 |",
    );
}

#[test]
fn only_orders_that_could_rest_are_imported() {
    check(
        &[
            (release(), RELEASED),
            (import(), IMPORTS),
            (imported(buy(1, 5, 0).market(), 41), &["rejected 1 buy unsupported"]),
            (imported(buy(1, 5, 100).ioc(), 41), &["rejected 1 buy unsupported"]),
            (imported(buy(1, 5, 0), 41), &["rejected 1 buy invalid_price"]),
            (imported(buy(1, 5, -1), 41), &["rejected 1 buy invalid_price"]),
            (imported(buy(1, 5, 1), 41), &["held 1#17 buy 5@1 open 5 other 41 trade 1"]),
        ],
        "|",
    );
}

#[test]
fn orders_that_wait_keep_the_priority_of_an_elected_stop() {
    let Action::Enter(order) = sell(3, 2, 99).0.action else { panic!("not an enter") };
    let stop = act(Action::EnterStop(EnterStop { order, stop: Price(100) }));
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
                stop,
                &[
                    "accepted 3#13 sell 2@100 open 2 other 99 hidden stop",
                    "triggered 3#13.1 sell 2@99 open 2 was #13",
                ],
            ),
            (sell(4, 1, 99), &["accepted 4#14 sell 1@99 open 1"]),
            (step(MoveStep::Halt, 0, 0), &["symbol_moved 0/0 buy 2@0 other 257"]),
            (
                release(),
                &[
                    "symbol_moved 0/0 buy 2@0 other 261",
                    "canceled 3#13.1 sell 2@99 moved",
                    "canceled 4#14 sell 1@99 moved",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn a_symbol_moves_when_its_orders_that_do_not_move_are_over() {
    let terms = SpecialTerms { expire: Nanos(50), ..SpecialTerms::NONE };
    let Action::Enter(order) = buy(1, 5, 100).0.action else { panic!("not an enter") };
    let order = Enter { tif: TimeInForce::Gtc, ..order };
    let ends = act(Action::EnterSpecial(EnterSpecial { order, terms }));
    check(
        &[
            (ends, &["accepted 1#11 buy 5@100 open 5"]),
            (buy(2, 5, 99), &["accepted 2#12 buy 5@99 open 5"]),
            (step(MoveStep::Halt, 0, 0).at(49), &["rejected 0/0 buy cannot_move"]),
            (
                step(MoveStep::Halt, 0, 0).at(50),
                &["canceled 1#11 buy 5@100 expired", "symbol_moved 0/0 buy 1@0 other 257"],
            ),
        ],
        "|",
    );
}
