//! Commands for the journal: definitions in the config that the journal does not have yet.

use crate::config::{Config, ConfigError, InstrumentSection, SessionSection};
use ringside_core::registry::directory::Directory;
use ringside_core::streams::Day;
use ringside_edge::gateway::file_session::{FileSession, Format};
use ringside_edge::schedule;
use ringside_model::command::{Action, Command, TradingDay};
use ringside_model::domain::{DayEvent, Name, Nanos, Role, SessionId, SymbolId};
use ringside_model::reason::Reason;
use serde_json::json;
use std::collections::VecDeque;

/// Additions of a start to the journal.
#[derive(Default)]
pub(super) struct Setup {
    /// Commands, with an official time where it matters.
    pub commands: VecDeque<(Command, Option<Nanos>)>,
    /// Start of the trading day: in the past, or the time of the first command.
    pub day_began: Nanos,
    /// Session of the schedule's commands, if the config has a schedule.
    pub schedule: SessionId,
    /// Remarks for the operator: differences between the config and the journal.
    pub notes: Vec<String>,
}

impl Setup {
    /// Compares the config with the journal. `directory` learns the additions.
    pub(super) fn new(
        config: &Config,
        day: Day,
        now: Nanos,
        directory: &mut Directory,
    ) -> Result<Setup, ConfigError> {
        let mut setup = Setup { day_began: day.began, ..Setup::default() };
        if day.began == Nanos(0) {
            // The streams are named after this moment, so its time is fixed here.
            let action = Action::from(TradingDay { event: DayEvent::Start });
            let (session, symbol) = (SessionId(0), SymbolId::NONE);
            let command = Command { session, symbol, verdict: Reason::None, action };
            setup.commands.push_back((command, Some(now)));
            setup.day_began = now;
        }
        for session in &config.sessions {
            setup.session(session, directory)?;
        }
        if !config.schedule.is_empty() {
            setup.schedule = setup.session_of_schedule(directory)?;
        }
        for instrument in &config.instruments {
            let is_new = setup.instrument(instrument, directory)?;
            if is_new && config.partition.is_given() {
                // The symbol is released before anybody can send an order: the table of symbols
                // decides later whether it is traded here.
                setup.release(&instrument.symbol, config.partition.id, directory)?;
            }
        }
        Ok(setup)
    }

    fn session(
        &mut self,
        wanted: &SessionSection,
        directory: &mut Directory,
    ) -> Result<(), ConfigError> {
        let known = Name::new(&wanted.user).and_then(|name| directory.session_id(name));
        let Some(known) = known.and_then(|id| directory.session(id)) else {
            let SessionSection { user, firm, role, .. } = wanted;
            let line = json!({ "op": "session", "session": user, "firm": firm, "role": role });
            return self.add("sessions", &line, directory);
        };
        let firm = directory.firm(known.firm);
        if known.role != wanted.role().unwrap_or(Role::File)
            || firm.is_none_or(|firm| firm.as_str() != wanted.firm)
        {
            let (user, role) = (&wanted.user, known.role.name());
            let firm = firm.map_or(String::new(), |firm| firm.as_str().to_string());
            self.notes.push(format!(
                "session {user}: the journal has it with role {role} of firm {firm:?}, and that stays"
            ));
        }
        Ok(())
    }

    fn session_of_schedule(&mut self, directory: &mut Directory) -> Result<SessionId, ConfigError> {
        let name = Name::new(schedule::SESSION).expect("it is a name");
        if let Some(known) = directory.session_id(name) {
            return Ok(known);
        }
        let line = json!({ "op": "session", "session": schedule::SESSION });
        self.add("schedule", &line, directory)?;
        Ok(directory.session_id(name).expect("it was defined just now"))
    }

    /// Adds a symbol of the config; returns true if it is new.
    fn instrument(
        &mut self,
        wanted: &InstrumentSection,
        directory: &mut Directory,
    ) -> Result<bool, ConfigError> {
        let known = Name::new(&wanted.symbol).and_then(|name| directory.symbol_id(name));
        let Some(known) = known.and_then(|id| directory.symbol(id)) else {
            let InstrumentSection { symbol, tick, lot, collar_bps, reference } = wanted;
            let mut line = json!({
                "op": "symbol", "symbol": symbol, "tick": tick, "lot": lot, "collar_bps": collar_bps,
            });
            if let Some(reference) = reference {
                line["reference"] = json!(reference);
            }
            self.add("instruments", &line, directory)?;
            return Ok(true);
        };
        if Some(known.tick) != ringside_model::domain::Tick::parse(&wanted.tick)
            || known.lot.0 != wanted.lot
        {
            let symbol = &wanted.symbol;
            self.notes.push(format!(
                "instrument {symbol}: the journal has it with another tick or lot, and that stays"
            ));
        }
        Ok(false)
    }

    fn release(
        &mut self,
        symbol: &str,
        here: u16,
        directory: &mut Directory,
    ) -> Result<(), ConfigError> {
        let line = json!({
            "op": "move", "symbol": symbol, "step": "release", "partition": here, "version": 0,
        });
        self.add("instruments", &line, directory)
    }

    /// Parses a line into commands as a file session would, and adds them.
    fn add(
        &mut self,
        key: &str,
        line: &serde_json::Value,
        directory: &mut Directory,
    ) -> Result<(), ConfigError> {
        let refused = |what: String| ConfigError(format!("config: {key}: {line}: {what}"));
        let mut session = FileSession::new(std::mem::take(directory), Format::Json);
        let mut verdict = Reason::None;
        let read = session.line(&line.to_string(), &mut |command, time| {
            if command.verdict != Reason::None {
                verdict = command.verdict;
            }
            self.commands.push_back((command, time));
        });
        *directory = session.into_directory();
        read.map_err(|error| refused(error.message))?;
        match verdict {
            Reason::None => Ok(()),
            verdict => Err(refused(verdict.text().into())),
        }
    }
}

/// Returns the name of the streams of a trading day: its date (UTC) and two letters.
pub(super) fn session_name(Nanos(began): Nanos) -> String {
    let began = jiff::Timestamp::from_nanosecond(began.into());
    began.expect("64 bits of nanoseconds end in 2554").strftime("%Y%m%dRS").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_named_after_its_date() {
        let name = |seconds: u64| session_name(Nanos(seconds * 1_000_000_000));
        assert_eq!(name(0), "19700101RS");
        assert_eq!(name(951_782_400), "20000229RS");
        assert_eq!(name(951_868_799), "20000229RS");
        assert_eq!(name(951_868_800), "20000301RS");
        assert_eq!(name(1_795_391_999), "20261122RS");
        assert_eq!(name(1_795_392_000), "20261123RS");
    }
}
