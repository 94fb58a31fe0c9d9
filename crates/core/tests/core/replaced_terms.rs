//! Messages about replaced stops, pegs and icebergs.

use ringside_core::streams::StreamId;
use ringside_model::command::{
    Action, Display, EnterIceberg, EnterSpecial, EnterStop, NamedSpecialTerms, NamedTerms, Replace,
    ReplaceTerms, SetQuote, SpecialTerms,
};
use ringside_model::domain::{
    MatchNumber, OrderId, OrderNumber, Peg, Price, Quantity, SeqNo, SessionId, Side,
};
use ringside_model::reason::{Ouch, Reason};
use ringside_testing::wire::{self, Streams, enter, fields};

const A: u32 = 1;
const B: u32 = 2;

/// Returns a venue with two sessions of two firms, and AAPL; no messages are kept yet.
fn venue() -> Streams {
    let mut venue = Streams::new();
    venue.firm(1, "ALFA"); // 1
    venue.firm(2, "BETA"); // 2
    venue.session(A, "SESSA", 1); // 3
    venue.session(B, "SESSB", 2); // 4
    venue.symbol(1, "AAPL", "0.01"); // 5
    venue.take_all();
    venue
}

/// Replaces order 1 of session A by order 2.
fn replace(venue: &mut Streams, (quantity, price): (u64, i64), terms: NamedTerms) {
    let (id, new_id) = (OrderId(1), OrderId(2));
    let replace = Replace { id, new_id, quantity: Quantity(quantity), price: Price(price) };
    let action = Action::ReplaceTerms(ReplaceTerms { replace, terms });
    venue.apply_with(A, 1, Reason::None, action, Some(fields(2)));
}

fn quote(venue: &mut Streams, bid: i64) {
    venue.apply(0, 1, Action::from(SetQuote { bid: Price(bid), offer: Price(110) }));
}

#[test]
fn a_replaced_stop_is_told_to_its_session_and_shown_when_it_is_elected() {
    let mut venue = venue();
    let (order, stop) = (enter(1, Side::Buy, 5, 101), Price(100));
    venue.apply(A, 1, Action::EnterStop(EnterStop { order, stop })); // 6
    venue.take_all();
    replace(&mut venue, (7, 103), NamedTerms::Stop(Price(102))); // 7
    assert_eq!(venue.ouch(A), ["U 1>2 B 7 AAPL 10200 #7 L 'order 2'"]);
    assert_eq!(venue.market(), [""; 0]);
    venue.order(B, 1, Side::Sell, 10, 102); // 8
    venue.take_all();
    venue.order(B, 2, Side::Buy, 10, 102); // 9
    let (number, elected) = (MatchNumber::of(SeqNo(9), 1), OrderNumber::within(SeqNo(9), 1));
    let shown = [format!("E #8 10 m{number}"), format!("A #{elected} B 7 AAPL 10300")];
    assert_eq!(venue.market(), shown);
}

#[test]
fn a_peg_is_replaced_at_its_new_limit_and_not_without_a_quote() {
    let mut venue = venue();
    quote(&mut venue, 100); // 6
    let terms = SpecialTerms { peg: Peg::Primary, ..SpecialTerms::NONE };
    let order = enter(1, Side::Buy, 5, 0);
    venue.apply(A, 1, Action::EnterSpecial(EnterSpecial { order, terms })); // 7
    quote(&mut venue, 0); // 8
    venue.take_all();
    let named = NamedSpecialTerms { peg_offset: Some(2), ..NamedSpecialTerms::default() };
    replace(&mut venue, (6, 0), NamedTerms::Special(named)); // 9
    let Some(Ouch::Reject(code)) = Reason::NoQuote.ouch() else { panic!("a reject") };
    assert_eq!(venue.ouch(A), [format!("J 2 {code} 'order 2'")]);
    assert_eq!(venue.states().consumed(SessionId(A)), 2);

    quote(&mut venue, 101); // 10
    let back = OrderNumber::within(SeqNo(10), 1);
    assert_eq!(venue.market(), [format!("A #{back} B 5 AAPL 10100")]);
    venue.take_all();
    replace(&mut venue, (6, 0), NamedTerms::Special(named)); // 11
    assert_eq!(venue.ouch(A), ["U 1>2 B 6 AAPL 9900 #11 L 'order 2'"]);
    assert_eq!(venue.market(), [format!("U #{back}>#11 6 9900")]);
}

#[test]
fn an_iceberg_shows_its_new_slice() {
    let mut venue = venue();
    let order = enter(1, Side::Sell, 100, 100);
    let display = |next| Display { next, least: next, most: next, seed: 0 };
    venue.apply(A, 1, Action::EnterIceberg(EnterIceberg { order, display: display(40) })); // 6
    venue.take_all();
    let mut shown = fields(2);
    shown.tags[..6].copy_from_slice(&[5, 5, 0, 0, 0, 25]);
    shown.tag_bytes = 6;
    let (id, new_id, quantity) = (OrderId(1), OrderId(2), Quantity(90));
    let replace = Replace { id, new_id, quantity, price: Price(101) };
    let terms = NamedTerms::Display(display(25));
    let action = Action::ReplaceTerms(ReplaceTerms { replace, terms });
    venue.apply_with(A, 1, Reason::None, action, Some(shown)); // 7
    let told = venue.take(StreamId(A));
    assert_eq!(wire::ouch(&told[0][1..]), "U 1>2 S 90 AAPL 10100 #7 L 'order 2'");
    assert!(told[0].ends_with(&[5, 5, 0, 0, 0, 25]), "the client gets its tag again");
    assert_eq!(venue.market(), ["U #6>#7 25 10100"]);
}
