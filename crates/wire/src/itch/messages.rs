//! Layouts of the feed's messages.

use super::Header;
use crate::{Malformed, Message};
use zerocopy::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Declares layouts that begin with a [`Header`], and the enum of all of them.
macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident = $letter:literal, $bytes:literal bytes {
        $($(#[$field_doc:meta])* $offset:literal $field:ident: $type:ty,)*
    })*) => {
        $(
            $(#[$doc])*
            #[derive(
                Clone, Copy, Debug, PartialEq, Eq,
                FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
            )]
            #[repr(C)]
            pub struct $name {
                /// Type, symbol and time.
                pub header: Header,
                $($(#[$field_doc])* pub $field: $type,)*
            }

            const _: () = assert!(
                size_of::<$name>() == $bytes $(&& std::mem::offset_of!($name, $field) == $offset)*
            );

            impl Message for $name {
                const TYPE: u8 = $letter;
            }
        )*

        /// Any message of the feed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)] // Each layout documents its variant.
        pub enum Itch<'a> {
            $($name(&'a $name),)*
        }

        impl<'a> Itch<'a> {
            /// Parses a whole message.
            #[inline]
            pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
                let message_type = *bytes.first().ok_or(Malformed::Empty)?;
                let length = Malformed::Length { message_type, bytes: bytes.len() };
                match message_type {
                    $($letter => {
                        $name::ref_from_bytes(bytes).map(Itch::$name).map_err(|_| length)
                    })*
                    unknown => Err(Malformed::UnknownType(unknown)),
                }
            }

            /// Bytes of the message.
            pub fn bytes(&self) -> &'a [u8] {
                match self { $(Itch::$name(message) => message.as_bytes(),)* }
            }

            /// Header of the message.
            pub fn header(&self) -> &'a Header {
                match self { $(Itch::$name(message) => &message.header,)* }
            }
        }
    };
}

messages! {
    /// Start or end of a phase of the day.
    SystemEvent = b'S', 12 bytes {
        /// Start of: `O` messages, `S` system hours, `Q` market hours. End of: `M` market hours,
        /// `E` system hours, `C` messages.
        11 event_code: u8,
    }
    /// Description of a symbol, at the start of the day.
    StockDirectory = b'R', 39 bytes {
        /// Symbol, padded with spaces.
        11 stock: [u8; 8],
        /// Market that lists the symbol: `Q`, `G`, `S`, `N`, `A`, `P`, `Z`, `V`, `M` or a space.
        19 market_category: u8,
        /// `N` normal; `D`, `E`, `Q`, `S`, `G`, `H`, `J`, `K` or `C` if not normal; or a space.
        20 financial_status: u8,
        /// Number of shares in a round lot.
        21 round_lot_size: U32,
        /// Restriction to round lots: `Y` or `N`.
        25 round_lots_only: u8,
        /// `C` common stock, `P` preferred, `B` bond, and other letters.
        26 issue_classification: u8,
        /// `Z ` for none, and other letters.
        27 issue_sub_type: [u8; 2],
        /// `P` live, `T` test.
        29 authenticity: u8,
        /// Duty to close out short sales: `Y`, `N` or a space.
        30 short_sale_threshold: u8,
        /// New listing: `Y`, `N`, `Z` or a space.
        31 ipo_flag: u8,
        /// Tier of the price bands: `1`, `2` or a space.
        32 luld_tier: u8,
        /// Exchange-traded product: `Y`, `N` or a space.
        33 etp_flag: u8,
        /// Leverage factor of an exchange-traded product.
        34 etp_leverage_factor: U32,
        /// Exchange-traded product that moves inversely: `Y` or `N`.
        38 inverse_indicator: u8,
    }
    /// Trading state of a symbol.
    StockTradingAction = b'H', 25 bytes {
        /// Symbol, padded with spaces.
        11 stock: [u8; 8],
        /// `H` halted, `P` paused, `Q` quotation only, `T` trading.
        19 trading_state: u8,
        /// Reserved byte without a meaning.
        20 reserved: u8,
        /// Cause of the state, padded with spaces.
        21 reason: [u8; 4],
    }
    /// Price restriction on short sales of a symbol.
    RegShoRestriction = b'Y', 20 bytes {
        /// Symbol, padded with spaces.
        11 stock: [u8; 8],
        /// `0` none, `1` in effect after an intraday price drop, `2` remains in effect.
        19 reg_sho_action: u8,
    }
    /// State of a market participant in a symbol.
    MarketParticipantPosition = b'L', 26 bytes {
        /// Market participant, padded with spaces.
        11 mpid: [u8; 4],
        /// Symbol, padded with spaces.
        15 stock: [u8; 8],
        /// Primary market maker: `Y` or `N`.
        23 primary_market_maker: u8,
        /// `N` normal, `P` passive, `S` syndicate, `R` pre-syndicate, `L` penalty.
        24 market_maker_mode: u8,
        /// `A` active, `E` excused, `W` withdrawn, `S` suspended, `D` deleted.
        25 participant_state: u8,
    }
    /// Levels of the market-wide circuit breaker. Unlike all other prices, these are in
    /// 1/100000000.
    MwcbDeclineLevel = b'V', 35 bytes {
        /// Level 1, in 1/100000000.
        11 level1: U64,
        /// Level 2, in 1/100000000.
        19 level2: U64,
        /// Level 3, in 1/100000000.
        27 level3: U64,
    }
    /// Breach of a level of the market-wide circuit breaker.
    MwcbStatus = b'W', 12 bytes {
        /// Level that was breached: `1`, `2` or `3`.
        11 breached_level: u8,
    }
    /// Start of quoting for a new listing.
    IpoQuotingPeriodUpdate = b'K', 28 bytes {
        /// Symbol, padded with spaces.
        11 stock: [u8; 8],
        /// Time of release, in seconds since midnight.
        19 release_time: U32,
        /// `A` anticipated, `C` canceled or postponed.
        23 release_qualifier: u8,
        /// Price of the offering, in 1/10000.
        24 ipo_price: U32,
    }
    /// Prices between which a paused symbol may reopen.
    LuldAuctionCollar = b'J', 35 bytes {
        /// Symbol, padded with spaces.
        11 stock: [u8; 8],
        /// Reference price, in 1/10000.
        19 reference_price: U32,
        /// Highest price, in 1/10000.
        23 upper_price: U32,
        /// Lowest price, in 1/10000.
        27 lower_price: U32,
        /// Number of extensions of the pause.
        31 extension: U32,
    }
    /// Trading state of a symbol on one of several markets.
    OperationalHalt = b'h', 21 bytes {
        /// Symbol, padded with spaces.
        11 stock: [u8; 8],
        /// Market: `Q`, `B` or `X`.
        19 market_code: u8,
        /// `H` halted, `T` trading.
        20 action: u8,
    }
    /// New resting order, at the end of its level.
    AddOrder = b'A', 36 bytes {
        /// Order's number for the day, the same in OUCH.
        11 order_reference: U64,
        /// `B` buy, `S` sell.
        19 side: u8,
        /// Number of displayed shares.
        20 shares: U32,
        /// Symbol, padded with spaces.
        24 stock: [u8; 8],
        /// Price in 1/10000.
        32 price: U32,
    }
    /// New resting order that shows its firm, at the end of its level.
    AddOrderAttributed = b'F', 40 bytes {
        /// Order's number for the day, the same in OUCH.
        11 order_reference: U64,
        /// `B` buy, `S` sell.
        19 side: u8,
        /// Number of displayed shares.
        20 shares: U32,
        /// Symbol, padded with spaces.
        24 stock: [u8; 8],
        /// Price in 1/10000.
        32 price: U32,
        /// Firm, padded with spaces.
        36 attribution: [u8; 4],
    }
    /// Trade of a resting order at its own price. The order leaves the book when no shares are
    /// left.
    OrderExecuted = b'E', 31 bytes {
        /// Order's number for the day, the same in OUCH.
        11 order_reference: U64,
        /// Shares of this trade.
        19 executed_shares: U32,
        /// Trade's number for the day, the same in OUCH.
        23 match_number: U64,
    }
    /// Trade of a resting order at a price other than its own. The order leaves the book when no
    /// shares are left.
    OrderExecutedWithPrice = b'C', 36 bytes {
        /// Order's number for the day, the same in OUCH.
        11 order_reference: U64,
        /// Shares of this trade.
        19 executed_shares: U32,
        /// Trade's number for the day, the same in OUCH.
        23 match_number: U64,
        /// `Y`, or `N` if another message includes the volume, too.
        31 printable: u8,
        /// Price of the trade, in 1/10000.
        32 execution_price: U32,
    }
    /// Reduction of a resting order, which keeps its priority.
    OrderCancel = b'X', 23 bytes {
        /// Order's number for the day, the same in OUCH.
        11 order_reference: U64,
        /// Number of shares taken from the order.
        19 cancelled_shares: U32,
    }
    /// Removal of a resting order.
    OrderDelete = b'D', 19 bytes {
        /// Order's number for the day, the same in OUCH.
        11 order_reference: U64,
    }
    /// Replacement of a resting order by another one at the end of its level, with the same side,
    /// symbol and attribution.
    OrderReplace = b'U', 35 bytes {
        /// Number of the order that leaves the book.
        11 original_order_reference: U64,
        /// Number of the order that rests instead.
        19 new_order_reference: U64,
        /// Number of displayed shares.
        27 shares: U32,
        /// Price in 1/10000.
        31 price: U32,
    }
    /// Trade against a hidden order; no displayed order changes.
    Trade = b'P', 44 bytes {
        /// Always 0: the order was hidden.
        11 order_reference: U64,
        /// Side letter, always `B`.
        19 side: u8,
        /// Shares of this trade.
        20 shares: U32,
        /// Symbol, padded with spaces.
        24 stock: [u8; 8],
        /// Price in 1/10000.
        32 price: U32,
        /// Trade's number for the day, the same in OUCH.
        36 match_number: U64,
    }
    /// Result of an auction. Other messages report the changes to displayed orders.
    CrossTrade = b'Q', 40 bytes {
        /// Number of shares traded in the auction.
        11 shares: U64,
        /// Symbol, padded with spaces.
        19 stock: [u8; 8],
        /// Price of the auction, in 1/10000.
        27 cross_price: U32,
        /// Number of the auction.
        31 match_number: U64,
        /// `O` opening, `C` closing, `H` after a halt or new listing; `I` intraday is obsolete.
        39 cross_type: u8,
    }
    /// Bust of a trade: the trade is void; no order changes.
    BrokenTrade = b'B', 19 bytes {
        /// Trade's number for the day, the same in OUCH.
        11 match_number: U64,
    }
    /// Result that an auction would have now.
    NetOrderImbalance = b'I', 50 bytes {
        /// Number of shares that would trade.
        11 paired_shares: U64,
        /// Number of shares that would be left.
        19 imbalance_shares: U64,
        /// Side of the shares that would be left: `B` buy, `S` sell, `N` none, `O` too few orders,
        /// `P` paused.
        27 imbalance_direction: u8,
        /// Symbol, padded with spaces.
        28 stock: [u8; 8],
        /// Price from orders for the auction only, in 1/10000.
        36 far_price: U32,
        /// Price from all orders, in 1/10000.
        40 near_price: U32,
        /// Price at which the shares are counted, in 1/10000.
        44 current_reference_price: U32,
        /// `O` opening, `C` closing, `H` after a halt or new listing, `A` extended close.
        48 cross_type: u8,
        /// Distance of the near price from the reference price: `L` below 1 %, `1` to `9` from that
        /// many %, `A` from 10 %, `B` from 20 %, `C` from 30 %, or a space.
        49 price_variation: u8,
    }
    /// Interest of orders that trade only with retail orders.
    RetailPriceImprovementIndicator = b'N', 20 bytes {
        /// Symbol, padded with spaces.
        11 stock: [u8; 8],
        /// `B` buy, `S` sell, `A` both, `N` none.
        19 interest_flag: u8,
    }
    /// Prices between which a direct listing that raises capital may open.
    DirectListing = b'O', 48 bytes {
        /// Symbol, padded with spaces.
        11 stock: [u8; 8],
        /// Eligibility to open: `Y` or `N`.
        19 open_eligibility: u8,
        /// Lowest price at which it may open, in 1/10000.
        20 min_allowable_price: U32,
        /// Highest price at which it may open, in 1/10000.
        24 max_allowable_price: U32,
        /// Price at which it would open now, in 1/10000.
        28 near_execution_price: U32,
        /// Time when the near execution price was set.
        32 near_execution_time: U64,
        /// Lowest price of the collar, in 1/10000.
        40 lower_price_range_collar: U32,
        /// Highest price of the collar, in 1/10000.
        44 upper_price_range_collar: U32,
    }
}
