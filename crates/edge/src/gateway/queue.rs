//! The queue from the gateway to the sequencer.
//!
//! It is bounded, and nothing is ever dropped from it: while it is full the gateway does not read from its
//! sockets, and TCP makes the clients wait.

use ringside_model::command::{ClientFields, Command};

/// A command of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// The command.
    pub command: Command,
    /// What its client must be told again.
    pub fields: Option<ClientFields>,
}

/// The end of the gateway.
pub type Producer = rtrb::Producer<Inbound>;
/// The end of the sequencer.
pub type Consumer = rtrb::Consumer<Inbound>;

/// A queue with room for so many commands.
pub fn bounded(commands: usize) -> (Producer, Consumer) {
    rtrb::RingBuffer::new(commands)
}
