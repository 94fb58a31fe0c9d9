//! Time in the naive venue.

use super::{Naive, Order};
use ringside_model::command::{Action, Command, OperatorCommand, PlanState};
use ringside_model::domain::{Nanos, SymbolId, SymbolState};
use ringside_model::reason::Reason;
use ringside_model::report::{StatePlanned, Ticked};

impl Naive {
    /// Does what was due on the symbol of a command before the command acts.
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
            | Action::ReplaceTerms(_)
            | Action::MassCancel(_)
            | Action::Operator(OperatorCommand::SetState(_))
            | Action::Operator(OperatorCommand::PlanState(_))
            | Action::Operator(OperatorCommand::SetBands(_))
            | Action::Operator(OperatorCommand::SetQuote(_))
            | Action::Operator(OperatorCommand::SetShortSale(_))
            | Action::Operator(OperatorCommand::SetReference(_))
            | Action::Operator(OperatorCommand::ChangeSymbol(_))
            | Action::Operator(OperatorCommand::SetStopWaves(_))
            | Action::Operator(OperatorCommand::MoveSymbol(_)) => true,
            // A tick and the commands about the whole venue first report how many orders end.
            _ => false,
        };
        if looks && command.symbol != SymbolId::NONE {
            self.catch_up(command.symbol);
            self.go_on(command.symbol);
        }
    }

    /// Does what was due on a symbol up to the time of the command, in order of time: orders end,
    /// and a limit state pauses the symbol. At the same time, orders end first.
    pub(super) fn catch_up(&mut self, symbol: SymbolId) {
        loop {
            let overdue = self.overdue(symbol);
            let end = overdue.iter().filter_map(Order::end_time).min();
            let pause = self.limit_states.get(&symbol).map(|(_, _, due)| *due);
            match (end, pause.filter(|due| *due <= self.now.0)) {
                (Some(end), pause) if pause.is_none_or(|due| end.0 <= due) => {
                    let ends_then = |order: &Order| order.end_time() == Some(end);
                    self.end_those_of(symbol, ends_then, Reason::Expired);
                    // The next quote may have reached a band, or left it, at that time.
                    self.look_at_quotes(symbol, end);
                }
                (_, Some(due)) => self.pause(symbol, due),
                (_, None) => return,
            }
        }
    }

    /// Returns the orders of a symbol whose own end is past.
    pub(super) fn overdue(&self, symbol: SymbolId) -> Vec<Order> {
        self.all_of(symbol).into_iter().filter(|order| order.is_over(self.now)).collect()
    }

    pub(super) fn tick(&mut self, command: &Command) {
        if !self.may_change(command) {
            return;
        }
        let symbol = command.symbol;
        self.reports.push(Ticked { count: self.overdue(symbol).len() as u64 }.about(symbol));
        self.catch_up(symbol);
        self.go_on(symbol);
        let reopens = self.reopenings.get(&symbol).is_some_and(|due| *due <= self.now.0);
        if reopens && !self.work.is_busy {
            self.enter_state_in_time(symbol, SymbolState::Open, None);
            self.look_for_work(symbol);
        }
        if let Some(&(time, plan)) = self.plans.get(&symbol)
            && time <= self.now
            && !self.work.is_busy
        {
            self.plans.remove(&symbol);
            self.enter_state_in_time(symbol, plan.state, Some(plan));
        }
    }

    pub(super) fn plan_state(&mut self, command: &Command, plan: &PlanState) {
        let is_plan = plan.due != Nanos(0);
        if !self.may_set(command) || is_plan && !self.may_have(command, plan.state) {
            return;
        }
        self.plans.remove(&command.symbol);
        let mut told = StatePlanned { state: None, at: Nanos(0) };
        if is_plan {
            let time = time_of(plan);
            self.plans.insert(command.symbol, (time, *plan));
            told = StatePlanned { state: Some(plan.state), at: time };
        }
        self.reports.push(told.about(command.symbol));
    }
}

impl Order {
    /// Returns the time at which the order ends by its own terms.
    pub fn end_time(&self) -> Option<Nanos> {
        self.special.map(|terms| terms.expire).filter(|expire| *expire > Nanos(0))
    }

    pub(super) fn is_over(&self, now: Nanos) -> bool {
        self.end_time().is_some_and(|end| end <= now)
    }
}

/// Returns the due time plus a random delay in ns: the first number of SplitMix64, modulo the
/// number of possible delays.
pub(super) fn time_of(plan: &PlanState) -> Nanos {
    let z = seed_after(plan.seed);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let z = u128::from(z ^ (z >> 31));
    let time = u128::from(plan.due.0) + z % (u128::from(plan.random_ns) + 1);
    Nanos(time.min(u128::from(u64::MAX)) as u64)
}

/// Returns the seed behind the one of a random delay.
pub(super) fn seed_after(seed: u64) -> u64 {
    seed.wrapping_add(0x9E37_79B9_7F4A_7C15)
}
