//! The whole pipeline with the journal on, compared with the project's goals.
//!
//! `cargo bench --bench pipeline -- [--runs N] [--quick] [--only NAME]`. Each case runs a few
//! times, and the median run counts. A run with a wrong outcome ends the bench with exit code 1; a
//! missed goal is only printed.

use ringside::cli::CliError;
use ringside::cli::bench::case::{Case, Outcome, Proof};
use ringside::cli::bench::figures::{self, duration, thousands};
use ringside::cli::bench::load::{Load, Pace};
use ringside::cli::bench::machine::Machine;
use ringside::config::Config;
use ringside_core::pipeline::plan::allowed_cores;
use ringside_load::arrivals::ArrivalKind;
use ringside_load::flow::Workload;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const SEED: u64 = 2026;

/// Goal of a case.
enum Goal {
    /// Commands per second.
    Rate(u64),
    /// Largest latencies, in ns.
    Latency { p50: u64, p99: u64 },
}

struct Contest {
    name: &'static str,
    durability: &'static str,
    pace: Pace,
    commands: usize,
    goal: Goal,
}

const CONTESTS: [Contest; 3] = [
    Contest {
        name: "pagecache-saturated",
        durability: "pagecache",
        pace: Pace::Saturate,
        commands: 20_000_000,
        goal: Goal::Rate(5_000_000),
    },
    Contest {
        name: "pagecache-1m",
        durability: "pagecache",
        pace: Pace::OpenLoop { rate: 1_000_000, arrivals: ArrivalKind::Even },
        commands: 5_000_000,
        goal: Goal::Latency { p50: 2_000, p99: 20_000 },
    },
    Contest {
        name: "fsync-saturated",
        durability: "fsync",
        pace: Pace::Saturate,
        commands: 5_000_000,
        goal: Goal::Rate(1_000_000),
    },
];

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).map(|options| run(&options)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

struct Options {
    runs: usize,
    quick: bool,
    only: Option<String>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options { runs: 3, quick: false, only: None };
        while let Some(flag) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--runs" => {
                    let runs = value()?.parse().ok().filter(|&runs| runs > 0);
                    options.runs = runs.ok_or("--runs needs a number above zero")?;
                }
                "--only" => options.only = Some(value()?),
                "--quick" => options.quick = true,
                // Cargo passes this flag to every benchmark.
                "--bench" => {}
                _ => return Err(format!("unknown option {flag:?}")),
            }
        }
        Ok(options)
    }
}

fn run(options: &Options) -> Result<(), CliError> {
    const QUICK: usize = 10;
    println!("W1, the middle of {} runs; {}\n", options.runs, Machine::this());
    let mut stages = String::new();
    println!("| case | threads | reached | goal | | p50 | p99 | p99.9 | max | over the runs |");
    println!("|---|---|---:|---|---|---:|---:|---:|---:|---|");
    for contest in &CONTESTS {
        if options.only.as_ref().is_some_and(|only| only != contest.name) {
            continue;
        }
        let commands = if options.quick { contest.commands / QUICK } else { contest.commands };
        let mut config = Config::for_bench();
        config.journal.durability = contest.durability.into();
        config.journal.any_filesystem = true;
        let warmup = commands / 10;
        let load = Load::generate(Workload::W1, SEED, warmup + commands);
        let case = Case { config: &config, load: &load, warmup, pace: contest.pace, seed: SEED };
        let stop = Arc::new(AtomicBool::new(false));
        let runs = (0..options.runs).map(|_| case.run(&stop)).collect::<Result<Vec<_>, _>>()?;
        let plan = config.layout(&allowed_cores())?.plan.to_string();
        let (row, middle) = contest.row(&plan, runs);
        println!("{row}");
        stages += &format!("\n{}\n\n{}", contest.name, figures::table(&case, &middle.0, &middle.1));
    }
    print!("{stages}");
    Ok(())
}

impl Contest {
    /// Returns the row of the table and the run that it describes.
    fn row(&self, plan: &str, mut runs: Vec<(Outcome, Proof)>) -> (String, (Outcome, Proof)) {
        let at =
            |outcome: &Outcome, quantile| outcome.corrected().histogram.value_at_quantile(quantile);
        let (goal, spread);
        let told = |list: Vec<String>| list.join(", ");
        match self.goal {
            Goal::Rate(_) => {
                runs.sort_by(|a, b| a.0.rate().total_cmp(&b.0.rate()));
                let rates = runs.iter().map(|(run, _)| format!("{:.2} M/s", run.rate() / 1e6));
                spread = told(rates.collect());
            }
            Goal::Latency { .. } => {
                runs.sort_by_key(|(run, _)| at(run, 0.99));
                let p99s = runs.iter().map(|(run, _)| format!("p99 {}", duration(at(run, 0.99))));
                spread = told(p99s.collect());
            }
        }
        let middle = runs.swap_remove(runs.len() / 2);
        let outcome = &middle.0;
        let met = match self.goal {
            Goal::Rate(rate) => {
                goal = format!("≥ {}/s", thousands(rate));
                outcome.rate() >= rate as f64
            }
            Goal::Latency { p50, p99 } => {
                goal = format!("p50 ≤ {}, p99 ≤ {}", duration(p50), duration(p99));
                at(outcome, 0.5) <= p50 && at(outcome, 0.99) <= p99
            }
        };
        let row = format!(
            "| {} | {plan} | {}/s | {goal} | {} | {} | {} | {} | {} | {spread} |",
            self.name,
            thousands(outcome.rate() as u64),
            if met { "PASS" } else { "MISS" },
            duration(at(outcome, 0.5)),
            duration(at(outcome, 0.99)),
            duration(at(outcome, 0.999)),
            duration(outcome.corrected().histogram.max()),
        );
        (row, middle)
    }
}
