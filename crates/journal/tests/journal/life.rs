//! One process that keeps a journal: it recovers the journal, continues it, and ends.

use crate::faulty::{Fault, Faulty};
use ringside_journal::{JournalError, Lock, Options, Recovered, Writer, recover};
use ringside_load::rng::Rng;
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::{CommitMark, Frame, FrameKind, HashProbe};
use ringside_testing::crash::recording::{Event, Recording};
use ringside_testing::journals;
use std::path::Path;
use std::sync::Arc;

/// Frames that were really appended, and the number of those that must survive.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Bytes of the frames.
    pub frames: Vec<Vec<u8>>,
    /// Number of frames that are stored, and survive the kill of a process.
    pub stored: usize,
    /// Number of frames that are promised to survive a power cut.
    pub promised: usize,
    /// Last command that a recovery may report as lost, if the recovery before it was interrupted.
    pub lost_to: u64,
}

/// Way in which a process keeps its journal.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub durability: Durability,
    /// True if threads prepare and seal segments beside the writer. Without them a seed gives the
    /// same events each time.
    pub threads: bool,
    /// Steps that the device skips.
    pub fault: Option<Fault>,
}

pub fn options(dir: &Path, manner: Manner, device: &Arc<Recording>) -> Options {
    let device = Arc::clone(device);
    Options {
        segments_last: if manner.threads { u64::MAX } else { 0 },
        device: match manner.fault {
            None => device,
            Some(fault) => Arc::new(Faulty { device, fault }),
        },
        ..journals::options(dir, manner.durability)
    }
}

/// Recovers a journal. Returns the result and the bytes of all frames.
pub fn recovered(options: &Options) -> Result<(Recovered, Vec<Vec<u8>>, Lock), JournalError> {
    let lock = Lock::take(&options.dir)?;
    let mut frames = vec![];
    let found = recover(options, &lock, None, SeqNo(0), |frame| {
        frames.push(frame.bytes().to_vec());
        Ok::<_, JournalError>(())
    })?;
    Ok((found, frames, lock))
}

/// Process that appends to a journal.
pub struct Life<'a> {
    writer: Writer,
    device: Arc<Recording>,
    rng: &'a mut Rng,
    changes_modes: bool,
    truth: Truth,
    seqno: u64,
    crc: u32,
    committed: u64,
}

impl<'a> Life<'a> {
    /// Continues after the last frame that recovery found, with the start of an epoch, as a venue
    /// does.
    pub fn begin(
        options: Options,
        lock: Lock,
        found: &Recovered,
        truth: Truth,
        device: &Arc<Recording>,
        rng: &'a mut Rng,
    ) -> Result<Self, JournalError> {
        // A venue that is meant to keep `fsync` never changes its mode.
        let changes_modes = options.durability != Durability::Fsync;
        let writer = Writer::open(options, lock, found)?;
        let start = writer.epoch_start();
        let (device, seqno) = (Arc::clone(device), found.seqno.0);
        let (crc, committed) = (found.crc, seqno);
        let mut life = Life { writer, device, rng, changes_modes, truth, seqno, crc, committed };
        life.bookkeeping(FrameKind::EpochStart, &start)?;
        life.writer.sync_all()?;
        life.commit()?;
        Ok(life)
    }

    pub fn epoch(&self) -> u64 {
        self.writer.epoch()
    }

    /// Continues for a while, and ends with or without closing.
    pub fn spend(mut self) -> Result<(), JournalError> {
        if self.rng.chance(1, 2) {
            // Nearly a segment at once: the interesting part is its end.
            let count = 850 + self.rng.below(110);
            self.commands(count, false)?;
            self.commit()?;
        }
        for _ in 0..self.rng.below(8) {
            let count = 1 + self.rng.below(12);
            self.commands(count, true)?;
            if self.rng.chance(1, 2) {
                self.mark()?;
            }
            if self.rng.chance(1, 6) {
                self.probe()?;
            }
            if self.changes_modes && self.rng.chance(1, 3) {
                self.change_mode()?;
            }
            self.commit()?;
        }
        if self.rng.chance(1, 4) {
            self.mark()?;
            self.probe()?;
            self.writer.close()?;
            self.device.note(Event::Promise(self.truth.frames.len()));
        }
        Ok(())
    }

    /// Appends commands of one line and of two. With `watched`, records the stores of each one.
    fn commands(&mut self, count: u64, watched: bool) -> Result<(), JournalError> {
        for _ in 0..count {
            self.seqno += 1;
            let mut frame = Frame::default();
            match self.rng.below(8) {
                0 => frame.write(FrameKind::Enter, &[self.rng.next_u64(); 8]),
                _ => frame.write(FrameKind::Cancel, &[self.rng.next_u64()]),
            }
            self.append(frame)?;
            if watched {
                self.look();
            }
        }
        self.look();
        Ok(())
    }

    fn mark(&mut self) -> Result<(), JournalError> {
        let mark = CommitMark { committed: self.committed, synced: self.writer.synced().0 };
        self.bookkeeping(FrameKind::CommitMark, &mark)
    }

    fn probe(&mut self) -> Result<(), JournalError> {
        let probe = HashProbe { seqno: self.seqno, reports: 1, state: [2, 3], output: [4, 5] };
        self.bookkeeping(FrameKind::HashProbe, &probe)
    }

    fn change_mode(&mut self) -> Result<(), JournalError> {
        let durability = match self.rng.chance(1, 2) {
            true => Durability::Fsync,
            false => Durability::Pagecache,
        };
        self.seqno += 1;
        self.bookkeeping(FrameKind::SetDurability, &durability)?;
        self.writer.set_durability(durability)
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        self.writer.commit()?;
        self.look();
        self.committed = self.seqno;
        let synced = self.writer.synced().0;
        let is_synced = |frame: &Vec<u8>| seqno_of(frame) <= synced && frame[2] < 128;
        let promised = match self.writer.durability() {
            Durability::Fsync => self.truth.frames.len(),
            _ => self.truth.frames.iter().rposition(is_synced).map_or(0, |last| last + 1),
        };
        self.device.note(Event::Promise(promised));
        Ok(())
    }

    fn bookkeeping<B>(&mut self, kind: FrameKind, body: &B) -> Result<(), JournalError>
    where
        B: zerocopy::IntoBytes + zerocopy::Immutable,
    {
        let mut frame = Frame::default();
        frame.write(kind, body);
        self.append(frame)?;
        self.look();
        Ok(())
    }

    /// Records what has been stored so far.
    fn look(&self) {
        self.device.look();
        self.device.note(Event::Stored(self.truth.frames.len()));
    }

    fn append(&mut self, mut frame: Frame) -> Result<(), JournalError> {
        self.crc = frame.seal(SeqNo(self.seqno), Nanos(self.seqno * 10), self.crc);
        let bytes = frame.bytes().to_vec();
        self.truth.frames.push(bytes.clone());
        self.device.note(Event::Append(bytes));
        self.writer.append(&frame)
    }
}

pub fn seqno_of(frame: &[u8]) -> u64 {
    u64::from_le_bytes(frame[8..16].try_into().expect("eight bytes"))
}
