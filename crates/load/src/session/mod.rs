//! Load over the wire: sessions that send a plan of requests and check every answer against it.
//!
//! `plan.rs` makes the requests. `driver.rs` is the loop of a thread over its sessions (`lane.rs`,
//! `wire.rs`). `ledger.rs` checks each answer against its request. `meter.rs` measures latencies,
//! `poller.rs` waits for sockets, and `echo.rs` measures the network alone.

pub mod driver;
pub mod echo;
pub mod lane;
pub mod ledger;
pub mod meter;
pub mod plan;
mod poller;
mod wire;
