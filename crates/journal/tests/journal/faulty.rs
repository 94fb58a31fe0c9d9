//! Device that breaks one promise on which the journal relies. The search for bad crash images must
//! find it.

use ringside_journal::{Device, Step};
use ringside_model::frame::{FRAME_BYTES_MIN, Frame, FrameKind};
use ringside_testing::crash::disk::PAGE_BYTES;
use ringside_testing::crash::recording::Recording;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Steps that a faulty device skips although it reports their success.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Syncs of a folder.
    Names,
    /// Syncs of a new segment before it gets its name.
    NewSegments,
    /// Syncs of a whole segment.
    FullSegments,
    /// Syncs up to the frame that ends a segment.
    SegmentEnds,
    /// The last page of each synced range.
    LastPages,
}

/// Recording device with one fault.
#[derive(Debug)]
pub struct Faulty {
    pub device: Arc<Recording>,
    pub fault: Fault,
}

impl Device for Faulty {
    fn perform(&self, step: Step<'_>, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        let step = match (self.fault, step) {
            (Fault::Names, Step::SyncDir(_)) => return Ok(()),
            (Fault::NewSegments, Step::SyncFile(path)) if is_segment(path, "tmp") => return Ok(()),
            (Fault::FullSegments, Step::SyncFile(path)) if is_segment(path, "seg") => return Ok(()),
            (Fault::SegmentEnds, Step::SyncRange(path, _, to)) if ends_segment(path, to) => {
                return Ok(());
            }
            (Fault::LastPages, Step::SyncRange(path, from, to)) => {
                Step::SyncRange(path, from, to.saturating_sub(PAGE_BYTES as u64).max(from))
            }
            (_, step) => step,
        };
        self.device.perform(step, act)
    }
}

fn is_segment(path: &Path, extension: &str) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("files have names");
    stem.parse::<u64>().is_ok() && path.extension().is_some_and(|found| found == extension)
}

/// Returns true if the last frame before an offset ends its segment.
fn ends_segment(path: &Path, to: u64) -> bool {
    let mut bytes = [0; FRAME_BYTES_MIN];
    let file = File::open(path).expect("a segment that is synced exists");
    file.read_exact_at(&mut bytes, to - FRAME_BYTES_MIN as u64).expect("a segment holds frames");
    Frame::read(&bytes).is_some_and(|frame| frame.kind() == Some(FrameKind::SegmentEnd))
}
