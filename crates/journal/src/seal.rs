//! Seals the full segments: a thread of its own writes them to the device, in any mode, and then
//! writes their digest next to them.
//!
//! ```text
//!  00000001.seg       full
//!  00000001.sha256    "<64 hex digits>  00000001.seg\n", for `sha256sum -c *.sha256`
//! ```
//! A segment that has a digest is completely on the device. A full segment without one, because the
//! process was killed or there was no space, is sealed by the next writer.

use super::device::replace_file;
use super::segment::{self, WriteSegment};
use super::{JournalError, Lock, Options};
use crate::low_priority::LowPriority;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Pause before a digest is tried again for which there was no space or no descriptor.
const RETRY: Duration = Duration::from_millis(500);
/// Number of bytes digested at once, which takes a tenth of a millisecond. No caller waits for a
/// digest, but even at the lowest priority the kernel gives the thread a whole time slice:
/// milliseconds in which a stage on the same core stands still.
const PIECE_BYTES: usize = 128 << 10;
/// Pause between two pieces.
const REST: Duration = Duration::from_millis(1);
/// Number of segments without a digest above which there are no pauses.
const UNDIGESTED_MAX: usize = 4;

/// Thread that seals. Work not begun when this is dropped is left to the next writer.
pub(super) struct Sealer {
    jobs: Option<Sender<Job>>,
    state: Arc<State>,
    thread: Option<LowPriority>,
}

enum Job {
    /// Segment that an earlier run left without a digest.
    Left(u64),
    /// Full segment and its last command.
    Full(WriteSegment, u64),
    /// Request for an answer once everything before it is on the device.
    Settle(SyncSender<()>),
}

#[derive(Default)]
struct State {
    /// True if a caller waits for all digests.
    hurry: AtomicBool,
    /// True if a caller waits until all full segments are on the device, but not for digests.
    settles: AtomicBool,
    /// True if no caller waits any more.
    stop: AtomicBool,
    /// Last command up to which everything is on the device.
    synced: AtomicU64,
    failed: AtomicBool,
    error: Mutex<Option<JournalError>>,
}

impl Sealer {
    /// Starts to seal the segments up to `last` that earlier runs left without a digest. The thread
    /// works only in the locked folder.
    pub(crate) fn start(
        options: &Options,
        lock: &Arc<Lock>,
        last: u64,
    ) -> Result<Self, JournalError> {
        let (jobs, receiver) = channel();
        let left = segment::list(&options.dir)?;
        for number in left.into_iter().filter(|&number| number <= last) {
            if !is_sealed(&options.dir, number) {
                let _ = jobs.send(Job::Left(number));
            }
        }
        let state = Arc::new(State::default());
        let (options, thread_state) = (options.clone(), Arc::clone(&state));
        let lock = Arc::clone(lock);
        let dir = options.dir.clone();
        let seal = move || {
            let work = Work {
                options: &options,
                lock: &lock,
                state: &thread_state,
                undigested: VecDeque::new(),
                held: vec![],
            };
            if let Err(error) = work.run(&receiver) {
                *thread_state.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                thread_state.failed.store(true, Ordering::Release);
            }
        };
        let thread = LowPriority::start("sealer", seal)
            .map_err(JournalError::io(&dir, "start the sealer thread"))?;
        Ok(Sealer { jobs: Some(jobs), state, thread: Some(thread) })
    }

    /// Takes a full segment, with its last command.
    pub(crate) fn seal(&self, segment: WriteSegment, last: u64) {
        self.send(Job::Full(segment, last));
    }

    /// Last command up to which everything is on the device.
    #[inline]
    pub(crate) fn synced(&self) -> u64 {
        self.state.synced.load(Ordering::Relaxed)
    }

    /// Returns true if a segment could not be sealed. Nothing may be acknowledged after that.
    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        self.state.failed.load(Ordering::Acquire)
    }

    /// Cause for which a segment could not be sealed. Only the first call returns it, later ones
    /// [`Stopped`](JournalError::Stopped).
    pub(crate) fn error(&self) -> JournalError {
        let error = self.state.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        error.unwrap_or(JournalError::Stopped)
    }

    /// Waits until all full segments are on the device. Digests may follow later.
    pub(crate) fn settle(&mut self) -> Result<(), JournalError> {
        let (answer, answered) = sync_channel(1);
        self.state.settles.store(true, Ordering::Relaxed);
        self.send(Job::Settle(answer));
        let settled = match &self.thread {
            Some(thread) => thread.wait(|| answered.recv()),
            None => answered.recv(),
        };
        self.state.settles.store(false, Ordering::Relaxed);
        // There is no answer if the thread has failed.
        settled.or_else(|_| self.finish())
    }

    /// Waits until all full segments are sealed.
    pub(crate) fn finish(&mut self) -> Result<(), JournalError> {
        self.state.hurry.store(true, Ordering::Relaxed);
        drop(self.jobs.take());
        drop(self.thread.take());
        if self.has_failed() { Err(self.error()) } else { Ok(()) }
    }

    fn send(&self, job: Job) {
        // After a failure the job is not taken, and `has_failed` says so.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        let _ = self.finish();
    }
}

/// Work of the thread.
struct Work<'a> {
    options: &'a Options,
    lock: &'a Lock,
    state: &'a State,
    /// Segments that wait to be written to the device.
    held: Vec<Held>,
    /// Segments on the device that have no digest yet.
    undigested: VecDeque<u64>,
}

/// Segment that waits to be written to the device.
enum Held {
    /// Segment of an earlier run.
    Left(u64),
    /// Segment of this run, with its last command.
    Full(WriteSegment, u64),
}

impl Work<'_> {
    /// Works until the writer has closed and everything is sealed. Writes all waiting segments to
    /// the device before it digests the first: callers wait for the device, not for digests.
    fn run(mut self, jobs: &Receiver<Job>) -> Result<(), JournalError> {
        // If all segments were made in advance, none is sealed before the writer waits for it.
        let hold = self.options.segments_last != u64::MAX;
        let mut pause = Duration::ZERO;
        loop {
            let job = match self.undigested.is_empty() {
                true => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => jobs.recv_timeout(pause),
            };
            match job {
                Ok(Job::Left(number)) => {
                    self.held.push(Held::Left(number));
                    if !hold {
                        self.sync_held()?;
                    }
                }
                Ok(Job::Full(segment, last)) => {
                    self.held.push(Held::Full(segment, last));
                    if !hold {
                        self.sync_held()?;
                    }
                }
                Ok(Job::Settle(answer)) => {
                    self.sync_held()?;
                    let _ = answer.send(());
                }
                Err(RecvTimeoutError::Timeout) => pause = self.digest_next()?,
                Err(RecvTimeoutError::Disconnected) => {
                    self.sync_held()?;
                    let mut pause = Duration::ZERO;
                    while pause.is_zero() && !self.undigested.is_empty() {
                        if self.state.stop.load(Ordering::Relaxed) {
                            break;
                        }
                        pause = self.digest_next()?;
                    }
                    return Ok(());
                }
            }
        }
    }

    fn sync_held(&mut self) -> Result<(), JournalError> {
        for held in std::mem::take(&mut self.held) {
            if self.state.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            match held {
                Held::Left(number) => {
                    self.lock.check(&self.options.dir)?;
                    let mut segment = WriteSegment::open(&self.options.dir, number)?;
                    // The run that left the segment may have ended because a sync failed.
                    segment.redirty(0, segment.len());
                    self.sync(&segment)?;
                }
                Held::Full(segment, last) => {
                    self.sync(&segment)?;
                    self.state.synced.store(last, Ordering::Release);
                }
            }
        }
        Ok(())
    }

    fn sync(&mut self, segment: &WriteSegment) -> Result<(), JournalError> {
        while let Err(error) = segment.make_durable(&*self.options.device, &self.options.dir) {
            // Without a descriptor nothing was synced, so nothing was lost.
            if !error.is_transient() || self.state.stop.load(Ordering::Relaxed) {
                return Err(error);
            }
            std::thread::sleep(RETRY);
        }
        self.undigested.push_back(segment.number);
        Ok(())
    }

    /// Digests a segment. Returns the pause before the next one.
    fn digest_next(&mut self) -> Result<Duration, JournalError> {
        let Some(&number) = self.undigested.front() else { return Ok(Duration::ZERO) };
        let far_behind = self.undigested.len() > UNDIGESTED_MAX;
        let state = self.state;
        let goes_on = || {
            let hurry = state.hurry.load(Ordering::Relaxed);
            if !far_behind && !hurry {
                std::thread::sleep(REST);
            }
            let settles = state.settles.load(Ordering::Relaxed) && !hurry;
            !settles && !state.stop.load(Ordering::Relaxed)
        };
        match write_digest(self.options, self.lock, number, goes_on) {
            Err(error) if error.is_out_of_space() || error.is_transient() => Ok(RETRY),
            Err(error) => Err(error),
            // Interrupted, because a caller could not wait: the digest is made again when there is
            // time.
            Ok(false) => Ok(Duration::ZERO),
            Ok(true) => {
                self.undigested.pop_front();
                Ok(Duration::ZERO)
            }
        }
    }
}

/// Returns true if a segment is full and completely on the device.
pub(super) fn is_sealed(dir: &Path, number: u64) -> bool {
    segment::digest_path_of(dir, number).exists()
}

/// Compares every segment that has a digest with it. Returns the number of digests.
pub fn check_digests(dir: &Path) -> Result<u64, JournalError> {
    let numbers = segment::list_digests(dir)?;
    for &number in &numbers {
        let (path, digest) = (segment::path_of(dir, number), segment::digest_path_of(dir, number));
        let bytes = std::fs::read(&path).map_err(JournalError::io(&path, "read the segment"))?;
        let said = std::fs::read_to_string(&digest)
            .map_err(JournalError::io(&digest, "read the digest"))?;
        if Some(said) != line_of(number, &bytes, || true) {
            let detail = "the segment is not the one that its digest was made of".into();
            return Err(JournalError::Corrupt { path, offset: 0, seqno: 0, detail });
        }
    }
    Ok(numbers.len() as u64)
}

/// Content of a segment's digest file; `None` if `goes_on`, called after each piece, returns false.
fn line_of(number: u64, bytes: &[u8], goes_on: impl Fn() -> bool) -> Option<String> {
    let mut hasher = Sha256::new();
    for piece in bytes.chunks(PIECE_BYTES) {
        hasher.update(piece);
        if !goes_on() {
            return None;
        }
    }
    let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("{hex}  {number:08}.seg\n"))
}

/// Writes the digest of a segment. Returns false if `goes_on` ended the work.
fn write_digest(
    options: &Options,
    lock: &Lock,
    number: u64,
    goes_on: impl Fn() -> bool,
) -> Result<bool, JournalError> {
    lock.check(&options.dir)?;
    let segment = WriteSegment::open(&options.dir, number)?;
    let Some(line) = line_of(number, segment.bytes(), goes_on) else { return Ok(false) };
    drop(segment);
    // Digesting takes a while.
    lock.check(&options.dir)?;
    let path = segment::digest_path_of(&options.dir, number);
    let name = path.file_name().and_then(|name| name.to_str()).expect("it has a name of ours");
    replace_file(&*options.device, &options.dir, name, line.as_bytes())?;
    Ok(true)
}
