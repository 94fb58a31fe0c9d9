//! A venue on its journal: recovers the state that the last run left, runs the pipeline, closes the
//! journal. The first start and the start after a crash are the same.
//!
//! `standby.rs` is a recovered venue without the lead: it takes the frames of a leader, or begins
//! to lead. This file is the leading venue.

mod applier;
mod standby;
mod uncommitted;

pub use standby::{Recover, Restart, Standby, StandbyError};

use crate::clock::{Clock, SystemClock};
use crate::commit_point::CommitPoint;
use crate::merge::{ReportMerge, Subscriber, probe};
use crate::pipeline::{
    self, CommandSource, Control, Drained, Layout, Parts, Polled, StageName, Task, Trace,
};
use crate::recovery::replay::{ReplayError, Shape, state_hash};
use crate::recovery::snapshotter::{Policy, Sizes, SnapshotThread, SyncStreams};
use crate::shard::MatchingShard;
use ringside_journal::{Identity, JournalError, Lock, Options, Position, Writer};
use ringside_model::command::{Action, ClientFields, Command, SetDurability};
use ringside_model::domain::{Nanos, SeqNo, SessionId, SymbolId};
use ringside_model::durability::Durability;
use ringside_model::frame::{CommitMark, Frame, FrameKind, HashProbe};
use ringside_model::reason::Reason;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Venue whose journal has been recovered, ready to run.
pub struct Venue {
    pub(super) writer: Writer,
    pub(super) shards: Vec<MatchingShard>,
    pub(super) order: ReportMerge,
    pub(super) last: (SeqNo, Nanos, u32),
    /// Durability mode that the config asks for.
    pub(super) durability: Durability,
    pub(super) identity: Identity,
    pub(super) dir: PathBuf,
    pub(super) commit_point: Option<Arc<CommitPoint>>,
    /// Findings of the restart.
    pub restart: Restart,
}

/// Parts and results of a closed venue.
pub struct Closed<S, U> {
    /// Source of the commands.
    pub source: S,
    /// Receiver of the reports.
    pub subscriber: U,
    /// Shards with their books, by index.
    pub shards: Vec<MatchingShard>,
    /// Last command and the hashes after it.
    pub probe: HashProbe,
    /// End of the journal.
    pub end: Position,
}

/// Returns the values that must be equal in a journal and in the program that opens it.
pub fn identity(config_hash: u64) -> Identity {
    Identity { semantics: ringside_engine::SEMANTICS_VERSION, config_hash }
}

impl Venue {
    /// Recovers the journal, or begins a new one: from the newest snapshot that fits, or from the
    /// first frame. `told` receives the reports of the commands after that.
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

    /// Starts to take snapshots of the growing journal, on a thread of low priority.
    pub fn take_snapshots(
        &self,
        policy: Policy,
        sizes: Sizes,
        sync_streams: Option<SyncStreams>,
    ) -> std::io::Result<SnapshotThread> {
        standby::take_snapshots(self.dir.clone(), self.identity, policy, sizes, sync_streams)
    }

    /// Flag that is set while the space for the journal runs out.
    pub fn low_space(&self) -> Arc<AtomicBool> {
        self.writer.low_space()
    }

    /// Returns the end of the journal.
    pub fn end(&self) -> Position {
        self.writer.position()
    }

    /// Sets the commit point: no command is acknowledged or published before a quorum has stored
    /// it.
    pub fn wait_for(&mut self, commit_point: Arc<CommitPoint>) {
        self.commit_point = Some(commit_point);
    }

    /// Returns the latest official time.
    pub fn time(&self) -> Nanos {
        self.last.1
    }

    /// Returns the engines with the books, by shard.
    pub fn engines(&self) -> impl Iterator<Item = &ringside_engine::Engine> {
        self.shards.iter().map(MatchingShard::engine)
    }

    /// Returns the last command in the journal.
    pub fn last_seqno(&self) -> SeqNo {
        self.last.0
    }

    /// Returns the seqno that the first command of a source will have.
    pub fn first_seqno(&self) -> SeqNo {
        SeqNo(self.last.0.0 + 1 + u64::from(self.changes_mode()))
    }

    /// Returns true if the journal is in another durability mode than the config; a command of the
    /// venue must then set the mode first.
    fn changes_mode(&self) -> bool {
        self.durability != self.writer.durability()
    }

    /// Runs until the source ends or `control.stop` is set, then writes the final hashes into the
    /// journal and closes it. `None` if the pipeline was abandoned before.
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

    /// Returns the parts of a pipeline that goes on behind the last frame of the journal.
    pub fn parts<S, C, U>(self, source: S, subscriber: U, clock: C) -> Parts<After<S>, C, U> {
        let changes_mode = self.changes_mode();
        let Venue { writer, shards, order, last, durability, commit_point, .. } = self;
        let first = changes_mode.then_some(Command {
            session: SessionId(0),
            symbol: SymbolId::NONE,
            verdict: Reason::None,
            action: Action::from(SetDurability { durability }),
        });
        let source = After { first, source };
        Parts { source, clock, writer, shards, order, subscriber, last, commit_point }
    }
}

impl<S, U> Closed<S, U> {
    /// Writes the final hashes into the journal of a drained venue, and closes it.
    pub fn close(mut drained: Drained<After<S>, U>) -> Result<Self, JournalError> {
        let seqno = drained.writer.seqno();
        // The mark claims that everything is on the device, so the sync comes first.
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

/// Source with a command of the venue itself before the commands of another source.
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
