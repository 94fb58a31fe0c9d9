//! Snapshots: a late listener has the same book as one that was there from the first message.

use super::market::Market;
use super::wire::{ANY, SESSION, block, blocks, filled, publish, sender};
use ringside_core::streams::{Store, StreamReader};
use ringside_edge::feed::capture::Capture;
use ringside_edge::feed::glimpse::{GlimpseConfig, GlimpseServer};
use ringside_edge::feed::rerequest::{RerequestConfig, RerequestServer};
use ringside_edge::feed::service::{Duties, Service};
use ringside_load::rng::Rng;
use ringside_testing::garbage::{no_logins, packet_of};
use ringside_testing::loopback::delivered;
use ringside_testing::patience::{PATIENCE, wait_until};
use ringside_testing::run::base_seed;
use ringside_wire::feed::book::Book;
use ringside_wire::feed::receiver::{Receiver, ReceiverConfig};
use ringside_wire::feed::snapshot::{self, GlimpseError, SnapshotLogin};
use ringside_wire::itch::{AddOrder, Header};
use ringside_wire::soupbintcp::{Login, packet, split_packet, write_packet};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

const MS: Duration = Duration::from_millis(1);

fn server(reader: StreamReader, visitors_max: usize, visit_max: Duration) -> GlimpseServer {
    let config = GlimpseConfig { listen: ANY, session: SESSION, visitors_max, visit_max };
    let authorize = |user: &str, password: &str| (user, password) == ("ALICE", "secret");
    GlimpseServer::open(config, reader, Box::new(authorize)).unwrap()
}

fn login(address: SocketAddr) -> SnapshotLogin {
    SnapshotLogin {
        address,
        user: "alice".into(),
        password: "secret".into(),
        session: String::new(),
        timeout: PATIENCE,
    }
}

/// Listeners join at any time while the market goes on, on a line that loses nothing but what the
/// kernel drops. In the end all books are equal, and the file is the stream.
#[test]
fn late_listeners_have_the_same_book() {
    const MESSAGES: usize = 60_000;
    const JOINED_AFTER: [usize; 3] = [0, MESSAGES / 6, MESSAGES / 2];
    let blocks = blocks(21, MESSAGES);
    let (mut store, reader) = Store::in_memory();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("feed.itch");
    let rerequest = RerequestConfig {
        listen: ANY,
        session: SESSION,
        requests_per_second: 1_000_000,
        sources_max: 4,
    };
    let rerequest = RerequestServer::open(&rerequest, reader.clone()).unwrap();
    let glimpse = server(reader.clone(), 8, Duration::from_secs(60));
    let (ask, visit) = (rerequest.local_address().unwrap(), glimpse.local_address().unwrap());
    let duties = Duties {
        rerequest: Some(rerequest),
        glimpse: Some(glimpse),
        capture: Some(Capture::open(&file, reader.clone()).unwrap()),
    };
    let service = Service::start(duties).unwrap();
    let listeners: Vec<Receiver> = (0..3)
        .map(|_| {
            Receiver::open(ReceiverConfig {
                first: None,
                lines: [vec![ANY], vec![]],
                rerequest: vec![ask],
                ..ReceiverConfig::default()
            })
            .unwrap()
        })
        .collect();
    let to: Vec<SocketAddr> =
        listeners.iter().map(|listener| listener.local_addresses().unwrap()[0]).collect();
    let mut sender = sender([&to, &[]], reader, 1);
    let stop = AtomicBool::new(false);
    let published = AtomicUsize::new(0);
    let books: Vec<(Book, u64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = listeners
            .into_iter()
            .zip(JOINED_AFTER)
            .map(|(mut listener, after)| {
                let published = &published;
                scope.spawn(move || {
                    // A listener that has not joined yet does not notice datagrams that the kernel
                    // drops.
                    wait_until("it is late enough", || published.load(Ordering::Relaxed) >= after);
                    let mut book = Book::default();
                    let apply = |book: &mut Book, message: &[u8]| {
                        book.apply_bytes(message).map(drop).unwrap();
                    };
                    let next = listener.join(&login(visit), |_, message| apply(&mut book, message));
                    let next = next.unwrap();
                    while !listener.is_ended() {
                        listener.wait(10 * MS).unwrap();
                        let now = Instant::now();
                        listener.step(now, |_, message| apply(&mut book, message)).unwrap();
                    }
                    assert_eq!(listener.next_number(), Some(MESSAGES as u64 + 1));
                    (book, next)
                })
            })
            .collect();
        scope.spawn(|| {
            for piece in blocks.chunks(40) {
                publish(&mut store, piece);
                while sender.step(Instant::now()) > 0 {}
                published.fetch_add(piece.len(), Ordering::Relaxed);
                std::thread::sleep(MS / 2);
            }
            sender.end_session();
            service.end_session();
            while !stop.load(Ordering::Relaxed) {
                sender.step(Instant::now());
                std::thread::sleep(10 * MS);
            }
        });
        let books = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        stop.store(true, Ordering::Relaxed);
        books
    });
    drop(service);
    let mut whole = Book::default();
    blocks.iter().for_each(|block| _ = whole.apply_bytes(&block[2..]).unwrap());
    for (book, next) in &books {
        assert_eq!(book.digest(), whole.digest(), "joined at {next}");
    }
    // A snapshot has everything that was published before the login.
    for ((_, next), after) in books.iter().zip(JOINED_AFTER) {
        assert!(*next > after as u64, "joined at {next}, after {after}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), [&blocks.concat()[..], &[0, 0]].concat());
}

fn login_packet(change: impl FnOnce(&mut Login)) -> Vec<u8> {
    let mut login = Login {
        user: "ALICE".into(),
        password: "secret".into(),
        session: String::new(),
        number: 1,
        heartbeat_timeout_ms: None,
    };
    change(&mut login);
    packet_of(packet::LOGIN_REQUEST, &login.payload().unwrap())
}

/// Client that sends the bytes that a test gives it.
struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
    closed: bool,
}

impl Client {
    fn new(server: &GlimpseServer) -> Client {
        let stream = TcpStream::connect(server.local_address().unwrap()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Client { stream, bytes: vec![], closed: false }
    }

    fn send(&mut self, packet_type: u8, payload: &[u8]) {
        self.stream.write_all(&packet_of(packet_type, payload)).unwrap();
    }

    fn login(&mut self, change: impl FnOnce(&mut Login)) {
        self.stream.write_all(&login_packet(change)).unwrap();
    }

    /// Reads the bytes that have come.
    fn read(&mut self) {
        let mut piece = vec![0; 1 << 16];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => self.closed = true,
                Ok(bytes) => {
                    self.bytes.extend_from_slice(&piece[..bytes]);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.closed = true,
            }
            return;
        }
    }

    /// Returns the whole packets so far, with types and payloads.
    fn packets(&mut self) -> Vec<(char, Vec<u8>)> {
        self.read();
        let (mut packets, mut rest) = (vec![], &self.bytes[..]);
        while let Some((packet, length)) = split_packet(rest, usize::MAX).unwrap() {
            packets.push((char::from(packet.packet_type), packet.payload.to_vec()));
            rest = &rest[length..];
        }
        packets
    }

    /// Returns the types of the packets so far.
    fn types(&mut self) -> String {
        self.packets().iter().map(|(packet_type, _)| *packet_type).collect()
    }
}

/// Steps at one time until nothing happens any more, and nothing is under way in the kernel.
fn steps(server: &mut GlimpseServer, now: Instant) {
    for _ in 0..4 {
        delivered();
        while server.step(now).unwrap() {
            delivered();
        }
    }
}

/// Packets of a visit, in their order.
#[test]
fn a_visit() {
    let blocks = blocks(22, 500);
    let (_store, reader) = filled(&blocks);
    let mut server = server(reader, 8, Duration::from_secs(60));
    let mut client = Client::new(&server);
    let now = Instant::now();
    // The login comes byte by byte.
    let mut login = Client::new(&server);
    login.login(|_| {});
    drop(login);
    let request = Login {
        user: "alice".into(),
        password: "secret".into(),
        session: "20260102".into(),
        number: 1,
        heartbeat_timeout_ms: None,
    };
    let mut bytes = vec![];
    write_packet(packet::DEBUG, b"hello", &mut bytes);
    write_packet(packet::LOGIN_REQUEST, &request.payload().unwrap(), &mut bytes);
    for byte in bytes {
        assert_eq!(client.types(), "");
        client.stream.write_all(&[byte]).unwrap();
        server.step(now).unwrap();
    }
    steps(&mut server, now);
    steps(&mut server, now + Duration::from_secs(1));
    let packets = client.packets();
    let mut whole = Book::default();
    blocks.iter().for_each(|block| _ = whole.apply_bytes(&block[2..]).unwrap());
    let mut expected = vec![('A', format!("{:>10}{:>20}", "20260102", 1).into_bytes())];
    whole.messages(|message| expected.push(('S', message.to_vec())));
    expected.push(('S', b"G00000000000000000501".to_vec()));
    expected.push(('Z', vec![]));
    let heartbeats = packets.iter().filter(|(packet_type, _)| *packet_type == 'H').count();
    assert!(heartbeats <= 1);
    let others: Vec<_> =
        packets.into_iter().filter(|(packet_type, _)| *packet_type != 'H').collect();
    assert_eq!(others, expected);
    assert!(client.closed);
    drop(client);
    steps(&mut server, now + Duration::from_secs(1));
    assert_eq!(server.visitors(), 0);
}

#[test]
fn who_does_not_log_in_properly_is_refused() {
    let (_store, reader) = filled(&blocks(23, 100));
    let mut server = server(reader, 8, Duration::from_secs(60));
    type Change = fn(&mut Login);
    let cases: [(Change, &[u8]); 5] = [
        (|login| login.user = "BOB".into(), b"A"),
        (|login| login.password = "Secret".into(), b"A"),
        (|login| login.session = "20260103".into(), b"S"),
        (|login| login.number = 0, b"S"),
        (|login| login.number = 2, b"S"),
    ];
    for (change, reason) in cases {
        let mut client = Client::new(&server);
        client.login(change);
        steps(&mut server, Instant::now());
        assert_eq!(client.packets(), [('J', reason.to_vec())]);
        assert!(client.closed);
    }
    let violations: [(u8, &[u8]); 3] =
        [(packet::UNSEQUENCED, b"x"), (b'?', b""), (packet::DEBUG, &[b' '; 300])];
    for (packet_type, payload) in violations {
        let mut client = Client::new(&server);
        client.send(packet_type, payload);
        steps(&mut server, Instant::now());
        assert_eq!(client.types(), "");
        assert!(client.closed);
    }
    // The clock stands still: no timeout ends these connections.
    let now = Instant::now();
    for said in no_logins(&login_packet(|_| {}), &mut Rng::new(base_seed())) {
        let mut client = Client::new(&server);
        // The server may close before it has received everything.
        let _ = client.stream.write_all(&said);
        steps(&mut server, now);
        client.read();
        assert!(client.closed, "it still listens after {:?}", &said[..said.len().min(12)]);
    }
    let mut quiet = Client::new(&server);
    steps(&mut server, now);
    steps(&mut server, now + 4_900 * MS);
    quiet.read();
    assert!(!quiet.closed);
    steps(&mut server, now + 5_500 * MS);
    quiet.read();
    assert!(quiet.closed);
    assert_eq!(server.visitors(), 0);
}

/// The server makes a snapshot once a second at most. Visitors that come meanwhile get the next
/// one, with everything before their login, and heartbeats while they wait.
#[test]
fn visitors_share_a_snapshot() {
    let blocks = blocks(24, 300);
    let (mut store, reader) = filled(&blocks[..100]);
    let mut server = server(reader, 8, Duration::from_secs(60));
    let end = |client: &mut Client| {
        let packets = client.packets();
        let end = packets.iter().find(|(_, payload)| payload.first() == Some(&b'G'))?;
        Some(String::from_utf8_lossy(&end.1[1..]).parse::<u64>().unwrap())
    };
    let now = Instant::now();
    let mut first = Client::new(&server);
    first.login(|_| {});
    steps(&mut server, now);
    assert_eq!(end(&mut first), Some(101));
    publish(&mut store, &blocks[100..200]);
    let mut second = Client::new(&server);
    second.login(|_| {});
    steps(&mut server, now + 100 * MS);
    publish(&mut store, &blocks[200..]);
    let mut third = Client::new(&server);
    third.login(|_| {});
    steps(&mut server, now + 999 * MS);
    assert_eq!((second.types(), third.types()), ("A".into(), "A".into()));
    steps(&mut server, now + 1_000 * MS);
    // Both get one snapshot: the second visitor has more messages than it waited for.
    assert_eq!((end(&mut second), end(&mut third)), (Some(301), Some(301)));
    assert_eq!(second.bytes, third.bytes);
    let mut fourth = Client::new(&server);
    fourth.login(|_| {});
    steps(&mut server, now + 1_001 * MS);
    steps(&mut server, now + 1_999 * MS);
    assert_eq!(fourth.types(), "A");
    drop(first);
    steps(&mut server, now + 2_001 * MS);
    assert!(fourth.types().starts_with("AHS"), "{}", fourth.types());
}

/// A visitor that reads too slowly is disconnected. The others do not wait for it, and the number
/// of visitors is limited.
#[test]
fn a_slow_visitor_is_let_go() {
    // More than the kernel takes for a connection that is not read.
    const ORDERS: u64 = 300_000;
    let (mut store, reader) = Store::in_memory();
    let stock = super::market::stock(1);
    let add = |reference: u64| AddOrder {
        header: Header::new::<AddOrder>(1, 0),
        order_reference: reference.into(),
        side: b'B',
        shares: 100.into(),
        stock,
        price: (reference as u32 % 1_000 + 1).into(),
    };
    let blocks: Vec<Vec<u8>> = (1..=ORDERS).map(|n| block(add(n).as_bytes())).collect();
    publish(&mut store, &blocks);
    let mut server = server(reader, 2, Duration::from_secs(30));
    let now = Instant::now();
    let mut slow = Client::new(&server);
    slow.login(|_| {});
    let mut fast = Client::new(&server);
    fast.login(|_| {});
    while !fast.closed {
        while server.step(now).unwrap() {}
        fast.read();
    }
    assert_eq!(fast.bytes.len() as u64, 33 + ORDERS * 39 + 24 + 3);
    drop(fast);
    steps(&mut server, now + 20_000 * MS);
    assert_eq!(server.visitors(), 1);

    let mut other = Client::new(&server);
    steps(&mut server, now + 20_000 * MS);
    let mut refused = Client::new(&server);
    steps(&mut server, now + 20_000 * MS);
    assert_eq!((refused.types(), server.visitors()), ("J".into(), 2));
    assert!(refused.closed);

    steps(&mut server, now + 31_000 * MS);
    other.read();
    assert_eq!(server.visitors(), 0);
    slow.read();
    assert!(slow.closed && slow.bytes.len() as u64 <= ORDERS * 39, "it got everything");
}

#[test]
fn the_client_says_why_there_is_no_snapshot() {
    let (_store, reader) = filled(&blocks(25, 50));
    let server = server(reader, 8, Duration::from_secs(60));
    let address = server.local_address().unwrap();
    let duties = Duties { glimpse: Some(server), ..Duties::default() };
    let service = Service::start(duties).unwrap();
    let take = |login: &SnapshotLogin| snapshot::take(login, |_| {}, || Ok(()));
    assert!(matches!(take(&login(address)), Ok(51)));
    let wrong = SnapshotLogin { password: "wrong".into(), ..login(address) };
    assert!(matches!(take(&wrong), Err(GlimpseError::Rejected(b'A'))));
    let long = SnapshotLogin { user: "somebody".into(), ..login(address) };
    assert!(matches!(take(&long), Err(GlimpseError::Login)));
    drop(service);
    assert!(matches!(take(&login(address)), Err(GlimpseError::Io(_))));
    // A server that accepts and sends nothing, and a server that hangs up.
    let silent = std::net::TcpListener::bind(ANY).unwrap();
    let address = silent.local_addr().unwrap();
    let impatient = SnapshotLogin { timeout: 100 * MS, ..login(address) };
    assert!(matches!(take(&impatient), Err(GlimpseError::Silent)));
    let hangs_up = std::thread::spawn(move || {
        drop(silent.accept());
        let (mut stream, _) = silent.accept().unwrap();
        stream.read_exact(&mut [0; 49]).unwrap();
    });
    let hung_up = take(&login(address));
    assert!(matches!(hung_up, Err(GlimpseError::Incomplete)), "{hung_up:?}");
    hangs_up.join().unwrap();
}

/// A stream that is no market data ends the snapshots, not the process.
#[test]
fn a_broken_stream_ends_snapshots() {
    let mut market = Market::new(26);
    let good = block(&market.message());
    let (_store, reader) = filled(&[good.clone(), block(b"?")]);
    let mut server = server(reader, 8, Duration::from_secs(60));
    let mut client = Client::new(&server);
    client.login(|_| {});
    let began = Instant::now();
    let error = loop {
        match server.step(began) {
            Ok(_) => assert!(began.elapsed() < PATIENCE),
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), "a message of the unknown type '?'");
}
