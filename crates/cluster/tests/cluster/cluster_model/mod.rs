//! Model of the protocol of a cluster: every interleaving at a small scope. It covers the election
//! of leaders, the fencing of old ones, the changes of voters, and that nothing told is lost. It is
//! a model of the protocol and not of the code.
//!
//! # For a reader who knows Raft
//!
//! Terms are *epochs*, and etcd gives them out: a node that swaps the *record* { epoch, leader,
//! voters } from its last revision names the leader of the next epoch. Being named is not being
//! elected. The named node *gathers* binding promises of r = n - w + 1 voters, and finds out
//! whether one of them has more than it has. Only then it *leads*: it appends an epoch start, sends
//! its log, and *tells* (commits) what w = n/2 + 1 voters have stored, its epoch start included.
//! Voters are not in the log but in the record, and only the leader of the record's epoch swaps
//! them, one at a time. A voter is a node in one *incarnation*: a node that lost its memory counts
//! as a new one, which neither promises nor counts until it is admitted again.
//!
//! # Steps of the model
//!
//! * A swap reads and writes at once: it succeeds only if nothing came between. A swap that its
//!   sender gave up is modeled where somebody depends on the outcome, which is with the voters. The
//!   request stays in flight (`State::request`) until it is applied or the record has moved on,
//!   whatever becomes of the leader.
//! * Any voter may name any voter at any time. The choice by polls, timers and the best `last` is
//!   one of these; safety must not depend on it.
//! * A node that is named notices it at any later time, or never. It acts on the record that it
//!   reads at that moment. Had it acted on an older record, it would have done so without having
//!   heard of anything newer, and the newer things can as well come after.
//! * A promise is asked for and given at once. A late answer is the same as a gatherer that uses it
//!   late. Asking again changes nothing.
//! * A frame is sent, stored and acknowledged at once, one at a time, any number of times or never.
//!   A late frame would be refused if its receiver had promised another epoch, and is the same as
//!   an early one if it had not. A late acknowledgement is the same as a leader that tells late. A
//!   leader keeps what each incarnation has acknowledged, even if that incarnation has lost it
//!   since.
//! * The leader's own log counts once the leader has stored it, which may be after it was sent. A
//!   crash of a leader loses what it has not stored; a crash of any other node loses nothing. A
//!   crash and an order to stand by are one step.
//! * A loss of memory keeps any beginning of the log, and loses the promise, too: with less
//!   promised, more is possible.
//!
//! Left out are: the content of a frame (its epoch and position identify it, as long as one node
//! writes in an epoch, and that is checked); voters that nobody has claimed (they are nodes that
//! did nothing yet); the nodes that an operator wants (any change can be wanted at any time); the
//! handover mark (the leader hands over at any time).
//!
//! The scope is in the constants below. The model proves nothing beyond it; but each planted
//! mistake (`Mistake`) is found within it.

pub mod possible;
pub mod properties;
pub mod protocol;
pub mod state;
pub mod steps;
pub mod symmetry;

use properties::{
    EQUAL_ENDS, GREW, HANDED_OVER, LEADERS_HAVE_ALL, ONE_WRITER, READMITTED, SECOND_LEADER_TELLS,
    SHRUNK, TWO_LEADERS,
};
use protocol::{Cluster, Membership, Mistake};
use state::Voters;
use stateright::{Checker, HasDiscoveries, Model};
use symmetry::representative;

/// Cluster whose nodes fail only by being late, by crashing, and by going on where they should have
/// stopped.
const THREE: Cluster = Cluster {
    nodes: 3,
    voters: Voters([1, 1, 1]),
    epoch_max: 4,
    log_max: 3,
    losses_max: 0,
    membership: Membership::Fixed,
    hands_over: true,
    sometimes: &[SECOND_LEADER_TELLS, TWO_LEADERS, HANDED_OVER],
    mistake: None,
};

/// Cluster in which a voter loses its memory and comes back.
const THREE_READMIT: Cluster = Cluster {
    epoch_max: 3,
    log_max: 2,
    losses_max: 1,
    membership: Membership::Readmits,
    hands_over: false,
    sometimes: &[SECOND_LEADER_TELLS, READMITTED],
    ..THREE
};

/// Same cluster with any change of the voters, which leaves no room for a third epoch.
const THREE_CHANGE: Cluster = Cluster {
    epoch_max: 2,
    membership: Membership::Changes,
    sometimes: &[SECOND_LEADER_TELLS, READMITTED, TWO_LEADERS],
    ..THREE_READMIT
};

/// Two voters and a node that can be added.
const TWO_OF_THREE: Cluster = Cluster {
    voters: Voters([1, 1, 0]),
    epoch_max: 3,
    losses_max: 0,
    sometimes: &[SECOND_LEADER_TELLS, TWO_LEADERS, SHRUNK, GREW],
    ..THREE_CHANGE
};

/// Two voters that shrink to one and grow again.
const TWO: Cluster = Cluster {
    nodes: 2,
    log_max: 3,
    sometimes: &[SECOND_LEADER_TELLS, TWO_LEADERS, SHRUNK],
    ..TWO_OF_THREE
};

/// Same two voters, and each may lose its memory once.
const TWO_READMIT: Cluster = Cluster {
    losses_max: 2,
    sometimes: &[SECOND_LEADER_TELLS, TWO_LEADERS, SHRUNK, READMITTED],
    ..TWO
};

/// One voter that grows to two.
const ONE: Cluster =
    Cluster { voters: Voters([1, 0, 0]), sometimes: &[SECOND_LEADER_TELLS, GREW], ..TWO };

#[test]
fn three_voters() {
    exhaust(THREE, 800_000);
}

#[test]
fn three_voters_of_which_one_is_admitted_again() {
    exhaust(THREE_READMIT, 400_000);
}

#[test]
fn three_voters_that_change() {
    exhaust(THREE_CHANGE, 1_000_000);
}

#[test]
fn two_voters_and_a_third_node() {
    exhaust(TWO_OF_THREE, 900_000);
}

#[test]
fn two_voters() {
    exhaust(TWO, 140_000);
}

#[test]
fn two_voters_that_lose_their_memory() {
    exhaust(TWO_READMIT, 700_000);
}

#[test]
fn one_voter_that_grows() {
    exhaust(ONE, 90_000);
}

#[test]
#[ignore = "takes minutes"]
fn larger_scopes() {
    exhaust(Cluster { epoch_max: 3, ..THREE_CHANGE }, 9_000_000);
    exhaust(Cluster { log_max: 3, ..THREE_READMIT }, 6_000_000);
    exhaust(Cluster { epoch_max: 4, losses_max: 1, ..TWO_READMIT }, 3_000_000);
}

#[test]
fn mistakes_of_who_leads_are_found() {
    let four_epochs = Cluster { log_max: 2, hands_over: false, ..THREE };
    find(Mistake::CutsToCommitMark, four_epochs, LEADERS_HAVE_ALL);
    find(Mistake::PromiseNotStored, four_epochs, LEADERS_HAVE_ALL);
    find(Mistake::TellsOlderFrames, four_epochs, LEADERS_HAVE_ALL);
    find(Mistake::TellsTooEarly, four_epochs, LEADERS_HAVE_ALL);
    find(Mistake::LeadsBehind, four_epochs, LEADERS_HAVE_ALL);
    find(Mistake::GathersOn, four_epochs, LEADERS_HAVE_ALL);
    find(Mistake::GathersTooFew, four_epochs, LEADERS_HAVE_ALL);
    find(Mistake::GathersAgain, four_epochs, ONE_WRITER);
}

#[test]
fn mistakes_of_who_is_a_voter_are_found() {
    find(Mistake::TrustsOldRead, ONE, LEADERS_HAVE_ALL);
    find(Mistake::SwapsTooEarly, ONE, LEADERS_HAVE_ALL);
    find(Mistake::OldVotersDecide, ONE, LEADERS_HAVE_ALL);
    find(Mistake::OldIncarnationPromises, THREE_READMIT, LEADERS_HAVE_ALL);
    find(Mistake::OldIncarnationCounts, THREE_READMIT, LEADERS_HAVE_ALL);
    let with_witness =
        Cluster { log_max: 3, losses_max: 1, membership: Membership::Fixed, ..TWO_OF_THREE };
    find(Mistake::NonVoterGathers, with_witness, EQUAL_ENDS);
}

/// A voter that is gone never stores the leader's log, so nothing may wait for it.
#[test]
fn who_waits_for_the_old_voters_cannot_shrink() {
    let waits = Cluster { mistake: Some(Mistake::WaitsForOldVoters), sometimes: &[SHRUNK], ..TWO };
    let checker = waits.checker().spawn_dfs().join();
    checker.assert_no_discovery(SHRUNK.name);
    assert!(checker.unique_state_count() > 50_000, "{} states", checker.unique_state_count());
}

/// Explores every state. There must be more than `floor`: fewer would mean that the model can do
/// less than was thought.
fn exhaust(cluster: Cluster, floor: usize) {
    let checker = cluster.checker().symmetry_fn(representative).spawn_dfs().join();
    assert!(checker.is_done());
    checker.assert_properties();
    assert!(checker.unique_state_count() > floor, "{} states", checker.unique_state_count());
}

/// Explores the shortest paths until one breaks the property.
fn find(mistake: Mistake, cluster: Cluster, property: &'static str) {
    let cluster = Cluster { mistake: Some(mistake), ..cluster };
    let found = HasDiscoveries::AnyOf([property].into());
    let checker = cluster.checker().finish_when(found).spawn_bfs().join();
    assert!(checker.discovery(property).is_some(), "{mistake:?} is not found");
}
