//! Hidden orders. They rest beside the book of their symbol and trade like orders in the book, at
//! each price after everything that is displayed there.
//!
//! Orders with a minimum quantity have ladders of their own. An incoming order with too little open
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
use std::iter::from_fn;

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
    #[cold]
    #[inline(never)]
    pub(super) fn trade_slow(
        &mut self,
        book: usize,
        incoming: &mut Incoming,
        limit: i64,
        sink: &mut impl ReportSink,
    ) {
        let minimum = incoming.minimum.min(incoming.order.open);
        if minimum > 0 && !self.can_trade(book, incoming, limit, minimum) {
            return;
        }
        let symbol = SymbolId(incoming.order.symbol);
        let buy = !incoming.order.attributes.is_buy();
        let limit = key_of(buy, limit);
        let mut trades = incoming.traded.count;
        let (mut first, mut passed) = (0, NIL);
        while incoming.order.open > 0 {
            let open = incoming.order.open;
            let Some(slot) = self.next_to_trade(book, buy, limit, open, &mut passed) else { break };
            let resting = *self.orders.get(slot);
            if incoming.owns(&resting) {
                self.prevent_self_trade(slot, incoming, sink);
                continue;
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
                }
            }
            first = if first == 0 { incoming.last } else { first };
        }
        self.note_trades(book, incoming, (trades, first));
    }

    /// Gives the hidden orders with a minimum, which sit auctions out, their turn when a symbol
    /// opens: the oldest first, each as if it came in. What is left of an order keeps its place.
    pub(super) fn enter_minimums(
        &mut self,
        at: &Sequenced,
        book: usize,
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) {
        let Some(sides) = self.hidden(self.books[book].symbol(), true) else { return };
        let mut waiting: Vec<Order> =
            self.orders_in(sides).map(|slot| *self.orders.get(slot)).collect();
        waiting.sort_unstable_by_key(|order| OrderNumber(order.number).age());
        for order in waiting {
            let (session, id) = (SessionId(order.session), OrderId(order.id));
            let slot = self.orders.find(self.orders.bucket(session, id), session, id);
            // An order before it may have traded with it.
            if slot != NIL && self.orders.get(slot).number == order.number {
                self.enter_in_place((at.seqno, book), slot, traded, sink);
            }
        }
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
            return;
        }
        let bucket = self.orders.bucket(SessionId(after.session), OrderId(after.id));
        if let Some(empty) = unlink(slot, bucket, &mut self.orders, &mut self.levels) {
            self.remove_level(SymbolId(after.symbol), after.attributes, empty);
        }
        self.forget_terms(&after);
    }

    /// Returns the next order of a side that trades with an incoming order of `open` quantity.
    /// `passed` is the last order skipped for its minimum; the search goes on behind it, because
    /// `open` only falls.
    fn next_to_trade(
        &self,
        book: usize,
        buy: bool,
        limit: i64,
        open: u64,
        passed: &mut Slot,
    ) -> Option<Slot> {
        let symbol = self.books[book].symbol();
        let side = side_index(buy);
        let head = |sides: &[Ladder; 2]| self.first_of(&sides[side]);
        let displayed = head(&self.books[book].sides);
        let hidden = self.hidden(symbol, false).and_then(head);
        let with_minimum = self.hidden(symbol, true).and_then(|sides| {
            let ladder = &sides[side];
            let mut next = self.behind_in(ladder, *passed);
            while let Some(((key, ..), slot)) = next
                && key <= limit
                && open < self.least(self.orders.get(slot))
            {
                *passed = slot;
                next = self.behind_in(ladder, slot);
            }
            next
        });
        let next = [displayed, hidden, with_minimum].into_iter().flatten().min()?;
        let ((key, ..), slot) = next;
        (key <= limit).then_some(slot)
    }

    /// Returns the first order of a ladder, and its priority.
    fn first_of(&self, ladder: &Ladder) -> Option<(Turn, Slot)> {
        self.behind_in(ladder, NIL)
    }

    /// Returns the order behind `slot` in a ladder, the first order for [`NIL`], and its priority.
    fn behind_in(&self, ladder: &Ladder, slot: Slot) -> Option<(Turn, Slot)> {
        let before = self.orders.get(slot);
        let next = match slot {
            NIL => self.levels.get(ladder.best()).head,
            _ if before.next != NIL => before.next,
            _ => self.levels.get(ladder.after(self.levels.get(before.level).key)).head,
        };
        (next != NIL).then(|| (self.turn(next), next))
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

    /// Iterates over the orders that an incoming order with this limit meets, in matching priority.
    pub(super) fn interest_within(
        &self,
        book: usize,
        incoming: &Incoming,
        limit: i64,
    ) -> impl Iterator<Item = (Turn, Slot)> {
        let buy = !incoming.order.attributes.is_buy();
        let limit = key_of(buy, limit);
        self.interest(book, buy).take_while(move |&((key, ..), _)| key <= limit)
    }

    /// Iterates over the orders of a side in matching priority.
    fn interest(&self, book: usize, buy: bool) -> impl Iterator<Item = (Turn, Slot)> {
        let book = &self.books[book];
        let hidden = [false, true].map(|minimum| self.hidden(book.symbol(), minimum));
        let ladders = [Some(&book.sides), hidden[0], hidden[1]];
        let mut queues = ladders.map(|sides| {
            let side = sides.map(|sides| &sides[side_index(buy)]).into_iter();
            let levels = side.flat_map(|side| side.iter());
            let orders = levels.flat_map(|level| self.queue(level));
            orders.map(|slot| (self.turn(slot), slot)).peekable()
        });
        from_fn(move || {
            let turns = queues.each_mut().map(|queue| queue.peek().map(|&(turn, _)| turn));
            let (first, _) = (0..).zip(turns).filter(|(_, t)| t.is_some()).min_by_key(|p| p.1)?;
            queues[first as usize].next()
        })
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
