//! One run of a venue, as those who are connected to it know it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Shared by all who are connected and by whoever ends it.
#[derive(Default)]
pub struct Life {
    /// The venue has been killed: a connection that is gone does not come back.
    pub over: AtomicBool,
    /// Nobody begins anything new.
    pub quiet: AtomicBool,
    proven: AtomicUsize,
    settled: AtomicUsize,
    left: AtomicUsize,
    failed: AtomicBool,
    /// Messages that each session receives before it counts as served.
    pub wanted: usize,
    served: AtomicUsize,
}

impl Life {
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    pub fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Acquire)
    }

    /// Somebody has been told everything again that he had been told before, and it was the same.
    pub fn prove(&self) {
        self.proven.fetch_add(1, Ordering::Release);
    }

    /// Somebody has no answer to wait for any more.
    pub fn settle(&self) {
        self.settled.fetch_add(1, Ordering::Release);
    }

    /// Somebody leaves; passes on what became of him, and remembers whether it was trouble.
    pub fn leave<T>(&self, result: Result<T, String>) -> Result<T, String> {
        self.left.fetch_add(1, Ordering::Release);
        self.failed.fetch_or(result.is_err(), Ordering::Release);
        result
    }

    /// Waits until so many have proven it; false if somebody failed or nothing comes of it.
    pub fn wait_until_proven(&self, all: usize) -> bool {
        self.wait_for(&self.proven, all)
    }

    /// Counts a session that has received the wanted messages.
    pub fn serve(&self) {
        self.served.fetch_add(1, Ordering::Release);
    }

    /// Waits until so many sessions are served.
    pub fn wait_until_served(&self, all: usize) -> bool {
        self.wait_for(&self.served, all)
    }

    /// Waits until so many have settled.
    pub fn wait_until_settled(&self, all: usize) -> bool {
        self.wait_for(&self.settled, all)
    }

    /// Waits until so many have left by themselves.
    pub fn wait_until_left(&self, all: usize) -> bool {
        self.wait_for(&self.left, all)
    }

    fn wait_for(&self, count: &AtomicUsize, all: usize) -> bool {
        let began = Instant::now();
        while count.load(Ordering::Acquire) < all {
            // No panic: those who are connected go on until they are told that it is over.
            if self.failed.load(Ordering::Acquire) || began.elapsed() > super::PATIENCE {
                return false;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        true
    }
}
