//! Commit point of a venue: the end of the journal that a quorum has stored, this node included.
//!
//! The commit point is computed from two ends. The journaler sets the end that this node has
//! stored. The leader's replication sets the end that enough voters have stored, and says whether
//! this node alone is a quorum. The replicator stage lets commands pass up to the commit point. A
//! commit mark is written later: it names the last command whose reports have all left.

use ringside_journal::Position;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Two ends of the journal: the end that this node has stored, and the end that enough other nodes
/// have stored.
pub struct CommitPoint {
    segment_bytes: u64,
    /// End of the journal that this node has stored.
    stored: AtomicU64,
    /// True while the copy of this node alone is a quorum.
    alone: AtomicBool,
    /// End of the journal that enough other nodes have stored. Never falls.
    replicated: AtomicU64,
}

impl CommitPoint {
    /// Returns the commit point of a node that has stored its journal up to `stored`, in segments
    /// of `segment_bytes`. Other nodes are needed and have stored nothing yet.
    pub fn new(segment_bytes: u64, stored: Position) -> CommitPoint {
        let commit = CommitPoint {
            segment_bytes,
            stored: AtomicU64::new(0),
            alone: AtomicBool::new(false),
            replicated: AtomicU64::new(0),
        };
        commit.stores(stored);
        commit
    }

    /// Returns the end of the journal that a quorum has stored, this node included. Never falls.
    #[inline]
    pub fn replicated(&self) -> Position {
        // The order of the two loads matters. A caller that sees `alone` set passes nothing beyond
        // `stored` as it was before, so the end that was passed without other nodes is known
        // afterwards.
        let stored = self.stored.load(Ordering::SeqCst);
        let at = match self.alone.load(Ordering::SeqCst) {
            true => stored,
            false => self.replicated.load(Ordering::Acquire),
        };
        self.position(at)
    }

    /// Returns the end of the journal that this node has stored.
    pub fn stored(&self) -> Position {
        self.position(self.stored.load(Ordering::SeqCst))
    }

    /// Records that this node has stored everything before `end`.
    #[inline]
    pub fn stores(&self, end: Position) {
        self.stored.store(self.number(end), Ordering::SeqCst);
    }

    /// Makes the copy of this node alone a quorum.
    pub fn needs_nobody(&self) {
        self.alone.store(true, Ordering::SeqCst);
    }

    /// Records that enough other nodes have stored everything before `end`, a
    /// [number](Self::number), and makes other nodes needed from now on.
    pub fn replicates(&self, end: u64) {
        self.replicated.fetch_max(end, Ordering::SeqCst);
        self.alone.store(false, Ordering::SeqCst);
    }

    /// Converts a position to a number of bytes. Each segment ends with a mark of its own behind
    /// its last frame, so no frame ends at the end of the file.
    pub fn number(&self, Position { segment, offset }: Position) -> u64 {
        segment * self.segment_bytes + offset
    }

    /// Converts a [number](Self::number) back to its position.
    pub fn position(&self, number: u64) -> Position {
        Position { segment: number / self.segment_bytes, offset: number % self.segment_bytes }
    }
}
