//! Pegs: orders whose limit follows the reference quote. They rest, displayed or hidden, like other
//! orders. When the quote moves, every peg whose limit changes gets a new place.
//!
//! A peg is in the book only while its symbol trades and the quote gives it a price. Otherwise the
//! peg is parked: it stays live beside the book, out of every trade and every auction.

use super::book::key_of;
use super::followers::{Follower, Settled, limit_of};
use super::market::{LimitTerms, Market};
use super::orders::{Order, Slot};
use super::states;
use super::stops::Traded;
use super::terms::KeptTerms;
use super::{Engine, whole};
use ringside_model::command::{Enter, Sequenced, SpecialTerms};
use ringside_model::domain::{
    OrderId, OrderNumber, OrderType, Peg, PostOnly, Price, SessionId, SymbolId, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Parked, ReportSink};
use ringside_planted::{Bug, planted};

/// Returns true if the limit of an order of this type and time in force may follow the quote as
/// `terms` say.
pub(super) fn can_follow(terms: &SpecialTerms, order_type: OrderType, tif: TimeInForce) -> bool {
    let has_bound = terms.peg_offset != 0 || terms.peg_limit.0 != 0;
    let can_rest = matches!(tif, TimeInForce::Day | TimeInForce::Gtc);
    match terms.peg {
        Peg::None => !has_bound,
        _ if order_type != OrderType::Limit || !can_rest || terms.peg_limit.0 < 0 => false,
        Peg::Primary => true,
        Peg::Midpoint => terms.hidden && terms.peg_offset == 0,
    }
}

impl Engine {
    /// Returns the limit that a new order with special terms asks for: as given, or the price that
    /// a peg follows now.
    pub(super) fn wanted_price(
        &self,
        symbol: SymbolId,
        enter: &Enter,
        terms: &SpecialTerms,
    ) -> Result<Price, Reason> {
        if terms.peg == Peg::None {
            return Ok(enter.price);
        }
        let Some(book) = self.book_index(symbol) else { return Ok(Price(1)) };
        if enter.price.0 != 0 {
            return Err(Reason::InvalidPrice);
        }
        if enter.post_only != PostOnly::Off {
            return Err(Reason::Unsupported);
        }
        self.check_busy(book)?;
        states::refusal(&self.books[book])?;
        if !self.books[book].is_open() {
            return Err(Reason::NotInCall);
        }
        self.followed_price(book, enter.side.is_buy(), terms).map(Price)
    }

    /// Checks that a peg, if the terms are those of one, has a market to follow: its symbol trades,
    /// and there is a quote.
    pub(super) fn check_market_of_peg(
        &self,
        book: usize,
        buy: bool,
        terms: &SpecialTerms,
    ) -> Result<(), Reason> {
        match terms.peg {
            Peg::None => Ok(()),
            _ if !self.books[book].is_open() => Err(Reason::NotInCall),
            _ => match self.followed_price(book, buy, terms) {
                Err(Reason::NoQuote) => Err(Reason::NoQuote),
                Ok(_) | Err(_) => Ok(()),
            },
        }
    }

    /// Returns the limit of a peg under the present quote.
    pub(super) fn followed_price(
        &self,
        book: usize,
        buy: bool,
        terms: &SpecialTerms,
    ) -> Result<i64, Reason> {
        let quote = self.market(self.books[book].symbol()).quote;
        let followed = quote.followed(buy, terms.peg == Peg::Midpoint);
        limit_of(buy, terms, followed.ok_or(Reason::NoQuote)?).ok_or(Reason::InvalidPrice)
    }

    /// Brings the pegs of a symbol where its state and its quote want them: parks those that have
    /// no price to follow, then moves those in the book, then lets parked ones come back. Returns
    /// false if the command may do no more and some are left.
    pub(super) fn follow_quote(
        &mut self,
        at: &Sequenced,
        book: usize,
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) -> bool {
        if planted(Bug::PegsStay) {
            return true;
        }
        let symbol = self.books[book].symbol();
        self.park_pegs(book, sink);
        if !self.books[book].is_open() {
            return true;
        }
        let now = self.settled(book);
        let touched = self.pegs.touched(symbol, &now);
        let parked = self.pegs.parked(symbol, now.quote);
        for peg in touched.iter().filter(|peg| peg.price.is_none()) {
            self.park(self.orders.of_owner(peg.owner), sink);
        }
        let is_finished = self.move_pegs(at, book, &touched, traded, sink)
            && self.unpark_pegs(at, book, &parked, traded, sink);
        if is_finished {
            let is_known = now == self.settled(book) && now.tested_bid != Some(0);
            self.pegs.settle(symbol, is_known.then_some(now));
        }
        is_finished
    }

    /// Returns what the places of a symbol's pegs depend on.
    pub(super) fn settled(&self, book: usize) -> Settled {
        let Market { quote, bands, .. } = self.market(self.books[book].symbol());
        let tested_bid = self.is_tested(book).then_some(quote.bid);
        Settled { quote, bands: bands.in_force(self.books[book].state()), tested_bid }
    }

    /// Parks all pegs in the book, in the order of their entry, unless the symbol trades.
    pub(super) fn park_pegs(&mut self, book: usize, sink: &mut impl ReportSink) {
        if self.books[book].is_open() {
            return;
        }
        for peg in self.pegs.in_book(self.books[book].symbol()) {
            self.park(self.orders.of_owner(peg.owner), sink);
        }
    }

    /// Takes a peg out of the book. The order stays live.
    fn park(&mut self, slot: Slot, sink: &mut impl ReportSink) {
        let order = *self.orders.get(slot);
        let price = self.levels.get(order.level).price();
        sink.report(Parked {}.about(whole(&order, price)));
        let bucket = self.orders.bucket(SessionId(order.session), OrderId(order.id));
        self.remove_resting(slot, bucket, price);
        self.minimums.remove(&order);
        self.set_parked(&order, true);
        let attributes = order.attributes.with_parked(true);
        self.rest_beside(Order { attributes, ..order }, price);
    }

    /// Lets a peg be found in the book or out of it.
    pub(super) fn set_parked(&mut self, order: &Order, is_parked: bool) {
        let KeptTerms { asked, since } = *self.kept_terms(order);
        self.pegs.remove(order, &asked, since);
        let attributes = order.attributes.with_parked(is_parked);
        self.pegs.add(&Order { attributes, ..*order }, &asked, since);
    }

    /// Moves the pegs in the book whose limit has changed. Those that move away from the other side
    /// go first, so that no order trades with a peg that is about to leave; those that move towards
    /// the other side follow. Within each group the oldest goes first. Returns false if the command
    /// may do no more and some are left.
    fn move_pegs(
        &mut self,
        at: &Sequenced,
        book: usize,
        pegs: &[Follower],
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) -> bool {
        let mut moves = vec![];
        for peg in pegs {
            let Some(price) = peg.price else { continue };
            let slot = self.orders.of_owner(peg.owner);
            let &Order { number, attributes, level, .. } = self.orders.get(slot);
            let (wanted, key) = (key_of(attributes.is_buy(), price), self.levels.get(level).key);
            if wanted != key {
                let order = (wanted < key, OrderNumber(number).age());
                moves.push((order, slot, number, peg));
            }
        }
        moves.sort_unstable_by_key(|&(order, ..)| order);
        for (_, slot, number, peg) in moves {
            // A peg before it may have traded with it; the slot then has another number.
            if self.orders.get(slot).number != number {
                continue;
            }
            // A peg that is held where it stands needs no work.
            let Some(limit) = self.new_limit_of_peg(book, slot, peg) else { continue };
            if !self.has_work(traded) {
                return false;
            }
            self.move_peg(at, book, (slot, peg, limit), traded, sink);
        }
        true
    }

    /// Lets the parked pegs that have a price to follow come back, in the order of their entry,
    /// each as an incoming order. Returns false if the command may do no more and some are left.
    fn unpark_pegs(
        &mut self,
        at: &Sequenced,
        book: usize,
        parked: &[Follower],
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) -> bool {
        let mut parked: Vec<(Slot, &Follower)> =
            parked.iter().map(|peg| (self.orders.of_owner(peg.owner), peg)).collect();
        if planted(Bug::PegsBackByNumber) {
            parked.sort_by_key(|&(slot, _)| self.orders.get(slot).number);
        }
        for (slot, peg) in parked {
            let Some(limit) = self.new_limit_of_peg(book, slot, peg) else { continue };
            if !self.has_work(traded) {
                return false;
            }
            self.move_peg(at, book, (slot, peg, limit), traded, sink);
        }
        true
    }

    /// Returns true if a parked peg of a symbol that trades has a price to follow.
    pub(super) fn misses_pegs(&self, book: usize) -> bool {
        let symbol = self.books[book].symbol();
        if !self.books[book].is_open() {
            return false;
        }
        !self.pegs.parked(symbol, self.market(symbol).quote).is_empty()
    }

    /// Returns the price that a live peg follows now; `None` if the peg belongs out of the book.
    pub(super) fn price_of_peg(&self, book: usize, order: &Order) -> Option<i64> {
        let asked = self.special_terms(order);
        let price = self.followed_price(book, order.attributes.is_buy(), asked);
        price.ok().filter(|_| self.books[book].is_open())
    }

    /// Returns the limit to which a peg is to move, as far as the bands and the short sale price
    /// test permit, or the reason that ends the peg; `None` if the peg stays where it stands.
    fn new_limit_of_peg(
        &self,
        book: usize,
        slot: Slot,
        peg: &Follower,
    ) -> Option<Result<i64, Reason>> {
        let order = self.orders.get(slot);
        let terms = LimitTerms::of_order(order, Some(&peg.terms));
        let limit = self.guarded_price(book, terms, peg.price?);
        let stands_at = self.levels.get(order.level).price();
        (order.attributes.is_parked() || limit != Ok(stands_at)).then_some(limit)
    }

    /// Moves one peg to a new limit, or ends it.
    fn move_peg(
        &mut self,
        at: &Sequenced,
        book: usize,
        (slot, peg, limit): (Slot, &Follower, Result<i64, Reason>),
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) {
        match limit {
            Err(reason) => self.cancel_resting(slot, reason.of_end(), sink),
            Ok(price) => {
                let terms = KeptTerms { asked: peg.terms, since: peg.since };
                self.enter_again(at, book, (slot, price), terms, traded, sink);
            }
        }
    }
}
