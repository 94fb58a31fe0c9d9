//! Merges the reports of all shards into the venue's one order: by command, then by index.
//!
//! The merge gets every command in the order of seqnos. It takes the reports of a command from the
//! shard that owns the command, and passes them on after all reports before them. A command that
//! concerns the whole venue has a part from every shard. These parts are merged by symbol, so the
//! order does not depend on the number of shards.

use ringside_model::command::{self, Command};
use ringside_model::domain::{Nanos, Quantity, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::{EpochStart, Frame, FrameKind, HashProbe};
use ringside_model::hash::OutputHash;
use ringside_model::report::{Body, Published, Report, StateHash, Subject};
use std::collections::VecDeque;

/// Receiver of everything that leaves the venue, in order.
pub trait Subscriber {
    /// True if the subscriber receives the commands, too.
    const COMMANDS: bool = false;

    /// Takes the next command; its reports follow. Called only if [`COMMANDS`](Self::COMMANDS) is
    /// true.
    fn command(&mut self, _frame: &Frame) {}

    /// Takes an accepted or rejected definition, which has the names for later reports; its report
    /// follows.
    fn definition(&mut self, _command: &Command) {}

    /// Takes the next report.
    fn report(&mut self, published: &Published);

    /// Marks the end of a command: all its reports have been passed on. Called only if
    /// [`COMMANDS`](Self::COMMANDS) is true.
    fn end_command(&mut self) {}

    /// Marks the end of a batch: the subscriber can pass on the reports so far.
    fn end_batch(&mut self) {}

    /// Marks a pause: there is no further report at this moment.
    fn pause(&mut self) {}
}

impl<U: Subscriber> Subscriber for &mut U {
    const COMMANDS: bool = U::COMMANDS;

    fn command(&mut self, frame: &Frame) {
        (**self).command(frame);
    }

    fn definition(&mut self, command: &Command) {
        (**self).definition(command);
    }

    #[inline]
    fn report(&mut self, published: &Published) {
        (**self).report(published);
    }

    fn end_command(&mut self) {
        (**self).end_command();
    }

    fn end_batch(&mut self) {
        (**self).end_batch();
    }

    fn pause(&mut self) {
        (**self).pause();
    }
}

/// Kind of the reports that are due next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Reports of a command, from the shard that owns it.
    Owned(u32),
    /// Parts of a venue-wide command, one from every shard.
    Wide,
    /// State hashes, one from every shard.
    Probe,
}

struct Pending {
    seqno: SeqNo,
    time: Nanos,
    due: Due,
    durability: Durability,
    definition: Option<Box<Command>>,
}

/// Reports that a shard has delivered before they are due.
#[derive(Default)]
struct Early {
    reports: VecDeque<Report>,
    /// Number of reports in `reports` that are the last of their command.
    complete: usize,
}

/// Merge of the reports of all shards.
pub struct ReportMerge {
    shards: u32,
    probe_interval: u64,
    /// First seqno at which a probe can be due.
    probe_from: u64,
    /// Durability mode of the commands that come next.
    durability: Durability,
    pending: VecDeque<Pending>,
    /// Pending commands themselves, if the subscriber receives them.
    frames: VecDeque<Frame>,
    keeps_frames: bool,
    early: Vec<Early>,
    /// Number of early reports of all shards.
    early_reports: usize,
    /// Index of the next report of the first pending command.
    index: u32,
    output: OutputHash,
    released: SeqNo,
    probes: VecDeque<HashProbe>,
}

impl ReportMerge {
    /// Returns a merge for a number of shards. The first frame, an epoch start, sets the durability
    /// mode and the probe interval.
    pub fn new(shards: u32) -> Self {
        ReportMerge {
            shards,
            probe_interval: u64::MAX,
            probe_from: 0,
            durability: Durability::Volatile,
            pending: VecDeque::with_capacity(1024),
            frames: VecDeque::new(),
            keeps_frames: false,
            early: (0..shards).map(|_| Early::default()).collect(),
            early_reports: 0,
            index: 0,
            output: OutputHash::default(),
            released: SeqNo(0),
            probes: VecDeque::new(),
        }
    }

    /// Returns a merge that goes on behind a command with the hashes `after`.
    pub fn resume(shards: u32, after: &HashProbe) -> Self {
        ReportMerge {
            output: OutputHash::resume(after.output, after.reports),
            released: SeqNo(after.seqno),
            ..Self::new(shards)
        }
    }

    /// Keeps the commands if the subscriber wants them. Call this before the first command.
    pub(crate) fn keep_frames_for<U: Subscriber>(&mut self) {
        self.keeps_frames = U::COMMANDS;
    }

    /// Returns the number of commands whose reports are not complete yet.
    #[inline]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Returns true if the merge takes more reports of a shard: not while many of them are early
    /// and the next command waits for other shards.
    #[inline]
    pub fn wants(&self, shard: u32) -> bool {
        const EARLY_REPORTS_MAX: usize = 64 * 1024;
        let waits = self.pending.front().is_some_and(|first| match first.due {
            Due::Owned(owner) => owner == shard,
            Due::Wide | Due::Probe => self.early[shard as usize].complete == 0,
        });
        waits || self.early[shard as usize].reports.len() < EARLY_REPORTS_MAX
    }

    /// Returns the last command whose reports have all been passed on.
    #[inline]
    pub fn released(&self) -> SeqNo {
        self.released
    }

    /// Returns the durability mode of the next command.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// Returns the probe interval: a hash probe describes each command whose seqno is a multiple of
    /// it.
    pub fn probe_interval(&self) -> u64 {
        self.probe_interval
    }

    /// Returns the hash of all reports that were passed on.
    pub fn output(&self) -> OutputHash {
        self.output
    }

    /// Takes the next complete hash probe.
    #[inline]
    pub(crate) fn take_probe(&mut self) -> Option<HashProbe> {
        self.probes.pop_front()
    }

    /// Adds the next command. Bookkeeping frames have no reports, but may set the durability mode
    /// and the probe interval.
    #[inline]
    pub fn expect(&mut self, frame: &Frame) {
        let Some(kind) = frame.kind() else { return };
        if kind == FrameKind::SetDurability || !kind.is_command() {
            self.learn(frame, kind);
        }
        if !kind.is_command() {
            return;
        }
        let wide = self.shards > 1 && command::is_venue_wide(kind, frame.symbol());
        let due = if wide { Due::Wide } else { Due::Owned(frame.symbol().shard(self.shards)) };
        let definition =
            command::is_definition(kind).then(|| Command::decode(frame).map(Box::new)).flatten();
        let (seqno, time) = (frame.seqno(), frame.time());
        let durability = self.durability;
        self.pending.push_back(Pending { seqno, time, due, durability, definition });
        if self.keeps_frames {
            self.frames.push_back(*frame);
        }
        if seqno.0 >= self.probe_from {
            self.expect_probe_if_due(seqno, time);
        }
    }

    /// Adopts the durability mode and the probe interval of a run.
    pub(crate) fn begin_epoch(&mut self, start: &EpochStart) {
        self.durability = start.durability;
        (self.probe_interval, self.probe_from) = (start.probe_interval.max(1), 0);
    }

    #[cold]
    fn learn(&mut self, frame: &Frame, kind: FrameKind) {
        if kind == FrameKind::EpochStart {
            frame.body().into_iter().for_each(|start| self.begin_epoch(start));
        }
        self.durability = frame.new_durability().unwrap_or(self.durability);
    }

    #[cold]
    fn expect_probe_if_due(&mut self, seqno: SeqNo, time: Nanos) {
        if seqno.0.is_multiple_of(self.probe_interval) {
            let (due, durability) = (Due::Probe, self.durability);
            self.pending.push_back(Pending { seqno, time, due, durability, definition: None });
        }
        self.probe_from = (seqno.0 + 1).next_multiple_of(self.probe_interval);
    }

    /// Takes the next report of a shard and passes on the reports that are due.
    #[inline]
    pub fn report(&mut self, shard: u32, report: &Report, subscriber: &mut impl Subscriber) {
        let due = self.pending.front().map(|first| first.due);
        let early = &mut self.early[shard as usize];
        if due == Some(Due::Owned(shard)) && early.reports.is_empty() {
            self.pass_on(report, subscriber);
            if report.is_last() {
                self.finish(subscriber);
                if self.early_reports > 0 {
                    self.catch_up(subscriber);
                }
            }
            return;
        }
        early.reports.push_back(*report);
        early.complete += usize::from(report.is_last());
        self.early_reports += 1;
        self.catch_up(subscriber);
    }

    /// Passes on the early reports that are due now.
    fn catch_up(&mut self, subscriber: &mut impl Subscriber) {
        while let Some(first) = self.pending.front() {
            match first.due {
                Due::Owned(owner) => {
                    let Some(report) = self.take_early(owner) else { return };
                    self.pass_on(&report, subscriber);
                    if !report.is_last() {
                        continue;
                    }
                }
                _ if self.early.iter().any(|early| early.complete == 0) => return,
                Due::Wide => self.pass_on_merged(subscriber),
                Due::Probe => self.complete_probe(),
            }
            self.finish(subscriber);
        }
    }

    /// Merges the parts of all shards: one head with the sum of their counts, then all other
    /// reports by symbol.
    fn pass_on_merged(&mut self, subscriber: &mut impl Subscriber) {
        let heads: Vec<Report> =
            (0..self.shards).map(|s| self.take_early(s).expect("every part is here")).collect();
        let quantity = Quantity(heads.iter().map(|head| head.quantity.0).sum());
        let mut head = heads[0];
        head.quantity = quantity;
        self.pass_on(&head, subscriber);
        let mut open: Vec<bool> = heads.iter().map(|head| !head.is_last()).collect();
        let symbol_of = |early: &Early| early.reports.front().map(|report| report.symbol);
        while let Some(shard) = (0..self.shards as usize)
            .filter(|&s| open[s])
            .min_by_key(|&s| symbol_of(&self.early[s]))
        {
            let report = self.take_early(shard as u32).expect("every part is here");
            self.pass_on(&report, subscriber);
            open[shard] = !report.is_last();
        }
    }

    /// Sums the state hashes of all shards into a probe.
    fn complete_probe(&mut self) {
        let seqno = self.pending.front().expect("a probe is due").seqno;
        let mut state = 0u128;
        for shard in 0..self.shards {
            let report = self.take_early(shard).expect("every part is here");
            let Body::StateHash(StateHash { low, high }) = report.body() else {
                panic!("no state hash of shard {shard} at seqno {seqno}: {report:?}");
            };
            state = state.wrapping_add(u128::from(high) << 64 | u128::from(low));
        }
        self.probes.push_back(probe(seqno, state, &self.output));
    }

    #[inline]
    fn pass_on<U: Subscriber>(&mut self, report: &Report, subscriber: &mut U) {
        let first = self.pending.front_mut().expect("a command is pending");
        if U::COMMANDS && self.index == 0 {
            subscriber.command(&self.frames.pop_front().expect("commands are kept"));
        }
        if let Some(definition) = first.definition.take() {
            subscriber.definition(&definition);
        }
        let report = report.without_last();
        let Pending { seqno, time, durability, .. } = *first;
        let published = Published { seqno, index: self.index, time, durability, report };
        self.index += 1;
        self.output.add(&published);
        subscriber.report(&published);
    }

    #[inline]
    fn finish<U: Subscriber>(&mut self, subscriber: &mut U) {
        let done = self.pending.pop_front().expect("a command is pending");
        if U::COMMANDS && done.due != Due::Probe {
            subscriber.end_command();
        }
        self.released = done.seqno;
        self.index = 0;
    }

    fn take_early(&mut self, shard: u32) -> Option<Report> {
        let early = &mut self.early[shard as usize];
        let report = early.reports.pop_front()?;
        early.complete -= usize::from(report.is_last());
        self.early_reports -= 1;
        Some(report)
    }
}

/// Returns the report with which a shard delivers its state hash.
pub(crate) fn state_hash_report(hash: u128) -> Report {
    let mut report = StateHash { low: hash as u64, high: (hash >> 64) as u64 }.about(Subject::NONE);
    report.set_last();
    report
}

/// Returns the hash probe after a command.
pub fn probe(seqno: SeqNo, state: u128, output: &OutputHash) -> HashProbe {
    let halves = |hash: u128| [hash as u64, (hash >> 64) as u64];
    HashProbe {
        seqno: seqno.0,
        reports: output.reports,
        state: halves(state),
        output: halves(output.value()),
    }
}
