//! `ringside cluster` and `ringside handover`: show and change leader, voters and nodes. Both
//! commands talk to the coordinator, never to a node; the leader then does what the record asks
//! for.

use super::CliError;
use crate::cli::output::outln;
use crate::config::Config;
use crate::serve::node::coordinator;
use clap::{Args, Subcommand};
use ringside_cluster::membership::{Address, Coordinator, NodeName, Record, Swapped};
use std::time::{Duration, Instant};

#[derive(Subcommand)]
pub(super) enum ClusterCommand {
    /// Print the record: epoch, leader, voters, nodes.
    Status,
    /// Add a node to the cluster, or change the address of a node. A new node counts once it has
    /// the whole journal.
    Add {
        /// Name of the node (its cluster.node).
        node: String,
        /// Address on which the node listens for other nodes (its cluster.listen), HOST:PORT.
        address: String,
    },
    /// Remove a node from the cluster. The leader cannot be removed: hand over first.
    Remove {
        /// Name of the node.
        node: String,
    },
}

/// Arguments of `handover`.
#[derive(Args)]
pub(super) struct HandoverArgs {
    /// Name of the node that is to lead.
    node: String,
    /// Seconds to wait for the handover; after that the request is withdrawn.
    #[arg(long, default_value_t = 10.0, value_name = "S")]
    timeout_seconds: f64,
}

pub(super) fn run(command: ClusterCommand, config: &Config) -> Result<(), CliError> {
    let mut coordinator = coordinator(config)?;
    match command {
        ClusterCommand::Status => {
            let record = read(&mut *coordinator)?;
            outln!("{}", serde_json::to_string_pretty(&record).expect("it can be written"))?;
            Ok(())
        }
        ClusterCommand::Add { node, address } => change(&mut *coordinator, |record| {
            record.nodes.retain(|known| known.node.0 != node);
            record.nodes.push(Address { node: NodeName(node.clone()), address: address.clone() });
            Ok(())
        }),
        ClusterCommand::Remove { node } => change(&mut *coordinator, |record| {
            if record.leader.0 == node {
                return Err(CliError::Failure(format!("{node} leads: hand over first")));
            }
            known(record, &node)?;
            record.nodes.retain(|known| known.node.0 != node);
            Ok(())
        }),
    }
}

pub(super) fn hand_over(args: &HandoverArgs, config: &Config) -> Result<(), CliError> {
    const LOOK: Duration = Duration::from_millis(50);
    let mut coordinator = coordinator(config)?;
    let to = NodeName(args.node.clone());
    change(&mut *coordinator, |record| {
        known(record, &args.node)?;
        record.handover = (record.leader != to).then(|| to.clone());
        Ok(())
    })?;
    let until = Instant::now() + Duration::from_secs_f64(args.timeout_seconds.clamp(0.0, 86_400.0));
    while Instant::now() < until {
        let record = read(&mut *coordinator)?;
        if record.leader == to {
            outln!("{to} leads in epoch {}", record.epoch)?;
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    change(&mut *coordinator, |record| {
        record.handover = None;
        Ok(())
    })?;
    let what =
        format!("{to} does not lead: it must be a voter that follows (ringside cluster status)");
    Err(CliError::Failure(what))
}

fn known(record: &Record, node: &str) -> Result<(), CliError> {
    let is_known = record.nodes.iter().any(|known| known.node.0 == node);
    is_known
        .then_some(())
        .ok_or_else(|| CliError::Failure(format!("{node} is no node of this cluster")))
}

fn read(coordinator: &mut dyn Coordinator) -> Result<Record, CliError> {
    let found = coordinator.read().map_err(|error| CliError::Failure(error.to_string()))?;
    Ok(found.ok_or_else(none)?.1)
}

fn none() -> CliError {
    CliError::Failure("there is no record yet: no node has been started".into())
}

/// Changes the record; repeats the change if somebody else has changed the record meanwhile.
fn change(
    coordinator: &mut dyn Coordinator,
    mut change: impl FnMut(&mut Record) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let failed = |error: ringside_cluster::membership::Unavailable| {
        CliError::Failure(format!("{error}: it is not known whether the record has changed"))
    };
    loop {
        let (revision, mut record) = coordinator.read().map_err(failed)?.ok_or_else(none)?;
        change(&mut record)?;
        if let Swapped::Done(_) = coordinator.swap(Some(revision), &record).map_err(failed)? {
            return Ok(());
        }
    }
}
