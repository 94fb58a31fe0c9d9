//! The book of one instrument: its two ladders and what the matching rules need to know of it.

use super::ladder::{Ladder, Levels};
use super::orders::{NIL, Order, Orders, Slot};
use crate::command::DefineSymbol;
use crate::domain::SymbolId;
use crate::hash;

/// One instrument.
pub(super) struct Book {
    pub symbol: SymbolId,
    pub lot: u64,
    collar_bps: u32,
    reference: i64,
    /// The price of the last trade, zero before the first.
    last: i64,
    /// The tick and the name as hashed.
    identity: u64,
    /// Bids, offers.
    pub sides: [Ladder; 2],
}

/// The index of a side in [`Book::sides`].
#[inline]
pub(super) fn side_index(buy: bool) -> usize {
    usize::from(!buy)
}

/// The ladder key of a price, see [`super::ladder`]. Looking ahead and the views ask for prices that no
/// order can have, too.
#[inline]
pub(super) fn key_of(buy: bool, price: i64) -> i64 {
    if buy { price.wrapping_neg() } else { price }
}

impl Book {
    pub fn new(symbol: SymbolId, definition: &DefineSymbol) -> Self {
        let mut name = [0; 16];
        let text = definition.name.as_str().as_bytes();
        name[..text.len()].copy_from_slice(text);
        let [low, high] = [0, 8].map(|at| u64::from_le_bytes(name[at..at + 8].try_into().unwrap()));
        let tick = definition.tick.mantissa.rotate_left(32) ^ u64::from(definition.tick.scale);
        Book {
            symbol,
            lot: definition.lot.0,
            collar_bps: definition.collar_bps,
            reference: definition.reference.0,
            last: 0,
            identity: low ^ high.rotate_left(19) ^ tick,
            sides: [Ladder::default(), Ladder::default()],
        }
    }

    /// Its own part of the state hash, without its orders.
    pub fn hash(&self) -> u128 {
        hash::of_fields([
            u64::MAX - u64::from(self.symbol.0),
            self.lot,
            u64::from(self.collar_bps),
            self.reference as u64,
            self.last as u64,
            self.identity,
        ])
    }

    /// Takes note of a trade's price; gives the change of the state hash.
    #[inline]
    pub fn set_last(&mut self, price: i64) -> u128 {
        if price == self.last {
            return 0;
        }
        let before = self.hash();
        self.last = price;
        self.hash().wrapping_sub(before)
    }

    /// The worst price at which a market order may trade.
    pub fn collar(&self, buy: bool) -> i64 {
        let reference = if self.last != 0 { self.last } else { self.reference };
        let open_end = if buy { i64::MAX } else { 1 };
        if reference == 0 || self.collar_bps == 0 {
            return open_end;
        }
        let delta = i128::from(reference) * i128::from(self.collar_bps) / 10_000;
        let bound = if buy { i128::from(reference) + delta } else { i128::from(reference) - delta };
        bound.clamp(1, i128::from(i64::MAX)) as i64
    }

    /// Puts an order at the end of its price.
    #[inline]
    pub fn rest(&mut self, mut order: Order, price: i64, orders: &mut Orders, levels: &mut Levels) {
        let buy = order.side.is_buy();
        let slot_of_level = self.sides[side_index(buy)].find_or_insert(key_of(buy, price), levels);
        let level = levels.get_mut(slot_of_level);
        order.level = slot_of_level;
        order.prev = level.tail;
        order.next = NIL;
        let tail = level.tail;
        let open = order.open;
        let slot = orders.insert(order);
        if tail == NIL {
            level.head = slot;
        } else {
            orders.get_mut(tail).next = slot;
        }
        level.tail = slot;
        level.count += 1;
        level.add(open);
    }

    /// Takes an order out of the book; what it has open leaves the level's total.
    #[inline]
    pub fn remove(&mut self, slot: Slot, orders: &mut Orders, levels: &mut Levels) {
        let Order { prev, next, level: slot_of_level, open, side, .. } = *orders.get(slot);
        let level = levels.get_mut(slot_of_level);
        level.subtract(open);
        level.count -= 1;
        if prev == NIL {
            level.head = next;
        } else {
            orders.get_mut(prev).next = next;
        }
        if next == NIL {
            level.tail = prev;
        } else {
            orders.get_mut(next).prev = prev;
        }
        if level.count == 0 {
            self.sides[side_index(side.is_buy())].remove(slot_of_level, levels);
        }
        orders.remove(slot);
    }
}
