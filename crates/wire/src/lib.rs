//! The venue's wire protocols as bytes: layouts, framing, and nothing of what a message does.
//!
//! All integers are unsigned and big-endian, text is ASCII padded with spaces. Every table gives the offset of
//! a field before its name, and a layout that does not agree with its table does not compile.

#![warn(unreachable_pub)]

pub mod client;
pub mod feed;
pub mod itch;
pub mod moldudp64;
pub mod ouch;
pub mod soupbintcp;

/// What is wrong with bytes that should be a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There is nothing.
    #[error("an empty message")]
    Empty,
    /// No message of this protocol and direction has this type.
    #[error("a message of the unknown type {:?}", char::from(*.0))]
    UnknownType(u8),
    /// It is too short or too long for its type.
    #[error("a message of type {:?} with {bytes} bytes", char::from(*.message_type))]
    Length {
        /// Its type.
        message_type: u8,
        /// Its length in bytes.
        bytes: usize,
    },
    /// Its tagged values do not add up to their length.
    #[error("a message of type {:?} with broken tagged values", char::from(*.0))]
    Tags(u8),
    /// A number in it is none or too large, or a text is no printable ASCII.
    #[error("a message of type {:?} with an unreadable field", char::from(*.0))]
    Field(u8),
}

/// Declares fixed layouts: a type letter and fields at their offsets.
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
            /// The type letter.
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

/// A message with a fixed layout.
pub trait Message:
    zerocopy::FromBytes + zerocopy::IntoBytes + zerocopy::Immutable + zerocopy::KnownLayout
{
    /// Its type letter, the first byte.
    const TYPE: u8;
}

/// Text of a fixed length, padded with spaces on the right; `None` if it is too long or no printable ASCII.
pub fn padded<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut field = [b' '; N];
    field.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
    is_printable(text.as_bytes()).then_some(field)
}

/// The text of a padded field; `None` if it is no printable ASCII.
pub fn unpadded(field: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(field).ok()?.trim_end_matches(' ');
    is_printable(text.as_bytes()).then_some(text)
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// A number of decimal digits and nothing else, which `str::parse` alone would not insist on.
fn decimal(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The first of many messages that each have a u16 length in front, and what is behind it; `None` if it is
/// not whole.
pub fn split_block(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}
