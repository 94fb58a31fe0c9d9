//! The latencies that one thread measures.

use super::plan::Kind;
use hdrhistogram::Histogram;
use std::time::Instant;

/// From this lateness on, a send counts as late.
pub const LATE_NS: u64 = 10_000;
/// The longest time that a histogram tells apart.
const NS_MAX: u64 = 100_000_000_000;

/// A clock that all threads share.
#[derive(Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that begins now, at 1 ns.
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// Now, and in ns since the beginning.
    #[inline]
    pub fn now(&self) -> (Instant, u64) {
        let now = Instant::now();
        (now, (now - self.0).as_nanos() as u64 + 1)
    }
}

/// Nanoseconds with three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, NS_MAX, 3).expect("bounds in order")
}

/// What one thread measures: from the intended time of a request to the arrival of its answer.
pub struct Meter {
    /// Requests that were meant to go earlier are not measured.
    pub from_ns: u64,
    /// Measured requests that were sent.
    pub sent: u64,
    /// How many of those more than [`LATE_NS`] after their intended time.
    pub late: u64,
    /// The largest lateness.
    pub lateness_max_ns: u64,
    /// When the last measured answer came.
    pub last_ns: u64,
    spans: [Histogram<u64>; 3],
    /// Measured orders that rest, with their intended times, as far as there is room.
    resting: Vec<Arrival>,
}

/// The venue's number of an order and a time.
pub type Arrival = (u64, u64);

impl Default for Meter {
    fn default() -> Self {
        Meter::new()
    }
}

impl Meter {
    /// A meter that measures nothing yet.
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

    /// Makes room to remember so many resting orders.
    pub fn remember(&mut self, orders: usize) {
        self.resting.reserve_exact(orders);
    }

    /// A request goes out.
    #[inline]
    pub fn sent(&mut self, intended_ns: u64, now_ns: u64) {
        if intended_ns >= self.from_ns {
            let late = now_ns.saturating_sub(intended_ns);
            self.sent += 1;
            self.late += u64::from(late > LATE_NS);
            self.lateness_max_ns = self.lateness_max_ns.max(late);
        }
    }

    /// An answer has come.
    #[inline]
    pub fn answered(&mut self, kind: Kind, intended_ns: u64, now_ns: u64) {
        if intended_ns >= self.from_ns {
            self.spans[kind as usize].saturating_record(now_ns.saturating_sub(intended_ns));
            self.last_ns = now_ns;
        }
    }

    /// An order rests in the book.
    #[inline]
    pub fn rests(&mut self, reference: u64, intended_ns: u64) {
        if intended_ns >= self.from_ns && self.resting.len() < self.resting.capacity() {
            self.resting.push((reference, intended_ns));
        }
    }

    /// Takes in what another thread measured.
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

    /// The measured orders that rest, by the venue's number.
    pub fn resting(&self) -> Vec<Arrival> {
        let mut resting = self.resting.clone();
        resting.sort_unstable();
        resting
    }

    /// The latencies of one kind of request.
    pub fn of(&self, kind: Kind) -> &Histogram<u64> {
        &self.spans[kind as usize]
    }

    /// The latencies of all.
    pub fn all(&self) -> Histogram<u64> {
        let mut all = histogram();
        self.spans.iter().for_each(|span| all.add(span).expect("they have the same bounds"));
        all
    }

    /// From the first measured request's intended time to the last answer.
    pub fn seconds(&self) -> f64 {
        self.last_ns.saturating_sub(self.from_ns) as f64 / 1e9
    }
}
