//! Walks a journal and checks every frame. Readers never write.

use super::damage::{Behind, End};
use super::recovery::{Decision, Lost, decide};
use super::segment::{self, Identity, PAGE_BYTES, ReadSegment};
use super::{JournalError, LogPlace, Position};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::{CommitMark, EpochStart, FRAME_BYTES_MIN, FRAME_LENGTHS};
use ringside_model::frame::{Frame, FrameKind};
use ringside_planted::{Bug, planted};
use std::path::{Path, PathBuf};

/// State of the end of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Only zeros after the last frame.
    Clean,
    /// Bytes after the last frame, and no evidence that any of them was acknowledged: an incomplete
    /// batch. Or only zeros, and a segment is missing among them.
    Torn {
        /// Position after which everything is zero.
        to: Position,
    },
    /// Acknowledged commands are gone, as the mode in which they were acknowledged allows.
    Lost {
        /// Commands that are gone.
        lost: Lost,
        /// Position after which everything is zero.
        to: Position,
    },
}

/// Reader of a journal, from its first frame or from a place in it, to its last frame.
pub struct Reader {
    dir: PathBuf,
    identity: Identity,
    /// Segment of the last frame; `None` until a segment is found that was begun.
    segment: Option<ReadSegment>,
    position: Position,
    seqno: u64,
    time: u64,
    crc: u32,
    epoch: u64,
    durability: Option<Durability>,
    /// Highest seqno known to have been committed.
    committed: u64,
    /// Highest seqno known to have been synced.
    synced: u64,
    /// Checksum of the last commit mark, if it says that everything before it was synced.
    all_synced: Option<u32>,
    /// Checksum of the hash probe after such a commit mark.
    closed: Option<u32>,
    end: Option<(Tail, Behind)>,
}

impl Reader {
    /// Opens a journal at its first frame. A folder without a segment is an empty journal.
    ///
    /// Fails with [`JournalError::Retired`] if the journal no longer has its first frame.
    pub fn open(dir: &Path, identity: Identity) -> Result<Self, JournalError> {
        let first = segment::list(dir)?.first().copied().unwrap_or(1);
        if first != 1
            && let Some(header) =
                ReadSegment::open(dir, first, identity)?.and_then(|first| first.header)
        {
            let (path, seqno) = (segment::path_of(dir, first), header.last_seqno + 1);
            return Err(JournalError::Retired { path, segment: first, seqno });
        }
        let mut reader = Reader::at(dir, identity, &LogPlace::BEGINNING, None);
        reader.go_to(1)?;
        Ok(reader)
    }

    /// Opens a journal at a place in it; `durability` is the mode in force there.
    ///
    /// Fails with [`JournalError::NoSuchPlace`] if the journal does not have that place: the
    /// journal ends before it, has other frames there, or the segment is gone.
    pub fn open_behind(
        dir: &Path,
        identity: Identity,
        place: &LogPlace,
        durability: Option<Durability>,
    ) -> Result<Self, JournalError> {
        let Position { segment: number, offset } = place.position;
        let no_such_place = |detail| JournalError::NoSuchPlace {
            path: segment::path_of(dir, number),
            offset,
            seqno: place.seqno.0,
            detail,
        };
        let segment = ReadSegment::open(dir, number, identity)?
            .ok_or_else(|| no_such_place("the segment does not exist"))?;
        if !carries(&segment, place) {
            return Err(no_such_place("the frame that should end there is not there"));
        }
        let mut reader = Reader::at(dir, identity, place, durability);
        reader.segment = Some(segment);
        Ok(reader)
    }

    fn at(
        dir: &Path,
        identity: Identity,
        place: &LogPlace,
        durability: Option<Durability>,
    ) -> Self {
        Reader {
            dir: dir.to_path_buf(),
            identity,
            segment: None,
            position: place.position,
            seqno: place.seqno.0,
            time: place.time.0,
            crc: place.crc,
            epoch: place.epoch,
            durability,
            committed: place.seqno.0,
            synced: 0,
            all_synced: None,
            closed: None,
            end: None,
        }
    }

    /// Returns the next frame, checked; `None` at the end, which [`tail`](Self::tail) then
    /// describes.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, JournalError> {
        let mut frame = Frame::default();
        Ok(self.read_next(&mut frame)?.then_some(frame))
    }

    /// Reads the next frame, checked; returns `false` at the end.
    #[inline]
    pub(crate) fn read_next(&mut self, frame: &mut Frame) -> Result<bool, JournalError> {
        if self.end.is_some() {
            return Ok(false);
        }
        let found = self.advance(frame)?;
        if !found {
            self.end = Some(self.judge()?);
        }
        Ok(found)
    }

    /// Reads the next frame, checked; returns `false` if there is none at the moment, for whatever
    /// reason.
    #[inline]
    pub(super) fn advance(&mut self, frame: &mut Frame) -> Result<bool, JournalError> {
        loop {
            let Some(segment) = &self.segment else {
                if self.go_to(self.position.segment)? {
                    continue;
                }
                return Ok(false);
            };
            if !segment.read(self.position.offset, frame) {
                return Ok(false);
            }
            let Some(kind) = self.continues(frame) else { return Ok(false) };
            let behind = self.position.offset + frame.bytes().len() as u64;
            if planted(Bug::LastFrameDropped) && segment.frame(behind).is_none() {
                return Ok(false);
            }
            if kind == FrameKind::SegmentEnd {
                if self.go_to(self.position.segment + 1)? {
                    continue;
                }
                return Ok(false);
            }
            self.position.offset += frame.bytes().len() as u64;
            self.seqno = frame.header.seqno;
            if kind.is_command() {
                self.time = self.time.max(frame.header.time);
            }
            if kind as u8 >= FrameKind::SetDurability as u8 {
                self.learn(kind, frame);
            }
            self.crc = frame.header.crc;
            return Ok(true);
        }
    }

    /// Position after the last frame read.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Place after the last frame read, with all that is needed to continue there.
    pub fn place(&self) -> LogPlace {
        LogPlace {
            position: self.position,
            seqno: self.seqno(),
            time: self.time(),
            crc: self.crc,
            epoch: self.epoch,
        }
    }

    /// Seqno of the last command read.
    pub fn seqno(&self) -> SeqNo {
        SeqNo(self.seqno)
    }

    /// Latest official time read: that of a command; bookkeeping carries the time of day.
    pub fn time(&self) -> Nanos {
        Nanos(self.time)
    }

    /// Checksum of the last frame read.
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// Number of the writer's run that wrote the last frame.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Mode in force after the last frame read; `None` before the first.
    pub fn durability(&self) -> Option<Durability> {
        self.durability
    }

    /// Highest seqno that a frame read so far calls committed.
    pub fn committed(&self) -> SeqNo {
        SeqNo(self.committed)
    }

    /// State of the end of the journal; `None` before the end.
    pub fn tail(&self) -> Option<Tail> {
        self.end.as_ref().map(|(tail, _)| *tail)
    }

    /// Returns true if a writer ever began a segment here.
    pub fn is_begun(&self) -> bool {
        self.segment.is_some()
    }

    /// Evidence after the last frame; `None` before the end.
    pub(super) fn behind(&self) -> Option<&Behind> {
        self.end.as_ref().map(|(_, behind)| behind)
    }

    /// Returns true if the last frames are those with which a writer closes: a commit mark which
    /// says that everything before it was synced, and a hash probe.
    pub(super) fn is_closed(&self) -> bool {
        self.closed == Some(self.crc)
    }

    /// Returns true if the segment of the last frame was ended, so that the next frame belongs in
    /// the next segment.
    pub(super) fn is_segment_ended(&self) -> bool {
        let next = self.segment.as_ref().and_then(|segment| segment.frame(self.position.offset));
        next.is_some_and(|mut f| self.continues(&mut f) == Some(FrameKind::SegmentEnd))
    }

    /// Takes the caller's knowledge that everything up to a command is on the device.
    pub(super) fn learn_synced(&mut self, seqno: SeqNo) {
        self.synced = self.synced.max(seqno.0);
    }

    #[cold]
    fn learn(&mut self, kind: FrameKind, frame: &Frame) {
        let crc = frame.header.crc;
        match kind {
            FrameKind::EpochStart => {
                if let Some(start) = frame.body::<EpochStart>() {
                    self.epoch = start.epoch;
                    self.durability = Some(start.durability);
                }
            }
            FrameKind::SetDurability => {
                self.durability = frame.new_durability().or(self.durability)
            }
            FrameKind::CommitMark => {
                if let Some(mark) = frame.body::<CommitMark>() {
                    self.committed = self.committed.max(mark.committed);
                    self.synced = self.synced.max(mark.synced);
                    self.all_synced = (mark.synced == self.seqno).then_some(crc);
                }
            }
            FrameKind::HashProbe => {
                self.closed = (self.all_synced == Some(self.crc)).then_some(crc);
            }
            _ => {}
        }
    }

    /// Kind of a frame, if the frame has a length of that kind and continues the chain.
    #[inline]
    fn continues(&self, frame: &mut Frame) -> Option<FrameKind> {
        let kind = frame.kind_with_length()?;
        let seqno = self.seqno + u64::from(kind.is_command());
        (frame.header.seqno == seqno && frame.verify(self.crc)).then_some(kind)
    }

    /// Goes to the start of a segment; returns `false` if no writer has begun it.
    #[cold]
    fn go_to(&mut self, number: u64) -> Result<bool, JournalError> {
        let Some(segment) = ReadSegment::open(&self.dir, number, self.identity)? else {
            return Ok(false);
        };
        let Some(header) = segment.header else { return Ok(false) };
        let continues = (header.last_seqno, header.last_crc) == (self.seqno, self.crc);
        if !continues && !planted(Bug::BoundaryNotChecked) {
            let detail = format!(
                "the segment continues seqno {}, but the one before ends at {}",
                header.last_seqno, self.seqno
            );
            return Err(self.corrupt_at(Position { segment: number, offset: 0 }, detail));
        }
        if let Some(ended) = &self.segment {
            let end = self.position.offset as usize + FRAME_BYTES_MIN;
            if segment::last_set(&ended.bytes()[end..]).is_some() {
                let detail = "there are bytes behind the end of the segment";
                return Err(self.corrupt_here(detail));
            }
        }
        self.position = Position { segment: number, offset: PAGE_BYTES };
        self.segment = Some(segment);
        Ok(true)
    }

    /// Judges the end of the journal, after which no frame follows.
    #[cold]
    fn judge(&self) -> Result<(Tail, Behind), JournalError> {
        let next_segment = self.is_segment_ended() || self.segment.is_none();
        let here = self.segment.as_ref().filter(|_| !next_segment);
        let end = End {
            here: here.map(|segment| (segment, self.position.offset)),
            next: self.position.segment + u64::from(self.segment.is_some()),
            seqno: self.seqno,
            crc: self.crc,
        };
        let behind = Behind::look(&self.dir, self.identity, &end)?;
        let synced = self.synced.max(behind.synced);
        let committed = self.committed.max(behind.committed);
        let to = behind.to.unwrap_or(self.position);
        let tail = match decide(behind.follows, self.seqno, synced, committed, self.durability) {
            Decision::CleanEnd => Tail::Clean,
            Decision::TornTail => Tail::Torn { to },
            Decision::Lost(lost) => Tail::Lost { lost, to },
            Decision::Refuse(detail) => {
                let begin = Position { segment: end.next, offset: 0 };
                let at = if next_segment { begin } else { self.position };
                return Err(self.corrupt_at(at, detail));
            }
        };
        Ok((tail, behind))
    }

    /// Error at the position where the next frame should be.
    pub(super) fn corrupt_here(&self, detail: &str) -> JournalError {
        self.corrupt_at(self.position, detail.into())
    }

    fn corrupt_at(&self, at: Position, detail: String) -> JournalError {
        JournalError::Corrupt {
            path: segment::path_of(&self.dir, at.segment),
            offset: at.offset,
            seqno: self.seqno,
            detail,
        }
    }
}

/// Returns true if a segment has this place: the frame that ends there carries the place's seqno
/// and checksum. At the start of a segment, its header carries those of the last frame before.
fn carries(segment: &ReadSegment, place: &LogPlace) -> bool {
    let wanted = (place.seqno.0, place.crc);
    let offset = place.position.offset;
    let header = segment.header.map(|header| (header.last_seqno, header.last_crc));
    if offset == PAGE_BYTES {
        return header == Some(wanted);
    }
    let ends_there = |length: usize| {
        let at = offset.checked_sub(length as u64).filter(|&at| at >= PAGE_BYTES)?;
        let frame = segment.frame(at).filter(|frame| frame.bytes().len() == length)?;
        Some((frame.header.seqno, frame.header.crc))
    };
    header.is_some()
        && offset.is_multiple_of(FRAME_BYTES_MIN as u64)
        && FRAME_LENGTHS.iter().any(|&length| ends_there(length) == Some(wanted))
}
