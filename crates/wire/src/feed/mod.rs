//! Listener's side of market data: merges the lines into one sequence of messages, requests lost
//! messages, and builds books.

mod arbiter;
pub mod book;
mod copies;
mod orders;
mod rebuild;
mod received;
pub mod receiver;
pub mod snapshot;
pub mod sockets;
