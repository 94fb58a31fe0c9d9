//! A running venue that is killed, or whose disk fails.

pub mod venue;
