//! Commands: everything that may change the venue, and their bodies in a [`Frame`].
//!
//! ```text
//!            0                8                16               24     26      28   29   30   31
//! enter      │ id             │ price          │ quantity       │ firm │ group │side│type│tif │opts│
//! replace    │ id             │ price          │ quantity       │ new id                           │
//! reduce     │ id             │ quantity       │
//! cancel     │ id             │
//! enter_stop │ as enter, and behind it the stop price
//! enter_iceberg │ as enter, and behind it what it shows first, the least and the most that it shows later, the seed,
//!                 and what its client must be told again
//! enter_rich │ as enter, and behind it its terms and what its client must be told again
//! ```
//!
//! What came over the network has a second line, [`ClientFields`]; icebergs and rich orders have them in what their
//! bodies leave.

use crate::domain::{
    AtBand, AtShortTest, Capacity, DayEvent, FirmId, MatchNumber, MoveStep, Name, Nanos, OrderId,
    OrderType, PartitionId, Peg, PostOnly, Price, Quantity, RiskScope, Role, SelfTrade, SeqNo,
    SessionId, Side, SymbolId, SymbolState, Tick, TimeInForce,
};
use crate::draw;
use crate::durability::Durability;
use crate::frame::{Frame, FrameKind, SetDurability};
use crate::reason::Reason;
use crate::report::Moved;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// One command, before or after it has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Who sent it.
    pub session: SessionId,
    /// The instrument it concerns: the shard that owns it acts. [`SymbolId::NONE`] for an unknown
    /// one and for commands that concern the whole venue.
    pub symbol: SymbolId,
    /// What the gateway found, journaled with the command so that no replay has to find it again.
    /// On a reduce, a modify or a cancel: the reason to give if the order is not live. On a mass cancel: the
    /// cause of its cancels if that is not the mass cancel itself, or the reason why it must be refused. On
    /// all others: the reason why it must be refused.
    pub verdict: Reason,
    /// What to do.
    pub action: Action,
}

/// What a command does. Those that name an order come first, so that looking ahead finds out with one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A new order.
    Enter(Enter),
    /// A lower total quantity; the order keeps its priority.
    Reduce {
        /// The order.
        id: OrderId,
        /// The new total (executed and open).
        quantity: Quantity,
    },
    /// New terms with new priority.
    Replace {
        /// The order that goes.
        id: OrderId,
        /// The order that comes.
        new_id: OrderId,
        /// The new total (executed and open).
        quantity: Quantity,
        /// The new limit.
        price: Price,
    },
    /// The end of an order.
    Cancel {
        /// The order.
        id: OrderId,
    },
    /// Another sell marking, a lower total quantity, or both; the order keeps its priority.
    Modify {
        /// The order.
        id: OrderId,
        /// The side that it is marked with from here on, if that changes; buys stay buys.
        side: Option<Side>,
        /// The new total (executed and open), if that changes; one that is no reduction changes nothing.
        quantity: Option<Quantity>,
    },
    /// A new order that waits for a trade at its stop price.
    EnterStop(EnterStop),
    /// A new order that shows a part of itself at a time.
    EnterIceberg(EnterIceberg),
    /// A new order with terms that few orders have.
    EnterRich(EnterRich),
    /// The end of every order that matches.
    MassCancel(MassCancel),
    /// Whether a session may enter orders.
    SetOrderEntry {
        /// The id that the request used up.
        id: OrderId,
        /// Whether it may.
        enabled: bool,
    },
    /// A session asks which id it may use next.
    AccountQuery {
        /// The id.
        next: OrderId,
    },
    /// The trading day begins or ends.
    TradingDay(DayEvent),
    /// A trade is taken back.
    BreakTrade(BreakTrade),
    /// A new instrument, `Command::symbol`.
    DefineSymbol(DefineSymbol),
    /// A new session, `Command::session`.
    DefineSession {
        /// Its name.
        name: Name,
        /// The firm of its orders if they name none.
        firm: FirmId,
        /// What it is for.
        role: Role,
    },
    /// A new firm.
    DefineFirm {
        /// The firm.
        firm: FirmId,
        /// Its name.
        name: Name,
    },
    /// Another durability mode from here on.
    SetDurability(Durability),
    /// The instrument, `Command::symbol`, comes from another partition, goes there, or is told to be there.
    MoveSymbol(MoveSymbol),
    /// An order comes with its instrument.
    ImportOrder(ImportOrder),
    /// Another state of the instrument, `Command::symbol`; where a call ends, its auction trades first.
    SetState(SymbolState),
    /// The state that the instrument, `Command::symbol`, has next, and when.
    PlanState(PlanState),
    /// Time has passed: what was due for the instrument, `Command::symbol`, happens.
    Tick,
    /// Other price bands of the instrument, `Command::symbol`.
    SetBands(SetBands),
    /// Another reference quote of the instrument, `Command::symbol`.
    SetQuote {
        /// The best bid of the market.
        bid: Price,
        /// The best offer of the market.
        offer: Price,
    },
    /// Whether short sales of the instrument, `Command::symbol`, are restricted.
    SetShortSale {
        /// Whether they are from here on.
        restricted: bool,
        /// Whether they will be when a trade is ten percent or more below the prior close.
        automatic: bool,
    },
    /// Other risk limits. No book knows them: gateways refuse by them.
    SetRisk(SetRisk),
    /// A trade had other terms than was told.
    CorrectTrade(CorrectTrade),
}

/// A new order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enter {
    /// The session's number for it.
    pub id: OrderId,
    /// The limit; zero on a market or market-to-limit order.
    pub price: Price,
    /// The quantity.
    pub quantity: Quantity,
    /// The firm that owns it.
    pub firm: FirmId,
    /// A group for self-trade prevention instead of the firm; zero for none.
    pub group: u16,
    /// Side and sell marking.
    pub side: Side,
    /// The type.
    pub order_type: OrderType,
    /// The time in force.
    pub tif: TimeInForce,
    /// Whether it must not take liquidity.
    pub post_only: PostOnly,
    /// What happens when it would trade with its own firm or group.
    pub self_trade: SelfTrade,
    /// In what capacity the firm trades.
    pub capacity: Capacity,
    /// Whether market data shows the firm's name with it.
    pub attributed: bool,
}

/// A new stop order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnterStop {
    /// The order that it becomes when it is elected, a market or a limit order.
    pub order: Enter,
    /// A trade at this price or beyond it elects it: above for buys, below for sells.
    pub stop: Price,
}

/// A new iceberg order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnterIceberg {
    /// The whole of it, a limit order.
    pub order: Enter,
    /// How it is shown.
    pub display: Display,
}

/// A new order with terms that few orders have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnterRich {
    /// The order; of a peg without a limit.
    pub order: Enter,
    /// The terms.
    pub terms: RichTerms,
}

/// Terms that few orders have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RichTerms {
    /// The official time from which on it is over; zero for none.
    pub expire: Nanos,
    /// The least that it trades with one order; zero for any.
    pub min_quantity: Quantity,
    /// What bounds the limit of a peg; zero for nothing.
    pub peg_limit: Price,
    /// How many ticks a peg's limit is away from what it follows, towards its own side of the book.
    pub peg_offset: u32,
    /// What its limit follows.
    pub peg: Peg,
    /// Whether it is not shown while it rests.
    pub hidden: bool,
    /// What happens at a price band.
    pub at_band: AtBand,
    /// What happens at the short sale price test.
    pub at_short_test: AtShortTest,
}

/// The state that an instrument has next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PlanState {
    /// The official time at which it has it at the earliest; zero for no plan.
    pub due: Nanos,
    /// It has it so much later at most, in ns.
    pub random_ns: u64,
    /// What decides how much later, so that every replay decides the same.
    pub seed: u64,
    /// The state.
    pub state: SymbolState,
    /// Zero.
    pub zero: [u8; 7],
}

/// The price bands of an instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetBands {
    /// No trade is below; zero for no such bound.
    pub low: Price,
    /// No trade is above; zero for no such bound.
    pub high: Price,
    /// No trade is so much below or above the reference, in basis points; zero for no such bounds.
    pub bps: u32,
    /// The reference.
    pub reference: Price,
}

/// Other risk limits of a session, `Command::session`, a firm, or an instrument, `Command::symbol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetRisk {
    /// Whom they are for.
    pub scope: RiskScope,
    /// The firm, if it is for one.
    pub firm: FirmId,
    /// The limits.
    pub limits: RiskLimits,
}

/// Risk limits; zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RiskLimits {
    /// No order has a larger quantity.
    pub quantity_max: u64,
    /// No order has a larger value, in whole units of the currency.
    pub notional_max: u64,
    /// So many orders are open at most.
    pub open_orders_max: u64,
    /// What was traded on the day, together, has no larger value, in whole units of the currency.
    pub gross_notional_max: u64,
    /// So many orders a second enter at most.
    pub orders_per_second_max: u32,
    /// Nothing enters at all.
    pub killed: bool,
}

/// A trade whose terms were told wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorrectTrade {
    /// The trade.
    pub trade: BreakTrade,
    /// The price that it had.
    pub price: Price,
    /// The quantity that it had.
    pub quantity: Quantity,
}

/// What of an order is shown while it rests, a slice at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Display {
    /// The next slice: on a new order the first one.
    pub next: u64,
    /// The least that a later slice has, and …
    pub least: u64,
    /// … the most: each is drawn from between the two, in lots, all as likely.
    pub most: u64,
    /// What they are drawn with, so that every replay draws the same.
    pub seed: u64,
}

/// Which orders a mass cancel ends: those for which every given field matches. The instrument is
/// `Command::symbol`, [`SymbolId::NONE`] for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MassCancel {
    /// The id that the request used up; zero for none.
    pub id: OrderId,
    /// Orders of this session.
    pub session: Option<SessionId>,
    /// Orders of this firm.
    pub firm: Option<FirmId>,
    /// Orders of this self-trade group.
    pub group: Option<u16>,
    /// `true`: bids, `false`: offers.
    pub buy: Option<bool>,
}

/// A trade that is taken back. All that has to be told is in it, because the orders may be long gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakTrade {
    /// The trade.
    pub match_number: MatchNumber,
    /// The order that rested, then the one that came.
    pub sides: [TradeSide; 2],
}

/// One side of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TradeSide {
    /// The session's id of the order.
    pub id: OrderId,
    /// The session.
    pub session: SessionId,
    /// The client's text on the order, [`ClientFields::text`].
    pub text: [u8; ClientFields::TEXT_BYTES],
    /// Zero.
    pub zero: [u8; 6],
}

/// The second line of a command that came over the network: what its client must be told again, and no
/// matcher needs.
///
/// ```text
///  0           14    15        16         17       18       19         20
/// ┌───────────┬─────┬─────────┬──────────┬────────┬────────┬──────────┬──────────────────────────
/// │ text      │ tif │ display │ capacity │ sweep  │ cross  │ tag bytes│ tags, then zeros …
/// └───────────┴─────┴─────────┴──────────┴────────┴────────┴──────────┴──────────────────────────
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ClientFields {
    /// The client's own text (OUCH `ClOrdID`), padded with spaces.
    pub text: [u8; ClientFields::TEXT_BYTES],
    /// OUCH `TimeInForce`.
    pub tif: u8,
    /// OUCH `Display`.
    pub display: u8,
    /// OUCH `Capacity`.
    pub capacity: u8,
    /// OUCH `InterMarketSweepEligibility`.
    pub sweep: u8,
    /// OUCH `CrossType`.
    pub cross: u8,
    /// How many bytes of `tags` are used.
    pub tag_bytes: u8,
    /// The tagged values as they came.
    pub tags: [u8; ClientFields::TAG_BYTES_MAX],
}

/// A new instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefineSymbol {
    /// Its name.
    pub name: Name,
    /// The value of one tick.
    pub tick: Tick,
    /// Quantities are multiples of this; at least 1.
    pub lot: Quantity,
    /// How far a market order may trade from the reference price, in basis points; zero for no limit.
    pub collar_bps: u32,
    /// The prior close, the reference price until the first trade; zero for none.
    pub reference: Price,
}

/// A step of an instrument from one partition to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveSymbol {
    /// The step.
    pub step: MoveStep,
    /// The other partition: where the instrument comes from, goes to, or is.
    pub partition: PartitionId,
    /// The version of the table of instruments that says so.
    pub version: u32,
    /// On a resume: how many orders must have come.
    pub orders: u64,
    /// On a resume: how much they must have open, together.
    pub quantity: Quantity,
}

/// An order that comes with its instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportOrder {
    /// Its terms, with its id here; its quantity is what is open.
    pub order: Enter,
    /// Its id where it comes from.
    pub id_there: OrderId,
}

/// A command with its place and its official time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequenced {
    /// Its place.
    pub seqno: SeqNo,
    /// Its official time.
    pub time: Nanos,
    /// The command.
    pub command: Command,
}

impl Enter {
    /// Whether it is a limit order that may rest and may take liquidity, as nearly all are. The codes of all of that are 0,
    /// but for the two times in force.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        let tif = self.tif as u8 & !(TimeInForce::Day as u8 | TimeInForce::Gtc as u8);
        tif | self.order_type as u8 | self.post_only as u8 == 0
    }
}

impl EnterStop {
    /// The word for its type in files.
    pub fn type_name(&self) -> &'static str {
        match self.order.order_type {
            OrderType::Market => "stop",
            OrderType::Limit | OrderType::MarketToLimit => "stop_limit",
        }
    }
}

impl RichTerms {
    /// Those of an order that has none.
    pub const NONE: RichTerms = RichTerms {
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

impl PlanState {
    /// Whether anything is planned.
    pub fn is_one(&self) -> bool {
        self.due.0 != 0
    }

    /// The official time from which on the instrument has the state: all delays are as likely.
    pub fn time(&self) -> Nanos {
        let mut seed = self.seed;
        let delay = match self.random_ns.checked_add(1) {
            Some(delays) => draw::next(&mut seed) % delays,
            None => draw::next(&mut seed),
        };
        Nanos(self.due.0.saturating_add(delay))
    }
}

impl Command {
    /// Whether it brings an order, or other terms for one.
    #[inline]
    pub fn enters(&self) -> bool {
        self.action.entered().is_some() || matches!(self.action, Action::Replace { .. })
    }

    /// What follows if it pulls a kill switch: all orders that are open are cancelled.
    pub fn kills(&self) -> Option<Command> {
        let Action::SetRisk(SetRisk { scope, firm, limits }) = self.action else { return None };
        if !limits.killed || self.verdict != Reason::None {
            return None;
        }
        let filter = match scope {
            RiskScope::Session => {
                MassCancel { session: Some(self.session), ..MassCancel::default() }
            }
            RiskScope::Firm => MassCancel { firm: Some(firm), ..MassCancel::default() },
            RiskScope::Symbol => MassCancel::default(),
        };
        Some(Command {
            session: SessionId(0),
            symbol: self.symbol,
            verdict: Reason::Risk,
            action: Action::MassCancel(filter),
        })
    }
}

impl MoveSymbol {
    /// What is said of it.
    pub fn moved(&self) -> Moved {
        Moved { step: self.step, partition: self.partition, version: self.version }
    }
}

impl Action {
    /// The order that it brings, of whatever kind.
    #[inline]
    pub fn entered(&self) -> Option<&Enter> {
        match self {
            Action::Enter(enter) => Some(enter),
            Action::EnterStop(stop) => Some(&stop.order),
            Action::EnterIceberg(iceberg) => Some(&iceberg.order),
            Action::EnterRich(rich) => Some(&rich.order),
            _ => None,
        }
    }

    /// Its kind of frame.
    #[inline]
    pub fn kind(&self) -> FrameKind {
        match self {
            Action::Enter(_) => FrameKind::Enter,
            Action::EnterStop(_) => FrameKind::EnterStop,
            Action::EnterIceberg(_) => FrameKind::EnterIceberg,
            Action::EnterRich(_) => FrameKind::EnterRich,
            Action::Reduce { .. } => FrameKind::Reduce,
            Action::Replace { .. } => FrameKind::Replace,
            Action::Cancel { .. } => FrameKind::Cancel,
            Action::MassCancel(_) => FrameKind::MassCancel,
            Action::Modify { .. } => FrameKind::Modify,
            Action::SetOrderEntry { .. } => FrameKind::SetOrderEntry,
            Action::AccountQuery { .. } => FrameKind::AccountQuery,
            Action::TradingDay(_) => FrameKind::TradingDay,
            Action::BreakTrade(_) => FrameKind::BreakTrade,
            Action::DefineSymbol(_) => FrameKind::DefineSymbol,
            Action::DefineSession { .. } => FrameKind::DefineSession,
            Action::DefineFirm { .. } => FrameKind::DefineFirm,
            Action::SetDurability(_) => FrameKind::SetDurability,
            Action::MoveSymbol(_) => FrameKind::MoveSymbol,
            Action::ImportOrder(_) => FrameKind::ImportOrder,
            Action::SetState(_) => FrameKind::SetState,
            Action::PlanState(_) => FrameKind::PlanState,
            Action::Tick => FrameKind::Tick,
            Action::SetBands(_) => FrameKind::SetBands,
            Action::SetQuote { .. } => FrameKind::SetQuote,
            Action::SetShortSale { .. } => FrameKind::SetShortSale,
            Action::SetRisk(_) => FrameKind::SetRisk,
            Action::CorrectTrade(_) => FrameKind::CorrectTrade,
        }
    }
}

/// Whether every shard has a part in such a command.
#[inline]
pub fn is_venue_wide(kind: FrameKind, symbol: SymbolId) -> bool {
    kind == FrameKind::TradingDay || kind == FrameKind::MassCancel && symbol == SymbolId::NONE
}

/// Whether such a command names an instrument, a session or a firm.
#[inline]
pub fn is_definition(kind: FrameKind) -> bool {
    matches!(kind, FrameKind::DefineSymbol | FrameKind::DefineSession | FrameKind::DefineFirm)
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct EnterBody {
    id: u64,
    price: i64,
    quantity: u64,
    firm: u16,
    group: u16,
    side: Side,
    order_type: OrderType,
    tif: TimeInForce,
    /// Post-only in the low two bits, then self-trade mode (3), capacity (2) and whether it is attributed.
    options: u8,
}

impl EnterBody {
    #[inline]
    fn of(e: &Enter) -> Self {
        EnterBody {
            id: e.id.0,
            price: e.price.0,
            quantity: e.quantity.0,
            firm: e.firm.0,
            group: e.group,
            side: e.side,
            order_type: e.order_type,
            tif: e.tif,
            options: e.post_only as u8
                | (e.self_trade as u8) << 2
                | (e.capacity as u8) << 5
                | u8::from(e.attributed) << 7,
        }
    }

    #[inline]
    fn enter(&self) -> Option<Enter> {
        Some(Enter {
            id: OrderId(self.id),
            price: Price(self.price),
            quantity: Quantity(self.quantity),
            firm: FirmId(self.firm),
            group: self.group,
            side: self.side,
            order_type: self.order_type,
            tif: self.tif,
            post_only: PostOnly::from_code(self.options & 3)?,
            self_trade: SelfTrade::from_code(self.options >> 2 & 7)?,
            capacity: Capacity::from_code(self.options >> 5 & 3)?,
            attributed: self.options >> 7 != 0,
        })
    }
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct EnterStopBody {
    order: EnterBody,
    stop: i64,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct EnterIcebergBody {
    order: EnterBody,
    display: Display,
    client: TailFields,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct EnterRichBody {
    order: EnterBody,
    terms: RichTerms,
    client: TailFields,
}

/// The same as [`ClientFields`], with less room for tagged values. All zero for none: no cross type is.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct TailFields {
    text: [u8; ClientFields::TEXT_BYTES],
    tif: u8,
    display: u8,
    capacity: u8,
    sweep: u8,
    cross: u8,
    tag_bytes: u8,
    tags: [u8; ClientFields::TAIL_TAG_BYTES_MAX],
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct ImportOrderBody {
    order: EnterBody,
    id_there: u64,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct MoveSymbolBody {
    orders: u64,
    quantity: u64,
    version: u32,
    partition: u16,
    step: MoveStep,
    zero: u8,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct ReduceBody {
    id: u64,
    quantity: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct ReplaceBody {
    id: u64,
    price: i64,
    quantity: u64,
    new_id: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct CancelBody {
    id: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct MassCancelBody {
    id: u64,
    /// Bits 0 to 3: session, firm, group, side are given; bit 4: the side is buy.
    given: u32,
    session: u32,
    firm: u16,
    group: u16,
    zero: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct ModifyBody {
    id: u64,
    quantity: u64,
    /// Bits 0 and 1: side and quantity are given.
    given: u32,
    side: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SetOrderEntryBody {
    id: u64,
    enabled: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct AccountQueryBody {
    next: u64,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct TradingDayBody {
    event: DayEvent,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SetStateBody {
    state: SymbolState,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct TickBody {
    zero: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SetBandsBody {
    low: i64,
    high: i64,
    reference: i64,
    bps: u32,
    zero: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SetQuoteBody {
    bid: i64,
    offer: i64,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SetShortSaleBody {
    restricted: bool,
    automatic: bool,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SetRiskBody {
    quantity_max: u64,
    notional_max: u64,
    open_orders_max: u64,
    gross_notional_max: u64,
    orders_per_second_max: u32,
    firm: u16,
    scope: RiskScope,
    killed: bool,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct CorrectTradeBody {
    match_number: u64,
    sides: [TradeSide; 2],
    price: i64,
    quantity: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct BreakTradeBody {
    match_number: u64,
    sides: [TradeSide; 2],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct DefineSymbolBody {
    name: Name,
    tick: u64,
    lot: u64,
    reference: i64,
    collar_bps: u32,
    tick_scale: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct DefineNameBody {
    name: Name,
    firm: u16,
    role: u16,
    zero: [u16; 2],
}

const _: () = assert!(size_of::<EnterBody>() == 32 && size_of::<ReplaceBody>() == 32);
const _: () = assert!(size_of::<ClientFields>() == 64 && size_of::<TradeSide>() == 32);

impl ClientFields {
    /// The length of a client's text.
    pub const TEXT_BYTES: usize = 14;
    /// Room for tagged values.
    pub const TAG_BYTES_MAX: usize = 44;
    /// Room for those of an iceberg or a rich order.
    pub const TAIL_TAG_BYTES_MAX: usize = 12;

    /// Those of a command; `None` if it has none. A long body has its bytes in the place of a second line: only the
    /// kinds that clients send and that are short can have one.
    pub fn of(frame: &Frame) -> Option<ClientFields> {
        match frame.kind()? {
            FrameKind::EnterIceberg => frame.body::<EnterIcebergBody>()?.client.fields(),
            FrameKind::EnterRich => frame.body::<EnterRichBody>()?.client.fields(),
            kind if (kind as u8) < FrameKind::EnterStop as u8 => frame.line().copied(),
            _ => None,
        }
    }

    /// Puts them into the frame of a command that a client sent; [`Frame::seal`] completes it. Of the tagged
    /// values of an iceberg or a rich order there are at most [`TAIL_TAG_BYTES_MAX`](Self::TAIL_TAG_BYTES_MAX) bytes.
    pub fn append_to(&self, frame: &mut Frame) {
        match frame.kind() {
            Some(FrameKind::EnterIceberg | FrameKind::EnterRich) => {
                frame.set_tail(&TailFields::of(self))
            }
            _ => frame.append_line(self),
        }
    }

    /// The tagged values as they came.
    #[inline]
    pub fn tags(&self) -> &[u8] {
        &self.tags[..usize::from(self.tag_bytes).min(Self::TAG_BYTES_MAX)]
    }
}

impl TailFields {
    fn of(fields: &ClientFields) -> Self {
        let mut tags = [0; ClientFields::TAIL_TAG_BYTES_MAX];
        tags[..fields.tags().len()].copy_from_slice(fields.tags());
        let ClientFields { text, tif, display, capacity, sweep, cross, tag_bytes, .. } = *fields;
        TailFields { text, tif, display, capacity, sweep, cross, tag_bytes, tags }
    }

    fn fields(&self) -> Option<ClientFields> {
        let mut all_tags = [0; ClientFields::TAG_BYTES_MAX];
        all_tags[..self.tags.len()].copy_from_slice(&self.tags);
        let TailFields { text, tif, display, capacity, sweep, cross, tag_bytes, .. } = *self;
        let tags = all_tags;
        let fields = ClientFields { text, tif, display, capacity, sweep, cross, tag_bytes, tags };
        (cross != 0).then_some(fields)
    }
}

impl Command {
    /// Writes the command into a frame; [`Frame::seal`] completes it.
    #[inline]
    pub fn encode(&self, frame: &mut Frame) {
        match self.action {
            Action::Enter(ref e) => frame.write(FrameKind::Enter, &EnterBody::of(e)),
            Action::EnterStop(ref e) => frame.write(
                FrameKind::EnterStop,
                &EnterStopBody { order: EnterBody::of(&e.order), stop: e.stop.0 },
            ),
            Action::EnterIceberg(ref e) => frame.write(
                FrameKind::EnterIceberg,
                &EnterIcebergBody {
                    order: EnterBody::of(&e.order),
                    display: e.display,
                    client: TailFields::default(),
                },
            ),
            Action::EnterRich(ref e) => frame.write(
                FrameKind::EnterRich,
                &EnterRichBody {
                    order: EnterBody::of(&e.order),
                    terms: e.terms,
                    client: TailFields::default(),
                },
            ),
            Action::Reduce { id, quantity } => {
                frame.write(FrameKind::Reduce, &ReduceBody { id: id.0, quantity: quantity.0 })
            }
            Action::Replace { id, new_id, quantity, price } => frame.write(
                FrameKind::Replace,
                &ReplaceBody { id: id.0, price: price.0, quantity: quantity.0, new_id: new_id.0 },
            ),
            Action::Cancel { id } => frame.write(FrameKind::Cancel, &CancelBody { id: id.0 }),
            Action::MassCancel(m) => frame.write(FrameKind::MassCancel, &mass_cancel_body(m)),
            Action::Modify { id, side, quantity } => frame.write(
                FrameKind::Modify,
                &ModifyBody {
                    id: id.0,
                    quantity: quantity.unwrap_or_default().0,
                    given: u32::from(side.is_some()) | u32::from(quantity.is_some()) << 1,
                    side: side.map_or(0, |side| side as u32),
                },
            ),
            Action::SetOrderEntry { id, enabled } => frame.write(
                FrameKind::SetOrderEntry,
                &SetOrderEntryBody { id: id.0, enabled: enabled.into() },
            ),
            Action::AccountQuery { next } => {
                frame.write(FrameKind::AccountQuery, &AccountQueryBody { next: next.0 })
            }
            Action::TradingDay(event) => {
                frame.write(FrameKind::TradingDay, &TradingDayBody { event })
            }
            Action::SetState(state) => frame.write(FrameKind::SetState, &SetStateBody { state }),
            Action::PlanState(plan) => frame.write(FrameKind::PlanState, &plan),
            Action::Tick => frame.write(FrameKind::Tick, &TickBody { zero: 0 }),
            Action::SetBands(b) => frame.write(
                FrameKind::SetBands,
                &SetBandsBody {
                    low: b.low.0,
                    high: b.high.0,
                    reference: b.reference.0,
                    bps: b.bps,
                    zero: 0,
                },
            ),
            Action::SetQuote { bid, offer } => {
                frame.write(FrameKind::SetQuote, &SetQuoteBody { bid: bid.0, offer: offer.0 })
            }
            Action::SetShortSale { restricted, automatic } => {
                frame.write(FrameKind::SetShortSale, &SetShortSaleBody { restricted, automatic })
            }
            Action::SetRisk(ref r) => frame.write(FrameKind::SetRisk, &set_risk_body(r)),
            Action::CorrectTrade(c) => frame.write(
                FrameKind::CorrectTrade,
                &CorrectTradeBody {
                    match_number: c.trade.match_number.0,
                    sides: c.trade.sides,
                    price: c.price.0,
                    quantity: c.quantity.0,
                },
            ),
            Action::BreakTrade(b) => frame.write(
                FrameKind::BreakTrade,
                &BreakTradeBody { match_number: b.match_number.0, sides: b.sides },
            ),
            Action::DefineSymbol(d) => frame.write(
                FrameKind::DefineSymbol,
                &DefineSymbolBody {
                    name: d.name,
                    tick: d.tick.mantissa,
                    lot: d.lot.0,
                    reference: d.reference.0,
                    collar_bps: d.collar_bps,
                    tick_scale: u32::from(d.tick.scale),
                },
            ),
            Action::DefineSession { name, firm, role } => frame.write(
                FrameKind::DefineSession,
                &DefineNameBody { name, firm: firm.0, role: role as u16, zero: [0; 2] },
            ),
            Action::DefineFirm { firm, name } => frame.write(
                FrameKind::DefineFirm,
                &DefineNameBody { name, firm: firm.0, role: 0, zero: [0; 2] },
            ),
            Action::SetDurability(durability) => {
                frame.write(FrameKind::SetDurability, &SetDurability { durability })
            }
            Action::MoveSymbol(m) => frame.write(
                FrameKind::MoveSymbol,
                &MoveSymbolBody {
                    orders: m.orders,
                    quantity: m.quantity.0,
                    version: m.version,
                    partition: m.partition.0,
                    step: m.step,
                    zero: 0,
                },
            ),
            Action::ImportOrder(ref i) => frame.write(
                FrameKind::ImportOrder,
                &ImportOrderBody { order: EnterBody::of(&i.order), id_there: i.id_there.0 },
            ),
        }
        frame.header.verdict = self.verdict as u8;
        frame.header.session = self.session.0;
        frame.header.symbol = self.symbol.0;
    }

    /// Reads the command of a frame; `None` if the frame is bookkeeping or holds a value that no
    /// writer of this version writes.
    #[inline]
    pub fn decode(frame: &Frame) -> Option<Command> {
        let action = match frame.kind()? {
            FrameKind::Enter => Action::Enter(frame.body::<EnterBody>()?.enter()?),
            FrameKind::EnterStop => {
                let b: &EnterStopBody = frame.body()?;
                Action::EnterStop(EnterStop { order: b.order.enter()?, stop: Price(b.stop) })
            }
            FrameKind::EnterIceberg => {
                let b: &EnterIcebergBody = frame.body()?;
                Action::EnterIceberg(EnterIceberg { order: b.order.enter()?, display: b.display })
            }
            FrameKind::EnterRich => {
                let b: &EnterRichBody = frame.body()?;
                Action::EnterRich(EnterRich { order: b.order.enter()?, terms: b.terms })
            }
            FrameKind::Reduce => {
                let b: &ReduceBody = frame.body()?;
                Action::Reduce { id: OrderId(b.id), quantity: Quantity(b.quantity) }
            }
            FrameKind::Replace => {
                let b: &ReplaceBody = frame.body()?;
                Action::Replace {
                    id: OrderId(b.id),
                    new_id: OrderId(b.new_id),
                    quantity: Quantity(b.quantity),
                    price: Price(b.price),
                }
            }
            FrameKind::Cancel => {
                let b: &CancelBody = frame.body()?;
                Action::Cancel { id: OrderId(b.id) }
            }
            FrameKind::MassCancel => Action::MassCancel(mass_cancel(frame.body()?)),
            FrameKind::Modify => {
                let b: &ModifyBody = frame.body()?;
                let side = Side::from_code(u8::try_from(b.side).ok()?)?;
                Action::Modify {
                    id: OrderId(b.id),
                    side: (b.given & 1 != 0).then_some(side),
                    quantity: (b.given & 2 != 0).then_some(Quantity(b.quantity)),
                }
            }
            FrameKind::SetOrderEntry => {
                let b: &SetOrderEntryBody = frame.body()?;
                Action::SetOrderEntry { id: OrderId(b.id), enabled: b.enabled != 0 }
            }
            FrameKind::AccountQuery => {
                Action::AccountQuery { next: OrderId(frame.body::<AccountQueryBody>()?.next) }
            }
            FrameKind::TradingDay => Action::TradingDay(frame.body::<TradingDayBody>()?.event),
            FrameKind::SetState => Action::SetState(frame.body::<SetStateBody>()?.state),
            FrameKind::PlanState => Action::PlanState(*frame.body::<PlanState>()?),
            FrameKind::Tick => Action::Tick,
            FrameKind::SetBands => {
                let b: &SetBandsBody = frame.body()?;
                let (low, high, reference) = (Price(b.low), Price(b.high), Price(b.reference));
                Action::SetBands(SetBands { low, high, bps: b.bps, reference })
            }
            FrameKind::SetQuote => {
                let b: &SetQuoteBody = frame.body()?;
                Action::SetQuote { bid: Price(b.bid), offer: Price(b.offer) }
            }
            FrameKind::SetShortSale => {
                let b: &SetShortSaleBody = frame.body()?;
                let SetShortSaleBody { restricted, automatic } = *b;
                Action::SetShortSale { restricted, automatic }
            }
            FrameKind::SetRisk => Action::SetRisk(set_risk(frame.body()?)),
            FrameKind::CorrectTrade => {
                let b: &CorrectTradeBody = frame.body()?;
                let match_number = MatchNumber(b.match_number);
                let trade = BreakTrade { match_number, sides: b.sides };
                let (price, quantity) = (Price(b.price), Quantity(b.quantity));
                Action::CorrectTrade(CorrectTrade { trade, price, quantity })
            }
            FrameKind::BreakTrade => {
                let b: &BreakTradeBody = frame.body()?;
                let match_number = MatchNumber(b.match_number);
                Action::BreakTrade(BreakTrade { match_number, sides: b.sides })
            }
            FrameKind::DefineSymbol => {
                let b: &DefineSymbolBody = frame.body()?;
                let scale = u8::try_from(b.tick_scale).ok()?;
                Action::DefineSymbol(DefineSymbol {
                    name: b.name,
                    tick: Tick { mantissa: b.tick, scale },
                    lot: Quantity(b.lot),
                    collar_bps: b.collar_bps,
                    reference: Price(b.reference),
                })
            }
            FrameKind::DefineSession => {
                let b: &DefineNameBody = frame.body()?;
                let role = Role::from_code(u8::try_from(b.role).ok()?)?;
                Action::DefineSession { name: b.name, firm: FirmId(b.firm), role }
            }
            FrameKind::DefineFirm => {
                let b: &DefineNameBody = frame.body()?;
                Action::DefineFirm { firm: FirmId(b.firm), name: b.name }
            }
            FrameKind::SetDurability => {
                Action::SetDurability(frame.body::<SetDurability>()?.durability)
            }
            FrameKind::MoveSymbol => {
                let b: &MoveSymbolBody = frame.body()?;
                Action::MoveSymbol(MoveSymbol {
                    step: b.step,
                    partition: PartitionId(b.partition),
                    version: b.version,
                    orders: b.orders,
                    quantity: Quantity(b.quantity),
                })
            }
            FrameKind::ImportOrder => {
                let b: &ImportOrderBody = frame.body()?;
                let id_there = OrderId(b.id_there);
                Action::ImportOrder(ImportOrder { order: b.order.enter()?, id_there })
            }
            FrameKind::EpochStart
            | FrameKind::CommitMark
            | FrameKind::HashProbe
            | FrameKind::SegmentEnd => return None,
        };
        Some(Command {
            session: frame.session(),
            symbol: frame.symbol(),
            verdict: Reason::from_code(frame.header.verdict)?,
            action,
        })
    }
}

impl Sequenced {
    /// Reads a command with its place and time. See [`Command::decode`].
    #[inline]
    pub fn decode(frame: &Frame) -> Option<Sequenced> {
        let command = Command::decode(frame)?;
        Some(Sequenced { seqno: frame.seqno(), time: frame.time(), command })
    }
}

fn mass_cancel_body(m: MassCancel) -> MassCancelBody {
    let given = u32::from(m.session.is_some())
        | u32::from(m.firm.is_some()) << 1
        | u32::from(m.group.is_some()) << 2
        | u32::from(m.buy.is_some()) << 3
        | u32::from(m.buy == Some(true)) << 4;
    MassCancelBody {
        id: m.id.0,
        given,
        session: m.session.unwrap_or_default().0,
        firm: m.firm.unwrap_or_default().0,
        group: m.group.unwrap_or_default(),
        zero: 0,
    }
}

fn mass_cancel(b: &MassCancelBody) -> MassCancel {
    let given = |bit: u32| b.given & (1 << bit) != 0;
    MassCancel {
        id: OrderId(b.id),
        session: given(0).then_some(SessionId(b.session)),
        firm: given(1).then_some(FirmId(b.firm)),
        group: given(2).then_some(b.group),
        buy: given(3).then_some(given(4)),
    }
}

fn set_risk_body(r: &SetRisk) -> SetRiskBody {
    let RiskLimits { quantity_max, notional_max, open_orders_max, .. } = r.limits;
    let RiskLimits { gross_notional_max, orders_per_second_max, killed, .. } = r.limits;
    SetRiskBody {
        quantity_max,
        notional_max,
        open_orders_max,
        gross_notional_max,
        orders_per_second_max,
        firm: r.firm.0,
        scope: r.scope,
        killed,
    }
}

fn set_risk(b: &SetRiskBody) -> SetRisk {
    SetRisk {
        scope: b.scope,
        firm: FirmId(b.firm),
        limits: RiskLimits {
            quantity_max: b.quantity_max,
            notional_max: b.notional_max,
            open_orders_max: b.open_orders_max,
            gross_notional_max: b.gross_notional_max,
            orders_per_second_max: b.orders_per_second_max,
            killed: b.killed,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::IntoBytes;

    fn samples() -> Vec<Action> {
        let enter = Enter {
            id: OrderId(u64::MAX),
            price: Price(i64::MAX),
            quantity: Quantity(3),
            firm: FirmId(4),
            group: 5,
            side: Side::ShortExempt,
            order_type: OrderType::MarketToLimit,
            tif: TimeInForce::Fok,
            post_only: PostOnly::Slide,
            self_trade: SelfTrade::CancelSmallest,
            capacity: Capacity::Riskless,
            attributed: true,
        };
        let name = Name::new("ABCDEFGHIJKLMNOP").unwrap();
        let all = MassCancel {
            id: OrderId(77),
            session: Some(SessionId(1)),
            firm: Some(FirmId(2)),
            group: Some(3),
            buy: Some(true),
        };
        let side = TradeSide {
            id: OrderId(3),
            session: SessionId(4),
            text: *b"some text     ",
            zero: [0; 6],
        };
        vec![
            Action::Enter(enter),
            Action::Reduce { id: OrderId(1), quantity: Quantity(2) },
            Action::Replace {
                id: OrderId(1),
                new_id: OrderId(2),
                quantity: Quantity(3),
                price: Price(4),
            },
            Action::Cancel { id: OrderId(7) },
            Action::MassCancel(all),
            Action::MassCancel(MassCancel { buy: Some(false), ..MassCancel::default() }),
            Action::DefineSymbol(DefineSymbol {
                name,
                tick: Tick { mantissa: 25, scale: 2 },
                lot: Quantity(100),
                collar_bps: 500,
                reference: Price(9),
            }),
            Action::DefineSession { name, firm: FirmId(1), role: Role::VenueDropCopy },
            Action::DefineFirm { firm: FirmId(1), name },
            Action::Modify { id: OrderId(5), side: Some(Side::Short), quantity: None },
            Action::Modify { id: OrderId(5), side: None, quantity: Some(Quantity(6)) },
            Action::SetOrderEntry { id: OrderId(5), enabled: true },
            Action::AccountQuery { next: OrderId(9) },
            Action::TradingDay(DayEvent::End),
            Action::SetState(SymbolState::ClosingCall),
            Action::BreakTrade(BreakTrade { match_number: MatchNumber(8), sides: [side; 2] }),
            Action::MoveSymbol(MoveSymbol {
                step: MoveStep::Resume,
                partition: PartitionId(u16::MAX),
                version: u32::MAX,
                orders: 5,
                quantity: Quantity(6),
            }),
            Action::ImportOrder(ImportOrder { order: enter, id_there: OrderId(u64::MAX) }),
            Action::PlanState(PlanState {
                due: Nanos(1),
                random_ns: 2,
                seed: u64::MAX,
                state: SymbolState::Open,
                zero: [0; 7],
            }),
            Action::Tick,
            Action::SetBands(SetBands {
                low: Price(1),
                high: Price(i64::MAX),
                bps: 500,
                reference: Price(3),
            }),
            Action::SetQuote { bid: Price(4), offer: Price(i64::MAX) },
            Action::SetShortSale { restricted: true, automatic: false },
            Action::SetRisk(SetRisk {
                scope: RiskScope::Firm,
                firm: FirmId(7),
                limits: RiskLimits {
                    quantity_max: 1,
                    notional_max: 2,
                    open_orders_max: 3,
                    gross_notional_max: u64::MAX,
                    orders_per_second_max: 5,
                    killed: true,
                },
            }),
            Action::CorrectTrade(CorrectTrade {
                trade: BreakTrade { match_number: MatchNumber(8), sides: [side; 2] },
                price: Price(9),
                quantity: Quantity(10),
            }),
            Action::EnterStop(EnterStop { order: enter, stop: Price(i64::MAX) }),
            Action::EnterIceberg(EnterIceberg {
                order: enter,
                display: Display { next: 1, least: 2, most: 3, seed: u64::MAX },
            }),
            Action::EnterRich(EnterRich {
                order: enter,
                terms: RichTerms {
                    expire: Nanos(u64::MAX),
                    min_quantity: Quantity(5),
                    peg_limit: Price(i64::MAX),
                    peg_offset: u32::MAX,
                    peg: Peg::Midpoint,
                    hidden: true,
                    at_band: AtBand::Cancel,
                    at_short_test: AtShortTest::Slide,
                },
            }),
        ]
    }

    #[test]
    fn every_command_reads_back() {
        for action in samples() {
            let command = Command {
                session: SessionId(11),
                symbol: SymbolId(12),
                verdict: Reason::OffTick,
                action,
            };
            let mut frame = Frame::default();
            frame.as_mut_bytes().fill(0xAA);
            command.encode(&mut frame);
            frame.seal(SeqNo(13), Nanos(14), 15);
            let frame = Frame::read(frame.bytes()).unwrap();
            let expected = Sequenced { seqno: SeqNo(13), time: Nanos(14), command };
            assert_eq!(Sequenced::decode(&frame), Some(expected));
            assert_eq!(ClientFields::of(&frame), None, "{action:?}");
        }
    }

    #[test]
    fn a_plain_order_is_a_limit_order_that_may_rest_and_take_liquidity() {
        let Action::Enter(enter) = samples()[0] else { panic!("the first one enters") };
        for &order_type in OrderType::ALL {
            for &tif in TimeInForce::ALL {
                for &post_only in PostOnly::ALL {
                    let may_rest = matches!(tif, TimeInForce::Day | TimeInForce::Gtc);
                    let is_plain =
                        may_rest && order_type == OrderType::Limit && post_only == PostOnly::Off;
                    let order = Enter { order_type, tif, post_only, ..enter };
                    assert_eq!(order.is_plain(), is_plain, "{order:?}");
                }
            }
        }
    }

    #[test]
    fn everyday_commands_fit_one_line() {
        for action in &samples()[..6] {
            let mut frame = Frame::default();
            let (session, symbol) = (SessionId(1), SymbolId(1));
            Command { session, symbol, verdict: Reason::None, action: *action }.encode(&mut frame);
            assert_eq!(frame.bytes().len(), 64, "{action:?}");
        }
    }

    #[test]
    fn a_second_line_leaves_the_command_as_it_is() {
        let fields = ClientFields {
            text: *b"order 7       ",
            tif: b'0',
            display: b'A',
            capacity: b'P',
            sweep: b'N',
            cross: b'N',
            tag_bytes: 3,
            tags: [7; ClientFields::TAG_BYTES_MAX],
        };
        for action in &samples()[..6] {
            let (session, symbol) = (SessionId(1), SymbolId(1));
            let command = Command { session, symbol, verdict: Reason::None, action: *action };
            let mut frame = Frame::default();
            command.encode(&mut frame);
            assert_eq!(frame.line::<ClientFields>(), None);
            fields.append_to(&mut frame);
            frame.seal(SeqNo(1), Nanos(2), 3);
            let frame = Frame::read(frame.bytes()).unwrap();
            assert_eq!(Command::decode(&frame), Some(command));
            assert_eq!(ClientFields::of(&frame), Some(fields));
            assert_eq!(fields.tags(), [7; 3]);
        }
    }

    #[test]
    fn what_a_client_said_with_a_long_order_leaves_it_as_it_is() {
        for &action in samples().iter().rev().take(2) {
            let (session, symbol) = (SessionId(1), SymbolId(1));
            let command = Command { session, symbol, verdict: Reason::None, action };
            let mut tags = [0; ClientFields::TAG_BYTES_MAX];
            tags[..ClientFields::TAIL_TAG_BYTES_MAX].fill(9);
            let tag_bytes = ClientFields::TAIL_TAG_BYTES_MAX as u8;
            let (text, [tif, display, capacity, sweep, cross]) = (*b"order 7       ", *b"0YANN");
            let fields =
                ClientFields { text, tif, display, capacity, sweep, cross, tag_bytes, tags };
            let mut frame = Frame::default();
            command.encode(&mut frame);
            assert_eq!(ClientFields::of(&frame), None);
            fields.append_to(&mut frame);
            frame.seal(SeqNo(1), Nanos(2), 3);
            let frame = Frame::read(frame.bytes()).unwrap();
            assert_eq!(Command::decode(&frame), Some(command));
            assert_eq!(ClientFields::of(&frame), Some(fields));
        }
    }

    #[test]
    fn a_body_with_an_impossible_value_is_no_command() {
        let mut frame = Frame::default();
        let action = samples()[0];
        let (session, symbol) = (SessionId(1), SymbolId(1));
        Command { session, symbol, verdict: Reason::None, action }.encode(&mut frame);
        for at in 32 + 28..64 {
            let mut bad = frame;
            bad.as_mut_bytes()[at] = 0xFF;
            assert_eq!(Command::decode(&bad), None, "byte {at}");
        }
    }
}
