//! One run of a venue: state that its clients and the test share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Shared state of all clients and of the thread that ends the run.
#[derive(Default)]
pub struct Life {
    /// The venue has been killed: lost connections do not come back.
    pub over: AtomicBool,
    /// Clients send no new requests.
    pub quiet: AtomicBool,
    proven: AtomicUsize,
    settled: AtomicUsize,
    left: AtomicUsize,
    failed: AtomicBool,
    /// Number of messages that a session receives before it counts as served.
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

    /// Counts a client that has received all earlier messages again, unchanged.
    pub fn prove(&self) {
        self.proven.fetch_add(1, Ordering::Release);
    }

    /// Counts a client that waits for no answer.
    pub fn settle(&self) {
        self.settled.fetch_add(1, Ordering::Release);
    }

    /// Counts a client that leaves and notes an error; returns its result.
    pub fn leave<T>(&self, result: Result<T, String>) -> Result<T, String> {
        self.left.fetch_add(1, Ordering::Release);
        self.failed.fetch_or(result.is_err(), Ordering::Release);
        result
    }

    /// Waits until `all` clients have proven; returns false if one has failed or a timeout passes.
    pub fn wait_until_proven(&self, all: usize) -> bool {
        self.wait_for(&self.proven, all)
    }

    /// Counts a session that has received the wanted messages.
    pub fn serve(&self) {
        self.served.fetch_add(1, Ordering::Release);
    }

    /// Waits until `all` sessions are served.
    pub fn wait_until_served(&self, all: usize) -> bool {
        self.wait_for(&self.served, all)
    }

    /// Waits until `all` clients have settled.
    pub fn wait_until_settled(&self, all: usize) -> bool {
        self.wait_for(&self.settled, all)
    }

    /// Waits until `all` clients have left by themselves.
    pub fn wait_until_left(&self, all: usize) -> bool {
        self.wait_for(&self.left, all)
    }

    fn wait_for(&self, count: &AtomicUsize, all: usize) -> bool {
        let began = Instant::now();
        while count.load(Ordering::Acquire) < all {
            // No panic here: the clients run until `over` is set.
            if self.failed.load(Ordering::Acquire) || began.elapsed() > super::PATIENCE {
                return false;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        true
    }
}
