//! `ringside bench sweep`: the latency at several shares of the capacity.

use super::case::{Case, Outcome};
use super::chart::{self, Curve};
use super::figures::{self, duration, late_percent, thousands};
use super::load::Pace;
use super::machine::Machine;
use super::{BenchLoadArgs, make_load, progress, write};
use crate::cli::output::{self, out, outln};
use crate::cli::{CliError, SCHEMA_VERSION};
use crate::config::Config;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Arguments of `bench sweep`.
#[derive(Args, Clone, Debug)]
pub struct SweepArgs {
    #[command(flatten)]
    load: BenchLoadArgs,
    /// Seconds of measurement at each rate.
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    seconds: f64,
    /// Number of commands for the measurement of the capacity.
    #[arg(long, value_name = "N", default_value_t = 5_000_000)]
    commands: usize,
}

/// Shares of the capacity that are measured, in percent.
const SHARES: [u64; 7] = [10, 25, 50, 70, 80, 90, 95];

/// A rate and its outcome.
struct Row {
    share: u64,
    asked: u64,
    outcome: Outcome,
}

pub(super) fn run(
    args: &SweepArgs,
    config: &Config,
    stop: &Arc<AtomicBool>,
) -> Result<(), CliError> {
    if !config.journal.dir.as_os_str().is_empty() {
        let what = "a sweep needs a fresh journal for every rate: run it without a journal folder";
        return Err(CliError::Config(what.into()));
    }
    let BenchLoadArgs { arrivals, seed, out, json, .. } = &args.load;
    let machine = Machine::this();
    let (load, warmup) = make_load(&args.load, args.commands, None)?;
    let case = Case { config, load: &load, warmup, pace: Pace::Saturate, seed: *seed };
    let preface = figures::preface(&case, &machine)?;
    if *json {
        output::prompt(&preface);
    } else {
        outln!("{preface}")?;
    }
    let capacity = case.run(stop)?.0.rate();
    progress::say(&format!("the capacity is {}/s", thousands(capacity as u64)));
    drop(load);

    let mut rows = vec![];
    for share in SHARES {
        let asked = ((capacity * share as f64 / 100.0) as u64).max(1);
        let commands = ((asked as f64 * args.seconds) as usize).max(1);
        let (load, warmup) = make_load(&args.load, commands, None)?;
        let pace = Pace::OpenLoop { rate: asked, arrivals: *arrivals };
        let (outcome, _) = Case { config, load: &load, warmup, pace, seed: *seed }.run(stop)?;
        rows.push(Row { share, asked, outcome });
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    let table = markdown(capacity, &rows);
    let json_text = format!("{:#}\n", summary(config, &machine, &load_name(args), capacity, &rows));
    out!("{}", if *json { &json_text } else { &table })?;
    write(&out.join("sweep.md"), &format!("```\n{preface}```\n\n{table}"))?;
    write(&out.join("sweep.json"), &json_text)?;
    draw(args, config, &rows)
}

fn load_name(args: &SweepArgs) -> String {
    match &args.load.flow {
        Some(file) => file.display().to_string(),
        None => args.load.workload.to_string(),
    }
}

fn markdown(capacity: f64, rows: &[Row]) -> String {
    let mut text = format!("Capacity (saturated): {}/s\n\n", thousands(capacity as u64));
    text.push_str("| share | rate asked | reached | p50 | p99 | p99.9 | max | sent late |\n");
    text.push_str("|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for Row { share, asked, outcome } in rows {
        let histogram = &outcome.corrected().histogram;
        let at = |quantile| duration(histogram.value_at_quantile(quantile));
        let _ = writeln!(
            text,
            "| {share} % | {}/s | {}/s | {} | {} | {} | {} | {:.2} % |",
            thousands(*asked),
            thousands(outcome.rate() as u64),
            at(0.5),
            at(0.99),
            at(0.999),
            duration(histogram.max()),
            late_percent(outcome),
        );
    }
    text
}

fn summary(config: &Config, machine: &Machine, load: &str, capacity: f64, rows: &[Row]) -> Value {
    let row = |Row { share, asked, outcome }: &Row| {
        json!({
            "share_percent": share,
            "rate": asked,
            "rate_reached": outcome.rate(),
            "late": outcome.late,
            "measured": outcome.measured,
            "latency_ns": outcome.spans.iter().map(figures::span_json).collect::<Vec<_>>(),
        })
    };
    json!({
        "schema_version": SCHEMA_VERSION,
        "load": load,
        "machine": machine,
        "durability": config.journal.durability,
        "capacity": capacity,
        "rates": rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn draw(args: &SweepArgs, config: &Config, rows: &[Row]) -> Result<(), CliError> {
    let curve = |(name, quantile): (&str, f64)| Curve {
        name: name.to_string(),
        points: rows
            .iter()
            .map(|Row { asked, outcome, .. }| {
                let ns = outcome.corrected().histogram.value_at_quantile(quantile);
                (*asked as f64, ns.max(1) as f64)
            })
            .collect(),
    };
    let curves = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)].map(curve);
    let title = format!("{}, {}: latency by rate", load_name(args), config.journal.durability);
    chart::rates(&args.load.out.join("sweep.svg"), &title, curves.into())
}
