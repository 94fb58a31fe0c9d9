//! Named laws of the matching rules on the reports of the engine. Only commands and reports are
//! read, so a mistake that the engine and the naive venue share shows here.
//!
//! `RINGSIDE_LAWS_COMMANDS` sets the total number of commands.

use ringside_model::command::Sequenced;
use ringside_testing::oracle::audit::Audit;
use ringside_testing::oracle::audit::laws::{Law, Tried};
use ringside_testing::oracle::commands::{
    EVENTS, HUGE_VALUES, MIXED, Profile, SPECIAL, TINY, WIDE_PRICES, stream,
};
use ringside_testing::oracle::shrink::shrink;
use ringside_testing::oracle::text;
use ringside_testing::oracle::venue::whole_engine;
use ringside_testing::run::base_seed;

/// Number of commands of one seed.
const STREAM_COMMANDS: usize = 5_000;
/// Profiles, those with the most kinds of orders most often.
const PROFILES: [Profile; 8] =
    [SPECIAL, EVENTS, TINY, EVENTS, SPECIAL, WIDE_PRICES, MIXED, HUGE_VALUES];

#[test]
fn every_law_is_at_stake_and_holds() {
    let setting = std::env::var("RINGSIDE_LAWS_COMMANDS");
    let commands = setting.map_or(120_000, |text| text.parse().expect("a number"));
    let least = commands / STREAM_COMMANDS;
    let mut tried = Tried::default();
    let idle = |tried: &Tried| Law::ALL.iter().find(|&&law| tried.of(law) == 0);
    let streams = (base_seed()..).zip(PROFILES.iter().cycle()).take(10 * least);
    for (done, (seed, profile)) in streams.enumerate() {
        // More streams only for a law that is seldom at stake.
        if done >= least && idle(&tried).is_none() {
            break;
        }
        let commands = stream(*profile, seed, STREAM_COMMANDS);
        match broken_law(&commands) {
            Ok(counts) => tried.add(&counts),
            Err(_) => {
                let shortest = shrink(commands, |commands| broken_law(commands).is_err());
                let lines: Vec<String> = shortest.iter().map(text::command).collect();
                let law = broken_law(&shortest).expect_err("the short list fails");
                panic!("seed {seed}, {profile:?}\n{}\n{law}", lines.join("\n"));
            }
        }
    }
    println!("times at stake:\n{tried}");
    assert_eq!(idle(&tried), None, "never at stake");
}

/// Returns how often the laws were at stake, or the first law that is broken, with the reports.
fn broken_law(commands: &[Sequenced]) -> Result<Tried, String> {
    let (mut engine, mut audit) = (whole_engine(), Audit::default());
    for command in commands {
        let mut reports = vec![];
        engine.apply_batch(std::slice::from_ref(command), &mut reports);
        audit.command(command, &reports).map_err(|law| {
            let lines: Vec<String> = reports.iter().map(text::report).collect();
            format!("{law}\nat {}\n{}", text::command(command), lines.join("\n"))
        })?;
    }
    audit.check_totals()?;
    Ok(*audit.tried())
}
