//! Commands of the operator: trading day, states of symbols, market protection, corrections, moves
//! between partitions.

use super::client_fields::ClientFields;
use super::orders::Enter;
use super::stored::{Stored, body};
use crate::domain::{
    DayEvent, FirmId, MatchNumber, MoveStep, Nanos, OrderId, PartitionId, Price, Quantity,
    RiskScope, SessionId, SymbolState, Tick,
};
use crate::durability::Durability;
use crate::report::Moved;
use crate::seeded;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

body! {
    /// Start or end of the trading day.
    pub TradingDay {
        /// Start or end; the end expires day orders.
        event: DayEvent,
    }
}

body! {
    /// Change of the durability mode.
    pub SetDurability {
        /// Durability mode from this command on.
        durability: Durability = Mode,
    }
}

body! {
    /// State of the symbol `Command::symbol`; if the state ends a call, the call's auction trades
    /// first.
    pub SetState {
        /// State from this command on.
        state: SymbolState,
        /// True if the auction that the command causes trades without the auction collar.
        collar_off: bool,
    }
}

impl SetState {
    /// Creates the change to a state within the auction collar.
    pub const fn to(state: SymbolState) -> Self {
        SetState { state, collar_off: false }
    }
}

body! {
    /// Schedule of the next state of the symbol `Command::symbol`.
    pub PlanState {
        /// Earliest official time of the state; 0 for no plan.
        due: Nanos,
        /// Greatest random delay after `due`, in ns.
        random_ns: u64,
        /// Seed of the random delay, so that every replay computes the same delay.
        seed: u64,
        /// State that the symbol has next.
        state: SymbolState,
    }
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
            Some(delays) => seeded::draw(&mut seed) % delays,
            None => seeded::draw(&mut seed),
        };
        Nanos(self.due.0.saturating_add(delay))
    }

    /// Returns the seed behind the one of the random delay.
    pub fn seed_after(&self) -> u64 {
        let mut seed = self.seed;
        seeded::draw(&mut seed);
        seed
    }
}

/// Passage of time for the symbol `Command::symbol`: its due timers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RunTimers;

body! {
    /// Price bands of the symbol `Command::symbol`.
    #[derive(Default)]
    pub SetBands about symbol {
        /// Static lower band: no trade is below; 0 for none.
        low: Price = Low unless Price(0),
        /// Static upper band: no trade is above; 0 for none.
        high: Price = High unless Price(0),
        /// Reference of the dynamic bands; 0 for the last price or the prior close.
        reference: Price = Reference unless Price(0),
        /// Greatest distance of a trade from the reference while the symbol is open, in basis
        /// points; 0 for no dynamic bands.
        bps: u32 = BandBps,
    }
}

body! {
    /// Reference quote of the symbol `Command::symbol`.
    pub SetQuote about symbol {
        /// Best bid of the market; 0 for none.
        bid: Price = Bid,
        /// Best offer of the market; 0 for none.
        offer: Price = Offer,
    }
}

body! {
    /// Short sale restriction of the symbol `Command::symbol`.
    pub SetShortSale about symbol {
        /// True if short sales are restricted from this command on.
        restricted: bool = Restricted,
        /// True if a trade ten percent or more below the prior close will restrict short sales.
        automatic: bool = Automatic,
    }
}

body! {
    /// Prior close and last price of the symbol `Command::symbol`.
    #[derive(Default)]
    pub SetReference about symbol {
        /// Prior close from this command on; 0 leaves it as it is.
        prior_close: Price = PriorClose unless Price(0),
        /// Last price from this command on; 0 leaves it as it is.
        last: Price = Last unless Price(0),
    }
}

/// New settings of the symbol `Command::symbol`, which has no live order. A setting of `None` stays
/// as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeSymbol {
    /// Price of one tick, in units of the currency.
    pub tick: Option<Tick>,
    /// Lot: quantities are multiples of it; at least 1.
    pub lot: Option<Quantity>,
    /// Collar of market orders, in basis points; 0 for no limit.
    pub collar_bps: Option<u32>,
    /// Greatest distance of an auction price from the reference price, in basis points; 0 for no
    /// limit.
    pub auction_collar_bps: Option<u32>,
    /// Time by which a call is extended if its auction price would be outside the auction collar.
    pub extension: Option<Nanos>,
    /// Greatest number of extensions of one call.
    pub extensions: Option<u32>,
}

body! {
    /// Bytes of a [`ChangeSymbol`].
    pub(crate) ChangeSymbolBody {
        tick: Tick,
        lot: Quantity,
        extension: Nanos,
        collar_bps: u32,
        auction_collar_bps: u32,
        extensions: u32,
        tick_is_given: bool,
        lot_is_given: bool,
        extension_is_given: bool,
        collar_is_given: bool,
        auction_collar_is_given: bool,
        extensions_are_given: bool,
    }
}

impl Stored for ChangeSymbol {
    type Bytes = <ChangeSymbolBody as Stored>::Bytes;

    fn store(self) -> Self::Bytes {
        let body = ChangeSymbolBody {
            tick: self.tick.unwrap_or(Tick { mantissa: 0, scale: 0 }),
            lot: self.lot.unwrap_or_default(),
            extension: self.extension.unwrap_or_default(),
            collar_bps: self.collar_bps.unwrap_or_default(),
            auction_collar_bps: self.auction_collar_bps.unwrap_or_default(),
            extensions: self.extensions.unwrap_or_default(),
            tick_is_given: self.tick.is_some(),
            lot_is_given: self.lot.is_some(),
            extension_is_given: self.extension.is_some(),
            collar_is_given: self.collar_bps.is_some(),
            auction_collar_is_given: self.auction_collar_bps.is_some(),
            extensions_are_given: self.extensions.is_some(),
        };
        body.store()
    }

    fn load(bytes: Self::Bytes) -> Option<Self> {
        let body = ChangeSymbolBody::load(bytes)?;
        Some(ChangeSymbol {
            tick: body.tick_is_given.then_some(body.tick),
            lot: body.lot_is_given.then_some(body.lot),
            collar_bps: body.collar_is_given.then_some(body.collar_bps),
            auction_collar_bps: body.auction_collar_is_given.then_some(body.auction_collar_bps),
            extension: body.extension_is_given.then_some(body.extension),
            extensions: body.extensions_are_given.then_some(body.extensions),
        })
    }
}

body! {
    /// Cap on the waves of stops of the symbol `Command::symbol`.
    pub SetStopWaves about symbol {
        /// Greatest number of waves that one command may set off; at least 1.
        waves_max: u32 = WavesMax,
    }
}

body! {
    /// Risk limits of a session (`Command::session`), a firm, or a symbol (`Command::symbol`). The
    /// books do not know them: the gateways reject by them.
    pub SetRisk {
        /// Scope of the limits.
        scope: RiskScope,
        /// Firm, if the limits are those of a firm.
        firm: FirmId,
        /// Limits from this command on.
        limits: RiskLimits,
    }
}

body! {
    /// Risk limits; 0 is no limit.
    #[derive(Default)]
    pub RiskLimits {
        /// Maximum quantity of an order.
        quantity_max: u64 = QtyMax unless 0,
        /// Maximum value of an order, in whole units of the currency.
        notional_max: u64 = NotionalMax unless 0,
        /// Maximum number of open orders.
        open_orders_max: u64 = OpenOrdersMax unless 0,
        /// Maximum number of stops that wait, reached or not.
        stops_max: u64 = StopsMax unless 0,
        /// Maximum number of live pegs, in the book or parked.
        pegs_max: u64 = PegsMax unless 0,
        /// Maximum number of live hidden orders with a minimum quantity.
        minimums_max: u64 = MinimumsMax unless 0,
        /// Maximum number of slices that live icebergs have to show.
        slices_max: u64 = SlicesMax unless 0,
        /// Maximum value of all trades of the day together, in whole units of the currency.
        gross_notional_max: u64 = GrossNotionalMax unless 0,
        /// Maximum number of new orders a second.
        orders_per_second_max: u32 = OrdersPerSecondMax unless 0,
        /// Kill switch: true if no order may enter.
        killed: bool = Killed unless false,
    }
}

body! {
    /// Break of a trade, which is taken back. It has every field of the reports, because the orders
    /// may be long gone.
    pub BreakTrade {
        /// Match number of the trade.
        match_number: MatchNumber = Match,
        /// Ids of the resting and of the incoming order.
        ids: [OrderId; 2],
        /// Sessions of these orders.
        sessions: [SessionId; 2],
        /// Clients' texts on these orders.
        texts: [[u8; ClientFields::TEXT_BYTES]; 2],
    }
}

/// One side of a trade that is broken or corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeSide {
    /// Order id that the session gave.
    pub id: OrderId,
    /// Session that owns the order.
    pub session: SessionId,
    /// Client's text on the order, [`ClientFields::text`].
    pub text: [u8; ClientFields::TEXT_BYTES],
}

impl BreakTrade {
    /// Creates the break of a trade between the resting and the incoming order.
    pub fn new(match_number: MatchNumber, sides: [TradeSide; 2]) -> Self {
        BreakTrade {
            match_number,
            ids: sides.map(|side| side.id),
            sessions: sides.map(|side| side.session),
            texts: sides.map(|side| side.text),
        }
    }

    /// Returns the sides: the resting order, then the incoming order.
    pub fn sides(&self) -> [TradeSide; 2] {
        let BreakTrade { ids, sessions, texts, .. } = *self;
        [0, 1].map(|i| TradeSide { id: ids[i], session: sessions[i], text: texts[i] })
    }
}

body! {
    /// Correction of a trade whose terms were published wrong.
    pub CorrectTrade {
        /// Trade that is corrected.
        trade: BreakTrade,
        /// Correct price of the trade.
        price: Price = Price,
        /// Correct quantity of the trade.
        quantity: Quantity = Qty,
    }
}

body! {
    /// Step of a move of the symbol `Command::symbol` between partitions, or the record that
    /// another partition has the symbol.
    pub MoveSymbol about symbol {
        /// Kind of the step.
        step: MoveStep = Step,
        /// Other partition: the symbol comes from it, goes to it, or is traded there.
        partition: PartitionId = Partition,
        /// Version of the table of symbols that requires the step.
        version: u32 = Version,
        /// On a resume: number of orders that must have arrived.
        orders: u64 = Orders unless 0,
        /// On a resume: open quantity of these orders in all.
        quantity: Quantity = Qty unless Quantity(0),
    }
}

impl MoveSymbol {
    /// Returns the step as a report publishes it.
    pub fn moved(&self) -> Moved {
        Moved { step: self.step, partition: self.partition, version: self.version }
    }
}

body! {
    /// Order that moves with its symbol.
    pub ImportOrder {
        /// Terms with the id on this partition; the quantity is the open quantity.
        order: Enter,
        /// Id on the partition that the order comes from.
        id_there: OrderId = IdThere,
    }
}
