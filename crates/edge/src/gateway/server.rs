//! Network gateway: serves every SoupBinTCP session of the venue and the operators, on the thread
//! that calls [`Gateway::step`].
//!
//! ```text
//!  sockets ─► packets ─► OUCH requests ─► commands ─► queue ─► sequencer
//!  sockets ◄─────────── the sessions' streams ◄─────────────── publisher
//! ```
//!
//! The gateway knows neither threads nor the pipeline. While the queue is full the gateway reads no
//! requests, and TCP makes the clients wait. Output for a client stays in the stream store until
//! the client has taken it, whether the client is connected or not: a client that does not read
//! costs no memory here.

mod clients;
mod connection_timers;
mod options;

pub use options::{Addresses, Counters, Limits, Options, ServerError};

use crate::gateway::accounts::Accounts;
use crate::gateway::admin::AdminPort;
use crate::gateway::connection::{Connection, Phase};
use crate::gateway::epoll::{Epoll, Ready, Token};
use crate::gateway::intake::Intake;
use crate::gateway::listener::Listener;
use crate::gateway::queue::{Inbound, Producer};
use crate::gateway::risk::RiskDesk;
use connection_timers::ConnectionTimers;
use ringside_core::registry::directory::Directory;
use ringside_core::registry::exposure::ExposureView;
use ringside_core::streams::{SessionStates, StreamReader};
use ringside_model::command::Command;
use ringside_model::domain::SessionId;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Bytes read from a client's socket at a time.
const READ_BYTES: usize = 16 << 10;
/// Connections that are sent output in one step; the others follow in the next step.
const SENDS_PER_STEP: usize = 256;

/// Network gateway with its connections.
pub struct Gateway {
    options: Options,
    addresses: Addresses,
    accounts: Accounts,
    intake: Intake,
    reader: StreamReader,
    /// Value of [`StreamReader::published`] at the last step.
    published: u64,
    poll: Epoll,
    listener: Listener,
    admin: Option<AdminPort>,
    connections: Vec<Option<Box<Connection>>>,
    free: Vec<usize>,
    /// Connections of the logged-in sessions.
    live: HashMap<SessionId, usize>,
    /// Connections that wait for room in the queue.
    waiting: VecDeque<usize>,
    /// Connections whose login waits for its check.
    logins: VecDeque<usize>,
    /// Connections that may have something to send.
    to_send: VecDeque<usize>,
    timers: ConnectionTimers,
    /// Buffer for reading from sockets.
    received: Vec<u8>,
    /// True if a login can still be checked in this step: the check of a password takes a while.
    may_check_login: bool,
    counters: Counters,
    ended: bool,
}

impl Gateway {
    /// Opens the listening sockets. `directory` has observed all commands so far, and all later
    /// commands come through this gateway. `reader` is the only reader that takes the touched
    /// streams.
    pub fn open(
        options: Options,
        accounts: Accounts,
        directory: Directory,
        reader: StreamReader,
        states: SessionStates,
        exposures: ExposureView,
        queue: Producer,
    ) -> Result<Gateway, ServerError> {
        let Options { listen, admin, ref session, limits, session_limits, ref clock } = options;
        let desk = RiskDesk::new(exposures).with_session_limits(session_limits);
        let (desk, clock) = (desk.with_clock(clock.clone()), clock.clone());
        if !(1..=10).contains(&session.len()) || !session.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ServerError::SessionName(options.session));
        }
        let poll = Epoll::new().map_err(ServerError::Epoll)?;
        let failed = |address| move |source| ServerError::Listen { address, source };
        let listener = Listener::bind(listen, limits.logins_per_second).map_err(failed(listen))?;
        poll.add(listener.socket(), Token::Listener).map_err(ServerError::Epoll)?;
        let clients = listener.socket().local_addr().map_err(failed(listen))?;
        let admin = match admin {
            Some(address) if !address.ip().is_loopback() => {
                return Err(ServerError::NotLoopback(address));
            }
            Some(address) => Some(AdminPort::open(address, &poll).map_err(failed(address))?),
            None => None,
        };
        let addresses = Addresses { clients, admin: admin.as_ref().map(AdminPort::address) };
        Ok(Gateway {
            options,
            addresses,
            accounts,
            intake: Intake::new(directory, states, desk, queue, clock),
            published: 0,
            reader,
            poll,
            listener,
            admin,
            connections: vec![],
            free: vec![],
            live: HashMap::new(),
            waiting: VecDeque::new(),
            logins: VecDeque::new(),
            to_send: VecDeque::new(),
            timers: ConnectionTimers::default(),
            received: vec![0; READ_BYTES],
            may_check_login: true,
            counters: Counters::default(),
            ended: false,
        })
    }

    /// Returns the addresses on which the gateway listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Returns the counts since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Returns the number of connected clients.
    pub fn connections(&self) -> usize {
        self.connections.len() - self.free.len()
    }

    /// Returns the directory: the names and rules of the venue, as its commands have set them.
    pub fn directory(&self) -> &Directory {
        self.intake.directory()
    }

    /// Returns true if the queue has room for a command that is not a client's.
    pub fn has_room(&self) -> bool {
        self.intake.room() > 0
    }

    /// Hands over a command that is not a client's; returns false if the queue is full.
    pub fn hand_over(&mut self, command: Command) -> bool {
        let room = self.has_room();
        if room {
            self.intake.hand_over(Inbound { command, fields: None });
        }
        room
    }

    /// Ends the session: every client is sent its stream up to the end, then the end of session.
    pub fn end_session(&mut self) {
        self.ended = true;
        self.queue_all();
    }

    /// Does a bounded amount of work and returns that amount; 0 if there was nothing to do.
    /// `now_ns` is monotonic.
    pub fn step(&mut self, now_ns: u64) -> usize {
        self.may_check_login = true;
        self.begin_timers(now_ns);
        let mut work = self.resume_waiting(now_ns);
        let mut arrivals = false;
        for index in 0..self.poll.look() {
            let Ready { token, readable, writable } = self.poll.ready(index);
            match token {
                Token::Client(slot) => {
                    if writable {
                        work += self.send(slot, now_ns);
                    }
                    if readable {
                        work += self.receive(slot, now_ns);
                    }
                }
                // Accept after all other events, so that no slot gets a new connection while events
                // of the old one remain.
                Token::Listener => arrivals = true,
                Token::AdminListener | Token::Operator(_) => {
                    if let Some(admin) = &mut self.admin {
                        work += admin.ready(token, &self.poll, &mut self.reader);
                    }
                }
            }
        }
        if arrivals {
            work += self.accept(now_ns);
        }
        work += self.send_streams(now_ns);
        if let Some(admin) = &mut self.admin {
            work += admin.handle_lines(&mut self.intake);
            work += admin.send(&self.poll, &mut self.reader, now_ns);
        }
        work + self.look_at_time(now_ns)
    }

    /// Sends every client the rest of its stream, as far as possible within the time, and closes.
    pub fn finish(mut self, within: Duration) {
        let begin = Instant::now();
        self.queue_all();
        loop {
            let now_ns = self.timers.now_ns + begin.elapsed().as_nanos() as u64;
            self.send_streams(now_ns);
            for slot in 0..self.connections.len() {
                self.finish_connection(slot, now_ns);
            }
            let operators_wait = match &mut self.admin {
                Some(admin) => {
                    admin.send(&self.poll, &mut self.reader, now_ns);
                    admin.has_to_send()
                }
                None => false,
            };
            if self.connections() == 0 && !operators_wait || begin.elapsed() >= within {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Closes a connection that has been sent everything and whose client has seen the end.
    fn finish_connection(&mut self, slot: usize, now_ns: u64) {
        let Some(connection) = &mut self.connections[slot] else { return };
        match connection.phase() {
            Phase::Login => self.close(slot, "the venue ends", now_ns),
            Phase::Open(_) => {
                if connection.has_sent_all(&mut self.reader) {
                    connection.close_after_control(now_ns);
                }
                self.send(slot, now_ns);
            }
            Phase::Closing => {
                self.send(slot, now_ns);
                self.receive(slot, now_ns);
            }
        }
    }

    /// Sends to the connections whose streams have moved, and to those with other output.
    fn send_streams(&mut self, now_ns: u64) -> usize {
        let published = self.reader.published();
        if published != self.published {
            self.published = published;
            let Gateway { reader, live, connections, to_send, .. } = self;
            reader.take_touched(|stream| {
                if let Some(&slot) = live.get(&SessionId(stream.0)) {
                    queue(connections, to_send, slot);
                }
            });
        }
        let mut work = 0;
        for _ in 0..self.to_send.len().min(SENDS_PER_STEP) {
            let Some(slot) = self.to_send.pop_front() else { break };
            let Some(connection) = &mut self.connections[slot] else { continue };
            connection.queued = false;
            // The epoll set reports a blocked connection when its socket takes bytes again.
            if !connection.is_blocked() {
                work += self.send(slot, now_ns);
            }
        }
        work
    }

    fn queue_all(&mut self) {
        for slot in 0..self.connections.len() {
            queue(&mut self.connections, &mut self.to_send, slot);
        }
    }
}

/// Notes that a connection may have something to send.
fn queue(connections: &mut [Option<Box<Connection>>], to_send: &mut VecDeque<usize>, slot: usize) {
    if let Some(connection) = &mut connections[slot]
        && !connection.queued
    {
        connection.queued = true;
        to_send.push_back(slot);
    }
}
