//! Whether others miss the leader, too, and who of them has the most.

use super::message::Last;
use super::record::{NodeName, Voters};
use ringside_planted::{Bug, planted};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a voter that misses the leader has heard of the others.
#[derive(Debug)]
pub(super) struct Poll {
    began: Duration,
    ask_at: Duration,
    /// Who misses the leader, and how far its log goes.
    misses: BTreeMap<NodeName, Last>,
    /// Who hears the leader.
    hears: BTreeSet<NodeName>,
    /// Who cannot be reached.
    away: BTreeSet<NodeName>,
}

impl Poll {
    /// Others are asked again after this time.
    const AGAIN: Duration = Duration::from_millis(20);
    /// Who has not answered after this time is not waited for.
    const PATIENCE: Duration = Duration::from_millis(50);
    /// What was heard longer ago than this is asked again.
    const FRESH: Duration = Duration::from_millis(400);

    /// A poll of which nothing has been heard.
    pub(super) fn new(now: Duration) -> Self {
        Poll {
            began: now,
            ask_at: now,
            misses: BTreeMap::new(),
            hears: BTreeSet::new(),
            away: BTreeSet::new(),
        }
    }

    /// Whether the others are to be asked now.
    pub(super) fn asks(&mut self, now: Duration) -> bool {
        if now - self.began > Self::FRESH {
            *self = Poll::new(now);
        }
        let asks = now >= self.ask_at;
        if asks {
            self.ask_at = now + Self::AGAIN;
        }
        asks
    }

    /// A voter has answered.
    pub(super) fn answered(&mut self, node: &NodeName, last: Last, hears_leader: bool) {
        self.away.remove(node);
        if hears_leader {
            self.hears.insert(node.clone());
        } else {
            self.misses.insert(node.clone(), last);
        }
    }

    /// A voter cannot be reached.
    pub(super) fn unreachable(&mut self, node: &NodeName) {
        self.away.insert(node.clone());
    }

    /// Who should lead, once enough voters miss the leader that they could promise: who has the most of these and of
    /// `me`, who is preferred among equals.
    pub(super) fn choice(
        &self,
        now: Duration,
        voters: &Voters,
        me: &NodeName,
        last: Last,
    ) -> Option<NodeName> {
        let misses =
            || self.misses.iter().filter(|(node, _)| *node != me && !self.hears.contains(*node));
        let others = voters.0.iter().filter(|voter| voter.node != *me);
        let is_known = |node| {
            self.misses.contains_key(node) || self.hears.contains(node) || self.away.contains(node)
        };
        let all_known = others.map(|voter| &voter.node).all(is_known);
        let enough = 1 + misses().count() >= voters.promise_quorum();
        if !enough || !(all_known || now - self.began >= Self::PATIENCE) {
            return None;
        }
        let best = misses()
            .max_by_key(|(_, last)| **last)
            .filter(|(_, theirs)| **theirs > last && !planted(Bug::BestNotChosen));
        Some(best.map_or(me, |(node, _)| node).clone())
    }
}
