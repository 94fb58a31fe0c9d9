//! A venue from its journal: opens what the last run left, runs the pipeline, closes. The first start
//! and the start after a crash are the same.
//!
//! `standby.rs` is a venue that is recovered and that nobody leads: it takes the frames of another one, or begins
//! to lead. This is what leads.

mod applier;
mod standby;
mod uncommitted;

pub use standby::{Recover, Restart, Standby, StandbyError};

use crate::commit_point::CommitPoint;
use crate::matching_shard::MatchingShard;
use crate::pipeline::{
    self, Clock, CommandSource, Control, Drained, Layout, Parts, Polled, StageName, SystemClock,
    Task, Trace,
};
use crate::recovery::replay::{ReplayError, Shape, state_hash};
use crate::recovery::snapshotter::{Policy, Sizes, SnapshotThread, SyncStreams};
use crate::report_order::{ReportOrder, Subscriber, probe};
use ringside_journal::{Identity, JournalError, Lock, Options, Position, Writer};
use ringside_model::command::{Action, ClientFields, Command};
use ringside_model::domain::{Nanos, SeqNo, SessionId, SymbolId};
use ringside_model::durability::Durability;
use ringside_model::frame::{CommitMark, Frame, FrameKind, HashProbe};
use ringside_model::reason::Reason;
use std::path::PathBuf;
use std::sync::Arc;

/// A venue whose journal has been recovered, ready to go on.
pub struct Venue {
    pub(super) writer: Writer,
    pub(super) shards: Vec<MatchingShard>,
    pub(super) order: ReportOrder,
    pub(super) last: (SeqNo, Nanos, u32),
    /// The mode that the config asks for.
    pub(super) durability: Durability,
    pub(super) identity: Identity,
    pub(super) dir: PathBuf,
    pub(super) commit_point: Option<Arc<CommitPoint>>,
    /// What the restart found.
    pub restart: Restart,
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
    /// Where the journal ends.
    pub end: Position,
}

/// The values that a journal and a program must agree on.
pub fn identity(config_hash: u64) -> Identity {
    Identity { semantics: ringside_engine::SEMANTICS_VERSION, config_hash }
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
        let standby = Standby::recover(lock, options, shape, told)?;
        let epoch = standby.place().epoch + 1;
        Ok(standby.lead(epoch)?.0)
    }

    /// Starts to take snapshots of the journal that is being written, on a thread of low priority. `say`
    /// hears of each, and why there will be no more.
    pub fn take_snapshots(
        &self,
        policy: Policy,
        sizes: Sizes,
        sync_streams: Option<SyncStreams>,
        say: impl FnMut(String) + Send + 'static,
    ) -> std::io::Result<SnapshotThread> {
        standby::take_snapshots(self.dir.clone(), self.identity, policy, sizes, sync_streams, say)
    }

    /// Where the journal ends.
    pub fn end(&self) -> Position {
        self.writer.position()
    }

    /// Tells nobody of a command before enough voters have it.
    pub fn wait_for(&mut self, commit_point: Arc<CommitPoint>) {
        self.commit_point = Some(commit_point);
    }

    /// The latest official time.
    pub fn time(&self) -> Nanos {
        self.last.1
    }

    /// The books.
    pub fn engines(&self) -> impl Iterator<Item = &ringside_engine::Engine> {
        self.shards.iter().map(MatchingShard::engine)
    }

    /// The last command in the journal.
    pub fn last_seqno(&self) -> SeqNo {
        self.last.0
    }

    /// The number that the first command of a source will have.
    pub fn first_seqno(&self) -> SeqNo {
        SeqNo(self.last.0.0 + 1 + u64::from(self.changes_mode()))
    }

    /// Whether the venue has to say its mode before anything else.
    fn changes_mode(&self) -> bool {
        self.durability != self.writer.durability()
    }

    /// Runs until the source ends or `control.stop` is set, then puts the final hashes into the
    /// journal and closes it. `None` if it was abandoned before.
    pub fn run<'a, S, U>(
        self,
        layout: &Layout,
        source: S,
        subscriber: U,
        control: &'a Control,
        trace: Option<&'a Trace>,
        beside: Vec<(StageName, Task<'a>)>,
    ) -> Result<Option<Closed<S, U>>, JournalError>
    where
        S: CommandSource + Send + 'a,
        U: Subscriber + Send + 'a,
    {
        let parts = self.parts(source, subscriber, SystemClock);
        pipeline::run(layout, parts, control, trace, beside).map(Closed::close).transpose()
    }

    /// What a pipeline is made of that goes on behind the journal's last frame.
    pub fn parts<S, C, U>(self, source: S, subscriber: U, clock: C) -> Parts<After<S>, C, U> {
        let changes_mode = self.changes_mode();
        let Venue { writer, shards, order, last, durability, commit_point, .. } = self;
        let first = changes_mode.then_some(Command {
            session: SessionId(0),
            symbol: SymbolId::NONE,
            verdict: Reason::None,
            action: Action::SetDurability(durability),
        });
        let source = After { first, source };
        Parts { source, clock, writer, shards, order, subscriber, last, commit_point }
    }
}

impl<S, U> Closed<S, U> {
    /// Puts the final hashes into the journal of a venue that has drained, and closes it.
    pub fn close(mut drained: Drained<After<S>, U>) -> Result<Self, JournalError> {
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
        let end = drained.writer.position();
        drained.writer.close()?;
        let Drained { source, subscriber, shards, .. } = drained;
        Ok(Closed { source: source.source, subscriber, shards, probe, end })
    }
}

/// A command of the venue's own before those of a source.
pub struct After<S> {
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
