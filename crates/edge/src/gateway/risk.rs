//! Risk limits: reasons to reject an order that has no other fault.
//!
//! Limits apply to a session, a firm or a symbol, and an order must keep all three. Limits span
//! symbols and therefore shards. So limits are checked here, before a command has its seqno, and
//! the journal holds the verdict with the command.
//!
//! The value of an order is its quantity times a price: its limit; for a stop without a limit, its
//! stop price; for a peg that buys, its bound; for other orders without a limit, the last price or
//! the prior close. If no price is known, an order has no value. A replaced order is valued by the
//! terms that it has after the replace.

use crate::gateway::rate::Rate;
use ringside_core::registry::directory::Directory;
use ringside_core::registry::exposure::{Basis, ExposureView, Notional};
use ringside_model::command::{Action, Command, Replace, RiskLimits};
use ringside_model::domain::{FirmId, OrderId, Price, Quantity, RiskScope, SessionId, SymbolId};
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
}

/// Request to enter or replace an order, as the limits see it.
#[derive(Clone, Copy, Debug)]
pub struct RiskRequest {
    session: SessionId,
    firm: FirmId,
    symbol: SymbolId,
    quantity: Quantity,
    value: Notional,
    /// True if the order adds to the open orders; a replacement does not.
    is_new: bool,
    /// True for a buying peg without a bound: no value limit can hold it.
    is_unbounded: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reserved {
    orders: u64,
    value: Notional,
}

impl RiskDesk {
    /// Creates a desk that learns from `exposures` the results of orders.
    pub fn new(exposures: ExposureView) -> Self {
        let (under_way, reserved) = (VecDeque::new(), Default::default());
        RiskDesk { exposures, rates: HashMap::new(), under_way, reserved }
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
        let basis = if limit.0 > 0 { None } else { self.basis_of(session, &action) };
        let price = match basis.and_then(Basis::price) {
            _ if limit.0 > 0 => limit,
            Some(price) => price,
            None => self.exposures.last_price(symbol),
        };
        let tick = directory.names().symbol(symbol).map(|symbol| Notional::of_tick(symbol.tick));
        let value = tick.unwrap_or_default().traded(price, quantity);
        let is_new = action.replaced().is_none();
        let is_unbounded = basis == Some(Basis::BuyingPeg(Price(0)));
        Some(RiskRequest { session, firm, symbol, quantity, value, is_new, is_unbounded })
    }

    /// Returns true if the verdict depends on the results of earlier orders.
    pub(crate) fn needs_answers(&self, command: &Command, directory: &Directory) -> bool {
        let rules = directory.rules().risk();
        if rules.is_empty() || !command.enters() {
            return false;
        }
        if command.action.replaced().is_some() && rules.has_firms() {
            return true;
        }
        let Some(asked) = self.asked(command, directory) else { return false };
        let has_limit = match (command.action.replaced(), command.action.entered()) {
            (Some(replace), _) => replace.price.0 > 0,
            (None, Some(enter)) => enter.price.0 > 0 || Basis::of_new(&command.action).is_some(),
            (None, None) => false,
        };
        asked.scopes().iter().any(|&(scope, number)| {
            let limits = rules.of(scope, number);
            limits.open_orders_max > 0 && asked.is_new
                || limits.gross_notional_max > 0
                || limits.notional_max > 0 && !has_limit
        })
    }

    /// Returns the reason to reject a request; [`Reason::None`] accepts it. Without a clock
    /// `now_ns` is `None`, and no rate counts.
    #[inline]
    pub fn verdict(
        &mut self,
        asked: &RiskRequest,
        directory: &Directory,
        now_ns: Option<u64>,
    ) -> Reason {
        if directory.rules().risk().is_empty() {
            return Reason::None;
        }
        self.verdict_by_limits(asked, directory, now_ns)
    }

    /// Counts an accepted request until it is answered. `ordinal` is its number among the commands
    /// of its session.
    #[inline]
    pub fn reserve(&mut self, asked: RiskRequest, ordinal: u64) {
        self.change_reserved(&asked, |reserved, orders| {
            reserved.orders += orders;
            reserved.value = reserved.value.plus(asked.value);
        });
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
            self.change_reserved(&asked, |reserved, orders| {
                reserved.orders -= orders;
                reserved.value = reserved.value.minus(asked.value);
            });
        }
    }

    #[inline(never)]
    fn verdict_by_limits(
        &mut self,
        asked: &RiskRequest,
        directory: &Directory,
        now_ns: Option<u64>,
    ) -> Reason {
        let rules = directory.rules().risk();
        let limits = asked.scopes().map(|(scope, number)| (scope, number, rules.of(scope, number)));
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
        if any(&|scope, number, limits| {
            let most = limits.open_orders_max;
            asked.is_new && most > 0 && self.may_be_open(scope, number) >= most
        }) {
            return Reason::RiskOpenOrders;
        }
        if any(&|scope, number, limits| {
            let most = limits.gross_notional_max;
            let with_it = || self.may_be_traded(scope, number).plus(asked.value);
            most > 0 && with_it() > Notional::whole(most)
        }) {
            return Reason::RiskGross;
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
        let of_session = || directory.names().session(session).map(|session| session.firm);
        self.exposures.firm_of(session, id).or_else(of_session).unwrap_or_default()
    }

    /// Returns the basis of an order after a request to enter or replace it.
    fn basis_of(&self, session: SessionId, action: &Action) -> Option<Basis> {
        match action.replaced() {
            Some(replace) => {
                let before = self.exposures.basis_of(session, replace.id);
                before.map(|basis| basis.replaced(action))
            }
            None => Basis::of_new(action),
        }
    }

    fn may_be_open(&self, scope: RiskScope, number: u32) -> u64 {
        self.exposures.open(scope, number) + self.reserved(scope, number).orders
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
    fn change_reserved(&mut self, asked: &RiskRequest, change: impl Fn(&mut Reserved, u64)) {
        for (scope, number) in asked.scopes() {
            let (of_scope, number) = (&mut self.reserved[scope as usize - 1], number as usize);
            if of_scope.len() <= number {
                of_scope.resize(number + 1, Reserved::default());
            }
            change(&mut of_scope[number], asked.is_new.into());
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
mod tests {
    use super::*;
    use ringside_core::registry::exposure::ExposureCounter;
    use ringside_model::command::{
        Cancel, DefineSymbol, Enter, EnterSpecial, EnterStop, NamedSpecialTerms, NamedTerms,
        ReplaceTerms, SetRisk, SpecialTerms,
    };
    use ringside_model::domain::{Capacity, Name, OrderType, Peg, Side, Tick};
    use ringside_model::report::{Accepted, Body, Canceled, Replaced, Subject};

    const SYMBOL: SymbolId = SymbolId(1);

    fn command(action: Action) -> Command {
        Command { session: SessionId(1), symbol: SYMBOL, verdict: Reason::None, action }
    }

    fn order(quantity: u64, price: i64) -> Enter {
        let order_type = if price == 0 { OrderType::Market } else { OrderType::Limit };
        Enter {
            firm: FirmId(2),
            order_type,
            ..Enter::limit(OrderId(1), Side::Buy, Quantity(quantity), Price(price))
        }
    }

    /// Creates a directory with a symbol of this tick, and these limits.
    fn directory(tick: &str, limits: &[(RiskScope, RiskLimits)]) -> Directory {
        let mut directory = Directory::new();
        let (name, tick) = (Name::new("X").unwrap(), Tick::parse(tick).unwrap());
        let (lot, reference) = (Quantity(1), Price(0));
        let definition = DefineSymbol { name, tick, lot, collar_bps: 0, reference };
        directory.observe(&command(Action::from(definition)));
        for &(scope, limits) in limits {
            directory.observe(&command(Action::from(SetRisk { scope, firm: FirmId(2), limits })));
        }
        directory
    }

    fn ask(desk: &mut RiskDesk, directory: &Directory, action: Action, now_ns: u64) -> Reason {
        let asked = desk.asked(&command(action), directory).expect("it asks");
        desk.verdict(&asked, directory, Some(now_ns))
    }

    fn reasons(directory: &Directory, orders: &[(u64, i64)]) -> Vec<Reason> {
        let mut desk = RiskDesk::new(ExposureCounter::default().exposures().clone());
        let order = |&(quantity, price): &(u64, i64)| {
            ask(&mut desk, directory, Action::Enter(order(quantity, price)), 0)
        };
        orders.iter().map(order).collect()
    }

    #[test]
    fn the_largest_order_there_can_be_breaks_a_limit_and_nothing_else() {
        let largest = RiskLimits { notional_max: u64::MAX, ..RiskLimits::default() };
        for tick in ["1000000000", "0.000000000001"] {
            let directory = directory(tick, &[(RiskScope::Firm, largest)]);
            let orders = [(u64::MAX, i64::MAX), (1, 1), (u64::MAX, 0)];
            let expected = Reason::RiskNotional;
            assert_eq!(
                reasons(&directory, &orders),
                [expected, Reason::None, Reason::None],
                "{tick}"
            );
        }
        let gross = RiskLimits { gross_notional_max: u64::MAX, ..RiskLimits::default() };
        let directory = directory("1000000000", &[(RiskScope::Symbol, gross)]);
        assert_eq!(reasons(&directory, &[(u64::MAX, i64::MAX)]), [Reason::RiskGross]);
    }

    #[test]
    fn a_limit_itself_may_be_reached() {
        let limits = RiskLimits { quantity_max: 10, notional_max: 5, ..RiskLimits::default() };
        let directory = directory("0.01", &[(RiskScope::Session, limits)]);
        let orders = [(10, 50), (11, 1), (10, 51), (5, 100), (5, 101)];
        let (fits, notional) = (Reason::None, Reason::RiskNotional);
        let expected = [fits, Reason::RiskQuantity, notional, fits, notional];
        assert_eq!(reasons(&directory, &orders), expected);
    }

    #[test]
    fn a_buying_peg_is_worth_its_bound_and_needs_one() {
        let none = RiskLimits::default();
        let of_order = RiskLimits { notional_max: 5, ..none };
        let of_day = RiskLimits { gross_notional_max: 5, ..none };
        let asked = |limits, side, bound| {
            let directory = directory("0.01", &[(RiskScope::Session, limits)]);
            let mut desk = RiskDesk::new(ExposureCounter::default().exposures().clone());
            let terms =
                SpecialTerms { peg: Peg::Primary, peg_limit: Price(bound), ..SpecialTerms::NONE };
            let order = Enter { side, ..order(10, 0) };
            let peg = Action::EnterSpecial(EnterSpecial { order, terms });
            ask(&mut desk, &directory, peg, 0)
        };
        assert_eq!(asked(of_order, Side::Buy, 50), Reason::None);
        assert_eq!(asked(of_order, Side::Buy, 51), Reason::RiskNotional);
        assert_eq!(asked(of_day, Side::Buy, 51), Reason::RiskGross);
        assert_eq!(asked(of_order, Side::Buy, 0), Reason::RiskNotional);
        assert_eq!(asked(of_day, Side::Buy, 0), Reason::RiskNotional);
        assert_eq!(asked(none, Side::Buy, 0), Reason::None);
        assert_eq!(asked(of_order, Side::Sell, 0), Reason::None);
    }

    #[test]
    fn a_stop_is_worth_its_limit_or_else_its_stop_price() {
        let limits = RiskLimits { notional_max: 5, ..RiskLimits::default() };
        let directory = directory("0.01", &[(RiskScope::Symbol, limits)]);
        let mut desk = RiskDesk::new(ExposureCounter::default().exposures().clone());
        for (limit, stop, expected) in [
            (0, 50, Reason::None),
            (0, 51, Reason::RiskNotional),
            (50, 99, Reason::None),
            (51, 1, Reason::RiskNotional),
        ] {
            let stop = EnterStop { order: order(10, limit), stop: Price(stop) };
            assert_eq!(ask(&mut desk, &directory, Action::EnterStop(stop), 0), expected);
        }
    }

    #[test]
    fn a_replaced_order_is_valued_by_its_new_terms() {
        let limits = RiskLimits { notional_max: 5, ..RiskLimits::default() };
        let directory = directory("0.01", &[(RiskScope::Symbol, limits)]);
        let mut counter = ExposureCounter::default();
        let tell = |counter: &mut ExposureCounter, body: Body, id: u64, action: Action| {
            let (session, id, open) = (SessionId(1), OrderId(id), Quantity(10));
            let subject = Subject { session, id, open, ..Subject::from(SYMBOL) };
            counter.report(&body.about(subject), &command(action));
        };
        let stop = EnterStop { order: order(10, 0), stop: Price(50) };
        let terms = SpecialTerms { peg: Peg::Primary, peg_limit: Price(50), ..SpecialTerms::NONE };
        let peg = EnterSpecial { order: order(10, 0), terms };
        let accepted = Body::Accepted(Accepted { stop: None });
        tell(&mut counter, accepted, 1, Action::EnterStop(stop));
        tell(&mut counter, accepted, 2, Action::EnterSpecial(peg));

        let mut desk = RiskDesk::new(counter.exposures().clone());
        let replace = |id, quantity, price| {
            let (id, new_id) = (OrderId(id), OrderId(9));
            Replace { id, new_id, quantity: Quantity(quantity), price: Price(price) }
        };
        let with = |replace, terms| Action::ReplaceTerms(ReplaceTerms { replace, terms });
        let at = |stop| NamedTerms::Stop(Price(stop));
        let bound = |bound| {
            let peg_limit = Some(Price(bound));
            NamedTerms::Special(NamedSpecialTerms { peg_limit, ..NamedSpecialTerms::default() })
        };
        let no_bound = NamedTerms::Special(NamedSpecialTerms::default());
        let (fits, breaks) = (Reason::None, Reason::RiskNotional);
        for (action, expected) in [
            (Action::Replace(replace(1, 10, 0)), fits),
            (Action::Replace(replace(1, 11, 0)), breaks),
            (with(replace(1, 10, 0), at(51)), breaks),
            (with(replace(1, 11, 0), at(45)), fits),
            (with(replace(1, 10, 50), at(51)), fits),
            (with(replace(1, 10, 51), at(45)), breaks),
            (Action::Replace(replace(2, 10, 0)), fits),
            (Action::Replace(replace(2, 11, 0)), breaks),
            (with(replace(2, 10, 0), bound(51)), breaks),
            (with(replace(2, 11, 0), bound(45)), fits),
            (with(replace(2, 1, 0), bound(0)), breaks),
            (with(replace(2, 10, 0), no_bound), fits),
        ] {
            assert_eq!(ask(&mut desk, &directory, action, 0), expected, "{action:?}");
        }

        // The new order has the new basis.
        let replaced = Body::Replaced(Replaced {
            old_id: OrderId(1),
            place: 0,
            stop: Some(Price(0)),
            attributed: false,
            capacity: Capacity::Other,
        });
        tell(&mut counter, replaced, 9, with(replace(1, 10, 0), at(45)));
        let again = |quantity| Action::Replace(replace(9, quantity, 0));
        assert_eq!(
            [10, 11, 12].map(|q| ask(&mut desk, &directory, again(q), 0)),
            [fits, fits, breaks]
        );
        assert_eq!(counter.exposures().basis_of(SessionId(1), OrderId(1)), None);
        let canceled = Body::Canceled(Canceled::PLAIN);
        let subject = Subject { session: SessionId(1), id: OrderId(9), ..Subject::from(SYMBOL) };
        counter.report(&canceled.about(subject), &command(again(1)));
        assert_eq!(counter.exposures().basis_of(SessionId(1), OrderId(9)), None);
    }

    #[test]
    fn an_order_that_one_rate_does_not_let_in_takes_nothing_from_the_others() {
        let rate =
            |orders_per_second_max| RiskLimits { orders_per_second_max, ..RiskLimits::default() };
        let limits = [(RiskScope::Session, rate(10)), (RiskScope::Symbol, rate(2))];
        let mut desk = RiskDesk::new(ExposureCounter::default().exposures().clone());
        let both = directory("0.01", &limits);
        let count = |desk: &mut RiskDesk, directory: &Directory| {
            let asks = (0..100).map(|_| ask(desk, directory, Action::Enter(order(1, 1)), 5));
            asks.filter(|reason| *reason == Reason::None).count()
        };
        assert_eq!(count(&mut desk, &both), 2);
        // The rest of the session's own rate.
        assert_eq!(count(&mut desk, &directory("0.01", &limits[..1])), 8);
    }

    #[test]
    fn answers_are_waited_for_only_where_a_verdict_depends_on_them() {
        let none = RiskLimits::default();
        let desk = RiskDesk::new(ExposureCounter::default().exposures().clone());
        let needs = |limits: &[(RiskScope, RiskLimits)], action| {
            desk.needs_answers(&command(action), &directory("0.01", limits))
        };
        let (id, new_id, quantity) = (OrderId(1), OrderId(2), Quantity(1));
        let replace = Action::Replace(Replace { id, new_id, quantity, price: Price(1) });
        let limit = Action::Enter(order(1, 1));
        let market = Action::Enter(order(1, 0));
        let session = RiskScope::Session;
        let quantity = [(session, RiskLimits { quantity_max: 1, killed: true, ..none })];
        assert!([limit, market, replace].iter().all(|action| !needs(&quantity, *action)));
        let notional = [(session, RiskLimits { notional_max: 1, ..none })];
        assert_eq!([limit, market, replace].map(|a| needs(&notional, a)), [false, true, false]);
        let open = [(session, RiskLimits { open_orders_max: 1, ..none })];
        assert_eq!([limit, market, replace].map(|a| needs(&open, a)), [true, true, false]);
        let gross = [(session, RiskLimits { gross_notional_max: 1, ..none })];
        assert_eq!([limit, market, replace].map(|a| needs(&gross, a)), [true; 3]);
        // The firm of a replaced order is known only after its reports.
        let firm = [(RiskScope::Firm, RiskLimits { quantity_max: 1, ..none })];
        assert_eq!([limit, market, replace].map(|a| needs(&firm, a)), [false, false, true]);
        assert!(!needs(&gross, Action::Cancel(Cancel { id })));
    }
}
