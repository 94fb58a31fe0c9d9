//! Turns of tests that need most of the machine: one at a time, whichever process, runner or checkout they belong to.

use rustix::fs::{FlockOperation, flock};
use std::fs::File;

/// A turn, which ends when this is dropped or its process ends.
pub struct Turn(#[expect(dead_code, reason = "the lock ends with the file")] File);

impl Turn {
    /// Waits for the turn of this name.
    pub fn take(name: &str) -> Turn {
        let path = std::env::temp_dir().join(format!("ringside-tests-{name}.lock"));
        let file = File::options().create(true).append(true).open(&path);
        let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        flock(&file, FlockOperation::LockExclusive).expect("a file can be locked");
        Turn(file)
    }
}
