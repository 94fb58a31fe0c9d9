//! One message of each type as Ringside writes it, with field values that cannot be confused.

use ringside_wire::Message;
use ringside_wire::itch::{self, Header};
use zerocopy::IntoBytes;
use zerocopy::big_endian::{U32, U64};

const STOCK: [u8; 8] = *b"RING    ";

macro_rules! messages {
    ($($name:ident { $($field:ident: $value:expr),* $(,)? })*) => {
        vec![$({
            let header = header::<itch::$name>();
            itch::$name { header, $($field: $value),* }.as_bytes().to_vec()
        }),*]
    };
}

fn header<M: Message>() -> Header {
    Header { tracking_number: 0x0203.into(), ..Header::new::<M>(0x1234, 34_200_123_456_789) }
}

/// Returns the messages. One of their three orders is left at the end, with 200 shares.
#[rustfmt::skip]
pub fn one_of_each() -> Vec<Vec<u8>> {
    let [first, second, third] = [1 << 40, 2 << 40, 3 << 40].map(U64::new);
    messages! {
        SystemEvent { event_code: b'Q' }
        StockDirectory {
            stock: STOCK, market_category: b'G', financial_status: b'D',
            round_lot_size: U32::new(100),
            round_lots_only: b'N', issue_classification: b'C', issue_sub_type: *b"Z ",
            authenticity: b'P', short_sale_threshold: b'Y', ipo_flag: b' ', luld_tier: b'2',
            etp_flag: b'N', etp_leverage_factor: U32::new(3), inverse_indicator: b'Y',
        }
        StockTradingAction {
            stock: STOCK, trading_state: b'H', reserved: b' ', reason: *b"T1  ",
        }
        RegShoRestriction { stock: STOCK, reg_sho_action: b'1' }
        MarketParticipantPosition {
            mpid: *b"FIRM", stock: STOCK, primary_market_maker: b'Y', market_maker_mode: b'P',
            participant_state: b'E',
        }
        MwcbDeclineLevel {
            level1: U64::new(310_012_345_678), level2: U64::new(287_012_345_678),
            level3: U64::new(246_012_345_678),
        }
        MwcbStatus { breached_level: b'2' }
        IpoQuotingPeriodUpdate {
            stock: STOCK, release_time: U32::new(36_000), release_qualifier: b'C',
            ipo_price: U32::new(170_000),
        }
        LuldAuctionCollar {
            stock: STOCK, reference_price: U32::new(1_870_500), upper_price: U32::new(1_964_000),
            lower_price: U32::new(1_777_000), extension: U32::new(1),
        }
        OperationalHalt { stock: STOCK, market_code: b'X', action: b'T' }
        AddOrder {
            order_reference: first, side: b'S', shares: U32::new(300), stock: STOCK,
            price: U32::new(1_870_500),
        }
        AddOrderAttributed {
            order_reference: second, side: b'B', shares: U32::new(400), stock: STOCK,
            price: U32::new(1_870_400), attribution: *b"FIRM",
        }
        OrderExecuted {
            order_reference: first, executed_shares: U32::new(60), match_number: U64::new(7 << 33),
        }
        OrderExecutedWithPrice {
            order_reference: first, executed_shares: U32::new(30), match_number: U64::new(8 << 33),
            printable: b'N', execution_price: U32::new(1_870_600),
        }
        OrderCancel { order_reference: first, cancelled_shares: U32::new(10) }
        OrderReplace {
            original_order_reference: second, new_order_reference: third, shares: U32::new(500),
            price: U32::new(1_870_300),
        }
        OrderDelete { order_reference: third }
        Trade {
            order_reference: U64::new(0), side: b'B', shares: U32::new(70), stock: STOCK,
            price: U32::new(1_870_450), match_number: U64::new(9 << 33),
        }
        CrossTrade {
            shares: U64::new(5 << 32), stock: STOCK, cross_price: U32::new(1_870_700),
            match_number: U64::new(10 << 33), cross_type: b'C',
        }
        BrokenTrade { match_number: U64::new(9 << 33) }
        NetOrderImbalance {
            paired_shares: U64::new(6 << 32), imbalance_shares: U64::new(7 << 32),
            imbalance_direction: b'S', stock: STOCK, far_price: U32::new(1_870_100),
            near_price: U32::new(1_870_200), current_reference_price: U32::new(1_870_300),
            cross_type: b'O', price_variation: b'3',
        }
        RetailPriceImprovementIndicator { stock: STOCK, interest_flag: b'A' }
        DirectListing {
            stock: STOCK, open_eligibility: b'Y', min_allowable_price: U32::new(1_000_000),
            max_allowable_price: U32::new(2_000_000), near_execution_price: U32::new(1_500_000),
            near_execution_time: U64::new(34_100_000_000_000),
            lower_price_range_collar: U32::new(1_400_000),
            upper_price_range_collar: U32::new(1_600_000),
        }
    }
}
