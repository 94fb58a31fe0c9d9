//! When sampled commands passed each point of the pipeline: what the benches are made of. Off in
//! production, where no stage but the sequencer reads a clock.

use super::stage::{Consume, Fatal};
use ringside_model::domain::SeqNo;
use ringside_model::frame::Frame;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A point that a command passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// When the client meant to send it.
    Intended,
    /// In the ring, with its place.
    Sequenced,
    /// The journaler's promise is kept.
    Journaled,
    /// Its reports have been made.
    Matched,
    /// Its first report has been told. The subscriber that measures sets it.
    Published,
}

const POINTS: usize = 5;

/// The stamps of the latest sampled commands, in nanoseconds since the trace began.
pub struct Trace {
    began: Instant,
    stamps: [Box<[AtomicU64]>; POINTS],
}

impl Trace {
    /// Every so many commands one is sampled: no divisor of the sizes that bursts and batches have.
    pub const EVERY: u64 = 13;
    /// Stamps are kept for so many commands: more than there can be between the first stage and the
    /// last.
    pub const KEPT_COMMANDS: u64 = Self::KEPT as u64 * Self::EVERY;
    const KEPT: usize = 1 << 17;

    /// An empty trace that begins now.
    pub fn new() -> Self {
        let stamps = std::array::from_fn(|_| (0..Self::KEPT).map(|_| AtomicU64::new(0)).collect());
        Trace { began: Instant::now(), stamps }
    }

    /// Nanoseconds since the trace began.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// Whether the command is one of those that are stamped.
    #[inline]
    pub fn samples(seqno: u64) -> bool {
        seqno.is_multiple_of(Self::EVERY)
    }

    /// Sets a stamp of a sampled command. The ring's cursor publishes it.
    #[inline]
    pub fn set(&self, point: Point, seqno: u64, ns: u64) {
        self.slot(point, seqno).store(ns, Ordering::Relaxed);
    }

    /// The stamp of a sampled command at a point that it has passed.
    #[inline]
    pub fn get(&self, point: Point, seqno: u64) -> u64 {
        self.slot(point, seqno).load(Ordering::Relaxed)
    }

    /// Stamps the sampled ones of a range of commands with one look at the clock.
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

/// A stage whose batches are stamped when they end.
pub(super) struct Stamped<'a, S> {
    stage: S,
    trace: Option<(&'a Trace, Point)>,
    stamped: u64,
    seqno: u64,
}

impl<'a, S> Stamped<'a, S> {
    /// Stamps `stage`, if there is a trace, from the command behind `seqno` on.
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
