//! Waits for any socket of a thread.

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

/// Maximum number of sockets that one wait returns; the next wait returns the others.
const EVENTS_MAX: usize = 64;

/// Sockets of a thread, each with a number.
pub(crate) struct Poller {
    epoll: OwnedFd,
    ready: Vec<usize>,
}

impl Poller {
    /// Creates a poller for `sockets` sockets.
    pub(super) fn new(sockets: usize) -> std::io::Result<Poller> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Poller { epoll, ready: Vec::with_capacity(sockets.max(1)) })
    }

    /// Adds a socket. Closing the socket removes it.
    pub(super) fn add(&mut self, number: usize, socket: BorrowedFd) -> std::io::Result<()> {
        let data = EventData::new_u64(number as u64);
        Ok(epoll::add(&self.epoll, socket, data, EventFlags::IN)?)
    }

    /// Returns the numbers of the sockets that have input, after at most `timeout`.
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
