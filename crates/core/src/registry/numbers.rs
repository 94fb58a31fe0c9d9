//! Numbers of symbols, sessions and firms, by their names: for whoever reads names in text or in a
//! message, and for whoever gives new numbers.

use super::directory::Directory;
use super::names::Names;
use ringside_model::command::{Action, Command, Definition};
use ringside_model::domain::{FirmId, Name, SessionId, SymbolId};
use std::collections::HashMap;

/// Numbers of a venue by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    symbols: Index,
    sessions: Index,
    firms: Index,
}

impl Numbers {
    /// Adds the number of the command's name if `names` show the name under that number, that is,
    /// if the command is a definition that counts.
    pub(super) fn observe(&mut self, command: &Command, names: &Names) {
        let Action::Definition(definition) = command.action else { return };
        match definition {
            Definition::Symbol(defined) => {
                let known = names.symbol(command.symbol).map(|symbol| symbol.name);
                self.symbols.insert(defined.name, known, command.symbol.0);
            }
            Definition::Session(defined) => {
                let known = names.session(command.session).map(|session| session.name);
                self.sessions.insert(defined.name, known, command.session.0);
            }
            Definition::Firm(defined) => {
                let known = names.firm(defined.firm);
                self.firms.insert(defined.name, known, defined.firm.0.into());
            }
        }
    }

    /// Returns the number of a symbol; `None` if no symbol has the name.
    pub fn symbol_id(&self, name: Name) -> Option<SymbolId> {
        self.symbols.get(name).map(SymbolId)
    }

    /// Returns the number of a session; `None` if no session has the name.
    pub fn session_id(&self, name: Name) -> Option<SessionId> {
        self.sessions.get(name).map(SessionId)
    }

    /// Returns the number of a firm; `None` if no firm has the name.
    pub fn firm_id(&self, name: Name) -> Option<FirmId> {
        self.firms.get(name).and_then(|number| u16::try_from(number).ok()).map(FirmId)
    }

    /// Returns the number that the next new symbol gets; `None` if there are no more numbers.
    pub fn next_symbol(&self) -> Option<SymbolId> {
        self.symbols.next().map(SymbolId).filter(|&id| id != Directory::NOWHERE)
    }

    /// Returns the number that the next new session gets; `None` if there are no more numbers.
    pub fn next_session(&self) -> Option<SessionId> {
        self.sessions.next().map(SessionId)
    }

    /// Returns the number that the next new firm gets; `None` if there are no more numbers.
    pub fn next_firm(&self) -> Option<FirmId> {
        self.firms.next().and_then(|number| u16::try_from(number).ok()).map(FirmId)
    }
}

/// Numbers of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
struct Index {
    numbers: HashMap<Name, u32>,
    /// Highest number.
    last: u32,
}

impl Index {
    /// Inserts the number of a name if it is `known` under that number. The first number of a name
    /// stays, as in the engine.
    fn insert(&mut self, name: Name, known: Option<Name>, number: u32) {
        if known == Some(name) {
            self.numbers.entry(name).or_insert(number);
            self.last = self.last.max(number);
        }
    }

    fn get(&self, name: Name) -> Option<u32> {
        self.numbers.get(&name).copied()
    }

    fn next(&self) -> Option<u32> {
        self.last.checked_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::tests::{command, define, name};
    use super::*;
    use ringside_model::command::{DefineFirm, DefineSession};
    use ringside_model::domain::Role;
    use ringside_model::reason::Reason;

    fn define_firm(firm: FirmId, text: &str) -> Command {
        command(0, 0, Reason::None, Action::from(DefineFirm { firm, name: name(text) }))
    }

    #[test]
    fn definitions_give_numbers_unless_they_are_refused() {
        let mut directory = Directory::new();
        assert_eq!(directory.numbers().next_symbol(), Some(SymbolId(1)));
        directory.observe(&define(1, "AAPL", Reason::None));
        directory.observe(&define(1, "AAPL", Reason::DuplicateName));
        directory.observe(&define(0, "MSFT", Reason::InvalidDefinition));
        directory.observe(&define(1, "IBM", Reason::None));
        let numbers = directory.numbers();
        assert_eq!(numbers.symbol_id(name("AAPL")), Some(SymbolId(1)));
        assert_eq!(numbers.symbol_id(name("MSFT")), None);
        assert_eq!(numbers.symbol_id(name("IBM")), None);
        assert_eq!(numbers.next_symbol(), Some(SymbolId(2)));

        directory.observe(&define_firm(FirmId(1), "F"));
        let session = DefineSession { name: name("A"), firm: FirmId(1), role: Role::File };
        directory.observe(&command(1, 0, Reason::None, Action::from(session)));
        let (names, numbers) = (directory.names(), directory.numbers());
        assert_eq!(names.firm(FirmId(1)), Some(name("F")));
        assert_eq!(numbers.firm_id(name("F")), Some(FirmId(1)));
        assert_eq!(numbers.next_firm(), Some(FirmId(2)));
        assert_eq!(numbers.session_id(name("A")), Some(SessionId(1)));
        assert_eq!(names.session(SessionId(1)).unwrap().firm, FirmId(1));
        assert_eq!(numbers.next_session(), Some(SessionId(2)));
    }

    #[test]
    fn there_are_65535_firms() {
        let mut directory = Directory::new();
        for number in 1..=u16::MAX {
            let firm = FirmId(number);
            assert_eq!(directory.numbers().next_firm(), Some(firm));
            directory.observe(&define_firm(firm, &format!("F{number}")));
        }
        assert_eq!(directory.numbers().next_firm(), None);
    }
}
