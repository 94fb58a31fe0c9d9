//! The command line of Ringside.
fn main() {}
