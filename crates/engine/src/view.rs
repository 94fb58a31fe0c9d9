//! Queries. They change nothing and cost the live path nothing.

use super::Engine;
use super::book::{key_of, side_index};
use super::ladder::{Ladder, LevelSlot};
use super::orders::{NIL, Order, Slot};
use ringside_model::domain::{
    Nanos, OrderId, OrderNumber, Price, Quantity, SessionId, Side, SymbolId,
};

/// One price level of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelView {
    /// Price of the level.
    pub price: Price,
    /// Displayed quantity of its orders.
    pub quantity: u128,
    /// Number of orders at the level.
    pub orders: u32,
}

/// Live order, as a query returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// Order number that the venue gave.
    pub number: OrderNumber,
    /// Session that owns the order.
    pub session: SessionId,
    /// Id that the session gave.
    pub id: OrderId,
    /// Symbol of the order.
    pub symbol: SymbolId,
    /// Side, with the sell marking.
    pub side: Side,
    /// Limit; the stop price of a waiting stop.
    pub price: Price,
    /// Open quantity, reserve included.
    pub open: Quantity,
    /// Displayed part of the open quantity: all of it, one slice of an iceberg, nothing of a hidden
    /// order.
    pub shown: Quantity,
    /// Executed quantity, over all replacements.
    pub executed: Quantity,
}

impl Engine {
    /// Returns the best bid and the best offer; `None` for an empty side.
    pub fn top_of_book(&self, symbol: SymbolId) -> (Option<LevelView>, Option<LevelView>) {
        let Some(book) = self.book_index(symbol) else { return (None, None) };
        let [bid, offer] = [true, false].map(|buy| {
            let best = self.books[book].sides[side_index(buy)].best();
            (best != NIL).then(|| self.view_level(best))
        });
        (bid, offer)
    }

    /// Returns the levels of one side, best first.
    pub fn depth(&self, symbol: SymbolId, buy: bool) -> Vec<LevelView> {
        self.levels(symbol, buy).collect()
    }

    /// Iterates over the levels of one side, best first; reads each level only when it is asked
    /// for.
    pub fn levels(&self, symbol: SymbolId, buy: bool) -> impl Iterator<Item = LevelView> {
        self.level_slots(symbol, buy).map(|slot| self.view_level(slot))
    }

    /// Iterates over the levels as [`levels`](Self::levels) does, without the orders whose end has
    /// come by an official time: their last reports follow with the next command of the symbol.
    pub fn levels_at(
        &self,
        symbol: SymbolId,
        buy: bool,
        now: Nanos,
    ) -> impl Iterator<Item = LevelView> {
        let is_one_over = self.expiries.first(symbol).is_some_and(|end| end <= now);
        let levels = self.level_slots(symbol, buy).map(move |slot| {
            let mut level = self.view_level(slot);
            if is_one_over {
                let orders = self.queue(slot).map(|order| self.orders.get(order));
                for order in orders.filter(|order| self.is_over(order, now)) {
                    level.quantity -= u128::from(order.open);
                    level.orders -= 1;
                }
            }
            level
        });
        levels.filter(|level| level.orders > 0)
    }

    fn level_slots(&self, symbol: SymbolId, buy: bool) -> impl Iterator<Item = LevelSlot> {
        let side = self.book_index(symbol).map(|book| &self.books[book].sides[side_index(buy)]);
        side.into_iter().flat_map(|side| side.iter())
    }

    /// Returns the orders of one level in priority order; none if the level does not exist.
    pub fn orders_at(&self, symbol: SymbolId, buy: bool, price: Price) -> Vec<OrderView> {
        let Some(book) = self.book_index(symbol) else { return vec![] };
        let level = self.books[book].sides[side_index(buy)].find(key_of(buy, price.0));
        if level == NIL {
            return vec![];
        }
        self.queue(level).map(|slot| self.view_order(self.orders.get(slot))).collect()
    }

    /// Returns each symbol with a timer and the timer's official time. The first tick that is not
    /// earlier carries it out.
    pub fn due_times(&self) -> Vec<(SymbolId, Nanos)> {
        let of_bands = self.band_timers().into_iter();
        let of_bands = of_bands.map(|timer| (SymbolId(timer.symbol as u32), Nanos(timer.due)));
        let owed = self.tables.owed.iter().map(|(symbol, _)| (symbol, Nanos(0)));
        self.planned_times().chain(self.expiries.times()).chain(of_bands).chain(owed).collect()
    }

    /// Returns the number of live orders whose end has not come by an official time.
    pub fn live_orders_at(&self, now: Nanos) -> usize {
        self.live_orders() - self.expiries.count_all_until(now) as usize
    }

    /// Finds a live order by the id that its session gave it.
    pub fn order(&self, session: SessionId, id: OrderId) -> Option<OrderView> {
        let slot = self.orders.find(self.orders.bucket(session, id), session, id);
        (slot != NIL).then(|| self.view_order(self.orders.get(slot)))
    }

    /// Iterates over the orders of a pair of ladders: bids before offers, best price first, oldest
    /// first.
    pub(super) fn orders_in(&self, sides: &[Ladder; 2]) -> impl Iterator<Item = Slot> {
        let levels = sides.iter().flat_map(|side| side.iter());
        levels.flat_map(|level| self.queue(level))
    }

    /// Iterates over the orders of a level, oldest first.
    pub(super) fn queue(&self, level: LevelSlot) -> impl Iterator<Item = Slot> {
        let next = |&slot: &Slot| Some(self.orders.get(slot).next).filter(|&slot| slot != NIL);
        std::iter::successors(Some(self.levels.get(level).head), next)
    }

    fn view_level(&self, slot: LevelSlot) -> LevelView {
        let level = self.levels.get(slot);
        LevelView { price: Price(level.price()), quantity: level.total(), orders: level.count }
    }

    fn view_order(&self, order: &Order) -> OrderView {
        OrderView {
            number: OrderNumber(order.number),
            session: SessionId(order.session),
            id: OrderId(order.id),
            symbol: SymbolId(order.symbol),
            side: order.attributes.side(),
            price: Price(self.levels.get(order.level).price()),
            open: Quantity(order.open + self.behind(order)),
            shown: Quantity(if order.attributes.is_non_displayed() { 0 } else { order.open }),
            executed: Quantity(order.executed),
        }
    }
}
