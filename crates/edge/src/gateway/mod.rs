//! Gateways: what clients speak, turned into commands, and reports turned into what clients read.
//!
//! A gateway is a translator without a thread. It knows the names of the venue from its
//! [`directory`](ringside_core::registry::directory), finds what is wrong with an order as far as names, decimals and ids go, and puts
//! that into the command as a verdict; everything else is for the engine to decide.

pub mod accounts;
mod admin;
mod connection;
mod descriptors;
pub mod file_session;
mod intake;
mod listener;
mod login;
pub mod order_entry;
mod poll;
pub mod queue;
mod rate;
pub mod risk;
pub mod server;
