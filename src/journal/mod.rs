//! The journal: an append-only log of frames in memory-mapped, preallocated segments. It is the only
//! truth: whatever left the process can be rebuilt from it.
//!
//! ```text
//!  DIR/LOCK                one process writes
//!  DIR/00000001.seg        header page, frames, segment end
//!  DIR/00000002.seg        header page, frames …
//!  DIR/00000003.seg        prepared: still zeros
//!  DIR/00000002.cut-1234   a torn tail that a recovery took out after seqno 1234
//! ```
//!
//! `segment.rs` knows the bytes of a file and the mapping, `writer.rs` appends, `preparer.rs` has the
//! next files ready, `reader.rs` walks and checks, `recovery.rs` decides what the end of a journal
//! means. The journal knows frames; it does not know what a command means.

mod preparer;
mod reader;
mod recovery;
mod segment;
mod writer;

pub use preparer::prepare_ahead;
pub use reader::{Reader, Tail};
pub use recovery::{Cut, Recovered, recover};
pub use segment::{Identity, SEGMENT_BYTES_MIN};
pub use writer::{Lock, Writer};

use crate::domain::byte_enum;
use std::path::{Path, PathBuf};

byte_enum! {
    /// What an acknowledgement means.
    Durability {
        /// It was sequenced. A process kill loses it: nobody waits for the journal.
        Volatile = 0 "volatile",
        /// It is in the page cache. A process kill keeps it, a crash of the operating system may lose
        /// the last seconds.
        Pagecache = 1 "pagecache",
        /// It was synced to the device. A power cut keeps it.
        Fsync = 2 "fsync",
    }
}

impl Durability {
    /// What an acknowledgement is worth, for people.
    pub fn promise(self) -> &'static str {
        match self {
            Durability::Volatile => {
                "nobody waits for the journal; a kill loses what was acknowledged last"
            }
            Durability::Pagecache => "an acknowledged command survives a kill, not a power cut",
            Durability::Fsync => {
                "an acknowledged command is on the device and survives a power cut"
            }
        }
    }
}

impl std::str::FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.iter().map(|mode| mode.name()).collect::<Vec<_>>().join(", ");
        Self::ALL
            .iter()
            .copied()
            .find(|mode| mode.name() == text)
            .ok_or_else(|| format!("unknown durability {text:?}, expected one of {}", known()))
    }
}

/// How a journal is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its folder, made if it does not exist.
    pub dir: PathBuf,
    /// When an append counts.
    pub durability: Durability,
    /// The length of each segment file in bytes, a multiple of 4096.
    pub segment_bytes: u64,
    /// How many segments are prepared ahead.
    pub segments_ready: usize,
    /// The number of the last segment that is prepared ahead: `u64::MAX` if there is no end.
    pub segments_last: u64,
    /// Whose journal it is.
    pub identity: Identity,
}

/// A place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The number of the segment file, from 1.
    pub segment: u64,
    /// The byte in that file.
    pub offset: u64,
}

/// What can go wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system said no.
    #[error("{path}: cannot {action}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What it said.
        source: std::io::Error,
    },
    /// Another process writes it.
    #[error("{path}: the journal is in use by another process")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// There is no journal.
    #[error("{dir}: no journal here (no file like 00000001.seg)")]
    Missing {
        /// The folder.
        dir: PathBuf,
    },
    /// It is another one than was asked for.
    #[error("{path}: {what} is {found}, but this program and its config want {wanted}")]
    Mismatch {
        /// The segment file.
        path: PathBuf,
        /// Which value of its header.
        what: &'static str,
        /// The value there.
        found: String,
        /// The value wanted.
        wanted: String,
    },
    /// Committed data is damaged or gone.
    #[error("{path}: corrupt at offset {offset}, after seqno {seqno}: {detail}")]
    Corrupt {
        /// The segment file.
        path: PathBuf,
        /// The byte in it.
        offset: u64,
        /// The last good sequence number before it.
        seqno: u64,
        /// What is wrong.
        detail: String,
    },
}

impl JournalError {
    fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> JournalError {
        let path = path.to_path_buf();
        move |source| JournalError::Io { path, action, source }
    }

    fn errno(path: &Path, action: &'static str) -> impl FnOnce(rustix::io::Errno) -> JournalError {
        let path = path.to_path_buf();
        move |errno| JournalError::Io { path, action, source: errno.into() }
    }
}
