//! Market data of all nodes: a listener to several of them misses nothing when one is gone, and
//! receives the same from all.

use crate::cluster::load::Load;
use crate::cluster::{Cluster, name, place};
use crate::served::{GLIMPSE, REREQUEST};
use serde_json::Value;

/// Port of each node's line A, at the node's own address.
const LINE: u16 = 26410;

/// Returns three nodes, all of which publish.
fn cluster() -> Cluster {
    let places = std::iter::repeat_with(|| {
        let mut place = place();
        place.set("FEED__A", &format!("[\"{}\"]", place.at(LINE)));
        place.set("FEED__B", "[]");
        place.set("FEED__FROM_STANDBYS", "true");
        place
    });
    let mut cluster = Cluster::at(places.take(3).collect(), None);
    cluster.start_all();
    cluster.settles("abc");
    cluster
}

/// Returns a load that also listens to all nodes, once its requests are sent at their rate.
fn listening_load(cluster: &Cluster) -> Load {
    let all = |port| {
        let addresses = cluster.places.iter().map(|place| place.at(port).to_string());
        addresses.collect::<Vec<_>>().join(",")
    };
    let [lines, rerequest, glimpse] = [LINE, REREQUEST, GLIMPSE].map(all);
    let feed = ["--feed-a", &lines, "--rerequest", &rerequest, "--glimpse", &glimpse];
    let mut load = Load::listening(&cluster.addresses(&[0, 1, 2]), "AAPL,MSFT", &feed);
    load.flows();
    load
}

/// Waits until a node publishes as a standby.
fn publishes(cluster: &Cluster, node: usize) {
    let is_said = |cluster: &Cluster| {
        let said = cluster.node(node).said();
        let (_, since) = said.rsplit_once("following").unwrap_or_default();
        since.contains("market data is sent while standing by")
    };
    cluster.wait("a standby publishes", is_said);
}

/// Ends a load, and checks that its listener has missed nothing and has not received two versions
/// of a message.
fn end(cluster: &Cluster, load: Load) {
    let report = cluster.end_load(load);
    let report: Value = serde_json::from_str(&report.text).unwrap();
    let heard = |what: &str| report["feed"][what].as_u64().unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!((heard("lost"), heard("mismatches")), (0, 0), "{report:#}");
    // Three nodes send each message; two of them while the third one is away.
    assert!(heard("compared") > heard("messages"), "{report:#}");
    assert!(heard("orders_compared") > 10_000, "{report:#}");
    cluster.settles("abc");
    cluster.ends_alike();
}

#[test]
fn who_listens_to_all_nodes_misses_nothing_when_the_leader_is_killed() {
    let mut cluster = cluster();
    let leader = cluster.leader();
    cluster.others(leader).into_iter().for_each(|node| publishes(&cluster, node));
    let mut load = listening_load(&cluster);
    cluster.stores(leader, 1_000);
    cluster.kill(leader);
    let next = cluster.leader();
    assert_ne!(next, leader);
    cluster.start(leader);
    publishes(&cluster, leader);
    load.reconnected(4);
    cluster.stores(next, 500);
    end(&cluster, load);
}

#[test]
fn who_listens_to_all_nodes_misses_nothing_when_the_lead_goes_and_comes_back() {
    let cluster = cluster();
    let leader = cluster.leader();
    let standbys = cluster.others(leader);
    standbys.iter().for_each(|node| publishes(&cluster, *node));
    let mut load = listening_load(&cluster);
    // No other node has the commands that the leader stores now; they are cut later.
    standbys.iter().for_each(|standby| cluster.node(*standby).freeze());
    cluster.stores(leader, 50);
    cluster.node(leader).freeze();
    standbys.iter().for_each(|standby| cluster.node(*standby).thaw());
    cluster.wait_for_record("another one leads", |record| record.leader.0 != name(leader));
    let next = cluster.leader();
    cluster.node(leader).thaw();
    publishes(&cluster, leader);
    load.reconnected(4);
    // The former leader has followed the present one as a standby, and leads again.
    cluster.hand_over(leader);
    cluster.wait_for_record("it leads again", |record| record.leader.0 == name(leader));
    publishes(&cluster, next);
    load.reconnected(8);
    end(&cluster, load);
}
