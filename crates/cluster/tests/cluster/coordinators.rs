//! Coordinators of a cluster: the same checks for each of them, and the behavior of each in
//! trouble.

use ringside_cluster::membership::{
    Address, Coordinator, Etcd, InMemory, Incarnation, Keeper, KeptFile, Record, Revision, Swapped,
    Unavailable, Voters,
};
use ringside_model::domain::PartitionId;
use ringside_testing::cores::CoreWaits;
use ringside_testing::etcd::EtcdProcess;
use ringside_testing::etcd::fake::Fake;
use ringside_testing::hosts::own_host;
use ringside_testing::patience::PATIENCE;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Limit for calls that must give up after less than half a second, apart from the time that they
/// wait for a core.
const SOON: Duration = Duration::from_secs(4);

fn record(epoch: u64, leader: &str) -> Record {
    Record {
        epoch,
        leader: leader.into(),
        voters: Voters::default().with(&"a".into(), Incarnation(u64::MAX)),
        nodes: vec![Address { node: "a".into(), address: "127.0.0.1:26500".into() }],
        handover: None,
    }
}

fn done(swapped: Result<Swapped, Unavailable>) -> Revision {
    match swapped {
        Ok(Swapped::Done(revision)) => revision,
        other => panic!("{other:?}"),
    }
}

/// Checks everything that a coordinator promises. `open` returns another handle of the one record,
/// which does not exist yet.
fn keeps_one_record(open: impl Fn() -> Box<dyn Coordinator> + Sync) {
    let (mut a, mut b) = (open(), open());
    assert_eq!(a.read(), Ok(None));
    assert_eq!(a.swap(Some(Revision(1)), &record(1, "a")), Ok(Swapped::Conflict));
    assert_eq!(b.read(), Ok(None), "a swap that lost changes nothing");

    let first = done(a.swap(None, &record(1, "a")));
    assert_eq!(b.swap(None, &record(1, "b")), Ok(Swapped::Conflict), "it is created once");
    assert_eq!(b.read(), Ok(Some((first, record(1, "a")))));

    let second = done(b.swap(Some(first), &record(2, "b")));
    assert!(second > first);
    assert_eq!(a.swap(Some(first), &record(2, "a")), Ok(Swapped::Conflict));
    let third = done(a.swap(Some(second), &record(3, "ä \"\\\n")));
    assert!(third > second);
    assert_eq!(b.read(), Ok(Some((third, record(3, "ä \"\\\n")))));

    // The same record again gets another version.
    let fourth = done(a.swap(Some(third), &record(3, "ä \"\\\n")));
    assert!(fourth > third);
    assert_eq!(a.swap(Some(third), &record(4, "a")), Ok(Swapped::Conflict));
    assert_eq!(b.read(), Ok(Some((fourth, record(3, "ä \"\\\n")))));

    races(&open);
}

/// Returns `None` if a thread waited too long for the lock of a file, while the other threads had
/// it. The thread asks again.
fn unless_locked<T>(asked: Result<T, Unavailable>) -> Option<T> {
    match asked {
        Ok(answer) => Some(answer),
        Err(Unavailable(why)) => {
            assert!(why.ends_with("somebody else keeps the lock"), "{why}");
            None
        }
    }
}

/// Raises the epoch in several threads: each version has one successor, and none is lost.
fn races(open: &(impl Fn() -> Box<dyn Coordinator> + Sync)) {
    const THREADS: usize = 6;
    const RAISES: usize = 15;
    let before = open().read().unwrap().unwrap();
    let raises = |thread: usize| {
        let mut coordinator = open();
        let mut won = vec![];
        while won.len() < RAISES {
            let Some(kept) = unless_locked(coordinator.read()) else { continue };
            let (revision, record) = kept.unwrap();
            let next = record.led_by(&thread.to_string().as_str().into());
            if let Some(Swapped::Done(to)) = unless_locked(coordinator.swap(Some(revision), &next))
            {
                won.push((revision, (to, next)));
            }
        }
        won
    };
    let won: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || raises(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let swaps = won.len();
    let successors: BTreeMap<_, _> = won.into_iter().collect();
    assert_eq!(successors.len(), swaps, "two swaps of one version have won");
    let mut last = before;
    for _ in 0..swaps {
        let next = successors.get(&last.0).expect("a version that was told is gone").clone();
        assert!(next.0 > last.0);
        assert_eq!(next.1.epoch, last.1.epoch + 1);
        last = next;
    }
    assert_eq!(open().read(), Ok(Some(last)));
}

#[test]
fn in_memory() {
    let kept = InMemory::default();
    keeps_one_record(move || Box::new(kept.clone()));
}

#[test]
fn a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    keeps_one_record(|| Box::new(KeptFile::<Record>::new(&path)));
    let names = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["record.json"]);
}

/// Checks that a call gives up in time, with a message that contains `text`.
fn unavailable<T: std::fmt::Debug>(
    asked: impl FnOnce() -> Result<T, Unavailable>,
    within: Duration,
    text: &str,
) {
    let (waits, began) = (CoreWaits::begin(std::process::id()), Instant::now());
    let Unavailable(why) = asked().unwrap_err();
    let took = began.elapsed();
    assert!(took < waits.bound(within), "{why} after {took:?}");
    assert!(why.contains(text), "{why:?} does not contain {text:?}");
}

#[test]
fn a_file_in_trouble_is_unavailable_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    let mut file = KeptFile::<Record>::new(&path);
    let revision = done(file.swap(None, &record(1, "a")));

    let whole = std::fs::read(&path).unwrap();
    for damaged in [&whole[..0], &whole[..whole.len() / 2], b"{}", b"\xff"] {
        std::fs::write(&path, damaged).unwrap();
        let text = format!("{}: damaged", path.display());
        unavailable(|| file.read(), PATIENCE, &text);
        unavailable(|| file.swap(None, &record(2, "a")), PATIENCE, &text);
        assert_eq!(std::fs::read(&path).unwrap(), damaged, "what is damaged is left alone");
    }
    std::fs::write(&path, &whole).unwrap();

    let lock = File::open(&path).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockShared).unwrap();
    let text = format!("{}: somebody else keeps the lock", path.display());
    unavailable(|| file.swap(Some(revision), &record(2, "a")), PATIENCE, &text);
    assert_eq!(file.read(), Ok(Some((revision, record(1, "a")))));
    drop(lock);

    let link = folder.path().join("link.json");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let through = || KeptFile::<Record>::new(&link).swap(Some(revision), &record(2, "a"));
    unavailable(through, PATIENCE, link.to_str().unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), whole);

    let nowhere = folder.path().join("nowhere/record.json");
    let swap = || KeptFile::<Record>::new(&nowhere).swap(None, &record(1, "a"));
    unavailable(swap, PATIENCE, nowhere.to_str().unwrap());
}

/// File that a node leaves behind if it stops while it writes.
#[test]
fn a_new_record_without_its_name_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    let mut file = KeptFile::<Record>::new(&path);
    let revision = done(file.swap(None, &record(1, "a")));
    std::fs::write(folder.path().join("record.json.tmp"), "{\"revision\":2").unwrap();
    assert_eq!(file.read(), Ok(Some((revision, record(1, "a")))));
    done(file.swap(Some(revision), &record(2, "a")));
}

fn client(endpoints: &[&str], timeout: Duration) -> Etcd {
    let endpoints = endpoints.iter().map(|endpoint| endpoint.to_string()).collect();
    Etcd::new(endpoints, "/ringside/test/0/record".into(), timeout)
}

#[test]
fn etcd_keeps_one_record() {
    let Some(etcd) = EtcdProcess::start() else { return };
    keeps_one_record(|| Box::new(client(&[&etcd.endpoint()], PATIENCE)));
}

#[test]
fn etcd_is_killed_and_comes_back() {
    let Some(mut etcd) = EtcdProcess::start() else { return };
    let mut client = client(&[&etcd.endpoint()], PATIENCE);
    let first = done(client.swap(None, &record(1, "a")));
    etcd.kill();
    unavailable(|| client.read(), PATIENCE, &etcd.endpoint());
    unavailable(|| client.swap(Some(first), &record(2, "b")), PATIENCE, &etcd.endpoint());
    etcd.restart();
    let second = done(client.swap(Some(first), &record(2, "a")));
    etcd.kill();
    etcd.restart();
    assert_eq!(client.read(), Ok(Some((second, record(2, "a")))));
}

#[test]
fn etcd_is_frozen_and_goes_on() {
    let Some(etcd) = EtcdProcess::start() else { return };
    let mut patient = client(&[&etcd.endpoint()], PATIENCE);
    let first = done(patient.swap(None, &record(1, "a")));
    etcd.stop();
    let mut client = client(&[&etcd.endpoint()], Duration::from_millis(300));
    unavailable(|| client.read(), SOON, &etcd.endpoint());
    unavailable(|| client.swap(Some(first), &record(2, "b")), SOON, "timeout");
    etcd.cont();

    // Nobody can know whether the swap takes place, but it does so once or never.
    let ours = patient.swap(Some(first), &record(2, "a")).unwrap();
    let (revision, kept) = patient.read().unwrap().unwrap();
    match ours {
        Swapped::Done(second) => assert_eq!((revision, kept), (second, record(2, "a"))),
        Swapped::Conflict => assert_eq!(kept, record(2, "b")),
    }
    done(patient.swap(Some(revision), &record(3, "a")));
}

#[test]
fn a_dead_or_silent_endpoint_is_passed_over() {
    let Some(etcd) = EtcdProcess::start() else { return };
    let alive = etcd.endpoint();
    // Nobody listens at this address, which no other test uses.
    let dead = format!("http://{}:2379", own_host(&[2379]));
    let first = done(client(&[&dead, &alive], PATIENCE).swap(None, &record(1, "a")));
    let kept = Ok(Some((first, record(1, "a"))));
    assert_eq!(client(&[&dead, &alive], PATIENCE).read(), kept);
    unavailable(|| client(&[&dead, &dead], PATIENCE).read(), PATIENCE, &format!("; {dead}: "));

    // A read continues after a silent endpoint, and the next swap begins at the endpoint that
    // answered.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = [&format!("http://{}", silent.local_addr().unwrap()), &alive[..]];
    let mut third = client(&silent, Duration::from_secs(4));
    assert_eq!(third.read(), kept);
    let second = done(third.swap(Some(first), &record(2, "a")));

    // A swap does not continue: the silent endpoint may have read it.
    let mut fourth = client(&silent, Duration::from_millis(300));
    unavailable(|| fourth.swap(Some(second), &record(3, "a")), PATIENCE, silent[0]);
    assert_eq!(client(&[&alive], PATIENCE).read(), Ok(Some((second, record(2, "a")))));
    assert!(client(&[&dead, &alive, &dead], PATIENCE).read().is_ok());
}

#[test]
fn etcd_says_what_is_wrong() {
    let Some(etcd) = EtcdProcess::start() else { return };
    let mut no_key = Etcd::new(vec![etcd.endpoint()], String::new(), PATIENCE);
    unavailable(|| no_key.read(), PATIENCE, "etcdserver: key is not provided");
    unavailable(|| no_key.swap(None, &record(1, "a")), PATIENCE, "400 Bad Request: etcdserver: ");

    let mut client = client(&[&etcd.endpoint()], PATIENCE);
    let put = r#"{"key":"L3JpbmdzaWRlL3Rlc3QvMC9yZWNvcmQ=","value":"aGVsbG8="}"#;
    let address = etcd.endpoint();
    let mut other = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    let head = "POST /v3/kv/put HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\n";
    write!(other, "{head}Content-Length: {}\r\n\r\n{put}", put.len()).unwrap();
    other.read_to_end(&mut vec![]).unwrap();
    unavailable(|| client.read(), PATIENCE, "the value is no record");
    unavailable(|| client.read(), PATIENCE, "hello");
    assert_eq!(client.swap(None, &record(1, "a")), Ok(Swapped::Conflict));
}

/// Answer of etcd without a record, or to a swap that has lost.
const NOTHING: &str = r#"{"header":{"cluster_id":"1","revision":"5","raft_term":"2"}}"#;

#[test]
fn an_answer_that_is_none_is_unavailable_and_a_swap_is_sent_once() {
    let too_long = format!("{}{}", " ".repeat(2 << 20), NOTHING);
    let cases = [
        (Fake::says(b""), ""),
        (Fake::says(b"SSH-2.0-OpenSSH_9.2p1\r\n"), ""),
        (Fake::says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"), ""),
        (Fake::http("200 OK", "it works"), "it works"),
        (Fake::http("200 OK", "{}"), "header"),
        (Fake::http("200 OK", r#"{"header":{"revision":"many"}}"#), "many"),
        (Fake::http("200 OK", &too_long), "limit"),
        (Fake::http("302 Found\r\nLocation: /", ""), "302"),
        (Fake::http("500 Internal Server Error", "a cat"), "500 Internal Server Error: a cat"),
        (Fake::http("503 No", r#"{"code":14,"message":"etcdserver: no leader"}"#), ": etcdserver"),
    ];
    for (bad, text) in cases {
        let good = Fake::http("200 OK", NOTHING);
        let swap = |client: &mut Etcd| client.swap(None, &record(1, "a"));
        // Only one of the cases waits: the one that announces more bytes than it sends.
        let short = if text.is_empty() { Duration::from_secs(1) } else { PATIENCE };
        unavailable(|| swap(&mut client(&[&bad.endpoint], short)), PATIENCE, text);
        let mut both = client(&[&bad.endpoint, &good.endpoint], short);
        unavailable(|| swap(&mut both), PATIENCE, &format!("{}: ", bad.endpoint));
        assert_eq!((bad.requests(), good.requests()), (2, 0), "{text}");
        // The next call begins with the other endpoint.
        assert_eq!(swap(&mut both), Ok(Swapped::Conflict));

        unavailable(|| client(&[&bad.endpoint], short).read(), PATIENCE, text);
        assert_eq!(client(&[&bad.endpoint, &good.endpoint], short).read(), Ok(None));
        assert_eq!((bad.requests(), good.requests()), (4, 2), "{text}");
    }
}

/// The other side closes a connection that was kept for the next request.
#[test]
fn a_swap_does_not_depend_on_the_connection_of_the_request_before() {
    let fake = Fake::http("200 OK", NOTHING);
    let mut client = client(&[&fake.endpoint], PATIENCE);
    for _ in 0..3 {
        assert_eq!(client.read(), Ok(None));
        assert_eq!(client.swap(None, &record(1, "a")), Ok(Swapped::Conflict));
    }
    assert_eq!(fake.requests(), 6);
}

#[test]
fn a_file_for_the_record_has_others_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("file:{}/table.json", folder.path().display());
    let keeper = Keeper::parse(&text).unwrap();
    let mut shared = keeper.shared::<u64>("venue", "exports/A/1");
    done(shared.swap(None, &7));
    assert_eq!(keeper.shared::<u64>("venue", "exports/A/1").read().unwrap().unwrap().1, 7);
    assert_eq!(keeper.shared::<u64>("venue", "exports/A/2").read(), Ok(None));
    assert!(folder.path().join("table.json.exports.A.1").exists());
}

fn record_at(text: &str, venue: &str, partition: u16) -> Box<dyn Coordinator> {
    Keeper::parse(text).unwrap().record(venue, PartitionId(partition))
}

#[test]
fn a_text_names_a_coordinator() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("file:{}/record.json", folder.path().display());
    let revision = done(record_at(&text, "venue", 0).swap(None, &record(1, "a")));
    let kept = Ok(Some((revision, record(1, "a"))));
    assert_eq!(record_at(&text, "venue", 0).read(), kept);

    for wrong in [
        "",
        "file:",
        "file:record.json",
        "file:/folder/",
        "10.0.0.1:2379",
        "http://",
        "http://host",
        "http://host:2379/path",
        "http://host:2379,",
        "http://host:2379,file:/record.json",
        "https://host:2379",
        "etcd://host:2379",
    ] {
        let text = Keeper::parse(wrong).err().unwrap_or_else(|| panic!("{wrong:?}"));
        assert!(text.contains("must be") || text.contains("TLS") || text.contains("no endpoint"));
    }
    assert!(Keeper::parse("http://[::1]:2379/").is_ok());
}

#[test]
fn each_partition_of_a_venue_has_a_key_of_its_own() {
    let Some(etcd) = EtcdProcess::start() else { return };
    let text = format!(" {0} , {0}/", etcd.endpoint());
    let revision = done(record_at(&text, "venue", 3).swap(None, &record(1, "a")));
    let kept = Ok(Some((revision, record(1, "a"))));
    assert_eq!(record_at(&text, "venue", 3).read(), kept);
    assert_eq!(record_at(&text, "venue", 4).read(), Ok(None));
    assert_eq!(record_at(&text, "other", 3).read(), Ok(None));
    let key = "/ringside/venue/3/record".into();
    assert_eq!(Etcd::new(vec![etcd.endpoint()], key, PATIENCE).read(), kept);
}
