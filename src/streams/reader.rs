//! Who reads the streams: finds a message by its number and gives out the bytes as they lie in the blocks.

use super::StreamId;
use super::blocks::{Blocks, Origin};
use super::ends::Ends;
use super::files::StoreError;
use super::positions::{NO_BLOCK, length_at};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// One who reads, on any thread. It sees what is published, which never changes again.
///
/// Damage in what was stored earlier and was trusted ends the process with the name of the file.
#[derive(Clone)]
pub struct Reader {
    blocks: Arc<Blocks>,
    ends: Arc<Ends>,
    /// For each stream that was searched, its blocks from the oldest that was needed on. They lie side by
    /// side in the stream.
    known: HashMap<StreamId, VecDeque<Known>>,
}

/// A place in a stream.
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

impl Reader {
    pub(super) fn new(blocks: Arc<Blocks>, ends: Arc<Ends>) -> Self {
        Reader { blocks, ends, known: HashMap::new() }
    }

    /// A number that changes whenever something was published in any stream.
    #[inline]
    pub fn published(&self) -> u64 {
        self.ends.published()
    }

    /// Gives the streams that have moved since the last call. A stream is told once, to whichever reader
    /// asks first: only one of them all should ask.
    pub fn take_touched(&mut self, touched: impl FnMut(StreamId)) {
        self.ends.take_moved(touched);
    }

    /// The number of the next message that will be published in a stream, from 1.
    #[inline]
    pub fn next_number(&self, stream: StreamId) -> u64 {
        let (_, next) = self.ends.end(stream);
        next
    }

    /// The place before a message; `None` if the number is 0 or more than the next one.
    pub fn cursor(&mut self, stream: StreamId, number: u64) -> Option<Cursor> {
        let (last, next) = self.ends.end(stream);
        if !(1..=next).contains(&number) {
            return None;
        }
        if next == 1 {
            return Some(Cursor { stream, block: NO_BLOCK, offset: 0 });
        }
        Some(believe(self.find(stream, last, number)))
    }

    /// What can be read at a place, as far as it lies together; empty if there is nothing new. It ends with a
    /// whole message. A cursor at the end of one piece goes on to the next.
    pub fn bytes(&mut self, cursor: &mut Cursor) -> &[u8] {
        if cursor.block == NO_BLOCK {
            let first = self.cursor(cursor.stream, 1).expect("the first number is always there");
            *cursor = first;
            if first.block == NO_BLOCK {
                return &[];
            }
        }
        // This comes before the bytes: only if there is a next block they are all that there will be.
        let next = believe(self.blocks.next(cursor.block));
        let mut bytes = believe(self.blocks.published(cursor.block));
        if let Some(next) = next.filter(|_| cursor.offset as usize == bytes.len()) {
            (cursor.block, cursor.offset) = (next, 0);
            bytes = believe(self.blocks.published(next));
        }
        &bytes[cursor.offset as usize..]
    }

    /// The place before a message that is published, or behind the last one, in a stream whose last block is
    /// known.
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
    /// Moves on by so many of the bytes that [`Reader::bytes`] gave; it may stand inside a message then.
    pub fn advance(&mut self, bytes: usize) {
        self.offset += bytes as u32;
    }
}

/// Makes the blocks known from the one that has a message to the last one of the stream.
fn walk_back(
    blocks: &Blocks,
    known: &mut VecDeque<Known>,
    stream: StreamId,
    last: u32,
    number: u64,
) -> Result<(), StoreError> {
    let broken = |block| blocks.damaged(block, "the chain of its stream is broken");
    let look = |block| {
        let Origin { stream: found, first, previous } = blocks.origin(block)?;
        let follows = if previous == NO_BLOCK { first == 1 } else { previous < block };
        if found == stream && follows {
            Ok((Known { first, block }, previous))
        } else {
            Err(broken(block))
        }
    };
    let newest = known.back().map(|known| known.block);
    let mut newer = vec![];
    let mut block = last;
    while newest.is_none_or(|newest| block != newest) {
        let (found, previous) = look(block)?;
        newer.push(found);
        if newest.is_none() {
            break;
        }
        block = previous;
    }
    known.extend(newer.into_iter().rev());
    while let Some(&Known { first, block }) = known.front().filter(|known| known.first > number) {
        let (_, previous) = look(block)?;
        let (found, _) = look(previous)?;
        if found.first >= first {
            return Err(broken(block));
        }
        known.push_front(found);
    }
    Ok(())
}

/// What was stored and trusted must be right: there is nothing else to send.
#[inline]
fn believe<T>(found: Result<T, StoreError>) -> T {
    found.unwrap_or_else(|error| panic!("{error}"))
}
