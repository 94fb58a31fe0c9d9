//! Rules that every report stream keeps, checked from the reports alone: quantity is conserved, an
//! order ends once, both sides of a trade agree, priority holds, the book is never crossed.

/// Returns an error with the text of the rule that is broken.
macro_rules! law {
    ($holds:expr, $report:expr) => {
        if !$holds {
            return Err(format!("{} fails at {:?}", stringify!($holds), $report));
        }
    };
}

mod book;
pub mod laws;
mod orders;
mod owners;
mod parts;
mod pegs;
mod protection;
mod settings;
mod states;
mod stops;
mod trades;
mod whole_commands;

use SymbolState::{CancelOnly, Closed, Halted};
use laws::{Law, Tried};
use owners::Owner;
use parts::{follows_auction, goes_on};
use protection::is_within;
use ringside_model::command::{
    Action, Command, Definition, OperatorCommand, RunTimers, Sequenced, SpecialTerms,
};
use ringside_model::domain::{
    Nanos, OrderId, OrderNumber, Price, SeqNo, SessionId, Side, SymbolId, SymbolState, Tick,
};
use ringside_model::reason::Reason;
use ringside_model::report::{
    Body, Quoted, ReferenceSet, Report, ReportKind, ShortSaleSet, StatePlanned, StopWavesSet,
    Ticked,
};
use std::collections::{BTreeSet, HashMap, HashSet};
use stops::reaches;
use trades::rank;

/// Largest number of waves of stops in one command, if a symbol has no other.
const WAVES_MAX: u32 = 100;
/// Time that a quote stands at a band before the symbol is paused, and length of the pause, in ns.
const STAND_NS: u64 = 15_000_000_000;
const PAUSE_NS: u64 = 300_000_000_000;

/// State of the venue, computed from the reports so far.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    live: Vec<Told>,
    /// True from the end of a trading day to the start of the next one.
    day_over: bool,
    /// Symbols without a command about their orders since the day started.
    owing: BTreeSet<SymbolId>,
    /// Symbols whose last command has left a part of its work to the next one, and those of which
    /// the present command says so.
    unfinished: BTreeSet<SymbolId>,
    left: BTreeSet<SymbolId>,
    /// Reported states of the symbols.
    states: HashMap<SymbolId, SymbolState>,
    /// Announced auction of the present symbol that has not ended, with the quantity that it has
    /// traded; and those of other symbols.
    auction: Option<(Report, u128)>,
    auctions_left: HashMap<SymbolId, (Report, u128)>,
    /// Symbols in the middle of an opening, with the age of the last order with a minimum that came
    /// in.
    openings: HashMap<SymbolId, u64>,
    /// Caps on waves of stops, ticks, and symbols whose last price the operator has set.
    waves_max: HashMap<SymbolId, u32>,
    ticks: HashMap<SymbolId, Tick>,
    set_by_operator: BTreeSet<SymbolId>,
    /// Symbols whose auction may or may not have been over when the day ended.
    unsure: BTreeSet<SymbolId>,
    /// Largest number of trades and of places of a command, if it is not the usual one.
    work_max: Option<u32>,
    /// Official time and number of the command.
    now: Nanos,
    number: OrderNumber,
    /// Reports of the command about the present symbol.
    progress: Progress,
    /// Number of stops that have had to wait.
    kept_waiting: u64,
    /// Last price of each symbol.
    last: HashMap<SymbolId, Price>,
    /// Last reported bands, and the static ones among them; zero for no bound.
    bands: HashMap<SymbolId, [Price; 2]>,
    static_bands: HashMap<SymbolId, [Price; 2]>,
    /// Symbols with another tick since the last report of their bands.
    untold_bands: BTreeSet<SymbolId>,
    /// Reference quotes, and the symbols with restricted short sales.
    quoted: HashMap<SymbolId, (Price, Price)>,
    restricted: HashMap<SymbolId, bool>,
    /// Quotes at a band, by symbol: since when, true for the bid, and the band.
    stands_since: HashMap<SymbolId, (u64, bool, Price)>,
    /// Orders of symbols that are being moved to another partition.
    waiting: Vec<Told>,
    entered: u128,
    filled: u128,
    canceled: u128,
    /// Open quantity of orders that were replaced.
    replaced: u128,
    /// Owners of the orders that arrive with their symbol, until they rest.
    arriving: HashMap<OrderNumber, Owner>,
    /// Orders that have ended, with the numbers that they had at the end.
    ended: HashSet<(SymbolId, OrderNumber)>,
    /// Numbers that the command has given.
    given: HashSet<(SymbolId, OrderNumber)>,
    last_seqno: SeqNo,
    tried: Tried,
}

/// Work of a command on one symbol, as far as it has been reported. A venue-wide command works on
/// one symbol after the other.
#[derive(Clone, Debug, Default)]
struct Progress {
    symbol: SymbolId,
    /// Order that may take liquidity now.
    incoming: OrderNumber,
    /// Number of trades.
    trades: u32,
    /// Time of the last end of an order or of the last pause that was due before the command.
    caught_up: Nanos,
    /// True after an effect of the command itself.
    has_acted: bool,
    /// True from the opening of the symbol until its pegs and stops enter: hidden orders with a
    /// minimum come in. `returned` is the age of the last one.
    is_opening: bool,
    returned: u64,
    /// Prices of the trades that belong to no wave of stops yet, and of all trades.
    pending: Vec<Price>,
    traded_at: Vec<Price>,
    /// Stops of the present wave whose turn is to come, and the number of waves.
    wave: Vec<OrderNumber>,
    waves: u32,
    /// Incoming orders with a minimum: the least quantity that each has to trade if it trades, and
    /// what it has traded.
    minimums: HashMap<OrderNumber, (u64, u64)>,
    /// Last order that self-trade prevention has cut.
    prevented: Option<Told>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    number: OrderNumber,
    /// Command that entered or replaced the order.
    entered: u64,
    session: SessionId,
    id: OrderId,
    symbol: SymbolId,
    side: Side,
    /// Limit price; zero until a market-to-limit order books, and for an auction order without a
    /// limit.
    price: Price,
    /// True if the order waits beside the book.
    hidden: bool,
    /// Limit of a stop order that waits, with its trigger in `price`; zero for none.
    stop: Option<Price>,
    /// Place of the stop among all that were reached and had to wait.
    reached: Option<u64>,
    /// True for a peg that is out of the book.
    parked: bool,
    open: u64,
    /// Displayed part of the open quantity of a resting iceberg.
    shown: Option<u64>,
    executed: u64,
    /// Special terms.
    terms: SpecialTerms,
    owner: Owner,
}

/// Report among those of its command.
struct Place<'a> {
    command: &'a Sequenced,
    reports: &'a [Report],
    index: usize,
}

impl<'a> Place<'a> {
    fn before(&self) -> &'a [Report] {
        &self.reports[..self.index]
    }

    fn after(&self) -> &'a [Report] {
        &self.reports[self.index + 1..]
    }

    /// Returns the reports behind the two of a trade.
    fn after_trade(&self) -> &'a [Report] {
        &self.reports[self.index + 2..]
    }
}

impl Audit {
    /// Checks all reports of one command.
    pub fn command(&mut self, command: &Sequenced, reports: &[Report]) -> Result<(), String> {
        let number = OrderNumber(command.seqno.0);
        (self.number, self.now) = (number, command.time);
        self.begin_numbers(command)?;
        let left = reports.iter().filter(|r| r.kind == ReportKind::Unfinished);
        self.left = left.map(|r| r.symbol).collect();
        let orders = self.live.len() + self.waiting.len();
        self.begin(command.command.symbol);
        let mut reports_left = reports.iter();
        while let Some(r) = reports_left.next() {
            law!(r.is_last() == reports_left.as_slice().is_empty(), r);
            let at = &Place { command, reports, index: reports.len() - reports_left.len() - 1 };
            self.follow(command, r)?;
            if follows_auction(r) {
                self.end_auction()?;
            }
            match r.body() {
                Body::Accepted(body) => self.accepted(at, r, body)?,
                Body::Replaced(body) => self.replaced(at, r, body)?,
                Body::Triggered(body) => self.triggered(at, r, body)?,
                Body::Entered(body) => self.entered(r, body)?,
                Body::Displayed(body) => self.displayed(r, body)?,
                Body::Restated(_) => {
                    let order = self.order_of(r)?;
                    law!(order.price.0 == 0 && order.executed > 0 && r.price.0 > 0, r);
                    law!(order.open == r.open.0 && r.quantity == r.open, r);
                    order.price = r.price;
                }
                Body::Modified(body) => self.modified(at, r, body)?,
                Body::Canceled(body) => self.canceled(at, r, body)?,
                Body::Executed(body) => {
                    let Some(removing) = reports_left.next() else {
                        return Err(format!("half a trade: {r:?}"));
                    };
                    self.executed(at, [r, removing], body)?;
                }
                Body::StateChanged(body) => self.state_changed(r, body)?,
                Body::Crossed(_) => self.crossed(at, r)?,
                Body::Indicative(_) => {
                    law!(!self.is_open(r.symbol) && (r.quantity.0 > 0) == (r.price.0 > 0), r);
                    law!(r.quantity.0 > 0 || r.open.0 == 0, r);
                }
                Body::MassCanceled(body) => self.mass_canceled(at, r, body)?,
                Body::TradingDay(body) => self.trading_day(at, r, body)?,
                Body::SymbolMoved(body) => self.symbol_moved(at, r, body)?,
                Body::Exported(_) => {
                    let order = self.waiting.iter().find(|order| order.number == r.order);
                    law!(order.is_some_and(|o| (o.price, o.open) == (r.price, r.open.0)), r);
                }
                Body::Held(_) => {
                    law!(reports.len() == 1 && r.order == number, r);
                    let owner = Owner::of(r.session, &command.command.action);
                    self.arriving.insert(r.order, owner);
                }
                Body::Imported(imported) => {
                    law!(r.open == r.quantity && r.open.0 > 0 && imported.id_there.0 > 0, r);
                    let owner = self.arriving.remove(&r.order);
                    law!(owner.is_some(), r);
                    self.add(r, None, 0, SpecialTerms::NONE, owner.unwrap())?;
                }
                Body::Broken(_) => {
                    law!(reports.len() == 2 && reports[0].body() == reports[1].body(), r);
                }
                Body::Corrected(_) => {
                    law!(reports.len() == 2 && reports[0].body() == reports[1].body(), r);
                    law!(reports[0].price == reports[1].price, r);
                    law!(reports[0].quantity == reports[1].quantity, r);
                }
                Body::Ticked(Ticked { count }) => {
                    law!(command.command.action == Action::from(RunTimers) && r == &reports[0], r);
                    let rest = at.after().iter();
                    let ends = rest.filter(|c| c.reason == Reason::Expired && c.open.0 == 0);
                    law!(count == ends.count() as u64, r);
                }
                Body::StatePlanned(StatePlanned { state, at }) => {
                    law!(state.is_none() == (at.0 == 0), r);
                }
                Body::BandsSet(body) => self.bands_set(at, r, body)?,
                Body::LimitState(body) => self.limit_state(r, body)?,
                Body::Quoted(Quoted { bid, offer }) => {
                    self.quoted.insert(r.symbol, (bid, offer));
                }
                Body::Parked(_) => self.parked(at, r)?,
                Body::Repriced(body) => self.repriced(r, body)?,
                Body::Unfinished(_) => self.check_unfinished(at.before(), r)?,
                Body::ShortSaleSet(ShortSaleSet { restricted, .. }) => {
                    self.restricted.insert(r.symbol, restricted);
                }
                Body::Rejected(_) => {
                    law!(r.reason != Reason::None, r);
                    let was_left = self.unfinished.contains(&r.symbol);
                    let is_verdict = r.reason == command.command.verdict;
                    law!(r.reason != Reason::Busy || was_left || is_verdict, r);
                    law!(self.changes_nothing_else(at.before(), at.after()), r);
                }
                Body::ReferenceSet(ReferenceSet { last, .. }) => {
                    if last.0 > 0 && self.last.insert(r.symbol, last) != Some(last) {
                        self.set_by_operator.insert(r.symbol);
                    }
                }
                Body::SymbolChanged(changed) => self.change_tick(r.symbol, changed.tick()),
                Body::StopWavesSet(StopWavesSet { waves_max }) => {
                    self.waves_max.insert(r.symbol, waves_max);
                }
                Body::CallExtended(_) => law!(!self.is_open(r.symbol), r),
                Body::Defined(_) if command.command.symbol != SymbolId::NONE => {
                    law!(reports.len() == 1, r);
                    if let Action::Definition(Definition::Symbol(definition)) =
                        command.command.action
                    {
                        self.ticks.insert(r.symbol, definition.tick);
                    }
                }
                Body::Defined(_)
                | Body::DurabilitySet(_)
                | Body::OrderEntrySet(_)
                | Body::RiskSet(_)
                | Body::AccountQueried(_) => law!(reports.len() == 1, r),
                Body::StateHash(_) => return Err("a state hash among the reports".into()),
            }
        }
        self.check_fok(command, reports)?;
        self.check_minimums(command, reports)?;
        self.leave(command)?;
        self.check_beyond_minimums(reports)?;
        self.check_opening(reports)?;
        self.check_work(orders, reports)?;
        self.check_symbols(command, reports)
    }

    /// Checks the symbols that a command may have changed, after its reports.
    fn check_symbols(&mut self, command: &Sequenced, reports: &[Report]) -> Result<(), String> {
        for symbol in self.symbols_of(command) {
            if brings_back(&command.command) {
                self.owing.remove(&symbol);
            }
            self.check_book(symbol)?;
            let tells = |r: &Report| {
                use ReportKind::{MassCanceled, Ticked, TradingDay};
                matches!(r.kind, Ticked | MassCanceled | TradingDay)
            };
            let has_caught_up = goes_on(&command.command) || reports.iter().any(tells);
            if has_caught_up {
                let is_over = |o: &&Told| o.symbol == symbol && o.terms.is_over(self.now);
                let over = self.live.iter().find(is_over);
                law!(over.is_none(), over);
                let stands = self.stands_since.get(&symbol);
                law!(stands.is_none_or(|(since, ..)| since + STAND_NS > self.now.0), symbol);
            }
        }
        Ok(())
    }

    /// Returns true if the reports around the one of a command that changes no book are those of
    /// what was due before, and of its consequences.
    fn changes_nothing_else(&self, before: &[Report], after: &[Report]) -> bool {
        let is_due = |r: &Report| {
            is_of_catch_up(r)
                || r.kind == ReportKind::Canceled && r.reason == Reason::Expired
                || self.owing.contains(&r.symbol)
                || self.unfinished.contains(&r.symbol)
        };
        before.iter().all(is_due)
            && after.iter().all(|r| match r.kind {
                ReportKind::LimitState | ReportKind::ShortSaleSet => {
                    !before.is_empty() || self.unfinished.contains(&r.symbol)
                }
                kind => matches!(kind, ReportKind::Indicative | ReportKind::Unfinished),
            })
    }

    /// Follows the command to the symbol of a report, and from what was due to its own effects.
    fn follow(&mut self, command: &Sequenced, r: &Report) -> Result<(), String> {
        let is_head = matches!(r.kind, ReportKind::TradingDay | ReportKind::Ticked)
            || r.kind == ReportKind::MassCanceled && r.symbol == SymbolId::NONE;
        if is_head {
            return Ok(());
        }
        if self.progress.symbol != r.symbol {
            law!(
                matches!(
                    command.command.action,
                    Action::MassCancel(_) | Action::Operator(OperatorCommand::TradingDay(_))
                ),
                r
            );
            self.leave(command)?;
            self.begin(r.symbol);
        }
        let is_over = r.reason == Reason::Expired && self.is_over(r);
        if !self.progress.has_acted && !is_over && !is_of_catch_up(r) {
            self.check_stand(r.symbol)?;
            self.progress.has_acted = true;
        }
        Ok(())
    }

    /// Returns the symbols that a command may have changed.
    fn symbols_of(&self, command: &Sequenced) -> BTreeSet<SymbolId> {
        let symbol = command.command.symbol;
        match command.command.action {
            Action::Operator(OperatorCommand::TradingDay(_)) => {}
            Action::MassCancel(_) if symbol == SymbolId::NONE => {}
            _ => return BTreeSet::from([symbol]),
        }
        let of_orders = self.live.iter().map(|order| order.symbol);
        of_orders.chain(self.states.keys().chain(self.stands_since.keys()).copied()).collect()
    }

    /// Returns true if a report is about a live order whose own end is past.
    fn is_over(&self, r: &Report) -> bool {
        self.numbered(r.symbol, r.order).is_ok_and(|order| order.terms.is_over(self.now))
    }

    fn is_open(&self, symbol: SymbolId) -> bool {
        self.states.get(&symbol).is_none_or(|&state| state == SymbolState::Open)
    }

    fn trades_continuously(&self, symbol: SymbolId) -> bool {
        self.is_open(symbol) && !self.day_over
    }

    /// Returns true if an order may enter: the day is on, and the symbol is open or in a call.
    fn may_enter(&self, symbol: SymbolId) -> bool {
        let state = self.states.get(&symbol).copied().unwrap_or(SymbolState::Open);
        !self.day_over && !matches!(state, Closed | Halted | CancelOnly)
    }
}

trait Over {
    /// Returns true if an order with these terms has ended by itself.
    fn is_over(&self, now: Nanos) -> bool;
}

impl Over for SpecialTerms {
    fn is_over(&self, now: Nanos) -> bool {
        self.expire.0 != 0 && self.expire <= now
    }
}

/// Returns true for a report of what was due before a command, except the end of an order: a pause,
/// and limit states that begin or end.
fn is_of_catch_up(r: &Report) -> bool {
    match r.kind {
        ReportKind::StateChanged => r.reason == Reason::LimitState,
        kind => matches!(kind, ReportKind::LimitState | ReportKind::Parked | ReportKind::BandsSet),
    }
}

/// Returns true for a command about the orders of its symbol, before which parked pegs come back.
fn brings_back(command: &Command) -> bool {
    match command.action {
        Action::Enter(_) | Action::Cancel(_) | Action::Reduce(_) => true,
        Action::Replace(_) | Action::ReplaceTerms(_) => true,
        Action::Operator(OperatorCommand::RunTimers(_)) => command.verdict == Reason::None,
        _ => false,
    }
}
