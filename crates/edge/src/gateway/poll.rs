//! Which sockets have something to do: epoll, level triggered, never waiting.

use rustix::event::{Timespec, epoll};
use rustix::fd::{AsFd, OwnedFd};
use std::io;
use std::mem::MaybeUninit;

/// At most so many sockets are told of at once; the others come next.
const EVENTS_MAX: usize = 256;

/// What a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// Where clients connect.
    Listener,
    /// Where operators connect.
    AdminListener,
    /// A client's connection, by its slot.
    Client(usize),
    /// An operator's connection, by its slot.
    Operator(usize),
}

/// A socket that has something to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    /// Which one.
    pub token: Token,
    /// It can be read, or has failed or ended, which reading tells.
    pub readable: bool,
    /// It takes bytes again.
    pub writable: bool,
}

/// The sockets that are looked at. One that is closed is forgotten by itself.
pub(super) struct Poll {
    epoll: OwnedFd,
    ready: Vec<Ready>,
}

impl Poll {
    /// Looks at nothing yet.
    pub(super) fn new() -> io::Result<Poll> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Poll { epoll, ready: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Looks for what can be read from a socket.
    pub(super) fn add(&self, socket: impl AsFd, token: Token) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, token.data(), epoll::EventFlags::IN)?)
    }

    /// Looks also for when the socket takes bytes again, or no more for that.
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

    /// Looks which sockets have something to do now, and how many: see [`Poll::ready`].
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

    /// One of those that have something to do.
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
