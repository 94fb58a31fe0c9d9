//! One run: the sessions on their threads, and the sum of their results.

use super::listener::{FeedListener, Heard};
use crate::cli::CliError;
use crate::cli::bench::figures::thousands;
use crate::cli::bench::progress;
use ringside_load::session::driver::{Driver, Gate, RunSettings, Stopped};
use ringside_load::session::lane::Lane;
use ringside_load::session::ledger::Counts;
use ringside_load::session::meter::{Meter, RunClock};
use ringside_load::session::plan::Plan;
use ringside_wire::client::session::Session;
use ringside_wire::soupbintcp::Login;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Venue to connect to, and the users to log in as.
pub(super) struct Target<'a> {
    /// Addresses of the OUCH port, tried in turn.
    pub addresses: &'a [SocketAddr],
    /// User of each session.
    pub users: Vec<String>,
    /// Password of all users.
    pub password: &'a str,
}

/// Sum of the results of all sessions.
pub(super) struct Outcome {
    /// Counts of requests and answers, with the opening book and the warm-up.
    pub counts: Counts,
    /// Latencies of the measured requests.
    pub meter: Meter,
    /// Number of numbered messages received.
    pub messages: u64,
    /// Number of lost connections.
    pub reconnects: u64,
    /// Longest time in ns for which a session received nothing while it waited for an answer or its
    /// connection was lost.
    pub longest_outage_ns: u64,
    /// Number of messages that never arrived.
    pub lost: u64,
    /// Number of messages that arrived twice.
    pub doubled: u64,
    /// Number of ping-pong requests that were left out.
    pub skipped: u64,
    /// Number of failed checks.
    pub wrong: u64,
    /// Descriptions of the first failed checks, with the user.
    pub failures: Vec<String>,
    /// True if the run was stopped before its end.
    pub stopped: bool,
    /// Results of the listener on the feed.
    pub heard: Option<Heard>,
}

/// Sends a plan and collects the results of all sessions.
pub(super) fn run(
    plan: Plan,
    venue: &Target,
    settings: RunSettings,
    threads: usize,
    listener: Option<FeedListener>,
    stop: &Arc<AtomicBool>,
) -> Result<Outcome, CliError> {
    let symbols: Arc<[[u8; 8]]> = plan.symbols.into();
    let threads = threads.clamp(1, plan.sessions.len());
    let mut shares: Vec<Vec<Lane>> = std::iter::repeat_with(Vec::new).take(threads).collect();
    for (n, (session, user)) in plan.sessions.into_iter().zip(&venue.users).enumerate() {
        let login = Login {
            user: user.clone(),
            password: venue.password.to_string(),
            session: String::new(),
            number: 0,
            heartbeat_timeout_ms: None,
        };
        let connection = Session::new(venue.addresses.to_vec(), login);
        shares[n % threads].push(Lane::new(user.clone(), connection, session, symbols.clone()));
    }
    let sessions = shares.iter().map(Vec::len).sum();
    let gate = Gate::new(threads, sessions, Arc::clone(stop), progress::say);
    let clock = RunClock::start();
    let drivers = shares.into_iter().map(|lanes| Driver::new(lanes, settings, clock, &gate));
    let failure = |error| CliError::Failure(format!("cannot wait for sockets: {error}"));
    let mut drivers: Vec<Driver> = drivers.collect::<Result<_, _>>().map_err(failure)?;
    if listener.is_some() {
        for Driver { lanes, meter, .. } in &mut drivers {
            meter.remember(lanes.iter().map(|lane| lane.ids() as usize).sum());
        }
    }
    let ended = AtomicBool::new(false);
    let (drivers, heard) = std::thread::scope(|scope| {
        let listening =
            listener.map(|listener| scope.spawn(|| listener.listen(clock, &ended, settings.spin)));
        let drivers = progress::each_second(sent_and_come(&gate), || on_threads(drivers));
        ended.store(true, Ordering::Release);
        (drivers, listening.map(|thread| thread.join().expect("it does not panic")))
    });
    Ok(Outcome::of(drivers?, heard.transpose()?, stop.load(Ordering::Relaxed)))
}

fn on_threads(drivers: Vec<Driver>) -> Result<Vec<Driver>, CliError> {
    let done: Vec<_> = std::thread::scope(|scope| {
        let mut running = vec![];
        for mut driver in drivers {
            running.push(scope.spawn(move || driver.run().map(|()| driver)));
        }
        running.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    });
    let cause = done.iter().find_map(|done| match done {
        Err(Stopped::Failed(what)) => Some(CliError::Failure(what.clone())),
        _ => None,
    });
    match cause {
        Some(cause) => Err(cause),
        None => Ok(done.into_iter().flatten().collect()),
    }
}

/// Returns a function that formats the progress line.
fn sent_and_come<'a>(gate: &'a Gate) -> impl FnMut() -> String + Send + 'a {
    let mut last = 0;
    move || {
        let sent = gate.sent.load(Ordering::Relaxed);
        let messages = gate.messages.load(Ordering::Relaxed);
        let rate = thousands(sent - std::mem::replace(&mut last, sent));
        format!("{} requests, {rate}/s, {} messages", thousands(sent), thousands(messages))
    }
}

impl Outcome {
    fn of(drivers: Vec<Driver>, heard: Option<Heard>, stopped: bool) -> Outcome {
        let mut outcome = Outcome {
            counts: Counts::default(),
            meter: Meter::new(),
            messages: 0,
            reconnects: 0,
            longest_outage_ns: 0,
            lost: 0,
            doubled: 0,
            skipped: 0,
            wrong: 0,
            failures: vec![],
            stopped,
            heard,
        };
        for driver in drivers {
            outcome.meter.add(&driver.meter);
            driver.lanes.into_iter().for_each(|lane| outcome.add(lane));
        }
        if let Some(heard) = &mut outcome.heard {
            outcome.wrong += heard.wrong.len() as u64;
            outcome.failures.append(&mut heard.wrong);
        }
        outcome
    }

    fn add(&mut self, mut lane: Lane) {
        let (lost, doubled) = lane.finish(Instant::now());
        self.messages += lane.ledger.messages;
        self.reconnects += lane.reconnects;
        self.longest_outage_ns = self.longest_outage_ns.max(lane.longest_outage_ns());
        self.lost += lost;
        self.doubled += doubled;
        self.skipped += lane.skipped;
        let counts = lane.ledger.counts();
        for (n, what) in [
            (counts.unanswered, "new orders have no answer"),
            (lost, "messages never came"),
            (doubled, "messages came again"),
        ] {
            if n > 0 {
                lane.ledger.fail(format_args!("{n} {what}"));
            }
        }
        self.counts.add(&counts);
        self.wrong += lane.ledger.wrong;
        let user = &lane.user;
        self.failures.extend(lane.ledger.failures.iter().map(|what| format!("{user}: {what}")));
    }

    /// Returns the measured requests per second.
    pub(super) fn rate(&self) -> f64 {
        let seconds = self.meter.seconds();
        if seconds > 0.0 { self.meter.sent as f64 / seconds } else { 0.0 }
    }
}
