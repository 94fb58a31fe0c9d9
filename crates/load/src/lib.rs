//! Client side of the load generator: generates the requests and their send times.
//!
//! The generator is a client. It knows the commands but nothing of the venue that answers them, so
//! its measurements cannot profit from such knowledge. Everything follows from a seed and is
//! computed in whole numbers: the same seed gives the same load on any machine.
//!
//! * [`flow`] generates the orders: a workload with its opening book, its events and the expected
//!   trades;
//! * [`arrivals`] generates the intended send times of an open loop;
//! * [`session`] sends the orders over the wire and checks every answer;
//! * [`rng`] is the random number generator under all of them.

#![deny(clippy::print_stdout, clippy::print_stderr)]
#![warn(unreachable_pub)]

pub mod arrivals;
pub mod flow;
mod model;
pub mod rng;
pub mod session;
