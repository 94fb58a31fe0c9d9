//! Reports: the complete output of the engine, one 64-byte line each.

use crate::domain::{
    Auction, Capacity, FirmId, MatchNumber, MoveStep, Nanos, OrderId, OrderNumber, PartitionId,
    PostOnly, Price, Quantity, SelfTrade, SeqNo, SessionId, Side, SymbolId, TimeInForce, byte_enum,
};
use crate::durability::Durability;
use crate::reason::Reason;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

byte_enum! {
    /// Content of a report.
    ReportKind {
        /// A new order is accepted: `open` is its quantity before matching.
        Accepted = 1 "accepted",
        /// A trade, one report for each side, the resting order first.
        Executed = 2 "executed",
        /// `quantity` of an order is cancelled, `open` is left.
        Canceled = 3 "canceled",
        /// An order took the place of another order (`other` is the old id).
        Replaced = 4 "replaced",
        /// A command is rejected.
        Rejected = 5 "rejected",
        /// A market-to-limit order books its rest, `open`, at `price`.
        Restated = 6 "restated",
        /// A mass cancel covers `quantity` orders; their `canceled` reports follow.
        MassCanceled = 7 "mass_canceled",
        /// A symbol, a session or a firm is defined.
        Defined = 8 "defined",
        /// A durability mode begins: its code is in `other`.
        DurabilitySet = 9 "durability_set",
        /// The sell marking or the quantity of an order is changed; `quantity` is taken away,
        /// `open` is left.
        Modified = 10 "modified",
        /// Order entry of a session is enabled (`other` is 1) or disabled (0).
        OrderEntrySet = 11 "order_entry_set",
        /// The next id that a session may use is in `other`.
        AccountQueried = 12 "account_queried",
        /// The trading day begins or ends, by the code in `other`; `quantity` orders expire, their
        /// `canceled` reports follow.
        TradingDay = 13 "trading_day",
        /// A trade is broken, one report for each side.
        Broken = 14 "broken",
        /// A step of a move of a symbol between partitions: `other` has the step, the other
        /// partition and the version of the table, see [`Moved`]; reports of `quantity` orders
        /// follow.
        SymbolMoved = 15 "symbol_moved",
        /// An order leaves with its symbol: `other` has its [`ExportedTerms`].
        Exported = 16 "exported",
        /// An order has arrived with its symbol and waits: `other` is its id on the old partition.
        Held = 17 "held",
        /// An order that arrived with its symbol rests: `other` is its id on the old partition,
        /// `trade` the number of that partition.
        Imported = 18 "imported",
        /// The state of a symbol is changed, by the code in `other`. If a limit state paused the
        /// symbol, `quantity` is the official time of its reopening.
        StateChanged = 19 "state_changed",
        /// An auction, by the code in `other`, traded `quantity` at `price`, both 0 if nothing
        /// could trade; its `executed` reports follow.
        Crossed = 20 "crossed",
        /// The result that an auction, by the code in `other`, would have now: `quantity` at
        /// `price`, with `open` left over on `side`.
        Indicative = 21 "indicative",
        /// A stop is elected and enters the book as a new order: `order` is its new number, `other`
        /// its old number, `price` its limit.
        Triggered = 22 "triggered",
        /// A slice of an iceberg, `quantity`, is displayed: `order` is its number, `other` the
        /// number of the slice before; of the first slice, its own number.
        Displayed = 23 "displayed",
        /// A tick of a symbol; the reports of its timers follow, among them the `canceled` reports
        /// of `quantity` expired orders.
        Ticked = 24 "ticked",
        /// The next state of a symbol is scheduled: `other` is its code, `quantity` its official
        /// time; both 0 if no state is scheduled any more.
        StatePlanned = 25 "state_planned",
        /// The price bands of a symbol, static and dynamic ones together: while the symbol is open,
        /// no trade is below `price` or above `other`, 0 for no bound; `quantity` is the reference.
        /// A pause publishes them again.
        BandsSet = 26 "bands_set",
        /// A limit state begins (`other` is 1) or ends (0): the quote on `side` stands at the price
        /// band `price`. If the quote stays there, the symbol is paused at the official time in
        /// `quantity`.
        LimitState = 27 "limit_state",
        /// The reference quote of a symbol: `price` is the bid, `other` the offer.
        Quoted = 28 "quoted",
        /// An order has a new limit and a new place, and trades or rests as a new order does:
        /// `order` is its new number, `other` its old number, `open` the open quantity, and
        /// `quantity` the displayed part of it.
        Repriced = 29 "repriced",
        /// The short sale setting of a symbol. Bit 0 of `other`: short sales are restricted; bit 1:
        /// a fall will restrict them.
        ShortSaleSet = 30 "short_sale_set",
        /// New risk limits are in force; `other` is the firm if the limits are those of a firm.
        RiskSet = 31 "risk_set",
        /// A trade, whose number is in `other`, is corrected to `quantity` at `price`; one report
        /// for each side.
        Corrected = 32 "corrected",
        /// Internal, never published: the state hash of one shard, in `quantity` and `open`.
        StateHash = 128 "state_hash",
    }
}

/// Report. Its seqno and its time are those of the command that caused it, see [`Published`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(64))]
pub struct Report {
    /// Content of the report.
    pub kind: ReportKind,
    /// Cause of a reject or cancel.
    pub reason: Reason,
    /// Side of the order.
    pub side: Side,
    /// Flags: [`Report::LAST`], [`Report::REMOVED`], [`Report::ATTRIBUTED`], [`Report::HIDDEN`].
    /// From [`Report::CAPACITY_SHIFT`] on, a [`Capacity`] on a replace, and an [`Auction`] on its
    /// executions.
    pub flags: u8,
    /// On an execution: number of the trade within its command, from 1.
    pub trade: u32,
    /// Order number. On a replace it is the number of the old order; the new order has the number
    /// of the command.
    pub order: OrderNumber,
    /// Order id that the session gave.
    pub id: OrderId,
    /// Limit or trade price; 0 for none.
    pub price: Price,
    /// Ordered, traded or cancelled quantity.
    pub quantity: Quantity,
    /// Open quantity after the command.
    pub open: Quantity,
    /// Depends on the kind, see [`ReportKind`]. Executed: number of the other order. Replaced: id
    /// of the old order. Broken: match number. Canceled for self-trade on entry: price of the
    /// prevented trade. Rejected because the symbol is not traded here: a [`Moved`].
    pub other: u64,
    /// Session that receives the report.
    pub session: SessionId,
    /// Symbol of the report.
    pub symbol: SymbolId,
}

impl Report {
    /// Flag: no further report of this command comes from this shard.
    pub const LAST: u8 = 1;
    /// Flag on an execution: this side removed liquidity. In an auction, where no side does, the
    /// younger order has the flag.
    pub const REMOVED: u8 = 2;
    /// Flag on an acceptance: the order is a stop; `price` is its stop price, `other` its later
    /// limit, 0 for none.
    pub const STOP: u8 = 2;
    /// Flag on a cancel and a modification that leave open quantity: the order has a reserve, and
    /// its displayed part became smaller by `other`.
    pub const RESERVE: u8 = 2;
    /// Flag on a replace: market data shows the order with the name of its firm.
    pub const ATTRIBUTED: u8 = 4;
    /// Flag: market data does not show the order.
    pub const HIDDEN: u8 = 8;
    /// Lowest bit of the capacity in the flags of a replace, and of the auction in those of an
    /// execution.
    pub const CAPACITY_SHIFT: u32 = 4;

    /// Empty report, the base of all others.
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

    /// Returns the capacity of the order, on a replace and on reports of an order that moves with
    /// its symbol.
    #[inline]
    pub fn capacity(&self) -> Capacity {
        Capacity::from_code(self.flags >> Self::CAPACITY_SHIFT).unwrap_or(Capacity::Other)
    }

    /// Returns the auction that an execution was part of; `None` in continuous trading.
    #[inline]
    pub fn auction(&self) -> Option<Auction> {
        Auction::from_code(self.flags >> Self::CAPACITY_SHIFT)
    }

    /// Returns true for the last report of a command from its shard.
    #[inline]
    pub fn is_last(&self) -> bool {
        self.flags & Self::LAST != 0
    }
}

/// Step of a moving symbol, as a word in a report.
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
    /// Returns the word that a report carries.
    pub fn word(self) -> u64 {
        u64::from(self.version) << 32 | u64::from(self.partition.0) << 8 | self.step as u64
    }

    /// Reads the word of a report; `None` if no step has it.
    pub fn from_word(word: u64) -> Option<Moved> {
        let partition = PartitionId((word >> 8) as u16);
        let step = MoveStep::from_code(word as u8)?;
        Some(Moved { step, partition, version: (word >> 32) as u32 })
    }
}

/// Terms of an exported order beside the fields of its report, as a word in the report.
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

impl ExportedTerms {
    /// Returns the word that a report carries.
    pub fn word(self) -> u64 {
        u64::from(self.firm.0)
            | u64::from(self.group) << 16
            | (self.tif as u64) << 32
            | (self.post_only as u64) << 40
            | (self.self_trade as u64) << 48
    }

    /// Reads the word of a report; `None` if no order has it.
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
    /// Content. [`Report::LAST`] is not set: `index` and the next `seqno` imply it.
    pub report: Report,
}

impl Published {
    /// Returns the match number of an execution.
    pub fn match_number(&self) -> MatchNumber {
        MatchNumber::of(self.seqno, self.report.trade)
    }
}
