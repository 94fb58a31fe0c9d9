//! Coverage of rare pairs by random streams: each feature of an order, of the state of its symbol
//! and of its protection meets each other one that the rules allow. A fault of two rare features
//! shows in no run in which the two never meet. Faults of three were found, too: orders of the rare
//! kinds that have lived through an auction, a halt or the end of a day meet self-trade prevention
//! and fill-or-kill orders.

mod features;
mod rare;
mod watch;

use features::Family;
use features::Feature::{self, *};
use ringside_model::command::Sequenced;
use ringside_testing::oracle::commands::{EVENTS, Profile, Random, SPECIAL, stream};
use ringside_testing::oracle::compare::{first_fault, shortest_fault};
use ringside_testing::oracle::venue::{TestedVenue, whole_engine};
use ringside_testing::run::base_seed;
use watch::{Counts, Watch};

/// Number of commands of a stream.
const STREAM_COMMANDS: usize = 5_000;
/// Number of streams, and the largest number if a pair is still missing.
const STREAMS: usize = 20;
const STREAMS_MAX: usize = 400;
/// Profile of many auctions, halts and days.
pub const AUCTIONS: Profile = Profile { events: 10, live: 120, specials: 150, ..EVENTS };

/// States in which nothing trades continuously.
const NOT_OPEN: &[Feature] =
    &[PreOpen, ReopeningCall, ClosingCall, Halted, CancelOnly, DayOver, Closed];
const NOT_OPEN_OR_CLOSED: &[Feature] =
    &[PreOpen, ReopeningCall, ClosingCall, Halted, CancelOnly, DayOver];
const IMMEDIATE: &[Feature] = &[Ioc, Fok];
const FOR_AUCTION: &[Feature] = &[AtOpen, AtClose, Auction];

/// Pairs that the rules forbid, each with the rule.
const APART: &[(&str, &[Feature], &[Feature])] = &[
    ("an immediate order does not rest", IMMEDIATE, IMMEDIATE),
    ("an immediate order enters only where its symbol trades", IMMEDIATE, NOT_OPEN),
    ("an immediate order takes part in no auction", IMMEDIATE, FOR_AUCTION),
    ("an immediate order takes part in no auction", IMMEDIATE, &[Uncross]),
    ("minimums and pegs sit an auction out", &[Minimum, Primary, Midpoint], FOR_AUCTION),
    ("minimums and pegs sit an auction out", &[Minimum, Primary, Midpoint], &[Uncross]),
    ("no auction has orders at the open and orders at the close", &[AtOpen], &[AtClose]),
    ("an order at the open ends with the opening", &[AtOpen], &[LimitState]),
    ("self-trade prevention does not apply in an uncross", FOR_AUCTION, &[Prevented]),
    ("self-trade prevention is a part of continuous trading", NOT_OPEN, &[Prevented]),
    (
        "an order that ends at the collar has no limit",
        &[Limit, Iceberg, Hidden, Primary],
        &[Collar],
    ),
    ("an order that ends at the collar has no limit", &[Midpoint, PostOnly, Slide], &[Collar]),
    ("an order that ends at the collar never rests", &[Expiry, Fok], &[Collar]),
    ("the collar is a part of continuous trading", FOR_AUCTION, &[Collar]),
    ("the collar is a part of continuous trading", NOT_OPEN, &[Collar]),
    ("an uncross opens or closes a symbol", NOT_OPEN_OR_CLOSED, &[Uncross]),
    ("a limit state is a part of continuous trading", NOT_OPEN, &[LimitState]),
    ("a limit state is a part of continuous trading", &[Uncross], &[LimitState]),
    ("two sells do not trade", &[Short], &[Short]),
];

#[test]
fn every_pair_of_features_that_may_meet_meets() {
    let mut counts = Counts::new();
    let profiles = [AUCTIONS, SPECIAL, AUCTIONS, EVENTS];
    let streams = (base_seed()..).zip(profiles.iter().cycle()).take(STREAMS_MAX);
    for (done, (seed, profile)) in streams.enumerate() {
        if done >= STREAMS && missing(&counts).is_empty() {
            break;
        }
        let mut watch = Watch::default();
        let commands = varied_stream(*profile, seed);
        let see = |command: &_, reports: &_| watch.command(command, reports, &mut counts);
        if first_fault(&commands, see).is_some() {
            panic!("seed {seed}, {profile:?}\n{}", shortest_fault(commands));
        }
    }
    print(&counts);
    assert_eq!(missing(&counts), [""; 0], "pairs and triples that never met");
}

/// Returns a stream with more orders of rare kinds.
fn varied_stream(profile: Profile, seed: u64) -> Vec<Sequenced> {
    let (mut engine, mut watch) = (whole_engine(), Watch::default());
    let (mut random, mut unused) = (Random(seed), Counts::new());
    let mut commands = stream(profile, seed, STREAM_COMMANDS);
    for command in &mut commands {
        rare::vary(command, watch.state(command.command.symbol), &mut random);
        watch.command(command, &engine.apply(&[*command]), &mut unused);
    }
    commands
}

/// Returns the cells of both tables that are empty although the rules allow them.
fn missing(counts: &Counts) -> Vec<String> {
    let pairs = Feature::ALL.iter().flat_map(|&a| {
        let others = Feature::ALL.iter().take(a as usize + 1).copied();
        others.filter(move |&b| may_meet(a, b)).map(move |b| (a, b))
    });
    let empty = pairs.filter(|&(a, b)| counts.pairs[a as usize][b as usize] == 0);
    let pairs = empty.map(|(a, b)| format!("{} and {}", a.name(), b.name()));
    let triples = counts.triples().filter(|(_, count)| *count == 0).map(|(name, _)| name);
    pairs.chain(triples).collect()
}

fn may_meet(a: Feature, b: Feature) -> bool {
    let is_state = |feature: Feature| feature.family() == Family::State && feature != DayOver;
    let of_order = |feature: Feature| matches!(feature.family(), Family::Type | Family::Term);
    let is_event = |feature: Feature| feature.family() == Family::Event;
    let is_one = |(_, one, other): &&(&str, &[Feature], &[Feature])| {
        one.contains(&a) && other.contains(&b) || one.contains(&b) && other.contains(&a)
    };
    let has_itself = a != b || of_order(a) || a.family() == Family::Mode;
    // A symbol has one state at a time, and events come one after another.
    let has_both = !(is_state(a) && is_state(b) || is_event(a) && is_event(b));
    has_itself && has_both && APART.iter().find(is_one).is_none()
}

fn print(counts: &Counts) {
    let short = |count: u64| match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}k", count / 1_000),
        _ => format!("{}M", count / 1_000_000),
    };
    for &a in Feature::ALL {
        let cell = |&b: &Feature| match counts.pairs[a as usize][b as usize] {
            0 if !may_meet(a, b) => "   -".to_string(),
            count => format!("{:>4}", short(count)),
        };
        let row: String = Feature::ALL.iter().take(a as usize + 1).map(cell).collect();
        println!("{:>11} {row}", a.name());
    }
    counts.triples().for_each(|(name, count)| println!("{:>6} {name}", short(count)));
}
