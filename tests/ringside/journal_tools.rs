//! The tools for journals: output, exit codes, and that an export is complete.

use ringside_model::frame::{FRAME_BYTES_MIN, Frame, FrameKind};
use ringside_model::report::ReportKind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const SYMBOL: &str = r#"{"op":"symbol","symbol":"AAPL","tick":"0.01","ts":1}"#;

/// Offset of the first frame of a segment, behind its header page.
const FIRST_FRAME: usize = 4096;

/// A folder with a few journals.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn dir(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().into()
    }

    /// Runs a session on a journal; returns its reports and its hashes.
    fn exec(&self, journal: &str, session: &str, more: &[&str]) -> (String, [Value; 2]) {
        let ending = if session.starts_with('{') { "jsonl" } else { "csv" };
        let file = self.dir(&format!("session.{ending}"));
        std::fs::write(&file, session).unwrap();
        let summary = self.dir("summary.json");
        let journal = self.dir(journal);
        let args = ["exec", &file, "--journal", &journal, "--json-summary", &summary];
        let output = run(&[&args, more].concat());
        let reports = succeeded(&output);
        let summary: Value = json(&std::fs::read_to_string(&summary).unwrap());
        (reports, ["state_hash", "output_hash"].map(|key| summary[key].clone()))
    }

    fn ask(&self, journal: &str, args: &[&str]) -> Output {
        run(&[args, &["--journal", &self.dir(journal)]].concat())
    }

    fn export(&self, journal: &str, args: &[&str]) -> String {
        succeeded(&self.ask(journal, &[&["journal", "export"], args].concat()))
    }

    fn diff(&self, a: &str, b: &str, more: &[&str]) -> Output {
        run(&[&["journal", "diff", &self.dir(a), &self.dir(b)], more].concat())
    }

    /// Changes the bytes of a journal's first segment.
    fn damage(&self, journal: &str, change: impl FnOnce(&mut [u8])) {
        let segment = self.path(journal).join("00000001.seg");
        let mut bytes = std::fs::read(&segment).unwrap();
        change(&mut bytes);
        std::fs::write(segment, bytes).unwrap();
    }
}

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringside"));
    // Small segments, so that journals have several.
    command.env("RINGSIDE__JOURNAL__SEGMENT_BYTES", "65536").args(args).output().unwrap()
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    text(output)
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

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// Returns a session that uses every operation and option, and in which a gateway finds no fault.
fn special_session() -> String {
    let mut lines: Vec<String> = [
        SYMBOL,
        r#"{"op":"symbol","symbol":"B\"R,K","tick":"0.25","lot":10,"collar_bps":900,"reference":"50.25"}"#,
        r#"{"op":"firm","firm":"F\\1"}"#,
        r#"{"op":"session","session":"A","firm":"F\\1"}"#,
        r#"{"op":"session","session":"C,\"C"}"#,
        r#"{"op":"replace","session":"B","id":900001,"new_id":900002,"qty":5,"price":"3.333"}"#,
        r#"{"op":"cancel","session":"B","id":900003}"#,
        r#"{"op":"reduce","session":"B","id":900003,"qty":0}"#,
        r#"{"op":"enter","session":"B","id":900004,"symbol":"AAPL","side":"buy","qty":5}"#,
        r#"{"op":"enter","session":"B","id":900005,"symbol":"AAPL","side":"buy","qty":5,"type":"market","price":"1"}"#,
        r#"{"op":"enter","session":"C,\"C","id":18446744073709551615,"symbol":"B\"R,K","side":"short_exempt","qty":100,"price":"50.00","firm":"F2","post_only":"slide","stp":"decrement","stp_group":7}"#,
        r#"{"op":"mass_cancel","session":"D","of_session":"C,\"C","of_firm":"F2","stp_group":7,"side":"sell","symbol":"B\"R,K"}"#,
        r#"{"op":"mass_cancel","session":"D","stp_group":0}"#,
        r#"{"op":"session","session":"N","firm":"F\\1","role":"order_entry"}"#,
        r#"{"op":"enter","session":"N","id":1,"symbol":"AAPL","side":"sell","qty":50,"price":"60.00","tif":"gtc","capacity":"agency","attributed":true}"#,
        r#"{"op":"enter","session":"N","id":2,"symbol":"AAPL","side":"buy","qty":5,"price":"60.00","capacity":"riskless"}"#,
        r#"{"op":"modify","session":"N","id":1,"side":"short","qty":40}"#,
        r#"{"op":"modify","session":"N","id":1,"side":"short_exempt"}"#,
        r#"{"op":"modify","session":"N","id":1,"qty":30}"#,
        r#"{"op":"modify","session":"N","id":1,"qty":0}"#,
        r#"{"op":"modify","session":"N","id":900006,"side":"buy"}"#,
        r#"{"op":"order_entry","session":"N","enabled":false,"id":77}"#,
        r#"{"op":"order_entry","session":"N","enabled":true}"#,
        r#"{"op":"account_query","session":"N"}"#,
        r#"{"op":"account_query","session":"N","next_id":500}"#,
        r#"{"op":"break_trade","match":19922945,"resting_session":"N","resting_id":1,"resting_text":" a, \"b\"","incoming_session":"N","incoming_id":2}"#,
        r#"{"op":"end_of_day"}"#,
        r#"{"op":"start_of_day"}"#,
        r#"{"op":"mass_cancel","session":"D","of_session":"N","cause":"disconnect","id":78}"#,
        r#"{"op":"mass_cancel","session":"D","of_session":"N","cause":"mass_cancel"}"#,
    ]
    .map(String::from)
    .into();
    let mut random = 1u64;
    for id in 1..=1500u64 {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let mut pick = |of: &[&'static str]| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            of[(random >> 33) as usize % of.len()]
        };
        let session = pick(&["A", "B", "C,\\\"C"]);
        let symbol = pick(&["AAPL", "AAPL", "B\\\"R,K"]);
        let side = pick(&["buy", "sell", "buy", "sell", "short"]);
        let stp =
            pick(&["none", "cancel_newest", "cancel_oldest", "cancel_both", "cancel_smallest"]);
        let (op, price) = (r#""op":"enter""#, pick(&["49.75", "50.00", "50.25", "50.50"]));
        let order = format!(
            r#"{op},"session":"{session}","id":{id},"symbol":"{symbol}","side":"{side}","stp":"{stp}""#
        );
        lines.push(match pick(&["limit", "limit", "ioc", "fok", "market", "mtl", "passive"]) {
            "limit" => format!(r#"{{{order},"qty":40,"price":"{price}"}}"#),
            "market" => format!(r#"{{{order},"qty":10,"type":"market"}}"#),
            "mtl" => format!(r#"{{{order},"qty":90,"type":"market_to_limit","tif":"gtc"}}"#),
            "passive" => format!(r#"{{{order},"qty":15,"price":"{price}","post_only":true}}"#),
            tif => format!(r#"{{{order},"qty":50,"price":"{price}","tif":"{tif}"}}"#),
        });
        let earlier = id - id.min(3);
        let total = ["", r#","qty":30"#][id as usize % 2];
        lines.push(match pick(&["reduce", "replace", "cancel", "mass_cancel", "modify"]) {
            "modify" => format!(r#"{{"op":"modify","session":"{session}","id":{earlier},"side":"{side}"{total}}}"#),
            "reduce" => format!(r#"{{"op":"reduce","session":"{session}","id":{earlier},"qty":20}}"#),
            "replace" => format!(r#"{{"op":"replace","session":"{session}","id":{earlier},"new_id":{},"qty":60,"price":"{price}"}}"#, id + 100_000),
            "mass_cancel" if id.is_multiple_of(20) => format!(r#"{{"op":"mass_cancel","session":"{session}"}}"#),
            _ => format!(r#"{{"op":"cancel","session":"{session}","id":{earlier}}}"#),
        });
    }
    lines.join("\n") + "\n"
}

fn enter(session: &str, id: u64, side: &str, qty: u64, price: &str) -> String {
    format!(
        r#"{{"op":"enter","session":"{session}","id":{id},"symbol":"AAPL","side":"{side}","qty":{qty},"price":"{price}","ts":{}}}"#,
        id + 1000
    )
}

fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn an_exported_session_runs_again_to_the_same_hashes() {
    let place = Place::new();
    let session = special_session();
    // Two runs and many segments: an export does not depend on either.
    let (first, rest) = session.split_at(session[..session.len() / 2].rfind('\n').unwrap() + 1);
    let (reports, _) = place.exec("original", first, &[]);
    let (more, hashes) = place.exec("original", rest, &["--shards", "3"]);
    assert!(place.path("original").join("00000002.seg").exists());
    let kinds = ["accepted", "executed", "canceled", "replaced", "restated", "mass_canceled"];
    let more_kinds = ["rejected", "defined", "modified", "trading_day", "order_entry_set"];
    let answers = ["account_queried", "broken"];
    for kind in kinds.iter().chain(&more_kinds).chain(&answers) {
        assert!((reports.clone() + &more).contains(&format!("\"report\":\"{kind}\"")), "{kind}");
    }

    let exported = place.export("original", &[]);
    assert!(!exported.contains("\"verdict\""), "a gateway finds nothing in these lines");
    let without_seq = |line: &str| {
        let (seq, rest) = line.split_once(',').unwrap();
        assert!(seq.starts_with("{\"seq\":"), "{line}");
        format!("{{{rest}\n")
    };
    let again: String = exported.lines().map(without_seq).collect();
    let (reports_again, hashes_again) = place.exec("again", &again, &["--plan", "single"]);
    assert_eq!(hashes_again, hashes);
    assert_eq!(reports_again, reports + &more);
    succeeded(&place.diff("original", "again", &[]));

    let exported = place.export("original", &["--csv"]);
    let csv: String = exported
        .lines()
        .map(|line| {
            let cells = line.split_once(',').unwrap().1;
            cells.strip_suffix(",verdict").or(cells.strip_suffix(',')).unwrap().to_string() + "\n"
        })
        .collect();
    assert_eq!(place.exec("from_csv", &csv, &[]).1, hashes);
    succeeded(&place.diff("original", "from_csv", &[]));
}

#[test]
fn commands_are_exported_as_the_journal_has_them_and_the_verdict_says_what_was_lost() {
    let place = Place::new();
    let session = lines(&[
        SYMBOL,
        &enter("A", 1, "buy", 100, "1.05"),
        &enter("A", 1, "buy", 100, "1.05"),
        &enter("A", 2, "buy", 7, "1.055"),
        r#"{"op":"enter","session":"A","id":3,"symbol":"MSFT","side":"sell","qty":7,"price":"9"}"#,
        r#"{"op":"enter","session":"A","id":4,"symbol":"AAPL","side":"sell","qty":7,"stop_price":"9"}"#,
        r#"{"op":"replace","session":"A","id":1,"new_id":5,"qty":7,"price":"1.001"}"#,
        r#"{"op":"mass_cancel","session":"A","symbol":"MSFT"}"#,
        r#"{"op":"symbol","symbol":"AAPL","tick":"0.5","lot":3}"#,
        r#"{"op":"cancel","session":"A","id":1}"#,
        r#"{"op":"cancel","session":"A","id":99}"#,
        r#"{"op":"break_trade","match":7,"resting_session":"A","resting_id":1,"incoming_session":"Z","incoming_id":1}"#,
        r#"{"op":"mass_cancel","session":"A","cause":"operator"}"#,
        r#"{"op":"order_entry","session":"A","enabled":false}"#,
        &enter("A", 6, "buy", 100, "1.05"),
        r#"{"op":"end_of_day"}"#,
        &enter("A", 7, "buy", 100, "1.05"),
        r#"{"op":"modify","session":"A","id":1,"qty":7}"#,
    ]);
    place.exec("journal", &session, &[]);
    let exported = place.export("journal", &[]);
    let without_ts = |line: &str| {
        let (head, rest) = line.split_once("\"ts\":").unwrap();
        format!("{head}{}", rest.split_once(',').unwrap().1)
    };
    let found: Vec<String> = exported.lines().map(without_ts).collect();
    let enter = r#""symbol":"AAPL","side":"buy","type":"limit","tif":"day""#;
    assert_eq!(
        found,
        [
            r#"{"seq":1,"op":"symbol","symbol":"AAPL","tick":"0.01","lot":1,"collar_bps":0}"#.into(),
            r#"{"seq":2,"op":"session","session":"A"}"#.into(),
            format!(r#"{{"seq":3,"op":"enter","session":"A","id":1,{enter},"qty":100,"price":"1.05"}}"#),
            format!(r#"{{"seq":4,"op":"enter","session":"A","id":1,{enter},"qty":100,"price":"1.05","verdict":"duplicate_id"}}"#),
            format!(r#"{{"seq":5,"op":"enter","session":"A","id":2,{enter},"qty":7,"verdict":"off_tick"}}"#),
            r#"{"seq":6,"op":"enter","session":"A","id":3,"side":"sell","type":"limit","tif":"day","qty":7,"verdict":"unknown_symbol"}"#.into(),
            r#"{"seq":7,"op":"enter","session":"A","id":4,"symbol":"AAPL","side":"sell","type":"limit","tif":"day","qty":7,"verdict":"unsupported"}"#.into(),
            r#"{"seq":8,"op":"replace","session":"A","id":1,"new_id":5,"qty":7,"price":"0","verdict":"off_tick"}"#.into(),
            r#"{"seq":9,"op":"mass_cancel","session":"A","of_session":"A","verdict":"unknown_symbol"}"#.into(),
            r#"{"seq":10,"op":"symbol","symbol":"AAPL","tick":"0.5","lot":3,"collar_bps":0,"verdict":"duplicate_name"}"#.into(),
            r#"{"seq":11,"op":"cancel","session":"A","id":1}"#.into(),
            r#"{"seq":12,"op":"cancel","session":"A","id":99}"#.to_string(),
            r#"{"seq":13,"op":"break_trade","match":7,"resting_session":"A","resting_id":1,"incoming_id":1,"verdict":"unknown_trade"}"#.into(),
            r#"{"seq":14,"op":"mass_cancel","session":"A","of_session":"A","cause":"operator"}"#.into(),
            r#"{"seq":15,"op":"order_entry","session":"A","enabled":false}"#.into(),
            format!(r#"{{"seq":16,"op":"enter","session":"A","id":6,{enter},"qty":100,"price":"1.05","verdict":"order_entry_disabled"}}"#),
            r#"{"seq":17,"op":"end_of_day"}"#.into(),
            format!(r#"{{"seq":18,"op":"enter","session":"A","id":7,{enter},"qty":100,"price":"1.05","verdict":"closed"}}"#),
            r#"{"seq":19,"op":"modify","session":"A","id":1,"qty":7}"#.into(),
        ]
    );
    let ts: Vec<u64> = exported.lines().map(|line| json(line)["ts"].as_u64().unwrap()).collect();
    assert_eq!(ts[..3], [1, 1001, 1001]);
    assert!(ts.is_sorted());

    let range = place.export("journal", &["--ndjson", "--commands", "--from", "4", "--to", "6"]);
    let expected: String = exported.lines().skip(3).take(3).map(|l| format!("{l}\n")).collect();
    assert_eq!(range, expected);
    // The CSV has the same fields, in the columns of its header.
    let csv = place.export("journal", &["--csv", "--from", "4", "--to", "4"]);
    assert_eq!(
        csv,
        "seq,ts,op,session,id,new_id,symbol,side,type,tif,qty,price,post_only,stp,stp_group,capacity,\
         attributed,firm,role,of_session,of_firm,cause,enabled,next_id,match,resting_session,\
         resting_id,resting_text,incoming_session,incoming_id,incoming_text,tick,lot,collar_bps,\
         reference,mode,stop_price,display_qty,refresh,seed,state,step,partition,version,orders,id_there,\
         peg,peg_offset,peg_limit,hidden,min_qty,expire_ts,at_band,at_short_test,at,random_ms,low,high,\
         band_bps,bid,offer,restricted,automatic,qty_max,notional_max,open_orders_max,\
         stops_max,pegs_max,minimums_max,slices_max,gross_notional_max,\
         orders_per_second_max,killed,prior_close,last,auction_collar_bps,extension_ms,extensions,waves_max,collar,verdict\n\
         4,1001,enter,A,1,,AAPL,buy,limit,day,100,1.05,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,duplicate_id\n"
    );
}

#[test]
fn exported_reports_are_those_of_a_replay_and_the_csv_says_the_same() {
    let place = Place::new();
    let (told, _) = place.exec("journal", &special_session(), &[]);
    assert_eq!(place.export("journal", &["--reports"]), told);
    let seq = |line: &str| json(line)["seq"].as_u64().unwrap();
    let in_range = |line: &&str| (700..=800).contains(&seq(line));
    let range: String = told.lines().filter(in_range).map(|line| format!("{line}\n")).collect();
    assert_eq!(place.export("journal", &["--reports", "--from", "700", "--to", "800"]), range);

    let csv = place.export("journal", &["--reports", "--csv"]);
    let mut records = csv.lines();
    let header = records.next().unwrap();
    assert_eq!(
        header,
        "seq,ix,ts,report,session,id,old_id,order,contra,match,symbol,side,qty,price,open,liquidity,\
         reason,code,event,enabled,next_id,count,what,name,tif,post_only,stp,stp_group,firm,capacity,\
         attributed,hidden,stop_price,auction,imbalance_side,imbalance,state,at,reopens_at,step,\
         partition,version,tick,auction_collar_bps,extension_ms,extensions,id_there,old_order,\
         low,high,reference,stands,pause_at,bid,offer,parked,restricted,automatic,prior_close,\
         last,until,lot,collar_bps,waves_max,durability"
    );
    assert!(csv.contains(",\"B\"\"R,K\","), "a name with a quote and a comma is quoted");
    assert_says_the_same(&csv, &told);
}

/// Compares reports in CSV with the same reports as lines of JSON.
#[track_caller]
fn assert_says_the_same(csv: &str, told: &str) {
    let mut records = csv.lines();
    let header = records.next().unwrap();
    assert_eq!(records.clone().count(), told.lines().count());
    for (record, line) in records.zip(told.lines()) {
        let cells: BTreeMap<&str, String> =
            header.split(',').zip(cells(record)).filter(|(_, cell)| !cell.is_empty()).collect();
        let Value::Object(fields) = json(line) else { panic!("{line}") };
        let fields: BTreeMap<&str, String> = fields
            .iter()
            .map(|(key, value)| {
                (key.as_str(), value.as_str().map_or(value.to_string(), str::to_string))
            })
            .filter(|(_, value)| !value.is_empty())
            .collect();
        assert_eq!(cells, fields);
    }
}

#[test]
fn the_csv_of_the_reports_has_every_field_of_the_corpus() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let files = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path());
    let mut kinds = BTreeSet::new();
    for file in files.filter(|file| file.extension().is_some_and(|ending| ending == "jsonl")) {
        let place = Place::new();
        let (file, journal) = (file.to_str().unwrap(), place.dir("journal"));
        succeeded(&run(&["exec", file, "--quiet", "--plan", "single", "--journal", &journal]));
        let told = place.export("journal", &["--reports"]);
        assert_says_the_same(&place.export("journal", &["--reports", "--csv"]), &told);
        kinds.extend(told.lines().map(|line| json(line)["report"].as_str().unwrap().to_string()));
    }
    let all = ReportKind::ALL.iter().filter(|&&kind| kind != ReportKind::StateHash);
    assert_eq!(kinds, all.map(|kind| kind.name().to_string()).collect());
}

/// Splits a record of RFC 4180 into its cells.
fn cells(record: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let (mut quoted, mut chars) = (false, record.chars().peekable());
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                cells.last_mut().unwrap().push(chars.next().unwrap());
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            _ => cells.last_mut().unwrap().push(char),
        }
    }
    cells
}

#[test]
fn an_export_that_begins_at_the_mass_cancel_of_a_kill_leaves_it_out() {
    let place = Place::new();
    let session = lines(&[
        SYMBOL,
        &enter("A", 1, "buy", 1, "1"),
        r#"{"op":"risk","session":"A","killed":true,"ts":2000}"#,
        r#"{"op":"cancel","session":"A","id":1,"ts":3000}"#,
    ]);
    place.exec("journal", &session, &[]);
    let exported = place.export("journal", &[]);
    let seqnos = |text: &str| -> Vec<u64> {
        text.lines().map(|line| json(line)["seq"].as_u64().unwrap()).collect()
    };
    assert_eq!(seqnos(&exported), [1, 2, 3, 4, 6]);
    assert_eq!(seqnos(&place.export("journal", &["--from", "5"])), [6]);
    assert_eq!(place.export("journal", &["--from", "5", "--to", "5"]), "");
}

#[test]
fn an_export_of_nothing_says_where_the_journal_ends() {
    let place = Place::new();
    place.exec("journal", &lines(&[SYMBOL, &enter("A", 1, "buy", 1, "1")]), &[]);
    for what in [&["--commands"][..], &["--reports"], &["--csv"]] {
        let output = place.ask("journal", &[&["journal", "export", "--from", "4"], what].concat());
        assert_fails(&output, 1, &["the journal ends at seqno 3, before 4"]);
        assert_eq!(text(&output), "");
        let args = [&["journal", "export", "--from", "3", "--to", "2"], what].concat();
        assert_fails(&place.ask("journal", &args), 1, &["--from 3", "--to 2"]);
    }
    assert_eq!(place.export("journal", &["--from", "3", "--to", "9"]).lines().count(), 1);
    assert_fails(&place.ask("journal", &["journal", "export", "--csv", "--ndjson"]), 2, &["--csv"]);
}

#[test]
fn an_export_ends_when_nobody_reads_it_and_fails_when_it_cannot_be_written() {
    let place = Place::new();
    place.exec("journal", &special_session(), &[]);
    let journal = place.dir("journal");
    for what in ["--commands", "--reports"] {
        let mut export = Command::new(env!("CARGO_BIN_EXE_ringside"));
        export.args(["journal", "export", what, "--journal", &journal]);
        let mut head = export.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(head.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(json(&line)["seq"], 1);
        let output = head.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        assert_fails(&export.stdout(full).output().unwrap(), 1, &["standard output"]);
    }
}

#[test]
fn an_export_of_a_damaged_journal_gives_what_comes_before_and_fails() {
    let place = Place::new();
    let session = [SYMBOL, &enter("A", 1, "buy", 1, "1"), &enter("A", 2, "buy", 1, "1")];
    place.exec("journal", &lines(&session), &[]);
    let whole = place.export("journal", &[]);
    place
        .damage("journal", |bytes| *frames_of(bytes, FrameKind::Enter)[1].last_mut().unwrap() ^= 1);
    let output = place.ask("journal", &["journal", "export"]);
    assert_fails(&output, 4, &["00000001.seg"]);
    assert_eq!(text(&output).lines().count(), 3);
    assert!(whole.starts_with(&text(&output)));
}

/// Returns the frames of one kind in the bytes of a segment.
fn frames_of(bytes: &mut [u8], kind: FrameKind) -> Vec<&mut [u8]> {
    let mut rest = &mut bytes[FIRST_FRAME..];
    let mut found = vec![];
    while let Some(frame) = Frame::read(rest) {
        let (bytes, behind) = rest.split_at_mut(frame.bytes().len());
        if frame.kind() == Some(kind) {
            found.push(bytes);
        }
        rest = behind;
    }
    found
}

#[test]
fn journals_with_the_same_commands_are_equal_however_they_were_written() {
    let place = Place::new();
    let session = place.export_of(&special_session());
    let (first, rest) = session.split_at(session[..session.len() / 3].rfind('\n').unwrap() + 1);
    place.exec("a", &session, &["--plan", "single"]);
    place.exec("b", first, &[]);
    place.exec("b", rest, &["--shards", "2"]);
    let commands = session.lines().count();
    let output = place.diff("a", "b", &[]);
    assert_eq!(succeeded(&output), format!("equal: {commands} commands\n"));
    let found = json(&succeeded(&place.diff("a", "b", &["--json"])));
    assert_eq!((&found["outcome"], &found["equal"]), (&"equal".into(), &commands.into()));

    // The journals differ bit for bit: the first frame holds the time of the start.
    let output = place.diff("a", "b", &["--bytes"]);
    assert_fails(&output, 3, &["0 frames before it are equal"]);
    assert!(text(&output).contains("epoch_start"), "{}", text(&output));
    std::fs::create_dir(place.path("copy")).unwrap();
    for file in std::fs::read_dir(place.path("b")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), place.path("copy").join(file.file_name())).unwrap();
    }
    assert!(succeeded(&place.diff("b", "copy", &["--bytes"])).starts_with("equal: "));
}

impl Place {
    /// Returns a session with the times of its first run: running it again makes the same commands.
    fn export_of(&self, session: &str) -> String {
        self.exec("recorded", session, &[]);
        let exported = self.export("recorded", &[]);
        exported.lines().map(|line| format!("{{{}\n", line.split_once(',').unwrap().1)).collect()
    }
}

#[test]
fn segments_of_another_length_are_no_difference() {
    let place = Place::new();
    let session = place.export_of(&special_session());
    place.exec("a", &session, &[]);
    let file = place.dir("session.jsonl");
    let output = Command::new(env!("CARGO_BIN_EXE_ringside"))
        .args(["exec", &file, "--quiet", "--journal", &place.dir("b")])
        .env("RINGSIDE__JOURNAL__SEGMENT_BYTES", "1048576")
        .output()
        .unwrap();
    succeeded(&output);
    let segments = |name: &str| std::fs::read_dir(place.path(name)).unwrap().count();
    assert!(segments("a") > segments("b"));
    succeeded(&place.diff("a", "b", &[]));
}

#[test]
fn the_first_difference_is_named_with_its_fields_on_both_sides() {
    let place = Place::new();
    let same = [SYMBOL, &enter("A", 1, "buy", 1, "1")];
    let other = enter("A", 2, "sell", 30, "2.50");
    let dearer = other.replace("2.50", "2.51");
    let later = other.replace("1002", "1003");
    let cancel = r#"{"op":"cancel","session":"A","id":1,"ts":1002}"#;
    for (name, last) in
        [("a", &other[..]), ("dearer", &dearer), ("later", &later), ("kind", cancel)]
    {
        place.exec(name, &lines(&[same[0], same[1], last]), &[]);
    }
    let found = |b: &str| {
        let output = place.diff("a", b, &["--json"]);
        assert_fails(&output, 3, &["first difference is at seqno 4"]);
        json(&text(&output))
    };
    let dearer = found("dearer");
    assert_eq!(dearer["fields"], serde_json::json!({ "price": { "a": 250, "b": 251 } }));
    assert_eq!((&dearer["outcome"], &dearer["equal"]), (&"differ".into(), &3.into()));
    for (side, price) in [("a", "2.50"), ("b", "2.51")] {
        let next = &dearer[side]["next"];
        assert_eq!((&next["seq"], &next["kind"]), (&4.into(), &"enter".into()));
        assert_eq!(next["command"]["price"], price);
        let file = Path::new(dearer[side]["dir"].as_str().unwrap()).join("00000001.seg");
        assert_eq!(next["file"], file.to_str().unwrap());
        // The frame is at the printed offset.
        let offset = next["offset"].as_u64().unwrap() as usize;
        let frame = Frame::read(&std::fs::read(file).unwrap()[offset..]).unwrap();
        assert_eq!((frame.kind(), frame.header.seqno), (Some(FrameKind::Enter), 4));
    }
    assert_eq!(found("later")["fields"], serde_json::json!({ "ts": { "a": 1002, "b": 1003 } }));
    let kinds = serde_json::json!({ "a": "enter", "b": "cancel" });
    assert_eq!(found("kind")["fields"]["kind"], kinds);

    let printed = text(&place.diff("a", "kind", &[]));
    assert!(printed.contains("price           A 250  B -\n"), "{printed}");
    let text = text(&place.diff("a", "dearer", &[]));
    let words = [
        "A  seqno 4 enter",
        "00000001.seg offset ",
        r#""price":"2.51""#,
        "price           A 250  B 251",
    ];
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

#[test]
fn a_journal_that_goes_on_is_told_from_one_that_differs() {
    let place = Place::new();
    let session = [SYMBOL, &enter("A", 1, "buy", 1, "1"), &enter("A", 2, "buy", 1, "1")];
    place.exec("short", &lines(&session[..2]), &[]);
    place.exec("long", &lines(&session), &[]);
    place.exec("long", &lines(&[&enter("A", 3, "buy", 1, "1")]), &[]);
    for (a, b, sentence) in [
        ("short", "long", "A is a prefix of B: 3 commands are equal, B has 2 more"),
        ("long", "short", "B is a prefix of A: 3 commands are equal, A has 2 more"),
    ] {
        let output = place.diff(a, b, &[]);
        assert_fails(&output, 3, &[sentence]);
        assert!(text(&output).contains("seqno 4 enter"), "{}", text(&output));
        let found = json(&text(&place.diff(a, b, &["--json"])));
        assert_eq!((&found["outcome"], &found["more"]), (&"prefix".into(), &2.into()));
        assert_eq!(found["prefix"], if a == "short" { "a" } else { "b" });
    }
}

#[test]
fn a_damaged_or_missing_journal_is_no_difference() {
    let place = Place::new();
    let session = lines(&[SYMBOL, &enter("A", 1, "buy", 1, "1"), &enter("A", 2, "buy", 1, "1")]);
    place.exec("a", &session, &[]);
    place.exec("b", &session, &[]);
    place.damage("b", |bytes| *frames_of(bytes, FrameKind::Enter)[0].last_mut().unwrap() ^= 1);
    for (a, b) in [("a", "b"), ("b", "a")] {
        for more in [&[][..], &["--json"]] {
            assert_fails(&place.diff(a, b, more), 4, &["00000001.seg", "corrupt at offset"]);
        }
    }
    assert_fails(&place.diff("a", "nowhere", &[]), 1, &["nowhere", "no journal here"]);
    let mut other = Command::new(env!("CARGO_BIN_EXE_ringside"));
    other.args(["journal", "diff", &place.dir("a"), &place.dir("a")]);
    let output = other.env("RINGSIDE__VENUE__NAME", "elsewhere").output().unwrap();
    assert_fails(&output, 5, &["config hash"]);
}

#[test]
fn verify_is_a_list_of_checks() {
    let place = Place::new();
    let session = special_session();
    place.exec("journal", &session, &[]);
    place.exec("journal", r#"{"op":"cancel","session":"A","id":1}"#, &[]);
    let info = json(&succeeded(&place.ask("journal", &["journal", "info", "--json"])));
    assert_eq!(info["schema_version"], 2);
    let frames = info["frames"].as_u64().unwrap();
    assert_eq!(info["kinds"]["hash_probe"], 2);
    let verify = |more: &[&str]| place.ask("journal", &[&["journal", "verify"], more].concat());
    let thousands = format!("{},{:03}", frames / 1000, frames % 1000);
    assert_eq!(
        succeeded(&verify(&[])),
        format!(
            "ok     chain         {thousands} frames, up to seqno {}\n\
             ok     digests       {} of full segments agree\n\
             ok     snapshots     0 restored to the state that they say\n\
             ok     hash probes   2 compared\n",
            info["last_seqno"],
            info["segments"].as_u64().unwrap() - 1,
        )
    );
    let without = succeeded(&verify(&["--no-replay"]));
    assert!(without.starts_with("ok     chain") && without.lines().count() == 3, "{without}");
    let found = json(&succeeded(&verify(&["--json"])));
    assert_eq!(found["ok"], true);
    let counts = ["chain", "hash probes"].map(|name| {
        let checks = found["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["check"] == name).unwrap();
        assert_eq!(check["result"], "ok");
        check["count"].as_u64().unwrap()
    });
    assert_eq!(counts, [frames, 2]);
}

#[test]
fn verify_compares_every_hash_probe_whatever_the_interval_is_now() {
    let place = Place::new();
    let cancel = |id| format!("{{\"op\":\"cancel\",\"session\":\"A\",\"id\":{id}}}\n");
    let session: String = (1..=10_000).map(cancel).collect();
    let file = place.dir("session.jsonl");
    std::fs::write(&file, session).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringside"));
    command.env("RINGSIDE__ENGINE__HASH_PROBE_INTERVAL", "1000");
    command.args(["exec", &file, "--quiet", "--plan", "single", "--journal"]);
    succeeded(&command.arg(place.dir("journal")).output().unwrap());
    let info = json(&succeeded(&place.ask("journal", &["journal", "info", "--json"])));
    let probes = info["kinds"]["hash_probe"].as_u64().unwrap();
    assert!(probes > 1);
    let verified = succeeded(&place.ask("journal", &["journal", "verify"]));
    assert!(verified.contains(&format!("{probes} compared\n")), "{verified}");
}

#[test]
fn a_wrong_hash_probe_and_a_broken_chain_have_codes_of_their_own() {
    let place = Place::new();
    let session = lines(&[SYMBOL, &enter("A", 1, "buy", 1, "1")]);
    place.exec("journal", &session, &[]);
    // A venue that computed another state hash and wrote a valid journal.
    place.damage("journal", |bytes| {
        let mark = frames_of(bytes, FrameKind::CommitMark).pop().unwrap();
        let previous = Frame::read(mark).unwrap().header.crc;
        let probe = frames_of(bytes, FrameKind::HashProbe).pop().unwrap();
        probe[FRAME_BYTES_MIN - 16] ^= 1;
        let crc = Frame::read(probe).unwrap().checksum(previous);
        probe[4..8].copy_from_slice(&crc.to_le_bytes());
    });
    let output = place.ask("journal", &["journal", "verify"]);
    assert_fails(&output, 3, &["the replay diverged between seqno 0 and 3"]);
    let printed = text(&output);
    assert!(
        printed.contains("ok     chain") && printed.contains("FAILED hash probes"),
        "{printed}"
    );
    succeeded(&place.ask("journal", &["journal", "verify", "--no-replay"]));

    place
        .damage("journal", |bytes| *frames_of(bytes, FrameKind::Enter)[0].last_mut().unwrap() ^= 1);
    let output = place.ask("journal", &["journal", "verify"]);
    assert_fails(&output, 4, &["00000001.seg"]);
    let printed = text(&output);
    assert!(printed.contains("FAILED chain"), "{printed}");
    assert!(printed.contains("-      hash probes   not run"), "{printed}");
    let found = json(&text(&place.ask("journal", &["journal", "verify", "--json"])));
    assert_eq!((&found["ok"], &found["checks"][0]["result"]), (&false.into(), &"failed".into()));
}

#[test]
fn explain_says_that_an_order_traded_in_an_auction() {
    let place = Place::new();
    let state = |state| format!(r#"{{"op":"state","symbol":"AAPL","state":"{state}"}}"#);
    let session = lines(&[
        SYMBOL,
        &state("pre_open"),
        &enter("A", 1, "buy", 100, "1.00"),
        &enter("B", 1, "sell", 10, "1.00"),
        &state("open"),
    ]);
    // Order 4 is of A, order 6 of B.
    place.exec("journal", &session, &[]);
    for (order, other) in [("4", "6 of B"), ("6", "4 of A")] {
        let printed = succeeded(&place.ask("journal", &["explain", order]));
        let cause =
            format!("seqno 7 (set_state): traded in the opening auction with order {other}, id 1");
        assert!(printed.contains(&cause), "{printed}");
    }
}

#[test]
fn explain_tells_a_slice_that_came_to_rest_in_the_command_at_hand_from_an_order_on_entry() {
    let place = Place::new();
    let session = [
        r#"{"op":"symbol","symbol":"X","tick":"0.01"}"#,
        r#"{"op":"enter","session":"A","id":1,"symbol":"X","side":"sell","qty":6,"price":"1.00","display_qty":3}"#,
        r#"{"op":"enter","session":"B","id":1,"symbol":"X","side":"buy","qty":4,"price":"1.00"}"#,
    ];
    place.exec("journal", &lines(&session), &[]);
    let printed = succeeded(&place.ask("journal", &["explain", "3", "--chain"]));
    let said: Vec<&str> = printed.lines().filter(|line| line.starts_with("seqno 5")).collect();
    let expected = [
        "seqno 5 (enter): traded with the incoming order 5 of B, id 1",
        "seqno 5 (enter): 3 of 3 shown, as order 17592186044421",
        "seqno 5 (enter): traded with the incoming order 5 of B, id 1",
    ];
    assert_eq!(said, expected, "{printed}");
}

#[test]
fn explain_names_sender_contra_and_chain() {
    let place = Place::new();
    let session = lines(&[
        SYMBOL,
        &enter("A", 1, "buy", 100, "1.00"),
        &enter("B", 1, "sell", 10, "1.00"),
        r#"{"op":"replace","session":"A","id":1,"new_id":2,"qty":80,"price":"1.01","ts":3001}"#,
        r#"{"op":"replace","session":"A","id":2,"new_id":3,"qty":70,"price":"1.02","ts":3002}"#,
        &enter("C", 4000, "sell", 20, "1.02"),
        r#"{"op":"mass_cancel","session":"D","of_session":"A","ts":6000}"#,
    ]);
    // Order 3 is A's order 1, order 5 is B's, 6 and 7 are the replaces, 9 is C's, 11 is the mass
    // cancel.
    let (told, _) = place.exec("journal", &session, &[]);
    let explain = |order: &str, more: &[&str]| {
        succeeded(&place.ask("journal", &[&["explain", order], more].concat()))
    };
    let causes = |order: &str, more: &[&str]| -> Vec<String> {
        let printed = explain(order, more);
        printed.lines().filter(|line| !line.starts_with(' ')).map(String::from).collect()
    };
    let chain = "one replaced the other: orders 3, 6, 7";
    assert_eq!(
        causes("3", &[]),
        [
            chain,
            "seqno 3 (enter): accepted",
            "seqno 5 (enter): traded with the incoming order 5 of B, id 1",
            "seqno 6 (replace): gave its place to order 6, id 2",
        ]
    );
    assert_eq!(
        causes("6", &[]),
        [
            chain,
            "seqno 6 (replace): took the place of order 3, id 1",
            "seqno 7 (replace): gave its place to order 7, id 3",
        ]
    );
    let whole = [
        chain,
        "seqno 3 (enter): accepted",
        "seqno 5 (enter): traded with the incoming order 5 of B, id 1",
        "seqno 6 (replace): took the place of order 3, id 1",
        "seqno 7 (replace): took the place of order 6, id 2",
        "seqno 9 (enter): traded with the incoming order 9 of C, id 4000",
        "seqno 11 (mass_cancel): canceled. A mass cancel covered it.",
    ];
    for order in ["3", "6", "7"] {
        assert_eq!(causes(order, &["--chain"]), whole);
    }
    assert_eq!(
        causes("9", &[]),
        ["seqno 9 (enter): accepted", "seqno 9 (enter): traded on entry with order 7 of A, id 3"]
    );
    let printed = explain("7", &[]);
    let sent =
        r#"    sent      {"seq":11,"ts":6000,"op":"mass_cancel","session":"D","of_session":"A"}"#;
    assert!(printed.contains(sent), "{printed}");

    let events: Vec<Value> = explain("7", &["--json"]).lines().map(json).collect();
    assert_eq!(events.len(), 3);
    for event in &events {
        assert_eq!(event["chain"], serde_json::json!([3, 6, 7]));
        assert_eq!(event["schema_version"], 2);
        let line = told.lines().map(json).find(|line| *line == event["event"]);
        assert!(line.is_some(), "{event}");
        assert_eq!(event["sent"]["seq"], event["event"]["seq"]);
    }
    let senders: Vec<[&Value; 3]> = events
        .iter()
        .map(|event| [&event["command"], &event["sent"]["session"], &event["sent"]["id"]])
        .collect();
    assert_eq!(
        serde_json::json!(senders),
        serde_json::json!([["replace", "A", 2], ["enter", "C", 4000], ["mass_cancel", "D", null]])
    );
    let contra = serde_json::json!({ "order": 9, "session": "C", "id": 4000 });
    assert_eq!(events[1]["contra"], contra);
    assert_eq!(events[0].get("contra"), None);

    for no_order in ["1", "4", "11", "99"] {
        assert_fails(&place.ask("journal", &["explain", no_order]), 1, &[no_order]);
    }
}

#[test]
fn explain_tells_of_modifications_broken_trades_and_the_end_of_the_day() {
    let place = Place::new();
    let session = lines(&[
        SYMBOL,
        &enter("A", 1, "sell", 100, "1.00"),
        r#"{"op":"modify","session":"A","id":1,"side":"short","qty":80,"ts":3000}"#,
        &enter("B", 4000, "buy", 10, "1.00"),
        r#"{"op":"replace","session":"A","id":1,"new_id":2,"qty":70,"price":"1.01","ts":6000}"#,
        r#"{"op":"modify","session":"A","id":2,"qty":60}"#,
        r#"{"op":"break_trade","match":6291457,"resting_session":"A","resting_id":1,"incoming_session":"B","incoming_id":4000}"#,
        r#"{"op":"end_of_day"}"#,
        r#"{"op":"break_trade","match":1,"resting_session":"A","resting_id":1,"incoming_session":"B","incoming_id":4000}"#,
    ]);
    // Order 3 is A's order 1, 4 is its modify, 6 is B's order, 7 is the replace.
    let (told, _) = place.exec("journal", &session, &[]);
    let causes = |order: &str, more: &[&str]| -> Vec<String> {
        let output = place.ask("journal", &[&["explain", order], more].concat());
        let printed = succeeded(&output);
        printed.lines().filter(|line| !line.starts_with(' ')).map(String::from).collect()
    };
    let chain = "one replaced the other: orders 3, 7";
    let first = [
        "seqno 3 (enter): accepted",
        "seqno 4 (modify): modified to short, 80 open, 20 less than before",
        "seqno 6 (enter): traded with the incoming order 6 of B, id 4000",
    ];
    let second = "seqno 8 (modify): modified to short, 50 open, 10 less than before";
    let broken = "seqno 9 (break_trade): its trade 6291457 was taken back";
    let end = "seqno 10 (trading_day): canceled. Its time in force ended.";
    let left = "seqno 7 (replace): gave its place to order 7, id 2";
    let took = "seqno 7 (replace): took the place of order 3, id 1";
    assert_eq!(causes("3", &[]), [&[chain], &first[..], &[left, broken]].concat());
    assert_eq!(causes("7", &[]), [chain, took, second, end]);
    let whole = [&[chain], &first[..], &[took, second, broken, end]].concat();
    assert_eq!(causes("3", &["--chain"]), whole);
    assert_eq!(causes("7", &["--chain"]), whole);
    assert_eq!(
        causes("6", &[]),
        [
            "seqno 6 (enter): accepted",
            "seqno 6 (enter): traded on entry with order 3 of A, id 1",
            broken
        ]
    );
    let events = succeeded(&place.ask("journal", &["explain", "6", "--json"]));
    let event = json(events.lines().last().unwrap());
    assert!(told.lines().map(json).any(|line| line == event["event"]), "{event}");
    assert_eq!(
        (&event["sent"]["op"], &event["sent"]["match"]),
        (&"break_trade".into(), &6291457.into())
    );
}

#[test]
fn explain_prints_the_terms_of_a_corrected_trade() {
    let place = Place::new();
    let correct = |qty, price| {
        format!(
            r#"{{"op":"correct_trade","match":5242881,"resting_session":"A","resting_id":1,"incoming_session":"B","incoming_id":1,"qty":{qty},"price":"{price}"}}"#
        )
    };
    let session = lines(&[
        SYMBOL,
        &enter("A", 1, "buy", 10, "1.05"),
        r#"{"op":"enter","session":"B","id":1,"symbol":"AAPL","side":"sell","qty":10,"price":"1.05"}"#,
        &correct(8, "1.05"),
        &correct(7, "1.10"),
    ]);
    place.exec("journal", &session, &[]);
    for order in ["3", "5"] {
        let printed = succeeded(&place.ask("journal", &["explain", order]));
        for cause in [
            "seqno 6 (correct_trade): its trade 5242881 was corrected to 8 at 1.05",
            "seqno 7 (correct_trade): its trade 5242881 was corrected to 7 at 1.10",
        ] {
            assert!(printed.lines().any(|line| line == cause), "{printed}");
        }
    }
}

#[test]
fn completions_end_when_nobody_reads_them_and_fail_when_they_cannot_be_written() {
    let mut completions = Command::new(env!("CARGO_BIN_EXE_ringside"));
    completions.args(["completions", "bash"]);
    let whole = succeeded(&completions.output().unwrap());
    assert!(whole.contains("_ringside"), "{whole}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = completions.stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    assert_fails(&completions.stdout(full).output().unwrap(), 1, &["standard output"]);
}

#[test]
fn the_report_of_a_day_says_what_became_of_its_trades_later() {
    const NEXT_DAY: u64 = 86_400_000_000_000;
    let place = Place::new();
    let amend = |op: &str, number: &Value, buy: u64, more: &str| {
        format!(
            r#"{{"op":"{op}","match":{number},"resting_session":"A","resting_id":{buy},"incoming_session":"B","incoming_id":{buy}{more},"ts":{NEXT_DAY}}}"#
        )
    };
    let orders: Vec<String> = (1..=3)
        .flat_map(|id| [enter("A", id, "buy", 10, "1.05"), enter("B", id, "sell", 10, "1.05")])
        .collect();
    let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
    let (reports, _) = place.exec("days", &lines(&[&[SYMBOL], &orders[..]].concat()), &[]);
    let executed = reports.lines().map(json).filter(|report| report["report"] == "executed");
    let matches: Vec<Value> = executed.step_by(2).map(|report| report["match"].clone()).collect();
    let amended = [
        amend("break_trade", &matches[0], 1, ""),
        amend("correct_trade", &matches[1], 2, r#","qty":9,"price":"1.00""#),
        amend("correct_trade", &matches[1], 2, r#","qty":8,"price":"1.02""#),
    ];
    let amended: Vec<&str> = amended.iter().map(String::as_str).collect();
    place.exec("days", &lines(&amended), &[]);

    let (file, sums) = (place.dir("trades.csv"), ["broken", "corrected", "symbols"]);
    let report = |date| {
        let said = succeeded(&place.ask("days", &["report", date, "--json", "--out", &file]));
        sums.map(|key| json(&said)[key].clone())
    };
    let total = serde_json::json!([{"symbol":"AAPL","trades":3,"qty":"30","notional":"31.50"}]);
    assert_eq!(report("1970-01-01"), [1.into(), 1.into(), total]);
    let text = std::fs::read_to_string(&file).unwrap();
    let ends: Vec<&str> = text.lines().map(|line| line.splitn(13, ',').last().unwrap()).collect();
    assert_eq!(ends, ["broken,corrected_qty,corrected_price", "true,,", "false,8,1.02", "false,,"]);
    // Amended trades do not belong to the day of their amendment.
    assert_eq!(report("1970-01-02"), [0.into(), 0.into(), serde_json::json!([])]);
}

#[test]
fn the_report_of_a_day_has_the_prices_in_the_ticks_of_their_times() {
    let place = Place::new();
    let change = r#"{"op":"change_symbol","symbol":"AAPL","tick":"0.05","ts":1500}"#;
    let pair = |id, price| {
        [("A", "buy"), ("B", "sell")].map(|(session, side)| enter(session, id, side, 10, price))
    };
    let ([buy, sell], [later_buy, later_sell]) = (pair(1, "1.02"), pair(600, "1.15"));
    place.exec("days", &lines(&[SYMBOL, &buy, &sell, change, &later_buy, &later_sell]), &[]);
    let file = place.dir("trades.csv");
    let said = succeeded(&place.ask("days", &["report", "1970-01-01", "--json", "--out", &file]));
    let total = serde_json::json!([{"symbol":"AAPL","trades":2,"qty":"20","notional":"21.70"}]);
    assert_eq!(json(&said)["symbols"], total);
    let text = std::fs::read_to_string(&file).unwrap();
    let prices: Vec<&str> =
        text.lines().skip(1).map(|line| line.split(',').nth(5).unwrap()).collect();
    assert_eq!(prices, ["1.02", "1.15"]);
}
