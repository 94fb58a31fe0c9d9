//! Matching loop, and the order types that need more than the loop.

use super::book::{key_of, side_index, unlink};
use super::ladder::LevelSlot;
use super::orders::{NIL, Order, Slot};
use super::stops::Traded;
use super::{Engine, cut, entered, whole};
use ringside_model::command::{Enter, Sequenced};
use ringside_model::domain::{
    OrderId, OrderNumber, OrderType, Price, Quantity, SelfTrade, SeqNo, SessionId,
};
use ringside_model::domain::{SymbolId, TimeInForce};
use ringside_model::reason::Reason;
use ringside_model::report::{Canceled, Executed, ReportSink, Restated, Subject};

/// Order while it trades through the other side of the book.
pub(super) struct Incoming {
    pub order: Order,
    /// Seqno of its command. The number of the order has it, but for a resting order that trades
    /// in place.
    pub seqno: SeqNo,
    /// Limit; 0 for none.
    pub price: i64,
    /// Price of its last trade; 0 before the first trade.
    pub last: i64,
    /// Minimum quantity that it trades; 0 for any.
    pub minimum: u64,
    /// True if the order itself is hidden.
    pub is_hidden: bool,
    /// Trades of its command so far.
    pub traded: Traded,
}

impl Incoming {
    /// Creates an order that has not traded yet; a `price` of 0 is no limit.
    #[inline]
    pub(crate) fn new(order: Order, price: i64) -> Self {
        let seqno = OrderNumber(order.number).seqno();
        let traded = Traded::default();
        Incoming { order, seqno, price, last: 0, minimum: 0, is_hidden: false, traded }
    }

    /// Returns true if self-trade prevention keeps the order from trading with `resting`: if both
    /// have a group, the groups decide; otherwise their firms, or their sessions if neither has a
    /// firm.
    #[inline]
    pub(crate) fn owns(&self, resting: &Order) -> bool {
        let (own, other) = (self.order.attributes, resting.attributes);
        if own.self_trade() == SelfTrade::None {
            false
        } else if own.group() != 0 && other.group() != 0 {
            own.group() == other.group()
        } else if own.firm() != 0 || other.firm() != 0 {
            own.firm() == other.firm()
        } else {
            self.order.session == resting.session
        }
    }
}

/// Returns the fields that every report about an order has.
#[inline(always)]
pub(super) fn describe(order: &Order, price: i64) -> Subject {
    Subject {
        side: order.attributes.side(),
        hidden: !order.attributes.is_displayed(),
        order: OrderNumber(order.number),
        id: OrderId(order.id),
        price: Price(price),
        session: SessionId(order.session),
        symbol: SymbolId(order.symbol),
        ..Subject::NONE
    }
}

impl Engine {
    /// Returns the order of an enter command, before matching, with its own place.
    #[inline]
    pub(super) fn entered(&mut self, at: &Sequenced, enter: &Enter) -> Order {
        Order { number: self.own_number(at).0, ..entered(at, enter) }
    }

    /// Returns the number of the command's own order: that of the command, unless the command has
    /// given places before.
    #[inline]
    pub(super) fn own_number(&mut self, at: &Sequenced) -> OrderNumber {
        match self.done.placed {
            0 => OrderNumber(at.seqno.0),
            _ => self.done.next_number(at.seqno),
        }
    }

    /// Creates the incoming order of a command; its trades go on after those of the command so far.
    #[inline]
    pub(super) fn incoming(&self, order: Order, price: i64) -> Incoming {
        Incoming { traded: self.done, ..Incoming::new(order, price) }
    }

    /// Trades an order, then books or cancels the rest as its type and its time in force require.
    pub(super) fn match_incoming(
        &mut self,
        book: usize,
        order_type: OrderType,
        incoming: &mut Incoming,
        sink: &mut impl ReportSink,
    ) {
        let is_fok = incoming.order.attributes.tif() == TimeInForce::Fok;
        if order_type == OrderType::Limit && !is_fok {
            self.match_limit(book, incoming, sink);
        } else {
            self.match_slow(book, order_type, incoming, sink);
        }
    }

    /// Elects the stops that the order's trades have reached.
    #[inline]
    pub(super) fn elect_after(
        &mut self,
        at: &Sequenced,
        book: usize,
        incoming: &Incoming,
        sink: &mut impl ReportSink,
    ) {
        if !self.beside.is_empty() && incoming.traded.span.is_some() {
            self.elect(at, book, incoming.traded, sink);
        }
    }

    /// Trades a limit order, then books the rest, or cancels it if the order may not rest.
    pub(super) fn match_limit(
        &mut self,
        book: usize,
        incoming: &mut Incoming,
        sink: &mut impl ReportSink,
    ) {
        self.trade(book, incoming, incoming.price, sink);
        if incoming.order.open == 0 {
            return;
        }
        if incoming.order.attributes.tif() == TimeInForce::Ioc {
            return cancel_rest(incoming, Reason::IocRemainder, sink);
        }
        self.rest(book, incoming.order, incoming.price, sink);
    }

    /// Trades fill-or-kill, market and market-to-limit orders.
    #[cold]
    pub(super) fn match_slow(
        &mut self,
        book: usize,
        order_type: OrderType,
        incoming: &mut Incoming,
        sink: &mut impl ReportSink,
    ) {
        let buy = incoming.order.attributes.is_buy();
        let limit = match order_type {
            OrderType::Limit => incoming.price,
            OrderType::Market | OrderType::MarketToLimit => self.bound(book, buy),
        };
        let is_fok = incoming.order.attributes.tif() == TimeInForce::Fok;
        if is_fok && !self.can_trade(book, incoming, limit, incoming.order.open) {
            return cancel_rest(incoming, Reason::FokNotFillable, sink);
        }
        self.trade(book, incoming, limit, sink);
        if incoming.order.open == 0 {
            return;
        }
        let to_limit = order_type == OrderType::MarketToLimit && incoming.last != 0;
        if to_limit && incoming.order.attributes.tif() == TimeInForce::Ioc {
            return cancel_rest(incoming, Reason::IocRemainder, sink);
        }
        if !to_limit {
            let is_bounded = self.stands_beyond(book, !buy, limit);
            let reason = if is_bounded { Reason::Collar } else { Reason::NoLiquidity };
            return cancel_rest(incoming, reason, sink);
        }
        incoming.price = incoming.last;
        sink.report(Restated {}.about(whole(&incoming.order, incoming.price)));
        self.rest(book, incoming.order, incoming.price, sink);
    }

    /// Trades an incoming order within `limit`. Cancels the rest if the order needs more trades or
    /// places than its command has left.
    pub(super) fn trade(
        &mut self,
        book: usize,
        incoming: &mut Incoming,
        limit: i64,
        sink: &mut impl ReportSink,
    ) {
        let is_slow = self.books[book].has_terms() || incoming.is_hidden || incoming.minimum != 0;
        let has_work = if is_slow {
            self.trade_slow(book, incoming, limit, sink)
        } else {
            self.trade_plain(book, incoming, limit, sink)
        };
        if !has_work {
            cancel_rest(incoming, Reason::WorkLimit, sink);
        }
    }

    /// Runs the matching loop: takes the best resting orders, oldest first, while they are within
    /// `limit`. Returns false if the command may do no more and there is more to trade.
    fn trade_plain(
        &mut self,
        book: usize,
        incoming: &mut Incoming,
        limit: i64,
        sink: &mut impl ReportSink,
    ) -> bool {
        let buy = incoming.order.attributes.is_buy();
        let limit = key_of(!buy, limit);
        let mut trades = incoming.traded.count;
        let mut first = 0;
        let mut has_work = true;
        while incoming.order.open > 0 {
            let side = &self.books[book].sides[side_index(!buy)];
            let best = side.best();
            if best == NIL || side.best_key() > limit {
                break;
            }
            let slot = self.levels.get(best).head;
            if incoming.owns(self.orders.get(slot)) {
                self.prevent_self_trade(slot, incoming, sink);
                continue;
            }
            has_work = self.may_fill(slot, incoming, trades);
            if !has_work {
                break;
            }
            trades += 1;
            if self.orders.get(slot).attributes.has_reserve() {
                self.fill_slice(book, best, slot, incoming, trades, sink);
            } else if let Some(empty) =
                self.fill((best, slot), 0, [false; 2], incoming, trades, sink)
            {
                self.books[book].sides[side_index(!buy)].remove(empty, &mut self.levels);
            }
            first = if first == 0 { incoming.last } else { first };
        }
        self.note_trades(book, incoming, (trades, first));
        has_work
    }

    /// Returns true if the command, which has made `trades`, may make one with a resting order. A
    /// next slice needs a place.
    #[inline(always)]
    pub(super) fn may_fill(&self, slot: Slot, incoming: &Incoming, trades: u32) -> bool {
        let has_reserve = self.orders.get(slot).attributes.has_reserve();
        trades < self.work_max && (!has_reserve || self.may_show_next(slot, incoming))
    }

    #[cold]
    fn may_show_next(&self, slot: Slot, incoming: &Incoming) -> bool {
        incoming.traded.placed < self.work_max || !self.shows_next(slot, incoming.order.open)
    }

    /// Records the trades of an order, if there are any: `trades` is the command's trade count so
    /// far, `first` the price of the order's first trade.
    #[inline]
    pub(super) fn note_trades(
        &mut self,
        book: usize,
        incoming: &mut Incoming,
        (trades, first): (u32, i64),
    ) {
        if first != 0 {
            incoming.traded.count = trades;
            incoming.traded.add(first, incoming.last);
            let change = self.books[book].set_last(incoming.last);
            self.books_hash = self.books_hash.wrapping_add(change);
            if self.books[book].is_guarded() {
                self.note_low(book, first.min(incoming.last));
            }
        }
    }

    /// Makes one trade with a slice of an iceberg; if the slice is used up, the next slice joins
    /// the end of the level.
    #[cold]
    #[inline(never)]
    pub(super) fn fill_slice(
        &mut self,
        book: usize,
        best: LevelSlot,
        slot: Slot,
        incoming: &mut Incoming,
        trade: u32,
        sink: &mut impl ReportSink,
    ) {
        let slice = *self.orders.get(slot);
        let is_spent = slice.open <= incoming.order.open;
        let (behind, hidden) =
            (self.behind(&slice), [false, !incoming.order.attributes.is_displayed()]);
        if let Some(empty) = self.fill((best, slot), behind, hidden, incoming, trade, sink) {
            self.remove_level(SymbolId(slice.symbol), slice.attributes, empty);
        }
        if is_spent {
            let spent = Order { executed: slice.executed + slice.open, ..slice };
            let number = (incoming.seqno, &mut incoming.traded);
            self.refresh(book, spent, incoming.last, number, sink);
        }
    }

    /// Makes one trade between the incoming order and a resting one. `behind` is the resting
    /// order's reserve; `hidden` says for each of the two orders, the resting one first, if it is
    /// hidden. Returns the level if it is now empty and has to leave its ladder.
    #[inline(always)]
    pub(super) fn fill(
        &mut self,
        (level, slot): (LevelSlot, Slot),
        behind: u64,
        hidden: [bool; 2],
        incoming: &mut Incoming,
        trade: u32,
        sink: &mut impl ReportSink,
    ) -> Option<LevelSlot> {
        let level = self.levels.get_mut(level);
        let resting = self.orders.get_mut(slot);
        let price = level.price();
        let quantity = resting.open.min(incoming.order.open);
        let before = resting.hash(price);
        resting.open -= quantity;
        resting.executed += quantity;
        incoming.order.open -= quantity;
        incoming.order.executed += quantity;
        incoming.last = price;
        let executed = |order: &Order, behind: u64, contra: &Order, removed: bool| {
            let contra = OrderNumber(contra.number);
            Executed { trade, contra, removed, auction: None }.about(Subject {
                hidden: hidden[usize::from(removed)],
                quantity: Quantity(quantity),
                open: Quantity(order.open + behind),
                ..describe(order, price)
            })
        };
        sink.report(executed(resting, behind, &incoming.order, false));
        sink.report(executed(&incoming.order, 0, resting, true));
        self.books_hash = self.books_hash.wrapping_sub(before);
        level.subtract(quantity);
        if resting.open > 0 {
            self.books_hash = self.books_hash.wrapping_add(resting.hash(price));
            return None;
        }
        let (session, id) = (SessionId(resting.session), OrderId(resting.id));
        let bucket = self.orders.bucket(session, id);
        unlink(slot, bucket, &mut self.orders, &mut self.levels)
    }

    /// Books what is left of an order: an iceberg shows one slice, a hidden order rests beside the
    /// book.
    #[inline(always)]
    pub(super) fn rest(
        &mut self,
        book: usize,
        order: Order,
        price: i64,
        sink: &mut impl ReportSink,
    ) {
        if order.attributes.takes_slow_path() {
            return self.rest_slow(book, order, price, sink);
        }
        self.place(book, order, price);
    }

    /// Books an order behind all others at its price.
    #[inline(always)]
    pub(super) fn place(&mut self, book: usize, order: Order, price: i64) {
        self.books_hash = self.books_hash.wrapping_add(order.hash(price));
        self.note_interest(SymbolId(order.symbol), order.attributes, price, order.open, true);
        let key = key_of(order.attributes.is_buy(), price);
        let bucket = self.orders.bucket(SessionId(order.session), OrderId(order.id));
        self.books[book].rest(order, key, bucket, &mut self.orders, &mut self.levels);
    }

    #[cold]
    #[inline(never)]
    fn rest_slow(&mut self, book: usize, order: Order, price: i64, sink: &mut impl ReportSink) {
        if order.attributes.has_reserve() {
            self.show(book, order, price, order.number, sink);
        } else {
            self.rest_special(book, order, price);
        }
    }

    /// Applies the incoming order's self-trade mode when two orders of one owner meet. Each mode
    /// ends one of the orders or reduces both, so the matching loop ends.
    #[cold]
    pub(super) fn prevent_self_trade(
        &mut self,
        slot: Slot,
        incoming: &mut Incoming,
        sink: &mut impl ReportSink,
    ) {
        let order = self.orders.get(slot);
        let (resting, coming) = (order.open + self.behind(order), incoming.order.open);
        let mode = incoming.order.attributes.self_trade();
        let (resting_gives, incoming_gives) = prevented(mode, resting, coming);
        let price = self.levels.get(self.orders.get(slot).level).price();
        if resting_gives == resting {
            self.cancel_resting(slot, Reason::SelfTrade, sink);
        } else if resting_gives > 0 {
            self.decrease_resting(slot, resting_gives, Reason::SelfTrade, sink);
        }
        if incoming_gives > 0 {
            incoming.order.open -= incoming_gives;
            let (order, open) = (&incoming.order, incoming.order.open);
            let subject = cut(order, incoming.price, incoming_gives, open, Reason::SelfTrade);
            sink.report(Canceled { prevented: Price(price), ..Canceled::PLAIN }.about(subject));
        }
    }
}

/// Returns the quantities that self-trade prevention takes from the resting and from the incoming
/// order, which have these quantities open.
pub(super) fn prevented(mode: SelfTrade, resting: u64, incoming: u64) -> (u64, u64) {
    match mode {
        SelfTrade::None => unreachable!("without a mode no order owns another"),
        SelfTrade::CancelNewest => (0, incoming),
        SelfTrade::CancelOldest => (resting, 0),
        SelfTrade::CancelBoth => (resting, incoming),
        SelfTrade::Decrement => (resting.min(incoming), resting.min(incoming)),
        SelfTrade::CancelSmallest if resting < incoming => (resting, 0),
        SelfTrade::CancelSmallest if resting > incoming => (0, incoming),
        SelfTrade::CancelSmallest => (resting, incoming),
    }
}

/// Cancels the rest of an incoming order that may not rest.
pub(super) fn cancel_rest(incoming: &mut Incoming, reason: Reason, sink: &mut impl ReportSink) {
    let open = std::mem::take(&mut incoming.order.open);
    let subject = cut(&incoming.order, incoming.price, open, 0, reason);
    sink.report(Canceled::PLAIN.about(subject));
}
