//! The cost of durability: the latency that `fsync` adds to `pagecache`, a minute of `fsync`, and
//! the effect of snapshots on the live path. Whole pipeline, open loop.
//!
//! `cargo bench --bench durability -- [--runs N] [--quick] [--only modes|minute|snapshots]`. The
//! cases of a comparison take turns, so that a slow minute of the machine falls on all of them.

use ringside::cli::CliError;
use ringside::cli::bench::case::{Case, Outcome};
use ringside::cli::bench::figures::{duration, thousands};
use ringside::cli::bench::load::{Load, Pace};
use ringside::cli::bench::machine::Machine;
use ringside::config::Config;
use ringside_load::arrivals::ArrivalKind;
use ringside_load::flow::Workload;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const SEED: u64 = 2026;

struct Options {
    runs: usize,
    /// True if each run takes a tenth of its seconds.
    quick: bool,
    only: Option<String>,
}

fn main() -> ExitCode {
    let mut options = Options { runs: 3, quick: false, only: None };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        match flag.as_str() {
            "--runs" => options.runs = args.next().and_then(|n| n.parse().ok()).unwrap_or(3),
            "--only" => options.only = args.next(),
            "--quick" => (options.quick, options.runs) = (true, 1),
            _ => {}
        }
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), CliError> {
    println!("W1, middle of {} runs by p99.9; {}\n", options.runs, Machine::this());
    let wanted = |name: &str| options.only.as_ref().is_none_or(|only| only == name);
    println!("| case | rate | p50 | p99 | p99.9 | p99.99 | max | samples | p99.9 of the runs |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---|");
    if wanted("modes") {
        for rate in [100_000, 500_000] {
            let cases = ["pagecache", "fsync"].map(|mode| Trial::new(mode, rate, 10.0));
            let middles = alternate(&cases, options)?;
            let added = |quantile| {
                let [without, with] = [0, 1].map(|i| at(&middles[i], quantile));
                duration(with.saturating_sub(without))
            };
            let (p50, p99, p999) = (added(0.5), added(0.99), added(0.999));
            println!("| **`fsync` adds** | {} | {p50} | {p99} | {p999} | | | | |", thousands(rate));
        }
    }
    if wanted("minute") {
        // A message of 100 bytes is a frame of 64 bytes here; at twice the rate the frames have as
        // many bytes as the messages.
        for rate in [100_000, 200_000] {
            alternate(
                &[Trial::new("fsync", rate, 60.0)],
                &Options { runs: 1, quick: options.quick, only: None },
            )?;
        }
    }
    if wanted("snapshots") {
        // One plan takes all cores for the pipeline, the other leaves a core for the snapshot
        // thread.
        for plan in ["auto", "single"] {
            let trial = Trial::new("pagecache", 200_000, 10.0);
            let without = Trial { workload: Workload::Million, plan, ..trial };
            alternate(&[without, Trial { snapshots: 1.0, ..without }], options)?;
        }
    }
    Ok(())
}

/// One case of a comparison.
#[derive(Clone, Copy)]
struct Trial {
    durability: &'static str,
    rate: u64,
    seconds: f64,
    workload: Workload,
    plan: &'static str,
    /// Value of `snapshots.max_restart_seconds`.
    snapshots: f64,
}

impl Trial {
    fn new(durability: &'static str, rate: u64, seconds: f64) -> Self {
        let workload = Workload::W1;
        Trial { durability, rate, seconds, workload, plan: "auto", snapshots: 0.0 }
    }

    fn name(&self) -> String {
        match (self.workload, self.snapshots) {
            (Workload::W1, _) => format!("`{}`", self.durability),
            (workload, 0.0) => format!("{workload}, `{}`, no snapshots", self.plan),
            (workload, _) => format!("{workload}, `{}`, snapshots all the time", self.plan),
        }
    }

    fn run(&self, quick: bool) -> Result<Outcome, CliError> {
        let mut config = Config::for_bench();
        config.journal.durability = self.durability.into();
        config.journal.any_filesystem = true;
        config.snapshots.max_restart_seconds = self.snapshots;
        config.pipeline.plan = self.plan.into();
        let seconds = if quick { self.seconds / 20.0 } else { self.seconds };
        let commands = (self.rate as f64 * seconds) as usize;
        let warmup = commands / 10;
        let load = Load::generate(self.workload, SEED, warmup + commands);
        let pace = Pace::OpenLoop { rate: self.rate, arrivals: ArrivalKind::Even };
        let case = Case { config: &config, load: &load, warmup, pace, seed: SEED };
        Ok(case.run(&Arc::new(AtomicBool::new(false)))?.0)
    }
}

/// Runs the cases in turns and prints the median run of each.
fn alternate(trials: &[Trial], options: &Options) -> Result<Vec<Outcome>, CliError> {
    let mut outcomes: Vec<Vec<Outcome>> = trials.iter().map(|_| vec![]).collect();
    for _ in 0..options.runs {
        for (trial, outcomes) in trials.iter().zip(&mut outcomes) {
            outcomes.push(trial.run(options.quick)?);
        }
    }
    let mut middles = vec![];
    for (trial, mut runs) in trials.iter().zip(outcomes) {
        runs.sort_by_key(|run| at(run, 0.999));
        let spread: Vec<String> = runs.iter().map(|run| duration(at(run, 0.999))).collect();
        let middle = runs.swap_remove(runs.len() / 2);
        let quantiles = [0.5, 0.99, 0.999, 0.9999].map(|quantile| duration(at(&middle, quantile)));
        let histogram = &middle.corrected().histogram;
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            trial.name(),
            thousands(middle.rate() as u64),
            quantiles.join(" | "),
            duration(histogram.max()),
            histogram.len(),
            spread.join(", ")
        );
        middles.push(middle);
    }
    Ok(middles)
}

/// Returns the latency from the intended time at a quantile, in ns.
fn at(outcome: &Outcome, quantile: f64) -> u64 {
    outcome.corrected().histogram.value_at_quantile(quantile)
}
