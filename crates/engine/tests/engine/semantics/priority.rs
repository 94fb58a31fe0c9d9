use super::*;

#[test]
fn better_price_first_then_earlier_time() {
    check(
        &[
            (sell(1, 1, 101), &["accepted 1#11 sell 1@101 open 1"]),
            (sell(2, 1, 100), &["accepted 2#12 sell 1@100 open 1"]),
            (sell(3, 1, 100), &["accepted 3#13 sell 1@100 open 1"]),
            (buy(4, 1, 98), &["accepted 4#14 buy 1@98 open 1"]),
            (buy(5, 1, 99), &["accepted 5#15 buy 1@99 open 1"]),
            (buy(6, 1, 99), &["accepted 6#16 buy 1@99 open 1"]),
        ],
        "5:1@99 6:1@99 4:1@98 | 2:1@100 3:1@100 1:1@101",
    );
}

#[test]
fn a_partial_fill_keeps_priority() {
    check(
        &[
            (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
            (sell(2, 5, 100), &["accepted 2#12 sell 5@100 open 5"]),
            (
                buy(3, 2, 100),
                &[
                    "accepted 3#13 buy 2@100 open 2",
                    "executed 1#11 sell 2@100 open 3 with #13 trade 1",
                    "executed 3#13 buy 2@100 with #11 trade 1 removed",
                ],
            ),
        ],
        "| 1:3@100 2:5@100",
    );
}

#[test]
fn a_reduce_keeps_priority() {
    check(
        &[
            (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
            (sell(2, 5, 100), &["accepted 2#12 sell 5@100 open 5"]),
            (reduce(1, 3), &["canceled 1#11 sell 2@100 open 3 user"]),
        ],
        "| 1:3@100 2:5@100",
    );
}

#[test]
fn a_replace_loses_priority_whatever_its_values() {
    check(
        &[
            (buy(1, 5, 100), &["accepted 1#11 buy 5@100 open 5"]),
            (buy(2, 5, 100), &["accepted 2#12 buy 5@100 open 5"]),
            (replace(1, 3, 5, 100), &["replaced 3#11 buy 5@100 open 5 other 1"]),
            (replace(2, 4, 4, 100), &["replaced 4#12 buy 4@100 open 4 other 2"]),
        ],
        "3:5@100 4:4@100 |",
    );
}
