//! What a listener has received, in numbers.

use super::copies::Compared;

/// What has come so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Datagrams of the lines A and the lines B, heartbeats among them.
    pub datagrams: [u64; 2],
    /// Messages that were delivered.
    pub messages: u64,
    /// Messages that had come before. With two lines without loss each message comes twice.
    pub duplicates: u64,
    /// Those of them that were compared with the first copy.
    pub compared: u64,
    /// Those of them that were not, because what was delivered so long ago is not remembered.
    pub not_compared: u64,
    /// Those that differ from the first copy: one of two venues that should be the same is wrong.
    pub mismatches: u64,
    /// The lowest number of those.
    pub first_mismatch: Option<u64>,
    /// Times that messages were missing on all lines.
    pub gaps: u64,
    /// Messages that came from the re-request server before they came from a line.
    pub recovered: u64,
    /// Requests that were sent to it.
    pub requests: u64,
    /// Datagrams that are none, or of another session.
    pub foreign: u64,
    /// Datagrams that came early and found no room to wait.
    pub dropped: u64,
}

impl Received {
    /// A message has come before.
    pub(super) fn compare(&mut self, number: u64, copy: Compared) {
        self.duplicates += 1;
        match copy {
            Compared::Unknown => self.not_compared += 1,
            Compared::Same => self.compared += 1,
            Compared::Different => {
                self.compared += 1;
                self.mismatches += 1;
                let first = self.first_mismatch.map_or(number, |first| first.min(number));
                self.first_mismatch = Some(first);
            }
        }
    }
}
