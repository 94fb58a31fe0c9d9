//! The record of trading in the folder of a node: journal and streams.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Length of a block of the streams, in bytes.
const BLOCK_BYTES: usize = 16 << 10;
/// Length of the header of a block: magic, stream, first, previous, next, used and a spare word.
const HEADER_BYTES: usize = 32;

/// Reads the segments of the journal and the blocks of the streams by name, with the bytes written
/// into them. Bytes behind the end of a block's messages are ignored: a node that cut its journal
/// leaves there the messages that it had applied too early.
pub fn written(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let (mut written, mut streams) = (BTreeMap::new(), vec![]);
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        if name.ends_with(".seg") {
            written.insert(name, stored(&path));
        } else if name.starts_with("streams-") && name.ends_with(".dat") {
            streams.push(path);
        }
    }
    streams.sort();
    written.extend(blocks(streams.iter().flat_map(|path| blocks_of(path)).collect()));
    written.retain(|_, bytes| !bytes.is_empty());
    written
}

/// Returns the number of bytes in all segments of a journal, without the unused room behind them.
pub fn stored_bytes(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let segments = files.filter(|path| path.extension().is_some_and(|ending| ending == "seg"));
    segments.map(|path| stored(&path).len() as u64).sum()
}

/// Returns a segment up to its last nonzero byte.
fn stored(segment: &Path) -> Vec<u8> {
    // A segment may be renamed or removed meanwhile.
    let mut bytes = std::fs::read(segment).unwrap_or_default();
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    bytes
}

/// Returns the blocks of a file that were ever begun.
fn blocks_of(path: &Path) -> Vec<Vec<u8>> {
    let mut file = File::open(path).unwrap();
    let mut blocks = vec![];
    let mut block = vec![0; BLOCK_BYTES];
    while file.read_exact(&mut block).is_ok() && block[..4] == *b"RSB1" {
        blocks.push(block.clone());
    }
    blocks
}

/// Returns the blocks that belong to a stream, up to the end of their messages.
fn blocks(all: Vec<Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    const NONE: u32 = u32::MAX;
    let word = |block: &[u8], at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
    let mut belongs = vec![];
    let mut found = vec![];
    for (number, block) in all.iter().enumerate() {
        let [previous, used] = [16, 24].map(|at| word(block, at));
        let is_next = |previous: usize| {
            belongs.get(previous) == Some(&true) && word(&all[previous], 20) as usize == number
        };
        belongs.push(previous == NONE || is_next(previous as usize));
        if belongs[number] {
            let end = HEADER_BYTES + used as usize;
            let stream = word(block, 4);
            found.push((format!("block {number:05} of stream {stream}"), block[..end].to_vec()));
        }
    }
    found
}

/// Describes the first difference; empty if all are equal.
pub fn differs(all: &[BTreeMap<String, Vec<u8>>]) -> String {
    let first = &all[0];
    for name in all.iter().flat_map(BTreeMap::keys) {
        let length = |files: &BTreeMap<String, Vec<u8>>| files.get(name).map(Vec::len);
        if all.iter().any(|files| files.get(name) != first.get(name)) {
            return format!(
                "{name} differs: {:?} bytes",
                all.iter().map(length).collect::<Vec<_>>()
            );
        }
    }
    let blocks = first.keys().filter(|name| name.starts_with("block")).count();
    if blocks == 0 || blocks == first.len() {
        format!("{:?} is too little", first.keys())
    } else {
        String::new()
    }
}
