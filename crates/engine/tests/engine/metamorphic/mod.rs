//! Metamorphic runs: two sessions whose reports must be alike, whatever the right reports are. No
//! second implementation of a rule is needed, so a misread rule shows here, too.
//!
//! `RINGSIDE_METAMORPHIC_SESSIONS` sets the number of sessions of each test.

mod alone;
mod extra_ticks;
mod fill_or_kill;
mod interrupted;
mod mirror;

use ringside_engine::Engine;
use ringside_model::command::Sequenced;
use ringside_model::domain::OrderNumber;
use ringside_model::report::{
    Body, Displayed, Entered, Executed, Report, Repriced, Subject, Triggered,
};
use ringside_testing::oracle::commands::{EVENTS, Profile, SPECIAL, TINY, stream};
use ringside_testing::oracle::shrink::shrink;
use ringside_testing::oracle::text;
use ringside_testing::run::base_seed;

/// Number of commands of a session.
const SESSION_COMMANDS: usize = 200;
/// Room for few live orders.
const ORDERS: usize = 4;

/// Runs sessions of each kind. `compare` returns how often the property was at stake, or the
/// difference of the two runs.
fn check(compare: impl Fn(&[Sequenced]) -> Result<u64, String>) {
    check_profiles(&[SPECIAL, EVENTS, TINY], compare);
}

fn check_profiles(profiles: &[Profile], compare: impl Fn(&[Sequenced]) -> Result<u64, String>) {
    let setting = std::env::var("RINGSIDE_METAMORPHIC_SESSIONS");
    let sessions = setting.map_or(400, |text| text.parse().expect("a number"));
    let mut at_stake = 0;
    // Seeds of neighbouring base seeds share no session.
    let first = base_seed().wrapping_mul(1 << 32);
    for (seed, profile) in (first..).zip(profiles.iter().cycle()).take(sessions) {
        let session = stream(*profile, seed, SESSION_COMMANDS);
        match compare(&session) {
            Ok(count) => at_stake += count,
            Err(_) => {
                let shortest = shrink(session, |session| compare(session).is_err());
                let difference = compare(&shortest).expect_err("the short session fails");
                let lines: Vec<String> = shortest.iter().map(text::command).collect();
                panic!("seed {seed}, {profile:?}\n{}\n{difference}", lines.join("\n"));
            }
        }
    }
    println!("{sessions} sessions, at stake {at_stake} times");
    assert!(at_stake > sessions as u64, "at stake {at_stake} times");
}

fn apply(engine: &mut Engine, command: &Sequenced) -> Vec<Report> {
    let mut reports = vec![];
    engine.apply_batch(std::slice::from_ref(command), &mut reports);
    reports
}

fn lines(reports: &[Report]) -> Vec<String> {
    reports.iter().map(text::report).collect()
}

/// Returns an error if two lists of reports differ.
fn same(at: &Sequenced, expected: &[String], told: &[String]) -> Result<(), String> {
    if expected == told {
        return Ok(());
    }
    let at = text::command(at);
    Err(format!("at {at}\nexpected\n  {}\ntold\n  {}", expected.join("\n  "), told.join("\n  ")))
}

/// Returns a report with another subject and other numbers of orders.
fn renumbered(r: &Report, subject: Subject, number: impl Fn(OrderNumber) -> OrderNumber) -> Report {
    let body = match r.body() {
        Body::Executed(executed) => {
            Body::from(Executed { contra: number(executed.contra), ..executed })
        }
        Body::Triggered(Triggered { old_order }) => {
            Body::from(Triggered { old_order: number(old_order) })
        }
        Body::Displayed(Displayed { old_order }) => {
            Body::from(Displayed { old_order: number(old_order) })
        }
        Body::Entered(Entered { old_order }) => {
            Body::from(Entered { old_order: number(old_order) })
        }
        Body::Repriced(repriced) => {
            Body::from(Repriced { old_order: number(repriced.old_order), ..repriced })
        }
        body => body,
    };
    body.about(Subject { order: number(subject.order), ..subject })
}
