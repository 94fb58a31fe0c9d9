//! Engine against exact answers and against the oracle.

mod bounds;
mod coverage;
mod engine_image;
mod engine_oracle;
mod forged_reports;
mod fuzz_streams;
mod laws;
mod metamorphic;
mod order_books;
mod packages;
mod pegs_restored;
mod searches_restored;
mod semantics;
mod work;
