//! A venue that has no descriptors for a while: every helper tries again, and says so.

use crate::served::{ORDERS, Place, Venue};
use ringside_testing::patience::wait_until;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::process::{Command, Stdio};

/// Threads that open files or sockets while the venue trades.
const HELPERS: [&str; 5] = ["feed", "preparer", "snapshots", "streams", "log"];

fn helpers(venue: &Venue) -> BTreeSet<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", venue.id())).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| {
        fs::read_to_string(entry.unwrap().path().join("comm")).unwrap_or_default()
    };
    let names = tasks.map(|entry| name(entry).trim().to_string());
    names.filter(|name| HELPERS.contains(&name.as_str())).collect()
}

/// Sets the number of descriptors that a venue may have; `None`: as many as usual.
fn limit(venue: &Venue, descriptors: Option<u64>) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = descriptors.or(maximum);
    prlimit(Pid::from_raw(venue.id() as i32), Resource::Nofile, Rlimit { current, maximum })
        .unwrap();
}

#[test]
fn helpers_bear_a_lack_of_descriptors() {
    let mut place = Place::new();
    // A segment has some hundred commands, so that the next one is opened every second.
    place.set("JOURNAL__SEGMENT_BYTES", "65536");
    place.set("JOURNAL__SEGMENTS_READY", "16");
    let venue = place.start();
    let all = helpers(&venue);
    assert_eq!(all.len(), HELPERS.len(), "{all:?}");

    let out = tempfile::tempdir().unwrap();
    let mut load = Command::new(env!("CARGO_BIN_EXE_ringside"));
    let address = place.at(ORDERS).to_string();
    load.args(["load", "--address", &address, "--rate", "1000", "--seconds", "8", "--out"]);
    load.arg(out.path()).stdout(Stdio::null()).stderr(Stdio::piped());
    let load = load.spawn().unwrap();
    wait_until("the load flows", || venue.said().matches("[login ").count() >= 4);

    limit(&venue, Some(3));
    wait_until("the listener fails", || {
        // The kernel takes the connection, the venue does not.
        drop(TcpStream::connect(place.at(ORDERS)).unwrap());
        venue.said().contains("[accept_failed port=orders]")
    });
    wait_until("the snapshots fail", || venue.said().contains("[snapshots_failed]"));
    limit(&venue, None);

    let load = load.wait_with_output().unwrap();
    assert!(load.status.success(), "{}", String::from_utf8_lossy(&load.stderr));
    venue.trade(&place);
    assert_eq!(helpers(&venue), all, "{}", venue.said());
    assert!(!venue.said().contains("no more"), "{}", venue.said());
    venue.stop();
}
