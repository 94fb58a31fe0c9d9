//! `ringside serve`: runs a venue on the network. The first start, a restart and the start after a
//! crash are the same command.

use super::exec::tell_restart;
use super::{CliError, hex, stop_on_signals};
use crate::config::Config;
use crate::serve::{LiveVenue, ServeError, node};
use clap::Args;
use ringside_cluster::node::NodeError;
use ringside_core::pipeline::Control;
use ringside_core::venue::StandbyError;
use std::path::PathBuf;

/// Arguments of `serve`.
#[derive(Args)]
pub(super) struct ServeArgs {
    /// Address on which sessions connect [gateway.listen].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<std::net::SocketAddr>,
    /// Also write every market data message to this file [feed.itch_file].
    #[arg(long, value_name = "FILE")]
    itch_file: Option<PathBuf>,
}

pub(super) fn run(args: &ServeArgs, mut config: Config) -> Result<(), CliError> {
    if let Some(listen) = args.listen {
        config.gateway.listen = listen;
    }
    if let Some(file) = &args.itch_file {
        config.feed.itch_file.clone_from(file);
    }
    if config.journal.dir.as_os_str().is_empty() {
        let what = "a venue needs a journal: give --journal DIR or set journal.dir in the config";
        return Err(CliError::Config(what.into()));
    }
    config.check()?;
    let control = Control::default();
    stop_on_signals(&control.stop)?;
    if config.cluster.node().is_some() {
        let announce = |live: &LiveVenue| announce(&config, live);
        node::run(&config, &control.stop, tell_restart, announce, say)?;
        return Ok(());
    }
    let live = LiveVenue::open(&config, say)?;
    announce(&config, &live);
    if let Some((probe, _)) = live.run(&control)? {
        say(format!(
            "seqno {}, {} reports, state {}, output {}",
            probe.seqno,
            probe.reports,
            hex(probe.state),
            hex(probe.output)
        ));
    }
    Ok(())
}

fn say(what: String) {
    eprintln!("ringside: {what}");
}

/// Prints the addresses of all servers and lines.
fn announce(config: &Config, live: &LiveVenue) {
    say(format!("journal: {}", config.journal.dir.display()));
    if let Ok(durability) = config.durability() {
        say(durability.banner().to_string());
    }
    tell_restart(&live.restart);
    live.notes.iter().for_each(|note| say(note.clone()));
    say(format!("threads: {}", live.plan()));
    if config.gateway.passwords.as_os_str().is_empty() {
        say("every user's password is `ringside`; only this machine can connect. For others set gateway.passwords"
            .into());
    }
    say(format!("session {}", live.session));
    for (what, address) in &live.addresses {
        say(format!("{address:22} {what}"));
    }
    say("ready".into());
}

impl From<ServeError> for CliError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Config(error) => error.into(),
            ServeError::Replay(error) => error.into(),
            ServeError::Journal(error) => error.into(),
            ServeError::Node(NodeError::Journal(error)) => error.into(),
            ServeError::Node(NodeError::Standby(StandbyError::Journal(error))) => error.into(),
            ServeError::Node(NodeError::Standby(StandbyError::Replay(error))) => error.into(),
            ServeError::Accounts(error) => CliError::Config(error.to_string()),
            ServeError::Node(_)
            | ServeError::Cluster(_)
            | ServeError::Gateway(_)
            | ServeError::Store(_)
            | ServeError::Io { .. } => CliError::Failure(error.to_string()),
        }
    }
}
