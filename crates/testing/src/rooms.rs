//! Rooms of a crate and the rooms that each may name: the same rule inside a crate that Cargo enforces between crates.

use std::collections::BTreeSet;
use std::path::Path;

/// Returns the words that follow a prefix such as `crate::` in a source, without comments and unit tests.
pub fn names(source: &str, prefix: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap();
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

/// Compares every `crate::` path of a crate with a table. A room is a module of the crate's root with its folder; its
/// row lists the rooms that it may name.
pub fn check(crate_folder: &str, table: &[(&str, &[&str])]) {
    let source = Path::new(crate_folder).join("src");
    let mut seen = BTreeSet::new();
    for (path, text) in sources(&source) {
        let inside = path.strip_prefix(&source).unwrap();
        let room = Path::new(inside.iter().next().unwrap()).with_extension("");
        let room = room.to_str().unwrap();
        if room == "lib" {
            continue;
        }
        let (room, others) = table
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{}: {room} is not in the table", inside.display()));
        for name in names(&text, "crate::") {
            let known = name == *room || others.contains(&&*name);
            assert!(known, "{} names crate::{name}, and may name {others:?}", inside.display());
        }
        seen.insert(*room);
    }
    assert_eq!(seen.len(), table.len(), "the table has a room that the crate does not have");
}

fn sources(folder: &Path) -> Vec<(std::path::PathBuf, String)> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}
