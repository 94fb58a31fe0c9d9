//! Receiver of the feed: takes datagrams of all lines, delivers every message once and in sequence.

use super::arbiter::{Arbiter, Source};
use super::received::count;
use super::snapshot::{self, GlimpseError, SnapshotLogin};
use super::sockets;
use crate::moldudp64::{END_OF_SESSION, Header};
use rustix::event::{PollFd, PollFlags};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

pub use super::received::Received;

/// Addresses, sizes and timeouts of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverConfig {
    /// Session to receive; `None` takes that of the first datagram.
    pub session: Option<[u8; 10]>,
    /// Number of the first message to deliver; with `None` all messages wait for [`Receiver::join`]
    /// or [`Receiver::start_at`].
    pub first: Option<u64>,
    /// A lines and B lines, each a multicast group or an address of this machine. Each of several
    /// nodes may have its own lines.
    pub lines: [Vec<SocketAddr>; 2],
    /// Address of the interface on which groups are joined; with `None` the kernel chooses.
    pub interface: Option<Ipv4Addr>,
    /// Re-request servers. One of them is asked; if it does not answer, the next one is.
    pub rerequest: Vec<SocketAddr>,
    /// Age of a gap at which it is requested. Datagrams may overtake each other.
    pub patience: Duration,
    /// Time without an answer after which a request is repeated.
    pub retry: Duration,
    /// Number of requests without an answer after which the messages count as lost.
    pub attempts_max: u32,
    /// Kernel buffer of each line, in bytes.
    pub socket_buffer_bytes: usize,
    /// Limit of the datagrams that wait for earlier messages, in bytes.
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

/// Error that ends the sequence.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// Messages are missing on all lines, and no server sends them again. [`Receiver::start_at`]
    /// continues after them.
    #[error("messages {first} to {} of the feed are lost", next.saturating_sub(1))]
    Lost {
        /// Number of the first lost message.
        first: u64,
        /// Number of the first message after the lost ones.
        next: u64,
    },
    /// A socket failed.
    #[error("the feed cannot be received: {0}")]
    Io(#[from] io::Error),
}

/// Receiver of all lines of a feed.
pub struct Receiver {
    config: ReceiverConfig,
    lines: Vec<(Source, UdpSocket)>,
    /// The server that is asked first, then those to ask if it does not answer.
    servers: Vec<UdpSocket>,
    arbiter: Arbiter,
    request: Option<Request>,
    buffer: Box<[u8]>,
}

/// Gap that is requested, or will be when its patience ends.
struct Request {
    first: u64,
    next: u64,
    /// The gap is requested when it has waited for this long since that time.
    waits: Duration,
    since: Instant,
    /// Requests sent since the gap has begun at `first`.
    attempts: u32,
    /// True if any part of the gap has been requested.
    asked: bool,
}

impl Receiver {
    /// Binds the sockets and joins the multicast groups.
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
        Ok(Receiver { config, lines, servers, arbiter, request: None, buffer })
    }

    /// Takes the datagrams that have arrived, up to a limit, and requests missing messages.
    /// `deliver` receives each message with its number. Returns the number of datagrams taken.
    pub fn step(
        &mut self,
        now: Instant,
        mut deliver: impl FnMut(u64, &[u8]),
    ) -> Result<usize, ReceiverError> {
        let taken = self.collect(now, &mut deliver)?;
        self.ask(now)?;
        Ok(taken)
    }

    /// Waits until a datagram arrives or the timeout ends.
    pub fn wait(&self, timeout: Duration) -> io::Result<()> {
        let sockets = self.lines.iter().map(|(_, socket)| socket).chain(&self.servers);
        let mut waiting: Vec<PollFd> =
            sockets.map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
        sockets::wait(&mut waiting, timeout)
    }

    /// Joins late: takes a snapshot, then delivers the messages after it, which the lines have
    /// brought meanwhile. Messages of the snapshot have no number. Returns the number of the first
    /// message after the snapshot.
    pub fn join(
        &mut self,
        login: &SnapshotLogin,
        mut deliver: impl FnMut(Option<u64>, &[u8]),
    ) -> Result<u64, GlimpseError> {
        // Nothing is delivered before the snapshot gives the first number. Until then datagrams
        // wait in the arbiter, which has more room than the kernel.
        let next = snapshot::take(
            login,
            |message| deliver(None, message),
            || self.collect(Instant::now(), &mut |_, _| {}).map(drop),
        )?;
        self.start_at(next, |number, message| deliver(Some(number), message));
        Ok(next)
    }

    /// Sets the number of the next message to deliver. Missing messages before it are given up.
    pub fn start_at(&mut self, number: u64, mut deliver: impl FnMut(u64, &[u8])) {
        self.request = None;
        self.arbiter.start_at(number, &mut deliver);
    }

    /// Number of the next message; `None` while it is not known.
    pub fn next_number(&self) -> Option<u64> {
        self.arbiter.expected()
    }

    /// Returns true if the last message of the session has been delivered.
    pub fn is_ended(&self) -> bool {
        self.arbiter.is_ended()
    }

    /// Counters of everything received so far.
    pub fn received(&self) -> Received {
        self.arbiter.received
    }

    /// Addresses that the lines are bound to, A lines first. Useful if the kernel chose the ports.
    pub fn local_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.lines.iter().map(|(_, socket)| socket.local_addr()).collect()
    }

    fn collect(&mut self, now: Instant, deliver: &mut impl FnMut(u64, &[u8])) -> io::Result<usize> {
        const DATAGRAMS: usize = 64;
        let Receiver { lines, servers, arbiter, buffer, .. } = self;
        let lines = lines.iter().map(|(source, socket)| (*source, socket));
        let mut taken = 0_usize;
        for (source, socket) in lines.chain(servers.iter().map(|socket| (Source::Server, socket))) {
            for _ in 0..DATAGRAMS {
                match socket.recv(buffer) {
                    Ok(bytes) => {
                        let datagram = buffer.get(..bytes).unwrap_or_default();
                        arbiter.take(source, datagram, now, deliver);
                        taken = taken.saturating_add(1);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // No server listens there now; the request will be repeated.
                    Err(_) if source == Source::Server => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(taken)
    }

    /// Requests missing messages when due. One request is in flight at a time; its answer brings
    /// the next.
    fn ask(&mut self, now: Instant) -> Result<(), ReceiverError> {
        let Some(gap) = self.arbiter.gap(now) else {
            self.request = None;
            return Ok(());
        };
        let (first, next) = (gap.start, gap.end);
        let request = match self.request.take() {
            Some(old) if first == old.first => Request { next, ..old },
            Some(old) if first < old.next => {
                let waits = if old.asked { Duration::ZERO } else { old.waits };
                Request { first, next, waits, attempts: 0, ..old }
            }
            _ => {
                let waits = self.config.patience;
                Request { first, next, waits, since: now, attempts: 0, asked: false }
            }
        };
        let request = self.request.insert(request);
        if now.saturating_duration_since(request.since) < request.waits {
            return Ok(());
        }
        if request.attempts == self.config.attempts_max {
            return Err(ReceiverError::Lost { first, next });
        }
        if !request.asked {
            count(&mut self.arbiter.received.gaps);
        }
        request.asked = true;
        request.attempts = request.attempts.saturating_add(1);
        (request.waits, request.since) = (self.config.retry, now);
        // A server that does not answer may be gone.
        if request.attempts > 1 && !self.servers.is_empty() {
            self.servers.rotate_left(1);
        }
        let (Some(session), Some(server)) = (self.arbiter.session(), self.servers.first()) else {
            return Ok(());
        };
        count(&mut self.arbiter.received.requests);
        let count = u16::try_from(next.saturating_sub(first)).unwrap_or(u16::MAX);
        let count = count.min(END_OF_SESSION - 1);
        let request = Header { session, number: first.into(), count: count.into() };
        // A request that cannot be sent counts as one without an answer.
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
