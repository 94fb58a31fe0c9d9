//! Snapshots: the whole state of the venue after one command, so that a restart replays only what came
//! later.
//!
//! ```text
//!  DIR/snapshot-000000001234.snap   the state after seqno 1234
//!  DIR/SNAPSHOTS                    the manifest: which files count, newest first
//!  DIR/SNAPSHOTS.lock               one process at a time takes a snapshot
//! ```
//!
//! A file counts when the manifest names it, and it is named only after it was read back, restored into
//! a fresh engine and came to the state hash that it should. The journal stays the truth: a snapshot that
//! is damaged or gone costs time and nothing else.
//!
//! `format.rs` knows the bytes of a file, `manifest.rs` which files count.

mod format;
mod manifest;

pub use manifest::{Entry, Listing, list};

use crate::registry::exposure::{Exposure, TradedRow};
use crate::registry::standing::Standing;
use crate::registry::used_ids::{UsedIds, UsedRows};
use crate::streams::StreamsImage;
use ringside_engine::{Engine, Image, Shard};
use ringside_journal::{Identity, Place};
use ringside_model::domain::{OrderId, SeqNo, SessionId, SymbolId};
use ringside_model::durability::Durability;
use ringside_model::frame::{EpochStart, HashProbe};
use ringside_planted::{Bug, planted};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The state of the venue after a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Where in the journal it was taken.
    pub place: Place,
    /// The mode in force there.
    pub durability: Durability,
    /// The interval of the hash probes in force there.
    pub probe_interval: u64,
    /// The last command in it and the hashes after that.
    pub probe: HashProbe,
    /// The books of all shards.
    pub image: Image,
    /// What holds until it is said otherwise.
    pub standing: Standing,
    /// The ids that sessions have used.
    pub used_ids: UsedRows,
    /// Where the numbered streams stand.
    pub streams: StreamsImage,
    /// What was traded on the day, by whom and in what.
    pub traded: Vec<TradedRow>,
}

/// A venue that goes on from a snapshot.
pub struct Restored {
    /// The engines, by shard.
    pub engines: Vec<Engine>,
    /// The ids that sessions have used.
    pub used_ids: UsedIds,
    /// What is open and was traded on the day.
    pub exposure: Exposure,
}

/// A snapshot that was stored and counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its file.
    pub path: PathBuf,
    /// The length of the file.
    pub bytes: u64,
    /// The last command in it.
    pub seqno: SeqNo,
    /// The live orders in it.
    pub orders: usize,
    /// The state hash after the last command.
    pub state: u128,
    /// How long it took to read it back and to restore a venue from it.
    pub load: Duration,
}

impl std::fmt::Display for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Stored { path, bytes, seqno, orders, load, .. } = self;
        let (megabytes, load) = (*bytes as f64 / 1e6, load.as_secs_f64());
        write!(f, "snapshot at seqno {seqno}: {orders} orders, {megabytes:.1} MB, ")?;
        write!(f, "loads in {load:.3} s, {}", path.display())
    }
}

/// What is wrong with the file of a snapshot.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {fault}")]
pub struct SnapshotError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file system said no.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What it said.
        source: std::io::Error,
    },
    /// It is whole, but of another venue or another program.
    #[error("does not fit: {what} is {found}, but this program and its config want {wanted}")]
    Mismatch {
        /// Which value of its header.
        what: &'static str,
        /// The value there.
        found: String,
        /// The value wanted.
        wanted: String,
    },
    /// Bytes are missing, altered, or no state of a venue.
    #[error("damaged: {0}")]
    Damaged(String),
    /// It is whole, but not the state that it says it is.
    #[error(
        "not what it says: it restores to state hash {restored:032x}, its header has {header:032x}"
    )]
    Diverged {
        /// The state hash in its header.
        header: u128,
        /// The state hash of the engines that were restored from it.
        restored: u128,
    },
}

impl Snapshot {
    /// Writes it into a folder, proves that a venue can be restored from the file, and lets it count.
    /// The oldest ones go. Waits while another process takes a snapshot there.
    pub fn store(&self, dir: &Path, identity: Identity) -> Result<Stored, SnapshotError> {
        let _lock = manifest::lock(dir)?;
        let listing = list(dir, identity);
        let path = manifest::path_of(dir, self.place.seqno);
        let temporary = path.with_extension("tmp");
        let proven = write_synced(&temporary, |file| self.write_to(file, identity))
            .and_then(|()| self.prove(&temporary, identity).map_err(at(&path)));
        let (bytes, crc, load) = proven.inspect_err(|_| {
            // What is left of it would only take space.
            let _ = std::fs::remove_file(&temporary);
        })?;
        name(&temporary, &path)?;
        let entry =
            Entry { path: path.clone(), seqno: self.place.seqno, state: self.state_hash(), crc };
        manifest::commit(dir, listing, entry)?;
        let (orders, state) = (self.image.orders.len(), self.state_hash());
        Ok(Stored { path, bytes, seqno: self.place.seqno, orders, state, load })
    }

    /// Reads a file and checks every byte of it.
    pub fn read(path: &Path, identity: Identity) -> Result<Snapshot, SnapshotError> {
        let bytes = read_file(path).map_err(at(path))?;
        Snapshot::from_bytes(&bytes, identity).map_err(at(path))
    }

    /// A venue of so many shards in this state, each with room for `orders` live orders before it has to
    /// grow. It has the state hash that the snapshot says, or this is an error.
    pub fn restore(&self, shards: u32, orders: usize) -> Result<Restored, Fault> {
        let part = |index| self.image.part(Shard { index, count: shards });
        let engines: Vec<Engine> = (0..shards)
            .map(|index| Engine::restore(orders, &part(index)))
            .collect::<Result<_, _>>()
            .map_err(|error| Fault::Damaged(error.to_string()))?;
        let state = |sum: u128, engine: &Engine| sum.wrapping_add(engine.state_hash());
        let (header, restored) = (self.state_hash(), engines.iter().fold(0, state));
        if restored != header {
            return Err(Fault::Diverged { header, restored });
        }
        let used_ids = UsedIds::from_rows(&self.used_ids);
        let used_ids = used_ids.map_err(|error| Fault::Damaged(error.to_string()))?;
        let exposure = self.exposure();
        let exposure =
            exposure.ok_or_else(|| Fault::Damaged("nobody can have traded so".into()))?;
        Ok(Restored { engines, used_ids, exposure })
    }

    /// What is open in it and was traded on the day; `None` if that cannot be.
    fn exposure(&self) -> Option<Exposure> {
        let (mut exposure, image) = (Exposure::default(), &self.image);
        image.definitions.iter().for_each(|command| exposure.definition(command));
        for (order, firm, is_told) in image.told_orders() {
            let (session, id) = (SessionId(order.session), OrderId(order.id));
            match is_told {
                true => exposure.add_order(session, id, SymbolId(order.symbol), firm),
                false => exposure.hold_order(session, id, firm),
            }
        }
        image.last_prices.iter().for_each(|&(symbol, price)| exposure.set_price(symbol, price));
        exposure.set_traded(&self.traded)?;
        Some(exposure)
    }

    /// What the start of the run said that was under way, with the mode now in force.
    pub fn epoch_start(&self) -> EpochStart {
        let Snapshot { place, durability, probe_interval, .. } = *self;
        EpochStart { epoch: place.epoch, probe_interval, durability, zero: [0; 7] }
    }

    /// The state hash that it says it has.
    pub fn state_hash(&self) -> u128 {
        let [low, high] = self.probe.state;
        u128::from(high) << 64 | u128::from(low)
    }

    /// Reads a file back, compares it with what should be in it, and restores a venue from it. Gives its
    /// length, its checksum, and how long that took.
    fn prove(&self, path: &Path, identity: Identity) -> Result<(u64, u32, Duration), Fault> {
        let began = Instant::now();
        let bytes = read_file(path)?;
        let again = Snapshot::from_bytes(&bytes, identity)?;
        if again != *self {
            return Err(Fault::Damaged("it reads back as something else than was written".into()));
        }
        if !planted(Bug::SnapshotNotProven) {
            again.restore(1, 0)?;
        }
        Ok((bytes.len() as u64, crc32c::crc32c(&bytes), began.elapsed()))
    }
}

fn at(path: &Path) -> impl FnOnce(Fault) -> SnapshotError {
    move |fault| SnapshotError { path: path.to_path_buf(), fault }
}

fn io(action: &'static str) -> impl FnOnce(std::io::Error) -> Fault {
    move |source| Fault::Io { action, source }
}

fn read_file(path: &Path) -> Result<Vec<u8>, Fault> {
    std::fs::read(path).map_err(io("read"))
}

/// Writes a file that is on the device when this returns; its name may not be.
fn write_synced(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), SnapshotError> {
    let written = File::create(path).and_then(|file| {
        let mut file = BufWriter::with_capacity(1 << 18, file);
        write(&mut file)?;
        file.into_inner()?.sync_all()
    });
    written.map_err(io("write")).map_err(at(path))
}

/// Gives a file its name, durably: whoever finds the name finds the whole file.
fn name(temporary: &Path, path: &Path) -> Result<(), SnapshotError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let named = std::fs::rename(temporary, path).and_then(|()| File::open(dir)?.sync_all());
    named.map_err(io("name the file")).map_err(at(path))
}
