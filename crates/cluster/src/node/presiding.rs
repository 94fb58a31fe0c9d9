//! Leading: what a node sees to beside its pipeline.

use super::{Node, NodeError, Ports, standing_view};
use crate::membership::{Act, Following, Last, NodeName, View, Voters};
use crate::replication::{Replicas, Terms};
use ringside_core::pipeline::Control;
use ringside_journal::Position;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What arrives is waited for so long before other things are looked at.
const WAIT: Duration = Duration::from_millis(2);
/// A node that ends to lead does not wait longer than this for another one to have everything, or for the record.
const HANDOVER_MAX: Duration = Duration::from_secs(5);

/// A time of leading: an epoch.
pub struct Term {
    epoch: u64,
    /// Behind the frame that the epoch begins with.
    begins: Position,
    /// How far the voters have the journal.
    pub replicas: Arc<Replicas>,
    /// `stop`: the pipeline is to drain, and the lead to be handed over; `abandon`: somebody else leads already.
    pub control: Control,
    promised_elsewhere: Arc<AtomicU64>,
    /// Who is to lead next, if an operator has said so.
    next: Option<NodeName>,
    /// Since when the lead is being handed over.
    handing_over: Option<Duration>,
    /// Whether the record was asked to change.
    is_given: bool,
}

impl Term {
    /// An epoch has begun with a frame that ends at `begins`.
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

    /// What standbys are served.
    pub fn terms<P>(&self, node: &Node<P>, dir: &Path) -> Terms {
        Terms {
            epoch: self.epoch,
            dir: dir.into(),
            identity: node.options.identity,
            segment_bytes: node.options.segment_bytes,
            replicas: self.replicas.clone(),
            promised_elsewhere: self.promised_elsewhere.clone(),
        }
    }

    /// Whether somebody else leads.
    pub fn is_over(&self) -> bool {
        self.control.abandon.load(Ordering::Relaxed)
    }

    /// Whether anything may be told. What an earlier leader had stored and never told may be told only when this epoch has
    /// begun on enough voters; and a new cluster of three or more waits until most of its nodes are voters.
    pub fn may_tell<P: Ports>(&self, node: &Node<P>) -> bool {
        let Some(record) = node.record() else { return false };
        let (nodes, voters) = (record.nodes.len(), record.voters.0.len());
        let has_enough = nodes <= 2 || voters > nodes / 2;
        let has_begun = self.replicas.commit_point().replicated() >= self.begins;
        has_enough && has_begun
    }

    /// Lets the member decide once, and does it.
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
                    node.ports.say(format!("another node leads: epoch {} is over", self.epoch));
                    self.control.abandon.store(true, Ordering::Relaxed);
                }
                Some(Act::Voters(voters, second)) => {
                    if second.is_none() {
                        let names: Vec<_> = voters.0.iter().map(|v| v.node.to_string()).collect();
                        node.ports.say(format!("voters: {}", names.join(", ")));
                    }
                    self.replicas.set_voters(voters, second);
                }
                Some(Act::HandOver(to)) => {
                    node.ports.say(format!("handing over to {to}"));
                    self.next = Some(to);
                    self.control.stop.store(true, Ordering::Relaxed);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Hands over when the pipeline has drained and the journal, closed, ends at `end`: a step. Whether this was the last
    /// one, because another node leads or nobody can.
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
            let view = standing_view(Last { epoch: self.epoch, segment: 0, offset: 0 });
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
        let view = standing_view(Last { epoch: self.epoch, segment: 0, offset: 0 });
        for act in node.member.drained(now, &next, &view) {
            node.act(act)?;
        }
        self.is_given = true;
        Ok(false)
    }

    /// A voter that follows, the first one that has everything.
    fn heir<P: Ports>(&self, node: &Node<P>, end: Position) -> Option<NodeName> {
        let record = node.record()?;
        let counts = |f: &Following| f.is_near && record.voters.counts(&f.node, f.incarnation);
        let mut heirs = self.replicas.followers();
        heirs.retain(counts);
        heirs.sort_by_key(|heir| !self.replicas.has_all(&heir.node, end));
        Some(heirs.into_iter().next()?.node)
    }
}
