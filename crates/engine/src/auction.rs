//! Auction price: the price at which the largest quantity trades. Only limits and quantities
//! decide.
//!
//! Between two neighbouring limits demand and supply do not change. So only the limits and the gaps
//! between them need a look, whatever the prices are.

use ringside_planted::{Bug, planted};

/// Limit, and the quantity of one side at that limit.
pub(super) type Interest = (i64, u128);

/// Quantities of one side of an auction.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    /// Orders with a limit, by rising limit.
    pub limits: Vec<Interest>,
    /// Quantity without a limit, which counts at every price.
    pub market: u128,
}

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

/// Range of neighbouring prices that are equally good so far.
#[derive(Clone, Copy)]
pub(super) struct Candidates {
    lowest: i64,
    highest: i64,
    pub matched: u128,
    surplus: u128,
    /// True if bids are left over at all prices of the range; `all_offers` is the same for offers.
    all_bids: bool,
    all_offers: bool,
}

/// Computes the result of an auction. Candidates are the prices from the lowest to the highest
/// limit at which most trades. Of these, the prices with the smallest surplus win. Of the rest: the
/// highest if bids are left over at all of them, the lowest if offers are, otherwise the price
/// nearest to the reference, or the middle price without a reference (0). If no order has a limit,
/// the reference is the price.
pub(super) fn clear(bids: &Side, offers: &Side, reference: i64) -> Clearing {
    let mut demand = bids.market + bids.limits.iter().map(|&(_, quantity)| quantity).sum::<u128>();
    let mut supply = offers.market;
    let mut best = Candidates::none();
    let (mut bids_left, mut offers_left) = (&bids.limits[..], &offers.limits[..]);
    if bids_left.is_empty() && offers_left.is_empty() && reference != 0 {
        best.consider(reference, reference, demand, supply);
    }
    while let Some(limit) = lowest(bids_left, offers_left) {
        supply += take(&mut offers_left, limit);
        best.consider(limit, limit, demand, supply);
        demand -= take(&mut bids_left, limit);
        if let Some(above) = lowest(bids_left, offers_left).filter(|&above| above - limit > 1) {
            best.consider(limit + 1, above - 1, demand, supply);
        }
    }
    if best.matched == 0 {
        return Clearing::default();
    }
    let price = best.price(reference);
    let total = |side: &Side, counts: &dyn Fn(i64) -> bool| -> u128 {
        let counted = side.limits.iter().filter(|&&(limit, _)| counts(limit));
        side.market + counted.map(|&(_, quantity)| quantity).sum::<u128>()
    };
    Clearing {
        price,
        matched: best.matched,
        bids_left: total(bids, &|limit| limit >= price) - best.matched,
        offers_left: total(offers, &|limit| limit <= price) - best.matched,
    }
}

/// Returns the lowest limit of both sides.
fn lowest(bids: &[Interest], offers: &[Interest]) -> Option<i64> {
    let limits = [bids.first(), offers.first()].into_iter().flatten();
    limits.map(|&(limit, _)| limit).min()
}

/// Removes the entries with this limit from the front; returns their quantity.
fn take(side: &mut &[Interest], limit: i64) -> u128 {
    let mut taken = 0;
    while let Some((&(_, quantity), rest)) =
        side.split_first().filter(|(first, _)| first.0 == limit)
    {
        taken += quantity;
        *side = rest;
    }
    taken
}

impl Default for Candidates {
    fn default() -> Self {
        Candidates::none()
    }
}

impl Candidates {
    /// Returns neighbouring prices with the same demand and supply.
    pub(crate) fn of((lowest, highest): (i64, i64), demand: u128, supply: u128) -> Self {
        let mut candidates = Candidates::none();
        candidates.consider(lowest, highest, demand, supply);
        candidates
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

    fn none() -> Self {
        let (all_bids, all_offers) = (true, true);
        Candidates { lowest: 0, highest: 0, matched: 0, surplus: 0, all_bids, all_offers }
    }

    /// Adds the prices above all earlier ones, if they are as good or better. Demand falls and
    /// supply rises with the price, so equally good prices are neighbours.
    fn consider(&mut self, lowest: i64, highest: i64, demand: u128, supply: u128) {
        let (matched, surplus) = (demand.min(supply), demand.abs_diff(supply));
        let is_better = matched > self.matched || matched == self.matched && surplus < self.surplus;
        if is_better {
            *self = Candidates { lowest, matched, surplus, ..Candidates::none() };
        } else if (matched, surplus) != (self.matched, self.surplus) {
            return;
        }
        self.highest = highest;
        self.all_bids &= demand > supply;
        self.all_offers &= demand < supply;
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn side(limits: &[Interest], market: u128) -> Side {
        Side { limits: limits.to_vec(), market }
    }

    #[test]
    fn prices_and_quantities_at_the_edge_of_the_domain() {
        let much = u128::from(u64::MAX) * 10;
        let clearing = clear(&side(&[(i64::MAX, much)], 0), &side(&[(1, much)], 0), 0);
        let middle = i64::MAX / 2 + 1;
        assert_eq!(clearing, Clearing { price: middle, matched: much, ..Clearing::default() });
        let (none, one) = (Clearing::default(), side(&[(5, 1)], 0));
        assert_eq!(clear(&side(&[(i64::MAX, much)], 0), &Side::default(), 5), none);
        assert_eq!(clear(&side(&[(4, 1)], 0), &one, 5), none);
        assert_eq!(clear(&side(&[], 1), &side(&[], 1), 0), none);
    }
}
