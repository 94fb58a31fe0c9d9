//! Messages to sessions, drop copies and the market, one by one: commands in, streams out.

use ringside_core::streams::StreamId;
use ringside_model::command::{
    AccountQuery, Action, BreakTrade, Cancel, ChangeSymbol, ClientFields, Command, CorrectTrade,
    DefineSession, DefineSymbol, Display, Enter, EnterIceberg, EnterSpecial, EnterStop, MassCancel,
    Modify, OperatorCommand, Reduce, Replace, RiskLimits, RunTimers, SetBands, SetOrderEntry,
    SetQuote, SetReference, SetRisk, SetShortSale, SetState, SpecialTerms, TradeSide, TradingDay,
};
use ringside_model::domain::{
    Capacity, DayEvent, FirmId, MatchNumber, Name, Nanos, OrderId, OrderNumber, OrderType, Peg,
    PostOnly, Price, Quantity, RiskScope, Role, SelfTrade, SeqNo, SessionId, Side, SymbolId,
    SymbolState, Tick, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_testing::wire;
use ringside_testing::wire::{COMMAND_NS, Streams, enter, fields};

const A: u32 = 1;
const B: u32 = 2;

/// Returns a venue with two sessions of two firms, a drop copy of each kind, and AAPL; no messages
/// are kept yet.
fn venue() -> Streams {
    let mut venue = Streams::new();
    venue.apply(0, 0, Action::from(TradingDay { event: DayEvent::Start }));
    venue.firm(1, "ALFA");
    venue.firm(2, "BETA");
    venue.session(A, "SESSA", 1);
    venue.session(B, "SESSB", 2);
    venue.firm_drop_copy(3, "COPYA", 1);
    venue.venue_drop_copy(4, "COPYV");
    venue.symbol(1, "AAPL", "0.01");
    venue.take_all();
    venue
}

fn reject_code(reason: Reason) -> String {
    match reason.ouch().unwrap() {
        ringside_model::reason::Ouch::Reject(code) => code.to_string(),
        ringside_model::reason::Ouch::Cancel(letter) => letter.to_string(),
    }
}

#[test]
fn a_day_begins_and_symbols_are_listed() {
    let mut venue = Streams::new();
    venue.apply(0, 0, Action::from(TradingDay { event: DayEvent::Start }));
    venue.firm(1, "ALFA");
    venue.session(A, "SESSA", 1);
    venue.symbol(1, "AAPL", "0.01");
    venue.symbol(2, "NAMETOOLONG", "0.01");
    venue.symbol(3, "FINE", "0.00001");
    assert_eq!(venue.market(), ["S O", "S S", "S Q", "R 1 AAPL", "H 1 AAPL T", "Y 1 AAPL 0"]);
    assert_eq!(venue.ouch(A), ["S S"]);
    let lines = venue.operator();
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert!(lines[0].contains("start_of_day"), "{lines:?}");
}

#[test]
fn a_symbol_is_listed_with_its_lot() {
    let mut venue = venue();
    let tick = Tick { mantissa: 1, scale: 2 };
    for (symbol, lot, round_lots_only) in [(2, 1, b'N'), (3, 100, b'Y')] {
        let definition = DefineSymbol::new(wire::name(&format!("LOT{lot}")), tick);
        let definition = DefineSymbol { lot: Quantity(lot), ..definition };
        venue.apply(0, symbol, Action::from(definition));
        let listed = &venue.take(StreamId::MARKET_DATA)[0];
        assert_eq!(listed[21..26], [0, 0, 0, lot as u8, round_lots_only]);
    }
}

#[test]
fn a_symbol_that_changes_is_listed_again_and_its_prices_are_those_of_the_new_tick() {
    let mut venue = venue();
    let prices = SetReference { prior_close: Price(102), last: Price(0) };
    venue.apply(0, 1, Action::from(prices));
    let tick = Tick::parse("0.05");
    let lot = Some(Quantity(10));
    venue.apply(0, 1, Action::from(ChangeSymbol { tick, lot, ..ChangeSymbol::default() }));
    assert_eq!(venue.market(), ["R 1 AAPL"]);
    venue.apply(0, 1, Action::from(SetReference { prior_close: Price(0), last: Price(20) }));
    let lines = venue.operator();
    assert!(lines[0].contains(r#""prior_close":"1.02""#), "{lines:?}");
    assert!(lines[1].contains(r#""lot":10,"collar_bps":0,"tick":"0.05""#), "{lines:?}");
    assert!(lines[2].contains(r#""prior_close":"1.00","last":"1.00""#), "{lines:?}");
    venue.order(A, 1, Side::Buy, 10, 21); // seqno 12
    assert_eq!(venue.market(), ["A #12 B 10 AAPL 10500"]);
    assert!(venue.ouch(A)[0].contains("10500"));
    let refused = ChangeSymbol { tick: Tick::parse("1"), ..ChangeSymbol::default() };
    venue.apply(0, 1, Action::from(refused));
    assert!(venue.operator()[0].contains("in_use"));
    venue.order(A, 2, Side::Buy, 10, 22);
    assert_eq!(venue.market(), ["A #14 B 10 AAPL 11000"]);
}

#[test]
fn an_order_rests_trades_and_is_cancelled() {
    let mut venue = venue();
    venue.order(A, 1, Side::Sell, 100, 18_705); // seqno 9
    assert_eq!(venue.ouch(A), ["A 1 S 100 AAPL 1870500 #9 L 'order 1'"]);
    assert_eq!(venue.market(), ["A #9 S 100 AAPL 1870500"]);
    venue.order(B, 1, Side::Buy, 30, 18_706); // seqno 10
    let number = MatchNumber::of(SeqNo(10), 1);
    assert_eq!(
        venue.ouch(B),
        ["A 1 B 30 AAPL 1870600 #10 L 'order 1'".into(), format!("E 1 30 1870500 R m{number}")]
    );
    assert_eq!(venue.ouch(A), [format!("E 1 30 1870500 A m{number}")]);
    assert_eq!(venue.market(), [format!("E #9 30 m{number}")]);
    venue.apply(A, 1, Action::Reduce(Reduce { id: OrderId(1), quantity: Quantity(50) }));
    assert_eq!(venue.ouch(A), ["C 1 50 U"]);
    assert_eq!(venue.market(), ["X #9 50"]);
    venue.apply(A, 1, Action::Cancel(Cancel { id: OrderId(1) }));
    assert_eq!(venue.ouch(A), ["C 1 20 U"]);
    assert_eq!(venue.market(), ["D #9"]);
    // A second cancel, a cancel of an unknown order and a reduce of an ended order send nothing.
    venue.apply(A, 1, Action::Cancel(Cancel { id: OrderId(1) }));
    venue.apply(A, 1, Action::Cancel(Cancel { id: OrderId(77) }));
    venue.apply(A, 1, Action::Reduce(Reduce { id: OrderId(1), quantity: Quantity(5) }));
    assert!(venue.ouch(A).is_empty() && venue.market().is_empty());
}

#[test]
fn an_iceberg_is_told_whole_to_its_owner_and_slice_by_slice_to_the_market() {
    let mut venue = venue();
    let order = enter(1, Side::Sell, 100, 18_705);
    let display = Display { next: 40, least: 40, most: 40, seed: 0 };
    let iceberg = Action::EnterIceberg(EnterIceberg { order, display });
    venue.apply_with(A, 1, Reason::None, iceberg, Some(fields(1))); // seqno 9
    let accepted = venue.take(StreamId(A));
    assert_eq!(wire::ouch(&accepted[0][1..]), "A 1 S 100 AAPL 1870500 #9 L 'order 1'");
    let max_floor = [5, 5, 0, 0, 0, 40];
    assert!(accepted[0].ends_with(&max_floor), "{accepted:?}");
    assert_eq!(venue.market(), ["A #9 S 40 AAPL 1870500"]);
    venue.order(B, 1, Side::Buy, 50, 18_705); // seqno 10
    let [one, two] = [1, 2].map(|trade| MatchNumber::of(SeqNo(10), trade));
    let told = [format!("E 1 40 1870500 A m{one}"), format!("E 1 10 1870500 A m{two}")];
    assert_eq!(venue.ouch(A), told);
    let second = (1u64 << 44) + 10;
    assert_eq!(
        venue.market(),
        [
            format!("E #9 40 m{one}"),
            format!("A #{second} S 40 AAPL 1870500"),
            format!("E #{second} 10 m{two}")
        ]
    );
    // Undisplayed quantity is reduced first, and the market receives no message about that.
    venue.apply(A, 1, Action::Reduce(Reduce { id: OrderId(1), quantity: Quantity(85) }));
    assert_eq!((venue.ouch(A), venue.market()), (vec!["C 1 15 U".into()], vec![]));
    venue.apply(A, 1, Action::Reduce(Reduce { id: OrderId(1), quantity: Quantity(75) }));
    assert_eq!(venue.ouch(A), ["C 1 10 U"]);
    assert_eq!(venue.market(), [format!("X #{second} 5")]);
    venue.apply(A, 1, Action::Cancel(Cancel { id: OrderId(1) }));
    assert_eq!(venue.ouch(A), ["C 1 25 U"]);
    assert_eq!(venue.market(), [format!("D #{second}")]);
}

#[test]
fn a_peg_is_told_with_its_tags_and_whenever_it_moves() {
    let mut venue = venue();
    let quote = |bid| {
        Action::Operator(OperatorCommand::SetQuote(SetQuote {
            bid: Price(bid),
            offer: Price(18_710),
        }))
    };
    venue.apply(0, 1, quote(18_705)); // seqno 9
    let order = enter(1, Side::Buy, 100, 0);
    let terms = SpecialTerms { peg: Peg::Primary, peg_offset: 3, ..SpecialTerms::NONE };
    let special = Action::EnterSpecial(EnterSpecial { order, terms });
    venue.apply_with(A, 1, Reason::None, special, Some(fields(1))); // seqno 10
    let accepted = venue.take(StreamId(A));
    assert_eq!(wire::ouch(&accepted[0][1..]), "A 1 B 100 AAPL 1870200 #10 L 'order 1'");
    assert!(accepted[0].ends_with(&[5, 7, 0, 0, 1, 44, 2, 6, b'R']), "{accepted:?}");
    assert_eq!(venue.market(), ["A #10 B 100 AAPL 1870200"]);
    venue.apply(0, 1, quote(18_706)); // seqno 11
    let moved = OrderNumber::within(SeqNo(11), 1);
    assert_eq!(venue.ouch(A), [format!("T 1 1870300 Y #{moved}")]);
    assert_eq!(venue.market(), [format!("U #10>#{moved} 100 1870300")]);
}

#[test]
fn a_hidden_order_is_told_to_its_owner_and_its_trades_to_the_market() {
    let mut venue = venue();
    let order = Enter { tif: TimeInForce::Gtc, ..enter(1, Side::Sell, 100, 18_705) };
    let terms = SpecialTerms {
        expire: Nanos(40_000_000_000_000),
        min_quantity: Quantity(30),
        hidden: true,
        ..SpecialTerms::NONE
    };
    let of_client = ClientFields { tif: b'6', display: b'N', ..fields(1) };
    let special = Action::EnterSpecial(EnterSpecial { order, terms });
    venue.apply_with(A, 1, Reason::None, special, Some(of_client)); // seqno 9
    let accepted = venue.take(StreamId(A));
    assert_eq!(wire::ouch(&accepted[0][1..]), "A 1 S 100 AAPL 1870500 #9 L 'order 1'");
    let [_, _, b, c] = 40_000u32.to_be_bytes();
    let tags = [5, 3, 0, 0, 0, 30, 5, 15, 0, 0, b, c];
    assert!(accepted[0].ends_with(&tags), "{accepted:?}");
    assert!(accepted[0].windows(2).any(|letters| letters == b"6N"), "{accepted:?}");
    venue.order(B, 1, Side::Buy, 50, 18_705); // seqno 10
    let number = MatchNumber::of(SeqNo(10), 1);
    assert_eq!(venue.ouch(A), [format!("E 1 50 1870500 J m{number}")]);
    let accepted = "A 1 B 50 AAPL 1870500 #10 L 'order 1'".to_string();
    assert_eq!(venue.ouch(B), [accepted, format!("E 1 50 1870500 R m{number}")]);
    assert_eq!(venue.market(), [format!("P #0 B 50 AAPL 1870500 m{number}")]);
    venue.order(B, 2, Side::Buy, 29, 18_705); // seqno 11: too little for it
    assert_eq!(venue.market(), ["A #11 B 29 AAPL 1870500"]);
    venue.replace(A, 1, 2, 100, 18_706);
    let replaced = venue.take(StreamId(A));
    assert!(replaced[0].windows(2).any(|letters| letters == b"0N"), "{replaced:?}");
    assert!(venue.market().is_empty());
    venue.apply(A, 1, Action::Cancel(Cancel { id: OrderId(2) }));
    assert_eq!((venue.ouch(A), venue.market()), (vec!["C 2 50 U".into()], vec![]));
}

#[test]
fn an_order_whose_time_is_over_leaves_before_the_command_that_finds_it() {
    let mut venue = venue();
    let order = Enter { tif: TimeInForce::Gtc, ..enter(1, Side::Sell, 100, 18_705) };
    let terms = SpecialTerms { expire: Nanos(venue.time() + 2 * COMMAND_NS), ..SpecialTerms::NONE };
    venue.apply(A, 1, Action::EnterSpecial(EnterSpecial { order, terms })); // seqno 9
    assert_eq!(venue.market(), ["A #9 S 100 AAPL 1870500"]);
    venue.ouch(A);
    venue.order(B, 1, Side::Buy, 50, 18_705); // seqno 10
    assert_eq!(venue.ouch(A), ["C 1 100 T"]);
    assert_eq!(venue.market(), ["D #9", "A #10 B 50 AAPL 1870500"]);
}

#[test]
fn an_auction_is_told_to_both_sides_and_to_the_market() {
    let mut venue = venue();
    let state = |venue: &mut Streams, state| {
        venue.apply(0, 1, Action::from(SetState::to(state)));
        venue.market()
    };
    assert_eq!(state(&mut venue, SymbolState::PreOpen), ["H 1 AAPL Q"]);
    venue.order(A, 1, Side::Sell, 100, 18_700); // seqno 10
    venue.order(B, 1, Side::Buy, 300, 18_702);
    let told = venue.market();
    let orders = ["A #10 S 100 AAPL 1870000", "A #11 B 300 AAPL 1870200"];
    assert_eq!(told, [orders[0], "I O AAPL 100 1870200 B 200L", orders[1]]);
    venue.ouch(A);
    venue.ouch(B);
    let number = |trade| MatchNumber::of(SeqNo(12), trade);
    assert_eq!(
        state(&mut venue, SymbolState::Open),
        [
            "H 1 AAPL T".into(),
            format!("Q O AAPL 100 1870200 m{}", number(0)),
            format!("C #10 100 1870200 m{} N", number(1)),
            format!("C #11 100 1870200 m{} N", number(1)),
        ]
    );
    assert_eq!(venue.ouch(A), [format!("E 1 100 1870200 O m{}", number(1))]);
    assert_eq!(venue.ouch(B), [format!("E 1 100 1870200 O m{}", number(1))]);
    assert_eq!(state(&mut venue, SymbolState::Halted), ["H 1 AAPL H"]);
    venue.order(A, 2, Side::Sell, 1, 18_700);
    assert_eq!(venue.ouch(A), [format!("J 2 {} 'order 2'", reject_code(Reason::Halted))]);
    // The rest of the opening auction trades at the close, with a letter of its own.
    state(&mut venue, SymbolState::ClosingCall);
    venue.order(A, 3, Side::Sell, 500, 18_702); // seqno 15
    assert_eq!(venue.market()[0], "I C AAPL 200 1870200 S 300L");
    venue.ouch(A);
    state(&mut venue, SymbolState::Closed);
    let third = venue.ouch(A);
    assert!(third[0].starts_with("E 3 200 1870200 C"), "{third:?}");
}

#[test]
fn an_indicative_result_says_on_which_side_shares_are_left() {
    let mut venue = venue();
    venue.apply(0, 1, Action::from(SetState::to(SymbolState::PreOpen)));
    venue.order(A, 1, Side::Sell, 100, 100); // seqno 10
    venue.order(B, 1, Side::Buy, 100, 100);
    venue.take_all();
    venue.apply(B, 1, Action::Cancel(Cancel { id: OrderId(1) }));
    assert_eq!(venue.market(), ["D #11", "I O AAPL 0 0 O 0 "]);
    venue.order(B, 2, Side::Buy, 100, 100);
    assert_eq!(venue.market(), ["I O AAPL 100 10000 N 0L", "A #13 B 100 AAPL 10000"]);
}

fn bands(high: i64, bps: u32, reference: i64) -> Action {
    let (high, reference) = (Price(high), Price(reference));
    Action::from(SetBands { low: Price(0), high, bps, reference })
}

#[test]
fn an_order_that_a_band_moves_keeps_its_id_and_gets_another_number() {
    let mut venue = venue();
    venue.order(A, 1, Side::Buy, 100, 18_705); // seqno 9
    let order = enter(1, Side::Buy, 90, 18_704);
    let display = Display { next: 40, least: 40, most: 40, seed: 0 };
    venue.apply(B, 1, Action::EnterIceberg(EnterIceberg { order, display })); // seqno 10
    venue.take_all();
    venue.apply(0, 1, bands(18_700, 0, 0)); // seqno 11
    let [first, second] = [1, 2].map(|place| (place << 44) + 11u64);
    assert_eq!(venue.ouch(A), [format!("T 1 1870000 Y #{first}")]);
    assert_eq!(venue.ouch(B), [format!("T 1 1870000 Y #{second}")]);
    let moved = [format!("U #9>#{first} 100 1870000"), format!("U #10>#{second} 40 1870000")];
    assert_eq!(venue.market(), moved);
    venue.apply(A, 1, Action::Cancel(Cancel { id: OrderId(1) }));
    assert_eq!(venue.market(), [format!("D #{first}")]);
}

#[test]
fn a_pause_is_told_with_the_collar_of_the_auction_that_ends_it() {
    let mut venue = venue();
    venue.apply(0, 1, bands(0, 1_000, 10_000));
    venue.order(A, 1, Side::Sell, 100, 9_000);
    assert_eq!(venue.market(), ["A #10 S 100 AAPL 900000"]);
    venue.wait(15);
    venue.apply(0, 1, Action::from(RunTimers));
    assert_eq!(venue.market(), ["H 1 AAPL P", "J AAPL 1000000 900000 1100000 0"]);
    venue.wait(300);
    venue.apply(0, 1, Action::from(RunTimers));
    assert_eq!(venue.market()[0], "H 1 AAPL T");
}

#[test]
fn a_short_sale_restriction_says_whether_a_fall_has_brought_it() {
    let mut venue = venue();
    let name = wire::name("FALL");
    let (tick, lot) = (Tick { mantissa: 1, scale: 2 }, Quantity(1));
    let definition = DefineSymbol { name, tick, lot, collar_bps: 0, reference: Price(10_000) };
    venue.apply(0, 2, Action::from(definition));
    venue.take_all();
    let set = |venue: &mut Streams, restricted, automatic| {
        venue.apply(0, 2, Action::from(SetShortSale { restricted, automatic }));
        venue.market()
    };
    assert_eq!(set(&mut venue, true, false), ["Y 2 FALL 2"]);
    assert_eq!(set(&mut venue, false, true), ["Y 2 FALL 0"]);
    venue.apply(A, 2, Action::Enter(enter(1, Side::Buy, 100, 9_000)));
    venue.apply(B, 2, Action::Enter(enter(1, Side::Sell, 100, 9_000)));
    let told = venue.market();
    assert_eq!(told.last().map(String::as_str), Some("Y 2 FALL 1"), "{told:?}");
}

#[test]
fn the_market_hears_nothing_of_an_order_for_an_auction_only() {
    let mut venue = venue();
    let waits = Enter { tif: TimeInForce::AtClose, ..enter(1, Side::Sell, 100, 18_700) };
    venue.apply(A, 1, Action::Enter(waits)); // seqno 9
    assert_eq!(venue.ouch(A), ["A 1 S 100 AAPL 1870000 #9 L 'order 1'"]);
    venue.apply(A, 1, Action::Reduce(Reduce { id: OrderId(1), quantity: Quantity(60) }));
    assert_eq!(venue.ouch(A), ["C 1 40 U"]);
    assert_eq!(venue.market(), [""; 0]);
    venue.order(B, 1, Side::Buy, 50, 18_700); // seqno 11
    venue.market();
    venue.apply(0, 1, Action::from(SetState::to(SymbolState::ClosingCall)));
    assert_eq!(venue.market(), ["H 1 AAPL Q", "I C AAPL 50 1870000 S 10L"]);
    venue.apply(0, 1, Action::from(SetState::to(SymbolState::Closed)));
    let number = |trade| MatchNumber::of(SeqNo(13), trade);
    let cross = format!("Q C AAPL 50 1870000 m{}", number(0));
    let shown = format!("C #11 50 1870000 m{} N", number(1));
    assert_eq!(venue.market(), ["H 1 AAPL H".into(), cross, shown]);
    assert_eq!(venue.ouch(A), [format!("E 1 50 1870000 C m{}", number(1)), "C 1 10 C".into()]);
}

#[test]
fn what_is_left_of_an_incoming_order_is_added_after_its_trades() {
    let mut venue = venue();
    venue.order(A, 1, Side::Sell, 10, 100);
    venue.order(A, 2, Side::Sell, 10, 101);
    venue.market();
    venue.order(B, 1, Side::Buy, 50, 101);
    let told = venue.market();
    let kinds: Vec<&str> = told.iter().map(|message| &message[..1]).collect();
    assert_eq!(kinds, ["E", "E", "A"]);
    assert_eq!(told[2], "A #11 B 30 AAPL 10100");
    // An order that does not rest is never shown.
    venue.apply(
        B,
        1,
        Action::Enter(Enter { tif: TimeInForce::Ioc, ..enter(2, Side::Buy, 50, 90) }),
    );
    assert_eq!(venue.market(), [""; 0]);
    assert_eq!(venue.ouch(B).last().unwrap(), "C 2 50 I");
}

#[test]
fn the_rest_of_a_market_to_limit_order_is_added_at_the_price_of_its_last_trade() {
    let mut venue = venue();
    venue.order(A, 1, Side::Sell, 10, 100); // 9
    venue.market();
    let order_type = OrderType::MarketToLimit;
    venue.apply(B, 1, Action::Enter(Enter { order_type, ..enter(1, Side::Buy, 30, 0) })); // 10
    let number = MatchNumber::of(SeqNo(10), 1);
    assert_eq!(venue.market(), [format!("E #9 10 m{number}"), "A #10 B 20 AAPL 10000".into()]);
}

#[test]
fn a_stop_is_shown_after_the_order_that_elects_it() {
    let mut venue = venue();
    venue.order(B, 1, Side::Sell, 10, 100); // 9
    venue.market();
    let (order, stop) = (enter(1, Side::Buy, 5, 101), Price(100));
    venue.apply(A, 1, Action::EnterStop(EnterStop { order, stop })); // 10
    assert_eq!(venue.market(), [""; 0]);
    venue.order(B, 2, Side::Buy, 15, 100); // 11
    let (number, elected) = (MatchNumber::of(SeqNo(11), 1), OrderNumber::within(SeqNo(11), 1));
    assert_eq!(
        venue.market(),
        [
            format!("E #9 10 m{number}"),
            "A #11 B 5 AAPL 10000".into(),
            format!("A #{elected} B 5 AAPL 10100")
        ]
    );
}

#[test]
fn a_replaced_order_leaves_before_the_new_one_trades() {
    let mut venue = venue();
    venue.order(A, 1, Side::Buy, 10, 100); // 9
    venue.order(B, 1, Side::Sell, 4, 105); // 10
    venue.ouch(A);
    venue.market();
    venue.replace(A, 1, 2, 10, 101); // 11
    assert_eq!(venue.ouch(A), ["U 1>2 B 10 AAPL 10100 #11 L 'order 2'"]);
    assert_eq!(venue.market(), ["U #9>#11 10 10100"]);
    venue.replace(A, 2, 3, 10, 105); // 12
    let told = venue.market();
    assert_eq!(told[0], "D #11");
    assert!(told[1].starts_with("E #10 4"), "{told:?}");
    assert_eq!(told[2], "A #12 B 6 AAPL 10500");
    let told = venue.ouch(A);
    assert_eq!(told[0], "U 2>3 B 10 AAPL 10500 #12 L 'order 3'");
    assert!(told[1].starts_with("E 3 4 10500 R"), "{told:?}");
}

#[test]
fn a_replace_of_an_order_that_has_traded_reports_what_is_left_open() {
    let mut venue = venue();
    venue.order(A, 1, Side::Sell, 100, 100); // 9
    venue.order(B, 1, Side::Buy, 30, 100); // 10
    venue.take_all();
    venue.replace(A, 1, 2, 90, 101); // 11
    assert_eq!(venue.ouch(A), ["U 1>2 S 60 AAPL 10100 #11 L 'order 2'"]);
    assert_eq!(venue.market(), ["U #9>#11 60 10100"]);
    let side = Some(Side::Short);
    venue.apply(
        A,
        1,
        Action::Modify(Modify { id: OrderId(2), side, quantity: Some(Quantity(80)) }),
    );
    assert_eq!(venue.ouch(A), ["M 2 T 50"]);
    assert_eq!(venue.market(), ["X #11 10"]);
    // A band reprices the order; its open quantity moves with it.
    venue.apply(0, 1, Action::from(SetBands { low: Price(102), ..SetBands::default() }));
    let moved = OrderNumber::within(SeqNo(13), 1);
    assert_eq!(venue.ouch(A), [format!("T 2 10200 Y #{moved}")]);
    assert_eq!(venue.market(), [format!("U #11>#{moved} 50 10200")]);
}

#[test]
fn an_iceberg_that_is_replaced_after_a_trade_reports_its_reserve_to_the_owner_only() {
    let mut venue = venue();
    let order = enter(1, Side::Sell, 100, 100);
    let display = Display { next: 40, least: 40, most: 40, seed: 0 };
    venue.apply(A, 1, Action::EnterIceberg(EnterIceberg { order, display })); // 9
    venue.order(B, 1, Side::Buy, 30, 100); // 10
    venue.take_all();
    venue.replace(A, 1, 2, 90, 101); // 11
    assert_eq!(venue.ouch(A), ["U 1>2 S 60 AAPL 10100 #11 L 'order 2'"]);
    assert_eq!(venue.market(), ["U #9>#11 40 10100"]);
}

#[test]
fn ids_are_used_up_by_what_is_answered() {
    let mut venue = venue();
    let consumed = |venue: &Streams| venue.states().consumed(SessionId(A));
    assert_eq!(consumed(&venue), 0);
    venue.order(A, 5, Side::Buy, 10, 100);
    assert_eq!(consumed(&venue), 5);
    // The original order is unknown: the replace is ignored.
    venue.replace(A, 77, 7, 10, 100);
    assert_eq!((consumed(&venue), venue.ouch(A).len()), (5, 1));
    // The new terms are invalid: the original order is canceled, the new id stays unused.
    venue.replace(A, 5, 8, 10, 0);
    assert_eq!((consumed(&venue), venue.ouch(A)), (5, vec!["C 5 10 Z".to_string()]));
    // The replace itself is rejected: the new id is used up, the order stays.
    venue.order(A, 9, Side::Buy, 10, 100);
    venue.ouch(A);
    let replace = Action::Replace(Replace {
        id: OrderId(9),
        new_id: OrderId(10),
        quantity: Quantity(1),
        price: Price(1),
    });
    venue.apply_with(A, 1, Reason::RateLimit, replace, Some(fields(10)));
    assert_eq!(consumed(&venue), 10);
    let rejected = format!("J 10 {} 'order 10'", reject_code(Reason::RateLimit));
    assert_eq!(venue.ouch(A), [rejected]);
    assert_eq!(venue.states().answered(SessionId(A)), 5);
    // A rejected order has used up its id.
    let order = Action::Enter(enter(12, Side::Buy, 10, 100));
    venue.apply_with(A, 1, Reason::NotPermitted, order, Some(fields(12)));
    assert_eq!(consumed(&venue), 12);
    // The new id of a replaced order is used up.
    venue.replace(A, 9, 13, 10, 100);
    assert_eq!(consumed(&venue), 13);
    // Another process counts its answers from 0, and the ids stay used up.
    venue.states().begin();
    assert_eq!((consumed(&venue), venue.states().answered(SessionId(A))), (13, 0));
}

#[test]
fn causes_are_told_in_the_words_of_the_protocol() {
    let mut venue = venue();
    for (id, reason) in [(1, Reason::OffTick), (2, Reason::InvalidDisplay), (3, Reason::Closed)] {
        let order = Action::Enter(enter(id, Side::Buy, 10, 100));
        venue.apply_with(A, 1, reason, order, Some(fields(id)));
        assert_eq!(venue.ouch(A), [format!("J {id} {} 'order {id}'", reject_code(reason))]);
    }
    venue.order(B, 1, Side::Sell, 10, 100);
    let post_only = Enter { post_only: PostOnly::Reject, ..enter(4, Side::Buy, 10, 100) };
    venue.apply(A, 1, Action::Enter(post_only));
    assert_eq!(venue.ouch(A), ["A 4 B 10 AAPL 10000 #13 D 'order 4'", "C 4 10 G"]);
    let market = Enter { order_type: OrderType::Market, ..enter(5, Side::Buy, 20, 0) };
    venue.apply(A, 1, Action::Enter(market));
    let told = venue.ouch(A);
    assert_eq!(told[0], "A 5 B 20 AAPL 2000000000 #14 L 'order 5'");
    assert_eq!(told[2], "C 5 10 I");
}

#[test]
fn what_a_risk_limit_does_not_let_in_is_rejected_with_its_code() {
    let mut venue = venue();
    venue.order(A, 9, Side::Buy, 10, 100);
    venue.ouch(A);
    for (id, reason, code) in [
        (11, Reason::RiskQuantity, 0x31),
        (21, Reason::RiskNotional, 0x30),
        (31, Reason::RiskOpenOrders, 0x8046),
        (41, Reason::RiskGross, 0x20),
        (51, Reason::RiskRate, 0x28),
        (61, Reason::Killed, 0x8049),
    ] {
        let order = Action::Enter(enter(id, Side::Buy, 10, 100));
        venue.apply_with(A, 1, reason, order, Some(fields(id)));
        assert_eq!(venue.ouch(A), [format!("J {id} {code} 'order {id}'")]);
        if reason != Reason::RiskOpenOrders {
            // A replace is rejected, too: its original order stays.
            let (old, new_id) = (OrderId(9), OrderId(id + 1));
            let (quantity, price) = (Quantity(10), Price(100));
            let replace = Action::Replace(Replace { id: old, new_id, quantity, price });
            venue.apply_with(A, 1, reason, replace, Some(fields(id + 1)));
            assert_eq!(venue.ouch(A), [format!("J {} {code} 'order {}'", id + 1, id + 1)]);
        }
    }
    venue.apply(A, 1, Action::Cancel(Cancel { id: OrderId(9) }));
    assert_eq!(venue.ouch(A), ["C 9 10 U"]);
}

#[test]
fn the_operator_hears_of_limits_and_the_sessions_of_their_orders() {
    let mut venue = venue();
    venue.order(A, 1, Side::Buy, 10, 100);
    venue.ouch(A);
    venue.operator();
    let limits = RiskLimits { killed: true, ..RiskLimits::default() };
    let scope = RiskScope::Session;
    let set = Action::from(SetRisk { scope, firm: FirmId(0), limits });
    venue.apply(A, 0, set);
    let command = Command {
        session: SessionId(A),
        symbol: SymbolId::NONE,
        verdict: Reason::None,
        action: set,
    };
    venue.command(command.kills().expect("a kill switch"), None);
    assert_eq!(venue.ouch(A), ["C 1 10 S"]);
    let lines = venue.operator();
    assert!(lines[0].contains(r#""report":"risk_set","session":"SESSA""#), "{lines:?}");
    assert!(lines[1].contains(r#""report":"mass_canceled","count":1"#), "{lines:?}");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(venue.states().answered(SessionId(A)), 2, "the session's own commands only");
}

#[test]
fn a_self_trade_is_told_as_such() {
    let mut venue = venue();
    venue.order(A, 1, Side::Sell, 10, 100);
    venue.ouch(A);
    venue.market();
    let own = Enter { self_trade: SelfTrade::CancelOldest, ..enter(2, Side::Buy, 5, 100) };
    venue.apply(A, 1, Action::Enter(own));
    let told = venue.ouch(A);
    assert_eq!(told[1], "D 1 10 Q prevented 10 at 10000 A O");
    assert_eq!(venue.market(), ["D #9", "A #10 B 5 AAPL 10000"]);
}

/// Returns the messages to the session of a resting sell of 10 at 100 when its own firm buys 15 up
/// to 103.
fn self_trade(mode: SelfTrade) -> Vec<String> {
    let mut venue = venue();
    venue.order(A, 1, Side::Sell, 10, 100);
    venue.ouch(A);
    let own = Enter { self_trade: mode, ..enter(2, Side::Buy, 15, 103) };
    venue.apply(A, 1, Action::Enter(own)); // 10
    let mut messages = venue.ouch(A);
    assert_eq!(messages.remove(0), "A 2 B 15 AAPL 10300 #10 L 'order 2'");
    messages
}

#[test]
fn a_self_trade_has_the_price_of_the_order_that_rested() {
    assert_eq!(self_trade(SelfTrade::CancelOldest), ["D 1 10 Q prevented 10 at 10000 A O"]);
    assert_eq!(self_trade(SelfTrade::CancelNewest), ["D 2 15 Q prevented 15 at 10000 R W"]);
    let both = ["D 1 10 Q prevented 10 at 10000 A D", "D 2 10 Q prevented 10 at 10000 R D"];
    assert_eq!(self_trade(SelfTrade::Decrement), both);
    // The protocol has no letter for the modes that only file sessions have.
    let both = ["D 1 10 Q prevented 10 at 10000 A  ", "D 2 15 Q prevented 15 at 10000 R  "];
    assert_eq!(self_trade(SelfTrade::CancelBoth), both);
    assert_eq!(self_trade(SelfTrade::CancelSmallest), ["D 1 10 Q prevented 10 at 10000 A  "]);
}

#[test]
fn an_order_that_rests_since_this_command_is_the_resting_side_of_a_self_trade() {
    let mut venue = venue();
    venue.order(B, 1, Side::Sell, 10, 100); // 9
    let stop = |id, side, limit| {
        let self_trade = SelfTrade::CancelOldest;
        let order = Enter { self_trade, ..enter(id, side, 5, limit) };
        Action::EnterStop(EnterStop { order, stop: Price(100) })
    };
    venue.apply(A, 1, stop(1, Side::Buy, 101)); // 10
    venue.apply(A, 1, stop(2, Side::Sell, 100)); // 11
    venue.ouch(A);
    venue.order(B, 2, Side::Buy, 10, 100); // 12 elects both, and the first one rests
    let told = venue.ouch(A);
    let prevented: Vec<_> = told.iter().filter(|message| message.starts_with("D ")).collect();
    assert_eq!(prevented, ["D 1 5 Q prevented 5 at 10100 A  "], "{told:?}");
}

#[test]
fn marking_changes_and_mass_cancels_are_told() {
    let mut venue = venue();
    venue.order(A, 1, Side::Sell, 10, 100);
    venue.order(A, 2, Side::Buy, 10, 90);
    venue.ouch(A);
    venue.market();
    let modify = |quantity| {
        Action::Modify(Modify {
            id: OrderId(1),
            side: Some(Side::Short),
            quantity: Some(Quantity(quantity)),
        })
    };
    venue.apply(A, 1, modify(10));
    assert_eq!((venue.ouch(A), venue.market()), (vec!["M 1 T 10".to_string()], vec![]));
    venue.apply(A, 1, modify(7));
    assert_eq!(venue.ouch(A), ["M 1 T 7"]);
    assert_eq!(venue.market(), ["X #9 3"]);
    let all = MassCancel {
        id: OrderId(3),
        session: Some(SessionId(A)),
        firm: Some(FirmId(1)),
        ..MassCancel::default()
    };
    venue.apply(A, 0, Action::MassCancel(all));
    assert_eq!(venue.ouch(A), ["X 3 ALFA ", "C 2 10 U", "C 1 7 U"]);
    assert_eq!(venue.market(), ["D #10", "D #9"]);
    assert_eq!(venue.states().consumed(SessionId(A)), 3);
    // The venue cancels after a disconnect: there is no request, so there is no answer to one.
    venue.order(A, 4, Side::Buy, 10, 90);
    venue.ouch(A);
    let gone = MassCancel { session: Some(SessionId(A)), ..MassCancel::default() };
    venue.apply_with(A, 0, Reason::Disconnect, Action::MassCancel(gone), None);
    assert_eq!(venue.ouch(A), ["C 4 10 U"]);
}

#[test]
fn order_entry_is_switched_and_accounts_are_queried() {
    let mut venue = venue();
    let set = |id, enabled| Action::SetOrderEntry(SetOrderEntry { id: OrderId(id), enabled });
    venue.apply(A, 0, set(1, false));
    venue.apply(A, 0, set(2, true));
    venue.apply(A, 0, Action::AccountQuery(AccountQuery { next: OrderId(3) }));
    assert_eq!(venue.ouch(A), ["G 1", "K 2", "Q 3"]);
    assert_eq!(venue.states().consumed(SessionId(A)), 2);
}

#[test]
fn drop_copies_say_whose_message_it_was() {
    let mut venue = venue();
    venue.order(A, 1, Side::Sell, 100, 100);
    venue.order(B, 1, Side::Buy, 100, 100);
    let copy = |session: &str, message: &String| format!("{session:6}{message}");
    let (a, b) = (venue.ouch(A), venue.ouch(B));
    let of_a: Vec<String> = a.iter().map(|message| copy("SESSA", message)).collect();
    assert_eq!(venue.drop_copy(3), of_a);
    let order =
        [copy("SESSA", &a[0]), copy("SESSB", &b[0]), copy("SESSA", &a[1]), copy("SESSB", &b[1])];
    assert_eq!(venue.drop_copy(4), order);
}

#[test]
fn a_trade_is_taken_back_once_for_the_world_and_once_for_each_side() {
    let mut venue = venue();
    venue.apply(0, 1, Action::from(trade_77()));
    assert_eq!(venue.ouch(A), ["B 5 m77 S 'order 5'"]);
    assert_eq!(venue.ouch(B), ["B 6 m77 S 'order 6'"]);
    assert_eq!(venue.market(), ["B m77"]);
    assert_eq!(kinds(&venue.operator()), ["broken", "broken"]);
}

#[test]
fn a_corrected_trade_is_taken_back_and_told_again() {
    let mut venue = venue();
    let correction = CorrectTrade { trade: trade_77(), price: Price(101), quantity: Quantity(30) };
    venue.apply(0, 1, Action::from(correction));
    let (a, b) = (venue.ouch(A), venue.ouch(B));
    assert_eq!(a, ["B 5 m77 S 'order 5'", "E 5 30 10100 A m77"]);
    assert_eq!(b, ["B 6 m77 S 'order 6'", "E 6 30 10100 R m77"]);
    assert_eq!(venue.market(), ["B m77", "P #0 B 30 AAPL 10100 m77"]);
    let copies = a.iter().map(|message| format!("SESSA {message}"));
    let copies = copies.chain(b.iter().map(|message| format!("SESSB {message}")));
    assert_eq!(venue.drop_copy(4), copies.collect::<Vec<_>>());
    assert_eq!(kinds(&venue.operator()), ["corrected", "corrected"]);
}

/// Returns a request to break a trade between A and B.
fn trade_77() -> BreakTrade {
    let side = |session, id| TradeSide {
        id: OrderId(id),
        session: SessionId(session),
        text: fields(id).text,
    };
    BreakTrade::new(MatchNumber(77), [side(A, 5), side(B, 6)])
}

/// Returns the kinds of the reports in the lines of an operator.
fn kinds(lines: &[String]) -> Vec<String> {
    let kind = |line: &String| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["report"].as_str().unwrap().to_string()
    };
    lines.iter().map(kind).collect()
}

#[test]
fn a_session_that_may_not_enter_orders_is_told_and_so_is_the_operator() {
    let mut venue = venue();
    venue.operator();
    for enabled in [false, true] {
        venue.apply(A, 0, Action::SetOrderEntry(SetOrderEntry { id: OrderId(1), enabled }));
        assert_eq!(venue.ouch(A).len(), 1);
        let lines = venue.operator();
        assert_eq!(kinds(&lines), ["order_entry_set"]);
        assert!(lines[0].contains(&format!("\"enabled\":{enabled}")), "{lines:?}");
    }
}

#[test]
fn the_operator_hears_nothing_of_single_orders() {
    let mut venue = venue();
    let name = Name::new("FILE").unwrap();
    let (firm, role) = (FirmId(1), Role::File);
    venue.apply(5, 0, Action::from(DefineSession { name, firm, role }));
    venue.take_all();
    for session in [A, 5] {
        venue.order(session, 1, Side::Buy, 10, 100);
        venue.apply(session, 1, Action::Cancel(Cancel { id: OrderId(1) }));
    }
    assert_eq!(venue.operator(), [""; 0]);
}

#[test]
fn a_day_ends_after_the_orders_that_expire_with_it() {
    let mut venue = venue();
    venue.order(A, 1, Side::Sell, 100, 100);
    venue.ouch(A);
    venue.market();
    assert!(!venue.states().day_ended());
    venue.apply(0, 0, Action::from(TradingDay { event: DayEvent::End }));
    assert_eq!(venue.ouch(A), ["C 1 100 T", "S E"]);
    assert_eq!(venue.ouch(B), ["S E"]);
    assert_eq!(venue.market(), ["D #9", "S M", "S E", "S C"]);
    assert!(venue.states().day_ended());
}

#[test]
fn time_stamps_are_the_nanoseconds_since_midnight() {
    let mut venue = venue();
    venue.wait(2 * 86_400 + 3_723);
    venue.order(A, 1, Side::Sell, 100, 100); // 9
    assert_eq!(venue.time(), 176_523_000_009_009);
    let expected = 3_723_000_009_009u64.to_be_bytes();
    assert_eq!(venue.take(StreamId(A))[0][2..10], expected);
    assert_eq!(venue.take(StreamId(3))[0][8..16], expected);
    assert_eq!(venue.take(StreamId::MARKET_DATA)[0][5..11], expected[2..]);
}

#[test]
fn attributed_orders_show_their_firm_also_when_replaced() {
    let mut venue = venue();
    let attributed = Enter {
        attributed: true,
        capacity: Capacity::Principal,
        firm: FirmId(1),
        ..enter(1, Side::Buy, 10, 100)
    };
    let shown = ClientFields { display: b'A', capacity: b'P', ..fields(1) };
    venue.apply_with(A, 1, Reason::None, Action::Enter(attributed), Some(shown));
    assert_eq!(venue.market(), ["F #9 B 10 AAPL 10000 ALFA"]);
    venue.order(B, 1, Side::Sell, 4, 101);
    venue.market();
    venue.replace(A, 1, 2, 10, 101);
    assert_eq!(venue.market().last().unwrap(), "F #11 B 6 AAPL 10100 ALFA");
    let replaced = venue.take(StreamId(A)).into_iter().find(|m| m[1] == b'U').unwrap();
    // Display and capacity are those of the order, not of the replace.
    assert_eq!((replaced[1 + 39], replaced[1 + 48]), (b'A', b'P'));
}

#[test]
fn a_symbol_that_is_not_on_the_wire_is_not_in_market_data() {
    let mut venue = venue();
    venue.symbol(2, "NAMETOOLONG", "0.01");
    let order = Action::Enter(enter(1, Side::Buy, 10, 100));
    venue.apply_with(A, 2, Reason::None, order, None);
    assert!(venue.market().is_empty());
    let command = Command {
        session: SessionId(A),
        symbol: SymbolId(2),
        verdict: Reason::None,
        action: Action::Cancel(Cancel { id: OrderId(1) }),
    };
    venue.command(command, None);
    assert!(venue.market().is_empty());
}
