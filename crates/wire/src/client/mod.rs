//! The other end of the wire: what a program needs to trade on a venue.
//!
//! [`soup`] is one SoupBinTCP connection, [`session`] a session that outlives its connections and goes on at
//! the number that it expects next. None of them has a thread or waits for anything but a connect: the owner
//! calls them when there is something to do.

pub mod session;
pub mod soup;
