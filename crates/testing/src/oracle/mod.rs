//! The oracle: a naive venue that follows the matching rules without real data structures, random
//! commands, and the rules that every report must keep.

pub mod audit;
pub mod bytes;
pub mod commands;
pub mod compare;
pub mod naive;
pub mod shrink;
#[cfg(test)]
mod tests;
pub mod text;
pub mod venue;
