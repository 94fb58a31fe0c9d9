//! Streams in a store, and a flow of messages into them.

pub mod flow;
