//! Orders of some sessions by side, symbol and level: a search for a few orders of a session does
//! not walk all of them.
//!
//! A session has such an index from its first search for some of its orders on, if it has many then
//! (`owners.rs` says how many). Its new orders go into the index at once; each search adds some of
//! those that rested before. The index is empty for all other sessions, and their orders do not pay
//! for it. `orders.rs` adds and removes with each order.

use super::ladder::LevelSlot;
use super::orders::{Order, Slot};
use std::collections::BTreeSet;

/// Orders that a search wants.
#[derive(Clone, Copy, Default)]
pub(super) struct Sought {
    /// Side; `None` for both.
    pub buy: Option<bool>,
    /// Symbol; `None` for all.
    pub symbol: Option<u32>,
}

impl Sought {
    /// Returns true if the search wants an order.
    pub(crate) fn has(self, order: &Order) -> bool {
        self.buy.is_none_or(|buy| buy == order.attributes.is_buy())
            && self.symbol.is_none_or(|symbol| symbol == order.symbol)
    }

    /// Returns true if the search may want no more than some orders of a session.
    pub(crate) fn is_narrow(self) -> bool {
        self.buy.is_some() || self.symbol.is_some()
    }
}

/// Orders by session, side, symbol and level.
#[derive(Default)]
pub(super) struct ByPlace(BTreeSet<(u32, bool, u32, LevelSlot, Slot)>);

impl ByPlace {
    /// Adds an order that rests; the order may be there already.
    pub(crate) fn add(&mut self, order: &Order, slot: Slot) {
        self.0.insert(place_of(order, slot));
    }

    /// Removes an order that leaves, if the order is there.
    pub(crate) fn remove(&mut self, order: &Order, slot: Slot) {
        self.0.remove(&place_of(order, slot));
    }

    /// Iterates over the orders of a session that a search wants, by side, symbol and level.
    pub(crate) fn of(
        &self,
        session: u32,
        Sought { buy, symbol }: Sought,
    ) -> impl Iterator<Item = Slot> {
        let sides =
            [false, true].into_iter().filter(move |&side| buy.is_none_or(|buy| buy == side));
        let (low, high) = symbol.map_or((0, u32::MAX), |symbol| (symbol, symbol));
        sides.flat_map(move |side| {
            let last = (session, side, high, LevelSlot::MAX, Slot::MAX);
            self.0.range((session, side, low, 0, 0)..=last).map(|&(.., slot)| slot)
        })
    }

    /// Returns true if an order of a session stands on a level of this side and symbol.
    pub(crate) fn has(&self, session: u32, (buy, symbol): (bool, u32), level: LevelSlot) -> bool {
        let last = (session, buy, symbol, level, Slot::MAX);
        self.0.range((session, buy, symbol, level, 0)..=last).next().is_some()
    }
}

fn place_of(order: &Order, slot: Slot) -> (u32, bool, u32, LevelSlot, Slot) {
    (order.session, order.attributes.is_buy(), order.symbol, order.level, slot)
}
