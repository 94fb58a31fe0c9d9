//! The journaler: stores the frames of a batch and keeps the promise of the durability mode before the
//! batch goes on. One sync for each batch, never a timer: that is the group commit.

use super::stage::{Consume, Fatal};
use crate::frame::Frame;
use crate::journal::Writer;

/// The journaler stage.
pub struct Journaler {
    writer: Writer,
    failed: Option<Fatal>,
}

impl Journaler {
    /// A stage that appends to a journal.
    pub fn new(writer: Writer) -> Self {
        Journaler { writer, failed: None }
    }

    /// The writer, when all is done.
    pub fn into_writer(self) -> Writer {
        self.writer
    }

    #[cold]
    fn fail(&mut self, seqno: u64, error: impl std::fmt::Display) {
        let what = format!("journal: {error} (seqno {seqno} was not acknowledged)");
        self.failed.get_or_insert(Fatal(what));
    }
}

impl Consume<Frame> for Journaler {
    #[inline]
    fn take(&mut self, frame: &Frame) {
        if self.failed.is_none()
            && let Err(error) = self.writer.append(frame)
        {
            self.fail(frame.header.seqno, error);
        }
    }

    #[inline]
    fn end_batch(&mut self) -> Result<(), Fatal> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        self.writer.commit().map_err(|error| Fatal(format!("journal: {error}")))
    }
}
