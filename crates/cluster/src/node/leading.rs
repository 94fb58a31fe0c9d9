//! Leading: the work of a node beside its pipeline.

use super::{Node, NodeError, Ports, standby_view};
use crate::membership::{Act, ConnectedStandby, Last, NodeName, View, Voters};
use crate::replication::{Replicas, ReplicationTerms};
use ringside_core::pipeline::Control;
use ringside_journal::Position;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Time that a step waits for an arrival before it ends.
const WAIT: Duration = Duration::from_millis(2);
/// Limit of a handover: time for another node to have everything, and for the record to change.
const HANDOVER_MAX: Duration = Duration::from_secs(5);

/// Term of a leader: one epoch.
pub struct Term {
    epoch: u64,
    /// Position behind the first frame of the epoch.
    begins: Position,
    /// Positions up to which the voters have the journal.
    pub replicas: Arc<Replicas>,
    /// `stop`: the pipeline drains, and leadership is handed over. `abandon`: another node leads
    /// already.
    pub control: Control,
    promised_elsewhere: Arc<AtomicU64>,
    /// Node that is to lead next, if an operator has named one.
    next: Option<NodeName>,
    /// Time since which leadership is being handed over.
    handing_over: Option<Duration>,
    /// True once the swap of the record to the next leader is requested.
    is_given: bool,
}

impl Term {
    /// Creates the term of an epoch whose first frame ends at `begins`.
    pub fn new<P>(node: &Node<P>, epoch: u64, voters: Voters, begins: Position) -> Self {
        let (me, segment_bytes) = (node.options.me.clone(), node.options.segment_bytes);
        Term {
            epoch,
            begins,
            replicas: Arc::new(Replicas::new(me, voters, segment_bytes, begins)),
            control: Control::default(),
            promised_elsewhere: Arc::default(),
            next: None,
            handing_over: None,
            is_given: false,
        }
    }

    /// Returns the terms on which standbys are served.
    pub fn terms<P>(&self, node: &Node<P>, dir: &Path) -> ReplicationTerms {
        ReplicationTerms {
            epoch: self.epoch,
            dir: dir.into(),
            identity: node.options.identity,
            segment_bytes: node.options.segment_bytes,
            replicas: self.replicas.clone(),
            promised_elsewhere: self.promised_elsewhere.clone(),
        }
    }

    /// Returns true if another node leads.
    pub fn is_over(&self) -> bool {
        self.control.abandon.load(Ordering::Relaxed)
    }

    /// Returns true if anything may be published. Frames that an earlier leader stored and never
    /// published wait until this epoch has begun on a quorum of the voters. A new cluster of three
    /// or more nodes waits until most of its nodes are voters.
    pub fn may_tell<P: Ports>(&self, node: &Node<P>) -> bool {
        let Some(record) = node.record() else { return false };
        let (nodes, voters) = (record.nodes.len(), record.voters.0.len());
        let has_enough = nodes <= 2 || voters > nodes / 2;
        let has_begun = self.replicas.commit_point().replicated() >= self.begins;
        has_enough && has_begun
    }

    /// Lets the member decide once, and performs its acts.
    pub fn step<P: Ports>(&mut self, node: &mut Node<P>) -> Result<(), NodeError> {
        let followers = self.replicas.followers();
        let end = self.replicas.commit_point().stored();
        let view = View {
            last: Last { epoch: self.epoch, segment: end.segment, offset: end.offset },
            agreed: self.replicas.agreed(),
            followers: &followers,
        };
        let elsewhere = self.promised_elsewhere.swap(0, Ordering::Relaxed);
        if elsewhere > 0 {
            node.member.follower_promised(node.ports.now(), elsewhere);
        }
        for act in node.decide(WAIT, &view) {
            match node.act(act)? {
                Some(Act::StepDown) => {
                    let epoch = self.epoch;
                    tracing::warn!(
                        event = "leadership_lost",
                        epoch,
                        "another node leads: epoch {epoch} is over"
                    );
                    self.control.abandon.store(true, Ordering::Relaxed);
                }
                Some(Act::Voters(voters, second)) => {
                    if second.is_none() {
                        let names: Vec<_> = voters.0.iter().map(|v| v.node.to_string()).collect();
                        tracing::info!(event = "voters", "voters: {}", names.join(", "));
                    }
                    self.replicas.set_voters(voters, second);
                }
                Some(Act::HandOver(to)) => {
                    tracing::info!(event = "handing_over", node = %to, "handing over to {to}");
                    self.next = Some(to);
                    self.control.stop.store(true, Ordering::Relaxed);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes one step of a handover. The pipeline has drained, and the closed journal ends at
    /// `end`. Returns true if this was the last step, because another node leads or none can take
    /// over in time.
    pub fn hand_over<P: Ports>(
        &mut self,
        node: &mut Node<P>,
        end: Position,
    ) -> Result<bool, NodeError> {
        let now = node.ports.now();
        self.replicas.commit_point().stores(end);
        let since = *self.handing_over.get_or_insert(now);
        if self.is_over() || now - since > HANDOVER_MAX {
            return Ok(true);
        }
        if self.is_given {
            let view = standby_view(Last { epoch: self.epoch, segment: 0, offset: 0 });
            for act in node.decide(WAIT, &view) {
                node.act(act)?;
            }
            return Ok(node.record().is_some_and(|record| record.epoch > self.epoch));
        }
        let followers = self.replicas.followers();
        let follows = |next: &NodeName| followers.iter().any(|follower| follower.node == *next);
        let next = self.next.clone().filter(follows).or_else(|| self.heir(node, end));
        let Some(next) = next else { return Ok(true) };
        if !self.replicas.has_all(&next, end) {
            self.step(node)?;
            return Ok(false);
        }
        let view = standby_view(Last { epoch: self.epoch, segment: 0, offset: 0 });
        for act in node.member.drained(now, &next, &view) {
            node.act(act)?;
        }
        self.is_given = true;
        Ok(false)
    }

    /// Returns a voter that follows and lacks little; one that has everything is preferred.
    fn heir<P: Ports>(&self, node: &Node<P>, end: Position) -> Option<NodeName> {
        let record = node.record()?;
        let counts =
            |f: &ConnectedStandby| f.is_near && record.voters.counts(&f.node, f.incarnation);
        let mut heirs = self.replicas.followers();
        heirs.retain(counts);
        heirs.sort_by_key(|heir| !self.replicas.has_all(&heir.node, end));
        Some(heirs.into_iter().next()?.node)
    }
}
