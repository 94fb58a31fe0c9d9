//! `ringside load` over all addresses of a cluster, in parallel with the events of a test.

use ringside_testing::patience::wait_for;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// A running load. The test ends it when it has seen the event that it waits for.
pub struct Load {
    process: Option<Child>,
    said: Arc<Mutex<String>>,
    out: TempDir,
}

/// Figures of a finished load.
pub struct Report {
    pub lost: u64,
    pub doubled: u64,
    pub reconnects: u64,
    pub longest_outage: Duration,
    pub entered: u64,
    pub accepted: u64,
    /// The whole report as JSON.
    pub text: String,
}

/// Load in requests per second.
const RATE: &str = "1000";
/// Longest duration in seconds, longer than any test needs.
const SECONDS: &str = "240";

impl Load {
    pub fn start(addresses: &[SocketAddr], symbols: &str) -> Load {
        Load::listening(addresses, symbols, &[])
    }

    /// Starts a load that listens to market data, as the arguments say.
    pub fn listening(addresses: &[SocketAddr], symbols: &str, feed: &[&str]) -> Load {
        let addresses: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
        let out = tempfile::tempdir().unwrap();
        let mut load = Command::new(env!("CARGO_BIN_EXE_ringside"));
        // A load with two symbols: each has an opening book of 10,000 orders.
        load.args(["load", "--address", &addresses.join(","), "--symbols", symbols, "--json"]);
        load.args(["--rate", RATE, "--warmup-seconds", "0.1", "--seconds", SECONDS, "--out"]);
        load.arg(out.path()).args(feed).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = load.spawn().unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let said = Arc::<Mutex<String>>::default();
        let writes = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                writes.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Load { process: Some(process), said, out }
    }

    /// Waits until the opening book is complete and requests are sent at their rate.
    pub fn flows(&mut self) {
        self.says("the flow starts", |said| said.contains("flow starts"));
    }

    /// Waits until sessions have lost `times` connections and all of them are connected again.
    pub fn reconnected(&mut self, times: u64) {
        let is_so = |said: &str| {
            let mut lines = said.lines().rev();
            let numbers = lines.find_map(|line| {
                let (connected, rest) = line.strip_prefix("ringside: ")?.split_once(" of ")?;
                let (sessions, rest) = rest.split_once(" sessions connected, ")?;
                let lost = rest.strip_suffix(" connections lost")?;
                Some((connected == sessions, lost.parse::<u64>().ok()?))
            });
            numbers.is_some_and(|(all, lost)| all && lost >= times)
        };
        self.says(&format!("{times} connections are lost and made again"), is_so);
    }

    fn says(&mut self, what: &str, is_so: impl Fn(&str) -> bool) {
        let process = self.process.as_mut().expect("it runs");
        let said = wait_for(what, || {
            let ended = process.try_wait().unwrap().is_some();
            let said = self.said.lock().unwrap();
            (ended || is_so(&said)).then(|| said.clone())
        });
        assert!(is_so(&said), "the load ended before {what}: {said}");
    }

    /// Stops new requests, waits until every request is answered, and returns the figures.
    pub fn report(mut self) -> Report {
        let process = self.process.take().expect("it runs");
        kill_process(Pid::from_child(&process), Signal::TERM).unwrap();
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "load: {}", self.said.lock().unwrap());
        assert!(self.out.path().join("report.json").exists());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let number = |part: &str, what: &str| {
            let number = report[part][what].as_u64();
            number.unwrap_or_else(|| panic!("{what} is no number: {report:#}"))
        };
        Report {
            lost: number("streams", "lost"),
            doubled: number("streams", "doubled"),
            reconnects: number("streams", "reconnects"),
            longest_outage: Duration::from_nanos(number("streams", "longest_outage_ns")),
            entered: number("counts", "entered"),
            accepted: number("counts", "accepted"),
            text: format!("{report:#}"),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
