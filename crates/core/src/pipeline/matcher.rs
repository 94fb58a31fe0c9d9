//! The matcher: applies committed commands to the books of one shard and hands its reports over.

use super::stage::{Consume, Fatal};
use crate::matching_shard::MatchingShard;
use ringside_model::frame::Frame;
use ringside_model::report::Report;

/// Where the reports of a matcher go: its report ring.
pub(crate) trait ReportSlots {
    /// Publishes as many of these as there is room for; gives their number.
    fn try_publish(&mut self, reports: &[Report]) -> usize;
}

/// The matcher stage.
pub(crate) struct Matcher<R> {
    shard: MatchingShard,
    /// `None` when all is done.
    out: Option<R>,
    /// How many of the shard's reports have been handed over.
    handed: usize,
}

impl<R: ReportSlots> Matcher<R> {
    /// A stage that drives a shard.
    pub(super) fn new(shard: MatchingShard, out: R) -> Self {
        Matcher { shard, out: Some(out), handed: 0 }
    }

    /// The shard, when all is done.
    pub(crate) fn into_shard(self) -> MatchingShard {
        self.shard
    }

    /// Hands over what there is room for; `true` if nothing is left.
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

    /// Says that no further report will come.
    pub(super) fn close(&mut self) {
        self.out = None;
    }
}

impl<R: ReportSlots> Consume<Frame> for Matcher<R> {
    /// A sweep or a mass cancel can make more reports than the ring has room for. They stay here, and
    /// no command is taken before they have left.
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
