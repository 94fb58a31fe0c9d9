//! ITCH 5.0-compatible market data: every order, one message at a time. A message is one block of a
//! MoldUDP64 datagram, one sequenced SoupBinTCP packet, or one entry of a [`mod@file`].
//!
//! Prices are in 1/10000. Codes are kept as received: some are added every year.

pub mod file;
pub mod glimpse;
mod messages;

pub use messages::*;

use super::Message;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// First bytes of every message.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Header {
    /// Type letter of the message.
    pub message_type: u8,
    /// Number of the symbol for the day, from 1; 0 if the message is about no symbol.
    pub stock_locate: U16,
    /// Tracking number of the venue; always 0 here.
    pub tracking_number: U16,
    /// Official time, in ns since midnight UTC, 48 bits.
    pub timestamp: [u8; 6],
}

impl Header {
    /// Creates the header of a message of type `M`.
    #[inline]
    pub fn new<M: Message>(stock_locate: u16, ns_since_midnight: u64) -> Header {
        Header {
            message_type: M::TYPE,
            stock_locate: stock_locate.into(),
            tracking_number: U16::ZERO,
            timestamp: timestamp(ns_since_midnight),
        }
    }

    /// Official time, in ns since midnight UTC.
    #[inline]
    pub fn ns_since_midnight(&self) -> u64 {
        let [a, b, c, d, e, f] = self.timestamp;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }
}

/// Encodes a time of day, in ns since midnight, as 48 bits.
#[inline]
pub fn timestamp(ns_since_midnight: u64) -> [u8; 6] {
    let [_, _, rest @ ..] = ns_since_midnight.to_be_bytes();
    rest
}
