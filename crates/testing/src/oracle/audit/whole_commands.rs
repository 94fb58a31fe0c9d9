//! Laws of all reports of a command together: fill-or-kill, minimums, numbers, work.

use super::{Audit, Law, Over, Progress, Told, rank};
use ringside_model::command::{Action, Sequenced};
use ringside_model::domain::{MatchNumber, OrderNumber, Peg, SelfTrade, SeqNo, Side, TimeInForce};
use ringside_model::reason::Reason;
use ringside_model::report::{Body, Report, ReportKind};
use std::collections::BTreeSet;

/// Largest number of reports about an order that are neither a trade nor a new place.
const REPORTS_OF_ORDER_MAX: usize = 2;
/// Largest number of reports about a symbol and not about its orders.
const REPORTS_OF_SYMBOL_MAX: usize = 16;

impl Audit {
    /// Notes that the command gives an order this number.
    pub(super) fn give(&mut self, number: OrderNumber, r: &Report) -> Result<(), String> {
        let is_new =
            number.seqno() == SeqNo(self.number.0) && self.given.insert((r.symbol, number));
        self.keep(Law::NumbersNew, is_new, r)
    }

    /// Checks that a fill-or-kill order has traded whole, or that its end is all that came of it.
    pub(super) fn check_fok(
        &mut self,
        command: &Sequenced,
        reports: &[Report],
    ) -> Result<(), String> {
        let Some(at) = own_order(command, reports) else { return Ok(()) };
        let (before, [own, after @ ..]) = reports.split_at(at) else { return Ok(()) };
        if command.command.action.entered().is_none_or(|enter| enter.tif != TimeInForce::Fok) {
            return Ok(());
        }
        let is_own = |r: &&Report| r.order == own.order;
        let traded = traded_by(own.order, after);
        let holds = if traded > 0 {
            let ends = after.iter().filter(is_own).any(|r| r.kind == ReportKind::Canceled);
            traded == own.open.0 && !ends
        } else {
            // What was due before the order may have effects that are told behind it.
            let is_of_before = |r: &Report| {
                let kinds = [ReportKind::LimitState, ReportKind::ShortSaleSet];
                !before.is_empty() && kinds.contains(&r.kind)
            };
            let is_end = |r: &Report| {
                (r.order, r.reason, r.quantity) == (own.order, Reason::FokNotFillable, own.open)
            };
            after
                .split_first()
                .is_some_and(|(end, rest)| is_end(end) && rest.iter().all(is_of_before))
        };
        self.keep(Law::FokWhole, holds, own)
    }

    /// Checks that incoming orders with a minimum have traded that much or nothing, and that one
    /// which traded nothing was not cut by an own order.
    pub(super) fn check_minimums(
        &mut self,
        command: &Sequenced,
        reports: &[Report],
    ) -> Result<(), String> {
        let Some(at) = own_order(command, reports) else { return Ok(()) };
        let own = &reports[at];
        let Action::EnterSpecial(special) = command.command.action else { return Ok(()) };
        if special.terms.min_quantity.0 == 0 || !self.trades_continuously(own.symbol) {
            return Ok(());
        }
        let traded = traded_by(own.order, &reports[at..]);
        let is_cut = || reports[at..].iter().any(|r| r.reason == Reason::SelfTrade);
        let holds = if traded == 0 { !is_cut() } else { traded >= special.terms.min_quantity.0 };
        self.keep(Law::MinimumMet, holds, own)
    }

    /// Checks that the order which came last rests only beyond minimums that it is too small for.
    pub(super) fn check_beyond_minimums(&mut self, reports: &[Report]) -> Result<(), String> {
        let Progress { symbol, incoming, waves, returned, .. } = self.progress;
        let Ok(order) = self.numbered(symbol, incoming) else { return Ok(()) };
        let Some(r) = reports.last() else { return Ok(()) };
        // An order that a band moves does not trade; at an opening minimums come in later.
        let is_band = order.terms.peg == Peg::None
            && reports.iter().any(|r| r.kind == ReportKind::Repriced && r.order == incoming);
        if is_band || reports.iter().any(|r| r.kind == ReportKind::StateChanged) {
            return Ok(());
        }
        let is_in_book = order.hidden == order.terms.hidden && !order.parked;
        let rests = is_in_book && order.stop.is_none() && order.price.0 > 0;
        let trades = self.trades_continuously(symbol) && order.side != Side::Short;
        if !rests || !trades || waves > 0 || returned > 0 || order.terms.min_quantity.0 > 0 {
            return Ok(());
        }
        let buy = order.side.is_buy();
        let beyond: Vec<u64> = self
            .live
            .iter()
            .filter(|o| o.symbol == symbol && o.side.is_buy() != buy && o.has_minimum())
            .filter(|o| rank(buy, order.price) <= rank(buy, o.price))
            .filter(|o| self.is_in_bands(symbol, o.price) && !o.terms.is_over(self.now))
            .filter(|o| o.number.age() < incoming.age())
            .map(|o| o.least())
            .collect();
        beyond
            .into_iter()
            .try_for_each(|least| self.keep(Law::TooSmallForMinimum, order.open < least, r))
    }

    /// Checks that an opening of a symbol leaves no minimum that the other side can meet. Stops and
    /// pegs come in behind the minimums.
    pub(super) fn check_opening(&mut self, reports: &[Report]) -> Result<(), String> {
        use ReportKind::{Entered, Repriced, Triggered};
        let symbol = self.progress.symbol;
        let Some(r) = reports.iter().find(|r| r.kind == ReportKind::StateChanged) else {
            return Ok(());
        };
        let comes_later = |r: &Report| matches!(r.kind, Entered | Repriced | Triggered);
        // A minimum that trades may take away what kept an earlier one from trading.
        let has_returned = self.progress.returned > 0;
        // Where a command does little work, a minimum may be beyond what the command can trade.
        let has_little_work = self.work_max() < MatchNumber::TRADES_MAX;
        if has_little_work
            || !self.trades_continuously(symbol)
            || has_returned
            || reports.iter().any(comes_later)
        {
            return Ok(());
        }
        let may_trade = |o: &&Told| {
            o.symbol == symbol
                && o.has_minimum()
                && o.side != Side::Short
                && self.is_in_bands(symbol, o.price)
        };
        let meets = |o: &Told| {
            let buy = o.side.is_buy();
            let is_reached = |other: &&Told| {
                rank(buy, o.price) <= rank(buy, other.price)
                    && self.is_in_bands(symbol, other.price)
            };
            let others = || self.book(symbol, !buy).chain(self.hidden(symbol, !buy));
            let sum: u128 = others().filter(is_reached).map(|other| u128::from(other.open)).sum();
            let has_mode = o.owner.mode != SelfTrade::None;
            let is_there = |other: &&Told| other.symbol == symbol && other.side.is_buy() != buy;
            let minimums = self.live.iter().filter(is_there).filter(|other| other.has_minimum());
            let mut reached = others().chain(minimums).filter(is_reached);
            let has_own = has_mode && reached.any(|other| other.owner.is(&o.owner));
            (!has_own).then_some(sum >= u128::from(o.least()))
        };
        let met: Vec<bool> = self.live.iter().filter(may_trade).filter_map(meets).collect();
        met.into_iter().try_for_each(|is_met| self.keep(Law::MinimumsComeIn, !is_met, r))
    }

    /// Checks that the command is later than the one before, and gives it its numbers.
    pub(super) fn begin_numbers(&mut self, command: &Sequenced) -> Result<(), String> {
        law!(command.seqno > self.last_seqno, command);
        self.last_seqno = command.seqno;
        self.given.clear();
        Ok(())
    }

    /// Checks the number of reports of a command before which so many orders were live.
    pub(super) fn check_work(&mut self, orders: usize, reports: &[Report]) -> Result<(), String> {
        let Some(last) = reports.last() else { return Ok(()) };
        let trades = reports.iter().filter(|r| r.kind == ReportKind::Executed).count() / 2;
        let places = self.given.iter().map(|(_, number)| number.index()).max().unwrap_or(0);
        let symbols: BTreeSet<_> = reports.iter().map(|r| r.symbol).collect();
        let imported = reports.iter().filter(|r| r.kind == ReportKind::Imported).count();
        let bound = 2 * trades
            + self.given.len()
            + (orders + imported + 1) * REPORTS_OF_ORDER_MAX
            + symbols.len() * REPORTS_OF_SYMBOL_MAX;
        let holds = reports.len() <= bound
            && places <= self.work_max()
            && trades <= symbols.len() * self.work_max() as usize;
        self.keep(Law::WorkBounded, holds, last)
    }
}

/// Returns the index of the report that lets the order of an enter in.
fn own_order(command: &Sequenced, reports: &[Report]) -> Option<usize> {
    command.command.action.entered()?;
    reports.iter().position(|r| r.kind == ReportKind::Accepted)
}

/// Returns the quantity that an order takes from others.
fn traded_by(order: OrderNumber, reports: &[Report]) -> u64 {
    let takes = |r: &&Report| match r.body() {
        Body::Executed(executed) => executed.removed && r.order == order,
        _ => false,
    };
    reports.iter().filter(takes).fold(0u64, |sum, r| sum.saturating_add(r.quantity.0))
}
