//! Wire protocols: bytes from outside are read and written again exactly; malformed bytes are
//! rejected.

use ringside_wire::itch::{self, file, glimpse::EndOfSnapshot};
use ringside_wire::moldudp64::{self, Datagram};
use ringside_wire::ouch::{self, Request, Tags, inbound, outbound, tag};
use ringside_wire::soupbintcp::{self, Login, LoginAccepted, packet, split_packet};
use ringside_wire::{Malformed, padded, unpadded};
use zerocopy::IntoBytes;
use zerocopy::big_endian::U64;

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Order that a client sent to another venue, in hex.
const CAPTURED: &str =
    "0036 55 4f 00000071 54 000000e1 43564c5420202020 0000000000099db8 30 59 41 4e 4e
    48384655423849562020202020 20 0006 05 02 4c494d45";

#[test]
fn a_captured_order() {
    let wire = hex(CAPTURED);
    assert_eq!(wire.len(), 2 + 54);
    let (soup, length) = split_packet(&wire, 100).unwrap().unwrap();
    assert_eq!((soup.packet_type, soup.payload.len(), length), (packet::UNSEQUENCED, 53, 56));
    let expected = inbound::EnterOrder {
        message_type: b'O',
        user_ref_num: 113.into(),
        side: b'T',
        quantity: 225.into(),
        symbol: *b"CVLT    ",
        price: 630_200.into(),
        time_in_force: b'0',
        display: b'Y',
        capacity: b'A',
        inter_market_sweep_eligibility: b'N',
        cross_type: b'N',
        cl_ord_id: *b"H8FUB8IV      ",
    };
    let mut tags = Vec::new();
    ouch::push_tag(tag::FIRM, b"LIME", &mut tags);
    let tags = Tags::new(&tags).unwrap();
    let request = Request::parse(soup.payload).unwrap();
    assert_eq!(request, Request::Enter(&expected, tags));
    assert_eq!(tags.iter().collect::<Vec<_>>(), [(tag::FIRM, &b"LIME"[..])]);

    let mut payload = [0; 100];
    let length = request.write(&mut payload);
    let mut again = Vec::new();
    soupbintcp::write_packet(packet::UNSEQUENCED, &payload[..length], &mut again);
    assert_eq!(again, wire);
}

#[test]
fn datagrams_of_the_specification() {
    let header = |number: u64, count: u16| moldudp64::Header {
        session: *b"SESSION001",
        number: number.into(),
        count: count.into(),
    };
    let heartbeat = hex("53 45 53 53 49 4F 4E 30 30 31 00 00 00 00 00 00 00 2A 00 00");
    let end = hex("53 45 53 53 49 4F 4E 30 30 31 00 00 00 00 00 00 00 2A FF FF");
    let one = hex("53 45 53 53 49 4F 4E 30 30 31 00 00 00 00 00 00 00 2A 00 01 00 03 61 62 63");
    for (bytes, count) in
        [(&heartbeat, moldudp64::HEARTBEAT), (&end, moldudp64::END_OF_SESSION), (&one, 1)]
    {
        let datagram = Datagram::parse(bytes).unwrap();
        assert_eq!(*datagram.header, header(42, count));
        assert_eq!(header(42, count).as_bytes(), &bytes[..20]);
        assert_eq!(datagram.messages().next(), (count == 1).then_some((42, &b"abc"[..])));
    }
    for cut in 0..one.len() {
        assert!(Datagram::parse(&one[..cut]).is_err(), "{cut} bytes");
    }
    let request = moldudp64::Request::parse(&end).unwrap();
    assert_eq!((request.session, request.number.get()), (*b"SESSION001", 42));
    assert_eq!(request.count.get(), 65_535);
    assert_eq!(request.as_bytes(), end);
    for wrong in [&end[..19], &one] {
        assert!(moldudp64::Request::parse(wrong).is_err());
    }
}

#[test]
fn a_datagram_is_whole_or_refused() {
    let datagram = |number: u64, count: u16, blocks: &[u8]| {
        let header = moldudp64::Header {
            session: *b"S         ",
            number: number.into(),
            count: count.into(),
        };
        let bytes = [header.as_bytes(), blocks].concat();
        Datagram::parse(&bytes).map(|datagram| {
            datagram.messages().map(|(number, bytes)| (number, bytes.to_vec())).collect::<Vec<_>>()
        })
    };
    assert_eq!(datagram(7, 2, b"\0\0\0\x01a").unwrap(), [(7, vec![]), (8, b"a".to_vec())]);
    let last = u64::MAX - 1;
    assert_eq!(datagram(last, 1, b"\0\x01a").unwrap(), [(last, b"a".to_vec())]);
    assert_eq!(datagram(u64::MAX, 1, b"\0\x01a"), Err(Malformed::Field(b'm')));
    for (count, blocks) in [
        (1, &b"\0\x02a"[..]),
        (1, b"\0"),
        (1, b""),
        (1, b"\0\x01ab"),
        (1, b"\0\x01a\0\x01b"),
        (2, b"\0\x01a"),
        (moldudp64::HEARTBEAT, b"\0\x01a"),
        (moldudp64::END_OF_SESSION, b"\0\x01a"),
    ] {
        let error = Malformed::Length { message_type: b'm', bytes: 20 + blocks.len() };
        assert_eq!(datagram(1, count, blocks), Err(error), "{count} {blocks:?}");
    }
}

/// One packet of each type.
fn packets() -> Vec<(u8, Vec<u8>)> {
    let login = Login {
        user: "ALICE".into(),
        password: "secret".into(),
        session: String::new(),
        number: 1,
        heartbeat_timeout_ms: None,
    };
    let accepted = LoginAccepted { session: "20260504AB".into(), number: 1 };
    vec![
        (packet::LOGIN_REQUEST, login.payload().unwrap()),
        (packet::LOGIN_ACCEPTED, accepted.payload()),
        (packet::LOGIN_REJECTED, vec![soupbintcp::NOT_AUTHORIZED]),
        (packet::DEBUG, b"hello".to_vec()),
        (packet::SEQUENCED, vec![0; 300]),
        (packet::UNSEQUENCED, hex(CAPTURED)[3..].to_vec()),
        (packet::SERVER_HEARTBEAT, vec![]),
        (packet::CLIENT_HEARTBEAT, vec![]),
        (packet::LOGOUT, vec![]),
        (packet::END_OF_SESSION, vec![]),
    ]
}

#[test]
fn packets_cut_at_every_byte() {
    let mut wire = Vec::new();
    for (packet_type, payload) in packets() {
        soupbintcp::write_packet(packet_type, &payload, &mut wire);
    }
    for cut in 0..=wire.len() {
        let (mut received, mut buffer) = (vec![], vec![]);
        for piece in [&wire[..cut], &wire[cut..]] {
            buffer.extend_from_slice(piece);
            while let Some((packet, length)) = split_packet(&buffer, 400).unwrap() {
                received.push((packet.packet_type, packet.payload.to_vec()));
                buffer.drain(..length);
            }
        }
        assert_eq!(buffer, b"");
        assert_eq!(received, packets(), "cut at {cut}");
    }
}

#[test]
fn packets_on_the_wire() {
    assert_eq!(soupbintcp::prefix(packet::SERVER_HEARTBEAT, 0), *b"\0\x01H");
    assert_eq!(soupbintcp::prefix(packet::SEQUENCED, 65_534), *b"\xFF\xFFS");
    let mut wire = Vec::new();
    soupbintcp::write_packet(packet::LOGIN_REJECTED, &[soupbintcp::NOT_AUTHORIZED], &mut wire);
    assert_eq!(wire, b"\0\x02JA");
    assert_eq!(split_packet(b"\0\0S", 100), Err(Malformed::Empty));
    let too_long = |message_type| Err(Malformed::Length { message_type, bytes: 11 });
    assert_eq!(split_packet(b"\0\x09S", 10), too_long(b'S'));
    assert_eq!(split_packet(b"\0\x09", 10), too_long(b'?'));
    assert_eq!(split_packet(b"\0\x08S", 10), Ok(None));
}

#[test]
fn logins() {
    let login = |timeout| Login {
        user: "ALICE".into(),
        password: "secret".into(),
        session: "20260504".into(),
        number: 42,
        heartbeat_timeout_ms: timeout,
    };
    let right = "ALICE secret      20260504                  42";
    let left = "alice secret    20260504  42                  ";
    assert_eq!((right.len(), left.len()), (46, 46));
    for text in [right, left] {
        assert_eq!(Login::parse(text.as_bytes()), Ok(login(None)));
        for (digits, ms) in [(" 1500", 1_500), ("1500 ", 1_500), ("99999", 99_999)] {
            let text = [text, digits].concat();
            assert_eq!(Login::parse(text.as_bytes()), Ok(login(Some(ms))));
        }
    }
    assert_eq!(login(None).payload().unwrap(), right.as_bytes());
    assert_eq!(login(Some(1_500)).payload().unwrap(), [right, " 1500"].concat().as_bytes());

    let current = Login::parse(&[b' '; 46]).unwrap();
    assert_eq!((current.session.as_str(), current.number), ("", 0));
    for bytes in (0..80).filter(|bytes| ![46, 51].contains(bytes)) {
        let length = Malformed::Length { message_type: b'L', bytes };
        assert_eq!(Login::parse(&vec![b' '; bytes]), Err(length));
    }
    let unreadable = Err(Malformed::Field(b'L'));
    let with = |at: usize, text: &str| {
        let mut payload = [right, " 1500"].concat().into_bytes();
        payload[at..at + text.len()].copy_from_slice(text.as_bytes());
        Login::parse(&payload)
    };
    for (at, text) in [
        (0, "\0"),
        (6, "\n"),
        (16, "\u{e9}"),
        (26, "x"),
        (26, "                  -1"),
        (26, "                 +42"),
        (26, "18446744073709551616"),
        (46, "     "),
        (46, " -150"),
    ] {
        assert_eq!(with(at, text), unreadable, "{text:?}");
    }
    assert_eq!(with(26, "18446744073709551615").unwrap().number, u64::MAX);
}

#[test]
fn logins_that_have_no_room() {
    let login = packets()[0].1.clone();
    let login = Login::parse(&login).unwrap();
    for change in [
        (|login| login.user = "ALICE67".into()) as fn(&mut Login),
        |login| login.password = "12345678901".into(),
        |login| login.session = "12345678901".into(),
        |login| login.session = "123456789012345".into(),
        |login| login.user = "AL\u{cd}CE".into(),
        |login| login.heartbeat_timeout_ms = Some(100_000),
    ] {
        let mut login = login.clone();
        change(&mut login);
        assert_eq!(login.payload(), None, "{login:?}");
    }
}

#[test]
fn login_answers() {
    let accepted = LoginAccepted { session: "20260504".into(), number: 42 };
    assert_eq!(accepted.payload(), b"  20260504                  42");
    for payload in ["  20260504                  42", "20260504  42                  "] {
        assert_eq!(LoginAccepted::parse(payload.as_bytes()).as_ref(), Ok(&accepted));
    }
    for bytes in [0, 29, 31] {
        let length = Malformed::Length { message_type: b'A', bytes };
        assert_eq!(LoginAccepted::parse(&vec![b'1'; bytes]), Err(length));
    }
    for payload in ["  20260504                    ", "  20260504                 +42"] {
        let unreadable = Err(Malformed::Field(b'A'));
        assert_eq!(LoginAccepted::parse(payload.as_bytes()), unreadable);
    }
}

#[test]
fn tagged_values() {
    let bytes = [2, 28, 5, 1, 16, 5, 3, 0, 0, 1, 0];
    let tags: Vec<_> = Tags::new(&bytes).unwrap().iter().collect();
    assert_eq!(tags, [(28, &[5][..]), (16, &[]), (3, &[0, 0, 1, 0])]);
    for broken in [&[0][..], &[2, 28], &[1], &[2, 28, 5, 0], &[255; 255]] {
        assert_eq!(Tags::new(broken), None, "{broken:?}");
    }
    assert_eq!(Tags::new(&[1; 65_534]).unwrap().iter().count(), 32_767);
    assert_eq!(Tags::new(&[1; 65_536]), None);
}

#[test]
#[should_panic(expected = "no tagged values")]
fn a_system_event_has_no_tagged_values() {
    let event =
        outbound::SystemEvent { message_type: b'S', timestamp: U64::new(1), event_code: b'S' };
    ouch::write(&event, Tags::new(&[2, 28, 5]).unwrap(), &mut [0; 100]);
}

#[test]
fn times_and_snapshots() {
    let header = itch::Header::new::<itch::OrderDelete>(513, 86_399_999_999_999);
    assert_eq!(header.as_bytes(), hex("44 0201 0000 4E94914EFFFF"));
    assert_eq!(header.ns_since_midnight(), 86_399_999_999_999);

    let end = EndOfSnapshot::new(42);
    assert_eq!(end.as_bytes(), b"G00000000000000000042");
    assert_eq!(EndOfSnapshot::new(u64::MAX).as_bytes(), b"G18446744073709551615");
    for (digits, number) in [
        (b"00000000000000000042", Some(42)),
        (b"                  42", Some(42)),
        (b"42                  ", Some(42)),
        (b"18446744073709551615", Some(u64::MAX)),
        (b"18446744073709551616", None),
        (b"                    ", None),
        (b"                 +42", None),
        (b"4                  2", None),
    ] {
        let end = EndOfSnapshot { message_type: b'G', number: *digits };
        assert_eq!(end.number(), number, "{digits:?}");
    }
}

#[test]
fn files() {
    let read = |bytes: &[u8]| {
        file::messages(bytes).map(|message| message.map(<[u8]>::to_vec)).collect::<Vec<_>>()
    };
    let (first, second) = (Ok(b"abc".to_vec()), Ok(b"d".to_vec()));
    let mut bytes = Vec::new();
    file::write(b"abc", &mut bytes);
    file::write(b"d", &mut bytes);
    assert_eq!(bytes, b"\0\x03abc\0\x01d");
    assert_eq!(read(&bytes), [first.clone(), second.clone()]);
    bytes.extend(file::END);
    assert_eq!(read(&bytes), [first.clone(), second.clone()]);
    bytes.extend(b"\0\x01e");
    assert_eq!(read(&bytes), [first.clone(), second], "nothing is read behind the end");
    assert_eq!(read(b""), []);
    let cut = |message_type, bytes| Err(Malformed::Length { message_type, bytes });
    assert_eq!(read(b"\0\x03abc\0\x02d"), [first.clone(), cut(b'd', 1)]);
    assert_eq!(read(b"\0\x03abc\0\x02"), [first.clone(), cut(b'?', 0)]);
    assert_eq!(read(b"\0\x03abc\0"), [first, cut(b'?', 0)]);
}

#[test]
fn padding() {
    assert_eq!(padded::<4>("AB"), Some(*b"AB  "));
    assert_eq!(padded::<2>("ABC"), None);
    assert_eq!(padded::<4>("A\n"), None);
    assert_eq!(unpadded(b"A B "), Some("A B"));
    assert_eq!(unpadded(b"A\0"), None);
    assert_eq!(unpadded(b"A\xFF"), None);
}
