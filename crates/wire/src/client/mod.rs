//! Client side of the wire: the parts that a program needs to trade on a venue.
//!
//! [`soup`] is one SoupBinTCP connection. [`session`] is a session that outlives its connections
//! and continues at the next number that it expects. Neither has a thread. No call waits, except
//! for a connect and in
//! [`soup::Connection::wait`]: the owner calls when there is something to do.

pub mod session;
pub mod soup;
