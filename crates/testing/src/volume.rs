//! A file system of our own on a loop device, whose power can be cut. All of it is undone when it is
//! dropped, also by a test that fails.

use rustix::ioctl::{Opcode, Setter, ioctl, opcode};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A file system in an image file, mounted on a folder beside it.
pub struct Volume {
    /// The file that holds it.
    pub image: PathBuf,
    mount: Option<Mount>,
}

impl Volume {
    /// Makes a file system of `mkfs` and its arguments, and mounts it. The error says what is missing
    /// here.
    pub fn make(folder: &Path, mkfs: &[&str], bytes: u64) -> Result<Self, String> {
        let image = folder.join("image");
        let file = File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(bytes).map_err(|error| error.to_string())?;
        run(&[mkfs, &[image.to_str().unwrap()]].concat())?;
        let mut volume = Volume { image, mount: None };
        volume.mount = Some(volume.try_mount()?);
        Ok(volume)
    }

    /// The folder that it is mounted on.
    pub fn root(&self) -> &Path {
        self.mount.as_ref().expect("it is mounted").root()
    }

    /// Unmounts it: its page cache is gone.
    pub fn unmount(&mut self) {
        self.mount = None;
    }

    /// Mounts it again.
    pub fn mount(&mut self) {
        self.mount = Some(self.try_mount().unwrap());
    }

    /// Cuts the power: from now on nothing reaches the image, also not what the file system has in its
    /// log but did not write.
    pub fn cut_power(&self) {
        const SHUTDOWN: Opcode = opcode::read::<u32>(b'X', 125);
        const NO_LOG_FLUSH: u32 = 2;
        let root = File::open(self.root()).unwrap();
        // SAFETY: ext4 and XFS read one u32 behind the pointer, and a setter of a u32 gives them one.
        unsafe { ioctl(&root, Setter::<SHUTDOWN, u32>::new(NO_LOG_FLUSH)) }.unwrap();
    }

    fn try_mount(&self) -> Result<Mount, String> {
        // The kernel frees the loop device of such a mount when it is unmounted.
        Mount::new(
            &["-o", "loop", self.image.to_str().unwrap()],
            &self.image.with_extension("root"),
        )
    }
}

/// Something mounted on a folder, as long as this lives.
pub struct Mount {
    root: PathBuf,
}

impl Mount {
    /// Mounts what `mount` makes of these arguments.
    pub fn new(args: &[&str], root: &Path) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root can mount".into());
        }
        std::fs::create_dir_all(root).map_err(|error| error.to_string())?;
        run(&[&["mount"], args, &[root.to_str().unwrap()]].concat())?;
        Ok(Mount { root: root.to_path_buf() })
    }

    /// The folder.
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
        // A process that a failed test left behind must not keep it for ever.
        let _ = run(&["umount", "--lazy", root]);
    }
}

/// Runs a program to its end; what it complains of is the error.
pub fn run(command: &[&str]) -> Result<(), String> {
    let output = Command::new(command[0]).args(&command[1..]).output();
    let output = output.map_err(|error| format!("{}: {error}", command[0]))?;
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| format!("{command:?}: {}", said.trim()))
}
