//! The network gateway over real sockets, with a sequencer that the test plays and a clock that it sets.

mod backpressure;
mod client;
mod logins;
mod operators;
mod orders;
mod risk;
mod ticks;
mod timers;
mod venue;
