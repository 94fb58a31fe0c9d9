//! Commands: every request that may change the venue, and their bodies in a
//! [`Frame`](crate::frame::Frame).
//!
//! This file has the meaning of the commands, `bodies.rs` their bytes.

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

/// Command, before or after it has its seqno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Session that sent the command.
    pub session: SessionId,
    /// Symbol that the command concerns: the shard that owns it acts. [`SymbolId::NONE`] for an
    /// unknown symbol and for commands that concern the whole venue.
    pub symbol: SymbolId,
    /// Result of the gateway's checks, journaled with the command so that no replay has to check
    /// again. On a reduce, a modify or a cancel: the reason to report if the order is not live. On
    /// a mass cancel: the cause of its cancels if that is not the mass cancel itself, or the reason
    /// to reject it. On a replace: the reason to reject it if [`Reason::refuses_service`] or the id
    /// is a duplicate; any other verdict ends the original order. On all other commands: the reason
    /// to reject it.
    pub verdict: Reason,
    /// Effect that the command asks for.
    pub action: Action,
}

/// Effect of a command. The actions that name an order come first, so that prefetching tests for
/// them with one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Enters an order: no stop, no iceberg, no rare terms.
    Enter(Enter),
    /// Lowers the total quantity of an order, which keeps its priority.
    Reduce {
        /// Id of the order.
        id: OrderId,
        /// New total quantity (executed and open).
        quantity: Quantity,
    },
    /// Replaces the terms of an order, which gets a new priority.
    Replace {
        /// Id of the old order.
        id: OrderId,
        /// Id of the new order.
        new_id: OrderId,
        /// New total quantity (executed and open).
        quantity: Quantity,
        /// Limit of the new order.
        price: Price,
    },
    /// Cancels the open quantity of an order.
    Cancel {
        /// Id of the order.
        id: OrderId,
    },
    /// Changes the sell marking of an order, lowers its total quantity, or both. The order keeps
    /// its priority.
    Modify {
        /// Id of the order.
        id: OrderId,
        /// New side with its sell marking, if that changes; a buy stays a buy.
        side: Option<Side>,
        /// New total quantity (executed and open), if that changes; a quantity that is no reduction
        /// changes nothing.
        quantity: Option<Quantity>,
    },
    /// Enters an order that waits for a trade at its stop price.
    EnterStop(EnterStop),
    /// Enters an order that displays one slice at a time.
    EnterIceberg(EnterIceberg),
    /// Enters an order with rare terms.
    EnterRich(EnterRich),
    /// Cancels every order that matches.
    MassCancel(MassCancel),
    /// Allows or forbids order entry of a session.
    SetOrderEntry {
        /// Order id that the request used up.
        id: OrderId,
        /// True if the session may enter orders.
        enabled: bool,
    },
    /// Asks for the next order id that a session may use.
    AccountQuery {
        /// Next id that the session may use.
        next: OrderId,
    },
    /// Begins or ends the trading day.
    TradingDay(DayEvent),
    /// Breaks a trade: the trade is taken back.
    BreakTrade(BreakTrade),
    /// Defines the symbol `Command::symbol`.
    DefineSymbol(DefineSymbol),
    /// Defines the session `Command::session`.
    DefineSession {
        /// Name of the session.
        name: Name,
        /// Firm of the session's orders that name no firm.
        firm: FirmId,
        /// Purpose of the session.
        role: Role,
    },
    /// Defines a new firm.
    DefineFirm {
        /// Number of the firm.
        firm: FirmId,
        /// Name of the firm.
        name: Name,
    },
    /// Changes the durability mode from this command on.
    SetDurability(Durability),
    /// Takes one step of a move of the symbol `Command::symbol` between partitions, or records that
    /// another partition has the symbol.
    MoveSymbol(MoveSymbol),
    /// Imports an order that moves with its symbol.
    ImportOrder(ImportOrder),
    /// Sets the state of the symbol `Command::symbol`; if that ends a call, the call's auction
    /// trades first.
    SetState(SymbolState),
    /// Schedules the next state of the symbol `Command::symbol`.
    PlanState(PlanState),
    /// Lets time pass: what is due for the symbol `Command::symbol` happens.
    Tick,
    /// Sets the price bands of the symbol `Command::symbol`.
    SetBands(SetBands),
    /// Sets the reference quote of the symbol `Command::symbol`.
    SetQuote {
        /// Best bid of the market; 0 for none.
        bid: Price,
        /// Best offer of the market; 0 for none.
        offer: Price,
    },
    /// Sets the short sale restriction of the symbol `Command::symbol`.
    SetShortSale {
        /// True if short sales are restricted from this command on.
        restricted: bool,
        /// True if a trade ten percent or more below the prior close will restrict short sales.
        automatic: bool,
    },
    /// Sets risk limits. The books do not know them: the gateways reject by them.
    SetRisk(SetRisk),
    /// Corrects the published terms of a trade.
    CorrectTrade(CorrectTrade),
}

/// Terms of a new order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enter {
    /// Order id that the session gives.
    pub id: OrderId,
    /// Limit; 0 on a market or market-to-limit order.
    pub price: Price,
    /// Total quantity, in units of the symbol.
    pub quantity: Quantity,
    /// Firm that owns the order.
    pub firm: FirmId,
    /// Group for self-trade prevention instead of the firm; 0 for none.
    pub group: u16,
    /// Side and sell marking.
    pub side: Side,
    /// Type of the order.
    pub order_type: OrderType,
    /// Time in force of the order.
    pub tif: TimeInForce,
    /// Treatment if the order would take liquidity on entry.
    pub post_only: PostOnly,
    /// Treatment if the order would trade with its own firm or group.
    pub self_trade: SelfTrade,
    /// Capacity in which the firm trades.
    pub capacity: Capacity,
    /// True if market data shows the firm's name with the order.
    pub attributed: bool,
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
}

/// Terms of a new stop order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnterStop {
    /// Order that the stop becomes when it is elected: a market or a limit order.
    pub order: Enter,
    /// Stop price: a trade at this price or beyond (above for buys, below for sells) elects the
    /// stop.
    pub stop: Price,
}

/// Terms of a new iceberg order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnterIceberg {
    /// Whole order, a limit order.
    pub order: Enter,
    /// Sizes of its slices.
    pub display: Display,
}

/// New order with rare terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnterRich {
    /// Order; the order of a peg has no limit.
    pub order: Enter,
    /// Rare terms of the order.
    pub terms: RichTerms,
}

/// Rare terms of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RichTerms {
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

/// Schedule of a symbol's next state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PlanState {
    /// Earliest official time of the state; 0 for no plan.
    pub due: Nanos,
    /// Greatest random delay after `due`, in ns.
    pub random_ns: u64,
    /// Seed of the random delay, so that every replay computes the same delay.
    pub seed: u64,
    /// State that the symbol has next.
    pub state: SymbolState,
    /// Padding, always 0.
    pub zero: [u8; 7],
}

/// Price bands of a symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetBands {
    /// Static lower band: no trade is below; 0 for none.
    pub low: Price,
    /// Static upper band: no trade is above; 0 for none.
    pub high: Price,
    /// Greatest distance of a trade from the reference while the symbol is open, in basis points; 0
    /// for no dynamic bands.
    pub bps: u32,
    /// Reference of the dynamic bands; 0 for the last price or the prior close.
    pub reference: Price,
}

/// Risk limits of a session (`Command::session`), a firm, or a symbol (`Command::symbol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetRisk {
    /// Scope of the limits.
    pub scope: RiskScope,
    /// Firm, if the limits are those of a firm.
    pub firm: FirmId,
    /// Limits from this command on.
    pub limits: RiskLimits,
}

/// Risk limits; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RiskLimits {
    /// Maximum quantity of an order.
    pub quantity_max: u64,
    /// Maximum value of an order, in whole units of the currency.
    pub notional_max: u64,
    /// Maximum number of open orders.
    pub open_orders_max: u64,
    /// Maximum value of all trades of the day together, in whole units of the currency.
    pub gross_notional_max: u64,
    /// Maximum number of new orders a second.
    pub orders_per_second_max: u32,
    /// Kill switch: true if no order may enter.
    pub killed: bool,
}

/// Correction of a trade whose terms were published wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorrectTrade {
    /// Trade that is corrected.
    pub trade: BreakTrade,
    /// Correct price of the trade.
    pub price: Price,
    /// Correct quantity of the trade.
    pub quantity: Quantity,
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

/// Filter of a mass cancel: covers the orders for which every given field matches. The symbol is
/// `Command::symbol`, [`SymbolId::NONE`] for all symbols.
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

/// Trade that is broken. It has every field of the reports, because the orders may be long gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakTrade {
    /// Match number of the trade.
    pub match_number: MatchNumber,
    /// Resting order, then incoming order.
    pub sides: [TradeSide; 2],
}

/// One side of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TradeSide {
    /// Order id that the session gave.
    pub id: OrderId,
    /// Session that owns the order.
    pub session: SessionId,
    /// Client's text on the order, [`ClientFields::text`].
    pub text: [u8; ClientFields::TEXT_BYTES],
    /// Padding, always 0.
    pub zero: [u8; 6],
}

/// Second line of a command from the network: fields that its client receives again, and that no
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
    /// Client's own text (OUCH `ClOrdID`), padded with spaces.
    pub text: [u8; ClientFields::TEXT_BYTES],
    /// OUCH `TimeInForce` that the client sent.
    pub tif: u8,
    /// OUCH `Display` that the client sent.
    pub display: u8,
    /// OUCH `Capacity` that the client sent.
    pub capacity: u8,
    /// OUCH `InterMarketSweepEligibility` that the client sent.
    pub sweep: u8,
    /// OUCH `CrossType` that the client sent.
    pub cross: u8,
    /// Number of used bytes of `tags`.
    pub tag_bytes: u8,
    /// Tagged values as the client sent them.
    pub tags: [u8; ClientFields::TAG_BYTES_MAX],
}

/// Definition of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefineSymbol {
    /// Name of the symbol.
    pub name: Name,
    /// Value of one tick.
    pub tick: Tick,
    /// Lot: quantities are multiples of it; at least 1.
    pub lot: Quantity,
    /// Greatest distance of a market order's trades from the reference price, in basis points; 0
    /// for no limit.
    pub collar_bps: u32,
    /// Prior close, which is the reference price until the first trade; 0 for none.
    pub reference: Price,
}

/// Step of a move of a symbol between partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveSymbol {
    /// Kind of the step.
    pub step: MoveStep,
    /// Other partition: the symbol comes from it, goes to it, or is traded there.
    pub partition: PartitionId,
    /// Version of the table of symbols that requires the step.
    pub version: u32,
    /// On a resume: number of orders that must have arrived.
    pub orders: u64,
    /// On a resume: open quantity of these orders in all.
    pub quantity: Quantity,
}

/// Order that moves with its symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportOrder {
    /// Terms with the id on this partition; the quantity is the open quantity.
    pub order: Enter,
    /// Id on the partition that the order comes from.
    pub id_there: OrderId,
}

/// Command with its seqno and its official time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequenced {
    /// Seqno of the command.
    pub seqno: SeqNo,
    /// Official time of the command.
    pub time: Nanos,
    /// Command that has this place.
    pub command: Command,
}

impl DefineSymbol {
    /// Creates a definition with lots of one unit, no collar and no reference price, as a base for
    /// others.
    pub const fn new(name: Name, tick: Tick) -> Self {
        DefineSymbol { name, tick, lot: Quantity(1), collar_bps: 0, reference: Price(0) }
    }
}

impl Enter {
    /// Returns true for a limit order that may rest and take liquidity, as nearly all orders are.
    /// The codes of these terms are 0, except that of the time in force GTC.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        let tif = self.tif as u8 & !(TimeInForce::Day as u8 | TimeInForce::Gtc as u8);
        tif | self.order_type as u8 | self.post_only as u8 == 0
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

impl RichTerms {
    /// Terms of an order without rare terms.
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
    /// Returns true if a state is scheduled, false if the plan is dropped.
    pub fn is_one(&self) -> bool {
        self.due.0 != 0
    }

    /// Returns the official time from which on the symbol has the state. All delays are equally
    /// likely.
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
    /// Returns true if the command brings an order or new terms of an order.
    #[inline]
    pub fn enters(&self) -> bool {
        self.action.entered().is_some() || matches!(self.action, Action::Replace { .. })
    }

    /// Returns the mass cancel that follows if the command pulls a kill switch: it cancels all open
    /// orders in scope.
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
    /// Returns the step as a report publishes it.
    pub fn moved(&self) -> Moved {
        Moved { step: self.step, partition: self.partition, version: self.version }
    }
}

impl Action {
    /// Returns the new order of the command, of any kind.
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

    /// Returns the kind of the command's frame.
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

/// Returns true if every shard applies a command of this kind and symbol.
#[inline]
pub fn is_venue_wide(kind: FrameKind, symbol: SymbolId) -> bool {
    kind == FrameKind::TradingDay || kind == FrameKind::MassCancel && symbol == SymbolId::NONE
}

/// Returns true if a command of this kind defines a symbol, a session or a firm.
#[inline]
pub fn is_definition(kind: FrameKind) -> bool {
    matches!(kind, FrameKind::DefineSymbol | FrameKind::DefineSession | FrameKind::DefineFirm)
}
