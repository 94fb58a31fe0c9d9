//! Every layout against the tables of its protocol, typed here a second time: both sides must find
//! a field at the same offset.

use ringside_wire::itch::{self, Itch};
use ringside_wire::ouch::{Appendage, Layout, Request, Response, Tags, inbound, outbound, write};
use ringside_wire::{Malformed, Message, moldudp64};
use std::ops::Range;
use zerocopy::big_endian::{U16, U32, U64};

/// Value with the bytes 1, 2, 3 … on the wire, which show their own place.
trait Counting {
    fn counting() -> Self;
}

impl Counting for u8 {
    fn counting() -> u8 {
        1
    }
}

impl Counting for U16 {
    fn counting() -> U16 {
        0x0102.into()
    }
}

impl Counting for U32 {
    fn counting() -> U32 {
        0x0102_0304.into()
    }
}

impl Counting for U64 {
    fn counting() -> U64 {
        0x0102_0304_0506_0708.into()
    }
}

impl<const N: usize> Counting for [u8; N] {
    fn counting() -> [u8; N] {
        std::array::from_fn(|at| at as u8 + 1)
    }
}

/// Checks that the only filled field in `bytes` lies at `offset` and has `length` bytes.
fn assert_place(name: &str, bytes: &[u8], offset: usize, length: usize) {
    let mut expected = vec![0; bytes.len()];
    for (at, byte) in expected[offset..][..length].iter_mut().enumerate() {
        *byte = at as u8 + 1;
    }
    assert_eq!(bytes, expected, "{name}");
}

/// Checks that the fields cover all bytes from `from` on, in order.
fn assert_whole(name: &str, from: usize, fields: &[Range<usize>], bytes: usize) {
    let end = fields.iter().fold(from, |end, field| {
        assert_eq!(field.start, end, "{name}");
        field.end
    });
    assert_eq!(end, bytes, "{name}");
}

macro_rules! assert_fields {
    ($layout:path, $from:literal [$($offset:literal / $length:literal $field:ident),*]) => {
        let name = stringify!($layout);
        assert_whole(name, $from, &[$($offset..$offset + $length),*], size_of::<$layout>());
        $(
            let mut message: $layout = zerocopy::FromZeros::new_zeroed();
            message.$field = Counting::counting();
            let bytes = zerocopy::IntoBytes::as_bytes(&message);
            assert_place(&format!("{name}: {}", stringify!($field)), bytes, $offset, $length);
        )*
    };
}

/// Checks OUCH messages. Each length includes an empty appendage, unless the message never has one.
macro_rules! ouch {
    ($parse:path; $($module:ident::$layout:ident: $bytes:literal bytes, $appendage:ident,
        $letter:literal [$($fields:tt)*];)*) => {$(
        assert_fields!($module::$layout, 1 [$($fields)*]);
        let message = zeroed::<$module::$layout>($letter, $bytes, Appendage::$appendage);
        for (bytes, read) in forms(&message, $bytes) {
            let parsed = $parse(&bytes);
            assert_eq!(parsed.is_ok(), read, "{} {bytes:?}", stringify!($layout));
            if let Ok(parsed) = parsed {
                let mut out = [0xEE; 128];
                let length = parsed.write(&mut out);
                let emitted: &[u8] = match Appendage::$appendage {
                    Appendage::IfTagged if bytes.ends_with(&[0, 0]) && bytes.len() == $bytes => {
                        &bytes[..$bytes - 2]
                    }
                    _ => &bytes,
                };
                assert_eq!(&out[..length], emitted, "{}", stringify!($layout));
            }
        }
    )*};
}

fn zeroed<M: Layout>(letter: u8, bytes: usize, appendage: Appendage) -> M {
    assert_eq!((M::TYPE, M::APPENDAGE), (letter, appendage));
    assert_eq!(size_of::<M>() + if appendage == Appendage::Never { 0 } else { 2 }, bytes);
    let mut message = M::new_zeroed();
    message.as_mut_bytes()[0] = letter;
    message
}

/// Forms in which a message may arrive, each with true if it must parse: without an appendage, with
/// an empty one, with tagged values, with a length that is too small or too large, and truncated.
fn forms<M: Layout>(message: &M, bytes: usize) -> Vec<(Vec<u8>, bool)> {
    let layout = message.as_bytes();
    let form = |behind: &[u8], read| ([layout, behind].concat(), read);
    let tagged = M::APPENDAGE != Appendage::Never;
    let mut emitted = [0; 128];
    let length = write(message, Tags::NONE, &mut emitted);
    assert_eq!(length, if M::APPENDAGE == Appendage::Always { bytes } else { layout.len() });
    vec![
        (emitted[..length].to_vec(), true),
        form(&[], M::APPENDAGE != Appendage::Always),
        form(&[0, 0], tagged),
        form(&[0, 3, 2, 28, 5], tagged),
        form(&[0, 9, 2, 28, 5, 5, 3, 0, 0, 1, 0], tagged),
        form(&[0, 4, 2, 28, 5], false),
        form(&[0, 2, 2, 28, 5], false),
        form(&[0, 3, 3, 28, 5], false),
        form(&[0, 1, 0], false),
        form(&[0], false),
        (layout[..layout.len() - 1].to_vec(), false),
    ]
}

macro_rules! itch {
    ($(itch::$layout:ident: $bytes:literal bytes, $letter:literal [$($fields:tt)*];)*) => {$(
        assert_fields!(itch::$layout, 11 [$($fields)*]);
        assert_eq!((itch::$layout::TYPE, size_of::<itch::$layout>()), ($letter, $bytes));
        let mut bytes = [7; $bytes + 1];
        bytes[0] = $letter;
        let parsed = Itch::parse(&bytes[..$bytes]).unwrap();
        assert!(matches!(parsed, Itch::$layout(_)));
        assert_eq!(parsed.bytes(), &bytes[..$bytes]);
        for length in [1, $bytes - 1, $bytes + 1] {
            let error = Malformed::Length { message_type: $letter, bytes: length };
            assert_eq!(Itch::parse(&bytes[..length]), Err(error));
        }
    )*};
}

#[test]
fn ouch_from_the_client() {
    ouch! {
        Request::parse;
        inbound::EnterOrder: 47 bytes, Always, b'O' [1/4 user_ref_num, 5/1 side, 6/4 quantity,
            10/8 symbol, 18/8 price, 26/1 time_in_force, 27/1 display, 28/1 capacity,
            29/1 inter_market_sweep_eligibility, 30/1 cross_type, 31/14 cl_ord_id];
        inbound::ReplaceOrder: 40 bytes, Always, b'U' [1/4 orig_user_ref_num, 5/4 user_ref_num,
            9/4 quantity, 13/8 price, 21/1 time_in_force, 22/1 display,
            23/1 inter_market_sweep_eligibility, 24/14 cl_ord_id];
        inbound::CancelOrder: 11 bytes, IfTagged, b'X' [1/4 user_ref_num, 5/4 quantity];
        inbound::ModifyOrder: 12 bytes, IfTagged, b'M' [1/4 user_ref_num, 5/1 side, 6/4 quantity];
        inbound::MassCancel: 19 bytes, Always, b'C' [1/4 user_ref_num, 5/4 firm, 9/8 symbol];
        inbound::DisableOrderEntry: 11 bytes, Always, b'D' [1/4 user_ref_num, 5/4 firm];
        inbound::EnableOrderEntry: 11 bytes, Always, b'E' [1/4 user_ref_num, 5/4 firm];
        inbound::AccountQuery: 3 bytes, IfTagged, b'Q' [];
    }
}

#[test]
fn ouch_from_the_venue() {
    ouch! {
        Response::parse;
        outbound::SystemEvent: 10 bytes, Never, b'S' [1/8 timestamp, 9/1 event_code];
        outbound::OrderAccepted: 64 bytes, Always, b'A' [1/8 timestamp, 9/4 user_ref_num, 13/1 side,
            14/4 quantity, 18/8 symbol, 26/8 price, 34/1 time_in_force, 35/1 display,
            36/8 order_reference_number, 44/1 capacity, 45/1 inter_market_sweep_eligibility,
            46/1 cross_type, 47/1 order_state, 48/14 cl_ord_id];
        outbound::OrderReplaced: 68 bytes, Always, b'U' [1/8 timestamp, 9/4 orig_user_ref_num,
            13/4 user_ref_num, 17/1 side, 18/4 quantity, 22/8 symbol, 30/8 price,
            38/1 time_in_force, 39/1 display, 40/8 order_reference_number, 48/1 capacity,
            49/1 inter_market_sweep_eligibility, 50/1 cross_type, 51/1 order_state,
            52/14 cl_ord_id];
        outbound::OrderCanceled: 20 bytes, IfTagged, b'C' [1/8 timestamp, 9/4 user_ref_num,
            13/4 quantity, 17/1 reason];
        outbound::AiqCanceled: 34 bytes, IfTagged, b'D' [1/8 timestamp, 9/4 user_ref_num,
            13/4 decrement_shares, 17/1 reason, 18/4 quantity_prevented_from_trading,
            22/8 execution_price, 30/1 liquidity_flag, 31/1 aiq_strategy];
        outbound::OrderExecuted: 36 bytes, Always, b'E' [1/8 timestamp, 9/4 user_ref_num,
            13/4 quantity, 17/8 price, 25/1 liquidity_flag, 26/8 match_number];
        outbound::BrokenTrade: 38 bytes, IfTagged, b'B' [1/8 timestamp, 9/4 user_ref_num,
            13/8 match_number, 21/1 reason, 22/14 cl_ord_id];
        outbound::Rejected: 31 bytes, IfTagged, b'J' [1/8 timestamp, 9/4 user_ref_num, 13/2 reason,
            15/14 cl_ord_id];
        outbound::CancelPending: 15 bytes, IfTagged, b'P' [1/8 timestamp, 9/4 user_ref_num];
        outbound::CancelReject: 15 bytes, IfTagged, b'I' [1/8 timestamp, 9/4 user_ref_num];
        outbound::OrderPriorityUpdate: 32 bytes, IfTagged, b'T' [1/8 timestamp, 9/4 user_ref_num,
            13/8 price, 21/1 display, 22/8 order_reference_number];
        outbound::OrderModified: 20 bytes, IfTagged, b'M' [1/8 timestamp, 9/4 user_ref_num,
            13/1 side, 14/4 quantity];
        outbound::OrderRestated: 16 bytes, Always, b'R' [1/8 timestamp, 9/4 user_ref_num,
            13/1 reason];
        outbound::MassCancelResponse: 27 bytes, Always, b'X' [1/8 timestamp, 9/4 user_ref_num,
            13/4 firm, 17/8 symbol];
        outbound::DisableOrderEntryResponse: 19 bytes, Always, b'G' [1/8 timestamp,
            9/4 user_ref_num, 13/4 firm];
        outbound::EnableOrderEntryResponse: 19 bytes, Always, b'K' [1/8 timestamp, 9/4 user_ref_num,
            13/4 firm];
        outbound::AccountQueryResponse: 15 bytes, IfTagged, b'Q' [1/8 timestamp,
            9/4 next_user_ref_num];
    }
}

#[test]
fn itch_messages() {
    assert_fields!(itch::Header, 0 [
        0/1 message_type, 1/2 stock_locate, 3/2 tracking_number, 5/6 timestamp
    ]);
    assert_fields!(itch::glimpse::EndOfSnapshot, 1 [1/20 number]);
    itch! {
        itch::SystemEvent: 12 bytes, b'S' [11/1 event_code];
        itch::StockDirectory: 39 bytes, b'R' [11/8 stock, 19/1 market_category,
            20/1 financial_status, 21/4 round_lot_size, 25/1 round_lots_only,
            26/1 issue_classification, 27/2 issue_sub_type, 29/1 authenticity,
            30/1 short_sale_threshold, 31/1 ipo_flag, 32/1 luld_tier, 33/1 etp_flag,
            34/4 etp_leverage_factor, 38/1 inverse_indicator];
        itch::StockTradingAction: 25 bytes, b'H' [11/8 stock, 19/1 trading_state, 20/1 reserved,
            21/4 reason];
        itch::RegShoRestriction: 20 bytes, b'Y' [11/8 stock, 19/1 reg_sho_action];
        itch::MarketParticipantPosition: 26 bytes, b'L' [11/4 mpid, 15/8 stock,
            23/1 primary_market_maker, 24/1 market_maker_mode, 25/1 participant_state];
        itch::MwcbDeclineLevel: 35 bytes, b'V' [11/8 level1, 19/8 level2, 27/8 level3];
        itch::MwcbStatus: 12 bytes, b'W' [11/1 breached_level];
        itch::IpoQuotingPeriodUpdate: 28 bytes, b'K' [11/8 stock, 19/4 release_time,
            23/1 release_qualifier, 24/4 ipo_price];
        itch::LuldAuctionCollar: 35 bytes, b'J' [11/8 stock, 19/4 reference_price, 23/4 upper_price,
            27/4 lower_price, 31/4 extension];
        itch::OperationalHalt: 21 bytes, b'h' [11/8 stock, 19/1 market_code, 20/1 action];
        itch::AddOrder: 36 bytes, b'A' [11/8 order_reference, 19/1 side, 20/4 shares, 24/8 stock,
            32/4 price];
        itch::AddOrderAttributed: 40 bytes, b'F' [11/8 order_reference, 19/1 side, 20/4 shares,
            24/8 stock, 32/4 price, 36/4 attribution];
        itch::OrderExecuted: 31 bytes, b'E' [11/8 order_reference, 19/4 executed_shares,
            23/8 match_number];
        itch::OrderExecutedWithPrice: 36 bytes, b'C' [11/8 order_reference, 19/4 executed_shares,
            23/8 match_number, 31/1 printable, 32/4 execution_price];
        itch::OrderCancel: 23 bytes, b'X' [11/8 order_reference, 19/4 cancelled_shares];
        itch::OrderDelete: 19 bytes, b'D' [11/8 order_reference];
        itch::OrderReplace: 35 bytes, b'U' [11/8 original_order_reference, 19/8 new_order_reference,
            27/4 shares, 31/4 price];
        itch::Trade: 44 bytes, b'P' [11/8 order_reference, 19/1 side, 20/4 shares, 24/8 stock,
            32/4 price, 36/8 match_number];
        itch::CrossTrade: 40 bytes, b'Q' [11/8 shares, 19/8 stock, 27/4 cross_price,
            31/8 match_number, 39/1 cross_type];
        itch::BrokenTrade: 19 bytes, b'B' [11/8 match_number];
        itch::NetOrderImbalance: 50 bytes, b'I' [11/8 paired_shares, 19/8 imbalance_shares,
            27/1 imbalance_direction, 28/8 stock, 36/4 far_price, 40/4 near_price,
            44/4 current_reference_price, 48/1 cross_type, 49/1 price_variation];
        itch::RetailPriceImprovementIndicator: 20 bytes, b'N' [11/8 stock, 19/1 interest_flag];
        itch::DirectListing: 48 bytes, b'O' [11/8 stock, 19/1 open_eligibility,
            20/4 min_allowable_price, 24/4 max_allowable_price, 28/4 near_execution_price,
            32/8 near_execution_time, 40/4 lower_price_range_collar, 44/4 upper_price_range_collar];
    }
}

#[test]
fn moldudp64_headers() {
    assert_fields!(moldudp64::Header, 0 [0/10 session, 10/8 number, 18/2 count]);
    assert_fields!(moldudp64::Request, 0 [0/10 session, 10/8 number, 18/2 count]);
}

#[test]
fn no_other_types() {
    let known = |letters: &str, parse: &dyn Fn(&[u8]) -> Option<Malformed>| {
        assert_eq!(parse(&[]), Some(Malformed::Empty));
        for letter in 0..=255 {
            let unknown = parse(&[letter]) == Some(Malformed::UnknownType(letter));
            assert_eq!(unknown, !letters.contains(char::from(letter)), "{letter}");
        }
    };
    known("OUXMCDEQ", &|bytes| Request::parse(bytes).err());
    known("SAUCDEBJPITMRXGKQ", &|bytes| Response::parse(bytes).err());
    known("SRHYLVWKJhAFECXDUPQBINO", &|bytes| Itch::parse(bytes).err());
}
