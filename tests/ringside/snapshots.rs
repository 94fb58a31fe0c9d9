//! Snapshots from the side of the user: a restart from a snapshot is like any other restart, but
//! shorter.

use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringside"));
        command.args(args).arg("--journal").arg(self.journal());
        // No snapshots are taken except on request.
        command.env("RINGSIDE__SNAPSHOTS__MAX_RESTART_SECONDS", "0");
        command.env("RINGSIDE__JOURNAL__SEGMENT_BYTES", "65536");
        command
    }

    fn ask(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&succeeded(&self.ask(&[args, &["--json"]].concat()))).unwrap()
    }

    /// Runs a session; returns the reports and the summary.
    #[track_caller]
    fn exec(&self, session: &str) -> (String, Value) {
        let (file, summary) = (self.dir.path().join("s.jsonl"), self.dir.path().join("s.json"));
        std::fs::write(&file, session).unwrap();
        let args = ["exec", file.to_str().unwrap(), "--json-summary", summary.to_str().unwrap()];
        let reports = succeeded(&self.ask(&args));
        (reports, serde_json::from_str(&std::fs::read_to_string(summary).unwrap()).unwrap())
    }

    fn snapshots(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.journal()).unwrap().map(|entry| entry.unwrap().path());
        let mut found: Vec<_> =
            files.filter(|p| p.extension().is_some_and(|e| e == "snap")).collect();
        found.sort();
        found
    }
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Returns a part of a session that makes most kinds of reports and uses ids of earlier parts. Each
/// part begins on a day that has ended; every second one begins with a session that may enter
/// nothing.
fn part(number: u64, orders: u64) -> String {
    let mut session = String::new();
    if number == 0 {
        for symbol in ["AAPL", "MSFT", "XY"] {
            writeln!(
                session,
                r#"{{"op":"symbol","symbol":"{symbol}","tick":"0.01","collar_bps":500}}"#
            )
            .unwrap();
        }
        session += "{\"op\":\"session\",\"session\":\"B\",\"firm\":\"F\"}\n";
    }
    for id in number * orders + 1..=(number + 1) * orders {
        if id == number * orders + 20 {
            session += "{\"op\":\"start_of_day\"}\n";
        }
        let symbol = ["AAPL", "MSFT", "XY", "NONE"][(id * 7 % 31 % 4) as usize];
        let side = if id % 3 == 0 { "sell" } else { "buy" };
        let (who, price) = (["A", "B", "C"][(id % 3) as usize], 100 + id * 13 % 17);
        writeln!(
            session,
            r#"{{"op":"enter","session":"{who}","id":{id},"symbol":"{symbol}","side":"{side}","qty":{},"price":"{price}.00","stp":"cancel_oldest","tif":"{}"}}"#,
            1 + id % 50,
            if id % 10 == 0 { "day" } else { "gtc" }
        )
        .unwrap();
        let old = id * 5 % (id + 3);
        let who = ["A", "B", "C"][(old % 3) as usize];
        match id % 5 {
            0 => writeln!(session, r#"{{"op":"cancel","session":"{who}","id":{old}}}"#),
            1 => writeln!(session, r#"{{"op":"reduce","session":"{who}","id":{old},"qty":3}}"#),
            2 => writeln!(
                session,
                r#"{{"op":"replace","session":"{who}","id":{old},"new_id":{},"qty":9,"price":"108.00"}}"#,
                id + 1_000_000
            ),
            3 => writeln!(
                session,
                r#"{{"op":"modify","session":"{who}","id":{old},"side":"short","qty":5}}"#
            ),
            _ => writeln!(
                session,
                r#"{{"op":"enter","session":"{who}","id":{old},"symbol":"XY","side":"buy","type":"market","qty":2}}"#
            ),
        }
        .unwrap();
    }
    let enabled = number % 2 == 1;
    writeln!(session, r#"{{"op":"order_entry","session":"C","enabled":{enabled}}}"#).unwrap();
    session + "{\"op\":\"end_of_day\"}\n"
}

#[test]
fn what_holds_until_it_is_said_otherwise_still_holds_after_a_snapshot() {
    let place = Place::new();
    place.exec(
        r#"{"op":"symbol","symbol":"AAPL","tick":"0.01"}
           {"op":"order_entry","session":"A","enabled":false}
           {"op":"end_of_day"}"#,
    );
    let taken = place.json(&["snapshot"]);
    assert_eq!(taken["seqno"], 4);
    let enter = |session: &str, id: u64| {
        format!(
            r#"{{"op":"enter","session":"{session}","id":{id},"symbol":"AAPL","side":"buy","qty":1,"price":"1"}}"#
        )
    };
    let (reports, summary) = place.exec(
        &[
            &enter("A", 1),
            &enter("B", 1),
            "{\"op\":\"start_of_day\"}",
            &enter("A", 2),
            &enter("B", 2),
        ]
        .join("\n"),
    );
    assert_eq!(summary["restart"]["from_seqno"], 4);
    let reasons = serde_json::json!({ "closed": 2, "order_entry_disabled": 1 });
    assert_eq!(summary["reasons"], reasons, "{reports}");
    assert_eq!(summary["counts"]["accepted"], 1);
}

#[test]
fn a_venue_that_goes_on_from_a_snapshot_says_what_one_that_replayed_everything_says() {
    let (place, whole) = (Place::new(), Place::new());
    let mut bytes = [String::new(), String::new()];
    for number in 0..4 {
        // Recorded times make the reports comparable.
        let session: String = (0..)
            .zip(part(number, 1_500).lines())
            .map(|(i, line)| format!("{{\"ts\":{},{}\n", number * 1_000_000 + i + 1, &line[1..]))
            .collect();
        let (reports, summary) = place.exec(&session);
        let (expected, whole_summary) = whole.exec(&session);
        assert_eq!(summary["state_hash"], whole_summary["state_hash"], "part {number}");
        assert_eq!(summary["output_hash"], whole_summary["output_hash"], "part {number}");
        assert_eq!(whole_summary["restart"]["from_seqno"], 0);
        if number > 0 {
            assert_eq!(summary["restart"]["from_seqno"], summary["restart"]["seqno"]);
        }
        bytes[0] += &reports;
        bytes[1] += &expected;
        assert!(place.json(&["snapshot"])["orders"].as_u64().unwrap() > 100);
    }
    assert!(bytes[0] == bytes[1], "the same reports, byte for byte");
    let full = place.json(&["replay"]);
    for shards in ["1", "3"] {
        let short = place.json(&["replay", "--from-snapshot", "--shards", shards]);
        assert_eq!(short["from_seqno"], full["seqno"]);
        for key in ["state_hash", "output_hash", "reports", "live_orders"] {
            assert_eq!(short[key], full[key], "{key} on {shards} shards");
        }
    }
    assert_eq!(place.snapshots().len(), 3, "three are kept");
    // Earlier states are still available: one before the oldest snapshot, and one between two.
    for at in ["1000", "7000"] {
        let args = ["book", "AAPL", "--at", at];
        assert_eq!(place.json(&args)["bids"], whole.json(&args)["bids"]);
    }
}

#[test]
fn a_trade_is_broken_once_whatever_restarts_come_between() {
    let enter = |session: &str, id: u64, side: &str| {
        format!(
            r#"{{"op":"enter","session":"{session}","id":{id},"symbol":"X","side":"{side}","qty":5,"price":"12.00"}}"#
        )
    };
    let amend = |op: &str, number: u64, id: u64, more: &str| {
        format!(
            r#"{{"op":"{op}","match":{number},"resting_session":"A","resting_id":{id},"incoming_session":"B","incoming_id":{id}{more}}}"#
        )
    };
    let [first, second] = [5, 7].map(|seqno: u64| (seqno << 20) + 1);
    let break_trade = |number, id| amend("break_trade", number, id, "");
    let terms = r#","qty":5,"price":"10.00""#;
    let dear = terms.replace("10.00", "12.01");
    let before = [
        r#"{"op":"symbol","symbol":"X","tick":"0.01","reference":"10.00"}"#.into(),
        enter("A", 1, "buy"),
        enter("B", 1, "sell"),
        enter("A", 2, "buy"),
        enter("B", 2, "sell"),
        break_trade(first, 1),
        amend("correct_trade", second, 2, &terms.replace(":5", ":4")),
        r#"{"op":"bands","symbol":"X","low":"9.00","high":"12.00","band_bps":100}"#.into(),
    ];
    let after = [
        break_trade(first, 1),
        break_trade(99, 1),
        amend("correct_trade", first, 1, terms),
        amend("correct_trade", second, 2, terms),
        amend("correct_trade", second, 2, &dear.replace(":5", ":4")),
        break_trade(second, 2),
        break_trade(second, 2),
    ];
    for takes_snapshot in [false, true] {
        let place = Place::new();
        assert!(place.exec(&before.join("\n")).0.contains("\"corrected\""));
        if takes_snapshot {
            place.json(&["snapshot"]);
        }
        let (reports, summary) = place.exec(&after.join("\n"));
        assert_eq!(summary["restart"]["from_seqno"] != 0, takes_snapshot);
        let reports = reports.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let told: Vec<String> = reports
            .map(|report| format!("{} {}", report["report"], report["reason"]).replace('"', ""))
            .collect();
        let expected = [
            "rejected already_broken",
            "rejected unknown_trade",
            "rejected already_broken",
            "rejected invalid_quantity",
            "rejected invalid_price",
            "broken null",
            "broken null",
            "rejected already_broken",
        ];
        assert_eq!(told, expected, "with a snapshot: {takes_snapshot}");
    }
}

#[test]
fn a_damaged_snapshot_is_passed_over_for_the_one_before_and_then_for_the_journal() {
    let place = Place::new();
    for number in 0..3 {
        place.exec(&part(number, 300));
        place.json(&["snapshot"]);
    }
    let full = place.json(&["replay"]);
    let mut newest_first = place.snapshots();
    newest_first.reverse();
    for (damaged, file) in newest_first.iter().enumerate() {
        let mut bytes = std::fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 8;
        std::fs::write(file, bytes).unwrap();
        let output = place.ask(&["exec", "-", "--quiet"]);
        let said = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(output.status.success(), "{said}");
        assert_eq!(said.matches("is ignored").count(), damaged + 1, "{said}");
        let from = if damaged == 2 { "from the whole journal" } else { "from a snapshot at seqno" };
        assert!(said.contains(from), "{said}");
        assert_eq!(place.json(&["replay", "--from-snapshot"])["state_hash"], full["state_hash"]);
    }
}

#[test]
fn a_journal_that_ends_before_what_a_snapshot_proves_is_refused() {
    let place = Place::new();
    place.exec(&part(0, 300));
    let kept = place.dir.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    copy(&place.journal(), &kept);
    place.exec(&part(1, 300));
    place.json(&["snapshot"]);
    // The journal is replaced by its earlier copy, beside the later snapshot.
    for file in std::fs::read_dir(place.journal()).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|ending| ending == "seg" || ending == "sha256") {
            std::fs::remove_file(file).unwrap();
        }
    }
    copy(&kept, &place.journal());
    let output = place.ask(&["exec", "-"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("had been on the device"), "{said}");
}

fn copy(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}

#[test]
fn segments_go_when_two_snapshots_are_newer_and_the_venue_goes_on() {
    let place = Place::new();
    for number in 0..3 {
        place.exec(&part(number, 1_500));
        let output = place.ask(&["snapshot", "--retire-segments"]);
        let said = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(output.status.success(), "{said}");
        assert_eq!(said.contains("0 segments removed"), number == 0, "{said}");
    }
    assert!(!place.journal().join("00000001.seg").exists());
    assert!(!place.journal().join("00000001.sha256").exists());
    let output = place.ask(&["replay"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("the journal begins here") && said.contains("needs a snapshot"),
        "{said}"
    );
    let before = place.json(&["replay", "--from-snapshot"]);
    let (_, summary) = place.exec(&part(3, 300));
    assert!(summary["seqno"].as_u64() > before["seqno"].as_u64());
    assert_eq!(place.json(&["replay", "--from-snapshot"])["state_hash"], summary["state_hash"]);
}

/// A venue under load with a restart time that keeps the snapshotter busy; meanwhile snapshots are
/// taken by hand.
#[test]
fn snapshots_of_a_running_venue_follow_from_the_promised_restart_time() {
    let place = Place::new();
    let mut venue = place
        .command(&["exec", "-", "--quiet", "--idle", "backoff"])
        .env("RINGSIDE__SNAPSHOTS__MAX_RESTART_SECONDS", "0.1")
        .env("RINGSIDE__JOURNAL__SEGMENT_BYTES", "4194304")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = venue.stdin.take().unwrap();
    let mut said = BufReader::new(venue.stderr.take().unwrap()).lines();
    let taken = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&taken);
    let feeding = std::thread::spawn(move || {
        // Enough commands for one more snapshot, then few: the journal stays short if a snapshot
        // takes long, and grows until the next snapshot is due.
        const PARTS: u64 = 500;
        for number in 0.. {
            let taken = seen.load(Ordering::Relaxed);
            if taken < 3 && number >= PARTS * (taken + 1) {
                std::thread::sleep(Duration::from_millis(50));
            }
            if input.write_all(part(number, 2_000).as_bytes()).is_err() {
                break;
            }
        }
    });
    while taken.load(Ordering::Relaxed) < 3 {
        let line = said.next().expect("it says more").unwrap();
        assert!(!line.contains("no more snapshots"), "{line}");
        let is_taken = line.contains("snapshot at seqno") && line.contains("loads in");
        taken.fetch_add(u64::from(is_taken), Ordering::Relaxed);
    }
    let by_hand = place.json(&["snapshot"]);
    assert!(by_hand["seqno"].as_u64().unwrap() > 0);
    kill(&mut venue);
    feeding.join().unwrap();
    let full = place.json(&["replay"]);
    let short = place.json(&["replay", "--from-snapshot"]);
    assert!(short["from_seqno"].as_u64().unwrap() >= by_hand["seqno"].as_u64().unwrap());
    assert_eq!(short["state_hash"], full["state_hash"]);
    assert_eq!(short["output_hash"], full["output_hash"]);
    let (_, summary) = place.exec("");
    assert_eq!(summary["state_hash"], full["state_hash"]);
    succeeded(&place.ask(&["journal", "verify"]));
}

fn kill(venue: &mut Child) {
    venue.kill().unwrap();
    venue.wait().unwrap();
}
