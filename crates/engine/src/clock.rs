//! Timers of a symbol: scheduled states and order expiry.
//!
//! Time arrives with the commands; an engine has no clock. An expired order ends before the next
//! command for its symbol takes effect, so a late tick changes nothing for it. A timer that trades
//! or changes a state waits for a tick.

use super::Engine;
use super::beside::Resting;
use super::book::{key_of, side_index};
use super::orders::Slot;
use super::side_tables::Row;
use ringside_model::command::{Action, Command, PlanState, Sequenced};
use ringside_model::domain::{Nanos, OrderNumber, SymbolId};
use ringside_model::hash;
use ringside_model::reason::Reason;
use ringside_model::report::{ReportSink, StatePlanned, Ticked};
use ringside_planted::{Bug, planted};

impl Row for PlanState {
    type Key = SymbolId;

    fn hash(&self, symbol: SymbolId) -> u128 {
        let PlanState { due, random_ns, seed, state, .. } = *self;
        let what = 8 << 32 | u64::from(symbol.0);
        hash::of_fields([what, due.0, random_ns, seed, state as u64, u64::MAX])
    }
}

impl Engine {
    /// Ends the expired orders of the command's symbol.
    #[inline]
    pub(super) fn catch_up(&mut self, at: &Sequenced, sink: &mut impl ReportSink) {
        if !self.expiries.is_empty() && !planted(Bug::ExpiryWaitsForATick) {
            let due = self.expired(at.command.symbol, at.time);
            self.expire_due(due, sink);
        }
    }

    /// Carries out what is due for a symbol at the command's time.
    pub(super) fn tick(&mut self, at: &Sequenced, sink: &mut impl ReportSink) {
        let Some(book) = self.book_of(&at.command, sink) else { return };
        let symbol = at.command.symbol;
        let due = self.expired(symbol, at.time);
        sink.report(Ticked { count: due.len() as u64 }.about(symbol));
        self.expire_due(due, sink);
        self.bands_due(at, book, sink);
        if let Some(plan) = self.tables.plans.get(symbol).copied()
            && plan.time() <= at.time
            && !planted(Bug::PlanNotCarriedOut)
        {
            self.tables.plans.remove(symbol);
            self.enter_state(at, book, plan.state, sink);
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

    fn expire_due(&mut self, due: Vec<Slot>, sink: &mut impl ReportSink) {
        for slot in due {
            self.cancel_resting(slot, Reason::Expired, sink);
        }
    }

    /// Returns the expired orders of a symbol, in the order in which `cover` collects all its
    /// orders.
    fn expired(&self, symbol: SymbolId, now: Nanos) -> Vec<Slot> {
        let slot_of =
            |(session, id)| self.orders.find(self.orders.bucket(session, id), session, id);
        let mut due: Vec<Slot> = self.expired_owners(symbol, now).map(slot_of).collect();
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
