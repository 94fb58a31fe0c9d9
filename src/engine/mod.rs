//! The matching engine: `(state, command) → (state, reports)`.
//!
//! A plain library: no thread, file, socket, clock or randomness. Live, replay, standby and simulator
//! call the same [`Engine::apply_batch`], and a program that only wants an order book can, too:
//!
//! ```
//! use ringside::command::{Action, Command, DefineSymbol, Enter, Sequenced};
//! use ringside::domain::*;
//! use ringside::engine::Engine;
//! use ringside::reason::Reason;
//! use ringside::report::ReportKind;
//!
//! let mut engine = Engine::new(1_000);
//! let mut seqno = 0;
//! let mut apply = |action| {
//!     seqno += 1;
//!     let (session, symbol) = (SessionId(1), SymbolId(1));
//!     let command = Command { session, symbol, verdict: Reason::None, action };
//!     let mut reports = vec![];
//!     engine.apply_batch(&[Sequenced { seqno: SeqNo(seqno), time: Nanos(0), command }], &mut reports);
//!     reports
//! };
//! let order = |id, side, price| {
//!     Action::Enter(Enter {
//!         id: OrderId(id),
//!         side,
//!         price: Price(price),
//!         quantity: Quantity(10),
//!         firm: FirmId(0),
//!         group: 0,
//!         order_type: OrderType::Limit,
//!         tif: TimeInForce::Day,
//!         post_only: PostOnly::Off,
//!         self_trade: SelfTrade::None,
//!     })
//! };
//! apply(Action::DefineSymbol(DefineSymbol {
//!     name: Name::new("AAPL").unwrap(),
//!     tick: Tick::parse("0.01").unwrap(),
//!     lot: Quantity(1),
//!     collar_bps: 0,
//!     reference: Price(0),
//! }));
//! apply(order(1, Side::Sell, 18705));
//! let reports = apply(order(2, Side::Buy, 18710));
//! assert_eq!(reports[1].kind, ReportKind::Executed);
//! assert_eq!(reports[1].price, Price(18705));
//! ```
//!
//! `mod.rs` takes commands apart, `matching.rs` trades, `book.rs` and `ladder.rs` keep prices in order,
//! `orders.rs` keeps the orders, `venue.rs` has the rare commands, `view.rs` the queries.

mod book;
mod ladder;
mod matching;
mod orders;
mod prefetch;
mod venue;
mod view;

use crate::command::{Action, Command, Enter, Sequenced};
use crate::domain::{OrderId, OrderType, PostOnly, Price, Quantity, Side, SymbolId, TimeInForce};
use crate::reason::Reason;
use crate::report::{Report, ReportKind, ReportSink};
use book::{Book, key_of, side_index};
use ladder::Levels;
use matching::Incoming;
use orders::{NIL, Order, Orders, Slot};
use std::collections::BTreeSet;
pub use view::{LevelView, OrderView};

/// The version of the matching rules. A journal names the version that wrote it, because the same
/// commands under other rules are another history.
pub const SEMANTICS_VERSION: u32 = 1;

/// The highest symbol number: instruments are numbered densely.
pub const SYMBOL_MAX: u32 = 1 << 24;

/// Which part of the venue an engine owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// This one, from 0.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

impl Shard {
    /// The only shard of a venue that has one.
    pub const WHOLE: Shard = Shard { index: 0, count: 1 };

    /// Whether it has a part in a command.
    #[inline]
    pub fn concerns(self, symbol: SymbolId, venue_wide: bool) -> bool {
        self.count == 1 || venue_wide || symbol.shard(self.count) == self.index
    }
}

/// The books of one shard.
pub struct Engine {
    orders: Orders,
    levels: Levels,
    books: Vec<Book>,
    /// By symbol: the place in `books` plus one, zero for none.
    book_of: Vec<u32>,
    sessions: BTreeSet<u32>,
    firms: BTreeSet<u16>,
    state_hash: u128,
    /// The orders of the mass cancel under way; kept for its capacity.
    covered: Vec<Slot>,
}

/// From this many live orders on the books no longer fit the cache, and looking ahead pays.
const PREFETCH_FROM_ORDERS: usize = 32 * 1024;

impl Engine {
    /// An engine without instruments, with room for `orders` live orders before it has to grow.
    pub fn new(orders: usize) -> Self {
        Engine {
            orders: Orders::with_capacity(orders),
            levels: Levels::new(),
            books: vec![],
            book_of: vec![],
            sessions: BTreeSet::new(),
            firms: BTreeSet::new(),
            state_hash: 0,
            covered: vec![],
        }
    }

    /// Applies commands in order. Each must belong to this shard or concern the whole venue; each
    /// yields at least one report.
    #[inline]
    pub fn apply_batch(&mut self, commands: &[Sequenced], sink: &mut impl ReportSink) {
        if self.orders.live() < PREFETCH_FROM_ORDERS || commands.len() < 4 {
            for command in commands {
                self.apply(command, sink);
            }
        } else {
            self.apply_looking_ahead(commands, sink);
        }
    }

    /// The same, with the memory that the next commands need on its way while one is applied.
    fn apply_looking_ahead(&mut self, commands: &[Sequenced], sink: &mut impl ReportSink) {
        const STEP: usize = 4;
        for i in 0..commands.len() + 3 * STEP {
            if let Some(next) = commands.get(i) {
                self.prefetch_index(&next.command);
            }
            if let Some(next) = i.checked_sub(STEP).and_then(|i| commands.get(i)) {
                self.prefetch_order(&next.command);
            }
            if let Some(next) = i.checked_sub(2 * STEP).and_then(|i| commands.get(i)) {
                self.prefetch_level(&next.command);
            }
            if let Some(due) = i.checked_sub(3 * STEP).and_then(|i| commands.get(i)) {
                self.apply(due, sink);
            }
        }
    }

    /// The hash of the state: the wrapping sum over all shards is the hash of the venue.
    pub fn state_hash(&self) -> u128 {
        self.state_hash
    }

    /// How many orders are live.
    pub fn live_orders(&self) -> usize {
        self.orders.live()
    }

    #[inline]
    fn apply(&mut self, at: &Sequenced, sink: &mut impl ReportSink) {
        match &at.command.action {
            Action::Enter(enter) => self.enter(at, enter, sink),
            Action::Cancel { id } => self.cancel(at, *id, sink),
            Action::Reduce { id, quantity } => self.reduce(at, *id, quantity.0, sink),
            Action::Replace { id, new_id, quantity, price } => {
                self.replace(at, *id, *new_id, quantity.0, price.0, sink)
            }
            rare => self.apply_rare(at, rare, sink),
        }
        sink.end_command();
    }

    #[inline]
    fn enter(&mut self, at: &Sequenced, enter: &Enter, sink: &mut impl ReportSink) {
        let command = &at.command;
        let (book, price) = match self.check(command, enter) {
            Ok(accepted) => accepted,
            Err(reason) => return reject(command, enter.id, enter.side, reason, sink),
        };
        let mut incoming = Incoming {
            order: Order {
                number: at.seqno.0,
                id: enter.id.0,
                open: enter.quantity.0,
                session: command.session.0,
                symbol: command.symbol.0,
                firm: enter.firm.0,
                group: enter.group,
                side: enter.side,
                tif: enter.tif,
                post_only: enter.post_only,
                self_trade: enter.self_trade,
                ..Order::NONE
            },
            price,
            last: 0,
        };
        sink.report(Report {
            kind: ReportKind::Accepted,
            quantity: enter.quantity,
            ..incoming.describe()
        });
        if enter.order_type == OrderType::Limit && enter.tif != TimeInForce::Fok {
            self.match_limit(book, &mut incoming, sink);
        } else {
            self.match_special(book, enter.order_type, &mut incoming, sink);
        }
    }

    /// All that can be wrong with a new order; gives its book and its limit after a slide.
    #[inline]
    fn check(&self, command: &Command, enter: &Enter) -> Result<(usize, i64), Reason> {
        if command.verdict != Reason::None {
            return Err(command.verdict);
        }
        let book = self.book_index(command.symbol).ok_or(Reason::UnknownSymbol)?;
        if self.orders.find(command.session, enter.id) != NIL {
            return Err(Reason::DuplicateId);
        }
        self.check_quantity(book, enter.quantity.0)?;
        let priced = enter.order_type == OrderType::Limit;
        if priced != (enter.price.0 >= 1) || enter.price.0 < 0 {
            return Err(Reason::InvalidPrice);
        }
        if enter.post_only != PostOnly::Off || !priced {
            self.check_options(enter)?;
        }
        let price = self.passive_price(book, enter.side, enter.post_only, enter.price.0)?;
        Ok((book, price))
    }

    #[inline]
    fn check_quantity(&self, book: usize, quantity: u64) -> Result<(), Reason> {
        let lot = self.books[book].lot;
        if quantity == 0 {
            Err(Reason::InvalidQuantity)
        } else if lot != 1 && !quantity.is_multiple_of(lot) {
            Err(Reason::OffLot)
        } else {
            Ok(())
        }
    }

    #[cold]
    fn check_options(&self, enter: &Enter) -> Result<(), Reason> {
        let rests = matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc);
        let served = match enter.order_type {
            OrderType::Limit => rests || enter.post_only == PostOnly::Off,
            OrderType::Market => enter.post_only == PostOnly::Off,
            OrderType::MarketToLimit => {
                enter.post_only == PostOnly::Off && enter.tif != TimeInForce::Fok
            }
        };
        if served { Ok(()) } else { Err(Reason::Unsupported) }
    }

    /// The limit of an order that must not take liquidity: as given, one tick passive, or refused.
    #[inline]
    fn passive_price(
        &self,
        book: usize,
        side: Side,
        post_only: PostOnly,
        price: i64,
    ) -> Result<i64, Reason> {
        if post_only == PostOnly::Off {
            return Ok(price);
        }
        let buy = side.is_buy();
        let best = self.books[book].sides[side_index(!buy)].best();
        let touch = self.levels.get(best).key;
        if best == NIL || touch > key_of(!buy, price) {
            return Ok(price);
        }
        let passive = if buy { touch - 1 } else { (-touch).saturating_add(1) };
        if post_only == PostOnly::Reject || passive < 1 || passive == -touch {
            return Err(Reason::PostOnlyWouldCross);
        }
        Ok(passive)
    }

    fn cancel(&mut self, at: &Sequenced, id: OrderId, sink: &mut impl ReportSink) {
        let Some((slot, book)) = self.find(&at.command, id) else {
            return reject_unknown(&at.command, id, sink);
        };
        self.cancel_resting(book, slot, Reason::User, sink);
    }

    fn reduce(&mut self, at: &Sequenced, id: OrderId, total: u64, sink: &mut impl ReportSink) {
        let command = &at.command;
        let Some((slot, book)) = self.find(command, id) else {
            return reject_unknown(command, id, sink);
        };
        let order = self.orders.get(slot);
        let (executed, before) = (order.executed, order.executed + order.open);
        if let Err(reason) = self.check_quantity(book, total) {
            return reject(command, id, Side::Buy, reason, sink);
        }
        if total >= before {
            return reject(command, id, Side::Buy, Reason::NotAReduction, sink);
        }
        if total <= executed {
            return self.cancel_resting(book, slot, Reason::User, sink);
        }
        self.decrease_resting(slot, before - total, Reason::User, sink);
    }

    fn replace(
        &mut self,
        at: &Sequenced,
        id: OrderId,
        new_id: OrderId,
        total: u64,
        price: i64,
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        let used = command.verdict == Reason::DuplicateId
            || new_id == id
            || self.orders.find(command.session, new_id) != NIL;
        if used {
            return reject(command, new_id, Side::Buy, Reason::DuplicateId, sink);
        }
        let Some((slot, book)) = self.find(command, id) else {
            return reject(command, new_id, Side::Buy, Reason::TooLate, sink);
        };
        let valid = command.verdict == Reason::None && price >= 1;
        if !valid || self.check_quantity(book, total).is_err() {
            return self.cancel_resting(book, slot, Reason::ReplacedInvalid, sink);
        }
        let order = *self.orders.get(slot);
        if total <= order.executed {
            return self.cancel_resting(book, slot, Reason::User, sink);
        }
        let price = match self.passive_price(book, order.side, order.post_only, price) {
            Ok(price) => price,
            Err(reason) => return self.cancel_resting(book, slot, reason, sink),
        };
        self.remove_resting(book, slot);
        let mut incoming = Incoming {
            order: Order {
                number: at.seqno.0,
                id: new_id.0,
                open: total - order.executed,
                ..order
            },
            price,
            last: 0,
        };
        sink.report(Report {
            kind: ReportKind::Replaced,
            quantity: Quantity(total),
            other: id.0,
            ..incoming.describe()
        });
        self.match_limit(book, &mut incoming, sink);
    }

    /// Cancels what a resting order has open; the order ends.
    fn cancel_resting(
        &mut self,
        book: usize,
        slot: Slot,
        reason: Reason,
        sink: &mut impl ReportSink,
    ) {
        let order = *self.orders.get(slot);
        let price = self.remove_resting(book, slot);
        sink.report(canceled(&order, price, order.open, 0, reason));
    }

    /// Cancels a part of a resting order, which keeps its priority.
    fn decrease_resting(
        &mut self,
        slot: Slot,
        quantity: u64,
        reason: Reason,
        sink: &mut impl ReportSink,
    ) {
        let order = self.orders.get_mut(slot);
        let level = self.levels.get_mut(order.level);
        let price = level.price();
        let before = order.hash(price);
        order.open -= quantity;
        level.subtract(quantity);
        self.state_hash = self.state_hash.wrapping_sub(before).wrapping_add(order.hash(price));
        sink.report(canceled(order, price, quantity, order.open, reason));
    }

    /// Takes an order out of book, index and state hash; gives its price.
    #[inline]
    fn remove_resting(&mut self, book: usize, slot: Slot) -> i64 {
        let order = self.orders.get(slot);
        let price = self.levels.get(order.level).price();
        self.state_hash = self.state_hash.wrapping_sub(order.hash(price));
        self.books[book].remove(slot, &mut self.orders, &mut self.levels);
        price
    }

    /// The live order that a command names, and its book.
    #[inline]
    fn find(&self, command: &Command, id: OrderId) -> Option<(Slot, usize)> {
        let slot = self.orders.find(command.session, id);
        if slot == NIL || self.orders.get(slot).symbol != command.symbol.0 {
            return None;
        }
        Some((slot, self.book_index(command.symbol)?))
    }

    #[inline]
    fn book_index(&self, symbol: SymbolId) -> Option<usize> {
        match self.book_of.get(symbol.0 as usize) {
            Some(&place) if place != 0 => Some(place as usize - 1),
            _ => None,
        }
    }

    #[inline]
    fn prefetch_index(&self, command: &Command) {
        match &command.action {
            Action::Enter(enter) => self.orders.prefetch_bucket(command.session, enter.id),
            Action::Cancel { id } | Action::Reduce { id, .. } => {
                self.orders.prefetch_bucket(command.session, *id)
            }
            Action::Replace { id, new_id, .. } => {
                self.orders.prefetch_bucket(command.session, *id);
                self.orders.prefetch_bucket(command.session, *new_id);
            }
            _ => {}
        }
    }

    #[inline]
    fn prefetch_order(&self, command: &Command) {
        match &command.action {
            Action::Enter(enter) => self.prefetch_tick(command, enter.side.is_buy(), enter.price),
            Action::Cancel { id } | Action::Reduce { id, .. } | Action::Replace { id, .. } => {
                self.orders.prefetch_order(command.session, *id)
            }
            _ => {}
        }
    }

    #[inline]
    fn prefetch_level(&self, command: &Command) {
        match &command.action {
            Action::Enter(enter) => {
                let Some(book) = self.book_index(command.symbol) else { return };
                let buy = enter.side.is_buy();
                let side = &self.books[book].sides[side_index(buy)];
                self.levels.prefetch(side.near(key_of(buy, enter.price.0)));
            }
            Action::Cancel { id } | Action::Reduce { id, .. } | Action::Replace { id, .. } => {
                self.levels.prefetch(self.orders.prefetch_neighbours(command.session, *id))
            }
            _ => {}
        }
    }

    #[inline]
    fn prefetch_tick(&self, command: &Command, buy: bool, price: Price) {
        if let Some(book) = self.book_index(command.symbol) {
            self.books[book].sides[side_index(buy)].prefetch_tick(key_of(buy, price.0));
        }
    }
}

fn canceled(order: &Order, price: i64, quantity: u64, open: u64, reason: Reason) -> Report {
    Report {
        kind: ReportKind::Canceled,
        reason,
        quantity: Quantity(quantity),
        open: Quantity(open),
        ..matching::describe(order, price)
    }
}

#[cold]
fn reject(command: &Command, id: OrderId, side: Side, reason: Reason, sink: &mut impl ReportSink) {
    sink.report(Report {
        kind: ReportKind::Rejected,
        reason,
        side,
        id,
        session: command.session,
        symbol: command.symbol,
        ..Report::BLANK
    });
}

#[cold]
fn reject_unknown(command: &Command, id: OrderId, sink: &mut impl ReportSink) {
    let reason = match command.verdict {
        Reason::None => Reason::UnknownOrder,
        verdict => verdict,
    };
    reject(command, id, Side::Buy, reason, sink);
}
