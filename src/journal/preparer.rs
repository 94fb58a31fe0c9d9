//! Has the next segments ready, so that the writer never waits for a file: a thread of its own makes
//! them, and a bounded channel holds them.

use super::segment::{self, PAGE_BYTES, WriteSegment, path_of};
use super::{Device, JournalError, Lock, Options, Step};
use crate::durability::Durability;
use crate::frame::FRAME_BYTES_MAX;
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};

/// The queue of prepared segments, and the way back for those that are full. When it is dropped the
/// thread ends after the file it is at; prepared files stay and are used by the next writer.
pub(super) struct Preparer {
    ready: Receiver<Result<WriteSegment, JournalError>>,
    finished: Sender<WriteSegment>,
}

impl Preparer {
    /// Starts to prepare segments from `first` on, `options.segments_ready` of them ahead.
    pub fn start(options: &Options, first: u64) -> Result<Self, JournalError> {
        let (sender, ready) = sync_channel(options.segments_ready.saturating_sub(1));
        let (finished, to_unmap) = channel();
        let options = options.clone();
        let dir = options.dir.clone();
        std::thread::Builder::new()
            .name("preparer".into())
            .spawn(move || {
                for number in first..=options.segments_last {
                    to_unmap.try_iter().for_each(drop);
                    let prepared = prepare(&options, number);
                    let failed = prepared.is_err();
                    if sender.send(prepared).is_err() || failed {
                        return;
                    }
                }
                drop(sender);
                // There is a last one: all together can wait until the writer has closed.
                drop(to_unmap.iter().collect::<Vec<WriteSegment>>());
            })
            .map_err(JournalError::io(&dir, "start the preparer thread"))?;
        Ok(Preparer { ready, finished })
    }

    /// The segment `number`, which is the next one. Waits if it is not ready yet.
    pub fn next(&self, options: &Options, number: u64) -> Result<WriteSegment, JournalError> {
        // The preparer sends its error before it ends; otherwise it ends behind the last one.
        self.ready.recv().unwrap_or_else(|_| prepare(options, number))
    }

    /// Takes a segment that is full: to unmap it takes milliseconds that no stage should spend.
    pub fn finish(&self, segment: WriteSegment) {
        // If the thread has ended, the segment is dropped here.
        let _ = self.finished.send(segment);
    }
}

/// Makes as many segments as `bytes` of frames will need, so that a writer that is opened afterwards
/// finds them and none has to be made while it runs. Changes the options accordingly and gives the number
/// of segments.
pub fn prepare_ahead(options: &mut Options, bytes: u64) -> Result<u64, JournalError> {
    let _lock = Lock::take(&options.dir)?;
    let first = segment::list(&options.dir)?.last().map_or(1, |last| last + 1);
    // A frame that does not fit in the end of a segment opens the next one.
    let frames_bytes = options.segment_bytes - PAGE_BYTES - FRAME_BYTES_MAX as u64;
    let count = bytes.div_ceil(frames_bytes);
    for number in first..first + count {
        prepare(options, number)?;
    }
    options.segments_ready = options.segments_ready.max(count as usize);
    options.segments_last = first + count - 1;
    Ok(count)
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
    let device = &*options.device;
    let temporary = path.with_extension("tmp");
    let mut file = None;
    device
        .perform(Step::Create(&temporary), &mut || {
            let created =
                OpenOptions::new().write(true).create(true).truncate(true).open(&temporary);
            file = Some(created?);
            Ok(())
        })
        .map_err(JournalError::io(&temporary, "create the segment"))?;
    let file = file.expect("a file that was created is open");
    let bytes = options.segment_bytes;
    device
        .perform(Step::Reserve(&temporary, bytes), &mut || {
            Ok(fallocate(&file, FallocateFlags::empty(), 0, bytes)?)
        })
        .map_err(JournalError::io(&temporary, "reserve space for the segment"))?;
    // Pages written one by one stay single pages in the cache; larger ones are much faster to make, but
    // would make a sync of 64 bytes write a megabyte.
    let synced = options.durability == Durability::Fsync;
    let block_bytes = if synced { PAGE_BYTES } else { 1 << 20 };
    device
        .perform(Step::Write(&temporary, bytes), &mut || zero(&file, bytes, block_bytes))
        .map_err(JournalError::io(&temporary, "zero the segment"))?;
    if synced {
        device
            .perform(Step::SyncFile(&temporary), &mut || file.sync_all())
            .map_err(JournalError::io(&temporary, "sync the segment"))?;
    }
    device
        .perform(Step::Rename(&temporary, path), &mut || std::fs::rename(&temporary, path))
        .map_err(JournalError::io(path, "name the segment"))?;
    if synced {
        sync_dir(device, &options.dir)?;
    }
    Ok(())
}

fn zero(mut file: &File, bytes: u64, block_bytes: u64) -> std::io::Result<()> {
    let zeros = vec![0; block_bytes as usize];
    let mut left = bytes;
    while left > 0 {
        let block = &zeros[..left.min(block_bytes) as usize];
        file.write_all(block)?;
        left -= block.len() as u64;
    }
    Ok(())
}

/// Makes the names in a folder durable.
pub(super) fn sync_dir(device: &dyn Device, dir: &Path) -> Result<(), JournalError> {
    device
        .perform(Step::SyncDir(dir), &mut || File::open(dir)?.sync_all())
        .map_err(JournalError::io(dir, "sync the folder"))
}
