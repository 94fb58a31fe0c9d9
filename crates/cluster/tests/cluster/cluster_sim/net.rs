//! World between the nodes: connections, messages and the coordinator. All of them come late, and
//! some not at all.

use ringside_cluster::membership::{
    Arrived, Coordinator, InMemory, NodeName, PeerMessage, Record, Revision, Unavailable,
};
use ringside_cluster::node::Ports;
use ringside_load::rng::Rng;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

/// Largest number of nodes, and the number of the coordinator in the table of cut connections.
pub const NODES_MAX: usize = 4;
pub const COORDINATOR: usize = NODES_MAX;

/// Time after which a call to the coordinator without an answer ends.
const COORDINATOR_PATIENCE: Duration = Duration::from_secs(2);

/// State that all nodes share.
pub struct Net {
    pub now: Duration,
    pub rng: Rng,
    /// True if nothing gets from the first node to the second.
    pub cut: [[bool; NODES_MAX + 1]; NODES_MAX + 1],
    /// Number of the life of each node that runs; 0 if none does.
    pub life: [u64; NODES_MAX],
    /// True if a node's machine is off: nobody notices that its connections have ended.
    pub is_silent: [bool; NODES_MAX],
    pub coordinator: InMemory,
    pub coordinator_is_down: bool,
    arrivals: [Vec<(Duration, Arrived)>; NODES_MAX],
    calls: [VecDeque<(Duration, End)>; NODES_MAX],
    questions: Vec<Question>,
    /// Node that has begun to lead, by epoch.
    pub led: std::collections::BTreeMap<u64, usize>,
    /// Events of the run, printed if it fails.
    pub log: Vec<String>,
}

/// Question to the coordinator that is on its way.
struct Question {
    at: Duration,
    node: usize,
    life: u64,
    swap: Option<(Option<Revision>, Record)>,
    /// True if the answer gets back.
    is_answered: bool,
}

pub type Shared = Rc<RefCell<Net>>;

pub fn address(node: usize) -> String {
    format!("n{node}")
}

pub fn name(node: usize) -> NodeName {
    NodeName(((b'a' + node as u8) as char).to_string())
}

impl Net {
    pub fn new(seed: u64) -> Shared {
        Rc::new(RefCell::new(Net {
            now: Duration::from_secs(1),
            rng: Rng::new(seed),
            cut: Default::default(),
            life: Default::default(),
            is_silent: Default::default(),
            coordinator: InMemory::default(),
            coordinator_is_down: false,
            arrivals: Default::default(),
            calls: Default::default(),
            questions: vec![],
            led: Default::default(),
            log: vec![],
        }))
    }

    pub fn micros(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_micros(from + self.rng.below(to - from))
    }

    pub fn note(&mut self, what: String) {
        let now = self.now;
        self.log.push(format!("{:9.3} ms  {what}", now.as_secs_f64() * 1e3));
    }

    /// Begins a life of a node, without the messages and connections of the life before.
    pub fn begin_life(&mut self, node: usize, life: u64) {
        self.life[node] = life;
        self.arrivals[node].clear();
        self.calls[node].clear();
    }

    /// Returns the next incoming connection of a node that has arrived.
    pub fn call(&mut self, node: usize) -> Option<End> {
        let now = self.now;
        self.calls[node].pop_front_if(|(at, _)| *at <= now).map(|(_, end)| end)
    }

    /// Lets the coordinator answer the questions that have reached it.
    pub fn coordinate(&mut self) {
        let now = self.now;
        let (due, later) =
            std::mem::take(&mut self.questions).into_iter().partition(|q| q.at <= now);
        self.questions = later;
        let due: Vec<Question> = due;
        for question in due {
            let Question { node, life, swap, is_answered, .. } = question;
            let reaches = !self.coordinator_is_down && !self.cut[node][COORDINATOR];
            let lost = || Unavailable("no answer".into());
            let answer = match (swap, reaches) {
                (None, false) => Arrived::Read(Err(lost())),
                (Some((_, record)), false) => Arrived::Swapped(record, Err(lost())),
                (None, true) => Arrived::Read(self.coordinator.read()),
                (Some((expected, record)), true) => {
                    let ended = self.coordinator.swap(expected, &record);
                    Arrived::Swapped(record, ended)
                }
            };
            if life == self.life[node] && is_answered {
                let returns = reaches && !self.cut[COORDINATOR][node];
                let (answer, delay) = match (answer, returns) {
                    (answer, true) => (answer, self.micros(100, 2_000)),
                    (Arrived::Read(_), false) => (Arrived::Read(Err(lost())), COORDINATOR_PATIENCE),
                    (Arrived::Swapped(record, _), false) => {
                        (Arrived::Swapped(record, Err(lost())), COORDINATOR_PATIENCE)
                    }
                    (other, false) => (other, COORDINATOR_PATIENCE),
                };
                self.arrivals[node].push((now + delay, answer));
            }
        }
    }

    fn ask(&mut self, node: usize, swap: Option<(Option<Revision>, Record)>) {
        let delay = self.micros(200, 4_000);
        let (now, life) = (self.now, self.life[node]);
        // Sometimes the answer takes so long that the caller has already received `Unavailable`.
        let late = self.rng.chance(1, 40);
        if late {
            let lost = Err(Unavailable("no answer in time".into()));
            let told = match &swap {
                None => Arrived::Read(Err(Unavailable("no answer in time".into()))),
                Some((_, record)) => Arrived::Swapped(record.clone(), lost),
            };
            self.arrivals[node].push((now + COORDINATOR_PATIENCE, told));
        }
        let delay = if late { self.micros(1_000, 4_000_000) } else { delay };
        self.questions.push(Question { at: now + delay, node, life, swap, is_answered: !late });
    }

    fn send(&mut self, from: usize, to: usize, message: &PeerMessage) {
        if self.life[to] == 0 {
            let delay = self.micros(50, 500);
            if !self.cut[from][to] && !self.cut[to][from] {
                self.arrivals[from].push((self.now + delay, Arrived::Unreachable(name(to))));
            }
            return;
        }
        let copies = match self.rng.below(20) {
            0 => 0,
            1 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let slow = self.rng.chance(1, 10);
            let delay = if slow { self.micros(1_000, 60_000) } else { self.micros(50, 1_500) };
            if !self.cut[from][to] {
                let message = Arrived::Message(name(from), message.clone());
                self.arrivals[to].push((self.now + delay, message));
            }
        }
    }

    fn arrived(&mut self, node: usize) -> Option<Arrived> {
        let now = self.now;
        let due = self.arrivals[node].iter().position(|(at, _)| *at <= now)?;
        Some(self.arrivals[node].remove(due).1)
    }
}

/// World as one life of a node sees it.
pub struct World {
    pub net: Shared,
    pub node: usize,
}

impl Ports for World {
    type Link = End;

    fn now(&self) -> Duration {
        self.net.borrow().now
    }

    fn arrived(&mut self, _patience: Duration) -> Option<Arrived> {
        self.net.borrow_mut().arrived(self.node)
    }

    fn read(&mut self) {
        self.net.borrow_mut().ask(self.node, None);
    }

    fn swap(&mut self, expected: Option<Revision>, record: Record) {
        self.net.borrow_mut().ask(self.node, Some((expected, record)));
    }

    fn send(&mut self, _to: &NodeName, address: &str, message: PeerMessage) {
        let to = address[1..].parse().expect("an address of this world");
        self.net.borrow_mut().send(self.node, to, &message);
    }

    fn connect(&mut self, address: &str) -> io::Result<End> {
        let to: usize = address[1..].parse().expect("an address of this world");
        let mut net = self.net.borrow_mut();
        if net.cut[self.node][to] || net.cut[to][self.node] {
            return Err(ErrorKind::TimedOut.into());
        }
        if net.life[to] == 0 {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        let pipe = Rc::new(RefCell::new([Direction::default(), Direction::default()]));
        let end =
            |side, me, other| End { net: self.net.clone(), pipe: pipe.clone(), side, me, other };
        let at = net.now + net.micros(50, 500);
        let theirs = end(1, to, self.node);
        net.calls[to].push_back((at, theirs));
        Ok(end(0, self.node, to))
    }
}

/// One end of a connection.
pub struct End {
    net: Shared,
    pipe: Rc<RefCell<[Direction; 2]>>,
    side: usize,
    me: usize,
    other: usize,
}

/// Bytes on their way from one side of a connection.
#[derive(Default)]
struct Direction {
    pieces: VecDeque<(Duration, Vec<u8>)>,
    last: Duration,
    closed: Option<Duration>,
}

/// Largest number of bytes on their way in one direction.
const ROOM_BYTES: usize = 64 << 10;

impl Read for End {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut net = self.net.borrow_mut();
        let direction = &mut self.pipe.borrow_mut()[1 - self.side];
        if net.cut[self.other][self.me] {
            return Err(ErrorKind::WouldBlock.into());
        }
        if let Some((at, piece)) = direction.pieces.front_mut()
            && *at <= net.now
        {
            let most = piece.len().min(bytes.len());
            let some =
                if net.rng.chance(1, 8) { 1 + net.rng.below(most as u64) as usize } else { most };
            bytes[..some].copy_from_slice(&piece[..some]);
            piece.drain(..some);
            if piece.is_empty() {
                direction.pieces.pop_front();
            }
            return Ok(some);
        }
        match direction.closed {
            Some(at) if direction.pieces.is_empty() && at <= net.now => Ok(0),
            _ => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut net = self.net.borrow_mut();
        let mut pipe = self.pipe.borrow_mut();
        if pipe[1 - self.side].closed.is_some_and(|at| at <= net.now) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let direction = &mut pipe[self.side];
        let waiting: usize = direction.pieces.iter().map(|(_, piece)| piece.len()).sum();
        let some = bytes.len().min(ROOM_BYTES.saturating_sub(waiting));
        if some == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let slow = net.rng.chance(1, 50);
        let delay = if slow { net.micros(500, 40_000) } else { net.micros(30, 400) };
        direction.last = direction.last.max(net.now + delay);
        direction.pieces.push_back((direction.last, bytes[..some].to_vec()));
        Ok(some)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if let Ok(net) = self.net.try_borrow()
            && !net.is_silent[self.me]
        {
            let direction = &mut self.pipe.borrow_mut()[self.side];
            direction.closed = Some(direction.last.max(net.now + Duration::from_micros(200)));
        }
    }
}
