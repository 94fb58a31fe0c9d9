//! `ringside load`: a load generator over the wire.
//!
//! The sessions are in [`ringside_load::session`]. `run.rs` puts them on threads, `listener.rs`
//! hears the feed, `report.rs` prints the outcome.

mod listener;
mod report;
mod run;

use super::bench::machine::Machine;
use super::bench::{parse_arrivals, progress};
use super::market_data::FeedArgs;
use super::{CliError, stop_on_signals};
use clap::Args;
use listener::FeedListener;
use report::{Feed, LoadReport};
use ringside_load::arrivals::{ArrivalKind, Arrivals};
use ringside_load::flow::Workload;
use ringside_load::session::driver::RunSettings;
use ringside_load::session::echo;
use ringside_load::session::lane::Pace;
use ringside_load::session::plan::{MIXES, Plan, Spec};
use run::Target;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Address, password and symbols of `serve` without a config.
pub(super) const DEV_ADDRESS: &str = "127.0.0.1:26400";
pub(super) const DEV_PASSWORD: &str = "ringside";
const DEV_SYMBOLS: &str = "AAPL,MSFT,AMZN,NVDA,GOOG,META,TSLA,AMD";

/// Arguments of `load`.
#[derive(Args, Clone, Debug)]
pub(super) struct LoadArgs {
    /// OUCH port of the venue; several addresses are tried in turn.
    #[arg(long = "address", value_name = "HOST:PORT", value_delimiter = ',',
          default_value = DEV_ADDRESS)]
    addresses: Vec<String>,
    /// Number of sessions that send; each logs in as a user of its own.
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u16).range(1..))]
    sessions: u16,
    /// Prefix of the user names, which end in a number: LOAD01, LOAD02 …
    #[arg(long, value_name = "TEXT", default_value = "LOAD")]
    user_prefix: String,
    /// Password of all users.
    #[arg(long, value_name = "TEXT", default_value = DEV_PASSWORD)]
    password: String,
    /// Send at a fixed rate (open loop), in requests per second over all sessions [default: 10000].
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Send as fast as the venue answers.
    #[arg(long, conflicts_with = "rate")]
    saturate: bool,
    /// Send one request at a time in one session and wait for its answer; not faster than --rate,
    /// if given.
    #[arg(long, conflicts_with = "saturate")]
    ping_pong: bool,
    /// With --saturate: largest number of new orders of a session that wait for an answer.
    #[arg(long, value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u64).range(1..))]
    window: u64,
    /// Seconds of measurement.
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    seconds: f64,
    /// Seconds of sending before the measurement.
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    warmup_seconds: f64,
    /// Number of requests to generate for --saturate and --ping-pong; the run ends when they are
    /// used up [default: 500000 or 100000 for each second, at most 8000000].
    #[arg(long, value_name = "N")]
    requests: Option<usize>,
    /// Workload as in `bench`: w1, w2, walk, million or deep. An opening book is sent first, as
    /// fast as the venue takes it.
    #[arg(long, value_name = "NAME", default_value_t = Workload::W1, value_parser = parse_mix)]
    mix: Workload,
    /// Symbols of the venue; each gets a flow of its own, w2 has one flow for each 100 symbols.
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', default_value = DEV_SYMBOLS)]
    symbols: Vec<String>,
    /// Arrival times: even, poisson or bursts:N.
    #[arg(long, value_name = "KIND", default_value = "even", value_parser = parse_arrivals)]
    arrivals: ArrivalKind,
    /// Random seed for requests and arrival times.
    #[arg(long, default_value_t = 2026)]
    seed: u64,
    /// Number of threads that serve the sessions.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
    /// Poll without sleeping. Use this only if each thread has a core to itself.
    #[arg(long)]
    spin: bool,
    /// With --ping-pong: also measure a bare TCP echo on loopback, and print the ratio of the
    /// venue's time to the echo's time.
    #[arg(long, requires = "ping_pong")]
    echo: bool,
    #[command(flatten)]
    feed: FeedArgs,
    /// Remark on the venue for the report: its durability, its threads.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Output directory.
    #[arg(long, value_name = "DIR", default_value = "out/load")]
    out: PathBuf,
    /// Print the report as JSON instead of the table.
    #[arg(long)]
    json: bool,
}

/// Runs `ringside load`.
pub(super) fn run(args: &LoadArgs) -> Result<(), CliError> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop)?;
    let addresses = resolve(&args.addresses)?;
    let sessions = if args.ping_pong { 1 } else { args.sessions };
    let venue = Target {
        addresses: &addresses,
        users: users(&args.user_prefix, sessions)?,
        password: &args.password,
    };
    let settings = settings(args)?;
    let machine = Machine::this();
    let requests = requests(args);
    progress::say(&format!("making {requests} requests"));
    let plan = make_plan(args, sessions, requests)?;
    let listener = if args.feed.is_given() {
        let room = room_for(&plan);
        Some(FeedListener::join(&args.feed, &venue.users[0], venue.password, room)?)
    } else {
        None
    };
    let mut outcome = run::run(plan, &venue, settings, args.threads.into(), listener, &stop)?;
    let echo =
        args.echo.then(|| echo::measure(outcome.meter.sent.clamp(1_000, 200_000), args.spin));
    let echo = echo.transpose().map_err(|error| CliError::Failure(format!("echo: {error}")))?;
    let heard = outcome.heard.take();
    let feed = heard.map(|heard| Feed::of(heard, &outcome.meter.resting()));
    LoadReport { args, addresses: &addresses, sessions, machine, outcome: &outcome, feed, echo }
        .write()?;
    match outcome.failures.first() {
        Some(first) => {
            let wrong = outcome.wrong;
            Err(CliError::Check(format!("{wrong} checks failed; the first: {first}")))
        }
        None => Ok(()),
    }
}

/// Returns the number of orders to reserve room for: orders of the plan and some of other clients.
fn room_for(plan: &Plan) -> usize {
    const OTHERS: usize = 1 << 20;
    OTHERS + plan.sessions.iter().map(|session| session.ids as usize).sum::<usize>()
}

/// Resolves all names, in their order.
pub(super) fn resolve(names: &[String]) -> Result<Vec<SocketAddr>, CliError> {
    let mut addresses = vec![];
    for name in names {
        let found = name.to_socket_addrs();
        addresses.extend(found.map_err(|error| CliError::Failure(format!("{name}: {error}")))?);
    }
    Ok(addresses)
}

/// Returns the user of each session.
fn users(prefix: &str, sessions: u16) -> Result<Vec<String>, CliError> {
    const LENGTH_MAX: usize = 6;
    let users: Vec<String> = (1..=sessions).map(|n| format!("{prefix}{n:02}")).collect();
    match users.iter().find(|user| user.len() > LENGTH_MAX) {
        Some(user) => Err(CliError::Failure(format!("{user:?}: a user has at most 6 characters"))),
        None => Ok(users),
    }
}

fn settings(args: &LoadArgs) -> Result<RunSettings, CliError> {
    let seconds = |seconds: f64| {
        Duration::try_from_secs_f64(seconds)
            .map_err(|error| CliError::Failure(format!("{seconds} seconds: {error}")))
    };
    let (warmup, measured) = (seconds(args.warmup_seconds)?, seconds(args.seconds)?);
    let pace = match args.saturate {
        _ if args.ping_pong => Pace::PingPong,
        true => Pace::Window(args.window),
        false => Pace::OpenLoop,
    };
    // An open loop has no end time: every request is sent at its intended time or later.
    let until = (pace != Pace::OpenLoop).then_some(warmup + measured);
    Ok(RunSettings { pace, window: args.window, warmup, until, spin: args.spin })
}

/// Default rate in requests per second.
const RATE: u64 = 10_000;

impl LoadArgs {
    /// Returns the rate in requests per second; `None` if the requests have no intended times.
    fn asked_rate(&self) -> Option<u64> {
        let free = self.saturate || self.ping_pong;
        self.rate.or((!free).then_some(RATE))
    }
}

/// Returns the number of requests to generate.
fn requests(args: &LoadArgs) -> usize {
    const REQUESTS_MAX: f64 = 8e6;
    let seconds = args.seconds + args.warmup_seconds;
    let requests = match (args.asked_rate(), args.requests) {
        (Some(rate), _) => (rate as f64 * seconds).ceil(),
        (None, Some(requests)) => requests as f64,
        (None, None) => {
            let per_second = if args.ping_pong { 1e5 } else { 5e5 };
            (per_second * seconds).min(REQUESTS_MAX)
        }
    };
    (requests as usize).max(1)
}

fn make_plan(args: &LoadArgs, sessions: u16, requests: usize) -> Result<Plan, CliError> {
    let spec = Spec {
        mix: args.mix,
        seed: args.seed,
        requests,
        symbols: &args.symbols,
        sessions: sessions.into(),
    };
    let arrivals = args.asked_rate().map(|rate| Arrivals::new(args.arrivals, rate, args.seed));
    match arrivals {
        Some(mut arrivals) => Plan::make(&spec, || arrivals.next_ns()),
        None => Plan::make(&spec, || 0),
    }
    .map_err(CliError::Failure)
}

fn parse_mix(name: &str) -> Result<Workload, String> {
    let names = || MIXES.map(Workload::name).join(", ");
    let found = MIXES.into_iter().find(|mix| mix.name() == name);
    found.ok_or_else(|| format!("no mix is called {name:?}; there are {}", names()))
}
