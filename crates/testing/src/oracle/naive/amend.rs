//! Reduces, modifies, cancels and replaces of the naive venue.

use super::icebergs::{Iceberg, seen_less};
use super::{Naive, Order};
use ringside_model::command::Command;
use ringside_model::domain::{OrderId, OrderNumber, OrderType, Price, Quantity, Side, SymbolState};
use ringside_model::reason::Reason;
use ringside_model::report::{Modified, Replaced};

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

    pub(super) fn replace(
        &mut self,
        number: OrderNumber,
        command: &Command,
        id: OrderId,
        new_id: OrderId,
        quantity: u64,
        price: Price,
    ) {
        // The orders of a symbol that is not traded here are unknown here.
        if let Reason::Moving | Reason::WrongPartition = command.verdict {
            return self.reject(command, new_id, Side::Buy, command.verdict);
        }
        let is_used = new_id == id
            || self.find(command.session, new_id).is_some()
            || self.waits(command.session, new_id);
        if command.verdict == Reason::DuplicateId || is_used {
            return self.reject(command, new_id, Side::Buy, Reason::DuplicateId);
        }
        let Some(old) = self.find_named(command, id) else {
            let waits = self.waits(command.session, id);
            let reason = if waits { Reason::Moving } else { Reason::TooLate };
            return self.reject(command, new_id, Side::Buy, reason);
        };
        match command.verdict {
            // These verdicts of the gateway reject the request without a look at the book.
            Reason::LowSpace
            | Reason::RateLimit
            | Reason::OrderEntryDisabled
            | Reason::NotPermitted
            | Reason::Closed
            | Reason::Halted
            | Reason::CancelOnly
            | Reason::Busy
            | Reason::Killed
            | Reason::RiskQuantity
            | Reason::RiskNotional
            | Reason::RiskGross
            | Reason::RiskRate => {
                return self.reject(command, new_id, Side::Buy, command.verdict);
            }
            _ => {}
        }
        if old.reached.is_some() {
            return self.reject(command, new_id, Side::Buy, Reason::TooLate);
        }
        if old.stop.is_some() || old.is_peg() {
            return self.reject(command, new_id, Side::Buy, Reason::Unsupported);
        }
        let admitted = self.admit(old.symbol, OrderType::Limit, old.tif);
        if let Some(reason) = self.closed_to(old.symbol).or(admitted.err()) {
            return self.reject(command, new_id, Side::Buy, reason);
        }
        // An auction order without a price has no limit.
        let lowest = if old.is_for_auction() { 0 } else { 1 };
        let lot = self.symbols[&old.symbol].0.lot.0;
        let quantity_ok = quantity > 0 && quantity.is_multiple_of(lot);
        let open = quantity.saturating_sub(old.executed);
        let can_show =
            old.iceberg.is_none_or(|iceberg| self.can_show(old.symbol, &iceberg.display, open));
        if command.verdict != Reason::None || !quantity_ok || price.0 < lowest || !can_show {
            return self.end(old, Reason::ReplacedInvalid);
        }
        if quantity <= old.executed {
            return self.end(old, Reason::User);
        }
        let whose = (old.side, old.tif, old.special);
        let booked = self.entry_limit(old.symbol, whose, price, old.post_only);
        let Ok(price) = booked else { return self.end(old, Reason::ReplacedInvalid) };
        self.put(Order { open: 0, ..old });
        let (number, entered) = (self.own_place(number), number.0);
        let mut new = Order { number, entered, id: new_id, price, open, ..old };
        new.iceberg = old.iceberg.map(|iceberg| Iceberg { shown: 0, ..iceberg });
        let (attributed, capacity) = (old.attributed, old.capacity);
        let place = (number.0 >> 44) as u32;
        self.say(Replaced { old_id: id, place, stop: None, attributed, capacity }, &new, quantity);
        self.reports.last_mut().unwrap().order = old.number;
        if self.state(old.symbol) == SymbolState::Open && !old.is_for_auction() {
            self.match_incoming(&mut new, price);
        }
        self.rest(new);
        self.elect(old.symbol);
    }
}
