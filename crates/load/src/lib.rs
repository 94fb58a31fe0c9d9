//! The load generator's side of the wire: what to send, and when.
//!
//! It is a client. It knows commands and nothing of the venue that will answer them, so that a
//! figure it measures cannot be helped by what it knows. Everything follows from a seed and is
//! computed in whole numbers: the same seed gives the same load on any machine.
//!
//! * [`flow`] makes the orders: a workload, its opening book, its events and the trades that must
//!   come of them;
//! * [`arrivals`] makes the intended send times of an open loop;
//! * [`session`] sends them over the wire and checks every answer;
//! * [`rng`] is the generator of chance under all of them.

#![warn(unreachable_pub)]

pub mod arrivals;
pub mod flow;
mod model;
pub mod rng;
pub mod session;
