//! Replaces of the naive venue: a new order takes the place of another one, with other terms.

use super::icebergs::Iceberg;
use super::{Naive, Order};
use ringside_model::command::{Command, NamedSpecialTerms, NamedTerms, Replace, SpecialTerms};
use ringside_model::domain::{
    Nanos, OrderNumber, OrderType, Peg, Price, Quantity, Side, SymbolState, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::Replaced;

impl Naive {
    pub(super) fn replace(
        &mut self,
        number: OrderNumber,
        command: &Command,
        asked: &Replace,
        terms: Option<NamedTerms>,
    ) {
        let old = match self.find_replaceable(command, asked) {
            Ok(old) => old,
            Err(reason) => return self.reject(command, asked.new_id, Side::Buy, reason),
        };
        let new = match self.replacement(command, &old, asked, terms) {
            Ok(new) => new,
            Err(reason) => return self.end(old, reason),
        };
        self.put(Order { open: 0, ..old });
        let (number, entered) = (self.own_place(number), number.0);
        let mut new = Order { number, entered, ..new };
        let place = (number.0 >> 44) as u32;
        let stop = new.stop.map(|limit| limit.unwrap_or(Price(0)));
        let (attributed, capacity) = (old.attributed, old.capacity);
        let replaced = Replaced { old_id: old.id, place, stop, attributed, capacity };
        self.say(replaced, &new, asked.quantity.0);
        self.reports.last_mut().unwrap().order = old.number;
        if new.stop.is_some() {
            return self.wait_for_trigger(new);
        }
        if self.state(old.symbol) == SymbolState::Open && !old.is_for_auction() {
            let bound = new.price;
            self.match_incoming(&mut new, bound);
        }
        self.rest(new);
        self.elect(old.symbol);
    }

    /// Returns the order that a replace is about, or the reason to reject the replace. A rejected
    /// replace leaves the order as it is.
    fn find_replaceable(&self, command: &Command, asked: &Replace) -> Result<Order, Reason> {
        let &Replace { id, new_id, .. } = asked;
        // The orders of a symbol that is not traded here are unknown here.
        if let Reason::Moving | Reason::WrongPartition = command.verdict {
            return Err(command.verdict);
        }
        let is_used = new_id == id
            || self.find(command.session, new_id).is_some()
            || self.waits(command.session, new_id);
        if command.verdict == Reason::DuplicateId || is_used {
            return Err(Reason::DuplicateId);
        }
        let Some(old) = self.find_named(command, id) else {
            let waits = self.names_waiting(command, id);
            return Err(if waits { Reason::Moving } else { Reason::TooLate });
        };
        if refuses_service(command.verdict) {
            return Err(command.verdict);
        }
        if old.reached.is_some() {
            return Err(Reason::TooLate);
        }
        if let Some(reason) = self.closed_to(old.symbol) {
            return Err(reason);
        }
        self.admit(old.symbol, OrderType::Limit, old.tif)?;
        if old.is_peg() && self.state(old.symbol) != SymbolState::Open {
            return Err(Reason::NotInCall);
        }
        let followed = self.followed(old.symbol, old.side.is_buy(), &old.special.unwrap_or(NONE));
        if old.is_peg() && followed == Err(Reason::NoQuote) {
            return Err(Reason::NoQuote);
        }
        Ok(old)
    }

    /// Returns the order that takes the place of another one, or the reason for which there is none
    /// and the other one ends.
    fn replacement(
        &self,
        command: &Command,
        old: &Order,
        asked: &Replace,
        terms: Option<NamedTerms>,
    ) -> Result<Order, Reason> {
        let &Replace { new_id, quantity: Quantity(total), price, .. } = asked;
        let lot = self.symbols[&old.symbol].0.lot.0;
        let lowest = if old.is_for_auction() || old.stop.is_some() { 0 } else { 1 };
        let price_ok = if old.is_peg() { price.0 == 0 } else { price.0 >= lowest };
        let quantity_ok = total > 0 && total.is_multiple_of(lot);
        if command.verdict != Reason::None || !price_ok || !quantity_ok {
            return Err(Reason::ReplacedInvalid);
        }
        if total <= old.executed {
            return Err(Reason::User);
        }
        let mut new = Order { id: new_id, open: total - old.executed, parked: false, ..*old };
        self.give_terms(&mut new, terms).ok_or(Reason::ReplacedInvalid)?;
        if new.stop.is_some() {
            new.stop = Some((price.0 > 0).then_some(price));
            return Ok(new);
        }
        new.iceberg = new.iceberg.map(|iceberg| Iceberg { shown: 0, ..iceberg });
        let limit = match new.special {
            Some(terms) if new.is_peg() => {
                self.followed(new.symbol, new.side.is_buy(), &terms).ok()
            }
            _ => Some(price),
        };
        let whose = (new.side, new.tif, new.special);
        let booked =
            limit.and_then(|limit| self.entry_limit(new.symbol, whose, limit, new.post_only).ok());
        new.price = booked.ok_or(Reason::ReplacedInvalid)?;
        Ok(new)
    }

    /// Gives an order the terms that a replace names; returns `None` if one of them is impossible,
    /// or is none of this kind of order.
    fn give_terms(&self, order: &mut Order, terms: Option<NamedTerms>) -> Option<()> {
        if let Some(iceberg) = &mut order.iceberg {
            if let Some(NamedTerms::Display(display)) = terms {
                iceberg.display = display;
                (display.next <= order.open).then_some(())?;
            }
            let display = iceberg.display;
            self.can_show(order.symbol, &display, order.open).then_some(())?;
        }
        match terms {
            None => Some(()),
            Some(NamedTerms::Display(_)) => order.iceberg.map(|_| ()),
            Some(NamedTerms::Stop(stop)) => {
                order.price = stop;
                (order.stop.is_some() && stop.0 >= 1).then_some(())
            }
            Some(NamedTerms::Special(named)) => self.give_special_terms(order, &named),
        }
    }

    fn give_special_terms(&self, order: &mut Order, named: &NamedSpecialTerms) -> Option<()> {
        let lot = self.symbols[&order.symbol].0.lot.0;
        (order.stop.is_none() && order.iceberg.is_none()).then_some(())?;
        let mut terms = order.special.unwrap_or(NONE);
        if let Some(Quantity(least)) = named.min_quantity {
            terms.min_quantity = Quantity(least);
            let can_be = least <= order.open && least.is_multiple_of(lot);
            (terms.hidden && can_be).then_some(())?;
        }
        if let Some(offset) = named.peg_offset {
            terms.peg_offset = offset;
            let can_be = terms.peg == Peg::Primary || terms.peg == Peg::Midpoint && offset == 0;
            can_be.then_some(())?;
        }
        if let Some(limit) = named.peg_limit {
            terms.peg_limit = limit;
            (terms.peg != Peg::None && limit >= Price(0)).then_some(())?;
        }
        if named.expire != Nanos(0) {
            terms.expire = named.expire;
            let can_end = order.tif == TimeInForce::Gtc;
            (can_end && named.expire > self.now).then_some(())?;
        }
        if *named != NamedSpecialTerms::default() {
            order.special = Some(terms);
        }
        Some(())
    }
}

const NONE: SpecialTerms = SpecialTerms::NONE;

/// Returns true for a verdict of the gateway that rejects a replace without a look at the book.
fn refuses_service(verdict: Reason) -> bool {
    use Reason::{
        Busy, CancelOnly, Closed, Halted, Killed, LowSpace, NoQuote, NotInCall, NotPermitted,
        OrderEntryDisabled, RateLimit, RiskGross, RiskMinimums, RiskNotional, RiskQuantity,
        RiskRate, RiskSlices,
    };
    matches!(
        verdict,
        Busy | CancelOnly
            | Closed
            | Halted
            | Killed
            | LowSpace
            | NoQuote
            | NotInCall
            | NotPermitted
            | OrderEntryDisabled
            | RateLimit
            | RiskGross
            | RiskNotional
            | RiskQuantity
            | RiskRate
            | RiskMinimums
            | RiskSlices
    )
}
