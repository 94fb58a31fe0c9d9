//! `ringside serve` as a command: it starts from an empty folder, ends on SIGTERM, and lets nobody else have its folder.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

fn command(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringside"));
    command.args(words).arg("--journal").arg(dir).args(["--idle", "backoff"]);
    for (key, value) in [
        ("GATEWAY__LISTEN", "127.0.0.1:0"),
        ("GATEWAY__ADMIN", "127.0.0.1:0"),
        ("FEED__REREQUEST", "127.0.0.1:0"),
        ("FEED__GLIMPSE", "127.0.0.1:0"),
    ] {
        command.env(format!("RINGSIDE__{key}"), value);
    }
    command
}

fn run(dir: &Path, words: &[&str]) -> Output {
    command(dir, words).output().unwrap()
}

/// A running venue, which ends with the test.
struct Venue {
    process: Child,
    /// What it said until it was ready.
    said: String,
    /// Open so that it can go on speaking.
    _stderr: BufReader<ChildStderr>,
}

impl Venue {
    fn start(dir: &Path) -> Venue {
        let mut command = command(dir, &["serve"]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut said = String::new();
        while !said.ends_with("ready\n") {
            assert!(stderr.read_line(&mut said).unwrap() > 0, "it ended: {said}");
        }
        Venue { process, said, _stderr: stderr }
    }

    /// A load of a moment, whose every answer is checked.
    fn trade(&self) {
        let line = self.said.lines().find(|line| line.contains("orders (SoupBinTCP")).unwrap();
        let address = line.split_whitespace().nth(1).unwrap();
        let out = tempfile::tempdir().unwrap();
        let mut load = Command::new(env!("CARGO_BIN_EXE_ringside"));
        load.args(["load", "--address", address, "--rate", "2000", "--seconds", "0.3", "--out"]);
        let load = load.arg(out.path()).output().unwrap();
        assert!(load.status.success(), "{}", String::from_utf8_lossy(&load.stderr));
    }

    /// Ends it with SIGTERM.
    fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The files of the streams with their bytes.
fn streams(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_string();
    let streams = files.filter(|path| name(path).starts_with("streams-"));
    streams.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}

#[test]
fn a_venue_starts_from_nothing_and_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let venue = Venue::start(dir.path());
    let said = &venue.said;
    assert!(
        said.contains("OUCH 5.0-compatible") && said.contains("every user's password"),
        "{said}"
    );
    venue.trade();
    venue.stop();
    let before = streams(dir.path());
    assert!(before.len() >= 2, "{:?}", before.keys());
    let venue = Venue::start(dir.path());
    assert!(venue.said.contains("recovered up to seqno"), "{}", venue.said);
    venue.trade();
    venue.stop();
}

#[test]
fn a_folder_has_one_venue_and_a_foreign_one_leaves_it_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let venue = Venue::start(dir.path());
    let second = run(dir.path(), &["serve"]);
    assert!(!second.status.success());
    venue.stop();

    let before = streams(dir.path());
    let foreign = command(dir.path(), &["serve"]).env("RINGSIDE__VENUE__NAME", "other").output();
    let foreign = foreign.unwrap();
    assert_eq!(foreign.status.code(), Some(5), "{}", String::from_utf8_lossy(&foreign.stderr));
    assert!(streams(dir.path()) == before, "a venue that is refused touches no stream");

    let retire = run(dir.path(), &["snapshot", "--retire-segments"]);
    assert_eq!(retire.status.code(), Some(5), "{}", String::from_utf8_lossy(&retire.stderr));
    Venue::start(dir.path()).stop();
}
