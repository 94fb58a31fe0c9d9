//! Requests of a client. The appendage of each is in [`Request`](super::Request).

use crate::{Message, message};
use zerocopy::big_endian::{U32, U64};

message! {
    /// Enters a new order.
    EnterOrder = b'O', 45 bytes {
        /// Client's number of the order, higher than all before.
        1 user_ref_num: U32,
        /// `B` buy, `S` sell, `T` sell short, `E` sell short exempt.
        5 side: u8,
        /// Shares, 1 to [`QUANTITY_MAX`](super::QUANTITY_MAX).
        6 quantity: U32,
        /// Symbol, padded with spaces.
        10 symbol: [u8; 8],
        /// Price in 1/10000.
        18 price: U64,
        /// `0` day, `3` immediate or cancel, `5` extended hours, `6` good till time, `E` after
        /// hours.
        26 time_in_force: u8,
        /// `Y` shown, `N` hidden, `A` shown with the firm.
        27 display: u8,
        /// `A` agency, `P` principal, `R` riskless, `O` other.
        28 capacity: u8,
        /// Intermarket sweep order: `Y` or `N`.
        29 inter_market_sweep_eligibility: u8,
        /// `N` continuous; or only in a cross: `O` opening, `C` closing, `H` halt, `S`
        /// supplemental, `R` retail, `E` extended life, `A` after-hours close.
        30 cross_type: u8,
        /// Client's own text, padded with spaces.
        31 cl_ord_id: [u8; 14],
    }
}

impl EnterOrder {
    /// Creates a displayed limit order for the day, as principal and without a text; a base for
    /// other orders.
    pub fn limit(id: u32, side: u8, quantity: u32, symbol: [u8; 8], price: u64) -> Self {
        EnterOrder {
            message_type: Self::TYPE,
            user_ref_num: id.into(),
            side,
            quantity: quantity.into(),
            symbol,
            price: price.into(),
            time_in_force: b'0',
            display: b'Y',
            capacity: b'P',
            inter_market_sweep_eligibility: b'N',
            cross_type: b'N',
            cl_ord_id: [b' '; 14],
        }
    }
}

message! {
    /// Cancels an order and enters another one in its place, which loses the time priority.
    ReplaceOrder = b'U', 38 bytes {
        /// Client's number of the order that is replaced.
        1 orig_user_ref_num: U32,
        /// Client's number of the replacement, higher than all before.
        5 user_ref_num: U32,
        /// Total shares of the chain of replacements: those already executed and those to be open.
        9 quantity: U32,
        /// Price in 1/10000.
        13 price: U64,
        /// `0` day, `3` immediate or cancel, `5` extended hours, `6` good till time.
        21 time_in_force: u8,
        /// `Y` shown, `N` hidden, `A` shown with the firm.
        22 display: u8,
        /// Intermarket sweep order: `Y` or `N`.
        23 inter_market_sweep_eligibility: u8,
        /// Client's own text, padded with spaces.
        24 cl_ord_id: [u8; 14],
    }
}

message! {
    /// Cancels an order or a part of it; the rest keeps its priority.
    CancelOrder = b'X', 9 bytes {
        /// Client's number of the order.
        1 user_ref_num: U32,
        /// New total shares of the order, executed ones included; 0 cancels all that is open.
        5 quantity: U32,
    }
}

message! {
    /// Changes an order, which keeps its priority.
    ModifyOrder = b'M', 10 bytes {
        /// Client's number of the order.
        1 user_ref_num: U32,
        /// New side; only `S` sell, `T` sell short and `E` sell short exempt change into each
        /// other.
        5 side: u8,
        /// New total shares of the order, executed ones included; not more than before.
        6 quantity: U32,
    }
}

message! {
    /// Cancels all orders of a firm.
    MassCancel = b'C', 17 bytes {
        /// Client's number of this request.
        1 user_ref_num: U32,
        /// Firm, padded with spaces.
        5 firm: [u8; 4],
        /// Symbol, padded with spaces; all spaces for all symbols.
        9 symbol: [u8; 8],
    }
}

message! {
    /// Disables order entry for a firm.
    DisableOrderEntry = b'D', 9 bytes {
        /// Client's number of this request.
        1 user_ref_num: U32,
        /// Firm, padded with spaces.
        5 firm: [u8; 4],
    }
}

message! {
    /// Enables order entry for a firm again.
    EnableOrderEntry = b'E', 9 bytes {
        /// Client's number of this request.
        1 user_ref_num: U32,
        /// Firm, padded with spaces.
        5 firm: [u8; 4],
    }
}

message! {
    /// Asks for the next number that the venue will accept.
    AccountQuery = b'Q', 1 bytes {
    }
}
