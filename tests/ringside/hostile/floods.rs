//! Who asks for more than can be given, or takes nothing of it.

use crate::hostile::client::{Client, Heard, PATIENCE, enter, login, noise, request, seconds};
use crate::hostile::venue::{Setup, Venue, user, users};
use ringside_load::rng::Rng;
use ringside_wire::moldudp64::{DATAGRAM_BYTES_MAX, HEADER_BYTES, Header};
use ringside_wire::soupbintcp::packet;
use std::net::UdpSocket;
use std::time::Instant;
use zerocopy::{FromBytes, IntoBytes};

#[test]
fn a_reader_that_never_reads_is_let_go_and_costs_no_memory() {
    let gateway = "slow_reader_bytes_max = 1048576\nslow_reader_ms = 500";
    let copy = "[[sessions]]\nuser = \"COPY01\"\nfirm = \"EVIL\"\nrole = \"venue_drop_copy\"\n";
    let sessions = users(2) + copy;
    let venue = Venue::start(Setup { gateway, sessions, ..Setup::default() });
    let reader = Client::login(venue.orders(), "COPY01", 1);
    rustix::net::sockopt::set_socket_recv_buffer_size(&reader.socket, 4096).unwrap();
    // What lies ready for it then is more than the venue may need for it in memory.
    venue.endures(8, || {
        venue.flood("U00000", 150_000, Instant::now() + seconds(20.0));
        std::thread::sleep(seconds(1.0));
    });
    // While it is served, nobody else is let in with its name.
    Client::login(venue.orders(), "COPY01", 0);
    drop(reader);
    venue.stop();
}

#[test]
fn twenty_who_ask_for_everything_again_and_again_delay_nobody() {
    let venue = Venue::start(Setup { sessions: users(20), ..Setup::default() });
    std::thread::scope(|scope| {
        let until = Instant::now() + seconds(20.0);
        for number in 0..20 {
            let venue = &venue;
            scope.spawn(move || venue.flood(&user(number), 10_000, until));
        }
    });
    let replays: u32 = venue.endures(4, || {
        let until = Instant::now() + seconds(3.0);
        std::thread::scope(|scope| {
            let ask = |number: u32| {
                let venue = &venue;
                move || {
                    let mut replays = 0;
                    let mut rng = Rng::new(number.into());
                    while Instant::now() < until {
                        // The last connection may not have been noticed to be gone.
                        let mut client = Client::connect(venue.orders());
                        client.send(&login(&user(number), "ringside", 1)).unwrap();
                        let heard = client.hear(PATIENCE);
                        if matches!(heard, Heard::Packet(packet::LOGIN_ACCEPTED, _)) {
                            replays += 1;
                            for _ in 0..rng.below(2_000) {
                                client.hear(PATIENCE);
                            }
                        }
                    }
                    replays
                }
            };
            let asking: Vec<_> = (0..20).map(|number| scope.spawn(ask(number))).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).sum()
        })
    });
    println!("{replays} replays");
    assert!(replays > 100, "{replays}");
    venue.stop();
}

#[test]
fn sessions_that_send_as_fast_as_they_can_leave_room_for_others() {
    let limited = "[[sessions]]\nuser = \"LIMIT1\"\nfirm = \"EVIL\"\norders_per_second = 100\n";
    let leaves = "[[sessions]]\nuser = \"LEAVES\"\nfirm = \"EVIL\"\ncancel_on_disconnect_ms = 50\n";
    let sessions = users(4) + limited + leaves;
    let gateway = "queue_slots = 1024";
    let venue = Venue::start(Setup { gateway, sessions, ..Setup::default() });
    let sent: Vec<u32> = venue.endures(64, || {
        let until = Instant::now() + seconds(4.0);
        std::thread::scope(|scope| {
            let venue = &venue;
            let names = (0..4).map(user).chain(["LIMIT1".to_string()]);
            let floods: Vec<_> = names
                .map(|name| scope.spawn(move || venue.flood(&name, u32::MAX, until)))
                .collect();
            let mut leaver = Client::login(venue.orders(), "LEAVES", 1);
            leaver.send(&request(&enter(1))).unwrap();
            leaver.expect_answer(b'A', 1, PATIENCE);
            drop(leaver);
            let began = Instant::now();
            let answer = venue.operate(br#"{"op":"firm","firm":"NEW"}"#);
            assert!(answer.contains("NEW") && began.elapsed() < seconds(3.0), "{answer}");
            std::thread::sleep(seconds(0.5));
            // One who comes back in time keeps its orders.
            let mut leaver = Client::login(venue.orders(), "LEAVES", 1);
            leaver.expect_answer(b'C', 1, seconds(0.5));
            floods.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    });
    println!("{sent:?} orders sent");
    Client::login(venue.orders(), "LIMIT1", 1).expect_answer(b'J', 150, PATIENCE);
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
    let mut rng = Rng::new(5);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(venue.rerequest()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let (asked, answered, fed) = venue.endures(4, || {
        let (mut asked, mut answered) = (0u64, 0u64);
        let began = Instant::now();
        while began.elapsed() < seconds(4.0) {
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
        }
        // The feed has gone on meanwhile: what lies in the socket's buffer is old, and what comes now is not.
        venue.line.set_nonblocking(true).unwrap();
        while venue.line.recv(&mut datagram).is_ok() {}
        venue.line.set_nonblocking(false).unwrap();
        let fed = venue.line.recv(&mut datagram).expect("the feed goes on");
        (asked, answered, fed)
    });
    println!("{asked} asked, {answered} answered");
    assert!(fed >= HEADER_BYTES && asked > 10_000, "{asked}");
    // So many in a second are looked at, and some of them are for messages that exist.
    assert!((100..=2_000 * 6).contains(&answered), "{answered} of {asked}");

    std::thread::sleep(seconds(1.0));
    while socket.recv(&mut datagram).is_ok() {}
    for _ in 0..50 {
        assert!(socket.send(everything.as_bytes()).is_ok());
    }
    std::thread::sleep(seconds(0.5));
    let answers = std::iter::from_fn(|| socket.recv(&mut datagram).ok()).count();
    assert_eq!(answers, 50);
    venue.stop();
}
