//! Times at which sampled commands passed each point of the pipeline, for the benches. Off in
//! production, where only the sequencer reads a clock.

use super::stage::{Consume, Fatal};
use ringside_model::domain::SeqNo;
use ringside_model::frame::Frame;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Point of the pipeline that a command passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Intended send time of the client.
    Intended,
    /// Command has its seqno and is written to the ring.
    Sequenced,
    /// Promise of the durability mode is kept for the command.
    Journaled,
    /// Reports of the command have been made.
    Matched,
    /// First report of the command has been published. The subscriber that measures sets this
    /// stamp.
    Published,
}

const POINTS: usize = 5;

/// Stamps of the latest sampled commands, in nanoseconds since the trace began.
pub struct Trace {
    began: Instant,
    stamps: [Box<[AtomicU64]>; POINTS],
}

impl Trace {
    /// Sampling interval in commands: no divisor of usual burst and batch sizes.
    pub const EVERY: u64 = 13;
    /// Number of commands whose stamps are kept: more than there can be between the first stage and
    /// the last.
    pub const KEPT_COMMANDS: u64 = Self::KEPT as u64 * Self::EVERY;
    const KEPT: usize = 1 << 17;

    /// Returns an empty trace that begins now.
    pub fn new() -> Self {
        let stamps = std::array::from_fn(|_| (0..Self::KEPT).map(|_| AtomicU64::new(0)).collect());
        Trace { began: Instant::now(), stamps }
    }

    /// Returns nanoseconds since the trace began.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// Returns true if the command is sampled.
    #[inline]
    pub fn samples(seqno: u64) -> bool {
        seqno.is_multiple_of(Self::EVERY)
    }

    /// Sets a stamp of a sampled command. Readers see it by the cursor of the ring.
    #[inline]
    pub fn set(&self, point: Point, seqno: u64, ns: u64) {
        self.slot(point, seqno).store(ns, Ordering::Relaxed);
    }

    /// Returns the stamp of a sampled command at a point that it has passed.
    #[inline]
    pub fn get(&self, point: Point, seqno: u64) -> u64 {
        self.slot(point, seqno).load(Ordering::Relaxed)
    }

    /// Stamps the sampled commands of a range with one reading of the clock.
    #[inline]
    fn stamp(&self, point: Point, from: u64, to: u64) {
        let mut seqno = from.next_multiple_of(Self::EVERY);
        if seqno > to {
            return;
        }
        let now = self.now_ns();
        while seqno <= to {
            self.set(point, seqno, now);
            seqno += Self::EVERY;
        }
    }

    #[inline]
    fn slot(&self, point: Point, seqno: u64) -> &AtomicU64 {
        &self.stamps[point as usize][(seqno / Self::EVERY) as usize % Self::KEPT]
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

/// Stage whose batches are stamped when they end.
pub(super) struct Stamped<'a, S> {
    stage: S,
    trace: Option<(&'a Trace, Point)>,
    stamped: u64,
    seqno: u64,
}

impl<'a, S> Stamped<'a, S> {
    /// Wraps `stage`. If there is a trace, commands after `seqno` are stamped.
    pub(super) fn new(stage: S, trace: Option<(&'a Trace, Point)>, seqno: SeqNo) -> Self {
        Stamped { stage, trace, stamped: seqno.0, seqno: seqno.0 }
    }

    pub(super) fn stage(&mut self) -> &mut S {
        &mut self.stage
    }

    pub(crate) fn into_stage(self) -> S {
        self.stage
    }
}

impl<S: Consume<Frame>> Consume<Frame> for Stamped<'_, S> {
    #[inline]
    fn room(&mut self) -> usize {
        self.stage.room()
    }

    #[inline]
    fn take(&mut self, frame: &Frame) {
        if self.trace.is_some() {
            self.seqno = frame.header.seqno;
        }
        self.stage.take(frame);
    }

    #[inline]
    fn end_batch(&mut self) -> Result<(), Fatal> {
        self.stage.end_batch()?;
        if let Some((trace, point)) = self.trace {
            trace.stamp(point, self.stamped + 1, self.seqno);
            self.stamped = self.seqno;
        }
        Ok(())
    }
}
