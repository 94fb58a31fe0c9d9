//! Settings of a symbol that change while it is listed: reference prices, tick, lot and collars,
//! the cap on waves of stops.
//!
//! Prior close, tick, lot and collar of a symbol are those of its definition: a change rewrites the
//! definition, and an image holds the present one. The other settings are rows of a side table,
//! which few symbols have.

use super::short_sale::RESTRICTED_DAYS;
use super::side_tables::Row;
use super::stops::WAVES_MAX;
use super::{Engine, reject_operator};
use ringside_model::command::{
    Action, ChangeSymbol, DefineSymbol, Definition, Sequenced, SetReference, SetStopWaves,
};
use ringside_model::domain::{Nanos, Price, SymbolId, Tick};
use ringside_model::hash;
use ringside_model::reason::Reason;
use ringside_model::report::{
    AuctionLimits, ReferenceSet, ReportSink, StopWavesSet, SymbolChanged,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Greatest distance of an auction price from its reference, in basis points: 100 % of the
/// reference.
const AUCTION_COLLAR_BPS_MAX: u32 = 10_000;

/// Settings of one symbol in the side table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// Auction collar, and the extensions of a call.
    pub auction: AuctionLimits,
    /// Time by which a call is extended.
    pub extension: Nanos,
    /// Maximum number of waves of stops in a command.
    pub waves_max: u32,
    /// Extensions of the present call so far.
    pub extended: u32,
    /// Time of the last extension of the present call, without the random delay; 0 without one.
    pub extended_to: Nanos,
    /// Ends of days after which an automatic short sale restriction ends; 0 if none is to end.
    pub restricted_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            auction: AuctionLimits::default(),
            extension: Nanos(0),
            waves_max: WAVES_MAX,
            extended: 0,
            extended_to: Nanos(0),
            restricted_days: 0,
        }
    }
}

/// Settings of a symbol, as an image holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SettingsImage {
    /// Number of the symbol.
    pub symbol: u64,
    /// Time by which a call is extended, in ns.
    pub extension: u64,
    /// Time of the last extension of the present call, without the random delay; 0 without one.
    pub extended_to: u64,
    /// Auction collar in basis points; 0 for none.
    pub auction_collar_bps: u32,
    /// Maximum number of extensions of a call.
    pub extensions: u32,
    /// Maximum number of waves of stops in a command.
    pub waves_max: u32,
    /// Extensions of the present call so far.
    pub extended: u32,
    /// Ends of days after which an automatic short sale restriction ends; 0 if none is to end.
    pub restricted_days: u32,
    /// Always 0.
    pub zero: u32,
}

impl SettingsImage {
    pub(super) fn of(symbol: SymbolId, settings: &Settings) -> Self {
        let Settings { auction, extension, waves_max, extended, extended_to, restricted_days } =
            *settings;
        SettingsImage {
            symbol: symbol.0.into(),
            extension: extension.0,
            extended_to: extended_to.0,
            auction_collar_bps: auction.collar_bps,
            extensions: auction.extensions,
            waves_max,
            extended,
            restricted_days,
            zero: 0,
        }
    }

    fn read(&self) -> Settings {
        let (collar_bps, extensions) = (self.auction_collar_bps, self.extensions);
        Settings {
            auction: AuctionLimits { collar_bps, extensions },
            extension: Nanos(self.extension),
            waves_max: self.waves_max,
            extended: self.extended,
            extended_to: Nanos(self.extended_to),
            restricted_days: self.restricted_days,
        }
    }
}

impl Row for Settings {
    type Key = SymbolId;

    fn hash(&self, symbol: SymbolId) -> u128 {
        let Settings { auction, extension, waves_max, extended, extended_to, restricted_days } =
            *self;
        let collar = u64::from(auction.collar_bps) << 32 | u64::from(auction.extensions);
        let counts = u64::from(extended) << 32 | u64::from(waves_max);
        // At most two days.
        let symbol = (u64::from(restricted_days) << 8 | 12) << 32 | u64::from(symbol.0);
        hash::of_fields([symbol, collar, extension.0, extended_to.0, counts, u64::MAX])
    }
}

impl Settings {
    /// Returns true if a symbol can have these values.
    fn are_valid(&self) -> bool {
        let AuctionLimits { collar_bps, extensions } = self.auction;
        collar_bps <= AUCTION_COLLAR_BPS_MAX
            && (collar_bps == 0 || extensions == 0 || self.extension.0 > 0)
            && self.waves_max > 0
            && (self.extended > 0 || self.extended_to.0 == 0)
            && self.restricted_days <= RESTRICTED_DAYS
    }
}

impl Engine {
    /// Sets prior close and last price. No stop is reached by them, and nothing that earlier prices
    /// have caused is undone.
    pub(super) fn set_reference(
        &mut self,
        at: &Sequenced,
        &SetReference { prior_close, last }: &SetReference,
        sink: &mut impl ReportSink,
    ) {
        let Some(book) = self.book_to_change(at, sink) else { return };
        let is_valid =
            prior_close.0 >= 0 && last.0 >= 0 && (prior_close, last) != Default::default();
        if !is_valid {
            return reject_operator(&at.command, Reason::InvalidDefinition, sink);
        }
        if prior_close.0 != 0 {
            self.redefine(book, |definition| definition.reference = prior_close);
        }
        if last.0 != 0 {
            self.set_last(book, last.0);
        }
        let [prior_close, last] = [self.books[book].prior_close(), self.books[book].last()];
        let set = ReferenceSet { prior_close: Price(prior_close), last: Price(last) };
        sink.report(set.about(at.command.symbol));
    }

    /// Changes settings of a symbol without live orders. If the tick changes, the prices that the
    /// symbol keeps become those of the nearest new ticks.
    pub(super) fn change_symbol(
        &mut self,
        at: &Sequenced,
        asked: &ChangeSymbol,
        sink: &mut impl ReportSink,
    ) {
        let Some(book) = self.book_to_change(at, sink) else { return };
        let changed = match self.changed(book, asked) {
            Ok(changed) => changed,
            Err(reason) => return reject_operator(&at.command, reason, sink),
        };
        let (definition, settings) = changed;
        let before = self.definition(book).tick;
        self.redefine(book, |present| *present = definition);
        self.change_settings(at.command.symbol, |present| *present = settings);
        if definition.tick != before {
            self.convert_prices(book, before, definition.tick);
        }
        let DefineSymbol { tick, lot, collar_bps, .. } = definition;
        let Settings { auction, extension, .. } = settings;
        let (tick_mantissa, tick_scale) = (tick.mantissa, tick.scale);
        let changed =
            SymbolChanged { tick_mantissa, tick_scale, lot, collar_bps, auction, extension };
        sink.report(changed.about(at.command.symbol));
    }

    /// Returns definition and settings of a symbol with the changes that a command asks for.
    fn changed(
        &self,
        book: usize,
        asked: &ChangeSymbol,
    ) -> Result<(DefineSymbol, Settings), Reason> {
        if self.has_resting(&self.books[book]) {
            return Err(Reason::InUse);
        }
        let before = *self.definition(book);
        let mut definition = DefineSymbol {
            tick: asked.tick.unwrap_or(before.tick),
            lot: asked.lot.unwrap_or(before.lot),
            collar_bps: asked.collar_bps.unwrap_or(before.collar_bps),
            ..before
        };
        let former = self.settings(self.books[book].symbol());
        let AuctionLimits { collar_bps, extensions } = former.auction;
        let auction = AuctionLimits {
            collar_bps: asked.auction_collar_bps.unwrap_or(collar_bps),
            extensions: asked.extensions.unwrap_or(extensions),
        };
        let extension = asked.extension.unwrap_or(former.extension);
        let settings = Settings { auction, extension, ..former };
        if !has_units(&definition) || !settings.are_valid() {
            return Err(Reason::InvalidDefinition);
        }
        definition.reference = before.tick.nearest(before.reference, definition.tick);
        Ok((definition, settings))
    }

    /// Converts the prices that a symbol without orders keeps beside its definition.
    fn convert_prices(&mut self, book: usize, before: Tick, now: Tick) {
        let convert = |price: &mut i64| *price = before.nearest(Price(*price), now).0;
        let mut last = self.books[book].last();
        convert(&mut last);
        self.set_last(book, last);
        if self.books[book].is_guarded() {
            self.change_market(book, |market| {
                let (bands, quote) = (&mut market.bands, &mut market.quote);
                let of_bands = [&mut bands.low, &mut bands.high, &mut bands.reference];
                of_bands.into_iter().for_each(convert);
                [&mut quote.bid, &mut quote.offer].into_iter().for_each(convert);
            });
        }
    }

    /// Sets the cap on the waves of stops.
    pub(super) fn set_stop_waves(
        &mut self,
        at: &Sequenced,
        &SetStopWaves { waves_max }: &SetStopWaves,
        sink: &mut impl ReportSink,
    ) {
        if self.book_to_change(at, sink).is_none() {
            return;
        }
        if waves_max == 0 {
            return reject_operator(&at.command, Reason::InvalidDefinition, sink);
        }
        let symbol = at.command.symbol;
        self.change_settings(symbol, |settings| settings.waves_max = waves_max);
        sink.report(StopWavesSet { waves_max }.about(symbol));
    }

    /// Returns the settings of a symbol; the default for the many symbols without a row.
    pub(super) fn settings(&self, symbol: SymbolId) -> Settings {
        self.tables.settings.get(symbol).copied().unwrap_or_default()
    }

    /// Changes the settings of a symbol. A row that equals the default is removed.
    pub(super) fn change_settings(&mut self, symbol: SymbolId, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings(symbol);
        change(&mut settings);
        self.tables.settings.remove(symbol);
        if settings != Settings::default() {
            self.tables.settings.insert(symbol, settings);
        }
    }

    /// Restores the settings of a symbol from an image; returns true if the symbol can have them.
    pub(super) fn restore_settings(&mut self, row: &SettingsImage) -> bool {
        let symbol = SymbolId(row.symbol as u32);
        let settings = row.read();
        let is_restricted = self.market(symbol).short_sale.restricted;
        let is_known = self.book_index(symbol).is_some()
            && *row == SettingsImage::of(symbol, &settings)
            && settings != Settings::default()
            && settings.are_valid()
            && (settings.restricted_days == 0 || is_restricted)
            && (settings.extended == 0 || self.in_call.contains_key(&symbol));
        if is_known {
            self.tables.settings.insert(symbol, settings);
        }
        is_known
    }

    /// Sets the last price of a symbol.
    pub(super) fn set_last(&mut self, book: usize, price: i64) {
        let change = self.books[book].set_last(price);
        self.books_hash = self.books_hash.wrapping_add(change);
    }

    /// Returns the present definition of a symbol.
    pub(super) fn definition(&self, book: usize) -> &DefineSymbol {
        match &self.definitions[self.books[book].definition()].action {
            Action::Definition(Definition::Symbol(definition)) => definition,
            _ => unreachable!("a book knows the place of its definition"),
        }
    }

    /// Rewrites the definition of a symbol.
    fn redefine(&mut self, book: usize, change: impl FnOnce(&mut DefineSymbol)) {
        let mut definition = *self.definition(book);
        change(&mut definition);
        let place = self.books[book].definition();
        self.definitions[place].action = Action::from(definition);
        let change = self.books[book].redefine(&definition);
        self.books_hash = self.books_hash.wrapping_add(change);
    }
}

/// Returns true if a symbol can have the tick and the lot of a definition.
pub(super) fn has_units(definition: &DefineSymbol) -> bool {
    let Tick { mantissa, scale } = definition.tick;
    definition.lot.0 > 0 && mantissa > 0 && scale <= Tick::SCALE_MAX
}
