//! A session that outlives its connections: it logs in again with the number that it expects next.

use super::soup::{Broken, Connection, Received};
use crate::soupbintcp::{Login, LoginAccepted};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// The pause between a connection that is gone and the next one.
const RETRY: Duration = Duration::from_millis(10);

/// A session on one venue that may be found at several addresses.
pub struct Session {
    addresses: Vec<SocketAddr>,
    /// The address that is tried next.
    at: usize,
    login: Login,
    connection: Option<Connection>,
    logged_in: bool,
    retry_at: Option<Instant>,
    /// How often the session was logged in.
    pub logins: u64,
    /// Numbers that the venue passed over at a login: messages that never came.
    pub lost: u64,
    /// Messages that came again under a number that had come before. They are not shown.
    pub doubled: u64,
}

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// There is a socket, see [`Session::socket`].
    Connected,
    /// The venue has accepted the login; what comes next has this number.
    LoggedIn {
        /// The number.
        number: u64,
    },
    /// A message.
    Message {
        /// Its number, if it has one.
        number: Option<u64>,
        /// The message.
        bytes: &'a [u8],
    },
    /// Text for people.
    Text(&'a [u8]),
    /// The connection is gone, or there was none. The session tries again by itself.
    Down(Broken),
}

impl Session {
    /// A session that logs in as `login` says, at the first address that answers.
    pub fn new(addresses: Vec<SocketAddr>, login: Login) -> Session {
        assert!(!addresses.is_empty(), "a venue has an address");
        Session {
            addresses,
            at: 0,
            login,
            connection: None,
            logged_in: false,
            retry_at: None,
            logins: 0,
            lost: 0,
            doubled: 0,
        }
    }

    /// The number of the next message, once the session has been logged in.
    pub fn next_number(&self) -> u64 {
        self.login.number
    }

    /// The address of the connection, or the one that is tried next.
    pub fn address(&self) -> SocketAddr {
        self.addresses[self.at]
    }

    /// Whether messages can be sent, and there is room for one.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::has_room)
    }

    /// Puts a message into the output of the connection.
    #[inline]
    pub fn send(&mut self, message: &[u8]) {
        self.connection.as_mut().expect("there is room only in a connection").send(message);
    }

    /// Writes what there is to write. Whether the network has not taken all of it.
    #[inline]
    pub fn write(&mut self, now: Instant) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        connection.write(now);
        connection.has_output()
    }

    /// Reads what is there. Whether anything came.
    #[inline]
    pub fn read(&mut self, now: Instant) -> bool {
        self.connection.as_mut().is_some_and(|connection| connection.read(now))
    }

    /// What happened next; `None` if nothing. Connects if that is due.
    #[inline]
    pub fn next_event(&mut self, now: Instant) -> Option<Event<'_>> {
        loop {
            let Some(connection) = &mut self.connection else { return self.connect(now) };
            let (number, at) = match connection.take() {
                Ok(None) => return None,
                Err(broken) => return Some(self.down(broken, now)),
                Ok(Some(Received::LoggedIn(accepted))) => return Some(self.logged_in(accepted)),
                Ok(Some(Received::Message { number, at })) => (Some(number), at),
                Ok(Some(Received::Unnumbered(at))) => (None, at),
                Ok(Some(Received::Text(at))) => {
                    return Some(Event::Text(self.connection.as_ref()?.bytes(at)));
                }
            };
            match number {
                Some(number) if number < self.login.number => self.doubled += 1,
                _ => {
                    self.login.number = number.map_or(self.login.number, |number| number + 1);
                    let bytes = self.connection.as_ref()?.bytes(at);
                    return Some(Event::Message { number, bytes });
                }
            }
        }
    }

    /// Logs out. The venue then closes the connection, and the session logs in again.
    pub fn log_out(&mut self, now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.log_out();
            connection.write(now);
        }
    }

    /// The socket to wait on.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.connection.as_ref().map(Connection::socket)
    }

    fn connect(&mut self, now: Instant) -> Option<Event<'_>> {
        if self.retry_at.is_some_and(|at| now < at) {
            return None;
        }
        match Connection::open(self.address(), &self.login) {
            Ok(connection) => {
                self.connection = Some(connection);
                self.logged_in = false;
                Some(Event::Connected)
            }
            Err(broken) => Some(self.down(broken, now)),
        }
    }

    fn logged_in(&mut self, accepted: LoginAccepted) -> Event<'static> {
        let LoginAccepted { session, number } = accepted;
        if self.logins == 0 {
            self.login.number = number;
        }
        self.lost += number.saturating_sub(self.login.number);
        self.login.number = self.login.number.max(number);
        self.login.session = session;
        self.logins += 1;
        self.logged_in = true;
        Event::LoggedIn { number }
    }

    /// A connection that had worked is made again where it was; otherwise the next address has its turn.
    fn down(&mut self, broken: Broken, now: Instant) -> Event<'static> {
        if !self.logged_in {
            self.at = (self.at + 1) % self.addresses.len();
        }
        self.connection = None;
        self.logged_in = false;
        self.retry_at = Some(now + RETRY);
        Event::Down(broken)
    }
}
