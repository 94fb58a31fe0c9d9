//! Reports: the complete output of the engine, one 64-byte line each.
//!
//! This file has the one table of reports. From it come the kinds, a body for each kind with the
//! fields that only this kind has, and how a body is written into a line and read from it.

mod slots;
#[cfg(test)]
mod tests;

use crate::command::Command;
use crate::domain::{
    Auction, Capacity, DayEvent, FirmId, MatchNumber, MoveStep, Nanos, OrderId, OrderNumber,
    PartitionId, PostOnly, Price, Quantity, SelfTrade, SeqNo, SessionId, Side, SymbolId,
    SymbolState, Tick, TimeInForce, byte_enum,
};
use crate::durability::Durability;
use crate::field::Value;
use crate::reason::Reason;
use slots::{Packed, Slot, get, put};
use zerocopy::{Immutable, IntoBytes};

/// Declares all kinds of reports: the name in code, the code and the name of the kind, and the
/// body, the fields that only this kind has.
///
/// `in Slot` behind a field gives the slot of the line that holds its word. `if Flag` makes the
/// field an option: the flag is set if there is a value. A field `unless Flag` shares the slot of
/// such an option, and is zero while the flag is set. `= "name"` gives the name of the field in
/// lines of text, and `unless VALUE` leaves the field out of the line if it has this value. A field
/// without a name is written there by hand.
macro_rules! reports {
    ($(
        $(#[$doc:meta])*
        $kind:ident = $code:literal $name:literal {
            $(
                $(#[$field_doc:meta])*
                $field:ident in $slot:ident $($condition:ident $flag:ident)?: $type:ty
                $(= $line_name:literal $(unless $default:expr)?)?
            ),* $(,)?
        }
    )*) => {
        byte_enum! {
            /// Content of a report.
            ReportKind { $($(#[$doc])* $kind = $code $name),* }
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $kind { $($(#[$field_doc])* pub $field: $type),* }

            impl $kind {
                /// Returns the report with this body about an order, a request or a symbol.
                #[inline(always)]
                pub fn about(self, subject: impl Into<Subject>) -> Report {
                    #[allow(unused_mut)]
                    let mut report = Report::new(ReportKind::$kind, subject.into());
                    $(put!(report, self.$field, $slot $($condition $flag)?);)*
                    report
                }

                /// Reads the body of a report of this kind.
                #[inline(always)]
                fn of(report: &Report) -> Self {
                    debug_assert_eq!(report.kind, ReportKind::$kind);
                    $kind { $($field: get!(report, $slot $($condition $flag)?)),* }
                }
            }

            impl From<$kind> for Body {
                #[inline]
                fn from(body: $kind) -> Body {
                    Body::$kind(body)
                }
            }
        )*

        /// Body of a report: the fields that depend on its kind.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Body { $($(#[$doc])* $kind($kind)),* }

        impl Body {
            /// Returns the report with this body about an order, a request or a symbol.
            #[inline]
            pub fn about(self, subject: impl Into<Subject>) -> Report {
                match self { $(Body::$kind(body) => body.about(subject)),* }
            }

            /// Names that the table gives to fields in lines of text, in its order; a name may come
            /// several times.
            pub const LINE_FIELDS: &'static [&'static str] = &[$($($($line_name,)?)*)*];

            /// Passes the fields that the table names in lines of text, in its order.
            #[allow(unused_variables)]
            pub fn line_fields(&self, line: &mut dyn FnMut(&'static str, Value)) {
                match self {
                    $(Body::$kind(body) => {
                        $($(if true $(&& body.$field != $default)? {
                            line($line_name, body.$field.into());
                        })?)*
                    })*
                }
            }
        }

        impl Report {
            /// Reads the body.
            #[inline(always)]
            pub fn body(&self) -> Body {
                match self.kind { $(ReportKind::$kind => Body::$kind($kind::of(self))),* }
            }
        }

        #[cfg(test)]
        impl ReportKind {
            /// Returns the slots of the body, each with its condition.
            fn slots(self) -> &'static [(Slot, &'static str)] {
                match self {
                    $(ReportKind::$kind => {
                        &[$((Slot::$slot, stringify!($($condition $flag)?))),*]
                    })*
                }
            }
        }
    };
}

reports! {
    /// A new order is accepted: `open` is its quantity before matching.
    Accepted = 1 "accepted" {
        /// Later limit of a stop, 0 for none; the price of the report is the stop price.
        stop in Other if Bit1: Option<Price>,
    }
    /// A trade, one report for each side, the resting order first.
    Executed = 2 "executed" {
        /// Number of the trade within its command, from 1.
        trade in Trade: u32,
        /// Number of the other order.
        contra in Other: OrderNumber,
        /// True if this side removed liquidity. In an auction, where no side does, true for the
        /// younger order.
        removed in Bit1: bool,
        /// Auction that the trade is part of; `None` in continuous trading.
        auction in Nibble: Option<Auction>,
    }
    /// `quantity` of an order is cancelled, `open` is left.
    Canceled = 3 "canceled" {
        /// Decrease of the displayed part of an order that has a reserve and stays open.
        displayed in Other if Bit1: Option<Quantity>,
        /// Price of the trade that self-trade prevention prevented on entry; 0 for none.
        prevented in Other unless Bit1: Price,
    }
    /// An order took the place of another order. `order` is the number of the old order;
    /// [`Published::new_order`] is that of the new one.
    Replaced = 4 "replaced" {
        /// Id of the old order.
        old_id in Other: OrderId = "old_id",
        /// Index of the new order's place among those that the command gave; 0 but where pegs came
        /// back before. With the seqno it makes the number of the new order.
        place in Trade: u32,
        /// Later limit of a stop, 0 for none; the price of the report is the stop price. A stop has
        /// no fills: its quantity is `open`, and the limit lies in the place of the quantity.
        stop in Quantity if Bit1: Option<Price>,
        /// True if market data shows the order with the name of its firm.
        attributed in Bit2: bool,
        /// Capacity of the order.
        capacity in Nibble: Capacity,
    }
    /// A command is rejected.
    Rejected = 5 "rejected" {
        /// Step of the move that made the symbol leave, if it is not traded here.
        moved in Other: Option<Moved>,
    }
    /// A market-to-limit order books its rest, `open`, at `price`.
    Restated = 6 "restated" {}
    /// A mass cancel covers orders; their `canceled` reports follow.
    MassCanceled = 7 "mass_canceled" {
        /// Number of the orders.
        count in Quantity: u64 = "count",
    }
    /// A symbol, a session or a firm is defined.
    Defined = 8 "defined" {
        /// Firm that is defined, or the firm of the session; 0 for a symbol.
        firm in Other: FirmId,
    }
    /// A durability mode begins.
    DurabilitySet = 9 "durability_set" {
        /// Mode from this command on.
        durability in Other: Durability,
    }
    /// The sell marking or the quantity of an order is changed; `quantity` is taken away, `open` is
    /// left.
    Modified = 10 "modified" {
        /// Decrease of the displayed part of an order that has a reserve.
        displayed in Other if Bit1: Option<Quantity>,
    }
    /// Order entry of a session is enabled or disabled.
    OrderEntrySet = 11 "order_entry_set" {
        /// True if the session may enter orders.
        enabled in OtherBit0: bool = "enabled",
    }
    /// Answer to the query of a session for its next order id.
    AccountQueried = 12 "account_queried" {
        /// Next id that the session may use.
        next_id in Other: OrderId = "next_id",
    }
    /// The trading day begins or ends; the `canceled` reports of expired orders follow.
    TradingDay = 13 "trading_day" {
        /// Start or end; the end expires day orders.
        event in Other: DayEvent = "event",
        /// Number of the orders that expire.
        count in Quantity: u64 = "count",
    }
    /// A trade is broken, one report for each side.
    Broken = 14 "broken" {
        /// Match number of the trade.
        match_number in Other: MatchNumber = "match",
    }
    /// A step of a move of a symbol between partitions; reports of its orders follow.
    SymbolMoved = 15 "symbol_moved" {
        /// Step of the move.
        moved in Other: Moved,
        /// Number of the orders.
        count in Quantity: u64,
    }
    /// An order leaves with its symbol.
    Exported = 16 "exported" {
        /// Terms beside the fields of the report.
        terms in Other: ExportedTerms,
        /// True if market data shows the order with the name of its firm.
        attributed in Bit2: bool,
        /// Capacity of the order.
        capacity in Nibble: Capacity,
    }
    /// An order has arrived with its symbol and waits.
    Held = 17 "held" {
        /// Id on the old partition.
        id_there in Other: OrderId = "id_there",
        /// Partition that the order comes from.
        partition in Trade: PartitionId = "partition",
        /// True if market data shows the order with the name of its firm.
        attributed in Bit2: bool,
        /// Capacity of the order.
        capacity in Nibble: Capacity,
    }
    /// An order that arrived with its symbol rests.
    Imported = 18 "imported" {
        /// Id on the old partition.
        id_there in Other: OrderId = "id_there",
        /// Partition that the order comes from.
        partition in Trade: PartitionId = "partition",
        /// True if market data shows the order with the name of its firm.
        attributed in Bit2: bool,
        /// Capacity of the order.
        capacity in Nibble: Capacity,
    }
    /// The state of a symbol is changed; `reason` is the cause of a change that the engine makes
    /// itself.
    StateChanged = 19 "state_changed" {
        /// State from this command on.
        state in Other: SymbolState = "state",
        /// Official time of the reopening, if a limit state paused the symbol; 0 for none.
        reopens_at in Quantity: Nanos,
    }
    /// An auction traded `quantity` at `price`, both 0 if nothing could trade; its `executed`
    /// reports follow.
    Crossed = 20 "crossed" {
        /// Auction that took place.
        auction in Other: Auction = "auction",
    }
    /// The result that an auction would have now: `quantity` at `price`, with `open` left over on
    /// `side`.
    Indicative = 21 "indicative" {
        /// Auction that is to come; `None` after it was called off.
        auction in Other: Option<Auction>,
    }
    /// A trade has reached a stop, or the last price had reached the stop when the stop entered. If
    /// `order` is a new number, the stop enters the book now as an order with this number and the
    /// limit `price`. If `order` is the stop's own number, the stop waits, and `price` is its stop
    /// price.
    Triggered = 22 "triggered" {
        /// Number of the stop.
        old_order in Other: OrderNumber = "old_order",
    }
    /// A slice of an iceberg, `quantity`, is displayed: `order` is its number.
    Displayed = 23 "displayed" {
        /// Number of the slice before; of the first slice, its own number.
        old_order in Other: OrderNumber = "old_order",
    }
    /// A tick of a symbol; the reports of its timers follow, among them the `canceled` reports of
    /// expired orders.
    Ticked = 24 "ticked" {
        /// Number of the orders that expire.
        count in Quantity: u64 = "count",
    }
    /// The next state of a symbol is scheduled.
    StatePlanned = 25 "state_planned" {
        /// State that is scheduled; `None` if no state is scheduled any more.
        state in Other: Option<SymbolState>,
        /// Official time of the state; 0 for none.
        at in Quantity: Nanos,
    }
    /// The price bands of a symbol, static and dynamic ones together. A pause publishes them again.
    BandsSet = 26 "bands_set" {
        /// Lowest price of a trade while the symbol is open; 0 for no bound.
        low in Price: Price = "low",
        /// Highest price of a trade while the symbol is open; 0 for no bound.
        high in Other: Price = "high",
        /// Reference of the dynamic bands.
        reference in Quantity: Price = "reference",
    }
    /// A limit state begins or ends: the quote on `side` stands at the price band `price`.
    LimitState = 27 "limit_state" {
        /// True if the limit state begins.
        stands in OtherBit0: bool = "stands",
        /// Official time at which the symbol is paused if the quote stays there; 0 at the end of a
        /// limit state.
        pause_at in Quantity: Nanos = "pause_at" unless Nanos(0),
    }
    /// The reference quote of a symbol.
    Quoted = 28 "quoted" {
        /// Best bid of the market; 0 for none.
        bid in Price: Price = "bid",
        /// Best offer of the market; 0 for none.
        offer in Other: Price = "offer",
    }
    /// An order has a new limit and a new place, and trades or rests as a new order does: `order`
    /// is its new number, `open` the open quantity, and `quantity` the displayed part of it.
    Repriced = 29 "repriced" {
        /// Number of the order before.
        old_order in Other: OrderNumber = "old_order",
        /// True if the order was parked and comes back.
        parked in Bit1: bool = "parked" unless false,
    }
    /// The short sale setting of a symbol.
    ShortSaleSet = 30 "short_sale_set" {
        /// True if short sales are restricted.
        restricted in OtherBit0: bool = "restricted",
        /// True if a fall will restrict short sales.
        automatic in OtherBit1: bool = "automatic",
    }
    /// New risk limits are in force.
    RiskSet = 31 "risk_set" {
        /// Firm, if the limits are those of a firm.
        firm in Other: FirmId = "firm",
    }
    /// A trade is corrected to `quantity` at `price`; one report for each side.
    Corrected = 32 "corrected" {
        /// Match number of the trade.
        match_number in Other: MatchNumber = "match",
    }
    /// A stop that was reached earlier and had to wait enters the book as a new order: `order` is
    /// its new number, `price` its limit.
    Entered = 33 "entered" {
        /// Number of the stop.
        old_order in Other: OrderNumber = "old_order",
    }
    /// A peg leaves the book and is parked: the order stays live, and comes back when its symbol is
    /// open and has a quote again.
    Parked = 34 "parked" {}
    /// A symbol still has work of earlier commands to do, or pegs and stops that the start of a day
    /// brings back. Its next command goes on with the work; the venue sends a tick.
    Unfinished = 35 "unfinished" {}
    /// Prior close and last price of a symbol, both as they are from this command on; 0 for none.
    ReferenceSet = 36 "reference_set" {
        /// Prior close.
        prior_close in Price: Price = "prior_close",
        /// Price of the last trade, or the last price that the operator set.
        last in Other: Price = "last",
    }
    /// A call goes on, because its auction price would be outside the auction collar. The plan of
    /// the state that was to come follows.
    CallExtended = 37 "call_extended" {
        /// Number of extensions of this call so far, this one included.
        count in Quantity: u32 = "count",
        /// Official time at which the call is to end, without the random delay.
        until in Other: Nanos = "until",
    }
    /// Settings of a symbol, all as they are from this command on.
    SymbolChanged = 38 "symbol_changed" {
        /// Digits of the tick as one number.
        tick_mantissa in Other: u64,
        /// Number of digits of the tick after the decimal point.
        tick_scale in Nibble: u8,
        /// Lot: quantities are multiples of it.
        lot in Quantity: Quantity = "lot",
        /// Collar of market orders, in basis points; 0 for no limit.
        collar_bps in Trade: u32 = "collar_bps",
        /// Auction collar and extensions of a call.
        auction in Price: AuctionLimits,
        /// Time by which a call is extended.
        extension in Open: Nanos,
    }
    /// The cap on the waves of stops of a symbol.
    StopWavesSet = 39 "stop_waves_set" {
        /// Greatest number of waves that one command may set off.
        waves_max in Other: u32 = "waves_max",
    }
    /// Internal, never published: the state hash of one shard.
    StateHash = 128 "state_hash" {
        /// Lower half of the hash.
        low in Quantity: u64,
        /// Upper half of the hash.
        high in Open: u64,
    }
}

/// Report. Its seqno and its time are those of the command that caused it, see [`Published`].
///
/// `flags`, `trade`, `price`, `quantity`, `open` and `other` are slots: the table of reports says
/// which of them hold the fields of a body, such as counts, times and bands. The comments below say
/// what they hold in a report about an order.
///
/// Bodies alone write the slots, so a report cannot be read from bytes: their codes could be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, Immutable)]
#[repr(C, align(64))]
pub struct Report {
    /// Content of the report.
    pub kind: ReportKind,
    /// Cause of a reject, a cancel, or a change of state.
    pub reason: Reason,
    /// Side of the order.
    pub side: Side,
    /// Flags: [`Report::LAST`], [`Report::HIDDEN`], and slots of the body.
    flags: u8,
    /// Slot of the body only.
    trade: u32,
    /// Number that the venue gave the order; 0 in a report about no order.
    pub order: OrderNumber,
    /// Order id that the session gave.
    pub id: OrderId,
    /// Limit or trade price; 0 for none.
    pub price: Price,
    /// Ordered, traded or cancelled quantity.
    pub quantity: Quantity,
    /// Open quantity after the command.
    pub open: Quantity,
    /// Slot of the body only.
    other: u64,
    /// Session that receives the report.
    pub session: SessionId,
    /// Symbol of the report.
    pub symbol: SymbolId,
}

/// Order, request or symbol that a report is about: the fields that reports of every kind have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Cause of a reject, a cancel, or a change of state.
    pub reason: Reason,
    /// Side of the order.
    pub side: Side,
    /// True if market data does not show the order.
    pub hidden: bool,
    /// Number that the venue gave the order; 0 in a report about no order.
    pub order: OrderNumber,
    /// Order id that the session gave.
    pub id: OrderId,
    /// Limit or trade price; 0 for none.
    pub price: Price,
    /// Ordered, traded or cancelled quantity.
    pub quantity: Quantity,
    /// Open quantity after the command.
    pub open: Quantity,
    /// Session that receives the report.
    pub session: SessionId,
    /// Symbol of the report.
    pub symbol: SymbolId,
}

impl SymbolChanged {
    /// Returns the price of one tick.
    pub fn tick(&self) -> Tick {
        Tick { mantissa: self.tick_mantissa, scale: self.tick_scale }
    }
}

impl Canceled {
    /// Cancel of an order without a reserve, for another cause than self-trade on entry.
    pub const PLAIN: Canceled = Canceled { displayed: None, prevented: Price(0) };
}

impl Subject {
    /// Empty subject, the base of all others.
    pub const NONE: Subject = Subject {
        reason: Reason::None,
        side: Side::Buy,
        hidden: false,
        order: OrderNumber(0),
        id: OrderId(0),
        price: Price(0),
        quantity: Quantity(0),
        open: Quantity(0),
        session: SessionId(0),
        symbol: SymbolId(0),
    };
}

impl From<SymbolId> for Subject {
    fn from(symbol: SymbolId) -> Subject {
        Subject { symbol, ..Subject::NONE }
    }
}

impl From<&Command> for Subject {
    fn from(command: &Command) -> Subject {
        Subject { session: command.session, symbol: command.symbol, ..Subject::NONE }
    }
}

impl Report {
    /// Flag: no further report of this command comes from this shard.
    const LAST: u8 = 1;
    /// Flag: market data does not show the order.
    const HIDDEN: u8 = 8;

    /// Empty report, for the slots of a ring that has had no report yet.
    pub const BLANK: Report = Report::new(ReportKind::Rejected, Subject::NONE);

    #[inline(always)]
    const fn new(kind: ReportKind, subject: Subject) -> Report {
        let Subject { reason, side, hidden, order, id, price, quantity, open, session, symbol } =
            subject;
        Report {
            kind,
            reason,
            side,
            flags: hidden as u8 * Self::HIDDEN,
            trade: 0,
            order,
            id,
            price,
            quantity,
            open,
            other: 0,
            session,
            symbol,
        }
    }

    /// Returns the fields that do not depend on the kind.
    pub fn subject(&self) -> Subject {
        let Report { reason, side, order, id, price, quantity, open, session, symbol, .. } = *self;
        let hidden = self.is_hidden();
        Subject { reason, side, hidden, order, id, price, quantity, open, session, symbol }
    }

    /// Returns true if market data does not show the order.
    #[inline]
    pub fn is_hidden(&self) -> bool {
        self.flags & Self::HIDDEN != 0
    }

    /// Returns true if market data shows the order with the name of its firm, on a replace and on
    /// reports of an order that moves with its symbol.
    #[inline]
    pub fn is_attributed(&self) -> bool {
        match self.body() {
            Body::Replaced(replaced) => replaced.attributed,
            Body::Exported(exported) => exported.attributed,
            Body::Held(held) => held.attributed,
            Body::Imported(imported) => imported.attributed,
            _ => false,
        }
    }

    /// Returns true for the last report of a command from its shard.
    #[inline]
    pub fn is_last(&self) -> bool {
        self.flags & Self::LAST != 0
    }

    /// Marks the last report of a command from its shard.
    #[inline(always)]
    pub fn set_last(&mut self) {
        self.flags |= Self::LAST;
    }

    /// Returns the report without the mark of the last one.
    #[inline(always)]
    pub fn without_last(self) -> Report {
        Report { flags: self.flags & !Self::LAST, ..self }
    }
}

/// Step of a moving symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Last step of the move.
    pub step: MoveStep,
    /// Other partition of the move.
    pub partition: PartitionId,
    /// Version of the table of symbols that requires the step.
    pub version: u32,
}

impl Moved {
    /// Returns the step as one word, for a report and for the state hash.
    pub fn word(self) -> u64 {
        u64::from(self.version) << 32 | u64::from(self.partition.0) << 8 | self.step as u64
    }
}

/// Limits of an auction's price and of the extensions of its call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuctionLimits {
    /// Greatest distance of the auction price from the reference price, in basis points; 0 for no
    /// limit.
    pub collar_bps: u32,
    /// Greatest number of extensions of one call.
    pub extensions: u32,
}

/// Terms of an exported order beside the fields of its report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportedTerms {
    /// Firm that owns the order.
    pub firm: FirmId,
    /// Self-trade group; 0 for none.
    pub group: u16,
    /// Time in force of the order.
    pub tif: TimeInForce,
    /// Treatment if the order would take liquidity on entry.
    pub post_only: PostOnly,
    /// Treatment if the order would trade with its own firm or group.
    pub self_trade: SelfTrade,
}

/// Receiver of reports, in order.
pub trait ReportSink {
    /// Takes the next report.
    fn report(&mut self, report: Report);
    /// Ends the command: the report before was its last one.
    fn end_command(&mut self);

    /// Takes the only report of a command, the usual case, and marks it as the last.
    /// [`ReportSink::end_command`] is not called: a sink that does more there does so here, too.
    #[inline(always)]
    fn only(&mut self, report: Report) {
        let mut last = report;
        last.set_last();
        self.report(last);
    }
}

impl ReportSink for Vec<Report> {
    #[inline(always)]
    fn report(&mut self, report: Report) {
        self.push(report);
    }

    #[inline]
    fn end_command(&mut self) {
        self.last_mut().expect("each command has a report").set_last();
    }
}

/// Report with its place in the venue's one order `(seqno, index)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Seqno of the command that caused the report.
    pub seqno: SeqNo,
    /// Index among the reports of that command, from 0.
    pub index: u32,
    /// Official time of the command.
    pub time: Nanos,
    /// Durability mode under which the report was released. It describes the value of the report,
    /// not its content, so the output hash omits it.
    pub durability: Durability,
    /// Content, without the mark of the last report: `index` and the next `seqno` imply it.
    pub report: Report,
}

impl Published {
    /// Returns the number of the new order of a [`ReportKind::Replaced`].
    pub fn new_order(&self) -> OrderNumber {
        match self.report.body() {
            Body::Replaced(replaced) => OrderNumber::within(self.seqno, replaced.place),
            _ => self.report.order,
        }
    }

    /// Returns the match number of an execution.
    pub fn match_number(&self) -> MatchNumber {
        MatchNumber::of(self.seqno, self.report.trade)
    }
}
