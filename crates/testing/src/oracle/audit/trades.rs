//! Laws of trades: who trades first, at which price, how much.

use super::{Audit, Over, Told};
use ringside_model::domain::Price;
use ringside_model::report::{Executed, Report};

impl Audit {
    pub(super) fn check_auction(&self) -> Result<(), String> {
        if let Some((head, traded)) = self.auction {
            law!(u64::try_from(traded).unwrap_or(u64::MAX) == head.quantity.0, head);
        }
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
            law!(r == removing && !in_auction || first.is_some_and(|o| o.number == r.order), r);
            let at_limit = first.is_some_and(|o| o.price == r.price);
            law!(r == removing || in_auction || at_limit, r);
        }
        let now = self.now;
        for r in [resting, removing] {
            let order = self.order_of(r)?;
            law!(!order.terms.is_over(now) && order.stop.is_none() && !order.parked, r);
            let least = order.terms.min_quantity.0.min(order.open);
            law!(if in_auction { least == 0 } else { r == removing || least <= r.quantity.0 }, r);
            let is_market = order.price.0 == 0;
            let buy = r.side.is_buy();
            law!(is_market || rank(buy, order.price) <= rank(buy, r.price), r);
            law!(order.open.checked_sub(r.quantity.0) == Some(r.open.0), r);
            order.open = r.open.0;
            order.executed += r.quantity.0;
            if let Some(shown) = &mut order.shown {
                law!(r.quantity.0 <= *shown, r);
                *shown -= r.quantity.0;
            }
            self.filled += u128::from(r.quantity.0);
        }
        self.live.retain(|order| order.open > 0);
        Ok(())
    }
}

/// Ranks a price; lower is better.
pub(super) fn rank(buy: bool, price: Price) -> i64 {
    if buy { -price.0 } else { price.0 }
}
