//! Commands: everything that may change the venue, and their bodies in a [`Frame`](crate::frame::Frame).
//!
//! What a command is lies here, how it lies in its frame in `bodies.rs`.

mod bodies;

use crate::domain::{
    AtBand, AtShortTest, Capacity, DayEvent, FirmId, MatchNumber, MoveStep, Name, Nanos, OrderId,
    OrderType, PartitionId, Peg, PostOnly, Price, Quantity, RiskScope, Role, SelfTrade, SeqNo,
    SessionId, Side, SymbolId, SymbolState, Tick, TimeInForce,
};
use crate::draw;
use crate::durability::Durability;
use crate::frame::FrameKind;
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

impl Enter {
    /// A limit order for the day that has no other condition, of firm 0; others are made from it.
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

impl DefineSymbol {
    /// A symbol with lots of one unit, no collar and no reference price; others are made from it.
    pub const fn new(name: Name, tick: Tick) -> Self {
        DefineSymbol { name, tick, lot: Quantity(1), collar_bps: 0, reference: Price(0) }
    }
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
