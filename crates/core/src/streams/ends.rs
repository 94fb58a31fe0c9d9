//! Published ends of all streams: the places where readers begin to look.

use super::StreamId;
use super::positions::{NO_BLOCK, Slots};
use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Table of stream ends, written by one thread and read by many.
pub(super) struct Ends {
    slots: Slots,
    ends: Box<[End]>,
    /// Bit set of the streams that have new messages since the bits were taken.
    moved: Box<[AtomicU64]>,
    published: CachePadded<AtomicU64>,
}

struct End {
    block: AtomicU32,
    next: AtomicU64,
}

impl Ends {
    /// Returns ends of streams without messages.
    pub(super) fn new(slots: Slots) -> Self {
        let end = |_| End { block: AtomicU32::new(NO_BLOCK), next: AtomicU64::new(1) };
        let moved = (0..slots.count().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let ends = (0..slots.count()).map(end).collect();
        Ends { slots, ends, moved, published: CachePadded::default() }
    }

    /// Returns the last block of a stream and the number of its next message. The block may be
    /// newer than the number.
    #[inline]
    pub(super) fn end(&self, stream: StreamId) -> (u32, u64) {
        let Some(slot) = self.slots.slot(stream) else { return (NO_BLOCK, 1) };
        let end = &self.ends[slot];
        let next = end.next.load(Ordering::Acquire);
        (end.block.load(Ordering::Acquire), next)
    }

    /// Returns a number that changes whenever messages were published.
    #[inline]
    pub(super) fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
    }

    /// Passes the streams that have new messages since the last call to `take`.
    pub(crate) fn take_moved(&self, mut take: impl FnMut(StreamId)) {
        for (number, word) in self.moved.iter().enumerate() {
            if word.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let mut bits = word.swap(0, Ordering::Acquire);
            while bits != 0 {
                take(self.slots.stream(number * 64 + bits.trailing_zeros() as usize));
                bits &= bits - 1;
            }
        }
    }

    /// Sets the end of the stream in a slot. The number is stored last: a reader that sees it finds
    /// the messages.
    #[inline]
    pub(super) fn set(&self, slot: usize, block: u32, next: u64) {
        self.ends[slot].block.store(block, Ordering::Release);
        self.ends[slot].next.store(next, Ordering::Release);
        // The bit is set after the end, and also if it is set already: a reader that has just taken
        // it may not have seen this end.
        self.moved[slot / 64].fetch_or(1 << (slot % 64), Ordering::Release);
    }

    /// Counts a publication, after all its ends are set.
    #[inline]
    pub(super) fn count(&self) {
        let count = self.published.load(Ordering::Relaxed);
        self.published.store(count + 1, Ordering::Release);
    }
}
