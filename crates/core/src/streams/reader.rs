//! Reader of the streams: finds a message by its number and returns its bytes as they are stored in
//! the blocks.

use super::StreamId;
use super::blocks::{Blocks, Origin};
use super::committed::{Committed, MarketEnd};
use super::ends::Ends;
use super::files::StoreError;
use super::positions::{NO_BLOCK, length_at};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Reader of the streams, on any thread. It sees the published bytes, which never change again.
///
/// Damage in stored streams that were trusted ends the process with the name of the file.
#[derive(Clone)]
pub struct StreamReader {
    blocks: Arc<Blocks>,
    ends: Arc<Ends>,
    /// Limit of market data to committed commands, if given.
    bound: Option<Arc<Committed<MarketEnd>>>,
    /// For each stream that was searched, its consecutive blocks from the oldest needed one on.
    known: HashMap<StreamId, VecDeque<Known>>,
}

/// Place in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    stream: StreamId,
    /// [`NO_BLOCK`] until the stream has its first message.
    block: u32,
    offset: u32,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    first: u64,
    block: u32,
}

impl StreamReader {
    pub(super) fn new(blocks: Arc<Blocks>, ends: Arc<Ends>) -> Self {
        StreamReader { blocks, ends, bound: None, known: HashMap::new() }
    }

    /// Returns a reader that sees only committed market data, and no other stream.
    pub fn of_committed(&self, bound: Arc<Committed<MarketEnd>>) -> StreamReader {
        StreamReader {
            bound: Some(bound),
            ..StreamReader::new(self.blocks.clone(), self.ends.clone())
        }
    }

    /// Returns a number that changes whenever messages were published in any stream.
    #[inline]
    pub fn published(&self) -> u64 {
        self.ends.published()
    }

    /// Passes the streams that have new messages since the last call to `touched`. Each stream is
    /// passed once, to the reader that asks first, so only one of all readers should ask.
    pub fn take_touched(&mut self, touched: impl FnMut(StreamId)) {
        self.ends.take_moved(touched);
    }

    /// Returns the number of the next message that will be published in a stream, from 1.
    #[inline]
    pub fn next_number(&self, stream: StreamId) -> u64 {
        let (_, next) = self.end(stream);
        next
    }

    /// Returns the last block of a stream and the number of its next message, as far as this reader
    /// may read.
    #[inline]
    fn end(&self, stream: StreamId) -> (u32, u64) {
        let Some(bound) = &self.bound else { return self.ends.end(stream) };
        match bound.end().filter(|_| stream == StreamId::MARKET_DATA) {
            Some(MarketEnd { next, place: (block, _), .. }) => (block, next),
            None => (NO_BLOCK, 1),
        }
    }

    /// Returns the place before a message; `None` if the number is 0 or above the next one.
    pub fn cursor(&mut self, stream: StreamId, number: u64) -> Option<Cursor> {
        let (last, next) = self.end(stream);
        if !(1..=next).contains(&number) {
            return None;
        }
        if next == 1 {
            return Some(Cursor { stream, block: NO_BLOCK, offset: 0 });
        }
        Some(believe(match number {
            1 => self.find_first(stream, last),
            _ => self.find(stream, last, number),
        }))
    }

    /// Returns the contiguous bytes at a place; empty if there is nothing new. They end with a
    /// whole message. A cursor at the end of a block goes on to the next block.
    pub fn bytes(&mut self, cursor: &mut Cursor) -> &[u8] {
        if cursor.block == NO_BLOCK {
            let first = self.cursor(cursor.stream, 1).expect("the first number is always there");
            *cursor = first;
            if first.block == NO_BLOCK {
                return &[];
            }
        }
        let bound = self.bound.as_ref().map(|bound| bound.end().map(|end| end.place));
        // Read before the bytes: if there is a next block, the published bytes of this one are
        // complete.
        let next = believe(self.blocks.next(cursor.block));
        let mut bytes = believe(self.blocks.published(cursor.block));
        if let Some(next) = next.filter(|_| cursor.offset as usize == bytes.len()) {
            (cursor.block, cursor.offset) = (next, 0);
            bytes = believe(self.blocks.published(next));
        }
        let end = bound.map_or(bytes.len(), |place| end_in(cursor.block, place));
        bytes.get(cursor.offset as usize..end.min(bytes.len())).unwrap_or_default()
    }

    /// Returns the place before the first message of a stream whose last block is known. The search
    /// goes from both ends. A stream that began with the day has its first block among the first of
    /// all; a stream with few messages has few blocks. Walking back through a long day would touch
    /// all of its blocks.
    fn find_first(&self, stream: StreamId, last: u32) -> Result<Cursor, StoreError> {
        let at = |block| Ok(Cursor { stream, block, offset: 0 });
        let mut back = last;
        for front in 0..=last {
            let Origin { stream: found, first, .. } = self.blocks.origin(front)?;
            if (found, first) == (stream, 1) {
                return at(front);
            }
            let (_, previous) = look(&self.blocks, stream, back)?;
            if previous == NO_BLOCK {
                return at(back);
            }
            back = previous;
        }
        Err(broken(&self.blocks, last))
    }

    /// Returns the place before a published message, or behind the last one, in a stream whose last
    /// block is known.
    fn find(&mut self, stream: StreamId, last: u32, number: u64) -> Result<Cursor, StoreError> {
        let known = self.known.entry(stream).or_default();
        walk_back(&self.blocks, known, stream, last, number)?;
        let at = known.partition_point(|block| block.first <= number);
        let Known { first, block } = known[at - 1];
        let bytes = self.blocks.published(block)?;
        let mut offset = 0;
        for _ in first..number {
            offset += length_at(bytes, offset)
                .ok_or_else(|| self.blocks.damaged(block, "messages are missing"))?;
        }
        Ok(Cursor { stream, block, offset })
    }
}

impl Cursor {
    /// Moves on by a number of the bytes that [`StreamReader::bytes`] returned. The cursor may then
    /// be inside a message.
    pub fn advance(&mut self, bytes: usize) {
        self.offset += bytes as u32;
    }
}

/// Returns the number of bytes of `block` that may be read if the stream is committed up to
/// `place`: a block and the bytes in it.
fn end_in(block: u32, place: Option<(u32, u32)>) -> usize {
    match place {
        Some((last, _)) if last != NO_BLOCK && block < last => usize::MAX,
        Some((last, used)) if block == last => used as usize,
        _ => 0,
    }
}

/// Adds to `known` the blocks from the one with message `number` to the last one of the stream.
fn walk_back(
    blocks: &Blocks,
    known: &mut VecDeque<Known>,
    stream: StreamId,
    last: u32,
    number: u64,
) -> Result<(), StoreError> {
    let newest = known.back().map(|known| known.block);
    let mut newer = vec![];
    let mut block = last;
    while newest.is_none_or(|newest| block != newest) {
        let (found, previous) = look(blocks, stream, block)?;
        newer.push(found);
        if newest.is_none() {
            break;
        }
        block = previous;
    }
    known.extend(newer.into_iter().rev());
    while let Some(&Known { first, block }) = known.front().filter(|known| known.first > number) {
        let (_, previous) = look(blocks, stream, block)?;
        let (found, _) = look(blocks, stream, previous)?;
        if found.first >= first {
            return Err(broken(blocks, block));
        }
        known.push_front(found);
    }
    Ok(())
}

/// Returns a block of a stream, and the one before it.
fn look(blocks: &Blocks, stream: StreamId, block: u32) -> Result<(Known, u32), StoreError> {
    let Origin { stream: found, first, previous } = blocks.origin(block)?;
    let follows = if previous == NO_BLOCK { first == 1 } else { previous < block };
    if found == stream && follows {
        Ok((Known { first, block }, previous))
    } else {
        Err(broken(blocks, block))
    }
}

#[cold]
fn broken(blocks: &Blocks, block: u32) -> StoreError {
    blocks.damaged(block, "the chain of its stream is broken")
}

/// Unwraps a read of trusted data, or panics: there is nothing else to send.
#[inline]
fn believe<T>(found: Result<T, StoreError>) -> T {
    found.unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::super::{Day, Store, StreamSink};
    use super::*;
    use ringside_model::domain::SeqNo;

    /// Market data over several blocks, between the blocks of another stream: at every moment
    /// exactly the committed part can be read, both by a cursor that began at the first message and
    /// by a new cursor for a number.
    #[test]
    fn what_is_not_committed_is_not_read() {
        let (mut store, all) = Store::in_memory();
        let bound = Arc::<Committed<MarketEnd>>::default();
        let mut reader = all.of_committed(bound.clone());
        let mut cursor = reader.cursor(StreamId::MARKET_DATA, 1).unwrap();
        bound.commit(SeqNo(0));
        let (mut made, mut ends, mut read) = (vec![], vec![(0, 1)], vec![]);
        for seqno in 1..=600 {
            for message in 0..seqno % 7 {
                let length = 20 + (seqno * 13 + message) as u16 % 300;
                let message =
                    [&length.to_be_bytes()[..], &vec![seqno as u8; length.into()]].concat();
                store.append(StreamId::MARKET_DATA, &message);
                store.append(StreamId(5), &message);
                made.extend(message);
            }
            store.publish().unwrap();
            let (block, used, next) = store.end(StreamId::MARKET_DATA);
            bound.note(SeqNo(seqno), MarketEnd { next, day: Day::default(), place: (block, used) });
            ends.push((made.len(), next));
            let committed = seqno.saturating_sub(40) / 9 * 9;
            bound.commit(SeqNo(committed));
            let (bytes, next) = ends[committed as usize];
            loop {
                let more = reader.bytes(&mut cursor);
                let count = more.len();
                read.extend_from_slice(more);
                cursor.advance(count);
                if count == 0 {
                    break;
                }
            }
            assert!(read == made[..bytes], "{} of {bytes} at {seqno}", read.len());
            assert_eq!(reader.next_number(StreamId::MARKET_DATA), next);
            assert_eq!(reader.cursor(StreamId::MARKET_DATA, next + 1), None);
            assert!(reader.cursor(StreamId::MARKET_DATA, next).is_some());
            let mut last = reader.cursor(StreamId::MARKET_DATA, 1.max(next - 1)).unwrap();
            assert!(made[..bytes].ends_with(reader.bytes(&mut last)));
        }
        assert!(ends.last().unwrap().0 > 10 * 16_384);
        assert_eq!(reader.next_number(StreamId(5)), 1);
    }
}
