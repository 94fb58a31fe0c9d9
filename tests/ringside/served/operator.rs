//! Manual work on a venue: an operator, and sessions that send a few lines and leave.

use super::{OPERATOR, ORDERS, PATIENCE, Place};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Instant;

/// An operator who receives all lines.
pub struct Operator(BufReader<TcpStream>);

impl Operator {
    /// Connects an operator.
    pub fn of(place: &Place) -> Operator {
        let socket = TcpStream::connect(place.at(OPERATOR)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Operator(BufReader::new(socket))
    }

    /// Sends a line.
    pub fn say(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Waits until a symbol has a state.
    pub fn hears(&mut self, symbol: &str, state: &str) {
        self.until(&format!("{symbol} is {state}"), |heard| {
            is(heard, "state_changed", symbol) && heard["state"] == state
        });
    }

    /// Waits for a line for which `is_it` is true.
    pub fn until(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) {
        let began = Instant::now();
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line);
            assert!(read.is_ok_and(|bytes| bytes > 0), "not {what}");
            if is_it(&serde_json::from_str(&line).unwrap()) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "not {what}");
        }
    }
}

/// Returns true if a report has this kind and symbol.
pub fn is(report: &Value, kind: &str, symbol: &str) -> bool {
    report["report"] == kind && report["symbol"] == symbol
}

/// Runs a session that sends these lines; returns its output.
pub fn trade(place: &Place, user: &str, lines: &str) -> String {
    let mut client = Command::new(env!("CARGO_BIN_EXE_ringside"))
        .args(["client", "--address", &place.at(ORDERS).to_string(), "--user", user])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Repeats `says` until its text contains `what`.
pub fn until(what: &str, mut says: impl FnMut() -> String) {
    let began = Instant::now();
    loop {
        let said = says();
        if said.contains(what) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not {what}: {said}");
    }
}

/// Returns all reports of a stopped venue from a replay of its journal, which has the same hashes.
pub fn reports(place: &Place) -> Vec<Value> {
    let replay = place.run(&["replay", "--reports"]);
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
    let text = String::from_utf8(replay.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
