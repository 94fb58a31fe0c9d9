//! A disk as it may be when the power fails: of everything that was not synced it knows all that could
//! be there.
//!
//! It is more hostile than a disk: changes of names that no sync of the folder followed came to pass or
//! not, one independently of the other; a file has any length that it had since its last sync; each page
//! of 4 KiB is any that it was since then, or made of the sectors of several of these.

use ringside_load::rng::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

pub const PAGE_BYTES: usize = 4096;
const SECTOR_BYTES: usize = 512;

/// The bytes of a page, shared by all who know them.
pub type Page = Arc<[u8; PAGE_BYTES]>;

/// A file, whatever its name.
pub type FileId = usize;

/// What happens to a disk.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new file, empty.
    Create(FileId),
    /// A file gets a length.
    Length(FileId, u64),
    /// A page of a file gets other bytes.
    Store(FileId, usize, Page),
    /// The bytes from one offset to another are on the device.
    SyncRange(FileId, u64, u64),
    /// The whole file and its length are on the device.
    SyncFile(FileId),
    /// A file gets a name.
    Name(String, FileId),
    /// A file gets the second name in the place of the first.
    Rename(String, String, FileId),
    /// A name goes.
    Remove(String),
    /// The names are on the device.
    SyncDir,
}

/// What is on a disk, and what may be.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: Vec<File>,
    names: BTreeMap<String, FileId>,
    synced_names: BTreeMap<String, FileId>,
    /// Changes of names that are not synced.
    name_changes: Vec<Change>,
    /// Whether none of them comes to pass before what was done earlier to names and lengths.
    pub in_order: bool,
}

/// Of each thing all that it was since its last sync, the oldest first.
#[derive(Clone, Debug)]
struct File {
    lengths: Vec<u64>,
    pages: Vec<Vec<Page>>,
}

/// What is found in the folder after a crash.
#[derive(Clone, Debug, Default)]
pub struct Image(pub BTreeMap<String, Content>);

/// A file of an image.
#[derive(Clone, Debug, Default)]
pub struct Content {
    pub length: u64,
    pub pages: Vec<Page>,
}

/// Decides what of all that may be on a disk is there.
pub trait Pick {
    /// Whether a change of a name came to pass.
    fn name(&mut self) -> bool;
    /// Which length a file has.
    fn length(&mut self, lengths: &[u64]) -> u64;
    /// What a page holds.
    fn page(&mut self, pages: &[Page]) -> Page;
}

impl Disk {
    /// A disk that holds an image and nothing that is uncertain.
    pub fn holding(image: &Image) -> Self {
        let mut disk = Disk::default();
        for (id, (name, content)) in image.0.iter().enumerate() {
            let pages = content.pages.iter().map(|page| vec![Arc::clone(page)]).collect();
            disk.files.push(File { lengths: vec![content.length], pages });
            disk.names.insert(name.clone(), id);
        }
        disk.synced_names = disk.names.clone();
        disk
    }

    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Create(id) => {
                assert_eq!(*id, self.files.len());
                self.files.push(File { lengths: vec![0], pages: vec![] });
            }
            Change::Length(id, length) => {
                let file = &mut self.files[*id];
                file.lengths.push(*length);
                let pages = (*length as usize).div_ceil(PAGE_BYTES);
                if pages > file.pages.len() {
                    file.pages.resize_with(pages, || vec![zeros()]);
                }
            }
            Change::Store(id, page, bytes) => self.files[*id].pages[*page].push(Arc::clone(bytes)),
            Change::SyncRange(_, from, to) if from == to => {}
            Change::SyncRange(id, from, to) => {
                let pages = *from as usize / PAGE_BYTES..(*to as usize).div_ceil(PAGE_BYTES);
                self.files[*id].pages[pages].iter_mut().for_each(keep_last);
            }
            Change::SyncFile(id) => {
                let file = &mut self.files[*id];
                file.pages.iter_mut().for_each(keep_last);
                keep_last(&mut file.lengths);
            }
            Change::Name(..) | Change::Rename(..) | Change::Remove(_) => {
                apply_name(change, &mut self.names);
                self.name_changes.push(change.clone());
            }
            Change::SyncDir => {
                self.synced_names = self.names.clone();
                self.name_changes.clear();
            }
        }
    }

    /// Some of the pages from one offset of a file to another are gone from the cache, and are read from the device again,
    /// which has them as they were at their last sync.
    #[allow(dead_code, reason = "crash images know no failed sync")]
    pub fn lose(&mut self, id: FileId, from: u64, to: u64, pick: &mut impl Pick) {
        let pages = &mut self.files[id].pages;
        let to = (to as usize).div_ceil(PAGE_BYTES).min(pages.len());
        for versions in &mut pages[from as usize / PAGE_BYTES..to] {
            if pick.name() {
                versions.truncate(1);
            }
        }
    }

    /// The number of the next file.
    pub fn next_id(&self) -> FileId {
        self.files.len()
    }

    pub fn names(&self) -> &BTreeMap<String, FileId> {
        &self.names
    }

    /// The newest length and pages of a file.
    pub fn content(&self, id: FileId) -> Content {
        let file = &self.files[id];
        let length = *file.lengths.last().expect("a file has a length");
        let newest = |versions: &Vec<Page>| Arc::clone(versions.last().expect("a page has bytes"));
        Content { length, pages: file.pages.iter().map(newest).collect() }
    }

    /// What whoever reads the files sees: the image after the kill of a process.
    pub fn newest(&self) -> Image {
        Image(self.names.iter().map(|(name, id)| (name.clone(), self.content(*id))).collect())
    }

    /// How many things are uncertain.
    pub fn uncertain(&self) -> u32 {
        let mut count = Count(0);
        self.image(&mut count);
        count.0
    }

    /// What is found after a power cut.
    pub fn image(&self, pick: &mut impl Pick) -> Image {
        let mut names = self.synced_names.clone();
        for change in &self.name_changes {
            if is_scratch(change) || pick.name() {
                apply_name(change, &mut names);
            } else if self.in_order {
                break;
            }
        }
        let found = |(name, id): (String, FileId)| {
            let content = match name.ends_with(SCRATCH) {
                true => self.content(id),
                false => self.files[id].found(pick, self.in_order),
            };
            (name, content)
        };
        Image(names.into_iter().map(found).collect())
    }
}

impl File {
    fn found(&self, pick: &mut impl Pick, in_order: bool) -> Content {
        let length = match &self.lengths[..] {
            [.., last] if in_order || self.lengths.len() == 1 => *last,
            lengths => pick.length(lengths),
        };
        let count = (length as usize).div_ceil(PAGE_BYTES);
        let found = |pages: &Vec<Page>| match &pages[..] {
            [page] => Arc::clone(page),
            pages => pick.page(pages),
        };
        Content { length, pages: self.pages.iter().take(count).map(found).collect() }
    }
}

/// The end of names that nobody looks at after a crash.
const SCRATCH: &str = ".tmp";

/// Whether only names are concerned that nobody looks at.
fn is_scratch(change: &Change) -> bool {
    match change {
        Change::Name(name, _) | Change::Remove(name) => name.ends_with(SCRATCH),
        _ => false,
    }
}

fn apply_name(change: &Change, names: &mut BTreeMap<String, FileId>) {
    match change {
        Change::Name(name, id) => {
            names.insert(name.clone(), *id);
        }
        Change::Rename(from, to, id) => {
            names.remove(from);
            names.insert(to.clone(), *id);
        }
        Change::Remove(name) => {
            names.remove(name);
        }
        _ => unreachable!("this changes no name"),
    }
}

fn keep_last<T>(versions: &mut Vec<T>) {
    versions.drain(..versions.len() - 1);
}

pub fn zeros() -> Page {
    static ZEROS: std::sync::LazyLock<Page> =
        std::sync::LazyLock::new(|| Arc::new([0; PAGE_BYTES]));
    Arc::clone(&ZEROS)
}

struct Count(u32);

impl Pick for Count {
    fn name(&mut self) -> bool {
        self.0 += 1;
        true
    }

    fn length(&mut self, lengths: &[u64]) -> u64 {
        self.0 += 1;
        lengths[lengths.len() - 1]
    }

    fn page(&mut self, pages: &[Page]) -> Page {
        self.0 += 1;
        Arc::clone(&pages[pages.len() - 1])
    }
}

/// One bit for each uncertain thing: whether it is the newest or the oldest.
#[derive(Debug)]
pub struct Bits(pub u64);

impl Bits {
    fn next(&mut self) -> bool {
        let bit = self.0 & 1 == 1;
        self.0 >>= 1;
        bit
    }
}

impl Pick for Bits {
    fn name(&mut self) -> bool {
        self.next()
    }

    fn length(&mut self, lengths: &[u64]) -> u64 {
        if self.next() { lengths[lengths.len() - 1] } else { lengths[0] }
    }

    fn page(&mut self, pages: &[Page]) -> Page {
        Arc::clone(if self.next() { &pages[pages.len() - 1] } else { &pages[0] })
    }
}

/// By chance: states in between, lengths in between, and pages of several states.
pub struct Chance<'a> {
    rng: &'a mut Rng,
    /// Of 8 pages so many are the newest.
    newest_of_8: u64,
    /// How many pages are made of several states.
    pub torn: u64,
}

impl<'a> Chance<'a> {
    pub fn new(rng: &'a mut Rng) -> Self {
        let newest_of_8 = rng.below(8);
        Chance { rng, newest_of_8, torn: 0 }
    }

    fn one<'p>(&mut self, pages: &'p [Page]) -> &'p Page {
        &pages[self.rng.below(pages.len() as u64) as usize]
    }
}

impl Pick for Chance<'_> {
    fn name(&mut self) -> bool {
        self.rng.chance(1 + self.newest_of_8, 9)
    }

    fn length(&mut self, lengths: &[u64]) -> u64 {
        lengths[self.rng.below(lengths.len() as u64) as usize]
    }

    fn page(&mut self, pages: &[Page]) -> Page {
        if self.rng.chance(self.newest_of_8, 8) {
            return Arc::clone(&pages[pages.len() - 1]);
        }
        if self.rng.chance(1, 2) {
            return Arc::clone(self.one(pages));
        }
        self.torn += 1;
        let mut torn = [0; PAGE_BYTES];
        for at in (0..PAGE_BYTES).step_by(SECTOR_BYTES) {
            let sector = at..at + SECTOR_BYTES;
            torn[sector.clone()].copy_from_slice(&self.one(pages)[sector]);
        }
        Arc::new(torn)
    }
}
