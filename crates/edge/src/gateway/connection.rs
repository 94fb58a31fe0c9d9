//! Connection of one client. The client's stream stays in the stream store and nowhere else; a
//! connection only has a cursor into the stream. Only packets without a number are kept here, and
//! they go out between two messages.

use crate::gateway::intake::LoggedInSession;
use ringside_core::streams::{Cursor, StreamReader};
use ringside_wire::soupbintcp::write_packet;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// Bytes sent to one client at once, at most, so that the others get their turn.
const SEND_BYTES_MAX: usize = 64 << 10;
/// Limit of the unnumbered packets that wait for a client, in bytes. Above it no more of them are
/// added.
const CONTROL_BYTES_MAX: usize = 1 << 10;

/// Phase of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// The client has not logged in yet.
    Login,
    /// The client has logged in.
    Open(LoggedInSession),
    /// The client is sent the last packets, and its requests are ignored.
    Closing,
}

/// Connection of a client.
pub(super) struct Connection {
    socket: TcpStream,
    phase: Phase,
    /// Bytes that are received and not handled yet.
    pub received: Vec<u8>,
    /// Queued for its turn: for room in the command queue, or for the check of its login; not read
    /// from meanwhile.
    pub waits: bool,
    /// Unnumbered packets that are not sent yet.
    control: Vec<u8>,
    outgoing: Option<Outgoing>,
    /// True if the socket took no more bytes at the last try.
    blocked: bool,
    /// True if [`Epoll`](super::epoll::Epoll) reports when the socket takes bytes again.
    pub looks_for_writable: bool,
    /// True if the connection is in the server's queue of connections that may have something to
    /// send.
    pub queued: bool,
    shut: bool,
    /// Address of the client, for the log.
    address: Option<SocketAddr>,
    /// Time at which the phase began.
    pub since_ns: u64,
    /// Time of the last bytes from the client.
    pub received_ns: u64,
    /// Time of the last bytes to the client.
    sent_ns: u64,
    /// Time without output after which a heartbeat is due.
    heartbeat_ns: u64,
}

/// Stream on its way to the client.
struct Outgoing {
    cursor: Cursor,
    /// Missing bytes of a message whose beginning is sent.
    message_left: usize,
    /// Bytes sent since the login.
    sent: u64,
    /// True until everything has been sent that the stream had at some time since the login.
    catching_up: bool,
    lag: Lag,
}

/// Backlog of a slow reader in bytes; computed only for sockets that are full.
struct Lag {
    /// Time since which the backlog has been too large.
    since_ns: Option<u64>,
    /// Value of `Outgoing::sent` at the last check.
    sent: u64,
    /// Known end of the stream, and the number of bytes up to there.
    known_to: Cursor,
    known: u64,
}

enum Sent {
    Bytes(usize),
    Nothing,
    Blocked,
}

impl Connection {
    /// Creates a connection that has to log in.
    pub(super) fn new(socket: TcpStream, now_ns: u64) -> Connection {
        let address = socket.peer_addr().ok();
        Connection {
            socket,
            address,
            phase: Phase::Login,
            received: vec![],
            waits: false,
            control: vec![],
            outgoing: None,
            blocked: false,
            looks_for_writable: false,
            queued: false,
            shut: false,
            since_ns: now_ns,
            received_ns: now_ns,
            sent_ns: now_ns,
            heartbeat_ns: 0,
        }
    }

    /// Returns the address of the client, for the log.
    pub(super) fn address(&self) -> String {
        self.address.map_or("?".into(), |address| address.to_string())
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    #[inline]
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns the session that has logged in; `None` before the login and while the
    /// connection closes.
    pub(super) fn member(&self) -> Option<LoggedInSession> {
        match self.phase {
            Phase::Open(member) => Some(member),
            Phase::Login | Phase::Closing => None,
        }
    }

    /// Logs in: the stream goes out from `cursor` on.
    pub(super) fn open(
        &mut self,
        member: LoggedInSession,
        cursor: Cursor,
        heartbeat_ns: u64,
        now_ns: u64,
    ) {
        (self.phase, self.since_ns, self.heartbeat_ns) =
            (Phase::Open(member), now_ns, heartbeat_ns);
        let lag = Lag { since_ns: None, sent: 0, known_to: cursor, known: 0 };
        self.outgoing = Some(Outgoing { cursor, message_left: 0, sent: 0, catching_up: true, lag });
    }

    /// Ends the connection after the control packets.
    pub(crate) fn close_after_control(&mut self, now_ns: u64) {
        (self.phase, self.since_ns) = (Phase::Closing, now_ns);
        self.waits = false;
        self.received.clear();
    }

    /// Adds an unnumbered packet, unless too many bytes wait already.
    pub(super) fn tell(&mut self, packet_type: u8, payload: &[u8]) {
        if self.control.len() < CONTROL_BYTES_MAX {
            write_packet(packet_type, payload, &mut self.control);
        }
    }

    /// Returns true if a heartbeat is due.
    pub(super) fn is_silent(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.sent_ns) >= self.heartbeat_ns
            && !self.blocked
            && self.control.is_empty()
    }

    /// Returns true if the socket took no more bytes at the last try.
    #[inline]
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Reads the bytes that are there and fit. Returns `Ok(None)` if there are none, `Ok(Some(0))`
    /// at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.socket.read(buffer) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if is_temporary(&e) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Sends pending output, as far as the socket takes it, and returns the number of bytes.
    pub(super) fn flush(&mut self, reader: &mut StreamReader, now_ns: u64) -> io::Result<usize> {
        let mut total = 0;
        self.blocked = false;
        while total < SEND_BYTES_MAX {
            match self.send(reader)? {
                Sent::Bytes(bytes) => total += bytes,
                Sent::Nothing => {
                    if let Some(outgoing) = &mut self.outgoing {
                        (outgoing.catching_up, outgoing.lag.since_ns) = (false, None);
                    }
                    self.shut_when_closing()?;
                    break;
                }
                Sent::Blocked => {
                    self.blocked = true;
                    break;
                }
            }
        }
        if total > 0 {
            self.sent_ns = now_ns;
        }
        Ok(total)
    }

    /// Returns true if everything has been sent, as of the last [`Connection::flush`].
    pub(crate) fn has_sent_all(&self, reader: &mut StreamReader) -> bool {
        let Some(outgoing) = &self.outgoing else { return self.control.is_empty() };
        self.control.is_empty() && reader.bytes(&mut { outgoing.cursor }).is_empty()
    }

    /// Returns true if more than `bytes_max` bytes of the stream have been waiting for the client
    /// for `ns`. A client that still catches up with the stream as of its login is not slow while
    /// it takes any bytes.
    pub(crate) fn is_slow(
        &mut self,
        reader: &mut StreamReader,
        bytes_max: u64,
        ns: u64,
        now_ns: u64,
    ) -> bool {
        let Some(outgoing) = self.outgoing.as_mut().filter(|_| self.blocked) else { return false };
        let moved = std::mem::replace(&mut outgoing.lag.sent, outgoing.sent) != outgoing.sent;
        if outgoing.catching_up && moved || !outgoing.is_behind(reader, bytes_max) {
            outgoing.lag.since_ns = None;
            return false;
        }
        now_ns.saturating_sub(*outgoing.lag.since_ns.get_or_insert(now_ns)) >= ns
    }

    fn send(&mut self, reader: &mut StreamReader) -> io::Result<Sent> {
        let message_left = self.outgoing.as_ref().map_or(0, |outgoing| outgoing.message_left);
        if message_left == 0 && !self.control.is_empty() {
            let sent = write(&mut self.socket, &self.control)?;
            if let Sent::Bytes(bytes) = sent {
                self.control.drain(..bytes);
            }
            return Ok(sent);
        }
        let Some(outgoing) = &mut self.outgoing else { return Ok(Sent::Nothing) };
        let only_this_message = !self.control.is_empty() || matches!(self.phase, Phase::Closing);
        let bytes = reader.bytes(&mut outgoing.cursor);
        let upto = if only_this_message { message_left } else { bytes.len().min(SEND_BYTES_MAX) };
        if upto == 0 {
            return Ok(Sent::Nothing);
        }
        let sent = write(&mut self.socket, &bytes[..upto])?;
        if let Sent::Bytes(count) = sent {
            outgoing.message_left = left_after(message_left, bytes, count);
            outgoing.cursor.advance(count);
            outgoing.sent += count as u64;
        }
        Ok(sent)
    }

    /// Shuts the sending side after the last packet, so that the client reads the end of the
    /// connection. If the socket were closed at once, unread bytes of the client would make the
    /// kernel discard that packet.
    fn shut_when_closing(&mut self) -> io::Result<()> {
        if matches!(self.phase, Phase::Closing) && !self.shut {
            self.shut = true;
            self.socket.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}

impl Outgoing {
    /// Returns true if more than `bytes_max` bytes are not sent yet. Every piece of the stream is
    /// looked at once.
    fn is_behind(&mut self, reader: &mut StreamReader, bytes_max: u64) -> bool {
        let lag = &mut self.lag;
        if lag.known < self.sent {
            (lag.known_to, lag.known) = (self.cursor, self.sent);
        }
        while lag.known - self.sent <= bytes_max {
            let bytes = reader.bytes(&mut lag.known_to).len();
            if bytes == 0 {
                return false;
            }
            lag.known_to.advance(bytes);
            lag.known += bytes as u64;
        }
        true
    }
}

/// Returns the missing bytes of the message in which the first `count` bytes end. `bytes` are whole
/// messages, but the first one lacked `message_left` bytes.
fn left_after(message_left: usize, bytes: &[u8], count: usize) -> usize {
    if count == bytes.len() {
        return 0;
    }
    let mut end = message_left;
    while end < count {
        end += 2 + usize::from(u16::from_be_bytes([bytes[end], bytes[end + 1]]));
    }
    end - count
}

fn write(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<Sent> {
    match socket.write(bytes) {
        Ok(0) => Err(ErrorKind::WriteZero.into()),
        Ok(bytes) => Ok(Sent::Bytes(bytes)),
        Err(e) if is_temporary(&e) => Ok(Sent::Blocked),
        Err(e) => Err(e),
    }
}

fn is_temporary(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
