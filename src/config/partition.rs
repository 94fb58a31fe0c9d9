//! Configuration of a partition: the part of a venue that trades some of its symbols.

use super::{ClusterSection, ConfigError};
use ringside_model::domain::PartitionId;
use serde::{Deserialize, Serialize};

/// Section `[partition]`: this partition among those of the venue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartitionSection {
    /// Number of this partition. All nodes of the partition have the same number; it is unique in
    /// the venue.
    pub id: u16,
    /// Numbers of all partitions; empty: the venue has one partition, which trades every symbol.
    pub ids: Vec<u16>,
    /// Order entry addresses of this partition's nodes, as clients receive them.
    pub addresses: Vec<String>,
    /// Keeper of the table of symbols; empty: the keeper of the cluster record. Required if that
    /// keeper is a file, because each partition has a record file of its own.
    pub table: String,
}

impl PartitionSection {
    const ID_MAX: u16 = 999;

    /// Returns true if the venue has several partitions.
    pub fn is_given(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Returns the number of this partition.
    pub fn here(&self) -> PartitionId {
        PartitionId(self.id)
    }

    /// Returns the keeper of the table of symbols.
    pub fn table<'a>(&'a self, cluster: &'a ClusterSection) -> &'a str {
        if self.table.is_empty() { &cluster.coordinator } else { &self.table }
    }

    /// Checks the values of the section.
    pub(super) fn check(&self, cluster: &ClusterSection) -> Result<(), ConfigError> {
        let fail =
            |key: &str, what: &str| Err(ConfigError(format!("config: partition.{key}: {what}")));
        if !self.is_given() {
            return match self.id {
                0 => Ok(()),
                _ => fail("ids", "is missing: name all partitions, this one among them"),
            };
        }
        if self.ids.iter().any(|id| *id > Self::ID_MAX) {
            // The number, a dash and an order's number must fit in the 14 letters of a client's
            // text.
            return fail("ids", &format!("a number is at most {}", Self::ID_MAX));
        }
        if !self.ids.contains(&self.id) {
            return fail("ids", "does not have partition.id");
        }
        if cluster.node().is_none() {
            return fail("ids", "a partition is a cluster, of one node at least: set cluster.node");
        }
        if self.table(cluster).starts_with("file:") && self.table.is_empty() {
            return fail(
                "table",
                "is missing: cluster.coordinator is a file of this partition alone",
            );
        }
        Ok(())
    }
}
