//! The client side of the measurement: a source that hands a load over at its intended times.

use super::load::{Load, Pace};
use ringside_core::pipeline::{CommandSource, Polled, Trace};

/// From this lateness on, a send counts as late.
pub(super) const LATE_NS: u64 = 10_000;

/// Sends a load into a fresh venue, where the first command gets number 1.
pub(super) struct FlowSource<'a> {
    load: &'a Load,
    trace: &'a Trace,
    sent: usize,
    /// The first command that is measured.
    measured_from: usize,
    /// The first command that has an intended time of its own.
    paced_from: usize,
    /// The intended times of those, in ns from `start_ns`.
    intended_ns: Vec<u64>,
    start_ns: u64,
    /// The latest look at the clock.
    now_ns: u64,
    /// When the first measured command was meant to go.
    pub began_ns: u64,
    /// How many measured commands were sent more than [`LATE_NS`] after their intended time.
    pub late: u64,
    /// The largest lateness of a measured command.
    pub lateness_max_ns: u64,
}

impl<'a> FlowSource<'a> {
    /// A source whose first `warmup` commands behind the opening are not measured.
    pub(super) fn new(
        load: &'a Load,
        warmup: usize,
        pace: Pace,
        seed: u64,
        trace: &'a Trace,
    ) -> Self {
        let opening = load.opening.len();
        FlowSource {
            load,
            trace,
            sent: 0,
            measured_from: opening + warmup,
            paced_from: if pace == Pace::Saturate { usize::MAX } else { opening },
            intended_ns: pace.intended_ns(load.flow.len(), seed),
            start_ns: 0,
            now_ns: 0,
            began_ns: 0,
            late: 0,
            lateness_max_ns: 0,
        }
    }

    /// How many commands were sent.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    /// The intended time of the next command if that has come. A command that is late keeps it.
    #[inline]
    fn due_ns(&mut self) -> Option<u64> {
        /// While the loop is behind, it looks at the clock once in so many commands.
        const LOOK_EVERY: usize = 16;
        let at = self.sent - self.paced_from;
        if at == 0 && self.start_ns == 0 {
            self.start_ns = self.trace.now_ns();
        }
        let due = self.start_ns + self.intended_ns[at];
        if due > self.now_ns || at.is_multiple_of(LOOK_EVERY) {
            self.now_ns = self.trace.now_ns();
            if due > self.now_ns {
                return None;
            }
        }
        if self.sent >= self.measured_from {
            let late = self.now_ns - due;
            self.late += u64::from(late > LATE_NS);
            self.lateness_max_ns = self.lateness_max_ns.max(late);
        }
        Some(due)
    }
}

impl CommandSource for FlowSource<'_> {
    #[inline]
    fn poll(&mut self) -> Polled {
        let at = self.sent;
        let opening = self.load.opening.len();
        if at == self.load.len() {
            return Polled::Ended;
        }
        let intended_ns = if at >= self.paced_from {
            let Some(due) = self.due_ns() else { return Polled::Idle };
            due
        } else if at == self.measured_from || Trace::samples(at as u64 + 1) {
            self.trace.now_ns()
        } else {
            0
        };
        if at == self.measured_from {
            self.began_ns = intended_ns;
        }
        self.sent = at + 1;
        let command =
            if at < opening { self.load.opening[at] } else { self.load.flow.get(at - opening) };
        Polled::Command { command, time: None, intended_ns }
    }
}
