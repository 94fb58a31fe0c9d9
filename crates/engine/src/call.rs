//! Interest of a symbol in a call: the quantity of each limit, in a tree that gives the auction
//! result in a few searches.
//!
//! Demand falls and supply rises with the price. So the best price lies where they meet: at the
//! highest price that demand still covers, or just above it. Neither needs a walk over the limits.

use super::Engine;
use super::attributes::Attributes;
use super::auction::{Candidates, Clearing};
use super::beside::Resting;
use super::book::side_index;
use super::icebergs::Reserve;
use super::tree::{Tree, Value};
use ringside_model::domain::{Auction, SymbolId};

/// Symbol in a call.
pub(super) struct Call {
    /// Published indication. After each command it equals the present auction result.
    pub told: Clearing,
    auction: Auction,
    /// Orders with a limit.
    limits: Tree<i64, Quantities>,
    /// Quantity without a limit, of each side.
    market: [u128; 2],
}

/// Quantities of bids and offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Quantities([u128; 2]);

impl Value for Quantities {
    type Sum = Quantities;
    const NONE: Quantities = Quantities([0, 0]);

    fn sum(&self) -> Quantities {
        *self
    }

    fn join(Quantities(low): Quantities, Quantities(high): Quantities) -> Quantities {
        Quantities([low[0] + high[0], low[1] + high[1]])
    }
}

const BIDS: usize = 0;
const OFFERS: usize = 1;

impl Call {
    fn new(auction: Auction) -> Self {
        Call { told: Clearing::default(), auction, limits: Tree::new(), market: [0, 0] }
    }

    /// Adds or subtracts a quantity of an order, if the order takes part in the auction.
    fn change(&mut self, attributes: Attributes, price: i64, quantity: u128, is_more: bool) {
        let side = side_index(attributes.is_buy());
        match Resting::of(attributes, price) {
            Resting::Displayed | Resting::Hidden { minimum: false } => {
                self.change_limit(side, price, quantity, is_more);
            }
            Resting::ForAuction { tif, limit } if tif.takes_part_in(self.auction) => {
                if limit {
                    self.change_limit(side, price, quantity, is_more);
                } else {
                    change(&mut self.market[side], quantity, is_more);
                }
            }
            Resting::Hidden { minimum: true }
            | Resting::ForAuction { .. }
            | Resting::Stop
            | Resting::ReachedStop
            | Resting::Parked => {}
        }
    }

    fn change_limit(&mut self, side: usize, price: i64, quantity: u128, is_more: bool) {
        let mut at_price = self.limits.get(price).unwrap_or_default();
        change(&mut at_price.0[side], quantity, is_more);
        if at_price == Quantities::default() {
            self.limits.remove(price);
        } else {
            self.limits.set(price, at_price);
        }
    }

    /// Returns the result of the auction, at a price from `low` to `high`, with a reference price
    /// in this range that is 0 for none.
    ///
    /// Candidates are the prices from the lowest to the highest limit; if both sides have orders
    /// without a limit, the reference and the prices up to it too. Of these, the prices at which
    /// most trades win, then those with the smallest surplus. Of the rest: the highest if bids are
    /// left over at all of them, the lowest if offers are, otherwise the price nearest to the
    /// reference, or the middle price without one. Limits beyond the range count at its edge, or
    /// are out of reach.
    pub(super) fn clearing(&self, (low, high): (i64, i64), reference: i64) -> Clearing {
        let Some((lowest, highest)) = self.candidate_range((low, high), reference) else {
            return Clearing::default();
        };
        let covered = self.last_covered().map(|price| price.min(highest));
        let covered = covered.filter(|&price| price >= lowest);
        let beyond = covered.map_or(Some(lowest), |price| price.checked_add(1));
        let beyond = beyond.filter(|&price| price <= highest);
        let candidates = [covered, beyond].map(|price| {
            price.map(|price| self.candidates(price, (lowest, highest))).unwrap_or_default()
        });
        let best = Candidates::better(candidates);
        if best.matched == 0 {
            return Clearing::default();
        }
        self.result(best.price(reference), best.matched)
    }

    /// Returns the lowest and the highest candidate; `None` if there is none.
    fn candidate_range(&self, range: (i64, i64), reference: i64) -> Option<(i64, i64)> {
        let limits = self.range(range);
        if reference == 0 || self.market.contains(&0) {
            return limits;
        }
        let (lowest, highest) = limits.unwrap_or((reference, reference));
        Some((lowest.min(reference), highest.max(reference)))
    }

    fn result(&self, price: i64, matched: u128) -> Clearing {
        let [demand, supply] = self.at(price);
        Clearing { price, matched, bids_left: demand - matched, offers_left: supply - matched }
    }

    /// Returns demand and supply at a price within the bands.
    fn at(&self, price: i64) -> [u128; 2] {
        let Quantities(all) = self.limits.total();
        let demand = self.market[BIDS] + all[BIDS] - self.below(price)[BIDS];
        [demand, self.market[OFFERS] + self.up_to(price)[OFFERS]]
    }

    fn below(&self, price: i64) -> [u128; 2] {
        self.limits.sum_while(|limit| limit < price).0
    }

    fn up_to(&self, price: i64) -> [u128; 2] {
        self.limits.sum_while(|limit| limit <= price).0
    }

    /// Returns the lowest and the highest limit that counts within bands; `None` without a limit. A
    /// bid above the bands counts at the upper one, and an offer below them at the lower one.
    fn range(&self, (low, high): (i64, i64)) -> Option<(i64, i64)> {
        let Quantities(all) = self.limits.total();
        let bids_below = self.below(low)[BIDS];
        let bids = (all[BIDS] > bids_below)
            .then(|| [self.first_beyond(BIDS, bids_below), self.first_beyond(BIDS, all[BIDS] - 1)]);
        let offers = self.up_to(high)[OFFERS];
        let offers = (offers > 0)
            .then(|| [self.first_beyond(OFFERS, 0), self.first_beyond(OFFERS, offers - 1)]);
        let [first, last] = [0, 1].map(|end| {
            let bid = bids.and_then(|ends| ends[end]).map(|limit| limit.min(high));
            let offer = offers.and_then(|ends| ends[end]).map(|limit| limit.max(low));
            [bid, offer].into_iter().flatten()
        });
        first.min().zip(last.max())
    }

    /// Returns the lowest limit up to which a side has more than `quantity`.
    fn first_beyond(&self, side: usize, quantity: u128) -> Option<i64> {
        let found = self.limits.first_with_sum(|_, upto| upto.0[side] > quantity);
        found.map(|(limit, _)| limit)
    }

    /// Returns the highest price at which demand covers supply; `None` if there is none.
    fn last_covered(&self) -> Option<i64> {
        let Quantities(all) = self.limits.total();
        let spare = (self.market[BIDS] + all[BIDS]).checked_sub(self.market[OFFERS])?;
        let gone = |Quantities(before): Quantities| before[BIDS] + before[OFFERS];
        let Some((limit, _)) = self.limits.first_with_sum(|_, upto| gone(upto) > spare) else {
            return Some(i64::MAX);
        };
        // Bids leave the demand above their limit, offers join the supply at their limit.
        let [demand, supply] = self.at(limit);
        if demand >= supply { Some(limit) } else { limit.checked_sub(1) }
    }

    /// Returns the neighbouring prices with the same demand and supply as `price`.
    fn candidates(&self, price: i64, (lowest, highest): (i64, i64)) -> Candidates {
        let [demand, supply] = self.at(price);
        let (below, up_to) = (self.below(price), self.up_to(price));
        let last = |side, quantity: u128| self.first_beyond(side, quantity.checked_sub(1)?);
        let begins = [last(BIDS, below[BIDS]).map(|limit| limit + 1), last(OFFERS, up_to[OFFERS])];
        let ends = [
            self.first_beyond(BIDS, below[BIDS]),
            self.first_beyond(OFFERS, up_to[OFFERS]).map(|limit| limit - 1),
        ];
        let lowest = begins.into_iter().flatten().fold(lowest, i64::max);
        let highest = ends.into_iter().flatten().fold(highest, i64::min);
        Candidates::of((lowest, highest), demand, supply)
    }
}

fn change(sum: &mut u128, quantity: u128, is_more: bool) {
    *sum = if is_more { *sum + quantity } else { *sum - quantity };
}

impl Engine {
    /// Begins a call, with the interest that rests already.
    pub(super) fn begin_call(&mut self, book: usize, symbol: SymbolId, auction: Auction) {
        let call = self.interest(book, auction, [i64::MAX; 2]);
        self.in_call.insert(symbol, call);
    }

    /// Returns the interest of an auction without a call before it. Orders beyond the best price of
    /// the other side take no part, unless the other side has orders without a limit.
    pub(super) fn crossed_interest(&self, book: usize, auction: Auction) -> Call {
        let pools = || self.pools_in(self.books[book].symbol(), auction, true);
        let with_limit = || self.in_every_auction(book).chain(pools());
        let best = |side: usize| with_limit().map(|sides| sides[side].best_key()).min();
        let market = self.market_interest(book, auction);
        let worst = [BIDS, OFFERS].map(|side| match (market[1 - side], best(1 - side)) {
            (0, Some(best)) => best.wrapping_neg(),
            _ => i64::MAX,
        });
        self.interest(book, auction, worst)
    }

    /// Returns the interest that rests, down to a ladder key of each side.
    fn interest(&self, book: usize, auction: Auction, worst: [i64; 2]) -> Call {
        let symbol = self.books[book].symbol();
        let mut call = Call::new(auction);
        call.market = self.market_interest(book, auction);
        for sides in self.in_every_auction(book).chain(self.pools_in(symbol, auction, true)) {
            for (side, ladder) in sides.iter().enumerate() {
                let levels = ladder.iter().map(|level| self.levels.get(level));
                for level in levels.take_while(|level| level.key <= worst[side]) {
                    call.change_limit(side, level.price(), level.total(), true);
                }
            }
        }
        for buy in [true, false] {
            // A reserve counts at the limit of its slice.
            let side = side_index(buy);
            let reserves = self.reserved.of_side(symbol, buy);
            for (key, behind) in reserves.take_while(|&(key, _)| key <= worst[side]) {
                call.change_limit(side, key.abs(), behind.quantity, true);
            }
        }
        call
    }

    /// Returns the quantity without a limit of each side.
    fn market_interest(&self, book: usize, auction: Auction) -> [u128; 2] {
        let mut market = [0; 2];
        for sides in self.pools_in(self.books[book].symbol(), auction, false) {
            for (side, ladder) in sides.iter().enumerate() {
                let levels = ladder.iter().map(|level| self.levels.get(level).total());
                market[side] += levels.sum::<u128>();
            }
        }
        market
    }

    /// Records a change of a resting quantity, for the symbols in a call.
    #[inline(always)]
    pub(super) fn note_interest(
        &mut self,
        symbol: SymbolId,
        attributes: Attributes,
        price: i64,
        quantity: u64,
        is_more: bool,
    ) {
        if !self.in_call.is_empty() {
            self.change_interest(symbol, attributes, price, quantity, is_more);
        }
    }

    #[cold]
    #[inline(never)]
    fn change_interest(
        &mut self,
        symbol: SymbolId,
        attributes: Attributes,
        price: i64,
        quantity: u64,
        is_more: bool,
    ) {
        if let Some(call) = self.in_call.get_mut(&symbol) {
            call.change(attributes, price, quantity.into(), is_more);
        }
    }

    /// Records a change of a reserve. A reserve counts at the limit of its slice.
    pub(super) fn note_reserve(&mut self, symbol: SymbolId, reserve: &Reserve, is_more: bool) {
        if reserve.left == 0 {
            return;
        }
        if is_more {
            self.reserved.add(symbol, reserve);
        } else {
            self.reserved.subtract(symbol, reserve);
        }
        if let Some(call) = self.in_call.get_mut(&symbol) {
            call.change_limit(side_index(reserve.buy), reserve.price, reserve.left.into(), is_more);
        }
    }

    /// Returns the present auction result of a symbol in a call.
    pub(super) fn clearing_in_call(&self, book: usize, call: &Call) -> Clearing {
        let clearing = self.clearing_of(book, call);
        debug_assert_eq!(
            clearing,
            self.clearing_of(book, &self.interest(book, call.auction, [i64::MAX; 2])),
            "the interest that rests agrees"
        );
        clearing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Limits = Vec<(usize, i64, u128)>;

    /// Returns the result of an auction, price by price.
    fn of_each_price(
        limits: &Limits,
        [bids, offers]: [u128; 2],
        (low, high): (i64, i64),
        reference: i64,
    ) -> Clearing {
        let counts = |&(side, limit, quantity): &(usize, i64, u128)| match side {
            BIDS => (limit >= low).then_some((side, limit.min(high), quantity)),
            _ => (limit <= high).then_some((side, limit.max(low), quantity)),
        };
        let limits: Limits = limits.iter().filter_map(counts).collect();
        let from_market = (bids > 0 && offers > 0 && reference > 0).then_some(reference);
        let ends = || limits.iter().map(|&(_, limit, _)| limit).chain(from_market);
        let (Some(lowest), Some(highest)) = (ends().min(), ends().max()) else {
            return Clearing::default();
        };
        let sum = |side: usize, reaches: &dyn Fn(i64) -> bool| -> u128 {
            let reaching = limits.iter().filter(|order| order.0 == side && reaches(order.1));
            reaching.map(|order| order.2).sum()
        };
        let demand = |price: i64| bids + sum(BIDS, &|limit| limit >= price);
        let supply = |price: i64| offers + sum(OFFERS, &|limit| limit <= price);
        let matched = |price: &i64| demand(*price).min(supply(*price));
        let surplus = |price: &i64| demand(*price).abs_diff(supply(*price));
        let most = (lowest..=highest).map(|price| matched(&price)).max().unwrap();
        if most == 0 {
            return Clearing::default();
        }
        let mut best: Vec<i64> =
            (lowest..=highest).filter(|price| matched(price) == most).collect();
        let least = best.iter().map(surplus).min().unwrap();
        best.retain(|price| surplus(price) == least);
        let (first, last) = (best[0], *best.last().unwrap());
        let price = if best.iter().all(|&price| demand(price) > supply(price)) {
            last
        } else if best.iter().all(|&price| demand(price) < supply(price)) {
            first
        } else if reference == 0 {
            first + (last - first) / 2
        } else {
            reference.clamp(first, last)
        };
        let (bids_left, offers_left) = (demand(price) - most, supply(price) - most);
        Clearing { price, matched: most, bids_left, offers_left }
    }

    #[test]
    fn the_searches_find_the_best_of_all_prices() {
        let mut random = 7u64;
        let mut draw = |most: u64| {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (random >> 33) % most
        };
        for round in 0..30_000 {
            let mut call = Call::new(Auction::Opening);
            let mut limits = vec![];
            let spread = [3, 12, 60][round % 3];
            for _ in 0..draw(9) {
                let order = (draw(2) as usize, 100 + draw(spread) as i64, u128::from(1 + draw(4)));
                call.change_limit(order.0, order.1, order.2, true);
                limits.push(order);
            }
            if draw(3) == 0 {
                call.market = [draw(6), draw(6)].map(u128::from);
            }
            for _ in 0..draw(3) {
                if limits.is_empty() {
                    break;
                }
                let (side, limit, quantity) =
                    limits.swap_remove(draw(limits.len() as u64) as usize);
                call.change_limit(side, limit, quantity, false);
            }
            let range = match draw(3) {
                0 => (102 + draw(4) as i64, 106 + draw(8) as i64),
                _ => (1, i64::MAX),
            };
            let reference = match draw(4) {
                0 => 0,
                _ => (98 + draw(spread + 4) as i64).clamp(range.0, range.1),
            };
            let expected = of_each_price(&limits, call.market, range, reference);
            let what = format!("{limits:?} {:?} {range:?} {reference}", call.market);
            assert_eq!(call.clearing(range, reference), expected, "{what}");
        }
    }

    #[test]
    fn prices_and_quantities_at_the_edge_of_the_domain() {
        let much = u128::from(u64::MAX) * 10;
        let everywhere = (1, i64::MAX);
        let mut call = Call::new(Auction::Opening);
        call.change_limit(BIDS, i64::MAX, much, true);
        assert_eq!(call.clearing(everywhere, 5), Clearing::default(), "no offers");
        call.change_limit(OFFERS, 1, much, true);
        let middle = i64::MAX / 2 + 1;
        let clearing = Clearing { price: middle, matched: much, ..Clearing::default() };
        assert_eq!(call.clearing(everywhere, 0), clearing);
        let mut call = Call::new(Auction::Opening);
        call.market = [1, 1];
        assert_eq!(call.clearing(everywhere, 0), Clearing::default(), "no price");
        let at = |price| Clearing { price, matched: 1, ..Clearing::default() };
        assert_eq!(call.clearing(everywhere, i64::MAX), at(i64::MAX));
    }
}
