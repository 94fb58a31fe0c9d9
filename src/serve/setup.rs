//! Commands for the journal: definitions in the config that the journal does not have yet.

use crate::config::{Config, ConfigError, SessionSection, SymbolSection};
use ringside_core::registry::definitions::NoNumberLeft;
use ringside_core::registry::directory::Directory;
use ringside_core::streams::Day;
use ringside_edge::schedule;
use ringside_model::command::{Action, Command, DefineSymbol, MoveSymbol, TradingDay};
use ringside_model::domain::{
    DayEvent, MoveStep, Name, Nanos, PartitionId, Price, Quantity, SessionId, SymbolId, Tick,
};
use ringside_model::reason::Reason;
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
        for symbol in &config.instruments {
            let defined = setup.symbol(symbol, directory)?;
            if let Some(symbol) = defined.filter(|_| config.partition.is_given()) {
                // The symbol is released before anybody can send an order: the table of symbols
                // decides later whether it is traded here.
                setup.release(symbol, config.partition.here());
            }
        }
        Ok(setup)
    }

    fn session(
        &mut self,
        wanted: &SessionSection,
        directory: &mut Directory,
    ) -> Result<(), ConfigError> {
        let (name, firm) = (checked_name(&wanted.user), checked_name(&wanted.firm));
        let role = wanted.role().expect(CHECKED);
        let known =
            directory.numbers().session_id(name).and_then(|id| directory.names().session(id));
        let Some(known) = known else {
            let out = &mut |command| self.commands.push_back((command, None));
            let firm = directory.firm_or_new(firm, out).map_err(refused("sessions", firm))?;
            let defined = directory.define_session(name, firm, role, out);
            return defined.map(drop).map_err(refused("sessions", name));
        };
        let firm_there = directory.names().firm(known.firm);
        if known.role != role || firm_there != Some(firm) {
            let role = known.role.name();
            let firm = firm_there.map_or(String::new(), |firm| firm.to_string());
            self.notes.push(format!(
                "session {name}: the journal has it with role {role} of firm {firm:?}, and that stays"
            ));
        }
        Ok(())
    }

    fn session_of_schedule(&mut self, directory: &mut Directory) -> Result<SessionId, ConfigError> {
        let name = checked_name(schedule::SESSION);
        let out = &mut |command| self.commands.push_back((command, None));
        directory.session_or_new(name, out).map_err(refused("schedule", name))
    }

    /// Adds a symbol of the config; returns its number if it is new.
    fn symbol(
        &mut self,
        wanted: &SymbolSection,
        directory: &mut Directory,
    ) -> Result<Option<SymbolId>, ConfigError> {
        let name = checked_name(&wanted.symbol);
        let (tick, lot) = (Tick::parse(&wanted.tick).expect(CHECKED), Quantity(wanted.lot));
        if let Some(known) =
            directory.numbers().symbol_id(name).and_then(|id| directory.names().symbol(id))
        {
            if (known.tick, known.lot) != (tick, lot) {
                self.notes.push(format!(
                    "symbol {name}: the journal has it with another tick or lot, and that stays"
                ));
            }
            return Ok(None);
        }
        let reference = match &wanted.reference {
            Some(text) => tick.ticks(text).map_err(|error| {
                ConfigError(format!("config: instruments: {name}: reference {text:?} is {error}"))
            })?,
            None => Price(0),
        };
        let collar_bps = wanted.collar_bps;
        let definition = DefineSymbol { name, tick, lot, collar_bps, reference };
        let out = &mut |command| self.commands.push_back((command, None));
        let defined = directory.define_symbol(definition, true, out);
        defined.map(Some).map_err(refused("instruments", name))
    }

    fn release(&mut self, symbol: SymbolId, partition: PartitionId) {
        let (step, version) = (MoveStep::Release, 0);
        let (orders, quantity) = (0, Quantity(0));
        let action = Action::from(MoveSymbol { step, partition, version, orders, quantity });
        let command = Command { session: SessionId(0), symbol, verdict: Reason::None, action };
        self.commands.push_back((command, None));
    }
}

/// Message if a value is out of range that [`Config::check`] covers.
const CHECKED: &str = "the config is checked";

fn checked_name(text: &str) -> Name {
    Name::new(text).expect(CHECKED)
}

fn refused(key: &str, name: Name) -> impl FnOnce(NoNumberLeft) -> ConfigError {
    move |error| ConfigError(format!("config: {key}: {name} {error}"))
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
