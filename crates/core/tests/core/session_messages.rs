//! Letters and tags of session messages, which the tests of streams leave out.

use ringside_core::streams::StreamId;
use ringside_model::command::{
    Action, BreakTrade, Cancel, ClientFields, Display, Enter, EnterIceberg, EnterSpecial,
    ImportOrder, Modify, MoveSymbol, Reduce, Replace, SetQuote, SetState, SpecialTerms, TradeSide,
};
use ringside_model::domain::{
    Capacity, MatchNumber, MoveStep, Nanos, OrderId, PartitionId, Peg, Price, Quantity, SessionId,
    Side, SymbolState, TimeInForce,
};
use ringside_model::reason::{Ouch, Reason};
use ringside_testing::wire::{Streams, enter, fields};
use ringside_wire::ouch::{Response, tag};

const A: u32 = 1;
const B: u32 = 2;

/// Returns a venue with two sessions of two firms, and AAPL. The next command has seqno 6.
fn venue() -> Streams {
    let mut venue = Streams::new();
    venue.firm(1, "ALFA");
    venue.firm(2, "BETA");
    venue.session(A, "SESSA", 1);
    venue.session(B, "SESSB", 2);
    venue.symbol(1, "AAPL", "0.01");
    venue.take_all();
    venue
}

/// Returns time in force, display, capacity, sweep and cross type of the first message to session
/// A, and its tags.
fn letters(venue: &mut Streams) -> (String, Vec<u8>) {
    letters_of(&venue.take(StreamId(A))[0])
}

fn letters_of(message: &[u8]) -> (String, Vec<u8>) {
    let (letters, tags) = match Response::parse(&message[1..]).unwrap() {
        Response::Accepted(m, tags) => {
            let sweep = m.inter_market_sweep_eligibility;
            ([m.time_in_force, m.display, m.capacity, sweep, m.cross_type], tags)
        }
        Response::Replaced(m, tags) => {
            let sweep = m.inter_market_sweep_eligibility;
            ([m.time_in_force, m.display, m.capacity, sweep, m.cross_type], tags)
        }
        other => panic!("{other:?}"),
    };
    (String::from_utf8(letters.to_vec()).unwrap(), tags.bytes().to_vec())
}

/// Returns the letters and tags for an order of session A before the open.
fn accepted(action: Action, of_client: Option<ClientFields>) -> (String, Vec<u8>) {
    let mut venue = venue();
    venue.apply(0, 1, Action::from(SetState::to(SymbolState::PreOpen)));
    venue.apply_with(A, 1, Reason::None, action, of_client);
    letters(&mut venue)
}

fn order() -> Enter {
    enter(1, Side::Buy, 100, 100)
}

fn special(tif: TimeInForce, terms: SpecialTerms) -> Action {
    Action::EnterSpecial(EnterSpecial { order: Enter { tif, ..order() }, terms })
}

#[test]
fn an_order_without_fields_of_a_client_is_accepted_with_letters_of_its_terms() {
    use TimeInForce::{AtClose, AtOpen, Auction, Day, Gtc};
    let of =
        |tif, capacity, attributed| Action::Enter(Enter { tif, capacity, attributed, ..order() });
    for (action, expected) in [
        (of(Day, Capacity::Other, false), "0YONN"),
        (of(Gtc, Capacity::Agency, true), "0AANN"),
        (of(AtOpen, Capacity::Principal, false), "0YPNO"),
        (of(AtClose, Capacity::Riskless, false), "0YRNC"),
        (of(Auction, Capacity::Other, false), "0YONH"),
    ] {
        assert_eq!(accepted(action, None), (expected.into(), vec![]), "{action:?}");
    }
    let mut venue = venue();
    let ioc = Action::Enter(Enter { tif: TimeInForce::Ioc, ..order() });
    venue.apply_with(A, 1, Reason::None, ioc, None);
    assert_eq!(letters(&mut venue), ("3YONN".into(), vec![]));
}

#[test]
fn an_accepted_order_has_tags_of_the_terms_that_it_has_and_no_others() {
    let hidden = SpecialTerms { hidden: true, ..SpecialTerms::NONE };
    assert_eq!(accepted(special(TimeInForce::Day, hidden), None), ("0NONN".into(), vec![]));
    let at_least = SpecialTerms { min_quantity: Quantity(30), ..hidden };
    let tags = vec![5, 3, 0, 0, 0, 30];
    assert_eq!(accepted(special(TimeInForce::Day, at_least), None), ("0NONN".into(), tags));
    let expires = SpecialTerms { expire: Nanos(40_000_999_999_999), ..SpecialTerms::NONE };
    let tags = [[5, 15].as_slice(), &40_000u32.to_be_bytes()].concat();
    assert_eq!(accepted(special(TimeInForce::Gtc, expires), None), ("6YONN".into(), tags));
    let display = Display { next: 40, least: 40, most: 40, seed: 0 };
    let iceberg = Action::EnterIceberg(EnterIceberg { order: order(), display });
    assert_eq!(accepted(iceberg, None), ("0YONN".into(), vec![5, 5, 0, 0, 0, 40]));

    let mut venue = venue();
    venue.apply(0, 1, Action::from(SetQuote { bid: Price(100), offer: Price(104) }));
    let pegged = |peg, peg_offset| {
        let order = Enter { price: Price(0), ..order() };
        let terms =
            SpecialTerms { peg, peg_offset, hidden: peg == Peg::Midpoint, ..SpecialTerms::NONE };
        Action::EnterSpecial(EnterSpecial { order, terms })
    };
    venue.apply(A, 1, pegged(Peg::Primary, 0));
    assert_eq!(letters(&mut venue), ("0YONN".into(), vec![2, 6, b'R']));
    venue.apply(A, 1, Action::Cancel(Cancel { id: OrderId(1) }));
    venue.take_all();
    venue.apply(A, 1, pegged(Peg::Midpoint, 0));
    assert_eq!(letters(&mut venue), ("0NONN".into(), vec![2, 6, b'M']));
}

#[test]
fn an_accepted_order_repeats_the_letters_and_the_tags_of_its_client() {
    let mut of_client =
        ClientFields { tif: b'5', display: b'Z', capacity: b'P', sweep: b'Y', ..fields(1) };
    // The firm is repeated, the group of self-trade prevention is not.
    let tags = [5, 2, b'A', b'L', b'F', b'A', 2, 200, b'N'];
    of_client.tags[..tags.len()].copy_from_slice(&tags);
    of_client.tag_bytes = tags.len() as u8;
    let found = accepted(Action::Enter(order()), Some(of_client));
    assert_eq!(found, ("5ZPYN".into(), tags[..6].to_vec()));
}

#[test]
fn a_replaced_order_keeps_display_and_capacity_of_the_order() {
    let shown = Action::Enter(Enter { capacity: Capacity::Agency, ..order() });
    let attributed = Action::Enter(Enter { attributed: true, ..order() });
    let hidden = special(TimeInForce::Day, SpecialTerms { hidden: true, ..SpecialTerms::NONE });
    for (action, expected) in [(shown, "0YANN"), (attributed, "0AONN"), (hidden, "0NONN")] {
        let mut venue = venue();
        venue.apply_with(A, 1, Reason::None, action, None);
        venue.take_all();
        let of_client = ClientFields { display: b'Z', capacity: b'P', ..fields(2) };
        let (id, new_id) = (OrderId(1), OrderId(2));
        let (quantity, price) = (Quantity(90), Price(100));
        let replace = Action::Replace(Replace { id, new_id, quantity, price });
        venue.apply_with(A, 1, Reason::None, replace, Some(of_client));
        assert_eq!(letters(&mut venue), (expected.into(), vec![]), "{action:?}");
    }
}

fn step(step: MoveStep, orders: u64, quantity: u64) -> Action {
    let (partition, quantity) = (PartitionId(3), Quantity(quantity));
    Action::from(MoveSymbol { step, partition, version: 0, orders, quantity })
}

#[test]
fn an_order_that_came_with_its_symbol_is_accepted_with_its_id_there() {
    for (attributed, expected, market) in
        [(false, "0YPNN", "A #8 B 10 AAPL 10000"), (true, "0APNN", "F #8 B 10 AAPL 10000 ALFA")]
    {
        let mut venue = venue();
        venue.apply(0, 1, step(MoveStep::Release, 0, 0)); // 6
        venue.apply(0, 1, step(MoveStep::Import, 0, 0)); // 7
        let capacity = Capacity::Principal;
        let order = Enter { capacity, attributed, ..enter(5, Side::Buy, 10, 100) };
        let import = Action::from(ImportOrder { order, id_there: OrderId(77) });
        venue.apply(A, 1, import); // 8
        assert_eq!(venue.ouch(A), [""; 0]);
        venue.take_all();
        venue.apply(0, 1, step(MoveStep::Resume, 1, 10)); // 9
        assert_eq!(venue.market(), ["H 1 AAPL T", market]);
        let messages = venue.take(StreamId(A));
        let text = ringside_testing::wire::ouch(&messages[0][1..]);
        assert_eq!(text, "A 5 B 10 AAPL 10000 #8 L '3-77'");
        assert_eq!(letters_of(&messages[0]), (expected.into(), vec![]));
    }
}

#[test]
fn a_change_of_an_order_whose_symbol_moves_is_not_answered_with_its_end() {
    let mut venue = venue();
    venue.order(A, 1, Side::Buy, 10, 100);
    venue.apply(0, 1, step(MoveStep::Halt, 0, 0));
    venue.take_all();
    let (id, quantity) = (OrderId(1), Quantity(5));
    let modify = Action::Modify(Modify { id, side: None, quantity: Some(quantity) });
    for action in [Action::Cancel(Cancel { id }), Action::Reduce(Reduce { id, quantity }), modify] {
        venue.apply(A, 1, action);
        assert_eq!(venue.ouch(A), ["I 1"], "{action:?}");
    }
    let Some(Ouch::Reject(code)) = Reason::Moving.ouch() else { panic!() };
    venue.order(A, 2, Side::Buy, 10, 100);
    venue.replace(A, 1, 3, 10, 100);
    let rejected = [2, 3].map(|id| format!("J {id} {code} 'order {id}'"));
    assert_eq!(venue.ouch(A), rejected);
}

#[test]
fn an_order_for_a_symbol_of_another_partition_is_rejected_with_a_tag_that_names_it() {
    let mut venue = venue();
    let (step, partition) = (MoveStep::Release, PartitionId(0x0102));
    let (version, orders, quantity) = (0x0304_0506, 0, Quantity(0));
    let moved = MoveSymbol { step, partition, version, orders, quantity };
    venue.apply(0, 1, Action::from(moved));
    venue.order(A, 1, Side::Buy, 10, 100);
    let messages = venue.take(StreamId(A));
    let Ok(Response::Rejected(m, tags)) = Response::parse(&messages[0][1..]) else { panic!() };
    assert_eq!(Some(Ouch::Reject(m.reason.get())), Reason::WrongPartition.ouch());
    assert_eq!(tags.bytes(), [7, tag::PARTITION, 1, 2, 3, 4, 5, 6]);
    // Other rejects have no tag.
    venue.apply_with(A, 1, Reason::RateLimit, Action::Enter(enter(2, Side::Buy, 10, 100)), None);
    let messages = venue.take(StreamId(A));
    let Ok(Response::Rejected(_, tags)) = Response::parse(&messages[0][1..]) else { panic!() };
    assert_eq!(tags.bytes(), [0; 0]);
}

#[test]
fn each_side_of_a_broken_trade_hears_its_own_text() {
    let side = |session, id, text| TradeSide {
        id: OrderId(id),
        session: SessionId(session),
        text: fields(text).text,
    };
    let broken = |sides| {
        let mut venue = venue();
        let trade = BreakTrade::new(MatchNumber(77), sides);
        venue.apply(0, 1, Action::from(trade));
        [venue.ouch(A), venue.ouch(B)].concat()
    };
    let same_id = broken([side(A, 5, 11), side(B, 5, 12)]);
    assert_eq!(same_id, ["B 5 m77 S 'order 11'", "B 5 m77 S 'order 12'"]);
    let same_session = broken([side(A, 5, 11), side(A, 6, 12)]);
    assert_eq!(same_session, ["B 5 m77 S 'order 11'", "B 6 m77 S 'order 12'"]);
}
