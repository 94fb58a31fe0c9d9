//! Market data as it leaves the venue: ITCH 5.0-compatible messages in MoldUDP64 datagrams on two lines, the
//! server for what was lost, snapshots for who comes late, and the listener's side of all of them.
//!
//! Everything is read from the stream [`StreamId::MARKET_DATA`](crate::streams::StreamId::MARKET_DATA) of the
//! store; nobody here can make its writer wait. Message n of the stream has the number n on the feed.

mod arbiter;
pub mod book;
pub mod capture;
mod copies;
pub mod glimpse;
mod orders;
mod received;
pub mod receiver;
pub mod rerequest;
pub mod sender;
pub mod service;
pub mod snapshot;
mod sockets;
mod spin;
mod visitor;
