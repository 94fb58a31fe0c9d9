//! Journal: an append-only log of frames in memory-mapped, preallocated segments. The journal is
//! the only truth: everything that left the process can be rebuilt from it.
//!
//! ```text
//!  DIR/                    locked: one process writes
//!  DIR/LOCK                locked, too, for older versions
//!  DIR/00000001.seg        header page, frames, segment end
//!  DIR/00000002.seg        header page, frames …
//!  DIR/00000001.sha256     digest of segment 1, which is full and completely on the device
//!  DIR/00000003.seg        prepared: still zeros
//!  DIR/00000002.cut-1234   bytes that a recovery cut off after seqno 1234
//! ```
//!
//! `lock.rs` keeps other writers out, and `access.rs` makes files and folders and says who may read
//! them, also those beside the journal. `segment.rs` has the bytes of a file and the mapping;
//! `writer.rs` appends. Three threads work for the writer: `preparer.rs` prepares the next files,
//! `toucher.rs` keeps the pages ahead of the writer writable, and `seal.rs` puts full files on the
//! device. Each step that makes something durable passes through `device.rs`. `filesystem.rs`
//! checks if a folder is worth such a step, `low_space.rs` handles a full disk, and `bus_error.rs`
//! a page that is gone.
//!
//! `reader.rs` walks and checks; `read_ahead.rs` does so on a thread of its own. `damage.rs`
//! examines the bytes after the last good frame, `recovery.rs` decides about them, and `cut.rs`
//! cuts them off. `follow.rs` reads a journal that is being written, and `retire.rs` removes
//! segments that are no longer needed. The journal knows frames; it does not know the meaning of a
//! command.

#![deny(clippy::print_stdout, clippy::print_stderr)]
#![warn(unreachable_pub)]

pub mod access;
mod bus_error;
mod cut;
mod damage;
mod device;
mod filesystem;
mod follow;
mod lock;
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
pub use follow::TailReader;
pub use lock::{FileLock, Lock};
pub use preparer::prepare_ahead;
pub use read_ahead::read_ahead;
pub use reader::{Reader, Tail};
pub use recovery::{Lost, Recovered, recover};
pub use retire::retire;
pub use seal::check_digests;
pub use segment::{Identity, SEGMENT_BYTES_MIN};
pub use writer::Writer;

use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::FRAME_BYTES_MIN;
pub use segment::PAGE_BYTES;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Settings of a journal.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the journal; created if it does not exist.
    pub dir: PathBuf,
    /// Durability mode: it says when an append counts.
    pub durability: Durability,
    /// Number of commands from one hash probe to the next.
    pub probe_interval: u64,
    /// Length of each segment file in bytes, a multiple of 4096.
    pub segment_bytes: u64,
    /// Number of segments prepared ahead.
    pub segments_ready: usize,
    /// Number of the last segment that is prepared ahead; `u64::MAX` if there is no end.
    pub segments_last: u64,
    /// True to accept `fsync` on a file system that is known not to keep synced data.
    pub any_filesystem: bool,
    /// Identity that the journal must have.
    pub identity: Identity,
    /// Device that makes the journal durable: [`Kernel`], or a substitute in a test.
    pub device: Arc<dyn Device>,
}

/// Byte position in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Number of the segment file, from 1.
    pub segment: u64,
    /// Offset in that file, in bytes.
    pub offset: u64,
}

impl Position {
    /// Returns the end of a frame of `frame_bytes` bytes stored after this position: in the same
    /// segment, or in the next one if this segment has no room for the frame and for the end of the
    /// segment.
    #[inline]
    pub fn behind(self, frame_bytes: u64, segment_bytes: u64) -> Position {
        let fits = self.offset + frame_bytes + FRAME_BYTES_MIN as u64 <= segment_bytes;
        let Position { segment, offset } =
            if fits { self } else { Position { segment: self.segment + 1, offset: PAGE_BYTES } };
        Position { segment, offset: offset + frame_bytes }
    }
}

/// Place after a frame of the journal, with all that is needed to continue there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPlace {
    /// Position after the frame.
    pub position: Position,
    /// Seqno of the last command up to there.
    pub seqno: SeqNo,
    /// Latest official time up to there.
    pub time: Nanos,
    /// Checksum of the frame.
    pub crc: u32,
    /// Number of the writer's run that wrote the frame.
    pub epoch: u64,
}

impl LogPlace {
    /// Place before the first frame of a journal.
    pub const BEGINNING: LogPlace = LogPlace {
        position: Position { segment: 1, offset: PAGE_BYTES },
        seqno: SeqNo(0),
        time: Nanos(0),
        crc: 0,
        epoch: 0,
    };
}

/// Reason why a journal cannot be opened, read or written, with the file and the place.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file operation failed.
    #[error("{path}: cannot {action}: {source}")]
    Io {
        /// File or folder of the operation.
        path: PathBuf,
        /// Operation that failed, for the message.
        action: &'static str,
        /// Error that the system returned.
        source: std::io::Error,
    },
    /// Another process writes the journal.
    #[error(
        "{dir}: the journal is in use by another process: end that process, or choose another \
         folder (journal.dir)"
    )]
    InUse {
        /// Folder of the journal.
        dir: PathBuf,
    },
    /// The lock file is a symbolic link, which nobody follows.
    #[error("{path}: the lock file is a symbolic link: remove the link")]
    LockIsLink {
        /// Path of the lock file.
        path: PathBuf,
    },
    /// The path of the folder leads to another folder than the one that the writer has locked.
    #[error(
        "{dir}: the folder of the journal was renamed, removed or replaced under its writer: put \
         it back and start again"
    )]
    Moved {
        /// Path of the folder.
        dir: PathBuf,
    },
    /// The folder holds no journal.
    #[error("{dir}: no journal here (no file like 00000001.seg)")]
    Missing {
        /// Folder that was given.
        dir: PathBuf,
    },
    /// The first segments of the journal are gone.
    #[error(
        "{path}: the journal begins here, at segment {segment} with seqno {seqno}: what came \
             before needs a snapshot"
    )]
    Retired {
        /// Path of the first remaining segment.
        path: PathBuf,
        /// Number of the first remaining segment.
        segment: u64,
        /// Seqno of its first command.
        seqno: u64,
    },
    /// The journal does not have a place that was known from elsewhere.
    #[error("{path}: the journal has no place at offset {offset} behind seqno {seqno}: {detail}")]
    NoSuchPlace {
        /// Path of the segment file.
        path: PathBuf,
        /// Offset in that file, in bytes.
        offset: u64,
        /// Seqno of the last command before the place.
        seqno: u64,
        /// Reason, for the message.
        detail: &'static str,
    },
    /// The folder is on a file system that cannot keep the promise of `fsync`.
    #[error(
        "{dir}: {name} does not keep what fsync promises: put journal.dir on a local ext4 or XFS file \
         system, choose another journal.durability, or set journal.any_filesystem = true"
    )]
    Filesystem {
        /// Folder of the journal.
        dir: PathBuf,
        /// Type of the file system.
        name: String,
    },
    /// An error occurred and was reported before; frames appended now could not be acknowledged.
    #[error("the journal has failed before; nothing more is acknowledged")]
    Stopped,
    /// Another version of the program wrote the journal.
    #[error(
        "{path}: this journal has format {found}, and this version reads format {wanted}. \
         {advice}"
    )]
    Format {
        /// Path of the segment file.
        path: PathBuf,
        /// Version of the format in the header.
        found: u32,
        /// Version of the format that this program reads.
        wanted: u32,
        /// Advice to the operator, for the message.
        advice: &'static str,
    },
    /// The journal is not the one that the program and its config expect.
    #[error("{path}: {what} is {found}, but this program and its config want {wanted}. {advice}")]
    Mismatch {
        /// Path of the segment file.
        path: PathBuf,
        /// Value of the header that differs, for the message.
        what: &'static str,
        /// Value in the header.
        found: String,
        /// Value that is expected.
        wanted: String,
        /// Advice to the operator, for the message.
        advice: &'static str,
    },
    /// Committed data is damaged or gone.
    #[error("{path}: corrupt at offset {offset}, after seqno {seqno}: {detail}")]
    Corrupt {
        /// Path of the segment file.
        path: PathBuf,
        /// Offset in that file, in bytes.
        offset: u64,
        /// Last good seqno before the damage.
        seqno: u64,
        /// Description of the damage, for the message.
        detail: String,
    },
}

/// Returns true if a folder holds a journal.
pub fn exists(dir: &Path) -> Result<bool, JournalError> {
    Ok(!segment::list(dir)?.is_empty())
}

/// Number of the first remaining segment; `None` if there is none yet.
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
