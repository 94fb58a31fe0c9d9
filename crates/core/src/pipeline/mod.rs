//! The pipeline: the way of a command from its source to the subscriber of its reports.
//!
//! ```text
//!                        INPUT RING                        REPORT RINGS
//!  source ─► sequencer ─► frames ─┬► journaler  ─┐         ┌► matcher 0 ─► reports ─┐
//!                                 └► replicator ─┴► (both) ┼► matcher N ─► reports ─┼► publisher ─► subscriber
//!                                                          └──────── frames ────────┘
//! ```
//!
//! The matchers and the publisher wait for the journaler and the replicator: the barrier of the
//! ring is the gate. No report leaves before its command is stored: in the mapped segment under
//! `pagecache`, on the device under `fsync`. Under `volatile` there is no gate.
//!
//! | slot of | written by | read by |
//! |---|---|---|
//! | the input ring: a frame | the sequencer, once | journaler, replicator, matchers, publisher |
//! | the report ring of a shard: a report | the matcher of the shard, once | publisher |
//!
//! A reader never changes a slot. The writer fills a slot again when all its readers have released
//! it.
//!
//! | mode | a kill of the process leaves | a power cut leaves |
//! |---|---|---|
//! | `volatile` | the commands that are in the mapped segment | what the kernel has written back |
//! | `pagecache` | every command with a report that has left | what the kernel has written back |
//! | `fsync` | every command with a report that has left | the same |
//!
//! This file wires the rings. `stage.rs` defines a stage and has the loop that releases a batch;
//! `sequencer.rs`, `journaler.rs`, `replicator.rs`, `matcher.rs` and `publisher.rs` are the stages;
//! `plan.rs` assigns the stages to threads, `runner.rs` runs a thread, `trace.rs` measures.

mod journaler;
mod matcher;
pub mod plan;
mod publisher;
mod replicator;
mod runner;
mod sequencer;
mod stage;
mod trace;

pub use plan::{StageName, ThreadPlan};
pub use runner::{Idle, Task};
pub use sequencer::{CommandSource, Control, Polled};
pub use stage::{Fatal, Progress, let_end_by};
pub use trace::{Point, Trace};

use crate::clock::Clock;
use crate::commit_point::CommitPoint;
use crate::merge::{ReportMerge, Subscriber};
use crate::shard::MatchingShard;
use disruptor::{
    BusySpin, MissingFreeSlots, Producer, SingleConsumerBarrier, SingleProducer,
    build_single_producer,
};
use journaler::Journaler;
use matcher::{Matcher, ReportSlots};
use publisher::Publisher;
use replicator::Replicator;
use ringside_journal::{Position, Writer};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::Frame;
use ringside_model::report::Report;
use sequencer::{FrameSlots, JournalEnd, Sequencer};
use stage::Poll;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, channel};
use trace::Stamped;

/// Layout of the pipeline: threads, ring sizes, batch size, durability.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Assignment of the stages to threads and cores.
    pub plan: ThreadPlan,
    /// Slots of the input ring; a power of two.
    pub ring_slots: usize,
    /// Slots of each shard's report ring; a power of two.
    pub report_slots: usize,
    /// Most items that a stage takes in one step. A matcher takes at most 64. In a venue that is
    /// started under `fsync` the journaler and the replicator take all that wait.
    pub batch_max: usize,
    /// Durability mode that the rings are wired for. Under `volatile` no stage waits for the
    /// journaler. A command may change between the other modes.
    pub durability: Durability,
}

/// Parts that the stages drive. They go into a pipeline, and come out again in [`Drained`] when the
/// pipeline has drained.
pub struct Parts<S, C, U> {
    /// Source of the commands.
    pub source: S,
    /// Clock for the official times.
    pub clock: C,
    /// Writer at the end of the journal.
    pub writer: Writer,
    /// Shards with their books, by index.
    pub shards: Vec<MatchingShard>,
    /// Merge of the shards' reports into one order.
    pub order: ReportMerge,
    /// Receiver of the reports.
    pub subscriber: U,
    /// Last command, its time, and the checksum of the last frame.
    pub last: (SeqNo, Nanos, u32),
    /// Commit point of a replicated venue; `None` for a venue without standbys.
    pub commit_point: Option<Arc<CommitPoint>>,
}

/// Parts that a drained pipeline gives back.
pub struct Drained<S, U> {
    /// Source of the commands.
    pub source: S,
    /// Writer at the end of the journal.
    pub writer: Writer,
    /// Shards with their books, by index.
    pub shards: Vec<MatchingShard>,
    /// Merge of the shards' reports into one order.
    pub order: ReportMerge,
    /// Receiver of the reports.
    pub subscriber: U,
}

/// Runs the pipeline until its source ends or `control.stop` is set, and all commands in it have
/// come out. Returns `None` if the pipeline was abandoned before. Blocks the calling thread. Tasks
/// in `beside` have a place in the plan and end by themselves.
pub fn run<'a, S, C, U>(
    layout: &Layout,
    parts: Parts<S, C, U>,
    control: &'a Control,
    trace: Option<&'a Trace>,
    beside: Vec<(StageName, Task<'a>)>,
) -> Option<Drained<S, U>>
where
    S: CommandSource + Send + 'a,
    C: Clock + Send + 'a,
    U: Subscriber + Send + 'a,
{
    let WiredStages { mut tasks, left } = WiredStages::wire(layout, parts, control, trace);
    tasks.extend(beside);
    run_threads(&layout.plan, tasks, &control.abandon);
    left.drained()
}

/// Wired stages of a pipeline that are on no thread yet: the owner may step them in any order.
pub struct WiredStages<'a, S, U> {
    /// Name and step function of each stage.
    pub tasks: Vec<(StageName, Task<'a>)>,
    /// Parts that the stages leave when they have ended.
    pub left: Left<S, U>,
}

/// Receivers of the parts that each stage leaves when it has ended.
pub struct Left<S, U> {
    source: Receiver<S>,
    writer: Receiver<Writer>,
    passed: Receiver<Position>,
    shards: Vec<Receiver<MatchingShard>>,
    told: Receiver<(ReportMerge, U)>,
}

impl<S, U> Left<S, U> {
    /// Returns the parts of the venue if all stages have ended, otherwise `None`.
    ///
    /// # Panics
    /// If the journaler and the replicator ended at different positions, or a command's reports
    /// have not all left.
    pub fn drained(self) -> Option<Drained<S, U>> {
        let writer = self.writer.try_recv().ok()?;
        let passed = self.passed.try_recv().ok()?;
        let shards = self.shards.iter().map(|shard| shard.try_recv().ok());
        let shards = shards.collect::<Option<Vec<_>>>()?;
        let (order, subscriber) = self.told.try_recv().ok()?;
        assert_eq!(passed, writer.position(), "both have the same journal");
        assert_eq!(order.pending(), 0, "every command's reports have left");
        Some(Drained { source: self.source.try_recv().ok()?, writer, shards, order, subscriber })
    }
}

impl<'a, S, U> WiredStages<'a, S, U> {
    /// Builds the rings and connects the stages to them.
    pub fn wire<C>(
        layout: &Layout,
        parts: Parts<S, C, U>,
        control: &'a Control,
        trace: Option<&'a Trace>,
    ) -> Self
    where
        S: CommandSource + Send + 'a,
        C: Clock + Send + 'a,
        U: Subscriber + Send + 'a,
    {
        let batch_max = layout.batch_max;
        // One sync costs nearly the same for one command as for all that are waiting, and a task
        // that shares the thread steps once for each sync. So both stages before the gate take all
        // commands that are there.
        let gate_batch_max = match layout.durability {
            Durability::Fsync => layout.ring_slots,
            Durability::Volatile | Durability::Pagecache => batch_max,
        };
        let (seqno, _, _) = parts.last;
        let stamped_at = |point| trace.map(|trace| (trace, point));
        let (probe_sender, probe_receiver) = channel();
        let volatile = layout.durability == Durability::Volatile;
        let journal = JournalEnd {
            last: parts.last,
            volatile,
            keeps_fsync: parts.writer.keeps_fsync(),
            low_space: parts.writer.low_space(),
        };
        let replicator = Replicator::new(
            parts.commit_point.clone(),
            parts.writer.position(),
            parts.writer.segment_bytes(),
            control,
        );
        let journaler = Journaler::new(parts.writer, parts.commit_point, control);
        let sequencer =
            Sequencer::new(parts.source, parts.clock, control, trace, probe_receiver, journal);
        let publisher = Publisher::new(parts.order, parts.subscriber, control, probe_sender);

        let mut report_pollers = vec![];
        let mut matchers = vec![];
        for shard in parts.shards {
            let ring = build_single_producer(layout.report_slots, || Report::BLANK, BusySpin);
            let (poller, ring) = ring.new_event_poller();
            report_pollers.push(poller);
            matchers.push(Matcher::new(shard, ring.build()));
        }

        let ring = build_single_producer(layout.ring_slots, Frame::default, BusySpin);
        let ring = ring.with_multi_consumer();
        let (journal_poller, ring) = ring.new_event_poller();
        let (replica_poller, ring) = ring.new_event_poller();

        let stage = (journal_poller, Stamped::new(journaler, stamped_at(Point::Journaled), seqno));
        let (journaler, writer) = task(
            stage,
            move |(poller, stage)| poller.poll_into(stage, gate_batch_max),
            |(_, stage)| stage.into_stage().into_writer(),
        );
        let (replicator, passed) = task(
            (replica_poller, replicator),
            move |(poller, stage)| poller.poll_into(stage, gate_batch_max),
            |(_, stage)| stage.passed(),
        );
        let mut tasks: Vec<(StageName, Task<'a>)> =
            vec![(StageName::Journaler, journaler), (StageName::Replicator, replicator)];
        let mut shards = vec![];
        // The two calls differ only in the barrier before the matchers and the publisher.
        macro_rules! behind_the_gate {
            ($ring:expr) => {{
                let mut ring = $ring;
                for (shard, matcher) in (0..).zip(matchers) {
                    let (poller, next) = ring.new_event_poller();
                    ring = next;
                    let stage = Stamped::new(matcher, stamped_at(Point::Matched), seqno);
                    let (matcher, left) = task(
                        (poller, stage),
                        move |(poller, stage)| step_matcher(poller, stage, batch_max),
                        |(_, stage)| stage.into_stage().into_shard(),
                    );
                    tasks.push((StageName::Matcher(shard), matcher));
                    shards.push(left);
                }
                let (poller, ring) = ring.new_event_poller();
                let (publisher, told) = task(
                    (poller, report_pollers, publisher),
                    move |(frames, reports, publisher)| {
                        step_publisher(frames, reports, publisher, batch_max)
                    },
                    |(_, _, publisher)| publisher.into_parts(),
                );
                tasks.push((StageName::Publisher, publisher));
                // The stage drops the producer of the ring when it ends; this shows the other
                // stages that nothing more will come.
                let (sequencer, source) = task(
                    (InputRing(ring.build()), sequencer),
                    move |(ring, sequencer)| sequencer.step(ring, batch_max),
                    |(_, sequencer)| sequencer.into_source(),
                );
                tasks.push((StageName::Sequencer, sequencer));
                (told, source)
            }};
        }
        let (told, source) = if volatile {
            behind_the_gate!(ring)
        } else {
            behind_the_gate!(ring.and_then().with_multi_consumer())
        };
        WiredStages { tasks, left: Left { source, writer, passed, shards, told } }
    }
}

/// Makes a task of a stage and its step. The receiver gets the parts that the stage leaves when it
/// has ended.
fn task<'a, T: Send + 'a, L: Send + 'a>(
    stage: T,
    mut step: impl FnMut(&mut T) -> Progress + Send + 'a,
    leave: impl Fn(T) -> L + Send + 'a,
) -> (Task<'a>, Receiver<L>) {
    let (ended, left) = channel();
    let mut stage = Some(stage);
    let task = move || {
        let Some(running) = &mut stage else { return Progress::Ended };
        let progress = step(running);
        if progress == Progress::Ended
            && let Some(stage) = stage.take()
        {
            // The receiver may be dropped already.
            let _ = ended.send(leave(stage));
        }
        progress
    };
    (Box::new(task), left)
}

/// Starts the threads of the plan and waits for all of them.
fn run_threads(plan: &ThreadPlan, mut tasks: Vec<(StageName, Task<'_>)>, abandon: &AtomicBool) {
    std::thread::scope(|scope| {
        for spec in &plan.threads {
            let mut own = vec![];
            for stage in &spec.stages {
                let place = tasks.iter().position(|(name, _)| name == stage);
                own.push(tasks.swap_remove(place.expect("the plan has each stage once")).1);
            }
            let name = spec.stages[0].to_string();
            let run = move || {
                spec.core.into_iter().for_each(plan::pin);
                runner::run(own, spec.idle, abandon);
            };
            std::thread::Builder::new()
                .name(name)
                .spawn_scoped(scope, run)
                .expect("the system has room for the pipeline's threads");
        }
        assert!(tasks.is_empty(), "the plan has each stage");
    });
}

#[inline]
fn step_matcher<R: ReportSlots>(
    poller: &mut impl Poll<Frame>,
    matcher: &mut Stamped<'_, Matcher<R>>,
    batch_max: usize,
) -> Progress {
    match poller.poll_into(matcher, batch_max) {
        Progress::Ended if matcher.stage().hand_over() => {
            matcher.stage().close();
            Progress::Ended
        }
        Progress::Ended => Progress::Did(0),
        progress => progress,
    }
}

#[inline]
fn step_publisher<U: Subscriber>(
    frames: &mut impl Poll<Frame>,
    shards: &mut [impl Poll<Report>],
    publisher: &mut Publisher<'_, U>,
    batch_max: usize,
) -> Progress {
    let mut did = 0;
    let mut count = |progress| match progress {
        Progress::Did(count) => {
            did += count;
            false
        }
        Progress::Ended => true,
    };
    let mut ended = count(frames.poll_into(publisher, batch_max));
    for (shard, reports) in (0..).zip(shards) {
        ended &= count(reports.poll_into(&mut publisher.shard(shard), batch_max));
    }
    if did == 0 {
        publisher.pause();
    }
    if ended { Progress::Ended } else { Progress::Did(did) }
}

struct InputRing<P>(P);

impl<P: Producer<Frame>> FrameSlots for InputRing<P> {
    #[inline]
    fn try_publish(&mut self, frame: &Frame) -> bool {
        self.0.try_publish(|slot| slot.copy_from(frame)).is_ok()
    }
}

impl ReportSlots for SingleProducer<Report, SingleConsumerBarrier> {
    #[inline]
    fn try_publish(&mut self, reports: &[Report]) -> usize {
        let mut count = reports.len();
        while count > 0 {
            let filled = self.try_batch_publish(count, |slots| {
                slots.zip(reports).for_each(|(slot, report)| *slot = *report);
            });
            match filled {
                Ok(_) => break,
                Err(MissingFreeSlots(missing)) => count -= missing as usize,
            }
        }
        count
    }
}
