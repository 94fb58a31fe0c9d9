//! The write side of the journal: the steps on its files, their order, and failures of the device,
//! the disk or the file system.

use ringside_journal::{
    Device, JournalError, Lock, Options, Reader, Recovered, SEGMENT_BYTES_MIN, Step, Writer,
    recover,
};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::{Frame, FrameKind};
use ringside_testing::journals::{self, IDENTITY};
use ringside_testing::patience::{PATIENCE, wait_until};
use ringside_testing::run::skipped;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Number of 64-byte frames in a segment, without the one that ends it.
const PER_SEGMENT: u64 = (SEGMENT_BYTES_MIN - 4096) / 64 - 1;
const NO_SPACE: i32 = 28;
const IO_ERROR: i32 = 5;

/// Device that records every step; steps that begin with a given text fail, or are held.
#[derive(Debug, Default)]
struct Watched {
    steps: Mutex<Vec<String>>,
    refused: Mutex<Option<(String, i32)>>,
    held: Mutex<Option<String>>,
}

impl Watched {
    fn refuse(&self, step: &str, error: i32) {
        *self.refused.lock().unwrap() = Some((step.into(), error));
    }

    fn hold(&self, step: Option<&str>) {
        *self.held.lock().unwrap() = step.map(Into::into);
    }

    fn holds(&self, step: &str) -> bool {
        self.held.lock().unwrap().as_ref().is_some_and(|held| step.starts_with(held))
    }

    fn accept(&self) {
        *self.refused.lock().unwrap() = None;
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.steps.lock().unwrap())
    }

    fn has(&self, step: &str) -> bool {
        self.steps.lock().unwrap().iter().any(|taken| taken.starts_with(step))
    }
}

impl Device for Watched {
    fn perform(&self, step: Step<'_>, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        let text = text_of(step);
        let refused = self.refused.lock().unwrap().clone();
        if let Some((_, error)) = refused.filter(|(refused, _)| text.starts_with(refused)) {
            self.steps.lock().unwrap().push(format!("refused {text}"));
            return Err(io::Error::from_raw_os_error(error));
        }
        while self.holds(&text) {
            std::thread::sleep(Duration::from_millis(1));
        }
        act()?;
        self.steps.lock().unwrap().push(text);
        Ok(())
    }
}

fn text_of(step: Step<'_>) -> String {
    let name = |path: &Path| path.file_name().map_or("..".into(), |name| name.to_owned());
    let name = |path: &Path| name(path).into_string().unwrap();
    match step {
        Step::Create(path) => format!("create {}", name(path)),
        Step::Reserve(path, bytes) => format!("reserve {} {bytes}", name(path)),
        Step::Write(path, bytes) => format!("write {} {bytes}", name(path)),
        Step::SyncFile(path) => format!("sync {}", name(path)),
        Step::Rename(from, to) => format!("rename {} {}", name(from), name(to)),
        Step::Remove(path) => format!("remove {}", name(path)),
        Step::SyncDir(path) if path.ends_with("..") => "sync-dir ..".into(),
        Step::SyncDir(_) => "sync-dir .".into(),
        Step::SyncRange(path, from, to) => format!("sync-range {} {from} {to}", name(path)),
    }
}

/// Options with two segments ready, made by the threads beside the writer.
fn options(dir: &Path, durability: Durability) -> Options {
    Options { segments_ready: 2, segments_last: u64::MAX, ..journals::options(dir, durability) }
}

/// Writer and the frames for it, each sealed after the one before.
struct Run {
    writer: Writer,
    seqno: u64,
    crc: u32,
}

impl Run {
    fn open(options: &Options) -> Result<Self, JournalError> {
        let lock = Lock::take(&options.dir)?;
        let found: Recovered =
            recover(options, &lock, None, SeqNo(0), |_| Ok::<_, JournalError>(()))?;
        let (seqno, crc) = (found.seqno.0, found.crc);
        Ok(Run { writer: Writer::open(options.clone(), lock, &found)?, seqno, crc })
    }

    fn watched(dir: &Path, durability: Durability) -> (Self, Arc<Watched>) {
        let device = Arc::new(Watched::default());
        let options = Options { device: device.clone(), ..options(dir, durability) };
        (Run::open(&options).unwrap(), device)
    }

    fn append(&mut self) -> Result<(), JournalError> {
        let mut frame = Frame::default();
        frame.write(FrameKind::Cancel, &[self.seqno]);
        let crc = frame.seal(SeqNo(self.seqno + 1), Nanos(self.seqno), self.crc);
        self.writer.append(&frame)?;
        (self.seqno, self.crc) = (self.seqno + 1, crc);
        Ok(())
    }

    fn append_all(&mut self, commands: u64) {
        for _ in 0..commands {
            self.append().unwrap();
        }
        self.writer.commit().unwrap();
    }
}

/// Writes a closed journal of `commands` commands.
fn write(dir: &Path, durability: Durability, commands: u64) {
    let mut run = Run::open(&options(dir, durability)).unwrap();
    run.append_all(commands);
    run.writer.close().unwrap();
}

/// Number of commands in a journal, every one checked.
fn commands(dir: &Path) -> u64 {
    let mut reader = Reader::open(dir, IDENTITY).unwrap();
    while reader.next_frame().unwrap().is_some() {}
    reader.seqno().0
}

fn digests(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.contains("sha256"));
    names.sort();
    names
}

#[track_caller]
fn position(steps: &[String], step: &str) -> usize {
    let found = steps.iter().position(|taken| taken == step);
    found.unwrap_or_else(|| panic!("{step:?} is not in {steps:#?}"))
}

#[test]
fn what_is_full_has_a_digest_that_a_standard_tool_accepts() {
    for durability in Durability::ALL {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), *durability, 3 * PER_SEGMENT + 5);
        let expected = ["00000001.sha256", "00000002.sha256", "00000003.sha256"];
        assert_eq!(digests(dir.path()), expected, "{durability:?}");
        let check = |program: &str, args: &[&str]| {
            Command::new(program).args(args).args(expected).current_dir(dir.path()).output()
        };
        let checked = check("sha256sum", &["--check", "--strict"]).or_else(|_| {
            const SCRIPT: &str = "import hashlib, sys\n\
                for line in map(lambda name: open(name).read(), sys.argv[1:]):\n \
                digest, name = line.rstrip('\\n').split('  ')\n \
                assert digest == hashlib.sha256(open(name, 'rb').read()).hexdigest(), name";
            check("python3", &["-c", SCRIPT])
        });
        match checked {
            Ok(Output { status, stderr, .. }) => {
                assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
            }
            Err(error) => skipped(format!("neither sha256sum nor python3: {error}")),
        }
    }
}

#[test]
fn a_segment_is_made_synced_and_named_before_it_is_used_and_synced_before_its_digest() {
    let dir = tempfile::tempdir().unwrap();
    let (mut run, device) = Run::watched(dir.path(), Durability::Fsync);
    run.append_all(PER_SEGMENT + 1);
    run.writer.close().unwrap();
    let steps = device.take();
    let named = |name: &str| steps.iter().filter(|step| step.contains(name)).collect::<Vec<_>>();
    // The threads interleave their steps, but the folder is synced between two steps of this file.
    let dir_synced = |from: usize, to: usize| steps[from..to].contains(&"sync-dir .".into());
    for (number, bytes) in [(1, 4096), (2, 4096 + 64)] {
        let expected = [
            format!("create {number:08}.tmp"),
            format!("reserve {number:08}.tmp {SEGMENT_BYTES_MIN}"),
            format!("write {number:08}.tmp {SEGMENT_BYTES_MIN}"),
            format!("sync {number:08}.tmp"),
            format!("rename {number:08}.tmp {number:08}.seg"),
        ];
        assert_eq!(named(&format!("{number:08}.tmp")), expected.iter().collect::<Vec<_>>());
        let used = position(&steps, &format!("sync-range {number:08}.seg 0 {bytes}"));
        assert!(dir_synced(position(&steps, &expected[4]), used), "{steps:#?}");
    }
    let expected = [
        "create 00000001.sha256.tmp",
        "write 00000001.sha256.tmp 79",
        "sync 00000001.sha256.tmp",
        "rename 00000001.sha256.tmp 00000001.sha256",
    ];
    assert_eq!(named("00000001.sha256"), expected);
    assert!(position(&steps, "sync 00000001.seg") < position(&steps, expected[0]), "{steps:#?}");
    assert!(dir_synced(position(&steps, expected[3]), steps.len()), "{steps:#?}");
}

#[test]
fn what_a_killed_run_left_is_sealed_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), Durability::Pagecache, 3 * PER_SEGMENT + 5);
    let text = |name| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let before = [text("00000001.sha256"), text("00000003.sha256")];
    for name in ["00000001.sha256", "00000003.sha256"] {
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    let (run, device) = Run::watched(dir.path(), Durability::Pagecache);
    run.writer.close().unwrap();
    assert_eq!([text("00000001.sha256"), text("00000003.sha256")], before);
    let steps = device.take();
    let digest = position(&steps, "create 00000003.sha256.tmp");
    assert!(position(&steps, "sync 00000003.seg") < digest, "{steps:#?}");
    assert!(!steps.contains(&"sync 00000002.seg".into()), "sealed before");
}

#[test]
fn after_an_unclean_exit_the_end_is_synced_in_every_mode() {
    for durability in Durability::ALL {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), *durability, 5);
        let (run, device) = Run::watched(dir.path(), *durability);
        let end = 4096 + 5 * 64;
        assert!(device.has(&format!("sync-range 00000001.seg 0 {end}")), "{durability:?}");
        drop(run);
    }
}

/// Device that records the dirty bytes of each segment at the moment before its first sync.
#[derive(Debug, Default)]
struct DirtyBytes(Mutex<BTreeMap<String, u64>>);

impl Device for DirtyBytes {
    fn perform(&self, step: Step<'_>, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        if let Step::SyncFile(path) | Step::SyncRange(path, ..) = step
            && path.extension().is_some_and(|extension| extension == "seg")
        {
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            let bytes = dirty_bytes(path);
            self.0.lock().unwrap().entry(name).or_insert(bytes);
        }
        act()
    }
}

/// Number of bytes of a file that this process has stored through a mapping since they were written
/// back.
fn dirty_bytes(path: &Path) -> u64 {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut of_file = false;
    let mut kib = 0;
    for line in smaps.lines() {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        if !first.ends_with(':') {
            of_file = rest.ends_with(path.to_str().unwrap());
        } else if of_file && matches!(first, "Shared_Dirty:" | "Private_Dirty:") {
            kib += rest.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap();
        }
    }
    kib << 10
}

/// Dirty bytes of each segment before its first sync in the run after one that was killed in its
/// third segment. No page was dirty when that run began: a run that fails to sync leaves its pages
/// clean, too.
fn dirty_after_a_kill() -> BTreeMap<String, u64> {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), Durability::Pagecache, 2 * PER_SEGMENT + 130);
    for name in digests(dir.path()) {
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    for number in 1..=3 {
        let file = std::fs::File::open(dir.path().join(format!("{number:08}.seg"))).unwrap();
        file.sync_all().unwrap();
    }
    let device = Arc::new(DirtyBytes::default());
    let options = Options { device: device.clone(), ..options(dir.path(), Durability::Pagecache) };
    Run::open(&options).unwrap().writer.close().unwrap();
    device.0.lock().unwrap().clone()
}

#[test]
fn what_a_killed_run_left_is_stored_again_before_it_is_synced() {
    // The third segment is stored again up to its end, and its other pages are made writable, which
    // makes them dirty.
    let names = ["00000001.seg", "00000002.seg", "00000003.seg"];
    let whole = BTreeMap::from(names.map(|name| (name.to_string(), SEGMENT_BYTES_MIN)));
    // The kernel may write pages back between the store and the look at them, but not each time.
    let found: Vec<_> = (0..3).map(|_| dirty_after_a_kill()).collect();
    assert!(found.contains(&whole), "{found:?}");
}

#[test]
fn nothing_counts_under_fsync_before_all_before_it_is_on_the_device() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), Durability::Pagecache, 2 * PER_SEGMENT + 5);
    let begin = |durability| {
        for name in digests(dir.path()) {
            std::fs::remove_file(dir.path().join(name)).unwrap();
        }
        Run::watched(dir.path(), durability)
    };
    let check = |steps: &[String], end: u64| {
        for step in ["sync 00000001.seg", "sync 00000002.seg", "sync-dir .", "sync-dir .."] {
            position(steps, step);
        }
        position(steps, &format!("sync-range 00000003.seg 0 {end}"));
    };
    let (run, device) = begin(Durability::Fsync);
    check(&device.take(), 4096 + 5 * 64);
    assert_eq!(run.writer.synced(), SeqNo(2 * PER_SEGMENT + 5));
    run.writer.close().unwrap();

    let (mut run, device) = begin(Durability::Pagecache);
    run.append_all(1);
    assert_eq!(run.writer.synced(), SeqNo(0), "nothing is known of what earlier runs did");
    run.writer.set_durability(Durability::Fsync).unwrap();
    check(&device.take(), 4096 + 6 * 64);
    assert_eq!(run.writer.synced(), SeqNo(2 * PER_SEGMENT + 6));
    // Segments prepared in the other mode first get their length and name written to the device.
    run.append_all(PER_SEGMENT);
    let steps = device.take();
    let named = position(&steps, "sync 00000004.seg");
    let used = steps.iter().position(|step| step.starts_with("sync-range 00000004.seg 0"));
    assert!(named < used.unwrap(), "{steps:#?}");
    run.writer.close().unwrap();
}

#[test]
fn a_writer_that_is_given_up_leaves_what_is_full_to_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let (mut run, device) = Run::watched(dir.path(), Durability::Pagecache);
    device.hold(Some("sync 00000001.seg"));
    run.append_all(4 * PER_SEGMENT);
    let ends = std::thread::spawn(move || drop(run));
    std::thread::sleep(Duration::from_millis(300));
    device.hold(None);
    ends.join().unwrap();
    assert!(device.has("sync 00000001.seg") && !device.has("sync 00000002.seg"));
    assert_eq!(digests(dir.path()).len(), 0);
    let (run, device) = Run::watched(dir.path(), Durability::Pagecache);
    run.writer.close().unwrap();
    assert!(device.has("sync 00000001.seg") && device.has("sync 00000003.seg"));
    assert_eq!(digests(dir.path()).len(), 3);
}

#[test]
fn in_pagecache_mode_a_sealed_segment_is_known_to_be_on_the_device() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::open(&options(dir.path(), Durability::Pagecache)).unwrap();
    run.append_all(PER_SEGMENT);
    assert_eq!(run.writer.synced(), SeqNo(0));
    run.append_all(10);
    wait_until("synced", || run.writer.synced() == SeqNo(PER_SEGMENT));
    run.writer.sync_all().unwrap();
    assert_eq!(run.writer.synced(), SeqNo(PER_SEGMENT + 10));
    run.writer.close().unwrap();
}

#[test]
fn after_a_failed_sync_nothing_counts_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let (mut run, device) = Run::watched(dir.path(), Durability::Fsync);
    run.append_all(3);
    device.refuse("sync-range", IO_ERROR);
    run.append().unwrap();
    let error = run.writer.commit().unwrap_err().to_string();
    assert!(error.contains("00000001.seg") && error.contains("os error 5"), "{error}");
    device.accept();
    assert!(matches!(run.writer.commit(), Err(JournalError::Stopped)));
    assert!(matches!(run.append(), Err(JournalError::Stopped)));
    assert!(matches!(run.writer.sync_all(), Err(JournalError::Stopped)));
    assert!(matches!(run.writer.set_durability(Durability::Volatile), Err(JournalError::Stopped)));
    assert_eq!(run.writer.synced(), SeqNo(3));
    assert!(run.writer.close().is_err());
}

#[test]
fn a_segment_that_cannot_be_sealed_stops_the_writer_in_every_mode() {
    for durability in Durability::ALL {
        let dir = tempfile::tempdir().unwrap();
        let (mut run, device) = Run::watched(dir.path(), *durability);
        device.refuse("sync 00000001.seg", IO_ERROR);
        run.append_all(PER_SEGMENT);
        run.append().unwrap();
        wait_until("refused", || device.has("refused sync 00000001.seg"));
        let began = Instant::now();
        let error = loop {
            match run.writer.commit() {
                Ok(()) => assert!(began.elapsed() < PATIENCE, "{durability:?}"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("00000001.seg") && error.contains("os error 5"), "{error}");
        assert!(matches!(run.append(), Err(JournalError::Stopped)), "{durability:?}");
        assert_eq!(digests(dir.path()).len(), 0, "{durability:?}");
        assert!(run.writer.close().is_err());
    }
}

/// Writer in its second segment, with the third ready, and no space for a fourth.
fn short_of_space(dir: &Path) -> (Run, Arc<Watched>) {
    let (mut run, device) = Run::watched(dir, Durability::Pagecache);
    wait_until("two are ready", || device.has("rename 00000003.tmp"));
    device.refuse("reserve", NO_SPACE);
    let low = run.writer.low_space();
    assert!(!low.load(Ordering::Relaxed));
    run.append_all(PER_SEGMENT + 1);
    wait_until("low space", || low.load(Ordering::Relaxed));
    // The thread tries again and again: there is a part for a moment each time.
    wait_until("the part is removed", || {
        device.has("remove 00000004.tmp") && !dir.join("00000004.tmp").exists()
    });
    // The segment that is ready is still good.
    run.append_all(PER_SEGMENT);
    assert!(low.load(Ordering::Relaxed));
    (run, device)
}

#[test]
fn low_space_is_told_while_segments_are_left_and_goes_by() {
    let dir = tempfile::tempdir().unwrap();
    let (mut run, device) = short_of_space(dir.path());
    device.accept();
    let low = run.writer.low_space();
    wait_until("space again", || !low.load(Ordering::Relaxed));
    run.append_all(3 * PER_SEGMENT);
    run.writer.close().unwrap();
    assert_eq!(commands(dir.path()), 5 * PER_SEGMENT + 1);
}

#[test]
fn no_space_is_an_error_when_the_writer_needs_a_segment_and_the_next_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut run, _device) = short_of_space(dir.path());
    for _ in 1..PER_SEGMENT {
        run.append().unwrap();
    }
    let error = run.append().unwrap_err().to_string();
    assert!(error.contains("00000004.tmp") && error.contains("No space left"), "{error}");
    assert!(matches!(run.append(), Err(JournalError::Stopped)));
    assert!(matches!(run.writer.commit(), Err(JournalError::Stopped)));
    let written = run.seqno;
    drop(run);
    // The segment had already ended, and was not sealed; further frames go into the next one.
    assert_eq!(commands(dir.path()), written);
    write(dir.path(), Durability::Pagecache, 5);
    assert_eq!(commands(dir.path()), written + 5);
    let third = std::fs::read(dir.path().join("00000003.seg")).unwrap();
    let digest = std::fs::read_to_string(dir.path().join("00000003.sha256")).unwrap();
    use sha2::Digest;
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert!(digest.starts_with(&hex(&sha2::Sha256::digest(&third))));
}

#[test]
fn a_digest_without_space_comes_later() {
    let dir = tempfile::tempdir().unwrap();
    let (mut run, device) = Run::watched(dir.path(), Durability::Pagecache);
    device.refuse("write 00000001.sha256.tmp", NO_SPACE);
    run.append_all(PER_SEGMENT + 1);
    wait_until("refused", || device.has("refused write 00000001.sha256.tmp"));
    run.append_all(1);
    run.writer.sync_all().unwrap();
    device.accept();
    wait_until("the digest", || digests(dir.path()) == ["00000001.sha256"]);
    device.refuse("write 00000002.sha256.tmp", NO_SPACE);
    run.append_all(PER_SEGMENT);
    run.writer.close().unwrap();
    assert!(!digests(dir.path()).contains(&"00000002.sha256".into()));
    write(dir.path(), Durability::Pagecache, 1);
    assert!(digests(dir.path()).contains(&"00000002.sha256".into()));
}

#[test]
fn fsync_is_refused_where_it_is_an_empty_word() {
    let shared_memory = Path::new("/dev/shm");
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let is_tmpfs = mounts.lines().any(|line| line.contains(" /dev/shm tmpfs "));
    let dir = match is_tmpfs.then(|| tempfile::tempdir_in(shared_memory)) {
        Some(Ok(dir)) => dir,
        _ => return skipped("/dev/shm is no tmpfs that can be written to"),
    };
    let wanted =
        |durability, any_filesystem| Options { any_filesystem, ..options(dir.path(), durability) };
    let error = Run::open(&wanted(Durability::Fsync, false)).err().expect("it is refused");
    let text = error.to_string();
    assert!(matches!(error, JournalError::Filesystem { .. }), "{text}");
    for word in ["tmpfs", dir.path().to_str().unwrap(), "ext4", "journal.any_filesystem"] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    let mut run = Run::open(&wanted(Durability::Pagecache, false)).unwrap();
    assert!(run.writer.set_durability(Durability::Fsync).is_err());
    run.writer.close().unwrap();
    let run = Run::open(&wanted(Durability::Fsync, true)).unwrap();
    assert!(run.writer.notes()[0].contains("tmpfs"), "{:?}", run.writer.notes());
    run.writer.close().unwrap();
}

const CHILD: &str = "RINGSIDE_SEGMENTS_CHILD";

/// Runs a test of this file in a process of its own, which finds the folder in its environment.
fn in_child(test: &str, dir: &Path) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args([&format!("segments::{test}"), "--exact", "--nocapture"])
        .env(CHILD, dir)
        .output()
        .unwrap()
}

#[test]
fn a_store_into_a_shortened_file_names_the_file_and_the_byte() {
    let Some(dir) = std::env::var_os(CHILD) else {
        let dir = tempfile::tempdir().unwrap();
        let output =
            in_child("a_store_into_a_shortened_file_names_the_file_and_the_byte", dir.path());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}");
        let offset = text.split("ringside: 00000001.seg: bus error at offset ").nth(1);
        let offset = offset.unwrap_or_else(|| panic!("{text}")).split(':').next().unwrap();
        assert!((8192..8192 + 64).contains(&offset.parse::<u64>().unwrap()), "{text}");
        return;
    };
    let dir = Path::new(&dir);
    let mut run = Run::open(&options(dir, Durability::Volatile)).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(dir.join("00000001.seg")).unwrap();
    file.set_len(8192).unwrap();
    run.append_all(PER_SEGMENT);
}

#[test]
fn a_bus_error_of_somebody_else_is_still_a_crash() {
    use std::os::unix::process::ExitStatusExt;
    let Some(dir) = std::env::var_os(CHILD) else {
        let dir = tempfile::tempdir().unwrap();
        let output = in_child("a_bus_error_of_somebody_else_is_still_a_crash", dir.path());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(signal_hook::consts::SIGBUS), "{text}");
        assert!(!text.contains("bus error at offset"), "{text}");
        return;
    };
    let _run = Run::open(&options(Path::new(&dir), Durability::Volatile)).unwrap();
    signal_hook::low_level::raise(signal_hook::consts::SIGBUS).unwrap();
}
