//! Time in the naive venue.

use super::Naive;
use ringside_model::command::{Command, PlanState};
use ringside_model::domain::Nanos;
use ringside_model::reason::Reason;
use ringside_model::report::{StatePlanned, Ticked};

impl Naive {
    pub(super) fn tick(&mut self, command: &Command) {
        if !self.may_change(command) {
            return;
        }
        let symbol = command.symbol;
        let overdue = self.overdue(symbol);
        self.reports.push(Ticked { count: overdue.len() as u64 }.about(symbol));
        for order in overdue {
            self.end(order, Reason::Expired);
        }
        self.do_what_bands_want(symbol);
        if let Some(&(time, state)) = self.plans.get(&symbol)
            && time <= self.now
        {
            self.plans.remove(&symbol);
            self.enter_state(symbol, state);
        }
    }

    pub(super) fn plan_state(&mut self, command: &Command, plan: &PlanState) {
        if !self.may_change(command) {
            return;
        }
        self.plans.remove(&command.symbol);
        let mut told = StatePlanned { state: None, at: Nanos(0) };
        if plan.due != Nanos(0) {
            let time = time_of(plan);
            self.plans.insert(command.symbol, (time, plan.state));
            told = StatePlanned { state: Some(plan.state), at: time };
        }
        self.reports.push(told.about(command.symbol));
    }
}

/// Returns the due time plus a random delay in ns: the first number of SplitMix64, modulo the
/// number of possible delays.
fn time_of(plan: &PlanState) -> Nanos {
    let z = plan.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let z = u128::from(z ^ (z >> 31));
    let time = u128::from(plan.due.0) + z % (u128::from(plan.random_ns) + 1);
    Nanos(time.min(u128::from(u64::MAX)) as u64)
}
