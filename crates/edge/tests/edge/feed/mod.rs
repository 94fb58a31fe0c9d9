//! Feed over real sockets on loopback: a listener has the stream in the end, whatever happened on
//! the way.

mod book;
mod capture;
mod glimpse;
mod lines;
mod market;
mod rerequest;
mod wire;
