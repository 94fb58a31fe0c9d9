//! Counts as other threads read them: a place for each session, firm and symbol, and what needs a
//! lock because few orders have it.

use super::bands::{StaticBands, SymbolBands};
use super::special::{SpecialOrders, Tally, Traits};
use super::table::Table;
use super::value::Notional;
use crate::registry::trades::{Trade, Trades};
use ringside_model::domain::{
    FirmId, MatchNumber, Nanos, OrderId, Price, RiskScope, SeqNo, SessionId, SymbolId,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Read handle of the counts.
#[derive(Clone, Default)]
pub struct ExposureView {
    pub(super) shared: Arc<Shared>,
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) sessions: Table<Counts>,
    pub(super) firms: Table<Counts>,
    pub(super) symbols: Table<Counts>,
    /// By symbol: price of the last trade, else the prior close; zero for none.
    pub(super) prices: Table<AtomicI64>,
    /// By symbol: bid of the reference quote; zero for none.
    pub(super) bids: Table<AtomicI64>,
    /// Firm of each live order whose firm is not its session's firm.
    foreign: Mutex<HashMap<(SessionId, OrderId), FirmId>>,
    /// Live orders with traits.
    special: Mutex<SpecialOrders>,
    trades: Mutex<Trades>,
    bands: Mutex<SymbolBands>,
    /// Length of `special`; while 0, readers take no lock.
    pub(super) specials: AtomicUsize,
    /// Last command whose reports have all been counted, and its official time.
    pub(super) told: AtomicU64,
    pub(super) time: AtomicU64,
}

/// Counts of one session, firm or symbol.
#[derive(Default)]
pub(super) struct Counts {
    /// Number of live orders.
    open: AtomicU64,
    /// Value traded on the day, in two halves of 64 bits.
    high: AtomicU64,
    low: AtomicU64,
}

impl ExposureView {
    /// Returns the number of open orders, without those that [`expire`](Self::expire) has found to
    /// be over.
    pub fn open(&self, scope: RiskScope, number: u32) -> u64 {
        self.tally(scope, number).orders
    }

    /// Returns the tally of the open orders, without those that are over.
    pub fn tally(&self, scope: RiskScope, number: u32) -> Tally {
        // The count comes first: whoever sees the count after an order's end sees the order gone
        // from the special ones, so no order is subtracted twice.
        let open = |counts: &Counts| counts.open.load(Ordering::Acquire);
        let open = self.table(scope).get(number).map_or(0, open);
        let special = self.special_tally(scope, number);
        Tally { orders: open.saturating_sub(special.orders), ..special }
    }

    /// Returns the traits of a live order, and the slices that it has to show.
    pub fn traits(&self, session: SessionId, id: OrderId) -> (Traits, u64) {
        let known = if self.has_special() { self.special().traits((session, id)) } else { None };
        known.unwrap_or_default()
    }

    /// Counts the orders whose end has come by this time as over, though their last reports are
    /// still to come.
    pub fn expire(&self, now: Nanos) {
        if self.has_special() {
            self.special().expire(now);
        }
    }

    /// Returns the value traded on the day.
    pub fn traded(&self, scope: RiskScope, number: u32) -> Notional {
        self.table(scope).get(number).map(Counts::traded).unwrap_or_default()
    }

    /// Returns the price of the last trade of a symbol, else its prior close; zero for none.
    pub fn last_price(&self, SymbolId(symbol): SymbolId) -> Price {
        let price = self.shared.prices.get(symbol);
        Price(price.map_or(0, |price| price.load(Ordering::Acquire)))
    }

    /// Returns the bid of the reference quote of a symbol; zero for none.
    pub fn bid(&self, SymbolId(symbol): SymbolId) -> Price {
        let bid = self.shared.bids.get(symbol);
        Price(bid.map_or(0, |bid| bid.load(Ordering::Acquire)))
    }

    /// Returns the firm of a live order if it is not its session's firm.
    pub fn firm_of(&self, session: SessionId, id: OrderId) -> Option<FirmId> {
        self.foreign().get(&(session, id)).copied()
    }

    /// Returns a trade; `None` if there was none of this number.
    pub fn trade(&self, number: MatchNumber) -> Option<Trade> {
        self.trades().find(number)
    }

    /// Returns the oldest trade that [`trade`](Self::trade) can find.
    pub fn oldest_trade(&self) -> Option<MatchNumber> {
        self.trades().oldest()
    }

    /// Returns the static bands of a symbol; `None` while a command that sets them is unanswered.
    pub fn static_bands(&self, symbol: SymbolId) -> Option<StaticBands> {
        self.bands().of(symbol)
    }

    /// Notes that a command which sets the static bands of a symbol is handed over.
    pub fn ask_bands(&self, symbol: SymbolId) {
        self.bands().ask(symbol);
    }

    /// Returns the last command whose reports have all been counted.
    pub fn told(&self) -> u64 {
        self.shared.told.load(Ordering::Acquire)
    }

    /// Returns the official time of the last command whose reports have all been counted.
    pub fn time(&self) -> Nanos {
        Nanos(self.shared.time.load(Ordering::Acquire))
    }

    pub(super) fn add_trades(&self, seqno: SeqNo, new: &mut Vec<Trade>) {
        let (mut trades, MatchNumber(before)) = (self.trades(), MatchNumber::of(seqno, 0));
        for trade in new.drain(..) {
            let match_number = MatchNumber(before + trade.match_number.0);
            trades.push(&Trade { match_number, ..trade });
        }
    }

    pub(super) fn bands(&self) -> MutexGuard<'_, SymbolBands> {
        self.shared.bands.lock().expect("nobody panics with it")
    }

    pub(super) fn trades(&self) -> MutexGuard<'_, Trades> {
        self.shared.trades.lock().expect("nobody panics with it")
    }

    fn special_tally(&self, scope: RiskScope, number: u32) -> Tally {
        if self.has_special() { self.special().tally(scope, number) } else { Tally::default() }
    }

    #[inline]
    pub(super) fn has_special(&self) -> bool {
        self.shared.specials.load(Ordering::Acquire) > 0
    }

    pub(super) fn special(&self) -> MutexGuard<'_, SpecialOrders> {
        self.shared.special.lock().expect("nobody panics with it")
    }

    pub(super) fn table(&self, scope: RiskScope) -> &Table<Counts> {
        match scope {
            RiskScope::Session => &self.shared.sessions,
            RiskScope::Firm => &self.shared.firms,
            RiskScope::Symbol => &self.shared.symbols,
        }
    }

    pub(super) fn foreign(&self) -> MutexGuard<'_, HashMap<(SessionId, OrderId), FirmId>> {
        self.shared.foreign.lock().expect("nobody panics with it")
    }
}

impl Counts {
    /// Changes the number of live orders. There is only one writer, so a load and a store suffice.
    #[inline]
    pub(super) fn count(&self, change: impl Fn(u64) -> u64) {
        let open = self.open.load(Ordering::Relaxed);
        self.open.store(change(open), Ordering::Release);
    }

    #[inline]
    pub(super) fn trade(&self, value: Notional) {
        self.set_traded(self.traded().plus(value));
    }

    /// Stores the traded value. A concurrent reader must not find less than both the old and the
    /// new value, so the half that makes the value larger is written first.
    #[inline]
    pub(super) fn set_traded(&self, value: Notional) {
        let [low, high] = halves(value);
        if high >= self.high.load(Ordering::Relaxed) {
            self.high.store(high, Ordering::Release);
            self.low.store(low, Ordering::Release);
        } else {
            self.low.store(low, Ordering::Release);
            self.high.store(high, Ordering::Release);
        }
    }

    /// Returns the traded value. The high half is read twice, so that a low half of a later value
    /// is never combined with an earlier high half.
    #[inline]
    pub(super) fn traded(&self) -> Notional {
        loop {
            let high = self.high.load(Ordering::Acquire);
            let low = self.low.load(Ordering::Acquire);
            if self.high.load(Ordering::Acquire) == high {
                return Notional(u128::from(high) << 64 | u128::from(low));
            }
        }
    }
}

/// Returns the low and the high half of a value.
pub(super) fn halves(Notional(value): Notional) -> [u64; 2] {
    [value as u64, (value >> 64) as u64]
}
