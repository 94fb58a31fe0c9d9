//! Nodes that are one venue, each a process. All have the same bytes, one of them leads, and no
//! acknowledged message is lost or sent twice, whatever happens to the leader.
//!
//! `RINGSIDE_FAILOVERS` sets the number of leaders that are killed or frozen, one after the other.

mod cuts;
mod feeds;

use crate::cluster::folder::written;
use crate::cluster::probe::{self, Probe};
use crate::cluster::{Cluster, name, names, place};
use crate::served::{NODES, Place, setting};
use ringside_testing::etcd::EtcdProcess;
use ringside_testing::patience::{PATIENCE, wait_until};
use std::time::{Duration, Instant};

#[test]
fn standbys_have_the_same_bytes_also_one_that_is_late_and_one_that_was_killed() {
    let mut cluster = Cluster::new(3);
    cluster.start(0);
    cluster.start(1);
    cluster.leader();
    let load = cluster.load();
    cluster.start(2);
    let leader = cluster.settles("abc");
    cluster.stores(leader, 300);
    let standby = cluster.others(leader)[0];
    cluster.kill(standby);
    cluster.stores(leader, 500);
    cluster.start(standby);
    cluster.settles("abc");
    let report = cluster.end_load(load);
    assert_eq!(report.reconnects, 0, "{}", report.text);
    cluster.settles("abc");
    cluster.ends_alike();
}

#[test]
fn nobody_is_told_of_a_command_before_another_voter_has_it() {
    let cluster = Cluster::of_three();
    let leader = cluster.leader();
    let standbys = cluster.others(leader);
    let mut probe = Probe::connect(cluster.addresses(&[leader])[0]).unwrap();
    assert!(probe.is_answered(PATIENCE).unwrap());
    standbys.iter().for_each(|standby| cluster.node(*standby).freeze());
    assert!(!probe.is_answered(Duration::from_millis(700)).unwrap());
    cluster.node(standbys[0]).thaw();
    assert!(probe.is_answered(PATIENCE).unwrap());
    cluster.node(standbys[1]).thaw();
    cluster.ends_alike();
    assert_eq!(cluster.leader(), leader, "nobody had a reason to lead instead");
}

#[test]
fn of_two_nodes_either_goes_on_alone_and_takes_the_other_back() {
    let mut cluster = Cluster::new(2);
    cluster.start_all();
    let leader = cluster.settles("ab");
    let standby = 1 - leader;
    let load = cluster.load();
    let waits = cluster.node(leader).core_waits();
    let killed = Instant::now();
    cluster.kill(standby);
    cluster.wait_for_record("the leader is the only voter", |r| names(r) == name(leader));
    let took = killed.elapsed();
    assert!(took < waits.bound(Duration::from_secs(3)), "{took:?}");
    cluster.stores(leader, 200);
    cluster.start(standby);
    cluster.settles("ab");
    let report = cluster.end_load(load);
    assert_eq!(report.reconnects, 0, "{}", report.text);
    cluster.ends_alike();

    let mut load = cluster.load();
    cluster.kill(leader);
    assert_eq!(cluster.leader(), standby);
    cluster.start(leader);
    load.reconnected(4);
    cluster.end_load(load);
    cluster.settles("ab");
    cluster.ends_alike();
}

#[test]
fn leaders_fail_one_after_the_other_and_nothing_is_lost_or_doubled() {
    let failovers = setting("RINGSIDE_FAILOVERS", 3);
    let mut cluster = Cluster::of_three();
    let mut load = cluster.load();
    let [mut killed, mut frozen] = [vec![], vec![]];
    for round in 0..failovers {
        let leader = cluster.settles("abc");
        cluster.stores(leader, 200 + 37 * (round % 8));
        let others = cluster.others(leader);
        let outage = cluster.outage(&others);
        let freezes = round % 2 == 1;
        match freezes {
            true => cluster.node(leader).freeze(),
            false => cluster.kill(leader),
        }
        let took = outage.ends(&cluster.addresses(&others));
        if freezes {
            cluster.node(leader).thaw();
            frozen.push(took);
        } else {
            cluster.start(leader);
            killed.push(took);
        }
        load.reconnected(4 * (round + 1));
    }
    cluster.settles("abc");
    let report = cluster.end_load(load);
    assert!(report.reconnects >= 4 * failovers, "{}", report.text);
    cluster.ends_alike();
    println!(
        "\n| to the first answer after | times | p50 | p99 | max |\n|---|---:|---:|---:|---:|"
    );
    for (what, mut times) in [("kill -9", killed), ("SIGSTOP", frozen)] {
        times.sort();
        let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len() - 1));
        if let (Some(p50), Some(p99), Some(max)) = (at(50), at(99), times.last()) {
            println!("| {what} | {} | {p50:.0?} | {p99:.0?} | {max:.0?} |", times.len());
        }
    }
    let outage = report.longest_outage;
    println!("| longest outage of a session | | | | {outage:.0?} |");
}

#[test]
fn a_leader_that_was_frozen_past_all_time_outs_comes_back_as_a_standby() {
    let mut cluster = Cluster::of_three();
    let mut load = cluster.load();
    let leader = cluster.leader();
    let standbys = cluster.others(leader);
    // No other node will ever have the commands that the leader stores now: frozen standbys read
    // nothing, and the bytes that wait for them in the kernel end with their processes. These
    // commands are never published.
    standbys.iter().for_each(|standby| cluster.node(*standby).freeze());
    cluster.stores(leader, 50);
    let began = Instant::now();
    cluster.node(leader).freeze();
    let before = cluster.node(leader).said().len();
    standbys.iter().for_each(|standby| cluster.kill(*standby));
    standbys.iter().for_each(|standby| cluster.start(*standby));
    cluster.wait_for_record("another node leads", |record| record.leader.0 != name(leader));
    let next = cluster.leader();
    let frozen = began.elapsed();
    cluster.node(leader).thaw();
    load.reconnected(4);
    let report = cluster.end_load(load);
    assert!(report.longest_outage >= frozen, "{frozen:?}: {}", report.text);
    assert_eq!(cluster.settles("abc"), next);
    let said = cluster.node(leader).said().split_off(before);
    assert!(said.contains("another node leads"), "{said}");
    assert!(said.contains("the leader does not have them"), "{said}");
    cluster.ends_alike();
}

#[test]
fn a_leader_that_is_killed_and_started_again_at_once_has_lost_nothing() {
    let mut cluster = Cluster::of_three();
    let leader = cluster.leader();
    let mut load = cluster.load();
    cluster.kill(leader);
    cluster.start(leader);
    load.reconnected(4);
    let report = cluster.end_load(load);
    assert!(report.reconnects >= 4, "{}", report.text);
    cluster.settles("abc");
    cluster.ends_alike();
}

#[test]
fn trading_needs_no_etcd_but_another_leader_does() {
    let Some(mut etcd) = EtcdProcess::start() else { return };
    let mut cluster = Cluster::with_etcd(3, &etcd.endpoint());
    cluster.start_all();
    let leader = cluster.settles("abc");
    let load = cluster.load();
    etcd.kill();
    // Longer than the pause of the nodes between two reads of the record.
    cluster.stores(leader, 2_000);
    let report = cluster.end_load(load);
    assert_eq!(report.reconnects, 0, "{}", report.text);
    cluster.ends_alike();

    let mut load = cluster.load_without_record();
    let others = cluster.addresses(&cluster.others(leader));
    cluster.kill(leader);
    assert_eq!(probe::answer_within(&others, Duration::from_millis(1_500)), None, "nobody leads");
    etcd.restart();
    cluster.outage(&cluster.others(leader)).ends(&others);
    cluster.start(leader);
    load.reconnected(4);
    let report = cluster.end_load(load);
    assert!(report.longest_outage >= Duration::from_millis(1_500), "{}", report.text);
    cluster.settles("abc");
    cluster.ends_alike();
}

#[test]
fn the_lead_is_handed_over_when_asked_for_and_when_the_leader_is_stopped() {
    let mut cluster = Cluster::of_three();
    let leader = cluster.leader();
    let mut load = cluster.load();
    let next = cluster.others(leader)[1];
    let told = cluster.hand_over(next);
    assert!(told.contains(&format!("{} leads in epoch", name(next))), "{told}");
    assert_eq!(cluster.settles("abc"), next);
    load.reconnected(4);
    cluster.stop(next);
    let last = cluster.leader();
    assert_ne!(last, next);
    cluster.start(next);
    load.reconnected(8);
    let report = cluster.end_load(load);
    assert_eq!(report.reconnects, 8, "{}", report.text);
    assert_eq!(cluster.settles("abc"), last);
    cluster.ends_alike();
}

#[test]
fn nodes_go_and_come_while_orders_do() {
    let mut cluster = Cluster::of_three();
    let leader = cluster.leader();
    let [goes, stays] = cluster.others(leader)[..] else { panic!("there are three") };
    let status = |cluster: &Cluster| -> serde_json::Value {
        serde_json::from_str(&cluster.tell(&["cluster", "status"])).unwrap()
    };
    let load = cluster.load();
    cluster.tell(&["cluster", "remove", name(goes)]);
    cluster.wait_for_record("it is none of the voters", |r| !names(r).contains(name(goes)));
    cluster.stop(goes);
    assert_eq!(status(&cluster)["voters"].as_array().unwrap().len(), 2);

    let comes = cluster.add(place());
    let address = cluster.places[comes].at(NODES).to_string();
    cluster.tell(&["cluster", "add", name(comes), &address]);
    cluster.start(comes);
    let voters: String = (0..4).filter(|node| *node != goes).map(name).collect();
    assert_eq!(cluster.settles(&voters), leader);

    // A node that has lost its memory counts as a new node.
    let life = |cluster: &Cluster| {
        cluster.record().voters.get(&name(stays).into()).map(|voter| voter.incarnation)
    };
    let before = life(&cluster);
    cluster.kill(stays);
    std::fs::remove_dir_all(cluster.places[stays].journal()).unwrap();
    cluster.start(stays);
    cluster.wait("it is a voter again", |cluster| life(cluster) != before);
    assert_eq!(cluster.settles(&voters), leader);
    let report = cluster.end_load(load);
    assert_eq!(report.reconnects, 0, "{}", report.text);
    assert_eq!(status(&cluster)["leader"], name(leader));
    cluster.ends_alike();
}

#[test]
fn where_segments_retire_a_new_node_begins_with_a_copy() {
    let mut cluster = Cluster::new(1);
    cluster.start(0);
    cluster.end_load(cluster.load());
    // Removes the first segment as the snapshotter would, once two snapshots are newer.
    cluster.tell(&["snapshot"]);
    let first = cluster.places[0].journal().join("00000001.seg");
    let digest = first.with_extension("sha256");
    wait_until("the first segment has its digest", || digest.exists());
    std::fs::remove_file(digest).unwrap();
    std::fs::remove_file(first).unwrap();
    let node = cluster.add(place());
    cluster.start(node);
    let (code, said) = cluster.ends(node);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("snapshots.retire_segments"), "{said}");
    assert!(said.contains("begin with a copy"), "{said}");

    cluster.stop(0);
    let copy = cluster.places[node].journal();
    std::fs::remove_dir_all(&copy).unwrap();
    std::fs::create_dir(&copy).unwrap();
    for file in std::fs::read_dir(cluster.places[0].journal()).unwrap().map(Result::unwrap) {
        if file.file_name() != "NODE" {
            std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
    }
    cluster.start_all();
    cluster.settles("a");
    let address = cluster.places[node].at(NODES).to_string();
    cluster.tell(&["cluster", "add", name(node), &address]);
    cluster.settles("ab");
    let report = cluster.end_load(cluster.load());
    assert!(report.accepted > 0, "{}", report.text);
}

#[test]
fn a_node_that_cannot_have_the_same_journal_is_refused_and_changes_nothing() {
    // The node has a past of its own, in which everything was committed.
    let past = place();
    let venue = past.start();
    venue.trade(&past);
    venue.stop();

    let mut cluster = Cluster::new(1);
    cluster.start(0);
    cluster.end_load(cluster.load());
    let mut is_refused = |place: Place, why: &str| {
        let before = place.journal().exists().then(|| written(&place.journal()));
        let node = cluster.add(place);
        cluster.start(node);
        let (code, said) = cluster.ends(node);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(why), "{said}");
        if let Some(before) = before {
            assert!(before == written(&cluster.places[node].journal()), "{said}");
        }
        node
    };
    is_refused(past, "knows to be committed");
    let mut other = place();
    other.set("VENUE__NAME", "other");
    is_refused(other, "the leader refuses this standby: the venues (venue.name) differ");
    let mut other = place();
    other.set("JOURNAL__SEGMENT_BYTES", "524288");
    is_refused(
        other,
        "the leader refuses this standby: the segments (journal.segment_bytes) differ",
    );
    cluster.ends_alike();
}
