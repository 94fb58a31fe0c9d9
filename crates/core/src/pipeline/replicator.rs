//! The replicator: holds a command back until enough standbys have it. It reads the same slots as the
//! journaler, and the matchers wait for both. A venue that is one machine lets everything pass.

use super::sequencer::Control;
use super::stage::{Consume, Fatal};
use crate::commit_point::CommitPoint;
use ringside_journal::Position;
use ringside_model::frame::Frame;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The replicator stage.
pub(crate) struct Replicator<'a> {
    commit_point: Option<Arc<CommitPoint>>,
    /// Where in the journal the last frame ends that was let pass.
    passed: Position,
    segment_bytes: u64,
    control: &'a Control,
    /// Since when the venue is to stop and nothing more is let pass.
    stuck: Option<Instant>,
}

impl<'a> Replicator<'a> {
    /// A venue that is to stop does not wait longer than this for a standby, and is abandoned then: what came last is in
    /// the journal, and nobody was told of it.
    const GOODBYE: Duration = Duration::from_secs(5);

    /// A stage that goes on behind a place in the journal.
    pub(super) fn new(
        commit_point: Option<Arc<CommitPoint>>,
        passed: Position,
        segment_bytes: u64,
        control: &'a Control,
    ) -> Self {
        Replicator { commit_point, passed, segment_bytes, control, stuck: None }
    }

    /// Where in the journal the last frame ends that was let pass.
    pub(super) fn passed(&self) -> Position {
        self.passed
    }

    #[cold]
    fn wait(&mut self) {
        if !self.control.stop.load(Ordering::Relaxed) {
            return;
        }
        if self.stuck.get_or_insert_with(Instant::now).elapsed() > Self::GOODBYE {
            self.control.abandon.store(true, Ordering::Relaxed);
        }
    }
}

impl Consume<Frame> for Replicator<'_> {
    #[inline]
    fn room(&mut self) -> usize {
        let Some(commit_point) = &self.commit_point else { return usize::MAX };
        let held = commit_point.replicated();
        if held <= self.passed {
            self.wait();
            return 0;
        }
        self.stuck = None;
        // Both are ends of frames, so that there is one between them, and one more for each length of the longest.
        let bytes =
            if held.segment == self.passed.segment { held.offset - self.passed.offset } else { 0 };
        (bytes as usize / size_of::<Frame>()).max(1)
    }

    #[inline]
    fn take(&mut self, frame: &Frame) {
        self.passed = self.passed.behind(frame.bytes().len() as u64, self.segment_bytes);
    }

    #[inline]
    fn end_batch(&mut self) -> Result<(), Fatal> {
        Ok(())
    }
}
