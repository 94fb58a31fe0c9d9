//! State of the stored streams after a kill, a power cut, damage, or a full disk.

use crate::stored::flow::{BLOCK_BYTES, Flow, STREAMS_MAX, opened, options, rest};
use ringside_core::streams::{
    Options, Positions, PositionsImage as Image, Store, StoreError, StreamId, are_in,
};
use ringside_load::rng::Rng;
use ringside_model::domain::SeqNo;
use ringside_testing::run::{base_seed, skipped};
use ringside_testing::volume::{Mount, Volume};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn resumed_anywhere_the_same_appends_store_the_same_bytes() {
    const BATCHES: u64 = 400;
    let images = images(BATCHES);
    let dir = tempfile::tempdir().unwrap();
    let (straight, broken) = (dir.path().join("straight"), dir.path().join("broken"));
    let mut store = opened(&straight);
    store.clear().unwrap();
    Flow::new().write_to(&mut store, BATCHES);
    drop(store);
    let mut rng = Rng::new(base_seed());
    for round in 0..40 {
        let mut store = opened(&broken);
        let SeqNo(trusted) = store.trusted_to();
        let from = rng.below(trusted + 1);
        let mut flow = Flow::new();
        flow.skip_to(from);
        match from {
            0 => store.clear().unwrap(),
            _ => store.resume(&images[from as usize], SeqNo(from)).unwrap(),
        }
        assert_eq!(store.image(), images[from as usize]);
        let mut reader = store.reader();
        flow.check(&mut reader);
        let to = if round == 39 { BATCHES } else { from + rng.below(BATCHES - from + 1) };
        flow.write_to(&mut store, to);
        flow.check(&mut reader);
        // Appended but unpublished bytes may lie behind the end.
        if to < BATCHES {
            flow.append_batch(&mut [&mut store]);
        }
    }
    let last = &images[BATCHES as usize];
    assert!(last.next_block > 40);
    assert!(stored(&straight, last) == stored(&broken, last));
}

#[test]
fn a_store_is_resumed_again_from_an_older_image() {
    let dir = tempfile::tempdir().unwrap();
    let images = images(100);
    let mut store = opened(dir.path());
    store.clear().unwrap();
    Flow::new().write_to(&mut store, 100);
    drop(store);
    let mut store = opened(dir.path());
    for seqno in [80, 50] {
        store.resume(&images[seqno as usize], SeqNo(seqno)).unwrap();
    }
    let mut flow = Flow::new();
    flow.skip_to(50);
    flow.check(&mut store.reader());
    store.resume(&images[60], SeqNo(60)).unwrap_err();
    // What could not be resumed has no reader.
    let read = || store.reader().next_number(StreamId(0));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).unwrap_err();
    store.clear().unwrap();
    flow = Flow::new();
    flow.write_to(&mut store, 100);
    flow.check(&mut store.reader());
}

#[test]
fn a_killed_writer_loses_nothing_that_was_complete() {
    const CHILD: &str = "RINGSIDE_STREAMS_KILLED";
    if let Some(dir) = std::env::var_os(CHILD) {
        let mut store = opened(Path::new(&dir));
        store.clear().unwrap();
        let mut flow = Flow::new();
        loop {
            flow.write_batch(&mut store);
            println!("complete {}", flow.batches);
        }
    }
    for kill_at in [1, 7, 150, 1500] {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "stream_recovery::a_killed_writer_loses_nothing_that_was_complete",
                "--nocapture",
            ])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("complete ")?.parse::<u64>().ok())
            .find(|&batches| batches >= kill_at)
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let mut store = opened(dir.path());
        let SeqNo(trusted) = store.trusted_to();
        assert!(trusted >= told, "{trusted} {told}");
        let images = images(trusted);
        store.resume(&images[trusted as usize], SeqNo(trusted)).unwrap();
        let mut flow = Flow::new();
        flow.skip_to(trusted);
        flow.check(&mut store.reader());
        flow.write_to(&mut store, trusted + 50);
        flow.check(&mut store.reader());
    }
}

#[test]
fn after_another_boot_only_what_was_synced_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let images = images(100);
    let write = |from: u64, to: u64, sync_at: Option<u64>| {
        let mut store = opened(dir.path());
        store.resume(&images[from as usize], SeqNo(from)).unwrap();
        let mut flow = Flow::new();
        flow.skip_to(from);
        if let Some(sync_at) = sync_at {
            flow.write_to(&mut store, sync_at);
            assert_eq!(store.syncer().sync().unwrap(), SeqNo(sync_at));
        }
        flow.write_to(&mut store, to);
    };
    let trusted = || opened(dir.path()).trusted_to();
    write(0, 50, None);
    assert_eq!(trusted(), SeqNo(50));
    forget_boot(dir.path());
    assert_eq!(trusted(), SeqNo(0));
    write(0, 80, Some(60));
    assert_eq!(trusted(), SeqNo(80));
    forget_boot(dir.path());
    assert_eq!(trusted(), SeqNo(60));
    let error = opened(dir.path()).resume(&images[61], SeqNo(61)).unwrap_err();
    assert!(matches!(error, StoreError::Untrusted { trusted: 60, wanted: 61, .. }), "{error}");
    assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{error}");
    // Overwritten bytes no longer count as synced.
    write(40, 70, None);
    assert_eq!(trusted(), SeqNo(70));
    forget_boot(dir.path());
    assert_eq!(trusted(), SeqNo(40));
    write(40, 70, None);
    write(30, 30, None);
    assert_eq!(trusted(), SeqNo(30));
}

#[test]
fn a_power_cut_takes_nothing_that_was_synced() {
    let dir = tempfile::tempdir().unwrap();
    let mut volume = match Volume::make(dir.path(), &["mkfs.ext4", "-q"], 64 << 20) {
        Ok(volume) => volume,
        Err(why) => return skipped(format!("a power cut: {why}")),
    };
    let folder = volume.root().join("streams");
    let cut = |volume: &mut Volume, store: Store| {
        volume.cut_power();
        drop(store);
        volume.unmount();
        volume.mount();
        forget_boot(&folder);
        opened(&folder).trusted_to()
    };
    let images = images(600);
    let resumed = |from: u64| {
        let mut store = opened(&folder);
        store.resume(&images[from as usize], SeqNo(from)).unwrap();
        store
    };
    let mut synced = 0;
    for (sync_at, cut_at) in [(200, 350), (251, 302), (420, 600)] {
        let mut store = resumed(synced);
        let mut flow = Flow::new();
        flow.skip_to(synced);
        flow.check(&mut store.reader());
        flow.write_to(&mut store, sync_at);
        // Bytes that another process has stored are synced, too.
        drop(store);
        let mut store = resumed(sync_at);
        assert_eq!(store.syncer().sync().unwrap(), SeqNo(sync_at));
        synced = sync_at + 50;
        flow.write_to(&mut store, synced);
        assert_eq!(store.syncer().sync().unwrap(), SeqNo(synced));
        flow.write_to(&mut store, cut_at);
        assert_eq!(cut(&mut volume, store), SeqNo(synced));
    }
    // Before synced bytes are overwritten, the reduced trust is on the device.
    let older = resumed(synced - 100);
    assert_eq!(cut(&mut volume, older), SeqNo(synced - 100));
}

#[test]
fn damage_is_noticed_and_the_streams_can_be_made_again() {
    const BATCHES: u64 = 200;
    let image = images(BATCHES).pop().unwrap();
    let row = image.rows[0];
    let (file, offset) = (row.block as usize / 4, u64::from(row.block % 4) * BLOCK_BYTES as u64);
    type Damage<'a> = Box<dyn Fn(&Path) + 'a>;
    let over = |at: u64, bytes: &'static [u8]| -> Damage<'_> {
        Box::new(move |dir| write_over(&data_file(dir, file), offset + at, bytes))
    };
    let one_byte_less = |dir: &Path| {
        write_over(&data_file(dir, file), offset + 24, &(row.used - 1).to_le_bytes());
    };
    let resume_fails: Vec<(Damage<'_>, &str)> = vec![
        (over(0, &[0; 4]), "no header"),
        (over(4, &[9]), "not the block"),
        (over(8, &[0xFF]), "not the block"),
        (over(16, &[0xFF]), "not the block"),
        (over(24, &[0; 4]), "messages are missing"),
        (over(24, &[0xFF; 4]), "so many bytes"),
        (over(32, &[0xFF]), "messages are missing"),
        (Box::new(one_byte_less), "messages are missing"),
        (Box::new(|dir| std::fs::remove_file(data_file(dir, file)).unwrap()), "cannot open"),
        (Box::new(|dir| std::fs::remove_file(data_file(dir, 0)).unwrap()), "cannot open"),
        (Box::new(|dir| std::fs::write(data_file(dir, 1), "short").unwrap()), "has 5 bytes"),
    ];
    for (damage, why) in &resume_fails {
        let dir = tempfile::tempdir().unwrap();
        let mut store = opened(dir.path());
        store.clear().unwrap();
        Flow::new().write_to(&mut store, BATCHES);
        drop(store);
        damage(dir.path());
        let mut store = opened(dir.path());
        let error = store.resume(&image, SeqNo(BATCHES)).unwrap_err().to_string();
        let words = [why, dir.path().to_str().unwrap(), "journal"];
        assert!(words.iter().all(|word| error.contains(word)), "{why}: {error}");
        store.clear().unwrap();
        let mut flow = Flow::new();
        flow.write_to(&mut store, BATCHES);
        flow.check(&mut store.reader());
    }
}

#[test]
fn damage_behind_the_last_blocks_stops_who_reads_it() {
    /// Batches with several blocks of market data, whatever the seed.
    const BATCHES: u64 = 500;
    let images = images(BATCHES);
    let end = images.last().unwrap();
    let market_data = |image: &Image| image.rows.first().filter(|row| row.stream == 0).copied();
    let mut blocks = images.iter().filter_map(market_data).map(|row| row.block);
    let first = blocks.next().unwrap();
    // Block 0 names no next block by its number. A resume writes the header of the last block anew.
    let last = market_data(end).unwrap().block;
    let later = blocks.find(|&block| block > 0 && block != last).unwrap();
    // Neither a block itself nor the first one that has not begun can be the next block.
    let [itself, not_begun] = [later, end.next_block].map(|next| (next as u16).to_le_bytes());
    let of_first = [(0, [0, 0]), (4, [9, 9]), (20, [9, 9]), (25, [0xFF, 0])];
    let of_first = of_first.map(|(offset, bytes)| (first, offset, bytes));
    let of_later = [(later, 20, itself), (later, 20, not_begun)];
    for (block, offset, bytes) in of_first.into_iter().chain(of_later) {
        let (file, block_at) = (block as usize / 4, u64::from(block % 4) * BLOCK_BYTES as u64);
        let dir = tempfile::tempdir().unwrap();
        let mut store = opened(dir.path());
        store.clear().unwrap();
        Flow::new().write_to(&mut store, BATCHES);
        drop(store);
        write_over(&data_file(dir.path(), file), block_at + offset, &bytes);
        let mut store = opened(dir.path());
        store.resume(end, SeqNo(BATCHES)).unwrap();
        let mut reader = store.reader();
        let read = || rest(&mut reader, StreamId::MARKET_DATA, 1, BLOCK_BYTES);
        let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)) else {
            panic!("{bytes:?} at {offset} of block {block} is read");
        };
        let said = panic.downcast_ref::<String>().unwrap();
        for word in [data_file(dir.path(), file).to_str().unwrap(), "damaged", "streams-head"] {
            assert!(said.contains(word), "{offset}: {said}");
        }
    }
}

#[test]
fn files_without_their_head_are_removed() {
    let damages: &[fn(&Path)] = &[
        |head| std::fs::remove_file(head).unwrap(),
        |head| std::fs::write(head, "short").unwrap(),
        |head| write_over(head, 0, &[1]),
        |head| write_over(head, 8, &[2]),
        |head| write_over(head, 16, &[18]),
        |head| write_over(head, 32, &[1]),
        |head| write_over(head, 72, &[0xFF]),
        |head| write_over(head, 80, &[1]),
    ];
    for (number, damage) in damages.iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("streams-notes.dat");
        std::fs::write(&other, "not ours").unwrap();
        assert!(!are_in(dir.path()));
        let mut store = opened(dir.path());
        store.clear().unwrap();
        Flow::new().write_to(&mut store, 100);
        drop(store);
        assert!(are_in(dir.path()));
        assert_eq!(opened(dir.path()).trusted_to(), SeqNo(100));
        damage(&dir.path().join("streams-head"));
        assert_eq!(opened(dir.path()).trusted_to(), SeqNo(0), "damage {number}");
        assert!(!data_file(dir.path(), 0).exists() && other.exists(), "damage {number}");
    }
    // Files of another journal are removed.
    let dir = tempfile::tempdir().unwrap();
    let mut store = opened(dir.path());
    store.clear().unwrap();
    Flow::new().write_to(&mut store, 100);
    drop(store);
    let others = Options { identity: [17, 5], ..options(dir.path()) };
    assert_eq!(Store::open(&others).unwrap().trusted_to(), SeqNo(0));
    assert!(!data_file(dir.path(), 0).exists());
}

#[test]
fn a_head_is_removed_before_its_files() {
    let dir = tempfile::tempdir().unwrap();
    drop(opened(dir.path()));
    // A folder in the place of a file cannot be removed as a file.
    std::fs::create_dir(data_file(dir.path(), 0)).unwrap();
    let others = Options { identity: [17, 5], ..options(dir.path()) };
    let removal_fails = |path: &Path| {
        let error = Store::open(&others).err().unwrap().to_string();
        assert!(
            ["remove", path.to_str().unwrap()].iter().all(|word| error.contains(word)),
            "{error}"
        );
    };
    removal_fails(&data_file(dir.path(), 0));
    assert!(!are_in(dir.path()));
    let head = dir.path().join("streams-head");
    std::fs::create_dir(&head).unwrap();
    removal_fails(&head);
}

#[test]
fn a_full_disk_is_an_error_and_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["-t", "tmpfs", "-o", "size=900k", "none"];
    let mount = match Mount::new(&args, &dir.path().join("small")) {
        Ok(mount) => mount,
        Err(why) => return skipped(format!("a full disk: {why}")),
    };
    let mut store = opened(mount.root());
    store.clear().unwrap();
    let (mut flow, mut reader) = (Flow::new(), store.reader());
    let mut published = Flow::new();
    let error = loop {
        flow.append_batch(&mut [&mut store]);
        match store.publish() {
            Ok(()) => published.skip_to(flow.batches),
            Err(error) => break error.to_string(),
        }
        store.complete(SeqNo(flow.batches));
    };
    for word in [mount.root().to_str().unwrap(), "streams-", "space", "journal"] {
        assert!(error.contains(word), "{error}");
    }
    flow.append_batch(&mut [&mut store]);
    assert!(matches!(store.publish(), Err(StoreError::Stopped)));
    store.complete(SeqNo(flow.batches));
    published.check(&mut reader);
    drop((store, reader));
    assert!(published.batches > 10);
    assert_eq!(opened(mount.root()).trusted_to(), SeqNo(published.batches));
}

/// Returns the image of the positions after each batch of a history.
fn images(batches: u64) -> Vec<Image> {
    let (mut flow, mut positions) = (Flow::new(), Positions::new(STREAMS_MAX));
    let mut images = vec![positions.image()];
    for _ in 0..batches {
        flow.append_batch(&mut [&mut positions]);
        images.push(positions.image());
    }
    images
}

/// Returns the used blocks of all files, one behind the other.
fn stored(dir: &Path, image: &Image) -> Vec<u8> {
    let bytes = image.next_block as usize * BLOCK_BYTES;
    let files = (0..bytes.div_ceil(4 * BLOCK_BYTES)).map(|file| data_file(dir, file));
    let mut all: Vec<u8> = files.flat_map(|path| std::fs::read(path).unwrap()).collect();
    all.truncate(bytes);
    all
}

fn data_file(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("streams-{number:06}.dat"))
}

fn write_over(path: &Path, offset: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

/// Simulates a restart of the machine: the stored boot id becomes another one.
fn forget_boot(dir: &Path) {
    write_over(&dir.join("streams-head"), 48, &[7; 16]);
}
