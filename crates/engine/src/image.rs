//! State of an engine as data: the content of a snapshot, from which another engine continues.
//!
//! Everything in an image has exactly one order, and the images of all shards merge into the image
//! of the venue. So equal states have equal images, for any number of shards and any history.

use super::bands::BandTimer;
use super::book::{key_of, side_index};
use super::icebergs;
use super::orders::{NIL, Order, Slot};
use super::pools::rank_beside;
use super::stops::stop_key;
use super::traits::Traits;
use super::{Engine, Shard};
use ringside_model::command::{Action, Command, Display, RichTerms, is_definition};
use ringside_model::domain::{
    FirmId, MoveStep, OrderId, OrderNumber, Price, SessionId, SymbolId, SymbolState, TimeInForce,
};
use ringside_planted::{Bug, planted};
use std::collections::{BTreeMap, BTreeSet};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// State of the books after a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Accepted definitions: firms, sessions, symbols. Then the steps of symbols that are not
    /// traded here, the states of symbols that are not open, the scheduled next states, price
    /// bands, reference quotes and short sale restrictions. Each group is sorted by number.
    pub definitions: Vec<Command>,
    /// Price of the last trade of each symbol that has traded, sorted by symbol.
    pub last_prices: Vec<(SymbolId, Price)>,
    /// Live orders, by symbol. First those in the book: bids before offers, best price first,
    /// oldest first. Then, in the same order, hidden orders without and with a minimum; then the
    /// orders for auctions only, by time in force, those without a limit first; last the stops, in
    /// the order in which a price move reaches them. The orders of a symbol that is not traded here
    /// wait.
    pub orders: Vec<OrderImage>,
    /// Limits of the stops that have one, by symbol and number.
    pub stop_limits: Vec<StopLimit>,
    /// Reserves of icebergs, by symbol and number.
    pub reserves: Vec<ReserveImage>,
    /// Timers of price bands, by symbol.
    pub band_timers: Vec<BandTimer>,
    /// Rare terms of orders, by symbol and number.
    pub terms: Vec<TermsImage>,
}

/// Rare terms of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TermsImage {
    /// Symbol of the order.
    pub symbol: u64,
    /// Order number that the venue gave.
    pub number: u64,
    /// Terms of the order.
    pub terms: RichTerms,
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
    /// Then one bit each: attributed, iceberg, has rare terms, not displayed, not displayed with a
    /// minimum.
    pub traits: u64,
}

/// Impossible content of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageError(pub(super) String);

impl std::fmt::Display for ImageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ImageError {}

impl Image {
    /// Merges the images of all shards into the image of the venue.
    pub fn merge(shards: impl IntoIterator<Item = Image>) -> Image {
        let mut venue = Image::default();
        for mut shard in shards {
            venue.definitions.append(&mut shard.definitions);
            venue.last_prices.append(&mut shard.last_prices);
            venue.orders.append(&mut shard.orders);
            venue.stop_limits.append(&mut shard.stop_limits);
            venue.reserves.append(&mut shard.reserves);
            venue.band_timers.append(&mut shard.band_timers);
            venue.terms.append(&mut shard.terms);
        }
        // Each symbol has one shard, and its orders are in their order there already.
        venue.definitions.sort_by_key(definition_place);
        venue.last_prices.sort_by_key(|&(symbol, _)| symbol);
        venue.orders.sort_by_key(|order| order.symbol);
        venue.stop_limits.sort_by_key(|stop| stop.symbol);
        venue.reserves.sort_by_key(|reserve| reserve.symbol);
        venue.band_timers.sort_by_key(|timer| timer.symbol);
        venue.terms.sort_by_key(|terms| terms.symbol);
        venue
    }

    /// Iterates over the orders with their firms. The flag is true if the session knows of the
    /// order: false for orders that wait until the import of their symbol is complete.
    pub fn told_orders(&self) -> impl Iterator<Item = (&OrderImage, FirmId, bool)> {
        let is_import = |command: &&Command| match command.action {
            Action::MoveSymbol(asked) => asked.step == MoveStep::Import,
            _ => false,
        };
        let imports: BTreeSet<u32> =
            self.definitions.iter().filter(is_import).map(|command| command.symbol.0).collect();
        self.orders.iter().map(move |order| {
            let is_told = !imports.contains(&order.symbol);
            (order, FirmId(Traits(order.traits).firm()), is_told)
        })
    }

    /// Returns the part of the image that a shard owns.
    pub fn part(&self, shard: Shard) -> Image {
        let owns = |symbol| shard.concerns(symbol, false);
        let (definitions, last_prices) = (self.definitions.iter(), self.last_prices.iter());
        let (orders, stop_limits) = (self.orders.iter(), self.stop_limits.iter());
        Image {
            definitions: definitions.filter(|command| owns(command.symbol)).copied().collect(),
            last_prices: last_prices.filter(|(symbol, _)| owns(*symbol)).copied().collect(),
            orders: orders.filter(|order| owns(SymbolId(order.symbol))).copied().collect(),
            stop_limits: stop_limits
                .filter(|stop| owns(SymbolId(stop.symbol as u32)))
                .copied()
                .collect(),
            reserves: self
                .reserves
                .iter()
                .filter(|reserve| owns(SymbolId(reserve.symbol as u32)))
                .copied()
                .collect(),
            band_timers: self
                .band_timers
                .iter()
                .filter(|timer| owns(SymbolId(timer.symbol as u32)))
                .copied()
                .collect(),
            terms: self
                .terms
                .iter()
                .filter(|terms| owns(SymbolId(terms.symbol as u32)))
                .copied()
                .collect(),
        }
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
        definitions.sort_by_key(definition_place);
        let mut last_prices = vec![];
        let mut orders = Vec::with_capacity(self.live_orders());
        for symbol in (0..self.book_of.len() as u32).map(SymbolId) {
            let book = self.book_index(symbol).or_else(|| self.book_of_away(symbol));
            let Some(book) = book.map(|book| &self.books[book]) else { continue };
            if book.last() != 0 {
                last_prices.push((symbol, Price(book.last())));
            }
            let waiting = self.waiting_of(symbol);
            orders.extend(waiting.map(|waiting| image_of(&waiting.order, waiting.price)));
            let sides = std::iter::once(&book.sides).chain(self.beside(symbol)).flatten();
            for level in sides.flat_map(|side| side.iter()) {
                let level = self.levels.get(level);
                let next = |&slot: &Slot| Some(self.orders.get(slot).next);
                let queue = std::iter::successors(Some(level.head), next);
                let queue = queue.take_while(|&slot| slot != NIL);
                orders.extend(queue.map(|slot| image_of(self.orders.get(slot), level.price())));
            }
        }
        let stop_limits = self.tables.limits.iter().map(|((symbol, number), limit)| StopLimit {
            symbol: symbol.0.into(),
            number,
            limit: limit.0,
        });
        let stop_limits = stop_limits.collect();
        let reserves = self.tables.reserves.iter().map(|((symbol, number), row)| ReserveImage {
            symbol: symbol.0.into(),
            number,
            left: row.left,
            display: row.display,
        });
        let reserves = reserves.collect();
        let band_timers = self.band_timers();
        let terms = self.tables.terms.iter().map(|((symbol, number), &terms)| TermsImage {
            symbol: symbol.0.into(),
            number,
            terms,
        });
        let terms = terms.collect();
        Image { definitions, last_prices, orders, stop_limits, reserves, terms, band_timers }
    }

    /// Creates an engine in the state of an image, with room for `orders` live orders, or for all
    /// orders of the image, before it grows.
    ///
    /// # Errors
    ///
    /// Nothing in an image is trusted: the error names the impossible content.
    pub fn restore(orders: usize, image: &Image) -> Result<Engine, ImageError> {
        let mut engine = Engine::new(orders.max(image.orders.len()));
        engine.restore_definitions(&image.definitions)?;
        engine.restore_last_prices(&image.last_prices)?;
        engine.restore_orders(image)?;
        engine.restore_band_timers(&image.band_timers)?;
        engine.restore_indications();
        Ok(engine)
    }

    fn restore_definitions(&mut self, definitions: &[Command]) -> Result<(), ImageError> {
        if !definitions.is_sorted_by(|a, b| definition_place(a) < definition_place(b)) {
            return Err(ImageError("the definitions are not in their order".into()));
        }
        for command in definitions {
            let taken = match command.action {
                Action::MoveSymbol(asked) => self.restore_away(command, &asked),
                Action::SetState(_) => self.restore_state(command),
                Action::PlanState(plan) => self.restore_plan(command, &plan),
                Action::SetBands(_) | Action::SetQuote { .. } | Action::SetShortSale { .. } => {
                    self.restore_market(command)
                }
                _ if is_definition(command.action.kind()) => self.define(command),
                _ => return Err(ImageError(format!("{command:?} is no definition"))),
            };
            taken.map_err(|reason| {
                ImageError(format!("{command:?} would be refused: {}", reason.name()))
            })?;
        }
        Ok(())
    }

    fn restore_last_prices(&mut self, last_prices: &[(SymbolId, Price)]) -> Result<(), ImageError> {
        if !last_prices.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(ImageError("the last prices are not in the order of their symbols".into()));
        }
        for &(symbol, Price(price)) in last_prices {
            let book = self.book_index(symbol).or_else(|| self.book_of_away(symbol));
            let book = book.filter(|_| price >= 1).ok_or_else(|| {
                ImageError(format!("{price} cannot be the last price of symbol {symbol}"))
            })?;
            let change = self.books[book].set_last(price);
            self.books_hash = self.books_hash.wrapping_add(change);
        }
        Ok(())
    }

    fn restore_orders(&mut self, image: &Image) -> Result<(), ImageError> {
        let Image { orders, stop_limits, reserves, terms, .. } = image;
        let place = |stop: &StopLimit| (stop.symbol, stop.number);
        if !stop_limits.is_sorted_by(|a, b| place(a) < place(b)) {
            return Err(ImageError("the limits of stops are not in their order".into()));
        }
        let mut limits: BTreeMap<(u64, u64), i64> =
            stop_limits.iter().map(|stop| (place(stop), stop.limit)).collect();
        let reserve_place = |reserve: &ReserveImage| (reserve.symbol, reserve.number);
        if !reserves.is_sorted_by(|a, b| reserve_place(a) < reserve_place(b)) {
            return Err(ImageError("the reserves are not in their order".into()));
        }
        let mut reserves: BTreeMap<(u64, u64), &ReserveImage> =
            reserves.iter().map(|reserve| (reserve_place(reserve), reserve)).collect();
        let terms_place = |terms: &TermsImage| (terms.symbol, terms.number);
        if !terms.is_sorted_by(|a, b| terms_place(a) < terms_place(b)) {
            return Err(ImageError("the terms of orders are not in their order".into()));
        }
        let mut terms: BTreeMap<(u64, u64), RichTerms> =
            terms.iter().map(|row| (terms_place(row), row.terms)).collect();
        let mut numbers: Vec<u64> = orders.iter().map(|order| order.number).collect();
        numbers.sort_unstable();
        if let Some(pair) = numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ImageError(format!("two orders have the number {}", pair[0])));
        }
        self.orders.make_room(orders.len());
        let mut before = None;
        for row in orders {
            let place = (row.symbol.into(), row.number);
            let beside =
                Beside { limit: limits.remove(&place).unwrap_or(0), terms: terms.remove(&place) };
            let restored = self.restore_order(row, beside, &mut before);
            restored.map_err(|what| ImageError(format!("order {}: {what}", row.number)))?;
            let reserve = reserves.remove(&place);
            let restored = self.restore_iceberg(row, reserve);
            restored.map_err(|what| ImageError(format!("order {}: {what}", row.number)))?;
        }
        if let Some((_, number)) = limits.keys().next() {
            return Err(ImageError(format!("there is no stop {number}, but it has a limit")));
        }
        if let Some((_, number)) = reserves.keys().next() {
            return Err(ImageError(format!("there is no iceberg {number}, but it has a reserve")));
        }
        if let Some((_, number)) = terms.keys().next() {
            return Err(ImageError(format!("there is no order {number}, but it has terms")));
        }
        // An import may cross until its resume says that all orders have arrived.
        let mut away = self.tables.away.iter().map(|(symbol, _)| symbol);
        match away.find(|&symbol| !self.is_importing(symbol) && self.waiting_cross(symbol)) {
            Some(symbol) => Err(ImageError(format!("what waits of symbol {symbol} crosses"))),
            None => Ok(()),
        }
    }

    /// Books an order behind all orders booked `before`.
    fn restore_order(
        &mut self,
        row: &OrderImage,
        Beside { limit, terms }: Beside,
        before: &mut Option<Place>,
    ) -> Result<(), &'static str> {
        let session = SessionId(row.session);
        let symbol = SymbolId(row.symbol);
        let book = self.book_index(symbol).or_else(|| self.book_of_away(symbol));
        let book = book.ok_or("its symbol is not defined")?;
        let traits = Traits::from_word(row.traits).ok_or("it has traits that no order has")?;
        let tif = traits.tif();
        if matches!(tif, TimeInForce::Ioc | TimeInForce::Fok) {
            return Err("it has a time in force with which no order rests");
        }
        if row.number == 0 {
            // A slab slot whose order has number 0 is free.
            return Err("zero is no number of an order");
        }
        if row.price < 0 || row.price == 0 && !tif.is_for_auction() {
            return Err("its price is below 1");
        }
        let lots = |quantity| self.books[book].check_quantity(quantity).is_ok();
        let executed = if self.is_importing(symbol) { 0 } else { row.executed };
        if !lots(row.open) || executed != 0 && !lots(executed) {
            return Err("its quantities are no whole lots, or nothing is open");
        }
        if row.open.checked_add(executed).is_none() {
            return Err("its quantities add up to more than a quantity can be");
        }
        let buy = traits.is_buy();
        let stop = traits.is_stop();
        let key = if stop { stop_key(buy, row.price) } else { key_of(buy, row.price) };
        let age = OrderNumber(row.number).age();
        let place = (row.symbol, rank_beside(traits, row.price), side_index(buy), key, age);
        if before.replace(place).is_some_and(|before| before >= place) {
            return Err("it does not belong behind the one before it");
        }
        let may_cross = tif.is_for_auction() || stop || traits.has_minimum();
        if !may_cross && self.crosses(book, traits, row.price) {
            return Err("it crosses the other side of its book");
        }
        let bucket = self.orders.bucket(session, OrderId(row.id));
        if self.orders.is_live(bucket, session, OrderId(row.id))
            || self.waits(session, OrderId(row.id))
        {
            return Err("its session has another order with its id");
        }
        if self.tables.away.has(symbol) {
            if tif.is_for_auction() {
                return Err("it waits for an auction of a symbol that is not traded here");
            }
            if stop {
                return Err("it is a stop of a symbol that is not traded here");
            }
            if traits.is_rich() {
                return Err("it has terms that no order of a symbol has that is not traded here");
            }
            return self.restore_waiting(symbol, order_of(row, traits), row.price);
        }
        if !traits.is_rich() && terms.is_some() {
            return Err("it has terms, but is no order that has some");
        }
        if stop && traits.is_rich() {
            return Err("it is a stop that has terms");
        }
        if stop {
            return self.restore_stop(book, order_of(row, traits), row.price, limit);
        }
        if limit != 0 {
            return Err("it has the limit of a stop, but is none");
        }
        let order = order_of(row, traits);
        if traits.is_rich() {
            return self.restore_rich(book, order, row.price, terms);
        }
        if tif.is_for_auction() {
            self.wait_for_auction(order, row.price);
        } else {
            self.place(book, order, row.price);
        }
        Ok(())
    }

    /// Gives a resting order its reserve, if the order is an iceberg.
    fn restore_iceberg(
        &mut self,
        row: &OrderImage,
        reserve: Option<&ReserveImage>,
    ) -> Result<(), &'static str> {
        let traits = Traits::from_word(row.traits).ok_or("it has traits that no order has")?;
        let Some(reserve) = reserve else {
            let is_whole = !traits.has_reserve();
            return if is_whole { Ok(()) } else { Err("it is an iceberg, but has no reserve") };
        };
        if !traits.has_reserve() || traits.is_stop() || traits.tif().is_for_auction() {
            return Err("it has a reserve, but is no iceberg");
        }
        let book = self.book_index(SymbolId(row.symbol)).ok_or("it is an iceberg that moves")?;
        let ReserveImage { left, display, .. } = *reserve;
        let lot = self.books[book].lot();
        let open = row.open.checked_add(left);
        let open = open.filter(|open| open.checked_add(row.executed).is_some());
        let open = open.ok_or("its quantities add up to more than a quantity can be")?;
        if !left.is_multiple_of(lot) || !icebergs::fits(&display, open, lot) {
            return Err("it shows what no iceberg does");
        }
        self.keep_reserve(&order_of(row, traits), row.price, left, display);
        Ok(())
    }

    fn restore_stop(
        &mut self,
        book: usize,
        order: Order,
        stop: i64,
        limit: i64,
    ) -> Result<(), &'static str> {
        if order.traits.tif().is_for_auction() || order.executed != 0 || stop < 1 || limit < 0 {
            return Err("it has terms that no stop has");
        }
        let (last, is_open) =
            (self.books[book].last(), self.books[book].state() == SymbolState::Open);
        let symbol = SymbolId(order.symbol);
        self.wait_for_trade(order, stop, limit);
        if is_open && last != 0 && self.first_reached(symbol, (last, last)).is_some() {
            return Err("it is a stop that the last trade has reached");
        }
        Ok(())
    }
}

/// Parts of an image beside an order: the limit of a stop, 0 for none, and rare terms.
struct Beside {
    limit: i64,
    terms: Option<RichTerms>,
}

/// Place of an order in an image: symbol, in the book or beside it, side, price, time.
type Place = (u32, u8, usize, i64, u64);

/// Returns the place of a definition in an image.
fn definition_place(command: &Command) -> (u8, u32) {
    match command.action {
        Action::DefineFirm { firm, .. } => (0, firm.0.into()),
        Action::DefineSession { .. } => (1, command.session.0),
        Action::MoveSymbol(_) => (3, command.symbol.0),
        Action::SetState(_) => (4, command.symbol.0),
        Action::PlanState(_) => (5, command.symbol.0),
        Action::SetBands(_) => (6, command.symbol.0),
        Action::SetQuote { .. } => (7, command.symbol.0),
        Action::SetShortSale { .. } => (8, command.symbol.0),
        _ => (2, command.symbol.0),
    }
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
        traits: order.traits.0,
    }
}

fn order_of(row: &OrderImage, traits: Traits) -> Order {
    Order {
        number: row.number,
        id: row.id,
        open: row.open,
        executed: if planted(Bug::ExecutedForgotten) { 0 } else { row.executed },
        session: row.session,
        symbol: row.symbol,
        traits,
        ..Order::NONE
    }
}
