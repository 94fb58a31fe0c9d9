//! Risk limits: why an order may not enter though nothing is wrong with it.
//!
//! Limits are for a session, a firm or an instrument, and an order must keep those of all three. They span instruments
//! and so the shards of the matching: they are looked at here, before a command has its place, and what was found goes
//! into the journal with it.
//!
//! The value of an order is its quantity times its limit, of a stop without a limit times its stop price, of all others
//! without a limit times the last price or the prior close. Where no price is known an order has no value.

use crate::command::{Action, Command, RiskLimits};
use crate::directory::Directory;
use crate::domain::{FirmId, OrderId, Quantity, RiskScope, SessionId, SymbolId};
use crate::exposure::{Exposures, Value};
use crate::gateway::rate::Rate;
use crate::planted::{Bug, planted};
use crate::reason::Reason;
use std::collections::{HashMap, VecDeque};

/// Gives the verdicts.
pub struct RiskDesk {
    exposures: Exposures,
    rates: HashMap<(RiskScope, u32), Rate>,
    /// What was let in and has no answer yet, in order: it may be open and may have traded.
    under_way: VecDeque<(Asked, u64)>,
    /// What that comes to, by the three scopes and the number within them.
    reserved: [Vec<Reserved>; 3],
}

/// What somebody asks to be let in.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    session: SessionId,
    firm: FirmId,
    symbol: SymbolId,
    quantity: Quantity,
    value: Value,
    /// Whether it comes on top of what is open: what replaces an order does not.
    is_new: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reserved {
    orders: u64,
    value: Value,
}

impl RiskDesk {
    /// A desk that hears through `exposures` what became of orders.
    pub fn new(exposures: Exposures) -> Self {
        let (under_way, reserved) = (VecDeque::new(), Default::default());
        RiskDesk { exposures, rates: HashMap::new(), under_way, reserved }
    }

    /// What a command asks to be let in, if it does.
    #[inline]
    pub fn asked(&self, command: &Command, directory: &Directory) -> Option<Asked> {
        let Command { session, symbol, action, .. } = *command;
        let (firm, quantity, limit) = match action {
            Action::Replace { id, quantity, price, .. } => {
                (self.firm_of(session, id, directory), quantity, price)
            }
            _ => {
                let enter = action.entered()?;
                (enter.firm, enter.quantity, enter.price)
            }
        };
        let price = match action {
            _ if limit.0 > 0 => limit,
            Action::EnterStop(stop) => stop.stop,
            _ => self.exposures.last_price(symbol),
        };
        let tick = directory.symbol(symbol).map(|symbol| Value::of_tick(symbol.tick));
        let value = tick.unwrap_or_default().traded(price, quantity);
        let is_new = !matches!(action, Action::Replace { .. });
        Some(Asked { session, firm, symbol, quantity, value, is_new })
    }

    /// Whether the verdict depends on what became of earlier orders.
    pub fn needs_answers(&self, command: &Command, directory: &Directory) -> bool {
        let rules = directory.standing().risk();
        if rules.is_empty() || !command.enters() {
            return false;
        }
        let is_replace = matches!(command.action, Action::Replace { .. });
        if is_replace && rules.has_firms() {
            return true;
        }
        let Some(asked) = self.asked(command, directory) else { return false };
        let has_limit = match command.action {
            Action::EnterStop(_) => true,
            Action::Replace { price, .. } => price.0 > 0,
            action => action.entered().is_some_and(|enter| enter.price.0 > 0),
        };
        asked.scopes().iter().any(|&(scope, number)| {
            let limits = rules.of(scope, number);
            limits.open_orders_max > 0 && asked.is_new
                || limits.gross_notional_max > 0
                || limits.notional_max > 0 && !has_limit
        })
    }

    /// Why it may not be let in; [`Reason::None`] if it may. `now_ns` is not given where there is no clock: then no rate
    /// counts.
    #[inline]
    pub fn verdict(&mut self, asked: &Asked, directory: &Directory, now_ns: Option<u64>) -> Reason {
        if directory.standing().risk().is_empty() {
            return Reason::None;
        }
        self.verdict_by_limits(asked, directory, now_ns)
    }

    /// Counts what was let in until it is answered. `ordinal` is its place among the commands of its session.
    #[inline]
    pub fn reserve(&mut self, asked: Asked, ordinal: u64) {
        self.change_reserved(&asked, |reserved, orders| {
            reserved.orders += orders;
            reserved.value = reserved.value.plus(asked.value);
        });
        self.under_way.push_back((asked, ordinal));
    }

    /// Forgets what has been answered: it is in the counts now. Commands are answered in the order in which they were let
    /// in.
    #[inline]
    pub fn settle(&mut self, is_answered: impl Fn(SessionId, u64) -> bool) {
        while let Some(&(asked, ordinal)) = self.under_way.front()
            && is_answered(asked.session, ordinal)
        {
            self.under_way.pop_front();
            self.change_reserved(&asked, |reserved, orders| {
                reserved.orders -= orders;
                reserved.value = reserved.value.minus(asked.value);
            });
        }
    }

    #[inline(never)]
    fn verdict_by_limits(
        &mut self,
        asked: &Asked,
        directory: &Directory,
        now_ns: Option<u64>,
    ) -> Reason {
        let rules = directory.standing().risk();
        let limits = asked.scopes().map(|(scope, number)| (scope, number, rules.of(scope, number)));
        let breaks: [(Reason, &dyn Fn(RiskScope, u32, &RiskLimits) -> bool); 5] = [
            (Reason::Killed, &|_, _, limits| limits.killed),
            (Reason::RiskQuantity, &|_, _, limits| {
                limits.quantity_max > 0 && asked.quantity.0 > limits.quantity_max
            }),
            (Reason::RiskNotional, &|_, _, limits| {
                limits.notional_max > 0 && asked.value > Value::whole(limits.notional_max)
            }),
            (Reason::RiskOpenOrders, &|scope, number, limits| {
                let may_be_open = || {
                    let under_way = self.reserved(scope, number).orders;
                    self.exposures.open(scope, number) + under_way
                };
                asked.is_new
                    && limits.open_orders_max > 0
                    && may_be_open() >= limits.open_orders_max
            }),
            (Reason::RiskGross, &|scope, number, limits| {
                let may_be_traded = || {
                    let under_way = self.reserved(scope, number).value;
                    self.exposures.traded(scope, number).plus(under_way).plus(asked.value)
                };
                limits.gross_notional_max > 0
                    && may_be_traded() > Value::whole(limits.gross_notional_max)
            }),
        ];
        for (reason, is_broken) in breaks {
            if limits.iter().any(|(scope, number, limits)| is_broken(*scope, *number, limits)) {
                return reason;
            }
        }
        if now_ns.is_some_and(|now_ns| !self.take_rates(&limits, now_ns)) {
            return Reason::RiskRate;
        }
        Reason::None
    }

    /// Takes a permission of each rate, or none at all.
    fn take_rates(&mut self, limits: &[(RiskScope, u32, RiskLimits); 3], now_ns: u64) -> bool {
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
        let of_session = || directory.session(session).map(|session| session.firm);
        self.exposures.firm_of(session, id).or_else(of_session).unwrap_or_default()
    }

    fn reserved(&self, scope: RiskScope, number: u32) -> Reserved {
        if planted(Bug::UnderWayForgotten) {
            return Reserved::default();
        }
        let of_scope = &self.reserved[scope as usize - 1];
        of_scope.get(number as usize).copied().unwrap_or_default()
    }

    #[inline]
    fn change_reserved(&mut self, asked: &Asked, change: impl Fn(&mut Reserved, u64)) {
        for (scope, number) in asked.scopes() {
            let (of_scope, number) = (&mut self.reserved[scope as usize - 1], number as usize);
            if of_scope.len() <= number {
                of_scope.resize(number + 1, Reserved::default());
            }
            change(&mut of_scope[number], asked.is_new.into());
        }
    }
}

impl Asked {
    fn scopes(&self) -> [(RiskScope, u32); 3] {
        [
            (RiskScope::Session, self.session.0),
            (RiskScope::Firm, self.firm.0.into()),
            (RiskScope::Symbol, self.symbol.0),
        ]
    }
}
