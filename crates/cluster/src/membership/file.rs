//! Record, or another shared value, in a file, for several nodes on one machine.
//!
//! The content `{"revision":7,"record":{…}}` is replaced as a whole, under a lock on the file that
//! has the name. The first file gets its name only if there is none. So no reader needs a lock.

use super::coordinator::{Coordinator, Kept, Revision, Swapped, Unavailable, Versioned};
use super::record::Record;
use ringside_journal::{FileLock, access};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

/// Value in a file. A value that was read is synced to the device.
pub struct KeptFile<T = Record> {
    path: PathBuf,
    kept: PhantomData<fn() -> T>,
}

/// Time limit of waiting for the lock. Nobody needs the lock for as long; a process that still has
/// it was stopped meanwhile.
const LOCK_TIME_MAX: Duration = Duration::from_secs(2);

/// Pause between two tries to take the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// Content of the file, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<T> {
    revision: u64,
    record: T,
}

impl<T> KeptFile<T> {
    /// Opens the value in the file `path`. The file need not exist; its folder must.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        KeptFile { path: path.into(), kept: PhantomData }
    }
}

impl<T: Kept> Coordinator<T> for KeptFile<T> {
    fn read(&mut self) -> Result<Option<Versioned<T>>, Unavailable> {
        self.kept()
    }

    fn swap(&mut self, expected: Option<Revision>, value: &T) -> Result<Swapped, Unavailable> {
        let lock = self.lock()?;
        // A file that appears without the lock is another node's.
        let found = if lock.is_some() { self.kept()? } else { None };
        let version = found.map(|(revision, _)| revision);
        if version != expected {
            return Ok(Swapped::Conflict);
        }
        let revision = version.map_or(1, |Revision(revision)| revision + 1);
        let content = Content { revision, record: value.clone() };
        let is_new = match lock {
            Some(lock) => self.replace(lock, &content).map(|()| true),
            None => self.create(&content),
        };
        let is_new = is_new.map_err(at(&self.path))?;
        self.sync_folder()?;
        Ok(if is_new { Swapped::Done(Revision(revision)) } else { Swapped::Conflict })
    }
}

impl<T: Kept> KeptFile<T> {
    /// Waits for the lock of the file; `None` if there is no file.
    fn lock(&self) -> Result<Option<FileLock>, Unavailable> {
        let deadline = Instant::now() + LOCK_TIME_MAX;
        loop {
            match FileLock::take(&self.path) {
                Ok(lock) => return Ok(Some(lock)),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) if error.kind() != ErrorKind::WouldBlock => {
                    return Err(at(&self.path)(error));
                }
                Err(_) if Instant::now() < deadline => std::thread::sleep(LOCK_PAUSE),
                Err(_) => {
                    let held = format!("{}: somebody else keeps the lock", self.path.display());
                    return Err(Unavailable(held));
                }
            }
        }
    }

    fn kept(&self) -> Result<Option<Versioned<T>>, Unavailable> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(&self.path)(error)),
        };
        let damaged = |error| Unavailable(format!("{}: damaged: {error}", self.path.display()));
        let kept: Content<T> = serde_json::from_slice(&bytes).map_err(damaged)?;
        // The process that renamed the file may have ended before the new name was on the device.
        self.sync_folder()?;
        Ok(Some((Revision(kept.revision), kept.record)))
    }

    /// Replaces the value. The old value counts until the new file has its name, and the new value
    /// from then on.
    fn replace(&self, mut lock: FileLock, content: &Content<T>) -> io::Result<()> {
        let mut temporary = self.path.clone().into_os_string();
        temporary.push(".tmp");
        let file = access::create_file(Path::new(&temporary))?;
        write(&file, content)?;
        lock.replace(Path::new(&temporary), file)
    }

    /// Makes the file; returns false if there is one by now.
    fn create(&self, content: &Content<T>) -> io::Result<bool> {
        // Nodes that make the file at the same time must not share a temporary file.
        let temporary = NamedTempFile::new_in(self.folder())?;
        access::settle(temporary.as_file())?;
        write(temporary.as_file(), content)?;
        match temporary.persist_noclobber(&self.path) {
            Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Ok(false),
            named => Ok(named.map(|_| true)?),
        }
    }

    fn sync_folder(&self) -> Result<(), Unavailable> {
        let folder = self.folder();
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }
}

/// Writes a content and puts it on the device.
fn write<T: Serialize>(mut file: &File, content: &Content<T>) -> io::Result<()> {
    serde_json::to_writer(file, content)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn at(path: &Path) -> impl Fn(io::Error) -> Unavailable {
    move |error| Unavailable(format!("{}: {error}", path.display()))
}
