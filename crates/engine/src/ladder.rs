//! Price levels of one side of a book, in price order.
//!
//! The **key** of a level is its price on the offer side and minus its price on the bid side. So
//! the best level of either side has the smallest key, and one matching loop serves both sides.
//!
//! ```text
//!            base                                              base + window
//!  ticks     │ . . . . L . L L . L . . . . . . L . . . . . . . . │   a level per tick
//!  words     │ 64 bits each: which ticks have a level            │
//!  sums, top │ which words, which sums are not zero              │
//!  far                                                             ordered map of the rest
//! ```
//!
//! Near the touch a level is found by its distance from `base`, and the next best level by three
//! bit scans. Keys beyond the window lie in `far`. No key lies below `base`: a better price moves
//! the window. The window grows while many levels lie beyond it.

use super::orders::{NIL, Slot};
use super::prefetch::prefetch;
use std::collections::BTreeMap;
use std::ops::Bound;

/// Place of a level in [`Levels`]; 0 is no level.
pub(super) type LevelSlot = u32;

/// All orders at one price of one side, oldest first.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
pub(super) struct Level {
    pub key: i64,
    total_low: u64,
    /// High bits of the total: many orders of up to 2^64 units need more than 64 bits.
    total_high: u32,
    pub count: u32,
    pub head: Slot,
    pub tail: Slot,
}

impl Level {
    #[inline]
    pub(crate) fn price(&self) -> i64 {
        self.key.abs()
    }

    pub(crate) fn total(&self) -> u128 {
        u128::from(self.total_high) << 64 | u128::from(self.total_low)
    }

    /// Adds an order at the end of the queue.
    #[inline(always)]
    pub(crate) fn append(&mut self, slot: Slot, open: u64) {
        self.head = if self.tail == NIL { slot } else { self.head };
        self.tail = slot;
        self.count += 1;
        let (low, carry) = self.total_low.overflowing_add(open);
        self.total_low = low;
        self.total_high += u32::from(carry);
    }

    /// Removes the order between `prev` and `next`.
    #[inline(always)]
    pub(crate) fn take_out(&mut self, prev: Slot, next: Slot, open: u64) {
        self.head = if prev == NIL { next } else { self.head };
        self.tail = if next == NIL { prev } else { self.tail };
        self.count -= 1;
        self.subtract(open);
    }

    #[inline]
    pub(crate) fn subtract(&mut self, quantity: u64) {
        let (low, borrow) = self.total_low.overflowing_sub(quantity);
        self.total_low = low;
        self.total_high -= u32::from(borrow);
    }
}

/// Levels of all books of a shard.
pub(super) struct Levels {
    /// Slab of levels. Slot 0 stays empty.
    slab: Vec<Level>,
    /// Head of the list of free levels, linked by `head`.
    free: LevelSlot,
}

impl Levels {
    pub(crate) fn new() -> Self {
        let mut slab = Vec::with_capacity(4096);
        slab.push(Level::default());
        Levels { slab, free: NIL }
    }

    #[inline(always)]
    pub(crate) fn get(&self, slot: LevelSlot) -> &Level {
        debug_assert!((slot as usize) < self.slab.len());
        // SAFETY: a slot is 0 or comes from `insert`. The slab has a slot 0 and never shrinks.
        unsafe { self.slab.get_unchecked(slot as usize) }
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, slot: LevelSlot) -> &mut Level {
        debug_assert!((slot as usize) < self.slab.len());
        // SAFETY: as in `get`.
        unsafe { self.slab.get_unchecked_mut(slot as usize) }
    }

    #[inline]
    pub(crate) fn prefetch(&self, slot: LevelSlot) {
        prefetch(self.get(slot));
    }

    fn insert(&mut self, key: i64) -> LevelSlot {
        let level = Level { key, ..Level::default() };
        let slot = self.free;
        if slot == NIL {
            self.slab.push(level);
            return (self.slab.len() - 1) as LevelSlot;
        }
        self.free = self.get(slot).head;
        *self.get_mut(slot) = level;
        slot
    }

    fn remove(&mut self, slot: LevelSlot) {
        let free = self.free;
        *self.get_mut(slot) = Level { head: free, ..Level::default() };
        self.free = slot;
    }
}

const WINDOW_TICKS_MIN: usize = 256;
const WINDOW_TICKS_MAX: usize = 64 * 64 * 64;

/// One side of a book. The fields that every command reads come first, in one cache line.
#[repr(C, align(64))]
pub(super) struct Ladder {
    /// Key of tick 0 of the window.
    base: i64,
    ticks: Vec<LevelSlot>,
    /// Key of the best level; the highest possible key if the side is empty.
    best_key: i64,
    /// Best level; [`NIL`] if the side is empty.
    best: LevelSlot,
    words: Vec<u64>,
    sums: Vec<u64>,
    top: u64,
    far: BTreeMap<i64, LevelSlot>,
    /// Number of levels put into `far` since the window last moved or was found to fit.
    far_inserts: usize,
    /// Levels of the window while it moves; kept for its capacity.
    moving: Vec<LevelSlot>,
}

impl Ladder {
    pub(crate) fn new() -> Self {
        Ladder {
            base: 0,
            ticks: vec![],
            best_key: i64::MAX,
            best: NIL,
            words: vec![],
            sums: vec![],
            top: 0,
            far: BTreeMap::new(),
            far_inserts: 0,
            moving: vec![],
        }
    }

    /// Returns the level with the smallest key; [`NIL`] if the side is empty.
    #[inline]
    pub(crate) fn best(&self) -> LevelSlot {
        self.best
    }

    /// Returns the smallest key; the highest possible key if the side is empty.
    #[inline]
    pub(crate) fn best_key(&self) -> i64 {
        self.best_key
    }

    /// Returns the best level behind `key`; [`NIL`] if there is none.
    pub(crate) fn after(&self, key: i64) -> LevelSlot {
        if key < self.best_key {
            return self.best;
        }
        let next = self.index(key).saturating_add(1);
        if next < self.ticks.len() {
            let (word, bit) = (next / 64, next % 64);
            let first = self.words[word] >> bit << bit;
            let words = std::iter::once(first).chain(self.words[word + 1..].iter().copied());
            let found = (word..).zip(words).find(|&(_, bits)| bits != 0);
            if let Some((word, bits)) = found {
                return self.ticks[word * 64 + bits.trailing_zeros() as usize];
            }
        }
        let beyond = (Bound::Excluded(key), Bound::Unbounded);
        self.far.range(beyond).next().map_or(NIL, |(_, &slot)| slot)
    }

    /// Returns the level with this key; [`NIL`] if there is none.
    #[inline]
    pub(crate) fn find(&self, key: i64) -> LevelSlot {
        match self.ticks.get(self.index(key)) {
            Some(&slot) => slot,
            None => self.find_far(key),
        }
    }

    /// Returns the level with this key, and creates it if there is none.
    #[inline(always)]
    pub(crate) fn find_or_insert(&mut self, key: i64, levels: &mut Levels) -> LevelSlot {
        match self.ticks.get(self.index(key)) {
            Some(&slot) if slot != NIL => slot,
            _ => self.insert(key, levels),
        }
    }

    /// Removes a level that has no order left.
    #[inline(never)]
    pub(crate) fn remove(&mut self, slot: LevelSlot, levels: &mut Levels) {
        let key = levels.get(slot).key;
        let index = self.index(key);
        levels.remove(slot);
        if index < self.ticks.len() {
            self.clear_tick(index);
        } else {
            self.far.remove(&key);
        }
        if slot == self.best {
            self.best = self.first(levels);
            self.best_key = if self.best == NIL { i64::MAX } else { levels.get(self.best).key };
        }
    }

    /// Returns the level with this key if it lies in the window, else [`NIL`].
    #[inline]
    pub(crate) fn near(&self, key: i64) -> LevelSlot {
        self.ticks.get(self.index(key)).copied().unwrap_or(NIL)
    }

    /// Iterates over all levels, best first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = LevelSlot> {
        let near = self
            .words
            .iter()
            .enumerate()
            .flat_map(move |(w, &bits)| Bits(bits).map(move |bit| self.ticks[w * 64 + bit]));
        near.chain(self.far.values().copied())
    }

    /// Returns the distance from `base`; also beyond the window for keys below `base`.
    #[inline]
    fn index(&self, key: i64) -> usize {
        key.wrapping_sub(self.base) as u64 as usize
    }

    #[cold]
    fn find_far(&self, key: i64) -> LevelSlot {
        self.far.get(&key).copied().unwrap_or(NIL)
    }

    #[inline(never)]
    fn insert(&mut self, key: i64, levels: &mut Levels) -> LevelSlot {
        if self.index(key) >= self.ticks.len() {
            let slot = self.find_far(key);
            if slot != NIL {
                return slot;
            }
            self.make_room(key, levels);
        }
        let slot = levels.insert(key);
        let index = self.index(key);
        if index < self.ticks.len() {
            self.set_tick(index, slot);
        } else {
            self.far.insert(key, slot);
        }
        if self.best == NIL || key < self.best_key {
            self.best = slot;
            self.best_key = key;
        }
        slot
    }

    #[inline]
    fn set_tick(&mut self, index: usize, slot: LevelSlot) {
        self.ticks[index] = slot;
        self.words[index / 64] |= 1 << (index % 64);
        self.sums[index / 4096] |= 1 << (index / 64 % 64);
        self.top |= 1 << (index / 4096);
    }

    #[inline]
    fn clear_tick(&mut self, index: usize) {
        self.ticks[index] = NIL;
        let word = &mut self.words[index / 64];
        *word &= !(1 << (index % 64));
        if *word == 0 {
            let sum = &mut self.sums[index / 4096];
            *sum &= !(1 << (index / 64 % 64));
            if *sum == 0 {
                self.top &= !(1 << (index / 4096));
            }
        }
    }

    /// Finds the best level from the bitmaps.
    #[inline]
    fn first(&mut self, levels: &Levels) -> LevelSlot {
        if self.top == 0 {
            return self.first_far(levels);
        }
        let sum = self.top.trailing_zeros() as usize;
        let word = sum * 64 + self.sums[sum].trailing_zeros() as usize;
        self.ticks[word * 64 + self.words[word].trailing_zeros() as usize]
    }

    /// Moves the empty window to the best level of `far`; returns that level.
    #[cold]
    fn first_far(&mut self, levels: &Levels) -> LevelSlot {
        let Some((&key, &slot)) = self.far.first_key_value() else { return NIL };
        self.move_window(key, levels);
        slot
    }

    /// Moves or widens the window if the new key requires it.
    #[cold]
    fn make_room(&mut self, key: i64, levels: &Levels) {
        if self.ticks.is_empty() {
            self.resize(WINDOW_TICKS_MIN);
        }
        if self.best == NIL || key < self.best_key {
            return self.move_window(key, levels);
        }
        self.far_inserts += 1;
        if self.far_inserts < self.ticks.len() / 8 {
            return;
        }
        self.far_inserts = 0;
        let best = self.best_key;
        if self.index(best) > self.ticks.len() / 2 {
            self.move_window(best, levels);
        } else if self.ticks.len() < WINDOW_TICKS_MAX {
            self.empty_window();
            self.resize(self.ticks.len() * 4);
            self.fill_window(best, levels);
        }
    }

    /// Moves the window so that `best` lies at the end of its first quarter.
    fn move_window(&mut self, best: i64, levels: &Levels) {
        self.empty_window();
        self.fill_window(best, levels);
    }

    /// Moves all levels of the window into `moving`.
    fn empty_window(&mut self) {
        for w in 0..self.words.len() {
            for bit in Bits(self.words[w]) {
                self.moving.push(std::mem::take(&mut self.ticks[w * 64 + bit]));
            }
            self.words[w] = 0;
        }
        self.sums.fill(0);
        self.top = 0;
    }

    fn resize(&mut self, ticks: usize) {
        self.ticks = vec![NIL; ticks];
        self.words = vec![0; ticks / 64];
        self.sums = vec![0; ticks.div_ceil(4096)];
    }

    /// Sets the base and sorts the levels of `moving` and `far` into the window.
    fn fill_window(&mut self, best: i64, levels: &Levels) {
        self.base = best.saturating_sub(self.ticks.len() as i64 / 4);
        while let Some(slot) = self.moving.pop() {
            let key = levels.get(slot).key;
            let index = self.index(key);
            if index < self.ticks.len() {
                self.set_tick(index, slot);
            } else {
                self.far.insert(key, slot);
            }
        }
        while let Some((&key, &slot)) = self.far.first_key_value() {
            let index = self.index(key);
            if index >= self.ticks.len() {
                break;
            }
            self.far.pop_first();
            self.set_tick(index, slot);
        }
    }
}

/// Iterator over the positions of the one-bits of a word, lowest first.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (bit < 64).then_some(bit as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inserts and removes random keys, and compares the ladder with an ordered map.
    fn check(seed: u64, mut key_of: impl FnMut(u64, u64) -> i64) {
        let (mut ladder, mut levels) = (Ladder::new(), Levels::new());
        let mut model = BTreeMap::new();
        let (mut random, mut most) = (seed, 0);
        for step in 0..20_000u64 {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            let key = key_of(step, random >> 20);
            if let Some(slot) = model.remove(&key) {
                assert_eq!(ladder.find(key), slot);
                ladder.remove(slot, &mut levels);
                assert_eq!(ladder.find(key), NIL);
            } else {
                assert_eq!(ladder.find(key), NIL);
                let slot = ladder.find_or_insert(key, &mut levels);
                assert_eq!(ladder.find_or_insert(key, &mut levels), slot);
                assert_eq!(levels.get(slot).key, key);
                model.insert(key, slot);
            }
            assert_eq!(ladder.best(), model.values().next().copied().unwrap_or(NIL));
            assert_eq!(ladder.best_key(), model.keys().next().copied().unwrap_or(i64::MAX));
            let behind = model.range((Bound::Excluded(key), Bound::Unbounded)).next();
            assert_eq!(ladder.after(key), behind.map_or(NIL, |(_, &slot)| slot));
            most = most.max(model.len());
            if step % 500 == 0 {
                assert!(ladder.iter().eq(model.values().copied()), "step {step}");
            }
        }
        assert_eq!(levels.slab.len(), 1 + most, "free levels are used again");
    }

    #[test]
    fn levels_stay_in_order_when_prices_are_dense() {
        check(1, |_, r| (r % 120) as i64);
        check(2, |_, r| -1000 - (r % 3000) as i64);
    }

    #[test]
    fn levels_stay_in_order_when_prices_walk() {
        check(3, |step, r| (step / 4 + r % 50) as i64);
        check(4, |step, r| 100_000 - (step / 2 + r % 500) as i64);
    }

    #[test]
    fn levels_stay_in_order_over_the_whole_domain() {
        check(5, |_, r| (r % 40) as i64 * (i64::MAX / 40) + 1);
        check(6, |_, r| -((r % 40) as i64 * (i64::MAX / 40) + 1));
        check(
            7,
            |_, r| if r % 2 == 0 { i64::MAX - (r % 300) as i64 } else { 1 + (r % 300) as i64 },
        );
        check(8, |_, r| -(1i64 << (r % 62)) - (r >> 8 & 3) as i64);
    }
}
