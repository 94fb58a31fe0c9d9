//! Ladders beside the books, of orders that rest and are not displayed. Their levels lie in the
//! same slab as those of the books, so these orders are reduced and canceled like any other order.

use super::Engine;
use super::attributes::Attributes;
use super::book::{Book, key_of, link, side_index};
use super::ladder::{Ladder, LevelSlot};
use super::orders::{NIL, Order, Slot};
use ringside_model::domain::{OrderId, SessionId, SymbolId, TimeInForce};
use std::collections::BTreeMap;

/// Bids and offers of each symbol that has such orders.
pub(super) type Beside = BTreeMap<(SymbolId, Resting), [Ladder; 2]>;

/// Pair of ladders of a symbol in which an order rests. The pairs of a symbol are sorted as an
/// image sorts their orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resting {
    /// Book: the displayed orders.
    Displayed,
    /// Hidden orders: those without a minimum quantity, or those with one.
    Hidden { minimum: bool },
    /// Stops, by stop price. The best level is the one that a price move reaches first.
    Stop,
    /// Stops that were reached and wait until their symbol trades, by stop price.
    ReachedStop,
    /// Orders for auctions only, of one time in force: those without a limit, which share one level
    /// of key 0, or those with one.
    ForAuction { tif: TimeInForce, limit: bool },
    /// Pegs that are out of the book, by their last limit.
    Parked,
}

impl Resting {
    /// Returns where an order of this price rests.
    pub(crate) fn of(attributes: Attributes, price: i64) -> Self {
        match attributes.tif() {
            _ if attributes.is_parked() => Resting::Parked,
            _ if attributes.is_reached() => Resting::ReachedStop,
            _ if attributes.is_stop() => Resting::Stop,
            _ if attributes.is_non_displayed() => {
                Resting::Hidden { minimum: attributes.has_minimum() }
            }
            tif if tif.is_for_auction() => Resting::ForAuction { tif, limit: price != 0 },
            _ => Resting::Displayed,
        }
    }

    /// Returns the ladder key of a price: a rising price reaches the lowest buy stop first.
    pub(crate) fn key(self, buy: bool, price: i64) -> i64 {
        let is_stop = matches!(self, Resting::Stop | Resting::ReachedStop);
        key_of(buy != is_stop, price)
    }
}

impl Engine {
    /// Iterates over all ladders beside the book of a symbol: hidden orders, stops, orders for
    /// auctions, parked pegs.
    pub(super) fn beside(&self, symbol: SymbolId) -> impl Iterator<Item = (Resting, &[Ladder; 2])> {
        let all = self.beside.range((symbol, Resting::Displayed)..=(symbol, Resting::Parked));
        all.map(|(&(_, resting), sides)| (resting, sides))
    }

    /// Iterates over all resting orders of a symbol, or over those of one side, in the order in
    /// which an image has them and in which the end of a day ends them: the book, then the ladders
    /// beside it.
    pub(super) fn all_resting(&self, book: &Book, buy: Option<bool>) -> impl Iterator<Item = Slot> {
        let beside = self.beside(book.symbol()).flat_map(move |(resting, sides)| {
            let mut slots: Vec<Slot> = self.orders_of(sides, buy).collect();
            if matches!(resting, Resting::Parked | Resting::ReachedStop) {
                // Orders are parked, and stops reached, in another order than that of their places.
                slots.sort_by_key(|&slot| self.place_of(self.orders.get(slot)));
            }
            slots
        });
        self.orders_of(&book.sides, buy).chain(beside)
    }

    /// Iterates over the orders of both sides, or of one, in priority order.
    fn orders_of(&self, sides: &[Ladder; 2], buy: Option<bool>) -> impl Iterator<Item = Slot> {
        let sides = match buy {
            None => &sides[..],
            Some(buy) => std::slice::from_ref(&sides[side_index(buy)]),
        };
        let levels = sides.iter().flat_map(|side| side.iter());
        levels.flat_map(|level| self.queue(level))
    }

    /// Returns true if an order of a symbol rests: in its book or beside it.
    pub(super) fn has_resting(&self, book: &Book) -> bool {
        let beside = self.beside(book.symbol()).map(|(_, sides)| sides);
        let mut ladders = std::iter::once(&book.sides).chain(beside).flatten();
        ladders.any(|side| side.best() != NIL)
    }

    /// Puts an order beside the book, behind all others at its price.
    pub(super) fn rest_beside(&mut self, order: Order, price: i64) {
        self.books_hash = self.books_hash.wrapping_add(order.hash(price));
        self.note_interest(SymbolId(order.symbol), order.attributes, price, order.open, true);
        self.orders.make_room(1);
        let bucket = self.orders.bucket(SessionId(order.session), OrderId(order.id));
        let resting = Resting::of(order.attributes, price);
        let sides = self.beside.entry((SymbolId(order.symbol), resting));
        let sides = sides.or_insert_with(|| [Ladder::new(), Ladder::new()]);
        let key = resting.key(order.attributes.is_buy(), price);
        link(sides, order, key, bucket, &mut self.orders, &mut self.levels);
    }

    /// Removes an empty level from its ladder beside the book, and the ladders with their last
    /// level.
    #[cold]
    pub(super) fn remove_level_beside(
        &mut self,
        symbol: SymbolId,
        attributes: Attributes,
        level: LevelSlot,
    ) {
        let place = (symbol, Resting::of(attributes, self.levels.get(level).price()));
        let sides = self.beside.get_mut(&place).expect("a resting order has a ladder");
        sides[side_index(attributes.is_buy())].remove(level, &mut self.levels);
        if sides.iter().all(|side| side.best() == NIL) {
            self.beside.remove(&place);
        }
    }
}
