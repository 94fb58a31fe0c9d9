//! The ends of all streams, as far as they are published: where readers begin to look.

use super::StreamId;
use super::positions::{NO_BLOCK, Slots};
use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Written by one thread, read by many.
pub(super) struct Ends {
    slots: Slots,
    ends: Box<[End]>,
    /// A bit for each stream that has moved since somebody took the bits.
    moved: Box<[AtomicU64]>,
    published: CachePadded<AtomicU64>,
}

struct End {
    block: AtomicU32,
    next: AtomicU64,
}

impl Ends {
    /// No messages yet.
    pub(super) fn new(slots: Slots) -> Self {
        let end = |_| End { block: AtomicU32::new(NO_BLOCK), next: AtomicU64::new(1) };
        let moved = (0..slots.count().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let ends = (0..slots.count()).map(end).collect();
        Ends { slots, ends, moved, published: CachePadded::default() }
    }

    /// The last block of a stream and the number of its next message. The block may be newer than the number.
    #[inline]
    pub(super) fn end(&self, stream: StreamId) -> (u32, u64) {
        let Some(slot) = self.slots.slot(stream) else { return (NO_BLOCK, 1) };
        let end = &self.ends[slot];
        let next = end.next.load(Ordering::Acquire);
        (end.block.load(Ordering::Acquire), next)
    }

    /// Changes whenever something was published.
    #[inline]
    pub(super) fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
    }

    /// Takes the streams that have moved since the last call.
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

    /// Says where the stream in a slot ends now. The number comes last: whoever sees it finds the messages.
    #[inline]
    pub(super) fn set(&self, slot: usize, block: u32, next: u64) {
        self.ends[slot].block.store(block, Ordering::Release);
        self.ends[slot].next.store(next, Ordering::Release);
        // The bit comes after the end, and is set also if it was: whoever has just taken it may not have
        // seen this end.
        self.moved[slot / 64].fetch_or(1 << (slot % 64), Ordering::Release);
    }

    /// Says that something was published, after all of it was.
    #[inline]
    pub(super) fn count(&self) {
        let count = self.published.load(Ordering::Relaxed);
        self.published.store(count + 1, Ordering::Release);
    }
}
