//! Book of the generator, with price–time priority only. It tells which orders are live and which
//! trades are expected.

use super::flow::Trades;
use super::rng::Rng;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Link to no order.
const NONE: u32 = u32::MAX;

/// Books of all symbols. A slot number names an order.
pub(super) struct Model {
    orders: Vec<Order>,
    free: Vec<u32>,
    books: Vec<Book>,
}

/// Order of the model.
#[derive(Clone, Copy)]
pub(super) struct Order {
    pub session: u32,
    pub id: u32,
    pub price: i64,
    pub open: u32,
    pub book: u32,
    pub buy: bool,
    pub partly_executed: bool,
    /// Index in [`Book::live`].
    place: u32,
    previous: u32,
    next: u32,
}

#[derive(Default)]
struct Book {
    /// Levels of the offers and of the bids by [`rank`], best first.
    sides: [BTreeMap<i64, Level>; 2],
    /// Slots of the live orders, in no order, for random draws.
    live: Vec<u32>,
}

struct Level {
    first: u32,
    last: u32,
}

/// Sort key of a price, and price of a sort key: on each side the best price has the lowest key.
fn rank(buy: bool, price: i64) -> i64 {
    if buy { -price } else { price }
}

impl Order {
    pub(crate) fn new(
        book: usize,
        session: u32,
        id: u32,
        buy: bool,
        price: i64,
        open: u32,
    ) -> Self {
        let book = book as u32;
        let (place, previous, next) = (0, NONE, NONE);
        let partly_executed = false;
        Order { session, id, price, open, book, buy, partly_executed, place, previous, next }
    }
}

impl Model {
    pub(crate) fn new(books: usize) -> Self {
        Model {
            orders: Vec::new(),
            free: Vec::new(),
            books: std::iter::repeat_with(Book::default).take(books).collect(),
        }
    }

    /// Number of live orders in a book.
    pub(crate) fn live(&self, book: usize) -> usize {
        self.books[book].live.len()
    }

    /// Draws a live order; all are equally likely.
    pub(crate) fn draw(&self, book: usize, rng: &mut Rng) -> Option<u32> {
        let live = &self.books[book].live;
        (!live.is_empty()).then(|| live[rng.below(live.len() as u64) as usize])
    }

    /// Number of prices with orders, on both sides.
    #[cfg(test)]
    pub(crate) fn levels(&self, book: usize) -> usize {
        self.books[book].sides.iter().map(BTreeMap::len).sum()
    }

    pub(crate) fn order(&self, slot: u32) -> &Order {
        &self.orders[slot as usize]
    }

    /// Price of level `n` of a side; level 0 is the best.
    pub(crate) fn price_of_level(&self, book: usize, buy: bool, n: usize) -> Option<i64> {
        self.books[book].sides[usize::from(buy)].keys().nth(n).map(|&key| rank(buy, key))
    }

    /// Order with the highest priority on a side.
    pub(crate) fn first(&self, book: usize, buy: bool) -> Option<u32> {
        let (_, level) = self.books[book].sides[usize::from(buy)].first_key_value()?;
        Some(level.first)
    }

    /// Matches a limit order and rests what is left of it.
    pub(crate) fn enter(&mut self, mut incoming: Order, trades: &mut Trades) {
        let (book, buy) = (incoming.book as usize, incoming.buy);
        while incoming.open > 0 {
            let Some(slot) = self.first(book, !buy) else { break };
            let resting = &mut self.orders[slot as usize];
            if rank(buy, incoming.price) > rank(buy, resting.price) {
                break;
            }
            let quantity = incoming.open.min(resting.open);
            trades.add(resting.session, resting.id.into(), resting.price, quantity.into());
            incoming.open -= quantity;
            incoming.partly_executed = true;
            resting.open -= quantity;
            resting.partly_executed = true;
            if resting.open == 0 {
                self.remove(slot);
            }
        }
        if incoming.open > 0 {
            self.book(incoming);
        }
    }

    /// Removes an order from its book.
    pub(crate) fn remove(&mut self, slot: u32) {
        let Order { book, buy, price, place, previous, next, .. } = *self.order(slot);
        let book = &mut self.books[book as usize];
        if previous != NONE {
            self.orders[previous as usize].next = next;
        }
        if next != NONE {
            self.orders[next as usize].previous = previous;
        }
        if previous == NONE || next == NONE {
            let Entry::Occupied(mut level) = book.sides[usize::from(buy)].entry(rank(buy, price))
            else {
                unreachable!("a live order has a level")
            };
            if previous == next {
                level.remove();
            } else if previous == NONE {
                level.get_mut().first = next;
            } else {
                level.get_mut().last = previous;
            }
        }
        book.live.swap_remove(place as usize);
        if let Some(&moved) = book.live.get(place as usize) {
            self.orders[moved as usize].place = place;
        }
        self.free.push(slot);
    }

    fn book(&mut self, mut order: Order) {
        let slot = self.free.pop().unwrap_or(self.orders.len() as u32);
        let book = &mut self.books[order.book as usize];
        order.place = book.live.len() as u32;
        book.live.push(slot);
        let level = book.sides[usize::from(order.buy)]
            .entry(rank(order.buy, order.price))
            .or_insert(Level { first: slot, last: NONE });
        order.previous = std::mem::replace(&mut level.last, slot);
        if order.previous != NONE {
            self.orders[order.previous as usize].next = slot;
        }
        if slot as usize == self.orders.len() {
            self.orders.push(order);
        } else {
            self.orders[slot as usize] = order;
        }
    }
}
