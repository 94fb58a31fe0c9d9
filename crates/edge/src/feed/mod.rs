//! Market data feed: ITCH 5.0-compatible messages in MoldUDP64 datagrams on two lines, a server
//! that resends lost messages, and snapshots for late listeners.
//!
//! All parts read the stream
//! [`StreamId::MARKET_DATA`](ringside_core::streams::StreamId::MARKET_DATA) of the store, and none
//! of them can make its writer wait. Message n of the stream has the number n on the feed.

pub mod capture;
pub mod glimpse;
pub mod rerequest;
pub mod sender;
pub mod service;
mod sockets;
mod visitor;
