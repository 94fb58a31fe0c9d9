//! Takes snapshots without a pause: a reader of the journal, with engines of its own, that follows the
//! writer at a distance. The live path knows nothing of it.
//!
//! How often follows from how long a restart may take: a restart loads the newest snapshot and replays
//! what came after it, and the snapshotter knows from its own work how long both take.

use crate::recovery::replay::{Replay, ReplayError, Shape};
use crate::recovery::restart::Start;
use crate::recovery::snapshot::{self, Snapshot, SnapshotError, Stored};
use crate::registry::standing::Standing;
use crate::registry::used_ids::UsedIds;
use crate::streams::{Encoder, Positions, PositionsError as StreamsError, SessionStates};
use ringside_engine::Image;
use ringside_journal::low_priority::LowPriority;
use ringside_journal::{Follower, Identity, JournalError, Kernel};
use ringside_model::command::Command;
use ringside_model::domain::SeqNo;
use ringside_planted::{Bug, planted};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What snapshots are for and what becomes of old segments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// How long a restart may take.
    pub restart_max: Duration,
    /// Whether segments go that two snapshots have made unnecessary.
    pub retire_segments: bool,
}

/// What a snapshotter must have room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Live orders before it grows.
    pub orders: usize,
    /// Sessions that can be defined.
    pub sessions: u32,
}

/// Why no snapshot was taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotterError {
    /// The journal says something else than the engines: nothing of either may be trusted.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The file could not be written, or did not read back as what it should be.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The newest snapshot has streams that do not fit.
    #[error(transparent)]
    Streams(#[from] StreamsError),
    /// The stored streams cannot be put on the device.
    #[error("{0}")]
    SyncStreams(String),
    /// The stored streams have not come so far as the snapshot.
    #[error("the streams are stored up to seqno {0} only")]
    StreamsBehind(SeqNo),
}

impl From<JournalError> for SnapshotterError {
    fn from(error: JournalError) -> Self {
        SnapshotterError::Replay(error.into())
    }
}

/// Follows a journal and takes snapshots of it.
pub struct Snapshotter {
    dir: PathBuf,
    identity: Identity,
    follower: Follower,
    /// The streams are made as they are live, by a sink that only counts.
    replay: Replay<Encoder<Positions>>,
    /// What a gateway that starts from the snapshot must know and the engines forget.
    used_ids: UsedIds,
    standing: Standing,
    /// The command of the newest snapshot.
    taken: SeqNo,
    pace: Pace,
    sync_streams: SyncStreams,
}

/// Puts the stored streams on the device, if there are any, and says up to which command. What a snapshot says of them
/// must be there as long as the snapshot is.
pub type SyncStreams = Box<dyn FnMut() -> Result<SeqNo, String> + Send>;

impl Snapshotter {
    /// Begins at the newest snapshot, or at the first frame. `say` hears what was passed over.
    pub fn open(
        dir: PathBuf,
        identity: Identity,
        sizes: Sizes,
        say: impl FnMut(String),
    ) -> Result<Self, SnapshotterError> {
        let Sizes { orders, sessions } = sizes;
        let shape = Shape { shards: 1, orders };
        let mut encoder =
            Encoder::new(Positions::new(sessions), SessionStates::new(sessions as usize));
        let began = Instant::now();
        let start = Start::at_newest_snapshot(&dir, identity, shape, None, |_| Ok(()), say);
        let (mut used_ids, mut standing) = (UsedIds::default(), Standing::default());
        let (mut taken, mut pace) = (SeqNo(0), Pace::default());
        let follower = match start.checkpoint() {
            None => Follower::open(&dir, identity)?,
            Some(at) => {
                (taken, pace.load) = (at.place.seqno, began.elapsed());
                (used_ids, standing) = (at.used_ids.clone(), at.standing.clone());
                *encoder.sink_mut() = Positions::from_image(&at.streams.positions, sessions)?;
                encoder.resume(&at.definitions, &at.streams, &at.exposure);
                Follower::open_behind(&dir, identity, &at.place, Some(at.durability))?
            }
        };
        let replay = start.replay(encoder);
        let sync_streams: SyncStreams = Box::new(|| Ok(SeqNo(u64::MAX)));
        Ok(Snapshotter {
            dir,
            identity,
            follower,
            replay,
            used_ids,
            standing,
            taken,
            pace,
            sync_streams,
        })
    }

    /// The same for a venue that stores its streams.
    pub(crate) fn with_streams(self, sync_streams: SyncStreams) -> Self {
        Snapshotter { sync_streams, ..self }
    }

    /// Takes up to `limit` committed frames; gives how many there were.
    pub fn follow(&mut self, limit: usize) -> Result<usize, SnapshotterError> {
        let began = Instant::now();
        let mut taken = 0;
        while taken < limit
            && let Some(frame) = self.follower.next()?
        {
            if let Some(command) = Command::decode(&frame) {
                self.used_ids.observe(&command);
                self.standing.observe(&command);
            }
            self.replay.frame(&frame)?;
            taken += 1;
        }
        self.replay.flush();
        self.pace.replayed += taken as u64;
        self.pace.replaying += began.elapsed();
        Ok(taken)
    }

    /// The last command that a snapshot taken now would hold.
    pub fn seqno(&self) -> SeqNo {
        self.follower.place().seqno
    }

    /// Whether a snapshot should be taken: to replay what came after the last one would take half of the time
    /// that loading it leaves, because the writer goes on meanwhile. Where loading leaves next to nothing, half of
    /// its own time: snapshots without a pause would help nobody.
    fn is_due(&self, restart_max: Duration) -> bool {
        let Pace { load, .. } = self.pace;
        let left = restart_max.saturating_sub(load).max(load);
        self.pace.replay(self.seqno().0 - self.taken.0) > left / 2
    }

    /// Takes a snapshot of the venue after [`seqno`](Self::seqno): the journal up to there is synced, the
    /// file is written, read back and compared, and only then named. `None` if nothing is new.
    pub fn take(&mut self) -> Result<Option<Stored>, SnapshotterError> {
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
        let mut traded = self.replay.subscriber.exposure().traded_rows();
        if planted(Bug::TradedForgotten) {
            traded.clear();
        }
        let snapshot = Snapshot {
            place,
            durability: order.durability(),
            probe_interval: order.probe_interval(),
            probe: self.replay.probe(),
            image: Image::merge(self.replay.shards.iter().map(|shard| shard.engine().image())),
            standing: self.standing.clone(),
            used_ids,
            streams: self.replay.subscriber.image(),
            traded,
        };
        let stored = snapshot.store(&self.dir, self.identity)?;
        (self.taken, self.pace.load) = (place.seqno, stored.load);
        Ok(Some(stored))
    }

    /// Removes the segments that two named snapshots have made unnecessary; gives how many.
    pub fn retire_segments(&self) -> Result<usize, SnapshotterError> {
        let listing = snapshot::list(&self.dir, self.identity);
        let Some(second) = listing.entries.get(1) else { return Ok(0) };
        let place = second.read(self.identity)?.place;
        Ok(ringside_journal::retire(&self.dir, &Kernel, place.position.segment)?)
    }

    /// Follows a journal that is being written until `stop` is set. What cannot be written is said and tried again
    /// later. A journal that says something else than the engines ends it: the venue goes on without new snapshots.
    pub fn run(
        mut self,
        policy: Policy,
        stop: &AtomicBool,
        mut say: impl FnMut(String),
    ) -> Result<(), SnapshotterError> {
        // Little at a time: whoever shares the core gets it back after some hundred microseconds.
        const FRAMES: usize = 1024;
        const PAUSE: Duration = Duration::from_millis(20);
        const RETRY: Duration = Duration::from_secs(30);
        /// A standby that has missed much applies it later than it stores it.
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
                    say(stored.to_string());
                    if policy.retire_segments {
                        self.retire_segments()?;
                    }
                }
                Err(SnapshotterError::StreamsBehind(_)) => {
                    waits_until = Instant::now() + STREAMS_RETRY;
                }
                Err(error @ SnapshotterError::Replay(_)) => return Err(error),
                Err(error) => {
                    say(format!("no snapshot, the next try is in {RETRY:?}: {error}"));
                    not_before = Instant::now() + RETRY;
                }
            }
        }
        Ok(())
    }
}

/// A thread that takes snapshots until this is dropped; a snapshot that is under way is finished.
pub struct SnapshotThread {
    stop: Arc<AtomicBool>,
    _thread: LowPriority,
}

impl SnapshotThread {
    /// Starts the thread, which takes what time the others leave.
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

/// How long the parts of a restart take, from experience.
struct Pace {
    /// To load the newest snapshot.
    load: Duration,
    /// Frames that were replayed …
    replayed: u64,
    /// … in this time.
    replaying: Duration,
}

impl Default for Pace {
    /// Before there is any experience: two million commands a second.
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
