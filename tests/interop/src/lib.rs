//! Market data of Ringside against other decoders: every field of every message has the same
//! meaning, and the same orders rest at the end.

pub mod one_of_each;
pub mod orders;
pub mod with_itch5;
pub mod with_itchy;

use orders::{Change, Orders};
use ringside_wire::itch::{Itch, file};
use std::collections::BTreeMap;
use std::io::{self, Read};

/// Content on which all decoders agree.
#[derive(Debug, Default)]
pub struct Compared {
    /// Number of messages of each type.
    pub messages: BTreeMap<char, u64>,
    /// Orders that rest at the end.
    pub orders: Orders,
}

/// Reads a file of messages with every decoder and compares the results.
///
/// # Panics
///
/// If two decoders disagree, or if our decoder cannot read or write a message.
pub fn compare(mut input: impl Read) -> io::Result<Compared> {
    let mut compared = Compared::default();
    let (mut of_itch5, mut of_itchy) = (Orders::default(), Orders::default());
    let mut entry = Vec::new();
    while read_entry(&mut input, &mut entry)? {
        let bytes = file::messages(&entry).next().unwrap().unwrap();
        let ours = Itch::parse(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:?}"));
        let mut written = Vec::new();
        file::write(ours.bytes(), &mut written);
        assert_eq!(written, entry);
        *compared.messages.entry(bytes[0].into()).or_default() += 1;

        let change = Change::of(ours);
        let theirs = with_itch5::compare(ours, &entry);
        assert_eq!(theirs, change, "{ours:?}");
        of_itch5.apply(theirs);
        // The two types that this decoder does not know do not change any order.
        if !matches!(ours, Itch::OperationalHalt(_) | Itch::DirectListing(_)) {
            let theirs = with_itchy::compare(ours, &entry);
            assert_eq!(theirs, change, "{ours:?}");
            of_itchy.apply(theirs);
        }
        compared.orders.apply(change);
    }
    assert!(compared.orders == of_itch5 && compared.orders == of_itchy);
    Ok(compared)
}

/// Reads the next message with its length prefix; returns false at the end of the file.
fn read_entry(input: &mut impl Read, entry: &mut Vec<u8>) -> io::Result<bool> {
    entry.clear();
    input.by_ref().take(2).read_to_end(entry)?;
    let length = match entry[..] {
        [] | [0, 0] => return Ok(false),
        [high, low] => u16::from_be_bytes([high, low]),
        _ => return Err(io::ErrorKind::UnexpectedEof.into()),
    };
    input.by_ref().take(length.into()).read_to_end(entry)?;
    if entry.len() == 2 + usize::from(length) {
        Ok(true)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
