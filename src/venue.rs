//! A venue from its journal: opens what the last run left, runs the pipeline, closes. The first start
//! and the start after a crash are the same.

use crate::command::{Action, Command};
use crate::domain::{Nanos, SeqNo, SessionId, SymbolId};
use crate::durability::Durability;
use crate::engine;
use crate::frame::{CommitMark, Frame, FrameKind, HashProbe};
use crate::journal::{self, Cut, Identity, JournalError, Lock, Options, Writer};
use crate::matching_shard::MatchingShard;
use crate::pipeline::{
    self, Clock, CommandSource, Control, Layout, Parts, Polled, SystemClock, Trace,
};
use crate::reason::Reason;
use crate::replay::{Replay, ReplayError, Shape, state_hash};
use crate::report_order::{ReportOrder, Subscriber, probe};

/// A venue whose journal has been recovered, ready to go on.
pub struct Venue {
    writer: Writer,
    shards: Vec<MatchingShard>,
    order: ReportOrder,
    last: (SeqNo, Nanos, u32),
    /// The mode that the config asks for.
    durability: Durability,
    /// The torn tail that recovery cut off.
    pub cut: Option<Cut>,
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
    /// Recovers the journal, or begins it. Each frame in it is shown to `observe`, each of its
    /// definitions to `names`; its reports are not told again.
    pub fn open<U: Subscriber>(
        options: Options,
        shape: Shape,
        names: U,
        mut observe: impl FnMut(&Frame),
    ) -> Result<Venue, ReplayError> {
        let lock = Lock::take(&options.dir)?;
        let durability = options.durability;
        let mut replay = Replay::new(shape, names);
        let found = journal::recover(&options, &lock, |frame| {
            observe(frame);
            replay.frame(frame)
        })?;
        replay.flush();
        let mut writer = Writer::open(options, lock, &found)?;
        let mut frame = Frame::default();
        frame.write(FrameKind::EpochStart, &writer.epoch_start());
        let crc = writer.append_bookkeeping(SystemClock.now(), frame)?;
        writer.commit()?;
        replay.frame(&frame)?;
        let Replay { shards, order, .. } = replay;
        let last = (found.seqno, found.time, crc);
        Ok(Venue { writer, shards, order, last, durability, cut: found.cut })
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
        let mut drained = pipeline::run(layout, parts, control, trace);
        let seqno = drained.writer.seqno();
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
}
