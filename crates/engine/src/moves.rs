//! Moves of symbols between partitions.
//!
//! A symbol that is not traded here is **away**: it has no book. So the hot path rejects its orders
//! as it rejects those of an unknown symbol, and this module keeps the rest of the symbol's state.
//!
//! ```text
//!            halt                    release
//!  traded ─────────► halted ───────────────────────► released
//!    ▲                 │  ▲                           │   ▲
//!    │     resume      │  └ export                    │   │ release
//!    ├─────────────────┘                    import    ▼   │
//!    └──────────────────────────────────────────── importing ◄─ import order
//!                        resume
//! ```
//!
//! The orders of a halted symbol wait unchanged. Neither a mass cancel nor the end of the day
//! cancels them, because another partition may have them already. Imported orders wait as well, and
//! their sessions receive reports only when the symbol is resumed: the move may still be given up.

use super::book::{key_of, side_index};
use super::orders::{NIL, Order};
use super::side_tables::Row;
use super::{Engine, cut, reject, request, whole};
use ringside_model::command::{Action, Command, Enter, ImportOrder, MoveSymbol, Sequenced};
use ringside_model::domain::{
    FirmId, MoveStep, OrderId, OrderNumber, OrderType, Quantity, SessionId, Side, SymbolId,
    SymbolState, TimeInForce,
};
use ringside_model::hash;
use ringside_model::reason::Reason;
use ringside_model::report::{
    Canceled, Exported, ExportedTerms, Held, Imported, Moved, Rejected, ReportSink, SymbolMoved,
};
use ringside_planted::{Bug, planted};

/// Symbol without a book.
#[derive(Clone, Copy)]
pub(super) struct Away {
    /// Step that put the symbol into this state: a halt, an import or a release.
    pub asked: MoveSymbol,
    /// Index of its book plus one.
    pub place: u32,
}

/// Order without a book.
#[derive(Clone, Copy)]
pub(super) struct Waiting {
    /// Order itself. Of an imported order `executed` holds the id on the other partition: its
    /// executed quantity was reported there.
    pub order: Order,
    pub price: i64,
}

impl Away {
    fn new(asked: &MoveSymbol, place: u32) -> Self {
        // Only a resume reads the number of orders and their quantity: they are no part of the
        // state.
        let asked = MoveSymbol { orders: 0, quantity: Quantity(0), ..*asked };
        Away { asked, place }
    }

    /// Returns the command that recreates the entry in an image.
    pub(crate) fn command(&self, symbol: SymbolId) -> Command {
        let (session, verdict) = (SessionId(0), Reason::None);
        Command { session, symbol, verdict, action: Action::from(self.asked) }
    }

    fn moved(&self) -> Moved {
        self.asked.moved()
    }
}

impl Row for Away {
    type Key = SymbolId;

    fn hash(&self, symbol: SymbolId) -> u128 {
        hash::of_fields([3, u64::from(symbol.0), self.moved().word(), 0, 0, u64::MAX])
    }
}

/// Place of a waiting order in an image: symbol, side, price key, time.
type WaitingKey = (SymbolId, usize, i64, u64);

impl Row for Waiting {
    type Key = WaitingKey;

    fn hash(&self, _: WaitingKey) -> u128 {
        self.order.hash(self.price)
    }
}

impl Waiting {
    fn id(&self) -> (u32, u64) {
        (self.order.session, self.order.id)
    }

    fn key(&self) -> WaitingKey {
        let (order, buy) = (&self.order, self.order.attributes.is_buy());
        let age = OrderNumber(order.number).age();
        (SymbolId(order.symbol), side_index(buy), key_of(buy, self.price), age)
    }
}

impl Engine {
    /// Returns the reason to reject a command for a symbol without a book, and the step that made
    /// the symbol leave.
    #[cold]
    pub(super) fn absence(&self, symbol: SymbolId) -> (Reason, Option<Moved>) {
        match self.tables.away.get(symbol) {
            None => (Reason::UnknownSymbol, None),
            Some(away) if away.asked.step == MoveStep::Release => {
                (Reason::WrongPartition, Some(away.moved()))
            }
            Some(away) => (Reason::Moving, Some(away.moved())),
        }
    }

    /// Takes a step of a move, after a traded symbol has caught up with the time of the command.
    pub(super) fn move_symbol(
        &mut self,
        at: &Sequenced,
        asked: &MoveSymbol,
        sink: &mut impl ReportSink,
    ) {
        self.catch_up(at, sink);
        let command = &at.command;
        let taken = match command.verdict {
            Reason::None => self.take_step(command.symbol, asked, sink),
            verdict => Err(verdict),
        };
        if let Err(reason) = taken {
            // The reject of a step that does not follow says where the symbol is.
            let moved = self.tables.away.get(command.symbol).map(|away| away.moved());
            let subject = request(command, OrderId(0), Side::Buy, reason);
            sink.report(Rejected { moved }.about(subject));
        }
    }

    fn take_step(
        &mut self,
        symbol: SymbolId,
        asked: &MoveSymbol,
        sink: &mut impl ReportSink,
    ) -> Result<(), Reason> {
        use MoveStep::{Export, Halt, Import, Release, Resume};
        let before = self.tables.away.get(symbol).map(|away| away.asked.step);
        if before.is_none() && self.book_index(symbol).is_none() {
            return Err(Reason::UnknownSymbol);
        }
        if self.book_index(symbol).is_some_and(|book| self.is_busy(book)) {
            return Err(Reason::Busy);
        }
        // Only an open symbol with plain orders can move. Its plan, bands and quote, and special
        // terms of its orders, do not travel with the symbol.
        let state = self.book_index(symbol).map(|book| self.books[book].state());
        let has_more = self.beside(symbol).next().is_some()
            || self.reserves_of(symbol).next().is_some()
            || self.book_index(symbol).is_some_and(|book| self.books[book].has_terms())
            || self.tables.plans.has(symbol)
            || self.tables.markets.has(symbol)
            || self.tables.settings.has(symbol);
        if state.is_some_and(|state| state != SymbolState::Open || has_more) {
            return Err(Reason::CannotMove);
        }
        match (before, asked.step) {
            (None, Halt) => self.leave(symbol, asked, sink),
            (Some(Halt), Halt) => self.stay_away(symbol, asked, sink),
            (Some(Halt), Export) => self.export(symbol, asked, sink)?,
            (Some(Halt), Release) => self.let_go(symbol, asked, sink),
            (None, Release) if self.book_is_empty(symbol) => self.leave(symbol, asked, sink),
            (Some(Release), Release) => self.stay_away(symbol, asked, sink),
            (Some(Release | Import), Import) | (Some(Import), Release) => {
                self.forget(symbol, asked, sink)
            }
            (None, Resume) => announce(symbol, asked, 0, sink),
            (Some(Halt), Resume) => self.come_back(symbol, asked, sink),
            (Some(_), Resume) => self.arrive(symbol, asked, sink)?,
            _ => return Err(Reason::InvalidMove),
        }
        Ok(())
    }

    /// Removes the book of a traded symbol; its orders wait.
    fn leave(&mut self, symbol: SymbolId, asked: &MoveSymbol, sink: &mut impl ReportSink) {
        let book = self.book_index(symbol).expect("it is traded");
        let mut slots = vec![];
        self.cover(book, |_| true, &mut slots);
        announce(symbol, asked, slots.len(), sink);
        for slot in slots {
            let order = *self.orders.get(slot);
            let price = self.levels.get(order.level).price();
            let bucket = self.orders.bucket(SessionId(order.session), OrderId(order.id));
            self.remove_resting(slot, bucket, price);
            self.add_waiting(Waiting { order, price });
        }
        self.put_away(symbol, asked);
    }

    /// Repeats the present step, for another move or another version of the table.
    fn stay_away(&mut self, symbol: SymbolId, asked: &MoveSymbol, sink: &mut impl ReportSink) {
        announce(symbol, asked, self.waiting_of(symbol).count(), sink);
        self.set_step(symbol, asked);
    }

    fn export(
        &mut self,
        symbol: SymbolId,
        asked: &MoveSymbol,
        sink: &mut impl ReportSink,
    ) -> Result<(), Reason> {
        if self.away(symbol).asked.version != asked.version && !planted(Bug::OldExportTaken) {
            return Err(Reason::InvalidMove);
        }
        announce(symbol, asked, self.waiting_of(symbol).count(), sink);
        for Waiting { order, price } in self.waiting_of(symbol) {
            let attributes = order.attributes;
            let terms = ExportedTerms {
                firm: FirmId(attributes.firm()),
                group: attributes.group(),
                tif: attributes.tif(),
                post_only: attributes.post_only(),
                self_trade: attributes.self_trade(),
            };
            let (attributed, capacity) = (attributes.is_attributed(), attributes.capacity());
            sink.report(Exported { terms, attributed, capacity }.about(whole(order, *price)));
        }
        Ok(())
    }

    /// Releases a halted symbol: another partition trades it now, with the orders that waited here.
    /// Those end here.
    fn let_go(&mut self, symbol: SymbolId, asked: &MoveSymbol, sink: &mut impl ReportSink) {
        let waiting = self.take_waiting(symbol);
        announce(symbol, asked, waiting.len(), sink);
        for Waiting { order, price } in &waiting {
            let subject = cut(order, *price, order.open, 0, Reason::Moved);
            sink.report(Canceled::PLAIN.about(subject));
        }
        self.set_step(symbol, asked);
    }

    /// Starts an import from its first order, or gives an import up. Drops the orders imported so
    /// far; no session has a report of them.
    fn forget(&mut self, symbol: SymbolId, asked: &MoveSymbol, sink: &mut impl ReportSink) {
        self.take_waiting(symbol);
        announce(symbol, asked, 0, sink);
        self.set_step(symbol, asked);
    }

    /// Resumes a halted symbol after the move was given up: its orders rest as before.
    fn come_back(&mut self, symbol: SymbolId, asked: &MoveSymbol, sink: &mut impl ReportSink) {
        announce(symbol, asked, 0, sink);
        let waiting = self.take_waiting(symbol);
        self.open(symbol, &waiting);
    }

    /// Resumes a symbol after all its orders have arrived: they rest, and their sessions receive
    /// reports.
    fn arrive(
        &mut self,
        symbol: SymbolId,
        asked: &MoveSymbol,
        sink: &mut impl ReportSink,
    ) -> Result<(), Reason> {
        let orders = self.waiting_of(symbol).count() as u64;
        let open: u128 =
            self.waiting_of(symbol).map(|waiting| u128::from(waiting.order.open)).sum();
        let is_all = orders == asked.orders && open == asked.quantity.0.into();
        if !is_all && !planted(Bug::ArrivedTooEarly) || self.waiting_cross(symbol) {
            return Err(Reason::InvalidMove);
        }
        let from = self.away(symbol).asked.partition;
        let mut waiting = self.take_waiting(symbol);
        announce(symbol, asked, waiting.len(), sink);
        for waiting in &mut waiting {
            let Waiting { order, price } = waiting;
            let imported = Imported {
                id_there: OrderId(order.executed),
                partition: from,
                attributed: order.attributes.is_attributed(),
                capacity: order.attributes.capacity(),
            };
            sink.report(imported.about(whole(order, *price)));
            waiting.order.executed = 0;
        }
        self.open(symbol, &waiting);
        Ok(())
    }

    /// Imports an order that moves with its symbol. The order waits; its session receives the
    /// report when the symbol is resumed.
    pub(super) fn import_order(
        &mut self,
        at: &Sequenced,
        import: &ImportOrder,
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        let ImportOrder { order: enter, id_there } = import;
        if let Err(reason) = self.check_import(command, enter, *id_there) {
            return reject(command, enter.id, enter.side, reason, sink);
        }
        let order = Order { executed: id_there.0, ..super::entered(at, enter) };
        self.add_waiting(Waiting { order, price: enter.price.0 });
        let held = Held {
            id_there: *id_there,
            partition: self.away(command.symbol).asked.partition,
            attributed: enter.attributed,
            capacity: enter.capacity,
        };
        sink.report(held.about(whole(&order, enter.price.0)));
    }

    /// Iterates over the waiting orders of a symbol: bids before offers, best price first, oldest
    /// first.
    pub(super) fn waiting_of(&self, symbol: SymbolId) -> impl Iterator<Item = &Waiting> {
        self.tables.waiting.range((symbol, 0, i64::MIN, 0)..=(symbol, 1, i64::MAX, u64::MAX))
    }

    /// Returns true if the best waiting bid of a symbol would trade with the best waiting offer.
    pub(super) fn waiting_cross(&self, symbol: SymbolId) -> bool {
        let best = |buy| self.waiting_of(symbol).find(|best| best.order.attributes.is_buy() == buy);
        best(true).zip(best(false)).is_some_and(|(bid, offer)| bid.price >= offer.price)
    }

    fn add_waiting(&mut self, waiting: Waiting) {
        self.waiting_ids.insert(waiting.id());
        self.tables.waiting.insert(waiting.key(), waiting);
    }

    /// Removes and returns the waiting orders of a symbol.
    fn take_waiting(&mut self, symbol: SymbolId) -> Vec<Waiting> {
        let all: Vec<Waiting> = self.waiting_of(symbol).copied().collect();
        for waiting in &all {
            self.waiting_ids.remove(&waiting.id());
            self.tables.waiting.remove(waiting.key());
        }
        all
    }

    pub(super) fn is_importing(&self, symbol: SymbolId) -> bool {
        self.tables.away.get(symbol).is_some_and(|away| away.asked.step == MoveStep::Import)
    }

    /// Returns the entry of a symbol that is away.
    fn away(&self, symbol: SymbolId) -> &Away {
        self.tables.away.get(symbol).expect("it is away")
    }

    /// Removes the book of a traded symbol from the index of books.
    fn put_away(&mut self, symbol: SymbolId, asked: &MoveSymbol) {
        let place = std::mem::take(&mut self.book_of[symbol.0 as usize]);
        self.tables.away.insert(symbol, Away::new(asked, place));
    }

    /// Stores the latest step of a symbol that is away.
    fn set_step(&mut self, symbol: SymbolId, asked: &MoveSymbol) {
        self.tables.away.change(symbol, |away| *away = Away::new(asked, away.place));
    }

    /// Returns the index of the book of a symbol, traded or away.
    pub(super) fn book_even_away(&self, symbol: SymbolId) -> Option<usize> {
        let away = || self.tables.away.get(symbol).map(|away| away.place as usize - 1);
        self.book_index(symbol).or_else(away)
    }

    /// Restores a symbol that is away from an image, still without its orders.
    pub(super) fn restore_away(
        &mut self,
        command: &Command,
        asked: &MoveSymbol,
    ) -> Result<(), Reason> {
        let lasts = matches!(asked.step, MoveStep::Halt | MoveStep::Import | MoveStep::Release);
        let is_traded = self.book_index(command.symbol).is_some();
        if command.verdict != Reason::None || !lasts || !is_traded {
            return Err(Reason::InvalidMove);
        }
        self.put_away(command.symbol, asked);
        Ok(())
    }

    /// Restores a waiting order from an image.
    pub(super) fn restore_waiting(
        &mut self,
        symbol: SymbolId,
        order: Order,
        price: i64,
    ) -> Result<(), &'static str> {
        if order.attributes.tif().is_for_auction() {
            return Err("it waits for an auction of a symbol that is not traded here");
        }
        if order.attributes.is_stop() {
            return Err("it is a stop of a symbol that is not traded here");
        }
        if order.attributes.is_special() {
            return Err("it has terms that no order of a symbol has that is not traded here");
        }
        if self.away(symbol).asked.step == MoveStep::Release {
            return Err("its symbol is traded somewhere else");
        }
        if self.is_importing(symbol) && order.executed == 0 {
            return Err("it came with its symbol and had no id where it was");
        }
        self.add_waiting(Waiting { order, price });
        Ok(())
    }

    fn check_import(
        &self,
        command: &Command,
        enter: &Enter,
        id_there: OrderId,
    ) -> Result<(), Reason> {
        if command.verdict != Reason::None {
            return Err(command.verdict);
        }
        let away = self.tables.away.get(command.symbol).ok_or(Reason::InvalidMove)?;
        if away.asked.step != MoveStep::Import || id_there == OrderId(0) {
            return Err(Reason::InvalidMove);
        }
        let rests = matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc);
        if enter.order_type != OrderType::Limit || !rests {
            return Err(Reason::Unsupported);
        }
        if enter.price.0 < 1 {
            return Err(Reason::InvalidPrice);
        }
        self.books[away.place as usize - 1].check_quantity(enter.quantity.0)?;
        let bucket = self.orders.bucket(command.session, enter.id);
        if self.waits(command.session, enter.id)
            || self.orders.is_live(bucket, command.session, enter.id)
        {
            return Err(Reason::DuplicateId);
        }
        Ok(())
    }

    /// Returns true if an order with this id waits with a symbol that is away.
    pub(super) fn waits(&self, session: SessionId, id: OrderId) -> bool {
        self.waiting_ids.contains(&(session.0, id.0))
    }

    /// Returns true if a request names an order that waits with the symbol of the request. An id of
    /// another symbol is unknown, as it is to a shard without that symbol.
    pub(super) fn names_waiting(&self, command: &Command, id: OrderId) -> bool {
        self.tables.away.has(command.symbol) && self.waits(command.session, id)
    }

    /// Gives a symbol its book back; the orders that waited rest again.
    fn open(&mut self, symbol: SymbolId, waiting: &[Waiting]) {
        let Away { place, .. } = self.tables.away.remove(symbol).expect("it is away");
        self.book_of[symbol.0 as usize] = place;
        let book = place as usize - 1;
        self.orders.make_room(waiting.len());
        for Waiting { order, price } in waiting {
            self.place(book, *order, *price);
        }
    }

    fn book_is_empty(&self, symbol: SymbolId) -> bool {
        let is_empty = |book: usize| self.books[book].sides.iter().all(|side| side.best() == NIL);
        self.book_index(symbol).is_some_and(is_empty)
    }
}

/// Publishes the step of a symbol and the number of orders that it concerns.
fn announce(symbol: SymbolId, asked: &MoveSymbol, orders: usize, sink: &mut impl ReportSink) {
    let moved = SymbolMoved { moved: asked.moved(), count: orders as u64 };
    sink.report(moved.about(symbol));
}
