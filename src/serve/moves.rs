//! Beside a partition that leads: what the table of instruments asks for is done.

use super::node::Say;
use super::{Network, ServeError, at};
use crate::config::Config;
use ringside_cluster::membership::Keeper;
use ringside_cluster::partition::{Keepers, Mover, Operator};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two looks at the table.
const LOOK: Duration = Duration::from_millis(200);
/// What fails again and again is tried again after this time at most: each attempt may leave commands in the journal.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Runs as long as it is not dropped, and then no longer than for the step that it is in: nobody waits for it.
pub struct Moves {
    stop: Arc<AtomicBool>,
}

impl Moves {
    /// Starts if the config is that of a partition.
    pub fn start(
        config: &Config,
        network: &Network,
        mut say: impl Say,
    ) -> Result<Option<Moves>, ServeError> {
        let section = &config.partition;
        let Some(port) = network.operators_port().filter(|_| section.is_given()) else {
            return Ok(None);
        };
        let keepers = keepers(config)?;
        let connect = move || Operator::connect(port);
        let here = network.here.clone();
        let mut mover =
            Mover::new(section.here(), &section.ids, &section.addresses, here, keepers, connect);
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
                        done.into_iter().for_each(&mut say);
                        continue;
                    }
                    // Whatever it is, it is tried again, and said once.
                    Err(error) => {
                        let error = error.to_string();
                        if error != said && !stops.load(Ordering::Relaxed) {
                            say(error.clone());
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

/// Who keeps the table of instruments that a config names.
pub fn keepers(config: &Config) -> Result<Keepers, ServeError> {
    let keeper = Keeper::parse(config.partition.table(&config.cluster));
    let keeper =
        keeper.map_err(|why| ServeError::Cluster(format!("config: partition.table: {why}")))?;
    Ok(Keepers::new(keeper, &config.venue.name))
}
