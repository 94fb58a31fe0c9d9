//! Laws of trades: who trades first, at which price, how much.

use super::{Audit, Law, Over, Place, Told, is_within};
use ringside_model::domain::{Price, Side};
use ringside_model::report::{Body, Crossed, Executed, Report};

impl Audit {
    /// Checks both reports of a trade.
    pub(super) fn executed(
        &mut self,
        at: &Place<'_>,
        [r, removing]: [&Report; 2],
        executed: Executed,
    ) -> Result<(), String> {
        self.progress.trades += 1;
        let Body::Executed(removed) = removing.body() else {
            return Err(format!("half a trade: {r:?}"));
        };
        let sides = [(r, executed), (removing, removed)];
        self.keep(Law::NumbersNew, executed.trade == self.progress.trades, r)?;
        law!(executed.auction == removed.auction, r);
        let trades_here = self.trades_continuously(r.symbol);
        let may_trade = executed.auction.is_some() && !self.day_over || trades_here;
        self.keep(Law::TradesWhereOpen, may_trade, r)?;
        if let Some(auction) = executed.auction {
            let Some((head, left)) = &mut self.auction else {
                return Err(format!("no auction: {r:?}"));
            };
            law!(head.body() == Body::Crossed(Crossed { auction }) && head.price == r.price, r);
            law!(head.symbol == r.symbol && r.order.age() < removing.order.age(), r);
            *left += u128::from(r.quantity.0);
        } else {
            self.check_owners(r, removing)?;
            let returns = self.is_return(removing)?;
            law!(returns || removing.order == self.progress.incoming, r);
            self.count_minimum(removing)?;
            let is_in_bands = is_within(self.bands.get(&r.symbol), r.price);
            self.keep(Law::WithinBands, is_in_bands, r)?;
            let is_short = removing.side == Side::Short;
            // Without a quote the bid is the best displayed one; hidden orders may be
            // above it. An order that comes in again was let in when it entered.
            let may_be_short = self
                .short_above(r.symbol)
                .is_none_or(|bid| r.price > bid || bid.0 == i64::MAX && r.is_hidden());
            law!(!is_short || may_be_short || returns, r);
        }
        let is_in_bands = is_within(self.static_bands.get(&r.symbol), r.price);
        self.keep(Law::WithinBands, is_in_bands, r)?;
        if executed.auction.is_none() {
            self.set_last(r.symbol, r.price);
        }
        self.trade(sides)?;
        let is_end = at.after_trade().is_empty();
        law!(removing.is_last() == is_end, removing);
        Ok(())
    }

    /// Returns true if the removing side of a trade is a resting hidden order with a minimum that
    /// comes in after its symbol has opened: each once, the oldest first.
    pub(super) fn is_return(&mut self, r: &Report) -> Result<bool, String> {
        let (progress, age) = (&self.progress, r.order.age());
        if progress.incoming == r.order {
            return Ok(progress.returned == age);
        }
        let order = self.numbered(r.symbol, r.order)?;
        law!(order.terms.hidden && order.terms.min_quantity.0 > 0 && !order.parked, r);
        law!(progress.is_opening && age > progress.returned, r);
        (self.progress.incoming, self.progress.returned) = (r.order, age);
        Ok(true)
    }

    /// Counts what an incoming order with a minimum trades.
    pub(super) fn count_minimum(&mut self, r: &Report) -> Result<(), String> {
        let order = self.numbered(r.symbol, r.order)?;
        let least = order.terms.min_quantity.0.min(order.open);
        let minimum = self.progress.minimums.entry(r.order).or_insert((least, 0));
        minimum.1 = minimum.1.saturating_add(r.quantity.0);
        Ok(())
    }

    /// Checks that no minimum stands before a resting order that trades, unless the removing order
    /// is too small for it.
    fn check_turns_of_minimums(
        &mut self,
        resting: &Report,
        removing: &Report,
    ) -> Result<(), String> {
        let buy = resting.side.is_buy();
        let order = self.numbered(resting.symbol, resting.order)?;
        let place = |o: &Told| (rank(buy, o.price), o.terms.hidden, o.number.age());
        let had = removing.open.0.saturating_add(removing.quantity.0);
        let is_before = |o: &&Told| {
            let is_there = o.symbol == resting.symbol && o.side.is_buy() == buy;
            is_there && o.has_minimum() && place(o) < place(&order)
        };
        let leasts: Vec<u64> = self.live.iter().filter(is_before).map(Told::least).collect();
        leasts
            .into_iter()
            .try_for_each(|least| self.keep(Law::MinimumHasItsTurn, least > had, resting))
    }

    pub(super) fn trade(&mut self, sides: [(&Report, Executed); 2]) -> Result<(), String> {
        let [(resting, executed), (removing, removed)] = sides;
        law!(!executed.removed && !resting.is_last() && removed.removed, resting);
        law!(executed.trade == removed.trade && resting.symbol == removing.symbol, resting);
        law!(resting.price == removing.price && resting.quantity == removing.quantity, resting);
        law!(executed.contra == removing.order && removed.contra == resting.order, resting);
        law!(resting.side.is_buy() != removing.side.is_buy(), resting);
        law!(resting.quantity.0 > 0, resting);
        let in_auction = executed.auction.is_some();
        for r in [resting, removing] {
            let buy = r.side.is_buy();
            let is_own = |o: &&Told| (o.symbol, o.number) == (r.symbol, r.order);
            let waits = self.live.iter().filter(|o| is_own(o) && o.stop.is_none());
            let first = self.book(r.symbol, buy).chain(self.hidden(r.symbol, buy)).chain(waits);
            let first = first.min_by_key(|o| {
                (o.price.0 != 0, rank(buy, o.price), o.terms.hidden, o.number.age())
            });
            let is_first = first.is_some_and(|o| o.number == r.order);
            let at_limit = first.is_some_and(|o| o.price == r.price);
            if in_auction || r == resting {
                self.keep(Law::FirstTradesFirst, is_first && (in_auction || at_limit), r)?;
            }
        }
        if !in_auction {
            self.check_turns_of_minimums(resting, removing)?;
        }
        let now = self.now;
        for r in [resting, removing] {
            let Told { terms, price, open, .. } = *self.order_of(r)?;
            self.check_quantity(open, r)?;
            if terms.expire.0 != 0 {
                self.keep(Law::BeforeEnd, !terms.is_over(now), r)?;
            }
            if price.0 != 0 {
                let buy = r.side.is_buy();
                self.keep(Law::WithinLimit, rank(buy, price) <= rank(buy, r.price), r)?;
            }
            let order = self.order_of(r)?;
            law!(order.stop.is_none() && !order.parked, r);
            let least = order.terms.min_quantity.0.min(order.open);
            law!(if in_auction { least == 0 } else { r == removing || least <= r.quantity.0 }, r);
            order.open = r.open.0;
            order.executed += r.quantity.0;
            if let Some(shown) = &mut order.shown {
                law!(r.quantity.0 <= *shown, r);
                *shown -= r.quantity.0;
            }
            self.filled += u128::from(r.quantity.0);
        }
        self.end_filled();
        Ok(())
    }
}

/// Ranks a price; lower is better.
pub(super) fn rank(buy: bool, price: Price) -> i64 {
    if buy { -price.0 } else { price.0 }
}
