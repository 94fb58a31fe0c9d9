//! Orders with special terms: their expiry, their hidden trades, and the orders that they skip.

use super::*;
use ringside_model::command::{EnterSpecial, RunTimers, SpecialTerms, TradingDay};

/// Returns the order with these terms. The first command of a row has the official time 11, the
/// next one 12.
pub(super) fn special(order: Do, change: impl FnOnce(&mut SpecialTerms)) -> Do {
    let Action::Enter(enter) = order.0.action else { panic!("not an enter") };
    let mut terms = SpecialTerms::NONE;
    change(&mut terms);
    let action = Action::EnterSpecial(EnterSpecial { order: enter, terms });
    Do(Command { action, ..order.0 }, order.1, order.2)
}

pub(super) fn hidden(order: Do) -> Do {
    special(order, |terms| terms.hidden = true)
}

/// Returns the order as a hidden order with the minimum quantity `least`.
pub(super) fn at_least(least: u64, order: Do) -> Do {
    special(order, |terms| (terms.hidden, terms.min_quantity) = (true, Quantity(least)))
}

fn ioc_at_least(least: u64, order: Do) -> Do {
    special(order.ioc(), |terms| terms.min_quantity = Quantity(least))
}

pub(super) fn until(time: u64, order: Do) -> Do {
    special(order.gtc(), |terms| terms.expire = Nanos(time))
}

fn tick() -> Do {
    act(Action::from(RunTimers)).session(0)
}

#[test]
fn a_tick_says_how_many_orders_end_and_ends_them_by_priority() {
    check(
        &[
            (until(15, sell(1, 4, 101)), &["accepted 1#11 sell 4@101 open 4"]),
            (until(15, sell(2, 5, 100)), &["accepted 2#12 sell 5@100 open 5"]),
            (until(16, sell(3, 6, 100)), &["accepted 3#13 sell 6@100 open 6"]),
            (tick(), &["ticked 0/0 buy"]),
            (
                tick(),
                &[
                    "ticked 0/0 buy 2@0",
                    "canceled 2#12 sell 5@100 expired",
                    "canceled 1#11 sell 4@101 expired",
                ],
            ),
        ],
        "| 3:6@100",
    );
}

#[test]
fn no_order_trades_after_its_expiry_whether_a_tick_came_or_not() {
    check(
        &[
            (until(13, sell(1, 4, 100)), &["accepted 1#11 sell 4@100 open 4"]),
            (
                buy(2, 1, 100),
                &[
                    "accepted 2#12 buy 1@100 open 1",
                    "executed 1#11 sell 1@100 open 3 with #12 trade 1",
                    "executed 2#12 buy 1@100 with #11 trade 1 removed",
                ],
            ),
            (
                buy(3, 1, 100),
                &["canceled 1#11 sell 3@100 expired", "accepted 3#13 buy 1@100 open 1"],
            ),
        ],
        "3:1@100 |",
    );
}

#[test]
fn what_asks_for_an_order_that_has_just_expired_is_too_late() {
    let row = |asks: Do, answer: &str| {
        check(
            &[
                (until(12, sell(1, 4, 100)), &["accepted 1#11 sell 4@100 open 4"]),
                (asks, &["canceled 1#11 sell 4@100 expired", answer]),
            ],
            "|",
        );
    };
    row(replace(1, 2, 4, 101), "rejected 2 buy too_late");
    row(cancel(1), "rejected 1 buy unknown_order");
    row(reduce(1, 2), "rejected 1 buy unknown_order");
    row(modify(1, Some(Side::Short), None), "rejected 1 buy unknown_order");
    row(state(SymbolState::Halted), "state_changed 0/0 buy other 4");
}

#[test]
fn an_order_that_would_expire_at_once_is_refused() {
    check(&[(until(11, buy(1, 4, 100)), &["rejected 1 buy invalid_expiry"])], "|");
    let day = special(buy(1, 4, 100), |terms| terms.expire = Nanos(99));
    check(&[(day, &["rejected 1 buy unsupported"])], "|");
}

#[test]
fn the_end_of_the_day_leaves_what_has_an_end_of_its_own() {
    check(
        &[
            (until(99, buy(1, 4, 100)), &["accepted 1#11 buy 4@100 open 4"]),
            (act(Action::from(TradingDay { event: DayEvent::End })), &["trading_day buy other 2"]),
        ],
        "1:4@100 |",
    );
}

#[test]
fn a_replace_keeps_the_end_and_stays_hidden() {
    check(
        &[
            (until(14, buy(1, 4, 100)), &["accepted 1#11 buy 4@100 open 4"]),
            (replace(1, 2, 6, 101), &["replaced 2#11 buy 6@101 open 6 other 1"]),
            (hidden(sell(3, 4, 105)), &["accepted 3#13 sell 4@105 open 4 hidden"]),
            (
                replace(3, 4, 5, 104),
                &[
                    "canceled 2#12 buy 6@101 expired",
                    "replaced 4#13 sell 5@104 open 5 other 3 hidden",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn a_hidden_order_trades_after_all_that_is_displayed_at_its_price() {
    check(
        &[
            (hidden(sell(1, 4, 100)), &["accepted 1#11 sell 4@100 open 4 hidden"]),
            (sell(2, 3, 100), &["accepted 2#12 sell 3@100 open 3"]),
            (sell(3, 3, 101), &["accepted 3#13 sell 3@101 open 3"]),
            (
                buy(4, 8, 101),
                &[
                    "accepted 4#14 buy 8@101 open 8",
                    "executed 2#12 sell 3@100 with #14 trade 1",
                    "executed 4#14 buy 3@100 open 5 with #12 trade 1 removed",
                    "executed 1#11 sell 4@100 with #14 trade 2 hidden",
                    "executed 4#14 buy 4@100 open 1 with #11 trade 2 removed",
                    "executed 3#13 sell 1@101 open 2 with #14 trade 3",
                    "executed 4#14 buy 1@101 with #13 trade 3 removed",
                ],
            ),
        ],
        "| 3:2@101",
    );
}

#[test]
fn two_hidden_orders_trade_with_each_other() {
    check(
        &[
            (hidden(sell(1, 4, 100)), &["accepted 1#11 sell 4@100 open 4 hidden"]),
            (
                hidden(buy(2, 6, 101)),
                &[
                    "accepted 2#12 buy 6@101 open 6 hidden",
                    "executed 1#11 sell 4@100 with #12 trade 1 hidden",
                    "executed 2#12 buy 4@100 open 2 with #11 trade 1 hidden removed",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn a_post_only_order_looks_at_what_is_displayed_only() {
    check(
        &[
            (hidden(sell(1, 4, 100)), &["accepted 1#11 sell 4@100 open 4 hidden"]),
            (
                buy(2, 6, 100).post_only(),
                &[
                    "accepted 2#12 buy 6@100 open 6",
                    "executed 1#11 sell 4@100 with #12 trade 1 hidden",
                    "executed 2#12 buy 4@100 open 2 with #11 trade 1 removed",
                ],
            ),
        ],
        "2:2@100 |",
    );
}

#[test]
fn a_fill_or_kill_order_counts_hidden_ones_that_it_has_enough_for() {
    check(
        &[
            (hidden(sell(1, 4, 100)), &["accepted 1#11 sell 4@100 open 4 hidden"]),
            (at_least(6, sell(2, 6, 100)), &["accepted 2#12 sell 6@100 open 6 hidden"]),
            (
                buy(3, 9, 100).fok(),
                &["accepted 3#13 buy 9@100 open 9", "canceled 3#13 buy 9@100 fok_not_fillable"],
            ),
            (
                buy(4, 10, 100).fok(),
                &[
                    "accepted 4#14 buy 10@100 open 10",
                    "executed 1#11 sell 4@100 with #14 trade 1 hidden",
                    "executed 4#14 buy 4@100 open 6 with #11 trade 1 removed",
                    "executed 2#12 sell 6@100 with #14 trade 2 hidden",
                    "executed 4#14 buy 6@100 with #12 trade 2 removed",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn a_minimum_that_cannot_be_met_is_stepped_over_without_blocking_those_behind() {
    check(
        &[
            (at_least(5, sell(1, 8, 99)), &["accepted 1#11 sell 8@99 open 8 hidden"]),
            (hidden(sell(2, 2, 100)), &["accepted 2#12 sell 2@100 open 2 hidden"]),
            (
                buy(3, 4, 100),
                &[
                    "accepted 3#13 buy 4@100 open 4",
                    "executed 2#12 sell 2@100 with #13 trade 1 hidden",
                    "executed 3#13 buy 2@100 open 2 with #12 trade 1 removed",
                ],
            ),
            (cancel(3), &["canceled 3#13 buy 2@100 user"]),
            (
                buy(4, 6, 100),
                &[
                    "accepted 4#15 buy 6@100 open 6",
                    "executed 1#11 sell 6@99 open 2 with #15 trade 1 hidden",
                    "executed 4#15 buy 6@99 with #11 trade 1 removed",
                ],
            ),
            // The order has less left than its minimum: then its open quantity is the minimum.
            (buy(5, 1, 100), &["accepted 5#16 buy 1@100 open 1"]),
            (
                buy(6, 2, 100),
                &[
                    "accepted 6#17 buy 2@100 open 2",
                    "executed 1#11 sell 2@99 with #17 trade 1 hidden",
                    "executed 6#17 buy 2@99 with #11 trade 1 removed",
                ],
            ),
        ],
        "5:1@100 |",
    );
}

#[test]
fn orders_behind_one_that_is_stepped_over_trade_at_its_price_and_at_the_next() {
    check(
        &[
            (at_least(9, sell(1, 9, 99)), &["accepted 1#11 sell 9@99 open 9 hidden"]),
            (at_least(2, sell(2, 2, 99)), &["accepted 2#12 sell 2@99 open 2 hidden"]),
            (at_least(9, sell(3, 9, 99)), &["accepted 3#13 sell 9@99 open 9 hidden"]),
            (at_least(2, sell(4, 3, 100)), &["accepted 4#14 sell 3@100 open 3 hidden"]),
            (
                buy(5, 5, 100),
                &[
                    "accepted 5#15 buy 5@100 open 5",
                    "executed 2#12 sell 2@99 with #15 trade 1 hidden",
                    "executed 5#15 buy 2@99 open 3 with #12 trade 1 removed",
                    "executed 4#14 sell 3@100 with #15 trade 2 hidden",
                    "executed 5#15 buy 3@100 with #14 trade 2 removed",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn an_order_that_cannot_trade_its_minimum_on_its_way_in_trades_nothing() {
    check(
        &[
            (sell(1, 3, 100), &["accepted 1#11 sell 3@100 open 3"]),
            (sell(2, 3, 101), &["accepted 2#12 sell 3@101 open 3"]),
            (
                ioc_at_least(7, buy(3, 9, 101)),
                &["accepted 3#13 buy 9@101 open 9", "canceled 3#13 buy 9@101 ioc_remainder"],
            ),
            (
                ioc_at_least(1, buy(4, 1, 0).market()),
                &[
                    "accepted 4#14 buy 1@0 open 1",
                    "executed 1#11 sell 1@100 open 2 with #14 trade 1",
                    "executed 4#14 buy 1@100 with #11 trade 1 removed",
                ],
            ),
            (
                ioc_at_least(6, buy(5, 6, 0).market()),
                &["accepted 5#15 buy 6@0 open 6", "canceled 5#15 buy 6@0 no_liquidity"],
            ),
            (at_least(6, buy(6, 9, 101)), &["accepted 6#16 buy 9@101 open 9 hidden"]),
            (
                ioc_at_least(5, buy(7, 9, 101)),
                &[
                    "accepted 7#17 buy 9@101 open 9",
                    "executed 1#11 sell 2@100 with #17 trade 1",
                    "executed 7#17 buy 2@100 open 7 with #11 trade 1 removed",
                    "executed 2#12 sell 3@101 with #17 trade 2",
                    "executed 7#17 buy 3@101 open 4 with #12 trade 2 removed",
                    "canceled 7#17 buy 4@101 ioc_remainder",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn a_minimum_is_looked_at_before_self_trade_prevention() {
    check(
        &[
            (at_least(5, sell(1, 8, 100).firm(7)), &["accepted 1#11 sell 8@100 open 8 hidden"]),
            (
                buy(2, 4, 100).firm(7).mode(SelfTrade::CancelOldest),
                &["accepted 2#12 buy 4@100 open 4"],
            ),
            (
                buy(3, 5, 100).firm(7).mode(SelfTrade::CancelOldest),
                &["accepted 3#13 buy 5@100 open 5", "canceled 1#11 sell 8@100 hidden self_trade"],
            ),
        ],
        "2:4@100 3:5@100 |",
    );
}

#[test]
fn an_auction_takes_hidden_orders_in_unless_they_have_a_minimum() {
    check(
        &[
            (state(SymbolState::PreOpen), &["state_changed 0/0 buy other 2"]),
            (hidden(sell(1, 4, 100)), &["accepted 1#12 sell 4@100 open 4 hidden"]),
            (at_least(1, sell(2, 4, 99)), &["accepted 2#13 sell 4@99 open 4 hidden"]),
            (sell(3, 4, 100), &["accepted 3#14 sell 4@100 open 4"]),
            (
                buy(4, 6, 100),
                &["accepted 4#15 buy 6@100 open 6", "indicative 0/0 sell 6@100 open 2 other 1"],
            ),
            (
                state(SymbolState::Open),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy 6@100 other 1",
                    "executed 3#14 sell 4@100 with #15 trade 1 opening",
                    "executed 4#15 buy 4@100 open 2 with #14 trade 1 opening younger",
                    "executed 1#12 sell 2@100 open 2 with #15 trade 2 hidden opening",
                    "executed 4#15 buy 2@100 with #12 trade 2 opening younger",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn a_minimum_that_sat_the_auction_out_trades_when_its_symbol_opens_before_anybody_else() {
    check(
        &[
            (state(SymbolState::PreOpen), &["state_changed 0/0 buy other 2"]),
            (buy(1, 6, 100), &["accepted 1#12 buy 6@100 open 6"]),
            (at_least(5, sell(2, 8, 99)), &["accepted 2#13 sell 8@99 open 8 hidden"]),
            (
                state(SymbolState::Open),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy other 1",
                    "executed 1#12 buy 6@100 with #13 trade 1",
                    "executed 2#13 sell 6@100 open 2 with #12 trade 1 hidden removed",
                ],
            ),
            (buy(3, 1, 99), &["accepted 3#15 buy 1@99 open 1"]),
            // What is left kept its place: it is before a younger one at its price.
            (
                at_least(1, sell(4, 5, 99)),
                &[
                    "accepted 4#16 sell 5@99 open 5 hidden",
                    "executed 3#15 buy 1@99 with #16 trade 1",
                    "executed 4#16 sell 1@99 open 4 with #15 trade 1 hidden removed",
                ],
            ),
            (
                buy(5, 3, 99),
                &[
                    "accepted 5#17 buy 3@99 open 3",
                    "executed 2#13 sell 2@99 with #17 trade 1 hidden",
                    "executed 5#17 buy 2@99 open 1 with #13 trade 1 removed",
                    "executed 4#16 sell 1@99 open 3 with #17 trade 2 hidden",
                    "executed 5#17 buy 1@99 with #16 trade 2 removed",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn minimums_that_an_opening_leaves_crossed_and_that_cannot_be_met_stay_as_they_are() {
    check(
        &[
            (state(SymbolState::Halted), &["state_changed 0/0 buy other 4"]),
            (state(SymbolState::PreOpen), &["state_changed 0/0 buy other 2"]),
            (buy(1, 4, 100), &["accepted 1#13 buy 4@100 open 4"]),
            (at_least(5, sell(2, 8, 99)), &["accepted 2#14 sell 8@99 open 8 hidden"]),
            (
                state(SymbolState::Open),
                &["state_changed 0/0 buy other 3", "crossed 0/0 buy other 1"],
            ),
        ],
        "1:4@100 |",
    );
}

#[test]
fn the_reason_of_a_cancel_tells_nothing_of_hidden_orders() {
    let collared = DefineSymbol { collar_bps: 500, reference: Price(1_000), ..plain() };
    check(
        &[
            (define(2, collared), &["defined of 2 buy"]),
            (
                hidden(sell(1, 5, 1_100)).symbol(2),
                &["accepted 1#12 of 2 sell 5@1100 open 5 hidden"],
            ),
            (
                buy(2, 1, 0).market().symbol(2),
                &["accepted 2#13 of 2 buy 1@0 open 1", "canceled 2#13 of 2 buy 1@0 no_liquidity"],
            ),
            (sell(3, 5, 1_200).symbol(2), &["accepted 3#14 of 2 sell 5@1200 open 5"]),
            (
                buy(4, 1, 0).market().symbol(2),
                &["accepted 4#15 of 2 buy 1@0 open 1", "canceled 4#15 of 2 buy 1@0 collar"],
            ),
        ],
        "|",
    );
}

#[test]
fn an_expired_order_ends_before_a_mass_cancel_counts() {
    let of_session = || MassCancel { session: Some(SessionId(1)), ..MassCancel::default() };
    let expire_first = || {
        vec![
            (define(2, plain()), &["defined of 2 buy"][..]),
            (until(14, sell(1, 4, 100)), &["accepted 1#12 sell 4@100 open 4"]),
            (sell(2, 5, 100), &["accepted 2#13 sell 5@100 open 5"]),
        ]
    };
    let mut row = expire_first();
    row.push((
        mass_cancel(of_session()),
        &[
            "canceled 1#12 sell 4@100 expired",
            "mass_canceled buy 1@0",
            "canceled 2#13 sell 5@100 mass_cancel",
        ],
    ));
    check(&row, "|");

    // Over the whole venue the count comes first, because every shard adds to it.
    let mut row = expire_first();
    row.push((
        mass_cancel(of_session()).symbol(0),
        &[
            "mass_canceled of 0 buy 1@0",
            "canceled 1#12 sell 4@100 expired",
            "canceled 2#13 sell 5@100 mass_cancel",
        ],
    ));
    check(&row, "|");
}

#[test]
fn terms_that_an_order_cannot_have_are_refused() {
    let rows: [(Do, &str); 7] = [
        (hidden(buy(1, 4, 100).ioc()), "unsupported"),
        (hidden(buy(1, 4, 100).with(|e| e.attributed = true)), "unsupported"),
        (hidden(buy(1, 4, 0).market()), "unsupported"),
        (special(buy(1, 4, 100).tif(TimeInForce::Auction), |_| {}), "unsupported"),
        (at_least(5, buy(1, 4, 100)), "invalid_min_quantity"),
        (special(buy(1, 4, 100), |t| t.min_quantity = Quantity(1)), "invalid_min_quantity"),
        (special(buy(1, 4, 100), |t| t.peg_offset = 1), "invalid_peg"),
    ];
    for (order, reason) in rows {
        check(&[(order, &[&format!("rejected 1 buy {reason}")])], "|");
    }
}
