//! One measured run: a load through the whole pipeline into a fresh journal, then a replay that
//! proves the outcome.

use super::audit::Audit;
use super::collector::{Collector, Span};
use super::load::{Load, Pace};
use super::progress;
use super::source::FlowSource;
use super::tally::Tally;
use crate::cli::{CliError, temporary_folder};
use crate::config::Config;
use ringside_core::pipeline::plan::allowed_cores;
use ringside_core::pipeline::{Control, Trace};
use ringside_core::recovery::replay::{Replay, replay};
use ringside_core::venue::Venue;
use ringside_journal::Reader;
use ringside_model::frame::HashProbe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// One measured run, before it starts.
pub struct Case<'a> {
    /// Configuration of the venue.
    pub config: &'a Config,
    /// Commands that are sent.
    pub load: &'a Load,
    /// Number of commands of the flow before the measured ones.
    pub warmup: usize,
    /// Send rate.
    pub pace: Pace,
    /// Random seed of the send times.
    pub seed: u64,
}

/// Outcome of a run.
pub struct Outcome {
    /// Number of commands sent, with the opening and the warm-up.
    pub sent: u64,
    /// Number of measured commands.
    pub measured: u64,
    /// True if the run was stopped before its end.
    pub stopped: bool,
    /// Seconds from the intended time of the first measured command to the report of the last one.
    pub seconds: f64,
    /// Number of measured commands that were sent late.
    pub late: u64,
    /// Largest lateness of a measured command, in ns.
    pub lateness_max_ns: u64,
    /// Number of times that the input ring was full.
    pub ring_full: u64,
    /// Counts of all reports of the run.
    pub tally: Tally,
    /// Latencies, see [`Collector::spans`].
    pub spans: Vec<Span>,
    /// State and output hashes at the end.
    pub probe: HashProbe,
}

/// Outcome of the proof: counts from the journal.
pub struct Proof {
    /// Number of commands in the journal.
    pub commands: u64,
    /// Bytes of all frames in the journal.
    pub journal_bytes: u64,
    /// Number of new orders in the journal.
    pub orders: u64,
    /// Duration of the replay.
    pub replay: Duration,
}

impl Outcome {
    /// Returns the measured commands per second.
    pub fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.measured as f64 / self.seconds } else { 0.0 }
    }

    /// Returns the end-to-end latency from the intended send time: late sends count in full.
    pub fn corrected(&self) -> &Span {
        &self.spans[0]
    }

    /// Returns the end-to-end latency from the moment of the send.
    pub fn uncorrected(&self) -> &Span {
        &self.spans[1]
    }
}

impl Case<'_> {
    /// Runs the load and proves the outcome, in the journal folder of the config or in a temporary
    /// one.
    pub fn run(&self, stop: &Arc<AtomicBool>) -> Result<(Outcome, Proof), CliError> {
        let is_temporary = self.config.journal.dir.as_os_str().is_empty();
        let temporary = is_temporary.then(temporary_folder).transpose()?;
        let dir = temporary.as_ref().map_or(self.config.journal.dir.as_path(), |dir| dir.path());
        let outcome = self.measure(dir, stop)?;
        let proof = self.prove(dir, &outcome)?;
        Ok((outcome, proof))
    }

    /// Runs the load into the journal in `dir`.
    pub fn measure(&self, dir: &Path, stop: &Arc<AtomicBool>) -> Result<Outcome, CliError> {
        self.refuse_commands(dir)?;
        let mut options = self.config.journal_options(dir)?;
        let began = Instant::now();
        let prepared = ringside_journal::prepare_ahead(&mut options, self.load.journal_bytes())?;
        let seconds = began.elapsed().as_secs_f64();
        progress::say(&format!("prepared {prepared} journal segments in {seconds:.2} s"));

        let layout = self.config.layout(&allowed_cores())?;
        let venue = Venue::open(options, self.config.shape(), &mut Tally::default())?;
        let snapshots = self.config.snapshots();
        let snapshots = snapshots
            .map(|policy| venue.take_snapshots(policy, self.config.sizes(), None))
            .transpose();
        let _snapshots = snapshots
            .map_err(|error| CliError::Failure(format!("cannot start a thread: {error}")))?;
        let trace = Trace::new();
        let source = FlowSource::new(self.load, self.warmup, self.pace, self.seed, &trace);
        let from = (self.load.opening.len() + self.warmup) as u64 + 1;
        let measured = from..self.load.len() as u64 + 1;
        let collector = Collector::new(&trace, measured.clone(), self.config.durability()?);
        let control = Control { stop: Arc::clone(stop), ..Control::default() };
        let closed = progress::while_running(&trace, measured, &control, || {
            venue.run(&layout, source, collector, &control, Some(&trace), vec![])
        })?;
        let closed = closed.expect("nobody abandons it");
        let (source, collector) = (closed.source, closed.subscriber);
        let sent = source.sent() as u64;
        Ok(Outcome {
            sent,
            measured: (sent + 1).saturating_sub(from),
            stopped: sent < self.load.len() as u64,
            seconds: collector.ended_ns.saturating_sub(source.began_ns) as f64 / 1e9,
            late: source.late,
            lateness_max_ns: source.lateness_max_ns,
            ring_full: control.ring_full.load(Ordering::Relaxed),
            tally: collector.tally,
            spans: collector.spans,
            probe: closed.probe,
        })
    }

    /// Replays the journal of a run and compares the result with the outcome of the run.
    pub fn prove(&self, dir: &Path, outcome: &Outcome) -> Result<Proof, CliError> {
        let differs = |what: &str, run: String, proof: String| {
            Err(CliError::Check(format!("{what}: the run has {run}, it should be {proof}")))
        };
        let identity = self.config.journal_options(dir)?.identity;
        let began = Instant::now();
        let mut reader = Reader::open(dir, identity)?;
        let again = replay(&mut reader, self.config.shape(), Tally::default(), None)?;
        let elapsed = began.elapsed();
        let (run, proof) = (&outcome.probe, again.probe());
        let hex = crate::cli::hex;
        if run.seqno != proof.seqno {
            return differs("last seqno", run.seqno.to_string(), proof.seqno.to_string());
        }
        if run.state != proof.state {
            return differs("state hash", hex(run.state), hex(proof.state));
        }
        if run.output != proof.output {
            return differs("output hash", hex(run.output), hex(proof.output));
        }
        if outcome.tally != again.subscriber {
            return Err(CliError::Check("the run and its replay count different reports".into()));
        }
        if proof.seqno != outcome.sent {
            return differs("commands", proof.seqno.to_string(), outcome.sent.to_string());
        }
        if let Some(trades) = self.load.trades.filter(|_| !outcome.stopped)
            && trades != outcome.tally.trades
        {
            return differs("trades", format!("{:?}", outcome.tally.trades), format!("{trades:?}"));
        }
        let (orders, journal_bytes) = self.audit(Reader::open(dir, identity)?)?;
        Ok(Proof { commands: proof.seqno, journal_bytes, orders, replay: elapsed })
    }

    /// Replays the journal once more and checks that no quantity was lost; returns the number of
    /// orders and of bytes.
    fn audit(&self, mut reader: Reader) -> Result<(u64, u64), CliError> {
        let mut replay = Replay::new(self.config.shape(), Audit::default());
        let mut bytes = 0;
        while let Some(frame) = reader.next_frame()? {
            bytes += frame.bytes().len() as u64;
            replay.subscriber.expect(&frame);
            replay.frame(&frame)?;
        }
        replay.flush();
        replay.subscriber.check(&replay.shards)?;
        Ok((replay.subscriber.orders, bytes))
    }

    /// Fails if the journal already holds commands: the seqnos of the load begin at 1.
    fn refuse_commands(&self, dir: &Path) -> Result<(), CliError> {
        let mut reader = Reader::open(dir, self.config.journal_options(dir)?.identity)?;
        while let Some(frame) = reader.next_frame()? {
            if frame.kind().is_some_and(|kind| kind.is_command()) {
                let what = "holds commands already; bench needs an empty journal";
                return Err(CliError::Failure(format!("{}: {what}", dir.display())));
            }
        }
        Ok(())
    }
}
