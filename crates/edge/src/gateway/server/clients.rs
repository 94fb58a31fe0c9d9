//! Events of clients: connect, log in, send requests, read.

use super::{Gateway, READ_BYTES, queue};
use crate::gateway::connection::{Connection, Phase};
use crate::gateway::epoll::Token;
use crate::gateway::intake::LoggedInSession;
use crate::gateway::listener::Arrival;
use crate::gateway::login::{self, Entry, Refusal};
use crate::gateway::order_entry::Ignored;
use ringside_model::domain::{Role, SessionId};
use ringside_wire::soupbintcp::{
    Login, LoginAccepted, NOT_AUTHORIZED, Packet, SESSION_NOT_AVAILABLE, packet, split_packet,
};
use std::net::TcpStream;

/// Connections accepted in one step, at most.
const ARRIVALS_PER_STEP: usize = 16;
/// Bytes read at a time before the login: only the login packet is expected.
const LOGIN_READ_BYTES: usize = 256;

impl Gateway {
    pub(super) fn accept(&mut self, now_ns: u64) -> usize {
        for arrivals in 0..ARRIVALS_PER_STEP {
            match self.listener.accept(now_ns) {
                None => return arrivals,
                Some(Arrival::Welcome(socket))
                    if self.connections() < self.options.limits.connections_max =>
                {
                    self.add(socket, now_ns);
                }
                Some(Arrival::Welcome(socket)) => {
                    let address = socket.peer_addr().map_or("?".into(), |from| from.to_string());
                    self.refuse_connection(&address, "too many connections are open");
                }
                Some(Arrival::Refused(address, why)) => {
                    self.refuse_connection(&address.to_string(), why);
                }
            }
        }
        ARRIVALS_PER_STEP
    }

    fn add(&mut self, socket: TcpStream, now_ns: u64) {
        let slot = self.free.pop().unwrap_or(self.connections.len());
        let known = self.poll.add(&socket, Token::Client(slot));
        let new = Connection::new(socket, now_ns);
        if let Err(error) = &known {
            self.refuse_connection(&new.address(), &error.to_string());
            self.free.push(slot);
        }
        let connection = known.is_ok().then(|| Box::new(new));
        match self.connections.get_mut(slot) {
            Some(place) => *place = connection,
            None => self.connections.push(connection),
        }
    }

    #[cold]
    fn refuse_connection(&mut self, address: &str, why: &str) {
        self.counters.connections_refused += 1;
        tracing::warn!(
            event = "connection_refused",
            address,
            "the connection of {address} is refused: {why}"
        );
    }

    /// Closes a connection at once.
    #[cold]
    pub(super) fn close(&mut self, slot: usize, why: &str, now_ns: u64) {
        let Some(connection) = self.connections[slot].take() else { return };
        self.free.push(slot);
        let address = connection.address();
        match (connection.phase(), connection.member()) {
            (_, Some(member)) => self.leave(&member, &address, why, now_ns),
            (Phase::Login, None) => tracing::debug!(
                event = "connection_closed",
                address,
                "the connection of {address} ends without a login: {why}"
            ),
            _ => {}
        }
    }

    /// Notes that the session has no connection any more.
    fn leave(&mut self, member: &LoggedInSession, address: &str, why: &str, now_ns: u64) {
        let account = self.accounts.get(member.account);
        let user = account.user.as_str();
        tracing::info!(
            event = "disconnected",
            user,
            address,
            "{user} at {address} is disconnected: {why}"
        );
        self.live.remove(&member.session);
        self.timers.leave(member, account, now_ns);
    }

    /// Sends a client the reason why its connection ends, then ends the connection.
    fn violation(&mut self, slot: usize, what: &str, now_ns: u64) {
        let Some(connection) = &mut self.connections[slot] else { return };
        self.counters.violations += 1;
        connection.tell(packet::DEBUG, what.as_bytes());
        let address = connection.address();
        tracing::warn!(
            event = "violation",
            address,
            "{address} does not keep to the protocol: {what}"
        );
        self.close_politely(slot, what, now_ns);
    }

    /// Ends a connection after its last unnumbered packets.
    pub(super) fn close_politely(&mut self, slot: usize, why: &str, now_ns: u64) {
        let Some(connection) = &mut self.connections[slot] else { return };
        let (member, address) = (connection.member(), connection.address());
        connection.close_after_control(now_ns);
        queue(&mut self.connections, &mut self.to_send, slot);
        if let Some(member) = member {
            self.leave(&member, &address, why, now_ns);
        }
    }

    /// Sends a client its pending output; returns the amount of work.
    pub(super) fn send(&mut self, slot: usize, now_ns: u64) -> usize {
        let Some(connection) = &mut self.connections[slot] else { return 0 };
        let sent = match connection.flush(&mut self.reader, now_ns) {
            Ok(sent) => sent,
            Err(error) => {
                self.close(slot, &error.to_string(), now_ns);
                return 1;
            }
        };
        let blocked = connection.is_blocked();
        if blocked != connection.looks_for_writable {
            connection.looks_for_writable = blocked;
            let token = Token::Client(slot);
            if let Err(error) = self.poll.look_for_writable(connection.socket(), token, blocked) {
                self.close(slot, &error.to_string(), now_ns);
                return 1;
            }
        }
        if !blocked && sent > 0 {
            // There may be more output than one turn allows.
            queue(&mut self.connections, &mut self.to_send, slot);
        } else if !blocked && self.ended {
            self.end(slot, now_ns);
        }
        sent
    }

    /// Ends the connection of a client that has everything, after the end of the session.
    fn end(&mut self, slot: usize, now_ns: u64) {
        let Some(connection) = &mut self.connections[slot] else { return };
        if connection.member().is_some() && connection.has_sent_all(&mut self.reader) {
            connection.tell(packet::END_OF_SESSION, &[]);
            self.close_politely(slot, "the session has ended", now_ns);
        }
    }

    /// Resumes the connections that had to wait, as far as there is room. A connection that finds
    /// no room keeps its place before all that have had a turn since. Otherwise the clients that
    /// send the most would always be the first.
    pub(super) fn resume_waiting(&mut self, now_ns: u64) -> usize {
        let mut work = 0;
        while self.may_check_login
            && let Some(slot) = self.logins.pop_front()
        {
            work += self.resume(slot, now_ns);
        }
        for _ in 0..self.waiting.len() {
            if self.intake.room_for_clients() == 0 {
                break;
            }
            let Some(slot) = self.waiting.pop_front() else { break };
            work += self.resume(slot, now_ns);
        }
        work
    }

    /// Handles the bytes that a client sent before it had to wait, and reads on.
    fn resume(&mut self, slot: usize, now_ns: u64) -> usize {
        let Some(connection) = &mut self.connections[slot] else { return 0 };
        connection.waits = false;
        let received = std::mem::take(&mut connection.received);
        let used = self.handle(slot, &received, now_ns);
        self.keep(slot, received, used);
        used + self.receive(slot, now_ns)
    }

    /// Reads from a client and handles its packets.
    pub(super) fn receive(&mut self, slot: usize, now_ns: u64) -> usize {
        let Some(connection) = &mut self.connections[slot] else { return 0 };
        let is_open = matches!(connection.phase(), Phase::Open(_));
        if connection.waits {
            return 0;
        }
        if is_open && self.intake.room_for_clients() == 0 {
            connection.waits = true;
            self.waiting.push_back(slot);
            return 0;
        }
        let bytes_max = if is_open { READ_BYTES } else { LOGIN_READ_BYTES };
        let bytes = match connection.read(&mut self.received[..bytes_max]) {
            Ok(None) => return 0,
            Ok(Some(bytes)) if bytes > 0 => bytes,
            Ok(Some(_)) => {
                self.close(slot, "the client closed the connection", now_ns);
                return 1;
            }
            Err(error) => {
                self.close(slot, &error.to_string(), now_ns);
                return 1;
            }
        };
        connection.received_ns = now_ns;
        let mut received = std::mem::take(&mut connection.received);
        if received.is_empty() {
            let buffer = std::mem::take(&mut self.received);
            let used = self.handle(slot, &buffer[..bytes], now_ns);
            received.extend_from_slice(&buffer[used..bytes]);
            self.received = buffer;
            self.keep(slot, received, 0);
        } else {
            received.extend_from_slice(&self.received[..bytes]);
            let used = self.handle(slot, &received, now_ns);
            self.keep(slot, received, used);
        }
        bytes
    }

    /// Keeps the received bytes that are not handled.
    fn keep(&mut self, slot: usize, mut received: Vec<u8>, used: usize) {
        if let Some(connection) = &mut self.connections[slot] {
            received.drain(..used);
            connection.received = received;
        }
    }

    /// Handles the whole packets in `bytes`, as far as there is room for their commands, and
    /// returns the number of bytes handled.
    fn handle(&mut self, slot: usize, bytes: &[u8], now_ns: u64) -> usize {
        let mut used = 0;
        while let Some(connection) = &mut self.connections[slot] {
            let phase = connection.phase();
            if matches!(phase, Phase::Closing) {
                return bytes.len();
            }
            let bytes_max = self.options.limits.packet_bytes_max;
            let (packet, length) = match split_packet(&bytes[used..], bytes_max) {
                Ok(Some(found)) => found,
                Ok(None) => return used,
                Err(malformed) => {
                    self.violation(slot, &malformed.to_string(), now_ns);
                    return bytes.len();
                }
            };
            let (may_go_on, line) = match phase {
                Phase::Login => (self.may_check_login, &mut self.logins),
                _ => (self.intake.room_for_clients() > 0, &mut self.waiting),
            };
            if !may_go_on {
                connection.waits = true;
                line.push_back(slot);
                return used;
            }
            used += length;
            self.packet(slot, phase, &packet, now_ns);
        }
        bytes.len()
    }

    fn packet(&mut self, slot: usize, phase: Phase, packet: &Packet<'_>, now_ns: u64) {
        match (phase, packet.packet_type) {
            (Phase::Open(member), packet::UNSEQUENCED) if member.role == Role::OrderEntry => {
                self.request(slot, &member, packet.payload, now_ns);
            }
            (Phase::Open(_), packet::CLIENT_HEARTBEAT) | (_, packet::DEBUG) => {}
            (Phase::Login, packet::LOGIN_REQUEST) => self.login(slot, packet.payload, now_ns),
            (_, packet::LOGOUT) => self.close(slot, "the client logged out", now_ns),
            (Phase::Open(_), packet::UNSEQUENCED) => {
                self.violation(slot, "a drop copy is only read", now_ns);
            }
            (_, other) => {
                let what = format!("a packet of type {:?} has no place here", char::from(other));
                self.violation(slot, &what, now_ns);
            }
        }
    }

    #[inline]
    fn request(&mut self, slot: usize, member: &LoggedInSession, message: &[u8], now_ns: u64) {
        let rules = &self.accounts.get(member.account).rules;
        match self.intake.request(message, member, rules, now_ns) {
            Ok(Ok(())) => self.counters.requests += 1,
            Ok(Err(Ignored::StaleId)) => self.counters.stale_ids += 1,
            Ok(Err(Ignored::UnknownOrder)) => self.counters.unknown_orders += 1,
            Ok(Err(Ignored::Unserved)) => self.counters.unserved += 1,
            Err(malformed) => {
                self.counters.malformed += 1;
                if let Some(connection) = &mut self.connections[slot] {
                    connection.tell(packet::DEBUG, malformed.to_string().as_bytes());
                    queue(&mut self.connections, &mut self.to_send, slot);
                }
            }
        }
    }

    #[cold]
    fn login(&mut self, slot: usize, payload: &[u8], now_ns: u64) {
        self.may_check_login = false;
        let login = match Login::parse(payload) {
            Ok(login) => login,
            Err(malformed) => return self.violation(slot, &malformed.to_string(), now_ns),
        };
        let Gateway { options, accounts, intake, reader, live, .. } = self;
        let is_live = |session: SessionId| live.contains_key(&session);
        match login::decide(&login, &options.session, accounts, intake, reader, is_live) {
            Ok(entry) => self.enter(slot, &login, entry, now_ns),
            Err(refusal) => self.refuse(slot, &login.user, refusal, now_ns),
        }
    }

    fn enter(&mut self, slot: usize, login: &Login, entry: Entry, now_ns: u64) {
        let Some(connection) = &mut self.connections[slot] else { return };
        let Entry { member, number, cursor } = entry;
        self.counters.logins += 1;
        let accepted = LoginAccepted { session: self.options.session.clone(), number };
        connection.tell(packet::LOGIN_ACCEPTED, &accepted.payload());
        let usual_ms = self.options.limits.heartbeat_interval_ms;
        // A client with a shorter timeout than usual is sent heartbeats twice as often as it needs.
        let wanted_ms = login.heartbeat_timeout_ms.filter(|&ms| ms > 0).map(|ms| u64::from(ms) / 2);
        let heartbeat_ms = wanted_ms.map_or(usual_ms, |ms| ms.clamp(1, usual_ms));
        connection.open(member, cursor, heartbeat_ms * 1_000_000, now_ns);
        let (user, address) = (self.accounts.get(member.account).user, connection.address());
        let user = user.as_str();
        tracing::info!(event = "login", user, address, number, "{user} at {address} logs in");
        self.live.insert(member.session, slot);
        self.timers.come_back(member.session);
        queue(&mut self.connections, &mut self.to_send, slot);
    }

    fn refuse(&mut self, slot: usize, user: &str, refusal: Refusal, now_ns: u64) {
        let Some(connection) = &mut self.connections[slot] else { return };
        self.counters.logins_refused += 1;
        let (reason, why) = match refusal {
            Refusal::NotAuthorized => (NOT_AUTHORIZED, "no such user, or another password".into()),
            Refusal::NotAvailable => {
                let why = "the session is another one, does not exist, or has a connection already";
                (SESSION_NOT_AVAILABLE, why.into())
            }
            Refusal::Ahead { next } => {
                let text = format!("the next message of this session has number {next}");
                connection.tell(packet::DEBUG, text.as_bytes());
                (SESSION_NOT_AVAILABLE, text)
            }
        };
        connection.tell(packet::LOGIN_REJECTED, &[reason]);
        let address = connection.address();
        tracing::warn!(
            event = "login_refused",
            login = user,
            address,
            "the login of {user} at {address} is refused: {why}"
        );
        self.close_politely(slot, &why, now_ns);
    }
}
