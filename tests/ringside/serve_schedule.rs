//! A venue with a schedule: calls, auctions and random ends come without a command, each once,
//! through kills of the process and commands of an operator.

use crate::served::Place;
use crate::served::operator::{Operator, is, reports, trade, until};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use std::time::Duration;

/// Returns the moment `seconds` later.
fn after(moment: Timestamp, seconds: i64) -> Timestamp {
    moment + seconds.seconds()
}

fn nanos(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_nanosecond()).unwrap()
}

/// Returns the next whole second that is at least `seconds` away.
fn soon(seconds: i64) -> Timestamp {
    after(Timestamp::from_second(Timestamp::now().as_second()).unwrap(), seconds + 1)
}

/// Returns a schedule for every day, in UTC.
fn schedule(events: &[(Timestamp, &str, u64)]) -> String {
    let event = |&(at, state, random_ms): &(Timestamp, &str, u64)| {
        let at = at.strftime("%H:%M:%S");
        format!("{{at=\"{at}\",state=\"{state}\",random_end_ms={random_ms}}}")
    };
    let mut events: Vec<String> = events.iter().map(event).collect();
    // An event after midnight comes first.
    events.sort();
    format!("[{{zone=\"UTC\",events=[{}]}}]", events.join(","))
}

fn sleep_until(moment: Timestamp) {
    let left = moment.duration_since(Timestamp::now());
    std::thread::sleep(Duration::try_from(left).unwrap_or_default());
}

/// Returns the states of a symbol so far, with their times.
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

/// Returns the schedule of a day: the first events at these times, the others ten minutes from now
/// and later.
fn day(times: &[Timestamp]) -> String {
    let day = [("pre_open", 0), ("open", 300), ("closing_call", 0), ("closed", 300)];
    let later = |number: usize| after(Timestamp::now(), 600 * (number as i64 + 1));
    let event = |(number, &(state, random_ms)): (usize, &(&'static str, u64))| {
        (times.get(number).copied().unwrap_or_else(|| later(number)), state, random_ms)
    };
    schedule(&day.iter().enumerate().map(event).collect::<Vec<_>>())
}

#[test]
fn a_day_goes_by_its_schedule_through_kills_and_halts() {
    let mut place = Place::new();
    place.set("SCHEDULE", &day(&[]));
    let venue = place.start();
    assert!(venue.said().contains("the schedule begins for 8 symbols"), "{}", venue.said());
    // The symbol was closed yesterday.
    until("rejected", || trade(&place, "DEMO01", "buy 7 TSLA 1.00\n"));
    venue.kill();

    // Each boundary but the last passes while the venue is down: it takes effect when the venue is
    // up again.
    let mut times = vec![];
    let pass = |place: &mut Place, times: &mut Vec<Timestamp>| {
        times.push(soon(0));
        place.set("SCHEDULE", &day(times));
        // The wait includes the random end.
        sleep_until(after(times[times.len() - 1], 1));
        place.start()
    };
    let venue = pass(&mut place, &mut times);
    until("accepted", || trade(&place, "DEMO01", "buy 100 AAPL 187.05\n"));
    assert!(trade(&place, "DEMO02", "sell 60 AAPL 187.00\n").contains("accepted"));
    venue.kill();
    let venue = pass(&mut place, &mut times);
    until("accepted", || trade(&place, "DEMO01", "ioc buy 1 MSFT 1.00\n"));
    let mut operator = Operator::of(&place);
    // A state that an operator sets outlives the next restart.
    operator.say(r#"{"op":"state","symbol":"MSFT","state":"halted"}"#);
    operator.hears("MSFT", "halted");
    venue.kill();
    let venue = place.start();
    assert!(!venue.said().contains("missed"), "{}", venue.said());
    venue.kill();
    let venue = pass(&mut place, &mut times);
    until("accepted", || trade(&place, "DEMO02", "sell 40 AAPL 187.05\n"));
    venue.kill();
    // The last boundary comes while the venue runs, and an auction with it.
    times.push(soon(3));
    place.set("SCHEDULE", &day(&times));
    let venue = place.start();
    sleep_until(after(times[3], 2));
    venue.stop();

    let reports = reports(&place);
    let aapl = states(&reports, "AAPL");
    let day = ["pre_open", "open", "closing_call", "closed"];
    assert_eq!(names(&aapl)[1..], day, "and yesterday's before");
    let halted = ["pre_open", "open", "halted", "closing_call", "closed"];
    assert_eq!(names(&states(&reports, "MSFT"))[1..], halted);
    for ((_, had), at) in aapl[1..].iter().zip(times) {
        assert!(*had >= nanos(at), "{had} is before {at}");
    }
    let crossed: Vec<&Value> =
        reports.iter().filter(|report| is(report, "crossed", "AAPL")).collect();
    let auctions: Vec<_> =
        crossed.iter().map(|report| (report["auction"].as_str(), report["qty"].as_u64())).collect();
    assert_eq!(auctions, [(Some("opening"), Some(60)), (Some("closing"), Some(40))]);
}

#[test]
fn boundaries_come_by_themselves_each_once_and_not_before_their_time() {
    let mut place = Place::new();
    // There are enough boundaries that some remain whenever the venue is ready.
    let first = soon(0);
    let times: Vec<Timestamp> = (0..120).map(|second| after(first, second)).collect();
    // The ends of calls are random within half a second.
    let states_in_turn = [("pre_open", 0), ("open", 500)].into_iter().cycle();
    let events: Vec<_> =
        times.iter().zip(states_in_turn).map(|(at, (state, ms))| (*at, state, ms)).collect();
    place.set("SCHEDULE", &schedule(&events));
    let venue = place.start();
    let mut operator = Operator::of(&place);
    let waits = venue.core_waits();
    for state in ["pre_open", "open", "pre_open"] {
        operator.hears("AAPL", state);
    }
    let late_max = waits.bound(Duration::from_millis(300)).as_nanos() as u64;
    venue.stop();
    let had = states(&reports(&place), "AAPL");
    // The first one may have been missed, and the last ones may belong to the end of the venue.
    let live = &had[had.len().saturating_sub(4).max(1)..];
    let second = (live[0].1 - nanos(first)) / 1_000_000_000;
    // Calls begin in even seconds: this is the last second in which the first of these states can
    // have begun.
    let begin = second - (second + u64::from(live[0].0 == "open")) % 2;
    for (number, (state, at)) in (begin..).zip(live) {
        let (expected, random_ms) = [("pre_open", 0), ("open", 500)][number as usize % 2];
        assert_eq!(state, expected, "{had:?}");
        let due = nanos(first) + number * 1_000_000_000;
        let last = due + random_ms * 1_000_000 + late_max;
        assert!((due..last).contains(at), "{state} at {at}, due at {due}: {had:?}");
    }
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
    // The same venue with another schedule; three of its boundaries have passed since.
    let later = [
        (hours_ago(0), "open", 0),
        (after(Timestamp::now(), 3_600), "closing_call", 0),
        (after(Timestamp::now(), 7_200), "closed", 0),
    ];
    std::thread::sleep(Duration::from_millis(1_100));
    place.set("SCHEDULE", &schedule(&later));
    let venue = place.start();
    assert!(venue.said().contains("8 symbols missed 8 boundaries"), "{}", venue.said());
    until("accepted", || trade(&place, "DEMO01", "buy 1 AAPL 1.00\n"));
    venue.stop();
    let reports = reports(&place);
    assert_eq!(names(&states(&reports, "AAPL")), ["closed", "halted", "open"]);
    assert_eq!(names(&states(&reports, "MSFT")), ["closed", "open"]);
}
