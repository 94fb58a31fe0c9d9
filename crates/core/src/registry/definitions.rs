//! Definitions of symbols, sessions and firms: commands that give a new name the next number.
//!
//! The definition of a known name, or with values out of range, is a command with a verdict, since
//! its sender must get a report.

use super::directory::Directory;
use ringside_model::command::{Action, Command, DefineFirm, DefineSession, DefineSymbol};
use ringside_model::domain::{FirmId, Name, Role, SessionId, SymbolId};
use ringside_model::reason::Reason;

/// Error of a new name for which its kind has no number left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is new, but the venue has no number left for it")]
pub struct NoNumberLeft;

/// Methods that define names. The directory observes each definition before `out` receives it.
impl Directory {
    /// Returns the session of a name. A new name is defined first, without a firm.
    pub fn session_or_new(
        &mut self,
        name: Name,
        out: &mut dyn FnMut(Command),
    ) -> Result<SessionId, NoNumberLeft> {
        match self.numbers().session_id(name) {
            Some(session) => Ok(session),
            None => self.define_session(name, FirmId(0), Role::File, out),
        }
    }

    /// Returns the firm of a name. A new name is defined first.
    ///
    /// Firm numbers run out before session numbers. So ask for the firm of a new session first: no
    /// command has gone out if that fails.
    pub fn firm_or_new(
        &mut self,
        name: Name,
        out: &mut dyn FnMut(Command),
    ) -> Result<FirmId, NoNumberLeft> {
        match self.numbers().firm_id(name) {
            Some(firm) => Ok(firm),
            None => self.define_firm(name, out),
        }
    }

    /// Defines a symbol; `is_valid` is false if a value of the definition is out of range.
    pub fn define_symbol(
        &mut self,
        definition: DefineSymbol,
        is_valid: bool,
        out: &mut dyn FnMut(Command),
    ) -> Result<SymbolId, NoNumberLeft> {
        let (symbol, verdict) = match self.numbers().symbol_id(definition.name) {
            Some(known) => (known, Reason::DuplicateName),
            None if !is_valid => (SymbolId::NONE, Reason::InvalidDefinition),
            None => (self.numbers().next_symbol().ok_or(NoNumberLeft)?, Reason::None),
        };
        let action = Action::from(definition);
        self.define(Command { session: SessionId(0), symbol, verdict, action }, out);
        Ok(symbol)
    }

    /// Defines a session of a firm; firm 0 is none.
    pub fn define_session(
        &mut self,
        name: Name,
        firm: FirmId,
        role: Role,
        out: &mut dyn FnMut(Command),
    ) -> Result<SessionId, NoNumberLeft> {
        let (session, verdict) =
            numbered(self.numbers().session_id(name), self.numbers().next_session())?;
        let action = Action::from(DefineSession { name, firm, role });
        self.define(Command { session, symbol: SymbolId::NONE, verdict, action }, out);
        Ok(session)
    }

    /// Defines a firm under the next number; the definition of a known firm has a verdict.
    pub fn define_firm(
        &mut self,
        name: Name,
        out: &mut dyn FnMut(Command),
    ) -> Result<FirmId, NoNumberLeft> {
        let (firm, verdict) = numbered(self.numbers().firm_id(name), self.numbers().next_firm())?;
        let (session, symbol) = (SessionId(0), SymbolId::NONE);
        let action = Action::from(DefineFirm { firm, name });
        self.define(Command { session, symbol, verdict, action }, out);
        Ok(firm)
    }

    fn define(&mut self, command: Command, out: &mut dyn FnMut(Command)) {
        self.observe(&command);
        out(command);
    }
}

/// Returns the number of a name and the verdict on its definition.
fn numbered<T>(known: Option<T>, next: Option<T>) -> Result<(T, Reason), NoNumberLeft> {
    match known {
        Some(known) => Ok((known, Reason::DuplicateName)),
        None => Ok((next.ok_or(NoNumberLeft)?, Reason::None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringside_model::domain::{Price, Quantity, Tick};

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn a_name_is_defined_once() {
        let (mut directory, mut commands) = (Directory::new(), vec![]);
        let mut out = |command: Command| commands.push(command);
        let firm = directory.firm_or_new(name("F"), &mut out).unwrap();
        assert_eq!(directory.firm_or_new(name("F"), &mut out), Ok(firm));
        let session = directory.define_session(name("S"), firm, Role::OrderEntry, &mut out);
        assert_eq!(directory.session_or_new(name("S"), &mut out), session);
        assert_eq!(directory.names().session(session.unwrap()).unwrap().role, Role::OrderEntry);
        assert_eq!(directory.session_or_new(name("T"), &mut out), Ok(SessionId(2)));
        assert_eq!(directory.names().session(SessionId(2)).unwrap().role, Role::File);
        let verdicts: Vec<_> = commands.iter().map(|command| command.verdict).collect();
        assert_eq!(verdicts, [Reason::None; 3]);
    }

    #[test]
    fn an_impossible_definition_is_a_command_with_a_verdict() {
        let (mut directory, mut commands) = (Directory::new(), vec![]);
        let mut out = |command: Command| commands.push((command.symbol.0, command.verdict));
        let (tick, lot, reference) = (Tick::parse("1").unwrap(), Quantity(1), Price(0));
        let symbol = |text| DefineSymbol { name: name(text), tick, lot, collar_bps: 0, reference };
        directory.define_symbol(symbol("A"), true, &mut out).unwrap();
        directory.define_symbol(symbol("B"), false, &mut out).unwrap();
        directory.define_symbol(symbol("A"), false, &mut out).unwrap();
        directory.define_session(name("S"), FirmId(0), Role::File, &mut out).unwrap();
        directory.define_session(name("S"), FirmId(0), Role::File, &mut out).unwrap();
        directory.define_firm(name("F"), &mut out).unwrap();
        directory.define_firm(name("F"), &mut out).unwrap();
        let (none, duplicate) = (Reason::None, Reason::DuplicateName);
        assert_eq!(commands[..3], [(1, none), (0, Reason::InvalidDefinition), (1, duplicate)]);
        assert_eq!(commands[3..], [(0, none), (0, duplicate), (0, none), (0, duplicate)]);
    }

    #[test]
    fn firms_run_out_of_numbers() {
        let (mut directory, mut count) = (Directory::new(), 0);
        let mut out = |_| count += 1;
        for number in 1..=u16::MAX {
            directory.define_firm(name(&format!("F{number}")), &mut out).unwrap();
        }
        assert_eq!(directory.firm_or_new(name("MORE"), &mut out), Err(NoNumberLeft));
        assert_eq!(directory.firm_or_new(name("F9"), &mut out), Ok(FirmId(9)));
        assert_eq!(count, u16::MAX);
    }
}
