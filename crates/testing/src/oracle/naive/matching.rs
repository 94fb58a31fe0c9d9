//! Trades of an incoming order of the naive venue.

use super::{Naive, Order, must_not_trade, reaches};
use ringside_model::domain::{Price, SelfTrade, SymbolId, TimeInForce};
use ringside_model::reason::Reason;
use ringside_model::report::Executed;

impl Naive {
    /// Returns the worst price at which a market order may trade.
    pub(super) fn collar(&self, symbol: SymbolId, buy: bool) -> Price {
        let (definition, last) = &self.symbols[&symbol];
        let reference = i128::from(last.unwrap_or(definition.reference).0);
        let delta = reference * i128::from(definition.collar_bps) / 10_000;
        let unbounded = reference == 0 || definition.collar_bps == 0;
        let collar = Price(match (buy, unbounded) {
            (true, true) => i64::MAX,
            (false, true) => 1,
            (true, false) => i64::try_from(reference + delta).unwrap_or(i64::MAX),
            (false, false) => (reference - delta).max(1) as i64,
        });
        self.banded(symbol, buy, TimeInForce::Ioc, collar)
    }

    /// Returns the quantity that an order would trade at once: it trades in a copy of the venue.
    pub(super) fn tradable(&self, incoming: &Order, bound: Price) -> u64 {
        let (mut copy, mut order) = (self.clone(), *incoming);
        copy.trade_all(&mut order, bound);
        order.executed - incoming.executed
    }

    /// Trades an incoming order and cancels the rest if the command has no work left; returns the
    /// last price.
    pub(super) fn match_incoming(&mut self, incoming: &mut Order, bound: Price) -> Option<Price> {
        let (last_fill, is_unfinished) = self.trade_minimum(incoming, bound);
        if is_unfinished {
            let open = incoming.open;
            self.cut(incoming, open, Reason::WorkLimit);
        }
        last_fill
    }

    /// Trades an order as far as it goes, or not at all if that is less than its minimum; returns
    /// the last price, and true if the command has no work left for the next trade.
    pub(super) fn trade_minimum(
        &mut self,
        incoming: &mut Order,
        bound: Price,
    ) -> (Option<Price>, bool) {
        if incoming.least() > 0 && self.tradable(incoming, bound) < incoming.least() {
            return (None, false);
        }
        self.trade_all(incoming, bound)
    }

    /// Trades until nothing is open, nothing within the bound is left, or the command has no work
    /// left.
    fn trade_all(&mut self, incoming: &mut Order, bound: Price) -> (Option<Price>, bool) {
        let buy = incoming.side.is_buy();
        let mut last_fill = None;
        while incoming.open > 0 {
            let best = self.first_for(incoming);
            let Some(mut resting) = best.filter(|best| reaches(buy, bound, best.price)) else {
                break;
            };
            if must_not_trade(incoming, &resting) {
                self.prevent_self_trade(&mut resting, incoming);
            } else if !self.may_trade(&[resting], resting.shown().min(incoming.open)) {
                return (last_fill, true);
            } else {
                last_fill = Some(resting.price);
                self.trade(&mut resting, incoming);
            }
            self.put(resting);
            self.refresh(resting);
        }
        (last_fill, false)
    }

    fn trade(&mut self, resting: &mut Order, incoming: &mut Order) {
        self.work.trades += 1;
        self.note_trade(resting.symbol, resting.price);
        let quantity = resting.shown().min(incoming.open);
        let contra = [incoming.number, resting.number];
        for (i, order) in [&mut *resting, &mut *incoming].into_iter().enumerate() {
            order.fill(quantity);
            let (trade, contra, removed) = (self.work.trades, contra[i], i == 1);
            self.say(Executed { trade, contra, removed, auction: None }, order, quantity);
        }
        self.reports.last_mut().unwrap().price = resting.price;
    }

    /// Keeps the price of a trade for what follows from it.
    pub(super) fn note_trade(&mut self, symbol: SymbolId, price: Price) {
        self.traded_at.push(price);
        self.has_fallen |= self.is_fall(symbol, price);
        self.symbols.get_mut(&symbol).unwrap().1 = Some(price);
    }

    fn prevent_self_trade(&mut self, resting: &mut Order, incoming: &mut Order) {
        let (old, new) = (resting.open, incoming.open);
        let smaller = old.min(new);
        let (old_loses, new_loses) = match incoming.self_trade {
            SelfTrade::None => unreachable!("such orders trade"),
            SelfTrade::CancelNewest => (0, new),
            SelfTrade::CancelOldest => (old, 0),
            SelfTrade::CancelBoth => (old, new),
            SelfTrade::Decrement => (smaller, smaller),
            SelfTrade::CancelSmallest if old < new => (old, 0),
            SelfTrade::CancelSmallest if old > new => (0, new),
            SelfTrade::CancelSmallest => (old, new),
        };
        self.cut(resting, old_loses, Reason::SelfTrade);
        self.cut_at(incoming, new_loses, Reason::SelfTrade, resting.price);
    }
}
