//! `ringside serve`: runs a venue on the network. The first start, a restart and the start after a
//! crash are the same command.

use super::exec::tell_restart;
use super::{CliError, hex, signals};
use crate::config::{Config, LogSection};
use crate::log;
use crate::serve::{LiveVenue, ServeError, node, passwords};
use clap::Args;
use ringside_cluster::node::NodeError;
use ringside_core::pipeline::Control;
use ringside_core::venue::StandbyError;
use ringside_edge::gateway::accounts::Passwords;
use signal_hook::iterator::Signals;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `serve`.
#[derive(Args)]
pub(super) struct ServeArgs {
    /// Address on which sessions connect [gateway.listen].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<std::net::SocketAddr>,
    /// Also write every market data message to this file [feed.itch_file].
    #[arg(long, value_name = "FILE")]
    itch_file: Option<PathBuf>,
    /// Append the log to this file instead of writing it to standard error [log.file].
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Take the clock of this machine as it is, however far it is from the last command.
    #[arg(long)]
    accept_clock: bool,
}

/// Runs a venue with a config. `load` reads the config again. `signals` are the hangups so far.
pub(super) fn run(
    args: &ServeArgs,
    mut config: Config,
    load: impl Fn() -> Result<Config, CliError> + Send + 'static,
    signals: Signals,
) -> Result<(), CliError> {
    let log_file = args.log.clone();
    let again = move || {
        let mut log = load()?.log;
        log.file = log_file.clone().unwrap_or(log.file);
        Ok(log)
    };
    if let Some(listen) = args.listen {
        config.gateway.listen = listen;
    }
    if let Some(file) = &args.itch_file {
        config.feed.itch_file.clone_from(file);
    }
    if let Some(file) = &args.log {
        config.log.file.clone_from(file);
    }
    config.clock.is_accepted = args.accept_clock;
    if config.journal.dir.as_os_str().is_empty() {
        let what = "a venue needs a journal: give --journal DIR or set journal.dir in the config";
        return Err(CliError::Config(what.into()));
    }
    config.check()?;
    log::start(&config.log)?;
    let passwords = passwords(&config)?;
    let control = Control::default();
    let (file, kept) = (config.gateway.passwords.clone(), passwords.clone());
    signals::handle(signals, Arc::clone(&control.stop), move || reread(&again, &file, &kept))?;
    if config.cluster.node().is_some() {
        let announce = |live: &LiveVenue| announce(&config, live);
        node::run(&config, &passwords, &control.stop, tell_restart, announce)?;
        return Ok(());
    }
    let live = LiveVenue::open(&config, &passwords)?;
    announce(&config, &live);
    if let Some((probe, _)) = live.run(&control)? {
        tracing::info!(
            event = "ended",
            seqno = probe.seqno,
            reports = probe.reports,
            state = hex(probe.state),
            output = hex(probe.output),
            "seqno {}, {} reports, state {}, output {}",
            probe.seqno,
            probe.reports,
            hex(probe.state),
            hex(probe.output)
        );
    }
    Ok(())
}

/// Reads the settings of the log and the passwords again. What cannot be read stays as it was.
fn reread(
    log_section: &impl Fn() -> Result<LogSection, CliError>,
    file: &Path,
    passwords: &Passwords,
) {
    match log_section().and_then(|section| Ok(log::change(&section)?)) {
        Ok(()) => tracing::info!(event = "log_reread", "SIGHUP: the settings of the log are read"),
        Err(error) => tracing::warn!(
            event = "log_reread_failed",
            "SIGHUP: the settings of the log stay as they were: {error}"
        ),
    }
    if file.as_os_str().is_empty() {
        return;
    }
    match passwords.read_again(file) {
        Ok(users) => tracing::info!(
            event = "passwords_reread",
            users,
            "SIGHUP: the passwords of {users} users are read"
        ),
        Err(error) => tracing::warn!(
            event = "passwords_reread_failed",
            "SIGHUP: the passwords stay as they were: {error}"
        ),
    }
}

/// Logs the addresses of all servers and lines.
fn announce(config: &Config, live: &LiveVenue) {
    tracing::info!(event = "journal", "journal: {}", config.journal.dir.display());
    if let Ok(durability) = config.durability() {
        tracing::info!(event = "durability", "{}", durability.banner());
    }
    tell_restart(&live.restart);
    live.notes.iter().for_each(|note| tracing::info!(event = "setup", "{note}"));
    tracing::info!(event = "threads", "threads: {}", live.plan());
    if config.gateway.passwords.as_os_str().is_empty() {
        tracing::warn!(
            event = "one_password",
            "every user's password is `ringside`; only this machine can connect. For others set gateway.passwords"
        );
    }
    tracing::info!(event = "session", "session {}", live.session);
    for (what, address) in &live.addresses {
        tracing::info!(event = "listening", "{address:22} {what}");
    }
    tracing::info!(event = "ready", "ready");
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
            ServeError::Clock(fault) => CliError::Check(fault),
            ServeError::Node(_)
            | ServeError::Cluster(_)
            | ServeError::Gateway(_)
            | ServeError::Store(_)
            | ServeError::Io { .. } => CliError::Failure(error.to_string()),
        }
    }
}
