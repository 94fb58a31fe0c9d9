//! The edge of a venue: client and operator sessions, market data, and timers.
//!
//! [`gateway`] turns the messages of sessions, operators and files into commands, and sends each
//! session its stream. [`feed`] publishes market data and resends lost messages. [`clock`] hands
//! over the commands that [`timers`] and [`schedule`] find due; [`calendar`] computes the
//! boundaries of a trading day.

#![deny(clippy::print_stdout, clippy::print_stderr)]
#![warn(unreachable_pub)]

pub mod calendar;
pub mod clock;
pub mod feed;
pub mod gateway;
pub mod schedule;
pub mod timers;
