//! Session that outlives its connections: each login asks for the next number that the session
//! expects.

use super::soup::{Broken, Connection, Received};
use crate::soupbintcp::{Login, LoginAccepted};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// Pause between the loss of a connection, or a failed attempt, and the next attempt.
const RETRY: Duration = Duration::from_millis(10);

/// Client session on one venue, which may be reachable at several addresses.
pub struct Session {
    /// Address of the connection, or of the next attempt; then those to try after it.
    addresses: Vec<SocketAddr>,
    login: Login,
    connection: Option<Connection>,
    logged_in: bool,
    /// Time when the last connection was lost or the last attempt failed.
    down_at: Option<Instant>,
    /// Number of accepted logins.
    pub logins: u64,
    /// Numbers that the venue skipped at a login: messages that never arrived.
    pub lost: u64,
    /// Messages that arrived again under a number received before. The owner does not receive them.
    pub doubled: u64,
}

/// Event of a session, returned by [`Session::next_event`].
#[derive(Debug)]
pub enum Event<'a> {
    /// A connection is open; its socket is [`Session::socket`].
    Connected,
    /// The venue has accepted the login.
    LoggedIn {
        /// Number of the next message.
        number: u64,
    },
    /// A message has arrived.
    Message {
        /// Number of the message; `None` for an unsequenced one.
        number: Option<u64>,
        /// Bytes of the message.
        bytes: &'a [u8],
    },
    /// Text for people, without a meaning in the protocol.
    Text(&'a [u8]),
    /// The connection is lost, or an attempt failed. The session connects again by itself.
    Down(Broken),
}

impl Session {
    /// Creates a session that logs in with `login` at the first address that answers. `addresses`
    /// must not be empty.
    pub fn new(addresses: Vec<SocketAddr>, login: Login) -> Session {
        assert!(!addresses.is_empty(), "a venue has an address");
        Session {
            addresses,
            login,
            connection: None,
            logged_in: false,
            down_at: None,
            logins: 0,
            lost: 0,
            doubled: 0,
        }
    }

    /// Number of the next message, valid after the first login.
    pub fn next_number(&self) -> u64 {
        self.login.number
    }

    /// Address of the connection, or of the next attempt.
    #[expect(clippy::indexing_slicing, reason = "`new` has checked that there is an address")]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Returns true if the session is logged in and its output has room for another message.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::has_room)
    }

    /// Appends a message to the output of the connection. There must be a connection, see
    /// [`has_room`](Self::has_room).
    #[inline]
    #[expect(
        clippy::expect_used,
        reason = "the owner asks `has_room`, and only `next_event` drops a connection"
    )]
    pub fn send(&mut self, message: &[u8]) {
        self.connection.as_mut().expect("there is room only in a connection").send(message);
    }

    /// Writes pending output or a heartbeat. Returns true if the network has not taken all output.
    #[inline]
    pub fn write(&mut self, now: Instant) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        connection.write(now);
        connection.has_output()
    }

    /// Reads from the socket once. Returns true if any bytes arrived.
    #[inline]
    pub fn read(&mut self, now: Instant) -> bool {
        self.connection.as_mut().is_some_and(|connection| connection.read(now))
    }

    /// Returns the next event, or `None` if there is none. Connects if an attempt is due.
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
                Some(number) if number < self.login.number => {
                    self.doubled = self.doubled.saturating_add(1);
                }
                _ => {
                    // Exact: the connection takes no message with the highest number.
                    let next = number.map(|number| number.saturating_add(1));
                    self.login.number = next.unwrap_or(self.login.number);
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

    /// Socket to wait on; `None` without a connection.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.connection.as_ref().map(Connection::socket)
    }

    fn connect(&mut self, now: Instant) -> Option<Event<'_>> {
        if self.down_at.is_some_and(|at| now.saturating_duration_since(at) < RETRY) {
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
        self.lost = self.lost.saturating_add(number.saturating_sub(self.login.number));
        self.login.number = self.login.number.max(number);
        self.login.session = session;
        self.logins = self.logins.saturating_add(1);
        self.logged_in = true;
        Event::LoggedIn { number }
    }

    /// Drops the connection and schedules the next attempt: at the same address if the session was
    /// logged in, otherwise at the next one.
    fn down(&mut self, broken: Broken, now: Instant) -> Event<'static> {
        if !self.logged_in {
            self.addresses.rotate_left(1);
        }
        self.connection = None;
        self.logged_in = false;
        self.down_at = Some(now);
        Event::Down(broken)
    }
}
