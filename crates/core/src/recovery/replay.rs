//! Replay: applies the commands of the journal to the same engines, without threads and without a
//! clock.
//!
//! Every hash probe in the journal is compared with the state and the output of the replay; the
//! first difference ends the replay.

use crate::merge::{ReportMerge, Subscriber, probe};
use crate::shard::{MatchingShard, UnreadableCommand};
use ringside_engine::{Engine, Shard};
use ringside_journal::{JournalError, Reader};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::frame::{Frame, FrameKind, HashProbe};
use ringside_planted::{Bug, planted};
use std::collections::VecDeque;

/// Layout of a venue's engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of shards, each with an engine.
    pub shards: u32,
    /// Number of live orders that each shard has room for before it grows.
    pub orders: usize,
}

/// Error that ends a replay.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A command cannot be read by this version.
    #[error(transparent)]
    Unreadable(#[from] UnreadableCommand),
    /// The subscriber cannot resume from the snapshot or from the beginning.
    #[error("{0}")]
    Told(String),
    /// The state or the output of the replay differs from the venue's.
    #[error(
        "the replay diverged between seqno {from} and {to}: the journal has {what} {journal}, the \
         replay {replay}"
    )]
    Diverged {
        /// Seqno of the last probe that agreed.
        from: u64,
        /// Seqno of the first probe that does not agree.
        to: u64,
        /// Name of the value that differs.
        what: &'static str,
        /// Value in the journal.
        journal: String,
        /// Value of the replay.
        replay: String,
    },
}

/// Replay that is in progress, with its shards and hashes.
pub struct Replay<U> {
    /// Shards that apply the commands, by index.
    pub shards: Vec<MatchingShard>,
    /// Merge of the shards' reports into one order.
    pub order: ReportMerge,
    /// Receiver of the reports.
    pub subscriber: U,
    seqno: u64,
    /// Official time of the last command; 0 before the first one.
    time: Nanos,
    waiting: usize,
    own_probes: VecDeque<HashProbe>,
    /// Seqno behind which the replay began.
    began: u64,
    agreed: u64,
    /// Number of the journal's probes that were compared.
    pub probes_checked: u64,
}

impl<U: Subscriber> Replay<U> {
    /// Returns a replay that begins before the first command.
    pub fn new(shape: Shape, subscriber: U) -> Self {
        let Shape { shards: count, orders } = shape;
        let shard = |index| MatchingShard::new(Shard { index, count }, Engine::new(orders));
        let shards = (0..count).map(shard).collect();
        Replay::resume(shards, ReportMerge::new(count), subscriber, SeqNo(0), Nanos(0))
    }

    /// Returns a replay that goes on behind a command, whose official time is `time`.
    pub fn resume(
        shards: Vec<MatchingShard>,
        mut order: ReportMerge,
        subscriber: U,
        SeqNo(seqno): SeqNo,
        time: Nanos,
    ) -> Self {
        order.keep_frames_for::<U>();
        Replay {
            shards,
            order,
            subscriber,
            seqno,
            time,
            waiting: 0,
            own_probes: VecDeque::new(),
            began: seqno,
            agreed: seqno,
            probes_checked: 0,
        }
    }

    /// Replays the frames of a reader up to its end, or up to and including the command `until`.
    pub fn read(&mut self, reader: &mut Reader, until: Option<SeqNo>) -> Result<(), ReplayError> {
        if until.is_none_or(|until| self.seqno < until.0) {
            ringside_journal::read_ahead(reader, |frame| {
                self.frame(frame)?;
                Ok::<_, ReplayError>(until.is_none_or(|until| self.seqno < until.0))
            })?;
        }
        self.flush();
        Ok(())
    }

    /// Takes the next frame of the journal. A hash probe is compared at once; a command waits for
    /// its batch.
    #[inline]
    pub fn frame(&mut self, frame: &Frame) -> Result<(), ReplayError> {
        if frame.header.kind == FrameKind::HashProbe as u8
            && let Some(theirs) = frame.body::<HashProbe>()
        {
            return self.compare(theirs);
        }
        self.seqno = frame.header.seqno;
        if frame.kind().is_some_and(FrameKind::is_command) {
            self.time = self.time.max(Nanos(frame.header.time));
        }
        self.order.expect(frame);
        for shard in &mut self.shards {
            shard.frame(frame)?;
        }
        self.waiting += 1;
        if self.waiting == MatchingShard::BATCH_COMMANDS_MAX {
            self.flush();
        }
        Ok(())
    }

    /// Applies all commands taken so far and publishes their reports.
    pub fn flush(&mut self) {
        self.waiting = 0;
        for shard in &mut self.shards {
            shard.apply();
            let index = shard.shard().index;
            for report in shard.reports().drain(..) {
                self.order.report(index, &report, &mut self.subscriber);
            }
        }
        self.subscriber.end_batch();
        self.own_probes.extend(std::iter::from_fn(|| self.order.take_probe()));
    }

    /// Returns the official time of the last command; 0 before the first one.
    pub fn time(&self) -> Nanos {
        self.time
    }

    /// Returns the current hashes; call [`flush`](Self::flush) first.
    pub fn probe(&self) -> HashProbe {
        probe(SeqNo(self.seqno), state_hash(&self.shards), &self.order.output())
    }

    fn compare(&mut self, theirs: &HashProbe) -> Result<(), ReplayError> {
        self.flush();
        while self.own_probes.front().is_some_and(|own| own.seqno < theirs.seqno) {
            self.own_probes.pop_front();
        }
        let ours = match self.own_probes.front().filter(|own| own.seqno == theirs.seqno) {
            Some(own) => *own,
            None if self.seqno == theirs.seqno => self.probe(),
            // The probe describes a moment before the snapshot at which this replay began.
            None if theirs.seqno <= self.began => return Ok(()),
            None => {
                let (journal, replay) = (format!("after seqno {}", theirs.seqno), "none".into());
                let (from, to, what) = (self.agreed, theirs.seqno, "a hash probe");
                return Err(ReplayError::Diverged { from, to, what, journal, replay });
            }
        };
        let hex = |halves: [u64; 2]| format!("{:016x}{:016x}", halves[1], halves[0]);
        let values = [
            ("state hash", hex(theirs.state), hex(ours.state)),
            ("output hash", hex(theirs.output), hex(ours.output)),
            ("report count", theirs.reports.to_string(), ours.reports.to_string()),
        ];
        let differs = values.into_iter().find(|(_, a, b)| a != b);
        if let Some((what, journal, replay)) = differs.filter(|_| !planted(Bug::ProbeIgnored)) {
            let (from, to) = (self.agreed, theirs.seqno);
            return Err(ReplayError::Diverged { from, to, what, journal, replay });
        }
        self.agreed = theirs.seqno;
        self.probes_checked += 1;
        Ok(())
    }
}

/// Returns the state hash of a venue: the sum over its shards.
pub fn state_hash(shards: &[MatchingShard]) -> u128 {
    shards.iter().fold(0, |sum, shard| sum.wrapping_add(shard.engine().state_hash()))
}

/// Replays a journal up to its end, or up to and including the command `until`.
pub fn replay<U: Subscriber>(
    reader: &mut Reader,
    shape: Shape,
    subscriber: U,
    until: Option<SeqNo>,
) -> Result<Replay<U>, ReplayError> {
    let mut replay = Replay::new(shape, subscriber);
    replay.read(reader, until)?;
    Ok(replay)
}
