//! Streams that `scripts/fuzz` has found, one for each part of the engine and the naive venue that
//! no other stream of the set runs through: replayed, engine against naive venue.

use ringside_model::report::{Report, ReportKind};
use ringside_testing::oracle::bytes::{COMMAND_BYTES, COMMANDS_MAX, stream};
use ringside_testing::oracle::compare::{first_fault, shortest_fault};
use std::collections::HashSet;
use std::path::Path;

/// Largest size of all streams together.
const BYTES_MAX: usize = 200_000;

#[test]
fn the_streams_of_the_fuzzer_have_no_fault() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/streams");
    let (mut kinds, mut size) = (HashSet::new(), 0);
    for file in std::fs::read_dir(folder).expect("the streams") {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        size += bytes.len();
        let commands = stream(&bytes);
        let see = |_: &_, reports: &[Report]| kinds.extend(reports.iter().map(|r: &Report| r.kind));
        if first_fault(&commands, see).is_some() {
            panic!("{}\n{}", path.display(), shortest_fault(commands));
        }
    }
    assert!(size < BYTES_MAX, "{size} bytes");
    assert!(kinds.len() > 20, "{kinds:?}");
    let rare = [
        ReportKind::Imported,
        ReportKind::ReferenceSet,
        ReportKind::SymbolChanged,
        ReportKind::StopWavesSet,
    ];
    assert!(rare.iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
}

#[test]
fn any_bytes_are_a_stream() {
    let bytes: Vec<u8> = (0..=255).cycle().take(COMMAND_BYTES * COMMANDS_MAX * 2 + 3).collect();
    assert_eq!(stream(&bytes).len(), 2 + COMMANDS_MAX);
    assert_eq!(stream(&bytes[..COMMAND_BYTES * 3 + 1]).len(), 2 + 3);
    assert_eq!(first_fault(&stream(&bytes), |_, _| {}), None);
}
