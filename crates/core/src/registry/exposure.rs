//! Open orders and traded values of the day, by session, firm and symbol, and all trades, as far as
//! reports have been published. Risk limits, breaks and corrections are checked against them.
//!
//! [`ExposureCounter`] counts in the order of the reports; other threads read the counts through
//! [`ExposureView`]. A reader may still find an order open for a moment after its end, but never
//! misses an order whose report was published.

mod bands;
mod basis;
mod ends;
mod special;
mod table;
mod value;

pub use bands::StaticBands;
pub use basis::Basis;
pub use special::{Tally, Traits};
pub use value::Notional;

use crate::registry::trades::{Trade, Trades};
use ringside_model::command::{Action, Command, DefineSession, Definition, OperatorCommand};
use ringside_model::domain::{
    DayEvent, FirmId, MatchNumber, Nanos, OrderId, Price, Quantity, RiskScope, SeqNo, SessionId,
    SymbolId, Tick,
};
use ringside_model::report::{self, Body, ReferenceSet, Report};
use special::SpecialOrders;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use table::Table;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Counter of open orders and traded values, fed with reports. Clones share their counts.
#[derive(Clone, Default)]
pub struct ExposureCounter {
    exposures: ExposureView,
    /// By session: firm of the orders that name none; `None` if there is no such session.
    firms: Vec<Option<FirmId>>,
    /// By symbol: its tick and the value of one.
    ticks: Vec<Option<(Tick, Notional)>>,
    /// Number of live orders whose firm is not their session's firm.
    foreign: usize,
    /// Resting side of the trade whose incoming side is reported next.
    resting: Option<(SessionId, OrderId)>,
    /// Trades of the present command; their match numbers are those of seqno 0.
    new_trades: Vec<Trade>,
    /// Bands that the present command sets unless it is rejected.
    new_bands: Option<(SymbolId, StaticBands)>,
}

/// Read handle of the counts.
#[derive(Clone, Default)]
pub struct ExposureView {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    sessions: Table<Counts>,
    firms: Table<Counts>,
    symbols: Table<Counts>,
    /// By symbol: price of the last trade, else the prior close; zero for none.
    prices: Table<AtomicI64>,
    /// By symbol: bid of the reference quote; zero for none.
    bids: Table<AtomicI64>,
    /// Firm of each live order whose firm is not its session's firm.
    foreign: Mutex<HashMap<(SessionId, OrderId), FirmId>>,
    /// Live orders with traits.
    special: Mutex<SpecialOrders>,
    trades: Mutex<Trades>,
    /// Static bands of the symbols that have some.
    bands: Mutex<HashMap<SymbolId, StaticBands>>,
    /// Length of `special`; while 0, readers take no lock.
    specials: AtomicUsize,
    /// Last command whose reports have all been counted, and its official time.
    told: AtomicU64,
    time: AtomicU64,
}

/// Counts of one session, firm or symbol.
#[derive(Default)]
struct Counts {
    /// Number of live orders.
    open: AtomicU64,
    /// Value traded on the day, in two halves of 64 bits.
    high: AtomicU64,
    low: AtomicU64,
}

/// Value that one session, firm or symbol has traded on the day; row of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TradedRow {
    /// Code of the [`RiskScope`].
    pub scope: u32,
    /// Number of the session, firm or symbol.
    pub number: u32,
    /// Low half of the [`Notional`].
    pub low: u64,
    /// High half of the [`Notional`].
    pub high: u64,
}

impl ExposureCounter {
    /// Returns the read handle of the counts.
    pub fn exposures(&self) -> &ExposureView {
        &self.exposures
    }

    /// Takes firms, ticks, prior closes, quotes and static bands from an accepted definition or
    /// setting; ignores other commands.
    pub fn definition(&mut self, command: &Command) {
        match command.action {
            Action::Definition(Definition::Session(DefineSession { firm, .. })) => {
                set(&mut self.firms, command.session.0, Some(firm));
            }
            Action::Definition(Definition::Symbol(definition)) => {
                self.set_tick(command.symbol, definition.tick);
                self.set_price(command.symbol, definition.reference);
            }
            Action::Operator(OperatorCommand::SetQuote(quote)) => {
                self.set_bid(command.symbol, quote.bid);
            }
            Action::Operator(OperatorCommand::SetBands(asked)) => {
                self.exposures.set_static_bands(command.symbol, StaticBands::of(&asked));
            }
            _ => {}
        }
    }

    /// Counts a report of `command`.
    #[inline]
    pub fn report(&mut self, report: &Report, command: &Command) {
        let Report { session, id, symbol, .. } = *report;
        match report.body() {
            Body::Accepted(_) => {
                let firm = command.action.entered().map(|enter| enter.firm).unwrap_or_default();
                let traits = Traits::of(&command.action);
                self.add_special(session, id, symbol, firm, (traits, report.open));
                self.add_order(session, id, symbol, firm);
            }
            Body::Executed(executed) => self.executed(report, &executed),
            Body::Canceled(_) if report.open.0 == 0 => self.end_order(report),
            Body::Canceled(_) | Body::Modified(_) => {
                self.change_special(|special| special.set_open((session, id), report.open));
            }
            Body::Triggered(report::Triggered { old_order })
            | Body::Entered(report::Entered { old_order })
                if report.order != old_order =>
            {
                self.change_special(|special| _ = special.remove((session, id)));
            }
            Body::Replaced(replaced) => {
                self.rename(session, replaced.old_id, id);
                self.rename_special(report, replaced.old_id, &command.action);
            }
            Body::Defined(_) => self.definition(command),
            Body::Quoted(report::Quoted { bid, .. }) => self.set_bid(symbol, bid),
            // The report has the dynamic bands, too, and a command that is rejected may have moved
            // them before.
            Body::BandsSet(_) => {
                if let Action::Operator(OperatorCommand::SetBands(asked)) = command.action {
                    self.new_bands = Some((symbol, StaticBands::of(&asked)));
                }
            }
            Body::Rejected(_) => self.new_bands = None,
            Body::Held(_) => {
                if let Action::Operator(OperatorCommand::ImportOrder(import)) = command.action {
                    self.hold_order(session, id, import.order.firm);
                }
            }
            Body::Imported(_) => {
                let firm = self.firm_of(session, id);
                self.count_open(session, firm, symbol, |open| open + 1);
            }
            Body::TradingDay(report::TradingDay { event: DayEvent::Start, .. }) => self.begin_day(),
            Body::ReferenceSet(ReferenceSet { prior_close, last }) => {
                self.set_price(symbol, if last.0 != 0 { last } else { prior_close });
            }
            Body::SymbolChanged(changed) => {
                if let Some(&Some((before, _))) = self.ticks.get(symbol.0 as usize) {
                    let StaticBands { low, high } = self.exposures.static_bands(symbol);
                    let (last, bid) =
                        (self.exposures.last_price(symbol), self.exposures.bid(symbol));
                    let [price, bid, low, high] =
                        [last, bid, low, high].map(|price| before.nearest(price, changed.tick()));
                    self.set_tick(symbol, changed.tick());
                    self.set_price(symbol, price);
                    self.set_bid(symbol, bid);
                    self.exposures.set_static_bands(symbol, StaticBands { low, high });
                }
            }
            _ => {}
        }
    }

    /// Publishes that all reports up to this command have been counted; `time` is its official
    /// time.
    #[inline]
    pub fn end_command(&mut self, seqno: u64, Nanos(time): Nanos) {
        if !self.new_trades.is_empty() {
            self.exposures.add_trades(SeqNo(seqno), &mut self.new_trades);
        }
        if let Some((symbol, bands)) = self.new_bands.take() {
            self.exposures.set_static_bands(symbol, bands);
        }
        self.exposures.shared.time.store(time, Ordering::Release);
        self.exposures.shared.told.store(seqno, Ordering::Release);
    }

    /// Counts a live order.
    pub(crate) fn add_order(
        &mut self,
        session: SessionId,
        id: OrderId,
        symbol: SymbolId,
        firm: FirmId,
    ) {
        self.know_firm(session, id, firm);
        self.count_open(session, firm, symbol, |open| open + 1);
    }

    /// Counts the traits of a live order.
    pub(crate) fn add_special(
        &mut self,
        session: SessionId,
        id: OrderId,
        symbol: SymbolId,
        firm: FirmId,
        (traits, open): (Traits, Quantity),
    ) {
        if traits != Traits::default() {
            let shared = &self.exposures.shared;
            let mut special = self.exposures.special();
            special.add((session, id), firm, symbol, (traits, open));
            shared.specials.store(special.len(), Ordering::Release);
        }
    }

    /// Changes the orders with traits, if there are any.
    #[inline]
    fn change_special(&self, change: impl FnOnce(&mut SpecialOrders)) {
        let specials = &self.exposures.shared.specials;
        if specials.load(Ordering::Relaxed) > 0 {
            let mut special = self.exposures.special();
            change(&mut special);
            specials.store(special.len(), Ordering::Release);
        }
    }

    /// Records the firm of an imported order that is not live yet.
    pub(crate) fn hold_order(&mut self, session: SessionId, id: OrderId, firm: FirmId) {
        self.know_firm(session, id, firm);
    }

    fn set_tick(&mut self, symbol: SymbolId, tick: Tick) {
        set(&mut self.ticks, symbol.0, Some((tick, Notional::of_tick(tick))));
    }

    /// Sets the price of the last trade of a symbol.
    pub fn set_price(&mut self, SymbolId(symbol): SymbolId, Price(price): Price) {
        self.exposures.shared.prices.make(symbol).store(price, Ordering::Release);
    }

    fn set_bid(&self, SymbolId(symbol): SymbolId, Price(bid): Price) {
        self.exposures.shared.bids.make(symbol).store(bid, Ordering::Release);
    }

    /// Returns all trades as bytes of a snapshot.
    pub(crate) fn trades(&self) -> Vec<u8> {
        self.exposures.trades().to_bytes()
    }

    /// Restores the trades. `None` if no trades have such bytes.
    pub(crate) fn set_trades(&mut self, bytes: &[u8]) -> Option<()> {
        *self.exposures.trades() = Trades::from_bytes(bytes)?;
        Some(())
    }

    /// Returns the values traded on the day by session, firm and symbol, in one canonical order.
    pub(crate) fn traded_rows(&self) -> Vec<TradedRow> {
        let mut rows = vec![];
        for &scope in RiskScope::ALL {
            for (number, counts) in self.exposures.table(scope).iter() {
                let [low, high] = halves(counts.traded());
                if (low, high) != (0, 0) {
                    rows.push(TradedRow { scope: scope as u32, number, low, high });
                }
            }
        }
        rows
    }

    /// Restores traded values. `None` if no venue with the definitions so far can have such rows.
    pub(crate) fn set_traded(&mut self, rows: &[TradedRow]) -> Option<()> {
        let place = |row: &TradedRow| (row.scope, row.number);
        if !rows.is_sorted_by(|a, b| place(a) < place(b)) {
            return None;
        }
        for row in rows {
            let scope = u8::try_from(row.scope).ok().and_then(RiskScope::from_code)?;
            let value = Notional(u128::from(row.high) << 64 | u128::from(row.low));
            if value == Notional::default() || !self.is_known(scope, row.number) {
                return None;
            }
            self.exposures.table(scope).make(row.number).set_traded(value);
        }
        Some(())
    }

    fn is_known(&self, scope: RiskScope, number: u32) -> bool {
        match scope {
            RiskScope::Session => self.is_session(SessionId(number)),
            RiskScope::Firm => (1..=u16::MAX.into()).contains(&number),
            RiskScope::Symbol => self.ticks.get(number as usize).is_some_and(Option::is_some),
        }
    }

    fn executed(&mut self, report: &Report, executed: &report::Executed) {
        let &report::Executed { trade, removed, .. } = executed;
        let Report { session, id, symbol, price, quantity, .. } = *report;
        let tick = self.ticks.get(symbol.0 as usize).copied().flatten();
        let value = tick.map(|(_, tick)| tick).unwrap_or_default().traded(price, quantity);
        let firm = self.firm_of(session, id);
        let shared = &self.exposures.shared;
        if self.is_session(session) {
            shared.sessions.make(session.0).trade(value);
        }
        if firm != FirmId(0) {
            shared.firms.make(firm.0.into()).trade(value);
        }
        // A trade has one report for each side, but counts once for the symbol.
        if !removed {
            shared.symbols.make(symbol.0).trade(value);
            shared.prices.make(symbol.0).store(price.0, Ordering::Release);
        }
        match removed {
            false => self.resting = Some((session, id)),
            true => self.add_trade(report, trade),
        }
        match report.open {
            Quantity(0) => self.end_order(report),
            open => self.change_special(|special| special.set_open((session, id), open)),
        }
    }

    /// Notes a trade when its second side, that of the incoming order, is reported.
    fn add_trade(&mut self, report: &Report, trade: u32) {
        let Report { session, id, symbol, quantity, .. } = *report;
        if let Some(resting) = self.resting.take() {
            let sides = [resting, (session, id)];
            let match_number = MatchNumber::of(SeqNo(0), trade);
            self.new_trades.push(Trade { match_number, symbol, quantity, sides });
        }
    }

    fn end_order(&mut self, report: &Report) {
        let Report { session, id, symbol, .. } = *report;
        let firm = self.firm_of(session, id);
        // First this, then the count: a reader must not subtract an order that is over from a count
        // without it.
        self.change_special(|special| special.set_open((session, id), Quantity(0)));
        self.count_open(session, firm, symbol, |open| open.saturating_sub(1));
        if self.foreign > 0 && self.exposures.foreign().remove(&(session, id)).is_some() {
            self.foreign -= 1;
        }
    }

    fn count_open(
        &self,
        session: SessionId,
        firm: FirmId,
        symbol: SymbolId,
        change: impl Fn(u64) -> u64,
    ) {
        let shared = &self.exposures.shared;
        if self.is_session(session) {
            shared.sessions.make(session.0).count(&change);
        }
        if firm != FirmId(0) {
            shared.firms.make(firm.0.into()).count(&change);
        }
        shared.symbols.make(symbol.0).count(&change);
    }

    /// Moves the firm of an order to its new id.
    fn rename(&mut self, session: SessionId, old: OrderId, new: OrderId) {
        if self.foreign == 0 {
            return;
        }
        let mut foreign = self.exposures.foreign();
        if let Some(firm) = foreign.remove(&(session, old)) {
            foreign.insert((session, new), firm);
        }
    }

    /// Moves the traits of a replaced order to its new id, with what the replace changes of them.
    fn rename_special(&mut self, report: &Report, old: OrderId, action: &Action) {
        let Report { session, id, symbol, open, .. } = *report;
        if self.exposures.has_special() || Traits::default().replaced(action) != Traits::default() {
            let firm = self.firm_of(session, id);
            let mut special = self.exposures.special();
            let traits = special.remove((session, old)).unwrap_or_default().replaced(action);
            special.add((session, id), firm, symbol, (traits, open));
            self.exposures.shared.specials.store(special.len(), Ordering::Release);
        }
    }

    /// Records the firm of an order if it is not its session's firm.
    fn know_firm(&mut self, session: SessionId, id: OrderId, firm: FirmId) {
        if firm != self.firm_of_session(session)
            && self.exposures.foreign().insert((session, id), firm).is_none()
        {
            self.foreign += 1;
        }
    }

    #[inline]
    fn firm_of(&self, session: SessionId, id: OrderId) -> FirmId {
        let named = match self.foreign {
            0 => None,
            _ => self.exposures.foreign().get(&(session, id)).copied(),
        };
        named.unwrap_or_else(|| self.firm_of_session(session))
    }

    fn firm_of_session(&self, SessionId(session): SessionId) -> FirmId {
        self.firms.get(session as usize).copied().flatten().unwrap_or_default()
    }

    fn is_session(&self, SessionId(session): SessionId) -> bool {
        self.firms.get(session as usize).is_some_and(Option::is_some)
    }

    #[cold]
    fn begin_day(&mut self) {
        for &scope in RiskScope::ALL {
            for (_, counts) in self.exposures.table(scope).iter() {
                counts.set_traded(Notional::default());
            }
        }
    }
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

    /// Returns the static bands of a symbol.
    pub fn static_bands(&self, symbol: SymbolId) -> StaticBands {
        self.bands().get(&symbol).copied().unwrap_or_default()
    }

    /// Returns the last command whose reports have all been counted.
    pub fn told(&self) -> u64 {
        self.shared.told.load(Ordering::Acquire)
    }

    /// Returns the official time of the last command whose reports have all been counted.
    pub fn time(&self) -> Nanos {
        Nanos(self.shared.time.load(Ordering::Acquire))
    }

    fn add_trades(&self, seqno: SeqNo, new: &mut Vec<Trade>) {
        let (mut trades, MatchNumber(before)) = (self.trades(), MatchNumber::of(seqno, 0));
        for trade in new.drain(..) {
            let match_number = MatchNumber(before + trade.match_number.0);
            trades.push(&Trade { match_number, ..trade });
        }
    }

    fn set_static_bands(&self, symbol: SymbolId, bands: StaticBands) {
        if bands == StaticBands::default() {
            self.bands().remove(&symbol);
        } else {
            self.bands().insert(symbol, bands);
        }
    }

    fn bands(&self) -> MutexGuard<'_, HashMap<SymbolId, StaticBands>> {
        self.shared.bands.lock().expect("nobody panics with it")
    }

    fn trades(&self) -> MutexGuard<'_, Trades> {
        self.shared.trades.lock().expect("nobody panics with it")
    }

    fn special_tally(&self, scope: RiskScope, number: u32) -> Tally {
        if self.has_special() { self.special().tally(scope, number) } else { Tally::default() }
    }

    #[inline]
    fn has_special(&self) -> bool {
        self.shared.specials.load(Ordering::Acquire) > 0
    }

    fn special(&self) -> MutexGuard<'_, SpecialOrders> {
        self.shared.special.lock().expect("nobody panics with it")
    }

    fn table(&self, scope: RiskScope) -> &Table<Counts> {
        match scope {
            RiskScope::Session => &self.shared.sessions,
            RiskScope::Firm => &self.shared.firms,
            RiskScope::Symbol => &self.shared.symbols,
        }
    }

    fn foreign(&self) -> MutexGuard<'_, HashMap<(SessionId, OrderId), FirmId>> {
        self.shared.foreign.lock().expect("nobody panics with it")
    }
}

impl Counts {
    /// Changes the number of live orders. There is only one writer, so a load and a store suffice.
    #[inline]
    fn count(&self, change: impl Fn(u64) -> u64) {
        let open = self.open.load(Ordering::Relaxed);
        self.open.store(change(open), Ordering::Release);
    }

    #[inline]
    fn trade(&self, value: Notional) {
        self.set_traded(self.traded().plus(value));
    }

    /// Stores the traded value. A concurrent reader must not find less than both the old and the
    /// new value, so the half that makes the value larger is written first.
    #[inline]
    fn set_traded(&self, value: Notional) {
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
    fn traded(&self) -> Notional {
        loop {
            let high = self.high.load(Ordering::Acquire);
            let low = self.low.load(Ordering::Acquire);
            if self.high.load(Ordering::Acquire) == high {
                return Notional(u128::from(high) << 64 | u128::from(low));
            }
        }
    }
}

fn halves(Notional(value): Notional) -> [u64; 2] {
    [value as u64, (value >> 64) as u64]
}

fn set<T: Clone + Default>(table: &mut Vec<T>, number: u32, value: T) {
    let number = number as usize;
    if table.len() <= number {
        table.resize(number + 1, T::default());
    }
    table[number] = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringside_model::command::{DefineSymbol, Enter, ImportOrder, RunTimers, TradingDay};
    use ringside_model::domain::{
        Capacity, Name, OrderNumber, PartitionId, Quantity, Role, Side, Tick,
    };
    use ringside_model::reason::Reason;
    use ringside_model::report::{
        Accepted, Canceled, Executed, Held, Imported, Rejected, Replaced, Subject,
    };

    const SYMBOL: SymbolId = SymbolId(1);

    fn command(session: u32, action: Action) -> Command {
        let (session, symbol) = (SessionId(session), SYMBOL);
        Command { session, symbol, verdict: Reason::None, action }
    }

    /// Returns counts for the sessions 1 and 2 of firm 1, and a symbol with a prior close.
    fn exposure() -> ExposureCounter {
        let mut exposure = ExposureCounter::default();
        let (name, role) = (Name::new("N").unwrap(), Role::File);
        for session in [1, 2] {
            let firm = FirmId(1);
            exposure
                .definition(&command(session, Action::from(DefineSession { name, firm, role })));
        }
        let (tick, lot) = (Tick::parse("0.01").unwrap(), Quantity(1));
        let definition = DefineSymbol { name, tick, lot, collar_bps: 0, reference: Price(77) };
        exposure.definition(&command(0, Action::from(definition)));
        exposure
    }

    #[test]
    fn prices_and_values_follow_the_reference_and_the_tick() {
        let mut exposure = exposure();
        let tell = |exposure: &mut ExposureCounter, body: Body| {
            exposure.report(&body.about(SYMBOL), &command(0, Action::from(RunTimers)));
            exposure.exposures().last_price(SYMBOL)
        };
        let quoted = report::Quoted { bid: Price(42), offer: Price(99) };
        tell(&mut exposure, quoted.into());
        let reference = |last| ReferenceSet { prior_close: Price(80), last: Price(last) }.into();
        assert_eq!(tell(&mut exposure, reference(0)), Price(80));
        assert_eq!(tell(&mut exposure, reference(83)), Price(83));
        let changed = report::SymbolChanged {
            tick_mantissa: 5,
            tick_scale: 2,
            lot: Quantity(1),
            collar_bps: 0,
            auction: Default::default(),
            extension: Default::default(),
        };
        assert_eq!(tell(&mut exposure, changed.into()), Price(17));
        assert_eq!(exposure.exposures().bid(SYMBOL), Price(8));
        let tick = exposure.ticks[SYMBOL.0 as usize].map(|(tick, _)| tick);
        assert_eq!(tick, Tick::parse("0.05"));
    }

    fn order(id: u64, firm: u16) -> Enter {
        Enter {
            firm: FirmId(firm),
            ..Enter::limit(OrderId(id), Side::Buy, Quantity(10), Price(100))
        }
    }

    fn say(
        exposure: &mut ExposureCounter,
        body: impl Into<Body>,
        session: u32,
        id: u64,
        open: u64,
    ) {
        let report = report(body, session, id, open);
        exposure.report(&report, &command(session, Action::Enter(order(id, 1))));
    }

    fn report(body: impl Into<Body>, session: u32, id: u64, open: u64) -> Report {
        body.into().about(Subject {
            id: OrderId(id),
            price: Price(101),
            quantity: Quantity(10),
            open: Quantity(open),
            session: SessionId(session),
            symbol: SYMBOL,
            ..Subject::NONE
        })
    }

    const ACCEPTED: Accepted = Accepted { stop: None };
    const CANCELED: Canceled = Canceled { displayed: None, prevented: Price(0) };

    /// Returns an execution of a resting or an incoming order.
    fn executed(removed: bool) -> Executed {
        Executed { trade: 1, contra: OrderNumber(0), removed, auction: None }
    }

    /// Returns what an import reports.
    macro_rules! imported {
        ($kind:ident) => {
            $kind {
                id_there: OrderId(3),
                partition: PartitionId(2),
                attributed: false,
                capacity: Capacity::Other,
            }
        };
    }

    /// Returns the open orders of sessions 1 and 2, firms 1 and 2, and the symbol.
    fn open(exposure: &ExposureCounter) -> [u64; 5] {
        use RiskScope::{Firm, Session, Symbol};
        [(Session, 1), (Session, 2), (Firm, 1), (Firm, 2), (Symbol, 1)]
            .map(|(scope, number)| exposure.exposures().open(scope, number))
    }

    #[test]
    fn an_order_is_open_until_a_report_leaves_nothing_of_it() {
        let mut exposure = exposure();
        say(&mut exposure, ACCEPTED, 1, 1, 10);
        say(&mut exposure, ACCEPTED, 2, 1, 10);
        assert_eq!(open(&exposure), [1, 1, 2, 0, 2]);
        say(&mut exposure, CANCELED, 1, 1, 4);
        say(&mut exposure, executed(false), 1, 1, 3);
        say(&mut exposure, Rejected { moved: None }, 1, 1, 0);
        assert_eq!(open(&exposure), [1, 1, 2, 0, 2]);
        say(&mut exposure, executed(false), 1, 1, 0);
        assert_eq!(open(&exposure), [0, 1, 1, 0, 1]);
        say(&mut exposure, CANCELED, 2, 1, 0);
        assert_eq!(open(&exposure), [0; 5]);
    }

    #[test]
    fn an_order_of_another_firm_than_its_session_counts_there() {
        let mut exposure = exposure();
        let accepted = report(ACCEPTED, 1, 1, 10);
        exposure.report(&accepted, &command(1, Action::Enter(order(1, 2))));
        assert_eq!(open(&exposure), [1, 0, 0, 1, 1]);
        let replaced = Replaced {
            old_id: OrderId(1),
            place: 0,
            stop: None,
            attributed: false,
            capacity: Capacity::Other,
        };
        let replaced = report(replaced, 1, 5, 10);
        exposure.report(&replaced, &command(1, Action::from(RunTimers)));
        let exposures = exposure.exposures();
        assert_eq!(exposures.firm_of(SessionId(1), OrderId(1)), None);
        assert_eq!(exposures.firm_of(SessionId(1), OrderId(5)), Some(FirmId(2)));
        say(&mut exposure, executed(false), 1, 5, 0);
        assert_eq!(open(&exposure), [0; 5]);
        let exposures = exposure.exposures();
        assert_eq!(
            exposures.traded(RiskScope::Firm, 2),
            Notional::whole(10).plus(Notional(10u128.pow(11)))
        );
        assert_eq!(exposures.traded(RiskScope::Firm, 1), Notional::default());
        assert_eq!(exposures.firm_of(SessionId(1), OrderId(5)), None);
    }

    #[test]
    fn an_order_that_comes_with_its_symbol_is_open_when_all_have_come() {
        let mut exposure = exposure();
        let import = ImportOrder { order: order(1, 2), id_there: OrderId(3) };
        let held = report(imported!(Held), 1, 1, 10);
        exposure.report(&held, &command(1, Action::from(import)));
        assert_eq!(open(&exposure), [0; 5]);
        say(&mut exposure, imported!(Imported), 1, 1, 10);
        assert_eq!(open(&exposure), [1, 0, 0, 1, 1]);
    }

    #[test]
    fn what_was_traded_goes_on_from_its_rows_until_a_day_begins() {
        let mut one = exposure();
        assert_eq!(one.exposures().last_price(SYMBOL), Price(77), "the prior close");
        say(&mut one, ACCEPTED, 1, 1, 10);
        say(&mut one, executed(false), 1, 1, 5);
        let removed = report(executed(true), 2, 2, 5);
        one.report(&removed, &command(2, Action::Enter(order(2, 1))));
        let ten = Notional::whole(1010).0 / 100;
        let traded = |e: &ExposureCounter, scope, number| e.exposures().traded(scope, number).0;
        assert_eq!(traded(&one, RiskScope::Session, 1), ten);
        assert_eq!(traded(&one, RiskScope::Firm, 1), 2 * ten, "both sides are the firm's");
        assert_eq!(traded(&one, RiskScope::Symbol, 1), ten, "it is one trade");
        assert_eq!(one.exposures().last_price(SYMBOL), Price(101));

        let mut other = exposure();
        let rows = one.traded_rows();
        assert_eq!(other.set_traded(&rows), Some(()));
        assert_eq!(other.traded_rows(), rows);
        let mut wrong = rows.clone();
        wrong.swap(0, 1);
        assert_eq!(other.set_traded(&wrong), None);
        let nothing = TradedRow { scope: 1, number: 9, low: 0, high: 0 };
        assert_eq!(other.set_traded(&[nothing]), None);
        for (scope, number) in [(4, 1), (1, 9), (2, 0), (2, 70_000), (3, 2), (3, u32::MAX)] {
            assert_eq!(other.set_traded(&[TradedRow { scope, number, low: 1, high: 0 }]), None);
        }

        let begins = report::TradingDay { event: DayEvent::Start, count: 0 }.about(Subject::NONE);
        other.report(&begins, &command(0, Action::from(TradingDay { event: DayEvent::Start })));
        assert_eq!(other.traded_rows(), []);
    }

    #[test]
    fn a_reader_never_finds_less_than_was_traded() {
        let exposure = exposure();
        let counts = exposure.exposures.shared.sessions.make(1);
        let reader = exposure.exposures().clone();
        let step = Notional(u128::from(u64::MAX) / 3);
        let steps = 200_000;
        std::thread::scope(|scope| {
            scope.spawn(|| (0..steps).for_each(|_| counts.trade(step)));
            let mut before = Notional::default();
            while before.0 < step.0 * steps {
                let high_low = reader.traded(RiskScope::Session, 1);
                // A reader can find a surplus of at most one unit of the high half, because that
                // half is written first.
                assert!(high_low.0 + (1 << 64) >= before.0, "{high_low:?} {before:?}");
                before = before.max(Notional(high_low.0.saturating_sub(1 << 64)));
                if high_low.0 == step.0 * steps {
                    break;
                }
            }
        });
        assert_eq!(reader.traded(RiskScope::Session, 1).0, step.0 * steps);
    }
}
