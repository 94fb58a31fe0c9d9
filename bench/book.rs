//! The order book on one thread: the engine against a minimal order book.
//!
//! `cargo bench --bench book -- [--events N] [--runs N] [--batch N] [--only NAME] [--quick]
//! [--profile NAME]`. All contestants apply the same commands, decoded before the clock starts in
//! chunks that fit the cache; the loop over them is part of every figure. Wrong trades end the run
//! with exit code 1; slow ones are only printed. `--profile` runs the engine alone, once, for a
//! profiler.

#[path = "contest.rs"]
mod contest;
#[path = "sketch.rs"]
mod sketch;

use contest::{RingSink, Sequencer, Times, ns_per_event, run, run_engine};
use ringside_engine::Engine;
use ringside_load::flow::{EventKind, Flow, FlowSpec, Trades, Workload};
use ringside_model::command::{Action, Definition};
use sketch::{Dense, Hashed, Ids, Range, Sketch};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Goals in nanoseconds per event.
const W1_NS_MAX: f64 = 18.0;
const W2_NS_MAX: f64 = 45.0;
/// Largest ratio of the engine's time to the better sketch's time. The engine also makes reports,
/// totals and hashes.
const RATIO_MAX: f64 = 1.4;
/// Largest ratio of the time of a scenario to the time of W1, for scenarios whose book fits the
/// cache.
const OF_W1_MAX: f64 = 3.0;

/// Largest number of prices of a flow for a sketch, which needs an array over all of them.
const LADDER_MAX: i64 = 1 << 24;
const SEED: u64 = 2026;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    contest::pin();
    if let Some(workload) = options.profile {
        let flow = generate(workload, &options);
        let (time, agrees) = run_engine(&flow, options.batch);
        println!("{workload}: {:.1} ns/event", ns_per_event(time, &flow));
        return verdict(agrees);
    }
    println!(
        "{} events, batches of {}, median of {}\n",
        options.events, options.batch, options.runs
    );
    println!(
        "| scenario | engine ns/event | spread | sketch | sketch, prefetching | ratio | goals | trades |"
    );
    println!("|---|---:|---:|---:|---:|---:|---|---|");
    let mut correct = true;
    let mut w1_ns = None;
    for workload in options.workloads() {
        let row = measure(workload, &options);
        correct &= row.correct;
        if workload == Workload::W1 {
            w1_ns = Some(row.engine.median);
        }
        row.print(w1_ns);
    }
    if options.workloads().contains(&Workload::W1) {
        print_latency(&options);
    }
    verdict(correct)
}

fn verdict(correct: bool) -> ExitCode {
    if correct {
        ExitCode::SUCCESS
    } else {
        eprintln!("the trades or the live orders are wrong");
        ExitCode::FAILURE
    }
}

struct Options {
    events: usize,
    runs: usize,
    batch: usize,
    quick: bool,
    only: Option<Workload>,
    profile: Option<Workload>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options {
            events: 5_000_000,
            runs: 5,
            batch: 64,
            quick: false,
            only: None,
            profile: None,
        };
        while let Some(flag) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{flag} needs a value"));
            let number = |text: String| match text.parse() {
                Ok(n) if n > 0 => Ok(n),
                _ => Err(format!("{text:?} is not a number above zero")),
            };
            match flag.as_str() {
                "--events" => options.events = number(value()?)?,
                "--runs" => options.runs = number(value()?)?,
                "--batch" => options.batch = number(value()?)?,
                "--only" => options.only = Some(value()?.parse()?),
                "--profile" => options.profile = Some(value()?.parse()?),
                "--quick" => {
                    options.quick = true;
                    options.events = options.events.min(500_000);
                }
                // Cargo passes this flag to every benchmark.
                "--bench" => {}
                _ => return Err(format!("unknown option {flag:?}")),
            }
        }
        Ok(options)
    }

    fn workloads(&self) -> Vec<Workload> {
        match self.only {
            Some(workload) => vec![workload],
            None => {
                let all = Workload::ALL.into_iter();
                let long = [Workload::Million, Workload::Deep];
                all.filter(|w| !(self.quick && long.contains(w))).collect()
            }
        }
    }
}

fn generate(workload: Workload, options: &Options) -> Flow {
    Flow::generate(&FlowSpec { workload, seed: SEED, events: options.events })
}

struct Row {
    workload: Workload,
    engine: Times,
    sketches: Option<[Times; 2]>,
    trades: u64,
    correct: bool,
}

/// Measures a workload. The contestants take turns, so that changes in the speed of the machine
/// fall on all of them.
fn measure(workload: Workload, options: &Options) -> Row {
    let flow = generate(workload, options);
    let layout = Layout::of(&flow);
    let mut correct = true;
    let mut times: [Vec<f64>; 3] = Default::default();
    for _ in 0..options.runs {
        let (time, agrees) = run_engine(&flow, options.batch);
        correct &= agrees;
        times[0].push(ns_per_event(time, &flow));
        if layout.is_flat() {
            for ahead in [false, true] {
                let (time, trades) = if workload == Workload::Shuffled {
                    run_sketch::<Hashed>(&flow, &layout, options.batch, ahead)
                } else {
                    run_sketch::<Dense>(&flow, &layout, options.batch, ahead)
                };
                correct &= trades == flow.trades;
                times[1 + usize::from(ahead)].push(ns_per_event(time, &flow));
            }
        }
    }
    let [engine, plain, ahead] = times;
    let sketches = layout.is_flat().then(|| [Times::of(plain), Times::of(ahead)]);
    let trades = flow.trades.count;
    Row { workload, engine: Times::of(engine), sketches, trades, correct }
}

impl Row {
    fn print(&self, w1_ns: Option<f64>) {
        let Times { median, least, most } = self.engine;
        let mut goals = Vec::new();
        let mut goal = |what: String, met: bool| {
            goals.push(format!("{what} {}", if met { "PASS" } else { "MISS" }));
        };
        match self.workload {
            Workload::W1 => goal(format!("≤ {W1_NS_MAX} ns"), median <= W1_NS_MAX),
            Workload::W2 => goal(format!("≤ {W2_NS_MAX} ns"), median <= W2_NS_MAX),
            Workload::Million | Workload::Deep => {}
            _ => {
                if let Some(w1_ns) = w1_ns {
                    goal(format!("≤ {OF_W1_MAX} × W1"), median <= OF_W1_MAX * w1_ns);
                }
            }
        }
        let mut sketches = "– | – | –".to_string();
        if let Some([plain, ahead]) = self.sketches {
            let ratio = median / plain.median.min(ahead.median);
            goal(format!("ratio ≤ {RATIO_MAX}"), ratio <= RATIO_MAX);
            sketches = format!("{:.1} | {:.1} | {ratio:.2}", plain.median, ahead.median);
        }
        println!(
            "| {} | {median:.1} | {least:.1}–{most:.1} | {sketches} | {} | {} {} |",
            self.workload,
            goals.join(", "),
            self.trades,
            if self.correct { "agree" } else { "DIFFER" },
        );
    }
}

fn run_sketch<I: Ids>(
    flow: &Flow,
    layout: &Layout,
    batch: usize,
    ahead: bool,
) -> (Duration, Trades) {
    let mut sketch = Sketch::<I>::new(&layout.ranges, layout.keys, flow.setup.len());
    let time = if ahead {
        run(flow, batch, |commands| sketch.apply_batch_ahead(commands))
    } else {
        run(flow, batch, |commands| sketch.apply_batch(commands))
    };
    (time, sketch.trades)
}

/// Properties of a flow that a sketch must know beforehand.
struct Layout {
    /// Price range of each symbol.
    ranges: Vec<Range>,
    /// Largest key plus one.
    keys: usize,
}

impl Layout {
    fn of(flow: &Flow) -> Self {
        let symbols = flow.definitions.iter();
        let symbols = symbols
            .filter(|c| matches!(c.action, Action::Definition(Definition::Symbol(_))))
            .count();
        let mut ranges = vec![(i64::MAX, i64::MIN); symbols];
        let mut keys = 0;
        for event in flow.setup.iter().chain(&flow.events) {
            if event.kind != EventKind::Cancel {
                let (from, to) = &mut ranges[event.symbol.0 as usize - 1];
                (*from, *to) = ((*from).min(event.price.0), (*to).max(event.price.0));
            }
            let id = event.id.max(event.new_id);
            keys = keys.max(1 + Dense::key(event.session.into(), id.into()));
        }
        Layout { ranges, keys }
    }

    fn is_flat(&self) -> bool {
        self.ranges.iter().all(|(from, to)| to - from < LADDER_MAX)
    }
}

/// Prints the latency of single events, without a batch to look ahead in: of all events, of orders
/// that only rest, and of orders that trade.
fn print_latency(options: &Options) {
    let flow = generate(Workload::W1, options);
    let clock_ns = clock_ns();
    let mut engine = Engine::new(flow.setup.len());
    let mut sink = RingSink::new();
    let mut sequencer = Sequencer::default();
    for &command in &flow.definitions {
        engine.apply_batch(&[sequencer.number(command)], &mut sink);
    }
    sequencer.chunks(&flow.setup, |commands| engine.apply_batch(commands, &mut sink));
    let histogram = || hdrhistogram::Histogram::<u64>::new(3).expect("three digits");
    let [mut all, mut inserts, mut matches] = [histogram(), histogram(), histogram()];
    sequencer.chunks(&flow.events, |commands| {
        for command in commands.chunks(1) {
            let trades = sink.trades.count;
            let start = Instant::now();
            engine.apply_batch(command, &mut sink);
            let ns = (start.elapsed().as_nanos() as u64).saturating_sub(clock_ns);
            all.record(ns).expect("the histogram grows");
            if command[0].command.action.entered().is_some() {
                let of_kind = if sink.trades.count == trades { &mut inserts } else { &mut matches };
                of_kind.record(ns).expect("the histogram grows");
            }
        }
    });
    println!(
        "\nW1 one by one, less the {clock_ns} ns that reading the clock takes (its jitter is included):\n"
    );
    println!("| event | mean ns | p50 | p99 | p99.9 | max | samples |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for (name, of) in [("all", all), ("insert: rests", inserts), ("match: trades", matches)] {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|part| of.value_at_quantile(part));
        let (mean, max, samples) = (of.mean(), of.max(), of.len());
        println!("| {name} | {mean:.0} | {p50} | {p99} | {p999} | {max} | {samples} |");
    }
}

/// Returns the median time between two consecutive readings of the clock, in ns.
fn clock_ns() -> u64 {
    let mut apart: Vec<u64> = (0..10_001)
        .map(|_| {
            let start = Instant::now();
            start.elapsed().as_nanos() as u64
        })
        .collect();
    apart.sort_unstable();
    apart[apart.len() / 2]
}
