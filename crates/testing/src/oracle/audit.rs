//! Rules that every report stream keeps, checked from the reports alone: quantity is conserved, an
//! order ends once, both sides of a trade agree, priority holds, the book is never crossed.

/// Returns an error with the text of the rule that is broken.
macro_rules! law {
    ($holds:expr, $report:expr) => {
        if !$holds {
            return Err(format!("{} fails at {:?}", stringify!($holds), $report));
        }
    };
}

mod book;
pub mod laws;
mod owners;
mod parts;
mod protection;
mod settings;
mod stops;
mod trades;
mod whole_commands;

use SymbolState::{CancelOnly, Closed, Halted};
use laws::{Law, Tried};
use owners::Owner;
use parts::{follows_auction, goes_on};
use protection::is_within;
use ringside_model::command::{
    Action, Command, Definition, NamedTerms, OperatorCommand, ReplaceTerms, RunTimers, Sequenced,
    SpecialTerms,
};
use ringside_model::domain::{
    DayEvent, MoveStep, Nanos, OrderId, OrderNumber, Peg, Price, SeqNo, SessionId, Side, SymbolId,
    SymbolState, Tick,
};
use ringside_model::reason::Reason;
use ringside_model::report::{
    Accepted, BandsSet, Body, Canceled, Crossed, Displayed, Entered, LimitState, MassCanceled,
    Modified, Quoted, ReferenceSet, Report, ReportKind, Repriced, ShortSaleSet, StateChanged,
    StatePlanned, StopWavesSet, SymbolMoved, Ticked, TradingDay, Triggered,
};
use std::collections::{BTreeSet, HashMap, HashSet};
use stops::reaches;
use trades::rank;

/// Largest number of waves of stops in one command, if a symbol has no other.
const WAVES_MAX: u32 = 100;
/// Time that a quote stands at a band before the symbol is paused, and length of the pause, in ns.
const STAND_NS: u64 = 15_000_000_000;
const PAUSE_NS: u64 = 300_000_000_000;

/// State of the venue, computed from the reports so far.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    live: Vec<Told>,
    /// True from the end of a trading day to the start of the next one.
    day_over: bool,
    /// Symbols without a command about their orders since the day started.
    owing: BTreeSet<SymbolId>,
    /// Symbols whose last command has left a part of its work to the next one, and those of which
    /// the present command says so.
    unfinished: BTreeSet<SymbolId>,
    left: BTreeSet<SymbolId>,
    /// Reported states of the symbols.
    states: HashMap<SymbolId, SymbolState>,
    /// Announced auction of the present symbol that has not ended, with the quantity that it has
    /// traded; and those of other symbols.
    auction: Option<(Report, u128)>,
    auctions_left: HashMap<SymbolId, (Report, u128)>,
    /// Symbols in the middle of an opening, with the age of the last order with a minimum that came
    /// in.
    openings: HashMap<SymbolId, u64>,
    /// Caps on waves of stops, ticks, and symbols whose last price the operator has set.
    waves_max: HashMap<SymbolId, u32>,
    ticks: HashMap<SymbolId, Tick>,
    set_by_operator: BTreeSet<SymbolId>,
    /// Symbols whose auction may or may not have been over when the day ended.
    unsure: BTreeSet<SymbolId>,
    /// Largest number of trades and of places of a command, if it is not the usual one.
    work_max: Option<u32>,
    /// Official time and number of the command.
    now: Nanos,
    number: OrderNumber,
    /// Reports of the command about the present symbol.
    progress: Progress,
    /// Number of stops that have had to wait.
    kept_waiting: u64,
    /// Last price of each symbol.
    last: HashMap<SymbolId, Price>,
    /// Last reported bands, and the static ones among them; zero for no bound.
    bands: HashMap<SymbolId, [Price; 2]>,
    static_bands: HashMap<SymbolId, [Price; 2]>,
    /// Symbols with another tick since the last report of their bands.
    untold_bands: BTreeSet<SymbolId>,
    /// Reference quotes, and the symbols with restricted short sales.
    quoted: HashMap<SymbolId, (Price, Price)>,
    restricted: HashMap<SymbolId, bool>,
    /// Quotes at a band, by symbol: since when, true for the bid, and the band.
    stands_since: HashMap<SymbolId, (u64, bool, Price)>,
    /// Orders of symbols that are being moved to another partition.
    waiting: Vec<Told>,
    entered: u128,
    filled: u128,
    canceled: u128,
    /// Open quantity of orders that were replaced.
    replaced: u128,
    /// Owners of the orders that arrive with their symbol, until they rest.
    arriving: HashMap<OrderNumber, Owner>,
    /// Orders that have ended, with the numbers that they had at the end.
    ended: HashSet<(SymbolId, OrderNumber)>,
    /// Numbers that the command has given.
    given: HashSet<(SymbolId, OrderNumber)>,
    last_seqno: SeqNo,
    tried: Tried,
}

/// Work of a command on one symbol, as far as it has been reported. A venue-wide command works on
/// one symbol after the other.
#[derive(Clone, Debug, Default)]
struct Progress {
    symbol: SymbolId,
    /// Order that may take liquidity now.
    incoming: OrderNumber,
    /// Number of trades.
    trades: u32,
    /// Time of the last end of an order or of the last pause that was due before the command.
    caught_up: Nanos,
    /// True after an effect of the command itself.
    has_acted: bool,
    /// True from the opening of the symbol until its pegs and stops enter: hidden orders with a
    /// minimum come in. `returned` is the age of the last one.
    is_opening: bool,
    returned: u64,
    /// Prices of the trades that belong to no wave of stops yet, and of all trades.
    pending: Vec<Price>,
    traded_at: Vec<Price>,
    /// Stops of the present wave whose turn is to come, and the number of waves.
    wave: Vec<OrderNumber>,
    waves: u32,
    /// Incoming orders with a minimum: the least quantity that each has to trade if it trades, and
    /// what it has traded.
    minimums: HashMap<OrderNumber, (u64, u64)>,
    /// Last order that self-trade prevention has cut.
    prevented: Option<Told>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    number: OrderNumber,
    /// Command that entered or replaced the order.
    entered: u64,
    session: SessionId,
    id: OrderId,
    symbol: SymbolId,
    side: Side,
    /// Limit price; zero until a market-to-limit order books, and for an auction order without a
    /// limit.
    price: Price,
    /// True if the order waits beside the book.
    hidden: bool,
    /// Limit of a stop order that waits, with its trigger in `price`; zero for none.
    stop: Option<Price>,
    /// Place of the stop among all that were reached and had to wait.
    reached: Option<u64>,
    /// True for a peg that is out of the book.
    parked: bool,
    open: u64,
    /// Displayed part of the open quantity of a resting iceberg.
    shown: Option<u64>,
    executed: u64,
    /// Special terms.
    terms: SpecialTerms,
    owner: Owner,
}

impl Audit {
    /// Checks all reports of one command.
    pub fn command(&mut self, command: &Sequenced, reports: &[Report]) -> Result<(), String> {
        let number = OrderNumber(command.seqno.0);
        (self.number, self.now) = (number, command.time);
        self.begin_numbers(command)?;
        let left = reports.iter().filter(|r| r.kind == ReportKind::Unfinished);
        self.left = left.map(|r| r.symbol).collect();
        let orders = self.live.len() + self.waiting.len();
        self.begin(command.command.symbol);
        let mut reports_left = reports.iter();
        while let Some(r) = reports_left.next() {
            law!(r.is_last() == reports_left.as_slice().is_empty(), r);
            let done = &reports[..reports.len() - reports_left.len() - 1];
            self.follow(command, r)?;
            if follows_auction(r) {
                self.end_auction()?;
            }
            match r.body() {
                Body::Accepted(Accepted { stop }) => {
                    law!(self.is_own_place(r.order) && r.open == r.quantity && r.open.0 > 0, r);
                    self.enter(r.order);
                    let terms = match command.command.action {
                        Action::EnterSpecial(special) => special.terms,
                        _ => SpecialTerms::NONE,
                    };
                    law!(terms.expire.0 == 0 || terms.expire > self.now, r);
                    law!(self.may_enter(r.symbol), r);
                    law!(terms.peg == Peg::None || self.trades_continuously(r.symbol), r);
                    let owner = Owner::of(r.session, &command.command.action);
                    self.give(r.order, r)?;
                    self.add(r, stop, 0, terms, owner)?;
                    self.begin_stop(r.symbol, r.order);
                }
                Body::Replaced(replaced) => {
                    let old = self.find(r.session, replaced.old_id);
                    law!(old.is_some(), r);
                    let old = self.live.swap_remove(old.unwrap());
                    law!(old.number == r.order && old.reached.is_none(), r);
                    law!(old.stop.is_some() == replaced.stop.is_some(), r);
                    law!(self.may_enter(r.symbol), r);
                    law!(old.side == r.side && old.symbol == r.symbol, r);
                    let total = if old.stop.is_some() { r.open } else { r.quantity };
                    law!(total.0.checked_sub(old.executed) == Some(r.open.0), r);
                    self.replaced += u128::from(old.open);
                    let mut new = *r;
                    new.order = OrderNumber::within(command.seqno, replaced.place);
                    law!(self.is_own_place(new.order), r);
                    self.give(new.order, r)?;
                    self.enter(new.order);
                    let terms = new_terms(&command.command.action, old.terms);
                    law!(terms.expire.0 == 0 || terms.expire > self.now, r);
                    self.add(&new, replaced.stop, old.executed, terms, old.owner)?;
                    self.begin_stop(r.symbol, new.order);
                }
                Body::Triggered(Triggered { old_order }) => {
                    let stop = self.numbered(r.symbol, old_order)?;
                    law!(stop.stop.is_some() && stop.reached.is_none(), r);
                    self.take_turn(&stop, r)?;
                    if r.order == old_order {
                        law!(r.price == stop.price && r.is_hidden(), r);
                        // A stop waits where nothing trades, if its wave is one too many, or behind
                        // work that is left.
                        let is_in_wave = |r: &&Report| match r.body() {
                            Body::Triggered(Triggered { old_order }) => old_order == r.order,
                            _ => false,
                        };
                        let next = reports_left.clone().find(|r| !is_in_wave(r));
                        let is_halt = |r: &Report| {
                            r.kind == ReportKind::StateChanged && r.reason == Reason::StopCascade
                        };
                        let is_too_many = next.is_some_and(is_halt);
                        let is_left = next.is_some_and(|r| r.kind == ReportKind::Unfinished);
                        let cannot_enter =
                            !self.trades_continuously(r.symbol) || self.is_spent() || is_left;
                        law!(is_too_many || cannot_enter, r);
                        law!(
                            !is_too_many || self.progress.waves == self.waves_max(r.symbol) + 1,
                            r
                        );
                        law!(r.quantity == r.open && r.open.0 == stop.open, r);
                        law!((stop.session, stop.id, stop.side) == (r.session, r.id, r.side), r);
                        self.kept_waiting += 1;
                        let reached = Some(self.kept_waiting);
                        self.change(&stop, Told { reached, ..stop });
                    } else {
                        let waits = |o: &Told| o.symbol == r.symbol && o.reached.is_some();
                        law!(!self.live.iter().any(waits), r);
                        self.let_in(&stop, r)?;
                    }
                }
                Body::Entered(Entered { old_order }) => {
                    let stop = self.numbered(r.symbol, old_order)?;
                    law!(stop.stop.is_some() && stop.reached.is_some(), r);
                    let late = self.live.iter().filter(|o| o.symbol == r.symbol);
                    let first = late.filter_map(|o| o.reached).min();
                    law!(stop.reached == first && self.progress.wave.is_empty(), r);
                    // Stops that have waited are the first wave.
                    law!(self.progress.waves <= 1, r);
                    self.progress.waves = 1;
                    self.let_in(&stop, r)?;
                }
                Body::Displayed(Displayed { old_order }) => {
                    let mut order = self.numbered(r.symbol, old_order)?;
                    let told = (order.session, order.id, order.side, order.price, order.open);
                    law!(told == (r.session, r.id, r.side, r.price, r.open.0), r);
                    law!((1..=r.open.0).contains(&r.quantity.0), r);
                    let is_first = r.order == old_order;
                    law!(order.shown == if is_first { None } else { Some(0) }, r);
                    law!(is_first || r.order.seqno().0 == number.0 && r.order != number, r);
                    if !is_first {
                        self.give(r.order, r)?;
                    }
                    let before = order;
                    (order.number, order.shown) = (r.order, Some(r.quantity.0));
                    self.change(&before, order);
                }
                Body::Restated(_) => {
                    let order = self.order_of(r)?;
                    law!(order.price.0 == 0 && order.executed > 0 && r.price.0 > 0, r);
                    law!(order.open == r.open.0 && r.quantity == r.open, r);
                    order.price = r.price;
                }
                Body::Modified(Modified { displayed }) => {
                    law!(r.open.0 > 0, r);
                    law!(self.changes_nothing_else(done, reports_left.as_slice()), r);
                    let before = self.numbered(r.symbol, r.order)?;
                    let mut order = before;
                    law!((order.session, order.id) == (r.session, r.id), r);
                    law!(order.hidden == r.is_hidden(), r);
                    law!((order.symbol, order.price) == (r.symbol, r.price), r);
                    law!(order.side.is_buy() == r.side.is_buy(), r);
                    law!(order.side != r.side || r.quantity.0 > 0, r);
                    self.check_quantity(order.open, r)?;
                    (order.side, order.open) = (r.side, r.open.0);
                    order.show_less(r, displayed)?;
                    self.change(&before, order);
                    self.canceled += u128::from(r.quantity.0);
                }
                Body::Canceled(Canceled { displayed, .. }) => {
                    if r.reason == Reason::SelfTrade && command.command.verdict != Reason::SelfTrade
                    {
                        self.check_prevention(r)?;
                    }
                    let open = self.order_of(r)?.open;
                    self.check_quantity(open, r)?;
                    let order = self.order_of(r)?;
                    law!(order.price == r.price && r.reason.is_of_cancel(), r);
                    law!(r.quantity.0 > 0, r);
                    order.open = r.open.0;
                    order.show_less(r, displayed)?;
                    let terms = order.terms;
                    self.canceled += u128::from(r.quantity.0);
                    let is_over = terms.is_over(self.now);
                    let day_ends = match command.command.action {
                        Action::Operator(OperatorCommand::TradingDay(day)) => {
                            day.event == DayEvent::End
                        }
                        Action::MassCancel(_) => command.command.verdict == Reason::Expired,
                        _ => false,
                    };
                    law!(r.reason != Reason::Expired || is_over || day_ends, r);
                    if is_over {
                        // What is over ends at its own time, before the command has any effect.
                        law!(r.reason == Reason::Expired && r.open.0 == 0, r);
                        law!(!self.progress.has_acted, r);
                        law!(self.progress.caught_up <= terms.expire, r);
                        if self.progress.caught_up < terms.expire {
                            self.check_stand(r.symbol)?;
                        }
                        self.progress.caught_up = terms.expire;
                    }
                    self.end_filled();
                }
                Body::Executed(executed) => {
                    let Some(removing) = reports_left.next() else {
                        return Err(format!("half a trade: {r:?}"));
                    };
                    self.progress.trades += 1;
                    let Body::Executed(removed) = removing.body() else {
                        return Err(format!("half a trade: {r:?}"));
                    };
                    let sides = [(r, executed), (removing, removed)];
                    self.keep(Law::NumbersNew, executed.trade == self.progress.trades, r)?;
                    law!(executed.auction == removed.auction, r);
                    let trades_here = self.trades_continuously(r.symbol);
                    let may_trade = executed.auction.is_some() && !self.day_over || trades_here;
                    self.keep(Law::TradesWhereOpen, may_trade, r)?;
                    if let Some(auction) = executed.auction {
                        let Some((head, left)) = &mut self.auction else {
                            return Err(format!("no auction: {r:?}"));
                        };
                        law!(
                            head.body() == Body::Crossed(Crossed { auction })
                                && head.price == r.price,
                            r
                        );
                        law!(head.symbol == r.symbol && r.order.age() < removing.order.age(), r);
                        *left += u128::from(r.quantity.0);
                    } else {
                        self.check_owners(r, removing)?;
                        let returns = self.is_return(removing)?;
                        law!(returns || removing.order == self.progress.incoming, r);
                        self.count_minimum(removing)?;
                        let is_in_bands = is_within(self.bands.get(&r.symbol), r.price);
                        self.keep(Law::WithinBands, is_in_bands, r)?;
                        let is_short = removing.side == Side::Short;
                        // Without a quote the bid is the best displayed one; hidden orders may be
                        // above it. An order that comes in again was let in when it entered.
                        let may_be_short = self
                            .short_above(r.symbol)
                            .is_none_or(|bid| r.price > bid || bid.0 == i64::MAX && r.is_hidden());
                        law!(!is_short || may_be_short || returns, r);
                    }
                    let is_in_bands = is_within(self.static_bands.get(&r.symbol), r.price);
                    self.keep(Law::WithinBands, is_in_bands, r)?;
                    if executed.auction.is_none() {
                        self.set_last(r.symbol, r.price);
                    }
                    self.trade(sides)?;
                    let is_end = reports_left.as_slice().is_empty();
                    law!(removing.is_last() == is_end, removing);
                }
                Body::StateChanged(StateChanged { state, reopens_at }) => {
                    let waits_for_day =
                        !self.day_over || matches!(state, Closed | Halted | CancelOnly);
                    law!(waits_for_day || r.reason == Reason::LimitState, r);
                    law!((reopens_at.0 > 0) == (r.reason == Reason::LimitState), r);
                    match r.reason {
                        Reason::LimitState => {
                            law!(state == SymbolState::ReopeningCall && self.is_open(r.symbol), r);
                            // The pause comes when it is due, before the command has any effect.
                            self.check_stand(r.symbol)?;
                            let stands = self.stands_since.get(&r.symbol);
                            let due = stands.map_or(u64::MAX, |(since, ..)| since + STAND_NS);
                            law!(due <= self.now.0 && !self.progress.has_acted, r);
                            law!(self.progress.caught_up.0 <= due, r);
                            law!(reopens_at.0 == due + PAUSE_NS, r);
                            self.progress.caught_up = Nanos(due);
                        }
                        Reason::StopCascade => {
                            law!(state == Halted && self.is_open(r.symbol), r);
                            law!(self.progress.waves == self.waves_max(r.symbol) + 1, r);
                            law!(self.progress.wave.is_empty(), r);
                        }
                        Reason::Collar => {
                            law!(state == Halted && self.is_open(r.symbol), r);
                        }
                        _ => law!(r.reason == Reason::None, r),
                    }
                    self.progress.is_opening = state == SymbolState::Open;
                    self.states.insert(r.symbol, state);
                }
                Body::Crossed(_) => {
                    let before = reports.iter().take_while(|other| *other != r);
                    let has_changed =
                        before.last().is_some_and(|r| r.kind == ReportKind::StateChanged);
                    law!(has_changed || self.unfinished.contains(&r.symbol), r);
                    law!((r.price.0 == 0) == (r.quantity.0 == 0) && !self.day_over, r);
                    self.auction = Some((*r, 0));
                }
                Body::Indicative(_) => {
                    law!(!self.is_open(r.symbol) && (r.quantity.0 > 0) == (r.price.0 > 0), r);
                    law!(r.quantity.0 > 0 || r.open.0 == 0, r);
                }
                Body::MassCanceled(MassCanceled { count }) => {
                    let cause = match command.command.verdict {
                        Reason::None => Reason::MassCancel,
                        verdict => verdict,
                    };
                    let rest = reports_left.as_slice();
                    let ends = || {
                        let canceled = rest.iter().filter(|c| c.kind == ReportKind::Canceled);
                        canceled.filter(|c| !self.is_over(c))
                    };
                    law!(count == ends().count() as u64, r);
                    law!(ends().all(|c| c.reason == cause && c.open.0 == 0), r);
                    let is_kind = |c: &Report| {
                        use ReportKind::{Canceled, Indicative, ShortSaleSet, Unfinished};
                        matches!(c.kind, Canceled | Indicative | ShortSaleSet | Unfinished)
                            || is_of_catch_up(c)
                    };
                    law!(rest.iter().all(is_kind), r);
                    law!(rest.is_sorted_by_key(|c| c.symbol), r);
                }
                Body::TradingDay(TradingDay { event, count }) => {
                    law!(done.is_empty(), r);
                    self.day_over = event == DayEvent::End;
                    if self.day_over {
                        self.drop_auctions();
                    }
                    self.owing.extend(self.live.iter().map(|order| order.symbol));
                    let rest = reports_left.as_slice();
                    let has_expired = |c: &&Report| c.reason == Reason::Expired && c.open.0 == 0;
                    law!(count == rest.iter().filter(has_expired).count() as u64, r);
                    let is_kind = |c: &Report| match c.kind {
                        ReportKind::Canceled => has_expired(&c),
                        ReportKind::StateChanged | ReportKind::Indicative => true,
                        ReportKind::Unfinished | ReportKind::ShortSaleSet => true,
                        _ => is_of_catch_up(c),
                    };
                    law!(event == DayEvent::Start || rest.iter().all(is_kind), r);
                    law!(rest.is_sorted_by_key(|c| c.symbol), r);
                }
                Body::SymbolMoved(SymbolMoved { moved, count }) => {
                    self.moved(r.symbol, moved.step);
                    let rest = reports_left.as_slice();
                    let kind = match moved.step {
                        MoveStep::Export => Some(ReportKind::Exported),
                        MoveStep::Release => Some(ReportKind::Canceled),
                        MoveStep::Resume => Some(ReportKind::Imported),
                        MoveStep::Halt | MoveStep::Import => None,
                    };
                    let count = if kind.is_some() { count } else { 0 };
                    law!(count == rest.len() as u64, r);
                    law!(rest.iter().all(|other| Some(other.kind) == kind), r);
                }
                Body::Exported(_) => {
                    let order = self.waiting.iter().find(|order| order.number == r.order);
                    law!(order.is_some_and(|o| (o.price, o.open) == (r.price, r.open.0)), r);
                }
                Body::Held(_) => {
                    law!(reports.len() == 1 && r.order == number, r);
                    let owner = Owner::of(r.session, &command.command.action);
                    self.arriving.insert(r.order, owner);
                }
                Body::Imported(imported) => {
                    law!(r.open == r.quantity && r.open.0 > 0 && imported.id_there.0 > 0, r);
                    let owner = self.arriving.remove(&r.order);
                    law!(owner.is_some(), r);
                    self.add(r, None, 0, SpecialTerms::NONE, owner.unwrap())?;
                }
                Body::Broken(_) => {
                    law!(reports.len() == 2 && reports[0].body() == reports[1].body(), r);
                }
                Body::Corrected(_) => {
                    law!(reports.len() == 2 && reports[0].body() == reports[1].body(), r);
                    law!(reports[0].price == reports[1].price, r);
                    law!(reports[0].quantity == reports[1].quantity, r);
                }
                Body::Ticked(Ticked { count }) => {
                    law!(command.command.action == Action::from(RunTimers) && r == &reports[0], r);
                    let rest = reports_left.as_slice().iter();
                    let ends = rest.filter(|c| c.reason == Reason::Expired && c.open.0 == 0);
                    law!(count == ends.count() as u64, r);
                }
                Body::StatePlanned(StatePlanned { state, at }) => {
                    law!(state.is_none() == (at.0 == 0), r);
                }
                Body::BandsSet(BandsSet { low, high, .. }) => {
                    // The pause before a refused command tells the bands, too.
                    let is_refused = reports.iter().any(|r| r.kind == ReportKind::Rejected);
                    if let Action::Operator(OperatorCommand::SetBands(asked)) =
                        command.command.action
                        && !is_refused
                    {
                        self.static_bands.insert(r.symbol, [asked.low, asked.high]);
                    }
                    self.bands.insert(r.symbol, [low, high]);
                    self.untold_bands.remove(&r.symbol);
                }
                Body::LimitState(LimitState { stands, pause_at }) => {
                    let stood = self.stands_since.remove(&r.symbol).is_some();
                    law!(stood != stands, r);
                    if stands {
                        law!(self.is_open(r.symbol), r);
                        let first = self.book(r.symbol, r.side.is_buy());
                        let best = first.map(|order| rank(r.side.is_buy(), order.price)).min();
                        law!(best == Some(rank(r.side.is_buy(), r.price)), r);
                        // The quote came to the band by an order that ended, or by the command.
                        let since = pause_at.0 - STAND_NS;
                        law!(since == self.progress.caught_up.0 || since == self.now.0, r);
                        let buy = r.side.is_buy();
                        self.stands_since.insert(r.symbol, (since, buy, r.price));
                    }
                }
                Body::Quoted(Quoted { bid, offer }) => {
                    self.quoted.insert(r.symbol, (bid, offer));
                }
                Body::Parked(_) => {
                    let peg = self.numbered(r.symbol, r.order)?;
                    law!(peg.terms.peg != Peg::None && !peg.parked, r);
                    law!((peg.session, peg.id, peg.side) == (r.session, r.id, r.side), r);
                    law!(peg.price == r.price && r.quantity == r.open, r);
                    law!(peg.open == r.open.0 && peg.hidden == r.is_hidden(), r);
                    let is_alone = !self.trades_continuously(r.symbol);
                    law!(is_alone || self.followed(&peg).is_none(), r);
                    let before = done.last().filter(|before| before.kind == ReportKind::Parked);
                    let before = before.and_then(|b| self.numbered(b.symbol, b.order).ok());
                    let in_order = before.is_none_or(|before| {
                        before.symbol != peg.symbol || before.entered < peg.entered
                    });
                    law!(in_order, r);
                    self.change(&peg, Told { parked: true, hidden: true, ..peg });
                }
                Body::Repriced(Repriced { old_order, parked }) => {
                    let order = self.numbered(r.symbol, old_order)?;
                    let told = (order.session, order.id, order.side, order.open);
                    law!(told == (r.session, r.id, r.side, r.open.0), r);
                    law!(order.shown.unwrap_or(order.open) == r.quantity.0, r);
                    law!(order.parked == parked, r);
                    let is_peg = order.terms.peg != Peg::None;
                    law!(is_peg || self.is_banded(r, order.price), r);
                    if is_peg {
                        // Bands and the short test move a limit away from the other side only.
                        let buy = r.side.is_buy();
                        let wanted = self.followed(&order).map(|price| rank(buy, price));
                        law!(wanted.is_some_and(|wanted| wanted <= rank(buy, r.price)), r);
                    }
                    if parked {
                        law!(self.trades_continuously(r.symbol), r);
                        let is_earlier = |o: &Told| {
                            o.symbol == r.symbol && o.parked && o.entered < order.entered
                        };
                        let mut earlier = self.live.iter().filter(|o| is_earlier(o));
                        law!(earlier.all(|o| self.followed(o).is_none()), r);
                        self.progress.is_opening = false;
                    }
                    let hidden = order.terms.hidden;
                    law!(hidden == r.is_hidden(), r);
                    self.take_place(&order, r)?;
                    if !is_peg {
                        // An order that a band moves does not trade.
                        self.progress.incoming = self.number;
                    }
                    let new = Told { number: r.order, price: r.price, ..order };
                    self.change(&order, Told { parked: false, hidden, ..new });
                }
                Body::Unfinished(_) => self.check_unfinished(done, r)?,
                Body::ShortSaleSet(ShortSaleSet { restricted, .. }) => {
                    self.restricted.insert(r.symbol, restricted);
                }
                Body::Rejected(_) => {
                    law!(r.reason != Reason::None, r);
                    let was_left = self.unfinished.contains(&r.symbol);
                    let is_verdict = r.reason == command.command.verdict;
                    law!(r.reason != Reason::Busy || was_left || is_verdict, r);
                    law!(self.changes_nothing_else(done, reports_left.as_slice()), r);
                }
                Body::ReferenceSet(ReferenceSet { last, .. }) => {
                    if last.0 > 0 && self.last.insert(r.symbol, last) != Some(last) {
                        self.set_by_operator.insert(r.symbol);
                    }
                }
                Body::SymbolChanged(changed) => self.change_tick(r.symbol, changed.tick()),
                Body::StopWavesSet(StopWavesSet { waves_max }) => {
                    self.waves_max.insert(r.symbol, waves_max);
                }
                Body::CallExtended(_) => law!(!self.is_open(r.symbol), r),
                Body::Defined(_) if command.command.symbol != SymbolId::NONE => {
                    law!(reports.len() == 1, r);
                    if let Action::Definition(Definition::Symbol(definition)) =
                        command.command.action
                    {
                        self.ticks.insert(r.symbol, definition.tick);
                    }
                }
                Body::Defined(_)
                | Body::DurabilitySet(_)
                | Body::OrderEntrySet(_)
                | Body::RiskSet(_)
                | Body::AccountQueried(_) => law!(reports.len() == 1, r),
                Body::StateHash(_) => return Err("a state hash among the reports".into()),
            }
        }
        self.check_fok(command, reports)?;
        self.check_minimums(command, reports)?;
        self.leave(command)?;
        self.check_beyond_minimums(reports)?;
        self.check_opening(reports)?;
        self.check_work(orders, reports)?;
        for symbol in self.symbols_of(command) {
            if brings_back(&command.command) {
                self.owing.remove(&symbol);
            }
            self.check_book(symbol)?;
            let tells = |r: &Report| {
                use ReportKind::{MassCanceled, Ticked, TradingDay};
                matches!(r.kind, Ticked | MassCanceled | TradingDay)
            };
            let has_caught_up = goes_on(&command.command) || reports.iter().any(tells);
            if has_caught_up {
                let is_over = |o: &&Told| o.symbol == symbol && o.terms.is_over(self.now);
                let over = self.live.iter().find(is_over);
                law!(over.is_none(), over);
                let stands = self.stands_since.get(&symbol);
                law!(stands.is_none_or(|(since, ..)| since + STAND_NS > self.now.0), symbol);
            }
        }
        Ok(())
    }

    /// Returns true if the reports around the one of a command that changes no book are those of
    /// what was due before, and of its consequences.
    fn changes_nothing_else(&self, before: &[Report], after: &[Report]) -> bool {
        let is_due = |r: &Report| {
            is_of_catch_up(r)
                || r.kind == ReportKind::Canceled && r.reason == Reason::Expired
                || self.owing.contains(&r.symbol)
                || self.unfinished.contains(&r.symbol)
        };
        before.iter().all(is_due)
            && after.iter().all(|r| match r.kind {
                ReportKind::LimitState | ReportKind::ShortSaleSet => {
                    !before.is_empty() || self.unfinished.contains(&r.symbol)
                }
                kind => matches!(kind, ReportKind::Indicative | ReportKind::Unfinished),
            })
    }

    /// Follows the command to the symbol of a report, and from what was due to its own effects.
    fn follow(&mut self, command: &Sequenced, r: &Report) -> Result<(), String> {
        let is_head = matches!(r.kind, ReportKind::TradingDay | ReportKind::Ticked)
            || r.kind == ReportKind::MassCanceled && r.symbol == SymbolId::NONE;
        if is_head {
            return Ok(());
        }
        if self.progress.symbol != r.symbol {
            law!(
                matches!(
                    command.command.action,
                    Action::MassCancel(_) | Action::Operator(OperatorCommand::TradingDay(_))
                ),
                r
            );
            self.leave(command)?;
            self.begin(r.symbol);
        }
        let is_over = r.reason == Reason::Expired && self.is_over(r);
        if !self.progress.has_acted && !is_over && !is_of_catch_up(r) {
            self.check_stand(r.symbol)?;
            self.progress.has_acted = true;
        }
        Ok(())
    }

    /// Returns the symbols that a command may have changed.
    fn symbols_of(&self, command: &Sequenced) -> BTreeSet<SymbolId> {
        let symbol = command.command.symbol;
        match command.command.action {
            Action::Operator(OperatorCommand::TradingDay(_)) => {}
            Action::MassCancel(_) if symbol == SymbolId::NONE => {}
            _ => return BTreeSet::from([symbol]),
        }
        let of_orders = self.live.iter().map(|order| order.symbol);
        of_orders.chain(self.states.keys().chain(self.stands_since.keys()).copied()).collect()
    }

    /// Returns the limit that the quote gives a peg; `None` if it gives none.
    fn followed(&self, peg: &Told) -> Option<Price> {
        let (bid, offer) = self.quoted.get(&peg.symbol).copied().unwrap_or_default();
        let (bid, offer) = (i128::from(bid.0), i128::from(offer.0));
        let (buy, away) = (peg.side.is_buy(), i128::from(peg.terms.peg_offset));
        let is_whole = bid > 0 && offer > 0;
        let price = match peg.terms.peg {
            Peg::None => return None,
            _ if is_whole && bid > offer => return None,
            Peg::Primary if buy => (bid > 0).then_some(bid - away)?,
            Peg::Primary => (offer > 0).then_some(offer + away)?,
            Peg::Midpoint if buy => is_whole.then_some((bid + offer) / 2)?,
            Peg::Midpoint => is_whole.then_some((bid + offer + 1) / 2)?,
        };
        let bounded = match i128::from(peg.terms.peg_limit.0) {
            0 => price,
            limit if buy => price.min(limit),
            limit => price.max(limit),
        };
        (bounded > 0).then_some(Price(i64::try_from(bounded).unwrap_or(i64::MAX)))
    }

    /// Returns true if a report is about a live order whose own end is past.
    fn is_over(&self, r: &Report) -> bool {
        self.numbered(r.symbol, r.order).is_ok_and(|order| order.terms.is_over(self.now))
    }

    fn is_open(&self, symbol: SymbolId) -> bool {
        self.states.get(&symbol).is_none_or(|&state| state == SymbolState::Open)
    }

    fn trades_continuously(&self, symbol: SymbolId) -> bool {
        self.is_open(symbol) && !self.day_over
    }

    /// Returns true if an order may enter: the day is on, and the symbol is open or in a call.
    fn may_enter(&self, symbol: SymbolId) -> bool {
        let state = self.states.get(&symbol).copied().unwrap_or(SymbolState::Open);
        !self.day_over && !matches!(state, Closed | Halted | CancelOnly)
    }
}

trait Over {
    /// Returns true if an order with these terms has ended by itself.
    fn is_over(&self, now: Nanos) -> bool;
}

impl Over for SpecialTerms {
    fn is_over(&self, now: Nanos) -> bool {
        self.expire.0 != 0 && self.expire <= now
    }
}

/// Returns the special terms of an order that a command replaces.
fn new_terms(action: &Action, old: SpecialTerms) -> SpecialTerms {
    let Action::ReplaceTerms(ReplaceTerms { terms: NamedTerms::Special(named), .. }) = action
    else {
        return old;
    };
    SpecialTerms {
        min_quantity: named.min_quantity.unwrap_or(old.min_quantity),
        peg_offset: named.peg_offset.unwrap_or(old.peg_offset),
        peg_limit: named.peg_limit.unwrap_or(old.peg_limit),
        expire: if named.expire.0 == 0 { old.expire } else { named.expire },
        ..old
    }
}

/// Returns true for a report of what was due before a command, except the end of an order: a pause,
/// and limit states that begin or end.
fn is_of_catch_up(r: &Report) -> bool {
    match r.kind {
        ReportKind::StateChanged => r.reason == Reason::LimitState,
        kind => matches!(kind, ReportKind::LimitState | ReportKind::Parked | ReportKind::BandsSet),
    }
}

/// Returns true for a command about the orders of its symbol, before which parked pegs come back.
fn brings_back(command: &Command) -> bool {
    match command.action {
        Action::Enter(_) | Action::Cancel(_) | Action::Reduce(_) => true,
        Action::Replace(_) | Action::ReplaceTerms(_) => true,
        Action::Operator(OperatorCommand::RunTimers(_)) => command.verdict == Reason::None,
        _ => false,
    }
}
