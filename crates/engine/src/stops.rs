//! Stops: orders that wait beside the book until a trade reaches their price, then enter the book
//! as new orders.
//!
//! While a symbol trades, no stop that a trade has reached waits. Every command that trades elects
//! the stops that it has reached before the command ends, then those that the trades of elected
//! orders reach, until no more are reached. Reached is a state: a stop that an auction reaches, or
//! that enters reached while nothing trades, waits in the queue of its symbol and enters when the
//! symbol trades again, whatever the price is by then.

use super::beside::Resting;
use super::market::LimitTerms;
use super::matching::{Incoming, cancel_rest};
use super::orders::{NIL, Order, Slot};
use super::side_tables::{OrderKey, Row};
use super::work::Step;
use super::{Engine, whole};
use ringside_model::command::{Command, Enter, EnterStop, Sequenced};
use ringside_model::domain::{
    AtShortTest, OrderId, OrderNumber, OrderType, PostOnly, Price, SeqNo, SessionId, SymbolId,
    TimeInForce,
};
use ringside_model::hash;
use ringside_model::reason::Reason;
use ringside_model::report::{Accepted, Body, Entered, ReportSink, Triggered};
use ringside_planted::{Bug, planted};
use std::collections::BTreeMap;

/// Maximum number of waves in which one command elects stops, for a symbol without another setting;
/// if the last one reaches more stops, these wait and the symbol is halted.
pub const WAVES_MAX: u32 = 100;

/// Limit that a stop gets when it is elected. A stop that becomes a market order has none.
#[derive(Clone, Copy)]
pub(super) struct ElectedLimit(pub i64);

impl Row for ElectedLimit {
    type Key = OrderKey;

    fn hash(&self, (symbol, number): OrderKey) -> u128 {
        hash::of_fields([5, symbol.0.into(), number, self.0 as u64, 0, u64::MAX])
    }
}

/// Place of a reached stop in the queue of its symbol.
#[derive(Clone, Copy)]
pub(super) struct ReachedPlace(pub u64);

impl Row for ReachedPlace {
    type Key = OrderKey;

    fn hash(&self, (symbol, number): OrderKey) -> u128 {
        hash::of_fields([10, symbol.0.into(), number, self.0, 0, u64::MAX])
    }
}

/// Session and id of the reached stops that wait, by symbol and place in the queue.
pub(super) type Queue = BTreeMap<(SymbolId, u64), (SessionId, OrderId)>;

/// Stops that enter before the next wave begins.
#[derive(Clone, Copy)]
enum Wave {
    /// Stop that has just entered, and that the last price has reached.
    Entered(Slot),
    /// Stops that were reached earlier and wait.
    Queue,
    /// Stops that trades at prices of this span reach.
    Reached(Option<(i64, i64)>),
}

/// Trades of a command so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Traded {
    /// Number of trades of the command.
    pub count: u32,
    /// Number of waves of elected stops.
    pub waves: u32,
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

    /// Returns the trades so far as the next incoming order of the command needs them: its own
    /// trades begin a span of their own.
    pub(crate) fn so_far(&self) -> Traded {
        Traded { span: None, ..*self }
    }

    /// Goes on with the trades of an incoming order that began with these trades.
    pub(crate) fn go_on(&mut self, later: Traded) {
        let before = self.span;
        *self = later;
        if let Some((lowest, highest)) = before {
            self.add(lowest, highest);
        }
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
        let order = self.entered(at, enter);
        let order = Order { attributes: order.attributes.with_stop(true), ..order };
        sink.report(Accepted { stop: Some(enter.price) }.about(whole(&order, stop.0)));
        self.wait_for_trade(order, stop.0, enter.price.0);
        self.elect_by_last(at, book, (order, stop.0), sink);
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
        self.keep_limit(&order, limit);
        self.rest_beside(order, stop);
    }

    /// Keeps the limit of a stop; 0 is none.
    pub(super) fn keep_limit(&mut self, order: &Order, limit: i64) {
        if limit != 0 {
            self.tables.limits.insert(order.key(), ElectedLimit(limit));
        }
    }

    /// Elects a stop that has just entered if the last price has reached it. An older stop waits
    /// for a trade even if the operator has set a last price beyond it.
    pub(super) fn elect_by_last(
        &mut self,
        at: &Sequenced,
        book: usize,
        (order, stop): (Order, i64),
        sink: &mut impl ReportSink,
    ) {
        let last = self.books[book].last();
        let is_reached = if order.attributes.is_buy() { last >= stop } else { last <= stop };
        if last == 0 || !is_reached || planted(Bug::StopsNotElected) {
            return;
        }
        let (session, id) = (SessionId(order.session), OrderId(order.id));
        let slot = self.orders.find(self.orders.bucket(session, id), session, id);
        if !self.books[book].is_open() {
            return self.queue_reached(slot, sink);
        }
        let mut traded = self.done;
        if self.elect_wave(at, book, Wave::Entered(slot), &mut traded, sink) {
            self.elect(at, book, traded, sink);
        }
    }

    /// Elects stops in waves. The stops that were reached earlier and wait are the first wave; the
    /// stops that the trades since the last wave have reached are the next one. Within a wave bids
    /// come before offers, then the stop price that a move reaches first, then the oldest stop.
    /// Where nothing trades, and where the command may do no more, the reached stops wait.
    #[cold]
    #[inline(never)]
    pub(super) fn elect(
        &mut self,
        at: &Sequenced,
        book: usize,
        mut traded: Traded,
        sink: &mut impl ReportSink,
    ) {
        let symbol = self.books[book].symbol();
        if planted(Bug::StopsNotElected) {
            return;
        }
        if !self.books[book].is_open() {
            self.reach(symbol, traded.span, sink);
            self.done = traded.so_far();
            return;
        }
        while let Some(wave) = self.next_wave(symbol, &mut traded) {
            if !self.elect_wave(at, book, wave, &mut traded, sink) {
                return;
            }
        }
        self.done = traded.so_far();
    }

    /// Returns the next wave; the trades so far become those of the wave before it.
    fn next_wave(&self, symbol: SymbolId, traded: &mut Traded) -> Option<Wave> {
        if self.has_queue(symbol) {
            return Some(Wave::Queue);
        }
        let span = traded.span.take();
        self.first_reached(symbol, span).map(|_| Wave::Reached(span))
    }

    /// Elects the stops of a wave. Returns false if the command elects no more: the wave is one too
    /// many, which halts the symbol, or the command may do no more. Then the stops that are left
    /// wait.
    fn elect_wave(
        &mut self,
        at: &Sequenced,
        book: usize,
        wave: Wave,
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) -> bool {
        let symbol = self.books[book].symbol();
        if traded.waves >= self.settings(symbol).waves_max {
            self.postpone(symbol, wave, sink);
            self.halt_cascade(book, sink);
            self.done = traded.so_far();
            return false;
        }
        traded.waves += 1;
        while let Some(slot) = self.next_of(symbol, wave) {
            if !self.has_work(traded) {
                self.postpone(symbol, wave, sink);
                self.owe(book, Step::Stops, *traded, sink);
                return false;
            }
            self.enter_elected(at, book, slot, traded, sink);
            if let Wave::Entered(_) = wave {
                break;
            }
        }
        true
    }

    /// Returns the next stop of a wave.
    fn next_of(&self, symbol: SymbolId, wave: Wave) -> Option<Slot> {
        match wave {
            Wave::Entered(slot) => Some(slot),
            Wave::Queue => self.next_in_queue(symbol),
            Wave::Reached(span) => self.first_reached(symbol, span),
        }
    }

    /// Puts the stops that are left of a wave into the queue of their symbol.
    fn postpone(&mut self, symbol: SymbolId, wave: Wave, sink: &mut impl ReportSink) {
        match wave {
            Wave::Entered(slot) => self.queue_reached(slot, sink),
            Wave::Queue => {}
            Wave::Reached(span) => self.reach(symbol, span, sink),
        }
    }

    /// Returns the stop that trades at prices of this span reach first.
    pub(super) fn first_reached(&self, symbol: SymbolId, span: Option<(i64, i64)>) -> Option<Slot> {
        let (lowest, highest) = span?;
        let [bids, offers] = self.beside.get(&(symbol, Resting::Stop))?;
        let reached = [(bids, highest), (offers, -lowest)]
            .into_iter()
            .find(|(side, reach)| side.best() != NIL && side.best_key() <= *reach);
        reached.map(|(side, _)| self.levels.get(side.best()).head)
    }

    /// Puts the stops that trades of this span have reached into the queue of their symbol.
    pub(super) fn reach(
        &mut self,
        symbol: SymbolId,
        span: Option<(i64, i64)>,
        sink: &mut impl ReportSink,
    ) {
        if planted(Bug::ReachedForgotten) {
            return;
        }
        while let Some(slot) = self.first_reached(symbol, span) {
            self.queue_reached(slot, sink);
        }
    }

    /// Puts a reached stop into the queue of its symbol.
    fn queue_reached(&mut self, slot: Slot, sink: &mut impl ReportSink) {
        let waiting = *self.orders.get(slot);
        let (symbol, stop) = (SymbolId(waiting.symbol), self.levels.get(waiting.level).price());
        let bucket = self.orders.bucket(SessionId(waiting.session), OrderId(waiting.id));
        self.remove_resting(slot, bucket, stop);
        let order = Order { attributes: waiting.attributes.with_reached(), ..waiting };
        let triggered = Triggered { old_order: OrderNumber(order.number) };
        sink.report(triggered.about(whole(&order, stop)));
        let last = self.queue.range((symbol, 0)..=(symbol, u64::MAX)).next_back();
        let place = last.map_or(1, |(&(_, place), _)| place + 1);
        self.join_queue(order, stop, place);
    }

    /// Puts a reached stop beside the book, at a place of the queue.
    pub(super) fn join_queue(&mut self, order: Order, stop: i64, place: u64) {
        let owner = (SessionId(order.session), OrderId(order.id));
        self.tables.reached.insert(order.key(), ReachedPlace(place));
        self.queue.insert((SymbolId(order.symbol), place), owner);
        self.rest_beside(order, stop);
    }

    /// Removes what is kept beside a stop that leaves.
    pub(super) fn forget_stop(&mut self, order: &Order) {
        self.tables.limits.remove(order.key());
        if let Some(ReachedPlace(place)) = self.tables.reached.remove(order.key()) {
            self.queue.remove(&(SymbolId(order.symbol), place));
        }
    }

    /// Returns true if reached stops of a symbol wait.
    pub(super) fn has_queue(&self, symbol: SymbolId) -> bool {
        self.next_in_queue(symbol).is_some()
    }

    /// Returns the reached stop that enters first.
    fn next_in_queue(&self, symbol: SymbolId) -> Option<Slot> {
        let mut queue = self.queue.range((symbol, 0)..=(symbol, u64::MAX));
        let (_, &(session, id)) = queue.next()?;
        Some(self.orders.find(self.orders.bucket(session, id), session, id))
    }

    /// Enters an elected stop, and finishes it.
    fn enter_elected(
        &mut self,
        at: &Sequenced,
        book: usize,
        slot: Slot,
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) {
        let number = traded.next_number(at.seqno);
        let (order_type, mut incoming) = self.trigger(book, slot, number, sink);
        if self.books[book].is_guarded() && self.keep_out(book, &mut incoming, sink) {
            return;
        }
        incoming.traded = traded.so_far();
        self.match_incoming(book, order_type, &mut incoming, sink);
        traded.go_on(incoming.traded);
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
        self.forget_stop(&waiting);
        let attributes = waiting.attributes.with_stop(false);
        let order = Order { number: number.0, attributes, ..waiting };
        let old_order = OrderNumber(waiting.number);
        let body: Body = match waiting.attributes.is_reached() {
            true => Entered { old_order }.into(),
            false => Triggered { old_order }.into(),
        };
        sink.report(body.about(whole(&order, limit)));
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

    /// Halts a symbol whose stops reach stops again and again. No order enters.
    fn halt_cascade(&mut self, book: usize, sink: &mut impl ReportSink) {
        self.halt(book, Reason::StopCascade, sink);
        self.park_pegs(book, sink);
    }
}
