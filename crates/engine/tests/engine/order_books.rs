//! Facade for other programs: exact answers, and the input that it rejects.

use ringside_engine::model::command::{
    ChangeSymbol, Display, EnterIceberg, EnterSpecial, PlanState, Replace, RunTimers, SpecialTerms,
};
use ringside_engine::model::domain::{Name, OrderNumber, SymbolState};
use ringside_engine::{
    Action, Command, DecimalError, DefineSymbol, Enter, LevelView, Nanos, OrderBooks, OrderId,
    OutOfOrder, Price, Quantity, Reason, Report, ReportKind, SeqNo, Sequenced, SessionId, Side,
    SymbolId, Tick, TimeInForce,
};
use ringside_testing::oracle::text;

const ALICE: SessionId = SessionId(1);
const BOB: SessionId = SessionId(2);

fn cent() -> Tick {
    Tick::parse("0.01").unwrap()
}

fn books() -> (OrderBooks, SymbolId) {
    let mut books = OrderBooks::new();
    let symbol = books.define("AAPL", cent()).unwrap();
    (books, symbol)
}

fn limit(id: u64, side: Side, quantity: u64, price: &str) -> Enter {
    Enter::limit(OrderId(id), side, Quantity(quantity), cent().ticks(price).unwrap())
}

fn sequenced(seqno: u64, time: u64, action: Action) -> Sequenced {
    let (session, symbol) = (ALICE, SymbolId(1));
    let command = Command { session, symbol, verdict: Reason::None, action };
    Sequenced { seqno: SeqNo(seqno), time: Nanos(time), command }
}

fn texts(reports: &[Report]) -> Vec<String> {
    reports.iter().map(text::report).collect()
}

fn depth(books: &OrderBooks, side: Side, levels: usize) -> Vec<(String, u128, u32)> {
    let level = |l: LevelView| (cent().decimal(l.price), l.quantity, l.orders);
    books.depth(SymbolId(1), side, levels).into_iter().map(level).collect()
}

fn levels<const N: usize>(expected: [(&str, u128, u32); N]) -> Vec<(String, u128, u32)> {
    expected.map(|(price, quantity, orders)| (price.into(), quantity, orders)).into()
}

#[test]
fn commands_are_numbered_and_each_returns_its_own_reports() {
    let (mut books, aapl) = books();
    assert_eq!((aapl, books.last_seqno()), (SymbolId(1), SeqNo(1)));
    assert_eq!(
        texts(books.enter(ALICE, aapl, limit(1, Side::Sell, 100, "187.05"))),
        ["accepted 1#2 sell 100@18705 open 100"]
    );
    assert_eq!(
        texts(books.enter(BOB, aapl, limit(1, Side::Buy, 120, "187.06"))),
        [
            "accepted 2/1#3 buy 120@18706 open 120",
            "executed 1#2 sell 100@18705 with #3 trade 1",
            "executed 2/1#3 buy 100@18705 open 20 with #2 trade 1 removed",
        ]
    );
    assert_eq!(texts(books.cancel(BOB, aapl, OrderId(9))), ["rejected 2/9 buy unknown_order"]);
    let replace = Action::Replace(Replace {
        id: OrderId(1),
        new_id: OrderId(2),
        quantity: Quantity(130),
        price: Price(18704),
    });
    assert_eq!(
        texts(books.apply(BOB, aapl, replace)),
        ["replaced 2/2#3 buy 130@18704 open 30 other 1"]
    );
    assert_eq!(texts(books.cancel(BOB, aapl, OrderId(2))), ["canceled 2/2#5 buy 30@18704 user"]);
    assert_eq!((books.last_seqno(), books.engine().live_orders()), (SeqNo(6), 0));
}

#[test]
fn a_seqno_is_used_once_and_none_below_it() {
    let (mut books, aapl) = books();
    let enter = |id| Action::Enter(limit(id, Side::Buy, 10, "1.00"));
    let reports = books.apply_sequenced(sequenced(7, 0, enter(1))).unwrap();
    assert_eq!(reports[0].order, OrderNumber(7));
    let before = books.engine().state_hash();
    for given in [7, 6, 1, 0] {
        let refused = books.apply_sequenced(sequenced(given, 0, enter(2)));
        assert_eq!(refused, Err(OutOfOrder::SeqNo { given: SeqNo(given), last: SeqNo(7) }));
    }
    let beyond = books.apply_sequenced(sequenced(SeqNo::MAX.0 + 1, 0, enter(2)));
    assert_eq!(
        beyond.unwrap_err().to_string(),
        "seqno 17592186044416 is not above 7, the last one, or above 17592186044415"
    );
    assert_eq!((books.engine().state_hash(), books.last_seqno()), (before, SeqNo(7)));

    // The books continue with numbers above those that they were given.
    assert_eq!(books.enter(ALICE, aapl, limit(2, Side::Buy, 10, "1.00"))[0].order, OrderNumber(8));
    assert!(books.apply_sequenced(sequenced(8, 0, enter(3))).is_err());
    assert!(books.apply_sequenced(sequenced(9, 0, enter(3))).is_ok());
    assert!(books.apply_sequenced(sequenced(SeqNo::MAX.0, 0, enter(4))).is_ok());
    assert_eq!(books.last_seqno(), SeqNo::MAX);
}

#[test]
fn official_time_never_falls() {
    let (mut books, aapl) = books();
    books.advance_time(Nanos(100));
    books.advance_time(Nanos(50));
    let early = books.apply_sequenced(sequenced(2, 99, Action::from(RunTimers)));
    assert_eq!(early, Err(OutOfOrder::Time { given: Nanos(99), official: Nanos(100) }));
    let terms = SpecialTerms { expire: Nanos(200), ..SpecialTerms::NONE };
    let order = Enter { tif: TimeInForce::Gtc, ..limit(1, Side::Buy, 10, "1.00") };
    let order = EnterSpecial { order, terms };
    books.apply(ALICE, aapl, Action::EnterSpecial(order));
    books.enter(BOB, aapl, limit(1, Side::Buy, 5, "1.00"));
    let both = levels([("1.00", 15, 2)]);
    assert_eq!(depth(&books, Side::Buy, 1), both);
    books.advance_time(Nanos(199));
    assert_eq!(depth(&books, Side::Buy, 1), both);
    books.advance_time(Nanos(200));
    let rest = levels([("1.00", 5, 1)]);
    assert_eq!(depth(&books, Side::Buy, 1), rest, "it is over, though no command has said so");
    books.cancel(BOB, aapl, OrderId(1));
    assert_eq!(depth(&books, Side::Buy, 1), []);
    books.apply_sequenced(sequenced(5, 200, Action::from(RunTimers))).unwrap();
    assert_eq!(depth(&books, Side::Buy, 1), []);
    let early = books.apply_sequenced(sequenced(6, 199, Action::from(RunTimers)));
    assert_eq!(early, Err(OutOfOrder::Time { given: Nanos(199), official: Nanos(200) }));
}

#[test]
fn the_definition_of_a_symbol_is_the_present_one() {
    let (mut books, aapl) = books();
    assert_eq!(books.definition(aapl).map(|definition| definition.tick), Some(cent()));
    let (tick, lot) = (Tick::parse("0.05").unwrap(), Quantity(10));
    let change = ChangeSymbol { tick: Some(tick), lot: Some(lot), ..ChangeSymbol::default() };
    books.apply(SessionId(0), aapl, Action::from(change));
    let changed = books.definition(aapl).unwrap();
    assert_eq!((changed.tick, changed.lot, changed.name.as_str()), (tick, lot, "AAPL"));
    assert_eq!(books.definition(SymbolId(2)), None);
    assert_eq!(books.define("MSFT", cent()), Ok(SymbolId(2)));
}

#[test]
fn depth_is_best_first_and_shows_what_the_market_sees() {
    let (mut books, aapl) = books();
    for (id, (side, quantity, price)) in (1..).zip([
        (Side::Buy, 10, "10.00"),
        (Side::Buy, 20, "10.02"),
        (Side::Buy, 30, "10.02"),
        (Side::Buy, 40, "9.00"),
        (Side::Sell, 50, "10.05"),
        (Side::Short, 60, "10.04"),
    ]) {
        books.enter(ALICE, aapl, limit(id, side, quantity, price));
    }
    // Hidden orders are in no level; an iceberg counts with its slice.
    let terms = SpecialTerms { hidden: true, ..SpecialTerms::NONE };
    for (id, price) in [(7, "10.02"), (8, "10.03")] {
        let order = limit(id, Side::Buy, 1_000, price);
        books.apply(BOB, aapl, Action::EnterSpecial(EnterSpecial { order, terms }));
    }
    let order = limit(9, Side::Sell, 500, "10.05");
    let display = Display { next: 5, least: 5, most: 5, seed: 0 };
    books.apply(BOB, aapl, Action::EnterIceberg(EnterIceberg { order, display }));

    let bids = levels([("10.02", 50, 2), ("10.00", 10, 1), ("9.00", 40, 1)]);
    assert_eq!(depth(&books, Side::Buy, 10), bids);
    assert_eq!(depth(&books, Side::Buy, 2), bids[..2]);
    assert_eq!(depth(&books, Side::Buy, 0), []);
    let offers = levels([("10.04", 60, 1), ("10.05", 55, 2)]);
    for side in [Side::Sell, Side::Short, Side::ShortExempt] {
        assert_eq!(depth(&books, side, 10), offers);
    }
    assert_eq!(books.depth(SymbolId(2), Side::Buy, 10), []);
    assert_eq!(books.engine().live_orders(), 9);
}

#[test]
fn symbols_have_a_name_each_and_their_own_tick() {
    let (mut books, aapl) = books();
    assert_eq!(books.define("AAPL", cent()), Err(Reason::DuplicateName));
    assert_eq!(books.define("no spaces", cent()), Err(Reason::InvalidDefinition));
    let none = Tick { mantissa: 0, scale: 2 };
    assert_eq!(books.define("ZERO", none), Err(Reason::InvalidDefinition));
    let half = Tick::parse("0.5").unwrap();
    let msft = books.define("MSFT", half).unwrap();
    assert_eq!((msft, books.symbol("MSFT")), (SymbolId(2), Some(msft)));
    assert_eq!((books.symbol("ZERO"), books.symbol("")), (None, None));
    assert_eq!(books.definition(msft).map(|definition| definition.tick), Some(half));
    assert_eq!(half.ticks("400.25"), Err(DecimalError::OffTick));

    // A definition with more options is a command like any other.
    let name = Name::new("LOTS").unwrap();
    let lots = DefineSymbol { lot: Quantity(100), ..DefineSymbol::new(name, cent()) };
    books.apply(SessionId(0), SymbolId(7), Action::from(lots));
    assert_eq!(
        (books.symbol("LOTS"), books.definition(SymbolId(7))),
        (Some(SymbolId(7)), Some(&lots))
    );
    let report = books.enter(ALICE, SymbolId(7), limit(1, Side::Buy, 150, "1.00"))[0];
    assert_eq!((report.kind, report.reason), (ReportKind::Rejected, Reason::OffLot));
    assert_eq!(books.define("NEXT", cent()), Ok(SymbolId(8)));
    assert_eq!(books.definition(aapl).map(|definition| definition.lot), Some(Quantity(1)));
}

#[test]
fn timers_are_named_with_their_times() {
    let (mut books, aapl) = books();
    assert_eq!(books.engine().due_times(), []);
    let order = Enter { tif: TimeInForce::Gtc, ..limit(1, Side::Buy, 10, "1.00") };
    let terms = SpecialTerms { expire: Nanos(50), ..SpecialTerms::NONE };
    books.apply(ALICE, aapl, Action::EnterSpecial(EnterSpecial { order, terms }));
    let plan = PlanState { due: Nanos(70), random_ns: 0, seed: 0, state: SymbolState::Closed };
    books.apply(SessionId(0), aapl, Action::from(plan));
    let mut due = books.engine().due_times();
    due.sort_unstable();
    assert_eq!(due, [(aapl, Nanos(50)), (aapl, Nanos(70))]);
    books.advance_time(Nanos(50));
    books.apply(SessionId(0), aapl, Action::from(RunTimers));
    assert_eq!(books.engine().due_times(), [(aapl, Nanos(70))]);
}
