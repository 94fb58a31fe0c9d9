//! A venue from the user's side: `ringside exec` reads an endless session and prints reports until
//! it is ended. Complete printed lines are acknowledgements, and the journal must contain them.

use ringside_load::rng::Rng;
use ringside_testing::patience::{PATIENCE, wait_until};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A venue under load.
pub struct Running {
    child: Child,
    input: JoinHandle<Flow>,
    output: JoinHandle<Vec<u8>>,
    errors: JoinHandle<String>,
    printed: Arc<AtomicUsize>,
}

/// Results of a venue that has ended.
pub struct Ended {
    /// Exit status of the process.
    pub status: ExitStatus,
    /// Complete lines that it printed: its acknowledgements.
    pub printed: Vec<u8>,
    /// Output on standard error.
    pub said: String,
    /// Session, to continue with.
    pub flow: Flow,
}

/// Starts a venue on a journal and sends it a flow.
pub fn start(journal: &Path, durability: &str, mut flow: Flow) -> Running {
    let mut child = ringside(&["exec", "-", "--journal"], journal)
        .env("RINGSIDE__JOURNAL__DURABILITY", durability)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let printed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&printed);
    Running {
        child,
        input: std::thread::spawn(move || {
            flow.feed(&mut stdin);
            flow
        }),
        output: std::thread::spawn(move || {
            let (mut all, mut piece) = (vec![], vec![0; 1 << 16]);
            while let Ok(length @ 1..) = stdout.read(&mut piece) {
                all.extend_from_slice(&piece[..length]);
                count.store(all.len(), Ordering::Release);
            }
            let whole = all.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            all.truncate(whole);
            all
        }),
        errors: std::thread::spawn(move || {
            let mut said = vec![];
            let _ = stderr.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        }),
        printed,
    }
}

impl Running {
    /// Waits until the venue has printed something or has ended.
    #[track_caller]
    pub fn wait_for_print(&mut self) {
        wait_until("the venue prints a report or ends", || {
            self.printed.load(Ordering::Acquire) > 0 || self.child.try_wait().unwrap().is_some()
        });
    }

    /// Waits for the venue to end by itself; kills it after a timeout, which its status shows.
    pub fn ends(self) -> Ended {
        self.kill_after(PATIENCE)
    }

    /// Gives the venue this time to end by itself, then kills it with `kill -9`.
    pub fn kill_after(mut self, patience: Duration) -> Ended {
        let began = Instant::now();
        while began.elapsed() < patience && self.child.try_wait().unwrap().is_none() {
            std::thread::sleep(patience.min(Duration::from_micros(200)));
        }
        self.child.kill().unwrap();
        Ended {
            status: self.child.wait().unwrap(),
            printed: self.output.join().unwrap(),
            said: self.errors.join().unwrap(),
            flow: self.input.join().unwrap(),
        }
    }
}

/// Expected and found content of the journal, over all runs on it.
pub struct Proof {
    journal: PathBuf,
    /// Reports up to the last acknowledgement, as `replay` prints them.
    acknowledged: Vec<u8>,
    /// Reports that the latest check found in the journal: the next run continues from them.
    recovered: Vec<u8>,
}

impl Proof {
    /// Begins without any acknowledgement.
    pub fn new(journal: &Path) -> Self {
        Proof { journal: journal.to_path_buf(), acknowledged: vec![], recovered: vec![] }
    }

    /// Adds the output of a run. The output follows all reports that the run recovered, which must
    /// stay with it.
    pub fn told(&mut self, printed: &[u8]) {
        if !printed.is_empty() {
            self.acknowledged = [&self.recovered, printed].concat();
        }
    }

    /// Requires that the latest recovered reports stay, acknowledged or not.
    pub fn keep_recovered(&mut self) {
        if self.acknowledged.len() < self.recovered.len() {
            self.acknowledged.clone_from(&self.recovered);
        }
    }

    /// Compares the journal with the acknowledged reports: none is lost or altered, and two replays
    /// with different shards agree on the state.
    pub fn check(&mut self) -> Result<(), String> {
        let replay = |more: &[&str]| {
            ringside(&[&["replay", "--json"], more, &["--journal"]].concat(), &self.journal)
                .output()
        };
        let first = replay(&["--reports", "--shards", "1"]).unwrap();
        let said = String::from_utf8_lossy(&first.stderr);
        if said.contains("no journal here") && self.acknowledged.is_empty() {
            return Ok(());
        }
        if !first.status.success() {
            return Err(format!("replay: {said}"));
        }
        let mut reports = first.stdout;
        let summary =
            reports.windows(3).rposition(|bytes| bytes == b"\n{\n").map_or(0, |at| at + 1);
        let one = hashes(&reports.split_off(summary));
        let three = hashes(&replay(&["--shards", "3"]).unwrap().stdout);
        if one != three {
            return Err(format!("one shard replays to {one:?}, three to {three:?}"));
        }
        self.recovered = reports;
        self.compare()
    }

    /// Returns the number of acknowledged reports.
    pub fn acknowledged_reports(&self) -> usize {
        self.acknowledged.iter().filter(|&&byte| byte == b'\n').count()
    }

    fn compare(&self) -> Result<(), String> {
        if self.recovered.starts_with(&self.acknowledged) {
            return Ok(());
        }
        let mut told = self.acknowledged.split(|&byte| byte == b'\n');
        let mut found = self.recovered.split(|&byte| byte == b'\n');
        let differs = |(told, found): &(Option<&[u8]>, Option<&[u8]>)| told != found;
        let (told, found) = std::iter::repeat_with(|| (told.next(), found.next()))
            .find(differs)
            .expect("the texts differ");
        let text =
            |line: Option<&[u8]>| line.map(|line| String::from_utf8_lossy(line).into_owned());
        Err(format!("told {:?}, the journal has {:?}", text(told), text(found)))
    }
}

/// An endless session: orders that sometimes trade, and changes of earlier orders. No order id is
/// used twice.
pub struct Flow {
    rng: Rng,
    /// Order id that was used last.
    pub last_id: u64,
}

const SYMBOLS: [&str; 5] = ["AAPL", "MSFT", "XOM", "KO", "IBM"];

impl Flow {
    /// Returns the session of a seed.
    pub fn new(seed: u64) -> Self {
        Flow { rng: Rng::new(seed), last_id: 0 }
    }

    /// Returns definitions and this number of commands, as the lines of a session.
    pub fn session(&mut self, commands: u64) -> String {
        let symbol = |name| {
            format!("{{\"op\":\"symbol\",\"symbol\":\"{name}\",\"tick\":\"0.01\",\"lot\":1}}\n")
        };
        let mut lines: String = SYMBOLS.into_iter().map(symbol).collect();
        (0..commands).for_each(|_| self.command(&mut lines));
        lines
    }

    /// Writes definitions and then bursts of commands, with pauses, until the reader is gone.
    fn feed(&mut self, input: &mut ChildStdin) {
        let mut lines = self.session(1);
        while input.write_all(lines.as_bytes()).is_ok() {
            lines.clear();
            let burst = [1, 20, 500, 5000][self.rng.below(4) as usize];
            (0..=self.rng.below(burst)).for_each(|_| self.command(&mut lines));
            if self.rng.chance(1, 8) {
                std::thread::sleep(Duration::from_micros(self.rng.below(8000)));
            }
        }
    }

    fn command(&mut self, lines: &mut String) {
        let old = self.last_id.saturating_sub(self.rng.below(50));
        let quantity = 1 + self.rng.below(200);
        let price = format!("10{}.{:02}", self.rng.below(3), self.rng.below(100));
        let line = match self.rng.below(10) {
            0..3 => format!(r#"{{"op":"cancel","session":"A","id":{old}}}"#),
            3 => format!(r#"{{"op":"reduce","session":"A","id":{old},"qty":{quantity}}}"#),
            4 => {
                self.last_id += 1;
                format!(
                    r#"{{"op":"replace","session":"A","id":{old},"new_id":{},"qty":{quantity},"price":"{price}"}}"#,
                    self.last_id
                )
            }
            _ => {
                self.last_id += 1;
                let symbol = SYMBOLS[self.rng.below(5) as usize];
                let side = if self.rng.chance(1, 2) { "buy" } else { "sell" };
                format!(
                    r#"{{"op":"enter","session":"A","id":{},"symbol":"{symbol}","side":"{side}","qty":{quantity},"price":"{price}"}}"#,
                    self.last_id
                )
            }
        };
        lines.push_str(&line);
        lines.push('\n');
    }
}

/// Runs the program as always, without a flag: it starts, reads nothing and exits with success.
#[track_caller]
pub fn starts_and_ends(journal: &Path, durability: &str) {
    let mut command = ringside(&["exec", "-", "--journal"], journal);
    command.env("RINGSIDE__JOURNAL__DURABILITY", durability).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Returns the program with `journal` as its last argument, and with segments so short that they
/// roll often.
pub fn ringside(args: &[&str], journal: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringside"));
    command.args(args).arg(journal).env("RINGSIDE__JOURNAL__SEGMENT_BYTES", "262144");
    // A killed process loses no synced bytes, whatever file system the temporary folder is on.
    command.env("RINGSIDE__JOURNAL__ANY_FILESYSTEM", "true");
    command
}

/// Reads a number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Returns the values on which two replays of one journal must agree.
fn hashes(summary: &[u8]) -> Option<[serde_json::Value; 4]> {
    let summary: serde_json::Value = serde_json::from_slice(summary).ok()?;
    Some(["seqno", "reports", "state_hash", "output_hash"].map(|key| summary[key].clone()))
}
