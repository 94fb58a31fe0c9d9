//! Messages between nodes, beside the frames.

use super::record::Incarnation;
use ringside_journal::{LogPlace, PAGE_BYTES, Position};
use serde::{Deserialize, Serialize};

/// End of a log. Of two logs, the one with the higher end has every frame of the other one that was
/// ever acknowledged or published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Last {
    /// Epoch of the last frame; 0 without one.
    pub epoch: u64,
    /// Segment in which the log ends.
    pub segment: u64,
    /// Byte of that segment at which the log ends.
    pub offset: u64,
}

impl Last {
    /// End of a log without a frame.
    pub(crate) const EMPTY: Last = Last { epoch: 0, segment: 1, offset: PAGE_BYTES };

    /// Returns the position at which the log ends.
    pub fn end(&self) -> Position {
        Position { segment: self.segment, offset: self.offset }
    }
}

impl From<&LogPlace> for Last {
    fn from(place: &LogPlace) -> Self {
        let Position { segment, offset } = place.position;
        Last { epoch: place.epoch, segment, offset }
    }
}

/// Message from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum PeerMessage {
    /// Asks a voter for the end of its log.
    Ask {
        /// Epoch to be led, or the one whose leader is suspected.
        epoch: u64,
        /// True if the answer is a promise to take no frame of an earlier epoch ever again.
        binding: bool,
        /// Incarnation that is asked. A voter that has lost memory counts as a new node.
        incarnation: Incarnation,
    },
    /// Answer to [`Ask`](PeerMessage::Ask).
    Answer {
        /// Epoch of the question.
        epoch: u64,
        /// True if this answer is a promise.
        binding: bool,
        /// Incarnation of the node that answers.
        incarnation: Incarnation,
        /// End of its log.
        last: Last,
        /// True if the node leads in this epoch, or hears from the leader.
        hears_leader: bool,
    },
    /// Hint that the record has changed, to this epoch or a higher one.
    Look {
        /// Epoch that the record has at least.
        epoch: u64,
    },
}
