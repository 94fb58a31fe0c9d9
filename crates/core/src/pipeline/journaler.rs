//! The journaler: appends the frames of a batch to the journal and keeps the promise of the
//! durability mode before the batch goes on. Under `fsync` one sync covers the whole batch; there
//! is no timer.

use super::sequencer::Control;
use super::stage::{Consume, Fatal};
use crate::commit_point::CommitPoint;
use ringside_journal::{JournalError, Writer};
use ringside_model::domain::SeqNo;
use ringside_model::durability::Durability;
use ringside_model::frame::Frame;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Stage that appends frames to the journal.
pub(crate) struct Journaler<'a> {
    writer: Writer,
    /// Receives the end of the stored journal after each batch.
    commit_point: Option<Arc<CommitPoint>>,
    control: &'a Control,
    /// Last value stored in `control.synced`.
    synced: SeqNo,
    failed: Option<Fatal>,
}

impl<'a> Journaler<'a> {
    /// Returns a stage that appends to a journal.
    pub(super) fn new(
        writer: Writer,
        commit_point: Option<Arc<CommitPoint>>,
        control: &'a Control,
    ) -> Self {
        Journaler { writer, commit_point, control, synced: SeqNo(0), failed: None }
    }

    /// Returns the writer after the stage has ended.
    pub(crate) fn into_writer(self) -> Writer {
        self.writer
    }

    /// Appends a frame. A new durability mode takes effect behind its own command.
    #[inline]
    fn append(&mut self, frame: &Frame) -> Result<(), JournalError> {
        self.writer.append(frame)?;
        match frame.new_durability() {
            Some(durability) => self.writer.set_durability(durability),
            None => Ok(()),
        }
    }

    #[cold]
    fn fail(&mut self, seqno: u64, error: impl std::fmt::Display) {
        // The frame is a command or a mark of the last command. Under `volatile` later commands may
        // have been acknowledged already.
        let what = format!("journal: {error} (stopped at seqno {seqno})");
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
        // The synced seqno of a commit mark must hold for the devices of all standbys. Standbys
        // sync in the background except under `fsync`, so a replicated venue reports it only in
        // that mode.
        let is_told = self.commit_point.is_none() || self.writer.durability() == Durability::Fsync;
        let synced = self.writer.synced();
        if synced != self.synced && is_told {
            // Stored only on a change: the cache line is shared with stages on other cores.
            self.control.synced.store(synced.0, Ordering::Relaxed);
            self.synced = synced;
        }
        Ok(())
    }
}
