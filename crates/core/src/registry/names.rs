//! Names of symbols, sessions and firms, by their numbers, as definitions give them.
//!
//! A venue keeps them once for all its threads: the gateway enters a name when its definition goes
//! in, the publisher reads it when its reports come out, and neither waits for a lock, except for
//! the units of a symbol that was changed. The snapshotter is no part of that: it derives
//! everything from the journal alone.
//!
//! Tick and lot of a symbol may change. Only the engine knows if it accepts a change, so the
//! present units are those of the reports. Between a change that is handed over and its answer a
//! gateway cannot know in which ticks the engine reads a price.

use ringside_model::command::{
    Action, Command, DefineFirm, DefineSession, DefineSymbol, Definition, OperatorCommand,
};
use ringside_model::domain::{FirmId, Name, Quantity, Role, SessionId, SymbolId, Tick};
use ringside_model::reason::Reason;
use ringside_model::report::{Body, Report, SymbolChanged};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Names of a venue by number. Numbers are dense, 1, 2, 3 …, and the first definition of a number
/// stays for ever, as in the engine.
///
/// A clone is a copy of its own; [`Names::share`] gives another handle to the same names.
#[derive(Debug, Default, PartialEq)]
pub struct Names {
    entries: Arc<Entries>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Entries {
    symbols: Table<Listing>,
    sessions: Table<Session>,
    firms: Table<Name>,
}

impl Clone for Names {
    fn clone(&self) -> Self {
        Names { entries: Arc::new(Entries::clone(&self.entries)) }
    }
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

/// Symbol as it was defined, with its changes.
#[derive(Debug)]
struct Listing {
    defined: Symbol,
    /// Changes of the symbol; few symbols have some.
    changes: OnceLock<Box<Changes>>,
}

/// Changes of a symbol.
#[derive(Debug)]
struct Changes {
    present: RwLock<Symbol>,
    /// Number of changes that were handed over to the venue.
    asked: AtomicU64,
    /// Number of changes that have been accepted or rejected.
    answered: AtomicU64,
}

impl Listing {
    fn new(defined: Symbol) -> Self {
        Listing { defined, changes: OnceLock::new() }
    }

    fn present(&self) -> Symbol {
        let present =
            |changes: &Changes| *changes.present.read().unwrap_or_else(PoisonError::into_inner);
        self.changes.get().map_or(self.defined, |changes| present(changes))
    }

    fn changes(&self) -> &Changes {
        self.changes.get_or_init(|| {
            Box::new(Changes {
                present: RwLock::new(self.defined),
                asked: AtomicU64::new(0),
                answered: AtomicU64::new(0),
            })
        })
    }
}

impl Clone for Listing {
    fn clone(&self) -> Self {
        Listing::new(self.present())
    }
}

impl PartialEq for Listing {
    fn eq(&self, other: &Self) -> bool {
        self.present() == other.present()
    }
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
    /// Returns another handle to these names. What one handle observes, the other one shows. Only
    /// observers of the same commands in the same order may share.
    pub fn share(&self) -> Names {
        Names { entries: Arc::clone(&self.entries) }
    }

    /// Adds the name of the command if it is a definition. A definition with a verdict adds none,
    /// because the engine rejects it.
    pub fn observe(&self, command: &Command) {
        let (Action::Definition(definition), Reason::None) = (command.action, command.verdict)
        else {
            return;
        };
        let Entries { symbols, sessions, firms } = &*self.entries;
        match definition {
            Definition::Symbol(DefineSymbol { name, tick, lot, .. }) => {
                symbols.insert(command.symbol.0, Listing::new(Symbol { name, tick, lot }));
            }
            Definition::Session(DefineSession { name, firm, role }) => {
                sessions.insert(command.session.0, Session { name, firm, role });
            }
            Definition::Firm(DefineFirm { name, firm }) => firms.insert(firm.0.into(), name),
        }
    }

    /// Notes that a command is handed over, if it changes a symbol.
    pub fn ask(&self, command: &Command) {
        if let Action::Operator(OperatorCommand::ChangeSymbol(_)) = command.action
            && let Some(listing) = self.entries.symbols.get(command.symbol.0)
        {
            listing.changes().asked.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes over an accepted change of a symbol.
    pub fn change(&self, symbol: SymbolId, changed: &SymbolChanged) {
        let Some(listing) = self.entries.symbols.get(symbol.0) else { return };
        let changes = listing.changes();
        let mut present = changes.present.write().unwrap_or_else(PoisonError::into_inner);
        (present.tick, present.lot) = (changed.tick(), changed.lot);
        drop(present);
        changes.answered.fetch_add(1, Ordering::Release);
    }

    /// Takes over what a report changes: the units of a symbol.
    pub fn learn(&self, report: &Report) {
        if let Body::SymbolChanged(changed) = report.body() {
            self.change(report.symbol, &changed);
        }
    }

    /// Notes that the engine has rejected a command, if it changes a symbol.
    pub fn reject(&self, command: &Command) {
        if let Action::Operator(OperatorCommand::ChangeSymbol(_)) = command.action
            && let Some(listing) = self.entries.symbols.get(command.symbol.0)
        {
            listing.changes().answered.fetch_add(1, Ordering::Release);
        }
    }

    /// Returns true while a change of a symbol is handed over and not answered yet.
    #[inline]
    pub fn is_changing(&self, symbol: SymbolId) -> bool {
        let listing = self.entries.symbols.get(symbol.0);
        let changes = listing.and_then(|listing| listing.changes.get());
        changes.is_some_and(|changes| {
            changes.asked.load(Ordering::Relaxed) != changes.answered.load(Ordering::Acquire)
        })
    }

    /// Returns the symbol with a number.
    #[inline]
    pub fn symbol(&self, id: SymbolId) -> Option<Symbol> {
        self.entries.symbols.get(id.0).map(Listing::present)
    }

    /// Returns all symbols with their numbers.
    pub fn symbols(&self) -> impl Iterator<Item = (SymbolId, Symbol)> {
        self.entries.symbols.iter().map(|(number, symbol)| (SymbolId(number), symbol.present()))
    }

    /// Returns the session with a number.
    #[inline]
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.entries.sessions.get(id.0)
    }

    /// Returns the name of the firm with a number.
    pub fn firm(&self, id: FirmId) -> Option<Name> {
        self.entries.firms.get(id.0.into()).copied()
    }
}

/// Entries by number, each written once.
///
/// Bucket `b` has the numbers from 2^b to 2^(b + 1) - 1 and is allocated with its first entry. So
/// no entry ever moves, and a reader needs no lock.
#[derive(Clone, Debug, PartialEq)]
struct Table<T> {
    buckets: [OnceLock<Box<[OnceLock<T>]>>; u32::BITS as usize],
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { buckets: [const { OnceLock::new() }; u32::BITS as usize] }
    }
}

impl<T> Table<T> {
    /// Inserts an entry; the first entry with a number stays. Number 0 is none.
    fn insert(&self, number: u32, entry: T) {
        let Some((bucket, at)) = place(number) else { return };
        let empty = || (0..1usize << bucket).map(|_| OnceLock::new()).collect();
        // An error means that the number has its entry.
        let _ = self.buckets[bucket].get_or_init(empty)[at].set(entry);
    }

    #[inline]
    fn get(&self, number: u32) -> Option<&T> {
        let (bucket, at) = place(number)?;
        self.buckets[bucket].get()?[at].get()
    }

    /// Returns the entries with their numbers, in the order of the numbers.
    fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let buckets = self.buckets.iter().map_while(OnceLock::get);
        let slots = buckets.flat_map(|bucket| bucket.iter());
        (1..).zip(slots).filter_map(|(number, slot)| Some((number, slot.get()?)))
    }
}

/// Returns the bucket of a number and the place in it; `None` for number 0.
#[inline]
fn place(number: u32) -> Option<(usize, usize)> {
    let bucket = number.checked_ilog2()?;
    Some((bucket as usize, (number - (1 << bucket)) as usize))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::registry::directory::Directory;
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
    fn the_first_definition_of_a_number_stays_unless_it_is_refused() {
        let names = Names::default();
        names.observe(&define(0, "MSFT", Reason::InvalidDefinition));
        names.observe(&define(1, "AAPL", Reason::DuplicateName));
        assert_eq!(names.symbols().count(), 0);
        names.observe(&define(1, "AAPL", Reason::None));
        names.observe(&define(1, "MSFT", Reason::None));
        assert_eq!(names.symbol(SymbolId(1)).unwrap().name, name("AAPL"));
        assert_eq!(names.symbol(SymbolId::NONE), None);
        assert_eq!(names.symbol(Directory::NOWHERE), None);
    }

    #[test]
    fn all_numbers_are_found_in_their_order() {
        let names = Names::default();
        for number in 1..=100 {
            names.observe(&define(number, &format!("S{number}"), Reason::None));
        }
        let listed: Vec<_> = names.symbols().map(|(id, symbol)| (id.0, symbol.name)).collect();
        let expected: Vec<_> =
            (1..=100).map(|number| (number, name(&format!("S{number}")))).collect();
        assert_eq!(listed, expected);
        for (number, text) in expected {
            assert_eq!(names.symbol(SymbolId(number)).unwrap().name, text);
        }
        assert_eq!(names.symbol(SymbolId(101)), None);
    }

    #[test]
    fn a_shared_handle_shows_what_the_other_observes_and_a_clone_does_not() {
        let names = Names::default();
        let (shared, copy) = (names.share(), names.clone());
        std::thread::scope(|scope| {
            scope.spawn(|| names.observe(&define(1, "AAPL", Reason::None)));
        });
        assert_eq!(shared.symbol(SymbolId(1)).unwrap().name, name("AAPL"));
        assert_eq!(copy.symbol(SymbolId(1)), None);
    }
}
