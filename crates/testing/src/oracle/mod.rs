//! The oracle: a naive venue that follows the matching rules without any data structure worth the name, random
//! commands, and the laws that hold for every report.

pub mod audit;
pub mod commands;
pub mod naive;
pub mod shrink;
pub mod text;
pub mod venue;
