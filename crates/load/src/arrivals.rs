//! Intended send times of an open loop: offsets from its start that never depend on an answer.

use super::rng::{EXPONENTIAL_ONE, Rng};

/// Distribution of the intended send times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrivalKind {
    /// Equal intervals between send times.
    Even,
    /// Exponential intervals: the send times are independent of each other.
    Poisson,
    /// `size` requests at the same instant, then a pause that keeps the rate.
    Bursts {
        /// Requests in a burst, at least 1.
        size: u32,
    },
}

/// Intended send times of an open loop at a mean rate.
#[derive(Clone, Debug)]
pub struct Arrivals {
    kind: ArrivalKind,
    rate_per_s: u64,
    rng: Rng,
    at_ns: u64,
    /// Remainder of the division into whole nanoseconds, in nanoseconds × `unit`.
    rest: u128,
    left_of_burst: u32,
}

impl Arrivals {
    /// Creates send times at `rate_per_s`, which is at least 1. The first one is one interval after
    /// the start.
    pub fn new(kind: ArrivalKind, rate_per_s: u64, seed: u64) -> Self {
        assert!(rate_per_s > 0, "a rate is at least one per second");
        assert!(kind != ArrivalKind::Bursts { size: 0 }, "a burst has at least one event");
        Arrivals { kind, rate_per_s, rng: Rng::new(seed), at_ns: 0, rest: 0, left_of_burst: 0 }
    }

    /// Next send time, in nanoseconds from the start. Never decreases.
    #[inline]
    pub fn next_ns(&mut self) -> u64 {
        match self.kind {
            ArrivalKind::Even => self.advance(EXPONENTIAL_ONE),
            ArrivalKind::Poisson => {
                let interval = self.rng.exponential();
                self.advance(interval);
            }
            ArrivalKind::Bursts { size } => {
                if self.left_of_burst == 0 {
                    self.left_of_burst = size;
                    self.advance(u64::from(size) * EXPONENTIAL_ONE);
                }
                self.left_of_burst -= 1;
            }
        }
        self.at_ns
    }

    /// Advances by a number of mean intervals, in units of [`EXPONENTIAL_ONE`]. The remainder is
    /// carried over, so that rounding never changes the rate.
    #[inline]
    fn advance(&mut self, intervals: u64) {
        let unit = u128::from(self.rate_per_s) * u128::from(EXPONENTIAL_ONE);
        let total = u128::from(intervals) * 1_000_000_000 + self.rest;
        self.at_ns += (total / unit) as u64;
        self.rest = total % unit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(kind: ArrivalKind, rate: u64, n: usize) -> Vec<u64> {
        let mut arrivals = Arrivals::new(kind, rate, 3);
        (0..n).map(|_| arrivals.next_ns()).collect()
    }

    #[test]
    fn even_times_keep_an_odd_rate_exactly() {
        let even = times(ArrivalKind::Even, 7, 7_000);
        assert_eq!(&even[..3], &[142_857_142, 285_714_285, 428_571_428]);
        assert_eq!(even[6_999], 1_000 * 1_000_000_000);
        assert_eq!(times(ArrivalKind::Even, 3_000_000_000, 9), [0, 0, 1, 1, 1, 2, 2, 2, 3]);
    }

    #[test]
    fn bursts_are_back_to_back_and_keep_the_rate() {
        let bursts = times(ArrivalKind::Bursts { size: 4 }, 1_000_000, 4_000_000);
        assert_eq!(&bursts[..9], &[4_000, 4_000, 4_000, 4_000, 8_000, 8_000, 8_000, 8_000, 12_000]);
        assert_eq!(bursts[3_999_999], 4_000_000_000);
    }

    #[test]
    fn poisson_times_have_the_rate_and_are_irregular() {
        let n = 1_000_000;
        let poisson = times(ArrivalKind::Poisson, 250_000, n);
        let last = poisson[n - 1];
        assert!(last.abs_diff(4_000_000_000) < 20_000_000, "{last}");
        assert!(poisson.windows(2).all(|w| w[0] <= w[1]));
        // 1 - e^-1 of the gaps are shorter than the mean of 4000 ns.
        let short = poisson.windows(2).filter(|w| w[1] - w[0] < 4_000).count();
        assert!(short.abs_diff(632_121) < 3_000, "{short}");
    }
}
