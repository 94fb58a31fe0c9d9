//! Laws of stops: waves, turns, and the new places of elected stops.

use super::{Audit, Law, Place, Progress, Told};
use ringside_model::domain::{OrderNumber, Price, SymbolId};
use ringside_model::reason::Reason;
use ringside_model::report::{Body, Entered, Report, ReportKind, Triggered};
use std::mem::take;

impl Audit {
    /// Checks a stop that is reached: it waits, or enters at once.
    pub(super) fn triggered(
        &mut self,
        at: &Place<'_>,
        r: &Report,
        Triggered { old_order }: Triggered,
    ) -> Result<(), String> {
        let stop = self.numbered(r.symbol, old_order)?;
        law!(stop.stop.is_some() && stop.reached.is_none(), r);
        self.take_turn(&stop, r)?;
        if r.order == old_order {
            law!(r.price == stop.price && r.is_hidden(), r);
            // A stop waits where nothing trades, if its wave is one too many, or behind
            // work that is left.
            let is_in_wave = |r: &&Report| match r.body() {
                Body::Triggered(Triggered { old_order }) => old_order == r.order,
                _ => false,
            };
            let next = at.after().iter().find(|r| !is_in_wave(r));
            let is_halt =
                |r: &Report| r.kind == ReportKind::StateChanged && r.reason == Reason::StopCascade;
            let is_too_many = next.is_some_and(is_halt);
            let is_left = next.is_some_and(|r| r.kind == ReportKind::Unfinished);
            let cannot_enter = !self.trades_continuously(r.symbol) || self.is_spent() || is_left;
            law!(is_too_many || cannot_enter, r);
            law!(!is_too_many || self.progress.waves == self.waves_max(r.symbol) + 1, r);
            law!(r.quantity == r.open && r.open.0 == stop.open, r);
            law!((stop.session, stop.id, stop.side) == (r.session, r.id, r.side), r);
            self.kept_waiting += 1;
            let reached = Some(self.kept_waiting);
            self.change(&stop, Told { reached, ..stop });
        } else {
            let waits = |o: &Told| o.symbol == r.symbol && o.reached.is_some();
            law!(!self.live.iter().any(waits), r);
            self.let_in(&stop, r)?;
        }
        Ok(())
    }

    /// Checks a stop that has waited and enters now.
    pub(super) fn entered(
        &mut self,
        r: &Report,
        Entered { old_order }: Entered,
    ) -> Result<(), String> {
        let stop = self.numbered(r.symbol, old_order)?;
        law!(stop.stop.is_some() && stop.reached.is_some(), r);
        let late = self.live.iter().filter(|o| o.symbol == r.symbol);
        let first = late.filter_map(|o| o.reached).min();
        law!(stop.reached == first && self.progress.wave.is_empty(), r);
        // Stops that have waited are the first wave.
        law!(self.progress.waves <= 1, r);
        self.progress.waves = 1;
        self.let_in(&stop, r)?;
        Ok(())
    }

    /// Checks that the turn of a stop has come: the stops that the trades so far have reached are a
    /// wave, buys first, then by stop price and age.
    pub(super) fn take_turn(&mut self, stop: &Told, r: &Report) -> Result<(), String> {
        if self.progress.wave.is_empty() {
            if !self.progress.pending.iter().any(|&price| reaches(price, stop)) {
                self.end_auction()?;
            }
            let prices = take(&mut self.progress.pending);
            let is_in = |o: &&Told| {
                let waits = o.symbol == r.symbol && o.stop.is_some() && o.reached.is_none();
                waits && prices.iter().any(|&price| reaches(price, o))
            };
            let mut wave: Vec<&Told> = self.live.iter().filter(is_in).collect();
            wave.sort_by_key(|o| {
                let buy = o.side.is_buy();
                (!buy, if buy { o.price.0 } else { -o.price.0 }, o.number.age())
            });
            self.progress.wave = wave.iter().map(|o| o.number).collect();
            if wave.is_empty() && self.unsure.contains(&r.symbol) {
                self.progress.wave = vec![stop.number];
            }
            self.progress.waves += 1;
        }
        law!(self.progress.wave.first() == Some(&stop.number), r);
        self.progress.wave.remove(0);
        Ok(())
    }

    /// Makes a new stop that the last price has reached a wave of its own.
    pub(super) fn begin_stop(&mut self, symbol: SymbolId, number: OrderNumber) {
        let last = self.last.get(&symbol).copied();
        let order = self.numbered(symbol, number).ok().filter(|order| order.stop.is_some());
        if order.zip(last).is_some_and(|(stop, last)| reaches(last, &stop)) {
            self.progress.wave = vec![number];
            self.progress.waves += 1;
        }
    }

    /// Checks the report of a stop that enters the book, and makes it an order there.
    pub(super) fn let_in(&mut self, stop: &Told, r: &Report) -> Result<(), String> {
        law!(
            self.trades_continuously(r.symbol) && self.progress.waves <= self.waves_max(r.symbol),
            r
        );
        let is_band = stop.stop.is_some_and(|limit| self.is_banded(r, limit));
        law!(stop.stop == Some(r.price) || is_band, r);
        law!(stop.open == r.open.0 && r.quantity == r.open && !r.is_hidden(), r);
        law!((stop.session, stop.id, stop.side) == (r.session, r.id, r.side), r);
        self.take_place(stop, r)?;
        self.progress.is_opening = false;
        let order = Told { number: r.order, price: r.price, hidden: false, ..*stop };
        self.change(stop, Told { stop: None, reached: None, ..order });
        Ok(())
    }

    /// Checks the new number of an order, which may take liquidity from now on.
    pub(super) fn take_place(&mut self, old: &Told, r: &Report) -> Result<(), String> {
        law!(r.order.seqno().0 == self.number.0 && r.order != self.number, r);
        self.give(r.order, r)?;
        law!(self.numbered(r.symbol, r.order).is_err() && old.number != r.order, r);
        self.progress.incoming = r.order;
        Ok(())
    }

    /// Checks what the command leaves of its work on a symbol.
    pub(super) fn check_progress(&mut self) -> Result<(), String> {
        for (number, (least, traded)) in self.progress.minimums.clone() {
            if least > 0 {
                self.keep(Law::MinimumMet, least <= traded, &number)?;
            }
        }
        let Progress { symbol, wave, traded_at, .. } = &self.progress;
        law!(wave.is_empty(), wave);
        let is_missed = |o: &&Told| {
            let waits = o.symbol == *symbol && o.stop.is_some() && o.reached.is_none();
            waits && traded_at.iter().any(|&price| reaches(price, o))
        };
        let missed = self.live.iter().find(is_missed).copied();
        missed.map_or(Ok(()), |stop| self.keep(Law::StopsEnter, false, &stop))
    }
}

/// Returns true if a trade at this price elects a stop.
pub(super) fn reaches(price: Price, stop: &Told) -> bool {
    if stop.side.is_buy() { price >= stop.price } else { price <= stop.price }
}
