//! Stops of the naive venue.

use super::{Naive, Order, reaches};
use ringside_model::command::{Command, EnterStop};
use ringside_model::domain::{
    Nanos, OrderNumber, OrderType, PostOnly, Price, SymbolId, SymbolState, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Accepted, Entered, StateChanged, Subject, Triggered};
use std::mem::take;

impl Naive {
    pub(super) fn enter_stop(&mut self, number: OrderNumber, command: &Command, asked: &EnterStop) {
        let EnterStop { order: enter, stop } = asked;
        let mut as_limit = *enter;
        (as_limit.order_type, as_limit.price) = (OrderType::Limit, *stop);
        let is_limit = enter.order_type == OrderType::Limit;
        let limit_ok = if is_limit { enter.price.0 >= 1 } else { enter.price.0 == 0 };
        let is_served = matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc)
            && enter.post_only == PostOnly::Off
            && enter.order_type != OrderType::MarketToLimit;
        let refused = match self.check_terms(command, &as_limit) {
            Err(reason) => Some(reason),
            Ok(_) if !limit_ok => Some(Reason::InvalidPrice),
            Ok(_) if !is_served => Some(Reason::Unsupported),
            Ok(_) => None,
        };
        if let Some(reason) = refused {
            return self.reject_enter(command, enter, reason);
        }
        let limit = is_limit.then_some(enter.price);
        let number = self.own_place(number);
        let order = Order { stop: Some(limit), ..Order::new(number, command, enter, *stop) };
        self.say(Accepted { stop: Some(enter.price) }, &order, order.open);
        self.wait_for_trigger(order);
    }

    /// Lets a new stop wait, or trigger by the last price.
    pub(super) fn wait_for_trigger(&mut self, stop: Order) {
        self.put(stop);
        let last = self.symbols[&stop.symbol].1;
        let is_reached = last.is_some_and(|last| reaches(stop.side.is_buy(), last, stop.price));
        // An older stop that a price of the operator has passed waits for a trade.
        let first = if is_reached { vec![stop] } else { vec![] };
        self.elect_first(stop.symbol, first);
    }

    /// Returns the stops of a symbol: buy stops, then sell stops, each in the order in which a
    /// moving price reaches them, then the oldest.
    pub(super) fn stops(&self, symbol: SymbolId) -> Vec<Order> {
        let is_there = |order: &&Order| order.symbol == symbol && order.stop.is_some();
        let mut stops: Vec<Order> = self.orders.iter().filter(is_there).copied().collect();
        stops.sort_by_key(|order| {
            let buys = order.side.is_buy();
            (!buys, if buys { order.price.0 } else { -order.price.0 }, order.time())
        });
        stops
    }

    /// Lets stops enter the book, wave by wave: first those that have waited, then those that the
    /// trades so far have reached, then those that the trades of these have reached, and so on. If
    /// the symbol does not trade continuously, or the command has no work left, the stops that the
    /// trades have reached wait.
    pub(super) fn elect(&mut self, symbol: SymbolId) {
        self.elect_first(symbol, vec![]);
    }

    /// Lets stops enter the book whose first wave is this, if it is one.
    fn elect_first(&mut self, symbol: SymbolId, mut first: Vec<Order>) {
        while self.trades_continuously(symbol) && !self.owed.contains_key(&symbol) {
            let mut wave = take(&mut first);
            if wave.is_empty() {
                wave = self.late_stops(symbol);
            }
            if wave.is_empty() {
                wave = self.newly_reached(symbol);
            }
            if wave.is_empty() {
                return;
            }
            if self.work.waves >= self.settings_of(symbol).waves_max {
                for stop in wave.into_iter().filter(|stop| stop.reached.is_none()) {
                    self.keep_waiting(stop);
                }
                return self.halt_for_cascade(symbol);
            }
            self.work.waves += 1;
            for stop in wave {
                if !self.is_spent() {
                    self.let_in(stop);
                } else if stop.reached.is_none() {
                    self.keep_waiting(stop);
                }
            }
            if !self.late_stops(symbol).is_empty() {
                break;
            }
        }
        first.extend(self.newly_reached(symbol));
        for stop in first {
            self.keep_waiting(stop);
        }
    }

    /// Returns the stops that were reached and had to wait, in the order in which they were
    /// reached.
    pub(super) fn late_stops(&self, symbol: SymbolId) -> Vec<Order> {
        let mut late = self.stops(symbol);
        late.retain(|stop| stop.reached.is_some());
        late.sort_by_key(|stop| stop.reached);
        late
    }

    /// Returns the stops that the trades since the last wave have reached.
    fn newly_reached(&mut self, symbol: SymbolId) -> Vec<Order> {
        let prices = take(&mut self.traded_at);
        let mut stops = self.stops(symbol);
        // A buy stop is reached from below, a sell stop from above.
        stops.retain(|stop| {
            let is_reached = |&price| reaches(stop.side.is_buy(), price, stop.price);
            stop.reached.is_none() && prices.iter().any(is_reached)
        });
        stops
    }

    fn keep_waiting(&mut self, stop: Order) {
        self.work.kept_waiting += 1;
        self.say(Triggered { old_order: stop.number }, &stop, stop.open);
        self.put(Order { reached: Some((self.at.0, self.work.kept_waiting)), ..stop });
    }

    /// Lets a stop enter the book as a new order, which trades and rests or ends.
    fn let_in(&mut self, waiting: Order) {
        self.put(Order { open: 0, ..waiting });
        let limit = waiting.stop.unwrap();
        let (symbol, side) = (waiting.symbol, waiting.side);
        let price = limit.unwrap_or(Price(0));
        let price = self.banded(symbol, side.is_buy(), waiting.tif, price);
        let number = self.next_place();
        let mut order = Order { number, price, stop: None, reached: None, ..waiting };
        let old_order = waiting.number;
        if waiting.reached.is_some() {
            self.say(Entered { old_order }, &order, order.open);
        } else {
            self.say(Triggered { old_order }, &order, order.open);
        }
        if !self.passes_short_test(symbol, side, price) {
            let open = order.open;
            return self.cut(&mut order, open, Reason::ShortEnded);
        }
        let bound = if limit.is_some() { price } else { self.collar(symbol, side.is_buy()) };
        self.match_incoming(&mut order, bound);
        if limit.is_some() {
            return self.put(order);
        }
        let (open, reason) = (order.open, self.why_no_more(&order, bound));
        self.cut(&mut order, open, reason);
    }

    fn halt_for_cascade(&mut self, symbol: SymbolId) {
        self.states.insert(symbol, SymbolState::Halted);
        let halted = StateChanged { state: SymbolState::Halted, reopens_at: Nanos(0) };
        let reason = Reason::StopCascade;
        self.reports.push(halted.about(Subject { reason, ..Subject::from(symbol) }));
        self.park_all(symbol);
    }
}
