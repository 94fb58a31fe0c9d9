//! Replaces of a stream.

use super::Generator;
use crate::oracle::naive::{Naive, Order};
use ringside_model::command::{
    Action, NamedSpecialTerms, NamedTerms, Replace, ReplaceTerms, SpecialTerms,
};
use ringside_model::domain::{Nanos, OrderId, Peg, Price, Quantity, SessionId, SymbolId};

impl Generator {
    pub(super) fn replace(
        &mut self,
        venue: &Naive,
        session: SessionId,
        id: OrderId,
        symbol: SymbolId,
        order: Option<&Order>,
    ) -> Action {
        let buy = order.is_none_or(|order| order.side.is_buy());
        let new_id = if self.random.in_1000(10) { id } else { self.new_id(venue, session, symbol) };
        let quantity = if self.random.in_1000(300) {
            self.reduced(order)
        } else {
            self.quantity(venue, symbol)
        };
        let price = match order {
            // No limit.
            Some(order) if order.is_for_auction() && self.random.in_1000(300) => Price(0),
            Some(order) if self.random.in_1000(200) => order.price,
            _ => self.price(symbol, buy),
        };
        self.recent.push((session, new_id, symbol));
        let replace = Replace { id, new_id, quantity, price };
        match order.filter(|_| self.profile.specials > 0) {
            Some(order) => self.replace_special(venue, replace, order),
            None => Action::Replace(replace),
        }
    }

    /// Makes a replace that fits the kind of an order, mostly one that names other terms of an
    /// order which has such terms.
    fn replace_special(&mut self, venue: &Naive, mut replace: Replace, order: &Order) -> Action {
        if order.is_peg() && self.random.in_1000(950) {
            replace.price = Price(0);
        }
        if order.is_stop() && self.random.in_1000(300) {
            replace.price = Price(0);
        }
        let has_terms = order.is_stop() || order.is_iceberg() || order.terms().is_some();
        if !self.random.in_1000(if has_terms { 600 } else { 60 }) {
            return Action::Replace(replace);
        }
        let kind = match self.random.below(20) {
            0 => 0,
            1 => 1,
            2 => 2,
            _ if order.is_stop() => 0,
            _ if order.is_iceberg() => 1,
            _ => 2,
        };
        let terms = match kind {
            0 => NamedTerms::Stop(self.stop_price(venue, order.symbol, order.side)),
            1 => NamedTerms::Display(self.display(venue, order.symbol, replace.quantity)),
            _ => match self.named_terms(venue, &replace, order) {
                named if named == NamedSpecialTerms::default() => return Action::Replace(replace),
                named => NamedTerms::Special(named),
            },
        };
        Action::ReplaceTerms(ReplaceTerms { replace, terms })
    }

    /// Makes special terms, mostly those that the order has.
    fn named_terms(
        &mut self,
        venue: &Naive,
        replace: &Replace,
        order: &Order,
    ) -> NamedSpecialTerms {
        let terms = order.terms().unwrap_or(SpecialTerms::NONE);
        let lot = venue.symbols.get(&order.symbol).map_or(1, |(definition, _)| definition.lot.0);
        let mut named = NamedSpecialTerms::default();
        if self.random.in_1000(if terms.hidden { 600 } else { 40 }) {
            let lots = self.random.below((replace.quantity.0 / lot.max(1)).saturating_add(2));
            let off = u64::from(self.random.in_1000(20));
            let least = lots.saturating_mul(lot).saturating_add(off);
            named.min_quantity = Some(Quantity(if self.random.in_1000(300) { 0 } else { least }));
        }
        let is_peg = terms.peg != Peg::None;
        if self.random.in_1000(if terms.peg == Peg::Primary { 500 } else { 40 }) {
            named.peg_offset = Some(self.random.below(4) as u32);
        }
        if self.random.in_1000(if is_peg { 500 } else { 40 }) {
            let limit = self.price(order.symbol, order.side.is_buy());
            named.peg_limit = Some(if self.random.in_1000(400) { Price(0) } else { limit });
        }
        if self.random.in_1000(if terms.expire.0 > 0 { 600 } else { 300 }) {
            let delay = *self.random.pick(&[0, 1, 20_000, 15_000_000_000, 60_000_000_000]);
            named.expire = Nanos(self.time + self.random.below(delay + 1));
        }
        named
    }
}
