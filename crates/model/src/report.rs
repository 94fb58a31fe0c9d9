//! Reports: everything that the engine says, one 64-byte line each.

use crate::domain::{
    Auction, Capacity, FirmId, MatchNumber, MoveStep, Nanos, OrderId, OrderNumber, PartitionId,
    PostOnly, Price, Quantity, SelfTrade, SeqNo, SessionId, Side, SymbolId, TimeInForce, byte_enum,
};
use crate::durability::Durability;
use crate::reason::Reason;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

byte_enum! {
    /// What a report says.
    ReportKind {
        /// A new order is in: `open` is its quantity before matching.
        Accepted = 1 "accepted",
        /// A trade, once for each side, the resting order first.
        Executed = 2 "executed",
        /// `quantity` of an order was cancelled, `open` is left.
        Canceled = 3 "canceled",
        /// An order took the place of another one (`other` is the old id).
        Replaced = 4 "replaced",
        /// A command was refused.
        Rejected = 5 "rejected",
        /// A market-to-limit order books its rest, `open`, at `price`.
        Restated = 6 "restated",
        /// A mass cancel covers `quantity` orders; their `canceled` reports follow.
        MassCanceled = 7 "mass_canceled",
        /// An instrument, a session or a firm was defined.
        Defined = 8 "defined",
        /// Another durability mode is in force: its code is in `other`.
        DurabilitySet = 9 "durability_set",
        /// An order has another sell marking; `quantity` of it was taken away, `open` is left.
        Modified = 10 "modified",
        /// Whether a session may enter orders: `other` is 1 or 0.
        OrderEntrySet = 11 "order_entry_set",
        /// The id that a session may use next is in `other`.
        AccountQueried = 12 "account_queried",
        /// The trading day began or ended, by the code in `other`; `quantity` orders expire, their `canceled`
        /// reports follow.
        TradingDay = 13 "trading_day",
        /// A trade was taken back, once for each side.
        Broken = 14 "broken",
        /// A step of an instrument from one partition to another: the step, the other partition and the version of the
        /// table are in `other`, see [`Moved`]; reports of `quantity` orders follow.
        SymbolMoved = 15 "symbol_moved",
        /// An order goes with its instrument: `other` has its [`ExportedTerms`].
        Exported = 16 "exported",
        /// An order has come with its instrument and waits: `other` is its id where it was.
        Held = 17 "held",
        /// An order that came with its instrument rests: `other` is its id where it was, `trade` the partition.
        Imported = 18 "imported",
        /// An instrument has another state, by the code in `other`. If a limit state paused it, `quantity` is the official time
        /// of its reopening.
        StateChanged = 19 "state_changed",
        /// An auction, by the code in `other`, traded `quantity` at `price`, both zero if nothing could trade; its `executed`
        /// reports follow.
        Crossed = 20 "crossed",
        /// What an auction, by the code in `other`, would be now: `quantity` at `price`, and `open` would be left on `side`.
        Indicative = 21 "indicative",
        /// A stop was elected and enters the book as a new order: `order` is its number from here on, `other` the one that it
        /// had, `price` its limit.
        Triggered = 22 "triggered",
        /// A slice of an iceberg, `quantity`, is shown: `order` is its number, `other` that of the slice before, or its own.
        Displayed = 23 "displayed",
        /// Time has passed for an instrument; what was due follows, among it the `canceled` reports of `quantity` orders that
        /// expired.
        Ticked = 24 "ticked",
        /// The state that an instrument has next, by the code in `other`, and the official time at which it will have it, in
        /// `quantity`; both zero if none is planned any more.
        StatePlanned = 25 "state_planned",
        /// The price bands of an instrument, the static and the dynamic ones together: while it is open no trade is below
        /// `price` or above `other`, zero for no bound; `quantity` is the reference. A pause tells them once more.
        BandsSet = 26 "bands_set",
        /// A quote stands at a price band, or does not any more: `side` has it, `price` is the band, `other` is 1 or 0, and the
        /// instrument is paused at the official time in `quantity` if it stays.
        LimitState = 27 "limit_state",
        /// The reference quote of an instrument: `price` is the bid, `other` the offer.
        Quoted = 28 "quoted",
        /// An order has another limit and a new place, and trades or rests as a new one: `order` is its number from here on,
        /// `other` the one that it had, `open` what is left of it, and `quantity` what of that is shown.
        Repriced = 29 "repriced",
        /// Whether short sales of an instrument are restricted: bit 0 of `other`; bit 1: whether a fall will restrict them.
        ShortSaleSet = 30 "short_sale_set",
        /// Other risk limits are in force; `other` is the firm if it is for one.
        RiskSet = 31 "risk_set",
        /// A trade, whose number is in `other`, had other terms: `quantity` at `price`, once for each side.
        Corrected = 32 "corrected",
        /// Not for the world: the state hash of one shard, in `quantity` and `open`.
        StateHash = 128 "state_hash",
    }
}

/// One report. Its place and its time are those of the command that caused it, see [`Published`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(64))]
pub struct Report {
    /// What it says.
    pub kind: ReportKind,
    /// The cause of a reject or cancel.
    pub reason: Reason,
    /// The side of the order.
    pub side: Side,
    /// [`Report::LAST`], [`Report::REMOVED`], [`Report::ATTRIBUTED`], [`Report::HIDDEN`], a [`Capacity`] on a replace, and an [`Auction`]
    /// on its executions.
    pub flags: u8,
    /// On an execution: the number of the trade within its command, from 1.
    pub trade: u32,
    /// The order. On a replace it is the one that went: the one that came has the number of the command.
    pub order: OrderNumber,
    /// The session's id of the order.
    pub id: OrderId,
    /// Limit or trade price; zero for none.
    pub price: Price,
    /// Ordered, traded or cancelled quantity.
    pub quantity: Quantity,
    /// Open quantity afterwards.
    pub open: Quantity,
    /// Executed: the number of the other order. Replaced: the id of the order that
    /// went. Broken: the match number. Canceled for self-trade on its way in: the price of the trade that it
    /// did not come to. Rejected because the instrument is not traded here: a [`Moved`].
    pub other: u64,
    /// The session that is told.
    pub session: SessionId,
    /// The instrument.
    pub symbol: SymbolId,
}

impl Report {
    /// Flag: no further report of this command comes from this shard.
    pub const LAST: u8 = 1;
    /// Flag on an execution: this side removed liquidity. In an auction, where none does, it is the younger order's.
    pub const REMOVED: u8 = 2;
    /// Flag on an acceptance: the order is a stop; `price` is its stop price and `other` the limit that it will have, zero for none.
    pub const STOP: u8 = 2;
    /// Flag on a cancel and a modification that leave something: the order has a part that is not shown, and what is shown
    /// became smaller by `other`.
    pub const RESERVE: u8 = 2;
    /// Flag on a replace: the order is shown with the name of its firm.
    pub const ATTRIBUTED: u8 = 4;
    /// Flag: the order is not shown to the market.
    pub const HIDDEN: u8 = 8;
    /// Where the capacity of a replaced order begins in its flags, and the auction of an execution.
    pub const CAPACITY_SHIFT: u32 = 4;

    /// A report that says nothing yet.
    pub const BLANK: Report = Report {
        kind: ReportKind::Rejected,
        reason: Reason::None,
        side: Side::Buy,
        flags: 0,
        trade: 0,
        order: OrderNumber(0),
        id: OrderId(0),
        price: Price(0),
        quantity: Quantity(0),
        open: Quantity(0),
        other: 0,
        session: SessionId(0),
        symbol: SymbolId(0),
    };

    /// On a replace, and of an order that goes or comes with its instrument: the capacity that the order keeps.
    #[inline]
    pub fn capacity(&self) -> Capacity {
        Capacity::from_code(self.flags >> Self::CAPACITY_SHIFT).unwrap_or(Capacity::Other)
    }

    /// On an execution: the auction that it was part of, if any.
    #[inline]
    pub fn auction(&self) -> Option<Auction> {
        Auction::from_code(self.flags >> Self::CAPACITY_SHIFT)
    }

    /// Whether it is the last one of its command (from its shard).
    #[inline]
    pub fn is_last(&self) -> bool {
        self.flags & Self::LAST != 0
    }
}

/// Where an instrument is on its way between partitions: a word in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The last step.
    pub step: MoveStep,
    /// The other partition.
    pub partition: PartitionId,
    /// The version of the table of instruments that says so.
    pub version: u32,
}

impl Moved {
    /// As the word.
    pub fn word(self) -> u64 {
        u64::from(self.version) << 32 | u64::from(self.partition.0) << 8 | self.step as u64
    }

    /// From the word; `None` if no step has it.
    pub fn from_word(word: u64) -> Option<Moved> {
        let partition = PartitionId((word >> 8) as u16);
        let step = MoveStep::from_code(word as u8)?;
        Some(Moved { step, partition, version: (word >> 32) as u32 })
    }
}

/// What an exported order has beside the fields of its report: a word in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportedTerms {
    /// Its firm.
    pub firm: FirmId,
    /// Its self-trade group; zero for none.
    pub group: u16,
    /// Its time in force.
    pub tif: TimeInForce,
    /// Whether it must not take liquidity.
    pub post_only: PostOnly,
    /// What happens when it would trade with its own firm or group.
    pub self_trade: SelfTrade,
}

impl ExportedTerms {
    /// As the word.
    pub fn word(self) -> u64 {
        u64::from(self.firm.0)
            | u64::from(self.group) << 16
            | (self.tif as u64) << 32
            | (self.post_only as u64) << 40
            | (self.self_trade as u64) << 48
    }

    /// From the word; `None` if no order has it.
    pub fn from_word(word: u64) -> Option<ExportedTerms> {
        Some(ExportedTerms {
            firm: FirmId(word as u16),
            group: (word >> 16) as u16,
            tif: TimeInForce::from_code((word >> 32) as u8)?,
            post_only: PostOnly::from_code((word >> 40) as u8)?,
            self_trade: SelfTrade::from_code((word >> 48) as u8)?,
        })
    }
}

/// Where reports go, in order.
pub trait ReportSink {
    /// Takes the next report.
    fn report(&mut self, report: Report);
    /// Says that the command is complete: the report before was its last one.
    fn end_command(&mut self);

    /// Takes the one report of a command that has no other, as most have, already marked as the last:
    /// [`ReportSink::end_command`] is not called. A sink that does more there does it here, too.
    #[inline(always)]
    fn only(&mut self, report: Report) {
        self.report(Report { flags: report.flags | Report::LAST, ..report });
    }
}

impl ReportSink for Vec<Report> {
    #[inline(always)]
    fn report(&mut self, report: Report) {
        self.push(report);
    }

    #[inline]
    fn end_command(&mut self) {
        let last = self.last_mut().expect("each command has a report");
        last.flags |= Report::LAST;
    }
}

/// A report in the venue's one order `(seqno, index)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The place of the command that caused it.
    pub seqno: SeqNo,
    /// Its place among the reports of that command, from 0.
    pub index: u32,
    /// Official time.
    pub time: Nanos,
    /// The mode under which it was released. It says how much the report is worth, not what happened:
    /// the output hash leaves it out.
    pub durability: Durability,
    /// What it says. [`Report::LAST`] is not set: `index` and the next `seqno` say it.
    pub report: Report,
}

impl Published {
    /// The match number of an execution.
    pub fn match_number(&self) -> MatchNumber {
        MatchNumber::of(self.seqno, self.report.trade)
    }
}
