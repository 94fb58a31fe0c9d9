//! The sequencer: gives every command its seqno and official time, and writes the finished frame
//! into the ring. It is the only producer of the input ring, so there is one order of commands.

use super::stage::Progress;
use super::trace::{Point, Trace};
use crate::clock::Clock;
use ringside_model::command::{Action, ClientFields, Command, OperatorCommand, SetDurability};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::{CommitMark, Frame, FrameKind, HashProbe};
use ringside_model::reason::Reason;
use ringside_planted::{Bug, planted};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

/// Source of commands: a gateway, a file, a load generator.
pub trait CommandSource {
    /// Returns the next command that is due.
    fn poll(&mut self) -> Polled;

    /// Returns the client fields of the command that was polled last; its reports repeat them. The
    /// value stays the same until the next poll.
    fn client_fields(&self) -> Option<&ClientFields> {
        None
    }
}

/// Result of polling a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// A command with its two times.
    Command {
        /// Command that is to be sequenced.
        command: Command,
        /// Official time of recorded flow; `None` if the sequencer's clock gives it.
        time: Option<Nanos>,
        /// Time at which the client meant to send the command, in the nanoseconds of a [`Trace`].
        intended_ns: u64,
    },
    /// No command at this moment.
    Idle,
    /// End of the source: no command will come.
    Ended,
}

/// Destination of finished frames: the input ring.
pub(crate) trait FrameSlots {
    /// Publishes a copy of the frame; returns false if the ring is full.
    fn try_publish(&mut self, frame: &Frame) -> bool;
}

/// Shared control of a running pipeline: stop requests, and progress that flows back to the
/// sequencer.
#[derive(Default)]
pub struct Control {
    /// Set to stop: the sequencer takes no further command, and the commands in the pipeline
    /// finish.
    pub stop: Arc<AtomicBool>,
    /// Set to end at once, without finishing the commands in the pipeline: for a venue that must
    /// not go on with them.
    pub abandon: Arc<AtomicBool>,
    /// Last command whose reports have all left the publisher. The next commit mark calls
    /// everything up to it committed.
    pub released: AtomicU64,
    /// Last command that is known to be on the device.
    pub synced: AtomicU64,
    /// Number of times that a command found the ring full.
    pub ring_full: AtomicU64,
}

/// Number of commands of a step that share one reading of the clock. They came together, and a
/// reading costs as much as the rest of the sequencer's work.
const COMMANDS_PER_CLOCK: usize = 16;

/// Number of commands after which a commit mark is due. A full ring delays the mark.
const MARK_INTERVAL_COMMANDS: u64 = 4096;
/// Least time from the first idle poll behind an unmarked command to its commit mark. The mark also
/// waits until all reports have left.
const MARK_IDLE: Nanos = Nanos(5_000_000);

/// State of the journal that the sequencer starts from.
pub(crate) struct JournalEnd {
    /// Last command, its time, and the checksum of the last frame.
    pub last: (SeqNo, Nanos, u32),
    /// True if no stage waits for the journal.
    pub volatile: bool,
    /// True if the journal is on a file system that keeps the promise of `fsync`.
    pub keeps_fsync: bool,
    /// Set while the journal is short of space.
    pub low_space: Arc<AtomicBool>,
}

/// Stage that sequences commands.
pub(super) struct Sequencer<'a, S, C> {
    source: S,
    clock: C,
    control: &'a Control,
    trace: Option<&'a Trace>,
    probes: Receiver<HashProbe>,
    /// True if no stage waits for the journal.
    volatile: bool,
    keeps_fsync: bool,
    /// Set while the journal is short of space: new orders are rejected, cancels go on.
    low_space: Arc<AtomicBool>,
    /// Frame that is being built for the next command.
    frame: Frame,
    /// Command that found the ring full and is tried again.
    held: Option<Polled>,
    /// Latest reading of the clock, for at most [`COMMANDS_PER_CLOCK`] commands of one step.
    now: Option<Nanos>,
    seqno: u64,
    time: Nanos,
    crc: u32,
    marked: u64,
    /// Time at which the source was first seen idle behind a command without a mark.
    idle_since: Option<Nanos>,
}

impl<'a, S: CommandSource, C: Clock> Sequencer<'a, S, C> {
    /// Returns a sequencer that goes on at the end of the journal.
    pub(super) fn new(
        source: S,
        clock: C,
        control: &'a Control,
        trace: Option<&'a Trace>,
        probes: Receiver<HashProbe>,
        journal: JournalEnd,
    ) -> Self {
        let JournalEnd { last: (seqno, time, crc), volatile, keeps_fsync, low_space } = journal;
        Sequencer {
            source,
            clock,
            control,
            trace,
            probes,
            volatile,
            keeps_fsync,
            low_space,
            frame: Frame::default(),
            held: None,
            now: None,
            seqno: seqno.0,
            time,
            crc,
            marked: seqno.0,
            idle_since: None,
        }
    }

    /// Returns the source after the stage has ended.
    pub(crate) fn into_source(self) -> S {
        self.source
    }

    /// Sequences at most `limit` commands; bookkeeping frames do not count. While the ring is full
    /// the sequencer holds the command and takes nothing more from its source. The queue of a
    /// network venue then fills up, and the gateway reads no requests. No command is dropped.
    #[inline]
    pub(super) fn step(&mut self, ring: &mut impl FrameSlots, limit: usize) -> Progress {
        for done in 0..limit {
            if self.held.is_none() && self.control.stop.load(Ordering::Relaxed) {
                return Progress::Ended;
            }
            if done.is_multiple_of(COMMANDS_PER_CLOCK) {
                self.now = None;
            }
            match self.held.take().unwrap_or_else(|| self.source.poll()) {
                Polled::Idle => {
                    self.mark_when_idle(ring);
                    return Progress::Did(done);
                }
                Polled::Ended => return Progress::Ended,
                polled @ Polled::Command { .. } => {
                    if !self.sequence(&polled, ring) {
                        self.held = Some(polled).filter(|_| !planted(Bug::HeldCommandDropped));
                        self.control.ring_full.fetch_add(1, Ordering::Relaxed);
                        return Progress::Did(done);
                    }
                }
            }
            if self.seqno - self.marked >= MARK_INTERVAL_COMMANDS {
                self.mark(ring);
            }
        }
        Progress::Did(limit)
    }

    #[inline]
    fn sequence(&mut self, polled: &Polled, ring: &mut impl FrameSlots) -> bool {
        let Polled::Command { command, time, intended_ns } = polled else { return true };
        let now = time.unwrap_or_else(|| *self.now.get_or_insert_with(|| self.clock.now()));
        let now = now.max(self.time);
        let (seqno, crc) = (SeqNo(self.seqno + 1), self.crc);
        if let Some(trace) = self.trace.filter(|_| Trace::samples(seqno.0)) {
            trace.set(Point::Intended, seqno.0, *intended_ns);
            trace.set(Point::Sequenced, seqno.0, trace.now_ns());
        }
        // The frame is built here and not in the slot. The checksum reads the bytes just written,
        // and the cache line of the slot is still in the cache of its last reader.
        command.encode(&mut self.frame);
        if let Some(fields) = self.source.client_fields() {
            fields.append_to(&mut self.frame);
        }
        if let Some(verdict) = self.refuses(command) {
            self.frame.header.verdict = verdict as u8;
        }
        let sealed = self.frame.seal(seqno, now, crc);
        let published = ring.try_publish(&self.frame);
        if published {
            (self.seqno, self.time, self.crc) = (seqno.0, now, sealed);
        }
        published
    }

    /// Returns the reason if the venue as a whole rejects the command, for any sender.
    #[inline]
    fn refuses(&self, command: &Command) -> Option<Reason> {
        let refused = match command.action {
            _ if command.enters() => {
                self.low_space.load(Ordering::Relaxed).then_some(Reason::LowSpace)
            }
            // The wiring of the rings decides whether stages wait for the journal; a command cannot
            // change that.
            Action::Operator(OperatorCommand::SetDurability(SetDurability {
                durability: mode,
            })) => {
                let served = match mode {
                    Durability::Volatile => self.volatile,
                    Durability::Pagecache => !self.volatile,
                    Durability::Fsync => !self.volatile && self.keeps_fsync,
                };
                (!served).then_some(Reason::Unsupported)
            }
            _ => None,
        };
        refused.filter(|_| command.verdict == Reason::None)
    }

    /// Writes a commit mark, and the hash probes that have become complete.
    #[cold]
    fn mark(&mut self, ring: &mut impl FrameSlots) {
        let released = self.control.released.load(Ordering::Acquire);
        let committed = if planted(Bug::MarkAhead) { self.seqno } else { released };
        let synced = self.control.synced.load(Ordering::Relaxed);
        if self.bookkeep(ring, FrameKind::CommitMark, &CommitMark { committed, synced }) {
            self.marked = self.seqno;
        }
        while let Ok(probe) = self.probes.try_recv() {
            // A probe that finds the ring full is dropped: the next one covers it.
            self.bookkeep(ring, FrameKind::HashProbe, &probe);
        }
    }

    /// Marks the last command soon, also when no command follows it.
    #[inline]
    fn mark_when_idle(&mut self, ring: &mut impl FrameSlots) {
        if self.marked < self.seqno {
            self.mark_unless_recent(ring);
        }
    }

    #[cold]
    fn mark_unless_recent(&mut self, ring: &mut impl FrameSlots) {
        let now = self.clock.now();
        let since = *self.idle_since.get_or_insert(now);
        let all_released = self.control.released.load(Ordering::Acquire) == self.seqno;
        if all_released && now.0.saturating_sub(since.0) >= MARK_IDLE.0 {
            self.mark(ring);
            self.idle_since = None;
        }
    }

    fn bookkeep<B>(&mut self, ring: &mut impl FrameSlots, kind: FrameKind, body: &B) -> bool
    where
        B: zerocopy::IntoBytes + zerocopy::Immutable,
    {
        let (seqno, time, crc) = (SeqNo(self.seqno), self.time, self.crc);
        self.frame.write(kind, body);
        let sealed = self.frame.seal(seqno, time, crc);
        let published = ring.try_publish(&self.frame);
        if published {
            self.crc = sealed;
        }
        published
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringside_model::command::Cancel;
    use ringside_model::domain::{OrderId, SessionId, SymbolId};
    use std::cell::Cell;
    use std::sync::mpsc::channel;

    /// Source of a number of cancels; idle after the last one.
    struct Cancels(u64);

    impl CommandSource for Cancels {
        fn poll(&mut self) -> Polled {
            if self.0 == 0 {
                return Polled::Idle;
            }
            self.0 -= 1;
            let (session, symbol) = (SessionId(1), SymbolId(1));
            let action = Action::Cancel(Cancel { id: OrderId(self.0) });
            let command = Command { session, symbol, verdict: Reason::None, action };
            Polled::Command { command, time: None, intended_ns: 0 }
        }
    }

    /// Clock that the test sets.
    struct ByHand<'a>(&'a Cell<u64>);

    impl Clock for ByHand<'_> {
        fn now(&mut self) -> Nanos {
            Nanos(self.0.get())
        }
    }

    /// Ring with a number of slots and no reader.
    struct Slots(Vec<Frame>, usize);

    impl FrameSlots for Slots {
        fn try_publish(&mut self, frame: &Frame) -> bool {
            let room = self.0.len() < self.1;
            if room {
                self.0.push(*frame);
            }
            room
        }
    }

    fn sequencer<'a>(
        commands: u64,
        now: &'a Cell<u64>,
        control: &'a Control,
    ) -> Sequencer<'a, Cancels, ByHand<'a>> {
        let last = (SeqNo(7), Nanos(1_000), 99);
        let (source, clock, probes) = (Cancels(commands), ByHand(now), channel().1);
        let (volatile, keeps_fsync, low_space) = (false, true, Arc::default());
        let journal = JournalEnd { last, volatile, keeps_fsync, low_space };
        Sequencer::new(source, clock, control, None, probes, journal)
    }

    fn kinds(frames: &[Frame]) -> Vec<FrameKind> {
        frames.iter().map(|frame| frame.kind().unwrap()).collect()
    }

    #[test]
    fn numbers_rise_by_one_time_never_falls_and_every_frame_continues_the_chain() {
        let (now, control) = (Cell::new(0), Control::default());
        let mut sequencer = sequencer(100, &now, &control);
        let mut ring = Slots(vec![], 1000);
        for time in [2_000, 1_500, 900, 3_000] {
            now.set(time);
            assert_eq!(sequencer.step(&mut ring, 25), Progress::Did(25));
        }
        let times: Vec<u64> = ring.0.iter().map(|frame| frame.header.time).collect();
        assert_eq!((times[0], times[99]), (2_000, 3_000));
        assert!(times.is_sorted());
        let mut crc = 99;
        for (frame, seqno) in ring.0.iter().zip(8..) {
            assert_eq!((frame.header.seqno, frame.header.crc), (seqno, frame.checksum(crc)));
            crc = frame.header.crc;
        }
    }

    #[test]
    fn a_full_ring_holds_a_command_back_and_loses_none() {
        let (now, control) = (Cell::new(5_000), Control::default());
        let mut sequencer = sequencer(10, &now, &control);
        let mut ring = Slots(vec![], 4);
        assert_eq!(sequencer.step(&mut ring, 100), Progress::Did(4));
        assert_eq!(sequencer.step(&mut ring, 100), Progress::Did(0));
        assert_eq!(control.ring_full.load(Ordering::Relaxed), 2);
        // A stop ends the source; the held command still goes into the ring.
        control.stop.store(true, Ordering::Relaxed);
        ring.1 = 100;
        assert_eq!(sequencer.step(&mut ring, 100), Progress::Ended);
        let seqnos: Vec<u64> = ring.0.iter().map(|frame| frame.header.seqno).collect();
        assert_eq!(seqnos, [8, 9, 10, 11, 12]);
    }

    #[test]
    fn commit_marks_come_after_many_commands_and_after_a_pause() {
        let (now, control) = (Cell::new(5_000), Control::default());
        let mut sequencer = sequencer(MARK_INTERVAL_COMMANDS + 1, &now, &control);
        let mut ring = Slots(vec![], 10_000);
        sequencer.step(&mut ring, 10_000);
        let mark = ring.0.iter().position(|f| f.kind() == Some(FrameKind::CommitMark)).unwrap();
        assert_eq!(mark as u64, MARK_INTERVAL_COMMANDS);
        assert_eq!(
            ring.0[mark].body::<CommitMark>(),
            Some(&CommitMark { committed: 0, synced: 0 })
        );
        // The last command is marked when it has been released and nothing follows it for a while.
        let last = ring.0.last().unwrap().header.seqno;
        for (released, time, marked) in
            [(last - 1, 9_000_000, false), (last, 9_000_000, true), (last, 99_000_000, true)]
        {
            control.released.store(released, Ordering::Relaxed);
            now.set(time);
            sequencer.step(&mut ring, 10);
            let end = kinds(&ring.0[mark + 1..]);
            let expected = [FrameKind::Cancel, FrameKind::CommitMark];
            assert_eq!(end, expected[..1 + usize::from(marked)]);
        }
        let mark = ring.0.last().unwrap().body::<CommitMark>().unwrap();
        assert_eq!(mark.committed, last);
    }
}
