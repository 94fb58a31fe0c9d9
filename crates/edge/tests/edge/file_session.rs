//! File sessions and report lines: lines in, commands out; reports in, lines out. What lines say
//! that are no commands, and what the pages promise, have files of their own.

use ringside_core::registry::directory::Directory;
use ringside_core::registry::exposure::ExposureCounter;
use ringside_core::registry::rules::Amended;
use ringside_edge::gateway::file_session::{FileSession, Format, LINE_BYTES_MAX, LineError};
use ringside_edge::gateway::risk::RiskDesk;
use ringside_model::command::{
    AccountQuery, Action, BreakTrade, Cancel, Command, DefineFirm, DefineSession, DefineSymbol,
    Definition, Display, Enter, MassCancel, Modify, NamedSpecialTerms, NamedTerms, Reduce, Replace,
    ReplaceTerms, RunTimers, SetBands, SetOrderEntry, TradeSide, TradingDay, is_venue_wide,
};
use ringside_model::domain::{
    Auction, Capacity, DayEvent, FirmId, MatchNumber, MoveStep, Name, Nanos, OrderId, OrderNumber,
    OrderType, PartitionId, PostOnly, Price, Quantity, Role, SelfTrade, SeqNo, SessionId, Side,
    SymbolId, SymbolState, Tick, TimeInForce,
};
use ringside_model::durability::Durability;
use ringside_model::reason::Reason;
use ringside_model::report::{AuctionLimits, BandsSet, Executed, Subject, SymbolChanged};

mod malformed;
mod manual;
mod report_lines;

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
fn the_price_of_a_correction_is_within_the_static_bands_of_its_symbol() {
    let mut exposure = exposure_with_a_trade(7, SymbolId(1));
    let number = MatchNumber::of(SeqNo(7), 1).0;
    let of_b = ORDER_1.replace(r#""session":"A","id":1"#, r#""session":"B","id":2"#);
    let desk = RiskDesk::new(exposure.exposures().clone());
    let session = FileSession::new(Directory::new(), Format::Json);
    let mut session = session.with_limits(desk, || ());
    let mut verdict = |qty: u64, price: &str| {
        let orders =
            r#""resting_session":"A","resting_id":1,"incoming_session":"B","incoming_id":2"#;
        let line = format!(
            r#"{{"op":"correct_trade","match":{number},{orders},"qty":{qty},"price":"{price}"}}"#
        );
        let mut verdict = Reason::None;
        for line in [AAPL, ORDER_1, &of_b, &line] {
            session.line(line, &mut |command, _| verdict = command.verdict).unwrap();
        }
        verdict
    };
    let mut set = |low, high| {
        let [low, high, reference] = [low, high, 0].map(Price);
        let asked = Action::from(SetBands { low, high, bps: 0, reference });
        let set = command(0, 1, Reason::None, asked);
        exposure.report(&BandsSet { low, high, reference }.about(SymbolId(1)), &set);
        exposure.end_command(8, Nanos(0));
    };
    assert_eq!(verdict(90, "0.01"), Reason::None);
    set(100, 0);
    assert_eq!([verdict(90, "0.99"), verdict(90, "1.00")], [Reason::InvalidPrice, Reason::None]);
    assert_eq!(verdict(91, "0.99"), Reason::InvalidQuantity, "the quantity comes first");
    set(100, 200);
    assert_eq!([verdict(90, "2.01"), verdict(80, "2.00")], [Reason::InvalidPrice, Reason::None]);
    assert_eq!(verdict(90, "2.00"), Reason::InvalidQuantity, "80 are left");
    set(0, 0);
    assert_eq!(verdict(80, "2.01"), Reason::None);
}

#[test]
fn changes_of_trades_that_are_too_old_to_be_known_are_forgotten() {
    let exposure = exposure_with_a_trade(7, SymbolId(1));
    let known = MatchNumber::of(SeqNo(7), 1);
    let mut directory = Directory::new();
    for number in [MatchNumber(1), known] {
        let text = [b' '; 14];
        let side = TradeSide { id: OrderId(1), session: SessionId(1), text };
        let broken = Action::from(BreakTrade::new(number, [side; 2]));
        directory.observe(&command(0, 1, Reason::None, broken));
    }
    let desk = RiskDesk::new(exposure.exposures().clone());
    let session = FileSession::new(directory, Format::Json);
    let mut session = session.with_limits(desk, || ());
    let line = r#"{"op":"break_trade","match":5,"resting_session":"A","resting_id":1,"incoming_session":"B","incoming_id":2}"#;
    let mut verdict = Reason::None;
    session.line(line, &mut |command, _| verdict = command.verdict).unwrap();
    assert_eq!(verdict, Reason::UnknownTrade);
    let amended = [MatchNumber(1), known].map(|number| session.directory().rules().amended(number));
    assert_eq!(amended, [None, Some(Amended::Broken)]);
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
