//! Power cuts with real file systems: under `fsync` all acknowledged reports are there when the
//! machine comes back.
//!
//! `RINGSIDE_POWER_CUTS` sets the number of cuts for each file system, and prints a table at the
//! end; `RINGSIDE_SEED` sets the random seed. Needs root, loop devices, mkfs.ext4 and mkfs.xfs.

use crate::disk::venue::{Ended, Flow, Proof, Running, setting, start, starts_and_ends};
use ringside_load::rng::Rng;
use ringside_testing::patience::PATIENCE;
use ringside_testing::run::{base_seed, skipped};
use ringside_testing::volume::Volume;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

#[test]
fn a_power_cut_on_ext4_loses_nothing_that_was_told() {
    power_cuts("ext4", &["mkfs.ext4", "-q"]);
}

#[test]
fn a_power_cut_on_xfs_loses_nothing_that_was_told() {
    power_cuts("xfs", &["mkfs.xfs", "-q"]);
}

/// State of the venue at a cut.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// The process has just started: it makes or recovers the journal.
    Start,
    /// The venue is under load.
    Load,
    /// Another run was killed before this one: frames that it left only in the page cache precede
    /// the frames that this run acknowledges.
    AfterKill,
    /// The same, and the run before was not under `fsync`.
    AfterPagecache,
}

const MOMENTS: [Moment; 6] = [
    Moment::Start,
    Moment::Load,
    Moment::AfterPagecache,
    Moment::Start,
    Moment::AfterKill,
    Moment::Load,
];

fn power_cuts(name: &str, mkfs: &[&str]) {
    let (cuts, seed) = (setting("RINGSIDE_POWER_CUTS", 6), base_seed());
    let dir = tempfile::tempdir().unwrap();
    // mkfs.xfs makes no file system below 300 MB.
    let mut volume = match Volume::make(dir.path(), mkfs, 512 << 20) {
        Ok(volume) => volume,
        Err(why) => return skipped(format!("power cuts on {name}: {why}")),
    };
    let mut rng = Rng::new(seed);
    let mut flow = Flow::new(seed);
    let (mut under_load, mut reports, mut torn) = (0, 0, 0);
    let chains = cuts.div_ceil(MOMENTS.len() as u64);
    for chain in 0..chains {
        let journal = volume.root().join(format!("journal{chain}"));
        let mut proof = Proof::new(&journal);
        for moment in MOMENTS {
            let place = format!("{name}, RINGSIDE_SEED={seed}, chain {chain}, {moment:?}");
            let holds = |proof: &mut Proof| {
                proof.check().unwrap_or_else(|error| panic!("{place}: {error}"));
            };
            if let Some(durability) = moment.run_before() {
                let mut before = start(&journal, durability, flow);
                before.wait_for_print();
                let ended = before.kill_after(Duration::from_micros(rng.below(50_000)));
                flow = ended.flow;
                if durability == "fsync" {
                    proof.told(&ended.printed);
                }
                holds(&mut proof);
            }
            let ended = cut_under(&volume, start(&journal, "fsync", flow), moment, &mut rng);
            let ended = ended.unwrap_or_else(|error| panic!("{place}: {error}"));
            proof.told(&ended.printed);
            flow = ended.flow;
            under_load += u64::from(!ended.printed.is_empty());
            volume.unmount();
            volume.mount();
            holds(&mut proof);
            // The journal was read from the image, so its frames are durable.
            proof.keep_recovered();
        }
        starts_and_ends(&journal, "fsync");
        torn += torn_tails(&journal);
        reports += proof.acknowledged_reports();
        std::fs::remove_dir_all(&journal).unwrap();
    }
    if std::env::var_os("RINGSIDE_POWER_CUTS").is_some() {
        let cuts = chains * MOMENTS.len() as u64;
        eprintln!("| file system | cuts | under load | reports told | torn tails cut | lost |");
        eprintln!("|---|---:|---:|---:|---:|---:|");
        eprintln!("| {name} | {cuts} | {under_load} | {reports} | {torn} | 0 |");
    }
}

impl Moment {
    /// Returns the mode of the run that is killed first, if any.
    fn run_before(self) -> Option<&'static str> {
        match self {
            Moment::Start | Moment::Load => None,
            Moment::AfterKill => Some("fsync"),
            Moment::AfterPagecache => Some("pagecache"),
        }
    }
}

/// Cuts the power under a venue at its moment. An undisturbed venue must notice the cut and end by
/// itself; sometimes it is killed before that.
fn cut_under(
    volume: &Volume,
    mut venue: Running,
    moment: Moment,
    rng: &mut Rng,
) -> Result<Ended, String> {
    let delays_us = match moment {
        Moment::Start => [5_000, 50_000],
        Moment::Load => [1_000, 80_000],
        Moment::AfterKill | Moment::AfterPagecache => [1_000, 10_000],
    };
    let is_start = matches!(moment, Moment::Start);
    if !is_start {
        venue.wait_for_print();
    }
    let delay_us = delays_us[rng.below(2) as usize];
    std::thread::sleep(Duration::from_micros(rng.below(delay_us)));
    volume.cut_power();
    let alone = rng.chance(1, 2);
    let patience = if alone { PATIENCE } else { Duration::from_micros(rng.below(10_000)) };
    let ended = venue.kill_after(patience);
    let (code, signal) = (ended.status.code(), ended.status.signal());
    // Signal 7 is SIGBUS: a page of the journal can no longer be read or made writable.
    let fair = code == Some(1) || signal == Some(7) || signal == Some(9) && !alone;
    if !fair || ended.printed.is_empty() && !is_start {
        let (status, printed) = (ended.status, ended.printed.len());
        return Err(format!("{status} after {printed} bytes of reports: {}", ended.said));
    }
    Ok(ended)
}

/// Returns the number of tails that recoveries have cut from a journal, each stored in a file of
/// its own.
fn torn_tails(journal: &Path) -> usize {
    let names = std::fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().contains(".cut-")).count()
}
