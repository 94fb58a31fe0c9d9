//! SoupBinTCP 3.00, 4.00 and 4.10: packets over TCP, numbered in one direction.
//!
//! ```text
//!  0              2      3
//! ┌──────────────┬──────┬────────────────
//! │ length n + 1 │ type │ payload, n bytes
//! └──────────────┴──────┴────────────────
//! ```
//!
//! The server's sequenced packets carry no number: both sides count them from the number in the
//! login answer.

use super::{Malformed, decimal, padded, unpadded};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Packet types, each with the side that sends it.
pub mod packet {
    /// Either side: text that is ignored.
    pub const DEBUG: u8 = b'+';
    /// Client: login request, see [`Login`](super::Login).
    pub const LOGIN_REQUEST: u8 = b'L';
    /// Server: login accepted, see [`LoginAccepted`](super::LoginAccepted).
    pub const LOGIN_ACCEPTED: u8 = b'A';
    /// Server: login rejected, with a reason letter.
    pub const LOGIN_REJECTED: u8 = b'J';
    /// Server: a message with a number.
    pub const SEQUENCED: u8 = b'S';
    /// Either side: a message without a number.
    pub const UNSEQUENCED: u8 = b'U';
    /// Server: heartbeat while there is nothing else to send.
    pub const SERVER_HEARTBEAT: u8 = b'H';
    /// Client: heartbeat while there is nothing else to send.
    pub const CLIENT_HEARTBEAT: u8 = b'R';
    /// Client: logs out of the session.
    pub const LOGOUT: u8 = b'O';
    /// Server: the session has ended.
    pub const END_OF_SESSION: u8 = b'Z';
}

/// Login rejected: not authorised.
pub const NOT_AUTHORIZED: u8 = b'A';
/// Login rejected: no such session, or a number that it has not reached.
pub const SESSION_NOT_AVAILABLE: u8 = b'S';

/// Bytes before the payload: length and type.
pub const PREFIX_BYTES: usize = 3;

/// Packet in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Type of the packet, see [`packet`].
    pub packet_type: u8,
    /// Bytes after the type.
    pub payload: &'a [u8],
}

/// Splits off the first packet in `bytes`; returns it with its length on the wire. `Ok(None)` if
/// the packet is incomplete. An error if the packet has no type, or is longer on the wire than
/// `bytes_max`.
#[inline]
pub fn split_packet(
    bytes: &[u8],
    bytes_max: usize,
) -> Result<Option<(Packet<'_>, usize)>, Malformed> {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*length));
    let bytes = length.saturating_add(2);
    if bytes > bytes_max {
        let message_type = rest.first().copied().unwrap_or(b'?');
        return Err(Malformed::Length { message_type, bytes });
    }
    let Some(packet) = rest.get(..length) else { return Ok(None) };
    let [packet_type, payload @ ..] = packet else { return Err(Malformed::Empty) };
    Ok(Some((Packet { packet_type: *packet_type, payload }, bytes)))
}

/// Bytes before the payload of a packet. Without a payload they are the whole packet.
///
/// # Panics
///
/// If the payload has more than 65,534 bytes.
#[inline]
#[expect(clippy::expect_used, reason = "payloads are messages of this side, which are short")]
pub fn prefix(packet_type: u8, payload_bytes: usize) -> [u8; PREFIX_BYTES] {
    let length = u16::try_from(payload_bytes.saturating_add(1));
    let length = length.expect("a payload has at most 65,534 bytes");
    let [high, low] = length.to_be_bytes();
    [high, low, packet_type]
}

/// Appends a packet.
///
/// # Panics
///
/// If the payload has more than 65,534 bytes.
pub fn write_packet(packet_type: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&prefix(packet_type, payload.len()));
    out.extend_from_slice(payload);
}

/// Login request. Texts are printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// User name, at most 6 bytes, in capitals: case does not matter.
    pub user: String,
    /// Password, at most 10 bytes; case does not matter.
    pub password: String,
    /// Session, at most 10 bytes; empty for the current one.
    pub session: String,
    /// Next number that the client wants; 0 for the most recent one.
    pub number: u64,
    /// Silence in milliseconds after which the client considers the server dead, at most 99,999.
    /// Only in SoupBinTCP 4.10.
    pub heartbeat_timeout_ms: Option<u32>,
}

/// Fields of a login request; those of SoupBinTCP 4.10 are followed by the timeout, 5 bytes.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct LoginFields {
    user: [u8; 6],
    password: [u8; 10],
    session: [u8; 10],
    number: [u8; 20],
}

/// Fields of the answer that accepts a login.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct LoginAcceptedFields {
    session: [u8; 10],
    number: [u8; 20],
}

impl Login {
    /// Parses the payload of a login request. Spaces may pad texts and numbers on either side.
    pub fn parse(payload: &[u8]) -> Result<Login, Malformed> {
        let (message_type, bytes) = (packet::LOGIN_REQUEST, payload.len());
        let length = Malformed::Length { message_type, bytes };
        let unreadable = Malformed::Field(message_type);
        let text = |field| unpadded(field).map(str::trim).ok_or(unreadable);
        let (fields, timeout) = LoginFields::ref_from_prefix(payload).map_err(|_| length)?;
        let heartbeat_timeout_ms = match timeout {
            [] => None,
            [_, _, _, _, _] => {
                let ms = decimal(text(timeout)?).and_then(|ms| u32::try_from(ms).ok());
                Some(ms.ok_or(unreadable)?)
            }
            _ => return Err(length),
        };
        let number = match text(&fields.number)? {
            "" => 0,
            digits => decimal(digits).ok_or(unreadable)?,
        };
        Ok(Login {
            user: text(&fields.user)?.to_ascii_uppercase(),
            password: text(&fields.password)?.to_string(),
            session: text(&fields.session)?.to_string(),
            number,
            heartbeat_timeout_ms,
        })
    }

    /// Payload of the request; `None` if a field is too long or not printable ASCII.
    pub fn payload(&self) -> Option<Vec<u8>> {
        let mut payload = vec![];
        payload.extend_from_slice(&padded::<6>(&self.user)?);
        payload.extend_from_slice(&padded::<10>(&self.password)?);
        payload.extend_from_slice(&padded::<10>(&format!("{:>10}", self.session))?);
        payload.extend_from_slice(format!("{:>20}", self.number).as_bytes());
        if let Some(ms) = self.heartbeat_timeout_ms {
            payload.extend_from_slice(&padded::<5>(&format!("{ms:>5}"))?);
        }
        Some(payload)
    }
}

/// Answer that accepts a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginAccepted {
    /// Session, printable ASCII, at most 10 bytes.
    pub session: String,
    /// Number of the next sequenced packet.
    pub number: u64,
}

impl LoginAccepted {
    /// Parses the payload. Spaces may pad session and number on either side.
    pub fn parse(payload: &[u8]) -> Result<LoginAccepted, Malformed> {
        let (message_type, bytes) = (packet::LOGIN_ACCEPTED, payload.len());
        let length = Malformed::Length { message_type, bytes };
        let unreadable = Malformed::Field(message_type);
        let text = |field| unpadded(field).map(str::trim).ok_or(unreadable);
        let fields = LoginAcceptedFields::ref_from_bytes(payload).map_err(|_| length)?;
        let number = decimal(text(&fields.number)?).ok_or(unreadable)?;
        Ok(LoginAccepted { session: text(&fields.session)?.to_string(), number })
    }

    /// Payload of the answer, with right-justified fields.
    ///
    /// # Panics
    ///
    /// If the session is too long.
    pub fn payload(&self) -> Vec<u8> {
        let payload = format!("{:>10}{:>20}", self.session, self.number).into_bytes();
        let bytes = size_of::<LoginAcceptedFields>();
        assert!(payload.len() == bytes, "a session has at most 10 bytes");
        payload
    }
}
