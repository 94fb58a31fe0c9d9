//! Market data as it leaves the venue: ITCH 5.0-compatible messages in MoldUDP64 datagrams on two lines, the
//! server for what was lost, and snapshots for who comes late.
//!
//! Everything is read from the stream [`StreamId::MARKET_DATA`](ringside_core::streams::StreamId::MARKET_DATA) of
//! the store; nobody here can make its writer wait. Message n of the stream has the number n on the feed.

pub mod capture;
pub mod glimpse;
pub mod rerequest;
pub mod sender;
pub mod service;
mod sockets;
mod visitor;
