//! One of the instances that share the instruments of a venue.

use super::{ClusterSection, ConfigError};
use ringside_model::domain::PartitionId;
use serde::{Deserialize, Serialize};

/// `[partition]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartitionSection {
    /// The number of this one. All its nodes have the same, no other instance has it.
    pub id: u16,
    /// The numbers of all of them; none: the venue is one instance, which trades everything.
    pub ids: Vec<u16>,
    /// Where clients find this one: the order entry addresses of its nodes, as they are told to clients.
    pub addresses: Vec<String>,
    /// Who keeps the table of instruments; empty: who keeps the record of the cluster. It must be said if that is a file,
    /// because each partition has a file of its own for its record.
    pub table: String,
}

impl PartitionSection {
    const ID_MAX: u16 = 999;

    /// Whether this is one of several.
    pub fn is_given(&self) -> bool {
        !self.ids.is_empty()
    }

    /// This one.
    pub fn here(&self) -> PartitionId {
        PartitionId(self.id)
    }

    /// Who keeps the table of instruments.
    pub fn table<'a>(&'a self, cluster: &'a ClusterSection) -> &'a str {
        if self.table.is_empty() { &cluster.coordinator } else { &self.table }
    }

    /// Checks every value.
    pub(super) fn check(
        &self,
        cluster: &ClusterSection,
        has_admin: bool,
    ) -> Result<(), ConfigError> {
        let fail =
            |key: &str, what: &str| Err(ConfigError(format!("config: partition.{key}: {what}")));
        if !self.is_given() {
            return match self.id {
                0 => Ok(()),
                _ => fail("ids", "is missing: name all partitions, this one among them"),
            };
        }
        if self.ids.iter().any(|id| *id > Self::ID_MAX) {
            // With a dash and an order's number it must fit in the 14 letters of a client's text.
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
        if !has_admin {
            return fail("ids", "instruments are moved over the operator port: set gateway.admin");
        }
        Ok(())
    }
}
