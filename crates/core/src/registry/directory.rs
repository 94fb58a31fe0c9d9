//! Venue state that a gateway needs: numbers of names, used order ids, and the rules by which it
//! rejects orders.

use super::names::Names;
use super::numbers::Numbers;
use crate::registry::rules::VenueRules;
use crate::registry::used_ids::UsedIds;
use ringside_model::command::Command;
use ringside_model::domain::{MatchNumber, OrderId, SessionId, SymbolId};
use ringside_model::reason::Reason;

/// Names of the venue, the order ids of its sessions, and its rules.
///
/// The directory holds nothing that the journal does not: [`Directory::observe`] with every command
/// in order rebuilds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directory {
    names: Names,
    numbers: Numbers,
    ids: UsedIds,
    rules: VenueRules,
}

impl Directory {
    /// Symbol number that no definition ever gets. A mass cancel with an unknown symbol name
    /// carries it, since [`SymbolId::NONE`] would mean all symbols there.
    pub const NOWHERE: SymbolId = SymbolId(u32::MAX);

    /// Returns an empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fills an empty directory with the definitions of a venue, all accepted, and its used ids.
    pub fn resume(&mut self, definitions: &[Command], ids: UsedIds) {
        self.ids = ids;
        definitions.iter().for_each(|command| self.observe(command));
    }

    /// Updates the directory with the next command of the venue.
    ///
    /// [`UsedIds::observe`] decides which ids a command uses up.
    pub fn observe(&mut self, command: &Command) {
        self.names.observe(command);
        self.names.ask(command);
        self.numbers.observe(command, &self.names);
        self.ids.observe(command);
        self.rules.observe(command);
    }

    /// Returns the names of the venue, by number.
    #[inline]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Returns the numbers of the venue, by name.
    #[inline]
    pub fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Returns the used order ids.
    pub fn used_ids(&self) -> &UsedIds {
        &self.ids
    }

    /// Returns the id for the next order that the session gets by an import of a symbol. These ids
    /// begin at [`OrderId::IMPORTED_MIN`] and have no gap.
    pub fn next_imported_id(&self, session: SessionId) -> OrderId {
        let is_used = |count: u64| {
            let id = OrderId(OrderId::IMPORTED_MIN.0 + count);
            self.order_symbol(session, id).is_some()
        };
        let (mut used, mut step) = (0, 1);
        while is_used(used + step - 1) {
            used += step;
            step *= 2;
        }
        while step > 1 {
            step /= 2;
            if is_used(used + step - 1) {
                used += step;
            }
        }
        OrderId(OrderId::IMPORTED_MIN.0 + used)
    }

    /// Returns the reason against an order with this id from the session now, whatever its terms.
    pub fn refuses(&self, session: SessionId, id: OrderId) -> Option<Reason> {
        match self.order_symbol(session, id) {
            Some(_) => Some(Reason::DuplicateId),
            None => self.rules.refuses(session),
        }
    }

    /// Returns the venue-wide rules.
    pub fn rules(&self) -> &VenueRules {
        &self.rules
    }

    /// Forgets the changes of all trades before the oldest one that the venue knows.
    pub fn forget_trades_before(&mut self, oldest: MatchNumber) {
        self.rules.forget_trades_before(oldest);
    }

    /// Returns the symbol of the order to which the session last gave this id. [`SymbolId::NONE`]
    /// if the order named no symbol that exists; `None` if the id is free.
    #[inline]
    pub fn order_symbol(&self, session: SessionId, id: OrderId) -> Option<SymbolId> {
        self.ids.get(session, id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::tests::{command, define, name};
    use super::*;
    use ringside_model::command::{Action, Cancel, DefineFirm, DefineSession, Enter, Replace};
    use ringside_model::domain::{FirmId, Price, Quantity, Role, Side};

    fn enter(session: u32, symbol: u32, id: u64, verdict: Reason) -> Command {
        let enter = Enter::limit(OrderId(id), Side::Buy, Quantity(1), Price(1));
        command(session, symbol, verdict, Action::Enter(enter))
    }

    #[test]
    fn an_id_is_used_up_even_if_the_order_was_refused() {
        let mut directory = Directory::new();
        let order_symbol = |directory: &Directory, session: u32, id: u64| {
            directory.order_symbol(SessionId(session), OrderId(id))
        };
        directory.observe(&enter(1, 7, 10, Reason::OffTick));
        directory.observe(&enter(1, 8, 10, Reason::DuplicateId));
        directory.observe(&enter(2, 0, 10, Reason::UnknownSymbol));
        assert_eq!(order_symbol(&directory, 1, 10), Some(SymbolId(7)));
        assert_eq!(order_symbol(&directory, 2, 10), Some(SymbolId::NONE));
        assert_eq!(order_symbol(&directory, 1, 11), None);
        let (quantity, price) = (Quantity(1), Price(1));
        let replace =
            Action::Replace(Replace { id: OrderId(10), new_id: OrderId(11), quantity, price });
        directory.observe(&command(1, 7, Reason::None, replace));
        assert_eq!(order_symbol(&directory, 1, 11), Some(SymbolId(7)));
    }

    #[test]
    fn the_last_use_of_an_id_stands_unless_it_is_known_as_a_duplicate() {
        let mut directory = Directory::new();
        let mut ids = UsedIds::default();
        let replace = |symbol, verdict| {
            let (id, new_id) = (OrderId(3), OrderId(10));
            let (quantity, price) = (Quantity(1), Price(1));
            command(1, symbol, verdict, Action::Replace(Replace { id, new_id, quantity, price }))
        };
        // A replace over the network that has no effect leaves its id free for the next order.
        for (next, expected) in [
            (replace(7, Reason::None), 7),
            (enter(1, 8, 10, Reason::None), 8),
            (enter(1, 9, 10, Reason::DuplicateId), 8),
            (replace(9, Reason::DuplicateId), 8),
            (replace(9, Reason::OffTick), 9),
            (enter(1, 0, 10, Reason::UnknownSymbol), 0),
            (enter(1, 5, 10, Reason::Closed), 5),
            (command(1, 6, Reason::None, Action::Cancel(Cancel { id: OrderId(10) })), 5),
        ] {
            directory.observe(&next);
            ids.observe(&next);
            let (session, id) = (SessionId(1), OrderId(10));
            assert_eq!(directory.order_symbol(session, id), Some(SymbolId(expected)), "{next:?}");
            assert_eq!(directory.used_ids(), &ids, "whoever observes");
        }
    }

    #[test]
    fn imported_orders_have_ids_of_their_own_without_a_gap() {
        let mut directory = Directory::new();
        for count in 0..300 {
            let next = directory.next_imported_id(SessionId(1));
            assert_eq!(next.0, OrderId::IMPORTED_MIN.0 + count);
            directory.observe(&enter(1, 7, next.0, Reason::None));
            directory.observe(&enter(1, 7, count + 1, Reason::None));
        }
        assert_eq!(directory.next_imported_id(SessionId(2)), OrderId::IMPORTED_MIN);
        assert_eq!(directory.used_ids().next(SessionId(1)), OrderId(301));
    }

    #[test]
    fn a_restored_directory_is_the_same() {
        let mut directory = Directory::new();
        let firm = Action::from(DefineFirm { firm: FirmId(1), name: name("F") });
        let session =
            Action::from(DefineSession { name: name("A"), firm: FirmId(1), role: Role::File });
        let definitions = [
            command(0, 0, Reason::None, firm),
            command(1, 0, Reason::None, session),
            define(1, "AAPL", Reason::None),
            define(2, "MSFT", Reason::None),
        ];
        definitions.iter().for_each(|command| directory.observe(command));
        for id in 1..200 {
            directory.observe(&enter(1, 1 + id as u32 / 100, id, Reason::None));
        }
        let ids = UsedIds::from_rows(&directory.used_ids().rows()).unwrap();
        let resumed = |definitions: &[Command], ids: &UsedIds| {
            let mut directory = Directory::new();
            directory.resume(definitions, ids.clone());
            directory
        };
        assert_eq!(resumed(&definitions, &ids), directory);
        assert_ne!(resumed(&definitions[..3], &ids), directory);
        assert_ne!(resumed(&definitions, &UsedIds::default()), directory);
    }
}
