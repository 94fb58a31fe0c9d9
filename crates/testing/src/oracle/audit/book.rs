//! Live orders as the reports tell of them, and the laws of a book between two commands.

use super::{Audit, Law, Owner, Told, Tried, reaches};
use ringside_model::command::SpecialTerms;
use ringside_model::domain::{
    MoveStep, OrderId, OrderNumber, Peg, Price, Quantity, SessionId, SymbolId, SymbolState,
};
use ringside_model::report::Report;

impl Audit {
    /// Moves orders out of the books and back.
    pub(super) fn moved(&mut self, symbol: SymbolId, step: MoveStep) {
        let (from, to) = match step {
            MoveStep::Halt => (&mut self.live, &mut self.waiting),
            MoveStep::Resume | MoveStep::Release => (&mut self.waiting, &mut self.live),
            MoveStep::Export | MoveStep::Import => return,
        };
        to.extend(from.extract_if(.., |order| order.symbol == symbol));
    }

    /// Returns the open quantity on each side of a symbol; the books must have the same.
    pub fn open(&self, symbol: SymbolId, buy: bool) -> u128 {
        self.book(symbol, buy).map(|order| u128::from(order.shown.unwrap_or(order.open))).sum()
    }

    /// Returns how often each law was at stake.
    pub fn tried(&self) -> &Tried {
        &self.tried
    }

    /// Ends orders without open quantity.
    pub(super) fn end_filled(&mut self) {
        let ended = self.live.extract_if(.., |order| order.open == 0);
        self.ended.extend(ended.map(|order| (order.symbol, order.number)));
    }

    /// Checks that a report takes its quantity from the open quantity of its order.
    pub(super) fn check_quantity(&mut self, open: u64, r: &Report) -> Result<(), String> {
        self.keep(Law::QuantityKept, open.checked_sub(r.quantity.0) == Some(r.open.0), r)
    }

    /// Checks that every entered quantity is filled, canceled, replaced, or still open.
    pub fn check_totals(&self) -> Result<(), String> {
        let open: u128 =
            self.live.iter().chain(&self.waiting).map(|order| u128::from(order.open)).sum();
        law!(self.entered == self.filled + self.canceled + self.replaced + open, self);
        Ok(())
    }

    pub(super) fn add(
        &mut self,
        r: &Report,
        stop: Option<Price>,
        executed: u64,
        terms: SpecialTerms,
        owner: Owner,
    ) -> Result<(), String> {
        law!(self.find(r.session, r.id).is_none(), r);
        self.entered += u128::from(r.open.0);
        self.live.push(Told {
            number: r.order,
            entered: r.order.seqno().0,
            session: r.session,
            id: r.id,
            symbol: r.symbol,
            side: r.side,
            price: r.price,
            hidden: r.is_hidden(),
            stop,
            reached: None,
            parked: false,
            open: r.open.0,
            shown: None,
            executed,
            terms,
            owner,
        });
        Ok(())
    }

    pub(super) fn check_book(&mut self, symbol: SymbolId) -> Result<(), String> {
        let unpriced = self.live.iter().find(|order| order.price.0 == 0 && !order.hidden);
        law!(unpriced.is_none(), unpriced);
        let spent = self.live.iter().find(|order| order.shown == Some(0));
        law!(spent.is_none(), spent);
        let side = |buy| self.book(symbol, buy).chain(self.hidden(symbol, buy));
        let bid = side(true).map(|order| order.price).max();
        let offer = side(false).map(|order| order.price).min();
        let is_crossed = bid.is_some() && offer.is_some() && bid >= offer;
        let is_done = !self.unfinished.contains(&symbol);
        if is_done && self.is_open(symbol) && bid.is_some() && offer.is_some() {
            self.keep(Law::NotCrossed, !is_crossed, &(symbol, bid, offer))?;
        }
        // No stop waits that may enter, and none that was reached without a report.
        let is_on = self.trades_continuously(symbol);
        let overdue = self.live.iter().find(|o| {
            let is_traded = !self.set_by_operator.contains(&symbol);
            let last = self.last.get(&symbol).filter(|_| is_traded);
            let is_untold = o.reached.is_none() && last.is_some_and(|&last| reaches(last, o));
            o.symbol == symbol && o.stop.is_some() && (is_untold || o.reached.is_some() && is_on)
        });
        let overdue = overdue.copied();
        if is_done && self.live.iter().any(|o| o.symbol == symbol && o.stop.is_some()) {
            self.keep(Law::StopsEnter, overdue.is_none(), &overdue)?;
        }
        // A peg is in the book exactly if the symbol trades and the quote gives the peg a price;
        // but from the start of a day it comes back with the next command of its symbol.
        let misplaced = self.live.iter().find(|o| {
            let is_in_book = is_on && self.followed(o).is_some();
            o.symbol == symbol && o.terms.peg != Peg::None && o.parked == is_in_book
        });
        let is_late = misplaced.is_some_and(|o| o.parked && self.owing.contains(&symbol));
        law!(misplaced.is_none() || is_late || !is_done, misplaced);
        law!(is_on || !self.stands_since.contains_key(&symbol), symbol);
        self.check_stand(symbol)?;
        let in_call = |state: &SymbolState| state.auction().is_some();
        law!(!self.day_over || !self.states.get(&symbol).is_some_and(in_call), symbol);
        Ok(())
    }

    /// Returns the live order of a symbol with this number.
    pub(super) fn numbered(&self, symbol: SymbolId, number: OrderNumber) -> Result<Told, String> {
        let order = self.live.iter().find(|o| (o.symbol, o.number) == (symbol, number));
        order.copied().ok_or_else(|| format!("no order {number} of symbol {symbol} is live"))
    }

    /// Stores the new state of a live order.
    pub(super) fn change(&mut self, before: &Told, now: Told) {
        let is_it = |o: &&mut Told| (o.symbol, o.number) == (before.symbol, before.number);
        if let Some(order) = self.live.iter_mut().find(is_it) {
            *order = now;
        }
    }

    pub(super) fn book(&self, symbol: SymbolId, buy: bool) -> impl Iterator<Item = &Told> {
        self.live.iter().filter(move |o| o.symbol == symbol && o.side.is_buy() == buy && !o.hidden)
    }

    /// Returns the hidden orders without a minimum quantity.
    pub(super) fn hidden(&self, symbol: SymbolId, buy: bool) -> impl Iterator<Item = &Told> {
        self.live.iter().filter(move |o| {
            let can_trade = o.terms.hidden && o.terms.min_quantity.0 == 0 && !o.parked;
            o.symbol == symbol && o.side.is_buy() == buy && can_trade
        })
    }

    pub(super) fn find(&self, session: SessionId, id: OrderId) -> Option<usize> {
        self.live.iter().position(|order| order.session == session && order.id == id)
    }

    /// Returns the order of a report, which must be live and have the same attributes as before.
    pub(super) fn order_of(&mut self, r: &Report) -> Result<&mut Told, String> {
        let has_ended = self.ended.contains(&(r.symbol, r.order));
        self.keep(Law::EndsOnce, !has_ended, r)?;
        let is_it = |o: &&mut Told| (o.symbol, o.number) == (r.symbol, r.order);
        let Some(order) = self.live.iter_mut().find(is_it) else {
            return Err(format!("no such order is live: {r:?}"));
        };
        law!((order.session, order.id, order.side) == (r.session, r.id, r.side), r);
        law!(order.hidden == r.is_hidden(), r);
        Ok(order)
    }
}

impl Told {
    /// Returns true for a hidden order in the book that trades only with orders of some size.
    pub(super) fn has_minimum(&self) -> bool {
        self.terms.hidden && self.terms.min_quantity.0 > 0 && !self.parked
    }

    /// Returns the least quantity of a trade of the order.
    pub(super) fn least(&self) -> u64 {
        self.terms.min_quantity.0.min(self.open)
    }

    /// Reduces the displayed quantity as the report says; undisplayed quantity is reduced first.
    pub(super) fn show_less(
        &mut self,
        r: &Report,
        displayed: Option<Quantity>,
    ) -> Result<(), String> {
        law!(displayed.is_some() == (self.shown.is_some() && r.open.0 > 0), r);
        if let (Some(shown), Some(Quantity(less))) = (&mut self.shown, displayed) {
            law!(less < *shown, r);
            *shown -= less;
            law!(less == 0 || *shown == r.open.0, r);
        }
        Ok(())
    }
}
