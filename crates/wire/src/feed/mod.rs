//! The listener's side of market data: two lines become one sequence of messages, lost ones are asked for,
//! and the messages become books.

mod arbiter;
pub mod book;
mod copies;
mod orders;
mod received;
pub mod receiver;
pub mod snapshot;
pub mod sockets;
mod spin;
