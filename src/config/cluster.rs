//! A node of a cluster.

use super::ConfigError;
use ringside_cluster::membership::{Address, NodeName};
use ringside_cluster::replication::wire::NAME_BYTES_MAX;
use ringside_model::durability::Durability;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// `[cluster]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterSection {
    /// The name of this node; empty: the venue is one machine.
    pub node: String,
    /// Where this node listens for the others.
    pub listen: SocketAddr,
    /// Who keeps the record of who leads: the endpoints of etcd (`http://HOST:PORT`, several with commas between), or a
    /// file for nodes on one machine (`file:PATH`).
    pub coordinator: String,
    /// The nodes that a new cluster begins with, this one among them. Later the record has them.
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
    /// The name of this node, if it is one of a cluster.
    pub fn node(&self) -> Option<NodeName> {
        (!self.node.is_empty()).then(|| NodeName(self.node.clone()))
    }

    /// Checks every value.
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
            return fail("nodes", format!("{twice} is there twice"));
        }
        if durability == Durability::Volatile {
            return fail("node", "nobody waits for another node under volatile".into());
        }
        Ok(())
    }
}
