//! Places of the messages in the blocks. They follow from the lengths of the appended messages
//! alone: the same lengths in the same order give the same places.

use super::{StreamId, StreamSink};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Length of a block in bytes, with its header.
pub(super) const BLOCK_BYTES: u32 = 16 << 10;
/// Number of message bytes that a block has room for.
pub(super) const PAYLOAD_BYTES: u32 = BLOCK_BYTES - super::blocks::HEADER_BYTES;
/// Marker in place of a block number: no block.
pub(super) const NO_BLOCK: u32 = u32::MAX;

/// Ends of all streams, without the bytes of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positions {
    slots: Slots,
    tails: Box<[StreamTail]>,
    next_block: u32,
}

/// Ends of all streams as data: a store, or [`Positions`], can go on from there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PositionsImage {
    /// First block that belongs to no stream.
    pub next_block: u32,
    /// Streams that have a message, by number.
    pub rows: Vec<StreamRow>,
}

/// End of one stream; row of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct StreamRow {
    /// Number of the next message.
    pub next: u64,
    /// Number of the first message in the last block.
    pub first: u64,
    /// Number of the stream, a [`StreamId`].
    pub stream: u32,
    /// Last block of the stream.
    pub block: u32,
    /// Number of message bytes in that block.
    pub used: u32,
    /// Block before it; `u32::MAX` if there is none.
    pub previous: u32,
}

/// Error for an image of the streams that is impossible or does not fit this venue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the image of the streams {0}")]
pub struct PositionsError(String);

/// Location of a message in the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MessageLocation {
    /// Block of the message.
    pub block: u32,
    /// Byte offset behind the header of the block.
    pub offset: u32,
    /// Data of the new block if the message begins one.
    pub opened: Option<Opened>,
}

/// Data of a block that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    /// Number of its first message.
    pub first: u64,
    /// Previous block of the stream, or [`NO_BLOCK`].
    pub previous: u32,
    /// Number of message bytes in the previous block.
    pub previous_used: u32,
}

/// End of a stream. A stream without messages has no block and is treated as if its block were
/// full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StreamTail {
    next: u64,
    first: u64,
    block: u32,
    used: u32,
    previous: u32,
}

impl Positions {
    /// Returns the ends of empty streams, from 0 to `streams_max - 1` and [`StreamId::OPERATOR`].
    pub fn new(streams_max: u32) -> Self {
        let empty = StreamTail {
            next: 1,
            first: 1,
            block: NO_BLOCK,
            used: PAYLOAD_BYTES,
            previous: NO_BLOCK,
        };
        let slots = Slots { streams_max };
        Positions { slots, tails: vec![empty; slots.count()].into(), next_block: 0 }
    }

    /// Restores the ends from an image: they are the same as behind the appends before the image
    /// was taken.
    ///
    /// # Errors
    /// An image that no appends lead to, or with streams beyond `streams_max`.
    pub fn from_image(image: &PositionsImage, streams_max: u32) -> Result<Self, PositionsError> {
        let mut positions = Positions::new(streams_max);
        let mut last = None;
        let mut blocks: Vec<u32> = image.rows.iter().map(|row| row.block).collect();
        for row in &image.rows {
            let wrong = |what: &str| Err(PositionsError(format!("{what} stream {}", row.stream)));
            let stream = StreamId(row.stream);
            let Some(slot) = positions.slots.slot(stream) else {
                return wrong("has, but the store has no room for,");
            };
            if last >= Some(stream) {
                return wrong("has in the wrong order");
            }
            if !row.is_possible() {
                return wrong("has an impossible end of");
            }
            last = Some(stream);
            let StreamRow { next, first, block, used, previous, .. } = *row;
            positions.tails[slot] = StreamTail { next, first, block, used, previous };
        }
        blocks.sort_unstable();
        if blocks.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(PositionsError("gives a block to two streams".into()));
        }
        // The newest block is the last block of some stream.
        if image.next_block != blocks.last().map_or(0, |last| last + 1) {
            return Err(PositionsError("does not end behind its newest block".into()));
        }
        positions.next_block = image.next_block;
        Ok(positions)
    }

    /// Returns the ends as data.
    pub fn image(&self) -> PositionsImage {
        let row = |(slot, tail): (usize, &StreamTail)| {
            let StreamTail { next, first, block, used, previous } = *tail;
            let StreamId(stream) = self.slots.stream(slot);
            StreamRow { next, first, stream, block, used, previous }
        };
        let begun = self.tails.iter().enumerate().filter(|(_, tail)| tail.block != NO_BLOCK);
        PositionsImage { next_block: self.next_block, rows: begun.map(row).collect() }
    }

    /// Reserves the place of the next message of the stream in a slot; `length` includes the u16 of
    /// the message.
    #[inline]
    pub(super) fn place(&mut self, slot: usize, length: u32) -> MessageLocation {
        let tail = &mut self.tails[slot];
        let mut opened = None;
        if tail.used + length > PAYLOAD_BYTES {
            let (first, previous, previous_used) = (tail.next, tail.block, tail.used);
            opened = Some(Opened { first, previous, previous_used });
            *tail = StreamTail { next: first, first, block: self.next_block, used: 0, previous };
            self.next_block += 1;
        }
        let place = MessageLocation { block: tail.block, offset: tail.used, opened };
        tail.next += 1;
        tail.used += length;
        place
    }

    /// Returns the end of the stream in a slot: its last block, the number of message bytes in it,
    /// and the number of the next message.
    #[inline]
    pub(super) fn end(&self, slot: usize) -> (u32, u32, u64) {
        let tail = &self.tails[slot];
        (tail.block, tail.used, tail.next)
    }

    pub(super) fn slots(&self) -> Slots {
        self.slots
    }
}

impl StreamSink for Positions {
    fn append(&mut self, stream: StreamId, message: &[u8]) {
        self.place(self.slots.expect(stream), length_of(message));
    }
}

impl StreamRow {
    fn is_possible(&self) -> bool {
        let follows = match self.previous {
            NO_BLOCK => self.first == 1,
            previous => self.first > 1 && previous < self.block,
        };
        // A message has at least the two bytes of its length.
        let count = self.next.checked_sub(self.first);
        let fits = count.is_some_and(|count| (1..=u64::from(self.used) / 2).contains(&count));
        follows && fits && self.used <= PAYLOAD_BYTES && self.block != NO_BLOCK
    }
}

/// Slots of tables with one entry for each stream: by number, the operator's last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slots {
    streams_max: u32,
}

impl Slots {
    pub(super) fn streams_max(self) -> u32 {
        self.streams_max
    }

    pub(super) fn count(self) -> usize {
        self.streams_max as usize + 1
    }

    #[inline]
    pub(super) fn slot(self, stream: StreamId) -> Option<usize> {
        if stream.0 < self.streams_max {
            return Some(stream.0 as usize);
        }
        (stream == StreamId::OPERATOR).then_some(self.streams_max as usize)
    }

    pub(super) fn stream(self, slot: usize) -> StreamId {
        if slot < self.streams_max as usize { StreamId(slot as u32) } else { StreamId::OPERATOR }
    }

    /// Returns the slot of a stream that gets a message.
    ///
    /// # Panics
    /// If there is no slot for the stream.
    #[inline]
    pub(super) fn expect(self, stream: StreamId) -> usize {
        self.slot(stream)
            .expect("there is room for every session that was defined: raise gateway.sessions_max")
    }
}

/// Returns the length of a message in bytes, with its u16.
///
/// # Panics
/// If the u16 is wrong or the message does not fit a block.
#[inline]
pub(super) fn length_of(message: &[u8]) -> u32 {
    let length = length_at(message, 0);
    assert!(length == Some(message.len() as u32), "a message begins with its length");
    assert!(message.len() <= PAYLOAD_BYTES as usize, "a message fits a block");
    message.len() as u32
}

/// Returns the length in bytes, with its u16, of the message that begins at an offset; `None` if
/// the u16 is not there.
#[inline]
pub(super) fn length_at(bytes: &[u8], offset: u32) -> Option<u32> {
    let length = bytes.get(offset as usize..)?.first_chunk()?;
    Some(2 + u32::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: u16) -> Vec<u8> {
        [&(bytes - 2).to_be_bytes()[..], &vec![0; usize::from(bytes) - 2]].concat()
    }

    #[test]
    fn a_message_that_does_not_fit_opens_a_block() {
        let mut positions = Positions::new(4);
        positions.append(StreamId(0), &message(9));
        positions.append(StreamId(0), &message(PAYLOAD_BYTES as u16 - 9));
        assert_eq!(positions.image().next_block, 1);
        let mut positions = Positions::new(4);
        let third = PAYLOAD_BYTES / 3;
        for (stream, length) in [(2, 9), (1, third), (1, third), (1, third + 3), (2, 9)] {
            positions.append(StreamId(stream), &message(length as u16));
        }
        positions.append(StreamId::OPERATOR, &message(2));
        let row = |stream, next, first, block, used, previous| StreamRow {
            next,
            first,
            stream,
            block,
            used,
            previous,
        };
        let rows = vec![
            row(1, 4, 3, 2, third + 3, 1),
            row(2, 3, 1, 0, 18, NO_BLOCK),
            row(u32::MAX, 2, 1, 3, 2, NO_BLOCK),
        ];
        assert_eq!(positions.image(), PositionsImage { next_block: 4, rows });
        assert_eq!(Positions::from_image(&positions.image(), 4), Ok(positions));
    }

    #[test]
    fn an_image_that_no_appends_lead_to_is_refused() {
        let mut positions = Positions::new(4);
        for stream in [0, 1, 1, 0, 3] {
            positions.append(StreamId(stream), &message(9000));
        }
        let image = positions.image();
        type Change = fn(&mut PositionsImage);
        let changes: &[(Change, &str)] = &[
            (|image| image.next_block += 1, "newest block"),
            (|image| image.rows.clear(), "newest block"),
            (|image| image.rows.swap(0, 1), "wrong order"),
            (|image| image.rows[1].stream = 0, "wrong order"),
            (|image| image.rows[2].stream = 4, "no room for, stream 4"),
            (|image| image.rows[0].block = image.rows[2].block, "two streams"),
            (|image| image.rows[0].used = PAYLOAD_BYTES + 1, "impossible end of stream 0"),
            (|image| image.rows[0].used = 1, "impossible end"),
            (|image| image.rows[0].next = image.rows[0].first, "impossible end"),
            (|image| image.rows[0].first = 1, "impossible end"),
            (|image| image.rows[0].previous = NO_BLOCK, "impossible end"),
            (|image| image.rows[0].previous = image.rows[0].block, "impossible end"),
        ];
        for (number, (change, why)) in changes.iter().enumerate() {
            let mut changed = image.clone();
            change(&mut changed);
            let error = Positions::from_image(&changed, 4).unwrap_err().to_string();
            assert!(error.contains(why), "change {number}: {error}");
        }
    }
}
