//! Icebergs: orders that display one slice at a time. The slice rests in the book as an order does.
//! The undisplayed rest is the reserve. When the slice has traded, the next slice joins the end of
//! its price level, with an order number of its own.

use super::matching::{Incoming, describe};
use super::orders::{Order, Slot};
use super::side_tables::{OrderKey, Row, orders_of};
use super::stops::Traded;
use super::{Engine, whole};
use ringside_model::command::{Command, Display, Enter, EnterIceberg, Sequenced};
use ringside_model::domain::{OrderNumber, OrderType, Quantity, SeqNo, SymbolId, TimeInForce};
use ringside_model::hash;
use ringside_model::reason::Reason;
use ringside_model::report::{Accepted, Displayed, ReportSink, Subject};
use ringside_model::seeded;
use ringside_planted::{Bug, planted};

/// Maximum number of slices of an order.
pub const SLICES_MAX: u64 = 1_000;

/// Reserve behind a slice. Its key has the order number of the slice.
#[derive(Clone, Copy)]
pub(super) struct Reserve {
    /// Quantity of the order that is not displayed.
    pub left: u64,
    /// Sizes of the slices to come.
    pub display: Display,
    /// Price at which the slice rests.
    pub price: i64,
    pub buy: bool,
}

impl Row for Reserve {
    type Key = OrderKey;

    fn hash(&self, (symbol, number): OrderKey) -> u128 {
        let Display { next, least, most, seed } = self.display;
        let sizes = least.rotate_left(32) ^ most;
        hash::of_fields([6 << 32 | u64::from(symbol.0), number, self.left, next, sizes, seed])
    }
}

/// Returns true if an order of this quantity and lot can be displayed in slices of `display`.
pub(super) fn fits(display: &Display, quantity: u64, lot: u64) -> bool {
    let Display { next, least, most, .. } = *display;
    let are_lots = [next, least, most].iter().all(|&q| q > 0 && q.is_multiple_of(lot));
    are_lots && least <= most && quantity / least.min(next) <= SLICES_MAX
}

/// Draws the next slice; the drawn number modulo the count of sizes selects the size in lots.
pub(super) fn draw_slice(display: &mut Display, lot: u64) {
    display.next = display.least;
    if display.least < display.most {
        let sizes = (display.most - display.least) / lot + 1;
        display.next += lot * (seeded::draw(&mut display.seed) % sizes);
    }
}

impl Engine {
    /// Enters an iceberg. The incoming order trades with its whole quantity.
    #[cold]
    pub(super) fn enter_iceberg(
        &mut self,
        at: &Sequenced,
        EnterIceberg { order: enter, display }: &EnterIceberg,
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        self.catch_up(at, sink);
        let (book, price) = match self.check_iceberg(command, enter, display) {
            Ok(accepted) => accepted,
            Err(reason) => return self.reject_order(command, enter, reason, sink),
        };
        let order = self.entered(at, enter);
        let order = Order { attributes: order.attributes.with_reserve(), ..order };
        sink.report(Accepted { stop: None }.about(whole(&order, price)));
        self.begin_reserve(&order, *display);
        if !self.books[book].is_open() {
            return self.rest(book, order, price, sink);
        }
        let mut incoming = self.incoming(order, price);
        self.match_iceberg(book, &mut incoming, sink);
        self.elect_after(at, book, &incoming, sink);
    }

    /// Checks a new iceberg; returns the index of its book and its limit after a slide.
    fn check_iceberg(
        &self,
        command: &Command,
        enter: &Enter,
        display: &Display,
    ) -> Result<(usize, i64), Reason> {
        let (book, price) = self.check(command, enter)?;
        let can_rest = matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc);
        if enter.order_type != OrderType::Limit || !can_rest {
            return Err(Reason::Unsupported);
        }
        let quantity = enter.quantity.0;
        let fits = fits(display, quantity, self.books[book].lot()) && display.next <= quantity;
        if fits { Ok((book, price)) } else { Err(Reason::InvalidMaxFloor) }
    }

    /// Trades an iceberg, then books the rest.
    #[cold]
    pub(super) fn match_iceberg(
        &mut self,
        book: usize,
        incoming: &mut Incoming,
        sink: &mut impl ReportSink,
    ) {
        self.match_limit(book, incoming, sink);
        if incoming.order.open == 0 {
            self.tables.reserves.remove(incoming.order.key());
        }
    }

    /// Keeps the slice sizes of an order that does not rest yet. By the end of its command the
    /// order rests or has ended.
    pub(super) fn begin_reserve(&mut self, order: &Order, display: Display) {
        self.keep_reserve(order, 0, 0, display);
    }

    /// Books a slice of an iceberg that has `order.open` left in all. `was` is the order number of
    /// the slice before; of the first slice, its own number.
    #[cold]
    #[inline(never)]
    pub(super) fn show(
        &mut self,
        book: usize,
        order: Order,
        price: i64,
        was: u64,
        sink: &mut impl ReportSink,
    ) {
        let lot = self.books[book].lot();
        let slice = self.change_reserve(&order, |reserve| {
            let slice = reserve.display.next.min(order.open);
            (reserve.left, reserve.price) = (order.open - slice, price);
            draw_slice(&mut reserve.display, lot);
            slice
        });
        sink.report(Displayed { old_order: OrderNumber(was) }.about(Subject {
            quantity: Quantity(slice),
            open: Quantity(order.open),
            ..describe(&order, price)
        }));
        self.orders.make_room(1);
        self.place(book, Order { open: slice, ..order }, price);
    }

    /// Books the next slice of an iceberg whose slice has traded. `spent` is the old slice when it
    /// left the book.
    pub(super) fn refresh(
        &mut self,
        book: usize,
        spent: Order,
        price: i64,
        (seqno, traded): (SeqNo, &mut Traded),
        sink: &mut impl ReportSink,
    ) {
        let (open, display) = self.take_reserve(&spent);
        if open == 0 || planted(Bug::ReserveForgotten) {
            return;
        }
        let order = Order { number: traded.next_number(seqno).0, open, ..spent };
        self.begin_reserve(&order, display);
        self.show(book, order, price, spent.number, sink);
    }

    /// Removes the reserve of an order that leaves the book; returns its quantity and the slice
    /// sizes.
    pub(super) fn take_reserve(&mut self, order: &Order) -> (u64, Display) {
        let reserve = self.tables.reserves.remove(order.key()).expect("an iceberg has a reserve");
        self.note_reserve(SymbolId(order.symbol), &reserve, false);
        (reserve.left, reserve.display)
    }

    /// Changes the reserve of an order; returns the result of `change`.
    fn change_reserve<T>(&mut self, order: &Order, change: impl FnOnce(&mut Reserve) -> T) -> T {
        let (before, after, result) = self.tables.reserves.change(order.key(), |reserve| {
            let before = *reserve;
            let result = change(reserve);
            (before, *reserve, result)
        });
        self.note_reserve(SymbolId(order.symbol), &before, false);
        self.note_reserve(SymbolId(order.symbol), &after, true);
        result
    }

    /// Returns true if a trade of this quantity uses up the slice of an iceberg that has a next
    /// one.
    pub(super) fn shows_next(&self, slot: Slot, quantity: u64) -> bool {
        let order = self.orders.get(slot);
        order.open <= quantity && self.behind(order) > 0
    }

    /// Returns the reserve of an order; 0 without one.
    #[inline]
    pub(super) fn behind(&self, order: &Order) -> u64 {
        if order.attributes.has_reserve() { self.reserve_of(order) } else { 0 }
    }

    #[cold]
    fn reserve_of(&self, order: &Order) -> u64 {
        self.reserve(order).0
    }

    /// Returns the reserve of an iceberg, and the sizes of its next slices.
    pub(super) fn reserve(&self, order: &Order) -> (u64, Display) {
        let reserve = self.tables.reserves.get(order.key()).expect("an iceberg has a reserve");
        (reserve.left, reserve.display)
    }

    /// Reduces an order by taking from its reserve first. Returns the part that the slice has to
    /// lose, and the rest of the reserve.
    #[inline]
    pub(super) fn take_from_reserve(&mut self, slot: Slot, quantity: u64) -> (u64, u64) {
        let order = *self.orders.get(slot);
        if order.attributes.has_reserve() {
            self.shrink_reserve(&order, quantity)
        } else {
            (quantity, 0)
        }
    }

    #[cold]
    fn shrink_reserve(&mut self, order: &Order, quantity: u64) -> (u64, u64) {
        self.change_reserve(order, |reserve| {
            let taken = quantity.min(reserve.left);
            reserve.left -= taken;
            (quantity - taken, reserve.left)
        })
    }

    /// Returns the reserves of a symbol.
    pub(super) fn reserves_of(&self, symbol: SymbolId) -> impl Iterator<Item = &Reserve> {
        self.tables.reserves.range(orders_of(symbol))
    }

    /// Keeps the reserve of an order that rests at `price`.
    pub(super) fn keep_reserve(&mut self, order: &Order, price: i64, left: u64, display: Display) {
        let reserve = Reserve { left, display, price, buy: order.attributes.is_buy() };
        self.note_reserve(SymbolId(order.symbol), &reserve, true);
        self.tables.reserves.insert(order.key(), reserve);
    }
}
