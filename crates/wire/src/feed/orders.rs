//! Resting orders as the feed shows them, and their price levels.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// Side of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Buy side: bids.
    Buy,
    /// Sell side: offers, including short sales.
    Sell,
}

impl Side {
    /// Side of a message's side letter: `B` buys; `S`, `T` and `E` sell. `None` for any other
    /// letter.
    pub(crate) fn from_letter(letter: u8) -> Option<Side> {
        match letter {
            b'B' => Some(Side::Buy),
            b'S' | b'T' | b'E' => Some(Side::Sell),
            _ => None,
        }
    }
}

/// Resting order as the feed shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Order reference number of the feed.
    pub reference: u64,
    /// StockLocate of the symbol.
    pub stock_locate: u16,
    /// Side that the order rests on.
    pub side: Side,
    /// Side letter in the message that added the order.
    pub side_letter: u8,
    /// Number of shares left.
    pub shares: u32,
    /// Price in 1/10000.
    pub price: u32,
    /// Time at which the order got its priority, in ns since midnight UTC, 48 bits.
    pub timestamp: [u8; 6],
    /// Firm of the order, if the feed shows it.
    pub attribution: Option<[u8; 4]>,
}

/// Price level with the totals of its orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Price in 1/10000.
    pub price: u32,
    /// Total shares of the level's orders.
    pub shares: u64,
    /// Number of orders on the level.
    pub orders: u32,
}

/// Link to no order: a book has no more than this many orders, so no slot has this index.
const NONE: u32 = u32::MAX;

/// All orders, each linked to its neighbours on its level.
#[derive(Default)]
pub(super) struct OrderPool {
    by_reference: HashMap<u64, u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Slot {
    order: Order,
    before: u32,
    behind: u32,
}

impl OrderPool {
    pub(super) fn len(&self) -> usize {
        self.by_reference.len()
    }

    pub(super) fn find(&self, reference: u64) -> Option<(OrderHandle, &Order)> {
        let at = *self.by_reference.get(&reference)?;
        Some((OrderHandle(at), &self.slot(at)?.order))
    }

    fn insert(&mut self, order: Order, before: u32) -> u32 {
        let slot = Slot { order, before, behind: NONE };
        let at = self.free.pop().unwrap_or(self.slots.len() as u32);
        match self.slot_mut(at) {
            Some(free) => *free = slot,
            None => self.slots.push(slot),
        }
        self.by_reference.insert(order.reference, at);
        at
    }

    fn slot(&self, at: u32) -> Option<&Slot> {
        self.slots.get(at as usize)
    }

    fn slot_mut(&mut self, at: u32) -> Option<&mut Slot> {
        self.slots.get_mut(at as usize)
    }
}

/// Handle of an order in the pool. Valid until the order is removed.
#[derive(Clone, Copy)]
pub(super) struct OrderHandle(u32);

/// Levels of one side of a symbol.
#[derive(Default)]
pub(super) struct Ladder {
    /// Levels by rank; the best price has the lowest rank.
    levels: BTreeMap<u32, Queue>,
}

/// Orders of a level, first come first served.
struct Queue {
    first: u32,
    last: u32,
    shares: u64,
    orders: u32,
}

/// Rank of a price on its side, and price of a rank: the highest bid and the lowest offer have the
/// lowest rank.
fn rank(side: Side, price: u32) -> u32 {
    match side {
        Side::Buy => !price,
        Side::Sell => price,
    }
}

impl Ladder {
    /// Appends an order to the level of its price.
    pub(super) fn push(&mut self, orders: &mut OrderPool, order: Order) {
        let queue = self.levels.entry(rank(order.side, order.price)).or_insert(Queue {
            first: NONE,
            last: NONE,
            shares: 0,
            orders: 0,
        });
        let at = orders.insert(order, queue.last);
        match orders.slot_mut(queue.last) {
            Some(last) => last.behind = at,
            None => queue.first = at,
        }
        queue.last = at;
        queue.shares = queue.shares.saturating_add(order.shares.into());
        queue.orders = queue.orders.saturating_add(1);
    }

    /// Takes shares from an order, which must have as many. Removes the order when no shares are
    /// left.
    pub(super) fn reduce(&mut self, orders: &mut OrderPool, handle: OrderHandle, shares: u32) {
        let Some(slot) = orders.slot_mut(handle.0) else { return };
        slot.order.shares = slot.order.shares.saturating_sub(shares);
        let Slot { order, before, behind } = *slot;
        let rank = rank(order.side, order.price);
        let Entry::Occupied(mut level) = self.levels.entry(rank) else { return };
        let queue = level.get_mut();
        queue.shares = queue.shares.saturating_sub(shares.into());
        if order.shares > 0 {
            return;
        }
        match orders.slot_mut(before) {
            Some(slot) => slot.behind = behind,
            None => queue.first = behind,
        }
        match orders.slot_mut(behind) {
            Some(slot) => slot.before = before,
            None => queue.last = before,
        }
        queue.orders = queue.orders.saturating_sub(1);
        if queue.orders == 0 {
            level.remove();
        }
        orders.by_reference.remove(&order.reference);
        orders.free.push(handle.0);
    }

    /// Levels of the side, best first.
    pub(super) fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.levels.iter().map(move |(&key, queue)| Level {
            price: rank(side, key),
            shares: queue.shares,
            orders: queue.orders,
        })
    }

    /// Orders of a price, by priority.
    pub(super) fn orders<'a>(
        &self,
        side: Side,
        price: u32,
        orders: &'a OrderPool,
    ) -> impl Iterator<Item = &'a Order> + use<'a> {
        let first = self.levels.get(&rank(side, price)).map_or(NONE, |queue| queue.first);
        let slots = move |at| orders.slot(at);
        std::iter::successors(slots(first), move |slot| slots(slot.behind)).map(|slot| &slot.order)
    }
}
