//! Counters of a listener.

use super::copies::Compared;

/// Counters of everything received so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Datagrams of the A lines and of the B lines, including heartbeats.
    pub datagrams: [u64; 2],
    /// Messages delivered to the listener.
    pub messages: u64,
    /// Copies of messages that had arrived before. With two lines without loss each message arrives
    /// twice.
    pub duplicates: u64,
    /// Duplicates compared with the first copy.
    pub compared: u64,
    /// Duplicates not compared, because the first copy is not remembered.
    pub not_compared: u64,
    /// Duplicates that differ from the first copy: one of two venues that should be equal is wrong.
    pub mismatches: u64,
    /// Lowest number among the mismatches.
    pub first_mismatch: Option<u64>,
    /// Number of times that messages were missing on all lines.
    pub gaps: u64,
    /// Messages that the re-request server delivered before any line.
    pub recovered: u64,
    /// Requests sent to the re-request server.
    pub requests: u64,
    /// Datagrams that are malformed or of another session.
    pub foreign: u64,
    /// Datagrams that arrived early and found no room to wait.
    pub dropped: u64,
}

/// Counts one more. No time suffices for 64 bits of counts.
pub(super) fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

impl Received {
    /// Counts another copy of a message, with the result of its comparison.
    pub(super) fn compare(&mut self, number: u64, copy: Compared) {
        count(&mut self.duplicates);
        match copy {
            Compared::Unknown => count(&mut self.not_compared),
            Compared::Same => count(&mut self.compared),
            Compared::Different => {
                count(&mut self.compared);
                count(&mut self.mismatches);
                let first = self.first_mismatch.map_or(number, |first| first.min(number));
                self.first_mismatch = Some(first);
            }
        }
    }
}
