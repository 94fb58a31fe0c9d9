//! Orders of the naive venue with special terms.

use super::{Naive, Order, reaches};
use ringside_model::command::{
    Action, Command, Enter, EnterSpecial, OperatorCommand, SpecialTerms,
};
use ringside_model::domain::{
    Nanos, OrderNumber, OrderType, Price, Quantity, SymbolId, TimeInForce,
};
use ringside_model::reason::Reason;
use std::cmp::Reverse;

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

    /// Ends the expired orders of a symbol before a command has any effect on it.
    pub(super) fn pass_time(&mut self, command: &Command) {
        let looks = match command.action {
            Action::Enter(_)
            | Action::EnterStop(_)
            | Action::EnterIceberg(_)
            | Action::EnterSpecial(_)
            | Action::Cancel(_)
            | Action::Reduce(_)
            | Action::Modify(_)
            | Action::Replace(_)
            | Action::Operator(OperatorCommand::SetState(_))
            | Action::Operator(OperatorCommand::PlanState(_))
            | Action::Operator(OperatorCommand::SetBands(_))
            | Action::Operator(OperatorCommand::SetQuote(_))
            | Action::Operator(OperatorCommand::SetShortSale(_)) => true,
            // A tick first reports the number of expired orders.
            _ => false,
        };
        if looks {
            for order in self.overdue(command.symbol) {
                self.end(order, Reason::Expired);
            }
        }
    }

    /// Returns the expired orders of a symbol.
    pub(super) fn overdue(&self, symbol: SymbolId) -> Vec<Order> {
        let is_over = |order: &Order| {
            order.special.is_some_and(|terms| terms.expire > Nanos(0) && terms.expire <= self.now)
        };
        self.all_of(symbol).into_iter().filter(is_over).collect()
    }

    /// Returns all orders of a symbol: the book, hidden orders without and with a minimum, orders
    /// that wait for an auction, stops.
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
        all.extend(self.beside(symbol));
        all.extend(self.stops(symbol));
        all
    }

    /// Returns the orders of one side that an order can trade with, in their priority: hidden
    /// orders come after all displayed ones at their price.
    pub(super) fn whole_side(&self, symbol: SymbolId, buy: bool) -> Vec<Order> {
        let mut side = self.side(symbol, buy);
        side.extend(self.orders.iter().filter(|order| {
            order.symbol == symbol && order.side.is_buy() == buy && order.is_non_displayed()
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

    /// Returns the reason why an order without a limit of its own stops trading.
    pub(super) fn why_no_more(&self, order: &Order, bound: Price) -> Reason {
        let buy = order.side.is_buy();
        let stands_beyond = |other: &Order| !reaches(buy, bound, other.price);
        if self.whole_side(order.symbol, !buy).iter().any(stands_beyond) {
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
