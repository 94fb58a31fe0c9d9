//! The client side of the measurement: a source that releases the commands of a load at their
//! intended times.

use super::load::{Load, Pace};
use ringside_core::pipeline::{CommandSource, Polled, Trace};

/// Lateness in ns above which a send counts as late.
pub(super) const LATE_NS: u64 = 10_000;

/// Sends a load into a fresh venue, where the first command gets seqno 1.
pub(super) struct FlowSource<'a> {
    load: &'a Load,
    trace: &'a Trace,
    sent: usize,
    /// Index of the first measured command.
    measured_from: usize,
    /// Index of the first command with an intended time of its own.
    paced_from: usize,
    /// Intended times of the commands from `paced_from` on, in ns from `start_ns`.
    intended_ns: Vec<u64>,
    start_ns: u64,
    /// Latest reading of the clock.
    now_ns: u64,
    /// Intended time of the first measured command.
    pub began_ns: u64,
    /// Number of measured commands that were sent more than [`LATE_NS`] after their intended time.
    pub late: u64,
    /// Largest lateness of a measured command, in ns.
    pub lateness_max_ns: u64,
}

impl<'a> FlowSource<'a> {
    /// Returns a source that does not measure the first `warmup` commands behind the opening.
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

    /// Returns the number of commands sent.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    /// Returns the intended time of the next command once that time has come. A late command keeps
    /// its intended time.
    #[inline]
    fn due_ns(&mut self) -> Option<u64> {
        /// While the loop is late, it reads the clock only once for this many commands.
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
