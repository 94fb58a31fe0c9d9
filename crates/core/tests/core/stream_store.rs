//! The stored streams compared with a model that computes every message from its stream and number.

use crate::stored::flow::{FILE_BYTES, Flow, STREAMS_MAX, all_streams, message, opened, rest};
use ringside_core::streams::{Positions, Store, StreamId, StreamReader, StreamSink};
use ringside_load::rng::Rng;
use ringside_model::domain::SeqNo;
use ringside_testing::patience::PATIENCE;
use ringside_testing::run::base_seed;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Instant;

#[test]
fn every_message_is_found_by_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Rng::new(base_seed());
    let mut store = opened(dir.path());
    store.clear().unwrap();
    let (mut flow, mut reader) = (Flow::new(), store.reader());
    let mut early: BTreeMap<_, _> =
        all_streams().map(|stream| (stream, reader.cursor(stream, 1).unwrap())).collect();
    for _ in 0..300 {
        flow.write_batch(&mut store);
        let stream = all_streams().nth(rng.below(21) as usize).unwrap();
        let next = flow.next_number(stream);
        assert_eq!(reader.cursor(stream, 0), None);
        assert_eq!(reader.cursor(stream, next + 1), None);
        let number = 1 + rng.below(next);
        let piece_max = 1 + rng.below(400) as usize;
        let expected: Vec<u8> = (number..next).flat_map(|n| message(stream, n)).collect();
        let found = rest(&mut reader, stream, number, piece_max);
        assert!(found == expected, "{stream:?} from {number} of {next}");
    }
    flow.check(&mut reader);
    for stream in all_streams() {
        for number in (1..flow.next_number(stream)).rev() {
            let mut cursor = reader.cursor(stream, number).unwrap();
            assert!(reader.bytes(&mut cursor).starts_with(&message(stream, number)));
        }
        // A cursor that was made before the first message finds it.
        let expected = message(stream, 1);
        assert!(reader.bytes(early.get_mut(&stream).unwrap()).starts_with(&expected));
    }
    assert_eq!(reader.next_number(StreamId(STREAMS_MAX)), 1);
    assert!(
        store.has_room_for(StreamId(STREAMS_MAX - 1)) && store.has_room_for(StreamId::OPERATOR)
    );
    assert!(!store.has_room_for(StreamId(STREAMS_MAX)));
}

#[test]
fn only_what_is_published_is_seen() {
    let (mut store, mut reader) = Store::in_memory();
    let mut cursor = reader.cursor(StreamId(3), 1).unwrap();
    let touched = |reader: &mut StreamReader| {
        let mut streams = vec![];
        reader.take_touched(|stream| streams.push(stream));
        streams
    };
    let before = reader.published();
    for number in 1..500 {
        store.append(StreamId(3), &message(StreamId(3), number));
    }
    assert_eq!((reader.published(), reader.next_number(StreamId(3))), (before, 1));
    assert!(reader.bytes(&mut cursor).is_empty());
    assert_eq!(touched(&mut reader), []);
    store.publish().unwrap();
    let after = reader.published();
    assert_ne!(after, before);
    assert_eq!(reader.next_number(StreamId(3)), 500);
    assert_eq!(touched(&mut reader), [StreamId(3)]);
    assert_eq!(touched(&mut reader), []);
    store.append(StreamId(100), &message(StreamId(100), 1));
    store.append(StreamId::OPERATOR, &message(StreamId::OPERATOR, 1));
    store.publish().unwrap();
    assert_eq!(touched(&mut reader), [StreamId(100), StreamId::OPERATOR]);
    let last = reader.published();
    store.publish().unwrap();
    assert_eq!(reader.published(), last);
    // The end of a batch publishes, too.
    store.append(StreamId(3), &message(StreamId(3), 500));
    store.end_batch(SeqNo(1));
    assert_eq!(reader.next_number(StreamId(3)), 501);
}

#[test]
fn readers_follow_the_writer() {
    const BATCHES: u64 = 4000;
    let dir = tempfile::tempdir().unwrap();
    let mut store = opened(dir.path());
    store.clear().unwrap();
    let reader = store.reader();
    let mut whole = Flow::new();
    whole.skip_to(BATCHES);
    std::thread::scope(|scope| {
        for by_bits in [true, false] {
            let (mut reader, whole) = (reader.clone(), &whole);
            scope.spawn(move || follow(&mut reader, whole, by_bits));
        }
        scope.spawn(move || Flow::new().write_to(&mut store, BATCHES));
    });
}

/// The memory of a day of any length is that of the newest files, and of the part that was read
/// most recently.
#[test]
fn a_long_day_does_not_stay_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = opened(dir.path());
    store.clear().unwrap();
    let (mut flow, mut reader) = (Flow::new(), store.reader());
    // The last block of a stream may lie in any file, and a page that is read brings its neighbours
    // into memory.
    let most = (3 + u64::from(STREAMS_MAX)) * FILE_BYTES;
    for batches in [4000, 4200] {
        flow.write_to(&mut store, batches);
        let (mapped, resident) = mapped_and_resident(dir.path());
        assert!(mapped > 5 * most, "{mapped} bytes are too few");
        assert!(resident < most, "{resident} bytes of {mapped}");
        flow.check(&mut reader);
        let (_, resident) = mapped_and_resident(dir.path());
        assert!(resident > 2 * most, "{resident} bytes of {mapped}, and all of them were read");
    }
    drop((store, reader));
    assert_eq!(mapped_and_resident(dir.path()), (0, 0), "nobody maps the files any more");
}

/// A reader that begins with the first message of a long day does not read the whole day.
#[test]
fn the_first_message_is_found_without_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = opened(dir.path());
    store.clear().unwrap();
    let mut flow = Flow::new();
    flow.write_to(&mut store, 4000);
    let image = store.image();
    drop(store);
    let mut store = opened(dir.path());
    store.resume(&image, SeqNo(4000)).unwrap();
    let mut reader = store.reader();
    let (mapped, before) = mapped_and_resident(dir.path());
    for stream in [StreamId::MARKET_DATA, StreamId::OPERATOR] {
        let mut cursor = reader.cursor(stream, 1).unwrap();
        assert!(reader.bytes(&mut cursor).starts_with(&message(stream, 1)));
    }
    let (_, after) = mapped_and_resident(dir.path());
    // The system may drop pages at any time, so there can be fewer than before.
    assert!(after < before + mapped / 10, "{before} to {after} of {mapped} bytes");
    flow.check(&mut reader);
}

/// Returns the mapped bytes of the files in a folder, and the number of them in memory.
fn mapped_and_resident(dir: &Path) -> (u64, u64) {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let is_ours = |line: &str| line.contains(dir.to_str().unwrap()) && line.ends_with(".dat");
    let (mut sums, mut counts) = ([0, 0], false);
    for line in maps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (key, value) = (words.next().unwrap(), words.next().unwrap());
        match key {
            "Size:" if counts => sums[0] += value.parse::<u64>().unwrap() << 10,
            "Rss:" if counts => sums[1] += value.parse::<u64>().unwrap() << 10,
            // The line of a mapping begins with its addresses.
            _ if !key.ends_with(':') => counts = is_ours(line),
            _ => {}
        }
    }
    sums.into()
}

#[test]
fn positions_agree_with_the_store() {
    let (mut store, _reader) = Store::in_memory();
    let (mut flow, mut positions) = (Flow::new(), Positions::new(STREAMS_MAX));
    for _ in 0..500 {
        flow.append_batch(&mut [&mut store, &mut positions]);
        assert_eq!(store.image(), positions.image());
        positions = Positions::from_image(&positions.image(), STREAMS_MAX).unwrap();
    }
    assert!(positions.image().next_block > 40);
}

/// A reader waits at the end of a block while the rest of the block and the next ones are published
/// at once.
#[test]
fn what_fills_a_block_is_not_skipped() {
    const ROUNDS: u64 = 2000;
    const STREAM: StreamId = StreamId(5);
    let message = |number: u64| [&6000u16.to_be_bytes()[..], &[number as u8; 6000]].concat();
    let (mut store, mut reader) = Store::in_memory();
    let read_to = &AtomicU64::new(1);
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut number = 1;
            for round in 0..ROUNDS {
                for _ in 0..1 + round % 3 {
                    store.append(STREAM, &message(number));
                    number += 1;
                }
                while read_to.load(Acquire) < number - 1 - round % 3 {
                    assert!(began.elapsed() < PATIENCE, "the reader has gone");
                    std::thread::yield_now();
                }
                store.publish().unwrap();
            }
        });
        let last = 1 + (0..ROUNDS).map(|round| 1 + round % 3).sum::<u64>();
        let (mut cursor, mut number) = (reader.cursor(STREAM, 1).unwrap(), 1);
        while number < last {
            assert!(began.elapsed() < PATIENCE, "messages are missing");
            let bytes = reader.bytes(&mut cursor);
            let count = bytes.chunks(6002).fold(number, |number, found| {
                assert!(found == message(number), "{number}");
                number + 1
            });
            cursor.advance((count - number) as usize * 6002);
            number = count;
            read_to.store(number, Release);
        }
    });
}

/// Reads all streams to their known ends in pieces of any size: with `by_bits` the streams that
/// have moved, otherwise all of them after every publish.
fn follow(reader: &mut StreamReader, whole: &Flow, by_bits: bool) {
    struct Followed {
        cursor: ringside_core::streams::Cursor,
        number: u64,
        part: Vec<u8>,
    }
    let mut rng = Rng::new(base_seed() + u64::from(by_bits));
    let begin = |stream| {
        let cursor = reader.cursor(stream, 1).unwrap();
        (stream, Followed { cursor, number: 1, part: vec![] })
    };
    let mut streams: BTreeMap<_, _> = all_streams().map(begin).collect();
    let mut seen = 0;
    let began = Instant::now();
    while streams.iter().any(|(&stream, at)| at.number < whole.next_number(stream)) {
        let published = reader.published();
        if published == seen {
            assert!(began.elapsed() < PATIENCE, "messages are missing");
            std::thread::yield_now();
            continue;
        }
        seen = published;
        let mut moved = vec![];
        match by_bits {
            true => reader.take_touched(|stream| moved.push(stream)),
            false => moved.extend(all_streams()),
        }
        for stream in moved {
            let at = streams.get_mut(&stream).unwrap();
            loop {
                let bytes = reader.bytes(&mut at.cursor);
                let piece = &bytes[..bytes.len().min(1 + rng.below(1000) as usize)];
                if piece.is_empty() {
                    break;
                }
                at.part.extend_from_slice(piece);
                at.cursor.advance(piece.len());
                let mut expected = message(stream, at.number);
                while at.part.len() >= expected.len() {
                    let tail = at.part.split_off(expected.len());
                    assert!(at.part == expected, "{stream:?} {}", at.number);
                    (at.part, at.number) = (tail, at.number + 1);
                    expected = message(stream, at.number);
                }
            }
            // A message can be published between the choice of its number and this check.
            let number = 1 + rng.below(reader.next_number(stream));
            if number < reader.next_number(stream) {
                let mut cursor = reader.cursor(stream, number).unwrap();
                assert!(reader.bytes(&mut cursor).starts_with(&message(stream, number)));
            }
        }
    }
}
