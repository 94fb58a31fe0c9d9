//! A recovered venue that does not lead: it takes the frames that a leader has sequenced, stores
//! them at the same places, applies them, and can begin to lead.

use super::Venue;
use super::applier::Applier;
use super::uncommitted::Uncommitted;
use crate::clock::{Clock, SystemClock};
use crate::merge::Subscriber;
use crate::recovery::replay::{Replay, ReplayError, Shape};
use crate::recovery::restart::{Checkpoint, Start};
use crate::recovery::snapshotter::{Policy, Sizes, SnapshotThread, Snapshotter, SyncStreams};
use ringside_journal::{Identity, JournalError, Lock, LogPlace, Options, Position, Writer};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::{CommitMark, EpochStart, Frame, FrameKind};
use ringside_planted::{Bug, planted};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Subscriber that a restart recovers: it resumes from a snapshot, then receives the reports of the
/// replayed commands.
pub trait Recover: Subscriber {
    /// Checks if the subscriber can go on from a snapshot.
    ///
    /// # Errors
    /// The reason why not: the restart then tries an older snapshot, or the first frame.
    fn accepts(&mut self, _at: &Checkpoint) -> Result<(), String> {
        Ok(())
    }

    /// Goes on from a snapshot in place of the commands up to it; `None` begins before the first
    /// command. The subscriber receives the definitions of the snapshot as well.
    fn resume(&mut self, _at: Option<&Checkpoint>) -> Result<(), String> {
        Ok(())
    }
}

impl<U: Recover> Recover for &mut U {
    fn accepts(&mut self, at: &Checkpoint) -> Result<(), String> {
        (**self).accepts(at)
    }

    fn resume(&mut self, at: Option<&Checkpoint>) -> Result<(), String> {
        (**self).resume(at)
    }
}

/// Findings and actions of a restart.
#[derive(Debug, Default)]
pub struct Restart {
    /// Seqno of the snapshot at which the restart began; zero for none.
    pub snapshot: SeqNo,
    /// Last command in the journal.
    pub seqno: SeqNo,
    /// Time that the restart took.
    pub elapsed: Duration,
    /// Messages for the operator: a tail that was cut, a snapshot that was skipped, a device that
    /// is not as it should be.
    pub notes: Vec<String>,
    /// True if committed commands are lost, as the durability mode allows.
    pub has_lost: bool,
}

/// Venue with a recovered journal that does not lead yet.
pub struct Standby<U> {
    writer: Writer,
    applier: Applier<U>,
    /// Latest official time in the journal.
    time: Nanos,
    /// Epoch of the last run of a writer in the journal.
    epoch: u64,
    /// True if the journal names its durability mode.
    is_begun: bool,
    uncommitted: Uncommitted,
    /// Durability mode that the config asks for.
    durability: Durability,
    identity: Identity,
    dir: PathBuf,
    /// Findings of the restart.
    pub restart: Restart,
}

/// Error after which a standby cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StandbyError {
    /// A frame does not continue the journal.
    #[error("the leader's frame behind seqno {0} does not continue the journal")]
    Chain(u64),
    /// The journal returned an error.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The state or the output of the engines differs from the leader's.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

impl<U: Recover> Standby<U> {
    /// Recovers the journal, or prepares an empty one: from the newest snapshot that fits, or from
    /// the first frame. `told` receives the reports of the commands after that. The caller takes
    /// the lock before, because other files in the directory need it, too.
    pub fn recover(
        lock: Lock,
        options: Options,
        shape: Shape,
        mut told: U,
    ) -> Result<Self, ReplayError> {
        let began = Instant::now();
        let (durability, dir, identity) =
            (options.durability, options.dir.clone(), options.identity);
        let mut restart = Restart::default();
        let accepts = |at: &Checkpoint| told.accepts(at);
        let start = Start::at_newest_snapshot(&dir, identity, shape, None, accepts);
        restart.notes.clone_from(&start.skipped);
        // A snapshot is named only after the journal up to it was synced. This holds also if the
        // snapshot is not used.
        let synced = start.newest_named();
        let from = start.checkpoint().map(|at| {
            restart.snapshot = at.place.seqno;
            (at.place, Some(at.durability))
        });
        told.resume(start.checkpoint()).map_err(ReplayError::Told)?;
        let mut replay = start.replay(told);
        let place = from.map(|(place, _)| place);
        let mut uncommitted = Uncommitted::behind(place, options.segment_bytes);
        let mut found = ringside_journal::recover(&options, &lock, from, synced, |frame| {
            uncommitted.take(frame);
            replay.frame(frame)
        })?;
        replay.flush();
        let last = *uncommitted.places().back().expect("there is always a place");
        ringside_journal::open_end_again(&options, &lock, &mut found, &last)?;
        let writer = Writer::open(options, lock, &found)?;
        restart.has_lost = found.lost.is_some();
        restart.notes.extend(found.notes());
        restart.notes.extend_from_slice(writer.notes());
        (restart.seqno, restart.elapsed) = (found.seqno, began.elapsed());
        let (time, epoch, is_begun) = (found.time, found.epoch, found.durability.is_some());
        let stored = match found.end {
            None => ringside_journal::TailReader::open(&dir, identity)?,
            Some(_) => {
                let place = place_behind(&writer, time, epoch);
                ringside_journal::TailReader::open_behind(&dir, identity, &place, None)?
            }
        };
        Ok(Standby {
            writer,
            applier: Applier::new(replay, stored, time),
            time,
            epoch,
            is_begun,
            uncommitted,
            durability,
            identity,
            dir,
            restart,
        })
    }
}

impl<U: Subscriber> Standby<U> {
    /// Returns the place behind the last frame that is stored.
    pub fn place(&self) -> LogPlace {
        place_behind(&self.writer, self.time, self.epoch)
    }

    /// Returns the places at which the journal may have to be cut, in order: the first place is
    /// known to be committed, the last one is the end.
    pub fn uncommitted(&self) -> &VecDeque<LogPlace> {
        self.uncommitted.places()
    }

    /// Stores the next frame of a leader. The frame counts as stored after the next
    /// [`commit`](Self::commit).
    pub fn store(&mut self, frame: &mut Frame) -> Result<(), StandbyError> {
        let LogPlace { seqno, crc, .. } = self.place();
        // Each node ends its own segments. An end from the leader would hide the frames behind it
        // from the next start.
        let kind = frame.kind_with_length().filter(|kind| {
            *kind != FrameKind::SegmentEnd
                && frame.header.seqno == seqno.0 + u64::from(kind.is_command())
                && frame.verify(crc)
        });
        let kind = kind.ok_or(StandbyError::Chain(seqno.0))?;
        let vouched = self.vouches(kind, frame);
        if vouched > self.writer.synced() && !planted(Bug::VouchedBeforeSynced) {
            self.writer.sync_all()?;
        }
        let mut mode = frame.new_durability();
        if kind == FrameKind::EpochStart {
            let start: &EpochStart = frame.body().ok_or(StandbyError::Chain(seqno.0))?;
            self.epoch = start.epoch;
            mode = Some(start.durability);
        }
        self.writer.append(frame)?;
        self.writer.epoch_has_begun(self.epoch);
        if let Some(mode) = mode.filter(|mode| *mode != self.writer.durability()) {
            self.writer.set_durability(mode)?;
        }
        if kind.is_command() {
            self.time = self.time.max(frame.time());
        }
        // In every mode: if the first page of a journal were lost, its durability mode would be
        // unknown.
        if !std::mem::replace(&mut self.is_begun, true) {
            self.writer.sync_all()?;
        }
        self.uncommitted.take(frame);
        self.applier.waiting += 1;
        Ok(())
    }

    /// Returns the last command that a frame claims to be on the device. A recovery treats damage
    /// up to there as corruption. The leader makes the claim for its own device, so it must hold
    /// for this device before the frame is stored.
    fn vouches(&self, kind: FrameKind, frame: &Frame) -> SeqNo {
        let is_strict = self.writer.durability() == Durability::Fsync;
        SeqNo(match (kind, frame.body::<CommitMark>()) {
            (FrameKind::CommitMark, Some(mark)) if is_strict => mark.committed.max(mark.synced),
            (FrameKind::CommitMark, Some(mark)) => mark.synced,
            (FrameKind::EpochStart, _) if is_strict => frame.header.seqno,
            _ => 0,
        })
    }

    /// Makes the stored frames as durable as the mode demands. Returns their end.
    pub fn commit(&mut self) -> Result<Position, StandbyError> {
        match self.writer.commit() {
            Err(_) if planted(Bug::AcknowledgedUnsynced) => {}
            committed => committed?,
        }
        Ok(self.writer.position())
    }

    /// Applies up to `limit` stored frames, and compares each hash probe among them.
    pub fn apply(&mut self, limit: u64) -> Result<(), StandbyError> {
        Ok(self.applier.apply(limit)?)
    }

    /// Returns the number of frames that are stored and not applied yet.
    pub fn unapplied(&self) -> u64 {
        self.applier.waiting
    }

    /// Returns the latest official time that is applied.
    pub fn applied_time(&self) -> Nanos {
        self.applier.time
    }

    /// Begins to lead: applies all stored frames, and begins a new run of the writer in `epoch`.
    /// Returns the venue and the subscriber.
    pub fn lead(mut self, epoch: u64) -> Result<(Venue, U), ReplayError> {
        self.applier.apply(if planted(Bug::UnappliedForgotten) { 0 } else { u64::MAX })?;
        let Standby { mut writer, applier, time, is_begun, durability, identity, dir, .. } = self;
        let mut replay = applier.replay;
        let seqno = if planted(Bug::SeqNoStartsAgain) { SeqNo(0) } else { writer.seqno() };
        let time = if planted(Bug::TimeFallsBack) { Nanos(0) } else { time };
        writer.set_epoch(if planted(Bug::EpochNotRaised) { self.epoch } else { epoch });
        let mut frame = Frame::default();
        frame.write(FrameKind::EpochStart, &writer.epoch_start());
        let crc = writer.append_bookkeeping(SystemClock.now(), frame)?;
        writer.epoch_has_begun(epoch);
        // In every mode: if the first page of a journal were lost, its durability mode would be
        // unknown.
        if is_begun {
            writer.commit()?
        } else {
            writer.sync_all()?
        }
        replay.frame(&frame)?;
        let Replay { shards, order, subscriber, .. } = replay;
        let (last, restart, commit_point) = ((seqno, time, crc), self.restart, None);
        let venue =
            Venue { writer, shards, order, last, durability, identity, dir, commit_point, restart };
        Ok((venue, subscriber))
    }

    /// Writes everything to the device and closes the journal.
    pub fn close(self) -> Result<(), JournalError> {
        self.writer.close()
    }

    /// Returns the receiver of the reports.
    pub fn told(&self) -> &U {
        &self.applier.replay.subscriber
    }

    /// Starts to take snapshots, as [`Venue::take_snapshots`] does.
    pub fn take_snapshots(
        &self,
        policy: Policy,
        sizes: Sizes,
        sync_streams: Option<SyncStreams>,
    ) -> std::io::Result<SnapshotThread> {
        take_snapshots(self.dir.clone(), self.identity, policy, sizes, sync_streams)
    }
}

/// Returns the place behind the last frame of a writer.
fn place_behind(writer: &Writer, time: Nanos, epoch: u64) -> LogPlace {
    let (position, seqno, crc) = (writer.position(), writer.seqno(), writer.crc());
    LogPlace { position, seqno, time, crc, epoch }
}

/// Starts a thread that takes snapshots of a growing journal.
pub(super) fn take_snapshots(
    dir: PathBuf,
    identity: Identity,
    policy: Policy,
    sizes: Sizes,
    sync_streams: Option<SyncStreams>,
) -> std::io::Result<SnapshotThread> {
    const RETRY_MIN: Duration = Duration::from_secs(1);
    const RETRY_MAX: Duration = Duration::from_secs(60);
    let sync_streams = sync_streams.map(|sync_streams| Arc::new(Mutex::new(sync_streams)));
    SnapshotThread::start(move |stop| {
        let mut pause = RETRY_MIN;
        loop {
            let began = Instant::now();
            let taken = Snapshotter::open(dir.clone(), identity, sizes).and_then(|snapshotter| {
                let snapshotter = match sync_streams.clone() {
                    Some(shared) => snapshotter.with_streams(Box::new(move || {
                        (shared.lock().expect("no thread panics with it"))()
                    })),
                    None => snapshotter,
                };
                snapshotter.run(policy, stop)
            });
            let Err(error) = taken else { return };
            if !error.is_transient() {
                tracing::warn!(event = "snapshots_ended", "no more snapshots: {error}");
                return;
            }
            if began.elapsed() > RETRY_MAX {
                pause = RETRY_MIN;
            }
            tracing::warn!(
                event = "snapshots_failed",
                "the journal is read again for snapshots in {pause:?}: {error}"
            );
            let until = Instant::now() + pause;
            while Instant::now() < until && !stop.load(Ordering::Relaxed) {
                std::thread::sleep(RETRY_MIN / 50);
            }
            pause = RETRY_MAX.min(2 * pause);
        }
    })
}
