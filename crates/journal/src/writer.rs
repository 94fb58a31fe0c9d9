//! Appends frames.

use super::device::sync_dir;
use super::preparer::Preparer;
use super::seal::{self, Sealer};
use super::segment::{PAGE_BYTES, SegmentHeader, WriteSegment};
use super::{JournalError, Options, Position, Recovered, filesystem};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::{EpochStart, FRAME_BYTES_MIN, Frame, FrameKind};
use ringside_planted::{Bug, planted};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The right to write a journal: one process at a time. The kernel frees it when the process ends,
/// however it ends.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a folder, which is made if it does not exist.
    pub fn take(dir: &Path) -> Result<Self, JournalError> {
        std::fs::create_dir_all(dir).map_err(JournalError::io(dir, "make the folder"))?;
        let path = dir.join("LOCK");
        let file = File::create(&path).map_err(JournalError::io(&path, "open the lock file"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalError::InUse { path }),
            Err(errno) => Err(JournalError::errno(&path, "lock")(errno)),
        }
    }
}

/// The end of a journal, open for appending. Frames come sealed; the writer adds only the frame that
/// ends a segment.
///
/// Under `fsync` everything before [`synced`](Self::synced) is on the device: each commit syncs what it
/// has added to that. In the other modes the segments get there one by one, when they are full.
pub struct Writer {
    options: Options,
    segment: WriteSegment,
    /// Where the next frame goes.
    offset: u64,
    /// A frame must leave room before this byte; 0 once the writer has failed.
    limit: u64,
    /// Everything in this segment before this byte has been synced.
    synced: u64,
    /// Everything up to this command is on the device.
    synced_seqno: u64,
    epoch: u64,
    /// The run of the last frame.
    begun_epoch: u64,
    seqno: u64,
    crc: u32,
    failed: bool,
    notes: Vec<String>,
    preparer: Preparer,
    sealer: Sealer,
    _lock: Lock,
}

impl Writer {
    /// Opens the journal behind its last frame, as recovery found it. A journal that was begun goes on
    /// in its own mode: a command changes that. Under `fsync` all of it is on the device when this
    /// returns.
    pub fn open(mut options: Options, lock: Lock, found: &Recovered) -> Result<Self, JournalError> {
        let wanted = options.durability;
        options.durability = found.durability.unwrap_or(wanted);
        let durable = [wanted, options.durability].contains(&Durability::Fsync);
        let mut notes = vec![];
        if durable {
            notes.extend(filesystem::check(&options)?);
        }
        let last = found.end.map(|end| Last::open(&options, end, found)).transpose()?;
        let (current, left) = match &last {
            None => (0, 0),
            Some(last) if last.is_full => (last.segment.number, last.segment.number),
            Some(last) => (last.segment.number, last.segment.number - 1),
        };
        let last = last.filter(|last| !last.is_full);
        let mapping = last.as_ref().map(|last| last.segment.mapping());
        let preparer = Preparer::start(&options, current, mapping, durable)?;
        let is_new = last.is_none();
        let (segment, offset) = match last {
            Some(last) => (last.segment, last.end),
            None => (preparer.next(&options, current + 1)?, PAGE_BYTES),
        };
        let mut writer = Writer {
            limit: segment.len(),
            segment,
            offset,
            synced: 0,
            synced_seqno: 0,
            epoch: found.epoch + u64::from(!planted(Bug::EpochNotRaised)),
            begun_epoch: found.epoch,
            seqno: found.seqno.0,
            crc: found.crc,
            failed: false,
            notes,
            preparer,
            sealer: Sealer::start(&options, left)?,
            options,
            _lock: lock,
        };
        if is_new {
            writer.begin_segment();
        }
        // A first segment that could be lost would leave a gap in front of those that are prepared behind it.
        let is_new = found.durability.is_none() && writer.seqno == 0;
        if writer.options.durability == Durability::Fsync || is_new {
            writer.sync_all()?;
        }
        if durable {
            writer.measure_sync()?;
        }
        Ok(writer)
    }

    /// The number of this run of a writer.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Which run this is, if it is not the one behind the last in the journal.
    pub fn set_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// The frame that begins a run has been appended: segments that begin behind it belong to that.
    pub fn epoch_has_begun(&mut self, epoch: u64) {
        (self.epoch, self.begun_epoch) = (epoch, epoch);
    }

    /// Behind the last frame.
    pub fn position(&self) -> Position {
        Position { segment: self.segment.number, offset: self.offset }
    }

    /// The length of a segment, in bytes.
    pub fn segment_bytes(&self) -> u64 {
        self.segment.len()
    }

    /// The checksum of the last frame.
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// What an append means.
    pub fn durability(&self) -> Durability {
        self.options.durability
    }

    /// What the user should know about the folder and the device, one line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Set while the space for further segments runs out. Those that are ready are still there, so
    /// whoever takes orders has time to take only what makes room in the books.
    pub fn low_space(&self) -> Arc<AtomicBool> {
        self.preparer.low_space()
    }

    /// Whether the folder is on a file system that keeps the promise of `fsync`.
    pub fn keeps_fsync(&self) -> bool {
        filesystem::check(&self.options).is_ok()
    }

    /// The frame that begins this run; it goes before all others.
    pub fn epoch_start(&self) -> EpochStart {
        EpochStart {
            epoch: self.epoch,
            probe_interval: self.options.probe_interval,
            durability: self.options.durability,
            zero: [0; 7],
        }
    }

    /// The last command.
    pub fn seqno(&self) -> SeqNo {
        SeqNo(self.seqno)
    }

    /// The last command that is known to be on the device, with all before it.
    #[inline]
    pub fn synced(&self) -> SeqNo {
        SeqNo(self.synced_seqno.max(self.sealer.synced()))
    }

    /// Stores a frame behind the last one. It counts, under `fsync`, after the next
    /// [`commit`](Self::commit).
    #[inline]
    pub fn append(&mut self, frame: &Frame) -> Result<(), JournalError> {
        let bytes = frame.bytes();
        let end = self.offset + bytes.len() as u64;
        if end + FRAME_BYTES_MIN as u64 > self.limit {
            self.roll()?;
        }
        self.segment.store(self.offset, bytes);
        self.offset += bytes.len() as u64;
        self.seqno = frame.header.seqno;
        self.crc = frame.header.crc;
        Ok(())
    }

    /// Ends a batch: under `fsync` everything appended so far is on the device when this returns.
    /// After an error nothing more may be acknowledged, and every later call is refused.
    #[inline]
    pub fn commit(&mut self) -> Result<(), JournalError> {
        self.segment.set_written(self.offset);
        if self.failed || self.sealer.has_failed() {
            return Err(self.refusal());
        }
        if self.options.durability == Durability::Fsync && self.synced < self.offset {
            return self.sync_segment();
        }
        Ok(())
    }

    /// Changes the mode behind the command that says so. That is on the device before anything follows, with
    /// all that is before it: a promise of `fsync` is worth nothing without what it stands on, and a weaker
    /// mode must be known to hold where commands are missing.
    #[cold]
    pub fn set_durability(&mut self, durability: Durability) -> Result<(), JournalError> {
        if durability == Durability::Fsync && self.options.durability != Durability::Fsync {
            self.notes.extend(filesystem::check(&self.options)?);
        }
        if !planted(Bug::ModeBeforeSynced) {
            self.sync_all()?;
        }
        self.options.durability = durability;
        self.preparer.set_durability(durability);
        Ok(())
    }

    /// Appends bookkeeping of the writer's own, sealed here: for the time when no sequencer runs.
    /// Gives its checksum.
    pub fn append_bookkeeping(
        &mut self,
        time: Nanos,
        mut frame: Frame,
    ) -> Result<u32, JournalError> {
        let crc = frame.seal(SeqNo(self.seqno), time, self.crc);
        self.append(&frame)?;
        Ok(crc)
    }

    /// Writes everything to the device, whatever the mode.
    pub fn sync_all(&mut self) -> Result<(), JournalError> {
        if self.failed {
            return Err(self.refusal());
        }
        let settled = self.sealer.settle();
        self.remember(settled)?;
        let known = self.sync_name_of_dir();
        self.remember(known)?;
        self.name_segment()?;
        self.sync_segment()
    }

    /// Writes everything to the device, whatever the mode, seals what is full and closes the journal.
    pub fn close(mut self) -> Result<(), JournalError> {
        self.sync_all()?;
        self.sealer.finish()
    }

    /// Ends the segment and goes on in the next one.
    #[cold]
    fn roll(&mut self) -> Result<(), JournalError> {
        if self.failed {
            return Err(self.refusal());
        }
        let mut end = Frame::default();
        end.write(FrameKind::SegmentEnd, &[0u8; 0]);
        end.seal(SeqNo(self.seqno), Nanos(0), self.crc);
        self.segment.store(self.offset, end.bytes());
        self.offset += end.bytes().len() as u64;
        self.commit()?;
        self.next_segment()
    }

    fn next_segment(&mut self) -> Result<(), JournalError> {
        let next = self.preparer.next(&self.options, self.segment.number + 1);
        let next = self.remember(next)?;
        let full = std::mem::replace(&mut self.segment, next);
        full.set_written(full.len());
        self.sealer.seal(full, self.seqno);
        self.begin_segment();
        if self.options.durability == Durability::Fsync { self.name_segment() } else { Ok(()) }
    }

    fn begin_segment(&mut self) {
        let header = SegmentHeader::new(
            self.options.identity,
            self.segment.number,
            self.segment.len(),
            self.begun_epoch,
            self.seqno,
            self.crc,
        );
        self.segment.write_header(&header);
        self.offset = PAGE_BYTES;
        self.limit = self.segment.len();
        self.synced = 0;
    }

    /// Writes the length and the name of the segment to the device, if nobody has done it.
    #[cold]
    fn name_segment(&mut self) -> Result<(), JournalError> {
        if !self.segment.named {
            let device = &*self.options.device;
            let named = self.segment.make_durable(device, &self.options.dir);
            self.remember(named)?;
            self.segment.named = true;
        }
        Ok(())
    }

    /// Writes the name of the folder to the device. Where we may not look at the folder around it,
    /// somebody else has made it.
    fn sync_name_of_dir(&self) -> Result<(), JournalError> {
        match sync_dir(&*self.options.device, &self.options.dir.join("..")) {
            Err(JournalError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                Ok(())
            }
            other => other,
        }
    }

    /// Writes to the device what has been appended since the last time.
    fn sync_segment(&mut self) -> Result<(), JournalError> {
        if self.synced < self.offset {
            let synced = self.segment.sync(&*self.options.device, self.synced, self.offset);
            self.remember(synced)?;
            self.synced = self.offset;
        }
        self.synced_seqno = self.seqno;
        Ok(())
    }

    /// After an error nothing works any more: pages that could not be written count as clean, so the
    /// next sync would succeed without them.
    fn remember<T>(&mut self, result: Result<T, JournalError>) -> Result<T, JournalError> {
        if result.is_err() && !planted(Bug::FailedSyncForgotten) {
            self.failed = true;
            self.limit = 0;
        }
        result
    }

    #[cold]
    fn refusal(&mut self) -> JournalError {
        self.failed = true;
        self.limit = 0;
        self.sealer.error()
    }

    /// Takes a note if a sync of a few bytes writes too much.
    fn measure_sync(&mut self) -> Result<(), JournalError> {
        // The page behind the last frame, where there are zeros.
        let from = self.offset.next_multiple_of(PAGE_BYTES);
        let to = from + FRAME_BYTES_MIN as u64;
        if to > self.segment.len() {
            return Ok(());
        }
        let path = self.segment.path.clone();
        let note = filesystem::measure_sync(&path, || {
            self.segment.clear(from, to);
            self.segment.sync(&*self.options.device, from, to)
        });
        let note = self.remember(note)?;
        self.notes.extend(note);
        Ok(())
    }
}

/// The last segment that was begun.
struct Last {
    segment: WriteSegment,
    /// Behind its last frame.
    end: u64,
    /// Whether the run before ended between the end of this segment and the beginning of the next.
    is_full: bool,
}

impl Last {
    fn open(options: &Options, end: Position, found: &Recovered) -> Result<Self, JournalError> {
        let mut segment = WriteSegment::open(&options.dir, end.segment)?;
        segment.make_present(end.offset, options.durability == Durability::Fsync);
        segment.set_written(end.offset);
        if !found.clean && !planted(Bug::TailNotSyncedAgain) {
            redirty(options, &mut segment, end.offset)?;
        }
        let is_full = found.segment_ended;
        if !is_full && seal::is_sealed(&options.dir, end.segment) {
            return Err(JournalError::Corrupt {
                path: segment.path.clone(),
                offset: end.offset,
                seqno: found.seqno.0,
                detail: "the segment was full and on the device, but its end is gone".into(),
            });
        }
        Ok(Last { segment, end: end.offset, is_full })
    }
}

/// Stores the last 16 MiB before the end again and syncs them. A sync of the run before may have failed,
/// and its pages then count as clean though they are not on the device. What is in an earlier segment
/// is stored again when that is sealed, unless it has a digest.
fn redirty(options: &Options, segment: &mut WriteSegment, end: u64) -> Result<(), JournalError> {
    const BYTES: u64 = 16 << 20;
    let from = end.saturating_sub(BYTES) / PAGE_BYTES * PAGE_BYTES;
    segment.redirty(from, end);
    segment.sync(&*options.device, from, end)
}
