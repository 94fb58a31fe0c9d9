//! Session of a client across its connections, against a venue played by the test.

use ringside_testing::loopback::delivered;
use ringside_testing::patience::{PATIENCE, wait_for};
use ringside_wire::client::session::{Event, Session};
use ringside_wire::client::soup::Broken;
use ringside_wire::soupbintcp::{Login, LoginAccepted, packet, write_packet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Pause of a session before it connects again.
const RETRY: Duration = Duration::from_millis(10);

fn venue() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Takes the connection of a client; returns it with the login that the client sends.
fn accept(venue: &TcpListener) -> (TcpStream, Login) {
    let (mut stream, _) = venue.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = [0; 49];
    stream.read_exact(&mut request).unwrap();
    (stream, Login::parse(&request[3..]).unwrap())
}

/// Accepts a login, then sends packets.
fn answer(stream: &mut TcpStream, number: u64, packets: &[(u8, &[u8])]) {
    let mut bytes = vec![];
    let accepted = LoginAccepted { session: "S1".into(), number };
    write_packet(packet::LOGIN_ACCEPTED, &accepted.payload(), &mut bytes);
    packets.iter().for_each(|(kind, payload)| write_packet(*kind, payload, &mut bytes));
    stream.write_all(&bytes).unwrap();
}

fn session(addresses: &[SocketAddr]) -> Session {
    let login = Login {
        user: "TEST".into(),
        password: "PW".into(),
        session: String::new(),
        number: 1,
        heartbeat_timeout_ms: None,
    };
    Session::new(addresses.to_vec(), login)
}

/// Next event in short: `+` connected, `=` logged in, `#` a message with its number, `-` lost.
fn event(session: &mut Session, now: Instant) -> String {
    wait_for("an event of the session", || {
        session.read(now);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(match session.next_event(now)? {
            Event::Connected => "+".into(),
            Event::LoggedIn { number } => format!("={number}"),
            Event::Message { number: Some(number), bytes } => format!("#{number} {}", text(bytes)),
            Event::Message { number: None, bytes } | Event::Text(bytes) => text(bytes),
            Event::Down(broken) => format!("- {broken}"),
        })
    })
}

fn events<const N: usize>(session: &mut Session, now: Instant) -> [String; N] {
    std::array::from_fn(|_| event(session, now))
}

#[test]
fn a_session_sends_only_while_it_is_logged_in() {
    let (venue, address) = venue();
    let mut session = session(&[address]);
    let now = Instant::now();
    assert!(!session.has_room() && session.socket().is_none() && !session.write(now));
    assert_eq!(event(&mut session, now), "+");
    assert!(!session.has_room() && session.socket().is_some());
    let (mut stream, _) = accept(&venue);
    answer(&mut stream, 1, &[]);
    assert_eq!(event(&mut session, now), "=1");
    assert!(session.has_room());
    session.send(b"order");
    assert!(!session.write(now), "the network takes so little at once");
    session.log_out(now);
    let mut bytes = [0; 11];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"\0\x06Uorder\0\x01O");
    drop(stream);
    assert_eq!(event(&mut session, now), format!("- {}", Broken::Closed));
    assert!(!session.has_room() && session.socket().is_none());
}

#[test]
fn output_that_the_network_does_not_take_waits() {
    let (venue, address) = venue();
    let mut session = session(&[address]);
    let now = Instant::now();
    assert_eq!(event(&mut session, now), "+");
    let (mut stream, _) = accept(&venue);
    answer(&mut stream, 1, &[]);
    assert_eq!(event(&mut session, now), "=1");
    // The venue reads nothing until the kernel's buffers are full.
    let mut sent = 0;
    while !session.write(now) {
        session.send(&[b'x'; 1021]);
        sent += 1024;
    }
    assert!(session.next_event(now).is_none());
    let read = std::thread::spawn(move || {
        let mut bytes = vec![0; sent];
        stream.read_exact(&mut bytes).unwrap();
        bytes.chunks(1024).all(|message| message.starts_with(b"\x03\xFEUx"))
    });
    wait_for("the venue takes the rest", || (!session.write(now)).then_some(()));
    assert!(read.join().unwrap());
}

#[test]
fn a_login_asks_for_the_next_number_and_what_came_before_is_not_received_again() {
    let (venue, address) = venue();
    let mut session = session(&[address]);
    let mut now = Instant::now();
    assert_eq!(event(&mut session, now), "+");
    let (mut stream, login) = accept(&venue);
    assert_eq!((login.session.as_str(), login.number), ("", 1));
    let packets: [(u8, &[u8]); 3] =
        [(packet::SEQUENCED, b"a"), (packet::UNSEQUENCED, b"aside"), (packet::DEBUG, b"text")];
    answer(&mut stream, 7, &packets);
    assert_eq!(events(&mut session, now), ["=7", "#7 a", "aside", "text"]);
    assert_eq!((session.next_number(), session.lost, session.logins), (8, 0, 1));

    // The venue no longer has 8 and 9.
    drop(stream);
    assert_eq!(event(&mut session, now), "- the venue closed the connection");
    now += RETRY;
    assert_eq!(event(&mut session, now), "+");
    let (mut stream, login) = accept(&venue);
    assert_eq!((login.session.as_str(), login.number), ("S1", 8));
    answer(&mut stream, 10, &[]);
    assert_eq!(event(&mut session, now), "=10");
    assert_eq!((session.next_number(), session.lost, session.logins), (10, 2, 2));

    // The venue sends 8 and 9 after all.
    drop(stream);
    assert_eq!(event(&mut session, now), "- the venue closed the connection");
    now += RETRY;
    assert_eq!(event(&mut session, now), "+");
    let (mut stream, _) = accept(&venue);
    answer(&mut stream, 8, &[(packet::SEQUENCED, b"x".as_slice()); 3]);
    assert_eq!(events(&mut session, now), ["=8", "#10 x"]);
    assert_eq!((session.next_number(), session.doubled, session.lost), (11, 2, 2));
}

#[test]
fn a_lost_session_pauses_and_comes_back_to_the_address_that_knew_it() {
    let [(first, a), (second, b)] = [venue(), venue()];
    let mut session = session(&[a, b]);
    let mut now = Instant::now();
    assert_eq!(session.address(), a);
    assert_eq!(event(&mut session, now), "+");
    drop(accept(&first));
    assert!(event(&mut session, now).starts_with("- "));
    assert_eq!(session.address(), b, "a venue that accepts no login is not the right one");

    delivered();
    assert!(session.next_event(now + RETRY - Duration::from_nanos(1)).is_none());
    now += RETRY;
    assert!(matches!(session.next_event(now), Some(Event::Connected)));
    let (mut stream, _) = accept(&second);
    answer(&mut stream, 1, &[]);
    assert_eq!(event(&mut session, now), "=1");
    drop(stream);
    assert!(event(&mut session, now).starts_with("- "));
    assert_eq!(session.address(), b);

    drop(second);
    now += RETRY;
    assert!(matches!(session.next_event(now), Some(Event::Down(Broken::Io(_)))));
    assert_eq!(session.address(), a, "after the last address comes the first");
}
