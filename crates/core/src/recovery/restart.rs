//! Beginning of a replay: the newest snapshot that fits the journal, or the first frame. A snapshot
//! that cannot be used is reported and skipped for the one before.

use crate::merge::{ReportMerge, Subscriber};
use crate::recovery::replay::{Replay, Shape};
use crate::recovery::snapshot::{self, Entry};
use crate::registry::exposure::ExposureCounter;
use crate::registry::rules::VenueRules;
use crate::registry::used_ids::UsedIds;
use crate::shard::MatchingShard;
use crate::streams::StreamsImage;
use ringside_engine::Shard;
use ringside_journal::{Identity, JournalError, LogPlace, Reader};
use ringside_model::command::Command;
use ringside_model::domain::SeqNo;
use ringside_model::durability::Durability;
use ringside_model::frame::{EpochStart, HashProbe};
use std::path::Path;

/// Beginning of a replay.
pub struct Start {
    shape: Shape,
    at: Option<Checkpoint>,
    newest_named: SeqNo,
    /// Messages about snapshots that were skipped.
    pub skipped: Vec<String>,
}

/// State of a venue, restored from a snapshot.
pub struct Checkpoint {
    /// Place in the journal at which the replay goes on.
    pub place: LogPlace,
    /// Durability mode in force at that place.
    pub durability: Durability,
    /// Commands that define the symbols, sessions and firms.
    pub definitions: Vec<Command>,
    /// Order ids that the sessions have used.
    pub used_ids: UsedIds,
    /// Venue-wide rules in force at that place.
    pub rules: VenueRules,
    /// Positions of the numbered streams.
    pub streams: StreamsImage,
    /// Open orders, values traded on the day, and trades.
    pub exposure: ExposureCounter,
    epoch: EpochStart,
    probe: HashProbe,
    shards: Vec<MatchingShard>,
}

impl Start {
    /// Returns the start at the first frame of a journal.
    pub fn at_first_frame(shape: Shape) -> Start {
        Start { shape, at: None, newest_named: SeqNo(0), skipped: vec![] }
    }

    /// Returns the start at the newest snapshot in `dir` that is intact, fits the journal beside
    /// it, and is not later than `until`; at the first frame if there is none. `accepts` may reject
    /// a snapshot that passed these checks.
    pub fn at_newest_snapshot(
        dir: &Path,
        identity: Identity,
        shape: Shape,
        until: Option<SeqNo>,
        mut accepts: impl FnMut(&Checkpoint) -> Result<(), String>,
    ) -> Start {
        let listing = snapshot::list(dir, identity);
        let newest_named = listing.entries.first().map_or(SeqNo(0), |newest| newest.seqno);
        let mut skipped = listing.damage;
        for entry in &listing.entries {
            if until.is_some_and(|until| entry.seqno > until) {
                continue;
            }
            let loaded = Checkpoint::load(entry, identity, shape)
                .and_then(|checkpoint| accepts(&checkpoint).map(|()| checkpoint));
            match loaded {
                Ok(checkpoint) => {
                    let start =
                        Start { shape, at: Some(checkpoint), newest_named, skipped: vec![] };
                    match start.reader(dir, identity) {
                        Ok(_) => return Start { skipped, ..start },
                        Err(error) => skipped.push(passed_over(entry, &error)),
                    }
                }
                Err(why) => skipped.push(passed_over(entry, &why)),
            }
        }
        Start { newest_named, skipped, ..Start::at_first_frame(shape) }
    }

    /// Returns the seqno of the newest snapshot that the directory lists, usable or not; zero for
    /// none.
    pub(crate) fn newest_named(&self) -> SeqNo {
        self.newest_named
    }

    /// Returns the restored state if the start is at a snapshot.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.at.as_ref()
    }

    /// Returns a reader of the frames behind the start.
    pub fn reader(&self, dir: &Path, identity: Identity) -> Result<Reader, JournalError> {
        match &self.at {
            None => Reader::open(dir, identity),
            Some(at) => Reader::open_behind(dir, identity, &at.place, Some(at.durability)),
        }
    }

    /// Returns the replay that goes on from this start. The subscriber receives the definitions of
    /// the snapshot.
    pub fn replay<U: Subscriber>(self, mut subscriber: U) -> Replay<U> {
        let Some(mut at) = self.at else { return Replay::new(self.shape, subscriber) };
        let mut order = ReportMerge::resume(self.shape.shards, &at.probe);
        order.begin_epoch(&at.epoch);
        at.shards.iter_mut().for_each(|shard| shard.begin_epoch(&at.epoch));
        at.definitions.iter().for_each(|command| subscriber.definition(command));
        Replay::resume(at.shards, order, subscriber, at.place.seqno, at.place.time)
    }
}

impl Checkpoint {
    fn load(entry: &Entry, identity: Identity, shape: Shape) -> Result<Checkpoint, String> {
        let snapshot = entry.read(identity).map_err(|error| error.to_string())?;
        let restored = snapshot.restore(shape.shards, shape.orders).map_err(|e| e.to_string())?;
        let shard =
            |(index, engine)| MatchingShard::new(Shard { index, count: shape.shards }, engine);
        Ok(Checkpoint {
            place: snapshot.place,
            durability: snapshot.durability,
            epoch: snapshot.epoch_start(),
            probe: snapshot.probe,
            definitions: snapshot.image.definitions,
            used_ids: restored.used_ids,
            rules: snapshot.rules,
            streams: snapshot.streams,
            exposure: restored.exposure,
            shards: (0..).zip(restored.engines).map(shard).collect(),
        })
    }
}

fn passed_over(entry: &Entry, why: &dyn std::fmt::Display) -> String {
    format!("the snapshot at seqno {} is ignored: {why}", entry.seqno)
}
