//! Appends frames.

use super::preparer::Preparer;
use super::segment::{PAGE_BYTES, SegmentHeader, WriteSegment};
use super::{JournalError, Options, Recovered};
use crate::domain::{Nanos, SeqNo};
use crate::durability::Durability;
use crate::frame::{EpochStart, FRAME_BYTES_MIN, Frame, FrameKind};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::Path;

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
pub struct Writer {
    options: Options,
    segment: WriteSegment,
    /// Where the next frame goes.
    offset: u64,
    /// Everything in this segment before this byte has been synced.
    synced: u64,
    /// Everything up to this command is on the device.
    synced_seqno: u64,
    epoch: u64,
    seqno: u64,
    crc: u32,
    preparer: Preparer,
    _lock: Lock,
}

impl Writer {
    /// Opens the journal behind its last frame, as recovery found it. A journal that was begun goes on
    /// in its own mode: a command changes that.
    pub fn open(mut options: Options, lock: Lock, found: &Recovered) -> Result<Self, JournalError> {
        options.durability = found.durability.unwrap_or(options.durability);
        let epoch = found.epoch + 1;
        let (segment, offset, preparer) = match found.end {
            Some(end) => {
                let segment = WriteSegment::open(&options.dir, end.segment)?;
                segment.populate();
                (segment, end.offset, Preparer::start(&options, end.segment + 1)?)
            }
            None => {
                let preparer = Preparer::start(&options, 1)?;
                (preparer.next(&options, 1)?, 0, preparer)
            }
        };
        let mut writer = Writer {
            segment,
            offset,
            synced: offset,
            synced_seqno: 0,
            epoch,
            seqno: found.seqno.0,
            crc: found.crc,
            preparer,
            options,
            _lock: lock,
        };
        if found.end.is_none() {
            writer.begin_segment();
        }
        Ok(writer)
    }

    /// The number of this run of a writer.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What an append means.
    pub fn durability(&self) -> Durability {
        self.options.durability
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
    pub fn synced(&self) -> SeqNo {
        SeqNo(self.synced_seqno)
    }

    /// Stores a frame behind the last one. It counts, under `fsync`, after the next
    /// [`commit`](Self::commit).
    #[inline]
    pub fn append(&mut self, frame: &Frame) -> Result<(), JournalError> {
        let bytes = frame.bytes();
        let end = self.offset + bytes.len() as u64;
        if end + FRAME_BYTES_MIN as u64 > self.segment.len() {
            self.roll()?;
        }
        self.segment.store(self.offset, bytes);
        self.offset += bytes.len() as u64;
        self.seqno = frame.header.seqno;
        self.crc = frame.header.crc;
        Ok(())
    }

    /// Ends a batch: under `fsync` everything appended so far is on the device when this returns.
    /// After an error nothing more may be acknowledged.
    #[inline]
    pub fn commit(&mut self) -> Result<(), JournalError> {
        if self.options.durability == Durability::Fsync && self.synced < self.offset {
            self.segment.sync(&*self.options.device, self.synced, self.offset)?;
            self.synced = self.offset;
            self.synced_seqno = self.seqno;
        }
        Ok(())
    }

    /// Changes the mode: what was appended so far keeps the old promise, what follows gets the new one.
    #[cold]
    pub fn set_durability(&mut self, durability: Durability) -> Result<(), JournalError> {
        self.commit()?;
        self.options.durability = durability;
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

    /// Syncs what is there, whatever the mode, and closes the journal.
    pub fn close(self) -> Result<(), JournalError> {
        self.segment.sync(&*self.options.device, 0, self.offset)
    }

    /// Ends the segment and goes on in the next one.
    #[cold]
    fn roll(&mut self) -> Result<(), JournalError> {
        let mut end = Frame::default();
        end.write(FrameKind::SegmentEnd, &[0u8; 0]);
        end.seal(SeqNo(self.seqno), Nanos(0), self.crc);
        self.segment.store(self.offset, end.bytes());
        self.offset += end.bytes().len() as u64;
        self.commit()?;
        let next = self.preparer.next(&self.options, self.segment.number + 1)?;
        self.preparer.finish(std::mem::replace(&mut self.segment, next));
        self.begin_segment();
        Ok(())
    }

    fn begin_segment(&mut self) {
        let header = SegmentHeader::new(
            self.options.identity,
            self.segment.number,
            self.segment.len(),
            self.epoch,
            self.seqno,
            self.crc,
        );
        self.segment.write_header(&header);
        self.offset = PAGE_BYTES;
        self.synced = 0;
    }
}
