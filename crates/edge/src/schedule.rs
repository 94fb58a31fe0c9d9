//! Schedule of the config, as commands.
//!
//! At each boundary the schedule plans the new state of every symbol for exactly that time, and the
//! next tick applies the state. So the journal holds each boundary with its own time, whatever the
//! clock was when the plan was handed over. After a restart, and on another node, the last of these
//! plans says which boundaries a symbol has had. No boundary is missed and none comes twice. A
//! state that an operator has set since the last boundary stays until the next one.
//!
//! An operator who has planned a state for a later time overrides the schedule: the boundaries up
//! to that time are skipped. Each skipped boundary is journaled too, as a plan that is rejected.
//! The extension of a call is no such plan: a boundary takes its place.

use crate::calendar::{Boundary, Timetable};
use crate::timers::{Outlook, PlanProgress, TimerTable};
use ringside_core::registry::directory::Directory;
use ringside_model::command::{Action, Command, PlanState};
use ringside_model::domain::{Name, Nanos, SessionId, SymbolId};
use ringside_model::reason::Reason;
use std::collections::BTreeSet;

/// Session of the schedule's commands. Commands of operators have no session.
pub const SESSION: &str = "schedule";

/// Symbols looked at for one command, at most.
const LOOKS_MAX: usize = 64;
/// Delay in ns before the next look at a symbol that has a plan or a tick under way.
const MOMENT_NS: u64 = 5_000_000;
/// Delay in ns before the next look at a symbol that is not traded here, is being moved, or had a
/// plan rejected.
const PAUSE_NS: u64 = 1_000_000_000;

/// Schedule of a leading venue.
#[derive(Default)]
pub struct Schedule {
    parts: Vec<Part>,
    session: SessionId,
    timers: TimerTable,
    /// Times at which to look at symbols, earliest first.
    looks: BTreeSet<(Nanos, SymbolId)>,
    /// First symbol that is not looked at yet.
    new: SymbolId,
    /// Symbols that were not traded here at the last look.
    away: BTreeSet<SymbolId>,
}

/// One schedule of the config.
#[derive(Clone)]
pub struct Part {
    /// Symbols of the part; `None` means all symbols that no other part names.
    names: Option<Vec<Name>>,
    timetable: Timetable,
    /// Boundaries before and after the time of the last look.
    around: (Option<Boundary>, Option<Boundary>),
    looked: Option<Nanos>,
}

impl Part {
    /// Creates a part from a timetable and its symbols. Without names, the part has all symbols
    /// that no other part names.
    pub fn new(names: Option<Vec<Name>>, timetable: Timetable) -> Part {
        Part { names, timetable, around: (None, None), looked: None }
    }
}

impl Schedule {
    /// Creates the schedule of a config; `session` sends its commands.
    pub fn new(parts: Vec<Part>, session: SessionId, timers: TimerTable) -> Schedule {
        Schedule { parts, session, timers, ..Schedule::default() }
    }

    /// Returns notes for the operator at the start: the number of symbols that are new to the
    /// schedule, and the boundaries that passed while no node led.
    pub fn notes(&self, now: Nanos, directory: &Directory) -> Vec<String> {
        let (mut new, mut missed, mut late) = (0, 0, 0);
        for (symbol, _) in directory.names().symbols() {
            let last = directory.rules().scheduled(symbol);
            let parts = self.parts_of(symbol, directory);
            if last == Nanos(0) {
                new += usize::from(!parts.is_empty());
                continue;
            }
            let passed = |part: &usize| self.parts[*part].timetable.between(last, now).len();
            let passed: usize = parts.iter().map(passed).sum();
            missed += passed;
            late += usize::from(passed > 0);
        }
        let mut notes = vec![];
        if new > 0 {
            notes.push(format!("the schedule begins for {new} symbols, with its last state"));
        }
        if missed > 0 {
            let each = "each has the state of its last one now";
            notes.push(format!(
                "while no node led, {late} symbols missed {missed} boundaries of the schedule: \
                 {each}"
            ));
        }
        notes
    }

    /// Returns the next command that is due at `now`. The caller hands the command over before the
    /// next call, and `directory` has observed all earlier commands.
    pub fn next(&mut self, now: Nanos, directory: &Directory) -> Option<Command> {
        if self.parts.is_empty() {
            return None;
        }
        let end = directory.numbers().next_symbol().unwrap_or(Directory::NOWHERE);
        if self.new < end {
            self.looks.extend((self.new.0..end.0).map(|symbol| (Nanos(0), SymbolId(symbol))));
            self.new = end;
        }
        for _ in 0..LOOKS_MAX {
            let (at, symbol) = *self.looks.first().filter(|(at, _)| *at <= now)?;
            self.looks.remove(&(at, symbol));
            let (again, plan) = self.look(symbol, now, directory);
            self.looks.extend(again.map(|again| (again, symbol)));
            if plan.is_some() {
                return plan;
            }
        }
        None
    }

    /// Looks at a symbol; returns the time of the next look, and the command to hand over.
    fn look(
        &mut self,
        symbol: SymbolId,
        now: Nanos,
        directory: &Directory,
    ) -> (Option<Nanos>, Option<Command>) {
        let later = |ns: u64| Some(Nanos(now.0.saturating_add(ns)));
        let Outlook { planned, is_extension, asked, is_away, .. } = self.timers.outlook(symbol);
        if is_away {
            self.away.insert(symbol);
            return (later(PAUSE_NS), None);
        }
        if asked == PlanProgress::Waits {
            return (later(MOMENT_NS), None);
        }
        let (last, next) = self.around(symbol, now, directory);
        let next = next.map(|next| next.at);
        let had = directory.rules().scheduled(symbol);
        let is_new = last.filter(|last| had < last.at || asked == PlanProgress::Refused);
        let Some(boundary) = is_new else {
            self.away.remove(&symbol);
            return (next, None);
        };
        if self.away.remove(&symbol) {
            // The state that the symbol has from its last partition stays.
            return (next, Some(self.command(symbol, &boundary, Reason::Moved)));
        }
        match planned.filter(|_| !is_extension) {
            Some(planned) if boundary.at <= planned => {
                (next, Some(self.command(symbol, &boundary, Reason::Operator)))
            }
            // The earlier plan is carried out first: its tick is under way.
            Some(_) => (later(MOMENT_NS), None),
            None => {
                // Look once more, in case the plan is rejected.
                let again = if asked == PlanProgress::Refused { PAUSE_NS } else { MOMENT_NS };
                (later(again), Some(self.command(symbol, &boundary, Reason::None)))
            }
        }
    }

    fn command(&self, symbol: SymbolId, boundary: &Boundary, verdict: Reason) -> Command {
        self.timers.ask(symbol);
        let Boundary { at, state, random_ns } = *boundary;
        let plan = PlanState { due: at, random_ns, seed: seed(), state };
        Command { session: self.session, symbol, verdict, action: Action::from(plan) }
    }

    /// Returns the last boundary of a symbol at or before `now`, and the next one.
    fn around(
        &mut self,
        symbol: SymbolId,
        now: Nanos,
        directory: &Directory,
    ) -> (Option<Boundary>, Option<Boundary>) {
        let (mut last, mut next): (Option<Boundary>, Option<Boundary>) = (None, None);
        for part in self.parts_of(symbol, directory) {
            let (one, other) = self.parts[part].around(now);
            last = last.into_iter().chain(one).max_by_key(|boundary| boundary.at);
            next = next.into_iter().chain(other).min_by_key(|boundary| boundary.at);
        }
        (last, next)
    }

    fn parts_of(&self, symbol: SymbolId, directory: &Directory) -> Vec<usize> {
        let Some(name) = directory.names().symbol(symbol).map(|symbol| symbol.name) else {
            return vec![];
        };
        let named = |part: &Part| part.names.as_ref().is_some_and(|names| names.contains(&name));
        let is_named = self.parts.iter().any(named);
        let has = |part: &Part| if is_named { named(part) } else { part.names.is_none() };
        (0..self.parts.len()).filter(|part| has(&self.parts[*part])).collect()
    }
}

impl Part {
    /// Returns the last boundary and the next one. Both are kept, because many symbols are looked
    /// at between the same two boundaries.
    fn around(&mut self, now: Nanos) -> (Option<Boundary>, Option<Boundary>) {
        let (_, next) = self.around;
        let is_same = self.looked.is_some_and(|looked| looked <= now)
            && next.is_none_or(|next| now < next.at);
        if !is_same {
            self.around = (self.timetable.last_until(now), self.timetable.next_after(now));
        }
        self.looked = Some(now);
        self.around
    }
}

/// Returns the seed for the random delay of a planned state. The seed is journaled with its
/// command, so every replay draws the same delay.
fn seed() -> u64 {
    let mut bytes = [0; 8];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    assert!(filled == Ok(bytes.len()), "the system has no random numbers: {filled:?}");
    u64::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Event;
    use jiff::tz::TimeZone;
    use ringside_model::command::{DefineSymbol, OperatorCommand};
    use ringside_model::domain::{Price, Quantity, SymbolState, Tick};

    const SECOND: u64 = 1_000_000_000;
    const HOUR: u64 = 3600 * SECOND;
    const DAY: u64 = 24 * HOUR;
    /// The first Monday after the Unix epoch, 5 January 1970, in ns.
    const MONDAY: u64 = 4 * DAY;

    struct World {
        schedule: Schedule,
        directory: Directory,
        timers: TimerTable,
    }

    impl World {
        /// Creates a venue with `symbols` symbols and this schedule.
        fn with(symbols: u32, parts: &[Part]) -> World {
            let mut world = World {
                schedule: Schedule::default(),
                directory: Directory::new(),
                timers: TimerTable::new(),
            };
            (1..=symbols).for_each(|symbol| world.define(symbol));
            world.restart(parts);
            world
        }

        fn define(&mut self, symbol: u32) {
            let definition = DefineSymbol {
                name: Name::new(&format!("S{symbol}")).unwrap(),
                tick: Tick::parse("0.01").unwrap(),
                lot: Quantity(1),
                collar_bps: 0,
                reference: Price(0),
            };
            let (session, symbol) = (SessionId(0), SymbolId(symbol));
            let action = Action::from(definition);
            self.directory.observe(&Command { session, symbol, verdict: Reason::None, action });
        }

        /// Restarts the schedule: only the content of the journal remains.
        fn restart(&mut self, parts: &[Part]) {
            self.timers = TimerTable::new();
            self.schedule = Schedule::new(parts.to_vec(), SessionId(9), self.timers.clone());
        }

        /// Returns the plans handed over up to `now`. No plan is answered, so all stay under way.
        fn says(&mut self, now: u64) -> Vec<(u32, u64, SymbolState, Reason)> {
            let mut said = vec![];
            while let Some(command) = self.schedule.next(Nanos(now), &self.directory) {
                self.directory.observe(&command);
                let Action::Operator(OperatorCommand::PlanState(plan)) = command.action else {
                    panic!("{command:?}")
                };
                assert_eq!(command.session, SessionId(9));
                said.push((command.symbol.0, plan.due.0, plan.state, command.verdict));
            }
            said
        }

        /// Returns the plans as `says` does, and answers each of them at once.
        fn does(&mut self, now: u64) -> Vec<(u32, u64, SymbolState, Reason)> {
            let said = self.says(now);
            said.iter().for_each(|(symbol, ..)| self.timers.answer(SymbolId(*symbol)));
            said
        }
    }

    /// Creates a schedule for Mondays and Tuesdays.
    fn part(symbols: Option<&[&str]>, events: &[(&str, SymbolState)]) -> Part {
        let event = |&(at, state): &(&str, SymbolState)| Event {
            at: at.parse().unwrap(),
            state,
            random_ns: 0,
        };
        let names =
            |symbols: &[&str]| symbols.iter().map(|name| Name::new(name).unwrap()).collect();
        let timetable = Timetable {
            zone: TimeZone::UTC,
            days: [true, true, false, false, false, false, false],
            holidays: BTreeSet::new(),
            events: events.iter().map(event).collect(),
        };
        Part::new(symbols.map(names), timetable)
    }

    fn day() -> [Part; 1] {
        let (pre_open, open, closed) =
            (SymbolState::PreOpen, SymbolState::Open, SymbolState::Closed);
        [part(None, &[("09:00", pre_open), ("10:00", open), ("16:00", closed)])]
    }

    const NONE: Reason = Reason::None;

    #[test]
    fn each_boundary_is_planned_once_when_it_has_come() {
        let mut world = World::with(2, &day());
        assert_eq!(world.does(MONDAY), [], "no boundary has come before 1970");
        let nine = MONDAY + 9 * HOUR;
        assert_eq!(world.does(nine - 1), []);
        let pre_open = |symbol| (symbol, nine, SymbolState::PreOpen, NONE);
        assert_eq!(world.does(nine), [pre_open(1), pre_open(2)]);
        assert_eq!(world.does(nine + HOUR - 1), []);
        let open = |symbol| (symbol, nine + HOUR, SymbolState::Open, NONE);
        assert_eq!(world.does(nine + HOUR), [open(1), open(2)]);
    }

    #[test]
    fn a_restart_neither_repeats_a_boundary_nor_misses_one_and_only_the_last_counts() {
        let mut world = World::with(1, &day());
        let nine = MONDAY + 9 * HOUR;
        world.does(nine);
        world.restart(&day());
        assert_eq!(world.does(nine + 1), [], "an operator may have done something since");
        world.restart(&day());
        let closed = (1, MONDAY + 16 * HOUR, SymbolState::Closed, NONE);
        assert!(world.schedule.notes(Nanos(MONDAY + 17 * HOUR), &world.directory)[0].contains('2'));
        assert_eq!(world.does(MONDAY + 17 * HOUR), [closed]);
        assert_eq!(world.does(MONDAY + 18 * HOUR), []);
        assert!(world.schedule.notes(Nanos(MONDAY + 18 * HOUR), &world.directory).is_empty());
    }

    #[test]
    fn a_plan_on_its_way_is_waited_for_and_a_refused_one_comes_again() {
        let mut world = World::with(1, &day());
        let nine = MONDAY + 9 * HOUR;
        let pre_open = (1, nine, SymbolState::PreOpen, NONE);
        assert_eq!(world.says(nine), [pre_open]);
        assert_eq!(world.says(nine + SECOND), []);
        world.timers.refuse(SymbolId(1));
        assert_eq!(world.says(nine + 2 * SECOND), [pre_open]);
        world.timers.answer(SymbolId(1));
        assert_eq!(world.says(nine + 9 * SECOND), []);
    }

    #[test]
    fn what_an_operator_has_planned_for_later_counts_instead_also_after_a_restart() {
        let mut world = World::with(1, &day());
        let (ten, half_past) = (MONDAY + 10 * HOUR, MONDAY + 10 * HOUR + HOUR / 2);
        world.does(ten - HOUR);
        world.timers.plan(SymbolId(1), Some(Nanos(half_past)));
        let passed_over = (1, ten, SymbolState::Open, Reason::Operator);
        assert_eq!(world.does(ten), [passed_over]);
        world.timers.plan(SymbolId(1), None);
        world.restart(&day());
        assert_eq!(world.does(half_past), []);
        assert_eq!(world.does(MONDAY + 16 * HOUR).len(), 1);
    }

    #[test]
    fn a_boundary_takes_the_place_of_an_extension() {
        let mut world = World::with(1, &day());
        let ten = MONDAY + 10 * HOUR;
        world.does(ten - HOUR);
        world.timers.extend(SymbolId(1), Nanos(ten + SECOND));
        assert_eq!(world.does(ten), [(1, ten, SymbolState::Open, NONE)]);
    }

    #[test]
    fn what_was_planned_for_before_a_boundary_is_carried_out_first() {
        let mut world = World::with(1, &day());
        let ten = MONDAY + 10 * HOUR;
        world.does(ten);
        world.restart(&day());
        // The venue was down from before the planned time until after the next boundary.
        world.timers.plan(SymbolId(1), Some(Nanos(ten + SECOND)));
        let four = MONDAY + 16 * HOUR;
        assert_eq!(world.does(four), []);
        world.timers.plan(SymbolId(1), None);
        assert_eq!(world.does(four + SECOND), [(1, four, SymbolState::Closed, NONE)]);
    }

    #[test]
    fn a_schedule_that_names_symbols_is_theirs_and_others_have_that_for_all() {
        let named = part(Some(&["S2"]), &[("09:30", SymbolState::Open)]);
        let mut world = World::with(2, &[day()[0].clone(), named]);
        let nine = MONDAY + 9 * HOUR;
        assert_eq!(world.does(nine + HOUR / 2).len(), 2);
        world.define(3);
        let now = nine + HOUR / 2 + SECOND;
        assert_eq!(world.does(now), [(3, nine, SymbolState::PreOpen, NONE)], "it is new");
        assert_eq!(world.does(now + SECOND), []);
        let four = MONDAY + 16 * HOUR;
        let closed = |symbol| (symbol, four, SymbolState::Closed, NONE);
        assert_eq!(world.does(four), [closed(1), closed(3)]);
    }

    #[test]
    fn an_symbol_that_comes_from_another_partition_stays_as_it_is_until_the_next_boundary() {
        let mut world = World::with(1, &day());
        world.timers.leave(SymbolId(1));
        let ten = MONDAY + 10 * HOUR;
        assert_eq!(world.does(ten), []);
        world.timers.come(SymbolId(1));
        let stays = (1, ten, SymbolState::Open, Reason::Moved);
        assert_eq!(world.does(ten + 2 * SECOND), [stays]);
        assert_eq!(world.does(MONDAY + 16 * HOUR).len(), 1);
    }
}
