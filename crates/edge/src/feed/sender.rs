//! Sender of the feed: sends the stream in datagrams, on two independent lines.

use super::sockets;
use ringside_core::streams::{Cursor, StreamId, StreamReader};
use ringside_wire::moldudp64::{
    DATAGRAM_BYTES_MAX, END_OF_SESSION, HEADER_BYTES, HEARTBEAT, Header,
};
use ringside_wire::split_block;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

/// Longest silence of a line before a heartbeat.
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Datagrams that leave a line in one step, at most.
pub(crate) const DATAGRAMS_PER_STEP: usize = 16;

/// Configuration of the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderConfig {
    /// Name of the MoldUDP64 session.
    pub session: [u8; 10],
    /// Line A and line B; a line without destinations is not sent.
    pub lines: [LineConfig; 2],
    /// Number of routers that a datagram to a group may pass, plus one.
    pub multicast_ttl: u32,
}

/// Destinations of one of the two lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineConfig {
    /// Multicast groups, or the addresses of listeners where there is no multicast.
    pub destinations: Vec<SocketAddr>,
    /// Address of the interface on which datagrams to a group leave; without it the kernel chooses.
    pub interface: Option<Ipv4Addr>,
}

/// Counts of one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentCounts {
    /// Messages sent to all destinations.
    pub messages: u64,
    /// Datagrams, including heartbeats, each counted once whatever the number of destinations.
    pub datagrams: u64,
    /// Datagrams that a destination did not get, because the kernel refused to send them.
    pub failed: u64,
}

/// Sender that follows the stream on its lines.
pub struct FeedSender {
    reader: StreamReader,
    lines: Vec<Line>,
    ending: bool,
}

impl FeedSender {
    /// Begins with message `first`, which may not be published yet.
    pub fn open(config: &SenderConfig, reader: StreamReader, first: u64) -> io::Result<FeedSender> {
        let mut lines = vec![];
        for (name, line) in ['A', 'B'].into_iter().zip(&config.lines) {
            if !line.destinations.is_empty() {
                lines.push(Line::open(name, line, config, first)?);
            }
        }
        Ok(FeedSender { reader, lines, ending: false })
    }

    /// Sends a bounded piece of the stream, and the heartbeats that are due. Returns the number of
    /// messages taken from the stream; 0 if there is nothing new or the sockets are full.
    pub fn step(&mut self, now: Instant) -> usize {
        let mut taken = 0;
        for line in &mut self.lines {
            taken += line.step(&mut self.reader, now, self.ending);
        }
        taken
    }

    /// Notes that the last message is published. After that message the lines send the end of the
    /// session, and repeat it instead of heartbeats for as long as there are steps.
    pub fn end_session(&mut self) {
        self.ending = true;
    }

    /// Returns the number of times that every line has sent the end of the session.
    pub fn ends_said(&self) -> u32 {
        self.lines.iter().map(|line| line.ends_said).min().unwrap_or(u32::MAX)
    }

    /// Returns the first message that has not left on every line: another sender would go on with
    /// it.
    pub fn next_number(&self) -> Option<u64> {
        self.lines.iter().map(|line| line.datagram.first).min()
    }

    /// Returns the counts of the lines, with their names.
    pub fn sent(&self) -> impl Iterator<Item = (char, SentCounts)> {
        self.lines.iter().map(|line| (line.name, line.sent))
    }
}

struct Line {
    name: char,
    socket: UdpSocket,
    destinations: Vec<SocketAddr>,
    /// `None` before the stream has reached the first message.
    cursor: Option<Cursor>,
    datagram: Datagram,
    /// Number of destinations that have the datagram; `None` if no datagram is on its way.
    on_its_way: Option<usize>,
    last_sent: Option<Instant>,
    ends_said: u32,
    sent: SentCounts,
}

impl Line {
    fn open(name: char, line: &LineConfig, config: &SenderConfig, first: u64) -> io::Result<Line> {
        Ok(Line {
            name,
            socket: sockets::sending(&line.destinations, line.interface, config.multicast_ttl)?,
            destinations: line.destinations.clone(),
            cursor: None,
            datagram: Datagram::new(config.session, first),
            on_its_way: None,
            last_sent: None,
            ends_said: 0,
            sent: SentCounts::default(),
        })
    }

    fn step(&mut self, reader: &mut StreamReader, now: Instant, ending: bool) -> usize {
        let mut taken = 0;
        for _ in 0..DATAGRAMS_PER_STEP {
            if self.on_its_way.is_none() {
                let messages = self.fill(reader);
                if messages == 0 && !self.say_where_we_are(now, ending) {
                    break;
                }
                taken += messages;
                self.on_its_way = Some(0);
            }
            if !self.send(now) {
                break;
            }
        }
        taken
    }

    /// Takes as many messages as are there and fit; returns their number.
    fn fill(&mut self, reader: &mut StreamReader) -> usize {
        if self.cursor.is_none() {
            self.cursor = reader.cursor(StreamId::MARKET_DATA, self.datagram.first);
        }
        let Some(cursor) = &mut self.cursor else { return 0 };
        loop {
            let bytes = reader.bytes(cursor);
            let taken = self.datagram.put(bytes);
            let full = taken < bytes.len();
            cursor.advance(taken);
            if taken == 0 || full {
                return self.datagram.count.into();
            }
        }
    }

    /// Prepares a heartbeat, or the end of the session, for a line without messages; returns true
    /// if one is due.
    fn say_where_we_are(&mut self, now: Instant, ending: bool) -> bool {
        let silent = self.last_sent.is_none_or(|last| now - last >= HEARTBEAT_INTERVAL);
        let due = silent || (ending && self.ends_said == 0);
        if due && ending {
            self.datagram.count = END_OF_SESSION;
        }
        due
    }

    /// Sends the datagram to the destinations that do not have it yet; returns false if the socket
    /// is full.
    fn send(&mut self, now: Instant) -> bool {
        let Line { name, socket, destinations, datagram, sent, .. } = self;
        let done = self.on_its_way.take().unwrap_or(0);
        let datagram = datagram.seal();
        let send_to = |destination| socket.send_to(datagram, destination);
        self.on_its_way = send_to_rest(destinations, done, send_to, |destination, error| {
            // Listeners re-request missing messages; the other line and the other listeners go on.
            if sent.failed == 0 {
                tracing::warn!(
                    event = "feed_send_failed",
                    line = %name,
                    "line {name} of the feed: sending to {destination}: {error}"
                );
            }
            sent.failed += 1;
        });
        if self.on_its_way.is_some() {
            return false;
        }
        self.last_sent = Some(now);
        self.sent.datagrams += 1;
        match self.datagram.count {
            END_OF_SESSION => self.ends_said += 1,
            messages => self.sent.messages += u64::from(messages),
        }
        self.datagram.begin_next();
        true
    }
}

/// Sends to the destinations after the first `done`; returns the index at which the socket was
/// full.
fn send_to_rest(
    destinations: &[SocketAddr],
    done: usize,
    mut send_to: impl FnMut(SocketAddr) -> io::Result<usize>,
    mut failed: impl FnMut(SocketAddr, io::Error),
) -> Option<usize> {
    for (index, &destination) in destinations.iter().enumerate().skip(done) {
        match send_to(destination) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(index),
            Err(error) => failed(destination, error),
        }
    }
    None
}

/// Datagram that is being filled.
struct Datagram {
    bytes: [u8; DATAGRAM_BYTES_MAX],
    length: usize,
    session: [u8; 10],
    first: u64,
    /// Number of messages; a datagram without messages is a heartbeat.
    count: u16,
}

impl Datagram {
    fn new(session: [u8; 10], first: u64) -> Self {
        let bytes = [0; DATAGRAM_BYTES_MAX];
        Datagram { bytes, length: HEADER_BYTES, session, first, count: HEARTBEAT }
    }

    /// Adds as many whole blocks as fit; returns their length in bytes.
    fn put(&mut self, blocks: &[u8]) -> usize {
        let mut taken = 0;
        while let Some((message, _)) = split_block(&blocks[taken..]) {
            let block = &blocks[taken..][..2 + message.len()];
            let Some(room) = self.bytes.get_mut(self.length..self.length + block.len()) else {
                assert!(self.count > 0, "a message of market data fits into a datagram");
                break;
            };
            room.copy_from_slice(block);
            (self.length, self.count) = (self.length + block.len(), self.count + 1);
            taken += block.len();
        }
        taken
    }

    /// Writes the header; returns the whole datagram.
    fn seal(&mut self) -> &[u8] {
        let (session, number, count) = (self.session, self.first.into(), self.count.into());
        let header = Header { session, number, count };
        self.bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
        &self.bytes[..self.length]
    }

    fn begin_next(&mut self) {
        if self.count != END_OF_SESSION {
            self.first += u64::from(self.count);
        }
        (self.length, self.count) = (HEADER_BYTES, HEARTBEAT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The socket is full, or fails, at each destination in turn. Each destination gets the
    /// datagram once, and a failing one does not stop the others.
    #[test]
    fn a_full_socket_is_tried_again_where_it_was() {
        let destinations: Vec<SocketAddr> =
            (1..=4).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
        for full_at in 0..4 {
            for fails_at in 0..4 {
                let (mut got, mut failed, mut full) = (vec![], vec![], true);
                let mut done = Some(0);
                while let Some(from) = done {
                    let send_to = |destination: SocketAddr| {
                        if destination == destinations[full_at] && full {
                            full = false;
                            return Err(io::ErrorKind::WouldBlock.into());
                        }
                        if destination == destinations[fails_at] {
                            return Err(io::ErrorKind::NetworkUnreachable.into());
                        }
                        got.push(destination);
                        Ok(1)
                    };
                    let fails = |destination, _| failed.push(destination);
                    done = send_to_rest(&destinations, from, send_to, fails);
                    assert!(done.is_none_or(|at| at == full_at));
                }
                let mut others = destinations.clone();
                assert_eq!(failed, [others.remove(fails_at)]);
                assert_eq!(got, others);
            }
        }
    }
}
