//! What is to be done with an instrument next: from where the table has it and from what the journal of this partition
//! says of it. Nothing else is remembered, so that whoever leads next finds the same.

use super::table::{Moving, Place};
use ringside_model::domain::{MoveStep, PartitionId};
use ringside_model::report::Moved;
use std::fmt;

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, or not for this partition.
    Wait,
    /// Its orders must wait.
    Halt,
    /// Its orders must be kept beside the table.
    Export,
    /// All of its orders must be in the journal, then the table must say that it is here.
    Import,
    /// The table says that it is here: all of its orders must be in the journal, then it is traded.
    Arrive,
    /// It is traded; the move is over.
    Finish,
    /// It is traded again, or for the first time.
    Resume,
    /// It is traded somewhere else.
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

/// What partition `me` has to do with an instrument; `here` is what its journal says of it, `None` if it is traded.
pub fn next(PartitionId(me): PartitionId, here: Option<Moved>, place: &Place) -> Step {
    use MoveStep::{Halt, Import, Release};
    let is_mine = place.partition == me;
    let step = here.map(|here| here.step);
    match (&place.moving, step) {
        // It is here.
        (None, None) if is_mine => Step::Wait,
        (None, Some(Halt)) if is_mine => Step::Resume,
        (None, Some(Release)) if is_mine && is_new(here) => Step::Resume,
        // It is to go.
        (Some(moving), step) if is_mine && moving.from == me => match step {
            None => Step::Halt,
            Some(Halt) if here.is_some_and(|here| here.version != moving.version) => Step::Halt,
            Some(Halt) if moving.export.is_none() => Step::Export,
            Some(Halt) => Step::Wait,
            Some(Release) if is_new(here) => Step::Resume,
            _ => Step::Contradiction,
        },
        // It is coming.
        (Some(Moving { to, .. }), step) if is_mine && *to == me => match step {
            None => Step::Finish,
            Some(Import | Release) => Step::Arrive,
            _ => Step::Contradiction,
        },
        (_, _) if is_mine => Step::Contradiction,
        (Some(Moving { to, export: Some(_), .. }), Some(Import | Release)) if *to == me => {
            Step::Import
        }
        // It is somewhere else.
        (_, None) => Step::Contradiction,
        (_, Some(Release)) if here.is_some_and(|here| here.version == place.version) => Step::Wait,
        (Some(Moving { to, .. }), Some(Release)) if *to == me => Step::Wait,
        _ => Step::Release,
    }
}

/// Whether an instrument was never traded here: it was released when it was defined.
fn is_new(here: Option<Moved>) -> bool {
    here.is_some_and(|here| here.version == 0)
}
