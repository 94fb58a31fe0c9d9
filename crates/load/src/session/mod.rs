//! Load over the wire: sessions that send a plan of requests and hold every answer against it.
//!
//! `plan.rs` has the requests, `driver.rs` the loop of a thread over its sessions (`lane.rs`, `wire.rs`),
//! `ledger.rs` compares each answer with its request, `meter.rs` measures, `poller.rs` waits for sockets,
//! `echo.rs` measures the network alone.

pub mod driver;
pub mod echo;
pub mod lane;
pub mod ledger;
pub mod meter;
pub mod plan;
mod poller;
mod wire;
