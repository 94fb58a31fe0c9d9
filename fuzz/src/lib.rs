//! Fuzz targets, one function for each decoder. From the folder of the repository, with a nightly
//! Rust and `cargo-fuzz`:
//!
//! ```text
//! cargo +nightly fuzz run ouch_inbound -- -max_len=256 -max_total_time=60
//! ```

#[path = "../../crates/wire/tests/wire/decoders.rs"]
mod decoders;

pub use decoders::*;
