//! The half of a standby that applies: reads back what the other half has stored, and compares each hash probe in it.
//!
//! A standby that has missed much stores first: what is stored counts for the leader, whether it is applied or not. What
//! waits lies in the journal, so it takes no memory.

use crate::recovery::replay::{Replay, ReplayError};
use crate::report_order::Subscriber;
use ringside_journal::Follower;
use ringside_model::domain::Nanos;

/// Applies what is stored.
pub(super) struct Applier<U> {
    pub replay: Replay<U>,
    stored: Follower,
    /// Frames that are stored and not applied yet.
    pub waiting: u64,
    /// The latest official time that is applied.
    pub time: Nanos,
}

impl<U: Subscriber> Applier<U> {
    /// Goes on behind what a restart has replayed up to that time; `stored` gives what follows.
    pub(super) fn new(replay: Replay<U>, stored: Follower, time: Nanos) -> Self {
        Applier { replay, stored, waiting: 0, time }
    }

    /// Applies so many frames, if so many wait.
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
