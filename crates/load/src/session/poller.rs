//! Waits for any of a thread's sockets.

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

/// The most sockets that one wait names; the others have their turn in the next one.
const EVENTS_MAX: usize = 64;

/// The sockets of a thread, each with a number.
pub(crate) struct Poller {
    epoll: OwnedFd,
    ready: Vec<usize>,
}

impl Poller {
    /// For so many sockets.
    pub(super) fn new(sockets: usize) -> std::io::Result<Poller> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Poller { epoll, ready: Vec::with_capacity(sockets.max(1)) })
    }

    /// Takes in a socket. It leaves when it is closed.
    pub(super) fn add(&mut self, number: usize, socket: BorrowedFd) -> std::io::Result<()> {
        let data = EventData::new_u64(number as u64);
        Ok(epoll::add(&self.epoll, socket, data, EventFlags::IN)?)
    }

    /// The numbers of the sockets on which something has come, after at most so long.
    #[inline]
    pub(super) fn wait(&mut self, timeout: Duration) -> &[usize] {
        let timeout =
            Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: timeout.subsec_nanos().into() };
        let mut events = [const { MaybeUninit::<Event>::uninit() }; EVENTS_MAX];
        self.ready.clear();
        // A signal ends the wait early; nothing else can go wrong with a valid descriptor.
        if let Ok((events, _)) = epoll::wait(&self.epoll, &mut events, Some(&timeout)) {
            self.ready.extend(events.iter().map(|event| event.data.u64() as usize));
        }
        &self.ready
    }
}
