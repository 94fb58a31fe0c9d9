//! One thread of the load: a loop that never waits for an answer over its sessions.

use super::lane::{Lane, Pace, Rules};
use super::meter::{Clock, Meter};
use super::poller::Poller;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a session may have no connection.
const GIVE_UP_NS: u64 = 10_000_000_000;
/// All sessions are looked at in this interval, also those whose sockets are quiet.
const LOOK_NS: u64 = 100_000_000;
/// A thread wakes up so long before a request is due: sleeping is not that exact.
const WAKE_NS: u64 = 100_000;
/// The longest sleep.
const SLEEP_NS: u64 = 1_000_000;

/// What all threads are told.
#[derive(Clone, Copy, Debug)]
pub struct Orders {
    /// When a request of the flow may go.
    pub pace: Pace,
    /// How many new orders of a session may have no answer while the opening book goes out.
    pub window: u64,
    /// From the start of the flow, nothing before this is measured.
    pub warmup: Duration,
    /// From the start of the flow, nothing new goes out after this; `None`: all of it goes.
    pub until: Option<Duration>,
    /// Never give the core away.
    pub spin: bool,
}

/// Where the threads wait for each other, and what others may see of them.
pub struct Gate {
    threads: usize,
    arrived: [AtomicUsize; 4],
    start_ns: AtomicU64,
    /// A thread has failed: the others need not go on.
    failed: AtomicBool,
    /// Someone wants an early end.
    pub stop: Arc<AtomicBool>,
    /// Requests that were sent.
    pub sent: AtomicU64,
    /// Messages that came.
    pub messages: AtomicU64,
    sessions: usize,
    connected: AtomicUsize,
    lost_connections: AtomicU64,
    /// Progress messages for the person who waits.
    say: fn(&str),
}

impl Gate {
    /// A gate for so many threads with so many sessions together.
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

    /// Counts the connections of a thread that had others before, and reports those of all threads if they changed.
    fn count_connections(&self, before: Connections, now: Connections) {
        if before == now {
            return;
        }
        // Wraps where a thread has fewer than before; the sum of all threads does not.
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

/// Connections of one thread's sessions.
#[derive(Clone, Copy, Default, PartialEq)]
struct Connections {
    connected: usize,
    lost: u64,
}

/// The places where all threads wait for each other.
#[derive(Clone, Copy)]
enum Place {
    Begun,
    Opened,
    Drained,
    Closed,
}

/// Why a thread could not go on.
#[derive(Debug)]
pub enum Stopped {
    /// Something is wrong with a session.
    Failed(String),
    /// Another thread failed.
    ByAnother,
}

/// A thread's sessions and what it measures.
pub struct Driver<'a> {
    /// Its sessions.
    pub lanes: Vec<Lane>,
    /// What it measured.
    pub meter: Meter,
    orders: Orders,
    rules: Rules,
    clock: Clock,
    poller: Poller,
    gate: &'a Gate,
    look_ns: u64,
    messages: u64,
    connections: Connections,
}

impl<'a> Driver<'a> {
    /// A thread for these sessions.
    pub fn new(
        lanes: Vec<Lane>,
        orders: Orders,
        clock: Clock,
        gate: &'a Gate,
    ) -> std::io::Result<Driver<'a>> {
        let pace = Pace::Window(orders.window);
        Ok(Driver {
            poller: Poller::new(lanes.len())?,
            lanes,
            meter: Meter::new(),
            orders,
            rules: Rules { pace, start_ns: 0, until_ns: u64::MAX },
            clock,
            gate,
            look_ns: 0,
            messages: 0,
            connections: Connections::default(),
        })
    }

    /// Does all of it: log in, the opening book, the flow, and the last look at each session's number.
    pub fn run(&mut self) -> Result<(), Stopped> {
        let done = self.steps();
        if done.is_err() {
            self.gate.failed.store(true, Ordering::Release);
        }
        done
    }

    fn steps(&mut self) -> Result<(), Stopped> {
        self.until(|lanes, _| lanes.iter().all(Lane::is_open))?;
        self.meet(Place::Begun)?;
        self.until(all_drained)?;
        self.meet(Place::Opened)?;
        self.flow()?;
        self.until(all_drained)?;
        // An order that rests in one session may be executed by another one until all are quiet.
        self.meet(Place::Drained)?;
        let (now, now_ns) = self.clock.now();
        self.lanes.iter_mut().for_each(|lane| lane.begin_close(now, now_ns));
        self.until(|lanes, _| lanes.iter().all(Lane::is_closed))?;
        self.meet(Place::Closed)
    }

    fn flow(&mut self) -> Result<(), Stopped> {
        let start_ns = loop {
            match self.gate.start_ns.load(Ordering::Acquire) {
                0 => self.turn()?,
                start_ns => break start_ns,
            }
        };
        let Orders { pace, warmup, until, .. } = self.orders;
        let until_ns = until.map_or(u64::MAX, |until| start_ns + until.as_nanos() as u64);
        self.rules = Rules { pace, start_ns, until_ns };
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

    /// Turns until something is so for the sessions.
    fn until(&mut self, mut done: impl FnMut(&mut [Lane], u64) -> bool) -> Result<(), Stopped> {
        loop {
            self.turn()?;
            if done(&mut self.lanes, self.clock.now().1) {
                return Ok(());
            }
        }
    }

    /// Turns until all threads have come to a place.
    fn meet(&mut self, place: Place) -> Result<(), Stopped> {
        /// From the last one's arrival to the start of the flow.
        const RUN_UP_NS: u64 = 10_000_000;
        let arrived = &self.gate.arrived[place as usize];
        if arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.gate.threads
            && matches!(place, Place::Opened)
        {
            self.gate.start_ns.store(self.clock.now().1 + RUN_UP_NS, Ordering::Release);
            (self.gate.say)("opening book complete, flow starts");
        }
        while arrived.load(Ordering::Acquire) < self.gate.threads {
            self.turn()?;
        }
        Ok(())
    }

    /// Sends what is due and takes what has come.
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

    /// How long nothing is to do if nothing comes.
    fn sleep(&self, now_ns: u64, unwritten: bool) -> Duration {
        if self.orders.spin {
            return Duration::ZERO;
        }
        let due = self.lanes.iter().filter_map(|lane| lane.next_due_ns(now_ns, &self.rules)).min();
        let gap = due.map_or(SLEEP_NS, |due| due.saturating_sub(now_ns + WAKE_NS).min(SLEEP_NS));
        if gap == 0 {
            std::thread::yield_now();
        }
        Duration::from_nanos(if unwritten { gap.min(WAKE_NS) } else { gap })
    }

    /// Looks for silent venues and for sessions that have been without one for too long.
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
            // A session that lost its connection still gets it back, and the answers that are missing.
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

/// Takes what has come to a session; waits on its socket if that is a new one.
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
    // Each of them has to be asked.
    lanes.iter_mut().filter_map(|lane| (!lane.is_drained(now_ns)).then_some(())).count() == 0
}
