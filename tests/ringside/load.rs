//! `ringside load` against a fake venue without a book: it measures, continues after a lost
//! connection, and finds the faults of the venue.

use crate::fake_venue::{FakeVenue, Faults};
use crate::served::ORDERS;
use ringside_testing::hosts::own_host;
use serde_json::Value;
use std::net::SocketAddr;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

struct Run {
    output: Output,
    dir: TempDir,
    /// Run time of the program, which bounds every time in its report on any machine.
    took: Duration,
}

impl Run {
    fn of(venue: &FakeVenue, flags: &[&str]) -> Run {
        Run::at(&venue.address.to_string(), flags)
    }

    fn at(addresses: &str, flags: &[&str]) -> Run {
        let dir = tempfile::tempdir().unwrap();
        let began = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_ringside"))
            .args(["load", "--address", addresses, "--symbols", "AAPL"])
            .args(["--warmup-seconds", "0.1", "--json", "--out"])
            .arg(dir.path())
            .args(flags)
            .output()
            .unwrap();
        Run { output, dir, took: began.elapsed() }
    }

    fn code(&self) -> i32 {
        self.output.status.code().expect("it ends by itself")
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    fn report(&self) -> Value {
        let text = String::from_utf8(self.output.stdout.clone()).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("{error} in {text:?}; it said {}", self.stderr());
        })
    }

    /// Returns the description of the failed check.
    fn failed_check(&self) -> String {
        assert_eq!(self.code(), 3, "{}", self.stderr());
        let report = self.report();
        assert!(report["wrong"].as_u64().unwrap() > 0);
        self.stderr()
    }
}

fn rated(venue: &FakeVenue) -> Run {
    Run::of(venue, &["--rate", "4000", "--seconds", "0.4", "--sessions", "2"])
}

fn n(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn an_open_loop_is_measured_and_every_answer_checked() {
    let venue = FakeVenue::start(Faults::default());
    let run = Run::of(
        &venue,
        &["--rate", "5000", "--seconds", "0.5", "--sessions", "3", "--threads", "2"],
    );
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let report = run.report();
    assert_eq!(report["schema_version"], 1);
    assert_eq!(n(&report["wrong"]), 0);
    assert_eq!(n(&report["streams"]["reconnects"]), 0);
    // No outage lasts from the opening book to the end of the flow.
    let outage = Duration::from_nanos(n(&report["streams"]["longest_outage_ns"]));
    assert!(outage + Duration::from_millis(500) < run.took, "{:?}: {report:#}", run.took);
    assert!(n(&report["measured"]).abs_diff(2_500) <= 1);
    let counts = &report["counts"];
    assert_eq!(counts["accepted"], counts["entered"]);
    assert!(n(&counts["entered"]) > 10_000 && n(&counts["executed"]) > 2_000);
    let asked = n(&counts["cancels"]) + n(&counts["replaces"]);
    let answered = n(&counts["canceled"]) + n(&counts["replaced"]) + n(&counts["ignored"]);
    assert_eq!(asked, answered);
    let latency = &report["latency_ns"][0];
    assert!(n(&latency["samples"]) > 2_300 && n(&latency["samples"]) <= 2_501);
    assert!(n(&latency["p50"]) > 1_000 && n(&latency["p50"]) <= n(&latency["p99.9"]));
    let stream: usize = (1..=3).map(|n| venue.messages(&format!("LOAD0{n}"))).sum();
    assert_eq!(n(&report["streams"]["messages"]), stream as u64 - 3, "but the first query");
    for file in ["report.json", "ack.hgrm", "ack.svg"] {
        assert!(run.dir.path().join(file).exists(), "{file}");
    }
}

#[test]
fn the_ids_and_numbers_of_an_earlier_load_are_passed_over() {
    let venue = FakeVenue::start(Faults::default());
    for _ in 0..2 {
        let run = rated(&venue);
        assert_eq!(run.code(), 0, "{}", run.stderr());
    }
}

#[test]
fn saturation_keeps_a_window_and_says_what_was_reached() {
    let venue = FakeVenue::start(Faults::default());
    let run = Run::of(&venue, &["--saturate", "--seconds", "0.5", "--window", "16"]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let report = run.report();
    let [reached, seconds] = ["rate_reached", "seconds"].map(|key| report[key].as_f64().unwrap());
    let measured = n(&report["measured"]);
    assert!(measured > 50 && seconds > 0.0 && seconds < run.took.as_secs_f64(), "{report:#}");
    assert!((reached * seconds - measured as f64).abs() < 1.0, "{report:#}");
    assert!(report["parameters"]["rate"].is_null());
    assert_eq!(report["counts"]["unanswered"], 0);
}

#[test]
fn a_ping_pong_has_one_request_in_flight_and_is_compared_with_an_echo() {
    let venue = FakeVenue::start(Faults::default());
    let run = Run::of(&venue, &["--ping-pong", "--seconds", "0.3", "--echo"]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let report = run.report();
    let spans = report["latency_ns"].as_array().unwrap();
    assert_eq!(spans.len(), 5);
    assert_eq!(spans[4]["name"], "bare TCP echo");
    let ratio = report["echo_ratio"]["p50"].as_f64().unwrap();
    assert!((0.1..1_000.0).contains(&ratio), "{ratio}");
    // The requests follow one another, so their sum cannot be longer than the run.
    let (p50, samples) = (n(&spans[0]["p50"]), n(&spans[0]["samples"]));
    let half = Duration::from_nanos(p50 * samples / 2);
    assert!(samples > 5 && half < run.took, "{p50} ns, {samples} times in {:?}", run.took);
}

#[test]
fn packets_may_come_in_pieces() {
    let venue = FakeVenue::start(Faults { pieces: true, ..Faults::default() });
    let run = Run::of(&venue, &["--rate", "100", "--seconds", "0.3", "--sessions", "2"]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
}

#[test]
fn a_lost_connection_loses_no_message_and_no_order() {
    // Cuts in the opening book, in the flow, and twice in quick succession.
    for cut in [vec![900], vec![12_500], vec![12_300, 12_400, 12_401]] {
        let venue = FakeVenue::start(Faults { cut: cut.clone(), ..Faults::default() });
        let flags = ["--rate", "4000", "--seconds", "0.8", "--sessions", "1"];
        let run = Run::of(&venue, &flags);
        assert_eq!(run.code(), 0, "{cut:?}: {}", run.stderr());
        assert_eq!(venue.cuts("LOAD01"), cut.len());
        let report = run.report();
        assert_eq!(n(&report["streams"]["reconnects"]), cut.len() as u64);
        assert_eq!((n(&report["streams"]["lost"]), n(&report["streams"]["doubled"])), (0, 0));
        // The client reconnects after 10 ms.
        let outage = n(&report["streams"]["longest_outage_ns"]);
        let took = run.took.as_nanos() as u64;
        assert!((10_000_000..took).contains(&outage), "{outage} of {took}");
        assert_eq!(report["counts"]["accepted"], report["counts"]["entered"]);
    }
}

#[test]
fn the_next_address_is_tried() {
    // No server listens at this test's own host.
    let gone = SocketAddr::from((own_host(&[ORDERS]), ORDERS));
    let venue = FakeVenue::start(Faults::default());
    let flags = ["--rate", "500", "--seconds", "0.2"];
    let run = Run::at(&format!("{gone},{}", venue.address), &flags);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let nobody = Run::at(&gone.to_string(), &flags);
    assert_eq!(nobody.code(), 1);
    assert!(nobody.stderr().contains("refused"), "{}", nobody.stderr());
}

#[test]
fn an_unknown_user_is_a_failure_at_once() {
    let venue = FakeVenue::start(Faults::default());
    let run = Run::of(&venue, &["--password", "WRONG"]);
    assert_eq!(run.code(), 1);
    assert!(run.stderr().contains("LOAD01: the venue refused the login"), "{}", run.stderr());
}

#[test]
fn a_message_that_is_dropped_is_found() {
    // Messages of all kinds: the answer to an order or an execution, in the opening book or in the
    // flow.
    for number in [5_000, 5_001, 5_002, 6_100] {
        let venue = FakeVenue::start(Faults { drop: Some(number), ..Faults::default() });
        let what = rated(&venue).failed_check();
        let found = ["never came", "no answer", "not accepted"].iter().any(|n| what.contains(n));
        assert!(found, "{number}: {what}");
    }
}

#[test]
fn a_message_that_comes_twice_is_found() {
    for number in [5_000, 5_001, 5_002, 6_100] {
        let venue = FakeVenue::start(Faults { double: Some(number), ..Faults::default() });
        let what = rated(&venue).failed_check();
        assert!(
            what.contains("again") || what.contains("open") || what.contains("here, not there")
        );
    }
}

#[test]
fn an_order_that_is_forgotten_is_found() {
    let venue = FakeVenue::start(Faults { forget: Some(6_000), ..Faults::default() });
    let what = rated(&venue).failed_check();
    assert!(what.contains("1 new orders have no answer"), "{what}");
}

#[test]
fn a_stream_that_goes_on_too_late_is_found() {
    let faults = Faults { cut: vec![5_500], skip: 2, ..Faults::default() };
    let run = rated(&FakeVenue::start(faults));
    // The kinds of the messages decide which check fails first.
    run.failed_check();
    assert!(n(&run.report()["streams"]["lost"]) >= 2);
}

#[test]
fn executions_of_more_than_there_is_are_found() {
    let venue = FakeVenue::start(Faults { excess: true, ..Faults::default() });
    let what = rated(&venue).failed_check();
    assert!(what.contains("executes") && what.contains("are open"), "{what}");
}

#[test]
fn times_that_fall_are_found() {
    let venue = FakeVenue::start(Faults { fall: Some(6_000), ..Faults::default() });
    let what = rated(&venue).failed_check();
    assert!(what.contains("time falls from"), "{what}");
}
