//! Orders that rest and get another limit without anybody asking for it: a band has moved, or the quote that they follow. They
//! get a new place as if they had just come.

use super::Engine;
use super::matching::{Incoming, describe};
use super::orders::{Order, Slot};
use super::stops::Traded;
use ringside_model::command::{RichTerms, Sequenced};
use ringside_model::domain::{OrderId, OrderNumber, OrderType, Quantity, SessionId};
use ringside_model::report::{Report, ReportKind, ReportSink};

impl Engine {
    /// A resting order gets another limit, farther away from the other side: it rests there. Of an iceberg the slice goes as
    /// it is.
    pub(super) fn move_away(
        &mut self,
        book: usize,
        (slot, price): (Slot, i64),
        number: OrderNumber,
        sink: &mut impl ReportSink,
    ) {
        let (order, terms) = self.take_along((slot, price), number, sink);
        if order.traits.has_reserve() {
            return self.place(book, order, price);
        }
        self.begin_terms(&order, terms);
        self.rest(book, order, price, sink);
    }

    /// A resting order with terms gets another limit, and trades if that crosses the other side.
    pub(super) fn enter_again(
        &mut self,
        at: &Sequenced,
        book: usize,
        (slot, price): (Slot, i64),
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) {
        let number = traded.next_number(at.seqno);
        let (order, terms) = self.take_along((slot, price), number, sink);
        let mut incoming = Incoming::new(order, price);
        incoming.traded = Traded { span: None, ..*traded };
        let terms = terms.expect("only such orders enter again");
        self.match_rich(book, OrderType::Limit, &mut incoming, terms, sink);
        let before = traded.span;
        *traded = incoming.traded;
        if let Some((lowest, highest)) = before {
            traded.add(lowest, highest);
        }
    }

    /// Takes a resting order out, with all that is kept of it, and says what its limit and its number are from here on.
    fn take_along(
        &mut self,
        (slot, price): (Slot, i64),
        number: OrderNumber,
        sink: &mut impl ReportSink,
    ) -> (Order, Option<RichTerms>) {
        let old = *self.orders.get(slot);
        let bucket = self.orders.bucket(SessionId(old.session), OrderId(old.id));
        let behind = self.behind(&old);
        self.remove_resting(slot, bucket, self.levels.get(old.level).price());
        let order = Order { number: number.0, ..old };
        sink.report(Report {
            kind: ReportKind::Repriced,
            quantity: Quantity(order.open),
            open: Quantity(order.open + behind),
            other: old.number,
            ..describe(&order, price)
        });
        self.orders.make_room(1);
        if old.traits.has_reserve() {
            let (left, display) = self.take_reserve(&old);
            self.restore_reserve(&order, price, left, display);
        }
        (order, old.traits.is_rich().then(|| self.forget_terms(&old)))
    }

    /// Orders in the order in which their side trades, whether they are in the book or hidden beside it.
    pub(super) fn by_priority(&self, slots: &mut [Slot]) {
        slots.sort_by_key(|&slot| {
            let order = self.orders.get(slot);
            let key = self.levels.get(order.level).key;
            (key, order.traits.is_non_displayed(), OrderNumber(order.number).age())
        });
    }
}
