//! The edge of a venue: sessions in, market data out, and the time of day.
//!
//! [`gateway`] turns the messages of sessions, operators and files into commands, and sends each session its
//! stream. [`feed`] sends market data and answers who lost some. [`clock`] hands over what [`due`] and
//! [`schedule`] say that the time has brought; [`calendar`] knows the boundaries of a trading day.

#![warn(unreachable_pub)]

pub mod calendar;
pub mod clock;
pub mod due;
pub mod feed;
pub mod gateway;
pub mod schedule;
