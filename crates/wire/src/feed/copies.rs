//! Digests of the messages delivered last, to compare later copies with.

/// Number of messages remembered. A standby sends its copies when it knows what is committed: at
/// most thousands of commands later.
const REMEMBERED: u64 = 1 << 17;

/// Number and digest of each remembered message, at index `number % REMEMBERED`.
pub(super) struct Copies(Box<[(u64, u64)]>);

/// Result of the comparison of a copy with the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// The first copy is not remembered.
    Unknown,
    /// The copy equals the first one.
    Same,
    /// The copy differs from the first one.
    Different,
}

impl Default for Copies {
    fn default() -> Self {
        // Number 0 marks an empty entry: no message has it.
        Copies(vec![(0, 0); REMEMBERED as usize].into())
    }
}

impl Copies {
    /// Remembers a message in the place of the one `REMEMBERED` numbers before.
    #[inline]
    pub(super) fn remember(&mut self, number: u64, digest: u64) {
        if let Some(place) = self.0.get_mut((number % REMEMBERED) as usize) {
            *place = (number, digest);
        }
    }

    /// Compares a later copy of a message with the first one.
    #[inline]
    pub(super) fn compare(&self, number: u64, digest: u64) -> Compared {
        match self.0.get((number % REMEMBERED) as usize) {
            Some(&(known, first)) if known == number && first == digest => Compared::Same,
            Some(&(known, _)) if known == number => Compared::Different,
            _ => Compared::Unknown,
        }
    }
}

/// Hash of a message. Messages of the same length that differ only within eight adjacent bytes have
/// different hashes.
#[inline]
pub(super) fn digest(message: &[u8]) -> u64 {
    let mut digest = message.len() as u64;
    let (words, rest) = message.as_chunks();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    words.iter().chain((!rest.is_empty()).then_some(&last)).for_each(|word| {
        // Each step is invertible, so equal bytes that follow cannot hide a difference.
        digest = (digest ^ u64::from_le_bytes(*word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        digest ^= digest >> 32;
    });
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_and_the_length_count() {
        let message: Vec<u8> = (0..37).collect();
        for bit in 0..37 * 8 {
            let mut other = message.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(digest(&message), digest(&other), "bit {bit}");
        }
        assert_ne!(digest(&[0; 36]), digest(&[0; 37]));
    }

    /// Words and bits that a weaker mix of the two halves of the digest would confuse.
    #[test]
    fn differences_do_not_cancel() {
        let [one, other] = [0x66C8_8CC3_0000_0008_u64, 0x0E21_7C1E_66C8_8CCB].map(u64::to_le_bytes);
        assert_ne!(digest(&one), digest(&other));
        let mut last_bits = [0; 16];
        (last_bits[7], last_bits[15]) = (0x80, 0x80);
        assert_ne!(digest(&last_bits), digest(&[0; 16]));
    }

    #[test]
    fn what_was_delivered_long_ago_is_forgotten() {
        let mut copies = Copies::default();
        assert_eq!(copies.compare(1, 7), Compared::Unknown);
        (1..=REMEMBERED).for_each(|number| copies.remember(number, number + 7));
        assert_eq!([1, REMEMBERED].map(|n| copies.compare(n, n + 7)), [Compared::Same; 2]);
        assert_eq!(copies.compare(2, 7), Compared::Different);
        copies.remember(REMEMBERED + 1, 0);
        assert_eq!([1, 2].map(|n| copies.compare(n, n + 7)), [Compared::Unknown, Compared::Same]);
    }
}
