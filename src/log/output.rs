//! Files that lines go to. Every failure is a value: no line may end the process.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// Number of bytes that a pipe takes at once (`PIPE_BUF`) if `poll` says that it takes any.
const PART_BYTES: usize = 4096;

/// Destination of the lines.
pub(super) struct Target {
    /// `None` for standard error.
    file: Option<fs::File>,
    /// True if the last line was cut: the next one begins behind the end of a line.
    is_torn: bool,
}

impl Target {
    pub(super) fn standard_error() -> Self {
        Target { file: None, is_torn: false }
    }

    /// Opens a file, to which lines are appended, and creates it if there is none. Does not wait,
    /// also if the path is a pipe.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let file = options.custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?;
        // Only a regular file has a length.
        let length = file.metadata()?.len();
        Ok(Target { file: Some(file), is_torn: ends_within_a_line(path, length) })
    }

    /// Writes a line. Waits for the reader of a pipe until `gives_up` returns true. Returns false
    /// if the line does not fit.
    pub(super) fn write_line(&mut self, line: &str, gives_up: impl Fn() -> bool) -> bool {
        let text = if self.is_torn { format!("\n{line}") } else { line.into() };
        let written = self.write_all(text.as_bytes(), gives_up);
        let fits = written == text.len();
        self.is_torn = !fits && (self.is_torn || written > 0);
        fits
    }

    /// Writes bytes. Returns their number, which is smaller after a failure or if it gives up.
    fn write_all(&self, bytes: &[u8], gives_up: impl Fn() -> bool) -> usize {
        /// Pause after a write to a descriptor that was ready and took nothing.
        const PAUSE: Duration = Duration::from_millis(5);
        let mut written = 0;
        while written < bytes.len() {
            if !self.is_ready() {
                if gives_up() {
                    break;
                }
                continue;
            }
            let end = bytes.len().min(written + PART_BYTES);
            match rustix::io::write(self.descriptor(), &bytes[written..end]) {
                Ok(0) => break,
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => std::thread::sleep(PAUSE),
                Err(_) => break,
            }
        }
        written
    }

    /// Waits at most 100 ms until a write does not wait. Returns true also if a write would fail.
    fn is_ready(&self) -> bool {
        const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        let mut out = [PollFd::from_borrowed_fd(self.descriptor(), PollFlags::OUT)];
        poll(&mut out, Some(&WAIT)).is_ok_and(|count| count > 0)
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_ref().map_or(rustix::stdio::stderr(), |file| file.as_fd())
    }
}

/// Returns true if a file of this length ends without an end of line. A file that cannot be read
/// counts as whole.
fn ends_within_a_line(path: &Path, length: u64) -> bool {
    let Some(place) = length.checked_sub(1) else { return false };
    let mut options = fs::OpenOptions::new();
    let mut last = [0];
    let file = options.read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path);
    file.and_then(|file| file.read_exact_at(&mut last, place)).is_ok() && last != *b"\n"
}

/// Prints `ringside: MESSAGE` on standard error. If nobody reads there for a second, or the write
/// fails, the message is lost.
pub fn tell(message: fmt::Arguments<'_>) {
    const PATIENCE: Duration = Duration::from_secs(1);
    let text = format!("ringside: {message}\n");
    let deadline = Instant::now() + PATIENCE;
    Target::standard_error().write_all(text.as_bytes(), || Instant::now() >= deadline);
}
