//! `ringside serve`: a venue on the network. The first start, the next one and the one after a crash are the same
//! command.

use super::exec::tell_restart;
use super::{CliError, hex, stop_on_signals};
use crate::config::Config;
use crate::pipeline::Control;
use crate::serve::{Network, ServeError};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `serve`.
#[derive(Args)]
pub struct ServeArgs {
    /// Where sessions connect [gateway.listen].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<std::net::SocketAddr>,
    /// Write every market data message to this file, too [feed.itch_file].
    #[arg(long, value_name = "FILE")]
    itch_file: Option<PathBuf>,
}

pub fn run(args: &ServeArgs, mut config: Config) -> Result<(), CliError> {
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
    let network = Network::open(&config, |what| eprintln!("ringside: {what}"))?;
    eprintln!("ringside: journal: {}", config.journal.dir.display());
    eprintln!("ringside: {}", config.durability()?.banner());
    tell_restart(&network.restart);
    network.notes.iter().for_each(|note| eprintln!("ringside: {note}"));
    eprintln!("ringside: threads: {}", network.plan());
    if config.gateway.passwords.as_os_str().is_empty() {
        eprintln!(
            "ringside: every user's password is `ringside`; only this machine can connect. For others set \
             gateway.passwords"
        );
    }
    eprintln!("ringside: session {}", network.session);
    for (what, address) in &network.addresses {
        eprintln!("ringside: {address:22} {what}");
    }
    eprintln!("ringside: ready");
    let probe = network.run(&control)?;
    eprintln!(
        "ringside: seqno {}, {} reports, state {}, output {}",
        probe.seqno,
        probe.reports,
        hex(probe.state),
        hex(probe.output)
    );
    Ok(())
}

impl From<ServeError> for CliError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Config(error) => error.into(),
            ServeError::Replay(error) => error.into(),
            ServeError::Journal(error) => error.into(),
            ServeError::Accounts(error) => CliError::Config(error.to_string()),
            ServeError::Gateway(_) | ServeError::Store(_) | ServeError::Io { .. } => {
                CliError::Failure(error.to_string())
            }
        }
    }
}
