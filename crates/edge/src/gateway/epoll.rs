//! Epoll set of the sockets: level triggered, never waiting.

use rustix::event::{Timespec, epoll};
use rustix::fd::{AsFd, OwnedFd};
use std::io;
use std::mem::MaybeUninit;

/// Sockets reported at once, at most; the others come next.
const EVENTS_MAX: usize = 256;

/// Kind of a socket, with its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// Listening socket for clients.
    Listener,
    /// Listening socket for operators.
    AdminListener,
    /// Connection of a client, by its slot.
    Client(usize),
    /// Connection of an operator, by its slot.
    Operator(usize),
}

/// Socket that is ready.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub token: Token,
    /// True if the socket can be read, or has failed or ended, which reading shows.
    pub readable: bool,
    /// True if the socket takes bytes again.
    pub writable: bool,
}

/// Set of the polled sockets. A closed socket leaves the set by itself.
pub(super) struct Epoll {
    epoll: OwnedFd,
    ready: Vec<Ready>,
}

impl Epoll {
    /// Creates a set without sockets.
    pub(super) fn new() -> io::Result<Epoll> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Epoll { epoll, ready: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Adds a socket, and polls it for input.
    pub(super) fn add(&self, socket: impl AsFd, token: Token) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, token.data(), epoll::EventFlags::IN)?)
    }

    /// Begins or ends polling a socket for room for output.
    pub(crate) fn look_for_writable(
        &self,
        socket: impl AsFd,
        token: Token,
        writable: bool,
    ) -> io::Result<()> {
        let mut flags = epoll::EventFlags::IN;
        flags.set(epoll::EventFlags::OUT, writable);
        Ok(epoll::modify(&self.epoll, socket, token.data(), flags)?)
    }

    /// Finds the sockets that are ready now, and returns their number: see [`Epoll::ready`].
    pub(super) fn look(&mut self) -> usize {
        const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut events = [MaybeUninit::uninit(); EVENTS_MAX];
        self.ready.clear();
        match epoll::wait(&self.epoll, &mut events[..], Some(&NOW)) {
            Ok((events, _)) => self.ready.extend(events.iter().map(Ready::of)),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => panic!("epoll of our own descriptor: {e}"),
        }
        self.ready.len()
    }

    /// Returns one of the ready sockets.
    #[inline]
    pub(super) fn ready(&self, index: usize) -> Ready {
        self.ready[index]
    }
}

impl Ready {
    fn of(&epoll::Event { flags, data }: &epoll::Event) -> Ready {
        let writable = flags.contains(epoll::EventFlags::OUT);
        let readable = flags.intersects(!epoll::EventFlags::OUT);
        Ready { token: Token::of(data), readable, writable }
    }
}

impl Token {
    fn data(self) -> epoll::EventData {
        epoll::EventData::new_u64(match self {
            Token::Listener => 0,
            Token::AdminListener => 1,
            Token::Client(slot) => (slot as u64) << 2 | 2,
            Token::Operator(slot) => (slot as u64) << 2 | 3,
        })
    }

    fn of(data: epoll::EventData) -> Token {
        let data = data.u64();
        let slot = (data >> 2) as usize;
        match data & 3 {
            0 => Token::Listener,
            1 => Token::AdminListener,
            2 => Token::Client(slot),
            _ => Token::Operator(slot),
        }
    }
}
