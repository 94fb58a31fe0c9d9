//! MoldUDP64: numbered messages in datagrams, and the request for those that were lost.
//!
//! ```text
//!  0         10            18      20
//! ┌─────────┬─────────────┬───────┬──────────────────────────────────────────────
//! │ session │ number      │ count │ blocks: length u16, message …
//! └─────────┴─────────────┴───────┴──────────────────────────────────────────────
//! ```

use super::{Malformed, split_block};
use zerocopy::big_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Count of a heartbeat; the number is that of the next message.
pub const HEARTBEAT: u16 = 0;
/// Count that ends the session; the number is that of the next message, which never comes.
pub const END_OF_SESSION: u16 = 0xFFFF;
/// Length of the longest datagram that is sent, in bytes. With all headers it stays below the 1,500
/// bytes that a network carries in one frame.
pub const DATAGRAM_BYTES_MAX: usize = 1_400;
/// Length of the header, and of a request, in bytes.
pub const HEADER_BYTES: usize = 20;

/// Header of a datagram.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Header {
    /// Session, padded with spaces.
    pub session: [u8; 10],
    /// Number of the first message, from 1.
    pub number: U64,
    /// Count of the messages that follow, or [`HEARTBEAT`] or [`END_OF_SESSION`].
    pub count: U16,
}

/// Request for lost messages: the whole datagram. The answer is an ordinary datagram with as many
/// of the messages as it has room for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Request {
    /// Session, padded with spaces.
    pub session: [u8; 10],
    /// Number of the first message requested.
    pub number: U64,
    /// Count of the messages requested.
    pub count: U16,
}

const _: () = assert!(size_of::<Header>() == HEADER_BYTES && size_of::<Request>() == HEADER_BYTES);

impl Request {
    /// Parses a datagram that is a request.
    pub fn parse(bytes: &[u8]) -> Result<&Request, Malformed> {
        Request::ref_from_bytes(bytes).map_err(|_| wrong_length(bytes))
    }
}

/// Datagram of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Header of the datagram.
    pub header: &'a Header,
    blocks: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Parses a datagram: as many whole blocks as the header says, and nothing after them.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (header, blocks) = Header::ref_from_prefix(bytes).map_err(|_| wrong_length(bytes))?;
        let count = match header.count.get() {
            HEARTBEAT | END_OF_SESSION => 0,
            count => count,
        };
        let (mut rest, mut seen) = (blocks, 0_u64);
        while !rest.is_empty() {
            let (_, behind) = split_block(rest).ok_or(wrong_length(bytes))?;
            (rest, seen) = (behind, seen.saturating_add(1));
        }
        if seen != u64::from(count) {
            return Err(wrong_length(bytes));
        }
        if header.number.get().checked_add(seen).is_none() {
            return Err(Malformed::Field(MESSAGE_TYPE));
        }
        Ok(Datagram { header, blocks })
    }

    /// Iterates over the messages with their numbers.
    pub fn messages(&self) -> impl Iterator<Item = (u64, &'a [u8])> + use<'a> {
        let (mut number, mut rest) = (self.header.number.get(), self.blocks);
        std::iter::from_fn(move || {
            let (message, behind) = split_block(rest)?;
            let numbered = (number, message);
            // Exact: `parse` has found that the number after the last message is one.
            (number, rest) = (number.saturating_add(1), behind);
            Some(numbered)
        })
    }
}

/// Stands for the type in errors: a datagram has none.
const MESSAGE_TYPE: u8 = b'm';

fn wrong_length(bytes: &[u8]) -> Malformed {
    Malformed::Length { message_type: MESSAGE_TYPE, bytes: bytes.len() }
}
