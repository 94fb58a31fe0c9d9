//! Walks a journal and checks every frame. Readers never write.

use super::segment::{self, Identity, PAGE_BYTES, ReadSegment};
use super::{JournalError, Position};
use crate::domain::{Nanos, SeqNo};
use crate::durability::Durability;
use crate::frame::{CommitMark, EpochStart, FRAME_BYTES_MIN, Frame, FrameKind, SetDurability};
use std::path::{Path, PathBuf};

/// How a journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing but zeros behind the last frame.
    Clean,
    /// Bytes behind the last frame that were never acknowledged: a batch that was cut off. `to` is the
    /// first byte of the last segment behind which all is zero.
    Torn {
        /// Where the bytes end.
        to: Position,
    },
}

/// Reads a journal from its first frame to its last.
pub struct Reader {
    dir: PathBuf,
    identity: Identity,
    /// The numbers of the segments that follow the one being read.
    following: std::vec::IntoIter<u64>,
    segment: Option<ReadSegment>,
    position: Position,
    /// Whether a segment was ever begun.
    begun: bool,
    seqno: u64,
    time: u64,
    crc: u32,
    epoch: u64,
    durability: Option<Durability>,
    tail: Option<Tail>,
}

impl Reader {
    /// Opens a journal at its first frame. A folder without a segment is an empty journal.
    pub fn open(dir: &Path, identity: Identity) -> Result<Self, JournalError> {
        let numbers = segment::list(dir)?;
        let first = numbers.first().copied();
        if let Some(gap) = numbers.windows(2).find(|pair| pair[1] != pair[0] + 1) {
            return Err(JournalError::Corrupt {
                path: segment::path_of(dir, gap[0] + 1),
                offset: 0,
                seqno: 0,
                detail: "the segment is missing".into(),
            });
        }
        let mut reader = Reader {
            dir: dir.to_path_buf(),
            identity,
            following: numbers.into_iter(),
            segment: None,
            position: Position { segment: 1, offset: PAGE_BYTES },
            begun: false,
            seqno: 0,
            time: 0,
            crc: 0,
            epoch: 0,
            durability: None,
            tail: None,
        };
        if first.is_some_and(|number| number != 1) {
            return Err(reader.corrupt_at(1, 0, "the segment is missing"));
        }
        reader.open_next()?;
        Ok(reader)
    }

    /// The next frame, checked; `None` at the end, which [`tail`](Self::tail) then describes.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame>, JournalError> {
        loop {
            let Some(segment) = &self.segment else {
                self.tail.get_or_insert(Tail::Clean);
                return Ok(None);
            };
            let Some(frame) = segment.frame(self.position.offset).filter(|f| self.follows(f))
            else {
                self.tail = Some(self.judge()?);
                self.segment = None;
                return Ok(None);
            };
            let kind = frame.kind().expect("a frame that follows has a kind");
            if kind == FrameKind::SegmentEnd {
                self.open_next()?;
                continue;
            }
            self.position.offset += frame.bytes().len() as u64;
            self.seqno = frame.header.seqno;
            if kind.is_command() {
                self.time = self.time.max(frame.header.time);
            }
            self.crc = frame.header.crc;
            if let FrameKind::EpochStart | FrameKind::SetDurability = kind {
                self.learn(&frame);
            }
            return Ok(Some(frame));
        }
    }

    /// Behind the last frame that was read.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The number of the last command that was read.
    pub fn seqno(&self) -> SeqNo {
        SeqNo(self.seqno)
    }

    /// The latest official time that was read: that of a command, bookkeeping has the time of day.
    pub fn time(&self) -> Nanos {
        Nanos(self.time)
    }

    /// The checksum of the last frame that was read.
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// The run of a writer that wrote the last frame.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The mode in force behind the last frame that was read; `None` before the first.
    pub fn durability(&self) -> Option<Durability> {
        self.durability
    }

    /// How the journal ends; `None` before its end.
    pub fn tail(&self) -> Option<Tail> {
        self.tail
    }

    /// Whether a writer ever began a segment here.
    pub fn is_begun(&self) -> bool {
        self.begun
    }

    #[cold]
    fn learn(&mut self, frame: &Frame) {
        if let Some(start) = body_of::<EpochStart>(frame, FrameKind::EpochStart) {
            self.epoch = start.epoch;
            self.durability = Some(start.durability);
        }
        if let Some(set) = body_of::<SetDurability>(frame, FrameKind::SetDurability)
            && frame.header.verdict == 0
        {
            self.durability = Some(set.durability);
        }
    }

    /// Whether a frame continues the chain.
    #[inline]
    fn follows(&self, frame: &Frame) -> bool {
        let Some(kind) = frame.kind() else { return false };
        let seqno = self.seqno + u64::from(kind.is_command());
        frame.header.seqno == seqno && frame.checksum(self.crc) == frame.header.crc
    }

    /// Goes to the next segment that was begun.
    fn open_next(&mut self) -> Result<(), JournalError> {
        self.segment = None;
        let Some(number) = self.following.next() else { return Ok(()) };
        let segment = ReadSegment::open(&self.dir, number, self.identity)?;
        let Some(header) = segment.header else {
            self.check_not_begun(number)?;
            return Ok(());
        };
        if (header.last_seqno, header.last_crc) != (self.seqno, self.crc) {
            let detail = format!(
                "the segment continues seqno {}, but the one before ends at {}",
                header.last_seqno, self.seqno
            );
            return Err(self.corrupt_at(number, 0, &detail));
        }
        self.position = Position { segment: number, offset: PAGE_BYTES };
        self.begun = true;
        self.segment = Some(segment);
        Ok(())
    }

    /// Behind a segment that nobody has begun there can be no begun one.
    fn check_not_begun(&self, after: u64) -> Result<(), JournalError> {
        for number in self.following.as_slice() {
            if ReadSegment::open(&self.dir, *number, self.identity)?.header.is_some() {
                return Err(self.corrupt_at(
                    after,
                    0,
                    "the segment is empty, but a later one is not",
                ));
            }
        }
        Ok(())
    }

    /// What it means that no frame follows here: the clean end, a torn tail, or damage to something
    /// that was committed.
    fn judge(&self) -> Result<Tail, JournalError> {
        let segment = self.segment.as_ref().expect("a segment is being read");
        let rest = &segment.bytes()[self.position.offset as usize..];
        let begun = |number: &u64| {
            ReadSegment::open(&self.dir, *number, self.identity).map(|s| s.header.is_some())
        };
        let next_begun = self.following.as_slice().first().map(begun).transpose()?.unwrap_or(false);
        let Some(last) = last_set(rest) else {
            return if next_begun {
                Err(self.damaged("the end of the segment is gone"))
            } else {
                Ok(Tail::Clean)
            };
        };
        if next_begun {
            return Err(self.damaged("no valid frame here, but a later segment was begun"));
        }
        match self.committed_behind(segment) {
            Some(committed) if committed > self.seqno => Err(self.damaged(&format!(
                "no valid frame here, but seqno {} to {committed} had been committed",
                self.seqno + 1
            ))),
            _ => {
                let offset = self.position.offset + last as u64 + 1;
                Ok(Tail::Torn { to: Position { offset, ..self.position } })
            }
        }
    }

    /// The highest committed number that valid frames behind the damage speak of. A frame is valid if
    /// the checksum stored in the frame before it, damaged or not, seeds its own.
    fn committed_behind(&self, segment: &ReadSegment) -> Option<u64> {
        let step = FRAME_BYTES_MIN as u64;
        let mut highest = None;
        for offset in (self.position.offset + step..segment.len()).step_by(FRAME_BYTES_MIN) {
            let Some(frame) = segment.frame(offset) else { continue };
            let proven = [step, 2 * step].iter().any(|length| {
                let before = segment.stored_crc(offset - length);
                frame.checksum(before) == frame.header.crc
            });
            let mark = body_of(&frame, FrameKind::CommitMark).filter(|_| proven);
            highest = highest.max(mark.map(|CommitMark { committed, .. }| committed));
        }
        highest
    }

    fn damaged(&self, detail: &str) -> JournalError {
        self.corrupt_at(self.position.segment, self.position.offset, detail)
    }

    fn corrupt_at(&self, number: u64, offset: u64, detail: &str) -> JournalError {
        JournalError::Corrupt {
            path: segment::path_of(&self.dir, number),
            offset,
            seqno: self.seqno,
            detail: detail.into(),
        }
    }
}

/// The place of the last byte that is not zero. Most of a segment is zeros, and a block of them is
/// compared at once.
fn last_set(bytes: &[u8]) -> Option<usize> {
    const BLOCK_BYTES: usize = 4096;
    let is_set = |block: &[u8]| block.iter().fold(0, |all, byte| all | byte) != 0;
    let block = bytes.chunks(BLOCK_BYTES).rposition(is_set)?;
    let from = block * BLOCK_BYTES;
    let to = bytes.len().min(from + BLOCK_BYTES);
    bytes[from..to].iter().rposition(|&byte| byte != 0).map(|at| from + at)
}

/// The body of a frame if it is of this kind.
fn body_of<B>(frame: &Frame, kind: FrameKind) -> Option<B>
where
    B: zerocopy::TryFromBytes + zerocopy::KnownLayout + zerocopy::Immutable + Copy,
{
    (frame.header.kind == kind as u8).then(|| frame.body::<B>().copied()).flatten()
}
