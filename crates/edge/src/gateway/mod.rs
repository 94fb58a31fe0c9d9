//! Gateways: translate client requests into commands, and send clients the messages of their
//! streams.
//!
//! A gateway starts no thread: its caller steps it. It takes the names of the venue from its
//! [`directory`](ringside_core::registry::directory) and checks names, decimals, ids, rights and
//! risk limits. A fault goes into the command as a verdict. The sequencer adds verdicts of its own:
//! for low space, and for a durability mode that the venue cannot serve. The engine decides
//! everything else.

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
