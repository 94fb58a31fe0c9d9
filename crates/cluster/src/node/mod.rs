//! A node of a cluster, without its threads and sockets: standing by and leading a step at a time.
//!
//! ```text
//!  recover ─► stand by ─► lead ─┬─► stopped
//!     ▲          │              │
//!     └── cut ◄──┴──────────────┘
//! ```
//!
//! What a [`Member`] decides is done here: `standing.rs` takes a leader's frames, `presiding.rs` is beside the pipeline of
//! a node that leads. Whoever has a node steps it and gives it what it needs of the world: a venue on its threads, or a
//! simulation.

mod presiding;
mod standing;

pub use presiding::Term;
pub use standing::{Standing, Stood};

use crate::membership::node_file::NodeFile;
use crate::membership::{
    Act, Address, Arrived, Last, Member, Message, NodeName, Record, Revision, View,
};
use ringside_core::venue::StandbyError;
use ringside_journal::{Identity, JournalError, Position};
use ringside_model::domain::SeqNo;
use std::io::{self, Read, Write};
use std::time::Duration;

/// What a node needs of the world.
pub trait Ports {
    /// A connection to a leader. It answers at once, or after a moment.
    type Line: Read + Write;

    /// The time since some beginning.
    fn now(&self) -> Duration;

    /// What has arrived, after waiting for it no longer than this.
    fn arrived(&mut self, patience: Duration) -> Option<Arrived>;

    /// Asks for the record; the answer arrives.
    fn read(&mut self);

    /// Asks to swap the record; the answer arrives.
    fn swap(&mut self, expected: Option<Revision>, record: Record);

    /// Sends a message to a node; perhaps it gets there.
    fn send(&mut self, to: &NodeName, address: &str, message: Message);

    /// Connects to a leader.
    fn connect(&mut self, address: &str) -> io::Result<Self::Line>;

    /// Tells the operator.
    fn say(&mut self, what: String);
}

/// Whose node it is.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name.
    pub me: NodeName,
    /// The nodes that a new cluster begins with.
    pub founders: Vec<Address>,
    /// Whose journal it has.
    pub identity: Identity,
    /// The length of its segments in bytes.
    pub segment_bytes: u64,
}

/// A node.
pub struct Node<P> {
    /// Its world.
    pub ports: P,
    options: Options,
    file: NodeFile,
    member: Member,
    /// Whether it was said that there is no record any more.
    misses_record: bool,
}

/// Why a node cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its journal, or what it stores of itself.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What the leader sends.
    #[error(transparent)]
    Standby(#[from] StandbyError),
    /// The leader does not have what this node knows to be committed.
    #[error(
        "the leader does not have what this node knows to be committed (seqno {0}): one of the two is of another \
         history, and nothing here was changed"
    )]
    AnotherHistory(SeqNo),
    /// The leader does not want it.
    #[error("the leader refuses this standby: {0}")]
    Refused(String),
}

impl<P: Ports> Node<P> {
    /// A node that has just started, with what it has stored of itself.
    pub fn new(ports: P, options: Options, file: NodeFile) -> Self {
        let Options { me, founders, .. } = options.clone();
        let member = Member::new(me, file.incarnation(), file.promised(), founders, ports.now());
        Node { ports, options, file, member, misses_record: false }
    }

    /// The record as it was read last.
    pub fn record(&self) -> Option<&Record> {
        self.member.record()
    }

    /// Its journal has been recovered after it led, or was cut.
    pub fn stands_by(&mut self) {
        self.member.stands_by(self.ports.now());
    }

    /// Waits a while for what arrives, and lets the member decide.
    fn decide(&mut self, patience: Duration, view: &View<'_>) -> Vec<Act> {
        let arrived = self.ports.arrived(patience);
        let now = self.ports.now();
        match arrived {
            None => self.member.tick(now, view),
            Some(Arrived::Message(from, message)) => {
                self.member.message(now, &from, &message, view)
            }
            Some(Arrived::Read(found)) => {
                let is_missing = found == Ok(None) && self.member.promised() > 0;
                if is_missing && !std::mem::replace(&mut self.misses_record, true) {
                    let what = "the coordinator has no record of this cluster any more: an operator must say which \
                                node is to begin it again (docs/cluster.md)";
                    self.ports.say(what.into());
                }
                self.member.read(now, found, view)
            }
            Some(Arrived::Swapped(wanted, ended)) => self.member.swapped(now, wanted, ended, view),
            Some(Arrived::Unreachable(node)) => {
                self.member.unreachable(&node);
                self.member.tick(now, view)
            }
        }
    }

    /// Does what is the same for every role; gives back what is not.
    fn act(&mut self, act: Act) -> Result<Option<Act>, JournalError> {
        match act {
            Act::Promise(epoch) => self.file.promise(epoch)?,
            Act::Read => self.ports.read(),
            Act::Swap(expected, record) => self.ports.swap(expected, record),
            Act::Send(to, message) => {
                let address = self.member.record().and_then(|record| record.address(&to));
                if let Some(address) = address {
                    self.ports.send(&to, address, message);
                }
            }
            other => return Ok(Some(other)),
        }
        Ok(None)
    }
}

/// The view of a node that does not lead.
fn standing_view(last: Last) -> View<'static> {
    View { last, agreed: Position { segment: 0, offset: 0 }, followers: &[] }
}
