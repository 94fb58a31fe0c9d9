//! Appends frames to a journal and syncs them.

use super::device::sync_dir;
use super::preparer::Preparer;
use super::seal::{self, Sealer};
use super::segment::{PAGE_BYTES, SegmentHeader, WriteSegment};
use super::{JournalError, Lock, Options, Position, Recovered, filesystem};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::{EpochStart, FRAME_BYTES_MIN, Frame, FrameKind};
use ringside_planted::{Bug, planted};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// End of a journal, open for appending. Frames come sealed; the writer adds only the frame that
/// ends a segment.
///
/// Under `fsync` everything up to [`synced`](Self::synced) is on the device: each commit syncs the
/// frames appended since the last one. In the other modes the segments reach the device one by one,
/// when they are full.
pub struct Writer {
    options: Options,
    segment: WriteSegment,
    /// Offset of the next frame.
    offset: u64,
    /// Offset before which a frame and the end of the segment must fit; 0 once the writer has
    /// failed.
    limit: u64,
    /// Offset up to which this segment has been synced.
    synced: u64,
    /// Last command up to which everything is on the device.
    synced_seqno: u64,
    epoch: u64,
    /// Number of the writer's run that wrote the last frame.
    begun_epoch: u64,
    seqno: u64,
    crc: u32,
    failed: bool,
    notes: Vec<String>,
    preparer: Preparer,
    sealer: Sealer,
}

impl Writer {
    /// Opens the journal after its last frame, as recovery found it. A journal that was begun
    /// continues in its own mode, which only a command changes. Under `fsync` the whole journal is
    /// on the device when this returns.
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
        let lock = Arc::new(lock);
        let preparer = Preparer::start(&options, &lock, current, mapping, durable)?;
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
            sealer: Sealer::start(&options, &lock, left)?,
            options,
        };
        if is_new {
            writer.begin_segment();
        }
        // A first segment that could be lost would leave a gap before the segments that are
        // prepared after it.
        let is_new = found.durability.is_none() && writer.seqno == 0;
        if writer.options.durability == Durability::Fsync || is_new {
            writer.sync_all()?;
        }
        if durable {
            writer.measure_sync()?;
        }
        Ok(writer)
    }

    /// Number of this run of a writer.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Sets the number of this run, if it is not the one after the last in the journal.
    pub fn set_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// Records that the frame that begins a run has been appended: segments begun after it belong
    /// to that run.
    pub fn epoch_has_begun(&mut self, epoch: u64) {
        (self.epoch, self.begun_epoch) = (epoch, epoch);
    }

    /// Position after the last frame.
    pub fn position(&self) -> Position {
        Position { segment: self.segment.number, offset: self.offset }
    }

    /// Length of a segment, in bytes.
    pub fn segment_bytes(&self) -> u64 {
        self.segment.len()
    }

    /// Checksum of the last frame.
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// Mode in force: it says when an append counts.
    pub fn durability(&self) -> Durability {
        self.options.durability
    }

    /// Notes for the user about the folder and the device, one line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Flag that is set while the space for further segments runs out. The prepared segments are
    /// still there, so the caller has time to accept only commands that make room in the books.
    pub fn low_space(&self) -> Arc<AtomicBool> {
        self.preparer.low_space()
    }

    /// Returns true if the folder is on a file system that keeps the promise of `fsync`, or whose
    /// use is accepted.
    pub fn keeps_fsync(&self) -> bool {
        filesystem::check(&self.options).is_ok()
    }

    /// Content of the frame that begins this run, before all other frames.
    pub fn epoch_start(&self) -> EpochStart {
        EpochStart {
            epoch: self.epoch,
            probe_interval: self.options.probe_interval,
            durability: self.options.durability,
            zero: [0; 7],
        }
    }

    /// Seqno of the last command.
    pub fn seqno(&self) -> SeqNo {
        SeqNo(self.seqno)
    }

    /// Seqno of the last command that is known to be on the device, with all before it.
    #[inline]
    pub fn synced(&self) -> SeqNo {
        SeqNo(self.synced_seqno.max(self.sealer.synced()))
    }

    /// Stores a frame after the last one. Under `fsync` the frame counts after the next
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

    /// Ends a batch: everything appended so far is stored when this returns, under `fsync` on the
    /// device. The word has nothing to do with commit marks. After an error nothing more may be
    /// acknowledged, and every later call fails.
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

    /// Changes the mode after the command that requests the change. This command and everything
    /// before it are on the device before anything follows. A promise of `fsync` is worth nothing
    /// without the frames before it, and a weaker mode must be known to hold where commands are
    /// missing.
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

    /// Appends bookkeeping of the writer's own, sealed here, for the time when no sequencer runs.
    /// Returns the checksum of the frame.
    pub fn append_bookkeeping(
        &mut self,
        time: Nanos,
        mut frame: Frame,
    ) -> Result<u32, JournalError> {
        let crc = frame.seal(SeqNo(self.seqno), time, self.crc);
        self.append(&frame)?;
        Ok(crc)
    }

    /// Writes everything to the device, in any mode.
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

    /// Writes everything to the device, in any mode, seals the full segments and closes the
    /// journal.
    pub fn close(mut self) -> Result<(), JournalError> {
        self.sync_all()?;
        self.sealer.finish()
    }

    /// Ends the segment and continues in the next one.
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

    /// Writes the length and the name of the segment to the device, unless that is done.
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

    /// Writes the name of the folder to the device. Without access to the parent folder, another
    /// program has created the folder, and this does nothing.
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

    /// Writes to the device the frames appended since the last sync.
    fn sync_segment(&mut self) -> Result<(), JournalError> {
        if self.synced < self.offset {
            let synced = self.segment.sync(&*self.options.device, self.synced, self.offset);
            self.remember(synced)?;
            self.synced = self.offset;
        }
        self.synced_seqno = self.seqno;
        Ok(())
    }

    /// Stops the writer after an error: pages that could not be written count as clean, so the next
    /// sync would succeed without them.
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

    /// Adds a note if a sync of a few bytes writes too much.
    fn measure_sync(&mut self) -> Result<(), JournalError> {
        // The first whole page after the last frame, which holds zeros.
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

/// Last segment that was begun.
struct Last {
    segment: WriteSegment,
    /// Offset after its last frame.
    end: u64,
    /// True if the run before ended between the end of this segment and the beginning of the next.
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

/// Stores the last 16 MiB before the end again and syncs them. A sync of the run before may have
/// failed, and its pages then count as clean although they are not on the device. The part in an
/// earlier segment is stored again when that segment is sealed, unless it has a digest.
fn redirty(options: &Options, segment: &mut WriteSegment, end: u64) -> Result<(), JournalError> {
    const BYTES: u64 = 16 << 20;
    let from = end.saturating_sub(BYTES) / PAGE_BYTES * PAGE_BYTES;
    segment.redirty(from, end);
    segment.sync(&*options.device, from, end)
}
