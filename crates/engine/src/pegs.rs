//! Pegs: orders whose limit follows the reference quote. They rest, displayed or hidden, like other
//! orders. When the quote moves, every peg whose limit changes gets a new place.
//!
//! A peg is in the book only while its symbol trades and the quote gives it a price. Otherwise the
//! peg is parked: it stays live beside the book, out of every trade and every auction.

use super::book::key_of;
use super::market::{LimitTerms, Quote};
use super::orders::{Order, Slot};
use super::states;
use super::stops::Traded;
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

/// Peg, as its symbol's state and quote want it.
struct Follower {
    slot: Slot,
    /// Number of the order. A slot that holds another number has lost the peg.
    number: u64,
    is_parked: bool,
    /// Price that the peg follows; `None` if the peg belongs out of the book.
    price: Option<i64>,
    terms: LimitTerms,
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
        let Quote { bid, offer } = self.market(self.books[book].symbol()).quote;
        if offer != 0 && bid > offer {
            return Err(Reason::NoQuote);
        }
        let own = if buy { bid } else { offer };
        let followed = match terms.peg {
            Peg::Midpoint if bid != 0 && offer != 0 => midpoint(bid, offer, buy),
            Peg::Primary if own != 0 => own,
            _ => return Err(Reason::NoQuote),
        };
        let offset = i64::from(terms.peg_offset);
        let price = if buy { followed - offset } else { followed.saturating_add(offset) };
        let bounded = match terms.peg_limit.0 {
            0 => price,
            limit if buy => price.min(limit),
            limit => price.max(limit),
        };
        if bounded < 1 { Err(Reason::InvalidPrice) } else { Ok(bounded) }
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
        let followers = self.followers(book);
        self.park_lost(&followers, sink);
        !self.books[book].is_open()
            || self.move_pegs(at, book, &followers, traded, sink)
                && self.unpark_pegs(at, book, &followers, traded, sink)
    }

    /// Parks the pegs in the book that have no price to follow, in the order of their entry: all
    /// pegs if the symbol does not trade.
    pub(super) fn park_pegs(&mut self, book: usize, sink: &mut impl ReportSink) {
        let followers = self.followers(book);
        self.park_lost(&followers, sink);
    }

    /// Returns the pegs of a symbol with the price that each follows now, in the order of their
    /// entry.
    fn followers(&self, book: usize) -> Vec<Follower> {
        let slots = self.pegs_of(self.books[book].symbol()).into_iter();
        let follower = |slot| {
            let order = self.orders.get(slot);
            let is_parked = order.attributes.is_parked();
            let asked = self.special_terms(order);
            let price = self.price_under(book, order, asked);
            let terms = LimitTerms::of_order(order, Some(asked));
            Follower { slot, number: order.number, is_parked, price, terms }
        };
        slots.map(follower).collect()
    }

    fn park_lost(&mut self, followers: &[Follower], sink: &mut impl ReportSink) {
        for peg in followers.iter().filter(|peg| !peg.is_parked && peg.price.is_none()) {
            self.park(peg.slot, sink);
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
        let attributes = order.attributes.with_parked(true);
        self.rest_beside(Order { attributes, ..order }, price);
    }

    /// Moves the pegs in the book whose limit has changed. Those that move away from the other side
    /// go first, so that no order trades with a peg that is about to leave; those that move towards
    /// the other side follow. Within each group the oldest goes first. Returns false if the command
    /// may do no more and some are left.
    fn move_pegs(
        &mut self,
        at: &Sequenced,
        book: usize,
        followers: &[Follower],
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) -> bool {
        let mut moves = vec![];
        for peg in followers.iter().filter(|peg| !peg.is_parked) {
            let Some(price) = peg.price else { continue };
            let order = self.orders.get(peg.slot);
            let (buy, key) = (order.attributes.is_buy(), self.levels.get(order.level).key);
            if key_of(buy, price) != key {
                let comes_closer = key_of(buy, price) < key;
                moves.push((comes_closer, OrderNumber(peg.number).age(), (peg, price)));
            }
        }
        moves.sort_unstable_by_key(|&(comes_closer, age, _)| (comes_closer, age));
        for (.., (peg, price)) in moves {
            // A peg before it may have traded with it.
            if self.orders.get(peg.slot).number == peg.number {
                if !self.has_work(traded) {
                    return false;
                }
                self.move_peg(at, book, (peg, price), traded, sink);
            }
        }
        true
    }

    /// Lets the parked pegs that have a price to follow come back, in the order of their entry,
    /// each as an incoming order. Returns false if the command may do no more and some are left.
    fn unpark_pegs(
        &mut self,
        at: &Sequenced,
        book: usize,
        followers: &[Follower],
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) -> bool {
        let mut parked: Vec<&Follower> = followers.iter().filter(|peg| peg.is_parked).collect();
        if planted(Bug::PegsBackByNumber) {
            parked.sort_by_key(|peg| peg.number);
        }
        for peg in parked {
            let Some(price) = peg.price else { continue };
            if !self.has_work(traded) {
                return false;
            }
            self.move_peg(at, book, (peg, price), traded, sink);
        }
        true
    }

    /// Returns true if a parked peg of a symbol has a price to follow.
    pub(super) fn misses_pegs(&self, book: usize) -> bool {
        let pegs = self.pegs_of(self.books[book].symbol()).into_iter();
        let mut parked =
            pegs.map(|slot| self.orders.get(slot)).filter(|o| o.attributes.is_parked());
        parked.any(|order| self.price_of_peg(book, order).is_some())
    }

    /// Returns the price that a live peg follows now; `None` if the peg belongs out of the book.
    pub(super) fn price_of_peg(&self, book: usize, order: &Order) -> Option<i64> {
        self.price_under(book, order, self.special_terms(order))
    }

    fn price_under(&self, book: usize, order: &Order, asked: &SpecialTerms) -> Option<i64> {
        let price = self.followed_price(book, order.attributes.is_buy(), asked);
        price.ok().filter(|_| self.books[book].is_open())
    }

    /// Moves one peg to the limit that it follows, as far as the bands and the short sale price
    /// test permit.
    fn move_peg(
        &mut self,
        at: &Sequenced,
        book: usize,
        (&Follower { slot, terms, is_parked, .. }, price): (&Follower, i64),
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) {
        let stays = |price: i64| {
            !is_parked && price == self.levels.get(self.orders.get(slot).level).price()
        };
        match self.guarded_price(book, terms, price) {
            Err(reason) => self.cancel_resting(slot, reason.of_end(), sink),
            Ok(price) if stays(price) => {}
            Ok(price) => self.enter_again(at, book, (slot, price), traded, sink),
        }
    }
}

/// Returns the middle of a quote in whole ticks, rounded towards the order's own side.
fn midpoint(bid: i64, offer: i64, buy: bool) -> i64 {
    let sum = i128::from(bid) + i128::from(offer);
    (if buy { sum / 2 } else { (sum + 1) / 2 }) as i64
}
