//! Failing disks: write errors of a device, and no space left. No report may leave for a command
//! that is not in the journal, and the venue prints the cause. Needs root and loop devices.

use crate::disk::venue::{Ended, Flow, Proof, ringside, setting, start, starts_and_ends};
use ringside_load::rng::Rng;
use ringside_testing::patience::wait_until;
use ringside_testing::run::{base_seed, skipped};
use ringside_testing::volume::{Mount, Volume, run};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

/// The device runs out of room under a file system that does not know it: while a segment is made,
/// or in the log of the file system.
#[test]
fn a_device_that_fails_ends_the_venue_and_nothing_told_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut thin = match ThinDevice::make(dir.path()) {
        Ok(thin) => thin,
        Err(why) => return skipped(format!("write errors: {why}")),
    };
    let journal = thin.volume.root().join("journal");
    let mut proof = Proof::new(&journal);
    let venue = start(&journal, "fsync", Flow::new(base_seed()));
    let ended = venue.ends();
    assert_stopped_by_the_device(&ended, &journal);
    proof.told(&ended.printed);
    assert!(proof.acknowledged_reports() > 0);
    thin.repair();
    proof.check().unwrap();
    proof.keep_recovered();
    starts_and_ends(&journal, "fsync");
    proof.check().unwrap();
}

/// The sync of a batch itself fails. The page cache then holds frames, marked clean, that are not
/// on the device: a restarted venue must not build on frames that a power cut will remove.
#[test]
fn a_failed_sync_is_not_built_upon_after_a_restart() {
    let seed = base_seed();
    let mut rng = Rng::new(seed);
    let mut went_on = 0;
    let rounds = setting("RINGSIDE_FAILED_SYNCS", 6);
    // The file system continues after an error only by chance, and only then there is something to
    // prove.
    for round in 0..20 * rounds {
        if round >= rounds && went_on > 0 {
            break;
        }
        let place = format!("RINGSIDE_SEED={seed}, round {round}");
        let dir = tempfile::tempdir().unwrap();
        let mut thin = match ThinDevice::make(dir.path()) {
            Ok(thin) => thin,
            Err(why) => return skipped(format!("failed syncs: {why}")),
        };
        let journal = thin.volume.root().join("journal");
        let mut proof = Proof::new(&journal);
        let mut venue = start(&journal, "fsync", Flow::new(seed + round));
        venue.wait_for_print();
        let ended = venue.kill_after(Duration::from_micros(rng.below(50_000)));
        proof.told(&ended.printed);
        proof.check().unwrap_or_else(|error| panic!("{place}: {error}"));

        thin.leave(32_768 + rng.below(200_000));
        let ended = start(&journal, "fsync", ended.flow).ends();
        assert_stopped_by_the_device(&ended, &journal);
        proof.told(&ended.printed);
        // This check reads the page cache, which has more than the device.
        let readable = proof.check();
        thin.grow();
        let mut venue = start(&journal, "fsync", ended.flow);
        venue.wait_for_print();
        let ended = venue.kill_after(Duration::from_micros(rng.below(20_000)));
        if ended.printed.is_empty() {
            // The file system refuses writes until it is repaired.
            assert_eq!(ended.status.code(), Some(1), "{place}: {}", ended.said);
        } else {
            readable.unwrap_or_else(|error| panic!("{place}: {error}"));
            proof.told(&ended.printed);
            went_on += 1;
        }
        thin.volume.cut_power();
        thin.repair();
        proof.check().unwrap_or_else(|error| panic!("{place}: {error}"));
        starts_and_ends(&journal, "fsync");
    }
    println!("tried failed syncs until {went_on} venues went on after one");
    assert!(went_on > 0, "no venue went on after a failed sync: nothing was proved");
}

#[test]
fn a_full_disk_is_said_and_nothing_acknowledged_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    match Volume::make(dir.path(), &["mkfs.ext4", "-q", "-b", "4096", "-m", "0"], 32 << 20) {
        Ok(volume) => full_disk(volume.root(), "fsync"),
        Err(why) => skipped(format!("a full ext4: {why}")),
    }
    match Mount::new(&["-t", "tmpfs", "-o", "size=16m", "tmpfs"], &dir.path().join("memory")) {
        Ok(memory) => full_disk(memory.root(), "pagecache"),
        Err(why) => skipped(format!("a full tmpfs: {why}")),
    }
}

fn full_disk(root: &Path, durability: &str) {
    let ballast = root.join("ballast");
    fill(root, &ballast, 1_500_000);
    let journal = root.join("journal");
    let session = tempfile::NamedTempFile::new().unwrap();
    let mut flow = Flow::new(base_seed());
    std::fs::write(session.path(), flow.session(40_000)).unwrap();
    let exec = |session: &Path| {
        let mut command = ringside(&["exec", session.to_str().unwrap(), "--journal"], &journal);
        command.env("RINGSIDE__JOURNAL__DURABILITY", durability).output().unwrap()
    };
    let mut proof = Proof::new(&journal);
    let output = exec(session.path());
    proof.told(&output.stdout);
    proof.check().unwrap_or_else(|error| panic!("{durability}: {error}"));
    assert!(!output.stdout.is_empty());
    assert_answered_or_said(&output, flow.last_id);

    // The same command continues as soon as there is room.
    std::fs::remove_file(&ballast).unwrap();
    std::fs::write(session.path(), flow.session(1000)).unwrap();
    let output = exec(session.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    proof.told(&output.stdout);
    proof.check().unwrap_or_else(|error| panic!("{durability}: {error}"));
}

/// A venue may reject orders while it still has room to do so; if it cannot continue, it prints the
/// cause. While there is no room for another segment, orders are rejected and cancels are carried
/// out; when there is room again, orders are accepted again.
#[test]
fn new_orders_are_refused_before_the_space_ends_and_cancels_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let small = ["-t", "tmpfs", "-o", "size=1200k", "tmpfs"];
    let mount = match Mount::new(&small, &dir.path().join("root")) {
        Ok(mount) => mount,
        Err(why) => return skipped(format!("low space: {why}")),
    };
    let journal = mount.root().join("journal");
    let mut venue = ringside(&["exec", "-", "--durability", "pagecache", "--journal"], &journal)
        .env("RINGSIDE__JOURNAL__SEGMENT_BYTES", "262144")
        .env("RINGSIDE__SNAPSHOTS__MAX_RESTART_SECONDS", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(venue.stdout.take().unwrap()).lines();
    let mut input = venue.stdin.take().unwrap();
    writeln!(input, r#"{{"op":"symbol","symbol":"X","tick":"1"}}"#).unwrap();
    let mut ask = |line: String| {
        writeln!(input, "{line}").unwrap();
        // The symbol and the session have reports, too.
        let mut reports = said.by_ref().map(Result::unwrap);
        reports.find(|report| !report.contains("\"defined\"")).unwrap()
    };
    let enter = |id: u64| {
        format!(
            r#"{{"op":"enter","session":"A","id":{id},"symbol":"X","side":"buy","qty":1,"price":"1"}}"#
        )
    };
    let mut id = 0;
    let refused = loop {
        id += 1;
        let report = ask(enter(id));
        if report.contains("low_space") {
            break report;
        }
        assert!(report.contains("accepted"), "{report}");
        assert!(id < 50_000, "the space never ran low");
    };
    assert!(refused.contains("\"rejected\"") && refused.contains("\"code\":45"), "{refused}");
    for cancelled in 1..=100 {
        let report = ask(format!(r#"{{"op":"cancel","session":"A","id":{cancelled}}}"#));
        assert!(report.contains("\"canceled\""), "{report}");
    }
    let replace = r#"{"op":"replace","session":"A","id":101,"new_id":900000,"qty":2,"price":"1"}"#;
    assert!(ask(replace.into()).contains("low_space"), "a replace is a new order, too");
    assert!(ask(r#"{"op":"cancel","session":"A","id":101}"#.into()).contains("\"canceled\""));
    run(&["mount", "-o", "remount,size=4m", mount.root().to_str().unwrap()]).unwrap();
    wait_until("orders are taken again", || {
        id += 1;
        let report = ask(enter(id));
        assert!(report.contains("accepted") || report.contains("low_space"), "{report}");
        report.contains("accepted")
    });
    drop(input);
    assert!(venue.wait().unwrap().success());
}

fn assert_answered_or_said(output: &Output, last_id: u64) {
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("No space left"), "{said}");
        return;
    }
    let report = |line: &[u8]| serde_json::from_slice::<serde_json::Value>(line).unwrap();
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let answered: BTreeSet<u64> = lines.filter_map(|line| report(line)["id"].as_u64()).collect();
    let silent = (1..=last_id).find(|id| !answered.contains(id));
    assert_eq!(silent, None, "an order without an answer, but the run ended well: {said}");
}

/// Asserts that the venue was neither killed nor stopped by a broken invariant: it stopped by
/// itself and named the file that could not be written.
fn assert_stopped_by_the_device(ended: &Ended, journal: &Path) {
    let Ended { status, said, .. } = ended;
    assert_eq!(status.code(), Some(1), "signal {:?}: {said}", status.signal());
    let last = said.lines().last().unwrap_or_default();
    let named = last.contains(journal.to_str().unwrap()) && last.contains("cannot");
    assert!(named, "{said}");
}

/// A file system on a device with less room than it states: writes fail when the room is used up.
struct ThinDevice {
    volume: Volume,
    memory: Mount,
}

impl ThinDevice {
    fn make(folder: &Path) -> Result<Self, String> {
        let memory =
            Mount::new(&["-t", "tmpfs", "-o", "size=32m", "tmpfs"], &folder.join("memory"))?;
        let mkfs = ["mkfs.ext4", "-q", "-b", "4096", "-J", "size=4"];
        let volume = Volume::make(memory.root(), &mkfs, 256 << 20)?;
        let thin = ThinDevice { volume, memory };
        thin.split_writes();
        Ok(thin)
    }

    /// Makes the kernel write one page at a time, so that each page is written or refused, as by an
    /// honest device. A loop device reports success for a write of which only the first pages found
    /// room.
    fn split_writes(&self) {
        let table = std::fs::read_to_string("/proc/mounts").unwrap();
        let here = |line: &&str| line.split(' ').nth(1) == self.volume.root().to_str();
        let device = table.lines().find(here).and_then(|line| line.split(' ').next()).unwrap();
        let name = Path::new(device).file_name().unwrap();
        let queue = Path::new("/sys/block").join(name).join("queue");
        std::fs::write(queue.join("max_sectors_kb"), "4").unwrap();
    }

    /// Leaves the device room for this number of bytes, and takes back the room of all blocks of
    /// zeros: a prepared segment, too, must find new room for its frames.
    fn leave(&mut self, bytes: u64) {
        self.volume.unmount();
        run(&["fallocate", "--dig-holes", self.volume.image.to_str().unwrap()]).unwrap();
        self.volume.mount();
        self.split_writes();
        fill(self.memory.root(), &self.memory.root().join("ballast"), bytes);
    }

    /// Gives the device all the room that it states.
    fn grow(&self) {
        run(&["mount", "-o", "remount,size=512m", self.memory.root().to_str().unwrap()]).unwrap();
    }

    /// Does what an operator does: makes room, checks the file system, and mounts it again.
    fn repair(&mut self) {
        self.grow();
        self.volume.unmount();
        // The exit code of e2fsck is nonzero if it has repaired something.
        let _ = run(&["e2fsck", "-fy", self.volume.image.to_str().unwrap()]);
        self.volume.mount();
    }
}

/// Fills a file system until this number of bytes is left.
fn fill(root: &Path, ballast: &Path, leave: u64) {
    let stat = rustix::fs::statvfs(root).unwrap();
    let bytes = (stat.f_bavail * stat.f_frsize).checked_sub(leave).unwrap();
    let file = File::create(ballast).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes).unwrap();
}
