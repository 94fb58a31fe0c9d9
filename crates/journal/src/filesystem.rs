//! Checks if `fsync` can keep its promise in the folder of a journal: the type of the file system,
//! and the bytes that its device really writes for a small sync.

use super::{JournalError, Options};
use rustix::fs::{major, minor, stat, statfs};
use std::path::Path;

/// Bytes written for a sync of one frame above which a note is given.
const SYNC_BYTES_MAX: u64 = 64 << 10;

/// Knowledge about a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Syncs are known to do what they say.
    Trusted,
    /// A sync does not put the bytes on a device of this machine, or not in the way that the
    /// journal relies on.
    Refused(&'static str),
    /// Nothing is known about this type.
    Unknown(u64),
}

fn kind_of(magic: u64) -> Kind {
    match magic {
        // ext4 (and ext2 and ext3 before it), XFS.
        0xEF53 | 0x5846_5342 => Kind::Trusted,
        0x0102_1994 => Kind::Refused("tmpfs"),
        0x8584_58F6 => Kind::Refused("ramfs"),
        0x6969 => Kind::Refused("NFS"),
        0x794C_7630 => Kind::Refused("overlayfs"),
        0x6573_5546 => Kind::Refused("FUSE"),
        0x0102_1997 => Kind::Refused("9p"),
        0xFF53_4D42 => Kind::Refused("CIFS"),
        0xFE53_4D42 | 0x517B => Kind::Refused("SMB"),
        other => Kind::Unknown(other),
    }
}

/// Refuses a folder in which `fsync` promises nothing. Returns a note if the file system is
/// unknown, or if the options accept it all the same.
pub(super) fn check(options: &Options) -> Result<Option<String>, JournalError> {
    let dir = &options.dir;
    let found = statfs(dir).map_err(JournalError::errno(dir, "look at the file system of"))?;
    judge(dir, kind_of(found.f_type as u64 & 0xFFFF_FFFF), options.any_filesystem)
}

fn judge(dir: &Path, kind: Kind, any: bool) -> Result<Option<String>, JournalError> {
    let place = dir.display();
    match kind {
        Kind::Trusted => Ok(None),
        Kind::Unknown(magic) => Ok(Some(format!(
            "{place}: a file system of type {magic:#x}, of which nothing is known; \
             fsync is proven on ext4 and XFS"
        ))),
        Kind::Refused(name) if any => Ok(Some(format!(
            "{place}: on {name} nothing that is acknowledged survives a power cut"
        ))),
        Kind::Refused(name) => {
            Err(JournalError::Filesystem { dir: dir.to_path_buf(), name: name.into() })
        }
    }
}

/// Syncs a few bytes several times, and returns a note if the device writes much more. Other
/// programs write, too, so the lowest number counts. `None` if the device does not count its
/// writes.
pub(super) fn measure_sync(
    path: &Path,
    mut sync: impl FnMut() -> Result<(), JournalError>,
) -> Result<Option<String>, JournalError> {
    const TRIES: usize = 5;
    let mut least = u64::MAX;
    for _ in 0..TRIES {
        let Some(before) = bytes_written(path) else { return Ok(None) };
        sync()?;
        let Some(after) = bytes_written(path) else { return Ok(None) };
        least = least.min(after.saturating_sub(before));
    }
    Ok((least > SYNC_BYTES_MAX).then(|| {
        format!(
            "{}: a sync of 64 bytes writes {} KiB; probably the file lies in the page cache in large \
             pieces, because it was made in another mode or read at a stretch; new segments are better",
            path.display(),
            least >> 10
        )
    }))
}

/// Number of bytes ever written to the device of a file, as the kernel counts them.
fn bytes_written(path: &Path) -> Option<u64> {
    const SECTOR_BYTES: u64 = 512;
    let device = stat(path).ok()?.st_dev;
    let counters = format!("/sys/dev/block/{}:{}/stat", major(device), minor(device));
    let counters = std::fs::read_to_string(counters).ok()?;
    let sectors: u64 = counters.split_whitespace().nth(6)?.parse().ok()?;
    Some(sectors * SECTOR_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_file_systems_pass_others_are_refused_by_name() {
        let dir = Path::new("/somewhere/journal");
        assert!(matches!(judge(dir, kind_of(0xEF53), false), Ok(None)));
        assert!(matches!(judge(dir, kind_of(0x5846_5342), false), Ok(None)));
        for (magic, name) in [(0x0102_1994, "tmpfs"), (0x6969, "NFS"), (0x6573_5546, "FUSE")] {
            let error = judge(dir, kind_of(magic), false).unwrap_err().to_string();
            for word in [name, "/somewhere/journal", "journal.any_filesystem", "ext4"] {
                assert!(error.contains(word), "{word} is not in {error}");
            }
            let note = judge(dir, kind_of(magic), true).unwrap().unwrap();
            assert!(note.contains(name), "{note}");
        }
        let note = judge(dir, kind_of(0x9123_683E), false).unwrap().unwrap();
        assert!(note.contains("0x9123683e"), "{note}");
    }

    #[test]
    fn too_much_for_a_sync_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "x").unwrap();
        if bytes_written(&path).is_none() {
            ringside_testing::run::skipped(
                "the device of this folder does not count what is written",
            );
            return;
        }
        let note = |bytes: usize| {
            let sync = || {
                std::fs::write(&path, vec![1; bytes]).unwrap();
                std::fs::File::open(&path).unwrap().sync_all().unwrap();
                Ok(())
            };
            measure_sync(&path, sync).unwrap()
        };
        assert!(note(1 << 20).is_some_and(|note| note.contains("KiB")));
    }
}
