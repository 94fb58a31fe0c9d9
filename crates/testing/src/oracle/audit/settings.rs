//! Reference data of symbols, as the reports tell of them.

use super::{Audit, WAVES_MAX};
use ringside_model::domain::{Price, SymbolId, Tick};

impl Audit {
    /// Returns the largest number of waves of stops in one command.
    pub(super) fn waves_max(&self, symbol: SymbolId) -> u32 {
        self.waves_max.get(&symbol).copied().unwrap_or(WAVES_MAX)
    }

    /// Converts the prices of a symbol to a new tick.
    pub(super) fn change_tick(&mut self, symbol: SymbolId, tick: Tick) {
        let Some(before) = self.ticks.insert(symbol, tick) else { return };
        let nearest = |price: &mut Price| *price = before.nearest(*price, tick);
        self.last.get_mut(&symbol).into_iter().for_each(nearest);
        self.static_bands.get_mut(&symbol).into_iter().flatten().for_each(nearest);
        // The dynamic bands are computed from their reference in new ticks.
        if self.bands.remove(&symbol).is_some() {
            self.untold_bands.insert(symbol);
        }
        if let Some((bid, offer)) = self.quoted.get_mut(&symbol) {
            nearest(bid);
            nearest(offer);
        }
    }
}
