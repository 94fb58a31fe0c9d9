//! The listener's side of the feed: lines in, every message once and in its sequence out.

use super::arbiter::{Arbiter, Source};
use super::snapshot::{self, SnapshotError, SnapshotLogin};
use super::sockets;
use crate::moldudp64::{END_OF_SESSION, Header};
use rustix::event::{PollFd, PollFlags};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

pub use super::received::Received;

/// What to listen to, and how patiently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverConfig {
    /// The session; without it the first datagram decides.
    pub session: Option<[u8; 10]>,
    /// The first message wanted; none given: everything waits for [`Receiver::join`] or
    /// [`Receiver::start_at`].
    pub first: Option<u64>,
    /// The lines A and the lines B, each a group or an address of this machine. Of several nodes each may have its own.
    pub lines: [Vec<SocketAddr>; 2],
    /// The address of the interface on which groups are joined; the kernel chooses without it.
    pub interface: Option<Ipv4Addr>,
    /// Who has what was lost; of several the one that answers is asked.
    pub rerequest: Vec<SocketAddr>,
    /// How long a gap may stay before it is asked for: datagrams overtake each other.
    pub patience: Duration,
    /// How long an answer may take before the request is sent again.
    pub retry: Duration,
    /// After so many requests without an answer the messages are lost.
    pub attempts_max: u32,
    /// The kernel's buffer of each line, in bytes.
    pub socket_buffer_bytes: usize,
    /// What may wait for messages before it, in bytes.
    pub waiting_bytes_max: usize,
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        ReceiverConfig {
            session: None,
            first: Some(1),
            lines: [vec![], vec![]],
            interface: None,
            rerequest: vec![],
            patience: Duration::from_millis(1),
            retry: Duration::from_millis(100),
            attempts_max: 50,
            socket_buffer_bytes: 8 << 20,
            waiting_bytes_max: 64 << 20,
        }
    }
}

/// Why the sequence ends.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// All lines have lost messages and nobody gives them again. [`Receiver::start_at`] goes on behind them.
    #[error("messages {first} to {} of the feed are lost", next - 1)]
    Lost {
        /// The first of them.
        first: u64,
        /// The first message behind them.
        next: u64,
    },
    /// A socket fails.
    #[error("the feed cannot be received: {0}")]
    Io(#[from] io::Error),
}

/// Listens to all lines.
pub struct Receiver {
    config: ReceiverConfig,
    lines: Vec<(Source, UdpSocket)>,
    servers: Vec<UdpSocket>,
    /// Which of them is asked.
    asks: usize,
    arbiter: Arbiter,
    request: Option<Request>,
    buffer: Box<[u8]>,
}

/// A gap that is being asked for.
struct Request {
    first: u64,
    next: u64,
    ask_at: Instant,
    /// Requests for just this beginning of it.
    attempts: u32,
    /// Whether any part of it has been asked for.
    asked: bool,
}

impl Receiver {
    /// Binds the sockets and joins the groups.
    pub fn open(config: ReceiverConfig) -> io::Result<Receiver> {
        let mut lines = vec![];
        for (kind, addresses) in config.lines.iter().enumerate() {
            for address in addresses {
                let bytes = config.socket_buffer_bytes;
                let socket = sockets::receiving(*address, config.interface, bytes)?;
                lines.push((Source::Line(lines.len(), kind), socket));
            }
        }
        let servers = config.rerequest.iter().copied().map(connect);
        let servers = servers.collect::<io::Result<_>>()?;
        let (first, bytes_max) = (config.first, config.waiting_bytes_max);
        let arbiter = Arbiter::new(config.session, first, lines.len(), bytes_max, Instant::now());
        let buffer = vec![0; 1 << 16].into_boxed_slice();
        Ok(Receiver { config, lines, servers, asks: 0, arbiter, request: None, buffer })
    }

    /// Takes what has come, a bounded piece of it, and asks for what is missing. `deliver` gets each message with
    /// its number. Gives the number of datagrams; 0 if there was nothing.
    pub fn step(
        &mut self,
        now: Instant,
        mut deliver: impl FnMut(u64, &[u8]),
    ) -> Result<usize, ReceiverError> {
        let taken = self.collect(now, &mut deliver)?;
        self.ask(now)?;
        Ok(taken)
    }

    /// Waits until something has come or the time is over.
    pub fn wait(&self, timeout: Duration) -> io::Result<()> {
        let sockets = self.lines.iter().map(|(_, socket)| socket).chain(&self.servers);
        let mut waiting: Vec<PollFd> =
            sockets.map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
        sockets::wait(&mut waiting, timeout)
    }

    /// Joins late: takes a snapshot, whose messages have no number, and goes on behind it with what the lines have
    /// brought meanwhile. Gives the number of the first message behind the snapshot.
    pub fn join(
        &mut self,
        login: &SnapshotLogin,
        mut deliver: impl FnMut(Option<u64>, &[u8]),
    ) -> Result<u64, SnapshotError> {
        // Nothing is delivered before the snapshot says from where: what comes waits in the arbiter, which has
        // more room than the kernel.
        let next = snapshot::take(
            login,
            |message| deliver(None, message),
            || self.collect(Instant::now(), &mut |_, _| {}).map(drop),
        )?;
        self.start_at(next, |number, message| deliver(Some(number), message));
        Ok(next)
    }

    /// Says which message is the next one wanted; what was missing before it is given up.
    pub fn start_at(&mut self, number: u64, mut deliver: impl FnMut(u64, &[u8])) {
        self.request = None;
        self.arbiter.start_at(number, &mut deliver);
    }

    /// The number of the next message; `None` if that is not known yet.
    pub fn next_number(&self) -> Option<u64> {
        self.arbiter.expected()
    }

    /// Whether the last message of the session has been delivered.
    pub fn is_ended(&self) -> bool {
        self.arbiter.is_ended()
    }

    /// What has come so far.
    pub fn received(&self) -> Received {
        self.arbiter.received
    }

    /// Where the lines are bound to, the lines A first: of use where the port was chosen by the kernel.
    pub fn local_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.lines.iter().map(|(_, socket)| socket.local_addr()).collect()
    }

    fn collect(&mut self, now: Instant, deliver: &mut impl FnMut(u64, &[u8])) -> io::Result<usize> {
        const DATAGRAMS: usize = 64;
        let Receiver { lines, servers, arbiter, buffer, .. } = self;
        let lines = lines.iter().map(|(source, socket)| (*source, socket));
        let mut taken = 0;
        for (source, socket) in lines.chain(servers.iter().map(|socket| (Source::Server, socket))) {
            for _ in 0..DATAGRAMS {
                match socket.recv(buffer) {
                    Ok(bytes) => arbiter.take(source, &buffer[..bytes], now, deliver),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // The server is not there now; it is asked again.
                    Err(_) if source == Source::Server => break,
                    Err(error) => return Err(error),
                };
                taken += 1;
            }
        }
        Ok(taken)
    }

    /// One request is on its way at a time; its answer brings the next.
    fn ask(&mut self, now: Instant) -> Result<(), ReceiverError> {
        let Some(gap) = self.arbiter.gap(now) else {
            self.request = None;
            return Ok(());
        };
        let (first, next) = (gap.start, gap.end);
        let request = match self.request.take() {
            Some(old) if first == old.first => Request { next, ..old },
            Some(old) if first < old.next => {
                let ask_at = if old.asked { now } else { old.ask_at };
                Request { first, next, ask_at, attempts: 0, ..old }
            }
            _ => {
                let ask_at = now + self.config.patience;
                Request { first, next, ask_at, attempts: 0, asked: false }
            }
        };
        let request = self.request.insert(request);
        if now < request.ask_at {
            return Ok(());
        }
        if request.attempts == self.config.attempts_max {
            return Err(ReceiverError::Lost { first, next });
        }
        self.arbiter.received.gaps += u64::from(!request.asked);
        request.asked = true;
        request.attempts += 1;
        request.ask_at = now + self.config.retry;
        // One that does not answer may be gone.
        self.asks += usize::from(request.attempts > 1);
        let Some(session) = self.arbiter.session().filter(|_| !self.servers.is_empty()) else {
            return Ok(());
        };
        let server = &self.servers[self.asks % self.servers.len()];
        self.arbiter.received.requests += 1;
        let count = u16::try_from(next - first).unwrap_or(u16::MAX).min(END_OF_SESSION - 1);
        let request = Header { session, number: first.into(), count: count.into() };
        // A request that cannot be sent is one without an answer.
        let _ = server.send(request.as_bytes());
        Ok(())
    }
}

fn connect(server: SocketAddr) -> io::Result<UdpSocket> {
    let any = match server {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
