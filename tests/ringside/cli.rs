//! The program from the user's side: output and exit codes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const SYMBOL: &str = r#"{"op":"symbol","symbol":"AAPL","tick":"0.01","lot":1}"#;

fn ringside(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringside"));
    // The temporary folder may be on any file system.
    command.args(args).env("RINGSIDE__JOURNAL__ANY_FILESYSTEM", "true");
    command
}

fn run(args: &[&str]) -> Output {
    ringside(args).output().unwrap()
}

fn enter(id: u64, side: &str, price: &str) -> String {
    format!(
        r#"{{"op":"enter","session":"A","id":{id},"symbol":"AAPL","side":"{side}","qty":100,"price":"{price}"}}"#
    )
}

fn session_file(dir: &Path, lines: &[String]) -> String {
    let path = dir.join("session.jsonl");
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    path.to_str().unwrap().into()
}

#[track_caller]
fn assert_fails(output: &Output, code: i32, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn a_malformed_line_is_named_and_what_came_before_it_counts() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let bad = r#"{"op":"enter","session":"A","id":2,"sid":"buy"}"#.to_string();
    let lines = [SYMBOL.into(), enter(1, "buy", "1.00"), bad, enter(3, "buy", "1.00")];
    let file = session_file(dir.path(), &lines);
    let output = run(&["exec", &file, "--journal", journal.to_str().unwrap()]);
    assert_fails(&output, 1, &["session.jsonl:3:36:", "sid"]);
    let reports = String::from_utf8(output.stdout).unwrap();
    assert_eq!(reports.lines().filter(|line| line.contains("accepted")).count(), 1);
    let replayed = run(&["replay", "--reports", "--journal", journal.to_str().unwrap()]);
    assert_eq!(String::from_utf8(replayed.stdout).unwrap(), reports);
}

#[test]
fn wrong_usage_and_wrong_config_have_their_codes() {
    let dir = tempfile::tempdir().unwrap();
    let file = session_file(dir.path(), &[SYMBOL.into()]);
    assert_fails(&run(&["exec"]), 2, &["Usage"]);
    assert_fails(&run(&["exec", "/no/such/file"]), 1, &["/no/such/file"]);
    assert_fails(&run(&["exec", &file, "--config", "/no/such.toml"]), 5, &["/no/such.toml"]);
    let config = dir.path().join("config.toml");
    let cases = [
        ("[journal]\nspeed = 1\n", "speed"),
        ("[journal]\nsegment_bytes = 1000\n", "journal.segment_bytes"),
        ("[pipeline]\nring_slots = 1000\n", "pipeline.ring_slots"),
        ("[pipeline]\nshards = 0\n", "pipeline.shards"),
        ("[pipeline]\nidle = \"fast\"\n", "unknown idle strategy"),
        ("[pipeline]\nplan = \"sequencer\"\n", "pipeline.plan"),
        ("[journal]\ndurability = \"disk\"\n", "unknown durability"),
        ("[journal]\ngroup = \"no-such-group\"\n", "journal.group: /etc/group has no group"),
        (
            "[[schedule]]\nzone = \"Mars\"\nevents = [{ at = \"09:00\", state = \"open\" }]\n",
            "Mars",
        ),
        ("[[schedule]]\nevents = [{ at = \"09:00\", state = \"opened\" }]\n", "pre_open, open,"),
        ("[journal\n", "config.toml"),
    ];
    for (text, word) in cases {
        std::fs::write(&config, text).unwrap();
        let output = run(&["config", "check", "--config", config.to_str().unwrap()]);
        assert_fails(&output, 5, &[word]);
    }
    let mut overridden = ringside(&["config", "check"]);
    let output = overridden.env("RINGSIDE__PIPELINE__SHARDS", "1000").output().unwrap();
    assert_fails(&output, 5, &["pipeline.shards"]);
    let output =
        ringside(&["config", "check"]).env("RINGSIDE__PIPELINE__SHARD", "1").output().unwrap();
    assert_fails(&output, 5, &["shard", "RINGSIDE__"]);
}

#[test]
fn the_environment_wins_over_the_file_and_a_flag_over_both() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    std::fs::write(&config, "[pipeline]\nshards = 2\nbatch_max = 7\n").unwrap();
    let args = ["config", "print", "--config", config.to_str().unwrap()];
    let printed = |command: &mut Command| String::from_utf8(command.output().unwrap().stdout);
    let file_only = printed(&mut ringside(&args)).unwrap();
    assert!(file_only.contains("shards = 2") && file_only.contains("batch_max = 7"), "{file_only}");
    let mut environment = ringside(&args);
    environment.env("RINGSIDE__PIPELINE__SHARDS", "3");
    assert!(printed(&mut environment).unwrap().contains("shards = 3"));
    assert!(printed(environment.args(["--shards", "4"])).unwrap().contains("shards = 4"));
}

#[test]
fn the_configs_that_come_with_it_are_valid_and_dev_is_the_default() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let print = |args: &[&str]| run(&[&["config", "print"], args].concat()).stdout;
    let dev = root.join("dev.toml");
    assert_eq!(print(&["--config", dev.to_str().unwrap()]), print(&[]));
    for name in ["dev.toml", "bench.toml"] {
        let path = root.join(name);
        let output = run(&["config", "check", "--config", path.to_str().unwrap()]);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // The colocation config names cores that this machine may not have; everything else must be
    // right.
    let colo = root.join("colo.toml");
    let output = run(&["config", "check", "--config", colo.to_str().unwrap(), "--plan", "single"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_journal_in_use_missing_or_of_another_venue_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let journal = journal.to_str().unwrap();
    let file = session_file(dir.path(), &[SYMBOL.into(), enter(1, "buy", "1.00")]);
    for command in [&["replay"][..], &["journal", "info"], &["book", "AAPL"], &["explain", "1"]] {
        assert_fails(&run(&[command, &["--journal", journal]].concat()), 1, &["no journal here"]);
        assert_fails(&run(command), 5, &["--journal DIR"]);
    }
    let mut holder = interactive(&["exec", "-", "--journal", journal]);
    type_line(&mut holder, SYMBOL);
    assert!(read_line(&mut holder).contains("defined"));
    let refused = ["in use", journal, "journal.dir"];
    assert_fails(&run(&["exec", &file, "--journal", journal]), 1, &refused);
    std::fs::remove_file(Path::new(journal).join("LOCK")).unwrap();
    assert_fails(&run(&["exec", &file, "--journal", journal]), 1, &refused);
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    let mut other = ringside(&["exec", &file, "--journal", journal]);
    let output = other.env("RINGSIDE__VENUE__NAME", "elsewhere").output().unwrap();
    assert_fails(&output, 5, &["the config hash is"]);
}

#[test]
fn damage_is_refused_with_file_and_offset() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let file = session_file(dir.path(), &[SYMBOL.into(), enter(1, "buy", "1.00")]);
    let journal = journal.to_str().unwrap();
    let synced = ["exec", &file, "--journal", journal, "--durability", "fsync"];
    assert!(run(&synced).status.success());
    let segment = Path::new(journal).join("00000001.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[4096 + 64 + 40] ^= 4;
    std::fs::write(&segment, bytes).unwrap();
    for command in [&["replay"][..], &["journal", "verify"], &["exec", &file]] {
        let output = run(&[command, &["--journal", journal]].concat());
        assert_fails(&output, 4, &["00000001.seg", "offset 4160", "had been on the device"]);
    }
}

#[test]
fn questions_without_an_answer_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let file = session_file(dir.path(), &[SYMBOL.into(), enter(1, "buy", "1.00")]);
    let journal = journal.to_str().unwrap();
    assert!(run(&["exec", &file, "--journal", journal]).status.success());
    let ask = |args: &[&str]| run(&[args, &["--journal", journal]].concat());
    assert_fails(&ask(&["book", "MSFT"]), 1, &["MSFT"]);
    assert_fails(&ask(&["explain", "77"]), 1, &["77"]);
    assert_fails(&ask(&["replay", "--until", "99"]), 1, &["ends at seqno 3"]);
    let book = String::from_utf8(ask(&["book", "AAPL"]).stdout).unwrap();
    assert!(book.contains("100 (1)") && book.contains("1.00"), "{book}");
    let earlier = String::from_utf8(ask(&["book", "AAPL", "--at", "1"]).stdout).unwrap();
    assert!(!earlier.contains("100 (1)"), "{earlier}");
    let order = String::from_utf8(ask(&["explain", "3"]).stdout).unwrap();
    assert!(order.contains("seqno 3 (enter): accepted"), "{order}");
    let dump = String::from_utf8(ask(&["journal", "dump", "--json"]).stdout).unwrap();
    assert!(dump.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{dump}");
}

#[test]
fn a_book_and_the_counts_of_orders_have_none_that_are_over() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let gtt = |id: u64, end: u64| {
        format!(
            r#"{{"ts":1000,"op":"enter","session":"A","id":{id},"symbol":"AAPL","side":"sell","qty":5,"price":"10.00","tif":"gtt","expire_ts":{end}}}"#
        )
    };
    let later = r#"{"ts":1100,"op":"symbol","symbol":"MSFT","tick":"0.01"}"#;
    let first = SYMBOL.replacen('{', r#"{"ts":1000,"#, 1);
    let lines = [first, gtt(1, 1100), gtt(2, 1101), later.into()];
    let file = session_file(dir.path(), &lines);
    let journal = journal.to_str().unwrap();
    assert!(run(&["exec", &file, "--journal", journal]).status.success());
    let offers = |more: &[&str]| -> serde_json::Value {
        let book = run(&[&["book", "AAPL", "--json", "--journal", journal], more].concat());
        serde_json::from_slice::<serde_json::Value>(&book.stdout).unwrap()["offers"].take()
    };
    let level =
        |qty: &str, orders| serde_json::json!([{ "price": "10.00", "qty": qty, "orders": orders }]);
    assert_eq!(offers(&["--at", "4"]), level("10", 2));
    assert_eq!(offers(&[]), level("5", 1), "the first one is over");
    let count = |command: &str, field: &str| -> serde_json::Value {
        let told = run(&[command, "--json", "--journal", journal]);
        serde_json::from_slice::<serde_json::Value>(&told.stdout).unwrap()[field].take()
    };
    assert_eq!(count("replay", "live_orders"), 1);
    assert_eq!(count("snapshot", "orders"), 1);
    assert_eq!(offers(&[]), level("5", 1), "from a snapshot");
}

#[test]
fn recorded_times_are_the_official_ones_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let at = |line: &str, ts: u64| line.replacen('{', &format!("{{\"ts\":{ts},"), 1);
    let session = |lines: &[String]| session_file(dir.path(), lines);
    let reports = |file: &str| {
        let output = run(&["exec", file, "--journal", journal.to_str().unwrap()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let first = reports(&session(&[at(SYMBOL, 1_000), at(&enter(1, "buy", "1.00"), 2_000)]));
    assert!(first.contains("\"ts\":1000,") && first.contains("\"ts\":2000,"), "{first}");
    let second = reports(&session(&[
        at(&enter(2, "buy", "1.00"), 1_500),
        at(&enter(3, "buy", "1.00"), 3_000),
    ]));
    assert!(second.contains("\"ts\":2000,"), "time never falls: {second}");
    assert!(second.contains("\"ts\":3000,"), "{second}");
}

#[test]
fn sigterm_drains_and_exits_with_zero() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let journal = journal.to_str().unwrap();
    let mut child = interactive(&["exec", "-", "--journal", journal]);
    type_line(&mut child, SYMBOL);
    type_line(&mut child, &enter(1, "buy", "1.00"));
    for word in ["defined", "defined", "accepted"] {
        let line = read_line(&mut child);
        assert!(line.contains(word), "{line}");
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    let output = run(&["journal", "info", "--json", "--journal", journal]);
    let info: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&info["last_seqno"], &info["committed"], &info["tail"]),
        (&3.into(), &3.into(), &"clean".into())
    );
}

// The shipped program is compiled to abort, and has no planted bug that could panic.
#[cfg(debug_assertions)]
#[test]
fn a_panic_on_any_thread_ends_the_process_at_once() {
    use std::os::unix::process::ExitStatusExt;
    let dir = tempfile::tempdir().unwrap();
    let file = session_file(dir.path(), &[SYMBOL.into(), enter(1, "buy", "9.00")]);
    // A build with debug assertions panics if `RINGSIDE_PLANT` names an unknown bug.
    let output = ringside(&["exec", &file]).env("RINGSIDE_PLANT", "unknown").output().unwrap();
    assert_eq!(output.status.signal(), Some(6), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no such bug"));
}

fn interactive(args: &[&str]) -> Child {
    let mut command = ringside(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn type_line(child: &mut Child, line: &str) {
    let stdin = child.stdin.as_mut().unwrap();
    writeln!(stdin, "{line}").unwrap();
    stdin.flush().unwrap();
}

/// Reads a line one byte at a time, so that nothing behind the line is consumed.
fn read_line(child: &mut Child) -> String {
    let mut line = String::new();
    let stdout = child.stdout.as_mut().unwrap();
    BufReader::with_capacity(1, stdout).read_line(&mut line).unwrap();
    line
}
