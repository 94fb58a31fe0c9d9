//! Orders that a mass cancel covers, found without a walk through the books.

use super::Engine;
use super::beside::Resting;
use super::book::side_index;
use super::by_place::Sought;
use super::orders::{Order, Slot};
use ringside_model::command::MassCancel;
use ringside_model::domain::OrderNumber;

/// Place of an order among all orders, by which [`Engine::cover`] sorts those of a symbol.
pub(super) type Place = (u32, Resting, usize, i64, u64);

/// Number of orders that one search makes ready for the next ones.
pub(super) const READY: usize = 8192;

impl Engine {
    /// Collects the orders that a mass cancel covers, in the sequence of [`Engine::cover`], symbol
    /// by symbol.
    ///
    /// A filter with a session, a firm or a group costs the orders that it covers, as soon as the
    /// orders of the sessions in question are found by place. Any other filter covers whole sides
    /// of books.
    pub(super) fn cover_filtered(
        &mut self,
        filter: &MassCancel,
        book: Option<usize>,
        covered: &mut Vec<Slot>,
    ) {
        let owners = self.orders.owners();
        let sessions: Vec<u32> = match (filter.session, filter.firm, filter.group) {
            (Some(session), ..) => vec![session.0],
            (None, Some(firm), _) => owners.of_firm(firm.0).collect(),
            (None, None, Some(group)) => owners.of_group(group).collect(),
            (None, None, None) => return self.cover_sides(filter.buy, book, covered),
        };
        let symbol = book.map(|book| self.books[book].symbol().0);
        let sought = Sought { buy: filter.buy, symbol };
        let mut left = READY;
        for &session in &sessions {
            if sought.is_narrow() || self.orders.owners().is_by_place(session) {
                self.orders.make_ready(session, sessions.len(), &mut left);
            }
        }
        let slots = sessions.iter().flat_map(|&session| self.orders.of_session(session, sought));
        let wanted = slots.filter(|&slot| covers(filter, self.orders.get(slot)));
        let mut places: Vec<(Place, Slot)> =
            wanted.map(|slot| (self.place_of(self.orders.get(slot)), slot)).collect();
        places.sort_unstable();
        places.dedup();
        covered.extend(places.into_iter().map(|(_, slot)| slot));
    }

    /// Collects the orders of one side, or of both, of a book or of all books.
    fn cover_sides(&self, buy: Option<bool>, book: Option<usize>, covered: &mut Vec<Slot>) {
        let all = book.is_none().then(|| self.books_by_symbol()).into_iter().flatten();
        for book in book.into_iter().chain(all) {
            covered.extend(self.all_resting(&self.books[book], buy));
        }
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
