//! Due times learned from commands and reports: whatever an engine waits for, a tick is due in
//! time.

use ringside_core::merge::Subscriber;
use ringside_core::recovery::replay::{Replay, Shape};
use ringside_edge::timers::{TimerTable, TimerWatch};
use ringside_model::command::Sequenced;
use ringside_model::domain::SymbolId;
use ringside_model::frame::Frame;
use ringside_model::report::Published;
use ringside_testing::oracle::commands::{MIXED, MOVING, Profile, TINY, stream};

struct Nobody;

impl Subscriber for Nobody {
    fn report(&mut self, _: &Published) {}
}

/// Runs a stream of commands; returns the number of times that an engine waited for something.
fn check(profile: Profile, seed: u64) -> usize {
    let timers = TimerTable::new();
    let mut replay =
        Replay::new(Shape { shards: 2, orders: 64 }, TimerWatch::new(Nobody, timers.clone()));
    let mut waits = 0;
    for Sequenced { seqno, time, command } in stream(profile, seed, 3_000) {
        let mut frame = Frame::default();
        command.encode(&mut frame);
        frame.seal(seqno, time, 0);
        replay.frame(&frame).unwrap();
        replay.flush();
        let engines = replay.shards.iter().map(|shard| shard.engine());
        for (symbol, at) in engines.flat_map(|engine| engine.due_times()) {
            waits += 1;
            let next = timers.outlook(symbol).next;
            let context = || format!("seed {seed}, behind {command:?}: {symbol:?} at {at:?}");
            assert!(
                next.is_some_and(|next| next <= at.max(time)),
                "{}, known: {next:?}",
                context()
            );
        }
        check_plans(&replay, &timers, seed);
    }
    waits
}

/// Checks the planned times. They must be exact, because the schedule relies on them.
fn check_plans(replay: &Replay<TimerWatch<Nobody>>, timers: &TimerTable, seed: u64) {
    for symbol in (1..=8).map(SymbolId) {
        let mut engines = replay.shards.iter().map(|shard| shard.engine());
        let planned = engines.find_map(|engine| engine.planned_time(symbol));
        assert_eq!(timers.outlook(symbol).planned, planned, "seed {seed}: {symbol:?}");
    }
}

#[test]
fn whatever_an_engine_waits_for_is_known() {
    for profile in [TINY, MIXED, MOVING] {
        let waits: usize = (1..=6).map(|seed| check(profile, seed)).sum();
        assert!(waits > 1_000, "{waits}: hardly anything was ever due");
    }
}
