//! Next step of a symbol, decided from its place in the table and its state in the journal of this
//! partition. Nothing else is remembered, so that the next leader decides the same.

use super::table::{Moving, Place};
use ringside_model::domain::{MoveStep, PartitionId};
use ringside_model::report::Moved;
use std::fmt;

/// Next step of a symbol in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is nothing to do, or not for this partition.
    Wait,
    /// The orders of the symbol must wait.
    Halt,
    /// The orders of the symbol must be kept beside the table.
    Export,
    /// All orders of the symbol must be in the journal; then the table must say that the symbol is
    /// here.
    Import,
    /// The table says that the symbol is here. All its orders must be in the journal; then it is
    /// traded.
    Arrive,
    /// The symbol is traded here; the move is over.
    Finish,
    /// The symbol is traded here again, or for the first time.
    Resume,
    /// The symbol is traded by another partition.
    Release,
    /// The table and the journal cannot both be right.
    Contradiction,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Wait => "waits",
            Step::Halt => "halted, it goes to another partition",
            Step::Export => "exported",
            Step::Import => "imported, it is this partition's now",
            Step::Arrive | Step::Resume => "traded here",
            Step::Finish => "has arrived",
            Step::Release => "released, it is another partition's",
            Step::Contradiction => "the table and the journal contradict each other",
        })
    }
}

/// Returns the next step of partition `me` for a symbol. `here` is the state of the symbol in the
/// journal of the partition; `None` if it is traded.
pub fn next(PartitionId(me): PartitionId, here: Option<Moved>, place: &Place) -> Step {
    use MoveStep::{Halt, Import, Release};
    let is_mine = place.partition == me;
    let step = here.map(|here| here.step);
    match (&place.moving, step) {
        // The symbol is here and stays.
        (None, None) if is_mine => Step::Wait,
        (None, Some(Halt)) if is_mine => Step::Resume,
        (None, Some(Release)) if is_mine && is_new(here) => Step::Resume,
        // The symbol is to leave.
        (Some(moving), step) if is_mine && moving.from == me => match step {
            None => Step::Halt,
            Some(Halt) if here.is_some_and(|here| here.version != moving.version) => Step::Halt,
            Some(Halt) if moving.export.is_none() => Step::Export,
            Some(Halt) => Step::Wait,
            Some(Release) if is_new(here) => Step::Resume,
            _ => Step::Contradiction,
        },
        // The symbol is arriving.
        (Some(Moving { to, .. }), step) if is_mine && *to == me => match step {
            None => Step::Finish,
            Some(Import | Release) => Step::Arrive,
            _ => Step::Contradiction,
        },
        (_, _) if is_mine => Step::Contradiction,
        (Some(Moving { to, export: Some(_), .. }), Some(Import | Release)) if *to == me => {
            Step::Import
        }
        // The symbol is in another partition.
        (_, None) => Step::Contradiction,
        (_, Some(Release)) if here.is_some_and(|here| here.version == place.version) => Step::Wait,
        (Some(Moving { to, .. }), Some(Release)) if *to == me => Step::Wait,
        _ => Step::Release,
    }
}

/// Returns true if the symbol was never traded here: it was released when it was defined.
fn is_new(here: Option<Moved>) -> bool {
    here.is_some_and(|here| here.version == 0)
}
