//! Timers of a symbol: scheduled states and order expiry.
//!
//! Time arrives with the commands; an engine has no clock. Before a command for a symbol acts, the
//! engine catches up: expired orders end, and a limit state that has lasted too long pauses the
//! symbol, each as of its own time. So it never shows if a tick came in time. What trades, a
//! reopening or a planned state, waits for a tick.

use super::beside::Resting;
use super::book::{key_of, side_index};
use super::collar::Coming;
use super::orders::{Order, Slot};
use super::side_tables::Row;
use super::stops::Traded;
use super::{Engine, reject_operator};
use ringside_model::command::{Action, Command, PlanState, Sequenced};
use ringside_model::domain::{Nanos, OrderNumber, SymbolId};
use ringside_model::hash;
use ringside_model::reason::Reason;
use ringside_model::report::{ReportSink, StatePlanned, Ticked};
use ringside_planted::{Bug, planted};
use std::collections::BTreeSet;

impl Row for PlanState {
    type Key = SymbolId;

    fn hash(&self, symbol: SymbolId) -> u128 {
        let PlanState { due, random_ns, seed, state, .. } = *self;
        let what = 8 << 32 | u64::from(symbol.0);
        hash::of_fields([what, due.0, random_ns, seed, state as u64, u64::MAX])
    }
}

impl Engine {
    /// Catches up with the time of the command for the command's symbol.
    #[inline]
    pub(super) fn catch_up(&mut self, at: &Sequenced, sink: &mut impl ReportSink) {
        self.done = Traded::default();
        let is_quiet = self.expiries.is_empty() && self.watched.is_empty();
        if !is_quiet && !planted(Bug::ExpiryWaitsForATick) {
            self.catch_up_with(at.command.symbol, at.time, sink);
            if let Some(book) = self.book_index(at.command.symbol) {
                self.go_on(at, book, sink);
            }
        }
    }

    /// Ends the expired orders of a symbol and makes its pause, in the order of their times. Orders
    /// that end at the time of a pause end before it.
    #[cold]
    pub(super) fn catch_up_with(
        &mut self,
        symbol: SymbolId,
        now: Nanos,
        sink: &mut impl ReportSink,
    ) {
        let Some(book) = self.book_index(symbol) else { return };
        loop {
            let end = self.expiries.first(symbol).filter(|&end| end <= now);
            let pause = self.market(symbol).limit_state.map(|state| state.due);
            match (end, pause.filter(|&pause| pause <= now)) {
                (Some(end), pause) if pause.is_none_or(|pause| end <= pause) => {
                    for slot in self.ending(symbol, end) {
                        self.cancel_resting(slot, Reason::Expired, sink);
                    }
                    self.look_at_bands(book, end, sink);
                }
                (_, Some(pause)) => self.pause(book, pause, sink),
                _ => return,
            }
        }
    }

    /// Returns true if an order has expired, and has not been ended yet.
    pub(super) fn is_over(&self, order: &Order, now: Nanos) -> bool {
        self.terms_of(order).is_some_and(|terms| terms.expire.0 != 0 && terms.expire <= now)
    }

    /// Returns the symbols that have something to catch up with.
    pub(super) fn behind_time(&self, now: Nanos) -> BTreeSet<SymbolId> {
        let paused = self.pauses.range(..=(now, SymbolId(u32::MAX))).map(|&(_, symbol)| symbol);
        self.expiries.symbols_until(now).chain(paused).collect()
    }

    /// Carries out what is due for a symbol at the command's time.
    pub(super) fn tick(&mut self, at: &Sequenced, sink: &mut impl ReportSink) {
        let Some(book) = self.book_of(&at.command, sink) else { return };
        let symbol = at.command.symbol;
        let count = self.expiries.count_until(symbol, at.time);
        sink.report(Ticked { count }.about(symbol));
        self.done = Traded::default();
        self.catch_up_with(symbol, at.time, sink);
        self.go_on(at, book, sink);
        if !self.is_busy(book) {
            self.reopen_if_due(at, book, sink);
        }
        if let Some(plan) = self.tables.plans.get(symbol).copied()
            && plan.time() <= at.time
            && !self.is_busy(book)
            && !planted(Bug::PlanNotCarriedOut)
        {
            self.tables.plans.remove(symbol);
            self.enter_state(at, book, &Coming::planned(&plan), sink);
        }
    }

    /// Schedules the next state of a symbol; replaces an earlier plan.
    pub(super) fn plan_state(
        &mut self,
        at: &Sequenced,
        plan: &PlanState,
        sink: &mut impl ReportSink,
    ) {
        if self.book_to_change(at, sink).is_none() {
            return;
        }
        let symbol = at.command.symbol;
        if let Err(reason) = self.may_begin(plan.state)
            && plan.is_one()
        {
            return reject_operator(&at.command, reason, sink);
        }
        self.tables.plans.remove(symbol);
        let mut planned = StatePlanned { state: None, at: Nanos(0) };
        if plan.is_one() {
            self.tables.plans.insert(symbol, *plan);
            planned = StatePlanned { state: Some(plan.state), at: plan.time() };
        }
        sink.report(planned.about(symbol));
    }

    /// Restores the plan of a symbol from an image.
    pub(super) fn restore_plan(
        &mut self,
        command: &Command,
        plan: &PlanState,
    ) -> Result<(), Reason> {
        let is_traded = self.book_index(command.symbol).is_some();
        if command.verdict != Reason::None || !is_traded || !plan.is_one() {
            return Err(Reason::InvalidDefinition);
        }
        self.tables.plans.insert(command.symbol, *plan);
        Ok(())
    }

    /// Returns the official time of a symbol's next state, if one is scheduled.
    pub fn planned_time(&self, symbol: SymbolId) -> Option<Nanos> {
        self.tables.plans.get(symbol).map(PlanState::time)
    }

    /// Returns true if the next state of a symbol is that after an extension of its call.
    pub fn is_extended(&self, symbol: SymbolId) -> bool {
        let settings = self.settings(symbol);
        let plan = self.tables.plans.get(symbol);
        settings.extended > 0 && plan.is_some_and(|plan| plan.due == settings.extended_to)
    }

    /// Iterates over the scheduled symbols and their official times.
    pub(super) fn planned_times(&self) -> impl Iterator<Item = (SymbolId, Nanos)> {
        self.tables.plans.iter().map(|(symbol, plan)| (symbol, plan.time()))
    }

    /// Returns the plans, as the commands that recreate them.
    pub(super) fn planned(&self) -> impl Iterator<Item = Command> {
        self.tables.plans.iter().map(|(symbol, &plan)| Command {
            session: Default::default(),
            symbol,
            verdict: Reason::None,
            action: Action::from(plan),
        })
    }

    /// Returns the orders of a symbol that end at a time, in the order in which `cover` collects
    /// all its orders.
    fn ending(&self, symbol: SymbolId, end: Nanos) -> Vec<Slot> {
        let slot_of =
            |(session, id)| self.orders.find(self.orders.bucket(session, id), session, id);
        let mut due: Vec<Slot> = self.expiries.at(symbol, end).map(slot_of).collect();
        due.sort_by_key(|&slot| {
            let order = self.orders.get(slot);
            let (buy, price) = (order.attributes.is_buy(), self.levels.get(order.level).price());
            let resting = Resting::of(order.attributes, price);
            let age = OrderNumber(order.number).age();
            (resting, side_index(buy), key_of(buy, price), age)
        });
        due
    }
}
