//! One function for each decoder. A decoder must take any bytes without a panic, and writing the
//! parsed value must give the same bytes again. Shared by the fuzz targets and by a test that
//! mutates valid messages.

use ringside_wire::itch::glimpse::EndOfSnapshot;
use ringside_wire::itch::{Itch, file};
use ringside_wire::moldudp64::{self, Datagram};
use ringside_wire::ouch::{Request, Response};
use ringside_wire::soupbintcp::{self, Login, LoginAccepted, split_packet};
use zerocopy::{FromBytes, IntoBytes};

/// Decodes all packets at the beginning of a stream.
pub fn soupbintcp(bytes: &[u8]) {
    const BYTES_MAX: usize = 1 << 10;
    let (mut rest, mut written) = (bytes, Vec::new());
    while let Ok(Some((packet, length))) = split_packet(rest, BYTES_MAX) {
        assert!(length <= BYTES_MAX && length == soupbintcp::PREFIX_BYTES + packet.payload.len());
        soupbintcp::write_packet(packet.packet_type, packet.payload, &mut written);
        rest = &rest[length..];
    }
    assert_eq!([&written, rest].concat(), bytes);
}

/// Decodes the payloads of a login and of its answer. Either side of a field may be padded, but
/// fields are written in one way, so only a written payload must come back unchanged.
pub fn login(bytes: &[u8]) {
    if let Ok(login) = Login::parse(bytes) {
        let payload = login.payload().expect("what was read has room");
        assert_eq!(payload.len(), bytes.len());
        assert_eq!(Login::parse(&payload), Ok(login));
    }
    if let Ok(accepted) = LoginAccepted::parse(bytes) {
        let payload = accepted.payload();
        assert_eq!(payload.len(), bytes.len());
        assert_eq!(LoginAccepted::parse(&payload), Ok(accepted));
    }
}

/// Decodes a request of a client.
pub fn ouch_inbound(bytes: &[u8]) {
    if let Ok(request) = Request::parse(bytes) {
        assert_written(bytes, b"XMQ", |out| request.write(out));
        let (Request::Enter(_, tags)
        | Request::Replace(_, tags)
        | Request::Cancel(_, tags)
        | Request::Modify(_, tags)
        | Request::MassCancel(_, tags)
        | Request::Disable(_, tags)
        | Request::Enable(_, tags)
        | Request::Query(_, tags)) = request;
        let elements = tags.iter().map(|(_, value)| 2 + value.len());
        assert_eq!(elements.sum::<usize>(), tags.bytes().len());
    }
}

/// Decodes a response of the venue.
pub fn ouch_outbound(bytes: &[u8]) {
    if let Ok(response) = Response::parse(bytes) {
        assert_written(bytes, b"CDBJPITMQ", |out| response.write(out));
    }
}

/// Checks that a message is written as it was read; an empty appendage may be missing for the types
/// in `may_lack`.
fn assert_written(bytes: &[u8], may_lack: &[u8], write: impl Fn(&mut [u8]) -> usize) {
    let mut out = vec![0; bytes.len() + 2];
    let length = write(&mut out);
    match bytes.strip_suffix(&[0, 0]) {
        Some(layout) if may_lack.contains(&bytes[0]) && length == layout.len() => {
            assert_eq!(out[..length], *layout);
        }
        _ => assert_eq!(out[..length], *bytes),
    }
}

/// Decodes a message of market data, the end of a snapshot, and a file of messages.
pub fn itch(bytes: &[u8]) {
    if let Ok(message) = Itch::parse(bytes) {
        assert_eq!(message.bytes(), bytes);
        assert_eq!(message.header().message_type, bytes[0]);
    }
    if let Ok(end) = EndOfSnapshot::ref_from_bytes(bytes)
        && let Some(number) = end.number()
    {
        assert_eq!(EndOfSnapshot::new(number).number(), Some(number));
    }
    let mut written = Vec::new();
    for message in file::messages(bytes) {
        match message {
            Ok(message) => file::write(message, &mut written),
            Err(_) => assert!(written.len() < bytes.len(), "something was cut off"),
        }
    }
    assert!(bytes.starts_with(&written));
}

/// Decodes a datagram of the feed and a request.
pub fn moldudp64(bytes: &[u8]) {
    if let Ok(datagram) = Datagram::parse(bytes) {
        let mut written = datagram.header.as_bytes().to_vec();
        for ((number, message), expected) in datagram.messages().zip(datagram.header.number.get()..)
        {
            assert_eq!(number, expected);
            written.extend((message.len() as u16).to_be_bytes());
            written.extend(message);
        }
        assert_eq!(written, bytes);
    }
    if let Ok(request) = moldudp64::Request::parse(bytes) {
        assert_eq!(request.as_bytes(), bytes);
    }
}
