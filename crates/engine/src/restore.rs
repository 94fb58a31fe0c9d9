//! Restores an engine from an image. Nothing in an image is trusted: every row is checked.

use super::Engine;
use super::attributes::Attributes;
use super::beside::Resting;
use super::book::side_index;
use super::icebergs;
use super::image::{
    Image, ImageRow, OrderImage, ReachedImage, ReserveImage, StopLimit, TermsImage,
};
use super::orders::Order;
use super::settings::SettingsImage;
use super::terms::KeptTerms;
use super::work::OwedImage;
use ringside_model::command::{Action, Command, OperatorCommand};
use ringside_model::domain::{OrderId, OrderNumber, Price, SessionId, SymbolId, TimeInForce};
use ringside_planted::{Bug, planted};
use std::collections::BTreeMap;

/// Impossible content of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageError(pub(super) String);

impl std::fmt::Display for ImageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ImageError {}

/// Checks that no two rows of a section have the same place, and that their places rise.
pub(super) fn check_places<R: ImageRow>(name: &str, section: &[R]) -> Result<(), ImageError> {
    if section.is_sorted_by(|a, b| a.place() < b.place()) {
        return Ok(());
    }
    Err(ImageError(format!("the {name} are not in their order")))
}

/// Checks that no two orders have the same number.
fn check_numbers(orders: &[OrderImage]) -> Result<(), ImageError> {
    let mut numbers: Vec<u64> = orders.iter().map(|order| order.number).collect();
    numbers.sort_unstable();
    match numbers.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ImageError(format!("two orders have the number {}", pair[0]))),
        None => Ok(()),
    }
}

/// Rows of a section that belong to orders which are not restored yet, by symbol and number.
struct UnrestoredRows<R>(BTreeMap<(u64, u64), R>);

impl<R: ImageRow> UnrestoredRows<R> {
    fn of(name: &str, section: &[R]) -> Result<Self, ImageError> {
        check_places(name, section)?;
        Ok(UnrestoredRows(section.iter().map(|row| (row.place(), *row)).collect()))
    }

    /// Removes and returns the row of an order.
    fn take(&mut self, order: &OrderImage) -> Option<R> {
        self.0.remove(&(order.symbol.into(), order.number))
    }

    /// Checks that each row had its order.
    fn check_empty(&self, owner: &str, row: &str) -> Result<(), ImageError> {
        match self.0.keys().next() {
            Some((_, number)) => {
                Err(ImageError(format!("there is no {owner} {number}, but it has {row}")))
            }
            None => Ok(()),
        }
    }
}

/// Rows of other sections that belong to an order.
struct RowsOfOrder {
    limit: Option<StopLimit>,
    reached: Option<ReachedImage>,
    terms: Option<TermsImage>,
}

/// Sort key of an order in an image: symbol, in the book or beside it, side, price, time.
type SortKey = (u32, Resting, usize, i64, u64);

fn sort_key(row: &OrderImage, attributes: Attributes) -> SortKey {
    let (buy, resting) = (attributes.is_buy(), Resting::of(attributes, row.price));
    let age = OrderNumber(row.number).age();
    (row.symbol, resting, side_index(buy), resting.key(buy, row.price), age)
}

fn order_of(row: &OrderImage, attributes: Attributes) -> Order {
    Order {
        number: row.number,
        id: row.id,
        open: row.open,
        executed: if planted(Bug::ExecutedForgotten) { 0 } else { row.executed },
        session: row.session,
        symbol: row.symbol,
        attributes,
        ..Order::NONE
    }
}

impl Engine {
    /// Creates an engine in the state of an image, with room for `orders` live orders, or for all
    /// orders of the image, before it grows.
    ///
    /// # Errors
    ///
    /// Nothing in an image is trusted: the error names the impossible content.
    pub fn restore(orders: usize, image: &Image) -> Result<Engine, ImageError> {
        let mut engine = Engine::new(orders.max(image.orders.len()));
        engine.restore_definitions(&image.definitions)?;
        engine.restore_day(image.is_day_over)?;
        engine.restore_last_prices(&image.last_prices)?;
        engine.restore_all_settings(&image.settings)?;
        engine.restore_owed(&image.owed)?;
        engine.restore_orders(image)?;
        engine.restore_band_timers(&image.band_timers)?;
        engine.restore_indications();
        Ok(engine)
    }

    fn restore_definitions(&mut self, definitions: &[Command]) -> Result<(), ImageError> {
        check_places("definitions", definitions)?;
        for command in definitions {
            let taken = match &command.action {
                Action::Definition(definition) => self.define(command, definition),
                Action::Operator(OperatorCommand::MoveSymbol(step)) => {
                    self.restore_away(command, step)
                }
                Action::Operator(OperatorCommand::SetState(_)) => self.restore_state(command),
                Action::Operator(OperatorCommand::PlanState(plan)) => {
                    self.restore_plan(command, plan)
                }
                Action::Operator(
                    OperatorCommand::SetBands(_)
                    | OperatorCommand::SetQuote(_)
                    | OperatorCommand::SetShortSale(_),
                ) => self.restore_market(command),
                _ => return Err(ImageError(format!("{command:?} is no definition"))),
            };
            taken.map_err(|reason| {
                ImageError(format!("{command:?} would be refused: {}", reason.name()))
            })?;
        }
        Ok(())
    }

    fn restore_day(&mut self, is_day_over: bool) -> Result<(), ImageError> {
        if is_day_over && let Some(symbol) = self.in_call.keys().next() {
            return Err(ImageError(format!("the day is over, but symbol {symbol} is in a call")));
        }
        self.set_day_over(is_day_over);
        Ok(())
    }

    fn restore_all_settings(&mut self, settings: &[SettingsImage]) -> Result<(), ImageError> {
        check_places("settings", settings)?;
        match settings.iter().find(|row| !self.restore_settings(row)) {
            Some(row) => Err(ImageError(format!("symbol {} cannot be set so", row.symbol))),
            None => Ok(()),
        }
    }

    fn restore_owed(&mut self, owed: &[OwedImage]) -> Result<(), ImageError> {
        check_places("symbols that owe work", owed)?;
        for row in owed {
            let book = u32::try_from(row.symbol).ok().and_then(|s| self.book_index(SymbolId(s)));
            let step = row.read().filter(|&step| book.is_some_and(|book| self.can_owe(book, step)));
            let (Some(book), Some(step)) = (book, step) else {
                return Err(ImageError(format!("symbol {} cannot owe this work", row.symbol)));
            };
            self.note_owed(book, Some(step));
        }
        Ok(())
    }

    fn restore_last_prices(&mut self, last_prices: &[(SymbolId, Price)]) -> Result<(), ImageError> {
        check_places("last prices", last_prices)?;
        for &(symbol, Price(price)) in last_prices {
            let book = self.book_even_away(symbol);
            let book = book.filter(|_| price >= 1).ok_or_else(|| {
                ImageError(format!("{price} cannot be the last price of symbol {symbol}"))
            })?;
            self.set_last(book, price);
        }
        Ok(())
    }

    fn restore_orders(&mut self, image: &Image) -> Result<(), ImageError> {
        let mut limits = UnrestoredRows::of("limits of stops", &image.stop_limits)?;
        let mut reached = UnrestoredRows::of("reached stops", &image.reached)?;
        let mut reserves = UnrestoredRows::of("reserves", &image.reserves)?;
        let mut terms = UnrestoredRows::of("terms of orders", &image.terms)?;
        check_numbers(&image.orders)?;
        self.orders.make_room(image.orders.len());
        let mut before = None;
        for row in &image.orders {
            let rows = RowsOfOrder {
                limit: limits.take(row),
                reached: reached.take(row),
                terms: terms.take(row),
            };
            let restored = self
                .restore_order(row, rows, &mut before)
                .and_then(|attributes| self.restore_iceberg(row, attributes, reserves.take(row)));
            restored.map_err(|what| ImageError(format!("order {}: {what}", row.number)))?;
        }
        limits.check_empty("stop", "a limit")?;
        reached.check_empty("stop", "a place in the queue")?;
        self.check_returns()?;
        reserves.check_empty("iceberg", "a reserve")?;
        terms.check_empty("order", "terms")?;
        self.check_waiting()
    }

    /// Checks that each parked peg of an open symbol that has a price to follow is to come back.
    fn check_returns(&self) -> Result<(), ImageError> {
        match (0..self.books.len()).find(|&book| !self.books[book].owes() && self.misses_pegs(book))
        {
            Some(book) => {
                let symbol = self.books[book].symbol();
                Err(ImageError(format!("symbol {symbol} has parked pegs that do not come back")))
            }
            None => Ok(()),
        }
    }

    /// Checks that no waiting bid crosses a waiting offer. Those of an import may, until its resume
    /// says that all orders have arrived.
    fn check_waiting(&self) -> Result<(), ImageError> {
        let mut away = self.tables.away.iter().map(|(symbol, _)| symbol);
        match away.find(|&symbol| !self.is_importing(symbol) && self.waiting_cross(symbol)) {
            Some(symbol) => Err(ImageError(format!("what waits of symbol {symbol} crosses"))),
            None => Ok(()),
        }
    }

    /// Books an order behind all orders booked `before`; returns its attributes.
    fn restore_order(
        &mut self,
        row: &OrderImage,
        rows: RowsOfOrder,
        before: &mut Option<SortKey>,
    ) -> Result<Attributes, &'static str> {
        let (session, symbol) = (SessionId(row.session), SymbolId(row.symbol));
        let book = self.book_even_away(symbol).ok_or("its symbol is not defined")?;
        let attributes =
            Attributes::from_word(row.attributes).ok_or("it has attributes that no order has")?;
        self.check_order(book, row, attributes)?;
        if rows.terms.is_some() && !attributes.is_special() {
            return Err("it has terms, but is no order that has some");
        }
        if rows.limit.is_some() && !attributes.is_stop() {
            return Err("it has the limit of a stop, but is none");
        }
        if rows.reached.is_some() != attributes.is_reached() {
            return Err("only a reached stop has a place in the queue");
        }
        let place = sort_key(row, attributes);
        if before.replace(place).is_some_and(|before| before >= place) {
            return Err("it does not belong behind the one before it");
        }
        let may_cross = attributes.tif().is_for_auction()
            || attributes.is_stop()
            || attributes.is_parked()
            || attributes.has_minimum()
            || self.books[book].owes();
        if !may_cross && self.crosses(book, attributes, row.price) {
            return Err("it crosses the other side of its book");
        }
        let bucket = self.orders.bucket(session, OrderId(row.id));
        if self.orders.is_live(bucket, session, OrderId(row.id))
            || self.waits(session, OrderId(row.id))
        {
            return Err("its session has another order with its id");
        }
        let order = order_of(row, attributes);
        if self.tables.away.has(symbol) {
            self.restore_waiting(symbol, order, row.price)?;
        } else {
            self.restore_traded(book, order, row.price, rows)?;
        }
        Ok(attributes)
    }

    /// Checks the fields of an order, each by itself.
    fn check_order(
        &self,
        book: usize,
        row: &OrderImage,
        attributes: Attributes,
    ) -> Result<(), &'static str> {
        let tif = attributes.tif();
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
        let executed = if self.is_importing(SymbolId(row.symbol)) { 0 } else { row.executed };
        if !lots(row.open) || executed != 0 && !lots(executed) {
            return Err("its quantities are no whole lots, or nothing is open");
        }
        if row.open.checked_add(executed).is_none() {
            return Err("its quantities add up to more than a quantity can be");
        }
        Ok(())
    }

    /// Books an order of a traded symbol: in the book or beside it.
    fn restore_traded(
        &mut self,
        book: usize,
        order: Order,
        price: i64,
        rows: RowsOfOrder,
    ) -> Result<(), &'static str> {
        let attributes = order.attributes;
        if attributes.is_stop() && attributes.is_special() {
            return Err("it is a stop that has terms");
        }
        if attributes.is_stop() {
            return self.restore_stop(book, order, price, rows);
        }
        if attributes.is_special() {
            let terms =
                rows.terms.map(|TermsImage { terms: asked, since, .. }| KeptTerms { asked, since });
            return self.restore_special(book, order, price, terms);
        }
        if attributes.tif().is_for_auction() {
            self.rest_beside(order, price);
        } else {
            self.place(book, order, price);
        }
        Ok(())
    }

    /// Gives a resting order its reserve, if the order is an iceberg.
    fn restore_iceberg(
        &mut self,
        row: &OrderImage,
        attributes: Attributes,
        reserve: Option<ReserveImage>,
    ) -> Result<(), &'static str> {
        let Some(ReserveImage { left, display, .. }) = reserve else {
            let is_whole = !attributes.has_reserve();
            return if is_whole { Ok(()) } else { Err("it is an iceberg, but has no reserve") };
        };
        if !attributes.has_reserve() || attributes.is_stop() || attributes.tif().is_for_auction() {
            return Err("it has a reserve, but is no iceberg");
        }
        let book = self.book_index(SymbolId(row.symbol)).ok_or("it is an iceberg that moves")?;
        let lot = self.books[book].lot();
        let open = row.open.checked_add(left);
        let open = open.filter(|open| open.checked_add(row.executed).is_some());
        let open = open.ok_or("its quantities add up to more than a quantity can be")?;
        if !left.is_multiple_of(lot) || !icebergs::fits(&display, open, lot) {
            return Err("it shows what no iceberg does");
        }
        self.keep_reserve(&order_of(row, attributes), row.price, left, display);
        Ok(())
    }

    fn restore_stop(
        &mut self,
        book: usize,
        order: Order,
        stop: i64,
        rows: RowsOfOrder,
    ) -> Result<(), &'static str> {
        let limit = rows.limit.map(|row| row.limit);
        let has_no_stop_terms = order.attributes.tif().is_for_auction()
            || order.executed != 0
            || stop < 1
            || limit.is_some_and(|limit| limit < 1);
        if has_no_stop_terms {
            return Err("it has terms that no stop has");
        }
        let is_open = self.books[book].is_open();
        let symbol = SymbolId(order.symbol);
        if let Some(ReachedImage { place, .. }) = rows.reached {
            let waits = !is_open || self.books[book].owes();
            if !waits || place == 0 || self.queue.contains_key(&(symbol, place)) {
                return Err("it is a reached stop that cannot wait at its place");
            }
            self.keep_limit(&order, limit.unwrap_or(0));
            self.join_queue(order, stop, place);
            return Ok(());
        }
        self.wait_for_trade(order, stop, limit.unwrap_or(0));
        Ok(())
    }
}
