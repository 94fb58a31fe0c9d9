//! Gateways: translate client requests into commands, and reports into messages for clients.
//!
//! A gateway is a translator without a thread. It takes the names of the venue from its
//! [`directory`](ringside_core::registry::directory), checks the names, decimals and ids of an
//! order, and puts a fault into the command as a verdict. The engine decides everything else.

pub mod accounts;
mod admin;
mod admission;
mod connection;
mod descriptors;
mod epoll;
pub mod file_session;
mod intake;
mod listener;
mod login;
pub mod order_entry;
pub mod queue;
mod rate;
pub mod risk;
pub mod server;
