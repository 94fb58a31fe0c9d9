//! A venue that goes by a schedule: calls, auctions and random ends come by themselves, each once, whatever happens to
//! the process and whatever an operator does in between.

use crate::served::Place;
use crate::served::operator::{Operator, is, reports, trade, until};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use std::time::Duration;

/// A moment so many seconds later.
fn after(moment: Timestamp, seconds: i64) -> Timestamp {
    moment + seconds.seconds()
}

fn nanos(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_nanosecond()).unwrap()
}

/// The next whole second that is so many seconds away.
fn soon(seconds: i64) -> Timestamp {
    after(Timestamp::from_second(Timestamp::now().as_second()).unwrap(), seconds + 1)
}

/// A schedule of every day, in Greenwich.
fn schedule(events: &[(Timestamp, &str, u64)]) -> String {
    let event = |&(at, state, random_ms): &(Timestamp, &str, u64)| {
        let at = at.strftime("%H:%M:%S");
        format!("{{at=\"{at}\",state=\"{state}\",random_end_ms={random_ms}}}")
    };
    let mut events: Vec<String> = events.iter().map(event).collect();
    // One behind midnight comes first.
    events.sort();
    format!("[{{zone=\"UTC\",events=[{}]}}]", events.join(","))
}

fn sleep_until(moment: Timestamp) {
    let left = moment.duration_since(Timestamp::now());
    std::thread::sleep(Duration::try_from(left).unwrap_or_default());
}

/// The states that an instrument has had, with their times.
fn states(reports: &[Value], symbol: &str) -> Vec<(String, u64)> {
    let changed = reports.iter().filter(|report| is(report, "state_changed", symbol));
    let state = |report: &Value| {
        (report["state"].as_str().unwrap().to_string(), report["ts"].as_u64().unwrap())
    };
    changed.map(state).collect()
}

fn names(states: &[(String, u64)]) -> Vec<&str> {
    states.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_day_goes_by_its_schedule_through_kills_and_halts() {
    let mut place = Place::new();
    let call = soon(8);
    let [open, closing, closed] = [8, 20, 26].map(|seconds| after(call, seconds));
    place.set(
        "SCHEDULE",
        &schedule(&[
            (call, "pre_open", 0),
            (open, "open", 1_000),
            (closing, "closing_call", 0),
            (closed, "closed", 2_000),
        ]),
    );
    let venue = place.start();
    assert!(venue.said().contains("the schedule begins for 8 instruments"), "{}", venue.said());
    // It was closed yesterday.
    until("rejected", || trade(&place, "DEMO01", "buy 7 TSLA 1.00\n"));
    let mut operator = Operator::of(&place);
    operator.hears("AMD", "pre_open");
    for (user, line) in [("DEMO01", "buy 100 AAPL 187.05\n"), ("DEMO02", "sell 60 AAPL 187.00\n")] {
        assert!(trade(&place, user, line).contains("accepted"));
    }
    // The venue is gone when the call should end: it does when the venue is there again.
    let before = Timestamp::now();
    venue.kill();
    assert!(before < open, "this machine is too slow for this test");
    sleep_until(after(open, 2));
    let venue = place.start();
    until("accepted", || trade(&place, "DEMO01", "ioc buy 1 MSFT 1.00\n"));
    let mut operator = Operator::of(&place);
    // What an operator does stays through the next restart.
    operator.say(r#"{"op":"state","symbol":"MSFT","state":"halted"}"#);
    operator.hears("MSFT", "halted");
    venue.kill();
    let venue = place.start();
    assert!(!venue.said().contains("missed"), "{}", venue.said());
    assert!(Timestamp::now() < closing, "this machine is too slow for this test");
    let mut operator = Operator::of(&place);
    operator.hears("MSFT", "closing_call");
    assert!(trade(&place, "DEMO02", "sell 40 AAPL 187.05\n").contains("accepted"));
    sleep_until(after(closed, 4));
    venue.stop();

    let reports = reports(&place);
    let aapl = states(&reports, "AAPL");
    let day = ["pre_open", "open", "closing_call", "closed"];
    assert_eq!(names(&aapl)[1..], day, "and yesterday's before");
    let halted = ["pre_open", "open", "halted", "closing_call", "closed"];
    assert_eq!(names(&states(&reports, "MSFT"))[1..], halted);
    for ((_, had), at) in aapl[1..].iter().zip([call, open, closing, closed]) {
        assert!(*had >= nanos(at), "{had} is before {at}");
    }
    // A random end is within its bound, and so much later as a slow machine may be.
    assert!(aapl[4].1 < nanos(after(closed, 2 + 2)), "{aapl:?}");
    let crossed: Vec<&Value> =
        reports.iter().filter(|report| is(report, "crossed", "AAPL")).collect();
    let auctions: Vec<_> =
        crossed.iter().map(|report| (report["auction"].as_str(), report["qty"].as_u64())).collect();
    assert_eq!(auctions, [(Some("opening"), Some(60)), (Some("closing"), Some(40))]);
}

#[test]
fn a_venue_that_was_down_for_hours_has_the_last_state_of_its_schedule_only() {
    let mut place = Place::new();
    let hours_ago = |hours: i64| after(Timestamp::now(), -hours * 3_600);
    place.set("SCHEDULE", &schedule(&[(hours_ago(2), "closed", 0)]));
    let venue = place.start();
    until("rejected", || trade(&place, "DEMO01", "buy 1 MSFT 1.00\n"));
    let mut operator = Operator::of(&place);
    operator.say(r#"{"op":"state","symbol":"AAPL","state":"halted"}"#);
    operator.hears("AAPL", "halted");
    venue.stop();
    // The same venue with another schedule, three boundaries of which have passed since.
    let later = [
        (hours_ago(0), "open", 0),
        (after(Timestamp::now(), 3_600), "closing_call", 0),
        (after(Timestamp::now(), 7_200), "closed", 0),
    ];
    std::thread::sleep(Duration::from_millis(1_100));
    place.set("SCHEDULE", &schedule(&later));
    let venue = place.start();
    assert!(venue.said().contains("8 instruments missed 8 boundaries"), "{}", venue.said());
    until("accepted", || trade(&place, "DEMO01", "buy 1 AAPL 1.00\n"));
    venue.stop();
    let reports = reports(&place);
    assert_eq!(names(&states(&reports, "AAPL")), ["closed", "halted", "open"]);
    assert_eq!(names(&states(&reports, "MSFT")), ["closed", "open"]);
}
