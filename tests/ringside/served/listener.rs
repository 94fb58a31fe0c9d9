//! Listeners to market data that keep every message that they have received.

use super::life::Life;
use super::{Place, REREQUEST};
use ringside_load::rng::Rng;
use ringside_wire::feed::book::Book;
use ringside_wire::feed::receiver::{Receiver, ReceiverConfig};
use ringside_wire::moldudp64::{Datagram, END_OF_SESSION, HEARTBEAT, Header};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

/// A listener to one line that requests missing messages.
pub struct Listener {
    line: UdpSocket,
    requests: UdpSocket,
    server: SocketAddr,
    /// Messages 1, 2, 3 …
    pub kept: Vec<Vec<u8>>,
    /// Messages that arrived before earlier ones.
    early: BTreeMap<u64, Vec<u8>>,
    /// Number of the next message, as far as the line has shown.
    told: u64,
    /// All messages before this number have arrived again in this run.
    again: u64,
    asked_at: Option<Instant>,
    session: Option<[u8; 10]>,
    /// Source of random losses; drops datagrams of the line.
    loses: Option<Rng>,
    /// Number of datagrams that it has dropped.
    pub lost: usize,
    /// Number at which the session ended.
    pub ended: Option<u64>,
}

impl Listener {
    /// Returns a listener that receives every datagram.
    pub fn new(place: &Place) -> Listener {
        let any = (Ipv4Addr::UNSPECIFIED, 0);
        let line = UdpSocket::bind((place.at(0).ip(), 0)).unwrap();
        let requests = UdpSocket::bind(any).unwrap();
        line.set_nonblocking(true).unwrap();
        requests.set_nonblocking(true).unwrap();
        Listener {
            line,
            requests,
            server: place.at(REREQUEST),
            kept: vec![],
            early: BTreeMap::new(),
            told: 1,
            again: 1,
            asked_at: None,
            session: None,
            loses: None,
            lost: 0,
            ended: None,
        }
    }

    /// Returns a listener that drops a quarter of the datagrams.
    pub fn losing(place: &Place, seed: u64) -> Listener {
        Listener { loses: Some(Rng::new(seed)), ..Listener::new(place) }
    }

    /// Returns the address of its line.
    pub fn address(&self) -> SocketAddr {
        self.line.local_addr().unwrap()
    }

    /// Takes part in one run of the venue: requests everything from the first message on, and
    /// listens, until the run is over or the session has ended.
    pub fn live(&mut self, life: &Life) -> Result<(), String> {
        life.leave(self.try_to_live(life).map_err(|what| format!("listener: {what}")))
    }

    fn try_to_live(&mut self, life: &Life) -> Result<(), String> {
        let all = self.kept.len() as u64 + 1;
        self.again = 1;
        (self.asked_at, self.ended) = (None, None);
        let mut proven = false;
        let mut datagram = [0; 2048];
        while !life.is_over() {
            self.wait();
            // A bounded number of datagrams, so that there is time for requests.
            for _ in 0..64 {
                let Ok(bytes) = self.line.recv(&mut datagram) else { break };
                if self.loses.as_mut().is_some_and(|rng| rng.chance(1, 4)) {
                    self.lost += 1;
                } else {
                    self.take(&datagram[..bytes])?;
                }
            }
            // An error here means that the venue is down.
            while let Ok(bytes) = self.requests.recv(&mut datagram) {
                self.take(&datagram[..bytes])?;
                self.asked_at = None;
            }
            self.ask(all);
            if !proven && self.session.is_some() && self.again >= all {
                proven = true;
                life.prove();
            }
            if self.ended == Some(self.kept.len() as u64 + 1) && proven {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits up to 0.5 ms for a datagram.
    fn wait(&self) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: 500_000 };
        let sockets = [&self.line, &self.requests];
        let mut sockets = sockets.map(|socket| PollFd::new(socket, PollFlags::IN));
        let _ = poll(&mut sockets, Some(&timeout));
    }

    /// Requests one range at a time: first the messages of earlier runs, then the missing ones.
    fn ask(&mut self, all: u64) {
        const RETRY: Duration = Duration::from_millis(20);
        let next = self.kept.len() as u64 + 1;
        let (number, end) = if self.again < all { (self.again, all) } else { (next, self.told) };
        let Some(session) = self.session.filter(|_| number < end) else { return };
        if self.asked_at.is_some_and(|at| at.elapsed() < RETRY) {
            return;
        }
        self.asked_at = Some(Instant::now());
        let count = (end - number).min(60_000) as u16;
        let request = Header { session, number: number.into(), count: count.into() };
        let _ = self.requests.send_to(request.as_bytes(), self.server);
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        let datagram = Datagram::parse(bytes).map_err(|error| error.to_string())?;
        let Header { session, number, count } = *datagram.header;
        if *self.session.get_or_insert(session) != session {
            return Err(format!("another session: {session:?}"));
        }
        let messages =
            if [HEARTBEAT, END_OF_SESSION].contains(&count.get()) { 0 } else { count.get() };
        let (first, end) = (number.get(), number.get() + u64::from(messages));
        self.told = self.told.max(end);
        if count.get() == END_OF_SESSION && *self.ended.get_or_insert(end) != end {
            return Err(format!("the session ends at {end} and at {:?}", self.ended));
        }
        for (number, message) in datagram.messages() {
            self.keep(number, message)?;
        }
        if first <= self.again {
            self.again = self.again.max(end);
        }
        Ok(())
    }

    fn keep(&mut self, number: u64, message: &[u8]) -> Result<(), String> {
        let kept = self.kept.get(number as usize - 1).or(self.early.get(&number));
        match kept {
            Some(kept) if kept == message => return Ok(()),
            Some(kept) => return Err(format!("message {number} was {kept:?} and is {message:?}")),
            None => _ = self.early.insert(number, message.to_vec()),
        }
        while let Some(message) = self.early.remove(&(self.kept.len() as u64 + 1)) {
            self.kept.push(message);
        }
        Ok(())
    }
}

/// A listener to both lines through the library's receiver; builds the book.
pub struct Reader {
    receiver: Receiver,
    /// Messages 1, 2, 3 …
    pub kept: Vec<Vec<u8>>,
    /// Books of all symbols.
    pub book: Book,
}

impl Reader {
    pub fn new(place: &Place) -> Reader {
        let line = vec![place.at(0)];
        let config = ReceiverConfig {
            lines: [line.clone(), line],
            rerequest: vec![place.at(REREQUEST)],
            attempts_max: u32::MAX,
            ..ReceiverConfig::default()
        };
        let receiver = Receiver::open(config).unwrap();
        Reader { receiver, kept: vec![], book: Book::default() }
    }

    /// Returns the addresses of line A and line B.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.receiver.local_addresses().unwrap()
    }

    /// Returns true if the session has ended and every message of it has arrived.
    pub fn is_ended(&self) -> bool {
        self.receiver.is_ended()
    }

    /// Takes part in one run of the venue.
    pub fn live(&mut self, life: &Life) -> Result<(), String> {
        life.leave(self.try_to_live(life).map_err(|what| format!("reader: {what}")))
    }

    fn try_to_live(&mut self, life: &Life) -> Result<(), String> {
        let Reader { receiver, kept, book } = self;
        while !life.is_over() && !receiver.is_ended() {
            let mut trouble = None;
            let taken = receiver.step(Instant::now(), |number, message| {
                if number != kept.len() as u64 + 1 {
                    trouble = Some(format!("message {number} comes behind {}", kept.len()));
                }
                kept.push(message.to_vec());
                if let Err(error) = book.apply_bytes(message) {
                    trouble.get_or_insert(format!("message {number}: {error}"));
                }
            });
            let taken = taken.map_err(|error| error.to_string())?;
            trouble.map_or(Ok(()), Err)?;
            if taken == 0 {
                receiver.wait(Duration::from_millis(1)).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}
