//! Snapshot of a listener: the messages that a book sends, and a server that fails to send them.

use ringside_testing::patience::PATIENCE;
use ringside_wire::feed::book::{Book, Side};
use ringside_wire::feed::snapshot::{self, GlimpseError, SnapshotLogin};
use ringside_wire::itch::{
    AddOrder, AddOrderAttributed, Header, RegShoRestriction, StockDirectory, StockTradingAction,
    SystemEvent,
};
use ringside_wire::soupbintcp::{packet, write_packet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

const LOCATE: u16 = 2;
const STOCK: [u8; 8] = *b"ACME    ";

fn directory() -> StockDirectory {
    StockDirectory {
        header: Header::new::<StockDirectory>(LOCATE, 2),
        stock: STOCK,
        market_category: b'Q',
        financial_status: b'N',
        round_lot_size: 100.into(),
        round_lots_only: b'N',
        issue_classification: b'C',
        issue_sub_type: *b"Z ",
        authenticity: b'T',
        short_sale_threshold: b'N',
        ipo_flag: b'N',
        luld_tier: b'1',
        etp_flag: b'N',
        etp_leverage_factor: 0.into(),
        inverse_indicator: b'N',
    }
}

#[test]
fn a_snapshot_is_the_last_states_then_the_orders_of_a_book() {
    let event = SystemEvent { header: Header::new::<SystemEvent>(0, 1), event_code: b'Q' };
    let directory = directory();
    let action = StockTradingAction {
        header: Header::new::<StockTradingAction>(LOCATE, 3),
        stock: STOCK,
        trading_state: b'T',
        reserved: b' ',
        reason: *b"    ",
    };
    let short = RegShoRestriction {
        header: Header::new::<RegShoRestriction>(LOCATE, 4),
        stock: STOCK,
        reg_sho_action: b'1',
    };
    let bid = AddOrder {
        header: Header::new::<AddOrder>(LOCATE, 5),
        order_reference: 1.into(),
        side: b'B',
        shares: 100.into(),
        stock: STOCK,
        price: 990_000.into(),
    };
    let offer = AddOrderAttributed {
        header: Header::new::<AddOrderAttributed>(LOCATE, 6),
        order_reference: 2.into(),
        side: b'T',
        shares: 50.into(),
        stock: STOCK,
        price: 1_010_000.into(),
        attribution: *b"FIRM",
    };
    let expected: [&[u8]; 6] = [
        event.as_bytes(),
        directory.as_bytes(),
        action.as_bytes(),
        short.as_bytes(),
        bid.as_bytes(),
        offer.as_bytes(),
    ];
    let mut book = Book::default();
    for message in expected.iter().rev() {
        assert_eq!(book.apply_bytes(message), Ok(None));
    }
    let mut sent = vec![];
    book.messages(|message| sent.push(message.to_vec()));
    assert_eq!(sent, expected);
    // The digest is that of the messages.
    assert_eq!(book.digest(), fnv1a(&expected.concat()));

    let symbol = book.symbol_book(LOCATE).unwrap();
    assert_eq!(symbol.directory(), Some(&directory));
    assert_eq!(symbol.trading_action(), Some(&action));
    assert_eq!(symbol.reg_sho(), Some(&short));
    assert_eq!(symbol.best(Side::Sell).unwrap().price, 1_010_000);
    // StockLocate 1 belongs to no symbol that a message has named.
    assert!(book.symbol_book(LOCATE - 1).is_none());
    assert_eq!(book.symbol_books().map(|(locate, _)| locate).collect::<Vec<_>>(), [LOCATE]);
}

fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Takes a snapshot from a server that does `serve`.
fn take(serve: impl FnOnce(TcpStream) + Send + 'static) -> Result<u64, GlimpseError> {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let login = SnapshotLogin {
        address: server.local_addr().unwrap(),
        user: "ALICE".into(),
        password: "secret".into(),
        session: String::new(),
        timeout: PATIENCE,
    };
    let serves = std::thread::spawn(move || serve(server.accept().unwrap().0));
    let taken = snapshot::take(&login, |_| {}, || Ok(()));
    serves.join().unwrap();
    taken
}

fn packet_of(packet_type: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    write_packet(packet_type, payload, &mut bytes);
    bytes
}

#[test]
fn a_session_that_ends_or_a_connection_that_breaks_leaves_a_snapshot_incomplete() {
    let ended = take(|mut stream| {
        stream.write_all(&packet_of(packet::END_OF_SESSION, b"")).unwrap();
        // The server does not hang up before the client does.
        while stream.read(&mut [0; 64]).is_ok_and(|bytes| bytes > 0) {}
    });
    assert!(matches!(ended, Err(GlimpseError::Incomplete)), "{ended:?}");
    // A connection that is closed before its input has been read is reset.
    let reset = take(|stream| {
        stream.peek(&mut [0]).unwrap();
    });
    assert!(matches!(reset, Err(GlimpseError::Io(_))), "{reset:?}");
}

#[test]
fn the_end_of_a_snapshot_names_a_message_of_the_feed_in_20_digits() {
    let ends: [&[u8]; 5] = [
        b"G+0000000000000000051",
        b"G00000000000000000000",
        b"G18446744073709551616",
        b"G0000000000000000051",
        b"G000000000000000000051",
    ];
    for end in ends {
        let packet = packet_of(packet::SEQUENCED, end);
        let taken = take(move |mut stream| {
            stream.write_all(&packet).unwrap();
            while stream.read(&mut [0; 64]).is_ok_and(|bytes| bytes > 0) {}
        });
        assert!(matches!(taken, Err(GlimpseError::Malformed(_))), "{taken:?}");
    }
}

#[test]
fn a_client_that_waits_for_a_snapshot_sends_a_heartbeat_once_a_second() {
    let began = Instant::now();
    let taken = take(move |mut stream| {
        stream.read_exact(&mut [0; 49]).unwrap();
        let mut heartbeat = [0; 3];
        stream.read_exact(&mut heartbeat).unwrap();
        assert!(began.elapsed() >= Duration::from_secs(1));
        assert_eq!(heartbeat, [0, 1, packet::CLIENT_HEARTBEAT]);
        let end = packet_of(packet::SEQUENCED, b"G00000000000000000051");
        stream.write_all(&end).unwrap();
    });
    assert!(matches!(taken, Ok(51)), "{taken:?}");
}
