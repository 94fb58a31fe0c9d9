//! Two partitions that share the symbols of a venue, each a cluster of two processes: they fail
//! independently, and a symbol moves between them with its orders, whichever node fails on the way.

use crate::cluster::load::Load;
use crate::cluster::{Cluster, place};
use crate::served::{ORDERS, Place};
use ringside_cluster::partition::SymbolTable;
use ringside_model::domain::OrderId;
use ringside_testing::patience::wait_until;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Two partitions. The proposed partition of each symbol is known: it follows from the name.
struct Venue {
    parts: [Cluster; 2],
    _table: TempDir,
}

const OF_0: &str = "MSFT";
const OF_1: &str = "AAPL";

impl Venue {
    fn start() -> Venue {
        let dir = tempfile::tempdir().unwrap();
        let table = format!("file:{}", dir.path().join("table.json").display());
        let nodes = |partition: &str| -> Vec<Place> {
            let mut places = vec![place(), place()];
            for place in &mut places {
                place.set("PARTITION__ID", partition);
                place.set("PARTITION__IDS", "[0,1]");
                let address = place.at(ORDERS).to_string();
                place.set("PARTITION__ADDRESSES", &format!("[{address:?}]"));
                place.set("PARTITION__TABLE", &table);
            }
            places
        };
        let first = Cluster::at(nodes("0"), None);
        let mut parts = [first, Cluster::beside(nodes("1"), None)];
        parts.iter_mut().for_each(Cluster::start_all);
        parts.iter().for_each(|part| _ = part.settles("ab"));
        let venue = Venue { parts, _table: dir };
        venue.parts[0].wait("each symbol has its partition", |_| {
            let trades = |part: usize, symbol| {
                venue.said(part).contains(&format!("ringside: {symbol}: traded here"))
            };
            trades(0, OF_0) && trades(1, OF_1)
        });
        venue
    }

    fn said(&self, part: usize) -> String {
        let part = &self.parts[part];
        part.running().into_iter().map(|node| part.node(node).said()).collect()
    }

    fn table(&self) -> SymbolTable {
        serde_json::from_str(&self.parts[0].tell(&["symbols"])).unwrap()
    }

    /// Runs a client on the leader of a partition; returns its output.
    fn client(&self, part: usize, user: &str, lines: &str) -> String {
        let leader = self.parts[part].leader();
        let address = self.parts[part].addresses(&[leader])[0].to_string();
        let mut client = Command::new(env!("CARGO_BIN_EXE_ringside"));
        client.args(["client", "--user", user, "--address", &address]);
        let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        client.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let Output { status, stdout, .. } = client.wait_with_output().unwrap();
        assert!(status.success());
        String::from_utf8(stdout).unwrap()
    }

    /// Starts a load on one symbol of one partition.
    fn load(&self, part: usize, symbol: &str) -> Load {
        Load::start(&self.parts[part].addresses(&[0, 1]), symbol)
    }

    /// Returns the number of a user's live orders that came to a partition with their symbol.
    fn came(&self, part: usize, user: &str) -> usize {
        let said = self.client(part, user, "orders\n");
        let id = |line: &str| line.split_whitespace().next()?.parse().ok().map(OrderId);
        let came = said.lines().filter(|line| id(line).is_some_and(OrderId::is_imported));
        came.filter(|line| line.trim_end().ends_with(" live")).count()
    }

    /// Returns the number of live orders of a load's sessions, counted from their messages.
    fn live(&self, part: usize) -> usize {
        let orders = |user: usize| {
            let said = self.client(part, &format!("LOAD0{user}"), "orders\n");
            said.lines().filter(|line| line.trim_end().ends_with(" live")).count()
        };
        (1..=4).map(orders).sum()
    }
}

#[test]
fn who_asks_the_wrong_partition_is_told_where_and_since_when() {
    let venue = Venue::start();
    let said = venue.client(0, "DEMO01", &format!("buy 5 {OF_1} 100\nbuy 5 {OF_0} 100\n"));
    let version = venue.table().symbols[OF_1].version;
    let told = format!("partition 1 has the symbol, by version {version} of the table (0x001C)");
    assert!(said.contains(&format!("#1 rejected: {told}")), "{said}");
    assert!(said.contains(&format!("#2 accepted: buy 5 {OF_0}")), "{said}");
    let wrong = venue.parts[0].places[0].run(&["move-symbol", OF_0, "7"]);
    let text = String::from_utf8_lossy(&wrong.stderr);
    assert!(text.contains("there is no partition 7: there are 0, 1"), "{text}");
}

#[test]
fn the_failure_of_a_node_is_nothing_to_the_other_partition() {
    let mut venue = Venue::start();
    let [mut first, mut second] = [venue.load(0, OF_0), venue.load(1, OF_1)];
    first.flows();
    second.flows();
    let leader = venue.parts[0].leader();
    venue.parts[0].kill(leader);
    first.reconnected(4);
    venue.parts[0].start(leader);
    let trades = venue.parts[1].leader();
    venue.parts[1].stores(trades, 500);
    let report = venue.parts[0].end_load(first);
    assert!(report.reconnects > 0, "{}", report.text);
    let report = venue.parts[1].end_load(second);
    assert_eq!(report.reconnects, 0, "{}", report.text);
    venue.parts[0].settles("ab");
}

#[test]
fn a_symbol_moves_with_its_orders_while_leaders_of_both_partitions_fail() {
    let mut venue = Venue::start();
    let mut moved = venue.load(0, OF_0);
    moved.flows();
    venue.parts[0].end_load(moved);
    let before = venue.live(0);
    assert!(before > 5_000, "{before} orders");

    let mut other = venue.load(1, OF_1);
    other.flows();
    let mut command = venue.parts[0].places[0].command(&["move-symbol", OF_0, "1"]);
    let mover = command.args(["--timeout-seconds", "60"]).stdout(Stdio::null()).spawn().unwrap();
    for part in [0, 1] {
        // The kill comes between the halt and the release.
        std::thread::sleep(Duration::from_millis(150));
        let leader = venue.parts[part].leader();
        venue.parts[part].kill(leader);
        venue.parts[part].start(leader);
    }
    let moved = mover.wait_with_output().unwrap();
    assert!(moved.status.success(), "{}\n{}", venue.said(0), venue.said(1));
    other.reconnected(4);
    venue.parts[1].end_load(other);

    let table = venue.table();
    let place = &table.symbols[OF_0];
    assert_eq!((place.partition, &place.moving), (1, &None));
    wait_until("no order stays", || venue.live(0) == 0);
    let came: usize = (1..=4).map(|user| venue.came(1, &format!("LOAD0{user}"))).sum();
    assert_eq!(came, before, "each order that lived there lives here, once");
    for part in [0, 1] {
        venue.parts[part].settles("ab");
    }
}
