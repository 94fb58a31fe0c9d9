use super::audit::Audit;
use super::commands::{
    DEEP, EVENTS, HUGE_VALUES, MIXED, MOVING, SPECIAL, TINY, WIDE_PRICES, WORK, stream,
};
use super::naive::Naive;
use super::text;
use ringside_model::command::{
    Action, Command, DefineSymbol, Enter, EnterStop, OperatorCommand, Sequenced, SetState,
};
use ringside_model::domain::{
    Auction, Name, Nanos, OrderId, OrderType, Price, Quantity, SeqNo, SessionId, Side, SymbolId,
    SymbolState, Tick,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Body, Crossed, Report, ReportKind};
use std::collections::BTreeSet;

#[test]
fn the_naive_venue_keeps_the_laws() {
    for profile in [TINY, SPECIAL, EVENTS, MOVING, WIDE_PRICES, HUGE_VALUES, MIXED] {
        for seed in 1..=3 {
            run(&stream(profile, seed, 5_000), |_, _, _| {});
        }
    }
    run(&stream(DEEP, 1, 2_000), |_, _, _| {});
    for seed in 1..=20 {
        let venue = Naive::with_work_max(WORK.work_max(seed));
        run_on(venue, &stream(WORK, seed, 5_000), |_, _, _| {});
    }
}

#[test]
fn the_streams_reach_the_corners() {
    let mut seen = BTreeSet::new();
    for seed in 1..=12 {
        let mut was_over = false;
        run(&stream(EVENTS, seed, 5_000), |venue, command, reports| {
            seen.extend(corners(command, reports, was_over));
            was_over = venue.day_over;
        });
    }
    let missing: Vec<_> = CORNERS.iter().filter(|corner| !seen.contains(*corner)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

const CORNERS: &[&str] = &[
    "a stop waits from its entry",
    "a stop waits after a closing auction",
    "stops enter that waited",
    "trades of stops that waited reach others",
    "an uncross reaches stops",
    "pegs are parked by a quote",
    "pegs are parked and others move",
    "pegs are parked by a state",
    "pegs are parked by a pause",
    "pegs are parked by the end of a day",
    "pegs come back by a quote",
    "pegs come back when a symbol opens",
    "a day starts with pegs that are to come back",
    "pegs come back before another command acts",
    "a peg comes back and trades",
    "a peg ends in place of its return",
    "the end of a day closes a call",
    "nothing enters between two days",
    "a pause comes before another command than a tick",
    "a limit state ends with an order that is over",
    "orders are over before a mass cancel of a symbol",
    "orders are over within a mass cancel of the venue",
    "a minimum is met when a symbol opens",
    "a stop that waits cannot be replaced",
    "an auction order loses its limit",
];

/// Returns the corners that a command reaches.
fn corners(command: &Sequenced, reports: &[Report], was_over: bool) -> Vec<&'static str> {
    use OperatorCommand::{RunTimers, SetQuote, TradingDay};
    use ReportKind::{Accepted, Canceled, Entered, Parked, Rejected, Repriced, StateChanged};
    let action = command.command.action;
    let is_of =
        |is_it: fn(&OperatorCommand) -> bool| matches!(action, Action::Operator(ref o) if is_it(o));
    let is_tick = is_of(|o| matches!(o, RunTimers(_)));
    let is_day = is_of(|o| matches!(o, TradingDay(_)));
    let is_quote = is_of(|o| matches!(o, SetQuote(_)));
    let is_mass_cancel = matches!(action, Action::MassCancel(_));
    let is_replace =
        matches!(action, Action::Replace(_)) && command.command.verdict == Reason::None;
    let of_symbol = command.command.symbol != SymbolId::NONE;
    let any = |is_it: &dyn Fn(&Report) -> bool| reports.iter().any(is_it);
    let has = |kind| any(&|r| r.kind == kind);
    let has_reason = |kind, reason| any(&|r| (r.kind, r.reason) == (kind, reason));
    let waits = any(&|r| matches!(r.body(), Body::Triggered(t) if t.old_order == r.order));
    let elects = any(&|r| matches!(r.body(), Body::Triggered(t) if t.old_order != r.order));
    let is_back = |r: &Report| matches!(r.body(), Body::Repriced(repriced) if repriced.parked);
    let is_removal =
        |r: &Report| matches!(r.body(), Body::Executed(e) if e.removed && e.auction.is_none());
    let is_over = |r: &Report| (r.kind, r.reason) == (Canceled, Reason::Expired);
    let pauses = has_reason(StateChanged, Reason::LimitState);
    let closing = Body::Crossed(Crossed { auction: Auction::Closing });
    let is_old = |r: &Report| r.order.seqno() != command.seqno;
    let parks_for = |is_it: bool| is_it && has(Parked);
    let comes_back = any(&is_back);
    let ends = |r: &Report| matches!(r.reason, Reason::BandEnded | Reason::ShortEnded);
    [
        waits && has(Accepted),
        waits && any(&|r| r.body() == closing),
        has(Entered),
        has(Entered) && elects,
        has(ReportKind::Crossed) && elects,
        parks_for(is_quote),
        parks_for(is_quote) && has(Repriced),
        parks_for(!is_day && has(StateChanged)),
        parks_for(pauses),
        parks_for(is_day),
        is_quote && comes_back,
        has(StateChanged) && comes_back,
        is_day && has(ReportKind::Unfinished),
        comes_back && !is_quote && !is_tick && !has(StateChanged),
        reports.windows(3).any(|w| is_back(&w[0]) && is_removal(&w[2])),
        any(&|r| ends(r) && r.is_hidden() && is_old(r)),
        is_day && has(StateChanged),
        was_over && has_reason(Rejected, Reason::Closed),
        pauses && !is_tick && !is_day,
        reports.windows(2).any(|w| is_over(&w[0]) && w[1].kind == ReportKind::LimitState),
        is_mass_cancel && of_symbol && is_over(&reports[0]),
        is_mass_cancel && !of_symbol && any(&is_over),
        has(StateChanged) && any(&|r| is_removal(r) && is_old(r)),
        is_replace && has_reason(Rejected, Reason::TooLate),
        is_replace && any(&|r| r.kind == ReportKind::Replaced && r.price.0 == 0),
    ]
    .into_iter()
    .zip(CORNERS)
    .filter_map(|(is_reached, corner)| is_reached.then_some(*corner))
    .collect()
}

#[test]
fn a_cascade_of_stops_ends_after_a_hundred_waves() {
    let mut commands = vec![define()];
    // The trade at a price reaches the stop there, which buys at the next price.
    for price in 1..=120 {
        commands.push(enter(Side::Sell, price));
        if price > 1 {
            let order = Enter { order_type: OrderType::Market, ..limit(Side::Buy, 0) };
            commands.push(Action::EnterStop(EnterStop { order, stop: Price(price - 1) }));
        }
    }
    commands.push(enter(Side::Buy, 1));
    commands.push(Action::from(SetState::to(SymbolState::Open)));
    let mut last = [const { vec![] }; 2];
    run(&numbered(commands), |_, _, reports| {
        last.rotate_left(1);
        last[1] = reports.to_vec();
    });
    let count = |reports: &[Report], kind| reports.iter().filter(|r| r.kind == kind).count();
    let [cascade, opening] = last;
    assert_eq!(count(&cascade, ReportKind::Triggered), 101);
    assert_eq!(count(&cascade, ReportKind::Executed), 2 * 101);
    let halted = cascade.last().unwrap();
    assert_eq!((halted.kind, halted.reason), (ReportKind::StateChanged, Reason::StopCascade));
    let waits = &cascade[cascade.len() - 2];
    assert!(matches!(waits.body(), Body::Triggered(t) if t.old_order == waits.order));
    assert_eq!(count(&opening, ReportKind::Entered), 1);
    assert_eq!(count(&opening, ReportKind::Triggered), 18);
}

#[test]
fn a_missing_report_breaks_a_law() {
    let commands = stream(EVENTS, 3, 5_000);
    for kind in
        [ReportKind::Parked, ReportKind::Triggered, ReportKind::Entered, ReportKind::Repriced]
    {
        let (mut venue, mut audit) = (Naive::default(), Audit::default());
        let mut breaks = |command: &Sequenced| {
            let mut reports = venue.apply_one(command);
            reports.pop_if(|last| last.kind == kind);
            if reports.is_empty() {
                return false;
            }
            reports.last_mut().unwrap().set_last();
            audit.command(command, &reports).is_err()
        };
        assert!(commands.iter().any(&mut breaks), "{kind:?}");
    }
}

/// Applies commands to the naive venue, holds its reports against the laws, and passes each command
/// with its reports and the venue after it.
fn run(commands: &[Sequenced], see: impl FnMut(&Naive, &Sequenced, &[Report])) {
    run_on(Naive::default(), commands, see);
}

fn run_on(
    mut venue: Naive,
    commands: &[Sequenced],
    mut see: impl FnMut(&Naive, &Sequenced, &[Report]),
) {
    let mut audit = Audit::with_work_max(venue.work_max());
    for command in commands {
        let reports = venue.apply_one(command);
        if let Err(law) = audit.command(command, &reports) {
            let lines: Vec<String> = reports.iter().map(text::report).collect();
            panic!("{law}\nat {}\n{}", text::command(command), lines.join("\n"));
        }
        see(&venue, command, &reports);
    }
    audit.check_totals().unwrap();
}

/// Gives commands of symbol 1 their seqnos, and orders their ids.
fn numbered(actions: Vec<Action>) -> Vec<Sequenced> {
    let sequenced = |(number, mut action): (u64, Action)| {
        match &mut action {
            Action::Enter(order) => order.id = OrderId(number),
            Action::EnterStop(stop) => stop.order.id = OrderId(number),
            _ => {}
        }
        let (session, symbol) = (SessionId(1), SymbolId(1));
        let command = Command { session, symbol, verdict: Reason::None, action };
        Sequenced { seqno: SeqNo(number), time: Nanos(number), command }
    };
    (1..).zip(actions).map(sequenced).collect()
}

fn define() -> Action {
    Action::from(DefineSymbol {
        name: Name::new("N").unwrap(),
        tick: Tick { mantissa: 1, scale: 2 },
        lot: Quantity(1),
        collar_bps: 0,
        reference: Price(0),
    })
}

fn enter(side: Side, price: i64) -> Action {
    Action::Enter(limit(side, price))
}

fn limit(side: Side, price: i64) -> Enter {
    Enter::limit(OrderId(0), side, Quantity(10), Price(price))
}
