//! Evidence after the last good frame, on which the table in `recovery.rs` decides.

use super::segment::{self, Identity, PAGE_BYTES, ReadSegment};
use super::{JournalError, Position};
use ringside_model::frame::{CommitMark, FRAME_BYTES_MIN, FRAME_LENGTHS, Frame, FrameKind};
use std::path::Path;

/// Content after the last good frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    /// Only zeros, and no segment is missing.
    Zeros,
    /// Bytes where the next frame belongs, and only zeros in the segments after that.
    Bytes,
    /// Bytes in a segment after the one where the next frame belongs.
    Later,
    /// Only zeros, but a segment is missing before the last one.
    Gap,
}

/// End of the good frames.
pub(super) struct End<'a> {
    /// Segment where the next frame belongs, and the offset in it; `None` if that segment is not
    /// begun.
    pub here: Option<(&'a ReadSegment, u64)>,
    /// Number of the first segment that no good frame was read from.
    pub next: u64,
    /// Seqno of the last good command.
    pub seqno: u64,
    /// Checksum of the last good frame.
    pub crc: u32,
}

/// Segment after the end that cannot stay in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Later {
    pub number: u64,
    /// True if the segment holds only zeros.
    pub blank: bool,
}

/// Evidence after the last good frame.
#[derive(Debug)]
pub(super) struct Behind {
    pub follows: Follows,
    /// Position after the last byte that is not zero, if there is one.
    pub to: Option<Position>,
    /// Number of bytes after the good frames, up to the last byte of their segment that is not
    /// zero.
    pub rest_bytes: u64,
    /// Later segments, from the first one that holds bytes or follows a gap, in rising order.
    pub later: Vec<Later>,
    /// Highest seqno known to have been committed; 0 without evidence.
    pub committed: u64,
    /// Highest seqno known to have been synced to the device.
    pub synced: u64,
}

impl Behind {
    /// Examines everything after the end, in all segments.
    pub(crate) fn look(
        dir: &Path,
        identity: Identity,
        end: &End<'_>,
    ) -> Result<Behind, JournalError> {
        let mut behind = Behind {
            follows: Follows::Zeros,
            to: None,
            rest_bytes: 0,
            later: vec![],
            committed: 0,
            synced: 0,
        };
        if let Some((segment, offset)) = end.here
            && let Some(last) = segment::last_set(&segment.bytes()[offset as usize..])
        {
            behind.rest_bytes = last as u64 + 1;
            behind.to =
                Some(Position { segment: end.next - 1, offset: offset + behind.rest_bytes });
            behind.follows = Follows::Bytes;
            behind.scan(segment, offset, end.crc);
        }
        let gap = behind.look_at_later(dir, identity, end)?;
        if gap && behind.follows == Follows::Zeros {
            behind.follows = Follows::Gap;
        }
        behind.look_at_digests(dir, identity, end)?;
        Ok(behind)
    }

    /// Examines the segments that no good frame was read from. Returns true if one is missing
    /// before another.
    fn look_at_later(
        &mut self,
        dir: &Path,
        identity: Identity,
        end: &End<'_>,
    ) -> Result<bool, JournalError> {
        let mut numbers = segment::list(dir)?;
        numbers.retain(|&number| number >= end.next);
        let mut gap = false;
        for (number, expected) in numbers.into_iter().zip(end.next..) {
            let Some(segment) = ReadSegment::open(dir, number, identity)? else { continue };
            // A file gets its name when it has its length, so an empty file counts as missing.
            gap |= number != expected || segment.len() == 0;
            let last = segment::last_set(segment.bytes());
            if let Some(last) = last {
                let is_next = number == end.next && end.here.is_none();
                self.follows = if is_next { Follows::Bytes } else { Follows::Later };
                self.to = Some(Position { segment: number, offset: last as u64 + 1 });
                let header = segment.header;
                self.committed = self.committed.max(header.map_or(0, |header| header.last_seqno));
                self.scan(&segment, PAGE_BYTES, header.map_or(end.crc, |header| header.last_crc));
            }
            if gap || last.is_some() || !self.later.is_empty() {
                self.later.push(Later { number, blank: last.is_none() });
            }
        }
        Ok(gap)
    }

    /// Looks for frames that prove commits, in a segment from an offset on. `before` is the
    /// checksum of the frame before that offset.
    ///
    /// A frame is valid if its checksum is seeded by the checksum stored in the frame before it,
    /// damaged or not. If the damage is in that stored checksum, the seed is the checksum that the
    /// frame before should have.
    fn scan(&mut self, segment: &ReadSegment, from: u64, before: u32) {
        let first = segment.frame(from);
        let should_have =
            first.map(|frame| (from + frame.bytes().len() as u64, frame.checksum(before)));
        for offset in (from..segment.len()).step_by(FRAME_BYTES_MIN) {
            let Some(frame) = segment.frame(offset).filter(speaks_of_commits) else { continue };
            let stored = FRAME_LENGTHS.map(|length| {
                let at = offset.checked_sub(length as u64).filter(|&at| at >= PAGE_BYTES);
                at.map(|at| segment.stored_crc(at))
            });
            let repaired = should_have.filter(|(at, _)| *at == offset).map(|(_, crc)| crc);
            let begin = (offset == from).then_some(before);
            let mut seeds = stored.into_iter().chain([repaired, begin]).flatten();
            if seeds.any(|seed| frame.checksum(seed) == frame.header.crc) {
                self.learn(&frame);
            }
        }
    }

    /// Takes the evidence of a frame: a commit mark names the commands, the start of a run proves
    /// all commands before it.
    fn learn(&mut self, frame: &Frame) {
        let mark =
            frame.body::<CommitMark>().filter(|_| frame.kind() == Some(FrameKind::CommitMark));
        let (committed, synced) =
            mark.map_or((frame.header.seqno, 0), |mark| (mark.committed, mark.synced));
        self.committed = self.committed.max(committed);
        self.synced = self.synced.max(synced);
    }

    /// Takes the evidence of digests. A segment has a digest only after all of it was synced, so
    /// everything damaged in it had been on the device.
    fn look_at_digests(
        &mut self,
        dir: &Path,
        identity: Identity,
        end: &End<'_>,
    ) -> Result<(), JournalError> {
        let ends_in = end.next - u64::from(end.here.is_some());
        let Some(sealed) = segment::list_digests(dir)?.pop().filter(|&last| last >= ends_in) else {
            return Ok(());
        };
        let next = ReadSegment::open(dir, sealed + 1, identity)?.and_then(|next| next.header);
        let last_seqno = next.map_or(0, |header| header.last_seqno);
        self.synced = self.synced.max(last_seqno).max(end.seqno + 1);
        Ok(())
    }
}

fn speaks_of_commits(frame: &Frame) -> bool {
    matches!(frame.kind_with_length(), Some(FrameKind::CommitMark | FrameKind::EpochStart))
}
