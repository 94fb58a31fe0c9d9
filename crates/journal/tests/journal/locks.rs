//! Locks: neither the removal of a name nor a link lets a second writer in.

use crate::journal_runs::{self, recover_all};
use ringside_journal::{FileLock, JournalError, Lock, Options, Writer};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_model::frame::{Frame, FrameKind};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;

fn is_in_use(dir: &Path) -> bool {
    match Lock::take(dir) {
        Ok(_) => false,
        Err(error @ JournalError::InUse { .. }) => {
            let text = error.to_string();
            assert!(text.contains(&dir.display().to_string()) && text.contains("journal.dir"));
            true
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn removing_the_lock_file_lets_nobody_in() {
    let dir = tempfile::tempdir().unwrap();
    let lock = Lock::take(dir.path()).unwrap();
    assert!(is_in_use(dir.path()));
    std::fs::remove_file(dir.path().join("LOCK")).unwrap();
    assert!(is_in_use(dir.path()));
    drop(lock);
    assert!(!is_in_use(dir.path()));
}

#[test]
fn an_older_version_and_this_one_exclude_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let older = File::create(dir.path().join("LOCK")).unwrap();
    flock(&older, FlockOperation::NonBlockingLockExclusive).unwrap();
    assert!(is_in_use(dir.path()));
    flock(&older, FlockOperation::Unlock).unwrap();
    let _lock = Lock::take(dir.path()).unwrap();
    assert!(flock(&older, FlockOperation::NonBlockingLockExclusive).is_err());
}

#[test]
fn a_lock_file_that_is_a_link_is_refused_and_its_target_left_alone() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (target, nowhere) = (other.path().join("target"), other.path().join("nowhere"));
    std::fs::write(&target, "content").unwrap();
    let link = dir.path().join("LOCK");
    for to in [&target, &nowhere] {
        symlink(to, &link).unwrap();
        let error = Lock::take(dir.path()).err().expect("a link").to_string();
        assert!(error.contains("LOCK") && error.contains("remove the link"), "{error}");
        std::fs::remove_file(&link).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "content");
    assert!(!nowhere.exists());
    // Another name of a file, instead of a link to it.
    std::fs::hard_link(&target, &link).unwrap();
    drop(Lock::take(dir.path()).unwrap());
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "content");
}

#[test]
fn a_folder_is_locked_under_each_of_its_names() {
    let parent = tempfile::tempdir().unwrap();
    let [dir, moved, link] = ["journal", "moved", "link"].map(|name| parent.path().join(name));
    let lock = Lock::take(&dir).unwrap();
    symlink(&dir, &link).unwrap();
    assert!(is_in_use(&link));
    std::fs::rename(&dir, &moved).unwrap();
    assert!(is_in_use(&moved));
    // Another folder under the old name is another journal.
    assert!(!is_in_use(&dir));
    drop(lock);
    assert!(!is_in_use(&moved));
}

#[test]
fn a_writer_whose_folder_was_replaced_ends_and_writes_nothing_in_the_new_one() {
    let parent = tempfile::tempdir().unwrap();
    let [dir, moved] = ["journal", "moved"].map(|name| parent.path().join(name));
    let options = journal_runs::options(&dir, Durability::Pagecache);
    let options = Options { segments_last: u64::MAX, ..options };
    let (found, _, lock) = recover_all(&options).unwrap();
    let mut writer = Writer::open(options, lock, &found).unwrap();
    std::fs::rename(&dir, &moved).unwrap();
    std::fs::create_dir(&dir).unwrap();
    let mut crc = found.crc;
    let failed = (1..10_000).find_map(|seqno| {
        let mut frame = Frame::default();
        frame.write(FrameKind::Cancel, &[seqno]);
        crc = frame.seal(SeqNo(seqno), Nanos(seqno), crc);
        writer.append(&frame).err()
    });
    let error = failed.expect("the prepared segments are not enough");
    assert!(matches!(error, JournalError::Moved { .. }), "{error}");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
}

#[test]
fn the_lock_of_a_file_passes_to_the_file_that_replaces_it() {
    let dir = tempfile::tempdir().unwrap();
    let [path, next] = ["record", "record.tmp"].map(|name| dir.path().join(name));
    let is_locked = || FileLock::take(&path).is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
    assert_eq!(FileLock::take(&path).err().unwrap().kind(), ErrorKind::NotFound);
    std::fs::write(&path, "1").unwrap();
    let mut lock = FileLock::take(&path).unwrap();
    assert!(is_locked());
    std::fs::write(&next, "2").unwrap();
    lock.replace(&next, File::open(&next).unwrap()).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "2");
    assert!(is_locked());

    // Whoever lost the name replaces nothing.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "other").unwrap();
    let _other = FileLock::take(&path).unwrap();
    std::fs::write(&next, "3").unwrap();
    assert!(lock.replace(&next, File::open(&next).unwrap()).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "other");

    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(FileLock::take(&link).is_err_and(|error| error.kind() != ErrorKind::WouldBlock));
}
