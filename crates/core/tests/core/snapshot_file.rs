//! Snapshots: a venue continues from one, and a damaged or changed file is never accepted.
//!
//! `RINGSIDE_EVERY_BIT=1` flips every bit of a file instead of a part of the bits.

use ringside_core::recovery::snapshot::{Entry, Snapshot, SnapshotError, SnapshotFault, list};
use ringside_core::registry::directory::Directory;
use ringside_core::registry::exposure::TradedRow;
use ringside_core::registry::used_ids::UsedIds;
use ringside_core::streams::{Day, Positions, SessionRow, StreamId, StreamSink, StreamsImage};
use ringside_engine::{Engine, Image};
use ringside_journal::{Identity, LogPlace, Position};
use ringside_model::command::Sequenced;
use ringside_model::domain::{Nanos, RiskScope, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::HashProbe;
use ringside_testing::oracle::commands::{DEEP, MIXED, Profile, stream};
use std::path::{Path, PathBuf};

const IDENTITY: Identity = Identity { semantics: 1, config_hash: 7 };
const HEADER_BYTES: usize = 128;
const SECTION_HEADER_BYTES: usize = 16;

/// A venue without a journal.
struct Venue {
    engine: Engine,
    directory: Directory,
    seqno: SeqNo,
}

impl Venue {
    fn after(commands: &[Sequenced]) -> Self {
        let (engine, directory) = (Engine::new(4), Directory::new());
        let mut venue = Venue { engine, directory, seqno: SeqNo(0) };
        venue.apply(commands);
        venue
    }

    fn apply(&mut self, commands: &[Sequenced]) {
        self.engine.apply_batch(commands, &mut vec![]);
        for Sequenced { command, seqno, .. } in commands {
            self.directory.observe(command);
            self.seqno = *seqno;
        }
    }

    fn snapshot(&self) -> Snapshot {
        let state = self.engine.state_hash();
        Snapshot {
            place: LogPlace {
                position: Position { segment: 3, offset: 8_192 },
                seqno: self.seqno,
                time: Nanos(u64::MAX - 5),
                crc: 0xDEAD_BEEF,
                epoch: 17,
            },
            durability: Durability::Fsync,
            probe: HashProbe {
                seqno: self.seqno.0,
                reports: 12_345,
                state: [state as u64, (state >> 64) as u64],
                output: [1, u64::MAX],
            },
            image: self.engine.image(),
            probe_interval: 1 << 20,
            rules: self.directory.rules().clone(),
            used_ids: self.directory.used_ids().rows(),
            streams: self.streams(),
            traded: self.traded(),
            trades: self.trades(),
        }
    }

    /// Returns rows of traded quantities, made up from the seqno.
    fn traded(&self) -> Vec<TradedRow> {
        let row = |number: u32| TradedRow {
            scope: RiskScope::Firm as u32,
            number,
            low: self.seqno.0,
            high: number.into(),
        };
        (1..(3 + self.seqno.0 as u32 % 9)).map(row).collect()
    }

    /// Returns the bytes of trades, made up from the seqno: each of their numbers is one byte.
    fn trades(&self) -> Vec<u8> {
        let bytes = vec![1; 7 * (1 + self.seqno.0 as usize % 9)];
        [&(bytes.len() as u32).to_le_bytes(), &bytes[..]].concat()
    }

    /// Returns the image of the streams as if every third command had sent a message to one of
    /// them.
    fn streams(&self) -> StreamsImage {
        let mut positions = Positions::new(64);
        for n in 0..self.seqno.0 / 3 {
            positions.append(StreamId((n * n % 7) as u32), &[0, 2, b'S', n as u8]);
        }
        let row = |session: u32| SessionRow { session, consumed: session * 1000 };
        let sessions = (1..self.seqno.0 as u32 % 5).map(row).collect();
        let day = Day { began: Nanos(77), ended: Nanos(0) };
        StreamsImage { positions: positions.image(), sessions, day }
    }

    fn store(&self, dir: &Path) -> PathBuf {
        self.snapshot().store(dir, IDENTITY).expect("a good snapshot").path
    }
}

/// Returns the directory of a gateway that starts from a snapshot.
fn restored_directory(snapshot: &Snapshot, used_ids: UsedIds) -> Directory {
    let mut directory = Directory::new();
    directory.resume(&snapshot.image.definitions, used_ids);
    snapshot.rules.commands().iter().for_each(|command| directory.observe(command));
    directory
}

/// Returns commands of a venue that has all kinds of them, numbered without an end.
fn commands(count: usize) -> Vec<Sequenced> {
    stream(Profile { live: 30, ..MIXED }, 5, count)
}

/// Returns the commands of a venue with many live orders.
fn deep() -> Vec<Sequenced> {
    stream(Profile { live: 1_000, ..DEEP }, 9, 4_000)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn seqnos(dir: &Path) -> Vec<u64> {
    list(dir, IDENTITY).entries.iter().map(|entry| entry.seqno.0).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let names = std::fs::read_dir(dir).unwrap().map(name);
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_venue_goes_on_from_what_was_stored() {
    for commands in [deep(), commands(3_000)] {
        let (past, future) = commands.split_at(2_000);
        let mut venue = Venue::after(past);
        let (dir, snapshot) = (folder(), venue.snapshot());
        let stored = snapshot.store(dir.path(), IDENTITY).unwrap();
        assert_eq!(stored.bytes, std::fs::metadata(&stored.path).unwrap().len());

        let listing = list(dir.path(), IDENTITY);
        let [entry] = &listing.entries[..] else { panic!("{listing:?}") };
        assert_eq!((&entry.path, entry.seqno), (&stored.path, venue.seqno));
        assert_eq!((entry.state, listing.damage.len()), (venue.engine.state_hash(), 0));
        let read = entry.read(IDENTITY).unwrap();
        assert_eq!(read, snapshot);

        for shards in [1, 2, 3, 8] {
            let restored = read.restore(shards, 0).unwrap();
            assert_eq!(restored.engines.len(), shards as usize);
            assert_eq!(Image::merge(restored.engines.iter().map(Engine::image)), snapshot.image);
            assert_eq!(&restored.used_ids, venue.directory.used_ids());
        }
        let mut restored = read.restore(1, 0).unwrap();
        let mut again = Venue {
            engine: restored.engines.remove(0),
            directory: restored_directory(&snapshot, restored.used_ids),
            seqno: read.place.seqno,
        };
        again.apply(future);
        venue.apply(future);
        assert_eq!(again.snapshot(), venue.snapshot());
    }
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let dir = folder();
    let mut bytes = std::fs::read(Venue::after(&deep()).store(dir.path())).unwrap();
    assert!(bytes.len() >= 64 << 10, "{} bytes", bytes.len());
    Snapshot::from_bytes(&bytes, IDENTITY).expect("whole as it is");
    let every = std::env::var("RINGSIDE_EVERY_BIT").is_ok_and(|value| value == "1");
    let headers = header_bytes(&bytes);
    for at in (0..bytes.len()).filter(|at| every || at % 16 == 0 || headers.contains(at)) {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            assert!(Snapshot::from_bytes(&bytes, IDENTITY).is_err(), "byte {at}, bit {bit}");
            bytes[at] ^= 1 << bit;
        }
    }
}

/// Returns the offsets of the bytes in the header, in the section headers and in the end.
fn header_bytes(bytes: &[u8]) -> std::collections::HashSet<usize> {
    let mut found: std::collections::HashSet<usize> = (0..HEADER_BYTES).collect();
    let (mut at, mut sections) = (HEADER_BYTES, 0);
    while at < bytes.len() {
        let content = at + SECTION_HEADER_BYTES;
        let length = u64::from_le_bytes(bytes[at + 8..content].try_into().unwrap()) as usize;
        found.extend(at..content);
        at = content + length;
        sections += 1;
    }
    found.extend(bytes.len() - 4..bytes.len());
    assert_eq!((at, sections), (bytes.len(), 19));
    found
}

#[test]
fn no_cut_goes_unnoticed() {
    let dir = folder();
    let mut bytes = std::fs::read(Venue::after(&deep()).store(dir.path())).unwrap();
    for length in 0..bytes.len() {
        let error = Snapshot::from_bytes(&bytes[..length], IDENTITY).err();
        assert!(matches!(error, Some(SnapshotFault::Damaged(_))), "{length} bytes: {error:?}");
    }
    bytes.push(0);
    assert!(Snapshot::from_bytes(&bytes, IDENTITY).is_err(), "a byte too much");
}

#[test]
fn equal_states_are_equal_files() {
    let commands = commands(2_500);
    let snapshot = Venue::after(&commands).snapshot();
    let earlier = Venue::after(&commands[..1_000]).snapshot();
    let restored = earlier.restore(1, 0).unwrap();
    let engine = restored.engines.into_iter().next().unwrap();
    let mut again = Venue {
        engine,
        directory: restored_directory(&earlier, restored.used_ids),
        seqno: SeqNo(0),
    };
    again.apply(&commands[1_000..]);
    let mut sharded = snapshot.clone();
    let engines = snapshot.restore(8, 100).unwrap().engines;
    sharded.image = Image::merge(engines.iter().rev().map(Engine::image));

    let file = |snapshot: &Snapshot| {
        let dir = folder();
        std::fs::read(snapshot.store(dir.path(), IDENTITY).unwrap().path).unwrap()
    };
    let bytes = file(&snapshot);
    assert!(bytes == file(&again.snapshot()), "after a restart");
    assert!(bytes == file(&sharded), "of eight shards");
    assert!(bytes != file(&Venue::after(&commands[..2_400]).snapshot()), "another state");
}

#[test]
fn a_lie_with_correct_checksums_is_refused() {
    type Alter = fn(&mut Snapshot);
    let lies: [Alter; 13] = [
        |s| s.image.orders[4].open += 100,
        |s| s.image.orders[4].id ^= 1 << 40,
        |s| _ = s.image.orders.remove(4),
        |s| s.image.last_prices[0].1.0 += 1,
        |s| _ = s.image.definitions.remove(0),
        |s| s.image.orders.swap(0, 1),
        |s| s.used_ids.blocks[0].used = 0,
        |s| s.traded.swap(0, 1),
        |s| (s.traded[1].low, s.traded[1].high) = (0, 0),
        |s| s.traded[1].scope = 4,
        |s| s.traded[1].number = 70_000,
        |s| s.trades.push(1),
        |s| s.trades[4 + 6] |= 0x80,
    ];
    let honest = Venue::after(&commands(2_500)).snapshot();
    let dir = folder();
    for (i, lie) in lies.into_iter().enumerate() {
        let mut snapshot = honest.clone();
        lie(&mut snapshot);
        let error = snapshot.store(dir.path(), IDENTITY).expect_err("a lie");
        assert!(i > 2 || matches!(error.fault, SnapshotFault::Diverged { .. }), "{error}");
        assert!(error.to_string().contains("snapshot-0000"), "{error}");
        assert_eq!(names(dir.path()), ["SNAPSHOTS"], "nothing stays");
    }

    // The same lie in place of an honest file.
    let path = honest.store(dir.path(), IDENTITY).unwrap().path;
    let mut liar = honest.clone();
    liar.image.orders[4].open += 100;
    let mut bytes = vec![];
    liar.write_to(&mut bytes, IDENTITY).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let read = Snapshot::read(&path, IDENTITY).expect("its checksums are right");
    for shards in [1, 3] {
        let fault = read.restore(shards, 0).err().expect("a lie");
        assert!(matches!(fault, SnapshotFault::Diverged { .. }), "{fault}");
    }
    let error = list(dir.path(), IDENTITY).entries[0].read(IDENTITY).expect_err("another file");
    assert!(matches!(error.fault, SnapshotFault::Damaged(_)), "{error}");
}

#[test]
fn what_does_not_fit_names_both_values() {
    let dir = folder();
    let path = Venue::after(&commands(500)).store(dir.path());
    let others = [
        (Identity { semantics: 0xA, ..IDENTITY }, "the semantics version is 0x1", "want 0xa"),
        (Identity { config_hash: 0xB, ..IDENTITY }, "the config hash is 0x7", "want 0xb"),
    ];
    for (identity, found, wanted) in others {
        let error = Snapshot::read(&path, identity).expect_err("of another venue");
        let text = error.to_string();
        assert!(matches!(error.fault, SnapshotFault::Mismatch { .. }), "{text}");
        assert!(text.contains(found) && text.contains(wanted), "{text}");
        assert!(text.starts_with(&path.display().to_string()), "{text}");
    }
    let missing = Snapshot::read(&dir.path().join("nothing"), IDENTITY).expect_err("no file");
    assert!(matches!(missing, SnapshotError { fault: SnapshotFault::Io { .. }, .. }), "{missing}");
}

#[test]
fn three_are_kept() {
    let (dir, commands) = (folder(), commands(2_500));
    let dir = dir.path();
    let mut taken = vec![];
    for count in [1_000, 1_200, 1_400, 1_600, 1_800] {
        let venue = Venue::after(&commands[..count]);
        venue.store(dir);
        taken.insert(0, venue.seqno.0);
        assert_eq!(seqnos(dir), taken[..taken.len().min(3)]);
        assert_eq!(names(dir).len(), taken.len().min(3) + 1, "and the manifest");
    }
    // Storing the same snapshot again changes nothing.
    Venue::after(&commands[..1_800]).store(dir);
    assert_eq!(seqnos(dir), taken[..3]);

    // Temporary files of stopped processes: one is older than the newest snapshot, one is newer.
    let (old, new) = (dir.join("snapshot-000000000007.tmp"), dir.join("snapshot-999999999999.tmp"));
    let unnamed = dir.join("snapshot-000000000008.snap");
    let others = [dir.join("snapshot-8.snap"), dir.join("00000001.seg"), dir.join("notes.tmp")];
    for path in [&old, &new, &unnamed].into_iter().chain(&others) {
        std::fs::write(path, "x").unwrap();
    }
    // A snapshot that was taken so slowly that newer ones exist stays, too.
    let late = Venue::after(&commands[..900]);
    let path = late.store(dir);
    assert!(path.exists() && new.exists() && !old.exists() && !unnamed.exists());
    assert!(others.iter().all(|path| path.exists()), "not ours");
    assert_eq!(seqnos(dir), [taken[0], taken[1], late.seqno.0]);
}

#[test]
fn a_damaged_manifest_is_noticed_and_replaced_by_the_files() {
    let (dir, commands) = (folder(), commands(2_000));
    let dir = dir.path();
    Venue::after(&commands[..300]).store(dir);
    Venue::after(&commands[..500]).store(dir);
    let manifest = dir.join("SNAPSHOTS");
    let whole = std::fs::read(&manifest).unwrap();
    let expected = list(dir, IDENTITY).entries;
    assert_eq!(expected.len(), 2);
    let check = |bytes: Option<&[u8]>, what: String| {
        match bytes {
            Some(bytes) => std::fs::write(&manifest, bytes).unwrap(),
            None => std::fs::remove_file(&manifest).unwrap(),
        }
        let listing = list(dir, IDENTITY);
        assert_eq!(listing.entries, expected, "{what}");
        assert_eq!(listing.damage.len(), 1, "{what}");
        assert!(listing.damage[0].contains("SNAPSHOTS"), "{what}: {listing:?}");
    };
    for bit in 0..whole.len() * 8 {
        let mut altered = whole.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        check(Some(&altered), format!("bit {bit}"));
    }
    for length in 0..whole.len() {
        check(Some(&whole[..length]), format!("{length} bytes"));
    }
    let doubled = [&whole[..], &whole[..]].concat();
    check(Some(&doubled), "twice".into());
    check(None, "missing".into());

    // Unreadable files are reported and left out, and the next snapshot repairs the manifest.
    std::fs::write(&manifest, "?").unwrap();
    let Entry { path, .. } = &expected[1];
    std::fs::write(path, "no snapshot").unwrap();
    let listing = list(dir, IDENTITY);
    assert_eq!((&listing.entries[..], listing.damage.len()), (&expected[..1], 2), "{listing:?}");
    let newest = Venue::after(&commands[..700]);
    newest.store(dir);
    let healed = list(dir, IDENTITY);
    assert_eq!((healed.entries.len(), healed.damage.len()), (2, 0), "{healed:?}");
    assert_eq!(healed.entries[0].seqno, newest.seqno);

    // A file in the manifest is missing.
    std::fs::remove_file(&expected[0].path).unwrap();
    let listing = list(dir, IDENTITY);
    assert_eq!((listing.entries.len(), listing.damage.len()), (1, 1), "{listing:?}");
    assert!(list(&dir.join("nowhere"), IDENTITY).entries.is_empty());
}

#[test]
fn two_that_take_snapshots_wait_for_each_other() {
    let (dir, commands) = (folder(), commands(2_000));
    let counts: Vec<usize> = (500..2_000).step_by(100).collect();
    std::thread::scope(|scope| {
        for part in counts.chunks(4) {
            let (dir, commands) = (dir.path(), &commands);
            scope.spawn(move || {
                for &count in part {
                    Venue::after(&commands[..count]).store(dir);
                }
            });
        }
    });
    let listing = list(dir.path(), IDENTITY);
    assert_eq!((listing.entries.len(), listing.damage.len()), (3, 0), "{listing:?}");
    for entry in &listing.entries {
        entry.read(IDENTITY).unwrap().restore(2, 0).unwrap();
    }
    assert_eq!(listing.entries[0].seqno, commands[1_899].seqno);
}

/// The lock is on the manifest: there is no other file to remove, and a link is not followed.
#[test]
fn a_manifest_that_is_a_link_is_refused_and_its_target_left_alone() {
    let (dir, other) = (folder(), folder());
    let target = other.path().join("target");
    std::fs::write(&target, "content").unwrap();
    std::os::unix::fs::symlink(&target, dir.path().join("SNAPSHOTS")).unwrap();
    let error = Venue::after(&commands(500)).snapshot().store(dir.path(), IDENTITY);
    assert!(error.is_err_and(|error| error.to_string().contains("SNAPSHOTS")));
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "content");
}
