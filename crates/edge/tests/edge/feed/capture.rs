//! Capture file: holds the stream from its first message, whatever an earlier process left of the
//! file.

use super::wire::{blocks, filled, publish};
use ringside_core::streams::Store;
use ringside_edge::feed::capture::{Capture, CaptureError};
use std::path::{Path, PathBuf};

const END: [u8; 2] = [0, 0];

fn file(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("feed.itch")
}

/// Writes until the file has everything and its end; returns the content.
fn finish(
    path: &Path,
    reader: ringside_core::streams::StreamReader,
) -> Result<Vec<u8>, CaptureError> {
    let mut capture = Capture::open(path, reader)?;
    capture.end_session();
    while capture.step()? {}
    assert!(capture.is_ended());
    Ok(std::fs::read(path).unwrap())
}

#[test]
fn a_file_follows_the_stream() {
    let blocks = blocks(31, 3_000);
    let dir = tempfile::tempdir().unwrap();
    let (mut store, reader) = Store::in_memory();
    let mut capture = Capture::open(&file(&dir), reader.clone()).unwrap();
    for (index, piece) in blocks.chunks(250).enumerate() {
        publish(&mut store, piece);
        while capture.step().unwrap() {}
        let so_far = blocks[..(index + 1) * 250].concat();
        assert_eq!(std::fs::read(file(&dir)).unwrap(), so_far);
        assert!(!capture.is_ended());
        // Sometimes the process restarts.
        if index % 3 == 0 {
            drop(capture);
            capture = Capture::open(&file(&dir), reader.clone()).unwrap();
        }
    }
    capture.end_session();
    while capture.step().unwrap() {}
    assert!(capture.is_ended());
    let whole = [&blocks.concat()[..], &END].concat();
    assert_eq!(std::fs::read(file(&dir)).unwrap(), whole);
    // A process that starts after the end finds nothing to do.
    drop(capture);
    assert_eq!(finish(&file(&dir), reader.clone()).unwrap(), whole);
    // The session goes on after all.
    let more = &super::wire::blocks(32, 30)[10..];
    publish(&mut store, more);
    let whole = [&blocks.concat()[..], &more.concat(), &END].concat();
    assert_eq!(finish(&file(&dir), reader).unwrap(), whole);
}

/// The file ends at any byte, with nothing or with zeros after it, and is then completed as the
/// stream.
#[test]
fn a_torn_file_goes_on() {
    let blocks = blocks(33, 40);
    let whole = blocks.concat();
    let ended = [&whole[..], &END].concat();
    let dir = tempfile::tempdir().unwrap();
    let (_store, reader) = filled(&blocks);
    for cut in 0..=ended.len() {
        for zeros in [0, 1, 2, 3, 100, 70_000] {
            // A file with nothing but zeros may be anything.
            if zeros == 70_000 && (cut < blocks[0].len() || cut % 20 > 0) {
                continue;
            }
            // Write a new file: the kernel writes an overwritten file to the device at once.
            let _ = std::fs::remove_file(file(&dir));
            std::fs::write(file(&dir), [&ended[..cut], &vec![0; zeros]].concat()).unwrap();
            let mut capture = Capture::open(&file(&dir), reader.clone()).unwrap();
            while capture.step().unwrap() {}
            let found = std::fs::read(file(&dir)).unwrap();
            assert!(found == whole, "cut at {cut} and {zeros} zeros");
        }
    }
    // A length without that many bytes after it.
    std::fs::write(file(&dir), [&whole[..], &[0, 30, 1, 2, 3]].concat()).unwrap();
    assert_eq!(finish(&file(&dir), reader).unwrap(), ended);
}

/// A file of something else is refused and not changed.
#[test]
fn another_file_is_refused() {
    let blocks = blocks(34, 200);
    let dir = tempfile::tempdir().unwrap();
    let (_store, reader) = filled(&blocks);
    let mut late = blocks.clone();
    late[150][5] ^= 1;
    let mut long = late[..150].concat();
    long.extend_from_slice(&[0, 3, 1, 2, 3]);
    let offset = blocks[..150].concat().len() as u64;
    let files: [(Vec<u8>, u64, u64); 7] = [
        (super::wire::blocks(35, 200).concat(), 1, 0),
        (late.concat(), 151, offset),
        (long, 151, offset),
        (b"# a file of notes that is not to be lost\n".to_vec(), 1, 0),
        (vec![0; 1 << 17], 1, 0),
        ([&[0; 100][..], b"."].concat(), 1, 0),
        (b"\0".iter().chain(b"x").copied().collect(), 1, 0),
    ];
    for (index, (bytes, number, offset)) in files.iter().enumerate() {
        std::fs::write(file(&dir), bytes).unwrap();
        let error = finish(&file(&dir), reader.clone()).unwrap_err();
        let CaptureError::OtherFeed { number: found, offset: at, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((found, at), (number, offset), "file {index}");
        assert_eq!(std::fs::read(file(&dir)).unwrap(), *bytes, "file {index}");
    }
}

/// A stream that is built again may be behind the file: nothing changes before the stream has
/// caught up.
#[test]
fn the_stream_may_be_behind() {
    let blocks = blocks(36, 300);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(file(&dir), blocks[..200].concat()).unwrap();
    let (mut store, reader) = Store::in_memory();
    let mut capture = Capture::open(&file(&dir), reader).unwrap();
    for piece in blocks.chunks(50) {
        assert!(!capture.step().unwrap());
        publish(&mut store, piece);
        while capture.step().unwrap() {}
        let length = std::fs::metadata(file(&dir)).unwrap().len();
        assert!(length as usize >= blocks[..200].concat().len());
    }
    assert_eq!(std::fs::read(file(&dir)).unwrap(), blocks.concat());
    // At the end the file may not have more than the stream.
    drop(capture);
    let (_store, shorter) = filled(&blocks[..299]);
    let mut capture = Capture::open(&file(&dir), shorter).unwrap();
    assert!(!capture.step().unwrap());
    capture.end_session();
    assert!(matches!(capture.step(), Err(CaptureError::OtherFeed { number: 300, .. })));
}

#[test]
fn one_process_writes() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, reader) = filled(&blocks(37, 10));
    let capture = Capture::open(&file(&dir), reader.clone()).unwrap();
    let second = Capture::open(&file(&dir), reader.clone());
    assert!(matches!(second, Err(CaptureError::InUse(_))));
    drop(capture);
    assert!(Capture::open(&file(&dir), reader.clone()).is_ok());
    let nowhere = Capture::open(&dir.path().join("no/feed.itch"), reader);
    assert!(matches!(nowhere, Err(CaptureError::Io { .. })));
}
