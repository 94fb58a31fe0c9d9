//! A seeded history of the streams, and the content that a reader must find.

use ringside_core::streams::{Options, Store, StreamId, StreamReader, StreamSink};
use ringside_load::rng::Rng;
use ringside_model::domain::SeqNo;
use ringside_testing::run::base_seed;
use std::collections::BTreeMap;
use std::path::Path;

pub const BLOCK_BYTES: usize = 16 << 10;
/// Length of a file, small enough that a test has many files.
pub const FILE_BYTES: u64 = 4 * BLOCK_BYTES as u64;
pub const STREAMS_MAX: u32 = 20;

pub fn options(dir: &Path) -> Options {
    Options { streams_max: STREAMS_MAX, file_bytes: FILE_BYTES, ..Options::new(dir, [17, 4]) }
}

pub fn opened(dir: &Path) -> Store {
    Store::open(&options(dir)).unwrap()
}

/// Returns a message of a stream; its bytes depend only on stream and number.
pub fn message(stream: StreamId, number: u64) -> Vec<u8> {
    let mut rng = Rng::new(u64::from(stream.0) << 32 | number);
    let length = match rng.below(100) {
        0 => rng.below(16_350),
        1..10 => 0,
        _ => rng.below(300),
    };
    let bytes = (0..length).map(|_| rng.below(256) as u8);
    (length as u16).to_be_bytes().into_iter().chain(bytes).collect()
}

/// All appends of a history, batch by batch; one seed gives one history.
pub struct Flow {
    rng: Rng,
    numbers: BTreeMap<StreamId, u64>,
    pub batches: u64,
}

impl Flow {
    pub fn new() -> Self {
        Flow { rng: Rng::new(base_seed()), numbers: BTreeMap::new(), batches: 0 }
    }

    pub fn append_batch(&mut self, sinks: &mut [&mut dyn StreamSink]) {
        for _ in 0..self.rng.below(30) {
            let stream = match self.rng.below(10) {
                0..4 => StreamId::MARKET_DATA,
                4 => StreamId::OPERATOR,
                _ => StreamId(self.rng.below(STREAMS_MAX.into()) as u32),
            };
            let number = self.numbers.entry(stream).or_insert(1);
            let message = message(stream, *number);
            sinks.iter_mut().for_each(|sink| sink.append(stream, &message));
            *number += 1;
        }
        self.batches += 1;
    }

    /// Advances the flow to behind a batch, without a store.
    pub fn skip_to(&mut self, batches: u64) {
        while self.batches < batches {
            self.append_batch(&mut []);
        }
    }

    pub fn write_batch(&mut self, store: &mut Store) {
        self.append_batch(&mut [store]);
        store.publish().unwrap();
        store.complete(SeqNo(self.batches));
    }

    pub fn write_to(&mut self, store: &mut Store, batches: u64) {
        while self.batches < batches {
            self.write_batch(store);
        }
    }

    pub fn next_number(&self, stream: StreamId) -> u64 {
        self.numbers.get(&stream).copied().unwrap_or(1)
    }

    /// Checks that a reader finds exactly the appended messages.
    pub fn check(&self, reader: &mut StreamReader) {
        for stream in all_streams() {
            let next = self.next_number(stream);
            assert_eq!(reader.next_number(stream), next, "{stream:?}");
            let expected: Vec<u8> = (1..next).flat_map(|n| message(stream, n)).collect();
            assert!(rest(reader, stream, 1, BLOCK_BYTES) == expected, "{stream:?}");
        }
    }
}

pub fn all_streams() -> impl Iterator<Item = StreamId> {
    (0..STREAMS_MAX).map(StreamId).chain([StreamId::OPERATOR])
}

/// Reads everything from a message on, in pieces of at most `piece_max` bytes.
pub fn rest(reader: &mut StreamReader, stream: StreamId, number: u64, piece_max: usize) -> Vec<u8> {
    let mut cursor = reader.cursor(stream, number).unwrap();
    let mut found = vec![];
    loop {
        let bytes = reader.bytes(&mut cursor);
        let piece = &bytes[..bytes.len().min(piece_max)];
        if piece.is_empty() {
            return found;
        }
        found.extend_from_slice(piece);
        cursor.advance(piece.len());
    }
}
