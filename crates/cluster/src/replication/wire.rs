//! Messages between a leader and a standby.
//!
//! ```text
//!  standby ─► leader   Hello: its name, the identity of its journal, and the place where that ends
//!  leader ─► standby   Answer: welcome in an epoch, or the reason why not
//!  leader ─► standby   frames, as in the journal without the ends of segments; 64 zero bytes: a heartbeat
//!  standby ─► leader   Held, after each batch and with each heartbeat
//! ```
//!
//! All numbers are little-endian.

use crate::membership::{Incarnation, NodeName};
use ringside_journal::{Identity, LogPlace, Position};
use ringside_model::domain::{Nanos, SeqNo};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// First 8 bytes of a hello; the last two are the version.
pub const MAGIC: u64 = u64::from_le_bytes(*b"RSREPL04");

/// Length of the longest name of a node, in bytes.
pub const NAME_BYTES_MAX: usize = 32;

/// Length of the longest text of a refusal, in bytes.
pub(crate) const TEXT_BYTES_MAX: u32 = 4096;

/// First message of a standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Hello {
    magic: u64,
    semantics: u64,
    config_hash: u64,
    segment_bytes: u64,
    segment: u64,
    offset: u64,
    seqno: u64,
    time: u64,
    epoch: u64,
    crc: u32,
    zero: u32,
    promised: u64,
    incarnation: u64,
    node: [u8; NAME_BYTES_MAX],
}

/// Standby that sends a hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Name of the node.
    pub node: NodeName,
    /// Incarnation of its memory.
    pub incarnation: Incarnation,
    /// Highest epoch that it has promised.
    pub promised: u64,
}

impl Hello {
    /// Creates the hello of a standby that asks for the frames behind `place`.
    pub(crate) fn new(who: &Who, identity: Identity, segment_bytes: u64, place: &LogPlace) -> Self {
        let mut node = [0; NAME_BYTES_MAX];
        let name = who.node.0.as_bytes();
        node[..name.len()].copy_from_slice(name);
        Hello {
            magic: MAGIC,
            semantics: identity.semantics.into(),
            config_hash: identity.config_hash,
            segment_bytes,
            segment: place.position.segment,
            offset: place.position.offset,
            seqno: place.seqno.0,
            time: place.time.0,
            epoch: place.epoch,
            crc: place.crc,
            zero: 0,
            promised: who.promised,
            incarnation: who.incarnation.0,
            node,
        }
    }

    /// Returns the standby that sent the hello.
    pub(crate) fn who(&self) -> Who {
        let name = self.node.split(|byte| *byte == 0).next().unwrap_or_default();
        Who {
            node: NodeName(String::from_utf8_lossy(name).into_owned()),
            incarnation: Incarnation(self.incarnation),
            promised: self.promised,
        }
    }

    /// Returns the place behind which the standby asks for frames.
    pub(crate) fn place(&self) -> LogPlace {
        LogPlace {
            position: Position { segment: self.segment, offset: self.offset },
            seqno: SeqNo(self.seqno),
            time: Nanos(self.time),
            crc: self.crc,
            epoch: self.epoch,
        }
    }

    /// Returns the reason why the two nodes cannot have the same journal, wherever it ends; `None`
    /// if they can.
    pub(crate) fn differs_from(&self, identity: Identity, segment_bytes: u64) -> Option<String> {
        let what = [
            ("the versions of the replication protocol", self.magic, MAGIC),
            ("the versions of the matching rules", self.semantics, identity.semantics.into()),
            ("the venues (venue.name)", self.config_hash, identity.config_hash),
            ("the segments (journal.segment_bytes)", self.segment_bytes, segment_bytes),
        ];
        let differs = what.into_iter().find(|(_, standby, leader)| standby != leader);
        differs.map(|(what, standby, leader)| {
            format!("{what} differ: the standby has {standby}, the leader {leader}")
        })
    }
}

/// Answer of a leader to a [`Hello`]. The text of a refusal follows the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Answer {
    magic: u64,
    epoch: u64,
    end: Held,
    code: u32,
    text_bytes: u32,
}

/// Decision of a leader on a hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelloAnswer {
    /// The standby is welcome, and frames follow.
    Welcome {
        /// Epoch in which the leader leads.
        epoch: u64,
        /// End of the leader's journal.
        end: Position,
    },
    /// The standby's journal has something that the leader's lacks: the standby must cut its
    /// journal back.
    Diverged,
    /// Not now: the node does not lead, or leads no longer.
    NotLeading,
    /// Never: the standby belongs to another venue, for example. The text gives the reason.
    Refused(String),
}

impl HelloAnswer {
    /// Returns the bytes of the answer.
    pub fn encode(&self) -> Vec<u8> {
        let nowhere = LogPlace::BEGINNING.position;
        let (code, epoch, end, text) = match self {
            HelloAnswer::Welcome { epoch, end } => (0, *epoch, *end, ""),
            HelloAnswer::Diverged => (1, 0, nowhere, ""),
            HelloAnswer::NotLeading => (2, 0, nowhere, ""),
            HelloAnswer::Refused(text) => (3, 0, nowhere, text.as_str()),
        };
        let text = &text.as_bytes()[..text.len().min(TEXT_BYTES_MAX as usize)];
        let text_bytes = text.len() as u32;
        let answer = Answer { magic: MAGIC, epoch, end: end.into(), code, text_bytes };
        let mut bytes = answer.as_bytes().to_vec();
        bytes.extend_from_slice(text);
        bytes
    }

    /// Decodes a verdict from the beginning of `bytes`, and returns it with its length; `None` if
    /// it is not complete.
    ///
    /// # Errors
    /// If the sender is no leader of this version.
    pub fn decode(bytes: &[u8]) -> Result<Option<(HelloAnswer, usize)>, &'static str> {
        let Ok((answer, rest)) = Answer::read_from_prefix(bytes) else { return Ok(None) };
        if answer.magic != MAGIC || answer.text_bytes > TEXT_BYTES_MAX || answer.code > 3 {
            return Err("what answers is no leader of this version");
        }
        let Some(text) = rest.get(..answer.text_bytes as usize) else { return Ok(None) };
        let verdict = match answer.code {
            0 => HelloAnswer::Welcome { epoch: answer.epoch, end: answer.end.into() },
            1 => HelloAnswer::Diverged,
            2 => HelloAnswer::NotLeading,
            _ => HelloAnswer::Refused(String::from_utf8_lossy(text).into_owned()),
        };
        Ok(Some((verdict, size_of::<Answer>() + text.len())))
    }
}

/// End of a standby's journal: the standby has everything before this byte of a segment, as durable
/// as its mode says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Held {
    segment: u64,
    offset: u64,
}

impl From<Position> for Held {
    fn from(Position { segment, offset }: Position) -> Self {
        Held { segment, offset }
    }
}

impl From<Held> for Position {
    fn from(Held { segment, offset }: Held) -> Self {
        Position { segment, offset }
    }
}
