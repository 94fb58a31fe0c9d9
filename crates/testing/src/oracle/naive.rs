//! The naive venue: one list of live orders, searched again for every question. It is written from
//! the matching rules alone, to be read beside them; speed is not a goal.

mod amend;
mod auction_collar;
mod bands;
mod clock;
mod entry;
mod icebergs;
mod matching;
mod moves;
mod order;
mod pegs;
mod replace;
mod reports;
mod settings;
mod short_sale;
mod special;
mod states;
mod stops;
mod venue_wide;
mod views;
mod work;

use bands::LimitState;
use moves::Away;
use order::{must_not_trade, reaches};
use ringside_model::command::{
    AccountQuery, Action, Cancel, DefineFirm, DefineSession, DefineSymbol, Definition, Modify,
    OperatorCommand, PlanState, Reduce, ReplaceTerms, RunTimers, Sequenced, SetBands,
    SetDurability, SetOrderEntry, SetQuote, SetShortSale, TradingDay,
};
use ringside_model::domain::{
    FirmId, Nanos, OrderId, OrderNumber, Price, SessionId, SymbolId, SymbolState,
};
use ringside_model::report::{
    AccountQueried, DurabilitySet, OrderEntrySet, Report, ReportSink, RiskSet,
};
use settings::Settings;
use states::Indication;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use work::{Owed, Work};

pub use order::Order;

/// State of a venue.
#[derive(Clone, Debug, Default)]
pub struct Naive {
    /// Live orders, in no meaningful order.
    pub orders: Vec<Order>,
    /// Symbols, with the last trade price of each.
    pub symbols: BTreeMap<SymbolId, (DefineSymbol, Option<Price>)>,
    /// Symbols that are not traded here.
    pub away: BTreeMap<SymbolId, Away>,
    /// True from the end of a trading day to the start of the next one.
    pub day_over: bool,
    /// States of the symbols that are not open.
    states: BTreeMap<SymbolId, SymbolState>,
    /// Last published indication of the symbols in a call.
    told: BTreeMap<SymbolId, Indication>,
    /// Planned states, with their time.
    pub plans: BTreeMap<SymbolId, (Nanos, PlanState)>,
    /// Number of extensions of the calls.
    extended: BTreeMap<SymbolId, u32>,
    /// Price bands, with the reference of the dynamic ones.
    pub bands: BTreeMap<SymbolId, SetBands>,
    /// Best bid and offer of the whole market; zero for none.
    quotes: BTreeMap<SymbolId, (Price, Price)>,
    /// Short sale restrictions: true if short sales are restricted, and true if a fall restricts
    /// them.
    short_sales: BTreeMap<SymbolId, (bool, bool)>,
    /// Restrictions by a fall, with the number of days that have ended since it.
    falls: BTreeMap<SymbolId, u32>,
    /// Settings that are not the usual ones.
    settings: BTreeMap<SymbolId, Settings>,
    /// Quotes at a dynamic band; and the ends of the pauses that followed from such quotes.
    pub limit_states: BTreeMap<SymbolId, LimitState>,
    pub reopenings: BTreeMap<SymbolId, u64>,
    /// Number of the command.
    at: OrderNumber,
    /// Official time of the command.
    now: Nanos,
    /// True after a trade of the command that begins a restriction of the present symbol.
    has_fallen: bool,
    /// Prices of these trades that belong to no wave of stops yet.
    traded_at: Vec<Price>,
    work: Work,
    /// Work of earlier commands that symbols owe.
    owed: BTreeMap<SymbolId, Owed>,
    sessions: BTreeSet<SessionId>,
    firms: BTreeSet<FirmId>,
    reports: Vec<Report>,
}

impl Naive {
    /// Applies one command and returns the reports to it.
    pub fn apply_one(&mut self, sequenced: &Sequenced) -> Vec<Report> {
        let number = OrderNumber(sequenced.seqno.0);
        let command = &sequenced.command;
        (self.at, self.now) = (number, sequenced.time);
        self.pass_time(command);
        match command.action {
            Action::Enter(enter) => self.enter(number, command, &enter),
            Action::EnterStop(stop) => self.enter_stop(number, command, &stop),
            Action::EnterIceberg(iceberg) => self.enter_iceberg(number, command, &iceberg),
            Action::Reduce(Reduce { id, quantity }) => self.reduce(command, id, quantity.0),
            Action::Replace(asked) => self.replace(number, command, &asked, None),
            Action::ReplaceTerms(ReplaceTerms { replace, terms }) => {
                self.replace(number, command, &replace, Some(terms))
            }
            Action::Cancel(Cancel { id }) => self.cancel(command, id),
            Action::Modify(Modify { id, side, quantity }) => {
                self.modify(command, id, side, quantity)
            }
            Action::MassCancel(filter) => self.mass_cancel(command, filter),
            Action::Operator(OperatorCommand::SetState(asked)) => self.set_state(command, &asked),
            Action::Operator(OperatorCommand::TradingDay(TradingDay { event })) => {
                self.trading_day(command, event)
            }
            Action::SetOrderEntry(SetOrderEntry { id, enabled }) => {
                self.answer(command, id, OrderEntrySet { enabled });
            }
            Action::AccountQuery(AccountQuery { next }) => {
                self.answer(command, OrderId(0), AccountQueried { next_id: next });
            }
            Action::EnterSpecial(special) => self.enter_special(number, command, &special),
            Action::Operator(OperatorCommand::PlanState(plan)) => self.plan_state(command, &plan),
            Action::Operator(OperatorCommand::RunTimers(RunTimers)) => self.tick(command),
            Action::Operator(OperatorCommand::SetBands(bands)) => self.set_bands(command, &bands),
            Action::Operator(OperatorCommand::SetQuote(SetQuote { bid, offer })) => {
                self.set_quote(command, bid, offer)
            }
            Action::Operator(OperatorCommand::SetShortSale(SetShortSale {
                restricted,
                automatic,
            })) => {
                self.set_short_sale(command, restricted, automatic);
            }
            Action::Operator(OperatorCommand::SetReference(asked)) => {
                self.set_reference(command, &asked)
            }
            Action::Operator(OperatorCommand::ChangeSymbol(asked)) => {
                self.change_symbol(command, &asked)
            }
            Action::Operator(OperatorCommand::SetStopWaves(asked)) => {
                self.set_stop_waves(command, &asked)
            }
            Action::Operator(OperatorCommand::SetRisk(risk)) => {
                self.answer(command, OrderId(0), RiskSet { firm: risk.firm });
            }
            Action::Operator(OperatorCommand::BreakTrade(trade)) => {
                self.break_trade(command, &trade)
            }
            Action::Operator(OperatorCommand::CorrectTrade(correction)) => {
                self.correct_trade(command, &correction)
            }
            Action::Definition(Definition::Symbol(definition)) => {
                self.define_symbol(command, definition)
            }
            Action::Definition(Definition::Session(DefineSession { firm, .. })) => {
                self.define_session(command, firm)
            }
            Action::Definition(Definition::Firm(DefineFirm { firm, .. })) => {
                self.define_firm(command, firm)
            }
            Action::Operator(OperatorCommand::MoveSymbol(asked)) => {
                self.move_symbol(command, &asked)
            }
            Action::Operator(OperatorCommand::ImportOrder(import)) => {
                self.import_order(number, command, &import)
            }
            Action::Operator(OperatorCommand::SetDurability(SetDurability { durability })) => {
                self.answer(command, OrderId(0), DurabilitySet { durability });
            }
        }
        self.say_unfinished(command.symbol);
        self.look_after(command.symbol);
        (self.at, self.now) = (OrderNumber(0), Nanos(0));
        self.reports.end_command();
        take(&mut self.reports)
    }

    /// Reports the changes of a symbol other than those of its orders, and ends the command's work
    /// on the symbol.
    fn look_after(&mut self, symbol: SymbolId) {
        self.restrict_after_fall(symbol);
        self.indicate(symbol);
        self.look_at_quotes(symbol, self.now);
        self.has_fallen = false;
        self.traded_at.clear();
        self.work = Work { max: self.work.max, ..Work::default() };
    }
}
