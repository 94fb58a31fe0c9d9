//! The steps by which a journal becomes durable. All of them pass through one function, so that a test
//! can stand between the journal and the kernel: it sees each step in its place, and can let one fail or
//! come to nothing, as a device does.

use super::JournalError;
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A file is created, empty, or emptied.
    Create(&'a Path),
    /// Space for so many bytes is reserved in a file.
    Reserve(&'a Path, u64),
    /// Zeros, or other bytes, are written to a file: so many, counted from its start.
    Write(&'a Path, u64),
    /// A whole file is written to the device.
    SyncFile(&'a Path),
    /// A file gets another name.
    Rename(&'a Path, &'a Path),
    /// A file loses its name.
    Remove(&'a Path),
    /// The names in a folder are written to the device.
    SyncDir(&'a Path),
    /// The bytes from one offset to another of a mapped file are written to the device.
    SyncRange(&'a Path, u64, u64),
}

/// Whoever carries the steps out.
pub trait Device: Debug + Send + Sync {
    /// Carries out a step, which `act` does.
    fn perform(&self, step: Step<'_>, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()>;
}

/// The kernel: every step is what it says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kernel;

impl Device for Kernel {
    fn perform(&self, _: Step<'_>, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        act()
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_dir(device: &dyn Device, dir: &Path) -> Result<(), JournalError> {
    device
        .perform(Step::SyncDir(dir), &mut || File::open(dir)?.sync_all())
        .map_err(JournalError::io(dir, "sync the folder"))
}

/// Writes a small file under a name so that it is there wholly, or as it was before.
pub fn replace_file(
    device: &dyn Device,
    dir: &Path,
    name: &str,
    bytes: &[u8],
) -> Result<(), JournalError> {
    let (path, temporary) = (dir.join(name), dir.join(format!("{name}.tmp")));
    let failed = |error| JournalError::io(&path, "write the file")(error);
    let mut file = None;
    device
        .perform(Step::Create(&temporary), &mut || {
            file = Some(File::create(&temporary)?);
            Ok(())
        })
        .map_err(failed)?;
    let mut file = file.expect("a file that was created is open");
    device
        .perform(Step::Write(&temporary, bytes.len() as u64), &mut || file.write_all(bytes))
        .map_err(failed)?;
    device.perform(Step::SyncFile(&temporary), &mut || file.sync_all()).map_err(failed)?;
    device
        .perform(Step::Rename(&temporary, &path), &mut || std::fs::rename(&temporary, &path))
        .map_err(failed)?;
    sync_dir(device, dir)
}
