//! `ringside bench`: it measures and proves its own outcome, and the proof can fail.

use ringside::cli::CliError;
use ringside::cli::bench::case::{Case, Outcome, Proof};
use ringside::cli::bench::load::{Commands, Load, Pace};
use ringside::cli::bench::{self, BenchArgs, figures, machine::Machine};
use ringside::config::Config;
use ringside_load::arrivals::ArrivalKind;
use ringside_load::flow::Workload;
use ringside_model::report::ReportKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const EVENTS: usize = 20_000;
const WARMUP: usize = 2_000;
const RATE: Pace = Pace::OpenLoop { rate: 400_000, arrivals: ArrivalKind::Poisson };

fn config(durability: &str) -> Config {
    let mut config = Config::for_bench();
    config.journal.durability = durability.into();
    config.journal.segment_bytes = 1 << 20;
    config.journal.any_filesystem = true;
    config.pipeline.idle = "yield".into();
    config.engine.hash_probe_interval = 5_000;
    config
}

fn load() -> Load {
    Load::generate(Workload::W1, 7, EVENTS)
}

fn measure(config: &Config, load: &Load, pace: Pace, dir: &Path) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    Case { config, load, warmup: WARMUP, pace, seed: 7 }.measure(dir, &stop).unwrap()
}

fn prove(config: &Config, load: &Load, dir: &Path, run: &Outcome) -> Result<Proof, CliError> {
    Case { config, load, warmup: WARMUP, pace: Pace::Saturate, seed: 7 }.prove(dir, run)
}

fn check_of(result: Result<Proof, CliError>) -> String {
    match result {
        Err(CliError::Check(what)) => what,
        Err(other) => panic!("expected a failed check, got {other:?}"),
        Ok(_) => panic!("the check passed"),
    }
}

#[test]
fn every_durability_and_pace_is_measured_and_proven() {
    let load = load();
    let mut trades = vec![];
    for durability in ["volatile", "pagecache", "fsync"] {
        for (pace, shards) in [(Pace::Saturate, 1), (RATE, 2)] {
            let dir = tempfile::tempdir().unwrap();
            let mut config = config(durability);
            config.pipeline.shards = shards;
            let run = measure(&config, &load, pace, dir.path());
            let proof = prove(&config, &load, dir.path(), &run).unwrap();
            let measured = (EVENTS - WARMUP) as u64;
            assert_eq!((run.measured, run.stopped), (measured, false), "{durability}");
            assert_eq!(proof.commands, load.len() as u64);
            let orders = run.tally.reports(ReportKind::Accepted);
            assert_eq!((proof.orders, run.tally.reports(ReportKind::Rejected)), (orders, 0));
            let samples: Vec<u64> = run.spans.iter().map(|span| span.histogram.len()).collect();
            assert!(samples.iter().all(|n| n.abs_diff(measured / 13) <= 1), "{samples:?}");
            let worst = run.corrected().histogram.max();
            assert!(worst >= run.uncorrected().histogram.value_at_quantile(0.5), "{worst}");
            trades.push(run.tally.trades);
        }
    }
    assert!(trades.iter().all(|other| *other == load.trades.unwrap()) && trades[0].count > 0);
}

#[test]
fn an_open_loop_keeps_its_rate_and_counts_late_sends() {
    let dir = tempfile::tempdir().unwrap();
    let load = load();
    // Twice the rate that any machine reaches: nearly all commands are late, and the latency shows
    // that.
    let pace = Pace::OpenLoop { rate: 1_000_000_000, arrivals: ArrivalKind::Even };
    let run = measure(&config("pagecache"), &load, pace, dir.path());
    assert!(run.late > run.measured / 2, "{} of {}", run.late, run.measured);
    let [corrected, sent] =
        [run.corrected(), run.uncorrected()].map(|span| span.histogram.value_at_quantile(0.9));
    assert!(corrected > sent, "{corrected} from the intended time, {sent} from the send");
    assert!(run.lateness_max_ns > 0);

    let dir = tempfile::tempdir().unwrap();
    let pace = Pace::OpenLoop { rate: 100_000, arrivals: ArrivalKind::Even };
    let run = measure(&config("pagecache"), &load, pace, dir.path());
    // 18,000 commands at 100,000 a second take 0.18 s.
    assert!(run.seconds > 0.17, "{}", run.seconds);
}

#[test]
fn wrong_trades_reports_or_hashes_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let config = config("pagecache");
    let mut load = load();
    let mut run = measure(&config, &load, Pace::Saturate, dir.path());
    prove(&config, &load, dir.path(), &run).unwrap();

    load.trades.as_mut().unwrap().quantity += 1;
    let what = check_of(prove(&config, &load, dir.path(), &run));
    assert!(what.starts_with("trades"), "{what}");
    load.trades.as_mut().unwrap().quantity -= 1;

    run.sent -= 1;
    let what = check_of(prove(&config, &load, dir.path(), &run));
    assert!(what.starts_with("commands"), "{what}");
    run.sent += 1;

    let tally = std::mem::take(&mut run.tally);
    let what = check_of(prove(&config, &load, dir.path(), &run));
    assert!(what.contains("count different reports"), "{what}");
    run.tally = tally;

    run.probe.output[1] ^= 1;
    let what = check_of(prove(&config, &load, dir.path(), &run));
    assert!(what.starts_with("output hash"), "{what}");
    run.probe.output[1] ^= 1;
    run.probe.state[0] ^= 1;
    let what = check_of(prove(&config, &load, dir.path(), &run));
    assert!(what.starts_with("state hash"), "{what}");
}

#[test]
fn a_tampered_journal_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (config, load) = (config("fsync"), load());
    let run = measure(&config, &load, Pace::Saturate, dir.path());
    let path = dir.path().join("00000001.seg");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096 + 64 * 5000 + 40] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let result = prove(&config, &load, dir.path(), &run);
    assert!(matches!(result, Err(CliError::Corrupt(_))), "{:?}", result.err());
}

#[test]
fn a_journal_with_commands_in_it_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (config, load) = (config("pagecache"), load());
    measure(&config, &load, Pace::Saturate, dir.path());
    let stop = Arc::new(AtomicBool::new(false));
    let case = Case { config: &config, load: &load, warmup: 0, pace: Pace::Saturate, seed: 7 };
    let error = case.measure(dir.path(), &stop).err().unwrap().to_string();
    assert!(error.contains("holds commands already"), "{error}");
}

#[test]
fn a_stopped_run_is_still_proven() {
    let dir = tempfile::tempdir().unwrap();
    let (config, load) = (config("pagecache"), load());
    let stop = Arc::new(AtomicBool::new(false));
    let pace = Pace::OpenLoop { rate: 10_000, arrivals: ArrivalKind::Even };
    let case = Case { config: &config, load: &load, warmup: WARMUP, pace, seed: 7 };
    let stopper = Arc::clone(&stop);
    let stopping = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        stopper.store(true, Ordering::Relaxed);
    });
    let run = case.measure(dir.path(), &stop).unwrap();
    stopping.join().unwrap();
    assert!(run.stopped && run.sent < load.len() as u64);
    case.prove(dir.path(), &run).unwrap();
}

#[test]
fn a_session_file_is_a_load() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("session.ndjson");
    let order = |id: u64, side: &str| {
        format!(
            r#"{{"op":"enter","session":"A","id":{id},"symbol":"X","side":"{side}","type":"limit","tif":"day","qty":10,"price":"1.00","ts":5}}"#
        )
    };
    let mut lines = vec![r#"{"op":"symbol","symbol":"X","tick":"0.01","lot":1}"#.to_string()];
    lines.extend((1..=500).map(|id| order(id, if id % 3 == 0 { "sell" } else { "buy" })));
    lines.push(r#"{"op":"cancel","session":"A","id":9999}"#.into());
    std::fs::write(&file, lines.join("\n")).unwrap();
    let load = Load::read(&file).unwrap();
    assert!(matches!(&load.flow, Commands::Listed(commands) if commands.len() >= 502));
    let config = config("pagecache");
    let case = Case { config: &config, load: &load, warmup: 0, pace: Pace::Saturate, seed: 1 };
    let (run, proof) = case.run(&Arc::new(AtomicBool::new(false))).unwrap();
    assert_eq!((proof.orders, run.tally.reports(ReportKind::Rejected)), (500, 1));
    assert_eq!(run.tally.trades.count, 166);
}

#[derive(clap::Parser)]
struct Program {
    #[command(flatten)]
    bench: BenchArgs,
}

/// Runs the command with these flags and an output directory of its own.
fn command(flags: &[&str]) -> tempfile::TempDir {
    let out = tempfile::tempdir().unwrap();
    let all = [&["bench"], flags, &["--out", out.path().to_str().unwrap()]].concat();
    let program = <Program as clap::Parser>::try_parse_from(all).unwrap();
    bench::run(&program.bench, &config("pagecache")).unwrap();
    out
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_command_writes_its_files() {
    let flags = ["--commands", "20000", "--warmup", "1000", "--rate", "500000"];
    let out = command(&flags);
    let summary = json(&out.path().join("summary.json"));
    assert_eq!(summary["schema_version"], 1);
    assert_eq!(summary["measured"], 20_000);
    assert_eq!(summary["parameters"]["rate"], 500_000);
    assert_eq!(summary["state_hash"].as_str().unwrap().len(), 32);
    let end_to_end = &summary["latency_ns"][0];
    assert!(end_to_end["p50"].as_u64() <= end_to_end["p99"].as_u64());
    assert!(end_to_end["samples"].as_u64().unwrap().abs_diff(20_000 / 13) <= 1);
    assert!(summary["counts"]["accepted"].as_u64().unwrap() > 10_000);
    let hgrm = std::fs::read_to_string(out.path().join("latency.hgrm")).unwrap();
    assert!(hgrm.contains("1/(1-Percentile)") && hgrm.contains("#[Mean"), "{hgrm}");
    let svg = std::fs::read_to_string(out.path().join("latency.svg")).unwrap();
    assert!(svg.contains("<polyline") && svg.contains("99.9 %"));
}

#[test]
fn a_sweep_writes_its_files() {
    let out = command(&["sweep", "--commands", "20000", "--seconds", "0.02"]);
    let sweep = json(&out.path().join("sweep.json"));
    assert_eq!(sweep["rates"].as_array().unwrap().len(), 7);
    assert!(sweep["capacity"].as_f64().unwrap() > 0.0);
    let table = std::fs::read_to_string(out.path().join("sweep.md")).unwrap();
    assert_eq!(table.lines().filter(|line| line.ends_with("% |")).count(), 7, "{table}");
    assert!(std::fs::read_to_string(out.path().join("sweep.svg")).unwrap().contains("M/s"));
}

#[test]
fn the_preface_names_what_a_figure_depends_on() {
    let load = load();
    for (durability, promise) in [
        ("volatile", "nobody waits for the journal"),
        ("pagecache", "not a power cut"),
        ("fsync", "survives a power cut"),
    ] {
        let config = config(durability);
        let case = Case { config: &config, load: &load, warmup: WARMUP, pace: RATE, seed: 7 };
        let text = figures::preface(&case, &Machine::this()).unwrap();
        for part in [promise, "sequencer", "400,000/s, poisson", "1 in 13"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
