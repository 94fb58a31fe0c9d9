//! A simulated disk across a power failure: it keeps all versions of unsynced data that could be
//! found afterwards.
//!
//! It is more hostile than a disk. Changes of names without a later sync of the folder survive or
//! not, each independently. A file has any length that it had since its last sync. Each page of 4
//! KiB is any of its versions since then, or mixed from the sectors of several versions.

use ringside_load::rng::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

pub const PAGE_BYTES: usize = 4096;
const SECTOR_BYTES: usize = 512;

/// Bytes of a page, shared by all holders.
pub type Page = Arc<[u8; PAGE_BYTES]>;

/// Number of a file, independent of its name.
pub type FileId = usize;

/// A change of a disk.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new empty file appears.
    Create(FileId),
    /// A file gets a new length.
    Length(FileId, u64),
    /// A page of a file gets new bytes.
    Store(FileId, usize, Page),
    /// The bytes between two offsets are on the device.
    SyncRange(FileId, u64, u64),
    /// The whole file and its length are on the device.
    SyncFile(FileId),
    /// A file gets a name.
    Name(String, FileId),
    /// A file gets the second name instead of the first.
    Rename(String, String, FileId),
    /// A name is removed.
    Remove(String),
    /// All names are on the device.
    SyncDir,
}

/// Content of a disk, with all versions that may survive a power cut.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: Vec<File>,
    names: BTreeMap<String, FileId>,
    synced_names: BTreeMap<String, FileId>,
    /// Changes of names that are not synced.
    name_changes: Vec<Change>,
    /// True if a change of a name survives only together with all earlier changes of names and
    /// lengths.
    pub in_order: bool,
}

/// All versions of each length and page since the last sync, the oldest first.
#[derive(Clone, Debug)]
struct File {
    lengths: Vec<u64>,
    pages: Vec<Vec<Page>>,
}

/// Content of the folder after a crash.
#[derive(Clone, Debug, Default)]
pub struct Image(pub BTreeMap<String, Content>);

/// A file of an image.
#[derive(Clone, Debug, Default)]
pub struct Content {
    pub length: u64,
    pub pages: Vec<Page>,
}

/// Decides which version of each uncertain thing survives.
pub trait Pick {
    /// Returns true if a change of a name survives.
    fn name(&mut self) -> bool;
    /// Returns the length of a file.
    fn length(&mut self, lengths: &[u64]) -> u64;
    /// Returns the bytes of a page.
    fn page(&mut self, pages: &[Page]) -> Page;
}

impl Disk {
    /// Returns a disk that holds an image and nothing uncertain.
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

    /// Drops some of the pages between two offsets of a file from the cache. Later reads come from
    /// the device, which has the pages as they were at their last sync.
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

    /// Returns the number of the next file.
    pub fn next_id(&self) -> FileId {
        self.files.len()
    }

    pub fn names(&self) -> &BTreeMap<String, FileId> {
        &self.names
    }

    /// Returns the newest length and pages of a file.
    pub fn content(&self, id: FileId) -> Content {
        let file = &self.files[id];
        let length = *file.lengths.last().expect("a file has a length");
        let newest = |versions: &Vec<Page>| Arc::clone(versions.last().expect("a page has bytes"));
        Content { length, pages: file.pages.iter().map(newest).collect() }
    }

    /// Returns the newest version of all files: the image after the kill of a process.
    pub fn newest(&self) -> Image {
        Image(self.names.iter().map(|(name, id)| (name.clone(), self.content(*id))).collect())
    }

    /// Returns the number of uncertain things.
    pub fn uncertain(&self) -> u32 {
        let mut count = Count(0);
        self.image(&mut count);
        count.0
    }

    /// Returns the image after a power cut.
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

/// Suffix of names that are ignored after a crash.
const SCRATCH: &str = ".tmp";

/// Returns true if a change concerns only ignored names.
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

/// Picks by one bit for each uncertain thing: the newest version or the oldest.
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

/// Picks at random: intermediate versions, intermediate lengths, and pages mixed from several
/// versions.
pub struct Chance<'a> {
    rng: &'a mut Rng,
    /// Number of pages out of 8 that are the newest version.
    newest_of_8: u64,
    /// Number of pages that are mixed from several versions.
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
