//! Laws of price bands, limit states and the short sale test.

use super::{Audit, rank};
use ringside_model::domain::{Price, SymbolId};
use ringside_model::report::Report;

impl Audit {
    /// Returns true if a price is one at which a symbol trades continuously.
    pub(super) fn is_in_bands(&self, symbol: SymbolId, price: Price) -> bool {
        let is_untold = self.untold_bands.contains(&symbol);
        !is_untold && is_within(self.bands.get(&symbol), price)
    }

    /// Returns the price that a short sale must be above, if short sales are restricted; the
    /// highest price if no quote is known.
    pub(super) fn short_above(&self, symbol: SymbolId) -> Option<Price> {
        let is_restricted = self.restricted.get(&symbol) == Some(&true);
        let bid = self.quoted.get(&symbol).map(|(bid, _)| *bid).filter(|bid| bid.0 > 0);
        is_restricted.then_some(bid.unwrap_or(Price(i64::MAX)))
    }

    /// Checks that the best displayed quote still stands at its band, if it is said to.
    pub(super) fn check_stand(&self, symbol: SymbolId) -> Result<(), String> {
        let Some(&(_, buy, band)) = self.stands_since.get(&symbol) else { return Ok(()) };
        let best = self.book(symbol, buy).map(|order| rank(buy, order.price)).min();
        law!(best == Some(rank(buy, band)), (symbol, buy, band));
        Ok(())
    }

    /// Returns true if the limit in a report is that of a band, and `limit` is beyond the band.
    pub(super) fn is_banded(&self, r: &Report, limit: Price) -> bool {
        let bands = [&self.bands, &self.static_bands];
        let mut bounds = bands.into_iter().filter_map(|bands| bands.get(&r.symbol)).flatten();
        let is_beyond = rank(r.side.is_buy(), limit) < rank(r.side.is_buy(), r.price);
        let is_at_bound = bounds.any(|bound| *bound == r.price);
        is_beyond && (is_at_bound || self.untold_bands.contains(&r.symbol))
    }
}

/// Returns true if a price is within the bands; zero is no bound.
pub(super) fn is_within(bands: Option<&[Price; 2]>, price: Price) -> bool {
    bands.is_none_or(|[low, high]| *low <= price && (high.0 == 0 || price <= *high))
}
