//! Pegs: orders whose limit follows the reference quote.

use super::SymbolState::{Halted, Open, ReopeningCall};
use super::*;
use ringside_model::command::{EnterSpecial, SpecialTerms};
use ringside_model::domain::{AtBand, AtShortTest, Peg};

pub(super) fn peg(
    id: u64,
    side: Side,
    quantity: u64,
    change: impl FnOnce(&mut SpecialTerms),
) -> Do {
    let Action::Enter(order) = enter(id, side, quantity, 0).0.action else { panic!("an enter") };
    let mut terms = SpecialTerms { peg: Peg::Primary, ..SpecialTerms::NONE };
    change(&mut terms);
    act(Action::EnterSpecial(EnterSpecial { order, terms }))
}

pub(super) fn primary(id: u64, side: Side, quantity: u64) -> Do {
    peg(id, side, quantity, |_| {})
}

pub(super) fn midpoint(id: u64, side: Side, quantity: u64) -> Do {
    peg(id, side, quantity, |terms| (terms.peg, terms.hidden) = (Peg::Midpoint, true))
}

#[test]
fn a_primary_peg_follows_its_own_side_of_the_quote_with_new_time() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (primary(1, Side::Buy, 5), &["accepted 1#12 buy 5@10 open 5"]),
            (buy(2, 1, 11), &["accepted 2#13 buy 1@11 open 1"]),
            (
                quote(11, 14),
                &["quoted 0/0 buy 0@11 other 14", "repriced 1#14.1 buy 5@11 open 5 was #12"],
            ),
            (
                quote(9, 14),
                &["quoted 0/0 buy 0@9 other 14", "repriced 1#15.1 buy 5@9 open 5 was #14.1"],
            ),
        ],
        "2:1@11 1:5@9 |",
    );
}

#[test]
fn a_peg_keeps_its_place_while_the_quote_of_its_side_stands() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (primary(1, Side::Sell, 5), &["accepted 1#12 sell 5@14 open 5"]),
            (sell(2, 1, 14), &["accepted 2#13 sell 1@14 open 1"]),
            (quote(11, 14), &["quoted 0/0 buy 0@11 other 14"]),
        ],
        "| 1:5@14 2:1@14",
    );
}

#[test]
fn an_offset_keeps_a_primary_peg_away_and_a_limit_bounds_it() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (peg(1, Side::Buy, 5, |terms| terms.peg_offset = 2), &["accepted 1#12 buy 5@8 open 5"]),
            (
                peg(2, Side::Sell, 5, |terms| (terms.peg_offset, terms.peg_limit) = (1, Price(17))),
                &["accepted 2#13 sell 5@17 open 5"],
            ),
            (
                peg(3, Side::Buy, 5, |terms| terms.peg_limit = Price(9)),
                &["accepted 3#14 buy 5@9 open 5"],
            ),
            (
                peg(4, Side::Buy, 5, |terms| terms.peg_offset = 10),
                &["rejected 4 buy invalid_price"],
            ),
        ],
        "3:5@9 1:5@8 | 2:5@17",
    );
}

#[test]
fn midpoint_pegs_rest_hidden_on_their_side_of_the_middle_and_meet_in_it() {
    check(
        &[
            (quote(10, 13), &["quoted 0/0 buy 0@10 other 13"]),
            (midpoint(1, Side::Buy, 5), &["accepted 1#12 buy 5@11 open 5 hidden"]),
            (midpoint(2, Side::Sell, 3), &["accepted 2#13 sell 3@12 open 3 hidden"]),
            (
                quote(10, 14),
                &[
                    "quoted 0/0 buy 0@10 other 14",
                    "repriced 1#14.1 buy 5@12 open 5 was #12 hidden",
                    "executed 2#13 sell 3@12 with #14.1 trade 1 hidden",
                    "executed 1#14.1 buy 3@12 open 2 with #13 trade 1 hidden removed",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn pegs_that_leave_room_go_before_those_that_take_it() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (primary(1, Side::Sell, 5), &["accepted 1#12 sell 5@14 open 5"]),
            (primary(2, Side::Buy, 5), &["accepted 2#13 buy 5@10 open 5"]),
            (
                quote(5, 9),
                &[
                    "quoted 0/0 buy 0@5 other 9",
                    "repriced 2#14.1 buy 5@5 open 5 was #13",
                    "repriced 1#14.2 sell 5@9 open 5 was #12",
                ],
            ),
        ],
        "2:5@5 | 1:5@9",
    );
}

#[test]
fn a_peg_that_follows_may_trade_at_once_and_elects_stops() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (primary(1, Side::Buy, 5), &["accepted 1#12 buy 5@10 open 5"]),
            (sell(2, 2, 12), &["accepted 2#13 sell 2@12 open 2"]),
            (
                stop_order(enter(3, Side::Buy, 1, 0).market(), 12),
                &["accepted 3#14 buy 1@12 open 1 hidden stop"],
            ),
            (
                quote(12, 14),
                &[
                    "quoted 0/0 buy 0@12 other 14",
                    "repriced 1#15.1 buy 5@12 open 5 was #12",
                    "executed 2#13 sell 2@12 with #15.1 trade 1",
                    "executed 1#15.1 buy 2@12 open 3 with #13 trade 1 removed",
                    "triggered 3#15.2 buy 1@0 open 1 was #14",
                    "canceled 3#15.2 buy 1@0 no_liquidity",
                ],
            ),
        ],
        "1:3@12 |",
    );
}

#[test]
fn without_a_quote_of_what_it_follows_a_peg_is_refused_and_one_that_rests_is_parked() {
    check(
        &[
            (primary(1, Side::Buy, 5), &["rejected 1 buy no_quote"]),
            (quote(10, 0), &["quoted 0/0 buy 0@10"]),
            (primary(2, Side::Sell, 5), &["rejected 2 sell no_quote"]),
            (midpoint(3, Side::Buy, 5), &["rejected 3 buy no_quote"]),
            (primary(4, Side::Buy, 5), &["accepted 4#15 buy 5@10 open 5"]),
            (quote(0, 0), &["quoted 0/0 buy", "parked 4#15 buy 5@10 open 5"]),
            (sell(5, 5, 9), &["accepted 5#17 sell 5@9 open 5"]),
            (reduce(4, 4), &["canceled 4#15 buy 1@10 open 4 hidden user"]),
            (
                quote(10, 0),
                &[
                    "quoted 0/0 buy 0@10",
                    "repriced 4#19.1 buy 4@10 open 4 was #15 parked",
                    "executed 5#17 sell 4@9 open 1 with #19.1 trade 1",
                    "executed 4#19.1 buy 4@9 with #17 trade 1 removed",
                ],
            ),
        ],
        "| 5:1@9",
    );
}

#[test]
fn pegs_are_parked_while_the_quote_is_crossed_and_come_back_in_the_order_of_their_entry() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (primary(1, Side::Buy, 5), &["accepted 1#12 buy 5@10 open 5"]),
            (primary(2, Side::Sell, 4), &["accepted 2#13 sell 4@14 open 4"]),
            (midpoint(3, Side::Buy, 3), &["accepted 3#14 buy 3@12 open 3 hidden"]),
            // The first peg gets a new place, and is the oldest all the same.
            (
                quote(9, 14),
                &[
                    "quoted 0/0 buy 0@9 other 14",
                    "repriced 1#15.1 buy 5@9 open 5 was #12",
                    "repriced 3#15.2 buy 3@11 open 3 was #14 hidden",
                ],
            ),
            (
                quote(15, 14),
                &[
                    "quoted 0/0 buy 0@15 other 14",
                    "parked 1#15.1 buy 5@9 open 5",
                    "parked 2#13 sell 4@14 open 4",
                    "parked 3#15.2 buy 3@11 open 3 hidden",
                ],
            ),
            (primary(4, Side::Buy, 5), &["rejected 4 buy no_quote"]),
            (cancel(3), &["canceled 3#15.2 buy 3@11 hidden user"]),
            // A locked quote is no crossed one.
            (
                quote(14, 14),
                &[
                    "quoted 0/0 buy 0@14 other 14",
                    "repriced 1#19.1 buy 5@14 open 5 was #15.1 parked",
                    "repriced 2#19.2 sell 4@14 open 4 was #13 parked",
                    "executed 1#19.1 buy 4@14 open 1 with #19.2 trade 1",
                    "executed 2#19.2 sell 4@14 with #19.1 trade 1 removed",
                ],
            ),
        ],
        "1:1@14 |",
    );
}

#[test]
fn parked_pegs_end_in_the_order_of_their_places_whenever_they_were_parked() {
    let bounded = |terms: &mut SpecialTerms| {
        (terms.peg, terms.hidden, terms.peg_limit) = (Peg::Midpoint, true, Price(14));
    };
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (primary(1, Side::Sell, 5), &["accepted 1#12 sell 5@14 open 5"]),
            (peg(2, Side::Sell, 4, bounded), &["accepted 2#13 sell 4@14 open 4 hidden"]),
            (quote(0, 14), &["quoted 0/0 buy other 14", "parked 2#13 sell 4@14 open 4 hidden"]),
            (state(Halted), &["state_changed 0/0 buy other 4", "parked 1#12 sell 5@14 open 5"]),
            (
                mass_cancel(MassCancel::default()),
                &[
                    "mass_canceled buy 2@0",
                    "canceled 1#12 sell 5@14 hidden mass_cancel",
                    "canceled 2#13 sell 4@14 hidden mass_cancel",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn no_peg_enters_a_call_and_those_that_rest_are_parked_until_it_is_over() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (primary(1, Side::Buy, 5), &["accepted 1#12 buy 5@10 open 5"]),
            (state(Halted), &["state_changed 0/0 buy other 4", "parked 1#12 buy 5@10 open 5"]),
            (primary(2, Side::Buy, 5), &["rejected 2 buy halted"]),
            (quote(8, 9), &["quoted 0/0 buy 0@8 other 9"]),
            (state(ReopeningCall), &["state_changed 0/0 buy other 5"]),
            (primary(3, Side::Buy, 5), &["rejected 3 buy not_in_call"]),
            // The peg takes no part in the auction, neither at its old limit nor at its new one.
            (sell(4, 3, 8), &["accepted 4#18 sell 3@8 open 3"]),
            (
                state(Open),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy other 3",
                    "repriced 1#19.1 buy 5@8 open 5 was #12 parked",
                    "executed 4#18 sell 3@8 with #19.1 trade 1",
                    "executed 1#19.1 buy 3@8 open 2 with #18 trade 1 removed",
                ],
            ),
        ],
        "1:2@8 |",
    );
}

#[test]
fn a_peg_is_reduced_and_cancelled_like_any_other() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (primary(1, Side::Buy, 5), &["accepted 1#12 buy 5@10 open 5"]),
            (reduce(1, 3), &["canceled 1#12 buy 2@10 open 3 user"]),
            (cancel(1), &["canceled 1#12 buy 3@10 user"]),
            (quote(11, 14), &["quoted 0/0 buy 0@11 other 14"]),
        ],
        "|",
    );
}

#[test]
fn what_no_peg_can_be_is_refused() {
    let limit = |order: Do| {
        let Action::EnterSpecial(mut special) = order.0.action else { panic!("a peg") };
        special.order.price = Price(9);
        act(Action::EnterSpecial(special))
    };
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (
                peg(1, Side::Buy, 5, |terms| terms.peg = Peg::Midpoint),
                &["rejected 1 buy invalid_peg"],
            ),
            (
                peg(2, Side::Buy, 5, |terms| (terms.peg, terms.peg_offset) = (Peg::None, 1)),
                &["rejected 2 buy invalid_peg"],
            ),
            (limit(primary(3, Side::Buy, 5)), &["rejected 3 buy invalid_price"]),
        ],
        "|",
    );
}

#[test]
fn bands_and_the_short_sale_price_test_bound_what_a_peg_follows() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (primary(1, Side::Buy, 5), &["accepted 1#12 buy 5@10 open 5"]),
            (
                peg(2, Side::Buy, 5, |terms| terms.at_band = AtBand::Cancel),
                &["accepted 2#13 buy 5@10 open 5"],
            ),
            (bands(0, 11, 0, 0), &["bands_set 0/0 buy other 11"]),
            (
                quote(12, 14),
                &[
                    "quoted 0/0 buy 0@12 other 14",
                    "repriced 1#15.1 buy 5@11 open 5 was #12",
                    "canceled 2#13 buy 5@10 band_ended",
                ],
            ),
            (short_sale(true, false), &["short_sale_set 0/0 buy other 1"]),
            (quote(13, 13), &["quoted 0/0 buy 0@13 other 13"]),
            (primary(3, Side::Short, 5), &["rejected 3 short short_restricted"]),
            (
                peg(4, Side::Short, 5, |terms| terms.at_short_test = AtShortTest::Slide),
                &["accepted 4#19 short 5@14 open 5"],
            ),
        ],
        "1:5@11 | 4:5@14",
    );
}

#[test]
fn a_peg_that_bands_have_moved_follows_the_same_quote_when_they_are_gone() {
    check(
        &[
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (primary(1, Side::Buy, 5), &["accepted 1#12 buy 5@10 open 5"]),
            (quote(10, 14), &["quoted 0/0 buy 0@10 other 14"]),
            (
                bands(0, 8, 0, 0),
                &["bands_set 0/0 buy other 8", "repriced 1#14.1 buy 5@8 open 5 was #12"],
            ),
            (bands(0, 0, 0, 0), &["bands_set 0/0 buy"]),
            (
                quote(10, 14),
                &["quoted 0/0 buy 0@10 other 14", "repriced 1#16.1 buy 5@10 open 5 was #14.1"],
            ),
        ],
        "1:5@10 |",
    );
}

#[test]
fn a_short_peg_that_becomes_a_long_one_follows_the_same_quote() {
    let slide = |id| peg(id, Side::Short, 5, |terms| terms.at_short_test = AtShortTest::Slide);
    check(
        &[
            (short_sale(true, false), &["short_sale_set 0/0 buy other 1"]),
            (quote(10, 10), &["quoted 0/0 buy 0@10 other 10"]),
            (slide(1), &["accepted 1#13 short 5@11 open 5"]),
            (quote(10, 10), &["quoted 0/0 buy 0@10 other 10"]),
            (modify(1, Some(Side::Sell), None), &["modified 1#13 sell 0@11 open 5"]),
            (
                quote(10, 10),
                &["quoted 0/0 buy 0@10 other 10", "repriced 1#16.1 sell 5@10 open 5 was #13"],
            ),
        ],
        "| 1:5@10",
    );
}

#[test]
fn a_short_peg_that_our_own_bid_has_moved_follows_the_same_quote_when_the_bid_is_gone() {
    let slide = |id| peg(id, Side::Short, 5, |terms| terms.at_short_test = AtShortTest::Slide);
    check(
        &[
            (quote(0, 10), &["quoted 0/0 buy other 10"]),
            (short_sale(true, false), &["short_sale_set 0/0 buy other 1"]),
            (buy(1, 5, 12), &["accepted 1#13 buy 5@12 open 5"]),
            (slide(2), &["accepted 2#14 short 5@13 open 5"]),
            (cancel(1), &["canceled 1#13 buy 5@12 user"]),
            (
                quote(0, 10),
                &["quoted 0/0 buy other 10", "repriced 2#16.1 short 5@10 open 5 was #14"],
            ),
        ],
        "| 2:5@10",
    );
}

#[test]
fn an_order_that_asks_for_it_is_refused_or_cancelled_at_a_band() {
    let cancels = |id: u64, price: i64| {
        let Action::Enter(order) = buy(id, 5, price).0.action else { panic!("an enter") };
        let terms = SpecialTerms { at_band: AtBand::Cancel, ..SpecialTerms::NONE };
        act(Action::EnterSpecial(EnterSpecial { order, terms }))
    };
    check(
        &[
            (bands(0, 11, 0, 0), &["bands_set 0/0 buy other 11"]),
            (cancels(1, 12), &["rejected 1 buy price_band"]),
            (cancels(2, 11), &["accepted 2#13 buy 5@11 open 5"]),
            (
                bands(0, 10, 0, 0),
                &["bands_set 0/0 buy other 10", "canceled 2#13 buy 5@11 band_ended"],
            ),
        ],
        "|",
    );
}
