//! The replicator: holds a command back until enough standbys have it. It reads the same slots as the
//! journaler, and the matchers wait for both. With no standby configured it lets everything pass.

use super::stage::{Consume, Fatal};
use crate::frame::Frame;

/// The replicator stage.
#[derive(Default)]
pub struct Replicator {}

impl Consume<Frame> for Replicator {
    #[inline]
    fn take(&mut self, _frame: &Frame) {}

    #[inline]
    fn end_batch(&mut self) -> Result<(), Fatal> {
        Ok(())
    }
}
