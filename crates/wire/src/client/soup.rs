//! One SoupBinTCP connection from the client's side. No call waits, except [`Connection::open`] and
//! [`Connection::wait`]: the owner reads and writes when it can.

use crate::Malformed;
use crate::soupbintcp::{Login, LoginAccepted, PREFIX_BYTES, Packet, packet, prefix, split_packet};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Time without output after which the client sends a heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Silence of the venue after which the connection counts as lost.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// Time limit of a connect.
const CONNECT: Duration = Duration::from_secs(1);
/// Size of the input buffer. A packet has at most 64 KiB and 1 byte.
const INPUT_BYTES: usize = 256 << 10;
/// Number of buffered output bytes from which on the connection has no room for another message.
const OUTPUT_BYTES: usize = 64 << 10;

/// Connection to a venue, with its input and output buffers.
pub struct Connection {
    socket: TcpStream,
    input: Box<[u8]>,
    /// `input[taken..filled]` has been read from the socket and not taken yet.
    taken: usize,
    filled: usize,
    output: Vec<u8>,
    /// Number of output bytes already written.
    written: usize,
    /// Number of the next sequenced packet, once the login is accepted.
    next_number: Option<u64>,
    spoke: Instant,
    heard: Instant,
    /// Cause of the end of the connection. `take` returns it after everything that arrived before.
    broken: Option<Broken>,
}

/// Packet that has arrived. Its bytes stay in the connection until the next read, see
/// [`Connection::bytes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The venue has accepted the login.
    LoggedIn(LoginAccepted),
    /// A message with a number (sequenced packet).
    Message {
        /// Number in the session's stream.
        number: u64,
        /// Range of the message's bytes.
        at: Range<usize>,
    },
    /// A message without a number (unsequenced packet).
    Unnumbered(Range<usize>),
    /// Text for people (debug packet).
    Text(Range<usize>),
}

/// Returns the meaning of the reason letter of a refused login.
pub(crate) fn refusal(letter: u8) -> String {
    match letter {
        b'A' => "not authorised".into(),
        b'S' => "no such session, or it has not come to that number".into(),
        other => format!("reason {:?}", char::from(other)),
    }
}

/// Cause of the end of a connection.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The network failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The venue closed the connection.
    #[error("the venue closed the connection")]
    Closed,
    /// The venue refused the login, with this reason letter.
    #[error("the venue refused the login: {}", refusal(*.0))]
    Refused(u8),
    /// The venue has ended the session.
    #[error("the session has ended")]
    Ended,
    /// The venue was silent for too long.
    #[error("nothing came from the venue for {} s", SILENCE_MAX.as_secs())]
    Silent,
    /// The venue sent bytes that are not SoupBinTCP.
    #[error("the venue sent {0}")]
    Malformed(#[from] Malformed),
}

impl Connection {
    /// Connects and sends the login request. The answer is [`Received::LoggedIn`] or
    /// [`Broken::Refused`].
    pub fn open(address: SocketAddr, login: &Login) -> Result<Connection, Broken> {
        let socket = TcpStream::connect_timeout(&address, CONNECT)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let now = Instant::now();
        let mut connection = Connection {
            socket,
            input: vec![0; INPUT_BYTES].into(),
            taken: 0,
            filled: 0,
            output: Vec::with_capacity(2 * OUTPUT_BYTES),
            written: 0,
            next_number: None,
            spoke: now,
            heard: now,
            broken: None,
        };
        let payload = login.payload().ok_or_else(|| {
            let what = "a user has at most 6 characters, a password and a session at most 10";
            std::io::Error::new(ErrorKind::InvalidInput, what)
        })?;
        connection.push(packet::LOGIN_REQUEST, &payload);
        connection.write(now);
        Ok(connection)
    }

    /// Returns true if the login is accepted and the output has room for another message.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.next_number.is_some() && self.output.len() < OUTPUT_BYTES
    }

    /// Appends a message to the output.
    #[inline]
    pub fn send(&mut self, message: &[u8]) {
        self.push(packet::UNSEQUENCED, message);
    }

    /// Appends a logout to the output.
    pub fn log_out(&mut self) {
        self.push(packet::LOGOUT, b"");
    }

    /// Writes as much of the output as the network takes. Without output for a second, sends a
    /// heartbeat.
    #[inline]
    pub fn write(&mut self, now: Instant) {
        if self.written == self.output.len() {
            if now.saturating_duration_since(self.spoke) < HEARTBEAT {
                return;
            }
            self.push(packet::CLIENT_HEARTBEAT, b"");
        }
        while let Some(rest @ [_, ..]) = self.output.get(self.written..) {
            match self.socket.write(rest) {
                Ok(bytes) => self.written = self.written.saturating_add(bytes),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => return self.break_off(Broken::Io(error)),
            }
        }
        self.output.clear();
        self.written = 0;
        self.spoke = now;
    }

    /// Returns true if the network has not taken all output.
    pub fn has_output(&self) -> bool {
        self.written < self.output.len()
    }

    /// Reads from the socket once, as far as the input buffer has room. Returns true if any bytes
    /// arrived.
    #[inline]
    pub fn read(&mut self, now: Instant) -> bool {
        if self.taken > 0 {
            self.input.copy_within(self.taken..self.filled, 0);
            self.filled = self.filled.saturating_sub(self.taken);
            self.taken = 0;
        }
        let room = self.input.get_mut(self.filled..).unwrap_or_default();
        if self.broken.is_some() || room.is_empty() {
            return false;
        }
        match self.socket.read(room) {
            Ok(0) => self.break_off(Broken::Closed),
            Ok(bytes) => {
                self.filled = self.filled.saturating_add(bytes);
                self.heard = now;
                return true;
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                if now.saturating_duration_since(self.heard) > SILENCE_MAX {
                    self.break_off(Broken::Silent);
                }
            }
            Err(error) => self.break_off(Broken::Io(error)),
        }
        false
    }

    /// Waits for the next packet and sends output and heartbeats meanwhile. Sleeps 1 ms at a time,
    /// so it is for clients that are in no hurry.
    pub fn wait(&mut self) -> Result<Received, Broken> {
        loop {
            if let Some(received) = self.take()? {
                return Ok(received);
            }
            self.write(Instant::now());
            if !self.read(Instant::now()) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Takes the next packet that was read, skipping heartbeats; `Ok(None)` if no whole packet is
    /// there.
    #[inline]
    pub fn take(&mut self) -> Result<Option<Received>, Broken> {
        loop {
            let unread = self.bytes(self.taken..self.filled);
            let Some((Packet { packet_type, .. }, length)) = split_packet(unread, usize::MAX)?
            else {
                return self.broken.take().map_or(Ok(None), Err);
            };
            let payload = self.taken.saturating_add(PREFIX_BYTES);
            self.taken = self.taken.saturating_add(length);
            let payload = payload..self.taken;
            if packet_type != packet::SERVER_HEARTBEAT {
                return self.received(packet_type, payload).map(Some);
            }
        }
    }

    /// Bytes of the packet taken last, at the range in its [`Received`].
    #[inline]
    pub fn bytes(&self, at: Range<usize>) -> &[u8] {
        self.input.get(at).unwrap_or_default()
    }

    /// Socket for the owner to wait on.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn break_off(&mut self, why: Broken) {
        self.broken.get_or_insert(why);
    }

    #[inline]
    fn received(&mut self, packet_type: u8, payload: Range<usize>) -> Result<Received, Broken> {
        Ok(match (packet_type, self.next_number) {
            (packet::SEQUENCED, Some(number)) => {
                // No number follows the highest one: the login named a number that is too large.
                let next = number.checked_add(1).ok_or(Malformed::Field(packet_type))?;
                self.next_number = Some(next);
                Received::Message { number, at: payload }
            }
            (packet::LOGIN_ACCEPTED, None) => {
                let accepted = LoginAccepted::parse(self.bytes(payload))?;
                self.next_number = Some(accepted.number);
                Received::LoggedIn(accepted)
            }
            (packet::LOGIN_REJECTED, None) => {
                return Err(Broken::Refused(self.bytes(payload).first().copied().unwrap_or(b' ')));
            }
            (packet::UNSEQUENCED, Some(_)) => Received::Unnumbered(payload),
            (packet::DEBUG, _) => Received::Text(payload),
            (packet::END_OF_SESSION, _) => return Err(Broken::Ended),
            (unexpected, _) => return Err(Malformed::UnknownType(unexpected).into()),
        })
    }

    #[inline]
    fn push(&mut self, packet_type: u8, payload: &[u8]) {
        self.output.extend_from_slice(&prefix(packet_type, payload.len()));
        self.output.extend_from_slice(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soupbintcp::write_packet;
    use std::net::TcpListener;

    fn login() -> Login {
        Login {
            user: "TEST".into(),
            password: "PW".into(),
            session: String::new(),
            number: 1,
            heartbeat_timeout_ms: None,
        }
    }

    /// Connection and its peer's socket, which has read the login request.
    fn pair() -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = Connection::open(listener.local_addr().unwrap(), &login()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let mut request = [0; 49];
        peer.read_exact(&mut request).unwrap();
        assert_eq!(Login::parse(&request[3..]).unwrap(), login());
        (connection, peer)
    }

    /// Number and bytes of a packet; number 0 for packets without one.
    fn shown(connection: &Connection, received: Received) -> (u64, Vec<u8>) {
        match received {
            Received::LoggedIn(accepted) => (accepted.number, accepted.session.into()),
            Received::Message { number, at } => (number, connection.bytes(at).to_vec()),
            Received::Unnumbered(at) | Received::Text(at) => (0, connection.bytes(at).to_vec()),
        }
    }

    /// Reads until a whole packet is there.
    fn take(connection: &mut Connection) -> Result<(u64, Vec<u8>), Broken> {
        loop {
            if let Some(received) = connection.take()? {
                return Ok(shown(connection, received));
            }
            connection.read(Instant::now());
        }
    }

    fn answer() -> Vec<u8> {
        let accepted = LoginAccepted { session: "S1".into(), number: 7 };
        let mut bytes = vec![];
        write_packet(packet::LOGIN_ACCEPTED, &accepted.payload(), &mut bytes);
        write_packet(packet::SEQUENCED, b"one", &mut bytes);
        write_packet(packet::SERVER_HEARTBEAT, b"", &mut bytes);
        write_packet(packet::UNSEQUENCED, b"aside", &mut bytes);
        write_packet(packet::DEBUG, b"text", &mut bytes);
        write_packet(packet::SEQUENCED, b"two", &mut bytes);
        bytes
    }

    #[test]
    fn packets_are_read_wherever_the_network_cuts_them() {
        let whole = answer();
        for cut in 0..whole.len() {
            let (mut connection, mut peer) = pair();
            peer.set_nodelay(true).unwrap();
            peer.write_all(&whole[..cut]).unwrap();
            connection.read(Instant::now());
            let mut seen = vec![];
            while let Some(received) = connection.take().unwrap() {
                seen.push(shown(&connection, received));
            }
            peer.write_all(&whole[cut..]).unwrap();
            while seen.len() < 5 {
                seen.push(take(&mut connection).unwrap());
            }
            let expected: [(u64, &[u8]); 5] =
                [(7, b"S1"), (7, b"one"), (0, b"aside"), (0, b"text"), (8, b"two")];
            assert_eq!(seen, expected.map(|(n, bytes)| (n, bytes.to_vec())), "cut at {cut}");
        }
    }

    #[test]
    fn what_came_before_the_end_is_taken_first() {
        let (mut connection, mut peer) = pair();
        peer.write_all(&answer()).unwrap();
        drop(peer);
        (0..5).for_each(|_| drop(take(&mut connection).unwrap()));
        assert!(matches!(take(&mut connection), Err(Broken::Closed)));

        let (mut connection, mut peer) = pair();
        peer.write_all(b"\0\x02JA").unwrap();
        assert!(matches!(take(&mut connection), Err(Broken::Refused(b'A'))));

        let (mut connection, mut peer) = pair();
        peer.write_all(b"\0\x02S?").unwrap();
        assert!(matches!(take(&mut connection), Err(Broken::Malformed(_))));
    }

    #[test]
    fn no_message_has_the_highest_number() {
        let (mut connection, mut peer) = pair();
        let accepted = LoginAccepted { session: "S1".into(), number: u64::MAX - 1 };
        let mut bytes = vec![];
        write_packet(packet::LOGIN_ACCEPTED, &accepted.payload(), &mut bytes);
        write_packet(packet::SEQUENCED, b"last", &mut bytes);
        write_packet(packet::SEQUENCED, b"beyond", &mut bytes);
        peer.write_all(&bytes).unwrap();
        assert_eq!(take(&mut connection).unwrap(), (u64::MAX - 1, b"S1".to_vec()));
        assert_eq!(take(&mut connection).unwrap(), (u64::MAX - 1, b"last".to_vec()));
        let beyond = take(&mut connection);
        assert!(matches!(beyond, Err(Broken::Malformed(Malformed::Field(packet::SEQUENCED)))));
    }

    #[test]
    fn messages_and_heartbeats_go_out() {
        let (mut connection, mut peer) = pair();
        assert!(!connection.has_room());
        peer.write_all(&answer()).unwrap();
        (0..5).for_each(|_| drop(take(&mut connection).unwrap()));
        assert!(connection.has_room());
        connection.send(b"message");
        let now = Instant::now();
        connection.write(now);
        let mut bytes = [0; 10];
        peer.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"\0\x08Umessage");
        connection.write(now + HEARTBEAT / 2);
        connection.write(now + HEARTBEAT);
        connection.log_out();
        connection.write(now + HEARTBEAT);
        let mut bytes = [0; 6];
        peer.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"\0\x01R\0\x01O");
        assert!(!connection.read(connection.heard + SILENCE_MAX));
        assert!(matches!(connection.take(), Ok(None)));
        assert!(!connection.read(connection.heard + SILENCE_MAX + HEARTBEAT));
        assert!(matches!(take(&mut connection), Err(Broken::Silent)));
    }

    #[test]
    fn buffers_have_limits() {
        let (mut connection, mut peer) = pair();
        let packets = 2 * INPUT_BYTES / (32 << 10);
        let writes = std::thread::spawn(move || {
            peer.write_all(&answer()).unwrap();
            let mut bytes = vec![];
            write_packet(packet::SEQUENCED, &[b'x'; (32 << 10) - PREFIX_BYTES], &mut bytes);
            (0..packets).for_each(|_| peer.write_all(&bytes).unwrap());
            peer
        });
        // A full input buffer takes no more; the rest comes when there is room again.
        while connection.filled < INPUT_BYTES {
            connection.read(Instant::now());
        }
        assert!(!connection.read(Instant::now()));
        let taken: Vec<u64> = (0..5 + packets).map(|_| take(&mut connection).unwrap().0).collect();
        assert_eq!(taken.last(), Some(&(8 + packets as u64)));
        let _peer = writes.join().unwrap();
        let message = [0; 1024 - PREFIX_BYTES];
        (0..OUTPUT_BYTES / 1024).for_each(|_| {
            assert!(connection.has_room());
            connection.send(&message);
        });
        assert!(!connection.has_room());
    }

    #[test]
    fn a_failing_socket_ends_the_connection() {
        // A peer that closes before it has read everything resets the connection.
        let (mut connection, peer) = pair();
        connection.send(b"message");
        connection.write(Instant::now());
        peer.peek(&mut [0]).unwrap();
        drop(peer);
        assert!(matches!(take(&mut connection), Err(Broken::Io(_))));
        // The first write finds the peer gone, the next one fails.
        let (mut connection, peer) = pair();
        drop(peer);
        let broken = loop {
            connection.send(b"message");
            connection.write(Instant::now());
            if let Err(broken) = connection.take() {
                break broken;
            }
        };
        assert!(matches!(broken, Broken::Io(_)));
    }
}
