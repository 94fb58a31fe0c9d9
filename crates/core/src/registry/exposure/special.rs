//! Live orders that are more than an order for the risk limits: stops, pegs, hidden orders with a
//! minimum, icebergs; and orders that name their end.
//!
//! An order that names its end is over from that time on, by the clock that stamps the commands.
//! Its last report comes later, with the next command of its symbol or with a tick.

use super::basis::Basis;
use super::ends::Ends;
use ringside_model::command::{
    Action, Display, EnterSpecial, NamedSpecialTerms, NamedTerms, ReplaceTerms, SpecialTerms,
};
use ringside_model::domain::{
    FirmId, Nanos, OrderId, Price, Quantity, RiskScope, SessionId, Side, SymbolId,
};
use std::collections::HashMap;

/// Terms of an order that the limits look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// Price of a stop that waits, or of a peg.
    pub basis: Option<Basis>,
    /// True for a hidden order with a minimum quantity.
    pub has_minimum: bool,
    /// Least size of a slice; 0 for an order that is no iceberg.
    pub slice: u64,
    /// Official time from which on the order is over; 0 for none.
    pub end: Nanos,
}

/// Live orders as the limits count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Number of orders.
    pub orders: u64,
    /// Number of stops that wait.
    pub stops: u64,
    /// Number of pegs.
    pub pegs: u64,
    /// Number of hidden orders with a minimum.
    pub minimums: u64,
    /// Number of slices that icebergs have to show: the present one counts, and each has the least
    /// size.
    pub slices: u64,
}

/// Special orders with their tallies.
#[derive(Default)]
pub(super) struct SpecialOrders {
    orders: HashMap<OrderKey, SpecialOrder>,
    /// Counts by scope and number.
    counts: HashMap<(RiskScope, u32), Counts>,
    /// Orders that end at this time or before are over.
    now: Nanos,
}

/// Special orders of one session, firm or symbol.
#[derive(Default)]
struct Counts {
    /// Tally of all of them, without the orders themselves.
    all: Tally,
    /// Tallies of those that name their end.
    ends: Ends,
}

type OrderKey = (SessionId, OrderId);

#[derive(Clone, Copy)]
struct SpecialOrder {
    traits: Traits,
    firm: FirmId,
    symbol: SymbolId,
    /// Part of the order in the counts, without the order itself.
    counted: Tally,
}

impl Traits {
    /// Returns the traits of a new order.
    pub fn of(action: &Action) -> Traits {
        match action {
            Action::EnterStop(stop) => Traits::of_stop(stop.stop),
            Action::EnterIceberg(iceberg) => Traits::of_display(&iceberg.display),
            Action::EnterSpecial(EnterSpecial { order, terms }) => {
                Traits::of_terms(terms, order.side)
            }
            _ => Traits::default(),
        }
    }

    /// Returns the traits of a stop that waits.
    pub(crate) fn of_stop(stop: Price) -> Traits {
        Traits { basis: Some(Basis::Stop(stop)), ..Traits::default() }
    }

    /// Returns the traits of an iceberg.
    pub(crate) fn of_display(display: &Display) -> Traits {
        Traits { slice: display.least.max(1), ..Traits::default() }
    }

    /// Returns the traits of an order with special terms.
    pub(crate) fn of_terms(terms: &SpecialTerms, side: Side) -> Traits {
        Traits {
            basis: Basis::of_terms(terms, side),
            has_minimum: terms.hidden && terms.min_quantity.0 > 0,
            end: terms.expire,
            ..Traits::default()
        }
    }

    /// Returns the traits after a replace of the order. Terms that do not fit the order, which end
    /// it, change nothing.
    pub fn replaced(self, action: &Action) -> Traits {
        let Action::ReplaceTerms(ReplaceTerms { terms, .. }) = action else { return self };
        let basis = self.basis.map(|basis| basis.replaced(terms));
        match terms {
            NamedTerms::Stop(_) => Traits { basis, ..self },
            NamedTerms::Display(display) if self.slice > 0 => {
                Traits { slice: Traits::of_display(display).slice, ..self }
            }
            NamedTerms::Display(_) => self,
            NamedTerms::Special(NamedSpecialTerms { min_quantity, expire, .. }) => Traits {
                basis,
                has_minimum: min_quantity.map_or(self.has_minimum, |minimum| minimum.0 > 0),
                end: if expire.0 > 0 { *expire } else { self.end },
                ..self
            },
        }
    }

    fn is_stop(&self) -> bool {
        matches!(self.basis, Some(Basis::Stop(_)))
    }

    fn is_peg(&self) -> bool {
        matches!(self.basis, Some(Basis::BuyingPeg(_) | Basis::SellingPeg))
    }

    /// Returns the tally of one order with this open quantity, without the order itself.
    pub fn tally(&self, Quantity(open): Quantity) -> Tally {
        // The engine accepts far fewer slices; a sum of many requests must not overflow.
        let slices = if self.slice == 0 { 0 } else { open.div_ceil(self.slice) };
        Tally {
            orders: 0,
            stops: self.is_stop().into(),
            pegs: self.is_peg().into(),
            minimums: self.has_minimum.into(),
            slices: slices.min(u32::MAX.into()),
        }
    }
}

impl Tally {
    /// Returns the sum.
    pub fn plus(self, other: Tally) -> Tally {
        Tally {
            orders: self.orders + other.orders,
            stops: self.stops + other.stops,
            pegs: self.pegs + other.pegs,
            minimums: self.minimums + other.minimums,
            slices: self.slices + other.slices,
        }
    }

    /// Returns the difference to a tally that is a part of this one.
    pub fn minus(self, part: Tally) -> Tally {
        Tally {
            orders: self.orders - part.orders,
            stops: self.stops - part.stops,
            pegs: self.pegs - part.pegs,
            minimums: self.minimums - part.minimums,
            slices: self.slices - part.slices,
        }
    }
}

impl SpecialOrders {
    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    /// Returns the traits of an order, and the slices that it has to show.
    pub(super) fn traits(&self, key: OrderKey) -> Option<(Traits, u64)> {
        self.orders.get(&key).map(|order| (order.traits, order.counted.slices))
    }

    /// Returns the tally of a session, a firm or a symbol. `orders` is the number of those that are
    /// over, but have no last report yet.
    pub(super) fn tally(&self, scope: RiskScope, number: u32) -> Tally {
        let Some(counts) = self.counts.get(&(scope, number)) else { return Tally::default() };
        let over = counts.ends.over(self.now);
        let live = counts.all.minus(Tally { orders: 0, ..over });
        Tally { orders: over.orders, ..live }
    }

    /// Adds a live order, unless it has no traits.
    pub(super) fn add(
        &mut self,
        key: OrderKey,
        firm: FirmId,
        symbol: SymbolId,
        (traits, open): (Traits, Quantity),
    ) {
        if traits != Traits::default() {
            let counted = traits.tally(open);
            self.insert(key, SpecialOrder { traits, firm, symbol, counted });
        }
    }

    /// Takes over the open quantity of an order; an order with nothing open has ended.
    pub(super) fn set_open(&mut self, key: OrderKey, open: Quantity) {
        let Some(order) = self.take(key) else { return };
        if open.0 > 0 {
            self.insert(key, SpecialOrder { counted: order.traits.tally(open), ..order });
        }
    }

    /// Removes an order that has ended, was replaced, or is a stop that has entered the book;
    /// returns its traits.
    pub(super) fn remove(&mut self, key: OrderKey) -> Option<Traits> {
        self.take(key).map(|order| order.traits)
    }

    /// Counts the orders whose end has come as over.
    pub(super) fn expire(&mut self, now: Nanos) {
        self.now = self.now.max(now);
    }

    fn insert(&mut self, key: OrderKey, order: SpecialOrder) {
        self.count(key.0, &order, Tally::plus);
        self.orders.insert(key, order);
    }

    fn take(&mut self, key: OrderKey) -> Option<SpecialOrder> {
        let order = self.orders.remove(&key)?;
        self.count(key.0, &order, Tally::minus);
        Some(order)
    }

    fn count(
        &mut self,
        session: SessionId,
        order: &SpecialOrder,
        change: fn(Tally, Tally) -> Tally,
    ) {
        let SpecialOrder { traits: Traits { end, .. }, firm, symbol, counted } = *order;
        for place in [
            (RiskScope::Session, session.0),
            (RiskScope::Firm, firm.0.into()),
            (RiskScope::Symbol, symbol.0),
        ] {
            let counts = self.counts.entry(place).or_default();
            counts.all = change(counts.all, counted);
            if end.0 > 0 {
                counts.ends.change(end, Tally { orders: 1, ..counted }, change);
            }
        }
    }
}
