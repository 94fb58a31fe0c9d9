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
//! "last" is the last frame before this segment: the chain goes on from there. A prepared segment that
//! nobody has begun has a header of zeros.

use super::{Device, JournalError, Step};
use crate::frame::{FRAME_BYTES_MIN, Frame};
use memmap2::{Advice, Mmap, MmapMut};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The header page, in bytes; also what file lengths are multiples of.
pub(super) const PAGE_BYTES: u64 = 4096;
/// The shortest segment: a page of header and 15 of frames.
pub const SEGMENT_BYTES_MIN: u64 = 16 * PAGE_BYTES;

const MAGIC: [u8; 8] = *b"RINGSIDE";
const FORMAT_VERSION: u32 = 2;

/// Whose journal it is: values that must be equal for a replay to be the same history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The version of the matching rules.
    pub semantics: u32,
    /// A hash of the part of the config that matching depends on.
    pub config_hash: u64,
}

/// The header page of a segment.
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
    pub fn new(
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

    /// Reads the header of a file; `None` if the page is all zeros.
    fn read(path: &Path, file: &[u8], expected: Identity) -> Result<Option<Self>, JournalError> {
        let page = file.get(..PAGE_BYTES as usize).unwrap_or(file);
        if page.iter().all(|&byte| byte == 0) {
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
        let differs = |what, found: u64, wanted: u64| JournalError::Mismatch {
            path: path.to_path_buf(),
            what,
            found: format!("{found:#x}"),
            wanted: format!("{wanted:#x}"),
        };
        if header.format != FORMAT_VERSION {
            let wanted = FORMAT_VERSION.into();
            return Err(differs("the format version", header.format.into(), wanted));
        }
        if header.crc != header.checksum() {
            return Err(corrupt("the segment header does not match its checksum"));
        }
        if header.semantics != expected.semantics {
            let wanted = expected.semantics.into();
            return Err(differs("the semantics version", header.semantics.into(), wanted));
        }
        if header.config_hash != expected.config_hash {
            return Err(differs("the config hash", header.config_hash, expected.config_hash));
        }
        if header.length != file.len() as u64 {
            return Err(corrupt(&format!(
                "the file has {} bytes, its header says {}",
                file.len(),
                header.length
            )));
        }
        Ok(Some(header))
    }
}

/// The path of a segment.
pub(super) fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.seg"))
}

/// The numbers of all segments in a folder, rising.
pub(super) fn list(dir: &Path) -> Result<Vec<u64>, JournalError> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(JournalError::io(dir, "list the folder")(error)),
    };
    let mut numbers = vec![];
    for entry in entries {
        let name = entry.map_err(JournalError::io(dir, "list the folder"))?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".seg"));
        numbers.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// A segment that is read.
pub(super) struct ReadSegment {
    /// `None`: prepared, not begun.
    pub header: Option<SegmentHeader>,
    map: Mmap,
}

impl ReadSegment {
    pub fn open(dir: &Path, number: u64, expected: Identity) -> Result<Self, JournalError> {
        let path = path_of(dir, number);
        let file = File::open(&path).map_err(JournalError::io(&path, "open the segment"))?;
        // SAFETY: segments are never shortened while they are in use, and bytes behind a published
        // length never change; the one word that may change under a reader is loaded atomically.
        let map = unsafe { Mmap::map(&file) }.map_err(JournalError::io(&path, "map"))?;
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
        Ok(ReadSegment { header, map })
    }

    pub fn len(&self) -> u64 {
        self.map.len() as u64
    }

    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// The frame at an offset if one is published there and its length is sane.
    #[inline]
    pub fn frame(&self, offset: u64) -> Option<Frame> {
        let bytes = self.map.get(offset as usize..).filter(|b| b.len() >= FRAME_BYTES_MIN)?;
        debug_assert!(bytes.as_ptr().addr().is_multiple_of(align_of::<AtomicU32>()));
        // SAFETY: the word lies in the mapping and is aligned, because offsets are multiples of 64.
        let word = unsafe { AtomicU32::from_ptr(bytes.as_ptr().cast_mut().cast()) };
        if word.load(Ordering::Acquire) == 0 {
            return None;
        }
        Frame::read(bytes)
    }

    /// The checksum that the frame at an offset carries, whether it is a frame or not.
    pub fn stored_crc(&self, offset: u64) -> u32 {
        let at = offset as usize + 4;
        u32::from_le_bytes(self.map[at..at + 4].try_into().expect("four bytes"))
    }
}

/// A segment that is written.
pub(super) struct WriteSegment {
    pub path: PathBuf,
    pub number: u64,
    map: MmapMut,
    /// Kept for the life of the mapping: an error of a sync is reported once for each descriptor.
    _file: File,
}

impl WriteSegment {
    /// Opens a segment that exists.
    pub fn open(dir: &Path, number: u64) -> Result<Self, JournalError> {
        let path = path_of(dir, number);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(JournalError::io(&path, "open the segment"))?;
        Self::map(path, number, file)
    }

    pub fn map(path: PathBuf, number: u64, file: File) -> Result<Self, JournalError> {
        // SAFETY: the lock of the folder makes this process the only writer, the file has its full
        // length already, and readers load the length of a frame atomically before they look at it.
        let map = unsafe { MmapMut::map_mut(&file) }.map_err(JournalError::io(&path, "map"))?;
        Ok(WriteSegment { path, number, map, _file: file })
    }

    /// Makes every page present and writable, so that no store has to wait for one.
    pub fn populate(&self) {
        let _ = self.map.advise(Advice::PopulateWrite);
    }

    pub fn len(&self) -> u64 {
        self.map.len() as u64
    }

    pub fn write_header(&mut self, header: &SegmentHeader) {
        let bytes = header.as_bytes();
        self.map[..bytes.len()].copy_from_slice(bytes);
    }

    /// Stores a frame at an offset, its first four bytes last.
    #[inline]
    pub fn store(&mut self, offset: u64, frame: &[u8]) {
        let at = offset as usize;
        let (first, rest) = frame.split_at(4);
        let target = &mut self.map[at..at + frame.len()];
        if frame.len() == FRAME_BYTES_MIN {
            // The everyday length as a constant: a few vector stores instead of a call.
            target[4..FRAME_BYTES_MIN].copy_from_slice(&rest[..FRAME_BYTES_MIN - 4]);
        } else {
            target[4..].copy_from_slice(rest);
        }
        let word = u32::from_ne_bytes(first.try_into().expect("four bytes"));
        // SAFETY: `target` lies in the mapping and is aligned, because offsets are multiples of 64.
        let length = unsafe { AtomicU32::from_ptr(target.as_mut_ptr().cast()) };
        length.store(word, Ordering::Release);
    }

    /// Sets a range to zero.
    pub fn clear(&mut self, from: u64, to: u64) {
        self.map[from as usize..to as usize].fill(0);
    }

    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Writes a range to the device and waits for it. The durability point.
    pub fn sync(&self, device: &dyn Device, from: u64, to: u64) -> Result<(), JournalError> {
        device
            .perform(Step::SyncRange(&self.path, from, to), &mut || {
                self.map.flush_range(from as usize, (to - from) as usize)
            })
            .map_err(JournalError::io(&self.path, "sync"))
    }
}
