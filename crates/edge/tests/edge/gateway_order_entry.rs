//! OUCH requests, and the commands that they become.

use ringside_core::registry::directory::Directory;
use ringside_edge::gateway::order_entry::{Ignored, Requester, translate};
use ringside_edge::gateway::queue::Inbound;
use ringside_model::command::{
    Action, Cancel, ChangeSymbol, Command, DefineFirm, DefineSession, DefineSymbol, Display, Enter,
    EnterIceberg, EnterSpecial, MassCancel, Modify, NamedSpecialTerms, NamedTerms, Reduce, Replace,
    ReplaceTerms, SetOrderEntry, SpecialTerms,
};
use ringside_model::domain::{
    Capacity, FirmId, Name, Nanos, OrderId, OrderType, Peg, PostOnly, Price, Quantity, Role,
    SelfTrade, SessionId, Side, SymbolId, Tick, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{AuctionLimits, SymbolChanged};
use ringside_wire::ouch::inbound::{
    self, AccountQuery, CancelOrder, DisableOrderEntry, EnableOrderEntry, EnterOrder, ModifyOrder,
    ReplaceOrder,
};
use ringside_wire::ouch::{PRICE_MARKET, PRICE_MARKET_CROSS, Request, tag};
use ringside_wire::{Message, padded};
use std::collections::HashSet;
use zerocopy::IntoBytes;

const SESSION: SessionId = SessionId(1);
const AAPL: SymbolId = SymbolId(1);
const FINE: SymbolId = SymbolId(4);
/// Midnight of a day and its noon, in ns since the epoch.
const MIDNIGHT_NS: u64 = 20_000 * 86_400_000_000_000;
const NOON: Nanos = Nanos(MIDNIGHT_NS + 43_200_000_000_000);

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// Creates a venue with one session of the firm `FRM1`, and some symbols.
fn directory() -> Directory {
    let mut directory = Directory::new();
    let mut observe = |session: u32, symbol: u32, action: Action| {
        let (session, symbol) = (SessionId(session), SymbolId(symbol));
        directory.observe(&Command { session, symbol, verdict: Reason::None, action });
    };
    for (firm, text) in [(1, "FRM1"), (2, "FRM2")] {
        observe(0, 0, Action::from(DefineFirm { firm: FirmId(firm), name: name(text) }));
    }
    let (firm, role) = (FirmId(1), Role::OrderEntry);
    observe(1, 0, Action::from(DefineSession { name: name("USER"), firm, role }));
    let symbols = [
        (1, "AAPL", "0.01"),
        (2, "NINELONGX", "0.01"),
        (3, "CRYPTO", "0.00001"),
        (4, "FINE", "0.0005"),
        (70_000, "FAR", "0.01"),
    ];
    for (number, text, tick) in symbols {
        let (tick, reference) = (Tick::parse(tick).unwrap(), Price(0));
        let definition =
            DefineSymbol { name: name(text), tick, lot: Quantity(1), collar_bps: 0, reference };
        observe(0, number, Action::from(definition));
    }
    directory
}

fn sender() -> Requester<'static> {
    Requester { session: SESSION, firm: FirmId(1), last_id: 10, symbols: None, now: NOON }
}

fn enter() -> EnterOrder {
    EnterOrder {
        message_type: EnterOrder::TYPE,
        user_ref_num: 11.into(),
        side: b'B',
        quantity: 100.into(),
        symbol: padded("AAPL").unwrap(),
        price: 1_870_500.into(),
        time_in_force: b'0',
        display: b'Y',
        capacity: b'A',
        inter_market_sweep_eligibility: b'N',
        cross_type: b'N',
        cl_ord_id: padded("mine").unwrap(),
    }
}

fn replace() -> ReplaceOrder {
    ReplaceOrder {
        message_type: ReplaceOrder::TYPE,
        orig_user_ref_num: 5.into(),
        user_ref_num: 11.into(),
        quantity: 200.into(),
        price: 1_870_600.into(),
        time_in_force: b'0',
        display: b'Y',
        inter_market_sweep_eligibility: b'N',
        cl_ord_id: padded("again").unwrap(),
    }
}

/// Returns the bytes of a message with tagged values after it.
fn with_tags(message: &impl Message, tags: &[(u8, &[u8])]) -> Vec<u8> {
    let mut appendage = vec![];
    for (tag, value) in tags {
        appendage.extend_from_slice(&[1 + value.len() as u8, *tag]);
        appendage.extend_from_slice(value);
    }
    let length = (appendage.len() as u16).to_be_bytes();
    [message.as_bytes(), &length, &appendage].concat()
}

fn run(bytes: &[u8], sender: &Requester<'_>, directory: &Directory) -> Result<Inbound, Ignored> {
    translate(&Request::parse(bytes).unwrap(), sender, directory)
}

fn run_one(bytes: &[u8]) -> Result<Inbound, Ignored> {
    run(bytes, &sender(), &with_order())
}

/// Returns the venue after the session's order 5 in `AAPL`, and its order 6 in a symbol that does
/// not exist.
fn with_order() -> Directory {
    let mut directory = directory();
    for (id, symbol, verdict) in
        [(5, AAPL, Reason::None), (6, SymbolId::NONE, Reason::UnknownSymbol)]
    {
        let action = Action::Enter(Enter { id: OrderId(id), ..as_entered() });
        directory.observe(&Command { session: SESSION, symbol, verdict, action });
    }
    directory
}

fn as_entered() -> Enter {
    Enter {
        firm: FirmId(1),
        capacity: Capacity::Agency,
        ..Enter::limit(OrderId(11), Side::Buy, Quantity(100), Price(18_705))
    }
}

fn entered(bytes: &[u8]) -> (Reason, SymbolId, Enter) {
    let Inbound { command, .. } = run_one(bytes).unwrap();
    let Action::Enter(enter) = command.action else { panic!("{command:?}") };
    assert_eq!((command.session, enter.id), (SESSION, OrderId(11)));
    (command.verdict, command.symbol, enter)
}

#[test]
fn an_order_becomes_an_enter_with_what_its_client_is_told_again() {
    let tags: &[(u8, &[u8])] = &[(2, b"FRM1"), (26, b"ABCD")];
    let Inbound { command, fields } = run_one(&with_tags(&enter(), tags)).unwrap();
    let expected = Command {
        session: SESSION,
        symbol: AAPL,
        verdict: Reason::None,
        action: Action::Enter(as_entered()),
    };
    assert_eq!(command, expected);
    let fields = fields.unwrap();
    assert_eq!(fields.text, padded("mine").unwrap());
    let letters = [fields.tif, fields.display, fields.capacity, fields.sweep, fields.cross];
    assert_eq!(&letters, b"0YANN");
    assert_eq!(fields.tags(), b"\x05\x02FRM1\x05\x1AABCD");
}

#[test]
fn fields_of_an_order_are_translated() {
    type Alter = fn(&mut EnterOrder);
    type Expect = fn(&mut Enter);
    let cases: &[(Alter, Expect)] = &[
        (|m| m.side = b'S', |e| e.side = Side::Sell),
        (|m| m.cross_type = b'O', |e| e.tif = TimeInForce::AtOpen),
        (|m| m.cross_type = b'C', |e| e.tif = TimeInForce::AtClose),
        (|m| m.cross_type = b'H', |e| e.tif = TimeInForce::Auction),
        (|m| m.side = b'T', |e| e.side = Side::Short),
        (|m| m.side = b'E', |e| e.side = Side::ShortExempt),
        (|m| m.quantity = 999_999.into(), |e| e.quantity = Quantity(999_999)),
        (|m| m.price = 1_999_999_900.into(), |e| e.price = Price(19_999_999)),
        (|m| m.price = 100.into(), |e| e.price = Price(1)),
        (
            |m| m.price = 2_000_000_000.into(),
            |e| {
                (e.price, e.order_type) = (Price(0), OrderType::Market);
            },
        ),
        (
            |m| m.price = 0x7FFF_FFFF.into(),
            |e| {
                (e.price, e.order_type) = (Price(0), OrderType::Market);
            },
        ),
        (|m| m.time_in_force = b'3', |e| e.tif = TimeInForce::Ioc),
        (|m| m.display = b'A', |e| e.attributed = true),
        (|m| m.capacity = b'P', |e| e.capacity = Capacity::Principal),
        (|m| m.capacity = b'R', |e| e.capacity = Capacity::Riskless),
        (|m| m.capacity = b'O', |e| e.capacity = Capacity::Other),
        (|m| m.inter_market_sweep_eligibility = b'Y', |_| {}),
    ];
    for (case, (alter, expect)) in cases.iter().enumerate() {
        let (mut message, mut expected) = (enter(), as_entered());
        alter(&mut message);
        expect(&mut expected);
        let found = entered(&with_tags(&message, &[]));
        assert_eq!(found, (Reason::None, AAPL, expected), "case {case}");
    }
    let mut message = enter();
    (message.symbol, message.price) = (padded("FINE").unwrap(), 10_005.into());
    let (verdict, symbol, enter) = entered(&with_tags(&message, &[]));
    assert_eq!((verdict, symbol, enter.price), (Reason::None, FINE, Price(2_001)));
}

#[test]
fn prices_are_busy_until_the_change_of_their_tick_is_answered() {
    let directory = with_order();
    let requests = [with_tags(&enter(), &[]), with_tags(&replace(), &[])];
    let read = || {
        requests.each_ref().map(|request| {
            let Inbound { command, .. } = run(request, &sender(), &directory).unwrap();
            let price = match command.action {
                Action::Enter(enter) => enter.price,
                Action::Replace(replace) => replace.price,
                other => panic!("{other:?}"),
            };
            (command.verdict, price)
        })
    };
    let [entered, replaced] = [Price(18_705), Price(18_706)];
    assert_eq!(read(), [entered, replaced].map(|price| (Reason::None, price)));
    let tick = Tick::parse("0.02").unwrap();
    let action = Action::from(ChangeSymbol { tick: Some(tick), ..ChangeSymbol::default() });
    let (session, verdict) = (SessionId(0), Reason::None);
    directory.names().ask(&Command { session, symbol: AAPL, verdict, action });
    // The old and the new tick are possible: no price is read.
    assert_eq!(read(), [(Reason::Busy, Price(0)); 2]);
    let other = EnterOrder { symbol: padded("FINE").unwrap(), ..enter() };
    let Inbound { command, .. } = run(&with_tags(&other, &[]), &sender(), &directory).unwrap();
    assert_eq!(command.verdict, Reason::None, "the change is about another symbol");
    let changed = SymbolChanged {
        tick_mantissa: tick.mantissa,
        tick_scale: tick.scale,
        lot: Quantity(1),
        collar_bps: 0,
        auction: AuctionLimits::default(),
        extension: Nanos(0),
    };
    directory.names().learn(&changed.about(AAPL));
    assert_eq!(read(), [(Reason::OffTick, Price(0)), (Reason::None, Price(9_353))]);
}

#[test]
fn terms_that_few_orders_have_are_translated_and_leave_the_tags() {
    type Alter = fn(&mut EnterOrder);
    type TagList = &'static [(u8, &'static [u8])];
    let special = |alter: Alter, tags: &[(u8, &[u8])]| {
        let mut message = enter();
        alter(&mut message);
        let Inbound { command, fields } = run_one(&with_tags(&message, tags)).unwrap();
        let order = match command.action {
            Action::EnterSpecial(special) => Some(special),
            _ => None,
        };
        (command.verdict, order, fields.unwrap().tags().to_vec())
    };
    let plain = as_entered();
    let second: &[u8] = &50_000u32.to_be_bytes();
    let terms = SpecialTerms {
        expire: Nanos(MIDNIGHT_NS + 50_000_000_000_000),
        min_quantity: Quantity(40),
        hidden: true,
        ..SpecialTerms::NONE
    };
    let gtt: Alter = |m| (m.time_in_force, m.display) = (b'6', b'N');
    let tags: &[(u8, &[u8])] = &[(4, b"N"), (15, second), (2, b"FRM1"), (3, &[0, 0, 0, 40])];
    let order = EnterSpecial { order: Enter { tif: TimeInForce::Gtc, ..plain }, terms };
    assert_eq!(special(gtt, tags), (Reason::None, Some(order), b"\x02\x04N\x05\x02FRM1".to_vec()));

    let hidden = SpecialTerms { hidden: true, ..SpecialTerms::NONE };
    let order = EnterSpecial { order: plain, terms: hidden };
    assert_eq!(special(|m| m.display = b'N', &[]), (Reason::None, Some(order), vec![]));
    let tags: &[(u8, &[u8])] = &[(2, b"FRM1"), (26, b"ABCD"), (12, b"N")];
    let kept = b"\x05\x02FRM1\x05\x1aABCD\x02\x0cN".to_vec();
    assert_eq!(special(|m| m.display = b'N', tags), (Reason::None, Some(order), kept));
    let minimum = SpecialTerms { min_quantity: Quantity(7), ..SpecialTerms::NONE };
    let ioc = EnterSpecial { order: Enter { tif: TimeInForce::Ioc, ..plain }, terms: minimum };
    let tags: &[(u8, &[u8])] = &[(3, &[0, 0, 0, 7])];
    assert_eq!(special(|m| m.time_in_force = b'3', tags), (Reason::None, Some(ioc), vec![]));

    let pegged = |peg, peg_limit, peg_offset| SpecialTerms {
        hidden: peg == Peg::Midpoint,
        peg,
        peg_limit: Price(peg_limit),
        peg_offset,
        ..SpecialTerms::NONE
    };
    let follows = Enter { price: Price(0), ..plain };
    let order = EnterSpecial { order: follows, terms: pegged(Peg::Primary, 18_705, 3) };
    let tags: &[(u8, &[u8])] = &[(6, b"R"), (7, &300i32.to_be_bytes())];
    assert_eq!(special(|_| {}, tags), (Reason::None, Some(order), vec![]));
    let order = EnterSpecial { order: follows, terms: pegged(Peg::Midpoint, 0, 0) };
    let market: Alter = |m| m.price = PRICE_MARKET.into();
    assert_eq!(special(market, &[(6, b"M")]), (Reason::None, Some(order), vec![]));
    let off_tick: &[(u8, &[u8])] = &[(6, b"R"), (7, &301i32.to_be_bytes())];
    assert_eq!(special(|_| {}, off_tick).0, Reason::OffTick);
    for offset in [300i32, -100] {
        let tags: &[(u8, &[u8])] = &[(7, &offset.to_be_bytes())];
        assert_eq!(special(|_| {}, tags).0, Reason::InvalidPeg);
    }

    const SECOND: &[u8] = &50_000u32.to_be_bytes();
    const LATE: &[u8] = &86_400u32.to_be_bytes();
    let refused: &[(Alter, TagList)] = &[
        (|m| m.time_in_force = b'6', &[]),
        (|m| m.time_in_force = b'6', &[(15, LATE)]),
        (|_| {}, &[(15, SECOND)]),
        (|m| m.display = b'N', &[(5, &[0, 0, 0, 1])]),
    ];
    for (case, (alter, tags)) in refused.iter().enumerate() {
        assert_eq!(special(*alter, tags).0, Reason::UnsupportedField, "case {case}");
    }
}

#[test]
fn what_is_wrong_with_an_order_is_its_verdict() {
    use Reason::*;
    type Alter = fn(&mut EnterOrder);
    let cases: &[(Reason, Alter)] = &[
        (UnknownSymbol, |m| m.symbol = padded("MSFT").unwrap()),
        (UnknownSymbol, |m| m.symbol = *b"        "),
        (UnknownSymbol, |m| m.symbol = *b"AA PL   "),
        (UnknownSymbol, |m| m.symbol = [0xFF; 8]),
        (UnknownSymbol, |m| m.symbol = *b"NINELONG"),
        (UnknownSymbol, |m| m.symbol = padded("CRYPTO").unwrap()),
        (UnknownSymbol, |m| m.symbol = padded("FAR").unwrap()),
        (InvalidSide, |m| m.side = b'X'),
        (InvalidQuantity, |m| m.quantity = 0.into()),
        (InvalidQuantity, |m| m.quantity = 1_000_000.into()),
        (InvalidDisplay, |m| m.display = b'Z'),
        (InvalidCross, |m| (m.cross_type, m.time_in_force) = (b'O', b'6')),
        (UnsupportedField, |m| m.time_in_force = b'5'),
        (UnsupportedField, |m| m.time_in_force = b'6'),
        (UnsupportedField, |m| m.time_in_force = b'E'),
        (UnsupportedField, |m| m.capacity = b' '),
        (UnsupportedField, |m| m.inter_market_sweep_eligibility = b' '),
        (InvalidCross, |m| m.cross_type = b'S'),
        (InvalidCross, |m| (m.cross_type, m.time_in_force) = (b'O', b'3')),
        (InvalidPrice, |m| m.price = 0.into()),
        (InvalidPrice, |m| m.price = 1_999_999_901.into()),
        (InvalidPrice, |m| m.price = u64::MAX.into()),
        (OffTick, |m| m.price = 1_870_501.into()),
    ];
    for (case, (expected, alter)) in cases.iter().enumerate() {
        let mut message = enter();
        alter(&mut message);
        let (verdict, symbol, _) = entered(&with_tags(&message, &[]));
        assert_eq!(verdict, *expected, "case {case}");
        assert_eq!(symbol == AAPL, *expected != UnknownSymbol, "case {case}");
    }
}

#[test]
fn tags_of_an_order_are_served_or_refused() {
    use Reason::{InvalidPeg, InvalidSelfTrade, None, NotPermitted, UnsupportedField};
    let plain = as_entered();
    let with = |self_trade| Enter { self_trade, ..plain };
    let served: &[(u8, &[u8], Enter)] = &[
        (2, b"FRM1", plain),
        (2, b"    ", plain),
        (3, &[0; 4], plain),
        (4, b"N", plain),
        (4, b" ", plain),
        (5, &[0; 4], plain),
        (6, b"L", plain),
        (12, b"N", plain),
        (12, b"P", Enter { post_only: PostOnly::Reject, ..plain }),
        (16, b"N", plain),
        (25, b"Y", plain),
        (26, b"ABCD", plain),
        (28, &[0], plain),
        (29, b"*", plain),
        (29, b"N", plain),
        (29, b"D", with(SelfTrade::Decrement)),
        (29, b"Y", with(SelfTrade::Decrement)),
        (29, b"O", with(SelfTrade::CancelOldest)),
        (29, b"W", with(SelfTrade::CancelNewest)),
        (30, b"**", plain),
    ];
    for (tag, value, expected) in served {
        let found = entered(&with_tags(&enter(), &[(*tag, value)]));
        assert_eq!(found, (None, AAPL, *expected), "tag {tag} {value:?}");
    }
    let refused: &[(Reason, u8, &[u8])] = &[
        (NotPermitted, 2, b"FRM2"),
        (NotPermitted, 2, b"NONE"),
        (UnsupportedField, 2, b"FRM"),
        (UnsupportedField, 3, &[0]),
        (UnsupportedField, 4, b"R"),
        (InvalidPeg, 6, b"P"),
        (InvalidPeg, 7, &[0, 0, 0, 1]),
        (UnsupportedField, 9, &[0; 8]),
        (UnsupportedField, 12, b"X"),
        (UnsupportedField, 15, &[0; 4]),
        (UnsupportedField, 16, b"Y"),
        (UnsupportedField, 17, b"I"),
        (UnsupportedField, 24, &[0, 1]),
        (UnsupportedField, 27, b"B"),
        (UnsupportedField, 28, &[1]),
        (InvalidSelfTrade, 29, b"R"),
        (InvalidSelfTrade, 29, b"y"),
        (InvalidSelfTrade, 30, b"AB"),
        (UnsupportedField, 60, b"X"),
        (UnsupportedField, 255, b""),
    ];
    for (expected, tag, value) in refused {
        let (verdict, symbol, _) = entered(&with_tags(&enter(), &[(*tag, value)]));
        assert_eq!((verdict, symbol), (*expected, AAPL), "tag {tag} {value:?}");
    }
    let shown: &[(u8, &[u8])] = &[(12, b"P"), (5, &[0, 0, 1, 2]), (2, b"FRM1"), (4, b"N")];
    let Inbound { command, fields } = run_one(&with_tags(&enter(), shown)).unwrap();
    let display = Display { next: 258, least: 258, most: 258, seed: 0 };
    let order = Enter { post_only: PostOnly::Reject, ..plain };
    assert_eq!(command.action, Action::EnterIceberg(EnterIceberg { order, display }));
    assert_eq!(command.verdict, None);
    assert_eq!(fields.unwrap().tags(), b"\x02\x0cP\x05\x02FRM1\x02\x04N");
    let many = [shown, &[(16, b"N"), (26, b"ABCD")]].concat();
    let fields = run_one(&with_tags(&enter(), &many)).unwrap().fields.unwrap();
    assert_eq!(fields.tags(), b"\x02\x0cP\x05\x02FRM1\x02\x04N\x02\x10N\x05\x1aABCD");
    let twice: &[(u8, &[u8])] = &[(12, b"P"), (12, b"N")];
    assert_eq!(entered(&with_tags(&enter(), twice)).0, UnsupportedField);
    let too_long: &[(u8, &[u8])] = &[
        (2, b"FRM1"),
        (3, &[0; 4]),
        (4, b"N"),
        (5, &[0; 4]),
        (6, b"L"),
        (12, b"P"),
        (16, b"N"),
        (25, b"N"),
        (26, b"ABCD"),
        (28, &[0]),
        (29, b"N"),
    ];
    let Inbound { command, fields } = run_one(&with_tags(&enter(), too_long)).unwrap();
    assert_eq!((command.verdict, fields.unwrap().tags()), (UnsupportedField, &b""[..]));
    assert_eq!(entered(&with_tags(&enter(), &too_long[..10])).0, None);
}

#[test]
fn a_session_trades_only_what_it_may() {
    let (directory, others) = (with_order(), HashSet::from([name("FINE")]));
    let sender = Requester { symbols: Some(&others), ..sender() };
    for bytes in [with_tags(&enter(), &[]), with_tags(&replace(), &[])] {
        let command = run(&bytes, &sender, &directory).unwrap().command;
        assert_eq!((command.verdict, command.symbol), (Reason::NotPermitted, AAPL));
    }
    let cancel = cancel(5, 0);
    assert!(run(cancel.as_bytes(), &sender, &directory).is_ok());
}

#[test]
fn a_replace_gives_new_terms_or_says_what_is_wrong_with_them() {
    use Reason::*;
    type Alter = fn(&mut ReplaceOrder);
    let tags: &[(u8, &[u8])] = &[(12, b"N"), (29, b"*"), (30, b"**")];
    let Inbound { command, fields } = run_one(&with_tags(&replace(), tags)).unwrap();
    let (id, new_id, quantity) = (OrderId(5), OrderId(11), Quantity(200));
    let action = Action::Replace(Replace { id, new_id, quantity, price: Price(18_706) });
    assert_eq!(command, Command { session: SESSION, symbol: AAPL, verdict: None, action });
    assert_eq!(fields.unwrap().text, padded("again").unwrap());
    assert_eq!(fields.unwrap().tags().len(), 10);

    let wrong: &[(Reason, Alter)] = &[
        (InvalidQuantity, |m| m.quantity = 0.into()),
        (InvalidDisplay, |m| m.display = b'Z'),
        (UnsupportedField, |m| m.time_in_force = b'3'),
        (UnsupportedField, |m| m.time_in_force = b'6'),
        (UnsupportedField, |m| m.inter_market_sweep_eligibility = b'?'),
        (InvalidPrice, |m| m.price = 1_999_999_901.into()),
        (InvalidPrice, |m| m.price = 0.into()),
        (OffTick, |m| m.price = 1.into()),
    ];
    for price in [PRICE_MARKET, PRICE_MARKET_CROSS] {
        // Only an auction order can be without a limit, and only the engine knows if the order is
        // one.
        let message = ReplaceOrder { price: price.into(), ..replace() };
        let command = run_one(&with_tags(&message, &[])).unwrap().command;
        let action = Action::Replace(Replace { id, new_id, quantity, price: Price(0) });
        assert_eq!(command, Command { session: SESSION, symbol: AAPL, verdict: None, action });
    }
    for (case, (expected, alter)) in wrong.iter().enumerate() {
        let mut message = replace();
        alter(&mut message);
        let command = run_one(&with_tags(&message, &[])).unwrap().command;
        assert_eq!((command.verdict, command.symbol), (*expected, AAPL), "case {case}");
    }
    for (expected, tag, value) in [
        (UnsupportedField, 12, b"P"),
        (UnsupportedField, 27, b"S"),
        (UnsupportedField, 4, b"N"),
        (InvalidSelfTrade, 29, b"D"),
        (InvalidPeg, 6, b"P"),
        (InvalidPeg, 7, &100u32.to_be_bytes()),
        (UnsupportedField, 9, &[0; 8]),
        (UnsupportedField, 10, b"L"),
        (UnsupportedField, 11, &[0; 4]),
        (UnsupportedField, 13, &[0; 4]),
        (UnsupportedField, 15, &1u32.to_be_bytes()),
        (UnsupportedField, 17, b"I"),
    ] as [(Reason, u8, &[u8]); 12]
    {
        let command = run_one(&with_tags(&replace(), &[(tag, value)])).unwrap().command;
        assert_eq!(command.verdict, expected, "tag {tag}");
    }
    for (expected, orig) in [(Ignored::UnknownOrder, 7), (Ignored::UnknownOrder, 6)] {
        let message = ReplaceOrder { orig_user_ref_num: orig.into(), ..replace() };
        assert_eq!(run_one(&with_tags(&message, &[])), Err(expected));
    }
}

#[test]
fn the_tags_of_a_replace_name_its_other_terms() {
    let replaced = |message: &ReplaceOrder, tags: &[(u8, &[u8])]| {
        let Inbound { command, fields } = run_one(&with_tags(message, tags)).unwrap();
        let Action::ReplaceTerms(ReplaceTerms { replace, terms }) = command.action else {
            panic!("{command:?}");
        };
        assert_eq!(command.verdict, Reason::None);
        assert_eq!((replace.id, replace.new_id), (OrderId(5), OrderId(11)));
        let tag_bytes: usize = tags.iter().map(|(_, value)| 2 + value.len()).sum();
        assert_eq!(fields.unwrap().tags().len(), tag_bytes, "the client gets its tags again");
        (replace.price, terms)
    };
    let number = |value: u32| value.to_be_bytes();
    let limit = Price(18_706);
    let none = NamedSpecialTerms::default();
    let display = Display { next: 40, least: 40, most: 40, seed: 0 };
    let [shown, least, bound, second] = [40, 50, 18_706, 50_000];
    assert_eq!(
        replaced(&replace(), &[(5, &number(shown)), (3, &number(0))]),
        (limit, NamedTerms::Display(display))
    );
    let minimum = NamedSpecialTerms { min_quantity: Some(Quantity(least.into())), ..none };
    let hidden = ReplaceOrder { display: b'N', ..replace() };
    assert_eq!(
        replaced(&hidden, &[(3, &number(least)), (6, b"L"), (5, &number(0)), (7, &number(0))]),
        (limit, NamedTerms::Special(minimum))
    );

    // The price of a peg is its bound.
    let offset =
        NamedSpecialTerms { peg_offset: Some(3), peg_limit: Some(Price(i64::from(bound))), ..none };
    assert_eq!(
        replaced(&replace(), &[(6, b"R"), (7, &number(300))]),
        (Price(0), NamedTerms::Special(offset))
    );
    let unbounded = ReplaceOrder { price: PRICE_MARKET.into(), ..replace() };
    let no_bound = NamedSpecialTerms { peg_limit: Some(Price(0)), ..none };
    assert_eq!(replaced(&unbounded, &[(6, b"M")]), (Price(0), NamedTerms::Special(no_bound)));
    let off_tick = with_tags(&replace(), &[(6, b"R"), (7, &number(301))]);
    assert_eq!(run_one(&off_tick).unwrap().command.verdict, Reason::OffTick);

    let until = ReplaceOrder { time_in_force: b'6', ..replace() };
    let end = NamedSpecialTerms {
        expire: Nanos(MIDNIGHT_NS + u64::from(second) * 1_000_000_000),
        ..none
    };
    assert_eq!(replaced(&until, &[(15, &number(second))]), (limit, NamedTerms::Special(end)));
    for tags in [&[(15, &number(86_400)[..])][..], &[(15, &number(1)), (5, &number(40))]] {
        let command = run_one(&with_tags(&until, tags)).unwrap().command;
        assert_eq!(command.verdict, Reason::UnsupportedField);
    }
}

fn cancel(id: u32, quantity: u32) -> CancelOrder {
    let message_type = CancelOrder::TYPE;
    CancelOrder { message_type, user_ref_num: id.into(), quantity: quantity.into() }
}

fn modify(id: u32, side: u8) -> ModifyOrder {
    let message_type = ModifyOrder::TYPE;
    ModifyOrder { message_type, user_ref_num: id.into(), side, quantity: 30.into() }
}

#[test]
fn cancels_and_modifies_go_to_the_symbol_of_their_order() {
    let id = OrderId(5);
    let modified =
        |side| Action::Modify(Modify { id, side: Some(side), quantity: Some(Quantity(30)) });
    let cases: [(Vec<u8>, Action); 4] = [
        (cancel(5, 0).as_bytes().to_vec(), Action::Cancel(Cancel { id })),
        (cancel(5, 40).as_bytes().to_vec(), Action::Reduce(Reduce { id, quantity: Quantity(40) })),
        (modify(5, b'B').as_bytes().to_vec(), modified(Side::Buy)),
        (with_tags(&modify(5, b'E'), &[(25, b"Y")]), modified(Side::ShortExempt)),
    ];
    for (bytes, action) in cases {
        let Inbound { command, fields } = run_one(&bytes).unwrap();
        let expected = Command { session: SESSION, symbol: AAPL, verdict: Reason::TooLate, action };
        assert_eq!(command, expected);
        assert_eq!(fields.map(|fields| fields.tags().to_vec()), {
            let told_again = bytes.len() > 12;
            told_again.then(|| b"\x02\x19Y".to_vec())
        });
    }
    let ignored = [
        (Ignored::UnknownOrder, with_tags(&cancel(7, 0), &[])),
        (Ignored::UnknownOrder, with_tags(&cancel(6, 0), &[])),
        (Ignored::UnknownOrder, with_tags(&modify(7, b'B'), &[])),
        (Ignored::Unserved, with_tags(&modify(5, b'X'), &[])),
        (Ignored::Unserved, with_tags(&cancel(5, 0), &[(28, &[1])])),
        (Ignored::Unserved, with_tags(&modify(5, b'B'), &[(12, b"N")])),
    ];
    for (expected, bytes) in ignored {
        assert_eq!(run_one(&bytes), Err(expected), "{bytes:?}");
    }
}

#[test]
fn a_mass_cancel_covers_orders_of_its_session_only() {
    let message = |firm: &str, symbol: &str| inbound::MassCancel {
        message_type: inbound::MassCancel::TYPE,
        user_ref_num: 11.into(),
        firm: padded(firm).unwrap(),
        symbol: padded(symbol).unwrap(),
    };
    let all =
        MassCancel { id: OrderId(11), session: Some(SESSION), firm: None, group: None, buy: None };
    type Case<'a> = (&'a str, &'a str, &'a [(u8, &'a [u8])], SymbolId, MassCancel);
    let cases: &[Case<'_>] = &[
        ("", "", &[], SymbolId::NONE, all),
        ("", "AAPL", &[], AAPL, all),
        ("FRM1", "", &[], SymbolId::NONE, MassCancel { firm: Some(FirmId(1)), ..all }),
        ("", "", &[(27, b"B")], SymbolId::NONE, MassCancel { buy: Some(true), ..all }),
        ("", "", &[(27, b"E")], SymbolId::NONE, MassCancel { buy: Some(false), ..all }),
        ("", "", &[(24, &[1, 2])], SymbolId::NONE, MassCancel { group: Some(258), ..all }),
        ("", "", &[(24, &[0, 0]), (28, &[0])], SymbolId::NONE, all),
        ("FRM2", "", &[], Directory::NOWHERE, all),
        ("", "MSFT", &[], Directory::NOWHERE, all),
        ("", "", &[(27, b"X")], Directory::NOWHERE, all),
        ("", "", &[(28, &[1])], Directory::NOWHERE, all),
    ];
    for (firm, symbol, tags, goes_to, filter) in cases {
        let bytes = with_tags(&message(firm, symbol), tags);
        let Inbound { command, fields } = run_one(&bytes).unwrap();
        let action = Action::MassCancel(*filter);
        let expected =
            Command { session: SESSION, symbol: *goes_to, verdict: Reason::None, action };
        assert_eq!(command, expected);
        assert_eq!(fields.is_some(), !tags.is_empty());
    }
}

#[test]
fn order_entry_is_switched_and_the_next_id_is_told() {
    let disable = |firm: &str| DisableOrderEntry {
        message_type: DisableOrderEntry::TYPE,
        user_ref_num: 11.into(),
        firm: padded(firm).unwrap(),
    };
    let enable = EnableOrderEntry {
        message_type: EnableOrderEntry::TYPE,
        user_ref_num: 11.into(),
        firm: *b"    ",
    };
    let id = OrderId(11);
    let query = AccountQuery { message_type: AccountQuery::TYPE };
    let cases = [
        (with_tags(&disable("FRM1"), &[]), Reason::None, (id, false)),
        (with_tags(&disable("FRM2"), &[]), Reason::NotPermitted, (id, false)),
        (with_tags(&disable(""), &[(28, &[7])]), Reason::UnsupportedField, (id, false)),
        (with_tags(&enable, &[]), Reason::None, (id, true)),
    ];
    for (bytes, verdict, (id, enabled)) in cases {
        let command = run_one(&bytes).unwrap().command;
        let action = Action::SetOrderEntry(SetOrderEntry { id, enabled });
        assert_eq!(command, Command { session: SESSION, symbol: SymbolId::NONE, verdict, action });
    }
    let next = |last_id| {
        let sender = Requester { last_id, ..sender() };
        run(query.as_bytes(), &sender, &directory()).unwrap().command.action
    };
    assert_eq!(
        next(10),
        Action::AccountQuery(ringside_model::command::AccountQuery { next: OrderId(11) })
    );
    assert_eq!(
        next(u32::MAX),
        Action::AccountQuery(ringside_model::command::AccountQuery {
            next: OrderId(u32::MAX.into())
        })
    );
}

#[test]
fn an_id_that_is_used_up_is_ignored() {
    let disable = DisableOrderEntry {
        message_type: DisableOrderEntry::TYPE,
        user_ref_num: 10.into(),
        firm: *b"    ",
    };
    let mass_cancel = inbound::MassCancel {
        message_type: inbound::MassCancel::TYPE,
        user_ref_num: 3.into(),
        firm: *b"    ",
        symbol: *b"        ",
    };
    let stale = [
        with_tags(&EnterOrder { user_ref_num: 10.into(), ..enter() }, &[]),
        with_tags(&EnterOrder { user_ref_num: 0.into(), side: b'?', ..enter() }, &[]),
        with_tags(&ReplaceOrder { user_ref_num: 10.into(), ..replace() }, &[]),
        with_tags(&disable, &[]),
        with_tags(&mass_cancel, &[]),
    ];
    for bytes in stale {
        assert_eq!(run_one(&bytes), Err(Ignored::StaleId), "{bytes:?}");
    }
    let ahead = |id: u32| with_tags(&EnterOrder { user_ref_num: id.into(), ..enter() }, &[]);
    assert!(run_one(&ahead(3_999_999_999)).is_ok());
    for of_the_venue in [4_000_000_000, u32::MAX] {
        assert_eq!(run_one(&ahead(of_the_venue)), Err(Ignored::Unserved));
    }
}

#[test]
fn each_tag_that_an_order_may_have_is_repeated_in_the_message_for_it() {
    let letters = (b' '..=b'Z').map(|letter| vec![letter]);
    let numbers = [1, 2, 4, 8].into_iter().flat_map(|bytes| [vec![0; bytes], vec![b'*'; bytes]]);
    let values: Vec<Vec<u8>> = letters.chain(numbers).chain([b"FRM1".to_vec()]).collect();
    let (sender, directory) = (sender(), directory());
    let is_served = |number: u8, letter: u8| {
        let message = EnterOrder { time_in_force: letter, ..enter() };
        let verdict = |value: &Vec<u8>| {
            let bytes = with_tags(&message, &[(number, value)]);
            run(&bytes, &sender, &directory).unwrap().command.verdict
        };
        values.iter().any(|value| verdict(value) == Reason::None)
    };
    let served: Vec<u8> = (0..=u8::MAX)
        .filter(|&number| is_served(number, b'0') || is_served(number, b'6'))
        .collect();
    assert!(served.len() > 10, "{served:?}");
    let forgotten = served.iter().filter(|number| !tag::OF_ACCEPTED.contains(number));
    // The message for an accepted order has no locate broker.
    assert_eq!(forgotten.collect::<Vec<_>>(), [&tag::LOCATE_BROKER]);
}

#[test]
fn the_order_in_the_manual_is_one() {
    let page = include_str!("../../../../docs/network.md");
    let digits = |line: &str| line.split_whitespace().collect::<String>();
    let packets: Vec<Vec<u8>> = page
        .lines()
        .filter(|line| line.starts_with("00"))
        .map(|line| {
            let digits = digits(line);
            (0..digits.len() / 2)
                .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
                .collect()
        })
        .collect();
    let [login, order] = &packets[..] else { panic!("{packets:?}") };
    for packet in [login, order] {
        assert_eq!(usize::from(u16::from_be_bytes([packet[0], packet[1]])), packet.len() - 2);
    }
    assert_eq!((login[2], &login[3..9]), (b'L', &b"DEMO01"[..]));
    let requester = Requester { last_id: 0, ..sender() };
    let Inbound { command, .. } = run(&order[3..], &requester, &with_order()).unwrap();
    let Action::Enter(enter) = command.action else { panic!("{command:?}") };
    assert_eq!((command.verdict, command.symbol), (Reason::None, AAPL));
    assert_eq!((enter.id, enter.quantity, enter.price), (OrderId(1), Quantity(100), Price(10_000)));
}
