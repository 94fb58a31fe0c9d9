//! Folders of venues under test.

use rustix::fs::statvfs;
use std::path::Path;
use tempfile::TempDir;

/// Temporary folder in memory where there is room, so that a device that others keep busy is no part of a test. For
/// venues that are killed at most: a power cut or a full disk needs a file system of its own.
pub fn memory_folder() -> TempDir {
    const MEMORY: &str = "/dev/shm";
    /// Room for the segments and streams of a few venues.
    const ROOM_MIN: u64 = 2 << 30;
    let room = statvfs(Path::new(MEMORY)).map_or(0, |stat| stat.f_bavail * stat.f_frsize);
    let memory = (room >= ROOM_MIN).then(|| tempfile::tempdir_in(MEMORY).ok()).flatten();
    memory.unwrap_or_else(|| tempfile::tempdir().unwrap())
}
