//! A client that can send any bytes.

use ringside_testing::garbage::packet_of;
pub use ringside_testing::patience::PATIENCE;
use ringside_wire::Message;
use ringside_wire::ouch::inbound::{CancelOrder, EnterOrder};
use ringside_wire::ouch::{self, Tags};
use ringside_wire::padded;
use ringside_wire::soupbintcp::{Login, packet, split_packet};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub struct Client {
    pub socket: TcpStream,
    received: Vec<u8>,
}

/// Event at a client.
#[derive(Debug)]
pub enum Heard {
    Packet(u8, Vec<u8>),
    /// The venue has closed or broken the connection.
    End,
    /// Nothing arrived in time.
    Silence,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { socket, received: vec![] }
    }

    /// Logs in and expects success.
    pub fn login(address: SocketAddr, user: &str, number: u64) -> Client {
        let mut client = Self::connect(address);
        client.send(&login(user, "ringside", number)).unwrap();
        match client.hear(PATIENCE) {
            Heard::Packet(packet::LOGIN_ACCEPTED, _) => client,
            other => panic!("{user} is not let in: {other:?}"),
        }
    }

    /// Sends bytes; an error if the venue has closed the connection.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// Waits for the next packet that is not a heartbeat: a heartbeat may come between any two
    /// others.
    pub fn hear(&mut self, within: Duration) -> Heard {
        let until = Instant::now() + within;
        loop {
            match self.hear_any(until.saturating_duration_since(Instant::now())) {
                Heard::Packet(packet::SERVER_HEARTBEAT, _) => {}
                other => return other,
            }
        }
    }

    /// Waits for the next packet, heartbeats included.
    pub fn hear_any(&mut self, within: Duration) -> Heard {
        let until = Instant::now() + within;
        let mut buffer = [0; 16 << 10];
        loop {
            if let Some((packet, length)) = split_packet(&self.received, usize::MAX).unwrap() {
                let heard = Heard::Packet(packet.packet_type, packet.payload.to_vec());
                self.received.drain(..length);
                return heard;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Heard::Silence;
            }
            self.socket.set_read_timeout(Some(left)).unwrap();
            match self.socket.read(&mut buffer) {
                Ok(0) => return Heard::End,
                Ok(bytes) => self.received.extend_from_slice(&buffer[..bytes]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => return Heard::End,
            }
        }
    }

    /// Waits for the answer with this type and order id.
    #[track_caller]
    pub fn expect_answer(&mut self, answer: u8, id: u32) {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.hear(until.saturating_duration_since(Instant::now())) {
                Heard::Packet(packet::SEQUENCED, message)
                    if message[0] == answer && message[9..13] == id.to_be_bytes() =>
                {
                    return;
                }
                Heard::Packet(..) => {}
                other => panic!("no answer `{}` to {id}: {other:?}", char::from(answer)),
            }
        }
    }

    /// Returns true if the venue ends the connection, whatever it sends before.
    pub fn is_ended(&mut self) -> bool {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.hear(until.saturating_duration_since(Instant::now())) {
                Heard::Packet(..) => {}
                Heard::End => return true,
                Heard::Silence => return false,
            }
        }
    }
}

pub fn login(user: &str, password: &str, number: u64) -> Vec<u8> {
    let login = Login {
        user: user.into(),
        password: password.into(),
        session: String::new(),
        number,
        heartbeat_timeout_ms: None,
    };
    packet_of(packet::LOGIN_REQUEST, &login.payload().unwrap())
}

/// Returns a message in its packet.
pub fn request(message: &impl ouch::Layout) -> Vec<u8> {
    let mut bytes = [0; 256];
    let length = ouch::write(message, Tags::NONE, &mut bytes);
    packet_of(packet::UNSEQUENCED, &bytes[..length])
}

/// Returns a bid below all offers.
pub fn enter(id: u32) -> EnterOrder {
    EnterOrder {
        message_type: EnterOrder::TYPE,
        user_ref_num: id.into(),
        side: b'B',
        quantity: 100.into(),
        symbol: padded("AAPL").unwrap(),
        price: 1_000_000.into(),
        time_in_force: b'0',
        display: b'Y',
        capacity: b'A',
        inter_market_sweep_eligibility: b'N',
        cross_type: b'N',
        cl_ord_id: [b' '; 14],
    }
}

pub fn cancel(id: u32) -> CancelOrder {
    let message_type = CancelOrder::TYPE;
    CancelOrder { message_type, user_ref_num: id.into(), quantity: 0.into() }
}
