//! The replicator: holds a command back until enough standbys have stored it. It reads the same
//! slots as the journaler, and the matchers wait for both. In a venue without standbys every
//! command passes.

use super::sequencer::Control;
use super::stage::{Consume, Fatal};
use crate::commit_point::CommitPoint;
use ringside_journal::Position;
use ringside_model::frame::Frame;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Stage that holds commands back until they are replicated.
pub(crate) struct Replicator<'a> {
    commit_point: Option<Arc<CommitPoint>>,
    /// End of the last frame that passed, as a position in the journal.
    passed: Position,
    segment_bytes: u64,
    control: &'a Control,
    /// Start of the wait in a venue that is to stop and can pass nothing more.
    stuck: Option<Instant>,
}

impl<'a> Replicator<'a> {
    /// Longest wait of a stopping venue for its standbys. After that the pipeline is abandoned: the
    /// last commands are in the journal, but nothing of them was acknowledged or published.
    const GOODBYE: Duration = Duration::from_secs(5);

    /// Returns a stage that goes on at a position of the journal.
    pub(super) fn new(
        commit_point: Option<Arc<CommitPoint>>,
        passed: Position,
        segment_bytes: u64,
        control: &'a Control,
    ) -> Self {
        Replicator { commit_point, passed, segment_bytes, control, stuck: None }
    }

    /// Returns the end of the last frame that passed, as a position in the journal.
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
        // Both positions are ends of frames. So at least one frame lies between them, and at least
        // one for each length of the longest frame.
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
