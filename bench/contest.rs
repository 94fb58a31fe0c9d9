//! Common parts of all benches of order books: the same commands under the same clock, and an
//! engine that runs as in the pipeline.

use ringside_engine::Engine;
use ringside_load::flow::{Event, Flow, Trades};
use ringside_model::command::{Command, Sequenced};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::report::{Body, Executed, Report, ReportSink};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Number of commands that are decoded ahead: two batches of a matcher. More would push the books
/// out of the cache, which no matcher does; with fewer, the clock would be read too often.
pub const CHUNK: usize = 128;

/// Pins the thread to the last core that the process may use, which is the least likely to be busy.
pub fn pin() {
    let core = core_affinity::get_core_ids().and_then(|cores| cores.last().copied());
    match core.filter(|&core| core_affinity::set_for_current(core)) {
        Some(core) => eprintln!("pinned to core {}", core.id),
        None => eprintln!("not pinned"),
    }
}

/// Nanoseconds per event over all runs.
#[derive(Clone, Copy)]
pub struct Times {
    /// Median of all runs.
    pub median: f64,
    /// Fastest run.
    pub least: f64,
    /// Slowest run.
    pub most: f64,
}

impl Times {
    /// Returns the statistics of all runs, at least one.
    pub fn of(mut ns: Vec<f64>) -> Self {
        ns.sort_by(f64::total_cmp);
        Times { median: ns[ns.len() / 2], least: ns[0], most: ns[ns.len() - 1] }
    }
}

/// Divides the time evenly among the events of all kinds.
pub fn ns_per_event(time: Duration, flow: &Flow) -> f64 {
    time.as_nanos() as f64 / flow.events.len() as f64
}

/// Numbers commands as the sequencer would.
#[derive(Default)]
pub struct Sequencer {
    last: u64,
}

impl Sequencer {
    /// Gives the next command its seqno and time.
    pub fn number(&mut self, command: Command) -> Sequenced {
        self.last += 1;
        Sequenced { seqno: SeqNo(self.last), time: Nanos(self.last), command }
    }

    /// Passes events to `apply` in decoded chunks.
    pub fn chunks(&mut self, events: &[Event], mut apply: impl FnMut(&[Sequenced])) {
        let mut decoded = Vec::with_capacity(CHUNK);
        for chunk in events.chunks(CHUNK) {
            decoded.clear();
            decoded.extend(chunk.iter().map(|event| self.number(event.command())));
            apply(&decoded);
        }
    }
}

/// Applies the definitions and the opening book without the clock, then the events in batches under
/// the clock.
pub fn run(flow: &Flow, batch: usize, mut apply: impl FnMut(&[Sequenced])) -> Duration {
    let mut sequencer = Sequencer::default();
    for &command in &flow.definitions {
        apply(&[sequencer.number(command)]);
    }
    sequencer.chunks(&flow.setup, &mut apply);
    let mut time = Duration::ZERO;
    sequencer.chunks(&flow.events, |commands| {
        let start = Instant::now();
        for batch in commands.chunks(batch) {
            apply(batch);
        }
        time += start.elapsed();
    });
    time
}

/// Runs the engine; returns its time, and true if its trades and live orders are those of the flow.
pub fn run_engine(flow: &Flow, batch: usize) -> (Duration, bool) {
    let mut engine = Engine::new(flow.setup.len());
    let mut sink = RingSink::new();
    let time = run(flow, batch, |commands| engine.apply_batch(commands, &mut sink));
    black_box(&sink.ring);
    (time, (sink.trades, engine.live_orders()) == (flow.trades, flow.live))
}

/// Sink that writes each report into the next slot of a ring, as the matcher does, and records the
/// trades.
pub struct RingSink {
    ring: Box<[Report; RingSink::SLOTS]>,
    next: usize,
    /// Trades so far.
    pub trades: Trades,
}

impl RingSink {
    const SLOTS: usize = 4096;

    /// Returns a ring whose pages are in memory before the clock starts.
    pub fn new() -> Self {
        let ring = vec![Report::BLANK; Self::SLOTS].into_boxed_slice();
        let ring = ring.try_into().expect("as many slots as the ring has");
        RingSink { ring, next: 0, trades: Trades::default() }
    }
}

impl ReportSink for RingSink {
    #[inline(always)]
    fn report(&mut self, report: Report) {
        if let Body::Executed(Executed { removed: false, .. }) = report.body() {
            let Report { session, id, price, quantity, .. } = report;
            self.trades.add(session.0, id.0, price.0, quantity.0);
        }
        self.ring[self.next % Self::SLOTS] = report;
        self.next += 1;
    }

    #[inline(always)]
    fn end_command(&mut self) {
        self.ring[self.next.wrapping_sub(1) % Self::SLOTS].set_last();
    }
}
