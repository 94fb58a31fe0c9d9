//! One shard at work: picks the commands that concern it out of the frames, applies them to its engine
//! a batch at a time, and keeps the reports until they are taken.

use crate::command::{self, Sequenced};
use crate::engine::{Engine, Shard};
use crate::frame::Frame;
use crate::report::Report;
use crate::report_order::state_hash_report;

/// An engine, the commands it is about to apply, and the reports it has made.
pub struct MatchingShard {
    shard: Shard,
    engine: Engine,
    probe_interval: u64,
    batch: Vec<Sequenced>,
    reports: Vec<Report>,
}

/// A frame that passed its checksum but holds no command of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seqno {seqno}: a frame of kind {kind} with a body that this version cannot read")]
pub struct UnreadableCommand {
    /// Its place.
    pub seqno: u64,
    /// The code of its kind.
    pub kind: u8,
}

impl MatchingShard {
    /// The most commands that are applied in one go: enough to look ahead, few enough that the first
    /// does not wait long for the last.
    pub const BATCH_COMMANDS_MAX: usize = 64;

    /// A shard that gives its state hash after each command whose number is a multiple of
    /// `probe_interval`.
    pub fn new(shard: Shard, engine: Engine, probe_interval: u64) -> Self {
        let batch = Vec::with_capacity(Self::BATCH_COMMANDS_MAX);
        MatchingShard { shard, engine, probe_interval, batch, reports: Vec::with_capacity(4096) }
    }

    /// Which part of the venue it owns.
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// Its books.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Takes the next frame of the one order.
    #[inline]
    pub fn frame(&mut self, frame: &Frame) -> Result<(), UnreadableCommand> {
        let unreadable = UnreadableCommand { seqno: frame.header.seqno, kind: frame.header.kind };
        let kind = frame.kind().ok_or(unreadable)?;
        if !kind.is_command() {
            return Ok(());
        }
        if self.shard.concerns(frame.symbol(), command::is_venue_wide(kind, frame.symbol())) {
            self.batch.push(Sequenced::decode(frame).ok_or(unreadable)?);
        }
        if frame.header.seqno.is_multiple_of(self.probe_interval) {
            self.apply();
            self.reports.push(state_hash_report(self.engine.state_hash()));
        } else if self.batch.len() == Self::BATCH_COMMANDS_MAX {
            self.apply();
        }
        Ok(())
    }

    /// Applies the commands that have been taken.
    #[inline]
    pub fn apply(&mut self) {
        self.engine.apply_batch(&self.batch, &mut self.reports);
        self.batch.clear();
    }

    /// The reports that nobody has taken yet, in order.
    #[inline]
    pub fn reports(&mut self) -> &mut Vec<Report> {
        &mut self.reports
    }
}
