//! Logins, the place where the stream then begins, and breaches of the protocol.

use crate::gateway::client::Client;
use crate::gateway::venue::{
    SECOND, SESSION, Setup, Venue, enter, login, login_packet, packet_of, request_packet, session,
    user,
};
use ringside_edge::gateway::server::Limits;
use ringside_wire::soupbintcp::{Login, packet};

/// Creates a venue with three messages for the first user.
fn venue() -> Venue {
    let mut venue = Venue::new();
    for message in ["one", "two", "three"] {
        venue.publish(session(0), message.as_bytes());
    }
    venue
}

fn accepted(venue: &mut Venue, client: &mut Client) -> String {
    let payload = client.expect(venue, packet::LOGIN_ACCEPTED);
    String::from_utf8(payload).unwrap()
}

#[test]
fn the_stream_begins_at_the_number_that_is_asked_for() {
    let mut venue = venue();
    for (asked, number, messages) in
        [(1, 1, &["one", "two", "three"][..]), (3, 3, &["three"]), (4, 4, &[]), (0, 3, &["three"])]
    {
        let mut client = venue.connect();
        client.send(&login_packet("user00", asked));
        assert_eq!(accepted(&mut venue, &mut client), format!("{SESSION}{number:>20}"));
        for message in messages {
            client.expect_message(&mut venue, message);
        }
        client.expect_silence(&mut venue);
        client.send(&packet_of(packet::LOGOUT, &[]));
        client.expect_end(&mut venue);
    }
    // The second user has no message yet: its most recent message is the next one.
    let mut client = venue.connect();
    client.send(&login_packet("USER01", 0));
    assert_eq!(accepted(&mut venue, &mut client), format!("{SESSION}{:>20}", 1));
    venue.publish(session(1), b"first");
    client.expect_message(&mut venue, "first");
}

#[test]
fn logins_that_fail_are_told_why() {
    let mut venue = venue();
    let good = login("USER00", 1);
    let cases: [(char, Login); 7] = [
        ('A', Login { password: "wrong".into(), ..good.clone() }),
        ('A', Login { user: "NOBODY".into(), ..good.clone() }),
        ('A', Login { user: String::new(), ..good.clone() }),
        ('S', Login { session: "YESTERDAY".into(), ..good.clone() }),
        ('S', Login { number: 5, ..good.clone() }),
        ('S', Login { number: u64::MAX, ..good.clone() }),
        ('A', Login { password: String::new(), ..good.clone() }),
    ];
    let refused = cases.len() as u64;
    for (reason, login) in cases {
        let mut client = venue.connect();
        client.send(&packet_of(packet::LOGIN_REQUEST, &login.payload().unwrap()));
        if login.number > 1 {
            let text = client.expect(&mut venue, packet::DEBUG);
            assert!(String::from_utf8(text).unwrap().contains("number 4"));
        }
        let payload = client.expect(&mut venue, packet::LOGIN_REJECTED);
        assert_eq!(payload, [reason as u8], "{login:?}");
        client.expect_end(&mut venue);
    }
    assert_eq!((venue.counters().logins, venue.counters().logins_refused), (0, refused));
    let named = Login { session: SESSION.into(), heartbeat_timeout_ms: Some(0), ..good };
    let mut client = venue.connect();
    client.send(&packet_of(packet::LOGIN_REQUEST, &named.payload().unwrap()));
    accepted(&mut venue, &mut client);
}

#[test]
fn the_first_connection_of_a_session_stays() {
    let mut venue = venue();
    let mut first = venue.login("USER00", 4);
    let mut second = venue.connect();
    second.send(&login_packet("USER00", 1));
    assert_eq!(second.expect(&mut venue, packet::LOGIN_REJECTED), b"S");
    second.expect_end(&mut venue);
    venue.publish(session(0), b"four");
    first.expect_message(&mut venue, "four");
    drop(first);
    venue.settle();
    venue.login("USER00", 4).expect_message(&mut venue, "four");
}

#[test]
fn what_breaks_the_protocol_is_told_and_ends_the_connection() {
    let too_long = vec![0; 2000];
    let order = request_packet(&enter(1));
    let before: &[&[u8]] = &[
        &order,
        &packet_of(packet::CLIENT_HEARTBEAT, &[]),
        &packet_of(packet::LOGIN_REQUEST, b"short"),
        &packet_of(b'S', b"data"),
        &packet_of(b'?', &[]),
        &[0, 0],
        &packet_of(packet::UNSEQUENCED, &too_long),
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    let after: &[&[u8]] = &[
        &login_packet("USER01", 1),
        &packet_of(b'S', b"data"),
        &packet_of(b'A', &[]),
        &[0, 0],
        &packet_of(packet::UNSEQUENCED, &too_long),
    ];
    let mut venue = venue();
    for (logged_in, cases) in [(false, before), (true, after)] {
        for bytes in cases {
            let mut client = if logged_in { venue.login("USER00", 4) } else { venue.connect() };
            client.send(bytes);
            client.expect(&mut venue, packet::DEBUG);
            client.expect_end(&mut venue);
            assert_eq!(venue.server().connections(), 1, "it lingers until the client is gone");
            drop(client);
            venue.settle();
            assert_eq!(venue.server().connections(), 0);
        }
    }
    assert_eq!(venue.counters().violations as usize, before.len() + after.len());
    assert!(venue.commands().is_empty());
}

#[test]
fn messages_that_are_none_are_dropped_and_the_session_goes_on() {
    let mut venue = venue();
    let mut client = venue.login("USER00", 4);
    for garbage in [&b""[..], b"Z", b"O", &[0xFF; 100]] {
        client.send(&packet_of(packet::UNSEQUENCED, garbage));
        client.expect(&mut venue, packet::DEBUG);
    }
    assert_eq!(venue.counters().malformed, 4);
    client.request(&enter(1));
    venue.settle();
    assert_eq!(venue.commands().len(), 1);
}

#[test]
fn packets_may_be_cut_anywhere() {
    let mut bytes = login_packet("USER00", 1);
    bytes.extend(packet_of(packet::DEBUG, b"hello"));
    bytes.extend(request_packet(&enter(1)));
    bytes.extend(packet_of(packet::CLIENT_HEARTBEAT, &[]));
    bytes.extend(request_packet(&enter(2)));
    for cut in 1..bytes.len() {
        let mut venue = Venue::new();
        let mut client = venue.connect();
        client.send(&bytes[..cut]);
        venue.settle();
        client.send(&bytes[cut..]);
        venue.settle();
        assert_eq!(venue.commands().len(), 2, "cut at {cut}");
        client.expect(&mut venue, packet::LOGIN_ACCEPTED);
    }
    let mut venue = Venue::new();
    let mut client = venue.connect();
    for byte in bytes {
        client.send(&[byte]);
        venue.settle();
    }
    assert_eq!(venue.commands().len(), 2);
}

#[test]
fn random_bytes_end_a_connection_and_nothing_else() {
    let mut venue = venue();
    let mut steady = venue.login("USER00", 4);
    let mut seed = 1u64;
    for _ in 0..200 {
        let mut client = venue.connect();
        let bytes: Vec<u8> = (0..300)
            .map(|_| {
                seed = seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
                (seed >> 56) as u8
            })
            .collect();
        client.send(&bytes);
    }
    venue.settle();
    venue.publish(session(0), b"four");
    steady.expect_message(&mut venue, "four");
    assert!(venue.commands().is_empty());
}

#[test]
fn a_drop_copy_is_read_and_says_nothing() {
    let mut venue = venue();
    let drop_copy = session(super::venue::USERS);
    venue.publish(drop_copy, b"copy");
    let mut client = venue.login("DROP00", 1);
    client.expect_message(&mut venue, "copy");
    client.request(&enter(1));
    client.expect(&mut venue, packet::DEBUG);
    client.expect_end(&mut venue);
    assert!(venue.commands().is_empty());
}

#[test]
fn an_address_may_connect_so_often_in_a_second() {
    let limits = Limits { logins_per_second: 10, ..Limits::default() };
    let mut venue = Venue::with(Setup { limits, ..Setup::default() });
    let mut storm: Vec<Client> = (0..50).map(|_| venue.connect()).collect();
    venue.settle();
    let refused = storm.iter_mut().map(|client| client.has_ended()).filter(|&ended| ended).count();
    assert_eq!((refused, venue.counters().connections_refused), (40, 40));
    venue.now_ns += SECOND;
    let mut client = venue.login("USER00", 1);
    client.expect_silence(&mut venue);
}

#[test]
fn connections_beyond_the_limit_are_closed() {
    let limits = Limits { connections_max: 3, ..Setup::default().limits };
    let mut venue = Venue::with(Setup { limits, ..Setup::default() });
    let mut steady = venue.login("USER00", 1);
    let others: Vec<Client> = (0..2).map(|_| venue.connect()).collect();
    venue.settle();
    let mut one_too_many = venue.connect();
    one_too_many.expect_end(&mut venue);
    steady.expect_silence(&mut venue);
    drop(others);
    venue.settle();
    venue.login(&user(1), 1);
}

#[test]
fn the_end_of_session_comes_behind_the_last_message() {
    let mut venue = venue();
    let mut there = venue.login("USER00", 4);
    venue.publish(session(0), b"four");
    venue.server().end_session();
    there.expect_message(&mut venue, "four");
    there.expect(&mut venue, packet::END_OF_SESSION);
    there.expect_end(&mut venue);
    drop(there);
    let mut late = venue.login("USER00", 4);
    late.expect_message(&mut venue, "four");
    late.expect(&mut venue, packet::END_OF_SESSION);
    late.expect_end(&mut venue);
}
