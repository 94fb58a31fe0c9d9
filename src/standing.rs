//! What holds in the venue until it is said otherwise, and no engine keeps: whether the trading day has
//! ended, and which sessions may not enter orders. Gateways refuse by it.

use crate::command::{Action, Command};
use crate::domain::{DayEvent, OrderId, SessionId, SymbolId};
use crate::reason::Reason;
use std::collections::BTreeSet;

/// What holds after some commands of the venue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    day: Option<DayEvent>,
    disabled: BTreeSet<SessionId>,
}

impl Standing {
    /// Learns from the next command of the venue.
    pub fn observe(&mut self, command: &Command) {
        match command.action {
            _ if command.verdict != Reason::None => {}
            Action::TradingDay(event) => self.day = Some(event),
            Action::SetOrderEntry { enabled: true, .. } => {
                _ = self.disabled.remove(&command.session)
            }
            Action::SetOrderEntry { enabled: false, .. } => {
                _ = self.disabled.insert(command.session)
            }
            _ => {}
        }
    }

    /// Whether the trading day has ended and none has begun since. A venue that was never told of a day is
    /// open.
    pub fn is_closed(&self) -> bool {
        self.day == Some(DayEvent::End)
    }

    /// Whether the session's order entry is disabled.
    pub fn is_disabled(&self, session: SessionId) -> bool {
        self.disabled.contains(&session)
    }

    /// Commands from which the same can be learned again, as few as there can be, in one order only.
    pub fn commands(&self) -> Vec<Command> {
        let command = |session, action| Command {
            session,
            symbol: SymbolId::NONE,
            verdict: Reason::None,
            action,
        };
        let day = self.day.map(|event| command(SessionId(0), Action::TradingDay(event)));
        let disable = Action::SetOrderEntry { id: OrderId(0), enabled: false };
        let disabled = self.disabled.iter().map(|&session| command(session, disable));
        day.into_iter().chain(disabled).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(commands: &[(u32, Reason, Action)]) -> Standing {
        let mut standing = Standing::default();
        for &(session, verdict, action) in commands {
            let (session, symbol) = (SessionId(session), SymbolId::NONE);
            standing.observe(&Command { session, symbol, verdict, action });
        }
        standing
    }

    fn set(enabled: bool) -> Action {
        Action::SetOrderEntry { id: OrderId(9), enabled }
    }

    #[test]
    fn a_venue_is_closed_from_the_end_of_a_day_to_the_start_of_the_next() {
        let [start, end] = [DayEvent::Start, DayEvent::End].map(Action::TradingDay);
        let none = Reason::None;
        assert!(!standing(&[]).is_closed());
        assert!(!standing(&[(0, none, start)]).is_closed());
        assert!(standing(&[(0, none, start), (0, none, end)]).is_closed());
        assert!(!standing(&[(0, none, end), (0, none, start)]).is_closed());
        assert!(!standing(&[(0, Reason::NotPermitted, end)]).is_closed(), "it was refused");
    }

    #[test]
    fn a_session_is_disabled_until_it_is_enabled() {
        let (none, is_disabled) = (Reason::None, |s: &Standing| s.is_disabled(SessionId(1)));
        assert!(is_disabled(&standing(&[(1, none, set(false))])));
        assert!(!is_disabled(&standing(&[(2, none, set(false))])));
        assert!(!is_disabled(&standing(&[(1, none, set(false)), (1, none, set(true))])));
        assert!(!is_disabled(&standing(&[(1, Reason::NotPermitted, set(false))])));
    }

    #[test]
    fn its_commands_say_all_of_it() {
        let end = Action::TradingDay(DayEvent::End);
        let (none, off) = (Reason::None, set(false));
        let [one, other] = [[3, 1], [1, 3]].map(|[a, b]| {
            standing(&[
                (0, none, end),
                (a, none, off),
                (b, none, off),
                (2, none, off),
                (2, none, set(true)),
            ])
        });
        assert_eq!(one.commands(), other.commands());
        assert_eq!(one.commands().len(), 3);
        let mut again = Standing::default();
        one.commands().iter().for_each(|command| again.observe(command));
        assert_eq!(again, one);
    }
}
