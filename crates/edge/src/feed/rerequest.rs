//! Re-request server: resends messages that a listener has lost, one datagram for each request,
//! from the stream.

use ringside_core::streams::{StreamId, StreamReader};
use ringside_wire::moldudp64::{DATAGRAM_BYTES_MAX, HEADER_BYTES, Header};
use ringside_wire::split_block;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use zerocopy::{FromBytes, IntoBytes};

/// Configuration of the re-request server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RerequestConfig {
    /// Address on which the server listens.
    pub listen: SocketAddr,
    /// MoldUDP64 session; requests for other sessions get no answer.
    pub session: [u8; 10],
    /// Number of requests that one address may send in a second, also all at once; at least 1.
    /// Further requests get no answer.
    pub requests_per_second: u32,
    /// Number of addresses that are counted separately; while all of them are busy, other addresses
    /// get no answer.
    pub sources_max: usize,
}

/// Counts of requests by their outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Requests that got a datagram.
    pub answered: u64,
    /// Requests that are malformed or ask for messages that do not exist.
    pub refused: u64,
    /// Requests of addresses that have asked too often, or that have no place among the counted
    /// addresses.
    pub limited: u64,
}

/// Server that answers re-requests over UDP.
pub struct RerequestServer {
    socket: UdpSocket,
    session: [u8; 10],
    reader: StreamReader,
    limit: Limit,
    requests: Requests,
}

impl RerequestServer {
    /// Binds the socket to the configured address.
    pub fn open(config: &RerequestConfig, reader: StreamReader) -> io::Result<Self> {
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

    /// Answers the requests that have come, a bounded number of them; returns true if there may be
    /// more.
    pub fn step(&mut self, now: Instant) -> bool {
        const REQUESTS: usize = 64;
        // One byte more than a request has, to detect a longer one.
        let mut request = [0; HEADER_BYTES + 1];
        for _ in 0..REQUESTS {
            // Other errors concern answers that did not arrive; the next request comes from another
            // sender.
            match self.socket.recv_from(&mut request) {
                Ok((bytes, source)) => self.request(&request[..bytes], source, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) => {}
            }
        }
        true
    }

    /// Returns the address on which the server listens.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Returns the counts of the requests.
    pub fn requests(&self) -> Requests {
        self.requests
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    fn request(&mut self, request: &[u8], source: SocketAddr, now: Instant) {
        // The limit applies before the request is read, so a malformed request costs its sender as
        // much as a valid one.
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

    /// Fills a datagram with the requested messages, as many as fit and exist; returns its length,
    /// `None` without messages.
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

/// Rate limit of each source. A source without a request for a second is forgotten.
struct Limit {
    interval: Duration,
    sources_max: usize,
    /// Time at which a source would have finished its requests, if each took the interval.
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
