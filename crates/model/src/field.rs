//! Fields of commands in lines of text: their names and the types of their values. Lines of a file
//! session, exports and dumps have the same fields.

use crate::domain::{
    FirmId, MatchNumber, Name, Nanos, OrderId, OrderNumber, PartitionId, Price, Quantity,
    SessionId, SymbolId, Tick,
};

macro_rules! fields {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// Field of a line. The order is that of the columns of an export.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Field {
            $(#[doc = concat!("Key `", $name, "` of a line of JSON or CSV.")] $variant),*
        }

        impl Field {
            /// All fields.
            pub const ALL: &'static [Field] = &[$(Field::$variant),*];

            /// Returns the field with a name; `None` if no field has the name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Field::$variant),)* _ => None }
            }

            /// Returns the name of the field.
            pub fn name(self) -> &'static str {
                match self { $(Field::$variant => $name),* }
            }
        }
    };
}

fields! {
    Ts "ts", Op "op", Session "session", Id "id", NewId "new_id", Symbol "symbol", Side "side",
    Type "type", Tif "tif", Qty "qty", Price "price", PostOnly "post_only", Stp "stp",
    StpGroup "stp_group", Capacity "capacity", Attributed "attributed", Firm "firm", Role "role",
    OfSession "of_session", OfFirm "of_firm", Cause "cause", Enabled "enabled", NextId "next_id",
    Match "match", RestingSession "resting_session", RestingId "resting_id",
    RestingText "resting_text", IncomingSession "incoming_session", IncomingId "incoming_id",
    IncomingText "incoming_text", Tick "tick", Lot "lot", CollarBps "collar_bps",
    Reference "reference", Mode "mode", StopPrice "stop_price", DisplayQty "display_qty",
    Refresh "refresh", Seed "seed", State "state", Step "step", Partition "partition",
    Version "version", Orders "orders", IdThere "id_there", Peg "peg", PegOffset "peg_offset",
    PegLimit "peg_limit", Hidden "hidden", MinQty "min_qty", ExpireTs "expire_ts", AtBand "at_band",
    AtShortTest "at_short_test", At "at", RandomMs "random_ms", Low "low", High "high",
    BandBps "band_bps", Bid "bid", Offer "offer", Restricted "restricted", Automatic "automatic",
    QtyMax "qty_max", NotionalMax "notional_max", OpenOrdersMax "open_orders_max",
    StopsMax "stops_max", PegsMax "pegs_max", MinimumsMax "minimums_max", SlicesMax "slices_max",
    GrossNotionalMax "gross_notional_max", OrdersPerSecondMax "orders_per_second_max",
    Killed "killed", PriorClose "prior_close", Last "last", AuctionCollarBps "auction_collar_bps",
    ExtensionMs "extension_ms", Extensions "extensions", WavesMax "waves_max", Collar "collar",
}

/// Value of a field of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Whole number.
    Number(u64),
    /// `true` or `false`.
    Truth(bool),
    /// Word of a list of words.
    Word(&'static str),
    /// Free text.
    Text(String),
    /// Price of the command's symbol.
    Price(Price),
    /// Name that the command itself gives.
    Name(Name),
    /// Session, by its number.
    Session(SessionId),
    /// Firm, by its number.
    Firm(FirmId),
    /// Symbol, by its number.
    Symbol(SymbolId),
}

macro_rules! values {
    ($($type:ty => $variant:ident($convert:expr)),* $(,)?) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Value {
                Value::$variant($convert(value))
            }
        })*
    };
}

values! {
    OrderId => Number(|OrderId(number)| number),
    OrderNumber => Number(|OrderNumber(number)| number),
    Quantity => Number(|Quantity(number)| number),
    Nanos => Number(|Nanos(number)| number),
    MatchNumber => Number(|MatchNumber(number)| number),
    PartitionId => Number(|PartitionId(number)| u64::from(number)),
    u16 => Number(u64::from),
    u32 => Number(u64::from),
    u64 => Number(|number| number),
    bool => Truth(|truth| truth),
    String => Text(|text| text),
    Tick => Text(|tick: Tick| tick.decimal(Price(1))),
    Price => Price(|price| price),
    Name => Name(|name| name),
    SessionId => Session(|session| session),
    FirmId => Firm(|firm| firm),
    SymbolId => Symbol(|symbol| symbol),
}

/// Receiver of the fields of a line, in their order.
pub type Out<'a> = &'a mut dyn FnMut(Field, Value);

/// Type whose values are words in lines.
pub trait Word: Copy + 'static {
    /// All values, in the order of a message that lists them.
    const WORDS: &'static [Self];

    /// Returns the word of a value.
    fn word(self) -> &'static str;
}

impl<T: Word> From<T> for Value {
    fn from(value: T) -> Value {
        Value::Word(value.word())
    }
}

/// Source of the fields of a command: a line of a session file.
pub trait FieldSource {
    /// Fault of a value, with its place.
    type Fault;

    /// Reads a field that is one of the words of `T`; `None` if the line does not give it.
    fn word<T: Word>(&self, field: Field) -> Result<Option<T>, Self::Fault>;

    /// Reads `true` or `false`; `None` if the line does not give the field.
    fn truth(&self, field: Field) -> Result<Option<bool>, Self::Fault>;
}

/// Value that a line can give.
pub trait FromLine: Sized {
    /// Reads the value of a field; `None` if the line does not give it.
    fn from_line<L: FieldSource>(line: &L, field: Field) -> Result<Option<Self>, L::Fault>;
}

impl<T: Word> FromLine for T {
    fn from_line<L: FieldSource>(line: &L, field: Field) -> Result<Option<Self>, L::Fault> {
        line.word(field)
    }
}

impl FromLine for bool {
    fn from_line<L: FieldSource>(line: &L, field: Field) -> Result<Option<Self>, L::Fault> {
        line.truth(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name() {
        for &field in Field::ALL {
            assert_eq!(Field::from_name(field.name()), Some(field));
        }
        assert!(Field::ALL.len() <= 128, "a set of fields is 128 bits");
    }
}
