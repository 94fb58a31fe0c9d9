//! One thread of the load: a loop over its sessions that never waits for an answer.

use super::lane::{Lane, Pace, PaceRules};
use super::meter::{Meter, RunClock};
use super::poller::Poller;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Time without a connection after which a session has failed.
const GIVE_UP_NS: u64 = 10_000_000_000;
/// Interval at which all sessions are checked, including those with quiet sockets.
const LOOK_NS: u64 = 100_000_000;
/// Time by which a thread wakes up before a request is due, because sleeps are not exact.
const WAKE_NS: u64 = 100_000;
/// Longest sleep of a thread.
const SLEEP_NS: u64 = 1_000_000;

/// Settings that all threads share.
#[derive(Clone, Copy, Debug)]
pub struct RunSettings {
    /// Rule for the send times of the flow's requests.
    pub pace: Pace,
    /// Number of new orders that a session may have unanswered while it sends the opening book.
    pub window: u64,
    /// Time from the start of the flow before which nothing is measured.
    pub warmup: Duration,
    /// Time from the start of the flow after which no new request is sent; `None` sends the whole
    /// flow.
    pub until: Option<Duration>,
    /// True if the threads never give up their core.
    pub spin: bool,
}

/// Points where the threads wait for each other, and their progress for outside readers.
pub struct Gate {
    threads: usize,
    arrived: [AtomicUsize; 4],
    start_ns: AtomicU64,
    /// A thread has failed, so the others stop.
    failed: AtomicBool,
    /// Set from outside to end the load early.
    pub stop: Arc<AtomicBool>,
    /// Number of requests sent.
    pub sent: AtomicU64,
    /// Number of messages received.
    pub messages: AtomicU64,
    sessions: usize,
    connected: AtomicUsize,
    lost_connections: AtomicU64,
    /// Prints a progress message for the person who waits.
    say: fn(&str),
}

impl Gate {
    /// Creates a gate for `threads` threads that have `sessions` sessions in total.
    pub fn new(threads: usize, sessions: usize, stop: Arc<AtomicBool>, say: fn(&str)) -> Gate {
        Gate {
            threads,
            arrived: Default::default(),
            start_ns: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            stop,
            sent: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            sessions,
            connected: AtomicUsize::new(0),
            lost_connections: AtomicU64::new(0),
            say,
        }
    }

    /// Replaces a thread's connection counts, and reports the totals of all threads if the counts
    /// changed.
    fn count_connections(&self, before: Connections, now: Connections) {
        if before == now {
            return;
        }
        // Wraps if the thread has fewer than before; the total of all threads does not.
        let more = now.connected.wrapping_sub(before.connected);
        let connected = self.connected.fetch_add(more, Ordering::Relaxed).wrapping_add(more);
        let more = now.lost - before.lost;
        let lost = self.lost_connections.fetch_add(more, Ordering::Relaxed) + more;
        let sessions = self.sessions;
        (self.say)(&format!(
            "{connected} of {sessions} sessions connected, {lost} connections lost"
        ));
    }
}

/// Connection counts of one thread's sessions.
#[derive(Clone, Copy, Default, PartialEq)]
struct Connections {
    connected: usize,
    lost: u64,
}

/// Points where all threads wait for each other.
#[derive(Clone, Copy)]
enum Rendezvous {
    Begun,
    Opened,
    Drained,
    Closed,
}

/// Cause of the early end of a thread.
#[derive(Debug)]
pub enum Stopped {
    /// A session failed, with this description.
    Failed(String),
    /// Another thread failed, so this one stopped, too.
    ByAnother,
}

/// One thread with its sessions and measurements.
pub struct Driver<'a> {
    /// Sessions of the thread.
    pub lanes: Vec<Lane>,
    /// Measurements of the thread.
    pub meter: Meter,
    settings: RunSettings,
    rules: PaceRules,
    clock: RunClock,
    poller: Poller,
    gate: &'a Gate,
    look_ns: u64,
    messages: u64,
    connections: Connections,
}

impl<'a> Driver<'a> {
    /// Creates a driver for these sessions.
    pub fn new(
        lanes: Vec<Lane>,
        settings: RunSettings,
        clock: RunClock,
        gate: &'a Gate,
    ) -> std::io::Result<Driver<'a>> {
        let pace = Pace::Window(settings.window);
        Ok(Driver {
            poller: Poller::new(lanes.len())?,
            lanes,
            meter: Meter::new(),
            settings,
            rules: PaceRules { pace, start_ns: 0, until_ns: u64::MAX },
            clock,
            gate,
            look_ns: 0,
            messages: 0,
            connections: Connections::default(),
        })
    }

    /// Runs all phases: login, opening book, flow, and the final check of each session's message
    /// number.
    pub fn run(&mut self) -> Result<(), Stopped> {
        let done = self.steps();
        if done.is_err() {
            self.gate.failed.store(true, Ordering::Release);
        }
        done
    }

    fn steps(&mut self) -> Result<(), Stopped> {
        self.until(|lanes, _| lanes.iter().all(Lane::is_open))?;
        self.meet(Rendezvous::Begun)?;
        self.until(all_drained)?;
        self.meet(Rendezvous::Opened)?;
        self.flow()?;
        self.until(all_drained)?;
        // Until all sessions are quiet, an order that rests in one session may be executed by
        // another session.
        self.meet(Rendezvous::Drained)?;
        let (now, now_ns) = self.clock.now();
        self.lanes.iter_mut().for_each(|lane| lane.begin_close(now, now_ns));
        self.until(|lanes, _| lanes.iter().all(Lane::is_closed))?;
        self.meet(Rendezvous::Closed)
    }

    fn flow(&mut self) -> Result<(), Stopped> {
        let start_ns = loop {
            match self.gate.start_ns.load(Ordering::Acquire) {
                0 => self.turn()?,
                start_ns => break start_ns,
            }
        };
        let RunSettings { pace, warmup, until, .. } = self.settings;
        let until_ns = until.map_or(u64::MAX, |until| start_ns + until.as_nanos() as u64);
        self.rules = PaceRules { pace, start_ns, until_ns };
        self.meter.from_ns = start_ns + warmup.as_nanos() as u64;
        while self.clock.now().1 < start_ns {
            self.turn()?;
        }
        self.lanes.iter_mut().for_each(Lane::begin_flow);
        loop {
            self.turn()?;
            let now_ns = self.clock.now().1;
            if now_ns >= until_ns || self.gate.stop.load(Ordering::Relaxed) {
                break;
            }
            if self.lanes.iter().all(Lane::is_spent) {
                break;
            }
        }
        self.lanes.iter_mut().for_each(Lane::end_flow);
        Ok(())
    }

    /// Turns until `done` returns true for the sessions.
    fn until(&mut self, mut done: impl FnMut(&mut [Lane], u64) -> bool) -> Result<(), Stopped> {
        loop {
            self.turn()?;
            if done(&mut self.lanes, self.clock.now().1) {
                return Ok(());
            }
        }
    }

    /// Turns until all threads have reached a point.
    fn meet(&mut self, place: Rendezvous) -> Result<(), Stopped> {
        /// Time from the arrival of the last thread to the start of the flow.
        const RUN_UP_NS: u64 = 10_000_000;
        let arrived = &self.gate.arrived[place as usize];
        if arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.gate.threads
            && matches!(place, Rendezvous::Opened)
        {
            self.gate.start_ns.store(self.clock.now().1 + RUN_UP_NS, Ordering::Release);
            (self.gate.say)("opening book complete, flow starts");
        }
        while arrived.load(Ordering::Acquire) < self.gate.threads {
            self.turn()?;
        }
        Ok(())
    }

    /// Sends the requests that are due and reads the messages that have arrived.
    fn turn(&mut self) -> Result<(), Stopped> {
        let (now, now_ns) = self.clock.now();
        let (mut sent, mut unwritten) = (0, false);
        for lane in &mut self.lanes {
            sent += lane.send(now_ns, &self.rules, &mut self.meter);
            unwritten |= lane.write(now);
        }
        let sleep = if sent > 0 { Duration::ZERO } else { self.sleep(now_ns, unwritten) };
        for &at in self.poller.wait(sleep) {
            let (now, now_ns) = self.clock.now();
            let lane = &mut self.lanes[at];
            lane.read(now, now_ns, &mut self.meter);
        }
        self.gate.sent.fetch_add(sent, Ordering::Relaxed);
        if now_ns >= self.look_ns {
            self.look_ns = now_ns + LOOK_NS;
            self.look()?;
        }
        self.connect(now, now_ns)
    }

    /// Time for which there is nothing to do if no message arrives.
    fn sleep(&self, now_ns: u64, unwritten: bool) -> Duration {
        if self.settings.spin {
            return Duration::ZERO;
        }
        let due = self.lanes.iter().filter_map(|lane| lane.next_due_ns(now_ns, &self.rules)).min();
        let gap = due.map_or(SLEEP_NS, |due| due.saturating_sub(now_ns + WAKE_NS).min(SLEEP_NS));
        if gap == 0 {
            std::thread::yield_now();
        }
        Duration::from_nanos(if unwritten { gap.min(WAKE_NS) } else { gap })
    }

    /// Checks for silent venues and for sessions that have been without a connection for too long.
    #[cold]
    fn look(&mut self) -> Result<(), Stopped> {
        if self.gate.failed.load(Ordering::Acquire) {
            return Err(Stopped::ByAnother);
        }
        let (now, now_ns) = self.clock.now();
        let mut messages = 0;
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            take(lane, at, now, now_ns, &mut self.meter, &mut self.poller)?;
            messages += lane.ledger.messages;
            // A stop gives up only sessions that have never begun. A session that lost its
            // connection still gets it back, with the missing answers.
            let stopped = self.gate.stop.load(Ordering::Relaxed) && !lane.is_begun();
            if lane.down_for_ns(now_ns) > GIVE_UP_NS || lane.is_refused() || stopped {
                let broken = lane.broken.as_ref().map_or("no answer".into(), |why| why.to_string());
                return Err(Stopped::Failed(format!("{}: {broken}", lane.user)));
            }
        }
        self.gate.messages.fetch_add(messages - self.messages, Ordering::Relaxed);
        self.messages = messages;
        if self.lanes.iter().any(Lane::is_closing) {
            return Ok(());
        }
        let connections = Connections {
            connected: self.lanes.iter().filter(|lane| lane.is_open()).count(),
            lost: self.lanes.iter().map(|lane| lane.reconnects).sum(),
        };
        self.gate.count_connections(self.connections, connections);
        self.connections = connections;
        Ok(())
    }

    /// Connects the sessions that have no connection.
    fn connect(&mut self, now: Instant, now_ns: u64) -> Result<(), Stopped> {
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            if lane.socket().is_none() {
                take(lane, at, now, now_ns, &mut self.meter, &mut self.poller)?;
            }
        }
        Ok(())
    }
}

/// Reads the messages of a session; adds its socket to the poller if the socket is new.
fn take(
    lane: &mut Lane,
    at: usize,
    now: Instant,
    now_ns: u64,
    meter: &mut Meter,
    poller: &mut Poller,
) -> Result<(), Stopped> {
    if lane.read(now, now_ns, meter)
        && let Some(socket) = lane.socket()
    {
        let failed = |error| Stopped::Failed(format!("cannot wait for a socket: {error}"));
        poller.add(at, socket).map_err(failed)?;
    }
    Ok(())
}

fn all_drained(lanes: &mut [Lane], now_ns: u64) -> bool {
    // Every session must be asked, because `is_drained` also sends the query.
    lanes.iter_mut().filter_map(|lane| (!lane.is_drained(now_ns)).then_some(())).count() == 0
}
