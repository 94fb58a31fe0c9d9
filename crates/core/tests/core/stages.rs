//! Stages know what they drive, and neither the ring nor each other: only the wiring
//! (`pipeline/mod.rs`) and the stage loop (`pipeline/stage.rs`) know those. Every `crate::` and
//! `super::` path in `pipeline` is compared with a table, and every `crate::` path of the other
//! rooms with another table.

use ringside_testing::rooms::{self, names};
use std::path::Path;

/// Files of the pipeline, each with the rooms of this crate and the files of the pipeline that it
/// may name.
const TABLE: &[(&str, &[&str], &[&str])] = &[
    ("stage", &[], &[]),
    ("sequencer", &["clock"], &["stage", "trace"]),
    ("journaler", &["commit_point"], &["sequencer", "stage"]),
    ("replicator", &["commit_point"], &["sequencer", "stage"]),
    ("matcher", &["shard"], &["stage"]),
    ("publisher", &["merge"], &["sequencer", "stage"]),
    ("trace", &[], &["stage"]),
    ("plan", &[], &["runner"]),
    ("runner", &[], &["stage"]),
];

/// Rooms that the wiring names beside the files of the pipeline.
const WIRING: &[&str] = &["clock", "commit_point", "shard", "merge"];

/// Crates that only some files of the pipeline may use.
const HOMES: &[(&str, &[&str])] = &[("disruptor", &["mod", "stage"]), ("core_affinity", &["plan"])];

/// Rooms of this crate, each with the rooms that it may name.
const ROOMS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("commit_point", &[]),
    ("registry", &[]),
    ("merge", &[]),
    ("json_reports", &["registry"]),
    ("shard", &["merge"]),
    ("streams", &["registry", "json_reports", "merge"]),
    ("pipeline", &["clock", "commit_point", "shard", "merge"]),
    ("recovery", &["shard", "registry", "merge", "streams"]),
    ("venue", &["clock", "commit_point", "shard", "pipeline", "recovery", "merge"]),
];

#[test]
fn a_room_names_only_those_behind_it() {
    rooms::check(env!("CARGO_MANIFEST_DIR"), ROOMS);
}

#[test]
fn a_stage_names_no_ring_and_no_other_stage() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pipeline");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_stem().unwrap().to_str().unwrap().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        for (home_of, homes) in HOMES {
            let used = !names(&text, &format!("{home_of}::")).is_empty();
            assert!(
                !used || homes.contains(&&*file),
                "{file} names {home_of}: it is for {homes:?}"
            );
        }
        let row = TABLE.iter().find(|(name, ..)| *name == file);
        let (rooms, files) = match row {
            Some(&(_, rooms, files)) => (rooms, Some(files)),
            None if file == "mod" => (WIRING, None),
            None => panic!("pipeline/{file}.rs is not in the table"),
        };
        for name in names(&text, "crate::") {
            assert!(rooms.contains(&&*name), "{file} names crate::{name}, and may name {rooms:?}");
        }
        for name in names(&text, "super::") {
            let known = files.is_none_or(|files| files.contains(&&*name));
            assert!(known, "{file} names super::{name}, and may name {files:?}");
        }
        seen += usize::from(row.is_some());
    }
    assert_eq!(seen, TABLE.len(), "the table has a file that the pipeline does not have");
}
