//! The log of a venue: what is in it, what SIGHUP changes, and the page about it.

use crate::served::{ORDERS, Place, Venue};
use ringside_edge::gateway::accounts::set_password;
use ringside_testing::patience::wait_until;
use ringside_wire::soupbintcp::{Login, packet, write_packet};
use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

/// Names and levels of all events in the sources.
fn events_of_the_code() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = vec![root.join("src")];
    for entry in std::fs::read_dir(root.join("crates")).unwrap() {
        folders.push(entry.unwrap().path().join("src"));
    }
    // The log itself makes these.
    let own = [("stopped", "error"), ("lines_dropped", "warn")];
    let mut events: BTreeMap<_, _> = own.map(|(name, level)| (name.into(), level.into())).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                for call in std::fs::read_to_string(&path).unwrap().split("tracing::").skip(1) {
                    let Some((level, rest)) = call.split_once("!(") else { continue };
                    let Some(name) = rest.trim_start().strip_prefix("event = ") else { continue };
                    let Some((name, _)) = name.strip_prefix('"').and_then(|s| s.split_once('"'))
                    else {
                        continue;
                    };
                    let other = events.insert(name.into(), level.into());
                    assert!(other.is_none_or(|other| other == level), "{name} has two levels");
                }
            }
        }
    }
    events
}

#[test]
fn the_page_has_every_event_of_the_code() {
    let page = include_str!("../../docs/log.md");
    let (_, table) = page.split_once("## Events").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: BTreeMap<String, String> = rows
        .map(|row| {
            let mut cells = row.split(" | ");
            let name = cells.next().unwrap().trim_end_matches('`');
            (name.into(), cells.next().unwrap().into())
        })
        .collect();
    assert_eq!(listed, events_of_the_code());
}

/// Logs in; returns true if the venue lets the user in.
fn logs_in(place: &Place, user: &str, password: &str) -> bool {
    log_in(&TcpStream::connect(place.at(ORDERS)).unwrap(), user, password)
}

fn log_in(mut line: &TcpStream, user: &str, password: &str) -> bool {
    let (user, password, session) = (user.into(), password.into(), String::new());
    let login = Login { user, password, session, number: 1, heartbeat_timeout_ms: None };
    let mut bytes = vec![];
    write_packet(packet::LOGIN_REQUEST, &login.payload().unwrap(), &mut bytes);
    line.write_all(&bytes).unwrap();
    let mut answer = [0; 3];
    line.read_exact(&mut answer).unwrap();
    answer[2] == packet::LOGIN_ACCEPTED
}

#[test]
fn the_log_tells_who_logs_in_and_who_is_refused_but_not_how_often() {
    let mut place = Place::new();
    place.set("LOG__FORMAT", "json");
    let venue = place.start_with("\"event\":\"ready\"");
    assert!(logs_in(&place, "DEMO01", "ringside"));
    assert!((0..100).all(|_| !logs_in(&place, "DEMO01", "guess")));
    wait_until("the rest is told", || venue.said().contains(" more like it"));
    let (status, said) = venue.stops();
    assert!(status.success(), "{said}");
    let lines: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let named = |event| lines.iter().filter(move |line| line["event"] == event);
    let login = named("login").next().unwrap();
    assert_eq!((&login["level"], &login["user"]), (&"INFO".into(), &"DEMO01".into()));
    assert!(login["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(named("disconnected").next().unwrap()["user"], "DEMO01");
    let refused: Vec<_> = named("login_refused").collect();
    let more = refused.iter().filter_map(|line| line["more"].as_u64());
    let alone = refused.iter().filter(|line| line["more"].is_null()).count() as u64;
    assert_eq!(alone + more.sum::<u64>(), 100, "{said}");
    assert!(alone <= 60, "{said}");
}

#[test]
fn sighup_reads_passwords_and_settings_again_and_ends_nothing() {
    let mut place = Place::new();
    let passwords = place.file("passwords");
    set_password(&passwords, "DEMO01", "one").unwrap();
    place.set("GATEWAY__PASSWORDS", passwords.to_str().unwrap());
    let log = place.file("log");
    place.set("LOG__FILE", log.to_str().unwrap());
    let venue = Venue::spawn(&place);
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    wait_until("it is ready", || said().contains("ringside: ready\n"));
    assert!(logs_in(&place, "DEMO01", "one") && !logs_in(&place, "DEMO02", "two"));

    set_password(&passwords, "DEMO01", "other").unwrap();
    set_password(&passwords, "DEMO02", "two").unwrap();
    // As a tool does that rotates logs.
    let old = place.file("log.1");
    std::fs::rename(&log, &old).unwrap();
    venue.hang_up();
    wait_until("the passwords are read", || said().contains("[passwords_reread users=2]"));
    assert!(said().contains("[log_reread]") && !said().contains("ringside: ready"), "{}", said());
    assert!(std::fs::read_to_string(&old).unwrap().contains("ringside: ready\n"));
    assert!(!logs_in(&place, "DEMO01", "one") && logs_in(&place, "DEMO01", "other"));
    assert!(logs_in(&place, "DEMO02", "two"));

    std::fs::write(&passwords, "DEMO01 nonsense\n").unwrap();
    venue.hang_up();
    wait_until("the failure is told", || said().contains("[passwords_reread_failed]"));
    assert!(logs_in(&place, "DEMO02", "two"), "the old passwords stay");
    venue.stop();
}

#[test]
fn a_password_file_that_nobody_writes_holds_up_no_signal() {
    let mut place = Place::new();
    let passwords = place.file("passwords");
    set_password(&passwords, "DEMO01", "one").unwrap();
    place.set("GATEWAY__PASSWORDS", passwords.to_str().unwrap());
    let venue = place.start();
    std::fs::remove_file(&passwords).unwrap();
    mkfifoat(CWD, &passwords, Mode::RWXU).unwrap();
    venue.hang_up();
    assert!(venue.says("[passwords_reread_failed]"));
    assert!(logs_in(&place, "DEMO01", "one"), "the old passwords stay");
    venue.stop();
}

#[test]
fn a_venue_does_not_start_with_a_password_file_without_a_user() {
    let mut place = Place::new();
    let passwords = place.file("passwords");
    std::fs::write(&passwords, "# nobody\n").unwrap();
    place.set("GATEWAY__PASSWORDS", passwords.to_str().unwrap());
    let (status, said) = Venue::spawn(&place).ends();
    assert_eq!(status.code(), Some(5), "{said}");
    assert!(said.contains("no user has a password"), "{said}");
}

#[test]
fn a_log_on_a_full_disk_loses_lines_and_nothing_else() {
    let mut place = Place::new();
    place.set("LOG__FILE", "/dev/full");
    let venue = Venue::spawn(&place);
    wait_until("it listens", || TcpStream::connect(place.at(ORDERS)).is_ok());
    venue.trade(&place);
    venue.stop();
}

/// Logs in and stays connected, so that the clean end of a venue takes two seconds.
fn stays(place: &Place) -> TcpStream {
    let line = TcpStream::connect(place.at(ORDERS)).unwrap();
    log_in(&line, "DEMO01", "ringside");
    line
}

#[test]
fn a_second_sigterm_does_not_cut_the_clean_end_short() {
    let place = Place::new();
    let venue = place.start();
    let _client = stays(&place);
    venue.ask_to_end();
    assert!(venue.says("SIGTERM: the venue ends"));
    venue.ask_to_end();
    assert!(venue.says("is ending already"));
    let (status, said) = venue.ends();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("[ended "), "{said}");
}

#[test]
fn a_third_sigterm_ends_at_once() {
    let place = Place::new();
    let venue = place.start();
    let _client = stays(&place);
    venue.ask_to_end();
    assert!(venue.says("SIGTERM: the venue ends"));
    venue.ask_to_end();
    assert!(venue.says("is ending already"));
    venue.ask_to_end();
    let (status, said) = venue.ends();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("[stopped] ringside: stopped: SIGTERM came again"), "{said}");
    assert!(!said.contains("[ended "), "{said}");
    place.start().stop();
}
