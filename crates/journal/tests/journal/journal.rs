//! The journal: appended frames are read back, a torn tail is cut, damage is refused.

use crate::journal_runs;
use crate::journal_runs::{IDENTITY, Run, prepare_blank, segment};
use ringside_journal::{
    Identity, JournalError, Kernel, Lock, LogPlace, Options, Position, Reader, Recovered, Tail,
    TailReader, Writer, prepare_ahead, recover, retire,
};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::{CommitMark, Frame, FrameKind};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

fn options(dir: &Path) -> Options {
    let options = journal_runs::options(dir, Durability::Pagecache);
    Options { segments_ready: 2, segments_last: u64::MAX, ..options }
}

/// Seals frames one after the other, as a sequencer does.
struct Sealer {
    seqno: u64,
    crc: u32,
}

impl Sealer {
    fn from(found: &Recovered) -> Self {
        Sealer { seqno: found.seqno.0, crc: found.crc }
    }

    fn command(&mut self) -> Frame {
        self.seqno += 1;
        let mut frame = Frame::default();
        frame.write(FrameKind::Cancel, &[self.seqno * 3]);
        self.crc = frame.seal(SeqNo(self.seqno), Nanos(self.seqno * 10), self.crc);
        frame
    }

    fn mark(&mut self, committed: u64) -> Frame {
        let mut frame = Frame::default();
        frame.write(FrameKind::CommitMark, &CommitMark { committed, synced: 0 });
        self.crc = frame.seal(SeqNo(self.seqno), Nanos(0), self.crc);
        frame
    }
}

fn open(dir: &Path) -> Result<(Recovered, Vec<Frame>, Writer), JournalError> {
    let lock = Lock::take(dir)?;
    let mut frames = vec![];
    let found = recover(&options(dir), &lock, None, SeqNo(0), |frame| {
        frames.push(*frame);
        Ok::<_, JournalError>(())
    })?;
    let writer = Writer::open(options(dir), lock, &found)?;
    Ok((found, frames, writer))
}

/// Writes a closed journal of `commands` commands with a commit mark after each 50th. Returns the
/// bytes of its frames.
fn write(dir: &Path, commands: u64) -> Vec<Vec<u8>> {
    let (found, _, mut writer) = open(dir).unwrap();
    let mut sealer = Sealer::from(&found);
    let mut written = vec![];
    let mut append = |frame: Frame| {
        writer.append(&frame).unwrap();
        written.push(frame.bytes().to_vec());
    };
    for i in 1..=commands {
        append(sealer.command());
        if i % 50 == 0 {
            append(sealer.mark(sealer.seqno));
        }
    }
    append(sealer.mark(sealer.seqno));
    writer.commit().unwrap();
    writer.close().unwrap();
    written
}

fn read(dir: &Path) -> Result<(Vec<Vec<u8>>, Tail, Position), JournalError> {
    let mut reader = Reader::open(dir, IDENTITY)?;
    let mut frames = vec![];
    while let Some(frame) = reader.next_frame()? {
        frames.push(frame.bytes().to_vec());
    }
    Ok((frames, reader.tail().unwrap(), reader.position()))
}

#[test]
fn frames_come_back_over_many_segments_and_runs() {
    let dir = tempfile::tempdir().unwrap();
    let mut written = vec![];
    for commands in [1, 3000, 1, 900] {
        written.extend(write(dir.path(), commands));
        let (frames, tail, position) = read(dir.path()).unwrap();
        assert_eq!((frames == written, tail), (true, Tail::Clean));
        assert_eq!(position.segment, 1 + written.len() as u64 / 960);
    }
}

#[test]
fn segments_made_ahead_are_used_and_more_follow_when_they_are_full() {
    const PER_SEGMENT: u64 = 959;
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    let made = prepare_ahead(&mut options, 2 * PER_SEGMENT * 64).unwrap();
    assert_eq!((made, options.segments_last), (3, 3));
    let lock = Lock::take(dir.path()).unwrap();
    let found = recover(&options, &lock, None, SeqNo(0), |_| Ok::<_, JournalError>(())).unwrap();
    let mut writer = Writer::open(options, lock, &found).unwrap();
    let mut sealer = Sealer::from(&found);
    for _ in 0..5 * PER_SEGMENT {
        writer.append(&sealer.command()).unwrap();
    }
    writer.close().unwrap();
    let (frames, tail, position) = read(dir.path()).unwrap();
    assert_eq!((frames.len() as u64, tail), (5 * PER_SEGMENT, Tail::Clean));
    assert_eq!(position.segment, 5);
}

#[test]
fn an_empty_folder_is_an_empty_journal() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read(dir.path()).unwrap().0.len(), 0);
    assert_eq!(read(&dir.path().join("nowhere")).unwrap().0.len(), 0);
    let (found, frames, _) = open(dir.path()).unwrap();
    assert_eq!((found.seqno, found.end, frames.len()), (SeqNo(0), None, 0));
}

#[test]
fn one_process_writes() {
    let dir = tempfile::tempdir().unwrap();
    let lock = Lock::take(dir.path()).unwrap();
    assert!(matches!(Lock::take(dir.path()), Err(JournalError::InUse { .. })));
    drop(lock);
    assert!(Lock::take(dir.path()).is_ok());
}

#[test]
fn another_config_or_format_is_refused_with_both_values() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 10);
    let other = Identity { config_hash: 8, ..IDENTITY };
    let error = Reader::open(dir.path(), other).err().unwrap().to_string();
    assert!(error.contains("config hash is 0x7") && error.contains("want 0x8"), "{error}");
    let other = Identity { semantics: 2, ..IDENTITY };
    let error = Reader::open(dir.path(), other).err().unwrap().to_string();
    assert!(error.contains("semantics version is 0x1"), "{error}");
    let path = dir.path().join("00000001.seg");
    let mut bytes = std::fs::read(&path).unwrap();
    // Older versions are among them: their frames mean something else.
    for (format, advice) in [(1, UNKNOWN), (3, OF_0_1), (9, UNKNOWN)] {
        set_format(&mut bytes, format);
        std::fs::write(&path, &bytes).unwrap();
        let error = Reader::open(dir.path(), IDENTITY).err().unwrap().to_string();
        let said = format!("has format {format}, and this version reads format 4. {advice}");
        assert!(error.contains(&said), "{error}");
    }
}

const OF_0_1: &str = "Ringside 0.1 reads it: replay or export it with that program, and start this \
    version with an empty journal.dir";
const UNKNOWN: &str = "This version does not know which version wrote it";

/// Writes the header of a segment as a version with this format writes it.
fn set_format(segment: &mut [u8], format: u32) {
    segment[8..12].copy_from_slice(&format.to_le_bytes());
    let crc = crc32c::crc32c(&segment[..68]);
    segment[68..72].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn a_damaged_format_field_is_no_other_format() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 10);
    let path = dir.path().join("00000001.seg");
    let good = std::fs::read(&path).unwrap();
    let damaged = (0..32).map(|bit| 4u32 ^ 1 << bit).chain([3]);
    for format in damaged {
        let mut bytes = good.clone();
        bytes[8..12].copy_from_slice(&format.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let error = Reader::open(dir.path(), IDENTITY).err().unwrap();
        assert!(matches!(error, JournalError::Corrupt { offset: 0, .. }), "{format}: {error}");
        assert!(!error.to_string().contains("empty"), "{format}: {error}");
        assert_eq!(open(dir.path()).err().unwrap().to_string(), error.to_string());
    }
}

#[test]
fn a_torn_tail_is_kept_aside_cut_and_appended_over() {
    for torn in [1, 4, 63, 64, 65, 100] {
        let dir = tempfile::tempdir().unwrap();
        let written = write(dir.path(), 120);
        let end = read(dir.path()).unwrap().2;
        let path = dir.path().join("00000001.seg");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[end.offset as usize..end.offset as usize + torn].fill(0xA5);
        std::fs::write(&path, &bytes).unwrap();
        let to = Position { offset: end.offset + torn as u64, ..end };
        assert_eq!(read(dir.path()).unwrap().1, Tail::Torn { to }, "readers do not cut");
        let (found, frames, mut writer) = open(dir.path()).unwrap();
        assert_eq!((found.seqno, frames.len()), (SeqNo(120), written.len()));
        let cut = found.cut.clone().unwrap();
        assert_eq!(cut.kept.len(), 1);
        assert_eq!(std::fs::read(&cut.kept[0]).unwrap(), vec![0xA5; torn]);
        let next = Sealer::from(&found).command();
        writer.append(&next).unwrap();
        writer.close().unwrap();
        let (frames, tail, _) = read(dir.path()).unwrap();
        assert_eq!((frames.len(), tail), (written.len() + 1, Tail::Clean));
    }
}

#[test]
fn no_flipped_bit_under_a_commit_mark_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let written = write(dir.path(), 60);
    let path = dir.path().join("00000001.seg");
    let good = std::fs::read(&path).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    let is_command = |index: usize| written[index][2] == FrameKind::Cancel as u8;
    let commands = (0..written.len()).filter(|&i| is_command(i)).map(|i| 4096 + i * 64);
    for byte in (0..68).chain(commands.flat_map(|offset| offset..offset + 64)) {
        file.write_all_at(&[good[byte] ^ 1 << (byte % 8)], byte as u64).unwrap();
        let error = read(dir.path()).err().unwrap_or_else(|| panic!("byte {byte} was accepted"));
        let refused = matches!(
            error,
            JournalError::Corrupt { .. }
                | JournalError::Format { .. }
                | JournalError::Mismatch { .. }
        );
        assert!(refused, "byte {byte}: {error}");
        assert!(open(dir.path()).is_err(), "byte {byte}: recovery must refuse it, too");
        file.write_all_at(&good[byte..=byte], byte as u64).unwrap();
    }
}

#[test]
fn a_missing_or_shortened_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 3000);
    let path = dir.path().join("00000002.seg");
    let good = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let error = read(dir.path()).err().unwrap().to_string();
    assert!(error.contains("00000002.seg") && error.contains("missing"), "{error}");
    for length in [0, 10, 4096, good.len() - 1] {
        std::fs::write(&path, &good[..length]).unwrap();
        assert!(read(dir.path()).is_err(), "length {length}");
    }
    std::fs::write(&path, &good).unwrap();
    assert!(read(dir.path()).is_ok());
    std::fs::remove_file(dir.path().join("00000001.seg")).unwrap();
    assert!(read(dir.path()).is_err());
}

#[test]
fn an_epoch_start_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    for epoch in 1..4 {
        let (found, _, mut writer) = open(dir.path()).unwrap();
        assert_eq!((found.epoch, writer.epoch()), (epoch - 1, epoch));
        let mut frame = Frame::default();
        assert_eq!(writer.epoch_start().epoch, epoch);
        frame.write(FrameKind::EpochStart, &writer.epoch_start());
        writer.append_bookkeeping(Nanos(5), frame).unwrap();
        writer.close().unwrap();
    }
    assert_eq!(open(dir.path()).unwrap().0.time, Nanos(0), "bookkeeping sets no official time");
}

/// Reads all frames from a reader's place on.
fn rest(mut reader: Reader) -> Result<Vec<Vec<u8>>, JournalError> {
    let mut frames = vec![];
    while let Some(frame) = reader.next_frame()? {
        frames.push(frame.bytes().to_vec());
    }
    Ok(frames)
}

/// Place and the mode in force there.
type Known = (LogPlace, Option<Durability>);

/// Writes a journal of two runs over four segments. Returns its frames and every place in it.
fn places(dir: &Path) -> (Vec<Vec<u8>>, Vec<Known>) {
    for mode in [Durability::Pagecache, Durability::Fsync] {
        let mut run = Run::start(journal_runs::options(dir, Durability::Pagecache));
        run.commands(1500).set_durability(mode).mark(1500, 0);
        run.close();
    }
    let mut reader = Reader::open(dir, IDENTITY).unwrap();
    let (mut frames, mut places) = (vec![], vec![(reader.place(), reader.durability())]);
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push(frame.bytes().to_vec());
        places.push((reader.place(), reader.durability()));
    }
    assert!(places.last().unwrap().0.position.segment >= 4);
    (frames, places)
}

#[test]
fn reading_goes_on_at_any_place() {
    let dir = tempfile::tempdir().unwrap();
    let (frames, places) = places(dir.path());
    for (i, (place, mode)) in places.iter().enumerate() {
        let mut reader = Reader::open_behind(dir.path(), IDENTITY, place, *mode).unwrap();
        assert_eq!((reader.place(), reader.durability()), (*place, *mode));
        if let Some(next) = frames.get(i) {
            assert_eq!(reader.next_frame().unwrap().unwrap().bytes(), next);
            assert_eq!((reader.place(), reader.durability()), places[i + 1]);
        }
        if i % 97 == 0 {
            let from = Reader::open_behind(dir.path(), IDENTITY, place, *mode).unwrap();
            assert!(rest(from).unwrap() == frames[i..]);
        }
    }
    // The start of a segment is a place as well: the one after the last frame of the segment
    // before.
    let first = places.iter().position(|(place, _)| place.position.segment == 2).unwrap();
    let (last, mode) = places[first - 1];
    let start = LogPlace { position: Position { segment: 2, offset: 4096 }, ..last };
    let reader = Reader::open_behind(dir.path(), IDENTITY, &start, mode).unwrap();
    assert!(rest(reader).unwrap() == frames[first - 1..]);
}

#[test]
fn a_place_that_the_journal_does_not_have_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (_, places) = places(dir.path());
    let (good, end) = (places[700].0, places.last().unwrap().0);
    let position = |place: LogPlace, offset| Position { offset, ..place.position };
    let wrong = [
        LogPlace { crc: good.crc ^ 1, ..good },
        LogPlace { seqno: SeqNo(good.seqno.0 + 1), ..good },
        LogPlace { position: position(good, good.position.offset + 64), ..good },
        LogPlace { position: position(good, good.position.offset + 1), ..good },
        LogPlace { position: position(good, 0), ..good },
        LogPlace { position: position(good, 4096), ..good },
        LogPlace { position: position(good, u64::MAX), ..good },
        LogPlace { position: position(end, end.position.offset + 64), ..end },
        LogPlace { position: Position { segment: 2, offset: 4096 }, ..good },
        LogPlace { position: Position { segment: 99, offset: 4096 }, ..good },
    ];
    for place in wrong {
        let error = Reader::open_behind(dir.path(), IDENTITY, &place, None).err();
        assert!(matches!(error, Some(JournalError::NoSuchPlace { .. })), "{place:?}: {error:?}");
    }
    prepare_blank(dir.path(), 99);
    let blank = LogPlace { position: Position { segment: 99, offset: 4160 }, ..good };
    let error = Reader::open_behind(dir.path(), IDENTITY, &blank, None).err();
    assert!(matches!(error, Some(JournalError::NoSuchPlace { .. })), "{error:?}");
}

#[test]
fn recovery_goes_on_at_a_place() {
    let dir = tempfile::tempdir().unwrap();
    let (frames, places) = places(dir.path());
    let options = journal_runs::options(dir.path(), Durability::Pagecache);
    for known_synced in [SeqNo(0), SeqNo(2900), places.last().unwrap().0.seqno] {
        let lock = Lock::take(dir.path()).unwrap();
        let mut read = vec![];
        let found = recover(&options, &lock, Some(places[2000]), known_synced, |frame| {
            read.push(frame.bytes().to_vec());
            Ok::<_, JournalError>(())
        });
        let found = found.unwrap();
        assert!(read == frames[2000..]);
        assert_eq!(found.seqno, places.last().unwrap().0.seqno);
        assert_eq!((found.durability, found.clean), (Some(Durability::Fsync), true));
    }
}

#[test]
fn segments_retire_in_order_and_the_journal_goes_on_behind_them() {
    let dir = tempfile::tempdir().unwrap();
    let (frames, places) = places(dir.path());
    std::fs::write(segment(dir.path(), 1).with_extension("sha256"), "digest").unwrap();
    prepare_blank(dir.path(), 5);
    let there = |wanted: &[u64]| {
        let exists = |number: &u64| segment(dir.path(), *number).exists();
        (1..9).filter(exists).collect::<Vec<u64>>() == wanted
    };
    assert_eq!(retire(dir.path(), &Kernel, 1).unwrap(), 0);
    assert!(there(&[1, 2, 3, 4, 5]));
    assert_eq!(retire(dir.path(), &Kernel, 3).unwrap(), 2);
    assert!(there(&[3, 4, 5]));
    assert!(!segment(dir.path(), 1).with_extension("sha256").exists());

    let error = Reader::open(dir.path(), IDENTITY).err().unwrap();
    let first = places.iter().position(|(place, _)| place.position.segment == 3).unwrap();
    let before = places[first - 1].0;
    let JournalError::Retired { segment: 3, seqno, .. } = error else { panic!("{error}") };
    assert_eq!(seqno, before.seqno.0 + 1);
    assert!(error.to_string().contains("needs a snapshot"));
    let (place, mode) = places[first + 10];
    let reader = Reader::open_behind(dir.path(), IDENTITY, &place, mode).unwrap();
    assert!(rest(reader).unwrap() == frames[first + 10..]);
    let (place, mode) = places[10];
    let error = Reader::open_behind(dir.path(), IDENTITY, &place, mode).err();
    assert!(matches!(error, Some(JournalError::NoSuchPlace { .. })), "{error:?}");

    // The segment that is being written stays, whatever number is given.
    assert_eq!(retire(dir.path(), &Kernel, 99).unwrap(), 1);
    assert!(there(&[4, 5]));
    assert_eq!(retire(&dir.path().join("nowhere"), &Kernel, 99).unwrap(), 0);
}

#[test]
fn a_follower_gives_what_a_mark_covers_and_bookkeeping_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut follower = TailReader::open(dir.path(), IDENTITY).unwrap();
    let mut next = || {
        let mut given = vec![];
        while let Some(frame) = follower.next().unwrap() {
            given.push((frame.kind().unwrap(), frame.header.seqno));
        }
        (given, follower.place().seqno.0, follower.waiting_at().offset)
    };
    let command = |seqno| (FrameKind::Cancel, seqno);
    assert_eq!(next(), (vec![], 0, 4096));
    let mut run = Run::start(journal_runs::options(dir.path(), Durability::Pagecache));
    assert_eq!(next(), (vec![(FrameKind::EpochStart, 0)], 0, 4096 + 64));
    run.commands(3);
    assert_eq!(next(), (vec![], 0, 4096 + 4 * 64));
    run.mark(2, 0);
    assert_eq!(next(), (vec![command(1), command(2)], 2, 4096 + 5 * 64));
    run.probe().commands(1).mark(4, 0);
    let rest = vec![
        command(3),
        (FrameKind::CommitMark, 3),
        (FrameKind::HashProbe, 3),
        command(4),
        (FrameKind::CommitMark, 4),
    ];
    assert_eq!(next(), (rest, 4, 4096 + 9 * 64));
    assert_eq!(next(), (vec![], 4, 4096 + 9 * 64));
}

#[test]
fn a_follower_waits_at_damage_and_behind_a_segment_that_nobody_has_begun() {
    let dir = tempfile::tempdir().unwrap();
    let (frames, places) = places(dir.path());
    let second = segment(dir.path(), 2);
    let good = std::fs::read(&second).unwrap();
    let mut follower = TailReader::open(dir.path(), IDENTITY).unwrap();
    let mut given = 0;
    let mut next = |expected: usize| {
        while let Some(frame) = follower.next().unwrap() {
            assert!(frame.bytes() == frames[given]);
            given += 1;
            assert_eq!((follower.place(), follower.durability()), places[given]);
        }
        assert!(given == expected, "{given} frames, not {expected}");
        follower.waiting_at()
    };
    let committed = |frames: usize| {
        // The first segment holds no mark, so only the start of the run can be returned.
        places[..frames].iter().filter(|(place, _)| place.seqno.0 == 0).count() - 1
    };
    let first = places.iter().position(|(place, _)| place.position.segment == 2).unwrap();
    let end = places[first - 1].0.position;
    let mut torn_header = good.clone();
    torn_header[40..72].fill(0);
    let mut half_format = good.clone();
    half_format[8..72].fill(0);
    for second_is in [None, Some(vec![0; good.len()]), Some(torn_header), Some(half_format)] {
        let _ = std::fs::remove_file(&second);
        if let Some(bytes) = second_is {
            std::fs::write(&second, bytes).unwrap();
        }
        assert_eq!(next(committed(first)), end);
    }
    // A damaged frame in the middle stops the follower there.
    let mut damaged = good.clone();
    let at = places[first + 9].0.position.offset as usize;
    damaged[at + 40] ^= 1;
    std::fs::write(&second, &damaged).unwrap();
    assert_eq!(next(committed(first)), Position { segment: 2, offset: at as u64 });
    std::fs::write(&second, &good).unwrap();
    // The follower has the damaged file mapped, which was overwritten in place.
    let all = places.len() - 1;
    assert_eq!(next(all), places[all].0.position);
}

#[test]
fn a_follower_does_not_wait_at_a_segment_of_another_format_or_venue() {
    let dir = tempfile::tempdir().unwrap();
    places(dir.path());
    let second = segment(dir.path(), 2);
    let good = std::fs::read(&second).unwrap();
    let failure_at = |change: fn(&mut [u8])| {
        let mut bytes = good.clone();
        change(&mut bytes);
        std::fs::write(&second, &bytes).unwrap();
        let mut follower = TailReader::open(dir.path(), IDENTITY).unwrap();
        std::iter::from_fn(|| follower.next().transpose()).find_map(Result::err)
    };
    let format = failure_at(|bytes| set_format(bytes, 5));
    assert!(matches!(format, Some(JournalError::Format { found: 5, .. })), "{format:?}");
    let config = failure_at(|bytes| {
        bytes[56] ^= 1;
        set_format(bytes, 4);
    });
    assert!(matches!(config, Some(JournalError::Mismatch { .. })), "{config:?}");
    assert!(failure_at(|_| {}).is_none());
}

#[test]
fn a_follower_keeps_up_with_a_writer_over_runs_and_segments() {
    const COMMANDS: u64 = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let committed = AtomicU64::new(0);
    let write = |mut run: Run| {
        let (from, mut marked) = (run.seqno, run.seqno);
        while run.seqno < from + COMMANDS / 2 {
            run.commands(1 + run.seqno % 60);
            // As in a venue, a mark lags behind the stored frames.
            committed.store(marked, Ordering::Release);
            run.mark(marked, 0);
            marked = run.seqno;
        }
        committed.store(run.seqno, Ordering::Release);
        run.close()
    };
    let mut follower = TailReader::open(dir.path(), IDENTITY).unwrap();
    let mut given = vec![];
    let mut written = vec![];
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let first = write(Run::start(options(dir.path())));
            let second = write(Run::start(options(dir.path())));
            [first, second].concat()
        });
        let mut ended = false;
        loop {
            match follower.next().unwrap() {
                Some(frame) => {
                    assert!(frame.header.seqno <= committed.load(Ordering::Acquire));
                    given.push(frame.bytes().to_vec());
                    if given.len() % 5000 == 0 {
                        let (place, mode) = (follower.place(), follower.durability());
                        follower =
                            TailReader::open_behind(dir.path(), IDENTITY, &place, mode).unwrap();
                    }
                }
                None if ended => break,
                None => {
                    ended = writer.is_finished();
                    std::thread::yield_now();
                }
            }
        }
        written = writer.join().unwrap();
    });
    assert!(given == written, "{} frames of {}", given.len(), written.len());
}
