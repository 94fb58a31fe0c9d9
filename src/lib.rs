//! Ringside: a stock exchange core for one machine.
//!
//! The program is in [`cli`], with its [`config`]; [`serve`] puts a venue on a network, and its
//! events go to the [`log`]. Everything else lies in crates of its own, in the order of the flow:
//! [`model`], [`engine`], [`journal`], [`wire`], [`core`], [`edge`], [`cluster`], [`load`]. A
//! program that only wants an order book depends on `ringside-model` and `ringside-engine`.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod cli;
pub mod config;
pub mod log;
pub mod serve;

pub use ringside_cluster as cluster;
pub use ringside_core as core;
pub use ringside_edge as edge;
pub use ringside_engine as engine;
pub use ringside_journal as journal;
pub use ringside_load as load;
pub use ringside_model as model;
pub use ringside_wire as wire;
