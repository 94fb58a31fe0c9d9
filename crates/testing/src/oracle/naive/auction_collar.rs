//! Auction collars of the naive venue: calls are extended, prices limited, symbols halted.

use super::Naive;
use super::clock::{seed_after, time_of};
use super::settings::Settings;
use super::states::Indication;
use ringside_model::command::PlanState;
use ringside_model::domain::{Auction, Nanos, Price, SymbolId, SymbolState};
use ringside_model::reason::Reason;
use ringside_model::report::{CallExtended, StateChanged, StatePlanned, Subject};

impl Naive {
    /// Changes the state of a symbol by a command or a plan, unless the price of the auction would
    /// lie outside the collar and the call can be extended.
    pub(super) fn enter_state_in_time(
        &mut self,
        symbol: SymbolId,
        state: SymbolState,
        plan: Option<PlanState>,
    ) {
        let Settings { auction: limits, extension, .. } = self.settings_of(symbol);
        let so_far = self.extended.get(&symbol).copied().unwrap_or(0);
        let call = self.auction_ended_by(symbol, state);
        let is_outside = call.is_some_and(|auction| self.result(symbol, auction, true).1);
        if !is_outside || so_far >= limits.extensions {
            return self.enter_state(symbol, state, true);
        }
        let (random_ns, seed) = plan.map_or((0, 0), |plan| (plan.random_ns, plan.seed));
        let due = Nanos(self.now.0.saturating_add(extension.0));
        let plan = PlanState { due, random_ns, seed: seed_after(seed), state };
        self.extended.insert(symbol, so_far + 1);
        self.reopenings.remove(&symbol);
        self.plans.insert(symbol, (time_of(&plan), plan));
        self.reports.push(CallExtended { count: so_far + 1, until: due }.about(symbol));
        let told = StatePlanned { state: Some(state), at: time_of(&plan) };
        self.reports.push(told.about(symbol));
    }

    /// Returns the result of an auction, and true if the collar limits it.
    pub(super) fn result(
        &self,
        symbol: SymbolId,
        auction: Auction,
        has_collar: bool,
    ) -> (Indication, bool) {
        let free = self.indication(symbol, auction);
        match (free, self.auction_collar(symbol)) {
            (Some((Price(price), ..)), Some((low, high)))
                if has_collar && !(low..=high).contains(&price) =>
            {
                (self.indication_within(symbol, auction, (low, high)), true)
            }
            _ => (free, false),
        }
    }

    /// Returns the lowest and the highest price within the collar.
    fn auction_collar(&self, symbol: SymbolId) -> Option<(i64, i64)> {
        let bps = i128::from(self.settings_of(symbol).auction.collar_bps);
        let (definition, last) = &self.symbols[&symbol];
        let reference = i128::from(last.unwrap_or(definition.reference).0);
        if bps == 0 || reference == 0 {
            return None;
        }
        let away = std::cmp::max(reference * bps / 10_000, 1);
        let (low, high) = self.static_bands(symbol);
        let within = |price: i128| price.max(low.into()).min(high.into()) as i64;
        Some((within(reference - away), within(reference + away)))
    }

    /// Halts a symbol that would open with crossed orders.
    pub(super) fn halt_at_collar(&mut self, symbol: SymbolId) {
        self.states.insert(symbol, SymbolState::Halted);
        let halted = StateChanged { state: SymbolState::Halted, reopens_at: Nanos(0) };
        let reason = Reason::Collar;
        self.reports.push(halted.about(Subject { reason, ..Subject::from(symbol) }));
    }
}
