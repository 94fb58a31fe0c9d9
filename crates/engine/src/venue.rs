//! Rare commands: definitions, mass cancels, the trading day, and commands that change no order.

use super::book::Book;
use super::orders::{Order, Slot};
use super::short_sale::ShortSale;
use super::{Engine, SYMBOL_MAX, reject};
use ringside_model::command::{
    AccountQuery, BreakTrade, Command, CorrectTrade, DefineFirm, DefineSession, DefineSymbol,
    Definition, MassCancel, OperatorCommand, Sequenced, SetDurability, SetOrderEntry, SetShortSale,
    TradeSide,
};
use ringside_model::domain::{
    DayEvent, FirmId, Nanos, OrderId, Price, Side, SymbolId, Tick, TimeInForce,
};
use ringside_model::hash;
use ringside_model::reason::Reason;
use ringside_model::report::{
    self, AccountQueried, Body, Broken, Corrected, Defined, DurabilitySet, MassCanceled,
    OrderEntrySet, ReportSink, RiskSet, Subject,
};

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
            OperatorCommand::SetState(set) => self.set_state(at, set.state, sink),
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
            OperatorCommand::MoveSymbol(ref step) => self.move_symbol(asked, step, sink),
            OperatorCommand::ImportOrder(ref import) => self.import_order(at, import, sink),
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
            Err(reason) => reject(command, OrderId(0), Side::Buy, reason, sink),
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
        let valid = (1..=SYMBOL_MAX).contains(&symbol.0)
            && d.lot.0 > 0
            && d.tick.mantissa > 0
            && d.tick.scale <= Tick::SCALE_MAX
            && d.reference >= Price(0);
        if !valid {
            return Err(Reason::InvalidDefinition);
        }
        if self.book_index(symbol).is_some() || self.tables.away.has(symbol) {
            return Err(Reason::DuplicateName);
        }
        let book = Book::new(symbol, d);
        self.books_hash = self.books_hash.wrapping_add(book.hash());
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
        let cause = match command.verdict {
            Reason::None => Reason::MassCancel,
            cause if cause.is_of_cancel() => cause,
            refused => return reject(command, filter.id, Side::Buy, refused, sink),
        };
        let book = self.book_index(command.symbol);
        if book.is_none() && command.symbol != SymbolId::NONE {
            return self.reject_absent(command, filter.id, Side::Buy, sink);
        }
        let mut covered = std::mem::take(&mut self.covered);
        match book {
            Some(book) => self.cover(book, |order| covers(filter, order), &mut covered),
            None => self.cover_all(|order| covers(filter, order), &mut covered),
        }
        let subject = Subject { id: filter.id, ..Subject::from(command) };
        sink.report(MassCanceled { count: covered.len() as u64 }.about(subject));
        self.cancel_covered(covered, (cause, at.time), sink);
    }

    /// Begins or ends the trading day. The end expires day orders.
    fn trading_day(&mut self, at: &Sequenced, event: DayEvent, sink: &mut impl ReportSink) {
        let command = &at.command;
        if command.verdict != Reason::None {
            return reject(command, OrderId(0), Side::Buy, command.verdict, sink);
        }
        let mut covered = std::mem::take(&mut self.covered);
        if event == DayEvent::End {
            self.cover_all(|order| order.attributes.tif() != TimeInForce::Gtc, &mut covered);
        }
        let count = covered.len() as u64;
        sink.report(report::TradingDay { event, count }.about(command));
        self.cancel_covered(covered, (Reason::Expired, at.time), sink);
    }

    /// Cancels the orders, symbol by symbol.
    fn cancel_covered(
        &mut self,
        mut covered: Vec<Slot>,
        (cause, time): (Reason, Nanos),
        sink: &mut impl ReportSink,
    ) {
        for (i, &slot) in covered.iter().enumerate() {
            let symbol = SymbolId(self.orders.get(slot).symbol);
            self.cancel_resting(slot, cause, sink);
            let next = covered.get(i + 1).map(|&next| SymbolId(self.orders.get(next).symbol));
            if !self.watched.is_empty() && next != Some(symbol) {
                self.look_after(symbol, time, sink);
            }
        }
        covered.clear();
        self.covered = covered;
    }

    /// Collects the orders of all books that meet `wanted`, by symbol.
    fn cover_all(&self, wanted: impl Fn(&Order) -> bool, covered: &mut Vec<Slot>) {
        for book in self.book_of.iter().filter(|&&place| place != 0) {
            self.cover(*book as usize - 1, &wanted, covered);
        }
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
        let beside = self.beside(book.symbol()).map(|(_, sides)| sides);
        for sides in std::iter::once(&book.sides).chain(beside) {
            covered.extend(self.orders_in(sides).filter(|&slot| wanted(self.orders.get(slot))));
        }
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
        return reject(command, OrderId(0), Side::Buy, command.verdict, sink);
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
        return reject(command, OrderId(0), Side::Buy, command.verdict, sink);
    }
    let CorrectTrade { trade, price, quantity } = *correction;
    for side in &trade.sides() {
        let TradeSide { id, session, .. } = *side;
        let subject = Subject { id, session, price, quantity, ..Subject::from(command) };
        sink.report(Corrected { match_number: trade.match_number }.about(subject));
    }
}

fn covers(filter: &MassCancel, order: &Order) -> bool {
    filter.buy.is_none_or(|buy| buy == order.attributes.is_buy())
        && filter.session.is_none_or(|session| session.0 == order.session)
        && filter.firm.is_none_or(|firm| firm.0 == order.attributes.firm())
        && filter.group.is_none_or(|group| group == order.attributes.group())
}
