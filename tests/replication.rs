//! A leader and its standby as two processes: the same bytes in both, nobody told of what the standby does not have,
//! and nothing lost when it takes over.

mod served;

use ringside::client::soup::{Connection, Received};
use ringside::config::Config;
use ringside::domain::{Nanos, SeqNo};
use ringside::frame::{Frame, FrameKind, HashProbe};
use ringside::journal::{Lock, Reader};
use ringside::protocol::Message;
use ringside::protocol::ouch::inbound::AccountQuery;
use ringside::protocol::soupbintcp::Login;
use ringside::replay::ReplayError;
use ringside::report::Published;
use ringside::report_order::Subscriber;
use ringside::venue::{self, Recover, Standby, StandbyError};
use served::journal::Orders;
use served::{ORDERS, Place, STANDBYS, Venue};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The places of a leader, which waits for so many standbys, and of a standby.
fn places(standbys: u32) -> (Place, Place) {
    let mut places = [(); 2].map(|()| {
        let mut place = Place::new();
        let address = place.at(STANDBYS).to_string();
        place.set("REPLICATION__LISTEN", &address);
        place.set("JOURNAL__SEGMENT_BYTES", "262144");
        place.set("ENGINE__HASH_PROBE_INTERVAL", "1000");
        place
    });
    places[0].set("REPLICATION__STANDBYS", &standbys.to_string());
    places.into()
}

/// The files of a folder that say what was traded, with what was written into them: segments, and the blocks of
/// streams.
fn written(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut written = BTreeMap::new();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        if name.ends_with(".seg") || (name.starts_with("streams-") && name.ends_with(".dat")) {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
            written.insert(name, bytes);
        }
    }
    written.retain(|_, bytes| !bytes.is_empty());
    written
}

/// Both have the same, once the standby has been sent everything.
fn assert_same(leader: &Place, standby: &Place) {
    let [ours, theirs] = [leader, standby].map(|place| written(&place.journal()));
    assert!(ours.len() > 2, "{:?}", ours.keys());
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (name, bytes) in &ours {
        assert!(*bytes == theirs[name], "{name} differs");
    }
}

/// A load over several addresses, under way.
struct Load {
    process: Child,
    out: TempDir,
}

impl Load {
    fn start(addresses: &[&Place], seconds: &str) -> Load {
        let addresses: Vec<_> =
            addresses.iter().map(|place| place.at(ORDERS).to_string()).collect();
        let out = tempfile::tempdir().unwrap();
        let mut load = Command::new(env!("CARGO_BIN_EXE_ringside"));
        load.args(["load", "--address", &addresses.join(","), "--rate", "2000", "--json"]);
        load.args(["--warmup-seconds", "0.1", "--seconds", seconds, "--out"]).arg(out.path());
        let process = load.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Load { process, out }
    }

    fn report(self) -> serde_json::Value {
        let output = self.process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(self.out.path().join("report.json").exists());
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[test]
fn a_standby_has_the_same_bytes_at_the_same_places() {
    let (leader_place, standby_place) = places(1);
    let leader = Venue::spawn(&leader_place);
    let standby = Venue::spawn_standby(&standby_place, leader_place.at(STANDBYS));
    assert!(leader.becomes_ready(), "{}", leader.said());
    Load::start(&[&leader_place], "1").report();
    leader.stop();
    standby.stop();
    assert_same(&leader_place, &standby_place);
}

#[test]
fn a_standby_that_is_late_or_killed_and_a_leader_that_starts_again_come_to_the_same() {
    let (leader_place, standby_place) = places(0);
    let leader = leader_place.start();
    Load::start(&[&leader_place], "0.5").report();
    let follow = || Venue::spawn_standby(&standby_place, leader_place.at(STANDBYS));
    let standby = follow();
    let load = Load::start(&[&leader_place], "2.5");
    assert!(standby.says("following"), "{}", standby.said());
    std::thread::sleep(Duration::from_millis(600));
    standby.kill();
    let standby = follow();
    std::thread::sleep(Duration::from_millis(500));
    leader.kill();
    let leader = leader_place.start();
    load.report();
    leader.stop();
    standby.stop();
    assert_same(&leader_place, &standby_place);
}

/// Asks which id comes next; gives the first message that comes then, if it comes within this time.
fn answer(connection: &mut Connection, patience: Duration) -> bool {
    let began = Instant::now();
    let mut asked = false;
    while began.elapsed() < patience {
        let now = Instant::now();
        connection.read(now);
        while let Some(received) = connection.take().unwrap() {
            if asked && matches!(received, Received::Message { .. }) {
                return true;
            }
        }
        if connection.has_room() && !asked {
            connection.send(&[AccountQuery::TYPE]);
            asked = true;
        }
        connection.write(now);
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

#[test]
fn nobody_is_told_of_a_command_before_the_standby_has_it() {
    let (leader_place, standby_place) = places(1);
    let leader = Venue::spawn(&leader_place);
    let follow = || Venue::spawn_standby(&standby_place, leader_place.at(STANDBYS));
    let standby = follow();
    assert!(leader.becomes_ready());
    let login = |number| Login {
        user: "DEMO01".into(),
        password: "ringside".into(),
        session: String::new(),
        number,
        heartbeat_timeout_ms: None,
    };
    let connect = || Connection::open(leader_place.at(ORDERS), &login(0)).unwrap();
    let mut connection = connect();
    assert!(answer(&mut connection, Duration::from_secs(20)));
    standby.stop();
    assert!(!answer(&mut connection, Duration::from_millis(500)));
    let standby = follow();
    assert!(answer(&mut connection, Duration::from_secs(20)));
    // Without a standby the leader cannot end as it should: what is not told stays in the journal.
    standby.stop();
    assert!(!answer(&mut connection, Duration::from_millis(300)));
    let (status, said) = leader.stops();
    assert!(!status.success() && said.contains("too few standbys"), "{said}");
}

#[test]
fn a_standby_takes_over_and_nothing_is_lost_or_doubled() {
    for round in 0..3 {
        let (leader_place, standby_place) = places(1);
        let leader = Venue::spawn(&leader_place);
        let standby = Venue::spawn_standby(&standby_place, leader_place.at(STANDBYS));
        assert!(leader.becomes_ready());
        let load = Load::start(&[&leader_place, &standby_place], "2");
        std::thread::sleep(Duration::from_millis(900 + 150 * round));
        leader.kill();
        standby.lead();
        assert!(standby.becomes_ready(), "{}", standby.said());
        let report = load.report();
        let (streams, counts) = (&report["streams"], &report["counts"]);
        assert_eq!((&streams["lost"], &streams["doubled"]), (&0.into(), &0.into()), "{report:#}");
        assert_eq!(streams["reconnects"], 4, "{report:#}");
        assert_eq!(counts["accepted"], counts["entered"]);
        standby.stop();
        let orders = Orders::read(&standby_place.journal()).unwrap();
        let entered: usize = (1..=4).map(|n| orders.entered_by(&format!("LOAD0{n}"))).sum();
        assert_eq!(counts["accepted"], entered, "each of them once");
    }
}

#[test]
fn a_standby_that_cannot_have_the_same_journal_is_refused() {
    let (leader_place, mut standby_place) = places(0);
    // It has a past of its own.
    let own = standby_place.start();
    own.trade(&standby_place);
    own.stop();
    let leader = leader_place.start();
    leader.trade(&leader_place);
    let refused = |place: &Place, what: &str| {
        let (status, said) = Venue::spawn_standby(place, leader_place.at(STANDBYS)).ends();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("the leader refuses this standby") && said.contains(what), "{said}");
    };
    refused(&standby_place, "went another way");
    standby_place = Place::new();
    standby_place.set("JOURNAL__SEGMENT_BYTES", "524288");
    refused(&standby_place, "journal.segment_bytes");
    standby_place.set("JOURNAL__SEGMENT_BYTES", "262144");
    standby_place.set("VENUE__NAME", "other");
    let place = standby_place;
    std::fs::remove_dir_all(place.journal()).unwrap();
    refused(&place, "venue.name");
    leader.stop();
}

/// Hears nothing.
struct Nobody;

impl Subscriber for Nobody {
    fn report(&mut self, _published: &Published) {}
}

impl Recover for Nobody {}

#[test]
fn a_standby_whose_books_are_not_the_leaders_stops() {
    let (place, _) = places(0);
    let venue = place.start();
    venue.trade(&place);
    venue.stop();
    let mut config = Config::for_serve();
    config.journal.any_filesystem = true;
    config.engine.hash_probe_interval = 1000;
    let identity = venue::identity(config.matching_hash());
    let mut frames = vec![];
    let mut reader = Reader::open(&place.journal(), identity).unwrap();
    frames.extend(std::iter::from_fn(|| reader.next_frame().unwrap()));
    let probes = frames.iter().filter(|frame| frame.kind() == Some(FrameKind::HashProbe)).count();
    assert!(probes > 2);

    let follow = |change: Option<usize>| {
        let dir = tempfile::tempdir().unwrap();
        let options = config.journal_options(dir.path()).unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        let mut standby = Standby::recover(lock, options, config.shape(), Nobody).unwrap();
        let (mut crc, mut probe) = (0, 0);
        for frame in &frames {
            let mut frame = *frame;
            let (seqno, time) = (frame.seqno(), frame.time());
            if let (Some(FrameKind::HashProbe), Some(body)) =
                (frame.kind(), frame.body::<HashProbe>())
            {
                let mut body = *body;
                body.state[0] ^= u64::from(change == Some(probe));
                probe += 1;
                frame.write(FrameKind::HashProbe, &body);
            }
            crc = frame.seal(seqno, time, crc);
            standby.store(&mut frame)?;
            standby.apply()?;
        }
        standby.commit()?;
        let seqno = standby.place().seqno;
        standby.close()?;
        Ok::<SeqNo, StandbyError>(seqno)
    };
    assert_eq!(follow(None).unwrap(), frames.last().unwrap().seqno());
    let diverged = follow(Some(1)).unwrap_err();
    assert!(
        matches!(&diverged, StandbyError::Replay(ReplayError::Diverged { what, .. }) if *what == "state hash"),
        "{diverged}"
    );
}

#[test]
fn a_frame_that_does_not_continue_the_journal_is_not_stored() {
    let config = Config::for_serve();
    let dir = tempfile::tempdir().unwrap();
    let options = config.journal_options(dir.path()).unwrap();
    let lock = Lock::take(dir.path()).unwrap();
    let mut standby = Standby::recover(lock, options, config.shape(), Nobody).unwrap();
    let before = standby.place();
    let mut frame = Frame::default();
    frame.write(FrameKind::Cancel, &[0u8; 8]);
    frame.seal(SeqNo(2), Nanos(0), 0);
    assert!(matches!(standby.store(&mut frame), Err(StandbyError::Chain(0))));
    frame.seal(SeqNo(1), Nanos(0), 7);
    assert!(matches!(standby.store(&mut frame), Err(StandbyError::Chain(0))));
    assert_eq!(standby.place(), before);
}
