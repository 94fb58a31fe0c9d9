//! Latencies that one thread measures.

use super::plan::Kind;
use hdrhistogram::Histogram;
use std::time::Instant;

/// Lateness above which a send counts as late.
pub const LATE_NS: u64 = 10_000;
/// Longest time that a histogram distinguishes.
const NS_MAX: u64 = 100_000_000_000;

/// Clock that all threads share.
#[derive(Clone, Copy)]
pub struct RunClock(Instant);

impl RunClock {
    /// Starts a clock now, at 1 ns.
    pub fn start() -> RunClock {
        RunClock(Instant::now())
    }

    /// Current time, as an instant and in ns on this clock.
    #[inline]
    pub fn now(&self) -> (Instant, u64) {
        let now = Instant::now();
        (now, (now - self.0).as_nanos() as u64 + 1)
    }
}

/// Creates a histogram of nanoseconds with three significant digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, NS_MAX, 3).expect("bounds in order")
}

/// Measurements of one thread. A latency runs from the intended time of a request to the arrival of
/// its answer.
pub struct Meter {
    /// Intended send time from which on requests are measured.
    pub from_ns: u64,
    /// Number of measured requests sent.
    pub sent: u64,
    /// Number of measured requests sent more than [`LATE_NS`] after their intended time.
    pub late: u64,
    /// Largest lateness of a measured request.
    pub lateness_max_ns: u64,
    /// Arrival time of the last measured answer.
    pub last_ns: u64,
    spans: [Histogram<u64>; 3],
    /// Measured orders that rest, with their intended times, as far as there is room.
    resting: Vec<Arrival>,
}

/// Venue's number of an order, and a time in ns.
pub type Arrival = (u64, u64);

impl Default for Meter {
    fn default() -> Self {
        Meter::new()
    }
}

impl Meter {
    /// Creates a meter that measures nothing yet.
    pub fn new() -> Meter {
        Meter {
            from_ns: u64::MAX,
            sent: 0,
            late: 0,
            lateness_max_ns: 0,
            last_ns: 0,
            spans: std::array::from_fn(|_| histogram()),
            resting: vec![],
        }
    }

    /// Reserves room for `orders` resting orders.
    pub fn remember(&mut self, orders: usize) {
        self.resting.reserve_exact(orders);
    }

    /// Records that a request is sent.
    #[inline]
    pub fn sent(&mut self, intended_ns: u64, now_ns: u64) {
        if intended_ns >= self.from_ns {
            let late = now_ns.saturating_sub(intended_ns);
            self.sent += 1;
            self.late += u64::from(late > LATE_NS);
            self.lateness_max_ns = self.lateness_max_ns.max(late);
        }
    }

    /// Records that an answer has arrived.
    #[inline]
    pub fn answered(&mut self, kind: Kind, intended_ns: u64, now_ns: u64) {
        if intended_ns >= self.from_ns {
            self.spans[kind as usize].saturating_record(now_ns.saturating_sub(intended_ns));
            self.last_ns = now_ns;
        }
    }

    /// Records that an order rests in the book.
    #[inline]
    pub fn rests(&mut self, reference: u64, intended_ns: u64) {
        if intended_ns >= self.from_ns && self.resting.len() < self.resting.capacity() {
            self.resting.push((reference, intended_ns));
        }
    }

    /// Adds the measurements of another thread.
    pub fn add(&mut self, other: &Meter) {
        self.from_ns = self.from_ns.min(other.from_ns);
        self.sent += other.sent;
        self.late += other.late;
        self.lateness_max_ns = self.lateness_max_ns.max(other.lateness_max_ns);
        self.last_ns = self.last_ns.max(other.last_ns);
        for (span, other) in self.spans.iter_mut().zip(&other.spans) {
            span.add(other).expect("they have the same bounds");
        }
        self.resting.extend_from_slice(&other.resting);
    }

    /// Measured orders that rest, sorted by the venue's number.
    pub fn resting(&self) -> Vec<Arrival> {
        let mut resting = self.resting.clone();
        resting.sort_unstable();
        resting
    }

    /// Latencies of one kind of request.
    pub fn of(&self, kind: Kind) -> &Histogram<u64> {
        &self.spans[kind as usize]
    }

    /// Latencies of all requests.
    pub fn all(&self) -> Histogram<u64> {
        let mut all = histogram();
        self.spans.iter().for_each(|span| all.add(span).expect("they have the same bounds"));
        all
    }

    /// Time in seconds from the start of measuring to the last measured answer.
    pub fn seconds(&self) -> f64 {
        self.last_ns.saturating_sub(self.from_ns) as f64 / 1e9
    }
}
