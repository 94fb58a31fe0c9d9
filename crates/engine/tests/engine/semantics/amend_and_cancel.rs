use super::*;

#[test]
fn a_replace_that_the_venue_does_not_serve_leaves_the_original_alone() {
    for reason in [
        Reason::LowSpace,
        Reason::RateLimit,
        Reason::OrderEntryDisabled,
        Reason::NotPermitted,
        Reason::Closed,
    ] {
        let word = format!("rejected 2 buy {}", reason.name());
        let refused = |new_id, total, price| replace(1, new_id, total, price).verdict(reason);
        check(
            &[
                (buy(1, 5, 100), &["accepted 1#11 buy 5@100 open 5"]),
                (refused(2, 4, 101), &[&word]),
                (refused(2, 0, -1), &[&word]),
                // An id that is used, and an order that is not live, come before.
                (refused(1, 4, 101), &["rejected 1 buy duplicate_id"]),
                (replace(9, 2, 4, 101).verdict(reason), &["rejected 2 buy too_late"]),
                (buy(2, 5, 100).verdict(reason), &[&word]),
            ],
            "1:5@100 |",
        );
    }
}

#[test]
fn a_replace_tells_the_capacity_and_attribution_that_the_order_keeps() {
    let told = [
        (Capacity::Other, false, ""),
        (Capacity::Other, true, " other attributed"),
        (Capacity::Agency, false, " agency"),
        (Capacity::Principal, true, " principal attributed"),
        (Capacity::Riskless, true, " riskless attributed"),
    ];
    for (capacity, attributed, flags) in told {
        let order = buy(1, 5, 100).with(|e| {
            (e.capacity, e.attributed) = (capacity, attributed);
        });
        check(
            &[
                (order, &["accepted 1#11 buy 5@100 open 5"]),
                (
                    replace(1, 2, 4, 100),
                    &[&format!("replaced 2#11 buy 4@100 open 4 other 1{flags}")],
                ),
                (
                    replace(2, 3, 4, 101),
                    &[&format!("replaced 3#12 buy 4@101 open 4 other 2{flags}")],
                ),
            ],
            "3:4@101 |",
        );
    }
}

/// Enters order 1, which buys 10 and fills `quantity`.
fn filled<'a>(quantity: u64) -> [(Do, &'a [&'a str]); 2] {
    let rows: [(Do, &[&str]); 2] = match quantity {
        2 => [
            (buy(1, 10, 100), &["accepted 1#11 buy 10@100 open 10"]),
            (
                sell(2, 2, 100),
                &[
                    "accepted 2#12 sell 2@100 open 2",
                    "executed 1#11 buy 2@100 open 8 with #12 trade 1",
                    "executed 2#12 sell 2@100 with #11 trade 1 removed",
                ],
            ),
        ],
        _ => [
            (buy(1, 10, 100), &["accepted 1#11 buy 10@100 open 10"]),
            (
                sell(2, 6, 100),
                &[
                    "accepted 2#12 sell 6@100 open 6",
                    "executed 1#11 buy 6@100 open 4 with #12 trade 1",
                    "executed 2#12 sell 6@100 with #11 trade 1 removed",
                ],
            ),
        ],
    };
    rows
}

#[test]
fn reduce_gives_the_total_fills_included() {
    let [a, b] = filled(2);
    check(&[a, b, (reduce(1, 5), &["canceled 1#11 buy 5@100 open 3 user"])], "1:3@100 |");
}

#[test]
fn reduce_to_what_is_filled_or_less_ends_the_order() {
    for total in [5, 6] {
        let [a, b] = filled(6);
        check(&[a, b, (reduce(1, total), &["canceled 1#11 buy 4@100 user"])], "|");
    }
}

#[test]
fn reduce_that_is_none_is_rejected() {
    let [a, b] = filled(2);
    check(
        &[
            a,
            b,
            (reduce(1, 10), &["rejected 1 buy not_a_reduction"]),
            (reduce(1, 11), &["rejected 1 buy not_a_reduction"]),
            (reduce(1, 0), &["rejected 1 buy invalid_quantity"]),
            (reduce(1, MAX), &["rejected 1 buy not_a_reduction"]),
        ],
        "1:8@100 |",
    );
}

#[test]
fn a_second_reduce_counts_from_the_new_total() {
    let [a, b] = filled(2);
    check(
        &[
            a,
            b,
            (reduce(1, 5), &["canceled 1#11 buy 5@100 open 3 user"]),
            (reduce(1, 5), &["rejected 1 buy not_a_reduction"]),
            (reduce(1, 3), &["canceled 1#11 buy 2@100 open 1 user"]),
        ],
        "1:1@100 |",
    );
}

#[test]
fn reduce_off_lot_is_rejected() {
    let definition = DefineSymbol { lot: Quantity(100), ..plain() };
    check(
        &[
            (define(2, definition), &["defined of 2 buy"]),
            (buy(1, 300, 50).symbol(2), &["accepted 1#12 of 2 buy 300@50 open 300"]),
            (reduce(1, 150).symbol(2), &["rejected 1 of 2 buy off_lot"]),
            (reduce(1, 450).symbol(2), &["rejected 1 of 2 buy off_lot"]),
            (reduce(1, 200).symbol(2), &["canceled 1#12 of 2 buy 100@50 open 200 user"]),
        ],
        "|",
    );
}

#[test]
fn replace_gives_the_total_fills_included() {
    let [a, b] = filled(2);
    check(&[a, b, (replace(1, 3, 5, 99), &["replaced 3#11 buy 5@99 open 3 other 1"])], "3:3@99 |");
}

#[test]
fn replace_carries_the_fills_on() {
    let [a, b] = filled(2);
    check(
        &[
            a,
            b,
            (replace(1, 3, 5, 99), &["replaced 3#11 buy 5@99 open 3 other 1"]),
            (replace(3, 4, 7, 99), &["replaced 4#13 buy 7@99 open 5 other 3"]),
            (reduce(4, 3), &["canceled 4#14 buy 4@99 open 1 user"]),
        ],
        "4:1@99 |",
    );
}

#[test]
fn replace_to_what_is_filled_or_less_ends_the_order() {
    for total in [1, 2] {
        let [a, b] = filled(2);
        check(&[a, b, (replace(1, 3, total, 99), &["canceled 1#11 buy 8@100 user"])], "|");
    }
}

#[test]
fn replace_of_an_unknown_or_finished_order_is_too_late() {
    check(
        &[
            (replace(1, 2, 5, 100), &["rejected 2 buy too_late"]),
            (buy(1, 5, 100), &["accepted 1#12 buy 5@100 open 5"]),
            (cancel(1), &["canceled 1#12 buy 5@100 user"]),
            (replace(1, 2, 5, 100), &["rejected 2 buy too_late"]),
            (replace(1, 2, 0, 0), &["rejected 2 buy too_late"]),
        ],
        "|",
    );
}

#[test]
fn replace_with_a_used_id_is_rejected_and_the_original_stays() {
    let used = Reason::DuplicateId;
    check(
        &[
            (buy(1, 5, 100), &["accepted 1#11 buy 5@100 open 5"]),
            (buy(2, 5, 99), &["accepted 2#12 buy 5@99 open 5"]),
            (replace(1, 2, 5, 101), &["rejected 2 buy duplicate_id"]),
            (replace(1, 1, 5, 101), &["rejected 1 buy duplicate_id"]),
            (replace(1, 3, 5, 101).verdict(used), &["rejected 3 buy duplicate_id"]),
            (replace(9, 2, 5, 101), &["rejected 2 buy duplicate_id"]),
        ],
        "1:5@100 2:5@99 |",
    );
}

#[test]
fn replace_with_invalid_terms_cancels_the_original() {
    let invalid = [
        replace(1, 2, 0, 100),
        replace(1, 2, 5, 0),
        replace(1, 2, 5, -1),
        replace(1, 2, 5, i64::MIN),
        replace(1, 2, 5, 100).verdict(Reason::OffTick),
    ];
    for replace in invalid {
        check(
            &[
                (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
                (replace, &["canceled 1#11 sell 5@100 replaced_invalid"]),
            ],
            "|",
        );
    }
}

#[test]
fn replace_may_trade_at_once() {
    check(
        &[
            (sell(1, 5, 101), &["accepted 1#11 sell 5@101 open 5"]),
            (buy(2, 8, 100), &["accepted 2#12 buy 8@100 open 8"]),
            (
                replace(2, 3, 9, 102),
                &[
                    "replaced 3#12 buy 9@102 open 9 other 2",
                    "executed 1#11 sell 5@101 with #13 trade 1",
                    "executed 3#13 buy 5@101 open 4 with #11 trade 1 removed",
                ],
            ),
        ],
        "3:4@102 |",
    );
}

#[test]
fn replace_keeps_side_marking_group_and_mode() {
    let both = SelfTrade::CancelBoth;
    let short = enter(1, Side::ShortExempt, 5, 105).group(4).mode(both);
    check(
        &[
            (short, &["accepted 1#11 short_exempt 5@105 open 5"]),
            (buy(2, 3, 100).group(4), &["accepted 2#12 buy 3@100 open 3"]),
            (
                replace(1, 3, 6, 99),
                &[
                    "replaced 3#11 short_exempt 6@99 open 6 other 1",
                    "canceled 2#12 buy 3@100 self_trade",
                    "canceled 3#13 short_exempt 6@99 other 100 self_trade",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn replace_of_a_post_only_order_stays_passive() {
    check(
        &[
            (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
            (buy(2, 3, 98).post_only(), &["accepted 2#12 buy 3@98 open 3"]),
            (buy(3, 3, 98).slide(), &["accepted 3#13 buy 3@98 open 3"]),
            (replace(2, 4, 3, 100), &["canceled 2#12 buy 3@98 replaced_invalid"]),
            (replace(3, 5, 3, 105), &["replaced 5#13 buy 3@99 open 3 other 3"]),
        ],
        "5:3@99 | 1:5@100",
    );
}

#[test]
fn a_cancel_ends_the_order_once() {
    check(
        &[
            (buy(1, 5, 100), &["accepted 1#11 buy 5@100 open 5"]),
            (cancel(1), &["canceled 1#11 buy 5@100 user"]),
            (cancel(1).verdict(Reason::TooLate), &["rejected 1 buy too_late"]),
            (cancel(2), &["rejected 2 buy unknown_order"]),
            (reduce(2, 1), &["rejected 2 buy unknown_order"]),
            (reduce(1, 1).verdict(Reason::TooLate), &["rejected 1 buy too_late"]),
        ],
        "|",
    );
}

#[test]
fn the_verdict_of_a_cancel_or_reduce_is_for_orders_that_are_not_live() {
    check(
        &[
            (buy(1, 5, 100), &["accepted 1#11 buy 5@100 open 5"]),
            (reduce(1, 3).verdict(Reason::TooLate), &["canceled 1#11 buy 2@100 open 3 user"]),
            (cancel(1).verdict(Reason::TooLate), &["canceled 1#11 buy 3@100 user"]),
        ],
        "|",
    );
}

#[test]
fn an_order_is_known_by_its_session_and_on_its_symbol() {
    check(
        &[
            (define(2, plain()), &["defined of 2 buy"]),
            (buy(1, 5, 100), &["accepted 1#12 buy 5@100 open 5"]),
            (cancel(1).session(2), &["rejected 2/1 buy unknown_order"]),
            (cancel(1).symbol(2), &["rejected 1 of 2 buy unknown_order"]),
            (reduce(1, 2).symbol(2), &["rejected 1 of 2 buy unknown_order"]),
            (replace(1, 2, 5, 100).symbol(2), &["rejected 2 of 2 buy too_late"]),
            (cancel(1).symbol(0), &["rejected 1 of 0 buy unknown_order"]),
        ],
        "1:5@100 |",
    );
}

const FIVE: [(&str, Side, i64, u32, u16, u16); 5] = [
    ("accepted 1#11 buy 1@99 open 1", Side::Buy, 99, 1, 1, 0),
    ("accepted 2#12 buy 1@100 open 1", Side::Buy, 100, 1, 2, 0),
    ("accepted 3#13 short 1@102 open 1", Side::Short, 102, 1, 1, 5),
    ("accepted 4#14 sell 1@101 open 1", Side::Sell, 101, 1, 1, 0),
    ("accepted 2/5#15 sell 1@101 open 1", Side::Sell, 101, 2, 1, 0),
];

fn check_mass_cancel(command: Do, expected: &[&str], book: &str) {
    let accepted = FIVE.map(|order| [order.0]);
    let mut row: Vec<(Do, &[&str])> = vec![];
    for (i, (id, (_, side, price, session, firm, group))) in (1..).zip(FIVE).enumerate() {
        let order = enter(id, side, 1, price).session(session).firm(firm).group(group);
        row.push((order, &accepted[i]));
    }
    row.push((command, expected));
    check(&row, book);
}

#[test]
fn mass_cancel_of_a_symbol_goes_by_side_price_and_time() {
    let expected = [
        "mass_canceled buy 5@0",
        "canceled 2#12 buy 1@100 mass_cancel",
        "canceled 1#11 buy 1@99 mass_cancel",
        "canceled 4#14 sell 1@101 mass_cancel",
        "canceled 2/5#15 sell 1@101 mass_cancel",
        "canceled 3#13 short 1@102 mass_cancel",
    ];
    check_mass_cancel(mass_cancel(MassCancel::default()), &expected, "|");
    let expected = [&["mass_canceled of 0 buy 5@0"], &expected[1..]].concat();
    check_mass_cancel(mass_cancel(MassCancel::default()).symbol(0), &expected, "|");
}

#[test]
fn mass_cancel_tells_its_id_and_its_cause() {
    let filter = MassCancel { id: OrderId(7), ..MassCancel::default() };
    for cause in [Reason::Disconnect, Reason::Operator, Reason::Halt] {
        let word = cause.name();
        check(
            &[
                (buy(1, 1, 100), &["accepted 1#11 buy 1@100 open 1"]),
                (
                    mass_cancel(filter).verdict(cause),
                    &["mass_canceled 7 buy 1@0", &format!("canceled 1#11 buy 1@100 {word}")],
                ),
            ],
            "|",
        );
    }
}

#[test]
fn mass_cancel_that_must_be_refused_cancels_nothing() {
    let filter = MassCancel { id: OrderId(7), ..MassCancel::default() };
    let refused = mass_cancel(filter).verdict(Reason::NotPermitted);
    check(
        &[
            (buy(1, 1, 100), &["accepted 1#11 buy 1@100 open 1"]),
            (refused, &["rejected 7 buy not_permitted"]),
            (refused.symbol(0), &["rejected 7 of 0 buy not_permitted"]),
            (refused.symbol(9), &["rejected 7 of 9 buy not_permitted"]),
        ],
        "1:1@100 |",
    );
}

#[test]
fn mass_cancel_by_session() {
    check_mass_cancel(
        mass_cancel(MassCancel { session: Some(SessionId(2)), ..MassCancel::default() }),
        &["mass_canceled buy 1@0", "canceled 2/5#15 sell 1@101 mass_cancel"],
        "2:1@100 1:1@99 | 4:1@101 3:1@102",
    );
}

#[test]
fn mass_cancel_by_firm() {
    check_mass_cancel(
        mass_cancel(MassCancel { firm: Some(FirmId(2)), ..MassCancel::default() }).session(9),
        &["mass_canceled 9/0 buy 1@0", "canceled 2#12 buy 1@100 mass_cancel"],
        "1:1@99 | 4:1@101 5:1@101 3:1@102",
    );
}

#[test]
fn mass_cancel_by_group() {
    check_mass_cancel(
        mass_cancel(MassCancel { group: Some(5), ..MassCancel::default() }),
        &["mass_canceled buy 1@0", "canceled 3#13 short 1@102 mass_cancel"],
        "2:1@100 1:1@99 | 4:1@101 5:1@101",
    );
}

#[test]
fn mass_cancel_by_side_and_firm_together() {
    let firm = Some(FirmId(1));
    check_mass_cancel(
        mass_cancel(MassCancel { firm, buy: Some(true), ..MassCancel::default() }),
        &["mass_canceled buy 1@0", "canceled 1#11 buy 1@99 mass_cancel"],
        "2:1@100 | 4:1@101 5:1@101 3:1@102",
    );
}

#[test]
fn mass_cancel_of_nothing_says_zero_and_of_no_symbol_is_rejected() {
    check(
        &[
            (mass_cancel(MassCancel::default()), &["mass_canceled buy"]),
            (mass_cancel(MassCancel::default()).symbol(3), &["rejected of 3 buy unknown_symbol"]),
        ],
        "|",
    );
}

#[test]
fn mass_cancel_of_the_venue_goes_by_symbol() {
    check(
        &[
            (define(9, plain()), &["defined of 9 buy"]),
            (define(2, plain()), &["defined of 2 buy"]),
            (sell(1, 1, 5).symbol(9), &["accepted 1#13 of 9 sell 1@5 open 1"]),
            (sell(2, 1, 5).symbol(2), &["accepted 2#14 of 2 sell 1@5 open 1"]),
            (buy(3, 1, 5), &["accepted 3#15 buy 1@5 open 1"]),
            (
                mass_cancel(MassCancel::default()).symbol(0),
                &[
                    "mass_canceled of 0 buy 3@0",
                    "canceled 3#15 buy 1@5 mass_cancel",
                    "canceled 2#14 of 2 sell 1@5 mass_cancel",
                    "canceled 1#13 of 9 sell 1@5 mass_cancel",
                ],
            ),
        ],
        "|",
    );
}
