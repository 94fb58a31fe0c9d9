//! Permissions of all files and folders that the program makes for itself, whatever the umask is:
//! a new kind of file without them fails here.

use crate::served::{NODES, Place, Venue};
use ringside_testing::patience::wait_until;
use std::fs::Metadata;
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Returns all files and folders below a folder.
fn all_below(folder: &Path) -> Vec<(PathBuf, Metadata)> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            found.extend(all_below(&path));
        }
        found.push((path, metadata));
    }
    found
}

/// Checks the permissions of everything below a folder, and that each kind of file is among them.
/// Permissions of files and folders are in octal.
#[track_caller]
fn check(folder: &Path, file: u32, dir: u32, group: Option<u32>, kinds: &[&str]) {
    let found = all_below(folder);
    for (path, metadata) in &found {
        let wanted = if metadata.is_dir() { dir } else { file };
        let mode = metadata.mode() & 0o7777;
        assert_eq!(mode, wanted, "{}: {mode:o} instead of {wanted:o}", path.display());
        assert!(group.is_none_or(|group| metadata.gid() == group), "{}", path.display());
    }
    let names: Vec<_> = found.iter().map(|(path, _)| path.to_str().unwrap()).collect();
    for kind in kinds {
        assert!(names.iter().any(|name| name.contains(kind)), "no {kind} among {names:?}");
    }
}

/// Returns a place without snapshots of its own and with short segments.
fn place(umask: &str) -> Place {
    let mut place = Place::new();
    place.set_umask(umask);
    place.set("SNAPSHOTS__MAX_RESTART_SECONDS", "0");
    place.set("JOURNAL__SEGMENT_BYTES", "65536");
    place
}

/// Runs a command with this input.
#[track_caller]
fn runs(place: &Place, words: &[&str], input: &str) {
    let mut command = place.command(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn orders(ids: std::ops::Range<u32>) -> String {
    let symbol = r#"{"op":"symbol","symbol":"AAPL","tick":"0.01","lot":1}"#;
    let order = |id| {
        format!(
            r#"{{"op":"enter","session":"A","id":{id},"symbol":"AAPL","side":"buy","qty":100,"price":"1.00"}}"#
        )
    };
    let lines: Vec<_> = std::iter::once(symbol.into()).chain(ids.map(order)).collect();
    lines.join("\n") + "\n"
}

/// Leaves bytes behind the last frame of a journal, which the next start sets aside.
fn tear(journal: &Path) {
    let begun = all_below(journal).into_iter().filter_map(|(path, _)| {
        let bytes = std::fs::read(&path).unwrap();
        let last = bytes.iter().rposition(|&byte| byte != 0)?;
        (path.extension()? == "seg").then_some((path, last))
    });
    let (path, last) = begun.max().unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(&[0xFF; 100], (last as u64 / 64 + 1) * 64).unwrap();
}

const OF_JOURNAL: [&str; 6] = ["LOCK", ".seg", ".sha256", ".cut-", "snapshot-", "SNAPSHOTS"];

/// Fills a journal with each kind of file that a file session makes.
fn fill(place: &Place) {
    runs(place, &["exec", "--quiet", "-"], &orders(1..3_000));
    runs(place, &["snapshot"], "");
    tear(&place.journal());
    runs(place, &["exec", "--quiet", "-"], &orders(3_000..3_001));
    runs(place, &["snapshot"], "");
}

#[test]
fn files_of_a_journal_are_for_their_user_alone() {
    for umask in ["000", "077"] {
        let place = place(umask);
        fill(&place);
        check(&place.file(""), 0o600, 0o700, None, &OF_JOURNAL);
    }
}

#[test]
fn a_group_may_read_where_the_config_says_so() {
    for umask in ["000", "077"] {
        let mut place = place(umask);
        // Root may give a file to any group.
        let own = rustix::process::getegid().as_raw();
        let group = if rustix::process::geteuid().is_root() { 4_242 } else { own };
        place.set("JOURNAL__GROUP", &format!("\"{group}\""));
        fill(&place);
        check(&place.file(""), 0o640, 0o750, Some(group), &OF_JOURNAL);
    }
}

#[test]
fn files_of_a_node_are_for_its_user_alone() {
    let mut place = place("000");
    let [passwords, capture, log] = ["passwords", "feed.itch", "log"].map(|name| place.file(name));
    runs(&place, &["password", passwords.to_str().unwrap(), "DEMO01"], "secret\n");
    place.set("GATEWAY__PASSWORDS", passwords.to_str().unwrap());
    place.set("FEED__ITCH_FILE", capture.to_str().unwrap());
    place.set("LOG__FILE", log.to_str().unwrap());
    let record = format!("file:{}", place.file("record.json").display());
    let address = place.at(NODES).to_string();
    place.set("CLUSTER__NODE", "a");
    place.set("CLUSTER__LISTEN", &address);
    place.set("CLUSTER__COORDINATOR", &record);
    place.set("CLUSTER__NODES", &format!("[{{node=\"a\",address=\"{address}\"}}]"));
    let venue = Venue::spawn(&place);
    wait_until("the node leads", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("ringside: ready"))
    });
    // Until the first command is committed, there is nothing to store.
    wait_until("a snapshot is stored", || {
        runs(&place, &["snapshot"], "");
        let files = std::fs::read_dir(place.journal()).unwrap();
        files.flatten().any(|file| file.file_name().as_encoded_bytes().starts_with(b"snapshot-"))
    });
    venue.stop();
    let kinds = ["LOCK", ".seg", "snapshot-", "SNAPSHOTS", "streams-head", "streams-0", "NODE"];
    let kinds = [&kinds[..], &["record.json", "passwords", "feed.itch", "log"]].concat();
    check(&place.file(""), 0o600, 0o700, None, &kinds);
}
