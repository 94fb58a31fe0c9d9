//! Result of an auction, and the choice between prices. `call.rs` finds the prices.

use ringside_planted::{Bug, planted};

/// Result of an auction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clearing {
    /// Auction price; 0 if nothing trades.
    pub price: i64,
    /// Quantity that trades at the price.
    pub matched: u128,
    /// Quantity of bids left over at the price.
    pub bids_left: u128,
    /// Quantity of offers left over at the price.
    pub offers_left: u128,
}

/// Range of neighbouring prices that are equally good so far. The default is no price.
#[derive(Clone, Copy, Default)]
pub(super) struct Candidates {
    lowest: i64,
    highest: i64,
    pub matched: u128,
    surplus: u128,
    /// True if bids are left over at all prices of the range; `all_offers` is the same for offers.
    all_bids: bool,
    all_offers: bool,
}

impl Candidates {
    /// Returns neighbouring prices with the same demand and supply.
    pub(crate) fn of((lowest, highest): (i64, i64), demand: u128, supply: u128) -> Self {
        Candidates {
            lowest,
            highest,
            matched: demand.min(supply),
            surplus: demand.abs_diff(supply),
            all_bids: demand > supply,
            all_offers: demand < supply,
        }
    }

    /// Returns the better of two ranges of neighbouring prices, the lower range first; both
    /// together if they are equally good.
    pub(crate) fn better([low, high]: [Candidates; 2]) -> Self {
        let (matched, surplus) = (low.matched, low.surplus);
        if high.matched < matched || high.matched == matched && high.surplus > surplus {
            low
        } else if high.matched > matched || high.surplus < surplus {
            high
        } else {
            let all_bids = low.all_bids && high.all_bids;
            let all_offers = low.all_offers && high.all_offers;
            Candidates { highest: high.highest, all_bids, all_offers, ..low }
        }
    }

    /// Returns the best price: the highest if bids are left over at all prices, the lowest if
    /// offers are, otherwise the one nearest to the reference, or the middle one without a
    /// reference (0).
    pub(crate) fn price(&self, reference: i64) -> i64 {
        if self.all_bids && !planted(Bug::PressureIgnored) {
            self.highest
        } else if self.all_offers {
            self.lowest
        } else if reference == 0 {
            self.lowest + (self.highest - self.lowest) / 2
        } else {
            reference.clamp(self.lowest, self.highest)
        }
    }
}
