//! A real folder that shows one image after the other. Only the differences are written.

use super::disk::{Content, Image, PAGE_BYTES, zeros};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

pub struct Folder {
    dir: TempDir,
    shown: Image,
}

impl Folder {
    /// Returns an empty folder, in memory if possible and if `TMPDIR` is not set.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let dir = match memory.is_dir() && std::env::var_os("TMPDIR").is_none() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        Folder { dir: dir.expect("a folder can be made"), shown: Image::default() }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Makes the folder hold exactly an image.
    pub fn show(&mut self, image: &Image) {
        for entry in std::fs::read_dir(self.dir.path()).expect("the folder can be listed") {
            let entry = entry.expect("the folder can be listed");
            let name = entry.file_name().into_string().expect("names are text");
            if !image.0.contains_key(&name) {
                std::fs::remove_file(entry.path()).expect("a file can be removed");
                self.shown.0.remove(&name);
            }
        }
        for (name, wanted) in &image.0 {
            self.write(name, wanted);
        }
        self.shown = image.clone();
    }

    /// Sets the image that the folder holds now, after others have written to it.
    pub fn shows(&mut self, image: Image) {
        self.shown = image;
    }

    /// Keeps the folder on the disk after the test, and returns its path.
    pub fn keep(&mut self) -> PathBuf {
        std::mem::replace(self, Folder::new()).dir.keep()
    }

    fn write(&self, name: &str, wanted: &Content) {
        let empty = Content::default();
        let shown = self.shown.0.get(name).unwrap_or(&empty);
        let path = self.dir.path().join(name);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.expect("a file can be written");
        if !self.shown.0.contains_key(name) || shown.length != wanted.length {
            file.set_len(0).and_then(|()| file.set_len(wanted.length)).expect("it has room");
        }
        let is_new = shown.length != wanted.length || !self.shown.0.contains_key(name);
        for (index, page) in wanted.pages.iter().enumerate() {
            let same = |shown| Arc::ptr_eq(shown, page) || shown == page;
            let at = index * PAGE_BYTES;
            let length = PAGE_BYTES.min((wanted.length as usize).saturating_sub(at));
            let is_there = match is_new {
                true => Arc::ptr_eq(page, &zeros()),
                false => shown.pages.get(index).is_some_and(same),
            };
            if !is_there {
                file.write_all_at(&page[..length], at as u64).expect("a file can be written");
            }
        }
    }
}
