//! The journal on one thread: append, read and check, recover, replay.
//!
//! `cargo bench --bench journal -- [--frames N] [--runs N] [--quick]`. Frames are 64-byte orders,
//! sealed before the clock starts. The segments are prepared and in the page cache, as in a running
//! venue.

use hdrhistogram::Histogram;
use memmap2::MmapRaw;
use ringside::config::Config;
use ringside_core::merge::Subscriber;
use ringside_core::recovery::replay::{Replay, replay};
use ringside_journal::{JournalError, Lock, Options, Reader, Writer};
use ringside_model::command::{Action, Cancel, Command};
use ringside_model::domain::{Nanos, OrderId, SeqNo, SessionId, SymbolId};
use ringside_model::durability::Durability;
use ringside_model::frame::{CommitMark, Frame, FrameKind};
use ringside_model::reason::Reason;
use ringside_model::report::Published;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Goal: frames per second that are read and checked.
const READ_GOAL: f64 = 10e6;
/// Number of frames in each batch of appends; under `fsync` each batch ends with a sync.
const BATCH: usize = 64;

struct Nobody;

impl Subscriber for Nobody {
    fn report(&mut self, _published: &Published) {}
}

fn main() {
    let mut frames: usize = 10_000_000;
    let mut runs = 3;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|n| n.parse().ok()).expect("a number follows");
        match arg.as_str() {
            "--frames" => frames = number(),
            "--runs" => runs = number(),
            "--quick" => (frames, runs) = (500_000, 1),
            _ => {}
        }
    }
    let sealed = sealed_frames(frames);
    let times: Vec<[Duration; 4]> = (0..runs).map(|_| run(&sealed)).collect();
    let synced = synced_append(&sealed[..frames.min(200_000)]);

    println!("{frames} frames of 64 bytes, median of {runs}; one thread of {} cores\n", cores());
    println!("| | ns/frame | M frames/s | goal |");
    println!("|---|---:|---:|---|");
    let names = ["append, pagecache", "read and check", "recover, no engine", "recover and replay"];
    for (i, name) in names.into_iter().enumerate() {
        let mut of_runs: Vec<Duration> = times.iter().map(|run| run[i]).collect();
        of_runs.sort();
        let ns = of_runs[runs / 2].as_nanos() as f64 / frames as f64;
        let goal = match i {
            1 if 1e9 / ns >= READ_GOAL => "≥ 10 M/s PASS",
            1 => "≥ 10 M/s MISS",
            _ => "",
        };
        println!("| {name} | {ns:.1} | {:.1} | {goal} |", 1e3 / ns);
    }
    let ns = synced.as_nanos() as f64 / frames.min(200_000) as f64;
    println!("| append, fsync, a sync for each {BATCH} | {ns:.1} | {:.2} | |", 1e3 / ns);
    let (stores, syncs) = beside_syncs(frames.min(1_000_000));
    let at = |quantile| stores.value_at_quantile(quantile);
    println!(
        "\nA 128-byte append beside {syncs} syncs of another thread, {} appends: p50 {} ns, p99 {} ns, \
         p99.9 {} ns, max {} µs.",
        stores.len(),
        at(0.5),
        at(0.99),
        at(0.999),
        stores.max() / 1000
    );
    let mut recovery: Vec<Duration> = times.iter().map(|run| run[3]).collect();
    recovery.sort();
    let per_10m = recovery[runs / 2].as_secs_f64() * 1e7 / frames as f64;
    println!("\nA restart takes {per_10m:.2} s for each 10 M frames.");
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn config() -> Config {
    let mut config = Config::for_bench();
    config.journal.segment_bytes = 64 << 20;
    config
}

fn sealed_frames(count: usize) -> Vec<Frame> {
    let mut crc = 0;
    (1..=count as u64)
        .map(|seqno| {
            let mut frame = Frame::default();
            let command = Command {
                session: SessionId(1),
                symbol: SymbolId(1),
                verdict: Reason::None,
                action: Action::Cancel(Cancel { id: OrderId(seqno) }),
            };
            command.encode(&mut frame);
            crc = frame.seal(SeqNo(seqno), Nanos(seqno), crc);
            frame
        })
        .collect()
}

fn run(frames: &[Frame]) -> [Duration; 4] {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let options = config().journal_options(dir.path()).expect("the config is valid");
    let append = append(&options, frames);
    let clock = Instant::now();
    let mut reader = Reader::open(dir.path(), options.identity).expect("the journal opens");
    let mut read = 0;
    while reader.next_frame().expect("every frame is good").is_some() {
        read += 1;
    }
    let read_time = clock.elapsed();
    assert_eq!(read, frames.len() + 2, "every frame came back");

    let clock = Instant::now();
    let lock = Lock::take(dir.path()).expect("nobody else writes");
    let found =
        ringside_journal::recover(&options, &lock, None, SeqNo(0), |_| Ok::<_, JournalError>(()));
    assert_eq!(found.expect("it recovers").seqno.0 as usize, frames.len());
    let recover_time = clock.elapsed();

    let clock = Instant::now();
    let mut reader = Reader::open(dir.path(), options.identity).expect("the journal opens");
    let replayed: Replay<Nobody> =
        replay(&mut reader, config().shape(), Nobody, None).expect("it replays");
    assert_eq!(replayed.order.output().reports as usize, frames.len());
    [append, read_time, recover_time, clock.elapsed()]
}

fn append(options: &Options, frames: &[Frame]) -> Duration {
    let mut options = options.clone();
    ringside_journal::prepare_ahead(&mut options, frames.len() as u64 * 64 + 4096)
        .expect("there is space");
    let mut writer = open(&options, &options.dir);
    let mut time = Duration::ZERO;
    for batch in frames.chunks(BATCH) {
        let clock = Instant::now();
        for frame in batch {
            writer.append(frame).expect("there is space");
        }
        writer.commit().expect("the device works");
        time += clock.elapsed();
    }
    // Two marks, so that each proves the other.
    for _ in 0..2 {
        let mut mark = Frame::default();
        mark.write(
            FrameKind::CommitMark,
            &CommitMark { committed: frames.len() as u64, synced: 0 },
        );
        writer.append_bookkeeping(Nanos(0), mark).expect("there is space");
    }
    writer.close().expect("the device works");
    time
}

fn synced_append(frames: &[Frame]) -> Duration {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut config = config();
    config.journal.durability = "fsync".into();
    config.journal.any_filesystem = true;
    let options = config.journal_options(dir.path()).expect("the config is valid");
    append(&options, frames)
}

/// Returns the latency of appends in ns, and the number of syncs, while another thread syncs the
/// same segment without a pause: each sync covers the bytes written since the last one. The segment
/// is zeroed as for `fsync`.
fn beside_syncs(frames: usize) -> (Histogram<u64>, u64) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut config = config();
    config.journal.segment_bytes = (frames as u64 * 128 + (1 << 20)).next_multiple_of(4096);
    config.journal.durability = "fsync".into();
    config.journal.any_filesystem = true;
    let mut options = config.journal_options(dir.path()).expect("the config is valid");
    ringside_journal::prepare_ahead(&mut options, frames as u64 * 128).expect("there is space");
    options.durability = Durability::Pagecache;
    let mut writer = open(&options, dir.path());
    let file =
        std::fs::File::options().read(true).write(true).open(dir.path().join("00000001.seg"));
    // This mapping is only synced, never read: the writer has its own.
    let map = MmapRaw::map_raw(&file.expect("the segment is there")).expect("it can be mapped");
    let (written, stop) = (AtomicU64::new(4096), AtomicBool::new(false));
    let mut times = Histogram::new(3).expect("three digits");
    let syncs = std::thread::scope(|scope| {
        let syncing = scope.spawn(|| {
            let (mut synced, mut syncs) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                let to = written.load(Ordering::Relaxed);
                map.flush_range(synced, to as usize - synced).expect("the device works");
                synced = to as usize / 4096 * 4096;
                syncs += 1;
            }
            syncs
        });
        let mut frame = Frame::default();
        let mut crc = 0;
        for seqno in 1..=frames as u64 {
            frame.write(FrameKind::HashProbe, &[seqno; 6]);
            crc = frame.seal(SeqNo(seqno), Nanos(seqno), crc);
            let began = Instant::now();
            writer.append(&frame).expect("there is space");
            times.saturating_record(began.elapsed().as_nanos() as u64);
            if seqno % 16 == 0 {
                writer.commit().expect("nothing to sync");
                written.store(4096 + seqno * 128, Ordering::Relaxed);
            }
            // A million appends per second, as in the other measurements.
            while began.elapsed() < Duration::from_micros(1) {}
        }
        stop.store(true, Ordering::Relaxed);
        syncing.join().expect("it does not panic")
    });
    (times, syncs)
}

fn open(options: &Options, dir: &Path) -> Writer {
    let lock = Lock::take(dir).expect("nobody else writes");
    let found =
        ringside_journal::recover(options, &lock, None, SeqNo(0), |_| Ok::<_, JournalError>(()));
    Writer::open(options.clone(), lock, &found.expect("it is empty")).expect("the journal opens")
}
