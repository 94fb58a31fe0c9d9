//! Files of a served venue beside its journal can be lost or old: streams are rebuilt byte for
//! byte, a snapshot shortens a start and changes nothing. Also the operator's files: the report of
//! a day, passwords.

use crate::served::client::{Client, log_in};
use crate::served::life::Life;
use crate::served::{ORDERS, Place, checks};
use ringside_wire::client::soup::Broken;
use ringside_wire::ouch::Response;
use ringside_wire::soupbintcp::{Login, NOT_AUTHORIZED};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::Ordering;

/// Returns sessions that trade with each other, and a drop copy of them.
fn clients(place: &Place) -> Vec<Client> {
    let trading = ["DEMO01", "DEMO02", "LOAD01"].iter().zip(1..);
    let trading = trading.map(|(user, seed)| Client::trading(user, place.at(ORDERS), seed));
    trading.chain([Client::reading("DROP01", place.at(ORDERS), 0)]).collect()
}

/// Runs the venue: all clients first receive their earlier messages again, then trade until each
/// has received `wanted` further messages. Returns the output of the venue.
fn run(place: &Place, clients: &mut [Client], wanted: usize) -> String {
    let mut life = Life::default();
    life.wanted = wanted;
    life.quiet.store(wanted == 0, Ordering::Release);
    let (all, traders) = (clients.len(), clients.len() - 1);
    let venue = place.start();
    std::thread::scope(|scope| {
        for client in clients {
            scope.spawn(|| client.live(&life).unwrap());
        }
        let served = life.wait_until_proven(all) && life.wait_until_served(all);
        life.quiet.store(true, Ordering::Release);
        let settled = served && life.wait_until_settled(traders);
        life.over.store(true, Ordering::Release);
        let said = venue.said();
        assert!(settled, "{said}");
        venue.stop();
        said
    })
}

/// Number of messages that each session receives in a run of trading.
const SOME: usize = 1_000;

/// Returns the stored blocks, without the unused room behind them.
fn blocks(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let mut files = place.streams();
    files.retain(|name, bytes| {
        bytes.truncate(bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1));
        name.ends_with(".dat") && !bytes.is_empty()
    });
    files
}

#[test]
fn deleted_streams_are_made_again_byte_for_byte() {
    let place = Place::new();
    let mut clients = clients(&place);
    run(&place, &mut clients, SOME);
    let before = blocks(&place);
    let told: Vec<usize> = clients.iter().map(|client| client.kept.len()).collect();
    assert!(told.iter().all(|&messages| messages > 100), "{told:?}");
    for with_a_snapshot in [false, true] {
        if with_a_snapshot {
            assert!(place.run(&["snapshot"]).status.success());
        }
        for with_the_head in [false, true] {
            place.delete_streams(with_the_head);
            let said = run(&place, &mut clients, 0);
            assert!(said.contains("from the whole journal"), "{said}");
            assert!(blocks(&place) == before, "{with_a_snapshot} {with_the_head}");
            assert!(clients.iter().map(|client| client.kept.len()).eq(told.iter().copied()));
        }
    }
    // With the streams rebuilt, the snapshot is usable.
    let said = run(&place, &mut clients, 0);
    assert!(said.contains("from a snapshot"), "{said}");
    assert!(blocks(&place) == before);
}

#[test]
fn a_start_from_a_snapshot_goes_on_with_every_stream() {
    let place = Place::new();
    let mut clients = clients(&place);
    run(&place, &mut clients, SOME);
    for _ in 0..3 {
        assert!(place.run(&["snapshot"]).status.success());
        // The next start rebuilds the part of the streams behind the snapshot.
        for _ in 0..2 {
            let before: Vec<usize> = clients.iter().map(|client| client.kept.len()).collect();
            let said = run(&place, &mut clients, SOME / 2);
            assert!(said.contains("from a snapshot"), "{said}");
            let grew = clients.iter().zip(before).all(|(client, old)| client.kept.len() > old);
            assert!(grew, "every session goes on");
        }
    }
    let (copy, traders) = clients.split_last().unwrap();
    checks::is_copy(copy, traders).unwrap();
    assert!(checks::trades(traders).unwrap() > 100);
    // A start that replays the whole journal rebuilds the same bytes.
    let before = blocks(&place);
    place.delete_streams(true);
    run(&place, &mut clients, 0);
    assert!(blocks(&place) == before);
}

#[test]
fn the_report_of_a_day_has_the_trades_that_both_sides_were_told() {
    let place = Place::new();
    let mut clients = clients(&place);
    run(&place, &mut clients, SOME);
    let venue = place.start();
    let date = venue.said().split("session ").nth(1).unwrap()[..8].to_string();
    venue.kill();
    let date = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
    let date: jiff::civil::Date = date.parse().unwrap();

    // A test that runs over midnight has two days.
    let (mut lines, mut reported) = (0, [0; 3]);
    for date in [date, date.tomorrow().unwrap()] {
        let file = place.file(&format!("{date}.csv"));
        let words = ["report", &date.to_string(), "--json", "--out", file.to_str().unwrap()];
        let report = place.run(&words);
        assert_eq!(report.status.code(), Some(0), "{}", String::from_utf8_lossy(&report.stderr));
        lines += std::fs::read_to_string(file).unwrap().lines().skip(1).count() as u64;
        let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
        for symbol in report["symbols"].as_array().unwrap() {
            let notional = symbol["notional"].as_str().unwrap().replace('.', "");
            reported[0] += symbol["trades"].as_u64().unwrap();
            reported[1] += symbol["qty"].as_str().unwrap().parse::<u64>().unwrap();
            reported[2] += notional.parse::<u64>().unwrap();
        }
    }
    let mut told = [0; 3];
    for message in clients.iter().filter(|c| c.orders.is_some()).flat_map(|client| &client.kept) {
        if let Ok(Response::Executed(m, _)) = Response::parse(message)
            && m.liquidity_flag == b'R'
        {
            let (quantity, cents) = (u64::from(m.quantity.get()), m.price.get() / 100);
            told = [told[0] + 1, told[1] + quantity, told[2] + quantity * cents];
        }
    }
    assert!(told[0] > 100, "{told:?}");
    assert_eq!((reported, lines), (told, told[0]));
}

#[test]
fn a_file_of_passwords_lets_in_who_is_in_it() {
    let mut place = Place::new();
    let file = place.file("passwords");
    let password = |user: &str, password: &str| {
        let mut command = place.command(&[]);
        command.args(["password", file.to_str().unwrap(), user]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    };
    password("DEMO01", "first");
    password("DEMO02", "second");
    password("DEMO01", "changed");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("DEMO01") && !text.contains("second") && !text.contains("changed"));
    place.set("GATEWAY__PASSWORDS", file.to_str().unwrap());
    let venue = place.start();
    assert!(!venue.said().contains("every user's password"), "{}", venue.said());
    for (user, password, may) in [
        ("DEMO01", "changed", true),
        ("DEMO02", "second", true),
        ("demo02", "second", true),
        ("DEMO01", "first", false),
        ("DEMO01", "second", false),
        ("DEMO01", "", false),
        ("DEMO02", "ringside", false),
        ("LOAD01", "ringside", false),
        ("NOBODY", "ringside", false),
    ] {
        let login = Login {
            user: user.into(),
            password: password.into(),
            session: String::new(),
            number: 1,
            heartbeat_timeout_ms: None,
        };
        let refused = match log_in(place.at(ORDERS), &login).unwrap() {
            Ok(link) => {
                link.leave().unwrap();
                None
            }
            Err(Broken::Refused(reason)) => Some(reason),
            Err(broken) => panic!("{user}: {broken}"),
        };
        assert_eq!(refused, (!may).then_some(NOT_AUTHORIZED), "{user} {password}");
    }
    venue.stop();
}
