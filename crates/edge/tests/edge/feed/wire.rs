//! Parts of a feed for tests: a store that is filled, and a path that loses datagrams.

use super::market::Market;
use ringside_core::streams::{Store, StreamId, StreamReader, StreamSink};
use ringside_edge::feed::sender::{FeedSender, LineConfig, SenderConfig};
use ringside_load::rng::Rng;
use ringside_testing::loopback::delivered;
use ringside_wire::feed::receiver::{Receiver, ReceiverConfig};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

pub const SESSION: [u8; 10] = *b"20260102  ";
/// Address of this machine, with a port that the kernel chooses.
pub const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Returns messages in the form of a stream.
pub fn blocks(seed: u64, messages: usize) -> Vec<Vec<u8>> {
    let mut market = Market::new(seed);
    (0..messages).map(|_| block(&market.message())).collect()
}

pub fn block(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

pub fn publish(store: &mut Store, blocks: &[Vec<u8>]) {
    for block in blocks {
        store.append(StreamId::MARKET_DATA, block);
    }
    store.publish().unwrap();
}

pub fn filled(blocks: &[Vec<u8>]) -> (Store, StreamReader) {
    let (mut store, reader) = Store::in_memory();
    publish(&mut store, blocks);
    (store, reader)
}

/// Creates a socket that does not block.
pub fn socket() -> UdpSocket {
    let socket = UdpSocket::bind(ANY).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// Sends a datagram, and returns when it has arrived.
pub fn send(socket: &UdpSocket, datagram: &[u8], to: SocketAddr) {
    socket.send_to(datagram, to).unwrap();
    delivered();
}

/// Returns the datagrams that a socket has received, in their order, with all that this thread has
/// sent.
pub fn received(socket: &UdpSocket) -> Vec<Vec<u8>> {
    delivered();
    let mut buffer = [0; 2048];
    let mut datagrams = vec![];
    while let Ok(bytes) = socket.recv(&mut buffer) {
        datagrams.push(buffer[..bytes].to_vec());
    }
    datagrams
}

pub fn listener(lines: [Option<SocketAddr>; 2], rerequest: Option<SocketAddr>) -> Receiver {
    let session = Some(SESSION);
    let (lines, rerequest) = (lines.map(Vec::from_iter), Vec::from_iter(rerequest));
    Receiver::open(ReceiverConfig { session, lines, rerequest, ..ReceiverConfig::default() })
        .unwrap()
}

/// Creates a sender with these destinations on its lines.
pub fn sender(lines: [&[SocketAddr]; 2], reader: StreamReader, first: u64) -> FeedSender {
    let line = |destinations: &[SocketAddr]| LineConfig {
        destinations: destinations.to_vec(),
        interface: None,
    };
    let config = SenderConfig { session: SESSION, lines: lines.map(line), multicast_ttl: 1 };
    FeedSender::open(&config, reader, first).unwrap()
}

/// Path that loses, doubles and delays datagrams.
pub struct Way {
    socket: UdpSocket,
    to: SocketAddr,
    rng: Rng,
    loss_percent: u64,
    late: Vec<Vec<u8>>,
}

impl Way {
    pub fn new(to: SocketAddr, seed: u64, loss_percent: u64) -> Way {
        Way { socket: socket(), to, rng: Rng::new(seed), loss_percent, late: vec![] }
    }

    pub fn entry(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub fn step(&mut self) {
        for datagram in received(&self.socket) {
            if self.rng.chance(self.loss_percent, 100) {
                continue;
            }
            if self.rng.chance(1, 10) {
                self.late.push(datagram);
                continue;
            }
            let times = if self.rng.chance(1, 10) { 2 } else { 1 };
            for _ in 0..times {
                send(&self.socket, &datagram, self.to);
            }
            if self.rng.chance(1, 2) {
                for late in self.late.drain(..) {
                    send(&self.socket, &late, self.to);
                }
            }
        }
    }
}

/// Path to the re-request server and back that loses datagrams.
pub struct RequestWay {
    entry: UdpSocket,
    exit: UdpSocket,
    server: SocketAddr,
    client: SocketAddr,
    rng: Rng,
    loss_percent: u64,
}

impl RequestWay {
    pub fn new(server: SocketAddr, seed: u64, loss_percent: u64) -> RequestWay {
        let rng = Rng::new(seed);
        RequestWay { entry: socket(), exit: socket(), server, client: ANY, rng, loss_percent }
    }

    pub fn entry(&self) -> SocketAddr {
        self.entry.local_addr().unwrap()
    }

    pub fn step(&mut self) {
        let mut buffer = [0; 2048];
        delivered();
        while let Ok((bytes, client)) = self.entry.recv_from(&mut buffer) {
            self.client = client;
            if !self.rng.chance(self.loss_percent, 100) {
                send(&self.exit, &buffer[..bytes], self.server);
            }
        }
        for datagram in received(&self.exit) {
            if !self.rng.chance(self.loss_percent, 100) {
                send(&self.entry, &datagram, self.client);
            }
        }
    }
}
