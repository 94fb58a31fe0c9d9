//! Changes of single orders of the naive venue, and their reports.

use super::icebergs::seen_less;
use super::{Naive, Order};
use ringside_model::command::{Command, Enter};
use ringside_model::domain::{OrderId, OrderNumber, Price, Quantity, Side};
use ringside_model::reason::Reason;
use ringside_model::report::{Body, Canceled, Moved, Rejected, Subject};

impl Naive {
    /// Stores an order in its present state; removes the order if nothing is open.
    pub(super) fn put(&mut self, order: Order) {
        self.orders.retain(|other| !other.is_same(&order));
        if order.open > 0 {
            self.orders.push(order);
        }
    }

    /// Cancels the open quantity of a live order.
    pub(super) fn end(&mut self, mut order: Order, reason: Reason) {
        let open = order.open;
        self.cut(&mut order, open, reason);
        self.put(order);
    }

    /// Cancels a part of an order and reports that; a part of zero is not reported.
    pub(super) fn cut(&mut self, order: &mut Order, quantity: u64, reason: Reason) {
        self.cut_at(order, quantity, reason, Price(0));
    }

    /// Cancels a part of an order instead of a trade at a price; zero for another cause.
    pub(super) fn cut_at(
        &mut self,
        order: &mut Order,
        quantity: u64,
        reason: Reason,
        prevented: Price,
    ) {
        if quantity > 0 {
            let rests = order.iceberg.is_some_and(|iceberg| iceberg.shown > 0);
            let seen = order.shrink(quantity);
            let displayed = seen_less(order, seen).filter(|_| rests && order.open > 0);
            self.say(Canceled { displayed, prevented }, order, quantity);
            self.reports.last_mut().unwrap().reason = reason;
        }
    }

    pub(super) fn say(&mut self, body: impl Into<Body>, order: &Order, quantity: u64) {
        self.reports.push(body.into().about(Subject {
            reason: Reason::None,
            session: order.session,
            id: order.id,
            order: order.number,
            symbol: order.symbol,
            side: order.side,
            price: order.price,
            quantity: Quantity(quantity),
            open: Quantity(order.open),
            hidden: order.is_hidden(),
        }));
    }

    pub(super) fn reject_not_live(&mut self, command: &Command, id: OrderId) {
        let reason = match command.verdict {
            _ if self.names_waiting(command, id) => Reason::Moving,
            Reason::None => Reason::UnknownOrder,
            verdict => verdict,
        };
        self.reject(command, id, Side::Buy, reason);
    }

    /// Rejects a new order of any kind.
    pub(super) fn reject_enter(&mut self, command: &Command, enter: &Enter, reason: Reason) {
        let is_away = command.verdict == Reason::None && self.away.contains_key(&command.symbol);
        let moved = self.absence(command.symbol).1.filter(|_| is_away);
        self.reject_with(command, (enter.id, enter.side), reason, moved);
    }

    /// Returns the number of the command's own order: that of the command, unless the command has
    /// given places before.
    pub(super) fn own_place(&mut self, number: OrderNumber) -> OrderNumber {
        if self.work.placed == 0 { number } else { self.next_place() }
    }

    /// Returns the number for the next order that this command gives a new place.
    pub(super) fn next_place(&mut self) -> OrderNumber {
        self.work.placed += 1;
        OrderNumber(self.at.0 + (u64::from(self.work.placed) << 44))
    }

    /// Rejects a command because its symbol is not traded here.
    pub(super) fn reject_absent(&mut self, command: &Command, id: OrderId, side: Side) {
        let (reason, moved) = self.absence(command.symbol);
        self.reject_with(command, (id, side), reason, moved);
    }

    pub(super) fn reject(&mut self, command: &Command, id: OrderId, side: Side, reason: Reason) {
        self.reject_with(command, (id, side), reason, None);
    }

    pub(super) fn reject_with(
        &mut self,
        command: &Command,
        (id, side): (OrderId, Side),
        reason: Reason,
        moved: Option<Moved>,
    ) {
        let subject = Subject { reason, id, side, ..Subject::from(command) };
        self.reports.push(Rejected { moved }.about(subject));
    }
}
