//! State of an engine as data: the content of a snapshot, from which another engine continues.
//!
//! Everything in an image has exactly one order, and the images of all shards merge into the image
//! of the venue. So equal states have equal images, for any number of shards and any history.

use super::attributes::Attributes;
use super::bands::BandTimer;
use super::icebergs::Reserve;
use super::orders::Order;
use super::settings::SettingsImage;
use super::side_tables::{OrderKey, Row, SideTables, Table};
use super::stops::{ElectedLimit, ReachedPlace};
use super::terms::KeptTerms;
use super::work::OwedImage;
use super::{Engine, Shard};
use ringside_model::command::{
    Action, Command, DefineFirm, Definition, Display, OperatorCommand, SpecialTerms,
};
use ringside_model::domain::{FirmId, MoveStep, Nanos, Price, Side, SymbolId};
use std::collections::BTreeSet;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// State of the books after a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Accepted definitions, with the present settings of the symbols: firms, sessions, symbols.
    /// Then the steps of symbols that are not traded here, the states of symbols that are not open,
    /// the scheduled next states, price bands, reference quotes and short sale restrictions. Each
    /// group is sorted by number.
    pub definitions: Vec<Command>,
    /// Price of the last trade of each symbol that has traded, sorted by symbol.
    pub last_prices: Vec<(SymbolId, Price)>,
    /// True from the end of the trading day to the start of the next one.
    pub is_day_over: bool,
    /// Live orders, by symbol. First those in the book: bids before offers, best price first,
    /// oldest first. Then, in the same order, hidden orders without and with a minimum; then the
    /// stops, those that no trade has reached first, each in the order in which a price move
    /// reaches them; then the orders for auctions only, by time in force, those without a limit
    /// first; last the parked pegs. The orders of a symbol that is not traded here wait.
    pub orders: Vec<OrderImage>,
    /// Limits of the stops that have one, by symbol and number.
    pub stop_limits: Vec<StopLimit>,
    /// Places of the stops that were reached and wait, by symbol and number.
    pub reached: Vec<ReachedImage>,
    /// Reserves of icebergs, by symbol and number.
    pub reserves: Vec<ReserveImage>,
    /// Timers of price bands, by symbol.
    pub band_timers: Vec<BandTimer>,
    /// Special terms of orders, by symbol and number.
    pub terms: Vec<TermsImage>,
    /// Settings of symbols beside their definitions, by symbol.
    pub settings: Vec<SettingsImage>,
    /// Work that symbols owe, by symbol.
    pub owed: Vec<OwedImage>,
}

/// Special terms of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TermsImage {
    /// Symbol of the order.
    pub symbol: u64,
    /// Order number that the venue gave.
    pub number: u64,
    /// Seqno of the command that entered the order.
    pub since: u64,
    /// Terms of the order.
    pub terms: SpecialTerms,
}

/// Place of a reached stop in the queue of its symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ReachedImage {
    /// Symbol of the order.
    pub symbol: u64,
    /// Order number that the venue gave.
    pub number: u64,
    /// Place in the queue: the stops enter in the order of their places.
    pub place: u64,
}

/// Reserve of an iceberg: its undisplayed part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ReserveImage {
    /// Symbol of the order.
    pub symbol: u64,
    /// Order number of the present slice.
    pub number: u64,
    /// Quantity of the order that is not displayed.
    pub left: u64,
    /// Sizes of the slices to come.
    pub display: Display,
}

/// Limit that a stop gets when it is elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct StopLimit {
    /// Symbol of the order.
    pub symbol: u64,
    /// Order number that the venue gave.
    pub number: u64,
    /// Limit of the elected order, in ticks.
    pub limit: i64,
}

/// Live order, as an image holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderImage {
    /// Order number that the venue gave.
    pub number: u64,
    /// Id that the session gave.
    pub id: u64,
    /// Limit in ticks; the stop price of a stop.
    pub price: i64,
    /// Open quantity; of an iceberg, of its slice.
    pub open: u64,
    /// Executed quantity, over all replacements. Of an imported order that waits: its id on the
    /// other partition.
    pub executed: u64,
    /// Session that owns the order.
    pub session: u32,
    /// Symbol of the order.
    pub symbol: u32,
    /// Fixed terms, from the lowest bit: firm (16 bits), group (16), code of the side (4), code of
    /// the time in force (3), stop (1), codes of post-only, self-trade mode and capacity (4 each).
    /// Then one bit each: attributed, iceberg, has special terms, not displayed, not displayed with
    /// a minimum, reached stop, parked.
    pub attributes: u64,
}

impl OrderImage {
    /// Returns the stop price of a stop that waits, reached or not; `None` for other orders.
    pub fn stop_price(&self) -> Option<Price> {
        Attributes(self.attributes).is_stop().then_some(Price(self.price))
    }

    /// Returns the side of the order.
    pub fn side(&self) -> Side {
        Attributes(self.attributes).side()
    }
}

/// Row of a section of an image.
pub(super) trait ImageRow: Copy {
    fn symbol(&self) -> SymbolId;

    /// Returns the row's place in its section. The rows of one symbol may share a place; an image
    /// of one shard has them in their order already.
    fn place(&self) -> (u64, u64) {
        (self.symbol().0.into(), 0)
    }
}

impl ImageRow for Command {
    fn symbol(&self) -> SymbolId {
        self.symbol
    }

    fn place(&self) -> (u64, u64) {
        let symbol = self.symbol.0.into();
        match self.action {
            Action::Definition(Definition::Firm(DefineFirm { firm, .. })) => (0, firm.0.into()),
            Action::Definition(Definition::Session(_)) => (1, self.session.0.into()),
            Action::Operator(OperatorCommand::MoveSymbol(_)) => (3, symbol),
            Action::Operator(OperatorCommand::SetState(_)) => (4, symbol),
            Action::Operator(OperatorCommand::PlanState(_)) => (5, symbol),
            Action::Operator(OperatorCommand::SetBands(_)) => (6, symbol),
            Action::Operator(OperatorCommand::SetQuote(_)) => (7, symbol),
            Action::Operator(OperatorCommand::SetShortSale(_)) => (8, symbol),
            _ => (2, symbol),
        }
    }
}

impl ImageRow for (SymbolId, Price) {
    fn symbol(&self) -> SymbolId {
        self.0
    }
}

impl ImageRow for OrderImage {
    fn symbol(&self) -> SymbolId {
        SymbolId(self.symbol)
    }
}

/// Implements [`ImageRow`] for rows of which each symbol has one at most.
macro_rules! rows_of_symbols {
    ($($row:ty),*) => {$(
        impl ImageRow for $row {
            fn symbol(&self) -> SymbolId {
                SymbolId(self.symbol as u32)
            }

            fn place(&self) -> (u64, u64) {
                (self.symbol, 0)
            }
        }
    )*};
}

rows_of_symbols!(BandTimer, OwedImage, SettingsImage);

/// Implements [`ImageRow`] for rows that belong to an order.
macro_rules! rows_of_orders {
    ($($row:ty),*) => {$(
        impl ImageRow for $row {
            fn symbol(&self) -> SymbolId {
                SymbolId(self.symbol as u32)
            }

            fn place(&self) -> (u64, u64) {
                (self.symbol, self.number)
            }
        }
    )*};
}

rows_of_orders!(StopLimit, ReachedImage, ReserveImage, TermsImage);

/// Merges the section of a shard into the section of the venue. Each symbol has one shard.
fn merge<R: ImageRow>(venue: &mut Vec<R>, mut shard: Vec<R>) {
    venue.append(&mut shard);
    venue.sort_by_key(R::place);
}

/// Returns the rows of a section that a shard owns.
fn part<R: ImageRow>(section: &[R], shard: Shard) -> Vec<R> {
    section.iter().filter(|row| shard.concerns(row.symbol(), false)).copied().collect()
}

impl Image {
    /// Merges the images of all shards into the image of the venue.
    pub fn merge(shards: impl IntoIterator<Item = Image>) -> Image {
        let mut venue = Image::default();
        for shard in shards {
            merge(&mut venue.definitions, shard.definitions);
            merge(&mut venue.last_prices, shard.last_prices);
            merge(&mut venue.orders, shard.orders);
            venue.is_day_over |= shard.is_day_over;
            merge(&mut venue.stop_limits, shard.stop_limits);
            merge(&mut venue.reached, shard.reached);
            merge(&mut venue.reserves, shard.reserves);
            merge(&mut venue.band_timers, shard.band_timers);
            merge(&mut venue.terms, shard.terms);
            merge(&mut venue.settings, shard.settings);
            merge(&mut venue.owed, shard.owed);
        }
        venue
    }

    /// Returns the part of the image that a shard owns.
    pub fn part(&self, shard: Shard) -> Image {
        Image {
            definitions: part(&self.definitions, shard),
            last_prices: part(&self.last_prices, shard),
            orders: part(&self.orders, shard),
            is_day_over: self.is_day_over,
            stop_limits: part(&self.stop_limits, shard),
            reached: part(&self.reached, shard),
            reserves: part(&self.reserves, shard),
            band_timers: part(&self.band_timers, shard),
            terms: part(&self.terms, shard),
            settings: part(&self.settings, shard),
            owed: part(&self.owed, shard),
        }
    }

    /// Returns the number of orders whose end has not come by an official time.
    pub fn live_orders_at(&self, now: Nanos) -> usize {
        let is_over = |row: &&TermsImage| (1..=now.0).contains(&row.terms.expire.0);
        self.orders.len() - self.terms.iter().filter(is_over).count()
    }

    /// Iterates over the orders with their firms. The flag is true if the session knows of the
    /// order: false for orders that wait until the import of their symbol is complete.
    pub fn told_orders(&self) -> impl Iterator<Item = (&OrderImage, FirmId, bool)> {
        let is_import = |command: &&Command| match command.action {
            Action::Operator(OperatorCommand::MoveSymbol(asked)) => asked.step == MoveStep::Import,
            _ => false,
        };
        let imports: BTreeSet<u32> =
            self.definitions.iter().filter(is_import).map(|command| command.symbol.0).collect();
        self.orders.iter().map(move |order| {
            let is_told = !imports.contains(&order.symbol);
            (order, FirmId(Attributes(order.attributes).firm()), is_told)
        })
    }
}

impl Engine {
    /// Returns the engine's state as data.
    pub fn image(&self) -> Image {
        let mut definitions = self.definitions.clone();
        definitions.extend(self.tables.away.iter().map(|(symbol, away)| away.command(symbol)));
        definitions.extend(self.states());
        definitions.extend(self.planned());
        definitions.extend(self.market_commands());
        definitions.sort_by_key(Command::place);
        let mut last_prices = vec![];
        let mut orders = Vec::with_capacity(self.live_orders());
        for symbol in (0..self.book_of.len() as u32).map(SymbolId) {
            let Some(book) = self.book_even_away(symbol) else { continue };
            let book = &self.books[book];
            if book.last() != 0 {
                last_prices.push((symbol, Price(book.last())));
            }
            let waiting = self.waiting_of(symbol);
            orders.extend(waiting.map(|waiting| image_of(&waiting.order, waiting.price)));
            orders.extend(self.all_resting(book, None).map(|slot| {
                let order = self.orders.get(slot);
                image_of(order, self.levels.get(order.level).price())
            }));
        }
        let SideTables { limits, reached, reserves, .. } = &self.tables;
        Image {
            definitions,
            last_prices,
            is_day_over: self.is_day_over,
            orders,
            reached: of_orders(reached, |symbol, number, &ReachedPlace(place)| ReachedImage {
                symbol,
                number,
                place,
            }),
            stop_limits: of_orders(limits, |symbol, number, &ElectedLimit(limit)| StopLimit {
                symbol,
                number,
                limit,
            }),
            reserves: of_orders(reserves, |symbol, number, &Reserve { left, display, .. }| {
                ReserveImage { symbol, number, left, display }
            }),
            band_timers: self.band_timers(),
            terms: self.images_of_terms(),
            settings: self
                .tables
                .settings
                .iter()
                .map(|(symbol, settings)| SettingsImage::of(symbol, settings))
                .collect(),
            owed: self
                .tables
                .owed
                .iter()
                .map(|(symbol, &step)| OwedImage::of(symbol, step))
                .collect(),
        }
    }

    /// Returns the terms of orders, by symbol and number.
    fn images_of_terms(&self) -> Vec<TermsImage> {
        let image_of = |(owner, &KeptTerms { asked, since })| {
            let &Order { symbol, number, .. } = self.orders.get(self.orders.of_owner(owner));
            TermsImage { symbol: symbol.into(), number, since, terms: asked }
        };
        let mut images: Vec<TermsImage> = self.tables.terms.iter().map(image_of).collect();
        images.sort_unstable_by_key(|image| (image.symbol, image.number));
        images
    }
}

/// Returns the section with the rows of a side table: each from symbol, order number and row.
fn of_orders<R: Row<Key = OrderKey>, I>(
    table: &Table<R>,
    image_of: impl Fn(u64, u64, &R) -> I,
) -> Vec<I> {
    table.iter().map(|((symbol, number), row)| image_of(symbol.0.into(), number, row)).collect()
}

fn image_of(order: &Order, price: i64) -> OrderImage {
    OrderImage {
        number: order.number,
        id: order.id,
        price,
        open: order.open,
        executed: order.executed,
        session: order.session,
        symbol: order.symbol,
        attributes: order.attributes.0,
    }
}
