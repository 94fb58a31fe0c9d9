//! Orders of the naive venue with special terms.

use super::work::Owed;
use super::{Naive, Order, reaches};
use ringside_model::command::{Command, Enter, EnterSpecial, SpecialTerms};
use ringside_model::domain::{
    Nanos, OrderNumber, OrderType, Price, Quantity, SymbolId, TimeInForce,
};
use ringside_model::reason::Reason;
use std::cmp::Reverse;

/// Maximum number of orders with a minimum that one command lets in.
const TURNS_OF_A_COMMAND: u32 = 64;

impl Naive {
    pub(super) fn enter_special(
        &mut self,
        number: OrderNumber,
        command: &Command,
        asked: &EnterSpecial,
    ) {
        let EnterSpecial { order: enter, terms } = asked;
        match self.check_special(command, enter, terms) {
            Ok(limit) => {
                let number = self.own_place(number);
                let order = Order::new(number, command, enter, limit);
                self.begin(Order { special: Some(*terms), ..order }, enter);
            }
            Err(reason) => self.reject_enter(command, enter, reason),
        }
    }

    fn check_special(
        &self,
        command: &Command,
        enter: &Enter,
        terms: &SpecialTerms,
    ) -> Result<Price, Reason> {
        let enter = &self.with_its_limit(command, enter, terms)?;
        self.check_terms(command, enter)?;
        let whose = (enter.side, enter.tif, Some(*terms));
        let limit = self.entry_limit(command.symbol, whose, enter.price, enter.post_only)?;
        let is_timed = terms.expire != Nanos(0);
        let is_served = match enter.tif {
            TimeInForce::Gtc => true,
            TimeInForce::Day | TimeInForce::Ioc | TimeInForce::Fok => !is_timed,
            TimeInForce::AtOpen | TimeInForce::AtClose | TimeInForce::Auction => false,
        };
        let can_hide = enter.order_type == OrderType::Limit
            && !enter.attributed
            && matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc);
        let Quantity(least) = terms.min_quantity;
        let can_wait_for_more = terms.hidden || enter.tif == TimeInForce::Ioc;
        if !is_served || terms.hidden && !can_hide {
            return Err(Reason::Unsupported);
        }
        if least > 0 && !can_wait_for_more {
            return Err(Reason::InvalidMinQuantity);
        }
        if is_timed && terms.expire <= self.now {
            return Err(Reason::InvalidExpiry);
        }
        let lot = self.symbols[&command.symbol].0.lot.0;
        if least > enter.quantity.0 || !least.is_multiple_of(lot) {
            return Err(Reason::InvalidMinQuantity);
        }
        Ok(limit)
    }

    /// Returns all orders of a symbol in the order in which they end: the book, hidden orders
    /// without and with a minimum, stops that nothing has reached, stops that wait after that,
    /// orders for an auction, parked pegs.
    pub(super) fn all_of(&self, symbol: SymbolId) -> Vec<Order> {
        let mut all = self.side(symbol, true);
        all.extend(self.side(symbol, false));
        for has_minimum in [false, true] {
            for buy in [true, false] {
                let side = self.whole_side(symbol, buy).into_iter();
                all.extend(side.filter(|order| {
                    order.is_non_displayed() && (order.least() > 0) == has_minimum
                }));
            }
        }
        let (reached, unreached): (Vec<Order>, Vec<Order>) =
            self.stops(symbol).into_iter().partition(|stop| stop.reached.is_some());
        all.extend(unreached);
        all.extend(reached);
        all.extend(self.beside(symbol));
        let is_parked = |order: &&Order| order.symbol == symbol && order.parked;
        let mut parked: Vec<Order> = self.orders.iter().filter(is_parked).copied().collect();
        parked.sort_by_key(|order| {
            let buy = order.side.is_buy();
            (!buy, if buy { -order.price.0 } else { order.price.0 }, order.time())
        });
        all.extend(parked);
        all
    }

    /// Returns the orders of one side that an order can trade with, in their priority: hidden
    /// orders come after all displayed ones at their price.
    pub(super) fn whole_side(&self, symbol: SymbolId, buy: bool) -> Vec<Order> {
        let mut side = self.side(symbol, buy);
        side.extend(self.orders.iter().filter(|order| {
            let is_there = order.symbol == symbol && order.side.is_buy() == buy;
            is_there && order.is_non_displayed() && !order.parked
        }));
        if buy {
            side.sort_by_key(|o| (Reverse(o.price), o.is_non_displayed(), o.time()));
        } else {
            side.sort_by_key(|o| (o.price, o.is_non_displayed(), o.time()));
        }
        side
    }

    /// Returns the orders of one side that take part in every auction.
    pub(super) fn in_every_auction(&self, symbol: SymbolId, buy: bool) -> Vec<Order> {
        let side = self.whole_side(symbol, buy).into_iter();
        side.filter(|order| order.least() == 0).collect()
    }

    /// Returns the first order of the other side whose minimum the incoming order can meet.
    pub(super) fn first_for(&self, incoming: &Order) -> Option<Order> {
        let mut side = self.whole_side(incoming.symbol, !incoming.side.is_buy()).into_iter();
        side.find(|resting| incoming.open >= resting.least())
    }

    /// Lets each resting hidden order with a minimum trade as if it came in, the oldest first after
    /// some time. It keeps its place for what is left. The pegs follow.
    pub(super) fn bring_in_minimums(&mut self, symbol: SymbolId, mut after: (u64, u64)) {
        if !self.trades_continuously(symbol) {
            return;
        }
        let mut waiting = self.whole_side(symbol, true);
        waiting.extend(self.whole_side(symbol, false));
        waiting.retain(|order| order.least() > 0 && order.time() > after);
        waiting.sort_by_key(Order::time);
        let mut turns = 0;
        for order in waiting {
            let Some(mut order) = self.still(&order) else { continue };
            turns += 1;
            if self.is_spent() || turns > self.work_max().min(TURNS_OF_A_COMMAND) {
                self.owed.insert(symbol, Owed::Minimums { after });
                return;
            }
            after = order.time();
            // A short sale that would not be let in now takes nothing.
            if self.passes_short_test(symbol, order.side, order.price) {
                let bound = order.price;
                self.trade_minimum(&mut order, bound);
                self.put(order);
            }
        }
        self.follow_quote(symbol);
    }

    /// Returns the present state of an order; `None` if it has ended or has a new place.
    pub(super) fn still(&self, order: &Order) -> Option<Order> {
        self.orders.iter().find(|other| other.is_same(order)).copied()
    }

    /// Returns the reason why an order without a limit of its own stops trading; displayed orders
    /// alone decide, so that it tells nothing about hidden ones.
    pub(super) fn why_no_more(&self, order: &Order, bound: Price) -> Reason {
        let buy = order.side.is_buy();
        let stands_beyond = |other: &Order| !reaches(buy, bound, other.price);
        if self.side(order.symbol, !buy).iter().any(stands_beyond) {
            Reason::Collar
        } else {
            Reason::NoLiquidity
        }
    }
}

impl Order {
    pub(super) fn is_non_displayed(&self) -> bool {
        self.special.is_some_and(|terms| terms.hidden)
    }

    /// Returns the minimum quantity of a trade with the order, at most its open quantity.
    pub(super) fn least(&self) -> u64 {
        self.special.map_or(0, |terms| terms.min_quantity.0.min(self.open))
    }
}
