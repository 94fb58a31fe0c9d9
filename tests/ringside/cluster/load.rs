//! `ringside load` over all addresses of a cluster, beside whatever happens to it.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A load under way.
pub struct Load {
    process: Option<Child>,
    out: TempDir,
}

/// What a load found.
pub struct Report {
    pub lost: u64,
    pub doubled: u64,
    pub reconnects: u64,
    pub longest_outage: Duration,
    pub entered: u64,
    pub accepted: u64,
    /// All of it.
    pub text: String,
}

/// Requests per second.
const RATE: &str = "1000";

impl Load {
    pub fn start(addresses: &[SocketAddr], symbols: &str, seconds: f64) -> Load {
        Load::listening(addresses, symbols, seconds, &[])
    }

    /// One that listens to market data, as the arguments say.
    pub fn listening(addresses: &[SocketAddr], symbols: &str, seconds: f64, feed: &[&str]) -> Load {
        let addresses: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
        let out = tempfile::tempdir().unwrap();
        let mut load = Command::new(env!("CARGO_BIN_EXE_ringside"));
        // Of two instruments: each has an opening book of 10,000 orders.
        load.args(["load", "--address", &addresses.join(","), "--symbols", symbols, "--json"]);
        load.args([
            "--rate",
            RATE,
            "--warmup-seconds",
            "0.1",
            "--seconds",
            &seconds.to_string(),
            "--out",
        ]);
        load.arg(out.path()).args(feed).stdout(Stdio::piped()).stderr(Stdio::piped());
        Load { process: Some(load.spawn().unwrap()), out }
    }

    /// Lets no new request out.
    pub fn end_early(&self) {
        let process = self.process.as_ref().expect("it runs");
        kill_process(Pid::from_child(process), Signal::TERM).unwrap();
    }

    /// Waits until it ends.
    pub fn report(mut self) -> Report {
        let process = self.process.take().expect("it runs");
        let output = process.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "load: {said}");
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
