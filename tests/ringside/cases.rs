//! Runs the sessions in tests/cases through the program. Each rules on one question that the
//! matching rules had left open: a line `#> REPORT` below a command has the fields of a report of
//! this command, and a command has no other reports.

use crate::order_types::exec;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Declares a test for each session; an underscore in the name stands for a hyphen.
macro_rules! cases {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*

        #[test]
        fn every_session_is_a_test() {
            let tests = [$(stringify!($name)),*].map(|name| name.replace('_', "-") + ".jsonl");
            let files = std::fs::read_dir(folder()).expect("the folder of the cases");
            let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
            assert_eq!(files.collect::<BTreeSet<_>>(), BTreeSet::from(tests));
        }
    };
}

cases! {
    auction_order_loses_its_limit
    auction_price_outside_its_collar
    collar_tells_nothing_of_hidden_orders
    fok_cut_short_by_an_own_order
    fok_filled_around_an_own_order
    group_on_one_order_alone
    ioc_minimum_beyond_an_own_order
    limit_state_ends_with_its_order
    limit_state_ends_with_its_order_on_a_tick
    mass_cancel_of_an_order_that_is_over
    minimum_met_when_the_symbol_opens
    pause_ended_by_the_day
    peg_at_a_crossed_quote
    peg_parked_between_days
    peg_parked_without_a_quote
    peg_sits_out_the_auction
    peg_under_a_value_limit
    post_only_takes_hidden_orders
    post_only_until_a_time
    prior_close_set_by_a_command
    replace_with_impossible_terms
    restriction_holds_for_stops_of_its_own_command
    self_trade_of_a_session_without_firm
    short_stop_that_the_test_ends
    short_test_in_a_call_without_a_quote
    stop_reached_in_closing_auction
    stop_reached_in_closing_auction_without_opening_trade
    symbol_with_a_quote_stays
    trade_broken_once
}

fn check(name: &str) {
    let path = folder().join(name.replace('_', "-") + ".jsonl");
    let text = std::fs::read_to_string(&path).expect("a session");
    let (session, expected) = parts(&text);
    let told = by_command(exec(&session));
    for (expected, told) in expected.iter().zip(&told) {
        assert_eq!(told.len(), expected.reports.len(), "{}: {told:#?}", expected.command);
        for (expected_report, report) in expected.reports.iter().zip(told) {
            assert!(has(report, expected_report), "{}: {report}", expected.command);
        }
    }
    assert_eq!(told.len(), expected.len(), "commands with reports");
}

/// Command of a session with the fields of its reports.
struct Expected<'a> {
    command: &'a str,
    reports: Vec<Map<String, Value>>,
}

/// Splits a case into the session and the commands that have reports.
fn parts(text: &str) -> (String, Vec<Expected<'_>>) {
    let (mut session, mut expected) = (String::new(), vec![]);
    for line in text.lines() {
        if let Some(report) = line.strip_prefix("#> ") {
            let report = serde_json::from_str(report).expect("the fields of a report");
            let last: &mut Expected = expected.last_mut().expect("a command before its reports");
            last.reports.push(report);
        } else if !line.starts_with('#') {
            session += line;
            session.push('\n');
            expected.push(Expected { command: line, reports: vec![] });
        }
    }
    expected.retain(|expected| !expected.reports.is_empty());
    (session, expected)
}

/// Groups reports by command. Definitions, which file sessions make of new names, are left out.
fn by_command(mut reports: Vec<Value>) -> Vec<Vec<Value>> {
    reports.retain(|report| report["report"] != "defined");
    reports.chunk_by(|one, next| one["seq"] == next["seq"]).map(<[Value]>::to_vec).collect()
}

fn has(report: &Value, fields: &Map<String, Value>) -> bool {
    fields.iter().all(|(name, value)| report[name] == *value)
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}
