//! The journaler: stores the frames of a batch and keeps the promise of the durability mode before the
//! batch goes on. One sync for each batch, never a timer: that is the group commit.

use super::sequencer::Control;
use super::stage::{Consume, Fatal};
use crate::commit_point::CommitPoint;
use ringside_journal::{JournalError, Writer};
use ringside_model::domain::SeqNo;
use ringside_model::durability::Durability;
use ringside_model::frame::{Frame, FrameKind, SetDurability};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The journaler stage.
pub(crate) struct Journaler<'a> {
    writer: Writer,
    /// Hears how far the journal goes.
    commit_point: Option<Arc<CommitPoint>>,
    control: &'a Control,
    /// What `control` was told last.
    synced: SeqNo,
    failed: Option<Fatal>,
}

impl<'a> Journaler<'a> {
    /// A stage that appends to a journal.
    pub(super) fn new(
        writer: Writer,
        commit_point: Option<Arc<CommitPoint>>,
        control: &'a Control,
    ) -> Self {
        Journaler { writer, commit_point, control, synced: SeqNo(0), failed: None }
    }

    /// The writer, when all is done.
    pub(crate) fn into_writer(self) -> Writer {
        self.writer
    }

    /// Appends a frame. A mode changes behind its own command.
    #[inline]
    fn append(&mut self, frame: &Frame) -> Result<(), JournalError> {
        self.writer.append(frame)?;
        if frame.header.kind == FrameKind::SetDurability as u8 {
            self.set_durability(frame)?;
        }
        Ok(())
    }

    #[cold]
    fn set_durability(&mut self, frame: &Frame) -> Result<(), JournalError> {
        match frame.body::<SetDurability>() {
            Some(body) if frame.header.verdict == 0 => self.writer.set_durability(body.durability),
            _ => Ok(()),
        }
    }

    #[cold]
    fn fail(&mut self, seqno: u64, error: impl std::fmt::Display) {
        let what = format!("journal: {error} (seqno {seqno} was not acknowledged)");
        self.failed.get_or_insert(Fatal(what));
    }
}

impl Consume<Frame> for Journaler<'_> {
    #[inline]
    fn take(&mut self, frame: &Frame) {
        if self.failed.is_none()
            && let Err(error) = self.append(frame)
        {
            self.fail(frame.header.seqno, error);
        }
    }

    #[inline]
    fn end_batch(&mut self) -> Result<(), Fatal> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        self.writer.commit().map_err(|error| Fatal(format!("journal: {error}")))?;
        if let Some(commit_point) = &self.commit_point {
            commit_point.stores(self.writer.position());
        }
        // What a commit mark says of the device must be true of those of all standbys: of segments that are synced at
        // leisure it says nothing to them.
        let is_told = self.commit_point.is_none() || self.writer.durability() == Durability::Fsync;
        let synced = self.writer.synced();
        if synced != self.synced && is_told {
            // Only then: the line is shared with stages on other cores.
            self.control.synced.store(synced.0, Ordering::Relaxed);
            self.synced = synced;
        }
        Ok(())
    }
}
