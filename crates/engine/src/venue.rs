//! Rare commands: definitions, mass cancels, the trading day, and commands that change no order.

use super::book::Book;
use super::orders::{Order, Slot};
use super::settings::has_units;
use super::short_sale::ShortSale;
use super::{Engine, SYMBOL_MAX, reject, reject_operator};
use ringside_model::command::{
    AccountQuery, BreakTrade, Command, CorrectTrade, DefineFirm, DefineSession, DefineSymbol,
    Definition, MassCancel, OperatorCommand, Sequenced, SetDurability, SetOrderEntry, SetShortSale,
    TradeSide,
};
use ringside_model::domain::{DayEvent, FirmId, OrderId, Price, Side, SymbolId, TimeInForce};
use ringside_model::hash;
use ringside_model::reason::Reason;
use ringside_model::report::{
    self, AccountQueried, Body, Broken, Corrected, Defined, DurabilitySet, MassCanceled,
    OrderEntrySet, ReportSink, RiskSet, Subject, Unfinished,
};
use std::collections::BTreeMap;

impl Engine {
    /// Applies a command of the operator.
    #[cold]
    pub(super) fn operate(
        &mut self,
        at: &Sequenced,
        command: &OperatorCommand,
        sink: &mut impl ReportSink,
    ) {
        let asked = &at.command;
        match *command {
            OperatorCommand::TradingDay(day) => self.trading_day(at, day.event, sink),
            OperatorCommand::SetState(ref set) => self.set_state(at, set, sink),
            OperatorCommand::PlanState(ref plan) => self.plan_state(at, plan, sink),
            OperatorCommand::RunTimers(_) => self.tick(at, sink),
            OperatorCommand::SetBands(ref bands) => self.set_bands(at, bands, sink),
            OperatorCommand::SetQuote(quote) => {
                self.set_quote(at, (quote.bid, quote.offer), sink);
            }
            OperatorCommand::SetShortSale(SetShortSale { restricted, automatic }) => {
                self.set_short_sale(at, ShortSale { restricted, automatic }, sink);
            }
            OperatorCommand::BreakTrade(ref trade) => break_trade(asked, trade, sink),
            OperatorCommand::CorrectTrade(ref correction) => {
                correct_trade(asked, correction, sink);
            }
            OperatorCommand::MoveSymbol(ref step) => self.move_symbol(at, step, sink),
            OperatorCommand::ImportOrder(ref import) => self.import_order(at, import, sink),
            OperatorCommand::SetReference(ref prices) => self.set_reference(at, prices, sink),
            OperatorCommand::ChangeSymbol(ref change) => self.change_symbol(at, change, sink),
            OperatorCommand::SetStopWaves(ref cap) => self.set_stop_waves(at, cap, sink),
            // The node changes its durability mode; the books have no part in it.
            OperatorCommand::SetDurability(SetDurability { durability }) => {
                answer(asked, OrderId(0), DurabilitySet { durability }, sink);
            }
            // No book knows the risk limits: the gateways that give verdicts apply them.
            OperatorCommand::SetRisk(risk) => {
                answer(asked, OrderId(0), RiskSet { firm: risk.firm }, sink);
            }
        }
    }

    /// Accepts or rejects a definition.
    #[cold]
    pub(super) fn apply_definition(
        &mut self,
        command: &Command,
        definition: &Definition,
        sink: &mut impl ReportSink,
    ) {
        let firm = match *definition {
            Definition::Symbol(_) => FirmId(0),
            Definition::Session(DefineSession { firm, .. })
            | Definition::Firm(DefineFirm { firm, .. }) => firm,
        };
        match self.define(command, definition) {
            Err(reason) => reject_operator(command, reason, sink),
            Ok(()) => sink.report(Defined { firm }.about(command)),
        }
    }

    /// Accepts a definition, or returns the reason of its reject.
    pub(super) fn define(
        &mut self,
        command: &Command,
        definition: &Definition,
    ) -> Result<(), Reason> {
        if command.verdict != Reason::None {
            return Err(command.verdict);
        }
        match definition {
            Definition::Symbol(definition) => self.define_symbol(command.symbol, definition)?,
            Definition::Session(DefineSession { name, firm, role }) => {
                let new = self.sessions.insert(command.session.0);
                let fields =
                    [1, u64::from(command.session.0), u64::from(firm.0) | (*role as u64) << 16];
                self.define_name(command.session.0 != 0, new, fields, name.as_str())?;
            }
            Definition::Firm(DefineFirm { firm, name }) => {
                let new = self.firms.insert(firm.0);
                self.define_name(firm.0 != 0, new, [2, u64::from(firm.0), 0], name.as_str())?;
            }
        }
        self.definitions.push(*command);
        Ok(())
    }

    /// Reports that a session may or may not enter orders. The engine keeps no such permission: the
    /// gateway does, and gives later orders their verdict.
    #[cold]
    pub(super) fn set_order_entry(
        &mut self,
        command: &Command,
        set: &SetOrderEntry,
        sink: &mut impl ReportSink,
    ) {
        answer(command, set.id, OrderEntrySet { enabled: set.enabled }, sink);
    }

    /// Answers a session that asks for its next order id.
    #[cold]
    pub(super) fn query_account(
        &mut self,
        command: &Command,
        query: &AccountQuery,
        sink: &mut impl ReportSink,
    ) {
        answer(command, OrderId(0), AccountQueried { next_id: query.next }, sink);
    }

    fn define_symbol(&mut self, symbol: SymbolId, d: &DefineSymbol) -> Result<(), Reason> {
        let valid = (1..=SYMBOL_MAX).contains(&symbol.0) && has_units(d) && d.reference >= Price(0);
        if !valid {
            return Err(Reason::InvalidDefinition);
        }
        if self.book_index(symbol).is_some() || self.tables.away.has(symbol) {
            return Err(Reason::DuplicateName);
        }
        let mut book = Book::new(symbol, d, self.definitions.len());
        let of_day = book.set_day_over(self.is_day_over);
        self.books_hash = self.books_hash.wrapping_add(book.hash()).wrapping_add(of_day);
        self.books.push(book);
        let place = symbol.0 as usize;
        if self.book_of.len() <= place {
            self.book_of.resize(place + 1, 0);
        }
        self.book_of[place] = self.books.len() as u32;
        Ok(())
    }

    /// Records a session or firm; `new` is true if its number was free.
    fn define_name(
        &mut self,
        valid: bool,
        new: bool,
        fields: [u64; 3],
        name: &str,
    ) -> Result<(), Reason> {
        if !valid {
            return Err(Reason::InvalidDefinition);
        }
        if !new {
            return Err(Reason::DuplicateName);
        }
        let letters = name.bytes().fold(0u128, |sum, byte| sum << 8 | u128::from(byte));
        let [what, number, firm] = fields;
        let fields = [what, number, firm, letters as u64, (letters >> 64) as u64, u64::MAX];
        self.books_hash = self.books_hash.wrapping_add(hash::of_fields(fields));
        Ok(())
    }

    pub(super) fn mass_cancel(
        &mut self,
        at: &Sequenced,
        filter: &MassCancel,
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        self.catch_up(at, sink);
        let cause = match command.verdict {
            Reason::None => Reason::MassCancel,
            cause if cause.is_of_cancel() => cause,
            refused => return reject(command, filter.id, Side::Buy, refused, sink),
        };
        let book = self.book_index(command.symbol);
        if book.is_none() && command.symbol != SymbolId::NONE {
            return self.reject_absent(command, filter.id, Side::Buy, sink);
        }
        let subject = Subject { id: filter.id, ..Subject::from(command) };
        let Some(book) = book else {
            return self.cancel_everywhere(at, filter, subject, cause, sink);
        };
        let mut covered = std::mem::take(&mut self.covered);
        self.cover_filtered(filter, Some(book), &mut covered);
        sink.report(MassCanceled { count: covered.len() as u64 }.about(subject));
        self.cancel_covered(covered, cause, sink);
    }

    /// Cancels the covered orders of all symbols, symbol by symbol, each after the symbol has
    /// caught up with the time of the command.
    fn cancel_everywhere(
        &mut self,
        at: &Sequenced,
        filter: &MassCancel,
        subject: Subject,
        cause: Reason,
        sink: &mut impl ReportSink,
    ) {
        let mut covered = std::mem::take(&mut self.covered);
        self.cover_filtered(filter, None, &mut covered);
        covered.retain(|&slot| !self.is_over(self.orders.get(slot), at.time));
        sink.report(MassCanceled { count: covered.len() as u64 }.about(subject));
        let mut by_symbol: BTreeMap<SymbolId, Vec<Slot>> = BTreeMap::new();
        for slot in covered.drain(..) {
            by_symbol.entry(SymbolId(self.orders.get(slot).symbol)).or_default().push(slot);
        }
        self.covered = covered;
        // What a symbol catches up with may move its orders.
        for symbol in self.behind_time(at.time) {
            by_symbol.insert(symbol, vec![]);
        }
        for (symbol, mut covered) in by_symbol {
            if covered.is_empty() {
                self.catch_up_with(symbol, at.time, sink);
                self.cover_filtered(filter, self.book_index(symbol), &mut covered);
            }
            covered.into_iter().for_each(|slot| self.cancel_resting(slot, cause, sink));
            self.look_after(symbol, at.time, sink);
        }
    }

    /// Begins or ends the trading day.
    fn trading_day(&mut self, at: &Sequenced, event: DayEvent, sink: &mut impl ReportSink) {
        if at.command.verdict != Reason::None {
            return reject_operator(&at.command, at.command.verdict, sink);
        }
        match event {
            DayEvent::Start => self.start_day(at, sink),
            DayEvent::End => self.end_day(at, sink),
        }
    }

    /// Ends the trading day: orders that last no longer end, and so do calls, pauses and plans.
    /// Nothing trades until the next day starts.
    fn end_day(&mut self, at: &Sequenced, sink: &mut impl ReportSink) {
        let is_of_day = |order: &Order| order.attributes.tif() != TimeInForce::Gtc;
        let was_over = self.is_day_over;
        let mut covered = std::mem::take(&mut self.covered);
        for book in self.books_by_symbol() {
            let ends = |order: &Order| is_of_day(order) || self.is_over(order, at.time);
            self.cover(book, ends, &mut covered);
        }
        let count = covered.len() as u64;
        sink.report(report::TradingDay { event: DayEvent::End, count }.about(&at.command));
        covered.clear();
        self.covered = covered;
        for book in self.books_by_symbol() {
            let symbol = self.books[book].symbol();
            self.catch_up_with(symbol, at.time, sink);
            let mut covered = std::mem::take(&mut self.covered);
            self.cover(book, is_of_day, &mut covered);
            self.cancel_covered(covered, Reason::Expired, sink);
            self.set_day_over_of(book, true);
            self.end_day_of(book, sink);
            if !was_over {
                self.count_restricted_day(book, sink);
            }
            self.look_after(symbol, at.time, sink);
        }
        self.set_day_over(true);
    }

    /// Starts the trading day. The pegs of open symbols do not come back here, nor do their reached
    /// stops enter, but when the next command for their symbol begins: trades of several symbols in
    /// one command would share their numbers.
    fn start_day(&mut self, at: &Sequenced, sink: &mut impl ReportSink) {
        let count = self.expiries.count_all_until(at.time);
        sink.report(report::TradingDay { event: DayEvent::Start, count }.about(&at.command));
        for book in self.books_by_symbol() {
            self.catch_up_with(self.books[book].symbol(), at.time, sink);
            self.set_day_over_of(book, false);
            self.owe_returns(book);
            let symbol = self.books[book].symbol();
            self.look_after(symbol, at.time, sink);
            if self.books[book].owes() {
                sink.report(Unfinished {}.about(symbol));
            }
        }
        self.set_day_over(false);
    }

    /// Sets if the trading day is over, for all symbols, those that are not traded here too.
    pub(super) fn set_day_over(&mut self, is_day_over: bool) {
        self.is_day_over = is_day_over;
        (0..self.books.len()).for_each(|book| self.set_day_over_of(book, is_day_over));
    }

    fn set_day_over_of(&mut self, book: usize, is_day_over: bool) {
        let change = self.books[book].set_day_over(is_day_over);
        self.books_hash = self.books_hash.wrapping_add(change);
    }

    /// Cancels orders of one symbol.
    fn cancel_covered(
        &mut self,
        mut covered: Vec<Slot>,
        cause: Reason,
        sink: &mut impl ReportSink,
    ) {
        for slot in covered.drain(..) {
            self.cancel_resting(slot, cause, sink);
        }
        self.covered = covered;
    }

    /// Returns the books of the symbols that are traded here, in the order of their numbers.
    pub(super) fn books_by_symbol(&self) -> Vec<usize> {
        let traded = self.book_of.iter().filter(|&&place| place != 0);
        traded.map(|&place| place as usize - 1).collect()
    }

    /// Collects the orders of a book that meet `wanted`, in priority order, bids first. Then follow
    /// the orders beside the book: hidden orders, those that wait for an auction, then the stops.
    pub(super) fn cover(
        &self,
        book: usize,
        wanted: impl Fn(&Order) -> bool,
        covered: &mut Vec<Slot>,
    ) {
        let book = &self.books[book];
        covered.extend(self.all_resting(book, None).filter(|&slot| wanted(self.orders.get(slot))));
    }
}

/// Answers a command that changes no book.
fn answer(command: &Command, id: OrderId, body: impl Into<Body>, sink: &mut impl ReportSink) {
    match command.verdict {
        Reason::None => {
            sink.report(body.into().about(Subject { id, ..Subject::from(command) }));
        }
        verdict => reject(command, id, Side::Buy, verdict, sink),
    }
}

/// Reports a broken trade to both sides. Their orders stay as they are.
fn break_trade(command: &Command, trade: &BreakTrade, sink: &mut impl ReportSink) {
    if command.verdict != Reason::None {
        return reject_operator(command, command.verdict, sink);
    }
    for side in &trade.sides() {
        let TradeSide { id, session, .. } = *side;
        let subject = Subject { id, session, ..Subject::from(command) };
        sink.report(Broken { match_number: trade.match_number }.about(subject));
    }
}

/// Reports the corrected terms of a trade to both sides.
fn correct_trade(command: &Command, correction: &CorrectTrade, sink: &mut impl ReportSink) {
    if command.verdict != Reason::None {
        return reject_operator(command, command.verdict, sink);
    }
    let CorrectTrade { trade, price, quantity } = *correction;
    for side in &trade.sides() {
        let TradeSide { id, session, .. } = *side;
        let subject = Subject { id, session, price, quantity, ..Subject::from(command) };
        sink.report(Corrected { match_number: trade.match_number }.about(subject));
    }
}
