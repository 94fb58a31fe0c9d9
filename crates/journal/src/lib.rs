//! The journal: an append-only log of frames in memory-mapped, preallocated segments. It is the only
//! truth: whatever left the process can be rebuilt from it.
//!
//! ```text
//!  DIR/LOCK                one process writes
//!  DIR/00000001.seg        header page, frames, segment end
//!  DIR/00000002.seg        header page, frames …
//!  DIR/00000001.sha256     segment 1 is full and wholly on the device; this is its digest
//!  DIR/00000003.seg        prepared: still zeros
//!  DIR/00000002.cut-1234   what a recovery took out behind seqno 1234
//! ```
//!
//! `segment.rs` knows the bytes of a file and the mapping, and `writer.rs` appends. Three threads work
//! for it: `preparer.rs` has the next files ready, `toucher.rs` keeps the pages in front of the writer
//! writable, `seal.rs` puts full files on the device. Each step that makes something durable passes
//! through `device.rs`; `filesystem.rs` says whether a folder is worth such a step, `low_space.rs` what
//! a full disk means, `bus_error.rs` what a page that is gone means. `reader.rs` walks and checks,
//! `read_ahead.rs` does so on a thread of its own, `damage.rs` looks behind the last good frame and
//! `recovery.rs` decides what is found there, `cut.rs` takes it away; `follow.rs` reads what is being written, `retire.rs` removes
//! what nobody needs. The journal knows frames; it does not know what a command means.

#![warn(unreachable_pub)]

mod bus_error;
mod cut;
mod damage;
mod device;
mod filesystem;
mod follow;
pub mod low_priority;
mod low_space;
mod preparer;
mod read_ahead;
mod reader;
mod recovery;
mod retire;
mod seal;
mod segment;
mod toucher;
mod writer;

pub use cut::{Cut, cut_behind, open_end_again};
pub use device::{Device, Kernel, Step, replace_file};
pub use follow::Follower;
pub use preparer::prepare_ahead;
pub use read_ahead::read_ahead;
pub use reader::{Reader, Tail};
pub use recovery::{Lost, Recovered, recover};
pub use retire::retire;
pub use seal::check_digests;
pub use segment::{Identity, SEGMENT_BYTES_MIN};
pub use writer::{Lock, Writer};

use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::FRAME_BYTES_MIN;
pub use segment::PAGE_BYTES;
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
    /// Whether `fsync` is accepted on a file system that is known not to keep what it syncs.
    pub any_filesystem: bool,
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

impl Position {
    /// Where a frame of so many bytes ends that is stored behind this: in the same segment, or in the next one if there
    /// is no room for it and for the end of the segment.
    #[inline]
    pub fn behind(self, frame_bytes: u64, segment_bytes: u64) -> Position {
        let fits = self.offset + frame_bytes + FRAME_BYTES_MIN as u64 <= segment_bytes;
        let Position { segment, offset } =
            if fits { self } else { Position { segment: self.segment + 1, offset: PAGE_BYTES } };
        Position { segment, offset: offset + frame_bytes }
    }
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

impl Place {
    /// Before the first frame of a journal.
    pub const BEGINNING: Place = Place {
        position: Position { segment: 1, offset: PAGE_BYTES },
        seqno: SeqNo(0),
        time: Nanos(0),
        crc: 0,
        epoch: 0,
    };
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
    /// Its first segments are not there any more.
    #[error(
        "{path}: the journal begins here, at segment {segment} with seqno {seqno}: what came \
             before needs a snapshot"
    )]
    Retired {
        /// The first segment file.
        path: PathBuf,
        /// Its number.
        segment: u64,
        /// The number of its first command.
        seqno: u64,
    },
    /// It does not have a place that was known from elsewhere.
    #[error("{path}: the journal has no place at offset {offset} behind seqno {seqno}: {detail}")]
    NoSuchPlace {
        /// The segment file.
        path: PathBuf,
        /// The byte in it.
        offset: u64,
        /// The last command before it.
        seqno: u64,
        /// What is wrong.
        detail: &'static str,
    },
    /// The folder is on a file system that cannot keep the promise of `fsync`.
    #[error(
        "{dir}: {name} does not keep what fsync promises: put journal.dir on a local ext4 or XFS file \
         system, choose another journal.durability, or set journal.any_filesystem = true"
    )]
    Filesystem {
        /// The folder.
        dir: PathBuf,
        /// The type of its file system.
        name: String,
    },
    /// An error came before, and was told then: what is appended now could not be acknowledged.
    #[error("the journal has failed before; nothing more is acknowledged")]
    Stopped,
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

/// Whether a folder holds a journal.
pub fn exists(dir: &Path) -> Result<bool, JournalError> {
    Ok(!segment::list(dir)?.is_empty())
}

/// The first segment that is still there; `None` if none was made yet.
pub fn first_segment(dir: &Path) -> Result<Option<u64>, JournalError> {
    Ok(segment::list(dir)?.first().copied())
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
