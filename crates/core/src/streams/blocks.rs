//! The mapped blocks: one thread writes them, many threads read them. The interface of this module
//! is sound by itself; every `unsafe` of the streams is in this file.
//!
//! ```text
//!  0       4        8       16         24     28     32
//! ┌───────┬────────┬───────┬──────────┬──────┬──────┬──────────────────────────────────┐
//! │ magic │ stream │ first │ previous │ next │ used │ messages: u16 length and bytes … │
//! └───────┴────────┴───────┴──────────┴──────┴──────┴──────────────────────────────────┘
//!                            u32        u32    u32                             16 KiB in all
//! ```
//! `first` is the number of the first message. `next` is 0 until the stream has another block.
//! `used` is the number of message bytes that are published. All words of a header are atomics. The
//! bytes before `used` never change: the writer stores only behind them, and `used` only rises
//! while other threads can read.

use super::StreamId;
use super::files::{FILES_MAX, Files, StoreError};
use super::positions::{BLOCK_BYTES, PAYLOAD_BYTES};
use crossbeam_utils::CachePadded;
use memmap2::{Advice, MmapRaw, UncheckedAdvice};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// Length of a block's header in bytes.
pub(super) const HEADER_BYTES: u32 = size_of::<Header>() as u32;

const MAGIC: u32 = u32::from_le_bytes(*b"RSB1");

#[repr(C)]
struct Header {
    magic: AtomicU32,
    stream: AtomicU32,
    first: AtomicU64,
    previous: AtomicU32,
    next: AtomicU32,
    used: AtomicU32,
    spare: AtomicU32,
}

/// Fields of a block's header that are set when the block begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Stream of the block.
    pub stream: StreamId,
    /// Number of its first message.
    pub first: u64,
    /// Previous block of the stream, or `NO_BLOCK`.
    pub previous: u32,
}

/// All blocks, as readers see them.
pub(super) struct Blocks {
    files: Files,
    /// Mapped files. Each is set once, and stays mapped until the blocks are dropped.
    mapped: Box<[OnceLock<Mapped>]>,
    blocks_per_file: u32,
    /// Held by the thread that makes a file.
    making: Mutex<()>,
    /// Number of blocks that have begun and may be read.
    shown: CachePadded<AtomicU32>,
}

struct Mapped {
    raw: MmapRaw,
    /// True if bytes may have been stored in the file since the last sync began, also by an earlier
    /// process.
    changed: AtomicBool,
}

impl Blocks {
    /// Returns the header fields of a block that has begun; an error if its header is damaged.
    pub(crate) fn origin(&self, block: u32) -> Result<Origin, StoreError> {
        let header = self.shown_header(block);
        if header.magic.load(Ordering::Relaxed) != MAGIC {
            return Err(self.damaged(block, "there is no header"));
        }
        Ok(Origin {
            stream: StreamId(header.stream.load(Ordering::Relaxed)),
            first: header.first.load(Ordering::Relaxed),
            previous: header.previous.load(Ordering::Relaxed),
        })
    }

    /// Returns the bytes of the messages that are published in a block.
    #[inline]
    pub(super) fn published(&self, block: u32) -> Result<&[u8], StoreError> {
        let used = self.shown_header(block).used.load(Ordering::Acquire);
        if used > PAYLOAD_BYTES {
            return Err(self.damaged(block, "it cannot have so many bytes"));
        }
        let payload = self.at(block).wrapping_add(HEADER_BYTES as usize);
        // SAFETY: the bytes lie in the mapping, which lives as long as `self`, and were stored
        // before `used` was. They never change while `self` is borrowed: `put` stores only at
        // `used` or behind it, `open` begins only blocks that are not shown yet, `rewind` and
        // `trim` have exclusive access to the blocks. No other process writes these files, because
        // this process holds the lock of the journal's directory.
        Ok(unsafe { std::slice::from_raw_parts(payload, used as usize) })
    }

    /// Returns the next block of the same stream. If there is one, all bytes of this block are
    /// published.
    #[inline]
    pub(super) fn next(&self, block: u32) -> Result<Option<u32>, StoreError> {
        match self.shown_header(block).next.load(Ordering::Acquire) {
            0 => Ok(None),
            next if next > block && next < self.shown() => Ok(Some(next)),
            _ => Err(self.damaged(block, "the next block cannot be that one")),
        }
    }

    /// Syncs all files to the device that have changed since the last call.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        for (number, mapped) in self.mapped.iter().enumerate() {
            let Some(mapped) = mapped.get() else { break };
            if mapped.changed.swap(false, Ordering::Acquire) {
                let path = self.files.path(number as u32);
                mapped.raw.flush().map_err(StoreError::io(&path, "sync"))?;
            }
        }
        self.files.sync_names()
    }

    /// Returns the number of blocks that have begun and may be read.
    pub(super) fn shown(&self) -> u32 {
        self.shown.load(Ordering::Acquire)
    }

    /// Returns the number of blocks in a file.
    pub(crate) fn per_file(&self) -> u32 {
        self.blocks_per_file
    }

    /// Makes the file of `count` blocks from `block` on if needed, and makes their pages present
    /// and writable. The blocks lie in one file. The bytes do not change.
    pub(super) fn make_present(&self, block: u32, count: u32) -> Result<(), StoreError> {
        let (number, offset) = self.place(block);
        let Some(file) = self.mapped.get(number as usize) else {
            return Err(StoreError::Full { path: self.files.path(number) });
        };
        if file.get().is_none() {
            let _making = self.making.lock().expect("nobody panics");
            if file.get().is_none() {
                let made = Mapped::new(self.files.open_or_make(number)?, &self.files);
                made.is_written_next();
                let _ = file.set(made);
                self.put_away(number);
            }
        }
        let length = count as usize * BLOCK_BYTES as usize;
        // If this fails, each page becomes present at the first store to it.
        let _ = self.file(number).raw.advise_range(Advice::PopulateWrite, offset, length);
        Ok(())
    }

    /// Releases the pages of all files before the previous one, in which the writer may still be. A
    /// reader brings pages back until the next file is made. So the files of a long day do not stay
    /// in memory.
    fn put_away(&self, number: u32) {
        let Some(before) = number.checked_sub(1) else { return };
        let _ = self.file(before).raw.advise(Advice::Normal);
        if self.files.are_in_a_folder() {
            (0..before).for_each(|older| self.file(older).let_go());
        }
    }

    /// Returns the error for a block that the writer cannot have made; nothing in it can be
    /// trusted.
    #[cold]
    pub(super) fn damaged(&self, block: u32, what: &str) -> StoreError {
        let (file, offset) = self.place(block);
        let detail = format!("the block at offset {offset} is damaged: {what}");
        StoreError::Damaged { path: self.files.path(file), detail }
    }

    fn shown_header(&self, block: u32) -> &Header {
        assert!(block < self.shown(), "block {block} is not shown yet");
        self.header(block)
    }

    #[inline]
    fn header(&self, block: u32) -> &Header {
        // SAFETY: `at` returns the start of a block in a mapping that lives as long as `self`. The
        // start is aligned, because blocks are cut from whole pages. Every bit pattern is a valid
        // header, and all access to these bytes goes through its atomics.
        unsafe { &*self.at(block).cast::<Header>() }
    }

    /// Returns the start of a block; all of the block is mapped.
    #[inline]
    fn at(&self, block: u32) -> *mut u8 {
        let (file, offset) = self.place(block);
        self.file(file).raw.as_mut_ptr().wrapping_add(offset)
    }

    /// Returns the file of a block, and the byte offset in the file.
    #[inline]
    fn place(&self, block: u32) -> (u32, usize) {
        let shift = self.blocks_per_file.trailing_zeros();
        (block >> shift, (block & (self.blocks_per_file - 1)) as usize * BLOCK_BYTES as usize)
    }

    #[inline]
    fn file(&self, number: u32) -> &Mapped {
        self.mapped[number as usize].get().expect("a block is used behind its file only")
    }
}

/// Writer of the blocks; there is only one.
pub(super) struct BlockWriter {
    blocks: Arc<Blocks>,
    /// Next block to begin.
    next: u32,
}

impl BlockWriter {
    /// Returns a writer that begins with block 0. The length of a file is one block times a power
    /// of two.
    pub(super) fn new(files: Files) -> Self {
        let blocks_per_file = (files.bytes / u64::from(BLOCK_BYTES)) as u32;
        assert!(blocks_per_file.is_power_of_two());
        assert!(files.bytes == u64::from(blocks_per_file) * u64::from(BLOCK_BYTES));
        let mapped = (0..FILES_MAX).map(|_| OnceLock::new()).collect();
        let shown = CachePadded::default();
        let blocks = Blocks { files, mapped, blocks_per_file, making: Mutex::new(()), shown };
        BlockWriter { blocks: Arc::new(blocks), next: 0 }
    }

    /// Returns the blocks for readers.
    pub(super) fn blocks(&self) -> &Arc<Blocks> {
        &self.blocks
    }

    /// Begins the next block. The block has no bytes and is not shown yet.
    #[cold]
    pub(super) fn open(&mut self, origin: Origin) -> Result<u32, StoreError> {
        let block = self.next;
        self.blocks.make_present(block, 1)?;
        let header = self.blocks.header(block);
        header.magic.store(MAGIC, Ordering::Relaxed);
        header.stream.store(origin.stream.0, Ordering::Relaxed);
        header.first.store(origin.first, Ordering::Relaxed);
        header.previous.store(origin.previous, Ordering::Relaxed);
        header.next.store(0, Ordering::Relaxed);
        header.used.store(0, Ordering::Relaxed);
        header.spare.store(0, Ordering::Relaxed);
        self.next += 1;
        Ok(block)
    }

    /// Stores bytes behind the published bytes of a block.
    #[inline]
    pub(super) fn put(&mut self, block: u32, offset: u32, bytes: &[u8]) {
        assert!(
            block < self.next && offset >= self.blocks.header(block).used.load(Ordering::Relaxed)
        );
        assert!(offset <= PAYLOAD_BYTES && bytes.len() <= (PAYLOAD_BYTES - offset) as usize);
        let target = self.blocks.at(block).wrapping_add((HEADER_BYTES + offset) as usize);
        // SAFETY: the target lies in the block, which is mapped. Only `&mut self` stores to the
        // block, and no reader reads behind the published bytes.
        unsafe { target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// Shows all blocks that have begun to the readers.
    pub(super) fn show(&mut self) {
        if self.blocks.shown.load(Ordering::Relaxed) != self.next {
            self.blocks.shown.store(self.next, Ordering::Release);
        }
    }

    /// Publishes the bytes before `used` in a block.
    #[inline]
    pub(super) fn publish(&mut self, block: u32, used: u32) {
        let header = self.blocks.header(block);
        assert!(block < self.next && used <= PAYLOAD_BYTES);
        assert!(used >= header.used.load(Ordering::Relaxed), "what is published stays so");
        header.used.store(used, Ordering::Release);
        let (file, _) = self.blocks.place(block);
        // Stored also if it is already set: a sync that clears it in between must see the bytes
        // before.
        self.blocks.file(file).changed.store(true, Ordering::Release);
    }

    /// Links a block to the next one of its stream, which is shown. All bytes of the block are
    /// published.
    pub(super) fn close(&mut self, block: u32, next: u32) {
        self.blocks.header(block).next.store(next, Ordering::Release);
    }

    /// Sets `next` as the next block to begin. The blocks before it are mapped and shown as they
    /// are in the files.
    ///
    /// # Panics
    /// If the blocks are shared.
    pub(crate) fn rewind(&mut self, next: u32) -> Result<(), StoreError> {
        let blocks = Arc::get_mut(&mut self.blocks).expect("nobody reads before the start");
        for file in 0..next.div_ceil(blocks.blocks_per_file) {
            let Some(mapped) = blocks.mapped.get_mut(file as usize) else {
                return Err(StoreError::Full { path: blocks.files.path(file) });
            };
            if mapped.get().is_none() {
                *mapped = OnceLock::from(Mapped::new(blocks.files.open(file)?, &blocks.files));
            }
        }
        let (last, _) = blocks.place(next);
        if let Some(last) = blocks.mapped.get(last as usize).and_then(OnceLock::get) {
            last.is_written_next();
        }
        *blocks.shown.get_mut() = next;
        self.next = next;
        Ok(())
    }

    /// Removes the bytes of a block behind `used`.
    ///
    /// # Panics
    /// If the blocks are shared.
    pub(super) fn trim(&mut self, block: u32, used: u32) {
        let blocks = Arc::get_mut(&mut self.blocks).expect("nobody reads before the start");
        assert!(block < self.next && used <= PAYLOAD_BYTES);
        let header = blocks.header(block);
        header.used.store(used, Ordering::Relaxed);
        header.next.store(0, Ordering::Relaxed);
    }
}

impl Mapped {
    fn new(raw: MmapRaw, files: &Files) -> Self {
        assert!(raw.len() as u64 == files.bytes, "blocks are found by the length of the files");
        Mapped { raw, changed: AtomicBool::new(true) }
    }

    /// Releases the pages of the mapping; they stay in the file, changed ones too.
    fn let_go(&self) {
        // SAFETY: this is a shared mapping of a file. A later load or store of a byte maps the page
        // of the file again, with everything that was ever stored in it. If the call fails, the
        // pages stay.
        let _ = unsafe { self.raw.unchecked_advise(UncheckedAdvice::DontNeed) };
    }

    /// Turns off read-ahead for a file that is written next. Otherwise the first page that is made
    /// present brings in all pages that the device reads ahead. This takes tens of milliseconds, in
    /// which the kernel gives the core to no other thread.
    fn is_written_next(&self) {
        let _ = self.raw.advise(Advice::Random);
    }
}

/// Mapped page of words, each an atomic.
pub(super) struct Words(MmapRaw);

impl Words {
    /// Wraps a mapping that has no other user.
    pub(super) fn new(raw: MmapRaw) -> Self {
        Words(raw)
    }

    /// Returns the words of the page.
    pub(super) fn get(&self) -> &[AtomicU64] {
        let words = self.0.len() / size_of::<AtomicU64>();
        // SAFETY: the words lie in the mapping, which lives as long as `self`; a mapping begins at
        // a page, so they are aligned. Every bit pattern is a word, and all access goes through
        // these atomics.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), words) }
    }

    /// Syncs the words to the device.
    pub(super) fn sync(&self) -> std::io::Result<()> {
        self.0.flush()
    }
}
