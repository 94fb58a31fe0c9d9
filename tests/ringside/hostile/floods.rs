//! Clients that ask for more than the venue can send, or that do not read their messages.

use crate::hostile::client::{Client, Heard, PATIENCE, enter, login, request};
use crate::hostile::venue::{Setup, Stop, Venue, user, users};
use ringside_load::rng::Rng;
use ringside_testing::garbage::noise;
use ringside_testing::patience::wait_until;
use ringside_testing::run::base_seed;
use ringside_wire::moldudp64::{DATAGRAM_BYTES_MAX, HEADER_BYTES, Header};
use ringside_wire::soupbintcp::packet;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use zerocopy::{FromBytes, IntoBytes};

#[test]
fn a_reader_that_never_reads_is_let_go_and_costs_no_memory() {
    let gateway = "slow_reader_bytes_max = 1048576\nslow_reader_ms = 500";
    let copy = "[[sessions]]\nuser = \"COPY01\"\nfirm = \"EVIL\"\nrole = \"venue_drop_copy\"\n";
    let sessions = users(2) + copy;
    let venue = Venue::start(Setup { gateway, sessions, ..Setup::default() });
    let reader = Client::login(venue.orders(), "COPY01", 1);
    rustix::net::sockopt::set_socket_recv_buffer_size(&reader.socket, 4096).unwrap();
    // More bytes then wait for the client than the venue may hold in memory for it.
    venue.endures(8, || {
        venue.flood("U00000", |sent| sent >= 150_000);
    });
    // While the session is connected, no other login with its name is accepted.
    let (waits, began) = (venue.core_waits(), Instant::now());
    wait_until("the reader is let go", || {
        let mut client = Client::connect(venue.orders());
        client.send(&login("COPY01", "ringside", 0)).unwrap();
        match client.hear(PATIENCE) {
            Heard::Packet(packet::LOGIN_ACCEPTED, _) => true,
            Heard::Packet(packet::LOGIN_REJECTED, why) if why == b"S" => false,
            other => panic!("{other:?}"),
        }
    });
    let took = began.elapsed();
    assert!(took < waits.bound(Duration::from_secs(2)), "{took:?} behind the flood");
    drop(reader);
    venue.stop();
}

#[test]
fn twenty_who_ask_for_everything_again_and_again_delay_nobody() {
    let venue = Venue::start(Setup { sessions: users(20), ..Setup::default() });
    std::thread::scope(|scope| {
        for number in 0..20 {
            let venue = &venue;
            scope.spawn(move || venue.flood(&user(number), |sent| sent >= 10_000));
        }
    });
    let replays = AtomicU32::new(0);
    venue.endures(4, || {
        std::thread::scope(|scope| {
            for number in 0..20 {
                let (venue, replays) = (&venue, &replays);
                scope.spawn(move || {
                    let mut rng = Rng::new(base_seed() + u64::from(number));
                    while replays.load(Ordering::Relaxed) < 300 {
                        // The venue may not have noticed yet that the last connection is closed.
                        let mut client = Client::connect(venue.orders());
                        client.send(&login(&user(number), "ringside", 1)).unwrap();
                        let heard = client.hear(PATIENCE);
                        if matches!(heard, Heard::Packet(packet::LOGIN_ACCEPTED, _)) {
                            replays.fetch_add(1, Ordering::Relaxed);
                            for _ in 0..rng.below(2_000) {
                                client.hear(PATIENCE);
                            }
                        }
                    }
                });
            }
        });
    });
    venue.stop();
}

#[test]
fn sessions_that_send_as_fast_as_they_can_leave_room_for_others() {
    let limited = "[[sessions]]\nuser = \"LIMIT1\"\nfirm = \"EVIL\"\norders_per_second = 100\n";
    let leaves = "[[sessions]]\nuser = \"LEAVES\"\nfirm = \"GONE\"\ncancel_on_disconnect_ms = 50\n";
    let copy = "[[sessions]]\nuser = \"COPY01\"\nfirm = \"GONE\"\nrole = \"firm_drop_copy\"\n";
    let sessions = users(4) + limited + leaves + copy;
    let gateway = "queue_slots = 1024";
    let venue = Venue::start(Setup { gateway, sessions, ..Setup::default() });
    let sent: Vec<u32> = venue.endures(64, || {
        // The floods go on until other clients have been served beside them.
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (venue, stopped) = (&venue, &stop);
            let is_enough = move |sent| sent >= 10_000 && stopped.load(Ordering::Relaxed);
            let names = (0..4).map(user).chain(["LIMIT1".to_string()]);
            let floods: Vec<_> =
                names.map(|name| scope.spawn(move || venue.flood(&name, is_enough))).collect();
            let stop = Stop(&stop);
            let mut copy = Client::login(venue.orders(), "COPY01", 1);
            let mut leaver = Client::login(venue.orders(), "LEAVES", 1);
            leaver.send(&request(&enter(1))).unwrap();
            leaver.expect_answer(b'A', 1);
            drop(leaver);
            let (waits, began) = (venue.core_waits(), Instant::now());
            let answer = venue.operate(br#"{"op":"firm","firm":"NEW"}"#);
            assert!(answer.contains("NEW"), "{answer}");
            let took = began.elapsed();
            assert!(took < waits.bound(Duration::from_secs(3)), "the operator waits {took:?}");
            // A client that reconnects before the cancel keeps its orders.
            let is_cancel = |heard: &[u8]| heard.get(6) == Some(&b'C');
            loop {
                match copy.hear(PATIENCE) {
                    Heard::Packet(packet::SEQUENCED, heard) if is_cancel(&heard) => break,
                    Heard::Packet(..) => {}
                    other => panic!("no cancel: {other:?}"),
                }
            }
            Client::login(venue.orders(), "LEAVES", 1).expect_answer(b'C', 1);
            drop(stop);
            floods.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    });
    println!("{sent:?} orders sent");
    let mut limited = Client::login(venue.orders(), "LIMIT1", 1);
    loop {
        match limited.hear(PATIENCE) {
            Heard::Packet(packet::SEQUENCED, message) if message[0] == b'J' => {
                let id = u32::from_be_bytes(*message[9..].first_chunk().unwrap());
                assert_eq!(message[13..15], [0x00, 0x29], "order {id} is refused for its rate");
                assert!(id > 100, "{id} is within the limit");
                break;
            }
            Heard::Packet(..) => {}
            other => panic!("no order of {sent:?} is above the limit: {other:?}"),
        }
    }
    venue.stop();
}

#[test]
fn a_flood_at_the_rerequest_port_gets_one_datagram_for_each_request_at_most() {
    let venue = Venue::start(Setup::default());
    let mut datagram = [0; 2048];
    venue.line.set_read_timeout(Some(PATIENCE)).unwrap();
    let bytes = venue.line.recv(&mut datagram).unwrap();
    let Ok((header, _)) = Header::ref_from_prefix(&datagram[..bytes]) else { panic!("{bytes}") };
    let everything = Header { number: 1.into(), count: 65_534.into(), ..*header };
    let mut rng = Rng::new(base_seed());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(venue.rerequest()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let began = Instant::now();
    let (asked, answered) = venue.endures(4, || {
        let (mut asked, mut answered) = (0u64, 0u64);
        while asked < 100_000 || answered < 100 {
            for _ in 0..20 {
                let numbers =
                    [(1, 65_534), (u64::MAX, 65_535), (0, 1), (3, 0), (rng.next_u64(), 9)];
                for (number, count) in numbers {
                    let wanted =
                        Header { number: number.into(), count: count.into(), ..everything };
                    asked += u64::from(socket.send(wanted.as_bytes()).is_ok());
                }
                let bytes = rng.below(1_500) as usize;
                asked += u64::from(socket.send(&noise(&mut rng, bytes)).is_ok());
            }
            while let Ok(bytes) = socket.recv(&mut datagram) {
                assert!((HEADER_BYTES..=DATAGRAM_BYTES_MAX).contains(&bytes), "{bytes}");
                answered += 1;
            }
            assert!(began.elapsed() < PATIENCE, "{answered} of {asked} are answered");
        }
        // The feed has continued meanwhile: datagrams in the socket's buffer are old, later ones
        // are not.
        venue.line.set_nonblocking(true).unwrap();
        while venue.line.recv(&mut datagram).is_ok() {}
        venue.line.set_nonblocking(false).unwrap();
        let fed = venue.line.recv(&mut datagram).expect("the feed goes on");
        assert!(fed >= HEADER_BYTES);
        (asked, answered)
    });
    println!("{asked} asked, {answered} answered");
    // The server handles this number of requests per second, those of one second at once.
    let looked_at = 2_000.0 * (began.elapsed().as_secs_f64() + 1.0);
    assert!((answered as f64) < looked_at, "{answered} of {asked}");

    // A request behind the flood is answered after all requests of the flood are handled.
    let until_answered = |number: u64| {
        let mut before = 0;
        let wanted = Header { number: number.into(), count: 1.into(), ..everything };
        wait_until("a request is answered", || {
            let _ = socket.send(wanted.as_bytes());
            std::thread::sleep(Duration::from_millis(1));
            let mut datagram = [0; 2048];
            while let Ok(bytes) = socket.recv(&mut datagram) {
                let (header, _) = Header::ref_from_prefix(&datagram[..bytes]).unwrap();
                if header.number == wanted.number {
                    return true;
                }
                before += u32::from(header.number.get() == 1);
            }
            false
        });
        before
    };
    until_answered(2);
    // From here on no client sends more requests than the limit.
    std::thread::sleep(Duration::from_secs(1));
    for _ in 0..50 {
        assert!(socket.send(everything.as_bytes()).is_ok());
    }
    assert_eq!(until_answered(3), 50);
    venue.stop();
}
