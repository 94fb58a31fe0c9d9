//! The numbered streams that leave the venue: one for each network session, one for market data. Each is a
//! pure function of the journal.
//!
//! A message in a stream is stored as it travels: a u16 length (big-endian, of what follows) and its bytes.
//! For market data these are the message; for a session they are the SoupBinTCP packet, `S` and the message.

mod ahead;
mod blocks;
mod committed;
mod encoder;
mod ends;
mod files;
mod head;
mod market_data;
mod positions;
mod reader;
mod session_messages;
mod states;
mod store;
mod wire_names;

pub use committed::{Committed, MarketEnd};
pub use encoder::Encoder;
pub use files::StoreError;
pub use positions::{Image as PositionsImage, ImageError as PositionsError, Positions, StreamRow};
pub use reader::{Cursor, Reader};
pub use states::SessionStates;
pub use store::{Options, Store, Syncer};

use ringside_model::domain::{Nanos, SeqNo};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

impl StreamId {
    /// Market data. Every other stream has the number of its session.
    pub const MARKET_DATA: StreamId = StreamId(0);
    /// What became of the operator's commands, as lines of JSON.
    pub const OPERATOR: StreamId = StreamId(u32::MAX);
}

/// Whether a folder has stored streams.
pub fn are_in(dir: &std::path::Path) -> bool {
    head::exists(dir)
}

/// What takes the messages of all streams in their order.
pub trait StreamSink {
    /// Takes the next message of a stream: its u16 length and as many bytes.
    fn append(&mut self, stream: StreamId, message: &[u8]);

    /// Hears that every message of the commands up to this one has been appended.
    fn end_batch(&mut self, _seqno: SeqNo) {}
}

/// What must be known of the streams to go on behind a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamsImage {
    /// Where each of them stands.
    pub positions: PositionsImage,
    /// The sessions that have used up an id, by number.
    pub sessions: Vec<SessionRow>,
    /// The trading day.
    pub day: Day,
}

/// What is known of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SessionRow {
    /// The session.
    pub session: u32,
    /// The highest id that it has used up.
    pub consumed: u32,
}

/// The trading day.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Day {
    /// When it began; zero if it has not.
    pub began: Nanos,
    /// When it ended; zero if it has not.
    pub ended: Nanos,
}
