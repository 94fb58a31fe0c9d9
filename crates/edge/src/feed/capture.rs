//! Capture of the feed into a file, in the format of such files: each message after its length, and
//! a zero length at the end.
//!
//! The file holds the stream from its first message, also after a restart. The content of the file
//! is first compared with the stream, and nothing is changed before all of it has been compared.
//!
//! ```text
//! content of the file                          action
//! whole messages as in the stream              kept
//! part of a message, with zeros after it       removed, and written again
//! a zero length                                removed, and written again
//! another message than the stream has          refused; the file stays as it is
//! ```

use ringside_core::streams::{Cursor, StreamId, StreamReader};
use ringside_journal::access;
use ringside_wire::split_block;
use rustix::fs::OFlags;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Error that ends a capture.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Another process writes the file.
    #[error("{}: another process writes this file", .0.display())]
    InUse(PathBuf),
    /// The file holds another feed, or no feed.
    #[error(
        "{}: message {number} (byte {offset}) is not that of the feed: this is another feed's file, and it \
         is left as it is",
        path.display()
    )]
    OtherFeed {
        /// Path of the file.
        path: PathBuf,
        /// Number of the first message that differs.
        number: u64,
        /// Byte of the file at which that message begins.
        offset: u64,
    },
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        error: io::Error,
    },
}

/// Capture of the stream into a file.
pub struct Capture {
    path: PathBuf,
    file: File,
    reader: StreamReader,
    cursor: Cursor,
    state: State,
    /// While comparing: number of the first message that is not compared yet.
    next: u64,
    /// Number of leading bytes of the file that are equal to the stream.
    offset: u64,
    ending: bool,
    buffer: Box<[u8]>,
    /// Time before which the file is not tried again, after an error of the file system.
    pub(super) pauses_until: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The content of the file is compared with the stream.
    Comparing,
    Following,
    /// The zero length is written, and the file is on the device.
    Ended,
}

impl Capture {
    /// Opens or creates the file, and compares its beginning with the messages that the stream has
    /// now. Later steps compare the rest.
    pub fn open(path: &Path, mut reader: StreamReader) -> Result<Capture, CaptureError> {
        let failed = |error| CaptureError::Io { path: path.into(), error };
        // A name that the operator chose may be a link.
        let file = access::open_or_create(path, OFlags::empty()).map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => CaptureError::InUse(path.into()),
            TryLockError::Error(error) => failed(error),
        })?;
        let cursor = reader.cursor(StreamId::MARKET_DATA, 1).expect("every stream has a beginning");
        let mut capture = Capture {
            path: path.into(),
            file,
            reader,
            cursor,
            state: State::Comparing,
            next: 1,
            offset: 0,
            ending: false,
            buffer: vec![0; BLOCK_BYTES_MAX].into(),
            pauses_until: None,
        };
        capture.step()?;
        Ok(capture)
    }

    /// Processes a bounded piece of the stream; returns true if there may be more.
    pub fn step(&mut self) -> Result<bool, CaptureError> {
        const PIECES: usize = 64;
        for _ in 0..PIECES {
            let done = match self.state {
                State::Comparing => self.compare(),
                State::Following => self.follow(),
                State::Ended => Ok(true),
            };
            match done {
                Ok(true) => return Ok(false),
                Ok(false) => {}
                Err(Trouble::Differs) => {
                    let (path, number, offset) = (self.path.clone(), self.next, self.offset);
                    return Err(CaptureError::OtherFeed { path, number, offset });
                }
                Err(Trouble::Io(error)) => {
                    return Err(CaptureError::Io { path: self.path.clone(), error });
                }
            }
        }
        Ok(true)
    }

    /// Notes that the last message is published: the file ends after it.
    pub fn end_session(&mut self) {
        self.ending = true;
    }

    /// Returns true if the file is complete and on the device.
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Compares the next piece; returns true if there is nothing to do for now.
    fn compare(&mut self) -> Result<bool, Trouble> {
        let expected = self.reader.bytes(&mut self.cursor);
        let found = read_at(&self.file, self.offset, &mut self.buffer)?;
        let mut equal = 0;
        while let Some((message, _)) = split_block(&expected[equal..]) {
            let end = equal + 2 + message.len();
            if found.get(equal..end) != Some(&expected[equal..end]) {
                break;
            }
            (equal, self.next) = (end, self.next + 1);
        }
        self.offset += equal as u64;
        let verdict = match equal {
            0 => judge(found, self.file.metadata()?.len(), self.next, expected),
            _ => Verdict::Same,
        };
        self.cursor.advance(equal);
        match verdict {
            Verdict::Same => return Ok(false),
            Verdict::StreamIsBehind if self.ending => return Err(Trouble::Differs),
            Verdict::StreamIsBehind => return Ok(true),
            Verdict::Differs => return Err(Trouble::Differs),
            Verdict::Ends => {}
        }
        self.file.set_len(self.offset)?;
        self.state = State::Following;
        Ok(false)
    }

    /// Writes the next piece; returns true if there is nothing to do for now.
    fn follow(&mut self) -> Result<bool, Trouble> {
        let bytes = self.reader.bytes(&mut self.cursor);
        if !bytes.is_empty() {
            self.file.write_all_at(bytes, self.offset)?;
            let written = bytes.len();
            self.cursor.advance(written);
            self.offset += written as u64;
            return Ok(false);
        }
        if self.ending {
            self.file.write_all_at(&[0, 0], self.offset)?;
            self.file.sync_all()?;
            self.state = State::Ended;
        }
        Ok(true)
    }
}

/// Longest message with its length, in bytes.
const BLOCK_BYTES_MAX: usize = 2 + 0xFFFF;

/// Content of the file at the place of the stream's next message.
#[derive(Clone, Copy)]
enum Verdict {
    Same,
    /// Nothing, or part of a message.
    Ends,
    /// Some content, but the stream has no message there yet.
    StreamIsBehind,
    Differs,
}

/// Judges the bytes `found` in the file at the place where the stream goes on with `expected`, if
/// they are not equal.
fn judge(found: &[u8], file_bytes: u64, number: u64, expected: &[u8]) -> Verdict {
    let whole = split_block(found).is_some_and(|(message, _)| !message.is_empty());
    let zeros = found.iter().rev().take_while(|&&byte| byte == 0).count();
    let piece = expected.starts_with(&found[..found.len() - zeros]);
    match (found, expected) {
        ([], _) => Verdict::Ends,
        (_, []) if whole || number == 1 => Verdict::StreamIsBehind,
        // Nothing shows yet that this file belongs to the feed: content that may be anything is not
        // removed.
        _ if number == 1 && !(piece && file_bytes == found.len() as u64) => Verdict::Differs,
        _ if whole && !piece => Verdict::Differs,
        _ => Verdict::Ends,
    }
}

/// Reads as many bytes as the file has at `offset` and `into` can hold.
fn read_at<'a>(file: &File, offset: u64, into: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let mut length = 0;
    while length < into.len() {
        match file.read_at(&mut into[length..], offset + length as u64) {
            Ok(0) => break,
            Ok(bytes) => length += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(&into[..length])
}

enum Trouble {
    Differs,
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Io(error)
    }
}
