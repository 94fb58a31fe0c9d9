//! `ringside journal`: commands that read the journal itself.

mod command_fields;
mod diff;
mod dump;
mod export;
mod info;
#[cfg(test)]
mod samples;
mod units;
mod verify;

pub(super) use command_fields::{NamedField, command_fields, json_line};
pub(super) use units::UnitChanges;

use super::CliError;
use crate::config::Config;
use clap::{Args, Subcommand};
use ringside_core::recovery::replay::ReplayError;
use ringside_core::shard::UnreadableCommand;
use ringside_journal::{JournalError, Position, Reader};
use ringside_model::command::Sequenced;
use ringside_model::frame::Frame;

/// Subcommands of `journal`.
#[derive(Subcommand)]
pub(super) enum JournalCommand {
    /// Print a summary of the journal.
    Info(OutputArgs),
    /// Check the whole journal: every frame, the chain, and every hash probe against a replay.
    Verify(verify::VerifyArgs),
    /// Print the frames.
    Dump(dump::DumpArgs),
    /// Compare two journals and name the first difference.
    Diff(diff::DiffArgs),
    /// Print the commands or the reports for other programs.
    Export(export::ExportArgs),
}

/// Output format.
#[derive(Args)]
pub(super) struct OutputArgs {
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &JournalCommand, config: &Config) -> Result<(), CliError> {
    match command {
        JournalCommand::Info(args) => info::run(args, config),
        JournalCommand::Verify(args) => verify::run(args, config),
        JournalCommand::Dump(args) => dump::run(args, config),
        JournalCommand::Diff(args) => diff::run(args, config),
        JournalCommand::Export(args) => export::run(args, config),
    }
}

/// Returns the next frame, checked, and its position.
fn next_placed(reader: &mut Reader) -> Result<Option<(Frame, Position)>, JournalError> {
    let Some(frame) = reader.next_frame()? else { return Ok(None) };
    // The reader's position is behind the frame; a frame never spans two segments.
    let end = reader.position();
    let at = Position { offset: end.offset - frame.bytes().len() as u64, ..end };
    Ok(Some((frame, at)))
}

/// Decodes the command of a frame.
pub(super) fn decode(frame: &Frame) -> Result<Sequenced, CliError> {
    let unreadable = UnreadableCommand { seqno: frame.header.seqno, kind: frame.header.kind };
    Sequenced::decode(frame).ok_or_else(|| ReplayError::Unreadable(unreadable).into())
}
