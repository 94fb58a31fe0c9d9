//! Snapshots for who comes late, GLIMPSE-compatible: the book as messages, and where the feed goes on.
//!
//! A visitor logs in, waits for a book that is no older than its login, gets it as one run of packets and is let
//! go. The book follows the stream only while somebody waits.

use super::visitor::Visitor;
use ringside_core::streams::{Cursor, Reader, StreamId};
use ringside_wire::feed::book::{Book, BookError};
use ringside_wire::feed::snapshot::END_OF_SNAPSHOT;
use ringside_wire::soupbintcp::{packet, write_packet};
use ringside_wire::split_block;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where visitors come to, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlimpseConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The session, the same as that of the feed.
    pub session: [u8; 10],
    /// Visitors at the same time; more are refused.
    pub visitors_max: usize,
    /// How long a visit may take, from the connection to the last byte.
    pub visit_max: Duration,
}

/// Snapshots are made no more often than this; who comes meanwhile waits and shares the next.
pub(crate) const SPIN_INTERVAL: Duration = Duration::from_secs(1);

/// Who waits hears that the server is there.
pub(super) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// Whether somebody may log in with this user and password.
pub(crate) type Authorize = Box<dyn Fn(&str, &str) -> bool + Send>;

/// The server.
pub struct GlimpseServer {
    listener: TcpListener,
    config: GlimpseConfig,
    authorize: Authorize,
    follower: BookFollower,
    visitors: Vec<Visitor>,
    /// Whether nobody can be accepted just now: there is no descriptor left.
    deaf: bool,
    made: Option<Instant>,
}

impl GlimpseServer {
    /// Binds the socket.
    pub fn open(config: GlimpseConfig, reader: Reader, authorize: Authorize) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen)?;
        listener.set_nonblocking(true)?;
        let follower = BookFollower { reader, book: Book::default(), cursor: None, next: 1 };
        let (visitors, deaf, made) = (vec![], false, None);
        Ok(GlimpseServer { listener, config, authorize, follower, visitors, deaf, made })
    }

    /// Serves the visitors, a bounded piece of work; true if there is more to do at once. An error means that the
    /// stream is no market data: there will be no snapshots.
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

    /// Where it listens.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// How many visitors there are.
    pub fn visitors(&self) -> usize {
        self.visitors.len()
    }

    /// What to wait for, unless it would say at once that somebody is there who cannot be accepted.
    pub(super) fn listener(&self) -> Option<&TcpListener> {
        (!self.deaf).then_some(&self.listener)
    }

    /// The visitors' sockets, and whether something waits to be written to them.
    pub(super) fn sockets(&self) -> impl Iterator<Item = (&TcpStream, bool)> {
        self.visitors.iter().map(|visitor| (visitor.stream(), visitor.has_output()))
    }

    fn accept(&mut self, now: Instant) {
        const ACCEPTS: usize = 16;
        self.deaf = false;
        for _ in 0..ACCEPTS {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) => {
                    self.deaf = error.kind() != io::ErrorKind::WouldBlock;
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

    /// Makes the book as new as the visitors want it, and gives it to them.
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

/// A book that follows the stream when it is told to.
struct BookFollower {
    reader: Reader,
    book: Book,
    cursor: Option<Cursor>,
    /// The first message that is not in the book.
    next: u64,
}

impl BookFollower {
    /// Takes a bounded piece of the stream.
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

    /// The book as packets, to the end of the connection.
    fn spin(&self) -> Arc<[u8]> {
        let mut packets = vec![];
        self.book.messages(|message| write_packet(packet::SEQUENCED, message, &mut packets));
        let end = format!("{}{:020}", char::from(END_OF_SNAPSHOT), self.next);
        write_packet(packet::SEQUENCED, end.as_bytes(), &mut packets);
        write_packet(packet::END_OF_SESSION, &[], &mut packets);
        packets.into()
    }
}
