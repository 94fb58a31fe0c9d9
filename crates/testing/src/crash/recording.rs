//! A device that carries out every step and records it.

use super::disk::{Change, Content, Disk, FileId, Image, PAGE_BYTES, Page, Pick};
use ringside_journal::{Device, Step};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An action of a process; the actions are in order. A crash may come between any two of them.
#[derive(Clone, Debug)]
pub enum Event {
    /// The disk has changed.
    Change(Change),
    /// The writer was given a frame with these bytes.
    Append(Vec<u8>),
    /// This number of frames is stored.
    Stored(usize),
    /// This number of frames is promised to survive a power cut.
    Promise(usize),
}

/// The recording device. It receives the steps; it finds stores into a mapping by reading the
/// files.
pub struct Recording(Mutex<Tape>);

struct Tape {
    dir: PathBuf,
    disk: Disk,
    events: Vec<Event>,
    buffer: Vec<u8>,
}

impl Recording {
    /// Records the changes of a folder that shows the newest version of a disk.
    pub fn new(dir: &Path, disk: Disk) -> Arc<Self> {
        let (dir, events, buffer) = (dir.to_path_buf(), vec![], vec![]);
        Arc::new(Recording(Mutex::new(Tape { dir, disk, events, buffer })))
    }

    /// Records an action of the test driver.
    pub fn note(&self, event: Event) {
        self.tape().events.push(event);
    }

    /// Records everything that was stored in any segment since the last look.
    pub fn look(&self) {
        let mut tape = self.tape();
        let mut segments: Vec<(String, FileId)> =
            tape.disk.names().iter().map(|(name, id)| (name.clone(), *id)).collect();
        segments.retain(|(name, _)| name.ends_with(".seg"));
        for (name, id) in segments {
            tape.look_at(&name, id);
        }
    }

    /// Returns all recorded events and the newest image; recording begins again from there.
    pub fn take(&self) -> (Vec<Event>, Image) {
        let mut tape = self.tape();
        (std::mem::take(&mut tape.events), tape.disk.newest())
    }

    /// Returns the image after a power cut at this moment.
    #[allow(dead_code, reason = "crash images are built of the events")]
    pub fn after_power_cut(&self, pick: &mut impl Pick) -> Image {
        self.look();
        self.tape().disk.image(pick)
    }

    /// Resets some of the pages between two offsets of a file to their bytes at the last sync.
    #[allow(dead_code, reason = "crash images are built of the events")]
    pub fn lose(&self, path: &Path, from: u64, to: u64, pick: &mut impl Pick) {
        let mut tape = self.tape();
        let (_, id) = tape.file(path);
        tape.disk.lose(id, from, to, pick);
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recording")
    }
}

impl Device for Recording {
    /// Performs a step. The lock is held over the step, so that events and steps have the same
    /// order.
    fn perform(&self, step: Step<'_>, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        let mut tape = self.tape();
        // A sync covers what was stored before it began.
        if let Step::SyncFile(path) | Step::SyncRange(path, ..) = step {
            let (name, id) = tape.file(path);
            tape.look_at(&name, id);
        }
        act()?;
        tape.done(step);
        Ok(())
    }
}

impl Tape {
    fn done(&mut self, step: Step<'_>) {
        match step {
            Step::Create(path) => {
                let id = self.disk.next_id();
                self.change(Change::Create(id));
                self.change(Change::Name(name_of(path), id));
            }
            Step::Reserve(path, _) | Step::Write(path, _) => {
                let (name, id) = self.file(path);
                self.look_at(&name, id);
            }
            Step::SyncFile(path) => {
                let (_, id) = self.file(path);
                self.change(Change::SyncFile(id));
            }
            Step::SyncRange(path, from, to) => {
                let (_, id) = self.file(path);
                self.change(Change::SyncRange(id, from, to));
            }
            Step::Rename(from, to) => {
                let (from, id) = self.file(from);
                self.change(Change::Rename(from, name_of(to), id));
            }
            Step::Remove(path) => self.change(Change::Remove(name_of(path))),
            Step::SyncDir(path) => {
                if path == self.dir {
                    self.change(Change::SyncDir);
                }
            }
        }
    }

    /// Records the differences between a file and its known content. The first word of a frame and
    /// of a header is stored last, so there is a version without it.
    fn look_at(&mut self, name: &str, id: FileId) {
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        let mut file = std::fs::File::open(self.dir.join(name)).expect("a recorded file exists");
        io::Read::read_to_end(&mut file, &mut bytes).expect("a recorded file can be read");
        let Content { length, pages: known } = self.disk.content(id);
        if bytes.len() as u64 != length {
            self.change(Change::Length(id, bytes.len() as u64));
        }
        for (index, page) in bytes.chunks(PAGE_BYTES).enumerate() {
            let before = known.get(index).cloned().unwrap_or_else(super::disk::zeros);
            if page == &before[..page.len()] {
                continue;
            }
            let mut after = *before;
            after[..page.len()].copy_from_slice(page);
            let first = (0..PAGE_BYTES).find(|&at| before[at] != after[at]).expect("they differ");
            let word = first / 4 * 4..first / 4 * 4 + 4;
            let mut half = after;
            half[word.clone()].copy_from_slice(&before[word]);
            self.change(Change::Store(id, index, Page::new(half)));
            self.change(Change::Store(id, index, Page::new(after)));
        }
        self.buffer = bytes;
    }

    fn change(&mut self, change: Change) {
        self.disk.apply(&change);
        self.events.push(Event::Change(change));
    }

    fn file(&self, path: &Path) -> (String, FileId) {
        let name = name_of(path);
        let id = self.disk.names().get(&name);
        let id = *id.unwrap_or_else(|| panic!("nobody has created {name}"));
        (name, id)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).expect("files have names").to_string()
}
