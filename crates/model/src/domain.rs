//! Types of the venue's domain: prices, quantities, numbers and names.
//!
//! Prices are whole ticks and quantities whole units. A decimal exists only at the edge, where the
//! symbol's [`Tick`] converts it.

use zerocopy::{Immutable, IntoBytes, KnownLayout};

macro_rules! newtype {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, IntoBytes,
            zerocopy::FromBytes, Immutable, KnownLayout,
        )]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

newtype! {
    /// Price in whole ticks of its symbol, at least 1. 0 stands for "no price".
    Price(i64)
}
newtype! {
    /// Quantity in units of its symbol (shares, satoshis …), at least 1 on an order.
    Quantity(u64)
}
newtype! {
    /// Place of a command in the one order of a partition: 1, 2, 3 …. Used again only after a
    /// recovery cut the command: a command that was never committed, or a loss that the durability
    /// mode allows.
    SeqNo(u64)
}
newtype! {
    /// Nanoseconds since the Unix epoch: the official time that the sequencer stamps.
    Nanos(u64)
}
newtype! {
    /// Number of a symbol. 0 stands for "none": a symbol that is not defined.
    SymbolId(u32)
}
newtype! {
    /// Number of a client's session.
    SessionId(u32)
}
newtype! {
    /// Number of a member firm. 0 stands for "none".
    FirmId(u16)
}
newtype! {
    /// Order id that the session gives.
    OrderId(u64)
}
newtype! {
    /// Order number that the venue gives: the [`SeqNo`] of the command that gave the order its
    /// place. See [`OrderNumber::within`].
    OrderNumber(u64)
}
newtype! {
    /// Number that both sides of one trade share. See [`MatchNumber::of`].
    MatchNumber(u64)
}

newtype! {
    /// Number of a partition: the part of a venue that trades some of its symbols.
    PartitionId(u16)
}

impl OrderId {
    /// Lowest id that the venue gives itself, to orders that arrive with their symbol from another
    /// partition. Such ids end at 2^32 - 1. No client counts that far.
    pub const IMPORTED_MIN: OrderId = OrderId(4_000_000_000);

    /// Returns true if the venue gave the id.
    pub fn is_imported(self) -> bool {
        (Self::IMPORTED_MIN.0..1 << 32).contains(&self.0)
    }
}

impl SeqNo {
    const BITS: u32 = 44;

    /// Highest seqno: order numbers and match numbers have 44 bits for it.
    pub const MAX: SeqNo = SeqNo((1 << Self::BITS) - 1);
}

impl SymbolId {
    /// Number for no symbol: of commands that concern the whole venue or an unknown name.
    pub const NONE: SymbolId = SymbolId(0);

    /// Returns the shard that owns the symbol: a fixed hash, so that neighbouring numbers spread.
    #[inline]
    pub fn shard(self, shards: u32) -> u32 {
        let spread = self.0.wrapping_mul(0x9E37_79B1);
        ((u64::from(spread) * u64::from(shards)) >> 32) as u32
    }
}

impl OrderNumber {
    /// Maximum number of places that a command gives behind its own: the bits above those of a
    /// seqno hold it.
    pub const PLACES_MAX: u32 = (1 << (u64::BITS - SeqNo::BITS)) - 1;

    /// Returns the number of the order that the command at `seqno` gave a new place as its
    /// `index`th, from 1: an elected stop or the next slice of an iceberg. The index stands above
    /// the bits of every seqno, so no two orders have the same number.
    pub fn within(seqno: SeqNo, index: u32) -> Self {
        debug_assert!(index <= Self::PLACES_MAX);
        OrderNumber(u64::from(index) << SeqNo::BITS | seqno.0)
    }

    /// Returns the index of the order's place among those that its command gave; 0 for the
    /// command's own order, unless the command gave places before.
    pub fn index(self) -> u32 {
        (self.0 >> SeqNo::BITS) as u32
    }

    /// Returns the seqno of the command that gave the order its place.
    pub fn seqno(self) -> SeqNo {
        SeqNo(self.0 & SeqNo::MAX.0)
    }

    /// Returns a value that grows with the time at which orders got their places.
    pub fn age(self) -> u64 {
        self.0.rotate_left(u64::BITS - SeqNo::BITS)
    }
}

impl MatchNumber {
    const TRADE_BITS: u32 = 20;

    /// Maximum number of trades of a command.
    pub const TRADES_MAX: u32 = (1 << Self::TRADE_BITS) - 1;

    /// Returns the match number of trade `trade`, from 1 to [`Self::TRADES_MAX`], of the command at
    /// `seqno`.
    #[inline]
    pub fn of(seqno: SeqNo, trade: u32) -> Self {
        debug_assert!(trade <= Self::TRADES_MAX);
        MatchNumber((seqno.0 << Self::TRADE_BITS) + u64::from(trade))
    }
}

/// Declares an enum that is stored and sent as one byte.
macro_rules! byte_enum {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$vdoc:meta])* $variant:ident = $code:literal $text:literal),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, zerocopy::IntoBytes,
            zerocopy::TryFromBytes, zerocopy::Immutable, zerocopy::KnownLayout,
        )]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $code),* }

        impl $name {
            /// All values, in the order of their codes.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// Returns the value with this code; `None` if there is none.
            #[inline(always)]
            pub fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// Returns the name in files and reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl crate::field::Word for $name {
            const WORDS: &'static [Self] = Self::ALL;

            fn word(self) -> &'static str {
                self.name()
            }
        }
    };
}
pub(crate) use byte_enum;

byte_enum! {
    /// Step of a move of a symbol between partitions. `engine/moves.rs` describes the effect of
    /// each step.
    MoveStep {
        /// The symbol is not traded any more; its orders wait.
        Halt = 1 "halt",
        /// The orders of the halted symbol are published.
        Export = 2 "export",
        /// The symbol arrives: its orders are accepted and wait.
        Import = 3 "import",
        /// The symbol is traded here, with the orders that waited.
        Resume = 4 "resume",
        /// The symbol is traded on another partition; its orders here have ended.
        Release = 5 "release",
    }
}

byte_enum! {
    /// Side of an order, with the sell marking that regulation requires.
    Side {
        /// Buys the symbol.
        Buy = 0 "buy",
        /// Sells what the seller owns.
        Sell = 1 "sell",
        /// Sells short, under the short sale price test.
        Short = 2 "short",
        /// Sells short, exempt from the short sale price test.
        ShortExempt = 3 "short_exempt",
    }
}

impl Side {
    /// Returns true for an order on the bid side.
    #[inline]
    pub fn is_buy(self) -> bool {
        self == Side::Buy
    }
}

byte_enum! {
    /// Type of an order: its price condition.
    OrderType {
        /// Trades at its limit or better; the rest is booked.
        Limit = 0 "limit",
        /// Trades within the collar; the rest is never booked.
        Market = 1 "market",
        /// Trades like a market order; the rest is booked at the price of the last fill.
        MarketToLimit = 2 "market_to_limit",
    }
}

byte_enum! {
    /// Time in force of an order.
    TimeInForce {
        /// Until the end of the day.
        Day = 0 "day",
        /// Until the order is cancelled.
        Gtc = 1 "gtc",
        /// Immediate or cancel: the rest after matching is cancelled.
        Ioc = 2 "ioc",
        /// Fill or kill: trades in whole at once, or not at all.
        Fok = 3 "fok",
        /// Only for the auction that opens trading.
        AtOpen = 4 "at_open",
        /// Only for the closing auction.
        AtClose = 5 "at_close",
        /// Only for the next auction.
        Auction = 6 "auction",
    }
}

impl TimeInForce {
    /// Returns true if an order with it waits beside the book for an auction, and trades only
    /// there.
    #[inline]
    pub fn is_for_auction(self) -> bool {
        matches!(self, TimeInForce::AtOpen | TimeInForce::AtClose | TimeInForce::Auction)
    }

    /// Returns true if an order with it waits for such an auction.
    pub fn takes_part_in(self, auction: Auction) -> bool {
        match self {
            TimeInForce::AtOpen => auction != Auction::Closing,
            TimeInForce::AtClose => auction == Auction::Closing,
            TimeInForce::Auction => true,
            TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => false,
        }
    }
}

byte_enum! {
    /// Treatment of an order that must not take liquidity but would.
    PostOnly {
        /// The order may take liquidity.
        Off = 0 "off",
        /// The order is rejected.
        Reject = 1 "reject",
        /// The order is repriced to one tick on its own side of the touch.
        Slide = 2 "slide",
    }
}

byte_enum! {
    /// Treatment of an order that would trade with its own firm or group. The mode of the incoming
    /// order decides.
    SelfTrade {
        /// The orders trade with each other.
        None = 0 "none",
        /// The incoming order is cancelled.
        CancelNewest = 1 "cancel_newest",
        /// The resting order is cancelled.
        CancelOldest = 2 "cancel_oldest",
        /// Both orders are cancelled.
        CancelBoth = 3 "cancel_both",
        /// The smaller order is cancelled, and the larger order loses its quantity.
        Decrement = 4 "decrement",
        /// The smaller order is cancelled; both if they are equal.
        CancelSmallest = 5 "cancel_smallest",
    }
}

byte_enum! {
    /// Price that the limit of an order follows.
    Peg {
        /// No price: the order has a limit of its own.
        None = 0 "none",
        /// Best price of its own side in the reference quote.
        Primary = 1 "primary",
        /// Middle of the reference quote.
        Midpoint = 2 "midpoint",
    }
}

byte_enum! {
    /// Treatment of an order whose limit is beyond a price band.
    AtBand {
        /// The limit becomes the price of the band.
        Reprice = 0 "reprice",
        /// The order is cancelled, or rejected on entry.
        Cancel = 1 "cancel",
    }
}

byte_enum! {
    /// Treatment of a short sale that fails the short sale price test.
    AtShortTest {
        /// The order is rejected.
        Reject = 0 "reject",
        /// The order is repriced to one tick above the best bid.
        Slide = 1 "slide",
    }
}

byte_enum! {
    /// Scope of a risk limit.
    RiskScope {
        /// All orders of one session.
        Session = 1 "session",
        /// All sessions of a firm.
        Firm = 2 "firm",
        /// All orders of a symbol.
        Symbol = 3 "symbol",
    }
}

byte_enum! {
    /// Capacity in which a firm trades.
    Capacity {
        /// Not given, or none of the others.
        Other = 0 "other",
        /// For a customer of the firm.
        Agency = 1 "agency",
        /// For the firm itself.
        Principal = 2 "principal",
        /// For the firm itself, to fill a customer's order.
        Riskless = 3 "riskless",
    }
}

byte_enum! {
    /// Purpose of a session.
    Role {
        /// Commands from a file: its reports are lines.
        File = 0 "file",
        /// Order entry over the network: its reports are a numbered stream.
        OrderEntry = 1 "order_entry",
        /// Read-only stream of all reports to its firm.
        FirmDropCopy = 2 "firm_drop_copy",
        /// Read-only stream of all reports to any session.
        VenueDropCopy = 3 "venue_drop_copy",
    }
}

byte_enum! {
    /// Event of the trading day.
    DayEvent {
        /// The trading day begins.
        Start = 1 "start_of_day",
        /// The day ends: day orders expire, and no order can enter any more.
        End = 2 "end_of_day",
    }
}

byte_enum! {
    /// Session state of a symbol.
    SymbolState {
        /// No order can enter.
        Closed = 1 "closed",
        /// Call before the opening auction: orders are collected, nothing trades.
        PreOpen = 2 "pre_open",
        /// Continuous trading: an order trades on entry or rests.
        Open = 3 "open",
        /// Trading is suspended: orders can leave, none can enter.
        Halted = 4 "halted",
        /// Call of the auction that ends a halt.
        ReopeningCall = 5 "reopening_call",
        /// Call of the closing auction.
        ClosingCall = 6 "closing_call",
        /// Orders can leave, none can enter.
        CancelOnly = 7 "cancel_only",
    }
}

impl SymbolState {
    /// Returns the auction for which this state collects orders; `None` if the state is no call.
    pub fn auction(self) -> Option<Auction> {
        match self {
            SymbolState::PreOpen => Some(Auction::Opening),
            SymbolState::ReopeningCall => Some(Auction::Reopening),
            SymbolState::ClosingCall => Some(Auction::Closing),
            SymbolState::Closed
            | SymbolState::Open
            | SymbolState::Halted
            | SymbolState::CancelOnly => None,
        }
    }
}

byte_enum! {
    /// Auction: all collected orders trade at one price.
    Auction {
        /// Auction that begins continuous trading.
        Opening = 1 "opening",
        /// Auction that ends the trading of the day.
        Closing = 2 "closing",
        /// Auction that ends a halt.
        Reopening = 3 "reopening",
    }
}

/// Short ASCII name (of a symbol, session or firm), padded with zeros.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    IntoBytes,
    zerocopy::FromBytes,
    Immutable,
    KnownLayout,
)]
#[repr(transparent)]
pub struct Name([u8; Name::LEN_MAX]);

impl Name {
    /// Length of the longest name, in bytes.
    pub(crate) const LEN_MAX: usize = 16;

    /// Creates a name; `None` if the text is empty, too long, or not printable ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let printable = text.bytes().all(|b| b.is_ascii_graphic());
        if text.is_empty() || text.len() > Self::LEN_MAX || !printable {
            return None;
        }
        let mut bytes = [0; Self::LEN_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Name(bytes))
    }

    /// Returns the name without its padding.
    pub fn as_str(&self) -> &str {
        let len = self.0.iter().position(|&b| b == 0).unwrap_or(Self::LEN_MAX);
        std::str::from_utf8(&self.0[..len]).unwrap_or("?")
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// Size of one tick as a decimal: `mantissa` × 10^−`scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Digits as one number, at least 1.
    pub mantissa: u64,
    /// Number of digits after the decimal point.
    pub scale: u8,
}

/// Reason that a decimal is no price of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// The text is not of the form `123` or `123.45`.
    Malformed,
    /// The value is 0, negative, or beyond the range of [`Price`].
    OutOfRange,
    /// The value lies between two ticks.
    OffTick,
}

impl std::fmt::Display for DecimalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DecimalError::Malformed => "no decimal such as 123 or 123.45",
            DecimalError::OutOfRange => "a price that is not positive, or too large",
            DecimalError::OffTick => "a price between two ticks",
        })
    }
}

impl std::error::Error for DecimalError {}

impl Tick {
    /// Maximum number of digits after the decimal point.
    pub const SCALE_MAX: u8 = 12;

    /// Reads a tick size such as `0.01`, `0.5` or `5`; `None` if the text is no positive decimal.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits, scale) = decimal(text)?;
        let mantissa = u64::try_from(digits).ok()?;
        (!negative && mantissa > 0 && scale <= Self::SCALE_MAX).then_some(Tick { mantissa, scale })
    }

    /// Converts a decimal to whole ticks.
    pub fn ticks(self, text: &str) -> Result<Price, DecimalError> {
        let (negative, digits, scale) = decimal(text).ok_or(DecimalError::Malformed)?;
        if negative || digits == 0 {
            return Err(DecimalError::OutOfRange);
        }
        let pow = |n: u8| 10u128.pow(u32::from(n));
        let common = scale.max(self.scale);
        let value = digits.checked_mul(pow(common - scale)).ok_or(DecimalError::OutOfRange)?;
        let unit = u128::from(self.mantissa) * pow(common - self.scale);
        if value % unit != 0 {
            return Err(DecimalError::OffTick);
        }
        i64::try_from(value / unit).map(Price).map_err(|_| DecimalError::OutOfRange)
    }

    /// Converts a price to the nearest price of another tick; half a tick rounds up. A positive
    /// price stays one: 1 at least, and the greatest price at most.
    pub fn nearest(self, price: Price, other: Tick) -> Price {
        let Ok(ticks @ 1..) = u64::try_from(price.0) else { return price };
        let pow = |digits: u8| 10u128.pow(digits.into());
        let value = u128::from(ticks) * u128::from(self.mantissa);
        let unit = u128::from(other.mantissa) * pow(self.scale.saturating_sub(other.scale));
        let factor = pow(other.scale.saturating_sub(self.scale));
        // Either the unit or the factor has a power of ten, so the rest times the factor fits.
        let rest = value % unit * factor;
        let whole = (value / unit).saturating_mul(factor).saturating_add(rest / unit);
        let rounded = whole.saturating_add(u128::from(rest % unit >= unit.div_ceil(2)));
        Price(i64::try_from(rounded).unwrap_or(i64::MAX).max(1))
    }

    /// Returns the price as an exact decimal with all digits of the tick.
    pub fn decimal(self, price: Price) -> String {
        let value = i128::from(price.0) * i128::from(self.mantissa);
        if self.scale == 0 {
            return value.to_string();
        }
        let unit = 10i128.pow(u32::from(self.scale));
        let sign = if value < 0 { "-" } else { "" };
        let (whole, part) = (value.abs() / unit, value.abs() % unit);
        format!("{sign}{whole}.{part:0width$}", width = usize::from(self.scale))
    }
}

/// Returns sign, digits and number of decimals of `[-]digits[.digits]`; at most 30 digits, 18 of
/// them behind the point.
fn decimal(text: &str) -> Option<(bool, u128, u8)> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let has_point = text.contains('.');
    let digits_ok = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || (has_point && part.is_empty()) || !digits_ok(whole) || !digits_ok(part) {
        return None;
    }
    let part = part.trim_end_matches('0');
    if whole.len() + part.len() > 30 || part.len() > 18 {
        return None;
    }
    let digits = format!("{whole}{part}").parse().ok()?;
    Some((negative, digits, part.len() as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_become_ticks_and_back() {
        let cent = Tick::parse("0.01").unwrap();
        assert_eq!(cent.ticks("187.05"), Ok(Price(18705)));
        assert_eq!(cent.ticks("187.050"), Ok(Price(18705)));
        assert_eq!(cent.ticks("187"), Ok(Price(18700)));
        assert_eq!(cent.ticks("187.055"), Err(DecimalError::OffTick));
        assert_eq!(cent.ticks("0"), Err(DecimalError::OutOfRange));
        assert_eq!(cent.ticks("-1"), Err(DecimalError::OutOfRange));
        assert_eq!(cent.ticks("92233720368547758.07"), Ok(Price(i64::MAX)));
        assert_eq!(cent.ticks("92233720368547758.08"), Err(DecimalError::OutOfRange));
        for malformed in ["", ".", "1.", ".5", "1e5", "+1", "1 ", "0x1", "--1", "1.2.3"] {
            assert_eq!(cent.ticks(malformed), Err(DecimalError::Malformed), "{malformed}");
        }
        assert_eq!(cent.decimal(Price(18705)), "187.05");
        assert_eq!(cent.decimal(Price(5)), "0.05");
        let quarter = Tick::parse("0.25").unwrap();
        assert_eq!(quarter.ticks("10.75"), Ok(Price(43)));
        assert_eq!(quarter.decimal(Price(43)), "10.75");
        let five = Tick::parse("5").unwrap();
        assert_eq!(five.ticks("15"), Ok(Price(3)));
        assert_eq!(five.ticks("16"), Err(DecimalError::OffTick));
        assert_eq!(Tick::parse("0"), None);
        assert_eq!(Tick::parse("-0.01"), None);
    }

    #[test]
    fn prices_become_those_of_another_tick() {
        let cent = Tick::parse("0.01").unwrap();
        let nearest =
            |price: i64, tick: &str| cent.nearest(Price(price), Tick::parse(tick).unwrap()).0;
        assert_eq!([12, 13, 1, 0].map(|price| nearest(price, "0.05")), [2, 3, 1, 0]);
        assert_eq!([1, 3, 18705].map(|price| nearest(price, "0.001")), [10, 30, 187_050]);
        assert_eq!(
            [4, 5, 15].map(|price| nearest(price, "0.1")),
            [1, 1, 2],
            "half a tick rounds up"
        );
        assert_eq!([25, 62, 63].map(|price| nearest(price, "0.25")), [1, 2, 3]);
        assert_eq!(nearest(i64::MAX, "0.000000000001"), i64::MAX);
        let most = Tick { mantissa: u64::MAX, scale: 0 };
        let least = Tick { mantissa: 1, scale: Tick::SCALE_MAX };
        assert_eq!(most.nearest(Price(i64::MAX), least), Price(i64::MAX));
        assert_eq!(least.nearest(Price(i64::MAX), most), Price(1));
        assert_eq!(most.nearest(Price(i64::MAX), most), Price(i64::MAX));
        assert_eq!(least.nearest(Price(1_500_000_000_000), Tick::parse("1").unwrap()), Price(2));
    }

    #[test]
    fn names_are_short_printable_ascii() {
        assert_eq!(Name::new("AAPL").unwrap().as_str(), "AAPL");
        assert_eq!(Name::new("ABCDEFGHIJKLMNOP").unwrap().as_str(), "ABCDEFGHIJKLMNOP");
        for bad in ["", "ABCDEFGHIJKLMNOPQ", "A B", "É", "A\n"] {
            assert!(Name::new(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn shards_cover_every_symbol_evenly() {
        for shards in [1, 2, 3, 8] {
            let mut count = vec![0; shards as usize];
            (1..=10_000).for_each(|s| count[SymbolId(s).shard(shards) as usize] += 1);
            let even = 10_000 / shards as i32;
            assert!(count.iter().all(|&n: &i32| (n - even).abs() < even / 5), "{count:?}");
        }
    }
}
