//! Deterministic simulation of a cluster: every stage, journal, sender and member of all nodes on
//! one thread, one step at a time, in an order that follows from a random seed. Processes and
//! machines stop, sleep and lose memory. Disks fail, or lose data that was not synced. Connections
//! and messages come late or not at all. Clocks jump. The coordinator is away or answers too late.
//! Operators hand over and change the membership.
//!
//! After every step: there is one published history; a leader that begins to publish has all of it;
//! no stream changes what it has published; a node leads an epoch once. In the end all trouble
//! stops. Then all nodes must have the same journal, and every client must have an answer to every
//! order.
//!
//! `RINGSIDE_SIMULATIONS=N` runs N seeds, from `RINGSIDE_SIMULATION_SEED` on. A seed reproduces its
//! run.

mod client;
mod failing;
mod machine;
mod net;
mod told;
mod world;

use machine::Mistake;
use ringside_testing::run::base_seed;
use world::{Counts, World};

#[test]
fn whatever_happens_there_is_one_history_and_it_goes_on() {
    let number = |name, default| std::env::var(name).map_or(default, |n| n.parse().unwrap());
    let first: u64 = number("RINGSIDE_SIMULATION_SEED", base_seed());
    let count: u64 = number("RINGSIDE_SIMULATIONS", 200);
    let mut counts = Counts::default();
    for seed in first..first + count {
        let mut world = World::new(seed);
        if let Err(why) = world.run(&mut counts) {
            let kept = world.keep();
            panic!(
                "seed {seed}: {why}\n{}\nthe folders are {kept:?}\nRINGSIDE_SIMULATION_SEED={seed} \
                 RINGSIDE_SIMULATIONS=1 cargo nextest run -p ringside-cluster cluster_sim",
                world.log()
            );
        }
    }
    println!("seeds {first} to {}: {counts:?}", first + count - 1);
}

#[test]
fn disks_that_do_not_store_promises_are_found() {
    find(Mistake::ForgetsPromises, 1);
}

#[test]
fn leaders_that_publish_at_once_are_found() {
    find(Mistake::PublishesAtOnce, 119);
}

#[test]
fn standbys_that_publish_what_is_not_committed_are_found() {
    find(Mistake::PublishesUncommitted, 1);
}

#[test]
fn nodes_that_cut_too_much_are_found() {
    find(Mistake::CutsTooMuch, 1);
}

/// Checks that the simulation can fail: it must find a mistake of all machines. The search begins
/// at a seed that is known to show the mistake.
fn find(mistake: Mistake, first: u64) {
    let found = (first..first + 400).find_map(|seed| {
        let ran = World::with_mistake(seed, mistake).run(&mut Counts::default());
        ran.err().map(|why| format!("seed {seed}: {why}"))
    });
    println!("{}", found.expect("some seed shows the mistake"));
}
