//! The publisher: tells everyone, in the one order. It reads the commands beside the matchers, behind
//! the same barrier, so that nothing leaves that is not committed.

use super::sequencer::Control;
use super::stage::{Consume, Fatal};
use crate::report_order::{ReportOrder, Subscriber};
use ringside_model::frame::{Frame, HashProbe};
use ringside_model::report::Report;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

/// The publisher stage.
pub(crate) struct Publisher<'a, U> {
    order: ReportOrder,
    subscriber: U,
    control: &'a Control,
    probes: Sender<HashProbe>,
}

/// The reports of one shard on their way through the publisher.
pub(crate) struct FromShard<'p, 'a, U> {
    publisher: &'p mut Publisher<'a, U>,
    shard: u32,
}

impl<'a, U: Subscriber> Publisher<'a, U> {
    /// Commands that may wait for their reports. Their frames are released at once: a matcher with a
    /// full report ring must not wait for a publisher that holds its commands.
    const PENDING_COMMANDS_MAX: usize = 1 << 16;

    /// A stage that drives the merge and one subscriber.
    pub(super) fn new(
        mut order: ReportOrder,
        subscriber: U,
        control: &'a Control,
        probes: Sender<HashProbe>,
    ) -> Self {
        order.keep_frames_for::<U>();
        Publisher { order, subscriber, control, probes }
    }

    /// The consumer of a shard's reports.
    #[inline]
    pub(super) fn shard(&mut self, shard: u32) -> FromShard<'_, 'a, U> {
        FromShard { publisher: self, shard }
    }

    /// Says that nothing is at hand just now.
    #[inline]
    pub(super) fn pause(&mut self) {
        self.subscriber.pause();
    }

    /// The merge and the subscriber, when all is done.
    pub(crate) fn into_parts(self) -> (ReportOrder, U) {
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
            // The sequencer may have ended already; the end of the journal has a probe of its own.
            let _ = probes.send(probe);
        }
        Ok(())
    }
}
