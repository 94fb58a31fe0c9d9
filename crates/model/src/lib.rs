//! Model of a venue: prices, commands, frames, reports and reasons, with their bytes and their
//! words.
//!
//! The same [`frame`] with a [`command`] lies in the ring, the journal and the replication stream.
//! The results of a command are [`report`]s; a [`reason`] gives the cause of a reject or a cancel.
//! [`hash`] has the two running hashes by which venues are compared.

#![deny(clippy::print_stdout, clippy::print_stderr)]
#![warn(unreachable_pub)]

pub mod command;
pub mod domain;
pub mod durability;
pub mod field;
pub mod frame;
pub mod hash;
pub mod reason;
pub mod report;
pub mod seeded;
