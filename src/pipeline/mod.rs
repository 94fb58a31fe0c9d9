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
pub use stage::Progress;
pub use trace::{Point, Trace};

use crate::domain::{Nanos, SeqNo};
use crate::durability::Durability;
use crate::frame::Frame;
use crate::journal::Writer;
use crate::matching_shard::MatchingShard;
use crate::planted::{Bug, planted};
use crate::replication::Replicas;
use crate::report::Report;
use crate::report_order::{ReportOrder, Subscriber};
use disruptor::{
    BusySpin, MissingFreeSlots, Producer, SingleConsumerBarrier, SingleProducer,
    build_single_producer,
};
use journaler::Journaler;
use matcher::{Matcher, ReportSlots};
use publisher::Publisher;
use replicator::Replicator;
use sequencer::{FrameSlots, JournalEnd, Sequencer};
use stage::{Consume, Poll};
use std::sync::Arc;
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
    pub replicas: Option<Arc<Replicas>>,
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
/// come out. Blocks the calling thread. What runs `beside` it has its place in the plan and ends by itself.
pub fn run<S, C, U>(
    layout: &Layout,
    parts: Parts<S, C, U>,
    control: &Control,
    trace: Option<&Trace>,
    beside: Vec<(StageName, Task<'_>)>,
) -> Drained<S, U>
where
    S: CommandSource + Send,
    C: Clock + Send,
    U: Subscriber + Send,
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
    let (probe_sender, probe_receiver) = std::sync::mpsc::channel();
    let volatile = layout.durability == Durability::Volatile || planted(Bug::GateLeftOut);
    let journal = JournalEnd {
        last: parts.last,
        volatile,
        keeps_fsync: parts.writer.keeps_fsync(),
        low_space: parts.writer.low_space(),
    };
    let mut replicator = Replicator::new(
        parts.replicas,
        parts.writer.position(),
        parts.writer.segment_bytes(),
        control,
    );
    let mut journaler = Journaler::new(parts.writer, control);
    let mut sequencer =
        Sequencer::new(parts.source, parts.clock, control, trace, probe_receiver, journal);
    let mut publisher = Publisher::new(parts.order, parts.subscriber, control, probe_sender);

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

    let mut tasks: Vec<(StageName, Task<'_>)> = beside;
    let journaler_stage = Stamped::new(&mut journaler, stamped_at(Point::Journaled), seqno);
    tasks.push((StageName::Journaler, stage_task(journal_poller, journaler_stage, gate_batch_max)));
    let replicator_stage = Stamped::new(&mut replicator, None, seqno);
    tasks.push((
        StageName::Replicator,
        stage_task(replica_poller, replicator_stage, gate_batch_max),
    ));
    // The two arms differ only in what stands before the matchers and the publisher.
    macro_rules! behind_the_gate {
        ($ring:expr) => {{
            let mut ring = $ring;
            for (shard, matcher) in matchers.iter_mut().enumerate() {
                let (poller, next) = ring.new_event_poller();
                ring = next;
                let matcher = Stamped::new(matcher, stamped_at(Point::Matched), seqno);
                let task = matcher_task(poller, matcher, batch_max);
                tasks.push((StageName::Matcher(shard as u32), task));
            }
            let (poller, ring) = ring.new_event_poller();
            let task = publisher_task(poller, report_pollers, &mut publisher, batch_max);
            tasks.push((StageName::Publisher, task));
            let task = sequencer_task(ring.build(), &mut sequencer, batch_max);
            tasks.push((StageName::Sequencer, task));
        }};
    }
    if volatile {
        behind_the_gate!(ring);
    } else {
        behind_the_gate!(ring.and_then().with_multi_consumer());
    }

    run_threads(&layout.plan, tasks);
    let (order, subscriber) = publisher.into_parts();
    let writer = journaler.into_writer();
    assert_eq!(replicator.passed(), writer.position(), "both have the same journal");
    assert_eq!(order.pending(), 0, "every command's reports have left");
    Drained {
        source: sequencer.into_source(),
        writer,
        shards: matchers.into_iter().map(Matcher::into_shard).collect(),
        order,
        subscriber,
    }
}

/// Starts a thread for each of the plan's and waits for all.
fn run_threads(plan: &ThreadPlan, mut tasks: Vec<(StageName, Task<'_>)>) {
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
                runner::run(own, spec.idle);
            };
            std::thread::Builder::new()
                .name(name)
                .spawn_scoped(scope, run)
                .expect("the system has room for the pipeline's threads");
        }
        assert!(tasks.is_empty(), "the plan has each stage");
    });
}

fn stage_task<'a>(
    mut poller: impl Poll<Frame> + Send + 'a,
    mut stage: impl Consume<Frame> + Send + 'a,
    batch_max: usize,
) -> Task<'a> {
    Box::new(move || poller.poll_into(&mut stage, batch_max))
}

fn matcher_task<'a, R: ReportSlots + Send>(
    mut poller: impl Poll<Frame> + Send + 'a,
    mut matcher: Stamped<'a, Matcher<R>>,
    batch_max: usize,
) -> Task<'a> {
    Box::new(move || match poller.poll_into(&mut matcher, batch_max) {
        Progress::Ended if matcher.stage().hand_over() => {
            matcher.stage().close();
            Progress::Ended
        }
        Progress::Ended => Progress::Did(0),
        progress => progress,
    })
}

fn publisher_task<'a, 'c: 'a, U: Subscriber + Send>(
    mut frames: impl Poll<Frame> + Send + 'a,
    mut shards: Vec<impl Poll<Report> + Send + 'a>,
    publisher: &'a mut Publisher<'c, U>,
    batch_max: usize,
) -> Task<'a> {
    Box::new(move || {
        let mut did = 0;
        let mut count = |progress| match progress {
            Progress::Did(count) => {
                did += count;
                false
            }
            Progress::Ended => true,
        };
        let mut ended = count(frames.poll_into(publisher, batch_max));
        for (shard, reports) in shards.iter_mut().enumerate() {
            ended &= count(reports.poll_into(&mut publisher.shard(shard as u32), batch_max));
        }
        if did == 0 {
            publisher.pause();
        }
        if ended { Progress::Ended } else { Progress::Did(did) }
    })
}

fn sequencer_task<'a, 'c: 'a, S, C, P>(
    ring: P,
    sequencer: &'a mut Sequencer<'c, S, C>,
    batch_max: usize,
) -> Task<'a>
where
    S: CommandSource + Send,
    C: Clock + Send,
    P: Producer<Frame> + Send + 'a,
{
    let mut ring = InputRing(ring);
    // When the task is dropped at its end, so is the producer, and that tells all others.
    Box::new(move || sequencer.step(&mut ring, batch_max))
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
