//! Risk limits from the side of the person who sets them: lines in, reports out.

mod flow;

use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Output};

const SYMBOLS: &str = r#"{"op":"symbol","symbol":"X","tick":"0.01","reference":"10.00"}
{"op":"symbol","symbol":"Y","tick":"0.50"}
{"op":"session","session":"A","firm":"F"}
{"op":"session","session":"B","firm":"F"}
{"op":"session","session":"C","firm":"G"}
"#;

/// A journal in a folder of its own.
pub struct Place {
    dir: tempfile::TempDir,
    shards: u32,
}

impl Place {
    fn new(shards: u32) -> Self {
        Place { dir: tempfile::tempdir().unwrap(), shards }
    }

    /// Returns a journal with definitions of the symbols and the sessions.
    fn set_up() -> Self {
        let place = Place::new(2);
        place.exec(SYMBOLS);
        place
    }

    fn ask(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringside"));
        command.args(args).arg("--journal").arg(self.dir.path().join("journal"));
        command.env("RINGSIDE__SNAPSHOTS__MAX_RESTART_SECONDS", "0");
        command.env("RINGSIDE__JOURNAL__ANY_FILESYSTEM", "true");
        command.env("RINGSIDE__JOURNAL__DURABILITY", "pagecache");
        command.env("RINGSIDE__PIPELINE__SHARDS", self.shards.to_string());
        command.output().unwrap()
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let output = self.ask(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a session; returns the reports and the summary.
    #[track_caller]
    fn run(&self, session: &str) -> (Vec<Value>, Value) {
        let [file, summary] = ["s.jsonl", "s.json"].map(|name| self.path(name));
        std::fs::write(&file, session).unwrap();
        let words = ["exec", file.to_str().unwrap(), "--json-summary", summary.to_str().unwrap()];
        let output = self.ask(&words);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        let reports = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (reports, serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap())
    }

    /// Runs a session; returns its reports in short form.
    #[track_caller]
    fn exec(&self, session: &str) -> Vec<String> {
        self.run(session).0.iter().map(short).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Formats a report in short form: kind, owner and reason.
fn short(report: &Value) -> String {
    let text = |key: &str| match &report[key] {
        Value::Null => String::new(),
        Value::String(text) => format!(" {text}"),
        other => format!(" {other}"),
    };
    let words = ["session", "firm", "symbol", "id", "count", "reason"];
    let skips_symbol = |key: &&&str| **key != "symbol" || report["report"] == "risk_set";
    let rest: String = words.iter().filter(skips_symbol).map(|key| text(key)).collect();
    format!("{}{rest}", report["report"].as_str().unwrap())
}

/// Returns a line that enters an order, such as `A 1 buy 10 X 5.00`; `market` instead of the price
/// makes a market order.
fn enter(order: &str) -> String {
    let words: Vec<&str> = order.split(' ').collect();
    let mut line = json!({
        "op": "enter", "session": words[0], "id": words[1].parse::<u64>().unwrap(), "side": words[2],
        "qty": words[3].parse::<u64>().unwrap(), "symbol": words[4],
    });
    match words.get(5) {
        Some(&"market") => line["type"] = json!("market"),
        price => line["price"] = json!(price),
    }
    if let Some(firm) = words.get(6) {
        line["firm"] = json!(firm);
    }
    format!("{line}\n")
}

/// Returns a line that enters a stop of X, far from its price.
fn stop(session: &str, id: u64) -> String {
    let line = json!({
        "op": "enter", "session": session, "id": id, "side": "buy", "qty": 1, "symbol": "X",
        "type": "stop", "stop_price": "90.00",
    });
    format!("{line}\n")
}

/// Returns a line that enters an iceberg of X with slices of five, far from its price.
fn iceberg(session: &str, id: u64, quantity: u64) -> String {
    let line = json!({
        "op": "enter", "session": session, "id": id, "side": "sell", "qty": quantity,
        "symbol": "X", "price": "80.00", "display_qty": 5,
    });
    format!("{line}\n")
}

fn replace(session: &str, id: u64, new_id: u64, quantity: u64, price: &str) -> String {
    let line = json!({
        "op": "replace", "session": session, "id": id, "new_id": new_id, "qty": quantity,
        "price": price,
    });
    format!("{line}\n")
}

fn cancel(session: &str, id: u64) -> String {
    format!("{}\n", json!({ "op": "cancel", "session": session, "id": id }))
}

/// Returns a line that sets a limit for a scope such as `session A`.
fn limit(whose: &str, what: &str, limit: u64) -> String {
    let (scope, name) = whose.split_once(' ').unwrap();
    format!("{}\n", json!({ "op": "risk", scope: name, what: limit }))
}

fn kill(whose: &str, killed: bool) -> String {
    let (scope, name) = whose.split_once(' ').unwrap();
    format!("{}\n", json!({ "op": "risk", scope: name, "killed": killed }))
}

/// Scopes that contain the orders of A in X, and not all others.
const SCOPES: [&str; 3] = ["session A", "firm F", "symbol X"];

/// Runs lines under a limit of each scope: the orders of A in X are in all scopes.
#[track_caller]
fn check_every_scope(what: &str, most: u64, lines: &str, expected: &[&str]) {
    for scope in SCOPES {
        let place = Place::set_up();
        let reports = place.exec(&(limit(scope, what, most) + lines));
        assert_eq!(reports[1..], *expected, "{scope}");
        assert!(reports[0].starts_with("risk_set"), "{}", reports[0]);
        // The limit is switched off again.
        let again = "A 9 buy 1000 X 9.00";
        let reports = place.exec(&(limit(scope, what, 0) + &enter(again)));
        assert_eq!(reports[1], "accepted A 9", "{scope}");
    }
}

#[test]
fn no_order_has_a_larger_quantity() {
    let lines = enter("A 1 buy 10 X 5.00")
        + &enter("A 2 buy 11 X 5.00")
        + &replace("A", 1, 3, 11, "5.00")
        + &replace("A", 1, 4, 9, "5.00")
        + &enter("A 5 sell 11 X market")
        + &enter("C 1 buy 11 Y 5.00");
    let expected = [
        "accepted A 1",
        "rejected A 2 risk_quantity",
        "rejected A 3 risk_quantity",
        "replaced A 4",
        "rejected A 5 risk_quantity",
        "accepted C 1",
    ];
    check_every_scope("qty_max", 10, &lines, &expected);
}

#[test]
fn no_order_has_a_larger_value() {
    // A market order is valued at the prior close, then at the last trade price.
    let lines = enter("A 1 buy 20 X 5.00")
        + &enter("A 2 buy 20 X 5.01")
        + &enter("A 3 buy 21 X 5.00")
        + &replace("A", 1, 4, 20, "5.01")
        + &replace("A", 1, 5, 10, "10.00")
        + &enter("A 6 sell 11 X market")
        + &enter("C 1 sell 10 X 10.00")
        + &enter("C 2 buy 30 Y 5.00")
        + &enter("C 3 sell 5 X 12.00")
        + &enter("C 4 buy 5 X 12.00")
        + &enter("A 7 sell 9 X market")
        + &enter("C 5 sell 1000 Y market");
    let expected = [
        "accepted A 1",
        "rejected A 2 risk_notional",
        "rejected A 3 risk_notional",
        "rejected A 4 risk_notional",
        "replaced A 5",
        "rejected A 6 risk_notional",
        "accepted C 1",
        "executed A 5",
        "executed C 1",
        "accepted C 2",
        "accepted C 3",
        "accepted C 4",
        "executed C 3",
        "executed C 4",
        "rejected A 7 risk_notional",
        "accepted C 5",
        "executed C 2",
        "executed C 5",
        "canceled C 5 no_liquidity",
    ];
    check_every_scope("notional_max", 100, &lines, &expected);
}

#[test]
fn an_order_without_a_known_price_has_no_value() {
    let place = Place::set_up();
    let lines = limit("symbol Y", "notional_max", 1) + &enter("A 1 buy 1000 Y market");
    let reports = place.exec(&lines);
    assert_eq!(reports, ["risk_set Y", "accepted A 1", "canceled A 1 no_liquidity"]);
}

#[test]
fn so_many_orders_are_open_at_most() {
    let lines = enter("A 1 buy 10 X 5.00")
        + &enter("A 2 buy 10 X 5.00")
        + &enter("A 3 buy 10 X 5.00")
        + &replace("A", 1, 4, 10, "4.00")
        + &enter("A 5 buy 10 X 5.00")
        + &cancel("A", 4)
        + &enter("A 6 buy 10 X 5.00")
        + &enter("A 7 sell 10 X 5.00")
        + &enter("C 1 buy 1 Y 5.00")
        + &enter("C 2 buy 1 Y 5.00")
        + &enter("C 3 buy 1 Y 5.00");
    let expected = [
        "accepted A 1",
        "accepted A 2",
        "rejected A 3 risk_open_orders",
        "replaced A 4",
        "rejected A 5 risk_open_orders",
        "canceled A 4 user",
        "accepted A 6",
        "rejected A 7 risk_open_orders",
        "accepted C 1",
        "accepted C 2",
        "accepted C 3",
    ];
    check_every_scope("open_orders_max", 2, &lines, &expected);
}

#[test]
fn an_order_that_trades_away_is_open_no_more() {
    let lines = enter("A 1 buy 10 X 5.00")
        + &enter("C 1 sell 6 X 5.00")
        + &enter("A 2 buy 10 X 5.00")
        + &enter("C 2 sell 4 X 5.00")
        + &enter("A 3 buy 10 X 5.00");
    let expected = [
        "risk_set A",
        "accepted A 1",
        "accepted C 1",
        "executed A 1",
        "executed C 1",
        "rejected A 2 risk_open_orders",
        "accepted C 2",
        "executed A 1",
        "executed C 2",
        "accepted A 3",
    ];
    let place = Place::set_up();
    assert_eq!(place.exec(&(limit("session A", "open_orders_max", 1) + &lines)), expected);
}

#[test]
fn the_value_traded_on_a_day_has_a_limit_that_the_next_day_begins_anew() {
    // A value of 40 is traded; 60 more is allowed until the next day.
    let lines = enter("C 1 sell 100 X 4.00")
        + &enter("A 1 buy 10 X 4.00")
        + &enter("A 2 buy 16 X 4.00")
        + &enter("A 3 buy 15 X 4.00")
        + &cancel("C", 1)
        + &enter("A 4 buy 1 X 0.01")
        + "{\"op\":\"start_of_day\"}\n"
        + &enter("A 5 buy 20 X 5.00")
        + &replace("A", 5, 6, 21, "5.00");
    for scope in ["session A", "firm F"] {
        let place = Place::set_up();
        let expected = [
            "accepted C 1",
            "accepted A 1",
            "executed C 1",
            "executed A 1",
            "rejected A 2 risk_gross",
            "accepted A 3",
            "executed C 1",
            "executed A 3",
            "canceled C 1 user",
            "rejected A 4 risk_gross",
            "trading_day 0",
            "accepted A 5",
            "rejected A 6 risk_gross",
        ];
        let reports = place.exec(&(limit(scope, "gross_notional_max", 100) + &lines));
        assert_eq!(reports[1..], expected, "{scope}");
    }
}

#[test]
fn a_trade_counts_once_for_its_symbol_and_for_each_side() {
    let traded = enter("C 1 sell 10 X 4.00") + &enter("A 1 buy 10 X 4.00");
    for (scope, most) in [("symbol X", 79), ("firm F", 79), ("firm G", 79)] {
        let place = Place::set_up();
        place.exec(&traded);
        let who = if scope == "firm G" { "C" } else { "B" };
        let orders =
            enter(&format!("{who} 7 buy 10 X 4.00")) + &enter(&format!("{who} 8 buy 9 X 4.00"));
        // The limit is set long after the trade was published.
        let reports = place.exec(&(limit(scope, "gross_notional_max", most) + &orders));
        let expected = [format!("rejected {who} 7 risk_gross"), format!("accepted {who} 8")];
        assert_eq!(reports[1..], expected, "{scope}");
    }
    let place = Place::set_up();
    let within = enter("A 1 sell 10 X 4.00") + &enter("B 1 buy 10 X 4.00");
    let next = enter("A 2 buy 1 X 1.00");
    let reports = place.exec(&(within + &limit("firm F", "gross_notional_max", 80) + &next));
    assert_eq!(reports.last().unwrap(), "rejected A 2 risk_gross", "both sides are the firm's");
}

#[test]
fn a_rate_counts_by_the_times_of_the_lines_only() {
    let order = |id: u64, ts: u64| {
        let line = enter(&format!("A {id} buy 1 X 1.00"));
        if ts == 0 { line } else { format!("{{\"ts\":{ts},{}", &line[1..]) }
    };
    const SECOND: u64 = 1_000_000_000;
    for scope in SCOPES {
        let place = Place::set_up();
        let begin = 4_000_000_000 * SECOND;
        let lines = limit(scope, "orders_per_second_max", 2)
            + &order(1, begin)
            + &order(2, begin + 1)
            + &order(3, begin + 2)
            + &order(4, begin + SECOND / 2 + 1)
            + &order(5, begin + SECOND / 2 + 2)
            + &order(6, 0)
            + &order(7, 0);
        let expected = [
            "accepted A 1",
            "accepted A 2",
            "rejected A 3 risk_rate",
            "accepted A 4",
            "rejected A 5 risk_rate",
            "accepted A 6",
            "accepted A 7",
        ];
        assert_eq!(place.exec(&lines)[1..], expected, "{scope}");
    }
}

#[test]
fn a_kill_switch_ends_all_orders_of_its_scope_and_lets_none_in() {
    let before =
        enter("A 1 buy 1 X 1.00") + &enter("B 1 buy 1 Y 1.00") + &enter("C 1 buy 1 X 1.00");
    let after = enter("A 2 buy 1 X 1.00")
        + &enter("B 2 buy 1 Y 1.00")
        + &enter("C 2 buy 1 X 1.00")
        + &replace("B", 1, 3, 1, "1.00")
        + &cancel("C", 1);
    for (scope, expected) in [
        (
            "session A",
            &[
                "risk_set A",
                "mass_canceled 1",
                "canceled A 1 risk",
                "rejected A 2 killed",
                "accepted B 2",
                "accepted C 2",
                "replaced B 3",
                "canceled C 1 user",
            ][..],
        ),
        (
            "firm F",
            &[
                "risk_set F",
                "mass_canceled 2",
                "canceled A 1 risk",
                "canceled B 1 risk",
                "rejected A 2 killed",
                "rejected B 2 killed",
                "accepted C 2",
                "rejected B 3 too_late",
                "canceled C 1 user",
            ],
        ),
        (
            "symbol X",
            &[
                "risk_set X",
                "mass_canceled 2",
                "canceled A 1 risk",
                "canceled C 1 risk",
                "rejected A 2 killed",
                "accepted B 2",
                "rejected C 2 killed",
                "replaced B 3",
                "rejected C 1 too_late",
            ],
        ),
    ] {
        let place = Place::set_up();
        place.exec(&before);
        assert_eq!(place.exec(&(kill(scope, true) + &after)), expected, "{scope}");
        // The kill outlives a restart, until it is withdrawn.
        let next = enter("A 8 buy 1 X 1.00");
        assert_eq!(place.exec(&next), ["rejected A 8 killed"], "{scope}");
        let reports = place.exec(&(kill(scope, false) + &enter("A 9 buy 1 X 1.00")));
        assert_eq!(reports[1..], ["accepted A 9"], "{scope}");
    }
}

#[test]
fn an_exported_session_with_limits_runs_again_to_the_same_hashes() {
    let (place, again) = (Place::new(1), Place::new(2));
    let lines = SYMBOLS.to_string()
        + &limit("session A", "open_orders_max", 1)
        + &enter("A 1 buy 1 X 1.00")
        + &enter("A 2 buy 1 X 1.00")
        + &enter("B 1 buy 1 Y 1.00 G")
        + &kill("firm F", true)
        + &kill("symbol Y", true)
        + &enter("C 1 sell 1 X 1.00");
    let (reports, summary) = place.run(&lines);
    let exported = place.ask(&["journal", "export"]);
    let exported = String::from_utf8(exported.stdout).unwrap();
    let without_seq = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let fields = line.as_object_mut().unwrap();
        fields.remove("seq");
        fields.remove("verdict");
        format!("{line}\n")
    };
    let (reports_again, summary_again) =
        again.run(&exported.lines().map(without_seq).collect::<String>());
    assert_eq!(reports_again, reports);
    assert_eq!(summary_again["output_hash"], summary["output_hash"]);
}

#[test]
fn an_order_is_of_the_firm_that_it_names() {
    let place = Place::set_up();
    let lines = limit("firm G", "open_orders_max", 1)
        + &limit("firm F", "qty_max", 5)
        + &enter("A 1 buy 9 X 5.00 G")
        + &enter("A 2 buy 9 X 5.00 G")
        + &enter("A 3 buy 9 X 5.00")
        + &replace("A", 1, 4, 8, "5.00")
        + &replace("A", 4, 5, 7, "5.00")
        + &cancel("A", 5)
        + &replace("A", 5, 6, 7, "5.00")
        + &enter("C 1 buy 9 X 5.00");
    let expected = [
        "accepted A 1",
        "rejected A 2 risk_open_orders",
        "rejected A 3 risk_quantity",
        "replaced A 4",
        "replaced A 5",
        "canceled A 5 user",
        "rejected A 6 too_late",
        "accepted C 1",
    ];
    assert_eq!(place.exec(&lines)[2..], expected);
}

#[test]
fn limits_and_counts_outlive_a_restart_from_a_snapshot() {
    let first = limit("session A", "open_orders_max", 2)
        + &limit("firm F", "gross_notional_max", 100)
        + &limit("symbol Y", "notional_max", 50)
        + &limit("session B", "stops_max", 1)
        + &limit("session C", "slices_max", 4)
        + &stop("B", 10)
        + &iceberg("C", 10, 10)
        + &enter("A 1 buy 1 X 1.00 G")
        + &enter("C 1 sell 10 X 4.00")
        + &enter("A 2 buy 10 X 4.00")
        + &enter("C 2 sell 1 Y 10.00")
        + &enter("C 3 buy 1 Y 10.00");
    let second = enter("A 3 buy 1 X 1.00")
        + &enter("A 4 buy 1 X 1.00")
        + &enter("B 1 buy 15 X 4.00")
        + &enter("B 2 buy 16 X 4.00")
        + &enter("C 4 buy 6 Y market")
        + &cancel("A", 1)
        + &enter("A 5 buy 1 X 1.00")
        + &stop("B", 11)
        + &iceberg("C", 11, 11)
        + &iceberg("C", 12, 10);
    let expected = [
        "accepted A 3",
        "rejected A 4 risk_open_orders",
        "accepted B 1",
        "rejected B 2 risk_gross",
        "rejected C 4 risk_notional",
        "canceled A 1 user",
        "accepted A 5",
        "rejected B 11 risk_stops",
        "rejected C 11 risk_slices",
        "accepted C 12",
        "displayed C 12",
    ];
    for takes_snapshot in [false, true] {
        let place = Place::set_up();
        place.exec(&first);
        if takes_snapshot {
            place.json(&["snapshot"]);
        }
        let (reports, summary) = place.run(&second);
        let reports: Vec<String> = reports.iter().map(short).collect();
        assert_eq!(reports, expected, "with a snapshot: {takes_snapshot}");
        assert_eq!(summary["restart"]["from_seqno"] != 0, takes_snapshot);
    }
}
