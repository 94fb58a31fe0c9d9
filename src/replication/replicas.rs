//! How far the standbys have the journal.

use crate::journal::Position;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What all standbys together have, written by the threads that serve them and read by the replicator.
pub struct Replicas {
    /// How many standbys must have a frame before it may go on.
    required: usize,
    segment_bytes: u64,
    /// The end of what enough of them have.
    replicated: AtomicU64,
    /// What each of those that are connected has.
    each: Mutex<Vec<(u64, u64)>>,
}

impl Replicas {
    /// No standby is there yet. Of a journal whose segments have so many bytes, `required` standbys must have a
    /// frame before it may go on.
    pub fn new(required: usize, segment_bytes: u64) -> Self {
        Replicas { required, segment_bytes, replicated: AtomicU64::new(0), each: Mutex::default() }
    }

    /// How many standbys must have a frame before it may go on.
    pub fn required(&self) -> usize {
        self.required
    }

    /// The end of what enough standbys have. It never falls.
    #[inline]
    pub fn replicated(&self) -> Position {
        let at = self.replicated.load(Ordering::Acquire);
        Position { segment: at / self.segment_bytes, offset: at % self.segment_bytes }
    }

    /// The standby has everything before a position.
    pub(super) fn has(&self, standby: u64, position: Position) {
        // Each segment has an end of its own behind its last frame, so that no frame ends where the file does.
        let at = position.segment * self.segment_bytes + position.offset;
        let mut each = self.lock();
        match each.iter_mut().find(|(id, _)| *id == standby) {
            Some(known) => known.1 = at,
            None => each.push((standby, at)),
        }
        if self.required > 0 && each.len() >= self.required {
            let mut ends: Vec<u64> = each.iter().map(|(_, at)| *at).collect();
            ends.sort_unstable_by(|a, b| b.cmp(a));
            self.replicated.fetch_max(ends[self.required - 1], Ordering::Release);
        }
    }

    /// The standby is not connected any more. What it had it has; nobody counts on it for more.
    pub(super) fn gone(&self, standby: u64) {
        self.lock().retain(|(id, _)| *id != standby);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(u64, u64)>> {
        self.each.lock().expect("no thread panics with it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(segment: u64, offset: u64) -> Position {
        Position { segment, offset }
    }

    #[test]
    fn enough_standbys_must_have_it_and_what_was_enough_stays_so() {
        let replicas = Replicas::new(2, 1 << 20);
        replicas.has(1, at(1, 9_000));
        assert_eq!(replicas.replicated(), at(0, 0));
        replicas.has(2, at(1, 5_000));
        assert_eq!(replicas.replicated(), at(1, 5_000));
        replicas.has(3, at(2, 4_096));
        assert_eq!(replicas.replicated(), at(1, 9_000));
        replicas.gone(3);
        replicas.gone(1);
        replicas.has(2, at(1, 9_500));
        assert_eq!(replicas.replicated(), at(1, 9_000));
        replicas.has(1, at(1, 9_200));
        assert_eq!(replicas.replicated(), at(1, 9_200));
    }
}
