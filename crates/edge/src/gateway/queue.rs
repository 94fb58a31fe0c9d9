//! Queue from the gateway to the sequencer.
//!
//! The queue is bounded, and nothing is ever dropped from it. While the queue is full the gateway
//! does not read from its sockets, and TCP makes the clients wait.

use ringside_model::command::{ClientFields, Command};

/// Command from the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// Command for the sequencer.
    pub command: Command,
    /// Fields of the client's request that its reports repeat.
    pub fields: Option<ClientFields>,
}

/// Producer of the queue, for the gateway.
pub type Producer = rtrb::Producer<Inbound>;
/// Consumer of the queue, for the sequencer.
pub type Consumer = rtrb::Consumer<Inbound>;

/// Creates a queue with room for `commands` commands.
pub fn bounded(commands: usize) -> (Producer, Consumer) {
    rtrb::RingBuffer::new(commands)
}
