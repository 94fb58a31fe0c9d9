//! The feed over real sockets on loopback: what a listener has in the end is the stream, whatever happened on
//! the way.

mod book;
mod capture;
mod glimpse;
mod lines;
mod market;
mod rerequest;
mod wire;
