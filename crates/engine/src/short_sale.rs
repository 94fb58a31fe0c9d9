//! Short sale price test: while a symbol is restricted, no short sale enters at or below the best
//! bid.

use super::Engine;
use super::book::side_index;
use super::orders::{NIL, Order};
use ringside_model::command::Sequenced;
use ringside_model::domain::{AtShortTest, Side};
use ringside_model::reason::Reason;
use ringside_model::report::{ReportSink, ShortSaleSet};
use ringside_planted::{Bug, planted};

/// Days on which an automatic restriction holds: the one on which it begins, and the next.
pub(super) const RESTRICTED_DAYS: u32 = 2;

/// Short sale setting of a symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ShortSale {
    pub restricted: bool,
    /// True if a trade ten percent or more below the prior close restricts short sales.
    pub automatic: bool,
}

impl ShortSale {
    /// Returns true if a trade may restrict short sales.
    pub(crate) fn can_fall(self) -> bool {
        self.automatic && !self.restricted
    }
}

impl Engine {
    /// Sets the restriction of short sales.
    pub(super) fn set_short_sale(
        &mut self,
        at: &Sequenced,
        short_sale: ShortSale,
        sink: &mut impl ReportSink,
    ) {
        if let Some(book) = self.book_to_change(at, sink) {
            // Trades of the work that the command went on with came before it.
            self.has_fallen = false;
            self.restrict(book, short_sale, 0, sink);
        }
    }

    /// Sets the restriction, which ends after so many ends of days; 0 for one without an end.
    fn restrict(
        &mut self,
        book: usize,
        short_sale: ShortSale,
        days: u32,
        sink: &mut impl ReportSink,
    ) {
        let symbol = self.books[book].symbol();
        self.change_market(book, |market| market.short_sale = short_sale);
        self.change_settings(symbol, |settings| settings.restricted_days = days);
        let ShortSale { restricted, automatic } = short_sale;
        sink.report(ShortSaleSet { restricted, automatic }.about(symbol));
    }

    /// Counts the end of a day; lifts an automatic restriction at the end of its second day.
    pub(super) fn count_restricted_day(&mut self, book: usize, sink: &mut impl ReportSink) {
        let symbol = self.books[book].symbol();
        match self.settings(symbol).restricted_days {
            0 => {}
            1 => {
                let short_sale = self.market(symbol).short_sale;
                self.restrict(book, ShortSale { restricted: false, ..short_sale }, 0, sink);
            }
            _ => self.change_settings(symbol, |settings| settings.restricted_days -= 1),
        }
    }

    /// Returns the limit of an order under the test: as given, or one tick above the best bid, or a
    /// reject. A short sale without a limit is below any bid.
    pub(super) fn short_price(
        &self,
        book: usize,
        side: Side,
        price: i64,
        at_short_test: AtShortTest,
    ) -> Result<i64, Reason> {
        if side != Side::Short || planted(Bug::ShortSaleUntested) {
            return Ok(price);
        }
        let bid = self.tested_bid(book);
        if price > bid || bid == 0 {
            return Ok(price);
        }
        match at_short_test {
            AtShortTest::Slide if price != 0 => bid.checked_add(1).ok_or(Reason::ShortRestricted),
            AtShortTest::Slide | AtShortTest::Reject => Err(Reason::ShortRestricted),
        }
    }

    /// Checks that a resting order may get this sell marking. A stop is tested when it is elected,
    /// a parked peg when it comes back.
    #[cold]
    pub(super) fn check_marking(
        &self,
        book: usize,
        order: &Order,
        side: Side,
        price: i64,
    ) -> Result<(), Reason> {
        if order.attributes.is_stop() || order.attributes.is_parked() {
            return Ok(());
        }
        self.short_price(book, side, price, AtShortTest::Reject).map(|_| ())
    }

    /// Returns true if the short sale price test holds.
    pub(super) fn is_tested(&self, book: usize) -> bool {
        let market = self.market(self.books[book].symbol());
        market.short_sale.restricted || self.has_fallen
    }

    /// Returns the best bid of the reference quote or, without one, of the book; 0 if short sales
    /// are not restricted or there is no bid. In a call the limits of the book are no bids.
    fn tested_bid(&self, book: usize) -> i64 {
        let market = self.market(self.books[book].symbol());
        if !self.is_tested(book) {
            return 0;
        }
        if market.quote.bid != 0 || !self.books[book].is_open() || self.is_crossing(book) {
            return market.quote.bid;
        }
        let best = self.books[book].sides[side_index(true)].best();
        if best == NIL { 0 } else { self.levels.get(best).price() }
    }

    /// Records the lowest price of trades in a guarded book. A restriction that it causes holds for
    /// every order that enters or is elected after that; the command's last report tells of it.
    #[cold]
    pub(super) fn note_low(&mut self, book: usize, price: i64) {
        let close = i128::from(self.books[book].prior_close());
        let has_fallen = close > 0 && i128::from(price) * 10 <= close * 9;
        let short_sale = self.market(self.books[book].symbol()).short_sale;
        self.has_fallen |= has_fallen && short_sale.can_fall();
    }

    /// Restricts short sales if the command's trades were low enough.
    pub(super) fn restrict_after_fall(&mut self, book: usize, sink: &mut impl ReportSink) {
        if !std::mem::take(&mut self.has_fallen) {
            return;
        }
        let short_sale = self.market(self.books[book].symbol()).short_sale;
        let short_sale = ShortSale { restricted: true, ..short_sale };
        self.restrict(book, short_sale, RESTRICTED_DAYS, sink);
    }
}
