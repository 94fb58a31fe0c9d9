//! Rules that every report stream keeps, checked from the reports alone: quantity is conserved, an
//! order ends once, both sides of a trade agree, priority holds, the book is never crossed.

use ringside_model::command::{Action, OperatorCommand, RunTimers, Sequenced, SpecialTerms};
use ringside_model::domain::{
    MoveStep, Nanos, OrderId, OrderNumber, Peg, Price, Quantity, SessionId, Side, SymbolId,
    SymbolState,
};
use ringside_model::reason::Reason;
use ringside_model::report::{
    Accepted, BandsSet, Body, Canceled, Crossed, Displayed, Executed, LimitState, MassCanceled,
    Modified, Quoted, Report, ReportKind, Repriced, ShortSaleSet, StateChanged, StatePlanned,
    SymbolMoved, Ticked, TradingDay, Triggered,
};
use std::collections::HashMap;

/// State of the venue, computed from the reports so far.
#[derive(Debug, Default)]
pub struct Audit {
    live: Vec<Told>,
    /// Reported states of the symbols.
    states: HashMap<SymbolId, SymbolState>,
    /// Rest of an announced auction.
    auction: Option<(Report, u128)>,
    /// Official time of the command.
    now: Nanos,
    /// Order that may take liquidity now.
    incoming: OrderNumber,
    /// Price of the last trade before this command, followed by the prices of its trades; and the
    /// last price of each symbol.
    traded_at: Vec<Price>,
    last: HashMap<SymbolId, Price>,
    /// Last reported bands, and the static ones among them; zero for no bound.
    bands: HashMap<SymbolId, [Price; 2]>,
    static_bands: HashMap<SymbolId, [Price; 2]>,
    /// Bids of the reference quotes, and the symbols with restricted short sales.
    quoted: HashMap<SymbolId, Price>,
    restricted: HashMap<SymbolId, bool>,
    /// Time since which a quote is at a band, by symbol.
    stands_since: HashMap<SymbolId, u64>,
    /// Orders of symbols that are being moved to another partition.
    waiting: Vec<Told>,
    entered: u128,
    filled: u128,
    canceled: u128,
    /// Open quantity of orders that were replaced.
    replaced: u128,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    number: OrderNumber,
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
    open: u64,
    /// Displayed part of the open quantity of a resting iceberg.
    shown: Option<u64>,
    executed: u64,
    /// Special terms.
    terms: SpecialTerms,
}

/// Returns an error with the text of the rule that is broken.
macro_rules! law {
    ($holds:expr, $report:expr) => {
        if !$holds {
            return Err(format!("{} fails at {:?}", stringify!($holds), $report));
        }
    };
}

impl Audit {
    /// Returns the price that a short sale must be above, if short sales are restricted; the
    /// highest price if no quote is known.
    fn short_above(&self, symbol: SymbolId) -> Option<Price> {
        let is_restricted = self.restricted.get(&symbol) == Some(&true);
        let bid = self.quoted.get(&symbol).filter(|bid| bid.0 > 0);
        is_restricted.then_some(bid.copied().unwrap_or(Price(i64::MAX)))
    }

    /// Checks all reports of one command.
    pub fn command(&mut self, command: &Sequenced, reports: &[Report]) -> Result<(), String> {
        let number = OrderNumber(command.seqno.0);
        let mut trades = 0;
        self.auction = None;
        self.incoming = number;
        self.now = command.time;
        self.traded_at.clear();
        self.traded_at.extend(self.last.get(&command.command.symbol));
        // Expired orders end before the command has any effect.
        let has_expired =
            |r: &&Report| r.kind == ReportKind::Canceled && r.reason == Reason::Expired;
        let (expired, reports_of_command) =
            reports.split_at(reports.iter().take_while(has_expired).count());
        // A command that changes no book can be followed only by the consequences of the expired
        // orders.
        let is_beside = |r: &Report| match r.kind {
            ReportKind::LimitState => !expired.is_empty(),
            kind => kind == ReportKind::Indicative,
        };
        let mut reports_left = reports.iter();
        while let Some(r) = reports_left.next() {
            law!(r.is_last() == reports_left.as_slice().is_empty(), r);
            match r.body() {
                Body::Accepted(Accepted { stop }) => {
                    law!(r.order == number && r.open == r.quantity && r.open.0 > 0, r);
                    let terms = match command.command.action {
                        Action::EnterSpecial(special) => special.terms,
                        _ => SpecialTerms::NONE,
                    };
                    law!(terms.expire.0 == 0 || terms.expire > self.now, r);
                    self.add(r, stop, 0, terms)?;
                }
                Body::Replaced(replaced) => {
                    let old = self.find(r.session, replaced.old_id);
                    law!(old.is_some(), r);
                    let old = self.live.swap_remove(old.unwrap());
                    law!(old.number == r.order, r);
                    law!(old.side == r.side && old.symbol == r.symbol, r);
                    law!(r.quantity.0.checked_sub(old.executed) == Some(r.open.0), r);
                    self.replaced += u128::from(old.open);
                    let mut new = *r;
                    new.order = number;
                    self.add(&new, None, old.executed, old.terms)?;
                }
                Body::Triggered(Triggered { old_order }) => {
                    let stop = self.live.iter().find(|order| order.number == old_order);
                    let Some(&stop) = stop else { return Err(format!("no such stop: {r:?}")) };
                    let is_band = stop.stop.is_some_and(|limit| self.is_banded(r, limit));
                    law!(stop.stop == Some(r.price) || is_band, r);
                    law!(stop.open == r.open.0, r);
                    law!((stop.session, stop.id) == (r.session, r.id), r);
                    law!(self.is_open(r.symbol) && self.is_reached(&stop), r);
                    law!(self.live.iter().all(|order| order.number != r.order), r);
                    law!(r.order.seqno().0 == number.0 && r.order != number, r);
                    let order = self.live.iter_mut().find(|order| order.number == stop.number);
                    let elected = Told { number: r.order, price: r.price, ..stop };
                    *order.unwrap() = Told { hidden: false, stop: None, ..elected };
                    self.incoming = r.order;
                }
                Body::Displayed(Displayed { old_order }) => {
                    let order = self.live.iter_mut().find(|order| order.number == old_order);
                    let Some(order) = order else { return Err(format!("no such order: {r:?}")) };
                    let told = (order.session, order.id, order.side, order.price, order.open);
                    law!(told == (r.session, r.id, r.side, r.price, r.open.0), r);
                    law!((1..=r.open.0).contains(&r.quantity.0), r);
                    let is_first = r.order == old_order;
                    law!(order.shown == if is_first { None } else { Some(0) }, r);
                    law!(is_first || r.order.seqno().0 == number.0 && r.order != number, r);
                    (order.number, order.shown) = (r.order, Some(r.quantity.0));
                }
                Body::Restated(_) => {
                    let order = self.order_of(r)?;
                    law!(order.price.0 == 0 && order.executed > 0 && r.price.0 > 0, r);
                    law!(order.open == r.open.0 && r.quantity == r.open, r);
                    order.price = r.price;
                }
                Body::Modified(Modified { displayed }) => {
                    law!(r.open.0 > 0, r);
                    law!(reports_of_command[1..].iter().all(is_beside), r);
                    let order = self.live.iter_mut().find(|order| order.number == r.order);
                    let Some(order) = order else { return Err(format!("not live: {r:?}")) };
                    law!((order.session, order.id) == (r.session, r.id), r);
                    law!((order.symbol, order.price) == (r.symbol, r.price), r);
                    law!(order.side.is_buy() == r.side.is_buy(), r);
                    law!(order.side != r.side || r.quantity.0 > 0, r);
                    law!(order.open.checked_sub(r.quantity.0) == Some(r.open.0), r);
                    (order.side, order.open) = (r.side, r.open.0);
                    order.show_less(r, displayed)?;
                    self.canceled += u128::from(r.quantity.0);
                }
                Body::Canceled(Canceled { displayed, .. }) => {
                    let order = self.order_of(r)?;
                    law!(order.price == r.price && r.reason.is_of_cancel(), r);
                    law!(order.open.checked_sub(r.quantity.0) == Some(r.open.0), r);
                    law!(r.quantity.0 > 0, r);
                    order.open = r.open.0;
                    order.show_less(r, displayed)?;
                    let terms = order.terms;
                    self.canceled += u128::from(r.quantity.0);
                    let is_over = terms.expire.0 != 0 && terms.expire <= self.now;
                    let day_ends = match command.command.action {
                        Action::Operator(OperatorCommand::TradingDay(_)) => true,
                        Action::MassCancel(_) => command.command.verdict == Reason::Expired,
                        _ => false,
                    };
                    law!(r.reason != Reason::Expired || is_over || day_ends, r);
                    self.live.retain(|order| order.open > 0);
                }
                Body::Executed(executed) => {
                    let Some(removing) = reports_left.next() else {
                        return Err(format!("half a trade: {r:?}"));
                    };
                    trades += 1;
                    let Body::Executed(removed) = removing.body() else {
                        return Err(format!("half a trade: {r:?}"));
                    };
                    let sides = [(r, executed), (removing, removed)];
                    law!(executed.trade == trades && executed.auction == removed.auction, r);
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
                        law!(removing.order == self.incoming && self.is_open(r.symbol), r);
                        law!(is_within(self.bands.get(&r.symbol), r.price), r);
                        let is_short = removing.side == Side::Short;
                        // Without a quote the bid is the best displayed one; hidden orders may be
                        // above it.
                        let may_be_short = self
                            .short_above(r.symbol)
                            .is_none_or(|bid| r.price > bid || bid.0 == i64::MAX && r.is_hidden());
                        law!(!is_short || may_be_short, r);
                    }
                    law!(is_within(self.static_bands.get(&r.symbol), r.price), r);
                    self.traded_at.push(r.price);
                    self.last.insert(r.symbol, r.price);
                    self.trade(sides)?;
                    let is_end = reports_left.as_slice().is_empty();
                    law!(removing.is_last() == is_end, removing);
                }
                Body::StateChanged(StateChanged { state, reopens_at }) => {
                    if r.reason == Reason::LimitState {
                        law!(state == SymbolState::ReopeningCall && self.is_open(r.symbol), r);
                        let since = self.stands_since.get(&r.symbol);
                        let waited = since.and_then(|since| command.time.0.checked_sub(*since));
                        law!(waited >= Some(15_000_000_000), r);
                        law!(reopens_at.0 == command.time.0 + 300_000_000_000, r);
                    }
                    self.states.insert(r.symbol, state);
                }
                Body::Crossed(_) => {
                    let before = reports.iter().take_while(|other| *other != r);
                    law!(before.last().is_some_and(|r| r.kind == ReportKind::StateChanged), r);
                    law!((r.price.0 == 0) == (r.quantity.0 == 0), r);
                    self.auction = Some((*r, 0));
                }
                Body::Indicative(_) => {
                    law!(!self.is_open(r.symbol) && (r.quantity.0 > 0) == (r.price.0 > 0), r);
                    law!(r.quantity.0 > 0 || r.open.0 == 0, r);
                }
                Body::MassCanceled(MassCanceled { count })
                | Body::TradingDay(TradingDay { count, .. }) => {
                    let cause = match (r.kind, command.command.verdict) {
                        (ReportKind::TradingDay, Reason::None) => Reason::Expired,
                        (_, Reason::None) => Reason::MassCancel,
                        (_, verdict) => verdict,
                    };
                    let rest = reports_left.as_slice();
                    let is_no_cancel =
                        |kind| matches!(kind, ReportKind::Indicative | ReportKind::LimitState);
                    let ends = || rest.iter().filter(|c| !is_no_cancel(c.kind));
                    law!(count == ends().count() as u64, r);
                    law!(ends().all(|c| c.reason == cause && c.open.0 == 0), r);
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
                Body::Held(_) => law!(reports.len() == 1 && r.order == number, r),
                Body::Imported(imported) => {
                    law!(r.open == r.quantity && r.open.0 > 0 && imported.id_there.0 > 0, r);
                    self.add(r, None, 0, SpecialTerms::NONE)?;
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
                    if let Action::Operator(OperatorCommand::SetBands(asked)) =
                        command.command.action
                    {
                        self.static_bands.insert(r.symbol, [asked.low, asked.high]);
                    }
                    self.bands.insert(r.symbol, [low, high]);
                }
                Body::LimitState(LimitState { stands, pause_at }) => {
                    let stood = self.stands_since.remove(&r.symbol).is_some();
                    law!(stood != stands, r);
                    if stands {
                        let first = self.book(r.symbol, r.side.is_buy());
                        let best = first.map(|order| rank(r.side.is_buy(), order.price)).min();
                        law!(best == Some(rank(r.side.is_buy(), r.price)), r);
                        law!(pause_at.0 == command.time.0 + 15_000_000_000, r);
                        self.stands_since.insert(r.symbol, command.time.0);
                    }
                }
                Body::Quoted(Quoted { bid, .. }) => {
                    self.quoted.insert(r.symbol, bid);
                }
                Body::Repriced(Repriced { old_order }) => {
                    let order = self.live.iter().find(|order| order.number == old_order);
                    let Some(&order) = order else { return Err(format!("no such order: {r:?}")) };
                    let told = (order.session, order.id, order.side, order.open);
                    law!(told == (r.session, r.id, r.side, r.open.0), r);
                    law!(order.shown.unwrap_or(order.open) == r.quantity.0, r);
                    let is_peg = order.terms.peg != Peg::None;
                    law!(is_peg || self.is_banded(r, order.price), r);
                    law!(r.order.seqno().0 == number.0 && r.order != number, r);
                    let live = self.live.iter_mut().find(|live| live.number == order.number);
                    *live.unwrap() = Told { number: r.order, price: r.price, ..order };
                    self.incoming = r.order;
                }
                Body::ShortSaleSet(ShortSaleSet { restricted, .. }) => {
                    self.restricted.insert(r.symbol, restricted);
                }
                Body::Rejected(_) => {
                    law!(reports_of_command[0] == *r && r.reason != Reason::None, r);
                    law!(reports_of_command[1..].iter().all(is_beside), r);
                }
                Body::Defined(_)
                | Body::DurabilitySet(_)
                | Body::OrderEntrySet(_)
                | Body::RiskSet(_)
                | Body::AccountQueried(_) => law!(reports.len() == 1, r),
                Body::StateHash(_) => return Err("a state hash among the reports".into()),
            }
        }
        if let Some((head, traded)) = self.auction {
            law!(u64::try_from(traded).unwrap_or(u64::MAX) == head.quantity.0, head);
        }
        self.check_book(command.command.symbol)
    }

    /// Returns true if the limit in a report is that of a band, and `limit` is beyond the band.
    fn is_banded(&self, r: &Report, limit: Price) -> bool {
        let bands = [&self.bands, &self.static_bands];
        let mut bounds = bands.into_iter().filter_map(|bands| bands.get(&r.symbol)).flatten();
        let is_beyond = rank(r.side.is_buy(), limit) < rank(r.side.is_buy(), r.price);
        is_beyond && bounds.any(|bound| *bound == r.price)
    }

    fn is_open(&self, symbol: SymbolId) -> bool {
        self.states.get(&symbol).is_none_or(|&state| state == SymbolState::Open)
    }

    /// Moves orders out of the books and back.
    fn moved(&mut self, symbol: SymbolId, step: MoveStep) {
        let (from, to) = match step {
            MoveStep::Halt => (&mut self.live, &mut self.waiting),
            MoveStep::Resume | MoveStep::Release => (&mut self.waiting, &mut self.live),
            MoveStep::Export | MoveStep::Import => return,
        };
        to.extend(from.extract_if(.., |order| order.symbol == symbol));
    }

    /// Returns the open quantity on each side of a symbol; the books must have the same.
    pub fn open(&self, symbol: SymbolId, buy: bool) -> u128 {
        self.book(symbol, buy).map(|order| u128::from(order.shown.unwrap_or(order.open))).sum()
    }

    /// Checks that every entered quantity is filled, canceled, replaced, or still open.
    pub fn check_totals(&self) -> Result<(), String> {
        let open: u128 =
            self.live.iter().chain(&self.waiting).map(|order| u128::from(order.open)).sum();
        law!(self.entered == self.filled + self.canceled + self.replaced + open, self);
        Ok(())
    }

    fn add(
        &mut self,
        r: &Report,
        stop: Option<Price>,
        executed: u64,
        terms: SpecialTerms,
    ) -> Result<(), String> {
        law!(self.find(r.session, r.id).is_none(), r);
        self.entered += u128::from(r.open.0);
        self.live.push(Told {
            number: r.order,
            session: r.session,
            id: r.id,
            symbol: r.symbol,
            side: r.side,
            price: r.price,
            hidden: r.is_hidden(),
            stop,
            open: r.open.0,
            shown: None,
            executed,
            terms,
        });
        Ok(())
    }

    fn trade(&mut self, sides: [(&Report, Executed); 2]) -> Result<(), String> {
        let [(resting, executed), (removing, removed)] = sides;
        law!(!executed.removed && !resting.is_last() && removed.removed, resting);
        law!(executed.trade == removed.trade && resting.symbol == removing.symbol, resting);
        law!(resting.price == removing.price && resting.quantity == removing.quantity, resting);
        law!(executed.contra == removing.order && removed.contra == resting.order, resting);
        law!(resting.side.is_buy() != removing.side.is_buy(), resting);
        law!(resting.quantity.0 > 0, resting);
        let in_auction = executed.auction.is_some();
        for r in [resting, removing] {
            let buy = r.side.is_buy();
            let waits = self.live.iter().filter(|o| o.number == r.order && o.stop.is_none());
            let first = self.book(r.symbol, buy).chain(self.hidden(r.symbol, buy)).chain(waits);
            let first = first.min_by_key(|o| {
                (o.price.0 != 0, rank(buy, o.price), o.terms.hidden, o.number.age())
            });
            law!(r == removing && !in_auction || first.is_some_and(|o| o.number == r.order), r);
            let at_limit = first.is_some_and(|o| o.price == r.price);
            law!(r == removing || in_auction || at_limit, r);
        }
        let now = self.now;
        for r in [resting, removing] {
            let order = self.order_of(r)?;
            law!(order.terms.expire.0 == 0 || order.terms.expire > now, r);
            let least = order.terms.min_quantity.0.min(order.open);
            law!(if in_auction { least == 0 } else { r == removing || least <= r.quantity.0 }, r);
            let is_market = order.price.0 == 0;
            let buy = r.side.is_buy();
            law!(is_market || rank(buy, order.price) <= rank(buy, r.price), r);
            law!(order.open.checked_sub(r.quantity.0) == Some(r.open.0), r);
            order.open = r.open.0;
            order.executed += r.quantity.0;
            if let Some(shown) = &mut order.shown {
                law!(r.quantity.0 <= *shown, r);
                *shown -= r.quantity.0;
            }
            self.filled += u128::from(r.quantity.0);
        }
        self.live.retain(|order| order.open > 0);
        Ok(())
    }

    fn check_book(&self, symbol: SymbolId) -> Result<(), String> {
        let unpriced = self.live.iter().find(|order| order.price.0 == 0 && !order.hidden);
        law!(unpriced.is_none(), unpriced);
        let spent = self.live.iter().find(|order| order.shown == Some(0));
        law!(spent.is_none(), spent);
        let side = |buy| self.book(symbol, buy).chain(self.hidden(symbol, buy));
        let bid = side(true).map(|order| order.price).max();
        let offer = side(false).map(|order| order.price).min();
        let is_crossed = bid.is_some() && offer.is_some() && bid >= offer;
        law!(!is_crossed || !self.is_open(symbol), (symbol, bid, offer));
        let stops = self.live.iter().filter(|order| order.symbol == symbol && order.stop.is_some());
        let is_overdue =
            |stop: &&Told| self.last.get(&symbol).is_some_and(|&last| reaches(last, stop));
        let overdue = stops.into_iter().find(is_overdue);
        law!(overdue.is_none() || !self.is_open(symbol), overdue);
        Ok(())
    }

    /// Returns true if a trade of this command, or the last one before it, has reached a stop.
    fn is_reached(&self, stop: &Told) -> bool {
        self.traded_at.iter().any(|&price| reaches(price, stop))
    }

    fn book(&self, symbol: SymbolId, buy: bool) -> impl Iterator<Item = &Told> {
        self.live.iter().filter(move |o| o.symbol == symbol && o.side.is_buy() == buy && !o.hidden)
    }

    /// Returns the hidden orders without a minimum quantity.
    fn hidden(&self, symbol: SymbolId, buy: bool) -> impl Iterator<Item = &Told> {
        self.live.iter().filter(move |o| {
            let can_trade = o.terms.hidden && o.terms.min_quantity.0 == 0;
            o.symbol == symbol && o.side.is_buy() == buy && can_trade
        })
    }

    fn find(&self, session: SessionId, id: OrderId) -> Option<usize> {
        self.live.iter().position(|order| order.session == session && order.id == id)
    }

    /// Returns the order of a report, which must be live and have the same attributes as before.
    fn order_of(&mut self, r: &Report) -> Result<&mut Told, String> {
        let order = self.live.iter_mut().find(|order| order.number == r.order);
        let Some(order) = order else {
            return Err(format!("no such order is live: {r:?}"));
        };
        let told = (order.session, order.id, order.symbol, order.side);
        law!(told == (r.session, r.id, r.symbol, r.side), r);
        Ok(order)
    }
}

impl Told {
    /// Reduces the displayed quantity as the report says; undisplayed quantity is reduced first.
    fn show_less(&mut self, r: &Report, displayed: Option<Quantity>) -> Result<(), String> {
        law!(displayed.is_some() == (self.shown.is_some() && r.open.0 > 0), r);
        if let (Some(shown), Some(Quantity(less))) = (&mut self.shown, displayed) {
            law!(less < *shown, r);
            *shown -= less;
            law!(less == 0 || *shown == r.open.0, r);
        }
        Ok(())
    }
}

/// Returns true if a trade at this price elects a stop.
fn reaches(price: Price, stop: &Told) -> bool {
    if stop.side.is_buy() { price >= stop.price } else { price <= stop.price }
}

/// Returns true if a price is within the bands; zero is no bound.
fn is_within(bands: Option<&[Price; 2]>, price: Price) -> bool {
    bands.is_none_or(|[low, high]| *low <= price && (high.0 == 0 || price <= *high))
}

/// Ranks a price; lower is better.
fn rank(buy: bool, price: Price) -> i64 {
    if buy { -price.0 } else { price.0 }
}
