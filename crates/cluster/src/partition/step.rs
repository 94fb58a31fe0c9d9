//! Next step of a symbol, decided from its place in the table and its state in the journal of this
//! partition. Nothing else is remembered, so that the next leader decides the same.

use super::table::{Moving, Placement};
use ringside_model::domain::{MoveStep, PartitionId};
use ringside_model::report::Moved;
use std::fmt;

/// Next step of a symbol in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoverStep {
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

impl fmt::Display for MoverStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MoverStep::Wait => "waits",
            MoverStep::Halt => "halted, it goes to another partition",
            MoverStep::Export => "exported",
            MoverStep::Import => "imported, it is this partition's now",
            MoverStep::Arrive | MoverStep::Resume => "traded here",
            MoverStep::Finish => "has arrived",
            MoverStep::Release => "released, it is another partition's",
            MoverStep::Contradiction => "the table and the journal contradict each other",
        })
    }
}

/// Returns the next step of partition `me` for a symbol. `here` is the state of the symbol in the
/// journal of the partition; `None` if it is traded.
pub fn next(PartitionId(me): PartitionId, here: Option<Moved>, place: &Placement) -> MoverStep {
    use MoveStep::{Halt, Import, Release};
    let is_mine = place.partition == me;
    let step = here.map(|here| here.step);
    match (&place.moving, step) {
        // The symbol is here and stays.
        (None, None) if is_mine => MoverStep::Wait,
        (None, Some(Halt)) if is_mine => MoverStep::Resume,
        (None, Some(Release)) if is_mine && is_new(here) => MoverStep::Resume,
        // The symbol is to leave.
        (Some(moving), step) if is_mine && moving.from == me => match step {
            None => MoverStep::Halt,
            Some(Halt) if here.is_some_and(|here| here.version != moving.version) => {
                MoverStep::Halt
            }
            Some(Halt) if moving.export.is_none() => MoverStep::Export,
            Some(Halt) => MoverStep::Wait,
            Some(Release) if is_new(here) => MoverStep::Resume,
            _ => MoverStep::Contradiction,
        },
        // The symbol is arriving.
        (Some(Moving { to, .. }), step) if is_mine && *to == me => match step {
            None => MoverStep::Finish,
            Some(Import | Release) => MoverStep::Arrive,
            _ => MoverStep::Contradiction,
        },
        (_, _) if is_mine => MoverStep::Contradiction,
        (Some(Moving { to, export: Some(_), .. }), Some(Import | Release)) if *to == me => {
            MoverStep::Import
        }
        // The symbol is in another partition.
        (_, None) => MoverStep::Contradiction,
        (_, Some(Release)) if here.is_some_and(|here| here.version == place.version) => {
            MoverStep::Wait
        }
        (Some(Moving { to, .. }), Some(Release)) if *to == me => MoverStep::Wait,
        _ => MoverStep::Release,
    }
}

/// Returns true if the symbol was never traded here: it was released when it was defined.
fn is_new(here: Option<Moved>) -> bool {
    here.is_some_and(|here| here.version == 0)
}
