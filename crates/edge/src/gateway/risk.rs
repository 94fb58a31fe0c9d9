//! Risk limits: reasons to reject an order that has no other fault.
//!
//! Limits apply to a session, a firm or a symbol, and an order must keep all three. Limits span
//! symbols and therefore shards. So limits are checked here, before a command has its seqno, and
//! the journal holds the verdict with the command.
//!
//! The value of an order is its quantity times a price: its limit; for a stop without a limit, its
//! stop price; for a peg that buys, its bound, and for one that sells, the bid of the reference
//! quote; for other orders without a limit, the last price or the prior close. If no price is
//! known, an order has no value. A replaced order is valued by the terms that it has after the
//! replace.
//!
//! Beside the orders themselves, stops, pegs, hidden orders with a minimum and slices of icebergs
//! have limits of their own, because each of them makes later commands dearer. A venue on the
//! network has such limits for every session; a `risk` command can only lower them.

use crate::gateway::rate::Rate;
use ringside_core::clock::OfficialClock;
use ringside_core::registry::directory::Directory;
use ringside_core::registry::exposure::{Basis, ExposureView, Notional, Tally, Traits};
use ringside_core::registry::rules::RiskRules;
use ringside_model::command::{Command, Replace, RiskLimits};
use ringside_model::domain::{
    FirmId, Nanos, OrderId, Price, Quantity, RiskScope, SessionId, SymbolId,
};
use ringside_model::reason::Reason;
use ringside_planted::{Bug, planted};
use std::collections::{HashMap, VecDeque};

/// Desk that checks commands against the risk limits.
pub struct RiskDesk {
    exposures: ExposureView,
    rates: HashMap<(RiskScope, u32), Rate>,
    /// Accepted requests without an answer yet, in order: each may be open and may have traded.
    under_way: VecDeque<(RiskRequest, u64)>,
    /// Sum of `under_way`, by the three scopes and the number within each scope.
    reserved: [Vec<Reserved>; 3],
    /// Traits and quantities of the orders in `under_way` that have traits.
    special: HashMap<(SessionId, OrderId), (Traits, Quantity)>,
    /// Limits of the counts of every session.
    of_session: RiskLimits,
    clock: OfficialClock,
}

/// Time of a request, by the clocks of its limits.
#[derive(Clone, Copy, Debug)]
pub struct RequestTime {
    /// Time by the clock of the rates, in ns; `None` if no rate counts.
    pub rates_ns: Option<u64>,
    /// Official time that the request gives; `None` for that of the desk's clock.
    pub official: Option<Nanos>,
}

type Limited = (RiskScope, u32, RiskLimits);

/// Request to enter or replace an order, as the limits see it.
#[derive(Clone, Copy, Debug)]
pub struct RiskRequest {
    session: SessionId,
    id: OrderId,
    firm: FirmId,
    symbol: SymbolId,
    quantity: Quantity,
    value: Notional,
    traits: Traits,
    /// Addition to the open orders; a replacement can only add slices.
    adds: Tally,
    /// True for a buying peg without a bound: no value limit can hold it.
    is_unbounded: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reserved {
    adds: Tally,
    value: Notional,
}

/// Limit of a count: its reason, the count, and the largest count.
type CountLimit = (Reason, fn(&Tally) -> u64, fn(&RiskLimits) -> u64);

/// Limits of the counts, in the order in which they are checked.
const COUNTS: [CountLimit; 5] = [
    (Reason::RiskOpenOrders, |tally| tally.orders, |limits| limits.open_orders_max),
    (Reason::RiskStops, |tally| tally.stops, |limits| limits.stops_max),
    (Reason::RiskPegs, |tally| tally.pegs, |limits| limits.pegs_max),
    (Reason::RiskMinimums, |tally| tally.minimums, |limits| limits.minimums_max),
    (Reason::RiskSlices, |tally| tally.slices, |limits| limits.slices_max),
];

impl RiskDesk {
    /// Creates a desk that learns from `exposures` the results of orders.
    pub fn new(exposures: ExposureView) -> Self {
        let (under_way, reserved) = (VecDeque::new(), Default::default());
        let (rates, special) = (HashMap::new(), HashMap::new());
        let (of_session, clock) = (RiskLimits::default(), OfficialClock::of_machine());
        RiskDesk { exposures, rates, under_way, reserved, special, of_session, clock }
    }

    /// Sets the clock of requests that give no time.
    pub(super) fn with_clock(self, clock: OfficialClock) -> Self {
        RiskDesk { clock, ..self }
    }

    /// Sets limits on the live orders of every session, which a `risk` command can only lower: open
    /// orders, stops, pegs, minimums, slices. The other limits are not looked at.
    pub fn with_session_limits(self, of_session: RiskLimits) -> Self {
        RiskDesk { of_session, ..self }
    }

    /// Returns what the desk knows from the reports.
    pub(super) fn exposures(&self) -> &ExposureView {
        &self.exposures
    }

    /// Returns the request of a command that enters or replaces an order.
    #[inline]
    pub fn asked(&self, command: &Command, directory: &Directory) -> Option<RiskRequest> {
        let Command { session, symbol, action, .. } = *command;
        let (firm, quantity, limit) = match action.replaced() {
            Some(&Replace { id, quantity, price, .. }) => {
                (self.firm_of(session, id, directory), quantity, price)
            }
            None => {
                let enter = action.entered()?;
                (enter.firm, enter.quantity, enter.price)
            }
        };
        let (traits, adds) = self.added(command, quantity);
        let price = self.price_of(limit, traits.basis, symbol);
        let tick = directory.names().symbol(symbol).map(|symbol| Notional::of_tick(symbol.tick));
        let value = tick.unwrap_or_default().traded(price, quantity);
        let is_unbounded = limit.0 <= 0 && traits.basis == Some(Basis::BuyingPeg(Price(0)));
        let id = action.new_id()?;
        Some(RiskRequest { session, id, firm, symbol, quantity, value, traits, adds, is_unbounded })
    }

    /// Returns the price at which an order with this limit is valued; 0 if no price is known.
    fn price_of(&self, limit: Price, basis: Option<Basis>, symbol: SymbolId) -> Price {
        let own = match basis {
            _ if limit.0 > 0 => limit,
            Some(Basis::Stop(price) | Basis::BuyingPeg(price)) => price,
            Some(Basis::SellingPeg) => self.exposures.bid(symbol),
            None => Price(0),
        };
        if own.0 > 0 { own } else { self.exposures.last_price(symbol) }
    }

    /// Returns the traits of the order that a command leaves, and its addition to the open orders.
    fn added(&self, command: &Command, quantity: Quantity) -> (Traits, Tally) {
        let Some(&Replace { id, .. }) = command.action.replaced() else {
            let traits = Traits::of(&command.action);
            return (traits, Tally { orders: 1, ..traits.tally(quantity) });
        };
        let (before, slices) = match self.special.get(&(command.session, id)) {
            Some(&(traits, quantity)) => (traits, traits.tally(quantity).slices),
            None => self.exposures.traits(command.session, id),
        };
        let traits = before.replaced(&command.action);
        let Tally { minimums, slices: shown, .. } = traits.tally(quantity);
        let minimums = minimums.saturating_sub(before.has_minimum.into());
        let slices = shown.saturating_sub(slices);
        (traits, Tally { minimums, slices, ..Tally::default() })
    }

    /// Returns true if the verdict depends on the results of earlier orders.
    pub(crate) fn needs_answers(&self, command: &Command, directory: &Directory) -> bool {
        let rules = directory.rules().risk();
        if rules.is_empty() || !command.enters() {
            return false;
        }
        let is_replace = command.action.replaced().is_some();
        if is_replace && rules.has_firms() {
            return true;
        }
        let Some(asked) = self.asked(command, directory) else { return false };
        let has_limit = match (command.action.replaced(), command.action.entered()) {
            (Some(replace), _) => replace.price.0 > 0,
            (None, Some(enter)) => {
                let basis = asked.traits.basis;
                enter.price.0 > 0 || basis.is_some_and(|basis| basis != Basis::SellingPeg)
            }
            (None, None) => false,
        };
        asked.scopes().iter().any(|&(scope, number)| {
            let limits = rules.of(scope, number);
            let counts =
                |(_, count, most): &CountLimit| count(&asked.adds) > 0 && most(&limits) > 0;
            COUNTS.iter().any(counts)
                || is_replace && (limits.slices_max > 0 || limits.minimums_max > 0)
                || limits.gross_notional_max > 0
                || limits.notional_max > 0 && !has_limit
        })
    }

    /// Returns the reason to reject a request; [`Reason::None`] accepts it.
    #[inline]
    pub fn verdict(
        &mut self,
        asked: &RiskRequest,
        directory: &Directory,
        time: RequestTime,
    ) -> Reason {
        let rules = directory.rules().risk();
        if rules.is_empty() {
            let limits = [(RiskScope::Session, asked.session.0, self.of_session)];
            return self.full(asked, &limits, time).unwrap_or(Reason::None);
        }
        self.verdict_by_limits(asked, rules, time)
    }

    /// Counts an accepted request until it is answered. `ordinal` is its number among the commands
    /// of its session.
    #[inline]
    pub fn reserve(&mut self, asked: RiskRequest, ordinal: u64) {
        self.change_reserved(&asked, |reserved| {
            reserved.adds = reserved.adds.plus(asked.adds);
            reserved.value = reserved.value.plus(asked.value);
        });
        if asked.traits != Traits::default() {
            self.special.insert((asked.session, asked.id), (asked.traits, asked.quantity));
        }
        self.under_way.push_back((asked, ordinal));
    }

    /// Forgets the answered requests: the exposures count them now. Commands are answered in the
    /// order in which they were accepted.
    #[inline]
    pub fn settle(&mut self, is_answered: impl Fn(SessionId, u64) -> bool) {
        while let Some(&(asked, ordinal)) = self.under_way.front()
            && is_answered(asked.session, ordinal)
        {
            self.under_way.pop_front();
            self.change_reserved(&asked, |reserved| {
                reserved.adds = reserved.adds.minus(asked.adds);
                reserved.value = reserved.value.minus(asked.value);
            });
            if asked.traits != Traits::default() {
                self.special.remove(&(asked.session, asked.id));
            }
        }
    }

    #[inline(never)]
    fn verdict_by_limits(
        &mut self,
        asked: &RiskRequest,
        rules: &RiskRules,
        time: RequestTime,
    ) -> Reason {
        let limits = asked.scopes().map(|(scope, number)| {
            let limits = rules.of(scope, number);
            let is_session = scope == RiskScope::Session;
            (scope, number, if is_session { self.lowered(limits) } else { limits })
        });
        let any = |is_broken: &dyn Fn(RiskScope, u32, &RiskLimits) -> bool| {
            limits.iter().any(|(scope, number, limits)| is_broken(*scope, *number, limits))
        };
        if any(&|_, _, limits| limits.killed) {
            return Reason::Killed;
        }
        if any(&|_, _, limits| limits.quantity_max > 0 && asked.quantity.0 > limits.quantity_max) {
            return Reason::RiskQuantity;
        }
        if any(&|_, _, limits| {
            let is_limited = limits.notional_max > 0 || limits.gross_notional_max > 0;
            let is_above =
                limits.notional_max > 0 && asked.value > Notional::whole(limits.notional_max);
            is_above || is_limited && asked.is_unbounded
        }) {
            return Reason::RiskNotional;
        }
        if let Some(reason) = self.full(asked, &limits, time) {
            return reason;
        }
        if any(&|scope, number, limits| {
            let most = limits.gross_notional_max;
            let with_it = || self.may_be_traded(scope, number).plus(asked.value);
            most > 0 && with_it() > Notional::whole(most)
        }) {
            return Reason::RiskGross;
        }
        if time.rates_ns.is_some_and(|now_ns| !self.take_rates(&limits, now_ns)) {
            return Reason::RiskRate;
        }
        Reason::None
    }

    /// Returns the limits of a session, lowered to those of every session.
    fn lowered(&self, limits: RiskLimits) -> RiskLimits {
        let lower = |limit, every| match (limit, every) {
            (0, most) | (most, 0) => most,
            (limit, every) => std::cmp::min(limit, every),
        };
        let every = &self.of_session;
        RiskLimits {
            open_orders_max: lower(limits.open_orders_max, every.open_orders_max),
            stops_max: lower(limits.stops_max, every.stops_max),
            pegs_max: lower(limits.pegs_max, every.pegs_max),
            minimums_max: lower(limits.minimums_max, every.minimums_max),
            slices_max: lower(limits.slices_max, every.slices_max),
            ..limits
        }
    }

    /// Returns the reason of the first count that would be above a limit. Only then a clock is read
    /// for the orders that are over.
    #[inline]
    fn full(&self, asked: &RiskRequest, limits: &[Limited], time: RequestTime) -> Option<Reason> {
        self.count_above(asked, limits)?;
        let official = time.official.unwrap_or_else(|| self.clock.read());
        self.exposures.expire(official.max(self.exposures.time()));
        self.count_above(asked, limits)
    }

    #[inline]
    fn count_above(&self, asked: &RiskRequest, limits: &[Limited]) -> Option<Reason> {
        let mut live = [Tally::default(); 3];
        for (live, &(scope, number, ref limits)) in live.iter_mut().zip(limits) {
            if COUNTS.iter().any(|(.., most)| most(limits) > 0) {
                *live = self.may_be_live(scope, number);
            }
        }
        let is_above = |(_, count, most): &&CountLimit| {
            let adds = count(&asked.adds);
            let is_full = |(live, limits): (&Tally, &RiskLimits)| {
                most(limits) > 0 && count(live) + adds > most(limits)
            };
            adds > 0 && live.iter().zip(limits.iter().map(|(.., limits)| limits)).any(is_full)
        };
        COUNTS.iter().find(is_above).map(|(reason, ..)| *reason)
    }

    /// Takes a permission of each rate, or none at all.
    fn take_rates(&mut self, limits: &[Limited; 3], now_ns: u64) -> bool {
        let limited = limits.iter().filter(|(_, _, limits)| limits.orders_per_second_max > 0);
        let mut taken = [(RiskScope::Session, 0, Rate::default()); 3];
        let mut count = 0;
        for &(scope, number, RiskLimits { orders_per_second_max, .. }) in limited {
            let mut rate = self.rates.get(&(scope, number)).copied().unwrap_or_default();
            if !rate.take(orders_per_second_max, now_ns) {
                return false;
            }
            taken[count] = (scope, number, rate);
            count += 1;
        }
        self.rates
            .extend(taken[..count].iter().map(|&(scope, number, rate)| ((scope, number), rate)));
        true
    }

    fn firm_of(&self, session: SessionId, id: OrderId, directory: &Directory) -> FirmId {
        let of_session = || directory.names().session(session).map(|session| session.firm);
        self.exposures.firm_of(session, id).or_else(of_session).unwrap_or_default()
    }

    fn may_be_live(&self, scope: RiskScope, number: u32) -> Tally {
        self.exposures.tally(scope, number).plus(self.reserved(scope, number).adds)
    }

    fn may_be_traded(&self, scope: RiskScope, number: u32) -> Notional {
        self.exposures.traded(scope, number).plus(self.reserved(scope, number).value)
    }

    fn reserved(&self, scope: RiskScope, number: u32) -> Reserved {
        if planted(Bug::UnderWayForgotten) {
            return Reserved::default();
        }
        let of_scope = &self.reserved[scope as usize - 1];
        of_scope.get(number as usize).copied().unwrap_or_default()
    }

    #[inline]
    fn change_reserved(&mut self, asked: &RiskRequest, change: impl Fn(&mut Reserved)) {
        for (scope, number) in asked.scopes() {
            let (of_scope, number) = (&mut self.reserved[scope as usize - 1], number as usize);
            if of_scope.len() <= number {
                of_scope.resize(number + 1, Reserved::default());
            }
            change(&mut of_scope[number]);
        }
    }
}

impl RiskRequest {
    fn scopes(&self) -> [(RiskScope, u32); 3] {
        [
            (RiskScope::Session, self.session.0),
            (RiskScope::Firm, self.firm.0.into()),
            (RiskScope::Symbol, self.symbol.0),
        ]
    }
}

#[cfg(test)]
mod tests;
