//! Has the next segments ready, so that the writer never waits for a file: a thread of its own makes
//! them, and a bounded channel holds them.

use super::segment::{self, PAGE_BYTES, WriteSegment, path_of};
use super::{Durability, JournalError, Lock, Options};
use crate::frame::FRAME_BYTES_MAX;
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

/// The queue of prepared segments. When it is dropped the thread ends after the file it is at;
/// prepared files stay and are used by the next writer.
pub(super) struct Preparer {
    ready: Receiver<Result<WriteSegment, JournalError>>,
}

impl Preparer {
    /// Starts to prepare segments from `first` on, `options.segments_ready` of them ahead.
    pub fn start(options: &Options, first: u64) -> Result<Self, JournalError> {
        let (sender, ready) = sync_channel(options.segments_ready.saturating_sub(1));
        let options = options.clone();
        let dir = options.dir.clone();
        std::thread::Builder::new()
            .name("preparer".into())
            .spawn(move || {
                for number in first.. {
                    let prepared = prepare(&options, number);
                    let failed = prepared.is_err();
                    if sender.send(prepared).is_err() || failed {
                        return;
                    }
                }
            })
            .map_err(JournalError::io(&dir, "start the preparer thread"))?;
        Ok(Preparer { ready })
    }

    /// The next segment. Waits if it is not ready yet.
    pub fn next(&self) -> Result<WriteSegment, JournalError> {
        self.ready.recv().expect("the preparer sends its error before it ends")
    }
}

/// Makes as many segments as `bytes` of frames will need, so that a writer that is opened afterwards
/// finds them and none has to be made while it runs. Gives their number.
pub fn prepare_ahead(options: &Options, bytes: u64) -> Result<usize, JournalError> {
    let _lock = Lock::take(&options.dir)?;
    let first = segment::list(&options.dir)?.last().map_or(1, |last| last + 1);
    // A frame that does not fit in the end of a segment opens the next one.
    let frames_bytes = options.segment_bytes - PAGE_BYTES - FRAME_BYTES_MAX as u64;
    let count = bytes.div_ceil(frames_bytes);
    for number in first..first + count {
        prepare(options, number)?;
    }
    Ok(count as usize)
}

/// Makes a segment file of zeros under its final name, or takes one that an earlier run prepared.
pub(super) fn prepare(options: &Options, number: u64) -> Result<WriteSegment, JournalError> {
    let path = path_of(&options.dir, number);
    if !path.exists() {
        create(options, &path)?;
    }
    let segment = WriteSegment::open(&options.dir, number)?;
    if segment.len() != options.segment_bytes {
        // Nobody has begun it, so another length may simply be made again.
        std::fs::remove_file(&path).map_err(JournalError::io(&path, "remove"))?;
        return prepare(options, number);
    }
    segment.populate();
    Ok(segment)
}

/// Creates the file under a temporary name, so that a file of the final name is always whole.
fn create(options: &Options, path: &Path) -> Result<(), JournalError> {
    let temporary = path.with_extension("tmp");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)
        .map_err(JournalError::io(&temporary, "create the segment"))?;
    fallocate(&file, FallocateFlags::empty(), 0, options.segment_bytes)
        .map_err(JournalError::errno(&temporary, "reserve space for the segment"))?;
    if options.durability == Durability::Fsync {
        // Pages written one by one stay single pages in the cache; larger ones would make a sync of
        // 64 bytes write a megabyte.
        let zeros = [0; PAGE_BYTES as usize];
        for _ in 0..options.segment_bytes / PAGE_BYTES {
            file.write_all(&zeros).map_err(JournalError::io(&temporary, "zero the segment"))?;
        }
        file.sync_all().map_err(JournalError::io(&temporary, "sync the segment"))?;
    }
    std::fs::rename(&temporary, path).map_err(JournalError::io(path, "name the segment"))?;
    if options.durability == Durability::Fsync {
        sync_dir(&options.dir)?;
    }
    Ok(())
}

/// Makes the names in a folder durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(JournalError::io(dir, "sync the folder"))
}
