//! The naive venue: one list of live orders, searched again for every question. It is written from
//! the matching rules alone, to be read beside them; speed is not a goal.

mod bands;
mod clock;
mod icebergs;
mod moves;
mod pegs;
mod short_sale;
mod special;
mod states;
mod stops;

use bands::LimitState;
use icebergs::{Iceberg, seen_less};
use moves::Away;
use ringside_engine::{LevelView, OrderView};
use ringside_model::command::{
    AccountQuery, Action, BreakTrade, Cancel, Command, CorrectTrade, DefineFirm, DefineSession,
    DefineSymbol, Definition, Enter, MassCancel, Modify, OperatorCommand, Reduce, Replace,
    RunTimers, Sequenced, SetBands, SetDurability, SetOrderEntry, SetQuote, SetShortSale, SetState,
    SpecialTerms, TradingDay,
};
use ringside_model::domain::{
    AtBand, AtShortTest, Capacity, DayEvent, FirmId, Nanos, OrderId, OrderNumber, OrderType,
    PostOnly, Price, Quantity, SelfTrade, SessionId, Side, SymbolId, SymbolState, Tick,
    TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{
    self, Accepted, AccountQueried, Body, Broken, Canceled, Corrected, Defined, DurabilitySet,
    Executed, MassCanceled, Modified, Moved, OrderEntrySet, Rejected, Replaced, Report, ReportSink,
    Restated, RiskSet, Subject, Unfinished,
};
use states::Indication;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

/// State of a venue.
#[derive(Clone, Debug, Default)]
pub struct Naive {
    /// Live orders, in no meaningful order.
    pub orders: Vec<Order>,
    /// Symbols, with the last trade price of each.
    pub symbols: BTreeMap<SymbolId, (DefineSymbol, Option<Price>)>,
    /// Symbols that are not traded here.
    pub away: BTreeMap<SymbolId, Away>,
    /// True from the end of a trading day to the start of the next one.
    pub day_over: bool,
    /// States of the symbols that are not open.
    states: BTreeMap<SymbolId, SymbolState>,
    /// Last published indication of the symbols in a call.
    told: BTreeMap<SymbolId, Indication>,
    /// Planned states, with their time.
    pub plans: BTreeMap<SymbolId, (Nanos, SymbolState)>,
    /// Price bands, with the reference of the dynamic ones.
    pub bands: BTreeMap<SymbolId, SetBands>,
    /// Best bid and offer of the whole market; zero for none.
    quotes: BTreeMap<SymbolId, (Price, Price)>,
    /// Short sale restrictions: true if short sales are restricted, and true if a fall restricts
    /// them.
    short_sales: BTreeMap<SymbolId, (bool, bool)>,
    /// Quotes at a dynamic band; and the ends of the pauses that followed from such quotes.
    pub limit_states: BTreeMap<SymbolId, LimitState>,
    pub reopenings: BTreeMap<SymbolId, u64>,
    /// Number of the command.
    at: OrderNumber,
    /// Official time of the command.
    now: Nanos,
    /// Lowest price of the command's trades in the present symbol.
    lowest: Option<Price>,
    /// Prices of these trades that belong to no wave of stops yet.
    traded_at: Vec<Price>,
    /// Number of these trades, of the orders with a new place, of the waves of stops, and of the
    /// stops that wait from now on.
    trades: u32,
    placed: u64,
    waves: u32,
    kept_waiting: u64,
    sessions: BTreeSet<SessionId>,
    firms: BTreeSet<FirmId>,
    reports: Vec<Report>,
}

/// A live order, or the incoming one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub number: OrderNumber,
    /// Number of the command that entered or replaced the order; a new place does not change it.
    pub entered: u64,
    pub session: SessionId,
    pub id: OrderId,
    pub symbol: SymbolId,
    pub side: Side,
    /// Limit, or the stop price of a stop; zero for a market or market-to-limit order that has not
    /// booked.
    pub price: Price,
    pub open: u64,
    pub executed: u64,
    firm: FirmId,
    group: u16,
    post_only: PostOnly,
    self_trade: SelfTrade,
    tif: TimeInForce,
    capacity: Capacity,
    attributed: bool,
    /// Limit with which a stop enters the book; `None` if the order is no stop.
    stop: Option<Option<Price>>,
    /// Command that reached a stop which has to wait, and the place of the stop among those that
    /// the command reached.
    reached: Option<(u64, u64)>,
    /// Slices of an iceberg.
    iceberg: Option<Iceberg>,
    /// Special terms.
    special: Option<SpecialTerms>,
    /// True for a peg that is out of the book.
    parked: bool,
}

impl Naive {
    /// Applies one command and returns the reports to it.
    pub fn apply_one(&mut self, sequenced: &Sequenced) -> Vec<Report> {
        let number = OrderNumber(sequenced.seqno.0);
        let command = &sequenced.command;
        (self.at, self.now) = (number, sequenced.time);
        self.pass_time(command);
        match command.action {
            Action::Enter(enter) => self.enter(number, command, &enter),
            Action::EnterStop(stop) => self.enter_stop(number, command, &stop),
            Action::EnterIceberg(iceberg) => self.enter_iceberg(number, command, &iceberg),
            Action::Reduce(Reduce { id, quantity }) => self.reduce(command, id, quantity.0),
            Action::Replace(Replace { id, new_id, quantity, price }) => {
                self.replace(number, command, id, new_id, quantity.0, price)
            }
            Action::ReplaceTerms(asked) => {
                self.reject(command, asked.replace.new_id, Side::Buy, Reason::Unsupported);
            }
            Action::Cancel(Cancel { id }) => self.cancel(command, id),
            Action::Modify(Modify { id, side, quantity }) => {
                self.modify(command, id, side, quantity)
            }
            Action::MassCancel(filter) => self.mass_cancel(command, filter),
            Action::Operator(OperatorCommand::SetState(SetState { state })) => {
                self.set_state(command, state)
            }
            Action::Operator(OperatorCommand::TradingDay(TradingDay { event })) => {
                self.trading_day(command, event)
            }
            Action::SetOrderEntry(SetOrderEntry { id, enabled }) => {
                self.answer(command, id, OrderEntrySet { enabled });
            }
            Action::AccountQuery(AccountQuery { next }) => {
                self.answer(command, OrderId(0), AccountQueried { next_id: next });
            }
            Action::EnterSpecial(special) => self.enter_special(number, command, &special),
            Action::Operator(OperatorCommand::PlanState(plan)) => self.plan_state(command, &plan),
            Action::Operator(OperatorCommand::RunTimers(RunTimers)) => self.tick(command),
            Action::Operator(OperatorCommand::SetBands(bands)) => self.set_bands(command, &bands),
            Action::Operator(OperatorCommand::SetQuote(SetQuote { bid, offer })) => {
                self.set_quote(command, bid, offer)
            }
            Action::Operator(OperatorCommand::SetShortSale(SetShortSale {
                restricted,
                automatic,
            })) => {
                self.set_short_sale(command, restricted, automatic);
            }
            Action::Operator(OperatorCommand::SetRisk(risk)) => {
                self.answer(command, OrderId(0), RiskSet { firm: risk.firm });
            }
            Action::Operator(OperatorCommand::BreakTrade(trade)) => {
                self.break_trade(command, &trade)
            }
            Action::Operator(OperatorCommand::CorrectTrade(correction)) => {
                self.correct_trade(command, &correction)
            }
            Action::Definition(Definition::Symbol(definition)) => {
                self.define_symbol(command, definition)
            }
            Action::Definition(Definition::Session(DefineSession { firm, .. })) => {
                self.define_session(command, firm)
            }
            Action::Definition(Definition::Firm(DefineFirm { firm, .. })) => {
                self.define_firm(command, firm)
            }
            Action::Operator(OperatorCommand::MoveSymbol(asked)) => {
                self.move_symbol(command, &asked)
            }
            Action::Operator(OperatorCommand::ImportOrder(import)) => {
                self.import_order(number, command, &import)
            }
            Action::Operator(OperatorCommand::SetDurability(SetDurability { durability })) => {
                self.answer(command, OrderId(0), DurabilitySet { durability });
            }
        }
        self.look_after(command.symbol);
        (self.at, self.now) = (OrderNumber(0), Nanos(0));
        self.reports.end_command();
        take(&mut self.reports)
    }

    /// Reports the changes of a symbol other than those of its orders, and ends the command's work
    /// on the symbol.
    fn look_after(&mut self, symbol: SymbolId) {
        self.restrict_after_fall(symbol);
        self.indicate(symbol);
        self.look_at_quotes(symbol, self.now);
        self.lowest = None;
        self.traded_at.clear();
        (self.trades, self.placed, self.waves, self.kept_waiting) = (0, 0, 0, 0);
    }

    fn enter(&mut self, number: OrderNumber, command: &Command, enter: &Enter) {
        let limit = match self.check_enter(command, enter) {
            Ok(limit) => limit,
            Err(reason) => return self.reject_enter(command, enter, reason),
        };
        let number = self.own_place(number);
        self.begin(Order::new(number, command, enter, limit), enter);
    }

    /// Begins a new order: it waits, or trades and books the rest.
    fn begin(&mut self, mut incoming: Order, enter: &Enter) {
        let (symbol, limit) = (incoming.symbol, incoming.price);
        let bound = if enter.order_type == OrderType::Limit {
            limit
        } else {
            self.collar(symbol, enter.side.is_buy())
        };
        self.say(Accepted { stop: None }, &incoming, incoming.open);
        if self.state(symbol) != SymbolState::Open || incoming.is_for_auction() {
            return self.put(incoming);
        }

        let is_fok = enter.tif == TimeInForce::Fok;
        if is_fok && self.tradable(&incoming, bound) < incoming.open {
            return self.cut(&mut incoming, enter.quantity.0, Reason::FokNotFillable);
        }
        let last_fill = self.match_incoming(&mut incoming, bound);
        if incoming.open > 0 {
            self.settle_rest(incoming, enter, last_fill, bound);
        }
        self.elect(symbol);
    }

    /// Returns the limit at which a new order would book, or the reason of its reject.
    fn check_enter(&self, command: &Command, enter: &Enter) -> Result<Price, Reason> {
        self.check_terms(command, enter)?;
        let whose = (enter.side, enter.tif, None);
        self.entry_limit(command.symbol, whose, enter.price, enter.post_only)
    }

    /// Returns the limit of an order at its entry. First the bands bound the limit, then post-only
    /// is applied, and the result must pass the short sale test.
    fn entry_limit(
        &self,
        symbol: SymbolId,
        (side, tif, terms): (Side, TimeInForce, Option<SpecialTerms>),
        limit: Price,
        post_only: PostOnly,
    ) -> Result<Price, Reason> {
        let (buy, wanted) = (side.is_buy(), limit);
        let limit = self.banded(symbol, buy, tif, limit);
        if limit != wanted && terms.is_some_and(|terms| terms.at_band == AtBand::Cancel) {
            return Err(Reason::PriceBand);
        }
        let passive = self.passive_price(symbol, buy, limit, post_only);
        let limit = passive.ok_or(Reason::PostOnlyWouldCross)?;
        if self.passes_short_test(symbol, side, limit) {
            return Ok(limit);
        }
        let slides = terms.is_some_and(|terms| terms.at_short_test == AtShortTest::Slide);
        match self.tested_bid(symbol) {
            Some(Price(bid)) if slides && limit.0 != 0 && bid < i64::MAX => Ok(Price(bid + 1)),
            _ => Err(Reason::ShortRestricted),
        }
    }

    /// Returns the reason to reject a new order that does not depend on resting orders.
    fn check_terms(&self, command: &Command, enter: &Enter) -> Result<(), Reason> {
        if command.verdict != Reason::None {
            return Err(command.verdict);
        }
        if !self.is_traded(command.symbol) {
            return Err(self.absence(command.symbol).0);
        }
        let (definition, _) = &self.symbols[&command.symbol];
        if self.find(command.session, enter.id).is_some() || self.waits(command.session, enter.id) {
            return Err(Reason::DuplicateId);
        }
        if let Some(reason) = self.closed_to(command.symbol) {
            return Err(reason);
        }
        if enter.quantity.0 == 0 {
            return Err(Reason::InvalidQuantity);
        }
        if !enter.quantity.0.is_multiple_of(definition.lot.0) {
            return Err(Reason::OffLot);
        }
        let is_limit = enter.order_type == OrderType::Limit;
        let price_ok = if is_limit { enter.price.0 >= 1 } else { enter.price.0 == 0 };
        if !price_ok {
            return Err(Reason::InvalidPrice);
        }
        let may_rest = matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc);
        let for_auction = !may_rest && !matches!(enter.tif, TimeInForce::Ioc | TimeInForce::Fok);
        if enter.post_only != PostOnly::Off && !(is_limit && may_rest) {
            return Err(Reason::Unsupported);
        }
        let is_market_to_limit = enter.order_type == OrderType::MarketToLimit;
        if is_market_to_limit && (enter.tif == TimeInForce::Fok || for_auction) {
            return Err(Reason::Unsupported);
        }
        self.admit(command.symbol, enter.order_type, enter.tif)
    }

    /// Returns the limit at which an order books under its post-only option; `None` if it cannot
    /// book.
    fn passive_price(
        &self,
        symbol: SymbolId,
        buy: bool,
        limit: Price,
        post_only: PostOnly,
    ) -> Option<Price> {
        let touch = self.side(symbol, !buy).first().map(|best| best.price);
        match touch {
            // No order takes liquidity during a call.
            _ if self.state(symbol) != SymbolState::Open => Some(limit),
            Some(touch) if post_only != PostOnly::Off && reaches(buy, limit, touch) => {
                let passive = if buy { touch.0 - 1 } else { touch.0.checked_add(1)? };
                (post_only == PostOnly::Slide && passive >= 1).then_some(Price(passive))
            }
            _ => Some(limit),
        }
    }

    /// Returns the worst price at which a market order may trade.
    fn collar(&self, symbol: SymbolId, buy: bool) -> Price {
        let (definition, last) = &self.symbols[&symbol];
        let reference = i128::from(last.unwrap_or(definition.reference).0);
        let delta = reference * i128::from(definition.collar_bps) / 10_000;
        let unbounded = reference == 0 || definition.collar_bps == 0;
        let collar = Price(match (buy, unbounded) {
            (true, true) => i64::MAX,
            (false, true) => 1,
            (true, false) => i64::try_from(reference + delta).unwrap_or(i64::MAX),
            (false, false) => (reference - delta).max(1) as i64,
        });
        self.banded(symbol, buy, TimeInForce::Ioc, collar)
    }

    /// Returns the quantity that an order would trade at once: it trades in a copy of the venue.
    fn tradable(&self, incoming: &Order, bound: Price) -> u64 {
        let (mut copy, mut order) = (self.clone(), *incoming);
        copy.trade_all(&mut order, bound);
        order.executed - incoming.executed
    }

    /// Trades an order as far as it goes, or not at all if that is less than its minimum; returns
    /// the last price.
    fn match_incoming(&mut self, incoming: &mut Order, bound: Price) -> Option<Price> {
        if incoming.least() > 0 && self.tradable(incoming, bound) < incoming.least() {
            return None;
        }
        self.trade_all(incoming, bound)
    }

    /// Trades until nothing is open or nothing within the bound is left; returns the last price.
    fn trade_all(&mut self, incoming: &mut Order, bound: Price) -> Option<Price> {
        let buy = incoming.side.is_buy();
        let mut last_fill = None;
        while incoming.open > 0 {
            let best = self.first_for(incoming);
            let Some(mut resting) = best.filter(|best| reaches(buy, bound, best.price)) else {
                break;
            };
            if must_not_trade(incoming, &resting) {
                self.prevent_self_trade(&mut resting, incoming);
            } else {
                last_fill = Some(resting.price);
                self.trade(&mut resting, incoming);
            }
            self.put(resting);
            self.refresh(resting);
        }
        last_fill
    }

    fn trade(&mut self, resting: &mut Order, incoming: &mut Order) {
        self.trades += 1;
        self.note_trade(resting.symbol, resting.price);
        let quantity = resting.shown().min(incoming.open);
        let contra = [incoming.number, resting.number];
        for (i, order) in [&mut *resting, &mut *incoming].into_iter().enumerate() {
            order.fill(quantity);
            let (trade, contra, removed) = (self.trades, contra[i], i == 1);
            self.say(Executed { trade, contra, removed, auction: None }, order, quantity);
        }
        self.reports.last_mut().unwrap().price = resting.price;
    }

    /// Keeps the price of a trade for what follows from it.
    fn note_trade(&mut self, symbol: SymbolId, price: Price) {
        self.traded_at.push(price);
        self.lowest = Some(self.lowest.unwrap_or(price).min(price));
        self.symbols.get_mut(&symbol).unwrap().1 = Some(price);
    }

    fn prevent_self_trade(&mut self, resting: &mut Order, incoming: &mut Order) {
        let (old, new) = (resting.open, incoming.open);
        let smaller = old.min(new);
        let (old_loses, new_loses) = match incoming.self_trade {
            SelfTrade::None => unreachable!("such orders trade"),
            SelfTrade::CancelNewest => (0, new),
            SelfTrade::CancelOldest => (old, 0),
            SelfTrade::CancelBoth => (old, new),
            SelfTrade::Decrement => (smaller, smaller),
            SelfTrade::CancelSmallest if old < new => (old, 0),
            SelfTrade::CancelSmallest if old > new => (0, new),
            SelfTrade::CancelSmallest => (old, new),
        };
        self.cut(resting, old_loses, Reason::SelfTrade);
        self.cut_at(incoming, new_loses, Reason::SelfTrade, resting.price);
    }

    /// Books or cancels the rest of a new order after matching.
    fn settle_rest(
        &mut self,
        mut rest: Order,
        enter: &Enter,
        last_fill: Option<Price>,
        bound: Price,
    ) {
        let is_ioc = enter.tif == TimeInForce::Ioc;
        let reason = match (enter.order_type, last_fill) {
            (OrderType::Limit, _) if !is_ioc => return self.put(rest),
            (OrderType::MarketToLimit, Some(price)) if !is_ioc => {
                rest.price = price;
                self.say(Restated {}, &rest, rest.open);
                return self.put(rest);
            }
            (OrderType::Limit, _) | (OrderType::MarketToLimit, Some(_)) => Reason::IocRemainder,
            _ => self.why_no_more(&rest, bound),
        };
        let open = rest.open;
        self.cut(&mut rest, open, reason);
    }

    fn reduce(&mut self, command: &Command, id: OrderId, quantity: u64) {
        let Some(mut order) = self.find_named(command, id) else {
            return self.reject_not_live(command, id);
        };
        let lot = self.symbols[&order.symbol].0.lot.0;
        if quantity == 0 {
            self.reject(command, id, Side::Buy, Reason::InvalidQuantity);
        } else if !quantity.is_multiple_of(lot) {
            self.reject(command, id, Side::Buy, Reason::OffLot);
        } else if quantity >= order.executed + order.open {
            self.reject(command, id, Side::Buy, Reason::NotAReduction);
        } else {
            let cut = order.open - quantity.saturating_sub(order.executed);
            self.cut(&mut order, cut, Reason::User);
            self.put(order);
        }
    }

    fn modify(
        &mut self,
        command: &Command,
        id: OrderId,
        side: Option<Side>,
        quantity: Option<Quantity>,
    ) {
        let Some(old) = self.find_named(command, id) else {
            return self.reject_not_live(command, id);
        };
        let (mut new, mut seen) = (old, 0);
        match (old.side, side) {
            (Side::Buy, Some(Side::Sell | Side::Short | Side::ShortExempt))
            | (Side::Sell | Side::Short | Side::ShortExempt, Some(Side::Buy)) => {
                return self.reject(command, id, Side::Buy, Reason::InvalidSide);
            }
            (_, None) => {}
            (_, Some(side)) => new.side = side,
        }
        let is_tested = old.stop.is_none() && !old.parked && new.side != old.side;
        if is_tested && !self.passes_short_test(old.symbol, new.side, old.price) {
            return self.reject(command, id, Side::Buy, Reason::ShortRestricted);
        }
        if let Some(Quantity(total)) = quantity {
            if total == 0 {
                return self.reject(command, id, Side::Buy, Reason::InvalidQuantity);
            }
            if !total.is_multiple_of(self.symbols[&old.symbol].0.lot.0) {
                return self.reject(command, id, Side::Buy, Reason::OffLot);
            }
            if total <= old.executed {
                return self.end(old, Reason::User);
            }
            seen = new.shrink(old.open - old.open.min(total - old.executed));
        }
        if new == old {
            return self.reject(command, id, Side::Buy, Reason::NotAReduction);
        }
        self.say(Modified { displayed: seen_less(&new, seen) }, &new, old.open - new.open);
        self.put(new);
    }

    fn cancel(&mut self, command: &Command, id: OrderId) {
        match self.find_named(command, id) {
            Some(order) => self.end(order, Reason::User),
            None => self.reject_not_live(command, id),
        }
    }

    fn replace(
        &mut self,
        number: OrderNumber,
        command: &Command,
        id: OrderId,
        new_id: OrderId,
        quantity: u64,
        price: Price,
    ) {
        // The orders of a symbol that is not traded here are unknown here.
        if let Reason::Moving | Reason::WrongPartition = command.verdict {
            return self.reject(command, new_id, Side::Buy, command.verdict);
        }
        let is_used = new_id == id
            || self.find(command.session, new_id).is_some()
            || self.waits(command.session, new_id);
        if command.verdict == Reason::DuplicateId || is_used {
            return self.reject(command, new_id, Side::Buy, Reason::DuplicateId);
        }
        let Some(old) = self.find_named(command, id) else {
            let waits = self.waits(command.session, id);
            let reason = if waits { Reason::Moving } else { Reason::TooLate };
            return self.reject(command, new_id, Side::Buy, reason);
        };
        match command.verdict {
            // These verdicts of the gateway reject the request without a look at the book.
            Reason::LowSpace
            | Reason::RateLimit
            | Reason::OrderEntryDisabled
            | Reason::NotPermitted
            | Reason::Closed
            | Reason::Halted
            | Reason::CancelOnly
            | Reason::Busy
            | Reason::Killed
            | Reason::RiskQuantity
            | Reason::RiskNotional
            | Reason::RiskGross
            | Reason::RiskRate => {
                return self.reject(command, new_id, Side::Buy, command.verdict);
            }
            _ => {}
        }
        if old.reached.is_some() {
            return self.reject(command, new_id, Side::Buy, Reason::TooLate);
        }
        if old.stop.is_some() || old.is_peg() {
            return self.reject(command, new_id, Side::Buy, Reason::Unsupported);
        }
        let admitted = self.admit(old.symbol, OrderType::Limit, old.tif);
        if let Some(reason) = self.closed_to(old.symbol).or(admitted.err()) {
            return self.reject(command, new_id, Side::Buy, reason);
        }
        // An auction order without a price has no limit.
        let lowest = if old.is_for_auction() { 0 } else { 1 };
        let lot = self.symbols[&old.symbol].0.lot.0;
        let quantity_ok = quantity > 0 && quantity.is_multiple_of(lot);
        let open = quantity.saturating_sub(old.executed);
        let can_show =
            old.iceberg.is_none_or(|iceberg| self.can_show(old.symbol, &iceberg.display, open));
        if command.verdict != Reason::None || !quantity_ok || price.0 < lowest || !can_show {
            return self.end(old, Reason::ReplacedInvalid);
        }
        if quantity <= old.executed {
            return self.end(old, Reason::User);
        }
        let whose = (old.side, old.tif, old.special);
        let booked = self.entry_limit(old.symbol, whose, price, old.post_only);
        let Ok(price) = booked else { return self.end(old, Reason::ReplacedInvalid) };
        self.put(Order { open: 0, ..old });
        let (number, entered) = (self.own_place(number), number.0);
        let mut new = Order { number, entered, id: new_id, price, open, ..old };
        new.iceberg = old.iceberg.map(|iceberg| Iceberg { shown: 0, ..iceberg });
        let (attributed, capacity) = (old.attributed, old.capacity);
        let place = (number.0 >> 44) as u32;
        self.say(Replaced { old_id: id, place, stop: None, attributed, capacity }, &new, quantity);
        self.reports.last_mut().unwrap().order = old.number;
        if self.state(old.symbol) == SymbolState::Open && !old.is_for_auction() {
            self.match_incoming(&mut new, price);
        }
        self.rest(new);
        self.elect(old.symbol);
    }

    fn mass_cancel(&mut self, command: &Command, filter: MassCancel) {
        let symbol = command.symbol;
        let cause = match command.verdict {
            Reason::None => Reason::MassCancel,
            verdict if (verdict as u8) < 32 => verdict,
            refused => return self.reject(command, filter.id, Side::Buy, refused),
        };
        if symbol != SymbolId::NONE && !self.is_traded(symbol) {
            return self.reject_absent(command, filter.id, Side::Buy);
        }
        let is_covered = |order: &Order| {
            (symbol == SymbolId::NONE || symbol == order.symbol)
                && filter.session.is_none_or(|session| session == order.session)
                && filter.firm.is_none_or(|firm| firm == order.firm)
                && filter.group.is_none_or(|group| group == order.group)
                && filter.buy.is_none_or(|buy| buy == order.side.is_buy())
        };
        let subject = Subject { id: filter.id, ..Subject::from(command) };
        // Orders that are over are none of these: they end as expired.
        let goes = |order: &&Order| is_covered(order) && !order.is_over(self.now);
        let count = self.orders.iter().filter(goes).count() as u64;
        self.reports.push(MassCanceled { count }.about(subject));
        if symbol != SymbolId::NONE {
            return self.end_those_of(symbol, is_covered, cause);
        }
        for symbol in self.known_symbols() {
            self.catch_up(symbol);
            self.end_those_of(symbol, is_covered, cause);
            self.look_after(symbol);
        }
    }

    fn trading_day(&mut self, command: &Command, event: DayEvent) {
        if command.verdict != Reason::None {
            return self.reject(command, OrderId(0), Side::Buy, command.verdict);
        }
        let (was_over, is_over) = (self.day_over, event == DayEvent::End);
        let ends_with_day = |order: &Order| is_over && order.tif != TimeInForce::Gtc;
        let ends = |order: &&Order| ends_with_day(order) || order.is_over(self.now);
        let count = self.orders.iter().filter(ends).count() as u64;
        self.reports.push(report::TradingDay { event, count }.about(command));
        for symbol in self.known_symbols() {
            // What was due before belongs to the day as it was before.
            self.day_over = was_over;
            self.catch_up(symbol);
            self.day_over = is_over;
            if is_over {
                self.end_those_of(symbol, ends_with_day, Reason::Expired);
                self.end_day_of(symbol);
            }
            self.look_after(symbol);
            if self.has_late_pegs(symbol) {
                self.reports.push(Unfinished {}.about(symbol));
            }
        }
        self.day_over = is_over;
    }

    fn known_symbols(&self) -> Vec<SymbolId> {
        self.symbols.keys().copied().collect()
    }

    /// Ends some orders of a symbol, in the order in which orders of a symbol end.
    fn end_those_of(&mut self, symbol: SymbolId, ends: impl Fn(&Order) -> bool, reason: Reason) {
        for order in self.all_of(symbol).into_iter().filter(ends) {
            self.end(order, reason);
        }
    }

    fn break_trade(&mut self, command: &Command, trade: &BreakTrade) {
        if command.verdict != Reason::None {
            return self.reject(command, OrderId(0), Side::Buy, command.verdict);
        }
        for side in &trade.sides() {
            let subject = Subject { session: side.session, id: side.id, ..Subject::from(command) };
            self.reports.push(Broken { match_number: trade.match_number }.about(subject));
        }
    }

    fn correct_trade(&mut self, command: &Command, correction: &CorrectTrade) {
        if command.verdict != Reason::None {
            return self.reject(command, OrderId(0), Side::Buy, command.verdict);
        }
        for side in &correction.trade.sides() {
            let corrected = Corrected { match_number: correction.trade.match_number };
            self.reports.push(corrected.about(Subject {
                session: side.session,
                id: side.id,
                price: correction.price,
                quantity: correction.quantity,
                ..Subject::from(command)
            }));
        }
    }

    fn define_symbol(&mut self, command: &Command, definition: DefineSymbol) {
        let is_valid = command.symbol != SymbolId::NONE
            && definition.lot.0 > 0
            && definition.tick.mantissa > 0
            && definition.tick.scale <= Tick::SCALE_MAX
            && definition.reference.0 >= 0;
        let is_known = self.symbols.contains_key(&command.symbol);
        if self.may_define(command, is_valid, is_known) {
            self.symbols.insert(command.symbol, (definition, None));
            self.reports.push(Defined { firm: FirmId(0) }.about(command));
        }
    }

    fn define_session(&mut self, command: &Command, firm: FirmId) {
        let is_known = self.sessions.contains(&command.session);
        if self.may_define(command, command.session.0 != 0, is_known) {
            self.sessions.insert(command.session);
            self.reports.push(Defined { firm }.about(command));
        }
    }

    fn define_firm(&mut self, command: &Command, firm: FirmId) {
        let is_known = self.firms.contains(&firm);
        if self.may_define(command, firm.0 != 0, is_known) {
            self.firms.insert(firm);
            self.reports.push(Defined { firm }.about(command));
        }
    }

    /// Answers a command that changes nothing in the book.
    fn answer(&mut self, command: &Command, id: OrderId, body: impl Into<Body>) {
        if command.verdict != Reason::None {
            return self.reject(command, id, Side::Buy, command.verdict);
        }
        self.reports.push(body.into().about(Subject { id, ..Subject::from(command) }));
    }

    fn may_define(&mut self, command: &Command, is_valid: bool, is_known: bool) -> bool {
        let reason = match command.verdict {
            Reason::None if !is_valid => Reason::InvalidDefinition,
            Reason::None if is_known => Reason::DuplicateName,
            verdict => verdict,
        };
        if reason != Reason::None {
            self.reject(command, OrderId(0), Side::Buy, reason);
        }
        reason == Reason::None
    }

    /// Returns one side of one book in priority order, without the orders that wait beside the
    /// book.
    fn side(&self, symbol: SymbolId, buy: bool) -> Vec<Order> {
        let is_there = |o: &&Order| o.symbol == symbol && o.side.is_buy() == buy && !o.is_hidden();
        let mut side: Vec<Order> = self.orders.iter().filter(is_there).copied().collect();
        if buy {
            side.sort_by_key(|order| (Reverse(order.price), order.time()));
        } else {
            side.sort_by_key(|order| (order.price, order.time()));
        }
        side
    }

    fn find(&self, session: SessionId, id: OrderId) -> Option<Order> {
        self.orders.iter().find(|order| order.session == session && order.id == id).copied()
    }

    /// Returns the live order that a command names, of its session and its symbol.
    fn find_named(&self, command: &Command, id: OrderId) -> Option<Order> {
        self.find(command.session, id).filter(|order| order.symbol == command.symbol)
    }

    /// Stores an order in its present state; removes the order if nothing is open.
    fn put(&mut self, order: Order) {
        self.orders.retain(|other| !other.is_same(&order));
        if order.open > 0 {
            self.orders.push(order);
        }
    }

    /// Cancels the open quantity of a live order.
    fn end(&mut self, mut order: Order, reason: Reason) {
        let open = order.open;
        self.cut(&mut order, open, reason);
        self.put(order);
    }

    /// Cancels a part of an order and reports that; a part of zero is not reported.
    fn cut(&mut self, order: &mut Order, quantity: u64, reason: Reason) {
        self.cut_at(order, quantity, reason, Price(0));
    }

    /// Cancels a part of an order instead of a trade at a price; zero for another cause.
    fn cut_at(&mut self, order: &mut Order, quantity: u64, reason: Reason, prevented: Price) {
        if quantity > 0 {
            let rests = order.iceberg.is_some_and(|iceberg| iceberg.shown > 0);
            let seen = order.shrink(quantity);
            let displayed = seen_less(order, seen).filter(|_| rests && order.open > 0);
            self.say(Canceled { displayed, prevented }, order, quantity);
            self.reports.last_mut().unwrap().reason = reason;
        }
    }

    fn say(&mut self, body: impl Into<Body>, order: &Order, quantity: u64) {
        self.reports.push(body.into().about(Subject {
            reason: Reason::None,
            session: order.session,
            id: order.id,
            order: order.number,
            symbol: order.symbol,
            side: order.side,
            price: order.price,
            quantity: Quantity(quantity),
            open: Quantity(order.open),
            hidden: order.is_hidden(),
        }));
    }

    fn reject_not_live(&mut self, command: &Command, id: OrderId) {
        let reason = match command.verdict {
            _ if self.waits(command.session, id) => Reason::Moving,
            Reason::None => Reason::UnknownOrder,
            verdict => verdict,
        };
        self.reject(command, id, Side::Buy, reason);
    }

    /// Rejects a new order of any kind.
    fn reject_enter(&mut self, command: &Command, enter: &Enter, reason: Reason) {
        let is_away = command.verdict == Reason::None && self.away.contains_key(&command.symbol);
        let moved = self.absence(command.symbol).1.filter(|_| is_away);
        self.reject_with(command, (enter.id, enter.side), reason, moved);
    }

    /// Returns the number of the command's own order: that of the command, unless the command has
    /// given places before.
    fn own_place(&mut self, number: OrderNumber) -> OrderNumber {
        if self.placed == 0 { number } else { self.next_place() }
    }

    /// Returns the number for the next order that this command gives a new place.
    fn next_place(&mut self) -> OrderNumber {
        self.placed += 1;
        OrderNumber(self.at.0 + (self.placed << 44))
    }

    /// Rejects a command because its symbol is not traded here.
    fn reject_absent(&mut self, command: &Command, id: OrderId, side: Side) {
        let (reason, moved) = self.absence(command.symbol);
        self.reject_with(command, (id, side), reason, moved);
    }

    fn reject(&mut self, command: &Command, id: OrderId, side: Side, reason: Reason) {
        self.reject_with(command, (id, side), reason, None);
    }

    fn reject_with(
        &mut self,
        command: &Command,
        (id, side): (OrderId, Side),
        reason: Reason,
        moved: Option<Moved>,
    ) {
        let subject = Subject { reason, id, side, ..Subject::from(command) };
        self.reports.push(Rejected { moved }.about(subject));
    }

    /// Returns the levels of one side, best first.
    pub fn levels(&self, symbol: SymbolId, buy: bool) -> Vec<LevelView> {
        self.side(symbol, buy)
            .chunk_by(|a, b| a.price == b.price)
            .map(|level| LevelView {
                price: level[0].price,
                quantity: level.iter().map(|order| u128::from(order.shown())).sum(),
                orders: level.len() as u32,
            })
            .collect()
    }

    /// Returns the orders of one level in priority order.
    pub fn level(&self, symbol: SymbolId, buy: bool, price: Price) -> Vec<OrderView> {
        let side = self.side(symbol, buy);
        side.iter().filter(|order| order.price == price).map(Order::view).collect()
    }

    /// Returns a live order.
    pub fn live(&self, session: SessionId, id: OrderId) -> Option<OrderView> {
        self.find(session, id).as_ref().map(Order::view)
    }
}

impl Order {
    fn new(number: OrderNumber, command: &Command, enter: &Enter, price: Price) -> Self {
        Order {
            number,
            entered: number.0 % (1 << 44),
            session: command.session,
            id: enter.id,
            symbol: command.symbol,
            side: enter.side,
            price,
            open: enter.quantity.0,
            executed: 0,
            firm: enter.firm,
            group: enter.group,
            post_only: enter.post_only,
            self_trade: enter.self_trade,
            tif: enter.tif,
            capacity: enter.capacity,
            attributed: enter.attributed,
            stop: None,
            reached: None,
            iceberg: None,
            special: None,
            parked: false,
        }
    }

    /// Returns true if both are states of one order. A venue-wide command may give orders of two
    /// symbols the same number.
    fn is_same(&self, other: &Order) -> bool {
        (self.symbol, self.number) == (other.symbol, other.number)
    }

    fn fill(&mut self, quantity: u64) {
        self.open -= quantity;
        self.executed += quantity;
        if let Some(iceberg) = &mut self.iceberg {
            iceberg.shown = iceberg.shown.saturating_sub(quantity);
        }
    }

    /// Returns the time priority: the seqno of the command that gave the order its place, and the
    /// index among the places that the command gave.
    fn time(&self) -> (u64, u64) {
        (self.number.0 % (1 << 44), self.number.0 >> 44)
    }

    fn is_hidden(&self) -> bool {
        self.is_for_auction() || self.stop.is_some() || self.is_non_displayed() || self.parked
    }

    pub fn is_for_auction(&self) -> bool {
        matches!(self.tif, TimeInForce::AtOpen | TimeInForce::AtClose | TimeInForce::Auction)
    }

    fn view(&self) -> OrderView {
        OrderView {
            number: self.number,
            session: self.session,
            id: self.id,
            symbol: self.symbol,
            side: self.side,
            price: self.price,
            open: Quantity(self.open),
            shown: Quantity(if self.is_non_displayed() { 0 } else { self.shown() }),
            executed: Quantity(self.executed),
        }
    }
}

/// Returns true if an order with this bound may trade at the price.
fn reaches(buy: bool, bound: Price, price: Price) -> bool {
    if buy { price <= bound } else { price >= bound }
}

/// Returns true if self-trade prevention keeps the two orders apart.
fn must_not_trade(incoming: &Order, resting: &Order) -> bool {
    let has_owner = |order: &Order| (order.group != 0, order.firm.0 != 0);
    let is_own = match (has_owner(incoming), has_owner(resting)) {
        ((true, _), (true, _)) => incoming.group == resting.group,
        ((_, false), (_, false)) => incoming.session == resting.session,
        _ => incoming.firm == resting.firm,
    };
    is_own && incoming.self_trade != SelfTrade::None
}
