//! Folders of venues under test.

use rustix::fs::statvfs;
use std::path::Path;
use tempfile::TempDir;

/// Returns a temporary folder, in memory if there is room, so that a busy device does not affect a
/// test. Tests may kill a venue there, but a power cut or a full disk needs a file system of its
/// own.
pub fn memory_folder() -> TempDir {
    const MEMORY: &str = "/dev/shm";
    /// Room for the segments and streams of a few venues, in bytes.
    const ROOM_MIN: u64 = 2 << 30;
    let room = statvfs(Path::new(MEMORY)).map_or(0, |stat| stat.f_bavail * stat.f_frsize);
    let memory = (room >= ROOM_MIN).then(|| tempfile::tempdir_in(MEMORY).ok()).flatten();
    memory.unwrap_or_else(|| tempfile::tempdir().unwrap())
}
