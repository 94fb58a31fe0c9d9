//! Desk: the venue of a partition as its mover sees it. Requests become commands of the journal;
//! answers are reports that are committed.

use ringside_core::registry::directory::Directory;
use ringside_model::command::{Action, Command, Enter, ImportOrder, MoveSymbol};
use ringside_model::domain::{DecimalError, FirmId, Name, Price, SeqNo, SessionId, SymbolId};
use ringside_model::reason::Reason;
use ringside_model::report::Moved;
use std::fmt;

/// Largest number of requests that a mover sends before it hears their answers.
pub const REQUESTS_MAX: usize = 256;

/// Venue of a partition, for its mover.
pub trait Desk {
    /// Sends a request, which becomes one command of the journal.
    fn send(&mut self, request: DeskRequest) -> Result<(), DeskError>;

    /// Returns the next answer of the venue, about any symbol. Everything that it reports is
    /// committed.
    fn hear(&mut self) -> Result<DeskAnswer, DeskError>;
}

/// Request of a mover: one command of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskRequest {
    /// Step of a move.
    Step {
        /// Name of the symbol that moves.
        symbol: Name,
        /// Step, with the other partition and the version of the table.
        asked: MoveSymbol,
    },
    /// Import of an order that moves with its symbol.
    Import(MovedOrder),
}

/// Order that moves with its symbol, by the names that are the same in all partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedOrder {
    /// Session that owns the order.
    pub session: Name,
    /// Symbol of the order.
    pub symbol: Name,
    /// Firm of the order, if the order has one.
    pub firm: Option<Name>,
    /// Limit as a decimal.
    pub price: String,
    /// Terms with the open quantity and the id on the partition that the order leaves. Price and
    /// firm are 0, because each partition has numbers of its own for them.
    pub terms: Enter,
}

/// Answer of a venue about a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskAnswer {
    /// Symbol of the report.
    pub symbol: Name,
    /// Content of the report.
    pub event: DeskEvent,
}

/// Report that matters to a mover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskEvent {
    /// A step of a move is in the journal.
    Moved {
        /// Step that was taken.
        moved: Moved,
        /// Seqno of the step.
        seqno: SeqNo,
        /// Number of orders that the step concerns.
        orders: u64,
    },
    /// An order leaves with the symbol.
    Exported(MovedOrder),
    /// An order has arrived with the symbol, and waits.
    Held,
    /// A step is rejected because it does not follow the present one; `None` if the symbol is
    /// traded here.
    OutOfStep(Option<Moved>),
    /// Another command about the symbol is rejected.
    Rejected(Reason),
}

/// Reason why a venue does not answer. A new desk may succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// The venue has ended, or takes no more requests.
    #[error("the venue takes no requests")]
    Closed,
    /// The venue did not answer in time.
    #[error("the venue does not answer")]
    Silent,
    /// A request has a name that the venue does not know.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// The operator stream has a line that cannot be read; this is its beginning.
    #[error("the operator stream has a malformed line: {0:?}")]
    Malformed(String),
}

/// Error of a name that a venue does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{symbol}: {name} is no {kind} of this venue")]
pub struct UnknownName {
    symbol: Name,
    name: Name,
    kind: &'static str,
}

impl DeskRequest {
    /// Returns the command of the request in the venue of a directory.
    pub fn command(&self, directory: &Directory) -> Result<Command, UnknownName> {
        match self {
            DeskRequest::Step { symbol: name, asked } => {
                let symbol = known(*name, *name, "symbol", directory.numbers().symbol_id(*name))?;
                let action = Action::from(*asked);
                Ok(Command { session: SessionId(0), symbol, verdict: Reason::None, action })
            }
            DeskRequest::Import(order) => order.command(directory),
        }
    }
}

impl fmt::Display for DeskRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeskRequest::Step { asked, .. } => {
                let MoveSymbol { step, partition, version, .. } = asked;
                write!(f, "{} at version {version}, partition {}", step.name(), partition.0)
            }
            DeskRequest::Import(order) => {
                write!(f, "import of order {} of session {}", order.terms.id.0, order.session)
            }
        }
    }
}

impl MovedOrder {
    fn command(&self, directory: &Directory) -> Result<Command, UnknownName> {
        let MovedOrder { session, symbol, firm, price, terms } = self;
        let session =
            known(*symbol, *session, "session", directory.numbers().session_id(*session))?;
        let firm = match *firm {
            Some(firm) => known(*symbol, firm, "firm", directory.numbers().firm_id(firm))?,
            None => FirmId(0),
        };
        let symbol = known(*symbol, *symbol, "symbol", directory.numbers().symbol_id(*symbol))?;
        let (price, verdict) = match ticks(directory, symbol, price) {
            Ok(price) => (price, Reason::None),
            Err(reason) => (Price(0), reason),
        };
        let id = directory.next_imported_id(session);
        let order = Enter { id, firm, price, ..*terms };
        let action = Action::from(ImportOrder { order, id_there: terms.id });
        Ok(Command { session, symbol, verdict, action })
    }
}

fn known<T>(
    symbol: Name,
    name: Name,
    kind: &'static str,
    number: Option<T>,
) -> Result<T, UnknownName> {
    number.ok_or(UnknownName { symbol, name, kind })
}

fn ticks(directory: &Directory, symbol: SymbolId, price: &str) -> Result<Price, Reason> {
    let tick = directory.names().symbol(symbol).expect("the directory has given the number").tick;
    tick.ticks(price).map_err(|error| match error {
        DecimalError::OffTick => Reason::OffTick,
        DecimalError::OutOfRange | DecimalError::Malformed => Reason::InvalidPrice,
    })
}
