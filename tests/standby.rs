//! A standby that is fed with frames: it stores what continues its journal, and stops if its books are not the leader's.

mod served;

use ringside::config::Config;
use ringside::domain::{Nanos, SeqNo};
use ringside::frame::{Frame, FrameKind, HashProbe};
use ringside::journal::{Lock, Reader};
use ringside::replay::ReplayError;
use ringside::report::Published;
use ringside::report_order::Subscriber;
use ringside::venue::{self, Recover, Standby, StandbyError};
use served::Place;

/// Hears nothing.
struct Nobody;

impl Subscriber for Nobody {
    fn report(&mut self, _published: &Published) {}
}

impl Recover for Nobody {}

#[test]
fn a_standby_whose_books_are_not_the_leaders_stops() {
    let mut place = Place::new();
    place.set("JOURNAL__SEGMENT_BYTES", "262144");
    place.set("ENGINE__HASH_PROBE_INTERVAL", "1000");
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
