//! Gateway with a full queue, with clients that do not read, and with many clients.

use crate::gateway::client::Client;
use crate::gateway::venue::{MS, Setup, Venue, cancel, enter, packet_of, session, user};
use ringside_edge::gateway::server::Limits;
use ringside_testing::patience::{PATIENCE, wait_until};
use ringside_wire::soupbintcp::packet;
use std::io::Write;
use std::net::TcpStream;

#[test]
fn a_full_queue_stops_reading_and_loses_nothing() {
    let mut venue = Venue::with(Setup { queue: 4, ..Setup::default() });
    let (mut one, mut two) = (venue.login("USER00", 1), venue.login("USER01", 1));
    for id in 1..=500 {
        one.request(&enter(id));
        two.request(&enter(id));
    }
    venue.settle();
    let mut ids = [vec![], vec![]];
    let mut count = 0;
    while count < 1000 {
        let commands = venue.commands();
        assert!((1..=4).contains(&commands.len()), "{count} have come");
        count += commands.len();
        for inbound in commands {
            let ringside_model::command::Action::Enter(enter) = inbound.command.action else {
                panic!()
            };
            ids[inbound.command.session.0 as usize - 1].push(enter.id.0);
        }
        let now_ns = venue.now_ns;
        venue.server().step(now_ns);
        if count % 100 == 0 {
            venue.settle();
        }
    }
    let all: Vec<u64> = (1..=500).collect();
    assert_eq!(ids, [all.clone(), all]);
    assert!(venue.counters().queue_full > 0);
}

#[test]
fn while_the_queue_is_full_everybody_has_a_turn() {
    const EACH: u32 = 2_000;
    let mut venue = Venue::with(Setup { queue: 128, admin: true, ..Setup::default() });
    let mut clients: Vec<Client> = (0..3).map(|number| venue.login(&user(number), 1)).collect();
    let (modest, greedy) = clients.split_last_mut().unwrap();
    for id in 1..=EACH {
        greedy.iter_mut().for_each(|client| client.request(&enter(id)));
    }
    venue.settle();
    modest.request(&enter(1));
    let mut operator = TcpStream::connect(venue.server().addresses().admin.unwrap()).unwrap();
    operator.write_all(b"{\"op\":\"firm\",\"firm\":\"NEW\"}\n").unwrap();
    let mut before = vec![];
    let mut commands = 0;
    while commands < 2 * EACH + 2 {
        let now_ns = venue.now_ns;
        venue.server().step(now_ns);
        for inbound in venue.commands() {
            let is_greedy = (session(0)..=session(1)).contains(&inbound.command.session);
            if !is_greedy {
                before.push(commands);
            }
            commands += 1;
        }
    }
    assert!(before.len() == 2 && before[1] < EACH, "{before:?}");
}

#[test]
fn a_full_queue_does_not_make_clients_silent() {
    let mut venue = Venue::with(Setup { queue: 1, ..Setup::default() });
    let mut client = venue.login("USER00", 1);
    for id in 1..=3 {
        client.request(&enter(id));
    }
    venue.pass(60_000);
    assert!(!client.has_ended());
    for _ in 0..3 {
        assert_eq!(venue.commands().len(), 1);
        venue.settle();
    }
}

#[test]
fn nobody_is_blamed_for_silence_who_waits_for_a_turn() {
    let users = 40;
    let mut venue = Venue::with(Setup { users, queue: 4, ..Setup::default() });
    let mut clients: Vec<Client> = (0..users).map(|number| venue.login(&user(number), 1)).collect();
    for id in 1..=10 {
        clients.iter_mut().for_each(|client| client.request(&enter(id)));
    }
    venue.settle();
    for _ in 0..60 {
        // A little room is free at every step, and some client takes it.
        venue.command().unwrap();
        venue.now_ns += 500 * MS;
        let now_ns = venue.now_ns;
        venue.server().step(now_ns);
    }
    assert!(clients.iter_mut().all(|client| !client.has_ended()));
}

/// Publishes messages of 1000 bytes that begin with their number.
fn publish(venue: &mut Venue, user: u32, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let mut message = vec![b'.'; 1000];
        message[..4].copy_from_slice(&number.to_be_bytes());
        venue.publish(session(user), &message);
    }
}

fn expect(venue: &mut Venue, client: &mut Client, numbers: std::ops::Range<u32>) {
    for number in numbers {
        loop {
            let (packet_type, payload) = client.next(venue).expect("a packet");
            if packet_type == packet::SEQUENCED {
                assert_eq!(payload[..4], number.to_be_bytes());
                assert_eq!(payload.len(), 1000);
                break;
            }
            assert_eq!(packet_type, packet::SERVER_HEARTBEAT);
        }
    }
}

#[test]
fn a_slow_reader_is_closed_and_gets_everything_when_it_comes_back() {
    let limits =
        Limits { slow_reader_bytes_max: 1 << 20, slow_reader_ms: 2_000, ..Setup::default().limits };
    let mut venue = Venue::with(Setup { limits, ..Setup::default() });
    let (mut slow, mut other) = (venue.login("USER00", 1), venue.login("USER01", 1));
    // More than the kernel takes for a client that does not read.
    publish(&mut venue, 0, 0..20_000);
    publish(&mut venue, 1, 0..100);
    expect(&mut venue, &mut other, 0..100);
    // The backlog is noticed after 500 ms.
    venue.pass(2_400);
    assert_eq!(venue.counters().slow_readers, 0);
    venue.pass(300);
    assert_eq!(venue.counters().slow_readers, 1);
    publish(&mut venue, 1, 100..200);
    expect(&mut venue, &mut other, 100..200);

    // The client still gets the bytes that the kernel had taken, then the end. The rest comes with
    // the next connection.
    let mut numbers = 0u32;
    while let Some((packet_type, payload)) = slow.next(&mut venue) {
        if packet_type == packet::SEQUENCED {
            assert_eq!(payload[..4], numbers.to_be_bytes());
            numbers += 1;
        }
    }
    assert!(numbers < 20_000);
    let mut back = venue.login("USER00", u64::from(numbers) + 1);
    expect(&mut venue, &mut back, numbers..20_000);
    back.expect_silence(&mut venue);
}

#[test]
fn a_reader_that_catches_up_is_not_slow() {
    let limits =
        Limits { slow_reader_bytes_max: 1 << 20, slow_reader_ms: 500, ..Setup::default().limits };
    let mut venue = Venue::with(Setup { limits, ..Setup::default() });
    publish(&mut venue, 0, 0..20_000);
    let mut client = venue.login("USER00", 1);
    for part in 0..20 {
        expect(&mut venue, &mut client, part * 1_000..(part + 1) * 1_000);
        venue.pass(400);
        client.send(&packet_of(packet::CLIENT_HEARTBEAT, &[]));
    }
    assert_eq!(venue.counters().slow_readers, 0);
}

#[test]
fn control_packets_come_between_messages() {
    let mut venue = Venue::new();
    let mut client = venue.login("USER00", 1);
    publish(&mut venue, 0, 0..10_000);
    venue.settle();
    // The socket is full, most likely within a message; now a control packet must be sent.
    client.send(&packet_of(packet::UNSEQUENCED, b"?"));
    venue.settle();
    assert_eq!(venue.counters().malformed, 1);
    let (mut numbers, mut texts) = (0u32, 0);
    while numbers < 10_000 {
        match client.next(&mut venue).unwrap() {
            (packet::SEQUENCED, payload) => {
                assert_eq!(payload[..4], numbers.to_be_bytes());
                numbers += 1;
            }
            (packet::DEBUG, _) => texts += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(texts, 1);
}

#[test]
fn a_client_that_only_writes_does_not_hinder_the_others() {
    let mut venue = Venue::new();
    let (mut writer, mut other) = (venue.login("USER00", 1), venue.login("USER01", 1));
    let garbage = packet_of(packet::UNSEQUENCED, b"?");
    for id in 1..=2_000 {
        writer.request(&enter(id));
        writer.send(&garbage);
        if id % 100 == 0 {
            publish(&mut venue, 0, 0..500);
            venue.settle();
            venue.answer_all();
        }
    }
    other.request(&enter(1));
    venue.settle();
    assert_eq!(venue.answer_all(), 1);
    other.expect_message(&mut venue, "none 1");
    assert_eq!(venue.counters().malformed, 2_000);
}

#[test]
fn a_thousand_idle_sessions_and_a_busy_one() {
    let users = 1_001;
    let mut venue = Venue::with(Setup { users, ..Setup::default() });
    let mut clients: Vec<Client> = (0..users)
        .map(|number| {
            let mut client = venue.connect();
            client.send(&crate::gateway::venue::login_packet(&user(number), 1));
            client
        })
        .collect();
    venue.settle();
    assert_eq!(venue.counters().logins, u64::from(users));
    let (mut busy, last) = (clients.remove(500), users - 1);
    for id in 1..=100 {
        busy.request(&enter(id));
        busy.request(&cancel(id));
        venue.settle();
        assert_eq!(venue.answer_all(), 2);
        if id == 1 {
            busy.expect(&mut venue, packet::LOGIN_ACCEPTED);
        }
        busy.expect_message(&mut venue, &format!("none {id}"));
        busy.expect_message(&mut venue, "too_late 0");
    }
    for number in 0..last {
        let number = number + u32::from(number >= 500);
        venue.publish(session(number), user(number).as_bytes());
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let number = number as u32 + u32::from(number >= 500);
        client.expect(&mut venue, packet::LOGIN_ACCEPTED);
        client.expect_message(&mut venue, &user(number));
    }
}

#[test]
fn finish_sends_what_there_is_and_closes() {
    let mut venue = Venue::new();
    let mut client = venue.login("USER00", 1);
    let mut stranger = venue.connect();
    venue.settle();
    publish(&mut venue, 0, 0..10_000);
    client.request(&enter(1));
    let server = venue.server.take().unwrap();
    let finishing = std::thread::spawn(move || server.finish(PATIENCE));
    for number in 0..10_000u32 {
        wait_until("the next message comes", || client.next_now().is_some());
        let payload = client.last_payload();
        assert_eq!(payload[..4], number.to_be_bytes());
    }
    wait_until("both connections end", || client.has_ended() && stranger.has_ended());
    drop(client);
    finishing.join().unwrap();
    venue.now_ns += MS;
    assert!(venue.commands().is_empty());
}
