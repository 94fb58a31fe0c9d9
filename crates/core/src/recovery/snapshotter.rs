//! Takes snapshots without stopping the venue: a reader of the journal, with engines of its own,
//! follows the writer at a distance. The live path does not know of it.
//!
//! The interval follows from the longest restart that is allowed. A restart loads the newest
//! snapshot and replays the commands after it; the snapshotter measures on its own work how long
//! both take.

use crate::recovery::replay::{Replay, ReplayError, Shape};
use crate::recovery::restart::Start;
use crate::recovery::snapshot::{self, Snapshot, SnapshotError, StoredSnapshot};
use crate::registry::names::Names;
use crate::registry::rules::VenueRules;
use crate::registry::used_ids::UsedIds;
use crate::streams::{Positions, PositionsError as StreamsError, Projections, SessionStates};
use ringside_engine::Image;
use ringside_journal::low_priority::LowPriority;
use ringside_journal::{Identity, JournalError, Kernel, TailReader};
use ringside_model::command::Command;
use ringside_model::domain::SeqNo;
use ringside_planted::{Bug, planted};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Frames taken in one step: a thread that shares the core gets it back after some hundred
/// microseconds.
const FRAMES: usize = 1024;

/// Policy for snapshots and old segments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Longest time that a restart may take.
    pub restart_max: Duration,
    /// True if segments are removed that two snapshots have made unnecessary.
    pub retire_segments: bool,
}

/// Sizes that a snapshotter allocates for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Number of live orders before the engine grows.
    pub orders: usize,
    /// Number of sessions that can be defined.
    pub sessions: u32,
}

/// Reason why no snapshot was taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotterError {
    /// The journal differs from the engines: neither can be trusted.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The file could not be written, or read back differently.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The newest snapshot has streams that do not fit the config.
    #[error(transparent)]
    Streams(#[from] StreamsError),
    /// The stored streams cannot be synced to the device.
    #[error("{0}")]
    SyncStreams(String),
    /// The stored streams end before the seqno of the snapshot.
    #[error("the streams are stored up to seqno {0} only")]
    StreamsBehind(SeqNo),
}

impl SnapshotterError {
    /// Returns true if another attempt may succeed. False if the journal cannot be read, or differs
    /// from the engines: the venue goes on without new snapshots.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            SnapshotterError::Replay(ReplayError::Journal(error)) => matches!(
                error,
                JournalError::Io { .. }
                    | JournalError::Retired { .. }
                    | JournalError::Missing { .. }
            ),
            SnapshotterError::Replay(_) | SnapshotterError::Streams(_) => false,
            SnapshotterError::Snapshot(_)
            | SnapshotterError::SyncStreams(_)
            | SnapshotterError::StreamsBehind(_) => true,
        }
    }
}

impl From<JournalError> for SnapshotterError {
    fn from(error: JournalError) -> Self {
        SnapshotterError::Replay(error.into())
    }
}

/// Reader of a journal that takes snapshots of it.
pub struct Snapshotter {
    dir: PathBuf,
    identity: Identity,
    follower: TailReader,
    /// Replay that makes the projections as the live path does; the sink of the streams only
    /// counts.
    replay: Replay<Projections<Positions>>,
    /// Used ids: a gateway that starts from the snapshot needs them, and the engines do not keep
    /// them. The same holds for `rules`.
    used_ids: UsedIds,
    rules: VenueRules,
    /// Seqno of the newest snapshot.
    taken: SeqNo,
    pace: Pace,
    sync_streams: SyncStreams,
    /// Messages about snapshots that were skipped at the start.
    pub skipped: Vec<String>,
}

/// Function that syncs the stored streams to the device, if there are any, and returns the seqno up
/// to which they are stored. The stream positions of a snapshot must be durable as long as the
/// snapshot is.
pub type SyncStreams = Box<dyn FnMut() -> Result<SeqNo, String> + Send>;

impl Snapshotter {
    /// Opens a journal at the newest snapshot, or at the first frame.
    pub fn open(dir: PathBuf, identity: Identity, sizes: Sizes) -> Result<Self, SnapshotterError> {
        let Sizes { orders, sessions } = sizes;
        let shape = Shape { shards: 1, orders };
        let states = SessionStates::new(sessions as usize);
        let mut projections = Projections::new(Positions::new(sessions), states, Names::default());
        let began = Instant::now();
        let start = Start::at_newest_snapshot(&dir, identity, shape, None, |_| Ok(()));
        let skipped = start.skipped.clone();
        let (mut used_ids, mut rules) = (UsedIds::default(), VenueRules::default());
        let (mut taken, mut pace) = (SeqNo(0), Pace::default());
        let follower = match start.checkpoint() {
            None => TailReader::open(&dir, identity)?,
            Some(at) => {
                (taken, pace.load) = (at.place.seqno, began.elapsed());
                (used_ids, rules) = (at.used_ids.clone(), at.rules.clone());
                *projections.encoder.sink_mut() =
                    Positions::from_image(&at.streams.positions, sessions)?;
                projections.resume(&at.definitions, &at.streams, &at.exposure);
                TailReader::open_behind(&dir, identity, &at.place, Some(at.durability))?
            }
        };
        let replay = start.replay(projections);
        let sync_streams: SyncStreams = Box::new(|| Ok(SeqNo(u64::MAX)));
        Ok(Snapshotter {
            dir,
            identity,
            follower,
            replay,
            used_ids,
            rules,
            taken,
            pace,
            sync_streams,
            skipped,
        })
    }

    /// Sets the sync function of a venue that stores its streams.
    pub(crate) fn with_streams(self, sync_streams: SyncStreams) -> Self {
        Snapshotter { sync_streams, ..self }
    }

    /// Applies up to `limit` committed frames; returns their number.
    pub fn follow(&mut self, limit: usize) -> Result<usize, SnapshotterError> {
        let began = Instant::now();
        let mut taken = 0;
        while taken < limit
            && let Some(frame) = self.follower.next()?
        {
            if let Some(command) = Command::decode(&frame) {
                self.used_ids.observe(&command);
                self.rules.observe(&command);
            }
            self.replay.frame(&frame)?;
            taken += 1;
        }
        self.replay.flush();
        self.pace.replayed += taken as u64;
        self.pace.replaying += began.elapsed();
        Ok(taken)
    }

    /// Newest segment of the journal now: an end for [`follow_to`](Self::follow_to).
    pub fn newest_segment(&self) -> Result<u64, SnapshotterError> {
        Ok(self.follower.newest_segment()?)
    }

    /// Takes the committed frames up to the end of a segment, and at most a batch more. A venue may
    /// write faster than frames are taken: without an end this would go on for as long as the venue
    /// does.
    pub fn follow_to(&mut self, segment: u64) -> Result<(), SnapshotterError> {
        while self.follower.place().position.segment <= segment && self.follow(FRAMES)? > 0 {}
        Ok(())
    }

    /// Returns the last command that a snapshot taken now would hold.
    pub fn seqno(&self) -> SeqNo {
        self.follower.place().seqno
    }

    /// Returns true if a snapshot is due: replaying the commands since the last one would take more
    /// than half of the time that loading it leaves of `restart_max`. It is half because the writer
    /// goes on meanwhile. If loading leaves less than its own time, half of the load time counts:
    /// snapshots one after the other would not help.
    fn is_due(&self, restart_max: Duration) -> bool {
        let Pace { load, .. } = self.pace;
        let left = restart_max.saturating_sub(load).max(load);
        self.pace.replay(self.seqno().0 - self.taken.0) > left / 2
    }

    /// Takes a snapshot of the venue after [`seqno`](Self::seqno). The journal is synced up to
    /// there, and the file is written, read back and compared before it is named. `None` if there
    /// is no new command.
    pub fn take(&mut self) -> Result<Option<StoredSnapshot>, SnapshotterError> {
        let mut place = self.follower.place();
        if place.seqno == self.taken {
            return Ok(None);
        }
        self.follower.sync(&Kernel)?;
        let streams = (self.sync_streams)().map_err(SnapshotterError::SyncStreams)?;
        if streams < place.seqno {
            return Err(SnapshotterError::StreamsBehind(streams));
        }
        if planted(Bug::SnapshotPlaceLate) {
            place.position.offset += 64;
        }
        let order = &self.replay.order;
        let mut used_ids = self.used_ids.rows();
        if planted(Bug::UsedIdsForgotten) {
            used_ids = UsedIds::default().rows();
        }
        let exposure = self.replay.subscriber.exposure();
        let mut traded = exposure.traded_rows();
        if planted(Bug::TradedForgotten) {
            traded.clear();
        }
        // The oldest trade follows from the journal up to here, and so do the rules without it.
        if let Some(oldest) = exposure.exposures().oldest_trade() {
            self.rules.forget_trades_before(oldest);
        }
        let snapshot = Snapshot {
            place,
            durability: order.durability(),
            probe_interval: order.probe_interval(),
            probe: self.replay.probe(),
            image: Image::merge(self.replay.shards.iter().map(|shard| shard.engine().image())),
            rules: self.rules.clone(),
            used_ids,
            streams: self.replay.subscriber.image(),
            traded,
            trades: exposure.trades(),
        };
        let stored = snapshot.store(&self.dir, self.identity)?;
        (self.taken, self.pace.load) = (place.seqno, stored.load);
        Ok(Some(stored))
    }

    /// Removes the segments that the two newest snapshots have made unnecessary; returns their
    /// number.
    pub fn retire_segments(&self) -> Result<usize, SnapshotterError> {
        let listing = snapshot::list(&self.dir, self.identity);
        let Some(second) = listing.entries.get(1) else { return Ok(0) };
        let place = second.read(self.identity)?.place;
        Ok(ringside_journal::retire(&self.dir, &Kernel, place.position.segment)?)
    }

    /// Follows a growing journal until `stop` is set. A failed write is logged and tried again
    /// later. After an error the journal must be opened again.
    pub fn run(mut self, policy: Policy, stop: &AtomicBool) -> Result<(), SnapshotterError> {
        const PAUSE: Duration = Duration::from_millis(20);
        const RETRY: Duration = Duration::from_secs(30);
        /// Pause after [`SnapshotterError::StreamsBehind`]: a standby that catches up applies its
        /// streams later than it stores the journal.
        const STREAMS_RETRY: Duration = Duration::from_secs(1);
        let (mut not_before, mut waits_until) = (Instant::now(), Instant::now());
        while !stop.load(Ordering::Relaxed) {
            if Instant::now() < waits_until {
                std::thread::sleep(PAUSE);
                continue;
            }
            match self.follow(FRAMES)? {
                0 => std::thread::sleep(PAUSE),
                _ => std::thread::yield_now(),
            }
            if !self.is_due(policy.restart_max) || Instant::now() < not_before {
                continue;
            }
            match self.take() {
                Ok(None) => {}
                Ok(Some(stored)) => {
                    tracing::info!(event = "snapshot_stored", "{stored}");
                    if policy.retire_segments {
                        self.retire_segments()?;
                    }
                }
                Err(SnapshotterError::StreamsBehind(_)) => {
                    waits_until = Instant::now() + STREAMS_RETRY;
                }
                Err(error @ SnapshotterError::Replay(_)) => return Err(error),
                Err(error) => {
                    tracing::warn!(
                        event = "snapshot_failed",
                        "no snapshot, the next try is in {RETRY:?}: {error}"
                    );
                    not_before = Instant::now() + RETRY;
                }
            }
        }
        Ok(())
    }
}

/// Thread that takes snapshots until this handle is dropped; a snapshot in progress is finished.
pub struct SnapshotThread {
    stop: Arc<AtomicBool>,
    _thread: LowPriority,
}

impl SnapshotThread {
    /// Starts the thread with low priority: it runs in the time that other threads leave.
    pub fn start(work: impl FnOnce(&AtomicBool) + Send + 'static) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = LowPriority::start("snapshots", move || work(&seen))?;
        Ok(SnapshotThread { stop, _thread: thread })
    }
}

impl Drop for SnapshotThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Measured speed of the parts of a restart.
struct Pace {
    /// Time to load the newest snapshot.
    load: Duration,
    /// Number of frames that were replayed in `replaying`.
    replayed: u64,
    /// Time that these frames took.
    replaying: Duration,
}

impl Default for Pace {
    /// Assumes two million commands a second before anything is measured.
    fn default() -> Self {
        let (replayed, replaying) = (20_000, Duration::from_millis(10));
        Pace { load: Duration::ZERO, replayed, replaying }
    }
}

impl Pace {
    fn replay(&self, commands: u64) -> Duration {
        let seconds = self.replaying.as_secs_f64() / self.replayed as f64 * commands as f64;
        Duration::from_secs_f64(seconds)
    }
}
