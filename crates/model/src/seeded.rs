//! Random numbers from a seed in a command: every replay, and every reader of the journal, draws
//! the same numbers.

/// Draws the next number of a SplitMix64 generator whose state is `seed`.
pub fn draw(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut number = *seed;
    number = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number = (number ^ number >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ number >> 31
}
