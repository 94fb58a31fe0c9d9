//! Orders that a mass cancel covers, found without a walk through the books.

use super::Engine;
use super::beside::Resting;
use super::book::side_index;
use super::orders::{Order, Slot};
use ringside_model::command::MassCancel;
use ringside_model::domain::{OrderNumber, SymbolId};

/// Place of an order in the sequence in which [`Engine::cover_all`] collects all orders.
pub(super) type Place = (u32, Resting, usize, i64, u64);

impl Engine {
    /// Collects the orders that a mass cancel covers, in the sequence of [`Engine::cover_all`].
    ///
    /// A filter with a session costs the orders of the session. A filter with a firm or a group and
    /// no symbol costs the orders of the sessions that have traded for it. Any other filter walks
    /// the book of its symbol, or all books.
    pub(super) fn cover_filtered(
        &self,
        filter: &MassCancel,
        book: Option<usize>,
        covered: &mut Vec<Slot>,
    ) {
        let is_covered = |order: &Order| covers(filter, order);
        let owners = self.orders.owners();
        match (filter.session, filter.firm, filter.group, book) {
            (Some(session), ..) if owners.has(session.0) => {
                let symbol = book.map(|book| self.books[book].symbol());
                self.collect([session.0], symbol, is_covered, covered);
            }
            (None, Some(firm), _, None) if owners.has_all() => {
                self.collect(owners.of_firm(firm.0), None, is_covered, covered);
            }
            (None, None, Some(group), None) if owners.has_all() => {
                self.collect(owners.of_group(group), None, is_covered, covered);
            }
            (.., Some(book)) => self.cover(book, is_covered, covered),
            _ => self.cover_all(is_covered, covered),
        }
    }

    /// Collects the orders of some sessions that meet `wanted`, of one symbol or of all.
    fn collect(
        &self,
        sessions: impl IntoIterator<Item = u32>,
        symbol: Option<SymbolId>,
        wanted: impl Fn(&Order) -> bool,
        covered: &mut Vec<Slot>,
    ) {
        let slots = sessions.into_iter().flat_map(|session| self.orders.of_session(session));
        let mut places: Vec<(Place, Slot)> = slots
            .map(|slot| (slot, self.orders.get(slot)))
            .filter(|(_, order)| symbol.is_none_or(|symbol| symbol.0 == order.symbol))
            .filter(|(_, order)| wanted(order))
            .map(|(slot, order)| (self.place_of(order), slot))
            .collect();
        places.sort_unstable();
        places.dedup();
        covered.extend(places.into_iter().map(|(_, slot)| slot));
    }

    /// Returns the place of an order among all orders.
    pub(super) fn place_of(&self, order: &Order) -> Place {
        let level = self.levels.get(order.level);
        let resting = Resting::of(order.attributes, level.price());
        let age = OrderNumber(order.number).age();
        (order.symbol, resting, side_index(order.attributes.is_buy()), level.key, age)
    }
}

fn covers(filter: &MassCancel, order: &Order) -> bool {
    filter.buy.is_none_or(|buy| buy == order.attributes.is_buy())
        && filter.session.is_none_or(|session| session.0 == order.session)
        && filter.firm.is_none_or(|firm| firm.0 == order.attributes.firm())
        && filter.group.is_none_or(|group| group == order.attributes.group())
}
