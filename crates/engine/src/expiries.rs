//! Ends of orders: which orders of a symbol end next, and which symbols have an end next.

use ringside_model::domain::{Nanos, OrderId, SessionId, SymbolId};
use std::collections::{BTreeMap, BTreeSet};

/// Symbol, time and order number of the end of an order.
pub(super) type End = (SymbolId, Nanos, u64);

/// Resting orders that expire.
#[derive(Default)]
pub(super) struct Expiries {
    /// Session and id of the orders.
    ends: BTreeMap<End, (SessionId, OrderId)>,
    /// First end of each symbol.
    firsts: BTreeSet<(Nanos, SymbolId)>,
}

impl Expiries {
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds an order that rests from now on.
    pub(crate) fn insert(&mut self, end: End, owner: (SessionId, OrderId)) {
        self.change(end.0, |ends| _ = ends.insert(end, owner));
    }

    /// Removes an order that rests no more.
    pub(crate) fn remove(&mut self, end: End) {
        self.change(end.0, |ends| _ = ends.remove(&end));
    }

    fn change(
        &mut self,
        symbol: SymbolId,
        change: impl FnOnce(&mut BTreeMap<End, (SessionId, OrderId)>),
    ) {
        let before = self.first(symbol);
        change(&mut self.ends);
        let after = self.first(symbol);
        if before != after {
            before.map(|end| self.firsts.remove(&(end, symbol)));
            after.map(|end| self.firsts.insert((end, symbol)));
        }
    }

    /// Returns the time of the first end of a symbol's orders.
    pub(crate) fn first(&self, symbol: SymbolId) -> Option<Nanos> {
        let ends = (symbol, Nanos(0), 0)..=(symbol, Nanos(u64::MAX), u64::MAX);
        self.ends.range(ends).next().map(|(&(_, end, _), _)| end)
    }

    /// Returns session and id of the orders of a symbol that end at a time.
    pub(crate) fn at(
        &self,
        symbol: SymbolId,
        end: Nanos,
    ) -> impl Iterator<Item = (SessionId, OrderId)> {
        let ends = (symbol, end, 0)..=(symbol, end, u64::MAX);
        self.ends.range(ends).map(|(_, &owner)| owner)
    }

    /// Returns the number of a symbol's orders that end until a time.
    pub(crate) fn count_until(&self, symbol: SymbolId, time: Nanos) -> u64 {
        self.ends.range((symbol, Nanos(0), 0)..=(symbol, time, u64::MAX)).count() as u64
    }

    /// Returns the number of all orders that end until a time.
    pub(crate) fn count_all_until(&self, time: Nanos) -> u64 {
        self.symbols_until(time).map(|symbol| self.count_until(symbol, time)).sum()
    }

    /// Iterates over the symbols that have an end until a time.
    pub(crate) fn symbols_until(&self, time: Nanos) -> impl Iterator<Item = SymbolId> {
        self.firsts.range(..=(time, SymbolId(u32::MAX))).map(|&(_, symbol)| symbol)
    }

    /// Iterates over the times of all ends, by symbol.
    pub(crate) fn times(&self) -> impl Iterator<Item = (SymbolId, Nanos)> {
        self.ends.keys().map(|&(symbol, end, _)| (symbol, end))
    }
}
