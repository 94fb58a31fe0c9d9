use super::*;
use ringside_model::command::{DefineFirm, DefineSession, DefineSymbol};

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
    for venue in [&mut engine as &mut dyn TestedVenue, &mut naive] {
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
        act(Action::from(DefineSession { name, firm: FirmId(4), role: Role::File })).symbol(0);
    let firm = |firm| act(Action::from(DefineFirm { name, firm: FirmId(firm) })).symbol(0);
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
