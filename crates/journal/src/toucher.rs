//! Keeps the pages in front of the writer writable. They were, when their segment was prepared; but
//! once the kernel has written a page back, the next store to it is a fault, which can wait for the
//! file system for milliseconds. A thread of its own takes these faults in the writer's place.

use super::JournalError;
use super::segment::Mapping;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How far it runs ahead, in bytes.
pub(super) const LEAD_BYTES: u64 = 8 << 20;
/// The lead grows by so many bytes at once, so that one call serves many pages.
const STEP_BYTES: u64 = 256 << 10;
/// From one look to the next while the writer moves, and when it has not moved for long.
const LOOK: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(16)];
/// What was touched so long ago may have been written back since: the kernel looks for old pages every
/// 5 s. Only a slow writer has such pages before it.
const STALE: Duration = Duration::from_secs(5);

/// The thread that touches pages; it ends when this is dropped.
pub(super) struct Toucher {
    segments: Option<Sender<Arc<Mapping>>>,
    thread: Option<JoinHandle<()>>,
}

impl Toucher {
    /// Starts the thread. It gets the segments in their order from whoever opens them.
    pub(crate) fn start(dir: &Path) -> Result<Self, JournalError> {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("toucher".into())
            .spawn(move || run(&receiver))
            .map_err(JournalError::io(dir, "start the toucher thread"))?;
        Ok(Toucher { segments: Some(sender), thread: Some(thread) })
    }

    /// Where the next segments go, in their order.
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
    /// The segment that is written and those behind it, each with the end of what was touched.
    segments: VecDeque<(Arc<Mapping>, u64)>,
    /// How far the first one was written at the last look.
    written: u64,
    /// When the oldest of the touched pages was touched.
    fresh: Instant,
}

impl Ahead {
    /// Follows the writer; says whether it has moved.
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

    /// Touches what of the lead has not been touched; the lead goes on in the next segment.
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
        // Page by page, so that each lies alone in the page cache and is made present alone.
        let mut file = std::fs::File::create(path_of(dir, number)).unwrap();
        (0..SEGMENT_BYTES / 4096).for_each(|_| file.write_all(&[0; 4096]).unwrap());
        WriteSegment::open(dir, number).unwrap()
    }

    /// The bytes of a file whose pages are present in our mapping of it.
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
