//! The same commands give the same report bytes, output hash and state hash: live and on replay,
//! with any number of shards, any thread plan and idle strategy, any batch and ring size.

use ringside::config::Config;
use ringside_core::json_reports::JsonReports;
use ringside_core::merge::Subscriber;
use ringside_core::pipeline::{CommandSource, Control, Polled};
use ringside_core::recovery::replay::replay;
use ringside_core::venue::{self, Recover, Venue};
use ringside_engine::Engine;
use ringside_journal::Reader;
use ringside_load::flow::{Flow, FlowSpec, Workload};
use ringside_model::command::{
    Action, ClientFields, Command, Enter, MassCancel, OperatorCommand, Sequenced, SetDurability,
    SetState, TradingDay,
};
use ringside_model::domain::*;
use ringside_model::durability::Durability;
use ringside_model::frame::{FrameKind, HashProbe};
use ringside_model::hash::OutputHash;
use ringside_model::reason::Reason;
use ringside_model::report::{Published, Report};
use ringside_testing::oracle::commands::{MIXED, Profile, stream};

/// Source of commands with given official times, so that report bytes can be compared. After every
/// 1000 commands the source pauses, so that stages also idle. Every third command that a client can
/// send has client fields, as if it came over the network: no report and no hash may depend on
/// them.
struct Given<'a> {
    commands: &'a [Command],
    sent: u64,
    paused: bool,
    fields: Option<ClientFields>,
}

impl<'a> Given<'a> {
    fn after(sent: u64, commands: &'a [Command]) -> Self {
        Given { commands, sent, paused: false, fields: None }
    }
}

fn fields(number: u64, kind: FrameKind) -> Option<ClientFields> {
    let sent_by_client = (kind as u8) < FrameKind::DefineSymbol as u8;
    let text = *number.to_be_bytes().repeat(2).first_chunk()?;
    let [tif, display, capacity, sweep, cross] = *b"0YANN";
    let (tag_bytes, tags) = (3, [number as u8; ClientFields::TAG_BYTES_MAX]);
    let fields = ClientFields { text, tif, display, capacity, sweep, cross, tag_bytes, tags };
    (sent_by_client && kind != FrameKind::EnterStop && number.is_multiple_of(3)).then_some(fields)
}

impl CommandSource for Given<'_> {
    fn poll(&mut self) -> Polled {
        self.paused = !self.paused && self.sent.is_multiple_of(1000);
        if self.paused {
            return Polled::Idle;
        }
        let Some((&command, rest)) = self.commands.split_first() else { return Polled::Ended };
        self.commands = rest;
        self.sent += 1;
        self.fields = fields(self.sent, command.action.kind());
        Polled::Command { command, time: Some(time_of(self.sent)), intended_ns: 0 }
    }

    fn client_fields(&self) -> Option<&ClientFields> {
        self.fields.as_ref()
    }
}

/// Returns the time of a command: a second after the one before, so that timers run, too.
fn time_of(sent: u64) -> Nanos {
    Nanos(u64::MAX / 2 + sent * 1_000_000_000)
}

#[derive(Default)]
struct Lines {
    lines: JsonReports,
    bytes: Vec<u8>,
}

impl Recover for Lines {}

impl Subscriber for Lines {
    fn definition(&mut self, command: &Command) {
        self.lines.definition(command);
    }

    fn report(&mut self, published: &Published) {
        self.lines.write(published, &mut self.bytes);
    }
}

/// Reports and hashes of a run.
#[derive(PartialEq)]
struct Outcome {
    bytes: Vec<u8>,
    probe: HashProbe,
}

/// Runs the engine alone, command by command, as the reference. The run begins in `pagecache`.
fn reference(commands: &[Command]) -> Outcome {
    reference_in(Durability::Pagecache, commands)
}

fn reference_in(mut durability: Durability, commands: &[Command]) -> Outcome {
    let (mut engine, mut lines, mut output) =
        (Engine::new(1), Lines::default(), OutputHash::default());
    for (i, command) in commands.iter().enumerate() {
        let (seqno, time) = (SeqNo(i as u64 + 1), time_of(i as u64 + 1));
        let mut reports: Vec<Report> = vec![];
        let mut command = *command;
        match command.action {
            Action::Operator(OperatorCommand::SetDurability(_))
                if command.verdict != Reason::None => {}
            Action::Operator(OperatorCommand::SetDurability(SetDurability {
                durability: Durability::Volatile,
            })) => command.verdict = Reason::Unsupported,
            Action::Operator(OperatorCommand::SetDurability(SetDurability {
                durability: mode,
            })) => durability = mode,
            _ => {}
        }
        engine.apply_batch(&[Sequenced { seqno, time, command }], &mut reports);
        lines.definition(&command);
        for (index, report) in (0..).zip(reports) {
            let report = report.without_last();
            let published = Published { seqno, index, time, durability, report };
            output.add(&published);
            lines.report(&published);
        }
    }
    let seqno = SeqNo(commands.len() as u64);
    let probe = ringside_core::merge::probe(seqno, engine.state_hash(), &output);
    Outcome { bytes: lines.bytes, probe }
}

fn live(commands: &[Command], config: &Config, dir: &std::path::Path) -> Outcome {
    config.check().unwrap();
    let cores = ringside_core::pipeline::plan::allowed_cores();
    let options = config.journal_options(dir).unwrap();
    let venue = Venue::open(options, config.shape(), &mut Lines::default()).unwrap();
    let source = Given::after(0, commands);
    let (layout, control) = (config.layout(&cores).unwrap(), Control::default());
    let closed =
        venue.run(&layout, source, Lines::default(), &control, None, vec![]).unwrap().unwrap();
    Outcome { bytes: closed.subscriber.bytes, probe: closed.probe }
}

fn replayed(config: &Config, dir: &std::path::Path, shards: u32) -> Outcome {
    let identity = venue::identity(config.matching_hash());
    let mut reader = Reader::open(dir, identity).unwrap();
    let mut shape = config.shape();
    shape.shards = shards;
    let replayed = replay(&mut reader, shape, Lines::default(), None).unwrap();
    assert!(replayed.probes_checked > 0, "a hash probe closes the journal");
    Outcome { probe: replayed.probe(), bytes: replayed.subscriber.bytes }
}

fn config(shards: u32, plan: &str, idle: &str, batch: usize, slots: usize) -> Config {
    let mut config = Config::default();
    config.pipeline.shards = shards;
    config.pipeline.plan = plan.into();
    config.pipeline.idle = idle.into();
    config.pipeline.batch_max = batch;
    config.pipeline.ring_slots = slots;
    config.pipeline.report_slots = slots;
    config.journal.segment_bytes = 1 << 20;
    config.journal.any_filesystem = true;
    config.engine.hash_probe_interval = 1000;
    config
}

const THREADS: &str = "sequencer, journaler, replicator, matchers, publisher";

fn check(commands: &[Command], config: &Config, expected: &Outcome) {
    let dir = tempfile::tempdir().unwrap();
    let what = format!("{:?} {}", config.pipeline, config.journal.durability);
    assert!(live(commands, config, dir.path()) == *expected, "live: {what}");
    for shards in [1, 3] {
        assert!(replayed(config, dir.path(), shards) == *expected, "replay on {shards}: {what}");
    }
}

/// Returns random commands of every kind over many symbols. Each id belongs to one symbol: the ids
/// that a session has used on other symbols are known only to its gateway.
fn mixed_commands(count: usize) -> Vec<Command> {
    let profile = Profile { ids_cross_symbols: false, moves: 20, ..MIXED };
    stream(profile, 7, count).iter().map(|sequenced| sequenced.command).collect()
}

fn flow_commands(workload: Workload, events: usize) -> Vec<Command> {
    let flow = Flow::generate(&FlowSpec { workload, seed: 3, events });
    let mut commands = flow.definitions;
    commands.extend(flow.setup.iter().chain(&flow.events).map(|event| event.command()));
    commands
}

#[test]
fn shards_do_not_show() {
    let commands = flow_commands(Workload::W2, 1);
    let commands = &commands[..60_000];
    let expected = reference(commands);
    for shards in [1, 2, 3, 8] {
        check(commands, &config(shards, "two", "backoff", 256, 1024), &expected);
    }
}

#[test]
fn plans_idle_strategies_and_durability_do_not_show() {
    let commands = flow_commands(Workload::W1, 20_000);
    let expected = reference(&commands);
    for plan in ["auto", "single", "two", THREADS] {
        for idle in ["yield", "backoff"] {
            check(&commands, &config(2, plan, idle, 64, 1024), &expected);
        }
    }
    for idle in ["spin", "spin-hint"] {
        check(&commands, &config(2, "single", idle, 64, 1024), &expected);
    }
    for mode in [Durability::Volatile, Durability::Fsync] {
        let mut config = config(2, "two", "backoff", 256, 1024);
        config.journal.durability = mode.name().into();
        let in_mode = reference_in(mode, &commands);
        check(&commands, &config, &in_mode);
        assert!(in_mode.probe == expected.probe, "a mode is in the lines, not in the hashes");
    }
}

#[test]
fn batch_and_ring_sizes_do_not_show() {
    let commands = flow_commands(Workload::W1, 10_000);
    let expected = reference(&commands);
    for batch in [1, 2, 7, 64, 1024] {
        let slots = usize::max(8, batch).next_power_of_two();
        check(&commands, &config(3, "single", "yield", batch, slots), &expected);
        check(&commands, &config(3, THREADS, "backoff", batch, slots), &expected);
    }
}

#[test]
fn sweeps_mass_cancels_and_ends_of_days_pass_through_small_rings() {
    let symbols = 5;
    let mut commands = flow_commands(Workload::W2, 1);
    let setup = commands.iter().position(|c| matches!(c.action, Action::Enter(_))).unwrap();
    commands.truncate(setup);
    let session = SessionId(1);
    let command = |symbol, action| Command {
        session,
        symbol: SymbolId(symbol),
        verdict: Reason::None,
        action,
    };
    let enter = |id, side, price, quantity| {
        Action::Enter(Enter::limit(OrderId(id), side, Quantity(quantity), Price(price)))
    };
    for id in 1..=100_000 {
        let price = 100 + (id % 7) as i64;
        commands.push(command(1 + id as u32 % symbols, enter(id, Side::Sell, price, 1)));
    }
    commands.push(command(1, enter(200_000, Side::Buy, 1000, 15_000)));
    // Two calls on two shards; a mass cancel removes their orders.
    for symbol in [1, 2] {
        commands.push(command(symbol, Action::from(SetState::to(SymbolState::PreOpen))));
        commands.push(command(symbol, enter(200_010 + u64::from(symbol), Side::Buy, 1000, 500)));
    }
    commands.push(command(0, Action::MassCancel(MassCancel::default())));
    // An auction with thousands of orders.
    for id in 400_000..404_000 {
        let side = if id % 2 == 0 { Side::Buy } else { Side::Sell };
        commands.push(command(1, enter(id, side, 1000, 3)));
    }
    for symbol in [2, 1] {
        commands.push(command(symbol, Action::from(SetState::to(SymbolState::Open))));
    }
    commands.push(command(2, enter(200_001, Side::Buy, 1000, 1)));
    for id in 300_000..330_000 {
        commands.push(command(1 + id as u32 % symbols, enter(id, Side::Sell, 2_000, 1)));
    }
    commands.push(command(0, Action::from(TradingDay { event: DayEvent::End })));
    commands.push(command(3, enter(200_002, Side::Buy, 1000, 1)));
    let expected = reference(&commands);
    assert!(expected.probe.reports > 100_000 + 30_000 + 85_000 + 60_000);
    for shards in [1, 3] {
        check(&commands, &config(shards, "single", "yield", 8, 8), &expected);
        check(&commands, &config(shards, THREADS, "backoff", 8, 8), &expected);
    }
}

#[test]
fn what_all_shards_refuse_is_told_once() {
    let mut commands = flow_commands(Workload::W2, 1);
    let setup = commands.iter().position(|c| matches!(c.action, Action::Enter(_))).unwrap();
    commands.truncate(setup + 500);
    let command = |verdict, action| Command {
        session: SessionId(1),
        symbol: SymbolId::NONE,
        verdict,
        action,
    };
    for verdict in [Reason::NotPermitted, Reason::Disconnect, Reason::None] {
        commands.push(command(verdict, Action::MassCancel(MassCancel::default())));
        for event in [DayEvent::Start, DayEvent::End] {
            commands.push(command(verdict, Action::from(TradingDay { event })));
        }
    }
    let expected = reference(&commands);
    let text = std::str::from_utf8(&expected.bytes).unwrap();
    assert_eq!(text.matches("not_permitted").count(), 3);
    for shards in [1, 2, 3, 8] {
        check(&commands, &config(shards, "single", "yield", 64, 256), &expected);
    }
}

#[test]
fn every_kind_of_command_is_the_same_on_every_layout() {
    let commands = mixed_commands(30_000);
    for kind in FrameKind::ALL.iter().filter(|kind| kind.is_command()) {
        assert!(commands.iter().any(|command| command.action.kind() == *kind), "{kind:?}");
    }
    let expected = reference(&commands);
    for shards in [1, 2, 8] {
        check(&commands, &config(shards, "single", "yield", 64, 256), &expected);
        check(&commands, &config(shards, THREADS, "backoff", 256, 256), &expected);
    }
}

#[test]
fn hash_probes_are_journaled_along_the_way() {
    let commands = flow_commands(Workload::W1, 20_000);
    let (dir, config) = (tempfile::tempdir().unwrap(), config(2, "single", "yield", 64, 256));
    live(&commands, &config, dir.path());
    let identity = venue::identity(config.matching_hash());
    let mut reader = Reader::open(dir.path(), identity).unwrap();
    let replayed = replay(&mut reader, config.shape(), Lines::default(), None).unwrap();
    // A probe follows each 1000 commands; the last probes may have no command behind them.
    assert!(replayed.probes_checked > 20, "{}", replayed.probes_checked);
}

#[test]
fn a_run_that_goes_on_is_the_same_as_one_in_one_go() {
    let commands = flow_commands(Workload::W1, 10_000);
    let expected = reference(&commands);
    let dir = tempfile::tempdir().unwrap();
    let config = config(2, "two", "backoff", 64, 256);
    let cores = ringside_core::pipeline::plan::allowed_cores();
    let mut bytes = vec![];
    let mut names = Lines::default();
    let mut probe = None;
    for part in commands.chunks(commands.len() / 3 + 1) {
        let options = config.journal_options(dir.path()).unwrap();
        let venue = Venue::open(options, config.shape(), &mut Lines::default()).unwrap();
        let already = venue.last_seqno().0;
        let source = Given::after(already, part);
        let (layout, control) = (config.layout(&cores).unwrap(), Control::default());
        let closed = venue.run(&layout, source, names, &control, None, vec![]).unwrap().unwrap();
        names = closed.subscriber;
        bytes.append(&mut names.bytes);
        probe = Some(closed.probe);
    }
    assert!(Outcome { bytes, probe: probe.unwrap() } == expected);
    assert!(replayed(&config, dir.path(), 2) == expected);
}

#[test]
fn a_start_in_another_mode_is_a_command_of_its_own() {
    let commands = flow_commands(Workload::W1, 1_000);
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(2, "two", "backoff", 64, 256);
    let mut bytes = vec![];
    let (mut names, mut sent) = (Lines::default(), 0);
    for (part, mode) in commands.chunks(3_000).zip(["pagecache", "fsync", "fsync", "volatile"]) {
        config.journal.durability = mode.into();
        let options = config.journal_options(dir.path()).unwrap();
        let venue = Venue::open(options, config.shape(), &mut Lines::default()).unwrap();
        let source = Given::after(sent, part);
        sent += part.len() as u64;
        let cores = ringside_core::pipeline::plan::allowed_cores();
        let (layout, control) = (config.layout(&cores).unwrap(), Control::default());
        let closed = venue.run(&layout, source, names, &control, None, vec![]).unwrap().unwrap();
        names = closed.subscriber;
        bytes.append(&mut names.bytes);
    }
    let text = String::from_utf8(bytes.clone()).unwrap();
    let changes: Vec<&str> = text.lines().filter(|line| line.contains("durability_set")).collect();
    assert_eq!(changes.len(), 2, "from pagecache to fsync and from fsync to volatile");
    assert!(changes[0].ends_with("\"fsync\"}") && changes[1].ends_with("\"volatile\"}"));
    let mut modes: Vec<&str> = text.lines().map(|line| line.rsplit('"').nth(1).unwrap()).collect();
    modes.dedup();
    assert_eq!(modes, ["pagecache", "fsync", "volatile"]);
    assert!(replayed(&config, dir.path(), 1).bytes == bytes);
}
