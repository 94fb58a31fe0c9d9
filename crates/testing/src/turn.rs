//! Turns of tests that need most of the machine: one test at a time, over all processes, runners
//! and checkouts.

use rustix::fs::{FlockOperation, flock};
use std::fs::File;

/// A turn, which ends on drop or with its process.
pub struct Turn(#[expect(dead_code, reason = "the lock ends with the file")] File);

impl Turn {
    /// Waits for the turn of this name and takes it.
    pub fn take(name: &str) -> Turn {
        let path = std::env::temp_dir().join(format!("ringside-tests-{name}.lock"));
        let file = File::options().create(true).append(true).open(&path);
        let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        flock(&file, FlockOperation::LockExclusive).expect("a file can be locked");
        Turn(file)
    }
}
