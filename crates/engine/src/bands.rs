//! Price bands: no trade is outside them. Static bands always hold. Dynamic bands, around a
//! reference, hold while the symbol is open. A quote that stands at a dynamic band for too long
//! pauses the symbol, and an auction reopens it.

use super::Engine;
use super::book::{key_of, side_index};
use super::collar::Coming;
use super::ladder::LevelSlot;
use super::market::{LimitTerms, Market};
use super::orders::NIL;
use super::restore::{ImageError, check_places};
use super::stops::Traded;
use super::work::Step;
use ringside_model::command::{Action, Sequenced, SetBands};
use ringside_model::domain::{AtBand, Nanos, Price, Side, SymbolId, SymbolState};
use ringside_model::reason::Reason;
use ringside_model::report::{self, BandsSet, ReportSink, StateChanged, Subject};
use ringside_planted::{Bug, planted};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Time that a quote may stand at a dynamic band before the symbol is paused, in ns.
pub const LIMIT_STATE_NS: u64 = 15_000_000_000;
/// Length of the pause, in ns.
pub const PAUSE_NS: u64 = 300_000_000_000;

/// Greatest distance of dynamic bands from their reference, in basis points: 100 % of the
/// reference.
const BAND_BPS_MAX: u32 = 10_000;

/// Bands of a symbol; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bands {
    /// Lower static band; `high` is the upper one.
    pub low: i64,
    pub high: i64,
    /// Distance of the dynamic bands from the reference, in basis points.
    pub bps: u32,
    /// Reference of the dynamic bands; 0 without them.
    pub reference: i64,
}

/// Limit state: a quote stands at a dynamic band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LimitState {
    /// True if the quote is the best bid, at the upper band; else the best offer, at the lower
    /// band.
    pub buy: bool,
    /// Price of the band.
    pub price: i64,
    /// Official time at which the symbol is paused.
    pub due: Nanos,
}

/// Timer of a symbol's price bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BandTimer {
    /// Number of the symbol.
    pub symbol: u64,
    /// Kind of the timer: [`BandTimer::BID`], [`BandTimer::OFFER`] or [`BandTimer::REOPENING`].
    pub what: u64,
    /// Official time from which on the timer is due.
    pub due: u64,
}

impl BandTimer {
    /// Pause of the symbol, because a bid stands at the upper band.
    pub const BID: u64 = 1;
    /// Pause of the symbol, because an offer stands at the lower band.
    pub const OFFER: u64 = 2;
    /// End of the pause.
    pub const REOPENING: u64 = 3;
}

impl Bands {
    /// Checks bands that a command asks for, and returns them. `price` is the reference if the
    /// command names none; 0 for no such price.
    pub(crate) fn of(asked: &SetBands, price: i64) -> Result<Self, Reason> {
        let (low, high, bps) = (asked.low.0, asked.high.0, asked.bps);
        let reference = if asked.reference.0 != 0 { asked.reference.0 } else { price };
        let is_valid = low >= 0
            && high >= 0
            && (low <= high || high == 0)
            && bps <= BAND_BPS_MAX
            && asked.reference.0 >= 0
            && (bps == 0 || reference != 0);
        if !is_valid {
            return Err(Reason::InvalidDefinition);
        }
        let reference = if bps == 0 { 0 } else { reference };
        Ok(Bands { low, high, bps, reference })
    }

    /// Returns the command that sets the bands.
    pub(crate) fn action(&self) -> Action {
        let [low, high, reference] = [self.low, self.high, self.reference].map(Price);
        Action::from(SetBands { low, high, bps: self.bps, reference })
    }

    /// Returns the lowest and the highest price within the static bands.
    pub(crate) fn fixed(&self) -> (i64, i64) {
        (self.low.max(1), if self.high == 0 { i64::MAX } else { self.high })
    }

    /// Returns the lowest and the highest price within the dynamic bands, if there are any. The
    /// distance to the reference is rounded down to whole ticks, but is one tick at least.
    fn dynamic(&self) -> Option<(i64, i64)> {
        let reference = i128::from(self.reference);
        let delta = (reference * i128::from(self.bps) / 10_000).max(1);
        let bound = |price: i128| price.clamp(1, i128::from(i64::MAX)) as i64;
        (self.bps != 0).then(|| (bound(reference - delta), bound(reference + delta)))
    }

    /// Returns the lowest and the highest price within both kinds of bands. If the static bands
    /// exclude the dynamic range, the nearest static band is the only price.
    fn together(&self) -> (i64, i64) {
        let (low, high) = self.fixed();
        let Some(dynamic) = self.dynamic() else { return (low, high) };
        (dynamic.0.clamp(low, high), dynamic.1.clamp(low, high))
    }

    /// Returns the lowest and the highest price within the bands that hold in `state`.
    pub(crate) fn in_force(&self, state: SymbolState) -> (i64, i64) {
        if state == SymbolState::Open { self.together() } else { self.fixed() }
    }
}

impl Engine {
    /// Sets the bands. Reprices resting orders that could trade outside them.
    pub(super) fn set_bands(
        &mut self,
        at: &Sequenced,
        asked: &SetBands,
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        let Some(book) = self.book_to_change(at, sink) else { return };
        let bands = match Bands::of(asked, self.books[book].reference()) {
            Ok(bands) => bands,
            Err(reason) => return super::reject_operator(command, reason, sink),
        };
        self.change_market(book, |market| market.bands = bands);
        self.tell_bands(book, sink);
        self.work(at, book, Step::Bands { opens: false }, sink);
    }

    fn tell_bands(&self, book: usize, sink: &mut impl ReportSink) {
        let symbol = self.books[book].symbol();
        let bands = self.market(symbol).bands;
        let is_dynamic = bands.bps != 0;
        let (low, high) = if is_dynamic { bands.together() } else { (bands.low, bands.high) };
        let (low, high, reference) = (Price(low), Price(high), Price(bands.reference));
        sink.report(BandsSet { low, high, reference }.about(symbol));
    }

    /// Returns the limit of an order within the bands that hold where the order can trade. 0, no
    /// limit, stays 0.
    pub(super) fn within_bands(
        &self,
        book: usize,
        terms: &LimitTerms,
        price: i64,
    ) -> Result<i64, Reason> {
        let bands = self.market(self.books[book].symbol()).bands;
        let for_auction = terms.tif.is_for_auction();
        let state = self.books[book].state();
        let (low, high) = if for_auction { bands.fixed() } else { bands.in_force(state) };
        let within = if terms.side.is_buy() { price.min(high) } else { price.max(low) };
        if price == 0 || within == price || planted(Bug::BandsIgnored) {
            return Ok(price);
        }
        match terms.at_band {
            AtBand::Reprice => Ok(within),
            AtBand::Cancel => Err(Reason::PriceBand),
        }
    }

    /// Returns the worst price at which an order without a limit may trade, within collar and
    /// bands.
    pub(super) fn bound(&self, book: usize, buy: bool) -> i64 {
        let collar = self.books[book].collar(buy);
        if !self.books[book].is_guarded() {
            return collar;
        }
        let bands = self.market(self.books[book].symbol()).bands;
        let (low, high) = bands.in_force(self.books[book].state());
        if buy { collar.min(high) } else { collar.max(low) }
    }

    /// Makes the auction price the reference of the bands, if an auction with trades has opened the
    /// symbol.
    #[cold]
    pub(super) fn move_reference(
        &mut self,
        book: usize,
        traded: &Traded,
        sink: &mut impl ReportSink,
    ) {
        let (symbol, last) = (self.books[book].symbol(), self.books[book].last());
        let bands = self.market(symbol).bands;
        if traded.span.is_some() && bands.bps != 0 && bands.reference != last {
            self.change_market(book, |market| market.bands.reference = last);
            self.tell_bands(book, sink);
        }
    }

    /// Reprices resting orders with a limit beyond a band to the band, or cancels those that ask
    /// for it: bids first, then offers, by priority. The new limit is farther from the other side,
    /// so no order trades. Returns false if the command may do no more and some are left.
    pub(super) fn reprice_beyond(
        &mut self,
        at: &Sequenced,
        book: usize,
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) -> bool {
        let symbol = self.books[book].symbol();
        let (low, high) = self.market(symbol).bands.in_force(self.books[book].state());
        for (buy, band) in [(true, high), (false, low)] {
            let mut beyond = vec![];
            for sides in self.displayed_and_hidden(book) {
                let is_beyond = |&level: &LevelSlot| self.levels.get(level).key < key_of(buy, band);
                let levels = sides[side_index(buy)].iter().take_while(is_beyond);
                beyond.extend(levels.flat_map(|level| self.queue(level)));
            }
            self.by_priority(&mut beyond);
            for slot in beyond {
                if !self.has_work(traded) {
                    return false;
                }
                let terms = self.terms_of(self.orders.get(slot));
                if terms.is_some_and(|terms| terms.at_band == AtBand::Cancel) {
                    self.cancel_resting(slot, Reason::BandEnded, sink);
                } else {
                    self.move_away(book, (slot, band), traded.next_number(at.seqno), sink);
                }
            }
        }
        true
    }

    /// Publishes a change of the limit state. While the symbol owes work, a limit state may end but
    /// not begin.
    pub(super) fn look_at_bands(&mut self, book: usize, time: Nanos, sink: &mut impl ReportSink) {
        let symbol = self.books[book].symbol();
        let was = self.market(symbol).limit_state;
        let before = was.map(|was| (was.buy, was.price));
        let stands = self.standing(book);
        let stands = stands.filter(|_| !self.books[book].owes() || before == stands);
        if before == stands {
            return;
        }
        let due = Nanos(time.0.saturating_add(LIMIT_STATE_NS));
        let now = stands.map(|(buy, price)| LimitState { buy, price, due });
        self.change_market(book, |market| market.limit_state = now);
        let quote = |LimitState { buy, price, .. }: LimitState| Subject {
            side: if buy { Side::Buy } else { Side::Sell },
            price: Price(price),
            ..symbol.into()
        };
        if let Some(was) = was {
            let ends = report::LimitState { stands: false, pause_at: Nanos(0) };
            sink.report(ends.about(quote(was)));
        }
        if let Some(now) = now {
            let begins = report::LimitState { stands: true, pause_at: due };
            sink.report(begins.about(quote(now)));
        }
    }

    /// Returns the side whose best price is the dynamic band that limits it, and that price.
    fn standing(&self, book: usize) -> Option<(bool, i64)> {
        let book = &self.books[book];
        let bands = self.market(book.symbol()).bands;
        let dynamic = bands.dynamic().filter(|_| book.is_open())?;
        let (low, high) = bands.together();
        let stands = |buy: bool, band: i64, bound: i64| {
            let best = book.sides[side_index(buy)].best();
            best != NIL && band == bound && self.levels.get(best).price() == band
        };
        if stands(true, dynamic.1, high) {
            Some((true, high))
        } else if stands(false, dynamic.0, low) {
            Some((false, low))
        } else {
            None
        }
    }

    /// Reopens a paused symbol whose pause is over.
    pub(super) fn reopen_if_due(
        &mut self,
        at: &Sequenced,
        book: usize,
        sink: &mut impl ReportSink,
    ) {
        let market = self.market(self.books[book].symbol());
        if market.reopening.is_some_and(|due| at.time >= due) {
            self.enter_state(at, book, &Coming::of(SymbolState::Open), sink);
        }
    }

    /// Pauses a symbol whose limit state has lasted too long; a reopening call begins at `time`.
    pub(super) fn pause(&mut self, book: usize, time: Nanos, sink: &mut impl ReportSink) {
        let (symbol, state) = (self.books[book].symbol(), SymbolState::ReopeningCall);
        let due = Nanos(time.0.saturating_add(PAUSE_NS));
        self.change_state(book, symbol, state);
        // What the symbol owes comes when it opens again.
        self.note_owed(book, None);
        self.change_market(book, |market| market.reopening = Some(due));
        let subject = Subject { reason: Reason::LimitState, ..symbol.into() };
        sink.report(StateChanged { state, reopens_at: due }.about(subject));
        self.park_pegs(book, sink);
        self.tell_bands(book, sink);
        self.look_at_bands(book, time, sink);
    }

    /// Returns the band timers, by symbol.
    pub(super) fn band_timers(&self) -> Vec<BandTimer> {
        let timer = |(symbol, market): (SymbolId, &Market)| {
            let (what, due) = match (market.limit_state, market.reopening) {
                (Some(LimitState { buy: true, due, .. }), _) => (BandTimer::BID, due),
                (Some(LimitState { due, .. }), _) => (BandTimer::OFFER, due),
                (None, Some(due)) => (BandTimer::REOPENING, due),
                (None, None) => return None,
            };
            Some(BandTimer { symbol: symbol.0.into(), what, due: due.0 })
        };
        self.tables.markets.iter().filter_map(timer).collect()
    }

    /// Restores the band timers of an image whose orders rest already. Checks that no order is
    /// beyond a band, that a quote at a band has a timer, and that no other quote has one.
    pub(super) fn restore_band_timers(&mut self, timers: &[BandTimer]) -> Result<(), ImageError> {
        check_places("times of bands", timers)?;
        for timer in timers {
            let restored = self.restore_band_timer(timer);
            restored.map_err(|what| ImageError(format!("symbol {}: {what}", timer.symbol)))?;
        }
        for (symbol, market) in self.tables.markets.iter() {
            let book = self.book_index(symbol).expect("only a book is guarded");
            let restored = self.check_bands(book, market);
            restored.map_err(|what| ImageError(format!("symbol {symbol}: {what}")))?;
        }
        Ok(())
    }

    fn restore_band_timer(&mut self, timer: &BandTimer) -> Result<(), &'static str> {
        let symbol = u32::try_from(timer.symbol).ok().map(SymbolId);
        let book = symbol.and_then(|symbol| self.book_index(symbol));
        let book = book.ok_or("something is due for it, but it is not defined")?;
        let (stands, due) = (self.standing(book), Nanos(timer.due));
        let is_in_call = self.books[book].state() == SymbolState::ReopeningCall;
        match (timer.what, stands) {
            (BandTimer::BID, Some((true, price))) | (BandTimer::OFFER, Some((false, price))) => {
                let buy = timer.what == BandTimer::BID;
                let state = LimitState { buy, price, due };
                self.change_market(book, |market| market.limit_state = Some(state));
            }
            (BandTimer::REOPENING, _) if is_in_call => {
                self.change_market(book, |market| market.reopening = Some(due));
            }
            _ => return Err("what is due for it cannot be"),
        }
        Ok(())
    }

    fn check_bands(&self, book: usize, market: &Market) -> Result<(), &'static str> {
        // While a symbol owes work, orders may be beyond a band, and a limit state does not begin.
        if self.books[book].owes() {
            return Ok(());
        }
        if market.limit_state.is_none() && self.standing(book).is_some() {
            return Err("a quote stands at a band, but nothing is due");
        }
        let (low, high) = market.bands.in_force(self.books[book].state());
        let is_beyond = [(true, high), (false, low)].into_iter().any(|(buy, band)| {
            let side = &self.books[book].sides[side_index(buy)];
            side.best() != NIL && side.best_key() < key_of(buy, band)
        });
        if is_beyond { Err("an order is beyond a band") } else { Ok(()) }
    }
}
