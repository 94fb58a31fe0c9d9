//! The short sale price test of the naive venue, and its reference quote.

use super::Naive;
use ringside_model::command::Command;
use ringside_model::domain::{OrderId, Price, Side, SymbolId, SymbolState};
use ringside_model::reason::Reason;
use ringside_model::report::{Quoted, ShortSaleSet};

impl Naive {
    /// Returns true if an operator's command about a symbol can be carried out; rejects it
    /// otherwise.
    pub(super) fn may_change(&mut self, command: &Command) -> bool {
        if command.verdict != Reason::None {
            self.reject(command, OrderId(0), Side::Buy, command.verdict);
            return false;
        }
        if !self.is_traded(command.symbol) {
            self.reject_absent(command, OrderId(0), Side::Buy);
            return false;
        }
        true
    }

    /// Returns true if an operator's command can change a symbol now: no work is left of it.
    pub(super) fn may_set(&mut self, command: &Command) -> bool {
        let may_change = self.may_change(command);
        if may_change && self.work.is_busy {
            self.reject(command, OrderId(0), Side::Buy, Reason::Busy);
        }
        may_change && !self.work.is_busy
    }

    pub(super) fn set_quote(&mut self, command: &Command, bid: Price, offer: Price) {
        if !self.may_set(command) {
            return;
        }
        if bid < Price(0) || offer < Price(0) {
            return self.reject(command, OrderId(0), Side::Buy, Reason::InvalidPrice);
        }
        self.quotes.insert(command.symbol, (bid, offer));
        if (bid, offer) == (Price(0), Price(0)) {
            self.quotes.remove(&command.symbol);
        }
        self.reports.push(Quoted { bid, offer }.about(command.symbol));
        self.follow_quote(command.symbol);
        self.elect(command.symbol);
    }

    pub(super) fn set_short_sale(&mut self, command: &Command, restricted: bool, automatic: bool) {
        if self.may_set(command) {
            // Trades of an earlier command's work come before the new setting.
            self.has_fallen = false;
            self.falls.remove(&command.symbol);
            self.restrict(command.symbol, restricted, automatic);
        }
    }

    fn restrict(&mut self, symbol: SymbolId, restricted: bool, automatic: bool) {
        self.short_sales.insert(symbol, (restricted, automatic));
        if !restricted && !automatic {
            self.short_sales.remove(&symbol);
        }
        self.reports.push(ShortSaleSet { restricted, automatic }.about(symbol));
    }

    /// Returns true if an order may enter with this limit; zero for no limit.
    pub(super) fn passes_short_test(&self, symbol: SymbolId, side: Side, limit: Price) -> bool {
        let was_restricted =
            self.short_sales.get(&symbol).is_some_and(|(restricted, _)| *restricted);
        if side != Side::Short || !was_restricted && !self.has_fallen {
            return true;
        }
        self.tested_bid(symbol).is_none_or(|bid| limit > bid)
    }

    /// Returns the best known bid: of the quote, otherwise of the book while the symbol is open.
    pub(super) fn tested_bid(&self, symbol: SymbolId) -> Option<Price> {
        let quoted = self.quotes.get(&symbol).map(|(bid, _)| *bid).filter(|bid| bid.0 > 0);
        let ours = self.side(symbol, true).first().map(|order| order.price);
        let is_on = self.state(symbol) == SymbolState::Open && !self.is_uncrossing(symbol);
        quoted.or(ours.filter(|_| is_on))
    }

    /// Reports the restriction of short sales by a trade of this command.
    pub(super) fn restrict_after_fall(&mut self, symbol: SymbolId) {
        if self.has_fallen {
            self.falls.insert(symbol, 0);
            self.restrict(symbol, true, true);
        }
    }

    /// Returns true if a trade at this price begins a restriction: ten percent or more below the
    /// prior close, in a symbol that is set up so. It holds from that trade on.
    pub(super) fn is_fall(&self, symbol: SymbolId, price: Price) -> bool {
        let close = i128::from(self.symbols[&symbol].0.reference.0);
        let is_low = close > 0 && i128::from(price.0) * 10 <= close * 9;
        is_low && self.short_sales.get(&symbol) == Some(&(false, true))
    }

    /// Ends the restriction by a fall with the end of the trading day after that of the fall.
    pub(super) fn count_day_of_fall(&mut self, symbol: SymbolId) {
        let Some(days) = self.falls.get_mut(&symbol) else { return };
        *days += 1;
        if *days == 2 {
            self.falls.remove(&symbol);
            self.restrict(symbol, false, true);
        }
    }
}
