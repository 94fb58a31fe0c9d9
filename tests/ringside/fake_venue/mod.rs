//! A fake venue: it logs clients in, answers OUCH orders without a book, and makes the faults that
//! a test asks for.
//!
//! Each order is accepted; one in five has one share executed at once. Cancels and replaces of live
//! orders are answered, those of other orders are ignored. Each user has one stream, which outlives
//! connections.

use ringside_wire::ouch::Request;
use ringside_wire::soupbintcp::{Login, LoginAccepted, packet, split_packet, write_packet};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Faults of the venue. Numbers are of messages of the first user, from 1.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Message that is in the stream but is not sent.
    pub drop: Option<u64>,
    /// Message that is sent twice.
    pub double: Option<u64>,
    /// Number of the Accepted message that is never made: its order gets no answer.
    pub forget: Option<u64>,
    /// Messages at which the connection breaks; neither such a message nor the later ones are sent.
    pub cut: Vec<u64>,
    /// Number of messages that the login after a cut leaves out at the start.
    pub skip: u64,
    /// All executions are for this many shares more than the order has.
    pub excess: bool,
    /// Message whose time is a second too early.
    pub fall: Option<u64>,
    /// Time after the end of a connection for which it still counts, in ms.
    pub linger_ms: u64,
    /// Packets are sent in pieces of 1 to 7 bytes.
    pub pieces: bool,
}

/// A running fake venue.
pub struct FakeVenue {
    /// Address of its OUCH port.
    pub address: SocketAddr,
    users: Users,
}

type Users = Arc<Mutex<HashMap<String, User>>>;

#[derive(Default)]
struct User {
    /// Messages of the stream.
    stream: Vec<Vec<u8>>,
    /// Open shares of each order.
    open: HashMap<u32, u32>,
    /// Highest order id so far.
    consumed: u32,
    /// Number of cuts so far.
    cuts: usize,
    connected: bool,
    first: bool,
}

impl FakeVenue {
    /// Starts a fake venue on a free port.
    pub fn start(faults: Faults) -> FakeVenue {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let users = Users::default();
        let shared = users.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (users, faults) = (shared.clone(), faults.clone());
                std::thread::spawn(move || Connection::serve(socket.unwrap(), users, faults));
            }
        });
        FakeVenue { address, users }
    }

    /// Returns the number of messages in a user's stream.
    pub fn messages(&self, user: &str) -> usize {
        self.users.lock().unwrap().get(user).map_or(0, |user| user.stream.len())
    }

    /// Returns the number of cuts of a user's connections.
    pub fn cuts(&self, user: &str) -> usize {
        self.users.lock().unwrap().get(user).map_or(0, |user| user.cuts)
    }
}

struct Connection {
    socket: TcpStream,
    users: Users,
    faults: Faults,
    name: String,
    out: Vec<u8>,
}

impl Connection {
    fn serve(mut socket: TcpStream, users: Users, faults: Faults) {
        socket.set_nodelay(true).unwrap();
        let mut input = vec![];
        let mut connection = Connection {
            socket: socket.try_clone().unwrap(),
            users,
            faults,
            name: String::new(),
            out: vec![],
        };
        let mut buffer = [0; 1 << 16];
        'connected: while let Ok(bytes @ 1..) = socket.read(&mut buffer) {
            input.extend_from_slice(&buffer[..bytes]);
            let mut taken = 0;
            while let Some((packet, length)) = split_packet(&input[taken..], 1 << 16).unwrap() {
                taken += length;
                if !connection.take(packet.packet_type, packet.payload) {
                    break 'connected;
                }
            }
            input.drain(..taken);
            connection.flush();
        }
        std::thread::sleep(Duration::from_millis(connection.faults.linger_ms));
        if let Some(user) = connection.users.lock().unwrap().get_mut(&connection.name) {
            user.connected = false;
        }
        let _ = socket.shutdown(std::net::Shutdown::Both);
    }

    /// Handles a packet; returns true if the connection stays open.
    fn take(&mut self, packet_type: u8, payload: &[u8]) -> bool {
        match packet_type {
            packet::LOGIN_REQUEST => self.log_in(&Login::parse(payload).unwrap()),
            packet::CLIENT_HEARTBEAT => true,
            packet::LOGOUT => false,
            packet::UNSEQUENCED => self.request(&Request::parse(payload).unwrap()),
            other => panic!("a packet of type {:?}", char::from(other)),
        }
    }

    fn log_in(&mut self, login: &Login) -> bool {
        let users = self.users.clone();
        let mut users = users.lock().unwrap();
        let first = users.is_empty();
        let user = users.entry(login.user.clone()).or_insert(User { first, ..User::default() });
        let stored = user.stream.len() as u64;
        let refused = match login.password.as_str() {
            "WRONG" => Some(b'A'),
            _ if user.connected || login.number > stored + 1 => Some(b'S'),
            _ => None,
        };
        if let Some(reason) = refused {
            write_packet(packet::LOGIN_REJECTED, &[reason], &mut self.out);
            self.flush();
            return false;
        }
        user.connected = true;
        self.name.clone_from(&login.user);
        let skip = if user.cuts > 0 { self.faults.skip } else { 0 };
        // Number 0 asks for the most recent message.
        let number = if login.number == 0 { stored.max(1) } else { login.number + skip };
        let accepted = LoginAccepted { session: "FAKE".into(), number };
        write_packet(packet::LOGIN_ACCEPTED, &accepted.payload(), &mut self.out);
        for message in user.stream.iter().skip(number as usize - 1) {
            write_packet(packet::SEQUENCED, message, &mut self.out);
        }
        self.flush();
        true
    }

    fn request(&mut self, request: &Request) -> bool {
        let users = self.users.clone();
        let mut users = users.lock().unwrap();
        let user = users.get_mut(&self.name).unwrap();
        let mut answers = vec![];
        match request {
            Request::Enter(order, _) => {
                let id = order.user_ref_num.get();
                if id <= user.consumed {
                    return true;
                }
                user.consumed = id;
                if user.first && self.faults.forget == Some(user.stream.len() as u64 + 1) {
                    return true;
                }
                let shares = order.quantity.get();
                user.open.insert(id, shares);
                let mut terms = vec![order.side];
                terms.extend(shares.to_be_bytes());
                terms.extend(order.symbol);
                terms.extend(order.price.get().to_be_bytes());
                terms.extend([order.time_in_force, order.display]);
                terms.extend(u64::from(id).to_be_bytes());
                terms.extend([order.capacity, b'N', b'N', b'L']);
                terms.extend(order.cl_ord_id);
                answers.push(message(b'A', &[&id.to_be_bytes(), &terms]));
                if id.is_multiple_of(5) {
                    let excess = if self.faults.excess { shares } else { 0 };
                    answers.push(self.execution(user, id, 1 + excess));
                }
            }
            Request::Cancel(cancel, _) => {
                let id = cancel.user_ref_num.get();
                if let Some(shares) = user.open.remove(&id) {
                    let [id, shares] = [id, shares].map(u32::to_be_bytes);
                    answers.push(message(b'C', &[&id, &shares, b"U"]));
                }
            }
            Request::Replace(replace, _) => {
                let (old, id) = (replace.orig_user_ref_num.get(), replace.user_ref_num.get());
                let shares = replace.quantity.get();
                if id > user.consumed && user.open.remove(&old).is_some() {
                    user.consumed = id;
                    user.open.insert(id, shares);
                    let mut terms = vec![b'B'];
                    terms.extend(shares.to_be_bytes());
                    terms.extend([b' '; 8]);
                    terms.extend(replace.price.get().to_be_bytes());
                    terms.extend([replace.time_in_force, replace.display]);
                    terms.extend(u64::from(id).to_be_bytes());
                    terms.extend(*b"ONNL");
                    terms.extend(replace.cl_ord_id);
                    let [old, id] = [old, id].map(u32::to_be_bytes);
                    answers.push(message(b'U', &[&old, &id, &terms]));
                }
            }
            Request::Modify(modify, _) => {
                let (id, shares) = (modify.user_ref_num.get(), modify.quantity.get());
                if user.open.get(&id).is_some_and(|open| shares < *open) {
                    user.open.insert(id, shares);
                    let [id, shares] = [id, shares].map(u32::to_be_bytes);
                    answers.push(message(b'M', &[&id, &[modify.side], &shares]));
                }
            }
            Request::Query(..) => {
                answers.push(message(b'Q', &[&(user.consumed + 1).to_be_bytes()]));
            }
            other => panic!("{other:?}"),
        }
        for mut answer in answers {
            user.stream.push(vec![]);
            let number = user.stream.len() as u64;
            if user.first && self.faults.fall == Some(number) {
                let time = u64::from_be_bytes(*answer[1..].first_chunk().unwrap());
                answer[1..9].copy_from_slice(&time.saturating_sub(1_000_000_000).to_be_bytes());
            }
            user.stream[number as usize - 1].clone_from(&answer);
            if user.first && self.faults.cut.get(user.cuts) == Some(&number) {
                // Messages stored after the cut belong to requests that came before the venue
                // noticed it.
                user.cuts += 1;
                self.out.clear();
                return false;
            }
            let fault = |fault: Option<u64>| user.first && fault == Some(number);
            let copies =
                1 + usize::from(fault(self.faults.double)) - usize::from(fault(self.faults.drop));
            (0..copies).for_each(|_| write_packet(packet::SEQUENCED, &answer, &mut self.out));
        }
        true
    }

    fn execution(&self, user: &mut User, id: u32, shares: u32) -> Vec<u8> {
        let open = user.open.get_mut(&id).unwrap();
        *open = open.saturating_sub(shares);
        if *open == 0 {
            user.open.remove(&id);
        }
        let [wire_id, shares] = [id, shares].map(u32::to_be_bytes);
        let price = 1_000_000u64.to_be_bytes();
        message(b'E', &[&wire_id, &shares, &price, b"R", &u64::from(id).to_be_bytes()])
    }

    fn flush(&mut self) {
        let out = std::mem::take(&mut self.out);
        let step = if self.faults.pieces { 7 } else { usize::MAX };
        let mut rest = &out[..];
        while !rest.is_empty() {
            let length =
                rest.len().min(if step == usize::MAX { step } else { 1 + rest.len() % step });
            // The client may be gone.
            let _ = self.socket.write_all(&rest[..length]);
            rest = &rest[length..];
            if self.faults.pieces {
                std::thread::sleep(Duration::from_micros(20));
            }
        }
    }
}

/// Returns a message with its time and no tagged values.
fn message(message_type: u8, parts: &[&[u8]]) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let midnight = (now % 86_400_000_000_000) as u64;
    let mut message = vec![message_type];
    message.extend(midnight.to_be_bytes());
    parts.iter().for_each(|part| message.extend_from_slice(part));
    if matches!(message_type, b'A' | b'U' | b'E') {
        message.extend([0, 0]);
    }
    message
}
