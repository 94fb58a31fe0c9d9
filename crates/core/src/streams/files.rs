//! Files of the blocks: their names, how they are made, and their errors.
//!
//! ```text
//!  DIR/streams-head          what of the others can be trusted
//!  DIR/streams-000000.dat    the first blocks
//!  DIR/streams-000001.dat    the next …
//! ```

use super::positions::PositionsError;
use memmap2::{MmapMut, MmapRaw};
use ringside_journal::access;
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// Most files of a store: 1 TiB at the usual file length. The table of files has this length.
pub(super) const FILES_MAX: usize = 1 << 14;

/// Error of the stored streams.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system returned an error.
    #[error(
        "{path}: cannot {action}: {source}; when that is put right, start again: the streams are made \
         from the journal"
    )]
    Io {
        /// Path of the file or directory.
        path: PathBuf,
        /// Operation that failed, for the message.
        action: &'static str,
        /// Error of the file system.
        source: Error,
    },
    /// The streams are longer than a store can hold.
    #[error("{path}: the streams are full; begin a new journal")]
    Full {
        /// Path of the file that would be next.
        path: PathBuf,
    },
    /// The stored bytes differ from the image.
    #[error(
        "{path}: {detail}; without the file streams-head a start makes them all from the journal"
    )]
    Damaged {
        /// Path of the damaged file.
        path: PathBuf,
        /// Description of the damage, for the message.
        detail: String,
    },
    /// The stored streams may end before the image.
    #[error(
        "{dir}: the stored streams are sure to be whole up to seqno {trusted}, not up to {wanted}; they \
         must be made again from an older snapshot or the first frame of the journal"
    )]
    Untrusted {
        /// Directory of the files.
        dir: PathBuf,
        /// Last command whose messages are sure to be stored.
        trusted: u64,
        /// Command behind which the image was taken.
        wanted: u64,
    },
    /// The image does not fit.
    #[error(transparent)]
    Image(#[from] PositionsError),
    /// An earlier error has stopped the store; it was reported then.
    #[error("the streams have failed before; nothing more is published")]
    Stopped,
}

impl StoreError {
    pub(super) fn io<E: Into<Error>>(
        path: &Path,
        action: &'static str,
    ) -> impl FnOnce(E) -> Self + use<E> {
        let path = path.to_path_buf();
        move |source| StoreError::Io { path, action, source: source.into() }
    }
}

/// Directory of the files. Without one the blocks are in memory, which lasts as long as the
/// process.
#[derive(Clone, Debug)]
pub(super) struct Files {
    dir: Option<PathBuf>,
    /// Length of each file in bytes.
    pub bytes: u64,
}

impl Files {
    pub(super) fn new(dir: Option<&Path>, bytes: u64) -> Self {
        Files { dir: dir.map(Path::to_path_buf), bytes }
    }

    /// Returns the path of a file; for a store in memory, a name for messages.
    pub(super) fn path(&self, number: u32) -> PathBuf {
        let dir = self.dir.as_deref().unwrap_or(Path::new("memory"));
        dir.join(format!("{PREFIX}{number:06}.{EXTENSION}"))
    }

    /// Returns true if the blocks are in files, and not only in mapped memory.
    pub(crate) fn are_in_a_folder(&self) -> bool {
        self.dir.is_some()
    }

    /// Maps an existing file, which must have its whole length.
    pub(super) fn open(&self, number: u32) -> Result<MmapRaw, StoreError> {
        let path = self.path(number);
        let file = open(&path).map_err(StoreError::io(&path, "open"))?;
        let found = file.metadata().map_err(StoreError::io(&path, "look at"))?.len();
        if found != self.bytes {
            let detail = format!("the file has {found} bytes instead of {}", self.bytes);
            return Err(StoreError::Damaged { path, detail });
        }
        map(&file, &path, self.bytes)
    }

    /// Maps a file, and makes it first if it is missing or has a wrong length. Its content has no
    /// meaning.
    pub(crate) fn open_or_make(&self, number: u32) -> Result<MmapRaw, StoreError> {
        let path = self.path(number);
        if self.dir.is_none() {
            return memory(&path, self.bytes);
        }
        if !path.metadata().is_ok_and(|found| found.len() == self.bytes) {
            make(&path, self.bytes)?;
        }
        self.open(number)
    }

    /// Makes the names of the files durable.
    pub(crate) fn sync_names(&self) -> Result<(), StoreError> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let synced = File::open(dir).and_then(|dir| dir.sync_all());
        synced.map_err(StoreError::io(dir, "sync the folder"))
    }
}

const PREFIX: &str = "streams-";
const EXTENSION: &str = "dat";
const TEMPORARY: &str = "tmp";

/// Removes all files of blocks from a directory.
pub(super) fn remove_all(dir: &Path) -> Result<(), StoreError> {
    for entry in std::fs::read_dir(dir).map_err(StoreError::io(dir, "list the folder"))? {
        let path = entry.map_err(StoreError::io(dir, "list the folder"))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stem = name.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('.'));
        let is_ours = stem.is_some_and(|(number, extension)| {
            number.bytes().all(|byte| byte.is_ascii_digit())
                && [EXTENSION, TEMPORARY].contains(&extension)
        });
        if is_ours {
            std::fs::remove_file(&path).map_err(StoreError::io(&path, "remove"))?;
        }
    }
    Ok(())
}

/// Makes a file under a temporary name, so that a file under the final name always has its whole
/// length.
pub(super) fn make(path: &Path, bytes: u64) -> Result<(), StoreError> {
    let temporary = path.with_extension(TEMPORARY);
    let made =
        access::create_file(&temporary).map_err(StoreError::io(&temporary, "create")).and_then(
            // Without reserved space, a full disk would end the process in the middle of a store.
            |file| {
                fallocate(&file, FallocateFlags::empty(), 0, bytes)
                    .map_err(StoreError::io(&temporary, "reserve space for the streams in"))
            },
        );
    let named = made.and_then(|()| {
        std::fs::rename(&temporary, path).map_err(StoreError::io(path, "name the file"))
    });
    named.inspect_err(|_| {
        let _ = std::fs::remove_file(&temporary);
    })
}

/// Maps memory that belongs to no file; `path` is its name in errors.
pub(super) fn memory(path: &Path, bytes: u64) -> Result<MmapRaw, StoreError> {
    Ok(MmapMut::map_anon(bytes as usize).map_err(StoreError::io(path, "map"))?.into())
}

/// Maps a file of a known length.
pub(super) fn map(file: &File, path: &Path, bytes: u64) -> Result<MmapRaw, StoreError> {
    // Reserves the space again, because a copy of the file may have holes.
    fallocate(file, FallocateFlags::empty(), 0, bytes)
        .map_err(StoreError::io(path, "reserve space for the streams in"))?;
    MmapRaw::map_raw(file).map_err(StoreError::io(path, "map"))
}

/// Opens a file for reading and writing, to be mapped.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Removes a file if it exists.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(StoreError::io(path, "remove")(error))
        }
        _ => Ok(()),
    }
}
