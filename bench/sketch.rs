//! A minimal order book: the yardstick for the engine.
//!
//! A flat ladder of levels by price with a bitmap and the cached touch, 32-byte nodes in a slab,
//! and the index of ids that suits the flow. It makes no reports, keeps no totals and no hash,
//! checks nothing, and knows limit orders only. It matches in the same order as the engine, so its
//! trades are the same.

use ringside_load::flow::{SESSIONS, Trades};
use ringside_model::command::{Action, Cancel, Replace, Sequenced};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Index that stands for no node and no order.
const NONE: u32 = u32::MAX;

/// Index of live orders by session and id.
pub trait Ids {
    /// Returns an empty index for flows whose keys (see [`Dense::key`]) are below `keys`.
    fn new(keys: usize) -> Self;
    /// Returns the node of a live order; `u32::MAX` if the order has not entered.
    fn get(&self, session: u32, id: u64) -> u32;
    /// Adds a live order with its node.
    fn insert(&mut self, session: u32, id: u64, node: u32);
    /// Removes an order that has ended.
    fn remove(&mut self, session: u32, id: u64);
    /// Prefetches the memory that [`Ids::get`] and [`Ids::insert`] will touch.
    fn prefetch(&self, session: u32, id: u64);
}

/// Table of all ids of a flow. Ended ids stay in the table, because no command uses them again.
pub struct Dense(Vec<u32>);

impl Dense {
    /// Returns the index of an order in the table.
    #[inline]
    pub fn key(session: u32, id: u64) -> usize {
        id as usize * SESSIONS as usize + session as usize - 1
    }
}

impl Ids for Dense {
    fn new(keys: usize) -> Self {
        Dense(vec![NONE; keys])
    }

    #[inline]
    fn get(&self, session: u32, id: u64) -> u32 {
        self.0[Self::key(session, id)]
    }

    #[inline]
    fn insert(&mut self, session: u32, id: u64, node: u32) {
        self.0[Self::key(session, id)] = node;
    }

    #[inline]
    fn remove(&mut self, _session: u32, _id: u64) {}

    #[inline]
    fn prefetch(&self, session: u32, id: u64) {
        prefetch(&self.0, Self::key(session, id));
    }
}

/// Hash map of the live ids, for clients whose ids have no order.
pub struct Hashed(HashMap<u64, u32, BuildHasherDefault<MultiplyHasher>>);

impl Hashed {
    fn key(session: u32, id: u64) -> u64 {
        u64::from(session) << 32 | id
    }
}

impl Ids for Hashed {
    fn new(_keys: usize) -> Self {
        Hashed(HashMap::default())
    }

    #[inline]
    fn get(&self, session: u32, id: u64) -> u32 {
        self.0.get(&Self::key(session, id)).copied().unwrap_or(NONE)
    }

    #[inline]
    fn insert(&mut self, session: u32, id: u64, node: u32) {
        self.0.insert(Self::key(session, id), node);
    }

    #[inline]
    fn remove(&mut self, session: u32, id: u64) {
        self.0.remove(&Self::key(session, id));
    }

    /// Does nothing: the map does not reveal the address of an entry.
    #[inline]
    fn prefetch(&self, _session: u32, _id: u64) {}
}

/// Hasher of one multiplication, folded: the cheapest hash that spreads a key over all its bits.
#[derive(Default)]
pub struct MultiplyHasher(u64);

impl Hasher for MultiplyHasher {
    #[inline]
    fn write_u64(&mut self, key: u64) {
        let product = u128::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are whole words");
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

/// Books for the symbols of a flow.
pub struct Sketch<I> {
    ids: I,
    nodes: Vec<Node>,
    free: u32,
    books: Vec<Book>,
    /// Trades so far.
    pub trades: Trades,
}

/// A resting order in the slab.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Node {
    next: u32,
    previous: u32,
    offset: u32,
    open: u32,
    id: u32,
    session: u32,
}

const _: () = assert!(size_of::<Node>() == 32);

/// Book of one symbol: a level of bids or offers at each price of its range.
struct Book {
    /// Price of level 0.
    base: i64,
    levels: Vec<Level>,
    /// Bitmap of the levels that have orders.
    occupied: Vec<u64>,
    /// Offsets of the touch; -1 and the number of levels if a side is empty.
    best_bid: i64,
    best_offer: i64,
}

#[derive(Clone, Copy)]
struct Level {
    first: u32,
    last: u32,
}

/// Lowest and highest price that a flow uses for a symbol.
pub type Range = (i64, i64);

impl<I: Ids> Sketch<I> {
    /// Returns empty books for symbols 1, 2 … with these ranges.
    pub fn new(ranges: &[Range], keys: usize, orders: usize) -> Self {
        Sketch {
            ids: I::new(keys),
            nodes: Vec::with_capacity(orders),
            free: NONE,
            books: ranges.iter().map(|&range| Book::new(range)).collect(),
            trades: Trades::default(),
        }
    }

    /// Applies commands in order.
    pub fn apply_batch(&mut self, commands: &[Sequenced]) {
        for sequenced in commands {
            self.apply(sequenced);
        }
    }

    /// Applies commands in order, with prefetching: the id slot for a command far ahead, the node
    /// for a nearer one, and the neighbours for one nearer still.
    pub fn apply_batch_ahead(&mut self, commands: &[Sequenced]) {
        const ID: usize = 16;
        const NODE: usize = 8;
        const NEIGHBOURS: usize = 4;
        commands.iter().take(ID).for_each(|c| self.prefetch_id(c));
        commands.iter().take(NODE).for_each(|c| self.prefetch_node(c));
        commands.iter().take(NEIGHBOURS).for_each(|c| self.prefetch_neighbours(c));
        for (i, sequenced) in commands.iter().enumerate() {
            if let Some(ahead) = commands.get(i + ID) {
                self.prefetch_id(ahead);
            }
            if let Some(ahead) = commands.get(i + NODE) {
                self.prefetch_node(ahead);
            }
            if let Some(ahead) = commands.get(i + NEIGHBOURS) {
                self.prefetch_neighbours(ahead);
            }
            self.apply(sequenced);
        }
    }

    #[inline]
    fn apply(&mut self, sequenced: &Sequenced) {
        let command = &sequenced.command;
        let (symbol, session) = (command.symbol.0, command.session.0);
        match command.action {
            Action::Enter(e) => {
                let buy = e.side.is_buy();
                self.enter(symbol, session, e.id.0, buy, e.price.0, e.quantity.0 as u32);
            }
            Action::Cancel(Cancel { id }) => {
                let node = self.ids.get(session, id.0);
                self.unlink(symbol, node);
                self.ids.remove(session, id.0);
            }
            Action::Replace(Replace { id, new_id, quantity, price }) => {
                let node = self.ids.get(session, id.0);
                let book = &self.books[symbol as usize - 1];
                let buy = i64::from(self.nodes[node as usize].offset) <= book.best_bid;
                self.unlink(symbol, node);
                self.ids.remove(session, id.0);
                self.enter(symbol, session, new_id.0, buy, price.0, quantity.0 as u32);
            }
            _ => {}
        }
    }

    #[inline]
    fn enter(&mut self, symbol: u32, session: u32, id: u64, buy: bool, price: i64, mut open: u32) {
        let book = &mut self.books[symbol as usize - 1];
        let limit = price - book.base;
        loop {
            let best = if buy { book.best_offer } else { book.best_bid };
            if if buy { limit < best } else { limit > best } {
                break;
            }
            let slot = book.levels[best as usize].first;
            let node = &mut self.nodes[slot as usize];
            let quantity = open.min(node.open);
            self.trades.add(node.session, node.id.into(), best + book.base, quantity.into());
            open -= quantity;
            node.open -= quantity;
            if node.open == 0 {
                let Node { next, id, session, .. } = *node;
                node.next = self.free;
                self.free = slot;
                self.ids.remove(session, id.into());
                book.levels[best as usize].first = next;
                if next == NONE {
                    book.vacate(best as usize);
                } else {
                    self.nodes[next as usize].previous = NONE;
                }
            }
            if open == 0 {
                return;
            }
        }
        let level = &mut book.levels[limit as usize];
        let previous = level.last;
        let node =
            Node { next: NONE, previous, offset: limit as u32, open, id: id as u32, session };
        let slot = if self.free == NONE {
            self.nodes.push(node);
            self.nodes.len() as u32 - 1
        } else {
            let slot = self.free;
            self.free = std::mem::replace(&mut self.nodes[slot as usize], node).next;
            slot
        };
        if level.first == NONE {
            *level = Level { first: slot, last: slot };
            self.nodes[slot as usize].previous = NONE;
            book.occupy(limit, buy);
        } else {
            level.last = slot;
            self.nodes[previous as usize].next = slot;
        }
        self.ids.insert(session, id, slot);
    }

    #[inline]
    fn unlink(&mut self, symbol: u32, slot: u32) {
        let Node { next, previous, offset, .. } = self.nodes[slot as usize];
        let book = &mut self.books[symbol as usize - 1];
        let level = &mut book.levels[offset as usize];
        if previous == NONE {
            level.first = next;
        } else {
            self.nodes[previous as usize].next = next;
        }
        if next == NONE {
            level.last = previous;
        } else {
            self.nodes[next as usize].previous = previous;
        }
        if level.first == NONE {
            book.vacate(offset as usize);
        }
        self.nodes[slot as usize].next = self.free;
        self.free = slot;
    }

    #[inline]
    fn prefetch_id(&self, sequenced: &Sequenced) {
        let command = &sequenced.command;
        match command.action {
            Action::Enter(e) => self.ids.prefetch(command.session.0, e.id.0),
            Action::Cancel(Cancel { id }) | Action::Replace(Replace { id, .. }) => {
                self.ids.prefetch(command.session.0, id.0);
            }
            _ => {}
        }
    }

    #[inline]
    fn prefetch_node(&self, sequenced: &Sequenced) {
        let command = &sequenced.command;
        match command.action {
            Action::Enter(e) => {
                let book = &self.books[command.symbol.0 as usize - 1];
                prefetch(&book.levels, (e.price.0 - book.base) as usize);
            }
            Action::Cancel(Cancel { id }) | Action::Replace(Replace { id, .. }) => {
                if let Some(node) = self.live(command.session.0, id.0) {
                    prefetch(&self.nodes, node as usize);
                }
            }
            _ => {}
        }
    }

    #[inline]
    fn prefetch_neighbours(&self, sequenced: &Sequenced) {
        let command = &sequenced.command;
        match command.action {
            Action::Enter(e) => {
                let book = &self.books[command.symbol.0 as usize - 1];
                let last = book.levels[(e.price.0 - book.base) as usize].last;
                prefetch(&self.nodes, last as usize);
            }
            Action::Cancel(Cancel { id }) | Action::Replace(Replace { id, .. }) => {
                if let Some(node) = self.live(command.session.0, id.0) {
                    let node = &self.nodes[node as usize];
                    prefetch(&self.nodes, node.next as usize);
                    prefetch(&self.nodes, node.previous as usize);
                    let book = &self.books[command.symbol.0 as usize - 1];
                    prefetch(&book.levels, node.offset as usize);
                }
            }
            _ => {}
        }
    }

    /// Returns the node of an order; `None` if the order has not entered yet. A command of the
    /// batch in between may enter it.
    #[inline]
    fn live(&self, session: u32, id: u64) -> Option<u32> {
        let node = self.ids.get(session, id);
        (node != NONE).then_some(node)
    }
}

impl Book {
    fn new((from, to): Range) -> Self {
        let levels = (to - from + 1) as usize;
        Book {
            base: from,
            levels: vec![Level { first: NONE, last: NONE }; levels],
            occupied: vec![0; levels / 64 + 1],
            best_bid: -1,
            best_offer: levels as i64,
        }
    }

    #[inline]
    fn occupy(&mut self, offset: i64, buy: bool) {
        self.occupied[offset as usize / 64] |= 1 << (offset % 64);
        if buy {
            self.best_bid = self.best_bid.max(offset);
        } else {
            self.best_offer = self.best_offer.min(offset);
        }
    }

    /// Clears an empty level. If it was the touch, the bitmap gives the next one.
    #[inline]
    fn vacate(&mut self, offset: usize) {
        self.levels[offset] = Level { first: NONE, last: NONE };
        self.occupied[offset / 64] &= !(1 << (offset % 64));
        if offset as i64 == self.best_bid {
            let below = self.occupied[offset / 64] & ((1 << (offset % 64)) - 1);
            let words =
                std::iter::once(below).chain(self.occupied[..offset / 64].iter().rev().copied());
            let found = (0..=offset as i64 / 64).rev().zip(words).find(|&(_, word)| word != 0);
            self.best_bid =
                found.map_or(-1, |(at, word)| at * 64 + 63 - i64::from(word.leading_zeros()));
        } else if offset as i64 == self.best_offer {
            let above = self.occupied[offset / 64] & (!0 << (offset % 64));
            let words =
                std::iter::once(above).chain(self.occupied[offset / 64 + 1..].iter().copied());
            let found = (offset as i64 / 64..).zip(words).find(|&(_, word)| word != 0);
            self.best_offer = found.map_or(self.levels.len() as i64, |(at, word)| {
                at * 64 + i64::from(word.trailing_zeros())
            });
        }
    }
}

/// Prefetches an element that may not exist.
#[inline]
fn prefetch<T>(slice: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = slice.as_ptr().wrapping_add(at).cast();
        // SAFETY: a prefetch reads nothing and does not fault at any address.
        unsafe { _mm_prefetch(address, _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, at);
}
