//! Feed from the sender to the listener.

use super::wire::{
    ANY, RequestWay, SESSION, Way, blocks, filled, listener, publish, received, send, sender,
    socket,
};
use ringside_core::streams::Store;
use ringside_edge::feed::rerequest::{RerequestConfig, RerequestServer};
use ringside_edge::feed::sender::{FeedSender, LineConfig, SenderConfig};
use ringside_load::rng::Rng;
use ringside_testing::heard;
use ringside_testing::loopback::delivered;
use ringside_testing::patience::PATIENCE;
use ringside_testing::run::{base_seed, skipped};
use ringside_wire::feed::receiver::{Receiver, ReceiverConfig, ReceiverError};
use ringside_wire::moldudp64::{DATAGRAM_BYTES_MAX, Datagram, END_OF_SESSION, HEARTBEAT};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// Checks that the delivered messages are the stream.
struct Listening<'a> {
    blocks: &'a [Vec<u8>],
    next: u64,
}

impl Listening<'_> {
    fn take(&mut self, number: u64, message: &[u8]) {
        assert_eq!(number, self.next, "a message out of sequence");
        assert_eq!(message, &self.blocks[number as usize - 1][2..], "message {number}");
        self.next += 1;
    }
}

fn rerequest_server(reader: ringside_core::streams::StreamReader) -> RerequestServer {
    let config = RerequestConfig {
        listen: ANY,
        session: SESSION,
        requests_per_second: 1_000_000,
        sources_max: 16,
    };
    RerequestServer::open(&config, reader).unwrap()
}

#[test]
fn lossy_lines_end_complete() {
    for seed in base_seed()..base_seed() + 8 {
        let blocks = blocks(seed, 4_000);
        let (mut store, reader) = Store::in_memory();
        let mut server = rerequest_server(reader.clone());
        let mut requests = RequestWay::new(server.local_address().unwrap(), seed + 200, 10);
        let mut receiver = listener([Some(ANY), Some(ANY)], Some(requests.entry()));
        let [a, b] = receiver.local_addresses().unwrap()[..] else { panic!() };
        let loss = [5, 30, 60][seed as usize % 3];
        let mut ways = [Way::new(a, seed, loss), Way::new(b, seed + 100, loss)];
        let mut sender = sender([&[ways[0].entry()], &[ways[1].entry()]], reader.clone(), 1);
        let mut rng = Rng::new(seed);
        let mut listening = Listening { blocks: &blocks, next: 1 };
        let (mut now, mut published, mut rounds) = (Instant::now(), 0, 0);
        while !receiver.is_ended() {
            rounds += 1;
            assert!(rounds < 100_000, "seed {seed}: {:?}", receiver.received());
            let end = (published + rng.below(120) as usize).min(blocks.len());
            publish(&mut store, &blocks[published..end]);
            published = end;
            if published == blocks.len() {
                sender.end_session();
            }
            sender.step(now);
            ways.iter_mut().for_each(Way::step);
            requests.step();
            server.step(now);
            requests.step();
            receiver.step(now, |number, message| listening.take(number, message)).unwrap();
            now += 10 * MS;
        }
        assert_eq!(listening.next, blocks.len() as u64 + 1);
        let received = receiver.received();
        assert_eq!(received.messages, blocks.len() as u64);
        assert!(received.duplicates > 0);
        assert!(loss < 30 || received.gaps > 0 && received.recovered > 0, "{received:?}");
        assert!(received.requests >= received.gaps, "{received:?}");
    }
}

/// Each line loses datagrams that the other line delivers: the listener requests nothing.
#[test]
fn the_first_copy_of_two_lines_wins() {
    let blocks = blocks(1, 5_000);
    let (_store, reader) = filled(&blocks);
    let mut receiver = listener([Some(ANY), Some(ANY)], None);
    let to = receiver.local_addresses().unwrap();
    let (a, b) = (socket(), socket());
    let lines = [a.local_addr().unwrap(), b.local_addr().unwrap()];
    let mut sender = sender([&lines[..1], &lines[1..]], reader, 1);
    sender.end_session();
    let mut listening = Listening { blocks: &blocks, next: 1 };
    let (mut now, mut datagrams) = (Instant::now(), 0);
    while !receiver.is_ended() {
        let ((), said) = heard::during(|| _ = sender.step(now));
        assert!(said.is_empty(), "{said:?}");
        for (a_datagram, b_datagram) in received(&a).into_iter().zip(received(&b)) {
            assert_eq!(a_datagram, b_datagram);
            datagrams += 1;
            // A datagram is not missing as long as only one line has passed it.
            if datagrams % 3 > 0 {
                send(&a, &a_datagram, to[0]);
            }
            receiver.step(now, |number, message| listening.take(number, message)).unwrap();
            if datagrams % 3 < 2 {
                send(&b, &b_datagram, to[1]);
            }
            receiver.step(now, |number, message| listening.take(number, message)).unwrap();
        }
        now += Duration::from_secs(1);
    }
    let received = receiver.received();
    assert!(datagrams > 100, "{datagrams}");
    assert_eq!((received.messages, received.gaps, received.requests), (5_000, 0, 0));
    assert!((500..5_000).contains(&received.duplicates), "{received:?}");
}

/// The listener requests a gap a moment after both lines have passed it, whichever passes first.
#[test]
fn both_lines_pass_a_gap() {
    let blocks = blocks(8, 300);
    let (_store, reader) = filled(&blocks);
    let mut server = rerequest_server(reader.clone());
    let a = socket();
    let mut sender = sender([&[a.local_addr().unwrap()], &[]], reader, 1);
    let began = Instant::now();
    sender.step(began);
    let datagrams = received(&a);
    for [first, second] in [[0, 1], [1, 0]] {
        let mut receiver = listener([Some(ANY), Some(ANY)], Some(server.local_address().unwrap()));
        let to = receiver.local_addresses().unwrap();
        let mut messages = 0;
        let mut requests_at = |after: Duration, receiver: &mut Receiver| {
            receiver.step(began + after, |_, _| messages += 1).unwrap();
            receiver.received().requests
        };
        send(&a, &datagrams[1], to[first]);
        assert_eq!(requests_at(Duration::ZERO, &mut receiver), 0);
        assert_eq!(requests_at(10 * MS, &mut receiver), 0);
        send(&a, &datagrams[1], to[second]);
        assert_eq!(requests_at(11 * MS, &mut receiver), 0);
        assert_eq!(requests_at(12 * MS, &mut receiver), 1);
        delivered();
        server.step(began);
        delivered();
        assert_eq!(requests_at(13 * MS, &mut receiver), 1);
        let both = datagrams[..2].iter().map(|d| Datagram::parse(d).unwrap().messages().count());
        assert_eq!(messages, both.sum::<usize>());
        assert_eq!(
            (receiver.received().gaps, receiver.next_number()),
            (1, Some(messages as u64 + 1))
        );
    }
}

/// The listener does not wait for a line that has been silent for too long.
#[test]
fn a_silent_line_is_waited_for_only_so_long() {
    let blocks = blocks(2, 300);
    let (_store, reader) = filled(&blocks);
    let mut server = rerequest_server(reader.clone());
    let request_address = server.local_address().unwrap();
    let mut receiver = listener([Some(ANY), Some(ANY)], Some(request_address));
    let to = receiver.local_addresses().unwrap();
    let a = socket();
    let mut sender = sender([&[a.local_addr().unwrap()], &[]], reader, 1);
    sender.end_session();
    let began = Instant::now();
    sender.step(began);
    let datagrams = received(&a);
    assert!(datagrams.len() > 3);
    for datagram in &datagrams[1..] {
        send(&a, datagram, to[0]);
    }
    let mut listening = Listening { blocks: &blocks, next: 1 };
    let mut requests_at = |after: Duration, receiver: &mut Receiver| {
        receiver.step(began + after, |number, message| listening.take(number, message)).unwrap();
        delivered();
        server.step(began + after);
        delivered();
        receiver.received().requests
    };
    for after in [MS, 2_000 * MS, 2_400 * MS] {
        assert_eq!(requests_at(after, &mut receiver), 0);
    }
    // The listener receives line A again, but not line B; then the wait for line B ends.
    send(&a, datagrams.last().unwrap(), to[0]);
    assert_eq!(requests_at(3_000 * MS, &mut receiver), 0);
    assert_eq!(requests_at(3_002 * MS, &mut receiver), 1);
    requests_at(3_003 * MS, &mut receiver);
    let received = receiver.received();
    assert!(receiver.is_ended(), "{received:?}");
    assert_eq!((received.gaps, received.messages), (1, 300));
    let lost = Datagram::parse(&datagrams[0]).unwrap().messages().count();
    assert_eq!(received.recovered, lost as u64);
}

/// If no server resends lost messages, the listener gets an error, and can go on after the lost
/// messages.
#[test]
fn what_nobody_has_is_lost() {
    let blocks = blocks(3, 300);
    let (_store, reader) = filled(&blocks);
    // Server that exists and answers nothing.
    let silent = socket();
    let attempts_max = 3;
    let mut receiver = Receiver::open(ReceiverConfig {
        lines: [vec![ANY], vec![]],
        rerequest: vec![silent.local_addr().unwrap()],
        attempts_max,
        ..ReceiverConfig::default()
    })
    .unwrap();
    let to = receiver.local_addresses().unwrap()[0];
    let a = socket();
    let mut sender = sender([&[a.local_addr().unwrap()], &[]], reader, 1);
    let mut now = Instant::now();
    sender.step(now);
    let datagrams = received(&a);
    for datagram in [&datagrams[0], &datagrams[2]] {
        send(&a, datagram, to);
    }
    let missing: Vec<u64> =
        Datagram::parse(&datagrams[1]).unwrap().messages().map(|(number, _)| number).collect();
    let mut numbers = vec![];
    let lost = loop {
        match receiver.step(now, |number, _| numbers.push(number)) {
            Ok(_) => now += 50 * MS,
            Err(error) => break error,
        }
    };
    let ReceiverError::Lost { first, next } = lost else { panic!("{lost}") };
    assert_eq!((first, next), (missing[0], missing.last().unwrap() + 1));
    let requests = received(&silent);
    assert_eq!(requests.len(), attempts_max as usize);
    assert_eq!(requests[0][..10], SESSION);
    assert_eq!(requests[0][10..18], first.to_be_bytes());
    assert_eq!(requests[0][18..], ((next - first) as u16).to_be_bytes());
    receiver.start_at(next, |number, _| numbers.push(number));
    let last = Datagram::parse(&datagrams[2]).unwrap().messages().last().unwrap().0;
    let expected: Vec<u64> = (1..first).chain(next..=last).collect();
    assert_eq!(numbers, expected);
    assert!(receiver.step(now, |_, _| {}).is_ok());
}

/// Datagrams are full of whole messages, heartbeats fill the silence, and the end is sent again and
/// again.
#[test]
fn what_leaves_the_sender() {
    let blocks = blocks(4, 1_000);
    let (mut store, reader) = filled(&blocks[..990]);
    let line = socket();
    let first = 11;
    let mut sender = sender([&[], &[line.local_addr().unwrap()]], reader, first);
    let began = Instant::now();
    let mut taken = 0;
    while taken < 980 {
        let step = sender.step(began);
        assert!(step > 0);
        taken += step;
    }
    let datagrams = received(&line);
    let mut number = first;
    for (index, bytes) in datagrams.iter().enumerate() {
        let datagram = Datagram::parse(bytes).unwrap();
        assert_eq!((datagram.header.session, datagram.header.number.get()), (SESSION, number));
        for (at, message) in datagram.messages() {
            assert_eq!((at, message), (number, &blocks[number as usize - 1][2..]));
            number += 1;
        }
        assert!(bytes.len() <= DATAGRAM_BYTES_MAX);
        let next = blocks.get(number as usize - 1).map_or(0, Vec::len);
        let full = bytes.len() + next > DATAGRAM_BYTES_MAX;
        assert!(full || index + 1 == datagrams.len(), "datagram {index} has room");
    }
    assert_eq!((number, sender.next_number()), (991, Some(991)));

    let headers_after = |after: Duration, sender: &mut FeedSender| -> Vec<(u64, u16)> {
        sender.step(began + after);
        let datagrams = received(&line);
        let header = |bytes: &Vec<u8>| {
            let header = *Datagram::parse(bytes).unwrap().header;
            (header.number.get(), header.count.get())
        };
        datagrams.iter().map(header).collect()
    };
    assert_eq!(headers_after(999 * MS, &mut sender), []);
    assert_eq!(headers_after(1_000 * MS, &mut sender), [(991, HEARTBEAT)]);
    assert_eq!(headers_after(1_999 * MS, &mut sender), []);
    assert_eq!(headers_after(2_000 * MS, &mut sender), [(991, HEARTBEAT)]);
    publish(&mut store, &blocks[990..]);
    sender.end_session();
    assert_eq!(sender.ends_said(), 0);
    assert_eq!(headers_after(2_001 * MS, &mut sender), [(991, 10), (1_001, END_OF_SESSION)]);
    assert_eq!(sender.ends_said(), 1);
    assert_eq!(headers_after(3_000 * MS, &mut sender), []);
    assert_eq!(headers_after(3_001 * MS, &mut sender), [(1_001, END_OF_SESSION)]);
    assert_eq!(sender.ends_said(), 2);
    let (name, sent) = sender.sent().next().unwrap();
    assert_eq!((name, sent.messages, sent.failed), ('B', 990, 0));
    assert_eq!(sent.datagrams, datagrams.len() as u64 + 5);
}

/// A destination that cannot be reached is reported once; the others get everything.
#[test]
fn one_destination_fails() {
    let blocks = blocks(5, 500);
    let (_store, reader) = filled(&blocks);
    let (a, b) = (socket(), socket());
    // A socket may not send to broadcast without asking for it.
    let broadcast = SocketAddr::from(([255, 255, 255, 255], 9));
    let (a_to, b_to) = (a.local_addr().unwrap(), b.local_addr().unwrap());
    let mut sender = sender([&[broadcast, a_to], &[b_to]], reader, 1);
    let ((), said) = heard::during(|| {
        while sender.next_number() < Some(501) {
            assert!(sender.step(Instant::now()) > 0);
        }
    });
    assert_eq!(received(&a), received(&b));
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("line A of the feed: sending to 255.255.255.255:9: "), "{said:?}");
    let failed: Vec<u64> = sender.sent().map(|(_, sent)| sent.failed).collect();
    assert_eq!(failed, [sender.sent().next().unwrap().1.datagrams, 0]);
}

/// A sender that begins with a message that is not published yet sends heartbeats with its number,
/// then begins with it.
#[test]
fn a_sender_may_be_ahead_of_the_stream() {
    let blocks = blocks(6, 20);
    let (mut store, reader) = filled(&blocks[..5]);
    let line = socket();
    let mut sender = sender([&[line.local_addr().unwrap()], &[]], reader, 11);
    let numbers = |line: &std::net::UdpSocket| -> Vec<(u64, u16)> {
        let header = |bytes: Vec<u8>| {
            let header = *Datagram::parse(&bytes).unwrap().header;
            (header.number.get(), header.count.get())
        };
        received(line).into_iter().map(header).collect()
    };
    sender.step(Instant::now());
    assert_eq!(numbers(&line), [(11, HEARTBEAT)]);
    publish(&mut store, &blocks[5..12]);
    sender.step(Instant::now());
    assert_eq!(numbers(&line), [(11, 2)]);
}

#[test]
fn lines_have_one_kind_of_address() {
    let mixed = LineConfig { destinations: vec![ANY, "[::1]:9".parse().unwrap()], interface: None };
    let lines = [mixed, LineConfig::default()];
    let config = SenderConfig { session: SESSION, lines, multicast_ttl: 1 };
    let (_store, reader) = Store::in_memory();
    assert!(FeedSender::open(&config, reader, 1).is_err());
}

/// Two listeners on one machine, both lines as groups on the loopback interface.
#[test]
fn groups() {
    let blocks = blocks(7, 2_000);
    let (_store, reader) = filled(&blocks);
    let port = socket().local_addr().unwrap().port();
    let group = |last| SocketAddr::from(([239, 255, 77, last], port));
    let interface = Some(Ipv4Addr::LOCALHOST);
    let config = ReceiverConfig {
        lines: [vec![group(1)], vec![group(2)]],
        interface,
        ..ReceiverConfig::default()
    };
    let opened = Receiver::open(config.clone()).and_then(|first| {
        let line = |last| LineConfig { destinations: vec![group(last)], interface };
        let lines = [line(1), line(2)];
        let sender = SenderConfig { session: SESSION, lines, multicast_ttl: 1 };
        Ok((first, Receiver::open(config)?, FeedSender::open(&sender, reader, 1)?))
    });
    let (first, second, mut sender) = match opened {
        Ok(all) => all,
        Err(error) => return skipped(format!("no multicast here: {error}")),
    };
    sender.end_session();
    let mut listeners =
        [first, second].map(|receiver| (receiver, Listening { blocks: &blocks, next: 1 }));
    let began = Instant::now();
    while !listeners.iter().all(|(receiver, _)| receiver.is_ended()) {
        sender.step(Instant::now());
        for (receiver, listening) in &mut listeners {
            receiver.wait(MS).unwrap();
            let deliver = |number, message: &[u8]| listening.take(number, message);
            receiver.step(Instant::now(), deliver).unwrap();
        }
        if began.elapsed() > PATIENCE {
            let heard = listeners.iter().any(|(receiver, _)| receiver.received().messages > 0);
            assert!(!heard, "{:?}", listeners[0].0.received());
            return skipped("no datagram to a group comes back here");
        }
    }
    for (receiver, _) in &listeners {
        let received = receiver.received();
        assert_eq!((received.messages, received.duplicates), (2_000, 2_000));
    }
}
