//! Work of commands at its bound, 2^20 - 1 trades and as many places: no number comes twice, nobody
//! loses an order, and the commands behind finish what is left.

use ringside_engine::{Engine, Image, TURNS_MAX, WORK_MAX};
use ringside_model::command::{
    Action, Cancel, ChangeSymbol, Command, DefineSymbol, Display, Enter, EnterIceberg,
    EnterSpecial, EnterStop, MassCancel, MoveSymbol, Replace, RunTimers, Sequenced, SetBands,
    SetQuote, SetReference, SetState, SpecialTerms, TradingDay,
};
use ringside_model::domain::*;
use ringside_model::reason::Reason;
use ringside_model::report::{Body, Report, ReportKind};
use std::collections::HashSet;

const SYMBOL: SymbolId = SymbolId(1);

/// Number of orders that one command cannot move, trade or elect.
const MANY: u64 = WORK_MAX as u64 + 2;

/// Venue that checks the numbers of every command.
struct Checked {
    engine: Engine,
    seqno: u64,
    reports: Vec<Report>,
}

impl Checked {
    fn new() -> Self {
        let engine = Engine::new(MANY as usize * 2);
        let mut venue = Checked { engine, seqno: 0, reports: vec![] };
        let tick = Tick::parse("1").unwrap();
        venue.apply(Action::from(DefineSymbol::new(Name::new("S").unwrap(), tick)));
        venue
    }

    /// Applies a command; returns its reports.
    fn apply(&mut self, action: Action) -> &[Report] {
        self.seqno += 1;
        let command =
            Command { session: SessionId(1), symbol: SYMBOL, verdict: Reason::None, action };
        let sequenced = Sequenced { seqno: SeqNo(self.seqno), time: Nanos(self.seqno), command };
        self.reports.clear();
        self.engine.apply_batch(&[sequenced], &mut self.reports);
        self.check_numbers();
        &self.reports
    }

    fn enter(&mut self, id: u64, side: Side, price: i64, quantity: u64) -> &[Report] {
        self.apply(Action::Enter(limit(id, side, price, quantity)))
    }

    fn set_state(&mut self, state: SymbolState) -> &[Report] {
        self.apply(Action::from(SetState::to(state)))
    }

    /// Checks that the command gave no trade and no place a number twice, or one that the next
    /// command could give.
    fn check_numbers(&self) {
        let mut places = HashSet::new();
        let mut trade = 0;
        for report in &self.reports {
            match report.body() {
                Body::Executed(executed) => {
                    assert!(executed.trade == trade || executed.trade == trade + 1);
                    trade = executed.trade;
                }
                Body::Displayed(_) | Body::Repriced(_) | Body::Entered(_) => {
                    assert!(places.insert(report.order), "{:?} comes twice", report.order);
                }
                Body::Triggered(triggered) if triggered.old_order != report.order => {
                    assert!(places.insert(report.order), "{:?} comes twice", report.order);
                }
                _ => {}
            }
        }
        assert!(trade <= WORK_MAX && places.len() as u64 <= u64::from(WORK_MAX) + 1);
        assert!(places.iter().all(|order| order.seqno().0 == self.seqno));
    }

    fn count(&self, kind: ReportKind) -> u64 {
        self.reports.iter().filter(|report| report.kind == kind).count() as u64
    }

    fn is_unfinished(&self) -> bool {
        self.count(ReportKind::Unfinished) > 0
    }

    /// Restores an engine from the image, and goes on with the restored one.
    fn restart(&mut self) -> Image {
        let image = self.engine.image();
        let restored = Engine::restore(0, &image).expect("an image of a venue is valid");
        assert_eq!(restored.state_hash(), self.engine.state_hash());
        self.engine = restored;
        image
    }

    /// Sends ticks until nothing is left; returns how many were needed.
    fn finish(&mut self) -> u32 {
        for ticks in 0.. {
            if self.engine.due_times().is_empty() {
                return ticks;
            }
            self.apply(Action::from(RunTimers));
        }
        unreachable!("the loop ends with a return")
    }
}

fn limit(id: u64, side: Side, price: i64, quantity: u64) -> Enter {
    Enter::limit(OrderId(id), side, Quantity(quantity), Price(price))
}

#[test]
fn a_sweep_ends_before_its_numbers_do() {
    let mut venue = Checked::new();
    for id in 1..=MANY {
        venue.enter(id, Side::Sell, 100, 1);
    }
    let fok = Enter { tif: TimeInForce::Fok, ..limit(MANY + 1, Side::Buy, 100, MANY) };
    let last = *venue.apply(Action::Enter(fok)).last().unwrap();
    assert_eq!((last.reason, last.quantity.0), (Reason::FokNotFillable, MANY));
    let last = *venue.enter(MANY + 2, Side::Buy, 100, MANY).last().unwrap();
    assert_eq!((last.reason, last.quantity.0), (Reason::WorkLimit, 2));
    assert_eq!(venue.count(ReportKind::Executed), 2 * u64::from(WORK_MAX));
    assert_eq!(venue.engine.live_orders(), 2);
    venue.restart();
    assert_eq!(venue.enter(MANY + 3, Side::Buy, 100, 2).len(), 5);
}

#[test]
fn a_sweep_through_icebergs_ends_before_its_numbers_do() {
    let mut venue = Checked::new();
    let (icebergs, slices) = (1_100, 1_000);
    for id in 1..=icebergs {
        let order = limit(id, Side::Sell, 100, slices);
        let display = Display { next: 1, least: 1, most: 1, seed: 0 };
        venue.apply(Action::EnterIceberg(EnterIceberg { order, display }));
    }
    let whole = icebergs * slices;
    let fok = Enter { tif: TimeInForce::Fok, ..limit(whole, Side::Buy, 100, whole) };
    assert_eq!(venue.apply(Action::Enter(fok))[1].reason, Reason::FokNotFillable);
    let last = *venue.enter(whole + 1, Side::Buy, 100, whole).last().unwrap();
    assert_eq!(last.reason, Reason::WorkLimit);
    let left = last.quantity.0;
    // Every trade needs a place for the next slice, so places end first: no trade is without one.
    assert_eq!(venue.count(ReportKind::Displayed), u64::from(WORK_MAX));
    assert_eq!(whole - left, u64::from(WORK_MAX));
    venue.restart();
    let last = *venue.enter(whole + 2, Side::Buy, 100, left).last().unwrap();
    assert_eq!((last.kind, last.open.0, venue.engine.live_orders()), (ReportKind::Executed, 0, 0));
}

#[test]
fn an_auction_goes_on_at_its_price() {
    let mut venue = Checked::new();
    venue.set_state(SymbolState::PreOpen);
    for id in 1..=MANY {
        venue.enter(id, Side::Sell, 100, 1);
    }
    venue.enter(MANY + 1, Side::Buy, 102, MANY);
    venue.set_state(SymbolState::Open);
    assert_eq!(venue.count(ReportKind::Executed), 2 * u64::from(WORK_MAX));
    assert!(venue.is_unfinished());
    venue.restart();
    // The next part comes first, at the price of the auction, then the order itself.
    let reports = venue.enter(MANY + 2, Side::Sell, 90, 1);
    assert_eq!(reports.len(), 2 * 2 + 1);
    assert!(reports[..4].iter().all(|report| report.price == Price(101)));
    assert_eq!(reports[4].kind, ReportKind::Accepted);
    assert_eq!((venue.finish(), venue.engine.live_orders()), (0, 1));
}

#[test]
fn pegs_follow_a_quote_in_parts() {
    let mut venue = Checked::new();
    let quote = |bid, offer| Action::from(SetQuote { bid: Price(bid), offer: Price(offer) });
    venue.apply(quote(100, 110));
    let terms = SpecialTerms { peg: Peg::Primary, ..SpecialTerms::NONE };
    for id in 1..=MANY {
        let order = limit(id, Side::Buy, 0, 1);
        venue.apply(Action::EnterSpecial(EnterSpecial { order, terms }));
    }
    venue.apply(quote(101, 110));
    assert_eq!(venue.count(ReportKind::Repriced), u64::from(WORK_MAX));
    assert!(venue.is_unfinished());
    venue.restart();
    assert_eq!(venue.finish(), 1);
    assert_eq!(venue.count(ReportKind::Repriced), 2);
    let bid = venue.engine.top_of_book(SYMBOL).0.unwrap();
    assert_eq!((bid.price, bid.quantity), (Price(101), MANY.into()));
}

#[test]
fn orders_with_a_minimum_come_in_in_parts() {
    let mut venue = Checked::new();
    venue.set_state(SymbolState::PreOpen);
    let waiting = 3 * u64::from(TURNS_MAX) + 1;
    for id in 1..=waiting {
        let order = limit(id, Side::Buy, 100, 20);
        let min_quantity = Quantity(if id == waiting { 3 } else { 20 });
        let terms = SpecialTerms { hidden: true, min_quantity, ..SpecialTerms::NONE };
        venue.apply(Action::from(EnterSpecial { order, terms }));
    }
    venue.enter(waiting + 1, Side::Sell, 100, 5);
    venue.set_state(SymbolState::Open);
    assert!(venue.is_unfinished());
    let refused = venue.enter(waiting + 2, Side::Buy, 1, 1);
    assert_eq!(refused.last().map(|report| report.reason), Some(Reason::Busy));
    let image = venue.restart();
    assert_eq!(image.owed.len(), 1);
    venue.apply(Action::from(RunTimers));
    assert!(venue.is_unfinished() && venue.count(ReportKind::Executed) == 0);
    venue.apply(Action::from(RunTimers));
    assert!(!venue.is_unfinished());
    assert_eq!(venue.count(ReportKind::Executed), 2, "the last one meets its minimum");
    assert_eq!(venue.finish(), 0);
}

#[test]
fn bands_move_orders_in_parts() {
    let mut venue = Checked::new();
    for id in 1..=MANY {
        venue.enter(id, Side::Buy, 100 + (id % 3) as i64, 1);
    }
    let bands = SetBands { high: Price(99), ..SetBands::default() };
    venue.apply(Action::from(bands));
    assert_eq!(venue.count(ReportKind::Repriced), u64::from(WORK_MAX));
    assert!(venue.is_unfinished());
    venue.restart();
    assert_eq!(venue.finish(), 1);
    let bid = venue.engine.top_of_book(SYMBOL).0.unwrap();
    assert_eq!((bid.price, bid.quantity), (Price(99), MANY.into()));
}

#[test]
fn stops_enter_in_parts() {
    let mut venue = Checked::new();
    for id in 1..=MANY {
        let order = limit(id, Side::Buy, 50, 1);
        venue.apply(Action::EnterStop(EnterStop { order, stop: Price(100) }));
    }
    venue.enter(MANY + 1, Side::Sell, 100, 1);
    venue.enter(MANY + 2, Side::Buy, 100, 1);
    assert_eq!(venue.count(ReportKind::Triggered), MANY);
    assert!(venue.is_unfinished());
    venue.restart();
    assert_eq!(venue.finish(), 1);
    assert_eq!(venue.count(ReportKind::Entered), 2);
    let bid = venue.engine.top_of_book(SYMBOL).0.unwrap();
    assert_eq!((bid.price, bid.quantity), (Price(50), MANY.into()));
}

/// Venue whose commands make two trades, and give two places.
fn small() -> Checked {
    let mut venue = Checked::new();
    venue.engine.set_work_max(2);
    venue
}

/// Lets five stops enter, of which the command that reaches them lets two in.
fn with_stops_left() -> Checked {
    let mut venue = small();
    for id in 1..=5 {
        let order = limit(id, Side::Buy, 50, 1);
        venue.apply(Action::EnterStop(EnterStop { order, stop: Price(100) }));
    }
    venue.enter(6, Side::Sell, 100, 1);
    venue.enter(7, Side::Buy, 100, 1);
    assert_eq!(venue.count(ReportKind::Triggered), 5);
    assert!(venue.is_unfinished());
    venue
}

#[test]
fn an_order_is_refused_while_something_is_left() {
    let mut venue = with_stops_left();
    let replace =
        Replace { id: OrderId(1), new_id: OrderId(9), quantity: Quantity(1), price: Price(49) };
    for (action, left) in [
        (Action::Enter(limit(8, Side::Sell, 90, 1)), 1),
        // The part that the command does itself leaves nothing, but it leaves no work either.
        (Action::from(SetState::to(SymbolState::Halted)), 0),
    ] {
        let last = *venue.apply(action).last().unwrap();
        let entered = venue.count(ReportKind::Entered);
        if left > 0 {
            assert_eq!((last.kind, last.reason, entered), (ReportKind::Rejected, Reason::Busy, 2));
        } else {
            assert_eq!((last.kind, entered), (ReportKind::StateChanged, 1));
        }
    }
    assert_eq!(venue.apply(Action::from(replace))[0].reason, Reason::Halted);
}

#[test]
fn a_symbol_moves_when_nothing_is_left() {
    let mut venue = with_stops_left();
    let halt = Action::from(MoveSymbol {
        step: MoveStep::Halt,
        partition: PartitionId(1),
        version: 0,
        orders: 0,
        quantity: Quantity(0),
    });
    let last = *venue.apply(halt).last().unwrap();
    let entered = venue.count(ReportKind::Entered);
    assert_eq!((last.kind, last.reason, entered), (ReportKind::Rejected, Reason::Busy, 2));
    let last = *venue.apply(halt).last().unwrap();
    assert_eq!((last.kind, venue.count(ReportKind::Entered)), (ReportKind::SymbolMoved, 1));
}

#[test]
fn what_takes_away_is_served_while_something_is_left() {
    let mut venue = with_stops_left();
    venue.engine.set_work_max(1);
    let last = *venue.apply(Action::Cancel(Cancel { id: OrderId(5) })).last().unwrap();
    assert_eq!((last.kind, last.id), (ReportKind::Canceled, OrderId(5)));
    assert!(venue.is_unfinished());
    let reports = venue.apply(Action::MassCancel(MassCancel::default()));
    let canceled = reports.iter().filter(|report| report.kind == ReportKind::Canceled).count();
    assert_eq!((canceled, venue.engine.live_orders()), (4, 0));
}

#[test]
fn the_end_of_a_day_closes_a_symbol_in_the_middle_of_its_auction() {
    let mut venue = small();
    venue.set_state(SymbolState::PreOpen);
    for id in 1..=3 {
        venue
            .apply(Action::Enter(Enter { tif: TimeInForce::Gtc, ..limit(id, Side::Sell, 100, 1) }));
    }
    venue.apply(Action::Enter(Enter { tif: TimeInForce::Gtc, ..limit(4, Side::Buy, 100, 3) }));
    venue.set_state(SymbolState::Open);
    assert!(venue.is_unfinished());
    assert!(venue.restart().last_prices.is_empty(), "the auction is not over");
    venue.apply(Action::from(TradingDay { event: DayEvent::End }));
    let closed = venue.reports.iter().find(|report| report.kind == ReportKind::StateChanged);
    assert!(
        matches!(closed.unwrap().body(), Body::StateChanged(to) if to.state == SymbolState::Closed)
    );
    venue.restart();
    venue.apply(Action::from(TradingDay { event: DayEvent::Start }));
    assert_eq!((venue.finish(), venue.engine.live_orders()), (0, 2));
    // What the auction left crossed trades when the symbol opens.
    venue.set_state(SymbolState::Open);
    assert_eq!(venue.engine.live_orders(), 0);
}

#[test]
fn reached_stops_enter_on_the_next_day() {
    let mut venue = small();
    venue.set_state(SymbolState::PreOpen);
    for (id, side) in [(1, Side::Sell), (2, Side::Sell), (3, Side::Buy), (4, Side::Buy)] {
        venue.enter(id, side, 100, 1);
    }
    let order = Enter { tif: TimeInForce::Gtc, ..limit(5, Side::Buy, 50, 1) };
    venue.apply(Action::EnterStop(EnterStop { order, stop: Price(100) }));
    venue.set_state(SymbolState::Open);
    assert_eq!((venue.count(ReportKind::Triggered), venue.is_unfinished()), (1, true));
    venue.apply(Action::from(TradingDay { event: DayEvent::End }));
    venue.apply(Action::from(TradingDay { event: DayEvent::Start }));
    assert!(venue.is_unfinished());
    venue.restart();
    assert_eq!((venue.finish(), venue.count(ReportKind::Entered)), (1, 1));
}

#[test]
fn pegs_come_back_after_bands_that_took_the_night() {
    let mut venue = small();
    let quote = SetQuote { bid: Price(90), offer: Price(110) };
    venue.apply(Action::from(quote));
    let gtc = |id, price| Enter { tif: TimeInForce::Gtc, ..limit(id, Side::Buy, price, 1) };
    let terms = SpecialTerms { peg: Peg::Primary, ..SpecialTerms::NONE };
    venue.apply(Action::EnterSpecial(EnterSpecial { order: gtc(1, 0), terms }));
    (2..=6).for_each(|id| _ = venue.apply(Action::Enter(gtc(id, 100))));
    venue.apply(Action::from(TradingDay { event: DayEvent::End }));
    venue.apply(Action::from(SetBands { high: Price(99), ..SetBands::default() }));
    assert_eq!((venue.count(ReportKind::Repriced), venue.is_unfinished()), (2, true));
    venue.apply(Action::from(TradingDay { event: DayEvent::Start }));
    assert!(venue.is_unfinished());
    venue.apply(Action::from(RunTimers));
    venue.apply(Action::from(RunTimers));
    let repriced: Vec<u64> =
        venue.reports.iter().filter(|r| r.kind == ReportKind::Repriced).map(|r| r.id.0).collect();
    assert_eq!((repriced, venue.finish()), (vec![6, 1], 0));
}

#[test]
fn work_that_cannot_be_owed_is_refused() {
    type Alter = fn(&mut Image);
    let alterations: &[Alter] = &[
        |image| image.owed[0].symbol = 2,
        |image| image.owed[0].symbol |= 1 << 32,
        |image| image.owed[0].step = 0,
        |image| image.owed[0].step = 7,
        |image| image.owed[0].at = 1 << 9,
        |image| image.owed[0].at = 99,
        |image| image.owed[0].price = 0,
        // No step but an auction has a price, no step but minimums and auctions an `at`.
        |image| image.owed[0].step = 5,
        |image| (image.owed[0].step, image.owed[0].price) = (6, 0),
        |image| image.is_day_over = true,
        |image| image.owed.push(image.owed[0]),
    ];
    let mut venue = small();
    venue.set_state(SymbolState::PreOpen);
    for id in 1..=3 {
        venue.enter(id, Side::Sell, 100, 1);
    }
    venue.enter(4, Side::Buy, 100, 3);
    venue.set_state(SymbolState::Open);
    let image = venue.restart();
    assert_eq!(image.owed.len(), 1);
    for (i, alter) in alterations.iter().enumerate() {
        let mut altered = image.clone();
        alter(&mut altered);
        let error = Engine::restore(0, &altered).err().map(|error| error.to_string());
        let error = error.unwrap_or_else(|| panic!("alteration {i}"));
        assert!(error.contains("owe"), "alteration {i}: {error}");
    }
}

#[test]
fn a_symbol_is_uncrossed_again_if_orders_left_between_the_parts_of_its_auction() {
    let mut venue = small();
    venue.set_state(SymbolState::PreOpen);
    (1..=5).for_each(|id| _ = venue.enter(id, Side::Sell, 15, 1));
    venue.enter(6, Side::Buy, 20, 60);
    venue.enter(7, Side::Buy, 19, 7);
    venue.set_state(SymbolState::Open);
    let crossed = |venue: &Checked| {
        let crossed = venue.reports.iter().filter(|report| report.kind == ReportKind::Crossed);
        crossed.map(|report| (report.price.0, report.quantity.0)).collect::<Vec<_>>()
    };
    assert_eq!(crossed(&venue), [(20, 5)]);
    // The cancel comes behind the second part.
    venue.apply(Action::Cancel(Cancel { id: OrderId(6) }));
    assert!(venue.is_unfinished());
    assert_eq!(venue.finish(), 1);
    assert_eq!(crossed(&venue), [(19, 1)]);
    let prices = venue.reports.iter().filter(|report| report.kind == ReportKind::Executed);
    assert_eq!(prices.map(|report| report.price.0).collect::<Vec<_>>(), [19, 19]);
    let (bid, offer) = venue.engine.top_of_book(SYMBOL);
    assert_eq!((bid.unwrap().quantity, offer), (6, None));
}

#[test]
fn an_auction_without_a_collar_has_none_in_its_later_parts() {
    let mut venue = small();
    venue.apply(Action::from(SetReference { prior_close: Price(100), last: Price(0) }));
    let collar = ChangeSymbol { auction_collar_bps: Some(500), ..ChangeSymbol::default() };
    venue.apply(Action::from(collar));
    venue.set_state(SymbolState::PreOpen);
    (1..=5).for_each(|id| _ = venue.enter(id, Side::Sell, 100, 1));
    venue.enter(6, Side::Buy, 120, 60);
    venue.enter(7, Side::Buy, 110, 7);
    venue.apply(Action::from(SetState { state: SymbolState::Open, collar_off: true }));
    venue.apply(Action::Cancel(Cancel { id: OrderId(6) }));
    assert!(venue.is_unfinished());
    venue.restart();
    // The last price is 120 then: 110 is beyond the collar around it.
    venue.apply(Action::from(RunTimers));
    let crossed = venue.reports.iter().find(|report| report.kind == ReportKind::Crossed).unwrap();
    assert_eq!((crossed.price, crossed.quantity), (Price(110), Quantity(1)));
    assert_eq!(venue.count(ReportKind::StateChanged), 0);
    let (bid, offer) = venue.engine.top_of_book(SYMBOL);
    assert_eq!((bid.unwrap().quantity, offer), (6, None));
}

#[test]
fn an_auction_that_a_collar_limits_halts_its_symbol_when_it_has_traded_in_several_commands() {
    let mut venue = Checked::new();
    venue.engine.set_work_max(2);
    venue.apply(Action::from(SetReference { prior_close: Price(100), last: Price(0) }));
    venue.apply(Action::from(ChangeSymbol {
        auction_collar_bps: Some(500),
        ..ChangeSymbol::default()
    }));
    venue.set_state(SymbolState::PreOpen);
    venue.enter(1, Side::Buy, 120, 20);
    for id in 2..=6 {
        venue.enter(id, Side::Sell, 100, 1);
    }
    venue.enter(7, Side::Sell, 110, 20);
    venue.set_state(SymbolState::Open);
    assert!(venue.is_unfinished() && venue.count(ReportKind::Executed) == 4);
    venue.restart();
    venue.engine.set_work_max(2);
    venue.apply(Action::from(RunTimers));
    assert!(venue.is_unfinished() && venue.count(ReportKind::Executed) == 4);
    let last = *venue.apply(Action::from(RunTimers)).last().unwrap();
    assert_eq!((last.kind, last.reason), (ReportKind::StateChanged, Reason::Collar));
    assert_eq!(venue.engine.live_orders(), 2);
    venue.restart();
}

#[test]
fn a_stop_that_enters_reached_waits_if_its_command_has_no_work_left() {
    let mut venue = with_stops_left();
    venue.engine.set_work_max(4);
    // The part gives three places, the stop its own.
    let order = limit(8, Side::Buy, 50, 1);
    venue.apply(Action::EnterStop(EnterStop { order, stop: Price(100) }));
    assert_eq!((venue.count(ReportKind::Entered), venue.count(ReportKind::Triggered)), (3, 1));
    assert!(venue.is_unfinished());
    assert_eq!((venue.finish(), venue.count(ReportKind::Entered)), (1, 1));
}
