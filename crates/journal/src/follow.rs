//! Follows a journal while another thread or process writes it.
//!
//! A follower returns committed frames only: a frame waits until a commit mark that was read covers
//! it. A follower never judges the journal and never writes. If the next frame is not there yet,
//! its segment is not begun, or its bytes are damaged, there is just no next frame. A segment of
//! another format or another venue is an error.

use super::device::sync_dir;
use super::segment::{self, Identity};
use super::{Device, JournalError, LogPlace, Position, Reader, Step};
use ringside_model::durability::Durability;
use ringside_model::frame::Frame;
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Reader of the committed part of a growing journal.
pub struct TailReader {
    dir: PathBuf,
    reader: Reader,
    /// Frames that no commit mark covers yet.
    waiting: VecDeque<Waiting>,
    given: LogPlace,
    durability: Option<Durability>,
}

struct Waiting {
    frame: Frame,
    place: LogPlace,
    durability: Option<Durability>,
}

impl TailReader {
    /// Follows a journal from its first frame. The folder may still be empty.
    pub fn open(dir: &Path, identity: Identity) -> Result<Self, JournalError> {
        Ok(TailReader::new(dir, Reader::open(dir, identity)?))
    }

    /// Follows a journal from a place on, see [`Reader::open_behind`]. Everything before the place
    /// counts as committed.
    pub fn open_behind(
        dir: &Path,
        identity: Identity,
        place: &LogPlace,
        durability: Option<Durability>,
    ) -> Result<Self, JournalError> {
        Ok(TailReader::new(dir, Reader::open_behind(dir, identity, place, durability)?))
    }

    fn new(dir: &Path, reader: Reader) -> Self {
        let (given, durability) = (reader.place(), reader.durability());
        TailReader { dir: dir.to_path_buf(), reader, waiting: VecDeque::new(), given, durability }
    }

    /// Returns the next committed frame, or bookkeeping between two of them; `None` if there is
    /// nothing more at the moment. That check costs almost nothing.
    #[expect(clippy::should_implement_trait, reason = "an iterator that ends would be over")]
    pub fn next(&mut self) -> Result<Option<Frame>, JournalError> {
        loop {
            let committed = self.reader.committed();
            if self.waiting.front().is_some_and(|next| next.frame.seqno() <= committed) {
                return Ok(self.waiting.pop_front().map(|next| self.give(next)));
            }
            let Some(frame) = self.read()? else { return Ok(None) };
            let (place, durability) = (self.reader.place(), self.reader.durability());
            self.waiting.push_back(Waiting { frame, place, durability });
        }
    }

    /// Returns the next stored frame, committed or not, for a caller that takes part in committing
    /// it. Not to be mixed with [`next`](Self::next).
    pub fn next_stored(&mut self) -> Result<Option<Frame>, JournalError> {
        self.read()
    }

    /// Returns the next frame, committed or not, for a caller that has stored it; fails if the
    /// frame is gone. Not to be mixed with [`next`](Self::next).
    pub fn next_known(&mut self) -> Result<Frame, JournalError> {
        let mut frame = Frame::default();
        match self.reader.advance(&mut frame)? {
            true => Ok(frame),
            false => Err(self.reader.corrupt_here("a frame that was stored is not there any more")),
        }
    }

    /// Writes everything up to [`place`](Self::place) to the device, for a caller that is about to
    /// rely on it.
    pub fn sync(&self, device: &dyn Device) -> Result<(), JournalError> {
        for number in segment::list(&self.dir)? {
            // A segment has a digest only after all of it was synced.
            let is_synced = segment::digest_path_of(&self.dir, number).exists();
            if number <= self.given.position.segment && !is_synced {
                let path = segment::path_of(&self.dir, number);
                device
                    .perform(Step::SyncFile(&path), &mut || File::open(&path)?.sync_data())
                    .map_err(JournalError::io(&path, "sync"))?;
            }
        }
        sync_dir(device, &self.dir)
    }

    /// Number of the newest segment that is begun now; 0 if none is.
    pub fn newest_segment(&self) -> Result<u64, JournalError> {
        for number in segment::list(&self.dir)?.into_iter().rev() {
            if segment::is_begun(&self.dir, number)? {
                return Ok(number);
            }
        }
        Ok(0)
    }

    /// Place after the last frame returned.
    pub fn place(&self) -> LogPlace {
        self.given
    }

    /// Mode in force after the last frame returned; `None` before the first.
    pub fn durability(&self) -> Option<Durability> {
        self.durability
    }

    /// Position at which the next frame is expected.
    pub fn waiting_at(&self) -> Position {
        self.reader.position()
    }

    fn give(&mut self, next: Waiting) -> Frame {
        self.given = next.place;
        self.durability = next.durability;
        next.frame
    }

    fn read(&mut self) -> Result<Option<Frame>, JournalError> {
        let mut frame = Frame::default();
        match self.reader.advance(&mut frame) {
            // Another format or another venue stays an error: a header names them only once it is
            // complete and matches its checksum.
            Err(JournalError::Corrupt { .. }) => Ok(None),
            found => Ok(found?.then_some(frame)),
        }
    }
}
