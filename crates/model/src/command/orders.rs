//! Commands about orders: what sessions ask for.

use super::stored::{Stored, body, line_fields};
use crate::domain::{
    AtBand, AtShortTest, Capacity, FirmId, Nanos, OrderId, OrderType, Peg, PostOnly, Price,
    Quantity, SelfTrade, SessionId, Side, TimeInForce,
};
use crate::field::{Field, FieldSource, FromLine};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

/// Declares the terms of a new order. The attributes, terms with few values, share one word:
/// `[first bit, number of bits]`. Attributes of a whole byte leave room: a new attribute takes high
/// bits of one of them, and old orders keep their bytes. `= Name unless VALUE` gives an attribute
/// its [`Field`](crate::field::Field) in lines, and the value of lines without the field.
macro_rules! order {
    (
        $(#[$doc:meta])*
        pub $name:ident {
            $($(#[$value_doc:meta])* $value:ident: $value_type:ty,)*
        }
        attributes {
            $(
                $(#[$attribute_doc:meta])*
                $attribute:ident: $type:ty [$shift:literal, $bits:literal]
                $(= $field:ident unless $default:expr)?,
            )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(C)]
        pub struct $name {
            $($(#[$value_doc])* pub $value: $value_type,)*
            $($(#[$attribute_doc])* pub $attribute: $type,)*
        }

        /// Bytes of a new order.
        #[derive(
            Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
        )]
        #[repr(C)]
        pub(crate) struct OrderBytes {
            $($value: <$value_type as Stored>::Bytes,)*
            attributes: <u32 as Stored>::Bytes,
        }

        // A bit without an attribute would be a value that nothing checks. A bit with two
        // attributes would make the widths add up to more than those of the word.
        const _: () = assert!(0 $(| ((1 << $bits) - 1) << $shift)* == u32::MAX);
        const _: () = assert!(0 $(+ $bits)* == u32::BITS);

        impl Stored for $name {
            type Bytes = OrderBytes;

            #[inline(always)]
            fn store(self) -> OrderBytes {
                OrderBytes {
                    $($value: self.$value.store(),)*
                    attributes: self.attributes().store(),
                }
            }

            #[inline(always)]
            fn load(bytes: OrderBytes) -> Option<Self> {
                let attributes = u32::load(bytes.attributes)?;
                Some($name {
                    $($value: Stored::load(bytes.$value)?,)*
                    $($attribute: {
                        let code = attributes >> $shift & ((1 << $bits) - 1);
                        Attribute::of(code as u8)?
                    },)*
                })
            }
        }

        impl $name {
            /// Returns the attributes in one word.
            #[inline(always)]
            pub fn attributes(&self) -> u32 {
                0 $(| self.$attribute.code() << $shift)*
            }

            /// Reads the attributes that the table names from a line.
            ///
            /// # Errors
            /// The fault of a value.
            pub fn read_attributes<L: FieldSource>(&mut self, line: &L) -> Result<(), L::Fault> {
                $($(
                    self.$attribute =
                        FromLine::from_line(line, Field::$field)?.unwrap_or($default);
                )?)*
                Ok(())
            }

            /// Fields of a line that the table names.
            pub const ATTRIBUTE_FIELDS: &'static [Field] = &[$($(Field::$field,)?)*];
        }

        line_fields! { $name { $($($attribute = $field unless $default;)?)* } }
    };
}

/// Value of some bits of a word.
trait Attribute: Sized {
    fn code(self) -> u32;
    fn of(code: u8) -> Option<Self>;
}

macro_rules! attributes {
    ($($type:ty),*) => {
        $(impl Attribute for $type {
            #[inline(always)]
            fn code(self) -> u32 {
                self as u32
            }

            #[inline(always)]
            fn of(code: u8) -> Option<Self> {
                Self::from_code(code)
            }
        })*
    };
}

attributes!(Side, OrderType, TimeInForce, PostOnly, SelfTrade, Capacity);

impl Attribute for bool {
    #[inline(always)]
    fn code(self) -> u32 {
        self.into()
    }

    #[inline(always)]
    fn of(code: u8) -> Option<Self> {
        Some(code != 0)
    }
}

order! {
    /// Terms of a new order.
    pub Enter {
        /// Order id that the session gives.
        id: OrderId,
        /// Limit; 0 on a market or market-to-limit order.
        price: Price,
        /// Total quantity, in units of the symbol.
        quantity: Quantity,
        /// Firm that owns the order.
        firm: FirmId,
        /// Group for self-trade prevention instead of the firm; 0 for none.
        group: u16,
    }
    attributes {
        /// Side and sell marking.
        side: Side [0, 8],
        /// Limit, market or market-to-limit; decides the meaning of `price`.
        order_type: OrderType [8, 8],
        /// Time in force: the day, until cancelled, only at once, or only in an auction.
        tif: TimeInForce [16, 8],
        /// Treatment if the order would take liquidity on entry.
        post_only: PostOnly [24, 2],
        /// Treatment if the order would trade with its own firm or group.
        self_trade: SelfTrade [26, 3] = Stp unless SelfTrade::None,
        /// Capacity in which the firm trades.
        capacity: Capacity [29, 2] = Capacity unless Capacity::Other,
        /// True if market data shows the firm's name with the order.
        attributed: bool [31, 1] = Attributed unless false,
    }
}

impl Enter {
    /// Creates a limit order for the day without other conditions, of firm 0, as a base for others.
    pub const fn limit(id: OrderId, side: Side, quantity: Quantity, price: Price) -> Self {
        Enter {
            id,
            price,
            quantity,
            firm: FirmId(0),
            group: 0,
            side,
            order_type: OrderType::Limit,
            tif: TimeInForce::Day,
            post_only: PostOnly::Off,
            self_trade: SelfTrade::None,
            capacity: Capacity::Other,
            attributed: false,
        }
    }

    /// Returns true for a limit order that may rest and take liquidity, as nearly all orders are.
    /// The codes of these terms are 0, except that of the time in force GTC.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        let tif = self.tif as u8 & !(TimeInForce::Day as u8 | TimeInForce::Gtc as u8);
        tif | self.order_type as u8 | self.post_only as u8 == 0
    }
}

body! {
    /// New order that waits for a trade at its stop price.
    pub EnterStop {
        /// Order that the stop becomes when it is elected: a market or a limit order.
        order: Enter,
        /// Stop price: a trade at this price or beyond (above for buys, below for sells) elects the
        /// stop.
        stop: Price,
    }
}

impl EnterStop {
    /// Returns the name of the order type in files.
    pub fn type_name(&self) -> &'static str {
        match self.order.order_type {
            OrderType::Market => "stop",
            OrderType::Limit | OrderType::MarketToLimit => "stop_limit",
        }
    }
}

body! {
    /// New order that displays one slice at a time.
    pub EnterIceberg {
        /// Whole order, a limit order.
        order: Enter,
        /// Sizes of its slices.
        display: Display,
    }
}

/// Slice sizes of an iceberg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Display {
    /// Size of the next slice; on a new order, of the first slice.
    pub next: u64,
    /// Least size of a later slice.
    pub least: u64,
    /// Greatest size of a later slice. All sizes from least to greatest, in lots, are equally
    /// likely.
    pub most: u64,
    /// Seed of the random sizes, so that every replay draws the same sizes.
    pub seed: u64,
}

body! {
    /// New order with special terms.
    pub EnterSpecial {
        /// Order; the order of a peg has no limit.
        order: Enter,
        /// Special terms of the order.
        terms: SpecialTerms,
    }
}

/// Special terms of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SpecialTerms {
    /// Official time from which on the order is expired; 0 for no expiry.
    pub expire: Nanos,
    /// Minimum quantity that the order trades with one other order; 0 for any.
    pub min_quantity: Quantity,
    /// Bound of a peg's limit; 0 for none.
    pub peg_limit: Price,
    /// Distance of a peg's limit from the followed price, in ticks, towards the order's own side of
    /// the book.
    pub peg_offset: u32,
    /// Price that the limit follows.
    pub peg: Peg,
    /// True if the order is hidden while it rests.
    pub hidden: bool,
    /// Treatment at a price band.
    pub at_band: AtBand,
    /// Treatment at the short sale price test.
    pub at_short_test: AtShortTest,
}

line_fields! {
    SpecialTerms {
        expire = ExpireTs unless Nanos(0);
        min_quantity = MinQty unless Quantity(0);
        peg = Peg unless Peg::None;
        hidden = Hidden unless false;
        at_band = AtBand unless AtBand::Reprice;
        at_short_test = AtShortTest unless AtShortTest::Reject;
    }
}

impl SpecialTerms {
    /// Terms of an order without special terms.
    pub const NONE: SpecialTerms = SpecialTerms {
        expire: Nanos(0),
        min_quantity: Quantity(0),
        peg_limit: Price(0),
        peg_offset: 0,
        peg: Peg::None,
        hidden: false,
        at_band: AtBand::Reprice,
        at_short_test: AtShortTest::Reject,
    };
}

body! {
    /// Lower total quantity of an order, which keeps its priority.
    pub Reduce {
        /// Id that the session gave the live order.
        id: OrderId = Id,
        /// New total quantity (executed and open).
        quantity: Quantity = Qty,
    }
}

body! {
    /// New terms of an order, which gets a new priority.
    pub Replace {
        /// Id that the session gave the live order.
        id: OrderId = Id,
        /// Id of the order that takes its place; not used by the session before.
        new_id: OrderId = NewId,
        /// New total quantity (executed and open).
        quantity: Quantity = Qty,
        /// Limit of the new order.
        price: Price = Price,
    }
}

/// Replace of an order that also names special terms. The order gets a new priority. Only waiting
/// stops, icebergs, hidden orders, pegs and orders with an end or until cancelled have such terms;
/// terms that do not fit the order end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ReplaceTerms {
    /// Ids, quantity and limit.
    pub replace: Replace,
    /// Other terms that change.
    pub terms: NamedTerms,
}

/// Terms that a replace names. No order has terms of two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedTerms {
    /// Stop price of a stop.
    Stop(Price),
    /// Slice sizes of an iceberg.
    Display(Display),
    /// Special terms.
    Special(NamedSpecialTerms),
}

/// Special terms that a replace names; `None` for a term that stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamedSpecialTerms {
    /// Minimum quantity of a hidden order; 0 for none.
    pub min_quantity: Option<Quantity>,
    /// Distance of a peg's limit from the followed price, in ticks.
    pub peg_offset: Option<u32>,
    /// Bound of a peg's limit; 0 for none.
    pub peg_limit: Option<Price>,
    /// Official time from which on the order is expired; 0 if it stays.
    pub expire: Nanos,
}

/// Kind of the terms that a replace names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u8)]
pub(crate) enum NamedKind {
    Stop,
    Display,
    Special,
}

body! {
    /// Bytes of a [`ReplaceTerms`].
    pub(crate) ReplaceTermsBody {
        replace: Replace,
        // Stop price; the sizes of a display; or minimum quantity, bound and end.
        values: [u64; 4],
        peg_offset: u32,
        kind: NamedKind,
        min_quantity_is_given: bool,
        peg_offset_is_given: bool,
        peg_limit_is_given: bool,
    }
}

impl Stored for ReplaceTerms {
    type Bytes = <ReplaceTermsBody as Stored>::Bytes;

    fn store(self) -> Self::Bytes {
        let special = match self.terms {
            NamedTerms::Special(special) => special,
            _ => NamedSpecialTerms::default(),
        };
        let NamedSpecialTerms { min_quantity, peg_offset, peg_limit, expire } = special;
        let (kind, values) = match self.terms {
            NamedTerms::Stop(stop) => (NamedKind::Stop, [stop.0 as u64, 0, 0, 0]),
            NamedTerms::Display(Display { next, least, most, seed }) => {
                (NamedKind::Display, [next, least, most, seed])
            }
            NamedTerms::Special(_) => {
                let minimum = min_quantity.unwrap_or_default().0;
                let bound = peg_limit.unwrap_or_default().0 as u64;
                (NamedKind::Special, [minimum, bound, expire.0, 0])
            }
        };
        let body = ReplaceTermsBody {
            replace: self.replace,
            values,
            peg_offset: peg_offset.unwrap_or_default(),
            kind,
            min_quantity_is_given: min_quantity.is_some(),
            peg_offset_is_given: peg_offset.is_some(),
            peg_limit_is_given: peg_limit.is_some(),
        };
        body.store()
    }

    fn load(bytes: Self::Bytes) -> Option<Self> {
        let body = ReplaceTermsBody::load(bytes)?;
        let [first, second, third, fourth] = body.values;
        let terms = match body.kind {
            NamedKind::Stop => NamedTerms::Stop(Price(first as i64)),
            NamedKind::Display => NamedTerms::Display(Display {
                next: first,
                least: second,
                most: third,
                seed: fourth,
            }),
            NamedKind::Special => NamedTerms::Special(NamedSpecialTerms {
                min_quantity: body.min_quantity_is_given.then_some(Quantity(first)),
                peg_offset: body.peg_offset_is_given.then_some(body.peg_offset),
                peg_limit: body.peg_limit_is_given.then_some(Price(second as i64)),
                expire: Nanos(third),
            }),
        };
        Some(ReplaceTerms { replace: body.replace, terms })
    }
}

body! {
    /// Cancel of the open quantity of an order.
    pub Cancel {
        /// Id that the session gave the live order.
        id: OrderId = Id,
    }
}

/// New sell marking of an order, lower total quantity, or both. The order keeps its priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Modify {
    /// Id of the order.
    pub id: OrderId,
    /// New side with its sell marking, if that changes; a buy stays a buy.
    pub side: Option<Side>,
    /// New total quantity (executed and open), if that changes; a quantity that is no reduction
    /// changes nothing.
    pub quantity: Option<Quantity>,
}

body! {
    /// Bytes of a [`Modify`].
    pub(crate) ModifyBody {
        id: OrderId,
        quantity: Quantity,
        side: Side,
        side_is_given: bool,
        quantity_is_given: bool,
    }
}

impl Stored for Modify {
    type Bytes = <ModifyBody as Stored>::Bytes;

    fn store(self) -> Self::Bytes {
        let body = ModifyBody {
            id: self.id,
            quantity: self.quantity.unwrap_or_default(),
            side: self.side.unwrap_or(Side::Buy),
            side_is_given: self.side.is_some(),
            quantity_is_given: self.quantity.is_some(),
        };
        body.store()
    }

    fn load(bytes: Self::Bytes) -> Option<Self> {
        let body = ModifyBody::load(bytes)?;
        Some(Modify {
            id: body.id,
            side: body.side_is_given.then_some(body.side),
            quantity: body.quantity_is_given.then_some(body.quantity),
        })
    }
}

/// Cancel of every order for which each given field matches. The symbol is `Command::symbol`,
/// [`SymbolId::NONE`](crate::domain::SymbolId::NONE) for all symbols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MassCancel {
    /// Order id that the request used up; 0 for none.
    pub id: OrderId,
    /// Session of the orders.
    pub session: Option<SessionId>,
    /// Firm of the orders.
    pub firm: Option<FirmId>,
    /// Self-trade group of the orders.
    pub group: Option<u16>,
    /// Side of the orders: `true` for bids, `false` for offers.
    pub buy: Option<bool>,
}

body! {
    /// Bytes of a [`MassCancel`].
    pub(crate) MassCancelBody {
        id: OrderId,
        session: SessionId,
        firm: FirmId,
        group: u16,
        buy: bool,
        session_is_given: bool,
        firm_is_given: bool,
        group_is_given: bool,
        side_is_given: bool,
    }
}

impl Stored for MassCancel {
    type Bytes = <MassCancelBody as Stored>::Bytes;

    fn store(self) -> Self::Bytes {
        let body = MassCancelBody {
            id: self.id,
            session: self.session.unwrap_or_default(),
            firm: self.firm.unwrap_or_default(),
            group: self.group.unwrap_or_default(),
            buy: self.buy.unwrap_or_default(),
            session_is_given: self.session.is_some(),
            firm_is_given: self.firm.is_some(),
            group_is_given: self.group.is_some(),
            side_is_given: self.buy.is_some(),
        };
        body.store()
    }

    fn load(bytes: Self::Bytes) -> Option<Self> {
        let body = MassCancelBody::load(bytes)?;
        Some(MassCancel {
            id: body.id,
            session: body.session_is_given.then_some(body.session),
            firm: body.firm_is_given.then_some(body.firm),
            group: body.group_is_given.then_some(body.group),
            buy: body.side_is_given.then_some(body.buy),
        })
    }
}

body! {
    /// Permission of a session to enter orders.
    pub SetOrderEntry {
        /// Order id that the request used up.
        id: OrderId = Id unless OrderId(0),
        /// True if the session may enter orders.
        enabled: bool = Enabled,
    }
}

body! {
    /// Query of a session for its next order id.
    pub AccountQuery {
        /// Next id that the session may use.
        next: OrderId = NextId,
    }
}
