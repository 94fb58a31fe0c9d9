//! Hidden orders with a minimum, in matching priority, each with the quantity that an incoming
//! order needs to trade with it. The first order that a quantity can meet is found without a look
//! at those that it cannot.

use super::Engine;
use super::book::side_index;
use super::orders::{NIL, Order, Slot};
use super::terms::owner_of;
use super::tree::{Tree, Value};
use ringside_model::domain::{OrderNumber, Quantity, SymbolId};
use std::collections::BTreeMap;
use std::ops::Bound;

/// Hidden orders with a minimum, by symbol and side.
#[derive(Default)]
pub(super) struct Minimums {
    sides: BTreeMap<(SymbolId, usize), Tree<Priority, Minimum>>,
    /// Slot, side and priority of each order, by symbol and age.
    by_age: BTreeMap<(SymbolId, u64), (Slot, usize, Priority)>,
}

/// Ladder key and age.
type Priority = (i64, u64);

#[derive(Clone, Copy)]
struct Minimum {
    slot: Slot,
    least: u64,
}

impl Value for Minimum {
    /// Smallest quantity that one of the orders trades with.
    type Sum = u64;
    const NONE: u64 = u64::MAX;

    fn sum(&self) -> u64 {
        self.least
    }

    fn join(low: u64, high: u64) -> u64 {
        low.min(high)
    }
}

impl Minimums {
    /// Returns the first order of a side behind `behind` that trades with `open` quantity.
    pub(crate) fn first(
        &self,
        symbol: SymbolId,
        buy: bool,
        behind: Option<Priority>,
        open: u64,
    ) -> Option<Slot> {
        let side = self.sides.get(&(symbol, side_index(buy)))?;
        side.first_above(behind, |least| least <= open).map(|(_, minimum)| minimum.slot)
    }

    /// Returns the age and the slot of the oldest order of a symbol that is younger than `after`.
    pub(crate) fn next(&self, symbol: SymbolId, after: u64) -> Option<(u64, Slot)> {
        let later = (Bound::Excluded((symbol, after)), Bound::Included((symbol, u64::MAX)));
        self.by_age.range(later).next().map(|(&(_, age), &(slot, ..))| (age, slot))
    }

    fn set(&mut self, order: &Order, priority: Priority, minimum: Minimum) {
        let side = side_index(order.attributes.is_buy());
        let orders = self.sides.entry((SymbolId(order.symbol), side)).or_insert_with(Tree::new);
        orders.set(priority, minimum);
        self.by_age.insert((SymbolId(order.symbol), priority.1), (minimum.slot, side, priority));
    }

    /// Removes an order that leaves.
    pub(crate) fn remove(&mut self, order: &Order) {
        // An order that has traded away on entry has not rested.
        let symbol = SymbolId(order.symbol);
        let age = OrderNumber(order.number).age();
        let Some((_, side, priority)) = self.by_age.remove(&(symbol, age)) else { return };
        let place = (symbol, side);
        let orders = self.sides.get_mut(&place).expect("the side of a resting order");
        orders.remove(priority);
        if orders.is_empty() {
            self.sides.remove(&place);
        }
    }
}

impl Engine {
    /// Records a hidden order with a minimum that rests from now on, or whose open quantity has
    /// changed. Nothing trades with a parked one.
    #[cold]
    pub(super) fn note_minimum(&mut self, slot: Slot) {
        let minimum = self.special_terms(self.orders.get(slot)).min_quantity;
        self.set_minimum(slot, minimum);
    }

    fn set_minimum(&mut self, slot: Slot, Quantity(minimum): Quantity) {
        let order = self.orders.get(slot);
        if order.attributes.is_parked() {
            return;
        }
        let least = minimum.min(order.open);
        let priority = (self.levels.get(order.level).key, OrderNumber(order.number).age());
        self.minimums.set(order, priority, Minimum { slot, least });
    }

    /// Records an order with this minimum, 0 for none, that has come to rest.
    pub(super) fn note_new_minimum(&mut self, order: &Order, minimum: Quantity) {
        if minimum != Quantity(0) {
            let slot = self.orders.of_owner(owner_of(order));
            debug_assert!(slot != NIL);
            self.set_minimum(slot, minimum);
        }
    }
}
