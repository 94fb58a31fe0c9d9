//! Tasks of a leader beside its log: it brings the voters to those that the record wants, one node
//! at a time, and hands over leadership on request.

use super::coordinator::Revision;
use super::member::{Act, View};
use super::record::{NodeName, Record, Voters};
use ringside_journal::Position;
use std::time::Duration;

/// Time after which an absent voter of two is removed from the voters.
const AWAY_MAX: Duration = Duration::from_millis(500);

/// Time after which an unfinished change of voters is given up.
const CHANGE_MAX: Duration = Duration::from_secs(1);

/// State of a leader.
#[derive(Debug)]
pub(super) struct Leading {
    /// Epoch in which this node leads.
    pub epoch: u64,
    change: Option<Change>,
    /// Time since which the other one of two voters is absent.
    away_since: Option<Duration>,
    hands_over: bool,
}

/// Voters that are to count soon. Until then a frame needs a quorum of these and of the present
/// voters before it is published: nobody knows yet whose promises the next leader will ask for.
#[derive(Debug)]
struct Change {
    voters: Voters,
    /// End of everything that was published before the new voters counted. A quorum of them must
    /// have it before the record may change. Known in the first step after they began to count.
    since: Option<Position>,
    began: Duration,
    /// Version of the record for which the swap was last requested. While that version is the
    /// latest, the swap may still take place, and the change cannot be given up.
    asked: Option<Revision>,
}

impl Leading {
    pub(super) fn new(epoch: u64) -> Self {
        Leading { epoch, change: None, away_since: None, hands_over: false }
    }

    /// Adds the acts that are due, and returns the record to swap to, if any.
    pub(super) fn step(
        &mut self,
        now: Duration,
        me: &NodeName,
        revision: Revision,
        record: &Record,
        view: &View<'_>,
        acts: &mut Vec<Act>,
    ) -> Option<Record> {
        if let Some(change) = &mut self.change {
            if record.voters == change.voters {
                acts.push(Act::Voters(record.voters.clone(), None));
                self.change = None;
            } else {
                let since = *change.since.get_or_insert(view.last.end());
                if view.agreed >= since {
                    change.asked = Some(revision);
                    return Some(record.with_voters(change.voters.clone()));
                }
                if now - change.began > CHANGE_MAX {
                    if change.asked == Some(revision) {
                        // The same record gets a later version, and no swap was requested for that
                        // version.
                        return Some(record.clone());
                    }
                    // A node that was to count has gone again.
                    acts.push(Act::Voters(record.voters.clone(), None));
                    self.change = None;
                }
                return None;
            }
        }
        if let Some(to) = record.handover.as_ref().filter(|_| !self.hands_over) {
            if to == me {
                return Some(Record { handover: None, ..record.clone() });
            }
            let is_ready = |f: &&super::ConnectedStandby| f.node == *to && f.is_near;
            if let Some(follower) = view.followers.iter().find(is_ready)
                && record.voters.counts(to, follower.incarnation)
            {
                self.hands_over = true;
                acts.push(Act::HandOver(to.clone()));
                return None;
            }
        }
        if let Some(voters) = self.wanted(now, me, record, view) {
            acts.push(Act::Voters(record.voters.clone(), Some(voters.clone())));
            self.change = Some(Change { voters, since: None, began: now, asked: None });
        }
        None
    }

    /// Returns the voters after the next change that is needed; `None` if none is due.
    fn wanted(
        &mut self,
        now: Duration,
        me: &NodeName,
        record: &Record,
        view: &View<'_>,
    ) -> Option<Voters> {
        let voters = &record.voters;
        let is_wanted = |node: &NodeName| record.address(node).is_some();
        let comes = view
            .followers
            .iter()
            .find(|f| f.is_near && is_wanted(&f.node) && !voters.counts(&f.node, f.incarnation));
        if let Some(follower) = comes {
            return Some(voters.with(&follower.node, follower.incarnation));
        }
        let others = || voters.0.iter().filter(|voter| voter.node != *me);
        if let Some(leaves) = others().find(|voter| !is_wanted(&voter.node)) {
            return Some(voters.without(&leaves.node));
        }
        let is_here = |node: &NodeName| view.followers.iter().any(|f| f.node == *node);
        let away = others().find(|voter| !is_here(&voter.node)).filter(|_| voters.0.len() == 2);
        let Some(away) = away else {
            self.away_since = None;
            return None;
        };
        let since = *self.away_since.get_or_insert(now);
        (now - since >= AWAY_MAX).then(|| voters.without(&away.node))
    }
}
