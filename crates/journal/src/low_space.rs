//! Lack of space: not an error yet, as long as there are segments in reserve. A venue then rejects
//! new orders and still accepts cancels.

use super::JournalError;
use rustix::fs::statvfs;
use rustix::io::Errno;
use std::path::Path;

impl JournalError {
    /// Returns true if there was no space, or the quota was used up: freeing space helps.
    pub(super) fn is_out_of_space(&self) -> bool {
        matches!(self, JournalError::Io { source, .. } if is_out_of_space(source))
    }

    /// Returns true if the system was short of something that others give back, such as
    /// descriptors: another attempt may succeed.
    pub(super) fn is_transient(&self) -> bool {
        let JournalError::Io { source, .. } = self else { return false };
        let short = Errno::from_io_error(source);
        matches!(short, Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN))
    }
}

/// Returns true if an error says that there was no space, or that the quota was used up.
fn is_out_of_space(error: &std::io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOSPC | Errno::DQUOT))
}

/// Returns true if a file of `bytes` bytes would still fit. A file system that does not say is
/// assumed to have room: the reservation decides.
pub(super) fn has_room(dir: &Path, bytes: u64) -> bool {
    statvfs(dir).map_or(true, |found| found.f_bavail.saturating_mul(found.f_frsize) >= bytes)
}
