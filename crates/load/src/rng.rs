//! Small random number generator with a seed: xoshiro256++ with a state filled by splitmix64.

/// Random number generator that gives the same numbers for the same seed on any machine.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// Creates a generator from a seed; every seed is valid.
    pub fn new(seed: u64) -> Self {
        let mut at = seed;
        let state = std::array::from_fn(|_| {
            at = at.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let x = (at ^ at >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            x ^ x >> 31
        });
        Rng { state }
    }

    /// Returns the next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ b << 17, d.rotate_left(45)];
        result
    }

    /// Returns a random number below `n`, which is at least 1. The bias is `n` in 2^64.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// Returns true `times` times out of `of`, at random.
    #[inline]
    pub fn chance(&mut self, times: u64, of: u64) -> bool {
        self.below(of) < times
    }

    /// Exponential variable of mean 1, in units of [`EXPONENTIAL_ONE`].
    ///
    /// Uses no floats, whose logarithm differs between platforms. The whole multiples of ln 2 are a
    /// run of coin flips. The rest is −ln(1 − x) for x uniform below ½, as the series of 2 artanh(x
    /// / (2 − x)).
    pub(crate) fn exponential(&mut self) -> u64 {
        let halvings = u64::from(self.next_u64().leading_zeros());
        let x = self.next_u64() >> 33;
        let y = (x << 32) / ((2 << 32) - x);
        let square = (y * y) >> 32;
        let mut power = y;
        let mut sum = y;
        for odd in (3..).step_by(2) {
            power = (power * square) >> 32;
            if power == 0 {
                break;
            }
            sum += power / odd;
        }
        halvings * LN_2 + 2 * sum
    }
}

/// Fixed-point value of 1 in [`Rng::exponential`].
pub(crate) const EXPONENTIAL_ONE: u64 = 1 << 32;

/// ln 2 in units of [`EXPONENTIAL_ONE`].
const LN_2: u64 = 2_977_044_472;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything() {
        let draw = |seed| {
            let mut rng = Rng::new(seed);
            [rng.next_u64(), rng.below(1000), rng.exponential(), rng.next_u64()]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        // Reference output of xoshiro256++ for the state 1, 2, 3, 4.
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let first: [u64; 4] = std::array::from_fn(|_| rng.next_u64());
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn numbers_below_n_are_even() {
        let mut rng = Rng::new(1);
        let mut count = [0i32; 7];
        (0..70_000).for_each(|_| count[rng.below(7) as usize] += 1);
        assert!(count.iter().all(|n| (n - 10_000).abs() < 500), "{count:?}");
        let hits = (0..100_000).filter(|_| rng.chance(3, 10)).count();
        assert!(hits.abs_diff(30_000) < 700, "{hits}");
    }

    #[test]
    fn the_exponential_has_its_mean_and_its_tail() {
        let mut rng = Rng::new(2);
        let n = 400_000;
        let draws: Vec<u64> = (0..n).map(|_| rng.exponential()).collect();
        let mean = draws.iter().sum::<u64>() / n;
        assert!(mean.abs_diff(EXPONENTIAL_ONE) < EXPONENTIAL_ONE / 150, "{mean}");
        // e^-1 and e^-3 of the draws are above 1 and 3; half of them are above ln 2 = 0.693.
        for (milli, expected) in [(1000, 147_152), (3000, 19_915), (693, 200_029), (347, 282_721)] {
            let bound = EXPONENTIAL_ONE / 1000 * milli;
            let beyond = draws.iter().filter(|&&e| e > bound).count();
            assert!(beyond.abs_diff(expected) < 1500, "{beyond} beyond {milli}");
        }
    }
}
