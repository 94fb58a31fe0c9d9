//! Side tables: rare state beside the books, by symbol or by order. Each table keeps its part of
//! the state hash; no other code adds a row to the hash or takes one out.

use super::icebergs::Reserve;
use super::market::Market;
use super::moves::{Away, Waiting};
use super::settings::Settings;
use super::stops::{ElectedLimit, ReachedPlace};
use super::terms::Terms;
use super::work::Step;
use ringside_model::command::PlanState;
use ringside_model::domain::SymbolId;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Side tables of a shard.
#[derive(Default)]
pub(super) struct SideTables {
    /// Symbols that are not traded here at present.
    pub away: Table<Away>,
    /// Orders of the symbols in `away`.
    pub waiting: Table<Waiting>,
    /// Bands, quote and short sale state of guarded symbols.
    pub markets: Table<Market>,
    /// Scheduled next states of symbols.
    pub plans: Table<PlanState>,
    /// Settings of symbols beside their definitions.
    pub settings: Table<Settings>,
    /// Work that symbols owe.
    pub owed: Table<Step>,
    /// Limits of the stops that have one.
    pub limits: Table<ElectedLimit>,
    /// Places in the queue of the stops that were reached and wait.
    pub reached: Table<ReachedPlace>,
    /// Undisplayed quantity of icebergs.
    pub reserves: Table<Reserve>,
    /// Special terms of orders.
    pub terms: Terms,
}

impl SideTables {
    /// Returns the tables' part of the state hash.
    pub(crate) fn hash(&self) -> u128 {
        let SideTables { away, waiting, markets, plans, settings, owed, .. } = self;
        let SideTables { limits, reached, reserves, terms, .. } = self;
        let of_symbols = [away.hash, markets.hash, plans.hash, settings.hash, owed.hash];
        let of_orders = [waiting.hash, limits.hash, reached.hash, reserves.hash, terms.hash()];
        of_symbols.into_iter().chain(of_orders).fold(0, u128::wrapping_add)
    }
}

/// Row of a side table.
pub(super) trait Row {
    type Key: Ord + Copy;

    /// Returns the row's part of the state hash.
    fn hash(&self, key: Self::Key) -> u128;
}

/// Key of a row that belongs to an order: symbol and order number.
pub(super) type OrderKey = (SymbolId, u64);

/// Returns the range of the keys of a symbol's orders.
pub(super) fn orders_of(symbol: SymbolId) -> RangeInclusive<OrderKey> {
    (symbol, 0)..=(symbol, u64::MAX)
}

/// Rows of one kind, by key.
pub(super) struct Table<R: Row> {
    rows: BTreeMap<R::Key, R>,
    /// Wrapping sum of the rows' parts of the state hash.
    hash: u128,
}

impl<R: Row> Table<R> {
    /// Inserts a row; replaces the present row of the key.
    pub(crate) fn insert(&mut self, key: R::Key, row: R) {
        self.hash = self.hash.wrapping_add(row.hash(key));
        if let Some(before) = self.rows.insert(key, row) {
            self.hash = self.hash.wrapping_sub(before.hash(key));
        }
    }

    /// Changes the row of a key, which must have one; returns the result of `change`.
    pub(crate) fn change<T>(&mut self, key: R::Key, change: impl FnOnce(&mut R) -> T) -> T {
        let row = self.rows.get_mut(&key).expect("a row that changes is in its table");
        self.hash = self.hash.wrapping_sub(row.hash(key));
        let result = change(row);
        self.hash = self.hash.wrapping_add(row.hash(key));
        result
    }

    /// Removes and returns the row of a key, if there is one.
    pub(crate) fn remove(&mut self, key: R::Key) -> Option<R> {
        let row = self.rows.remove(&key)?;
        self.hash = self.hash.wrapping_sub(row.hash(key));
        Some(row)
    }

    pub(crate) fn get(&self, key: R::Key) -> Option<&R> {
        self.rows.get(&key)
    }

    /// Returns true if the key has a row.
    pub(crate) fn has(&self, key: R::Key) -> bool {
        self.rows.contains_key(&key)
    }

    /// Iterates over all rows, by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (R::Key, &R)> {
        self.rows.iter().map(|(&key, row)| (key, row))
    }

    /// Iterates over the rows of a range of keys, by key.
    pub(crate) fn range(&self, keys: RangeInclusive<R::Key>) -> impl Iterator<Item = &R> {
        self.rows.range(keys).map(|(_, row)| row)
    }
}

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Table { rows: BTreeMap::new(), hash: 0 }
    }
}
