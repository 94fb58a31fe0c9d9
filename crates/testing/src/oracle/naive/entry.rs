//! New orders of the naive venue.

use super::{Naive, Order, reaches};
use ringside_model::command::{Command, Enter, SpecialTerms};
use ringside_model::domain::{
    AtBand, AtShortTest, OrderNumber, OrderType, PostOnly, Price, Side, SymbolId, SymbolState,
    TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Accepted, Restated};

impl Naive {
    pub(super) fn enter(&mut self, number: OrderNumber, command: &Command, enter: &Enter) {
        let limit = match self.check_enter(command, enter) {
            Ok(limit) => limit,
            Err(reason) => return self.reject_enter(command, enter, reason),
        };
        let number = self.own_place(number);
        self.begin(Order::new(number, command, enter, limit), enter);
    }

    /// Begins a new order: it waits, or trades and books the rest.
    pub(super) fn begin(&mut self, mut incoming: Order, enter: &Enter) {
        let (symbol, limit) = (incoming.symbol, incoming.price);
        let bound = if enter.order_type == OrderType::Limit {
            limit
        } else {
            self.collar(symbol, enter.side.is_buy())
        };
        self.say(Accepted { stop: None }, &incoming, incoming.open);
        if self.state(symbol) != SymbolState::Open || incoming.is_for_auction() {
            return self.put(incoming);
        }

        let is_fok = enter.tif == TimeInForce::Fok;
        if is_fok && self.tradable(&incoming, bound) < incoming.open {
            return self.cut(&mut incoming, enter.quantity.0, Reason::FokNotFillable);
        }
        let last_fill = self.match_incoming(&mut incoming, bound);
        if incoming.open > 0 {
            self.settle_rest(incoming, enter, last_fill, bound);
        }
        self.elect(symbol);
    }

    /// Returns the limit at which a new order would book, or the reason of its reject.
    pub(super) fn check_enter(&self, command: &Command, enter: &Enter) -> Result<Price, Reason> {
        self.check_terms(command, enter)?;
        let whose = (enter.side, enter.tif, None);
        self.entry_limit(command.symbol, whose, enter.price, enter.post_only)
    }

    /// Returns the limit of an order at its entry. First the bands bound the limit, then post-only
    /// is applied, and the result must pass the short sale test.
    pub(super) fn entry_limit(
        &self,
        symbol: SymbolId,
        (side, tif, terms): (Side, TimeInForce, Option<SpecialTerms>),
        limit: Price,
        post_only: PostOnly,
    ) -> Result<Price, Reason> {
        let (buy, wanted) = (side.is_buy(), limit);
        let limit = self.banded(symbol, buy, tif, limit);
        if limit != wanted && terms.is_some_and(|terms| terms.at_band == AtBand::Cancel) {
            return Err(Reason::PriceBand);
        }
        let passive = self.passive_price(symbol, buy, limit, post_only);
        let limit = passive.ok_or(Reason::PostOnlyWouldCross)?;
        if self.passes_short_test(symbol, side, limit) {
            return Ok(limit);
        }
        let slides = terms.is_some_and(|terms| terms.at_short_test == AtShortTest::Slide);
        match self.tested_bid(symbol) {
            Some(Price(bid)) if slides && limit.0 != 0 && bid < i64::MAX => Ok(Price(bid + 1)),
            _ => Err(Reason::ShortRestricted),
        }
    }

    /// Returns the reason to reject a new order that does not depend on resting orders.
    pub(super) fn check_terms(&self, command: &Command, enter: &Enter) -> Result<(), Reason> {
        if command.verdict != Reason::None {
            return Err(command.verdict);
        }
        if !self.is_traded(command.symbol) {
            return Err(self.absence(command.symbol).0);
        }
        let (definition, _) = &self.symbols[&command.symbol];
        if self.find(command.session, enter.id).is_some() || self.waits(command.session, enter.id) {
            return Err(Reason::DuplicateId);
        }
        if let Some(reason) = self.closed_to(command.symbol) {
            return Err(reason);
        }
        if enter.quantity.0 == 0 {
            return Err(Reason::InvalidQuantity);
        }
        if !enter.quantity.0.is_multiple_of(definition.lot.0) {
            return Err(Reason::OffLot);
        }
        let is_limit = enter.order_type == OrderType::Limit;
        let price_ok = if is_limit { enter.price.0 >= 1 } else { enter.price.0 == 0 };
        if !price_ok {
            return Err(Reason::InvalidPrice);
        }
        let may_rest = matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc);
        let for_auction = !may_rest && !matches!(enter.tif, TimeInForce::Ioc | TimeInForce::Fok);
        if enter.post_only != PostOnly::Off && !(is_limit && may_rest) {
            return Err(Reason::Unsupported);
        }
        let is_market_to_limit = enter.order_type == OrderType::MarketToLimit;
        if is_market_to_limit && (enter.tif == TimeInForce::Fok || for_auction) {
            return Err(Reason::Unsupported);
        }
        self.admit(command.symbol, enter.order_type, enter.tif)
    }

    /// Returns the limit at which an order books under its post-only option; `None` if it cannot
    /// book.
    fn passive_price(
        &self,
        symbol: SymbolId,
        buy: bool,
        limit: Price,
        post_only: PostOnly,
    ) -> Option<Price> {
        let touch = self.side(symbol, !buy).first().map(|best| best.price);
        match touch {
            // No order takes liquidity during a call.
            _ if self.state(symbol) != SymbolState::Open => Some(limit),
            Some(touch) if post_only != PostOnly::Off && reaches(buy, limit, touch) => {
                let passive = if buy { touch.0 - 1 } else { touch.0.checked_add(1)? };
                (post_only == PostOnly::Slide && passive >= 1).then_some(Price(passive))
            }
            _ => Some(limit),
        }
    }

    /// Books or cancels the rest of a new order after matching.
    fn settle_rest(
        &mut self,
        mut rest: Order,
        enter: &Enter,
        last_fill: Option<Price>,
        bound: Price,
    ) {
        let is_ioc = enter.tif == TimeInForce::Ioc;
        let reason = match (enter.order_type, last_fill) {
            (OrderType::Limit, _) if !is_ioc => return self.put(rest),
            (OrderType::MarketToLimit, Some(price)) if !is_ioc => {
                rest.price = price;
                self.say(Restated {}, &rest, rest.open);
                return self.put(rest);
            }
            (OrderType::Limit, _) | (OrderType::MarketToLimit, Some(_)) => Reason::IocRemainder,
            _ => self.why_no_more(&rest, bound),
        };
        let open = rest.open;
        self.cut(&mut rest, open, reason);
    }
}
