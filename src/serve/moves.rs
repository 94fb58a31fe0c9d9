//! Thread beside a leading partition that carries out the moves in the table of symbols.

use super::{LiveVenue, ServeError, at};
use crate::config::Config;
use ringside_cluster::membership::Keeper;
use ringside_cluster::partition::{Keepers, Mover};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time between two reads of the table.
const LOOK: Duration = Duration::from_millis(200);
/// Longest pause before a failed step is tried again. The pause grows because each attempt may
/// leave commands in the journal.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Handle of the thread, which runs until the handle is dropped and then finishes only its present
/// step. Nobody waits for its end.
pub struct Moves {
    stop: Arc<AtomicBool>,
}

impl Moves {
    /// Starts the thread if the config is that of a partition.
    pub fn start(config: &Config, live: &LiveVenue) -> Result<Option<Moves>, ServeError> {
        let section = &config.partition;
        if !section.is_given() {
            return Ok(None);
        }
        let keepers = keepers(config)?;
        let opener = live.desk.opener();
        let open = move || opener.open();
        let here = live.here.clone();
        let mut mover =
            Mover::new(section.here(), &section.ids, &section.addresses, here, keepers, open);
        let stop = Arc::new(AtomicBool::new(false));
        let stops = stop.clone();
        let run = move || {
            let (mut said, mut pause) = (String::new(), LOOK);
            while !stops.load(Ordering::Relaxed) {
                match mover.turn() {
                    Ok(done) if done.is_empty() => {
                        said.clear();
                        pause = LOOK;
                    }
                    Ok(done) => {
                        done.iter().for_each(|what| tracing::info!(event = "move", "{what}"));
                        continue;
                    }
                    // Every error leads to another attempt; an error is printed once.
                    Err(error) => {
                        let error = error.to_string();
                        if error != said && !stops.load(Ordering::Relaxed) {
                            tracing::warn!(event = "move_failed", "{error}");
                        }
                        said = error;
                        pause = RETRY_MAX.min(2 * pause);
                    }
                }
                std::thread::sleep(pause);
            }
        };
        let thread = std::thread::Builder::new().name("moves".into()).spawn(run);
        thread.map_err(at("cannot start a thread".into()))?;
        Ok(Some(Moves { stop }))
    }
}

impl Drop for Moves {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Returns the keeper of the table of symbols that a config names.
pub fn keepers(config: &Config) -> Result<Keepers, ServeError> {
    let keeper = Keeper::parse(config.partition.table(&config.cluster));
    let keeper =
        keeper.map_err(|why| ServeError::Cluster(format!("config: partition.table: {why}")))?;
    Ok(Keepers::new(keeper, &config.venue.name))
}
