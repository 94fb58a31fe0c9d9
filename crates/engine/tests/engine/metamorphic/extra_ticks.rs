//! Ticks between the commands: what is due happens at its own time, whether a tick comes or not.
//! Sessions without plans and bands, whose states begin with the tick.

use super::{ORDERS, apply, check_profiles, renumbered};
use ringside_engine::Engine;
use ringside_model::command::{Action, Command, OperatorCommand, RunTimers, Sequenced};
use ringside_model::domain::{Nanos, OrderNumber, SeqNo, SessionId, SymbolId};
use ringside_model::reason::Reason;
use ringside_model::report::{Body, Replaced, Report, ReportKind, TradingDay};
use ringside_testing::oracle::commands::{EVENTS, MOVING, Profile, Random, SPECIAL, TINY};
use ringside_testing::oracle::text;
use std::collections::{BTreeMap, VecDeque};

#[test]
fn ticks_between_the_commands_change_no_outcome() {
    // An id is used again on another symbol only where no gateway stands before the engine.
    let alone = |profile| Profile { ids_cross_symbols: false, ..profile };
    // Few orders: a symbol moves where none is left of a kind that does not move.
    let moving = Profile { specials: 100, live: 8, symbols: EVENTS.symbols, ..MOVING };
    let profiles = [SPECIAL, EVENTS, TINY, moving].map(alone);
    check_profiles(&profiles, |session| {
        let session: Vec<Sequenced> =
            session.iter().filter(|c| !is_left_out(&c.command.action)).copied().collect();
        let [plain, ticked] = [false, true].map(|has_ticks| run(&session, has_ticks));
        let mut due = 0;
        for (symbol, expected) in &plain.reports {
            let told = &ticked.reports[symbol];
            let differs = |&at: &usize| expected.get(at) != told.get(at);
            due += expected.iter().filter(|line| line.ends_with(" expired")).count() as u64;
            if let Some(at) = (0..expected.len().max(told.len())).find(differs) {
                let (expected, told) = (expected.get(at), told.get(at));
                return Err(format!("symbol {symbol}: {expected:?}, with ticks {told:?}"));
            }
        }
        if plain.books != ticked.books {
            return Err(format!("books {:?}, with ticks {:?}", plain.books, ticked.books));
        }
        Ok(due)
    });
}

/// Returns true for bands, plans and extensions of calls, and for commands before which nothing
/// that is due happens.
fn is_left_out(action: &Action) -> bool {
    use OperatorCommand::{BreakTrade, ChangeSymbol, CorrectTrade, PlanState, SetBands, SetRisk};
    let Action::Operator(operator) = action else { return false };
    let is_timed = matches!(operator, PlanState(_) | SetBands(_) | ChangeSymbol(_));
    is_timed || matches!(operator, BreakTrade(_) | CorrectTrade(_) | SetRisk(_))
}

/// Outcome of a session.
struct Outcome {
    /// Reports of each symbol, without numbers.
    reports: BTreeMap<SymbolId, Vec<String>>,
    /// Orders in the books.
    books: Vec<String>,
}

/// Runs a session, with a tick wherever the venue has one due, and with more of them between the
/// commands if `has_ticks`.
fn run(session: &[Sequenced], has_ticks: bool) -> Outcome {
    let mut engine = Engine::new(ORDERS);
    let symbols = [1, 2, 4].map(SymbolId);
    let mut reports: BTreeMap<SymbolId, Vec<String>> =
        symbols.into_iter().map(|symbol| (symbol, vec![])).collect();
    let (mut seqno, mut random) = (0, Random(1));
    let mut time = 0;
    let mut apply_at = |time, command| {
        let mut left = VecDeque::from([command]);
        while let Some(command) = left.pop_front() {
            seqno += 1;
            let command = Sequenced { seqno: SeqNo(seqno), time: Nanos(time), command };
            let told = apply(&mut engine, &command);
            let unfinished = told.iter().filter(|r| r.kind == ReportKind::Unfinished);
            left.extend(unfinished.map(|r| tick(r.symbol)));
            for r in told.iter().filter(|r| has_outcome(r)) {
                let line = text::report(&plain(r));
                reports.entry(r.symbol).or_default().push(line);
            }
        }
    };
    for command in session {
        if has_ticks {
            let between = random.below(command.time.0 - time + 1);
            for &symbol in &symbols {
                apply_at(time + between, tick(symbol));
            }
        }
        time = command.time.0;
        apply_at(time, command.command);
    }
    // What is due at the end is told in both runs.
    symbols.iter().for_each(|&symbol| apply_at(time, tick(symbol)));
    let books = symbols.iter().flat_map(|&symbol| {
        [true, false].map(|buy| {
            let levels = engine.depth(symbol, buy).into_iter();
            let orders = levels.flat_map(|level| engine.orders_at(symbol, buy, level.price));
            let orders: Vec<String> =
                orders.map(|o| format!("{}:{}@{}", o.id, o.open, o.price)).collect();
            format!("{symbol} {buy} {}", orders.join(" "))
        })
    });
    let books = books.collect();
    Outcome { reports, books }
}

fn tick(symbol: SymbolId) -> Command {
    let action = Action::from(RunTimers);
    Command { session: SessionId(0), symbol, verdict: Reason::None, action }
}

/// Returns false for reports of the tick itself, and for an indication, of which a command tells
/// only the last one.
fn has_outcome(r: &Report) -> bool {
    match r.kind {
        ReportKind::Ticked | ReportKind::Indicative | ReportKind::Unfinished => false,
        ReportKind::Rejected => r.id.0 != 0,
        _ => true,
    }
}

/// Returns a report without numbers of orders, and without the count of what the end of a day ends.
fn plain(r: &Report) -> Report {
    let r = renumbered(r, r.subject(), |_| OrderNumber(0));
    match r.body() {
        Body::Replaced(replaced) => Replaced { place: 0, ..replaced }.about(r.subject()),
        Body::TradingDay(day) => TradingDay { count: 0, ..day }.about(r.subject()),
        _ => r,
    }
}
