//! The numbered streams that leave the venue: one for each network session, one for market data,
//! one for the operator. Each is a pure function of the journal.
//!
//! A message in a stream is stored in its wire format: a u16 length (big-endian, of the bytes that
//! follow) and the bytes. For market data these bytes are an ITCH message. For a session they are
//! the SoupBinTCP packet: `S` and the OUCH message. A drop copy has the user between the two. For
//! the operator they are a line of JSON with its line end.

mod block_preparer;
mod blocks;
mod committed;
mod encoder;
mod ends;
mod files;
mod head;
mod market_data;
mod positions;
mod projections;
mod reader;
mod session_messages;
mod states;
mod store;
mod wire_names;

pub use committed::{Committed, MarketEnd};
pub use encoder::Encoder;
pub use files::StoreError;
pub use positions::{Positions, PositionsError, PositionsImage, StreamRow};
pub use projections::Projections;
pub use reader::{Cursor, StreamReader};
pub use states::SessionStates;
pub use store::{Options, Store, Syncer};

use ringside_model::domain::{Nanos, SeqNo};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Number of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

impl StreamId {
    /// Stream of market data. A session and a drop copy have the number of their session.
    pub const MARKET_DATA: StreamId = StreamId(0);
    /// Stream of the operator: results of commands, as lines of JSON.
    pub const OPERATOR: StreamId = StreamId(u32::MAX);
}

/// Returns true if a directory has stored streams.
pub fn are_in(dir: &std::path::Path) -> bool {
    head::exists(dir)
}

/// Sink that takes the messages of all streams in order.
pub trait StreamSink {
    /// Takes the next message of a stream: its u16 length and as many bytes.
    fn append(&mut self, stream: StreamId, message: &[u8]);

    /// Marks the end of a batch: every message of the commands up to this seqno has been appended.
    fn end_batch(&mut self, _seqno: SeqNo) {}
}

/// State of the streams that is needed to go on behind a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamsImage {
    /// Positions of all streams.
    pub positions: PositionsImage,
    /// Sessions that have used up an id, by number.
    pub sessions: Vec<SessionRow>,
    /// Trading day at that command.
    pub day: Day,
}

/// State of a session; row of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SessionRow {
    /// Number of the session.
    pub session: u32,
    /// Highest order id that the session has used up.
    pub consumed: u32,
}

/// Start and end of the trading day, in ns since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Day {
    /// Time of the start; zero if the day has not begun.
    pub began: Nanos,
    /// Time of the end; zero if the day has not ended.
    pub ended: Nanos,
}
