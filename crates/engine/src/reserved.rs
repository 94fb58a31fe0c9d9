//! Reserves of icebergs, summed up by price level.

use super::book::{key_of, side_index};
use super::icebergs::Reserve;
use ringside_model::domain::SymbolId;
use std::collections::BTreeMap;

/// Reserve of each level that has one, by symbol, side and ladder key.
#[derive(Default)]
pub(super) struct Reserved(BTreeMap<(SymbolId, usize, i64), Behind>);

/// Sum of the reserves of a level.
#[derive(Clone, Copy, Default)]
pub(super) struct Behind {
    /// Quantity that is not displayed.
    pub quantity: u128,
    /// Upper bound of the number of slices to come.
    pub slices: u64,
}

impl Behind {
    fn of(reserve: &Reserve) -> Behind {
        let smallest = reserve.display.least.min(reserve.display.next);
        Behind { quantity: reserve.left.into(), slices: reserve.left.div_ceil(smallest) }
    }
}

impl Reserved {
    /// Adds a reserve that is not empty.
    pub(crate) fn add(&mut self, symbol: SymbolId, reserve: &Reserve) {
        let Behind { quantity, slices } = Behind::of(reserve);
        let behind = self.0.entry(place_of(symbol, reserve)).or_default();
        (behind.quantity, behind.slices) = (behind.quantity + quantity, behind.slices + slices);
    }

    /// Subtracts a reserve that is not empty.
    pub(crate) fn subtract(&mut self, symbol: SymbolId, reserve: &Reserve) {
        let place = place_of(symbol, reserve);
        let Behind { quantity, slices } = Behind::of(reserve);
        let behind = self.0.get_mut(&place).expect("the level of a reserve");
        (behind.quantity, behind.slices) = (behind.quantity - quantity, behind.slices - slices);
        if behind.quantity == 0 {
            self.0.remove(&place);
        }
    }

    /// Iterates over the reserves of a side, best level first, by ladder key.
    pub(crate) fn of_side(
        &self,
        symbol: SymbolId,
        buy: bool,
    ) -> impl Iterator<Item = (i64, Behind)> {
        let side = side_index(buy);
        let levels = self.0.range((symbol, side, i64::MIN)..=(symbol, side, i64::MAX));
        levels.map(|(&(.., key), &behind)| (key, behind))
    }
}

fn place_of(symbol: SymbolId, reserve: &Reserve) -> (SymbolId, usize, i64) {
    (symbol, side_index(reserve.buy), key_of(reserve.buy, reserve.price))
}
