//! Wire protocols of the venue as bytes: layouts and framing. The actions that messages cause lie
//! elsewhere.
//!
//! Integers are big-endian, and unsigned unless a field says otherwise. Text is ASCII padded with
//! spaces. Every table gives the offset of a field before its name; a layout that does not match
//! its table does not compile.

#![deny(clippy::print_stdout, clippy::print_stderr)]
// Bytes of a peer never cause a panic.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]
#![warn(unreachable_pub)]

pub mod client;
pub mod feed;
pub mod itch;
pub mod moldudp64;
pub mod ouch;
pub mod soupbintcp;

/// Defect of bytes that should be a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There are no bytes.
    #[error("an empty message")]
    Empty,
    /// No message of this protocol and direction has this type.
    #[error("a message of the unknown type {:?}", char::from(*.0))]
    UnknownType(u8),
    /// The message is too short or too long for its type.
    #[error("a message of type {:?} with {bytes} bytes", char::from(*.message_type))]
    Length {
        /// Type letter of the message.
        message_type: u8,
        /// Length of the message, in bytes.
        bytes: usize,
    },
    /// The tagged values do not add up to their length.
    #[error("a message of type {:?} with broken tagged values", char::from(*.0))]
    Tags(u8),
    /// A numeric field is not a number or too large, or a text is not printable ASCII.
    #[error("a message of type {:?} with an unreadable field", char::from(*.0))]
    Field(u8),
}

/// Declares fixed layouts: a type letter, then fields at their offsets.
macro_rules! message {
    ($(#[$doc:meta])* $name:ident = $letter:literal, $bytes:literal bytes {
        $($(#[$field_doc:meta])* $offset:literal $field:ident: $type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, zerocopy::FromBytes, zerocopy::IntoBytes,
            zerocopy::Immutable, zerocopy::KnownLayout, zerocopy::Unaligned,
        )]
        #[repr(C)]
        pub struct $name {
            /// Type letter of the message.
            pub message_type: u8,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        const _: () = assert!(
            size_of::<$name>() == $bytes $(&& std::mem::offset_of!($name, $field) == $offset)*
        );

        impl $crate::Message for $name {
            const TYPE: u8 = $letter;
        }
    };
}
pub(crate) use message;

/// Message with a fixed layout.
pub trait Message:
    zerocopy::FromBytes + zerocopy::IntoBytes + zerocopy::Immutable + zerocopy::KnownLayout
{
    /// Type letter, the first byte of the message.
    const TYPE: u8;
}

/// Pads text with spaces on the right to a fixed length; `None` if the text is too long or not
/// printable ASCII.
pub fn padded<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut field = [b' '; N];
    field.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
    is_printable(text.as_bytes()).then_some(field)
}

/// Text of a padded field; `None` if the field is not printable ASCII.
pub fn unpadded(field: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(field).ok()?.trim_end_matches(' ');
    is_printable(text.as_bytes()).then_some(text)
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// Parses decimal digits and nothing else; `str::parse` alone would accept a sign.
fn decimal(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Splits off the first of several messages that each follow their length as a u16. Returns the
/// message and the bytes after it; `None` if the message is incomplete.
pub fn split_block(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}
