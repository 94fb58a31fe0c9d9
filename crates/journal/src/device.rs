//! Steps by which a journal becomes durable. All of them pass through one function, so that a test
//! can stand between the journal and the kernel. The test sees each step in order, and can make one
//! fail or have no effect, as a device may.

use super::{JournalError, access};
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Step that changes a file or makes it durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Creates an empty file, or empties a file.
    Create(&'a Path),
    /// Reserves space for this many bytes in a file.
    Reserve(&'a Path, u64),
    /// Writes zeros, or other bytes, to a file: this many, counted from its start.
    Write(&'a Path, u64),
    /// Writes a whole file to the device.
    SyncFile(&'a Path),
    /// Renames a file from the first path to the second.
    Rename(&'a Path, &'a Path),
    /// Removes the name of a file.
    Remove(&'a Path),
    /// Writes the names in a folder to the device.
    SyncDir(&'a Path),
    /// Writes the bytes between two offsets of a mapped file to the device.
    SyncRange(&'a Path, u64, u64),
}

/// Executor of the steps: the kernel, or a substitute in a test.
pub trait Device: Debug + Send + Sync {
    /// Carries out a step by calling `act`.
    fn perform(&self, step: Step<'_>, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()>;
}

/// Device that carries out every step.
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

/// Writes a small file under a name, durably: after a crash the file is complete, or as it was
/// before.
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
            file = Some(access::create_file(&temporary)?);
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
