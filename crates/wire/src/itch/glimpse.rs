//! What a snapshot over SoupBinTCP has that the feed has not. It begins with messages of the feed: the state of
//! the instruments, then an Add Order for each resting order, in priority order within a level.

use crate::{decimal, message, unpadded};

message! {
    /// The last message of a snapshot.
    EndOfSnapshot = b'G', 21 bytes {
        /// The number of the first message of the feed that is not in the snapshot, in ASCII digits.
        1 number: [u8; 20],
    }
}

impl EndOfSnapshot {
    /// The end of a snapshot behind which the feed goes on with message `number`.
    pub fn new(number: u64) -> EndOfSnapshot {
        let mut digits = [b'0'; 20];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            (*digit, rest) = (b'0' + (rest % 10) as u8, rest / 10);
        }
        EndOfSnapshot { message_type: b'G', number: digits }
    }

    /// The number of the first message of the feed that is not in the snapshot; `None` if it is no number.
    /// It may be justified to either side with spaces.
    pub fn number(&self) -> Option<u64> {
        decimal(unpadded(&self.number)?.trim_start())
    }
}
