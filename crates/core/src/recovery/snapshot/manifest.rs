//! The manifest: the list of valid snapshots.
//!
//! ```text
//!  snapshot-000000001234.snap 1234 STATE-HASH FILE-CRC32C
//!  snapshot-000000000987.snap 987 …
//!  checksum CRC32C-OF-THE-LINES-ABOVE
//! ```
//! Newest first. If the manifest is damaged or missing, the list is rebuilt from the snapshot
//! files; each file is restored as a proof. The process that takes a snapshot locks the manifest,
//! which is empty before the first snapshot.

use super::{Snapshot, SnapshotError, SnapshotFault, at, io, read_file, sync_dir, write_synced};
use ringside_journal::{FileLock, Identity, access};
use ringside_model::domain::SeqNo;
use rustix::fs::OFlags;
use std::cmp::Reverse;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Number of snapshots that are kept.
const KEPT: usize = 3;

/// Entry of a valid snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path of the snapshot file.
    pub path: PathBuf,
    /// Last command in the snapshot.
    pub seqno: SeqNo,
    /// State hash after that command.
    pub state: u128,
    /// CRC-32C of the whole file.
    pub crc: u32,
}

/// List of the snapshots in a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Valid snapshots, newest first.
    pub entries: Vec<Entry>,
    /// Damage of the manifest or of files that it names, one sentence each.
    pub damage: Vec<String>,
}

/// Lists the snapshots of a directory. Files that the manifest names are not opened here:
/// [`Entry::read`] checks them.
pub fn list(dir: &Path, identity: Identity) -> Listing {
    let path = dir.join(MANIFEST);
    let parsed = match std::fs::read(&path) {
        Ok(text) if !text.is_empty() => {
            parse(dir, &text).ok_or("damaged: it does not match its checksum".to_string())
        }
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.to_string()),
        _ if files(dir, ".snap").is_empty() => return Listing::default(),
        _ => Err("missing or empty, but there are snapshots".to_string()),
    };
    match parsed {
        Ok(entries) => drop_missing(entries),
        Err(what) => scan(dir, identity, format!("{}: {what}", path.display())),
    }
}

impl Entry {
    /// Reads the file, checks every byte, and checks that it is the file that was verified when it
    /// was named.
    pub fn read(&self, identity: Identity) -> Result<Snapshot, SnapshotError> {
        let read = || -> Result<Snapshot, SnapshotFault> {
            let bytes = read_file(&self.path)?;
            let snapshot = Snapshot::from_bytes(&bytes, identity)?;
            let found = (crc32c::crc32c(&bytes), snapshot.place.seqno, snapshot.state_hash());
            if found != (self.crc, self.seqno, self.state) {
                return Err(SnapshotFault::Damaged(
                    "it is not the file that the manifest names".into(),
                ));
            }
            Ok(snapshot)
        };
        read().map_err(at(&self.path))
    }
}

const MANIFEST: &str = "SNAPSHOTS";

/// Waits until no other process takes a snapshot in this directory, and locks the manifest.
pub(super) fn lock(dir: &Path) -> Result<FileLock, SnapshotError> {
    /// Pause between two tries: a snapshot takes seconds.
    const PAUSE: Duration = Duration::from_millis(10);
    let path = dir.join(MANIFEST);
    loop {
        match FileLock::take(&path) {
            Ok(lock) => return Ok(lock),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let made = access::open_or_create(&path, OFlags::NOFOLLOW);
                made.map_err(io("make the manifest")).map_err(at(&path))?;
            }
            Err(error) => return Err(at(&path)(io("lock")(error))),
        }
    }
}

/// Returns the path of the snapshot after a command.
pub(super) fn path_of(dir: &Path, seqno: SeqNo) -> PathBuf {
    dir.join(format!("snapshot-{:012}.snap", seqno.0))
}

/// Adds a verified snapshot to the manifest and drops the oldest entries. Removes the files that
/// are not valid any more, unless the listing found damage. The lock passes to the new manifest.
pub(super) fn commit(
    lock: &mut FileLock,
    dir: &Path,
    listing: Listing,
    new: Entry,
) -> Result<(), SnapshotError> {
    let Listing { mut entries, damage } = listing;
    entries.retain(|entry| entry.seqno != new.seqno);
    entries.truncate(KEPT - 1);
    entries.push(new);
    entries.sort_by_key(|entry| Reverse(entry.seqno));

    let path = dir.join(MANIFEST);
    let temporary = path.with_extension("tmp");
    let file = write_synced(&temporary, |file| file.write_all(text_of(&entries).as_bytes()))?;
    lock.replace(&temporary, file).map_err(io("name the file")).map_err(at(&path))?;
    sync_dir(dir)?;
    if damage.is_empty() {
        remove_older(dir, &entries);
    }
    Ok(())
}

/// Removes files that are older than the newest snapshot and not in the manifest: dropped
/// snapshots, and files of a process that was stopped. A file that cannot be removed only costs
/// space.
fn remove_older(dir: &Path, entries: &[Entry]) {
    let files = [".snap", ".tmp"].map(|ending| files(dir, ending));
    for (seqno, path) in files.into_iter().flatten() {
        let is_named = entries.iter().any(|entry| entry.path == path);
        if !is_named && entries.first().is_some_and(|newest| seqno < newest.seqno) {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn text_of(entries: &[Entry]) -> String {
    let line = |Entry { path, seqno, state, crc }: &Entry| {
        let name = path.file_name().unwrap_or_default().display();
        format!("{name} {seqno} {state:032x} {crc:08x}\n")
    };
    let lines: String = entries.iter().map(line).collect();
    let checksum = crc32c::crc32c(lines.as_bytes());
    format!("{lines}checksum {checksum:08x}\n")
}

/// Parses the entries of a manifest; `None` if any byte differs from the text that the entries
/// would give.
fn parse(dir: &Path, text: &[u8]) -> Option<Vec<Entry>> {
    let (lines, _) = std::str::from_utf8(text).ok()?.rsplit_once("checksum ")?;
    let entry = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let seqno = SeqNo(words.next()?.parse().ok()?);
        let state = u128::from_str_radix(words.next()?, 16).ok()?;
        let crc = u32::from_str_radix(words.next()?, 16).ok()?;
        Some(Entry { path: path_of(dir, seqno), seqno, state, crc })
    };
    let entries: Vec<Entry> = lines.lines().map(entry).collect::<Option<_>>()?;
    let is_sorted = entries.is_sorted_by(|newer, older| newer.seqno > older.seqno);
    (is_sorted && text == text_of(&entries).as_bytes()).then_some(entries)
}

fn drop_missing(mut entries: Vec<Entry>) -> Listing {
    let mut damage = vec![];
    entries.retain(|entry| {
        let is_there = entry.path.is_file();
        if !is_there {
            damage.push(format!("{}: named in the manifest, but missing", entry.path.display()));
        }
        is_there
    });
    Listing { entries, damage }
}

/// Builds the list without a manifest, from the files that a venue can be restored from.
fn scan(dir: &Path, identity: Identity, damage: String) -> Listing {
    let mut listing = Listing { entries: vec![], damage: vec![damage] };
    for (seqno, path) in files(dir, ".snap") {
        match verify(&path, seqno, identity).map_err(at(&path)) {
            Ok(entry) => listing.entries.push(entry),
            Err(error) => listing.damage.push(error.to_string()),
        }
    }
    listing.entries.sort_by_key(|entry| Reverse(entry.seqno));
    listing
}

/// Returns the manifest entry of a file if a venue can be restored from it.
fn verify(path: &Path, seqno: SeqNo, identity: Identity) -> Result<Entry, SnapshotFault> {
    let bytes = read_file(path)?;
    let snapshot = Snapshot::from_bytes(&bytes, identity)?;
    if snapshot.place.seqno != seqno {
        return Err(SnapshotFault::Damaged("its name says another seqno than its header".into()));
    }
    snapshot.restore(1, 0)?;
    let (state, crc) = (snapshot.state_hash(), crc32c::crc32c(&bytes));
    Ok(Entry { path: path.to_path_buf(), seqno, state, crc })
}

/// Returns the finished (`.snap`) or unfinished (`.tmp`) snapshot files of a directory, with the
/// seqnos in their names.
fn files(dir: &Path, ending: &str) -> Vec<(SeqNo, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(dir) else { return vec![] };
    let file = |path: PathBuf| {
        let name = path.file_name()?.to_str()?;
        let seqno = SeqNo(name.strip_prefix("snapshot-")?.strip_suffix(ending)?.parse().ok()?);
        (path == path_of(dir, seqno).with_extension(&ending[1..])).then_some((seqno, path))
    };
    entries.filter_map(|entry| file(entry.ok()?.path())).collect()
}
