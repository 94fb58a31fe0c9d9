//! Commands beside books that make them as dear as possible.

mod cancels;
mod minimums;
mod pegs;
mod states;
mod takers;
mod venue;

pub use venue::{Outcome, Size};

/// One kind of command.
pub struct Row {
    /// Command and crowd, the name of the row.
    pub what: &'static str,
    /// Fills a venue and measures the command in it.
    pub run: fn(Size) -> Outcome,
}

/// All kinds of commands.
pub const ROWS: &[&[Row]] =
    &[cancels::ROWS, takers::ROWS, minimums::ROWS, states::ROWS, pegs::ROWS];
