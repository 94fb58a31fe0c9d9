//! `kill -9` at any moment: every acknowledged report is in the journal, and the same command
//! starts the venue again.
//!
//! `RINGSIDE_KILLS` sets the number of kills, `RINGSIDE_SEED` the random seed.

use crate::cluster::folder::stored_bytes;
use crate::disk::venue::{Flow, Proof, ringside, setting, start, starts_and_ends};
use ringside_load::rng::Rng;
use ringside_testing::patience::wait_until;
use ringside_testing::run::base_seed;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

/// Kills and restarts a venue on one journal several times; then follow a run to its end, and a new
/// journal.
#[test]
fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    let (kills, seed) = (setting("RINGSIDE_KILLS", 50), base_seed());
    let mut rng = Rng::new(seed);
    let mut flow = Flow::new(seed);
    let mut had_printed = 0;
    let mut done = 0;
    let dir = tempfile::tempdir().unwrap();
    for chain in 0.. {
        let journal = dir.path().join(format!("journal{chain}"));
        let durability = ["pagecache", "fsync"][chain % 2];
        let mut proof = Proof::new(&journal);
        for link in 0..5 + rng.below(6) {
            let place = format!("RINGSIDE_SEED={seed}, chain {chain} ({durability}), kill {link}");
            let mut venue = start(&journal, durability, flow);
            // Six of ten kills come after the first printed report, however long a start takes.
            let delay_us = match done % 10 {
                0 | 5 => rng.below(10_000),
                2 | 7 => rng.below(100_000),
                _ => {
                    venue.wait_for_print();
                    rng.below(40_000)
                }
            };
            let ended = venue.kill_after(Duration::from_micros(delay_us));
            assert_eq!(ended.status.signal(), Some(9), "{place}: {}", ended.said);
            had_printed += u64::from(!ended.printed.is_empty());
            proof.told(&ended.printed);
            proof.check().unwrap_or_else(|error| panic!("{place}: {error}"));
            proof.keep_recovered();
            flow = ended.flow;
            done += 1;
        }
        starts_and_ends(&journal, durability);
        proof.check().unwrap_or_else(|error| panic!("RINGSIDE_SEED={seed}, {chain}: {error}"));
        std::fs::remove_dir_all(&journal).unwrap();
        if done >= kills {
            break;
        }
    }
    println!("tried {done} kills, {had_printed} of them after a report");
    assert!(had_printed * 2 >= done, "only {had_printed} of {done} kills came after a report");
}

/// Recovery reads, cuts and begins an epoch; wherever it is killed, the next recovery finds the
/// same journal.
#[test]
fn killed_while_it_recovers_it_recovers_again() {
    let (kills, seed) = (setting("RINGSIDE_KILLS", 50) / 5, base_seed());
    let mut rng = Rng::new(seed);
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let mut proof = Proof::new(&journal);
    let mut venue = start(&journal, "pagecache", Flow::new(seed));
    venue.wait_for_print();
    proof.told(&venue.kill_after(Duration::from_millis(700)).printed);
    proof.check().unwrap();
    proof.keep_recovered();
    starts_and_ends(&journal, "pagecache");
    let (mut in_recovery, mut done) = (0, 0);
    // The duration of a recovery changes with the load of the machine, so the range of the delays
    // is adapted.
    let mut start_us = 2_000;
    while done < kills || in_recovery * 3 < kills {
        let mut child = ringside(&["exec", "-", "--journal"], &journal)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(rng.below(start_us)));
        let files = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
        let mut files = files.filter_map(|file| file.unwrap().path().read_link().ok());
        let is_begun = files.any(|file| file.starts_with(&journal));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(9), "RINGSIDE_SEED={seed}, kill {done}: {said}");
        let is_over = said.contains("recovered up to");
        in_recovery += u64::from(is_begun && !is_over);
        start_us = if is_over { start_us * 3 / 4 } else { start_us * 5 / 4 }.max(1_000);
        proof.check().unwrap_or_else(|error| panic!("RINGSIDE_SEED={seed}, kill {done}: {error}"));
        proof.keep_recovered();
        done += 1;
        assert!(done < 100 * kills, "only {in_recovery} of {done} kills came while it recovered");
    }
    starts_and_ends(&journal, "pagecache");
    proof.check().unwrap();
    println!("tried {done} kills, {in_recovery} of them while it recovered");
}

/// Full speed, long batches, no acknowledgements: the journal must still be valid.
#[test]
fn killed_at_full_speed_the_journal_replays_and_goes_on() {
    let (kills, seed) = (setting("RINGSIDE_KILLS", 50).div_ceil(10), base_seed());
    let mut rng = Rng::new(seed);
    let mut under_load = 0;
    for kill in 0..kills {
        let place = format!("RINGSIDE_SEED={seed}, kill {kill}");
        let dir = tempfile::tempdir().unwrap();
        let journal = dir.path().join("journal");
        let mut child = ringside(
            &["bench", "--saturate", "--commands", "2000000", "--warmup", "0", "--journal"],
            &journal,
        )
        .env("RINGSIDE__JOURNAL__DURABILITY", ["pagecache", "fsync"][kill as usize % 2])
        .env("RINGSIDE__JOURNAL__SEGMENT_BYTES", "16777216")
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
        // The program generates its load and prepares all segments first.
        wait_until("commands are journaled", || {
            journal.exists() && stored_bytes(&journal) > 64 << 10
        });
        std::thread::sleep(Duration::from_micros(rng.below(300_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let mut proof = Proof::new(&journal);
        proof.check().unwrap_or_else(|error| panic!("{place}: {error}"));
        proof.keep_recovered();
        under_load += u64::from(proof.acknowledged_reports() > 0);
        starts_and_ends(&journal, "pagecache");
        proof.check().unwrap_or_else(|error| panic!("{place}: {error}"));
    }
    assert_eq!(under_load, kills, "every journal had begun");
}
