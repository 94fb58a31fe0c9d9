//! Cuts off the end of a journal: the part that recovery finds torn, or the part that a node of a
//! cluster has and its leader does not have.
//!
//! The part is first made durable in a file of its own. A node that gives up valid frames first
//! notes the place of the cut, because an interrupted cut would look like damage.

use super::damage::{Behind, End};
use super::device::{replace_file, sync_dir};
use super::recovery::Recovered;
use super::retire::remove;
use super::segment::{self, PAGE_BYTES, ReadSegment, WriteSegment};
use super::{Device, JournalError, Lock, LogPlace, Options, Position, Reader, Step};
use ringside_model::domain::SeqNo;
use ringside_planted::{Bug, planted};
use std::path::{Path, PathBuf};

/// Name of the note about a cut in progress. The note holds segment, offset, and the last command
/// before the cut.
const NOTE: &str = "CUT";

/// Result of cutting off the end of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Files that keep the part that was cut off; none if segments were missing and only zeros
    /// followed.
    pub kept: Vec<PathBuf>,
    /// Number of bytes cut off, whole segments included.
    pub bytes: u64,
}

/// Cuts a journal after a place in it, for a node whose leader does not have the rest.
pub fn cut_behind(
    options: &Options,
    _lock: &Lock,
    place: &LogPlace,
) -> Result<Option<Cut>, JournalError> {
    let LogPlace { position: at, seqno, .. } = place;
    let note = format!("{} {} {}\n", at.segment, at.offset, seqno);
    replace_file(&*options.device, &options.dir, NOTE, note.as_bytes())?;
    finish_cut(options)
}

/// Reopens a segment that was ended with no frame after its end. The next frame decides if it fits
/// in the segment, so that it lies at the same place in the journals of all nodes. `last` is the
/// place after the last frame.
pub fn open_end_again(
    options: &Options,
    lock: &Lock,
    found: &mut Recovered,
    last: &LogPlace,
) -> Result<(), JournalError> {
    let begins_segment = |end: Position| end.segment > 1 && end.offset == PAGE_BYTES;
    if !found.segment_ended && !found.end.is_some_and(begins_segment) {
        return Ok(());
    }
    match Reader::open_behind(&options.dir, options.identity, last, found.durability) {
        // The last frame is not where the lengths of the frames before put it: change nothing that
        // is not understood.
        Err(JournalError::NoSuchPlace { .. }) => return Ok(()),
        Err(error) => return Err(error),
        Ok(mut reader) => {
            if reader.next_frame()?.is_some() {
                return Ok(());
            }
        }
    }
    cut_behind(options, lock, last)?;
    (found.end, found.segment_ended, found.clean) = (Some(last.position), false, false);
    Ok(())
}

/// Continues a cut that was begun; `None` if no cut was.
pub(super) fn finish_cut(options: &Options) -> Result<Option<Cut>, JournalError> {
    let (device, dir) = (&*options.device, &*options.dir);
    let path = dir.join(NOTE);
    let Ok(note) = std::fs::read_to_string(&path) else { return Ok(None) };
    let numbers: Vec<u64> = note.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    let &[number, offset, seqno] = &numbers[..] else {
        let detail = "it does not say where the journal is to be cut".into();
        return Err(JournalError::Corrupt { path, offset: 0, seqno: 0, detail });
    };
    // A digest says that its segment is complete, so the digests go first.
    for sealed in segment::list_digests(dir)?.into_iter().rev().filter(|&sealed| sealed >= number) {
        remove(device, &segment::digest_path_of(dir, sealed))?;
        sync_dir(device, dir)?;
    }
    let segment = ReadSegment::open(dir, number, options.identity)?;
    let here = segment.as_ref().map(|segment| (segment, offset));
    let end = End { here, next: number + 1, seqno, crc: 0 };
    let behind = Behind::look(dir, options.identity, &end)?;
    let cut = cut(options, Position { segment: number, offset }, SeqNo(seqno), &behind)?;
    remove(device, &path)?;
    sync_dir(device, dir)?;
    Ok(Some(cut))
}

/// Cuts off everything after a place and keeps it in other files, durably, from the end of the
/// journal to its beginning.
pub(super) fn cut(
    options: &Options,
    from: Position,
    seqno: SeqNo,
    behind: &Behind,
) -> Result<Cut, JournalError> {
    let (device, dir) = (&*options.device, &*options.dir);
    let mut cut = Cut { kept: vec![], bytes: behind.rest_bytes };
    let to = from.offset + behind.rest_bytes;
    let mut rest = None;
    if behind.rest_bytes > 0 {
        let segment = WriteSegment::open(dir, from.segment)?;
        let bytes = &segment.bytes()[from.offset as usize..to as usize];
        cut.kept.push(keep(device, dir, &segment.path, seqno, bytes)?);
        rest = Some(segment);
    }
    for later in behind.later.iter().rev() {
        let path = segment::path_of(dir, later.number);
        if later.blank {
            remove(device, &path)?;
        } else {
            let kept = kept_paths(&path, seqno).find(|kept| !kept.exists());
            let kept = kept.expect("one of endless names is free");
            cut.bytes += std::fs::metadata(&path).map_or(0, |file| file.len());
            device
                .perform(Step::Rename(&path, &kept), &mut || std::fs::rename(&path, &kept))
                .map_err(JournalError::io(&path, "set the segment aside"))?;
            cut.kept.push(kept);
        }
        sync_dir(device, dir)?;
    }
    if let Some(mut segment) = rest {
        if !planted(Bug::TailNotCleared) {
            segment.clear(from.offset, to);
        }
        segment.sync(device, from.offset, to)?;
    }
    Ok(cut)
}

/// Copies bytes of a segment into a file of their own, unless an interrupted recovery already did.
/// Returns the path of the file.
fn keep(
    device: &dyn Device,
    dir: &Path,
    path: &Path,
    seqno: SeqNo,
    bytes: &[u8],
) -> Result<PathBuf, JournalError> {
    let holds_them = |kept: &PathBuf| std::fs::read(kept).is_ok_and(|held| held == bytes);
    let kept = kept_paths(path, seqno).find(|kept| !kept.exists() || holds_them(kept));
    let kept = kept.expect("one of endless names is free");
    if !kept.exists() {
        let name = kept.file_name().and_then(|name| name.to_str()).expect("it has a name of ours");
        replace_file(device, dir, name, bytes)?;
    }
    sync_dir(device, dir)?;
    Ok(kept)
}

/// File names under which a part of a segment may be kept, in order of preference.
fn kept_paths(path: &Path, seqno: SeqNo) -> impl Iterator<Item = PathBuf> {
    (1..).map(move |count| match count {
        1 => path.with_extension(format!("cut-{seqno}")),
        more => path.with_extension(format!("cut-{seqno}-{more}")),
    })
}
