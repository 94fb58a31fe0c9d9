//! Laws of work that a command does in parts, or leaves to the next command of the symbol.

use super::{Audit, Progress};
use ringside_model::command::{Action, Command, OperatorCommand, Sequenced};
use ringside_model::domain::{MatchNumber, OrderNumber, Price, SymbolId};
use ringside_model::reason::Reason;
use ringside_model::report::{Body, Report, ReportKind};

/// Maximum number of orders with a minimum that one command lets in.
const TURNS_OF_A_COMMAND: u32 = 64;

impl Audit {
    /// Creates an audit of a venue whose commands do less work.
    pub fn with_work_max(max: u32) -> Audit {
        Audit { work_max: Some(max), ..Audit::default() }
    }

    pub(super) fn work_max(&self) -> u32 {
        self.work_max.unwrap_or(MatchNumber::TRADES_MAX)
    }

    /// Returns true if the command has no work left.
    pub(super) fn is_spent(&self) -> bool {
        let places = self.given.iter().filter(|(_, number)| *number != self.number).count() as u32;
        let max = self.work_max();
        self.progress.trades == max || places == max
    }

    /// Begins what a new order does itself, after what was due before.
    pub(super) fn enter(&mut self, number: OrderNumber) {
        self.progress.incoming = number;
        self.progress.pending.clear();
        self.progress.traded_at.clear();
    }

    /// Returns true if the command's own order may have this number: that of the command, or the
    /// place behind those that the command has given before.
    pub(super) fn is_own_place(&self, number: OrderNumber) -> bool {
        let places = self.given.len() as u32;
        let index = if places == 0 { 0 } else { places + 1 };
        number == OrderNumber::within(self.number.seqno(), index)
    }

    /// Begins the work of the command on a symbol.
    pub(super) fn begin(&mut self, symbol: SymbolId) {
        self.progress = Progress { symbol, incoming: self.number, ..Progress::default() };
        self.auction = self.auctions_left.remove(&symbol);
        if let Some(returned) = self.openings.get(&symbol) {
            (self.progress.is_opening, self.progress.returned) = (true, *returned);
        }
    }

    /// Ends the work of the command on the present symbol. A command that goes on with what was
    /// left says if something is left again.
    pub(super) fn leave(&mut self, command: &Sequenced) -> Result<(), String> {
        let (symbol, returned) = (self.progress.symbol, self.progress.returned);
        let is_left = self.left.contains(&symbol);
        // A quantity beyond the largest number is not told.
        let is_told = |head: &Report| head.quantity.0 < u64::MAX;
        let auction = self.auction.filter(|(head, _)| is_told(head));
        let is_whole = auction.is_some_and(|(head, traded)| is_whole(&head, traded));
        if is_whole || goes_on(&command.command) && !is_left {
            self.end_auction()?;
        }
        if let Some(auction) = self.auction.take() {
            self.auctions_left.insert(symbol, auction);
        }
        if goes_on(&command.command) {
            self.openings.remove(&symbol);
            self.unfinished.remove(&symbol);
        }
        if is_left && self.progress.is_opening {
            self.openings.insert(symbol, returned);
        }
        if is_left {
            self.unfinished.insert(symbol);
        }
        self.check_progress()
    }

    /// Ends an auction: its price is the last one from now on.
    pub(super) fn end_auction(&mut self) -> Result<(), String> {
        let Some((head, traded)) = self.auction.take() else { return Ok(()) };
        // Orders may have been cancelled between two parts of the auction.
        let was_left = self.unfinished.contains(&head.symbol);
        law!(is_whole(&head, traded) || was_left && traded < u128::from(head.quantity.0), head);
        if traded > 0 {
            self.set_last(head.symbol, head.price);
        }
        Ok(())
    }

    /// Keeps the price of a trade.
    pub(super) fn set_last(&mut self, symbol: SymbolId, price: Price) {
        self.progress.traded_at.push(price);
        self.progress.pending.push(price);
        self.last.insert(symbol, price);
        self.unsure.remove(&symbol);
        self.set_by_operator.remove(&symbol);
    }

    /// Drops the auctions that a day ends. An auction may have been over, if orders were cancelled
    /// between two of its parts.
    pub(super) fn drop_auctions(&mut self) {
        self.auction = None;
        self.openings.clear();
        for (symbol, (_, traded)) in self.auctions_left.drain() {
            if traded > 0 {
                self.last.remove(&symbol);
                self.unsure.insert(symbol);
            }
        }
    }

    /// Checks the report of work that is left: the command has none left to do, more orders with a
    /// minimum may come in than one command lets in, or a day begins with orders that come back.
    pub(super) fn check_unfinished(&self, done: &[Report], r: &Report) -> Result<(), String> {
        let comes_back = self.live.iter().any(|o| {
            let waits = o.parked && self.followed(o).is_some() || o.reached.is_some();
            o.symbol == r.symbol && waits && self.trades_continuously(r.symbol)
        });
        let day_begins = done.first().is_some_and(|r| r.kind == ReportKind::TradingDay);
        let is_from_start = comes_back || self.unfinished.contains(&r.symbol);
        let minimums = self.live.iter().filter(|o| o.symbol == r.symbol && o.has_minimum());
        let ended = done.iter().filter(|r| r.kind == ReportKind::Executed).count();
        let turns = u32::min(self.work_max(), TURNS_OF_A_COMMAND) as usize;
        let has_turns_left =
            self.trades_continuously(r.symbol) && minimums.count() + ended >= turns;
        let is_from_work = self.is_spent() || self.auction.is_some() || has_turns_left;
        law!(if day_begins { is_from_start } else { is_from_work }, r);
        Ok(())
    }
}

/// Returns true if an auction has traded all that it announced.
fn is_whole(head: &Report, traded: u128) -> bool {
    u64::try_from(traded).unwrap_or(u64::MAX) == head.quantity.0
}

/// Returns true for a report that comes after the last trade of an auction.
pub(super) fn follows_auction(r: &Report) -> bool {
    use ReportKind::{Accepted, BandsSet, Canceled, Crossed, Entered, Executed, ReferenceSet};
    use ReportKind::{Replaced, Repriced, StateChanged, SymbolChanged};
    match r.kind {
        Executed => matches!(r.body(), Body::Executed(executed) if executed.auction.is_none()),
        Canceled => matches!(
            r.reason,
            Reason::AuctionLeftover | Reason::BandEnded | Reason::ShortEnded | Reason::WorkLimit
        ),
        Accepted | BandsSet | Crossed | Entered | Replaced | Repriced | StateChanged => true,
        // The operator's prices take the place of those of an auction that is over.
        ReferenceSet | SymbolChanged => true,
        _ => false,
    }
}

/// Returns true for a command that does what was due and what was left before it acts, whatever
/// comes of it.
pub(super) fn goes_on(command: &Command) -> bool {
    match command.action {
        Action::MassCancel(_) => command.symbol != SymbolId::NONE,
        Action::Operator(OperatorCommand::RunTimers(_)) => command.verdict == Reason::None,
        Action::Operator(OperatorCommand::SetState(_))
        | Action::Operator(OperatorCommand::PlanState(_))
        | Action::Operator(OperatorCommand::SetBands(_))
        | Action::Operator(OperatorCommand::SetQuote(_))
        | Action::Operator(OperatorCommand::SetShortSale(_))
        | Action::Operator(OperatorCommand::SetReference(_))
        | Action::Operator(OperatorCommand::ChangeSymbol(_))
        | Action::Operator(OperatorCommand::SetStopWaves(_))
        | Action::Operator(OperatorCommand::MoveSymbol(_)) => true,
        Action::Enter(_)
        | Action::EnterStop(_)
        | Action::EnterIceberg(_)
        | Action::EnterSpecial(_)
        | Action::Cancel(_)
        | Action::Reduce(_)
        | Action::Modify(_)
        | Action::Replace(_)
        | Action::ReplaceTerms(_) => true,
        _ => false,
    }
}
