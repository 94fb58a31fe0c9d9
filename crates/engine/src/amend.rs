//! Amendments that leave an order in its place: reduce and modify.

use super::matching::describe;
use super::orders::{Bucket, NIL, Order, Slot};
use super::{Engine, cut, reject};
use ringside_model::command::Sequenced;
use ringside_model::domain::{OrderId, Peg, Quantity, Side, SymbolId};
use ringside_model::reason::Reason;
use ringside_model::report::{Canceled, Modified, ReportSink, Subject};

impl Engine {
    /// Lowers the total quantity of an order, which keeps its priority.
    #[inline(never)]
    pub(super) fn reduce(
        &mut self,
        at: &Sequenced,
        id: OrderId,
        bucket: Bucket,
        total: u64,
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        self.catch_up(at, sink);
        let slot = self.find(command, id, bucket);
        let Some(book) = self.book_index(command.symbol).filter(|_| slot != NIL) else {
            return self.reject_unknown(command, id, sink);
        };
        let order = self.orders.get(slot);
        let executed = order.executed;
        let before = executed + order.open + self.behind(order);
        if let Err(reason) = self.books[book].check_quantity(total) {
            return reject(command, id, Side::Buy, reason, sink);
        }
        if total >= before {
            return reject(command, id, Side::Buy, Reason::NotAReduction, sink);
        }
        if total <= executed {
            return self.cancel_resting(slot, Reason::User, sink);
        }
        self.decrease_resting(slot, before - total, Reason::User, sink);
    }

    /// Changes the sell marking of an order, lowers its total quantity, or both. The order keeps
    /// its priority.
    #[inline(never)]
    pub(super) fn modify(
        &mut self,
        at: &Sequenced,
        id: OrderId,
        bucket: Bucket,
        (side, total): (Option<Side>, Option<Quantity>),
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        self.catch_up(at, sink);
        let slot = self.find(command, id, bucket);
        let Some(book) = self.book_index(command.symbol).filter(|_| slot != NIL) else {
            return self.reject_unknown(command, id, sink);
        };
        let order = *self.orders.get(slot);
        let marked = order.attributes.side();
        let side = side.unwrap_or(marked);
        if side.is_buy() != marked.is_buy() {
            return reject(command, id, Side::Buy, Reason::InvalidSide, sink);
        }
        if side != marked && self.books[book].is_guarded() {
            let price = self.levels.get(order.level).price();
            if let Err(reason) = self.check_marking(book, &order, side, price) {
                return reject(command, id, Side::Buy, reason, sink);
            }
        }
        let mut removed = 0;
        if let Some(Quantity(total)) = total {
            if let Err(reason) = self.books[book].check_quantity(total) {
                return reject(command, id, Side::Buy, reason, sink);
            }
            if total <= order.executed {
                return self.cancel_resting(slot, Reason::User, sink);
            }
            let open = order.open + self.behind(&order);
            removed = open.saturating_sub(total - order.executed);
        }
        if removed == 0 && side == marked {
            return reject(command, id, Side::Buy, Reason::NotAReduction, sink);
        }
        let (shown, behind) = self.take_from_reserve(slot, removed);
        let level = self.levels.get_mut(order.level);
        let price = level.price();
        level.subtract(shown);
        let attributes = order.attributes.with_side(side);
        let is_peg = || self.terms_of(&order).is_some_and(|terms| terms.peg != Peg::None);
        if side != marked && is_peg() {
            self.pegs.settle(SymbolId(order.symbol), None);
        }
        let modified = Order { open: order.open - shown, attributes, ..order };
        *self.orders.get_mut(slot) = modified;
        let (before, after) = (order.hash(price), modified.hash(price));
        self.books_hash = self.books_hash.wrapping_sub(before).wrapping_add(after);
        self.note_interest(command.symbol, attributes, price, shown, false);
        if attributes.has_minimum() {
            self.note_minimum(slot);
        }
        let displayed = shown_less(&modified, shown);
        sink.report(Modified { displayed }.about(Subject {
            quantity: Quantity(removed),
            open: Quantity(modified.open + behind),
            ..describe(&modified, price)
        }));
    }

    /// Cancels a part of a resting order, which keeps its priority.
    pub(super) fn decrease_resting(
        &mut self,
        slot: Slot,
        quantity: u64,
        reason: Reason,
        sink: &mut impl ReportSink,
    ) {
        let (shown, behind) = self.take_from_reserve(slot, quantity);
        let order = self.orders.get_mut(slot);
        let level = self.levels.get_mut(order.level);
        let price = level.price();
        let before = order.hash(price);
        order.open -= shown;
        level.subtract(shown);
        self.books_hash = self.books_hash.wrapping_sub(before).wrapping_add(order.hash(price));
        let canceled = Canceled { displayed: shown_less(order, shown), ..Canceled::PLAIN };
        sink.report(canceled.about(cut(order, price, quantity, order.open + behind, reason)));
        let order = *order;
        self.note_interest(SymbolId(order.symbol), order.attributes, price, shown, false);
        if order.attributes.has_minimum() {
            self.note_minimum(slot);
        }
    }
}

/// Returns the reduction of the displayed slice for the report of a reduction; `None` if the order
/// is not an iceberg.
fn shown_less(order: &Order, shown: u64) -> Option<Quantity> {
    order.attributes.has_reserve().then_some(Quantity(shown))
}
