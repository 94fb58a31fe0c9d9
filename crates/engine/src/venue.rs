//! Rare commands: definitions, mass cancels, the trading day, and commands that change no order.

use super::book::Book;
use super::orders::{Order, Slot};
use super::short_sale::ShortSale;
use super::{Engine, SYMBOL_MAX, reject};
use ringside_model::command::{
    AccountQuery, Action, BreakTrade, Command, CorrectTrade, DefineFirm, DefineSession,
    DefineSymbol, Definition, MassCancel, OperatorCommand, RunTimers, Sequenced, SetDurability,
    SetOrderEntry, SetQuote, SetShortSale, SetState, TradeSide, TradingDay,
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
    #[cold]
    pub(super) fn apply_rare(
        &mut self,
        at: &Sequenced,
        action: &Action,
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        match action {
            Action::MassCancel(filter) => return self.mass_cancel(at, filter, sink),
            Action::Operator(OperatorCommand::TradingDay(TradingDay { event })) => {
                return self.trading_day(at, *event, sink);
            }
            Action::SetOrderEntry(SetOrderEntry { id, enabled }) => {
                return answer(command, *id, OrderEntrySet { enabled: *enabled }, sink);
            }
            Action::AccountQuery(AccountQuery { next }) => {
                return answer(command, OrderId(0), AccountQueried { next_id: *next }, sink);
            }
            Action::Operator(OperatorCommand::SetState(SetState { state })) => {
                return self.set_state(at, *state, sink);
            }
            Action::Operator(OperatorCommand::PlanState(plan)) => {
                return self.plan_state(at, plan, sink);
            }
            Action::Operator(OperatorCommand::RunTimers(RunTimers)) => return self.tick(at, sink),
            Action::Operator(OperatorCommand::SetBands(bands)) => {
                return self.set_bands(at, bands, sink);
            }
            Action::Operator(OperatorCommand::SetQuote(SetQuote { bid, offer })) => {
                return self.set_quote(at, (*bid, *offer), sink);
            }
            Action::Operator(OperatorCommand::SetShortSale(SetShortSale {
                restricted,
                automatic,
            })) => {
                let (restricted, automatic) = (*restricted, *automatic);
                let short_sale = ShortSale { restricted, automatic };
                return self.set_short_sale(at, short_sale, sink);
            }
            // The node changes its durability mode; the books have no part in it.
            Action::Operator(OperatorCommand::SetDurability(SetDurability { durability })) => {
                let durability = *durability;
                return answer(command, OrderId(0), DurabilitySet { durability }, sink);
            }
            // No book knows the risk limits: the gateways that give verdicts apply them.
            Action::Operator(OperatorCommand::SetRisk(risk)) => {
                return answer(command, OrderId(0), RiskSet { firm: risk.firm }, sink);
            }
            Action::Operator(OperatorCommand::BreakTrade(trade)) => {
                return break_trade(command, trade, sink);
            }
            Action::Operator(OperatorCommand::CorrectTrade(correction)) => {
                return correct_trade(command, correction, sink);
            }
            Action::Operator(OperatorCommand::MoveSymbol(asked)) => {
                return self.move_symbol(command, asked, sink);
            }
            Action::Operator(OperatorCommand::ImportOrder(import)) => {
                return self.import_order(at, import, sink);
            }
            _ => {}
        }
        let firm = match action {
            Action::Definition(
                Definition::Session(DefineSession { firm, .. })
                | Definition::Firm(DefineFirm { firm, .. }),
            ) => *firm,
            _ => FirmId(0),
        };
        match self.define(command) {
            Err(reason) => reject(command, OrderId(0), Side::Buy, reason, sink),
            Ok(()) => sink.report(Defined { firm }.about(command)),
        }
    }

    /// Accepts a definition, or returns the reason of its reject.
    pub(super) fn define(&mut self, command: &Command) -> Result<(), Reason> {
        if command.verdict != Reason::None {
            return Err(command.verdict);
        }
        match &command.action {
            Action::Definition(Definition::Symbol(definition)) => {
                self.define_symbol(command.symbol, definition)?
            }
            Action::Definition(Definition::Session(DefineSession { name, firm, role })) => {
                let new = self.sessions.insert(command.session.0);
                let fields =
                    [1, u64::from(command.session.0), u64::from(firm.0) | (*role as u64) << 16];
                self.define_name(command.session.0 != 0, new, fields, name.as_str())?;
            }
            Action::Definition(Definition::Firm(DefineFirm { firm, name })) => {
                let new = self.firms.insert(firm.0);
                self.define_name(firm.0 != 0, new, [2, u64::from(firm.0), 0], name.as_str())?;
            }
            Action::Enter(_)
            | Action::EnterStop(_)
            | Action::EnterIceberg(_)
            | Action::EnterRich(_)
            | Action::Operator(OperatorCommand::PlanState(_))
            | Action::Operator(OperatorCommand::RunTimers(RunTimers))
            | Action::Operator(OperatorCommand::SetBands(_))
            | Action::Operator(OperatorCommand::SetQuote(_))
            | Action::Operator(OperatorCommand::SetShortSale(_))
            | Action::Operator(OperatorCommand::SetDurability(_))
            | Action::Operator(OperatorCommand::SetRisk(_))
            | Action::Operator(OperatorCommand::CorrectTrade(_))
            | Action::Cancel(_)
            | Action::Reduce(_)
            | Action::Replace(_)
            | Action::Modify(_)
            | Action::SetOrderEntry(_)
            | Action::AccountQuery(_)
            | Action::Operator(OperatorCommand::TradingDay(_))
            | Action::Operator(OperatorCommand::SetState(_))
            | Action::Operator(OperatorCommand::BreakTrade(_))
            | Action::Operator(OperatorCommand::MoveSymbol(_))
            | Action::Operator(OperatorCommand::ImportOrder(_))
            | Action::MassCancel(_) => unreachable!("only definitions come here"),
        }
        self.definitions.push(*command);
        Ok(())
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

    fn mass_cancel(&mut self, at: &Sequenced, filter: &MassCancel, sink: &mut impl ReportSink) {
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
            self.cover_all(|order| order.traits.tif() != TimeInForce::Gtc, &mut covered);
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
    filter.buy.is_none_or(|buy| buy == order.traits.is_buy())
        && filter.session.is_none_or(|session| session.0 == order.session)
        && filter.firm.is_none_or(|firm| firm.0 == order.traits.firm())
        && filter.group.is_none_or(|group| group == order.traits.group())
}
