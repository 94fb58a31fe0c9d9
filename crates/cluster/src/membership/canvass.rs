//! Canvass of the voters: which of them miss the leader, and which of those has the longest log.

use super::message::Last;
use super::record::{NodeName, Voters};
use ringside_planted::{Bug, planted};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Answers of the other voters to a voter that misses the leader.
#[derive(Debug)]
pub(super) struct Canvass {
    began: Duration,
    ask_at: Duration,
    /// Voters that miss the leader, with the ends of their logs.
    misses: BTreeMap<NodeName, Last>,
    /// Voters that hear the leader.
    hears: BTreeSet<NodeName>,
    /// Voters that cannot be reached.
    away: BTreeSet<NodeName>,
}

impl Canvass {
    /// Interval between two requests to the others.
    const AGAIN: Duration = Duration::from_millis(20);
    /// Time after which a missing answer is not waited for.
    const PATIENCE: Duration = Duration::from_millis(50);
    /// Age at which the answers of a canvass are discarded and asked for again.
    const FRESH: Duration = Duration::from_millis(400);

    /// Creates a canvass without answers.
    pub(super) fn new(now: Duration) -> Self {
        Canvass {
            began: now,
            ask_at: now,
            misses: BTreeMap::new(),
            hears: BTreeSet::new(),
            away: BTreeSet::new(),
        }
    }

    /// Returns true if the others are to be asked now.
    pub(super) fn asks(&mut self, now: Duration) -> bool {
        if now - self.began > Self::FRESH {
            *self = Canvass::new(now);
        }
        let asks = now >= self.ask_at;
        if asks {
            self.ask_at = now + Self::AGAIN;
        }
        asks
    }

    /// Notes the answer of a voter.
    pub(super) fn answered(&mut self, node: &NodeName, last: Last, hears_leader: bool) {
        self.away.remove(node);
        if hears_leader {
            self.hears.insert(node.clone());
        } else {
            self.misses.insert(node.clone(), last);
        }
    }

    /// Notes that a voter cannot be reached.
    pub(super) fn unreachable(&mut self, node: &NodeName) {
        self.away.insert(node.clone());
    }

    /// Returns the node that should lead, once so many voters miss the leader that their promises
    /// are enough. Of these voters and `me`, it is the one with the highest end of its log; among
    /// equals, `me` is preferred.
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
