//! `ringside standby`: has what a venue has, and takes its place when it is told to.

use super::exec::tell_restart;
use super::serve::lead;
use super::{CliError, stop_on_signals};
use crate::config::Config;
use crate::pipeline::Control;
use crate::serve::Network;
use crate::serve::standby::{Orders, follow};
use clap::Args;
use signal_hook::consts::SIGUSR1;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

/// Arguments of `standby`.
#[derive(Args)]
pub struct StandbyArgs {
    /// Where the venue that leads listens for standbys (its replication.listen).
    #[arg(long, value_name = "ADDRESS")]
    leader: SocketAddr,
}

pub fn run(args: &StandbyArgs, config: &Config) -> Result<(), CliError> {
    if config.journal.dir.as_os_str().is_empty() {
        let what = "a standby needs a journal: give --journal DIR or set journal.dir in the config";
        return Err(CliError::Config(what.into()));
    }
    config.check()?;
    let say = |what: String| eprintln!("ringside: {what}");
    let control = Control::default();
    let orders = Orders { stop: control.stop.clone(), ..Orders::default() };
    stop_on_signals(&control.stop)?;
    signal_hook::flag::register(SIGUSR1, orders.lead.clone())
        .map_err(|error| CliError::Failure(format!("cannot listen to SIGUSR1: {error}")))?;
    let standby = follow(config, args.leader, &orders, tell_restart, say)?;
    if orders.stop.load(Ordering::Relaxed) {
        let seqno = standby.place().seqno;
        standby.close()?;
        say(format!("seqno {seqno} is stored"));
        return Ok(());
    }
    say(format!("leading behind seqno {}", standby.place().seqno));
    let network = Network::lead(config, standby, say)?;
    lead(config, network, &control)
}
