//! Bytes that are no protocol, or only the beginning of one.

use crate::hostile::client::{Client, Heard, PATIENCE, cancel, enter, login, request};
use crate::hostile::venue::{Setup, Venue, users};
use ringside_load::rng::Rng;
use ringside_testing::garbage::{no_logins, noise, packet_of};
use ringside_testing::run::base_seed;
use ringside_wire::ouch::inbound::{MassCancel, ModifyOrder, ReplaceOrder};
use ringside_wire::soupbintcp::packet;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use zerocopy::FromZeros;

#[test]
fn garbage_at_the_order_port_ends_its_connection_and_nothing_else() {
    // Longer than the timeout of a test: only the bytes that a client has sent end its connection.
    let gateway = "login_timeout_ms = 600000";
    let venue = Venue::start(Setup { gateway, sessions: users(1), ..Setup::default() });
    let address = venue.orders();
    let mut rng = Rng::new(base_seed());
    venue.endures(4, || {
        let whole = login("U00000", "ringside", 1);
        say_each(address, &no_logins(&whole, &mut rng));
        for cut in 1..whole.len() {
            Client::connect(address).send(&whole[..cut]).unwrap();
        }
        for _ in 0..100 {
            let mut client = Client::login(address, "U00000", 0);
            let _ = client.send(&[&[0xFF][..], &noise(&mut rng, 2_000)].concat());
            assert!(client.is_ended());
        }
    });
    venue.stop();
}

#[test]
fn messages_cut_anywhere_are_dropped_and_their_session_goes_on() {
    let venue = Venue::start(Setup { sessions: users(1), ..Setup::default() });
    // Number 2 is the message behind the one that the day has begun.
    let mut client = Client::login(venue.orders(), "U00000", 2);
    let zeros = |bytes: &[u8]| bytes[3..].to_vec();
    let whole = [
        zeros(&request(&enter(1))),
        zeros(&request(&cancel(1))),
        zeros(&request(&ReplaceOrder { message_type: b'U', ..ReplaceOrder::new_zeroed() })),
        zeros(&request(&ModifyOrder { message_type: b'M', ..ModifyOrder::new_zeroed() })),
        zeros(&request(&MassCancel { message_type: b'C', ..MassCancel::new_zeroed() })),
    ];
    let mut rng = Rng::new(base_seed());
    venue.endures(4, || {
        let mut malformed = 0;
        for message in &whole {
            for cut in 0..message.len() {
                client.send(&packet_of(packet::UNSEQUENCED, &message[..cut])).unwrap();
                let heard = client.hear(PATIENCE);
                assert!(matches!(heard, Heard::Packet(packet::DEBUG, _)), "{heard:?}");
                malformed += 1;
            }
        }
        assert!(malformed > 100);
        // Complete messages with invalid fields.
        for _ in 0..20_000 {
            let mut message = whole[rng.below(whole.len() as u64) as usize].clone();
            for _ in 0..1 + rng.below(4) {
                let at = rng.below(message.len() as u64) as usize;
                message[at] = rng.next_u64() as u8;
            }
            message.extend(noise(&mut rng, 8 * usize::from(message[1] & 1)));
            client.send(&packet_of(packet::UNSEQUENCED, &message)).unwrap();
        }
    });
    // The connection still works, whatever ids the messages have used up.
    client.send(&packet_of(packet::LOGOUT, &[])).unwrap();
    assert!(client.is_ended());
    venue.stop();
}

#[test]
fn garbage_at_the_book_port_ends_its_connection_and_nothing_else() {
    let venue = Venue::start(Setup { sessions: users(1), ..Setup::default() });
    let mut rng = Rng::new(base_seed());
    venue.endures(4, || {
        // The tests of the snapshot server prove with a fixed clock that each connection ends at
        // once.
        say_each(venue.glimpse(), &no_logins(&login("U00000", "ringside", 1), &mut rng));
        let mut client = Client::login(venue.glimpse(), "U00000", 1);
        let _ = client.send(&packet_of(packet::UNSEQUENCED, &request(&enter(1))));
        assert!(client.is_ended());
    });
    // A client that asks correctly gets the book.
    let mut visitor = Client::login(venue.glimpse(), "U00000", 1);
    let mut last = vec![];
    while let Heard::Packet(packet_type, message) = visitor.hear(PATIENCE) {
        if packet_type == packet::SEQUENCED {
            last = message;
        }
    }
    assert_eq!(last.first(), Some(&b'G'));
    venue.stop();
}

#[test]
fn garbage_at_the_operators_port_is_answered_and_changes_nothing() {
    let venue = Venue::start(Setup::default());
    let mut rng = Rng::new(base_seed());
    let nested = |open: &str| format!("{{\"op\":\"firm\",\"x\":{}\n", open.repeat(30_000));
    let said = [
        vec![b'x'; 16 << 20],
        b"{\"op\":\n".repeat(10_000),
        [noise(&mut rng, 300_000), b"\n".to_vec()].concat(),
        "[".repeat(60_000).into_bytes(),
        nested("[").into_bytes(),
        nested("{\"x\":").into_bytes(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    venue.endures(4, || {
        std::thread::scope(|scope| {
            for bytes in &said {
                let venue = &venue;
                scope.spawn(move || {
                    let text = venue.operate(bytes);
                    assert!(text.starts_with("{\"error\""), "{text:.100}");
                    assert!(text.lines().all(|line| line.contains("error")), "{text:.100}");
                });
            }
        });
        // The same bytes from operators who do not read their answers.
        let deaf = said.iter().map(|bytes| {
            let mut socket = TcpStream::connect(venue.operator()).unwrap();
            socket.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
            let _ = socket.write_all(bytes);
            socket
        });
        drop(deaf.collect::<Vec<_>>());
    });
    // Connections of operators that have ended are free for others.
    let answer = venue.operate(br#"{"op":"firm","firm":"NEW"}"#);
    assert!(answer.contains("NEW"), "{answer}");
    venue.stop();
}

/// Sends each item on a connection of its own, which the venue must end.
fn say_each(address: SocketAddr, said: &[Vec<u8>]) {
    for bytes in said {
        let mut client = Client::connect(address);
        // The venue may have closed the connection before it has received everything.
        let _ = client.send(bytes);
        let begin = &bytes[..bytes.len().min(12)];
        assert!(client.is_ended(), "it still listens after {begin:?}");
    }
}
