//! Snapshot server for late listeners, GLIMPSE-compatible: sends the book as messages, and the
//! number at which the feed goes on.
//!
//! A visitor logs in, waits for a book that is no older than its login, receives the book as one
//! run of packets, and is disconnected. The book follows the stream only while a visitor waits.

use super::visitor::Visitor;
use ringside_core::streams::{Cursor, StreamId, StreamReader};
use ringside_wire::feed::book::{Book, BookError};
use ringside_wire::itch::glimpse::EndOfSnapshot;
use ringside_wire::soupbintcp::{packet, write_packet};
use ringside_wire::split_block;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

/// Configuration of the snapshot server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlimpseConfig {
    /// Address on which the server listens.
    pub listen: SocketAddr,
    /// Name of the session, the same as that of the feed.
    pub session: [u8; 10],
    /// Largest number of visitors at the same time; more are refused.
    pub visitors_max: usize,
    /// Longest visit, from the connection to the last byte.
    pub visit_max: Duration,
}

/// Shortest interval between two snapshots. Visitors that come meanwhile wait and share the next
/// one.
pub(crate) const SPIN_INTERVAL: Duration = Duration::from_secs(1);

/// Interval of the heartbeats to a waiting visitor.
pub(super) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// Check of user and password; returns true if the user may log in.
pub(crate) type Authorize = Box<dyn Fn(&str, &str) -> bool + Send>;

/// Snapshot server with its visitors.
pub struct GlimpseServer {
    listener: TcpListener,
    config: GlimpseConfig,
    authorize: Authorize,
    follower: BookFollower,
    visitors: Vec<Visitor>,
    /// True while no visitor can be accepted, because no descriptor is left.
    deaf: bool,
    made: Option<Instant>,
}

impl GlimpseServer {
    /// Binds the socket, and begins with an empty book.
    pub fn open(
        config: GlimpseConfig,
        reader: StreamReader,
        authorize: Authorize,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen)?;
        listener.set_nonblocking(true)?;
        let follower = BookFollower { reader, book: Book::default(), cursor: None, next: 1 };
        let (visitors, deaf, made) = (vec![], false, None);
        Ok(GlimpseServer { listener, config, authorize, follower, visitors, deaf, made })
    }

    /// Serves the visitors with a bounded amount of work; returns true if there is more to do at
    /// once. An error means that the stream is no market data: there are no more snapshots.
    pub fn step(&mut self, now: Instant) -> Result<bool, BookError> {
        self.accept(now);
        let (reader, config) = (&self.follower.reader, &self.config);
        for visitor in &mut self.visitors {
            let next = || reader.next_number(StreamId::MARKET_DATA);
            visitor.step(now, config, &self.authorize, next);
        }
        self.visitors.retain(|visitor| !visitor.is_gone());
        self.spin(now)
    }

    /// Returns the address on which the server listens.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Returns the number of visitors.
    pub fn visitors(&self) -> usize {
        self.visitors.len()
    }

    /// Returns the listener to wait for; `None` while it would only report a visitor that cannot be
    /// accepted.
    pub(super) fn listener(&self) -> Option<&TcpListener> {
        (!self.deaf).then_some(&self.listener)
    }

    /// Returns the visitors' sockets, each with true if output waits to be written.
    pub(super) fn sockets(&self) -> impl Iterator<Item = (&TcpStream, bool)> {
        self.visitors.iter().map(|visitor| (visitor.stream(), visitor.has_output()))
    }

    fn accept(&mut self, now: Instant) {
        const ACCEPTS: usize = 16;
        let was_deaf = std::mem::take(&mut self.deaf);
        for _ in 0..ACCEPTS {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) => {
                    self.deaf = error.kind() != io::ErrorKind::WouldBlock;
                    if self.deaf && !was_deaf {
                        tracing::warn!(
                            event = "accept_failed",
                            port = "glimpse",
                            "the connection of a listener is not accepted, trying again: {error}"
                        );
                    }
                    return;
                }
            };
            if let Ok(mut visitor) = Visitor::new(stream, now) {
                if self.visitors.len() >= self.config.visitors_max {
                    visitor.refuse_unheard();
                } else {
                    self.visitors.push(visitor);
                }
            }
        }
    }

    /// Updates the book as far as the visitors need, and gives them the snapshot.
    fn spin(&mut self, now: Instant) -> Result<bool, BookError> {
        let wanted = self.visitors.iter().filter_map(Visitor::waits_for).max();
        let Some(wanted) = wanted else { return Ok(false) };
        if self.follower.next < wanted {
            self.follower.follow()?;
            return Ok(true);
        }
        if self.made.is_some_and(|made| now - made < SPIN_INTERVAL) {
            return Ok(false);
        }
        self.made = Some(now);
        let spin = self.follower.spin();
        for visitor in &mut self.visitors {
            if visitor.waits_for().is_some() {
                visitor.give(Arc::clone(&spin));
            }
        }
        Ok(true)
    }
}

/// Book that follows the stream on request.
struct BookFollower {
    reader: StreamReader,
    book: Book,
    cursor: Option<Cursor>,
    /// Number of the first message that is not in the book.
    next: u64,
}

impl BookFollower {
    /// Applies a bounded piece of the stream to the book.
    fn follow(&mut self) -> Result<(), BookError> {
        const PIECES: usize = 8;
        let BookFollower { reader, book, cursor, next } = self;
        if cursor.is_none() {
            *cursor = reader.cursor(StreamId::MARKET_DATA, *next);
        }
        let Some(cursor) = cursor else { return Ok(()) };
        for _ in 0..PIECES {
            let mut blocks = reader.bytes(cursor);
            let all = blocks.len();
            while let Some((message, rest)) = split_block(blocks) {
                book.apply_bytes(message)?;
                (*next, blocks) = (*next + 1, rest);
            }
            cursor.advance(all);
        }
        Ok(())
    }

    /// Returns the book as packets, up to the end of the connection.
    fn spin(&self) -> Arc<[u8]> {
        let mut packets = vec![];
        self.book.messages(|message| write_packet(packet::SEQUENCED, message, &mut packets));
        let end = EndOfSnapshot::new(self.next);
        write_packet(packet::SEQUENCED, end.as_bytes(), &mut packets);
        write_packet(packet::END_OF_SESSION, &[], &mut packets);
        packets.into()
    }
}
