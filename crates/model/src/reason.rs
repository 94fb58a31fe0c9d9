//! Reasons of rejects and cancels: the one table of their stable numbers, names in files, codes of
//! the wire protocols and texts.
//!
//! A number is never reused. OUCH codes are those of OUCH 5.0: a letter for a cancel, a number for
//! a reject. A reject for which OUCH 5.0 has no number has 0x8000 plus the number in the journal.
//! FIX values are OrdRejReason (103) and, for a rejected cancel request, CxlRejReason (102).

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// OUCH code of a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ouch {
    /// `Reason` letter of a Canceled message.
    Cancel(char),
    /// `Reason` number of a Rejected message.
    Reject(u16),
}

macro_rules! reasons {
    ($(
        $(#[$doc:meta])*
        $variant:ident = $code:literal $name:literal, $ouch:expr, fix $fix:literal, $text:literal;
    )*) => {
        /// Cause of a reject or a cancel.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, IntoBytes, TryFromBytes, Immutable,
            KnownLayout,
        )]
        #[repr(u8)]
        pub enum Reason {
            /// No cause: nothing is rejected or cancelled.
            None = 0,
            $(#[doc = $text] $variant = $code),*
        }

        impl Reason {
            /// All causes, in the order of their numbers.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant),*];

            /// Returns the cause with this number; `None` if there is none.
            #[inline]
            pub fn from_code(code: u8) -> Option<Self> {
                match code { 0 => Some(Self::None), $($code => Some(Self::$variant),)* _ => None }
            }

            /// Returns the name in files and reports.
            pub fn name(self) -> &'static str {
                match self { Self::None => "none", $(Self::$variant => $name),* }
            }

            /// Returns the OUCH code.
            pub fn ouch(self) -> Option<Ouch> {
                match self { Self::None => None, $(Self::$variant => Some($ouch)),* }
            }

            /// Returns the FIX value.
            pub fn fix(self) -> u16 {
                match self { Self::None => 0, $(Self::$variant => $fix),* }
            }

            /// Returns the meaning, as a sentence for people.
            pub fn text(self) -> &'static str {
                match self { Self::None => "", $(Self::$variant => $text),* }
            }
        }
    };
}

use Ouch::{Cancel, Reject};

reasons! {
    // Reasons of a cancel.
    User = 1 "user", Cancel('U'), fix 0, "The client asked for it.";
    IocRemainder = 2 "ioc_remainder", Cancel('I'), fix 0, "The rest of an immediate-or-cancel order.";
    FokNotFillable = 3 "fok_not_fillable", Cancel('I'), fix 0, "A fill-or-kill order that could not be filled whole.";
    NoLiquidity = 4 "no_liquidity", Cancel('I'), fix 0, "A market order found nothing more to trade with.";
    Collar = 5 "collar", Cancel('K'), fix 0, "The next trade of a market order would be outside the collar.";
    SelfTrade = 6 "self_trade", Cancel('Q'), fix 0, "It would have traded with its own firm or group.";
    Halt = 7 "halt", Cancel('H'), fix 0, "The symbol is halted.";
    Expired = 8 "expired", Cancel('T'), fix 0, "Its time in force ended.";
    Disconnect = 9 "disconnect", Cancel('U'), fix 0, "Its session ended and asked for cancel on disconnect.";
    MassCancel = 10 "mass_cancel", Cancel('U'), fix 0, "A mass cancel covered it.";
    Risk = 11 "risk", Cancel('S'), fix 3, "A risk limit.";
    AuctionLeftover = 12 "auction_leftover", Cancel('C'), fix 0, "An auction order that the uncross left over.";
    ReplacedInvalid = 13 "replaced_invalid", Cancel('Z'), fix 99, "A replace of it had invalid terms.";
    Operator = 14 "operator", Cancel('S'), fix 0, "The operator of the venue.";
    StopCascade = 15 "stop_cascade", Cancel('Z'), fix 0, "A cascade of stop orders passed its cap.";
    Moved = 16 "moved", Cancel('S'), fix 0, "It went with its symbol to another partition.";

    LimitState = 17 "limit_state", Cancel('H'), fix 0, "A quote stood at a price band for too long: the symbol is paused.";
    BandEnded = 18 "band_ended", Cancel('K'), fix 0, "A price band came to lie before its limit, and it asked not to be re-priced.";
    ShortEnded = 19 "short_ended", Cancel('D'), fix 0, "A short sale that the price test did not let in when its stop was elected.";
    WorkLimit = 20 "work_limit", Cancel('Z'), fix 0, "Its command would have traded more often, or given more places, than one command may.";

    // Reasons of a reject.
    UnknownSymbol = 32 "unknown_symbol", Reject(0x0017), fix 1, "No such symbol.";
    UnknownOrder = 33 "unknown_order", Reject(0x8021), fix 1, "The session never had an order of this id.";
    TooLate = 34 "too_late", Reject(0x8022), fix 0, "The order has ended.";
    DuplicateId = 35 "duplicate_id", Reject(0x8023), fix 6, "The session has used this id before.";
    InvalidPrice = 36 "invalid_price", Reject(0x001D), fix 99, "A price that is missing, not positive, out of range, or not allowed for the type.";
    OffTick = 37 "off_tick", Reject(0x8025), fix 99, "A price between two ticks.";
    InvalidQuantity = 38 "invalid_quantity", Reject(0x0013), fix 13, "A quantity that is zero or out of range.";
    OffLot = 39 "off_lot", Reject(0x8027), fix 13, "A quantity that is no multiple of the lot.";
    NotAReduction = 40 "not_a_reduction", Reject(0x8028), fix 13, "A reduce must lower the total quantity; replace raises it.";
    PostOnlyWouldCross = 41 "post_only_would_cross", Cancel('G'), fix 99, "A post-only order would have taken liquidity.";
    Unsupported = 42 "unsupported", Reject(0x000F), fix 11, "A combination of type, time in force and options that the venue does not serve.";
    DuplicateName = 43 "duplicate_name", Reject(0x802B), fix 99, "The symbol, session or firm exists already.";
    InvalidDefinition = 44 "invalid_definition", Reject(0x802C), fix 99, "A definition with values out of range.";
    LowSpace = 45 "low_space", Reject(0x802D), fix 99, "The journal is short of space: orders can be cancelled, not entered.";
    RateLimit = 46 "rate_limit", Reject(0x0029), fix 99, "The session sends more orders a second than it may.";
    OrderEntryDisabled = 47 "order_entry_disabled", Reject(0x802F), fix 99, "The session has disabled its order entry.";
    NotPermitted = 48 "not_permitted", Reject(0x000C), fix 99, "The session may not trade the symbol, or not for the firm.";
    Closed = 49 "closed", Reject(0x0002), fix 2, "The symbol is closed, or the trading day is over.";
    InvalidSide = 50 "invalid_side", Reject(0x0009), fix 99, "A side that is none, or that the order cannot change to.";
    InvalidDisplay = 51 "invalid_display", Reject(0x0003), fix 99, "A display instruction that the venue does not serve.";
    InvalidCross = 52 "invalid_cross", Reject(0x0014), fix 99, "A cross type that the venue does not serve.";
    InvalidPeg = 53 "invalid_peg", Reject(0x0005), fix 99, "A price type that the venue does not serve.";
    InvalidMinQuantity = 54 "invalid_min_quantity", Reject(0x000D), fix 99, "A minimum quantity that the venue does not serve.";
    InvalidMaxFloor = 55 "invalid_max_floor", Reject(0x0004), fix 99, "A displayed quantity that the venue does not serve.";
    InvalidSelfTrade = 56 "invalid_self_trade", Reject(0x0040), fix 99, "A self-trade prevention mode or group that is none.";
    UnsupportedField = 57 "unsupported_field", Reject(0x8039), fix 99, "A field or tag with a value that the venue does not serve.";
    Moving = 58 "moving", Reject(0x803A), fix 2, "The symbol is on its way to another partition: ask again in a moment.";
    WrongPartition = 59 "wrong_partition", Reject(0x001C), fix 99, "Another partition has the symbol; the version of the table that says so is told with it.";
    InvalidMove = 60 "invalid_move", Reject(0x803C), fix 99, "A step that does not follow from where the symbol is, or orders that are not those that were exported.";
    Halted = 61 "halted", Reject(0x0007), fix 2, "The symbol is halted: orders can be cancelled, not entered.";
    CancelOnly = 62 "cancel_only", Reject(0x803E), fix 2, "The symbol is cancel-only: orders can be cancelled, not entered.";
    NotInCall = 63 "not_in_call", Reject(0x803F), fix 11, "An order that can only trade at once, or not at all, while orders are collected for an auction.";
    AuctionOver = 64 "auction_over", Reject(0x8040), fix 4, "The auction that the order is for is over.";
    NoQuote = 65 "no_quote", Reject(0x0001), fix 99, "A peg has nothing to follow: the symbol has no reference quote.";
    ShortRestricted = 66 "short_restricted", Reject(0x0023), fix 99, "A short sale at or below the best bid while short sales are restricted.";
    InvalidExpiry = 67 "invalid_expiry", Reject(0x8043), fix 99, "An order that would expire at once.";
    RiskQuantity = 68 "risk_quantity", Reject(0x0031), fix 3, "The quantity is above a risk limit.";
    RiskNotional = 69 "risk_notional", Reject(0x0030), fix 3, "The value of the order is above a risk limit.";
    RiskOpenOrders = 70 "risk_open_orders", Reject(0x8046), fix 3, "As many orders are open as a risk limit lets.";
    RiskGross = 71 "risk_gross", Reject(0x0020), fix 3, "With the order the value traded on the day could be above a risk limit.";
    RiskRate = 72 "risk_rate", Reject(0x0028), fix 99, "More orders a second than a risk limit lets.";
    Killed = 73 "killed", Reject(0x8049), fix 3, "A kill switch lets no order in.";
    PriceBand = 74 "price_band", Cancel('K'), fix 0, "Its limit is beyond a price band, and it asked not to be re-priced.";
    CannotMove = 75 "cannot_move", Reject(0x804B), fix 99, "The symbol has what does not move with it: a state but open, a plan, bands, a quote, a short sale setting, an auction collar, a cap on waves of stops, or orders other than plain limit orders.";
    RiskStops = 76 "risk_stops", Reject(0x804C), fix 3, "As many stops wait as a risk limit lets.";
    RiskPegs = 77 "risk_pegs", Reject(0x804D), fix 3, "As many pegs are live as a risk limit lets.";
    RiskMinimums = 78 "risk_minimums", Reject(0x804E), fix 3, "As many hidden orders with a minimum quantity are live as a risk limit lets.";
    RiskSlices = 79 "risk_slices", Reject(0x804F), fix 3, "With the order icebergs would have more slices to show than a risk limit lets.";
    UnknownTrade = 80 "unknown_trade", Reject(0x8050), fix 99, "There was no trade of this number between these orders, or it is too old.";
    AlreadyBroken = 81 "already_broken", Reject(0x8051), fix 99, "The trade was broken before.";
    Busy = 82 "busy", Reject(0x8052), fix 2, "The symbol still has work of an earlier command to do: ask again in a moment.";
    InUse = 83 "in_use", Reject(0x8053), fix 99, "The symbol has live orders: the setting can only change without them.";
}

impl Reason {
    /// Returns true for the cause of a cancel; all other causes are those of a reject.
    #[inline]
    pub fn is_of_cancel(self) -> bool {
        (1..32).contains(&(self as u8))
    }

    /// Returns the cause of the cancel of an accepted order whose new limit a protection of the
    /// market refuses for this reason.
    pub fn of_end(self) -> Reason {
        match self {
            Reason::PriceBand => Reason::BandEnded,
            Reason::ShortRestricted => Reason::ShortEnded,
            reason => reason,
        }
    }

    /// Returns true if a replace that is rejected for this reason leaves the original order alive.
    #[inline]
    pub fn refuses_service(self) -> bool {
        use Reason::{
            Busy, CancelOnly, Closed, Halted, Killed, LowSpace, Moving, NoQuote, NotInCall,
            NotPermitted, OrderEntryDisabled, RateLimit, RiskGross, RiskMinimums, RiskNotional,
            RiskQuantity, RiskRate, RiskSlices, WrongPartition,
        };
        matches!(
            self,
            Busy | LowSpace
                | RateLimit
                | OrderEntryDisabled
                | NotPermitted
                | Closed
                | Halted
                | CancelOnly
                | NotInCall
                | NoQuote
                | Killed
                | RiskQuantity
                | RiskNotional
                | RiskGross
                | RiskRate
                | RiskMinimums
                | RiskSlices
                | Moving
                | WrongPartition
        )
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Reason {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_read_back() {
        for (i, &reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(Reason::from_code(reason as u8), Some(reason));
            assert!(Reason::ALL[..i].iter().all(|r| r.name() != reason.name()));
            assert!(reason.ouch().is_some() && !reason.text().is_empty());
            if let Some(Reject(code)) = reason.ouch() {
                assert!(Reason::ALL[..i].iter().all(|r| r.ouch() != reason.ouch()), "{reason:?}");
                assert!(code < 0x8000 || code == 0x8000 + reason as u16, "{reason:?}");
            }
            assert!(!reason.is_of_cancel() || matches!(reason.ouch(), Some(Cancel(_))));
        }
        assert_eq!(Reason::from_code(0), Some(Reason::None));
        assert_eq!(Reason::from_code(200), None);
    }
}
