//! What a leader does beside leading: it brings the voters to what the record says they should be, one node at a
//! time, and hands over when it is asked to.

use super::coordinator::Revision;
use super::member::{Act, View};
use super::record::{NodeName, Record, Voters};
use ringside_journal::Position;
use std::time::Duration;

/// A voter of two that is away for so long is left out.
const AWAY_MAX: Duration = Duration::from_millis(500);

/// A change of voters that does not come about in this time is given up.
const CHANGE_MAX: Duration = Duration::from_secs(1);

/// A leader's part.
#[derive(Debug)]
pub(super) struct Leading {
    /// The epoch that it leads in.
    pub epoch: u64,
    change: Option<Change>,
    /// Since when the other one of two voters is away.
    away_since: Option<Duration>,
    hands_over: bool,
}

/// Voters that are to count soon. Until then both they and the present ones must have a frame before it is told: nobody
/// knows yet whose promises the next leader will ask for.
#[derive(Debug)]
struct Change {
    voters: Voters,
    /// Whatever was told before the new voters counted ends here: enough of them must have it before the record may
    /// change. Known in the first step after they began to count.
    since: Option<Position>,
    began: Duration,
    /// In the place of which version of the record it was asked for: as long as that is the last one, it may still come
    /// to pass, and there is no way back.
    asked: Option<Revision>,
}

impl Leading {
    pub(super) fn new(epoch: u64) -> Self {
        Leading { epoch, change: None, away_since: None, hands_over: false }
    }

    /// What is to be done, and what the record should become.
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
                        // The same record again is a later version, in the place of which nothing was asked for.
                        return Some(record.clone());
                    }
                    // Whoever was to count has gone again.
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
            let is_ready = |f: &&super::Following| f.node == *to && f.is_near;
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

    /// The voters with the next change that they need.
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
