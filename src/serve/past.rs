//! What a venue on a network must know of its past: what its streams have told, and the names and ids that its
//! gateway has to recognise.

use crate::command::Command;
use crate::directory::Directory;
use crate::frame::Frame;
use crate::report::Published;
use crate::report_order::Subscriber;
use crate::restart::Checkpoint;
use crate::streams::{Encoder, Store};
use crate::venue::Recover;

/// Hears what a restart replays.
pub struct Past {
    /// Makes the streams, and goes on with that when the past is over.
    pub encoder: Encoder<Store>,
    /// For the gateway.
    pub directory: Directory,
}

impl Subscriber for Past {
    const COMMANDS: bool = true;

    fn command(&mut self, frame: &Frame) {
        if let Some(command) = Command::decode(frame) {
            self.directory.observe(&command);
        }
        self.encoder.command(frame);
    }

    fn report(&mut self, published: &Published) {
        self.encoder.report(published);
    }

    fn end_command(&mut self) {
        self.encoder.end_command();
    }

    fn end_batch(&mut self) {
        self.encoder.end_batch();
    }
}

impl Recover for Past {
    /// A snapshot is of use only if the files of the streams have all that came before it.
    fn accepts(&mut self, at: &Checkpoint) -> Result<(), String> {
        let store = self.encoder.sink_mut();
        store.resume(&at.streams.positions, at.place.seqno).map_err(|error| error.to_string())
    }

    fn resume(&mut self, at: Option<&Checkpoint>) -> Result<(), String> {
        match at {
            None => self.encoder.sink_mut().clear().map_err(|error| error.to_string()),
            Some(at) => {
                self.directory = Directory::restore(&at.definitions, at.used_ids.clone());
                at.standing.commands().iter().for_each(|command| self.directory.observe(command));
                self.encoder.resume(&at.definitions, &at.streams);
                Ok(())
            }
        }
    }
}
