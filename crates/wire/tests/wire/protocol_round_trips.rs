//! Round trips with random fields: a written message is read as the same, and a read message is
//! written as the same bytes.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use ringside_testing::run::base_seed;
use ringside_wire::itch::{self, Itch, file, glimpse::EndOfSnapshot};
use ringside_wire::moldudp64::{self, Datagram};
use ringside_wire::ouch::{self, Request, Response, Tags, inbound};
use ringside_wire::soupbintcp::{self, Login, LoginAccepted, split_packet};
use zerocopy::IntoBytes;
use zerocopy::big_endian::U32;

/// Tagged values with random numbers and lengths.
fn tags() -> impl Strategy<Value = Vec<u8>> {
    let tag = (any::<u8>(), prop::collection::vec(any::<u8>(), 0..20));
    prop::collection::vec(tag, 0..5).prop_map(|elements| {
        let mut bytes = Vec::new();
        elements.iter().for_each(|(tag, value)| ouch::push_tag(*tag, value, &mut bytes));
        bytes
    })
}

/// Message of one of `letters` with random fields.
fn message(letters: &'static [(u8, usize)]) -> impl Strategy<Value = Vec<u8>> {
    (prop::sample::select(letters), prop::collection::vec(any::<u8>(), 70)).prop_map(
        |((letter, bytes), mut message)| {
            message.truncate(bytes);
            message[0] = letter;
            message
        },
    )
}

/// Request types with the lengths of their layouts.
const REQUESTS: &[(u8, usize)] =
    &[(b'O', 45), (b'U', 38), (b'X', 9), (b'M', 10), (b'C', 17), (b'D', 9), (b'E', 9), (b'Q', 1)];
const RESPONSES: &[(u8, usize)] = &[
    (b'A', 62),
    (b'U', 66),
    (b'C', 18),
    (b'D', 32),
    (b'E', 34),
    (b'B', 36),
    (b'J', 29),
    (b'P', 13),
    (b'I', 13),
    (b'T', 30),
    (b'M', 18),
    (b'R', 14),
    (b'X', 25),
    (b'G', 17),
    (b'K', 17),
    (b'Q', 13),
];

fn with_tags(message: &[u8], tags: &[u8]) -> Vec<u8> {
    [message, &(tags.len() as u16).to_be_bytes(), tags].concat()
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(base_seed()),
        ..ProptestConfig::default()
    })]

    #[test]
    fn ouch_round_trips(
        request in message(REQUESTS), response in message(RESPONSES), tags in tags(),
    ) {
        prop_assume!(!tags.is_empty());
        let mut out = [0; 256];
        let bytes = with_tags(&request, &tags);
        let length = Request::parse(&bytes).unwrap().write(&mut out);
        prop_assert_eq!(&out[..length], bytes);
        let bytes = with_tags(&response, &tags);
        let length = Response::parse(&bytes).unwrap().write(&mut out);
        prop_assert_eq!(&out[..length], bytes);
    }

    #[test]
    fn fields_round_trip(user_ref_num: u32, quantity: u32, side: u8, tags in tags()) {
        let (user_ref_num, quantity) = (U32::new(user_ref_num), U32::new(quantity));
        let message = inbound::ModifyOrder { message_type: b'M', user_ref_num, side, quantity };
        let tags = Tags::new(&tags).unwrap();
        let mut out = [0; 256];
        let length = ouch::write(&message, tags, &mut out);
        prop_assert_eq!(Request::parse(&out[..length]), Ok(Request::Modify(&message, tags)));
    }

    #[test]
    fn logins_round_trip(
        user in "[A-Z0-9]{0,6}", password in "([!-~][ -~]{0,8})?[!-~]", session in "[A-Z0-9]{0,10}",
        number: u64, heartbeat_timeout_ms in prop::option::of(0..100_000u32),
    ) {
        let accepted = LoginAccepted { session: session.clone(), number };
        prop_assert_eq!(LoginAccepted::parse(&accepted.payload()), Ok(accepted));
        let login = Login { user, password, session, number, heartbeat_timeout_ms };
        prop_assert_eq!(Login::parse(&login.payload().unwrap()), Ok(login));
    }

    #[test]
    fn packets_round_trip(packet_type: u8, payload in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut wire = Vec::new();
        soupbintcp::write_packet(packet_type, &payload, &mut wire);
        let packet = soupbintcp::Packet { packet_type, payload: &payload };
        prop_assert_eq!(split_packet(&wire, wire.len()), Ok(Some((packet, wire.len()))));
        prop_assert!(split_packet(&wire, wire.len() - 1).is_err());
    }

    #[test]
    fn datagrams_round_trip(
        session: [u8; 10], number in 1..u64::MAX / 2,
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20),
    ) {
        let count = (messages.len() as u16).into();
        let header = moldudp64::Header { session, number: number.into(), count };
        let mut bytes = header.as_bytes().to_vec();
        messages.iter().for_each(|message| {
            bytes.extend((message.len() as u16).to_be_bytes());
            bytes.extend(message);
        });
        let datagram = Datagram::parse(&bytes).unwrap();
        prop_assert_eq!(*datagram.header, header);
        let numbered = (number..).zip(messages.iter().map(Vec::as_slice));
        prop_assert!(datagram.messages().eq(numbered));
        prop_assert_eq!(EndOfSnapshot::new(number).number(), Some(number));
    }

    #[test]
    fn market_data_round_trips(
        reference: u64, shares: u32, price: u32, locate: u16, ns in 0..1u64 << 48
    ) {
        let order = itch::AddOrder {
            header: itch::Header::new::<itch::AddOrder>(locate, ns),
            order_reference: reference.into(),
            side: b'S',
            shares: shares.into(),
            stock: *b"RING    ",
            price: price.into(),
        };
        let mut file = Vec::new();
        file::write(order.as_bytes(), &mut file);
        let message = file::messages(&file).next().unwrap().unwrap();
        let parsed = Itch::parse(message).unwrap();
        prop_assert_eq!(parsed, Itch::AddOrder(&order));
        prop_assert_eq!(parsed.header().ns_since_midnight(), ns);
        prop_assert_eq!(parsed.header().stock_locate.get(), locate);
    }
}
