//! Rooms of a crate and the rooms that each may name: the same rule inside a crate that Cargo
//! enforces between crates.

use std::collections::BTreeSet;
use std::path::Path;

/// Returns the first names of all paths that begin with a prefix such as `crate::`, in a source
/// without its comments and unit tests.
pub fn names(source: &str, prefix: &str) -> BTreeSet<String> {
    let code = code_of(source);
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let is_inside = code[..at].ends_with(|c: char| is_word(c) || c == ':');
        if !is_inside {
            found.extend(heads(&code[at + prefix.len()..]));
        }
    }
    found
}

/// Compares every path of a crate that begins at its root with a table: a room is a module of the
/// crate's root with its folder, and has the rooms that it may name.
pub fn check(crate_folder: &str, table: &[(&str, &[&str])]) {
    let source = Path::new(crate_folder).join("src");
    let mut seen = BTreeSet::new();
    for (path, text) in sources(&source) {
        let inside = path.strip_prefix(&source).unwrap().with_extension("");
        let modules: Vec<&str> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        if modules == ["lib"] {
            continue;
        }
        let room = modules[0];
        let (room, others) = table
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{}: {room} is not in the table", inside.display()));
        let depth = modules.len() - usize::from(modules.last() == Some(&"mod"));
        for prefix in ["crate::", &"super::".repeat(depth)] {
            for name in names(&text, prefix) {
                let known = name == *room || name == "super" || others.contains(&&*name);
                let place = inside.display();
                assert!(known, "{place} names {prefix}{name}, and may name {others:?}");
            }
        }
        seen.insert(*room);
    }
    assert_eq!(seen.len(), table.len(), "the table has a room that the crate does not have");
}

/// Returns a source without its comment lines and without the unit tests at its end.
fn code_of(source: &str) -> String {
    let code = source.split("#[cfg(test)]\nmod ").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the first name of what follows a prefix, or the first name of each path of a group.
fn heads(rest: &str) -> Vec<String> {
    let word = |text: &str| text.trim_start().chars().take_while(|&c| is_word(c)).collect();
    if !rest.starts_with('{') {
        return vec![word(rest)];
    }
    let (mut depth, mut begin, mut found) = (0, 1, vec![]);
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => {
                found.push(word(&rest[begin..at]));
                begin = at + 1;
            }
            _ => {}
        }
        if depth == 0 {
            found.push(word(&rest[begin..at]));
            break;
        }
    }
    found.retain(|name: &String| !name.is_empty());
    found
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

#[test]
fn names_are_found_in_groups_and_behind_single_test_imports() {
    let source = "#[cfg(test)]\nuse crate::one;\nuse crate::{two::{A, B}, three::C};\n// crate::no\n\
                  fn f() { crate::four::g() }\n#[cfg(test)]\nmod tests { use crate::five; }";
    let found: Vec<String> = names(source, "crate::").into_iter().collect();
    assert_eq!(found, ["four", "one", "three", "two"]);
    assert_eq!(names("use super::super::five;", "super::super::").len(), 1);
    assert!(names("use super::super::five;", "super::").contains("super"));
}
