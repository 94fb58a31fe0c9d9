//! Table indexed by number that grows while other threads read it.

use std::sync::OnceLock;

/// Number of places in the first chunk; each further chunk has twice as many as the one before.
const FIRST: u64 = 64;
/// Number of chunks that all 32-bit numbers need.
const CHUNKS: usize = 27;

/// Table with one writer and any number of readers. A place never moves, so no thread has to wait.
pub(super) struct Table<T> {
    chunks: [OnceLock<Box<[T]>>; CHUNKS],
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { chunks: [const { OnceLock::new() }; CHUNKS] }
    }
}

impl<T: Default> Table<T> {
    /// Returns the place of a number if its chunk exists.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        let (chunk, place) = place_of(number);
        self.chunks[chunk].get()?.get(place)
    }

    /// Returns the place of a number; allocates its chunk if needed.
    #[inline]
    pub(super) fn make(&self, number: u32) -> &T {
        let (chunk, place) = place_of(number);
        let new = || (0..FIRST << chunk).map(|_| T::default()).collect();
        &self.chunks[chunk].get_or_init(new)[place]
    }

    /// Returns all allocated places, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let chunks = self.chunks.iter().enumerate();
        chunks.flat_map(|(chunk, places)| {
            let first = (FIRST << chunk) - FIRST;
            (first as u32..).zip(places.get().into_iter().flatten())
        })
    }
}

#[inline]
fn place_of(number: u32) -> (usize, usize) {
    let behind = u64::from(number) + FIRST;
    let chunk = behind.ilog2() - FIRST.ilog2();
    (chunk as usize, (behind - (FIRST << chunk)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn every_number_has_a_place_of_its_own() {
        let table: Table<Cell<u32>> = Table::default();
        assert!(table.get(0).is_none());
        for number in 0..10_000 {
            assert_eq!(table.make(number).get(), 0);
            table.make(number).set(number + 1);
        }
        for (number, place) in table.iter().take(10_000) {
            assert_eq!((place.get(), table.get(number).unwrap().get()), (number + 1, number + 1));
        }
        assert!(table.get(u32::MAX).is_none());
        assert_eq!(place_of(u32::MAX).0, CHUNKS - 1);
    }
}
