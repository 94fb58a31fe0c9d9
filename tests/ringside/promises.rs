//! Promises of a venue to the readers of its reports, tested on the whole pipeline.

use ringside::config::Config;
use ringside_core::merge::Subscriber;
use ringside_core::pipeline::{CommandSource, Control, Polled};
use ringside_core::recovery::replay::{ReplayError, replay};
use ringside_core::venue::{self, Recover, Venue};
use ringside_journal::{Device, JournalError, Lock, Options, Reader, Step, Writer, recover};
use ringside_model::command::{Action, Cancel, Command};
use ringside_model::domain::*;
use ringside_model::durability::Durability;
use ringside_model::frame::{Frame, FrameKind, HashProbe};
use ringside_model::reason::Reason;
use ringside_model::report::Published;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A slow device that knows the last command of the last sync.
#[derive(Debug, Default)]
struct Slow {
    kept: AtomicU64,
    /// True if the device reports syncs without doing them.
    lies: bool,
}

impl Device for Slow {
    fn perform(&self, step: Step<'_>, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        let is_sync = matches!(step, Step::SyncRange(..));
        if is_sync && self.lies {
            return Ok(());
        }
        act()?;
        if let Step::SyncRange(path, _, to) = step {
            std::thread::sleep(Duration::from_millis(2));
            let bytes = std::fs::read(path)?;
            self.kept.fetch_max(last_command(&bytes[..to as usize]), Ordering::SeqCst);
        }
        Ok(())
    }
}

/// Returns the seqno of the last command in the first bytes of a segment.
fn last_command(bytes: &[u8]) -> u64 {
    let mut last = 0;
    let mut at = 4096;
    while let Some(frame) = bytes.get(at..).and_then(Frame::read) {
        last = frame.seqno().0;
        at += frame.bytes().len();
    }
    last
}

/// Source of cancels for unknown orders: each has one report. They come with an official time or
/// without one.
struct Cancels {
    left: u64,
    time: Option<Nanos>,
}

impl CommandSource for Cancels {
    fn poll(&mut self) -> Polled {
        if self.left == 0 {
            return Polled::Ended;
        }
        self.left -= 1;
        Polled::Command { command: cancel(OrderId(self.left)), time: self.time, intended_ns: 0 }
    }
}

fn cancel(id: OrderId) -> Command {
    let action = Action::Cancel(Cancel { id });
    Command { session: SessionId(1), symbol: SymbolId(1), verdict: Reason::None, action }
}

/// Subscriber that records its reports, and counts those whose commands were not durable yet.
#[derive(Default)]
struct Listener {
    device: Arc<Slow>,
    told: Vec<(u64, u64)>,
    too_early: u64,
}

impl Recover for Listener {}

impl Subscriber for Listener {
    fn report(&mut self, published: &Published) {
        let (seqno, time) = (published.seqno.0, published.time.0);
        self.told.push((seqno, time));
        self.too_early += u64::from(seqno > self.device.kept.load(Ordering::SeqCst));
    }
}

fn config(durability: Durability) -> Config {
    let mut config = Config::default();
    config.pipeline.plan = "sequencer, journaler, replicator, matchers, publisher".into();
    config.pipeline.idle = "backoff".into();
    config.pipeline.ring_slots = 64;
    config.pipeline.batch_max = 64;
    config.journal.durability = durability.name().into();
    config.journal.segment_bytes = 1 << 20;
    config
}

/// Runs a venue whose rings are wired for a mode, which may differ from the mode of its journal.
fn run(
    config: &Config,
    wired_for: Durability,
    dir: &Path,
    source: Cancels,
    device: &Arc<Slow>,
) -> Listener {
    let mut options = config.journal_options(dir).unwrap();
    options.device = Arc::clone(device) as Arc<_>;
    options.any_filesystem = true;
    let venue = Venue::open(options, config.shape(), &mut Listener::default()).unwrap();
    let mut layout = config.layout(&ringside_core::pipeline::plan::allowed_cores()).unwrap();
    layout.durability = wired_for;
    let listener = Listener { device: Arc::clone(device), ..Listener::default() };
    venue
        .run(&layout, source, listener, &Control::default(), None, vec![])
        .unwrap()
        .unwrap()
        .subscriber
}

#[test]
fn nothing_is_told_before_it_is_on_the_device() {
    let too_early = told_too_early(Durability::Fsync, Slow::default());
    assert_eq!(too_early, 0, "of 3000 reports so many were told too early");
}

#[test]
fn a_pipeline_that_does_not_wait_for_the_device_is_found() {
    assert!(told_too_early(Durability::Volatile, Slow::default()) > 0);
    let lying = Slow { lies: true, ..Slow::default() };
    assert_eq!(told_too_early(Durability::Fsync, lying), 3000);
}

/// Returns the number of reports, out of 3000, that leave a pipeline wired for a mode before the
/// device has their commands, under `fsync`.
fn told_too_early(wired_for: Durability, device: Slow) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let config = config(Durability::Fsync);
    let source = Cancels { left: 3000, time: None };
    let listener = run(&config, wired_for, dir.path(), source, &Arc::new(device));
    assert_eq!(listener.told.len(), 3000);
    listener.too_early
}

#[test]
fn numbers_and_official_time_go_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let durability = Durability::Pagecache;
    let config = config(durability);
    let device = Arc::default();
    let mut told = vec![];
    // A recorded flow that begins at another time in each run.
    for time in [5_000, 4_000, 6_000] {
        let source = Cancels { left: 100, time: Some(Nanos(time)) };
        told.extend(run(&config, durability, dir.path(), source, &device).told);
    }
    let (seqnos, times): (Vec<u64>, Vec<u64>) = told.into_iter().unzip();
    assert_eq!(seqnos, (1..=300).collect::<Vec<u64>>());
    assert!(times.is_sorted() && times[299] == 6_000, "{times:?}");
}

/// Writes a journal with one command and a hash probe behind it.
fn write_with_probe(options: Options, probe: &HashProbe) -> Result<(), JournalError> {
    let lock = Lock::take(&options.dir)?;
    let found = recover(&options, &lock, None, SeqNo(0), |_| Ok::<_, JournalError>(()))?;
    let mut writer = Writer::open(options, lock, &found)?;
    let mut frame = Frame::default();
    frame.write(FrameKind::EpochStart, &writer.epoch_start());
    let crc = writer.append_bookkeeping(Nanos(1), frame)?;
    cancel(OrderId(1)).encode(&mut frame);
    frame.seal(SeqNo(1), Nanos(1), crc);
    writer.append(&frame)?;
    frame.write(FrameKind::HashProbe, probe);
    writer.append_bookkeeping(Nanos(1), frame)?;
    writer.close()
}

#[test]
fn a_replay_that_comes_to_something_else_says_so() {
    let config = config(Durability::Pagecache);
    let replay_with = |probe: &HashProbe| {
        let dir = tempfile::tempdir().unwrap();
        write_with_probe(config.journal_options(dir.path()).unwrap(), probe).unwrap();
        let identity = venue::identity(config.matching_hash());
        let mut reader = Reader::open(dir.path(), identity).unwrap();
        replay(&mut reader, config.shape(), Listener::default(), None).map(|replay| replay.probe())
    };
    let elsewhere = HashProbe { seqno: 0, reports: 0, state: [0; 2], output: [0; 2] };
    let right = replay_with(&elsewhere).unwrap();
    assert_eq!(replay_with(&right).unwrap(), right);
    for (wrong, named) in [
        (HashProbe { state: [right.state[0] ^ 1, right.state[1]], ..right }, "state hash"),
        (HashProbe { output: [right.output[0], right.output[1] ^ 1], ..right }, "output hash"),
        (HashProbe { reports: right.reports + 1, ..right }, "report count"),
    ] {
        let said = replay_with(&wrong);
        assert!(
            matches!(
                said, Err(ReplayError::Diverged { from: 0, to: 1, what, .. }) if what == named
            ),
            "a wrong {named} gives {said:?}"
        );
    }
}
