//! Random flow under random limits: an independent count, made from the reports alone, gives the
//! same verdict on every line, for any number of shards and any point of a restart.

use crate::risk::{Place, SYMBOLS};
use ringside_load::rng::Rng;
use ringside_testing::run::base_seed;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

const SESSIONS: [(&str, &str); 3] = [("A", "F"), ("B", "F"), ("C", "G")];

/// A session, a firm or a symbol: key and name as in a `risk` line.
type Scope = (&'static str, String);

#[derive(Default)]
struct Naive {
    limits: HashMap<Scope, Value>,
    /// Firm and symbol of each live order.
    live: HashMap<(String, u64), (String, String)>,
    /// Traded value in cents.
    traded: HashMap<Scope, u128>,
    last: BTreeMap<String, u128>,
}

fn cents(price: &Value) -> u128 {
    let (whole, fraction) = price.as_str().unwrap().split_once('.').unwrap();
    format!("{whole}{fraction:0<2}").parse().unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

fn scopes(session: &str, firm: &str, symbol: &str) -> [Scope; 3] {
    [("session", session.into()), ("firm", firm.into()), ("symbol", symbol.into())]
}

fn firm_of(session: &str) -> String {
    SESSIONS.iter().find(|(name, _)| *name == session).unwrap().1.into()
}

impl Naive {
    fn limit(&self, scope: &Scope, key: &str) -> Option<u128> {
        let limit = self.limits.get(scope)?[key].as_u64()?;
        (limit > 0).then_some(limit.into())
    }

    /// Returns the reason to reject the line, if any. `symbol` is that of the order to be replaced.
    fn verdict(&self, line: &Value, symbol: &str) -> Option<&'static str> {
        let session = text(&line["session"]);
        let is_new = line["op"] == "enter";
        let named = line["firm"].as_str().map(str::to_string);
        let replaced = line["id"].as_u64().filter(|_| !is_new);
        let live = replaced.and_then(|id| self.live.get(&(session.clone(), id)));
        if !is_new && live.is_none() {
            // A replace of an order that is over is too late, whatever a limit says.
            return None;
        }
        let firm = live.map(|(firm, _)| firm.clone()).or(named);
        let scopes = scopes(&session, &firm.unwrap_or_else(|| firm_of(&session)), symbol);
        let quantity = u128::from(line["qty"].as_u64().unwrap());
        let price = [&line["price"], &line["stop_price"]].into_iter().find(|p| !p.is_null());
        let price = price.map_or_else(|| self.last.get(symbol).copied().unwrap_or(0), cents);
        let value = quantity * price;
        let any = |breaks: &dyn Fn(&Scope) -> bool| scopes.iter().any(breaks);
        let above = |scope: &Scope, key: &str, what: u128, unit: u128| {
            self.limit(scope, key).is_some_and(|limit| what > limit * unit)
        };
        let traded = |scope: &Scope| self.traded.get(scope).copied().unwrap_or(0);
        if any(&|scope| self.limits.get(scope).is_some_and(|limits| limits["killed"] == true)) {
            Some("killed")
        } else if any(&|scope| above(scope, "qty_max", quantity, 1)) {
            Some("risk_quantity")
        } else if any(&|scope| above(scope, "notional_max", value, 100)) {
            Some("risk_notional")
        } else if is_new && any(&|scope| above(scope, "open_orders_max", self.open(scope) + 1, 1)) {
            Some("risk_open_orders")
        } else if any(&|scope| above(scope, "gross_notional_max", traded(scope) + value, 100)) {
            Some("risk_gross")
        } else {
            None
        }
    }

    fn open(&self, scope: &Scope) -> u128 {
        let is_in = |(session, firm, symbol): (&String, &String, &String)| match scope.0 {
            "session" => *session == scope.1,
            "firm" => *firm == scope.1,
            _ => *symbol == scope.1,
        };
        let orders = self.live.iter();
        orders.filter(|((s, _), (f, y))| is_in((s, f, y))).count() as u128
    }

    fn take(&mut self, line: &Value, report: &Value) {
        let (session, id) = (text(&report["session"]), report["id"].as_u64().unwrap_or(0));
        let key = (session.clone(), id);
        match report["report"].as_str().unwrap() {
            "accepted" => {
                let firm = line["firm"].as_str().map_or_else(|| firm_of(&session), str::to_string);
                self.live.insert(key.clone(), (firm, text(&report["symbol"])));
            }
            "replaced" => {
                let old = self.live.remove(&(session, report["old_id"].as_u64().unwrap()));
                self.live.insert(key.clone(), old.expect("it was live"));
            }
            "executed" => {
                let (firm, symbol) = self.live[&key].clone();
                let price = cents(&report["price"]);
                let value = price * u128::from(report["qty"].as_u64().unwrap());
                for (scope, name) in scopes(&session, &firm, &symbol) {
                    if scope != "symbol" || report["liquidity"] == "added" {
                        *self.traded.entry((scope, name)).or_default() += value;
                    }
                }
                self.last.insert(symbol, price);
            }
            "trading_day" => self.traded.clear(),
            _ => {}
        }
        let ends = matches!(report["report"].as_str(), Some("executed" | "canceled"));
        if ends && report["open"] == 0 {
            assert!(self.live.remove(&key).is_some(), "{report}");
        }
    }
}

struct Flow {
    random: Rng,
    next_id: u64,
    /// Session, id and symbol of each order sent.
    sent: Vec<(&'static str, u64, &'static str)>,
}

impl Flow {
    fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn price(&mut self, symbol: &str) -> String {
        let step = self.below(9);
        match symbol {
            "X" => format!("9.{:02}", 96 + step % 4),
            _ => format!("{}.{}0", 5 + step / 4, step % 2 * 5),
        }
    }

    /// Returns the next line and its symbol.
    fn line(&mut self) -> (Value, &'static str) {
        let session = self.pick(&SESSIONS).0;
        let symbol = self.pick(&["X", "Y"]);
        self.next_id += 1;
        let (id, quantity) = (self.next_id, 1 + self.below(30));
        match self.below(100) {
            0..=59 => {
                self.sent.push((session, id, symbol));
                let side = self.pick(&["buy", "sell"]);
                let mut line = json!({
                    "op": "enter", "session": session, "id": id, "symbol": symbol, "side": side,
                    "qty": quantity,
                });
                match self.below(10) {
                    0 => line["type"] = json!("market"),
                    1 => {
                        line["type"] = json!("stop");
                        line["stop_price"] = json!(self.price(symbol));
                    }
                    _ => line["price"] = json!(self.price(symbol)),
                }
                if self.below(4) == 0 {
                    line["firm"] = json!(self.pick(&["F", "G"]));
                }
                (line, symbol)
            }
            60..=74 if !self.sent.is_empty() => {
                let sent = self.sent.clone();
                let (session, old, symbol) = self.pick(&sent[sent.len().saturating_sub(20)..]);
                self.sent.push((session, id, symbol));
                let price = self.price(symbol);
                let line = json!({
                    "op": "replace", "session": session, "id": old, "new_id": id, "qty": quantity,
                    "price": price,
                });
                (line, symbol)
            }
            60..=89 if !self.sent.is_empty() => {
                let sent = self.sent.clone();
                let (session, id, symbol) = self.pick(&sent[sent.len().saturating_sub(30)..]);
                (json!({ "op": "cancel", "session": session, "id": id }), symbol)
            }
            90..=91 => (json!({ "op": "start_of_day" }), ""),
            _ => (self.limits(), ""),
        }
    }

    fn limits(&mut self) -> Value {
        let scope = self.pick(&["session", "firm", "symbol"]);
        let name = match scope {
            "session" => self.pick(&["A", "B", "C"]),
            "firm" => self.pick(&["F", "G"]),
            _ => self.pick(&["X", "Y"]),
        };
        let mut line = json!({ "op": "risk", scope: name });
        for (key, scale) in [
            ("qty_max", 20),
            ("notional_max", 200),
            ("open_orders_max", 12),
            ("gross_notional_max", 1_000),
        ] {
            if self.below(3) == 0 {
                line[key] = json!(scale / 2 + self.below(scale));
            }
        }
        if self.below(30) == 0 {
            line["killed"] = json!(true);
        }
        line
    }
}

/// Returns `count` lines for a seed, each with a time of its own.
fn lines(seed: u64, count: u64) -> Vec<(Value, &'static str)> {
    let mut flow = Flow { random: Rng::new(seed), next_id: 0, sent: vec![] };
    (1..=count)
        .map(|number| {
            let (mut line, symbol) = flow.line();
            line["ts"] = json!(4_000_000_000_000_000_000 + number);
            (line, symbol)
        })
        .collect()
}

/// Compares the reports with the count; adds the rejected orders to `refused`, by reason.
fn hold_against_the_count(
    lines: &[(Value, &str)],
    reports: &[Value],
    refused: &mut BTreeMap<String, u64>,
) {
    let mut naive = Naive::default();
    naive.last.insert("X".into(), 1_000);
    for (line, symbol) in lines {
        let at = line["ts"].as_u64();
        let said = reports.iter().filter(|report| report["ts"].as_u64() == at);
        let said: Vec<&Value> = said.collect();
        if line["op"] == "risk" {
            let scope = ["session", "firm", "symbol"].into_iter().find(|s| !line[*s].is_null());
            let scope = scope.unwrap();
            naive.limits.insert((scope, text(&line[scope])), line.clone());
        }
        if ["enter", "replace"].contains(&line["op"].as_str().unwrap()) {
            let expected = naive.verdict(line, symbol);
            let first = said[0];
            let reason = first["reason"].as_str().filter(|reason| {
                first["report"] == "rejected" && (reason.starts_with("risk") || *reason == "killed")
            });
            assert_eq!(reason, expected, "{line}");
            if let Some(reason) = reason {
                *refused.entry(reason.to_string()).or_default() += 1;
            }
        }
        said.iter().for_each(|report| naive.take(line, report));
        if line["killed"] == true {
            let scope = naive.limits.iter().find(|(_, limits)| limits["ts"] == line["ts"]);
            assert_eq!(naive.open(scope.unwrap().0), 0, "{line}");
        }
    }
}

#[test]
fn no_limit_is_ever_exceeded_and_no_order_refused_for_nothing() {
    let mut refused = BTreeMap::new();
    const REASONS: [&str; 5] =
        ["killed", "risk_quantity", "risk_notional", "risk_open_orders", "risk_gross"];
    let is_proof = |refused: &BTreeMap<String, u64>| {
        REASONS.iter().all(|reason| refused.get(*reason).is_some_and(|&count| count > 20))
    };
    for seed in base_seed().. {
        // Two seeds, and more if one of the reasons is rare.
        let seeds = seed - base_seed();
        if seeds >= 2 && is_proof(&refused) {
            break;
        }
        assert!(seeds < 10, "{refused:?}");
        let lines = lines(seed, 1_200);
        let parts: Vec<String> = lines
            .chunks(400)
            .map(|part| part.iter().map(|(line, _)| format!("{line}\n")).collect())
            .collect();
        let whole = Place::new(1);
        whole.exec(SYMBOLS);
        let (reports, summary) = whole.run(&parts.concat());
        hold_against_the_count(&lines, &reports, &mut refused);

        // Verdicts are in the journal: every replay gives the same result.
        for shards in ["1", "3"] {
            let replayed = whole.json(&["replay", "--shards", shards]);
            assert_eq!(replayed["output_hash"], summary["output_hash"], "seed {seed}");
            assert_eq!(replayed["state_hash"], summary["state_hash"], "seed {seed}");
        }

        // The result does not depend on the number of shards or on restarts.
        let place = Place::new(3);
        place.exec(SYMBOLS);
        let mut again = vec![];
        for (number, part) in parts.iter().enumerate() {
            again.extend(place.run(part).0);
            if number == 0 {
                place.json(&["snapshot"]);
            }
        }
        assert_eq!(again.len(), reports.len(), "seed {seed}");
        for (one, other) in again.iter().zip(&reports) {
            assert_eq!(
                crate::risk::short(one),
                crate::risk::short(other),
                "seed {seed}: {one} {other}"
            );
        }
    }
}
