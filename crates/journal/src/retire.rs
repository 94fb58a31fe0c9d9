//! Removes segments that are no longer needed.

use super::device::sync_dir;
use super::{Device, JournalError, Step, segment};
use std::path::Path;

/// Removes the segments with numbers below `before`, and their digests, but never the segment that
/// is being written. The segments go in rising order, each durably before the next, so that a crash
/// leaves no gap. Returns the number of segments removed.
pub fn retire(dir: &Path, device: &dyn Device, before: u64) -> Result<usize, JournalError> {
    let mut numbers = segment::list(dir)?;
    while let Some(&last) = numbers.last()
        && !segment::is_begun(dir, last)?
    {
        numbers.pop();
    }
    // The last segment that was begun is the one that is being written.
    numbers.pop();
    numbers.retain(|&number| number < before);
    for &number in &numbers {
        let digest = segment::digest_path_of(dir, number);
        if digest.exists() {
            remove(device, &digest)?;
        }
        remove(device, &segment::path_of(dir, number))?;
        sync_dir(device, dir)?;
    }
    Ok(numbers.len())
}

pub(super) fn remove(device: &dyn Device, path: &Path) -> Result<(), JournalError> {
    device
        .perform(Step::Remove(path), &mut || std::fs::remove_file(path))
        .map_err(JournalError::io(path, "remove"))
}
