//! A cluster from the side of its operator and its users: a process for each node, with a folder
//! and addresses of its own.

pub mod folder;
pub mod load;
pub mod net;
pub mod probe;

use crate::served::journal::Orders;
use crate::served::{NODES, ORDERS, Place, Venue};
use folder::{differs, stored_bytes, written};
use load::{Load, Report};
use net::Net;
use probe::Outage;
use ringside::config::Config;
use ringside_cluster::membership::{Keeper, Record};
use ringside_edge::gateway::accounts::set_password;
use ringside_model::domain::PartitionId;
use ringside_testing::folders::memory_folder;
use ringside_testing::patience::{PATIENCE, wait_for, wait_until};
use ringside_testing::turn::Turn;
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A cluster. All its processes end on drop.
pub struct Cluster {
    venues: Vec<Option<Venue>>,
    pub places: Vec<Place>,
    /// Output of the finished runs of each node.
    past: Vec<String>,
    coordinator: String,
    founders: String,
    /// Number of orders that all loads together have seen accepted.
    accepted: Cell<u64>,
    _dir: TempDir,
    _turn: Option<Turn>,
}

impl Cluster {
    /// Returns a cluster of nodes that use a file as the coordinator. No node is started.
    pub fn new(nodes: usize) -> Cluster {
        Cluster::at(std::iter::repeat_with(place).take(nodes).collect(), None)
    }

    /// Returns a cluster of nodes that use an etcd as the coordinator.
    pub fn with_etcd(nodes: usize, endpoint: &str) -> Cluster {
        Cluster::at(std::iter::repeat_with(place).take(nodes).collect(), Some(endpoint))
    }

    /// Returns a cluster of nodes at these places.
    pub fn at(places: Vec<Place>, etcd: Option<&str>) -> Cluster {
        // One cluster at a time: nodes that wait for each other's turns on a core seem dead.
        let turn = Turn::take("cluster");
        let mut cluster = Cluster::beside(places, etcd);
        cluster._turn = Some(turn);
        cluster
    }

    /// Returns a cluster of nodes at these places, beside another cluster of the same test.
    pub fn beside(places: Vec<Place>, etcd: Option<&str>) -> Cluster {
        let dir = memory_folder();
        let file = format!("file:{}", dir.path().join("record.json").display());
        let founder = |(n, place): (usize, &Place)| {
            format!("{{node={:?},address=\"{}\"}}", name(n), place.at(NODES))
        };
        let founders: Vec<_> = places.iter().enumerate().map(founder).collect();
        let mut cluster = Cluster {
            venues: vec![],
            places: vec![],
            past: vec![],
            coordinator: etcd.map_or(file, Into::into),
            founders: format!("[{}]", founders.join(",")),
            accepted: Cell::new(0),
            _dir: dir,
            _turn: None,
        };
        for place in places {
            cluster.add(place);
        }
        cluster
    }

    /// Returns three nodes that have begun to trade.
    pub fn of_three() -> Cluster {
        let mut cluster = Cluster::new(3);
        cluster.start_all();
        cluster.settles("abc");
        cluster
    }

    /// Makes a place that of the next node. No other node is informed.
    pub fn add(&mut self, mut place: Place) -> usize {
        let node = self.places.len();
        place.set("CLUSTER__NODE", name(node));
        place.set("CLUSTER__LISTEN", &place.at(NODES).to_string());
        place.set("CLUSTER__COORDINATOR", &self.coordinator);
        place.set("CLUSTER__NODES", &self.founders);
        self.places.push(place);
        self.venues.push(None);
        self.past.push(String::new());
        node
    }

    pub fn start_all(&mut self) {
        (0..self.places.len()).for_each(|node| self.start(node));
    }

    /// Starts a node that does not run.
    pub fn start(&mut self, node: usize) {
        assert!(self.venues[node].is_none(), "{} runs", name(node));
        self.venues[node] = Some(Venue::spawn(&self.places[node]));
    }

    /// Kills a node, as a crash does.
    pub fn kill(&mut self, node: usize) {
        let (_, said) = self.take(node).kill();
        self.past[node].push_str(&said);
    }

    /// Ends a node with SIGTERM.
    pub fn stop(&mut self, node: usize) {
        let (status, said) = self.take(node).stops();
        self.past[node].push_str(&said);
        assert!(status.success(), "{} ended with {status}", name(node));
    }

    /// Waits for a node to end by itself; returns its exit code and its output.
    pub fn ends(&mut self, node: usize) -> (Option<i32>, String) {
        let (status, said) = self.take(node).ends();
        (status.code(), said)
    }

    fn take(&mut self, node: usize) -> Venue {
        self.venues[node].take().unwrap_or_else(|| panic!("{} does not run", name(node)))
    }

    /// Returns a running node.
    pub fn node(&self, node: usize) -> &Venue {
        self.venues[node].as_ref().unwrap_or_else(|| panic!("{} does not run", name(node)))
    }

    /// Returns the running nodes.
    pub fn running(&self) -> Vec<usize> {
        (0..self.venues.len()).filter(|node| self.venues[*node].is_some()).collect()
    }

    /// Returns the running nodes except this one.
    pub fn others(&self, node: usize) -> Vec<usize> {
        self.running().into_iter().filter(|other| *other != node).collect()
    }

    /// Begins an outage, which ends when one of these nodes leads.
    pub fn outage(&self, nodes: &[usize]) -> Outage {
        Outage::begins(nodes.iter().map(|&node| self.node(node).core_waits()).collect())
    }

    /// Returns the order entry addresses of these nodes.
    pub fn addresses(&self, nodes: &[usize]) -> Vec<SocketAddr> {
        nodes.iter().map(|node| self.places[*node].at(ORDERS)).collect()
    }

    /// Returns the record of the cluster.
    pub fn record(&self) -> Record {
        self.try_record().expect("there is a record")
    }

    fn try_record(&self) -> Option<Record> {
        let venue = Config::for_serve().venue.name;
        let mut coordinator =
            Keeper::parse(&self.coordinator).unwrap().record(&venue, PartitionId(0));
        coordinator.read().ok().flatten().map(|(_, record)| record)
    }

    /// Waits until a condition on the cluster is true.
    #[track_caller]
    pub fn wait(&self, what: &str, is_so: impl Fn(&Cluster) -> bool) {
        wait_until(what, || is_so(self));
    }

    /// Waits until a node has stored this number of further commands.
    #[track_caller]
    pub fn stores(&self, node: usize, commands: u64) {
        let journal = self.places[node].journal();
        let until = stored_bytes(&journal) + commands * FRAME_BYTES_MIN;
        let what = format!("{} stores {commands} commands more", name(node));
        wait_until(&what, || stored_bytes(&journal) >= until);
    }

    /// Waits until a condition on the record is true.
    #[track_caller]
    pub fn wait_for_record(&self, what: &str, is_so: impl Fn(&Record) -> bool) {
        self.wait(what, |cluster| cluster.try_record().is_some_and(|record| is_so(&record)));
    }

    /// Waits for a node that leads and trades, and returns it.
    #[track_caller]
    pub fn leader(&self) -> usize {
        wait_for("a node leads", || self.try_record().and_then(|record| self.trades(&record)))
    }

    /// Returns the record's leader, if it trades in the record's epoch.
    fn trades(&self, record: &Record) -> Option<usize> {
        let leader = self.running().into_iter().find(|node| name(*node) == record.leader.0)?;
        let said = self.node(leader).said();
        let (_, since) = said.rsplit_once(&format!("leading in epoch {} ", record.epoch))?;
        since.contains("ringside: ready").then_some(leader)
    }

    /// Waits until these nodes are the voters, one of them trades, and the others follow; returns
    /// the one that trades.
    #[track_caller]
    pub fn settles(&self, voters: &str) -> usize {
        let follows = |node: usize, record: &Record| {
            let line = format!("following {} in epoch {} ", record.leader, record.epoch);
            self.node(node).said().contains(&line)
        };
        self.wait(&format!("{voters} are voters, trade and follow"), |cluster| {
            let Some(record) = cluster.try_record() else { return false };
            let Some(leader) = cluster.trades(&record) else { return false };
            let mut others = voters.chars().map(number).filter(|node| *node != leader);
            names(&record) == voters && others.all(|node| follows(node, &record))
        });
        self.leader()
    }

    /// Runs a command of `ringside` about this cluster; returns its output.
    pub fn tell(&self, words: &[&str]) -> String {
        let told = self.places[0].run(words);
        let error = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{words:?}: {error}");
        String::from_utf8(told.stdout).unwrap()
    }

    /// Hands leadership to a node, with the longest timeout of the tests.
    pub fn hand_over(&self, to: usize) -> String {
        let seconds = PATIENCE.as_secs().to_string();
        self.tell(&["handover", name(to), "--timeout-seconds", &seconds])
    }

    /// Returns a load over all nodes, once a node leads and requests are sent at their rate.
    pub fn load(&self) -> Load {
        // A load gives up if no node leads for too long.
        self.leader();
        self.load_without_record()
    }

    /// Returns a load as above if the record cannot be read.
    pub fn load_without_record(&self) -> Load {
        let all: Vec<usize> = (0..self.places.len()).collect();
        let mut load = Load::start(&self.addresses(&all), "AAPL,MSFT");
        load.flows();
        load
    }

    /// Ends a load: no message is lost or doubled, and each order was answered.
    pub fn end_load(&self, load: Load) -> Report {
        self.takes(load.report())
    }

    /// Checks the figures of a load, and counts its orders for [`ends_alike`](Self::ends_alike).
    pub fn takes(&self, report: Report) -> Report {
        assert_eq!((report.lost, report.doubled), (0, 0), "{}", report.text);
        assert_eq!(report.accepted, report.entered, "{}", report.text);
        self.accepted.set(self.accepted.get() + report.accepted);
        report
    }

    /// Waits until all running nodes have the same journal and the same streams at the same places.
    /// Their journals must hold every order that the loads have seen accepted, each of them once.
    pub fn ends_alike(&self) {
        let running = self.running();
        let folder = |node: &usize| written(&self.places[*node].journal());
        let mut difference = String::new();
        let began = Instant::now();
        wait_until("all nodes have the same bytes", || {
            difference = differs(&running.iter().map(folder).collect::<Vec<_>>());
            // The timeout of the wait would not show the difference.
            assert!(began.elapsed() < PATIENCE - Duration::from_secs(5), "{difference}");
            difference.is_empty()
        });
        for node in running {
            let orders = Orders::read(&self.places[node].journal()).unwrap();
            assert_eq!(orders.doubled(), None);
            let entered: usize = (1..=4).map(|n| orders.entered_by(&format!("LOAD0{n}"))).sum();
            assert_eq!(entered as u64, self.accepted.get(), "{}: each of them once", name(node));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for (node, past) in self.past.iter().enumerate() {
            let now = self.venues[node].as_ref().map(Venue::said).unwrap_or_default();
            eprintln!("---- {}\n{past}{now}", name(node));
        }
        eprintln!("---- {:?}", self.try_record());
    }
}

/// Length of the shortest frame of a journal.
const FRAME_BYTES_MIN: u64 = 64;

/// Returns a place for a node.
pub fn place() -> Place {
    with_short_segments(Place::new())
}

/// Returns a place for a node of a network.
pub fn place_in(net: &Net, node: usize) -> Place {
    let mut place = Place::in_namespace(&net.namespace(node), net.host(node));
    let passwords = place.file("passwords");
    for user in ["LOAD01", "LOAD02", "LOAD03", "LOAD04", "DEMO01"] {
        set_password(&passwords, user, "ringside").unwrap();
    }
    place.set("GATEWAY__PASSWORDS", passwords.to_str().unwrap());
    with_short_segments(place)
}

/// Sets short segments: a load of a second fills several of them, and probes are compared between
/// nodes several times.
fn with_short_segments(mut place: Place) -> Place {
    place.set("JOURNAL__SEGMENT_BYTES", "262144");
    place.set("ENGINE__HASH_PROBE_INTERVAL", "1000");
    place
}

/// Returns the name of a node.
pub fn name(node: usize) -> &'static str {
    ["a", "b", "c", "d", "e"][node]
}

fn number(name: char) -> usize {
    name as usize - 'a' as usize
}

/// Returns the names of the voters.
pub fn names(record: &Record) -> String {
    record.voters.0.iter().map(|voter| voter.node.0.as_str()).collect()
}
