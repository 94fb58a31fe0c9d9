//! Who may know whom: every `crate::` path in `src` is held against this table.

use std::collections::BTreeSet;
use std::path::Path;

/// A module and the modules of ours that it may name. Each may name itself.
const TABLE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("draw", &[]),
    ("reason", &[]),
    ("planted", &[]),
    ("low_priority", &[]),
    ("durability", &["domain"]),
    ("frame", &["domain", "durability"]),
    ("command", &["domain", "draw", "durability", "reason", "report", "frame"]),
    ("report", &["domain", "durability", "reason"]),
    ("hash", &["report"]),
    ("engine", &["domain", "draw", "reason", "command", "report", "hash"]),
    ("journal", &["domain", "durability", "frame", "low_priority"]),
    ("report_order", &["domain", "durability", "frame", "command", "report", "hash"]),
    ("matching_shard", &["frame", "command", "report", "report_order", "engine"]),
    ("used_ids", &["domain", "reason", "command"]),
    ("exposure", &["domain", "command", "report"]),
    ("calendar", &["domain"]),
    ("due", &["domain", "reason", "command", "frame", "report", "report_order"]),
    ("standing", &["domain", "reason", "command"]),
    (
        "snapshot",
        &[
            "domain",
            "durability",
            "command",
            "frame",
            "engine",
            "exposure",
            "journal",
            "standing",
            "streams",
            "used_ids",
        ],
    ),
    (
        "replay",
        &["domain", "frame", "journal", "engine", "report_order", "matching_shard", "snapshot"],
    ),
    (
        "restart",
        &[
            "command",
            "domain",
            "durability",
            "engine",
            "exposure",
            "frame",
            "journal",
            "matching_shard",
            "replay",
            "report_order",
            "snapshot",
            "standing",
            "used_ids",
            "streams",
        ],
    ),
    (
        "snapshotter",
        &[
            "domain",
            "command",
            "frame",
            "engine",
            "journal",
            "low_priority",
            "replay",
            "report",
            "report_order",
            "restart",
            "snapshot",
            "standing",
            "used_ids",
            "streams",
        ],
    ),
    ("directory", &["domain", "reason", "command", "standing", "used_ids"]),
    ("report_lines", &["domain", "reason", "command", "report", "directory"]),
    ("replication", &["cluster", "domain", "frame", "journal"]),
    ("cluster", &["domain", "journal"]),
    ("protocol", &[]),
    (
        "streams",
        &[
            "domain",
            "reason",
            "frame",
            "command",
            "report",
            "report_order",
            "report_lines",
            "directory",
            "exposure",
            "protocol",
        ],
    ),
    ("feed", &["low_priority", "protocol", "streams"]),
    (
        "gateway",
        &[
            "domain",
            "durability",
            "reason",
            "command",
            "report",
            "directory",
            "exposure",
            "standing",
            "used_ids",
            "protocol",
            "streams",
        ],
    ),
    ("loadgen", &["domain", "reason", "command"]),
    ("client", &["protocol"]),
    (
        "venue",
        &[
            "replication",
            "command",
            "domain",
            "durability",
            "reason",
            "frame",
            "engine",
            "journal",
            "matching_shard",
            "pipeline",
            "replay",
            "report_order",
            "restart",
            "snapshot",
            "snapshotter",
            "used_ids",
        ],
    ),
    (
        "node",
        &[
            "cluster",
            "domain",
            "frame",
            "journal",
            "pipeline",
            "replication",
            "report_order",
            "venue",
        ],
    ),
    ("partition", &["cluster", "domain", "report"]),
    (
        "serve",
        &[
            "cluster",
            "partition",
            "durability",
            "node",
            "replication",
            "command",
            "config",
            "calendar",
            "directory",
            "domain",
            "due",
            "feed",
            "frame",
            "gateway",
            "journal",
            "pipeline",
            "protocol",
            "reason",
            "replay",
            "report",
            "report_order",
            "restart",
            "snapshotter",
            "streams",
            "venue",
        ],
    ),
    (
        "config",
        &[
            "calendar",
            "cluster",
            "domain",
            "durability",
            "journal",
            "pipeline",
            "replay",
            "replication",
            "snapshotter",
            "venue",
        ],
    ),
];

/// The stages know what they drive; only the wiring knows them all, and `disruptor`.
const STAGES: &[(&str, &[&str])] = &[
    ("stage", &[]),
    ("sequencer", &["domain", "durability", "command", "frame", "reason"]),
    ("journaler", &["domain", "durability", "frame", "journal", "replication"]),
    ("replicator", &["frame", "journal", "replication"]),
    ("matcher", &["frame", "report", "matching_shard"]),
    ("publisher", &["frame", "report", "report_order"]),
    ("trace", &["domain", "frame"]),
    ("plan", &["durability"]),
    ("runner", &[]),
    (
        "mod",
        &[
            "domain",
            "durability",
            "frame",
            "journal",
            "matching_shard",
            "replication",
            "report",
            "report_order",
        ],
    ),
];

/// Crates that are at home in one place.
const HOMES: &[(&str, &[&str])] = &[
    ("disruptor", &["src/pipeline/mod.rs", "src/pipeline/stage.rs"]),
    ("core_affinity", &["src/pipeline/plan.rs"]),
    ("memmap2", &["src/journal/segment.rs", "src/streams/blocks.rs", "src/streams/files.rs"]),
    ("clap", &["src/cli"]),
];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The modules of ours that a file names, and the crates that it uses.
fn names(text: &str, prefix: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let group = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        for word in group.unwrap_or(rest).split(',').take(if group.is_some() { 99 } else { 1 }) {
            let word = word.trim();
            let end = word.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(word.len());
            found.insert(word[..end].to_string());
        }
    }
    found
}

#[test]
fn no_module_knows_more_than_the_table_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![];
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 30);
    let mut seen = BTreeSet::new();
    for (path, text) in &files {
        let path = path.strip_prefix(&format!("{}/", root.display())).unwrap();
        let inside = path.strip_prefix("src/").unwrap().trim_end_matches(".rs");
        let module = inside.split('/').next().unwrap();
        for (name, homes) in HOMES {
            let used = !names(text, &format!("{name}::")).is_empty();
            let at_home = homes.iter().any(|home| path.starts_with(home));
            assert!(!used || at_home, "{path} uses {name}, which is at home in {homes:?}");
        }
        if matches!(module, "lib" | "main" | "cli") {
            continue;
        }
        let (table, row): (_, &str) = match inside.strip_prefix("pipeline/") {
            Some(stage) => (STAGES, stage),
            None => (TABLE, module),
        };
        let (_, allowed) = table
            .iter()
            .find(|(name, _)| *name == row)
            .unwrap_or_else(|| panic!("{path}: {row} is not in the table"));
        seen.insert(row.to_string());
        for name in names(text, "crate::") {
            let known = name == module || name == "planted" || allowed.contains(&name.as_str());
            assert!(known, "{path} names crate::{name}; {row} may name {allowed:?}");
        }
        if table == STAGES && row != "mod" {
            for other in names(text, "super::") {
                let shared = ["stage", "trace", "sequencer", "runner"].contains(&other.as_str());
                assert!(shared, "{path} names the stage {other}");
            }
        }
    }
    for (row, _) in TABLE.iter().chain(STAGES) {
        assert!(seen.contains(*row), "the table has {row}, src does not");
    }
}
