//! Source of the commands of a network venue: first its own setup, then the gateway.

use ringside_core::pipeline::{CommandSource, Polled};
use ringside_edge::gateway::queue::Consumer;
use ringside_model::command::{ClientFields, Command};
use ringside_model::domain::Nanos;
use std::collections::VecDeque;

/// The command source of a network venue.
pub(super) struct NetworkSource {
    /// Commands of the setup, with an official time where it matters.
    setup: VecDeque<(Command, Option<Nanos>)>,
    queue: Consumer,
    fields: Option<ClientFields>,
}

impl NetworkSource {
    /// Returns a source of these commands, followed by those of the queue.
    pub(super) fn new(setup: VecDeque<(Command, Option<Nanos>)>, queue: Consumer) -> Self {
        NetworkSource { setup, queue, fields: None }
    }
}

impl CommandSource for NetworkSource {
    #[inline]
    fn poll(&mut self) -> Polled {
        if let Some((command, time)) = self.setup.pop_front() {
            return Polled::Command { command, time, intended_ns: 0 };
        }
        match self.queue.pop() {
            Ok(inbound) => {
                self.fields = inbound.fields;
                Polled::Command { command: inbound.command, time: None, intended_ns: 0 }
            }
            Err(_) => Polled::Idle,
        }
    }

    #[inline]
    fn client_fields(&self) -> Option<&ClientFields> {
        self.fields.as_ref()
    }
}
