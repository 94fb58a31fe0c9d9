//! Orders that only trade in an auction.
//!
//! All orders of a pool are equal to an auction: they have the same time in force, and either all
//! have a limit or none has.

use super::Engine;
use super::beside::Resting;
use super::book::side_index;
use super::ladder::Ladder;
use super::orders::{NIL, Slot};
use ringside_model::domain::{Auction, OrderNumber, SymbolId, TimeInForce};

impl Engine {
    /// Iterates over the pools of a symbol: time in force, true if the orders have a limit, and
    /// ladders.
    pub(super) fn pools_of(
        &self,
        symbol: SymbolId,
    ) -> impl Iterator<Item = (TimeInForce, bool, &[Ladder; 2])> {
        self.beside(symbol).filter_map(|(resting, sides)| match resting {
            Resting::ForAuction { tif, limit } => Some((tif, limit, sides)),
            _ => None,
        })
    }

    /// Returns the pools that take part in an auction, either those with a limit or those without.
    pub(super) fn pools_in(
        &self,
        symbol: SymbolId,
        auction: Auction,
        with_limit: bool,
    ) -> impl Iterator<Item = &[Ladder; 2]> {
        self.pools_of(symbol)
            .filter(move |&(tif, limit, _)| limit == with_limit && tif.takes_part_in(auction))
            .map(|(_, _, sides)| sides)
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
            let is_hidden = self.orders.get(level.head).attributes.is_non_displayed();
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
