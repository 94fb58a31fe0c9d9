//! The publisher: passes the reports to the subscriber in one order. It reads the frames behind the
//! same barrier as the matchers, so nothing leaves before the journaler and the replicator have
//! released its frame. Under `volatile` there is no such barrier.

use super::sequencer::Control;
use super::stage::{Consume, Fatal};
use crate::merge::{ReportMerge, Subscriber};
use ringside_model::frame::{Frame, HashProbe};
use ringside_model::report::Report;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

/// Stage that merges the reports and drives one subscriber.
pub(crate) struct Publisher<'a, U> {
    order: ReportMerge,
    subscriber: U,
    control: &'a Control,
    probes: Sender<HashProbe>,
}

/// Consumer of one shard's reports; passes them to the publisher.
pub(crate) struct FromShard<'p, 'a, U> {
    publisher: &'p mut Publisher<'a, U>,
    shard: u32,
}

impl<'a, U: Subscriber> Publisher<'a, U> {
    /// Most commands that may wait for their reports. Their frames are copied and released at once:
    /// a matcher with a full report ring must not wait for a publisher that holds the commands.
    const PENDING_COMMANDS_MAX: usize = 1 << 16;

    /// Returns a stage that drives the merge and one subscriber.
    pub(super) fn new(
        mut order: ReportMerge,
        subscriber: U,
        control: &'a Control,
        probes: Sender<HashProbe>,
    ) -> Self {
        order.keep_frames_for::<U>();
        Publisher { order, subscriber, control, probes }
    }

    /// Returns the consumer of a shard's reports.
    #[inline]
    pub(super) fn shard(&mut self, shard: u32) -> FromShard<'_, 'a, U> {
        FromShard { publisher: self, shard }
    }

    /// Passes a pause on to the subscriber: no work at this moment.
    #[inline]
    pub(super) fn pause(&mut self) {
        self.subscriber.pause();
    }

    /// Returns the merge and the subscriber after the stage has ended.
    pub(crate) fn into_parts(self) -> (ReportMerge, U) {
        (self.order, self.subscriber)
    }
}

impl<U: Subscriber> Consume<Frame> for Publisher<'_, U> {
    #[inline]
    fn room(&mut self) -> usize {
        Self::PENDING_COMMANDS_MAX.saturating_sub(self.order.pending())
    }

    #[inline]
    fn take(&mut self, frame: &Frame) {
        self.order.expect(frame);
    }

    #[inline]
    fn end_batch(&mut self) -> Result<(), Fatal> {
        Ok(())
    }
}

impl<U: Subscriber> Consume<Report> for FromShard<'_, '_, U> {
    #[inline]
    fn room(&mut self) -> usize {
        if self.publisher.order.wants(self.shard) { usize::MAX } else { 0 }
    }

    #[inline]
    fn take(&mut self, report: &Report) {
        let Publisher { order, subscriber, .. } = &mut *self.publisher;
        order.report(self.shard, report, subscriber);
    }

    #[inline]
    fn end_batch(&mut self) -> Result<(), Fatal> {
        let Publisher { order, subscriber, control, probes } = &mut *self.publisher;
        subscriber.end_batch();
        control.released.store(order.released().0, Ordering::Release);
        while let Some(probe) = order.take_probe() {
            // The sequencer may have ended already. The last probe of the journal is then written
            // when the journal is closed.
            let _ = probes.send(probe);
        }
        Ok(())
    }
}
