//! Report of a load: text for people, HdrHistogram and SVG files, JSON for scripts.

use super::LoadArgs;
use super::listener::Heard;
use super::run::Outcome;
use crate::cli::bench::chart;
use crate::cli::bench::figures::{
    PERCENTILES, arrivals_name, cells, distribution, duration, latency_json, thousands,
};
use crate::cli::bench::machine::Machine;
use crate::cli::bench::write;
use crate::cli::output::out;
use crate::cli::{CliError, SCHEMA_VERSION};
use hdrhistogram::Histogram;
use ringside_load::session::meter::{Arrival, LATE_NS};
use ringside_load::session::plan::Kind;
use ringside_wire::feed::receiver::Received;
use serde_json::{Value, json};
use std::fmt::Write;
use std::net::SocketAddr;

/// Content of the report.
pub(super) struct LoadReport<'a> {
    /// Arguments of the command line.
    pub args: &'a LoadArgs,
    /// Addresses of the venue.
    pub addresses: &'a [SocketAddr],
    /// Number of sessions that sent.
    pub sessions: u16,
    /// Machine of the measurement.
    pub machine: Machine,
    /// Outcome of the sessions.
    pub outcome: &'a Outcome,
    /// Results of the listener on the feed.
    pub feed: Option<Feed>,
    /// Round trips of a bare TCP echo.
    pub echo: Option<Histogram<u64>>,
}

/// Results of the listener on the feed, with latencies.
pub(super) struct Feed {
    latencies: Histogram<u64>,
    received: Received,
    lost: u64,
    compared: Option<usize>,
}

impl Feed {
    /// Matches the arrivals on the feed with the measured orders that rest.
    pub(super) fn of(mut heard: Heard, orders: &[Arrival]) -> Feed {
        let latencies = heard.latencies(orders);
        let Heard { received, lost, compared, .. } = heard;
        Feed { latencies, received, lost, compared }
    }
}

/// Number of kinds of requests: new orders, cancels, replaces.
const KINDS: usize = 3;

/// A latency with its name.
type Latency<'a> = (&'a str, Histogram<u64>);

impl LoadReport<'_> {
    /// Prints the report and writes the files.
    pub(super) fn write(&self) -> Result<(), CliError> {
        let latencies = self.latencies();
        let json = format!("{:#}\n", self.json(&latencies));
        if self.args.json {
            out!("{json}")?;
        } else {
            out!("{}", self.text(&latencies))?;
        }
        let out = &self.args.out;
        write(&out.join("report.json"), &json)?;
        let (_, all) = &latencies[0];
        write(&out.join("ack.hgrm"), &distribution(all))?;
        if let Some(feed) = &self.feed {
            write(&out.join("feed.hgrm"), &distribution(&feed.latencies))?;
        }
        if all.is_empty() {
            return Ok(());
        }
        let rate = thousands(self.outcome.rate() as u64);
        let title = format!("{}, {rate}/s, {} sessions", self.args.mix, self.sessions);
        // The kinds of requests differ little: the chart shows only the first one, and the
        // latencies that are no requests.
        let (requests, beside) = latencies.split_at(KINDS + 1);
        let curves =
            requests[..1].iter().chain(beside).filter(|(_, histogram)| !histogram.is_empty());
        let curves: Vec<_> = curves.map(|(name, histogram)| (*name, histogram)).collect();
        chart::percentiles(&out.join("ack.svg"), &title, &curves)
    }

    fn latencies(&self) -> Vec<Latency<'static>> {
        let meter = &self.outcome.meter;
        let mut latencies = vec![
            ("all answers", meter.all()),
            ("new order to its answer", meter.of(Kind::Enter).clone()),
            ("cancel to canceled", meter.of(Kind::Cancel).clone()),
            ("replace to its answer", meter.of(Kind::Replace).clone()),
        ];
        let feed = self.feed.as_ref().map(|feed| feed.latencies.clone());
        latencies.extend(feed.map(|feed| ("order to its market data", feed)));
        latencies.extend(self.echo.clone().map(|echo| ("bare TCP echo", echo)));
        latencies
    }

    fn pace(&self) -> String {
        let arrivals = arrivals_name(self.args.arrivals);
        match self.args.asked_rate() {
            None if self.args.saturate => {
                format!("saturate, {} new orders of a session in flight", self.args.window)
            }
            None => "ping-pong".into(),
            Some(rate) if self.args.ping_pong => {
                format!("ping-pong, at most {}/s", thousands(rate))
            }
            Some(rate) => format!("open loop, {}/s, {arrivals}", thousands(rate)),
        }
    }

    fn text(&self, latencies: &[Latency]) -> String {
        let LoadReport { args, outcome, machine, sessions, .. } = self;
        let (counts, meter) = (&outcome.counts, &outcome.meter);
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let mut text = String::new();
        let mut line = |what: std::fmt::Arguments| {
            let _ = writeln!(text, "{what}");
        };
        line(format_args!("venue       {} {}", addresses.join(", "), args.note));
        let (mix, seed, threads) = (args.mix, args.seed, args.threads);
        line(format_args!(
            "load        {mix}, seed {seed}, {} symbols, {sessions} sessions on {threads} threads",
            args.symbols.len()
        ));
        line(format_args!("pace        {}", self.pace()));
        line(format_args!("measured    {}", self.meaning()));
        line(format_args!("machine     {machine}\n"));

        let heads: String = PERCENTILES.iter().map(|(name, _)| format!(" {name} |")).collect();
        line(format_args!("| rate asked | reached | latency |{heads} max | samples |"));
        line(format_args!("|---:|---:|---|{}", "---:|".repeat(PERCENTILES.len() + 2)));
        let asked = args.asked_rate().map_or("–".into(), |rate| format!("{}/s", thousands(rate)));
        let reached = format!("{}/s", thousands(outcome.rate() as u64));
        for (name, histogram) in latencies {
            line(format_args!("| {asked} | {reached} | {name} |{}", cells(histogram)));
        }
        if let Some([p50, p99]) = self.ratios() {
            line(format_args!(
                "\necho        a new order takes {p50:.2} times as long as a bare TCP \
                               echo at p50, {p99:.2} times at p99"
            ));
        }
        line(format_args!(
            "\nsent        {} orders, {} cancels, {} replaces",
            thousands(counts.entered),
            thousands(counts.cancels),
            thousands(counts.replaces),
        ));
        line(format_args!(
            "answers     {} accepted, {} rejected, {} replaced, {} canceled, {} executed ({} shares), \
             {} ignored, {} other",
            thousands(counts.accepted),
            thousands(counts.rejected),
            thousands(counts.replaced),
            thousands(counts.canceled),
            thousands(counts.executed),
            thousands(counts.executed_shares),
            thousands(counts.ignored),
            thousands(counts.other),
        ));
        for (reason, n) in &counts.reasons {
            line(format_args!("            rejected for reason 0x{reason:04X}: {}", thousands(*n)));
        }
        line(format_args!(
            "sent late   {} of {} measured more than {} µs, at most {}",
            thousands(meter.late),
            thousands(meter.sent),
            LATE_NS / 1000,
            duration(meter.lateness_max_ns),
        ));
        line(format_args!(
            "streams     {} messages, {} lost, {} doubled, {} reconnects, longest outage {}",
            thousands(outcome.messages),
            outcome.lost,
            outcome.doubled,
            outcome.reconnects,
            duration(outcome.longest_outage_ns),
        ));
        if let Some(Feed { received, lost, compared, .. }) = &self.feed {
            let [a, b] = received.datagrams;
            line(format_args!(
                "feed        {} messages in {} and {} datagrams on lines A and B, {} recovered, {lost} lost",
                thousands(received.messages),
                thousands(a),
                thousands(b),
                thousands(received.recovered),
            ));
            line(format_args!(
                "feed copies {} compared, {} of them differ, {} came too late for that",
                thousands(received.compared),
                received.mismatches,
                thousands(received.not_compared),
            ));
            let compared = match compared {
                Some(orders) => {
                    format!(
                        "has the venue's {} orders in their priority",
                        thousands(*orders as u64)
                    )
                }
                None => "was not compared: --glimpse says who has the venue's".to_string(),
            };
            line(format_args!("feed book   made from the messages, {compared}"));
        }
        if outcome.skipped > 0 {
            let skipped = thousands(outcome.skipped);
            line(format_args!("left out    {skipped} requests about orders that were no more"));
        }
        let stopped = if outcome.stopped { ", stopped by a signal" } else { "" };
        line(format_args!("time        {:.3} s measured{stopped}", meter.seconds()));
        match outcome.wrong {
            0 => line(format_args!("checked     every answer")),
            wrong => line(format_args!("checked     {wrong} checks FAILED")),
        }
        outcome.failures.iter().for_each(|what| line(format_args!("            {what}")));
        text
    }

    /// Describes the two ends of a latency.
    fn meaning(&self) -> &'static str {
        if self.args.saturate || self.args.ping_pong {
            "from the send to the arrival of the answer"
        } else {
            "from the intended send time to the arrival of the answer; late sends count in full"
        }
    }

    /// Returns the ratio of the venue's time to the echo's time, at p50 and p99.
    fn ratios(&self) -> Option<[f64; 2]> {
        let echo = self.echo.as_ref()?;
        let venue = self.outcome.meter.of(Kind::Enter);
        Some([0.5, 0.99].map(|quantile| {
            let [venue, echo] = [venue, echo].map(|h| h.value_at_quantile(quantile) as f64);
            venue / echo.max(1.0)
        }))
    }

    fn json(&self, latencies: &[Latency]) -> Value {
        let LoadReport { args, outcome, .. } = self;
        let meter = &outcome.meter;
        json!({
            "schema_version": SCHEMA_VERSION,
            "parameters": {
                "addresses": self.addresses,
                "note": args.note,
                "mix": args.mix.name(),
                "seed": args.seed,
                "symbols": args.symbols,
                "sessions": self.sessions,
                "threads": args.threads,
                "spin": args.spin,
                "pace": self.pace(),
                "rate": args.asked_rate(),
                "arrivals": arrivals_name(args.arrivals),
                "window": args.window,
                "seconds": args.seconds,
                "warmup_seconds": args.warmup_seconds,
            },
            "machine": self.machine,
            "measures": self.meaning(),
            "measured": meter.sent,
            "seconds": meter.seconds(),
            "rate_reached": outcome.rate(),
            "late": meter.late,
            "lateness_max_ns": meter.lateness_max_ns,
            "latency_ns": latencies
                .iter()
                .map(|(name, histogram)| latency_json(name, histogram))
                .collect::<Vec<_>>(),
            "echo_ratio": self.ratios().map(|[p50, p99]| json!({ "p50": p50, "p99": p99 })),
            "counts": outcome.counts,
            "streams": {
                "messages": outcome.messages,
                "lost": outcome.lost,
                "doubled": outcome.doubled,
                "reconnects": outcome.reconnects,
                "longest_outage_ns": outcome.longest_outage_ns,
            },
            "feed": self.feed.as_ref().map(|feed| json!({
                "messages": feed.received.messages,
                "datagrams": feed.received.datagrams,
                "recovered": feed.received.recovered,
                "lost": feed.lost,
                "duplicates": feed.received.duplicates,
                "compared": feed.received.compared,
                "not_compared": feed.received.not_compared,
                "mismatches": feed.received.mismatches,
                "first_mismatch": feed.received.first_mismatch,
                "orders_compared": feed.compared,
            })),
            "skipped": outcome.skipped,
            "stopped": outcome.stopped,
            "wrong": outcome.wrong,
            "failures": outcome.failures,
        })
    }
}
