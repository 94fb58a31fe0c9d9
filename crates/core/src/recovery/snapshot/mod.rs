//! Snapshots: files with the whole state of the venue after one command. A restart replays only the
//! commands after that.
//!
//! ```text
//!  DIR/snapshot-000000001234.snap   the state after seqno 1234
//!  DIR/SNAPSHOTS                    the manifest: which files count, newest first; locked by the
//!                                   one process that takes a snapshot
//! ```
//!
//! A file is valid only if the manifest names it. It is named only after it was read back, restored
//! into a fresh engine, and gave the expected state hash. The journal stays the source of truth: a
//! damaged or missing snapshot only costs time.
//!
//! `format.rs` has the bytes of a file, `manifest.rs` the list of valid files.

mod format;
mod manifest;

pub use manifest::{Entry, Listing, list};

use crate::registry::exposure::{ExposureCounter, TradedRow, Traits};
use crate::registry::rules::VenueRules;
use crate::registry::used_ids::{UsedIds, UsedRows};
use crate::streams::StreamsImage;
use ringside_engine::{Engine, Image, OrderImage, ReserveImage, Shard};
use ringside_journal::{Identity, LogPlace, access};
use ringside_model::domain::{OrderId, Quantity, SeqNo, SessionId, SymbolId};
use ringside_model::durability::Durability;
use ringside_model::frame::{EpochStart, HashProbe};
use ringside_planted::{Bug, planted};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// State of the venue after a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Place in the journal at which the snapshot was taken.
    pub place: LogPlace,
    /// Durability mode in force at that place.
    pub durability: Durability,
    /// Interval of the hash probes in force at that place, in commands.
    pub probe_interval: u64,
    /// Seqno of the last command in the snapshot, and the hashes after it.
    pub probe: HashProbe,
    /// Books of all shards.
    pub image: Image,
    /// Venue-wide rules in force.
    pub rules: VenueRules,
    /// Order ids that sessions have used.
    pub used_ids: UsedRows,
    /// Positions of the numbered streams.
    pub streams: StreamsImage,
    /// Values traded on the day, by session, firm and symbol.
    pub traded: Vec<TradedRow>,
    /// All trades, as [`Trades`](crate::registry::trades::Trades) keeps them.
    pub trades: Vec<u8>,
}

/// Parts of a venue that goes on from a snapshot.
pub struct Restored {
    /// Engines with the restored books, by shard.
    pub engines: Vec<Engine>,
    /// Order ids that sessions have used.
    pub used_ids: UsedIds,
    /// Open orders, values traded on the day, and trades.
    pub exposure: ExposureCounter,
}

/// Result of storing a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// Path of the snapshot file.
    pub path: PathBuf,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Last command in the snapshot.
    pub seqno: SeqNo,
    /// Number of live orders in the snapshot.
    pub orders: usize,
    /// State hash after the last command.
    pub state: u128,
    /// Time that it took to read the file back and to restore a venue from it.
    pub load: Duration,
}

impl std::fmt::Display for StoredSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let StoredSnapshot { path, bytes, seqno, orders, load, .. } = self;
        let (megabytes, load) = (*bytes as f64 / 1e6, load.as_secs_f64());
        write!(f, "snapshot at seqno {seqno}: {orders} orders, {megabytes:.1} MB, ")?;
        write!(f, "loads in {load:.3} s, {}", path.display())
    }
}

/// Fault of a snapshot file, with its path.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {fault}")]
pub struct SnapshotError {
    /// Path of the file.
    pub path: PathBuf,
    /// Fault that was found.
    pub fault: SnapshotFault,
}

/// Reason why a snapshot file cannot be read or does not fit.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFault {
    /// The file system returned an error.
    #[error("cannot {action}: {source}")]
    Io {
        /// Operation that failed, for the message.
        action: &'static str,
        /// Error of the file system.
        source: std::io::Error,
    },
    /// The file is intact, but belongs to another venue, another program version or another config.
    #[error("does not fit: {what} is {found}, but this program and its config want {wanted}")]
    Mismatch {
        /// Name of the header's value that does not match.
        what: &'static str,
        /// Value in the header.
        found: String,
        /// Value that this program and its config need.
        wanted: String,
    },
    /// Bytes are missing or altered, or give no state of a venue.
    #[error("damaged: {0}")]
    Damaged(String),
    /// The file is intact, but restores to another state than its header names.
    #[error(
        "not what it says: it restores to state hash {restored:032x}, its header has {header:032x}"
    )]
    Diverged {
        /// State hash in the header.
        header: u128,
        /// State hash of the engines that were restored from the file.
        restored: u128,
    },
}

impl Snapshot {
    /// Writes the snapshot into a directory, proves that a venue can be restored from the file, and
    /// adds it to the manifest. Drops the oldest snapshots. Waits while another process takes a
    /// snapshot there.
    pub fn store(&self, dir: &Path, identity: Identity) -> Result<StoredSnapshot, SnapshotError> {
        let mut lock = manifest::lock(dir)?;
        let listing = list(dir, identity);
        let path = manifest::path_of(dir, self.place.seqno);
        let temporary = path.with_extension("tmp");
        let proven = write_synced(&temporary, |file| self.write_to(file, identity))
            .and_then(|_| self.prove(&temporary, identity).map_err(at(&path)));
        let (bytes, crc, load) = proven.inspect_err(|_| {
            // The unfinished file would only take space.
            let _ = std::fs::remove_file(&temporary);
        })?;
        name(&temporary, &path)?;
        let entry =
            Entry { path: path.clone(), seqno: self.place.seqno, state: self.state_hash(), crc };
        manifest::commit(&mut lock, dir, listing, entry)?;
        let (orders, state) = (self.image.live_orders_at(self.place.time), self.state_hash());
        Ok(StoredSnapshot { path, bytes, seqno: self.place.seqno, orders, state, load })
    }

    /// Reads a file and checks every byte of it.
    pub fn read(path: &Path, identity: Identity) -> Result<Snapshot, SnapshotError> {
        let bytes = read_file(path).map_err(at(path))?;
        Snapshot::from_bytes(&bytes, identity).map_err(at(path))
    }

    /// Restores a venue of `shards` shards, each with room for `orders` live orders before it has
    /// to grow.
    ///
    /// # Errors
    /// The restored state hash is not the one of the snapshot, or the content is no state of a
    /// venue.
    pub fn restore(&self, shards: u32, orders: usize) -> Result<Restored, SnapshotFault> {
        let part = |index| self.image.part(Shard { index, count: shards });
        let engines: Vec<Engine> = (0..shards)
            .map(|index| Engine::restore(orders, &part(index)))
            .collect::<Result<_, _>>()
            .map_err(|error| SnapshotFault::Damaged(error.to_string()))?;
        let state = |sum: u128, engine: &Engine| sum.wrapping_add(engine.state_hash());
        let (header, restored) = (self.state_hash(), engines.iter().fold(0, state));
        if restored != header {
            return Err(SnapshotFault::Diverged { header, restored });
        }
        let used_ids = UsedIds::from_rows(&self.used_ids);
        let used_ids = used_ids.map_err(|error| SnapshotFault::Damaged(error.to_string()))?;
        let exposure = self.exposure();
        let exposure =
            exposure.ok_or_else(|| SnapshotFault::Damaged("nobody can have traded so".into()))?;
        Ok(Restored { engines, used_ids, exposure })
    }

    /// Returns the open orders, the values traded on the day, and the trades; `None` if values or
    /// trades are impossible.
    fn exposure(&self) -> Option<ExposureCounter> {
        let (mut exposure, image) = (ExposureCounter::default(), &self.image);
        image.definitions.iter().for_each(|command| exposure.definition(command));
        for (order, firm, is_told) in image.told_orders() {
            let (session, id) = (SessionId(order.session), OrderId(order.id));
            let symbol = SymbolId(order.symbol);
            match is_told {
                true => {
                    let special = special_of(image, order);
                    exposure.add_special(session, id, symbol, firm, special);
                    exposure.add_order(session, id, symbol, firm);
                }
                false => exposure.hold_order(session, id, firm),
            }
        }
        image.last_prices.iter().for_each(|&(symbol, price)| exposure.set_price(symbol, price));
        exposure.set_traded(&self.traded)?;
        exposure.set_trades(&self.trades)?;
        Some(exposure)
    }

    /// Returns the epoch start of the run that was in progress, with the mode now in force.
    pub fn epoch_start(&self) -> EpochStart {
        let Snapshot { place, durability, probe_interval, .. } = *self;
        EpochStart { epoch: place.epoch, probe_interval, durability, zero: [0; 7] }
    }

    /// Returns the state hash in the header.
    pub fn state_hash(&self) -> u128 {
        let [low, high] = self.probe.state;
        u128::from(high) << 64 | u128::from(low)
    }

    /// Reads a file back, compares it with this snapshot, and restores a venue from it. Returns the
    /// file's length in bytes, its checksum, and the time taken.
    fn prove(
        &self,
        path: &Path,
        identity: Identity,
    ) -> Result<(u64, u32, Duration), SnapshotFault> {
        let began = Instant::now();
        let bytes = read_file(path)?;
        let again = Snapshot::from_bytes(&bytes, identity)?;
        if again != *self {
            return Err(SnapshotFault::Damaged(
                "it reads back as something else than was written".into(),
            ));
        }
        if !planted(Bug::SnapshotNotProven) {
            again.restore(1, 0)?;
        }
        Ok((bytes.len() as u64, crc32c::crc32c(&bytes), began.elapsed()))
    }
}

/// Returns the traits of an order, and its open quantity.
fn special_of(image: &Image, order: &OrderImage) -> (Traits, Quantity) {
    let place = (u64::from(order.symbol), order.number);
    let terms = image.terms.binary_search_by_key(&place, |row| (row.symbol, row.number));
    let reserve = image.reserves.binary_search_by_key(&place, |row| (row.symbol, row.number));
    let open = Quantity(order.open);
    match (terms, reserve) {
        (Ok(index), _) => (Traits::of_terms(&image.terms[index].terms, order.side()), open),
        (_, Ok(index)) => {
            let ReserveImage { left, ref display, .. } = image.reserves[index];
            (Traits::of_display(display), Quantity(order.open.saturating_add(left)))
        }
        _ => (order.stop_price().map(Traits::of_stop).unwrap_or_default(), open),
    }
}

fn at(path: &Path) -> impl FnOnce(SnapshotFault) -> SnapshotError {
    move |fault| SnapshotError { path: path.to_path_buf(), fault }
}

fn io(action: &'static str) -> impl FnOnce(std::io::Error) -> SnapshotFault {
    move |source| SnapshotFault::Io { action, source }
}

fn read_file(path: &Path) -> Result<Vec<u8>, SnapshotFault> {
    std::fs::read(path).map_err(io("read"))
}

/// Writes a file, syncs it and returns it. The content is on the device when this returns; the name
/// may not be.
fn write_synced(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<File, SnapshotError> {
    let written = access::create_file(path).and_then(|file| {
        let mut file = BufWriter::with_capacity(1 << 18, file);
        write(&mut file)?;
        let file = file.into_inner()?;
        file.sync_all().map(|()| file)
    });
    written.map_err(io("write")).map_err(at(path))
}

/// Gives a file its name, durably: the name never refers to an incomplete file.
fn name(temporary: &Path, path: &Path) -> Result<(), SnapshotError> {
    std::fs::rename(temporary, path).map_err(io("name the file")).map_err(at(path))?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Makes the names in a folder durable.
fn sync_dir(dir: &Path) -> Result<(), SnapshotError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(io("sync the folder")).map_err(at(dir))
}
