//! Responses of the venue. The appendage of each is in [`Response`](super::Response).

use crate::message;
use zerocopy::big_endian::{U16, U32, U64};

message! {
    /// Start or end of the day.
    SystemEvent = b'S', 10 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// `S` start of day, `E` end of day.
        9 event_code: u8,
    }
}

message! {
    /// Acceptance of a new order.
    OrderAccepted = b'A', 62 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the order.
        9 user_ref_num: U32,
        /// `B` buy, `S` sell, `T` sell short, `E` sell short exempt.
        13 side: u8,
        /// Number of shares accepted.
        14 quantity: U32,
        /// Symbol, padded with spaces.
        18 symbol: [u8; 8],
        /// Price accepted, in 1/10000; may differ from the requested price.
        26 price: U64,
        /// `0` day, `3` immediate or cancel, `5` extended hours, `6` good till time, `E` after
        /// hours.
        34 time_in_force: u8,
        /// `Y` shown, `N` hidden, `A` shown with the firm, `Z` conformant.
        35 display: u8,
        /// Venue's number of the order, the same on market data.
        36 order_reference_number: U64,
        /// `A` agency, `P` principal, `R` riskless, `O` other.
        44 capacity: u8,
        /// Intermarket sweep order: `Y` or `N`.
        45 inter_market_sweep_eligibility: u8,
        /// `N` continuous; or only in a cross: `O` opening, `C` closing, `H` halt, `S`
        /// supplemental, `R` retail, `E` extended life, `A` after-hours close.
        46 cross_type: u8,
        /// `L` live, `D` dead: canceled at once.
        47 order_state: u8,
        /// Client's own text, padded with spaces.
        48 cl_ord_id: [u8; 14],
    }
}

message! {
    /// Replacement of an order.
    OrderReplaced = b'U', 66 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the order that was replaced.
        9 orig_user_ref_num: U32,
        /// Client's number of the replacement.
        13 user_ref_num: U32,
        /// `B` buy, `S` sell, `T` sell short, `E` sell short exempt.
        17 side: u8,
        /// Number of open shares.
        18 quantity: U32,
        /// Symbol, padded with spaces.
        22 symbol: [u8; 8],
        /// Price accepted, in 1/10000.
        30 price: U64,
        /// `0` day, `3` immediate or cancel, `5` extended hours, `6` good till time, `E` after
        /// hours.
        38 time_in_force: u8,
        /// `Y` shown, `N` hidden, `A` shown with the firm, `Z` conformant.
        39 display: u8,
        /// Venue's number of the replacement, the same on market data.
        40 order_reference_number: U64,
        /// `A` agency, `P` principal, `R` riskless, `O` other.
        48 capacity: u8,
        /// Intermarket sweep order: `Y` or `N`.
        49 inter_market_sweep_eligibility: u8,
        /// `N` continuous; or only in a cross: `O` opening, `C` closing, `H` halt, `S`
        /// supplemental, `R` retail, `E` extended life, `A` after-hours close.
        50 cross_type: u8,
        /// `L` live, `D` dead: canceled at once.
        51 order_state: u8,
        /// Client's own text, padded with spaces.
        52 cl_ord_id: [u8; 14],
    }
}

message! {
    /// Cancellation of an order or of a part of it.
    OrderCanceled = b'C', 18 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the order.
        9 user_ref_num: U32,
        /// Number of shares canceled by this message.
        13 quantity: U32,
        /// `U` user, `I` immediate or cancel, `T` time, `S` supervisory, `Q` self-trade prevention,
        /// `Z` system, `H` halted, `E` closed, `F` or `G` post-only, and other letters.
        17 reason: u8,
    }
}

message! {
    /// Cancellation of an order or of a part of it by self-trade prevention: it would have traded
    /// with an order of the same owner.
    AiqCanceled = b'D', 32 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the order.
        9 user_ref_num: U32,
        /// Number of shares canceled by this message.
        13 decrement_shares: U32,
        /// Reason letter, always `Q`.
        17 reason: u8,
        /// Number of shares that would have traded.
        18 quantity_prevented_from_trading: U32,
        /// Price at which they would have traded, in 1/10000.
        22 execution_price: U64,
        /// `A` added, `R` removed, `O` opening cross, `C` closing cross, and other letters.
        30 liquidity_flag: u8,
        /// Self-trade prevention mode, one letter.
        31 aiq_strategy: u8,
    }
}

message! {
    /// Execution of an order.
    OrderExecuted = b'E', 34 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the order.
        9 user_ref_num: U32,
        /// Number of shares in this trade.
        13 quantity: U32,
        /// Price of this trade, in 1/10000.
        17 price: U64,
        /// `A` added, `R` removed, `O` opening cross, `C` closing cross, and other letters.
        25 liquidity_flag: u8,
        /// Number of the trade, the same on both sides and on market data.
        26 match_number: U64,
    }
}

message! {
    /// Bust of a trade: the trade is void.
    BrokenTrade = b'B', 36 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the order.
        9 user_ref_num: U32,
        /// Number of the trade, the same on both sides and on market data.
        13 match_number: U64,
        /// `E` erroneous, `C` consent, `S` supervisory, `X` external.
        21 reason: u8,
        /// Client's own text, padded with spaces.
        22 cl_ord_id: [u8; 14],
    }
}

message! {
    /// Rejection of a new order or a replacement.
    Rejected = b'J', 29 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the rejected order.
        9 user_ref_num: U32,
        /// Reason, a number of the protocol's table.
        13 reason: U16,
        /// Client's own text, padded with spaces.
        15 cl_ord_id: [u8; 14],
    }
}

message! {
    /// Notice that a cancel waits until the order may be canceled.
    CancelPending = b'P', 13 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the order.
        9 user_ref_num: U32,
    }
}

message! {
    /// Rejection of a cancel.
    CancelReject = b'I', 13 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the order.
        9 user_ref_num: U32,
    }
}

message! {
    /// Change of an order's priority.
    OrderPriorityUpdate = b'T', 30 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the order.
        9 user_ref_num: U32,
        /// Price in 1/10000.
        13 price: U64,
        /// `Y` shown, `N` hidden, `A` shown with the firm, `Z` conformant.
        21 display: u8,
        /// Venue's new number of the order, the same on market data.
        22 order_reference_number: U64,
    }
}

message! {
    /// Modification of an order.
    OrderModified = b'M', 18 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the order.
        9 user_ref_num: U32,
        /// `B` buy, `S` sell, `T` sell short, `E` sell short exempt.
        13 side: u8,
        /// Number of open shares.
        14 quantity: U32,
    }
}

message! {
    /// Change of an order's display; the tagged values give the details.
    OrderRestated = b'R', 14 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the order.
        9 user_ref_num: U32,
        /// `R` displayed quantity refreshed, `P` displayed price changed.
        13 reason: u8,
    }
}

message! {
    /// Acceptance of a mass cancel; the cancellation of each order follows.
    MassCancelResponse = b'X', 25 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the request.
        9 user_ref_num: U32,
        /// Firm, padded with spaces.
        13 firm: [u8; 4],
        /// Symbol, padded with spaces; all spaces for all symbols.
        17 symbol: [u8; 8],
    }
}

message! {
    /// Order entry is disabled for a firm.
    DisableOrderEntryResponse = b'G', 17 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the request.
        9 user_ref_num: U32,
        /// Firm, padded with spaces.
        13 firm: [u8; 4],
    }
}

message! {
    /// Order entry is enabled for a firm again.
    EnableOrderEntryResponse = b'K', 17 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Client's number of the request.
        9 user_ref_num: U32,
        /// Firm, padded with spaces.
        13 firm: [u8; 4],
    }
}

message! {
    /// Answer to an account query.
    AccountQueryResponse = b'Q', 13 bytes {
        /// Official time, in ns since midnight UTC.
        1 timestamp: U64,
        /// Lowest number that the venue will accept next.
        9 next_user_ref_num: U32,
    }
}
