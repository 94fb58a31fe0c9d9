//! Head of the stored streams: a small file with the seqnos up to which they can be trusted when
//! they are opened again.
//!
//! ```text
//!  0       8         16             32          40      48             64            72          80
//! ┌───────┬─────────┬──────────────┬───────────┬───────┬──────────────┬─────────────┬───────────┬────────┐
//! │ magic │ version │ identity × 2 │ file bytes│ check │ boot id × 2  │ complete to │ synced to │ failed │
//! └───────┴─────────┴──────────────┴───────────┴───────┴──────────────┴─────────────┴───────────┴────────┘
//! ```
//! A killed process loses nothing that it stored in a mapped file. As long as the kernel is the
//! same (same boot id), everything up to `complete to` is there. After a reboot only everything up
//! to `synced to` is there.

use super::blocks::Words;
use super::files::{self, StoreError};
use ringside_model::domain::SeqNo;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const PAGE_BYTES: u64 = 4096;
const NAME: &str = "streams-head";

/// Returns true if a directory has a head.
pub(super) fn exists(dir: &Path) -> bool {
    dir.join(NAME).exists()
}
const MAGIC: u64 = u64::from_le_bytes(*b"RSTREAMS");
const VERSION: u64 = 1;

const IDENTITY: usize = 2;
const FILE_BYTES: usize = 4;
const CHECK: usize = 5;
const BOOT: usize = 6;
const COMPLETE_TO: usize = 8;
const SYNCED_TO: usize = 9;
const FAILED: usize = 10;

/// Mapped head of a store.
pub(super) struct Head {
    path: PathBuf,
    words: Words,
    syncing: Mutex<()>,
}

impl Head {
    /// Returns the head of a store in memory.
    pub(super) fn in_memory() -> Result<Self, StoreError> {
        let path = PathBuf::from(NAME);
        let words = Words::new(files::memory(&path, PAGE_BYTES)?);
        Ok(Head { path, words, syncing: Mutex::new(()) })
    }

    /// Opens the head of a directory; `None` if there is none, or none that is intact and has this
    /// identity.
    pub(super) fn open(dir: &Path, identity: [u64; 2]) -> Result<Option<Self>, StoreError> {
        let path = dir.join(NAME);
        let Ok(file) = files::open(&path) else { return Ok(None) };
        if file.metadata().map_err(StoreError::io(&path, "look at"))?.len() != PAGE_BYTES {
            return Ok(None);
        }
        let words = Words::new(files::map(&file, &path, PAGE_BYTES)?);
        let head = Head { path, words, syncing: Mutex::new(()) };
        Ok(head.is_whole(identity).then_some(head))
    }

    /// Makes the head of a directory, which trusts nothing yet.
    pub(super) fn create(
        dir: &Path,
        identity: [u64; 2],
        file_bytes: u64,
    ) -> Result<Self, StoreError> {
        let path = dir.join(NAME);
        files::make(&path, PAGE_BYTES)?;
        let file = files::open(&path).map_err(StoreError::io(&path, "open"))?;
        let words = Words::new(files::map(&file, &path, PAGE_BYTES)?);
        let head = Head { path, words, syncing: Mutex::new(()) };
        let fixed = [MAGIC, VERSION, identity[0], identity[1], file_bytes];
        for (word, value) in head.words.get().iter().zip(fixed) {
            word.store(value, Relaxed);
        }
        head.words.get()[CHECK].store(head.checksum(), Release);
        Ok(head)
    }

    /// Returns the directory of the head.
    pub(super) fn dir(&self) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).to_path_buf()
    }

    /// Returns the length in bytes of the block files beside the head.
    pub(super) fn file_bytes(&self) -> u64 {
        self.words.get()[FILE_BYTES].load(Relaxed)
    }

    /// Returns the last command up to which everything is in the files.
    pub(super) fn trusted_to(&self) -> SeqNo {
        let words = self.words.get();
        let boot = boot_id();
        let is_same_boot = boot != [0; 2] && [0, 1].map(|i| words[BOOT + i].load(Relaxed)) == boot;
        SeqNo(words[if is_same_boot { COMPLETE_TO } else { SYNCED_TO }].load(Relaxed))
    }

    /// Records that the files are written again from behind a command, and trusted only up to it.
    pub(super) fn begin(&self, SeqNo(seqno): SeqNo) -> Result<(), StoreError> {
        let words = self.words.get();
        words[COMPLETE_TO].store(seqno, Release);
        for (word, id) in words[BOOT..].iter().zip(boot_id()) {
            word.store(id, Release);
        }
        if words[SYNCED_TO].load(Relaxed) > seqno {
            words[SYNCED_TO].store(seqno, Release);
            // Synced now: bytes stored over the synced ones could reach the device before the head.
            self.words.sync().map_err(StoreError::io(&self.path, "sync"))?;
        }
        Ok(())
    }

    /// Records that everything up to a command was published.
    #[inline]
    pub(super) fn complete(&self, SeqNo(seqno): SeqNo) {
        self.words.get()[COMPLETE_TO].store(seqno, Release);
    }

    /// Calls `write` to put everything on the device, and records the command up to which this
    /// holds. After an error nothing is trusted any more: the kernel marks the pages that it could
    /// not write as clean.
    pub(super) fn sync(
        &self,
        write: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<SeqNo, StoreError> {
        let _one_at_a_time = self.syncing.lock().expect("nobody panics");
        let words = self.words.get();
        let complete_to = words[COMPLETE_TO].load(Acquire);
        let synced = write().and_then(|()| {
            words[SYNCED_TO].store(complete_to, Release);
            self.words.sync().map_err(StoreError::io(&self.path, "sync"))
        });
        synced.map(|()| SeqNo(complete_to)).inspect_err(|_| words[FAILED].store(1, Release))
    }

    fn is_whole(&self, identity: [u64; 2]) -> bool {
        let words = self.words.get();
        let value = |word: usize| words[word].load(Relaxed);
        [value(0), value(1), value(IDENTITY), value(IDENTITY + 1)]
            == [MAGIC, VERSION, identity[0], identity[1]]
            && value(CHECK) == self.checksum()
            && value(SYNCED_TO) <= value(COMPLETE_TO)
            && value(FAILED) == 0
    }

    fn checksum(&self) -> u64 {
        let fixed = &self.words.get()[..CHECK];
        fixed
            .iter()
            .fold(0, |crc, word| crc32c::crc32c_append(crc, &word.load(Relaxed).to_le_bytes()))
            .into()
    }
}

/// Removes the head of a directory.
pub(super) fn remove(dir: &Path) -> Result<(), StoreError> {
    files::remove(&dir.join(NAME))
}

/// Returns the kernel's id of this boot; zeros if it is not available.
fn boot_id() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let id = u128::from_str_radix(&digits, 16).unwrap_or(0);
    [(id >> 64) as u64, id as u64]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failed_sync_nothing_is_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let identity = [1, 2];
        let head = Head::create(dir.path(), identity, 1 << 20).unwrap();
        head.begin(SeqNo(0)).unwrap();
        head.complete(SeqNo(9));
        assert_eq!(head.sync(|| Ok(())).unwrap(), SeqNo(9));
        let again = || Head::open(dir.path(), identity).unwrap().map(|head| head.trusted_to());
        assert_eq!(again(), Some(SeqNo(9)));
        let path = dir.path().join("streams-000000.dat");
        head.sync(|| Err(StoreError::Full { path })).unwrap_err();
        assert_eq!(again(), None);
    }

    #[test]
    fn a_head_has_the_id_of_this_boot() {
        let head = Head::in_memory().unwrap();
        head.begin(SeqNo(0)).unwrap();
        let [high, low] = [BOOT, BOOT + 1].map(|word| head.words.get()[word].load(Relaxed));
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        assert_eq!(format!("{high:016x}{low:016x}"), text.trim().replace('-', ""));
    }
}
