//! Pegged orders of the naive venue: their limit follows the reference quote.

use super::work::Owed;
use super::{Naive, Order};
use ringside_model::command::{Command, Enter, SpecialTerms};
use ringside_model::domain::{OrderType, Peg, PostOnly, Price, SymbolId, SymbolState, TimeInForce};
use ringside_model::reason::Reason;
use ringside_model::report::{Parked, Repriced};

impl Naive {
    /// Returns the order with its limit at entry: a peg gets its limit from the quote.
    pub(super) fn with_its_limit(
        &self,
        command: &Command,
        enter: &Enter,
        terms: &SpecialTerms,
    ) -> Result<Enter, Reason> {
        if command.verdict != Reason::None || !self.is_traded(command.symbol) {
            return Ok(*enter);
        }
        let has_bounds = terms.peg_offset > 0 || terms.peg_limit != Price(0);
        let can_rest = matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc);
        let is_served = match terms.peg {
            Peg::None => !has_bounds,
            Peg::Primary => true,
            Peg::Midpoint => terms.hidden && terms.peg_offset == 0,
        };
        let is_peg = terms.peg != Peg::None;
        let could_be =
            enter.order_type == OrderType::Limit && can_rest && terms.peg_limit >= Price(0);
        if !is_served || is_peg && !could_be {
            return Err(Reason::InvalidPeg);
        }
        if !is_peg {
            return Ok(*enter);
        }
        if enter.price != Price(0) {
            return Err(Reason::InvalidPrice);
        }
        if enter.post_only != PostOnly::Off {
            return Err(Reason::Unsupported);
        }
        if let Some(reason) = self.closed_to(command.symbol) {
            return Err(reason);
        }
        if self.state(command.symbol) != SymbolState::Open {
            return Err(Reason::NotInCall);
        }
        let price = self.followed(command.symbol, enter.side.is_buy(), terms)?;
        Ok(Enter { price, ..*enter })
    }

    /// Returns the limit of a peg by the quote; an error if the quote gives none.
    pub(super) fn followed(
        &self,
        symbol: SymbolId,
        buy: bool,
        terms: &SpecialTerms,
    ) -> Result<Price, Reason> {
        let (bid, offer) = self.quotes.get(&symbol).copied().unwrap_or_default();
        let (bid, offer) = (i128::from(bid.0), i128::from(offer.0));
        if bid > 0 && offer > 0 && bid > offer {
            return Err(Reason::NoQuote);
        }
        let price = match (terms.peg, buy) {
            (Peg::Primary, true) if bid > 0 => bid - i128::from(terms.peg_offset),
            (Peg::Primary, false) if offer > 0 => offer + i128::from(terms.peg_offset),
            (Peg::Midpoint, true) if bid > 0 && offer > 0 => (bid + offer) / 2,
            (Peg::Midpoint, false) if bid > 0 && offer > 0 => (bid + offer + 1) / 2,
            _ => return Err(Reason::NoQuote),
        };
        let price = price.min(i128::from(i64::MAX)) as i64;
        let price = match terms.peg_limit.0 {
            0 => price,
            limit if buy => price.min(limit),
            limit => price.max(limit),
        };
        if price >= 1 { Ok(Price(price)) } else { Err(Reason::InvalidPrice) }
    }

    /// Brings the pegs to where the quote wants them. First those leave the book that have no price
    /// any more. Then those in the book move: first those that move away from the other side, then
    /// those that move towards it, each by age. Then parked pegs with a price come back.
    pub(super) fn follow_quote(&mut self, symbol: SymbolId) {
        if !self.trades_continuously(symbol) {
            return;
        }
        for peg in self.pegs(symbol).into_iter().filter(|peg| !peg.parked) {
            if self.price_of(&peg).is_none() {
                self.park(peg);
            }
        }
        let mut moves = Vec::new();
        for peg in self.pegs(symbol).into_iter().filter(|peg| !peg.parked) {
            moves.extend(self.price_of(&peg).map(|price| (peg, price)));
        }
        moves.retain(|(peg, price)| peg.price != *price);
        moves.sort_by_key(|(peg, price)| ((*price > peg.price) == peg.side.is_buy(), peg.time()));
        for (peg, price) in moves {
            let Some(peg) = self.still(&peg) else { continue };
            // What is held where it stands needs no work.
            if self.held_limit(&peg, price) == Ok(peg.price) {
                continue;
            }
            if self.is_spent() {
                self.owed.insert(symbol, Owed::Pegs);
                return;
            }
            self.move_to(peg, price);
        }
        self.bring_back(symbol);
    }

    /// Returns true if parked pegs could be in the book.
    pub(super) fn has_late_pegs(&self, symbol: SymbolId) -> bool {
        let is_late = |peg: &Order| peg.parked && self.price_of(peg).is_some();
        self.trades_continuously(symbol) && self.pegs(symbol).iter().any(is_late)
    }

    /// Lets the parked pegs come back that have a price.
    pub(super) fn bring_back(&mut self, symbol: SymbolId) {
        if !self.trades_continuously(symbol) {
            return;
        }
        for peg in self.pegs(symbol).into_iter().filter(|peg| peg.parked) {
            let Some(price) = self.price_of(&peg) else { continue };
            if self.is_spent() {
                self.owed.insert(symbol, Owed::Pegs);
                return;
            }
            self.move_to(peg, price);
        }
    }

    /// Takes all pegs of a symbol out of the book.
    pub(super) fn park_all(&mut self, symbol: SymbolId) {
        for peg in self.pegs(symbol).into_iter().filter(|peg| !peg.parked) {
            self.park(peg);
        }
    }

    fn park(&mut self, peg: Order) {
        self.say(Parked {}, &peg, peg.open);
        self.put(Order { parked: true, ..peg });
    }

    /// Returns the pegs of a symbol, in the book or parked, in the order in which they entered.
    fn pegs(&self, symbol: SymbolId) -> Vec<Order> {
        let is_there = |order: &&Order| order.symbol == symbol && order.is_peg();
        let mut pegs: Vec<Order> = self.orders.iter().filter(is_there).copied().collect();
        pegs.sort_by_key(|peg| peg.entered);
        pegs
    }

    fn price_of(&self, peg: &Order) -> Option<Price> {
        self.followed(peg.symbol, peg.side.is_buy(), &peg.special?).ok()
    }

    /// Returns a limit as far as bands and the short sale price test let a peg have it.
    fn held_limit(&self, peg: &Order, price: Price) -> Result<Price, Reason> {
        self.entry_limit(peg.symbol, (peg.side, peg.tif, peg.special), price, peg.post_only)
    }

    /// Gives a peg a new limit and a new place. A parked one comes back with a new place whatever
    /// its limit.
    fn move_to(&mut self, peg: Order, price: Price) {
        match self.held_limit(&peg, price) {
            Err(Reason::PriceBand) => self.end(peg, Reason::BandEnded),
            Err(_) => self.end(peg, Reason::ShortEnded),
            Ok(price) if price == peg.price && !peg.parked => {}
            Ok(price) => {
                self.put(Order { open: 0, ..peg });
                let mut new = Order { number: self.next_place(), price, parked: false, ..peg };
                let told = Repriced { old_order: peg.number, parked: peg.parked };
                self.say(told, &new, new.open);
                self.match_incoming(&mut new, price);
                self.put(new);
            }
        }
    }
}

impl Order {
    pub fn is_peg(&self) -> bool {
        self.special.is_some_and(|terms| terms.peg != Peg::None)
    }
}
