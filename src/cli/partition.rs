//! `ringside symbols` and `ringside move-symbol`: show and change the partition of each symbol.
//! Both commands talk to the keeper of the table, never to a node; the partitions then do what the
//! table asks for.

use super::CliError;
use crate::cli::output::outln;
use crate::config::Config;
use crate::serve::moves::keepers;
use clap::Args;
use ringside_cluster::membership::{Revision, Swapped, Unavailable};
use ringside_cluster::partition::{Keepers, Placement, SymbolTable};
use ringside_model::domain::PartitionId;
use std::time::{Duration, Instant};

/// Time limit of the keeper of the table. A keeper may fail for a moment: under load, others may
/// have the lock of a file for longer than one request waits for it.
const KEEPER_TIME_MAX: Duration = Duration::from_secs(10);
/// Pause between two requests to the keeper.
const LOOK: Duration = Duration::from_millis(50);

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
    let (_, table) = read(&mut open(config)?, KEEPER_TIME_MAX)?;
    outln!("{}", serde_json::to_string_pretty(&table).expect("it can be written"))?;
    Ok(())
}

/// Moves a symbol to another partition.
pub(super) fn move_symbol(args: &MoveSymbolArgs, config: &Config) -> Result<(), CliError> {
    let mut keepers = open(config)?;
    let MoveSymbolArgs { symbol, partition, timeout_seconds } = args;
    enter(&mut keepers, symbol, *partition, KEEPER_TIME_MAX)?;
    let began = Instant::now();
    let patience = Duration::from_secs_f64(timeout_seconds.clamp(0.0, 86_400.0));
    while began.elapsed() < patience {
        let (_, table) = read(&mut keepers, KEEPER_TIME_MAX)?;
        let place = table.symbols.get(symbol).filter(|place| place.moving.is_none());
        if let Some(place) = place.filter(|place| place.partition == *partition) {
            outln!("{symbol} is at partition {partition} since version {}", place.version)?;
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
        let what = "config: partition.ids is not set, so the venue has one partition, which trades \
                    every symbol; set it to the numbers of all partitions";
        return Err(CliError::Failure(what.into()));
    }
    Ok(keepers(config)?)
}

/// Enters a move into the table, unless the table has the move already. A change whose outcome the
/// keeper does not know may have succeeded, so the table is read again.
fn enter(
    keepers: &mut Keepers,
    symbol: &str,
    partition: u16,
    patience: Duration,
) -> Result<(), CliError> {
    let began = Instant::now();
    loop {
        let (revision, table) = read(keepers, patience)?;
        let end = |place: &Placement| place.moving.as_ref().map_or(place.partition, |to| to.to);
        if table.symbols.get(symbol).map(end) == Some(partition) {
            return Ok(());
        }
        let mut wanted = table
            .changed()
            .map_err(|error| CliError::Failure(format!("the table of symbols: {error}")))?;
        wanted.ask(symbol, PartitionId(partition)).map_err(CliError::Failure)?;
        match keepers.table.swap(Some(revision), &wanted) {
            Ok(Swapped::Done(_)) => return Ok(()),
            Ok(Swapped::Conflict) => {}
            Err(_) if began.elapsed() < patience => std::thread::sleep(LOOK),
            Err(error) => {
                let why = unanswered(&error);
                return Err(CliError::Failure(format!(
                    "{why}; it is not known whether the table has changed"
                )));
            }
        }
    }
}

fn read(keepers: &mut Keepers, patience: Duration) -> Result<(Revision, SymbolTable), CliError> {
    let began = Instant::now();
    loop {
        match keepers.table.read() {
            Ok(found) => {
                let none = || CliError::Failure("there is no table yet: no partition leads".into());
                return found.ok_or_else(none);
            }
            Err(_) if began.elapsed() < patience => std::thread::sleep(LOOK),
            Err(error) => return Err(CliError::Failure(unanswered(&error))),
        }
    }
}

/// Returns the message about a keeper that failed for the whole time limit.
fn unanswered(error: &Unavailable) -> String {
    format!(
        "the table of symbols: {error}; check that its keeper runs, and that no process that has \
         its lock is stopped, and ask again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringside_cluster::membership::{Coordinator, InMemory, Versioned};

    /// Keeper of a table that fails at first. A change that fails has taken place if `late` is
    /// true.
    struct Failing {
        table: InMemory<SymbolTable>,
        reads: u32,
        swaps: u32,
        late: bool,
    }

    fn fails(times: &mut u32) -> Result<(), Unavailable> {
        let fails = *times > 0;
        *times = times.saturating_sub(1);
        if fails { Err(Unavailable("somebody else keeps the lock".into())) } else { Ok(()) }
    }

    impl Coordinator<SymbolTable> for Failing {
        fn read(&mut self) -> Result<Option<Versioned<SymbolTable>>, Unavailable> {
            fails(&mut self.reads)?;
            self.table.read()
        }

        fn swap(
            &mut self,
            expected: Option<Revision>,
            table: &SymbolTable,
        ) -> Result<Swapped, Unavailable> {
            if self.swaps > 0 && self.late {
                self.table.swap(expected, table)?;
            }
            fails(&mut self.swaps)?;
            self.table.swap(expected, table)
        }
    }

    /// Enters the move of the symbol A from partition 1 to 2; returns the version of the table.
    fn entered(reads: u32, swaps: u32, late: bool, patience: Duration) -> Result<u32, String> {
        let mut table = InMemory::default();
        let place = Placement { partition: 1, version: 1, moving: None };
        let (partitions, symbols) =
            ([(1, vec![]), (2, vec![])].into(), [("A".into(), place)].into());
        table.swap(None, &SymbolTable { version: 1, partitions, symbols }).unwrap();
        let failing = Failing { table: table.clone(), reads, swaps, late };
        let pieces =
            Box::new(|_: &str| -> Box<dyn Coordinator<_>> { Box::new(InMemory::default()) });
        let mut keepers = Keepers { table: Box::new(failing), pieces };
        enter(&mut keepers, "A", 2, patience).map_err(|error| error.to_string())?;
        let (_, table) = table.read().unwrap().unwrap();
        assert_eq!(table.symbols["A"].moving.as_ref().unwrap().to, 2);
        Ok(table.version)
    }

    #[test]
    fn a_keeper_that_fails_for_a_moment_is_asked_again() {
        assert_eq!(entered(2, 0, false, KEEPER_TIME_MAX), Ok(2));
        assert_eq!(entered(0, 2, false, KEEPER_TIME_MAX), Ok(2));
        assert_eq!(entered(0, 1, true, KEEPER_TIME_MAX), Ok(2), "the change took place once");
    }

    #[test]
    fn a_keeper_that_fails_for_long_is_an_error_that_says_what_to_do() {
        let error = entered(1, 0, false, Duration::ZERO).unwrap_err();
        assert!(error.contains("keeps the lock; check that its keeper runs"), "{error}");
        let error = entered(0, 1, false, Duration::ZERO).unwrap_err();
        assert!(error.ends_with("it is not known whether the table has changed"), "{error}");
    }
}
