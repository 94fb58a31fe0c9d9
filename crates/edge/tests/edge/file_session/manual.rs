//! The pages about file sessions and codes: what they name exists, and their examples run.

use super::report_lines::written;
use super::*;
use ringside_model::reason::Ouch;
use ringside_model::report::{self, *};

const MANUAL: &str = include_str!("../../../../../docs/file-session.md");

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
    let page = include_str!("../../../../../docs/codes.md");
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
