//! Positions up to which the voters have the journal.

use crate::membership::{ConnectedStandby, Incarnation, NodeName, Voters};
use ringside_core::commit_point::CommitPoint;
use ringside_journal::Position;
use ringside_planted::{Bug, planted};
use std::sync::{Arc, Mutex};

/// Positions of all nodes together. The journaler and the threads that serve standbys write them;
/// the replicator reads them.
pub struct Replicas {
    me: NodeName,
    commit_point: Arc<CommitPoint>,
    others: Mutex<Others>,
}

struct Others {
    /// Sets of voters that count: a quorum of each set must have a frame.
    rule: Vec<Voters>,
    held: Vec<StandbyEnd>,
}

/// End of the journal of one connected standby.
struct StandbyEnd {
    connection: u64,
    node: NodeName,
    incarnation: Incarnation,
    end: u64,
}

impl Replicas {
    /// Number of bytes that a standby may lack and still be near.
    const NEAR_BYTES: u64 = 4 << 20;

    /// Creates the positions while no standby is connected. `stored` is the end of this node's
    /// journal, and `segment_bytes` is the length of its segments.
    pub fn new(me: NodeName, voters: Voters, segment_bytes: u64, stored: Position) -> Self {
        let others = Others { rule: vec![], held: vec![] };
        let commit_point = Arc::new(CommitPoint::new(segment_bytes, stored));
        let replicas = Replicas { me, commit_point, others: Mutex::new(others) };
        replicas.set_voters(voters, None);
        replicas
    }

    /// Returns the commit point that follows from the voters. The pipeline of this node waits for
    /// it.
    pub fn commit_point(&self) -> &Arc<CommitPoint> {
        &self.commit_point
    }

    /// Returns the end that a quorum of the voters has at this moment; while voters change, a
    /// quorum of the new voters.
    pub fn agreed(&self) -> Position {
        let stored = self.commit_point.number(self.commit_point.stored());
        let others = self.lock();
        let next = others.rule.last().and_then(|voters| others.agreed_by(voters, &self.me));
        self.commit_point.position(next.unwrap_or(stored).min(stored))
    }

    /// Sets the voters that count from now on. While voters change, a quorum of the second ones is
    /// needed as well.
    pub(crate) fn set_voters(&self, voters: Voters, second: Option<Voters>) {
        let mut others = self.lock();
        others.rule = match second {
            Some(second) if planted(Bug::VotersNotJoint) => vec![second],
            second => std::iter::once(voters).chain(second).collect(),
        };
        self.decide(&others);
    }

    /// Returns the connected standbys.
    pub fn followers(&self) -> Vec<ConnectedStandby> {
        let stored = self.commit_point.number(self.commit_point.stored());
        let others = self.lock();
        let following = |held: &StandbyEnd| ConnectedStandby {
            node: held.node.clone(),
            incarnation: held.incarnation,
            is_near: held.end + Self::NEAR_BYTES >= stored,
        };
        others.held.iter().map(following).collect()
    }

    /// Returns true if a node is connected and has everything before `end`.
    pub fn has_all(&self, node: &NodeName, end: Position) -> bool {
        let end = self.commit_point.number(end);
        self.lock().held.iter().any(|held| held.node == *node && held.end >= end)
    }

    /// Notes that a standby has everything before `end`, as durable as its mode says.
    pub fn has(&self, connection: u64, node: &NodeName, incarnation: Incarnation, end: Position) {
        let end = self.commit_point.number(end);
        let mut others = self.lock();
        match others.held.iter_mut().find(|held| held.connection == connection) {
            Some(held) => held.end = end,
            None => others.comes(StandbyEnd { connection, node: node.clone(), incarnation, end }),
        }
        self.decide(&others);
    }

    /// Notes that a standby is not connected any more. The commit point never falls, but the
    /// standby counts for nothing more.
    pub fn gone(&self, connection: u64) {
        let mut others = self.lock();
        others.held.retain(|held| held.connection != connection);
        self.decide(&others);
    }

    fn decide(&self, others: &Others) {
        match others.agreed(&self.me) {
            None => self.commit_point.needs_nobody(),
            Some(end) => self.commit_point.replicates(end),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Others> {
        self.others.lock().expect("no thread panics with it")
    }
}

impl Others {
    /// Adds a connected standby. A node has one memory: an earlier incarnation of the same node is
    /// gone, even if nobody has noticed the end of its connection yet.
    fn comes(&mut self, new: StandbyEnd) {
        let is_other =
            |held: &StandbyEnd| held.node == new.node && held.incarnation != new.incarnation;
        if self.held.iter().any(|held| is_other(held) && held.connection > new.connection) {
            return;
        }
        self.held.retain(|held| !is_other(held));
        self.held.push(new);
    }

    /// Returns the end that enough of the other nodes have in each set of voters; `None` if no
    /// other node is needed.
    fn agreed(&self, me: &NodeName) -> Option<u64> {
        self.rule.iter().filter_map(|voters| self.agreed_by(voters, me)).min()
    }

    fn agreed_by(&self, voters: &Voters, me: &NodeName) -> Option<u64> {
        let required = voters.write_quorum() - usize::from(voters.get(me).is_some());
        let required = required.saturating_sub(planted(Bug::ToldTooEarly).into());
        let last = required.checked_sub(1)?;
        let others = voters.0.iter().filter(|voter| voter.node != *me);
        let has = |voter: &crate::membership::Voter| {
            let counts =
                |h: &&StandbyEnd| h.node == voter.node && h.incarnation == voter.incarnation;
            self.held.iter().filter(counts).map(|held| held.end).max().unwrap_or(0)
        };
        let mut ends: Vec<u64> = others.map(has).collect();
        ends.sort_unstable_by(|a, b| b.cmp(a));
        Some(ends.get(last).copied().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Incarnation = Incarnation(7);

    fn at(offset: u64) -> Position {
        Position { segment: 1, offset }
    }

    fn voters(names: &str) -> Voters {
        let with =
            |voters: Voters, name: char| voters.with(&name.to_string().as_str().into(), LIFE);
        names.chars().fold(Voters::default(), with)
    }

    fn replicas(names: &str) -> Replicas {
        Replicas::new("a".into(), voters(names), 1 << 20, at(9_999))
    }

    /// Reports `end` for a standby, on a connection with the number of its letter.
    fn has(replicas: &Replicas, node: &str, end: u64) {
        let connection = u64::from(node.as_bytes()[0]);
        replicas.has(connection, &node.into(), LIFE, at(end));
    }

    #[test]
    fn of_a_node_that_has_forgotten_the_last_memory_follows() {
        let replicas = replicas("abc");
        let follows = || replicas.followers().iter().map(|f| f.incarnation.0).collect::<Vec<_>>();
        let has =
            |connection, life| replicas.has(connection, &"b".into(), Incarnation(life), at(1));
        has(1, 7);
        has(2, 8);
        assert_eq!(follows(), [8]);
        // The end of the first connection has not been noticed yet.
        has(1, 7);
        assert_eq!(follows(), [8]);
        has(3, 8);
        assert_eq!(follows(), [8, 8]);
    }

    #[test]
    fn enough_voters_must_have_it_and_what_was_enough_stays_so() {
        let replicas = replicas("abcde");
        has(&replicas, "b", 9_000);
        assert_eq!(replicas.commit_point().replicated(), Position { segment: 0, offset: 0 });
        has(&replicas, "c", 5_000);
        assert_eq!(replicas.commit_point().replicated(), at(5_000));
        has(&replicas, "d", 9_500);
        assert_eq!(replicas.commit_point().replicated(), at(9_000));
        replicas.gone(u64::from(b'd'));
        replicas.gone(u64::from(b'b'));
        has(&replicas, "c", 9_500);
        assert_eq!(
            (replicas.commit_point().replicated(), replicas.agreed().offset),
            (at(9_000), 0)
        );
        has(&replicas, "b", 9_200);
        assert_eq!(replicas.commit_point().replicated(), at(9_200));
    }

    #[test]
    fn a_node_that_is_no_voter_or_has_forgotten_does_not_count() {
        let replicas = replicas("abc");
        has(&replicas, "x", 9_000);
        replicas.has(1, &"b".into(), Incarnation(8), at(9_000));
        assert_eq!(replicas.commit_point().replicated().segment, 0);
        // Two connections of one voter count as one voter.
        let replicas = Replicas::new("a".into(), voters("abcde"), 1 << 20, at(9_999));
        replicas.has(1, &"b".into(), LIFE, at(9_000));
        replicas.has(2, &"b".into(), LIFE, at(9_000));
        assert_eq!(replicas.commit_point().replicated().segment, 0);
    }

    #[test]
    fn alone_a_node_has_what_it_has_stored() {
        let replicas = replicas("a");
        assert_eq!(replicas.commit_point().replicated(), at(9_999));
        replicas.commit_point().stores(at(12_000));
        assert_eq!(
            (replicas.commit_point().replicated(), replicas.agreed()),
            (at(12_000), at(12_000))
        );
    }

    #[test]
    fn while_voters_change_both_sets_must_have_it() {
        let replicas = replicas("abc");
        has(&replicas, "c", 9_000);
        replicas.set_voters(voters("abc"), Some(voters("ab")));
        // The commit point stays, but the position is not agreed any more: b lacks it.
        assert_eq!(
            (replicas.commit_point().replicated(), replicas.agreed().segment),
            (at(9_000), 0)
        );
        has(&replicas, "b", 8_000);
        assert_eq!(replicas.agreed(), at(8_000));
        has(&replicas, "b", 9_500);
        assert_eq!(
            (replicas.commit_point().replicated(), replicas.agreed()),
            (at(9_500), at(9_500))
        );
        // A voter that is to count alone agrees to everything that it has stored.
        replicas.gone(u64::from(b'b'));
        replicas.set_voters(voters("ab"), Some(voters("a")));
        assert_eq!(
            (replicas.commit_point().replicated(), replicas.agreed()),
            (at(9_500), at(9_999))
        );
        replicas.set_voters(voters("a"), None);
        assert_eq!(replicas.agreed(), at(9_999));
    }

    #[test]
    fn a_leader_that_is_no_voter_counts_only_the_others() {
        let replicas = replicas("bcd");
        has(&replicas, "b", 9_000);
        assert_eq!(replicas.commit_point().replicated().segment, 0);
        has(&replicas, "c", 8_000);
        assert_eq!(replicas.commit_point().replicated(), at(8_000));
    }
}
