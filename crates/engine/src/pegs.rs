//! Pegs: orders whose limit follows the reference quote. They rest, displayed or hidden, like other
//! orders. When the quote moves, every peg whose limit changes gets a new place.

use super::Engine;
use super::book::key_of;
use super::market::{LimitTerms, Quote};
use super::orders::{NIL, Slot};
use super::states;
use super::stops::Traded;
use ringside_model::command::{Enter, Sequenced, SpecialTerms};
use ringside_model::domain::{
    OrderId, OrderNumber, OrderType, Peg, PostOnly, Price, SessionId, SymbolId, SymbolState,
    TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::ReportSink;
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
        states::refusal(self.books[book].state())?;
        if self.books[book].state() != SymbolState::Open {
            return Err(Reason::NotInCall);
        }
        self.followed_price(book, enter.side.is_buy(), terms).map(Price)
    }

    /// Returns the limit of a peg under the present quote.
    fn followed_price(&self, book: usize, buy: bool, terms: &SpecialTerms) -> Result<i64, Reason> {
        let Quote { bid, offer } = self.market(self.books[book].symbol()).quote;
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

    /// Moves the pegs of a symbol after a change of its quote. Pegs that move away from the other
    /// side go first, so that no order trades with a peg that is about to leave; pegs that move
    /// towards the other side follow. Within each group the oldest goes first. A peg without a
    /// price to follow stays where it is.
    pub(super) fn follow_quote(
        &mut self,
        at: &Sequenced,
        book: usize,
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) {
        if self.books[book].state() != SymbolState::Open || planted(Bug::PegsStay) {
            return;
        }
        let symbol = self.books[book].symbol();
        let mut moves = vec![];
        for (number, (session, id)) in self.pegs_of(symbol) {
            let slot = self.orders.find(self.orders.bucket(session, id), session, id);
            let order = self.orders.get(slot);
            let (buy, terms) = (order.attributes.is_buy(), self.terms_of(order));
            let price = terms.and_then(|terms| self.followed_price(book, buy, terms).ok());
            let key = self.levels.get(order.level).key;
            if let Some(price) = price.filter(|&price| key_of(buy, price) != key) {
                let comes_closer = key_of(buy, price) < key;
                moves.push((comes_closer, OrderNumber(number).age(), (session, id), price));
            }
        }
        moves.sort_unstable_by_key(|&(comes_closer, age, ..)| (comes_closer, age));
        for (_, age, peg, price) in moves {
            if let Some(slot) = self.peg_of_age(peg, age) {
                self.move_peg(at, book, (slot, price), traded, sink);
            }
        }
    }

    /// Returns the slot of a peg, unless the peg has traded away meanwhile.
    fn peg_of_age(&self, (session, id): (SessionId, OrderId), age: u64) -> Option<Slot> {
        let slot = self.orders.find(self.orders.bucket(session, id), session, id);
        let order = self.orders.get(slot);
        (slot != NIL && OrderNumber(order.number).age() == age).then_some(slot)
    }

    /// Moves one peg to the limit that it follows, as far as the bands and the short sale price
    /// test permit.
    fn move_peg(
        &mut self,
        at: &Sequenced,
        book: usize,
        (slot, price): (Slot, i64),
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) {
        let order = *self.orders.get(slot);
        let limit_terms = LimitTerms::of_order(&order, self.terms_of(&order));
        match self.guarded_price(book, limit_terms, price) {
            Err(reason) => self.cancel_resting(slot, reason.of_end(), sink),
            Ok(price) if price == self.levels.get(order.level).price() => {}
            Ok(price) => self.enter_again(at, book, (slot, price), traded, sink),
        }
    }
}

/// Returns the middle of a quote in whole ticks, rounded towards the order's own side.
fn midpoint(bid: i64, offer: i64, buy: bool) -> i64 {
    let sum = i128::from(bid) + i128::from(offer);
    (if buy { sum / 2 } else { (sum + 1) / 2 }) as i64
}
