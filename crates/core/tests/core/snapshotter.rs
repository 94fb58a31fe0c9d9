//! The snapshotter beside a venue that writes.

use ringside_core::recovery::snapshot::Snapshot;
use ringside_core::recovery::snapshotter::{Sizes, Snapshotter};
use ringside_journal::{JournalError, Lock, Options, Writer, recover};
use ringside_model::command::{
    Action, BreakTrade, Cancel, ClientFields, Command, DefineSymbol, Enter, TradeSide,
};
use ringside_model::domain::{
    MatchNumber, Name, Nanos, OrderId, Price, Quantity, SeqNo, SessionId, Side, SymbolId, Tick,
};
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
            let action = Action::Cancel(Cancel { id: OrderId(id) });
            self.command(&Command { session, symbol, verdict: Reason::None, action });
        }
        self.commit()
    }

    fn command(&mut self, command: &Command) {
        self.seqno += 1;
        let mut frame = Frame::default();
        command.encode(&mut frame);
        self.append(frame);
    }

    /// Commits all commands, and returns the last seqno.
    fn commit(&mut self) -> SeqNo {
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

fn snapshotter(dir: &Path) -> Snapshotter {
    let sizes = Sizes { orders: 16, sessions: 4 };
    let snapshotter = Snapshotter::open(dir.to_path_buf(), IDENTITY, sizes).unwrap();
    assert!(snapshotter.skipped.is_empty(), "{:?}", snapshotter.skipped);
    snapshotter
}

#[test]
fn a_venue_that_writes_on_does_not_hold_up_a_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Growing::begin(dir.path());
    let before = journal.grow(5_000);
    let mut snapshotter = snapshotter(dir.path());
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

#[test]
fn changes_of_trades_that_are_too_old_to_be_known_are_in_no_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Growing::begin(dir.path());
    let mut ask = |session, action| {
        let session = SessionId(session);
        journal.command(&Command { session, symbol: SymbolId(1), verdict: Reason::None, action });
    };
    let (name, tick) = (Name::new("A").unwrap(), Tick::parse("1").unwrap());
    ask(0, Action::from(DefineSymbol::new(name, tick)));
    for (session, side) in [(1, Side::Buy), (2, Side::Sell)] {
        ask(session, Action::Enter(Enter::limit(OrderId(1), side, Quantity(1), Price(1))));
    }
    // The first number is before that of the only trade, as if the venue had forgotten its trade.
    let numbers = [MatchNumber(1), MatchNumber::of(SeqNo(3), 1)];
    let broken = numbers.map(|number| {
        let text = [b' '; ClientFields::TEXT_BYTES];
        let side = TradeSide { id: OrderId(0), session: SessionId(0), text };
        Action::from(BreakTrade::new(number, [side; 2]))
    });
    broken.iter().for_each(|action| ask(0, *action));
    journal.commit();

    let amended = |snapshotter: &mut Snapshotter| {
        snapshotter.follow_to(u64::MAX).unwrap();
        let stored = snapshotter.take().unwrap().unwrap();
        let rules = Snapshot::read(&stored.path, IDENTITY).unwrap().rules;
        rules.commands().iter().map(|command| command.action).collect::<Vec<_>>()
    };
    let mut first = snapshotter(dir.path());
    assert_eq!(amended(&mut first), broken[1..]);
    journal.grow(1);
    assert_eq!(amended(&mut snapshotter(dir.path())), broken[1..], "after a restart");
    journal.grow(1);
    assert_eq!(amended(&mut first), broken[1..], "without one");
}
