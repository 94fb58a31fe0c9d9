//! Reference data of symbols in the naive venue: prices that the operator sets, units, collars, the
//! cap on waves of stops.

use super::Naive;
use ringside_model::command::{ChangeSymbol, Command, SetReference, SetStopWaves};
use ringside_model::domain::{Nanos, OrderId, Price, Side, SymbolId, Tick};
use ringside_model::reason::Reason;
use ringside_model::report::{AuctionLimits, ReferenceSet, StopWavesSet, SymbolChanged};

/// Settings of a symbol beside its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub auction: AuctionLimits,
    /// Time by which a call is extended.
    pub extension: Nanos,
    /// Largest number of waves of stops in one command.
    pub waves_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let auction = AuctionLimits { collar_bps: 0, extensions: 0 };
        Settings { auction, extension: Nanos(0), waves_max: 100 }
    }
}

impl Naive {
    pub(super) fn settings_of(&self, symbol: SymbolId) -> Settings {
        self.settings.get(&symbol).copied().unwrap_or_default()
    }

    fn keep_settings(&mut self, symbol: SymbolId, settings: Settings) {
        self.settings.insert(symbol, settings);
        if settings == Settings::default() {
            self.settings.remove(&symbol);
        }
    }

    /// Sets prices of a symbol. No stop that waits is reached by them.
    pub(super) fn set_reference(&mut self, command: &Command, asked: &SetReference) {
        if !self.may_set(command) {
            return;
        }
        let SetReference { prior_close, last } = *asked;
        let is_none = prior_close == Price(0) && last == Price(0);
        if is_none || prior_close < Price(0) || last < Price(0) {
            return self.reject(command, OrderId(0), Side::Buy, Reason::InvalidDefinition);
        }
        let (definition, last_trade) = self.symbols.get_mut(&command.symbol).unwrap();
        if prior_close > Price(0) {
            definition.reference = prior_close;
        }
        if last > Price(0) {
            *last_trade = Some(last);
        }
        let (prior_close, last) = (definition.reference, last_trade.unwrap_or(Price(0)));
        self.reports.push(ReferenceSet { prior_close, last }.about(command.symbol));
    }

    /// Changes the units and collars of a symbol without live orders.
    pub(super) fn change_symbol(&mut self, command: &Command, asked: &ChangeSymbol) {
        let symbol = command.symbol;
        if !self.may_set(command) {
            return;
        }
        if self.orders.iter().any(|order| order.symbol == symbol) {
            return self.reject(command, OrderId(0), Side::Buy, Reason::InUse);
        }
        let (before, _) = self.symbols[&symbol];
        let mut definition = before;
        let mut settings = self.settings_of(symbol);
        definition.tick = asked.tick.unwrap_or(before.tick);
        definition.lot = asked.lot.unwrap_or(before.lot);
        definition.collar_bps = asked.collar_bps.unwrap_or(before.collar_bps);
        let auction = settings.auction;
        settings.auction = AuctionLimits {
            collar_bps: asked.auction_collar_bps.unwrap_or(auction.collar_bps),
            extensions: asked.extensions.unwrap_or(auction.extensions),
        };
        settings.extension = asked.extension.unwrap_or(settings.extension);
        let AuctionLimits { collar_bps, extensions } = settings.auction;
        let extends = collar_bps > 0 && extensions > 0;
        let is_valid = definition.lot.0 > 0
            && definition.tick.mantissa > 0
            && definition.tick.scale <= Tick::SCALE_MAX
            && collar_bps <= 10_000
            && (settings.extension > Nanos(0) || !extends);
        if !is_valid {
            return self.reject(command, OrderId(0), Side::Buy, Reason::InvalidDefinition);
        }
        self.symbols.get_mut(&symbol).unwrap().0 = definition;
        self.keep_settings(symbol, settings);
        self.convert_prices(symbol, before.tick, definition.tick);
        let told = SymbolChanged {
            tick_mantissa: definition.tick.mantissa,
            tick_scale: definition.tick.scale,
            lot: definition.lot,
            collar_bps: definition.collar_bps,
            auction: settings.auction,
            extension: settings.extension,
        };
        self.reports.push(told.about(symbol));
    }

    /// Converts the prices that a symbol keeps to another tick.
    fn convert_prices(&mut self, symbol: SymbolId, from: Tick, to: Tick) {
        let nearest = |price: &mut Price| *price = from.nearest(*price, to);
        let (definition, last) = self.symbols.get_mut(&symbol).unwrap();
        nearest(&mut definition.reference);
        if let Some(last) = last {
            nearest(last);
        }
        if let Some((bid, offer)) = self.quotes.get_mut(&symbol) {
            nearest(bid);
            nearest(offer);
        }
        if let Some(bands) = self.bands.get_mut(&symbol) {
            nearest(&mut bands.low);
            nearest(&mut bands.high);
            nearest(&mut bands.reference);
        }
    }

    pub(super) fn set_stop_waves(&mut self, command: &Command, asked: &SetStopWaves) {
        if !self.may_set(command) {
            return;
        }
        let waves_max = asked.waves_max;
        if waves_max == 0 {
            return self.reject(command, OrderId(0), Side::Buy, Reason::InvalidDefinition);
        }
        let settings = Settings { waves_max, ..self.settings_of(command.symbol) };
        self.keep_settings(command.symbol, settings);
        self.reports.push(StopWavesSet { waves_max }.about(command.symbol));
    }
}
