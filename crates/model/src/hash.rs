//! The two hashes that prove that two runs were equal: of the state and of the published reports.
//!
//! They detect divergence, not forgery: folded 64 × 64 → 128-bit multiplications, a few cycles
//! each.

use crate::report::Published;
use zerocopy::{IntoBytes, TryFromBytes};

const KEYS: [u64; 4] =
    [0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB, 0x8EBC_6AF0_9C88_C6E3, 0x5899_65CC_7537_4CC3];

#[inline(always)]
fn wide(a: u64, b: u64) -> u128 {
    u128::from(a) * u128::from(b)
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = wide(a, b);
    product as u64 ^ (product >> 64) as u64
}

/// Returns the hash of one part of the state, from its fields. The state hash is the wrapping sum
/// over all parts. So a change costs one subtraction and one addition, and any number of shards
/// comes to the same sum.
#[inline]
pub fn of_fields(fields: [u64; 6]) -> u128 {
    let [a, b, c, d, e, f] = fields;
    let x = fold(a ^ KEYS[0], b ^ KEYS[1]);
    let y = fold(c ^ KEYS[2], d ^ KEYS[3]);
    let z = fold(e ^ KEYS[1], f.rotate_left(32) ^ KEYS[2]);
    wide(x ^ z, y ^ KEYS[0]) ^ wide(y.rotate_left(32) ^ z, x ^ KEYS[3]).rotate_left(64)
}

/// Returns the hash of an order or a last price, which nearly every command changes, in half the
/// time of [`of_fields`]: two pairs that identify it, marks (less than 2^53), and two amounts that
/// change. The last product ties the amounts to the rest, so that a quantity cannot move unseen
/// from one order to another.
#[inline(always)]
pub fn of_order(pairs: [[u64; 2]; 2], marks: u64, amounts: [u64; 2]) -> u128 {
    let [[a, b], [c, d]] = pairs;
    let x = fold(a ^ KEYS[0], b ^ KEYS[1]);
    let y = fold(c ^ KEYS[2], d ^ KEYS[3]).wrapping_add(marks.wrapping_mul(KEYS[0]));
    wide(x ^ amounts[0], y ^ amounts[1])
}

/// Running hash of a report stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputHash {
    low: u64,
    high: u64,
    /// Number of reports so far.
    pub reports: u64,
}

impl Default for OutputHash {
    fn default() -> Self {
        OutputHash { low: KEYS[0], high: KEYS[2], reports: 0 }
    }
}

impl OutputHash {
    /// Adds the next report of the stream.
    #[inline]
    pub fn add(&mut self, published: &Published) {
        let w: &[u64; 8] = TryFromBytes::try_ref_from_bytes(published.report.as_bytes())
            .expect("a report is eight aligned words");
        let place = published.seqno.0 ^ u64::from(published.index) << 48;
        self.low = fold(fold(self.low ^ w[0], w[1] ^ KEYS[1]) ^ w[2], w[3] ^ place ^ KEYS[0]);
        self.high =
            fold(fold(self.high ^ w[4], w[5] ^ KEYS[3]) ^ w[6], w[7] ^ published.time.0 ^ KEYS[2]);
        self.reports += 1;
    }

    /// Creates a hash that continues after `reports` reports with this [`value`](Self::value).
    pub fn resume([low, high]: [u64; 2], reports: u64) -> Self {
        OutputHash { low, high, reports }
    }

    /// Returns the hash so far.
    pub fn value(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        Auction, Nanos, OrderId, OrderNumber, Price, Quantity, SeqNo, SessionId, Side, SymbolId,
    };
    use crate::durability::Durability;
    use crate::reason::Reason;
    use crate::report::{Executed, Report, Subject};
    use std::collections::HashSet;

    #[test]
    fn every_field_and_its_position_counts() {
        let base = [1u64, 2, 3, 4, 5, 6];
        let hash = of_fields(base);
        for i in 0..6 {
            for bit in 0..64 {
                let mut other = base;
                other[i] ^= 1 << bit;
                assert_ne!(of_fields(other), hash, "field {i} bit {bit}");
            }
            let mut swapped = base;
            swapped.swap(i, (i + 1) % 6);
            assert_ne!(of_fields(swapped), hash, "fields {i} and its neighbour swapped");
        }
    }

    #[test]
    fn no_two_fields_of_an_order_make_up_for_each_other() {
        let hash_of = |[a, b, c, d, e, f, g]: [u64; 7]| of_order([[a, b], [c, d]], e, [f, g]);
        let bits = |field| if field == 4 { 0..53 } else { 0..64 };
        for base in [[1u64, 2, 3, 4, 5, 6, 7], [1, 0, 1, 0, 0, 1, 0], [9; 7]] {
            let mut seen = HashSet::from([hash_of(base)]);
            for i in 0..7 {
                for bit in bits(i) {
                    let mut one = base;
                    one[i] ^= 1 << bit;
                    assert!(seen.insert(hash_of(one)), "field {i} bit {bit}");
                    for j in 0..i {
                        for other in bits(j) {
                            let mut two = one;
                            two[j] ^= 1 << other;
                            let new = seen.insert(hash_of(two));
                            assert!(new, "field {i} bit {bit}, field {j} bit {other}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_output_hash_depends_on_every_bit_and_on_the_order() {
        let (time, durability) = (Nanos(9), Durability::Fsync);
        let report = Report::BLANK;
        let one = Published { seqno: SeqNo(1), index: 0, time, durability, report };
        let hash_of = |list: &[Published]| {
            let mut hash = OutputHash::default();
            list.iter().for_each(|p| hash.add(p));
            hash.value()
        };
        let hash = hash_of(&[one]);
        let mut seen = HashSet::from([hash]);
        let mut is_new = |report| seen.insert(hash_of(&[Published { report, ..one }]));
        let none = Subject::NONE;
        let executed = Executed { trade: 0, contra: OrderNumber(0), removed: false, auction: None };
        assert!(is_new(executed.about(none)), "kind");
        for bit in 0..64 {
            let word = 1u64 << bit;
            let subjects = [
                Subject { order: OrderNumber(word), ..none },
                Subject { id: OrderId(word), ..none },
                Subject { price: Price(word as i64), ..none },
                Subject { quantity: Quantity(word), ..none },
                Subject { open: Quantity(word), ..none },
            ];
            for subject in subjects {
                assert!(is_new(executed.about(subject)), "bit {bit} of {subject:?}");
            }
            let contra = OrderNumber(word);
            assert!(is_new(Executed { contra, ..executed }.about(none)), "bit {bit} of contra");
        }
        for bit in 0..32 {
            let word = 1u32 << bit;
            for subject in [
                Subject { session: SessionId(word), ..none },
                Subject { symbol: SymbolId(word), ..none },
            ] {
                assert!(is_new(executed.about(subject)), "bit {bit} of {subject:?}");
            }
            let trade = Executed { trade: word, ..executed };
            assert!(is_new(trade.about(none)), "bit {bit} of trade");
        }
        for &reason in Reason::ALL.iter().filter(|&&reason| reason != none.reason) {
            assert!(is_new(executed.about(Subject { reason, ..none })), "{reason:?}");
        }
        for &side in Side::ALL.iter().filter(|&&side| side != none.side) {
            assert!(is_new(executed.about(Subject { side, ..none })), "{side:?}");
        }
        for &auction in Auction::ALL {
            let auction = Some(auction);
            assert!(is_new(Executed { auction, ..executed }.about(none)), "{auction:?}");
        }
        assert!(is_new(executed.about(Subject { hidden: true, ..none })), "hidden");
        assert!(is_new(Executed { removed: true, ..executed }.about(none)), "removed");
        let two = Published { index: 1, ..one };
        assert_ne!(hash_of(&[two]), hash);
        assert_ne!(hash_of(&[Published { time: Nanos(8), ..one }]), hash);
        assert_ne!(hash_of(&[one, two]), hash_of(&[two, one]));
    }
}
