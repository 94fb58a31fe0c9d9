//! Journals for tests: frames are sealed one after the other as a sequencer does, and stored by the
//! real writer in one run after the other.
#![allow(dead_code, reason = "each test file uses another part")]

use ringside_journal::{
    JournalError, Lock, Options, Reader, Recovered, SEGMENT_BYTES_MIN, Tail, Writer, recover,
};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::{CommitMark, Frame, FrameKind, HashProbe};
use std::path::{Path, PathBuf};

pub use ringside_testing::journals::{IDENTITY, options};

pub fn segment(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.seg"))
}

/// Creates a segment that is prepared but not begun.
pub fn prepare_blank(dir: &Path, number: u64) {
    std::fs::write(segment(dir, number), vec![0; SEGMENT_BYTES_MIN as usize]).unwrap();
}

pub fn recover_all(options: &Options) -> Result<(Recovered, Vec<Vec<u8>>, Lock), JournalError> {
    let lock = Lock::take(&options.dir)?;
    let mut frames = vec![];
    let found = recover(options, &lock, None, SeqNo(0), |frame| {
        frames.push(frame.bytes().to_vec());
        Ok::<_, JournalError>(())
    })?;
    Ok((found, frames, lock))
}

pub fn read(dir: &Path) -> Result<(Vec<Vec<u8>>, Tail, Reader), JournalError> {
    let mut reader = Reader::open(dir, IDENTITY)?;
    let mut frames = vec![];
    while let Some(frame) = reader.next_frame()? {
        frames.push(frame.bytes().to_vec());
    }
    Ok((frames, reader.tail().unwrap(), reader))
}

/// Removes the digests. A power cut may come before a segment is sealed, and a segment with a
/// digest must be complete.
fn unseal(dir: &Path) {
    for file in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|ending| ending == "sha256") {
            std::fs::remove_file(file).unwrap();
        }
    }
}

/// Run of a writer on a journal.
pub struct Run {
    dir: PathBuf,
    pub writer: Writer,
    pub seqno: u64,
    crc: u32,
    /// Bytes of the frames of this run.
    pub written: Vec<Vec<u8>>,
}

impl Run {
    /// Recovers, and begins a run with the start of its epoch.
    pub fn start(options: Options) -> Run {
        let (found, _, lock) = recover_all(&options).unwrap();
        Run::start_from(options, &found, lock)
    }

    pub fn start_from(options: Options, found: &Recovered, lock: Lock) -> Run {
        let dir = options.dir.clone();
        let writer = Writer::open(options, lock, found).unwrap();
        let (seqno, crc) = (found.seqno.0, found.crc);
        let mut run = Run { dir, writer, seqno, crc, written: vec![] };
        let start = run.writer.epoch_start();
        run.bookkeeping(FrameKind::EpochStart, &start);
        run
    }

    pub fn commands(&mut self, count: u64) -> &mut Self {
        for _ in 0..count {
            self.seqno += 1;
            let mut frame = Frame::default();
            // Every seventh frame is a long one.
            match self.seqno % 7 {
                0 => frame.write(FrameKind::Enter, &[self.seqno; 8]),
                _ => frame.write(FrameKind::Cancel, &[self.seqno * 3]),
            }
            self.append(frame);
        }
        self
    }

    pub fn set_durability(&mut self, durability: Durability) -> &mut Self {
        self.command(FrameKind::SetDurability, &durability)
    }

    pub fn command<B>(&mut self, kind: FrameKind, body: &B) -> &mut Self
    where
        B: zerocopy::IntoBytes + zerocopy::Immutable,
    {
        self.seqno += 1;
        self.bookkeeping(kind, body)
    }

    pub fn mark(&mut self, committed: u64, synced: u64) -> &mut Self {
        self.bookkeeping(FrameKind::CommitMark, &CommitMark { committed, synced })
    }

    pub fn probe(&mut self) -> &mut Self {
        let probe = HashProbe { seqno: self.seqno, reports: 0, state: [1, 2], output: [3, 4] };
        self.bookkeeping(FrameKind::HashProbe, &probe)
    }

    /// Closes the run as a venue does: with a mark that says that everything is synced, and a
    /// probe. Returns the frames of the run.
    pub fn close(mut self) -> Vec<Vec<u8>> {
        self.mark(self.seqno, self.seqno).probe();
        self.writer.close().unwrap();
        unseal(&self.dir);
        self.written
    }

    /// Ends like a killed process. Returns the frames of the run.
    pub fn kill(self) -> Vec<Vec<u8>> {
        drop(self.writer);
        unseal(&self.dir);
        self.written
    }

    /// Appends a frame that repeats the last seqno. The body may be none of the kind.
    pub fn bookkeeping<B>(&mut self, kind: FrameKind, body: &B) -> &mut Self
    where
        B: zerocopy::IntoBytes + zerocopy::Immutable,
    {
        let mut frame = Frame::default();
        frame.write(kind, body);
        self.append(frame)
    }

    fn append(&mut self, mut frame: Frame) -> &mut Self {
        self.crc = frame.seal(SeqNo(self.seqno), Nanos(self.seqno * 10), self.crc);
        self.writer.append(&frame).unwrap();
        self.written.push(frame.bytes().to_vec());
        self
    }
}
