//! Repricing of resting orders without a request of their session: a band has moved, or the quote
//! that a peg follows. A repriced order gets a new place, as a new order does.

use super::Engine;
use super::matching::{Incoming, describe};
use super::orders::{Order, Slot};
use super::stops::Traded;
use super::terms::KeptTerms;
use ringside_model::command::Sequenced;
use ringside_model::domain::{OrderId, OrderNumber, OrderType, Quantity, SessionId, SymbolId};
use ringside_model::report::{ReportSink, Repriced, Subject};

impl Engine {
    /// Reprices a resting order away from the other side; the order rests without trading. The
    /// slice of an iceberg keeps its size.
    pub(super) fn move_away(
        &mut self,
        book: usize,
        (slot, price): (Slot, i64),
        number: OrderNumber,
        sink: &mut impl ReportSink,
    ) {
        let old = self.orders.get(slot);
        let terms = old.attributes.is_special().then(|| *self.kept_terms(old));
        let order = self.take_along((slot, price), terms.as_ref(), number, sink);
        self.pegs.settle(SymbolId(order.symbol), None);
        if order.attributes.has_reserve() {
            return self.place(book, order, price);
        }
        self.rest(book, order, price, sink);
    }

    /// Reprices a resting order with special terms; the order trades if the new limit crosses the
    /// other side.
    pub(super) fn enter_again(
        &mut self,
        at: &Sequenced,
        book: usize,
        (slot, price): (Slot, i64),
        terms: KeptTerms,
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) {
        let number = traded.next_number(at.seqno);
        let order = self.take_along((slot, price), Some(&terms), number, sink);
        let mut incoming = Incoming::new(order, price);
        incoming.traded = traded.so_far();
        self.match_special(book, OrderType::Limit, &mut incoming, terms, sink);
        traded.go_on(incoming.traded);
    }

    /// Removes a resting order with everything kept beside it, and publishes its new limit and
    /// number. Returns the order.
    fn take_along(
        &mut self,
        (slot, price): (Slot, i64),
        terms: Option<&KeptTerms>,
        number: OrderNumber,
        sink: &mut impl ReportSink,
    ) -> Order {
        let old = *self.orders.get(slot);
        let bucket = self.orders.bucket(SessionId(old.session), OrderId(old.id));
        let behind = self.behind(&old);
        self.remove_resting(slot, bucket, self.levels.get(old.level).price());
        let parked = old.attributes.is_parked();
        if parked {
            self.set_parked(&old, false);
        }
        let attributes = old.attributes.with_parked(false);
        let order = Order { number: number.0, attributes, ..old };
        sink.report(Repriced { old_order: OrderNumber(old.number), parked }.about(Subject {
            quantity: Quantity(order.open),
            open: Quantity(order.open + behind),
            ..describe(&order, price)
        }));
        self.orders.make_room(1);
        if old.attributes.has_reserve() {
            let (left, display) = self.take_reserve(&old);
            self.keep_reserve(&order, price, left, display);
        }
        if let Some(terms) = terms {
            self.renumber_terms(&old, terms, number.0);
        }
        order
    }

    /// Sorts orders by priority on their side, displayed and hidden ones together.
    pub(super) fn by_priority(&self, slots: &mut [Slot]) {
        slots.sort_by_key(|&slot| {
            let order = self.orders.get(slot);
            let key = self.levels.get(order.level).key;
            (key, order.attributes.is_non_displayed(), OrderNumber(order.number).age())
        });
    }
}
