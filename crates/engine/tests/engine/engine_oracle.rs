//! Engine against the naive venue: the same random commands, the same reports, the same books.
//!
//! `RINGSIDE_ORACLE_SEED` selects a single seed, `RINGSIDE_ORACLE_COMMANDS` sets the total number
//! of commands of each profile.

use crate::coverage::AUCTIONS;
use ringside_engine::{Engine, LevelView, OrderView};
use ringside_model::command::{
    Action, Cancel, Command, DefineSymbol, Enter, EnterIceberg, EnterSpecial, EnterStop,
    MassCancel, Modify, Reduce, Replace, Sequenced, is_venue_wide,
};
use ringside_model::domain::{
    Auction, FirmId, Name, Nanos, OrderId, Price, Quantity, SeqNo, SessionId, Side, SymbolId, Tick,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Body, Executed, Report, ReportKind};
use ringside_testing::oracle::audit::Audit;
use ringside_testing::oracle::commands::{
    DEEP, EVENTS, HUGE_VALUES, MIXED, MOVING, Profile, Random, SPECIAL, TINY, WIDE_PRICES, WORK,
    stream,
};
use ringside_testing::oracle::naive::Naive;
use ringside_testing::oracle::shrink::shrink;
use ringside_testing::oracle::text;
use ringside_testing::oracle::venue::{TestedVenue, difference, whole_engine};
use ringside_testing::run::base_seed;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// Maximum number of commands that an engine gets at once.
const BATCH_MAX: u64 = 64;
/// Number of commands of one seed.
const STREAM_COMMANDS: usize = 5_000;

#[test]
fn tiny() {
    check("tiny", TINY, 50_000);
}

#[test]
fn moving() {
    check("moving", MOVING, 50_000);
}

#[test]
fn events() {
    check("events", EVENTS, 100_000);
}

#[test]
fn special() {
    check("special", SPECIAL, 100_000);
}

#[test]
fn work() {
    check("work", WORK, 100_000);
}

#[test]
fn auctions() {
    check("auctions", AUCTIONS, 50_000);
}

#[test]
fn wide_prices() {
    check("wide_prices", WIDE_PRICES, 50_000);
}

#[test]
fn huge_values() {
    check("huge_values", HUGE_VALUES, 40_000);
}

#[test]
fn mixed() {
    check("mixed", MIXED, 50_000);
}

#[test]
fn deep() {
    check("deep", DEEP, 10_000);
}

#[test]
fn mixed_beside_a_crowd() {
    let seqno_min = CROWD as u64 + 2;
    let profile = Profile { seqno_min, venue_wide: false, ..MIXED };
    check_venue("mixed_beside_a_crowd", profile, 20_000, &|| Box::new(crowded_engine()));
}

/// Runs seeds on the engine until that many commands have been applied.
fn check(name: &str, profile: Profile, commands_default: usize) {
    check_venue(name, profile, commands_default, &|| Box::new(whole_engine()));
}

fn check_venue(
    name: &str,
    profile: Profile,
    commands_default: usize,
    new_venue: &dyn Fn() -> Box<dyn TestedVenue>,
) {
    let setting =
        |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let commands = setting("RINGSIDE_ORACLE_COMMANDS").map_or(commands_default, |n| n as usize);
    let streams = commands.div_ceil(STREAM_COMMANDS) as u64;
    let first = base_seed();
    let seeds =
        setting("RINGSIDE_ORACLE_SEED").map_or(first..first + streams, |seed| seed..seed + 1);
    for seed in seeds {
        let commands = stream(profile, seed, commands.min(STREAM_COMMANDS));
        let new_venue = || {
            let mut venue = new_venue();
            venue.set_work_max(profile.work_max(seed));
            venue
        };
        let naive = Naive::with_work_max(profile.work_max(seed));
        if let Some((shortest, found)) = first_difference(&commands, seed, &naive, &new_venue) {
            panic!(
                "work bound {}\n{}\n{found}\nthe whole stream: RINGSIDE_ORACLE_SEED={seed} cargo nextest run \
                 -p ringside-engine engine_oracle::{name}",
                naive.work_max(),
                session(naive, &shortest)
            );
        }
    }
}

/// Returns the shortest list of commands on which the venue and the naive venue differ, and the
/// difference.
fn first_difference(
    commands: &[Sequenced],
    seed: u64,
    naive: &Naive,
    new_venue: &dyn Fn() -> Box<dyn TestedVenue>,
) -> Option<(Vec<Sequenced>, String)> {
    quiet_panics();
    let found = run(commands, seed, naive, new_venue)?;
    // One command at a time is easier to follow, but the fault may need a batch.
    let failing = commands[..found.commands].to_vec();
    let seed = if run(&failing, 0, naive, new_venue).is_some() { 0 } else { seed };
    let shortest = shrink(failing, |commands| run(commands, seed, naive, new_venue).is_some());
    // A part that fails alone passes in a second run only if the venue is not deterministic.
    let found = run(&shortest, seed, naive, new_venue).unwrap_or(found);
    Some((shortest, found.text))
}

/// First difference of a run.
struct Difference {
    /// Number of commands up to the difference.
    commands: usize,
    text: String,
}

/// Feeds both venues, the naive one from this state, and compares the reports of each command, and
/// now and then the books. The venue under test gets batches whose sizes the seed decides; with
/// seed 0, one command at a time.
fn run(
    commands: &[Sequenced],
    seed: u64,
    naive: &Naive,
    new_venue: &dyn Fn() -> Box<dyn TestedVenue>,
) -> Option<Difference> {
    let (mut naive, mut venue) = (naive.clone(), new_venue());
    let mut audit = Audit::with_work_max(naive.work_max());
    let mut random = Random(seed);
    let check_every = if commands.len() < 500 { 1 } else { 250 };
    let (mut done, mut checked) = (0, 0);
    while done < commands.len() {
        let size = if seed == 0 { 1 } else { 1 + random.below(BATCH_MAX) as usize };
        let batch = &commands[done..commands.len().min(done + size)];
        let at = |n: usize, text: String| Some(Difference { commands: done + n, text });

        let said = match guarded(|| venue.apply(batch)) {
            Ok(said) => said,
            Err(panic) => return at(batch.len(), format!("panic in the last batch: {panic}")),
        };
        let mut said = &said[..];
        for (i, command) in batch.iter().enumerate() {
            let expected = naive.apply_one(command);
            let count = said.iter().position(Report::is_last).map_or(said.len(), |last| last + 1);
            let got;
            (got, said) = said.split_at(count);
            if got != expected {
                return at(i + 1, both(command, &expected, got));
            }
            if let Err(law) = audit.command(command, got) {
                return at(i + 1, format!("{law}\n{}", both(command, &expected, got)));
            }
        }
        if !said.is_empty() {
            let more: Vec<String> = said.iter().map(text::report).collect();
            return at(batch.len(), format!("more reports than commands: {more:?}"));
        }
        done += batch.len();
        if done - checked >= check_every || done == commands.len() {
            checked = done;
            let found = guarded(|| book_difference(&naive, &*venue, &audit, &commands[..done]));
            if let Some(text) = found.unwrap_or_else(|panic| Some(format!("panic: {panic}"))) {
                return Some(Difference { commands: done, text });
            }
        }
    }
    None
}

fn book_difference(
    naive: &Naive,
    venue: &dyn TestedVenue,
    audit: &Audit,
    commands: &[Sequenced],
) -> Option<String> {
    let mut symbols: Vec<SymbolId> = naive.symbols.keys().copied().collect();
    let mut ids: Vec<(SessionId, OrderId)> =
        naive.orders.iter().map(|order| (order.session, order.id)).collect();
    for Sequenced { command, .. } in commands.iter().rev().take(100) {
        symbols.push(command.symbol);
        match command.action {
            Action::Enter(Enter { id, .. })
            | Action::EnterIceberg(EnterIceberg { order: Enter { id, .. }, .. })
            | Action::EnterSpecial(EnterSpecial { order: Enter { id, .. }, .. })
            | Action::EnterStop(EnterStop { order: Enter { id, .. }, .. })
            | Action::Cancel(Cancel { id })
            | Action::Reduce(Reduce { id, .. })
            | Action::Modify(Modify { id, .. })
            | Action::Replace(Replace { id, .. }) => ids.push((command.session, id)),
            _ => {}
        }
    }
    symbols.sort();
    symbols.dedup();
    difference(naive, venue, &symbols, &ids).or_else(|| {
        let open = |symbol, buy| -> u128 {
            venue.depth(symbol, buy).iter().map(|level| level.quantity).sum()
        };
        let sums_ok = symbols.iter().all(|&symbol| {
            [true, false].iter().all(|&buy| open(symbol, buy) == audit.open(symbol, buy))
        });
        if !sums_ok {
            return Some("the books do not hold what the reports leave open".into());
        }
        audit.check_totals().err()
    })
}

/// Returns commands with the reports of the naive venue to them.
fn session(mut naive: Naive, commands: &[Sequenced]) -> String {
    let mut lines = vec![];
    for command in commands {
        lines.push(text::command(command));
        lines.extend(naive.apply_one(command).iter().map(|r| format!("    {}", text::report(r))));
    }
    lines.join("\n")
}

fn both(command: &Sequenced, expected: &[Report], got: &[Report]) -> String {
    let lines = |reports: &[Report]| -> String {
        let last = |r: &Report| if r.is_last() { " last" } else { "" };
        reports.iter().map(|r| format!("\n  {}{}", text::report(r), last(r))).collect()
    };
    let command = text::command(command);
    format!("at {command}\nthe naive venue says{}\nthe engine says{}", lines(expected), lines(got))
}

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a function that may panic, and prints nothing about the panic.
fn guarded<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    IS_GUARDED.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    IS_GUARDED.set(false);
    result.map_err(|panic| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().unwrap_or(&"?").to_string(),
    })
}

fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !IS_GUARDED.get() {
                loud(info);
            }
        }));
    });
}

/// Creates an engine with so many orders on an extra symbol that it prefetches levels and
/// neighbours. The stream of commands never touches that symbol.
fn crowded_engine() -> Altered<Engine> {
    let mut engine = whole_engine();
    let mut reports = vec![];
    for number in 1..=CROWD as u64 + 1 {
        let price = (number * 7_919 % 5_000) as i64;
        let action = match number {
            1 => Action::from(definition()),
            n if n.is_multiple_of(2) => Action::Enter(limit(n, Side::Buy, 5_000 - price)),
            n => Action::Enter(limit(n, Side::Sell, 5_001 + price)),
        };
        engine.apply_batch(&[command(number, 60_000, CROWD_SYMBOL, action)], &mut reports);
    }
    assert!(reports[1..].iter().all(|r| r.kind == ReportKind::Accepted));
    Altered { venue: engine, hidden: CROWD, alter: |_| {} }
}

const CROWD: usize = 40_000;
const CROWD_SYMBOL: SymbolId = SymbolId(77);

fn command(number: u64, session: u32, symbol: SymbolId, action: Action) -> Sequenced {
    let command = Command { session: SessionId(session), symbol, verdict: Reason::None, action };
    Sequenced { seqno: SeqNo(number), time: Nanos(number), command }
}

fn definition() -> DefineSymbol {
    DefineSymbol {
        name: Name::new("N").unwrap(),
        tick: Tick { mantissa: 1, scale: 2 },
        lot: Quantity(1),
        collar_bps: 0,
        reference: Price(0),
    }
}

fn limit(id: u64, side: Side, price: i64) -> Enter {
    Enter { firm: FirmId(1), ..Enter::limit(OrderId(id), side, Quantity(10), Price(price)) }
}

/// Venue that leaves some of its orders out of the count, and alters the reports of another venue.
struct Altered<V> {
    venue: V,
    hidden: usize,
    alter: fn(&mut [Report]),
}

impl<V: TestedVenue> TestedVenue for Altered<V> {
    fn set_work_max(&mut self, max: u32) {
        self.venue.set_work_max(max);
    }

    fn apply(&mut self, commands: &[Sequenced]) -> Vec<Report> {
        let mut reports = self.venue.apply(commands);
        (self.alter)(&mut reports);
        reports
    }

    fn live_orders(&self) -> usize {
        self.venue.live_orders() - self.hidden
    }

    fn top_of_book(&self, symbol: SymbolId) -> (Option<LevelView>, Option<LevelView>) {
        self.venue.top_of_book(symbol)
    }

    fn depth(&self, symbol: SymbolId, buy: bool) -> Vec<LevelView> {
        self.venue.depth(symbol, buy)
    }

    fn orders_at(&self, symbol: SymbolId, buy: bool, price: Price) -> Vec<OrderView> {
        self.venue.orders_at(symbol, buy, price)
    }

    fn order(&self, session: SessionId, id: OrderId) -> Option<OrderView> {
        self.venue.order(session, id)
    }
}

/// Returns a venue that reports a wrong quantity for the third trade of a command.
fn faulty_venue() -> Altered<Naive> {
    let alter = |reports: &mut [Report]| {
        let is_third =
            |r: &&mut Report| matches!(r.body(), Body::Executed(Executed { trade: 3, .. }));
        if let Some(third) = reports.iter_mut().find(is_third) {
            third.quantity.0 += 1;
        }
    };
    Altered { venue: Naive::default(), hidden: 0, alter }
}

#[test]
fn a_fault_is_found_and_its_cause_made_short() {
    let commands = stream(Profile { specials: 0, ..TINY }, 1, 5_000);
    let naive = Naive::default();
    assert!(first_difference(&commands, 1, &naive, &|| Box::<Naive>::default()).is_none());
    let (shortest, found) = first_difference(&commands, 1, &naive, &|| Box::new(faulty_venue()))
        .expect("the fault shows");
    // The list has a symbol, three resting orders, the order that trades with them, and perhaps one
    // more; in an auction also the two states around it.
    assert!(matches!(shortest.len(), 5..=8), "{found}");
    assert!(found.contains("trade 3"), "{found}");
}

#[test]
fn the_state_hash_does_not_depend_on_batches() {
    for (profile, seed) in [(TINY, 11), (MIXED, 12), (HUGE_VALUES, 13)] {
        let commands = stream(profile, seed, STREAM_COMMANDS);
        let (mut single, mut batched) = (whole_engine(), whole_engine());
        let mut random = Random(seed);
        let mut left = &commands[..];
        while !left.is_empty() {
            let size = left.len().min(1 + random.below(BATCH_MAX) as usize);
            let batch;
            (batch, left) = left.split_at(size);
            batch.iter().for_each(|c| drop(single.apply(std::slice::from_ref(c))));
            batched.apply(batch);
            let seqno = batch.last().unwrap().seqno;
            assert_eq!(single.state_hash(), batched.state_hash(), "after {seqno}, seed {seed}");
        }
    }
}

#[test]
fn shards_say_and_hold_the_same_as_the_whole() {
    for seed in 21..25 {
        let commands = stream(Profile { ids_cross_symbols: false, ..MIXED }, seed, STREAM_COMMANDS);
        let mut whole = whole_engine();
        let expected: Vec<Vec<Report>> =
            commands.iter().map(|c| whole.apply(std::slice::from_ref(c))).collect();
        for count in [1, 2, 3, 8] {
            let mut shards: Vec<Engine> = (0..count).map(|_| whole_engine()).collect();
            for (command, expected) in commands.iter().zip(&expected) {
                let Command { symbol, action, .. } = command.command;
                let mut said = vec![];
                for (index, shard) in (0..).zip(&mut shards) {
                    if is_venue_wide(action.kind(), symbol) || symbol.shard(count) == index {
                        said.push(shard.apply(std::slice::from_ref(command)));
                    }
                }
                assert_eq!(merged(said), *expected, "{} of {count} shards", text::command(command));
            }
            let sum = shards.iter().fold(0u128, |sum, e| sum.wrapping_add(e.state_hash()));
            assert_eq!(sum, whole.state_hash(), "{count} shards, seed {seed}");
            let live: usize = shards.iter().map(Engine::live_orders).sum();
            assert_eq!(live, whole.live_orders());
        }
    }
}

/// Merges the reports of the shards into those of the whole venue: one count, then the orders by
/// symbol.
fn merged(mut said: Vec<Vec<Report>>) -> Vec<Report> {
    let mut first = said.remove(0);
    for reports in said {
        assert_eq!(reports[0].kind, first[0].kind);
        first[0].quantity.0 += reports[0].quantity.0;
        first.extend_from_slice(&reports[1..]);
    }
    if matches!(first[0].kind, ReportKind::MassCanceled | ReportKind::TradingDay) {
        first.iter_mut().for_each(|r| *r = r.without_last());
        first[1..].sort_by_key(|r| r.symbol);
        first.last_mut().unwrap().set_last();
    }
    first
}

#[test]
fn equal_hashes_are_equal_states() {
    for seed in 31..35 {
        let commands = stream(Profile { live: 6, ..TINY }, seed, 5_000);
        let (mut naive, mut engine) = (Naive::default(), whole_engine());
        let (mut hash_of, mut state_of) = (HashMap::new(), HashMap::new());
        let mut met_again = 0;
        for command in &commands {
            naive.apply_one(command);
            engine.apply(std::slice::from_ref(command));
            naive.orders.sort_by_key(|order| order.number);
            if naive.symbols.is_empty() {
                // The hash has the day once for each symbol.
                continue;
            }
            let (state, hash) = (format!("{naive:?}"), engine.state_hash());
            let at = text::command(command);
            met_again += usize::from(hash_of.contains_key(&state));
            assert_eq!(*hash_of.entry(state.clone()).or_insert(hash), hash, "{at}\n{state}");
            assert_eq!(*state_of.entry(hash).or_insert(state.clone()), state, "{at}");
        }
        assert!(met_again > 200 && hash_of.len() > 1_000, "{met_again}, {}", hash_of.len());
    }
}

#[test]
fn the_hash_of_a_state_forgets_how_it_came_about() {
    let symbol = SymbolId(7);
    let mut engine = whole_engine();
    let mut number = 0;
    let mut hash_after = |action| {
        number += 1;
        engine.apply(&[command(number, 1, symbol, action)]);
        engine.state_hash()
    };
    let defined = hash_after(Action::from(definition()));
    let one = hash_after(Action::Enter(limit(1, Side::Buy, 100)));
    let two = hash_after(Action::Enter(limit(2, Side::Sell, 101)));
    let reduced = hash_after(Action::Reduce(Reduce { id: OrderId(2), quantity: Quantity(9) }));
    let price = Price(102);
    let replaced = hash_after(Action::Replace(Replace {
        id: OrderId(2),
        new_id: OrderId(3),
        quantity: Quantity(9),
        price,
    }));
    let different = [0, defined, one, two, reduced, replaced];
    assert_eq!(HashSet::from(different).len(), different.len());
    assert_eq!(hash_after(Action::Cancel(Cancel { id: OrderId(99) })), replaced);
    assert_eq!(hash_after(Action::Cancel(Cancel { id: OrderId(3) })), one);
    hash_after(Action::Enter(limit(4, Side::Sell, 105)));
    assert_eq!(hash_after(Action::MassCancel(MassCancel::default())), defined);

    // The same order, entered in a venue without the earlier commands, gives the same hash.
    let again = hash_after(Action::Enter(limit(5, Side::Buy, 100)));
    let mut other = whole_engine();
    other.apply(&[command(1, 1, symbol, Action::from(definition()))]);
    other.apply(&[command(number, 1, symbol, Action::Enter(limit(5, Side::Buy, 100)))]);
    assert_eq!(other.state_hash(), again);
}

#[test]
fn the_streams_reach_every_outcome() {
    let (mut seen, mut auctions, mut surplus) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (profile, seed) in [
        (TINY, 4),
        (WIDE_PRICES, 2),
        (HUGE_VALUES, 3),
        (MIXED, 4),
        (MOVING, 5),
        (MOVING, 8),
        (SPECIAL, 8),
        (SPECIAL, 9),
        (SPECIAL, 10),
        (SPECIAL, 11),
        (SPECIAL, 12),
    ] {
        let mut venue = Naive::default();
        let (mut live, mut trades) = (0, 0);
        let commands = stream(profile, seed, STREAM_COMMANDS);
        for command in &commands {
            for report in venue.apply_one(command) {
                seen.insert((report.kind, report.reason));
                if let Body::Executed(executed) = report.body() {
                    trades += usize::from(executed.removed);
                    auctions.extend(executed.auction);
                }
                surplus.extend((report.kind == ReportKind::Indicative).then_some(report.side));
            }
            live += venue.orders.len();
        }
        let mean = live / commands.len();
        assert!((profile.live / 2..profile.live * 2).contains(&mean), "{mean} live, {profile:?}");
        assert!(trades > commands.len() / 20, "{trades} trades, {profile:?}");
    }
    use Reason::{
        AuctionOver, CancelOnly, Closed, Collar, DuplicateId, DuplicateName, Expired,
        FokNotFillable, Halted, InvalidDefinition, InvalidPrice, InvalidQuantity, InvalidSide,
        IocRemainder, MassCancel, NoLiquidity, NotAReduction, NotInCall, OffLot,
        PostOnlyWouldCross, ReplacedInvalid, TooLate, UnknownOrder, UnknownSymbol, Unsupported,
        User,
    };
    use ReportKind::{Canceled, Rejected};
    let cancels = [User, IocRemainder, FokNotFillable, NoLiquidity, Collar, Reason::SelfTrade];
    let more_cancels = [
        Reason::AuctionLeftover,
        MassCancel,
        ReplacedInvalid,
        Expired,
        Reason::Operator,
        Reason::ShortEnded,
    ];
    for reason in cancels.into_iter().chain(more_cancels) {
        assert!(seen.contains(&(Canceled, reason)), "canceled {reason:?}");
    }
    let rejects = [UnknownSymbol, UnknownOrder, TooLate, DuplicateId, InvalidPrice, OffLot];
    let more_rejects = [InvalidQuantity, NotAReduction, PostOnlyWouldCross, Unsupported];
    let definitions = [
        DuplicateName,
        InvalidDefinition,
        InvalidSide,
        Closed,
        Halted,
        CancelOnly,
        NotInCall,
        AuctionOver,
        Reason::InvalidMaxFloor,
        Reason::ShortRestricted,
        Reason::InvalidMinQuantity,
        Reason::InvalidExpiry,
        Reason::InvalidPeg,
    ];
    for reason in rejects.into_iter().chain(more_rejects).chain(definitions) {
        assert!(seen.contains(&(Rejected, reason)), "rejected {reason:?}");
    }
    assert_eq!(auctions.len(), Auction::ALL.len(), "trades in every auction");
    assert_eq!(surplus.len(), 2, "both sides were left over");
    let pause = (ReportKind::StateChanged, Reason::LimitState);
    assert!(seen.contains(&pause), "a pause");
    let not_told = |kind: &ReportKind| *kind == ReportKind::StateHash;
    for kind in ReportKind::ALL.iter().filter(|&kind| !not_told(kind)) {
        assert!(seen.iter().any(|(seen, _)| seen == kind), "{kind:?}");
    }
}
