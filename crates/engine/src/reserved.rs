//! Reserves of icebergs, summed up by price level.

use super::book::{key_of, side_index};
use super::icebergs::Reserve;
use ringside_model::domain::SymbolId;
use std::collections::BTreeMap;

/// Reserve of each level that has one, by symbol, side and ladder key.
#[derive(Default)]
pub(super) struct Reserved(BTreeMap<(SymbolId, usize, i64), u128>);

impl Reserved {
    /// Adds a reserve that is not empty.
    pub(crate) fn add(&mut self, symbol: SymbolId, reserve: &Reserve) {
        *self.0.entry(place_of(symbol, reserve)).or_default() += u128::from(reserve.left);
    }

    /// Subtracts a reserve that is not empty.
    pub(crate) fn subtract(&mut self, symbol: SymbolId, reserve: &Reserve) {
        let place = place_of(symbol, reserve);
        let left = self.0.get_mut(&place).expect("the level of a reserve");
        *left -= u128::from(reserve.left);
        if *left == 0 {
            self.0.remove(&place);
        }
    }

    /// Iterates over the reserves of a side, best level first: ladder key and quantity.
    pub(crate) fn of_side(&self, symbol: SymbolId, buy: bool) -> impl Iterator<Item = (i64, u128)> {
        let side = side_index(buy);
        let levels = self.0.range((symbol, side, i64::MIN)..=(symbol, side, i64::MAX));
        levels.map(|(&(.., key), &left)| (key, left))
    }
}

fn place_of(symbol: SymbolId, reserve: &Reserve) -> (SymbolId, usize, i64) {
    (symbol, side_index(reserve.buy), key_of(reserve.buy, reserve.price))
}
