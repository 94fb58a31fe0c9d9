//! Stops of the naive venue.

use super::{Naive, Order, reaches};
use ringside_engine::ELECTED_MAX;
use ringside_model::command::{Command, EnterStop};
use ringside_model::domain::{
    Nanos, OrderNumber, OrderType, PostOnly, Price, SymbolId, SymbolState, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Accepted, StateChanged, Subject, Triggered};
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
        let order = Order { stop: Some(limit), ..Order::new(number, command, enter, *stop) };
        self.say(Accepted { stop: Some(enter.price) }, &order, order.open);
        self.put(order);
        // A stop that is already reached is elected at once.
        self.traded_at.extend(self.symbols[&command.symbol].1);
        self.elect(command.symbol);
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

    /// Elects the stops that the trades so far have reached, then the stops that the trades of
    /// these reach, and so on.
    pub(super) fn elect(&mut self, symbol: SymbolId) {
        let mut elected = 0;
        while self.state(symbol) == SymbolState::Open && !self.traded_at.is_empty() {
            let prices = take(&mut self.traded_at);
            // A buy stop is reached from below, a sell stop from above.
            let is_reached = |stop: &Order| {
                prices.iter().any(|&price| reaches(stop.side.is_buy(), price, stop.price))
            };
            for stop in self.stops(symbol).into_iter().filter(is_reached) {
                if elected == ELECTED_MAX {
                    self.traded_at.clear();
                    return self.halt_for_cascade(symbol);
                }
                elected += 1;
                let number = self.next_place();
                self.trigger(stop, number);
            }
        }
        self.traded_at.clear();
    }

    fn trigger(&mut self, waiting: Order, number: OrderNumber) {
        self.put(Order { open: 0, ..waiting });
        let limit = waiting.stop.unwrap();
        let (symbol, side) = (waiting.symbol, waiting.side);
        let price = limit.unwrap_or(Price(0));
        let price = self.banded(symbol, side.is_buy(), waiting.tif, price);
        let mut order = Order { number, price, stop: None, ..waiting };
        self.say(Triggered { old_order: waiting.number }, &order, order.open);
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
    }
}
