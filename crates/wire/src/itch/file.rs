//! Messages in a file: each follows its length as a u16, and a length of zero ends the file.

use crate::{Malformed, split_block};

/// Length of zero that ends the file.
pub const END: [u8; 2] = [0, 0];

/// Iterates over the messages of a file up to its end: a length of zero, or the last byte if there
/// is none. If the last message is incomplete, the last item is an error.
pub fn messages(bytes: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    let mut rest = bytes;
    std::iter::from_fn(move || match split_block(rest) {
        Some(([], _)) => None,
        Some((message, behind)) => {
            rest = behind;
            Some(Ok(message))
        }
        None if rest.is_empty() => None,
        None => {
            let cut = Malformed::Length {
                message_type: rest.get(2).copied().unwrap_or(b'?'),
                bytes: rest.len().saturating_sub(2),
            };
            rest = &[];
            Some(Err(cut))
        }
    })
}

/// Appends a message with its length.
///
/// # Panics
///
/// If the message is empty, which would end the file, or has 64 KiB or more.
#[expect(clippy::expect_used, reason = "messages are those of this side, which are short")]
pub fn write(message: &[u8], out: &mut Vec<u8>) {
    assert!(!message.is_empty(), "an empty message would end the file");
    let length = u16::try_from(message.len()).expect("a message has less than 64 KiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(message);
}
