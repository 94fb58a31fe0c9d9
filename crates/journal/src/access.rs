//! Access to the files and folders that the program makes: read and written by its own user alone,
//! and read by the members of one group if the config names one. The umask changes nothing.

use rustix::fs::{Gid, Mode, OFlags, fchmod, fchown};
use rustix::process::{getegid, geteuid, getgroups};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::OnceLock;

const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;
/// Further permissions if a group may read.
const FILE_OF_GROUP: u32 = 0o040;
const FOLDER_OF_GROUP: u32 = 0o050;

/// Number of the group that may read. One for the whole process, as the umask is.
static GROUP: OnceLock<u32> = OnceLock::new();

/// Lets a group read all files and folders that are made from now on. Only the first call counts.
pub fn let_group_read(group: u32) {
    let _ = GROUP.set(group);
}

/// Returns true if this process may give files to a group: it is a member, or it is root.
pub fn is_member(group: u32) -> bool {
    let member = |own: Gid| own.as_raw() == group;
    geteuid().is_root()
        || member(getegid())
        || getgroups().is_ok_and(|groups| groups.into_iter().any(member))
}

/// Makes a folder and those above it, as far as they do not exist.
pub fn create_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(FOLDER).create(path) {
        Ok(()) => {}
        Err(_) if path.is_dir() => return Ok(()),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Err(error) => {
            create_folder(path.parent().ok_or(error)?)?;
            return create_folder(path);
        }
    }
    let Some(&group) = GROUP.get() else { return set_folder_mode(path, FOLDER) };
    // Before the group may read, it is the right one.
    std::os::unix::fs::lchown(path, None, Some(group))?;
    set_folder_mode(path, FOLDER | FOLDER_OF_GROUP)
}

/// Makes a file, or empties a file. The last part of the path may be no symbolic link.
pub fn create_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    options.mode(FILE).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    let file = options.open(path)?;
    settle(&file)?;
    Ok(file)
}

/// Opens a file for reading and writing, with further flags, and makes it if there is none. A file
/// that exists keeps its content and its permissions.
pub fn open_or_create(path: &Path, flags: OFlags) -> io::Result<File> {
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.mode(FILE).custom_flags(flags.bits() as i32).open(path)?;
    if is_new {
        settle(&file)?;
    }
    Ok(file)
}

/// Gives a new file its group and its permissions.
pub fn settle(file: &File) -> io::Result<()> {
    let mut mode = FILE;
    if let Some(&group) = GROUP.get() {
        fchown(file, None, Some(Gid::from_raw(group)))?;
        mode |= FILE_OF_GROUP;
    }
    Ok(fchmod(file, Mode::from_raw_mode(mode))?)
}

fn set_folder_mode(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}
