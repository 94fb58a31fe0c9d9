//! Places at which a journal may have to be cut: behind each frame that is not known to be
//! committed.

use ringside_journal::LogPlace;
use ringside_model::domain::SeqNo;
use ringside_model::frame::{CommitMark, EpochStart, Frame, FrameKind};
use std::collections::VecDeque;

/// Places behind the last frames of a journal. They are few, because a commit mark follows after a
/// limited number of commands.
pub(super) struct Uncommitted {
    segment_bytes: u64,
    /// Everything before the first place is committed.
    places: VecDeque<LogPlace>,
}

impl Uncommitted {
    /// Returns the places of a journal in which nothing follows a committed place; `None` is the
    /// beginning of the journal.
    pub(super) fn behind(place: Option<LogPlace>, segment_bytes: u64) -> Self {
        Uncommitted {
            segment_bytes,
            places: VecDeque::from([place.unwrap_or(LogPlace::BEGINNING)]),
        }
    }

    /// Returns the places, in order; the last one is the end of the journal.
    pub(super) fn places(&self) -> &VecDeque<LogPlace> {
        &self.places
    }

    /// Adds the next frame of the journal. A commit mark drops the places before its command.
    pub(super) fn take(&mut self, frame: &Frame) {
        let mut place = self.last();
        let kind = frame.kind();
        place.position = place.position.behind(frame.bytes().len() as u64, self.segment_bytes);
        (place.seqno, place.crc) = (frame.seqno(), frame.header.crc);
        match kind {
            Some(FrameKind::EpochStart) => {
                place.epoch = frame.body().map_or(place.epoch, |start: &EpochStart| start.epoch);
            }
            Some(FrameKind::CommitMark) => {
                if let Some(mark) = frame.body::<CommitMark>() {
                    self.commit(SeqNo(mark.committed));
                }
            }
            Some(kind) if kind.is_command() => place.time = place.time.max(frame.time()),
            _ => {}
        }
        self.places.push_back(place);
    }

    fn last(&self) -> LogPlace {
        *self.places.back().expect("there is always a place")
    }

    /// Marks everything up to a command as committed, including its own frame, but not the
    /// bookkeeping behind it.
    fn commit(&mut self, seqno: SeqNo) {
        let seqno = seqno.min(self.last().seqno);
        let committed = self.places.partition_point(|place| place.seqno < seqno);
        self.places.drain(..committed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringside_model::domain::Nanos;

    #[test]
    fn what_a_mark_covers_goes_up_to_the_frame_of_its_command() {
        let mut uncommitted = Uncommitted::behind(None, 1 << 20);
        let mut seqno = 0;
        let mut take = |kind: FrameKind, mark: u64| {
            let mut frame = Frame::default();
            match kind {
                FrameKind::CommitMark => {
                    frame.write(kind, &CommitMark { committed: mark, synced: 0 });
                }
                kind => frame.write(kind, &[0u64]),
            }
            seqno += u64::from(kind.is_command());
            frame.seal(SeqNo(seqno), Nanos(0), 0);
            uncommitted.take(&frame);
            let seqnos: Vec<u64> = uncommitted.places().iter().map(|p| p.seqno.0).collect();
            (seqnos, uncommitted.places()[0].position.offset / 64 - 64)
        };
        use FrameKind::{Cancel, CommitMark as Mark};
        assert_eq!(take(Cancel, 0), (vec![0, 1], 0));
        assert_eq!(take(Cancel, 0), (vec![0, 1, 2], 0));
        assert_eq!(take(Mark, 0), (vec![0, 1, 2, 2], 0));
        assert_eq!(take(Cancel, 0), (vec![0, 1, 2, 2, 3], 0));
        // The place is behind the frame of command 2, and so before the mark that follows it.
        assert_eq!(take(Mark, 2), (vec![2, 2, 3, 3], 2));
        assert_eq!(take(Mark, 2), (vec![2, 2, 3, 3, 3], 2));
        assert_eq!(take(Mark, 9), (vec![3, 3, 3, 3], 4));
        assert_eq!(take(Mark, 3), (vec![3, 3, 3, 3, 3], 4));
    }
}
