//! Properties that must always hold, and states that must be possible.

use super::protocol::Cluster;
use super::state::{Role, State};
use stateright::{Expectation, Property};

pub const ONE_HISTORY: &str = "what was told is never told differently";
pub const LEADERS_HAVE_ALL: &str = "a leader has all that was told up to its epoch";
pub const ONE_WRITER: &str = "an epoch is led once";
pub const NO_TOLD_CUT: &str = "a standby keeps what was told";
pub const EQUAL_ENDS: &str = "equal ends mean equal logs";

pub fn always() -> Vec<Property<Cluster>> {
    vec![
        Property::always(ONE_HISTORY, |_, state: &State| !state.lapses.told_twice),
        Property::always(LEADERS_HAVE_ALL, |_, state: &State| leaders_have_all(state)),
        Property::always(ONE_WRITER, |_, state: &State| !state.lapses.led_twice),
        Property::always(NO_TOLD_CUT, |_, state: &State| !state.lapses.cut_told),
        Property::always(EQUAL_ENDS, |_, state: &State| equal_ends(state)),
    ]
}

fn leaders_have_all(state: &State) -> bool {
    state.nodes.iter().all(|node| match &node.role {
        Role::Leading(leading) => {
            state.told.held(&node.log, leading.epoch) == state.told.end(leading.epoch)
        }
        _ => true,
    })
}

fn equal_ends(state: &State) -> bool {
    let logs = state.nodes.map(|node| node.log);
    logs.iter().enumerate().all(|(at, a)| {
        logs[at + 1..].iter().all(|b| {
            let common = a.common(b) as usize;
            a.epochs()[..common] == b.epochs()[..common]
        })
    })
}

const fn sometimes(
    name: &'static str,
    condition: fn(&Cluster, &State) -> bool,
) -> Property<Cluster> {
    Property { expectation: Expectation::Sometimes, name, condition }
}

pub const SECOND_LEADER_TELLS: Property<Cluster> =
    sometimes("a second leader tells", |_, state| state.told.by_two_leaders());

/// The old leader goes on, and what it appends is never told.
pub const TWO_LEADERS: Property<Cluster> = sometimes("two nodes lead", |_, state| {
    state.nodes.iter().filter(|node| matches!(node.role, Role::Leading(_))).count() > 1
});

pub const HANDED_OVER: Property<Cluster> =
    sometimes("a leader that was handed over to tells", |_, state| {
        state.record.handed_over
            && state.nodes.iter().any(|node| match &node.role {
                Role::Leading(leading) => {
                    leading.epoch == state.record.epoch
                        && leading.told > node.log.before(leading.epoch)
                }
                _ => false,
            })
    });

/// The first leader of two tells alone, and the other node has never heard of its epoch.
pub const SHRUNK: Property<Cluster> =
    sometimes("a leader of two goes on without the other", |cluster, state| {
        let nodes = &state.nodes[..cluster.nodes];
        nodes.iter().any(|node| {
            let Role::Leading(leading) = &node.role else { return false };
            leading.voters.count() == 1
                && leading.told > 0
                && node.log.before(leading.epoch) == 0
                && nodes.iter().any(|other| other.promised < leading.epoch)
        })
    });

/// Every node that is a voter by then counts, also the one that was added.
pub const GREW: Property<Cluster> =
    sometimes("a leader with more voters than at the start tells", |cluster, state| {
        state.nodes.iter().any(|node| {
            matches!(&node.role, Role::Leading(leading)
                if leading.voters.count() > cluster.voters.count()
                    && leading.told == node.log.end())
        })
    });

/// The leader could not have told all of its log without the second incarnation of a node.
pub const READMITTED: Property<Cluster> =
    sometimes("a node that was admitted again counts", |_, state| {
        state.nodes.iter().any(|node| {
            let Role::Leading(leading) = &node.role else { return false };
            let mut stored = leading.stored;
            for by_node in &mut stored {
                by_node[1] = 0;
            }
            leading.joint.is_none() && leading.told > leading.voters.stored(&stored, false)
        })
    });
