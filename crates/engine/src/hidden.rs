//! Hidden orders. They rest beside the book of their symbol and trade like orders in the book, at
//! each price after everything that is displayed there.
//!
//! Orders with a minimum quantity have ladders of their own, and a tree that finds those which an
//! incoming order can meet, see [`super::minimums`]. An incoming order with too little open
//! quantity skips them, and no auction includes them.

use super::Engine;
use super::attributes::Attributes;
use super::beside::Resting;
use super::book::{key_of, side_index, unlink};
use super::ladder::Ladder;
use super::matching::Incoming;
use super::orders::{NIL, Order, Slot};
use super::stops::Traded;
use ringside_model::command::Sequenced;
use ringside_model::domain::{AtShortTest, OrderId, OrderNumber, SeqNo, SessionId, SymbolId};
use ringside_model::report::ReportSink;
use ringside_planted::{Bug, planted};

/// Maximum number of turns that a command gives to hidden orders with a minimum when their symbol
/// opens. A turn may look at many levels and trade nothing.
pub const TURNS_MAX: u32 = 64;

/// Matching priority on one side: price key, displayed before hidden, then age.
pub(super) type Turn = (i64, bool, u64);

impl Engine {
    /// Returns the ladders of a symbol's hidden orders without or with a minimum.
    pub(super) fn hidden(&self, symbol: SymbolId, minimum: bool) -> Option<&[Ladder; 2]> {
        self.beside.get(&(symbol, Resting::Hidden { minimum }))
    }

    /// Returns the displayed and the hidden ladders of a book; hidden orders with a minimum come
    /// last.
    pub(super) fn displayed_and_hidden(&self, book: usize) -> impl Iterator<Item = &[Ladder; 2]> {
        let book = &self.books[book];
        let hidden = [false, true].map(|minimum| self.hidden(book.symbol(), minimum));
        std::iter::once(&book.sides).chain(hidden.into_iter().flatten())
    }

    /// Runs the matching loop where some orders have special terms, or the incoming order is hidden
    /// or has a minimum. If the incoming order cannot trade its minimum in all, it trades nothing.
    /// Returns false if the command may do no more and there is more to trade.
    #[cold]
    #[inline(never)]
    pub(super) fn trade_slow(
        &mut self,
        book: usize,
        incoming: &mut Incoming,
        limit: i64,
        sink: &mut impl ReportSink,
    ) -> bool {
        let minimum = incoming.minimum.min(incoming.order.open);
        if minimum > 0 && !self.can_trade(book, incoming, limit, minimum) {
            return true;
        }
        let symbol = SymbolId(incoming.order.symbol);
        let buy = !incoming.order.attributes.is_buy();
        let limit = key_of(buy, limit);
        let mut trades = incoming.traded.count;
        let mut first = 0;
        let mut has_work = true;
        while incoming.order.open > 0 {
            let open = incoming.order.open;
            let Some(slot) = self.next_to_trade(book, buy, limit, open) else { break };
            let resting = *self.orders.get(slot);
            if incoming.owns(&resting) {
                self.prevent_self_trade(slot, incoming, sink);
                continue;
            }
            has_work = self.may_fill(slot, incoming, trades);
            if !has_work {
                break;
            }
            trades += 1;
            if resting.attributes.has_reserve() {
                self.fill_slice(book, resting.level, slot, incoming, trades, sink);
            } else {
                let place = (resting.level, slot);
                let hidden =
                    [resting, incoming.order].map(|order| !order.attributes.is_displayed());
                if let Some(empty) = self.fill(place, 0, hidden, incoming, trades, sink) {
                    self.remove_level(symbol, resting.attributes, empty);
                }
                if resting.attributes.is_special() && resting.open <= open {
                    self.forget_terms(&resting);
                } else if resting.attributes.has_minimum() {
                    self.note_minimum(slot);
                }
            }
            first = if first == 0 { incoming.last } else { first };
        }
        self.note_trades(book, incoming, (trades, first));
        has_work
    }

    /// Gives the hidden orders with a minimum, which sit auctions out, their turn when a symbol
    /// opens: the oldest first, each as if it came in. What is left of an order keeps its place.
    /// `after` is the age of the last order that had its turn. Returns false if some are left that
    /// the command may not let in any more.
    pub(super) fn enter_minimums(
        &mut self,
        at: &Sequenced,
        book: usize,
        after: &mut u64,
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) -> bool {
        if planted(Bug::MinimumsLeftOut) {
            return true;
        }
        let symbol = self.books[book].symbol();
        let mut turns = 0;
        while let Some((age, slot)) = self.minimums.next(symbol, *after) {
            if turns == TURNS_MAX.min(self.work_max) || !self.has_work(traded) {
                return false;
            }
            (turns, *after) = (turns + 1, age);
            self.enter_in_place((at.seqno, book), slot, traded, sink);
        }
        true
    }

    /// Trades a resting order with a minimum as if it came in. A short sale that the price test
    /// would not let in now takes nothing.
    fn enter_in_place(
        &mut self,
        (seqno, book): (SeqNo, usize),
        slot: Slot,
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) {
        let before = *self.orders.get(slot);
        let price = self.levels.get(before.level).price();
        let side = before.attributes.side();
        if self.books[book].is_guarded()
            && self.short_price(book, side, price, AtShortTest::Reject).is_err()
        {
            return;
        }
        // What is left after the last trade that the command may make stays, as any other rest.
        let mut incoming = Incoming { seqno, ..Incoming::new(before, price) };
        (incoming.minimum, incoming.is_hidden) = (self.least(&before), true);
        incoming.traded = traded.so_far();
        self.trade_slow(book, &mut incoming, price, sink);
        traded.go_on(incoming.traded);
        let after = Order { level: before.level, ..incoming.order };
        if after.open == before.open {
            return;
        }
        self.books_hash = self.books_hash.wrapping_sub(before.hash(price));
        self.levels.get_mut(before.level).subtract(before.open - after.open);
        let order = self.orders.get_mut(slot);
        (order.open, order.executed) = (after.open, after.executed);
        if after.open > 0 {
            self.books_hash = self.books_hash.wrapping_add(after.hash(price));
            self.note_minimum(slot);
            return;
        }
        let bucket = self.orders.bucket(SessionId(after.session), OrderId(after.id));
        if let Some(empty) = unlink(slot, bucket, &mut self.orders, &mut self.levels) {
            self.remove_level(SymbolId(after.symbol), after.attributes, empty);
        }
        self.forget_terms(&after);
    }

    /// Returns the next order of a side that trades with an incoming order of `open` quantity.
    fn next_to_trade(&self, book: usize, buy: bool, limit: i64, open: u64) -> Option<Slot> {
        let symbol = self.books[book].symbol();
        let head = |sides: &[Ladder; 2]| {
            let slot = self.levels.get(sides[side_index(buy)].best()).head;
            (slot != NIL).then_some(slot)
        };
        let displayed = head(&self.books[book].sides);
        let hidden = self.hidden(symbol, false).and_then(head);
        let with_minimum = self.minimums.first(symbol, buy, None, open);
        let next = [displayed, hidden, with_minimum].into_iter().flatten();
        let ((key, ..), slot) = next.map(|slot| (self.turn(slot), slot)).min()?;
        (key <= limit).then_some(slot)
    }

    fn turn(&self, slot: Slot) -> Turn {
        let order = self.orders.get(slot);
        let is_hidden = order.attributes.is_non_displayed() && !planted(Bug::HiddenNotLast);
        (self.levels.get(order.level).key, is_hidden, OrderNumber(order.number).age())
    }

    /// Returns the open quantity that an incoming order needs to trade with a resting one.
    pub(super) fn least(&self, order: &Order) -> u64 {
        if !order.attributes.has_minimum() {
            return 0;
        }
        self.special_terms(order).min_quantity.0.min(order.open)
    }

    /// Returns true if a displayed order of a side stands at a worse price than `price`. Hidden
    /// orders do not count: the reason of a cancel must not tell of them.
    pub(super) fn stands_beyond(&self, book: usize, buy: bool, price: i64) -> bool {
        self.books[book].sides[side_index(buy)].after(key_of(buy, price)) != NIL
    }

    /// Returns true if a restored order would have traded with a resting order: a displayed one, or
    /// a hidden one without a minimum. Not asked for an order that has a minimum itself.
    pub(super) fn crosses(&self, book: usize, attributes: Attributes, price: i64) -> bool {
        let buy = attributes.is_buy();
        let reach = key_of(!buy, price);
        let is_reached = |side: &Ladder| side.best() != NIL && side.best_key() <= reach;
        self.books[book].is_open()
            && self.in_every_auction(book).any(|sides| is_reached(&sides[side_index(!buy)]))
    }

    /// Returns true if an order of this side and limit may trade on entry: with the displayed side,
    /// or with a hidden order that may be there.
    pub(super) fn may_trade(&self, book: usize, buy: bool, price: i64) -> bool {
        self.would_trade(book, buy, price)
            || self.books[book].has_terms() && self.books[book].is_open()
    }
}
