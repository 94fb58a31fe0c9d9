//! SIGBUS: a mapped page cannot be accessed, because another program shortened the file or the
//! device failed to read it. Nothing can be saved then. The process reports the byte and ends.
//!
//! The handler may only read memory and call the kernel. So it finds the file in a table of atomics
//! that lists every mapping of a segment.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stderr;
use signal_hook::consts::SIGBUS;
use signal_hook::low_level;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Number of mappings that the table can list. A fault in any further mapping ends the process like
/// any crash, without the name of the file.
const ENTRIES: usize = 4096;

static TABLE: [Entry; ENTRIES] = [const { Entry::free() }; ENTRIES];

struct Entry {
    /// Address of the mapping; 0 if the entry is free.
    start: AtomicUsize,
    /// Length of the mapping. 0 while the entry is being filled, so that no address lies in it.
    length: AtomicUsize,
    segment: AtomicU64,
}

impl Entry {
    const fn free() -> Self {
        Entry {
            start: AtomicUsize::new(0),
            length: AtomicUsize::new(0),
            segment: AtomicU64::new(0),
        }
    }
}

/// Entry of a mapping in the table. Must be dropped before the mapping.
pub(super) struct Listed(Option<&'static Entry>);

impl Drop for Listed {
    fn drop(&mut self) {
        if let Some(entry) = self.0 {
            entry.length.store(0, Ordering::Release);
            entry.start.store(0, Ordering::Release);
        }
    }
}

/// Lists the mapping of a segment. The first call installs the handler.
pub(super) fn list(segment: u64, start: usize, length: usize) -> Listed {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(install);
    let taken = |entry: &&Entry| {
        entry.start.compare_exchange(0, start, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    };
    let entry = TABLE.iter().find(taken);
    if let Some(entry) = entry {
        entry.segment.store(segment, Ordering::Relaxed);
        entry.length.store(length, Ordering::Release);
    }
    Listed(entry)
}

fn install() {
    // SAFETY: the handler only reads atomics and the data of the signal, writes to standard error
    // and ends the process; a signal handler may do all of that. The kernel gives the address if
    // the code is positive, which says that the kernel itself found the fault.
    let installed = unsafe {
        signal_hook_registry::register_sigaction(SIGBUS, |info| {
            let address = (info.si_code > 0).then(|| info.si_addr().addr());
            handle(address)
        })
    };
    // Without the handler a fault still ends the process; only the message is missing.
    let _ = installed;
}

fn handle(address: Option<usize>) {
    let found = address.and_then(|address| {
        TABLE.iter().find_map(|entry| {
            let length = entry.length.load(Ordering::Acquire);
            let offset = address.wrapping_sub(entry.start.load(Ordering::Relaxed));
            (offset < length).then(|| (entry.segment.load(Ordering::Relaxed), offset as u64))
        })
    });
    if let Some((segment, offset)) = found {
        report(segment, offset);
        low_level::exit(1);
    }
    // The address is in no listed mapping: crash as without this handler.
    let _ = low_level::emulate_default_handler(SIGBUS);
}

/// Writes the message, unless standard error is a pipe that is full: the process ends either way.
fn report(segment: u64, offset: u64) {
    let mut text = Text { bytes: [0; 256], length: 0 };
    text.push(b"ringside: ");
    text.push_number(segment, 8);
    text.push(b".seg: bus error at offset ");
    text.push_number(offset, 1);
    text.push(b": the file was shortened by somebody else, or its device failed\n");
    let stderr = stderr();
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], Some(&now)).is_ok_and(|count| count > 0) {
        let _ = rustix::io::write(stderr, &text.bytes[..text.length]);
    }
}

/// Line of text, built without the allocator and without the formatting machinery.
struct Text {
    bytes: [u8; 256],
    length: usize,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = byte;
                self.length += 1;
            }
        }
    }

    fn push_number(&mut self, number: u64, digits_min: usize) {
        let mut digits = [b'0'; 20];
        let mut first = digits.len();
        let mut rest = number;
        while rest > 0 || digits.len() - first < digits_min {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.push(&digits[first..]);
    }
}
