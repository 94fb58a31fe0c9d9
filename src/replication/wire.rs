//! What a leader and a standby say to each other.
//!
//! ```text
//!  standby ─► leader   Hello: whose journal, and where it ends here
//!  leader ─► standby   Answer: welcome, or the length of a text that says why not
//!  leader ─► standby   frames, as in the journal without the ends of segments; 64 zero bytes: a heartbeat
//!  standby ─► leader   Held, after each batch and with each heartbeat
//! ```
//!
//! All little-endian.

use crate::domain::{Nanos, SeqNo};
use crate::journal::{Identity, Place, Position};
use std::io::{self, Read, Write};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// The first 8 bytes of a [`Hello`]; the last two are the version.
const MAGIC: u64 = u64::from_le_bytes(*b"RSREPL01");

/// The longest text of a refusal, in bytes.
const TEXT_BYTES_MAX: u32 = 4096;

/// What a standby says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Hello {
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
}

impl Hello {
    /// Of a standby whose journal ends at `place`.
    pub fn new(identity: Identity, segment_bytes: u64, place: &Place) -> Self {
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
        }
    }

    /// Where the standby's journal ends.
    pub fn place(&self) -> Place {
        Place {
            position: Position { segment: self.segment, offset: self.offset },
            seqno: SeqNo(self.seqno),
            time: Nanos(self.time),
            crc: self.crc,
            epoch: self.epoch,
        }
    }

    /// Why the two cannot have the same journal, wherever it ends.
    pub fn differs_from(&self, ours: &Hello) -> Option<String> {
        let what = [
            ("the versions of the replication protocol", self.magic, ours.magic),
            ("the versions of the matching rules", self.semantics, ours.semantics),
            ("the venues (venue.name)", self.config_hash, ours.config_hash),
            ("the segments (journal.segment_bytes)", self.segment_bytes, ours.segment_bytes),
        ];
        let differs = what.into_iter().find(|(_, standby, leader)| standby != leader);
        differs.map(|(what, standby, leader)| {
            format!("{what} differ: the standby has {standby}, the leader {leader}")
        })
    }
}

/// The answer to a [`Hello`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Answer {
    magic: u64,
    /// 0: welcome.
    text_bytes: u32,
    zero: u32,
}

/// What a standby has, as durable as its mode says: everything before a byte of a segment.
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

/// Sends one of these.
pub fn send<M: IntoBytes + Immutable>(mut to: impl Write, message: &M) -> io::Result<()> {
    to.write_all(message.as_bytes())
}

/// Waits for one of these.
pub fn receive<M: FromBytes + FromZeros + IntoBytes>(mut from: impl Read) -> io::Result<M> {
    let mut message = M::new_zeroed();
    from.read_exact(message.as_mut_bytes())?;
    Ok(message)
}

/// Answers a [`Hello`]: welcome, or why not.
pub fn answer(mut to: impl Write, refusal: Option<&str>) -> io::Result<()> {
    let text = refusal.unwrap_or_default();
    let text = &text.as_bytes()[..text.len().min(TEXT_BYTES_MAX as usize)];
    send(&mut to, &Answer { magic: MAGIC, text_bytes: text.len() as u32, zero: 0 })?;
    to.write_all(text)
}

/// Waits for the answer to a [`Hello`]; gives why not.
pub fn receive_answer(mut from: impl Read) -> io::Result<Result<(), String>> {
    let answer: Answer = receive(&mut from)?;
    let unknown = answer.magic != MAGIC || answer.text_bytes > TEXT_BYTES_MAX;
    if unknown {
        let what = "what answers is no leader of this version";
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    if answer.text_bytes == 0 {
        return Ok(Ok(()));
    }
    let mut text = vec![0; answer.text_bytes as usize];
    from.read_exact(&mut text)?;
    Ok(Err(String::from_utf8_lossy(&text).into_owned()))
}
