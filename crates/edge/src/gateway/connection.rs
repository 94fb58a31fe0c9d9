//! One client's socket. What it is sent of its stream lies in the stream store and nowhere else: a connection
//! has a place in it. Only packets without a number are kept here, and they go out between two messages.

use crate::gateway::intake::Member;
use ringside_core::streams::{Cursor, Reader};
use ringside_wire::soupbintcp::write_packet;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

/// At most so much is sent to one client at once, so that the others have their turn.
const SEND_BYTES_MAX: usize = 64 << 10;
/// A client that provokes more unnumbered packets than this without reading them is told no more.
const CONTROL_BYTES_MAX: usize = 1 << 10;

/// What a connection is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// It has not logged in yet.
    Login,
    /// It has logged in.
    Open(Member),
    /// It is told a last thing and is not listened to any more.
    Closing,
}

/// A client's connection.
pub(super) struct Connection {
    socket: TcpStream,
    phase: Phase,
    /// Received, not handled yet.
    pub received: Vec<u8>,
    /// Whether it is in one of the server's lines of those that are not read before they had their turn.
    pub waits: bool,
    /// Unnumbered packets that are not sent yet.
    control: Vec<u8>,
    outgoing: Option<Outgoing>,
    /// Whether the socket took no more.
    blocked: bool,
    /// Whether [`Poll`](super::poll::Poll) looks for when it takes more.
    pub looks_for_writable: bool,
    /// Whether it is in the server's queue of those that may have something to send.
    pub queued: bool,
    shut: bool,
    /// When its phase began.
    pub since_ns: u64,
    /// When it sent something last.
    pub received_ns: u64,
    /// When it was sent something last.
    sent_ns: u64,
    /// It is sent something at least so often.
    heartbeat_ns: u64,
}

/// Where a stream goes out.
struct Outgoing {
    cursor: Cursor,
    /// Bytes of a message that are still missing when its beginning is sent.
    message_left: usize,
    /// Bytes sent since the login.
    sent: u64,
    /// Whether the client has not yet been sent all that there was at any time since.
    catching_up: bool,
    lag: Lag,
}

/// How far a reader is behind, found out only for those whose sockets take no more.
struct Lag {
    /// Since when it has been too far behind.
    since_ns: Option<u64>,
    /// What had been sent when it was looked at last.
    sent: u64,
    /// How far the stream is known to go, and the bytes up to there.
    known_to: Cursor,
    known: u64,
}

enum Sent {
    Bytes(usize),
    Nothing,
    Blocked,
}

impl Connection {
    /// A connection that has to log in.
    pub(super) fn new(socket: TcpStream, now_ns: u64) -> Connection {
        Connection {
            socket,
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

    /// The socket.
    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// What it is for now.
    #[inline]
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Who has logged in.
    pub(super) fn member(&self) -> Option<Member> {
        match self.phase {
            Phase::Open(member) => Some(member),
            Phase::Login | Phase::Closing => None,
        }
    }

    /// Logs in: the stream goes out from `cursor` on.
    pub(super) fn open(&mut self, member: Member, cursor: Cursor, heartbeat_ns: u64, now_ns: u64) {
        (self.phase, self.since_ns, self.heartbeat_ns) =
            (Phase::Open(member), now_ns, heartbeat_ns);
        let lag = Lag { since_ns: None, sent: 0, known_to: cursor, known: 0 };
        self.outgoing = Some(Outgoing { cursor, message_left: 0, sent: 0, catching_up: true, lag });
    }

    /// Ends after what is in the control packets.
    pub(crate) fn close_after_control(&mut self, now_ns: u64) {
        (self.phase, self.since_ns) = (Phase::Closing, now_ns);
        self.waits = false;
        self.received.clear();
    }

    /// Adds an unnumbered packet.
    pub(super) fn tell(&mut self, packet_type: u8, payload: &[u8]) {
        if self.control.len() < CONTROL_BYTES_MAX {
            write_packet(packet_type, payload, &mut self.control);
        }
    }

    /// Whether a heartbeat is due.
    pub(super) fn is_silent(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.sent_ns) >= self.heartbeat_ns
            && !self.blocked
            && self.control.is_empty()
    }

    /// Whether the socket took no more when it was tried last.
    #[inline]
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Reads what there is, as far as it fits. `Ok(None)` if there is nothing, `Ok(Some(0))` at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.socket.read(buffer) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if is_temporary(&e) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Sends what there is, as far as the socket takes it, and says how many bytes that were.
    pub(super) fn flush(&mut self, reader: &mut Reader, now_ns: u64) -> io::Result<usize> {
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

    /// Whether everything has been sent, as of the last [`Connection::flush`].
    pub(crate) fn has_sent_all(&self, reader: &mut Reader) -> bool {
        let Some(outgoing) = &self.outgoing else { return self.control.is_empty() };
        self.control.is_empty() && reader.bytes(&mut { outgoing.cursor }).is_empty()
    }

    /// Whether more than `bytes_max` of its stream have been waiting for the client for `ns`. One that is still
    /// being sent what there was when it logged in is not slow as long as it takes any of it.
    pub(crate) fn is_slow(
        &mut self,
        reader: &mut Reader,
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

    fn send(&mut self, reader: &mut Reader) -> io::Result<Sent> {
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

    /// The client reads the end of the connection behind the last packet. If the socket were closed at once, bytes
    /// of the client that nobody has read would make the kernel throw that packet away.
    fn shut_when_closing(&mut self) -> io::Result<()> {
        if matches!(self.phase, Phase::Closing) && !self.shut {
            self.shut = true;
            self.socket.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}

impl Outgoing {
    /// Whether more than `bytes_max` are not sent yet. Every piece of the stream is looked at once.
    fn is_behind(&mut self, reader: &mut Reader, bytes_max: u64) -> bool {
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

/// The missing bytes of the message in which `count` bytes of whole messages end, if the first of them lacked
/// `message_left` bytes.
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
