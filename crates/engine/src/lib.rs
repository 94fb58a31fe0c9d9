//! The matching engine: `(state, command) → (state, reports)`.
//!
//! A plain library: no thread, file, socket, clock or randomness. Live, replay, standby and simulator
//! call the same [`Engine::apply_batch`]. A program that only wants order books has them in [`OrderBooks`],
//! which numbers the commands itself:
//!
//! ```
//! use ringside_engine::{Enter, OrderBooks, OrderId, Price, Quantity, SessionId, Side, Tick};
//!
//! let cent = Tick::parse("0.01").ok_or("no tick size")?;
//! let mut books = OrderBooks::new();
//! let aapl = books.define("AAPL", cent)?;
//! let offer = Enter::limit(OrderId(1), Side::Sell, Quantity(100), cent.ticks("187.05")?);
//! books.enter(SessionId(1), aapl, offer);
//! let bid = Enter::limit(OrderId(1), Side::Buy, Quantity(40), cent.ticks("187.10")?);
//! let reports = books.enter(SessionId(2), aapl, bid);
//! assert_eq!(reports[1].price, Price(18705));
//! assert_eq!(books.depth(aapl, Side::Sell, 10)[0].quantity, 60);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `examples/order_book.rs` is the longer form: what the reports say, and the book as a table.
//!
//! `lib.rs` takes commands apart, `matching.rs` trades, `book.rs` and `ladder.rs` keep prices in order,
//! `orders.rs` keeps the orders, `ahead.rs` has the memory fetched in time, `venue.rs` has the rare
//! commands, `states.rs` and `auction.rs` the session states and the auctions between them, `pools.rs` the orders that
//! only wait for these, `stops.rs` those that wait for a trade, `icebergs.rs` those that show a slice of themselves,
//! `rich.rs` those with terms that few have, `hidden.rs` those of them that are not shown, `pegs.rs` those that
//! follow a quote, `reprice.rs` those that get another limit while they rest, `market.rs` what few instruments
//! have beside their books: `bands.rs` price bands, `short_sale.rs` the short sale price test; `clock.rs` what time brings,
//! `moves.rs` instruments on their way between partitions, `view.rs` the queries, `image.rs` the
//! whole state as data, `order_books.rs` the facade for other programs.

#![warn(unreachable_pub)]

mod ahead;
mod amend;
mod auction;
mod bands;
mod book;
mod clock;
mod hidden;
mod icebergs;
mod image;
mod ladder;
mod market;
mod matching;
mod moves;
mod order_books;
mod orders;
mod pegs;
mod pools;
mod prefetch;
mod reprice;
mod rich;
mod short_sale;
mod states;
mod stops;
mod traits;
mod venue;
mod view;

use ahead::AHEAD_MAX;
use amend::NewTerms;
use auction::Clearing;
pub use bands::{BandTimer, LIMIT_STATE_NS, PAUSE_NS};
use book::{Book, key_of, side_index, unlink};
use clock::Plans;
use hidden::Hidden;
use icebergs::Reserves;
pub use icebergs::SLICES_MAX;
pub use image::{Image, ImageError, OrderImage, ReserveImage, StopLimit, TermsImage};
use ladder::{LevelSlot, Levels};
use market::{LimitTerms, Market};
use matching::{Incoming, describe};
use moves::Away;
pub use order_books::{OrderBooks, OutOfOrder};
use orders::{Bucket, NIL, Order, Orders, Slot};
use pools::Pools;
use rich::Terms;
pub use ringside_model as model;
pub use ringside_model::command::{Action, Command, DefineSymbol, Enter, Sequenced};
use ringside_model::domain::SymbolState;
pub use ringside_model::domain::{
    DecimalError, Nanos, OrderId, OrderType, PostOnly, Price, Quantity, SeqNo, SessionId, Side,
    SymbolId, Tick, TimeInForce,
};
pub use ringside_model::reason::Reason;
pub use ringside_model::report::{Report, ReportKind, ReportSink};
use std::collections::{BTreeMap, BTreeSet, HashSet};
pub use stops::ELECTED_MAX;
use stops::Stops;
use traits::Traits;
pub use view::{LevelView, OrderView};

/// The version of the matching rules. A journal names the version that wrote it, because the same
/// commands under other rules are another history.
pub const SEMANTICS_VERSION: u32 = 6;

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
    /// The definitions that were accepted, as they came.
    definitions: Vec<Command>,
    /// The instruments that are not traded here now.
    away: BTreeMap<SymbolId, Away>,
    /// Session and id of every order that waits with one of them.
    waiting_ids: HashSet<(u32, u64)>,
    /// The instruments in a call, with what was last told of their auction: it always is what they would trade now.
    in_call: BTreeMap<SymbolId, Clearing>,
    /// What few instruments have beside their books.
    markets: BTreeMap<SymbolId, Market>,
    /// The instruments that are looked at after each of their commands.
    watched: BTreeSet<SymbolId>,
    /// Whether the command at hand has traded low enough to restrict short sales.
    has_fallen: bool,
    /// The orders that wait for an auction beside the books.
    pools: Pools,
    /// The orders that wait for a trade beside the books.
    stops: Stops,
    /// What the icebergs in the books do not show.
    reserves: Reserves,
    /// The states that instruments have next.
    plans: Plans,
    /// The terms that few orders have, of the orders that have them.
    terms: Terms,
    /// The orders that nobody sees, and that trade like those in the books.
    hidden: Hidden,
    state_hash: u128,
    /// The orders of the mass cancel under way; kept for its capacity.
    covered: Vec<Slot>,
}

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
            definitions: vec![],
            away: BTreeMap::new(),
            waiting_ids: HashSet::new(),
            in_call: BTreeMap::new(),
            markets: BTreeMap::new(),
            watched: BTreeSet::new(),
            has_fallen: false,
            pools: Pools::new(),
            stops: Stops::default(),
            reserves: Reserves::new(),
            plans: Plans::new(),
            terms: Terms::default(),
            hidden: Hidden::new(),
            state_hash: 0,
            covered: vec![],
        }
    }

    /// Applies commands in order. Each must belong to this shard or concern the whole venue; each
    /// yields at least one report.
    #[inline]
    pub fn apply_batch(&mut self, commands: &[Sequenced], sink: &mut impl ReportSink) {
        for commands in commands.chunks(AHEAD_MAX) {
            let buckets = self.look_ahead(commands);
            if self.is_deep() {
                self.apply_deep(commands, &buckets, sink);
            } else {
                self.look_at_orders(&buckets[..commands.len()]);
                for (command, &bucket) in commands.iter().zip(&buckets) {
                    self.apply(command, bucket, sink);
                }
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

    #[inline(always)]
    fn apply(&mut self, at: &Sequenced, bucket: Bucket, sink: &mut impl ReportSink) {
        match &at.command.action {
            Action::Enter(enter) => self.enter(at, enter, bucket, sink),
            Action::Cancel { id } => self.cancel(at, *id, bucket, sink),
            other => self.apply_other(at, other, bucket, sink),
        }
    }

    /// The commands that are not nearly all of them.
    #[inline(never)]
    fn apply_other(
        &mut self,
        at: &Sequenced,
        action: &Action,
        bucket: Bucket,
        sink: &mut impl ReportSink,
    ) {
        match action {
            Action::Replace { id, new_id, quantity, price } => {
                let terms = NewTerms { id: *new_id, total: quantity.0, price: price.0 };
                self.replace(at, *id, bucket, terms, sink);
            }
            Action::Reduce { id, quantity } => self.reduce(at, *id, bucket, quantity.0, sink),
            Action::Modify { id, side, quantity } => {
                self.modify(at, *id, bucket, (*side, *quantity), sink);
            }
            Action::EnterStop(stop) => self.enter_stop(at, stop, sink),
            Action::EnterIceberg(iceberg) => self.enter_iceberg(at, iceberg, sink),
            Action::EnterRich(rich) => self.enter_rich(at, rich, sink),
            rare => self.apply_rare(at, rare, sink),
        }
        self.end_command(at, sink);
    }

    /// All that a command did has been told but for what it changed beside its orders.
    #[inline(always)]
    fn end_command(&mut self, at: &Sequenced, sink: &mut impl ReportSink) {
        if !self.watched.is_empty() {
            self.look_after(at.command.symbol, at.time, sink);
        }
        sink.end_command();
    }

    /// A new order. A plain limit order that nothing is wrong with and that does not trade, as nearly
    /// all are, takes the short way.
    #[inline(always)]
    fn enter(&mut self, at: &Sequenced, enter: &Enter, bucket: Bucket, sink: &mut impl ReportSink) {
        let command = &at.command;
        let Some(book) = self.book_index(command.symbol) else {
            return self.enter_with_care(at, enter, sink);
        };
        let book = &mut self.books[book];
        let buy = enter.side.is_buy();
        let key = key_of(buy, enter.price.0);
        let rests = command.verdict == Reason::None
            && enter.is_plain()
            && enter.price.0 >= 1
            && book.is_plain(enter.quantity.0)
            && !book.crosses(buy, key)
            && !self.orders.is_live(bucket, command.session, enter.id)
            && self.waiting_ids.is_empty();
        if !rests {
            return self.enter_with_care(at, enter, sink);
        }
        let order = entered(at, enter);
        sink.only(Report { flags: 0, ..accepted(&order, enter.price.0) });
        self.state_hash = self.state_hash.wrapping_add(order.hash(enter.price.0));
        book.rest(order, key, bucket, &mut self.orders, &mut self.levels);
    }

    /// The same with all rules.
    #[inline(never)]
    fn enter_with_care(&mut self, at: &Sequenced, enter: &Enter, sink: &mut impl ReportSink) {
        let command = &at.command;
        self.catch_up(at, sink);
        let (book, price) = match self.check(command, enter) {
            Ok(accepted) => accepted,
            Err(reason) => {
                self.reject_order(command, enter, reason, sink);
                return self.end_command(at, sink);
            }
        };
        let mut incoming = Incoming::new(entered(at, enter), price);
        sink.report(accepted(&incoming.order, price));
        if enter.tif.is_for_auction() {
            self.wait_for_auction(incoming.order, price);
        } else if self.books[book].state() != SymbolState::Open {
            self.place(book, incoming.order, price);
        } else {
            self.match_incoming(book, enter.order_type, &mut incoming, sink);
            self.elect_after(at, book, &incoming, sink);
        }
        self.end_command(at, sink);
    }

    /// All that can be wrong with a new order; gives its book and the limit with which it enters.
    fn check(&self, command: &Command, enter: &Enter) -> Result<(usize, i64), Reason> {
        let book = self.check_terms(command, enter)?;
        let terms = LimitTerms::plain(enter.side, enter.tif, enter.post_only);
        let price = self.entry_price(book, terms, enter.price.0)?;
        Ok((book, price))
    }

    /// All that can be wrong with it but for its limit where others rest; gives its book.
    #[inline(always)]
    fn check_terms(&self, command: &Command, enter: &Enter) -> Result<usize, Reason> {
        if command.verdict != Reason::None {
            return Err(command.verdict);
        }
        let book = self.book_index(command.symbol).ok_or(Reason::UnknownSymbol)?;
        let bucket = self.orders.bucket(command.session, enter.id);
        if self.orders.is_live(bucket, command.session, enter.id)
            || self.waits(command.session, enter.id)
        {
            return Err(Reason::DuplicateId);
        }
        let state = self.books[book].state();
        let is_simple = state == SymbolState::Open && !enter.tif.is_for_auction();
        if !is_simple {
            states::refusal(state)?;
        }
        self.books[book].check_quantity(enter.quantity.0)?;
        let priced = enter.order_type == OrderType::Limit;
        if priced != (enter.price.0 >= 1) || enter.price.0 < 0 {
            return Err(Reason::InvalidPrice);
        }
        if enter.post_only != PostOnly::Off || !priced {
            self.check_options(enter)?;
        }
        if !is_simple {
            states::admission(state, enter.order_type, enter.tif)?;
        }
        Ok(book)
    }

    #[cold]
    fn check_options(&self, enter: &Enter) -> Result<(), Reason> {
        let rests = matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc);
        let served = match enter.order_type {
            OrderType::Limit => rests || enter.post_only == PostOnly::Off,
            OrderType::Market => enter.post_only == PostOnly::Off,
            OrderType::MarketToLimit => {
                enter.post_only == PostOnly::Off
                    && enter.tif != TimeInForce::Fok
                    && !enter.tif.is_for_auction()
            }
        };
        if served { Ok(()) } else { Err(Reason::Unsupported) }
    }

    /// The limit with which an order enters, or why it does not.
    #[inline]
    fn entry_price(&self, book: usize, terms: LimitTerms, price: i64) -> Result<i64, Reason> {
        if self.books[book].is_guarded() {
            return self.guarded_price(book, terms, price);
        }
        self.passive_price(book, terms.side, terms.post_only, price)
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
        if !self.would_trade(book, buy, price) {
            return Ok(price);
        }
        let touch = self.books[book].sides[side_index(!buy)].best_key();
        let passive = if buy { touch - 1 } else { (-touch).saturating_add(1) };
        if post_only == PostOnly::Reject || passive < 1 || passive == -touch {
            return Err(Reason::PostOnlyWouldCross);
        }
        Ok(passive)
    }

    #[inline(always)]
    fn cancel(&mut self, at: &Sequenced, id: OrderId, bucket: Bucket, sink: &mut impl ReportSink) {
        let slot = self.find(&at.command, id, bucket);
        let order = self.orders.get(slot);
        let is_quiet = self.watched.is_empty() && !self.terms.expire();
        if !is_quiet || !order.traits.is_plain() {
            return self.cancel_with_care(at, id, bucket, sink);
        }
        let price = self.levels.get(order.level).price();
        sink.only(Report { flags: 0, ..canceled(order, price, order.open, 0, Reason::User) });
        self.remove_resting(slot, bucket, price);
    }

    /// Cancels what a resting order has open; the order ends.
    #[inline(never)]
    fn cancel_resting(&mut self, slot: Slot, reason: Reason, sink: &mut impl ReportSink) {
        let order = *self.orders.get(slot);
        let bucket = self.orders.bucket(SessionId(order.session), OrderId(order.id));
        let price = self.levels.get(order.level).price();
        let open = order.open + self.behind(&order);
        sink.report(canceled(&order, price, open, 0, reason));
        self.remove_resting(slot, bucket, price);
        if order.traits.is_stop() {
            self.forget_limit(&order);
        } else if order.traits.has_reserve() {
            self.take_reserve(&order);
        } else if order.traits.is_rich() {
            self.forget_terms(&order);
        }
    }

    /// Takes an order out of book, index and state hash.
    #[inline(always)]
    fn remove_resting(&mut self, slot: Slot, bucket: Bucket, price: i64) {
        let order = self.orders.get(slot);
        let (symbol, traits) = (SymbolId(order.symbol), order.traits);
        self.state_hash = self.state_hash.wrapping_sub(order.hash(price));
        if let Some(empty) = unlink(slot, bucket, &mut self.orders, &mut self.levels) {
            self.remove_level(symbol, traits, empty);
        }
    }

    #[inline(never)]
    fn remove_level(&mut self, symbol: SymbolId, traits: Traits, level: LevelSlot) {
        let (buy, tif) = (traits.is_buy(), traits.tif());
        if traits.is_stop() {
            return self.remove_level_of_stops(symbol, buy, level);
        }
        if tif.is_for_auction() {
            return self.remove_level_of_pool(symbol, tif, buy, level);
        }
        if traits.is_non_displayed() {
            return self.remove_level_of_hidden(symbol, traits, level);
        }
        let book = self.book_index(symbol).expect("a resting order has a book");
        self.books[book].sides[side_index(buy)].remove(level, &mut self.levels);
    }

    /// The live order that a command names, [`NIL`] if there is none with the command's symbol.
    #[inline(always)]
    fn find(&self, command: &Command, id: OrderId, bucket: Bucket) -> Slot {
        let slot = self.orders.find(bucket, command.session, id);
        if self.orders.get(slot).symbol == command.symbol.0 { slot } else { NIL }
    }

    /// Refuses a command about an order that is not live.
    #[cold]
    fn reject_unknown(&self, command: &Command, id: OrderId, sink: &mut impl ReportSink) {
        let reason = match command.verdict {
            _ if self.waits(command.session, id) => Reason::Moving,
            Reason::None => Reason::UnknownOrder,
            verdict => verdict,
        };
        reject(command, id, Side::Buy, reason, sink);
    }

    /// Refuses a new order, for this reason if its instrument has a book.
    #[cold]
    fn reject_order(
        &self,
        command: &Command,
        enter: &Enter,
        reason: Reason,
        sink: &mut impl ReportSink,
    ) {
        if command.verdict == Reason::None && self.book_index(command.symbol).is_none() {
            return self.reject_absent(command, enter.id, enter.side, sink);
        }
        reject(command, enter.id, enter.side, reason, sink);
    }

    /// Refuses a command about an instrument that has no book.
    #[cold]
    fn reject_absent(
        &self,
        command: &Command,
        id: OrderId,
        side: Side,
        sink: &mut impl ReportSink,
    ) {
        let (reason, other) = self.absence(command.symbol);
        sink.report(Report { other, ..rejected(command, id, side, reason) });
    }

    #[inline(always)]
    fn book_index(&self, symbol: SymbolId) -> Option<usize> {
        match self.book_of.get(symbol.0 as usize) {
            Some(&place) if place != 0 => Some(place as usize - 1),
            _ => None,
        }
    }
}

/// A new order as it comes.
#[inline(always)]
fn entered(at: &Sequenced, enter: &Enter) -> Order {
    Order {
        number: at.seqno.0,
        id: enter.id.0,
        open: enter.quantity.0,
        session: at.command.session.0,
        symbol: at.command.symbol.0,
        traits: Traits::of(enter),
        ..Order::NONE
    }
}

#[inline(always)]
fn accepted(order: &Order, price: i64) -> Report {
    let open = Quantity(order.open);
    Report { kind: ReportKind::Accepted, quantity: open, open, ..describe(order, price) }
}

#[inline(always)]
fn canceled(order: &Order, price: i64, quantity: u64, open: u64, reason: Reason) -> Report {
    Report {
        kind: ReportKind::Canceled,
        reason,
        quantity: Quantity(quantity),
        open: Quantity(open),
        ..describe(order, price)
    }
}

#[cold]
fn reject(command: &Command, id: OrderId, side: Side, reason: Reason, sink: &mut impl ReportSink) {
    sink.report(rejected(command, id, side, reason));
}

fn rejected(command: &Command, id: OrderId, side: Side, reason: Reason) -> Report {
    let (session, symbol) = (command.session, command.symbol);
    Report { kind: ReportKind::Rejected, reason, side, id, session, symbol, ..Report::BLANK }
}
