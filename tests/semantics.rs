//! The matching rules as a table: commands in, exact reports out, and the book that is left. Every
//! row holds for the naive venue and for the engine.
//!
//! Reports are written as [`oracle::text::report`] writes them. Order numbers start at `#11`: the
//! first command of a row has number 11, the next one 12. Before it, symbol 1 is defined: lot 1, no
//! collar, no reference price.

mod oracle {
    pub mod naive;
    pub mod text;
    pub mod venue;
}

use oracle::naive::Naive;
use oracle::text;
use oracle::venue::{Venue, difference, whole_engine};
use ringside::command::{
    Action, BreakTrade, Command, DefineSymbol, Enter, MassCancel, Sequenced, TradeSide,
};
use ringside::domain::{
    Capacity, DayEvent, FirmId, MatchNumber, Name, Nanos, OrderId, OrderType, PostOnly, Price,
    Quantity, Role, SelfTrade, SeqNo, SessionId, Side, SymbolId, Tick, TimeInForce,
};
use ringside::reason::Reason;
use ringside::report::Report;

const MAX: u64 = u64::MAX;
const TOP: i64 = i64::MAX;

/// One command of a row, of session 1 and for symbol 1 unless it says otherwise.
#[derive(Clone, Copy)]
struct Do(Command);

/// Runs a row on both venues. `book` lists what rests as `id:open@price`, in priority order, bids
/// before the bar and offers behind it.
fn check(row: &[(Do, &[&str])], book: &str) {
    let mut naive = Naive::default();
    let mut engine = whole_engine();
    check_venue("naive venue", &mut naive, row, book);
    check_venue("engine", &mut engine, row, book);
    let ids: Vec<_> = (0..20).chain([MAX]).map(|id| (SessionId(1), OrderId(id))).collect();
    let found = difference(&naive, &engine, &[SymbolId(1), SymbolId(2)], &ids);
    assert_eq!(found, None, "the naive venue and the engine differ");
}

fn check_venue(name: &str, venue: &mut dyn Venue, row: &[(Do, &[&str])], book: &str) {
    let numbered = |number: u64, command: Do| Sequenced {
        seqno: SeqNo(number),
        time: Nanos(number),
        command: command.0,
    };
    venue.apply(&[numbered(1, define(1, plain()))]);
    for (number, &(command, expected)) in (11..).zip(row) {
        let command = numbered(number, command);
        let said = venue.apply(&[command]);
        let lines: Vec<String> = said.iter().map(text::report).collect();
        assert_eq!(lines, expected, "\nthe {name} at {}", text::command(&command));
        let lasts = said.iter().filter(|r| r.is_last()).count();
        assert!(lasts == 1 && said.last().is_some_and(Report::is_last), "last report, {name}");
    }
    let side = |buy| {
        let levels = venue.depth(SymbolId(1), buy).into_iter();
        let orders = levels.flat_map(|level| venue.orders_at(SymbolId(1), buy, level.price));
        let orders: Vec<String> =
            orders.map(|o| format!("{}:{}@{}", o.id, o.open, o.price)).collect();
        orders.join(" ")
    };
    assert_eq!(format!("{} | {}", side(true), side(false)).trim(), book, "the book of the {name}");
}

fn act(action: Action) -> Do {
    Do(Command { session: SessionId(1), symbol: SymbolId(1), verdict: Reason::None, action })
}

fn buy(id: u64, quantity: u64, price: i64) -> Do {
    enter(id, Side::Buy, quantity, price)
}

fn sell(id: u64, quantity: u64, price: i64) -> Do {
    enter(id, Side::Sell, quantity, price)
}

fn enter(id: u64, side: Side, quantity: u64, price: i64) -> Do {
    act(Action::Enter(Enter {
        id: OrderId(id),
        price: Price(price),
        quantity: Quantity(quantity),
        firm: FirmId(0),
        group: 0,
        side,
        order_type: OrderType::Limit,
        tif: TimeInForce::Day,
        post_only: PostOnly::Off,
        self_trade: SelfTrade::None,
        capacity: Capacity::Other,
        attributed: false,
    }))
}

fn reduce(id: u64, quantity: u64) -> Do {
    act(Action::Reduce { id: OrderId(id), quantity: Quantity(quantity) })
}

fn replace(id: u64, new_id: u64, quantity: u64, price: i64) -> Do {
    act(Action::Replace {
        id: OrderId(id),
        new_id: OrderId(new_id),
        quantity: Quantity(quantity),
        price: Price(price),
    })
}

fn modify(id: u64, side: Option<Side>, quantity: Option<u64>) -> Do {
    act(Action::Modify { id: OrderId(id), side, quantity: quantity.map(Quantity) })
}

fn cancel(id: u64) -> Do {
    act(Action::Cancel { id: OrderId(id) })
}

fn mass_cancel(filter: MassCancel) -> Do {
    act(Action::MassCancel(filter))
}

fn define(symbol: u32, definition: DefineSymbol) -> Do {
    act(Action::DefineSymbol(definition)).symbol(symbol)
}

fn plain() -> DefineSymbol {
    DefineSymbol {
        name: Name::new("PLAIN").unwrap(),
        tick: Tick { mantissa: 1, scale: 2 },
        lot: Quantity(1),
        collar_bps: 0,
        reference: Price(0),
    }
}

impl Do {
    fn session(mut self, session: u32) -> Do {
        self.0.session = SessionId(session);
        self
    }

    fn symbol(mut self, symbol: u32) -> Do {
        self.0.symbol = SymbolId(symbol);
        self
    }

    fn verdict(mut self, verdict: Reason) -> Do {
        self.0.verdict = verdict;
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Enter)) -> Do {
        let Action::Enter(enter) = &mut self.0.action else { panic!("not an enter") };
        change(enter);
        self
    }

    fn market(self) -> Do {
        self.with(|e| e.order_type = OrderType::Market)
    }

    fn market_to_limit(self) -> Do {
        self.with(|e| e.order_type = OrderType::MarketToLimit)
    }

    fn ioc(self) -> Do {
        self.with(|e| e.tif = TimeInForce::Ioc)
    }

    fn gtc(self) -> Do {
        self.with(|e| e.tif = TimeInForce::Gtc)
    }

    fn fok(self) -> Do {
        self.with(|e| e.tif = TimeInForce::Fok)
    }

    fn post_only(self) -> Do {
        self.with(|e| e.post_only = PostOnly::Reject)
    }

    fn slide(self) -> Do {
        self.with(|e| e.post_only = PostOnly::Slide)
    }

    fn firm(self, firm: u16) -> Do {
        self.with(|e| e.firm = FirmId(firm))
    }

    fn group(self, group: u16) -> Do {
        self.with(|e| e.group = group)
    }

    fn mode(self, mode: SelfTrade) -> Do {
        self.with(|e| e.self_trade = mode)
    }
}

mod priority {
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
}

mod modify {
    use super::*;

    #[test]
    fn a_change_of_sell_marking_keeps_priority() {
        check(
            &[
                (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
                (sell(2, 5, 100), &["accepted 2#12 sell 5@100 open 5"]),
                (modify(1, Some(Side::Short), None), &["modified 1#11 short 0@100 open 5"]),
                (
                    modify(1, Some(Side::ShortExempt), None),
                    &["modified 1#11 short_exempt 0@100 open 5"],
                ),
                (modify(1, Some(Side::Sell), None), &["modified 1#11 sell 0@100 open 5"]),
            ],
            "| 1:5@100 2:5@100",
        );
    }

    #[test]
    fn a_lower_total_keeps_priority() {
        check(
            &[
                (buy(1, 5, 100), &["accepted 1#11 buy 5@100 open 5"]),
                (buy(2, 5, 100), &["accepted 2#12 buy 5@100 open 5"]),
                (modify(1, None, Some(3)), &["modified 1#11 buy 2@100 open 3"]),
                (modify(1, Some(Side::Buy), Some(2)), &["modified 1#11 buy 1@100 open 2"]),
            ],
            "1:2@100 2:5@100 |",
        );
    }

    #[test]
    fn marking_and_total_change_together() {
        check(
            &[
                (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
                (modify(1, Some(Side::Short), Some(3)), &["modified 1#11 short 2@100 open 3"]),
                (
                    buy(2, 1, 100),
                    &[
                        "accepted 2#13 buy 1@100 open 1",
                        "executed 1#11 short 1@100 open 2 with #13 trade 1",
                        "executed 2#13 buy 1@100 with #11 trade 1 removed",
                    ],
                ),
            ],
            "| 1:2@100",
        );
    }

    #[test]
    fn a_total_that_is_no_reduction_changes_the_marking_alone() {
        for total in [5, 6, MAX] {
            check(
                &[
                    (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
                    (
                        modify(1, Some(Side::Short), Some(total)),
                        &["modified 1#11 short 0@100 open 5"],
                    ),
                ],
                "| 1:5@100",
            );
        }
    }

    #[test]
    fn buys_stay_buys_and_sells_stay_sells() {
        let sells = [Side::Sell, Side::Short, Side::ShortExempt];
        for side in sells {
            let word = side.name();
            check(
                &[
                    (buy(1, 5, 100), &["accepted 1#11 buy 5@100 open 5"]),
                    (modify(1, Some(side), None), &["rejected 1 buy invalid_side"]),
                    (modify(1, Some(side), Some(2)), &["rejected 1 buy invalid_side"]),
                    (modify(1, Some(side), Some(0)), &["rejected 1 buy invalid_side"]),
                    (enter(2, side, 5, 101), &[&format!("accepted 2#15 {word} 5@101 open 5")]),
                    (modify(2, Some(Side::Buy), Some(2)), &["rejected 2 buy invalid_side"]),
                ],
                "1:5@100 | 2:5@101",
            );
        }
    }

    #[test]
    fn what_changes_nothing_is_rejected() {
        check(
            &[
                (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
                (modify(1, None, None), &["rejected 1 buy not_a_reduction"]),
                (modify(1, Some(Side::Sell), None), &["rejected 1 buy not_a_reduction"]),
                (modify(1, None, Some(5)), &["rejected 1 buy not_a_reduction"]),
                (modify(1, Some(Side::Sell), Some(MAX)), &["rejected 1 buy not_a_reduction"]),
            ],
            "| 1:5@100",
        );
    }

    #[test]
    fn the_total_includes_what_is_filled() {
        check(
            &[
                (sell(1, 10, 100), &["accepted 1#11 sell 10@100 open 10"]),
                (
                    buy(2, 6, 100),
                    &[
                        "accepted 2#12 buy 6@100 open 6",
                        "executed 1#11 sell 6@100 open 4 with #12 trade 1",
                        "executed 2#12 buy 6@100 with #11 trade 1 removed",
                    ],
                ),
                (modify(1, None, Some(8)), &["modified 1#11 sell 2@100 open 2"]),
                (modify(1, None, Some(8)), &["rejected 1 buy not_a_reduction"]),
                (modify(1, Some(Side::Short), Some(6)), &["canceled 1#11 sell 2@100 user"]),
            ],
            "|",
        );
    }

    #[test]
    fn totals_that_no_order_can_have_are_rejected() {
        let definition = DefineSymbol { lot: Quantity(100), ..plain() };
        let short = Some(Side::Short);
        check(
            &[
                (define(2, definition), &["defined of 2 buy"]),
                (sell(1, 300, 50).symbol(2), &["accepted 1#12 of 2 sell 300@50 open 300"]),
                (modify(1, short, Some(150)).symbol(2), &["rejected 1 of 2 buy off_lot"]),
                (modify(1, short, Some(450)).symbol(2), &["rejected 1 of 2 buy off_lot"]),
                (modify(1, short, Some(0)).symbol(2), &["rejected 1 of 2 buy invalid_quantity"]),
                (
                    modify(1, short, Some(100)).symbol(2),
                    &["modified 1#12 of 2 short 200@50 open 100"],
                ),
            ],
            "|",
        );
    }

    #[test]
    fn an_order_that_is_not_live_is_told_as_by_a_cancel() {
        let short = Some(Side::Short);
        check(
            &[
                (modify(1, short, None), &["rejected 1 buy unknown_order"]),
                (sell(1, 5, 100), &["accepted 1#12 sell 5@100 open 5"]),
                (modify(1, short, None).session(2), &["rejected 2/1 buy unknown_order"]),
                (modify(1, short, None).symbol(2), &["rejected 1 of 2 buy unknown_order"]),
                (
                    modify(1, short, None).verdict(Reason::TooLate),
                    &["modified 1#12 short 0@100 open 5"],
                ),
                (cancel(1), &["canceled 1#12 short 5@100 user"]),
                (modify(1, None, Some(1)).verdict(Reason::TooLate), &["rejected 1 buy too_late"]),
            ],
            "|",
        );
    }

    #[test]
    fn a_replace_keeps_the_marking_that_was_modified() {
        check(
            &[
                (sell(1, 5, 100), &["accepted 1#11 sell 5@100 open 5"]),
                (modify(1, Some(Side::Short), None), &["modified 1#11 short 0@100 open 5"]),
                (replace(1, 2, 5, 101), &["replaced 2#11 short 5@101 open 5 other 1"]),
            ],
            "| 2:5@101",
        );
    }
}

mod amend_and_cancel {
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
                    (refused(1, 4, 101), &[&word.replace('2', "1")]),
                    (replace(9, 2, 4, 101).verdict(reason), &[&word]),
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

    /// Order 1 buys 10 and has filled so many.
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
        check(
            &[a, b, (replace(1, 3, 5, 99), &["replaced 3#11 buy 5@99 open 3 other 1"])],
            "3:3@99 |",
        );
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
                (replace(2, 4, 3, 100), &["canceled 2#12 buy 3@98 post_only_would_cross"]),
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
                (
                    mass_cancel(MassCancel::default()).symbol(3),
                    &["rejected of 3 buy unknown_symbol"],
                ),
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
}

mod trading_day {
    use super::*;

    fn day(event: DayEvent) -> Do {
        act(Action::TradingDay(event)).symbol(0).session(0)
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
}

mod requests {
    use super::*;

    #[test]
    fn order_entry_and_the_next_id_are_told_and_change_no_book() {
        let set = |enabled| act(Action::SetOrderEntry { id: OrderId(8), enabled }).symbol(0);
        let query = act(Action::AccountQuery { next: OrderId(9) }).symbol(0);
        let refused = Reason::NotPermitted;
        check(
            &[
                (buy(1, 1, 100), &["accepted 1#11 buy 1@100 open 1"]),
                (set(false), &["order_entry_set 8 of 0 buy"]),
                (set(true), &["order_entry_set 8 of 0 buy other 1"]),
                (set(false).verdict(refused), &["rejected 8 of 0 buy not_permitted"]),
                (query, &["account_queried of 0 buy other 9"]),
                (query.verdict(refused), &["rejected of 0 buy not_permitted"]),
            ],
            "1:1@100 |",
        );
    }

    #[test]
    fn a_trade_that_is_taken_back_is_told_to_both_sides_and_leaves_orders_alone() {
        let side = |session, id| TradeSide {
            id: OrderId(id),
            session: SessionId(session),
            text: [b' '; 14],
            zero: [0; 6],
        };
        let sides = [side(2, 5), side(3, 6)];
        let trade = BreakTrade { match_number: MatchNumber(77), sides };
        let broken = act(Action::BreakTrade(trade)).session(0);
        check(
            &[
                (buy(1, 1, 100), &["accepted 1#11 buy 1@100 open 1"]),
                (broken, &["broken 2/5 buy other 77", "broken 3/6 buy other 77"]),
                (broken.verdict(Reason::UnknownOrder), &["rejected 0/0 buy unknown_order"]),
            ],
            "1:1@100 |",
        );
    }
}

mod types_and_times {
    use super::*;

    #[test]
    fn limit_trades_at_the_resting_price_and_books_its_rest() {
        check(
            &[
                (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
                (sell(2, 4, 106), &["accepted 2#12 sell 4@106 open 4"]),
                (
                    buy(3, 10, 105),
                    &[
                        "accepted 3#13 buy 10@105 open 10",
                        "executed 1#11 sell 4@100 with #13 trade 1",
                        "executed 3#13 buy 4@100 open 6 with #11 trade 1 removed",
                    ],
                ),
            ],
            "3:6@105 | 2:4@106",
        );
    }

    #[test]
    fn limit_sweeps_levels_in_order_on_both_sides() {
        check(
            &[
                (buy(1, 1, 99), &["accepted 1#11 buy 1@99 open 1"]),
                (buy(2, 2, 100), &["accepted 2#12 buy 2@100 open 2"]),
                (buy(3, 3, 99), &["accepted 3#13 buy 3@99 open 3"]),
                (
                    enter(4, Side::Short, 5, 99),
                    &[
                        "accepted 4#14 short 5@99 open 5",
                        "executed 2#12 buy 2@100 with #14 trade 1",
                        "executed 4#14 short 2@100 open 3 with #12 trade 1 removed",
                        "executed 1#11 buy 1@99 with #14 trade 2",
                        "executed 4#14 short 1@99 open 2 with #11 trade 2 removed",
                        "executed 3#13 buy 2@99 open 1 with #14 trade 3",
                        "executed 4#14 short 2@99 with #13 trade 3 removed",
                    ],
                ),
            ],
            "3:1@99 |",
        );
    }

    #[test]
    fn limit_needs_a_price_and_a_quantity() {
        check(
            &[
                (sell(1, 4, 0), &["rejected 1 sell invalid_price"]),
                (buy(1, 4, -5), &["rejected 1 buy invalid_price"]),
                (buy(1, 0, 100), &["rejected 1 buy invalid_quantity"]),
                (buy(1, 0, 0), &["rejected 1 buy invalid_quantity"]),
            ],
            "|",
        );
    }

    #[test]
    fn market_never_books() {
        check(
            &[
                (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
                (
                    buy(2, 10, 0).market(),
                    &[
                        "accepted 2#12 buy 10@0 open 10",
                        "executed 1#11 sell 4@100 with #12 trade 1",
                        "executed 2#12 buy 4@100 open 6 with #11 trade 1 removed",
                        "canceled 2#12 buy 6@0 no_liquidity",
                    ],
                ),
                (
                    sell(3, 1, 0).market().ioc(),
                    &["accepted 3#13 sell 1@0 open 1", "canceled 3#13 sell 1@0 no_liquidity"],
                ),
                (buy(4, 1, 7).market(), &["rejected 4 buy invalid_price"]),
            ],
            "|",
        );
    }

    /// Symbol 2: 5 % around 1000 until something trades.
    fn collared<'a>() -> (Do, &'a [&'a str]) {
        let definition = DefineSymbol { collar_bps: 500, reference: Price(1_000), ..plain() };
        (define(2, definition), &["defined of 2 buy"])
    }

    #[test]
    fn market_stops_at_the_collar_around_the_prior_close() {
        check(
            &[
                collared(),
                (sell(1, 4, 1_050).symbol(2), &["accepted 1#12 of 2 sell 4@1050 open 4"]),
                (sell(2, 4, 1_051).symbol(2), &["accepted 2#13 of 2 sell 4@1051 open 4"]),
                (
                    buy(3, 6, 0).market().symbol(2),
                    &[
                        "accepted 3#14 of 2 buy 6@0 open 6",
                        "executed 1#12 of 2 sell 4@1050 with #14 trade 1",
                        "executed 3#14 of 2 buy 4@1050 open 2 with #12 trade 1 removed",
                        "canceled 3#14 of 2 buy 2@0 collar",
                    ],
                ),
            ],
            "|",
        );
    }

    #[test]
    fn market_stops_at_the_collar_around_the_last_trade() {
        check(
            &[
                collared(),
                (sell(1, 1, 1_010).symbol(2), &["accepted 1#12 of 2 sell 1@1010 open 1"]),
                (
                    buy(2, 1, 1_010).symbol(2),
                    &[
                        "accepted 2#13 of 2 buy 1@1010 open 1",
                        "executed 1#12 of 2 sell 1@1010 with #13 trade 1",
                        "executed 2#13 of 2 buy 1@1010 with #12 trade 1 removed",
                    ],
                ),
                // 5 % of 1010 is 50.5, so that the bound is 960.
                (buy(3, 1, 960).symbol(2), &["accepted 3#14 of 2 buy 1@960 open 1"]),
                (buy(4, 1, 959).symbol(2), &["accepted 4#15 of 2 buy 1@959 open 1"]),
                (
                    sell(5, 2, 0).market().symbol(2),
                    &[
                        "accepted 5#16 of 2 sell 2@0 open 2",
                        "executed 3#14 of 2 buy 1@960 with #16 trade 1",
                        "executed 5#16 of 2 sell 1@960 open 1 with #14 trade 1 removed",
                        "canceled 5#16 of 2 sell 1@0 collar",
                    ],
                ),
            ],
            "|",
        );
    }

    #[test]
    fn the_collar_does_not_move_within_a_command() {
        check(
            &[
                collared(),
                (buy(1, 1, 960).symbol(2), &["accepted 1#12 of 2 buy 1@960 open 1"]),
                (buy(2, 1, 940).symbol(2), &["accepted 2#13 of 2 buy 1@940 open 1"]),
                (
                    sell(3, 2, 0).market().symbol(2),
                    &[
                        "accepted 3#14 of 2 sell 2@0 open 2",
                        "executed 1#12 of 2 buy 1@960 with #14 trade 1",
                        "executed 3#14 of 2 sell 1@960 open 1 with #12 trade 1 removed",
                        "canceled 3#14 of 2 sell 1@0 collar",
                    ],
                ),
            ],
            "|",
        );
    }

    #[test]
    fn market_to_limit_books_its_rest_at_the_last_fill() {
        check(
            &[
                (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
                (sell(2, 4, 101), &["accepted 2#12 sell 4@101 open 4"]),
                (buy(3, 1, 99), &["accepted 3#13 buy 1@99 open 1"]),
                (
                    buy(4, 10, 0).market_to_limit(),
                    &[
                        "accepted 4#14 buy 10@0 open 10",
                        "executed 1#11 sell 4@100 with #14 trade 1",
                        "executed 4#14 buy 4@100 open 6 with #11 trade 1 removed",
                        "executed 2#12 sell 4@101 with #14 trade 2",
                        "executed 4#14 buy 4@101 open 2 with #12 trade 2 removed",
                        "restated 4#14 buy 2@101 open 2",
                    ],
                ),
                // The booked rest is a limit order: what it has filled counts.
                (reduce(4, 9), &["canceled 4#14 buy 1@101 open 1 user"]),
            ],
            "4:1@101 3:1@99 |",
        );
    }

    #[test]
    fn market_to_limit_that_did_not_trade_is_cancelled() {
        check(
            &[
                (
                    buy(1, 10, 0).market_to_limit(),
                    &["accepted 1#11 buy 10@0 open 10", "canceled 1#11 buy 10@0 no_liquidity"],
                ),
                collared(),
                (buy(2, 1, 1).symbol(2), &["accepted 2#13 of 2 buy 1@1 open 1"]),
                (
                    sell(3, 1, 0).market_to_limit().symbol(2),
                    &["accepted 3#14 of 2 sell 1@0 open 1", "canceled 3#14 of 2 sell 1@0 collar"],
                ),
                (buy(4, 1, 1).market_to_limit(), &["rejected 4 buy invalid_price"]),
                (buy(4, 1, 0).market_to_limit().fok(), &["rejected 4 buy unsupported"]),
            ],
            "|",
        );
    }

    #[test]
    fn market_to_limit_ioc_cancels_its_rest() {
        check(
            &[
                (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
                (
                    buy(2, 5, 0).market_to_limit().ioc(),
                    &[
                        "accepted 2#12 buy 5@0 open 5",
                        "executed 1#11 sell 4@100 with #12 trade 1",
                        "executed 2#12 buy 4@100 open 1 with #11 trade 1 removed",
                        "canceled 2#12 buy 1@0 ioc_remainder",
                    ],
                ),
            ],
            "|",
        );
    }

    #[test]
    fn ioc_cancels_its_rest_in_the_same_command() {
        check(
            &[
                (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
                (
                    buy(2, 1, 99).ioc(),
                    &["accepted 2#12 buy 1@99 open 1", "canceled 2#12 buy 1@99 ioc_remainder"],
                ),
                (
                    buy(3, 6, 100).ioc(),
                    &[
                        "accepted 3#13 buy 6@100 open 6",
                        "executed 1#11 sell 4@100 with #13 trade 1",
                        "executed 3#13 buy 4@100 open 2 with #11 trade 1 removed",
                        "canceled 3#13 buy 2@100 ioc_remainder",
                    ],
                ),
            ],
            "|",
        );
    }

    #[test]
    fn fok_is_decided_over_all_levels() {
        check(
            &[
                (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
                (sell(2, 4, 101), &["accepted 2#12 sell 4@101 open 4"]),
                (sell(3, 4, 102), &["accepted 3#13 sell 4@102 open 4"]),
                (
                    buy(4, 9, 101).fok(),
                    &["accepted 4#14 buy 9@101 open 9", "canceled 4#14 buy 9@101 fok_not_fillable"],
                ),
                (
                    buy(5, 8, 101).fok(),
                    &[
                        "accepted 5#15 buy 8@101 open 8",
                        "executed 1#11 sell 4@100 with #15 trade 1",
                        "executed 5#15 buy 4@100 open 4 with #11 trade 1 removed",
                        "executed 2#12 sell 4@101 with #15 trade 2",
                        "executed 5#15 buy 4@101 with #12 trade 2 removed",
                    ],
                ),
            ],
            "| 3:4@102",
        );
    }

    #[test]
    fn fok_market_is_decided_within_the_collar() {
        check(
            &[
                collared(),
                (sell(1, 4, 1_050).symbol(2), &["accepted 1#12 of 2 sell 4@1050 open 4"]),
                (sell(2, 4, 1_051).symbol(2), &["accepted 2#13 of 2 sell 4@1051 open 4"]),
                (
                    buy(3, 5, 0).market().fok().symbol(2),
                    &[
                        "accepted 3#14 of 2 buy 5@0 open 5",
                        "canceled 3#14 of 2 buy 5@0 fok_not_fillable",
                    ],
                ),
                (
                    buy(4, 4, 0).market().fok().symbol(2),
                    &[
                        "accepted 4#15 of 2 buy 4@0 open 4",
                        "executed 1#12 of 2 sell 4@1050 with #15 trade 1",
                        "executed 4#15 of 2 buy 4@1050 with #12 trade 1 removed",
                    ],
                ),
            ],
            "|",
        );
    }

    #[test]
    fn fok_counts_without_the_orders_that_self_trade_prevention_removes() {
        let modes = [
            (SelfTrade::CancelOldest, true),
            (SelfTrade::CancelSmallest, true),
            (SelfTrade::CancelNewest, false),
            (SelfTrade::CancelBoth, false),
            (SelfTrade::Decrement, false),
        ];
        for (mode, fills) in modes {
            let removed = [
                "accepted 3#13 buy 5@101 open 5",
                "canceled 1#11 sell 4@100 self_trade",
                "executed 2#12 sell 5@101 open 1 with #13 trade 1",
                "executed 3#13 buy 5@101 with #12 trade 1 removed",
            ];
            let refused =
                ["accepted 3#13 buy 5@101 open 5", "canceled 3#13 buy 5@101 fok_not_fillable"];
            let (expected, book) = match fills {
                true => (&removed[..], "| 2:1@101"),
                false => (&refused[..], "| 1:4@100 2:6@101"),
            };
            check(
                &[
                    (sell(1, 4, 100).firm(7), &["accepted 1#11 sell 4@100 open 4"]),
                    (sell(2, 6, 101).firm(8), &["accepted 2#12 sell 6@101 open 6"]),
                    (buy(3, 5, 101).firm(7).mode(mode).fok(), expected),
                ],
                book,
            );
        }
    }

    #[test]
    fn fok_cannot_be_filled_past_an_own_order_that_is_not_smaller() {
        for own in [5, 6] {
            let accepted = format!("accepted 1#11 sell {own}@100 open {own}");
            let mode = SelfTrade::CancelSmallest;
            check(
                &[
                    (sell(1, own, 100).firm(7), &[&accepted]),
                    (sell(2, 9, 101).firm(8), &["accepted 2#12 sell 9@101 open 9"]),
                    (
                        buy(3, 5, 101).firm(7).mode(mode).fok(),
                        &[
                            "accepted 3#13 buy 5@101 open 5",
                            "canceled 3#13 buy 5@101 fok_not_fillable",
                        ],
                    ),
                ],
                &format!("| 1:{own}@100 2:9@101"),
            );
        }
    }

    #[test]
    fn day_and_gtc_rest() {
        let gtc = buy(2, 1, 100).with(|e| e.tif = TimeInForce::Gtc);
        check(
            &[
                (buy(1, 1, 100), &["accepted 1#11 buy 1@100 open 1"]),
                (gtc, &["accepted 2#12 buy 1@100 open 1"]),
            ],
            "1:1@100 2:1@100 |",
        );
    }

    #[test]
    fn post_only_that_would_trade_is_rejected() {
        check(
            &[
                (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
                (buy(2, 4, 100).post_only(), &["rejected 2 buy post_only_would_cross"]),
                (buy(2, 4, 99).post_only(), &["accepted 2#13 buy 4@99 open 4"]),
                (
                    enter(3, Side::ShortExempt, 4, 99).post_only(),
                    &["rejected 3 short_exempt post_only_would_cross"],
                ),
                (sell(3, 4, 100).post_only(), &["accepted 3#15 sell 4@100 open 4"]),
            ],
            "2:4@99 | 1:4@100 3:4@100",
        );
    }

    #[test]
    fn post_only_slides_one_tick_passive() {
        check(
            &[
                (sell(1, 4, 100), &["accepted 1#11 sell 4@100 open 4"]),
                (buy(2, 4, 105).slide(), &["accepted 2#12 buy 4@99 open 4"]),
                (sell(3, 4, 95).slide(), &["accepted 3#13 sell 4@100 open 4"]),
                (sell(4, 4, 101).slide(), &["accepted 4#14 sell 4@101 open 4"]),
            ],
            "2:4@99 | 1:4@100 3:4@100 4:4@101",
        );
    }

    #[test]
    fn post_only_looks_at_the_touch_whoever_owns_it() {
        let mode = SelfTrade::CancelOldest;
        check(
            &[
                (sell(1, 4, 100).firm(7), &["accepted 1#11 sell 4@100 open 4"]),
                (
                    buy(2, 4, 100).firm(7).mode(mode).post_only(),
                    &["rejected 2 buy post_only_would_cross"],
                ),
            ],
            "| 1:4@100",
        );
    }

    #[test]
    fn post_only_is_for_limit_orders_that_may_rest() {
        check(
            &[
                (buy(1, 4, 100).post_only().ioc(), &["rejected 1 buy unsupported"]),
                (buy(1, 4, 100).slide().fok(), &["rejected 1 buy unsupported"]),
                (buy(1, 4, 0).slide().market(), &["rejected 1 buy unsupported"]),
                (buy(1, 4, 0).post_only().market_to_limit(), &["rejected 1 buy unsupported"]),
            ],
            "|",
        );
    }
}

mod self_trade {
    use super::*;

    /// Incoming buys 10 @ 10.00 for firm 7; resting sells: 4 of firm 7 first, then 5 of firm 8.
    fn check_mode(mode: SelfTrade, expected: &[&str], book: &str) {
        let expected = [&["accepted 3#13 buy 10@1000 open 10"], expected].concat();
        check(
            &[
                (sell(1, 4, 1_000).firm(7), &["accepted 1#11 sell 4@1000 open 4"]),
                (sell(2, 5, 1_000).firm(8), &["accepted 2#12 sell 5@1000 open 5"]),
                (buy(3, 10, 1_000).firm(7).mode(mode), &expected),
            ],
            book,
        );
    }

    #[test]
    fn none() {
        check_mode(
            SelfTrade::None,
            &[
                "executed 1#11 sell 4@1000 with #13 trade 1",
                "executed 3#13 buy 4@1000 open 6 with #11 trade 1 removed",
                "executed 2#12 sell 5@1000 with #13 trade 2",
                "executed 3#13 buy 5@1000 open 1 with #12 trade 2 removed",
            ],
            "3:1@1000 |",
        );
    }

    #[test]
    fn cancel_newest() {
        check_mode(
            SelfTrade::CancelNewest,
            &["canceled 3#13 buy 10@1000 other 1000 self_trade"],
            "| 1:4@1000 2:5@1000",
        );
    }

    #[test]
    fn cancel_oldest() {
        check_mode(
            SelfTrade::CancelOldest,
            &[
                "canceled 1#11 sell 4@1000 self_trade",
                "executed 2#12 sell 5@1000 with #13 trade 1",
                "executed 3#13 buy 5@1000 open 5 with #12 trade 1 removed",
            ],
            "3:5@1000 |",
        );
    }

    #[test]
    fn cancel_both() {
        check_mode(
            SelfTrade::CancelBoth,
            &[
                "canceled 1#11 sell 4@1000 self_trade",
                "canceled 3#13 buy 10@1000 other 1000 self_trade",
            ],
            "| 2:5@1000",
        );
    }

    #[test]
    fn decrement() {
        check_mode(
            SelfTrade::Decrement,
            &[
                "canceled 1#11 sell 4@1000 self_trade",
                "canceled 3#13 buy 4@1000 open 6 other 1000 self_trade",
                "executed 2#12 sell 5@1000 with #13 trade 1",
                "executed 3#13 buy 5@1000 open 1 with #12 trade 1 removed",
            ],
            "3:1@1000 |",
        );
    }

    #[test]
    fn cancel_smallest() {
        check_mode(
            SelfTrade::CancelSmallest,
            &[
                "canceled 1#11 sell 4@1000 self_trade",
                "executed 2#12 sell 5@1000 with #13 trade 1",
                "executed 3#13 buy 5@1000 open 5 with #12 trade 1 removed",
            ],
            "3:5@1000 |",
        );
    }

    /// A resting sell of 6 and an incoming buy of this quantity meet, both of firm 7.
    fn check_sizes(mode: SelfTrade, quantity: u64, expected: &[&str], book: &str) {
        let accepted = format!("accepted 2#12 buy {quantity}@100 open {quantity}");
        let expected = [&[accepted.as_str()], expected].concat();
        check(
            &[
                (sell(1, 6, 100).firm(7), &["accepted 1#11 sell 6@100 open 6"]),
                (buy(2, quantity, 100).firm(7).mode(mode), &expected),
            ],
            book,
        );
    }

    #[test]
    fn decrement_of_equal_sizes_cancels_both_and_a_larger_resting_order_stays() {
        let mode = SelfTrade::Decrement;
        let both =
            ["canceled 1#11 sell 6@100 self_trade", "canceled 2#12 buy 6@100 other 100 self_trade"];
        check_sizes(mode, 6, &both, "|");
        let part = [
            "canceled 1#11 sell 4@100 open 2 self_trade",
            "canceled 2#12 buy 4@100 other 100 self_trade",
        ];
        check_sizes(mode, 4, &part, "| 1:2@100");
    }

    #[test]
    fn decrement_lowers_the_total_and_keeps_priority() {
        let mode = SelfTrade::Decrement;
        check(
            &[
                (sell(1, 6, 100).firm(7), &["accepted 1#11 sell 6@100 open 6"]),
                (sell(2, 1, 100), &["accepted 2#12 sell 1@100 open 1"]),
                (
                    buy(3, 2, 100).firm(7).mode(mode),
                    &[
                        "accepted 3#13 buy 2@100 open 2",
                        "canceled 1#11 sell 2@100 open 4 self_trade",
                        "canceled 3#13 buy 2@100 other 100 self_trade",
                    ],
                ),
                (reduce(1, 4), &["rejected 1 buy not_a_reduction"]),
                (reduce(1, 3), &["canceled 1#11 sell 1@100 open 3 user"]),
            ],
            "| 1:3@100 2:1@100",
        );
    }

    #[test]
    fn cancel_smallest_cancels_the_incoming_order_if_it_is_smaller_and_both_if_equal() {
        let mode = SelfTrade::CancelSmallest;
        check_sizes(mode, 5, &["canceled 2#12 buy 5@100 other 100 self_trade"], "| 1:6@100");
        let both =
            ["canceled 1#11 sell 6@100 self_trade", "canceled 2#12 buy 6@100 other 100 self_trade"];
        check_sizes(mode, 6, &both, "|");
        check_sizes(mode, 7, &both[..1], "2:7@100 |");
    }

    #[test]
    fn earlier_fills_stand() {
        let modes = [(SelfTrade::CancelNewest, true), (SelfTrade::CancelBoth, false)];
        for (mode, stays) in modes {
            let all = [
                "accepted 3#13 buy 10@101 open 10",
                "executed 1#11 sell 5@100 with #13 trade 1",
                "executed 3#13 buy 5@100 open 5 with #11 trade 1 removed",
                "canceled 2#12 sell 4@101 self_trade",
                "canceled 3#13 buy 5@101 other 101 self_trade",
            ];
            let newest = [all[0], all[1], all[2], all[4]];
            let (expected, book) = if stays { (&newest[..], "| 2:4@101") } else { (&all[..], "|") };
            check(
                &[
                    (sell(1, 5, 100).firm(8), &["accepted 1#11 sell 5@100 open 5"]),
                    (sell(2, 4, 101).firm(7), &["accepted 2#12 sell 4@101 open 4"]),
                    (buy(3, 10, 101).firm(7).mode(mode), expected),
                ],
                book,
            );
        }
    }

    #[test]
    fn a_group_goes_before_the_firm() {
        let mode = SelfTrade::CancelNewest;
        let free = [
            "accepted 2#12 buy 1@100 open 1",
            "executed 1#11 sell 1@100 with #12 trade 1",
            "executed 2#12 buy 1@100 with #11 trade 1 removed",
        ];
        let kept =
            ["accepted 2#12 buy 1@100 open 1", "canceled 2#12 buy 1@100 other 100 self_trade"];
        // Firm and group of the resting order, of the incoming one, and whether they are kept apart.
        let cases = [
            ((7, 0), (7, 0), true),
            ((7, 0), (8, 0), false),
            ((0, 0), (0, 0), false),
            ((7, 3), (8, 3), true),
            ((7, 3), (7, 4), false),
            ((7, 3), (7, 0), false),
            ((7, 0), (7, 3), false),
        ];
        for (resting, incoming, apart) in cases {
            let (expected, book) = if apart { (&kept[..], "| 1:1@100") } else { (&free[..], "|") };
            check(
                &[
                    (
                        sell(1, 1, 100).firm(resting.0).group(resting.1),
                        &["accepted 1#11 sell 1@100 open 1"],
                    ),
                    (buy(2, 1, 100).firm(incoming.0).group(incoming.1).mode(mode), expected),
                ],
                book,
            );
        }
    }

    #[test]
    fn the_mode_of_the_incoming_order_decides() {
        check(
            &[
                (
                    sell(1, 1, 100).firm(7).mode(SelfTrade::CancelBoth),
                    &["accepted 1#11 sell 1@100 open 1"],
                ),
                (
                    buy(2, 1, 100).firm(7),
                    &[
                        "accepted 2#12 buy 1@100 open 1",
                        "executed 1#11 sell 1@100 with #12 trade 1",
                        "executed 2#12 buy 1@100 with #11 trade 1 removed",
                    ],
                ),
            ],
            "|",
        );
    }

    #[test]
    fn it_leaves_the_last_price_alone() {
        let definition = DefineSymbol { collar_bps: 1_000, reference: Price(100), ..plain() };
        let mode = SelfTrade::CancelOldest;
        check(
            &[
                (define(2, definition), &["defined of 2 buy"]),
                (sell(1, 1, 50).symbol(2).firm(7), &["accepted 1#12 of 2 sell 1@50 open 1"]),
                (
                    buy(2, 1, 50).symbol(2).firm(7).mode(mode).ioc(),
                    &[
                        "accepted 2#13 of 2 buy 1@50 open 1",
                        "canceled 1#12 of 2 sell 1@50 self_trade",
                        "canceled 2#13 of 2 buy 1@50 ioc_remainder",
                    ],
                ),
                // The collar is still around 100.
                (sell(3, 1, 110).symbol(2), &["accepted 3#14 of 2 sell 1@110 open 1"]),
                (
                    buy(4, 1, 0).symbol(2).market(),
                    &[
                        "accepted 4#15 of 2 buy 1@0 open 1",
                        "executed 3#14 of 2 sell 1@110 with #15 trade 1",
                        "executed 4#15 of 2 buy 1@110 with #14 trade 1 removed",
                    ],
                ),
            ],
            "|",
        );
    }
}

mod bounds {
    use super::*;

    #[test]
    fn the_largest_quantities_trade_and_add_up() {
        let max = MAX.to_string();
        let [first, second, third] = [
            format!("accepted 1#11 sell {max}@100 open {max}"),
            format!("accepted 2#12 sell {max}@100 open {max}"),
            format!("accepted 3#13 buy {max}@100 open {max}"),
        ];
        let fills = [
            format!("executed 1#11 sell {max}@100 with #13 trade 1"),
            format!("executed 3#13 buy {max}@100 with #11 trade 1 removed"),
        ];
        check(
            &[
                (sell(1, MAX, 100), &[&first]),
                (sell(2, MAX, 100), &[&second]),
                (buy(3, MAX, 100), &[&third, &fills[0], &fills[1]]),
                (replace(2, 4, 1, 101), &["replaced 4#12 sell 1@101 open 1 other 2"]),
            ],
            "| 4:1@101",
        );
    }

    #[test]
    fn a_level_holds_more_than_one_quantity_can_say() {
        let mut engine = whole_engine();
        let mut naive = Naive::default();
        let commands: Vec<Sequenced> = [define(1, plain()), buy(1, MAX, 9), buy(2, MAX, 9)]
            .into_iter()
            .zip(1..)
            .map(|(command, n)| Sequenced { seqno: SeqNo(n), time: Nanos(n), command: command.0 })
            .collect();
        for venue in [&mut engine as &mut dyn Venue, &mut naive] {
            venue.apply(&commands);
            let bid = venue.top_of_book(SymbolId(1)).0.expect("a bid");
            assert_eq!((bid.quantity, bid.orders), (2 * u128::from(MAX), 2));
        }
    }

    #[test]
    fn the_first_and_the_last_price_work() {
        let top = format!("accepted 2#12 sell 1@{TOP} open 1");
        let sweep = [
            format!("accepted 3#13 buy 3@{TOP} open 3"),
            format!("executed 2#12 sell 1@{TOP} with #13 trade 1"),
            format!("executed 3#13 buy 1@{TOP} open 2 with #12 trade 1 removed"),
        ];
        check(
            &[
                (buy(1, 1, 1), &["accepted 1#11 buy 1@1 open 1"]),
                (sell(2, 1, TOP), &[&top]),
                (buy(3, 3, TOP), &[&sweep[0], &sweep[1], &sweep[2]]),
                (
                    sell(4, 3, 1),
                    &[
                        "accepted 4#14 sell 3@1 open 3",
                        &format!("executed 3#13 buy 2@{TOP} with #14 trade 1"),
                        &format!("executed 4#14 sell 2@{TOP} open 1 with #13 trade 1 removed"),
                        "executed 1#11 buy 1@1 with #14 trade 2",
                        "executed 4#14 sell 1@1 with #11 trade 2 removed",
                    ],
                ),
            ],
            "|",
        );
    }

    #[test]
    fn prices_below_one_are_refused() {
        check(
            &[
                (buy(1, 1, i64::MIN), &["rejected 1 buy invalid_price"]),
                (sell(1, 1, i64::MIN), &["rejected 1 sell invalid_price"]),
                (buy(1, 1, i64::MIN).market(), &["rejected 1 buy invalid_price"]),
            ],
            "|",
        );
    }

    #[test]
    fn a_slide_off_the_edge_of_the_domain_is_rejected() {
        let top = format!("accepted 3#13 buy 1@{TOP} open 1");
        check(
            &[
                (sell(1, 1, 1), &["accepted 1#11 sell 1@1 open 1"]),
                (buy(2, 1, 5).slide(), &["rejected 2 buy post_only_would_cross"]),
                (
                    buy(3, 1, TOP).symbol(1),
                    &[
                        &top,
                        "executed 1#11 sell 1@1 with #13 trade 1",
                        "executed 3#13 buy 1@1 with #11 trade 1 removed",
                    ],
                ),
                (buy(4, 1, TOP), &[&format!("accepted 4#14 buy 1@{TOP} open 1")]),
                (sell(5, 1, 7).slide(), &["rejected 5 sell post_only_would_cross"]),
            ],
            &format!("4:1@{TOP} |"),
        );
    }

    #[test]
    fn the_widest_collar_saturates() {
        let definition = DefineSymbol { collar_bps: u32::MAX, reference: Price(TOP), ..plain() };
        check(
            &[
                (define(2, definition), &["defined of 2 buy"]),
                (sell(1, 1, TOP).symbol(2), &[&format!("accepted 1#12 of 2 sell 1@{TOP} open 1")]),
                (
                    buy(2, 1, 0).market().symbol(2),
                    &[
                        "accepted 2#13 of 2 buy 1@0 open 1",
                        &format!("executed 1#12 of 2 sell 1@{TOP} with #13 trade 1"),
                        &format!("executed 2#13 of 2 buy 1@{TOP} with #12 trade 1 removed"),
                    ],
                ),
                (buy(3, 1, 1).symbol(2), &["accepted 3#14 of 2 buy 1@1 open 1"]),
                (
                    sell(4, 1, 0).market().symbol(2),
                    &[
                        "accepted 4#15 of 2 sell 1@0 open 1",
                        "executed 3#14 of 2 buy 1@1 with #15 trade 1",
                        "executed 4#15 of 2 sell 1@1 with #14 trade 1 removed",
                    ],
                ),
            ],
            "|",
        );
    }

    #[test]
    fn an_id_is_free_again_when_its_order_has_ended() {
        check(
            &[
                (buy(1, 1, 100), &["accepted 1#11 buy 1@100 open 1"]),
                (buy(1, 2, 100), &["rejected 1 buy duplicate_id"]),
                (buy(1, 2, 100).session(2), &["accepted 2/1#13 buy 2@100 open 2"]),
                (cancel(1), &["canceled 1#11 buy 1@100 user"]),
                (buy(1, 3, 100), &["accepted 1#15 buy 3@100 open 3"]),
                (buy(4, 3, 100).verdict(Reason::DuplicateId), &["rejected 4 buy duplicate_id"]),
            ],
            "1:2@100 1:3@100 |",
        );
    }

    #[test]
    fn ids_and_sessions_from_the_edge_work() {
        let id = MAX.to_string();
        let session = u32::MAX;
        check(
            &[
                (buy(0, 1, 100), &["accepted#11 buy 1@100 open 1"]),
                (buy(MAX, 1, 100), &[&format!("accepted {id}#12 buy 1@100 open 1")]),
                (
                    buy(MAX, 1, 100).session(session),
                    &[&format!("accepted {session}/{id}#13 buy 1@100 open 1")],
                ),
                (buy(0, 1, 100).session(0), &["accepted 0/0#14 buy 1@100 open 1"]),
                (cancel(MAX), &[&format!("canceled {id}#12 buy 1@100 user")]),
                (cancel(0), &["canceled#11 buy 1@100 user"]),
                (
                    buy(1, 1, 100).symbol(u32::MAX),
                    &[&format!("rejected 1 of {} buy unknown_symbol", u32::MAX)],
                ),
                (buy(1, 1, 100).symbol(0), &["rejected 1 of 0 buy unknown_symbol"]),
            ],
            &format!("{id}:1@100 0:1@100 |"),
        );
    }

    #[test]
    fn quantities_off_the_lot_are_refused() {
        let definition = DefineSymbol { lot: Quantity(100), ..plain() };
        check(
            &[
                (define(2, definition), &["defined of 2 buy"]),
                (buy(1, 150, 100).symbol(2), &["rejected 1 of 2 buy off_lot"]),
                (buy(1, 0, 100).symbol(2), &["rejected 1 of 2 buy invalid_quantity"]),
                (buy(1, 200, 100).symbol(2), &["accepted 1#14 of 2 buy 200@100 open 200"]),
                (
                    replace(1, 2, 250, 100).symbol(2),
                    &["canceled 1#14 of 2 buy 200@100 replaced_invalid"],
                ),
            ],
            "|",
        );
    }

    #[test]
    fn the_first_cause_is_the_one_that_is_told() {
        let all_wrong = buy(1, 0, 0).post_only().ioc();
        check(
            &[
                (all_wrong.symbol(5).verdict(Reason::OffTick), &["rejected 1 of 5 buy off_tick"]),
                (all_wrong.symbol(5), &["rejected 1 of 5 buy unknown_symbol"]),
                (buy(1, 1, 100), &["accepted 1#13 buy 1@100 open 1"]),
                (all_wrong, &["rejected 1 buy duplicate_id"]),
                (buy(2, 0, 0).post_only().ioc(), &["rejected 2 buy invalid_quantity"]),
                (buy(2, 1, 0).post_only().ioc(), &["rejected 2 buy invalid_price"]),
                (buy(2, 1, 1).post_only().ioc(), &["rejected 2 buy unsupported"]),
            ],
            "1:1@100 |",
        );
    }

    #[test]
    fn definitions_are_checked_and_made_once() {
        let wrong = [
            define(0, plain()),
            define(2, DefineSymbol { lot: Quantity(0), ..plain() }),
            define(2, DefineSymbol { tick: Tick { mantissa: 0, scale: 2 }, ..plain() }),
            define(2, DefineSymbol { tick: Tick { mantissa: 1, scale: 13 }, ..plain() }),
            define(2, DefineSymbol { reference: Price(-1), ..plain() }),
        ];
        for wrong in wrong {
            let symbol = wrong.0.symbol;
            check(&[(wrong, &[&format!("rejected of {symbol} buy invalid_definition")])], "|");
        }
        let name = Name::new("N").unwrap();
        let session =
            act(Action::DefineSession { name, firm: FirmId(4), role: Role::File }).symbol(0);
        let firm = |firm| act(Action::DefineFirm { name, firm: FirmId(firm) }).symbol(0);
        let bad = Reason::DuplicateName;
        check(
            &[
                (define(1, plain()), &["rejected buy duplicate_name"]),
                (define(2, plain()).verdict(bad), &["rejected of 2 buy duplicate_name"]),
                (define(2, plain()), &["defined of 2 buy"]),
                (session, &["defined of 0 buy other 4"]),
                (session, &["rejected of 0 buy duplicate_name"]),
                (session.session(0), &["rejected 0/0 of 0 buy invalid_definition"]),
                (firm(6), &["defined of 0 buy other 6"]),
                (firm(6), &["rejected of 0 buy duplicate_name"]),
                (firm(0), &["rejected of 0 buy invalid_definition"]),
            ],
            "|",
        );
    }
}
