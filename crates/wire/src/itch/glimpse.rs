//! End of a snapshot over SoupBinTCP, the one message that the feed does not have. Messages of the
//! feed precede it: the state of the symbols, then an Add Order for each resting order, in priority
//! order within a level.

use crate::{decimal, message, unpadded};

message! {
    /// Last message of a snapshot.
    EndOfSnapshot = b'G', 21 bytes {
        /// Number of the first feed message that is not in the snapshot, in ASCII digits.
        1 number: [u8; 20],
    }
}

impl EndOfSnapshot {
    /// Creates the end of a snapshot after which the feed continues with message `number`.
    pub fn new(number: u64) -> EndOfSnapshot {
        let mut digits = [b'0'; 20];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            // The low four bits of `0` are free for the value of the digit.
            (*digit, rest) = (b'0' | (rest % 10) as u8, rest / 10);
        }
        EndOfSnapshot { message_type: b'G', number: digits }
    }

    /// Number of the first feed message that is not in the snapshot; `None` if the field is no
    /// number. Spaces may pad the digits on either side.
    pub fn number(&self) -> Option<u64> {
        decimal(unpadded(&self.number)?.trim_start())
    }
}
