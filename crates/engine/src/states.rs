//! Session states: which orders may enter, and the auctions that end a call.

use super::book::{Book, key_of, unlink};
use super::collar::Coming;
use super::ladder::Ladder;
use super::matching::describe;
use super::orders::{Bucket, NIL, Order, Slot};
use super::stops::Traded;
use super::work::Step;
use super::{Engine, reject_operator};
use ringside_model::command::{Action, Command, OperatorCommand, Sequenced, SetState};
use ringside_model::domain::{
    Auction, Nanos, OrderId, OrderNumber, OrderType, Price, Quantity, SessionId, Side, SymbolId,
    SymbolState, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Executed, Indicative, ReportSink, StateChanged, Subject};
use ringside_planted::{Bug, planted};

/// Returns the reason if no order can enter a book now.
pub(super) fn refusal(book: &Book) -> Result<(), Reason> {
    match book.state() {
        _ if book.is_day_over() => Err(Reason::Closed),
        SymbolState::Closed => Err(Reason::Closed),
        SymbolState::Halted => Err(Reason::Halted),
        SymbolState::CancelOnly => Err(Reason::CancelOnly),
        SymbolState::Open
        | SymbolState::PreOpen
        | SymbolState::ReopeningCall
        | SymbolState::ClosingCall => Ok(()),
    }
}

/// Checks that an order of this type and time in force may enter in `state`, a state that accepts
/// orders.
pub(super) fn admission(
    state: SymbolState,
    order_type: OrderType,
    tif: TimeInForce,
) -> Result<(), Reason> {
    match tif {
        TimeInForce::AtOpen if state != SymbolState::PreOpen => Err(Reason::AuctionOver),
        TimeInForce::AtOpen | TimeInForce::AtClose | TimeInForce::Auction => Ok(()),
        _ if state == SymbolState::Open => Ok(()),
        TimeInForce::Day | TimeInForce::Gtc if order_type == OrderType::Limit => Ok(()),
        _ => Err(Reason::NotInCall),
    }
}

impl Engine {
    /// Sets the state of a symbol and drops its plan. A call that ends in trading, or in the close,
    /// runs its auction first.
    pub(super) fn set_state(
        &mut self,
        at: &Sequenced,
        &SetState { state, collar_off }: &SetState,
        sink: &mut impl ReportSink,
    ) {
        let Some(book) = self.book_to_change(at, sink) else { return };
        if let Err(reason) = self.may_begin(state) {
            return reject_operator(&at.command, reason, sink);
        }
        self.tables.plans.remove(at.command.symbol);
        self.enter_state(at, book, &Coming { collar_off, ..Coming::of(state) }, sink);
    }

    /// Checks that a state may begin now, or be planned: while the day is over, no state in which
    /// orders enter.
    pub(super) fn may_begin(&self, state: SymbolState) -> Result<(), Reason> {
        let rests =
            matches!(state, SymbolState::Closed | SymbolState::Halted | SymbolState::CancelOnly);
        if rests || !self.is_day_over { Ok(()) } else { Err(Reason::Closed) }
    }

    /// Sets the state of a traded symbol, for a command or a timer; or extends the call that was to
    /// end. The timer of a pause is dropped.
    ///
    /// Each step is finished before the next one: the auction, the orders that it left over, hidden
    /// orders with a minimum, pegs, stops.
    pub(super) fn enter_state(
        &mut self,
        at: &Sequenced,
        book: usize,
        coming: &Coming,
        sink: &mut impl ReportSink,
    ) {
        let (symbol, state) = (self.books[book].symbol(), coming.state);
        let uncross = self.uncross_for(book, coming);
        if let Some(uncross) = &uncross
            && self.extend_call(at, book, (coming, uncross), sink)
        {
            return;
        }
        self.change_state(book, symbol, state);
        if self.books[book].is_guarded() {
            self.change_market(book, |market| market.reopening = None);
        }
        let changed = StateChanged { state, reopens_at: Nanos(0) };
        sink.report(changed.about(symbol));
        self.park_pegs(book, sink);
        let step = match uncross {
            Some(uncross) => self.begin_cross(book, &uncross, sink),
            None => {
                self.cancel_leftovers(book, None, state, sink);
                self.step_after_auction(book, &Traded::default(), sink)
            }
        };
        self.work(at, book, step, sink);
    }

    /// Ends what a symbol cannot have while the day is over: its plan, a call, its pegs in the
    /// book.
    pub(super) fn end_day_of(&mut self, book: usize, sink: &mut impl ReportSink) {
        let symbol = self.books[book].symbol();
        self.tables.plans.remove(symbol);
        let is_crossing = self.is_crossing(book);
        // Orders beyond the bands would trade there on the next day.
        let owed = self.note_owed(book, None);
        if matches!(owed, Some(Step::Bands { .. })) {
            self.note_owed(book, Some(Step::Bands { opens: false }));
        }
        let is_in_call = self.books[book].state().auction().is_some();
        if (is_in_call || is_crossing) && !planted(Bug::CallsOutliveTheDay) {
            let state = SymbolState::Closed;
            self.change_state(book, symbol, state);
            if self.books[book].is_guarded() {
                self.change_market(book, |market| market.reopening = None);
            }
            sink.report(StateChanged { state, reopens_at: Nanos(0) }.about(symbol));
        }
        self.park_pegs(book, sink);
    }

    /// Restores the state of a symbol from an image.
    pub(super) fn restore_state(&mut self, command: &Command) -> Result<(), Reason> {
        let book = self.book_index(command.symbol).ok_or(Reason::UnknownSymbol)?;
        match command.action {
            Action::Operator(OperatorCommand::SetState(SetState { state, .. }))
                if state != SymbolState::Open =>
            {
                self.change_state(book, command.symbol, state);
                Ok(())
            }
            _ => Err(Reason::InvalidDefinition),
        }
    }

    /// Restores the indications: everything in an image has been published before.
    pub(super) fn restore_indications(&mut self) {
        let symbols: Vec<SymbolId> = self.in_call.keys().copied().collect();
        for symbol in symbols {
            let book = self.book_index(symbol).expect("what is in a call has a book");
            let clearing = self.clearing_in_call(book, &self.in_call[&symbol]);
            self.in_call.get_mut(&symbol).expect("it is in a call").told = clearing;
        }
    }

    /// Returns the states of the symbols that are not open, as the commands that recreate them.
    pub(super) fn states(&self) -> impl Iterator<Item = Command> {
        let is_open =
            |book: &Book| book.state() == SymbolState::Open || planted(Bug::StatesForgotten);
        self.books.iter().filter(move |book| !is_open(book)).map(|book| Command {
            session: SessionId(0),
            symbol: book.symbol(),
            verdict: Reason::None,
            action: Action::from(SetState::to(book.state())),
        })
    }

    pub(super) fn change_state(&mut self, book: usize, symbol: SymbolId, state: SymbolState) {
        let before = self.books[book].state();
        let change = self.books[book].set_state(state);
        self.books_hash = self.books_hash.wrapping_add(change);
        match state.auction() {
            None => _ = self.in_call.remove(&symbol),
            Some(auction) if state != before => self.begin_call(book, symbol, auction),
            Some(_) => {}
        }
        if state != before && self.settings(symbol).extended > 0 {
            self.change_settings(symbol, |settings| {
                (settings.extended, settings.extended_to) = (0, Nanos(0));
            });
        }
        self.watch(symbol);
    }

    /// Halts a symbol by a rule, and tells the reason.
    pub(super) fn halt(&mut self, book: usize, reason: Reason, sink: &mut impl ReportSink) {
        let (symbol, state) = (self.books[book].symbol(), SymbolState::Halted);
        self.change_state(book, symbol, state);
        let subject = Subject { reason, ..Subject::from(symbol) };
        sink.report(StateChanged { state, reopens_at: Nanos(0) }.about(subject));
    }

    /// Publishes the auction that a symbol in a call would have now, if it has changed.
    #[cold]
    #[inline(never)]
    pub(super) fn indicate(&mut self, symbol: SymbolId, sink: &mut impl ReportSink) {
        let Some(call) = self.in_call.get(&symbol) else { return };
        let Some(book) = self.book_index(symbol) else { return };
        let clearing = self.clearing_in_call(book, call);
        if clearing == call.told {
            return;
        }
        self.in_call.get_mut(&symbol).expect("it is in a call").told = clearing;
        let side = if clearing.offers_left > 0 { Side::Sell } else { Side::Buy };
        let auction = self.books[book].state().auction();
        sink.report(Indicative { auction }.about(Subject {
            side,
            price: Price(clearing.price),
            quantity: saturated(clearing.matched),
            open: saturated(clearing.bids_left + clearing.offers_left),
            ..symbol.into()
        }));
    }

    /// Cancels an order on the slow path: the order is not live or not plain, some symbol is
    /// watched, or some orders expire.
    #[cold]
    #[inline(never)]
    pub(super) fn cancel_slow(
        &mut self,
        at: &Sequenced,
        id: OrderId,
        bucket: Bucket,
        sink: &mut impl ReportSink,
    ) {
        self.catch_up(at, sink);
        match self.find(&at.command, id, bucket) {
            NIL => self.reject_unknown(&at.command, id, sink),
            slot => self.cancel_resting(slot, Reason::User, sink),
        }
        self.end_command(at, sink);
    }

    /// Returns true if orders can trade in an auction, by price alone.
    pub(super) fn is_crossed(&self, book: usize) -> bool {
        let [bid, offer] = [0, 1].map(|side| {
            let ladders = self.in_every_auction(book).map(|sides| &sides[side]);
            ladders.filter(|ladder| ladder.best() != NIL).map(|ladder| ladder.best_key()).min()
        });
        bid.zip(offer).is_some_and(|(bid, offer)| -bid >= offer)
    }

    /// Returns the ladders that take part in any auction: the book, and the hidden orders without a
    /// minimum.
    pub(super) fn in_every_auction(&self, book: usize) -> impl Iterator<Item = &[Ladder; 2]> {
        let book = &self.books[book];
        std::iter::once(&book.sides).chain(self.hidden(book.symbol(), false))
    }

    /// Cancels the orders for this auction that it left over, and the orders for an opening that
    /// has passed.
    pub(super) fn cancel_leftovers(
        &mut self,
        book: usize,
        auction: Option<Auction>,
        state: SymbolState,
        sink: &mut impl ReportSink,
    ) {
        if planted(Bug::LeftoversKept) {
            return;
        }
        let is_over = |tif: TimeInForce| {
            auction.is_some_and(|auction| tif.takes_part_in(auction))
                || tif == TimeInForce::AtOpen && state == SymbolState::Open
        };
        let pools = self.pools_of(self.books[book].symbol()).filter(|&(tif, ..)| is_over(tif));
        let over: Vec<Slot> = pools.flat_map(|(_, _, sides)| self.orders_in(sides)).collect();
        for slot in over {
            self.cancel_resting(slot, Reason::AuctionLeftover, sink);
        }
    }

    /// Trades at the price of an auction: better limits first, then older orders. An iceberg trades
    /// slice by slice, as in continuous trading. Returns false if the command may do no more and
    /// there is more to trade.
    pub(super) fn cross_at(
        &mut self,
        at: &Sequenced,
        book: usize,
        (auction, price, has_traded): (Auction, i64, &mut bool),
        traded: &mut Traded,
        sink: &mut impl ReportSink,
    ) -> bool {
        if price == 0 {
            return true;
        }
        while let [Some(bid), Some(offer)] =
            [true, false].map(|buy| self.next_at(book, (auction, price), buy))
        {
            let heads = [bid, offer];
            let quantity = heads.map(|slot| self.orders.get(slot).open).into_iter().min();
            let quantity = quantity.expect("there are two sides");
            let places = heads.iter().filter(|&&slot| self.shows_next(slot, quantity)).count();
            if traded.count == self.work_max || traded.placed + places as u32 > self.work_max {
                return false;
            }
            (traded.count, *has_traded) = (traded.count + 1, true);
            let spent = self.cross(heads, (quantity, price), (auction, traded.count), sink);
            for (order, limit) in spent.into_iter().flatten() {
                self.refresh(book, order, limit, (at.seqno, traded), sink);
            }
        }
        if !*has_traded {
            return true;
        }
        traded.add(price, price);
        self.set_last(book, price);
        if self.books[book].is_guarded() {
            self.note_low(book, price);
        }
        true
    }

    /// Returns the next order of a side that trades at the price of an auction.
    fn next_at(&self, book: usize, (auction, price): (Auction, i64), buy: bool) -> Option<Slot> {
        let slot = self.first_in_auction(book, self.books[book].symbol(), auction, buy)?;
        let limit = self.levels.get(self.orders.get(slot).level).price();
        let reaches = limit == 0 || key_of(buy, limit) <= key_of(buy, price);
        reaches.then_some(slot)
    }

    /// Makes one trade of an auction; the older order's report comes first. Returns the icebergs
    /// whose slice is used up, with their limits.
    fn cross(
        &mut self,
        mut pair: [Slot; 2],
        (quantity, price): (u64, i64),
        (auction, trade): (Auction, u32),
        sink: &mut impl ReportSink,
    ) -> [Option<(Order, i64)>; 2] {
        pair.sort_by_key(|&slot| OrderNumber(self.orders.get(slot).number).age());
        let [older, younger] = pair.map(|slot| self.orders.get(slot).number);
        let contra = [younger, older];
        let mut spent = [None; 2];
        for (i, slot) in pair.into_iter().enumerate() {
            let order = self.orders.get(slot);
            let (contra, removed) = (OrderNumber(contra[i]), i == 1);
            let executed = Executed { trade, contra, removed, auction: Some(auction) };
            sink.report(executed.about(Subject {
                quantity: Quantity(quantity),
                open: Quantity(order.open - quantity + self.behind(order)),
                ..describe(order, price)
            }));
            spent[i] = self.take_from(slot, quantity);
        }
        spent
    }

    /// Reduces a resting order by a trade. Returns an iceberg whose slice is used up, with its
    /// limit.
    fn take_from(&mut self, slot: Slot, quantity: u64) -> Option<(Order, i64)> {
        let order = self.orders.get_mut(slot);
        let (symbol, attributes, level) = (SymbolId(order.symbol), order.attributes, order.level);
        let limit = self.levels.get(level).price();
        self.books_hash = self.books_hash.wrapping_sub(order.hash(limit));
        order.open -= quantity;
        order.executed += quantity;
        self.levels.get_mut(level).subtract(quantity);
        let spent = *order;
        self.note_interest(symbol, attributes, limit, quantity, false);
        if spent.open > 0 {
            self.books_hash = self.books_hash.wrapping_add(spent.hash(limit));
            return None;
        }
        let (session, id) = (SessionId(spent.session), OrderId(spent.id));
        let bucket = self.orders.bucket(session, id);
        if unlink(slot, bucket, &mut self.orders, &mut self.levels).is_some() {
            self.remove_level(symbol, attributes, level);
        }
        if attributes.is_special() {
            self.forget_terms(&spent);
        }
        attributes.has_reserve().then_some((spent, limit))
    }

    /// Returns true if an order of this side and limit would trade with displayed orders on entry.
    pub(super) fn would_trade(&self, book: usize, buy: bool, price: i64) -> bool {
        let book = &self.books[book];
        book.is_open() && book.crosses(buy, key_of(buy, price))
    }
}

/// Returns a quantity for a report; the sum of many orders may exceed its range.
pub(super) fn saturated(quantity: u128) -> Quantity {
    Quantity(u64::try_from(quantity).unwrap_or(u64::MAX))
}
