//! Configuration of a node of a cluster.

use super::ConfigError;
use ringside_cluster::membership::{Address, NodeName};
use ringside_cluster::replication::wire::NAME_BYTES_MAX;
use ringside_model::durability::Durability;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Section `[cluster]`: this node and the coordinator of its cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterSection {
    /// Name of this node; empty: the venue is a single machine without a cluster.
    pub node: String,
    /// Address on which this node listens for other nodes.
    pub listen: SocketAddr,
    /// Keeper of the cluster record (leader, voters, nodes): the endpoints of etcd
    /// (`http://HOST:PORT`, several separated by commas), or a file for nodes on one machine
    /// (`file:PATH`).
    pub coordinator: String,
    /// Nodes of a new cluster, this node included. Later the record holds them.
    pub nodes: Vec<Address>,
}

impl Default for ClusterSection {
    fn default() -> Self {
        ClusterSection {
            node: String::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 26500)),
            coordinator: "http://127.0.0.1:2379".into(),
            nodes: vec![],
        }
    }
}

impl ClusterSection {
    /// Returns the name of this node; `None` without a cluster.
    pub fn node(&self) -> Option<NodeName> {
        (!self.node.is_empty()).then(|| NodeName(self.node.clone()))
    }

    /// Checks the values of the section.
    pub(super) fn check(&self, durability: Durability) -> Result<(), ConfigError> {
        let fail =
            |key: &str, what: String| Err(ConfigError(format!("config: cluster.{key}: {what}")));
        if self.node.is_empty() {
            return Ok(());
        }
        let names = self.nodes.iter().map(|place| &place.node.0);
        for name in names.clone().chain([&self.node]) {
            let fits =
                name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
            if name.is_empty() || name.len() > NAME_BYTES_MAX || !fits {
                let what = format!(
                    "{name:?} is not 1 to {NAME_BYTES_MAX} letters, digits, '-', '.' or '_'"
                );
                return fail("node", what);
            }
        }
        if let Some(twice) =
            names.clone().find(|name| names.clone().filter(|n| n == name).count() > 1)
        {
            return fail(
                "nodes",
                format!("{twice} is there twice; give each node a name of its own"),
            );
        }
        if durability == Durability::Volatile {
            let what = "a cluster needs journal.durability pagecache or fsync: under volatile no \
                        command waits for other nodes";
            return fail("node", what.into());
        }
        Ok(())
    }
}
