//! The auction price: where most can trade, and nothing but the limits decides.
//!
//! Between two neighbouring limits demand and supply do not change, so the limits and the gaps between them are all
//! that has to be looked at, whatever the prices are.

/// The orders of one side at one limit.
pub(super) type Interest = (i64, u128);

/// What an auction trades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clearing {
    /// The one price; zero if nothing trades.
    pub price: i64,
    /// How much trades.
    pub matched: u128,
    /// What bids have left at that price …
    pub bids_left: u128,
    /// … or offers have.
    pub offers_left: u128,
}

/// Neighbouring prices that nothing yet tells apart.
struct Candidates {
    lowest: i64,
    highest: i64,
    matched: u128,
    surplus: u128,
    /// Whether bids have something left at all of them, and whether offers have.
    all_bids: bool,
    all_offers: bool,
}

/// The result of an auction between bids and offers, both sorted by rising limit. Of the prices at which most trades,
/// those at which least is left over; of these the highest if bids are left at all of them, the lowest if offers are,
/// otherwise the one nearest to the reference, and the middle one without a reference (zero).
pub(super) fn clear(bids: &[Interest], offers: &[Interest], reference: i64) -> Clearing {
    let mut demand: u128 = bids.iter().map(|&(_, quantity)| quantity).sum();
    let mut supply = 0;
    let mut best = Candidates::none();
    let (mut bids_left, mut offers_left) = (bids, offers);
    let next = |bids: &[Interest], offers: &[Interest]| {
        let limit = |side: &[Interest]| side.first().map(|&(limit, _)| limit);
        limit(bids).into_iter().chain(limit(offers)).min()
    };
    while let Some(limit) = next(bids_left, offers_left) {
        supply += take(&mut offers_left, limit);
        best.consider(limit, limit, demand, supply);
        demand -= take(&mut bids_left, limit);
        if let Some(above) = next(bids_left, offers_left).filter(|&above| above - limit > 1) {
            best.consider(limit + 1, above - 1, demand, supply);
        }
    }
    if best.matched == 0 {
        return Clearing::default();
    }
    let price = best.price(reference);
    let total = |side: &[Interest], counts: &dyn Fn(i64) -> bool| -> u128 {
        side.iter().filter(|&&(limit, _)| counts(limit)).map(|&(_, quantity)| quantity).sum()
    };
    Clearing {
        price,
        matched: best.matched,
        bids_left: total(bids, &|limit| limit >= price) - best.matched,
        offers_left: total(offers, &|limit| limit <= price) - best.matched,
    }
}

/// Takes what has this limit off the front.
fn take(side: &mut &[Interest], limit: i64) -> u128 {
    match side.split_first() {
        Some((&(first, quantity), rest)) if first == limit => {
            *side = rest;
            quantity
        }
        _ => 0,
    }
}

impl Candidates {
    fn none() -> Self {
        let (all_bids, all_offers) = (true, true);
        Candidates { lowest: 0, highest: 0, matched: 0, surplus: 0, all_bids, all_offers }
    }

    /// Takes in the prices above all that came before, if they are as good or better. Demand falls and supply rises with
    /// the price, so that equals are neighbours.
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

    fn price(&self, reference: i64) -> i64 {
        if self.all_bids {
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

    #[test]
    fn prices_and_quantities_at_the_edge_of_the_domain() {
        let much = u128::from(u64::MAX) * 10;
        let clearing = clear(&[(i64::MAX, much)], &[(1, much)], 0);
        assert_eq!(
            clearing,
            Clearing { price: i64::MAX / 2 + 1, matched: much, ..Default::default() }
        );
        assert_eq!(clear(&[(i64::MAX, much)], &[], 5), Clearing::default());
        assert_eq!(clear(&[(4, 1)], &[(5, 1)], 5), Clearing::default());
    }
}
