//! The words of the venue as types: prices, quantities, numbers and names.
//!
//! Prices are whole ticks and quantities whole units; a decimal exists only at the edge, where the
//! instrument's [`Tick`] turns one into the other.

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
    /// A price in whole ticks of its instrument, at least 1. Zero stands for "no price".
    Price(i64)
}
newtype! {
    /// A quantity in units of its instrument (shares, satoshis …), at least 1 on an order.
    Quantity(u64)
}
newtype! {
    /// The place of a command in the venue's one order: 1, 2, 3 …, never reused.
    SeqNo(u64)
}
newtype! {
    /// Nanoseconds since the Unix epoch: the official time that the sequencer stamps.
    Nanos(u64)
}
newtype! {
    /// An instrument. Zero stands for "none": a symbol that nobody has defined.
    SymbolId(u32)
}
newtype! {
    /// A client's session.
    SessionId(u32)
}
newtype! {
    /// A member firm. Zero stands for "none".
    FirmId(u16)
}
newtype! {
    /// The session's own number of an order.
    OrderId(u64)
}
newtype! {
    /// The venue's number of an order: the [`SeqNo`] of the command that gave it its place. See [`OrderNumber::within`].
    OrderNumber(u64)
}
newtype! {
    /// The number that both sides of one trade share. See [`MatchNumber::of`].
    MatchNumber(u64)
}

newtype! {
    /// One of the instances that share the instruments of a venue.
    PartitionId(u16)
}

impl OrderId {
    /// From here on up to the end of 32 bits the venue gives the ids itself, to orders that come with their instrument
    /// from another partition. No client counts that far.
    pub const IMPORTED_MIN: OrderId = OrderId(4_000_000_000);

    /// Whether the venue gave it.
    pub fn is_imported(self) -> bool {
        (Self::IMPORTED_MIN.0..1 << 32).contains(&self.0)
    }
}

impl SeqNo {
    const BITS: u32 = 44;

    /// The highest one: order numbers and match numbers have 44 bits for it.
    pub const MAX: SeqNo = SeqNo((1 << Self::BITS) - 1);
}

impl SymbolId {
    /// No instrument: the symbol of commands that concern the whole venue or an unknown name.
    pub const NONE: SymbolId = SymbolId(0);

    /// The shard that owns this instrument: a fixed hash, so that neighbours spread.
    #[inline]
    pub fn shard(self, shards: u32) -> u32 {
        let spread = self.0.wrapping_mul(0x9E37_79B1);
        ((u64::from(spread) * u64::from(shards)) >> 32) as u32
    }
}

impl OrderNumber {
    /// The number of the order that the command at `seqno` gave a new place as its `index`th, from 1: an elected stop or
    /// the next slice of an iceberg. The index stands above the
    /// bits of every sequence number, so that no two orders have the same.
    pub fn within(seqno: SeqNo, index: u32) -> Self {
        OrderNumber(u64::from(index) << SeqNo::BITS | seqno.0)
    }

    /// The command that gave it its place.
    pub fn seqno(self) -> SeqNo {
        SeqNo(self.0 & SeqNo::MAX.0)
    }

    /// What grows with the time at which orders got their places.
    pub fn age(self) -> u64 {
        self.0.rotate_left(u64::BITS - SeqNo::BITS)
    }
}

impl MatchNumber {
    const TRADE_BITS: u32 = 20;

    /// Trade number `trade` (from 1) of the command at `seqno`. A command of more than 2^20 trades
    /// would run into the numbers of the next one only if that traded as well: the engine stops
    /// far below.
    #[inline]
    pub fn of(seqno: SeqNo, trade: u32) -> Self {
        MatchNumber((seqno.0 << Self::TRADE_BITS) + u64::from(trade))
    }
}

/// Declares an enum that travels as one byte.
macro_rules! byte_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, zerocopy::IntoBytes, zerocopy::TryFromBytes,
            zerocopy::Immutable, zerocopy::KnownLayout,
        )]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $code),* }

        impl $name {
            /// Every value, in the order of its code.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The byte of a frame back into the value; `None` if no value has it.
            #[inline(always)]
            pub fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// The word for it in files and reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}
pub(crate) use byte_enum;

byte_enum! {
    /// A step on an instrument's way from one partition to another. `engine/moves.rs` says what each does.
    MoveStep {
        /// It is not traded any more; its orders wait.
        Halt = 1 "halt",
        /// Its orders are told.
        Export = 2 "export",
        /// It comes: orders are taken and wait.
        Import = 3 "import",
        /// It is traded, here, with the orders that waited.
        Resume = 4 "resume",
        /// It is traded somewhere else; its orders are gone.
        Release = 5 "release",
    }
}

byte_enum! {
    /// What an order does, with the sell marking that regulation asks for.
    Side {
        /// Buy.
        Buy = 0 "buy",
        /// Sell what one owns.
        Sell = 1 "sell",
        /// Sell short.
        Short = 2 "short",
        /// Sell short, exempt from the short sale price test.
        ShortExempt = 3 "short_exempt",
    }
}

impl Side {
    /// Whether the order stands on the bid side.
    #[inline]
    pub fn is_buy(self) -> bool {
        self == Side::Buy
    }
}

byte_enum! {
    /// The type of an order (its price condition).
    OrderType {
        /// Trades at its limit or better, the rest books.
        Limit = 0 "limit",
        /// Trades within the collar, never books.
        Market = 1 "market",
        /// Trades like a market order; the rest books at the price of the last fill.
        MarketToLimit = 2 "market_to_limit",
    }
}

byte_enum! {
    /// How long an order stays.
    TimeInForce {
        /// Until the end of the day.
        Day = 0 "day",
        /// Until it is cancelled.
        Gtc = 1 "gtc",
        /// Immediate or cancel.
        Ioc = 2 "ioc",
        /// Fill or kill.
        Fok = 3 "fok",
        /// For the auction that opens trading only.
        AtOpen = 4 "at_open",
        /// For the closing auction only.
        AtClose = 5 "at_close",
        /// For the next auction only.
        Auction = 6 "auction",
    }
}

impl TimeInForce {
    /// Whether an order waits beside the book for an auction, and only trades there.
    #[inline]
    pub fn is_for_auction(self) -> bool {
        matches!(self, TimeInForce::AtOpen | TimeInForce::AtClose | TimeInForce::Auction)
    }

    /// Whether it waits for such an auction.
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
    /// What happens to an order that must not take liquidity but would.
    PostOnly {
        /// It may take liquidity.
        Off = 0 "off",
        /// It is rejected.
        Reject = 1 "reject",
        /// It is re-priced one tick on its own side of the touch.
        Slide = 2 "slide",
    }
}

byte_enum! {
    /// What happens when an order would trade with its own firm or group. The mode of the incoming
    /// order decides.
    SelfTrade {
        /// They trade.
        None = 0 "none",
        /// The incoming order is cancelled.
        CancelNewest = 1 "cancel_newest",
        /// The resting order is cancelled.
        CancelOldest = 2 "cancel_oldest",
        /// Both are cancelled.
        CancelBoth = 3 "cancel_both",
        /// The smaller one is cancelled and the larger one loses its quantity.
        Decrement = 4 "decrement",
        /// The smaller one is cancelled; both if they are equal.
        CancelSmallest = 5 "cancel_smallest",
    }
}

byte_enum! {
    /// What the limit of an order follows.
    Peg {
        /// Nothing.
        None = 0 "none",
        /// The best price of its own side in the reference quote.
        Primary = 1 "primary",
        /// The middle of the reference quote.
        Midpoint = 2 "midpoint",
    }
}

byte_enum! {
    /// What happens to an order whose limit is beyond a price band.
    AtBand {
        /// Its limit becomes that of the band.
        Reprice = 0 "reprice",
        /// It is cancelled.
        Cancel = 1 "cancel",
    }
}

byte_enum! {
    /// What happens to a short sale that the short sale price test does not let in.
    AtShortTest {
        /// It is rejected.
        Reject = 0 "reject",
        /// It is re-priced one tick above the best bid.
        Slide = 1 "slide",
    }
}

byte_enum! {
    /// Whom a risk limit is for.
    RiskScope {
        /// A session.
        Session = 1 "session",
        /// All sessions of a firm.
        Firm = 2 "firm",
        /// All orders of an instrument.
        Symbol = 3 "symbol",
    }
}

byte_enum! {
    /// In what capacity a firm trades.
    Capacity {
        /// Not said, or none of the others.
        Other = 0 "other",
        /// For a customer.
        Agency = 1 "agency",
        /// For itself.
        Principal = 2 "principal",
        /// For itself, to fill a customer's order.
        Riskless = 3 "riskless",
    }
}

byte_enum! {
    /// What a session is for.
    Role {
        /// Commands from a file: its reports are lines.
        File = 0 "file",
        /// Order entry over the network: its reports are a numbered stream.
        OrderEntry = 1 "order_entry",
        /// A read-only stream of all that its firm is told.
        FirmDropCopy = 2 "firm_drop_copy",
        /// A read-only stream of all that anybody is told.
        VenueDropCopy = 3 "venue_drop_copy",
    }
}

byte_enum! {
    /// What happens to the trading day.
    DayEvent {
        /// It begins.
        Start = 1 "start_of_day",
        /// It ends: day orders expire, nothing can be entered any more.
        End = 2 "end_of_day",
    }
}

byte_enum! {
    /// What may be done with an instrument just now.
    SymbolState {
        /// Nothing can be entered.
        Closed = 1 "closed",
        /// The call before the opening auction: orders are collected, nothing trades.
        PreOpen = 2 "pre_open",
        /// Continuous trading.
        Open = 3 "open",
        /// Trading is suspended: orders can leave, none can enter.
        Halted = 4 "halted",
        /// The call of the auction that ends a halt.
        ReopeningCall = 5 "reopening_call",
        /// The call of the closing auction.
        ClosingCall = 6 "closing_call",
        /// Orders can leave, none can enter.
        CancelOnly = 7 "cancel_only",
    }
}

impl SymbolState {
    /// The auction that this state collects orders for; none if it is no call.
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
    /// An auction: all orders that were collected trade at one price.
    Auction {
        /// It begins continuous trading.
        Opening = 1 "opening",
        /// It ends the trading of the day.
        Closing = 2 "closing",
        /// It ends a halt.
        Reopening = 3 "reopening",
    }
}

/// A short ASCII name (of a symbol, session or firm), padded with zeros.
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
    /// The longest name, in bytes.
    pub(crate) const LEN_MAX: usize = 16;

    /// `None` if the text is empty, too long, or not printable ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let printable = text.bytes().all(|b| b.is_ascii_graphic());
        if text.is_empty() || text.len() > Self::LEN_MAX || !printable {
            return None;
        }
        let mut bytes = [0; Self::LEN_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Name(bytes))
    }

    /// The name without its padding.
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

/// The size of one tick as a decimal: `mantissa` × 10^−`scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Digits, at least 1.
    pub mantissa: u64,
    /// Digits after the decimal point.
    pub scale: u8,
}

/// Why a decimal is not a price of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// Not of the form `123` or `123.45`.
    Malformed,
    /// Zero, negative, or beyond the range of [`Price`].
    OutOfRange,
    /// Between two ticks.
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
    /// The most digits after the point that a tick may have.
    pub const SCALE_MAX: u8 = 12;

    /// Reads a tick size such as `0.01`, `0.5` or `5`. `None` if it is not a positive decimal.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits, scale) = decimal(text)?;
        let mantissa = u64::try_from(digits).ok()?;
        (!negative && mantissa > 0 && scale <= Self::SCALE_MAX).then_some(Tick { mantissa, scale })
    }

    /// How many ticks the decimal is.
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

    /// The price as a decimal with all digits of the tick, exact.
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

/// Sign, digits and number of decimals of `[-]digits[.digits]`; at most 30 digits, 18 of them
/// behind the point.
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
