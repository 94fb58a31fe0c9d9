//! The network gateway: every SoupBinTCP session of the venue and the operators, served by whoever calls
//! [`Server::step`].
//!
//! ```text
//!  sockets ─► packets ─► OUCH requests ─► commands ─► queue ─► sequencer
//!  sockets ◄─────────── the sessions' streams ◄─────────────── publisher
//! ```
//!
//! It knows neither threads nor the pipeline. While the queue is full it reads no requests, and TCP makes the
//! clients wait. What a client is sent lies in the stream store until the client has taken it, whether it is
//! connected or not: a client that does not read costs no memory here.

mod clients;
mod options;
mod timers;

pub use options::{Addresses, Counters, Limits, Options, ServerError};

use crate::gateway::accounts::Accounts;
use crate::gateway::admin::AdminPort;
use crate::gateway::connection::{Connection, Phase};
use crate::gateway::intake::Intake;
use crate::gateway::listener::Listener;
use crate::gateway::poll::{Poll, Ready, Token};
use crate::gateway::queue::{Inbound, Producer};
use ringside_core::registry::directory::Directory;
use ringside_core::registry::exposure::Exposures;
use ringside_core::streams::{Reader, SessionStates};
use ringside_model::command::Command;
use ringside_model::domain::SessionId;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};
use timers::Timers;

/// A client's socket is read so many bytes at a time.
const READ_BYTES: usize = 16 << 10;
/// So many connections are sent something in one step; the others come in the next.
const SENDS_PER_STEP: usize = 256;

/// The gateway.
pub struct Server {
    options: Options,
    addresses: Addresses,
    accounts: Accounts,
    intake: Intake,
    reader: Reader,
    /// What [`Reader::published`] said last.
    published: u64,
    poll: Poll,
    listener: Listener,
    admin: Option<AdminPort>,
    connections: Vec<Option<Box<Connection>>>,
    free: Vec<usize>,
    /// The connections of the sessions.
    live: HashMap<SessionId, usize>,
    /// Sessions that wait for room in the queue.
    waiting: VecDeque<usize>,
    /// Connections whose login waits to be looked at.
    logins: VecDeque<usize>,
    /// Connections that may have something to send.
    to_send: VecDeque<usize>,
    timers: Timers,
    /// Where sockets are read to.
    received: Vec<u8>,
    /// Whether a login can be looked at in this step: a password takes a while to check.
    may_check_login: bool,
    counters: Counters,
    ended: bool,
}

impl Server {
    /// Listens. `directory` knows all commands so far, and all others come through this gateway; `reader` is the
    /// only one who takes the touched streams.
    pub fn open(
        options: Options,
        accounts: Accounts,
        directory: Directory,
        reader: Reader,
        states: SessionStates,
        exposures: Exposures,
        queue: Producer,
    ) -> Result<Server, ServerError> {
        let Options { listen, admin, ref session, limits } = options;
        if !(1..=10).contains(&session.len()) || !session.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ServerError::SessionName(options.session));
        }
        let poll = Poll::new().map_err(ServerError::Poll)?;
        let failed = |address| move |source| ServerError::Listen { address, source };
        let listener = Listener::bind(listen, limits.logins_per_second).map_err(failed(listen))?;
        poll.add(listener.socket(), Token::Listener).map_err(ServerError::Poll)?;
        let clients = listener.socket().local_addr().map_err(failed(listen))?;
        let admin = match admin {
            Some(address) if !address.ip().is_loopback() => {
                return Err(ServerError::NotLoopback(address));
            }
            Some(address) => Some(AdminPort::open(address, &poll).map_err(failed(address))?),
            None => None,
        };
        let addresses = Addresses { clients, admin: admin.as_ref().map(AdminPort::address) };
        Ok(Server {
            options,
            addresses,
            accounts,
            intake: Intake::new(directory, states, exposures, queue),
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
            timers: Timers::default(),
            received: vec![0; READ_BYTES],
            may_check_login: true,
            counters: Counters::default(),
            ended: false,
        })
    }

    /// What listens where.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What has happened.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many clients are connected.
    pub fn connections(&self) -> usize {
        self.connections.len() - self.free.len()
    }

    /// The venue as its commands made it.
    pub fn directory(&self) -> &Directory {
        self.intake.directory()
    }

    /// Whether a command that is not a client's can be handed over.
    pub fn has_room(&self) -> bool {
        self.intake.room() > 0
    }

    /// Hands over a command that is not a client's; `false` if the queue is full.
    pub fn hand_over(&mut self, command: Command) -> bool {
        let room = self.has_room();
        if room {
            self.intake.hand_over(Inbound { command, fields: None });
        }
        room
    }

    /// Every client is sent its stream up to the end, then the end of session.
    pub fn end_session(&mut self) {
        self.ended = true;
        self.queue_all();
    }

    /// Does a bounded amount of work and says how much; 0 if there was nothing to do. `now_ns` is monotonic.
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
                // Behind all others, so that no slot gets another connection while there are events of the old.
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

    /// Sends every client what is in its stream, as far as that is possible within the time, and closes.
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

    /// Lets a connection go when it has been sent everything and has heard of the end.
    fn finish_connection(&mut self, slot: usize, now_ns: u64) {
        let Some(connection) = &mut self.connections[slot] else { return };
        match connection.phase() {
            Phase::Login => self.close(slot, now_ns),
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

    /// Sends to those whose streams have moved, or who have something else to be sent.
    fn send_streams(&mut self, now_ns: u64) -> usize {
        let published = self.reader.published();
        if published != self.published {
            self.published = published;
            let Server { reader, live, connections, to_send, .. } = self;
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
            // One that is blocked is heard of when it takes bytes again.
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

/// Takes note that a connection may have something to send.
fn queue(connections: &mut [Option<Box<Connection>>], to_send: &mut VecDeque<usize>, slot: usize) {
    if let Some(connection) = &mut connections[slot]
        && !connection.queued
    {
        connection.queued = true;
        to_send.push_back(slot);
    }
}
