//! Stops: orders that wait beside the book until a trade reaches their price, then enter the book
//! as new orders.
//!
//! While a symbol is open, no stop that a trade has reached waits. Every command that trades elects
//! the stops that it has reached before the command ends, then those that the trades of elected
//! orders reach, until no more are reached.

use super::attributes::Attributes;
use super::beside::Resting;
use super::market::LimitTerms;
use super::matching::{Incoming, cancel_rest};
use super::orders::{NIL, Order, Slot};
use super::side_tables::{OrderKey, Row};
use super::{Engine, entered, whole};
use ringside_model::command::{Command, Enter, EnterStop, Sequenced};
use ringside_model::domain::{
    AtShortTest, Nanos, OrderId, OrderNumber, OrderType, PostOnly, Price, SeqNo, SessionId,
    SymbolId, SymbolState, TimeInForce,
};
use ringside_model::hash;
use ringside_model::reason::Reason;
use ringside_model::report::{Accepted, ReportSink, StateChanged, Subject, Triggered};
use ringside_planted::{Bug, planted};

/// Maximum number of stops that one command elects; if more are reached, the symbol is halted.
pub const ELECTED_MAX: u32 = 1_000;

/// Limit that a stop gets when it is elected. A stop that becomes a market order has none.
#[derive(Clone, Copy)]
pub(super) struct ElectedLimit(pub i64);

impl Row for ElectedLimit {
    type Key = OrderKey;

    fn hash(&self, (symbol, number): OrderKey) -> u128 {
        hash::of_fields([5, symbol.0.into(), number, self.0 as u64, 0, u64::MAX])
    }
}

/// Trades of a command so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Traded {
    /// Number of trades of the command.
    pub count: u32,
    /// Number of orders that got a new place in this command: elected stops, refreshed icebergs and
    /// repriced orders.
    pub placed: u32,
    /// Lowest and highest price of the trades.
    pub span: Option<(i64, i64)>,
}

impl Traded {
    /// Returns the number of the next order that the command at `seqno` gives a new place.
    pub(crate) fn next_number(&mut self, seqno: SeqNo) -> OrderNumber {
        self.placed += 1;
        OrderNumber::within(seqno, self.placed)
    }

    /// Adds trades at prices from `first` to `last`, in either direction.
    pub(crate) fn add(&mut self, first: i64, last: i64) {
        let (lowest, highest) = self.span.unwrap_or((first, first));
        self.span = Some((lowest.min(first).min(last), highest.max(first).max(last)));
    }
}

impl Engine {
    /// Enters a stop. If the last trade has reached its price already, the stop is elected at once.
    #[cold]
    pub(super) fn enter_stop(
        &mut self,
        at: &Sequenced,
        EnterStop { order: enter, stop }: &EnterStop,
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        self.catch_up(at, sink);
        let book = match self.check_stop(command, enter, stop.0) {
            Ok(book) => book,
            Err(reason) => return self.reject_order(command, enter, reason, sink),
        };
        let order = entered(at, enter);
        let order = Order { attributes: order.attributes.with_stop(true), ..order };
        sink.report(Accepted { stop: Some(enter.price) }.about(whole(&order, stop.0)));
        self.wait_for_trade(order, stop.0, enter.price.0);
        self.elect_by_last(at, book, Traded::default(), sink);
    }

    /// Checks a new stop; returns the index of its book.
    fn check_stop(&self, command: &Command, enter: &Enter, stop: i64) -> Result<usize, Reason> {
        // A stop waits as a limit order would, at its stop price.
        let waiting = Enter { order_type: OrderType::Limit, price: Price(stop), ..*enter };
        let book = self.check_terms(command, &waiting)?;
        if (enter.order_type == OrderType::Limit) != (enter.price.0 >= 1) || enter.price.0 < 0 {
            return Err(Reason::InvalidPrice);
        }
        let can_wait = matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc);
        let plain =
            enter.post_only == PostOnly::Off && enter.order_type != OrderType::MarketToLimit;
        if can_wait && plain { Ok(book) } else { Err(Reason::Unsupported) }
    }

    /// Puts a stop beside the book; a `limit` of 0 is none.
    pub(super) fn wait_for_trade(&mut self, order: Order, stop: i64, limit: i64) {
        if limit != 0 {
            self.tables.limits.insert(order.key(), ElectedLimit(limit));
        }
        self.rest_beside(order, stop);
    }

    /// Elects the stops that the last price has reached, when a symbol opens or a stop enters.
    pub(super) fn elect_by_last(
        &mut self,
        at: &Sequenced,
        book: usize,
        traded: Traded,
        sink: &mut impl ReportSink,
    ) {
        let (last, mut traded) = (self.books[book].last(), traded);
        if last != 0 {
            traded.add(last, last);
        }
        self.elect(at, book, traded, sink);
    }

    /// Elects the stops that a command's trades have reached, then those that the trades of these
    /// reach, and so on. Of stops reached at the same time, bids come before offers, then the best
    /// stop price, then the oldest.
    #[cold]
    #[inline(never)]
    pub(super) fn elect(
        &mut self,
        at: &Sequenced,
        book: usize,
        traded: Traded,
        sink: &mut impl ReportSink,
    ) {
        let symbol = self.books[book].symbol();
        let mut span = traded.span;
        let mut before = traded;
        let mut elected = 0;
        if self.books[book].state() != SymbolState::Open || planted(Bug::StopsNotElected) {
            return;
        }
        while let Some(reached) = span.take() {
            let mut next = Traded::default();
            while let Some(slot) = self.first_reached(symbol, reached) {
                if elected == ELECTED_MAX {
                    return self.halt_cascade(book, symbol, sink);
                }
                elected += 1;
                let number = before.next_number(at.seqno);
                let (order_type, mut incoming) = self.trigger(book, slot, number, sink);
                incoming.traded = Traded { span: None, ..before };
                if self.books[book].is_guarded() && self.keep_out(book, &mut incoming, sink) {
                    continue;
                }
                self.match_incoming(book, order_type, &mut incoming, sink);
                before = incoming.traded;
                if let Some((lowest, highest)) = incoming.traded.span {
                    next.add(lowest, highest);
                }
            }
            span = next.span;
        }
    }

    /// Returns the stop that trades at these prices reach first.
    pub(super) fn first_reached(
        &self,
        symbol: SymbolId,
        (lowest, highest): (i64, i64),
    ) -> Option<Slot> {
        let [bids, offers] = self.beside.get(&(symbol, Resting::Stop))?;
        let reached = [(bids, highest), (offers, -lowest)]
            .into_iter()
            .find(|(side, reach)| side.best() != NIL && side.best_key() <= *reach);
        reached.map(|(side, _)| self.levels.get(side.best()).head)
    }

    /// Turns a stop into a new order.
    fn trigger(
        &mut self,
        book: usize,
        slot: Slot,
        number: OrderNumber,
        sink: &mut impl ReportSink,
    ) -> (OrderType, Incoming) {
        let waiting = *self.orders.get(slot);
        let stop = self.levels.get(waiting.level).price();
        let limit = self.elected_limit(book, &waiting);
        let bucket = self.orders.bucket(SessionId(waiting.session), OrderId(waiting.id));
        self.remove_resting(slot, bucket, stop);
        self.tables.limits.remove(waiting.key());
        let attributes = waiting.attributes.with_stop(false);
        let order = Order { number: number.0, attributes, ..waiting };
        let triggered = Triggered { old_order: OrderNumber(waiting.number) };
        sink.report(triggered.about(whole(&order, limit)));
        let order_type = if limit == 0 { OrderType::Market } else { OrderType::Limit };
        (order_type, Incoming::new(order, limit))
    }

    /// Returns the limit that a stop gets when it is elected, within the bands.
    fn elected_limit(&self, book: usize, waiting: &Order) -> i64 {
        let limit = self.tables.limits.get(waiting.key()).map_or(0, |limit| limit.0);
        if !self.books[book].is_guarded() {
            return limit;
        }
        let (side, tif) = (waiting.attributes.side(), waiting.attributes.tif());
        let terms = LimitTerms::plain(side, tif, PostOnly::Off);
        self.within_bands(book, &terms, limit).unwrap_or(limit)
    }

    /// Cancels an elected order that fails the short sale price test; returns true if it did.
    #[cold]
    fn keep_out(
        &mut self,
        book: usize,
        incoming: &mut Incoming,
        sink: &mut impl ReportSink,
    ) -> bool {
        let (side, price) = (incoming.order.attributes.side(), incoming.price);
        let tested = self.short_price(book, side, price, AtShortTest::Reject);
        if let Err(reason) = tested {
            cancel_rest(incoming, reason.of_end(), sink);
        }
        tested.is_err()
    }

    /// Halts a symbol when a command reaches too many stops. The other stops wait, and no order
    /// enters.
    fn halt_cascade(&mut self, book: usize, symbol: SymbolId, sink: &mut impl ReportSink) {
        self.change_state(book, symbol, SymbolState::Halted);
        let halted = StateChanged { state: SymbolState::Halted, reopens_at: Nanos(0) };
        let reason = Reason::StopCascade;
        sink.report(halted.about(Subject { reason, ..Subject::from(symbol) }));
    }
}

impl Attributes {
    /// Returns the attributes with or without the mark of a stop.
    fn with_stop(self, stop: bool) -> Self {
        Attributes(self.0 & !Self::STOP | if stop { Self::STOP } else { 0 })
    }
}
