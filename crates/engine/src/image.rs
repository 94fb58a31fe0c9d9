//! The state of an engine as data: what a snapshot holds, and what another engine can go on from.
//!
//! Everything in an image has one order only, and the images of all shards merge into the image of the
//! venue: equal states are equal images, whatever the number of shards and whatever came before.

use super::bands::BandTimer;
use super::book::{key_of, side_index};
use super::icebergs;
use super::icebergs::Reserve;
use super::moves::Away;
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

/// The state of the books after a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The definitions that were accepted, firms by number, sessions by number, symbols by number; then the steps
    /// that made symbols what they are if they are not traded here, by number; then the states of those that are not
    /// open, by number; then the states that they have next, their price bands, their reference quotes and their short sale
    /// restrictions, each by number.
    pub definitions: Vec<Command>,
    /// The price of the last trade of each instrument that has traded, by symbol.
    pub last_prices: Vec<(SymbolId, Price)>,
    /// The live orders: by symbol, bids before offers, best price first, oldest first, behind the book those that
    /// are not displayed, the ones with a minimum last, and then those that wait for an auction: by time in force, those without a limit first. Those of a symbol that is not traded here
    /// wait. Last come the stops, those that a move of the price reaches first before the others.
    pub orders: Vec<OrderImage>,
    /// The limits of the stops that have one, by symbol and number.
    pub stop_limits: Vec<StopLimit>,
    /// What icebergs do not show, by symbol and number.
    pub reserves: Vec<ReserveImage>,
    /// What is due because of price bands, by symbol.
    pub band_timers: Vec<BandTimer>,
    /// The terms that few orders have, by symbol and number.
    pub terms: Vec<TermsImage>,
}

/// The terms of an order that has some that few have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TermsImage {
    /// Its instrument.
    pub symbol: u64,
    /// The venue's number of it.
    pub number: u64,
    /// The terms.
    pub terms: RichTerms,
}

/// What an iceberg does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ReserveImage {
    /// Its instrument.
    pub symbol: u64,
    /// The venue's number of its slice.
    pub number: u64,
    /// The quantity that is not shown.
    pub left: u64,
    /// The slices to come.
    pub display: Display,
}

/// The limit that a stop will have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct StopLimit {
    /// Its instrument.
    pub symbol: u64,
    /// The venue's number of it.
    pub number: u64,
    /// The limit in ticks.
    pub limit: i64,
}

/// A live order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderImage {
    /// The venue's number of it.
    pub number: u64,
    /// The session's id of it.
    pub id: u64,
    /// Its limit in ticks, of a stop its stop price.
    pub price: i64,
    /// What is left to trade; of an iceberg, of its slice.
    pub open: u64,
    /// What has traded, over all its replacements. Of an order that came with its symbol and waits: its id where it was.
    pub executed: u64,
    /// The session that owns it.
    pub session: u32,
    /// Its instrument.
    pub symbol: u32,
    /// From the lowest bit on: firm (16 bits) and group (16), then the codes of side (4), time in force (3),
    /// a bit that says that it is a stop, the codes of post-only, self-trade mode and capacity (4 each), and bits that say
    /// that it is attributed, that it is an iceberg, that it has terms that few have, that it is not displayed, and that of
    /// these it is one with a minimum.
    pub traits: u64,
}

/// What is impossible in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageError(pub(super) String);

impl std::fmt::Display for ImageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ImageError {}

impl Image {
    /// The image of a venue from those of its shards.
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
        // An instrument has one shard, in which its orders are in their order already.
        venue.definitions.sort_by_key(definition_place);
        venue.last_prices.sort_by_key(|&(symbol, _)| symbol);
        venue.orders.sort_by_key(|order| order.symbol);
        venue.stop_limits.sort_by_key(|stop| stop.symbol);
        venue.reserves.sort_by_key(|reserve| reserve.symbol);
        venue.band_timers.sort_by_key(|timer| timer.symbol);
        venue.terms.sort_by_key(|terms| terms.symbol);
        venue
    }

    /// The orders with their firms, and whether their sessions have been told of them: not of those that wait for the rest
    /// of the orders of their instrument to come.
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

    /// What of it a shard owns.
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
    /// Its state as data.
    pub fn image(&self) -> Image {
        let mut definitions = self.definitions.clone();
        definitions.extend(self.away.values().map(Away::command));
        definitions.extend(self.states());
        definitions.extend(self.planned());
        definitions.extend(self.market_commands());
        definitions.sort_by_key(definition_place);
        let mut last_prices = vec![];
        let mut orders = Vec::with_capacity(self.live_orders());
        for symbol in (0..self.book_of.len() as u32).map(SymbolId) {
            let away = self.away.get(&symbol);
            let place = away.map_or(self.book_of[symbol.0 as usize], |away| away.place);
            let Some(book) = self.books.get((place as usize).wrapping_sub(1)) else { continue };
            if book.last() != 0 {
                last_prices.push((symbol, Price(book.last())));
            }
            let waiting = away.into_iter().flat_map(|away| &away.orders);
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
        let stop_limit = |(symbol, number, limit): (SymbolId, u64, Price)| StopLimit {
            symbol: symbol.0.into(),
            number,
            limit: limit.0,
        };
        let stop_limits = self.stops.limits().map(stop_limit).collect();
        let reserve = |(&(symbol, number), reserve): (&(SymbolId, u64), &Reserve)| ReserveImage {
            symbol: symbol.0.into(),
            number,
            left: reserve.left,
            display: reserve.display,
        };
        let reserves = self.reserves.iter().map(reserve).collect();
        let band_timers = self.band_timers();
        let terms = self.terms.iter().map(|(symbol, number, &terms)| TermsImage {
            symbol: symbol.0.into(),
            number,
            terms,
        });
        let terms = terms.collect();
        Image { definitions, last_prices, orders, stop_limits, reserves, terms, band_timers }
    }

    /// An engine in the state of an image, with room for `orders` live orders, or all of the image's,
    /// before it has to grow. Nothing in an image is taken on trust; an error says what is impossible.
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
            self.state_hash = self.state_hash.wrapping_add(change);
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
        // What is imported may cross: nobody has said yet that it is all.
        let crosses = |away: &&Away| !self.is_importing(away.symbol) && away.crosses();
        match self.away.values().find(crosses) {
            Some(Away { symbol, .. }) => {
                Err(ImageError(format!("what waits of symbol {symbol} crosses")))
            }
            None => Ok(()),
        }
    }

    /// Books an order behind all that were booked `before`.
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
            // A slot of the slab without a number is free.
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
        if self.away.contains_key(&symbol) {
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

    /// An order that rests already gets its reserve, if it is an iceberg.
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
        self.restore_reserve(&order_of(row, traits), row.price, left, display);
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

/// What an image has beside an order: the limit of a stop, zero for none, and terms that few have.
struct Beside {
    limit: i64,
    terms: Option<RichTerms>,
}

/// The place of an order among all of an image: symbol, in the book or beside it, side, price, time.
type Place = (u32, u8, usize, i64, u64);

/// The place of a definition among all of an image.
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
