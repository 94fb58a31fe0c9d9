//! File sessions and report lines: lines in, commands out; reports in, lines out.

use ringside_core::json_reports::JsonReports;
use ringside_core::registry::directory::Directory;
use ringside_core::registry::exposure::ExposureCounter;
use ringside_edge::gateway::file_session::{FileSession, Format, LINE_BYTES_MAX, LineError};
use ringside_edge::gateway::risk::RiskDesk;
use ringside_model::command::{
    AccountQuery, Action, BreakTrade, Cancel, Command, DefineFirm, DefineSession, DefineSymbol,
    Definition, Display, Enter, MassCancel, Modify, NamedSpecialTerms, NamedTerms, Reduce, Replace,
    ReplaceTerms, RunTimers, SetOrderEntry, TradeSide, TradingDay, is_venue_wide,
};
use ringside_model::domain::{
    Auction, Capacity, DayEvent, FirmId, MatchNumber, MoveStep, Name, Nanos, OrderId, OrderNumber,
    OrderType, PartitionId, PostOnly, Price, Quantity, Role, SelfTrade, SeqNo, SessionId, Side,
    SymbolId, SymbolState, Tick, TimeInForce,
};
use ringside_model::durability::Durability;
use ringside_model::reason::{Ouch, Reason};
use ringside_model::report::{
    self, Accepted, AccountQueried, AuctionLimits, BandsSet, Body, Broken, CallExtended, Canceled,
    Corrected, Crossed, Defined, Displayed, DurabilitySet, Entered, Executed, Exported,
    ExportedTerms, Held, Imported, Indicative, LimitState, MassCanceled, Modified, Moved,
    OrderEntrySet, Parked, Published, Quoted, ReferenceSet, Rejected, Replaced, Report, ReportKind,
    Repriced, Restated, RiskSet, ShortSaleSet, StateChanged, StateHash, StatePlanned, StopWavesSet,
    Subject, SymbolChanged, SymbolMoved, Ticked, Triggered, Unfinished,
};

type Timed = (Command, Option<Nanos>);

const AAPL: &str = r#"{"op":"symbol","symbol":"AAPL","tick":"0.01"}"#;
const ORDER_1: &str = r#"{"op":"enter","session":"A","id":1,"symbol":"AAPL","side":"buy","qty":100,"price":"187.05"}"#;

fn run(format: Format, lines: &[&str]) -> (Vec<Timed>, Vec<LineError>) {
    let mut session = FileSession::new(Directory::new(), format);
    let (mut commands, mut errors) = (Vec::new(), Vec::new());
    for line in lines {
        let before = commands.len();
        let result = session.line(line, &mut |command, time| commands.push((command, time)));
        if let Err(error) = result {
            assert_eq!(commands.len(), before, "a malformed line yields no command");
            errors.push(error);
        }
    }
    (commands, errors)
}

fn commands(lines: &[&str]) -> Vec<Command> {
    let (commands, errors) = run(Format::Json, lines);
    assert_eq!(errors, []);
    commands.into_iter().map(|(command, _)| command).collect()
}

/// Returns the command of the last line, after AAPL and an order with id 1 of session A.
fn after_order(line: &str) -> Command {
    *commands(&[AAPL, ORDER_1, line]).last().unwrap()
}

fn error(format: Format, lines: &[&str]) -> String {
    let (_, errors) = run(format, lines);
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].to_string()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn command(session: u32, symbol: u32, verdict: Reason, action: Action) -> Command {
    Command { session: SessionId(session), symbol: SymbolId(symbol), verdict, action }
}

fn order_1() -> Enter {
    Enter::limit(OrderId(1), Side::Buy, Quantity(100), Price(18705))
}

#[test]
fn everyday_lines_become_their_commands() {
    let lines = [
        r#"{"op":"symbol","symbol":"AAPL","tick":"0.01","lot":1}"#,
        r#"{"op":"enter","session":"A","id":1,"symbol":"AAPL","side":"buy","type":"limit","tif":"day","qty":100,"price":"187.05"}"#,
        r#"{"op":"reduce","session":"A","id":1,"qty":60}          # new intended total"#,
        "",
        "  # a comment",
        r#"{"op":"replace","session":"A","id":1,"new_id":2,"qty":60,"price":"187.04"}   # new time priority"#,
        r#"{"op":"cancel","session":"A","id":2}"#,
    ];
    let aapl = DefineSymbol {
        name: name("AAPL"),
        tick: Tick::parse("0.01").unwrap(),
        lot: Quantity(1),
        collar_bps: 0,
        reference: Price(0),
    };
    let (one, two, sixty) = (OrderId(1), OrderId(2), Quantity(60));
    let replace =
        Action::Replace(Replace { id: one, new_id: two, quantity: sixty, price: Price(18704) });
    let session =
        Action::from(DefineSession { name: name("A"), firm: FirmId(0), role: Role::File });
    let expected = [
        command(0, 1, Reason::None, Action::from(aapl)),
        command(1, 0, Reason::None, session),
        command(1, 1, Reason::None, Action::Enter(order_1())),
        command(1, 1, Reason::TooLate, Action::Reduce(Reduce { id: one, quantity: sixty })),
        command(1, 1, Reason::None, replace),
        command(1, 1, Reason::TooLate, Action::Cancel(Cancel { id: two })),
    ];
    assert_eq!(commands(&lines), expected);
}

#[test]
fn every_option_of_an_order_arrives() {
    let line = r#"{"op":"enter","session":"A","id":18446744073709551615,"symbol":"AAPL","side":"short_exempt","type":"market_to_limit","tif":"ioc","qty":18446744073709551615,"post_only":"slide","stp":"cancel_smallest","stp_group":65535,"firm":"F1","capacity":"riskless","attributed":true}"#;
    let all = commands(&[AAPL, r#"{"op":"session","session":"A","firm":"F0"}"#, line]);
    let firm = |firm, text| {
        Action::Definition(Definition::Firm(DefineFirm { firm: FirmId(firm), name: name(text) }))
    };
    let session =
        Action::from(DefineSession { name: name("A"), firm: FirmId(1), role: Role::File });
    let enter = Enter {
        id: OrderId(u64::MAX),
        price: Price(0),
        quantity: Quantity(u64::MAX),
        firm: FirmId(2),
        group: u16::MAX,
        side: Side::ShortExempt,
        order_type: OrderType::MarketToLimit,
        tif: TimeInForce::Ioc,
        post_only: PostOnly::Slide,
        self_trade: SelfTrade::CancelSmallest,
        capacity: Capacity::Riskless,
        attributed: true,
    };
    let expected = [
        command(0, 0, Reason::None, firm(1, "F0")),
        command(1, 0, Reason::None, session),
        command(0, 0, Reason::None, firm(2, "F1")),
        command(1, 1, Reason::None, Action::Enter(enter)),
    ];
    assert_eq!(all[1..], expected);
}

#[test]
fn an_order_without_a_firm_has_that_of_its_session() {
    let all = commands(&[AAPL, r#"{"op":"session","session":"A","firm":"F0"}"#, ORDER_1]);
    let Action::Enter(enter) = all.last().unwrap().action else { panic!("{all:?}") };
    assert_eq!(enter.firm, FirmId(1));
}

#[test]
fn every_word_of_a_served_option_is_the_one_of_the_domain() {
    let enter = |more: &str| {
        let side = if more.contains("side") { "" } else { r#","side":"buy""# };
        let order = r#"{"op":"enter","session":"A","id":2,"symbol":"AAPL","qty":1"#;
        let command = after_order(&format!("{order}{side},{more}}}"));
        assert_eq!(command.verdict, Reason::None, "{more}");
        let Action::Enter(enter) = command.action else { panic!("{command:?}") };
        enter
    };
    let word = |key: &str, name: &str| enter(&format!(r#""{key}":"{name}""#));
    Side::ALL.iter().for_each(|w| assert_eq!(word("side", w.name()).side, *w));
    OrderType::ALL.iter().for_each(|w| assert_eq!(word("type", w.name()).order_type, *w));
    TimeInForce::ALL.iter().for_each(|w| assert_eq!(word("tif", w.name()).tif, *w));
    SelfTrade::ALL.iter().for_each(|w| assert_eq!(word("stp", w.name()).self_trade, *w));
    Capacity::ALL.iter().for_each(|w| assert_eq!(word("capacity", w.name()).capacity, *w));
    assert!(enter(r#""attributed":true"#).attributed && !enter(r#""attributed":false"#).attributed);
    let post_only = |text: &str| enter(&format!(r#""post_only":{text}"#)).post_only;
    assert_eq!(post_only("true"), PostOnly::Reject);
    assert_eq!(post_only("false"), PostOnly::Off);
    assert_eq!(post_only("\"slide\""), PostOnly::Slide);
}

#[test]
fn options_that_mean_nothing_together_are_unsupported() {
    for option in [
        r#""stop_price":"1.5""#,
        r#""tif":"gtt""#,
        r#""refresh":"fixed""#,
        r#""refresh":"10-30""#,
        r#""seed":3"#,
    ] {
        let order = r#""session":"A","id":2,"symbol":"AAPL","side":"buy","qty":1,"price":"1""#;
        let command = after_order(&format!(r#"{{"op":"enter",{order},{option}}}"#));
        assert_eq!(command.verdict, Reason::Unsupported, "{option}");
        assert!(matches!(command.action, Action::Enter(e) if e.id == OrderId(2)), "{option}");
    }
    let visible = r#"{"op":"enter","session":"A","id":2,"symbol":"AAPL","side":"buy","qty":1,"price":"1","hidden":false}"#;
    assert_eq!(after_order(visible).verdict, Reason::None);
}

#[test]
fn an_iceberg_says_what_it_shows() {
    let display = |options: &str| {
        let order = r#""session":"A","id":2,"symbol":"AAPL","side":"buy","qty":90,"price":"1""#;
        let command = after_order(&format!(r#"{{"op":"enter",{order},{options}}}"#));
        let Action::EnterIceberg(iceberg) = command.action else { panic!("{command:?}") };
        assert_eq!(command.verdict, Reason::None);
        let Display { next, least, most, seed } = iceberg.display;
        [next, least, most, seed]
    };
    assert_eq!(display(r#""display_qty":10"#), [10, 10, 10, 2]);
    assert_eq!(display(r#""display_qty":10,"refresh":"fixed","seed":7"#), [10, 10, 10, 7]);
    assert_eq!(display(r#""display_qty":10,"refresh":"20-30""#), [10, 20, 30, 2]);
    assert_eq!(display(r#""display_qty":10,"refresh":"20-99999999999999999999""#)[2], u64::MAX);
    let stop = r#"{"op":"enter","session":"A","id":2,"symbol":"AAPL","side":"buy","qty":90,"type":"stop","stop_price":"1","display_qty":10}"#;
    assert_eq!(after_order(stop).verdict, Reason::Unsupported);
}

#[test]
fn impossible_values_are_verdicts_and_the_first_fault_counts() {
    let huge = format!("1{}", "0".repeat(50));
    for (id, symbol, qty, price, verdict) in [
        ("2", "AAPL", "1", "187.05", Reason::None),
        ("2", "AAPL", "1", "187.055", Reason::OffTick),
        ("2", "AAPL", "1", "0", Reason::InvalidPrice),
        ("2", "AAPL", "1", "-1", Reason::InvalidPrice),
        ("2", "AAPL", "1", "92233720368547758.08", Reason::InvalidPrice),
        ("2", "AAPL", "1", &huge, Reason::InvalidPrice),
        ("2", "AAPL", "0", "0", Reason::InvalidQuantity),
        ("2", "AAPL", "-1", "187.05", Reason::InvalidQuantity),
        ("2", "AAPL", "18446744073709551616", "187.05", Reason::InvalidQuantity),
        ("2", "AAPL", &huge, "187.05", Reason::InvalidQuantity),
        ("2", "MSFT", "0", "0", Reason::UnknownSymbol),
        ("1", "MSFT", "0", "0", Reason::DuplicateId),
        ("1", "AAPL", "1", "187.05", Reason::DuplicateId),
    ] {
        let line = format!(
            r#"{{"op":"enter","session":"A","id":{id},"symbol":"{symbol}","side":"buy","qty":{qty},"price":"{price}"}}"#
        );
        let command = after_order(&line);
        assert_eq!(command.verdict, verdict, "{line}");
        let Action::Enter(enter) = command.action else { panic!("{command:?}") };
        assert_eq!(command.symbol.0, u32::from(symbol == "AAPL"), "{line}");
        assert_eq!(enter.quantity.0, u64::from(qty == "1"), "{line}");
        let priced = price == "187.05" && symbol == "AAPL";
        assert_eq!(enter.price.0, if priced { 18705 } else { 0 }, "{line}");
    }
}

#[test]
fn a_price_that_is_missing_or_too_much_is_for_the_engine() {
    let order = r#"{"op":"enter","session":"A","id":2,"symbol":"AAPL","side":"buy","qty":1"#;
    let limit = after_order(&format!("{order}}}"));
    assert!(matches!(limit.action, Action::Enter(e) if e.price == Price(0)));
    assert_eq!(limit.verdict, Reason::None);
    let market = after_order(&format!(r#"{order},"type":"market","price":"1"}}"#));
    assert!(matches!(market.action, Action::Enter(e) if e.price == Price(100)));
    assert_eq!(market.verdict, Reason::None);
}

#[test]
fn changes_of_orders_find_their_symbol_by_the_id() {
    let unknown = command(1, 0, Reason::None, Action::Cancel(Cancel { id: OrderId(9) }));
    assert_eq!(after_order(r#"{"op":"cancel","session":"A","id":9}"#), unknown);
    let of_other = r#"{"op":"cancel","session":"B","id":1}"#;
    let expected = command(2, 0, Reason::None, Action::Cancel(Cancel { id: OrderId(1) }));
    assert_eq!(after_order(of_other), expected);
    let reduce = Action::Reduce(Reduce { id: OrderId(1), quantity: Quantity(0) });
    let expected = command(1, 1, Reason::TooLate, reduce);
    assert_eq!(after_order(r#"{"op":"reduce","session":"A","id":1,"qty":-5}"#), expected);

    let replace = |line: &str| {
        let command = after_order(line);
        let Action::Replace(Replace { quantity, price, .. }) = command.action else {
            panic!("{command:?}")
        };
        (command.symbol.0, command.verdict, quantity.0, price.0)
    };
    for (line, expected) in [
        (r#""id":1,"new_id":2,"qty":5,"price":"1""#, (1, Reason::None, 5, 100)),
        (r#""id":1,"new_id":1,"qty":0,"price":"1""#, (1, Reason::DuplicateId, 0, 100)),
        (r#""id":1,"new_id":2,"qty":0,"price":"0""#, (1, Reason::InvalidQuantity, 0, 0)),
        // The engine decides: an order for an auction may be without a limit.
        (r#""id":1,"new_id":2,"qty":5,"price":"0""#, (1, Reason::None, 5, 0)),
        (r#""id":1,"new_id":2,"qty":5,"price":"0.001""#, (1, Reason::OffTick, 5, 0)),
        (r#""id":8,"new_id":2,"qty":0,"price":"0.001""#, (0, Reason::None, 0, 0)),
        (r#""id":8,"new_id":1,"qty":5,"price":"1""#, (0, Reason::DuplicateId, 5, 0)),
    ] {
        let line = format!(r#"{{"op":"replace","session":"A",{line}}}"#);
        assert_eq!(replace(&line), expected, "{line}");
    }
}

#[test]
fn a_replace_names_terms_that_only_some_orders_have() {
    let asked = |line: &str| {
        let line = format!(
            r#"{{"op":"replace","session":"A","id":1,"new_id":2,"qty":5,"price":"0",{line}}}"#
        );
        let command = after_order(&line);
        (command.verdict, command.action)
    };
    let terms = |line: &str| match asked(line) {
        (Reason::None, Action::ReplaceTerms(ReplaceTerms { replace, terms })) => {
            let (id, new_id, quantity, price) = (OrderId(1), OrderId(2), Quantity(5), Price(0));
            assert_eq!(replace, Replace { id, new_id, quantity, price });
            terms
        }
        other => panic!("{line}: {other:?}"),
    };
    let slices = |next, least, most, seed| NamedTerms::Display(Display { next, least, most, seed });
    assert_eq!(terms(r#""stop_price":"1.50""#), NamedTerms::Stop(Price(150)));
    assert_eq!(terms(r#""display_qty":4"#), slices(4, 4, 4, 2));
    assert_eq!(terms(r#""display_qty":4,"refresh":"2-6","seed":9"#), slices(4, 2, 6, 9));
    let none = NamedSpecialTerms::default();
    for (line, expected) in [
        (r#""min_qty":0"#, NamedSpecialTerms { min_quantity: Some(Quantity(0)), ..none }),
        (r#""peg_offset":"0""#, NamedSpecialTerms { peg_offset: Some(0), ..none }),
        (r#""peg_limit":"0""#, NamedSpecialTerms { peg_limit: Some(Price(0)), ..none }),
        (
            r#""min_qty":3,"peg_offset":"0.02","peg_limit":"7","expire_ts":8"#,
            NamedSpecialTerms {
                min_quantity: Some(Quantity(3)),
                peg_offset: Some(2),
                peg_limit: Some(Price(700)),
                expire: Nanos(8),
            },
        ),
    ] {
        assert_eq!(terms(line), NamedTerms::Special(expected), "{line}");
    }
    for (line, verdict) in [
        (r#""stop_price":"1","min_qty":3"#, Reason::Unsupported),
        (r#""stop_price":"1","display_qty":3"#, Reason::Unsupported),
        (r#""display_qty":3,"expire_ts":8"#, Reason::Unsupported),
        (r#""refresh":"2-6""#, Reason::Unsupported),
        (r#""expire_ts":0"#, Reason::InvalidExpiry),
        (r#""stop_price":"1.001""#, Reason::OffTick),
        (r#""stop_price":"0""#, Reason::InvalidPrice),
        (r#""peg_offset":"-1""#, Reason::InvalidPrice),
        (r#""peg_limit":"1.001""#, Reason::OffTick),
    ] {
        let (found, action) = asked(line);
        assert_eq!(found, verdict, "{line}");
        assert!(matches!(action, Action::Replace(_)), "{line}: the terms are none");
    }
}

#[test]
fn ids_are_used_up_by_refused_orders_and_replaces() {
    let refused =
        r#"{"op":"enter","session":"A","id":2,"symbol":"AAPL","side":"buy","qty":0,"price":"1"}"#;
    let replace = r#"{"op":"replace","session":"A","id":2,"new_id":3,"qty":1,"price":"1"}"#;
    let cancel = r#"{"op":"cancel","session":"A","id":3}"#;
    let all = commands(&[AAPL, refused, refused, replace, replace, cancel]);
    let verdicts: Vec<Reason> = all.iter().skip(2).map(|command| command.verdict).collect();
    let (zero, twice) = (Reason::InvalidQuantity, Reason::DuplicateId);
    assert_eq!(verdicts, [zero, twice, Reason::None, twice, Reason::TooLate]);
}

#[test]
fn a_mass_cancel_has_filters() {
    let line = r#"{"op":"mass_cancel","session":"A"}"#;
    let own = MassCancel { session: Some(SessionId(1)), ..MassCancel::default() };
    assert_eq!(after_order(line), command(1, 0, Reason::None, Action::MassCancel(own)));
    let line = r#"{"op":"mass_cancel","session":"A","stp_group":3}"#;
    let group = MassCancel { group: Some(3), ..MassCancel::default() };
    assert_eq!(after_order(line), command(1, 0, Reason::None, Action::MassCancel(group)));
    let line = r#"{"op":"mass_cancel","session":"A","symbol":"AAPL","of_session":"B","of_firm":"F","stp_group":3,"side":"sell"}"#;
    let filters = MassCancel {
        id: OrderId(0),
        session: Some(SessionId(2)),
        firm: Some(FirmId(1)),
        group: Some(3),
        buy: Some(false),
    };
    assert_eq!(after_order(line), command(1, 1, Reason::None, Action::MassCancel(filters)));
    for &cause in Reason::ALL.iter().filter(|cause| cause.is_of_cancel()) {
        let cause_word = cause.name();
        let line = format!(r#"{{"op":"mass_cancel","session":"A","id":9,"cause":"{cause_word}"}}"#);
        let action = Action::MassCancel(MassCancel { id: OrderId(9), ..own });
        assert_eq!(after_order(&line), command(1, 0, cause, action));
    }
    let line = r#"{"op":"mass_cancel","session":"A","side":"buy"}"#;
    let bids = MassCancel { buy: Some(true), ..own };
    assert_eq!(after_order(line), command(1, 0, Reason::None, Action::MassCancel(bids)));
}

#[test]
fn a_modify_gives_a_marking_a_total_or_both() {
    let modify = |id, side, quantity: Option<u64>| {
        Action::Modify(Modify { id: OrderId(id), side, quantity: quantity.map(Quantity) })
    };
    for (terms, side, quantity) in [
        (r#""side":"short","qty":60"#, Some(Side::Short), Some(60)),
        (r#""side":"short_exempt""#, Some(Side::ShortExempt), None),
        (r#""qty":60"#, None, Some(60)),
        (r#""qty":-1"#, None, Some(0)),
        (r#""qty":0,"side":"buy""#, Some(Side::Buy), Some(0)),
    ] {
        let line = format!(r#"{{"op":"modify","session":"A","id":1,{terms}}}"#);
        let expected = command(1, 1, Reason::TooLate, modify(1, side, quantity));
        assert_eq!(after_order(&line), expected, "{terms}");
    }
    let unknown = command(1, 0, Reason::None, modify(9, None, Some(1)));
    assert_eq!(after_order(r#"{"op":"modify","session":"A","id":9,"qty":1}"#), unknown);
}

#[test]
fn roles_belong_to_sessions_that_are_defined() {
    for role in Role::ALL {
        let line = format!(r#"{{"op":"session","session":"N","role":"{}"}}"#, role.name());
        let expected =
            Action::from(DefineSession { name: name("N"), firm: FirmId(0), role: *role });
        assert_eq!(commands(&[&line]), [command(1, 0, Reason::None, expected)]);
    }
}

#[test]
fn requests_of_a_session_become_their_commands() {
    let set = |id, enabled| Action::SetOrderEntry(SetOrderEntry { id: OrderId(id), enabled });
    let query = |next| Action::AccountQuery(AccountQuery { next: OrderId(next) });
    for (line, session, action) in [
        (r#"{"op":"order_entry","session":"A","enabled":false}"#, 1, set(0, false)),
        (r#"{"op":"order_entry","session":"A","enabled":true,"id":7}"#, 1, set(7, true)),
        (r#"{"op":"order_entry","session":"new","enabled":true}"#, 2, set(0, true)),
        (r#"{"op":"account_query","session":"A"}"#, 1, query(2)),
        (r#"{"op":"account_query","session":"new"}"#, 2, query(1)),
        (r#"{"op":"account_query","session":"A","next_id":55}"#, 1, query(55)),
    ] {
        assert_eq!(after_order(line), command(session, 0, Reason::None, action), "{line}");
    }
}

#[test]
fn nothing_can_be_entered_between_the_end_and_the_start_of_a_day() {
    let [start, end] = ["start_of_day", "end_of_day"].map(|op| format!(r#"{{"op":"{op}"}}"#));
    for (line, event) in [(&start, DayEvent::Start), (&end, DayEvent::End)] {
        let expected = command(0, 0, Reason::None, Action::from(TradingDay { event }));
        assert_eq!(after_order(line), expected);
        assert!(is_venue_wide(expected.action.kind(), expected.symbol));
    }
    let enter = |id: u64, symbol: &str| {
        format!(
            r#"{{"op":"enter","session":"A","id":{id},"symbol":"{symbol}","side":"buy","qty":1,"price":"1"}}"#
        )
    };
    let replace = r#"{"op":"replace","session":"A","id":1,"new_id":5,"qty":0,"price":"0"}"#;
    let cancel = r#"{"op":"cancel","session":"A","id":1}"#;
    let (two, unknown, again) = (enter(2, "AAPL"), enter(3, "MSFT"), enter(1, "AAPL"));
    let lines = [&end, &two, &unknown, &again, replace, cancel, &start, &two, &enter(4, "AAPL")];
    let all = commands(&[&[AAPL, ORDER_1][..], &lines].concat());
    let verdicts: Vec<Reason> = all.iter().skip(4).map(|command| command.verdict).collect();
    let (closed, twice) = (Reason::Closed, Reason::DuplicateId);
    assert_eq!(
        verdicts,
        [closed, closed, twice, closed, Reason::TooLate, Reason::None, twice, Reason::None]
    );
}

#[test]
fn a_session_whose_order_entry_is_disabled_enters_nothing() {
    let set = |enabled| format!(r#"{{"op":"order_entry","session":"A","enabled":{enabled}}}"#);
    let enter = |session: &str, id: u64| {
        format!(
            r#"{{"op":"enter","session":"{session}","id":{id},"symbol":"AAPL","side":"buy","qty":1,"price":"1"}}"#
        )
    };
    let replace = r#"{"op":"replace","session":"A","id":1,"new_id":3,"qty":1,"price":"1"}"#;
    let modify = r#"{"op":"modify","session":"A","id":1,"qty":1}"#;
    let (off, on, end) = (set(false), set(true), r#"{"op":"end_of_day"}"#);
    let (of_b, two, four) = (enter("B", 1), enter("A", 2), enter("A", 4));
    let lines = [&off, &two, replace, modify, &of_b, &on, &four, &off, end, &enter("A", 5)];
    let all = commands(&[&[AAPL, ORDER_1, &enter("B", 9)][..], &lines].concat());
    let verdicts: Vec<Reason> = all.iter().skip(6).map(|command| command.verdict).collect();
    let (disabled, none) = (Reason::OrderEntryDisabled, Reason::None);
    assert_eq!(
        verdicts,
        [disabled, disabled, Reason::TooLate, none, none, none, none, none, Reason::Closed]
    );
}

/// Counts a trade of 100 between order 1 of session 1, which rested, and order 2 of session 2.
fn exposure_with_a_trade(seqno: u64, symbol: SymbolId) -> ExposureCounter {
    let mut exposure = ExposureCounter::default();
    let tick = command(0, symbol.0, Reason::None, Action::from(RunTimers));
    for (session, removed) in [(1, false), (2, true)] {
        let executed = Executed { trade: 1, contra: OrderNumber(1), removed, auction: None };
        let report = executed.about(Subject {
            id: OrderId(session.into()),
            session: SessionId(session),
            quantity: Quantity(100),
            ..Subject::from(&tick)
        });
        exposure.report(&report, &tick);
    }
    exposure.end_command(seqno, Nanos(0));
    exposure
}

#[test]
fn a_trade_is_broken_once_by_its_number_and_its_two_orders() {
    let exposure = exposure_with_a_trade(7, SymbolId(1));
    let number = MatchNumber::of(SeqNo(7), 1);
    let side = |session, id, text: &[u8; 14]| TradeSide {
        id: OrderId(id),
        session: SessionId(session),
        text: *text,
    };
    let amended = |lines: &[&str]| -> Vec<(u32, Reason, Action)> {
        let desk = RiskDesk::new(exposure.exposures().clone());
        let session = FileSession::new(Directory::new(), Format::Json);
        let (mut session, mut commands) = (session.with_limits(desk, || ()), vec![]);
        let of_b = ORDER_1.replace(r#""session":"A","id":1"#, r#""session":"B","id":2"#);
        for line in [&[AAPL, ORDER_1, &of_b], lines].concat() {
            let line = line.replace("NUMBER", &number.0.to_string());
            session.line(&line, &mut |command, _| commands.push(command)).unwrap();
        }
        let amended = commands.iter().skip(5);
        amended.map(|command| (command.symbol.0, command.verdict, command.action)).collect()
    };
    let broken = |symbol, verdict, number, sides| {
        (symbol, verdict, Action::from(BreakTrade::new(number, sides)))
    };
    let (none, unknown, blank) = (Reason::None, Reason::UnknownTrade, b"              ");
    let (a, b) = (side(1, 1, blank), side(2, 2, blank));
    let texts = r#"{"op":"break_trade","match":NUMBER,"incoming_session":"B","incoming_id":2,"incoming_text":"fourteen chars","resting_session":"A","resting_id":1,"resting_text":" a b"}"#;
    let line = |number: &str, resting: &str, incoming: &str| {
        let [(resting, resting_id), (incoming, incoming_id)] =
            [resting, incoming].map(|order| order.split_once(' ').unwrap());
        format!(
            r#"{{"op":"break_trade","match":{number},"resting_session":"{resting}","resting_id":{resting_id},"incoming_session":"{incoming}","incoming_id":{incoming_id}}}"#
        )
    };
    let (once, other) = (line("NUMBER", "A 1", "B 2"), MatchNumber(number.0 + 1));
    assert_eq!(
        amended(&[&once, texts, &once]),
        [
            broken(1, none, number, [a, b]),
            broken(
                0,
                Reason::AlreadyBroken,
                number,
                [side(1, 1, b" a b          "), side(2, 2, b"fourteen chars")]
            ),
            broken(0, Reason::AlreadyBroken, number, [a, b]),
        ]
    );
    for (line, number, sides) in [
        (line(&other.0.to_string(), "A 1", "B 2"), other, [a, b]),
        (line("NUMBER", "B 2", "A 1"), number, [b, a]),
        (line("NUMBER", "A 1", "B 3"), number, [a, side(2, 3, blank)]),
        (line("NUMBER", "A 1", "Z 2"), number, [a, side(0, 2, blank)]),
    ] {
        assert_eq!(amended(&[&line]), [broken(0, unknown, number, sides)], "{line}");
        let both = amended(&[&line, &once]);
        assert_eq!(both[1].1, none, "what was refused breaks nothing: {line}");
    }
}

#[test]
fn a_trade_is_corrected_downwards_only_and_not_after_it_was_broken() {
    let exposure = exposure_with_a_trade(7, SymbolId(1));
    let number = MatchNumber::of(SeqNo(7), 1).0;
    let orders = r#""resting_session":"A","resting_id":1,"incoming_session":"B","incoming_id":2"#;
    let correct = |qty: u64, price: &str| {
        format!(
            r#"{{"op":"correct_trade","match":{number},{orders},"qty":{qty},"price":"{price}"}}"#
        )
    };
    let broken = format!(r#"{{"op":"break_trade","match":{number},{orders}}}"#);
    let unknown = correct(5, "1.00").replace(r#""resting_id":1"#, r#""resting_id":9"#);
    let desk = RiskDesk::new(exposure.exposures().clone());
    let session = FileSession::new(Directory::new(), Format::Json);
    let (mut session, mut verdicts) = (session.with_limits(desk, || ()), vec![]);
    let of_b = ORDER_1.replace(r#""session":"A","id":1"#, r#""session":"B","id":2"#);
    let quantity = Reason::InvalidQuantity;
    let lines = [
        (correct(101, "1.00"), quantity),
        (correct(90, "1.005"), Reason::OffTick),
        (correct(90, "1.00"), Reason::None),
        (correct(91, "1.00"), quantity),
        (correct(90, "1.01"), Reason::None),
        (correct(0, "1.01"), quantity),
        (unknown, Reason::UnknownTrade),
        (broken, Reason::None),
        (correct(5, "1.00"), Reason::AlreadyBroken),
    ];
    for line in [AAPL, ORDER_1, &of_b].into_iter().chain(lines.iter().map(|line| &*line.0)) {
        session.line(line, &mut |command, _| verdicts.push(command.verdict)).unwrap();
    }
    assert_eq!(verdicts[5..], lines.map(|line| line.1));
}

#[test]
fn a_mass_cancel_of_an_unknown_symbol_is_not_one_of_all_symbols() {
    let command = after_order(r#"{"op":"mass_cancel","session":"A","symbol":"MSFT"}"#);
    assert_eq!(command.symbol, Directory::NOWHERE);
    assert_eq!(command.verdict, Reason::UnknownSymbol);
    assert!(!is_venue_wide(command.action.kind(), command.symbol));
}

#[test]
fn definitions_out_of_range_or_given_twice_teach_nothing() {
    for (terms, verdict) in [
        (r#""tick":"0.25","lot":100,"collar_bps":500,"reference":"10.75""#, Reason::None),
        (r#""tick":"0""#, Reason::InvalidDefinition),
        (r#""tick":"-1""#, Reason::InvalidDefinition),
        (r#""tick":"0.0000000000001""#, Reason::InvalidDefinition),
        (r#""tick":"1","lot":0"#, Reason::InvalidDefinition),
        (r#""tick":"1","collar_bps":4294967296"#, Reason::InvalidDefinition),
        (r#""tick":"1","reference":"0.5""#, Reason::InvalidDefinition),
        (r#""tick":"1","reference":"-5""#, Reason::InvalidDefinition),
    ] {
        let define = format!(r#"{{"op":"symbol","symbol":"X",{terms}}}"#);
        let all = commands(&[AAPL, &define, &define]);
        let good = verdict == Reason::None;
        assert_eq!(all[1].verdict, verdict, "{terms}");
        assert_eq!(all[1].symbol.0, if good { 2 } else { 0 }, "{terms}");
        assert_eq!(all[2].verdict, if good { Reason::DuplicateName } else { verdict }, "{terms}");
    }
    let line = r#"{"op":"symbol","symbol":"X","tick":"0.25","lot":100,"collar_bps":500,"reference":"10.75"}"#;
    let expected = DefineSymbol {
        name: name("X"),
        tick: Tick { mantissa: 25, scale: 2 },
        lot: Quantity(100),
        collar_bps: 500,
        reference: Price(43),
    };
    assert_eq!(commands(&[line])[0].action, Action::from(expected));

    let firm = r#"{"op":"firm","firm":"F"}"#;
    let session = r#"{"op":"session","session":"A","firm":"F"}"#;
    let all = commands(&[firm, firm, session, session]);
    let told: Vec<_> = all.iter().map(|c| (c.session.0, c.verdict)).collect();
    let twice = Reason::DuplicateName;
    assert_eq!(told, [(0, Reason::None), (0, twice), (1, Reason::None), (1, twice)]);
}

#[test]
fn the_time_of_a_line_is_that_of_all_its_commands() {
    let line = ORDER_1.replace('}', r#","ts":1777689380521000000}"#);
    let (all, errors) = run(Format::Json, &[AAPL, &line]);
    assert_eq!(errors, []);
    let times: Vec<_> = all.iter().map(|(_, time)| *time).collect();
    let time = Some(Nanos(1_777_689_380_521_000_000));
    assert_eq!(times, [None, time, time]);
}

#[test]
fn the_next_file_goes_on_where_the_last_one_ended() {
    let mut none = |_, _| ();
    let mut first = FileSession::new(Directory::new(), Format::Json);
    first.line(AAPL, &mut none).unwrap();
    first.line(ORDER_1, &mut none).unwrap();
    let mut second = FileSession::new(first.into_directory(), Format::Csv);
    second.line("op,session,id", &mut none).unwrap();
    let mut told = Vec::new();
    second.line("cancel,A,1", &mut |command, _| told.push(command)).unwrap();
    let cancel = Action::Cancel(Cancel { id: OrderId(1) });
    assert_eq!(told, [command(1, 1, Reason::TooLate, cancel)]);
}

#[test]
fn prices_wait_for_the_answer_to_a_change_of_their_tick() {
    let directory = Directory::new();
    let names = directory.names().share();
    let mut session = FileSession::new(directory, Format::Json);
    let change = r#"{"op":"change_symbol","symbol":"AAPL","tick":"0.05"}"#;
    let order = ORDER_1.replace("187.05", "187.10");
    let mut read = |line: &str| {
        let mut last = None;
        session.line(line, &mut |command, _| last = Some(command)).unwrap();
        last.unwrap()
    };
    read(AAPL);
    let changed = read(change);
    assert_eq!(read(ORDER_1).verdict, Reason::Busy, "the engine may accept or reject it");
    names.reject(&changed);
    let price = |command: Command| command.action.entered().unwrap().price;
    assert_eq!(price(read(&order.replace(r#""id":1"#, r#""id":2"#))), Price(18_710));
    read(change);
    names.change(
        SymbolId(1),
        &SymbolChanged {
            tick_mantissa: 5,
            tick_scale: 2,
            lot: Quantity(1),
            collar_bps: 0,
            auction: AuctionLimits::default(),
            extension: Nanos(0),
        },
    );
    assert_eq!(price(read(&order.replace(r#""id":1"#, r#""id":3"#))), Price(3_742));
}

#[test]
#[rustfmt::skip] // One case on each line, however long.
fn malformed_lines_say_where_and_why() {
    for (line, expected) in [
        ("x", "1:1: a line must be a JSON object: expected `{`"),
        ("[1]", "1:1: a line must be a JSON object: expected `{`"),
        ("{", "1:2: expected the name of a field in quotes"),
        ("{}", "1:2: the field `op` is missing"),
        ("  { }", "1:5: the field `op` is missing"),
        (r#"{"op"}"#, "1:6: expected `:`"),
        (r#"{"op":}"#, "1:7: a value must be a string, an integer, true or false"),
        (r#"{"op":"#, "1:7: expected a value"),
        (r#"{"op":"cancel","#, "1:16: expected the name of a field in quotes"),
        (r#"{"op":"cancel",}"#, "1:16: expected the name of a field in quotes"),
        (r#"{"op":"cancel" "id":1}"#, "1:16: expected `,` or `}`"),
        (r#"{"op":"cancel"#, "1:7: the string does not end"),
        (r#"{"op":"cancel"} x"#, "1:17: only a `# comment` may follow the object"),
        (r#"{"op":"cancel"}{}"#, "1:16: only a `# comment` may follow the object"),
        (r#"{"op":"can\qcel"}"#, "1:7: a bad escape in a string"),
        ("{\"op\":\"can\tcel\"}", "1:11: a control character in a string"),
        (r#"{"op":[]}"#, "1:7: a value must be a string, an integer, true or false"),
        (r#"{"op":nil}"#, "1:7: a value must be a string, an integer, true or false"),
        (r#"{"op":null}"#, "1:7: leave a field out instead of giving null"),
        (r#"{"op":1}"#, "1:7: `op` must be a string"),
        (r#"{"op":"buy"}"#, "1:7: `op` must be one of enter, reduce, replace, cancel, modify, mass_cancel, order_entry, account_query, symbol, session, firm, durability, start_of_day, end_of_day, break_trade, move, import, state, plan, tick, bands, quote, short_sale, risk, correct_trade, reference, change_symbol, stop_waves"),
        (r#"{"op":"cancel","id":1,"sesion":"A"}"#, "1:23: unknown field `sesion`"),
        (r#"{"op":"cancel","id":1,"é":"A"}"#, "1:23: unknown field `é`"),
        (r#"{"op":"é","id":1,"x":"A"}"#, "1:18: unknown field `x`"),
        (r#"{"op":"cancel","session":"É","id":1}"#, "1:26: `session` must have 1 to 16 printable ASCII characters, no space"),
        (r#"{"op":"cancel","session":"A"}"#, "1:29: the field `id` is missing"),
        (r#"{"op":"cancel","session":"A","id":1,"id":2}"#, "1:37: `id` is given twice"),
        (r#"{"op":"cancel","session":"A","id":1,"qty":2}"#, "1:37: `cancel` has no field `qty`"),
        (r#"{"op":"cancel","session":"A","id":"1"}"#, "1:35: `id` must be an integer"),
        (r#"{"op":"cancel","session":"A","id":1.0}"#, "1:35: `id` must be an integer"),
        (r#"{"op":"cancel","session":"A","id":1e3}"#, "1:35: `id` must be an integer"),
        (r#"{"op":"cancel","session":"A","id":01}"#, "1:35: a JSON number has no leading zeros"),
        (r#"{"op":"cancel","session":"A","id":-1}"#, "1:35: `id` must be between 0 and 18446744073709551615"),
        (r#"{"op":"cancel","session":"A","id":18446744073709551616}"#, "1:35: `id` must be between 0 and 18446744073709551615"),
        (r#"{"op":"cancel","session":"A","id":1,"ts":"5"}"#, "1:42: `ts` must be an integer"),
        (r#"{"op":"cancel","session":"","id":1}"#, "1:26: `session` must have 1 to 16 printable ASCII characters, no space"),
        (r#"{"op":"cancel","session":true,"id":1}"#, "1:26: `session` must be a string"),
        (r#"{"op":"reduce","session":"A","id":1,"qty":1.5}"#, "1:43: `qty` must be an integer"),
        (r#"{"op":"replace","session":"A","id":1,"new_id":2,"qty":1}"#, "1:56: the field `price` is missing"),
        (r#"{"op":"replace","session":"A","id":1,"new_id":2,"qty":1,"price":187.05}"#, "1:65: `price` must be a decimal string such as \"187.05\": a JSON number is a float"),
        (r#"{"op":"replace","session":"A","id":1,"new_id":2,"qty":1,"price":"1e5"}"#, "1:65: `price` must be a decimal such as \"187.05\""),
        (r#"{"op":"symbol","symbol":"AAPL","tick":0.01}"#, "1:39: `tick` must be a decimal string such as \"187.05\": a JSON number is a float"),
        (r#"{"op":"mass_cancel","session":"A","side":"short"}"#, "1:42: `side` must be one of buy, sell"),
        (r#"{"op":"mass_cancel","session":"A","id":-1}"#, "1:40: `id` must be between 0 and 18446744073709551615"),
        (r#"{"op":"modify","session":"A","id":1}"#, "1:36: `modify` needs the field `side`, the field `qty`, or both"),
        (r#"{"op":"modify","session":"A","id":1,"side":"long"}"#, "1:44: `side` must be one of buy, sell, short, short_exempt"),
        (r#"{"op":"modify","session":"A","id":1,"qty":"5"}"#, "1:43: `qty` must be an integer"),
        (r#"{"op":"modify","session":"A","id":1,"price":"5"}"#, "1:37: `modify` has no field `price`"),
        (r#"{"op":"modify","id":1,"qty":5}"#, "1:30: the field `session` is missing"),
        (r#"{"op":"session","session":"A","role":"boss"}"#, "1:38: `role` must be one of file, order_entry, firm_drop_copy, venue_drop_copy"),
        (r#"{"op":"order_entry","session":"A"}"#, "1:34: the field `enabled` is missing"),
        (r#"{"op":"order_entry","session":"A","enabled":"yes"}"#, "1:45: `enabled` must be true or false"),
        (r#"{"op":"account_query","session":"A","id":1}"#, "1:37: `account_query` has no field `id`"),
        (r#"{"op":"account_query","session":"A","next_id":-1}"#, "1:47: `next_id` must be between 0 and 18446744073709551615"),
        (r#"{"op":"end_of_day","session":"A"}"#, "1:20: `end_of_day` has no field `session`"),
        (r#"{"op":"start_of_day","match":1}"#, "1:22: `start_of_day` has no field `match`"),
        (r#"{"op":"break_trade","resting_session":"A","resting_id":1,"incoming_session":"A","incoming_id":1}"#, "1:96: the field `match` is missing"),
        (r#"{"op":"break_trade","match":1.5,"resting_session":"A","resting_id":1}"#, "1:29: `match` must be an integer"),
        (r#"{"op":"break_trade","match":1,"resting_session":"A","resting_id":1}"#, "1:67: the field `incoming_session` is missing"),
        (r#"{"op":"break_trade","match":1,"resting_session":"A","resting_id":1,"resting_text":"fifteen letters"}"#, "1:83: `resting_text` must have at most 14 printable ASCII characters"),
        (r#"{"op":"break_trade","match":1,"resting_session":"A","resting_id":1,"resting_text":"é"}"#, "1:83: `resting_text` must have at most 14 printable ASCII characters"),
        (r#"{"op":"mass_cancel","session":"A","cause":"closed"}"#, "1:43: `cause` must be one of user, ioc_remainder, fok_not_fillable, no_liquidity, collar, self_trade, halt, expired, disconnect, mass_cancel, risk, auction_leftover, replaced_invalid, operator, stop_cascade, moved, limit_state, band_ended, short_ended, work_limit"),
        (r#"{"op":"mass_cancel","session":"A","stp_group":65536}"#, "1:47: `stp_group` must be between 0 and 65535"),
    ] {
        assert_eq!(error(Format::Json, &[line]), expected, "{line}");
    }
}

#[test]
#[rustfmt::skip] // One case on each line, however long.
fn malformed_options_of_an_order_say_where_and_why() {
    let order = r#"{"op":"enter","session":"A","id":1,"symbol":"AAPL","side":"buy","qty":1,"#;
    let column = order.len() + 1;
    for (option, at, expected) in [
        (r#""type":"limt"}"#, 7, "`type` must be one of limit, market, market_to_limit, stop, stop_limit, peg"),
        (r#""tif":"ever"}"#, 6, "`tif` must be one of day, gtc, ioc, fok, at_open, at_close, auction, gtt"),
        (r#""stp":"yes"}"#, 6, "`stp` must be one of none, cancel_newest, cancel_oldest, cancel_both, decrement, cancel_smallest"),
        (r#""post_only":"true"}"#, 12, "`post_only` must be true, false or \"slide\""),
        (r#""post_only":1}"#, 12, "`post_only` must be true, false or \"slide\""),
        (r#""hidden":"yes"}"#, 9, "`hidden` must be true or false"),
        (r#""refresh":"often"}"#, 10, "`refresh` must be \"fixed\" or a range such as \"100-300\""),
        (r#""stop_price":"x"}"#, 13, "`stop_price` must be a decimal such as \"187.05\""),
        (r#""capacity":"agent"}"#, 11, "`capacity` must be one of other, agency, principal, riskless"),
        (r#""attributed":"true"}"#, 13, "`attributed` must be true or false"),
        (r#""price":5}"#, 8, "`price` must be a decimal string such as \"187.05\": a JSON number is a float"),
        (r#""lot":5}"#, 0, "`enter` has no field `lot`"),
        (r#""lot":5,"tick":"1"}"#, 0, "`enter` has no field `lot`"),
        (r#""tick":"1","lot":5}"#, 0, "`enter` has no field `tick`"),
    ] {
        let expected = format!("2:{}: {expected}", column + at);
        assert_eq!(error(Format::Json, &[AAPL, &format!("{order}{option}")]), expected);
    }
}

#[test]
fn long_lines_and_other_encodings_are_malformed() {
    let comment = |len: usize| format!("#{}\r\n", "x".repeat(len - 1));
    assert_eq!(run(Format::Json, &[&comment(LINE_BYTES_MAX)]).1, []);
    let expected = "1:65537: the line is longer than 64 KiB";
    assert_eq!(error(Format::Json, &[&comment(LINE_BYTES_MAX + 1)]), expected);

    let mut session = FileSession::new(Directory::new(), Format::Json);
    let mut none = |command: Command, _| panic!("{command:?}");
    session.line_bytes(b"# fine\r\n", &mut none).unwrap();
    let error = session.line_bytes(b"{\"\xC3\xA9\xFF", &mut none).unwrap_err();
    assert_eq!(error.to_string(), "2:4: the line is not UTF-8");
    let error = session.line_bytes(b"?", &mut none).unwrap_err();
    assert_eq!((error.line, error.column), (3, 1));
}

#[test]
fn json_and_csv_say_the_same() {
    let json = [
        AAPL,
        r#"{"op":"session","session":"A","firm":"F,\"1\""}"#,
        r#"{"op":"enter","session":"A","id":1,"symbol":"AAPL","side":"buy","qty":100,"price":"187.05","ts":5}"#,
        r#"{"op":"enter","session":"A","id":2,"symbol":"AAPL","side":"sell","type":"market","tif":"fok","qty":-1}"#,
        r#"{"op":"enter","session":"A","id":3,"symbol":"AAPL","side":"sell","post_only":true,"qty":1,"price":"187.055"}"#,
        r#"{"op":"enter","session":"A","id":4,"symbol":"MSFT","side":"sell","post_only":"slide","qty":1,"price":"1"}"#,
        r#"{"op":"reduce","session":"A","id":1,"qty":50,"ts":6}"#,
        r#"{"op":"replace","session":"A","id":1,"new_id":5,"qty":50,"price":"1.00"}"#,
        r#"{"op":"cancel","session":"A","id":5}"#,
        r#"{"op":"mass_cancel","session":"A","symbol":"AAPL"}"#,
        r#"{"op":"session","session":"B","role":"order_entry"}"#,
        r#"{"op":"enter","session":"B","id":6,"symbol":"AAPL","side":"sell","qty":7,"price":"1.00","capacity":"agency","attributed":true}"#,
        r#"{"op":"modify","session":"B","id":6,"side":"short","qty":5}"#,
        r#"{"op":"modify","session":"B","id":6,"qty":4}"#,
        r#"{"op":"order_entry","session":"B","enabled":false}"#,
        r#"{"op":"account_query","session":"B"}"#,
        r#"{"op":"break_trade","match":9,"resting_session":"A","resting_id":1,"incoming_session":"B","incoming_id":6,"incoming_text":" a,b"}"#,
        r#"{"op":"end_of_day"}"#,
        r#"{"op":"start_of_day"}"#,
        r#"{"op":"state","symbol":"AAPL","state":"halted"}"#,
    ];
    let csv = [
        "# the same as CSV",
        "op,session,id,new_id,symbol,side,type,tif,qty,price,post_only,firm,tick,ts\r\n",
        "symbol,,,,AAPL,,,,,,,,0.01,",
        "session,A,,,,,,,,,,\"F,\"\"1\"\"\",,",
        "enter,A,1,,AAPL,buy,,,100,187.05,,,,5",
        "",
        "enter,A,2,,AAPL,sell,market,fok,-1,,,,,",
        "enter,A,3,,AAPL,sell,,,1,187.055,true,,,",
        "enter , \"A\" ,4,, MSFT,sell,,,1,1,slide,,,",
        "reduce,A,1,,,,,,50,,,,,6",
        "replace,A,1,5,,,,,50,1.00,,,,",
        "cancel,A,5,,,,,,,,,,,",
        "mass_cancel,A,,,AAPL,,,,,,,,,",
    ];
    let more_csv = [
        "session,B,,,,,,,order_entry,,,,,,,,,",
        "enter,B,6,AAPL,sell,7,1.00,,,agency,true,,,,,,,",
        "modify,B,6,,short,5,,,,,,,,,,,,",
        "modify,B,6,,,4,,,,,,,,,,,,",
        "order_entry,B,,,,,,false,,,,,,,,,,",
        "account_query,B,,,,,,,,,,,,,,,,",
        "break_trade,,,,,,,,,,,9,A,1,B,6,\" a,b\",",
        "end_of_day,,,,,,,,,,,,,,,,,",
        "start_of_day,,,,,,,,,,,,,,,,,",
        "state,,,AAPL,,,,,,,,,,,,,,halted",
    ];
    let header = "op,session,id,symbol,side,qty,price,enabled,role,capacity,attributed,match,\
                  resting_session,resting_id,incoming_session,incoming_id,incoming_text,state";
    let (from_json, errors) = run(Format::Json, &json);
    assert_eq!(errors, []);
    assert_eq!(from_json.len(), json.len() + 1, "the firm is defined on the way");
    let mut from_csv = vec![];
    let mut directory = Directory::new();
    for lines in [&csv[..], &[&[header], &more_csv[..]].concat()] {
        let mut session = FileSession::new(directory, Format::Csv);
        for line in lines {
            let taken = session.line(line, &mut |command, time| from_csv.push((command, time)));
            taken.unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        directory = session.into_directory();
    }
    assert_eq!(from_csv, from_json);
}

#[test]
fn malformed_records_say_where_and_why() {
    let header = "op,session,id,qty,price";
    let with_new_id = "op,session,id,qty,price,new_id";
    for (lines, expected) in [
        (&["op,sesion"][..], "1:4: unknown field `sesion`"),
        (&["op,id, op"], "1:8: `op` is given twice"),
        (&["op,\"id"], "1:4: the quoted cell does not end"),
        (&[header, "cancel,A,1,"], "2:12: the line has 4 cells, the header 5 columns"),
        (&[header, "cancel,A,1,,,"], "2:14: the header has 5 columns only"),
        (&[header, "cancel,A,,,"], "2:12: the field `id` is missing"),
        (&[header, ",A,1,,"], "2:7: the field `op` is missing"),
        (&[header, "cancel,A,x,,"], "2:10: `id` must be an integer"),
        (&[header, "cancel,A,1,5,"], "2:12: `cancel` has no field `qty`"),
        (&[header, "cancel,\"A\"B,1,,"], "2:11: expected `,` after the quoted cell"),
        (&[header, "cancel,\"A,1,,"], "2:8: the quoted cell does not end"),
        (&[header, "replace,A,1,5,1e5"], "2:18: the field `new_id` is missing"),
        (
            &[with_new_id, "replace,A,1,5,1e5,2"],
            "2:15: `price` must be a decimal such as \"187.05\"",
        ),
    ] {
        assert_eq!(error(Format::Csv, lines), expected, "{lines:?}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let (all, errors) = run(Format::Csv, &["\u{feff}op,firm", "firm,F"]);
    assert_eq!((all.len(), errors), (1, vec![]));
    assert_eq!(error(Format::Csv, &["\u{feff}op,x"]), "1:4: unknown field `x`");
}

/// Creates a writer that knows AAPL, sessions A and `"B\`, and firm F.
fn report_lines() -> JsonReports {
    let mut lines = JsonReports::new();
    let definitions = [
        AAPL,
        r#"{"op":"session","session":"A","firm":"F"}"#,
        r#"{"op":"session","session":"\"B\\"}"#,
        ORDER_1,
    ];
    commands(&definitions).iter().for_each(|command| lines.definition(command));
    lines
}

fn written(seqno: u64, index: u32, report: Report) -> String {
    let (seqno, time, durability) = (SeqNo(seqno), Nanos(5), Durability::Fsync);
    let published = Published { seqno, index, time, durability, report };
    let mut out = Vec::new();
    report_lines().write(&published, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
#[rustfmt::skip] // One report on each line, however long.
fn every_report_has_its_line() {
    let base = Subject {
        session: SessionId(1),
        symbol: SymbolId(1),
        id: OrderId(1),
        order: OrderNumber(7),
        price: Price(18705),
        quantity: Quantity(100),
        open: Quantity(100),
        ..Subject::NONE
    };
    let accepted = Accepted { stop: None };
    let market = accepted.about(Subject { price: Price(0), side: Side::ShortExempt, ..base });
    let traded = Subject { quantity: Quantity(40), open: Quantity(60), ..base };
    let executed = |removed, auction| {
        Executed { trade: 1, contra: OrderNumber(9), removed, auction }.about(traded)
    };
    let (added, mut removed) = (executed(false, None), executed(true, None));
    removed.set_last();
    let canceled = Canceled::PLAIN.about(Subject { reason: Reason::User, ..traded });
    let replaced = |stop| {
        let (old_id, capacity) = (OrderId(1), Capacity::Other);
        let body = Replaced { old_id, place: 0, stop, attributed: false, capacity };
        body.about(Subject { id: OrderId(2), price: Price(5), ..base })
    };
    let (replaced, replaced_stop) = (replaced(None), [0, 6].map(|limit| replaced(Some(Price(limit)))));
    let reject = |subject, reason| Rejected { moved: None }.about(Subject { reason, ..subject });
    let rejected = reject(base, Reason::UnknownOrder);
    let elsewhere = Subject { session: SessionId(2), symbol: SymbolId(0), ..base };
    let nameless = reject(elsewhere, Reason::UnknownSymbol);
    let refused = reject(Subject::NONE, Reason::InvalidDefinition);
    let restated = Restated {}.about(Subject { side: Side::Sell, ..base });
    let defined = |firm, subject| Defined { firm: FirmId(firm) }.about(subject);
    let symbol = defined(0, Subject::from(SymbolId(1)));
    let asks = Subject { session: SessionId(1), ..Subject::NONE };
    let session = defined(1, asks);
    let firm = defined(1, Subject::NONE);
    let mode = DurabilitySet { durability: Durability::Fsync }.about(Subject::NONE);
    let modified = Modified { displayed: None }.about(Subject { side: Side::Short, ..traded });
    let mass = |id| MassCanceled { count: 3 }.about(Subject { id: OrderId(id), ..base });
    let disabled = OrderEntrySet { enabled: false }.about(asks);
    let enabled = OrderEntrySet { enabled: true }.about(Subject { id: OrderId(8), ..asks });
    let queried = AccountQueried { next_id: OrderId(8) }.about(asks);
    let event = |event| report::TradingDay { event, count: 3 }.about(Subject::NONE);
    let changed = |state, reason, reopens_at| {
        let reopens_at = Nanos(reopens_at);
        StateChanged { state, reopens_at }.about(Subject { reason, ..SymbolId(1).into() })
    };
    let crossed = Crossed { auction: Auction::Reopening }.about(SymbolId(1));
    let indicative = Indicative { auction: Some(Auction::Reopening) }.about(Subject {
        side: Side::Sell,
        price: Price(9),
        quantity: Quantity(5),
        open: Quantity(6),
        ..Subject::from(SymbolId(1))
    });
    let crossing = executed(true, Some(Auction::Closing));
    let broken = Broken { match_number: MatchNumber(77) }.about(base);
    let hash = StateHash { low: 0, high: 0 }.about(Subject::NONE);
    for (report, expected) in [
        (accepted.about(base), r#""report":"accepted","session":"A","id":1,"order":7,"symbol":"AAPL","side":"buy","qty":100,"price":"187.05","open":100,"durability":"fsync"}"#),
        (market, r#""report":"accepted","session":"A","id":1,"order":7,"symbol":"AAPL","side":"short_exempt","qty":100,"open":100,"durability":"fsync"}"#),
        (added, r#""report":"executed","session":"A","id":1,"order":7,"contra":"9","match":9437185,"symbol":"AAPL","side":"buy","qty":40,"price":"187.05","open":60,"liquidity":"added","durability":"fsync"}"#),
        (removed, r#""report":"executed","session":"A","id":1,"order":7,"contra":"9","match":9437185,"symbol":"AAPL","side":"buy","qty":40,"price":"187.05","open":60,"liquidity":"removed","durability":"fsync"}"#),
        (canceled, r#""report":"canceled","session":"A","id":1,"order":7,"qty":40,"open":60,"reason":"user","durability":"fsync"}"#),
        (replaced, r#""report":"replaced","session":"A","id":2,"old_id":1,"order":9,"symbol":"AAPL","side":"buy","qty":100,"price":"0.05","open":100,"durability":"fsync"}"#),
        (replaced_stop[0], r#""report":"replaced","session":"A","id":2,"old_id":1,"order":9,"symbol":"AAPL","side":"buy","qty":100,"stop_price":"0.05","open":100,"durability":"fsync"}"#),
        (replaced_stop[1], r#""report":"replaced","session":"A","id":2,"old_id":1,"order":9,"symbol":"AAPL","side":"buy","qty":100,"stop_price":"0.05","price":"0.06","open":100,"durability":"fsync"}"#),
        (rejected, r#""report":"rejected","session":"A","id":1,"symbol":"AAPL","reason":"unknown_order","code":33,"durability":"fsync"}"#),
        (nameless, r#""report":"rejected","session":"\"B\\","id":1,"reason":"unknown_symbol","code":32,"durability":"fsync"}"#),
        (refused, r#""report":"rejected","id":0,"reason":"invalid_definition","code":44,"durability":"fsync"}"#),
        (restated, r#""report":"restated","session":"A","id":1,"order":7,"symbol":"AAPL","side":"sell","price":"187.05","open":100,"durability":"fsync"}"#),
        (mass(0), r#""report":"mass_canceled","session":"A","count":3,"durability":"fsync"}"#),
        (mass(8), r#""report":"mass_canceled","session":"A","id":8,"count":3,"durability":"fsync"}"#),
        (modified, r#""report":"modified","session":"A","id":1,"order":7,"symbol":"AAPL","side":"short","qty":40,"open":60,"durability":"fsync"}"#),
        (disabled, r#""report":"order_entry_set","session":"A","enabled":false,"durability":"fsync"}"#),
        (enabled, r#""report":"order_entry_set","session":"A","id":8,"enabled":true,"durability":"fsync"}"#),
        (queried, r#""report":"account_queried","session":"A","next_id":8,"durability":"fsync"}"#),
        (event(DayEvent::Start), r#""report":"trading_day","event":"start_of_day","count":3,"durability":"fsync"}"#),
        (event(DayEvent::End), r#""report":"trading_day","event":"end_of_day","count":3,"durability":"fsync"}"#),
        (changed(SymbolState::CancelOnly, Reason::None, 0), r#""report":"state_changed","symbol":"AAPL","state":"cancel_only","durability":"fsync"}"#),
        (changed(SymbolState::ReopeningCall, Reason::LimitState, 9), r#""report":"state_changed","symbol":"AAPL","state":"reopening_call","reason":"limit_state","reopens_at":9,"durability":"fsync"}"#),
        (crossed, r#""report":"crossed","symbol":"AAPL","auction":"reopening","qty":0,"durability":"fsync"}"#),
        (indicative, r#""report":"indicative","symbol":"AAPL","auction":"reopening","qty":5,"price":"0.09","imbalance_side":"sell","imbalance":6,"durability":"fsync"}"#),
        (crossing, r#""report":"executed","session":"A","id":1,"order":7,"contra":"9","match":9437185,"symbol":"AAPL","side":"buy","qty":40,"price":"187.05","open":60,"liquidity":"closing","durability":"fsync"}"#),
        (broken, r#""report":"broken","session":"A","id":1,"match":77,"symbol":"AAPL","durability":"fsync"}"#),
        (symbol, r#""report":"defined","what":"symbol","name":"AAPL","durability":"fsync"}"#),
        (session, r#""report":"defined","what":"session","name":"A","durability":"fsync"}"#),
        (firm, r#""report":"defined","what":"firm","name":"F","durability":"fsync"}"#),
        (mode, r#""report":"durability_set","durability":"fsync"}"#),
    ] {
        let expected = format!("{{\"seq\":9,\"ix\":2,\"ts\":5,{expected}\n");
        let line = written(9, 2, report);
        assert_eq!(line, expected);
        serde_json::from_str::<serde_json::Value>(&line).unwrap();
    }
    assert_eq!(written(9, 2, hash), "", "a state hash is not for the world");
}

#[test]
fn the_largest_numbers_are_written_exactly() {
    let report = Accepted { stop: None }.about(Subject {
        session: SessionId(1),
        symbol: SymbolId(1),
        id: OrderId(u64::MAX),
        order: OrderNumber(u64::MAX),
        price: Price(i64::MAX),
        quantity: Quantity(u64::MAX),
        open: Quantity(0),
        ..Subject::NONE
    });
    let expected = "{\"seq\":0,\"ix\":4294967295,\"ts\":5,\"report\":\"accepted\",\"session\":\"A\",\
        \"id\":18446744073709551615,\"order\":18446744073709551615,\"symbol\":\"AAPL\",\
        \"side\":\"buy\",\"qty\":18446744073709551615,\"price\":\"92233720368547758.07\",\
        \"open\":0,\"durability\":\"fsync\"}\n";
    assert_eq!(written(0, u32::MAX, report), expected);
}

const MANUAL: &str = include_str!("../../../../docs/file-session.md");

#[test]
fn the_manual_has_every_reason_and_no_other() {
    let rows: Vec<&str> = MANUAL
        .lines()
        .skip_while(|line| *line != "| code | reason | meaning |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let expected: Vec<String> = Reason::ALL
        .iter()
        .map(|&reason| format!("| {} | `{}` | {} |", reason as u8, reason.name(), reason.text()))
        .collect();
    assert_eq!(rows, expected);
}

/// Returns the row of a reason on the page of all codes.
fn code_row(reason: Reason) -> String {
    let ends = if reason.is_of_cancel() { "cancel" } else { "reject" };
    let ouch = match reason.ouch().expect("every reason has a code") {
        Ouch::Cancel(letter) => format!("`{letter}`"),
        Ouch::Reject(number) => format!("0x{number:04X}"),
    };
    let (code, name, fix, text) = (reason as u8, reason.name(), reason.fix(), reason.text());
    format!("| {code} | `{name}` | {ends} | {ouch} | {fix} | {text} |")
}

#[test]
fn the_page_of_codes_has_every_reason_and_no_other() {
    let page = include_str!("../../../../docs/codes.md");
    let rows: Vec<&str> = page
        .lines()
        .skip_while(|line| *line != "| number | name | what it ends | OUCH | FIX | meaning |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let expected: Vec<String> = Reason::ALL.iter().map(|&reason| code_row(reason)).collect();
    assert_eq!(rows, expected, "\n{}", expected.join("\n"));
}

/// Returns the lines of all code blocks of the manual in this language.
fn examples(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}");
    let mut inside = false;
    let mut lines = Vec::new();
    for line in MANUAL.lines() {
        if line.starts_with("```") {
            inside = line == fence;
        } else if inside {
            lines.push(line);
        }
    }
    lines
}

#[test]
fn the_examples_of_the_manual_are_well_formed() {
    let (_, errors) = run(Format::Json, &examples("jsonl"));
    assert_eq!(errors, []);
    for operation in [
        "enter",
        "reduce",
        "replace",
        "cancel",
        "mass_cancel",
        "symbol",
        "session",
        "firm",
        "durability",
        "modify",
        "order_entry",
        "account_query",
        "start_of_day",
        "end_of_day",
        "state",
        "plan",
        "tick",
        "bands",
        "quote",
        "short_sale",
        "risk",
        "reference",
        "change_symbol",
        "stop_waves",
        "break_trade",
        "correct_trade",
        "move",
        "import",
    ] {
        let start = format!("{{\"op\":\"{operation}\"");
        assert!(examples("jsonl").iter().any(|line| line.starts_with(&start)), "{operation}");
    }
    let (csv, errors) = run(Format::Csv, &examples("csv"));
    assert_eq!(errors, []);
    assert!(csv.len() > 2);
}

#[test]
fn the_report_examples_of_the_manual_have_the_fields_that_are_written() {
    let keys = |line: &str| -> Vec<String> {
        line.split(",\"").map(|member| member.split("\":").next().unwrap().to_string()).collect()
    };
    let examples = examples("json");
    let subject =
        Subject { session: SessionId(1), symbol: SymbolId(1), price: Price(1), ..Subject::NONE };
    for &kind in ReportKind::ALL.iter().filter(|&&kind| kind != ReportKind::StateHash) {
        let word = format!("\"report\":\"{}\"", kind.name());
        let example =
            examples.iter().find(|line| line.contains(&word)).unwrap_or_else(|| panic!("{word}"));
        let report = body(kind).about(subject);
        assert_eq!(keys(example), keys(written(1, 0, report).trim_end()), "{}", kind.name());
    }
}

/// Returns a body of a kind, as small as possible.
fn body(kind: ReportKind) -> Body {
    let (old_id, old_order) = (OrderId(0), OrderNumber(0));
    let (match_number, firm, price, time) = (MatchNumber(0), FirmId(0), Price(0), Nanos(0));
    let (id_there, partition) = (OrderId(0), PartitionId(1));
    let (attributed, capacity) = (false, Capacity::Other);
    let (tif, post_only, self_trade) = (TimeInForce::Day, PostOnly::Off, SelfTrade::None);
    let terms = ExportedTerms { firm, group: 0, tif, post_only, self_trade };
    let moved = Moved { step: MoveStep::Export, partition, version: 7 };
    match kind {
        ReportKind::Accepted => Accepted { stop: None }.into(),
        ReportKind::Executed => {
            Executed { trade: 1, contra: old_order, removed: false, auction: None }.into()
        }
        ReportKind::Canceled => Canceled::PLAIN.into(),
        ReportKind::Replaced => {
            Replaced { old_id, place: 0, stop: None, attributed, capacity }.into()
        }
        ReportKind::Rejected => Rejected { moved: None }.into(),
        ReportKind::Restated => Restated {}.into(),
        ReportKind::MassCanceled => MassCanceled { count: 0 }.into(),
        ReportKind::Defined => Defined { firm }.into(),
        ReportKind::DurabilitySet => DurabilitySet { durability: Durability::Fsync }.into(),
        ReportKind::Modified => Modified { displayed: None }.into(),
        ReportKind::OrderEntrySet => OrderEntrySet { enabled: false }.into(),
        ReportKind::AccountQueried => AccountQueried { next_id: old_id }.into(),
        ReportKind::TradingDay => report::TradingDay { event: DayEvent::Start, count: 0 }.into(),
        ReportKind::Broken => Broken { match_number }.into(),
        ReportKind::SymbolMoved => SymbolMoved { moved, count: 0 }.into(),
        ReportKind::Exported => Exported { terms, attributed, capacity }.into(),
        ReportKind::Held => Held { id_there, partition, attributed, capacity }.into(),
        ReportKind::Imported => Imported { id_there, partition, attributed, capacity }.into(),
        ReportKind::StateChanged => {
            StateChanged { state: SymbolState::Open, reopens_at: time }.into()
        }
        ReportKind::Crossed => Crossed { auction: Auction::Opening }.into(),
        ReportKind::Indicative => Indicative { auction: None }.into(),
        ReportKind::Triggered => Triggered { old_order }.into(),
        ReportKind::Displayed => Displayed { old_order }.into(),
        ReportKind::Ticked => Ticked { count: 0 }.into(),
        ReportKind::StatePlanned => StatePlanned { state: None, at: time }.into(),
        ReportKind::BandsSet => BandsSet { low: Price(1), high: price, reference: price }.into(),
        ReportKind::LimitState => LimitState { stands: false, pause_at: time }.into(),
        ReportKind::Quoted => Quoted { bid: Price(1), offer: price }.into(),
        ReportKind::Repriced => Repriced { old_order, parked: false }.into(),
        ReportKind::Entered => Entered { old_order }.into(),
        ReportKind::Parked => Parked {}.into(),
        ReportKind::Unfinished => Unfinished {}.into(),
        ReportKind::ShortSaleSet => ShortSaleSet { restricted: false, automatic: false }.into(),
        ReportKind::RiskSet => RiskSet { firm }.into(),
        ReportKind::ReferenceSet => ReferenceSet { prior_close: Price(1), last: price }.into(),
        ReportKind::CallExtended => CallExtended { count: 1, until: time }.into(),
        ReportKind::SymbolChanged => SymbolChanged {
            tick_mantissa: 1,
            tick_scale: 2,
            lot: Quantity(1),
            collar_bps: 0,
            auction: AuctionLimits::default(),
            extension: time,
        }
        .into(),
        ReportKind::StopWavesSet => StopWavesSet { waves_max: 1 }.into(),
        ReportKind::Corrected => Corrected { match_number }.into(),
        ReportKind::StateHash => StateHash { low: 0, high: 0 }.into(),
    }
}
