//! Locks of what is written: the folder of a journal, and a file that is replaced as a whole.
//!
//! A lock on a file beside the data ends with the name of that file: whoever removes the name lets
//! a second writer in. So the lock lies on the data itself. The kernel frees a lock when the
//! process ends, in any way.

use super::{JournalError, access};
use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Right to write a journal: one process at a time.
pub struct Lock {
    folder: File,
    /// Lock of the older versions, which do not lock the folder: it keeps them out.
    _older: File,
}

impl Lock {
    /// Takes the lock of a folder, which is created if it does not exist. The path of the folder
    /// may lead through symbolic links; the lock is on the folder that they lead to.
    pub fn take(dir: &Path) -> Result<Self, JournalError> {
        access::create_folder(dir).map_err(JournalError::io(dir, "make the folder"))?;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlags::DIRECTORY.bits() as i32);
        let folder = options.open(dir).map_err(JournalError::io(dir, "open the folder"))?;
        exclude(&folder, dir, dir)?;
        let path = dir.join("LOCK");
        let older = match access::open_or_create(&path, OFlags::NOFOLLOW) {
            Err(_) if path.is_symlink() => return Err(JournalError::LockIsLink { path }),
            opened => opened.map_err(JournalError::io(&path, "open the lock file"))?,
        };
        exclude(&older, &path, dir)?;
        Ok(Lock { folder, _older: older })
    }

    /// Checks that a path still leads to the locked folder: files made elsewhere would lie in a
    /// folder that another process may write.
    pub(super) fn check(&self, dir: &Path) -> Result<(), JournalError> {
        match is_same(&self.folder, std::fs::metadata(dir)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(JournalError::Moved { dir: dir.to_path_buf() }),
            Err(error) => Err(JournalError::io(dir, "look at the folder")(error)),
        }
    }
}

/// Locks an open file of the folder `dir`, or fails at once if another process has the lock.
fn exclude(file: &File, path: &Path, dir: &Path) -> Result<(), JournalError> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalError::InUse { dir: dir.to_path_buf() }),
        Err(errno) => Err(JournalError::errno(path, "lock")(errno)),
    }
}

/// Right to replace a file. The lock is on the file that has the name, and passes to each new file
/// before that file gets the name.
pub struct FileLock {
    path: PathBuf,
    file: File,
}

impl FileLock {
    /// Takes the lock of a file that exists. The last part of the path may be no symbolic link.
    ///
    /// # Errors
    /// `WouldBlock` if another process has the lock, `NotFound` if there is no file.
    pub fn take(path: &Path) -> io::Result<Self> {
        loop {
            let mut options = OpenOptions::new();
            options.read(true).custom_flags(OFlags::NOFOLLOW.bits() as i32);
            let file = options.open(path)?;
            flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            let lock = FileLock { path: path.to_path_buf(), file };
            if lock.is_in_place()? {
                return Ok(lock);
            }
        }
    }

    /// Gives the name of the locked file to another file, which is locked from then on.
    ///
    /// # Errors
    /// The locked file has lost its name meanwhile, or the file system returned an error. The name
    /// is then as it was.
    pub fn replace(&mut self, path: &Path, file: File) -> io::Result<()> {
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        if !self.is_in_place()? {
            return Err(io::Error::other("another program has removed or replaced this file"));
        }
        std::fs::rename(path, &self.path)?;
        self.file = file;
        Ok(())
    }

    fn is_in_place(&self) -> io::Result<bool> {
        is_same(&self.file, std::fs::symlink_metadata(&self.path))
    }
}

/// Returns true if an open file is the one that was found under a name.
fn is_same(file: &File, found: io::Result<std::fs::Metadata>) -> io::Result<bool> {
    let found = match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found?,
    };
    let own = file.metadata()?;
    Ok((own.dev(), own.ino()) == (found.dev(), found.ino()))
}
