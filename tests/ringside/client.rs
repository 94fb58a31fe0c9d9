//! `ringside client` with its input from a pipe.

use crate::fake_venue::{FakeVenue, Faults};
use crate::served::{ORDERS, Place};
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn client(venue: &FakeVenue, flags: &[&str], lines: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ringside"))
        .args(["client", "--address", &venue.address.to_string()])
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Returns the printed lines, without the times in front of reports.
fn said(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let report = |line: &str| match line.split_once(' ') {
        Some((time, report)) if time.len() == 15 && time.contains(':') => report.to_string(),
        _ => line.to_string(),
    };
    text.lines().map(report).collect()
}

#[test]
fn a_pipe_is_a_session() {
    let venue = FakeVenue::start(Faults::default());
    let lines = "# a remark\nbuy 100 AAPL 187.05\nmodify 1 60\nreplace 1 50 187.04\ncancel 2\n\
                 hold\nsell 7 AAPL market\nshort 1 MSFT 400\nioc sell 5 MSFT 400.5\nbook MSFT\norders\nquit\n";
    let said = said(&client(&venue, &[], lines));
    let expected = [
        &format!("logged in at {}; the next order is #1", venue.address),
        "> # a remark",
        "> buy 100 AAPL 187.05",
        "#1 accepted: buy 100 AAPL at 187.05, order 1",
        "> modify 1 60",
        "#1 modified: buy 60",
        "> replace 1 50 187.04",
        "#2 replaces #1: buy 50  at 187.04, order 2",
        "> cancel 2",
        "#2 canceled: 50; 0 open. One of: user, disconnect, mass_cancel.",
        "> hold",
        "\"hold\" is no command; try help",
        "> sell 7 AAPL market",
        "#3 accepted: sell 7 AAPL at 200000.00, order 3",
        "> short 1 MSFT 400",
        "#4 accepted: short 1 MSFT at 400.00, order 4",
        "> ioc sell 5 MSFT 400.5",
        "#5 accepted: sell 5 MSFT at 400.50, order 5",
        "#5 executed: 1 at 100.00, taking, trade 5; 4 open",
        "> book MSFT",
        "there is no market data: see --dev-feed and --feed-a",
        "> orders",
        "     #  side         symbol          price     open executed  state",
        "     1  buy          AAPL           187.05        0        0  replaced",
        "     2  buy                         187.04        0        0  canceled",
        "     3  sell         AAPL        200000.00        7        0  live",
        "     4  short        MSFT           400.00        1        0  live",
        "     5  sell         MSFT           400.50        4        1  live",
        "> quit",
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_session_goes_on_where_it_was() {
    let venue = FakeVenue::start(Faults::default());
    client(&venue, &[], "buy 1 AAPL 1\n");
    let all = said(&client(&venue, &[], "orders\n"));
    assert!(all.contains(&"#1 accepted: buy 1 AAPL at 1.00, order 1".to_string()), "{all:?}");
    assert!(all.iter().any(|line| line.ends_with("the next order is #2")), "{all:?}");
    let latest = said(&client(&venue, &["--from", "0"], "buy 2 AAPL 2\nquit\n"));
    assert_eq!(latest.len(), 4, "{latest:?}");
}

#[test]
fn a_login_waits_until_the_venue_has_heard_that_the_last_connection_is_gone() {
    let venue = FakeVenue::start(Faults { linger_ms: 200, ..Faults::default() });
    for _ in 0..2 {
        assert_eq!(said(&client(&venue, &[], "quit\n")).last().unwrap(), "> quit");
    }
}

#[test]
fn a_lost_connection_is_made_again_and_nothing_is_said_twice() {
    // Message 1 answers the query; 3 is the first answer that the client does not receive.
    let venue = FakeVenue::start(Faults { cut: vec![3], ..Faults::default() });
    let said = said(&client(&venue, &[], "buy 1 AAPL 1\nbuy 2 AAPL 2\nbuy 3 AAPL 3\nquit\n"));
    let accepted: Vec<&String> = said.iter().filter(|line| line.contains("accepted")).collect();
    assert_eq!(accepted.len(), 3, "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("the connection is lost")), "{said:?}");
    assert!(said.iter().any(|line| line.contains("0 requests are sent again")), "{said:?}");
    assert_eq!(venue.cuts("DEMO01"), 1);
    assert!(venue.messages("DEMO01") >= 3);
}

#[test]
fn an_answer_that_nobody_waits_for_sends_nothing_again() {
    let venue = FakeVenue::start(Faults { double: Some(1), ..Faults::default() });
    let said = said(&client(&venue, &[], "buy 1 AAPL 1\nquit\n"));
    assert!(said.iter().any(|line| line.contains("accepted")), "{said:?}");
    assert!(!said.iter().any(|line| line.contains("logged in again")), "{said:?}");
}

#[test]
fn a_request_that_the_venue_ignores_holds_up_nothing() {
    let place = Place::new();
    let venue = place.start();
    let mut client = Command::new("timeout");
    client.args(["20", env!("CARGO_BIN_EXE_ringside"), "client", "--user", "DEMO02"]);
    client.args(["--address", &place.at(ORDERS).to_string()]);
    let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = b"buy 10 MSFT 400\nreplace 99 50 187\nreplace 98 50 187\nbuy 10 MSFT 401\nquit\n";
    client.stdin.take().unwrap().write_all(lines).unwrap();
    let output = client.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("accepted").count(), 2, "{said}");
    venue.stop();
}

#[test]
fn who_is_not_known_is_told_so() {
    let venue = FakeVenue::start(Faults::default());
    let output = client(&venue, &["--password", "WRONG"], "");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("the venue refused the login: not authorised"), "{text}");
}
