//! The wire protocols: layouts, round trips, hostile bytes, and the client's side of a connection
//! and of a feed.

mod client_session;
mod decoders;
mod feed_receiver;
mod feed_snapshot;
mod protocol;
mod protocol_fuzz;
mod protocol_layouts;
mod protocol_round_trips;
