//! Session states: what may enter, and the auctions that end a call.

use super::auction::{Clearing, Interest, clear};
use super::book::{key_of, side_index, unlink};
use super::ladder::LevelSlot;
use super::matching::describe;
use super::orders::{NIL, Slot};
use super::{Engine, reject};
use crate::command::{Action, Command, Enter, Sequenced};
use crate::domain::{
    Auction, OrderId, OrderType, Price, Quantity, SessionId, Side, SymbolId, SymbolState,
    TimeInForce,
};
use crate::hash;
use crate::reason::Reason;
use crate::report::{Report, ReportKind, ReportSink};

/// Why nothing can enter the book of an instrument in this state.
pub(super) fn refusal(state: SymbolState) -> Result<(), Reason> {
    match state {
        SymbolState::Closed => Err(Reason::Closed),
        SymbolState::Halted => Err(Reason::Halted),
        SymbolState::CancelOnly => Err(Reason::CancelOnly),
        SymbolState::Open
        | SymbolState::PreOpen
        | SymbolState::ReopeningCall
        | SymbolState::ClosingCall => Ok(()),
    }
}

/// Whether an order can wait for an auction.
pub(super) fn waits_in_call(enter: &Enter) -> bool {
    enter.order_type == OrderType::Limit && matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc)
}

/// The part of a state in the state hash.
fn hash_of(symbol: SymbolId, state: SymbolState) -> u128 {
    match state {
        SymbolState::Open => 0,
        _ => hash::of_fields([4, u64::from(symbol.0), state as u64, 0, 0, u64::MAX]),
    }
}

impl Engine {
    /// Another state of an instrument. A call that ends in trading, or closes the day, trades first.
    pub(super) fn set_state(
        &mut self,
        command: &Command,
        state: SymbolState,
        sink: &mut impl ReportSink,
    ) {
        if command.verdict != Reason::None {
            return reject(command, OrderId(0), Side::Buy, command.verdict, sink);
        }
        let symbol = command.symbol;
        let Some(book) = self.book_index(symbol) else {
            return self.reject_absent(command, OrderId(0), Side::Buy, sink);
        };
        let before = self.books[book].state();
        self.change_state(book, symbol, state);
        let other = state as u64;
        sink.report(Report { kind: ReportKind::StateChanged, other, symbol, ..Report::BLANK });
        let auction = match (before, state) {
            (before, SymbolState::Open) if self.is_crossed(book) => {
                Some(before.auction().unwrap_or(Auction::Reopening))
            }
            (before, SymbolState::Open) => before.auction(),
            (SymbolState::ClosingCall, SymbolState::Closed) => Some(Auction::Closing),
            _ => None,
        };
        if let Some(auction) = auction {
            self.uncross(book, symbol, auction, sink);
        }
        self.indicate(symbol, sink);
    }

    /// The state of an instrument in an image.
    pub(super) fn restore_state(&mut self, command: &Command) -> Result<(), Reason> {
        let book = self.book_index(command.symbol).ok_or(Reason::UnknownSymbol)?;
        match command.action {
            Action::SetState(state) if state != SymbolState::Open => {
                self.change_state(book, command.symbol, state);
                Ok(())
            }
            _ => Err(Reason::InvalidDefinition),
        }
    }

    /// All that was restored has been told before.
    pub(super) fn restore_indications(&mut self) {
        let symbols: Vec<SymbolId> = self.in_call.keys().copied().collect();
        for symbol in symbols {
            let book = self.book_index(symbol).expect("what is in a call has a book");
            let clearing = self.clearing(book);
            self.in_call.insert(symbol, clearing);
        }
    }

    /// The instruments that are not simply open, as the commands that made them so.
    pub(super) fn states(&self) -> impl Iterator<Item = Command> {
        self.books.iter().filter(|book| book.state() != SymbolState::Open).map(|book| Command {
            session: SessionId(0),
            symbol: book.symbol(),
            verdict: Reason::None,
            action: Action::SetState(book.state()),
        })
    }

    fn change_state(&mut self, book: usize, symbol: SymbolId, state: SymbolState) {
        let before = self.books[book].state();
        let (before_hash, hash) = (hash_of(symbol, before), hash_of(symbol, state));
        self.state_hash = self.state_hash.wrapping_sub(before_hash).wrapping_add(hash);
        self.books[book].set_state(state);
        if state.auction().is_none() {
            self.in_call.remove(&symbol);
        } else if state != before {
            self.in_call.insert(symbol, Clearing::default());
        }
    }

    /// Says what the auction of an instrument would be, if it is in a call and that has changed.
    #[cold]
    #[inline(never)]
    pub(super) fn indicate(&mut self, symbol: SymbolId, sink: &mut impl ReportSink) {
        let Some(&told) = self.in_call.get(&symbol) else { return };
        let Some(book) = self.book_index(symbol) else { return };
        let clearing = self.clearing(book);
        if clearing == told {
            return;
        }
        self.in_call.insert(symbol, clearing);
        let side = if clearing.offers_left > 0 { Side::Sell } else { Side::Buy };
        let auction = self.books[book].state().auction();
        sink.report(Report {
            kind: ReportKind::Indicative,
            side,
            price: Price(clearing.price),
            quantity: saturated(clearing.matched),
            open: saturated(clearing.bids_left + clearing.offers_left),
            other: auction.map_or(0, |auction| auction as u64),
            symbol,
            ..Report::BLANK
        });
    }

    /// A cancel while some instrument is in a call.
    #[cold]
    #[inline(never)]
    pub(super) fn cancel_in_call(
        &mut self,
        at: &Sequenced,
        slot: Slot,
        sink: &mut impl ReportSink,
    ) {
        self.cancel_resting(slot, Reason::User, sink);
        self.end_command(at, sink);
    }

    pub(super) fn is_crossed(&self, book: usize) -> bool {
        let [bids, offers] = &self.books[book].sides;
        bids.best() != NIL && offers.best() != NIL && -bids.best_key() >= offers.best_key()
    }

    /// What an auction would trade: orders beyond the best of the other side have no part in it.
    fn clearing(&self, book: usize) -> Clearing {
        if !self.is_crossed(book) {
            return Clearing::default();
        }
        let book = &self.books[book];
        let [bids, offers] = [true, false].map(|buy| {
            let worst = -book.sides[side_index(!buy)].best_key();
            let levels = book.sides[side_index(buy)].iter().map(|level| self.levels.get(level));
            let levels = levels.take_while(|level| level.key <= worst);
            levels.map(|level| (level.price(), level.total())).collect::<Vec<Interest>>()
        });
        let rising: Vec<Interest> = bids.into_iter().rev().collect();
        clear(&rising, &offers, book.reference())
    }

    /// Trades what can be traded at one price: better limits first, then older orders.
    fn uncross(
        &mut self,
        book: usize,
        symbol: SymbolId,
        auction: Auction,
        sink: &mut impl ReportSink,
    ) {
        let clearing = self.clearing(book);
        let price = clearing.price;
        sink.report(Report {
            kind: ReportKind::Crossed,
            price: Price(price),
            quantity: saturated(clearing.matched),
            other: auction as u64,
            symbol,
            ..Report::BLANK
        });
        let mut left = clearing.matched;
        let mut trade = 0;
        while left > 0 {
            let best = |buy: bool| self.books[book].sides[side_index(buy)].best();
            let heads = [best(true), best(false)].map(|level| self.levels.get(level).head);
            let quantity = heads.map(|slot| self.orders.get(slot).open).into_iter().min();
            let quantity = quantity.expect("there are two sides");
            left -= u128::from(quantity);
            trade += 1;
            self.cross(book, heads, (quantity, price), (auction, trade), sink);
        }
        if trade > 0 {
            let change = self.books[book].set_last(price);
            self.state_hash = self.state_hash.wrapping_add(change);
        }
    }

    /// One trade of an auction; the older order is told first.
    fn cross(
        &mut self,
        book: usize,
        mut pair: [Slot; 2],
        (quantity, price): (u64, i64),
        (auction, trade): (Auction, u32),
        sink: &mut impl ReportSink,
    ) {
        pair.sort_by_key(|&slot| self.orders.get(slot).number);
        let [older, younger] = pair.map(|slot| self.orders.get(slot).number);
        let contra = [younger, older];
        for (i, slot) in pair.into_iter().enumerate() {
            let order = self.orders.get(slot);
            let flags = (auction as u8) << Report::CAPACITY_SHIFT
                | if i == 0 { 0 } else { Report::REMOVED };
            sink.report(Report {
                kind: ReportKind::Executed,
                flags,
                trade,
                quantity: Quantity(quantity),
                open: Quantity(order.open - quantity),
                other: contra[i],
                ..describe(order, price)
            });
            self.take_from(book, slot, quantity);
        }
    }

    /// A resting order has traded so much.
    fn take_from(&mut self, book: usize, slot: Slot, quantity: u64) {
        let order = self.orders.get_mut(slot);
        let (buy, level): (bool, LevelSlot) = (order.traits.is_buy(), order.level);
        let limit = self.levels.get(level).price();
        self.state_hash = self.state_hash.wrapping_sub(order.hash(limit));
        order.open -= quantity;
        order.executed += quantity;
        self.levels.get_mut(level).subtract(quantity);
        if order.open > 0 {
            self.state_hash = self.state_hash.wrapping_add(order.hash(limit));
            return;
        }
        let (session, id) = (SessionId(order.session), OrderId(order.id));
        let bucket = self.orders.bucket(session, id);
        if unlink(slot, bucket, &mut self.orders, &mut self.levels).is_some() {
            self.books[book].sides[side_index(buy)].remove(level, &mut self.levels);
        }
    }

    /// Whether an order of this side and limit would trade on entry.
    pub(super) fn would_trade(&self, book: usize, buy: bool, price: i64) -> bool {
        let book = &self.books[book];
        book.state() == SymbolState::Open && book.crosses(buy, key_of(buy, price))
    }
}

/// A quantity in a report; what many orders add up to may be more than it can say.
fn saturated(quantity: u128) -> Quantity {
    Quantity(u64::try_from(quantity).unwrap_or(u64::MAX))
}
