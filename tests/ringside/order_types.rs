//! Sends docs/order-types.md line by line to the program: the answers are those in the document,
//! and the document contains every type, time in force, mode and state.

use ringside_model::domain::{OrderType, SelfTrade, SymbolState, TimeInForce};
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

const MANUAL: &str = include_str!("../../docs/order-types.md");
/// First line of every example.
const SYMBOL: &str =
    r#"{"op":"symbol","symbol":"X","tick":"0.01","collar_bps":500,"reference":"10.00"}"#;

#[test]
fn every_example_is_what_the_venue_says() {
    let examples = examples();
    assert!(examples.len() > 15, "{} examples", examples.len());
    for (title, lines, expected) in examples {
        let said: Vec<String> = run(&lines).iter().filter_map(in_words).collect();
        assert_eq!(said, expected, "{title}");
    }
}

#[test]
fn nothing_is_left_out() {
    let words = OrderType::ALL.iter().map(|word| word.name());
    let words = words.chain(TimeInForce::ALL.iter().map(|word| word.name()));
    let words = words.chain(SymbolState::ALL.iter().map(|word| word.name()));
    for word in words.chain(SelfTrade::ALL[1..].iter().map(|word| word.name())) {
        let heading = MANUAL.lines().any(|line| line.starts_with('#') && line.contains(word));
        let example = examples().iter().any(|(_, lines, _)| lines.join("\n").contains(word));
        assert!(heading || example, "{word}");
    }
}

/// Returns the heading, the lines to send and the expected words of each example.
fn examples() -> Vec<(&'static str, Vec<&'static str>, Vec<&'static str>)> {
    let mut examples = vec![];
    let (mut title, mut fence) = ("", "");
    for line in MANUAL.lines() {
        match line {
            "```jsonl" => examples.push((title, vec![], vec![])),
            _ if line.starts_with('#') => title = line,
            _ => {}
        }
        if let Some(language) = line.strip_prefix("```") {
            fence = language;
            continue;
        }
        match (fence, examples.last_mut()) {
            ("jsonl", Some((_, lines, _))) => lines.push(line),
            ("text", Some((_, _, expected))) => expected.push(line),
            _ => {}
        }
    }
    examples
}

/// Returns the reports of the program to these lines.
fn run(lines: &[&str]) -> Vec<Value> {
    exec(&format!("{SYMBOL}\n{}", lines.join("\n")))
}

/// Returns the reports of the program to a session.
pub fn exec(session: &str) -> Vec<Value> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_ringside"))
        .args(["exec", "-", "--durability", "volatile"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = program.stdin.take().expect("it has an input");
    writeln!(input, "{session}").expect("it reads");
    drop(input);
    let output = program.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let reports = String::from_utf8(output.stdout).expect("text");
    reports.lines().map(|line| serde_json::from_str(line).expect("a report")).collect()
}

/// Formats a report as in the document; `None` for a definition, which the document leaves out.
fn in_words(report: &Value) -> Option<String> {
    let of = |field: &str| match &report[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let order = || format!("{} {}", of("session"), of("id"));
    let at = report.get("price").map_or(String::new(), |_| format!(" at {}", of("price")));
    let stop = report.get("stop_price");
    let stop = stop.map_or(String::new(), |_| format!(", stop at {}", of("stop_price")));
    Some(match of("report").as_str() {
        "defined" => return None,
        "accepted" => format!("{} accepted: {}{at}{stop}", order(), of("qty")),
        "triggered" if report["order"] == report["old_order"] => {
            format!("{} triggered, waits", order())
        }
        "triggered" | "entered" => format!("{} {}: {}{at}", order(), of("report"), of("qty")),
        "unfinished" => format!("{} unfinished", of("symbol")),
        "parked" => format!("{} parked", order()),
        "displayed" => format!("{} displayed: {} of {}", order(), of("qty"), of("open")),
        "executed" => format!("{} executed: {}{at}, {} open", order(), of("qty"), of("open")),
        "canceled" => {
            format!("{} canceled: {}, {} open, {}", order(), of("qty"), of("open"), of("reason"))
        }
        "rejected" => format!("{} rejected: {}", order(), of("reason")),
        "replaced" => {
            let (old, open) = (of("old_id"), of("open"));
            format!("{} replaced {old}: {}{at}, {open} open{stop}", order(), of("qty"))
        }
        "restated" => format!("{} restated: {}{at}", order(), of("open")),
        "state_changed" => format!("{} {}", of("symbol"), of("state")),
        "crossed" => format!("{} {}: {}{at}", of("symbol"), of("auction"), of("qty")),
        "indicative" => format!(
            "{} indicative: {}{at}, {} left to {}",
            of("symbol"),
            of("qty"),
            of("imbalance"),
            of("imbalance_side")
        ),
        "repriced" => format!("{} repriced: {}{at}", order(), of("open")),
        "bands_set" => format!("{} from {} to {}", of("symbol"), of("low"), of("high")),
        "limit_state" => {
            format!("{} {} stands{at}: {}", of("symbol"), of("side"), of("stands"))
        }
        "quoted" => format!("{} quoted", of("symbol")),
        "short_sale_set" => {
            format!("{} short sales restricted: {}", of("symbol"), of("restricted"))
        }
        "trading_day" => format!("{}: {} expire", of("event"), of("count")),
        "ticked" => format!("{} ticked: {} expire", of("symbol"), of("count")),
        "state_planned" => format!("{} will be {} at {}", of("symbol"), of("state"), of("at")),
        other => panic!("no words for {other}"),
    })
}
