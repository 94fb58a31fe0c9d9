//! Node of a cluster, without its threads and sockets: standing by and leading, one step at a time.
//!
//! ```text
//!  recover ─► stand by ─► lead ─┬─► stopped
//!     ▲          │              │
//!     └── cut ◄──┴──────────────┘
//! ```
//!
//! This module performs the acts that a [`Member`] decides. `following.rs` takes a leader's frames;
//! `leading.rs` does the work of a leader beside its pipeline. The owner of a node calls its
//! steps and provides the [`Ports`]: a venue on its threads, or a simulation.

mod following;
mod leading;

pub use following::{Following, FollowingEnd};
pub use leading::Term;

use crate::membership::node_file::NodeFile;
use crate::membership::{
    Act, Address, Arrived, Last, Member, NodeName, PeerMessage, Record, Revision, Unavailable, View,
};
use ringside_core::venue::StandbyError;
use ringside_journal::{Identity, JournalError, Position};
use ringside_model::domain::SeqNo;
use std::io::{self, Read, Write};
use std::time::Duration;

/// Access of a node to the world: clock, coordinator, other nodes.
pub trait Ports {
    /// Connection to a leader. It answers at once, or after a moment.
    type Link: Read + Write;

    /// Returns the time since some fixed start.
    fn now(&self) -> Duration;

    /// Waits at most `patience` for an arrival, and returns it.
    fn arrived(&mut self, patience: Duration) -> Option<Arrived>;

    /// Asks for the record; the answer arrives as [`Arrived::Read`].
    fn read(&mut self);

    /// Asks to swap the record; the outcome arrives as [`Arrived::Swapped`].
    fn swap(&mut self, expected: Option<Revision>, record: Record);

    /// Sends a message to a node. Its arrival is not certain.
    fn send(&mut self, to: &NodeName, address: &str, message: PeerMessage);

    /// Connects to the leader at `address`.
    fn connect(&mut self, address: &str) -> io::Result<Self::Link>;
}

/// Identity of a node and of its journal.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the node.
    pub me: NodeName,
    /// Nodes with which a new cluster begins.
    pub founders: Vec<Address>,
    /// Identity of the journal: matching rules and venue.
    pub identity: Identity,
    /// Length of a segment in bytes.
    pub segment_bytes: u64,
}

/// Node of a cluster.
pub struct Node<P> {
    /// Access to the world.
    pub ports: P,
    options: Options,
    file: NodeFile,
    member: Member,
    /// True once the operator knows that the record is missing.
    misses_record: bool,
    /// True once the operator knows that the coordinator does not answer.
    misses_coordinator: bool,
}

/// Reason why a node cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The journal or the node file failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The standby cannot continue with the leader's frames.
    #[error(transparent)]
    Standby(#[from] StandbyError),
    /// The leader lacks the command with this seqno, which this node knows to be committed.
    #[error(
        "the leader does not have what this node knows to be committed (seqno {0}): one of the two is of another \
         history, and nothing here was changed"
    )]
    AnotherHistory(SeqNo),
    /// The leader refuses this standby, for this reason.
    #[error("the leader refuses this standby: {0}")]
    Refused(String),
}

impl<P: Ports> Node<P> {
    /// Creates a node that has just started, with the facts that it has stored about itself.
    pub fn new(ports: P, options: Options, file: NodeFile) -> Self {
        let Options { me, founders, .. } = options.clone();
        let member = Member::new(me, file.incarnation(), file.promised(), founders, ports.now());
        Node { ports, options, file, member, misses_record: false, misses_coordinator: false }
    }

    /// Returns the latest known record.
    pub fn record(&self) -> Option<&Record> {
        self.member.record()
    }

    /// Stands by again. The journal has been recovered after the node led, or after the journal was
    /// cut.
    pub fn stands_by(&mut self) {
        self.member.stands_by(self.ports.now());
    }

    /// Waits at most `patience` for an arrival, and returns the acts that the member decides.
    fn decide(&mut self, patience: Duration, view: &View<'_>) -> Vec<Act> {
        let arrived = self.ports.arrived(patience);
        let now = self.ports.now();
        match arrived {
            None => self.member.tick(now, view),
            Some(Arrived::Message(from, message)) => {
                self.member.message(now, &from, &message, view)
            }
            Some(Arrived::Read(found)) => {
                self.note_answer(found.as_ref().err());
                let is_missing = found == Ok(None) && self.member.promised() > 0;
                if is_missing && !std::mem::replace(&mut self.misses_record, true) {
                    tracing::warn!(
                        event = "record_missing",
                        "the coordinator has no record of this cluster any more: an operator must say which node is \
                         to begin it again (docs/cluster.md)"
                    );
                }
                self.member.read(now, found, view)
            }
            Some(Arrived::Swapped(wanted, ended)) => {
                self.note_answer(ended.as_ref().err());
                self.member.swapped(now, wanted, ended, view)
            }
            Some(Arrived::Unreachable(node)) => {
                self.member.unreachable(&node);
                self.member.tick(now, view)
            }
        }
    }

    /// Logs that the coordinator does not answer, or answers again.
    fn note_answer(&mut self, why_not: Option<&Unavailable>) {
        let missed = std::mem::replace(&mut self.misses_coordinator, why_not.is_some());
        match why_not {
            Some(why_not) if !missed => tracing::warn!(
                event = "coordinator_unavailable",
                "the coordinator does not answer: {why_not}"
            ),
            None if missed => {
                tracing::info!(event = "coordinator_back", "the coordinator answers again");
            }
            _ => {}
        }
    }

    /// Performs the acts that are the same for every role, and returns the others.
    fn act(&mut self, act: Act) -> Result<Option<Act>, JournalError> {
        match act {
            Act::Promise(epoch) => {
                self.file.promise(epoch)?;
                tracing::info!(event = "promised", epoch, "epoch {epoch} is promised");
            }
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

/// Returns the view of a node that does not lead.
fn standby_view(last: Last) -> View<'static> {
    View { last, agreed: Position { segment: 0, offset: 0 }, followers: &[] }
}
