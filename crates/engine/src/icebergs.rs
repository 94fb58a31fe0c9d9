//! Icebergs: orders that display one slice at a time. The slice rests in the book as an order does.
//! The undisplayed rest is the reserve. When the slice has traded, the next slice joins the end of
//! its price level, with an order number of its own.

use super::matching::{Incoming, describe};
use super::orders::{Order, Slot};
use super::stops::Traded;
use super::{Engine, accepted, entered};
use ringside_model::command::{Command, Display, Enter, EnterIceberg, Sequenced};
use ringside_model::domain::{OrderType, Quantity, SeqNo, SymbolId, SymbolState, TimeInForce};
use ringside_model::draw;
use ringside_model::hash;
use ringside_model::reason::Reason;
use ringside_model::report::{Report, ReportKind, ReportSink};
use ringside_planted::{Bug, planted};
use std::collections::BTreeMap;

/// Maximum number of slices of an order.
pub const SLICES_MAX: u64 = 1_000;

/// Reserves of a shard, by symbol and order number of the slice.
pub(super) type Reserves = BTreeMap<(SymbolId, u64), Reserve>;

/// Reserve behind a slice.
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

/// Returns true if an order of this quantity and lot can be displayed in slices of `display`.
pub(super) fn fits(display: &Display, quantity: u64, lot: u64) -> bool {
    let Display { next, least, most, .. } = *display;
    let are_lots = [next, least, most].iter().all(|&q| q > 0 && q.is_multiple_of(lot));
    are_lots && least <= most && quantity / least.min(next) <= SLICES_MAX
}

/// Draws the next slice; the drawn number modulo the count of sizes selects the size in lots.
fn draw_slice(display: &mut Display, lot: u64) {
    display.next = display.least;
    if display.least < display.most {
        let sizes = (display.most - display.least) / lot + 1;
        display.next += lot * (draw::next(&mut display.seed) % sizes);
    }
}

/// Returns the reserve's part of the state hash.
fn hash_of(order: &Order, reserve: &Reserve) -> u128 {
    let Display { next, least, most, seed } = reserve.display;
    let sizes = least.rotate_left(32) ^ most;
    let what = 6 << 32 | u64::from(order.symbol);
    hash::of_fields([what, order.number, reserve.left, next, sizes, seed])
}

fn key(order: &Order) -> (SymbolId, u64) {
    (SymbolId(order.symbol), order.number)
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
        let order = entered(at, enter);
        let order = Order { traits: order.traits.with_reserve(), ..order };
        sink.report(accepted(&order, price));
        self.begin_reserve(&order, *display);
        if self.books[book].state() != SymbolState::Open {
            return self.rest(book, order, price, sink);
        }
        let mut incoming = Incoming::new(order, price);
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
            self.reserves.remove(&key(&incoming.order));
        }
    }

    /// Keeps the slice sizes of an order that does not rest yet. This is no part of the state: by
    /// the end of its command the order rests or has ended.
    pub(super) fn begin_reserve(&mut self, order: &Order, display: Display) {
        let buy = order.traits.is_buy();
        self.reserves.insert(key(order), Reserve { left: 0, display, price: 0, buy });
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
        let reserve = self.reserves.get_mut(&key(&order)).expect("an iceberg has a reserve");
        let slice = reserve.display.next.min(order.open);
        (reserve.left, reserve.price) = (order.open - slice, price);
        draw_slice(&mut reserve.display, lot);
        self.state_hash = self.state_hash.wrapping_add(hash_of(&order, reserve));
        sink.report(Report {
            kind: ReportKind::Displayed,
            quantity: Quantity(slice),
            open: Quantity(order.open),
            other: was,
            ..describe(&order, price)
        });
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
        let reserve = self.reserves.remove(&key(order)).expect("an iceberg has a reserve");
        self.state_hash = self.state_hash.wrapping_sub(hash_of(order, &reserve));
        (reserve.left, reserve.display)
    }

    /// Returns the reserve of an order; 0 without one.
    #[inline]
    pub(super) fn behind(&self, order: &Order) -> u64 {
        if order.traits.has_reserve() { self.reserve_of(order) } else { 0 }
    }

    #[cold]
    fn reserve_of(&self, order: &Order) -> u64 {
        self.reserves[&key(order)].left
    }

    /// Reduces an order by taking from its reserve first. Returns the part that the slice has to
    /// lose, and the rest of the reserve.
    #[inline]
    pub(super) fn take_from_reserve(&mut self, slot: Slot, quantity: u64) -> (u64, u64) {
        let order = *self.orders.get(slot);
        if order.traits.has_reserve() {
            self.shrink_reserve(&order, quantity)
        } else {
            (quantity, 0)
        }
    }

    #[cold]
    fn shrink_reserve(&mut self, order: &Order, quantity: u64) -> (u64, u64) {
        let reserve = self.reserves.get_mut(&key(order)).expect("an iceberg has a reserve");
        let before = hash_of(order, reserve);
        let taken = quantity.min(reserve.left);
        reserve.left -= taken;
        let hash = hash_of(order, reserve);
        self.state_hash = self.state_hash.wrapping_sub(before).wrapping_add(hash);
        (quantity - taken, reserve.left)
    }

    /// Returns the reserves of a symbol.
    pub(super) fn reserves_of(&self, symbol: SymbolId) -> impl Iterator<Item = &Reserve> {
        self.reserves.range((symbol, 0)..=(symbol, u64::MAX)).map(|(_, reserve)| reserve)
    }

    /// Restores the reserve of a resting order from an image.
    pub(super) fn restore_reserve(
        &mut self,
        order: &Order,
        price: i64,
        left: u64,
        display: Display,
    ) {
        let reserve = Reserve { left, display, price, buy: order.traits.is_buy() };
        self.state_hash = self.state_hash.wrapping_add(hash_of(order, &reserve));
        self.reserves.insert(key(order), reserve);
    }
}
