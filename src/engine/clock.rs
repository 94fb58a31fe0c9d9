//! What happens because time has passed.
//!
//! Nothing in an engine moves by itself: time comes with the commands. What is due for an instrument happens before a command
//! does anything to it, so that it makes no difference whether somebody said in time that time has passed.

use super::book::{key_of, side_index};
use super::orders::Slot;
use super::pools::rank_beside;
use super::{Engine, reject};
use crate::command::Sequenced;
use crate::domain::{Nanos, OrderId, OrderNumber, Quantity, Side, SymbolId};
use crate::planted::{Bug, planted};
use crate::reason::Reason;
use crate::report::{Report, ReportKind, ReportSink};

impl Engine {
    /// Does what is due for the instrument of a command.
    #[inline]
    pub(super) fn catch_up(&mut self, at: &Sequenced, sink: &mut impl ReportSink) {
        if self.terms.expire() && !planted(Bug::ExpiryWaitsForATick) {
            let due = self.expired(at.command.symbol, at.time);
            self.expire_due(due, sink);
        }
    }

    /// Somebody says that time has passed.
    #[cold]
    pub(super) fn tick(&mut self, at: &Sequenced, sink: &mut impl ReportSink) {
        let command = &at.command;
        let symbol = command.symbol;
        if command.verdict != Reason::None {
            self.catch_up(at, sink);
            reject(command, OrderId(0), Side::Buy, command.verdict, sink);
            return self.indicate(symbol, sink);
        }
        if self.book_index(symbol).is_none() {
            return self.reject_absent(command, OrderId(0), Side::Buy, sink);
        }
        let due = self.expired(symbol, at.time);
        let quantity = Quantity(due.len() as u64);
        sink.report(Report { kind: ReportKind::Ticked, quantity, symbol, ..Report::BLANK });
        self.expire_due(due, sink);
        self.indicate(symbol, sink);
    }

    /// Ends orders whose time is over.
    fn expire_due(&mut self, due: Vec<Slot>, sink: &mut impl ReportSink) {
        for slot in due {
            self.cancel_resting(slot, Reason::Expired, sink);
        }
    }

    /// The orders of an instrument whose time is over, in the order in which all of its orders are collected.
    fn expired(&self, symbol: SymbolId, now: Nanos) -> Vec<Slot> {
        let slot_of =
            |(session, id)| self.orders.find(self.orders.bucket(session, id), session, id);
        let mut due: Vec<Slot> = self.terms.due(symbol, now).map(slot_of).collect();
        due.sort_by_key(|&slot| {
            let order = self.orders.get(slot);
            let (buy, price) = (order.traits.is_buy(), self.levels.get(order.level).price());
            let rank = rank_beside(order.traits, price);
            let age = OrderNumber(order.number).age();
            (rank, side_index(buy), key_of(buy, price), age)
        });
        due
    }
}
