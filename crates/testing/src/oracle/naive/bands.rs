//! Price bands of the naive venue.

use super::work::Owed;
use super::{Naive, Order};
use ringside_model::command::{Command, SetBands};
use ringside_model::domain::{
    AtBand, Nanos, OrderId, Price, Side, SymbolId, SymbolState, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{self, BandsSet, Repriced, StateChanged, Subject};

const SECOND: u64 = 1_000_000_000;

/// A quote at a dynamic band: true for the bid, the band, and the time when the symbol pauses.
pub type LimitState = (bool, Price, u64);

impl Naive {
    pub(super) fn set_bands(&mut self, command: &Command, asked: &SetBands) {
        let symbol = command.symbol;
        if !self.may_set(command) {
            return;
        }
        let (definition, last) = &self.symbols[&symbol];
        let known = last.unwrap_or(definition.reference);
        let reference = if asked.reference == Price(0) { known } else { asked.reference };
        let prices = [asked.low, asked.high, asked.reference];
        let is_crossed = asked.high != Price(0) && asked.low > asked.high;
        let has_nothing_around = asked.bps > 0 && reference == Price(0);
        let is_negative = prices.iter().any(|price| price.0 < 0);
        if is_crossed || has_nothing_around || is_negative || asked.bps > 10_000 {
            return self.reject(command, OrderId(0), Side::Buy, Reason::InvalidDefinition);
        }
        let reference = if asked.bps == 0 { Price(0) } else { reference };
        let bands = SetBands { reference, ..*asked };
        self.bands.insert(symbol, bands);
        if bands == SetBands::default() {
            self.bands.remove(&symbol);
        }
        self.say_bands(symbol);
        self.reprice(symbol, false);
    }

    fn say_bands(&mut self, symbol: SymbolId) {
        let SetBands { low, high, bps, reference } = self.bands_of(symbol);
        let (mut low, mut high) = (low.0, high.0);
        if bps > 0 {
            (low, high) = self.all_bands(symbol);
        }
        let (low, high) = (Price(low), Price(high));
        self.reports.push(BandsSet { low, high, reference }.about(symbol));
    }

    /// Returns true if a symbol has more than its state and its orders; that part does not move
    /// with it.
    pub(super) fn is_guarded(&self, symbol: SymbolId) -> bool {
        self.bands.contains_key(&symbol)
            || self.quotes.contains_key(&symbol)
            || self.short_sales.contains_key(&symbol)
            || self.reopenings.contains_key(&symbol)
            || self.settings.contains_key(&symbol)
    }

    fn bands_of(&self, symbol: SymbolId) -> SetBands {
        self.bands.get(&symbol).copied().unwrap_or_default()
    }

    /// Returns the lowest and the highest price that the static bands allow.
    pub(super) fn static_bands(&self, symbol: SymbolId) -> (i64, i64) {
        let bands = self.bands_of(symbol);
        let high = if bands.high.0 > 0 { bands.high.0 } else { i64::MAX };
        (bands.low.0.max(1), high)
    }

    /// Returns the dynamic bands: some basis points around the reference, at least one tick, and
    /// within the range of prices.
    fn dynamic_bands(&self, symbol: SymbolId) -> Option<(i64, i64)> {
        let SetBands { bps, reference, .. } = self.bands_of(symbol);
        if bps == 0 {
            return None;
        }
        let (reference, bps) = (i128::from(reference.0), i128::from(bps));
        let away = std::cmp::max(1, reference * bps / 10_000);
        let low = std::cmp::max(1, reference - away);
        let high = std::cmp::min(i128::from(i64::MAX), reference + away);
        Some((low as i64, high as i64))
    }

    /// Combines static and dynamic bands; a dynamic band cannot lie outside the static ones.
    fn all_bands(&self, symbol: SymbolId) -> (i64, i64) {
        let (low, high) = self.static_bands(symbol);
        match self.dynamic_bands(symbol) {
            None => (low, high),
            Some((lower, upper)) => (lower.max(low).min(high), upper.max(low).min(high)),
        }
    }

    /// Returns the bands in the present state of the symbol.
    pub(super) fn bands_now(&self, symbol: SymbolId) -> (i64, i64) {
        let is_open = self.state(symbol) == SymbolState::Open;
        if is_open { self.all_bands(symbol) } else { self.static_bands(symbol) }
    }

    /// Returns the limit of an order within the bands. An order that waits for an auction is bound
    /// by the static bands only.
    pub(super) fn banded(
        &self,
        symbol: SymbolId,
        buy: bool,
        tif: TimeInForce,
        limit: Price,
    ) -> Price {
        use TimeInForce::{AtClose, AtOpen, Auction};
        let waits = matches!(tif, AtOpen | AtClose | Auction);
        let (low, high) = if waits { self.static_bands(symbol) } else { self.bands_now(symbol) };
        match limit.0 {
            0 => limit,
            limit if buy && limit > high => Price(high),
            limit if !buy && limit < low => Price(low),
            _ => limit,
        }
    }

    /// Moves the reference of the dynamic bands to the price of an auction that opens a symbol.
    pub(super) fn follow_auction(&mut self, symbol: SymbolId, price: Price) {
        let Some(bands) = self.bands.get_mut(&symbol) else { return };
        if bands.bps > 0 && bands.reference != price {
            bands.reference = price;
            self.say_bands(symbol);
        }
    }

    /// Reprices resting orders beyond the bands to the band, bids first, each side by priority. If
    /// the symbol has opened, the orders with a minimum follow.
    pub(super) fn reprice(&mut self, symbol: SymbolId, is_opening: bool) {
        for buy in [true, false] {
            for order in self.whole_side(symbol, buy) {
                let price = self.banded(symbol, buy, TimeInForce::Day, order.price);
                if price == order.price {
                    continue;
                }
                if self.is_spent() {
                    self.owed.insert(symbol, Owed::Bands { is_opening });
                    return;
                }
                if order.special.is_some_and(|terms| terms.at_band == AtBand::Cancel) {
                    self.end(order, Reason::BandEnded);
                    continue;
                }
                self.put(Order { open: 0, ..order });
                let new = Order { number: self.next_place(), price, ..order };
                let quantity = new.iceberg.map_or(new.open, |iceberg| iceberg.shown);
                self.say(Repriced { old_order: order.number, parked: false }, &new, quantity);
                self.put(new);
            }
        }
        if is_opening {
            self.bring_in_minimums(symbol, (0, 0));
        }
    }

    /// Reports when a quote reaches a dynamic band, and when it leaves the band. `at` is the time
    /// from which on the quotes are what they are.
    pub(super) fn look_at_quotes(&mut self, symbol: SymbolId, at: Nanos) {
        let was = self.limit_states.get(&symbol).copied();
        let stands = self.stands(symbol);
        if was.map(|(buy, band, _)| (buy, band)) == stands {
            return;
        }
        self.limit_states.remove(&symbol);
        let quote = |buy: bool, band: Price| Subject {
            side: if buy { Side::Buy } else { Side::Sell },
            price: band,
            ..Subject::from(symbol)
        };
        if let Some((buy, band, _)) = was {
            let ended = report::LimitState { stands: false, pause_at: Nanos(0) };
            self.reports.push(ended.about(quote(buy, band)));
        }
        // A limit state does not begin in the middle of other work.
        if let Some((buy, band)) = stands.filter(|_| !self.owes(symbol)) {
            let due = at.0 + 15 * SECOND;
            self.limit_states.insert(symbol, (buy, band, due));
            let begun = report::LimitState { stands: true, pause_at: Nanos(due) };
            self.reports.push(begun.about(quote(buy, band)));
        }
    }

    fn stands(&self, symbol: SymbolId) -> Option<(bool, Price)> {
        let (lower, upper) = self.dynamic_bands(symbol)?;
        if !self.trades_continuously(symbol) {
            return None;
        }
        let (low, high) = self.all_bands(symbol);
        let is_best = |buy: bool, band: i64| {
            self.side(symbol, buy).first().is_some_and(|order| order.price.0 == band)
        };
        if upper == high && is_best(true, upper) {
            return Some((true, Price(upper)));
        }
        (lower == low && is_best(false, lower)).then_some((false, Price(lower)))
    }

    /// Pauses a symbol because its limit state is due.
    pub(super) fn pause(&mut self, symbol: SymbolId, due: u64) {
        let (state, reopens) = (SymbolState::ReopeningCall, due + 5 * 60 * SECOND);
        self.owed.remove(&symbol);
        self.extended.remove(&symbol);
        self.states.insert(symbol, state);
        self.reopenings.insert(symbol, reopens);
        let paused = StateChanged { state, reopens_at: Nanos(reopens) };
        let reason = Reason::LimitState;
        self.reports.push(paused.about(Subject { reason, ..Subject::from(symbol) }));
        self.park_all(symbol);
        self.say_bands(symbol);
        self.look_at_quotes(symbol, Nanos(due));
    }
}

/// Returns the orders that take part in an auction at these prices, with the limit that counts
/// there.
pub(super) fn within_reach(orders: Vec<Order>, (low, high): (i64, i64)) -> Vec<Order> {
    let counted = |mut order: Order| {
        let limit = order.price.0;
        if limit == 0 {
            return Some(order);
        }
        let is_out = if order.side.is_buy() { limit < low } else { limit > high };
        order.price = Price(limit.max(low).min(high));
        (!is_out).then_some(order)
    };
    orders.into_iter().filter_map(counted).collect()
}
