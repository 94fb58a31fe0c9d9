//! What a client asks. The appendage behind each is in [`Request`](super::Request).

use crate::{Message, message};
use zerocopy::big_endian::{U32, U64};

message! {
    /// A new order.
    EnterOrder = b'O', 45 bytes {
        /// The client's number of the order, higher than all before.
        1 user_ref_num: U32,
        /// `B` buy, `S` sell, `T` sell short, `E` sell short exempt.
        5 side: u8,
        /// Shares, 1 to [`QUANTITY_MAX`](super::QUANTITY_MAX).
        6 quantity: U32,
        /// The instrument, padded with spaces.
        10 symbol: [u8; 8],
        /// Price in 1/10000.
        18 price: U64,
        /// `0` day, `3` immediate or cancel, `5` extended hours, `6` good till time, `E` after hours.
        26 time_in_force: u8,
        /// `Y` shown, `N` hidden, `A` shown with the firm.
        27 display: u8,
        /// `A` agency, `P` principal, `R` riskless, `O` other.
        28 capacity: u8,
        /// Whether it is an intermarket sweep: `Y` or `N`.
        29 inter_market_sweep_eligibility: u8,
        /// `N` continuous; or only in a cross: `O` opening, `C` closing, `H` halt, `S` supplemental, `R` retail,
        /// `E` extended life, `A` after-hours close.
        30 cross_type: u8,
        /// The client's own text, padded with spaces.
        31 cl_ord_id: [u8; 14],
    }
}

impl EnterOrder {
    /// A shown limit order for the day, of the firm itself and without a text; others are made from it.
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
    /// Cancels an order and enters another one in its place, which loses its priority.
    ReplaceOrder = b'U', 38 bytes {
        /// The client's number of the order that is replaced.
        1 orig_user_ref_num: U32,
        /// The client's number of the replacement, higher than all before.
        5 user_ref_num: U32,
        /// Shares of the whole chain: those that traded and those that shall be open.
        9 quantity: U32,
        /// Price in 1/10000.
        13 price: U64,
        /// `0` day, `3` immediate or cancel, `5` extended hours, `6` good till time.
        21 time_in_force: u8,
        /// `Y` shown, `N` hidden, `A` shown with the firm.
        22 display: u8,
        /// Whether it is an intermarket sweep: `Y` or `N`.
        23 inter_market_sweep_eligibility: u8,
        /// The client's own text, padded with spaces.
        24 cl_ord_id: [u8; 14],
    }
}

message! {
    /// Cancels an order or a part of it; it keeps its priority.
    CancelOrder = b'X', 9 bytes {
        /// The client's number of the order.
        1 user_ref_num: U32,
        /// Shares that the order shall have, with those that traded; 0 to cancel all that is open.
        5 quantity: U32,
    }
}

message! {
    /// Changes an order that keeps its priority.
    ModifyOrder = b'M', 10 bytes {
        /// The client's number of the order.
        1 user_ref_num: U32,
        /// The new side; only `S` sell, `T` sell short and `E` sell short exempt change into each other.
        5 side: u8,
        /// Shares that the order shall have, with those that traded; not more than it has.
        6 quantity: U32,
    }
}

message! {
    /// Cancels all orders of a firm.
    MassCancel = b'C', 17 bytes {
        /// The client's number of this request.
        1 user_ref_num: U32,
        /// The firm, padded with spaces.
        5 firm: [u8; 4],
        /// The instrument, padded with spaces; only spaces for all.
        9 symbol: [u8; 8],
    }
}

message! {
    /// Takes no more orders of a firm.
    DisableOrderEntry = b'D', 9 bytes {
        /// The client's number of this request.
        1 user_ref_num: U32,
        /// The firm, padded with spaces.
        5 firm: [u8; 4],
    }
}

message! {
    /// Takes orders of a firm again.
    EnableOrderEntry = b'E', 9 bytes {
        /// The client's number of this request.
        1 user_ref_num: U32,
        /// The firm, padded with spaces.
        5 firm: [u8; 4],
    }
}

message! {
    /// Asks for the next number that the venue will take.
    AccountQuery = b'Q', 1 bytes {
    }
}
