//! New orders of a stream, and changes of orders.

use super::Generator;
use crate::oracle::naive::{Naive, Order};
use ringside_model::command::{
    Action, Command, Display, Enter, EnterIceberg, EnterSpecial, EnterStop, Modify, SpecialTerms,
};
use ringside_model::domain::{
    AtBand, AtShortTest, Capacity, FirmId, Nanos, OrderId, OrderType, Peg, PostOnly, Price,
    Quantity, SelfTrade, SessionId, Side, SymbolId, SymbolState, TimeInForce,
};

impl Generator {
    pub(super) fn enter(&mut self, venue: &Naive) -> Command {
        let (session, symbol) = (self.session(), self.symbol(venue));
        let id = self.new_id(venue, session, symbol);
        let side = *self.random.pick(&[
            Side::Buy,
            Side::Buy,
            Side::Buy,
            Side::Sell,
            Side::Short,
            Side::ShortExempt,
        ]);
        let post_only =
            *self.random.pick(&[PostOnly::Off, PostOnly::Off, PostOnly::Reject, PostOnly::Slide]);
        let mut order_type = OrderType::Limit;
        let mut tif = if self.random.in_1000(250) { TimeInForce::Gtc } else { TimeInForce::Day };
        if post_only == PostOnly::Off || self.random.in_1000(50) {
            use OrderType::{Limit, Market, MarketToLimit};
            order_type = *self.random.pick(&[Limit, Limit, Limit, Limit, Market, MarketToLimit]);
            if self.random.in_1000(300) {
                tif = *self.random.pick(TimeInForce::ALL);
            }
        }
        let is_priced = (order_type == OrderType::Limit) != self.random.in_1000(5);
        let price = if is_priced { self.price(symbol, side.is_buy()) } else { Price(0) };
        let enter = Enter {
            id,
            price,
            quantity: self.quantity(venue, symbol),
            firm: FirmId(*self.random.pick(&[0, 1, 2, 3, 4, u16::MAX])),
            group: *self.random.pick(&[0, 0, 0, 0, 1, 2, u16::MAX]),
            side,
            order_type,
            tif,
            post_only,
            self_trade: *self.random.pick(SelfTrade::ALL),
            capacity: *self.random.pick(Capacity::ALL),
            attributed: self.random.in_1000(300),
        };
        self.recent.push((session, id, symbol));
        if self.recent.len() > 64 {
            self.recent.remove(0);
        }
        let mut enter = enter;
        if self.profile.is_bounded && self.random.in_1000(120) {
            // More than a command can trade.
            enter.quantity.0 = enter.quantity.0.saturating_mul(4);
            enter.price = self.price(symbol, !side.is_buy());
            enter.order_type = OrderType::Limit;
        }
        let (verdict, chance) = (self.verdict(), self.profile.specials);
        let action = if self.random.in_1000(chance) {
            self.stop(venue, symbol, enter)
        } else if self.random.in_1000(chance) {
            self.iceberg(venue, symbol, enter)
        } else if symbol.0.is_multiple_of(2) && self.random.in_1000(2 * chance) {
            self.special(venue, symbol, enter)
        } else {
            Action::Enter(enter)
        };
        Command { session, symbol, verdict, action }
    }

    /// Turns an order into a stop, mostly a valid one. Now and then the last price has reached it
    /// already; in a call it waits then.
    pub(super) fn stop(&mut self, venue: &Naive, symbol: SymbolId, mut order: Enter) -> Action {
        if self.random.in_1000(950) {
            order.post_only = PostOnly::Off;
            order.tif = *self.random.pick(&[TimeInForce::Day, TimeInForce::Gtc]);
            let is_limit = order.price.0 > 0;
            order.order_type = if is_limit { OrderType::Limit } else { OrderType::Market };
        }
        let stop = self.stop_price(venue, symbol, order.side);
        Action::EnterStop(EnterStop { order, stop })
    }

    /// Makes a stop price where the limits of the other side are, or one that the last price has
    /// reached.
    pub(super) fn stop_price(&mut self, venue: &Naive, symbol: SymbolId, side: Side) -> Price {
        let last = venue.symbols.get(&symbol).and_then(|(_, last)| *last);
        let away = self.price(symbol, !side.is_buy());
        let Some(last) = last.filter(|_| self.random.in_1000(150)) else { return away };
        let past = self.random.below(3) as i64;
        Price(if side.is_buy() { last.0 - past } else { last.0 }.max(1))
    }

    /// Turns an order into an iceberg of a few slices, mostly a valid one.
    pub(super) fn iceberg(&mut self, venue: &Naive, symbol: SymbolId, mut order: Enter) -> Action {
        if self.random.in_1000(950) {
            order.tif = *self.random.pick(&[TimeInForce::Day, TimeInForce::Gtc]);
            order.order_type = OrderType::Limit;
            order.price.0 = order.price.0.max(1);
        }
        let display = self.display(venue, symbol, order.quantity);
        Action::EnterIceberg(EnterIceberg { order, display })
    }

    pub(super) fn display(
        &mut self,
        venue: &Naive,
        symbol: SymbolId,
        quantity: Quantity,
    ) -> Display {
        let lot = venue.symbols.get(&symbol).map_or(1, |(definition, _)| definition.lot.0);
        let is_small = self.profile.is_bounded;
        let mut size = || {
            if is_small {
                return lot * (1 + self.random.below(2));
            }
            let part = quantity.0 / lot.max(1) / (1 + self.random.below(6));
            if self.random.in_1000(20) { self.random.bits(64) } else { lot * part.max(1) }
        };
        let (next, least) = (size(), size());
        let most = least.max(size());
        let is_fixed = self.random.in_1000(600);
        let (least, most) = if is_fixed { (next, next) } else { (least, most) };
        Display { next, least, most, seed: self.random.next() }
    }

    /// Gives an order special terms, mostly valid ones.
    pub(super) fn special(&mut self, venue: &Naive, symbol: SymbolId, mut order: Enter) -> Action {
        let lot = venue.symbols.get(&symbol).map_or(1, |(definition, _)| definition.lot.0);
        let lots = order.quantity.0 / lot.max(1);
        let some = lot.wrapping_mul(1 + self.random.below(lots));
        let kind = self.random.below(20);
        let mut terms = SpecialTerms {
            at_band: *self.random.pick(AtBand::ALL),
            at_short_test: *self.random.pick(AtShortTest::ALL),
            ..SpecialTerms::NONE
        };
        if kind < 8 {
            order.order_type = OrderType::Limit;
            order.price.0 = order.price.0.max(1);
            order.tif = *self.random.pick(&[TimeInForce::Day, TimeInForce::Gtc]);
        }
        match kind {
            0..6 => {
                (terms.hidden, order.attributed) = (true, false);
                terms.min_quantity = Quantity(if self.random.in_1000(500) { some } else { 0 });
            }
            6..8 => order.tif = TimeInForce::Gtc,
            8..10 => {
                order.tif = TimeInForce::Ioc;
                terms.min_quantity = Quantity(some);
            }
            10..18 => {
                order.order_type = OrderType::Limit;
                order.tif =
                    *self.random.pick(&[TimeInForce::Day, TimeInForce::Gtc, TimeInForce::Gtc]);
                order.post_only = PostOnly::Off;
                terms.peg = *self.random.pick(&[Peg::Primary, Peg::Primary, Peg::Midpoint]);
                terms.hidden = terms.peg == Peg::Midpoint || self.random.in_1000(200);
                order.attributed &= !terms.hidden;
                terms.peg_limit = *self.random.pick(&[Price(0), order.price]);
                if terms.peg == Peg::Primary {
                    terms.peg_offset = *self.random.pick(&[0, 0, 1, 3, u32::MAX]);
                }
                order.price = Price(i64::from(self.random.in_1000(10)));
            }
            _ => {
                terms.hidden = self.random.in_1000(500);
                terms.min_quantity = Quantity(*self.random.pick(&[0, lot, some, u64::MAX]));
                terms.peg = *self.random.pick(&[Peg::None, Peg::None, Peg::Primary]);
                terms.expire = Nanos(*self.random.pick(&[0, 1, self.time, u64::MAX]));
            }
        }
        if kind < 8 && order.tif == TimeInForce::Gtc {
            let soon = self.time + self.random.below(60_000);
            terms.expire = Nanos(if self.random.in_1000(20) { self.time } else { soon });
        }
        // Between two auctions a minimum cannot be met; it can when the symbol opens.
        let collects = venue.state(symbol) != SymbolState::Open;
        if kind < 6 && collects && self.random.in_1000(700) {
            order.price = self.price(symbol, !order.side.is_buy());
            order.price.0 = order.price.0.max(1);
            terms.min_quantity = Quantity(some);
        }
        // An order that comes to rest at a band, as the only one there, and ends some time later.
        let has_bands = venue.bands.get(&symbol).is_some_and(|bands| bands.bps > 0);
        if matches!(kind, 6 | 7) && has_bands && self.random.in_1000(300) {
            let flow = self.flow(symbol).map(|at| self.profile.symbols[at].1);
            let far = if order.side.is_buy() { flow.map_or(1, |flow| flow.price_max) } else { 1 };
            (order.price, order.post_only) = (Price(far), PostOnly::Off);
            terms.at_band = AtBand::Reprice;
            let later = *self.random.pick(&[1, 5, 14, 15, 16]) * 1_000_000_000;
            terms.expire = Nanos(self.time + later);
        }
        // Orders of a quote at a band that end before the pause is due, at that time, or later.
        if let Some(&(buy, band, due)) = venue.limit_states.get(&symbol)
            && self.random.in_1000(300)
        {
            (order.order_type, order.tif) = (OrderType::Limit, TimeInForce::Gtc);
            order.side = if buy { Side::Buy } else { Side::Sell };
            (order.price, order.post_only) = (band, PostOnly::Off);
            let apart = *self.random.pick(&[0, 0, 1, 5, 14]) * 1_000_000_000;
            let later = self.random.in_1000(300);
            let end = if later { due + apart } else { due.saturating_sub(apart) };
            terms = SpecialTerms { expire: Nanos(end), ..SpecialTerms::NONE };
        }
        Action::EnterSpecial(EnterSpecial { order, terms })
    }

    /// Makes a modify: mostly between the two sell markings, sometimes to the other side of the
    /// book.
    pub(super) fn modify(&mut self, id: OrderId, order: Option<&Order>) -> Action {
        let sells = order.is_some_and(|order| !order.side.is_buy());
        let side = match self.random.below(10) {
            0..4 => None,
            4 => Some(*self.random.pick(Side::ALL)),
            _ if sells => Some(*self.random.pick(&Side::ALL[1..])),
            _ => Some(Side::Buy),
        };
        let quantity = self.random.in_1000(600).then(|| self.reduced(order));
        Action::Modify(Modify { id, side, quantity })
    }

    /// Picks an order to act on, mostly a live one.
    pub(super) fn known_order(
        &mut self,
        venue: &Naive,
    ) -> (SessionId, OrderId, SymbolId, Option<Order>) {
        let live = !venue.orders.is_empty() && !self.random.in_1000(80);
        let order = live.then(|| *self.random.pick(&venue.orders));
        let (session, id, mut symbol) = match order {
            Some(order) => (order.session, order.id, order.symbol),
            None if !self.recent.is_empty() && self.random.in_1000(800) => {
                *self.random.pick(&self.recent)
            }
            None => (self.session(), OrderId(self.random.bits(64)), self.symbol(venue)),
        };
        if self.random.in_1000(20) {
            symbol = self.symbol(venue);
        }
        (session, id, symbol, order)
    }

    /// Returns an id for a new order: mostly an unused one, sometimes an id that is or was in use,
    /// or one at the limits of the range.
    pub(super) fn new_id(
        &mut self,
        venue: &Naive,
        session: SessionId,
        symbol: SymbolId,
    ) -> OrderId {
        self.next_id += 1 + self.random.below(3);
        if self.profile.ids_cross_symbols {
            match self.random.below(200) {
                0 => return OrderId(*self.random.pick(&[0, 1, u64::MAX])),
                1..5 if !venue.orders.is_empty() => return self.random.pick(&venue.orders).id,
                5..10 if !self.recent.is_empty() => return self.random.pick(&self.recent).1,
                10..30 => return OrderId(self.random.next() | 1 << 63),
                _ => return OrderId(self.next_id),
            }
        }
        let used = venue.orders.iter().find(|o| o.session == session && o.symbol == symbol);
        match used {
            Some(order) if self.random.in_1000(20) => order.id,
            _ => OrderId(self.next_id << 32 | u64::from(symbol.0)),
        }
    }

    /// Returns a new total for an order, usually below the present one.
    pub(super) fn reduced(&mut self, order: Option<&Order>) -> Quantity {
        let total = order.map_or(10, |order| order.open + order.executed);
        Quantity(match self.random.below(20) {
            0 => 0,
            1 => total,
            2 => self.random.bits(64),
            3 => total.saturating_add(1),
            4 => order.map_or(1, |order| order.executed),
            // A multiple of every lot size in use.
            5..15 => self.random.below(total) / 100 * 100,
            _ => self.random.below(total),
        })
    }

    pub(super) fn quantity(&mut self, venue: &Naive, symbol: SymbolId) -> Quantity {
        let max = self.flow(symbol).map_or(10, |at| self.profile.symbols[at].1.quantity_max);
        let lot = venue.symbols.get(&symbol).map_or(1, |(definition, _)| definition.lot.0);
        Quantity(match self.random.below(200) {
            0 => 0,
            1 => u64::MAX,
            2 => lot + 1,
            _ if max == u64::MAX => self.random.bits(64).max(1),
            _ => lot * (1 + self.random.below(max)),
        })
    }

    /// Returns a price around the centre of the symbol, mostly on the passive side.
    pub(super) fn price(&mut self, symbol: SymbolId, buy: bool) -> Price {
        let at = self.flow(symbol).unwrap_or(0);
        let flow = self.profile.symbols[at].1;
        let random = &mut self.random;
        if random.in_1000(6) {
            return Price(*random.pick(&[0, 1, -1, i64::MIN, i64::MAX, flow.price_max]));
        }
        let clamp = |price: i128| price.clamp(1, i128::from(flow.price_max)) as i64;
        if random.in_1000(flow.jumps) {
            let distance = i128::from(random.bits(63));
            let far = i128::from(flow.price_max) - distance;
            self.centers[at] = clamp(if random.in_1000(500) { distance } else { far });
        } else if random.in_1000(20) {
            let step = i128::from(random.bits(flow.spread_bits - 1));
            let center = i128::from(self.centers[at]);
            self.centers[at] =
                clamp(if random.in_1000(500) { center + step } else { center - step });
        }
        let offset = i128::from(random.bits(flow.spread_bits));
        let down = buy != random.in_1000(150);
        let center = i128::from(self.centers[at]);
        Price(clamp(if down { center - offset } else { center + 1 + offset }))
    }
}
