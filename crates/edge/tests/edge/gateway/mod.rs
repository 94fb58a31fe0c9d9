//! Network gateway over real sockets. The test plays the sequencer and sets the clock.

mod backpressure;
mod client;
mod logins;
mod operators;
mod orders;
mod risk;
mod ticks;
mod timers;
mod venue;
