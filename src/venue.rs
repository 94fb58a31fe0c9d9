//! A venue from its journal: opens what the last run left, runs the pipeline, closes. The first start
//! and the start after a crash are the same.

use crate::command::{Action, ClientFields, Command};
use crate::domain::{Nanos, SeqNo, SessionId, SymbolId};
use crate::durability::Durability;
use crate::engine;
use crate::frame::{CommitMark, Frame, FrameKind, HashProbe};
use crate::journal::{self, Identity, JournalError, Lock, Options, Writer};
use crate::matching_shard::MatchingShard;
use crate::pipeline::{
    self, Clock, CommandSource, Control, Layout, Parts, Polled, StageName, SystemClock, Task, Trace,
};
use crate::planted::{Bug, planted};
use crate::reason::Reason;
use crate::replay::{Replay, ReplayError, Shape, state_hash};
use crate::report_order::{ReportOrder, Subscriber, probe};
use crate::restart::{Checkpoint, Start};
use crate::snapshotter::{Policy, Sizes, SnapshotThread, Snapshotter, SyncStreams};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Who is told the past: the reports of what a restart replays, and what a snapshot has instead of the rest.
pub trait Recover: Subscriber {
    /// Whether it can go on from a snapshot, or why not: then an older one is tried, or the first frame.
    fn accepts(&mut self, _at: &Checkpoint) -> Result<(), String> {
        Ok(())
    }

    /// Goes on from a snapshot, instead of the commands up to there, or begins before the first command. The
    /// definitions of a snapshot are told as well.
    fn resume(&mut self, _at: Option<&Checkpoint>) -> Result<(), String> {
        Ok(())
    }
}

/// A venue whose journal has been recovered, ready to go on.
pub struct Venue {
    writer: Writer,
    shards: Vec<MatchingShard>,
    order: ReportOrder,
    last: (SeqNo, Nanos, u32),
    /// The mode that the config asks for.
    durability: Durability,
    dir: PathBuf,
    identity: Identity,
    /// What the restart found.
    pub restart: Restart,
}

/// What a restart found and did.
#[derive(Debug, Default)]
pub struct Restart {
    /// The command of the snapshot that it began at; zero for none.
    pub snapshot: SeqNo,
    /// The last command in the journal.
    pub seqno: SeqNo,
    /// How long it took.
    pub elapsed: Duration,
    /// What its operator should know: a tail that was cut, a snapshot that was passed over, a device that is
    /// not what it should be.
    pub notes: Vec<String>,
}

/// A venue that has been closed.
pub struct Closed<S, U> {
    /// Where commands came from.
    pub source: S,
    /// Who was told.
    pub subscriber: U,
    /// The books, by shard.
    pub shards: Vec<MatchingShard>,
    /// The last command and the hashes after it.
    pub probe: HashProbe,
}

/// The values that a journal and a program must agree on.
pub fn identity(config_hash: u64) -> Identity {
    Identity { semantics: engine::SEMANTICS_VERSION, config_hash }
}

impl Venue {
    /// Recovers the journal, or begins it: from the newest snapshot that fits, or from the first frame. `told`
    /// hears what comes after that.
    pub fn open<U: Recover>(
        options: Options,
        shape: Shape,
        told: &mut U,
    ) -> Result<Venue, ReplayError> {
        let lock = Lock::take(&options.dir)?;
        Self::open_locked(lock, options, shape, told)
    }

    /// The same for whoever has taken the folder before, because more than the journal is kept there.
    pub fn open_locked<U: Recover>(
        lock: Lock,
        options: Options,
        shape: Shape,
        told: &mut U,
    ) -> Result<Venue, ReplayError> {
        let began = Instant::now();
        let (durability, dir, identity) =
            (options.durability, options.dir.clone(), options.identity);
        let mut restart = Restart::default();
        let say = |what| restart.notes.push(what);
        let accepts = |at: &Checkpoint| told.accepts(at);
        let start = Start::at_newest_snapshot(&dir, identity, shape, None, accepts, say);
        // A snapshot is named only after the journal up to it was synced, whether it is used or not.
        let synced = start.newest_named();
        let from = start.checkpoint().map(|at| {
            restart.snapshot = at.place.seqno;
            (at.place, Some(at.durability))
        });
        told.resume(start.checkpoint()).map_err(ReplayError::Told)?;
        let mut replay = start.replay(told);
        let found = journal::recover(&options, &lock, from, synced, |frame| replay.frame(frame))?;
        replay.flush();
        let mut writer = Writer::open(options, lock, &found)?;
        let mut frame = Frame::default();
        frame.write(FrameKind::EpochStart, &writer.epoch_start());
        let crc = writer.append_bookkeeping(SystemClock.now(), frame)?;
        match found.end {
            Some(_) => writer.commit()?,
            // In every mode: if the first page of a journal could be lost, nobody would know its mode.
            None => writer.sync_all()?,
        }
        replay.frame(&frame)?;
        restart.notes.extend(found.notes());
        restart.notes.extend_from_slice(writer.notes());
        (restart.seqno, restart.elapsed) = (found.seqno, began.elapsed());
        let Replay { shards, order, .. } = replay;
        let seqno = if planted(Bug::SeqNoStartsAgain) { SeqNo(0) } else { found.seqno };
        let time = if planted(Bug::TimeFallsBack) { Nanos(0) } else { found.time };
        let last = (seqno, time, crc);
        Ok(Venue { writer, shards, order, last, durability, dir, identity, restart })
    }

    /// Starts to take snapshots of the journal that is being written, on a thread of low priority. `say`
    /// hears of each, and why there will be no more.
    pub fn take_snapshots(
        &self,
        policy: Policy,
        sizes: Sizes,
        sync_streams: Option<SyncStreams>,
        mut say: impl FnMut(String) + Send + 'static,
    ) -> std::io::Result<SnapshotThread> {
        let (dir, identity) = (self.dir.clone(), self.identity);
        SnapshotThread::start(move |stop| {
            let taken = Snapshotter::open(dir, identity, sizes, |_| {}).and_then(|snapshotter| {
                let sync_streams = sync_streams.unwrap_or_else(|| Box::new(|_| Ok(())));
                snapshotter.with_streams(sync_streams).run(policy, stop, &mut say)
            });
            if let Err(error) = taken {
                say(format!("no more snapshots: {error}"));
            }
        })
    }

    /// The last command in the journal.
    pub fn last_seqno(&self) -> SeqNo {
        self.last.0
    }

    /// Runs until the source ends or `control.stop` is set, then puts the final hashes into the
    /// journal and closes it.
    pub fn run<S, U>(
        self,
        layout: &Layout,
        source: S,
        subscriber: U,
        control: &Control,
        trace: Option<&Trace>,
        beside: Vec<(StageName, Task<'_>)>,
    ) -> Result<Closed<S, U>, JournalError>
    where
        S: CommandSource + Send,
        U: Subscriber + Send,
    {
        let Venue { writer, shards, order, last, durability, .. } = self;
        let first = (durability != writer.durability()).then_some(Command {
            session: SessionId(0),
            symbol: SymbolId::NONE,
            verdict: Reason::None,
            action: Action::SetDurability(durability),
        });
        let source = After { first, source };
        let parts = Parts { source, clock: SystemClock, writer, shards, order, subscriber, last };
        let mut drained = pipeline::run(layout, parts, control, trace, beside);
        let seqno = drained.writer.seqno();
        // The mark says that all of it is on the device, so that comes first.
        drained.writer.sync_all()?;
        let probe = probe(seqno, state_hash(&drained.shards), &drained.order.output());
        let time = SystemClock.now();
        let mut frame = Frame::default();
        frame.write(
            FrameKind::CommitMark,
            &CommitMark { committed: seqno.0, synced: drained.writer.synced().0 },
        );
        drained.writer.append_bookkeeping(time, frame)?;
        frame.write(FrameKind::HashProbe, &probe);
        drained.writer.append_bookkeeping(time, frame)?;
        drained.writer.close()?;
        let pipeline::Drained { source, subscriber, shards, .. } = drained;
        Ok(Closed { source: source.source, subscriber, shards, probe })
    }
}

/// A command of the venue's own before those of a source.
struct After<S> {
    first: Option<Command>,
    source: S,
}

impl<S: CommandSource> CommandSource for After<S> {
    #[inline]
    fn poll(&mut self) -> Polled {
        match self.first.take() {
            Some(command) => Polled::Command { command, time: None, intended_ns: 0 },
            None => self.source.poll(),
        }
    }

    #[inline]
    fn client_fields(&self) -> Option<&ClientFields> {
        self.source.client_fields()
    }
}
