//! Connection to the snapshot server, from the login to the last byte.

use super::glimpse::{Authorize, GlimpseConfig, HEARTBEAT_INTERVAL};
use ringside_wire::soupbintcp::{
    Login, LoginAccepted, NOT_AUTHORIZED, Packet, SESSION_NOT_AVAILABLE, packet, split_packet,
    write_packet,
};
use ringside_wire::unpadded;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest time until the login.
const LOGIN_MAX: Duration = Duration::from_secs(5);
/// Time that a visitor has to close the connection after the last byte. If the server closed at
/// once while bytes from the visitor are unread, the kernel would discard output that the visitor
/// has not received yet.
const LEAVING_MAX: Duration = Duration::from_secs(1);
/// Longest packet that a visitor may send, in bytes.
const PACKET_BYTES_MAX: usize = 256;

/// Connection of one visitor.
pub(super) struct Visitor {
    stream: TcpStream,
    came: Instant,
    state: State,
    inbox: [u8; PACKET_BYTES_MAX],
    inbox_bytes: usize,
    /// Packets that go out before the snapshot.
    outbox: Vec<u8>,
    /// Snapshot, and the number of its bytes that have left.
    spin: Option<(Arc<[u8]>, usize)>,
    spoke: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    LoggingIn,
    /// Waits for a snapshot with all messages before this number.
    Waiting(u64),
    Receiving,
    /// Nothing follows the content of the outbox.
    Refused,
    /// Waits since this time for the other side to close.
    Leaving(Instant),
    Gone,
}

impl Visitor {
    pub(super) fn new(stream: TcpStream, now: Instant) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Visitor {
            stream,
            came: now,
            state: State::LoggingIn,
            inbox: [0; PACKET_BYTES_MAX],
            inbox_bytes: 0,
            outbox: vec![],
            spin: None,
            spoke: now,
        })
    }

    /// Reads and writes as far as possible. `next` returns the current number of the stream's next
    /// message.
    pub(super) fn step(
        &mut self,
        now: Instant,
        config: &GlimpseConfig,
        authorize: &Authorize,
        next: impl Fn() -> u64,
    ) {
        self.read(config, authorize, next);
        if matches!(self.state, State::Waiting(_)) && now - self.spoke >= HEARTBEAT_INTERVAL {
            self.say(packet::SERVER_HEARTBEAT, &[]);
            self.spoke = now;
        }
        self.write(now);
        let over = match self.state {
            State::LoggingIn => now - self.came > LOGIN_MAX,
            State::Leaving(since) => now - since > LEAVING_MAX,
            _ => now - self.came > config.visit_max,
        };
        if over {
            self.state = State::Gone;
        }
    }

    /// Returns the message number before which the awaited snapshot must have everything, if the
    /// visitor waits.
    pub(super) fn waits_for(&self) -> Option<u64> {
        match self.state {
            State::Waiting(number) => Some(number),
            _ => None,
        }
    }

    /// Begins to send the snapshot.
    pub(super) fn give(&mut self, spin: Arc<[u8]>) {
        (self.spin, self.state) = (Some((spin, 0)), State::Receiving);
    }

    /// Refuses a visitor because there are too many, and does not wait for its login.
    pub(super) fn refuse_unheard(&mut self) {
        self.refuse(SESSION_NOT_AVAILABLE);
        let _ = self.stream.write(&self.outbox);
    }

    /// Returns true if the visitor can be forgotten.
    pub(super) fn is_gone(&self) -> bool {
        self.state == State::Gone
    }

    pub(super) fn has_output(&self) -> bool {
        !self.outbox.is_empty() || self.spin.is_some()
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn read(&mut self, config: &GlimpseConfig, authorize: &Authorize, next: impl Fn() -> u64) {
        const READS: usize = 4;
        for _ in 0..READS {
            match self.stream.read(&mut self.inbox[self.inbox_bytes..]) {
                Ok(0) => self.state = State::Gone,
                Ok(bytes) => self.inbox_bytes += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.state = State::Gone,
            }
            self.packets(config, authorize, &next);
            if self.state == State::Gone {
                return;
            }
        }
    }

    fn packets(&mut self, config: &GlimpseConfig, authorize: &Authorize, next: impl Fn() -> u64) {
        let inbox = self.inbox;
        let mut read = 0;
        loop {
            // Packets of a leaving visitor are ignored.
            if matches!(self.state, State::Refused | State::Leaving(_) | State::Gone) {
                self.inbox_bytes = 0;
                return;
            }
            match split_packet(&inbox[read..self.inbox_bytes], PACKET_BYTES_MAX) {
                Ok(Some((packet, bytes))) => {
                    self.packet(packet, config, authorize, &next);
                    read += bytes;
                }
                Ok(None) => break,
                Err(_) => self.state = State::Refused,
            }
        }
        self.inbox.copy_within(read..self.inbox_bytes, 0);
        self.inbox_bytes -= read;
    }

    fn packet(
        &mut self,
        packet: Packet,
        config: &GlimpseConfig,
        authorize: &Authorize,
        next: impl Fn() -> u64,
    ) {
        match packet.packet_type {
            packet::DEBUG | packet::CLIENT_HEARTBEAT => {}
            packet::LOGOUT => self.state = State::Gone,
            packet::LOGIN_REQUEST if self.state == State::LoggingIn => {
                match admit(packet.payload, config, authorize) {
                    Ok(accepted) => {
                        self.say(packet::LOGIN_ACCEPTED, &accepted.payload());
                        self.state = State::Waiting(next());
                    }
                    Err(reason) => self.refuse(reason),
                }
            }
            _ => self.state = State::Refused,
        }
    }

    fn refuse(&mut self, reason: u8) {
        let address = self.stream.peer_addr().map_or("?".into(), |from| from.to_string());
        let why = match reason {
            NOT_AUTHORIZED => "no such user, or another password",
            _ => "there are too many listeners, or the session is another one",
        };
        tracing::warn!(
            event = "glimpse_refused",
            address,
            "no snapshot of the book for {address}: {why}"
        );
        self.say(packet::LOGIN_REJECTED, &[reason]);
        self.state = State::Refused;
    }

    fn say(&mut self, packet_type: u8, payload: &[u8]) {
        write_packet(packet_type, payload, &mut self.outbox);
    }

    fn write(&mut self, now: Instant) {
        // Limit for one visitor in a step, so that the others get their turn.
        const WRITES: usize = 16;
        const PIECE_BYTES: usize = 64 << 10;
        for _ in 0..WRITES {
            let piece = match &self.spin {
                _ if !self.outbox.is_empty() => &self.outbox[..],
                Some((spin, left)) => &spin[*left..(left + PIECE_BYTES).min(spin.len())],
                None => break,
            };
            match (&self.stream).write(piece) {
                Ok(bytes) => self.has_left(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.state = State::Gone;
                    return;
                }
            }
        }
        let done = matches!(self.state, State::Refused | State::Receiving);
        if done && !self.has_output() {
            let _ = self.stream.shutdown(Shutdown::Write);
            self.state = State::Leaving(now);
        }
    }

    fn has_left(&mut self, bytes: usize) {
        if !self.outbox.is_empty() {
            self.outbox.drain(..bytes);
        } else if let Some((spin, left)) = &mut self.spin {
            *left += bytes;
            if *left == spin.len() {
                self.spin = None;
            }
        }
    }
}

/// Returns the answer to an accepted login, or the letter of its rejection.
fn admit(
    payload: &[u8],
    config: &GlimpseConfig,
    authorize: &Authorize,
) -> Result<LoginAccepted, u8> {
    let login = Login::parse(payload).map_err(|_| NOT_AUTHORIZED)?;
    if !authorize(&login.user, &login.password) {
        return Err(NOT_AUTHORIZED);
    }
    let session = unpadded(&config.session).unwrap_or_default().trim();
    // A snapshot always begins with its first message.
    if !["", session].contains(&login.session.as_str()) || login.number != 1 {
        return Err(SESSION_NOT_AVAILABLE);
    }
    Ok(LoginAccepted { session: session.to_string(), number: 1 })
}
