//! What it means that there is no space: not yet an error, as long as there are segments in reserve. A
//! venue refuses new orders then and goes on to take cancels.

use super::JournalError;
use rustix::fs::statvfs;
use rustix::io::Errno;
use std::path::Path;

impl JournalError {
    /// Whether there was no space, or the quota was used up: freeing some helps.
    pub(super) fn is_out_of_space(&self) -> bool {
        matches!(self, JournalError::Io { source, .. } if is_out_of_space(source))
    }
}

/// Whether an error says that there was no space, or that the quota was used up.
fn is_out_of_space(error: &std::io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOSPC | Errno::DQUOT))
}

/// Whether a file of so many bytes would still fit. A file system that does not say is taken to have
/// room: the reservation will tell.
pub(super) fn has_room(dir: &Path, bytes: u64) -> bool {
    statvfs(dir).map_or(true, |found| found.f_bavail.saturating_mul(found.f_frsize) >= bytes)
}
