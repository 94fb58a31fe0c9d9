//! The commit point of a venue: the end of the journal that enough nodes have stored.
//!
//! The journaler writes what this node has stored. Whoever speaks with the standbys moves what they have. The
//! replicator reads both and lets commands pass up to there.

use ringside_journal::Position;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Two ends of the journal: what this node has stored, and what enough other nodes have.
pub struct CommitPoint {
    segment_bytes: u64,
    /// The end of what this node has stored.
    stored: AtomicU64,
    /// True while the copy of this node alone is enough.
    alone: AtomicBool,
    /// The end of what enough other nodes have. It never falls.
    replicated: AtomicU64,
}

impl CommitPoint {
    /// A commit point of a node that has stored its journal up to `stored`, in segments of `segment_bytes`.
    /// Other nodes are needed and have nothing yet.
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

    /// The end of what enough voters have, this node among them. It never falls.
    #[inline]
    pub fn replicated(&self) -> Position {
        // In this order: who finds that this node is enough does not go beyond what it had stored by then, so that it
        // can be said afterwards what was let pass in that belief.
        let stored = self.stored.load(Ordering::SeqCst);
        let at = match self.alone.load(Ordering::SeqCst) {
            true => stored,
            false => self.replicated.load(Ordering::Acquire),
        };
        self.position(at)
    }

    /// The end of what this node has stored.
    pub fn stored(&self) -> Position {
        self.position(self.stored.load(Ordering::SeqCst))
    }

    /// This node has stored everything before a position.
    #[inline]
    pub fn stores(&self, end: Position) {
        self.stored.store(self.number(end), Ordering::SeqCst);
    }

    /// From now on the copy of this node is enough.
    pub fn needs_nobody(&self) {
        self.alone.store(true, Ordering::SeqCst);
    }

    /// Enough other nodes have everything before `end`, a [number](Self::number); from now on they are needed.
    pub fn replicates(&self, end: u64) {
        self.replicated.fetch_max(end, Ordering::SeqCst);
        self.alone.store(false, Ordering::SeqCst);
    }

    /// A position as a number of bytes. Each segment has an end of its own behind its last frame, so that no frame
    /// ends where the file does.
    pub fn number(&self, Position { segment, offset }: Position) -> u64 {
        segment * self.segment_bytes + offset
    }

    /// The position of a [number](Self::number).
    pub fn position(&self, number: u64) -> Position {
        Position { segment: number / self.segment_bytes, offset: number % self.segment_bytes }
    }
}
