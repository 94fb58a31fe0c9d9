//! Instruction counts of hot paths, and of the dearest commands: one row, once, on one thread.
//!
//! `scripts/instructions` runs each row under callgrind and compares the counts with the budgets in
//! `bench/instructions.toml`. Only the work inside functions called `counted` is counted;
//! generating the flow, the opening book and the checks are not.
//!
//! `cargo run --release --example instructions` prints the rows. With `path ROW` it prints the
//! number of counted events of a hot path. With `worst ROW SCALE` it prints the number of reports
//! of a command beside a crowd, and of what the command may look at: a scale of 10 is a tenth of
//! the crowd. A wrong outcome ends the run.

#[expect(dead_code, reason = "no clock is read here")]
#[path = "contest.rs"]
mod contest;
#[expect(dead_code, reason = "no clock is read here")]
#[path = "worst/mod.rs"]
mod worst;

use contest::{CHUNK, RingSink, Sequencer};
use ringside::config::Config;
use ringside_core::merge::Subscriber;
use ringside_core::recovery::replay::{Replay, Shape};
use ringside_core::registry::names::Names;
use ringside_core::shard::MatchingShard;
use ringside_core::streams::{Projections, SessionStates, StreamId, StreamSink};
use ringside_engine::{Engine, Shard};
use ringside_journal::{JournalError, Lock, Writer};
use ringside_load::flow::{Event, Flow, FlowSpec, SESSIONS, Workload};
use ringside_model::command::{
    Action, ClientFields, Command, DefineSession, Definition, Replace, Sequenced,
};
use ringside_model::domain::{Nanos, OrderId, Role, SeqNo};
use ringside_model::frame::Frame;
use ringside_model::report::{Published, ReportSink};
use std::hint::black_box;
use std::process::ExitCode;

/// Hot path whose instructions are counted; a row of the table.
struct Row {
    name: &'static str,
    /// Row whose count is contained in this one and is subtracted.
    less: Option<&'static str>,
    /// Runs the path; returns the number of events.
    run: fn() -> u64,
}

const ROWS: &[Row] = &[
    Row { name: "book-w1", less: None, run: || book(Workload::W1) },
    Row { name: "book-w2", less: None, run: || book(Workload::W2) },
    Row { name: "frames-w1", less: None, run: frames_w1 },
    Row { name: "decode", less: None, run: decode },
    Row { name: "seal", less: None, run: seal },
    Row { name: "encode-itch", less: None, run: || encode(Role::File).itch },
    Row { name: "encode-ouch", less: Some("encode-itch"), run: || encode(Role::OrderEntry).ouch },
    Row { name: "journal-append", less: None, run: journal_append },
];

const EVENTS: usize = 200_000;
const SEED: u64 = 2026;
/// Number of commands that are applied together, the same as a matcher takes.
const BATCH: usize = 64;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let events = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            print_rows();
            return ExitCode::SUCCESS;
        }
        ["path", name] => ROWS.iter().find(|row| row.name == name).map(|row| (row.run)()),
        ["worst", name, scale] => worst(name, scale),
        _ => None,
    };
    let Some(events) = events else {
        eprintln!("no such row: {}", args.join(" "));
        return ExitCode::from(2);
    };
    println!("{events}");
    ExitCode::SUCCESS
}

/// Prints the kind and the name of each row, and the row that is to be subtracted.
fn print_rows() {
    for row in ROWS {
        println!("path\t{}\t{}", row.name, row.less.unwrap_or_default());
    }
    for row in worst::ROWS.iter().copied().flatten() {
        println!("worst\t{}\t", row.what);
    }
}

/// Counts the first command of a row, without a measurement of others before it.
fn worst(name: &str, scale: &str) -> Option<u64> {
    let row = worst::ROWS.iter().copied().flatten().find(|row| row.what == name)?;
    let scale = scale.parse().ok().filter(|&scale| scale > 0)?;
    let outcome = (row.run)(worst::Size { scale, once: true });
    Some(outcome.reports + outcome.looks_at)
}

/// Runs the counted region. Callgrind finds the function by its name.
#[inline(never)]
fn counted<T>(work: impl FnOnce() -> T) -> T {
    work()
}

fn flow(workload: Workload) -> Flow {
    Flow::generate(&FlowSpec { workload, seed: SEED, events: EVENTS })
}

/// Counts the engine over decoded commands.
fn book(workload: Workload) -> u64 {
    let flow = flow(workload);
    let mut engine = Engine::new(flow.setup.len());
    let mut sink = RingSink::new();
    let mut sequencer = Sequencer::default();
    for &command in &flow.definitions {
        engine.apply_batch(&[sequencer.number(command)], &mut sink);
    }
    sequencer.chunks(&flow.setup, |commands| engine.apply_batch(commands, &mut sink));
    sequencer.chunks(&flow.events, |commands| {
        counted(|| {
            for batch in commands.chunks(BATCH) {
                engine.apply_batch(batch, &mut sink);
            }
        });
    });
    assert_eq!((sink.trades, engine.live_orders()), (flow.trades, flow.live));
    EVENTS as u64
}

/// Counts the part of a matcher between its two rings: decode each frame, apply the batch, keep the
/// reports.
fn frames_w1() -> u64 {
    let flow = flow(Workload::W1);
    let mut shard = MatchingShard::new(Shard { index: 0, count: 1 }, Engine::new(flow.setup.len()));
    let mut sink = RingSink::new();
    let mut sealer = Sealer::default();
    for frame in flow.definitions.iter().map(|&command| sealer.seal(command)) {
        take(&mut shard, &[frame]);
    }
    sealer.chunks(&flow.setup, |frames| take(&mut shard, frames));
    shard.reports().clear();
    sealer.chunks(&flow.events, |frames| {
        for batch in frames.chunks(BATCH) {
            counted(|| take(&mut shard, batch));
            shard.reports().drain(..).for_each(|report| sink.report(report));
        }
    });
    assert_eq!((sink.trades, shard.engine().live_orders()), (flow.trades, flow.live));
    EVENTS as u64
}

#[inline(always)]
fn take(shard: &mut MatchingShard, frames: &[Frame]) {
    for frame in frames {
        shard.frame(frame).expect("a command of this version");
    }
    shard.apply();
}

fn decode() -> u64 {
    let flow = flow(Workload::W1);
    let mut decoded: Vec<Sequenced> = Vec::with_capacity(CHUNK);
    Sealer::default().chunks(&flow.events, |frames| {
        decoded.clear();
        counted(|| decoded.extend(frames.iter().filter_map(Sequenced::decode)));
        assert_eq!(black_box(&decoded).len(), frames.len());
    });
    EVENTS as u64
}

/// Counts sealing of commands as in the sequencer: encode into the frame, chain the checksum.
fn seal() -> u64 {
    let flow = flow(Workload::W1);
    let mut sealer = Sealer::default();
    let mut frames = [Frame::default(); CHUNK];
    for events in flow.events.chunks(CHUNK) {
        let commands: Vec<Command> = events.iter().map(Event::command).collect();
        let mut crc = sealer.crc;
        counted(|| {
            for (command, frame) in commands.iter().zip(&mut frames) {
                sealer.last += 1;
                command.encode(frame);
                crc = frame.seal(SeqNo(sealer.last), Nanos(sealer.last), crc);
            }
        });
        for frame in &mut frames[..events.len()] {
            assert!(frame.verify(sealer.crc), "the chain is closed");
            sealer.crc = frame.header.crc;
        }
    }
    EVENTS as u64
}

/// Counts the encoding of streams from ready reports. Sessions of the role `File` receive nothing,
/// so that only market data remains.
fn encode(role: Role) -> Messages {
    let flow = flow(Workload::W1);
    let states = SessionStates::new(SESSIONS as usize + 1);
    let mut projections = Projections::new(Messages::default(), states, Names::default());
    let shape = Shape { shards: 1, orders: flow.setup.len() };
    let mut venue = Replay::new(shape, Told::default());
    let mut sealer = Sealer { client_fields: true, ..Sealer::default() };
    let mut publish = |frames: &[Frame], is_counted: bool| {
        for frame in frames {
            venue.frame(frame).expect("no probe differs");
        }
        venue.flush();
        let told = std::mem::take(&mut venue.subscriber);
        if is_counted {
            counted(|| tell(&mut projections, &told));
        } else {
            tell(&mut projections, &told);
            *projections.encoder.sink_mut() = Messages::default();
        }
    };
    for &(mut command) in &flow.definitions {
        if let Action::Definition(Definition::Session(DefineSession { role: defined, .. })) =
            &mut command.action
        {
            *defined = role;
        }
        publish(&[sealer.seal(command)], false);
    }
    sealer.chunks(&flow.setup, |frames| publish(frames, false));
    sealer.chunks(&flow.events, |frames| publish(frames, true));
    let Messages { itch, ouch } = *projections.encoder.sink();
    // Every event has a report, and every trade has one for each side.
    let reports = EVENTS as u64 + 2 * flow.trades.count;
    assert_eq!(ouch, if role == Role::OrderEntry { reports } else { 0 });
    assert!(itch >= EVENTS as u64, "every event changes the displayed book");
    Messages { itch, ouch }
}

#[inline(always)]
fn tell(projections: &mut Projections<Messages>, told: &Told) {
    for (frame, reports) in &told.commands {
        projections.command(frame);
        for published in reports {
            projections.report(published);
        }
        projections.end_command();
    }
    projections.end_batch();
}

/// Subscriber that keeps commands with their reports, as the publisher passes them on.
#[derive(Default)]
struct Told {
    commands: Vec<(Frame, Vec<Published>)>,
}

impl Subscriber for Told {
    const COMMANDS: bool = true;

    fn command(&mut self, frame: &Frame) {
        self.commands.push((*frame, vec![]));
    }

    fn report(&mut self, published: &Published) {
        let (_, reports) = self.commands.last_mut().expect("a command comes before its reports");
        reports.push(*published);
    }
}

/// Sink that counts the messages of all streams and drops their bytes.
#[derive(Clone, Copy, Default)]
struct Messages {
    itch: u64,
    ouch: u64,
}

impl StreamSink for Messages {
    #[inline]
    fn append(&mut self, stream: StreamId, message: &[u8]) {
        black_box(message);
        match stream {
            StreamId::MARKET_DATA => self.itch += 1,
            _ => self.ouch += 1,
        }
    }
}

/// Counts appends to a prepared segment in the page cache, with a commit for each batch. The
/// segment is large enough for all frames.
fn journal_append() -> u64 {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut config = Config::for_bench();
    config.journal.segment_bytes = 16 << 20;
    let mut options = config.journal_options(dir.path()).expect("the config is valid");
    options.segments_last = 1;
    let lock = Lock::take(dir.path()).expect("nobody else writes");
    let found =
        ringside_journal::recover(&options, &lock, None, SeqNo(0), |_| Ok::<_, JournalError>(()));
    let found = found.expect("it is empty");
    let mut writer = Writer::open(options, lock, &found).expect("the journal opens");
    Sealer::default().chunks(&flow(Workload::W1).events, |frames| {
        for batch in frames.chunks(BATCH) {
            counted(|| {
                for frame in batch {
                    writer.append(frame).expect("there is space");
                }
                writer.commit().expect("nothing to sync");
            });
        }
    });
    assert_eq!((writer.seqno(), writer.position().segment), (SeqNo(EVENTS as u64), 1));
    EVENTS as u64
}

/// Makes frames from commands as the gateway and the sequencer do.
#[derive(Default)]
struct Sealer {
    last: u64,
    crc: u32,
    client_fields: bool,
}

impl Sealer {
    fn seal(&mut self, command: Command) -> Frame {
        let mut frame = Frame::default();
        command.encode(&mut frame);
        if let Some(id) = brought(&command.action).filter(|_| self.client_fields) {
            client_fields(id).append_to(&mut frame);
        }
        self.last += 1;
        self.crc = frame.seal(SeqNo(self.last), Nanos(self.last), self.crc);
        frame
    }

    fn chunks(&mut self, events: &[Event], mut take: impl FnMut(&[Frame])) {
        let mut frames = Vec::with_capacity(CHUNK);
        for chunk in events.chunks(CHUNK) {
            frames.clear();
            frames.extend(chunk.iter().map(|event| self.seal(event.command())));
            take(&frames);
        }
    }
}

/// Returns the id of the order that a command of a flow enters.
fn brought(action: &Action) -> Option<OrderId> {
    match action {
        Action::Enter(enter) => Some(enter.id),
        Action::Replace(Replace { new_id, .. }) => Some(*new_id),
        _ => None,
    }
}

fn client_fields(OrderId(id): OrderId) -> ClientFields {
    let mut text = [b' '; ClientFields::TEXT_BYTES];
    text[..8].copy_from_slice(format!("{:08}", id % 100_000_000).as_bytes());
    let (tif, display, capacity, sweep, cross) = (b'0', b'Y', b'O', b'N', b'N');
    let tags = [0; ClientFields::TAG_BYTES_MAX];
    ClientFields { text, tif, display, capacity, sweep, cross, tag_bytes: 0, tags }
}
