//! `ringside bench`: a load generator inside the process, through the whole pipeline with the
//! journal on.
//!
//! `load.rs` makes the commands, `source.rs` sends them at their intended times, `collector.rs`
//! measures where the reports leave the pipeline. `case.rs` runs a load and then proves from the
//! journal (`audit.rs`, `tally.rs`) that the outcome is right. `figures.rs` and `chart.rs` print
//! the outcome, `sweep.rs` repeats the run over several rates.

mod audit;
pub mod case;
pub mod chart;
pub mod collector;
pub mod figures;
pub mod load;
pub mod machine;
pub mod progress;
mod source;
pub mod sweep;
pub mod tally;

use super::{CliError, stop_on_signals, temporary_folder};
use crate::cli::output::{self, out, outln};
use crate::config::Config;
use case::Case;
use clap::{Args, Subcommand};
use load::{Load, Pace};
use machine::Machine;
use ringside_load::arrivals::ArrivalKind;
use ringside_load::flow::Workload;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Arguments of `bench`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    #[command(flatten)]
    load: BenchLoadArgs,
    /// Number of measured commands.
    #[arg(long, value_name = "N", default_value_t = 5_000_000)]
    commands: usize,
    /// Measure for this many seconds instead of a number of commands.
    #[arg(long, value_name = "S", conflicts_with_all = ["commands", "saturate"])]
    seconds: Option<f64>,
    /// Send at a fixed rate (open loop), in commands per second [default: 1000000].
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Send as fast as the pipeline takes the commands.
    #[arg(long, conflicts_with = "rate")]
    saturate: bool,
    /// Commands sent before the measured ones [default: a tenth of the measured ones, at least
    /// 100000].
    #[arg(long, value_name = "N")]
    warmup: Option<usize>,
    /// Keep the temporary journal and print its path.
    #[arg(long)]
    keep_journal: bool,
}

#[derive(Subcommand, Clone, Debug)]
enum BenchCommand {
    /// Find the capacity, then measure the latency at several shares of the capacity.
    Sweep(sweep::SweepArgs),
}

/// Arguments of the load: its source, its arrival times and the output directory.
#[derive(Args, Clone, Debug)]
pub struct BenchLoadArgs {
    /// Workload: w1, w2, wide, walk, shuffled, million or deep.
    #[arg(long, value_name = "NAME", default_value_t = Workload::W1)]
    pub workload: Workload,
    /// Take the commands from a session file; its timestamps are ignored.
    #[arg(long, value_name = "FILE", conflicts_with = "workload")]
    pub flow: Option<PathBuf>,
    /// Arrival times: even, poisson or bursts:N.
    #[arg(long, value_name = "KIND", default_value = "even", value_parser = parse_arrivals)]
    pub arrivals: ArrivalKind,
    /// Random seed for orders and arrival times.
    #[arg(long, default_value_t = 2026)]
    pub seed: u64,
    /// Output directory.
    #[arg(long, value_name = "DIR", default_value = "out/bench")]
    pub out: PathBuf,
    /// Print the summary as JSON instead of the table.
    #[arg(long)]
    pub json: bool,
}

/// Runs `ringside bench`.
pub fn run(args: &BenchArgs, config: &Config) -> Result<(), CliError> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop)?;
    match &args.command {
        Some(BenchCommand::Sweep(sweep)) => sweep::run(sweep, config, &stop),
        None => run_one(args, config, &stop),
    }
}

fn run_one(args: &BenchArgs, config: &Config, stop: &Arc<AtomicBool>) -> Result<(), CliError> {
    const RATE: u64 = 1_000_000;
    let BenchLoadArgs { out, seed, arrivals, json, .. } = &args.load;
    let pace = match args.rate {
        _ if args.saturate => Pace::Saturate,
        rate => Pace::OpenLoop { rate: rate.unwrap_or(RATE), arrivals: *arrivals },
    };
    let commands = match (pace, args.seconds) {
        (Pace::OpenLoop { rate, .. }, Some(seconds)) => (rate as f64 * seconds).ceil() as usize,
        _ => args.commands,
    };
    let (load, warmup) = make_load(&args.load, commands.max(1), args.warmup)?;
    let mut config = config.clone();
    if args.keep_journal && config.journal.dir.as_os_str().is_empty() {
        config.journal.dir = temporary_folder()?.keep();
        progress::say(&format!("the journal stays in {}", config.journal.dir.display()));
    }
    let case = Case { config: &config, load: &load, warmup, pace, seed: *seed };
    let machine = Machine::this();
    let preface = figures::preface(&case, &machine)?;
    if *json {
        output::prompt(&preface);
    } else {
        outln!("{preface}")?;
    }
    let (outcome, proof) = case.run(stop)?;
    let summary = figures::summary(&case, &machine, &outcome, &proof)?;
    if *json {
        outln!("{summary:#}")?;
    } else {
        out!("{}", figures::table(&case, &outcome, &proof))?;
    }
    write(&out.join("summary.json"), &format!("{summary:#}\n"))?;
    let histogram = &outcome.corrected().histogram;
    write(&out.join("latency.hgrm"), &figures::distribution(histogram))?;
    if !histogram.is_empty() {
        let rate = figures::thousands(outcome.rate() as u64);
        let title = format!("{}, {rate}/s, {}", load.name, config.journal.durability);
        let spans = [outcome.corrected(), outcome.uncorrected()];
        let latencies = spans.map(|span| (span.name, &span.histogram));
        chart::percentiles(&out.join("latency.svg"), &title, &latencies)?;
    }
    Ok(())
}

/// Makes the load with its warm-up in front; returns the load and the length of the warm-up in
/// commands.
fn make_load(
    args: &BenchLoadArgs,
    commands: usize,
    warmup: Option<usize>,
) -> Result<(Load, usize), CliError> {
    const WARMUP_MIN: usize = 100_000;
    let wanted = warmup.unwrap_or((commands / 10).max(WARMUP_MIN));
    let Some(file) = &args.flow else {
        progress::say(&format!("generating {} events", wanted + commands));
        return Ok((Load::generate(args.workload, args.seed, wanted + commands), wanted));
    };
    let mut load = Load::read(file)?;
    let length = load.flow.len();
    let warmup = warmup.unwrap_or(wanted.min(length / 10));
    if warmup >= length {
        let what = format!("{}: {length} commands are no more than the warm-up", file.display());
        return Err(CliError::Failure(what));
    }
    load.flow.truncate(warmup + commands);
    Ok((load, warmup))
}

pub(super) fn parse_arrivals(text: &str) -> Result<ArrivalKind, String> {
    let unknown = || format!("unknown arrivals {text:?}, expected even, poisson or bursts:N");
    match (text, text.split_once(':')) {
        ("even", _) => Ok(ArrivalKind::Even),
        ("poisson", _) => Ok(ArrivalKind::Poisson),
        (_, Some(("bursts", size))) => match size.parse() {
            Ok(size) if size > 0 => Ok(ArrivalKind::Bursts { size }),
            _ => Err(unknown()),
        },
        _ => Err(unknown()),
    }
}

/// Writes an output file, and creates its directory first. The user named both: the umask says who
/// may read them.
pub(super) fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| CliError::Failure(format!("{}: {error}", path.display())))
}
