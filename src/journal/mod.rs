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

mod device;
mod preparer;
mod reader;
mod recovery;
mod segment;
mod writer;

pub use device::{Device, Kernel, Step};
pub use preparer::prepare_ahead;
pub use reader::{Reader, Tail};
pub use recovery::{Cut, Recovered, recover};
pub use segment::{Identity, SEGMENT_BYTES_MIN};
pub use writer::{Lock, Writer};

use crate::domain::{Nanos, SeqNo};
use crate::durability::Durability;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a journal is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its folder, made if it does not exist.
    pub dir: PathBuf,
    /// When an append counts.
    pub durability: Durability,
    /// Commands from one hash probe to the next.
    pub probe_interval: u64,
    /// The length of each segment file in bytes, a multiple of 4096.
    pub segment_bytes: u64,
    /// How many segments are prepared ahead.
    pub segments_ready: usize,
    /// The number of the last segment that is prepared ahead: `u64::MAX` if there is no end.
    pub segments_last: u64,
    /// Whose journal it is.
    pub identity: Identity,
    /// What makes it durable: [`Kernel`], or what a test puts in its place.
    pub device: Arc<dyn Device>,
}

/// A place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The number of the segment file, from 1.
    pub segment: u64,
    /// The byte in that file.
    pub offset: u64,
}

/// Behind a frame of the journal, with all that is needed to go on there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Behind the frame.
    pub position: Position,
    /// The last command up to there.
    pub seqno: SeqNo,
    /// The latest official time.
    pub time: Nanos,
    /// The checksum of the frame.
    pub crc: u32,
    /// The run of a writer that wrote it.
    pub epoch: u64,
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
