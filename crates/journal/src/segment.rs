//! One segment file: its header page and its mapping.
//!
//! ```text
//!  0         8        12          16       24         32           40      48
//! ┌─────────┬────────┬───────────┬────────┬──────────┬────────────┬───────┬──────────────┐
//! │ magic   │ format │ semantics │ number │ length   │ first seqno│ epoch │ last seqno   │
//! ├─────────┼────────┴┬──────────┴────┬───┴──────────┴────────────┴───────┴──────────────┘
//! │ config  │ last crc│ crc of this   │   zeros up to 4096, then frames
//! └─────────┴─────────┴───────────────┘
//!  56        64        68
//! ```
//! "last" is the last frame before this segment, from which the chain continues. A prepared segment
//! that no writer has begun has a header of zeros. Magic, format and checksum keep their places in
//! every format.

use super::JournalError;
use super::bus_error::{self, Listed};
use super::device::{Device, Step, sync_dir};
use super::toucher::LEAD_BYTES;
use memmap2::{Advice, Mmap, MmapRaw};
use ringside_model::frame::{FRAME_BYTES_MIN, Frame};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Length of the header page in bytes. File lengths are multiples of it.
pub const PAGE_BYTES: u64 = 4096;
/// Extensions of a segment file and of its digest file.
const SEGMENT: &str = "seg";
const DIGEST: &str = "sha256";

/// Length of the shortest segment: one page of header and 15 of frames.
pub const SEGMENT_BYTES_MIN: u64 = 16 * PAGE_BYTES;

const MAGIC: [u8; 8] = *b"RINGSIDE";
const FORMAT_VERSION: u32 = 4;

/// Advice for a journal that other matching rules wrote, and for one of another config.
const OTHER_RULES: &str = "Other matching rules would make another history of it: replay or export it \
    with the version that wrote it, and start this version with an empty journal.dir";
const OTHER_CONFIG: &str = "Start with the config that wrote it, or with an empty journal.dir";

/// Returns the advice for a journal of another format. Only if the program that reads the format is
/// known, the advice is to leave the journal to that program.
fn advice_for(format: u32) -> &'static str {
    match format {
        3 => {
            "Ringside 0.1 reads it: replay or export it with that program, and start this version \
             with an empty journal.dir"
        }
        _ => {
            "This version does not know which version wrote it: keep the journal, and start the \
             version that wrote it"
        }
    }
}

/// Values of a journal that must be equal for a replay to be the same history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Version of the matching rules.
    pub semantics: u32,
    /// Hash of the part of the config that matching depends on.
    pub config_hash: u64,
}

/// Header page of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct SegmentHeader {
    magic: [u8; 8],
    format: u32,
    semantics: u32,
    pub number: u64,
    length: u64,
    first_seqno: u64,
    epoch: u64,
    pub last_seqno: u64,
    config_hash: u64,
    pub last_crc: u32,
    crc: u32,
}

impl SegmentHeader {
    pub(crate) fn new(
        identity: Identity,
        number: u64,
        length: u64,
        epoch: u64,
        last_seqno: u64,
        last_crc: u32,
    ) -> Self {
        let mut header = SegmentHeader {
            magic: MAGIC,
            format: FORMAT_VERSION,
            semantics: identity.semantics,
            number,
            length,
            first_seqno: last_seqno + 1,
            epoch,
            last_seqno,
            config_hash: identity.config_hash,
            last_crc,
            crc: 0,
        };
        header.crc = header.checksum();
        header
    }

    fn checksum(&self) -> u32 {
        let bytes = self.as_bytes();
        crc32c::crc32c(&bytes[..bytes.len() - 4])
    }

    /// Parses the header of a file; `None` if no writer has begun the segment.
    fn read(path: &Path, file: &[u8], expected: Identity) -> Result<Option<Self>, JournalError> {
        let page = file.get(..PAGE_BYTES as usize).unwrap_or(file);
        // The first word is stored last. Without it no writer has begun the segment, whatever else
        // a power cut has left of a header that was being stored. With it the header is complete.
        let is_begun = match page.len() {
            0..4 => page.iter().any(|&byte| byte != 0),
            _ => first_word(page).load(Ordering::Acquire) != 0,
        };
        if !is_begun {
            return Ok(None);
        }
        let corrupt = |detail: &str| JournalError::Corrupt {
            path: path.to_path_buf(),
            offset: 0,
            seqno: 0,
            detail: detail.to_string(),
        };
        let (header, _) = SegmentHeader::read_from_prefix(page)
            .map_err(|_| corrupt("the file is shorter than a segment header"))?;
        if header.magic != MAGIC {
            return Err(corrupt("this is no journal segment (wrong magic)"));
        }
        // The checksum comes first: in every format it covers the same bytes, and a damaged header
        // must not pass for a header of another format.
        if header.crc != header.checksum() {
            return Err(corrupt("the segment header does not match its checksum"));
        }
        if header.format != FORMAT_VERSION {
            return Err(JournalError::Format {
                path: path.to_path_buf(),
                found: header.format,
                wanted: FORMAT_VERSION,
                advice: advice_for(header.format),
            });
        }
        let differs = |what, found: u64, wanted: u64, advice| JournalError::Mismatch {
            path: path.to_path_buf(),
            what,
            found: format!("{found:#x}"),
            wanted: format!("{wanted:#x}"),
            advice,
        };
        if header.semantics != expected.semantics {
            let (found, wanted) = (header.semantics.into(), expected.semantics.into());
            return Err(differs("the semantics version", found, wanted, OTHER_RULES));
        }
        if header.config_hash != expected.config_hash {
            let (found, wanted) = (header.config_hash, expected.config_hash);
            return Err(differs("the config hash", found, wanted, OTHER_CONFIG));
        }
        if header.length != file.len() as u64 {
            return Err(corrupt(&format!(
                "the file has {} bytes, its header says {}",
                file.len(),
                header.length
            )));
        }
        if last_set(&page[size_of::<SegmentHeader>()..]).is_some() {
            return Err(corrupt("the header page has bytes behind the header"));
        }
        Ok(Some(header))
    }
}

/// Path of a segment file.
pub(super) fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.{SEGMENT}"))
}

/// Path of a segment's digest file, which is made after the whole segment was synced.
pub(super) fn digest_path_of(dir: &Path, number: u64) -> PathBuf {
    path_of(dir, number).with_extension(DIGEST)
}

/// Numbers of all segments in a folder, in rising order.
pub(super) fn list(dir: &Path) -> Result<Vec<u64>, JournalError> {
    list_files(dir, SEGMENT)
}

/// Numbers of all segments in a folder that have a digest, in rising order.
pub(super) fn list_digests(dir: &Path) -> Result<Vec<u64>, JournalError> {
    list_files(dir, DIGEST)
}

fn list_files(dir: &Path, extension: &str) -> Result<Vec<u64>, JournalError> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(JournalError::io(dir, "list the folder")(error)),
    };
    let mut numbers = vec![];
    for entry in entries {
        let name =
            PathBuf::from(entry.map_err(JournalError::io(dir, "list the folder"))?.file_name());
        if name.extension().is_some_and(|found| found == extension) {
            let stem = name.file_stem().and_then(|stem| stem.to_str());
            numbers.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Returns true if a writer has begun a segment: its header page holds more than zeros.
pub(super) fn is_begun(dir: &Path, number: u64) -> Result<bool, JournalError> {
    let path = path_of(dir, number);
    let mut page = vec![];
    let file = File::open(&path).map_err(JournalError::io(&path, "open the segment"))?;
    let mut head = file.take(PAGE_BYTES);
    head.read_to_end(&mut page).map_err(JournalError::io(&path, "read the segment"))?;
    Ok(last_set(&page).is_some())
}

/// Index of the last byte that is not zero. Most of a segment is zeros, so whole blocks are
/// compared at once.
pub(super) fn last_set(bytes: &[u8]) -> Option<usize> {
    const BLOCK_BYTES: usize = 4096;
    let is_set = |block: &[u8]| block.iter().fold(0, |all, byte| all | byte) != 0;
    // Forwards, although the last byte is wanted: backwards the kernel would read page by page from
    // the device.
    let blocks = (0..).zip(bytes.chunks(BLOCK_BYTES));
    let block = blocks.fold(None, |last, (i, block)| if is_set(block) { Some(i) } else { last })?;
    let from = block * BLOCK_BYTES;
    let to = bytes.len().min(from + BLOCK_BYTES);
    bytes[from..to].iter().rposition(|&byte| byte != 0).map(|at| from + at)
}

/// Segment that is open for reading.
pub(super) struct ReadSegment {
    /// `None` if the segment is prepared but not begun.
    pub header: Option<SegmentHeader>,
    _listed: Listed,
    map: Mmap,
}

impl ReadSegment {
    /// Opens a segment; `None` if it does not exist. A header that is just being written counts as
    /// not begun.
    pub(crate) fn open(
        dir: &Path,
        number: u64,
        expected: Identity,
    ) -> Result<Option<Self>, JournalError> {
        let path = path_of(dir, number);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(JournalError::io(&path, "open the segment")(error)),
        };
        // SAFETY: segments are never shortened while they are in use, and the bytes of a frame
        // never change once its length is published. The one word that may change under a reader is
        // loaded atomically.
        let map = unsafe { Mmap::map(&file) }.map_err(JournalError::io(&path, "map"))?;
        let listed = bus_error::list(number, map.as_ptr().addr(), map.len());
        let _ = map.advise(Advice::Sequential);
        let header = SegmentHeader::read(&path, &map, expected)?;
        if let Some(header) = header.filter(|header| header.number != number) {
            return Err(JournalError::Corrupt {
                path,
                offset: 0,
                seqno: 0,
                detail: format!("its header says that it is segment {}", header.number),
            });
        }
        Ok(Some(ReadSegment { header, _listed: listed, map }))
    }

    pub(crate) fn len(&self) -> u64 {
        self.map.len() as u64
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Frame at an offset, if one is published there and its length is sane.
    pub(crate) fn frame(&self, offset: u64) -> Option<Frame> {
        let mut frame = Frame::default();
        self.read(offset, &mut frame).then_some(frame)
    }

    /// Reads the frame at an offset into `frame`; returns `false` if there is none.
    #[inline]
    pub(crate) fn read(&self, offset: u64, frame: &mut Frame) -> bool {
        let bytes = self.map.get(offset as usize..).filter(|b| b.len() >= FRAME_BYTES_MIN);
        let Some(bytes) = bytes else { return false };
        first_word(bytes).load(Ordering::Acquire) != 0 && frame.read_from(bytes)
    }

    /// Checksum stored for a frame at an offset, even if there is no valid frame.
    pub(crate) fn stored_crc(&self, offset: u64) -> u32 {
        let at = offset as usize + 4;
        u32::from_le_bytes(self.map[at..at + 4].try_into().expect("four bytes"))
    }
}

/// First word of a header or a frame in a mapping, which the writer stores last.
#[inline]
fn first_word(bytes: &[u8]) -> &AtomicU32 {
    assert!(bytes.len() >= size_of::<AtomicU32>());
    debug_assert!(bytes.as_ptr().addr().is_multiple_of(align_of::<AtomicU32>()));
    // SAFETY: the word lies in the mapping and is aligned, because offsets are multiples of 64.
    unsafe { AtomicU32::from_ptr(bytes.as_ptr().cast_mut().cast()) }
}

/// Segment that is open for writing.
pub(super) struct WriteSegment {
    pub path: PathBuf,
    pub number: u64,
    /// True if its length and its name are known to be on the device.
    pub named: bool,
    mapping: Arc<Mapping>,
    /// Kept open as long as the mapping: an error of a sync is reported once for each descriptor.
    file: File,
}

impl WriteSegment {
    /// Opens an existing segment for writing.
    pub(crate) fn open(dir: &Path, number: u64) -> Result<Self, JournalError> {
        let path = path_of(dir, number);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(JournalError::io(&path, "open the segment"))?;
        let raw = MmapRaw::map_raw(&file).map_err(JournalError::io(&path, "map"))?;
        let listed = bus_error::list(number, raw.as_ptr().addr(), raw.len());
        let mapping = Arc::new(Mapping { _listed: listed, raw, written: AtomicU64::new(0) });
        Ok(WriteSegment { path, number, named: false, mapping, file })
    }

    /// Mapping, for the thread that makes its pages present.
    pub(crate) fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    pub(crate) fn len(&self) -> u64 {
        self.mapping.len()
    }

    /// Makes the pages from an offset on present and writable: all of them, or under `fsync` those
    /// that are written first. A page made writable is dirty, and the kernel writes dirty pages
    /// back after half a minute. So a synced segment of zeros would go to the device once more, all
    /// at once, and delay the syncs.
    pub(crate) fn make_present(&self, from: u64, durable: bool) {
        let to = if durable { self.len().min(from + LEAD_BYTES) } else { self.len() };
        self.mapping.populate(from / PAGE_BYTES * PAGE_BYTES, to);
    }

    /// Begins the segment. Like a frame, its header counts once its first four bytes are stored.
    pub(crate) fn write_header(&mut self, header: &SegmentHeader) {
        self.store(0, header.as_bytes());
    }

    /// Stores a frame at an offset, its first four bytes last.
    #[inline]
    pub(crate) fn store(&mut self, offset: u64, frame: &[u8]) {
        let (first, rest) = frame.split_at(4);
        if frame.len() == FRAME_BYTES_MIN {
            // The usual length as a constant: a few vector stores instead of a call.
            self.put(offset + 4, &rest[..FRAME_BYTES_MIN - 4]);
        } else {
            self.put(offset + 4, rest);
        }
        let word = u32::from_ne_bytes(first.try_into().expect("four bytes"));
        // SAFETY: `put` has checked that the bytes after the word lie in the mapping, and the word
        // is aligned, because offsets are multiples of 64.
        let length = unsafe { AtomicU32::from_ptr(self.at(offset).cast()) };
        length.store(word, Ordering::Release);
    }

    /// Publishes the offset up to which the segment is written, for the thread that makes its pages
    /// present.
    #[inline]
    pub(crate) fn set_written(&self, offset: u64) {
        self.mapping.written.store(offset, Ordering::Relaxed);
    }

    /// Sets a range of bytes to zero.
    pub(crate) fn clear(&mut self, from: u64, to: u64) {
        assert!(from <= to && to <= self.len());
        // SAFETY: the range lies in the mapping, and only `&mut self` stores there.
        unsafe { self.at(from).write_bytes(0, (to - from) as usize) };
    }

    /// Stores one byte of each page of a range again. After a failed sync the kernel takes the
    /// pages for clean although they are not on the device, and the next sync would skip them.
    pub(crate) fn redirty(&mut self, from: u64, to: u64) {
        assert!(from <= to && to <= self.len());
        let first_page = from - from % PAGE_BYTES;
        for offset in (first_page..to).step_by(PAGE_BYTES as usize) {
            let byte = self.at(offset);
            // SAFETY: the byte lies in the mapping, and only `&mut self` stores there. Volatile,
            // because the compiler could omit a store of the same value.
            unsafe { byte.write_volatile(byte.read_volatile()) };
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let raw = &self.mapping.raw;
        // SAFETY: the mapping lives as long as `self`, and nothing stores to it while `&self` lends
        // it out: only `&mut self` stores.
        unsafe { std::slice::from_raw_parts(raw.as_ptr(), raw.len()) }
    }

    /// Writes a range to the device and waits for it. This is the durability point.
    pub(crate) fn sync(&self, device: &dyn Device, from: u64, to: u64) -> Result<(), JournalError> {
        device
            .perform(Step::SyncRange(&self.path, from, to), &mut || {
                self.mapping.raw.flush_range(from as usize, (to - from) as usize)
            })
            .map_err(JournalError::io(&self.path, "sync"))
    }

    /// Writes the whole file, with its length, to the device and waits for it.
    pub(crate) fn sync_file(&self, device: &dyn Device) -> Result<(), JournalError> {
        device
            .perform(Step::SyncFile(&self.path), &mut || self.file.sync_data())
            .map_err(JournalError::io(&self.path, "sync"))
    }

    /// Writes the whole file and its name to the device.
    pub(crate) fn make_durable(&self, device: &dyn Device, dir: &Path) -> Result<(), JournalError> {
        self.sync_file(device)?;
        if self.named { Ok(()) } else { sync_dir(device, dir) }
    }

    #[inline]
    fn put(&mut self, offset: u64, bytes: &[u8]) {
        assert!(offset <= self.len() && bytes.len() as u64 <= self.len() - offset);
        // SAFETY: the target lies in the mapping, and only `&mut self` stores there. Readers look
        // at these bytes only after they have seen the length, which is stored later.
        unsafe { self.at(offset).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    #[inline]
    fn at(&self, offset: u64) -> *mut u8 {
        self.mapping.raw.as_mut_ptr().wrapping_add(offset as usize)
    }
}

/// Pages of a segment that is being written, shared with the thread that makes them present in
/// advance.
pub(super) struct Mapping {
    _listed: Listed,
    raw: MmapRaw,
    /// Offset up to which the segment is written.
    written: AtomicU64,
}

impl Mapping {
    pub(crate) fn len(&self) -> u64 {
        self.raw.len() as u64
    }

    /// Offset up to which the segment is written, as last published by the writer.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Makes the pages of a range present and writable, so that no store has to wait for one. If
    /// that fails, the store waits; if the device has failed, the store meets the failure.
    pub(crate) fn populate(&self, from: u64, to: u64) {
        let _ = self.raw.advise_range(Advice::PopulateWrite, from as usize, (to - from) as usize);
    }
}
