//! The snapshotter beside a venue that writes.

use ringside_core::recovery::snapshotter::{Sizes, Snapshotter};
use ringside_journal::{JournalError, Lock, Options, Writer, recover};
use ringside_model::command::{Action, Cancel, Command};
use ringside_model::domain::{Nanos, OrderId, SeqNo, SessionId, SymbolId};
use ringside_model::durability::Durability;
use ringside_model::frame::{CommitMark, Frame, FrameKind};
use ringside_model::reason::Reason;
use ringside_testing::journals::{IDENTITY, options};
use std::path::Path;

/// A journal that grows by a segment at a time.
struct Growing {
    writer: Writer,
    seqno: u64,
    crc: u32,
}

impl Growing {
    fn begin(dir: &Path) -> Growing {
        let probe_interval = 1 << 40;
        let options = Options { probe_interval, ..options(dir, Durability::Pagecache) };
        let lock = Lock::take(dir).unwrap();
        let found =
            recover(&options, &lock, None, SeqNo(0), |_| Ok::<_, JournalError>(())).unwrap();
        let writer = Writer::open(options, lock, &found).unwrap();
        let mut growing = Growing { seqno: 0, crc: found.crc, writer };
        let mut start = Frame::default();
        start.write(FrameKind::EpochStart, &growing.writer.epoch_start());
        growing.append(start);
        growing
    }

    /// Appends committed commands, each of which is rejected, and returns the last seqno.
    fn grow(&mut self, commands: u64) -> SeqNo {
        let (session, symbol) = (SessionId(1), SymbolId(1));
        for id in 0..commands {
            self.seqno += 1;
            let mut frame = Frame::default();
            let action = Action::Cancel(Cancel { id: OrderId(id) });
            Command { session, symbol, verdict: Reason::None, action }.encode(&mut frame);
            self.append(frame);
        }
        self.writer.commit().unwrap();
        let mut mark = Frame::default();
        let synced = self.writer.synced().0;
        mark.write(FrameKind::CommitMark, &CommitMark { committed: self.seqno, synced });
        self.append(mark);
        self.writer.commit().unwrap();
        SeqNo(self.seqno)
    }

    fn append(&mut self, mut frame: Frame) {
        self.crc = frame.seal(SeqNo(self.seqno), Nanos(self.seqno), self.crc);
        self.writer.append(&frame).unwrap();
    }
}

#[test]
fn a_venue_that_writes_on_does_not_hold_up_a_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Growing::begin(dir.path());
    let before = journal.grow(5_000);
    let sizes = Sizes { orders: 16, sessions: 4 };
    let say = |what: String| panic!("{what}");
    let mut snapshotter =
        Snapshotter::open(dir.path().to_path_buf(), IDENTITY, sizes, say).unwrap();
    let end = snapshotter.newest_segment().unwrap();
    assert!(end > 1, "several segments");
    // All that comes now has come before the first frame is taken: the venue is faster than any
    // reader.
    let after = journal.grow(50_000);
    snapshotter.follow_to(end).unwrap();
    let reached = snapshotter.seqno();
    assert!(before <= reached && reached.0 < after.0 / 2, "{before} {reached} {after}");
    snapshotter.follow_to(u64::MAX).unwrap();
    assert_eq!(snapshotter.seqno(), after);
}
