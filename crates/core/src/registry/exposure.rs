//! Open orders and traded values of the day, by session, firm and symbol, and all trades, as far as
//! reports have been published. Risk limits, breaks and corrections are checked against them.
//!
//! [`ExposureCounter`] counts in the order of the reports; other threads read the counts through
//! [`ExposureView`]. A reader may still find an order open for a moment after its end, but never
//! misses an order whose report was published.
//!
//! `view.rs` has the counts themselves, `traded.rs` the rows of the traded values, `special.rs` the
//! orders that are more than an order for the limits, `bands.rs` the static price bands.

mod bands;
mod basis;
mod ends;
mod special;
mod table;
mod traded;
mod value;
mod view;

pub use bands::StaticBands;
pub use basis::Basis;
pub use special::{Tally, Traits};
pub use traded::TradedRow;
pub use value::Notional;
pub use view::ExposureView;

use crate::registry::trades::{Trade, Trades};
use ringside_model::command::{Action, Command, DefineSession, Definition, OperatorCommand};
use ringside_model::domain::{
    DayEvent, FirmId, MatchNumber, Nanos, OrderId, Price, Quantity, SeqNo, SessionId, SymbolId,
    Tick,
};
use ringside_model::report::{self, Body, ReferenceSet, Report, ReportKind};
use special::SpecialOrders;
use std::sync::atomic::Ordering;

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
    /// Answer to the present command if it sets bands; `None` as the bands if it was rejected.
    new_bands: Option<(SymbolId, Option<StaticBands>)>,
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
                self.exposures.bands().set(command.symbol, StaticBands::of(&asked));
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
            Body::BandsSet(_) | Body::Rejected(_) => {
                if let Action::Operator(OperatorCommand::SetBands(asked)) = command.action {
                    let is_set = report.kind == ReportKind::BandsSet;
                    self.new_bands =
                        Some((command.symbol, is_set.then(|| StaticBands::of(&asked))));
                }
            }
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
                    let convert = |price| before.nearest(price, changed.tick());
                    let [price, bid] =
                        [self.exposures.last_price(symbol), self.exposures.bid(symbol)]
                            .map(convert);
                    self.set_tick(symbol, changed.tick());
                    self.set_price(symbol, price);
                    self.set_bid(symbol, bid);
                    self.exposures.bands().convert(symbol, convert);
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
            self.exposures.bands().answer(symbol, bands);
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
}

fn set<T: Clone + Default>(table: &mut Vec<T>, number: u32, value: T) {
    let number = number as usize;
    if table.len() <= number {
        table.resize(number + 1, T::default());
    }
    table[number] = value;
}

#[cfg(test)]
mod tests;
