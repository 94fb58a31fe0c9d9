//! Network cuts between nodes, or between nodes and etcd, and the leaders that follow.

use crate::cluster::net::Net;
use crate::cluster::{Cluster, name, place_in};
use ringside_cluster::membership::Record;
use ringside_testing::etcd::EtcdProcess;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::time::Duration;

fn sleep(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// A cluster in networks of its own, with an etcd. The fields are dropped in this order.
struct Parted {
    cluster: Cluster,
    _etcd: EtcdProcess,
    net: Net,
}

impl Parted {
    /// Returns this number of trading nodes; `None` if they cannot be made on this machine, which
    /// is printed.
    fn new(nodes: usize) -> Option<Parted> {
        let net = Net::new(nodes)?;
        let etcd = EtcdProcess::start_at(net.etcd())?;
        let places = (0..nodes).map(|node| place_in(&net, node)).collect();
        let mut cluster = Cluster::at(places, Some(&etcd.endpoint()));
        cluster.start_all();
        Some(Parted { cluster, _etcd: etcd, net })
    }

    /// Returns the addresses of the nodes other than this one.
    fn others(&self, node: usize) -> Vec<Ipv4Addr> {
        self.cluster.others(node).into_iter().map(|other| self.net.host(other)).collect()
    }
}

#[test]
fn whoever_is_cut_off_in_any_way_nobody_loses_a_message() {
    let Some(parted) = Parted::new(3) else { return };
    let Parted { cluster, net, .. } = &parted;
    cluster.settles("abc");
    let mut load = cluster.load();
    let mut rows = String::new();
    let mut failovers = 0;
    for what in ["to the standbys", "from the standbys", "from everybody"] {
        let leader = cluster.settles("abc");
        let standbys = parted.others(leader);
        let all = [&standbys[..], &[net.etcd(), net.here()]].concat();
        let outage = cluster.outage(&cluster.others(leader));
        match what {
            "to the standbys" => net.cut(leader, &[], &standbys),
            "from the standbys" => net.cut(leader, &standbys, &[]),
            _ => net.cut(leader, &all, &all),
        }
        let is_led = |record: &Record| record.leader.0 != name(leader);
        cluster.wait_for_record("another node leads", is_led);
        let took = outage.ends(&cluster.addresses(&[cluster.leader()]));
        let _ = writeln!(rows, "| the leader is cut off {what} | {took:.0?} |");
        net.heal(leader);
        failovers += 1;
        load.reconnected(4 * failovers);
    }
    // Neither of these cuts may lead to a change of the leader.
    let leader = cluster.settles("abc");
    let epoch = cluster.record().epoch;
    // Both cuts last longer than all timeouts.
    net.cut(leader, &[net.etcd()], &[net.etcd()]);
    sleep(2_000);
    net.heal(leader);
    let standby = cluster.others(leader)[0];
    let nodes = parted.others(standby);
    net.cut(standby, &nodes, &nodes);
    sleep(1_500);
    net.heal(standby);
    assert_eq!(cluster.settles("abc"), leader);
    assert_eq!(cluster.record().epoch, epoch);
    let report = cluster.end_load(load);
    assert!(report.reconnects >= 12, "{}", report.text);
    cluster.ends_alike();
    let outage = report.longest_outage;
    println!(
        "\n| until another node trades | |\n|---|---:|\n{rows}| longest outage of a session | {outage:.0?} |"
    );
}

#[test]
fn of_two_nodes_that_do_not_hear_each_other_one_trades() {
    let Some(parted) = Parted::new(2) else { return };
    let Parted { cluster, net, .. } = &parted;
    let leader = cluster.settles("ab");
    let load = cluster.load();
    let other = parted.others(leader);
    net.cut(leader, &other, &other);
    // The pause is long enough that neither node still holds an earlier answer of the other.
    sleep(200);
    cluster.outage(&[0, 1]).ends(&cluster.addresses(&[0, 1]));
    net.heal(leader);
    cluster.settles("ab");
    cluster.end_load(load);
    cluster.ends_alike();
}
