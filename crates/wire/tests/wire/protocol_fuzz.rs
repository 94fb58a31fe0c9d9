//! Runs every decoder on many thousand mutations of valid messages and on random bytes. The folder
//! `fuzz` runs the same functions in a fuzzer for any length of time.

use crate::decoders;
use ringside_testing::run::base_seed;
use ringside_wire::itch::{Itch, file, glimpse::EndOfSnapshot};
use ringside_wire::moldudp64::Datagram;
use ringside_wire::ouch::{Request, Response};
use ringside_wire::soupbintcp::{self, Login, LoginAccepted};
use zerocopy::IntoBytes;

const ROUNDS: usize = 100_000;

/// Random number generator with a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Mutates a message: changes a few bytes, most often among the first, inserts or removes some, or
/// truncates it.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const TELLING: &[u8] = b"\0\x01\x02\x03\x7F\x80\xFE\xFF +-09AOSUXL";
    for _ in 0..random.below(4) {
        let end = if random.below(2) == 0 { bytes.len().min(4) } else { bytes.len() };
        let at = random.below(end + 1);
        let byte = match random.below(3) {
            0 => random.next() as u8,
            _ => TELLING[random.below(TELLING.len())],
        };
        match random.below(8) {
            0 => bytes.insert(at, byte),
            1 => bytes.truncate(at),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => bytes.extend_from_slice(&[0, 0]),
            _ if at < bytes.len() => bytes[at] = byte,
            _ => bytes.push(byte),
        }
    }
}

/// Runs a decoder on mutations of `valid` messages, of two in a row, and on random bytes. `accepts`
/// tells which inputs can be parsed, so that a decoder that accepts nothing is found.
fn run(decoder: fn(&[u8]), valid: &[Vec<u8>], accepts: fn(&[u8]) -> bool) {
    let mut random = Random(base_seed() + valid.len() as u64);
    let mut accepted = 0;
    for round in 0..ROUNDS {
        let mut bytes = valid[random.below(valid.len())].clone();
        match round % 8 {
            0 => bytes = (0..random.below(100)).map(|_| random.next() as u8).collect(),
            1 => bytes.extend(&valid[random.below(valid.len())]),
            _ => {}
        }
        mutate(&mut bytes, &mut random);
        let result = std::panic::catch_unwind(|| decoder(&bytes));
        assert!(result.is_ok(), "in round {round}, bytes {bytes:?}");
        accepted += usize::from(accepts(&bytes));
    }
    assert!((ROUNDS / 10..ROUNDS * 9 / 10).contains(&accepted), "{accepted} of {ROUNDS} are valid");
}

/// Messages of these types and layout lengths, without and with tagged values.
fn ouch(layouts: &[(u8, usize)]) -> Vec<Vec<u8>> {
    let forms = [&b""[..], b"\0\0", b"\0\x03\x02\x1C\x05", b"\0\x09\x05\x02RING\x02\x0CP"];
    let layout = |letter: u8, bytes: usize| [vec![letter], vec![b' '; bytes - 1]].concat();
    let messages = layouts.iter().map(|&(letter, bytes)| layout(letter, bytes));
    messages.flat_map(|layout| forms.map(|form| [&layout[..], form].concat())).collect()
}

#[test]
fn soupbintcp_packets() {
    let packet = |packet_type, payload: &[u8]| {
        let mut bytes = Vec::new();
        soupbintcp::write_packet(packet_type, payload, &mut bytes);
        bytes
    };
    let valid = [
        packet(b'H', b""),
        packet(b'J', b"A"),
        packet(b'S', &[7; 64]),
        packet(b'U', &[7; 1021]),
        packet(b'U', &[7; 1022]),
    ];
    let accepts = |bytes: &[u8]| matches!(soupbintcp::split_packet(bytes, 1 << 10), Ok(Some(_)));
    run(decoders::soupbintcp, &valid, accepts);
}

#[test]
fn logins() {
    let login = |heartbeat_timeout_ms| Login {
        user: "ALICE".into(),
        password: "secret".into(),
        session: "20260504".into(),
        number: 42,
        heartbeat_timeout_ms,
    };
    let valid = [
        login(None).payload().unwrap(),
        login(Some(1_500)).payload().unwrap(),
        LoginAccepted { session: "20260504".into(), number: u64::MAX }.payload(),
    ];
    let accepts = |bytes: &[u8]| Login::parse(bytes).is_ok() || LoginAccepted::parse(bytes).is_ok();
    run(decoders::login, &valid, accepts);
}

#[test]
fn ouch_requests() {
    let layouts = [
        (b'O', 45),
        (b'U', 38),
        (b'X', 9),
        (b'M', 10),
        (b'C', 17),
        (b'D', 9),
        (b'E', 9),
        (b'Q', 1),
    ];
    let accepts = |bytes: &[u8]| Request::parse(bytes).is_ok();
    run(decoders::ouch_inbound, &ouch(&layouts), accepts);
}

#[test]
fn ouch_responses() {
    let layouts = [
        [(b'S', 10), (b'A', 62), (b'U', 66), (b'C', 18), (b'D', 32), (b'E', 34)],
        [(b'B', 36), (b'J', 29), (b'P', 13), (b'I', 13), (b'T', 30), (b'M', 18)],
        [(b'R', 14), (b'X', 25), (b'G', 17), (b'K', 17), (b'Q', 13), (b'Q', 13)],
    ];
    let accepts = |bytes: &[u8]| Response::parse(bytes).is_ok();
    run(decoders::ouch_outbound, &ouch(&layouts.concat()), accepts);
}

#[test]
fn itch_messages_and_files() {
    let lengths = [
        (b'S', 12),
        (b'R', 39),
        (b'A', 36),
        (b'F', 40),
        (b'E', 31),
        (b'X', 23),
        (b'D', 19),
        (b'U', 35),
        (b'h', 21),
        (b'O', 48),
    ];
    let message = |&(letter, bytes): &(u8, usize)| [vec![letter], vec![1; bytes - 1]].concat();
    let mut valid: Vec<_> = lengths.iter().map(message).collect();
    let mut file = Vec::new();
    for message in &valid {
        file::write(message, &mut file);
    }
    file.extend(file::END);
    valid.extend([file, EndOfSnapshot::new(42).as_bytes().to_vec()]);
    let accepts = |bytes: &[u8]| Itch::parse(bytes).is_ok();
    run(decoders::itch, &valid, accepts);
}

#[test]
fn moldudp64_datagrams() {
    let datagram = |number: u64, count: u16, blocks: &[u8]| {
        [b"SESSION001", &number.to_be_bytes()[..], &count.to_be_bytes(), blocks].concat()
    };
    let valid = [
        datagram(42, 0, b""),
        datagram(42, 0xFFFF, b""),
        datagram(42, 1, b"\0\x03abc"),
        datagram(42, 3, b"\0\x03abc\0\0\0\x01d"),
        datagram(u64::MAX - 2, 2, b"\0\0\0\0"),
    ];
    let accepts = |bytes: &[u8]| Datagram::parse(bytes).is_ok();
    run(decoders::moldudp64, &valid, accepts);
}
