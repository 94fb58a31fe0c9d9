//! The live orders of a shard: a slab of one cache line each, and the index that finds one by the id
//! its session gave it.
//!
//! The index holds live orders only. A bucket is the head of a chain through the orders themselves,
//! so that nothing has to be read to add one, and the newest order comes first. Ids that a session
//! counts up fall into neighbouring buckets; ids that arrive in any other way are spread by a
//! multiplication.

use super::prefetch::prefetch_at;
use crate::domain::{OrderId, PostOnly, SelfTrade, SessionId, Side, TimeInForce};
use crate::hash;

/// Where an order lies in the slab. Zero is no order.
pub(super) type Slot = u32;
pub(super) const NIL: Slot = 0;

/// One order.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Order {
    pub number: u64,
    pub id: u64,
    pub open: u64,
    /// Traded so far, over all its replacements.
    pub executed: u64,
    pub session: u32,
    pub symbol: u32,
    /// Its price level, [`super::ladder::Levels`].
    pub level: u32,
    /// The order before it in time at its level.
    pub prev: Slot,
    /// The order after it in time at its level.
    pub next: Slot,
    /// The next order of its index bucket.
    pub chain: Slot,
    pub firm: u16,
    pub group: u16,
    pub side: Side,
    pub tif: TimeInForce,
    pub post_only: PostOnly,
    pub self_trade: SelfTrade,
}

const _: () = assert!(size_of::<Order>() == 64);

impl Order {
    pub const NONE: Order = Order {
        number: 0,
        id: 0,
        open: 0,
        executed: 0,
        session: 0,
        symbol: 0,
        level: 0,
        prev: NIL,
        next: NIL,
        chain: NIL,
        firm: 0,
        group: 0,
        side: Side::Buy,
        tif: TimeInForce::Day,
        post_only: PostOnly::Off,
        self_trade: SelfTrade::None,
    };

    /// Its part of the state hash while it rests at `price`.
    #[inline]
    pub fn hash(&self, price: i64) -> u128 {
        let traits = u32::from_le_bytes([
            self.side as u8,
            self.tif as u8,
            self.post_only as u8,
            self.self_trade as u8,
        ]);
        let owner = u64::from(traits) << 32 | u64::from(self.group) << 16 | u64::from(self.firm);
        hash::of_fields([
            self.number ^ owner.rotate_left(40),
            self.id,
            price as u64,
            u64::from(self.session) << 32 | u64::from(self.symbol),
            self.open,
            self.executed,
        ])
    }
}

/// The slab and its index.
pub(super) struct Orders {
    /// Slot 0 stays empty.
    slab: Vec<Order>,
    /// Head of the list of free slots, linked by `next`.
    free: Slot,
    live: usize,
    /// Heads of the chains; a power of two of them.
    buckets: Vec<Slot>,
}

/// Buckets per live order, at least: short chains matter more than the four bytes of a bucket.
const BUCKETS_PER_ORDER: usize = 4;
/// Ids that share these low bits less the block lie side by side.
const BLOCK_BITS: u32 = 6;

impl Orders {
    /// Room for `capacity` live orders before anything has to grow.
    pub fn with_capacity(capacity: usize) -> Self {
        let capacity = capacity.max(1024);
        let mut slab = Vec::with_capacity(capacity + 1);
        slab.push(Order::NONE);
        let buckets = vec![NIL; (capacity * BUCKETS_PER_ORDER).next_power_of_two()];
        Orders { slab, free: NIL, live: 0, buckets }
    }

    pub fn live(&self) -> usize {
        self.live
    }

    #[inline]
    pub fn get(&self, slot: Slot) -> &Order {
        &self.slab[slot as usize]
    }

    #[inline]
    pub fn get_mut(&mut self, slot: Slot) -> &mut Order {
        &mut self.slab[slot as usize]
    }

    /// Puts an order into the slab and the index.
    #[inline]
    pub fn insert(&mut self, mut order: Order) -> Slot {
        if (self.live + 1) * BUCKETS_PER_ORDER > self.buckets.len() {
            self.grow_index();
        }
        let bucket = self.bucket(SessionId(order.session), OrderId(order.id));
        order.chain = self.buckets[bucket];
        let slot = self.free;
        let slot = if slot == NIL {
            self.slab.push(order);
            (self.slab.len() - 1) as Slot
        } else {
            self.free = self.get(slot).next;
            *self.get_mut(slot) = order;
            slot
        };
        self.buckets[bucket] = slot;
        self.live += 1;
        slot
    }

    /// Takes an order out of the slab and the index. Its neighbours in the level are not touched.
    #[inline]
    pub fn remove(&mut self, slot: Slot) {
        let order = self.get(slot);
        let bucket = self.bucket(SessionId(order.session), OrderId(order.id));
        let chain = order.chain;
        let head = self.buckets[bucket];
        if head == slot {
            self.buckets[bucket] = chain;
        } else {
            let mut before = head;
            while self.get(before).chain != slot {
                before = self.get(before).chain;
            }
            self.get_mut(before).chain = chain;
        }
        let free = self.free;
        let order = self.get_mut(slot);
        order.number = 0;
        order.next = free;
        self.free = slot;
        self.live -= 1;
    }

    /// Finds a live order, [`NIL`] if there is none.
    #[inline]
    pub fn find(&self, session: SessionId, id: OrderId) -> Slot {
        let mut slot = self.buckets[self.bucket(session, id)];
        while slot != NIL {
            let order = self.get(slot);
            if order.id == id.0 && order.session == session.0 {
                return slot;
            }
            slot = order.chain;
        }
        NIL
    }

    /// First step of looking ahead: the bucket.
    #[inline]
    pub fn prefetch_bucket(&self, session: SessionId, id: OrderId) {
        prefetch_at(&self.buckets, self.bucket(session, id));
    }

    /// Second step: the order, if the bucket has arrived.
    #[inline]
    pub fn prefetch_order(&self, session: SessionId, id: OrderId) {
        self.prefetch_slot(self.buckets[self.bucket(session, id)]);
    }

    /// Third step: the neighbours in its level; gives the level itself.
    #[inline]
    pub fn prefetch_neighbours(&self, session: SessionId, id: OrderId) -> u32 {
        let order = self.get(self.buckets[self.bucket(session, id)]);
        self.prefetch_slot(order.prev);
        self.prefetch_slot(order.next);
        order.level
    }

    #[inline]
    pub fn prefetch_slot(&self, slot: Slot) {
        prefetch_at(&self.slab, slot as usize);
    }

    #[inline]
    fn bucket(&self, session: SessionId, id: OrderId) -> usize {
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        let block = (id.0 >> BLOCK_BITS) ^ u64::from(session.0) << 40;
        let spread = block.wrapping_mul(SPREAD) >> 32 << BLOCK_BITS;
        let within = id.0 & ((1 << BLOCK_BITS) - 1);
        (spread | within) as usize & (self.buckets.len() - 1)
    }

    #[cold]
    fn grow_index(&mut self) {
        self.buckets = vec![NIL; self.buckets.len() * 2];
        for slot in 1..self.slab.len() {
            let order = self.slab[slot];
            if order.number != 0 {
                let bucket = self.bucket(SessionId(order.session), OrderId(order.id));
                self.slab[slot].chain = self.buckets[bucket];
                self.buckets[bucket] = slot as Slot;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(session: u32, id: u64) -> Order {
        Order { number: 1, session, id, ..Order::NONE }
    }

    #[test]
    fn the_index_finds_live_orders_only_whatever_their_ids() {
        let mut orders = Orders::with_capacity(0);
        let ids = |i: u64| [i, i << 6, i << 12, i << 50, u64::MAX - i];
        let mut slots = vec![];
        for i in 1..3000 {
            for id in ids(i) {
                if orders.find(SessionId(3), OrderId(id)) == NIL {
                    slots.push((id, orders.insert(order(3, id))));
                }
            }
        }
        assert!(orders.live() > 10_000);
        for &(id, slot) in &slots {
            assert_eq!(orders.find(SessionId(3), OrderId(id)), slot);
            assert_eq!(orders.find(SessionId(4), OrderId(id)), NIL);
        }
        for &(id, slot) in slots.iter().step_by(2) {
            orders.remove(slot);
            assert_eq!(orders.find(SessionId(3), OrderId(id)), NIL);
        }
        for (i, &(id, slot)) in slots.iter().enumerate() {
            let expected = if i % 2 == 0 { NIL } else { slot };
            assert_eq!(orders.find(SessionId(3), OrderId(id)), expected);
        }
        let before = orders.slab.len();
        slots.iter().step_by(2).for_each(|&(id, _)| _ = orders.insert(order(3, id)));
        assert_eq!(orders.slab.len(), before, "free slots are used again");
    }
}
