//! The re-request server and its limits.

use super::wire::{ANY, SESSION, blocks, filled, received, send, socket};
use ringside_edge::feed::rerequest::{RerequestConfig, RerequestServer};
use ringside_wire::moldudp64::{DATAGRAM_BYTES_MAX, Datagram};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

fn config() -> RerequestConfig {
    RerequestConfig { listen: ANY, session: SESSION, requests_per_second: 10_000, sources_max: 4 }
}

fn request(session: [u8; 10], number: u64, count: u16) -> Vec<u8> {
    [&session[..], &number.to_be_bytes(), &count.to_be_bytes()].concat()
}

/// Sends a request; returns the answers.
fn ask(server: &mut RerequestServer, client: &UdpSocket, request: &[u8]) -> Vec<Vec<u8>> {
    send(client, request, server.local_address().unwrap());
    assert!(!server.step(Instant::now()));
    received(client)
}

/// A request at any place and of any length gets one datagram, with as many of the messages as fit.
#[test]
fn answers() {
    let blocks = blocks(11, 1_200);
    let (_store, reader) = filled(&blocks);
    let mut server = RerequestServer::open(&config(), reader).unwrap();
    let client = socket();
    for first in (1..=1_200).step_by(7) {
        for count in [1, 2, 30, 60, 0xFFFF] {
            let answers = ask(&mut server, &client, &request(SESSION, first, count));
            assert_eq!(answers.len(), 1, "{first} {count}");
            let datagram = Datagram::parse(&answers[0]).unwrap();
            assert_eq!(datagram.header.session, SESSION);
            assert_eq!(datagram.header.number.get(), first);
            let mut next = first;
            for (number, message) in datagram.messages() {
                assert_eq!((number, message), (next, &blocks[next as usize - 1][2..]));
                next += 1;
            }
            let longer = blocks.get(next as usize - 1).map_or(usize::MAX, Vec::len);
            let full = answers[0].len().saturating_add(longer) > DATAGRAM_BYTES_MAX;
            assert!(answers[0].len() <= DATAGRAM_BYTES_MAX);
            assert!(full || next - first == u64::from(count), "{first} {count} to {next}");
            assert!(next - first <= u64::from(count));
        }
    }
}

#[test]
fn nonsense_gets_no_answer() {
    let (_store, reader) = filled(&blocks(12, 100));
    let mut server = RerequestServer::open(&config(), reader).unwrap();
    let client = socket();
    let good = request(SESSION, 100, 1);
    let nonsense = [
        vec![],
        good[..19].to_vec(),
        [&good[..], &[0]].concat(),
        request(*b"20260103  ", 1, 1),
        request(SESSION, 0, 1),
        request(SESSION, 101, 1),
        request(SESSION, u64::MAX, 1),
        request(SESSION, 1, 0),
    ];
    for (index, request) in nonsense.iter().enumerate() {
        assert_eq!(ask(&mut server, &client, request).len(), 0, "{index}");
        assert_eq!(server.requests().refused, index as u64 + 1);
    }
    assert_eq!(ask(&mut server, &client, &good).len(), 1);
    assert_eq!(server.requests().answered, 1);
}

/// Each address has its own allowance, which comes back with time; the number of addresses is
/// limited.
#[test]
fn who_asks_too_often_gets_no_answer() {
    let (_store, reader) = filled(&blocks(13, 100));
    let config = RerequestConfig { requests_per_second: 5, sources_max: 2, ..config() };
    let mut server = RerequestServer::open(&config, reader).unwrap();
    let client = |last: u8| {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, last), 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    };
    let to = server.local_address().unwrap();
    let began = Instant::now();
    let mut answers = |client: &UdpSocket, requests: u32, after_ms: u64| {
        for _ in 0..requests {
            send(client, &request(SESSION, 1, 1), to);
        }
        server.step(began + Duration::from_millis(after_ms));
        (received(client).len(), server.requests().limited)
    };
    let (first, again, second, third) = (client(1), client(1), client(2), client(3));
    assert_eq!(answers(&first, 8, 0), (5, 3));
    // Another port of the same address has the same allowance.
    assert_eq!(answers(&again, 1, 0), (0, 4));
    assert_eq!(answers(&second, 4, 0), (4, 4));
    // A third address has no place before one of the two is quiet.
    assert_eq!(answers(&third, 1, 100), (0, 5));
    assert_eq!(answers(&first, 2, 250), (1, 6));
    assert_eq!(answers(&third, 9, 850), (5, 10));
    assert_eq!(answers(&second, 1, 850), (0, 11));
    assert_eq!(answers(&first, 9, 5_000), (5, 15));
}
