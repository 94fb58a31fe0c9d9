//! Amendments: reduce, replace, modify.
//!
//! A reduce and a modify leave an order in its place. A replace removes the order and enters it
//! anew, behind all others at its price. A replace with invalid terms ends the order; a replace
//! that is not allowed is rejected and leaves it.

use super::icebergs;
use super::market::LimitTerms;
use super::matching::describe;
use super::orders::{Bucket, NIL, Order, Slot};
use super::{Engine, cut, reject, states};
use ringside_model::command::Sequenced;
use ringside_model::domain::{OrderId, OrderNumber, OrderType, Peg, Quantity, Side, SymbolId};
use ringside_model::reason::Reason;
use ringside_model::report::{Canceled, Modified, Replaced, ReportSink, Subject};

/// New id, total quantity and limit of a replaced order.
pub(super) struct NewTerms {
    pub id: OrderId,
    pub total: u64,
    pub price: i64,
}

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

    /// Replaces id, total quantity and limit of an order, which gets a new priority.
    #[inline(never)]
    pub(super) fn replace(
        &mut self,
        at: &Sequenced,
        id: OrderId,
        bucket: Bucket,
        NewTerms { id: new_id, total, price }: NewTerms,
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        self.catch_up(at, sink);
        let new_bucket = self.orders.bucket(command.session, new_id);
        if matches!(command.verdict, Reason::Moving | Reason::WrongPartition) {
            return reject(command, new_id, Side::Buy, command.verdict, sink);
        }
        let used = command.verdict == Reason::DuplicateId
            || new_id == id
            || self.orders.is_live(new_bucket, command.session, new_id)
            || self.waits(command.session, new_id);
        if used {
            return reject(command, new_id, Side::Buy, Reason::DuplicateId, sink);
        }
        let slot = self.find(command, id, bucket);
        let Some(book) = self.book_index(command.symbol).filter(|_| slot != NIL) else {
            let reason =
                if self.waits(command.session, id) { Reason::Moving } else { Reason::TooLate };
            return reject(command, new_id, Side::Buy, reason, sink);
        };
        if command.verdict.refuses_service() {
            return reject(command, new_id, Side::Buy, command.verdict, sink);
        }
        let order = *self.orders.get(slot);
        let is_slow = order.attributes.takes_slow_path();
        if is_slow && let Err(reason) = self.can_be_replaced(&order) {
            return reject(command, new_id, Side::Buy, reason, sink);
        }
        if let Err(reason) = self.check_busy(book) {
            return reject(command, new_id, Side::Buy, reason, sink);
        }
        let (state, tif) = (self.books[book].state(), order.attributes.tif());
        if !self.books[book].is_open() || tif.is_for_auction() {
            let admitted = states::admission(state, OrderType::Limit, tif);
            if let Err(reason) = states::refusal(&self.books[book]).and(admitted) {
                return reject(command, new_id, Side::Buy, reason, sink);
            }
        }
        let priced = price >= 1 || price == 0 && tif.is_for_auction();
        let valid = command.verdict == Reason::None
            && priced
            && (!is_slow || self.can_show(&order, total.saturating_sub(order.executed)));
        if !valid || self.books[book].check_quantity(total).is_err() {
            return self.cancel_resting(slot, Reason::ReplacedInvalid, sink);
        }
        if total <= order.executed {
            return self.cancel_resting(slot, Reason::User, sink);
        }
        let Ok(price) = self.new_limit(book, &order, price) else {
            return self.cancel_resting(slot, Reason::ReplacedInvalid, sink);
        };
        self.remove_resting(slot, bucket, self.levels.get(order.level).price());
        let open = total - order.executed;
        let old = order;
        let order = Order { number: self.own_number(at).0, id: new_id.0, open, ..order };
        let replaced = Replaced {
            old_id: id,
            place: OrderNumber(order.number).index(),
            attributed: order.attributes.is_attributed(),
            capacity: order.attributes.capacity(),
        };
        sink.report(replaced.about(Subject {
            quantity: Quantity(total),
            open: Quantity(open),
            order: OrderNumber(old.number),
            ..describe(&order, price)
        }));
        if tif.is_for_auction() {
            self.rest_beside(order, price);
        } else if is_slow {
            self.replace_slow(at, book, (&old, order), price, sink);
        } else if self.may_trade(book, order.attributes.is_buy(), price) {
            let mut incoming = self.incoming(order, price);
            self.match_limit(book, &mut incoming, sink);
            self.elect_after(at, book, &incoming, sink);
        } else {
            self.place(book, order, price);
        }
    }

    /// Enters an iceberg or an order with special terms in place of `old`, with the reserve or the
    /// terms of `old`.
    #[cold]
    #[inline(never)]
    fn replace_slow(
        &mut self,
        at: &Sequenced,
        book: usize,
        (old, order): (&Order, Order),
        price: i64,
        sink: &mut impl ReportSink,
    ) {
        let terms = old.attributes.is_special().then(|| self.forget_terms(old));
        let display = old.attributes.has_reserve().then(|| self.take_reserve(old).1);
        if let Some(display) = display {
            self.begin_reserve(&order, display);
        }
        if !self.may_trade(book, order.attributes.is_buy(), price) {
            self.begin_terms(&order, terms);
            return self.rest(book, order, price, sink);
        }
        let mut incoming = self.incoming(order, price);
        match terms {
            Some(terms) => self.match_special(book, OrderType::Limit, &mut incoming, terms, sink),
            None => self.match_iceberg(book, &mut incoming, sink),
        }
        self.elect_after(at, book, &incoming, sink);
    }

    /// Returns the limit with which a replaced order enters, or the reason of the cancel.
    #[inline]
    fn new_limit(&self, book: usize, order: &Order, price: i64) -> Result<i64, Reason> {
        if self.books[book].is_guarded() {
            let terms = LimitTerms::of_order(order, self.terms_of(order));
            return self.guarded_price(book, terms, price);
        }
        self.passive_price(book, order.attributes.side(), order.attributes.post_only(), price)
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

    /// Checks that an order with data beside it can be replaced: not a stop and not a peg. A reached
    /// stop is on its way into the book.
    #[cold]
    fn can_be_replaced(&self, order: &Order) -> Result<(), Reason> {
        let is_peg = self.terms_of(order).is_some_and(|terms| terms.peg != Peg::None);
        if order.attributes.is_reached() {
            Err(Reason::TooLate)
        } else if order.attributes.is_stop() || is_peg {
            Err(Reason::Unsupported)
        } else {
            Ok(())
        }
    }

    /// Returns true if a replaced order can show `open` in slices; true for an order without a
    /// reserve.
    fn can_show(&self, order: &Order, open: u64) -> bool {
        let reserve = self.tables.reserves.get(order.key());
        let Some(book) = self.book_index(SymbolId(order.symbol)) else { return false };
        reserve.is_none_or(|reserve| icebergs::fits(&reserve.display, open, self.books[book].lot()))
    }
}

/// Returns the reduction of the displayed slice for the report of a reduction; `None` if the order
/// is not an iceberg.
fn shown_less(order: &Order, shown: u64) -> Option<Quantity> {
    order.attributes.has_reserve().then_some(Quantity(shown))
}
