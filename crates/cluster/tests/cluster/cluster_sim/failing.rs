//! Disk that fails: a step of a process returns an error, and nothing works any more until the next
//! start of the process. As a kernel does, the disk takes the pages of a failed sync for clean
//! afterwards, and may have lost them.

use ringside_journal::{Device, Step};
use ringside_load::rng::Rng;
use ringside_testing::crash::disk::{Chance, Image};
use ringside_testing::crash::recording::Recording;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// Device of one process.
#[derive(Debug)]
pub struct FailingDisk {
    disk: Arc<Recording>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Number of steps that still work; `None` if all do.
    works_for: Option<u64>,
    failed: bool,
    /// True if the node file stays as it is, although its replacement is reported.
    forgets_promises: bool,
    /// File and byte range whose sync failed.
    unsynced: Option<(PathBuf, u64, u64)>,
}

impl FailingDisk {
    /// Creates a disk that works.
    pub fn new(disk: &Arc<Recording>) -> Arc<Self> {
        Arc::new(FailingDisk { disk: disk.clone(), state: Mutex::default() })
    }

    /// Makes the step fail that follows after `steps` more steps.
    pub fn fail_after(&self, steps: u64) {
        self.state().works_for = Some(steps);
    }

    /// Lets no more steps fail, if none has failed yet.
    pub fn never_fail(&self) {
        self.state().works_for = None;
    }

    /// Drops each promise of the node from now on, although the device reports that it is stored.
    pub fn forget_promises(&self) {
        self.state().forgets_promises = true;
    }

    pub fn has_failed(&self) -> bool {
        self.state().failed
    }

    /// Returns the files as a reader finds them after the process has ended.
    pub fn after_failure(&self, rng: &mut Rng) -> Image {
        if let Some((path, from, to)) = self.state().unsynced.take() {
            let mut chance = Chance::new(rng);
            self.disk.lose(&path, from, to, &mut chance);
        }
        self.disk.take().1
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn fails(&mut self, step: Step<'_>) -> bool {
        if self.failed {
            return true;
        }
        let Some(left) = &mut self.works_for else { return false };
        let Some(fewer) = left.checked_sub(1) else {
            self.failed = true;
            self.unsynced = match step {
                Step::SyncFile(path) => Some((path.into(), 0, u64::MAX)),
                Step::SyncRange(path, from, to) => Some((path.into(), from, to)),
                _ => None,
            };
            return true;
        };
        *left = fewer;
        false
    }
}

impl Device for FailingDisk {
    fn perform(&self, step: Step<'_>, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        if self.state().fails(step) {
            return Err(io::Error::other("the device has failed"));
        }
        if let Step::Rename(_, to) = step
            && to.ends_with("NODE")
            && self.state().forgets_promises
        {
            return Ok(());
        }
        self.disk.perform(step, act)
    }
}
