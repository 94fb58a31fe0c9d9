//! Record, or another shared value, in a file, for several nodes on one machine.
//!
//! The content `{"revision":7,"record":{…}}` is replaced as a whole, under a lock that readers take
//! as well. The lock is a file beside it with the ending `.lock`. That file is never removed,
//! because a lock on a deleted file excludes nobody.

use super::coordinator::{Coordinator, Kept, Revision, Swapped, Unavailable, Versioned};
use super::record::Record;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
        let _lock = self.lock()?;
        self.kept()
    }

    fn swap(&mut self, expected: Option<Revision>, value: &T) -> Result<Swapped, Unavailable> {
        let _lock = self.lock()?;
        let version = self.kept()?.map(|(revision, _)| revision);
        if version != expected {
            return Ok(Swapped::Conflict);
        }
        let revision = version.map_or(1, |Revision(revision)| revision + 1);
        self.replace(&Content { revision, record: value.clone() })?;
        Ok(Swapped::Done(Revision(revision)))
    }
}

impl<T: Kept> KeptFile<T> {
    /// Waits for the lock. The kernel frees the lock when the file is closed, however a process
    /// ends.
    fn lock(&self) -> Result<File, Unavailable> {
        let path = self.beside(".lock");
        let file = File::create(&path).map_err(at(&path))?;
        let deadline = Instant::now() + LOCK_TIME_MAX;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(Errno::WOULDBLOCK) if Instant::now() < deadline => {
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(Errno::WOULDBLOCK) => {
                    let held = format!("{}: somebody else keeps the lock", path.display());
                    return Err(Unavailable(held));
                }
                Err(errno) => return Err(at(&path)(errno.into())),
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
    fn replace(&self, kept: &Content<T>) -> Result<(), Unavailable> {
        let temporary = self.beside(".tmp");
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            serde_json::to_writer(&file, kept)?;
            file.write_all(b"\n")?;
            file.sync_all()
        };
        write().map_err(at(&temporary))?;
        std::fs::rename(&temporary, &self.path).map_err(at(&self.path))?;
        self.sync_folder()
    }

    fn sync_folder(&self) -> Result<(), Unavailable> {
        let folder = match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(ending);
        name.into()
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> Unavailable {
    move |error| Unavailable(format!("{}: {error}", path.display()))
}
