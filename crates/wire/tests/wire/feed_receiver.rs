//! Requests of a receiver for missing messages, step by step in time.

use ringside_testing::loopback::delivered;
use ringside_testing::patience::PATIENCE;
use ringside_wire::feed::receiver::{Receiver, ReceiverConfig, ReceiverError};
use ringside_wire::moldudp64::{END_OF_SESSION, Header, Request};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const MS: Duration = Duration::from_millis(1);
const SESSION: [u8; 10] = *b"SESSION   ";

/// Receiver with one line and with servers that answer when a test says so.
struct Feed {
    receiver: Receiver,
    line: UdpSocket,
    servers: Vec<UdpSocket>,
    /// Address that the last request came from.
    asker: SocketAddr,
    began: Instant,
}

impl Feed {
    /// The receiver is patient for 5 ms, and repeats a request after 100 ms, 3 times at most.
    fn new(servers: usize) -> Feed {
        let servers: Vec<UdpSocket> = (0..servers).map(|_| socket()).collect();
        let receiver = receiver(servers.iter().map(|server| server.local_addr().unwrap()));
        let line = socket();
        line.connect(receiver.local_addresses().unwrap()[0]).unwrap();
        Feed { receiver, line, servers, asker: ANY, began: Instant::now() }
    }

    /// Sends messages on the line; none is a heartbeat.
    fn send(&self, first: u64, count: u16) {
        self.line.send(&datagram(first, count)).unwrap();
    }

    /// Sends messages from the first server.
    fn answer(&self, first: u64, count: u16) {
        self.servers[0].send_to(&datagram(first, count), self.asker).unwrap();
    }

    /// Steps at `ms`; returns the requests as server, first number and count.
    fn requests(&mut self, ms: u32) -> Vec<(usize, u64, u16)> {
        self.step(ms).unwrap();
        delivered();
        let mut requests = vec![];
        let mut buffer = [0; 64];
        for (index, server) in self.servers.iter().enumerate() {
            while let Ok((bytes, asker)) = server.recv_from(&mut buffer) {
                let request = Request::parse(&buffer[..bytes]).unwrap();
                assert_eq!(request.session, SESSION);
                requests.push((index, request.number.get(), request.count.get()));
                self.asker = asker;
            }
        }
        requests
    }

    fn step(&mut self, ms: u32) -> Result<usize, ReceiverError> {
        delivered();
        self.receiver.step(self.began + ms * MS, |_, _| {})
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind(ANY).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn receiver(servers: impl Iterator<Item = SocketAddr>) -> Receiver {
    Receiver::open(ReceiverConfig {
        lines: [vec![ANY], vec![]],
        rerequest: servers.collect(),
        patience: 5 * MS,
        retry: 100 * MS,
        attempts_max: 3,
        ..ReceiverConfig::default()
    })
    .unwrap()
}

/// Datagram with messages of one byte.
fn datagram(first: u64, count: u16) -> Vec<u8> {
    let header = Header { session: SESSION, number: first.into(), count: count.into() };
    let messages = if count == END_OF_SESSION { 0 } else { count.into() };
    [header.as_bytes(), &[0, 1, b'x'].repeat(messages)].concat()
}

#[test]
fn a_gap_is_requested_after_a_while_then_again_and_again_until_it_is_lost() {
    let mut feed = Feed::new(1);
    feed.send(1, 2);
    feed.send(5, 1);
    delivered();
    assert_eq!(feed.step(0).unwrap(), 2);
    assert_eq!(feed.requests(0), []);
    assert_eq!(feed.requests(4), []);
    assert_eq!(feed.requests(5), [(0, 3, 2)]);
    assert_eq!(feed.receiver.received().gaps, 1);
    assert_eq!(feed.requests(104), []);
    assert_eq!(feed.requests(105), [(0, 3, 2)]);
    assert_eq!(feed.requests(205), [(0, 3, 2)]);
    assert_eq!((feed.receiver.received().gaps, feed.receiver.received().requests), (1, 3));
    assert_eq!(feed.requests(304), []);
    assert!(matches!(feed.step(305), Err(ReceiverError::Lost { first: 3, next: 5 })));
}

#[test]
fn an_answer_with_a_part_of_a_gap_brings_the_request_for_the_rest() {
    let mut feed = Feed::new(1);
    feed.send(1, 2);
    feed.send(8, 1);
    assert_eq!(feed.requests(0), []);
    assert_eq!(feed.requests(5), [(0, 3, 5)]);
    feed.answer(3, 2);
    assert_eq!(feed.requests(6), [(0, 5, 3)]);
    assert_eq!(feed.receiver.received().gaps, 1);
    // The rest has all its attempts.
    for ms in [106, 206] {
        assert_eq!(feed.requests(ms - 1), []);
        assert_eq!(feed.requests(ms), [(0, 5, 3)]);
    }
    assert!(matches!(feed.step(306), Err(ReceiverError::Lost { first: 5, next: 8 })));
}

#[test]
fn a_gap_that_grows_meanwhile_is_one_gap() {
    let mut feed = Feed::new(1);
    feed.send(1, 2);
    feed.send(5, 0);
    assert_eq!(feed.requests(0), []);
    assert_eq!(feed.requests(5), [(0, 3, 2)]);
    // It grows at its end …
    feed.send(8, 0);
    assert_eq!(feed.requests(6), []);
    feed.answer(3, 3);
    assert_eq!(feed.requests(7), [(0, 6, 2)]);
    // … and while its beginning is answered.
    feed.answer(6, 1);
    feed.send(12, 0);
    assert_eq!(feed.requests(8), [(0, 7, 5)]);
    feed.answer(7, 3);
    assert_eq!(feed.requests(9), [(0, 10, 2)]);
    assert_eq!((feed.receiver.received().gaps, feed.receiver.received().recovered), (1, 7));
}

#[test]
fn a_gap_after_a_filled_one_is_another_one() {
    let mut feed = Feed::new(1);
    feed.send(1, 2);
    feed.send(5, 0);
    assert_eq!(feed.requests(0), []);
    assert_eq!(feed.requests(5), [(0, 3, 2)]);
    feed.answer(3, 2);
    feed.send(7, 0);
    assert_eq!(feed.requests(6), []);
    assert_eq!(feed.requests(10), []);
    assert_eq!(feed.requests(11), [(0, 5, 2)]);
    assert_eq!(feed.receiver.received().gaps, 2);
}

#[test]
fn a_server_that_does_not_answer_is_not_asked_twice_in_a_row() {
    let mut feed = Feed::new(2);
    feed.send(4, 0);
    assert_eq!(feed.requests(0), []);
    assert_eq!(feed.requests(5), [(0, 1, 3)]);
    assert_eq!(feed.requests(105), [(1, 1, 3)]);
    assert_eq!(feed.requests(205), [(0, 1, 3)]);
}

#[test]
fn a_session_ends_with_its_last_message() {
    let mut feed = Feed::new(1);
    feed.send(1, 2);
    assert_eq!(feed.requests(0), []);
    assert!(!feed.receiver.is_ended());
    feed.send(4, END_OF_SESSION);
    assert_eq!(feed.requests(0), []);
    assert_eq!(feed.requests(5), [(0, 3, 1)]);
    assert!(!feed.receiver.is_ended());
    feed.answer(3, 1);
    assert_eq!(feed.requests(6), []);
    assert!(feed.receiver.is_ended());
}

#[test]
fn a_request_is_for_as_many_messages_as_a_datagram_can_count() {
    let mut feed = Feed::new(1);
    feed.send(70_000, 0);
    assert_eq!(feed.requests(0), []);
    assert_eq!(feed.requests(5), [(0, 1, 0xFFFE)]);
}

#[test]
fn a_gap_that_nobody_can_be_asked_for_is_lost_in_the_same_time() {
    let gone = socket().local_addr().unwrap();
    for servers in [vec![], vec![gone]] {
        let mut feed = Feed { receiver: receiver(servers.into_iter()), ..Feed::new(0) };
        feed.line.connect(feed.receiver.local_addresses().unwrap()[0]).unwrap();
        feed.send(4, 0);
        for ms in [0, 5, 6, 105, 205, 304] {
            feed.step(ms).unwrap();
        }
        assert!(matches!(feed.step(305), Err(ReceiverError::Lost { first: 1, next: 4 })));
    }
}

#[test]
fn a_wait_ends_with_a_datagram_or_with_the_timeout() {
    let feed = Feed::new(1);
    let began = Instant::now();
    feed.receiver.wait(20 * MS).unwrap();
    assert!(began.elapsed() >= 20 * MS);
    feed.send(1, 1);
    feed.receiver.wait(2 * PATIENCE).unwrap();
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn a_line_may_be_an_ipv6_address() {
    let any = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    if let Err(error) = UdpSocket::bind(any) {
        return ringside_testing::run::skipped(format!("no IPv6 here: {error}"));
    }
    let lines = [vec![any], vec![]];
    let mut receiver =
        Receiver::open(ReceiverConfig { lines, ..ReceiverConfig::default() }).unwrap();
    let line = UdpSocket::bind(any).unwrap();
    line.send_to(&datagram(1, 2), receiver.local_addresses().unwrap()[0]).unwrap();
    receiver.wait(PATIENCE).unwrap();
    receiver.step(Instant::now(), |_, _| {}).unwrap();
    assert_eq!(receiver.next_number(), Some(3));
}
