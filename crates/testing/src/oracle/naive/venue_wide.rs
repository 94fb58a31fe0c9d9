//! Commands of the naive venue about many symbols, and about no book.

use super::work::Owed;
use super::{Naive, Order};
use ringside_model::command::{BreakTrade, Command, CorrectTrade, DefineSymbol, MassCancel};
use ringside_model::domain::{DayEvent, FirmId, OrderId, Side, SymbolId, Tick, TimeInForce};
use ringside_model::reason::Reason;
use ringside_model::report::{
    self, Body, Broken, Corrected, Defined, MassCanceled, Subject, Unfinished,
};

impl Naive {
    pub(super) fn mass_cancel(&mut self, command: &Command, filter: MassCancel) {
        let symbol = command.symbol;
        let cause = match command.verdict {
            Reason::None => Reason::MassCancel,
            verdict if (verdict as u8) < 32 => verdict,
            refused => return self.reject(command, filter.id, Side::Buy, refused),
        };
        if symbol != SymbolId::NONE && !self.is_traded(symbol) {
            return self.reject_absent(command, filter.id, Side::Buy);
        }
        let is_covered = |order: &Order| {
            (symbol == SymbolId::NONE || symbol == order.symbol)
                && filter.session.is_none_or(|session| session == order.session)
                && filter.firm.is_none_or(|firm| firm == order.firm)
                && filter.group.is_none_or(|group| group == order.group)
                && filter.buy.is_none_or(|buy| buy == order.side.is_buy())
        };
        let subject = Subject { id: filter.id, ..Subject::from(command) };
        // Orders that are over are none of these: they end as expired.
        let goes = |order: &&Order| is_covered(order) && !order.is_over(self.now);
        let count = self.orders.iter().filter(goes).count() as u64;
        self.reports.push(MassCanceled { count }.about(subject));
        if symbol != SymbolId::NONE {
            return self.end_those_of(symbol, is_covered, cause);
        }
        for symbol in self.known_symbols() {
            self.catch_up(symbol);
            self.end_those_of(symbol, is_covered, cause);
            self.look_after(symbol);
        }
    }

    pub(super) fn trading_day(&mut self, command: &Command, event: DayEvent) {
        if command.verdict != Reason::None {
            return self.reject(command, OrderId(0), Side::Buy, command.verdict);
        }
        let (was_over, is_over) = (self.day_over, event == DayEvent::End);
        let ends_with_day = |order: &Order| is_over && order.tif != TimeInForce::Gtc;
        let ends = |order: &&Order| ends_with_day(order) || order.is_over(self.now);
        let count = self.orders.iter().filter(ends).count() as u64;
        self.reports.push(report::TradingDay { event, count }.about(command));
        for symbol in self.known_symbols() {
            // What was due before belongs to the day as it was before.
            self.day_over = was_over;
            self.catch_up(symbol);
            self.day_over = is_over;
            if is_over {
                self.end_those_of(symbol, ends_with_day, Reason::Expired);
                self.end_day_of(symbol);
                if !was_over {
                    self.count_day_of_fall(symbol);
                }
            }
            if self.has_late_pegs(symbol) {
                self.owed.entry(symbol).or_insert(Owed::Pegs);
            }
            if !is_over && self.owes(symbol) {
                self.reports.push(Unfinished {}.about(symbol));
            }
            self.look_after(symbol);
        }
        self.day_over = is_over;
    }

    fn known_symbols(&self) -> Vec<SymbolId> {
        self.symbols.keys().copied().collect()
    }

    /// Ends some orders of a symbol, in the order in which orders of a symbol end.
    pub(super) fn end_those_of(
        &mut self,
        symbol: SymbolId,
        ends: impl Fn(&Order) -> bool,
        reason: Reason,
    ) {
        for order in self.all_of(symbol).into_iter().filter(ends) {
            self.end(order, reason);
        }
    }

    pub(super) fn break_trade(&mut self, command: &Command, trade: &BreakTrade) {
        if command.verdict != Reason::None {
            return self.reject(command, OrderId(0), Side::Buy, command.verdict);
        }
        for side in &trade.sides() {
            let subject = Subject { session: side.session, id: side.id, ..Subject::from(command) };
            self.reports.push(Broken { match_number: trade.match_number }.about(subject));
        }
    }

    pub(super) fn correct_trade(&mut self, command: &Command, correction: &CorrectTrade) {
        if command.verdict != Reason::None {
            return self.reject(command, OrderId(0), Side::Buy, command.verdict);
        }
        for side in &correction.trade.sides() {
            let corrected = Corrected { match_number: correction.trade.match_number };
            self.reports.push(corrected.about(Subject {
                session: side.session,
                id: side.id,
                price: correction.price,
                quantity: correction.quantity,
                ..Subject::from(command)
            }));
        }
    }

    pub(super) fn define_symbol(&mut self, command: &Command, definition: DefineSymbol) {
        let is_valid = command.symbol != SymbolId::NONE
            && definition.lot.0 > 0
            && definition.tick.mantissa > 0
            && definition.tick.scale <= Tick::SCALE_MAX
            && definition.reference.0 >= 0;
        let is_known = self.symbols.contains_key(&command.symbol);
        if self.may_define(command, is_valid, is_known) {
            self.symbols.insert(command.symbol, (definition, None));
            self.reports.push(Defined { firm: FirmId(0) }.about(command));
        }
    }

    pub(super) fn define_session(&mut self, command: &Command, firm: FirmId) {
        let is_known = self.sessions.contains(&command.session);
        if self.may_define(command, command.session.0 != 0, is_known) {
            self.sessions.insert(command.session);
            self.reports.push(Defined { firm }.about(command));
        }
    }

    pub(super) fn define_firm(&mut self, command: &Command, firm: FirmId) {
        let is_known = self.firms.contains(&firm);
        if self.may_define(command, firm.0 != 0, is_known) {
            self.firms.insert(firm);
            self.reports.push(Defined { firm }.about(command));
        }
    }

    /// Answers a command that changes nothing in the book.
    pub(super) fn answer(&mut self, command: &Command, id: OrderId, body: impl Into<Body>) {
        if command.verdict != Reason::None {
            return self.reject(command, id, Side::Buy, command.verdict);
        }
        self.reports.push(body.into().about(Subject { id, ..Subject::from(command) }));
    }

    fn may_define(&mut self, command: &Command, is_valid: bool, is_known: bool) -> bool {
        let reason = match command.verdict {
            Reason::None if !is_valid => Reason::InvalidDefinition,
            Reason::None if is_known => Reason::DuplicateName,
            verdict => verdict,
        };
        if reason != Reason::None {
            self.reject(command, OrderId(0), Side::Buy, reason);
        }
        reason == Reason::None
    }
}
