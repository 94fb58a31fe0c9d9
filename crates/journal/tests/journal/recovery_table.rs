//! Rows of the table in `src/recovery.rs`, tested by their names.

use crate::journal_runs;
use crate::journal_runs::{Run, options, prepare_blank, read, recover_all, segment};
use ringside_journal::{
    Cut, Device, JournalError, Lock, Lost, Options, Recovered, SEGMENT_BYTES_MIN, Step, Tail,
    TailReader, recover,
};
use ringside_model::domain::SeqNo;
use ringside_model::durability::Durability::{self, Fsync, Pagecache, Volatile};
use ringside_model::frame::FrameKind;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const MODES: [Durability; 3] = [Fsync, Pagecache, Volatile];
const LENIENT: [Durability; 2] = [Pagecache, Volatile];

/// Journal of one run that was killed; `write` appends its frames.
fn killed(mode: Durability, write: impl FnOnce(&mut Run)) -> (tempfile::TempDir, Vec<Vec<u8>>) {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::start(options(dir.path(), mode));
    write(&mut run);
    (dir, run.kill())
}

/// Offset of frame `index`, if all frames before it are in the first segment.
fn offset(frames: &[Vec<u8>], index: usize) -> u64 {
    4096 + frames[..index].iter().map(|frame| frame.len() as u64).sum::<u64>()
}

fn overwrite(dir: &Path, number: u64, offset: u64, bytes: &[u8]) {
    let file = std::fs::File::options().write(true).open(segment(dir, number)).unwrap();
    file.write_all_at(bytes, offset).unwrap();
}

fn flip(dir: &Path, number: u64, offset: u64) {
    let byte = std::fs::read(segment(dir, number)).unwrap()[offset as usize];
    overwrite(dir, number, offset, &[byte ^ 4]);
}

fn recovered(dir: &Path) -> Recovered {
    recover_all(&options(dir, Pagecache)).unwrap().0
}

/// Checks that reader and recovery both refuse. Returns their message.
fn refused(dir: &Path) -> String {
    let error = read(dir).err().expect("a reader refuses");
    assert!(matches!(error, JournalError::Corrupt { .. }), "{error}");
    let again = recover_all(&options(dir, Pagecache)).err().expect("recovery refuses");
    assert_eq!(error.to_string(), again.to_string());
    error.to_string()
}

/// Recovers these frames, continues for a run, and reads everything back. Returns the result of the
/// recovery.
fn goes_on(dir: &Path, frames: &[Vec<u8>]) -> Recovered {
    let options = options(dir, Pagecache);
    let (found, read_back, lock) = recover_all(&options).unwrap();
    assert!(read_back == frames, "{} frames, not {}", read_back.len(), frames.len());
    let mut run = Run::start_from(options, &found, lock);
    run.commands(1000);
    let all = [frames, &run.close()].concat();
    let (read_back, tail, _) = read(dir).unwrap();
    assert_eq!((read_back == all, tail), (true, Tail::Clean));
    found
}

#[test]
fn clean_end() {
    for mode in MODES {
        let (dir, frames) = killed(mode, |run| _ = run.commands(100).mark(90, 0));
        prepare_blank(dir.path(), 2);
        prepare_blank(dir.path(), 3);
        let found = goes_on(dir.path(), &frames);
        assert_eq!(
            (found.seqno, found.cut, found.lost, found.clean),
            (SeqNo(100), None, None, false)
        );
    }
}

#[test]
fn an_end_is_clean_behind_the_frames_that_close_a_run() {
    let dir = tempfile::tempdir().unwrap();
    assert!(recovered(dir.path()).clean, "there is nothing in it");
    let start = || Run::start(options(dir.path(), Pagecache));
    start().close();
    assert!(recovered(dir.path()).clean);
    let mut run = start();
    run.commands(9);
    run.close();
    assert!(recovered(dir.path()).clean);
    let unclean: [fn(&mut Run); 5] = [
        |_| (),
        |run| _ = run.commands(1).probe(),
        |run| _ = run.commands(1).mark(11, 11),
        |run| _ = run.commands(1).mark(12, 11).probe(),
        |run| _ = run.commands(1).mark(13, 13).probe().commands(1),
    ];
    for (write, seqno) in unclean.into_iter().zip([9, 10, 11, 12, 14]) {
        let mut run = start();
        write(&mut run);
        run.kill();
        let found = recovered(dir.path());
        assert_eq!((found.seqno, found.clean), (SeqNo(seqno), false));
    }
    // Also if the probe is the first frame of a segment.
    let probe_begins_a_segment = |commands| {
        let (dir, _) = killed(Pagecache, |run| {
            run.commands(commands).mark(commands, commands).probe();
        });
        let second = std::fs::read(segment(dir.path(), 2)).unwrap_or(vec![0; 8192]);
        (second[4096 + 2] == FrameKind::HashProbe as u8).then(|| recovered(dir.path()).clean)
    };
    assert_eq!((820..860).find_map(probe_begins_a_segment), Some(true));
}

#[test]
fn a_frame_whose_length_does_not_fit_its_kind_is_unreadable() {
    let wrong: [fn(&mut Run); 4] = [
        |run| _ = run.bookkeeping(FrameKind::CommitMark, &[1000u64; 28]),
        |run| _ = run.bookkeeping(FrameKind::HashProbe, &[0u8; 16]),
        |run| _ = run.bookkeeping(FrameKind::SegmentEnd, &[0u8; 96]),
        |run| _ = run.command(FrameKind::Enter, &[0u8; 160]),
    ];
    for (write, number) in wrong.into_iter().zip(0..) {
        let (dir, frames) = killed(Pagecache, |run| {
            run.commands(100).mark(90, 0);
            write(run);
            run.commands(5);
        });
        let at = offset(&frames, 102);
        // No mark covers the commands behind the frame, and a mark of a wrong length is no
        // evidence.
        let (read_back, tail, reader) = read(dir.path()).unwrap();
        assert_eq!((read_back.len(), reader.position().offset), (102, at), "{number}");
        assert!(matches!(tail, Tail::Torn { .. }), "{number}: {tail:?}");
        let mut follower = TailReader::open(dir.path(), journal_runs::IDENTITY).unwrap();
        let stored = std::iter::from_fn(|| follower.next_stored().unwrap()).count();
        assert_eq!(stored, 102, "{number}");
        goes_on(dir.path(), &frames[..102]);

        let (dir, frames) = killed(Fsync, |run| {
            run.commands(100).mark(90, 0);
            write(run);
            run.commands(5).mark(105, 105);
        });
        let said = refused(dir.path());
        let place = format!("corrupt at offset {}, after seqno 100", offset(&frames, 102));
        assert!(said.contains(&place), "{number}: {said}");
    }
}

#[test]
fn torn_tail() {
    for mode in MODES {
        let (dir, frames) = killed(mode, |run| _ = run.commands(100).mark(90, 80).commands(5));
        prepare_blank(dir.path(), 2);
        // One of the five commands that no mark covers is damaged; those after it are cut with it.
        let at = offset(&frames, 104);
        flip(dir.path(), 1, at + 50);
        let rest = std::fs::read(segment(dir.path(), 1)).unwrap()[at as usize..].to_vec();
        assert!(matches!(read(dir.path()).unwrap().1, Tail::Torn { .. }));
        let found = goes_on(dir.path(), &frames[..104]);
        let cut = found.cut.unwrap();
        assert_eq!((found.seqno, found.lost, found.clean), (SeqNo(102), None, false));
        assert_eq!(cut.kept, [dir.path().join("00000001.cut-102")]);
        assert!(rest.starts_with(&std::fs::read(&cut.kept[0]).unwrap()));
        assert_eq!(cut.bytes as usize, rest.iter().rposition(|&byte| byte != 0).unwrap() + 1);
    }
}

#[test]
fn torn_tail_of_a_segment_whose_header_page_did_not_reach_the_device() {
    for mode in MODES {
        let (dir, frames) = killed(mode, |run| _ = run.commands(500).mark(500, 500).commands(450));
        let first = frames_in_first_segment(&frames);
        overwrite(dir.path(), 2, 0, &[0; 4096]);
        let found = goes_on(dir.path(), &frames[..first]);
        assert!(found.segment_ended && found.lost.is_none());
        assert_eq!(found.cut.unwrap().bytes, SEGMENT_BYTES_MIN);
    }
}

#[test]
fn synced_gone() {
    for mode in MODES {
        let write = |run: &mut Run| _ = run.commands(100).mark(100, 50).commands(10).mark(110, 104);
        let (dir, frames) = killed(mode, write);
        // Command 104 is the last one that was on the device.
        let at = offset(&frames, 105);
        flip(dir.path(), 1, at);
        let said = refused(dir.path());
        assert!(said.contains("seqno 104 to 104 had been on the device"), "{said}");
        assert!(said.contains(&format!("00000001.seg: corrupt at offset {at}")), "{said}");
        flip(dir.path(), 1, at);
        read(dir.path()).unwrap();
    }
}

#[test]
fn synced_gone_says_a_digest() {
    for mode in MODES {
        let (dir, frames) = killed(mode, |run| _ = run.commands(1000));
        flip(dir.path(), 1, offset(&frames, 10));
        std::fs::write(segment(dir.path(), 1).with_extension("sha256"), "").unwrap();
        let said = refused(dir.path());
        let last = last_seqno(&frames[..frames_in_first_segment(&frames)]);
        assert!(said.contains(&format!("seqno 10 to {last} had been on the device")), "{said}");
        // Without a next segment the digest still says that this one was complete.
        std::fs::remove_file(segment(dir.path(), 2)).unwrap();
        refused(dir.path());
    }
}

#[test]
fn synced_gone_says_who_asks() {
    for mode in MODES {
        let (dir, _) = killed(mode, |run| _ = run.commands(100).mark(90, 80));
        let options = options(dir.path(), mode);
        let lock = Lock::take(dir.path()).unwrap();
        let known =
            |seqno| recover(&options, &lock, None, SeqNo(seqno), |_| Ok::<_, JournalError>(()));
        let said = known(102).err().unwrap().to_string();
        assert!(said.contains("seqno 101 to 102 had been on the device"), "{said}");
        assert_eq!(known(100).unwrap().seqno, SeqNo(100));
    }
}

#[test]
fn committed_gone() {
    let write = |run: &mut Run| _ = run.commands(100).mark(95, 0).commands(10).mark(104, 94);
    let (dir, frames) = killed(Fsync, write);
    flip(dir.path(), 1, offset(&frames, 95) + 9);
    let said = refused(dir.path());
    assert!(said.contains("seqno 95 to 104 had been committed"), "{said}");
    for mode in LENIENT {
        let (dir, frames) = killed(mode, write);
        flip(dir.path(), 1, offset(&frames, 95) + 9);
        let lost = Lost { from: SeqNo(95), to: SeqNo(104), mode };
        assert!(matches!(read(dir.path()).unwrap().1, Tail::Lost { lost: l, .. } if l == lost));
        let found = goes_on(dir.path(), &frames[..95]);
        assert_eq!((found.seqno, found.lost), (SeqNo(94), Some(lost)));
        let said = format!("lost seqno 95 to 104, which {} allows", mode.name());
        assert_eq!(lost.to_string(), said);
        assert_eq!(found.cut.unwrap().kept, [dir.path().join("00000001.cut-94")]);
    }
}

#[test]
fn committed_gone_counts_in_the_mode_that_is_in_force_at_the_damage() {
    let write = |run: &mut Run| _ = run.commands(9).set_durability(Fsync).commands(9).mark(19, 0);
    let (dir, frames) = killed(Pagecache, write);
    flip(dir.path(), 1, offset(&frames, 15));
    assert!(refused(dir.path()).contains("seqno 15 to 19 had been committed"));
    flip(dir.path(), 1, offset(&frames, 15));
    flip(dir.path(), 1, offset(&frames, 5));
    assert!(matches!(read(dir.path()).unwrap().1, Tail::Lost { .. }));
}

#[test]
fn committed_gone_with_its_first_frame_is_refused_in_any_mode() {
    for mode in MODES {
        let (dir, _) = killed(mode, |run| _ = run.commands(9).mark(9, 0));
        flip(dir.path(), 1, 4096 + 8);
        assert!(refused(dir.path()).contains("seqno 1 to 9 had been committed"));
        let (dir, _) = killed(mode, |run| _ = run.commands(9).mark(0, 0));
        flip(dir.path(), 1, 4096 + 8);
        goes_on(dir.path(), &[]);
    }
}

#[test]
fn committed_gone_says_a_mark_right_behind_a_damaged_checksum() {
    for kind_of_frame in [95, 99] {
        let write = |run: &mut Run| _ = run.commands(kind_of_frame).mark(kind_of_frame, 0);
        let (dir, frames) = killed(Fsync, write);
        for byte in 0..frames[kind_of_frame as usize].len() as u64 {
            let at = offset(&frames, kind_of_frame as usize) + byte;
            flip(dir.path(), 1, at);
            let said = refused(dir.path());
            assert!(said.contains("had been committed"), "byte {byte}: {said}");
            flip(dir.path(), 1, at);
        }
    }
}

#[test]
fn committed_gone_says_the_start_of_a_run() {
    let (dir, frames) = killed(Fsync, |run| _ = run.commands(20));
    Run::start(options(dir.path(), Fsync)).kill();
    flip(dir.path(), 1, offset(&frames, 16));
    assert!(refused(dir.path()).contains("seqno 16 to 20 had been committed"));
}

#[test]
fn committed_gone_over_segments_is_set_aside_as_a_whole() {
    let write = |run: &mut Run| _ = run.commands(3000).mark(2900, 50);
    for missing in [None, Some(2), Some(3)] {
        let (dir, _) = killed(Fsync, write);
        prepare_blank(dir.path(), 5);
        overwrite(dir.path(), 1, 8192, &[0; 8192]);
        missing.inspect(|&number| std::fs::remove_file(segment(dir.path(), number)).unwrap());
        assert!(refused(dir.path()).contains("2900 had been committed"));

        let (dir, frames) = killed(Pagecache, write);
        prepare_blank(dir.path(), 5);
        overwrite(dir.path(), 1, 8192, &[0; 8192]);
        missing.inspect(|&number| std::fs::remove_file(segment(dir.path(), number)).unwrap());
        let kept = (0..frames.len()).take_while(|&i| offset(&frames, i + 1) <= 8192).count();
        let last = last_seqno(&frames[..kept]);
        let found = recovered(dir.path());
        let lost = Lost { from: SeqNo(last + 1), to: SeqNo(2900), mode: Pagecache };
        assert_eq!((found.seqno, found.lost), (SeqNo(last), Some(lost)));
        let mut names = vec![format!("00000001.cut-{last}")];
        names.extend(
            [4, 3, 2]
                .iter()
                .filter(|&&number| missing != Some(number))
                .map(|number| format!("{number:08}.cut-{last}")),
        );
        let paths: Vec<_> = names.iter().map(|name| dir.path().join(name)).collect();
        assert_eq!(found.cut.unwrap().kept, paths);
        assert!((2..6).all(|number| !segment(dir.path(), number).exists()));
        goes_on(dir.path(), &frames[..kept]);
    }
}

#[test]
fn later_segment() {
    for mode in MODES {
        let (dir, frames) = killed(mode, |run| _ = run.commands(1000));
        let first = frames_in_first_segment(&frames);
        overwrite(dir.path(), 1, offset(&frames, first), &[0; 64]);
        if mode == Fsync {
            assert!(refused(dir.path()).contains("a later segment was begun"));
            continue;
        }
        let found = goes_on(dir.path(), &frames[..first]);
        let last = last_seqno(&frames[..first]);
        assert_eq!((found.seqno, found.lost), (SeqNo(last), None));
        let kept = dir.path().join(format!("00000002.cut-{last}"));
        assert_eq!(found.cut.unwrap().kept, [kept]);
    }
}

#[test]
fn gap() {
    for (mode, empty) in MODES.into_iter().flat_map(|mode| [(mode, false), (mode, true)]) {
        let (dir, frames) = killed(mode, |run| _ = run.commands(1000));
        let first = frames_in_first_segment(&frames);
        std::fs::remove_file(segment(dir.path(), 2)).unwrap();
        if empty {
            std::fs::write(segment(dir.path(), 2), "").unwrap();
        }
        prepare_blank(dir.path(), 3);
        if mode == Fsync {
            let said = refused(dir.path());
            assert!(said.contains("00000002.seg") && said.contains("missing"), "{said}");
            continue;
        }
        let found = goes_on(dir.path(), &frames[..first]);
        assert!(found.lost.is_none() && found.segment_ended);
        assert_eq!(found.cut, Some(Cut { kept: vec![], bytes: 0 }));
    }
}

#[test]
fn header() {
    for mode in MODES {
        let (dir, _) = killed(mode, |run| _ = run.commands(1000));
        for at in [0, 20, 70, 71, 72, 4095] {
            flip(dir.path(), 2, at);
            assert!(refused(dir.path()).contains("00000002.seg"));
            flip(dir.path(), 2, at);
        }
        // Segment that belongs to another history.
        let (other, _) = killed(mode, |run| _ = run.commands(990).mark(1, 1).commands(10));
        std::fs::copy(segment(other.path(), 2), segment(dir.path(), 2)).unwrap();
        read(dir.path()).unwrap();
        let (other, _) = killed(mode, |run| _ = run.mark(0, 0).commands(1000));
        std::fs::copy(segment(other.path(), 2), segment(dir.path(), 2)).unwrap();
        assert!(refused(dir.path()).contains("the segment continues seqno"));
    }
}

/// Device that stops at one step: before it, or right after it.
#[derive(Debug)]
struct StopsAt {
    steps: AtomicUsize,
    at: usize,
    behind: bool,
}

impl Device for StopsAt {
    fn perform(&self, _: Step<'_>, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        let step = self.steps.fetch_add(1, Ordering::Relaxed);
        if step != self.at || self.behind {
            act()?;
        }
        if step == self.at { Err(io::Error::other("the power is gone")) } else { Ok(()) }
    }
}

#[test]
fn a_recovery_that_is_interrupted_is_done_again() {
    let write = |run: &mut Run| _ = run.commands(3000).mark(2900, 50);
    let mut stopped = 0;
    for (at, behind) in (0..).flat_map(|at| [(at, false), (at, true)]) {
        let (dir, frames) = killed(Pagecache, write);
        prepare_blank(dir.path(), 5);
        overwrite(dir.path(), 1, 8192, &[0; 8192]);
        std::fs::remove_file(segment(dir.path(), 3)).unwrap();
        let good = (0..frames.len()).take_while(|&i| offset(&frames, i + 1) <= 8192).count();
        let from = offset(&frames, good) as usize;
        let bytes = |number| std::fs::read(segment(dir.path(), number)).unwrap();
        let mut taken = [bytes(1)[from..].to_vec(), bytes(2), bytes(4)];
        while taken[0].last() == Some(&0) {
            taken[0].pop();
        }
        let device = StopsAt { steps: AtomicUsize::new(0), at, behind };
        let options = Options { device: Arc::new(device), ..options(dir.path(), Pagecache) };
        let stops = recover_all(&options).is_err();
        goes_on(dir.path(), &frames[..good]);
        let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let kept = names.filter(|path| path.to_string_lossy().contains(".cut-"));
        let kept: Vec<_> = kept.map(|path| std::fs::read(path).unwrap()).collect();
        assert!(taken.iter().all(|bytes| kept.contains(bytes)), "step {at}");
        assert_eq!(kept.len(), 3, "nothing is kept twice");
        if !stops {
            break;
        }
        stopped += 1;
    }
    assert!(stopped >= 20, "{stopped} steps");
}

#[test]
fn what_is_kept_is_never_written_over() {
    let dir = tempfile::tempdir().unwrap();
    Run::start(options(dir.path(), Pagecache)).kill();
    let names = ["00000001.cut-0", "00000001.cut-0-2", "00000001.cut-0-3"];
    for (name, bytes) in names.into_iter().zip(["first", "second", "third"]) {
        overwrite(dir.path(), 1, 4096 + 64, bytes.as_bytes());
        let cut = recovered(dir.path()).cut.unwrap();
        assert_eq!(cut.kept, [dir.path().join(name)]);
        assert_eq!(std::fs::read(&cut.kept[0]).unwrap(), bytes.as_bytes());
    }
}

#[test]
fn a_follower_stays_before_what_recovery_refuses() {
    let (dir, frames) = killed(Fsync, |run| _ = run.commands(100).mark(100, 100));
    flip(dir.path(), 1, offset(&frames, 51));
    let mut follower = TailReader::open(dir.path(), journal_runs::IDENTITY).unwrap();
    assert!(follower.next().unwrap().is_some(), "the start of the run");
    assert!(follower.next().unwrap().is_none());
    assert_eq!(follower.waiting_at().offset, offset(&frames, 51));
}

fn frames_in_first_segment(frames: &[Vec<u8>]) -> usize {
    let room = SEGMENT_BYTES_MIN - 64;
    (0..frames.len()).take_while(|&i| offset(frames, i + 1) <= room).count()
}

fn last_seqno(frames: &[Vec<u8>]) -> u64 {
    u64::from_le_bytes(frames.last().unwrap()[8..16].try_into().unwrap())
}
