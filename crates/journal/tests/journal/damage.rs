//! Flips every bit, and truncates a segment to every length. Either the journal is refused, or the
//! loss is reported and the lost part was never known to be on the device. Nothing is accepted
//! silently, nothing is invented, nothing panics.
//!
//! `RINGSIDE_EVERY_BIT=1` tries every bit of every header and frame. Without it, most frames have a
//! bit in each third byte tried, and three frames in a row have one in every byte of a frame.

use crate::journal_runs::{IDENTITY, Run, options, prepare_blank, read, recover_all, segment};
use ringside_journal::{Device, JournalError, Options, Reader, SEGMENT_BYTES_MIN, Step, Tail};
use ringside_model::durability::Durability;
use ringside_model::frame::{CommitMark, Frame, FrameKind};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Number of segments that hold frames; one more is prepared.
const BEGUN: u64 = 2;
/// Number of flips of which one is given to recovery as well.
const RECOVERED: usize = 701;

/// Device that syncs nothing: these tests check the content of files, not its timing.
#[derive(Debug)]
struct NoSync;

impl Device for NoSync {
    fn perform(&self, step: Step<'_>, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        match step {
            Step::SyncFile(_) | Step::SyncDir(_) | Step::SyncRange(..) => Ok(()),
            _ => act(),
        }
    }
}

fn unsynced(dir: &Path, mode: Durability) -> Options {
    Options { device: Arc::new(NoSync), ..options(dir, mode) }
}

/// Journal with the facts that are known about it.
struct Truth {
    dir: tempfile::TempDir,
    mode: Durability,
    frames: Vec<Vec<u8>>,
    /// Segment and range of each frame, and of the end of the first segment.
    places: Vec<(u64, Range<u64>)>,
    committed: u64,
    synced: u64,
}

/// Writes four runs, one of them closed, over two segments, with marks that lag behind.
fn truth(mode: Durability) -> Truth {
    let dir = tempfile::tempdir().unwrap();
    let mut frames = vec![];
    for run_number in 1..=4 {
        let mut run = Run::start(unsynced(dir.path(), mode));
        for _ in 0..11 {
            run.commands(20);
            let synced = if mode == Durability::Fsync { run.seqno - 5 } else { 0 };
            run.mark(run.seqno - 6, synced);
        }
        run.commands(3);
        frames.extend(if run_number == 2 { run.close() } else { run.kill() });
    }
    prepare_blank(dir.path(), BEGUN + 1);
    let (read, tail, reader) = read(dir.path()).unwrap();
    assert_eq!((read == frames, tail), (true, Tail::Clean));
    assert_eq!(reader.position().segment, BEGUN);
    let bytes: usize = frames.iter().map(Vec::len).sum();
    assert!(bytes >= 64 << 10, "{bytes} bytes of frames");
    let mark = |frame: &Vec<u8>| {
        let frame = Frame::read(frame).unwrap();
        let mark = frame.body::<CommitMark>().copied();
        mark.filter(|_| frame.kind() == Some(FrameKind::CommitMark))
    };
    let marks: Vec<CommitMark> = frames.iter().filter_map(mark).collect();
    let committed = marks.iter().map(|mark| mark.committed).max().unwrap();
    let synced = marks.iter().map(|mark| mark.synced).max().unwrap();
    let places = places(&frames);
    Truth { dir, mode, frames, places, committed, synced }
}

fn places(frames: &[Vec<u8>]) -> Vec<(u64, Range<u64>)> {
    let (mut number, mut offset, mut places) = (1, 4096, vec![]);
    for frame in frames {
        let length = frame.len() as u64;
        if offset + length + 64 > SEGMENT_BYTES_MIN {
            places.push((number, offset..offset + 64));
            (number, offset) = (number + 1, 4096);
        }
        places.push((number, offset..offset + length));
        offset += length;
    }
    places
}

/// Number of each result.
#[derive(Debug, Default)]
struct Count {
    refused: usize,
    torn: usize,
    lost: usize,
    recovered: usize,
}

impl Truth {
    /// Checks the result of reading the damaged journal, whose marks call everything up to
    /// `committed` committed. Returns true if the journal may continue.
    fn check(&self, committed: u64, count: &mut Count, what: &dyn std::fmt::Debug) -> bool {
        let (good, tail) = match self.read_good() {
            Ok(read) => read,
            Err(
                JournalError::Corrupt { .. }
                | JournalError::Format { .. }
                | JournalError::Mismatch { .. },
            ) => {
                count.refused += 1;
                return false;
            }
            Err(error) => panic!("{what:?}: {error}"),
        };
        let good = good.unwrap_or_else(|| panic!("{what:?}: a frame that nobody wrote"));
        let last = last_seqno(&self.frames[..good]);
        assert!(last >= self.synced, "{what:?}: {last} is before {}, on the device", self.synced);
        match tail {
            Tail::Clean => panic!("{what:?}: accepted"),
            Tail::Torn { .. } => {
                assert!(last >= committed, "{what:?}: torn at {last}, but committed");
                count.torn += 1;
            }
            Tail::Lost { lost, .. } => {
                assert_eq!(self.mode, Durability::Pagecache, "{what:?}: no loss is allowed");
                let range = (last + 1, committed);
                assert_eq!((lost.from.0, lost.to.0, lost.mode), (range.0, range.1, self.mode));
                count.lost += 1;
            }
        }
        true
    }

    /// Number of frames read, if each is the one that was written, and the state of the end.
    fn read_good(&self) -> Result<(Option<usize>, Tail), JournalError> {
        let mut reader = Reader::open(self.dir.path(), IDENTITY)?;
        let mut good = Some(0);
        while let Some(frame) = reader.next_frame()? {
            let at = good.filter(|&at| self.frames.get(at).is_some_and(|f| f == frame.bytes()));
            good = at.map(|at| at + 1);
        }
        Ok((good, reader.tail().unwrap()))
    }

    /// Checks the recovery of a copy of the damaged journal: a writer continues after it, or it is
    /// refused.
    fn check_recovery(&self, may_go_on: bool, what: &dyn std::fmt::Debug) {
        let copy = tempfile::tempdir().unwrap();
        for number in 1..=BEGUN + 1 {
            let (from, to) = (segment(self.dir.path(), number), segment(copy.path(), number));
            std::fs::copy(from, to).unwrap();
        }
        let options = unsynced(copy.path(), self.mode);
        let (found, frames, lock) = match recover_all(&options) {
            Ok(recovered) => recovered,
            Err(error) => return assert!(!may_go_on, "{what:?}: {error}"),
        };
        assert!(may_go_on && found.cut.is_some() && !found.clean, "{what:?}");
        assert!(self.frames.starts_with(&frames), "{what:?}");
        let mut run = Run::start_from(options, &found, lock);
        run.commands(900);
        let all = [frames, run.close()].concat();
        let (again, tail, _) = read(copy.path()).unwrap();
        assert_eq!((again == all, tail), (true, Tail::Clean), "{what:?}");
    }

    fn flip_bits(&self, every_bit: bool) -> (usize, Count) {
        let mut count = Count::default();
        let mut tried = 0;
        for number in 1..=BEGUN + 1 {
            let path = segment(self.dir.path(), number);
            let good = std::fs::read(&path).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            for (byte, bits) in self.targets(number, every_bit) {
                for bit in bits {
                    let what = ("segment, byte, bit", number, byte, bit);
                    file.write_all_at(&[good[byte as usize] ^ 1 << bit], byte).unwrap();
                    let may_go_on = self.check(self.committed, &mut count, &what);
                    tried += 1;
                    if tried % RECOVERED == 0 {
                        self.check_recovery(may_go_on, &what);
                        count.recovered += 1;
                    }
                }
                file.write_all_at(&good[byte as usize..][..1], byte).unwrap();
            }
        }
        (tried, count)
    }

    /// Bits of each byte of a segment that are tried: all of the header, of the first and the last
    /// frames and of those around the end of a segment; one of each third byte of another frame,
    /// and of some of the zeros.
    fn targets(&self, number: u64, every_bit: bool) -> Vec<(u64, Range<u8>)> {
        const HEADER_BYTES: u64 = 72;
        const FRAMES: usize = 20;
        let count = self.places.len();
        let is_edge = |index: usize| {
            let around = &self.places[index.saturating_sub(3)..(index + 4).min(count)];
            index < FRAMES || index + FRAMES >= count || around.iter().any(|at| at.0 != number)
        };
        let mut bits: Vec<Range<u8>> = (0..SEGMENT_BYTES_MIN)
            .map(|byte| match byte {
                0..HEADER_BYTES if number <= BEGUN => 0..8,
                _ if byte % 61 == 0 => one_bit(byte),
                _ => 0..0,
            })
            .collect();
        for (index, (_, range)) in self.places.iter().enumerate().filter(|(_, at)| at.0 == number) {
            for byte in range.clone() {
                bits[byte as usize] = match every_bit || is_edge(index) {
                    true => 0..8,
                    false if (byte - range.start + index as u64).is_multiple_of(3) => one_bit(byte),
                    false => 0..0,
                };
            }
        }
        (0..).zip(bits).filter(|(_, bits)| !bits.is_empty()).collect()
    }

    fn cut_short(&self, every_length: bool) -> (usize, Count) {
        let mut count = Count::default();
        let mut tried = 0;
        for number in 1..=BEGUN {
            let path = segment(self.dir.path(), number);
            let good = std::fs::read(&path).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            for length in (0..SEGMENT_BYTES_MIN).rev() {
                if every_length || length < 100 || length.is_multiple_of(64) || length % 13 == 0 {
                    file.set_len(length).unwrap();
                    // An empty segment leaves no evidence of the commands in it.
                    let committed = if length == 0 { self.synced } else { self.committed };
                    self.check(committed, &mut count, &("segment, length", number, length));
                    tried += 1;
                }
            }
            file.write_all_at(&good, 0).unwrap();
        }
        (tried, count)
    }
}

fn one_bit(byte: u64) -> Range<u8> {
    let bit = (byte % 8) as u8;
    bit..bit + 1
}

fn last_seqno(frames: &[Vec<u8>]) -> u64 {
    frames.last().map_or(0, |frame| Frame::read(frame).unwrap().header.seqno)
}

fn try_all(mode: Durability) {
    let all = std::env::var("RINGSIDE_EVERY_BIT").is_ok_and(|value| value == "1");
    let truth = truth(mode);
    let (flips, flipped) = truth.flip_bits(all);
    let (cuts, cut) = truth.cut_short(all);
    println!("{}: {flips} flipped bits: {flipped:?}; {cuts} lengths: {cut:?}", mode.name());
    assert!(read(truth.dir.path()).is_ok_and(|(frames, ..)| frames == truth.frames));
    assert!(flipped.refused > 0 && flipped.torn > 0 && flipped.recovered > 10);
    assert_eq!(flipped.lost > 0, mode == Durability::Pagecache);
    // An empty segment counts as missing, and in this mode a power cut may take one.
    let torn = usize::from(mode == Durability::Pagecache);
    assert_eq!((cut.refused, cut.torn), (cuts - torn, torn));
}

#[test]
fn damage_under_fsync() {
    try_all(Durability::Fsync);
}

#[test]
fn damage_under_pagecache() {
    try_all(Durability::Pagecache);
}

#[test]
fn the_places_of_the_frames_are_those_in_the_files() {
    let truth = truth(Durability::Pagecache);
    let mut frames = truth.frames.iter();
    for (number, range) in &truth.places {
        let bytes = std::fs::read(segment(truth.dir.path(), *number)).unwrap();
        let frame = Frame::read(&bytes[range.start as usize..range.end as usize]).unwrap();
        if frame.kind() != Some(FrameKind::SegmentEnd) {
            assert_eq!(frame.bytes(), frames.next().unwrap());
        }
    }
    assert!(frames.next().is_none());
    assert!(Reader::open(truth.dir.path(), IDENTITY).is_ok());
}
