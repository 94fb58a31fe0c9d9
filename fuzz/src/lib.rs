//! Fuzz targets: one function for each decoder, and one for commands. `scripts/fuzz` runs the
//! target `commands`. The others run from the folder of the repository, with a nightly Rust and
//! `cargo-fuzz`:
//!
//! ```text
//! cargo +nightly fuzz run ouch_inbound -- -max_len=256 -max_total_time=60
//! ```

#[path = "../../crates/wire/tests/wire/decoders.rs"]
mod decoders;

pub use decoders::*;
use ringside_testing::oracle::bytes::stream;
use ringside_testing::oracle::compare::first_fault;

/// Applies the commands of the bytes to the engine and to the naive venue.
pub fn commands(bytes: &[u8]) {
    if let Some(fault) = first_fault(&stream(bytes), |_, _| {}) {
        panic!("{fault}");
    }
}
