//! Laws of the reports about symbols, days and many orders.

use super::{Audit, PAUSE_NS, Place, STAND_NS, is_of_catch_up, rank};
use ringside_model::command::{Action, OperatorCommand};
use ringside_model::domain::SymbolState::{CancelOnly, Closed, Halted};
use ringside_model::domain::{DayEvent, MoveStep, Nanos, SymbolState};
use ringside_model::reason::Reason;
use ringside_model::report::{
    BandsSet, LimitState, MassCanceled, Report, ReportKind, StateChanged, SymbolMoved, TradingDay,
};

impl Audit {
    /// Checks the new state of a symbol.
    pub(super) fn state_changed(
        &mut self,
        r: &Report,
        StateChanged { state, reopens_at }: StateChanged,
    ) -> Result<(), String> {
        let waits_for_day = !self.day_over || matches!(state, Closed | Halted | CancelOnly);
        law!(waits_for_day || r.reason == Reason::LimitState, r);
        law!((reopens_at.0 > 0) == (r.reason == Reason::LimitState), r);
        match r.reason {
            Reason::LimitState => {
                law!(state == SymbolState::ReopeningCall && self.is_open(r.symbol), r);
                // The pause comes when it is due, before the command has any effect.
                self.check_stand(r.symbol)?;
                let stands = self.stands_since.get(&r.symbol);
                let due = stands.map_or(u64::MAX, |(since, ..)| since + STAND_NS);
                law!(due <= self.now.0 && !self.progress.has_acted, r);
                law!(self.progress.caught_up.0 <= due, r);
                law!(reopens_at.0 == due + PAUSE_NS, r);
                self.progress.caught_up = Nanos(due);
            }
            Reason::StopCascade => {
                law!(state == Halted && self.is_open(r.symbol), r);
                law!(self.progress.waves == self.waves_max(r.symbol) + 1, r);
                law!(self.progress.wave.is_empty(), r);
            }
            Reason::Collar => {
                law!(state == Halted && self.is_open(r.symbol), r);
            }
            _ => law!(r.reason == Reason::None, r),
        }
        self.progress.is_opening = state == SymbolState::Open;
        self.states.insert(r.symbol, state);
        Ok(())
    }

    /// Checks the announcement of an auction.
    pub(super) fn crossed(&mut self, at: &Place<'_>, r: &Report) -> Result<(), String> {
        let before = at.reports.iter().take_while(|other| *other != r);
        let has_changed = before.last().is_some_and(|r| r.kind == ReportKind::StateChanged);
        law!(has_changed || self.unfinished.contains(&r.symbol), r);
        law!((r.price.0 == 0) == (r.quantity.0 == 0) && !self.day_over, r);
        self.auction = Some((*r, 0));
        Ok(())
    }

    /// Checks the count of a mass cancel against the ends that follow.
    pub(super) fn mass_canceled(
        &mut self,
        at: &Place<'_>,
        r: &Report,
        MassCanceled { count }: MassCanceled,
    ) -> Result<(), String> {
        let cause = match at.command.command.verdict {
            Reason::None => Reason::MassCancel,
            verdict => verdict,
        };
        let rest = at.after();
        let ends = || {
            let canceled = rest.iter().filter(|c| c.kind == ReportKind::Canceled);
            canceled.filter(|c| !self.is_over(c))
        };
        law!(count == ends().count() as u64, r);
        law!(ends().all(|c| c.reason == cause && c.open.0 == 0), r);
        let is_kind = |c: &Report| {
            use ReportKind::{Canceled, Indicative, ShortSaleSet, Unfinished};
            matches!(c.kind, Canceled | Indicative | ShortSaleSet | Unfinished) || is_of_catch_up(c)
        };
        law!(rest.iter().all(is_kind), r);
        law!(rest.is_sorted_by_key(|c| c.symbol), r);
        Ok(())
    }

    /// Checks the begin or the end of a day against the ends that follow.
    pub(super) fn trading_day(
        &mut self,
        at: &Place<'_>,
        r: &Report,
        TradingDay { event, count }: TradingDay,
    ) -> Result<(), String> {
        law!(at.before().is_empty(), r);
        self.day_over = event == DayEvent::End;
        if self.day_over {
            self.drop_auctions();
        }
        self.owing.extend(self.live.iter().map(|order| order.symbol));
        let rest = at.after();
        let has_expired = |c: &&Report| c.reason == Reason::Expired && c.open.0 == 0;
        law!(count == rest.iter().filter(has_expired).count() as u64, r);
        let is_kind = |c: &Report| match c.kind {
            ReportKind::Canceled => has_expired(&c),
            ReportKind::StateChanged | ReportKind::Indicative => true,
            ReportKind::Unfinished | ReportKind::ShortSaleSet => true,
            _ => is_of_catch_up(c),
        };
        law!(event == DayEvent::Start || rest.iter().all(is_kind), r);
        law!(rest.is_sorted_by_key(|c| c.symbol), r);
        Ok(())
    }

    /// Checks the step of a move against the reports that follow.
    pub(super) fn symbol_moved(
        &mut self,
        at: &Place<'_>,
        r: &Report,
        SymbolMoved { moved, count }: SymbolMoved,
    ) -> Result<(), String> {
        self.moved(r.symbol, moved.step);
        let rest = at.after();
        let kind = match moved.step {
            MoveStep::Export => Some(ReportKind::Exported),
            MoveStep::Release => Some(ReportKind::Canceled),
            MoveStep::Resume => Some(ReportKind::Imported),
            MoveStep::Halt | MoveStep::Import => None,
        };
        let count = if kind.is_some() { count } else { 0 };
        law!(count == rest.len() as u64, r);
        law!(rest.iter().all(|other| Some(other.kind) == kind), r);
        Ok(())
    }

    /// Takes over the bands of a symbol.
    pub(super) fn bands_set(
        &mut self,
        at: &Place<'_>,
        r: &Report,
        BandsSet { low, high, .. }: BandsSet,
    ) -> Result<(), String> {
        // The pause before a refused command tells the bands, too.
        let is_refused = at.reports.iter().any(|r| r.kind == ReportKind::Rejected);
        if let Action::Operator(OperatorCommand::SetBands(asked)) = at.command.command.action
            && !is_refused
        {
            self.static_bands.insert(r.symbol, [asked.low, asked.high]);
        }
        self.bands.insert(r.symbol, [low, high]);
        self.untold_bands.remove(&r.symbol);
        Ok(())
    }

    /// Checks a quote that comes to stand at a band, or stands there no more.
    pub(super) fn limit_state(
        &mut self,
        r: &Report,
        LimitState { stands, pause_at }: LimitState,
    ) -> Result<(), String> {
        let stood = self.stands_since.remove(&r.symbol).is_some();
        law!(stood != stands, r);
        if stands {
            law!(self.is_open(r.symbol), r);
            let first = self.book(r.symbol, r.side.is_buy());
            let best = first.map(|order| rank(r.side.is_buy(), order.price)).min();
            law!(best == Some(rank(r.side.is_buy(), r.price)), r);
            // The quote came to the band by an order that ended, or by the command.
            let since = pause_at.0 - STAND_NS;
            law!(since == self.progress.caught_up.0 || since == self.now.0, r);
            let buy = r.side.is_buy();
            self.stands_since.insert(r.symbol, (since, buy, r.price));
        }
        Ok(())
    }
}
