//! Order books for a program that wants nothing else of a venue.
//!
//! [`Engine`] trusts its caller: a sequencer numbers the commands and a gateway checks them.
//! [`OrderBooks`] stands in for both. The checks are here, so that [`Engine::apply_batch`] does not
//! pay for them.

use super::{Engine, LevelView};
use ringside_model::command::{
    Action, Cancel, Command, DefineSymbol, Definition, Enter, Sequenced,
};
use ringside_model::domain::{Name, Nanos, OrderId, SeqNo, SessionId, Side, SymbolId, Tick};
use ringside_model::reason::Reason;
use ringside_model::report::{Report, ReportKind};
use std::collections::HashMap;

/// Order books of many symbols, with one sequence of commands.
///
/// Each command gets the next [`SeqNo`] and the current official time, and returns its reports.
/// Prices are whole ticks: [`Tick::ticks`] converts decimals to ticks, [`Tick::decimal`] converts
/// them back.
///
/// A session needs no definition. The ids of its new orders must differ from those of its live
/// orders.
pub struct OrderBooks {
    engine: Engine,
    last: SeqNo,
    time: Nanos,
    /// Reports of the last command; kept for its capacity.
    reports: Vec<Report>,
    symbols: HashMap<Name, SymbolId>,
    /// Symbol with the highest number.
    last_symbol: SymbolId,
}

/// Seqno or time of a command that does not follow the command before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfOrder {
    /// The seqno is not above the last one, or above [`SeqNo::MAX`].
    SeqNo {
        /// Seqno of the command.
        given: SeqNo,
        /// Last seqno that was used.
        last: SeqNo,
    },
    /// The time is earlier than the official time.
    Time {
        /// Time of the command.
        given: Nanos,
        /// Official time before the command.
        official: Nanos,
    },
}

impl OrderBooks {
    /// Creates books without a symbol, at official time 0.
    pub fn new() -> Self {
        OrderBooks::with_capacity(1 << 10)
    }

    /// Creates books with room for `orders` live orders before they grow.
    pub fn with_capacity(orders: usize) -> Self {
        OrderBooks {
            engine: Engine::new(orders),
            last: SeqNo(0),
            time: Nanos(0),
            reports: vec![],
            symbols: HashMap::new(),
            last_symbol: SymbolId::NONE,
        }
    }

    /// Adds a symbol with lots of one unit. [`DefineSymbol`] has more options.
    pub fn define(&mut self, name: &str, tick: Tick) -> Result<SymbolId, Reason> {
        let name = Name::new(name).ok_or(Reason::InvalidDefinition)?;
        if self.symbols.contains_key(&name) {
            return Err(Reason::DuplicateName);
        }
        let symbol = SymbolId(self.last_symbol.0 + 1);
        let definition = Action::from(DefineSymbol::new(name, tick));
        match self.apply(SessionId(0), symbol, definition)[0] {
            Report { kind: ReportKind::Defined, .. } => Ok(symbol),
            Report { reason, .. } => Err(reason),
        }
    }

    /// Enters an order and returns its reports: accepted or rejected first, then its trades.
    pub fn enter(&mut self, session: SessionId, symbol: SymbolId, order: Enter) -> &[Report] {
        self.apply(session, symbol, Action::Enter(order))
    }

    /// Cancels an order by the id that its session gave it, and returns the reports.
    pub fn cancel(&mut self, session: SessionId, symbol: SymbolId, id: OrderId) -> &[Report] {
        self.apply(session, symbol, Action::Cancel(Cancel { id }))
    }

    /// Applies a command and returns its reports, at least one. A reject is a report, too:
    /// [`ReportKind::Rejected`] with its [`Reason`].
    ///
    /// # Panics
    ///
    /// After the command with [`SeqNo::MAX`].
    pub fn apply(&mut self, session: SessionId, symbol: SymbolId, action: Action) -> &[Report] {
        assert!(self.last < SeqNo::MAX, "there is no seqno after {}", SeqNo::MAX);
        let command = Command { session, symbol, verdict: Reason::None, action };
        self.commit(Sequenced { seqno: SeqNo(self.last.0 + 1), time: self.time, command })
    }

    /// Applies a command that has its seqno and its time already, for example from a recording.
    /// Seqnos may have gaps. An error changes nothing.
    pub fn apply_sequenced(&mut self, at: Sequenced) -> Result<&[Report], OutOfOrder> {
        if at.seqno <= self.last || at.seqno > SeqNo::MAX {
            return Err(OutOfOrder::SeqNo { given: at.seqno, last: self.last });
        }
        if at.time < self.time {
            return Err(OutOfOrder::Time { given: at.time, official: self.time });
        }
        Ok(self.commit(at))
    }

    /// Moves the official time of the next commands forward. An earlier time is ignored.
    ///
    /// Time alone changes no book. Timers of a symbol, such as the expiry of its orders, run with
    /// the next command on the symbol; [`RunTimers`](ringside_model::command::RunTimers) does
    /// nothing else.
    pub fn advance_time(&mut self, time: Nanos) {
        self.time = self.time.max(time);
    }

    /// Returns the best `levels` levels of one side, best first, as market data shows them: without
    /// hidden orders and the reserve of icebergs, and without orders whose end has come. All kinds
    /// of sell orders are one side.
    pub fn depth(&self, symbol: SymbolId, side: Side, levels: usize) -> Vec<LevelView> {
        self.engine.levels_at(symbol, side.is_buy(), self.time).take(levels).collect()
    }

    /// Returns the number of a symbol.
    pub fn symbol(&self, name: &str) -> Option<SymbolId> {
        Name::new(name).and_then(|name| self.symbols.get(&name).copied())
    }

    /// Returns the present name, tick and lot of a symbol.
    pub fn definition(&self, symbol: SymbolId) -> Option<&DefineSymbol> {
        self.engine.book_even_away(symbol).map(|book| self.engine.definition(book))
    }

    /// Returns the seqno of the last command; 0 before the first one.
    pub fn last_seqno(&self) -> SeqNo {
        self.last
    }

    /// Returns the engine, for all other queries: single orders, top of book, state hash.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn commit(&mut self, at: Sequenced) -> &[Report] {
        (self.last, self.time) = (at.seqno, at.time);
        self.reports.clear();
        self.engine.apply_batch(&[at], &mut self.reports);
        if let Action::Definition(Definition::Symbol(definition)) = at.command.action
            && self.reports[0].kind == ReportKind::Defined
        {
            self.last_symbol = self.last_symbol.max(at.command.symbol);
            self.symbols.entry(definition.name).or_insert(at.command.symbol);
        }
        &self.reports
    }
}

impl Default for OrderBooks {
    fn default() -> Self {
        OrderBooks::new()
    }
}

impl std::fmt::Display for OutOfOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OutOfOrder::SeqNo { given, last } => {
                write!(
                    f,
                    "seqno {given} is not above {last}, the last one, or above {}",
                    SeqNo::MAX
                )
            }
            OutOfOrder::Time { given, official } => {
                write!(f, "time {given} is earlier than the official time {official}")
            }
        }
    }
}

impl std::error::Error for OutOfOrder {}
