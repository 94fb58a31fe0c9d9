//! Orders of the naive venue.

use super::icebergs::Iceberg;
use ringside_engine::OrderView;
use ringside_model::command::{Command, Enter, SpecialTerms};
use ringside_model::domain::{
    Capacity, FirmId, OrderId, OrderNumber, PostOnly, Price, Quantity, SelfTrade, SessionId, Side,
    SymbolId, TimeInForce,
};

/// A live order, or the incoming one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub number: OrderNumber,
    /// Number of the command that entered or replaced the order; a new place does not change it.
    pub entered: u64,
    pub session: SessionId,
    pub id: OrderId,
    pub symbol: SymbolId,
    pub side: Side,
    /// Limit, or the stop price of a stop; zero for a market or market-to-limit order that has not
    /// booked.
    pub price: Price,
    pub open: u64,
    pub executed: u64,
    pub(super) firm: FirmId,
    pub(super) group: u16,
    pub(super) post_only: PostOnly,
    pub(super) self_trade: SelfTrade,
    pub(super) tif: TimeInForce,
    pub(super) capacity: Capacity,
    pub(super) attributed: bool,
    /// Limit with which a stop enters the book; `None` if the order is no stop.
    pub(super) stop: Option<Option<Price>>,
    /// Command that reached a stop which has to wait, and the place of the stop among those that
    /// the command reached.
    pub(super) reached: Option<(u64, u64)>,
    /// Slices of an iceberg.
    pub(super) iceberg: Option<Iceberg>,
    /// Special terms.
    pub(super) special: Option<SpecialTerms>,
    /// True for a peg that is out of the book.
    pub(super) parked: bool,
}

impl Order {
    pub(super) fn new(number: OrderNumber, command: &Command, enter: &Enter, price: Price) -> Self {
        Order {
            number,
            entered: number.0 % (1 << 44),
            session: command.session,
            id: enter.id,
            symbol: command.symbol,
            side: enter.side,
            price,
            open: enter.quantity.0,
            executed: 0,
            firm: enter.firm,
            group: enter.group,
            post_only: enter.post_only,
            self_trade: enter.self_trade,
            tif: enter.tif,
            capacity: enter.capacity,
            attributed: enter.attributed,
            stop: None,
            reached: None,
            iceberg: None,
            special: None,
            parked: false,
        }
    }

    /// Returns true if both are states of one order. A venue-wide command may give orders of two
    /// symbols the same number.
    pub(super) fn is_same(&self, other: &Order) -> bool {
        (self.symbol, self.number) == (other.symbol, other.number)
    }

    pub(super) fn fill(&mut self, quantity: u64) {
        self.open -= quantity;
        self.executed += quantity;
        if let Some(iceberg) = &mut self.iceberg {
            iceberg.shown = iceberg.shown.saturating_sub(quantity);
        }
    }

    /// Returns the time priority: the seqno of the command that gave the order its place, and the
    /// index among the places that the command gave.
    pub(super) fn time(&self) -> (u64, u64) {
        (self.number.0 % (1 << 44), self.number.0 >> 44)
    }

    pub(super) fn is_hidden(&self) -> bool {
        self.is_for_auction() || self.stop.is_some() || self.is_non_displayed() || self.parked
    }

    pub fn is_stop(&self) -> bool {
        self.stop.is_some()
    }

    pub fn is_iceberg(&self) -> bool {
        self.iceberg.is_some()
    }

    /// Returns the special terms.
    pub fn terms(&self) -> Option<SpecialTerms> {
        self.special
    }

    pub fn is_for_auction(&self) -> bool {
        matches!(self.tif, TimeInForce::AtOpen | TimeInForce::AtClose | TimeInForce::Auction)
    }

    pub(super) fn view(&self) -> OrderView {
        OrderView {
            number: self.number,
            session: self.session,
            id: self.id,
            symbol: self.symbol,
            side: self.side,
            price: self.price,
            open: Quantity(self.open),
            shown: Quantity(if self.is_non_displayed() { 0 } else { self.shown() }),
            executed: Quantity(self.executed),
        }
    }
}

/// Returns true if an order with this bound may trade at the price.
pub(super) fn reaches(buy: bool, bound: Price, price: Price) -> bool {
    if buy { price <= bound } else { price >= bound }
}

/// Returns true if self-trade prevention keeps the two orders apart.
pub(super) fn must_not_trade(incoming: &Order, resting: &Order) -> bool {
    let has_owner = |order: &Order| (order.group != 0, order.firm.0 != 0);
    let is_own = match (has_owner(incoming), has_owner(resting)) {
        ((true, _), (true, _)) => incoming.group == resting.group,
        ((_, false), (_, false)) => incoming.session == resting.session,
        _ => incoming.firm == resting.firm,
    };
    is_own && incoming.self_trade != SelfTrade::None
}
