//! Stages know what they drive, and neither the ring nor each other: only the wiring (`pipeline/mod.rs`) and the
//! stage loop (`pipeline/stage.rs`) do. Every `crate::` and `super::` path in `pipeline` is compared with a table.

use std::collections::BTreeSet;
use std::path::Path;

/// A file of the pipeline; the rooms of this crate, and the files of the pipeline, that it may name.
const TABLE: &[(&str, &[&str], &[&str])] = &[
    ("stage", &[], &[]),
    ("sequencer", &[], &["stage", "trace"]),
    ("journaler", &["commit_point"], &["sequencer", "stage"]),
    ("replicator", &["commit_point"], &["sequencer", "stage"]),
    ("matcher", &["matching_shard"], &["stage"]),
    ("publisher", &["report_order"], &["sequencer", "stage"]),
    ("trace", &[], &["stage"]),
    ("plan", &[], &["runner"]),
    ("runner", &[], &["stage"]),
];

/// The rooms that the wiring names beside the files of the pipeline.
const WIRING: &[&str] = &["commit_point", "matching_shard", "report_order"];

/// Crates that are at home in some files of the pipeline only.
const HOMES: &[(&str, &[&str])] = &[("disruptor", &["mod", "stage"]), ("core_affinity", &["plan"])];

/// The words that follow a prefix such as `crate::` in a text without comments and tests.
fn names(text: &str, prefix: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].ends_with(|c: char| is_word(c) || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let group = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        for word in group.unwrap_or(rest).split(',').take(if group.is_some() { 99 } else { 1 }) {
            let word = word.trim();
            found.insert(word[..word.find(|c| !is_word(c)).unwrap_or(word.len())].to_string());
        }
    }
    found
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
