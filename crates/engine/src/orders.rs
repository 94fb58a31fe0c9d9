//! Live orders of a shard: a slab with one cache line per order, and an index from a session's own
//! id to the order.
//!
//! The index holds live orders only. A bucket is the head of a chain through the orders themselves,
//! so an insert reads no other order, and the newest order comes first. Ids that a session counts
//! up fall into neighbouring buckets; a multiplication spreads all other ids. The multiplier is
//! drawn at random once in a process, so no client can choose ids that share a bucket.
//! Buckets decide the place of an order in memory and nothing else: no report, hash or image shows
//! them. The bucket of a command is computed once, when the batch is prefetched.

use super::attributes::Attributes;
use super::by_place::Sought;
use super::owners::{BLOCK_BITS, Owners, Run};
use super::prefetch::prefetch;
use super::side_tables::OrderKey;
use super::terms::Owner;
use ringside_model::domain::{OrderId, SessionId, SymbolId};
use ringside_model::hash;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// Place of an order in the slab; 0 is no order.
pub(super) type Slot = u32;
pub(super) const NIL: Slot = 0;

/// One order, in one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Order {
    pub number: u64,
    pub id: u64,
    pub open: u64,
    /// Quantity traded so far, over all replacements.
    pub executed: u64,
    pub session: u32,
    pub symbol: u32,
    /// Price level of the order, in [`super::ladder::Levels`].
    pub level: u32,
    /// Next older order at the same level.
    pub prev: Slot,
    /// Next younger order at the same level.
    pub next: Slot,
    /// Next order of the same index bucket.
    pub chain: Slot,
    pub attributes: Attributes,
}

const _: () = assert!(size_of::<Order>() == 64);

impl Order {
    pub(crate) const NONE: Order = Order {
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
        attributes: Attributes::NONE,
    };

    /// Returns the key of the order's rows in the side tables.
    pub(crate) fn key(&self) -> OrderKey {
        (SymbolId(self.symbol), self.number)
    }

    /// Returns the order's part of the state hash while it rests at `price`.
    #[inline(always)]
    pub(crate) fn hash(&self, price: i64) -> u128 {
        let place = u64::from(self.symbol) << 32 | u64::from(self.session);
        let pairs = [[self.number, self.id], [price as u64, place]];
        hash::of_order(pairs, self.attributes.0, [self.open, self.executed])
    }
}

/// Slab of orders and its index.
pub(super) struct Orders {
    /// Slab. Slot 0 is no order; it absorbs the links to a neighbour that does not exist.
    slab: Vec<Order>,
    /// Head of the list of free slots, linked by `next`.
    free: Slot,
    live: usize,
    /// Heads of the chains; their number is a power of two.
    buckets: Vec<Slot>,
    /// Right shift that makes a bucket from a 64-bit hash.
    shift: u32,
    /// Odd multiplier that spreads the blocks of ids.
    spread: u64,
    /// Used ids by session.
    owners: Owners,
}

/// Place in the index.
#[derive(Clone, Copy, Default)]
pub(super) struct Bucket(u32);

/// Minimum number of orders by which the slab grows.
const GROW_ORDERS_MIN: usize = 256;
/// Minimum number of buckets per order. If a bucket's newest order is not the one that a command
/// names, the prefetch has loaded the wrong line; the four bytes of a bucket are cheaper.
const BUCKETS_PER_ORDER: usize = 8;

impl Orders {
    /// Creates a slab with room for `capacity` live orders, 1,024 at least, before anything grows.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let capacity = capacity.max(1024);
        let mut slab = Vec::with_capacity(capacity + 1);
        slab.push(Order { attributes: Attributes::OF_NO_ORDER, ..Order::NONE });
        let buckets = vec![NIL; (capacity * BUCKETS_PER_ORDER).next_power_of_two()];
        let shift = 64 - buckets.len().ilog2();
        let (spread, owners) = (*SPREAD, Owners::new());
        Orders { slab, free: NIL, live: 0, buckets, shift, spread, owners }
    }

    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Returns the used ids by session.
    pub(crate) fn owners(&self) -> &Owners {
        &self.owners
    }

    #[inline(always)]
    pub(crate) fn get(&self, slot: Slot) -> &Order {
        debug_assert!((slot as usize) < self.slab.len());
        // SAFETY: a slot is 0 or comes from `insert`. The slab has a slot 0 and never shrinks.
        unsafe { self.slab.get_unchecked(slot as usize) }
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut Order {
        debug_assert!((slot as usize) < self.slab.len());
        // SAFETY: as in `get`.
        unsafe { self.slab.get_unchecked_mut(slot as usize) }
    }

    /// Makes room for `orders` more orders. While they are inserted nothing grows, and every bucket
    /// stays valid.
    #[inline(always)]
    pub(crate) fn make_room(&mut self, orders: usize) {
        if self.slab.len() <= self.live + orders {
            self.grow(orders);
        }
    }

    /// Puts an order into the slab and, at the bucket of its id, into the index. Reads no other
    /// order. The caller records the order last, with [`Orders::record`].
    #[inline(always)]
    pub(crate) fn insert(&mut self, order: Order, bucket: Bucket) -> Slot {
        let slot = self.free;
        debug_assert!(slot != NIL, "the caller has made room");
        let chain = std::mem::replace(self.head_mut(bucket), slot);
        self.free = self.get(slot).next;
        *self.get_mut(slot) = Order { chain, ..order };
        self.live += 1;
        slot
    }

    /// Records a new order with its session.
    #[inline(always)]
    pub(crate) fn record(&mut self, slot: Slot) {
        let &Order { session, id, attributes, .. } = self.get(slot);
        if !self.owners.count_up((session, id), attributes) {
            self.add_to_owners(slot);
        }
    }

    /// Removes an order from slab and index. Its neighbours in the level stay unchanged. The caller
    /// records the end last, with [`Orders::record_end`].
    #[inline(always)]
    pub(crate) fn remove(&mut self, slot: Slot, bucket: Bucket) {
        let free = std::mem::replace(&mut self.free, slot);
        let order = self.get_mut(slot);
        let chain = order.chain;
        order.number = 0;
        order.next = free;
        let head = self.head_mut(bucket);
        if *head == slot {
            *head = chain;
        } else {
            let head = *head;
            self.unchain(head, slot);
        }
        self.live -= 1;
    }

    /// Records with its session that the order of this slot has been removed.
    #[inline(always)]
    pub(crate) fn record_end(&mut self, slot: Slot) {
        if self.owners.subtract(self.get(slot).session) {
            self.tidy(slot);
        }
    }

    #[cold]
    #[inline(never)]
    fn add_to_owners(&mut self, slot: Slot) {
        let order = *self.get(slot);
        self.owners.add(&order, slot);
    }

    /// Forgets the place of an order that has left, or some runs of ids of its session that have no
    /// live order.
    #[cold]
    #[inline(never)]
    fn tidy(&mut self, slot: Slot) {
        let order = *self.get(slot);
        let session = order.session;
        if self.owners.is_by_place(session) {
            return self.owners.forget_place(&order, slot);
        }
        for (place, run) in self.owners.next_runs(session).into_iter().flatten() {
            if self.live_in(session, run).next().is_none() {
                self.owners.forget(session, place);
            }
        }
    }

    /// Iterates over the live orders of a run; some may come twice.
    fn live_in(&self, session: u32, run: Run) -> impl Iterator<Item = Slot> {
        const BLOCK: usize = 1 << BLOCK_BITS;
        let is_of_run = move |&slot: &Slot| {
            let order = self.get(slot);
            order.session == session && run.has(order)
        };
        let first = self.bucket(SessionId(session), run.first()).0 as usize;
        let heads = if run.is_long() {
            &self.buckets[first / BLOCK * BLOCK..][..BLOCK]
        } else {
            &self.buckets[first..=first]
        };
        // Where few orders are left most blocks are empty, which needs no look at each head.
        let is_used = heads.iter().fold(NIL, |any, head| any | head) != NIL;
        let heads = heads.iter().copied().filter(move |_| is_used);
        heads.filter(|&head| head != NIL).flat_map(|head| self.chain(head)).filter(is_of_run)
    }

    /// Iterates over a chain of the index.
    fn chain(&self, head: Slot) -> impl Iterator<Item = Slot> {
        let next = |&slot: &Slot| Some(self.get(slot).chain).filter(|&slot| slot != NIL);
        std::iter::successors(Some(head).filter(|&slot| slot != NIL), next)
    }

    /// Makes ready for searches that want some orders of a session, one of `sessions` that they
    /// look at: moves up to `left` of its orders from runs of ids to their places, and subtracts
    /// them from `left`.
    pub(crate) fn make_ready(&mut self, session: u32, sessions: usize, left: &mut usize) {
        /// Number of orders that an empty run is worth.
        const RUN_MIN: usize = 8;
        if !self.owners.begin_places(session, sessions) {
            return;
        }
        while *left > 0
            && let Some(run) = self.owners.take_run(session)
        {
            let slots: Vec<Slot> = self.live_in(session, run).collect();
            *left = left.saturating_sub(slots.len().max(RUN_MIN));
            for slot in slots {
                let order = *self.get(slot);
                self.owners.place(&order, slot);
            }
        }
    }

    /// Iterates over the live orders of a session that a search wants, in no order; some may come
    /// twice.
    pub(crate) fn of_session(&self, session: u32, sought: Sought) -> impl Iterator<Item = Slot> {
        let by_place = self.owners.by_place().of(session, sought);
        by_place.chain(self.in_runs(session).filter(move |&slot| sought.has(self.get(slot))))
    }

    /// Iterates over the live orders of a session's runs, in no order; some may come twice.
    pub(crate) fn in_runs(&self, session: u32) -> impl Iterator<Item = Slot> {
        /// Number of runs that are on their way from memory.
        const AHEAD: usize = 8;
        let runs: Vec<Run> = self.owners.runs(session).collect();
        (0..runs.len()).flat_map(move |i| {
            if let Some(ahead) = runs.get(i + AHEAD) {
                self.prefetch_run(session, *ahead);
            }
            self.live_in(session, runs[i])
        })
    }

    /// Prefetches the buckets of a run.
    fn prefetch_run(&self, session: u32, run: Run) {
        let Bucket(bucket) = self.bucket(SessionId(session), run.first());
        if !run.is_long() {
            return self.prefetch_bucket(Bucket(bucket));
        }
        const BUCKETS_PER_LINE: usize = 64 / size_of::<Slot>();
        let block = bucket >> BLOCK_BITS << BLOCK_BITS;
        for line in (0..1 << BLOCK_BITS).step_by(BUCKETS_PER_LINE) {
            self.prefetch_bucket(Bucket(block + line as u32));
        }
    }

    /// Removes an order from a chain whose head is another order.
    #[inline(never)]
    fn unchain(&mut self, head: Slot, slot: Slot) {
        let mut before = head;
        while self.get(before).chain != slot {
            before = self.get(before).chain;
        }
        self.get_mut(before).chain = self.get(slot).chain;
    }

    /// Finds a live order by its id and the bucket of the id; [`NIL`] if there is none.
    #[inline(always)]
    pub(crate) fn find(&self, bucket: Bucket, session: SessionId, id: OrderId) -> Slot {
        let slot = *self.head(bucket);
        let order = self.get(slot);
        if order.id == id.0 && order.session == session.0 {
            return slot;
        }
        self.find_in_chain(order.chain, session, id)
    }

    /// Finds a live order by its owner; [`NIL`] if there is none.
    pub(crate) fn of_owner(&self, (session, id): Owner) -> Slot {
        self.find(self.bucket(session, id), session, id)
    }

    #[inline(never)]
    fn find_in_chain(&self, mut slot: Slot, session: SessionId, id: OrderId) -> Slot {
        while slot != NIL {
            let order = self.get(slot);
            if order.id == id.0 && order.session == session.0 {
                break;
            }
            slot = order.chain;
        }
        slot
    }

    /// Returns true if an order with this id is live. Most sessions count up: an id above all
    /// earlier ones needs no search.
    #[inline(always)]
    pub(crate) fn is_live(&self, bucket: Bucket, session: SessionId, id: OrderId) -> bool {
        !self.owners.rises(session.0, id.0) && self.find(bucket, session, id) != NIL
    }

    #[inline(always)]
    pub(crate) fn prefetch_bucket(&self, bucket: Bucket) {
        prefetch(self.head(bucket));
    }

    /// Prefetches the newest order of a bucket.
    #[inline(always)]
    pub(crate) fn prefetch_in(&self, bucket: Bucket) {
        self.prefetch(*self.head(bucket));
    }

    /// Prefetches the neighbours of a bucket's newest order, in its level and in the bucket;
    /// returns its level.
    #[inline(always)]
    pub(crate) fn prefetch_neighbours_in(&self, bucket: Bucket) -> u32 {
        let order = self.get(*self.head(bucket));
        self.prefetch(order.prev);
        self.prefetch(order.next);
        self.prefetch(order.chain);
        order.level
    }

    /// Prefetches the index bucket of an order, needed to remove it, and the next order of its
    /// level; returns that order.
    #[inline(always)]
    pub(crate) fn prefetch_next(&self, slot: Slot) -> Slot {
        let order = self.get(slot);
        self.prefetch_bucket(self.bucket(SessionId(order.session), OrderId(order.id)));
        self.prefetch(order.next);
        order.next
    }

    #[inline(always)]
    pub(crate) fn prefetch(&self, slot: Slot) {
        prefetch(self.get(slot));
    }

    /// Returns the bucket of an id.
    #[inline(always)]
    pub(crate) fn bucket(&self, session: SessionId, id: OrderId) -> Bucket {
        let within = id.0 & ((1 << BLOCK_BITS) - 1);
        let block = spread_block(id.0 >> BLOCK_BITS, session, self.spread);
        Bucket((block >> self.shift ^ within) as u32)
    }

    #[inline(always)]
    fn head(&self, Bucket(bucket): Bucket) -> &Slot {
        debug_assert!((bucket as usize) < self.buckets.len());
        // SAFETY: a bucket is 0 or comes from `bucket`, whose shift leaves the bits of an index,
        // with other low bits. The buckets never become fewer.
        unsafe { self.buckets.get_unchecked(bucket as usize) }
    }

    #[inline(always)]
    fn head_mut(&mut self, Bucket(bucket): Bucket) -> &mut Slot {
        debug_assert!((bucket as usize) < self.buckets.len());
        // SAFETY: as in `head`.
        unsafe { self.buckets.get_unchecked_mut(bucket as usize) }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, orders: usize) {
        let first = self.slab.len();
        let last = first + orders.max(GROW_ORDERS_MIN) - 1;
        let linked = |slot| Order { next: slot as Slot + 1, ..Order::NONE };
        self.slab.extend((first..last).map(linked));
        self.slab.push(Order { next: self.free, ..Order::NONE });
        self.free = first as Slot;
        while self.slab.len() * BUCKETS_PER_ORDER > self.buckets.len() {
            self.grow_index();
        }
    }

    #[cold]
    fn grow_index(&mut self) {
        self.buckets = vec![NIL; self.buckets.len() * 2];
        self.shift -= 1;
        for slot in 1..self.slab.len() {
            let order = self.slab[slot];
            if order.number != 0 {
                let bucket = self.bucket(SessionId(order.session), OrderId(order.id));
                self.slab[slot].chain = std::mem::replace(self.head_mut(bucket), slot as Slot);
            }
        }
    }
}

/// Multiplier of this process.
static SPREAD: LazyLock<u64> = LazyLock::new(draw_spread);

/// Draws a multiplier at random that suits ids which are counted up.
fn draw_spread() -> u64 {
    let draw = || RandomState::new().hash_one(0) | 1;
    std::iter::repeat_with(draw).find(|&spread| suits_counting(spread)).expect("it goes on")
}

/// Returns true if blocks of ids that a few sessions count up fall far apart in the index. One
/// multiplier of ten does; the others let sessions share buckets.
fn suits_counting(spread: u64) -> bool {
    const SESSIONS: u32 = 8;
    const BLOCKS: u64 = 4096;
    const PLACES_BITS: u32 = 16;
    let mut taken = vec![false; 1 << PLACES_BITS];
    (1..=SESSIONS).all(|session| {
        (0..BLOCKS).all(|block| {
            let place = spread_block(block, SessionId(session), spread) >> (64 - PLACES_BITS);
            !std::mem::replace(&mut taken[place as usize], true)
        })
    })
}

/// Returns the hash of a block of ids.
#[inline(always)]
fn spread_block(block: u64, session: SessionId, spread: u64) -> u64 {
    (block ^ u64::from(session.0) << 40).wrapping_mul(spread)
}

#[cfg(test)]
mod tests {
    use super::super::owners::SESSIONS_MAX;
    use super::*;
    use ringside_model::domain::Side;
    use std::collections::HashSet;

    impl Orders {
        fn enter(&mut self, order: Order, bucket: Bucket) -> Slot {
            let slot = self.insert(order, bucket);
            self.record(slot);
            slot
        }

        fn leave(&mut self, slot: Slot, bucket: Bucket) {
            self.remove(slot, bucket);
            self.record_end(slot);
        }
    }

    fn order(session: u32, id: u64) -> Order {
        Order { number: 1, session, id, ..Order::NONE }
    }

    #[test]
    fn the_index_finds_live_orders_only_whatever_their_ids() {
        let mut orders = Orders::with_capacity(0);
        let session = SessionId(3);
        let insert = |orders: &mut Orders, id| {
            orders.make_room(1);
            orders.enter(order(3, id), orders.bucket(session, OrderId(id)))
        };
        let find = |orders: &Orders, session, id| {
            let bucket = orders.bucket(SessionId(session), OrderId(id));
            let slot = orders.find(bucket, SessionId(session), OrderId(id));
            assert_eq!(orders.is_live(bucket, SessionId(session), OrderId(id)), slot != NIL);
            slot
        };
        let ids = |i: u64| [i, i << 6, i << 12, i << 50, u64::MAX - i];
        let mut slots = vec![];
        for i in 1..3000 {
            for id in ids(i) {
                if find(&orders, 3, id) == NIL {
                    slots.push((id, insert(&mut orders, id)));
                }
            }
        }
        assert!(orders.live() > 10_000);
        for &(id, slot) in &slots {
            assert_eq!(find(&orders, 3, id), slot);
            assert_eq!(find(&orders, 4, id), NIL);
        }
        for &(id, slot) in slots.iter().step_by(2) {
            orders.leave(slot, orders.bucket(session, OrderId(id)));
            assert_eq!(find(&orders, 3, id), NIL);
        }
        for (i, &(id, slot)) in slots.iter().enumerate() {
            let expected = if i % 2 == 0 { NIL } else { slot };
            assert_eq!(find(&orders, 3, id), expected);
        }
        let before = orders.slab.len();
        slots.iter().step_by(2).for_each(|&(id, _)| _ = insert(&mut orders, id));
        assert_eq!(orders.slab.len(), before, "free slots are used again");
        assert!(before <= 1 + orders.live() + GROW_ORDERS_MIN, "the slab grows in small steps");
    }

    /// Returns the length of the longest chain.
    fn longest_chain(orders: &Orders) -> usize {
        let length = |&head: &Slot| orders.chain(head).count();
        orders.buckets.iter().map(length).max().expect("there are buckets")
    }

    #[test]
    fn no_choice_of_ids_makes_a_chain_long() {
        // Blocks of ids that a multiplication by the golden ratio would put side by side.
        const INVERSE: u64 = 0xF1DE_83E1_9937_733D;
        let in_range = |block: &u64| block >> (64 - BLOCK_BITS) == 0;
        let side_by_side = (1u64..).map(|i| i.wrapping_mul(INVERSE)).filter(in_range);
        let choices: [Vec<u64>; 4] = [
            side_by_side.take(10_000).collect(),
            (1..10_000).collect(),
            (1..10_000).map(|i| i << 30).collect(),
            (1..10_000).map(|i| i << 44).collect(),
        ];
        for blocks in choices {
            let longest = || {
                let mut orders = Orders { spread: draw_spread(), ..Orders::with_capacity(20_000) };
                for id in blocks.iter().map(|block| block << BLOCK_BITS) {
                    orders.make_room(1);
                    orders.enter(order(0, id), orders.bucket(SessionId(0), OrderId(id)));
                }
                longest_chain(&orders)
            };
            // One multiplier in ten thousand may suit a choice; not three in a row.
            let shortest = (0..3).map(|_| longest()).min().expect("three draws");
            assert!(shortest < 64, "{shortest} orders in a chain");
        }
    }

    #[test]
    fn neighbouring_blocks_do_not_share_buckets() {
        let mut orders = Orders::with_capacity(64 * 1000);
        for id in 1..64_000 {
            orders.make_room(1);
            orders.enter(order(1, id), orders.bucket(SessionId(1), OrderId(id)));
        }
        assert!(longest_chain(&orders) <= 4, "{}", longest_chain(&orders));
    }

    /// Inserts and removes orders; compares the orders of each session with a list. `id_of` gives
    /// the next id from the step and a random number. Returns true if the orders of a session were
    /// found by place.
    fn check_sessions(id_of: impl Fn(u64, u64) -> u64) -> bool {
        let mut orders = Orders::with_capacity(0);
        let mut live: Vec<(u32, Slot)> = vec![];
        let mut by_place = false;
        let sessions = [0, 1, 7, SESSIONS_MAX - 1];
        for step in 1..40_000u64 {
            let random = step.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
            let falls = step / 10_000 % 2 == 1;
            if random % 5 < 2 + 2 * u64::from(falls) && !live.is_empty() {
                let (session, slot) = live.swap_remove(random as usize % live.len());
                let id = OrderId(orders.get(slot).id);
                orders.leave(slot, orders.bucket(SessionId(session), id));
            } else {
                let session = sessions[(random >> 8) as usize % sessions.len()];
                orders.make_room(1);
                let id = id_of(step, random);
                let bucket = orders.bucket(SessionId(session), OrderId(id));
                if orders.find(bucket, SessionId(session), OrderId(id)) != NIL {
                    continue;
                }
                let (firm, side) =
                    (random % 20 * 2, [Side::Buy, Side::Sell][random as usize / 20 % 2]);
                let attributes = Attributes(firm | (side as u64) << 32);
                let (symbol, level) = ((random / 40 % 3) as u32, (random / 120 % 5) as u32);
                let order = Order { attributes, symbol, level, number: step, ..order(session, id) };
                live.push((session, orders.enter(order, bucket)));
            }
            if step % 1000 != 0 {
                continue;
            }
            if step % 2_000 == 0 {
                let session = sessions[(step / 2_000) as usize % sessions.len()];
                orders.make_ready(session, 1, &mut 200);
            }
            let sorted = |slots: &mut dyn Iterator<Item = Slot>| {
                let mut slots: Vec<Slot> = slots.collect();
                slots.sort_unstable();
                slots.dedup();
                slots
            };
            for session in sessions {
                let of_session = live.iter().filter(|&&(owner, _)| owner == session);
                let expected = sorted(&mut of_session.map(|&(_, slot)| slot));
                let sought = Sought { buy: Some(true), symbol: Some(1) };
                let wanted = expected.iter().copied().filter(|&slot| sought.has(orders.get(slot)));
                let wanted: Vec<Slot> = wanted.collect();
                assert_eq!(sorted(&mut orders.of_session(session, sought)), wanted);
                let left = sorted(&mut orders.in_runs(session)).len();
                assert!(left <= orders.owners.live_in_runs(session));
                by_place |= orders.owners.is_by_place(session) && left < expected.len();
                assert_eq!(orders.owners.live(session), expected.len());
                assert_eq!(sorted(&mut orders.of_session(session, Sought::default())), expected);
                let runs = orders.owners.runs(session).count();
                let is_few = runs <= 200 + 4 * expected.len();
                assert!(is_few || orders.owners.is_by_place(session), "{runs}, {}", expected.len());
            }
            let is_of = |slot: &Slot| orders.get(*slot).attributes.firm() == 8;
            let of_firm = orders
                .owners
                .of_firm(8)
                .flat_map(|session| orders.of_session(session, Sought::default()));
            let expected = sorted(&mut live.iter().map(|&(_, slot)| slot).filter(is_of));
            assert_eq!(sorted(&mut of_firm.filter(is_of)), expected);
        }
        by_place
    }

    #[test]
    fn a_session_that_was_searched_and_begins_anew_is_found_whole() {
        let session = SessionId(1);
        let bucket = |orders: &Orders, id| orders.bucket(session, OrderId(id));
        for (highest, ids) in [(322, vec![322, 300, 319, 400]), (400, vec![5, 390, 399, 401, 900])]
        {
            let mut orders = Orders::with_capacity(0);
            let insert = |orders: &mut Orders, id| {
                orders.make_room(1);
                orders.enter(order(1, id), bucket(orders, id))
            };
            let first: Vec<Slot> = (1..=256).map(|id| insert(&mut orders, id)).collect();
            orders.make_ready(1, 1, &mut 1_000);
            let rest: Vec<Slot> = (257..highest).map(|id| insert(&mut orders, id)).collect();
            for (id, slot) in (1..).zip(first.into_iter().chain(rest)) {
                orders.leave(slot, bucket(&orders, id));
            }
            let mut again: Vec<Slot> = ids.iter().map(|&id| insert(&mut orders, id)).collect();
            let mut found: Vec<Slot> = orders.of_session(1, Sought::default()).collect();
            again.sort_unstable();
            found.sort_unstable();
            found.dedup();
            assert_eq!(found, again, "{ids:?} after {highest}");
        }
    }

    #[test]
    fn searches_leave_fewer_and_fewer_orders_to_walk() {
        let mut orders = Orders::with_capacity(0);
        for id in 1..=10_000 {
            orders.make_room(1);
            orders.enter(order(1, id), orders.bucket(SessionId(1), OrderId(id)));
        }
        for search in 1..=10 {
            orders.make_ready(1, 1, &mut 1024);
            let left = orders.in_runs(1).count();
            assert!(left <= 10_000 - search * 1_000, "{left} after {search} searches");
        }
        assert_eq!(orders.of_session(1, Sought::default()).count(), 10_000);
    }

    #[test]
    fn orders_that_enter_again_and_again_leave_few_runs() {
        let mut orders = Orders::with_capacity(0);
        let session = SessionId(1);
        for number in 1..200_000u64 {
            let id = OrderId(number * 7 % 1_000);
            let bucket = orders.bucket(session, id);
            let slot = orders.find(bucket, session, id);
            if slot != NIL {
                orders.leave(slot, bucket);
            }
            orders.make_room(1);
            orders.enter(Order { number, ..order(1, id.0) }, bucket);
        }
        let runs = orders.owners.runs(1).count();
        assert!(runs <= 200 + 3 * 1_000, "{runs}");
        let slots: HashSet<Slot> = orders.of_session(1, Sought::default()).collect();
        assert_eq!(slots.len(), 1_000);
    }

    #[test]
    fn the_runs_of_a_session_have_its_live_orders() {
        assert!(check_sessions(|step, _| step));
        assert!(check_sessions(|step, _| step << 6));
        assert!(check_sessions(|step, _| step * 17));
        assert!(check_sessions(|_, random| random));
        assert!(check_sessions(|_, random| random % 3_000));
        check_sessions(|step, random| step / 100 + random % 300);
    }

    #[test]
    fn room_for_many_orders_leaves_the_slots_that_are_free_already() {
        let mut orders = Orders::with_capacity(0);
        let bucket = orders.bucket(SessionId(3), OrderId(1));
        orders.make_room(1);
        let free = GROW_ORDERS_MIN;
        orders.make_room(free + 1);
        let mut slots: Vec<Slot> =
            (1..).take(free + 1).map(|id| orders.enter(order(3, id), bucket)).collect();
        while orders.live() + 1 < orders.slab.len() {
            orders.make_room(1);
            slots.push(orders.enter(order(3, 0), bucket));
        }
        assert!(!slots.contains(&NIL));
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), orders.live(), "each order has a slot of its own");
    }

    #[test]
    fn an_id_is_live_whatever_the_number_of_its_session() {
        let mut orders = Orders::with_capacity(0);
        let sessions = [3, 2, SESSIONS_MAX - 1, SESSIONS_MAX, SESSIONS_MAX + 1, u32::MAX];
        for session in sessions {
            orders.make_room(1);
            orders.enter(order(session, 5), orders.bucket(SessionId(session), OrderId(5)));
        }
        for session in sessions {
            let is_live = |id| {
                let bucket = orders.bucket(SessionId(session), OrderId(id));
                orders.is_live(bucket, SessionId(session), OrderId(id))
            };
            assert_eq!([4, 5, 6].map(is_live), [false, true, false], "session {session}");
        }
    }
}
