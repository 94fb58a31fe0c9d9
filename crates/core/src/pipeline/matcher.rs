//! The matcher: applies the commands behind the gate to the books of one shard and publishes the
//! reports to its report ring. Under `volatile` there is no gate: the journal may not have the
//! commands yet.

use super::stage::{Consume, Fatal};
use crate::shard::MatchingShard;
use ringside_model::frame::Frame;
use ringside_model::report::Report;

/// Destination of a matcher's reports: its report ring.
pub(crate) trait ReportSlots {
    /// Publishes as many of `reports` as there is room for; returns their number.
    fn try_publish(&mut self, reports: &[Report]) -> usize;
}

/// Stage that drives one shard.
pub(crate) struct Matcher<R> {
    shard: MatchingShard,
    /// `None` after the stage has ended.
    out: Option<R>,
    /// Number of the shard's reports that have been published to the ring.
    handed: usize,
}

impl<R: ReportSlots> Matcher<R> {
    /// Returns a stage that drives a shard.
    pub(super) fn new(shard: MatchingShard, out: R) -> Self {
        Matcher { shard, out: Some(out), handed: 0 }
    }

    /// Returns the shard after the stage has ended.
    pub(crate) fn into_shard(self) -> MatchingShard {
        self.shard
    }

    /// Publishes as many reports as the ring has room for. Returns true if none is left.
    #[inline]
    pub(super) fn hand_over(&mut self) -> bool {
        let reports = self.shard.reports();
        if let Some(out) = self.out.as_mut().filter(|_| self.handed < reports.len()) {
            self.handed += out.try_publish(&reports[self.handed..]);
        }
        if self.handed < reports.len() {
            return false;
        }
        reports.clear();
        self.handed = 0;
        true
    }

    /// Closes the report ring: no further report will come.
    pub(super) fn close(&mut self) {
        self.out = None;
    }
}

impl<R: ReportSlots> Consume<Frame> for Matcher<R> {
    /// A sweep or a mass cancel can make more reports than the ring has room for. The stage keeps
    /// the rest and takes no command until all have left.
    #[inline]
    fn room(&mut self) -> usize {
        if self.hand_over() { MatchingShard::BATCH_COMMANDS_MAX } else { 0 }
    }

    #[inline]
    fn take(&mut self, frame: &Frame) {
        self.shard.frame(frame).expect("the sequencer wrote a command of this version");
    }

    #[inline]
    fn end_batch(&mut self) -> Result<(), Fatal> {
        self.shard.apply();
        self.hand_over();
        Ok(())
    }
}
