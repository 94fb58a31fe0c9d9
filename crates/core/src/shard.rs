//! One shard at work: selects its commands from the frames, applies them to its engine a batch at a
//! time, and keeps the reports until the caller takes them.

use crate::merge::state_hash_report;
use ringside_engine::{Engine, Shard};
use ringside_model::command::{self, Sequenced};
use ringside_model::frame::{EpochStart, Frame, FrameKind};
use ringside_model::report::Report;

/// Engine of one shard, the batch of commands to apply next, and the reports made so far.
pub struct MatchingShard {
    shard: Shard,
    engine: Engine,
    probe_interval: u64,
    /// First seqno at which a probe can be due: one comparison for each command instead of a
    /// division.
    probe_from: u64,
    batch: Vec<Sequenced>,
    reports: Vec<Report>,
}

/// Frame with a valid checksum that holds no command of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seqno {seqno}: a frame of kind {kind} with a body that this version cannot read")]
pub struct UnreadableCommand {
    /// Seqno of the frame.
    pub seqno: u64,
    /// Code of the frame's kind.
    pub kind: u8,
}

impl MatchingShard {
    /// Most commands that are applied in one go: enough for the engine to look ahead, few enough
    /// that the first does not wait long for the last.
    pub(crate) const BATCH_COMMANDS_MAX: usize = 64;

    /// Returns a shard without a probe interval. Each epoch start that the shard reads sets the
    /// interval at which the shard reports its state hash.
    pub fn new(shard: Shard, engine: Engine) -> Self {
        let batch = Vec::with_capacity(Self::BATCH_COMMANDS_MAX);
        let reports = Vec::with_capacity(4096);
        MatchingShard { shard, engine, probe_interval: u64::MAX, probe_from: 0, batch, reports }
    }

    /// Returns the part of the venue that this shard owns.
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// Returns the engine with the shard's books.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Takes the next frame of the journal order. Commands of other shards are ignored.
    ///
    /// # Errors
    /// A command that this version cannot read.
    // Inlined: a call costs a matcher 5 % more instructions.
    #[inline(always)]
    pub fn frame(&mut self, frame: &Frame) -> Result<(), UnreadableCommand> {
        let Some(kind) = frame.kind() else { return Err(unreadable(frame)) };
        if !kind.is_command() {
            if kind == FrameKind::EpochStart {
                frame.body().into_iter().for_each(|start| self.begin_epoch(start));
            }
            return Ok(());
        }
        if self.shard.concerns(frame.symbol(), command::is_venue_wide(kind, frame.symbol())) {
            let Some(command) = Sequenced::decode(frame) else { return Err(unreadable(frame)) };
            self.batch.push(command);
        }
        if frame.header.seqno >= self.probe_from {
            self.probe_if_due(frame.header.seqno);
        } else if self.batch.len() == Self::BATCH_COMMANDS_MAX {
            self.apply();
        }
        Ok(())
    }

    /// Applies the commands of the batch.
    #[inline]
    pub fn apply(&mut self) {
        self.engine.apply_batch(&self.batch, &mut self.reports);
        self.batch.clear();
    }

    /// Adopts the probe interval of a run.
    #[cold]
    pub(crate) fn begin_epoch(&mut self, start: &EpochStart) {
        (self.probe_interval, self.probe_from) = (start.probe_interval.max(1), 0);
    }

    #[cold]
    fn probe_if_due(&mut self, seqno: u64) {
        if seqno.is_multiple_of(self.probe_interval) {
            self.apply();
            self.reports.push(state_hash_report(self.engine.state_hash()));
        } else if self.batch.len() == Self::BATCH_COMMANDS_MAX {
            self.apply();
        }
        self.probe_from = (seqno + 1).next_multiple_of(self.probe_interval);
    }

    /// Returns the reports that the caller has not taken yet, in order.
    #[inline]
    pub fn reports(&mut self) -> &mut Vec<Report> {
        &mut self.reports
    }
}

#[cold]
fn unreadable(frame: &Frame) -> UnreadableCommand {
    UnreadableCommand { seqno: frame.header.seqno, kind: frame.header.kind }
}
