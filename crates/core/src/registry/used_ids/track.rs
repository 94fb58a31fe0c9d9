//! Ids that rise, with their symbols, in a few bytes each.
//!
//! Neighbouring ids with one symbol are a run. A run takes its distance to the run before, its
//! symbol, and its length if that is not 1: two to four bytes as a rule, 25 at most. The runs lie
//! in chunks, so that none is moved when more come, and an id is found by a search over the chunks
//! and a walk through one of them.

use crate::registry::varint::{read, write};

/// Rising ids: each new one is above all others.
#[derive(Clone, Debug)]
pub(super) struct Track {
    /// All runs but the last one.
    chunks: Vec<Chunk>,
    /// Highest id in the chunks.
    stored: u64,
    last: Run,
}

/// Neighbouring ids with one symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Lowest id of the run.
    pub first: u64,
    /// Highest id of the run.
    pub last: u64,
    /// Symbol of all its ids.
    pub symbol: u32,
}

#[derive(Clone, Debug)]
struct Chunk {
    /// Lowest id of the chunk.
    first: u64,
    bytes: Vec<u8>,
}

/// Walk through the runs of a chunk.
struct Walk<'a> {
    rest: &'a [u8],
    /// Highest id of the run before.
    before: u64,
}

/// Bytes of a chunk: a search walks through some fifty runs at most.
const CHUNK_BYTES: usize = 128;
/// Most bytes of a run: two numbers of 64 bits, and one of 33.
const RUN_BYTES_MAX: usize = 2 * 10 + 5;

impl Run {
    /// Returns the run of one id.
    pub(super) fn of(id: u64, symbol: u32) -> Run {
        Run { first: id, last: id, symbol }
    }
}

impl Track {
    /// Returns a track with the ids of one run.
    pub(super) fn new(first: Run) -> Track {
        Track { chunks: vec![], stored: 0, last: first }
    }

    /// Returns the highest id.
    pub(super) fn highest(&self) -> u64 {
        self.last.last
    }

    /// Adds ids above all others.
    #[inline]
    pub(super) fn push(&mut self, run: Run) {
        let Run { last: highest, symbol, .. } = self.last;
        assert!(run.first > highest, "ids of a track rise");
        if (run.first - 1, run.symbol) == (highest, symbol) {
            self.last.last = run.last;
        } else {
            self.store();
            self.last = run;
        }
    }

    /// Gives the highest id another symbol.
    pub(super) fn rename_highest(&mut self, symbol: u32) {
        let Run { first, last, .. } = self.last;
        if first < last && self.last.symbol != symbol {
            self.last.last -= 1;
            self.store();
        }
        self.last = if self.last.symbol == symbol { self.last } else { Run::of(last, symbol) };
    }

    /// Returns the symbol of an id; `None` if the track has no such id.
    pub(super) fn get(&self, id: u64) -> Option<u32> {
        let run = if id >= self.last.first {
            self.last
        } else {
            let behind = self.chunks.partition_point(|chunk| chunk.first <= id);
            let chunk = &self.chunks[behind.checked_sub(1)?];
            chunk.runs().find(|run| run.last >= id)?
        };
        (run.first..=run.last).contains(&id).then_some(run.symbol)
    }

    /// Returns all runs, in the order of their ids.
    pub(super) fn runs(&self) -> impl Iterator<Item = Run> {
        self.chunks.iter().flat_map(Chunk::runs).chain([self.last])
    }

    /// Writes the last run into a chunk.
    #[inline(never)]
    fn store(&mut self) {
        let Run { first, last, symbol } = self.last;
        let has_room = |chunk: &Chunk| chunk.bytes.len() + RUN_BYTES_MAX <= CHUNK_BYTES;
        let mut before = self.stored;
        if !self.chunks.last().is_some_and(has_room) {
            self.chunks.push(Chunk { first, bytes: Vec::with_capacity(CHUNK_BYTES) });
            before = first;
        }
        self.stored = last;
        let Some(Chunk { bytes, .. }) = self.chunks.last_mut() else { return };
        write(bytes, first - before);
        write(bytes, u64::from(symbol) << 1 | u64::from(first < last));
        if first < last {
            write(bytes, last - first);
        }
    }

    /// Returns the bytes of memory that the track takes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of::<Track>()
            + self.chunks.capacity() * size_of::<Chunk>()
            + self.chunks.iter().map(|chunk| chunk.bytes.capacity()).sum::<usize>()
    }
}

impl Chunk {
    fn runs(&self) -> Walk<'_> {
        Walk { rest: &self.bytes, before: self.first }
    }
}

impl Iterator for Walk<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let first = self.before + read(&mut self.rest)?;
        let symbol = read(&mut self.rest)?;
        let length = if symbol & 1 == 0 { 0 } else { read(&mut self.rest)? };
        self.before = first + length;
        Some(Run { first, last: self.before, symbol: (symbol >> 1) as u32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_its_symbol_and_no_other_id_has_one() {
        let mut track = Track::new(Run::of(3, 9));
        let mut all = vec![Run::of(3, 9)];
        for step in 1..5_000u64 {
            let first = track.highest() + 1 + step % 3 * (step % 7);
            let run = Run { first, last: first + step % 5 / 3, symbol: (step / 4 % 3) as u32 };
            track.push(run);
            all.push(run);
        }
        track.push(Run::of(u64::MAX - 1, u32::MAX));
        track.push(Run::of(u64::MAX, u32::MAX));
        all.push(Run { first: u64::MAX - 1, last: u64::MAX, symbol: u32::MAX });
        assert!(track.chunks.len() > 10);
        let mut free = 0;
        for Run { first, last, symbol } in all {
            (free..first.min(free + 50)).for_each(|id| assert_eq!(track.get(id), None, "{id}"));
            (first..=last).for_each(|id| assert_eq!(track.get(id), Some(symbol), "{id}"));
            free = last.wrapping_add(1);
        }
        assert!(track.runs().is_sorted_by(|a, b| a.last < b.first));
    }

    #[test]
    fn the_highest_id_changes_its_symbol_without_more_room_each_time() {
        let mut track = Track::new(Run { first: 1, last: 2, symbol: 7 });
        for symbol in [7, 8, 7, 9, 9, 7, 8] {
            track.rename_highest(symbol);
            assert_eq!([1, 2, 3].map(|id| track.get(id)), [Some(7), Some(symbol), None]);
        }
        assert_eq!(track.runs().collect::<Vec<_>>(), [Run::of(1, 7), Run::of(2, 8)]);
        track.push(Run::of(3, 8));
        assert_eq!(track.runs().count(), 2);
    }
}
