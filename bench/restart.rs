//! Restart time with and without a snapshot, as the user sees it: the program itself is started on
//! a journal that `bench` wrote.
//!
//! `cargo bench --bench restart -- [--commands N] [--workload NAME] [--runs N] [--quick]`. The
//! journal is in the page cache, as after a crash of the process. As root, a cold start with
//! dropped caches follows.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// Goal: seconds of a restart from a snapshot.
const GOAL_SECONDS: f64 = 5.0;
/// Goal: commands per second replayed by a restart without a snapshot.
const GOAL_RATE: f64 = 10e6;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    commands: u64,
    workload: String,
    runs: usize,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options { commands: 50_000_000, workload: "w1".into(), runs: 3 };
        while let Some(flag) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--commands" => {
                    options.commands = value()?.parse().map_err(|_| "--commands needs a number")?;
                }
                "--runs" => options.runs = value()?.parse().map_err(|_| "--runs needs a number")?,
                "--workload" => options.workload = value()?,
                "--quick" => (options.commands, options.runs) = (500_000, 1),
                "--bench" => {}
                _ => return Err(format!("unknown option {flag:?}")),
            }
        }
        Ok(options)
    }
}

fn run(options: &Options) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let journal = dir.path().join("journal");
    let out = dir.path().join("out");
    let (commands, out) = (options.commands.to_string(), out.display().to_string());
    let flow = ["bench", "--saturate", "--json", "--commands", &commands, "--out", &out];
    ringside(&journal, &[&flow[..], &["--workload", &options.workload]].concat())?;

    let whole = Restarts::of(&journal, options.runs)?;
    let snapshot = ringside(&journal, &["snapshot", "--json"])?;
    let newest = Restarts::of(&journal, options.runs)?;
    for restart in whole.warm.iter().chain(&newest.warm).chain(&newest.cold) {
        if restart.state != whole.warm[0].state {
            return Err("a restart came to another state".into());
        }
    }
    let seqno = whole.warm[0].seqno;
    println!(
        "{}, {seqno} commands, middle of {} runs; {}\n",
        options.workload,
        options.runs,
        ringside::cli::bench::machine::Machine::this()
    );
    println!("| restart | commands replayed | seconds | commands/s | goal | seconds, cold |");
    println!("|---|---:|---:|---:|---|---:|");
    let rate = whole.commands() as f64 / whole.seconds();
    println!("{}", whole.row("the whole journal", rate >= GOAL_RATE, "≥ 10 M/s"));
    let met = newest.seconds() <= GOAL_SECONDS;
    println!("{}", newest.row("newest snapshot and the rest", met, "≤ 5 s"));
    println!(
        "\nThe snapshot holds {} orders in {} MB; to replay up to it, write it, read it back and \
         compare took {:.2} s.",
        snapshot["orders"],
        snapshot["bytes"].as_u64().unwrap_or_default() / 1_000_000,
        snapshot["seconds"].as_f64().unwrap_or_default()
    );
    Ok(())
}

/// One start of the program on a journal.
struct Restart {
    from: u64,
    seqno: u64,
    seconds: f64,
    state: String,
}

/// Several starts under the same conditions.
struct Restarts {
    warm: Vec<Restart>,
    cold: Option<Restart>,
}

impl Restarts {
    fn of(journal: &Path, runs: usize) -> Result<Self, String> {
        let mut warm = (0..runs).map(|_| restart(journal)).collect::<Result<Vec<_>, _>>()?;
        warm.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let dropped = Command::new("sync").status().is_ok()
            && std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok();
        let cold = dropped.then(|| restart(journal)).transpose()?;
        Ok(Restarts { warm, cold })
    }

    fn middle(&self) -> &Restart {
        &self.warm[self.warm.len() / 2]
    }

    fn seconds(&self) -> f64 {
        self.middle().seconds
    }

    fn commands(&self) -> u64 {
        self.middle().seqno - self.middle().from
    }

    fn row(&self, name: &str, met: bool, goal: &str) -> String {
        let (commands, seconds) = (self.commands(), self.seconds());
        let rate = commands as f64 / seconds / 1e6;
        let met = if met { "PASS" } else { "MISS" };
        let cold = self.cold.as_ref().map_or("–".into(), |cold| format!("{:.2}", cold.seconds));
        format!("| {name} | {commands} | {seconds:.2} | {rate:.1} M | {goal} {met} | {cold} |")
    }
}

/// Starts a venue on the journal, with nothing to do, and reads the summary of its restart.
fn restart(journal: &Path) -> Result<Restart, String> {
    let summary = journal.with_extension("json");
    let path = summary.display().to_string();
    ringside(journal, &["exec", "-", "--quiet", "--json-summary", &path])?;
    let text = std::fs::read_to_string(&summary).map_err(|error| format!("{path}: {error}"))?;
    let summary: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let start = &summary["restart"];
    let number = |key: &str| start[key].as_u64().ok_or_else(|| format!("no {key} in {start}"));
    Ok(Restart {
        from: number("from_seqno")?,
        seqno: number("seqno")?,
        seconds: start["seconds"].as_f64().ok_or("no seconds")?,
        state: summary["state_hash"].to_string(),
    })
}

/// Runs the program and returns the JSON that it prints, if any.
fn ringside(journal: &Path, args: &[&str]) -> Result<Value, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_ringside"))
        .args(args)
        .arg("--journal")
        .arg(journal)
        // No snapshots are taken except on request.
        .env("RINGSIDE__SNAPSHOTS__MAX_RESTART_SECONDS", "0")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start ringside: {error}"))?;
    if !output.status.success() {
        return Err(format!("{args:?}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
}
