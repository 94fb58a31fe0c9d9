//! Store of the numbered streams: blocks of messages in mapped files, each block of one stream.
//!
//! `positions.rs` decides the place of a message, `blocks.rs` has the bytes, `ends.rs` has the
//! published ends for readers, and `reader.rs` is the reader. `files.rs` makes the files,
//! `block_preparer.rs` prepares files and pages before they are needed, and `head.rs` records up to
//! which command they can be trusted later. Only one process may write the files: it holds the lock
//! of the journal in the same directory.

use super::block_preparer::BlockPreparer;
use super::blocks::{BlockWriter, Blocks, Origin};
use super::ends::Ends;
use super::files::{self, Files, StoreError};
use super::head::{self, Head};
use super::positions::{
    NO_BLOCK, Opened, Positions, PositionsImage, StreamRow, length_at, length_of,
};
use super::reader::StreamReader;
use super::{StreamId, StreamSink};
use ringside_journal::access;
use ringside_model::domain::SeqNo;
use std::path::PathBuf;
use std::sync::Arc;

/// Options of a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory of the files, made if it does not exist.
    pub dir: PathBuf,
    /// Limit of stream numbers: streams from 0 to one less than this, and the operator's.
    pub streams_max: u32,
    /// Length of each file in bytes: a block of 16 KiB times a power of two. Existing files keep
    /// their length.
    pub file_bytes: u64,
    /// Identity of the streams' owner. Streams of another identity are removed.
    pub identity: [u64; 2],
}

/// Writer of the stored streams. [`Store::open`] must be followed by [`Store::resume`] or
/// [`Store::clear`].
pub struct Store {
    positions: Positions,
    writer: BlockWriter,
    ends: Arc<Ends>,
    head: Arc<Head>,
    trusted_to: SeqNo,
    has_begun: bool,
    preparer: Option<BlockPreparer>,
    /// Slots with messages appended since the last publish; `is_touched` has the same slots as
    /// flags.
    touched: Vec<u32>,
    is_touched: Box<[bool]>,
    /// Blocks that became full since the last publish.
    closed: Vec<Closed>,
    trouble: Option<StoreError>,
    has_failed: bool,
}

/// Handle that syncs the stored streams to the device, on any thread.
#[derive(Clone)]
pub struct Syncer {
    blocks: Arc<Blocks>,
    head: Arc<Head>,
}

struct Closed {
    block: u32,
    used: u32,
    next: u32,
}

impl Options {
    /// Returns options with the usual sizes.
    pub fn new(dir: impl Into<PathBuf>, identity: [u64; 2]) -> Self {
        Options { dir: dir.into(), streams_max: 8192, file_bytes: 64 << 20, identity }
    }
}

impl Store {
    /// Opens the streams in a directory; streams without an intact head of this identity are
    /// removed.
    pub fn open(options: &Options) -> Result<Self, StoreError> {
        let dir = &options.dir;
        access::create_folder(dir).map_err(StoreError::io(dir, "make the folder"))?;
        let found = Head::open(dir, options.identity)?;
        let trusted_to = found.as_ref().map_or(SeqNo(0), Head::trusted_to);
        let head = match found {
            Some(head) => head,
            None => {
                // Files without a head have no meaning, also if this removal is interrupted.
                head::remove(dir)?;
                files::remove_all(dir)?;
                Head::create(dir, options.identity, options.file_bytes)?
            }
        };
        let files = Files::new(Some(dir), head.file_bytes());
        Ok(Self::new(files, head, trusted_to, options.streams_max))
    }

    /// Returns an empty store in memory and a reader of it.
    pub fn in_memory() -> (Store, StreamReader) {
        let Options { streams_max, file_bytes, .. } = Options::new("", [0; 2]);
        let head = Head::in_memory().expect("a page of memory");
        let mut store = Self::new(Files::new(None, file_bytes), head, SeqNo(0), streams_max);
        store.has_begun = true;
        let reader = store.reader();
        (store, reader)
    }

    fn new(files: Files, head: Head, trusted_to: SeqNo, streams_max: u32) -> Self {
        let positions = Positions::new(streams_max);
        let slots = positions.slots();
        Store {
            positions,
            writer: BlockWriter::new(files),
            ends: Arc::new(Ends::new(slots)),
            head: Arc::new(head),
            trusted_to,
            has_begun: false,
            preparer: None,
            touched: Vec::with_capacity(slots.count()),
            is_touched: vec![false; slots.count()].into(),
            closed: Vec::with_capacity(1024),
            trouble: None,
            has_failed: false,
        }
    }

    /// Returns the last command up to which everything is stored, according to the head; 0 if
    /// nothing can be trusted.
    pub fn trusted_to(&self) -> SeqNo {
        self.trusted_to
    }

    /// Goes on where an image was taken, behind the command `seqno`. Messages after that are
    /// written again. After an error only an older image or [`Store::clear`] can be tried.
    ///
    /// # Panics
    /// If there is a reader or a syncer.
    pub fn resume(&mut self, image: &PositionsImage, seqno: SeqNo) -> Result<(), StoreError> {
        self.stop();
        if seqno > self.trusted_to {
            let (SeqNo(trusted), SeqNo(wanted)) = (self.trusted_to, seqno);
            return Err(StoreError::Untrusted { dir: self.head.dir(), trusted, wanted });
        }
        let slots = self.positions.slots();
        self.positions = Positions::from_image(image, slots.streams_max())?;
        self.writer.rewind(image.next_block)?;
        image.rows.iter().try_for_each(|row| check(self.writer.blocks(), row))?;
        self.head.begin(seqno)?;
        self.ends = Arc::new(Ends::new(slots));
        for row in &image.rows {
            self.writer.trim(row.block, row.used);
            self.ends.set(slots.expect(StreamId(row.stream)), row.block, row.next);
        }
        self.ends.count();
        self.begin(seqno)
    }

    /// Removes all messages: the commands from the first on will be applied again.
    ///
    /// # Panics
    /// If there is a reader or a syncer.
    pub fn clear(&mut self) -> Result<(), StoreError> {
        self.stop();
        self.positions = Positions::new(self.positions.slots().streams_max());
        self.writer.rewind(0)?;
        self.head.begin(SeqNo(0))?;
        self.ends = Arc::new(Ends::new(self.positions.slots()));
        self.begin(SeqNo(0))
    }

    fn stop(&mut self) {
        self.has_begun = false;
        self.preparer = None;
    }

    fn begin(&mut self, seqno: SeqNo) -> Result<(), StoreError> {
        self.preparer = Some(BlockPreparer::start(self.writer.blocks(), &self.head.dir())?);
        self.trusted_to = seqno;
        self.has_begun = true;
        Ok(())
    }

    /// Returns a reader of all published messages, for any thread.
    pub fn reader(&self) -> StreamReader {
        assert!(self.has_begun, "a store is resumed or cleared before it is read");
        StreamReader::new(Arc::clone(self.writer.blocks()), Arc::clone(&self.ends))
    }

    /// Returns a handle that syncs the files to the device.
    pub fn syncer(&self) -> Syncer {
        assert!(self.has_begun, "a store is resumed or cleared before it is synced");
        Syncer { blocks: Arc::clone(self.writer.blocks()), head: Arc::clone(&self.head) }
    }

    /// Returns true if there is room for a stream. A session without room for its stream must not
    /// be defined.
    pub fn has_room_for(&self, stream: StreamId) -> bool {
        self.positions.slots().slot(stream).is_some()
    }

    /// Returns the ends of all streams behind the appended messages.
    pub fn image(&self) -> PositionsImage {
        self.positions.image()
    }

    /// Returns the last block of a stream, the number of message bytes in it, and the number of its
    /// next message.
    pub(super) fn end(&self, stream: StreamId) -> (u32, u32, u64) {
        self.positions.end(self.positions.slots().expect(stream))
    }

    /// Publishes all appended messages to the readers. After an error, also one of an earlier
    /// append, nothing more is published.
    #[inline]
    pub fn publish(&mut self) -> Result<(), StoreError> {
        if self.has_failed {
            return Err(self.trouble.take().unwrap_or(StoreError::Stopped));
        }
        if self.touched.is_empty() {
            return Ok(());
        }
        self.writer.show();
        for Closed { block, used, next } in self.closed.drain(..) {
            self.writer.publish(block, used);
            self.writer.close(block, next);
        }
        for slot in self.touched.drain(..) {
            let slot = slot as usize;
            let (block, used, next) = self.positions.end(slot);
            self.writer.publish(block, used);
            self.ends.set(slot, block, next);
            self.is_touched[slot] = false;
        }
        self.ends.count();
        Ok(())
    }

    /// Records that everything up to a command was appended and published. A process that is killed
    /// after that loses none of it.
    #[inline]
    pub fn complete(&mut self, seqno: SeqNo) {
        if !self.has_failed {
            debug_assert!(self.touched.is_empty(), "what is complete is published");
            self.head.complete(seqno);
        }
    }

    #[cold]
    fn open_block(
        &mut self,
        stream: StreamId,
        block: u32,
        opened: Opened,
    ) -> Result<(), StoreError> {
        assert!(self.has_begun, "a store is resumed or cleared before it is written");
        let Opened { first, previous, previous_used } = opened;
        let begun = self.writer.open(Origin { stream, first, previous })?;
        assert!(begun == block, "blocks begin in the order of their numbers");
        if let Some(preparer) = &mut self.preparer {
            preparer.follow(block);
        }
        if previous != NO_BLOCK {
            self.closed.push(Closed { block: previous, used: previous_used, next: block });
        }
        Ok(())
    }
}

impl StreamSink for Store {
    /// Appends a message. An error is returned by the next [`Store::publish`].
    #[inline]
    fn append(&mut self, stream: StreamId, message: &[u8]) {
        if self.has_failed {
            return;
        }
        let slot = self.positions.slots().expect(stream);
        let place = self.positions.place(slot, length_of(message));
        if let Some(opened) = place.opened
            && let Err(error) = self.open_block(stream, place.block, opened)
        {
            (self.trouble, self.has_failed) = (Some(error), true);
            return;
        }
        self.writer.put(place.block, place.offset, message);
        if !self.is_touched[slot] {
            self.is_touched[slot] = true;
            self.touched.push(slot as u32);
        }
    }

    /// Publishes the batch. An error ends the process: the commands are in the journal, and a
    /// restart publishes the rest.
    #[inline]
    fn end_batch(&mut self, seqno: SeqNo) {
        match self.publish() {
            Ok(()) => self.complete(seqno),
            Err(error) => {
                tracing::error!(event = "stopped", "stopped: {error}");
                std::process::exit(1);
            }
        }
    }
}

impl Syncer {
    /// Syncs all complete messages to the device and waits for it. Returns the last command that
    /// this covers: a snapshot up to there can rely on it. After an error the next [`Store::open`]
    /// trusts nothing that is stored.
    pub fn sync(&self) -> Result<SeqNo, StoreError> {
        self.head.sync(|| self.blocks.sync())
    }
}

/// Checks that the last block of a stream is stored as an image describes.
fn check(blocks: &Blocks, row: &StreamRow) -> Result<(), StoreError> {
    let StreamRow { first, previous, .. } = *row;
    let wanted = Origin { stream: StreamId(row.stream), first, previous };
    if blocks.origin(row.block)? != wanted {
        return Err(blocks.damaged(row.block, "it is not the block that the snapshot knows"));
    }
    let bytes = blocks.published(row.block)?;
    let mut offset = 0;
    let mut count = 0;
    while let Some(length) = length_at(bytes, offset).filter(|length| offset + length <= row.used) {
        (offset, count) = (offset + length, count + 1);
    }
    let is_whole =
        bytes.len() >= row.used as usize && offset == row.used && first + count == row.next;
    if is_whole { Ok(()) } else { Err(blocks.damaged(row.block, "messages are missing")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks in memory have no other copy: the first ones stay when more are made.
    #[test]
    fn in_memory_the_first_message_stays() {
        const STREAM: StreamId = StreamId(1);
        let head = Head::in_memory().unwrap();
        let mut store = Store::new(Files::new(None, 64 << 10), head, SeqNo(0), 4);
        store.has_begun = true;
        let mut reader = store.reader();
        for number in 0..1000u64 {
            store.append(STREAM, &[&1000u16.to_be_bytes()[..], &[number as u8; 1000]].concat());
        }
        store.publish().unwrap();
        assert!(store.image().next_block > 40, "these are too few files");
        let mut cursor = reader.cursor(STREAM, 100).unwrap();
        assert_eq!(reader.bytes(&mut cursor)[..4], [3, 0xE8, 99, 99]);
    }
}
