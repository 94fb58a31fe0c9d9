//! Pegged orders of the naive venue: their limit follows the reference quote.

use super::{Naive, Order};
use ringside_model::command::{Command, Enter, SpecialTerms};
use ringside_model::domain::{OrderType, Peg, PostOnly, Price, SymbolId, SymbolState, TimeInForce};
use ringside_model::reason::Reason;
use ringside_model::report::Repriced;

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

    fn followed(&self, symbol: SymbolId, buy: bool, terms: &SpecialTerms) -> Result<Price, Reason> {
        let (bid, offer) = self.quotes.get(&symbol).copied().unwrap_or_default();
        let (bid, offer) = (i128::from(bid.0), i128::from(offer.0));
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

    /// Moves the pegs with the quote: first those that move away from the other side, then those
    /// that move towards it, each by age.
    pub(super) fn follow_quote(&mut self, symbol: SymbolId) {
        if self.state(symbol) != SymbolState::Open {
            return;
        }
        let wants = |order: &Order| {
            let terms = order.special.filter(|terms| terms.peg != Peg::None)?;
            self.followed(symbol, order.side.is_buy(), &terms).ok()
        };
        let pegs = self.orders.iter().filter(|order| order.symbol == symbol);
        let mut moves: Vec<(Order, Price)> =
            pegs.filter_map(|order| Some((*order, wants(order)?))).collect();
        moves.retain(|(order, price)| order.price != *price);
        moves.sort_by_key(|(order, price)| {
            ((*price > order.price) == order.side.is_buy(), order.time())
        });
        for (order, price) in moves {
            if let Some(order) = self.orders.iter().find(|o| o.number == order.number).copied() {
                self.move_to(order, price);
            }
        }
    }

    fn move_to(&mut self, order: Order, price: Price) {
        let whose = (order.side, order.tif, order.special);
        match self.entry_limit(order.symbol, whose, price, order.post_only) {
            Err(Reason::PriceBand) => self.end(order, Reason::BandEnded),
            Err(_) => self.end(order, Reason::ShortEnded),
            Ok(price) if price == order.price => {}
            Ok(price) => {
                self.put(Order { open: 0, ..order });
                let mut new = Order { number: self.next_place(), price, ..order };
                self.say(Repriced { old_order: order.number }, &new, new.open);
                self.match_incoming(&mut new, price);
                self.put(new);
            }
        }
    }
}
