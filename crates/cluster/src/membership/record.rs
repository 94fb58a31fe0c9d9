//! Record of a cluster: leader, epoch and voters. All nodes agree on the record because a
//! [`Coordinator`] keeps it and changes it only by compare-and-swap.
//!
//! [`Coordinator`]: super::Coordinator

use serde::{Deserialize, Serialize};
use std::fmt;

/// Name of a node, unique in its cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeName(pub String);

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for NodeName {
    fn from(name: &str) -> Self {
        NodeName(name.into())
    }
}

/// Number of one life of a node's memory. A node that may have lost something that it acknowledged
/// gets another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(pub u64);

/// Node whose acknowledgements and promises count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voter {
    /// Name of the node.
    pub node: NodeName,
    /// Incarnation that the node must still have.
    pub incarnation: Incarnation,
}

/// Voters of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Voters(pub Vec<Voter>);

/// Address of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Name of the node.
    pub node: NodeName,
    /// Host and port at which the node listens for the other nodes.
    pub address: String,
}

/// State on which all nodes agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Epoch. It rises with every change of the leader, also when the same node is named again.
    pub epoch: u64,
    /// Node that may write in this epoch.
    pub leader: NodeName,
    /// Nodes whose acknowledgements and promises count.
    pub voters: Voters,
    /// Nodes that should be voters. The leader makes them voters, one node at a time.
    pub nodes: Vec<Address>,
    /// Node that is asked to lead instead.
    pub handover: Option<NodeName>,
}

impl Voters {
    /// Number of voters that must have a frame before it is published.
    pub(crate) fn write_quorum(&self) -> usize {
        self.0.len() / 2 + 1
    }

    /// Number of voters that must promise before a node leads: at least one of them has everything
    /// that was published.
    pub fn promise_quorum(&self) -> usize {
        self.0.len() - self.write_quorum() + 1
    }

    /// Returns the voter with this name.
    pub fn get(&self, node: &NodeName) -> Option<&Voter> {
        self.0.iter().find(|voter| voter.node == *node)
    }

    /// Returns true if the node is a voter in this incarnation.
    pub fn counts(&self, node: &NodeName, incarnation: Incarnation) -> bool {
        self.get(node).is_some_and(|voter| voter.incarnation == incarnation)
    }

    /// Returns the voters with this node in this incarnation, added or in the place of another
    /// incarnation.
    pub fn with(&self, node: &NodeName, incarnation: Incarnation) -> Voters {
        let mut voters = self.without(node);
        voters.0.push(Voter { node: node.clone(), incarnation });
        voters.0.sort_by(|a, b| a.node.cmp(&b.node));
        voters
    }

    /// Returns the voters without this node.
    pub fn without(&self, node: &NodeName) -> Voters {
        Voters(self.0.iter().filter(|voter| voter.node != *node).cloned().collect())
    }
}

impl Record {
    /// Returns the record of the next epoch, with this leader and without a handover request.
    pub fn led_by(&self, leader: &NodeName) -> Record {
        Record { epoch: self.epoch + 1, leader: leader.clone(), handover: None, ..self.clone() }
    }

    /// Returns the record with other voters.
    pub(crate) fn with_voters(&self, voters: Voters) -> Record {
        Record { voters, ..self.clone() }
    }

    /// Returns the address of a node.
    pub fn address(&self, node: &NodeName) -> Option<&str> {
        let found = self.nodes.iter().find(|place| place.node == *node);
        found.map(|place| place.address.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_two_quorums_of_promises_and_of_writes_have_a_voter_in_common() {
        let quorums: Vec<_> = (1..=7)
            .map(|count| {
                let voter =
                    |n: usize| Voter { node: NodeName(n.to_string()), incarnation: Incarnation(0) };
                let voters = Voters((0..count).map(voter).collect());
                (voters.write_quorum(), voters.promise_quorum())
            })
            .collect();
        assert_eq!(quorums, [(1, 1), (2, 1), (2, 2), (3, 2), (3, 3), (4, 3), (4, 4)]);
        for (count, (write, promise)) in (1..).zip(quorums) {
            assert_eq!(write + promise, count + 1);
        }
    }

    #[test]
    fn a_record_is_a_line_of_json() {
        let record = Record {
            epoch: 3,
            leader: "a".into(),
            voters: Voters::default().with(&"b".into(), Incarnation(u64::MAX)),
            nodes: vec![Address { node: "a".into(), address: "127.0.0.1:26500".into() }],
            handover: None,
        };
        let line = concat!(
            r#"{"epoch":3,"leader":"a","voters":[{"node":"b","incarnation":18446744073709551615}],"#,
            r#""nodes":[{"node":"a","address":"127.0.0.1:26500"}],"handover":null}"#
        );
        assert_eq!(serde_json::to_string(&record).unwrap(), line);
        assert_eq!(serde_json::from_str::<Record>(line).unwrap(), record);
    }
}
