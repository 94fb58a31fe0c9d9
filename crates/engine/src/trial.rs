//! Trial of an incoming order: the quantity that the order would trade, found without a change of
//! the book. A fill-or-kill order and a minimum quantity depend on it.
//!
//! The trial meets the resting orders in the order in which the matching loop meets them. The next
//! slice of an iceberg joins the end of its price level, and self-trade prevention takes from both
//! sides.

use super::Engine;
use super::icebergs::draw_slice;
use super::matching::{Incoming, prevented};
use super::orders::Slot;
use ringside_model::command::Display;
use ringside_model::domain::SelfTrade;
use ringside_planted::{Bug, planted};
use std::collections::VecDeque;

/// Incoming order during its trial.
struct Trial {
    self_trade: SelfTrade,
    lot: u64,
    /// Quantity that is still open.
    open: u64,
    /// Quantity that is still to be traded.
    wanted: u64,
}

/// Resting order that a trial meets.
struct Resting {
    open: u64,
    /// Quantity behind the slice of an iceberg, and the sizes of its next slices.
    reserve: Option<(u64, Display)>,
    /// True if self-trade prevention applies.
    is_own: bool,
    /// Open quantity that the incoming order must have.
    least: u64,
}

impl Trial {
    /// Returns the result when it is certain: true if nothing is left to be traded, false if less is
    /// open than that.
    fn result(&self) -> Option<bool> {
        if self.wanted == 0 {
            return Some(true);
        }
        (self.open < self.wanted).then_some(false)
    }

    /// Meets a resting order; returns the next slice of an iceberg whose slice is used up.
    fn meet(&mut self, resting: Resting) -> Option<Resting> {
        let Resting { open, reserve, is_own, least } = resting;
        if self.open < least {
            return None;
        }
        if is_own {
            let there = open + reserve.map_or(0, |(left, _)| left);
            self.open -= prevented(self.self_trade, there, self.open).1;
            return None;
        }
        let traded = open.min(self.open);
        self.open -= traded;
        self.wanted = self.wanted.saturating_sub(traded);
        let (left, mut display) = reserve.filter(|&(left, _)| left > 0)?;
        if traded < open {
            return None;
        }
        let slice = display.next.min(left);
        draw_slice(&mut display, self.lot);
        Some(Resting { open: slice, reserve: Some((left - slice, display)), is_own, least })
    }

    /// Meets the orders of one price level, and no more of them than the result needs. Next slices
    /// come behind all orders of the level.
    fn meet_all(&mut self, mut level: impl Iterator<Item = Resting>) -> Option<bool> {
        let mut slices = VecDeque::new();
        while self.result().is_none()
            && let Some(resting) = level.next().or_else(|| slices.pop_front())
        {
            slices.extend(self.meet(resting));
        }
        self.result()
    }
}

impl Engine {
    /// Returns true if an incoming order would trade `wanted` in all. Quantity that self-trade
    /// prevention takes does not count.
    pub(super) fn can_trade(
        &self,
        book: usize,
        incoming: &Incoming,
        limit: i64,
        wanted: u64,
    ) -> bool {
        let self_trade = incoming.order.attributes.self_trade();
        let (lot, open) = (self.books[book].lot(), incoming.order.open);
        let mut trial = Trial { self_trade, lot, open, wanted };
        let mut interest = self.interest_within(book, incoming, limit).peekable();
        while let Some(&((price, is_hidden, _), _)) = interest.peek() {
            let level = std::iter::from_fn(|| {
                interest.next_if(|&((key, hidden, _), _)| (key, hidden) == (price, is_hidden))
            });
            let level = level.map(|(_, slot)| self.in_trial(slot, incoming));
            if let Some(result) = trial.meet_all(level) {
                return result;
            }
        }
        false
    }

    fn in_trial(&self, slot: Slot, incoming: &Incoming) -> Resting {
        let order = self.orders.get(slot);
        let reserve = order.attributes.has_reserve().then(|| self.reserve(order));
        let mut resting = Resting {
            open: order.open,
            reserve,
            is_own: incoming.owns(order),
            least: self.least(order),
        };
        if planted(Bug::ReserveAheadOfOthers)
            && let Some((left, _)) = resting.reserve.take()
        {
            resting.open += left;
        }
        resting
    }
}
