//! The pipeline: one order's way from its source to everyone who is told of it.
//!
//! ```text
//!                        INPUT RING                        REPORT RINGS
//!  source ─► sequencer ─► frames ─┬► journaler  ─┐         ┌► matcher 0 ─► reports ─┐
//!                                 └► replicator ─┴► (both) ┼► matcher N ─► reports ─┼► publisher ─► subscriber
//!                                                          └──────── frames ────────┘
//! ```
//!
//! The matchers and the publisher wait for the journaler and the replicator: the ring's barrier is the
//! gate, and nothing can leave before it is durable. Under `volatile` nobody waits for the journal.
//!
//! Here the rings are wired. `stage.rs` says what a stage is and has the loop that releases a batch;
//! `sequencer.rs`, `journaler.rs`, `replicator.rs`, `matcher.rs` and `publisher.rs` are the stages;
//! `plan.rs` puts them on threads, `runner.rs` runs one, `trace.rs` measures.

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
pub use sequencer::{Clock, CommandSource, Control, Polled, SystemClock};
pub use stage::{Fatal, Progress, let_end_by};
pub use trace::{Point, Trace};

use crate::commit_point::CommitPoint;
use crate::matching_shard::MatchingShard;
use crate::report_order::{ReportOrder, Subscriber};
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

/// How the pipeline is laid out.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Which stage runs where.
    pub plan: ThreadPlan,
    /// Slots of the input ring, a power of two.
    pub ring_slots: usize,
    /// Slots of each shard's report ring, a power of two.
    pub report_slots: usize,
    /// The most that a stage takes in one step.
    pub batch_max: usize,
    /// The mode that the rings are wired for: under `volatile` nobody waits for the journaler. Between
    /// the others a command may change.
    pub durability: Durability,
}

/// What the stages drive. It goes in, and comes out again when all is drained.
pub struct Parts<S, C, U> {
    /// Where commands come from.
    pub source: S,
    /// Time of day.
    pub clock: C,
    /// The journal's end.
    pub writer: Writer,
    /// The books, by shard.
    pub shards: Vec<MatchingShard>,
    /// The one order of reports.
    pub order: ReportOrder,
    /// Who is told.
    pub subscriber: U,
    /// The last command, its time, and the checksum of the last frame.
    pub last: (SeqNo, Nanos, u32),
    /// How far standbys have the journal.
    pub commit_point: Option<Arc<CommitPoint>>,
}

/// What is left of a venue when its pipeline has drained.
pub struct Drained<S, U> {
    /// Where commands came from.
    pub source: S,
    /// The journal's end.
    pub writer: Writer,
    /// The books, by shard.
    pub shards: Vec<MatchingShard>,
    /// The one order of reports.
    pub order: ReportOrder,
    /// Who was told.
    pub subscriber: U,
}

/// Runs the pipeline until its source ends or `control.stop` is set, and everything that is in has
/// come out; `None` if it was abandoned before. Blocks the calling thread. What runs `beside` it has its place in the
/// plan and ends by itself.
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
    let Stages { mut tasks, left } = Stages::wire(layout, parts, control, trace);
    tasks.extend(beside);
    run_threads(&layout.plan, tasks, &control.abandon);
    left.drained()
}

/// The stages of a pipeline, wired and on no thread yet: whoever has them may step them in any order.
pub struct Stages<'a, S, U> {
    /// Each stage with a step of it.
    pub tasks: Vec<(StageName, Task<'a>)>,
    /// What they leave when they have ended.
    pub left: Left<S, U>,
}

/// What each stage leaves when it has ended.
pub struct Left<S, U> {
    source: Receiver<S>,
    writer: Receiver<Writer>,
    passed: Receiver<Position>,
    shards: Vec<Receiver<MatchingShard>>,
    told: Receiver<(ReportOrder, U)>,
}

impl<S, U> Left<S, U> {
    /// What is left of the venue, if all stages have ended.
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

impl<'a, S, U> Stages<'a, S, U> {
    /// Wires the rings.
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
        // A sync costs nearly the same for one command as for all that wait, and whoever shares its thread
        // steps once for each: both stages before the gate take all that is there.
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
        // The two arms differ only in what stands before the matchers and the publisher.
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
                // With the stage goes the ring's producer, and that tells all others that nothing more will come.
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
        Stages { tasks, left: Left { source, writer, passed, shards, told } }
    }
}

/// A stage with its step. When it has ended, what it leaves is received.
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
            // Nobody may be there who wants it.
            let _ = ended.send(leave(stage));
        }
        progress
    };
    (Box::new(task), left)
}

/// Starts a thread for each of the plan's and waits for all.
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
