//! What nodes say to each other beside the frames.

use super::record::Incarnation;
use ringside_journal::{PAGE_BYTES, Place, Position};
use serde::{Deserialize, Serialize};

/// How far a log goes: of two, the higher one has whatever the lower one has that was ever told to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Last {
    /// The epoch of its last frame; zero without one.
    pub epoch: u64,
    /// The segment of its end …
    pub segment: u64,
    /// … and the byte in it.
    pub offset: u64,
}

impl Last {
    /// Of a log without a frame.
    pub(crate) const EMPTY: Last = Last { epoch: 0, segment: 1, offset: PAGE_BYTES };

    /// Where it ends.
    pub fn end(&self) -> Position {
        Position { segment: self.segment, offset: self.offset }
    }
}

impl From<&Place> for Last {
    fn from(place: &Place) -> Self {
        let Position { segment, offset } = place.position;
        Last { epoch: place.epoch, segment, offset }
    }
}

/// What one node says to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Message {
    /// To a voter: how far is your log?
    Ask {
        /// The epoch to be led, or the one whose leader is suspected.
        epoch: u64,
        /// Whether the answer is a promise: to take no frame of an earlier epoch ever again.
        binding: bool,
        /// Who is meant: a voter that has forgotten something is another one.
        incarnation: Incarnation,
    },
    /// What it answers.
    Answer {
        /// The epoch that was asked about.
        epoch: u64,
        /// Whether this is a promise.
        binding: bool,
        /// Who answers.
        incarnation: Incarnation,
        /// How far its log goes.
        last: Last,
        /// Whether it leads in this epoch, or hears from who does.
        hears_leader: bool,
    },
    /// The record has changed: it has this epoch or a higher one.
    Look {
        /// The epoch.
        epoch: u64,
    },
}
