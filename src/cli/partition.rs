//! `ringside symbols` and `ringside move-symbol`: show and change the partition of each symbol.
//! Both commands talk to the keeper of the table, never to a node; the partitions then do what the
//! table asks for.

use super::CliError;
use crate::config::Config;
use crate::serve::moves::keepers;
use clap::Args;
use ringside_cluster::membership::{Revision, Swapped};
use ringside_cluster::partition::{Keepers, SymbolTable};
use ringside_model::domain::PartitionId;
use std::time::{Duration, Instant};

/// Arguments of `move-symbol`.
#[derive(Args)]
pub(super) struct MoveSymbolArgs {
    /// Symbol to move.
    symbol: String,
    /// Partition that is to trade it. If it is the present partition, a move that is not decided
    /// yet is withdrawn.
    partition: u16,
    /// Seconds to wait until the symbol is traded there; after that the move goes on without being
    /// watched.
    #[arg(long, default_value_t = 30.0, value_name = "S")]
    timeout_seconds: f64,
}

/// Prints the table of symbols.
pub(super) fn print(config: &Config) -> Result<(), CliError> {
    let (_, table) = read(&mut open(config)?)?;
    println!("{}", serde_json::to_string_pretty(&table).expect("it can be written"));
    Ok(())
}

/// Moves a symbol to another partition.
pub(super) fn move_symbol(args: &MoveSymbolArgs, config: &Config) -> Result<(), CliError> {
    const LOOK: Duration = Duration::from_millis(50);
    let mut keepers = open(config)?;
    let MoveSymbolArgs { symbol, partition, timeout_seconds } = args;
    loop {
        let (revision, table) = read(&mut keepers)?;
        let mut wanted = table
            .changed()
            .map_err(|error| CliError::Failure(format!("the table of symbols: {error}")))?;
        wanted.ask(symbol, PartitionId(*partition)).map_err(CliError::Failure)?;
        let swapped = keepers.table.swap(Some(revision), &wanted).map_err(|error| {
            CliError::Failure(format!("{error}: it is not known whether the table has changed"))
        })?;
        if let Swapped::Done(_) = swapped {
            break;
        }
    }
    let began = Instant::now();
    let patience = Duration::from_secs_f64(timeout_seconds.clamp(0.0, 86_400.0));
    while began.elapsed() < patience {
        let (_, table) = read(&mut keepers)?;
        let place = table.symbols.get(symbol).filter(|place| place.moving.is_none());
        if let Some(place) = place.filter(|place| place.partition == *partition) {
            println!("{symbol} is at partition {partition} since version {}", place.version);
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    Err(CliError::Failure(format!(
        "{symbol} is still on its way: ringside symbols says how far; the leaders of both partitions say what they wait for"
    )))
}

fn open(config: &Config) -> Result<Keepers, CliError> {
    if !config.partition.is_given() {
        let what = "config: partition.ids: the venue is one instance, it trades everything";
        return Err(CliError::Failure(what.into()));
    }
    Ok(keepers(config)?)
}

fn read(keepers: &mut Keepers) -> Result<(Revision, SymbolTable), CliError> {
    let found = keepers.table.read().map_err(|error| CliError::Failure(error.to_string()))?;
    found.ok_or_else(|| CliError::Failure("there is no table yet: no partition leads".into()))
}
