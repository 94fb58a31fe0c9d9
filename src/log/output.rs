//! Files that lines go to. Every failure is a value: no line may end the process.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// Destination of the lines.
pub(super) enum Target {
    StandardError,
    File(File),
}

impl Target {
    /// Writes bytes of a line; returns their number. May wait for the reader of a pipe.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::StandardError => Ok(rustix::io::write(rustix::stdio::stderr(), bytes)?),
            Target::File(File(file)) => file.write(bytes),
        }
    }
}

/// File of a log, to which lines are appended.
pub(super) struct File(fs::File);

impl File {
    /// Opens a file, and creates it if there is none. Does not wait, also if the path is a pipe.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        options.custom_flags(OFlags::NONBLOCK.bits() as i32);
        Ok(File(options.open(path)?))
    }
}

/// Writes the bytes of a line. Returns their number, which is smaller after a failure.
pub(super) fn write_all(target: &mut Target, bytes: &[u8]) -> usize {
    /// Pause before a descriptor that somebody made non-blocking is tried again.
    const PAUSE: Duration = Duration::from_millis(5);
    let mut written = 0;
    while written < bytes.len() {
        match target.write(&bytes[written..]) {
            Ok(0) => break,
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
            Err(_) => break,
        }
    }
    written
}

/// Prints `ringside: MESSAGE` on standard error. If nobody reads there for a second, or the write
/// fails, the message is lost.
pub fn tell(message: fmt::Arguments<'_>) {
    const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
    let text = format!("ringside: {message}\n");
    let stderr = rustix::stdio::stderr();
    let is_ready = poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], Some(&PATIENCE));
    if is_ready.is_ok_and(|count| count > 0) {
        write_all(&mut Target::StandardError, text.as_bytes());
    }
}
