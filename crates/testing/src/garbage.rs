//! Bytes that no client sends: random noise and malformed packets.

use ringside_load::rng::Rng;
use ringside_wire::soupbintcp::{packet, write_packet};

/// Returns random bytes.
pub fn noise(rng: &mut Rng, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|_| rng.next_u64() as u8).collect()
}

/// Returns a SoupBinTCP packet.
pub fn packet_of(packet_type: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    write_packet(packet_type, payload, &mut bytes);
    bytes
}

/// Returns first bytes of connections that no SoupBinTCP client sends. `login` is the packet that a
/// client would send.
pub fn no_logins(login: &[u8], rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut said = vec![
        vec![0, 0],
        [&[0xFF, 0xFF][..], &[b'L'; 65535]].concat(),
        b"GET / HTTP/1.1\r\nHost: ringside\r\n\r\n".to_vec(),
        b"POST / HTTP/1.0\r\nContent-Length: 9999999\r\n\r\n".to_vec(),
        packet_of(packet::LOGIN_REQUEST, &[b'9'; 46]),
        packet_of(packet::LOGIN_REQUEST, &[0xFF; 51]),
        packet_of(packet::LOGIN_REQUEST, &login[3..login.len() - 1]),
        packet_of(packet::UNSEQUENCED, &[b'O'; 47]),
    ];
    let known = [packet::LOGIN_REQUEST, packet::DEBUG, packet::CLIENT_HEARTBEAT];
    let unknown = (0..=255).filter(|letter| !known.contains(letter));
    said.extend(unknown.map(|letter| packet_of(letter, b"payload")));
    // A length that begins with zeros would be the beginning of an incomplete packet.
    said.extend((0..100).map(|_| [&[0xFF][..], &noise(rng, 300)].concat()));
    said
}
