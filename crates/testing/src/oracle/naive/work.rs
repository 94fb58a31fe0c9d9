//! Bounds of the work of one command, and what a command leaves of its work to the next one.

use super::{Naive, Order};
use ringside_model::domain::{Auction, MatchNumber, Price, SymbolId};
use ringside_model::report::Unfinished;

/// Work of a command on the present symbol.
#[derive(Clone, Debug)]
pub(super) struct Work {
    /// Largest number of trades and of places.
    pub max: u32,
    pub trades: u32,
    /// Number of orders with a new place.
    pub placed: u32,
    /// Number of waves of stops.
    pub waves: u32,
    /// Number of stops that wait from now on.
    pub kept_waiting: u64,
    /// True if the command has gone on with what was left, and may leave something itself.
    pub goes_on: bool,
    /// True if orders do not enter because of the work that was left.
    pub is_busy: bool,
    /// True after the report of work that is left.
    pub is_told: bool,
}

/// First step that a symbol has not finished; all later steps follow it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owed {
    Uncross(Uncross),
    /// Orders beyond the bands. True if the symbol has opened, false after new bands.
    Bands {
        is_opening: bool,
    },
    /// Turns of the orders with a minimum that are younger than this time.
    Minimums {
        after: (u64, u64),
    },
    /// Pegs that are not where the quote wants them.
    Pegs,
}

/// An auction that trades.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uncross {
    pub auction: Auction,
    pub price: Price,
    /// True after the first trade.
    pub has_traded: bool,
    /// True if the collar has limited the price.
    pub is_limited: bool,
    /// True if the auction has the symbol's collar, false if the operator has switched it off.
    pub has_collar: bool,
}

impl Default for Work {
    fn default() -> Self {
        Work {
            max: MatchNumber::TRADES_MAX,
            trades: 0,
            placed: 0,
            waves: 0,
            kept_waiting: 0,
            goes_on: false,
            is_busy: false,
            is_told: false,
        }
    }
}

impl Naive {
    /// Creates a venue whose commands do less work.
    pub fn with_work_max(max: u32) -> Naive {
        let mut venue = Naive::default();
        venue.set_work_max(max);
        venue
    }

    /// Sets the largest number of trades, and of places, of a command.
    pub fn set_work_max(&mut self, max: u32) {
        self.work.max = max;
    }

    /// Returns the largest number of trades, and of places, of a command.
    pub fn work_max(&self) -> u32 {
        self.work.max
    }

    /// Returns true if the command has no work left.
    pub(super) fn is_spent(&self) -> bool {
        self.work.trades == self.work.max || self.work.placed == self.work.max
    }

    /// Returns true if the command may trade this quantity of resting orders: a slice that is used
    /// up takes a place for the next one.
    pub(super) fn may_trade(&self, resting: &[Order], quantity: u64) -> bool {
        let is_used_up = |order: &&Order| order.shown() == quantity && order.open > quantity;
        let slices = resting.iter().filter(is_used_up).count() as u32;
        self.work.trades < self.work.max && self.work.placed + slices <= self.work.max
    }

    /// Returns true if a symbol has work of an earlier command to do.
    pub(super) fn owes(&self, symbol: SymbolId) -> bool {
        let is_on = self.trades_continuously(symbol);
        self.owed.contains_key(&symbol) || is_on && !self.late_stops(symbol).is_empty()
    }

    /// Returns the symbols that have work of earlier commands to do.
    pub fn owing(&self) -> Vec<SymbolId> {
        self.symbols.keys().copied().filter(|symbol| self.owes(*symbol)).collect()
    }

    /// Returns true if a symbol is in the middle of an auction.
    pub(super) fn is_uncrossing(&self, symbol: SymbolId) -> bool {
        matches!(self.owed.get(&symbol), Some(Owed::Uncross(_)))
    }

    /// Does the next part of what a symbol owes. The stops that wait follow.
    pub(super) fn go_on(&mut self, symbol: SymbolId) {
        self.work.goes_on = true;
        match self.owed.remove(&symbol) {
            None => {}
            Some(Owed::Uncross(uncross)) => self.go_on_uncrossing(symbol, uncross),
            Some(Owed::Bands { is_opening }) => {
                self.reprice(symbol, is_opening);
                // A day may have found pegs parked when it started.
                if !self.owed.contains_key(&symbol) {
                    self.bring_back(symbol);
                }
            }
            Some(Owed::Minimums { after }) => self.bring_in_minimums(symbol, after),
            Some(Owed::Pegs) => self.follow_quote(symbol),
        }
        self.elect(symbol);
        self.look_for_work(symbol);
        self.say_unfinished(symbol);
    }

    /// Reports that a symbol owes work, behind the work of the command.
    pub(super) fn say_unfinished(&mut self, symbol: SymbolId) {
        if self.work.goes_on && !self.work.is_told && self.owes(symbol) {
            self.work.is_told = true;
            self.reports.push(Unfinished {}.about(symbol));
        }
    }

    /// Finds out if the symbol is too busy for more.
    pub(super) fn look_for_work(&mut self, symbol: SymbolId) {
        self.work.is_busy = self.owes(symbol) || self.is_spent();
    }

    /// Drops what a symbol owes at the end of a day, but for the orders beyond its bands. A symbol
    /// whose auction has not ended is closed.
    pub(super) fn drop_work(&mut self, symbol: SymbolId) {
        match self.owed.remove(&symbol) {
            Some(Owed::Uncross(_)) => self.close(symbol),
            Some(Owed::Bands { .. }) => {
                self.owed.insert(symbol, Owed::Bands { is_opening: false });
            }
            Some(Owed::Minimums { .. } | Owed::Pegs) | None => {}
        }
    }
}
