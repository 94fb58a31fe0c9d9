//! Output that a node derives from its journal: the history of commands, and the streams as its
//! venue would publish them.

use ringside_core::merge::Subscriber;
use ringside_core::registry::directory::Directory;
use ringside_core::streams::{Committed, Projections, SessionStates, StreamId, StreamSink};
use ringside_core::venue::Recover;
use ringside_model::command::Command;
use ringside_model::domain::SeqNo;
use ringside_model::frame::Frame;
use ringside_model::report::Published;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Output that a node has published, or would publish.
#[derive(Default)]
pub struct Told {
    /// Checksum of each command, oldest first. The checksums form a chain, so each one stands for
    /// everything before it.
    pub history: Vec<u32>,
    pub streams: HashMap<StreamId, Vec<Vec<u8>>>,
    /// Number of commands in the history that may be published while the node stands by.
    pub committed: Committed<usize>,
}

impl Told {
    /// Returns the number of commands and the number of messages.
    pub fn lengths(&self) -> (usize, usize) {
        (self.history.len(), self.streams.values().map(Vec::len).sum())
    }
}

pub type SharedTold = Arc<Mutex<Told>>;

/// Sink that keeps the messages of streams.
pub struct Kept(SharedTold);

impl StreamSink for Kept {
    fn append(&mut self, stream: StreamId, message: &[u8]) {
        let mut told = self.0.lock().unwrap();
        told.streams.entry(stream).or_default().push(message[2..].to_vec());
    }
}

/// Subscriber that receives everything that a node's engines do.
pub struct Teller {
    pub projections: Projections<Kept>,
    pub directory: Directory,
    told: SharedTold,
}

impl Teller {
    pub fn new() -> (Self, SharedTold) {
        let told = SharedTold::default();
        let (states, directory) = (SessionStates::new(16), Directory::new());
        let projections = Projections::new(Kept(told.clone()), states, directory.names().share());
        (Teller { projections, directory, told: told.clone() }, told)
    }
}

impl Subscriber for Teller {
    const COMMANDS: bool = true;

    fn command(&mut self, frame: &Frame) {
        if let Some(command) = Command::decode(frame) {
            self.directory.observe(&command);
        }
        let mut told = self.told.lock().unwrap();
        told.history.push(frame.header.crc);
        assert_eq!(told.history.len() as u64, frame.header.seqno, "each command is told once");
        drop(told);
        self.projections.command(frame);
    }

    fn report(&mut self, published: &Published) {
        self.projections.report(published);
    }

    fn end_command(&mut self) {
        self.projections.end_command();
    }

    fn end_batch(&mut self) {
        self.projections.end_batch();
        let told = self.told.lock().unwrap();
        told.committed.note(SeqNo(told.history.len() as u64), told.history.len());
    }
}

impl Recover for Teller {}
