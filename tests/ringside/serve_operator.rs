//! Operator commands about trades and sessions of a network venue: every affected session receives
//! a message, and the effect outlives a kill of the process.

use crate::served::operator::{Operator, reports, trade, until};
use crate::served::{Place, Venue};
use jiff::civil::Date;
use serde_json::Value;
use std::collections::BTreeMap;

/// Returns the only trade of the day: its line in the report of the day, by the names of the
/// columns.
fn line_of_the_trade(place: &Place, venue: &Venue) -> BTreeMap<String, String> {
    let said = venue.said();
    let day = &said.split("session ").nth(1).unwrap()[..8];
    let date = Date::strptime("%Y%m%d", day).unwrap();
    let file = place.file("trades.csv");
    // A test that runs over midnight trades on the next day.
    let line = [date, date.tomorrow().unwrap()].into_iter().find_map(|date| {
        let words = ["report", &date.to_string(), "--out", file.to_str().unwrap()];
        let output = place.run(&words);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = std::fs::read_to_string(&file).unwrap();
        let mut rows = text.lines().map(|line| line.split(',').map(str::to_string));
        let names = rows.next().unwrap();
        rows.next().map(|values| names.zip(values).collect())
    });
    line.expect("a trade")
}

/// Returns the operator's line about a trade.
fn about(trade: &BTreeMap<String, String>, op: &str, more: &str) -> String {
    let [number, resting, incoming] =
        ["match", "resting_id", "incoming_id"].map(|column| &trade[column]);
    format!(
        r#"{{"op":"{op}","match":{number},"resting_session":"{}","resting_id":{resting},"incoming_session":"{}","incoming_id":{incoming}{more}}}"#,
        trade["resting_session"], trade["incoming_session"]
    )
}

#[test]
fn a_trade_is_corrected_and_taken_back_by_its_line_in_the_report_of_the_day() {
    let place = Place::new();
    let venue = place.start();
    trade(&place, "DEMO01", "buy 100 AAPL 187.05\n");
    until("executed", || trade(&place, "DEMO02", "sell 60 AAPL 187.00\n"));
    let line = line_of_the_trade(&place, &venue);
    assert_eq!((&*line["qty"], &*line["price"]), ("60", "187.05"));
    let mut operator = Operator::of(&place);
    let is_about = |report: &Value, kind: &str| {
        report["report"] == kind && report["match"].as_u64() == line["match"].parse().ok()
    };

    operator.say(r#"{"op":"bands","symbol":"AAPL","low":"180.00","high":"187.05"}"#);
    operator.until("bands_set", |report| report["report"] == "bands_set");
    let beyond = about(&line, "correct_trade", r#","qty":50,"price":"187.06""#);
    let is_beyond = |report: &Value| report["reason"] == "invalid_price";
    operator.say(&beyond);
    operator.until("invalid_price", is_beyond);
    operator.say(&about(&line, "correct_trade", r#","qty":50,"price":"187.01""#));
    operator.until("corrected", |report| is_about(report, "corrected"));
    venue.kill();
    let venue = place.start();
    let mut operator = Operator::of(&place);
    operator.say(&beyond);
    operator.until("invalid_price", is_beyond);
    for user in ["DEMO01", "DEMO02"] {
        let said = trade(&place, user, "");
        let (_, behind) = said.split_once("is taken back").expect(&said);
        assert!(behind.contains("is corrected: 50 at 187.01"), "{user}: {said}");
    }
    let corrected = line_of_the_trade(&place, &venue);
    let columns = ["qty", "price", "broken", "corrected_qty", "corrected_price"];
    assert_eq!(columns.map(|name| &*corrected[name]), ["60", "187.05", "false", "50", "187.01"]);

    operator.say(&about(&line, "break_trade", ""));
    for user in ["DEMO01", "DEMO02"] {
        let is_broken = || trade(&place, user, "").matches("is taken back").count() == 2;
        until("twice", || if is_broken() { "twice".into() } else { trade(&place, user, "") });
    }
    assert_eq!(line_of_the_trade(&place, &venue)["broken"], "true");
    venue.stop();
    let kinds = ["corrected", "broken"];
    let reports = reports(&place);
    let told = kinds.map(|kind| reports.iter().filter(|report| is_about(report, kind)).count());
    assert_eq!(told, [2, 2]);
}

#[test]
fn a_killed_session_has_no_orders_and_enters_none_until_it_is_let_in_again() {
    let place = Place::new();
    let venue = place.start();
    assert!(trade(&place, "DEMO01", "buy 100 AAPL 187.05\n").contains("accepted"));
    assert!(trade(&place, "DEMO02", "buy 10 AAPL 187.00\n").contains("accepted"));
    let mut operator = Operator::of(&place);
    operator.say(r#"{"op":"risk","session":"DEMO01","killed":true}"#);
    operator.until("risk_set", |report| report["report"] == "risk_set");
    until("canceled", || trade(&place, "DEMO01", ""));
    // Only the own order of the session is gone.
    let said = trade(&place, "DEMO02", "ioc sell 5 AAPL 187.05\n");
    assert!(!said.contains("executed"), "{said}");
    let said = trade(&place, "DEMO02", "ioc sell 5 AAPL 187.00\n");
    assert_eq!(said.matches("executed").count(), 2, "with itself: {said}");
    venue.kill();
    let venue = place.start();
    let said = trade(&place, "DEMO01", "buy 100 AAPL 187.05\n");
    assert!(said.contains("rejected"), "{said}");
    assert_eq!(said.matches("accepted").count(), 1, "the one of before: {said}");
    Operator::of(&place).say(r#"{"op":"risk","session":"DEMO01"}"#);
    until("accepted", || {
        trade(&place, "DEMO01", "buy 100 AAPL 187.05\n").replacen("accepted", "", 1)
    });
    venue.stop();
}
