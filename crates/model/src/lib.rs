//! The model of a venue: prices, commands, frames, reports and reasons, with their bytes and their words.
//!
//! A [`command`] lies in a [`frame`] in the ring, the journal and the replication stream alike. What became of
//! the command is told in [`report`]s; a [`reason`] says why something was refused or cancelled. [`hash`] has
//! the two running hashes by which venues are compared.

#![warn(unreachable_pub)]

pub mod command;
pub mod domain;
pub mod draw;
pub mod durability;
pub mod frame;
pub mod hash;
pub mod reason;
pub mod report;
