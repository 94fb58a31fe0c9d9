//! Takes snapshots without a pause: a reader of the journal, with engines of its own, that follows the
//! writer at a distance. The live path knows nothing of it.
//!
//! How often follows from how long a restart may take: a restart loads the newest snapshot and replays
//! what came after it, and the snapshotter knows from its own work how long both take.

use crate::command::Command;
use crate::domain::SeqNo;
use crate::engine::Image;
use crate::journal::{self, Follower, Identity, JournalError, Kernel};
use crate::planted::{Bug, planted};
use crate::replay::{Replay, ReplayError, Shape};
use crate::report::Published;
use crate::report_order::Subscriber;
use crate::restart::{Checkpoint, Start};
use crate::snapshot::{self, Snapshot, SnapshotError, Stored};
use crate::used_ids::UsedIds;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What snapshots are for and what becomes of old segments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// How long a restart may take.
    pub restart_max: Duration,
    /// Whether segments go that two snapshots have made unnecessary.
    pub retire_segments: bool,
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
    replay: Replay<Nobody>,
    /// What a gateway that starts from the snapshot must know and the engines forget.
    used_ids: UsedIds,
    /// The command of the newest snapshot.
    taken: SeqNo,
    pace: Pace,
}

impl Snapshotter {
    /// Begins at the newest snapshot, or at the first frame. `say` hears what was passed over.
    pub fn open(
        dir: PathBuf,
        identity: Identity,
        orders: usize,
        say: impl FnMut(String),
    ) -> Result<Self, SnapshotterError> {
        let shape = Shape { shards: 1, orders };
        let began = Instant::now();
        let start = Start::at_newest_snapshot(&dir, identity, shape, None, say);
        let mut used_ids = UsedIds::default();
        let (mut taken, mut pace) = (SeqNo(0), Pace::default());
        let follower = match start.checkpoint() {
            None => Follower::open(&dir, identity)?,
            Some(Checkpoint { place, durability, used_ids: ids, .. }) => {
                (taken, pace.load) = (place.seqno, began.elapsed());
                used_ids = ids.clone();
                Follower::open_behind(&dir, identity, place, Some(*durability))?
            }
        };
        let replay = start.replay(Nobody);
        Ok(Snapshotter { dir, identity, follower, replay, used_ids, taken, pace })
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
        if planted(Bug::SnapshotPlaceLate) {
            place.position.offset += 64;
        }
        let order = &self.replay.order;
        let mut used_ids = self.used_ids.rows();
        if planted(Bug::UsedIdsForgotten) {
            used_ids = UsedIds::default().rows();
        }
        let snapshot = Snapshot {
            place,
            durability: order.durability(),
            probe_interval: order.probe_interval(),
            probe: self.replay.probe(),
            image: Image::merge(self.replay.shards.iter().map(|shard| shard.engine().image())),
            used_ids,
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
        Ok(journal::retire(&self.dir, &Kernel, place.position.segment)?)
    }

    /// Follows a journal that is being written until `stop` is set. An error ends it: the venue goes on
    /// without new snapshots.
    pub fn run(
        mut self,
        policy: Policy,
        stop: &AtomicBool,
        mut say: impl FnMut(String),
    ) -> Result<(), SnapshotterError> {
        // Little at a time: whoever shares the core gets it back after some hundred microseconds.
        const FRAMES: usize = 1024;
        const PAUSE: Duration = Duration::from_millis(20);
        while !stop.load(Ordering::Relaxed) {
            match self.follow(FRAMES)? {
                0 => std::thread::sleep(PAUSE),
                _ => std::thread::yield_now(),
            }
            if self.is_due(policy.restart_max)
                && let Some(stored) = self.take()?
            {
                say(stored.to_string());
                if policy.retire_segments {
                    self.retire_segments()?;
                }
            }
        }
        Ok(())
    }
}

/// A thread that takes snapshots until this is dropped; a snapshot that is under way is finished.
pub struct SnapshotThread {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl SnapshotThread {
    /// Starts the thread, at the lowest priority: it takes what time the others leave.
    pub fn start(work: impl FnOnce(&AtomicBool) + Send + 'static) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("snapshots".into()).spawn(move || {
            // Without it the snapshots come all the same.
            let _ = rustix::process::setpriority_process(None, 19);
            work(&seen);
        })?;
        Ok(SnapshotThread { stop, thread: Some(thread) })
    }
}

impl Drop for SnapshotThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
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

/// Whoever is told by a replay that only the state matters of.
struct Nobody;

impl Subscriber for Nobody {
    fn report(&mut self, _published: &Published) {}
}
