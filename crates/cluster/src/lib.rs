//! Clusters: several nodes, of which one trades. Partitions: parts of a venue that share its
//! symbols, each with a cluster of its own.
//!
//! [`membership`] decides who leads and whose acknowledgements count. [`replication`] carries the
//! frames of the leader's journal to its standbys. [`node`] runs a node one step at a time,
//! standing by or leading. [`partition`] moves a symbol from one partition to another.

#![deny(clippy::print_stdout, clippy::print_stderr)]
#![warn(unreachable_pub)]

pub mod membership;
pub mod node;
pub mod partition;
pub mod replication;
