//! Reduces, modifies and cancels of the naive venue.

use super::Naive;
use super::icebergs::seen_less;
use ringside_model::command::Command;
use ringside_model::domain::{OrderId, Quantity, Side};
use ringside_model::reason::Reason;
use ringside_model::report::Modified;

impl Naive {
    pub(super) fn reduce(&mut self, command: &Command, id: OrderId, quantity: u64) {
        let Some(mut order) = self.find_named(command, id) else {
            return self.reject_not_live(command, id);
        };
        let lot = self.symbols[&order.symbol].0.lot.0;
        if quantity == 0 {
            self.reject(command, id, Side::Buy, Reason::InvalidQuantity);
        } else if !quantity.is_multiple_of(lot) {
            self.reject(command, id, Side::Buy, Reason::OffLot);
        } else if quantity >= order.executed + order.open {
            self.reject(command, id, Side::Buy, Reason::NotAReduction);
        } else {
            let cut = order.open - quantity.saturating_sub(order.executed);
            self.cut(&mut order, cut, Reason::User);
            self.put(order);
        }
    }

    pub(super) fn modify(
        &mut self,
        command: &Command,
        id: OrderId,
        side: Option<Side>,
        quantity: Option<Quantity>,
    ) {
        let Some(old) = self.find_named(command, id) else {
            return self.reject_not_live(command, id);
        };
        let (mut new, mut seen) = (old, 0);
        match (old.side, side) {
            (Side::Buy, Some(Side::Sell | Side::Short | Side::ShortExempt))
            | (Side::Sell | Side::Short | Side::ShortExempt, Some(Side::Buy)) => {
                return self.reject(command, id, Side::Buy, Reason::InvalidSide);
            }
            (_, None) => {}
            (_, Some(side)) => new.side = side,
        }
        let is_tested = old.stop.is_none() && !old.parked && new.side != old.side;
        if is_tested && !self.passes_short_test(old.symbol, new.side, old.price) {
            return self.reject(command, id, Side::Buy, Reason::ShortRestricted);
        }
        if let Some(Quantity(total)) = quantity {
            if total == 0 {
                return self.reject(command, id, Side::Buy, Reason::InvalidQuantity);
            }
            if !total.is_multiple_of(self.symbols[&old.symbol].0.lot.0) {
                return self.reject(command, id, Side::Buy, Reason::OffLot);
            }
            if total <= old.executed {
                return self.end(old, Reason::User);
            }
            seen = new.shrink(old.open - old.open.min(total - old.executed));
        }
        if new == old {
            return self.reject(command, id, Side::Buy, Reason::NotAReduction);
        }
        self.say(Modified { displayed: seen_less(&new, seen) }, &new, old.open - new.open);
        self.put(new);
    }

    pub(super) fn cancel(&mut self, command: &Command, id: OrderId) {
        match self.find_named(command, id) {
            Some(order) => self.end(order, Reason::User),
            None => self.reject_not_live(command, id),
        }
    }
}
