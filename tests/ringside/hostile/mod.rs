//! Clients that do what no client should, against `ringside serve` as a process: each costs its own connection,
//! while a session beside them trades and is answered.

pub mod client;
mod crowds;
mod floods;
mod garbage;
pub mod venue;
