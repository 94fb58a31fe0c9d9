//! Venue-wide rules: trading day, disabled sessions, risk limits, broken and corrected trades, and
//! progress of the schedule. Commands set them, the engines do not keep them, gateways apply them.

use ringside_model::command::{
    Action, BreakTrade, ClientFields, Command, CorrectTrade, OperatorCommand, PlanState,
    RiskLimits, SetOrderEntry, SetRisk, TradeSide, TradingDay,
};
use ringside_model::domain::{
    DayEvent, FirmId, MatchNumber, Nanos, OrderId, Price, Quantity, RiskScope, SessionId, SymbolId,
    SymbolState,
};
use ringside_model::reason::Reason;
use ringside_planted::{Bug, planted};
use std::collections::{BTreeMap, BTreeSet};

/// Venue-wide rules after some commands of the venue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VenueRules {
    day: Option<DayEvent>,
    disabled: BTreeSet<SessionId>,
    risk: RiskRules,
    /// Trades that were broken or corrected, without those that
    /// [`forget_trades_before`](Self::forget_trades_before) has removed.
    amended: BTreeMap<MatchNumber, Amended>,
    /// By symbol: the last schedule boundary that was handled, and the session of the schedule.
    scheduled: BTreeMap<SymbolId, (SessionId, Nanos)>,
}

/// State of a trade that an operator has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amended {
    /// The trade was broken.
    Broken,
    /// The trade has this quantity since its last correction.
    Corrected(Quantity),
}

/// Risk limits of the sessions, firms and symbols that have any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RiskRules {
    /// Limits by the code of the scope and the number within it.
    limits: BTreeMap<(u8, u32), RiskLimits>,
}

impl RiskRules {
    /// Returns true if no limits are set.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// Returns true if any firm has limits.
    pub fn has_firms(&self) -> bool {
        let firm = RiskScope::Firm as u8;
        self.limits.range((firm, 0)..(firm + 1, 0)).next().is_some()
    }

    /// Returns the limits of a session, a firm or a symbol.
    pub fn of(&self, scope: RiskScope, number: u32) -> RiskLimits {
        self.limits.get(&(scope as u8, number)).copied().unwrap_or_default()
    }

    fn set(&mut self, command: &Command, risk: &SetRisk) {
        let number = match risk.scope {
            RiskScope::Session => command.session.0,
            RiskScope::Firm => risk.firm.0.into(),
            RiskScope::Symbol => command.symbol.0,
        };
        let place = (risk.scope as u8, number);
        if risk.limits == RiskLimits::default() {
            self.limits.remove(&place);
        } else {
            self.limits.insert(place, risk.limits);
        }
    }

    /// Returns the commands that set these limits.
    fn commands(&self) -> impl Iterator<Item = Command> {
        self.limits.iter().filter_map(|(&(scope, number), &limits)| {
            let scope = RiskScope::from_code(scope)?;
            let (mut session, mut firm, mut symbol) = (SessionId(0), FirmId(0), SymbolId::NONE);
            match scope {
                RiskScope::Session => session = SessionId(number),
                RiskScope::Firm => firm = FirmId(number as u16),
                RiskScope::Symbol => symbol = SymbolId(number),
            }
            let action = Action::from(SetRisk { scope, firm, limits });
            Some(Command { session, symbol, verdict: Reason::None, action })
        })
    }
}

impl VenueRules {
    /// Updates the rules with the next command of the venue.
    pub fn observe(&mut self, command: &Command) {
        match command.action {
            // Operators have no session, so a plan with a session comes from the schedule. A plan
            // with a verdict counts, too: the schedule has then skipped the boundary.
            Action::Operator(OperatorCommand::PlanState(plan))
                if command.session != SessionId(0) =>
            {
                _ = self.scheduled.insert(command.symbol, (command.session, plan.due))
            }
            _ if command.verdict != Reason::None => {}
            Action::Operator(OperatorCommand::TradingDay(TradingDay { event })) => {
                self.day = Some(event)
            }
            Action::SetOrderEntry(SetOrderEntry { enabled: true, .. }) => {
                _ = self.disabled.remove(&command.session)
            }
            Action::SetOrderEntry(SetOrderEntry { enabled: false, .. }) => {
                _ = self.disabled.insert(command.session)
            }
            Action::Operator(OperatorCommand::SetRisk(risk)) => self.risk.set(command, &risk),
            Action::Operator(OperatorCommand::BreakTrade(trade)) => {
                _ = self.amended.insert(trade.match_number, Amended::Broken)
            }
            Action::Operator(OperatorCommand::CorrectTrade(correction)) => {
                let amended = Amended::Corrected(correction.quantity);
                _ = self.amended.insert(correction.trade.match_number, amended)
            }
            _ => {}
        }
    }

    /// Returns the reason against all new orders of a session now.
    #[inline]
    pub fn refuses(&self, session: SessionId) -> Option<Reason> {
        if self.is_closed() {
            return Some(Reason::Closed);
        }
        self.is_disabled(session).then_some(Reason::OrderEntryDisabled)
    }

    /// Returns true if the trading day has ended and none has begun since. A venue without any
    /// trading day is open.
    pub fn is_closed(&self) -> bool {
        self.day == Some(DayEvent::End)
    }

    /// Returns true if the session's order entry is disabled.
    pub fn is_disabled(&self, session: SessionId) -> bool {
        self.disabled.contains(&session)
    }

    /// Returns all risk limits.
    #[inline]
    pub fn risk(&self) -> &RiskRules {
        &self.risk
    }

    /// Returns the state of a trade that was broken or corrected.
    pub fn amended(&self, trade: MatchNumber) -> Option<Amended> {
        self.amended.get(&trade).copied()
    }

    /// Forgets the changes of all trades before this one. The oldest trade that the venue knows is
    /// the right one: each change of an older trade is rejected anyway.
    pub fn forget_trades_before(&mut self, oldest: MatchNumber) {
        while let Some(first) = self.amended.first_entry().filter(|first| *first.key() < oldest) {
            first.remove();
        }
    }

    /// Returns the last schedule boundary of the symbol that was handled; zero for none.
    pub fn scheduled(&self, symbol: SymbolId) -> Nanos {
        self.scheduled.get(&symbol).map_or(Nanos(0), |(_, at)| *at)
    }

    /// Returns the commands that rebuild the same rules: as few as possible, in one canonical
    /// order.
    pub fn commands(&self) -> Vec<Command> {
        let command = |session, action| Command {
            session,
            symbol: SymbolId::NONE,
            verdict: Reason::None,
            action,
        };
        let day = self.day.map(|event| command(SessionId(0), Action::from(TradingDay { event })));
        let disable = Action::SetOrderEntry(SetOrderEntry { id: OrderId(0), enabled: false });
        let disabled = self.disabled.iter().map(|&session| command(session, disable));
        let scheduled = self.scheduled.iter().filter(|_| !planted(Bug::BoundariesForgotten));
        let scheduled = scheduled.map(|(&symbol, &(session, due))| {
            let state = SymbolState::Open;
            let plan = PlanState { due, random_ns: 0, seed: 0, state };
            Command { symbol, ..command(session, Action::from(plan)) }
        });
        let amended = self
            .amended
            .iter()
            .map(|(&trade, &amended)| command(SessionId(0), amending(trade, amended)));
        let rules = day.into_iter().chain(disabled).chain(self.risk.commands());
        rules.chain(amended).chain(scheduled).collect()
    }
}

/// Returns a command that breaks or corrects a trade, with blank sides and no price.
fn amending(trade: MatchNumber, amended: Amended) -> Action {
    let (id, session) = (OrderId(0), SessionId(0));
    let side = TradeSide { id, session, text: [b' '; ClientFields::TEXT_BYTES] };
    let trade = BreakTrade::new(trade, [side; 2]);
    match amended {
        Amended::Broken => Action::from(trade),
        Amended::Corrected(quantity) => {
            Action::from(CorrectTrade { trade, price: Price(0), quantity })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(commands: &[(u32, Reason, Action)]) -> VenueRules {
        let mut rules = VenueRules::default();
        for &(session, verdict, action) in commands {
            let (session, symbol) = (SessionId(session), SymbolId::NONE);
            rules.observe(&Command { session, symbol, verdict, action });
        }
        rules
    }

    fn set(enabled: bool) -> Action {
        Action::SetOrderEntry(SetOrderEntry { id: OrderId(9), enabled })
    }

    #[test]
    fn a_venue_is_closed_from_the_end_of_a_day_to_the_start_of_the_next() {
        let [start, end] =
            [DayEvent::Start, DayEvent::End].map(|event| Action::from(TradingDay { event }));
        let none = Reason::None;
        assert!(!rules(&[]).is_closed());
        assert!(!rules(&[(0, none, start)]).is_closed());
        assert!(rules(&[(0, none, start), (0, none, end)]).is_closed());
        assert!(!rules(&[(0, none, end), (0, none, start)]).is_closed());
        assert!(!rules(&[(0, Reason::NotPermitted, end)]).is_closed(), "it was refused");
    }

    #[test]
    fn a_session_is_disabled_until_it_is_enabled() {
        let (none, is_disabled) = (Reason::None, |s: &VenueRules| s.is_disabled(SessionId(1)));
        assert!(is_disabled(&rules(&[(1, none, set(false))])));
        assert!(!is_disabled(&rules(&[(2, none, set(false))])));
        assert!(!is_disabled(&rules(&[(1, none, set(false)), (1, none, set(true))])));
        assert!(!is_disabled(&rules(&[(1, Reason::NotPermitted, set(false))])));
    }

    fn risk(scope: RiskScope, firm: u16, quantity_max: u64) -> Action {
        let limits = RiskLimits { quantity_max, ..RiskLimits::default() };
        Action::from(SetRisk { scope, firm: FirmId(firm), limits })
    }

    #[test]
    fn risk_limits_hold_until_others_are_set() {
        let (none, session) = (Reason::None, RiskScope::Session);
        let of = |s: &VenueRules| s.risk().of(RiskScope::Session, 1).quantity_max;
        assert_eq!(of(&rules(&[(1, none, risk(session, 0, 5))])), 5);
        assert_eq!(of(&rules(&[(2, none, risk(session, 0, 5))])), 0);
        assert_eq!(of(&rules(&[(1, Reason::UnknownSymbol, risk(session, 0, 5))])), 0);
        assert_eq!(of(&rules(&[(1, none, risk(RiskScope::Firm, 1, 5))])), 0);
        let off = rules(&[(1, none, risk(session, 0, 5)), (1, none, risk(session, 0, 0))]);
        assert!(off.risk().is_empty() && off == VenueRules::default());
        let firm = rules(&[(0, none, risk(RiskScope::Firm, 7, 5))]);
        assert!(firm.risk().has_firms());
        assert_eq!(firm.risk().of(RiskScope::Firm, 7).quantity_max, 5);
        let symbol = rules(&[(0, none, risk(RiskScope::Symbol, 0, 5))]);
        assert!(!symbol.risk().has_firms() && !symbol.risk().is_empty());
    }

    #[test]
    fn a_trade_has_the_quantity_of_its_last_correction_until_it_is_broken() {
        let (none, trade) = (Reason::None, MatchNumber(5));
        let correct = |quantity| amending(trade, Amended::Corrected(Quantity(quantity)));
        let mut commands = vec![(0, none, correct(7)), (0, Reason::InvalidQuantity, correct(9))];
        assert_eq!(rules(&commands).amended(trade), Some(Amended::Corrected(Quantity(7))));
        assert_eq!(rules(&commands).amended(MatchNumber(6)), None);
        commands.push((0, none, amending(trade, Amended::Broken)));
        assert_eq!(rules(&commands).amended(trade), Some(Amended::Broken));
    }

    #[test]
    fn changes_of_trades_that_the_venue_does_not_know_any_more_are_forgotten() {
        let amend = |number| (0, Reason::None, amending(MatchNumber(number), Amended::Broken));
        let mut some = rules(&[5, 9, 7, 6].map(amend));
        some.forget_trades_before(MatchNumber(5));
        assert_eq!(some, rules(&[5, 6, 7, 9].map(amend)));
        some.forget_trades_before(MatchNumber(7));
        assert_eq!(some, rules(&[7, 9].map(amend)));
        some.forget_trades_before(MatchNumber(10));
        assert_eq!(some, VenueRules::default());
    }

    fn plan(session: u32, symbol: u32, verdict: Reason, due: u64) -> Command {
        let state = SymbolState::Closed;
        let plan = PlanState { due: Nanos(due), random_ns: 5, seed: 6, state };
        let (session, symbol) = (SessionId(session), SymbolId(symbol));
        Command { session, symbol, verdict, action: Action::from(plan) }
    }

    #[test]
    fn the_last_boundary_is_the_last_plan_that_the_schedule_sent_or_passed_over() {
        let mut rules = VenueRules::default();
        assert_eq!(rules.scheduled(SymbolId(1)), Nanos(0));
        rules.observe(&plan(9, 1, Reason::None, 100));
        rules.observe(&plan(0, 1, Reason::None, 150));
        assert_eq!(rules.scheduled(SymbolId(1)), Nanos(100), "the other was an operator's");
        rules.observe(&plan(9, 2, Reason::Operator, 200));
        let both = [1, 2].map(|symbol| rules.scheduled(SymbolId(symbol)));
        assert_eq!(both, [Nanos(100), Nanos(200)]);
        let mut again = VenueRules::default();
        rules.commands().iter().for_each(|command| again.observe(command));
        assert_eq!(again, rules);
        assert_eq!(again.commands(), rules.commands());
    }

    #[test]
    fn its_commands_say_all_of_it() {
        let end = Action::from(TradingDay { event: DayEvent::End });
        let (none, off) = (Reason::None, set(false));
        let [one, other] = [[3, 1], [1, 3]].map(|[a, b]| {
            rules(&[
                (0, none, end),
                (a, none, off),
                (b, none, off),
                (2, none, off),
                (2, none, set(true)),
                (a, none, risk(RiskScope::Session, 0, 4)),
                (0, none, risk(RiskScope::Firm, a as u16, 4)),
                (0, none, risk(RiskScope::Symbol, 0, 6)),
                (b, none, risk(RiskScope::Session, 0, 4)),
                (0, none, risk(RiskScope::Firm, b as u16, 4)),
                (0, none, amending(MatchNumber(9 - u64::from(a)), Amended::Broken)),
                (0, none, amending(MatchNumber(9 - u64::from(b)), Amended::Broken)),
                (0, none, amending(MatchNumber(1), Amended::Corrected(Quantity(3)))),
            ])
        });
        assert_eq!(one.commands(), other.commands());
        assert_eq!(one.commands().len(), 11);
        let mut again = VenueRules::default();
        one.commands().iter().for_each(|command| again.observe(command));
        assert_eq!(again, one);
    }
}
