//! Matching engine: `(state, command) → (state, reports)`.
//!
//! A plain library: no thread, file, socket or clock. The key of its index of order ids and the
//! shapes of its trees are random, which no result shows. Live venue, replay, standby and simulator
//! all call the same [`Engine::apply_batch`]. A program that only wants order books uses
//! [`OrderBooks`], which numbers the commands itself:
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
//! `examples/order_book.rs` is the longer form: it prints the reports, and the book as a table.
//!
//! Modules:
//!
//! - `lib.rs` dispatches commands and checks new orders; `matching.rs` trades.
//! - `book.rs` and `ladder.rs` keep price levels in order, `orders.rs` orders, `owners.rs` the
//!   ids of each session, `by_place.rs` the orders of some sessions by symbol and level,
//!   `attributes.rs` their fixed terms.
//! - `tree.rs` is a tree that is searched by sums: of minimums, and of the quantities of a call.
//! - `lookahead.rs` prefetches the memory that a batch will touch.
//! - `amend.rs` has reduce and modify, `replace.rs` replace, `venue.rs` the rare commands,
//!   `covered.rs` the orders of a mass cancel, `clock.rs` scheduled states and expiry,
//!   `expiries.rs` the ends of orders.
//! - `states.rs` has the session states and their auctions, `auction.rs` the auction price,
//!   `collar.rs` the limits of that price, `call.rs` the interest of a call, `pools.rs` the orders
//!   for auctions only.
//! - `beside.rs` has the ladders of the orders that rest and are not displayed.
//! - `stops.rs` has stops, `icebergs.rs` icebergs, `special.rs` orders with special terms,
//!   `hidden.rs` hidden orders, `minimums.rs` those with a minimum, `trial.rs` the trial of
//!   an order that trades a quantity or nothing, `pegs.rs` pegs, `followers.rs` which of them a
//!   quote moves, `reprice.rs` resting orders that get another limit.
//! - `side_tables.rs` keeps the rare state of symbols and orders, and its part of the state hash.
//! - `settings.rs` has the settings of a symbol that commands change.
//! - `market.rs` has guarded symbols: `bands.rs` price bands, `short_sale.rs` the short sale price
//!   test.
//! - `work.rs` bounds the work of a command; the next command goes on with what is left.
//! - `moves.rs` moves symbols between partitions.
//! - `view.rs` answers queries, `image.rs` exports the whole state, `restore.rs` continues from it,
//!   `order_books.rs` is the facade for other programs.

#![deny(clippy::print_stdout, clippy::print_stderr)]
#![warn(unreachable_pub)]

mod amend;
mod attributes;
mod auction;
mod bands;
mod beside;
mod book;
mod by_place;
mod call;
mod clock;
mod collar;
mod covered;
mod expiries;
mod followers;
mod hidden;
mod icebergs;
mod image;
mod ladder;
mod lookahead;
mod market;
mod matching;
mod minimums;
mod moves;
mod order_books;
mod orders;
mod owners;
mod pegs;
mod pools;
mod prefetch;
mod replace;
mod reprice;
mod reserved;
mod restore;
mod settings;
mod short_sale;
mod side_tables;
mod special;
mod states;
mod stops;
mod terms;
mod tree;
mod trial;
mod venue;
mod view;
mod work;

use attributes::Attributes;
pub use bands::{BandTimer, LIMIT_STATE_NS, PAUSE_NS};
use beside::Beside;
use book::{Book, key_of, side_index, unlink};
use call::Call;
use expiries::Expiries;
use followers::Followers;
pub use hidden::TURNS_MAX;
pub use icebergs::SLICES_MAX;
pub use image::{Image, OrderImage, ReachedImage, ReserveImage, StopLimit, TermsImage};
use ladder::{LevelSlot, Levels};
use lookahead::AHEAD_MAX;
use market::LimitTerms;
use matching::describe;
use minimums::Minimums;
pub use order_books::{OrderBooks, OutOfOrder};
use orders::{Bucket, NIL, Order, Orders, Slot};
use reserved::Reserved;
pub use restore::ImageError;
pub use ringside_model as model;
pub use ringside_model::command::{
    Action, Cancel, Command, DefineSymbol, Enter, Modify, Reduce, Replace, ReplaceTerms, Sequenced,
};
pub use ringside_model::domain::{
    DecimalError, Nanos, OrderId, OrderType, PostOnly, Price, Quantity, SeqNo, SessionId, Side,
    SymbolId, Tick, TimeInForce,
};
pub use ringside_model::reason::Reason;
use ringside_model::report::{Accepted, Canceled, Rejected, Subject};
pub use ringside_model::report::{Body, Report, ReportKind, ReportSink};
pub use settings::SettingsImage;
use side_tables::SideTables;
use std::collections::{BTreeMap, BTreeSet, HashSet};
pub use stops::WAVES_MAX;
use stops::{Queue, Traded};
pub use view::{LevelView, OrderView};
pub use work::{OwedImage, WORK_MAX};

/// Version of the matching rules. A journal names the version that wrote it, because other rules
/// make other reports of the same commands.
pub const SEMANTICS_VERSION: u32 = 7;

/// Highest symbol number. Symbols are numbered densely: tables are indexed by the number.
pub const SYMBOL_MAX: u32 = 1 << 24;

/// Part of the venue that an engine owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Index of this shard, from 0.
    pub index: u32,
    /// Number of shards of the venue.
    pub count: u32,
}

impl Shard {
    /// Returns true if the shard applies a command for `symbol`; every shard applies a venue-wide
    /// command.
    #[inline]
    pub fn concerns(self, symbol: SymbolId, venue_wide: bool) -> bool {
        self.count == 1 || venue_wide || symbol.shard(self.count) == self.index
    }
}

/// Books of one shard, with everything that the matching rules need.
pub struct Engine {
    orders: Orders,
    levels: Levels,
    books: Vec<Book>,
    /// Index into `books` plus one, by symbol number; 0 if the symbol has no book.
    book_of: Vec<u32>,
    sessions: BTreeSet<u32>,
    firms: BTreeSet<u16>,
    /// Accepted definitions, in order of arrival.
    definitions: Vec<Command>,
    /// Rare state of symbols and orders.
    tables: SideTables,
    /// Session and id of every order that waits with a symbol that is not traded here.
    waiting_ids: HashSet<(u32, u64)>,
    /// Symbols in a call; all of them are watched.
    in_call: BTreeMap<SymbolId, Call>,
    /// Symbols with checks after each of their commands, see [`Engine::look_after`].
    watched: BTreeSet<SymbolId>,
    /// True if the present command traded low enough to restrict short sales.
    has_fallen: bool,
    /// Hidden orders, orders for auctions only and stops, which rest beside the books.
    beside: Beside,
    /// Orders that expire.
    expiries: Expiries,
    /// Symbols whose limit state pauses them, by time.
    pauses: BTreeSet<(Nanos, SymbolId)>,
    /// Orders that follow the quote.
    pegs: Followers,
    /// Stops that were reached and wait until their symbol trades.
    queue: Queue,
    /// True from the end of the trading day to the start of the next one.
    is_day_over: bool,
    /// Trades of the present command so far, without their span.
    done: Traded,
    /// Maximum number of trades of a command, and of the places that it gives.
    work_max: u32,
    /// Hidden orders with a minimum.
    minimums: Minimums,
    /// Reserves by level.
    reserved: Reserved,
    /// Part of the state hash outside the side tables: definitions, books and their orders.
    books_hash: u128,
    /// Slots of the mass cancel in progress; kept for its capacity.
    covered: Vec<Slot>,
}

impl Engine {
    /// Creates an engine without symbols, with room for `orders` live orders before it grows.
    pub fn new(orders: usize) -> Self {
        Engine {
            orders: Orders::with_capacity(orders),
            levels: Levels::new(),
            books: vec![],
            book_of: vec![],
            sessions: BTreeSet::new(),
            firms: BTreeSet::new(),
            definitions: vec![],
            tables: SideTables::default(),
            waiting_ids: HashSet::new(),
            in_call: BTreeMap::new(),
            watched: BTreeSet::new(),
            has_fallen: false,
            beside: Beside::new(),
            expiries: Expiries::default(),
            pauses: BTreeSet::new(),
            pegs: Followers::default(),
            queue: Queue::new(),
            is_day_over: false,
            done: Traded::default(),
            work_max: WORK_MAX,
            minimums: Minimums::default(),
            reserved: Reserved::default(),
            books_hash: 0,
            covered: vec![],
        }
    }

    /// Applies commands in order. Each command must belong to this shard or concern the whole
    /// venue. Each yields at least one report.
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

    /// Returns the state hash. The wrapping sum over all shards is the hash of the venue.
    pub fn state_hash(&self) -> u128 {
        self.books_hash.wrapping_add(self.tables.hash())
    }

    /// Returns the number of live orders. Those whose end has come count until the next command of
    /// their symbol ends them.
    pub fn live_orders(&self) -> usize {
        self.orders.live()
    }

    #[inline(always)]
    fn apply(&mut self, at: &Sequenced, bucket: Bucket, sink: &mut impl ReportSink) {
        match &at.command.action {
            Action::Enter(enter) => self.enter(at, enter, bucket, sink),
            Action::Cancel(Cancel { id }) => self.cancel(at, *id, bucket, sink),
            other => self.apply_other(at, other, bucket, sink),
        }
    }

    /// Applies a command of any kind. Enter and cancel, which make up nearly the whole flow, have
    /// paths of their own in front of it.
    #[inline(never)]
    fn apply_other(
        &mut self,
        at: &Sequenced,
        action: &Action,
        bucket: Bucket,
        sink: &mut impl ReportSink,
    ) {
        match action {
            Action::Replace(replace) => self.replace(at, bucket, replace, None, sink),
            Action::ReplaceTerms(ReplaceTerms { replace, terms }) => {
                self.replace(at, bucket, replace, Some(terms), sink);
            }
            Action::Reduce(Reduce { id, quantity }) => {
                self.reduce(at, *id, bucket, quantity.0, sink)
            }
            Action::Modify(Modify { id, side, quantity }) => {
                self.modify(at, *id, bucket, (*side, *quantity), sink);
            }
            Action::EnterStop(stop) => self.enter_stop(at, stop, sink),
            Action::EnterIceberg(iceberg) => self.enter_iceberg(at, iceberg, sink),
            Action::EnterSpecial(special) => self.enter_special(at, special, sink),
            Action::MassCancel(filter) => self.mass_cancel(at, filter, sink),
            Action::SetOrderEntry(set) => self.set_order_entry(&at.command, set, sink),
            Action::AccountQuery(query) => self.query_account(&at.command, query, sink),
            Action::Definition(definition) => {
                self.apply_definition(&at.command, definition, sink);
            }
            Action::Operator(command) => self.operate(at, command, sink),
            // The slow paths end the command themselves.
            Action::Enter(enter) => return self.enter_slow(at, enter, sink),
            Action::Cancel(Cancel { id }) => {
                return self.cancel_slow(at, *id, bucket, sink);
            }
        }
        self.end_command(at, sink);
    }

    /// Publishes the command's changes of auction indication, limit state and short sale
    /// restriction, then ends its reports.
    #[inline(always)]
    fn end_command(&mut self, at: &Sequenced, sink: &mut impl ReportSink) {
        if !self.watched.is_empty() {
            self.look_after(at.command.symbol, at.time, sink);
        }
        sink.end_command();
    }

    /// Enters a new order. A valid plain limit order that does not trade takes the fast path;
    /// nearly all orders do.
    #[inline(always)]
    fn enter(&mut self, at: &Sequenced, enter: &Enter, bucket: Bucket, sink: &mut impl ReportSink) {
        let command = &at.command;
        let Some(book) = self.book_index(command.symbol) else {
            return self.enter_slow(at, enter, sink);
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
            return self.enter_slow(at, enter, sink);
        }
        let order = entered(at, enter);
        let subject = Subject { hidden: false, ..whole(&order, enter.price.0) };
        sink.only(Accepted { stop: None }.about(subject));
        self.books_hash = self.books_hash.wrapping_add(order.hash(enter.price.0));
        book.rest(order, key, bucket, &mut self.orders, &mut self.levels);
    }

    /// Enters a new order under all rules: the slow path of [`Engine::enter`].
    #[inline(never)]
    fn enter_slow(&mut self, at: &Sequenced, enter: &Enter, sink: &mut impl ReportSink) {
        let command = &at.command;
        self.catch_up(at, sink);
        let (book, price) = match self.check(command, enter) {
            Ok(accepted) => accepted,
            Err(reason) => {
                self.reject_order(command, enter, reason, sink);
                return self.end_command(at, sink);
            }
        };
        let order = self.entered(at, enter);
        let mut incoming = self.incoming(order, price);
        sink.report(Accepted { stop: None }.about(whole(&incoming.order, price)));
        if enter.tif.is_for_auction() {
            self.rest_beside(incoming.order, price);
        } else if !self.books[book].is_open() {
            self.place(book, incoming.order, price);
        } else {
            self.match_incoming(book, enter.order_type, &mut incoming, sink);
            self.elect_after(at, book, &incoming, sink);
        }
        self.end_command(at, sink);
    }

    /// Checks a new order; returns the index of its book and the limit with which it enters.
    fn check(&self, command: &Command, enter: &Enter) -> Result<(usize, i64), Reason> {
        let book = self.check_terms(command, enter)?;
        let terms = LimitTerms::plain(enter.side, enter.tif, enter.post_only);
        let price = self.entry_price(book, terms, enter.price.0)?;
        Ok((book, price))
    }

    /// Checks a new order except its limit against the book, the bands and the short sale price
    /// test; returns the index of its book.
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
        let is_simple = self.books[book].is_open() && !enter.tif.is_for_auction();
        self.check_busy(book)?;
        if !is_simple {
            states::refusal(&self.books[book])?;
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
            states::admission(self.books[book].state(), enter.order_type, enter.tif)?;
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

    /// Returns the limit with which an order enters, or the reason of its reject.
    #[inline]
    fn entry_price(&self, book: usize, terms: LimitTerms, price: i64) -> Result<i64, Reason> {
        if self.books[book].is_guarded() {
            return self.guarded_price(book, terms, price);
        }
        self.passive_price(book, terms.side, terms.post_only, price)
    }

    /// Returns the limit under the post-only rule: as given, one tick off the best opposite price,
    /// or a reject.
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
        let is_quiet = self.watched.is_empty() && self.expiries.is_empty();
        if !is_quiet || !order.attributes.is_plain() {
            return self.cancel_slow(at, id, bucket, sink);
        }
        let price = self.levels.get(order.level).price();
        let whole = cut(order, price, order.open, 0, Reason::User);
        sink.only(Canceled::PLAIN.about(Subject { hidden: false, ..whole }));
        self.remove_outside_calls(slot, bucket, price);
    }

    /// Cancels the whole open quantity of a resting order; the order ends.
    #[inline(never)]
    fn cancel_resting(&mut self, slot: Slot, reason: Reason, sink: &mut impl ReportSink) {
        let order = *self.orders.get(slot);
        let bucket = self.orders.bucket(SessionId(order.session), OrderId(order.id));
        let price = self.levels.get(order.level).price();
        let open = order.open + self.behind(&order);
        sink.report(Canceled::PLAIN.about(cut(&order, price, open, 0, reason)));
        self.remove_resting(slot, bucket, price);
        self.forget_beside(&order);
    }

    /// Removes the data beside an order that leaves: a stop, an iceberg, or an order with special
    /// terms.
    fn forget_beside(&mut self, order: &Order) {
        if order.attributes.is_stop() {
            self.forget_stop(order);
        } else if order.attributes.has_reserve() {
            self.take_reserve(order);
        } else if order.attributes.is_special() {
            self.forget_terms(order);
        }
    }

    /// Removes an order from book, index and state hash, and from the interest of a call.
    #[inline(always)]
    fn remove_resting(&mut self, slot: Slot, bucket: Bucket, price: i64) {
        let Order { symbol, attributes, open, .. } = *self.orders.get(slot);
        self.note_interest(SymbolId(symbol), attributes, price, open, false);
        self.remove_outside_calls(slot, bucket, price);
    }

    /// Removes an order from book, index and state hash while no symbol is in a call.
    #[inline(always)]
    fn remove_outside_calls(&mut self, slot: Slot, bucket: Bucket, price: i64) {
        let order = self.orders.get(slot);
        let (symbol, attributes) = (SymbolId(order.symbol), order.attributes);
        self.books_hash = self.books_hash.wrapping_sub(order.hash(price));
        if let Some(empty) = unlink(slot, bucket, &mut self.orders, &mut self.levels) {
            self.remove_level(symbol, attributes, empty);
        }
    }

    #[inline(never)]
    fn remove_level(&mut self, symbol: SymbolId, attributes: Attributes, level: LevelSlot) {
        if !attributes.is_displayed() {
            return self.remove_level_beside(symbol, attributes, level);
        }
        let book = self.book_index(symbol).expect("a resting order has a book");
        let side = side_index(attributes.is_buy());
        self.books[book].sides[side].remove(level, &mut self.levels);
    }

    /// Finds the live order that a command names; [`NIL`] if no live order of the command's symbol
    /// has the id.
    #[inline(always)]
    fn find(&self, command: &Command, id: OrderId, bucket: Bucket) -> Slot {
        let slot = self.orders.find(bucket, command.session, id);
        if self.orders.get(slot).symbol == command.symbol.0 { slot } else { NIL }
    }

    /// Rejects a command about an order that is not live.
    #[cold]
    fn reject_unknown(&self, command: &Command, id: OrderId, sink: &mut impl ReportSink) {
        let reason = match command.verdict {
            _ if self.names_waiting(command, id) => Reason::Moving,
            Reason::None => Reason::UnknownOrder,
            verdict => verdict,
        };
        reject(command, id, Side::Buy, reason, sink);
    }

    /// Rejects a new order: with `reason` if its symbol has a book, else with the reason of the
    /// missing book.
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

    /// Rejects a command about a symbol that has no book.
    #[cold]
    fn reject_absent(
        &self,
        command: &Command,
        id: OrderId,
        side: Side,
        sink: &mut impl ReportSink,
    ) {
        let (reason, moved) = self.absence(command.symbol);
        sink.report(Rejected { moved }.about(request(command, id, side, reason)));
    }

    #[inline(always)]
    fn book_index(&self, symbol: SymbolId) -> Option<usize> {
        match self.book_of.get(symbol.0 as usize) {
            Some(&place) if place != 0 => Some(place as usize - 1),
            _ => None,
        }
    }
}

/// Returns the order of an enter command, before matching.
#[inline(always)]
fn entered(at: &Sequenced, enter: &Enter) -> Order {
    Order {
        number: at.seqno.0,
        id: enter.id.0,
        open: enter.quantity.0,
        session: at.command.session.0,
        symbol: at.command.symbol.0,
        attributes: Attributes::of(enter),
        ..Order::NONE
    }
}

/// Returns the fields of a report about the whole open quantity of an order.
#[inline(always)]
fn whole(order: &Order, price: i64) -> Subject {
    let open = Quantity(order.open);
    Subject { quantity: open, open, ..describe(order, price) }
}

/// Returns the fields of a report that cancels `quantity` of an order and leaves `open`.
#[inline(always)]
fn cut(order: &Order, price: i64, quantity: u64, open: u64, reason: Reason) -> Subject {
    let (quantity, open) = (Quantity(quantity), Quantity(open));
    Subject { reason, quantity, open, ..describe(order, price) }
}

#[cold]
fn reject(command: &Command, id: OrderId, side: Side, reason: Reason, sink: &mut impl ReportSink) {
    sink.report(Rejected { moved: None }.about(request(command, id, side, reason)));
}

/// Rejects a command that names no order of a session.
#[cold]
fn reject_operator(command: &Command, reason: Reason, sink: &mut impl ReportSink) {
    reject(command, OrderId(0), Side::Buy, reason, sink);
}

/// Returns the fields of a reject.
fn request(command: &Command, id: OrderId, side: Side, reason: Reason) -> Subject {
    Subject { reason, side, id, ..Subject::from(command) }
}
