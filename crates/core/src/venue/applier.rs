//! Applying half of a standby: reads back the frames that the other half has stored, applies them,
//! and compares each hash probe among them.
//!
//! A standby that is far behind stores first: stored frames count for the leader, applied or not.
//! Frames that are not applied yet are in the journal, so they take no memory.

use crate::merge::Subscriber;
use crate::recovery::replay::{Replay, ReplayError};
use ringside_journal::TailReader;
use ringside_model::domain::Nanos;

/// Replay of the stored frames.
pub(super) struct Applier<U> {
    pub replay: Replay<U>,
    stored: TailReader,
    /// Number of frames that are stored and not applied yet.
    pub waiting: u64,
    /// Latest official time that is applied.
    pub time: Nanos,
}

impl<U: Subscriber> Applier<U> {
    /// Returns an applier that goes on behind the replay of a restart, which ended at `time`;
    /// `stored` reads the frames after that.
    pub(super) fn new(replay: Replay<U>, stored: TailReader, time: Nanos) -> Self {
        Applier { replay, stored, waiting: 0, time }
    }

    /// Applies up to `limit` of the waiting frames.
    pub(super) fn apply(&mut self, limit: u64) -> Result<(), ReplayError> {
        for _ in 0..limit.min(self.waiting) {
            let frame = self.stored.next_known()?;
            self.replay.frame(&frame)?;
            self.time = self.time.max(frame.time());
            self.waiting -= 1;
        }
        self.replay.flush();
        Ok(())
    }
}
