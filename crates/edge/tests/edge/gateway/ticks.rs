//! Ticks and the schedule: a due command is handed over once, when it is due, as far as the queue
//! has room.

use crate::gateway::venue::{Setup, Venue};
use jiff::tz::TimeZone;
use ringside_edge::calendar::{Event, Timetable};
use ringside_edge::clock::TimerClock;
use ringside_edge::schedule::{Part, Schedule};
use ringside_edge::timers::TimerTable;
use ringside_model::command::{Action, Command, OperatorCommand, PlanState, RunTimers, TradingDay};
use ringside_model::domain::{DayEvent, Name, Nanos, SessionId, SymbolId, SymbolState};
use ringside_model::reason::Reason;

use std::collections::BTreeSet;

const SECOND: u64 = 1_000_000_000;

struct Timed {
    venue: Venue,
    clock: TimerClock,
    timers: TimerTable,
}

impl Timed {
    fn new(queue: usize, schedule: Vec<Part>) -> Timed {
        let timers = TimerTable::new();
        let schedule = Schedule::new(schedule, SessionId(9), timers.clone());
        let venue = Venue::with(Setup { queue, ..Setup::default() });
        Timed { venue, clock: TimerClock::new(timers.clone(), schedule, Nanos(0)), timers }
    }

    fn steps(&mut self, now: u64) -> usize {
        self.clock.step(self.venue.server(), Nanos(now))
    }

    /// Returns the symbols that have a tick.
    fn ticked(&mut self) -> Vec<u32> {
        let commands = self.venue.commands().into_iter().map(|inbound| inbound.command);
        let ticked = commands.map(|command| {
            let tick = Command {
                session: SessionId(0),
                symbol: command.symbol,
                verdict: Reason::None,
                action: Action::from(RunTimers),
            };
            assert_eq!(command, tick);
            command.symbol.0
        });
        ticked.collect()
    }
}

#[test]
fn what_is_due_is_ticked_once_when_it_is_due() {
    let mut timed = Timed::new(1024, vec![]);
    for (symbol, at) in [(2, 20), (1, 20), (3, 10), (4, 40)] {
        timed.timers.add(SymbolId(symbol), Nanos(at));
    }
    timed.steps(9);
    assert_eq!(timed.ticked(), [0; 0]);
    assert_eq!(timed.steps(20), 3);
    assert_eq!(timed.ticked(), [3, 1, 2]);
    assert_eq!(timed.steps(30), 0, "their ticks are on their way");
    // The clock of the machine may be set back; official time does not go back.
    timed.steps(40);
    timed.timers.add(SymbolId(5), Nanos(35));
    assert_eq!(timed.steps(5), 1);
    assert_eq!(timed.ticked(), [4, 5]);
}

#[test]
fn a_full_queue_takes_no_tick_and_none_is_lost() {
    let mut timed = Timed::new(4, vec![]);
    (1..=100).for_each(|symbol| timed.timers.add(SymbolId(symbol), Nanos(10)));
    let mut ticked = vec![];
    for _ in 0..25 {
        assert_eq!(timed.steps(10), 4);
        assert_eq!(timed.steps(10), 0, "the queue is full");
        ticked.extend(timed.ticked());
    }
    assert_eq!(ticked, (1..=100).collect::<Vec<_>>());
    assert_eq!(timed.steps(10), 0);
}

#[test]
fn one_step_hands_over_no_more_than_a_few() {
    let mut timed = Timed::new(1024, vec![]);
    (1..=100).for_each(|symbol| timed.timers.add(SymbolId(symbol), Nanos(10)));
    let first = timed.steps(10);
    assert!(first > 0 && first < 50, "{first}");
    while timed.steps(10) > 0 {}
    assert_eq!(timed.ticked().len(), 100);
}

#[test]
fn the_end_of_the_day_is_the_end_of_the_ticks() {
    let mut timed = Timed::new(1024, vec![]);
    timed.timers.add(SymbolId(1), Nanos(10));
    let end = Command {
        session: SessionId(0),
        symbol: SymbolId::NONE,
        verdict: Reason::None,
        action: Action::from(TradingDay { event: DayEvent::End }),
    };
    assert!(timed.venue.server().hand_over(end));
    assert_eq!(timed.steps(20), 0);
    assert_eq!(timed.venue.commands().len(), 1);
}

#[test]
fn a_boundary_of_the_schedule_is_handed_over_when_there_is_room() {
    let event = |at: &str, state, random_ns| Event { at: at.parse().unwrap(), state, random_ns };
    let timetable = Timetable {
        zone: TimeZone::UTC,
        days: [false, false, false, true, false, false, false],
        holidays: BTreeSet::new(),
        events: vec![
            event("00:01", SymbolState::PreOpen, 0),
            event("00:02", SymbolState::Open, 5 * SECOND),
        ],
    };
    let schedule = Part::new(Name::new("AAPL").map(|name| vec![name]), timetable);
    // The first of January 1970 was a Thursday.
    let mut timed = Timed::new(1, vec![schedule]);
    timed.steps(59 * SECOND);
    assert!(timed.venue.commands().is_empty());
    timed.timers.add(SymbolId(7), Nanos(1));
    assert_eq!(timed.steps(59 * SECOND), 1);
    assert_eq!(timed.steps(60 * SECOND), 0, "the tick of another symbol fills the queue");
    assert_eq!(timed.ticked(), [7]);
    let mut said = |now| {
        timed.steps(now);
        let commands = timed.venue.commands();
        timed.timers.answer(SymbolId(1));
        let command = commands.first().map(|inbound| inbound.command)?;
        let Action::Operator(OperatorCommand::PlanState(PlanState {
            due, random_ns, state, ..
        })) = command.action
        else {
            panic!("{command:?}");
        };
        assert_eq!((command.session, command.symbol), (SessionId(9), SymbolId(1)));
        Some((due.0, random_ns, state))
    };
    assert_eq!(said(60 * SECOND + 7), Some((60 * SECOND, 0, SymbolState::PreOpen)));
    assert_eq!(said(61 * SECOND), None);
    assert_eq!(said(120 * SECOND), Some((120 * SECOND, 5 * SECOND, SymbolState::Open)));
    assert_eq!(said(1_000 * SECOND), None);
}
