//! Figures of a run: tables for people, HdrHistogram text for plotters, JSON for scripts.

use super::case::{Case, Outcome, Proof};
use super::collector::Span;
use super::load::Pace;
use super::machine::Machine;
use crate::cli::{CliError, SCHEMA_VERSION, hex};
use hdrhistogram::Histogram;
use ringside_core::pipeline::Trace;
use ringside_core::pipeline::plan::allowed_cores;
use ringside_load::arrivals::ArrivalKind;
use serde_json::{Value, json};
use std::fmt::Write;

/// Percentiles that every latency is printed with.
pub const PERCENTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999)];

/// Describes a run before it starts: venue, machine and durability promise.
pub fn preface(case: &Case, machine: &Machine) -> Result<String, CliError> {
    let layout = case.config.layout(&allowed_cores())?;
    let pipeline = &case.config.pipeline;
    let pace = match case.pace {
        Pace::Saturate => "as fast as the pipeline takes them (intended = sent)".to_string(),
        Pace::OpenLoop { rate, arrivals } => {
            format!("open loop, {}/s, {}", thousands(rate), arrivals_name(arrivals))
        }
    };
    let measured = (case.load.flow.len() - case.warmup) as u64;
    Ok(format!(
        "load        {}: {} opening, {} warm-up, {} measured commands\n\
         pace        {pace}\n\
         durability  {}: {}\n\
         threads     {}\n\
         rings       {} frames, {} reports for each of {} shards, batches of {}\n\
         machine     {machine}\n\
         sampling    1 in {} commands is timed, at each point of the pipeline\n",
        case.load.name,
        thousands(case.load.opening.len() as u64),
        thousands(case.warmup as u64),
        thousands(measured),
        case.config.journal.durability,
        case.config.durability()?.promise(),
        layout.plan,
        pipeline.ring_slots,
        pipeline.report_slots,
        pipeline.shards,
        pipeline.batch_max,
        Trace::EVERY,
    ))
}

/// Formats the outcome of a run as a table.
pub fn table(case: &Case, outcome: &Outcome, proof: &Proof) -> String {
    let mut text = String::new();
    let asked = match case.pace {
        Pace::Saturate => "saturate".to_string(),
        Pace::OpenLoop { rate, .. } => format!("{}/s", thousands(rate)),
    };
    let reached = format!("{}/s", thousands(outcome.rate() as u64));
    let heads: String = PERCENTILES.iter().map(|(name, _)| format!(" {name} |")).collect();
    let mut line = |what: std::fmt::Arguments| {
        let _ = writeln!(text, "{what}");
    };
    line(format_args!("| rate asked | reached | latency |{heads} max | samples |"));
    line(format_args!("|---:|---:|---|{}", "---:|".repeat(PERCENTILES.len() + 2)));
    for span in &outcome.spans[..2] {
        line(format_args!("| {asked} | {reached} | {} |{}", span.name, cells(&span.histogram)));
    }
    line(format_args!("\n| stage |{heads} max | samples |"));
    line(format_args!("|---|{}", "---:|".repeat(PERCENTILES.len() + 2)));
    for span in &outcome.spans[2..] {
        line(format_args!("| {} |{}", span.name, cells(&span.histogram)));
    }
    line(format_args!(
        "\nsent late   {} of {} ({:.3} %) more than 10 µs, at most {}",
        thousands(outcome.late),
        thousands(outcome.measured),
        late_percent(outcome),
        duration(outcome.lateness_max_ns),
    ));
    let seconds = outcome.seconds;
    line(format_args!(
        "journal     {} bytes, {:.1} MB/s while measured; input ring full {} times",
        thousands(proof.journal_bytes),
        journal_rate(outcome, proof) / 1e6,
        thousands(outcome.ring_full),
    ));
    line(format_args!(
        "checked     {} commands, {} orders, {} reports, {} trades; replayed at {}/s to the same \
         hashes",
        thousands(proof.commands),
        thousands(proof.orders),
        thousands(outcome.tally.total()),
        thousands(outcome.tally.trades.count),
        thousands((proof.commands as f64 / proof.replay.as_secs_f64()) as u64),
    ));
    line(format_args!("hashes      state {}", hex(outcome.probe.state)));
    line(format_args!("            output {}", hex(outcome.probe.output)));
    let stopped = if outcome.stopped { ", stopped by a signal" } else { "" };
    line(format_args!("time        {seconds:.3} s measured{stopped}"));
    text
}

/// Returns the outcome of a run as JSON.
pub fn summary(
    case: &Case,
    machine: &Machine,
    outcome: &Outcome,
    proof: &Proof,
) -> Result<Value, CliError> {
    let (rate, arrivals) = match case.pace {
        Pace::Saturate => (None, None),
        Pace::OpenLoop { rate, arrivals } => (Some(rate), Some(arrivals_name(arrivals))),
    };
    let spans: Vec<Value> = outcome.spans.iter().map(span_json).collect();
    let trades = outcome.tally.trades;
    Ok(json!({
        "schema_version": SCHEMA_VERSION,
        "parameters": {
            "load": case.load.name,
            "opening": case.load.opening.len(),
            "warmup": case.warmup,
            "commands": case.load.flow.len() - case.warmup,
            "rate": rate,
            "arrivals": arrivals,
            "seed": case.seed,
            "sampling": Trace::EVERY,
        },
        "machine": machine,
        "durability": case.config.journal.durability,
        "plan": case.config.layout(&allowed_cores())?.plan.to_string(),
        "shards": case.config.pipeline.shards,
        "ring_slots": case.config.pipeline.ring_slots,
        "batch_max": case.config.pipeline.batch_max,
        "stopped": outcome.stopped,
        "measured": outcome.measured,
        "seconds": outcome.seconds,
        "rate_reached": outcome.rate(),
        "late": outcome.late,
        "lateness_max_ns": outcome.lateness_max_ns,
        "ring_full": outcome.ring_full,
        "latency_ns": spans,
        "seqno": outcome.probe.seqno,
        "reports": outcome.probe.reports,
        "counts": outcome.tally.by_kind(),
        "reasons": outcome.tally.by_reason(),
        "trades": {
            "count": trades.count,
            "quantity": trades.quantity,
            "hash": format!("{:016x}", trades.hash),
        },
        "state_hash": hex(outcome.probe.state),
        "output_hash": hex(outcome.probe.output),
        "journal_bytes": proof.journal_bytes,
        "journal_bytes_per_s": journal_rate(outcome, proof),
        "replay_seconds": proof.replay.as_secs_f64(),
        "replay_rate": proof.commands as f64 / proof.replay.as_secs_f64(),
    }))
}

/// Returns a span as JSON.
pub fn span_json(span: &Span) -> Value {
    latency_json(span.name, &span.histogram)
}

/// Returns the percentiles of a latency as JSON.
pub fn latency_json(name: &str, histogram: &Histogram<u64>) -> Value {
    let mut fields = serde_json::Map::new();
    fields.insert("name".into(), name.into());
    for (name, quantile) in PERCENTILES {
        fields.insert(name.into(), histogram.value_at_quantile(quantile).into());
    }
    fields.insert("max".into(), histogram.max().into());
    fields.insert("samples".into(), histogram.len().into());
    Value::Object(fields)
}

/// Formats the distribution in the text format of HdrHistogram, in microseconds.
pub fn distribution(histogram: &Histogram<u64>) -> String {
    const TICKS_PER_HALF: u32 = 5;
    const NS_PER_US: f64 = 1000.0;
    /// Number of sub-buckets for three significant digits.
    const SUB_BUCKETS: u32 = 2048;
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut count = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        count += step.count_since_last_iteration();
        let value = step.value_iterated_to() as f64 / NS_PER_US;
        let quantile = step.quantile_iterated_to();
        let _ = write!(text, "{value:12.3} {quantile:2.12} {count:10}");
        if quantile < 1.0 {
            let _ = write!(text, " {:14.2}", 1.0 / (1.0 - quantile));
        }
        text.push('\n');
    }
    let _ = write!(
        text,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]\n\
         #[Max     = {:12.3}, Total count    = {:12}]\n\
         #[Buckets = {:12}, SubBuckets     = {:12}]\n",
        histogram.mean() / NS_PER_US,
        histogram.stdev() / NS_PER_US,
        histogram.max() as f64 / NS_PER_US,
        histogram.len(),
        histogram.buckets(),
        SUB_BUCKETS,
    );
    text
}

/// Formats the percentiles, the maximum and the number of samples as cells of a table.
pub fn cells(histogram: &Histogram<u64>) -> String {
    let mut cells = String::new();
    for (_, quantile) in PERCENTILES {
        let _ = write!(cells, " {} |", duration(histogram.value_at_quantile(quantile)));
    }
    let _ = write!(cells, " {} | {} |", duration(histogram.max()), thousands(histogram.len()));
    cells
}

/// Returns the percentage of the measured commands that were sent late.
pub fn late_percent(outcome: &Outcome) -> f64 {
    outcome.late as f64 * 100.0 / outcome.measured.max(1) as f64
}

/// Returns journal bytes per second: the bytes of an average command times the measured rate.
fn journal_rate(outcome: &Outcome, proof: &Proof) -> f64 {
    outcome.rate() * proof.journal_bytes as f64 / proof.commands.max(1) as f64
}

/// Returns the argument text of `--arrivals` for an arrival kind.
pub fn arrivals_name(arrivals: ArrivalKind) -> String {
    match arrivals {
        ArrivalKind::Even => "even".into(),
        ArrivalKind::Poisson => "poisson".into(),
        ArrivalKind::Bursts { size } => format!("bursts:{size}"),
    }
}

/// Formats a time with three digits and its unit.
pub fn duration(ns: u64) -> String {
    let ns = ns as f64;
    let (value, unit) = match ns {
        _ if ns < 1e3 => return format!("{ns} ns"),
        _ if ns < 1e6 => (ns / 1e3, "µs"),
        _ if ns < 1e9 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

/// Formats a number with its digits in groups of three.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let written = [7, 999, 1000, 1_234_567].map(thousands);
        assert_eq!(written, ["7", "999", "1,000", "1,234,567"]);
        let written = [0, 999, 1_000, 12_345, 123_456, 5_000_000, 2_000_000_000].map(duration);
        let expected = ["0 ns", "999 ns", "1.00 µs", "12.3 µs", "123 µs", "5.00 ms", "2.00 s"];
        assert_eq!(written, expected);
    }

    #[test]
    fn the_distribution_ends_with_everything() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        (1..=1000).for_each(|ns| histogram.record(ns * 1000).unwrap());
        let text = distribution(&histogram);
        let rows: Vec<&str> = text.lines().skip(2).filter(|line| !line.starts_with('#')).collect();
        let last: Vec<&str> = rows.last().unwrap().split_whitespace().collect();
        assert_eq!(last[1..], ["1.000000000000", "1000"]);
        let median = rows.iter().find(|row| row.contains(" 0.500000000000 ")).unwrap();
        assert!(median.trim_start().starts_with("500."), "{median}");
        assert!(text.contains("Total count    =         1000"));
    }
}
