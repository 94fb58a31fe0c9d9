//! Names of symbols, sessions and firms, and their numbers, as definitions give them.
//!
//! Each thread that needs names keeps its own: the gateway knows a name when its definition goes
//! in, the publisher when its definition was carried out, and neither waits for a lock.

use super::directory::Directory;
use ringside_model::command::{
    Action, Command, DefineFirm, DefineSession, DefineSymbol, Definition,
};
use ringside_model::domain::{FirmId, Name, Quantity, Role, SessionId, SymbolId, Tick};
use ringside_model::reason::Reason;
use std::collections::HashMap;

/// Names of a venue. Numbers are dense, 1, 2, 3 …, so that they index arrays here and in the
/// engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    symbols: Table<Symbol>,
    sessions: Table<Session>,
    firms: Table<Name>,
}

/// Name and units of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Name of the symbol.
    pub name: Name,
    /// Value of one tick.
    pub tick: Tick,
    /// Lot size: every quantity is a multiple of it.
    pub lot: Quantity,
}

/// Name and rights of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Name of the session.
    pub name: Name,
    /// Firm of the session's orders that name none.
    pub firm: FirmId,
    /// Role of the session.
    pub role: Role,
}

impl Names {
    /// Adds the name of the command if it is a definition. A definition with a verdict adds none,
    /// because the engine rejects it.
    pub fn observe(&mut self, command: &Command) {
        if let (Action::Definition(definition), Reason::None) = (command.action, command.verdict) {
            self.insert(command, definition);
        }
    }

    fn insert(&mut self, command: &Command, definition: Definition) {
        match definition {
            Definition::Symbol(DefineSymbol { name, tick, lot, .. }) => {
                self.symbols.insert(command.symbol.0, name, Symbol { name, tick, lot });
            }
            Definition::Session(DefineSession { name, firm, role }) => {
                self.sessions.insert(command.session.0, name, Session { name, firm, role });
            }
            Definition::Firm(DefineFirm { name, firm }) => {
                self.firms.insert(firm.0.into(), name, name);
            }
        }
    }

    /// Returns the number of a symbol; `None` if no symbol has the name.
    pub fn symbol_id(&self, name: Name) -> Option<SymbolId> {
        self.symbols.number(name).map(SymbolId)
    }

    /// Returns the number of a session; `None` if no session has the name.
    pub fn session_id(&self, name: Name) -> Option<SessionId> {
        self.sessions.number(name).map(SessionId)
    }

    /// Returns the number of a firm; `None` if no firm has the name.
    pub fn firm_id(&self, name: Name) -> Option<FirmId> {
        self.firms.number(name).and_then(|number| u16::try_from(number).ok()).map(FirmId)
    }

    /// Returns the symbol with a number.
    #[inline]
    pub fn symbol(&self, id: SymbolId) -> Option<&Symbol> {
        self.symbols.get(id.0)
    }

    /// Returns all symbols with their numbers.
    pub fn symbols(&self) -> impl Iterator<Item = (SymbolId, &Symbol)> {
        let entries = (1..).map(SymbolId).zip(&self.symbols.entries);
        entries.filter_map(|(id, entry)| Some((id, entry.as_ref()?)))
    }

    /// Returns the session with a number.
    #[inline]
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(id.0)
    }

    /// Returns the name of the firm with a number.
    pub fn firm(&self, id: FirmId) -> Option<Name> {
        self.firms.get(id.0.into()).copied()
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

/// Entries with a name and a number.
#[derive(Clone, Debug, PartialEq)]
struct Table<T> {
    /// Entry `n - 1` has number `n`.
    entries: Vec<Option<T>>,
    numbers: HashMap<Name, u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { entries: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T> Table<T> {
    /// Inserts an entry. The first entry with a number stays, and so does the first with a name, as
    /// in the engine.
    fn insert(&mut self, number: u32, name: Name, thing: T) {
        let Some(index) = number.checked_sub(1) else { return };
        let index = index as usize;
        if index >= self.entries.len() {
            self.entries.resize_with(index + 1, || None);
        }
        if self.entries[index].is_none() {
            self.entries[index] = Some(thing);
            self.numbers.entry(name).or_insert(number);
        }
    }

    #[inline]
    fn get(&self, number: u32) -> Option<&T> {
        self.entries.get((number as usize).wrapping_sub(1))?.as_ref()
    }

    fn number(&self, name: Name) -> Option<u32> {
        self.numbers.get(&name).copied()
    }

    fn next(&self) -> Option<u32> {
        u32::try_from(self.entries.len()).ok()?.checked_add(1)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use ringside_model::domain::Price;

    pub(crate) fn command(session: u32, symbol: u32, verdict: Reason, action: Action) -> Command {
        Command { session: SessionId(session), symbol: SymbolId(symbol), verdict, action }
    }

    pub(crate) fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    pub(crate) fn define(symbol: u32, text: &str, verdict: Reason) -> Command {
        let tick = Tick::parse("0.01").unwrap();
        let (lot, reference) = (Quantity(1), Price(0));
        let definition = DefineSymbol { name: name(text), tick, lot, collar_bps: 0, reference };
        command(0, symbol, verdict, Action::from(definition))
    }

    #[test]
    fn definitions_teach_names_unless_they_are_refused() {
        let mut names = Names::default();
        assert_eq!(names.next_symbol(), Some(SymbolId(1)));
        names.observe(&define(1, "AAPL", Reason::None));
        names.observe(&define(1, "AAPL", Reason::DuplicateName));
        names.observe(&define(0, "MSFT", Reason::InvalidDefinition));
        assert_eq!(names.symbol_id(name("AAPL")), Some(SymbolId(1)));
        assert_eq!(names.symbol_id(name("MSFT")), None);
        assert_eq!(names.symbol(SymbolId(1)).unwrap().name, name("AAPL"));
        assert_eq!(names.symbol(SymbolId::NONE), None);
        assert_eq!(names.symbol(Directory::NOWHERE), None);
        assert_eq!(names.next_symbol(), Some(SymbolId(2)));

        let firm = Action::from(DefineFirm { firm: FirmId(1), name: name("F") });
        names.observe(&command(0, 0, Reason::None, firm));
        let session =
            Action::from(DefineSession { name: name("A"), firm: FirmId(1), role: Role::File });
        names.observe(&command(1, 0, Reason::None, session));
        assert_eq!(names.firm(FirmId(1)), Some(name("F")));
        assert_eq!(names.firm_id(name("F")), Some(FirmId(1)));
        assert_eq!(names.next_firm(), Some(FirmId(2)));
        assert_eq!(names.session_id(name("A")), Some(SessionId(1)));
        assert_eq!(names.session(SessionId(1)).unwrap().firm, FirmId(1));
        assert_eq!(names.next_session(), Some(SessionId(2)));
    }

    #[test]
    fn there_are_65535_firms() {
        let mut names = Names::default();
        for number in 1..=u16::MAX {
            let firm = FirmId(number);
            assert_eq!(names.next_firm(), Some(firm));
            let action = Action::from(DefineFirm { firm, name: name(&format!("F{number}")) });
            names.observe(&command(0, 0, Reason::None, action));
        }
        assert_eq!(names.next_firm(), None);
    }
}
