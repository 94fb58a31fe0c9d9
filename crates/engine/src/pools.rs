//! Orders that only trade in an auction: they wait beside the book, not displayed.
//!
//! All orders of a pool are equal to an auction: they have the same time in force, and either all
//! have a limit or none has. Their levels lie in the same slab as those of the books, so these
//! orders are reduced and cancelled like any other order.

use super::Engine;
use super::book::{key_of, link, side_index};
use super::ladder::{Ladder, LevelSlot};
use super::orders::{NIL, Order, Slot};
use super::traits::Traits;
use ringside_model::domain::{Auction, OrderId, OrderNumber, SessionId, SymbolId, TimeInForce};
use std::collections::BTreeMap;

/// Symbol, code of the time in force, and `true` if the orders have a limit.
type PoolKey = (SymbolId, u8, bool);

/// Pools that have orders, each with its bids and offers. Orders without a limit share one level,
/// of key 0.
pub(super) type Pools = BTreeMap<PoolKey, [Ladder; 2]>;

/// Returns the rank of an order's ladders in an image: 0 for the book, then the hidden orders, then
/// the pools, last the stops.
pub(super) fn rank_beside(traits: Traits, price: i64) -> u8 {
    match traits.tif() {
        _ if traits.is_stop() => u8::MAX,
        _ if traits.is_non_displayed() => 1 + u8::from(traits.has_minimum()),
        tif if tif.is_for_auction() => tif as u8 * 2 + u8::from(price != 0),
        _ => 0,
    }
}

impl Engine {
    /// Returns the pools of a symbol.
    pub(super) fn pools_of(
        &self,
        symbol: SymbolId,
    ) -> impl Iterator<Item = (&PoolKey, &[Ladder; 2])> {
        self.pools.range((symbol, 0, false)..=(symbol, u8::MAX, true))
    }

    /// Returns all ladders beside the book of a symbol: hidden orders, then pools, then stops.
    pub(super) fn beside(&self, symbol: SymbolId) -> impl Iterator<Item = &[Ladder; 2]> {
        let pools = self.pools_of(symbol).map(|(_, sides)| sides);
        self.hidden_of(symbol).chain(pools).chain(self.stops.get(&symbol))
    }

    /// Returns the pools that take part in an auction, either those with a limit or those without.
    pub(super) fn pools_in(
        &self,
        symbol: SymbolId,
        auction: Auction,
        with_limit: bool,
    ) -> impl Iterator<Item = &[Ladder; 2]> {
        let takes_part = move |tif: u8| {
            TimeInForce::from_code(tif).is_some_and(|tif| tif.takes_part_in(auction))
        };
        self.pools_of(symbol)
            .filter(move |&(&(_, tif, limit), _)| limit == with_limit && takes_part(tif))
            .map(|(_, sides)| sides)
    }

    /// Puts an order into the pool of its kind.
    pub(super) fn wait_for_auction(&mut self, order: Order, price: i64) {
        self.books_hash = self.books_hash.wrapping_add(order.hash(price));
        self.orders.make_room(1);
        let bucket = self.orders.bucket(SessionId(order.session), OrderId(order.id));
        let pool = (SymbolId(order.symbol), order.traits.tif() as u8, price != 0);
        let sides = self.pools.entry(pool).or_insert_with(|| [Ladder::new(), Ladder::new()]);
        let key = key_of(order.traits.is_buy(), price);
        link(sides, order, key, bucket, &mut self.orders, &mut self.levels);
    }

    /// Removes an empty level from its pool, and the pool with its last level.
    #[cold]
    pub(super) fn remove_level_of_pool(
        &mut self,
        symbol: SymbolId,
        tif: TimeInForce,
        buy: bool,
        level: LevelSlot,
    ) {
        let has_limit = self.levels.get(level).key != 0;
        let pool = (symbol, tif as u8, has_limit);
        let sides = self.pools.get_mut(&pool).expect("an order that waits has a pool");
        sides[side_index(buy)].remove(level, &mut self.levels);
        if sides.iter().all(|side| side.best() == NIL) {
            self.pools.remove(&pool);
        }
    }

    /// Returns the first order of a side to trade in an auction: orders without a limit first, then
    /// the best limit, then displayed before hidden, then the oldest.
    pub(super) fn first_in_auction(
        &self,
        book: usize,
        symbol: SymbolId,
        auction: Auction,
        buy: bool,
    ) -> Option<Slot> {
        let first = |sides: &[Ladder; 2]| {
            let best = sides[side_index(buy)].best();
            let level = (best != NIL).then(|| self.levels.get(best))?;
            let age = OrderNumber(self.orders.get(level.head).number).age();
            let is_hidden = self.orders.get(level.head).traits.is_non_displayed();
            Some((level.key, is_hidden, age, level.head))
        };
        let without_limit = self.pools_in(symbol, auction, false).filter_map(first).min();
        let with_limit = || {
            let pools = self.pools_in(symbol, auction, true);
            self.in_every_auction(book).chain(pools).filter_map(first).min()
        };
        without_limit.or_else(with_limit).map(|(_, _, _, slot)| slot)
    }
}
