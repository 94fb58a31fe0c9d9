//! Prepares files and pages ahead of the writer. A thread of its own makes the files, makes their
//! pages present and writable, and waits for the file system in place of the writer. If the thread
//! is late, the writer does the same itself, block by block.

use super::blocks::Blocks;
use super::files::StoreError;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Number of blocks that the thread runs ahead: 8 MiB, but at most one file.
const LEAD: u32 = 512;
/// Number of blocks that are made present at once, and after which the thread is woken. Few,
/// because the kernel gives the core to no other thread meanwhile.
const STEP: u32 = 8;

/// Pause after an error.
const RETRY: Duration = Duration::from_secs(1);

/// Handle of the thread, which ends when the handle is dropped.
pub(super) struct BlockPreparer {
    signals: Arc<Signals>,
    /// Block at which the thread is woken next.
    wake_at: u32,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Signals {
    stop: AtomicBool,
    /// Block that was begun last.
    begun: AtomicU32,
}

impl BlockPreparer {
    /// Starts the thread ahead of the blocks that are shown.
    pub(super) fn start(blocks: &Arc<Blocks>, dir: &Path) -> Result<Self, StoreError> {
        let first = blocks.shown();
        let signals = Arc::<Signals>::default();
        signals.begun.store(first, Ordering::Relaxed);
        let (thread_blocks, thread_signals) = (Arc::clone(blocks), Arc::clone(&signals));
        let thread = std::thread::Builder::new()
            .name("streams".into())
            .spawn(move || run(&thread_blocks, &thread_signals))
            .map_err(StoreError::io(dir, "start the thread that makes files"))?;
        Ok(BlockPreparer { signals, wake_at: first + STEP, thread: Some(thread) })
    }

    /// Follows the writer, which has begun `block`.
    pub(super) fn follow(&mut self, block: u32) {
        if block >= self.wake_at {
            self.wake_at = block + STEP;
            self.signals.begun.store(block, Ordering::Relaxed);
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for BlockPreparer {
    fn drop(&mut self) {
        self.signals.stop.store(true, Ordering::Relaxed);
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(blocks: &Blocks, signals: &Signals) {
    let step = STEP.min(blocks.per_file());
    let lead = LEAD.min(blocks.per_file());
    let mut next = 0;
    while !signals.stop.load(Ordering::Relaxed) {
        let begun = signals.begun.load(Ordering::Relaxed);
        // Pieces begin at multiples of their length, so each lies in one file.
        next = next.max(begun / step * step);
        if next >= begun + lead {
            std::thread::park();
            continue;
        }
        match blocks.make_present(next, step) {
            Ok(()) => next += step,
            // The writer makes the block itself if it comes there before, and reports its own
            // error.
            Err(error) => {
                tracing::warn!(
                    event = "streams_prepare_failed",
                    "blocks of the streams cannot be prepared, trying again: {error}"
                );
                std::thread::park_timeout(RETRY);
            }
        }
    }
}
