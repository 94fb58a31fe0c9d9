//! Where a replay begins: at the newest snapshot that fits the journal, or at its first frame. A snapshot
//! that cannot be used is said and passed over for the one before.

use crate::matching_shard::MatchingShard;
use crate::recovery::replay::{Replay, Shape};
use crate::recovery::snapshot::{self, Entry};
use crate::registry::exposure::Exposure;
use crate::registry::standing::Standing;
use crate::registry::used_ids::UsedIds;
use crate::report_order::{ReportOrder, Subscriber};
use crate::streams::StreamsImage;
use ringside_engine::Shard;
use ringside_journal::{Identity, JournalError, Place, Reader};
use ringside_model::command::Command;
use ringside_model::domain::SeqNo;
use ringside_model::durability::Durability;
use ringside_model::frame::{EpochStart, HashProbe};
use std::path::Path;

/// Where a replay begins.
pub struct Start {
    shape: Shape,
    at: Option<Checkpoint>,
    newest_named: SeqNo,
}

/// A venue as a snapshot had it.
pub struct Checkpoint {
    /// Where its journal goes on.
    pub place: Place,
    /// The mode in force there.
    pub durability: Durability,
    /// What defines its instruments, sessions and firms.
    pub definitions: Vec<Command>,
    /// The ids that its sessions have used.
    pub used_ids: UsedIds,
    /// What holds there until it is said otherwise.
    pub standing: Standing,
    /// Where the numbered streams stood.
    pub streams: StreamsImage,
    /// What was open there and had traded on the day.
    pub exposure: Exposure,
    epoch: EpochStart,
    probe: HashProbe,
    shards: Vec<MatchingShard>,
}

impl Start {
    /// At the first frame of a journal.
    pub fn at_first_frame(shape: Shape) -> Start {
        Start { shape, at: None, newest_named: SeqNo(0) }
    }

    /// At the newest snapshot in `dir` that is whole, fits the journal beside it, and is not later than
    /// `until`; at the first frame if there is none. `accepts` has the last word. `say` hears why one was passed
    /// over.
    pub fn at_newest_snapshot(
        dir: &Path,
        identity: Identity,
        shape: Shape,
        until: Option<SeqNo>,
        mut accepts: impl FnMut(&Checkpoint) -> Result<(), String>,
        mut say: impl FnMut(String),
    ) -> Start {
        let listing = snapshot::list(dir, identity);
        let newest_named = listing.entries.first().map_or(SeqNo(0), |newest| newest.seqno);
        listing.damage.into_iter().for_each(&mut say);
        for entry in &listing.entries {
            if until.is_some_and(|until| entry.seqno > until) {
                continue;
            }
            let loaded = Checkpoint::load(entry, identity, shape)
                .and_then(|checkpoint| accepts(&checkpoint).map(|()| checkpoint));
            match loaded {
                Ok(checkpoint) => {
                    let start = Start { shape, at: Some(checkpoint), newest_named };
                    match start.reader(dir, identity) {
                        Ok(_) => return start,
                        Err(error) => say(passed_over(entry, &error)),
                    }
                }
                Err(why) => say(passed_over(entry, &why)),
            }
        }
        Start { newest_named, ..Start::at_first_frame(shape) }
    }

    /// The command of the newest snapshot that the folder names, whether it could be used or not; zero for none.
    pub(crate) fn newest_named(&self) -> SeqNo {
        self.newest_named
    }

    /// The venue as it was there, if a snapshot has it.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.at.as_ref()
    }

    /// A reader of what comes next.
    pub fn reader(&self, dir: &Path, identity: Identity) -> Result<Reader, JournalError> {
        match &self.at {
            None => Reader::open(dir, identity),
            Some(at) => Reader::open_behind(dir, identity, &at.place, Some(at.durability)),
        }
    }

    /// The replay that goes on from here. The subscriber is told the definitions.
    pub fn replay<U: Subscriber>(self, mut subscriber: U) -> Replay<U> {
        let Some(mut at) = self.at else { return Replay::new(self.shape, subscriber) };
        let mut order = ReportOrder::resume(self.shape.shards, &at.probe);
        order.begin_epoch(&at.epoch);
        at.shards.iter_mut().for_each(|shard| shard.begin_epoch(&at.epoch));
        at.definitions.iter().for_each(|command| subscriber.definition(command));
        Replay::resume(at.shards, order, subscriber, at.place.seqno)
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
            standing: snapshot.standing,
            streams: snapshot.streams,
            exposure: restored.exposure,
            shards: (0..).zip(restored.engines).map(shard).collect(),
        })
    }
}

fn passed_over(entry: &Entry, why: &dyn std::fmt::Display) -> String {
    format!("the snapshot at seqno {} is passed over: {why}", entry.seqno)
}
