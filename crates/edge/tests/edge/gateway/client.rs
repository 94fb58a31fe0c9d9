//! Client of the gateway, for tests.

use crate::gateway::venue::{Venue, request_packet};
use ringside_testing::patience::PATIENCE;
use ringside_wire::ouch;
use ringside_wire::soupbintcp::{packet, split_packet};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// Client that reads and writes bytes and nothing more.
pub struct Client {
    socket: TcpStream,
    received: Vec<u8>,
    last: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_nonblocking(true).unwrap();
        Client { socket, received: vec![], last: vec![] }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// Sends an OUCH message.
    pub fn request(&mut self, message: &impl ouch::Layout) {
        self.send(&request_packet(message));
    }

    /// Returns the next packet, while the venue runs; `None` if the connection has ended.
    pub fn next(&mut self, venue: &mut Venue) -> Option<(u8, Vec<u8>)> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(packet) = self.take() {
                return Some(packet);
            }
            if self.read() == Some(0) {
                return None;
            }
            if venue.server.is_some() {
                venue.settle();
            }
        }
        panic!("nothing comes");
    }

    /// Returns the type of the next packet if one has come; [`Client::last_payload`] returns its
    /// payload.
    pub fn next_now(&mut self) -> Option<u8> {
        let packet = self.take().or_else(|| {
            self.read();
            self.take()
        });
        packet.map(|(packet_type, payload)| {
            self.last = payload;
            packet_type
        })
    }

    pub fn last_payload(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.last)
    }

    /// Returns the payload of the next packet, which must have this type.
    pub fn expect(&mut self, venue: &mut Venue, packet_type: u8) -> Vec<u8> {
        let (found, payload) = self.next(venue).expect("a packet");
        let text = String::from_utf8_lossy(&payload);
        assert_eq!(char::from(found), char::from(packet_type), "{text}");
        payload
    }

    pub fn expect_message(&mut self, venue: &mut Venue, message: &str) {
        let payload = self.expect(venue, packet::SEQUENCED);
        assert_eq!(String::from_utf8_lossy(&payload), message);
    }

    pub fn expect_end(&mut self, venue: &mut Venue) {
        let packet = self.next(venue);
        assert!(packet.is_none(), "{packet:?}");
    }

    pub fn expect_silence(&mut self, venue: &mut Venue) {
        venue.settle();
        self.read();
        let packet = self.take();
        assert!(packet.is_none(), "{packet:?}");
    }

    /// Returns true if the connection has ended, after reading all bytes before the end.
    pub fn has_ended(&mut self) -> bool {
        loop {
            match self.read() {
                Some(0) => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }

    fn read(&mut self) -> Option<usize> {
        let mut buffer = [0; 64 << 10];
        match self.socket.read(&mut buffer) {
            Ok(bytes) => {
                self.received.extend_from_slice(&buffer[..bytes]);
                Some(bytes)
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => None,
            Err(_) => Some(0),
        }
    }

    fn take(&mut self) -> Option<(u8, Vec<u8>)> {
        let (packet, length) = split_packet(&self.received, 1 << 16).unwrap()?;
        let taken = (packet.packet_type, packet.payload.to_vec());
        self.received.drain(..length);
        Some(taken)
    }
}
