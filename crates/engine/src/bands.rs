//! Price bands: no trade is outside them. Static bands hold always, dynamic ones, around a reference, while the instrument
//! is open. A quote that stands at a dynamic band for too long pauses the instrument, which an auction opens again.

use super::Engine;
use super::book::{key_of, side_index};
use super::image::ImageError;
use super::market::LimitTerms;
use super::orders::{NIL, Slot};
use super::stops::Traded;
use ringside_model::command::{Action, Sequenced, SetBands};
use ringside_model::domain::{
    AtBand, Nanos, OrderId, Price, Quantity, Side, SymbolId, SymbolState,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Report, ReportKind, ReportSink};
use ringside_planted::{Bug, planted};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A quote that stands at a dynamic band for so long, in ns, pauses the instrument.
pub const LIMIT_STATE_NS: u64 = 15_000_000_000;
/// It is paused for so long, in ns.
pub const PAUSE_NS: u64 = 300_000_000_000;

/// The farthest that dynamic bands are from their reference: as far as it is from zero.
const BAND_BPS_MAX: u32 = 10_000;

/// The bands of an instrument; zero for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bands {
    /// The static bands.
    pub low: i64,
    pub high: i64,
    /// How far the dynamic bands are from the reference, in basis points.
    pub bps: u32,
    /// Zero without dynamic bands.
    pub reference: i64,
}

/// A quote stands at a dynamic band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LimitState {
    /// Whether it is the best bid, at the upper band.
    pub buy: bool,
    /// The band.
    pub price: i64,
    /// When it pauses the instrument.
    pub due: Nanos,
}

/// What is due for an instrument because of its bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BandTimer {
    /// The instrument.
    pub symbol: u64,
    /// [`BandTimer::BID`], [`BandTimer::OFFER`] or [`BandTimer::REOPENING`].
    pub what: u64,
    /// The official time from which on it is due.
    pub due: u64,
}

impl BandTimer {
    /// A bid that stands at the upper band pauses the instrument.
    pub const BID: u64 = 1;
    /// An offer that stands at the lower band does.
    pub const OFFER: u64 = 2;
    /// The pause is over.
    pub const REOPENING: u64 = 3;
}

impl Bands {
    /// The bands that are asked for, or why there are none such. A price that is not zero is that of the instrument.
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

    /// The command that sets them.
    pub(crate) fn action(&self) -> Action {
        let [low, high, reference] = [self.low, self.high, self.reference].map(Price);
        Action::SetBands(SetBands { low, high, bps: self.bps, reference })
    }

    /// The lowest and the highest price within the static bands.
    pub(crate) fn fixed(&self) -> (i64, i64) {
        (self.low.max(1), if self.high == 0 { i64::MAX } else { self.high })
    }

    /// The same of the dynamic bands, if there are any: whole ticks towards the reference, but one at least.
    fn dynamic(&self) -> Option<(i64, i64)> {
        let reference = i128::from(self.reference);
        let delta = (reference * i128::from(self.bps) / 10_000).max(1);
        let bound = |price: i128| price.clamp(1, i128::from(i64::MAX)) as i64;
        (self.bps != 0).then(|| (bound(reference - delta), bound(reference + delta)))
    }

    /// The same of both. Where the static bands leave nothing of the dynamic ones, the static band that is nearer to
    /// these is the only price.
    fn together(&self) -> (i64, i64) {
        let (low, high) = self.fixed();
        let Some(dynamic) = self.dynamic() else { return (low, high) };
        (dynamic.0.clamp(low, high), dynamic.1.clamp(low, high))
    }

    /// The same of those that hold in this state.
    fn in_force(&self, state: SymbolState) -> (i64, i64) {
        if state == SymbolState::Open { self.together() } else { self.fixed() }
    }
}

/// The limit of an order as an auction counts it; none if it is out of reach within these bands.
pub(super) fn counted(buy: bool, limit: i64, (low, high): (i64, i64)) -> Option<i64> {
    if buy {
        (limit >= low).then_some(limit.min(high))
    } else {
        (limit <= high).then_some(limit.max(low))
    }
}

impl Engine {
    /// Other bands. What rests and could trade outside them is re-priced.
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
            Err(reason) => return super::reject(command, OrderId(0), Side::Buy, reason, sink),
        };
        self.change_market(book, |market| market.bands = bands);
        self.tell_bands(book, sink);
        self.reprice_beyond(at, book, &mut Traded::default(), sink);
    }

    fn tell_bands(&self, book: usize, sink: &mut impl ReportSink) {
        let symbol = self.books[book].symbol();
        let bands = self.market(symbol).bands;
        let is_dynamic = bands.bps != 0;
        let (low, high) = if is_dynamic { bands.together() } else { (bands.low, bands.high) };
        sink.report(Report {
            kind: ReportKind::BandsSet,
            price: Price(low),
            other: high as u64,
            quantity: Quantity(bands.reference as u64),
            symbol,
            ..Report::BLANK
        });
    }

    /// The limit of an order within the bands that hold where it can trade; zero, which is none, stays.
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

    /// The worst price at which an order without a limit may trade: both collar and bands bound it.
    pub(super) fn bound(&self, book: usize, buy: bool) -> i64 {
        let collar = self.books[book].collar(buy);
        if !self.books[book].is_guarded() {
            return collar;
        }
        let bands = self.market(self.books[book].symbol()).bands;
        let (low, high) = bands.in_force(self.books[book].state());
        if buy { collar.min(high) } else { collar.max(low) }
    }

    /// An instrument with bands is open: if an auction has opened it, its price is the new reference.
    #[cold]
    pub(super) fn open_within_bands(
        &mut self,
        at: &Sequenced,
        book: usize,
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) {
        let (symbol, last) = (self.books[book].symbol(), self.books[book].last());
        let bands = self.market(symbol).bands;
        if traded.count > 0 && bands.bps != 0 && bands.reference != last {
            self.change_market(book, |market| market.bands.reference = last);
            self.tell_bands(book, sink);
        }
        self.reprice_beyond(at, book, traded, sink);
    }

    /// Re-prices what rests with a limit beyond the bands to the band, or cancels it if it wants that: bids first, then
    /// offers, by priority. It moves away from the other side, so that it cannot trade.
    fn reprice_beyond(
        &mut self,
        at: &Sequenced,
        book: usize,
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) {
        let symbol = self.books[book].symbol();
        let (low, high) = self.market(symbol).bands.in_force(self.books[book].state());
        for (buy, band) in [(true, high), (false, low)] {
            let mut beyond = vec![];
            for sides in std::iter::once(&self.books[book].sides).chain(self.hidden_of(symbol)) {
                let levels = sides[side_index(buy)].iter().map(|level| self.levels.get(level));
                for level in levels.take_while(|level| level.key < key_of(buy, band)) {
                    let next = |&slot: &Slot| Some(self.orders.get(slot).next);
                    let queue = std::iter::successors(Some(level.head), next);
                    beyond.extend(queue.take_while(|&slot| slot != NIL));
                }
            }
            self.by_priority(&mut beyond);
            for slot in beyond {
                let terms = self.terms_of(self.orders.get(slot));
                if terms.is_some_and(|terms| terms.at_band == AtBand::Cancel) {
                    self.cancel_resting(slot, Reason::PriceBand, sink);
                } else {
                    self.move_away(book, (slot, band), traded.next_number(at.seqno), sink);
                }
            }
        }
    }

    /// Says whether a quote stands at a dynamic band, if that has changed.
    pub(super) fn look_at_bands(&mut self, book: usize, time: Nanos, sink: &mut impl ReportSink) {
        let symbol = self.books[book].symbol();
        let was = self.market(symbol).limit_state;
        let stands = self.standing(book);
        if was.map(|was| (was.buy, was.price)) == stands {
            return;
        }
        let due = Nanos(time.0.saturating_add(LIMIT_STATE_NS));
        let now = stands.map(|(buy, price)| LimitState { buy, price, due });
        self.change_market(book, |market| market.limit_state = now);
        let told = |LimitState { buy, price, .. }: LimitState| Report {
            kind: ReportKind::LimitState,
            side: if buy { Side::Buy } else { Side::Sell },
            price: Price(price),
            symbol,
            ..Report::BLANK
        };
        if let Some(was) = was {
            sink.report(told(was));
        }
        if let Some(now) = now {
            sink.report(Report { other: 1, quantity: Quantity(due.0), ..told(now) });
        }
    }

    /// The side whose best price is the dynamic band beyond which it cannot go, and that price.
    fn standing(&self, book: usize) -> Option<(bool, i64)> {
        let book = &self.books[book];
        let bands = self.market(book.symbol()).bands;
        let dynamic = bands.dynamic().filter(|_| book.state() == SymbolState::Open)?;
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

    /// Does what is due for an instrument because of its bands; says whether anything was.
    pub(super) fn bands_due(
        &mut self,
        at: &Sequenced,
        book: usize,
        sink: &mut impl ReportSink,
    ) -> bool {
        let market = self.market(self.books[book].symbol());
        if market.reopening.is_some_and(|due| at.time >= due) {
            self.enter_state(at, book, SymbolState::Open, sink);
            return true;
        }
        let is_due = market.limit_state.is_some_and(|state| at.time >= state.due);
        if is_due {
            self.pause(at, book, sink);
        }
        is_due
    }

    /// A quote has stood at a band for too long.
    fn pause(&mut self, at: &Sequenced, book: usize, sink: &mut impl ReportSink) {
        let (symbol, state) = (self.books[book].symbol(), SymbolState::ReopeningCall);
        let due = Nanos(at.time.0.saturating_add(PAUSE_NS));
        self.change_state(book, symbol, state);
        self.change_market(book, |market| market.reopening = Some(due));
        sink.report(Report {
            kind: ReportKind::StateChanged,
            reason: Reason::LimitState,
            other: state as u64,
            quantity: Quantity(due.0),
            symbol,
            ..Report::BLANK
        });
        self.tell_bands(book, sink);
    }

    /// What is due, by instrument.
    pub(super) fn band_timers(&self) -> Vec<BandTimer> {
        let timer = |(symbol, market): (&SymbolId, &super::market::Market)| {
            let (what, due) = match (market.limit_state, market.reopening) {
                (Some(LimitState { buy: true, due, .. }), _) => (BandTimer::BID, due),
                (Some(LimitState { due, .. }), _) => (BandTimer::OFFER, due),
                (None, Some(due)) => (BandTimer::REOPENING, due),
                (None, None) => return None,
            };
            Some(BandTimer { symbol: symbol.0.into(), what, due: due.0 })
        };
        self.markets.iter().filter_map(timer).collect()
    }

    /// What is due in an image whose orders rest already. No order is beyond a band, a quote that stands at one has its
    /// time, and no other has one.
    pub(super) fn restore_band_timers(&mut self, timers: &[BandTimer]) -> Result<(), ImageError> {
        if !timers.is_sorted_by(|a, b| a.symbol < b.symbol) {
            return Err(ImageError("the times of bands are not in their order".into()));
        }
        for timer in timers {
            let restored = self.restore_band_timer(timer);
            restored.map_err(|what| ImageError(format!("symbol {}: {what}", timer.symbol)))?;
        }
        for symbol in self.markets.keys() {
            let book = self.book_index(*symbol).expect("only a book is guarded");
            let restored = self.check_bands(book, *symbol);
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

    fn check_bands(&self, book: usize, symbol: SymbolId) -> Result<(), &'static str> {
        let market = self.market(symbol);
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
