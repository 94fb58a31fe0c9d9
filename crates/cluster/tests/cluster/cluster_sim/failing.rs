//! A disk that fails: a step of a process comes back with an error, and nothing more works until its next start. As a
//! kernel does, it takes the pages of a failed sync for clean afterwards, and may not have them any more.

use ringside_journal::{Device, Step};
use ringside_load::rng::Rng;
use ringside_testing::crash::disk::{Chance, Image};
use ringside_testing::crash::recording::Recording;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// The device of a process.
#[derive(Debug)]
pub struct FailingDisk {
    disk: Arc<Recording>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// So many steps work yet; `None`: all.
    works_for: Option<u64>,
    failed: bool,
    /// The file of the node stays as it is, though its replacement is reported.
    forgets_promises: bool,
    /// The file, and from where to where, that was to be synced when it failed.
    unsynced: Option<(PathBuf, u64, u64)>,
}

impl FailingDisk {
    /// One that works.
    pub fn new(disk: &Arc<Recording>) -> Arc<Self> {
        Arc::new(FailingDisk { disk: disk.clone(), state: Mutex::default() })
    }

    /// The step that follows after so many others fails.
    pub fn fail_after(&self, steps: u64) {
        self.state().works_for = Some(steps);
    }

    /// No more steps fail, if none has yet.
    pub fn never_fail(&self) {
        self.state().works_for = None;
    }

    /// Drops each promise of the node from now on, though the device reports that it is stored.
    pub fn forget_promises(&self) {
        self.state().forgets_promises = true;
    }

    pub fn has_failed(&self) -> bool {
        self.state().failed
    }

    /// What whoever reads the files finds when the process has ended, of all that was there before.
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
