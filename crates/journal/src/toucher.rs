//! Keeps the pages ahead of the writer writable. They are writable when their segment is prepared.
//! But once the kernel has written a page back, the next store to it is a fault, which can wait
//! milliseconds for the file system. A thread of its own takes these faults in the writer's place.

use super::JournalError;
use super::segment::Mapping;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Distance by which the thread runs ahead of the writer, in bytes.
pub(super) const LEAD_BYTES: u64 = 8 << 20;
/// Number of bytes by which the lead grows at once, so that one call serves many pages.
const STEP_BYTES: u64 = 256 << 10;
/// Interval between two looks while the writer moves, and when it has not moved for long.
const LOOK: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(16)];
/// Age at which touched pages may have been written back: the kernel looks for old pages every 5 s.
/// Only a slow writer has such pages ahead of it.
const STALE: Duration = Duration::from_secs(5);

/// Thread that touches pages; it ends when this is dropped.
pub(super) struct Toucher {
    segments: Option<Sender<Arc<Mapping>>>,
    thread: Option<JoinHandle<()>>,
}

impl Toucher {
    /// Starts the thread. The caller that opens segments sends them in their order.
    pub(crate) fn start(dir: &Path) -> Result<Self, JournalError> {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("toucher".into())
            .spawn(move || run(&receiver))
            .map_err(JournalError::io(dir, "start the toucher thread"))?;
        Ok(Toucher { segments: Some(sender), thread: Some(thread) })
    }

    /// Sender for the next segments, in their order.
    pub(crate) fn segments(&self) -> Sender<Arc<Mapping>> {
        self.segments.clone().expect("the thread runs until the toucher is dropped")
    }
}

impl Drop for Toucher {
    fn drop(&mut self) {
        drop(self.segments.take());
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn run(segments: &Receiver<Arc<Mapping>>) {
    let mut ahead = Ahead { segments: VecDeque::new(), written: 0, fresh: Instant::now() };
    let mut pause = LOOK[0];
    loop {
        loop {
            match segments.try_recv() {
                Ok(mapping) => ahead.segments.push_back((mapping, 0)),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        pause = if ahead.look() { LOOK[0] } else { (pause * 2).min(LOOK[1]) };
        std::thread::park_timeout(pause);
    }
}

struct Ahead {
    /// Segment that is being written and those after it, each with the end of its touched part.
    segments: VecDeque<(Arc<Mapping>, u64)>,
    /// Offset up to which the first segment was written at the last look.
    written: u64,
    /// Time at which the oldest of the touched pages was touched.
    fresh: Instant,
}

impl Ahead {
    /// Follows the writer. Returns true if the writer has moved.
    fn look(&mut self) -> bool {
        while self.segments.front().is_some_and(|(first, _)| first.written() == first.len()) {
            self.segments.pop_front();
        }
        let Some((first, _)) = self.segments.front() else { return false };
        let moved = self.written != first.written();
        self.written = first.written();
        if moved && self.fresh.elapsed() > STALE {
            self.segments.iter_mut().for_each(|(_, touched)| *touched = 0);
            self.fresh = Instant::now();
        }
        self.touch();
        moved
    }

    /// Touches the part of the lead that has not been touched. The lead continues in the next
    /// segment.
    fn touch(&mut self) {
        let mut lead = (self.written + LEAD_BYTES).next_multiple_of(STEP_BYTES);
        for (segment, touched) in &mut self.segments {
            let (from, to) = (segment.written().max(*touched), segment.len().min(lead));
            if from < to {
                segment.populate(from, to);
                *touched = to;
            }
            lead = lead.saturating_sub(segment.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::segment::{WriteSegment, path_of};
    use super::*;
    use std::io::Write;

    const SEGMENT_BYTES: u64 = 10 << 20;

    fn segment(dir: &Path, number: u64) -> WriteSegment {
        // Page by page, so that each is alone in the page cache and is made present alone.
        let mut file = std::fs::File::create(path_of(dir, number)).unwrap();
        (0..SEGMENT_BYTES / 4096).for_each(|_| file.write_all(&[0; 4096]).unwrap());
        WriteSegment::open(dir, number).unwrap()
    }

    /// Number of bytes of a file that are present in the mapping of this process.
    fn present(segment: &WriteSegment) -> u64 {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let own = maps.split(segment.path.to_str().unwrap()).nth(1).unwrap();
        let line = own.lines().find(|line| line.starts_with("Rss:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    #[test]
    fn the_lead_follows_the_writer_into_the_next_segment() {
        let dir = tempfile::tempdir().unwrap();
        let segments = [segment(dir.path(), 1), segment(dir.path(), 2)];
        let queue = segments.iter().map(|segment| (Arc::clone(segment.mapping()), 0)).collect();
        let mut ahead = Ahead { segments: queue, written: 0, fresh: Instant::now() };
        let present = || [present(&segments[0]), present(&segments[1])];
        assert_eq!(present(), [0, 0]);
        assert!(!ahead.look(), "nobody has written");
        assert_eq!(present(), [LEAD_BYTES, 0]);
        segments[0].set_written(64);
        assert!(ahead.look());
        assert_eq!(present(), [LEAD_BYTES + STEP_BYTES, 0]);
        segments[0].set_written(3 << 20);
        assert!(ahead.look() && !ahead.look());
        assert_eq!(present(), [SEGMENT_BYTES, 1 << 20]);
        segments[0].set_written(SEGMENT_BYTES);
        ahead.look();
        assert_eq!(present(), [SEGMENT_BYTES, LEAD_BYTES]);
    }
}
