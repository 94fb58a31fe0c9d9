//! Replay: the journal's commands through the same engines, with no thread and no clock.
//!
//! Every hash probe that the journal holds is compared with the replay's own state and output; the
//! first difference ends it.

use crate::matching_shard::{MatchingShard, UnreadableCommand};
use crate::report_order::{ReportOrder, Subscriber, probe};
use ringside_engine::{Engine, Shard};
use ringside_journal::{JournalError, Reader};
use ringside_model::domain::SeqNo;
use ringside_model::frame::{Frame, FrameKind, HashProbe};
use ringside_planted::{Bug, planted};
use std::collections::VecDeque;

/// How the engines of a venue are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The number of shards.
    pub shards: u32,
    /// Live orders that each shard has room for before it grows.
    pub orders: usize,
}

/// What can end a replay.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A command cannot be read.
    #[error(transparent)]
    Unreadable(#[from] UnreadableCommand),
    /// Whoever is told the past cannot hear it.
    #[error("{0}")]
    Told(String),
    /// The replay came to something else than the venue did.
    #[error(
        "the replay diverged between seqno {from} and {to}: the journal has {what} {journal}, the \
         replay {replay}"
    )]
    Diverged {
        /// The last probe that agreed.
        from: u64,
        /// The first that does not.
        to: u64,
        /// Which value.
        what: &'static str,
        /// The value in the journal.
        journal: String,
        /// The value of the replay.
        replay: String,
    },
}

/// A replay under way.
pub struct Replay<U> {
    /// The shards.
    pub shards: Vec<MatchingShard>,
    /// The one order of reports.
    pub order: ReportOrder,
    /// Who is told.
    pub subscriber: U,
    seqno: u64,
    waiting: usize,
    own_probes: VecDeque<HashProbe>,
    /// The command behind which it began.
    began: u64,
    agreed: u64,
    /// How many probes of the journal were compared.
    pub probes_checked: u64,
}

impl<U: Subscriber> Replay<U> {
    /// A venue before its first command.
    pub fn new(shape: Shape, subscriber: U) -> Self {
        let Shape { shards: count, orders } = shape;
        let shard = |index| MatchingShard::new(Shard { index, count }, Engine::new(orders));
        let shards = (0..count).map(shard).collect();
        Replay::resume(shards, ReportOrder::new(count), subscriber, SeqNo(0))
    }

    /// A venue that goes on behind a command.
    pub fn resume(
        shards: Vec<MatchingShard>,
        mut order: ReportOrder,
        subscriber: U,
        SeqNo(seqno): SeqNo,
    ) -> Self {
        order.keep_frames_for::<U>();
        Replay {
            shards,
            order,
            subscriber,
            seqno,
            waiting: 0,
            own_probes: VecDeque::new(),
            began: seqno,
            agreed: seqno,
            probes_checked: 0,
        }
    }

    /// Takes what a reader has up to its end, or up to and with the command `until`.
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

    /// Takes the next frame of the journal.
    #[inline]
    pub fn frame(&mut self, frame: &Frame) -> Result<(), ReplayError> {
        if frame.header.kind == FrameKind::HashProbe as u8
            && let Some(theirs) = frame.body::<HashProbe>()
        {
            return self.compare(theirs);
        }
        self.seqno = frame.header.seqno;
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

    /// Applies and reports everything taken so far.
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

    /// The hashes as they are now; [`flush`](Self::flush) first.
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
            // It describes a moment before the snapshot that this replay began at.
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

/// The state hash of a venue: the sum over its shards.
pub fn state_hash(shards: &[MatchingShard]) -> u128 {
    shards.iter().fold(0, |sum, shard| sum.wrapping_add(shard.engine().state_hash()))
}

/// Replays a journal up to its end, or up to and with the command `until`.
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
