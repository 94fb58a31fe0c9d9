//! Auction collar: the distance of an auction price from the reference price is limited.
//!
//! A call whose auction price would be beyond the collar is extended. When it is extended no more,
//! the auction trades at the best price within the collar. If orders of a symbol that opens then
//! still cross, the symbol is halted.

use super::Engine;
use super::auction::Clearing;
use super::call::Call;
use ringside_model::command::{PlanState, Sequenced};
use ringside_model::domain::{Auction, Nanos, SymbolState};
use ringside_model::reason::Reason;
use ringside_model::report::{CallExtended, ReportSink, StatePlanned};

/// Next state of a symbol, and the terms of the auction before it.
#[derive(Clone, Copy)]
pub(super) struct Coming {
    pub state: SymbolState,
    /// True if the auction trades without a collar.
    pub collar_off: bool,
    /// Greatest random delay of the plan that is due, in ns, which an extension gets too.
    pub random_ns: u64,
    /// Seed of that delay.
    pub seed: u64,
}

/// Auction that is about to trade.
#[derive(Clone, Copy)]
pub(super) struct Uncross {
    pub auction: Auction,
    pub clearing: Clearing,
    /// True if the best price of all, without the collar, was beyond it.
    pub is_limited: bool,
    /// True if the auction trades without a collar.
    pub collar_off: bool,
}

impl Coming {
    /// Returns a state that no plan has scheduled.
    pub(crate) fn of(state: SymbolState) -> Self {
        Coming { state, collar_off: false, random_ns: 0, seed: 0 }
    }

    /// Returns the state of a plan that is due. An extension draws its delay behind that of the
    /// plan.
    pub(crate) fn planned(plan: &PlanState) -> Self {
        Coming { random_ns: plan.random_ns, seed: plan.seed_after(), ..Coming::of(plan.state) }
    }
}

impl Engine {
    /// Returns the auction that a change of the state causes; `None` if it causes none.
    pub(super) fn uncross_for(&self, book: usize, coming: &Coming) -> Option<Uncross> {
        let before = self.books[book].state();
        let auction = match (before, coming.state) {
            (before, SymbolState::Open) if self.is_crossed(book) => {
                Some(before.auction().unwrap_or(Auction::Reopening))
            }
            (before, SymbolState::Open) => before.auction(),
            (SymbolState::ClosingCall, SymbolState::Closed) => Some(Auction::Closing),
            _ => None,
        };
        let auction = auction?;
        let in_call = self.in_call.get(&self.books[book].symbol());
        let uncross = |call: &Call| self.uncross_of(book, auction, call, coming.collar_off);
        Some(match in_call {
            Some(call) => uncross(call),
            None => uncross(&self.crossed_interest(book, auction)),
        })
    }

    /// Returns the auction that uncrosses an open symbol once more. Between the parts of an auction
    /// orders may leave that would have traded at its price, so that others stay crossed at the
    /// prices behind. An auction without a collar is followed by one without. Where the collar lets
    /// nothing trade, the symbol is to be halted.
    pub(super) fn uncross_left(
        &self,
        book: usize,
        auction: Auction,
        collar_off: bool,
    ) -> Option<Uncross> {
        if !self.books[book].is_open() || !self.is_crossed(book) {
            return None;
        }
        let interest = self.crossed_interest(book, auction);
        let uncross = self.uncross_of(book, auction, &interest, collar_off);
        (uncross.clearing.price > 0 || uncross.is_limited).then_some(uncross)
    }

    fn uncross_of(&self, book: usize, auction: Auction, call: &Call, collar_off: bool) -> Uncross {
        let clearing = self.clearing_of(book, call);
        let beyond = self.auction_collar(book).filter(|&(low, high)| {
            let is_beyond = clearing.price < low || clearing.price > high;
            clearing.matched > 0 && is_beyond && !collar_off
        });
        match beyond {
            None => Uncross { auction, clearing, is_limited: false, collar_off },
            Some(collar) => {
                let reference = self.auction_reference(book, collar);
                let clearing = call.clearing(collar, reference);
                Uncross { auction, clearing, is_limited: true, collar_off }
            }
        }
    }

    /// Returns the result of an auction with this interest, without a collar.
    pub(super) fn clearing_of(&self, book: usize, call: &Call) -> Clearing {
        let bands = self.market(self.books[book].symbol()).bands.fixed();
        call.clearing(bands, self.auction_reference(book, bands))
    }

    /// Returns the reference price of an auction within a range of prices; 0 for none.
    fn auction_reference(&self, book: usize, (low, high): (i64, i64)) -> i64 {
        match self.books[book].reference() {
            0 => 0,
            reference => reference.clamp(low, high),
        }
    }

    /// Returns the lowest and the highest price of an auction, if a collar limits it. The distance
    /// to the reference is rounded down to whole ticks, but is one tick at least.
    fn auction_collar(&self, book: usize) -> Option<(i64, i64)> {
        let symbol = self.books[book].symbol();
        let bps = self.settings(symbol).auction.collar_bps;
        let reference = i128::from(self.books[book].reference());
        if bps == 0 || reference == 0 {
            return None;
        }
        let delta = (reference * i128::from(bps) / 10_000).max(1);
        let (low, high) = self.market(symbol).bands.fixed();
        let within = |price: i128| price.clamp(low.into(), high.into()) as i64;
        Some((within(reference - delta), within(reference + delta)))
    }

    /// Extends a call instead of ending it, if its price is beyond the collar and the call may be
    /// extended once more. The state that was to come is scheduled anew, in place of any plan of
    /// the symbol.
    pub(super) fn extend_call(
        &mut self,
        at: &Sequenced,
        book: usize,
        (coming, uncross): (&Coming, &Uncross),
        sink: &mut impl ReportSink,
    ) -> bool {
        let symbol = self.books[book].symbol();
        let settings = self.settings(symbol);
        let can_extend = settings.extended < settings.auction.extensions;
        if !uncross.is_limited || !can_extend || !self.in_call.contains_key(&symbol) {
            return false;
        }
        let (count, due) =
            (settings.extended + 1, Nanos(at.time.0.saturating_add(settings.extension.0)));
        self.change_settings(symbol, |settings| {
            (settings.extended, settings.extended_to) = (count, due);
        });
        if self.books[book].is_guarded() {
            self.change_market(book, |market| market.reopening = None);
        }
        let Coming { state, random_ns, seed, .. } = *coming;
        let plan = PlanState { due, random_ns, seed, state };
        self.tables.plans.insert(symbol, plan);
        sink.report(CallExtended { count, until: due }.about(symbol));
        sink.report(StatePlanned { state: Some(state), at: plan.time() }.about(symbol));
        true
    }

    /// Halts a symbol that has opened if the collar has left orders that cross.
    pub(super) fn halt_if_crossed(&mut self, book: usize, sink: &mut impl ReportSink) {
        if self.books[book].state() != SymbolState::Open || !self.is_crossed(book) {
            return;
        }
        self.halt(book, Reason::Collar, sink);
    }
}
