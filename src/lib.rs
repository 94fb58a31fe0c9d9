//! Ringside: a stock exchange core for one machine.

pub mod cli;
pub mod command;
pub mod config;
pub mod domain;
pub mod engine;
pub mod frame;
pub mod gateway;
pub mod hash;
pub mod journal;
pub mod loadgen;
pub mod matching_shard;
pub mod pipeline;
pub mod reason;
pub mod replay;
pub mod report;
pub mod report_order;
pub mod venue;
