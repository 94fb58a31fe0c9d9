//! The clock of the machine: a start that does not fit the journal, and steps while a venue runs.

use crate::served::{OPERATOR, Place};
use ringside_testing::patience::wait_until;
use ringside_testing::run::skipped;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Returns a place whose journal ends with a command at this time.
fn ended_at(time: Duration) -> Place {
    let mut place = Place::new();
    place.set("VENUE__NAME", "clock");
    let symbol =
        format!(r#"{{"op":"symbol","symbol":"AAPL","tick":"0.01","ts":{}}}"#, time.as_nanos());
    let session = place.file("session");
    std::fs::write(&session, symbol + "\n").unwrap();
    let made = place.run(&["exec", "--quiet", session.to_str().unwrap()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    place
}

#[test]
fn a_start_far_from_the_last_command_needs_a_word() {
    let hour = DAY / 24;
    for (last, what) in [
        (now() - 8 * DAY, "8 days ahead of the last command"),
        (now() + hour, " s behind the last command"),
    ] {
        let place = ended_at(last);
        let refused = place.run(&["serve"]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(3), "{said}");
        assert!(said.contains(what) && said.contains("--accept-clock"), "{said}");
        let venue = crate::served::Venue::spawn_with(&place, &["serve", "--accept-clock"]);
        assert!(venue.becomes_ready(), "{}", venue.said());
        assert!(last < now() || venue.says("[time_stands_still"), "{}", venue.said());
        venue.stop();
    }
    let place = ended_at(now() - 6 * DAY);
    place.start().stop();
}

/// Library that fakes the wall clock of a process, and leaves the monotonic one alone.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    let paths = folders.flatten().map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    paths.into_iter().find(|path| path.exists())
}

/// Connection of an operator.
struct Operator(BufReader<TcpStream>);

impl Operator {
    /// Sends a line; returns the first line that comes and has one of these texts.
    fn ask(&mut self, line: &str, texts: &[&str]) -> Value {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
        loop {
            let mut answer = String::new();
            assert_ne!(self.0.read_line(&mut answer).unwrap(), 0, "the venue closes");
            if texts.iter().any(|text| answer.contains(text)) {
                return serde_json::from_str(&answer).unwrap();
            }
        }
    }

    fn take_step(&mut self) -> Value {
        self.ask(r#"{"op":"take_clock_step"}"#, &["error", "clock_step_ms"])
    }

    /// Returns the official time, that of a quote.
    fn official(&mut self) -> Duration {
        let quote = r#"{"op":"quote","symbol":"AAPL","bid":"1.00","offer":"1.01"}"#;
        Duration::from_nanos(self.ask(quote, &["quoted"])["ts"].as_u64().unwrap())
    }
}

fn set(file: &Path, offset: &str) {
    std::fs::write(file, offset).unwrap();
}

#[test]
fn a_step_of_the_clock_waits_for_an_operator() {
    let Some(library) = library() else {
        return skipped("steps of the clock: no faketime");
    };
    let mut place = Place::new();
    let offset = place.file("offset");
    set(&offset, "+0");
    place.set_in_environment("LD_PRELOAD", library.to_str().unwrap());
    place.set_in_environment("FAKETIME_TIMESTAMP_FILE", offset.to_str().unwrap());
    place.set_in_environment("FAKETIME_NO_CACHE", "1");
    place.set_in_environment("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let venue = place.start();
    let socket = TcpStream::connect(place.at(OPERATOR)).unwrap();
    let mut operator = Operator(BufReader::new(socket));
    let is_near = |official: Duration, wall: Duration| official.abs_diff(wall) < DAY / 96;
    assert!(is_near(operator.official(), now()));
    let refused = operator.ask(r#"{"op":"take_clock_step","dry_run":true}"#, &["error"]);
    assert!(refused["error"].as_str().is_some_and(|e| e.contains("line of its own")), "{refused}");
    let refused = operator.take_step();
    assert!(refused["error"].as_str().is_some_and(|e| e.contains("no step")), "{refused}");

    set(&offset, "+1800");
    assert!(venue.says("[clock_apart ahead_ms=1"), "{}", venue.said());
    assert!(is_near(operator.official(), now()), "the step is not believed");
    let taken = operator.take_step();
    let step_ms = taken["clock_step_ms"].as_i64().unwrap();
    assert!((1_700_000..1_900_000).contains(&step_ms), "{taken}");
    assert!(venue.says("[clock_step_taken"), "{}", venue.said());
    assert!(is_near(operator.official(), now() + Duration::from_secs(1_800)));

    let before = operator.official();
    set(&offset, "-1800");
    assert!(venue.says("[clock_apart ahead_ms=-3"), "{}", venue.said());
    operator.take_step();
    assert!(venue.says("[time_stands_still"), "{}", venue.said());
    let after = operator.official();
    assert!(after >= before && is_near(after, before), "official time does not go back");
    set(&offset, "+1800");
    wait_until("the clock is back", || operator.take_step()["clock_step_ms"].is_i64());
    assert!(operator.official() >= after);
    venue.stop();
}
