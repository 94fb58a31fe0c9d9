//! Crash images of the real writer. A venue writes its journal through a device that records every
//! store and every sync. From the record up to any moment, the test builds folders that the disk
//! could hold if the power failed, or the process was killed, at that moment. In each of them the
//! real recovery must find everything that was promised, in order and byte for byte, and nothing
//! that was never appended. Then the venue continues from there and crashes again.
//!
//! `RINGSIDE_CRASH_IMAGES=N` sets the number of images; `RINGSIDE_CRASH_SEED=N` sets the first
//! seed.
//!
//! The search itself must be able to fail: it finds each device that skips a step on which the
//! journal relies.

use crate::faulty::Fault;
use crate::life::{Life, Manner, Truth, options, recovered, seqno_of};
use ringside_journal::{Lock, Recovered};
use ringside_load::rng::Rng;
use ringside_model::domain::SeqNo;
use ringside_model::durability::Durability;
use ringside_model::frame::{EpochStart, Frame, FrameKind};
use ringside_testing::crash;
use ringside_testing::crash::disk::{Bits, Chance, Disk, Image};
use ringside_testing::crash::folder::Folder;
use ringside_testing::crash::recording::{Event, Recording};
use ringside_testing::run::base_seed;
use std::fmt;

/// Number of times that a venue crashes and continues.
const LIVES: usize = 4;
/// Number of uncertain items up to which all their combinations are tried.
const EXHAUSTIVE_MAX: u32 = 10;
/// Number of images checked by default.
const IMAGES: u64 = 4_000;
/// Number of images among which a fault of the device is found.
const FAULTY_IMAGES: u64 = 12_000;

#[test]
fn what_was_promised_survives_every_crash_under_fsync() {
    search(Durability::Fsync);
}

#[test]
fn what_was_promised_survives_every_crash_in_changing_modes() {
    search(Durability::Pagecache);
}

#[test]
fn a_device_that_does_not_sync_names_is_found() {
    find(Fault::Names, Durability::Fsync);
}

#[test]
fn a_device_that_does_not_sync_new_segments_is_found() {
    find(Fault::NewSegments, Durability::Fsync);
}

#[test]
fn a_device_that_does_not_sync_the_end_of_a_segment_is_found() {
    find(Fault::SegmentEnds, Durability::Fsync);
}

#[test]
fn a_device_that_syncs_one_page_less_is_found() {
    find(Fault::LastPages, Durability::Fsync);
}

#[test]
fn a_device_that_does_not_sync_full_segments_is_found() {
    find(Fault::FullSegments, Durability::Pagecache);
}

fn search(durability: Durability) {
    let number = |name, default| std::env::var(name).map_or(default, |n| n.parse().unwrap());
    let images = number("RINGSIDE_CRASH_IMAGES", IMAGES);
    let seed = number("RINGSIDE_CRASH_SEED", base_seed());
    match crash_venues(durability, None, seed, images) {
        Ok(counts) => println!("{}: from seed {seed} on, {counts:?}", durability.name()),
        Err(mut found) => {
            let kept = found.search.folder.keep();
            let test = std::thread::current().name().unwrap_or("crash_images").to_string();
            panic!(
                "{found}; the image is in {}\n\
                 RINGSIDE_CRASH_SEED={} cargo nextest run -p ringside-journal {test}",
                kept.display(),
                found.seed
            );
        }
    }
}

fn find(fault: Fault, durability: Durability) {
    match crash_venues(durability, Some(fault), 1, FAULTY_IMAGES) {
        Ok(counts) => panic!("{fault:?} not synced, and nothing is amiss: {counts:?}"),
        Err(found) => println!("{found}"),
    }
}

/// Crashes venues, one for each seed, until enough images are checked, or one of them is bad.
fn crash_venues(
    durability: Durability,
    fault: Option<Fault>,
    first_seed: u64,
    images: u64,
) -> Result<Counts, Box<Found>> {
    let mut counts = Counts::default();
    let mut folder = Folder::new();
    for seed in first_seed.. {
        if counts.images >= images {
            break;
        }
        let manner = Manner { durability, threads: seed % 2 == 0, fault };
        let mut search =
            Search { manner, folder, counts, rng: Rng::new(seed), what: String::new() };
        if let Err(error) = search.venue() {
            return Err(Box::new(Found { seed, search, error }));
        }
        (folder, counts) = (search.folder, search.counts);
    }
    Ok(counts)
}

/// Image from which the journal does not recover as it should.
struct Found {
    seed: u64,
    search: Search,
    error: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Found { seed, search: Search { manner, what, .. }, error } = self;
        write!(f, "seed {seed}, {manner:?}, {what}: {error}")
    }
}

/// Counters of the search.
#[derive(Debug, Default)]
struct Counts {
    /// Number of processes that appended.
    lives: u64,
    /// Number of folders as they are after a crash.
    images: u64,
    /// Number of moments for which all combinations of old and new were built.
    exhaustive: u64,
    /// Number of images with a page of several states.
    torn: u64,
    /// Number of images of a crash in the middle of a recovery.
    in_recovery: u64,
    /// Number of recoveries; `cuts` counts those of them that cut something off.
    recoveries: u64,
    cuts: u64,
    /// Number of recoveries that reported a loss.
    losses: u64,
}

/// Disk and expectations at a moment.
#[derive(Clone, Default)]
struct World {
    disk: Disk,
    truth: Truth,
}

impl World {
    fn apply(&mut self, event: &Event) {
        match event {
            Event::Change(change) => self.disk.apply(change),
            Event::Append(frame) => self.truth.frames.push(frame.clone()),
            Event::Stored(count) => self.truth.stored = *count,
            Event::Promise(count) => self.truth.promised = self.truth.promised.max(*count),
        }
    }

    fn after(&self, events: &[Event]) -> World {
        let mut world = self.clone();
        events.iter().for_each(|event| world.apply(event));
        world
    }
}

/// End of a process.
enum Crash {
    /// The process is killed; everything it stored is there.
    Kill,
    /// The power fails, and the disk holds this image.
    PowerCut(Image),
}

struct Search {
    manner: Manner,
    folder: Folder,
    counts: Counts,
    rng: Rng,
    /// Description of the current attempt, for the message of a failure.
    what: String,
}

impl Search {
    /// Runs one venue, which crashes and continues a few times.
    fn venue(&mut self) -> Result<(), String> {
        let mut world = World::default();
        // Without `fsync` nothing waits for names and lengths. There the journal relies on ext4 and
        // XFS, which keep the order of such changes.
        world.disk.in_order = self.manner.durability != Durability::Fsync;
        for life in 1..=LIVES {
            let events = self.live(&world)?;
            for _ in 0..8 {
                let moment = self.moment(&events);
                let at = world.after(&events[..moment]);
                let what = format!("life {life}, event {moment} of {}", events.len());
                self.crashes(&at, &what, true)?;
            }
            let moment = self.moment(&events);
            let at = world.after(&events[..moment]);
            self.what = format!("life {life}, goes on behind event {moment} of {}", events.len());
            let crash = match self.rng.chance(1, 3) {
                true => Crash::Kill,
                false => Crash::PowerCut(at.disk.image(&mut Chance::new(&mut self.rng))),
            };
            world = self.survive(&at, &crash)?.0;
            world.truth.lost_to = 0;
        }
        Ok(())
    }

    /// Draws a moment in a record. Steps and the moments next to them are more likely than stores.
    fn moment(&mut self, events: &[Event]) -> usize {
        let any = self.rng.below(events.len() as u64 + 1) as usize;
        if self.rng.chance(1, 2) {
            return any;
        }
        let is_store = |event: &Event| {
            matches!(event, Event::Change(crash::disk::Change::Store(..)) | Event::Append(_))
        };
        let step = events[any..].iter().position(|event| !is_store(event)).unwrap_or(0);
        (any + step + self.rng.below(2) as usize).min(events.len())
    }

    /// Runs a process that recovers, appends and ends. Returns its record.
    fn live(&mut self, world: &World) -> Result<Vec<Event>, String> {
        self.counts.lives += 1;
        self.what = "a life".into();
        self.folder.show(&world.disk.newest());
        let device = Recording::new(self.folder.path(), world.disk.clone());
        let options = options(self.folder.path(), self.manner, &device);
        let (found, frames, lock) = recovered(&options).map_err(|error| error.to_string())?;
        let mut truth = world.truth.clone();
        truth.frames.truncate(frames.len());
        let life = Life::begin(options, lock, &found, truth, &device, &mut self.rng);
        let life = life.map_err(|error| format!("cannot go on: {error}"))?;
        let epoch = epochs(&frames).max().unwrap_or(0) + 1;
        check(life.epoch() == epoch, || format!("epoch {} follows {}", life.epoch(), epoch - 1))?;
        life.spend().map_err(|error| error.to_string())?;
        device.look();
        let (events, left) = device.take();
        self.folder.shows(left);
        Ok(events)
    }

    /// Builds images of a moment and recovers from each. With `nested` the recoveries crash as
    /// well.
    fn crashes(&mut self, at: &World, what: &str, nested: bool) -> Result<(), String> {
        self.what = format!("{what}, killed");
        self.crash(at, &Crash::Kill, nested)?;
        let uncertain = at.disk.uncertain();
        // Most of these cost as much as a hundred moments with fewer uncertain items, so they are
        // rare.
        let is_cheap = uncertain <= 5 && (nested || uncertain <= 3);
        if is_cheap || (nested && uncertain <= EXHAUSTIVE_MAX && self.rng.chance(1, 8)) {
            self.counts.exhaustive += 1;
            for bits in 0..1 << uncertain {
                self.what = format!("{what}, old and new by the bits {bits:#b}");
                self.crash(at, &Crash::PowerCut(at.disk.image(&mut Bits(bits))), nested)?;
            }
        }
        for count in 0..if nested { 12 } else { 3 } {
            let mut chance = Chance::new(&mut self.rng);
            let image = at.disk.image(&mut chance);
            self.counts.torn += u64::from(chance.torn > 0);
            self.what = format!("{what}, by chance {count}");
            self.crash(at, &Crash::PowerCut(image), nested)?;
        }
        Ok(())
    }

    /// Recovers after a crash. If `nested`, now and then also recovers after a crash at each step
    /// of that recovery.
    fn crash(&mut self, at: &World, crash: &Crash, nested: bool) -> Result<(), String> {
        self.counts.images += 1;
        let (_, begun, events) = self.survive(at, crash)?;
        let is_step = |&moment: &usize| matches!(events[moment], Event::Change(_));
        if !nested || !self.rng.chance(1, 32) {
            return Ok(());
        }
        let what = self.what.clone();
        for moment in (0..events.len()).filter(is_step) {
            self.counts.in_recovery += 1;
            let at = begun.after(&events[..moment + 1]);
            self.crashes(&at, &format!("{what}, recovery event {}", moment + 1), false)?;
        }
        Ok(())
    }

    /// Recovers after a crash and checks the result. Returns the world after the recovery, the
    /// world before it, and the record of the recovery.
    fn survive(&mut self, at: &World, crash: &Crash) -> Result<(World, World, Vec<Event>), String> {
        let mut begun = at.clone();
        if let Crash::PowerCut(image) = crash {
            begun.disk = Disk::holding(image);
            begun.disk.in_order = at.disk.in_order;
        }
        let image = begun.disk.newest();
        let checked = self.recover_and_check(at, crash, &image, &mut begun);
        if checked.is_err() {
            // Restores the folder as it was before the recovery.
            self.folder.show(&Image::default());
            self.folder.show(&image);
        }
        let events = checked?;
        Ok((begun.after(&events), begun, events))
    }

    fn recover_and_check(
        &mut self,
        at: &World,
        crash: &Crash,
        image: &Image,
        begun: &mut World,
    ) -> Result<Vec<Event>, String> {
        self.folder.show(image);
        let device = Recording::new(self.folder.path(), begun.disk.clone());
        let options = options(self.folder.path(), self.manner, &device);
        self.counts.recoveries += 1;
        let (found, frames, lock) =
            recovered(&options).map_err(|error| format!("refused: {error}"))?;
        self.counts.cuts += u64::from(found.cut.is_some());
        self.counts.losses += u64::from(found.lost.is_some());
        check_frames(&at.truth, crash, &found, &frames)?;
        check_loss(&at.truth, crash, &found, image)?;
        // Everything that is there after a power cut is on the device.
        begun.truth.lost_to = losable(&at.truth, crash);
        begun.truth.frames.truncate(frames.len());
        begun.truth.stored = frames.len();
        begun.truth.promised = match crash {
            Crash::Kill => at.truth.promised,
            Crash::PowerCut(_) => frames.len(),
        };
        if found.cut.is_some() {
            device.look();
        }
        let (events, left) = device.take();
        self.folder.shows(left);
        drop::<Lock>(lock);
        let (again, frames_again, _) =
            recovered(&options).map_err(|error| format!("refused the second time: {error}"))?;
        check(again.cut.is_none() && again.lost.is_none(), || "cut again".into())?;
        check(frames_again == frames && again.end == found.end, || "another end".into())?;
        let (more, _) = device.take();
        check(more.is_empty(), || format!("a second recovery does something: {more:?}"))?;
        Ok(events)
    }
}

/// Checks that the frames found are the beginning of those appended, and at least those promised.
fn check_frames(
    truth: &Truth,
    crash: &Crash,
    found: &Recovered,
    frames: &[Vec<u8>],
) -> Result<(), String> {
    let same = frames.iter().zip(&truth.frames).take_while(|(a, b)| a == b).count();
    check(same == frames.len(), || format!("frame {same} of {} was never appended", frames.len()))?;
    let wanted = match crash {
        Crash::Kill => truth.stored,
        Crash::PowerCut(_) => truth.promised,
    };
    check(frames.len() >= wanted, || format!("{} frames are left of {wanted}", frames.len()))?;
    let last = frames.last().map_or(0, |frame| seqno_of(frame));
    check(found.seqno == SeqNo(last), || format!("seqno {} for {last}", found.seqno))?;
    let times = frames.iter().filter(|frame| frame[2] < 128).map(|frame| seqno_of(frame) * 10);
    check(found.time.0 == times.max().unwrap_or(0), || "another official time".into())?;
    check(found.epoch == epochs(frames).max().unwrap_or(0), || "another epoch".into())
}

/// Checks that no loss is reported without a reason, and that none is hidden for which a mark
/// remains.
fn check_loss(
    truth: &Truth,
    crash: &Crash,
    found: &Recovered,
    image: &Image,
) -> Result<(), String> {
    let last = found.seqno.0;
    if let Some(lost) = found.lost {
        let sane = lost.from.0 == last + 1 && lost.from <= lost.to;
        check(sane && lost.to.0 <= losable(truth, crash), || format!("told of {lost:?}"))?;
    }
    let told = found.lost.map_or(last, |lost| lost.to.0);
    let speaks = |pair: &[Vec<u8>]| {
        let committed = committed_of(&pair[1]).unwrap_or(0);
        committed > told && holds(image, &pair[0], &pair[1])
    };
    match truth.frames.windows(2).find(|pair| speaks(pair)) {
        None => Ok(()),
        Some(pair) => Err(format!(
            "a mark says that {} was committed, {told} is the last that was told of",
            committed_of(&pair[1]).unwrap_or(0)
        )),
    }
}

/// Last command that a recovery may report as lost.
fn losable(truth: &Truth, crash: &Crash) -> u64 {
    match crash {
        Crash::Kill => truth.lost_to,
        Crash::PowerCut(_) => {
            truth.lost_to.max(truth.frames.last().map_or(0, |frame| seqno_of(frame)))
        }
    }
}

/// Returns true if an image holds two frames in a row, so that the first proves the second.
fn holds(image: &Image, first: &[u8], second: &[u8]) -> bool {
    let segments = image.0.iter().filter(|(name, _)| name.ends_with(".seg"));
    let wanted: Vec<u8> = first.iter().chain(second).copied().collect();
    segments
        .flat_map(|(_, content)| &content.pages)
        .any(|page| (0..page.len()).step_by(64).any(|at| page[at..].starts_with(&wanted)))
}

fn committed_of(frame: &[u8]) -> Option<u64> {
    (frame[2] == FrameKind::CommitMark as u8)
        .then(|| u64::from_le_bytes(frame[32..40].try_into().expect("eight bytes")))
}

fn epochs(frames: &[Vec<u8>]) -> impl Iterator<Item = u64> {
    frames.iter().filter(|frame| frame[2] == FrameKind::EpochStart as u8).map(|frame| {
        let frame = Frame::read(frame).expect("a frame");
        frame.body::<EpochStart>().expect("the start of an epoch").epoch
    })
}

fn check(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
