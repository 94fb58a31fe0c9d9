//! Laws of the reports about single orders.

use super::{Audit, Over, Owner, Place};
use ringside_model::command::{Action, NamedTerms, OperatorCommand, ReplaceTerms, SpecialTerms};
use ringside_model::domain::{DayEvent, OrderNumber, Peg};
use ringside_model::reason::Reason;
use ringside_model::report::{Accepted, Canceled, Displayed, Modified, Replaced, Report};

impl Audit {
    /// Checks and adds a new order.
    pub(super) fn accepted(
        &mut self,
        at: &Place<'_>,
        r: &Report,
        Accepted { stop }: Accepted,
    ) -> Result<(), String> {
        law!(self.is_own_place(r.order) && r.open == r.quantity && r.open.0 > 0, r);
        self.enter(r.order);
        let terms = match at.command.command.action {
            Action::EnterSpecial(special) => special.terms,
            _ => SpecialTerms::NONE,
        };
        law!(terms.expire.0 == 0 || terms.expire > self.now, r);
        law!(self.may_enter(r.symbol), r);
        law!(terms.peg == Peg::None || self.trades_continuously(r.symbol), r);
        let owner = Owner::of(r.session, &at.command.command.action);
        self.give(r.order, r)?;
        self.add(r, stop, 0, terms, owner)?;
        self.begin_stop(r.symbol, r.order);
        Ok(())
    }

    /// Checks the order that takes the place of another one, and exchanges them.
    pub(super) fn replaced(
        &mut self,
        at: &Place<'_>,
        r: &Report,
        replaced: Replaced,
    ) -> Result<(), String> {
        let old = self.find(r.session, replaced.old_id);
        law!(old.is_some(), r);
        let old = self.live.swap_remove(old.unwrap());
        law!(old.number == r.order && old.reached.is_none(), r);
        law!(old.stop.is_some() == replaced.stop.is_some(), r);
        law!(self.may_enter(r.symbol), r);
        law!(old.side == r.side && old.symbol == r.symbol, r);
        let total = if old.stop.is_some() { r.open } else { r.quantity };
        law!(total.0.checked_sub(old.executed) == Some(r.open.0), r);
        self.replaced += u128::from(old.open);
        let mut new = *r;
        new.order = OrderNumber::within(at.command.seqno, replaced.place);
        law!(self.is_own_place(new.order), r);
        self.give(new.order, r)?;
        self.enter(new.order);
        let terms = new_terms(&at.command.command.action, old.terms);
        law!(terms.expire.0 == 0 || terms.expire > self.now, r);
        self.add(&new, replaced.stop, old.executed, terms, old.owner)?;
        self.begin_stop(r.symbol, new.order);
        Ok(())
    }

    /// Checks the next slice of an iceberg.
    pub(super) fn displayed(
        &mut self,
        r: &Report,
        Displayed { old_order }: Displayed,
    ) -> Result<(), String> {
        let mut order = self.numbered(r.symbol, old_order)?;
        let told = (order.session, order.id, order.side, order.price, order.open);
        law!(told == (r.session, r.id, r.side, r.price, r.open.0), r);
        law!((1..=r.open.0).contains(&r.quantity.0), r);
        let is_first = r.order == old_order;
        law!(order.shown == if is_first { None } else { Some(0) }, r);
        law!(is_first || r.order.seqno().0 == self.number.0 && r.order != self.number, r);
        if !is_first {
            self.give(r.order, r)?;
        }
        let before = order;
        (order.number, order.shown) = (r.order, Some(r.quantity.0));
        self.change(&before, order);
        Ok(())
    }

    /// Checks an order that has another marking or a smaller quantity.
    pub(super) fn modified(
        &mut self,
        at: &Place<'_>,
        r: &Report,
        Modified { displayed }: Modified,
    ) -> Result<(), String> {
        law!(r.open.0 > 0, r);
        law!(self.changes_nothing_else(at.before(), at.after()), r);
        let before = self.numbered(r.symbol, r.order)?;
        let mut order = before;
        law!((order.session, order.id) == (r.session, r.id), r);
        law!(order.hidden == r.is_hidden(), r);
        law!((order.symbol, order.price) == (r.symbol, r.price), r);
        law!(order.side.is_buy() == r.side.is_buy(), r);
        law!(order.side != r.side || r.quantity.0 > 0, r);
        self.check_quantity(order.open, r)?;
        (order.side, order.open) = (r.side, r.open.0);
        order.show_less(r, displayed)?;
        self.change(&before, order);
        self.canceled += u128::from(r.quantity.0);
        Ok(())
    }

    /// Checks the end of an order, or of a part of it.
    pub(super) fn canceled(
        &mut self,
        at: &Place<'_>,
        r: &Report,
        Canceled { displayed, .. }: Canceled,
    ) -> Result<(), String> {
        if r.reason == Reason::SelfTrade && at.command.command.verdict != Reason::SelfTrade {
            self.check_prevention(r)?;
        }
        let open = self.order_of(r)?.open;
        self.check_quantity(open, r)?;
        let order = self.order_of(r)?;
        law!(order.price == r.price && r.reason.is_of_cancel(), r);
        law!(r.quantity.0 > 0, r);
        order.open = r.open.0;
        order.show_less(r, displayed)?;
        let terms = order.terms;
        self.canceled += u128::from(r.quantity.0);
        let is_over = terms.is_over(self.now);
        let day_ends = match at.command.command.action {
            Action::Operator(OperatorCommand::TradingDay(day)) => day.event == DayEvent::End,
            Action::MassCancel(_) => at.command.command.verdict == Reason::Expired,
            _ => false,
        };
        law!(r.reason != Reason::Expired || is_over || day_ends, r);
        if is_over {
            // What is over ends at its own time, before the command has any effect.
            law!(r.reason == Reason::Expired && r.open.0 == 0, r);
            law!(!self.progress.has_acted, r);
            law!(self.progress.caught_up <= terms.expire, r);
            if self.progress.caught_up < terms.expire {
                self.check_stand(r.symbol)?;
            }
            self.progress.caught_up = terms.expire;
        }
        self.end_filled();
        Ok(())
    }
}

/// Returns the special terms of an order that a command replaces.
fn new_terms(action: &Action, old: SpecialTerms) -> SpecialTerms {
    let Action::ReplaceTerms(ReplaceTerms { terms: NamedTerms::Special(named), .. }) = action
    else {
        return old;
    };
    SpecialTerms {
        min_quantity: named.min_quantity.unwrap_or(old.min_quantity),
        peg_offset: named.peg_offset.unwrap_or(old.peg_offset),
        peg_limit: named.peg_limit.unwrap_or(old.peg_limit),
        expire: if named.expire.0 == 0 { old.expire } else { named.expire },
        ..old
    }
}
