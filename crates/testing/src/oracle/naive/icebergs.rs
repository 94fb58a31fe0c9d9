//! Icebergs of the naive venue.

use super::{Naive, Order};
use ringside_engine::SLICES_MAX;
use ringside_model::command::{Command, Display, EnterIceberg};
use ringside_model::domain::{
    OrderNumber, OrderType, Quantity, SymbolId, SymbolState, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Accepted, Displayed};

/// Displayed slice of an order, and the slices to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iceberg {
    /// Rest of the displayed slice; zero until the order rests.
    pub shown: u64,
    /// Slices to come.
    pub display: Display,
}

impl Naive {
    pub(super) fn enter_iceberg(
        &mut self,
        number: OrderNumber,
        command: &Command,
        asked: &EnterIceberg,
    ) {
        let EnterIceberg { order: enter, display } = asked;
        let can_rest = enter.order_type == OrderType::Limit
            && matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc);
        let limit = match self.check_enter(command, enter) {
            Ok(_) if !can_rest => Err(Reason::Unsupported),
            Ok(_) if display.next > enter.quantity.0 => Err(Reason::InvalidMaxFloor),
            Ok(_) if !self.can_show(command.symbol, display, enter.quantity.0) => {
                Err(Reason::InvalidMaxFloor)
            }
            checked => checked,
        };
        let limit = match limit {
            Ok(limit) => limit,
            Err(reason) => return self.reject_enter(command, enter, reason),
        };
        let iceberg = Some(Iceberg { shown: 0, display: *display });
        let number = self.own_place(number);
        let mut incoming = Order { iceberg, ..Order::new(number, command, enter, limit) };
        self.say(Accepted { stop: None }, &incoming, incoming.open);
        if self.state(command.symbol) == SymbolState::Open {
            self.match_incoming(&mut incoming, limit);
        }
        self.rest(incoming);
        self.elect(command.symbol);
    }

    /// Returns true if an order of this quantity may have these slices.
    pub(super) fn can_show(&self, symbol: SymbolId, display: &Display, quantity: u64) -> bool {
        let lot = self.symbols[&symbol].0.lot.0;
        let Display { next, least, most, .. } = *display;
        [next, least, most].iter().all(|size| *size > 0 && size.is_multiple_of(lot))
            && least <= most
            && quantity / least <= SLICES_MAX
            && quantity / next <= SLICES_MAX
    }

    /// Puts an order with an open quantity into the book; all of it is displayed, or a slice.
    pub(super) fn rest(&mut self, mut order: Order) {
        if order.open > 0 {
            let number = order.number;
            self.show(&mut order, number);
        }
        self.put(order);
    }

    /// Replaces a slice that has traded completely by the next one, with a new place.
    pub(super) fn refresh(&mut self, order: Order) {
        if order.open == 0 || order.iceberg.is_none_or(|iceberg| iceberg.shown > 0) {
            return;
        }
        self.put(Order { open: 0, ..order });
        let mut next = Order { number: self.next_place(), ..order };
        self.show(&mut next, order.number);
        self.put(next);
    }

    fn show(&mut self, order: &mut Order, was: OrderNumber) {
        let lot = self.symbols[&order.symbol].0.lot.0;
        let Some(iceberg) = &mut order.iceberg else { return };
        iceberg.shown = iceberg.display.next.min(order.open);
        let slice = iceberg.shown;
        iceberg.display = drawn(iceberg.display, lot);
        self.say(Displayed { old_order: was }, order, slice);
    }
}

impl Order {
    /// Returns the displayed quantity.
    pub fn shown(&self) -> u64 {
        self.iceberg.map_or(self.open, |iceberg| iceberg.shown)
    }

    /// Reduces the order, undisplayed quantity first. Returns the reduction of the displayed
    /// quantity.
    pub fn shrink(&mut self, quantity: u64) -> u64 {
        let hidden = self.open - self.shown();
        self.open -= quantity;
        let seen = quantity.saturating_sub(hidden);
        if let Some(iceberg) = &mut self.iceberg {
            iceberg.shown -= seen;
        }
        seen
    }
}

/// Returns the reduction of the displayed quantity, for a report about a reduced iceberg.
pub fn seen_less(order: &Order, seen: u64) -> Option<Quantity> {
    order.iceberg.map(|_| Quantity(seen))
}

/// Draws the slice after the next: the least size plus the next number of SplitMix64, modulo the
/// number of sizes, in lots.
fn drawn(display: Display, lot: u64) -> Display {
    let Display { least, most, seed, .. } = display;
    if least == most {
        return Display { next: least, ..display };
    }
    let seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let sizes = (most - least) / lot + 1;
    Display { next: least + (z ^ (z >> 31)) % sizes * lot, least, most, seed }
}
