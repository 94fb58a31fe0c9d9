//! A standby that receives frames: it stores the frames that continue its journal, and stops if its
//! state differs from the leader's.

use crate::served::Place;
use ringside::config::Config;
use ringside_core::merge::Subscriber;
use ringside_core::recovery::replay::ReplayError;
use ringside_core::venue::{self, Recover, Standby, StandbyError};
use ringside_journal::{Lock, Reader};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::frame::{Frame, FrameKind, HashProbe};
use ringside_model::report::Published;
use tempfile::TempDir;

/// Subscriber that ignores all reports.
struct Nobody;

impl Subscriber for Nobody {
    fn report(&mut self, _published: &Published) {}
}

impl Recover for Nobody {}

/// Returns the config of a venue that has traded, and the frames of its journal.
fn traded() -> (Config, Vec<Frame>) {
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
    let mut reader = Reader::open(&place.journal(), identity).unwrap();
    let frames: Vec<_> = std::iter::from_fn(|| reader.next_frame().unwrap()).collect();
    assert!(frames.iter().filter(|frame| is_probe(frame)).count() > 2);
    (config, frames)
}

fn is_probe(frame: &Frame) -> bool {
    frame.kind() == Some(FrameKind::HashProbe)
}

/// Returns the same frames with another state hash in this probe.
fn with_another_probe(frames: &[Frame], number: usize) -> Vec<Frame> {
    let mut frames = frames.to_vec();
    let frame = frames.iter_mut().filter(|frame| is_probe(frame)).nth(number).unwrap();
    let (header, mut body) = (frame.header, *frame.body::<HashProbe>().unwrap());
    body.state[0] ^= 1;
    frame.write(FrameKind::HashProbe, &body);
    frame.header = header;
    let mut crc = 0;
    for frame in &mut frames {
        crc = frame.seal(frame.seqno(), frame.time(), crc);
    }
    frames
}

/// Returns a standby in a new folder.
fn standby(config: &Config, dir: &TempDir) -> Standby<Nobody> {
    let options = config.journal_options(dir.path()).unwrap();
    let lock = Lock::take(dir.path()).unwrap();
    Standby::recover(lock, options, config.shape(), Nobody).unwrap()
}

fn is_state(error: &ReplayError) -> bool {
    matches!(error, ReplayError::Diverged { what: "state hash", .. })
}

#[test]
fn a_standby_whose_books_are_not_the_leaders_stops() {
    let (config, frames) = traded();
    let follow = |frames: &[Frame]| {
        let dir = tempfile::tempdir().unwrap();
        let mut standby = standby(&config, &dir);
        for frame in frames {
            standby.store(&mut frame.clone())?;
            standby.apply(1)?;
        }
        standby.commit()?;
        let seqno = standby.place().seqno;
        standby.close()?;
        Ok::<SeqNo, StandbyError>(seqno)
    };
    assert_eq!(follow(&frames).unwrap(), frames.last().unwrap().seqno());
    let diverged = follow(&with_another_probe(&frames, 1)).unwrap_err();
    assert!(matches!(&diverged, StandbyError::Replay(error) if is_state(error)), "{diverged}");
}

#[test]
fn what_is_stored_is_applied_before_a_standby_leads() {
    let (config, frames) = traded();
    let lead = |frames: &[Frame]| {
        let dir = tempfile::tempdir().unwrap();
        let mut standby = standby(&config, &dir);
        for frame in frames {
            standby.store(&mut frame.clone()).unwrap();
        }
        standby.commit().unwrap();
        let half = frames.len() as u64 / 2;
        standby.apply(half).unwrap();
        assert_eq!(standby.unapplied(), frames.len() as u64 - half);
        standby.lead(2).map(drop)
    };
    lead(&frames).unwrap();
    let last = frames.iter().filter(|frame| is_probe(frame)).count() - 1;
    let diverged = lead(&with_another_probe(&frames, last)).unwrap_err();
    assert!(is_state(&diverged), "{diverged}");
}

#[test]
fn a_frame_that_does_not_continue_the_journal_is_not_stored() {
    let config = Config::for_serve();
    let dir = tempfile::tempdir().unwrap();
    let mut standby = standby(&config, &dir);
    let before = standby.place();
    let mut frame = Frame::default();
    frame.write(FrameKind::Cancel, &[0u8; 8]);
    frame.seal(SeqNo(2), Nanos(0), 0);
    assert!(matches!(standby.store(&mut frame), Err(StandbyError::Chain(0))));
    frame.seal(SeqNo(1), Nanos(0), 7);
    assert!(matches!(standby.store(&mut frame), Err(StandbyError::Chain(0))));
    assert_eq!(standby.place(), before);
}

#[test]
fn a_frame_whose_length_does_not_fit_its_kind_is_not_stored() {
    let config = Config::for_serve();
    let dir = tempfile::tempdir().unwrap();
    let mut standby = standby(&config, &dir);
    let before = standby.place();
    let mut frame = Frame::default();
    for (kind, seqno) in [(FrameKind::Cancel, 1), (FrameKind::CommitMark, 0)] {
        frame.write(kind, &[0u8; 224]);
        frame.seal(SeqNo(seqno), Nanos(0), 0);
        assert!(matches!(standby.store(&mut frame), Err(StandbyError::Chain(0))), "{kind:?}");
    }
    assert_eq!(standby.place(), before);
}

#[test]
fn a_leader_does_not_end_the_segments_of_a_standby() {
    let (config, frames) = traded();
    let dir = tempfile::tempdir().unwrap();
    let mut standby = standby(&config, &dir);
    for frame in &frames[..10] {
        standby.store(&mut frame.clone()).unwrap();
    }
    let before = standby.place();
    let mut end = Frame::default();
    end.write(FrameKind::SegmentEnd, &[0u8; 0]);
    end.seal(before.seqno, Nanos(0), before.crc);
    let refused = standby.store(&mut end).unwrap_err();
    assert!(matches!(refused, StandbyError::Chain(seqno) if seqno == before.seqno.0), "{refused}");
    assert_eq!(standby.place(), before);
    // The standby still takes the leader's own frames, and finds all of them at its next start.
    for frame in &frames[10..] {
        standby.store(&mut frame.clone()).unwrap();
    }
    standby.commit().unwrap();
    standby.close().unwrap();
    let mut reader = Reader::open(dir.path(), venue::identity(config.matching_hash())).unwrap();
    let stored = std::iter::from_fn(|| reader.next_frame().unwrap()).count();
    assert_eq!(stored, frames.len());
}
