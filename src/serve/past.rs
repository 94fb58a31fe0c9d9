//! State that a network venue rebuilds from its journal: the streams, and the names and ids that
//! the gateway must recognise.

use super::{ServeError, at};
use crate::config::Config;
use ringside_core::merge::Subscriber;
use ringside_core::recovery::restart::Checkpoint;
use ringside_core::recovery::snapshotter::{SnapshotThread, SyncStreams};
use ringside_core::registry::directory::Directory;
use ringside_core::streams::{self, Committed, MarketEnd, Projections, SessionStates, Store};
use ringside_core::venue::{self, Recover, Standby};
use ringside_journal::{Cut, Identity, JournalError, Lock, LogPlace, Reader};
use ringside_model::command::{Action, Command, OperatorCommand};
use ringside_model::domain::{MoveStep, SymbolId};
use ringside_model::frame::Frame;
use ringside_model::report::{Body, Moved, Published, SymbolMoved};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Recovers the journal and the streams in the config's folder, or prepares empty ones.
pub(super) fn recover(config: &Config) -> Result<Standby<Past>, ServeError> {
    let dir = &config.journal.dir;
    // The streams lie beside the journal: no other process may write there, and the streams of
    // another venue's journal must not be touched.
    let options = config.journal_options(dir)?;
    let lock = Lock::take(dir)?;
    let identity = venue::identity(config.matching_hash());
    refuse_mismatch(dir, identity)?;
    let of_streams = [identity.semantics.into(), identity.config_hash];
    let streams_max = config.gateway.sessions_max as u32;
    let store =
        Store::open(&streams::Options { streams_max, ..streams::Options::new(dir, of_streams) })?;
    let states = SessionStates::new(config.gateway.sessions_max);
    let directory = Directory::new();
    let past = Past {
        projections: Projections::new(store, states, directory.names().share()),
        directory,
        away: BTreeMap::new(),
        committed: Arc::default(),
    };
    Ok(Standby::recover(lock, options, config.shape(), past)?)
}

/// Cuts the journal of the config's folder behind a place in it. Returns the cut, if anything was
/// cut.
pub(super) fn cut_behind(config: &Config, place: &LogPlace) -> Result<Option<Cut>, ServeError> {
    let dir = &config.journal.dir;
    let (options, lock) = (config.journal_options(dir)?, Lock::take(dir)?);
    Ok(ringside_journal::cut_behind(&options, &lock, place)?)
}

/// Starts the thread that takes snapshots of a venue's journal, if the config asks for snapshots.
pub(super) fn take_snapshots(
    config: &Config,
    standby: &Standby<Past>,
) -> Result<Option<SnapshotThread>, ServeError> {
    let syncer = standby.told().projections.encoder.sink().syncer();
    // A snapshot is valid only when the streams up to it are on the device, too.
    let sync_streams: SyncStreams =
        Box::new(move || syncer.sync().map_err(|error| error.to_string()));
    let take = |policy| standby.take_snapshots(policy, config.sizes(), Some(sync_streams));
    let taken = config.snapshots().map(take).transpose();
    taken.map_err(at("cannot start a thread".into()))
}

/// Returns an error if the journal in a folder is from another venue or version.
fn refuse_mismatch(dir: &Path, identity: Identity) -> Result<(), JournalError> {
    match ringside_journal::exists(dir)?.then(|| Reader::open(dir, identity)) {
        Some(Err(error @ (JournalError::Format { .. } | JournalError::Mismatch { .. }))) => {
            Err(error)
        }
        // Other faults of the journal are reported by the recovery.
        _ => Ok(()),
    }
}

/// Subscriber of the replay at a restart.
pub(super) struct Past {
    /// Session states, exposure and streams; they go on after the restart.
    pub projections: Projections<Store>,
    /// Names and ids for the gateway.
    pub directory: Directory,
    /// Symbols that are not traded here, with the last move step of each.
    pub away: BTreeMap<SymbolId, Moved>,
    /// End of the market data that may be published while this node does not lead.
    pub committed: Arc<Committed<MarketEnd>>,
}

impl Past {
    /// Forgets the changes of trades that the venue does not know any more. A standby may follow
    /// for years.
    fn forget_old_trades(&mut self) {
        if let Some(oldest) = self.projections.exposure().exposures().oldest_trade() {
            self.directory.forget_trades_before(oldest);
        }
    }

    fn moved(&mut self, symbol: SymbolId, moved: Moved) {
        match moved.step {
            MoveStep::Export => {}
            MoveStep::Resume => _ = self.away.remove(&symbol),
            MoveStep::Halt | MoveStep::Import | MoveStep::Release => {
                self.away.insert(symbol, moved);
            }
        }
    }
}

impl Subscriber for Past {
    const COMMANDS: bool = true;

    fn command(&mut self, frame: &Frame) {
        if let Some(command) = Command::decode(frame) {
            self.directory.observe(&command);
        }
        self.projections.command(frame);
    }

    fn report(&mut self, published: &Published) {
        let report = &published.report;
        match report.body() {
            Body::SymbolMoved(SymbolMoved { moved, .. }) => self.moved(report.symbol, moved),
            Body::Broken(_) | Body::Corrected(_) => self.forget_old_trades(),
            _ => {}
        }
        self.projections.report(published);
    }

    fn end_command(&mut self) {
        self.projections.end_command();
    }

    fn end_batch(&mut self) {
        self.projections.end_batch();
        self.projections.encoder.note(&self.committed);
    }
}

impl Recover for Past {
    /// A snapshot is usable only if the stream files contain everything that precedes it.
    fn accepts(&mut self, at: &Checkpoint) -> Result<(), String> {
        let store = self.projections.encoder.sink_mut();
        store.resume(&at.streams.positions, at.place.seqno).map_err(|error| error.to_string())
    }

    fn resume(&mut self, at: Option<&Checkpoint>) -> Result<(), String> {
        match at {
            None => self.projections.encoder.sink_mut().clear().map_err(|error| error.to_string()),
            Some(at) => {
                self.directory.resume(&at.definitions, at.used_ids.clone());
                for command in &at.definitions {
                    if let Action::Operator(OperatorCommand::MoveSymbol(asked)) = command.action {
                        self.moved(command.symbol, asked.moved());
                    }
                }
                at.rules.commands().iter().for_each(|command| self.directory.observe(command));
                self.projections.resume(&at.definitions, &at.streams, &at.exposure);
                Ok(())
            }
        }
    }
}
