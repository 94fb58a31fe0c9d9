//! Times at which something is due for a symbol: a planned state, the end of a pause, the expiry of
//! an order.
//!
//! ```text
//!  publisher ─► commands and reports ─► [times] ─► gateway ─► one tick for each symbol ─► sequencer
//! ```
//!
//! No engine reads a clock, so the reader of the clock must know the times to wait for. An unneeded
//! tick does no harm; a missing tick does. If it is not certain that something is over, its time
//! stays until a tick has come after that time.

use ringside_core::merge::Subscriber;
use ringside_model::command::{Action, Command, NamedTerms, ReplaceTerms};
use ringside_model::domain::{DayEvent, MoveStep, Nanos, SessionId, SymbolId};
use ringside_model::frame::{Frame, FrameKind};
use ringside_model::reason::Reason;
use ringside_model::report::{Body, LimitState, Published, ReportKind};
use ringside_planted::{Bug, planted};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Number of times of one symbol that are kept one by one.
const TIMES_MAX: usize = 4096;
/// Interval of the ticks for times that are not kept one by one.
const COARSE: Nanos = Nanos(20_000_000);
/// Delay of the next tick of a symbol whose tick was rejected.
const RETRY: Nanos = Nanos(1_000_000_000);

/// Timers of all symbols, shared by the reader of the reports ([`TimerWatch`]) and the sender of
/// the ticks.
#[derive(Clone, Default)]
pub struct TimerTable(Arc<Shared>);

struct Shared {
    /// Earliest time in `times`, so that a reader sees without the lock that nothing is due.
    earliest: AtomicU64,
    times: Mutex<Times>,
}

#[derive(Default)]
struct Times {
    of: BTreeMap<SymbolId, SymbolTimers>,
    /// Symbols that have something to wait for and no tick under way, by time.
    waiting: BTreeSet<(Nanos, SymbolId)>,
}

/// Timers of one symbol.
#[derive(Default)]
struct SymbolTimers {
    planned: Option<Nanos>,
    /// True if an extension of a call has planned the state.
    is_extension: bool,
    /// Time at which trading resumes after a pause.
    reopens: Option<Nanos>,
    /// Times at which a quote at a price band causes a pause, by side.
    pauses: [Option<Nanos>; 2],
    /// Expiry times of orders, and any other times from an engine.
    ends: TimeSet,
    /// Time of the symbol in [`Times::waiting`].
    waits: Option<Nanos>,
    /// State of the schedule's latest plan for the symbol.
    asked: PlanProgress,
    is_away: bool,
}

/// Set of times, most of them kept one by one.
#[derive(Default)]
struct TimeSet {
    first: BTreeSet<Nanos>,
    /// Span of the times that are not kept one by one.
    beyond: Option<(Nanos, Nanos)>,
}

/// State of a plan of the schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanProgress {
    /// The plan has been answered, or there was none.
    #[default]
    Answered,
    /// The plan is under way.
    Waits,
    /// The engine rejected the plan.
    Refused,
}

/// Next times of a symbol, and the state of its plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Earliest time at which something of any kind is due.
    pub next: Option<Nanos>,
    /// Time of the planned state, if a state is planned.
    pub planned: Option<Nanos>,
    /// True if an extension of a call has planned the state, which others may replace.
    pub is_extension: bool,
    /// State of the schedule's latest plan.
    pub asked: PlanProgress,
    /// True if the symbol is not traded here.
    pub is_away: bool,
}

impl Default for Shared {
    fn default() -> Self {
        Shared { earliest: AtomicU64::new(u64::MAX), times: Mutex::default() }
    }
}

impl TimerTable {
    /// Creates an empty set: nothing is due.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a time at which something of any kind is due.
    pub fn add(&self, symbol: SymbolId, at: Nanos) {
        self.change(symbol, |timers| timers.ends.add(at));
    }

    /// Sets the time of the planned state, or removes it.
    pub fn plan(&self, symbol: SymbolId, at: Option<Nanos>) {
        self.change(symbol, |timers| (timers.planned, timers.is_extension) = (at, false));
    }

    /// Sets the time to which a call has been extended.
    pub fn extend(&self, symbol: SymbolId, at: Nanos) {
        self.change(symbol, |timers| {
            timers.reopens = None;
            (timers.planned, timers.is_extension) = (Some(at), true);
        });
    }

    /// Marks the symbol as not traded here, and forgets its times.
    pub fn leave(&self, symbol: SymbolId) {
        self.change(symbol, |timers| {
            *timers = SymbolTimers {
                waits: timers.waits,
                is_away: true,
                asked: timers.asked,
                ..SymbolTimers::default()
            }
        });
    }

    /// Forgets all planned states: the end of the trading day drops them.
    fn end_day(&self) {
        let symbols: Vec<SymbolId> = self.times().of.keys().copied().collect();
        symbols.into_iter().for_each(|symbol| self.plan(symbol, None));
    }

    /// Notes that a plan of the schedule is handed over.
    pub fn ask(&self, symbol: SymbolId) {
        self.change(symbol, |timers| timers.asked = PlanProgress::Waits);
    }

    /// Marks the symbol as traded here.
    pub fn come(&self, symbol: SymbolId) {
        self.change(symbol, |timers| timers.is_away = false);
    }

    /// Notes that the schedule's plan has been answered, unless the plan has an answer already.
    pub fn answer(&self, symbol: SymbolId) {
        self.change(symbol, |timers| {
            if timers.asked == PlanProgress::Waits {
                timers.asked = PlanProgress::Answered;
            }
        });
    }

    /// Notes that the engine rejected the schedule's plan.
    pub fn refuse(&self, symbol: SymbolId) {
        self.change(symbol, |timers| timers.asked = PlanProgress::Refused);
    }

    /// Returns the next times of a symbol and the state of its plan; none for an unknown symbol.
    pub fn outlook(&self, symbol: SymbolId) -> Outlook {
        let times = self.times();
        let outlook = |timers: &SymbolTimers| {
            let SymbolTimers { planned, is_extension, asked, is_away, .. } = *timers;
            Outlook { next: timers.next(), planned, is_extension, asked, is_away }
        };
        times.of.get(&symbol).map_or(Outlook::default(), outlook)
    }

    /// Returns the next symbol for which something is due at `now`. The symbol is not returned
    /// again until its tick has come back, or until its earliest due time becomes earlier or later.
    pub fn take(&self, now: Nanos) -> Option<SymbolId> {
        if now.0 < self.0.earliest.load(Ordering::Acquire) {
            return None;
        }
        let mut times = self.times();
        let (at, symbol) = *times.waiting.first().filter(|(at, _)| *at <= now)?;
        if !planted(Bug::TickRepeated) {
            times.waiting.remove(&(at, symbol));
            times.of.get_mut(&symbol).expect("what waits is known").waits = None;
        }
        self.say_earliest(&times);
        Some(symbol)
    }

    /// Handles a tick at `at`: everything due by then is over, unless a later report sets a new
    /// time.
    fn ticked(&self, symbol: SymbolId, at: Nanos) {
        self.change_and_wait(symbol, |timers| {
            let SymbolTimers { planned, reopens, pauses, ends, .. } = timers;
            for time in [planned, reopens].into_iter().chain(pauses) {
                time.take_if(|time| *time <= at);
            }
            ends.pass(at);
            timers.next()
        });
    }

    /// Handles a rejected tick, for example while the symbol is being moved.
    fn refused(&self, symbol: SymbolId, at: Nanos) {
        let later = Nanos(at.0.saturating_add(RETRY.0));
        self.change_and_wait(symbol, |timers| timers.next().map(|next| next.max(later)));
    }

    /// Changes the times of a symbol. If its earliest due time changes, the symbol waits for the
    /// new one.
    fn change(&self, symbol: SymbolId, change: impl FnOnce(&mut SymbolTimers)) {
        self.change_and_wait(symbol, |timers| {
            let before = timers.next();
            change(timers);
            let next = timers.next();
            if next == before { timers.waits } else { next }
        });
    }

    /// Changes the times of a symbol, which then waits for the time that `change` returns.
    fn change_and_wait(
        &self,
        symbol: SymbolId,
        change: impl FnOnce(&mut SymbolTimers) -> Option<Nanos>,
    ) {
        let mut times = self.times();
        let Times { of, waiting } = &mut *times;
        let timers = of.entry(symbol).or_default();
        let until = change(timers);
        if let Some(before) = timers.waits {
            waiting.remove(&(before, symbol));
        }
        timers.waits = until;
        waiting.extend(until.map(|until| (until, symbol)));
        self.say_earliest(&times);
    }

    fn say_earliest(&self, times: &Times) {
        let earliest = times.waiting.first().map_or(u64::MAX, |(at, _)| at.0);
        self.0.earliest.store(earliest, Ordering::Release);
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.times.lock().expect("nobody panics while it is locked")
    }
}

impl SymbolTimers {
    fn next(&self) -> Option<Nanos> {
        let SymbolTimers { planned, reopens, pauses, ends, .. } = self;
        let times = [*planned, *reopens, ends.next()];
        times.into_iter().chain(*pauses).flatten().min()
    }
}

impl TimeSet {
    /// Adds a time. The last of too many times are not kept; ticks in short intervals cover their
    /// span.
    fn add(&mut self, at: Nanos) {
        self.first.insert(at);
        if self.first.len() > TIMES_MAX {
            let last = self.first.pop_last().expect("there are many");
            let (from, to) = self.beyond.unwrap_or((last, last));
            self.beyond = Some((from.min(last), to.max(last)));
        }
    }

    fn next(&self) -> Option<Nanos> {
        let beyond = self.beyond.map(|(from, _)| from);
        self.first.first().copied().into_iter().chain(beyond).min()
    }

    /// Removes the times up to `now`.
    fn pass(&mut self, now: Nanos) {
        self.first = self.first.split_off(&Nanos(now.0.saturating_add(1)));
        if let Some((from, to)) = self.beyond.filter(|(from, _)| *from <= now) {
            let next = Nanos(now.0.max(from.0).saturating_add(COARSE.0)).min(to);
            self.beyond = (now < to).then_some((next, to));
        }
    }
}

/// Subscriber that learns due times from commands and reports, and passes both on to another
/// subscriber.
pub struct TimerWatch<U> {
    subscriber: U,
    timers: TimerTable,
    /// Current command, if its reports matter here.
    cause: Option<Cause>,
    /// True if a call has been extended and the plan of its end comes next.
    extends: bool,
}

#[derive(Clone, Copy)]
struct Cause {
    kind: FrameKind,
    session: SessionId,
    symbol: SymbolId,
    /// True if the gateway asked for a rejection.
    has_verdict: bool,
}

impl<U> TimerWatch<U> {
    /// Creates a watch that passes everything on to `subscriber`.
    pub fn new(subscriber: U, timers: TimerTable) -> Self {
        TimerWatch { subscriber, timers, cause: None, extends: false }
    }

    #[cold]
    fn cause(&mut self, kind: FrameKind, frame: &Frame) {
        let Some(Command { session, symbol, verdict, action }) = Command::decode(frame) else {
            return;
        };
        if let Some(end) = end_of(&action) {
            // The answer does not matter: a tick too many does no harm.
            if end > frame.time() {
                self.timers.add(symbol, end);
            }
        } else {
            let has_verdict = verdict != Reason::None;
            self.cause = Some(Cause { kind, session, symbol, has_verdict });
        }
    }

    #[cold]
    fn learn(&mut self, published: &Published) {
        let report = &published.report;
        let symbol = report.symbol;
        let kind = self.cause.map(|cause| cause.kind);
        match report.body() {
            Body::Ticked(_) => self.timers.ticked(symbol, published.time),
            Body::CallExtended(_) => self.extends = true,
            Body::StatePlanned(planned) if std::mem::take(&mut self.extends) => {
                self.timers.extend(symbol, planned.at);
            }
            Body::StatePlanned(planned) => self.timers.plan(symbol, given(planned.at)),
            Body::StateChanged(changed) => self.timers.change(symbol, |timers| {
                timers.reopens = given(changed.reopens_at);
                // A command that sets a state removes the planned state.
                if kind == Some(FrameKind::SetState) {
                    (timers.planned, timers.is_extension) = (None, false);
                }
            }),
            Body::LimitState(LimitState { stands, pause_at }) => {
                let pause = given(pause_at).filter(|_| stands);
                self.timers.change(symbol, |timers| {
                    timers.pauses[usize::from(report.side.is_buy())] = pause;
                });
            }
            Body::TradingDay(day) if day.event == DayEvent::End => self.timers.end_day(),
            Body::Unfinished(_) => self.timers.add(symbol, published.time),
            Body::SymbolMoved(moved) => self.moved(symbol, moved.moved.step),
            Body::Rejected(_) => self.rejected(published.time),
            _ => {}
        }
    }

    fn rejected(&self, time: Nanos) {
        let Some(Cause { kind, session, symbol, has_verdict }) = self.cause else { return };
        match kind {
            FrameKind::RunTimers => self.timers.refused(symbol, time),
            FrameKind::PlanState if session != SessionId(0) && !has_verdict => {
                self.timers.refuse(symbol);
            }
            _ => {}
        }
    }

    fn moved(&self, symbol: SymbolId, step: MoveStep) {
        match step {
            MoveStep::Release => self.timers.leave(symbol),
            MoveStep::Halt | MoveStep::Import => {
                self.timers.change(symbol, |timers| timers.is_away = true);
            }
            MoveStep::Resume => self.timers.come(symbol),
            MoveStep::Export => {}
        }
    }
}

/// Returns the time at which an order is to expire, for a request that may name one; 0 for none.
fn end_of(action: &Action) -> Option<Nanos> {
    match action {
        Action::EnterSpecial(special) => Some(special.terms.expire),
        Action::ReplaceTerms(ReplaceTerms { terms: NamedTerms::Special(named), .. }) => {
            Some(named.expire)
        }
        Action::ReplaceTerms(_) => Some(Nanos(0)),
        _ => None,
    }
}

/// Returns the time of a report; `None` for 0.
fn given(time: Nanos) -> Option<Nanos> {
    Some(time).filter(|time| *time != Nanos(0))
}

impl<U: Subscriber> Subscriber for TimerWatch<U> {
    const COMMANDS: bool = true;

    #[inline]
    fn command(&mut self, frame: &Frame) {
        use FrameKind::{EnterSpecial, PlanState, ReplaceTerms, RunTimers, SetState};
        if let Some(kind @ (EnterSpecial | ReplaceTerms | PlanState | SetState | RunTimers)) =
            frame.kind()
        {
            self.cause(kind, frame);
        }
        self.subscriber.command(frame);
    }

    fn definition(&mut self, command: &Command) {
        self.subscriber.definition(command);
    }

    #[inline]
    fn report(&mut self, published: &Published) {
        use ReportKind::{
            CallExtended, LimitState, Rejected, StateChanged, StatePlanned, SymbolMoved, Ticked,
            TradingDay, Unfinished,
        };
        if let Ticked | StatePlanned | StateChanged | LimitState | SymbolMoved | Rejected
        | TradingDay | Unfinished | CallExtended = published.report.kind
        {
            self.learn(published);
        }
        self.subscriber.report(published);
    }

    #[inline]
    fn end_command(&mut self) {
        if let Some(Cause { kind: FrameKind::PlanState, session, symbol, .. }) = self.cause.take()
            && session != SessionId(0)
        {
            self.timers.answer(symbol);
        }
        self.subscriber.end_command();
    }

    fn end_batch(&mut self) {
        self.subscriber.end_batch();
    }

    fn pause(&mut self) {
        self.subscriber.pause();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringside_model::command::{Cancel, PlanState, RunTimers, SetState};
    use ringside_model::domain::{SeqNo, SymbolState};
    use ringside_model::durability::Durability;
    use ringside_model::report::{
        CallExtended, Moved, Rejected, Report, StateChanged, StatePlanned, SymbolMoved, Ticked,
    };

    struct Nobody;

    impl Subscriber for Nobody {
        fn report(&mut self, _: &Published) {}
    }

    /// Watch that receives commands with their reports at given times.
    struct Heard(TimerWatch<Nobody>);

    impl Heard {
        fn new() -> (Heard, TimerTable) {
            let timers = TimerTable::new();
            (Heard(TimerWatch::new(Nobody, timers.clone())), timers)
        }

        fn command(&mut self, time: u64, command: &Command, reports: &[Report]) {
            let mut frame = Frame::default();
            command.encode(&mut frame);
            frame.seal(SeqNo(1), Nanos(time), 0);
            self.0.command(&frame);
            for (index, &report) in (0..).zip(reports) {
                let (seqno, time) = (SeqNo(1), Nanos(time));
                let durability = Durability::Volatile;
                self.0.report(&Published { seqno, index, time, durability, report });
            }
            self.0.end_command();
        }

        fn ticks(&mut self, time: u64, symbol: u32, reports: &[Report]) {
            self.command(time, &of(symbol, 0, Reason::None, Action::from(RunTimers)), reports);
        }
    }

    fn of(symbol: u32, session: u32, verdict: Reason, action: Action) -> Command {
        let (session, symbol) = (SessionId(session), SymbolId(symbol));
        Command { session, symbol, verdict, action }
    }

    fn plan(symbol: u32, session: u32, verdict: Reason) -> Command {
        let (due, state) = (Nanos(100), SymbolState::Open);
        let plan = PlanState { due, random_ns: 0, seed: 0, state };
        of(symbol, session, verdict, Action::from(plan))
    }

    fn ticked() -> Report {
        Ticked { count: 0 }.about(SymbolId(1))
    }

    fn planned(at: u64) -> Report {
        StatePlanned { state: Some(SymbolState::Open), at: Nanos(at) }.about(SymbolId(1))
    }

    fn changed(state: SymbolState, reopens_at: u64) -> Report {
        let reopens_at = Nanos(reopens_at);
        StateChanged { state, reopens_at }.about(SymbolId(1))
    }

    fn rejected() -> Report {
        Rejected { moved: None }.about(SymbolId(1))
    }

    fn due(timers: &TimerTable, now: u64) -> Vec<u32> {
        std::iter::from_fn(|| timers.take(Nanos(now)).map(|symbol| symbol.0)).take(9).collect()
    }

    #[test]
    fn what_is_due_is_given_once_by_time_and_then_by_symbol() {
        let times = TimerTable::new();
        for (symbol, at) in [(3, 10), (1, 20), (2, 20), (4, 30)] {
            times.plan(SymbolId(symbol), Some(Nanos(at)));
        }
        assert_eq!(due(&times, 9), [0; 0]);
        assert_eq!(due(&times, 20), [3, 1, 2]);
        assert_eq!(due(&times, 29), [0; 0]);
        times.plan(SymbolId(1), Some(Nanos(25)));
        assert_eq!(due(&times, 29), [1], "its time has changed");
    }

    #[test]
    fn what_a_tick_came_too_early_for_is_due_again_when_it_has_come_back() {
        let (mut heard, times) = Heard::new();
        heard.command(1, &plan(1, 0, Reason::None), &[planned(100)]);
        assert_eq!(due(&times, 100), [1]);
        assert_eq!(due(&times, 200), [0; 0], "a tick is on its way");
        heard.ticks(99, 1, &[ticked()]);
        assert_eq!(due(&times, 200), [1]);
        let (ticked, open) = (ticked(), changed(SymbolState::Open, 0));
        heard.ticks(101, 1, &[ticked, open]);
        assert_eq!(due(&times, u64::MAX), [0; 0]);
        assert_eq!(times.outlook(SymbolId(1)), Outlook::default());
    }

    #[test]
    fn a_pause_and_a_quote_at_a_band_are_waited_for() {
        let (mut heard, times) = Heard::new();
        let at_band =
            |stands, pause_at| LimitState { stands, pause_at: Nanos(pause_at) }.about(SymbolId(1));
        let cancel = of(
            1,
            7,
            Reason::None,
            Action::Cancel(Cancel { id: ringside_model::domain::OrderId(1) }),
        );
        heard.command(1, &cancel, &[at_band(true, 50)]);
        heard.command(2, &cancel, &[at_band(false, 0)]);
        assert_eq!(due(&times, 60), [0; 0], "it does not stand there any more");
        heard.command(3, &cancel, &[at_band(true, 50)]);
        assert_eq!(due(&times, 50), [1]);
        let ticked = ticked();
        heard.ticks(50, 1, &[ticked, changed(SymbolState::ReopeningCall, 90)]);
        assert_eq!(due(&times, 89), [0; 0]);
        assert_eq!(due(&times, 90), [1]);
        let set = of(1, 0, Reason::None, Action::from(SetState::to(SymbolState::Open)));
        heard.command(91, &set, &[changed(SymbolState::Open, 0)]);
        heard.ticks(92, 1, &[ticked]);
        assert_eq!(due(&times, u64::MAX), [0; 0]);
    }

    #[test]
    fn who_sets_a_state_takes_the_plan_back() {
        let (mut heard, times) = Heard::new();
        heard.command(1, &plan(1, 0, Reason::None), &[planned(100)]);
        assert_eq!(times.outlook(SymbolId(1)).planned, Some(Nanos(100)));
        let set = of(1, 0, Reason::None, Action::from(SetState::to(SymbolState::Halted)));
        heard.command(2, &set, &[changed(SymbolState::Halted, 0)]);
        assert_eq!(times.outlook(SymbolId(1)).planned, None);
        assert_eq!(due(&times, u64::MAX), [0; 0]);
    }

    #[test]
    fn a_call_that_is_extended_ends_by_a_plan_that_the_schedule_may_replace() {
        let (mut heard, times) = Heard::new();
        heard.ticks(50, 1, &[ticked(), changed(SymbolState::ReopeningCall, 90)]);
        let extended = CallExtended { count: 1, until: Nanos(190) }.about(SymbolId(1));
        heard.ticks(90, 1, &[ticked(), extended, planned(195)]);
        let Outlook { next, planned: at, is_extension, .. } = times.outlook(SymbolId(1));
        assert_eq!((next, at, is_extension), (Some(Nanos(195)), Some(Nanos(195)), true));
        heard.command(100, &plan(1, 0, Reason::None), &[planned(200)]);
        let Outlook { planned: at, is_extension, .. } = times.outlook(SymbolId(1));
        assert_eq!((at, is_extension), (Some(Nanos(200)), false));
    }

    #[test]
    fn a_refused_tick_is_tried_again_later_and_an_symbol_that_has_gone_is_forgotten() {
        let (mut heard, times) = Heard::new();
        times.add(SymbolId(1), Nanos(10));
        assert_eq!(due(&times, 10), [1]);
        heard.ticks(10, 1, &[rejected()]);
        assert_eq!(due(&times, RETRY.0), [0; 0]);
        assert_eq!(due(&times, RETRY.0 + 10), [1]);
        let partition = ringside_model::domain::PartitionId(2);
        let gone = Moved { step: MoveStep::Release, partition, version: 1 };
        let gone = SymbolMoved { moved: gone, count: 0 }.about(SymbolId(1));
        heard.ticks(RETRY.0 + 10, 1, &[gone]);
        assert_eq!(due(&times, u64::MAX), [0; 0]);
        assert!(times.outlook(SymbolId(1)).is_away);
    }

    #[test]
    fn the_schedule_hears_what_became_of_its_plan() {
        let (mut heard, times) = Heard::new();
        let asked = || times.outlook(SymbolId(1)).asked;
        let planned = planned(100);
        let refused = rejected();
        times.ask(SymbolId(1));
        heard.command(1, &plan(1, 0, Reason::None), &[planned]);
        assert_eq!(asked(), PlanProgress::Waits, "that was an operator's");
        heard.command(2, &plan(1, 9, Reason::None), &[planned]);
        assert_eq!(asked(), PlanProgress::Answered);
        times.ask(SymbolId(1));
        heard.command(3, &plan(1, 9, Reason::Operator), &[refused]);
        assert_eq!(asked(), PlanProgress::Answered, "it was to be refused");
        times.ask(SymbolId(1));
        heard.command(4, &plan(1, 9, Reason::None), &[refused]);
        assert_eq!(asked(), PlanProgress::Refused);
    }

    #[test]
    fn more_times_than_there_is_room_for_are_looked_at_in_short_intervals() {
        let times = TimerTable::new();
        let at = |count: usize| count as u64 * 1_000_000_000;
        (1..=TIMES_MAX + 3).rev().for_each(|count| times.add(SymbolId(1), Nanos(at(count))));
        let mut now = 0;
        let mut ticks = vec![];
        let first = || times.times().waiting.first().map(|(at, _)| *at);
        while let Some(next) = first() {
            now = now.max(next.0);
            assert_eq!(times.take(Nanos(now)), Some(SymbolId(1)));
            times.ticked(SymbolId(1), Nanos(now));
            ticks.push(now);
        }
        for count in 1..=TIMES_MAX + 3 {
            let late = ticks[ticks.partition_point(|tick| *tick < at(count))] - at(count);
            assert!(late <= COARSE.0, "{count}: {late}");
        }
        assert!(ticks.len() < TIMES_MAX + 3 * 60, "{}", ticks.len());
    }
}
