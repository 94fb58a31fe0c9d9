//! Prepares the next segments on a thread of its own, so that the writer never waits for a file.
//! This thread is also the first to see that space runs out.

use super::device::{Device, Step, sync_dir};
use super::low_space;
use super::segment::{self, Mapping, PAGE_BYTES, WriteSegment, path_of};
use super::toucher::Toucher;
use super::{JournalError, Lock, Options, access};
use ringside_model::durability::Durability;
use ringside_model::frame::FRAME_BYTES_MAX;
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{JoinHandle, park_timeout};
use std::time::{Duration, Instant};

/// Speed of zeroing a segment while another one is ready, in bytes per second: the syncs of the
/// journaler need the device, too.
const ZERO_BYTES_PER_SECOND: u64 = 256 << 20;
/// Number of bytes zeroed at once.
const PIECE_BYTES: u64 = 1 << 20;
/// Interval between two checks for space.
const RETRY: Duration = Duration::from_millis(500);

/// Time for which a writer that waits bears errors that may pass.
const TRANSIENT_MAX: Duration = Duration::from_secs(5);

type Prepared = Result<WriteSegment, JournalError>;

/// Queue of prepared segments. Dropping it ends the thread at once; the next writer uses the
/// prepared files.
pub(super) struct Preparer {
    ready: Receiver<Prepared>,
    requests: Arc<Requests>,
    thread: Option<JoinHandle<()>>,
    _toucher: Toucher,
}

/// State shared between the writer and the thread: requests of the writer, and the warning about
/// space.
struct Requests {
    /// Number of the segment that is being written.
    current: AtomicU64,
    /// True while the writer stands still until it gets the next segment.
    waiting: AtomicBool,
    stop: AtomicBool,
    /// True if new segments must be good for `fsync`.
    durable: AtomicBool,
    low_space: Arc<AtomicBool>,
}

impl Preparer {
    /// Starts to prepare the segments after the number `current`, `options.segments_ready` of them
    /// ahead and only in the locked folder. Also starts to touch the pages of `mapping`, which is
    /// being written, and then those of the new segments. If `durable`, the new segments are good
    /// for `fsync`.
    pub(crate) fn start(
        options: &Options,
        lock: &Arc<Lock>,
        current: u64,
        mapping: Option<&Arc<Mapping>>,
        durable: bool,
    ) -> Result<Self, JournalError> {
        let toucher = Toucher::start(&options.dir)?;
        let touched = toucher.segments();
        if let Some(mapping) = mapping {
            let _ = touched.send(Arc::clone(mapping));
        }
        let requests = Arc::new(Requests {
            current: AtomicU64::new(current),
            waiting: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            durable: AtomicBool::new(durable),
            low_space: Arc::default(),
        });
        let (sender, ready) = channel();
        let (thread_options, thread_requests) = (options.clone(), Arc::clone(&requests));
        let lock = Arc::clone(lock);
        let thread = std::thread::Builder::new()
            .name("preparer".into())
            .spawn(move || {
                let send = |prepared: Prepared| {
                    if let Ok(segment) = &prepared {
                        let _ = touched.send(Arc::clone(segment.mapping()));
                    }
                    let _ = sender.send(prepared);
                };
                run(&thread_options, &lock, &thread_requests, current + 1, &send);
            })
            .map_err(JournalError::io(&options.dir, "start the preparer thread"))?;
        Ok(Preparer { ready, requests, thread: Some(thread), _toucher: toucher })
    }

    /// Returns the next segment, which is `number`. Waits if the segment is not ready yet.
    pub(crate) fn next(&self, options: &Options, number: u64) -> Prepared {
        self.requests.current.store(number - 1, Ordering::Relaxed);
        let ready = match self.ready.try_recv() {
            Ok(prepared) => Ok(prepared),
            Err(_) => {
                self.requests.waiting.store(true, Ordering::Relaxed);
                self.wake();
                let prepared = self.ready.recv();
                self.requests.waiting.store(false, Ordering::Relaxed);
                prepared
            }
        };
        self.requests.current.store(number, Ordering::Relaxed);
        self.wake();
        // The thread has ended after the last segment that was requested in advance.
        ready.unwrap_or_else(|_| prepare(options, number, &Pace::Full))
    }

    /// Turns on or off the requirement that new segments are good for `fsync`.
    pub(crate) fn set_durability(&self, durability: Durability) {
        self.requests.durable.store(durability == Durability::Fsync, Ordering::Relaxed);
    }

    /// Flag that is set while the space for segments runs out.
    pub(crate) fn low_space(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.requests.low_space)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.requests.stop.store(true, Ordering::Relaxed);
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Prepares as many segments as `bytes` of frames will need, so that a writer opened afterwards
/// finds them and none has to be made while it runs. Adapts the options, and returns the number of
/// segments.
pub fn prepare_ahead(options: &mut Options, bytes: u64) -> Result<u64, JournalError> {
    let _lock = Lock::take(&options.dir)?;
    let first = segment::list(&options.dir)?.last().map_or(1, |last| last + 1);
    // A frame that does not fit in the rest of a segment goes into the next one.
    let frames_bytes = options.segment_bytes - PAGE_BYTES - FRAME_BYTES_MAX as u64;
    let count = bytes.div_ceil(frames_bytes);
    for number in first..first + count {
        prepare(options, number, &Pace::Full)?;
    }
    options.segments_ready = options.segments_ready.max(count as usize);
    options.segments_last = first + count - 1;
    Ok(count)
}

fn run(options: &Options, lock: &Lock, requests: &Requests, first: u64, send: &dyn Fn(Prepared)) {
    let mut options = options.clone();
    let mut number = first;
    // Time of the first of the transient errors that came one after the other.
    let mut failing = None;
    while number <= options.segments_last && !requests.stop.load(Ordering::Relaxed) {
        let current = requests.current.load(Ordering::Relaxed);
        let is_due = number - current <= options.segments_ready as u64;
        let durable = requests.durable.load(Ordering::Relaxed);
        options.durability = if durable { Durability::Fsync } else { Durability::Volatile };
        let mut short = !low_space::has_room(&options.dir, options.segment_bytes);
        if is_due {
            let waits = || requests.waiting.load(Ordering::Relaxed);
            let pace = Pace::Ordered { requests, number };
            match lock.check(&options.dir).and_then(|()| prepare(&options, number, &pace)) {
                Err(error) if error.is_out_of_space() => {
                    if waits() {
                        return send(Err(error));
                    }
                    short = true;
                }
                Err(error) if error.is_transient() => {
                    let since = *failing.get_or_insert_with(Instant::now);
                    if waits() && since.elapsed() > TRANSIENT_MAX {
                        return send(Err(error));
                    }
                }
                Err(_) if requests.stop.load(Ordering::Relaxed) => return,
                Err(error) => return send(Err(error)),
                Ok(segment) => {
                    send(Ok(segment));
                    number += 1;
                    failing = None;
                    continue;
                }
            }
        }
        requests.low_space.store(short, Ordering::Relaxed);
        park_timeout(RETRY);
    }
}

/// Speed at which a segment is made.
enum Pace<'a> {
    /// Without a limit on the speed.
    Full,
    /// Limited while the writer has another segment, at once if it has none, never after the end.
    Ordered { requests: &'a Requests, number: u64 },
}

impl Pace<'_> {
    fn is_hurried(&self) -> bool {
        match self {
            Pace::Full => true,
            Pace::Ordered { requests, number } => {
                requests.current.load(Ordering::Relaxed) + 1 >= *number
            }
        }
    }

    /// Waits until `bytes` in the time since `began` are within the limit. Fails after the end.
    fn keep(&self, began: Instant, bytes: u64) -> std::io::Result<()> {
        let due = Duration::from_nanos(bytes * 1_000_000_000 / ZERO_BYTES_PER_SECOND);
        while !self.is_hurried() && !self.is_over() {
            let Some(rest) = due.checked_sub(began.elapsed()).filter(|rest| !rest.is_zero()) else {
                return Ok(());
            };
            park_timeout(rest);
        }
        if self.is_over() { Err(std::io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    fn is_over(&self) -> bool {
        matches!(self, Pace::Ordered { requests, .. } if requests.stop.load(Ordering::Relaxed))
    }
}

/// Makes a segment file of zeros under its final name, or takes one that an earlier run prepared.
fn prepare(options: &Options, number: u64, pace: &Pace) -> Prepared {
    let device = &*options.device;
    let path = path_of(&options.dir, number);
    let durable = options.durability == Durability::Fsync;
    let found = path.exists();
    if !found {
        let temporary = path.with_extension("tmp");
        create(options, pace, &temporary, &path).inspect_err(|_| {
            let _ =
                device.perform(Step::Remove(&temporary), &mut || std::fs::remove_file(&temporary));
        })?;
    }
    let mut segment = WriteSegment::open(&options.dir, number)?;
    if segment.len() != options.segment_bytes {
        // No writer has begun this segment or those after it, so they may be made again with
        // another length. The last one goes first: a gap would look like a loss.
        let behind = segment::list(&options.dir)?.into_iter().rev();
        for number in behind.take_while(|&behind| behind >= number) {
            let path = path_of(&options.dir, number);
            device
                .perform(Step::Remove(&path), &mut || std::fs::remove_file(&path))
                .map_err(JournalError::io(&path, "remove"))?;
        }
        return prepare(options, number, pace);
    }
    if durable && found {
        segment.make_durable(device, &options.dir)?;
    }
    segment.named = durable;
    segment.make_present(0, durable);
    Ok(segment)
}

/// Creates the file under a temporary name, so that a file with the final name is always complete.
fn create(
    options: &Options,
    pace: &Pace,
    temporary: &Path,
    path: &Path,
) -> Result<(), JournalError> {
    let device = &*options.device;
    let mut file = None;
    device
        .perform(Step::Create(temporary), &mut || {
            file = Some(access::create_file(temporary)?);
            Ok(())
        })
        .map_err(JournalError::io(temporary, "create the segment"))?;
    let file = file.expect("a file that was created is open");
    let bytes = options.segment_bytes;
    device
        .perform(Step::Reserve(temporary, bytes), &mut || {
            Ok(fallocate(&file, FallocateFlags::empty(), 0, bytes)?)
        })
        .map_err(JournalError::io(temporary, "reserve space for the segment"))?;
    let durable = options.durability == Durability::Fsync;
    zero(device, pace, &file, temporary, bytes, durable)
        .map_err(JournalError::io(temporary, "zero the segment"))?;
    if durable {
        device
            .perform(Step::SyncFile(temporary), &mut || file.sync_all())
            .map_err(JournalError::io(temporary, "sync the segment"))?;
    }
    device
        .perform(Step::Rename(temporary, path), &mut || std::fs::rename(temporary, path))
        .map_err(JournalError::io(path, "name the segment"))?;
    if durable {
        sync_dir(device, &options.dir)?;
    }
    Ok(())
}

/// Writes zeros, piece by piece. While there is time, each piece goes to the device before the next
/// one, so that a sync of the journaler has to wait for one piece only.
fn zero(
    device: &dyn Device,
    pace: &Pace,
    mut file: &File,
    path: &Path,
    bytes: u64,
    durable: bool,
) -> std::io::Result<()> {
    // Pages written one by one stay single pages in the page cache. Larger ones are much faster to
    // write, but would make a sync of 64 bytes write a megabyte.
    let block = vec![0; if durable { PAGE_BYTES } else { PIECE_BYTES } as usize];
    let began = Instant::now();
    let mut done = 0;
    while done < bytes {
        let end = bytes.min(done + PIECE_BYTES);
        device.perform(Step::Write(path, end), &mut || {
            while done < end {
                let length = block.len().min((end - done) as usize);
                file.write_all(&block[..length])?;
                done += length as u64;
            }
            Ok(())
        })?;
        // A test device may have skipped the write.
        done = end;
        if durable && end < bytes && !pace.is_hurried() {
            device.perform(Step::SyncFile(path), &mut || file.sync_data())?;
        }
        pace.keep(began, done)?;
    }
    Ok(())
}
