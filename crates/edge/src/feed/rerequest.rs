//! Gives messages again that a listener has lost: one datagram for each request, from the stream.

use ringside_core::streams::{Reader, StreamId};
use ringside_wire::moldudp64::{DATAGRAM_BYTES_MAX, HEADER_BYTES, Header};
use ringside_wire::split_block;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use zerocopy::{FromBytes, IntoBytes};

/// Where requests come to, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RerequestConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The MoldUDP64 session; requests for others get no answer.
    pub session: [u8; 10],
    /// Requests that one address may send in a second, all at once if it likes, at least 1; what is above gets no
    /// answer.
    pub requests_per_second: u32,
    /// So many addresses are kept apart; while all of them are busy others get no answer.
    pub sources_max: usize,
}

/// What became of the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// They got a datagram.
    pub answered: u64,
    /// They are no requests for messages that exist.
    pub refused: u64,
    /// Their sender has asked too often.
    pub limited: u64,
}

/// The server.
pub struct RerequestServer {
    socket: UdpSocket,
    session: [u8; 10],
    reader: Reader,
    limit: Limit,
    requests: Requests,
}

impl RerequestServer {
    /// Binds the socket.
    pub fn open(config: &RerequestConfig, reader: Reader) -> io::Result<Self> {
        let socket = UdpSocket::bind(config.listen)?;
        socket.set_nonblocking(true)?;
        let limit = Limit {
            interval: Duration::from_secs(1) / config.requests_per_second.max(1),
            sources_max: config.sources_max,
            free_at: HashMap::new(),
        };
        let (session, requests) = (config.session, Requests::default());
        Ok(RerequestServer { socket, session, reader, limit, requests })
    }

    /// Answers what has come, a bounded number of requests; true if there may be more.
    pub fn step(&mut self, now: Instant) -> bool {
        const REQUESTS: usize = 64;
        // One byte more than a request has: a longer one shows.
        let mut request = [0; HEADER_BYTES + 1];
        for _ in 0..REQUESTS {
            // Other errors are those of answers that did not arrive; the next request is another's.
            match self.socket.recv_from(&mut request) {
                Ok((bytes, source)) => self.request(&request[..bytes], source, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) => {}
            }
        }
        true
    }

    /// Where it listens.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// What became of the requests.
    pub fn requests(&self) -> Requests {
        self.requests
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    fn request(&mut self, request: &[u8], source: SocketAddr, now: Instant) {
        // Before anything is read, so that nonsense costs its sender as much as sense.
        if !self.limit.allows(source.ip(), now) {
            self.requests.limited += 1;
            return;
        }
        let mut datagram = [0; DATAGRAM_BYTES_MAX];
        let Some(length) = self.answer(request, &mut datagram) else {
            self.requests.refused += 1;
            return;
        };
        self.requests.answered += 1;
        // An answer that cannot be sent is lost like any other datagram.
        let _ = self.socket.send_to(&datagram[..length], source);
    }

    /// Fills a datagram with the messages that are wanted, as many as fit and exist; gives its length.
    fn answer(&mut self, request: &[u8], datagram: &mut [u8; DATAGRAM_BYTES_MAX]) -> Option<usize> {
        let wanted = Header::ref_from_bytes(request).ok()?;
        if wanted.session != self.session {
            return None;
        }
        let mut cursor = self.reader.cursor(StreamId::MARKET_DATA, wanted.number.get())?;
        let (mut count, mut length) = (0, HEADER_BYTES);
        'full: loop {
            let mut blocks = self.reader.bytes(&mut cursor);
            let all = blocks.len();
            if all == 0 {
                break;
            }
            while let Some((message, rest)) = split_block(blocks) {
                let block = &blocks[..2 + message.len()];
                let room = datagram.get_mut(length..length + block.len());
                let Some(room) = room.filter(|_| count < wanted.count.get()) else { break 'full };
                room.copy_from_slice(block);
                (count, length, blocks) = (count + 1, length + block.len(), rest);
            }
            cursor.advance(all);
        }
        let header = Header { count: count.into(), ..*wanted };
        datagram[..HEADER_BYTES].copy_from_slice(header.as_bytes());
        (count > 0).then_some(length)
    }
}

/// How often each source may ask. A source that has not asked for a second is forgotten.
struct Limit {
    interval: Duration,
    sources_max: usize,
    /// When a source would be through with its requests if each took the interval.
    free_at: HashMap<IpAddr, Instant>,
}

impl Limit {
    fn allows(&mut self, source: IpAddr, now: Instant) -> bool {
        if !self.free_at.contains_key(&source) && self.free_at.len() >= self.sources_max {
            self.free_at.retain(|_, free_at| *free_at > now);
            if self.free_at.len() >= self.sources_max {
                return false;
            }
        }
        let free_at = self.free_at.entry(source).or_insert(now);
        let next = (*free_at).max(now) + self.interval;
        let allowed = next <= now + Duration::from_secs(1);
        if allowed {
            *free_at = next;
        }
        allowed
    }
}
