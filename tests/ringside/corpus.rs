//! Compares the program byte by byte with version 0.1: `scripts/corpus` on the sessions in
//! `tests/corpus` and on the journals in `tests/old`.

use std::process::Command;

#[test]
fn every_session_has_the_reports_and_streams_of_version_0_1() {
    corpus("check");
}

#[test]
fn what_old_versions_wrote_is_read_as_they_read_it() {
    corpus("old");
}

fn corpus(action: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/corpus");
    let words = [script, action, "--program", env!("CARGO_BIN_EXE_ringside")];
    let output = Command::new("python3").args(words).output().expect("Python 3 starts");
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{}", said.concat());
}
