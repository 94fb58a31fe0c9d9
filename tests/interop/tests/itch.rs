//! Market data of a real day, and one message of each type as Ringside writes it, read by our
//! decoder and by others.

use flate2::read::GzDecoder;
use ringside_interop::one_of_each::one_of_each;
use ringside_interop::{Compared, compare};
use ringside_wire::itch::file;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_opening_of_a_real_day() {
    let Compared { messages, orders } = compare_file(&smoke_file());
    assert_eq!(messages.values().sum::<u64>(), 291_913);
    // Numbers that the package states for the file; they come from another order book.
    assert_eq!(messages[&'A'] + messages[&'F'], 36_269);
    assert_eq!((orders.resting.len(), orders.unknown), (31_729, 13_138));
}

#[test]
#[ignore = "RINGSIDE_ITCH_FILE names a file of ITCH 5.0 messages, as in scripts/interop"]
fn a_file_of_your_own() {
    let path = std::env::var_os("RINGSIDE_ITCH_FILE").expect("RINGSIDE_ITCH_FILE names a file");
    let Compared { messages, orders } = compare_file(Path::new(&path));
    let (resting, unknown) = (orders.resting.len(), orders.unknown);
    println!("{messages:?}; {resting} orders rest, {unknown} changes are of unknown orders");
}

#[test]
fn what_we_write() {
    let mut bytes = Vec::new();
    for message in one_of_each() {
        file::write(&message, &mut bytes);
    }
    bytes.extend(file::END);
    let Compared { messages, orders } = compare(&bytes[..]).unwrap();
    let types: String = messages.keys().collect();
    assert_eq!(types, "ABCDEFHIJKLNOPQRSUVWXYh");
    assert!(messages.values().all(|&count| count == 1));
    let mut shares: Vec<_> =
        orders.resting.iter().map(|(reference, order)| (*reference, order.shares)).collect();
    shares.sort();
    assert_eq!((shares, orders.unknown), (vec![(1 << 40, 200)], 0));
}

fn compare_file(path: &Path) -> Compared {
    let reader = BufReader::new(File::open(path).unwrap());
    let reader: Box<dyn Read> = match path.extension() {
        Some(ending) if ending == "gz" => Box::new(BufReader::new(GzDecoder::new(reader))),
        _ => Box::new(reader),
    };
    compare(reader).unwrap()
}

/// Returns a file that is part of a crate; cargo knows its path.
fn smoke_file() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "nanobook").unwrap();
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    manifest.with_file_name("examples/itch-replay/fixtures/smoke.itch.gz")
}
