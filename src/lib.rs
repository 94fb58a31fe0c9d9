//! Ringside: a stock exchange core for one machine.
//!
//! A command comes in through a [`gateway`], gets its place and time from the sequencer of the
//! [`pipeline`], is stored as a [`frame`] in the [`journal`], is applied to the books of an [`engine`], and
//! comes out as [`report`]s in the venue's one order. [`replay`] does the same from the journal alone, and
//! [`venue`] ties both together: open, run, close.
//!
//! A program that only wants an order book uses [`engine`] directly.

pub mod calendar;
pub mod cli;
pub mod client;
pub mod cluster;
pub mod command;
pub mod config;
pub mod directory;
pub mod domain;
pub mod draw;
pub mod due;
pub mod durability;
pub mod engine;
pub mod exposure;
pub mod feed;
pub mod frame;
pub mod gateway;
pub mod hash;
pub mod journal;
pub mod loadgen;
pub mod low_priority;
pub mod matching_shard;
pub mod node;
pub mod partition;
pub mod pipeline;
pub mod planted;
pub mod protocol;
pub mod reason;
pub mod replay;
pub mod replication;
pub mod report;
pub mod report_lines;
pub mod report_order;
pub mod restart;
pub mod serve;
pub mod snapshot;
pub mod snapshotter;
pub mod standing;
pub mod streams;
pub mod used_ids;
pub mod venue;
