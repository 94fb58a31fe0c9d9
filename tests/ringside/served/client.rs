//! A session that keeps every message that it has received, over all runs of the venue.

use super::life::Life;
use super::orders::Orders;
use ringside_load::rng::Rng;
use ringside_wire::client::soup::{Broken, Connection, Received};
use ringside_wire::soupbintcp::{Login, SESSION_NOT_AVAILABLE};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Largest number of requests that wait for an answer.
const WAITING_MAX: usize = 64;

/// Largest number of new requests in one run. The next run sends all earlier messages of the
/// session again, so their number must be bounded where that takes long.
const REQUESTS_MAX: u64 = 6_000;

/// A session under test.
pub struct Client {
    pub user: String,
    address: SocketAddr,
    /// Messages 1, 2, 3 …
    pub kept: Vec<Vec<u8>>,
    /// Source of requests; none: the session only reads.
    pub orders: Option<Orders>,
    /// Number of new requests that are left in this run of the venue.
    requests_left: u64,
    rng: Rng,
    /// Number of requests that were sent again.
    pub resent: usize,
    /// Number of connections that the client closed by itself.
    pub dropped: usize,
}

/// End of a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The network or the venue closed the connection.
    Gone,
    /// The client closed the connection.
    Left,
    /// The venue has ended the session.
    Session,
}

impl Client {
    /// Returns a session that trades.
    pub fn trading(user: &str, address: SocketAddr, seed: u64) -> Client {
        let orders = Some(Orders::new(user, seed));
        Client { orders, ..Client::reading(user, address, seed) }
    }

    /// Returns a session that only reads.
    pub fn reading(user: &str, address: SocketAddr, seed: u64) -> Client {
        let (user, rng) = (user.to_string(), Rng::new(!seed));
        Client {
            user,
            address,
            kept: vec![],
            orders: None,
            requests_left: 0,
            rng,
            resent: 0,
            dropped: 0,
        }
    }

    /// Takes part in one run of the venue: receives everything from the first message on, then
    /// continues behind the last message. Reconnects whenever the connection is lost, until the run
    /// is over or the session has ended.
    pub fn live(&mut self, life: &Life) -> Result<(), String> {
        let result = self.try_to_live(life);
        life.leave(result.map_err(|what| format!("{}: {what}", self.user)))
    }

    fn try_to_live(&mut self, life: &Life) -> Result<(), String> {
        if !self.hears_the_same_again(life)? {
            return Ok(());
        }
        life.prove();
        let wanted = self.kept.len() + life.wanted;
        let mut served = false;
        self.requests_left = REQUESTS_MAX;
        loop {
            let number = self.kept.len() as u64 + 1;
            let Some(link) = self.connect(number, life)? else { return Ok(()) };
            if self.go_on(link, life, wanted, &mut served)? == End::Session {
                return Ok(());
            }
        }
    }

    /// Logs in from the first message and compares the messages with those kept; returns false if
    /// the run is over. New messages are not taken here: the client must not know yet the fate of
    /// the requests that it sends again.
    fn hears_the_same_again(&mut self, life: &Life) -> Result<bool, String> {
        let all = self.kept.len();
        let Some(mut link) = self.connect(1, life)? else { return Ok(false) };
        let began = Instant::now();
        while link.number <= all as u64 {
            match link.next()? {
                Next::Message(number, bytes) => self.keep(number, bytes)?,
                Next::Nothing if began.elapsed() < super::PATIENCE => link.wait(1_000),
                Next::Nothing => {
                    let has = link.number - 1;
                    return Err(format!("only {has} of {all} messages that were told are there"));
                }
                Next::Gone(_) => return Ok(false),
            }
        }
        link.leave()?;
        Ok(true)
    }

    /// Trades and listens until the connection is gone. Reports once that all wanted messages have
    /// arrived.
    fn go_on(
        &mut self,
        mut link: Link,
        life: &Life,
        wanted: usize,
        served: &mut bool,
    ) -> Result<End, String> {
        if let Some(orders) = &self.orders {
            orders.unanswered().for_each(|request| link.connection.send(request));
            self.resent += orders.waiting();
        }
        let mut asked_last = false;
        let mut settled = self.orders.is_none();
        let mut pause_until = Instant::now();
        loop {
            if self.kept.len() >= wanted && !std::mem::replace(served, true) {
                life.serve();
            }
            match link.next()? {
                Next::Message(number, bytes) => self.keep(number, bytes)?,
                Next::Gone(Broken::Ended) => return Ok(End::Session),
                Next::Gone(_) => return Ok(End::Gone),
                Next::Nothing => {
                    let Some(orders) = &mut self.orders else {
                        link.wait(1_000);
                        continue;
                    };
                    if life.is_quiet() {
                        if !orders.is_settled && !std::mem::replace(&mut asked_last, true) {
                            link.connection.send(&orders.last());
                        }
                        if orders.is_settled && !std::mem::replace(&mut settled, true) {
                            life.settle();
                        }
                    } else if Instant::now() >= pause_until {
                        let room = WAITING_MAX.saturating_sub(orders.waiting()) as u64;
                        let burst = self.rng.below(48).min(room).min(self.requests_left);
                        self.requests_left -= burst;
                        (0..burst).for_each(|_| link.connection.send(&orders.next()));
                        pause_until = Instant::now() + Duration::from_micros(self.rng.below(4_000));
                        link.connection.write(Instant::now());
                        if self.rng.chance(1, 200) {
                            self.dropped += 1;
                            return Ok(End::Left);
                        }
                    }
                    link.wait(500);
                }
            }
        }
    }

    /// Keeps a message, which must be the next one or equal one that is kept.
    fn keep(&mut self, number: u64, bytes: Vec<u8>) -> Result<(), String> {
        let at = number as usize - 1;
        match self.kept.get(at) {
            Some(kept) if *kept == bytes => return Ok(()),
            Some(kept) => return Err(format!("message {number} was {kept:?} and is {bytes:?}")),
            None if at > self.kept.len() => {
                return Err(format!("message {number} comes behind {}", self.kept.len()));
            }
            None => {}
        }
        if let Some(orders) = &mut self.orders {
            orders.hear(&bytes)?;
        }
        self.kept.push(bytes);
        Ok(())
    }

    /// Returns a logged-in connection; `None` if the run is over before.
    fn connect(&self, number: u64, life: &Life) -> Result<Option<Link>, String> {
        let login = Login {
            user: self.user.clone(),
            password: "ringside".into(),
            session: String::new(),
            number,
            heartbeat_timeout_ms: None,
        };
        let began = Instant::now();
        while began.elapsed() < super::PATIENCE {
            match log_in(self.address, &login)? {
                Ok(link) if link.number == number => return Ok(Some(link)),
                Ok(link) => {
                    return Err(format!("wants message {number} and is offered {}", link.number));
                }
                Err(_) if life.is_over() => return Ok(None),
                // The venue has not noticed yet that the connection before is closed.
                Err(Broken::Refused(SESSION_NOT_AVAILABLE)) => {}
                Err(Broken::Refused(reason)) => {
                    return Err(format!("refused: {}", char::from(reason)));
                }
                Err(_) => {}
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(format!("no login with number {number}"))
    }
}

/// A connection that is logged in.
pub struct Link {
    connection: Connection,
    /// Number of the next message.
    pub number: u64,
}

/// Next event on a connection.
pub enum Next {
    /// A message with its number.
    Message(u64, Vec<u8>),
    /// No message so far.
    Nothing,
    /// The connection is gone; all earlier messages have been returned.
    Gone(Broken),
}

/// Logs in. The outer error is a fault that no venue may have.
pub fn log_in(address: SocketAddr, login: &Login) -> Result<Result<Link, Broken>, String> {
    let connection = match Connection::open(address, login) {
        Ok(connection) => connection,
        Err(broken) => return Ok(Err(broken)),
    };
    let mut link = Link { connection, number: 0 };
    loop {
        link.connection.read(Instant::now());
        match link.connection.take() {
            Ok(Some(Received::LoggedIn(accepted))) => {
                link.number = accepted.number;
                return Ok(Ok(link));
            }
            Ok(Some(Received::Text(at))) => {
                return Err(String::from_utf8_lossy(link.connection.bytes(at)).into_owned());
            }
            Ok(Some(other)) => return Err(format!("{other:?} instead of a login")),
            Ok(None) => link.wait(1_000),
            Err(broken) => return Ok(Err(broken)),
        }
    }
}

impl Link {
    /// Returns the next event; sends pending bytes first.
    pub fn next(&mut self) -> Result<Next, String> {
        let now = Instant::now();
        self.connection.write(now);
        loop {
            match self.connection.take() {
                Ok(Some(Received::Message { number, at })) => {
                    self.number = number + 1;
                    return Ok(Next::Message(number, self.connection.bytes(at).to_vec()));
                }
                Ok(Some(Received::Text(at))) => {
                    return Err(String::from_utf8_lossy(self.connection.bytes(at)).into_owned());
                }
                Ok(Some(other)) => return Err(format!("{other:?}")),
                Ok(None) if self.connection.read(now) => {}
                // The read may have found the end of the connection.
                Ok(None) => match self.connection.take() {
                    Ok(_) => return Ok(Next::Nothing),
                    Err(broken) => return Ok(Next::Gone(broken)),
                },
                Err(broken) => return Ok(Next::Gone(broken)),
            }
        }
    }

    /// Logs out and waits until the venue closes the connection; ignores messages meanwhile.
    pub fn leave(mut self) -> Result<(), String> {
        self.connection.log_out();
        loop {
            match self.next()? {
                Next::Message(..) => {}
                Next::Nothing => self.wait(1_000),
                Next::Gone(_) => return Ok(()),
            }
        }
    }

    /// Waits for bytes to read, but no longer than the timeout.
    pub fn wait(&self, timeout_us: i64) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: timeout_us * 1_000 };
        let mut sockets = [PollFd::from_borrowed_fd(self.connection.socket(), PollFlags::IN)];
        let _ = poll(&mut sockets, Some(&timeout));
    }
}
