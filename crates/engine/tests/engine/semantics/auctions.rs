//! Auctions: the uncross price and the trades.

use super::SymbolState::{Closed, ClosingCall, Halted, Open, PreOpen, ReopeningCall};
use super::*;

/// Collects orders for symbol 2 with this reference price and opens the symbol; returns all reports
/// of the auction.
fn opened(reference: i64, orders: &[Do]) -> String {
    let definition = DefineSymbol { reference: Price(reference), ..plain() };
    let mut said = vec![];
    for venue in [&mut Naive::default() as &mut dyn TestedVenue, &mut whole_engine()] {
        let mut last = vec![];
        let begin = [define(2, definition), state(PreOpen).symbol(2)];
        let orders = orders.iter().map(|order| order.symbol(2));
        let commands = begin.into_iter().chain(orders).chain([state(Open).symbol(2)]);
        for (number, Do(command, ..)) in (1..).zip(commands) {
            let time = Nanos(number);
            last = venue.apply(&[Sequenced { seqno: SeqNo(number), time, command }]);
        }
        let line = |report: &Report| text::report(report).replace(" of 2", "").replace(" 0/0", "");
        said.push(last.iter().skip(1).map(line).collect::<Vec<_>>().join(", "));
    }
    assert_eq!(said[0], said[1], "the naive venue and the engine differ");
    said.remove(0)
}

/// Returns quantity and price of an opening.
fn cleared(reference: i64, orders: &[Do]) -> String {
    let said = opened(reference, orders);
    let words: Vec<&str> = said.split([' ', ',']).collect();
    words[2].to_string()
}

#[test]
fn v1_inside_the_range_the_reference_is_the_price() {
    assert_eq!(cleared(1002, &[buy(1, 100, 1005), sell(2, 100, 1000)]), "100@1002");
}

#[test]
fn v2_pressure_of_buyers_takes_the_highest_price() {
    assert_eq!(cleared(1000, &[buy(1, 300, 1002), sell(2, 100, 1000)]), "100@1002");
}

#[test]
fn v3_the_smallest_imbalance_decides_between_equal_volumes() {
    let orders = [buy(1, 100, 1002), buy(2, 100, 1001), sell(3, 100, 1000)];
    assert_eq!(cleared(1000, &orders), "100@1002");
}

#[test]
fn v4_a_gap_between_two_limits_can_be_the_price() {
    let orders = [buy(1, 100, 1002), buy(2, 50, 1000), sell(3, 100, 1000), sell(4, 50, 1002)];
    assert_eq!(cleared(1000, &orders), "100@1001");
}

#[test]
fn the_largest_volume_comes_first() {
    // Above 100 the surplus is smaller, but less trades.
    let orders = [buy(1, 10, 105), buy(2, 30, 100), sell(3, 20, 100)];
    assert_eq!(cleared(105, &orders), "20@100");
}

#[test]
fn pressure_of_sellers_takes_the_lowest_price() {
    assert_eq!(cleared(1002, &[buy(1, 100, 1002), sell(2, 300, 1000)]), "100@1000");
}

#[test]
fn a_reference_outside_the_range_takes_its_nearest_end() {
    assert_eq!(cleared(2000, &[buy(1, 100, 1005), sell(2, 100, 1000)]), "100@1005");
    assert_eq!(cleared(1, &[buy(1, 100, 1005), sell(2, 100, 1000)]), "100@1000");
}

#[test]
fn surplus_on_both_sides_of_the_range_is_no_pressure() {
    // At 100 buyers have ten left over, at 101 sellers have ten, and no price lies between.
    let orders = [buy(1, 20, 101), buy(2, 10, 100), sell(3, 20, 100), sell(4, 10, 101)];
    assert_eq!(cleared(100, &orders), "20@100");
    assert_eq!(cleared(101, &orders), "20@101");
}

#[test]
fn without_a_reference_the_middle_of_the_range_is_the_price() {
    assert_eq!(cleared(0, &[buy(1, 100, 1005), sell(2, 100, 1000)]), "100@1002");
}

#[test]
fn a_call_without_a_match_says_so() {
    assert_eq!(opened(10, &[buy(1, 1, 9), sell(2, 1, 11)]), "crossed buy other 1");
}

#[test]
fn better_limits_trade_first_and_then_older_orders() {
    let orders = [sell(1, 4, 100), buy(2, 3, 101), buy(3, 3, 103), buy(4, 3, 101), sell(5, 3, 99)];
    // Buyers have two left over at 101: order 4 came last.
    assert_eq!(
        opened(100, &orders),
        "crossed buy 7@101 other 1, \
         executed 3#5 buy 3@101 with #7 trade 1 opening, \
         executed 5#7 sell 3@101 with #5 trade 1 opening younger, \
         executed 1#3 sell 3@101 open 1 with #4 trade 2 opening, \
         executed 2#4 buy 3@101 with #3 trade 2 opening younger, \
         executed 1#3 sell 1@101 with #6 trade 3 opening, \
         executed 4#6 buy 1@101 open 2 with #3 trade 3 opening younger"
    );
}

#[test]
fn no_self_trade_is_prevented_in_an_auction() {
    let mode = SelfTrade::CancelBoth;
    let orders = [buy(1, 1, 10).firm(7).mode(mode), sell(2, 1, 10).firm(7).mode(mode)];
    assert_eq!(
        opened(0, &orders),
        "crossed buy 1@10 other 1, executed 1#3 buy 1@10 with #4 trade 1 opening, \
         executed 2#4 sell 1@10 with #3 trade 1 opening younger"
    );
}

#[test]
fn what_an_auction_would_be_is_told_when_it_changes() {
    check(
        &[
            (buy(1, 5, 10), &["accepted 1#11 buy 5@10 open 5"]),
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (
                sell(2, 2, 9),
                &["accepted 2#13 sell 2@9 open 2", "indicative 0/0 buy 2@10 open 3 other 1"],
            ),
            (sell(3, 2, 11), &["accepted 3#14 sell 2@11 open 2"]),
            (
                sell(4, 9, 8),
                &["accepted 4#15 sell 9@8 open 9", "indicative 0/0 sell 5@8 open 4 other 1"],
            ),
            (
                reduce(4, 4),
                &["canceled 4#15 sell 5@8 open 4 user", "indicative 0/0 sell 5@9 open 1 other 1"],
            ),
            (cancel(2), &["canceled 2#13 sell 2@9 user", "indicative 0/0 buy 4@10 open 1 other 1"]),
            (replace(4, 5, 4, 10), &["replaced 5#15 sell 4@10 open 4 other 4"]),
            (
                modify(1, None, Some(4)),
                &["modified 1#11 buy 1@10 open 4", "indicative 0/0 buy 4@10 other 1"],
            ),
            (
                mass_cancel(MassCancel { buy: Some(true), ..MassCancel::default() }),
                &[
                    "mass_canceled buy 1@0",
                    "canceled 1#11 buy 4@10 mass_cancel",
                    "indicative 0/0 buy other 1",
                ],
            ),
        ],
        "| 5:4@10 3:2@11",
    );
}

#[test]
fn the_price_of_an_auction_is_the_last_price() {
    let definition = DefineSymbol { collar_bps: 100, reference: Price(500), ..plain() };
    check(
        &[
            (define(2, definition), &["defined of 2 buy"]),
            (state(PreOpen).symbol(2), &["state_changed 0/0 of 2 buy other 2"]),
            (buy(1, 1, 1000).symbol(2), &["accepted 1#13 of 2 buy 1@1000 open 1"]),
            (
                sell(2, 1, 1000).symbol(2),
                &[
                    "accepted 2#14 of 2 sell 1@1000 open 1",
                    "indicative 0/0 of 2 buy 1@1000 other 1",
                ],
            ),
            (
                state(Open).symbol(2),
                &[
                    "state_changed 0/0 of 2 buy other 3",
                    "crossed 0/0 of 2 buy 1@1000 other 1",
                    "executed 1#13 of 2 buy 1@1000 with #14 trade 1 opening",
                    "executed 2#14 of 2 sell 1@1000 with #13 trade 1 opening younger",
                ],
            ),
            (sell(3, 1, 1010).symbol(2), &["accepted 3#16 of 2 sell 1@1010 open 1"]),
            (
                enter(4, Side::Buy, 1, 0).market().symbol(2),
                &[
                    "accepted 4#17 of 2 buy 1@0 open 1",
                    "executed 3#16 of 2 sell 1@1010 with #17 trade 1",
                    "executed 4#17 of 2 buy 1@1010 with #16 trade 1 removed",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn the_closing_auction_trades_when_the_symbol_closes() {
    check(
        &[
            (state(ClosingCall), &["state_changed 0/0 buy other 6"]),
            (buy(1, 2, 10), &["accepted 1#12 buy 2@10 open 2"]),
            (
                sell(2, 1, 10),
                &["accepted 2#13 sell 1@10 open 1", "indicative 0/0 buy 1@10 open 1 other 2"],
            ),
            (
                state(Closed),
                &[
                    "state_changed 0/0 buy other 1",
                    "crossed 0/0 buy 1@10 other 2",
                    "executed 1#12 buy 1@10 open 1 with #13 trade 1 closing",
                    "executed 2#13 sell 1@10 with #12 trade 1 closing younger",
                ],
            ),
        ],
        "1:1@10 |",
    );
}

#[test]
fn an_auction_that_is_halted_does_not_trade_until_it_reopens() {
    check(
        &[
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (buy(1, 1, 10), &["accepted 1#12 buy 1@10 open 1"]),
            (
                sell(2, 1, 10),
                &["accepted 2#13 sell 1@10 open 1", "indicative 0/0 buy 1@10 other 1"],
            ),
            (state(Halted), &["state_changed 0/0 buy other 4"]),
            (
                state(ReopeningCall),
                &["state_changed 0/0 buy other 5", "indicative 0/0 buy 1@10 other 3"],
            ),
            (
                state(Open),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy 1@10 other 3",
                    "executed 1#12 buy 1@10 with #13 trade 1 reopening",
                    "executed 2#13 sell 1@10 with #12 trade 1 reopening younger",
                ],
            ),
        ],
        "|",
    );
}

fn market(id: u64, side: Side, quantity: u64) -> Do {
    enter(id, side, quantity, 0).market().tif(TimeInForce::Auction)
}

#[test]
fn orders_without_a_limit_count_at_every_price_and_trade_first() {
    let orders = [sell(1, 5, 99), sell(2, 5, 100), market(3, Side::Buy, 4), buy(4, 3, 100)];
    assert_eq!(
        opened(90, &orders),
        "crossed buy 7@100 other 1, \
         executed 1#3 sell 4@100 open 1 with #5 trade 1 opening, \
         executed 3#5 buy 4@100 with #3 trade 1 hidden opening younger, \
         executed 1#3 sell 1@100 with #6 trade 2 opening, \
         executed 4#6 buy 1@100 open 2 with #3 trade 2 opening younger, \
         executed 2#4 sell 2@100 open 3 with #6 trade 3 opening, \
         executed 4#6 buy 2@100 with #4 trade 3 opening younger"
    );
}

#[test]
fn without_any_limit_the_reference_is_the_price() {
    let orders = [market(1, Side::Buy, 4), market(2, Side::Sell, 9)];
    assert_eq!(
        opened(90, &orders),
        "crossed buy 4@90 other 1, \
         executed 1#3 buy 4@90 with #4 trade 1 hidden opening, \
         executed 2#4 sell 4@90 open 5 with #3 trade 1 hidden opening younger, \
         canceled 2#4 sell 5@0 hidden auction_leftover"
    );
    let nothing = "crossed buy other 1, canceled 1#3 buy 4@0 hidden auction_leftover, \
                   canceled 2#4 sell 9@0 hidden auction_leftover";
    assert_eq!(opened(0, &orders), nothing);
}

#[test]
fn an_order_for_the_open_enters_before_it_only() {
    let at_open = |id| buy(id, 1, 10).tif(TimeInForce::AtOpen);
    check(
        &[
            (at_open(1), &["rejected 1 buy auction_over"]),
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (at_open(2), &["accepted 2#13 buy 1@10 open 1 hidden"]),
            (replace(2, 3, 1, 11), &["replaced 3#13 buy 1@11 open 1 other 2 hidden"]),
            (state(ReopeningCall), &["state_changed 0/0 buy other 5"]),
            (replace(3, 4, 1, 12), &["rejected 4 buy auction_over"]),
            (
                state(Open),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy other 3",
                    "canceled 3#14 buy 1@11 hidden auction_leftover",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn an_order_for_the_close_waits_beside_the_book() {
    let at_close = |order: Do| order.tif(TimeInForce::AtClose);
    check(
        &[
            (at_close(buy(1, 5, 12)), &["accepted 1#11 buy 5@12 open 5 hidden"]),
            (sell(2, 1, 10), &["accepted 2#12 sell 1@10 open 1"]),
            (reduce(1, 4), &["canceled 1#11 buy 1@12 open 4 hidden user"]),
            (modify(1, None, Some(3)), &["modified 1#11 buy 1@12 open 3 hidden"]),
            (
                state(ClosingCall),
                &["state_changed 0/0 buy other 6", "indicative 0/0 buy 1@12 open 2 other 2"],
            ),
            (
                state(Closed),
                &[
                    "state_changed 0/0 buy other 1",
                    "crossed 0/0 buy 1@12 other 2",
                    "executed 1#11 buy 1@12 open 2 with #12 trade 1 hidden closing",
                    "executed 2#12 sell 1@12 with #11 trade 1 closing younger",
                    "canceled 1#11 buy 2@12 hidden auction_leftover",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn an_order_for_the_next_auction_can_lose_its_limit_and_be_cancelled() {
    let auction = |order: Do| order.tif(TimeInForce::Auction);
    check(
        &[
            (auction(buy(1, 5, 12)), &["accepted 1#11 buy 5@12 open 5 hidden"]),
            (replace(1, 2, 5, 0), &["replaced 2#11 buy 5@0 open 5 other 1 hidden"]),
            (replace(2, 3, 5, 7), &["replaced 3#12 buy 5@7 open 5 other 2 hidden"]),
            (cancel(3), &["canceled 3#13 buy 5@7 hidden user"]),
            (auction(enter(4, Side::Buy, 1, 0).market_to_limit()), &["rejected 4 buy unsupported"]),
            (auction(buy(5, 1, 9)).post_only(), &["rejected 5 buy unsupported"]),
            (auction(buy(6, 1, 9)), &["accepted 6#17 buy 1@9 open 1 hidden"]),
            (
                mass_cancel(MassCancel::default()),
                &["mass_canceled buy 1@0", "canceled 6#17 buy 1@9 hidden mass_cancel"],
            ),
        ],
        "|",
    );
}
