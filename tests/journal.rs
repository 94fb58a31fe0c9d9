//! The journal: what is appended is read back, a torn tail is cut, damage is refused.

use ringside::domain::{Nanos, SeqNo};
use ringside::durability::Durability;
use ringside::frame::{CommitMark, Frame, FrameKind};
use ringside::journal::{
    Identity, JournalError, Kernel, Lock, Options, Position, Reader, Recovered, SEGMENT_BYTES_MIN,
    Tail, Writer, prepare_ahead, recover,
};
use std::path::Path;
use std::sync::Arc;

const IDENTITY: Identity = Identity { semantics: 1, config_hash: 7 };

fn options(dir: &Path) -> Options {
    Options {
        dir: dir.to_path_buf(),
        durability: Durability::Pagecache,
        probe_interval: 1 << 20,
        segment_bytes: SEGMENT_BYTES_MIN,
        segments_ready: 2,
        segments_last: u64::MAX,
        identity: IDENTITY,
        device: Arc::new(Kernel),
    }
}

/// Seals frames one behind the other, as a sequencer does.
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
    let found = recover(&options(dir), &lock, |frame| {
        frames.push(*frame);
        Ok::<_, JournalError>(())
    })?;
    let writer = Writer::open(options(dir), lock, &found)?;
    Ok((found, frames, writer))
}

/// A closed journal of so many commands with a commit mark after each 50th; the bytes of its frames.
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
    let found = recover(&options, &lock, |_| Ok::<_, JournalError>(())).unwrap();
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
    bytes[8] = 9;
    std::fs::write(&path, &bytes).unwrap();
    let error = Reader::open(dir.path(), IDENTITY).err().unwrap().to_string();
    assert!(error.contains("format version is 0x9"), "{error}");
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
        assert_eq!(std::fs::read(&cut.kept).unwrap(), vec![0xA5; torn]);
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
    let written = write(dir.path(), 150);
    let path = dir.path().join("00000001.seg");
    let good = std::fs::read(&path).unwrap();
    let is_command = |index: usize| written[index][2] == FrameKind::Cancel as u8;
    let commands = (0..written.len()).filter(|&i| is_command(i)).map(|i| 4096 + i * 64);
    for byte in (0..68).chain(commands.flat_map(|offset| offset..offset + 64)) {
        let mut bytes = good.clone();
        bytes[byte] ^= 1 << (byte % 8);
        std::fs::write(&path, &bytes).unwrap();
        let error = read(dir.path()).err().unwrap_or_else(|| panic!("byte {byte} was accepted"));
        let refused = matches!(error, JournalError::Corrupt { .. } | JournalError::Mismatch { .. });
        assert!(refused, "byte {byte}: {error}");
        assert!(open(dir.path()).is_err(), "byte {byte}: recovery must refuse it, too");
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
