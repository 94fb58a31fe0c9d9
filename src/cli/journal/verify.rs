//! `ringside journal verify`: runs every check of a journal, one after the other.

use crate::cli::bench::figures::thousands;
use crate::cli::output::{note, outln};
use crate::cli::replay::{Learner, note_tail, open};
use crate::cli::{CliError, SCHEMA_VERSION, journal_dir};
use crate::config::Config;
use clap::Args;
use ringside_core::recovery::replay::Replay;
use ringside_core::recovery::snapshot;
use ringside_core::venue;
use ringside_journal::Reader;
use serde_json::{Value, json};
use std::time::Instant;

/// Arguments of `journal verify`.
#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// Leave out the checks that replay every command.
    #[arg(long)]
    no_replay: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// A check of a journal.
struct Check {
    name: &'static str,
    /// True if the check replays the commands, which takes several times as long as reading them.
    replays: bool,
    run: fn(&Config) -> Result<Passed, CliError>,
}

/// Result of a check that passed.
struct Passed {
    count: u64,
    /// Unit of the count, and further remarks.
    what: String,
}

/// All checks; each relies on those before it.
const CHECKS: &[Check] = &[
    Check { name: "chain", replays: false, run: check_chain },
    Check { name: "digests", replays: false, run: check_digests },
    Check { name: "snapshots", replays: false, run: check_snapshots },
    Check { name: "hash probes", replays: true, run: check_hash_probes },
];

pub(super) fn run(args: &VerifyArgs, config: &Config) -> Result<(), CliError> {
    let dir = journal_dir(config)?;
    let (mut outcome, mut printed) = (Ok(()), Ok(()));
    let mut results = vec![];
    for check in CHECKS.iter().filter(|check| !(check.replays && args.no_replay)) {
        let result = outcome.is_ok().then(|| (check.run)(config));
        let (word, count, what) = match result {
            Some(Ok(Passed { count, what })) => ("ok", Some(count), what),
            Some(Err(error)) => {
                let what = error.to_string();
                outcome = Err(error);
                ("FAILED", None, what)
            }
            None => ("-", None, "not run: the check before it failed".into()),
        };
        if args.json {
            results.push(json!({
                "check": check.name, "result": word.to_lowercase(), "count": count, "what": what,
            }));
        } else {
            let count = count.map(|count| thousands(count) + " ").unwrap_or_default();
            printed = printed.and_then(|()| outln!("{word:<7}{:<14}{count}{what}", check.name));
        }
    }
    if args.json {
        let ok = outcome.is_ok();
        let results = Value::Array(results);
        let summary = json!({
            "schema_version": SCHEMA_VERSION, "dir": dir, "ok": ok, "checks": results,
        });
        printed = outln!("{summary:#}");
    }
    outcome.and(printed)
}

/// Checks every checksum, and that each frame continues the one before.
fn check_chain(config: &Config) -> Result<Passed, CliError> {
    let mut reader = open(config)?;
    let began = Instant::now();
    let mut count = 0;
    while reader.next_frame()?.is_some() {
        count += 1;
    }
    let seconds = began.elapsed().as_secs_f64();
    let rate = count as f64 / seconds / 1e6;
    note!("every frame checked in {seconds:.3} s, {rate:.1} M frames/s");
    note_tail(&reader);
    Ok(Passed { count, what: format!("frames, up to seqno {}", reader.seqno()) })
}

/// Checks that each full segment matches its digest.
fn check_digests(config: &Config) -> Result<Passed, CliError> {
    let count = ringside_journal::check_digests(journal_dir(config)?)?;
    Ok(Passed { count, what: "of full segments agree".into() })
}

/// Checks that each snapshot is complete, restores to the state hash that it states, and names a
/// valid position of the journal.
fn check_snapshots(config: &Config) -> Result<Passed, CliError> {
    let (dir, identity) = (journal_dir(config)?, venue::identity(config.matching_hash()));
    let listing = snapshot::list(dir, identity);
    if let Some(damage) = listing.damage.first() {
        return Err(CliError::Corrupt(damage.clone()));
    }
    for entry in &listing.entries {
        let fail = |why: String| CliError::Corrupt(format!("{}: {why}", entry.path.display()));
        let snapshot =
            entry.read(identity).map_err(|error| CliError::Corrupt(error.to_string()))?;
        snapshot.restore(1, 0).map_err(|fault| fail(fault.to_string()))?;
        Reader::open_behind(dir, identity, &snapshot.place, Some(snapshot.durability))?;
    }
    Ok(Passed {
        count: listing.entries.len() as u64,
        what: "restored to the state that they say".into(),
    })
}

/// Checks that a replay computes the hashes of every hash probe.
fn check_hash_probes(config: &Config) -> Result<Passed, CliError> {
    let mut reader = open(config)?;
    let mut replay = Replay::new(config.shape(), Learner::default());
    replay.read(&mut reader, None)?;
    Ok(Passed { count: replay.probes_checked, what: "compared".into() })
}
