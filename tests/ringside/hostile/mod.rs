//! Misbehaving clients against `ringside serve` as a process: each loses only its own connection,
//! while a session beside them trades and is answered.

pub mod client;
mod crowds;
mod floods;
mod garbage;
pub mod venue;
