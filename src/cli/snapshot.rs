//! `ringside snapshot`: stores the state of a venue in a file, so that a restart need not replay
//! earlier commands.

use super::{CliError, SCHEMA_VERSION, journal_dir};
use crate::cli::output::{note, outln};
use crate::config::Config;
use clap::Args;
use ringside_core::recovery::snapshot;
use ringside_core::recovery::snapshotter::{Snapshotter, SnapshotterError};
use ringside_core::venue;
use serde_json::json;
use std::time::Instant;

/// Arguments of `snapshot`.
#[derive(Args)]
pub(super) struct SnapshotArgs {
    /// Only list the existing snapshots, newest first.
    #[arg(long)]
    list: bool,
    /// Remove the segments that two snapshots have made unnecessary. Removed commands are no longer
    /// available to `book --at`, `explain` or a full `replay`.
    #[arg(long, conflicts_with = "list")]
    retire_segments: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &SnapshotArgs, config: &Config) -> Result<(), CliError> {
    if args.list { list(args, config) } else { take(args, config) }
}

/// Takes a snapshot of a journal; a venue may be writing it meanwhile.
fn take(args: &SnapshotArgs, config: &Config) -> Result<(), CliError> {
    let dir = journal_dir(config)?.to_path_buf();
    if args.retire_segments && ringside_core::streams::are_in(&dir) {
        let what = "this venue's streams are made again from the journal if they are lost; only the venue itself, \
                    with snapshots.retire_segments, knows how much of it they no longer need";
        return Err(CliError::Config(what.into()));
    }
    let identity = venue::identity(config.matching_hash());
    let began = Instant::now();
    let mut snapshotter = Snapshotter::open(dir, identity, config.sizes())?;
    snapshotter.skipped.iter().for_each(|why| note!("{why}"));
    snapshotter.follow_to(snapshotter.newest_segment()?)?;
    let seqno = snapshotter.seqno();
    let stored = snapshotter.take()?;
    let seconds = began.elapsed().as_secs_f64();
    match (&stored, args.json) {
        (Some(stored), true) => {
            let snapshot = json!({
                "schema_version": SCHEMA_VERSION, "seqno": seqno.0, "path": stored.path,
                "bytes": stored.bytes, "orders": stored.orders,
                "state_hash": format!("{:032x}", stored.state), "seconds": seconds,
            });
            outln!("{snapshot:#}")?;
        }
        (Some(stored), false) => outln!("{stored}, {seconds:.3} s in all")?,
        (None, true) => {
            outln!("{:#}", json!({ "schema_version": SCHEMA_VERSION, "seqno": seqno.0 }))?
        }
        (None, false) if seqno.0 == 0 => outln!("nothing is committed yet: no snapshot")?,
        (None, false) => outln!("the newest snapshot is at seqno {seqno} already")?,
    }
    if args.retire_segments {
        let retired = snapshotter.retire_segments()?;
        note!("{retired} segments removed");
    }
    Ok(())
}

fn list(args: &SnapshotArgs, config: &Config) -> Result<(), CliError> {
    let listing = snapshot::list(journal_dir(config)?, venue::identity(config.matching_hash()));
    listing.damage.iter().for_each(|damage| note!("{damage}"));
    for entry in &listing.entries {
        let state = format!("{:032x}", entry.state);
        if args.json {
            let line = json!({
                "schema_version": SCHEMA_VERSION, "seqno": entry.seqno.0, "path": entry.path,
                "state_hash": state,
            });
            outln!("{line}")?;
        } else {
            outln!("seqno {:>12}  state {state}  {}", entry.seqno, entry.path.display())?;
        }
    }
    Ok(())
}

impl From<SnapshotterError> for CliError {
    fn from(error: SnapshotterError) -> Self {
        match error {
            SnapshotterError::Replay(error) => error.into(),
            error => CliError::Failure(error.to_string()),
        }
    }
}
