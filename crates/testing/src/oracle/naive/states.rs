//! Session states and auctions of the naive venue.

use super::bands::within_reach;
use super::work::{Owed, Uncross};
use super::{Naive, Order, reaches};
use ringside_model::command::{Command, SetState};
use ringside_model::domain::{
    Auction, Nanos, OrderId, OrderType, Price, Quantity, Side, SymbolId, SymbolState, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Crossed, Executed, Indicative, StateChanged, Subject};
use std::collections::BTreeSet;

/// Result of an auction at this moment: price, quantity, and bids minus offers at that price.
pub type Indication = Option<(Price, u128, i128)>;

impl Naive {
    pub fn state(&self, symbol: SymbolId) -> SymbolState {
        self.states.get(&symbol).copied().unwrap_or(SymbolState::Open)
    }

    /// Returns true if orders trade on entry: the symbol is open, and the day is on.
    pub(super) fn trades_continuously(&self, symbol: SymbolId) -> bool {
        self.state(symbol) == SymbolState::Open && !self.day_over
    }

    /// Returns the reason why no order can enter now.
    pub(super) fn closed_to(&self, symbol: SymbolId) -> Option<Reason> {
        match self.state(symbol) {
            _ if self.work.is_busy => Some(Reason::Busy),
            _ if self.day_over => Some(Reason::Closed),
            SymbolState::Closed => Some(Reason::Closed),
            SymbolState::Halted => Some(Reason::Halted),
            SymbolState::CancelOnly => Some(Reason::CancelOnly),
            _ => None,
        }
    }

    /// Returns an error if an order is not accepted in the state of its symbol: during a call only
    /// an order that can wait is accepted.
    pub(super) fn admit(
        &self,
        symbol: SymbolId,
        order_type: OrderType,
        tif: TimeInForce,
    ) -> Result<(), Reason> {
        let state = self.state(symbol);
        let can_wait = match tif {
            TimeInForce::AtOpen if state != SymbolState::PreOpen => {
                return Err(Reason::AuctionOver);
            }
            TimeInForce::AtOpen | TimeInForce::AtClose | TimeInForce::Auction => true,
            TimeInForce::Day | TimeInForce::Gtc => order_type == OrderType::Limit,
            TimeInForce::Ioc | TimeInForce::Fok => false,
        };
        if can_wait || state == SymbolState::Open { Ok(()) } else { Err(Reason::NotInCall) }
    }

    /// Returns the orders that wait for an auction beside a book: by time in force, orders without
    /// a limit first, then bids first, then by priority.
    pub(super) fn beside(&self, symbol: SymbolId) -> Vec<Order> {
        let waits = |order: &&Order| order.symbol == symbol && order.is_for_auction();
        let mut waiting: Vec<Order> = self.orders.iter().filter(waits).copied().collect();
        waiting.sort_by_key(|order| {
            let sells = !order.side.is_buy();
            let rank = if sells { order.price.0 } else { -order.price.0 };
            (order.tif as u8, order.price.0 != 0, sells, rank, order.time())
        });
        waiting
    }

    /// Returns one side of an auction in trading order.
    fn side_in(&self, symbol: SymbolId, auction: Auction, buy: bool) -> Vec<Order> {
        let mut side = self.in_every_auction(symbol, buy);
        side.extend(
            self.beside(symbol)
                .into_iter()
                .filter(|order| order.side.is_buy() == buy && takes_part(order.tif, auction)),
        );
        side.sort_by_key(|order| {
            let rank = if buy { -order.price.0 } else { order.price.0 };
            (order.price.0 != 0, rank, order.is_non_displayed(), order.time())
        });
        side
    }

    pub(super) fn set_state(&mut self, command: &Command, asked: &SetState) {
        let (symbol, state) = (command.symbol, asked.state);
        if self.may_set(command) && self.may_have(command, state) {
            self.plans.remove(&symbol);
            match asked.collar_off {
                true => self.enter_state(symbol, state, false),
                false => self.enter_state_in_time(symbol, state, None),
            }
        }
    }

    /// Returns true if a symbol may have a state now; rejects the command otherwise. Between two
    /// days nothing opens and no call begins.
    pub(super) fn may_have(&mut self, command: &Command, state: SymbolState) -> bool {
        use SymbolState::{CancelOnly, Closed, Halted};
        let is_served = !self.day_over || matches!(state, Closed | Halted | CancelOnly);
        if !is_served {
            self.reject(command, OrderId(0), Side::Buy, Reason::Closed);
        }
        is_served
    }

    /// Ends the day of a symbol, after the orders of the day have ended: a call ends without its
    /// auction, and nothing is planned any more.
    pub(super) fn end_day_of(&mut self, symbol: SymbolId) {
        self.plans.remove(&symbol);
        self.drop_work(symbol);
        if auction_of(self.state(symbol)).is_some() {
            self.close(symbol);
        }
        self.park_all(symbol);
    }

    /// Closes a symbol without an auction.
    pub(super) fn close(&mut self, symbol: SymbolId) {
        let state = SymbolState::Closed;
        self.states.insert(symbol, state);
        self.reopenings.remove(&symbol);
        self.extended.remove(&symbol);
        self.told.remove(&symbol);
        self.reports.push(StateChanged { state, reopens_at: Nanos(0) }.about(symbol));
    }

    /// Returns the auction of a call that a change to a state ends.
    pub(super) fn auction_ended_by(&self, symbol: SymbolId, state: SymbolState) -> Option<Auction> {
        let before = self.state(symbol);
        let ends = match state {
            SymbolState::Open => true,
            SymbolState::Closed => before == SymbolState::ClosingCall,
            _ => false,
        };
        auction_of(before).filter(|_| ends)
    }

    /// Changes the state of a symbol and removes the timers of the state before. An auction trades
    /// within its collar, or beyond it.
    pub(super) fn enter_state(&mut self, symbol: SymbolId, state: SymbolState, has_collar: bool) {
        self.reopenings.remove(&symbol);
        let (before, call) = (self.state(symbol), self.auction_ended_by(symbol, state));
        self.states.insert(symbol, state);
        if state == SymbolState::Open {
            self.states.remove(&symbol);
        }
        if before != state {
            self.told.remove(&symbol);
            self.extended.remove(&symbol);
        }
        let changed = StateChanged { state, reopens_at: Nanos(0) };
        self.reports.push(changed.about(symbol));
        if state != SymbolState::Open {
            self.park_all(symbol);
        }
        let opens_crossed = state == SymbolState::Open && self.is_crossed(symbol);
        match call.or(opens_crossed.then_some(Auction::Reopening)) {
            Some(auction) => self.uncross(symbol, auction, has_collar),
            None => self.end_auction(symbol, None, None),
        }
        self.elect(symbol);
    }

    /// Does what follows an auction, or a change of state without one.
    fn end_auction(&mut self, symbol: SymbolId, uncross: Option<Uncross>, price: Option<Price>) {
        let auction = uncross.map(|uncross| uncross.auction);
        let is_limited = uncross.is_some_and(|uncross| uncross.is_limited);
        let state = self.state(symbol);
        for order in self.beside(symbol) {
            let had_its_auction = auction.is_some_and(|auction| takes_part(order.tif, auction));
            let missed_it = order.tif == TimeInForce::AtOpen && state == SymbolState::Open;
            if had_its_auction || missed_it {
                self.end(order, Reason::AuctionLeftover);
            }
        }
        if state == SymbolState::Open && is_limited && self.is_crossed(symbol) {
            return self.halt_at_collar(symbol);
        }
        if state == SymbolState::Open {
            if let Some(price) = price {
                self.follow_auction(symbol, price);
            }
            self.reprice(symbol, true);
        }
    }

    pub(super) fn is_crossed(&self, symbol: SymbolId) -> bool {
        let best = |buy| self.in_every_auction(symbol, buy).first().map(|order| order.price);
        best(true).zip(best(false)).is_some_and(|(bid, offer)| bid >= offer)
    }

    /// Publishes the result of an auction, and carries it out.
    fn uncross(&mut self, symbol: SymbolId, auction: Auction, has_collar: bool) {
        let (indication, is_limited) = self.result(symbol, auction, has_collar);
        let (price, matched, _) = indication.unwrap_or((Price(0), 0, 0));
        self.reports.push(Crossed { auction }.about(Subject {
            price,
            quantity: Quantity(matched.try_into().unwrap_or(u64::MAX)),
            ..Subject::from(symbol)
        }));
        let uncross = Uncross { auction, price, has_traded: false, is_limited, has_collar };
        if indication.is_none() {
            self.end_auction(symbol, Some(uncross), None);
        } else if self.cross_all(symbol, uncross) {
            self.end_auction(symbol, Some(uncross), Some(price));
        }
    }

    /// Goes on with an auction. If orders were cancelled since it began, the orders that are left
    /// may be crossed: then there is another auction, without a collar if the first had none.
    pub(super) fn go_on_uncrossing(&mut self, symbol: SymbolId, uncross: Uncross) {
        let auction = uncross.auction;
        if !self.cross_all(symbol, uncross) {
            return;
        }
        let can_be_crossed = self.state(symbol) == SymbolState::Open && !uncross.is_limited;
        let is_crossed = can_be_crossed && self.is_crossed(symbol);
        if is_crossed && self.indication(symbol, auction).is_some() {
            return self.uncross(symbol, auction, uncross.has_collar);
        }
        let price = self.traded_at.last().copied();
        self.end_auction(symbol, Some(uncross), price);
    }

    /// Trades all participating orders at the one price, the best limits first and then the oldest.
    /// Returns false if the command has no work left for the next trade.
    fn cross_all(&mut self, symbol: SymbolId, mut uncross: Uncross) -> bool {
        while let Some(pair) = self.next_to_cross(symbol, &uncross) {
            let quantity = pair[0].shown().min(pair[1].shown());
            if !self.may_trade(&pair, quantity) {
                self.owed.insert(symbol, Owed::Uncross(uncross));
                return false;
            }
            uncross.has_traded = true;
            self.cross(pair, quantity, &uncross);
        }
        if uncross.has_traded {
            self.note_trade(symbol, uncross.price);
        }
        true
    }

    /// Returns the first orders of both sides that may trade at the price, the older one first.
    fn next_to_cross(&self, symbol: SymbolId, uncross: &Uncross) -> Option<[Order; 2]> {
        let [bid, offer] = [true, false].map(|buy| {
            let first = self.side_in(symbol, uncross.auction, buy).first().copied();
            first.filter(|o| o.price.0 == 0 || reaches(buy, o.price, uncross.price))
        });
        let mut pair = [bid?, offer?];
        pair.sort_by_key(Order::time);
        Some(pair)
    }

    fn cross(&mut self, mut pair: [Order; 2], quantity: u64, uncross: &Uncross) {
        self.work.trades += 1;
        for i in [0, 1] {
            let mut order = pair[i];
            order.fill(quantity);
            let executed = Executed {
                trade: self.work.trades,
                contra: pair[1 - i].number,
                removed: i == 1,
                auction: Some(uncross.auction),
            };
            self.say(executed, &Order { price: uncross.price, ..order }, quantity);
            self.put(order);
            pair[i] = order;
        }
        pair.into_iter().for_each(|order| self.refresh(order));
    }

    /// Reports the indication of a symbol in a call, if it has changed.
    pub(super) fn indicate(&mut self, symbol: SymbolId) {
        let Some(auction) = auction_of(self.state(symbol)) else { return };
        let now = self.indication(symbol, auction);
        let told = self.told.get(&symbol).copied().unwrap_or(None);
        if now == told {
            return;
        }
        self.told.insert(symbol, now);
        if now.is_none() {
            self.told.remove(&symbol);
        }
        let (price, matched, surplus) = now.unwrap_or((Price(0), 0, 0));
        let saturated = |quantity: u128| Quantity(quantity.try_into().unwrap_or(u64::MAX));
        self.reports.push(Indicative { auction: Some(auction) }.about(Subject {
            side: if surplus < 0 { Side::Sell } else { Side::Buy },
            price,
            quantity: saturated(matched),
            open: saturated(surplus.unsigned_abs()),
            ..Subject::from(symbol)
        }));
    }

    /// Applies the rules of the uncross price, tick by tick. All ticks between two limits are
    /// equal, so only the outer ones and the reference are tried.
    pub fn indication(&self, symbol: SymbolId, auction: Auction) -> Indication {
        self.indication_within(symbol, auction, self.static_bands(symbol))
    }

    /// Returns the indication of an auction at the ticks from the lowest to the highest of these
    /// prices. Limits beyond count at the edge.
    pub(super) fn indication_within(
        &self,
        symbol: SymbolId,
        auction: Auction,
        (low, high): (i64, i64),
    ) -> Indication {
        let [bids, offers] =
            [true, false].map(|buy| within_reach(self.side_in(symbol, auction, buy), (low, high)));
        let (definition, last_trade) = &self.symbols[&symbol];
        let reference = match last_trade.unwrap_or(definition.reference).0 {
            0 => 0,
            reference => reference.max(low).min(high),
        };
        let limits = bids.iter().chain(&offers).map(|order| order.price.0);
        let mut limits: Vec<i64> = limits.filter(|&limit| limit != 0).collect();
        let has_market = |side: &[Order]| side.iter().any(|order| order.price.0 == 0);
        if has_market(&bids) && has_market(&offers) && reference != 0 {
            limits.push(reference);
        }
        let (first, last) = (*limits.iter().min()?, *limits.iter().max()?);
        let near = limits.iter().flat_map(|p| [p - 1, *p, p.saturating_add(1)]);
        let ticks: BTreeSet<i64> =
            near.chain([reference]).filter(|p| (first..=last).contains(p)).collect();
        let sum = |orders: &[Order], counts: &dyn Fn(i64) -> bool| -> i128 {
            let counted = orders.iter().filter(|o| o.price.0 == 0 || counts(o.price.0));
            counted.map(|order| i128::from(order.open)).sum()
        };
        let at = |p: i64| {
            let demand = sum(&bids, &|limit| limit >= p);
            let supply = sum(&offers, &|limit| limit <= p);
            (demand.min(supply), demand - supply)
        };
        let most = ticks.iter().map(|&p| at(p).0).max()?;
        if most == 0 {
            return None;
        }
        let ticks = ticks.into_iter().filter(|&p| at(p).0 == most);
        let ticks: Vec<i64> = ticks.collect();
        let least = ticks.iter().map(|&p| at(p).1.abs()).min()?;
        let ticks: Vec<i64> = ticks.into_iter().filter(|&p| at(p).1.abs() == least).collect();
        let (lowest, highest) = (ticks[0], ticks[ticks.len() - 1]);
        let price = if ticks.iter().all(|&p| at(p).1 > 0) {
            highest
        } else if ticks.iter().all(|&p| at(p).1 < 0) {
            lowest
        } else if reference == 0 {
            lowest + (highest - lowest) / 2
        } else {
            reference.max(lowest).min(highest)
        };
        Some((Price(price), most as u128, at(price).1))
    }
}

fn takes_part(tif: TimeInForce, auction: Auction) -> bool {
    match tif {
        TimeInForce::AtOpen => matches!(auction, Auction::Opening | Auction::Reopening),
        TimeInForce::AtClose => auction == Auction::Closing,
        tif => tif == TimeInForce::Auction,
    }
}

fn auction_of(state: SymbolState) -> Option<Auction> {
    match state {
        SymbolState::PreOpen => Some(Auction::Opening),
        SymbolState::ReopeningCall => Some(Auction::Reopening),
        SymbolState::ClosingCall => Some(Auction::Closing),
        _ => None,
    }
}
