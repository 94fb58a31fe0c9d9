//! A file system of the test's own on a loop device, whose power can be cut. Everything is undone
//! on drop, also if the test fails.

use rustix::ioctl::{Opcode, Setter, ioctl, opcode};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A file system in an image file, mounted on a folder beside it.
pub struct Volume {
    /// Image file that holds the file system.
    pub image: PathBuf,
    mount: Option<Mount>,
}

impl Volume {
    /// Makes a file system with `mkfs` and its arguments, and mounts it. The error says what is
    /// missing on this machine.
    pub fn make(folder: &Path, mkfs: &[&str], bytes: u64) -> Result<Self, String> {
        let image = folder.join("image");
        let file = File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(bytes).map_err(|error| error.to_string())?;
        run(&[mkfs, &[image.to_str().unwrap()]].concat())?;
        let mut volume = Volume { image, mount: None };
        volume.mount = Some(volume.try_mount()?);
        Ok(volume)
    }

    /// Returns the folder that the file system is mounted on.
    pub fn root(&self) -> &Path {
        self.mount.as_ref().expect("it is mounted").root()
    }

    /// Unmounts the file system, which drops its page cache.
    pub fn unmount(&mut self) {
        self.mount = None;
    }

    /// Mounts the file system again.
    pub fn mount(&mut self) {
        self.mount = Some(self.try_mount().unwrap());
    }

    /// Cuts the power: from now on nothing reaches the image, not even the entries in the file
    /// system's log that are not written yet.
    pub fn cut_power(&self) {
        const SHUTDOWN: Opcode = opcode::read::<u32>(b'X', 125);
        const NO_LOG_FLUSH: u32 = 2;
        let root = File::open(self.root()).unwrap();
        // SAFETY: ext4 and XFS read one u32 behind the pointer, and a setter of a u32 passes a
        // pointer to one.
        unsafe { ioctl(&root, Setter::<SHUTDOWN, u32>::new(NO_LOG_FLUSH)) }.unwrap();
    }

    fn try_mount(&self) -> Result<Mount, String> {
        // The kernel frees the loop device of such a mount at unmount.
        Mount::new(
            &["-o", "loop", self.image.to_str().unwrap()],
            &self.image.with_extension("root"),
        )
    }
}

/// A mount on a folder; unmounted on drop.
pub struct Mount {
    root: PathBuf,
}

impl Mount {
    /// Mounts a file system with these arguments of `mount`.
    pub fn new(args: &[&str], root: &Path) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root can mount".into());
        }
        std::fs::create_dir_all(root).map_err(|error| error.to_string())?;
        run(&[&["mount"], args, &[root.to_str().unwrap()]].concat())?;
        Ok(Mount { root: root.to_path_buf() })
    }

    /// Returns the folder of the mount.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let root = self.root.to_str().expect("a name of ours");
        for _ in 0..100 {
            if run(&["umount", root]).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // A process that a failed test left behind must not keep the mount forever.
        let _ = run(&["umount", "--lazy", root]);
    }
}

/// Runs a program to its end; the error contains the program's standard error.
pub fn run(command: &[&str]) -> Result<(), String> {
    let output = Command::new(command[0]).args(&command[1..]).output();
    let output = output.map_err(|error| format!("{}: {error}", command[0]))?;
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| format!("{command:?}: {}", said.trim()))
}
